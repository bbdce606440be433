//! Queue: read costs once, decide about every budget of the read, route notices.

use spendwatch::jobs::work::{self, Done};
use spendwatch::{App, Hint};
use tokio::time::Instant;

use super::{Failure, for_another_queue, hint};
use crate::envelope::{Invocation, Reply};

pub(crate) async fn run(
    app: &App,
    call: Invocation,
    waits_until: Instant,
) -> Result<Reply, Failure> {
    let hint = hint(&call)?;
    if !matches!(hint, Hint::Evaluate { .. }) {
        return Err(for_another_queue());
    }
    let done = work::perform(app, &hint, Some(waits_until)).await?;
    let mut reply = Reply::log(done.to_string());
    if let Done::Evaluated(report) = done {
        for note in report.notes {
            reply.say(note);
        }
    }
    Ok(reply)
}
