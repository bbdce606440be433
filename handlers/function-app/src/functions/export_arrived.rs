//! Queue: Event Grid tells of a new file of an export, so what reads it is evaluated.

use spendwatch::{App, jobs};

use super::Failure;
use crate::envelope::{Invocation, Reply, queue_text};

pub(crate) async fn run(app: &App, call: Invocation) -> Result<Reply, Failure> {
    let value = call.data.get("message").ok_or_else(|| {
        Failure::not_ours(anyhow::anyhow!("the envelope has no binding `message`"))
    })?;
    let events = jobs::export_arrived::read(&queue_text(value)).map_err(Failure::not_ours)?;
    let asked = jobs::export_arrived::run(app, &events).await?;
    Ok(Reply::log(format!("asked for {} reads", asked.len())))
}
