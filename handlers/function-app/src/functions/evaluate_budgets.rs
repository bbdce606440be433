//! Timer: one hint for each read.

use spendwatch::App;
use spendwatch::jobs::work::enqueue_reads;

use super::Failure;
use crate::envelope::{Invocation, Reply};

pub(crate) async fn run(app: &App, _call: Invocation) -> Result<Reply, Failure> {
    let queued = enqueue_reads(app).await?;
    Ok(Reply::log(format!("asked for {} reads", queued.len())))
}
