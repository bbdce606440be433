//! What the configuration wants Azure to keep.

use std::collections::BTreeMap;
use std::fmt;

use azure_cost::Budget as AzureBudget;
use budget_engine::Scope;
use serde::Serialize;

/// Which of Azure's two budget APIs keeps a budget.
///
/// Both list the same cost budgets as far as we know; budgets on the use of reservations and those
/// of partners' customers are Cost Management's.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// Microsoft.Consumption.
    Consumption,
    /// Microsoft.CostManagement.
    CostManagement,
}

impl Provider {
    /// Both.
    pub const ALL: [Provider; 2] = [Provider::Consumption, Provider::CostManagement];

    /// The word in configuration and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Provider::Consumption => "consumption",
            Provider::CostManagement => "cost-management",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A budget that Azure should have.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// Where.
    pub scope: Scope,
    /// At which API.
    pub provider: Provider,
    /// What to write. A notification without a locale takes whichever Azure has, and an end that is
    /// not set is Azure's own: ten years after the start.
    pub budget: AzureBudget,
    /// Id of the budget in the configuration that it follows; `None` if the configuration describes
    /// Azure's budget itself.
    pub of: Option<String>,
    /// Where the amount comes from, for people: `planned for 2026-11`.
    pub amount_reason: String,
    /// Where each notification comes from, by its key: `threshold eighty`.
    pub notification_reasons: BTreeMap<String, String>,
}

/// Who is told by Azure, and how it compares.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contacts {
    /// Mail addresses.
    pub emails: Vec<String>,
    /// Names of roles, such as `Owner`; at subscriptions and resource groups only.
    pub roles: Vec<String>,
    /// Ids of action groups; at subscriptions and resource groups only.
    pub groups: Vec<String>,
    /// Language of the mails, for example `de-de`; Azure's choice if not set.
    pub locale: Option<String>,
    /// How spend compares with the threshold.
    pub operator: Operator,
}

/// How spend compares with a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operator {
    /// Reached or passed, as thresholds of this project compare.
    #[default]
    GreaterThanOrEqualTo,
    /// Passed.
    GreaterThan,
    /// Exactly reached; an old operator that Azure still lists.
    EqualTo,
    /// Below: for the use of reservations.
    LessThan,
}

impl Operator {
    /// All.
    pub const ALL: [Operator; 4] = [
        Operator::GreaterThanOrEqualTo,
        Operator::GreaterThan,
        Operator::EqualTo,
        Operator::LessThan,
    ];

    /// Azure's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Operator::GreaterThanOrEqualTo => "GreaterThanOrEqualTo",
            Operator::GreaterThan => "GreaterThan",
            Operator::EqualTo => "EqualTo",
            Operator::LessThan => "LessThan",
        }
    }

    /// The operator of Azure's word, in any letter case.
    pub fn of(word: &str) -> Option<Operator> {
        Operator::ALL
            .into_iter()
            .find(|operator| operator.as_str().eq_ignore_ascii_case(word.trim()))
    }
}

/// How one budget of the configuration is kept in Azure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// At which API.
    pub provider: Provider,
    /// Name in Azure; made from the budget's id if not set.
    pub name: Option<String>,
    /// Scope above several scopes of the budget, which are then told apart by a filter.
    pub scope: Option<Scope>,
    /// Whom Azure tells, by the id of the threshold. Thresholds that are not here are not told by
    /// Azure.
    pub thresholds: BTreeMap<String, Contacts>,
}

/// The languages that Azure writes mails in.
pub const LOCALES: [&str; 21] = [
    "en-us", "ja-jp", "zh-cn", "de-de", "es-es", "fr-fr", "it-it", "ko-kr", "pt-br", "ru-ru",
    "zh-tw", "cs-cz", "pl-pl", "tr-tr", "da-dk", "en-gb", "hu-hu", "nb-no", "nl-nl", "pt-pt",
    "sv-se",
];

/// Whether Azure takes a text as the name of a budget: 1 to 63 letters, digits, `-` and `_`.
pub fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=63).contains(&text.len()) && text.chars().all(fits)
}

/// Whether a text is the id of an action group, in any letter case.
pub fn is_action_group(text: &str) -> bool {
    let folded = text.to_ascii_lowercase();
    folded.starts_with("/subscriptions/")
        && folded.contains("/providers/microsoft.insights/actiongroups/")
}
