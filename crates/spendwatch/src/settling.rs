//! How costs of a day come in: what was posted of each of the last days, and when, so that what is posted
//! of a day today says what it will come to.

use std::collections::BTreeMap;

use budget_engine::{Budget, DayState, Observed, plus_days};
use cost_forecast::{Arrival, SettlingCurve};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use state_store::{Documents, Error, json};

use crate::config::Config;
use crate::kept;
use crate::scores::definition;

/// Ages are counted in steps of this many hours since the day began.
const HOURS: i64 = 6;
/// What is older than this many days is forgotten.
const KEPT_DAYS: i32 = 60;
/// Where the documents live in the store.
const FOLDER: &str = "settling";

/// What was posted of the last days of a budget: the document `settling/<budget>`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Postings {
    /// What the budget counts, as a hash: what was posted of something else says nothing.
    counts: String,
    /// By day, then by its age in steps of six hours: what was posted in all.
    days: BTreeMap<Date, BTreeMap<u32, Decimal>>,
}

/// What is known of the last days of budgets, by id; of each one something.
pub(crate) async fn load(
    documents: &dyn Documents,
    config: &Config,
    budgets: &[&Budget],
) -> BTreeMap<String, Postings> {
    let mut kept: BTreeMap<String, Postings> = kept::load(documents, FOLDER, budgets).await;
    let known = budgets.iter().map(|budget| {
        let counts = definition(budget, &config.budgets.selectors(budget));
        let kept = kept.remove(&budget.id);
        let kept = kept.filter(|kept| kept.counts == counts);
        let kept = kept.unwrap_or_else(|| Postings {
            counts,
            days: BTreeMap::new(),
        });
        (budget.id.clone(), kept)
    });
    known.collect()
}

/// Writes what is known now. Whoever else writes it at the same time knows as much.
///
/// # Errors
/// When the store fails or the document cannot be read.
pub(crate) async fn keep(
    documents: &dyn Documents,
    budget: &Budget,
    postings: &Postings,
) -> state_store::Result<()> {
    let key = kept::key(FOLDER, &budget.id);
    let written = json::update(documents, &key, |stored: Option<&Postings>| {
        Ok::<_, Error>((stored != Some(postings)).then(|| postings.clone()))
    })
    .await;
    match written {
        Ok(_) | Err(Error::Moved { .. }) => Ok(()),
        Err(error) => Err(error),
    }
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
