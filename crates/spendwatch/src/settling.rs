//! How costs of a day come in: what was posted of each of the last days, and when, so that what is posted
//! of a day today says what it will come to.

use std::collections::BTreeMap;

use budget_engine::{Budget, DayState, Observed, plus_days};
use cost_forecast::{Arrival, SettlingCurve};
use futures::future::try_join_all;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use state_store::{Documents, Error, Version, json};

use crate::config::Config;

/// Ages are counted in steps of this many hours since the day began.
const HOURS: i64 = 6;
/// What is older than this many days is forgotten.
const KEPT_DAYS: i32 = 60;
/// How many documents are fetched at a time.
const AT_ONCE: usize = 16;

/// What was posted of the last days of a budget: the document `settling/<budget>`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Postings {
    /// What the budget counts, as a hash: what was posted of something else says nothing.
    counts: String,
    /// By day, then by its age in steps of six hours: what was posted in all.
    days: BTreeMap<Date, BTreeMap<u32, Decimal>>,
}

/// What is known of the last days of budgets, by id.
///
/// # Errors
/// When the store fails.
pub(crate) async fn load(
    documents: &dyn Documents,
    config: &Config,
    budgets: &[&Budget],
) -> anyhow::Result<BTreeMap<String, Postings>> {
    let keys: Vec<String> = budgets.iter().map(|budget| key(&budget.id)).collect();
    let mut kept: Vec<Option<Postings>> = Vec::with_capacity(keys.len());
    for some in keys.chunks(AT_ONCE) {
        kept.extend(try_join_all(some.iter().map(|key| fetch(documents, key))).await?);
    }
    let mut known = BTreeMap::new();
    for (budget, kept) in budgets.iter().zip(kept) {
        let counts = counts(config, budget);
        let kept = kept.filter(|kept| kept.counts == counts);
        let kept = kept.unwrap_or_else(|| Postings {
            counts,
            days: BTreeMap::new(),
        });
        known.insert(budget.id.clone(), kept);
    }
    Ok(known)
}

async fn fetch(documents: &dyn Documents, key: &str) -> state_store::Result<Option<Postings>> {
    let kept: Option<(Postings, Version)> = json::get(documents, key).await?;
    Ok(kept.map(|(kept, _)| kept))
}

/// Writes what is known now beside what was known before. Whoever else writes it at the same time knows
/// as much.
///
/// # Errors
/// When the store fails.
pub(crate) async fn keep(
    documents: &dyn Documents,
    budget: &Budget,
    postings: &Postings,
) -> anyhow::Result<()> {
    let written = json::update(documents, &key(&budget.id), |stored: Option<&Postings>| {
        Ok::<_, Error>((stored != Some(postings)).then(|| postings.clone()))
    })
    .await;
    match written {
        Ok(_) | Err(Error::Moved { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A hash of what a budget counts.
fn counts(config: &Config, budget: &Budget) -> String {
    let what = (
        config.budgets.selectors(budget),
        budget.cost_basis,
        budget.currency,
    );
    let mut hash = Sha256::new();
    hash.update(format!("{what:?}"));
    hash.finalize()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn key(budget: &str) -> String {
    format!("settling/{budget}")
}

impl Postings {
    /// The same with what is posted now of the days that are not settled.
    pub(crate) fn with(mut self, observed: &Observed) -> Postings {
        for day in &observed.days {
            if day.state == DayState::Settling
                && let Some(age) = age(observed, day.date)
            {
                self.days.entry(day.date).or_default().insert(age, day.cost);
            }
        }
        let first = plus_days(observed.data.last_day, -KEPT_DAYS);
        self.days = self.days.split_off(&first);
        self
    }

    /// How much of each settling day is posted, as far as the days that have settled since say it.
    pub(crate) fn arrivals(&self, observed: &Observed) -> Vec<Arrival> {
        let settled = observed
            .days
            .iter()
            .filter(|day| day.state == DayState::Settled);
        let seen: Vec<(BTreeMap<u32, f64>, f64)> = settled
            .filter_map(|day| {
                let posted = self.days.get(&day.date)?.iter();
                let posted = posted.filter_map(|(age, cost)| Some((*age, cost.to_f64()?)));
                Some((posted.collect(), day.cost.to_f64()?))
            })
            .collect();
        let curve = SettlingCurve::learn(seen.iter().map(|(posted, total)| (posted, *total)));
        let settling = observed
            .days
            .iter()
            .filter(|day| day.state == DayState::Settling);
        settling
            .filter_map(|day| curve.arrival(day.date, age(observed, day.date)?))
            .collect()
    }
}

/// The age of a day in the data, in steps.
fn age(observed: &Observed, day: Date) -> Option<u32> {
    let began = day.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let age = observed.data.as_of.duration_since(began);
    u32::try_from(age.as_hours() / HOURS).ok()
}
