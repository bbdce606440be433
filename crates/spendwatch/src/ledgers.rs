//! Ledgers in the store: how a decision is written, and how its notices are routed.
//!
//! Order of writes, so that a kill anywhere loses nothing: a marker that says "look at this ledger";
//! the ledger with its transitions and their frozen routes (one conditional write, which is what
//! decides); the deliveries; the transitions marked as routed; the marker removed. The caller sends
//! the hints.

use std::collections::BTreeSet;

use budget_engine::{Alert, AlertState, Budget, Decision, Ledger, Status};
use jiff::{SignedDuration, Timestamp};
use state_store::{Error, Version, json};

use crate::app::{App, Hint};
use crate::jobs::deliver;
use crate::{actions, answers, outbox, routing};

/// How often a ledger is read again after another writer was first.
pub(crate) const TRIES: usize = 8;

/// How long after what was lost it is tried again to tell of it.
const TELL_LOST_AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// Prefix of the markers of ledgers in which a crossing stands.
pub(crate) const OPEN: &str = "open/";

/// Key of a ledger.
pub(crate) fn key(budget: &str, period_key: &str) -> String {
    format!("ledger/{budget}/{period_key}")
}

/// What is to be written.
pub(crate) struct Decided<'a> {
    /// The budget, unless it has left the configuration.
    pub(crate) budget: Option<&'a Budget>,
    /// The decisions that made new transitions; empty for what people or the clock did.
    pub(crate) decisions: &'a [Decision],
    /// The ledger after them.
    pub(crate) ledger: Ledger,
}

/// Writes a ledger, if it is still as it was read (`None` for one that was not there), and makes the
/// deliveries of its new transitions. `None` when somebody else has written it since: read it again.
pub(crate) async fn commit(
    app: &App,
    before: Option<(Ledger, Version)>,
    decided: Decided<'_>,
) -> anyhow::Result<Option<Routed>> {
    let mut next = decided.ledger;
    let key = key(&next.budget, &next.period_key);
    for index in 0..next.transitions.len() {
        let (earlier, rest) = next.transitions.split_at_mut(index);
        if let Some(transition) = rest.first_mut().filter(|one| one.route.is_none()) {
            let route = routing::route(app.config(), decided.budget, earlier, transition);
            transition.route = Some(route);
            transition.actions = actions::route(
                app.config(),
                &next.budget,
                &next.alerts,
                decided.decisions,
                transition,
            );
        }
    }
    let pending = next.transitions.iter().any(|transition| !transition.routed);
    let marker = match pending {
        true => Some(mark(app, &next.budget, &next.period_key).await?),
        false => None,
    };
    let was_open = before.as_ref().is_some_and(|(ledger, _)| ledger.is_open());
    if next.is_open() && !was_open {
        // First, so that a ledger that is open always has it.
        let marker = format!("{OPEN}{}/{}", next.budget, next.period_key);
        match json::create(app.documents(), &marker, &app.now()).await {
            Ok(_) | Err(Error::Exists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (budget, period_key) = (next.budget.clone(), next.period_key.clone());
    let written = match &before {
        Some((_, version)) => json::replace(app.documents(), &key, &next, version).await,
        None => json::create(app.documents(), &key, &next).await,
    };
    match written {
        Ok(version) => {
            let mut routed = Routed::default();
            if let Some(marker) = marker {
                routed = deliveries_of(app, &key, next, version).await?;
                unmark(app, &budget, &period_key, &marker).await?;
            }
            Ok(Some(routed))
        }
        Err(Error::Moved { .. } | Error::Exists { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What routing a ledger made.
#[derive(Debug, Default)]
pub(crate) struct Routed {
    pub(crate) deliveries: usize,
    /// What news reached nobody: the threshold, and what happened to it.
    pub(crate) nobody: Vec<String>,
    pub(crate) hints: BTreeSet<Hint>,
}

/// Puts the deliveries of a ledger's transitions into the outbox and their actions beside it, then
/// marks them as routed.
///
/// Safe to repeat: deliveries and actions have deterministic ids and are made only if they are not there. A
/// ledger that moved meanwhile is left to whoever moved it, and to the sweep.
pub(crate) async fn deliveries_of(
    app: &App,
    key: &str,
    mut ledger: Ledger,
    version: Version,
) -> anyhow::Result<Routed> {
    let mut routed = Routed::default();
    let alerts = ledger.alerts.clone();
    for index in 0..ledger.transitions.len() {
        let (earlier, rest) = ledger.transitions.split_at_mut(index);
        let Some(transition) = rest.first_mut().filter(|one| !one.routed) else {
            continue;
        };
        let Some(route) = &transition.route else {
            continue;
        };
        if transition.reaches_nobody() {
            let (threshold, change) = (&transition.threshold, transition.change.as_str());
            routed.nobody.push(format!("{threshold} {change}"));
            tracing::error!(
                budget.id = ledger.budget,
                threshold = transition.threshold,
                "a notice reaches nobody: its destinations are empty and there is no fallback"
            );
        }
        for one in route {
            let mut delivery = routing::delivery(app.config(), earlier, transition, one);
            delivery.notice.links = answers::links(app, transition, &one.id);
            if outbox::put(app.documents(), &delivery).await? {
                routed.deliveries += 1;
            }
            let destination = one.destination.clone();
            routed.hints.insert(Hint::Deliver { destination });
        }
        for one in &transition.actions {
            let put = actions::put(
                app.documents(),
                app.config(),
                &alerts,
                transition,
                one,
                app.now(),
            );
            if let Some(action) = put.await? {
                routed.hints.insert(Hint::Act { action });
            }
        }
        transition.routed = true;
    }
    match json::replace(app.documents(), key, &ledger, &version).await {
        Ok(_) | Err(Error::Moved { .. }) => Ok(routed),
        Err(error) => Err(error.into()),
    }
}

/// Whether an alert fires, and all that was sent of it has ended without arriving anywhere.
pub(crate) async fn is_lost(app: &App, ledger: &Ledger, alert: &Alert) -> anyhow::Result<bool> {
    let Some(fired) = ledger
        .fired(alert)
        .filter(|_| alert.state == AlertState::Firing)
    else {
        return Ok(false);
    };
    let own = ledger.transitions.iter().filter(|one| {
        one.alert == alert.id && one.sequence >= fired.sequence && one.change.is_news()
    });
    for transition in own {
        let Some(route) = &transition.route else {
            return Ok(false);
        };
        for routed in route {
            if !deliver::is_lost(app, transition.at, routed).await? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// The ledger in which alerts are told again of which nothing has arrived for a day, and what of it
/// stands without anybody knowing.
pub(crate) async fn told_anew(
    app: &App,
    budget: &Budget,
    ledger: Ledger,
    status: &Status,
) -> anyhow::Result<(Ledger, Vec<String>)> {
    let mut nobody = untold(app, budget, &ledger, Some(status));
    let mut next = ledger.clone();
    for (key, alert) in &ledger.alerts {
        if ledger.is_untold(alert) || !is_lost(app, &ledger, alert).await? {
            continue;
        }
        nobody.push(format!("{key} stands"));
        let mut newest = ledger.transitions.iter().rev();
        let news = newest.find(|one| one.alert == alert.id && one.change.is_news());
        let is_old = news.is_some_and(|news| app.now().duration_since(news.at) >= TELL_LOST_AGAIN);
        if is_old && let Some(again) = told_at_last(app, budget, &next, key, Some(status)) {
            next = again;
        }
    }
    Ok((next, nobody))
}

/// The ledger in which an alert whose news reached nobody is told again, if there is somebody now.
pub(crate) fn told_at_last(
    app: &App,
    budget: &Budget,
    ledger: &Ledger,
    key: &str,
    status: Option<&Status>,
) -> Option<Ledger> {
    let again = ledger.tell_again(key, status, app.now())?;
    let (last, earlier) = again.transitions.split_last()?;
    let route = routing::route(app.config(), Some(budget), earlier, last);
    (!route.is_empty()).then_some(again)
}

/// What of a ledger stands, has reached nobody, and would reach nobody today.
pub(crate) fn untold(
    app: &App,
    budget: &Budget,
    ledger: &Ledger,
    status: Option<&Status>,
) -> Vec<String> {
    let alerts = ledger.alerts.iter();
    let untold = alerts.filter(|(key, alert)| {
        ledger.is_untold(alert) && told_at_last(app, budget, ledger, key, status).is_none()
    });
    untold.map(|(key, _)| format!("{key} stands")).collect()
}

pub(crate) fn marker_key(budget: &str, period_key: &str) -> String {
    format!("unrouted/{budget}/{period_key}")
}

/// Says that a ledger is about to have work. Always a write of its own, so that whoever removes a
/// marker removes none that somebody else relies on.
async fn mark(app: &App, budget: &str, period_key: &str) -> anyhow::Result<Version> {
    let key = marker_key(budget, period_key);
    for _ in 0..TRIES {
        let stored: Option<(Timestamp, Version)> = json::get(app.documents(), &key).await?;
        let written = match &stored {
            Some((_, version)) => json::replace(app.documents(), &key, &app.now(), version).await,
            None => json::create(app.documents(), &key, &app.now()).await,
        };
        match written {
            Ok(version) => return Ok(version),
            Err(Error::Moved { .. } | Error::Exists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    anyhow::bail!("the marker {key} is being written by others again and again")
}

/// Removes our own marker. One that was written since stays, for the sweep or its writer.
async fn unmark(app: &App, budget: &str, period_key: &str, marker: &Version) -> anyhow::Result<()> {
    match app
        .documents()
        .delete(&marker_key(budget, period_key), marker)
        .await
    {
        Ok(()) | Err(Error::Moved { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
