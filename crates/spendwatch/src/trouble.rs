//! Notices about the watcher itself: a destination that fails, evaluation that is late. They go to the
//! fallback destination, once for each trouble, and make no trouble of their own.

use alert_channels::{Message, Notice};
use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use state_store::{Error, Version, json};

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
    let places = routing::of_channel(app.config(), fallback);
    if places.is_empty() {
        log();
        return Ok(());
    }
    let at = noticed(app, &trouble.key).await?;
    for (destination, recipient) in places {
        let to = recipient.as_deref().unwrap_or(&destination);
        let id = delivery_id(&trouble.key, &destination, recipient.as_deref(), "trouble");
        let message = Message::Trouble {
            at,
            title: trouble.title.clone(),
            lines: trouble.lines.clone(),
            advice: trouble.advice.clone(),
        };
        let mut notice = Notice::new(&id, format!("trouble/{to}"), message);
        notice.recipient.clone_from(&recipient);
        notice.reason_for_recipient = format!("because {destination} is the fallback destination");
        let expires_at = at.saturating_add(WORTH_TELLING).unwrap_or(Timestamp::MAX);
        let delivery = Delivery::new(&destination, notice, at, expires_at);
        if outbox::put(app.documents(), &delivery).await? {
            log();
            app.hint(&Hint::Deliver { destination }, SignedDuration::ZERO)
                .await?;
        }
    }
    Ok(())
}

/// When a trouble was first noticed. It is written down before anybody is told, so that a repetition
/// after a kill dates it the same and meets its own notices.
async fn noticed(app: &App, key: &str) -> anyhow::Result<Timestamp> {
    let marker = format!("troubles/{}", delivery_id(key, "", None, "noticed"));
    let now = app.now();
    match json::create(app.documents(), &marker, &now).await {
        Ok(_) => Ok(now),
        Err(Error::Exists { .. }) => {
            let stored: Option<(Timestamp, Version)> = json::get(app.documents(), &marker).await?;
            Ok(stored.map_or(now, |(at, _)| at))
        }
        Err(error) => Err(error).context("note a trouble"),
    }
}
