//! Probe: send a test notice to a destination and report its fate.

use alert_channels::{Attempt, Message, Notice, SendResult};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::config::ChannelKind;
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

/// Sends a test notice to a destination: for mail to every configured recipient, or to `to`.
///
/// A probe is sent at once and once. One that gets through revives a destination that was switched off;
/// otherwise it leaves nothing in the store.
pub async fn run(app: &App, destination: &str, to: Option<&str>) -> anyhow::Result<Vec<Report>> {
    let Some(settings) = app.config().channels.get(destination) else {
        let known: Vec<&str> = app.config().channels.keys().map(String::as_str).collect();
        anyhow::bail!(
            "there is no channel `{destination}`; known are: {}",
            known.join(", ")
        );
    };
    let recipients: Vec<Option<String>> = match (&settings.kind, to) {
        (ChannelKind::Email(_), Some(to)) => vec![Some(to.to_owned())],
        (ChannelKind::Email(email), None) => {
            anyhow::ensure!(
                !email.to.is_empty(),
                "the channel `{destination}` has no recipients of its own; name one with --to"
            );
            email.to.iter().cloned().map(Some).collect()
        }
        (_, Some(_)) => {
            anyhow::bail!("the channel `{destination}` has no recipients to choose from")
        }
        (_, None) => vec![None],
    };
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
                let message = Message::Probe {
                    at: now,
                    from: "spendwatch".to_owned(),
                };
                let mut notice = Notice::new(&id, format!("probe/{id}"), message);
                notice.recipient = recipient;
                let result = channel.send(&notice, Attempt::first(now)).await;
                if result.is_success() {
                    deliver::revive(app, destination).await?;
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
