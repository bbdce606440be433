//! Queue: deliver what is due in one lane.

use spendwatch::{App, Hint, jobs};

use super::{Failure, hint};
use crate::envelope::{Invocation, Reply};

pub(crate) async fn run(app: &App, call: Invocation) -> Result<Reply, Failure> {
    let Hint::Deliver { destination } = hint(&call)? else {
        return Err(Failure::not_ours(anyhow::anyhow!(
            "the queue message is for another queue"
        )));
    };
    let report = jobs::deliver::run(app, &destination).await?;
    let line = match &report.skipped {
        Some(why) => format!("{destination}: {why}"),
        None => format!(
            "{destination}: {} sent, {} to be tried again, {} given up, {} left",
            report.sent, report.failed, report.given_up, report.left
        ),
    };
    Ok(Reply::log(line))
}
