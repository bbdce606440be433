//! Snapshots: what was known of costs on each day, so that the past can be judged as it was seen.
//!
//! Every evaluation keeps what its read changed since the day before: one document a day and read, which
//! later evaluations of the day update. Once a month a document is whole; the others hold only what
//! changed since the ones before. What was known on a day is the last whole document with everything
//! after it, up to that day.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use anyhow::Context;
use budget_engine::{CostBasis, CostFacts, DayCost, FactsBuilder, Scope, SeriesKey, plus_days};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use state_store::{Documents, Error, Version};

use crate::clock::day_of;

/// Where snapshots live in the store.
const SNAPSHOTS: &str = "snapshots/";

/// So many days of costs are watched for changes: Azure restates a billing period until it closes it,
/// days after its end.
const WATCHED_DAYS: i32 = 65;

/// A whole document is written when the last one is this many days old.
const WHOLE_EVERY_DAYS: i32 = 31;

/// Snapshots are removed after so many days: a year of replays, and the months before it that forecasts
/// learn from.
const KEPT_DAYS: i32 = 430;

/// A document holds at most so many days of series, about 8 MB. A read with more is not snapshotted.
const MOST_ENTRIES: usize = 200_000;

/// How many documents are fetched at a time.
const AT_ONCE: usize = 16;

/// How often a document is read again after another worker wrote it first.
const TRIES: usize = 4;

/// What one day's reads changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Snapshot {
    /// The day, UTC.
    pub(crate) day: Date,
    /// When the source wrote or gave the data.
    pub(crate) as_of: Timestamp,
    /// For a whole document: all costs of this day and later are in `changed`, and no others were known.
    pub(crate) from: Option<Date>,
    /// Last day with data of each feed.
    pub(crate) feeds: Vec<(Scope, Date)>,
    /// The new costs of days that changed.
    pub(crate) changed: CostFacts,
    /// Days that were known and have no row any more.
    pub(crate) gone: CostFacts,
}

/// Known costs by series and day.
type State = HashMap<SeriesKey, BTreeMap<Date, DayCost>>;

/// Keeps what changed since the snapshot before. `feeds` are those that budgets take part in.
///
/// # Errors
/// When the store fails. Nothing depends on a snapshot but the replay of its day.
pub(crate) async fn keep(
    documents: &dyn Documents,
    read: &str,
    facts: &CostFacts,
    feeds: &BTreeSet<Scope>,
    now: Timestamp,
) -> anyhow::Result<()> {
    let today = day_of(now);
    let first = facts.series().iter().filter_map(|one| one.days.first());
    let Some(first) = first.map(|day| day.date).min() else {
        return Ok(());
    };
    let days = first.max(plus_days(today, -WATCHED_DAYS))..plus_days(today, 1);
    let watched = facts.series().iter().flat_map(|one| &one.days);
    let entries = watched.filter(|day| days.contains(&day.date)).count();
    if entries > MOST_ENTRIES {
        tracing::info!(read, entries, "the read is too large for snapshots");
        return Ok(());
    }
    let key = key(read, today);
    let keys = documents.list(&format!("{SNAPSHOTS}{read}/")).await?;
    let earlier: Vec<&String> = keys.iter().filter(|one| **one < key).collect();
    let before = state_before(documents, &earlier, facts, today).await?;
    let snapshot = compare(facts, before, feeds, &days, today);
    let bytes = serde_json::to_vec(&snapshot).context("write a snapshot")?;
    for _ in 0..TRIES {
        let stored = fetch(documents, &key).await?;
        let written = match &stored {
            // An evaluation with newer data was here first.
            Some((Some(stored), _)) if stored.as_of > snapshot.as_of => return Ok(()),
            Some((_, version)) => documents.replace(&key, bytes.clone(), version).await,
            None => documents.create(&key, bytes.clone()).await,
        };
        match written {
            Ok(_) if stored.is_none() => return prune(documents, today).await,
            Ok(_) => return Ok(()),
            Err(Error::Moved { .. } | Error::Exists { .. }) => {}
            Err(error) => return Err(error).context("write a snapshot"),
        }
    }
    // Others wrote it again and again, with data as new as these.
    Ok(())
}

/// The snapshots of a read, oldest first, beginning with a whole one.
pub(crate) async fn load(documents: &dyn Documents, read: &str) -> anyhow::Result<Vec<Snapshot>> {
    let keys = documents.list(&format!("{SNAPSHOTS}{read}/")).await?;
    let fetched = stream::iter(&keys).map(|key| fetch(documents, key));
    let fetched: Vec<_> = fetched.buffered(AT_ONCE).try_collect().await?;
    let mut snapshots = Vec::new();
    let mut is_whole = false;
    for snapshot in fetched.into_iter().flatten().map(|(snapshot, _)| snapshot) {
        let Some(snapshot) = snapshot else {
            // What follows a document that cannot be read says only what changed since.
            is_whole = false;
            continue;
        };
        is_whole |= snapshot.from.is_some();
        snapshots.extend(is_whole.then_some(snapshot));
    }
    Ok(snapshots)
}

/// What was known of costs on one day.
pub(crate) struct KnownOn {
    /// The costs.
    pub(crate) facts: CostFacts,
    /// The first day that they tell of.
    pub(crate) from: Date,
}

/// What the last evaluation of a day knew; `None` without a snapshot of that day.
pub(crate) async fn known_on(
    documents: &dyn Documents,
    read: &str,
    day: Date,
) -> anyhow::Result<Option<KnownOn>> {
    let last = key(read, day);
    let keys = documents.list(&format!("{SNAPSHOTS}{read}/")).await?;
    let mut chain: Vec<Snapshot> = Vec::new();
    for key in keys.iter().rev().filter(|one| **one <= last) {
        let snapshot = fetch(documents, key).await?.and_then(|(one, _)| one);
        let Some(snapshot) = snapshot else {
            return Ok(None);
        };
        let newest = chain.first().unwrap_or(&snapshot);
        let fits = snapshot.changed.projection() == newest.changed.projection();
        if newest.day != day || !fits {
            return Ok(None);
        }
        let is_whole = snapshot.from.is_some();
        chain.push(snapshot);
        if is_whole {
            break;
        }
    }
    let (Some(newest), Some(oldest)) = (chain.first(), chain.last()) else {
        return Ok(None);
    };
    let Some(from) = oldest.from else {
        return Ok(None);
    };
    let mut known = FactsBuilder::new(newest.changed.projection().clone());
    let has = |basis| chain.iter().any(|one| one.changed.has_basis(basis));
    let has_actual = has(CostBasis::Actual);
    let has_amortized = has(CostBasis::Amortized);
    for (key, days) in fold(&chain) {
        let series = known.series(key);
        for cost in days.values() {
            let actual = has_actual.then_some(cost.actual);
            let amortized = has_amortized.then_some(cost.amortized);
            known.add(series, cost.date, actual, amortized)?;
        }
    }
    let facts = known.finish(newest.as_of);
    Ok(Some(KnownOn { facts, from }))
}

fn key(read: &str, day: Date) -> String {
    format!("{SNAPSHOTS}{read}/{day}")
}

/// A document, and what it says unless that cannot be read.
async fn fetch(
    documents: &dyn Documents,
    key: &str,
) -> state_store::Result<Option<(Option<Snapshot>, Version)>> {
    let document = documents.get(key).await?;
    Ok(document.map(|document| {
        let read = serde_json::from_slice(&document.bytes);
        let snapshot = read
            .inspect_err(|error| tracing::warn!(key, %error, "a snapshot cannot be read"))
            .ok();
        (snapshot, document.version)
    }))
}

/// What the snapshots before today know; `None` when today's is to be whole.
async fn state_before(
    documents: &dyn Documents,
    earlier: &[&String],
    facts: &CostFacts,
    today: Date,
) -> anyhow::Result<Option<State>> {
    let mut chain = Vec::new();
    for key in earlier.iter().rev() {
        let snapshot = fetch(documents, key).await?.and_then(|(one, _)| one);
        let Some(snapshot) = snapshot else {
            return Ok(None);
        };
        let is_recent = plus_days(snapshot.day, WHOLE_EVERY_DAYS) > today;
        let fits = snapshot.changed.projection() == facts.projection();
        if !is_recent || !fits {
            return Ok(None);
        }
        let is_whole = snapshot.from.is_some();
        chain.push(snapshot);
        if is_whole {
            break;
        }
    }
    if chain.last().is_none_or(|oldest| oldest.from.is_none()) {
        return Ok(None);
    }
    Ok(Some(fold(&chain)))
}

/// What a chain of snapshots knows, the newest first.
fn fold(chain: &[Snapshot]) -> State {
    let mut state = State::new();
    for snapshot in chain.iter().rev() {
        for one in snapshot.changed.series() {
            let days = state.entry(one.key.clone()).or_default();
            days.extend(one.days.iter().map(|day| (day.date, *day)));
        }
        for one in snapshot.gone.series() {
            if let Some(days) = state.get_mut(&one.key) {
                one.days.iter().for_each(|day| {
                    days.remove(&day.date);
                });
            }
        }
    }
    state
}

/// What the facts say of these days that is not known before.
fn compare(
    facts: &CostFacts,
    before: Option<State>,
    feeds: &BTreeSet<Scope>,
    days: &Range<Date>,
    today: Date,
) -> Snapshot {
    let from = before.is_none().then_some(days.start);
    let mut before = before.unwrap_or_default();
    let mut changed = FactsBuilder::new(facts.projection().clone());
    let mut gone = FactsBuilder::new(facts.projection().clone());
    let has = |basis| facts.has_basis(basis);
    let (has_actual, has_amortized) = (has(CostBasis::Actual), has(CostBasis::Amortized));
    let put = |builder: &mut FactsBuilder, key: &SeriesKey, day: &DayCost| {
        let series = builder.series(key.clone());
        let actual = has_actual.then_some(day.actual);
        let amortized = has_amortized.then_some(day.amortized);
        // A day is added once, so there is no sum that could overflow.
        let _ = builder.add(series, day.date, actual, amortized);
    };
    for one in facts.series() {
        let mut known = before.remove(&one.key).unwrap_or_default();
        for day in one.days.iter().filter(|day| days.contains(&day.date)) {
            if known.remove(&day.date).as_ref() != Some(day) {
                put(&mut changed, &one.key, day);
            }
        }
        for day in known.range(days.clone()).map(|(_, day)| day) {
            put(&mut gone, &one.key, day);
        }
    }
    for (key, known) in &before {
        for day in known.range(days.clone()).map(|(_, day)| day) {
            put(&mut gone, key, day);
        }
    }
    let last_day = |feed: &Scope| {
        let known = facts.series_in(feed).flat_map(|one| one.days.iter().rev());
        let known = known.map(|day| day.date).filter(|day| *day <= today);
        Some((feed.clone(), known.max()?))
    };
    Snapshot {
        day: today,
        as_of: facts.as_of(),
        from,
        feeds: feeds.iter().filter_map(last_day).collect(),
        changed: changed.finish(facts.as_of()),
        gone: gone.finish(facts.as_of()),
    }
}

/// Removes old snapshots, also of reads that are not configured any more.
async fn prune(documents: &dyn Documents, today: Date) -> anyhow::Result<()> {
    let oldest = plus_days(today, -KEPT_DAYS);
    for key in documents.list(SNAPSHOTS).await? {
        let day = key
            .rsplit('/')
            .next()
            .and_then(|day| day.parse::<Date>().ok());
        if day.is_none_or(|day| day >= oldest) {
            continue;
        }
        if let Some(document) = documents.get(&key).await? {
            match documents.delete(&key, &document.version).await {
                Ok(()) | Err(Error::Moved { .. }) => {}
                Err(error) => return Err(error).context("remove an old snapshot"),
            }
        }
    }
    Ok(())
}
