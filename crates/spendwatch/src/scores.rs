//! The scoreboard: forecasts as they were made, and how they turned out.
//!
//! Each budget has one document. Evaluations put the forecast of the day into it, the first of a day
//! that rests on fresh data, and compare what they kept with what came once a period is over and its
//! last days have settled. While those may still be restated the comparison is made anew; then the
//! forecasts go, and their errors stay. What a board holds never depends on who evaluates or how
//! often, and nothing depends on a board but how far forecasts are believed.

mod period;
mod record;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use budget_engine::{Budget, Observed, Period, Selector, days_between, plus_days};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use state_store::{Documents, json};

use self::period::PeriodScore;
use crate::config::Config;
use crate::kept;
use crate::standing::CLOSING_DAYS;

pub use self::record::{Figures, ModelScore, Stage};

/// The model whose name stands for what is told: the combination of the estimates.
pub const COMBINED: &str = "combined";
/// The model that scales up what the settled days of the period have cost: a benchmark.
pub const RUN_RATE: &str = "run-rate";

/// A board holds so many periods that have ended.
const MOST_PERIODS: usize = 24;
/// Of one period it keeps at most so many forecasts: one a day of a month, fewer of longer periods,
/// where those of neighboring days say nearly the same.
const MOST_FORECASTS: u32 = 31;
/// Where the documents live in the store.
const FOLDER: &str = "scores";
/// A period that could not be compared so many days after its end never will be.
const GIVEN_UP_AFTER_DAYS: i32 = 60;

/// The forecasts of one budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Board {
    /// What the budget counts, as a hash: forecasts of other costs are not compared.
    definition: String,
    /// The periods, oldest first.
    periods: Vec<Entry>,
}

/// The forecasts of one period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    /// The days that the budget counts.
    period: Period,
    /// First day with a cost, as it was known when the forecasts were made.
    data_from: Date,
    /// The forecasts by the day on which they were made; none once the score is final.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    made: BTreeMap<Date, Made>,
    /// How they turned out; `None` before the period has settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<PeriodScore>,
}

/// A forecast of a period's total as it was made, in the budget's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Made {
    /// The expected total by each model.
    pub(crate) totals: BTreeMap<String, Decimal>,
    /// The range that holds four totals of five.
    pub(crate) range80: (Decimal, Decimal),
    /// The range that holds 19 totals of 20.
    pub(crate) range95: (Decimal, Decimal),
    /// The 80 % range as it would have been without scores; absent if it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plain80: Option<(Decimal, Decimal)>,
}

impl Board {
    /// A board without forecasts.
    pub(crate) fn new(definition: String) -> Board {
        Board {
            definition,
            periods: Vec::new(),
        }
    }

    /// Keeps a forecast of the running period, unless there is one of this day.
    pub(crate) fn keep(&mut self, period: &Period, observed: &Observed, today: Date, made: Made) {
        if !period.contains(today) || observed.data.stale {
            return;
        }
        let same_start = |one: &Entry| one.period.start() == period.start();
        let found = self.periods.iter().position(same_start);
        let entry = Entry {
            period: *period,
            data_from: observed.data.first_day,
            made: BTreeMap::new(),
            score: None,
        };
        let index = match found {
            // The budget's first or last day was moved: what was expected of other days is void.
            Some(index) if self.periods[index].period != *period => {
                self.periods[index] = entry;
                index
            }
            Some(index) => index,
            None => {
                self.periods.push(entry);
                self.periods.sort_by_key(|one| one.period.start());
                self.periods.iter().position(same_start).unwrap_or_default()
            }
        };
        let entry = &mut self.periods[index];
        entry.data_from = entry.data_from.min(observed.data.first_day);
        let each = period.days().div_ceil(MOST_FORECASTS).max(1);
        let slot = |day: Date| days_between(period.start(), day) / each;
        if !entry.made.keys().any(|day| slot(*day) == slot(today)) {
            entry.made.insert(today, made);
        }
    }

    /// Compares the forecasts of periods that are over and have settled, and forgets what has become
    /// old.
    pub(crate) fn settle(&mut self, observed: &Observed, today: Date) {
        for entry in &mut self.periods {
            if entry.period.end() > today || entry.made.is_empty() {
                continue;
            }
            if let Some(came) = entry.came(observed) {
                entry.score = PeriodScore::of(&entry.period, &entry.made, came);
            }
            let is_closed = plus_days(entry.period.end(), CLOSING_DAYS) <= today;
            if is_closed && entry.score.is_some() {
                entry.made.clear();
            }
        }
        self.periods.retain(|entry| {
            entry.score.is_some() || today < plus_days(entry.period.end(), GIVEN_UP_AFTER_DAYS)
        });
        let is_scored = |one: &&Entry| one.score.is_some();
        let scored = self.periods.iter().filter(is_scored).count();
        let mut surplus = scored.saturating_sub(MOST_PERIODS);
        self.periods.retain(|entry| {
            let goes = surplus > 0 && entry.score.is_some();
            surplus -= usize::from(goes);
            !goes
        });
    }

    /// The scores of the periods that have ended, oldest first.
    fn scores(&self) -> impl DoubleEndedIterator<Item = &PeriodScore> {
        self.periods.iter().filter_map(|entry| entry.score.as_ref())
    }

    /// The first period with forecasts that are not compared yet.
    pub(crate) fn waiting(&self) -> Option<Period> {
        let waiting = self.periods.iter().find(|entry| entry.score.is_none());
        waiting.map(|entry| entry.period)
    }
}

impl Entry {
    /// What the period came to; `None` before all of its days have settled, and if the data cover less
    /// of it than when its forecasts were made.
    fn came(&self, observed: &Observed) -> Option<Decimal> {
        let data = &observed.data;
        let is_covered = data.first_day <= self.period.start().max(self.data_from);
        if !is_covered || data.settled_to < self.period.last_day() {
            return None;
        }
        let sum = observed.sum(self.period.start(), self.period.end());
        sum.ok().map(|money| money.amount)
    }
}

/// What a budget counts, as a hash: its scopes and conditions, cost basis, currency and periods. Amounts
/// and thresholds are not in it, nor is the order in which scopes are written.
pub(crate) fn definition(budget: &Budget, selectors: &[Selector<'_>]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for selector in selectors {
        let mut scopes: Vec<&str> = selector.scopes.iter().map(|scope| scope.path()).collect();
        scopes.sort_unstable();
        let part = (scopes, selector.filter, selector.exclude);
        parts.push(serde_json::to_string(&part).unwrap_or_default());
    }
    parts.sort();
    parts.push(serde_json::to_string(&budget.calendar).unwrap_or_default());
    parts.push(format!("{} {}", budget.cost_basis, budget.currency));
    let mut hash = Sha256::new();
    for part in &parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let hash = hash.finalize();
    hash.iter()
        .take(10)
        .map(|one| format!("{one:02x}"))
        .collect()
}

/// The board of a budget; `None` if there is none of what it counts today.
///
/// # Errors
/// When the store fails or the document cannot be read.
pub(crate) async fn load(
    documents: &dyn Documents,
    config: &Config,
    budget: &Budget,
) -> state_store::Result<Option<Board>> {
    let stored = json::get::<Board>(documents, &kept::key(FOLDER, &budget.id)).await?;
    let definition = definition(budget, &config.budgets.selectors(budget));
    let board = stored.map(|(board, _)| board);
    Ok(board.filter(|board| board.definition == definition))
}

/// The boards of budgets, by id: those that are of what they count today.
pub(crate) async fn load_all(
    documents: &dyn Documents,
    config: &Config,
    budgets: &[&Budget],
) -> BTreeMap<String, Board> {
    let mut boards: BTreeMap<String, Board> = kept::load(documents, FOLDER, budgets).await;
    boards.retain(|id, board| {
        let budget = config.budgets.get(id);
        let definition = budget.map(|budget| definition(budget, &config.budgets.selectors(budget)));
        definition.as_ref() == Some(&board.definition)
    });
    boards
}

/// Brings the board of a budget up to an evaluation: `made` is the forecast of a running period.
///
/// Safe to repeat and to do by several at once: each keeps the same forecast of the same day, the
/// first one counts, and a lost write is made again on what the other one wrote.
///
/// # Errors
/// When the store fails or the document cannot be read.
pub(crate) async fn update(
    documents: &dyn Documents,
    config: &Config,
    budget: &Budget,
    observed: &Observed,
    made: Option<(Period, Made)>,
    today: Date,
) -> state_store::Result<()> {
    let definition = definition(budget, &config.budgets.selectors(budget));
    let change = |stored: Option<&Board>| {
        let mut board = match stored {
            Some(board) if board.definition == definition => board.clone(),
            _ => Board::new(definition.clone()),
        };
        if let Some((period, made)) = &made {
            board.keep(period, observed, today, made.clone());
        }
        board.settle(observed, today);
        let is_same = stored.map_or(board.periods.is_empty(), |stored| *stored == board);
        Ok::<_, state_store::Error>((!is_same).then_some(board))
    };
    json::update(documents, &kept::key(FOLDER, &budget.id), change).await?;
    Ok(())
}
