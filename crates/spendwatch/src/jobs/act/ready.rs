//! Whether an action may go on: what is configured, what the ledger says, and how old the data are.

use budget_engine::{AlertState, Ledger};
use state_store::{Version, json};

use crate::actions::ActionRecord;
use crate::app::App;
use crate::jobs::evaluate::BudgetReport;

/// Whether an action may go on.
pub(super) enum Ready {
    Now,
    /// The data are stale: wait for newer ones.
    NotYet,
    /// It does not apply any more.
    Never(String),
}

/// An action runs only if the configuration still asks for exactly what was planned, the crossing
/// still stands, and the data are not stale.
pub(super) async fn ready(app: &App, record: &ActionRecord) -> anyhow::Result<Ready> {
    let actions = &app.config().actions;
    let cause = &record.cause;
    let Some(live) = actions.by_name.get(&record.action) else {
        let why = "it is not configured any more".to_owned();
        return Ok(Ready::Never(why));
    };
    if live.task != record.task {
        let why = "its configuration was changed since it was planned".to_owned();
        return Ok(Ready::Never(why));
    }
    if !actions
        .of(&cause.budget, &cause.threshold)
        .contains(&record.action)
    {
        let why = "the threshold does not ask for it any more".to_owned();
        return Ok(Ready::Never(why));
    }
    let key = format!("ledger/{}/{}", cause.budget, cause.period_key);
    let stored: Option<(Ledger, Version)> = json::get(app.documents(), &key).await?;
    let Some((ledger, _)) = stored else {
        anyhow::bail!("the ledger {key} is missing, so nobody knows whether the crossing stands");
    };
    let state = ledger.alerts.get(&cause.alert).map(|alert| &alert.state);
    if !matches!(state, Some(AlertState::Firing | AlertState::Covered { .. })) {
        let why = "the crossing was taken back".to_owned();
        return Ok(Ready::Never(why));
    }
    let key = format!("status/{}", cause.budget);
    let stored: Option<(BudgetReport, Version)> = json::get(app.documents(), &key).await?;
    let newer =
        stored.and_then(|(report, _)| report.status.filter(|_| report.at > record.created_at));
    let is_stale = newer.map_or(cause.stale, |status| {
        status.data.stale && status.period_key == cause.period_key
    });
    Ok(if is_stale { Ready::NotYet } else { Ready::Now })
}
