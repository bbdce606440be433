//! Acknowledging: somebody says that they know of an alert, and are not reminded any more.

use budget_engine::{Acknowledgement, Ledger, NotAcknowledged, Status, ThresholdKind, When};
use jiff::SignedDuration;
use native_budgets::rounded_percent;
use rust_decimal::Decimal;
use serde::Serialize;
use state_store::{Version, json};

use super::find::{Known, NotFound, Wanted, find};
use super::{AzureAlert, dismiss_for};
use crate::app::App;
use crate::ledgers::{self, Decided};
use crate::silences::LONGEST_NAME;

/// Longest note, in characters.
pub const LONGEST_NOTE: usize = 500;

/// What came of acknowledging an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledged {
    /// Id of the alert.
    pub alert: String,
    /// Id of the budget.
    pub budget: String,
    /// Key of the period.
    pub period: String,
    /// Id of the threshold, with its step.
    pub threshold: String,
    /// The condition.
    pub when: String,
    /// Who knows of it.
    pub acknowledged: Acknowledgement,
    /// What Azure had raised for the same, and was dismissed there.
    pub dismissed: Vec<AzureAlert>,
    /// What did not work besides: the alert is acknowledged all the same.
    pub warnings: Vec<String>,
}

/// Why an alert was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It was not found.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// It is not to be acknowledged, or is already.
    #[error(transparent)]
    NotAcknowledged(#[from] NotAcknowledged),
    /// A text is missing or too long.
    #[error("{0}: expected {1} to {2} characters")]
    Text(&'static str, usize, usize),
    /// The store failed.
    #[error("the alert cannot be read or written")]
    Store(#[from] anyhow::Error),
}

/// Records that somebody knows of an alert. Of two at once the first counts, and the second hears who
/// that was. `sequence` is the number of the notice that is answered, if it is one.
///
/// # Errors
/// When there is no such alert, when it does not stand, has fired again since that notice or is
/// acknowledged already, or when the store fails.
pub async fn acknowledge(
    app: &App,
    wanted: &Wanted,
    sequence: Option<u32>,
    by: &str,
    note: Option<&str>,
) -> Result<Acknowledged, Refusal> {
    let by = by.trim();
    if by.is_empty() || by.chars().count() > LONGEST_NAME {
        return Err(Refusal::Text("who acknowledges it", 1, LONGEST_NAME));
    }
    let note = note.map(str::trim).filter(|note| !note.is_empty());
    if note.is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
        return Err(Refusal::Text("the note", 0, LONGEST_NOTE));
    }
    let known = find(app, wanted).await?;
    let acknowledgement = Acknowledgement {
        at: app.now(),
        by: by.to_owned(),
        note: note.map(str::to_owned),
    };
    write(app, &known, sequence, &acknowledgement).await?;
    tracing::info!(
        budget.id = known.ledger.budget,
        period = known.ledger.period_key,
        threshold = known.key,
        "an alert is acknowledged"
    );
    let mut acknowledged = Acknowledged {
        alert: known.alert.id.clone(),
        budget: known.ledger.budget.clone(),
        period: known.ledger.period_key.clone(),
        threshold: known.key.clone(),
        when: known.alert.when.clone(),
        acknowledged: acknowledgement,
        dismissed: Vec::new(),
        warnings: Vec::new(),
    };
    if app.config().native.dismiss_acknowledged {
        dismiss(app, &known, &mut acknowledged).await;
    }
    Ok(acknowledged)
}

async fn write(
    app: &App,
    known: &Known,
    sequence: Option<u32>,
    acknowledgement: &Acknowledgement,
) -> Result<(), Refusal> {
    let (budget, period_key) = (&known.ledger.budget, &known.ledger.period_key);
    let key = ledgers::key(budget, period_key);
    for _ in 0..ledgers::TRIES {
        let stored: Option<(Ledger, Version)> = json::get(app.documents(), &key)
            .await
            .map_err(anyhow::Error::new)?;
        let (ledger, version) = stored.ok_or(NotAcknowledged::Unknown)?;
        let next = ledger.acknowledge(&known.alert.id, sequence, acknowledgement.clone());
        let next = match next {
            // The answer to our own first try was lost.
            Err(NotAcknowledged::Already(earlier)) if earlier == *acknowledgement => return Ok(()),
            next => next?,
        };
        let decided = Decided {
            budget: app.config().budgets.get(budget),
            decisions: &[],
            ledger: next,
        };
        let before = Some((ledger, version));
        if let Some(routed) = ledgers::commit(app, before, decided).await? {
            for hint in routed.hints {
                app.hint(&hint, SignedDuration::ZERO).await?;
            }
            return Ok(());
        }
    }
    let error = anyhow::anyhow!("the ledger {key} is being written by others again and again");
    Err(error.into())
}

/// Dismisses what Azure's own budgets have raised at the same amounts. Whatever fails is a warning.
async fn dismiss(app: &App, known: &Known, acknowledged: &mut Acknowledged) {
    let Some(fired) = known.ledger.fired(&known.alert) else {
        return;
    };
    // Those that were covered by it were told with it.
    let conditions = std::iter::once(&fired.when).chain(&fired.also);
    for condition in conditions {
        let Some((kind, percent)) = at_azure(condition, known.alert.step, &fired.status) else {
            continue;
        };
        match dismiss_for(app, &known.ledger.budget, Some(kind), Some(percent)).await {
            Ok(dismissed) => acknowledged.dismissed.extend(dismissed),
            Err(error) => {
                let warning = format!("Azure's own alerts were not dismissed: {error:#}");
                tracing::warn!(budget.id = known.ledger.budget, warning, "not dismissed");
                acknowledged.warnings.push(warning);
                return;
            }
        }
    }
}

/// The kind and the percentage of Azure's alert at a condition of ours; `None` for what Azure's budgets
/// do not watch.
fn at_azure(condition: &str, step: u32, status: &Status) -> Option<(ThresholdKind, Decimal)> {
    use budget_engine::Level;
    let when: When = condition.parse().ok()?;
    let (When::Actual(level) | When::Forecast(level)) = when else {
        return None;
    };
    let steps = Decimal::from(step.max(1));
    let of_plan = |amount: Decimal| {
        let share = amount.checked_div(status.planned.amount)?;
        share.checked_mul(Decimal::ONE_HUNDRED)
    };
    let percent = match level {
        Level::Percent(percent) => percent,
        Level::EveryPercent(percent) => percent.checked_mul(steps)?,
        Level::Amount(amount) => of_plan(amount)?,
        Level::EveryAmount(amount) => of_plan(amount.checked_mul(steps)?)?,
    };
    Some((when.kind(), rounded_percent(percent)))
}
