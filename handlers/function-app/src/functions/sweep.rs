//! Timer, each minute: heal what was left behind.

use spendwatch::{App, jobs};

use super::Failure;
use crate::envelope::{Invocation, Reply};

pub(crate) async fn run(app: &App, _call: Invocation) -> Result<Reply, Failure> {
    let report = jobs::sweep::run(app).await?;
    let waiting: usize = report.waiting.values().sum();
    Ok(Reply::log(format!(
        "{} ledgers routed, {waiting} deliveries waiting, {} destinations hinted at",
        report.routed,
        report.hinted.len()
    )))
}
