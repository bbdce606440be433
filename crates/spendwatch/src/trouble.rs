//! Notices about the watcher itself: a destination that fails, evaluation that is late. They go to the
//! fallback destination, once for each trouble, and make no trouble of their own.

use alert_channels::{Message, Notice};
use jiff::{SignedDuration, Timestamp};

use crate::app::{App, Hint};
use crate::outbox::{self, Delivery, delivery_id};
use crate::routing;

/// How long such a notice is worth sending.
const WORTH_TELLING: SignedDuration = SignedDuration::from_hours(3 * 24);

/// What is wrong.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    /// What makes it the same trouble: it is told once.
    pub(crate) key: String,
    /// The destination that it is about, which is not told.
    pub(crate) about: Option<String>,
    /// Since when it is so. Part of what makes it the same trouble, so never the time of looking.
    pub(crate) since: Timestamp,
    /// In one line.
    pub(crate) title: String,
    /// The particulars.
    pub(crate) lines: Vec<String>,
    /// What to do.
    pub(crate) advice: Option<String>,
}

/// Puts one notice for each recipient of the fallback into the outbox, unless it was there before.
/// Without a fallback, or when it is itself in trouble, the log has to do, and `GET /api/health`.
pub(crate) async fn tell(app: &App, trouble: &Trouble) -> anyhow::Result<()> {
    let log = || {
        let lines = trouble.lines.join(" ");
        tracing::error!(key = trouble.key, title = trouble.title, lines, "trouble");
    };
    let fallback = app.config().fallback.as_ref();
    let Some(fallback) = fallback.filter(|name| trouble.about.as_ref() != Some(*name)) else {
        log();
        return Ok(());
    };
    let now = app.now();
    for (destination, recipient) in routing::of_channel(app.config(), fallback) {
        let to = recipient.as_deref().unwrap_or(&destination);
        let id = delivery_id(&trouble.key, &destination, recipient.as_deref(), "trouble");
        let message = Message::Trouble {
            at: now,
            title: trouble.title.clone(),
            lines: trouble.lines.clone(),
            advice: trouble.advice.clone(),
        };
        let mut notice = Notice::new(&id, format!("trouble/{to}"), message);
        notice.recipient.clone_from(&recipient);
        notice.reason_for_recipient = format!("because {destination} is the fallback destination");
        let expires_at = now.saturating_add(WORTH_TELLING).unwrap_or(Timestamp::MAX);
        let delivery = Delivery::new(&destination, notice, trouble.since, expires_at);
        if outbox::put(app.documents(), &delivery).await? {
            log();
            app.hint(&Hint::Deliver { destination }, SignedDuration::ZERO)
                .await?;
        }
    }
    Ok(())
}
