//! The ledger: what was decided about one budget in one period, and the facts of every decision.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::anomaly::Anomaly;
use crate::budget::{Severity, ThresholdKind};
use crate::decide::Reason;
use crate::money::Money;
use crate::period::Period;
use crate::status::{Percent, Status};

/// The alerts and transitions of one budget in one period. One document in the store; it changes
/// only by a conditional write, which is what decides a crossing once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// Layout of the document; 1.
    pub version: u32,
    /// Id of the budget.
    pub budget: String,
    /// Key of the period.
    pub period_key: String,
    /// When the budget was last evaluated.
    pub evaluated_at: Option<Timestamp>,
    /// How old the data of that evaluation were. Older data never overwrite newer.
    pub as_of: Option<Timestamp>,
    /// First and last day of the data so far. Data that cover less undo nothing: what is missing is
    /// not zero.
    #[serde(default)]
    pub covered: Option<Period>,
    /// Days within those on which no data had a row so far, see [`Status::gaps`].
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub gaps: BTreeSet<Date>,
    /// Alerts by [`AlertKey`].
    pub alerts: BTreeMap<String, Alert>,
    /// Everything that happened, oldest first.
    pub transitions: Vec<Transition>,
}

/// A crossing with a life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Deterministic id, see [`alert_id`].
    pub id: String,
    /// Id of the threshold, without the step.
    pub threshold: String,
    /// Its kind.
    pub kind: ThresholdKind,
    /// The condition as it was configured. Another one under the same id is another question.
    pub when: String,
    /// Step of a repeating threshold, from 1; 0 otherwise.
    pub step: u32,
    /// Where it stands.
    pub state: AlertState,
    /// Number of the last transition; 0 when it was only ever covered.
    pub sequence: u32,
    /// When it was first crossed.
    pub since: Timestamp,
    /// Planned amount at that time, to tell a changed plan from restated data.
    pub planned: Money,
    /// Last day with data at that time: until that day is settled, a forecast that looks better
    /// ends nothing.
    #[serde(default)]
    pub data_to: Option<Date>,
    /// The event that it is about, as it is known now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anomaly: Option<Box<Anomaly>>,
    /// Who said that they know of it, since it fired.
    #[serde(default)]
    pub acknowledged: Option<Acknowledgement>,
}

/// Somebody knows of an alert and is on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledgement {
    /// When they said so.
    pub at: Timestamp,
    /// Who: a name, or whose link it was. Untrusted text.
    pub by: String,
    /// What they wrote. Untrusted text.
    pub note: Option<String>,
}

/// Where an alert stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertState {
    /// Crossed and told.
    Firing,
    /// Crossed in the same step as a higher one, whose notice tells of both.
    Covered {
        /// Key of the higher alert in [`Ledger::alerts`].
        by: String,
    },
    /// The crossing was undone by restated data or a changed plan.
    Withdrawn,
    /// No longer true, and it was right when it was told: data that arrived, a forecast or pace
    /// below its level again, a condition that was configured anew. The next crossing fires again.
    Resolved,
    /// Its period is over.
    Closed,
}

impl AlertState {
    /// Whether the crossing stands.
    pub fn stands(&self) -> bool {
        matches!(self, AlertState::Firing | AlertState::Covered { .. })
    }
}

/// One change of an alert that somebody is to be told, with the facts that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    /// Id of the alert.
    pub alert: String,
    /// Key of the alert in [`Ledger::alerts`].
    pub threshold: String,
    /// Kind of the threshold.
    pub kind: ThresholdKind,
    /// The condition as it was configured.
    pub when: String,
    /// Number within the alert, from 1.
    pub sequence: u32,
    /// What happened.
    pub change: Change,
    /// When it was decided.
    pub at: Timestamp,
    /// How urgent.
    pub severity: Severity,
    /// Why.
    pub reason: Reason,
    /// Conditions crossed in the same step that this transition tells of too.
    pub also: Vec<String>,
    /// The figures.
    pub status: Box<Status>,
    /// The event that it is about, as it was known then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anomaly: Option<Box<Anomaly>>,
    /// Destinations of the threshold and of those it covers.
    pub notify: Vec<String>,
    /// Ids of the transitions that it follows up: those that a correction takes back, that a
    /// resolution ends, that a reminder repeats. It goes to their recipients.
    #[serde(default, alias = "takesBack")]
    pub follows: Vec<String>,
    /// Ids of transitions of which it takes back what they told besides: their own alerts go on, or
    /// have ended before. It goes to their recipients, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corrects: Vec<String>,
    /// Parts of the budget that are over as well: the alerts of its children when it fired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Planned events that were going on: untrusted text, in the order of the configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// What is to be done because of it, frozen like the route. Only crossings of spend to date have
    /// any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<RoutedAction>,
    /// The deliveries this transition became, frozen before the first one is written, so that a
    /// second routing pass meets the same ones.
    pub route: Option<Vec<RoutedDelivery>>,
    /// Whether all of those deliveries are in the outbox.
    pub routed: bool,
}

/// An alert of a child of the budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Id of the child.
    pub budget: String,
    /// Its name: untrusted text.
    pub name: String,
    /// The condition that is met.
    pub when: String,
    /// The child's spend to date as percent of its planned amount, when the child was last told of.
    pub percent: Percent,
}

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It fired.
    Fired,
    /// Nobody has acknowledged it: whoever was told is told again.
    Reminded,
    /// Nobody has acknowledged it: others are told.
    Escalated,
    /// Somebody knows of it. For places that show its state.
    Acknowledged,
    /// It is no longer true.
    Resolved,
    /// It was withdrawn: a correction.
    Withdrawn,
    /// Its period is over. For places that show its state.
    Closed,
}

impl Change {
    /// All.
    pub const ALL: [Change; 7] = [
        Change::Fired,
        Change::Reminded,
        Change::Escalated,
        Change::Acknowledged,
        Change::Resolved,
        Change::Withdrawn,
        Change::Closed,
    ];

    /// The word used in payloads, logs and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Fired => "fired",
            Change::Reminded => "reminded",
            Change::Escalated => "escalated",
            Change::Acknowledged => "acknowledged",
            Change::Resolved => "resolved",
            Change::Withdrawn => "withdrawn",
            Change::Closed => "closed",
        }
    }

    /// Whether people are told. The others only change what is shown of an alert, so they go to
    /// places that show its state.
    pub fn is_news(self) -> bool {
        !matches!(self, Change::Acknowledged | Change::Closed)
    }

    /// Whether the alert stands after it.
    pub fn leaves_standing(self) -> bool {
        match self {
            Change::Fired | Change::Reminded | Change::Escalated | Change::Acknowledged => true,
            Change::Resolved | Change::Withdrawn | Change::Closed => false,
        }
    }
}

/// One delivery that a transition became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoutedDelivery {
    /// Deterministic id.
    pub id: String,
    /// Name of the destination.
    pub destination: String,
    /// The one recipient, for channels that have them.
    pub recipient: Option<String>,
}

/// One action that a transition became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoutedAction {
    /// Deterministic id.
    pub id: String,
    /// Name of the action in the configuration.
    pub action: String,
    /// Key of the alert in [`Ledger::alerts`] whose threshold asks for it.
    pub threshold: String,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(budget: &str, period_key: &str) -> Self {
        Ledger {
            version: 1,
            budget: budget.into(),
            period_key: period_key.into(),
            evaluated_at: None,
            as_of: None,
            covered: None,
            gaps: BTreeSet::new(),
            alerts: BTreeMap::new(),
            transitions: Vec::new(),
        }
    }

    /// Whether a crossing stands.
    pub fn is_open(&self) -> bool {
        self.alerts.values().any(|alert| alert.state.stands())
    }

    /// Whether an alert stands and was told: on its own, or by the notice of a higher one that still
    /// stands.
    pub fn is_told(&self, alert: &Alert) -> bool {
        match &alert.state {
            AlertState::Firing => true,
            AlertState::Covered { by } => {
                let by = self.alerts.get(by);
                by.is_some_and(|by| by.state.stands())
            }
            AlertState::Withdrawn | AlertState::Resolved | AlertState::Closed => false,
        }
    }

    /// The transition by which an alert fired the last time.
    pub fn fired(&self, alert: &Alert) -> Option<&Transition> {
        let mut newest = self.transitions.iter().rev();
        newest.find(|one| one.change == Change::Fired && one.alert == alert.id)
    }

    /// When the next transition happens: now, but after the last one, because they are told in the
    /// order of their times.
    pub(crate) fn next_moment(&self, now: Timestamp) -> Timestamp {
        let last = self.transitions.last().map(|transition| transition.at);
        last.map_or(now, |last| {
            now.max(last.saturating_add(SECOND).unwrap_or(now))
        })
    }

    /// Adds a transition of an alert, with the next number. `None` if there is no such alert.
    pub(crate) fn tell(
        &mut self,
        key: &str,
        change: Change,
        reason: Reason,
        severity: Severity,
        status: &Status,
        at: Timestamp,
    ) -> Option<&mut Transition> {
        let alert = self.alerts.get_mut(key)?;
        alert.sequence += 1;
        self.transitions.push(Transition {
            alert: alert.id.clone(),
            threshold: key.to_owned(),
            kind: alert.kind,
            when: alert.when.clone(),
            sequence: alert.sequence,
            change,
            at,
            severity,
            reason,
            also: Vec::new(),
            status: Box::new(told_with(status)),
            anomaly: alert.anomaly.clone(),
            notify: Vec::new(),
            follows: Vec::new(),
            corrects: Vec::new(),
            parts: Vec::new(),
            events: Vec::new(),
            actions: Vec::new(),
            route: None,
            routed: false,
        });
        self.transitions.last_mut()
    }
}

/// The figures as they are kept with what is told: of events those that go on, without what made them
/// up, because many transitions are kept.
fn told_with(status: &Status) -> Status {
    let mut status = status.clone();
    if let Some(anomalies) = &mut status.anomalies {
        anomalies.incidents.retain(|one| one.is_open);
        for one in &mut anomalies.incidents {
            one.drivers.clear();
        }
    }
    status
}

/// The resolution in which transitions of a ledger are ordered.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

impl Transition {
    /// Id of the transition: the alert and the number.
    pub fn id(&self) -> String {
        format!("{}-{}", self.alert, self.sequence)
    }

    /// Ids of all transitions to whose recipients it goes: those that it follows up or corrects.
    pub fn answers(&self) -> impl Iterator<Item = &String> {
        self.follows.iter().chain(&self.corrects)
    }

    /// Whether it answers another transition.
    pub fn is_answer(&self) -> bool {
        self.answers().next().is_some()
    }

    /// Whether it reminds of what was told before: if it does not arrive, the next reminder may. What
    /// reached nobody before is told as a reminder, too, but is none.
    pub fn is_repeated(&self) -> bool {
        self.change == Change::Reminded && !self.follows.is_empty()
    }

    /// Whether it is news that nobody is told of. What follows up what was told to nobody is none.
    pub fn reaches_nobody(&self) -> bool {
        let route = self.route.as_ref();
        self.change.is_news() && !self.is_answer() && route.is_some_and(Vec::is_empty)
    }
}

/// What names an alert in [`Ledger::alerts`]: its threshold, with the step of a repeating one or the
/// first day of an event. Written `every-5000#3` and `anomaly-500@2026-05-12`.
///
/// ```
/// use budget_engine::AlertKey;
/// let key = AlertKey::read("anomaly-500@2026-05-12");
/// assert_eq!(key.threshold, "anomaly-500");
/// assert_eq!(key.first_day, Some(jiff::civil::date(2026, 5, 12)));
/// assert_eq!(AlertKey::read("every-5000#3").to_string(), "every-5000#3");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertKey<'a> {
    /// Id of the threshold.
    pub threshold: &'a str,
    /// Step of a repeating threshold, from 1; 0 otherwise.
    pub step: u32,
    /// First day of the event when it was found.
    pub first_day: Option<Date>,
}

impl<'a> AlertKey<'a> {
    /// Reads a key. What follows neither rule is a threshold's id: ids have no `#` and no `@`.
    pub fn read(key: &'a str) -> AlertKey<'a> {
        let plain = AlertKey {
            threshold: key,
            step: 0,
            first_day: None,
        };
        if let Some((threshold, step)) = key.rsplit_once('#')
            && let Ok(step) = step.parse()
        {
            AlertKey {
                threshold,
                step,
                ..plain
            }
        } else if let Some((threshold, day)) = key.rsplit_once('@')
            && let Ok(day) = day.parse()
        {
            AlertKey {
                threshold,
                first_day: Some(day),
                ..plain
            }
        } else {
            plain
        }
    }
}

impl fmt::Display for AlertKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.threshold)?;
        match (self.step, self.first_day) {
            (0, None) => Ok(()),
            (0, Some(day)) => write!(f, "@{day}"),
            (step, _) => write!(f, "#{step}"),
        }
    }
}

/// The id of an alert: the first 80 bits of SHA-256 over budget, period, kind and threshold key, as
/// hexadecimal text. No observed amount enters it, so a repeated evaluation finds the same alert.
pub fn alert_id(budget: &str, period_key: &str, kind: ThresholdKind, threshold: &str) -> String {
    let mut hash = Sha256::new();
    for part in [budget, period_key, kind.as_str(), threshold] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize()
        .iter()
        .take(10)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alert_ids_never_change() {
        // Computed with: printf 'payments\0monthly-2026-11-01\0actual\0eighty\0' | sha256sum
        let id = alert_id(
            "payments",
            "monthly-2026-11-01",
            ThresholdKind::Actual,
            "eighty",
        );
        assert_eq!(id, "2c7c18cee59d20de614d");
    }
}
