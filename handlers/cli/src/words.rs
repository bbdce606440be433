//! Decisions in plain words: one sentence for each reason, the same in every command.

use budget_engine::{AnomalyKind, Decision, FewDays, Money, Outcome, Reason};
use jiff::Timestamp;
use jiff::civil::Date;

use std::fmt::Display;

/// Why a decision is as it is, in one sentence without a final period.
pub(crate) fn why(decision: &Decision) -> String {
    let about_forecast = decision.when.starts_with("forecast");
    let reason = match &decision.reason {
        Reason::Reached { spent, level } => format!("{spent} is spent, the level is {level}"),
        Reason::ExpectedToReach {
            level,
            probability,
            required,
        } => format!(
            "the period is {} likely to end at or above {level}; told from {required}",
            probability.likelihood()
        ),
        Reason::AheadOfPlan {
            spent,
            expected,
            percent,
            required,
        } => format!(
            "{spent} is spent where the plan expects {expected} by now; that is {percent}, told \
             from {required}"
        ),
        Reason::Unusual {
            kind,
            first,
            last,
            impact,
            level,
        } => format!(
            "{} {}: {}, the level is {level}",
            unusual(*kind),
            span(*first, *last),
            beyond(*impact)
        ),
        Reason::AnomalyOver {
            kind,
            first,
            last,
            impact,
        } => format!(
            "{} {} is over: {}",
            unusual(*kind),
            span(*first, *last),
            beyond(*impact)
        ),
        Reason::NoLongerUnusual {
            first,
            impact,
            level,
        } => {
            let left = impact.map(|impact| format!(" ({})", beyond(impact)));
            format!(
                "by the data as they are now, no unusual costs of {level} began on {first}{}; the \
                 earlier notice is taken back",
                left.unwrap_or_default()
            )
        }
        Reason::DataStale {
            last_day,
            age_days,
            allowed_days,
        } => format!(
            "there are no costs after {last_day}, which is {} ago; allowed are {}",
            days(*age_days),
            days(*allowed_days)
        ),
        Reason::Restated { spent, level } => format!(
            "the data were corrected: {spent} is spent, below {level} again; the earlier notice is \
             taken back"
        ),
        Reason::PlanChanged { before, now, level } => format!(
            "the plan was changed from {before} to {now}: spending is below {level} again; the \
             earlier notice is taken back"
        ),
        Reason::NoLongerExpected {
            level,
            probability,
            required,
        } => format!(
            "the period is only {} likely to end at or above {level}; told from {required}",
            probability.likelihood()
        ),
        Reason::BackOnPlan {
            spent,
            expected,
            percent,
            required,
        } => format!(
            "{spent} is spent where the plan expects {expected} by now; that is {percent}, told \
             from {required}"
        ),
        Reason::DataArrived { last_day, .. } => {
            format!("costs arrive again: they are there up to {last_day}")
        }
        Reason::Reconfigured { now } => format!("the condition was changed to {now}"),
        Reason::PeriodEnded { end } => format!("the period was over on {end}"),
        Reason::Acknowledged { by, .. } => format!("{by} knows of it"),
        Reason::Unanswered { since, hours } => format!(
            "it fired at {} and nobody has acknowledged it for {hours} hours",
            moment(*since)
        ),
        Reason::HeldMargin { level, margin } => format!(
            "it is below {level}, but by less than the margin of {margin}; nothing is taken back"
        ),
        Reason::HeldUnsettled { until } => {
            format!("it is below its level, but costs up to {until} may still change")
        }
        Reason::Below { level } if about_forecast => {
            format!("the period is not likely enough to reach {level}")
        }
        Reason::Below { level } => format!("spending is below {level}"),
        Reason::NothingUnusual {
            days_checked: 0, ..
        } => "no day could be checked yet: that takes four weeks of settled costs before it"
            .to_owned(),
        Reason::NothingUnusual {
            level,
            days_checked,
            largest,
        } => {
            let largest = largest.map(|largest| format!("; the most is {}", beyond(largest)));
            format!(
                "no unusual costs of {level} in {} that were checked{}",
                days(*days_checked),
                largest.unwrap_or_default()
            )
        }
        Reason::AlreadyTold { since } => format!("already told, since {}", moment(*since)),
        Reason::AlreadySpent { level } => {
            format!("{level} is spent already, so a forecast of it tells nothing new")
        }
        Reason::DataFresh { last_day, .. } => format!("costs are there up to {last_day}"),
        Reason::NoForecast { why } => format!("there is no forecast: {why}"),
        Reason::TooEarly => "too few days of the period have costs for a pace".to_owned(),
        Reason::HeldStale { last_day } => {
            format!("it waits for newer data: there are no costs after {last_day}")
        }
        Reason::HeldPoor {
            error,
            covered,
            periods,
        } => format!(
            "it is held back because forecasts have been poor: in the last {periods} periods they were \
             off by {error}, and {covered} of {periods} totals fell in the 80 % range"
        ),
        Reason::HeldFewDays { settled, needed } => {
            let days = if *settled == 1 { "day is" } else { "days are" };
            format!(
                "it is held back because the costs are new: {settled} {days} settled, and it takes {needed} \
                 for one of them not to decide the forecast"
            )
        }
        Reason::CoversLess {
            first_day,
            last_day,
            gaps,
        } => match (gaps.first(), gaps.len()) {
            (None, _) => format!(
                "the data cover {first_day} to {last_day} only, less than before; nothing is taken back"
            ),
            (Some(day), 1) => format!(
                "the data have no rows of {day} any more, as they had before; nothing is taken back"
            ),
            (Some(day), count) => format!(
                "the data have no rows of {count} days from {day} on any more, as they had before; \
                 nothing is taken back"
            ),
        },
        Reason::OlderData { newer } => format!(
            "these data are older than those of {}, on which was decided before",
            moment(*newer)
        ),
    };
    match &decision.outcome {
        Outcome::Cover { by } => format!("{reason}; the notice of {by} tells of it too"),
        Outcome::Fire | Outcome::Withdraw | Outcome::Resolve | Outcome::Quiet => reason,
    }
}

/// What happened to a cost, in a few words.
pub(crate) fn unusual(kind: AnomalyKind) -> &'static str {
    match kind {
        AnomalyKind::Spike => "spike",
        AnomalyKind::Step => "new level",
        AnomalyKind::Ramp => "climb",
        AnomalyKind::Drop => "drop",
        AnomalyKind::WeekendNotResting => "weekend not resting",
        AnomalyKind::NewCost => "new cost",
        AnomalyKind::StoppedCost => "cost stopped",
    }
}

/// `on 2026-11-12`, `from 2026-11-12 to 2026-11-14`.
pub(crate) fn span(first: Date, last: Date) -> String {
    match first == last {
        true => format!("on {first}"),
        false => format!("from {first} to {last}"),
    }
}

/// `EUR 12.00 more than expected`.
pub(crate) fn beyond(impact: Money) -> String {
    let more = match impact.amount.is_sign_negative() {
        true => "less",
        false => "more",
    };
    let amount = Money::new(impact.amount.abs(), impact.currency);
    format!("{amount} {more} than expected")
}

/// What a decision does, in one or two words.
pub(crate) fn outcome(decision: &Decision) -> &'static str {
    match decision.outcome {
        Outcome::Fire => "tell",
        Outcome::Cover { .. } => "covered",
        Outcome::Withdraw => "take back",
        Outcome::Resolve => "over",
        Outcome::Quiet => "quiet",
    }
}

/// A moment to the minute, in UTC.
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `1 day`, `3 days`.
pub(crate) fn days(count: u32) -> String {
    counted(count as usize, "day", "days")
}

/// On how little a forecast rests.
pub(crate) fn few_days(few: &FewDays) -> String {
    let settled = counted(few.settled as usize, "settled day", "settled days");
    let week = few.weekdays_of.as_ref();
    let week = week.map(|budget| format!(" and the weekdays of {budget}"));
    format!(
        "{settled}{} only: the range is wide",
        week.unwrap_or_default()
    )
}

/// A number with its noun.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}

/// What a reader of files says, without the names that numbers have in a program.
pub(crate) fn plain(problem: &impl Display) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let said = problem.to_string();
    let mut words = String::with_capacity(said.len());
    for part in said.split_inclusive(|c: char| !is_name(c)) {
        let name = part.trim_end_matches(|c: char| !is_name(c));
        words.push_str(match name {
            "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on",
            "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
            "f32" | "f64" => "a number",
            name => name,
        });
        words.push_str(&part[name.len()..]);
    }
    words
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use budget_engine::Percent;
    use rust_decimal::Decimal;

    use super::*;

    fn money(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    #[track_caller]
    fn check(when: &str, outcome: Outcome, reason: Reason, expected: &str) {
        let decision = Decision {
            threshold: when.replace(' ', "-"),
            when: when.to_owned(),
            outcome,
            reason,
        };
        assert_eq!(why(&decision), expected);
    }

    #[test]
    fn problems_name_no_types() {
        let said = serde_json::from_str::<Vec<u16>>("[\"x\"]").unwrap_err();
        let said = plain(&said);
        assert!(
            said.contains("expected a whole number from 0 on at line 1"),
            "{said}"
        );
        assert_eq!(
            plain(&"the tag i64_id; i64"),
            "the tag i64_id; a whole number"
        );
    }

    #[test]
    fn reasons_read_as_sentences() {
        let level = money("10000 EUR");
        check(
            "forecast 100%",
            Outcome::Quiet,
            Reason::HeldFewDays {
                settled: 1,
                needed: 5,
            },
            "it is held back because the costs are new: 1 day is settled, and it takes 5 for one of them \
             not to decide the forecast",
        );
        check(
            "forecast 100%",
            Outcome::Quiet,
            Reason::HeldPoor {
                error: Percent(Decimal::new(312, 1)),
                covered: 1,
                periods: 4,
            },
            "it is held back because forecasts have been poor: in the last 4 periods they were off by \
             31.2 %, and 1 of 4 totals fell in the 80 % range",
        );
        check(
            "actual 100%",
            Outcome::Fire,
            Reason::Reached {
                spent: money("10412.2 EUR"),
                level,
            },
            "EUR 10,412.20 is spent, the level is EUR 10,000.00",
        );
        check(
            "actual 80%",
            Outcome::Cover {
                by: "actual-100pct".to_owned(),
            },
            Reason::Reached {
                spent: money("10412.2 EUR"),
                level: money("8000 EUR"),
            },
            "EUR 10,412.20 is spent, the level is EUR 8,000.00; the notice of actual-100pct tells \
             of it too",
        );
        check(
            "forecast 100%",
            Outcome::Fire,
            Reason::ExpectedToReach {
                level,
                probability: Percent(Decimal::ONE_HUNDRED),
                required: Percent(80.into()),
            },
            "the period is over 99 % likely to end at or above EUR 10,000.00; told from 80 %",
        );
        check(
            "anomaly drop 500",
            Outcome::Fire,
            Reason::Unusual {
                kind: AnomalyKind::StoppedCost,
                first: date(2026, 11, 11),
                last: date(2026, 11, 12),
                impact: money("-610.5 EUR"),
                level: money("500 EUR"),
            },
            "cost stopped from 2026-11-11 to 2026-11-12: EUR 610.50 less than expected, the level is \
             EUR 500.00",
        );
        check(
            "anomaly 500",
            Outcome::Quiet,
            Reason::NothingUnusual {
                level: money("500 EUR"),
                days_checked: 16,
                largest: Some(money("120 EUR")),
            },
            "no unusual costs of EUR 500.00 in 16 days that were checked; the most is EUR 120.00 more \
             than expected",
        );
        check(
            "stale 1 days",
            Outcome::Quiet,
            Reason::DataStale {
                last_day: date(2026, 11, 11),
                age_days: 7,
                allowed_days: 1,
            },
            "there are no costs after 2026-11-11, which is 7 days ago; allowed are 1 day",
        );
        check(
            "actual 50%",
            Outcome::Quiet,
            Reason::AlreadyTold {
                since: "2026-11-18T12:00:00Z".parse().unwrap(),
            },
            "already told, since 2026-11-18 12:00 UTC",
        );
    }
}
