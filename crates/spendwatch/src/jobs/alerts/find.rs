//! Finding an alert by the few characters that people write.

use budget_engine::{Alert, Ledger};
use state_store::{Version, check_key, json};

use crate::app::App;
use crate::clock::day_of;
use crate::ledgers;

/// Fewest characters of an alert's id that are taken for it.
pub(crate) const SHORTEST_ID: usize = 4;
/// How many alerts are named when several are meant.
const MOST_NAMED: usize = 5;

/// Which alert somebody means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Its id, the first characters of it (at least four), or `budget/threshold`; with `budget`, the
    /// threshold alone is enough.
    pub alert: String,
    /// Id of the budget, if it is known.
    pub budget: Option<String>,
    /// Key of the period, such as `monthly-2026-11-01`; the running one first if not set.
    pub period: Option<String>,
}

/// An alert with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its ledger.
    pub ledger: Ledger,
    /// Its key in the ledger: the threshold's id, with the step of a repeating one.
    pub key: String,
    /// The alert.
    pub alert: Alert,
}

/// Why no alert was found.
#[derive(Debug, thiserror::Error)]
pub enum NotFound {
    /// There is none.
    #[error("there is no alert `{0}`")]
    Unknown(String),
    /// Too little was said.
    #[error(
        "an alert is named by at least {SHORTEST_ID} characters of its id, or by budget/threshold"
    )]
    Short,
    /// Several are meant.
    #[error("`{alert}` means several alerts: {candidates}")]
    Several {
        /// What was said.
        alert: String,
        /// Those that it means.
        candidates: String,
    },
    /// The store failed.
    #[error("the alerts cannot be read")]
    Store(#[from] anyhow::Error),
}

/// Finds an alert: in the running periods, and where it is in none of them, in the newest period that
/// has it.
///
/// # Errors
/// When there is none or more than one, or the store fails.
pub async fn find(app: &App, wanted: &Wanted) -> Result<Known, NotFound> {
    let unknown = || NotFound::Unknown(wanted.alert.clone());
    let (budget, text) = match wanted.alert.split_once('/') {
        Some((budget, threshold)) => (Some(budget), threshold),
        None => (wanted.budget.as_deref(), &*wanted.alert),
    };
    if text.is_empty() || (budget.is_none() && text.chars().count() < SHORTEST_ID) {
        return Err(NotFound::Short);
    }
    if let (Some(budget), Some(period)) = (budget, &wanted.period) {
        let found = in_ledger(app, &ledgers::key(budget, period), text, true).await?;
        return only(wanted, found)?.ok_or_else(unknown);
    }
    let mut found = Vec::new();
    let running = running(app, budget).into_iter();
    let running = running.filter(|key| is_in(key, wanted.period.as_deref()));
    for key in running.collect::<Vec<_>>() {
        found.extend(in_ledger(app, &key, text, budget.is_some()).await?);
    }
    if let Some(known) = only(wanted, found)? {
        return Ok(known);
    }
    let prefix = match budget {
        Some(budget) => format!("ledger/{budget}/"),
        None => "ledger/".to_owned(),
    };
    if check_key(&format!("{prefix}x")).is_err() {
        return Err(unknown());
    }
    let keys = app.documents().list(&prefix).await;
    let mut keys = keys.map_err(anyhow::Error::new)?;
    keys.retain(|key| is_in(key, wanted.period.as_deref()));
    // Keys end with the first day of the period.
    keys.sort_by(|one, other| first_day(other).cmp(first_day(one)));
    let mut found = Vec::new();
    for key in keys {
        found.extend(in_ledger(app, &key, text, budget.is_some()).await?);
        if budget.is_some() && !found.is_empty() {
            break;
        }
    }
    only(wanted, found)?.ok_or_else(unknown)
}

fn first_day(key: &str) -> &str {
    let start = key.len().saturating_sub("2026-11-01".len());
    key.get(start..).unwrap_or(key)
}

fn is_in(key: &str, period: Option<&str>) -> bool {
    period.is_none_or(|period| key.rsplit('/').next() == Some(period))
}

/// Keys of the ledgers of the periods that run today.
fn running(app: &App, budget: Option<&str>) -> Vec<String> {
    let today = day_of(app.now());
    let budgets = app.config().budgets.iter();
    let budgets = budgets.filter(|one| budget.is_none_or(|budget| budget == one.id));
    budgets
        .filter_map(|one| {
            let period = one.calendar.period_of(today)?;
            Some(ledgers::key(&one.id, &one.calendar.key(&period)))
        })
        .collect()
}

/// The one alert that was found, if any.
fn only(wanted: &Wanted, mut found: Vec<Known>) -> Result<Option<Known>, NotFound> {
    if found.len() < 2 {
        return Ok(found.pop());
    }
    let mut names: Vec<String> = found
        .iter()
        .take(MOST_NAMED)
        .map(|one| {
            let Ledger {
                budget, period_key, ..
            } = &one.ledger;
            format!("{} ({budget}/{}, {period_key})", one.alert.id, one.key)
        })
        .collect();
    if found.len() > MOST_NAMED {
        names.push(format!("and {} more", found.len() - MOST_NAMED));
    }
    Err(NotFound::Several {
        alert: wanted.alert.clone(),
        candidates: names.join(", "),
    })
}

/// What a text means in one ledger. `by_threshold` says that it may be the name of a threshold.
async fn in_ledger(
    app: &App,
    key: &str,
    text: &str,
    by_threshold: bool,
) -> anyhow::Result<Vec<Known>> {
    if check_key(key).is_err() {
        return Ok(Vec::new());
    }
    let stored: Option<(Ledger, Version)> = json::get(app.documents(), key).await?;
    let Some((ledger, _)) = stored else {
        return Ok(Vec::new());
    };
    Ok(meant(&ledger, text, by_threshold)
        .into_iter()
        .filter_map(|key| {
            let alert = ledger.alerts.get(&key)?.clone();
            Some(Known {
                ledger: ledger.clone(),
                key,
                alert,
            })
        })
        .collect())
}

/// Keys of the alerts that a text means: the one of this id or key; of a repeating threshold the
/// highest step that stands, or else the highest; those whose ids begin with it.
fn meant(ledger: &Ledger, text: &str, by_threshold: bool) -> Vec<String> {
    let exact = ledger
        .alerts
        .iter()
        .find(|(key, alert)| alert.id == text || (by_threshold && *key == text));
    if let Some((key, _)) = exact {
        return vec![key.clone()];
    }
    if by_threshold {
        let steps = ledger
            .alerts
            .iter()
            .filter(|(_, alert)| alert.threshold == text);
        let newest = steps.max_by_key(|(_, alert)| (alert.state.stands(), alert.step));
        if let Some((key, _)) = newest {
            return vec![key.clone()];
        }
    }
    if text.chars().count() < SHORTEST_ID {
        return Vec::new();
    }
    let begins = ledger
        .alerts
        .iter()
        .filter(|(_, alert)| alert.id.starts_with(text));
    begins.map(|(key, _)| key.clone()).collect()
}
