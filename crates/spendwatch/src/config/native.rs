//! Which of Azure's own budgets are kept, and whom they tell.

use std::collections::BTreeMap;

use budget_engine::{Budget, Budgets, Scope};
use native_budgets::{AnomalyRule, Desired, Names, Settings, native_scope};
use rust_decimal::Decimal;
use url::Url;

use super::Connection;

/// How Azure's own budgets are kept in step: `[native]`, `native` in budgets, `[[native_budget]]`.
#[derive(Debug, Clone, Default)]
pub struct Native {
    /// Where and as whom to read and write them. If not set, as the first source that reads Azure's
    /// APIs.
    pub connection: Option<Connection>,
    /// Name of the configuration, where several share one state: what another one created is not
    /// this one's.
    pub owner: Option<String>,
    /// Whether the function app may write. The command line may always, after asking.
    pub apply_from_app: bool,
    /// Whether Azure's own alerts are dismissed when ours at the same amount is acknowledged.
    pub dismiss_acknowledged: bool,
    /// How each budget is kept, by its id. A budget that is not here is not kept in Azure.
    pub settings: BTreeMap<String, Settings>,
    /// Azure's budgets that the configuration describes as they are.
    pub budgets: Vec<Desired>,
    /// Channels that hear of an alert of such a budget, by its scope and its name in lower case. The
    /// fallback hears of the others.
    pub notify: BTreeMap<(Scope, String), Vec<String>>,
    /// Whose tokens the hook for Azure's alerts asks for, besides the function key; `None` for nobody's.
    pub hook: Option<Hook>,
    /// How far Azure's figures may be from ours.
    pub tolerance: Tolerance,
    /// Azure's rules about unusual costs.
    pub anomaly_alerts: Vec<AnomalyRule>,
}

impl Native {
    /// The names that Azure's budgets have.
    pub fn names(&self) -> Names {
        Names::new(&self.settings, &self.budgets)
    }

    /// The scope that Azure's budget for one of ours is made at; `None` if Azure does not keep it, or
    /// cannot.
    pub fn scope_of(&self, budgets: &Budgets, budget: &Budget) -> Option<Scope> {
        let settings = self.settings.get(&budget.id)?;
        native_scope(budgets, budget, settings)
    }
}

/// Which tokens of Microsoft Entra ID the hook for Azure's alerts takes: those that a secure
/// webhook of an action group sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Directory (tenant) id that issues them.
    pub tenant: String,
    /// Application that they are for: its client id, or its URI `api://…`.
    pub audience: String,
    /// The application role that they have to name.
    pub role: String,
    /// Client ids of the applications that may call.
    pub callers: Vec<String>,
    /// Where the tenant's keys are published: the sign-in address of the cloud.
    pub authority: Url,
}

/// How far Azure's figures may be from ours before somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tolerance {
    /// In percent of our figure.
    pub percent: Decimal,
    /// A gap that is no larger never counts; in the budget's currency.
    pub amount: Decimal,
}

impl Default for Tolerance {
    /// 5 percent, and 10 units of currency.
    fn default() -> Self {
        Tolerance {
            percent: Decimal::from(5),
            amount: Decimal::from(10),
        }
    }
}
