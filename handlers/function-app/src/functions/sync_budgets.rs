//! Timer: keep Azure's own budgets in step, or say that they are not.

use spendwatch::{App, jobs};

use super::Failure;
use crate::envelope::{Invocation, Reply};

pub(crate) async fn run(app: &App, _call: Invocation) -> Result<Reply, Failure> {
    let native = &app.config().native;
    if native.settings.is_empty() && native.budgets.is_empty() && native.anomaly_alerts.is_empty() {
        return Ok(Reply::log("no budget is to be kept in Azure".to_owned()));
    }
    let synced = jobs::sync::run(app).await?;
    let to_do = synced.plan.to_do().count() + synced.plan.rules_to_do().count();
    let scopes = synced.plan.scopes;
    Ok(Reply::log(match synced.applied {
        None => {
            format!("{scopes} scopes looked at, {to_do} budgets and rules are not as configured")
        }
        Some(applied) => {
            let failed = applied.iter().filter(|one| one.problem.is_some()).count();
            format!("{scopes} scopes looked at, {to_do} budgets and rules written, {failed} failed")
        }
    }))
}
