//! Queue: deliver what is due in one lane, or bring an action forward.

use spendwatch::jobs::work;
use spendwatch::{App, Hint};

use super::{Failure, for_another_queue, hint};
use crate::envelope::{Invocation, Reply};

pub(crate) async fn run(app: &App, call: Invocation) -> Result<Reply, Failure> {
    let hint = hint(&call)?;
    if !matches!(hint, Hint::Deliver { .. } | Hint::Act { .. }) {
        return Err(for_another_queue());
    }
    let done = work::perform(app, &hint, None).await?;
    Ok(Reply::log(done.to_string()))
}
