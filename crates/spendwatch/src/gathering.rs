//! What waits and what is told together: decided from what is in a lane, without looking anywhere.
//!
//! A silence, a planned event or quiet hours make a notice wait, never vanish. What waited together is
//! told together; the notice of a budget tells of its parts; and more than a recipient's allowance
//! comes as one notice that lists everything.

use std::collections::{BTreeMap, BTreeSet};

use alert_channels::{Because, Carried, Message, Notice};
use budget_engine::{Change, Severity, Transition};
use jiff::{SignedDuration, Timestamp};

use crate::clock::day_of;
use crate::config::{Allowance, Attention, EndedWhileHeld};
use crate::outbox::{Delivery, Hold, delivery_id};
use crate::silences::Silence;

/// The crossing that a delivery is about.
pub(crate) fn crossing(delivery: &Delivery) -> Option<&Transition> {
    match &delivery.notice.message {
        Message::Crossing(transition) => Some(transition),
        _ => None,
    }
}

/// Why a delivery has to wait now, and until when; the longest of all reasons. Quiet hours are for
/// places where people read, and for others only where they are named.
pub(crate) fn held(
    attention: &Attention,
    silences: &[Silence],
    delivery: &Delivery,
    is_for_people: bool,
    now: Timestamp,
) -> Option<Hold> {
    let transition = crossing(delivery)?;
    let silences = silences.iter();
    let silences = silences.filter(|one| one.matches(&delivery.destination, transition));
    let mut holds: Vec<Hold> = silences
        .map(|one| Hold {
            until: one.until,
            why: format!("silenced by {}: {}", one.by, one.reason),
        })
        .collect();
    let day = day_of(now);
    let events = attention.events.iter();
    let muting = events.filter(|one| one.mutes && one.is_about(&transition.status.budget, day));
    holds.extend(muting.map(|one| Hold {
        until: one.end(),
        why: format!("planned: {}", one.name),
    }));
    let quiet = attention
        .quiet_hours_of(&delivery.destination)
        .filter(|quiet| is_for_people || !quiet.channels.is_empty())
        .filter(|_| transition.change.is_news())
        .filter(|quiet| {
            quiet
                .let_through
                .is_none_or(|least| transition.severity < least)
        });
    holds.extend(quiet.and_then(|quiet| {
        Some(Hold {
            until: quiet.until(now)?,
            why: "quiet hours".to_owned(),
        })
    }));
    holds.retain(|hold| hold.until > now);
    holds.into_iter().max_by_key(|hold| hold.until)
}

/// What is to be done with deliveries that are due together. The numbers are places in the list that
/// was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gathering {
    /// One tells of others.
    Carry {
        /// The one.
        carrier: usize,
        /// The others.
        members: Vec<usize>,
        /// Why they are not told on their own.
        why: &'static str,
    },
    /// They are over before they were told, and nothing is said of them.
    Drop {
        /// Which.
        members: Vec<usize>,
    },
    /// They are more than the recipient's allowance: one notice of all.
    Bundle {
        /// Which.
        members: Vec<usize>,
        /// How many are allowed.
        allowance: Allowance,
    },
    /// The allowance is used up.
    Wait {
        /// Which.
        members: Vec<usize>,
        /// Until when.
        until: Timestamp,
    },
}

/// What one recipient was sent lately: the times of the last notices, oldest first.
pub(crate) type Sent = BTreeMap<String, Vec<Timestamp>>;

/// The name of a recipient in [`Sent`]; empty for destinations that have none.
pub(crate) fn recipient(delivery: &Delivery) -> String {
    delivery.notice.recipient.clone().unwrap_or_default()
}

/// Whether a notice counts against the allowance of its recipient.
pub(crate) fn counts(delivery: &Delivery) -> bool {
    match &delivery.notice.message {
        Message::Crossing(transition) => transition.change.is_news(),
        Message::Bundle { .. } => true,
        _ => false,
    }
}

/// Gathers what is due: deliveries of crossings that nobody has tried to send and that nothing holds
/// back, in the order of their decisions. `others` are those of the same lane that wait for another
/// time, or were tried before.
pub(crate) fn gather(
    attention: &Attention,
    due: &[&Delivery],
    others: &[&Delivery],
    sent: &Sent,
    now: Timestamp,
) -> Vec<Gathering> {
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut gatherings = Vec::new();
    let lane = Lane { due, others };
    released(attention, &lane, &mut taken, &mut gatherings);
    if attention.parent_tells {
        parents(&lane, &mut taken, &mut gatherings);
    }
    if let Some(allowance) = attention.allowance {
        overflow(allowance, &lane, sent, now, &taken, &mut gatherings);
    }
    gatherings
}

/// What is live in a lane.
struct Lane<'a> {
    due: &'a [&'a Delivery],
    others: &'a [&'a Delivery],
}

impl Lane<'_> {
    /// Leaves in `members` only what can be told at another place in the order without overtaking
    /// what is told of the same alert, or being overtaken by it: nothing of the kind may lie between
    /// its own place and the moment `told_at`. `teller` is in the order of its own.
    fn keep_order(&self, members: &mut Vec<usize>, teller: Option<usize>, told_at: Timestamp) {
        loop {
            let is_in_the_way = |member: &Delivery, other: &Delivery| {
                let at = member.created_at;
                let between = at.min(told_at)..=at.max(told_at);
                between.contains(&other.created_at)
                    && member
                        .sequences()
                        .any(|one| other.sequences().any(|another| another == one))
            };
            let stay = |index: &usize| {
                let mut due = self.due.iter().enumerate();
                let blocked = due.any(|(other, delivery)| {
                    Some(other) != teller
                        && !members.contains(&other)
                        && is_in_the_way(self.due[*index], delivery)
                });
                let mut others = self.others.iter();
                !blocked && !others.any(|delivery| is_in_the_way(self.due[*index], delivery))
            };
            let kept: Vec<usize> = members.iter().copied().filter(stay).collect();
            if kept.len() == members.len() {
                return;
            }
            *members = kept;
        }
    }
}

/// What waited together in one thread is told by the most important of it that still stands.
fn released(
    attention: &Attention,
    lane: &Lane<'_>,
    taken: &mut BTreeSet<usize>,
    gatherings: &mut Vec<Gathering>,
) {
    let due = lane.due;
    let mut threads: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, one) in due.iter().enumerate() {
        threads.entry(&one.notice.thread).or_default().push(index);
    }
    for members in threads.into_values() {
        if members.len() < 2 || members.iter().all(|index| due[*index].held.is_none()) {
            continue;
        }
        let transitions: Vec<&Transition> = members
            .iter()
            .filter_map(|index| crossing(due[*index]))
            .collect();
        let is_over = |fired: &Transition| {
            let mut later = transitions.iter();
            later.any(|one| {
                one.sequence > fired.sequence
                    && !one.change.leaves_standing()
                    && (one.alert == fired.alert || one.follows.contains(&fired.id()))
            })
        };
        let starts = |one: &&&Transition| one.change == Change::Fired;
        let all_over = transitions.iter().filter(starts).all(|one| is_over(one));
        let fired_here = transitions.iter().filter(starts).count();
        // An end whose beginning was told is told, whatever is set.
        let ends_only_these = transitions.iter().all(|one| {
            one.change.leaves_standing()
                || transitions
                    .iter()
                    .any(|fired| fired.change == Change::Fired && one.follows.contains(&fired.id()))
        });
        // Whoever tells of others has their news as well.
        let carries = members
            .iter()
            .any(|index| !due[*index].notice.carried.is_empty());
        if all_over
            && fired_here > 0
            && ends_only_these
            && !carries
            && attention.ended_while_held == EndedWhileHeld::Nothing
        {
            taken.extend(&members);
            gatherings.push(Gathering::Drop { members });
            continue;
        }
        let rank = |one: &Transition| {
            let stands = matches!(one.change, Change::Fired | Change::Escalated) && !is_over(one);
            let is_reminder = one.change == Change::Reminded;
            let severity = stands.then_some(one.severity);
            (stands, !is_reminder, severity, one.at)
        };
        let best = members
            .iter()
            .copied()
            .max_by_key(|index| crossing(due[*index]).map(rank));
        let Some(carrier) = best else { continue };
        let mut members: Vec<usize> = members.into_iter().filter(|one| *one != carrier).collect();
        lane.keep_order(&mut members, Some(carrier), due[carrier].created_at);
        if members.is_empty() {
            continue;
        }
        taken.extend(&members);
        taken.insert(carrier);
        gatherings.push(Gathering::Carry {
            carrier,
            members,
            why: "it waited, and a later notice tells of it",
        });
    }
}

/// The notice of a budget tells of its parts.
fn parents(lane: &Lane<'_>, taken: &mut BTreeSet<usize>, gatherings: &mut Vec<Gathering>) {
    let due = lane.due;
    let fired = |index: &usize| {
        let transition = crossing(due[*index])?;
        (transition.change == Change::Fired).then_some(transition)
    };
    for carrier in 0..due.len() {
        let Some(parent) = fired(&carrier).filter(|_| !taken.contains(&carrier)) else {
            continue;
        };
        let is_part = |index: &usize| {
            *index != carrier
                && !taken.contains(index)
                && recipient(due[*index]) == recipient(due[carrier])
                && fired(index).is_some_and(|part| {
                    part.status.parent.as_ref() == Some(&parent.status.budget)
                        && part.kind == parent.kind
                        && part.severity <= parent.severity
                })
        };
        let mut members: Vec<usize> = (0..due.len()).filter(is_part).collect();
        lane.keep_order(&mut members, Some(carrier), due[carrier].created_at);
        if members.is_empty() {
            continue;
        }
        taken.extend(&members);
        taken.insert(carrier);
        gatherings.push(Gathering::Carry {
            carrier,
            members,
            why: "the notice of the budget above tells of it",
        });
    }
}

/// What is beyond the allowance of a recipient comes in one notice.
fn overflow(
    allowance: Allowance,
    lane: &Lane<'_>,
    sent: &Sent,
    now: Timestamp,
    taken: &BTreeSet<usize>,
    gatherings: &mut Vec<Gathering>,
) {
    let due = lane.due;
    let mut by_recipient: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let gone: BTreeSet<usize> = gatherings
        .iter()
        .flat_map(|one| match one {
            Gathering::Carry { members, .. } | Gathering::Drop { members } => members.clone(),
            _ => Vec::new(),
        })
        .collect();
    for (index, one) in due.iter().enumerate() {
        let is_news = crossing(one).is_some_and(|transition| transition.change.is_news());
        if is_news && !gone.contains(&index) {
            by_recipient.entry(recipient(one)).or_default().push(index);
        }
    }
    let window = SignedDuration::from_hours(allowance.hours.into());
    let most = usize::try_from(allowance.notices).unwrap_or(usize::MAX);
    for (recipient, mut members) in by_recipient {
        let lately: Vec<Timestamp> = sent
            .get(&recipient)
            .into_iter()
            .flatten()
            .copied()
            .filter(|at| now.duration_since(*at) < window)
            .collect();
        let room = most.saturating_sub(lately.len());
        if members.len() <= room {
            continue;
        }
        if room == 0 {
            // The oldest of the last ones makes room when it leaves the window.
            let oldest = lately.len().checked_sub(most).and_then(|at| lately.get(at));
            let until = oldest.and_then(|at| at.saturating_add(window).ok());
            if let Some(until) = until {
                gatherings.push(Gathering::Wait { members, until });
            }
            continue;
        }
        // The most urgent keep notices of their own; a notice that tells of others keeps its own too.
        let urgency = |index: &usize| {
            let severity = crossing(due[*index]).map(|one| one.severity);
            (taken.contains(index), severity.unwrap_or(Severity::Info))
        };
        members.sort_by(|left, right| urgency(right).cmp(&urgency(left)).then(left.cmp(right)));
        let mut rest = members.split_off(room - 1);
        rest.retain(|index| !taken.contains(index));
        rest.sort_unstable();
        // The bundle comes where the last of it would; without that one, at another place.
        while let Some(last) = rest.last().copied() {
            let told_at = due[last].created_at;
            lane.keep_order(&mut rest, None, told_at);
            if rest.last() == Some(&last) {
                break;
            }
        }
        if rest.len() > 1 {
            gatherings.push(Gathering::Bundle {
                members: rest,
                allowance,
            });
        }
    }
}

/// What another notice says of a delivery.
pub(crate) fn carried(delivery: &Delivery) -> Vec<Carried> {
    let own = crossing(delivery).map(|transition| Carried {
        delivery: delivery.id.clone(),
        alert: transition.alert.clone(),
        at: transition.at,
        budget: transition.status.name.clone(),
        period_label: transition.status.period_label.clone(),
        when: transition.when.clone(),
        change: transition.change,
        percent: transition.status.percent,
    });
    let more = delivery.notice.carried.iter().cloned();
    own.into_iter().chain(more).collect()
}

/// One notice that lists deliveries to one recipient.
pub(crate) fn bundle(members: &[&Delivery], allowance: Allowance) -> Option<Delivery> {
    let (first, last) = (members.first()?, members.last()?);
    let ids: Vec<&str> = members.iter().map(|one| one.id.as_str()).collect();
    let (destination, recipient) = (&first.destination, first.notice.recipient.as_deref());
    // Made of its members alone, so that a second pass makes the same one.
    let id = delivery_id(&ids.join(","), destination, recipient, "bundle");
    let at = last.created_at;
    let message = Message::Bundle {
        at,
        allowance: allowance.notices,
        hours: allowance.hours,
    };
    let to = recipient.unwrap_or(destination);
    let mut notice = Notice::new(&id, format!("bundles/{to}"), message);
    notice.recipient.clone_from(&first.notice.recipient);
    notice.carried = members.iter().flat_map(|one| carried(one)).collect();
    notice.because = Some(Because::Several);
    notice.language = first.notice.language;
    let expires_at = members.iter().map(|one| one.expires_at).max()?;
    Some(Delivery::new(destination, notice, at, expires_at))
}
