//! What waits and what is told together: decided from what is in a lane, without looking anywhere.
//!
//! A silence, a planned event or quiet hours make a notice wait, never vanish. What waited together is
//! told together; the notice of a budget tells of its parts; and more than a recipient's allowance
//! comes as one notice that lists everything.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alert_channels::{Because, Carried, Message, Notice};
use budget_engine::{Change, Severity, Transition};
use jiff::{SignedDuration, Timestamp};

use crate::clock::day_of;
use crate::config::{Allowance, Attention, EndedWhileHeld};
use crate::outbox::{Delivery, Hold, Sequence, delivery_id};
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

impl Gathering {
    /// The places of all that it is about.
    pub(crate) fn involved(&self) -> Vec<usize> {
        match self {
            Gathering::Carry {
                carrier, members, ..
            } => members.iter().chain([carrier]).copied().collect(),
            Gathering::Drop { members }
            | Gathering::Bundle { members, .. }
            | Gathering::Wait { members, .. } => members.clone(),
        }
    }
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

/// The order in which deliveries of a lane are to arrive, as places in the list that was given: that of
/// their keys, but nothing overtakes an earlier moment of the same alert. A notice that tells of
/// others comes where the last of them would, and a decision that took long may be written only then,
/// with a time in between.
pub(crate) fn order(deliveries: &[&Delivery]) -> Vec<usize> {
    let moments: Vec<_> = deliveries.iter().map(|one| one.moments()).collect();
    let mut left: BTreeMap<&Sequence, BTreeMap<Timestamp, usize>> = BTreeMap::new();
    for (sequence, at) in moments.iter().flatten() {
        *left.entry(sequence).or_default().entry(*at).or_default() += 1;
    }
    let mut rest: Vec<usize> = (0..deliveries.len()).collect();
    rest.sort_by_cached_key(|index| deliveries[*index].key());
    let mut rest = VecDeque::from(rest);
    let mut order = Vec::new();
    loop {
        let is_next = |index: &usize| {
            moments[*index].iter().all(|(sequence, at)| {
                let times = left.get(sequence);
                let first = times.and_then(|times| times.keys().next());
                first.is_none_or(|first| first >= at)
            })
        };
        let next = rest.iter().position(is_next).unwrap_or(0);
        let Some(index) = rest.remove(next) else {
            return order;
        };
        for (sequence, at) in &moments[index] {
            let Some(times) = left.get_mut(sequence) else {
                continue;
            };
            if let Some(count) = times.get_mut(at) {
                *count -= 1;
                if *count == 0 {
                    times.remove(at);
                }
            }
        }
        order.push(index);
    }
}

/// Gathers what is due: deliveries of crossings that nobody has tried to send and that nothing holds
/// back, in their order. `others` are those of the same lane that wait for another time, or were tried
/// before. Each has its place in the [`order`] of the lane.
pub(crate) fn gather(
    attention: &Attention,
    due: &[(usize, &Delivery)],
    others: &[(usize, &Delivery)],
    sent: &Sent,
    now: Timestamp,
) -> Vec<Gathering> {
    let mut gatherings = Vec::new();
    let spot = |(place, delivery): &(usize, &Delivery)| Spot {
        place: *place,
        moments: delivery.moments(),
    };
    let mut lane = Lane {
        due: due.iter().map(|(_, delivery)| *delivery).collect(),
        spots: due.iter().map(spot).collect(),
        others: others.iter().map(spot).collect(),
        gone: BTreeSet::new(),
        tellers: BTreeSet::new(),
    };
    released(attention, &mut lane, &mut gatherings);
    if attention.parent_tells {
        parents(&mut lane, &mut gatherings);
    }
    if let Some(allowance) = attention.allowance {
        overflow(allowance, &lane, sent, now, &mut gatherings);
    }
    gatherings
}

/// Drops what began and ended before anybody was told, from what is due at a place where somebody is
/// woken for every beginning. Nothing else is gathered there: each change counts.
pub(crate) fn in_vain(due: &[&Delivery]) -> Option<Gathering> {
    let mut alerts: BTreeMap<&str, Vec<(usize, &Transition)>> = BTreeMap::new();
    for (index, one) in due.iter().enumerate() {
        if let Some(transition) = crossing(one) {
            let known = alerts.entry(&transition.alert).or_default();
            known.push((index, transition));
        }
    }
    let ends_only = |end: &Transition, fired: &Transition| {
        let of_it = |id: &String| {
            id.rsplit_once('-')
                .is_some_and(|(one, _)| one == fired.alert)
        };
        end.follows.contains(&fired.id()) && end.follows.iter().all(of_it)
    };
    let mut members = Vec::new();
    for known in alerts.into_values() {
        let [(_, first), .., (_, last)] = &known[..] else {
            continue;
        };
        if first.change == Change::Fired && !last.change.leaves_standing() && ends_only(last, first)
        {
            members.extend(known.iter().map(|(index, _)| *index));
        }
    }
    (!members.is_empty()).then_some(Gathering::Drop { members })
}

/// What is live in a lane.
struct Lane<'a> {
    due: Vec<&'a Delivery>,
    /// Of `due`.
    spots: Vec<Spot>,
    others: Vec<Spot>,
    /// Which of `due` others tell of, or nobody has to.
    gone: BTreeSet<usize>,
    /// Which of `due` tell of others.
    tellers: BTreeSet<usize>,
}

/// Where a delivery is in the order of its lane, and why.
struct Spot {
    place: usize,
    moments: BTreeMap<Sequence, Timestamp>,
}

impl Spot {
    /// Whether telling of this at another place would overtake what the other one tells of the same
    /// alert, or be overtaken by it.
    fn collides(&self, told_at: usize, other: &Spot) -> bool {
        self.moments.iter().any(|(sequence, at)| {
            let theirs = other.moments.get(sequence);
            theirs.is_some_and(|theirs| match theirs.cmp(at) {
                Ordering::Less => other.place >= told_at,
                Ordering::Greater => other.place <= told_at,
                Ordering::Equal => true,
            })
        })
    }
}

impl Lane<'_> {
    /// What one tells from now on is in its order, and not in that of the others any more.
    fn absorb(&mut self, teller: usize, members: &[usize]) {
        self.tellers.insert(teller);
        for member in members {
            self.gone.insert(*member);
            for (sequence, at) in std::mem::take(&mut self.spots[*member].moments) {
                let known = self.spots[teller].moments.entry(sequence).or_insert(at);
                *known = at.max(*known);
            }
        }
    }

    fn drop(&mut self, members: &[usize]) {
        for member in members {
            self.gone.insert(*member);
            self.spots[*member].moments.clear();
        }
    }

    /// Leaves in `members` only what can be told at the place `told_at` in the order without
    /// overtaking what is told of the same alert, or being overtaken by it. `teller` is in the order of
    /// its own.
    fn keep_order(&self, members: &mut Vec<usize>, teller: Option<usize>, told_at: usize) {
        loop {
            let stay = |index: &usize| {
                let spot = &self.spots[*index];
                let mut due = self.spots.iter().enumerate();
                let blocked = due.any(|(other, theirs)| {
                    Some(other) != teller
                        && !members.contains(&other)
                        && spot.collides(told_at, theirs)
                });
                let mut others = self.others.iter();
                !blocked && !others.any(|theirs| spot.collides(told_at, theirs))
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
fn released(attention: &Attention, lane: &mut Lane<'_>, gatherings: &mut Vec<Gathering>) {
    let due = lane.due.clone();
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
            lane.drop(&members);
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
        lane.keep_order(&mut members, Some(carrier), lane.spots[carrier].place);
        if members.is_empty() {
            continue;
        }
        lane.absorb(carrier, &members);
        gatherings.push(Gathering::Carry {
            carrier,
            members,
            why: "it waited, and a later notice tells of it",
        });
    }
}

/// The notice of a budget tells of its parts, and so does a reminder.
fn parents(lane: &mut Lane<'_>, gatherings: &mut Vec<Gathering>) {
    let due = lane.due.clone();
    let urges = |index: &usize| {
        let transition = crossing(due[*index])?;
        let urges = matches!(transition.change, Change::Fired | Change::Reminded);
        urges.then_some(transition)
    };
    for carrier in 0..due.len() {
        let Some(parent) = urges(&carrier).filter(|_| !lane.gone.contains(&carrier)) else {
            continue;
        };
        let is_part = |index: &usize| {
            *index != carrier
                && !lane.gone.contains(index)
                && recipient(due[*index]) == recipient(due[carrier])
                && urges(index).is_some_and(|part| {
                    // A reminder does not tell what is new.
                    part.status.parent.as_ref() == Some(&parent.status.budget)
                        && part.kind == parent.kind
                        && are_of_one_event(part, parent)
                        && part.severity <= parent.severity
                        && (part.change == parent.change || parent.change == Change::Fired)
                })
        };
        let mut members: Vec<usize> = (0..due.len()).filter(is_part).collect();
        lane.keep_order(&mut members, Some(carrier), lane.spots[carrier].place);
        if members.is_empty() {
            continue;
        }
        lane.absorb(carrier, &members);
        gatherings.push(Gathering::Carry {
            carrier,
            members,
            why: "the notice of the budget above tells of it",
        });
    }
}

/// Whether two notices are about one event of unusual cost; most are about none.
fn are_of_one_event(part: &Transition, whole: &Transition) -> bool {
    match (&part.anomaly, &whole.anomaly) {
        (Some(part), Some(whole)) => part.is_same(whole),
        (None, None) => true,
        _ => false,
    }
}

/// What is beyond the allowance of a recipient comes in one notice.
fn overflow(
    allowance: Allowance,
    lane: &Lane<'_>,
    sent: &Sent,
    now: Timestamp,
    gatherings: &mut Vec<Gathering>,
) {
    let due = &lane.due;
    let mut by_recipient: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, one) in due.iter().enumerate() {
        let is_news = crossing(one).is_some_and(|transition| transition.change.is_news());
        if is_news && !lane.gone.contains(&index) {
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
        // The most urgent keep notices of their own, and of these first what tells of others.
        let urgency = |index: &usize| {
            let severity = crossing(due[*index]).map(|one| one.severity);
            let severity = severity.unwrap_or(Severity::Info);
            (severity, lane.tellers.contains(index))
        };
        members.sort_by(|left, right| urgency(right).cmp(&urgency(left)).then(left.cmp(right)));
        let mut rest = members.split_off(room - 1);
        rest.sort_unstable();
        // The bundle comes where the last of it would; without that one, at another place.
        while let Some(last) = rest.last().copied() {
            let told_at = lane.spots[last].place;
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
        also: transition.also.clone(),
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is how a test reports")]
mod tests {
    use alert_channels::samples;

    use super::*;

    fn second(of_minute: i64) -> Timestamp {
        Timestamp::from_second(1_794_000_000 + of_minute).unwrap()
    }

    /// A crossing of an alert, decided in a second.
    fn told(alert: &str, at: i64) -> Delivery {
        let mut notice = samples::crossing();
        notice.id = format!("{alert}{at}");
        let Message::Crossing(transition) = &mut notice.message else {
            unreachable!("the sample is a crossing")
        };
        transition.alert = alert.to_owned();
        transition.at = second(at);
        Delivery::new("mail", notice, second(at), second(at + 1000))
    }

    fn bundled(members: &[&Delivery]) -> Delivery {
        let allowance = Allowance {
            notices: 2,
            hours: 24,
        };
        bundle(members, allowance).unwrap()
    }

    #[test]
    fn what_was_decided_late_comes_after_what_another_notice_tells_of_the_same_alert() {
        let together = bundled(&[&told("web", 1), &told("data", 9)]);
        let (late, later) = (told("web", 2), told("web", 3));
        let unrelated = told("shop", 4);
        let order = order(&[&later, &late, &unrelated, &together]);
        assert_eq!(order, [2, 3, 1, 0]);
    }

    #[test]
    fn nothing_moves_past_what_is_told_of_the_same_alert() {
        let spot = |place, delivery: &Delivery| Spot {
            place,
            moments: delivery.moments(),
        };
        let moved = spot(1, &told("web", 5));
        let together = spot(7, &bundled(&[&told("web", 1), &told("data", 9)]));
        assert!(moved.collides(7, &together), "it would not be later");
        assert!(!moved.collides(8, &together));
        let next = spot(3, &told("web", 6));
        assert!(moved.collides(4, &next), "it would be overtaken");
        assert!(!moved.collides(2, &next));
        assert!(!moved.collides(2, &spot(3, &told("shop", 6))));
    }

    #[test]
    fn nobody_is_woken_for_what_is_over() {
        let fired = told("web", 1);
        let change = |at: i64, change: Change| {
            let mut one = told("web", at);
            let Message::Crossing(transition) = &mut one.notice.message else {
                unreachable!("the sample is a crossing")
            };
            transition.change = change;
            transition.sequence = u32::try_from(at).unwrap();
            let Some(first) = crossing(&fired) else {
                unreachable!("the sample is a crossing")
            };
            transition.follows = vec![first.id()];
            one
        };
        let reminded = change(2, Change::Reminded);
        let over = change(3, Change::Withdrawn);
        let shop = told("shop", 4);
        let members = vec![0, 1, 3];
        assert_eq!(
            in_vain(&[&fired, &reminded, &shop, &over]),
            Some(Gathering::Drop { members })
        );
        // Whoever heard of the beginning hears of the end.
        assert_eq!(in_vain(&[&reminded, &shop, &over]), None);
        assert_eq!(in_vain(&[&fired, &reminded]), None);
    }
}
