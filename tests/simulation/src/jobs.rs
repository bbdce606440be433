//! What workers do: the product's own jobs, called as its host and its people call them.

use std::time::Duration;

use jiff::SignedDuration;
use spendwatch::jobs::alerts::{self, Whose, acknowledge, find};
use spendwatch::jobs::{evaluate, silence, sweep, work};
use spendwatch::{App, Hint, Matcher, NewSilence};

use crate::configurations::GROUPS;

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// The timer of evaluations.
    Tick,
    /// The timer of sweeps.
    Sweep,
    /// Takes at most so many messages of a queue and works on them.
    Pump(&'static str, usize),
    /// Somebody asks for an evaluation.
    Evaluate,
    /// Somebody knows of one of the alerts.
    Acknowledge(usize),
    /// Somebody knows of all alerts.
    AcknowledgeAll,
    /// Somebody wants to hear nothing of a budget for so many minutes.
    Silence(usize, i64),
    /// Somebody wants to hear again.
    EndSilence,
}

/// How long a message is hidden while it is worked on.
const VISIBILITY: Duration = Duration::from_secs(300);
/// A message that failed this often is poison.
const MOST_TRIES: u32 = 5;

/// Does a job once.
pub(crate) async fn perform(app: &App, job: Job) -> anyhow::Result<()> {
    match job {
        Job::Tick => work::enqueue_reads(app).await.map(drop),
        Job::Sweep => sweep::run(app).await.map(drop),
        Job::Evaluate => {
            for read in app.reads()? {
                evaluate::run(app, &read, &evaluate::Options::default()).await?;
            }
            Ok(())
        }
        Job::Pump(queue, most) => pump(app, queue, most).await,
        Job::Acknowledge(number) => {
            // Whoever is asked first, a threshold of that budget or of another one.
            let budgets: Vec<_> = app.config().budgets.iter().collect();
            let budget = budgets[number % budgets.len()];
            let threshold = &budget.thresholds[number / 3 % budget.thresholds.len()];
            acknowledge_one(app, threshold.id.clone(), Some(budget.id.clone())).await
        }
        Job::AcknowledgeAll => {
            for alert in alerts::list(app, &[], Whose::Ours).await?.ours {
                // Some are acknowledged already, or over.
                let _ = acknowledge_one(app, alert.id, None).await;
            }
            Ok(())
        }
        Job::Silence(group, minutes) => {
            let new = NewSilence {
                link: None,
                matcher: Matcher {
                    budget: Some(GROUPS[group].to_owned()),
                    ..Matcher::default()
                },
                from: None,
                until: app
                    .now()
                    .saturating_add(SignedDuration::from_mins(minutes))?,
                reason: "it is known".to_owned(),
                by: "somebody".to_owned(),
            };
            silence::create(app, new).await?;
            Ok(())
        }
        Job::EndSilence => {
            let silences = silence::list(app).await?;
            let active = silences.iter().find(|one| one.ended_at.is_none());
            if let Some(active) = active {
                silence::end(app, &active.id, "somebody").await?;
            }
            Ok(())
        }
    }
}

async fn acknowledge_one(app: &App, alert: String, budget: Option<String>) -> anyhow::Result<()> {
    let wanted = find::Wanted {
        alert,
        budget,
        period: None,
    };
    acknowledge::acknowledge(app, &wanted, None, "somebody", None).await?;
    Ok(())
}

/// As the Functions host does: a message is removed when its job succeeded or failed too often.
async fn pump(app: &App, queue: &str, most: usize) -> anyhow::Result<()> {
    let mut left = most;
    loop {
        let messages = app.queues().receive(queue, left.min(4), VISIBILITY).await?;
        if messages.is_empty() {
            return Ok(());
        }
        left -= messages.len();
        for message in messages {
            let hint: Hint = serde_json::from_str(&message.text)?;
            let done = work::perform(app, &hint, None).await;
            if done.is_err() && message.dequeue_count < MOST_TRIES {
                continue;
            }
            if done.is_err() {
                let poison = format!("{queue}-poison");
                let sent = app.queues().send(&poison, &message.text, Duration::ZERO);
                sent.await?;
            }
            // Whoever else has it by now does it once more.
            let _ = app.queues().delete(queue, &message).await;
        }
        if left == 0 {
            return Ok(());
        }
    }
}
