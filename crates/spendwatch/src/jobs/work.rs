//! Work: run timers and queue workers in this process, without the Functions host.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use state_store::{Error, Message};

use crate::app::{App, Hint};
use crate::{DELIVERIES, EVALUATIONS, jobs};

/// How a process works on its own.
#[derive(Debug, Clone)]
pub struct Options {
    /// Time between two evaluations; the first one is at the start.
    pub evaluate_every: Duration,
    /// Time between two sweeps.
    pub sweep_every: Duration,
    /// Time between two looks at an empty queue.
    pub poll_every: Duration,
}

impl Default for Options {
    /// Every 4 hours, as often as Azure's cost data change; every minute; every second.
    fn default() -> Self {
        Options {
            evaluate_every: Duration::from_secs(4 * 3600),
            sweep_every: Duration::from_secs(60),
            poll_every: Duration::from_secs(1),
        }
    }
}

/// A message that failed this often is poison, as with the Functions host.
const MAX_DEQUEUE_COUNT: u32 = 5;
/// How long a message is hidden while it is worked on; longer than any job.
const VISIBILITY: Duration = Duration::from_secs(600);

/// Works until the future is dropped. Failures are logged and tried again; nothing ends the work.
pub async fn run(app: Arc<App>, options: Options) {
    tokio::join!(
        every(
            options.evaluate_every,
            async || enqueue(&app).await,
            "evaluate-budgets"
        ),
        every(
            options.sweep_every,
            async || jobs::sweep::run(&app).await.map(drop),
            "sweep"
        ),
        drain(&app, EVALUATIONS, options.poll_every),
        drain(&app, DELIVERIES, options.poll_every),
    );
}

async fn every(period: Duration, job: impl AsyncFn() -> anyhow::Result<()>, name: &str) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = job().await {
            tracing::error!(job = name, error = format!("{error:#}"), "job failed");
        }
    }
}

/// Sends one hint for each read.
async fn enqueue(app: &App) -> anyhow::Result<()> {
    for read in app.reads()? {
        app.hint(&Hint::Evaluate { read: read.key }, SignedDuration::ZERO)
            .await?;
    }
    Ok(())
}

async fn drain(app: &App, queue: &str, poll_every: Duration) {
    loop {
        let messages = match app.queues().receive(queue, 8, VISIBILITY).await {
            Ok(messages) => messages,
            Err(error) => {
                tracing::error!(queue, error = %error, "the queue cannot be read");
                Vec::new()
            }
        };
        if messages.is_empty() {
            tokio::time::sleep(poll_every).await;
        }
        for message in messages {
            handle(app, queue, &message).await;
        }
    }
}

/// Works on one message, and takes it from the queue unless it is to be given again.
async fn handle(app: &App, queue: &str, message: &Message) {
    let outcome = match serde_json::from_str::<Hint>(&message.text) {
        Ok(hint) => perform(app, &hint).await,
        Err(error) => Err(anyhow::Error::new(error).context("the message is not ours")),
    };
    if let Err(error) = outcome {
        tracing::error!(
            queue,
            error = format!("{error:#}"),
            count = message.dequeue_count,
            "message failed"
        );
        if message.dequeue_count < MAX_DEQUEUE_COUNT {
            return;
        }
        let poison = format!("{queue}-poison");
        if let Err(error) = app
            .queues()
            .send(&poison, &message.text, Duration::ZERO)
            .await
        {
            tracing::error!(queue, error = %error, "the poison queue cannot be written");
            return;
        }
    }
    match app.queues().delete(queue, message).await {
        Ok(()) | Err(Error::Moved { .. }) => {}
        Err(error) => tracing::error!(queue, error = %error, "the message cannot be removed"),
    }
}

/// Does what a hint names. A read that is not configured any more is no failure.
pub async fn perform(app: &App, hint: &Hint) -> anyhow::Result<()> {
    match hint {
        Hint::Evaluate { read } => {
            let Some(read) = app.reads()?.into_iter().find(|one| one.key == *read) else {
                tracing::warn!(
                    read,
                    "the configuration has changed since this message was sent"
                );
                return Ok(());
            };
            jobs::evaluate::run(app, &read, &jobs::evaluate::Options::default())
                .await
                .map(drop)
        }
        Hint::Deliver { destination } => jobs::deliver::run(app, destination).await.map(drop),
    }
}
