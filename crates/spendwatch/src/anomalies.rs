//! Between the engine's decimals and the detector's floats: unusual days as events with money.

use budget_engine::{
    Anomalies, Anomaly, AnomalyKind, Aspect, Budget, CostFacts, Currency, DailyCost, DayState,
    Money, Observed, Period, Selector, Status, dates, days_between, plus_days,
};
use cost_forecast::anomaly::{self, CheckedDay, Incident, Verdict};
use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use crate::forecasting;
use crate::outlook::Outlook;
use crate::standing::CLOSING_DAYS;

/// Days without cost that are looked at before the first with one: as many as a history needs.
const DAYS_BEFORE: i32 = 28;
/// Digits kept of a score.
const SCORE_DIGITS: u32 = 2;

/// The settled days of a budget, checked.
pub(crate) struct Checked {
    days: Vec<CheckedDay>,
    /// The events as they were found, and with their amounts as money.
    found: Vec<Incident>,
    incidents: Vec<Anomaly>,
    settled_to: Date,
}

impl Checked {
    /// Checks every settled day against those before it, and what was planned.
    ///
    /// # Errors
    /// When a cost or a sum is too large, in words.
    pub(crate) fn of(observed: &Observed, outlook: &Outlook) -> Result<Checked, String> {
        let series = forecasting::series_of(&since_covered(observed))?;
        let days = anomaly::check(&series, &outlook.of_anomalies());
        let summary = anomaly::summarize(&days);
        let incidents = summary.incidents.iter();
        let incidents: Result<Vec<Anomaly>, String> = incidents
            .map(|incident| priced(incident, observed))
            .collect();
        Ok(Checked {
            incidents: incidents?,
            found: summary.incidents,
            days,
            settled_to: observed.data.settled_to,
        })
    }

    /// The same for the thresholds of a period. An event that began before it, and goes on when that is no
    /// longer looked at, is one of this period as well, with its days there.
    ///
    /// # Errors
    /// As [`Checked::of`].
    fn in_period(&self, period: &Period, observed: &Observed) -> Result<Checked, String> {
        let judged_from = plus_days(period.start(), CLOSING_DAYS);
        let events = self.found.iter().zip(&self.incidents);
        let incidents: Result<Vec<Anomaly>, String> = events
            .map(
                |(found, known)| match known.first < period.start() && known.last >= judged_from {
                    true => priced(&since(found, period.start()), observed),
                    false => Ok(known.clone()),
                },
            )
            .collect();
        Ok(Checked {
            days: self.days.clone(),
            found: self.found.clone(),
            incidents: incidents?,
            settled_to: self.settled_to,
        })
    }

    /// The days from `since` up to, not including, `until`: how many were checked, and the events that
    /// began before `until` and were not over before `since`.
    pub(crate) fn between(&self, since: Date, until: Date) -> Anomalies {
        let is_checked = |day: &&CheckedDay| {
            (since..until).contains(&day.date) && day.verdict != Verdict::TooLittleHistory
        };
        let checked = self.days.iter().filter(is_checked);
        let (first, last) = (checked.clone().next(), checked.clone().next_back());
        let range = first
            .zip(last)
            .and_then(|(first, last)| Period::new(first.date, plus_days(last.date, 1)));
        let is_shown = |one: &&Anomaly| since <= one.last && one.first < until;
        Anomalies {
            checked: range,
            days_checked: u32::try_from(checked.count()).unwrap_or(u32::MAX),
            incidents: self.incidents.iter().filter(is_shown).cloned().collect(),
        }
    }

    /// What the figures of a period show: its days, and those of the last week before it.
    ///
    /// # Errors
    /// As [`Checked::of`].
    pub(crate) fn shown_in(
        &self,
        period: &Period,
        observed: &Observed,
    ) -> Result<Anomalies, String> {
        let since = period.start().min(week_to(self.settled_to));
        Ok(self
            .in_period(period, observed)?
            .between(since, period.end()))
    }

    /// Looks into what made up the events that were not over before `since`, by what was `asked` for first,
    /// unless that is known.
    pub(crate) fn explain(
        &mut self,
        since: Date,
        facts: &CostFacts,
        budget: &Budget,
        selectors: &[Selector<'_>],
        asked: Option<&Aspect>,
    ) {
        for one in &mut self.incidents {
            if one.last >= since
                && one.drivers.is_empty()
                && let Some(explained) = one.clone().explained(facts, budget, selectors, asked)
            {
                *one = explained;
            }
        }
    }
}

/// Adds to the figures of periods what is unusual in them, with what made it up.
pub(crate) fn add<'a>(
    statuses: impl Iterator<Item = &'a mut Status>,
    observed: &Observed,
    facts: &CostFacts,
    budget: &Budget,
    selectors: &[Selector<'_>],
    outlook: &Outlook,
) {
    let mut statuses: Vec<&mut Status> = statuses.collect();
    let first_day = statuses.iter().map(|status| status.period.start()).min();
    let Some(first_day) = first_day else { return };
    let added = Checked::of(observed, outlook).and_then(|mut checked| {
        let since = first_day.min(week_to(observed.data.settled_to));
        checked.explain(since, facts, budget, selectors, None);
        for status in &mut statuses {
            let period = status.period;
            let mut shown = checked.in_period(&period, observed)?;
            shown.explain(since, facts, budget, selectors, None);
            status.anomalies = Some(shown.between(
                period.start().min(week_to(observed.data.settled_to)),
                period.end(),
            ));
        }
        Ok(())
    });
    if let Err(problem) = added {
        tracing::warn!(
            budget.id = budget.id,
            problem,
            "unusual costs were not looked for"
        );
    }
}

/// The part of an event from a day on.
fn since(event: &Incident, day: Date) -> Incident {
    let days = event.days.iter().filter(|one| one.date >= day);
    let days: Vec<_> = days.copied().collect();
    Incident {
        first: days.first().map_or(event.first, |one| one.date),
        days,
        ..event.clone()
    }
}

/// The observed days, after the last ones before them on which the data show no cost: what begins where
/// there was none is new.
fn since_covered(observed: &Observed) -> Vec<DailyCost> {
    let Some(first) = observed.days.first().map(|day| day.date) else {
        return Vec::new();
    };
    let before = dates(
        plus_days(first, -DAYS_BEFORE).max(observed.covered_from),
        first,
    );
    let nothing = before.map(|date| DailyCost {
        date,
        cost: Decimal::ZERO,
        state: DayState::Settled,
    });
    nothing.chain(observed.days.iter().copied()).collect()
}

/// The first day of the week that ends with a day. Digests tell of the week that ends with the last
/// settled day, so that each day is told of once, however late its data are.
pub(crate) fn week_to(last: Date) -> Date {
    plus_days(last, -6)
}

/// An incident with its amounts as money, rounded to what its currency shows, so that they add up as
/// they are read.
fn priced(incident: &Incident, observed: &Observed) -> Result<Anomaly, String> {
    let too_large = || "a sum of costs is too large".to_owned();
    let first_day = observed.days.first().map(|day| day.date);
    let mut expected = 0.0;
    let mut cost = Decimal::ZERO;
    for day in &incident.days {
        expected += day.expected;
        // The days of what is observed have no gaps.
        let place = first_day.map(|first| days_between(first, day.date));
        let place = place.and_then(|place| usize::try_from(place).ok());
        let known = place.and_then(|place| observed.days.get(place));
        let known = known.map_or(Decimal::ZERO, |known| known.cost);
        cost = cost.checked_add(known).ok_or_else(too_large)?;
    }
    let expected = Decimal::from_f64(expected).ok_or_else(too_large)?;
    let (expected, cost) = (
        rounded(expected, observed.currency),
        rounded(cost, observed.currency),
    );
    let score = Decimal::from_f64(incident.score).ok_or_else(too_large)?;
    Ok(Anomaly {
        kind: kind(incident.kind),
        first: incident.first,
        last: incident.last,
        days: incident.days.iter().map(|day| day.date).collect(),
        is_open: incident.is_open,
        expected,
        cost,
        impact: cost.checked_sub(expected).map_err(|_| too_large())?,
        score: score.round_dp(SCORE_DIGITS),
        drivers: Vec::new(),
    })
}

fn rounded(amount: Decimal, currency: Currency) -> Money {
    Money::new(Money::new(amount, currency).rounded(), currency)
}

fn kind(kind: anomaly::Kind) -> AnomalyKind {
    match kind {
        anomaly::Kind::Spike => AnomalyKind::Spike,
        anomaly::Kind::Step => AnomalyKind::Step,
        anomaly::Kind::Ramp => AnomalyKind::Ramp,
        anomaly::Kind::Drop => AnomalyKind::Drop,
        anomaly::Kind::WeekendNotResting => AnomalyKind::WeekendNotResting,
        anomaly::Kind::NewCost => AnomalyKind::NewCost,
        anomaly::Kind::StoppedCost => AnomalyKind::StoppedCost,
    }
}
