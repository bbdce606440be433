//! The life of an alert between evaluations: it is acknowledged, people are reminded, others are
//! told, and it closes with its period.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::anomaly::Anomaly;
use crate::budget::{Budget, FollowUp};
use crate::decide::{Reason, retire};
use crate::ledger::{Acknowledgement, Alert, AlertState, Change, Ledger, Transition};
use crate::status::Status;

/// Why an alert was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAcknowledged {
    /// There is no such alert in this period.
    #[error("there is no such alert in this period")]
    Unknown,
    /// It does not stand any more.
    #[error("it is {} and needs no acknowledgement", state_word(.0))]
    Over(AlertState),
    /// It has fired again since.
    #[error("it has fired again since then: acknowledge the newer notice")]
    FiredAgain,
    /// Somebody was first.
    #[error("{} has acknowledged it at {}", .0.by, .0.at)]
    Already(Acknowledgement),
}

fn state_word(state: &AlertState) -> &'static str {
    match state {
        AlertState::Firing => "firing",
        AlertState::Covered { .. } => "covered by a higher one",
        AlertState::Withdrawn => "withdrawn",
        AlertState::Resolved => "resolved",
        AlertState::Closed => "closed",
    }
}

impl Ledger {
    /// Records that somebody knows of an alert, which ends reminders and escalation until it fires
    /// again.
    ///
    /// `alert` is a key of [`Ledger::alerts`] or an alert's id. `sequence` is the number of the notice
    /// that is answered, if it is one: a notice of before the last firing acknowledges nothing.
    pub fn acknowledge(
        &self,
        alert: &str,
        sequence: Option<u32>,
        acknowledgement: Acknowledgement,
    ) -> Result<Ledger, NotAcknowledged> {
        let found = self.alerts.iter();
        let mut found = found.filter(|(key, one)| *key == alert || one.id == alert);
        let (key, known) = found.next().ok_or(NotAcknowledged::Unknown)?;
        if known.state != AlertState::Firing {
            return Err(NotAcknowledged::Over(known.state.clone()));
        }
        let fired = self.fired(known).ok_or(NotAcknowledged::Unknown)?.clone();
        if sequence.is_some_and(|sequence| sequence < fired.sequence) {
            return Err(NotAcknowledged::FiredAgain);
        }
        if let Some(earlier) = &known.acknowledged {
            return Err(NotAcknowledged::Already(earlier.clone()));
        }
        let mut next = self.clone();
        let at = next.next_moment(acknowledgement.at);
        let reason = Reason::Acknowledged {
            by: acknowledgement.by.clone(),
            note: acknowledgement.note.clone(),
        };
        if let Some(alert) = next.alerts.get_mut(key) {
            alert.acknowledged = Some(acknowledgement);
        }
        let change = Change::Acknowledged;
        if let Some(told) = next.tell(key, change, reason, fired.severity, &fired.status, at) {
            told.follows = self.notices_of(&fired);
            told.notify = fired.notify;
        }
        Ok(next)
    }

    /// Adds the reminders and escalations that are due: of alerts that fire, that nobody has
    /// acknowledged, and that no later alert of the same kind outdates. At most one reminder of each,
    /// however long nobody looked. `status` has the newest figures, if they are known. `heard` says, by
    /// the key of an alert, when people hear of it whose notice was held back: they get the same time to
    /// answer before others are told.
    #[must_use]
    pub fn attend(
        &self,
        budget: &Budget,
        status: Option<&Status>,
        heard: &BTreeMap<String, Timestamp>,
        now: Timestamp,
    ) -> Ledger {
        let mut next = self.clone();
        for due in self.due(budget) {
            let heard = heard
                .get(due.key)
                .filter(|_| due.change == Change::Escalated);
            let held = heard.map(|heard| heard.duration_since(due.fired.at));
            let held = held.unwrap_or_default().max(SignedDuration::ZERO);
            if due.at.saturating_add(held).is_ok_and(|at| at > now) {
                continue;
            }
            let fired = due.fired;
            let told = next.urge(due.key, due.change, fired, status, now);
            if let Some(told) = told {
                match due.change {
                    Change::Escalated => told.notify.clone_from(&due.follow_up.escalate_to),
                    // What reached nobody is nothing to follow up: the way is looked for anew.
                    _ if fired.reaches_nobody() => {}
                    _ => told.follows = vec![fired.id()],
                }
            }
        }
        next
    }

    /// Tells once more of an alert of which the news reached nobody, by a way that is looked for anew;
    /// `None` if the alert does not fire. `status` has the newest figures, if they are known.
    pub fn tell_again(&self, key: &str, status: Option<&Status>, now: Timestamp) -> Option<Ledger> {
        let alert = self.alerts.get(key)?;
        if alert.state != AlertState::Firing {
            return None;
        }
        let fired = self.fired(alert)?;
        let mut next = self.clone();
        next.urge(key, Change::Reminded, fired, status, now)?;
        Some(next)
    }

    /// Whether an alert fires, and the last news of it reached nobody.
    pub fn is_untold(&self, alert: &Alert) -> bool {
        let mut newest = self.transitions.iter().rev();
        let news = newest.find(|one| one.alert == alert.id && one.change.is_news());
        alert.state == AlertState::Firing && news.is_some_and(Transition::reaches_nobody)
    }

    /// Adds a reminder or an escalation of what has fired.
    fn urge(
        &mut self,
        key: &str,
        change: Change,
        fired: &Transition,
        status: Option<&Status>,
        now: Timestamp,
    ) -> Option<&mut Transition> {
        let at = self.next_moment(now);
        let hours = at.duration_since(fired.at).as_hours();
        let reason = Reason::Unanswered {
            since: fired.at,
            hours: u32::try_from(hours).unwrap_or(0),
        };
        let status = status.filter(|status| status.period_key == self.period_key);
        let status = status.unwrap_or(&fired.status);
        let told = self.tell(key, change, reason, fired.severity, status, at)?;
        told.notify.clone_from(&fired.notify);
        Some(told)
    }

    /// Ids of the notices that went their own ways since an alert has fired: that, its escalations, and
    /// reminders of what had reached nobody. Whoever got one of them hears of the end.
    pub(crate) fn notices_of(&self, fired: &Transition) -> Vec<String> {
        let own = self.transitions.iter().filter(|one| {
            one.alert == fired.alert
                && one.sequence >= fired.sequence
                && one.follows.is_empty()
                && matches!(
                    one.change,
                    Change::Fired | Change::Escalated | Change::Reminded
                )
        });
        own.map(Transition::id).collect()
    }

    /// When the next reminder or escalation is due; `None` when there will be none.
    pub fn next_attention(&self, budget: &Budget) -> Option<Timestamp> {
        self.due(budget).map(|due| due.at).min()
    }

    fn due<'a>(&'a self, budget: &'a Budget) -> impl Iterator<Item = Due<'a>> {
        let open = self
            .alerts
            .iter()
            .filter(|(_, alert)| alert.state == AlertState::Firing && alert.acknowledged.is_none());
        open.flat_map(move |(key, alert)| self.due_of(budget, key, alert))
    }

    fn due_of<'a>(&'a self, budget: &'a Budget, key: &'a str, alert: &'a Alert) -> Vec<Due<'a>> {
        let mut thresholds = budget.thresholds.iter();
        let threshold = thresholds.find(|one| one.id == alert.threshold);
        let (Some(threshold), Some(fired)) = (threshold, self.fired(alert)) else {
            return Vec::new();
        };
        let outdated = self.transitions.iter().any(|one| {
            one.change == Change::Fired
                && one.kind == alert.kind
                && is_about(one.anomaly.as_deref(), alert)
                && one.alert != alert.id
                && one.at > fired.at
                && self.stands(&one.threshold)
        });
        if outdated {
            return Vec::new();
        }
        let since = |change: Change| {
            let mut newest = self.transitions.iter().rev();
            newest.find(|one| {
                one.alert == alert.id && one.change == change && one.sequence > fired.sequence
            })
        };
        let follow_up = &threshold.follow_up;
        let mut due = Vec::new();
        let mut add = |change, from: Timestamp, hours: u32| {
            due.extend(from.saturating_add(hours_of(hours)).ok().map(|at| Due {
                key,
                change,
                at,
                fired,
                follow_up,
            }));
        };
        // Nothing can be done about a period that is over: its reminders end with it.
        let end = fired.status.period.end().to_zoned(TimeZone::UTC);
        let ends_before = |at: Timestamp| end.as_ref().is_ok_and(|end| at >= end.timestamp());
        if let Some(hours) = follow_up.remind_every_hours {
            let last = since(Change::Reminded).map_or(fired.at, |one| one.at);
            let next = last.saturating_add(hours_of(hours));
            if !next.is_ok_and(ends_before) {
                add(Change::Reminded, last, hours);
            }
        }
        if let Some(hours) = follow_up.escalate_after_hours
            && since(Change::Escalated).is_none()
        {
            add(Change::Escalated, fired.at, hours);
        }
        due
    }

    fn stands(&self, key: &str) -> bool {
        let alert = self.alerts.get(key);
        alert.is_some_and(|alert| alert.state.stands())
    }

    /// Closes what stands, because the period is over: nobody is told, but places that show the state
    /// of alerts.
    #[must_use]
    pub fn close(&self, now: Timestamp) -> Ledger {
        let mut next = self.clone();
        let standing: Vec<String> = self
            .alerts
            .iter()
            .filter(|(_, alert)| alert.state.stands())
            .map(|(key, _)| key.clone())
            .collect();
        for key in standing {
            let Some(status) = next.last_status(&key) else {
                if let Some(alert) = next.alerts.get_mut(&key) {
                    alert.state = AlertState::Closed;
                }
                continue;
            };
            let end = status.period.end();
            let at = next.next_moment(now);
            let reason = Reason::PeriodEnded { end };
            retire(&mut next, &key, AlertState::Closed, reason, &status, at);
        }
        next
    }

    /// The figures with which an alert was last told of.
    fn last_status(&self, key: &str) -> Option<Status> {
        let mut newest = self.transitions.iter().rev();
        let newest = newest.find(|one| one.threshold == key)?;
        Some((*newest.status).clone())
    }
}

/// Whether an event is that of an alert; both have none for most.
fn is_about(event: Option<&Anomaly>, alert: &Alert) -> bool {
    match (event, &alert.anomaly) {
        (Some(event), Some(own)) => event.is_same(own),
        (None, None) => true,
        _ => false,
    }
}

/// A reminder or an escalation, and when it is due.
struct Due<'a> {
    key: &'a str,
    change: Change,
    at: Timestamp,
    fired: &'a Transition,
    follow_up: &'a FollowUp,
}

fn hours_of(hours: u32) -> SignedDuration {
    SignedDuration::from_hours(hours.into())
}
