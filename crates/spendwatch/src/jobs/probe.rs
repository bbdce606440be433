//! Probe: send a test notice to a destination and report its fate.

use alert_channels::{Attempt, Because, Message, Notice, SendResult, samples};
use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::jobs::deliver;
use crate::outbox::delivery_id;

/// The fate of one probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The destination.
    pub destination: String,
    /// The recipient, for mail.
    pub recipient: Option<String>,
    /// What became of it; absent when the destination is not usable at all.
    pub result: Option<SendResult>,
    /// Why it is not usable.
    pub problem: Option<String>,
}

impl Report {
    /// Whether the destination took the probe.
    pub fn is_success(&self) -> bool {
        self.result.as_ref().is_some_and(SendResult::is_success)
    }
}

/// Sends a test notice to every destination, one after the other. A mail channel without recipients of its
/// own has nobody to test it with, which its report says.
///
/// # Errors
/// When there is no such sample.
pub async fn run_all(app: &App, sample: Option<&str>) -> anyhow::Result<Vec<Report>> {
    let mut reports = Vec::new();
    for (name, settings) in &app.config().channels {
        if settings
            .kind
            .mailing()
            .is_some_and(|mailing| mailing.to.is_empty())
        {
            reports.push(Report {
                destination: name.clone(),
                recipient: None,
                result: None,
                problem: Some("it has no recipients of its own; name one with --to".to_owned()),
            });
        } else {
            reports.extend(run(app, name, None, sample).await?);
        }
    }
    Ok(reports)
}

/// Sends a test notice to a destination: for mail to every configured recipient, or to `to`.
///
/// A probe is sent at once and once. One that gets through revives a destination that was switched off;
/// otherwise it leaves nothing in the store.
///
/// With `sample`, a name of [`samples::all`], it looks like a notice of that kind and says that it is none.
///
/// # Errors
/// When there is no such channel, recipient or sample.
pub async fn run(
    app: &App,
    destination: &str,
    to: Option<&str>,
    sample: Option<&str>,
) -> anyhow::Result<Vec<Report>> {
    let Some(settings) = app.config().channels.get(destination) else {
        let known: Vec<&str> = app.config().channels.keys().map(String::as_str).collect();
        anyhow::bail!(
            "there is no channel `{destination}`; known are: {}",
            known.join(", ")
        );
    };
    let recipients: Vec<Option<String>> = match (settings.kind.mailing(), to) {
        (Some(_), Some(to)) => vec![Some(to.to_owned())],
        (Some(mailing), None) => {
            anyhow::ensure!(
                !mailing.to.is_empty(),
                "the channel `{destination}` has no recipients of its own; name one with --to"
            );
            mailing.to.iter().cloned().map(Some).collect()
        }
        (None, Some(_)) => {
            anyhow::bail!("the channel `{destination}` has no recipients to choose from")
        }
        (None, None) => vec![None],
    };
    let sample = sample.map(sample_of).transpose()?;
    let now = app.now();
    let mut reports = Vec::new();
    for recipient in recipients {
        let mut report = Report {
            destination: destination.to_owned(),
            recipient: recipient.clone(),
            result: None,
            problem: None,
        };
        match app.channel(destination) {
            Some(Ok(channel)) => {
                let id = delivery_id(&now.to_string(), destination, recipient.as_deref(), "probe");
                let mut notice = match &sample {
                    Some(sample) => Notice {
                        because: Some(Because::Sample),
                        ..sample.clone()
                    },
                    None => {
                        let message = Message::Probe {
                            at: now,
                            from: "spendwatch".to_owned(),
                        };
                        Notice::new(&id, "", message)
                    }
                };
                notice.thread = format!("probe/{id}");
                notice.id = id;
                notice.language = app.config().language_of(destination, recipient.as_deref());
                notice.recipient = recipient;
                let result = channel.send(&notice, Attempt::first(now)).await;
                if result.is_success()
                    && let Err(error) = deliver::revive(app, destination).await
                {
                    // The test has arrived, which is what was asked.
                    let error = format!("{error:#}");
                    tracing::warn!(destination, error, "that it works could not be noted");
                }
                report.result = Some(result);
            }
            Some(Err(problem)) => report.problem = Some(problem.to_owned()),
            None => report.problem = Some("the channel is not configured".to_owned()),
        }
        reports.push(report);
    }
    Ok(reports)
}

/// A notice to look at, by its name.
fn sample_of(name: &str) -> anyhow::Result<Notice> {
    let all = samples::all();
    let known: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let found = all.iter().find(|(known, _)| *known == name);
    let (_, notice) = found.with_context(|| {
        format!(
            "there is no sample `{name}`; known are: {}",
            known.join(", ")
        )
    })?;
    Ok(notice.clone())
}
