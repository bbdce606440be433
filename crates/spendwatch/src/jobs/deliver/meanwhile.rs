//! What is done for notices that wait for a destination of which somebody was told that it does not
//! work: they say why they wait, and the fallback hears what they have to tell before it is old.

use alert_channels::{Class, Failure};
use jiff::{SignedDuration, Timestamp};
use state_store::{Error, json};

use super::{Visit, fate};
use crate::outbox::Delivery;

/// How long news waits for a destination that does not work before the fallback hears of it.
const NEWS_WAITS: SignedDuration = SignedDuration::from_hours(1);
/// How often a lane is visited whose channel cannot be made: settings are mended at any time.
const TRY_UNUSABLE: SignedDuration = SignedDuration::from_mins(10);

/// Looks after what is left in a lane. `unusable` says why the channel cannot be made, if it cannot.
///
/// That the fallback is told is noted first, so that no other notice tells of the same afterwards; after
/// a kill between the two the next visit makes the copy, which is the same in every pass.
pub(super) async fn run(
    visit: &mut Visit<'_>,
    left: &[String],
    unusable: Option<&str>,
) -> anyhow::Result<()> {
    if visit.lane.health.told.is_none() {
        return Ok(());
    }
    let app = visit.app;
    let now = app.now();
    if unusable.is_some() && !left.is_empty() {
        // Nothing of it is due before that.
        visit.report.next_due = Some(now.saturating_add(TRY_UNUSABLE)?);
    }
    for key in left {
        let stored = json::get::<Delivery>(app.documents(), key).await?;
        let Some((mut delivery, version)) = stored.filter(|(one, _)| !one.state.is_final()) else {
            continue;
        };
        let before = delivery.clone();
        if let Some(why) = unusable {
            let why = format!("the channel cannot be used: {why}");
            delivery.last_failure = Some(Failure::new(Class::Local, why));
        }
        let news_until = delivery.created_at.saturating_add(NEWS_WAITS);
        let news_until = news_until.unwrap_or(Timestamp::MAX);
        if fate::stand_in(app, &delivery).is_some() {
            delivery.told_instead |= news_until <= now;
            if !delivery.told_instead {
                visit.looks_again_at(news_until);
            }
        }
        if delivery.expires_at > now {
            visit.looks_again_at(delivery.expires_at);
        }
        if delivery != before {
            match json::replace(app.documents(), key, &delivery, &version).await {
                Ok(_) => {}
                // Our own write whose answer got lost, or another worker: the next visit looks again.
                Err(Error::Moved { .. }) => continue,
                Err(error) => return Err(error.into()),
            }
        }
        if delivery.told_instead {
            fate::tell_instead(app, &delivery).await?;
        }
    }
    Ok(())
}
