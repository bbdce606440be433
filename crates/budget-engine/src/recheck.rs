//! Judging a stored decision again, from the figures that are stored beside it.
//!
//! A notice rests on figures that were frozen with it. Whoever doubts it asks whether those figures
//! still lead to it: the level from plan and condition, the comparison, the percentages, the sums.

#![deny(clippy::float_arithmetic)]

use std::fmt;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::anomaly::Anomaly;
use crate::budget::{Level, When};
use crate::decide::Reason;
use crate::decide::judge::{reached, share, times};
use crate::forecast::ForecastSummary;
use crate::ledger::{Alert, AlertKey, Transition};
use crate::money::{Money, percent_of};
use crate::period::{days_between, plus_days};
use crate::status::{Percent, Status};

/// A stored decision beside the same, worked out again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recheck {
    /// One for each figure, in the order in which they are read.
    pub checks: Vec<Check>,
}

/// One figure as it was told, and worked out again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Which figure.
    pub what: String,
    /// As it is stored. Amounts and percentages have six decimals at most, and all their digits where
    /// those would hide a difference.
    pub told: String,
    /// As it comes out again, written like the other; in words where only a range is known.
    pub again: String,
    /// Whether both are the same.
    pub verdict: Verdict,
}

/// Whether what was told comes out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It does.
    Same,
    /// It does not.
    Different,
}

impl Verdict {
    /// The word used in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Same => "same",
            Verdict::Different => "different",
        }
    }

    /// `Same` if it holds.
    pub fn of(holds: bool) -> Verdict {
        match holds {
            true => Verdict::Same,
            false => Verdict::Different,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Recheck {
    /// Different as soon as one figure is.
    pub fn verdict(&self) -> Verdict {
        let mut checks = self.checks.iter();
        Verdict::of(checks.all(|check| check.verdict == Verdict::Same))
    }
}

/// How far a probability may lie beside the one that it is compared with: both are worked out with
/// divisions that end somewhere.
const ROUNDING: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

/// Works out again what a transition says, from the condition and the figures stored in it.
///
/// What the evaluation knew and did not store (the costs of days, the whole distribution of a
/// forecast, the budget's margin) cannot be worked out again here: of a forecast the stored quantiles
/// say between which bounds its probability must lie.
pub fn recheck(transition: &Transition) -> Recheck {
    let mut checks = Checks::default();
    figures(&mut checks, &transition.status);
    drivers(&mut checks, &transition.status);
    if let Some(event) = &transition.anomaly {
        anomaly(&mut checks, event);
    }
    decision(&mut checks, transition);
    Recheck { checks: checks.0 }
}

/// Works out whether an alert of which another one's notice told was crossed by the figures of that
/// notice. `required` is how likely, in percent, a forecast has to be; nothing else of it is needed, and
/// without it nothing can be said of one.
pub fn recheck_covered(alert: &Alert, required: Option<Decimal>, teller: &Transition) -> Recheck {
    let mut checks = Checks::default();
    let status = &*teller.status;
    let Ok(when) = alert.when.parse::<When>() else {
        checks.words("condition", &alert.when, "not a condition");
        return Recheck { checks: checks.0 };
    };
    let level = level_of(when, status, alert.step).unwrap_or(Decimal::MAX);
    let money = amount(Money::new(level, status.planned.currency), Digits::Few);
    match when {
        When::Actual(_) => {
            let what = format!("spent against {money}");
            checks.comparison(&what, "reached", status.spent.amount >= level);
        }
        When::Pace(required) => {
            let what = format!("pace against {} %", required.normalize());
            let percent = status.pace.map(|pace| pace.percent.0);
            let holds = percent.is_some_and(|percent| percent >= required);
            checks.comparison(&what, "reached", holds);
        }
        When::Forecast(_) => {
            if let (Some(required), Some(forecast)) = (required, &status.forecast) {
                let what = format!("probability of {money}");
                let (least, most) = bounds(forecast, level);
                let told = format!("{} % or more", required.normalize());
                let again = format!("{} to {} %", least.normalize(), most.normalize());
                checks.put(&what, told, again, required <= most + ROUNDING);
            }
        }
        When::Anomaly(side, _) => {
            let impact = teller.anomaly.as_ref().or(alert.anomaly.as_ref());
            let impact = impact.map(|event| (event.side(), event.impact.amount.abs()));
            let what = format!("impact against {money}");
            let holds = impact.is_some_and(|(own, impact)| own == side && impact >= level);
            checks.comparison(&what, "reached", holds);
        }
        When::Stale(days) => {
            let is_older = status.data.age_days > days;
            checks.comparison("age against what is allowed", "older", is_older);
        }
    }
    Recheck { checks: checks.0 }
}

#[derive(Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn put(&mut self, what: &str, told: String, again: String, holds: bool) {
        self.0.push(Check {
            what: what.to_owned(),
            told,
            again,
            verdict: Verdict::of(holds),
        });
    }

    /// A figure that has to come out exactly. `None` is one that does not come out at all.
    fn exact<T: PartialEq>(
        &mut self,
        what: &str,
        told: T,
        again: Option<T>,
        text: fn(&T, Digits) -> String,
    ) {
        let holds = again.as_ref() == Some(&told);
        let write = |digits| {
            let again = again.as_ref();
            let again = again.map_or_else(|| "none".to_owned(), |again| text(again, digits));
            (text(&told, digits), again)
        };
        let (mut shown, mut shown_again) = write(Digits::Few);
        if !holds && shown == shown_again {
            (shown, shown_again) = write(Digits::All);
        }
        self.put(what, shown, shown_again, holds);
    }

    fn money(&mut self, what: &str, told: Money, again: Option<Money>) {
        self.exact(what, told, again, |money, digits| amount(*money, digits));
    }

    fn percent(&mut self, what: &str, told: Percent, again: Option<Decimal>) {
        self.exact(what, told, again.map(Percent), |percent, digits| {
            format!("{} %", digits.of(percent.0))
        });
    }

    fn number(&mut self, what: &str, told: u32, again: Option<u32>) {
        self.exact(what, told, again, |number, _| number.to_string());
    }

    fn words(&mut self, what: &str, told: &str, again: &str) {
        self.put(what, told.to_owned(), again.to_owned(), told == again);
    }

    /// Whether something lies on the side of a level that was told.
    fn comparison(&mut self, what: &str, expected: &str, holds: bool) {
        let again = match holds {
            true => expected.to_owned(),
            false => format!("not {expected}"),
        };
        self.put(what, expected.to_owned(), again, holds);
    }
}

/// How many decimals of a figure are written.
#[derive(Clone, Copy)]
enum Digits {
    /// Six at most.
    Few,
    /// All.
    All,
}

impl Digits {
    fn of(self, number: Decimal) -> Decimal {
        match self {
            Digits::Few => number.round_dp(6).normalize(),
            Digits::All => number.normalize(),
        }
    }
}

fn amount(money: Money, digits: Digits) -> String {
    format!("{} {}", money.currency, digits.of(money.amount))
}

/// The figures that follow from others of the status.
fn figures(checks: &mut Checks, status: &Status) {
    let percent = percent_of(status.spent.amount, status.planned.amount);
    checks.percent("percent of the planned amount", status.percent, percent);
    let remaining = status.planned.checked_sub(status.spent).ok();
    checks.money("remaining", status.remaining, remaining);
    let (period, data) = (&status.period, &status.data);
    let after_data = plus_days(data.last_day, 1).clamp(period.start(), period.end());
    let elapsed = days_between(period.start(), after_data);
    checks.number("days with data", status.elapsed_days, Some(elapsed));
    let today = plus_days(data.last_day, i32::try_from(data.age_days).unwrap_or(0));
    let today = today.clamp(period.start(), period.last_day());
    let day = days_between(period.start(), today) + 1;
    checks.number("day of the period", status.day, Some(day));
    let days_left = period.days().saturating_sub(elapsed);
    let is_known = elapsed > 0 && !data.stale;
    let has_allowance = days_left > 0 && is_known && status.remaining.amount > Decimal::ZERO;
    let allowance = remaining.filter(|_| has_allowance).and_then(|remaining| {
        let amount = remaining.amount.checked_div(Decimal::from(days_left))?;
        Some(Money::new(amount, remaining.currency))
    });
    let text = |money: &Option<Money>, digits: Digits| {
        money.map_or_else(|| "none".to_owned(), |money| amount(money, digits))
    };
    checks.exact(
        "daily allowance",
        status.daily_allowance,
        Some(allowance),
        text,
    );
    if let Some(pace) = &status.pace {
        let percent = percent_of(pace.spent_of(status).amount, pace.expected.amount);
        checks.percent("percent of the plan by then", pace.percent, percent);
    }
    if let Some(forecast) = &status.forecast {
        let is_reached = status.spent.amount >= status.planned.amount;
        if is_reached {
            let probability = Percent(forecast.probability);
            let certain = Some(Decimal::ONE_HUNDRED);
            checks.percent("probability of the planned amount", probability, certain);
        } else {
            let bounds = bounds(forecast, status.planned.amount);
            within(
                checks,
                "probability of the planned amount",
                forecast.probability,
                bounds,
            );
        }
    }
}

/// What moved adds up.
fn drivers(checks: &mut Checks, status: &Status) {
    let Some(drivers) = &status.drivers else {
        return;
    };
    for driver in &drivers.items {
        let what = format!("change of {}", driver.service_name);
        let change = driver.now.checked_sub(driver.before).ok();
        checks.money(&what, driver.change, change);
    }
    let mut changes = drivers.items.iter().map(|driver| driver.change);
    let total = changes.try_fold(drivers.other, |sum, change| sum.checked_add(change).ok());
    checks.money("sum of what moved", drivers.total, total);
}

/// What an event cost beyond what was expected, and what made it up.
fn anomaly(checks: &mut Checks, event: &Anomaly) {
    let impact = event.cost.checked_sub(event.expected).ok();
    checks.money("impact of the unusual days", event.impact, impact);
    let (first, last) = (event.days.first(), event.days.last());
    let word = |day: Option<&Date>| day.map_or_else(|| "none".to_owned(), ToString::to_string);
    checks.words("first unusual day", &event.first.to_string(), &word(first));
    checks.words("last unusual day", &event.last.to_string(), &word(last));
    for drivers in &event.drivers {
        for driver in &drivers.items {
            let what = format!("change of {} {}", drivers.by, driver.name);
            let change = driver.now.checked_sub(driver.before).ok();
            checks.money(&what, driver.change, change);
        }
        let mut changes = drivers.items.iter().map(|driver| driver.change);
        let rest = match drivers.expected {
            Some(expected) => drivers.other.checked_add(expected).ok(),
            None => Some(drivers.other),
        };
        let total = rest
            .and_then(|rest| changes.try_fold(rest, |sum, change| sum.checked_add(change).ok()));
        let what = format!("sum of what made it up by {}", drivers.by);
        checks.money(&what, event.impact, total);
    }
}

/// The decision itself.
fn decision(checks: &mut Checks, transition: &Transition) {
    let status = &*transition.status;
    let Ok(when) = transition.when.parse::<When>() else {
        checks.words("condition", &transition.when, "not a condition");
        return;
    };
    checks.words("condition", transition.kind.as_str(), when.kind().as_str());
    let money = |amount| Money::new(amount, status.planned.currency);
    let step = AlertKey::read(&transition.threshold).step;
    match &transition.reason {
        Reason::Reached { spent, level } => {
            checks.money("spent", *spent, Some(status.spent));
            if let When::Actual(condition) = when {
                let at = reached(condition, status.planned.amount, status.spent.amount);
                if at.step > 0 || step > 0 {
                    checks.number("step", step, Some(at.step));
                }
                checks.money("level", *level, Some(money(at.level)));
            }
            let is_reached = spent.checked_cmp(*level).is_ok_and(|order| order.is_ge());
            checks.comparison("spent against the level", "reached", is_reached);
        }
        Reason::Restated { spent, level } => {
            checks.money("spent", *spent, Some(status.spent));
            checks.money("level", *level, level_of(when, status, step).map(money));
            let is_below = spent.checked_cmp(*level).is_ok_and(|order| order.is_lt());
            checks.comparison("spent against the level", "below", is_below);
        }
        Reason::PlanChanged { before, now, level } => {
            checks.money("planned amount", *now, Some(status.planned));
            checks.comparison("the plan", "changed", before != now);
            checks.money("level", *level, level_of(when, status, step).map(money));
        }
        Reason::ExpectedToReach {
            level,
            probability,
            required,
        } => {
            expected(checks, status, when, step, *level, *probability);
            let holds = probability.0 + ROUNDING >= required.0;
            checks.comparison("probability against what is required", "reached", holds);
            let is_ahead = status.spent.amount < level.amount;
            checks.comparison("spent against the level", "below", is_ahead);
        }
        Reason::NoLongerExpected {
            level,
            probability,
            required,
        } => {
            expected(checks, status, when, step, *level, *probability);
            let holds = probability.0 <= required.0 + ROUNDING;
            checks.comparison("probability against what is required", "below", holds);
        }
        Reason::AheadOfPlan {
            spent,
            expected,
            percent,
            required,
        } => {
            pace(
                checks,
                status,
                when,
                (*spent, *expected, *percent, *required),
            );
            let holds = percent.0 >= required.0;
            checks.comparison("pace against what is required", "reached", holds);
        }
        Reason::BackOnPlan {
            spent,
            expected,
            percent,
            required,
        } => {
            pace(
                checks,
                status,
                when,
                (*spent, *expected, *percent, *required),
            );
            let holds = percent.0 < required.0;
            checks.comparison("pace against what is required", "below", holds);
        }
        Reason::Unusual { impact, level, .. } => {
            let event = transition.anomaly.as_ref();
            checks.money("impact", *impact, event.map(|event| event.impact));
            checks.money("level", *level, level_of(when, status, step).map(money));
            let holds = impact.amount.abs() >= level.amount;
            checks.comparison("impact against the level", "reached", holds);
            let is_in_period = event.is_some_and(|event| status.period.contains(event.first));
            checks.comparison("first unusual day", "in the period", is_in_period);
        }
        Reason::AnomalyOver { impact, .. } => {
            let event = transition.anomaly.as_ref();
            checks.money("impact", *impact, event.map(|event| event.impact));
            let is_over = event.is_some_and(|event| !event.is_open);
            checks.comparison("the event", "over", is_over);
        }
        Reason::NoLongerUnusual { impact, level, .. } => {
            let is_below = impact.is_none_or(|impact| impact.amount.abs() < level.amount);
            checks.comparison("impact against the level", "below", is_below);
        }
        Reason::DataStale {
            last_day,
            age_days,
            allowed_days,
        } => {
            let data = &status.data;
            checks.words(
                "last day",
                &last_day.to_string(),
                &data.last_day.to_string(),
            );
            checks.number("age of the data in days", *age_days, Some(data.age_days));
            let allowed = match when {
                When::Stale(days) => Some(days),
                _ => None,
            };
            checks.number("allowed days", *allowed_days, allowed);
            checks.comparison(
                "age against what is allowed",
                "older",
                age_days > allowed_days,
            );
        }
        Reason::DataArrived { last_day, age_days } => {
            let data = &status.data;
            checks.words(
                "last day",
                &last_day.to_string(),
                &data.last_day.to_string(),
            );
            checks.number("age of the data in days", *age_days, Some(data.age_days));
            let holds = matches!(when, When::Stale(days) if *age_days <= days);
            checks.comparison("age against what is allowed", "not older", holds);
        }
        Reason::PeriodEnded { end } => {
            let again = status.period.end().to_string();
            checks.words("end of the period", &end.to_string(), &again);
        }
        Reason::Reconfigured { now } => {
            checks.comparison("the condition", "rewritten", *now != transition.when);
        }
        Reason::Unanswered { since, hours } => {
            let again = transition.at.duration_since(*since).as_hours();
            checks.number("hours without an answer", *hours, u32::try_from(again).ok());
        }
        // What somebody said has no figures.
        Reason::Acknowledged { .. } => {}
        // These say why nothing was told, so they are in no transition.
        _ => checks.words("reason", "told", "a reason to tell nothing"),
    }
}

/// The amount that a condition stands for; `None` for one that stands for none.
fn level_of(when: When, status: &Status, step: u32) -> Option<Decimal> {
    let level = match when {
        When::Actual(level) | When::Forecast(level) => level,
        When::Pace(percent) => {
            let expected = status
                .pace
                .map_or(Decimal::ZERO, |pace| pace.expected.amount);
            return Some(share(expected, percent));
        }
        When::Anomaly(_, level) => level,
        When::Stale(_) => return None,
    };
    let steps = Decimal::from(step.max(1));
    Some(match level {
        Level::Percent(percent) => share(status.planned.amount, percent),
        Level::Amount(amount) => amount,
        Level::EveryAmount(unit) => times(unit, steps),
        Level::EveryPercent(percent) => times(share(status.planned.amount, percent), steps),
    })
}

/// What was said of the expected end of the period.
fn expected(
    checks: &mut Checks,
    status: &Status,
    when: When,
    step: u32,
    level: Money,
    probability: Percent,
) {
    let again = level_of(when, status, step);
    let again = again.map(|amount| Money::new(amount, status.planned.currency));
    checks.money("level", level, again);
    let Some(forecast) = &status.forecast else {
        checks.words("forecast", "stored", "none");
        return;
    };
    let is_open = status.spent.amount < status.planned.amount;
    if level.amount == status.planned.amount && is_open {
        checks.percent("probability", probability, Some(forecast.probability));
        return;
    }
    let (mut least, mut most) = bounds(forecast, level.amount);
    if is_open {
        // A larger amount is reached less often than the planned one.
        match level.amount > status.planned.amount {
            true => most = most.min(forecast.probability),
            false => least = least.max(forecast.probability),
        }
    }
    within(checks, "probability", probability.0, (least, most));
}

fn pace(checks: &mut Checks, status: &Status, when: When, told: (Money, Money, Percent, Percent)) {
    let (spent, expected, percent, required) = told;
    let known = status.pace.as_ref();
    checks.money(
        "spent by then",
        spent,
        known.map(|pace| pace.spent_of(status)),
    );
    checks.money("planned by then", expected, known.map(|pace| pace.expected));
    checks.percent("pace", percent, known.map(|pace| pace.percent.0));
    let again = match when {
        When::Pace(required) => Some(required),
        _ => None,
    };
    checks.percent("required pace", required, again);
}

/// Between which percentages the probability lies that a total reaches an amount, by the quantiles
/// that are stored.
fn bounds(forecast: &ForecastSummary, amount: Decimal) -> (Decimal, Decimal) {
    let percent = |tenths: i64| Decimal::new(tenths, 1);
    let known = [
        (forecast.range95.0, percent(975)),
        (forecast.range80.0, percent(900)),
        (forecast.range80.1, percent(100)),
        (forecast.range95.1, percent(25)),
    ];
    let mut least = Decimal::ZERO;
    let mut most = Decimal::ONE_HUNDRED;
    for (total, reached_by) in known {
        if amount <= total.amount {
            least = least.max(reached_by);
        } else {
            most = most.min(reached_by);
        }
    }
    (least, most)
}

fn within(checks: &mut Checks, what: &str, told: Decimal, (least, most): (Decimal, Decimal)) {
    let holds = least - ROUNDING <= told && told <= most + ROUNDING;
    let again = format!("{} to {} %", least.normalize(), most.normalize());
    checks.put(what, format!("{} %", told.normalize()), again, holds);
}
