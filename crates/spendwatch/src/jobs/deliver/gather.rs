//! Holding back and gathering what is in a lane, before anything is sent.
//!
//! A notice that tells of others is written before the others end, and it names them: after a kill
//! between the two the next visit ends them first.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use jiff::Timestamp;
use state_store::{Error, json};

use super::step::suppress;
use super::{Live, Visit, fate};
use crate::app::App;
use crate::gathering::{self, Gathering, carried, crossing, gather, held, in_vain};
use crate::outbox::{self, Hold};
use crate::silences;

/// Gives what may be sent, in its order, and what waits; what waits is counted, and what
/// another notice tells of has ended.
pub(super) async fn run(
    visit: &mut Visit<'_>,
    live: Vec<Live>,
) -> anyhow::Result<(Vec<Live>, Later)> {
    let app = visit.app;
    let mut later = Later::default();
    let live = end_carried(visit, live).await?;
    let is_crossing = |one: &Live| crossing(&one.delivery).is_some() && one.delivery.is_untried();
    if !live.iter().any(is_crossing) {
        return Ok((live, later));
    }
    let now = app.now();
    let attention = &app.config().attention;
    let silences = silences::active(app.documents(), now)
        .await
        .context("read silences")?;
    let channel = app.config().channels.get(&visit.report.destination);
    let is_for_people = channel.is_none_or(|channel| channel.kind.kind().is_for_people());
    let wakes = channel.is_some_and(|channel| !channel.kind.kind().takes_actions());
    let mut sendable = Vec::new();
    let mut due: Vec<Live> = Vec::new();
    // These end in this visit without being sent: no order depends on them.
    let mut ending: Vec<Live> = Vec::new();
    // In their order. What is told of an alert stays in it: nothing overtakes what is held
    // back, nor what waits behind that.
    for mut one in live {
        let behind = later.of(&one);
        if let Some(until) = behind {
            outlast(visit, &mut one, until).await?;
        }
        if one.delivery.expires_at <= now {
            ending.push(one);
            continue;
        }
        let is_due = one.delivery.next_at <= now;
        let is_new = is_crossing(&one) && is_due;
        let hold = is_new
            .then(|| held(attention, &silences, &one.delivery, is_for_people, now))
            .flatten();
        if let Some(hold) = hold {
            hold_back(visit, &mut one, hold, &mut later).await?;
        } else if let Some(until) = behind {
            later.add(&one, until);
            visit.waits_until(until);
        } else if is_new {
            due.push(one);
        } else {
            sendable.push(one);
        }
    }
    let gatherings = loop {
        let deliveries: Vec<_> = due.iter().map(|one| (one.place, &one.delivery)).collect();
        let others = sendable.iter().map(|one| (one.place, &one.delivery));
        let others: Vec<_> = others.collect();
        let gatherings: Vec<Gathering> = match is_for_people {
            true => gather(attention, &deliveries, &others, &visit.lane.sent, now),
            // A place that keeps books of alerts has to hear of each change, but of none for nothing.
            false if wakes => {
                let due: Vec<_> = due.iter().map(|one| &one.delivery).collect();
                in_vain(&due).into_iter().collect()
            }
            false => Vec::new(),
        };
        let involved = gatherings.iter().flat_map(Gathering::involved).collect();
        if !remove_finished(app, &mut due, involved).await? {
            break gatherings;
        }
    };
    let mut slots: Vec<Option<Live>> = due.into_iter().map(Some).collect();
    for gathering in gatherings {
        // What is not gathered is not sent either, and the next visit sees it.
        if visit.is_short_of_time()? {
            break;
        }
        carry_out(visit, gathering, &mut slots, &mut sendable, &mut later).await?;
    }
    sendable.extend(slots.into_iter().flatten());
    sendable.extend(ending);
    sendable.sort_by_key(|one| one.place);
    Ok((sendable, later))
}

/// What waits of each alert: the place of the first delivery, and until when.
#[derive(Default)]
pub(super) struct Later(BTreeMap<outbox::Sequence, (usize, Timestamp)>);

impl Later {
    fn add(&mut self, one: &Live, until: Timestamp) {
        for sequence in one.delivery.moments().into_keys() {
            let known = self.0.entry(sequence);
            let (place, latest) = known.or_insert((one.place, until));
            *place = one.place.min(*place);
            *latest = until.max(*latest);
        }
    }

    /// Until when a delivery waits because something that comes before it does.
    pub(super) fn of(&self, one: &Live) -> Option<Timestamp> {
        let moments = one.delivery.moments();
        let before = moments.keys().filter_map(|each| self.0.get(each));
        let before = before.filter(|(place, _)| *place < one.place);
        before.map(|(_, until)| *until).max()
    }
}

/// Ends what another notice in the lane tells of: a worker was killed before it could.
async fn end_carried(visit: &mut Visit<'_>, live: Vec<Live>) -> anyhow::Result<Vec<Live>> {
    let mut told_by: BTreeMap<String, String> = BTreeMap::new();
    for one in &live {
        for carried in &one.delivery.notice.carried {
            told_by.insert(carried.delivery.clone(), one.delivery.history_key());
        }
    }
    if told_by.is_empty() {
        return Ok(live);
    }
    let mut rest = Vec::new();
    for one in live {
        match told_by.remove(&one.delivery.id) {
            Some(by) if one.delivery.is_untried() => {
                let why = "another notice tells of it";
                suppress(visit, one, Some(by), why).await?;
            }
            _ => rest.push(one),
        }
    }
    Ok(rest)
}

/// Removes what a routing pass that was repeated has put back after it was finished: what others tell of
/// must not be told a second time, and what is finished tells of nothing. Says whether there was any.
async fn remove_finished(
    app: &App,
    due: &mut Vec<Live>,
    involved: BTreeSet<usize>,
) -> anyhow::Result<bool> {
    let mut removed = false;
    // From the back, so that the places of the others stay.
    for index in involved.into_iter().rev() {
        let Some(one) = due.get(index) else { continue };
        let finished = app.documents().get(&one.delivery.history_key()).await?;
        if finished.is_some() {
            fate::remove(app, &one.key, &one.version).await?;
            due.remove(index);
            removed = true;
        }
    }
    Ok(removed)
}

/// Marks a delivery as held back, and what comes after it as waiting.
async fn hold_back(
    visit: &mut Visit<'_>,
    one: &mut Live,
    hold: Hold,
    later: &mut Later,
) -> anyhow::Result<()> {
    let is_longer = one.delivery.outlast(hold.until);
    let until = hold.until.min(one.delivery.expires_at);
    later.add(one, until);
    let is_known = one.delivery.held.as_ref() == Some(&hold) && !is_longer;
    one.delivery.held = Some(hold);
    if is_known || write(visit, one).await? {
        visit.waits_until(until);
    }
    Ok(())
}

/// Keeps a delivery beyond what it waits behind.
async fn outlast(visit: &Visit<'_>, one: &mut Live, until: Timestamp) -> anyhow::Result<()> {
    if one.delivery.outlast(until) {
        write(visit, one).await?;
    }
    Ok(())
}

/// Writes a delivery; says whether it was as it was read.
async fn write(visit: &Visit<'_>, one: &mut Live) -> anyhow::Result<bool> {
    let store = visit.app.documents();
    match json::replace(store, &one.key, &one.delivery, &one.version).await {
        Ok(version) => {
            one.version = version;
            Ok(true)
        }
        // Our own write whose answer got lost, or another worker: the next visit looks again.
        Err(Error::Moved { .. }) => Ok(false),
        Err(error) => Err(error).context("write a delivery"),
    }
}

async fn carry_out(
    visit: &mut Visit<'_>,
    gathering: Gathering,
    slots: &mut [Option<Live>],
    sendable: &mut Vec<Live>,
    later: &mut Later,
) -> anyhow::Result<()> {
    let take = |slots: &mut [Option<Live>], members: &[usize]| -> Vec<Live> {
        let taken = members
            .iter()
            .filter_map(|index| slots.get_mut(*index)?.take());
        taken.collect()
    };
    match gathering {
        Gathering::Carry {
            carrier,
            members,
            why,
        } => {
            let members = take(slots, &members);
            let Some(mut one) = slots.get_mut(carrier).and_then(Option::take) else {
                return Ok(());
            };
            let told: Vec<_> = members
                .iter()
                .flat_map(|one| carried(&one.delivery))
                .collect();
            one.delivery.notice.carried.extend(told);
            one.delivery.notice.carried.sort_by_key(|each| each.at);
            if !write(visit, &mut one).await? {
                for one in members.iter().chain([&one]) {
                    visit.waits_until(one.delivery.next_at);
                    later.add(one, one.delivery.next_at);
                }
                return Ok(());
            }
            let by = one.delivery.history_key();
            for member in members {
                suppress(visit, member, Some(by.clone()), why).await?;
            }
            // Another one may tell of it in turn.
            if let Some(slot) = slots.get_mut(carrier) {
                *slot = Some(one);
            }
        }
        Gathering::Drop { members } => {
            let mut is_told = false;
            for member in take(slots, &members) {
                let why = "it was over before it could be told";
                // If somebody tells of the beginning, the end must be told, too.
                if is_told {
                    visit.waits_until(member.delivery.next_at);
                } else {
                    is_told = !suppress(visit, member, None, why).await?;
                }
            }
        }
        Gathering::Bundle { members, allowance } => {
            let members = take(slots, &members);
            let place = members.iter().map(|one| one.place).max().unwrap_or(0);
            let deliveries: Vec<&_> = members.iter().map(|one| &one.delivery).collect();
            let Some(bundle) = gathering::bundle(&deliveries, allowance) else {
                return Ok(());
            };
            outbox::put(visit.app.documents(), &bundle).await?;
            let by = bundle.history_key();
            for member in members {
                let why = "more notices than the recipient's allowance come in one";
                suppress(visit, member, Some(by.clone()), why).await?;
            }
            let stored = json::get(visit.app.documents(), &bundle.key()).await?;
            if let Some((delivery, version)) = stored {
                let key = bundle.key();
                sendable.push(Live {
                    place,
                    key,
                    delivery,
                    version,
                });
            }
        }
        Gathering::Wait { members, until } => {
            for mut member in take(slots, &members) {
                let hold = Hold {
                    until,
                    why: "the recipient's allowance is used up".to_owned(),
                };
                hold_back(visit, &mut member, hold, later).await?;
            }
        }
    }
    Ok(())
}
