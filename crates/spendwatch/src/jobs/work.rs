//! Work: run timers and queue workers in this process, without the Functions host.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use state_store::{Error, Message};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::app::{App, Hint};
use crate::jobs::{act, deliver, evaluate, export_arrived};
use crate::live::Live;
use crate::measures::{self, DataAge};
use crate::{DELIVERIES, EVALUATIONS, EXPORTS, jobs};

/// How a process works on its own.
#[derive(Debug, Clone)]
pub struct Options {
    /// Time between two evaluations; the first one is at the start.
    pub evaluate_every: Duration,
    /// Time between two looks at Azure's own budgets; the first one is at the start.
    pub sync_every: Duration,
    /// Time between two sweeps.
    pub sweep_every: Duration,
    /// Time between two looks at an empty queue.
    pub poll_every: Duration,
}

impl Default for Options {
    /// Every 4 hours, as often as Azure's cost data change; every day; every minute; every second.
    fn default() -> Self {
        Options {
            evaluate_every: Duration::from_secs(4 * 3600),
            sync_every: Duration::from_secs(24 * 3600),
            sweep_every: Duration::from_secs(60),
            poll_every: Duration::from_secs(1),
        }
    }
}

/// A message that failed this often is poison, as with the Functions host.
const MAX_DEQUEUE_COUNT: u32 = 5;
/// How long a message is hidden while it is worked on; longer than any job.
const VISIBILITY: Duration = Duration::from_secs(600);

/// Works until `stop` holds true, and then ends what it has begun. Failures are logged and tried again;
/// nothing else ends the work. Dropping the future loses nothing either: what was begun is begun again.
pub async fn run(live: Arc<Live>, options: Options, stop: watch::Receiver<bool>) {
    let live = &*live;
    tokio::join!(
        every(
            options.evaluate_every,
            stop.clone(),
            async || enqueue_reads(&*live.app().await?).await.map(drop),
            "evaluate-budgets"
        ),
        every(
            options.sync_every,
            stop.clone(),
            async || sync(&*live.app().await?).await,
            "sync-budgets"
        ),
        every(
            options.sweep_every,
            stop.clone(),
            async || jobs::sweep::run(&*live.app().await?).await.map(drop),
            "sweep"
        ),
        drain(live, EXPORTS, options.poll_every, stop.clone()),
        drain(live, EVALUATIONS, options.poll_every, stop.clone()),
        drain(live, DELIVERIES, options.poll_every, stop),
    );
}

/// Looks at Azure's own budgets, if there is an Azure to ask.
async fn sync(app: &App) -> anyhow::Result<()> {
    if app.native_client().is_ok() {
        jobs::sync::run(app).await?;
    }
    Ok(())
}

async fn every(
    period: Duration,
    mut stop: watch::Receiver<bool>,
    job: impl AsyncFn() -> anyhow::Result<()>,
    name: &'static str,
) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopped(&mut stop) => return,
            _ = ticks.tick() => {}
        }
        let started = std::time::Instant::now();
        let outcome = job().await;
        measures::invocation(name, outcome.is_ok(), started.elapsed());
        if let Err(error) = outcome {
            tracing::error!(job = name, error = format!("{error:#}"), "job failed");
        }
    }
}

/// When the work is to end; never, if nobody is left to say so.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Sends one hint for each read; gives their keys.
pub async fn enqueue_reads(app: &App) -> anyhow::Result<Vec<String>> {
    let mut queued = Vec::new();
    for read in app.reads()? {
        let key = read.key.clone();
        app.hint(&Hint::Evaluate { read: key }, SignedDuration::ZERO)
            .await?;
        queued.push(read.key);
    }
    app.forget_old_reads().await?;
    Ok(queued)
}

async fn drain(
    live: &Live,
    queue: &'static str,
    poll_every: Duration,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let received = async {
            let app = live.app().await?;
            let messages = app.queues().receive(queue, 8, VISIBILITY).await?;
            anyhow::Ok((app, messages))
        };
        let received = tokio::select! {
            () = stopped(&mut stop) => return,
            received = received => received,
        };
        let (app, messages) = match received {
            Ok((app, messages)) if !messages.is_empty() => (app, messages),
            nothing => {
                if let Err(error) = nothing {
                    tracing::error!(
                        queue,
                        error = format!("{error:#}"),
                        "the queue cannot be read"
                    );
                }
                tokio::select! {
                    () = stopped(&mut stop) => return,
                    () = tokio::time::sleep(poll_every) => continue,
                }
            }
        };
        // What was received is worked on to its end, stop or not: nobody else sees it for a while.
        for message in messages {
            let started = std::time::Instant::now();
            let is_done = handle(&app, queue, &message).await;
            measures::invocation(queue, is_done, started.elapsed());
        }
    }
}

/// Takes what waits in the queues and works on it, until they are empty or `until` has come. For processes
/// that nothing wakes when a message arrives.
///
/// # Errors
/// When a queue cannot be read. Messages that fail are logged, and given again.
pub async fn drain_until(app: &App, until: Instant) -> anyhow::Result<usize> {
    let mut done = 0;
    loop {
        let before = done;
        // Exports make evaluations, and these make deliveries.
        for queue in [EXPORTS, EVALUATIONS, DELIVERIES] {
            while Instant::now() < until {
                let messages = app.queues().receive(queue, 1, VISIBILITY).await?;
                let Some(message) = messages.first() else {
                    break;
                };
                handle(app, queue, message).await;
                done += 1;
            }
        }
        if done == before {
            return Ok(done);
        }
    }
}

/// Works on one message, and takes it from the queue unless it is to be given again; says whether it
/// succeeded.
async fn handle(app: &App, queue: &str, message: &Message) -> bool {
    let outcome = work_on(app, queue, &message.text).await;
    let is_done = outcome.is_ok();
    if let Err(error) = outcome {
        tracing::error!(
            queue,
            error = format!("{error:#}"),
            count = message.dequeue_count,
            "message failed"
        );
        if message.dequeue_count < MAX_DEQUEUE_COUNT {
            return false;
        }
        let poison = format!("{queue}-poison");
        if let Err(error) = app
            .queues()
            .send(&poison, &message.text, Duration::ZERO)
            .await
        {
            tracing::error!(queue, error = %error, "the poison queue cannot be written");
            return false;
        }
    }
    match app.queues().delete(queue, message).await {
        Ok(()) | Err(Error::Moved { .. }) => {}
        Err(error) => tracing::error!(queue, error = %error, "the message cannot be removed"),
    }
    is_done
}

async fn work_on(app: &App, queue: &str, text: &str) -> anyhow::Result<()> {
    if queue == EXPORTS {
        let events = export_arrived::read(text)?;
        return export_arrived::run(app, &events).await.map(drop);
    }
    let hint: Hint = serde_json::from_str(text).context("the message is not ours")?;
    let waits_until = Instant::now() + VISIBILITY * 5 / 6;
    perform(app, &hint, Some(waits_until)).await.map(drop)
}

/// What came of a hint. It shows as one line for a log.
#[derive(Debug, Clone, PartialEq)]
pub enum Done {
    /// A read was evaluated.
    Evaluated(evaluate::Report),
    /// A destination was delivered to.
    Delivered(deliver::Report),
    /// An action was brought forward.
    Acted(act::Report),
    /// The read is not configured any more, which is no failure.
    NotConfigured,
    /// Azure asked to be left alone for a while: the read will be evaluated then.
    Postponed {
        /// When.
        until: Timestamp,
    },
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Done::Evaluated(report) => {
                let budgets = &report.budgets;
                let problems = budgets.iter().filter(|one| one.problem.is_some()).count();
                let notices: usize = budgets.iter().map(|one| one.deliveries).sum();
                write!(
                    f,
                    "evaluated {} budgets, {problems} with problems, {notices} notices",
                    budgets.len()
                )
            }
            Done::Delivered(report) => match &report.skipped {
                Some(why) => write!(f, "{}: {why}", report.destination),
                None => write!(
                    f,
                    "{}: {} sent, {} to be tried again, {} given up, {} left",
                    report.destination, report.sent, report.failed, report.given_up, report.left
                ),
            },
            Done::Acted(report) => write!(f, "action {} is {}", report.id, report.state),
            Done::NotConfigured => f.write_str("the read is not configured any more"),
            Done::Postponed { until } => write!(f, "throttled; to be evaluated again at {until}"),
        }
    }
}

/// Does what a hint names.
///
/// A throttled read is no failure: its hint is sent again for when Azure will answer, because tries
/// in quick succession would only carry the message to the poison queue. So is a read that would
/// have to wait for Azure beyond `waits_until`; leave time for the work after the wait.
pub async fn perform(app: &App, hint: &Hint, waits_until: Option<Instant>) -> anyhow::Result<Done> {
    let key = match hint {
        Hint::Evaluate { read } => read,
        Hint::Deliver { destination } => {
            return deliver::run(app, destination).await.map(Done::Delivered);
        }
        Hint::Act { action } => return act::run(app, action).await.map(Done::Acted),
    };
    let Some(read) = app.reads()?.into_iter().find(|one| one.key == *key) else {
        tracing::warn!(
            read = key,
            "the configuration has changed since this message was sent"
        );
        return Ok(Done::NotConfigured);
    };
    let options = evaluate::Options {
        waits_until,
        ..evaluate::Options::default()
    };
    match evaluate::run(app, &read, &options).await {
        Ok(report) => {
            for note in &report.notes {
                tracing::warn!(read = read.key, note, "about the cost data");
            }
            told(&report);
            Ok(Done::Evaluated(report))
        }
        Err(error) => {
            let Some(asked) = throttled_until(&error) else {
                return Err(error);
            };
            let now = app.now();
            let wait = asked
                .duration_since(now)
                .clamp(SignedDuration::ZERO, LONGEST_POSTPONEMENT);
            let until = now.saturating_add(wait).unwrap_or(asked);
            app.hint(hint, wait).await?;
            tracing::warn!(
                read = read.key,
                until = until.to_string(),
                error = format!("{error:#}"),
                "throttled; the read is postponed"
            );
            Ok(Done::Postponed { until })
        }
    }
}

/// One line and some figures about an evaluation: alert rules of the deployment ask for them.
fn told(report: &evaluate::Report) {
    let budgets = report.budgets.len();
    let failed = report.budgets.iter().filter(|one| one.problem.is_some());
    let failed = failed.count();
    let age = DataAge::of(report);
    tracing::info!(
        read = report.read,
        budgets,
        failed,
        data_age_hours = age.as_ref().map(|age| age.hours),
        settled_age_days = age.as_ref().map(|age| age.settled_days),
        "evaluated"
    );
    measures::evaluated(report, failed, age.as_ref());
}

/// The longest that a throttled read is put off, whatever Azure asks for.
const LONGEST_POSTPONEMENT: SignedDuration = SignedDuration::from_hours(1);

/// When to ask again, if the error comes from throttling.
fn throttled_until(error: &anyhow::Error) -> Option<Timestamp> {
    error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(azure_cost::Error::Throttled { until, .. }) => Some(*until),
        Some(azure_cost::Error::NotReady { pending, .. }) => Some(pending.ask_at),
        _ => None,
    })
}
