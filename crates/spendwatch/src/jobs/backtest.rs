//! Backtest: what the configured budgets would have told in past periods. Nothing is written or sent.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use budget_engine::{Budget, Budgets, CostFacts, Lag, ObserveError, Planned, Scope};
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::clock::day_of;
use crate::config::{Config, SourceKind};
use crate::jobs::evaluate;
use crate::outlook::Outlook;
use crate::reads::{Read, counted};
use crate::replay::{self, BudgetReplay, History, Replay};
use crate::snapshots::{self, Snapshot};
use crate::sources::{Progress, ReadContext, ReadRequest};

/// How many periods can be replayed at most.
pub const MOST_PERIODS: u32 = 36;

/// What to replay.
#[derive(Clone)]
pub struct Options {
    /// Ids of the budgets; empty for all.
    pub budgets: Vec<String>,
    /// How many complete periods before today, from 1 to [`MOST_PERIODS`].
    pub periods: u32,
    /// Another planned amount for all of them, to try it out.
    pub amount: Option<Decimal>,
    /// Is told about long reads.
    pub progress: Option<Arc<dyn Progress>>,
}

/// What all budgets would have told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// When it was asked.
    pub at: Timestamp,
    /// The budgets, in the order of the configuration.
    pub budgets: Vec<BudgetReport>,
    /// What the sources have to say: rows that were skipped, and why.
    pub notes: Vec<String>,
}

/// What one budget would have told, or why nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetReport {
    /// Id of the budget.
    pub budget: String,
    /// Its name: untrusted text.
    pub name: String,
    /// The replay; absent when `problem` says why.
    pub replay: Option<BudgetReplay>,
    /// Why it could not be replayed.
    pub problem: Option<String>,
}

/// Replays budgets over past periods.
///
/// Each read is done once for the whole range. One that fails does not stop the others: its budgets
/// are reported with the failure.
///
/// # Errors
/// When the reads cannot be planned.
pub async fn run(app: &App, options: &Options) -> anyhow::Result<Report> {
    let pasts = pasts(app, options).await?;
    let periods = options.periods;
    let replayed = each(&pasts.pasts, |past| {
        past.as_ref().map_err(Clone::clone)?.replay(periods)
    });
    let budgets = pasts.budgets.iter().zip(replayed);
    Ok(Report {
        at: app.now(),
        budgets: budgets
            .map(|(budget, replayed)| {
                let (replay, problem) = match replayed {
                    Ok(replay) => (Some(replay), None),
                    Err(problem) => (None, Some(problem)),
                };
                BudgetReport {
                    budget: budget.id.clone(),
                    name: budget.name.clone(),
                    replay,
                    problem,
                }
            })
            .collect(),
        notes: pasts.notes,
    })
}

/// The budgets that were asked for, each with its past or why there is none.
pub(crate) struct Pasts {
    pub(crate) budgets: Vec<Budget>,
    pub(crate) pasts: Vec<Result<Past, String>>,
    pub(crate) notes: Vec<String>,
}

/// A budget with its costs, final and as they became known.
pub(crate) struct Past {
    pub(crate) budget: Budget,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) history: History,
    pub(crate) today: Date,
    /// What forecasts are told besides costs.
    pub(crate) outlook: Outlook,
}

/// Reads the past of all chosen budgets, once for each read.
pub(crate) async fn pasts(app: &App, options: &Options) -> anyhow::Result<Pasts> {
    let today = day_of(app.now());
    let mut found: Vec<(Budget, Result<Past, String>)> = Vec::new();
    let mut notes = Vec::new();
    for read in app.reads()? {
        let budgets = evaluate::budgets_of(app, &read);
        let is_chosen =
            |one: &&&Budget| options.budgets.is_empty() || options.budgets.contains(&one.id);
        let chosen: Vec<&Budget> = budgets.iter().filter(is_chosen).copied().collect();
        if chosen.is_empty() {
            continue;
        }
        let outcome = async {
            let context = ReadContext {
                progress: options.progress.clone(),
                ..ReadContext::default()
            };
            let request = request(app, &read, &chosen, options.periods);
            let source = app.source(read.source)?;
            let answer = source.read(&request, &context).await;
            let answer = answer.with_context(|| format!("read costs for {}", read.key))?;
            let snapshots = snapshots::load(app.documents(), &read.key).await;
            let snapshots = snapshots.context("read snapshots")?;
            anyhow::Ok((answer, snapshots))
        };
        match outcome.await {
            Ok((answer, snapshots)) => {
                notes.extend(answer.notes);
                let reading = Reading {
                    config: app.config(),
                    budgets: &app.config().budgets,
                    facts: &answer.facts,
                    snapshots: &snapshots,
                    lag: evaluate::lag_of(app, &read),
                    today,
                };
                found.extend(chosen.into_iter().map(|budget| {
                    let scopes = counted(app.config(), budget);
                    let mut budget = budget.clone();
                    budget.planned = options.amount.map_or(budget.planned, Planned::Flat);
                    let past = reading.past(&budget, scopes);
                    (budget, past.map_err(|error| error.to_string()))
                }));
            }
            Err(error) => found.extend(
                chosen
                    .into_iter()
                    .map(|budget| (budget.clone(), Err(format!("{error:#}")))),
            ),
        }
    }
    let place = |id: &str| app.config().budgets.iter().position(|one| one.id == id);
    found.sort_by_key(|(budget, _)| place(&budget.id));
    let (budgets, pasts) = found.into_iter().unzip();
    Ok(Pasts {
        budgets,
        pasts,
        notes,
    })
}

/// What one read gave.
pub(crate) struct Reading<'a> {
    pub(crate) config: &'a Config,
    pub(crate) budgets: &'a Budgets,
    pub(crate) facts: &'a CostFacts,
    pub(crate) snapshots: &'a [Snapshot],
    pub(crate) lag: Lag,
    pub(crate) today: Date,
}

impl Reading<'_> {
    pub(crate) fn past(&self, budget: &Budget, scopes: Vec<Scope>) -> Result<Past, ObserveError> {
        let selectors = self.budgets.selectors(budget);
        let history = History::new(self.facts, self.snapshots, budget, &selectors, self.lag)?;
        Ok(Past {
            budget: budget.clone(),
            scopes,
            history,
            today: self.today,
            outlook: Outlook::configured(self.config, budget),
        })
    }
}

impl Past {
    /// The complete periods with costs, oldest first; and what is left out, in words.
    pub(crate) fn periods(&self, count: u32) -> (Vec<budget_engine::Period>, Option<String>) {
        let asked = replay::past_periods(&self.budget, self.today, count);
        let periods: Vec<_> = asked
            .iter()
            .filter(|period| self.history.covers(period) && self.history.begins() < period.end())
            .copied()
            .collect();
        let left_out = asked.len() - periods.len();
        let note = (left_out > 0).then(|| {
            let periods = match asked.len() {
                1 => "1 period".to_owned(),
                many => format!("{many} periods"),
            };
            let data = match self.history.covered() {
                Some((first, last)) => format!("there are data from {first} to {last}"),
                None => "there are no data".to_owned(),
            };
            let begins = self.history.begins();
            format!("{left_out} of {periods} left out: {data}, costs of this budget from {begins}")
        });
        (periods, note)
    }

    /// Replays variants of the budget in one pass.
    pub(crate) fn variants(
        &self,
        variants: &[Budget],
        periods: &[budget_engine::Period],
    ) -> Result<Vec<BudgetReplay>, String> {
        let replay = Replay {
            history: &self.history,
            scopes: &self.scopes,
            periods,
            outlook: &self.outlook,
        };
        replay.run(variants).map_err(|error| error.to_string())
    }

    fn replay(&self, count: u32) -> Result<BudgetReplay, String> {
        let (periods, note) = self.periods(count);
        let mut replays = self.variants(std::slice::from_ref(&self.budget), &periods)?;
        let mut replay = replays.pop().ok_or("nothing was replayed")?;
        replay.notes.extend(note);
        Ok(replay)
    }
}

/// What a read asks its source for: all of the replayed periods, and what plans look back at.
fn request(app: &App, read: &Read, budgets: &[&Budget], periods: u32) -> ReadRequest {
    let request = evaluate::request(app, read);
    let today = request.today;
    let first_day = |budget: &&Budget| {
        let back = match budget.planned {
            Planned::History { periods: more, .. } => periods.saturating_add(more),
            _ => periods,
        };
        let asked = replay::past_periods(budget, today, back);
        asked.first().map(|period| period.start())
    };
    let first = budgets.iter().filter_map(first_day).min();
    reaching_back(app, read.source, request, first)
}

/// The same request from an earlier day on, as far as the source can give that.
pub(crate) fn reaching_back(
    app: &App,
    source: usize,
    mut request: ReadRequest,
    first: Option<Date>,
) -> ReadRequest {
    let mut first = first.map_or(request.period_start, |day| day.min(request.period_start));
    let source = app.config().sources.get(source);
    if source.is_some_and(|source| matches!(source.kind, SourceKind::Azure { .. })) {
        // Azure refuses to be asked for older days.
        first = first
            .max(request.reach_of_reports())
            .min(request.period_start);
    }
    request.period_start = first;
    request
}

/// Does something for each item, on all processors, and gives the results in order.
pub(crate) fn each<I: Sync, O: Send>(items: &[I], work: impl Fn(&I) -> O + Sync) -> Vec<O> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        while let Some((index, item)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            items.get(index).map(|item| (index, item))
        } {
            done.push((index, work(item)));
        }
        done
    };
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut done: Vec<(usize, O)> = std::thread::scope(|scope| {
        let workers = (1..processors.min(items.len())).map(|_| scope.spawn(worker));
        let workers: Vec<_> = workers.collect();
        let mut done = worker();
        for other in workers {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
