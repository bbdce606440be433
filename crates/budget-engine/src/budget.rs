//! Budgets: what was planned, for which costs, and when somebody is to be told.

#![deny(clippy::float_arithmetic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::charge::{ChargeCategory, CostBasis};
use crate::filter::{Dimension, Filter, Projection};
use crate::money::Currency;
use crate::period::{Calendar, Period, plus_days};
use crate::scope::Scope;

/// One budget: a planned amount per period for the costs of some scopes.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// Stable id, unique in the configuration: letters, digits, `-`, `_`, `.`.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The costs it counts. Empty for a parent that counts the costs of its children.
    pub scopes: Vec<Scope>,
    /// Narrows the scopes down.
    pub filter: Option<Filter>,
    /// Charge categories that do not count.
    pub exclude: BTreeSet<ChargeCategory>,
    /// Which cost counts.
    pub cost_basis: CostBasis,
    /// Currency of the planned amounts; costs in another one are an error.
    pub currency: Currency,
    /// How the periods lie.
    pub calendar: Calendar,
    /// First day on which the budget counts anything; earlier costs are history.
    pub starts: Option<Date>,
    /// Last day of the budget, after which it is no longer evaluated.
    pub ends: Option<Date>,
    /// The plan.
    pub planned: Planned,
    /// Id of the budget this one is a part of.
    pub parent: Option<String>,
    /// When somebody is to be told.
    pub thresholds: Vec<Threshold>,
    /// Cost owners: addresses, or `tag:<name>` for the tag that names them.
    pub owners: Vec<String>,
    /// How far, in percent of a level, restated data or a new forecast must be below it before a
    /// crossing is taken back: 0 to 50. Without it a credit near the level would tell back and forth.
    pub margin: Decimal,
}

impl Budget {
    /// The margin of budgets that set none: two percent.
    pub const MARGIN: Decimal = Decimal::TWO;

    /// The days of a period that the budget counts: those between its first and its last day. `None`
    /// when it counts none.
    pub fn counted(&self, period: &Period) -> Option<Period> {
        let start = self
            .starts
            .map_or(period.start(), |starts| starts.max(period.start()));
        let end = self
            .ends
            .map_or(period.end(), |ends| plus_days(ends, 1).min(period.end()));
        Period::new(start, end)
    }
}

/// The plan of a budget, in the budget's currency.
#[derive(Debug, Clone, PartialEq)]
pub enum Planned {
    /// The same amount in every period.
    Flat(Decimal),
    /// An amount for each period, by the period's first day.
    PerPeriod(BTreeMap<Date, Decimal>),
    /// From what was spent before.
    History {
        /// How the earlier periods become one amount.
        statistic: Statistic,
        /// How many complete periods to look at, at least 1.
        periods: u32,
        /// Percent to add; may be negative.
        plus_percent: Decimal,
    },
}

/// How several periods become one amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistic {
    /// The middle one; the mean of the two middle ones for an even number.
    Median,
    /// The mean.
    Mean,
    /// The largest.
    Max,
}

/// One line of a budget: when somebody is to be told, and who.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// Stable id, unique in the budget. It names the alert, so it must survive a changed amount.
    pub id: String,
    /// The condition.
    pub when: When,
    /// For `forecast`: how likely, in percent, the crossing must be before it is told.
    pub probability: Decimal,
    /// How urgent the notice is.
    pub severity: Severity,
    /// Names of the destinations.
    pub notify: Vec<String>,
    /// What happens while nobody acknowledges the alert.
    pub follow_up: FollowUp,
}

/// What happens while nobody acknowledges an alert.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FollowUp {
    /// Hours after which whoever was told is reminded, again and again; never if not set.
    pub remind_every_hours: Option<u32>,
    /// Hours after which others are told, once; never if not set.
    pub escalate_after_hours: Option<u32>,
    /// Names of the destinations that are told then.
    pub escalate_to: Vec<String>,
}

/// How urgent a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look.
    Warning,
    /// Somebody must act.
    Critical,
}

impl Severity {
    /// All, mildest first.
    pub const ALL: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Critical];

    /// The word used in configuration and payloads.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The condition of a threshold, written like `actual 80%`.
///
/// ```
/// use budget_engine::When;
/// for text in [
///     "actual 80%", "actual 8000", "actual every 5000", "forecast 100%", "pace 120%",
///     "anomaly 500", "anomaly drop 5%", "stale 3 days",
/// ] {
///     assert_eq!(text.parse::<When>().unwrap().to_string(), text);
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Spend to date reaches the level.
    Actual(Level),
    /// The forecast for the period's end reaches the level.
    Forecast(Level),
    /// Spend to date reaches this percent of what the plan expects by today.
    Pace(Decimal),
    /// Unusual days that belong together cost so much more, or less, than was expected of them. The
    /// level has no steps.
    Anomaly(Side, Level),
    /// Cost data are older than this many days.
    Stale(u32),
}

/// To which side of what is expected a cost lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// More than expected.
    Rise,
    /// Less than expected.
    Drop,
}

/// How much money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Percent of the planned amount.
    Percent(Decimal),
    /// An amount in the budget's currency.
    Amount(Decimal),
    /// Each further step of this amount.
    EveryAmount(Decimal),
    /// Each further step of this percent of the planned amount.
    EveryPercent(Decimal),
}

/// Which question a threshold asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThresholdKind {
    /// About the age of the data.
    Stale,
    /// About unusual costs.
    Anomaly,
    /// About the rate of spending.
    Pace,
    /// About the expected period end.
    Forecast,
    /// About spend to date.
    Actual,
}

impl ThresholdKind {
    /// All, in the order of the documentation.
    pub const ALL: [ThresholdKind; 5] = [
        ThresholdKind::Actual,
        ThresholdKind::Forecast,
        ThresholdKind::Pace,
        ThresholdKind::Anomaly,
        ThresholdKind::Stale,
    ];

    /// The word used in configuration and payloads.
    pub fn as_str(self) -> &'static str {
        match self {
            ThresholdKind::Stale => "stale",
            ThresholdKind::Anomaly => "anomaly",
            ThresholdKind::Pace => "pace",
            ThresholdKind::Forecast => "forecast",
            ThresholdKind::Actual => "actual",
        }
    }
}

impl fmt::Display for ThresholdKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl When {
    /// Which question it asks.
    pub fn kind(&self) -> ThresholdKind {
        match self {
            When::Actual(_) => ThresholdKind::Actual,
            When::Forecast(_) => ThresholdKind::Forecast,
            When::Pace(_) => ThresholdKind::Pace,
            When::Anomaly(..) => ThresholdKind::Anomaly,
            When::Stale(_) => ThresholdKind::Stale,
        }
    }

    /// An id made of the words: `actual-80pct`, `actual-every-5000`, `anomaly-drop-500`, `stale-3-days`.
    pub fn default_id(&self) -> String {
        self.to_string().replace('%', "pct").replace(' ', "-")
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Level::Percent(percent) => write!(f, "{}%", percent.normalize()),
            Level::Amount(amount) => write!(f, "{}", amount.normalize()),
            Level::EveryAmount(step) => write!(f, "every {}", step.normalize()),
            Level::EveryPercent(step) => write!(f, "every {}%", step.normalize()),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            When::Actual(level) => write!(f, "actual {level}"),
            When::Forecast(level) => write!(f, "forecast {level}"),
            When::Pace(percent) => write!(f, "pace {}%", percent.normalize()),
            When::Anomaly(Side::Rise, level) => write!(f, "anomaly {level}"),
            When::Anomaly(Side::Drop, level) => write!(f, "anomaly drop {level}"),
            When::Stale(days) => write!(f, "stale {days} days"),
        }
    }
}

/// Why a text is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not a threshold: {problem}; write for example `actual 80%`, `actual 8000`, \
     `actual every 5000`, `forecast 100%`, `pace 120%`, `anomaly 500`, `anomaly drop 5%` or \
     `stale 3 days`"
)]
pub struct WhenError {
    given: String,
    problem: &'static str,
}

impl FromStr for When {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Self, WhenError> {
        let fail = |problem| WhenError {
            given: text.chars().take(60).collect(),
            problem,
        };
        // People write `80 %` as well as `80%`.
        let joined = text.trim().to_lowercase().replace(" %", "%");
        let words: Vec<&str> = joined.split_whitespace().collect();
        let number = |word: &str| -> Result<Decimal, WhenError> {
            // A comma may stand for a point or for thousands: it is never guessed at.
            if !word
                .chars()
                .all(|c| c.is_ascii_digit() || c == '.' || c == '_')
            {
                return Err(fail("the number is not written like 5000, 5_000 or 80.5"));
            }
            let plain = word.replace('_', "");
            let value: Decimal = plain
                .parse()
                .map_err(|_| fail("the number is not a number"))?;
            if value <= Decimal::ZERO {
                return Err(fail("the number must be greater than zero"));
            }
            if value > LARGEST_AMOUNT {
                return Err(fail("the number is larger than any budget"));
            }
            Ok(value)
        };
        let level = |words: &[&str]| -> Result<Level, WhenError> {
            match words {
                ["every", step] => Ok(match step.strip_suffix('%') {
                    Some(percent) => Level::EveryPercent(number(percent)?),
                    None => Level::EveryAmount(number(step)?),
                }),
                [level] => Ok(match level.strip_suffix('%') {
                    Some(percent) => Level::Percent(number(percent)?),
                    None => Level::Amount(number(level)?),
                }),
                _ => Err(fail("it needs a kind and one level")),
            }
        };
        match words.as_slice() {
            ["actual", rest @ ..] => Ok(When::Actual(level(rest)?)),
            ["forecast", rest @ ..] => Ok(When::Forecast(level(rest)?)),
            ["pace", percent] => match percent.strip_suffix('%') {
                Some(percent) => Ok(When::Pace(number(percent)?)),
                None => Err(fail("a pace is a percentage")),
            },
            ["anomaly", rest @ ..] => {
                let (side, words) = match rest {
                    ["drop", words @ ..] => (Side::Drop, words),
                    words => (Side::Rise, words),
                };
                match level(words)? {
                    Level::EveryAmount(_) | Level::EveryPercent(_) => {
                        Err(fail("an anomaly has one level, without steps"))
                    }
                    level => Ok(When::Anomaly(side, level)),
                }
            }
            ["stale", days, "day" | "days"] => {
                let days = days.parse().ok().filter(|days| (1..=365).contains(days));
                Ok(When::Stale(days.ok_or_else(|| {
                    fail("the days must be a number from 1 to 365")
                })?))
            }
            _ => Err(fail(
                "it must begin with actual, forecast, pace, anomaly or stale",
            )),
        }
    }
}

/// The largest planned amount or level that is accepted: a quadrillion, in any currency. It leaves
/// room to multiply by percentages.
pub const LARGEST_AMOUNT: Decimal = Decimal::from_parts(2_764_472_320, 232_830, 0, false, 0);

/// The costs a budget counts: one of several, each a set of scopes with conditions.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector<'a> {
    /// Any of these scopes.
    pub scopes: &'a [Scope],
    /// And this condition.
    pub filter: Option<&'a Filter>,
    /// But none of these categories.
    pub exclude: &'a BTreeSet<ChargeCategory>,
}

/// All budgets of a configuration, with their hierarchy.
#[derive(Debug, Clone, Default)]
pub struct Budgets {
    budgets: Vec<Budget>,
}

/// What is wrong with a set of budgets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BudgetsError {
    /// Two budgets share an id.
    #[error("two budgets have the id `{0}`")]
    DuplicateId(String),
    /// A parent is named that is not there.
    #[error("budget `{budget}` names the parent `{parent}`, which does not exist")]
    UnknownParent {
        /// The child.
        budget: String,
        /// The missing parent.
        parent: String,
    },
    /// A budget is its own ancestor.
    #[error("budget `{0}` is its own ancestor")]
    Cycle(String),
    /// Neither scopes nor children.
    #[error("budget `{0}` has no scopes and no children, so it would count nothing")]
    CountsNothing(String),
    /// A parent without scopes counts what its children count, as they count it.
    #[error(
        "budget `{0}` has no scopes, so its own `filter` and `exclude` would be ignored: put them \
         into its children, or give it scopes"
    )]
    ConditionWithoutScopes(String),
    /// A parent without scopes cannot add up children in another currency.
    #[error(
        "budget `{child}` is in another currency than its parent `{parent}`, which counts its costs"
    )]
    MixedCurrencies {
        /// The child.
        child: String,
        /// Its parent.
        parent: String,
    },
}

impl Budgets {
    /// Checks the hierarchy and keeps the budgets in their order. All problems are returned.
    pub fn new(budgets: Vec<Budget>) -> Result<Self, Vec<BudgetsError>> {
        let mut problems = Vec::new();
        let mut by_id: BTreeMap<&str, &Budget> = BTreeMap::new();
        for budget in &budgets {
            if by_id.insert(&budget.id, budget).is_some() {
                problems.push(BudgetsError::DuplicateId(budget.id.clone()));
            }
        }
        for budget in &budgets {
            let Some(parent) = &budget.parent else {
                continue;
            };
            match by_id.get(parent.as_str()) {
                None => problems.push(BudgetsError::UnknownParent {
                    budget: budget.id.clone(),
                    parent: parent.clone(),
                }),
                Some(above) if above.scopes.is_empty() && above.currency != budget.currency => {
                    problems.push(BudgetsError::MixedCurrencies {
                        child: budget.id.clone(),
                        parent: parent.clone(),
                    });
                }
                Some(_) => {}
            }
            let mut above = Some(parent.as_str());
            for _ in 0..=budgets.len() {
                if above == Some(&budget.id) {
                    problems.push(BudgetsError::Cycle(budget.id.clone()));
                    break;
                }
                above = above
                    .and_then(|id| by_id.get(id))
                    .and_then(|next| next.parent.as_deref());
            }
        }
        let is_parent: BTreeSet<&str> = budgets
            .iter()
            .filter_map(|budget| budget.parent.as_deref())
            .collect();
        for budget in &budgets {
            if budget.scopes.is_empty() && !is_parent.contains(budget.id.as_str()) {
                problems.push(BudgetsError::CountsNothing(budget.id.clone()));
            }
            if budget.scopes.is_empty() && (budget.filter.is_some() || !budget.exclude.is_empty()) {
                problems.push(BudgetsError::ConditionWithoutScopes(budget.id.clone()));
            }
        }
        if problems.is_empty() {
            Ok(Budgets { budgets })
        } else {
            Err(problems)
        }
    }

    /// All budgets, in the order of the configuration.
    pub fn iter(&self) -> std::slice::Iter<'_, Budget> {
        self.budgets.iter()
    }

    /// A budget by its id.
    pub fn get(&self, id: &str) -> Option<&Budget> {
        self.budgets.iter().find(|budget| budget.id == id)
    }

    /// The budgets directly below this one.
    pub fn children<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Budget> {
        self.budgets
            .iter()
            .filter(move |budget| budget.parent.as_deref() == Some(id))
    }

    /// What a budget counts: its own scopes, or those of its children. A cost that two children
    /// count is counted once by their parent.
    pub fn selectors<'a>(&'a self, budget: &'a Budget) -> Vec<Selector<'a>> {
        let own = Selector {
            scopes: &budget.scopes,
            filter: budget.filter.as_ref(),
            exclude: &budget.exclude,
        };
        if !budget.scopes.is_empty() {
            return vec![own];
        }
        self.children(&budget.id)
            .flat_map(|child| self.selectors(child))
            .collect()
    }

    /// The columns and tags that these budgets and their drivers need.
    pub fn projection<'a>(budgets: impl IntoIterator<Item = &'a Budget>) -> Projection {
        let mut projection = Projection::default();
        projection.dimensions.insert(Dimension::ServiceName);
        for budget in budgets {
            if let Some(filter) = &budget.filter {
                filter.add_needs(&mut projection);
            }
            for tag in budget
                .owners
                .iter()
                .filter_map(|owner| owner.strip_prefix("tag:"))
            {
                projection.tags.insert(crate::filter::TagName::new(tag));
            }
        }
        projection
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::period::TimeGrain;

    /// A monthly budget of EUR 1,000 on one subscription.
    pub(crate) fn budget(id: &str, thresholds: &[&str]) -> Budget {
        Budget {
            id: id.into(),
            name: id.into(),
            scopes: vec![Scope::parse("/subscriptions/a").unwrap()],
            filter: None,
            exclude: BTreeSet::new(),
            cost_basis: CostBasis::Actual,
            currency: "EUR".parse().unwrap(),
            calendar: Calendar::new(TimeGrain::Monthly, date(2026, 1, 1)),
            starts: None,
            ends: None,
            planned: Planned::Flat(Decimal::from(1000)),
            parent: None,
            thresholds: thresholds
                .iter()
                .map(|text| {
                    let when: When = text.parse().unwrap();
                    Threshold {
                        id: when.default_id(),
                        when,
                        probability: Decimal::from(50),
                        severity: Severity::Warning,
                        notify: vec!["mail".into()],
                        follow_up: FollowUp::default(),
                    }
                })
                .collect(),
            owners: vec![],
            margin: Decimal::ZERO,
        }
    }

    #[test]
    fn thresholds_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<When>().map(|when| when.default_id());
        assert_eq!(read("actual 80 %").unwrap(), "actual-80pct");
        assert_eq!(read(" Actual  99.5%").unwrap(), "actual-99.5pct");
        assert_eq!(read("actual every 5_000").unwrap(), "actual-every-5000");
        assert_eq!(read("forecast every 25%").unwrap(), "forecast-every-25pct");
        assert_eq!(read("forecast 12_500.50").unwrap(), "forecast-12500.5");
        assert_eq!(read("Anomaly 1_500").unwrap(), "anomaly-1500");
        assert_eq!(read("anomaly drop 5 %").unwrap(), "anomaly-drop-5pct");
        assert_eq!(read("stale 1 day").unwrap(), "stale-1-days");
        for bad in [
            "",
            "actual 80,5%",
            "actual 1,000",
            "actual 1e3",
            "80%",
            "actual",
            "actual 0%",
            "actual -5",
            "actual eighty",
            "pace 120",
            "anomaly",
            "anomaly drop",
            "anomaly rise 500",
            "anomaly every 500",
            "anomaly drop every 5%",
            "stale 3",
            "stale 0 days",
            "actual 80% 90%",
            "forecasted 80%",
        ] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.contains(&format!("`{bad}`")), "{error}");
        }
    }

    #[test]
    fn the_largest_amount_is_a_quadrillion() {
        assert_eq!(LARGEST_AMOUNT, Decimal::from(1_000_000_000_000_000_u64));
        assert!("actual 1000000000000001".parse::<When>().is_err());
        assert!("actual 1000000000000000".parse::<When>().is_ok());
    }

    #[test]
    fn a_hierarchy_with_mistakes_names_every_one() {
        let mut orphan = budget("orphan", &[]);
        orphan.parent = Some("nobody".into());
        let mut first = budget("first", &[]);
        first.parent = Some("second".into());
        let mut second = budget("second", &[]);
        second.parent = Some("first".into());
        let mut empty = budget("empty", &[]);
        empty.scopes.clear();
        let problems = Budgets::new(vec![
            orphan,
            first,
            second,
            empty,
            budget("twice", &[]),
            budget("twice", &[]),
        ])
        .unwrap_err();
        assert_eq!(problems.len(), 5, "{problems:?}");
    }

    #[test]
    fn a_parent_without_scopes_counts_what_its_children_count() {
        let mut parent = budget("parent", &[]);
        parent.scopes.clear();
        let mut children = [budget("one", &[]), budget("two", &[])];
        for child in &mut children {
            child.parent = Some("parent".into());
        }
        let [one, two] = children;
        let budgets = Budgets::new(vec![parent, one, two]).unwrap();
        assert_eq!(budgets.selectors(budgets.get("parent").unwrap()).len(), 2);
        assert_eq!(budgets.selectors(budgets.get("one").unwrap()).len(), 1);
    }
}
