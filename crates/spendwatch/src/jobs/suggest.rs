//! Suggest: amounts and thresholds from what was spent, chosen by replaying them. Nothing is written.
//!
//! The amount is the lowest candidate that would have been reached in at most so many of the complete
//! periods and the running one, which counts by its forecast, and that is not below where growth leads.
//! The early warning is the forecast or pace threshold that was told so many days ahead in most of the
//! replayed breaches, less its false alarms.

mod losses;
mod uncovered;

use std::collections::BTreeMap;

use budget_engine::{
    Budget, FollowUp, Level, Money, Period, Planned, Scope, Severity, Statistic, Threshold, When,
    plus_days,
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

pub use self::uncovered::{Where, for_scopes};
use crate::app::App;
use crate::config::{Config, budget_toml};
use crate::forecasting;
use crate::jobs::backtest::{self, Past, each};
use crate::replay::{self, BudgetReplay, Trial, Verdict};

/// Complete periods that a proposal needs.
pub const NEEDED_PERIODS: usize = 3;

/// Of so many periods one may reach its amount, unless it is said otherwise.
const PERIODS_PER_BREACH: usize = 6;

/// Percents that are added to what was spent.
const PLUS: [i64; 3] = [0, 10, 20];

/// What to suggest from.
#[derive(Clone)]
pub struct Options {
    /// The budgets and how far to look back.
    pub past: backtest::Options,
    /// In how many periods the amount may be reached; one in six if `None`.
    pub breaches: Option<u32>,
    /// How many days ahead a warning is to come.
    pub days_ahead: u32,
}

/// What is suggested for all budgets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// When it was asked.
    pub at: Timestamp,
    /// The budgets, in the order of the configuration.
    pub budgets: Vec<Suggestion>,
    /// What the sources have to say: rows that were skipped, and why.
    pub notes: Vec<String>,
}

/// What is suggested for one budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suggestion {
    /// Id of the budget.
    pub budget: String,
    /// Its name: untrusted text.
    pub name: String,
    /// The scope that it would count, of a budget that is not there yet.
    #[serde(default)]
    pub scope: Option<Scope>,
    /// Planned amount of the running period; `None` if it has none.
    pub current: Option<Money>,
    /// The proposal; absent when there is too little to go by.
    pub proposal: Option<Proposal>,
    /// Why this, or why nothing, in one sentence.
    pub reason: String,
    /// Whether that is a failure: the budget's costs cannot be read.
    pub failed: bool,
}

/// An amount and thresholds, with what they would have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    /// The amount of each period.
    pub amount: Money,
    /// What it was made from.
    pub made_from: String,
    /// In how many of `periods` it would have been reached.
    pub reached: u32,
    /// The complete periods, and the running one if there is a forecast for it.
    pub periods: u32,
    /// The conditions, with the probability that a forecast asks for.
    pub thresholds: Vec<(String, Option<Decimal>)>,
    /// The budget as it would have done; `None` if it has no amounts for past periods.
    pub before: Option<BudgetReplay>,
    /// The proposal as it would have done.
    pub after: BudgetReplay,
    /// What the budget has and the proposal does not, besides conditions.
    #[serde(default)]
    pub losses: Vec<String>,
    /// The budget with the proposal in it, as TOML to paste.
    pub snippet: String,
}

/// Suggests amounts and thresholds for budgets.
///
/// # Errors
/// When the reads cannot be planned. A read that fails is reported with its budgets.
pub async fn run(app: &App, options: &Options) -> anyhow::Result<Report> {
    let pasts = backtest::pasts(app, &options.past).await?;
    let suggested = each(&pasts.pasts, |past| match past {
        Ok(past) => suggest(past, app.config(), options),
        Err(problem) => Err(problem.clone()),
    });
    let budgets = pasts.budgets.iter().zip(suggested);
    Ok(Report {
        at: app.now(),
        budgets: budgets
            .map(|(budget, suggested)| {
                suggested.unwrap_or_else(|problem| Suggestion {
                    budget: budget.id.clone(),
                    name: budget.name.clone(),
                    scope: None,
                    current: None,
                    proposal: None,
                    reason: problem,
                    failed: true,
                })
            })
            .collect(),
        notes: pasts.notes,
    })
}

/// An amount that may be proposed, and what it was made from.
struct Candidate {
    amount: Decimal,
    made_from: String,
}

fn suggest(past: &Past, config: &Config, options: &Options) -> Result<Suggestion, String> {
    let budget = &past.budget;
    let (mut periods, _) = past.periods(options.past.periods);
    // The period of a launch is no measure of a whole one.
    periods.retain(|period| past.history.begins() <= period.start());
    let totals: Vec<Decimal> = periods
        .iter()
        .map(|period| replay::total(past.history.costs(), period))
        .collect();
    let running = running(past);
    let mut suggestion = Suggestion {
        budget: budget.id.clone(),
        name: budget.name.clone(),
        scope: None,
        current: running.planned,
        proposal: None,
        reason: String::new(),
        failed: false,
    };
    if totals.len() < NEEDED_PERIODS {
        suggestion.reason = format!(
            "nothing is proposed: {} with costs from the first to the last day, {NEEDED_PERIODS} \
             are needed",
            periods_in_words(totals.len())
        );
        return Ok(suggestion);
    }
    let mut measured = totals.clone();
    measured.extend(running.median);
    let allowed = options
        .breaches
        .map_or(measured.len() / PERIODS_PER_BREACH, |breaches| {
            breaches.to_usize().unwrap_or(usize::MAX)
        });
    let reached = |amount: Decimal| measured.iter().filter(|total| **total >= amount).count();
    let candidates = candidates(&totals, &running);
    // A period that may reach the amount is an odd one, not the next one of a growing budget.
    let least = trend(&totals).unwrap_or_default();
    let chosen = candidates
        .iter()
        .find(|one| one.amount >= least && reached(one.amount) <= allowed);
    let Some(chosen) = chosen else {
        suggestion.reason =
            "nothing is proposed: the periods brought in more than they cost".to_owned();
        return Ok(suggestion);
    };
    let early = early_warning(past, &periods, &totals, chosen.amount, options.days_ahead)?;
    let follow_up = &config.inherited.follow_up;
    let proposed = proposed(budget, chosen.amount, &totals, early.as_ref(), follow_up);
    let variants = [budget.clone(), proposed.clone()];
    let mut replays = past.variants(&variants, &periods)?.into_iter();
    let (Some(before), Some(after)) = (replays.next(), replays.next()) else {
        return Err("nothing was replayed".to_owned());
    };
    let amount = Money::new(chosen.amount, budget.currency);
    let count = reached(chosen.amount);
    let by_forecast = match running.median {
        Some(_) => ", the running one by its forecast",
        None => "",
    };
    let warned = match &early {
        Some(early) => format!(
            "`{}` was told at least {} days ahead of {} of {} replayed breaches, with {}",
            in_words(&early.threshold),
            options.days_ahead,
            early.warned,
            early.breaches,
            match early.false_alarms {
                1 => "1 false alarm".to_owned(),
                many => format!("{many} false alarms"),
            }
        ),
        None => "no early warning was more often right than wrong".to_owned(),
    };
    suggestion.reason = format!(
        "{amount}, {}, would have been reached in {count} of {}{by_forecast}; {warned}",
        chosen.made_from,
        periods_in_words(measured.len())
    );
    let thresholds = proposed.thresholds.iter();
    suggestion.proposal = Some(Proposal {
        amount,
        made_from: chosen.made_from.clone(),
        reached: u32::try_from(count).unwrap_or(u32::MAX),
        periods: u32::try_from(measured.len()).unwrap_or(u32::MAX),
        thresholds: thresholds
            .map(|one| {
                let is_forecast = matches!(one.when, When::Forecast(_));
                (one.when.to_string(), is_forecast.then_some(one.probability))
            })
            .collect(),
        before: (!before.periods.is_empty()).then_some(before),
        after,
        losses: losses::between(budget, &proposed, config),
        snippet: budget_toml(&proposed, config),
    });
    Ok(suggestion)
}

fn periods_in_words(count: usize) -> String {
    match count {
        1 => "1 period".to_owned(),
        count => format!("{count} periods"),
    }
}

fn in_words(threshold: &Threshold) -> String {
    match threshold.when {
        When::Forecast(_) => format!(
            "{} at {} % probability",
            threshold.when,
            threshold.probability.normalize()
        ),
        _ => threshold.when.to_string(),
    }
}

/// What is known of the running period.
struct Running {
    planned: Option<Money>,
    /// Expected total: as likely more as less.
    median: Option<Decimal>,
    /// Total that is not passed with a probability of 90 %.
    high: Option<Decimal>,
}

fn running(past: &Past) -> Running {
    let mut running = Running {
        planned: None,
        median: None,
        high: None,
    };
    let Some((_, last_day)) = past.history.covered() else {
        return running;
    };
    let Some(period) = past.budget.calendar.period_of(past.today) else {
        return running;
    };
    let last_day = last_day.min(past.today);
    let as_of = past.today.to_zoned(jiff::tz::TimeZone::UTC);
    let as_of = as_of.map_or(Timestamp::MAX, |day| day.timestamp());
    let known = past.history.final_until(last_day, as_of);
    let observed = past.history.observed(&known, past.today);
    running.planned = observed.planned(&past.budget, &period).ok();
    if observed.data.stale || plus_days(period.start(), 1) > last_day {
        return running;
    }
    if let Ok(forecast) = forecasting::forecast_total(&observed, &period, &past.outlook) {
        running.median = Some(forecast.quantile(Decimal::from(50)));
        running.high = Some(forecast.quantile(Decimal::from(90)));
    }
    running
}

/// The amounts to choose from, lowest first, each once.
fn candidates(totals: &[Decimal], running: &Running) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut add = |base: Decimal, made_from: String| {
        for plus in PLUS {
            let percent = Decimal::from(100 + plus);
            let amount = base.checked_mul(percent / Decimal::ONE_HUNDRED);
            let made_from = match plus {
                0 => format!("{made_from}, rounded up"),
                plus => format!("{made_from} plus {plus} %, rounded up"),
            };
            candidates.extend(amount.and_then(rounded_up).map(|amount| Candidate {
                amount,
                made_from: made_from.clone(),
            }));
        }
    };
    let mut looked_back: Vec<usize> = vec![3, 6, 12, totals.len()];
    looked_back.retain(|count| *count <= totals.len());
    looked_back.sort_unstable();
    looked_back.dedup();
    for count in looked_back {
        let mut last = totals[totals.len() - count..].to_vec();
        for (statistic, word) in [
            (Statistic::Median, "the middle"),
            (Statistic::Mean, "the mean"),
            (Statistic::Max, "the largest"),
        ] {
            let base = statistic.of(&mut last);
            if let Some(base) = base {
                add(base, format!("{word} of the last {count} periods"));
            }
        }
    }
    if let Some(next) = trend(totals) {
        add(
            next,
            "where the growth of the periods leads next".to_owned(),
        );
    }
    if let Some(high) = running.high {
        let made_from = "what the running period passes with a probability of 10 % only";
        add(high, made_from.to_owned());
    }
    candidates.sort_by_key(|one| one.amount);
    candidates.dedup_by(|later, kept| later.amount == kept.amount);
    candidates
}

/// The next value of the line through some values: the middle slope of all pairs, which one odd
/// period does not move, through the middle height.
fn trend(totals: &[Decimal]) -> Option<Decimal> {
    let mut slopes = Vec::new();
    for (index, first) in totals.iter().enumerate() {
        for (step, second) in totals[index + 1..].iter().enumerate() {
            let rise = second.checked_sub(*first)?;
            slopes.push(rise.checked_div(Decimal::from(step + 1))?);
        }
    }
    let slope = Statistic::Median.of(&mut slopes)?;
    let mut heights = Vec::new();
    for (index, total) in totals.iter().enumerate() {
        heights.push(total.checked_sub(slope.checked_mul(Decimal::from(index))?)?);
    }
    let height = Statistic::Median.of(&mut heights)?;
    height.checked_add(slope.checked_mul(Decimal::from(totals.len()))?)
}

/// The next readable amount: a multiple of 5 in the third digit. `None` unless greater than zero.
fn rounded_up(amount: Decimal) -> Option<Decimal> {
    if amount <= Decimal::ZERO || amount > budget_engine::LARGEST_AMOUNT / Decimal::TWO {
        return None;
    }
    // The place of the first digit: 1 for units, 2 for tens.
    let mut unit = Decimal::new(5, 2);
    while unit.checked_mul(Decimal::from(200))? <= amount {
        unit = unit.checked_mul(Decimal::TEN)?;
    }
    let steps = amount.checked_div(unit)?.ceil();
    steps.checked_mul(unit).map(|amount| amount.normalize())
}

/// An early warning, and how it did.
struct Early {
    threshold: Threshold,
    warned: usize,
    breaches: usize,
    false_alarms: usize,
}

/// The forecast or pace threshold that did best; `None` if none was more often right than wrong.
///
/// A good amount is hardly ever reached, so that alone it would say little: amounts that some of the
/// periods reached are replayed beside it.
fn early_warning(
    past: &Past,
    periods: &[Period],
    totals: &[Decimal],
    chosen: Decimal,
    days_ahead: u32,
) -> Result<Option<Early>, String> {
    let threshold = |when: When, probability: i64| Threshold {
        id: format!("{}-{probability}", when.default_id()),
        when,
        probability: Decimal::from(probability),
        severity: Severity::Warning,
        notify: Vec::new(),
        follow_up: FollowUp::default(),
    };
    let forecast = When::Forecast(Level::Percent(Decimal::ONE_HUNDRED));
    let mut thresholds: Vec<Threshold> = [80, 90, 65, 50]
        .map(|probability| threshold(forecast, probability))
        .into();
    let paces = [120, 150, 110].map(|percent| When::Pace(Decimal::from(percent)));
    thresholds.extend(paces.map(|when| threshold(when, 80)));
    let mut sorted = totals.to_vec();
    sorted.sort_unstable();
    let count = sorted.len();
    let mut amounts = vec![
        sorted[0],
        sorted[count / 4],
        sorted[count / 2],
        sorted[count * 3 / 4],
    ];
    amounts.push(chosen);
    amounts.sort_unstable();
    amounts.dedup();
    amounts.retain(|amount| *amount > Decimal::ZERO);
    let variants: Vec<Budget> = amounts
        .into_iter()
        .map(|amount| Budget {
            planned: Planned::Flat(amount),
            thresholds: thresholds.clone(),
            ..past.budget.clone()
        })
        .collect();
    let replays = past.variants(&variants, periods)?;
    let mut trials: BTreeMap<&str, Vec<&Trial>> = BTreeMap::new();
    for trial in replays
        .iter()
        .flat_map(|one| &one.periods)
        .flat_map(|one| &one.trials)
    {
        trials.entry(&trial.threshold).or_default().push(trial);
    }
    let ahead = i32::try_from(days_ahead).unwrap_or(i32::MAX);
    let tried = thresholds.into_iter().filter_map(|threshold| {
        let trials = trials.get(threshold.id.as_str())?;
        let count = |of: &dyn Fn(&Trial) -> bool| trials.iter().filter(|one| of(one)).count();
        Some(Early {
            warned: count(&|one| one.days_before.is_some_and(|days| days >= ahead.max(1))),
            breaches: count(&|one| one.reached_on.is_some()),
            false_alarms: count(&|one| one.verdict == Verdict::FalseAlarm),
            threshold,
        })
    });
    // The first of equals wins: forecasts before paces, the usual probability before others.
    let mut best: Option<Early> = None;
    for one in tried.filter(|one| one.warned > one.false_alarms) {
        let gain = |one: &Early| one.warned - one.false_alarms;
        let is_better = best
            .as_ref()
            .is_none_or(|best| (gain(&one), best.false_alarms) > (gain(best), one.false_alarms));
        if is_better {
            best = Some(one);
        }
    }
    Ok(best)
}

/// Whether a threshold asks what no proposal answers.
fn is_kept(when: &When) -> bool {
    match when {
        When::Stale(_) | When::Anomaly(..) => true,
        When::Actual(level) | When::Forecast(level) => {
            matches!(level, Level::EveryAmount(_) | Level::EveryPercent(_))
        }
        When::Pace(_) => false,
    }
}

/// The budget with the proposal in it. A condition that it has already stays the threshold that it
/// was; `inherited` is what follows on others if the budget does not say it.
fn proposed(
    budget: &Budget,
    amount: Decimal,
    totals: &[Decimal],
    early: Option<&Early>,
    inherited: &FollowUp,
) -> Budget {
    // Steps and the age of data are other questions, and stay as they were asked.
    let (kept, replaced): (Vec<&Threshold>, Vec<&Threshold>) =
        budget.thresholds.iter().partition(|one| is_kept(&one.when));
    let told = if replaced.is_empty() {
        &kept
    } else {
        &replaced
    };
    let mut notify: Vec<String> = Vec::new();
    for name in told.iter().flat_map(|one| &one.notify) {
        if !notify.contains(name) {
            notify.push(name.clone());
        }
    }
    let follow_up = told.first().map_or(inherited, |one| &one.follow_up);
    let threshold = |when: When, probability: Decimal, severity| {
        let same = replaced.iter().find(|one| one.when == when);
        let same = same.map(|one| Threshold {
            probability,
            ..(*one).clone()
        });
        same.unwrap_or_else(|| Threshold {
            id: when.default_id(),
            when,
            probability,
            severity,
            notify: notify.clone(),
            follow_up: follow_up.clone(),
        })
    };
    let spend = |percent: Decimal, severity| {
        let when = When::Actual(Level::Percent(percent));
        threshold(when, Decimal::from(80), severity)
    };
    // A level that most periods reach says nothing.
    let is_rare = |percent: &Decimal| {
        let level = amount * *percent / Decimal::ONE_HUNDRED;
        totals.iter().filter(|total| **total >= level).count() * 2 <= totals.len()
    };
    let part = [80, 90].map(Decimal::from).into_iter().find(is_rare);
    let mut thresholds: Vec<Threshold> = Vec::new();
    thresholds.extend(part.map(|percent| spend(percent, Severity::Warning)));
    thresholds.push(spend(Decimal::ONE_HUNDRED, Severity::Critical));
    thresholds
        .extend(early.map(|Early { threshold: one, .. }| {
            threshold(one.when, one.probability, one.severity)
        }));
    thresholds.extend(kept.into_iter().cloned());
    Budget {
        planned: Planned::Flat(amount),
        thresholds,
        ..budget.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimals(values: &[i64]) -> Vec<Decimal> {
        values.iter().copied().map(Decimal::from).collect()
    }

    #[test]
    fn amounts_are_rounded_up_to_readable_ones() {
        for (amount, rounded) in [
            ("10404.10", "10500"),
            ("17962.16", "18000"),
            ("3371", "3400"),
            ("1000", "1000"),
            ("1000.01", "1050"),
            ("999.5", "1000"),
            ("0.031", "0.05"),
            ("12.31", "12.5"),
        ] {
            let amount: Decimal = amount.parse().unwrap();
            assert_eq!(rounded_up(amount).unwrap().to_string(), rounded, "{amount}");
        }
        assert!(rounded_up(Decimal::ZERO).is_none() && rounded_up(-Decimal::ONE).is_none());
    }

    #[test]
    fn a_trend_is_not_moved_by_one_odd_period() {
        // 100, 110, 120, 130 lead to 140; so do they with one period at 500.
        assert_eq!(trend(&decimals(&[100, 110, 120, 130])), Some(140.into()));
        assert_eq!(
            trend(&decimals(&[100, 110, 500, 130, 140])),
            Some(150.into())
        );
        assert_eq!(trend(&decimals(&[7, 7, 7])), Some(7.into()));
    }

    #[test]
    fn candidates_are_in_order_and_say_what_they_are_made_from() {
        let running = Running {
            planned: None,
            median: None,
            high: Some(Decimal::from(200)),
        };
        let candidates = candidates(&decimals(&[100, 100, 100]), &running);
        let amounts: Vec<String> = candidates
            .iter()
            .map(|one| one.amount.to_string())
            .collect();
        assert_eq!(amounts, ["100", "110", "120", "200", "220", "240"]);
        assert_eq!(
            candidates[1].made_from,
            "the middle of the last 3 periods plus 10 %, rounded up"
        );
    }
}
