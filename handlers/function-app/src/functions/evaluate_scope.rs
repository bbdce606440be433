//! Queue: read costs once, decide about every budget of the read, route notices.

use spendwatch::{App, Hint, jobs};

use super::{Failure, hint};
use crate::envelope::{Invocation, Reply};

pub(crate) async fn run(app: &App, call: Invocation) -> Result<Reply, Failure> {
    let Hint::Evaluate { read: key } = hint(&call)? else {
        return Err(Failure::not_ours(anyhow::anyhow!(
            "the queue message is for another queue"
        )));
    };
    let Some(read) = app.reads()?.into_iter().find(|read| read.key == key) else {
        tracing::warn!(
            read = key,
            "the configuration has changed since this message was sent"
        );
        return Ok(Reply::log("the read is not configured any more"));
    };
    let report = jobs::evaluate::run(app, &read, &jobs::evaluate::Options::default()).await?;
    let deliveries: usize = report.budgets.iter().map(|budget| budget.deliveries).sum();
    let problems = report
        .budgets
        .iter()
        .filter(|budget| budget.problem.is_some())
        .count();
    let mut reply = Reply::log(format!(
        "evaluated {} budgets, {problems} with problems, {deliveries} notices",
        report.budgets.len()
    ));
    for note in report.notes {
        tracing::warn!(read = read.key, note, "about the cost data");
        reply.say(note);
    }
    Ok(reply)
}
