//! Deliver: send what is due in one lane, one worker at a time, and record every fate.
//!
//! The lane's lease is taken by a conditional write. Before a send the delivery is marked as being
//! sent, after it the outcome is written; both carry the version that was read. A kill between the
//! two leaves a delivery whose outcome nobody knows: it is sent once more, marked as a possible
//! duplicate, and never a third time without an answer (receivers that recognize a repetition by
//! its id are asked again as after any failure).

mod fate;
mod gather;
mod lane;
mod meanwhile;
mod step;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use state_store::{Error, Version, json};

pub(crate) use self::fate::is_lost;
pub(crate) use self::lane::revive;
use self::lane::take_lane;
use self::step::{After, step};
use crate::app::{App, Hint};
use crate::gathering;
use crate::outbox::{Delivery, Lane, OUTBOX, Sequence};

/// What came of one visit to a lane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The destination.
    pub destination: String,
    /// Sends that succeeded.
    pub sent: usize,
    /// Sends that did not, and will be tried again.
    pub failed: usize,
    /// Deliveries that ended without arriving: dead or expired.
    pub given_up: usize,
    /// Deliveries that are not sent on purpose.
    #[serde(default)]
    pub suppressed: usize,
    /// Live deliveries that are left.
    pub left: usize,
    /// When the next of them is due.
    pub next_due: Option<Timestamp>,
    /// Another worker has the lane, or the destination asked to wait.
    pub skipped: Option<String>,
    /// Whether it is because another worker has the lane, or had it when it was killed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_taken: bool,
}

/// How long a visit begins new sends, so that it ends well within the host's time limit.
const VISIT_TIME: SignedDuration = SignedDuration::from_secs(60);

/// A visit to a lane.
struct Visit<'a> {
    app: &'a App,
    /// The lane as it is left behind; its fence is the number of our lease.
    lane: Lane,
    /// When another worker may take the lane.
    lease_until: Timestamp,
    /// After this, no send is begun.
    ends: Timestamp,
    report: Report,
}

/// A live delivery as it was read.
struct Live {
    /// Its place in the order of the lane.
    place: usize,
    key: String,
    delivery: Delivery,
    version: Version,
}

/// Sends what is due in the lane of a destination.
pub async fn run(app: &App, destination: &str) -> anyhow::Result<Report> {
    let mut report = Report {
        destination: destination.to_owned(),
        ..Report::default()
    };
    let Some((lane, version)) = take_lane(app, destination, &mut report).await? else {
        return Ok(report);
    };
    let mut visit = Visit {
        app,
        lease_until: lane.lease_until.unwrap_or(Timestamp::MIN),
        ends: app.now().saturating_add(VISIT_TIME)?,
        lane,
        report,
    };
    let health = visit.lane.health.clone();
    let worked = work(&mut visit, destination).await;
    let Visit {
        mut lane, report, ..
    } = visit;
    // Whatever went wrong, the lane is given back, and what the destination asked for is kept.
    lane.lease_until = None;
    if worked.is_ok() {
        lane.next_due = report.next_due;
        lane.left = report.left;
    } else {
        // Whoever was to be told of its health may not have been.
        lane.health = health;
    }
    let written = json::replace(app.documents(), &lane::key(destination), &lane, &version).await;
    worked?;
    match written {
        Ok(_) | Err(Error::Moved { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    if let Some(next_due) = report.next_due {
        let wait = next_due.duration_since(app.now()).max(SignedDuration::ZERO);
        app.hint(
            &Hint::Deliver {
                destination: destination.to_owned(),
            },
            wait,
        )
        .await?;
    }
    Ok(report)
}

/// What is done while the lane is ours.
async fn work(visit: &mut Visit<'_>, destination: &str) -> anyhow::Result<()> {
    let app = visit.app;
    let unusable = app.channel(destination).and_then(Result::err);
    if let Some(why) = unusable {
        // The lane is not parked, so that it is free in the moment in which the channel can be made.
        tracing::error!(destination, why, "the channel cannot be used");
        visit.report.skipped = Some(format!("the channel cannot be used: {why}"));
        visit.note_unusable(why, app.now()).await?;
    }
    let live = put_away(app, load(app, destination).await?).await?;
    let (live, held_back) = gather::run(visit, live).await?;
    // What is said about one alert arrives in order: later messages wait as long as earlier ones.
    let mut waiting: BTreeMap<Sequence, Timestamp> = BTreeMap::new();
    let mut left = Vec::new();
    for one in live {
        let behind = held_back.of(&one);
        let Live {
            key,
            delivery,
            version,
            ..
        } = one;
        let sequences: Vec<Sequence> = delivery.moments().into_keys().collect();
        let now = app.now();
        let is_parked = visit.lane.not_before.is_some_and(|until| until > now);
        let earlier = sequences.iter().filter_map(|one| waiting.get(one)).max();
        let earlier = earlier.copied().max(behind);
        // What only has to be put away is never sent, so it waits for nobody.
        let is_over = delivery.expires_at <= now;
        let stays = is_parked || unusable.is_some() || earlier.is_some();
        let after = if visit.ends <= now || (stays && !is_over) {
            After::Waits {
                next_at: delivery.next_at,
            }
        } else {
            step(visit, &key, delivery, version).await?
        };
        if !matches!(after, After::Ended) {
            left.push(key);
        }
        let next_at = match after {
            After::Ended => continue,
            After::Waits { next_at } => earlier.map_or(next_at, |earlier| earlier.max(next_at)),
            After::Parks { until, why } => {
                tracing::error!(destination, until = %until, why, "destination is parked");
                visit.park(until, why);
                until
            }
        };
        waiting.extend(sequences.into_iter().map(|sequence| (sequence, next_at)));
        visit.waits_until(next_at);
    }
    meanwhile::run(visit, &left, unusable).await
}

impl Visit<'_> {
    /// Leaves the destination alone until then.
    fn park(&mut self, until: Timestamp, why: String) {
        self.lane.not_before = Some(until);
        self.lane.parked_because = Some(why);
    }

    /// Whether a send that begins now might last longer than our lease. Then nothing is begun any more.
    fn is_short_of_time(&self) -> anyhow::Result<bool> {
        let send_timeout = SignedDuration::try_from(self.app.config().delivery.send_timeout)?;
        Ok(self.app.now().saturating_add(send_timeout)? >= self.lease_until)
    }

    /// Counts a delivery that stays, and when it is due.
    fn waits_until(&mut self, next_at: Timestamp) {
        self.report.left += 1;
        let parked = self.lane.not_before;
        let due = parked.map_or(next_at, |until| until.max(next_at));
        self.looks_again_at(due);
    }

    /// Has the lane visited at that time at the latest.
    fn looks_again_at(&mut self, at: Timestamp) {
        let known = self.report.next_due;
        self.report.next_due = Some(known.map_or(at, |next| next.min(at)));
    }
}

/// The live deliveries of a destination, in the order in which they are to arrive.
async fn load(app: &App, destination: &str) -> anyhow::Result<Vec<Live>> {
    let prefix = format!("{OUTBOX}{destination}/");
    let mut live = Vec::new();
    for key in app.documents().list(&prefix).await? {
        match json::get::<Delivery>(app.documents(), &key).await {
            Ok(Some((delivery, version))) => live.push(Live {
                place: 0,
                key,
                delivery,
                version,
            }),
            Ok(None) => {}
            Err(error @ Error::Corrupt { .. }) => {
                // Somebody must look; the others go on.
                tracing::error!(key, error = %error, "a delivery cannot be read");
            }
            Err(error) => return Err(error.into()),
        }
    }
    let deliveries: Vec<&Delivery> = live.iter().map(|one| &one.delivery).collect();
    for (place, index) in gathering::order(&deliveries).into_iter().enumerate() {
        live[index].place = place;
    }
    live.sort_by_key(|one| one.place);
    Ok(live)
}

/// Finishes what a killed worker has ended and not moved to the history, and gives the rest. It comes
/// before all else: the history says who tells of what.
async fn put_away(app: &App, live: Vec<Live>) -> anyhow::Result<Vec<Live>> {
    let mut rest = Vec::new();
    for one in live {
        if one.delivery.state.is_final() {
            fate::archive(app, &one.key, &one.delivery, &one.version).await?;
        } else {
            rest.push(one);
        }
    }
    Ok(rest)
}

/// Sends everything that is due now, in all lanes. For the command line, which has no queue workers.
pub async fn run_all(app: &App) -> anyhow::Result<Vec<Report>> {
    visit_all(app, |_| true).await
}

/// Sends what an answer has let go, in all lanes. A channel that cannot be made here is left to whoever
/// can: not every place where people answer knows its secrets.
pub async fn run_released(app: &App) -> anyhow::Result<Vec<Report>> {
    let is_usable = |name: &str| !matches!(app.channel(name), Some(Err(_)));
    visit_all(app, is_usable).await
}

async fn visit_all(app: &App, is_meant: impl Fn(&str) -> bool) -> anyhow::Result<Vec<Report>> {
    let mut reports = Vec::new();
    // What fails in one lane makes work in that of the fallback, and nothing there makes more.
    let mut visited: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..2 {
        for destination in app.destinations_with_work().await? {
            if !is_meant(&destination) {
                continue;
            }
            let prefix = format!("{OUTBOX}{destination}/");
            let waiting = app.documents().list(&prefix).await?.len();
            if visited.get(&destination) == Some(&waiting) {
                continue;
            }
            loop {
                let report = run(app, &destination).await?;
                let again = report.sent > 0 && report.next_due.is_some_and(|due| due <= app.now());
                visited.insert(destination.clone(), report.left);
                reports.push(report);
                if !again {
                    break;
                }
            }
        }
    }
    Ok(reports)
}
