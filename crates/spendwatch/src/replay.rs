//! Replay: what budgets would have told in past periods, day by day, and whether it was right.
//!
//! Each day is judged at noon UTC by the functions that judge today, with what was known then, and
//! with a ledger that is carried along. Nothing is read or written here.

mod known;
mod verdict;

use std::collections::BTreeMap;

use budget_engine::{
    AlertKey, Budget, Currency, Ledger, Money, ObserveError, Observed, Outcome, Period, Scope,
    Status, ThresholdKind, When, dates, decide, plus_days,
};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::anomalies::Checked;
use crate::forecasting;
use crate::outlook::Outlook;
use crate::scores::Board;
use crate::standing::{self, CLOSING_DAYS, Figures};

pub(crate) use known::{Basis, History};
pub use verdict::{PeriodReplay, ThresholdReplay, Trial, Verdict, Warning};

/// What the replayed days rest on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownDays {
    /// Days on which what was known then is known from snapshots.
    pub snapshots: u32,
    /// Days on which the final costs stand in, up to the day that was settled then.
    pub r#final: u32,
    /// Days before there were any costs, or without a planned amount: nothing was judged.
    pub none: u32,
}

/// What one budget would have told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetReplay {
    /// Id of the budget.
    pub budget: String,
    /// Its name: untrusted text.
    pub name: String,
    /// Currency of all amounts.
    pub currency: Currency,
    /// What the days rest on.
    pub known: KnownDays,
    /// The periods, oldest first.
    pub periods: Vec<PeriodReplay>,
    /// The thresholds over all periods, in the order of the configuration.
    pub thresholds: Vec<ThresholdReplay>,
    /// What could not be replayed, and why, in words.
    pub notes: Vec<String>,
}

/// One notice about a threshold, or its taking back.
struct Event {
    threshold: usize,
    step: u32,
    /// Of the event of unusual cost.
    first_day: Option<Date>,
    day: Date,
    kind: EventKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum EventKind {
    /// Told; `own` unless the notice of a higher one told of it, too.
    Told { own: bool, restated: bool },
    /// Taken back.
    Withdrawn,
}

/// One period of one variant while the days go by.
struct Running {
    ledger: Ledger,
    basis: Option<Basis>,
    planned: Option<Money>,
    no_plan: Option<String>,
    events: Vec<Event>,
}

/// A budget with its history, and the days to go through.
pub(crate) struct Replay<'a> {
    pub(crate) history: &'a History,
    /// The scopes it counts, its children's included.
    pub(crate) scopes: &'a [Scope],
    /// Complete periods, oldest first, without gaps.
    pub(crate) periods: &'a [Period],
    /// What forecasts are told besides costs.
    pub(crate) outlook: &'a Outlook,
}

/// The last `count` periods that ended before `today`, oldest first.
pub(crate) fn past_periods(budget: &Budget, today: Date, count: u32) -> Vec<Period> {
    let mut periods = Vec::new();
    let mut period = budget.calendar.period_of(today);
    for _ in 0..count {
        period = period.and_then(|period| budget.calendar.previous(&period));
        periods.extend(period);
    }
    periods.reverse();
    periods
}

/// The budget as if it had always been there.
pub(crate) fn without_life(budget: &Budget) -> Budget {
    Budget {
        starts: None,
        ends: None,
        ..budget.clone()
    }
}

impl Replay<'_> {
    /// Replays variants of the budget, which differ in amounts and thresholds only.
    pub(crate) fn run(&self, variants: &[Budget]) -> Result<Vec<BudgetReplay>, ObserveError> {
        let variants: Vec<Budget> = variants.iter().map(without_life).collect();
        let ended: Vec<Budget> = variants.iter().map(standing::after_end).collect();
        let mut running: Vec<BTreeMap<Date, Running>> = Vec::new();
        running.resize_with(variants.len(), BTreeMap::new);
        let needs = |kind: ThresholdKind| {
            let mut thresholds = variants.iter().flat_map(|variant| &variant.thresholds);
            thresholds.any(|one| one.when.kind() == kind)
        };
        let needs_forecast = needs(ThresholdKind::Forecast);
        let needs_check = needs(ThresholdKind::Anomaly);
        let mut known_days = KnownDays::default();
        let (Some(first), Some(last)) = (self.periods.first(), self.periods.last()) else {
            return Ok(variants.iter().map(|one| self.empty(one)).collect());
        };
        let mut walk = self.history.walk();
        for day in dates(first.start(), plus_days(last.end(), CLOSING_DAYS)) {
            let Some((known, basis)) = walk.to(day)? else {
                known_days.none += u32::from(day < last.end());
                continue;
            };
            let observed = self.history.observed(known, day);
            let is_inside = day < last.end();
            match basis {
                Basis::Snapshots => known_days.snapshots += u32::from(is_inside),
                Basis::Final => known_days.r#final += u32::from(is_inside),
            }
            // One forecast serves all variants: it does not depend on what was planned.
            let mut forecast = None;
            // One check, too.
            let checked = needs_check.then(|| Checked::of(&observed, self.outlook));
            let checked = checked.and_then(Result::ok);
            for (index, variant) in variants.iter().enumerate() {
                let Some(plan) = standing::plan(variant, day)? else {
                    continue;
                };
                let judging = Judging {
                    replay: self,
                    observed: &observed,
                    checked: checked.as_ref(),
                    basis,
                    day,
                };
                let periods = &mut running[index];
                if let Some(period) = plan.ended
                    && let Some(running) = periods.get_mut(&period.start())
                {
                    let budget = &ended[index];
                    let figures = standing::ended(budget, self.scopes, &observed, &period);
                    if let Ok(figures) = figures {
                        judging.judge(budget, variant, figures, &period, running);
                    }
                }
                let current = plan.current.filter(|one| self.periods.contains(one));
                let Some(period) = current else { continue };
                let running = periods.entry(period.start()).or_insert_with(|| Running {
                    ledger: Ledger::new(&variant.id, &variant.calendar.key(&period)),
                    basis: None,
                    planned: None,
                    no_plan: None,
                    events: Vec::new(),
                });
                let figures =
                    standing::running(variant, self.scopes, &observed, &period, |period, _| {
                        if !needs_forecast {
                            return Err("no threshold asks for it".to_owned());
                        }
                        let total = || forecasting::forecast_total(&observed, period, self.outlook);
                        forecast.get_or_insert_with(total).clone()
                    });
                match figures {
                    Ok(figures) => judging.judge(variant, variant, figures, &period, running),
                    Err(ObserveError::NoPlan { reason, .. }) => running.no_plan = Some(reason),
                    Err(error) => return Err(error),
                }
            }
        }
        let finished = variants.iter().zip(running);
        Ok(finished
            .map(|(variant, running)| self.finish(variant, running, known_days))
            .collect())
    }

    fn empty(&self, variant: &Budget) -> BudgetReplay {
        BudgetReplay {
            budget: variant.id.clone(),
            name: variant.name.clone(),
            currency: variant.currency,
            known: KnownDays::default(),
            periods: Vec::new(),
            thresholds: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn finish(
        &self,
        variant: &Budget,
        mut running: BTreeMap<Date, Running>,
        known: KnownDays,
    ) -> BudgetReplay {
        let mut replay = BudgetReplay {
            known,
            ..self.empty(variant)
        };
        for period in self.periods {
            let Some(running) = running.remove(&period.start()) else {
                continue;
            };
            let label = variant.calendar.label(period);
            match (running.planned, &running.no_plan) {
                (Some(planned), _) => replay.periods.push(verdict::period(
                    variant,
                    period,
                    planned,
                    self.history.costs(),
                    &running.events,
                )),
                (None, Some(reason)) => {
                    let note = format!("{label} has no planned amount: {reason}");
                    replay.notes.push(note);
                }
                (None, None) => {}
            }
        }
        replay.thresholds = verdict::thresholds(variant, &replay.periods);
        replay
    }
}

/// The scoreboard that evaluations on each day of these complete periods would have filled.
pub(crate) fn board(
    history: &History,
    periods: &[Period],
    outlook: &Outlook,
) -> Result<Board, ObserveError> {
    let mut board = Board::new(String::new());
    let (Some(first), Some(last)) = (periods.first(), periods.last()) else {
        return Ok(board);
    };
    let mut walk = history.walk();
    for day in dates(first.start(), plus_days(last.end(), CLOSING_DAYS + 1)) {
        let Some((known, _)) = walk.to(day)? else {
            continue;
        };
        let observed = history.observed(known, day);
        let running = periods.iter().find(|period| period.contains(day));
        if let Some(period) = running
            && let outlook = outlook.clone().with_scored(board.scored())
            && let Ok(made) = forecasting::forecast_made(&observed, period, &outlook)
        {
            board.keep(period, &observed, day, made);
        }
        board.settle(&observed, day);
    }
    Ok(board)
}

/// One day of one variant.
struct Judging<'a> {
    replay: &'a Replay<'a>,
    observed: &'a Observed,
    checked: Option<&'a Checked>,
    basis: Basis,
    day: Date,
}

impl Judging<'_> {
    /// Decides and records what is told. `budget` has the thresholds that are judged, `variant` all.
    fn judge(
        &self,
        budget: &Budget,
        variant: &Budget,
        figures: Figures,
        period: &Period,
        running: &mut Running,
    ) {
        let Figures {
            mut status,
            forecast,
        } = figures;
        add_anomalies(&mut status, self.checked, self.observed);
        running.planned = Some(status.planned);
        if running.basis != Some(self.basis) {
            // The two kinds of knowledge are not newer or older than each other.
            running.ledger.as_of = None;
            running.basis = Some(self.basis);
        }
        let now = noon(self.day);
        let evaluation = decide(budget, &status, forecast.as_ref(), &running.ledger, now);
        for decision in &evaluation.decisions {
            let AlertKey {
                threshold: id,
                step,
                first_day,
            } = AlertKey::read(&decision.threshold);
            let kind = match decision.outcome {
                Outcome::Fire => EventKind::Told {
                    own: true,
                    restated: self.is_restated(budget, id, step, period),
                },
                Outcome::Cover { .. } => EventKind::Told {
                    own: false,
                    restated: self.is_restated(budget, id, step, period),
                },
                Outcome::Withdraw => EventKind::Withdrawn,
                // That it was over is no judgement on what was told.
                Outcome::Resolve | Outcome::Quiet => continue,
            };
            let mut thresholds = variant.thresholds.iter();
            if let Some(threshold) = thresholds.position(|one| one.id == id) {
                running.events.push(Event {
                    threshold,
                    step,
                    first_day,
                    day: self.day,
                    kind,
                });
            }
        }
        running.ledger = evaluation.ledger;
    }

    /// Whether the final data, cut at the same day, would not have told it.
    fn is_restated(&self, budget: &Budget, id: &str, step: u32, period: &Period) -> bool {
        let threshold = budget.thresholds.iter().find(|one| one.id == id);
        let Some(threshold) = threshold.filter(|_| self.basis == Basis::Snapshots) else {
            return false;
        };
        if matches!(threshold.when, When::Stale(_)) {
            return false;
        }
        let data = &self.observed.data;
        let history = self.replay.history;
        let known = history.final_until(data.last_day, data.as_of);
        let observed = history.observed(&known, self.day);
        let alone = Budget {
            thresholds: vec![threshold.clone()],
            ..budget.clone()
        };
        let scopes = self.replay.scopes;
        let figures = if period.contains(self.day) {
            standing::running(&alone, scopes, &observed, period, |period, _| {
                forecasting::forecast_total(&observed, period, self.replay.outlook)
            })
        } else {
            standing::ended(&alone, scopes, &observed, period)
        };
        let Ok(mut figures) = figures else {
            return true;
        };
        if let When::Anomaly(..) = threshold.when {
            add_anomalies(
                &mut figures.status,
                Checked::of(&observed, self.replay.outlook).as_ref().ok(),
                &observed,
            );
        }
        let Figures { status, forecast } = figures;
        let ledger = Ledger::new(&alone.id, &status.period_key);
        let now = noon(self.day);
        let evaluation = decide(&alone, &status, forecast.as_ref(), &ledger, now);
        let told = evaluation.ledger.alerts.values();
        !told.into_iter().any(|alert| alert.step >= step)
    }
}

fn add_anomalies(status: &mut Status, checked: Option<&Checked>, observed: &Observed) {
    let shown = checked.map(|checked| checked.shown_in(&status.period, observed));
    status.anomalies = shown.and_then(Result::ok);
}

fn noon(day: Date) -> Timestamp {
    let noon = day.at(12, 0, 0, 0).to_zoned(TimeZone::UTC);
    noon.map_or(Timestamp::MAX, |noon| noon.timestamp())
}

/// The first day on which the costs of a period reached a level.
fn reached_on(costs: &BTreeMap<Date, Decimal>, period: &Period, level: Decimal) -> Option<Date> {
    let mut sum = Decimal::ZERO;
    for (day, cost) in costs.range(period.start()..period.end()) {
        sum = sum.saturating_add(*cost);
        if sum >= level {
            return Some(*day);
        }
    }
    None
}

/// What a period cost.
pub(crate) fn total(costs: &BTreeMap<Date, Decimal>, period: &Period) -> Decimal {
    let days = costs.range(period.start()..period.end());
    days.fold(Decimal::ZERO, |sum, (_, cost)| sum.saturating_add(*cost))
}
