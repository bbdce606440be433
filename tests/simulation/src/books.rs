//! The books: everything that was decided, promised and told, and what must never be seen in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use budget_engine::Change;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::configurations::CANARY;
use crate::world::{Sending, WORKERS};

/// What must hold after every schedule, and where possible at every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// I1: a transition is decided once and stays as it was decided; a crossing is not told again
    /// unless it was withdrawn or resolved in between, and is not forgotten.
    DecidedOnce,
    /// I2: everything that was routed ends in a recorded fate, and the fate is true.
    Terminal,
    /// I3: of several arrivals of one delivery at most one is not marked.
    ToldOnce,
    /// I4: what arrives about one alert at one place comes in the order of its numbers.
    InOrder,
    /// I5: what undoes a notice arrives only where that notice arrived or may have.
    NothingOutOfTheBlue,
    /// I6: one worker at a time sends to a destination, and none while it asked to wait.
    OneAtATime,
    /// I7: secrets are in no document, message, log or payload.
    NoSecrets,
    /// I8: without faults everything comes to rest.
    Drains,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = match self {
            Invariant::DecidedOnce => 1,
            Invariant::Terminal => 2,
            Invariant::ToldOnce => 3,
            Invariant::InOrder => 4,
            Invariant::NothingOutOfTheBlue => 5,
            Invariant::OneAtATime => 6,
            Invariant::NoSecrets => 7,
            Invariant::Drains => 8,
        };
        write!(f, "I{number} {self:?}")
    }
}

/// The part of a ledger that the books look at.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) alerts: BTreeMap<String, Alert>,
    pub(crate) transitions: Vec<Transition>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Alert {
    pub(crate) when: String,
    pub(crate) state: State,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Firing,
    Covered { by: String },
    Withdrawn,
    Resolved,
    Closed,
}

impl Ledger {
    /// Whether people were told of an alert, or by another one, and nothing was taken back.
    pub(crate) fn is_told(&self, state: &State) -> bool {
        match state {
            State::Firing => true,
            State::Covered { by } => {
                let by = self.alerts.get(by);
                by.is_some_and(|by| matches!(by.state, State::Firing | State::Covered { .. }))
            }
            _ => false,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Transition {
    pub(crate) alert: String,
    pub(crate) threshold: String,
    pub(crate) sequence: u32,
    pub(crate) change: Change,
    pub(crate) at: Timestamp,
    pub(crate) route: Option<Vec<Routed>>,
    pub(crate) routed: bool,
    /// What it takes back or ends, as ids.
    #[serde(default)]
    pub(crate) follows: Vec<String>,
}

impl Transition {
    fn id(&self) -> String {
        format!("{}-{}", self.alert, self.sequence)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Routed {
    pub(crate) id: String,
    pub(crate) destination: String,
    pub(crate) recipient: Option<String>,
}

/// The part of a lane that the books look at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lane {
    lease_until: Option<Timestamp>,
    fence: u64,
    not_before: Option<Timestamp>,
}

/// The part of a finished delivery that the books look at.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Finished {
    pub(crate) id: String,
    pub(crate) destination: String,
    pub(crate) state: Fate,
    pub(crate) notice: Said,
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fate {
    Delivered,
    Accepted,
    Dead,
    Expired,
    Suppressed { by: Option<String>, why: String },
}

/// The part of a notice that the books look at.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Said {
    #[serde(default)]
    pub(crate) maybe_duplicate: bool,
    #[serde(default)]
    pub(crate) instead_of: Option<String>,
    pub(crate) message: About,
}

/// What a notice is about.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum About {
    Crossing(Crossing),
    #[serde(untagged)]
    Else(serde::de::IgnoredAny),
}

/// What happened to an alert.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Crossing {
    pub(crate) alert: String,
    pub(crate) sequence: u32,
    pub(crate) change: Change,
}

/// How often a delivery arrived.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Arrivals {
    pub(crate) all: u32,
    pub(crate) unmarked: u32,
}

/// What the books hold against a schedule.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) invariant: Invariant,
    pub(crate) what: String,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) violations: Vec<Violation>,
    pub(crate) ledgers: BTreeMap<String, Ledger>,
    lanes: BTreeMap<String, Lane>,
    /// The lease with which a worker's job may send, by destination.
    leases: [BTreeMap<String, u64>; WORKERS],
    /// Since when a worker's job knows that a destination waits, and until when.
    told_to_wait: [BTreeMap<String, Timestamp>; WORKERS],
    /// Until when a destination waits, as was stored.
    parked: BTreeMap<String, Timestamp>,
    /// How often a delivery arrived at a destination.
    pub(crate) arrivals: BTreeMap<(String, String), Arrivals>,
    /// The newest that arrived about an alert at a place.
    last: BTreeMap<(String, String, Option<String>), Timestamp>,
    /// Deliveries that arrived, or may have.
    reached: BTreeSet<String>,
    /// What was refused for certain, until its sender has written that down: if it never does, nobody
    /// else can know.
    refused: [Option<Sending>; WORKERS],
    /// The destination of each delivery that comes from a decision.
    routed: BTreeMap<String, String>,
    /// The alert of each transition.
    alerts: BTreeMap<String, String>,
    /// Where the notices of a transition go.
    routes: BTreeMap<String, Vec<Routed>>,
    /// Sends of workers whose lease was over, which freezing makes possible.
    pub(crate) beyond_lease: u64,
    /// Whether workers may stand still for longer than their leases.
    pub(crate) freezes: bool,
    /// Whether every document is looked through.
    pub(crate) looks_for_secrets: bool,
}

/// By how much two clocks may differ.
pub(crate) const LARGEST_SKEW: SignedDuration = SignedDuration::from_secs(25);

impl Books {
    pub(crate) fn accuse(&mut self, invariant: Invariant, what: String) {
        self.violations.push(Violation { invariant, what });
    }

    pub(crate) fn secret_in(&mut self, place: &str) {
        self.accuse(Invariant::NoSecrets, format!("a secret is in {place}"));
    }

    /// A worker begins another job, or another worker takes its place.
    pub(crate) fn job_begins(&mut self, worker: usize) {
        self.leases[worker].clear();
        self.told_to_wait[worker].clear();
        if let Some(sending) = self.refused[worker].take() {
            self.may_have_arrived(&sending);
        }
    }

    /// A destination has refused a notice for certain.
    pub(crate) fn refuses(&mut self, worker: usize, sending: Sending) {
        self.refused[worker] = Some(sending);
    }

    /// A delivery was written: by the sender of what was refused, or by another worker that cannot
    /// know of that.
    fn wrote_delivery(&mut self, worker: usize, key: &str) {
        for sender in 0..WORKERS {
            let refused = &mut self.refused[sender];
            let refused = refused.take_if(|sending| key.ends_with(&sending.delivery));
            if let Some(sending) = refused.filter(|_| sender != worker) {
                self.may_have_arrived(&sending);
            }
        }
    }

    /// A document was written.
    pub(crate) fn wrote(&mut self, worker: usize, key: &str, bytes: &[u8]) {
        let is_sample = self.looks_for_secrets;
        if is_sample && std::str::from_utf8(bytes).is_ok_and(|text| text.contains(CANARY)) {
            self.secret_in(key);
        }
        if key.starts_with("ledger/") {
            match serde_json::from_slice(bytes) {
                Ok(ledger) => self.decided(key, ledger),
                Err(error) => panic!("the books cannot read {key}: {error}"),
            }
        } else if key.starts_with("outbox/") {
            self.wrote_delivery(worker, key);
        } else if let Some(destination) = key.strip_prefix("lanes/") {
            let lane: Lane = match serde_json::from_slice(bytes) {
                Ok(lane) => lane,
                Err(error) => panic!("the books cannot read {key}: {error}"),
            };
            if lane.lease_until.is_some() {
                self.leases[worker].insert(destination.to_owned(), lane.fence);
                // Whoever had the lane before, and stood still until its lease was over, cannot write
                // down any more what it was told: the destination is asked once more.
                for (told, leases) in self.told_to_wait.iter_mut().zip(&self.leases) {
                    let lease = leases.get(destination);
                    if lease.is_some_and(|fence| *fence < lane.fence) {
                        told.remove(destination);
                    }
                }
            } else {
                self.leases[worker].remove(destination);
            }
            if let Some(until) = lane.not_before {
                self.parked.insert(destination.to_owned(), until);
            }
            self.lanes.insert(destination.to_owned(), lane);
        }
    }

    fn decided(&mut self, key: &str, ledger: Ledger) {
        let before = self.ledgers.remove(key).unwrap_or_default();
        let known = before.transitions.len();
        for (index, old) in before.transitions.iter().enumerate() {
            let Some(new) = ledger
                .transitions
                .get(index)
                .filter(|new| new.id() == old.id() && new.change == old.change && new.at == old.at)
            else {
                let what = format!(
                    "{key}: transition {} of {} is gone",
                    old.id(),
                    old.threshold
                );
                self.accuse(Invariant::DecidedOnce, what);
                continue;
            };
            if old.route.is_some() && new.route != old.route {
                let what = format!("{key}: the route of {} has changed", old.id());
                self.accuse(Invariant::DecidedOnce, what);
            }
        }
        for (index, new) in ledger.transitions.iter().enumerate().skip(known) {
            let earlier = ledger.transitions[..index].iter();
            let last = earlier.rev().find(|one| one.alert == new.alert);
            if new.sequence != last.map_or(1, |last| last.sequence + 1) {
                let what = format!("{key}: {} does not follow {last:?}", new.id());
                self.accuse(Invariant::DecidedOnce, what);
            }
            self.alerts.insert(new.id(), new.alert.clone());
            if let Some(route) = &new.route {
                let places = route.iter();
                self.routed
                    .extend(places.map(|one| (one.id.clone(), one.destination.clone())));
                self.routes.insert(new.id(), route.clone());
            }
            let stood = before.alerts.get(&new.threshold).filter(|old| {
                let now = ledger.alerts.get(&new.threshold);
                ledger.is_told(&old.state) && now.is_some_and(|now| now.when == old.when)
            });
            if new.change == Change::Fired && stood.is_some() {
                let what = format!("{key}: {} is told again while it stands", new.threshold);
                self.accuse(Invariant::DecidedOnce, what);
            }
        }
        self.ledgers.insert(key.to_owned(), ledger);
    }

    /// A worker is about to send. Says whether its lease is over.
    pub(crate) fn sends(
        &mut self,
        worker: usize,
        destination: &str,
        others: usize,
        now: Timestamp,
    ) -> bool {
        let lane = self.lanes.get(destination).cloned().unwrap_or_default();
        let lease = self.leases[worker].get(destination).copied();
        let beyond = lease != Some(lane.fence);
        if beyond {
            self.beyond_lease += 1;
        }
        if beyond && self.freezes {
            return true;
        }
        if beyond {
            let what = format!(
                "worker {worker} sends to {destination} with lease {lease:?}, and the lane has {}",
                lane.fence
            );
            self.accuse(Invariant::OneAtATime, what);
        }
        if others > 0 && !self.freezes {
            let what = format!("two workers send to {destination} at once");
            self.accuse(Invariant::OneAtATime, what);
        }
        let latest = now.saturating_add(LARGEST_SKEW).unwrap_or(now);
        let waits = [&self.parked, &self.told_to_wait[worker]];
        let until = waits.iter().filter_map(|parked| parked.get(destination));
        if let Some(until) = until.max().copied().filter(|until| *until > latest) {
            let what = format!("{destination} asked to wait until {until}, and it is {now}");
            self.accuse(Invariant::OneAtATime, what);
        }
        beyond
    }

    /// What a destination has answered cannot be written down: the visit fails, and with it goes
    /// what it knew.
    pub(crate) fn visit_fails(&mut self, worker: usize) {
        self.told_to_wait[worker].clear();
        if let Some(sending) = self.refused[worker].take() {
            self.may_have_arrived(&sending);
        }
    }

    /// A delivery was marked as being sent, and whoever did it does not know and sends nothing: all
    /// others have to take it for sent.
    pub(crate) fn marked_in_vain(&mut self, delivery: &[u8]) {
        let delivery: serde_json::Value = serde_json::from_slice(delivery).unwrap_or_default();
        if delivery.pointer("/state/sending").is_none() {
            return;
        }
        let carried = delivery.pointer("/notice/carried");
        let carried = carried
            .and_then(|list| list.as_array())
            .into_iter()
            .flatten();
        let ids = carried.map(|one| &one["delivery"]).chain([&delivery["id"]]);
        self.reached
            .extend(ids.filter_map(|id| id.as_str()).map(str::to_owned));
    }

    /// A destination has told a worker to wait.
    pub(crate) fn asked_to_wait(&mut self, worker: usize, destination: &str, until: Timestamp) {
        self.told_to_wait[worker].insert(destination.to_owned(), until);
    }

    /// A notice has arrived. `beyond` says that its sender has slept through its lease: then nothing
    /// can keep the order.
    pub(crate) fn arrived(&mut self, sending: &Sending, beyond: bool) {
        let carried = sending.carried.iter().map(|one| &one.delivery);
        for delivery in std::iter::once(&sending.delivery).chain(carried) {
            // What is told in place of another may have arrived there after all.
            let place = (delivery.clone(), sending.destination.clone());
            let arrivals = self.arrivals.entry(place).or_default();
            arrivals.all += 1;
            arrivals.unmarked += u32::from(!sending.marked);
            if arrivals.unmarked > 1 {
                let what = format!(
                    "delivery {delivery} arrived twice at {} without a mark",
                    sending.destination
                );
                self.violations.push(Violation {
                    invariant: Invariant::ToldOnce,
                    what,
                });
            }
        }
        if let Some(payload) = &sending.payload {
            match payload {
                Ok(payload) => {
                    let text = String::from_utf8_lossy(&payload.bytes);
                    if text.contains(CANARY) {
                        self.secret_in("a payload");
                    }
                }
                Err(error) => panic!("a notice has no payload: {error}"),
            }
        }
        // What did not arrive elsewhere comes when that is known.
        if !sending.is_instead {
            self.in_order(sending, beyond);
        }
        self.may_have_arrived(sending);
    }

    fn in_order(&mut self, sending: &Sending, beyond: bool) {
        let own = sending.transition.iter().map(|told| (&told.alert, told.at));
        let followed = sending.transition.iter().flat_map(|told| {
            let routes = told.follows.iter().filter_map(|id| self.alerts.get(id));
            routes.map(|alert| (alert, told.at))
        });
        let own = own.chain(followed);
        let carried = sending.carried.iter().filter(|one| {
            let routed = self.routed.get(&one.delivery);
            routed == Some(&sending.destination)
        });
        let carried = carried.map(|one| (&one.alert, one.at));
        // Of one alert the newest counts, so that a repetition of the whole is in order.
        let mut newest: BTreeMap<&String, Timestamp> = BTreeMap::new();
        for (alert, at) in own.chain(carried) {
            let known = newest.entry(alert).or_insert(at);
            *known = at.max(*known);
        }
        for (alert, at) in newest {
            let place = (
                alert.clone(),
                sending.destination.clone(),
                sending.recipient.clone(),
            );
            let last = self.last.entry(place).or_insert(at);
            if at < *last && !beyond {
                let what = format!(
                    "what happened to {alert} at {at} arrived at {} after what happened at {last}",
                    sending.destination
                );
                self.violations.push(Violation {
                    invariant: Invariant::InOrder,
                    what,
                });
            }
            *last = at.max(*last);
        }
    }

    /// Nobody knows whether a notice has arrived.
    pub(crate) fn may_have_arrived(&mut self, sending: &Sending) {
        self.reached.insert(sending.delivery.clone());
        let carried = sending.carried.iter().map(|one| one.delivery.clone());
        self.reached.extend(carried);
    }

    /// A notice arrives. If it ends what was told before, that must have been heard of there, or be
    /// told with it.
    pub(crate) fn ends(&mut self, sending: &Sending) {
        let Some(told) = sending.transition.as_ref().filter(|told| {
            let urges = matches!(
                told.change,
                Change::Fired | Change::Reminded | Change::Escalated
            );
            // What tells of other alerts, too, has always something to say.
            let tells_of_others = sending.carried.iter().any(|one| one.alert != told.alert);
            !urges && !sending.is_instead && !tells_of_others
        }) else {
            return;
        };
        let routes = told.follows.iter().filter_map(|id| self.routes.get(id));
        let mut earlier = routes.flatten().filter(|routed| {
            routed.destination == sending.destination && routed.recipient == sending.recipient
        });
        let is_told_now = |id: &String| sending.carried.iter().any(|one| one.delivery == *id);
        if !earlier.any(|routed| self.reached.contains(&routed.id) || is_told_now(&routed.id)) {
            let what = format!(
                "{} ({:?}) arrived at {}, which never heard of {:?}",
                told.id, told.change, sending.destination, told.follows
            );
            self.accuse(Invariant::NothingOutOfTheBlue, what);
        }
    }
}
