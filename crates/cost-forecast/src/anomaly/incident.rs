//! Unusual days that belong together.

use jiff::civil::Date;

use super::{CheckedDay, Kind, Verdict};
use crate::series::days_between;

/// Unusual days up to so many days apart are one incident.
const LONGEST_GAP: i64 = 2;
/// A new level on which nothing was unusual for more than so many days is what is usual now.
const LONGEST_REST: i64 = 5;

/// An event, told by the unusual days that it left.
///
/// A lasting change makes a few unusual days; then it is what is expected. If it goes on from there,
/// further unusual days belong to the same event, and so do the days between, which cost more than
/// before it as well.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// What happened, as far as its newest day tells; a cost that is new or has stopped stays that. What
    /// turned out to pass is a spike once it is over, and what went on to rise a climb.
    pub kind: Kind,
    /// First unusual day.
    pub first: Date,
    /// Last unusual day.
    pub last: Date,
    /// Its days in order: the unusual ones, and those between on the new level.
    pub days: Vec<IncidentDay>,
    /// What its days cost more than expected, in the unit of the series; negative if less.
    pub impact: f64,
    /// The highest score of its days.
    pub score: f64,
    /// Whether the checked days end so soon after `last` that more may follow: the next day, or five days
    /// on a new level.
    pub is_open: bool,
}

/// A day of an event; costs are in the unit of the series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IncidentDay {
    /// The day.
    pub date: Date,
    /// What it cost.
    pub cost: f64,
    /// What it was expected to cost, as things were before the event.
    pub expected: f64,
}

/// What a check found: without incidents, that `days_checked` days had no anomaly.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The incidents, oldest first.
    pub incidents: Vec<Incident>,
    /// Number of days that could be judged.
    pub days_checked: usize,
}

/// Merges the unusual ones of `days`, which are in order, into incidents.
///
/// Days up to two days apart are one incident if all of them cost more than expected, or all less; so are
/// those that go on from the level which an incident has brought.
pub fn summarize(days: &[CheckedDay]) -> Summary {
    let mut incidents: Vec<Incident> = Vec::new();
    for (place, day) in days.iter().enumerate() {
        let Verdict::Unusual(kind) = day.verdict else {
            continue;
        };
        let is_near = incidents.last().is_some_and(|last| last.continues_on(day));
        let lasting = incidents.iter().rposition(|one| one.lasts_on(day));
        match lasting.or(incidents.len().checked_sub(1).filter(|_| is_near)) {
            Some(at) => incidents[at].add(&days[..place], day, kind),
            None => incidents.push(Incident::started_by(day, kind)),
        }
    }
    if let Some(newest) = days.last() {
        for incident in &mut incidents {
            let rest = days_between(incident.last, newest.date);
            incident.is_open =
                rest < LONGEST_GAP || (rest <= LONGEST_REST && incident.lasts_on(newest));
            if !incident.is_open && incident.has_passed(days) {
                incident.kind = Kind::Spike;
            }
        }
    }
    let is_judged = |day: &&CheckedDay| day.verdict != Verdict::TooLittleHistory;
    Summary {
        incidents,
        days_checked: days.iter().filter(is_judged).count(),
    }
}

impl Incident {
    fn started_by(day: &CheckedDay, kind: Kind) -> Self {
        let mut incident = Self {
            kind,
            first: day.date,
            last: day.date,
            days: Vec::new(),
            impact: 0.0,
            score: 0.0,
            is_open: false,
        };
        incident.push(day);
        incident
    }

    fn continues_on(&self, day: &CheckedDay) -> bool {
        let is_same_side = (day.impact() < 0.0) == (self.impact < 0.0);
        is_same_side && days_between(self.last, day.date) <= LONGEST_GAP
    }

    /// Whether a day is on a level that this incident has brought.
    fn lasts_on(&self, day: &CheckedDay) -> bool {
        day.new_level.is_some_and(|level| {
            let is_same_side = (level.by < 0.0) == (self.impact < 0.0);
            is_same_side && (self.first..=self.last).contains(&level.since)
        })
    }

    /// Whether costs rose and then were as before: the day after it costs more than was expected of it before
    /// the event by less than half of what its own days did, both as an amount and as a share, because a
    /// weekend that costs three times as much costs little more.
    fn has_passed(&self, days: &[CheckedDay]) -> bool {
        if !matches!(self.kind, Kind::Step | Kind::Ramp) {
            return false;
        }
        let Some(after) = days.iter().find(|day| day.date > self.last) else {
            return false;
        };
        let before = IncidentDay::of(after).expected;
        let expected: f64 = self.days.iter().map(|day| day.expected).sum();
        let moved = after.cost - before;
        let by_amount = moved < 0.5 * self.impact / self.days.len() as f64;
        // A share of nothing says nothing.
        let by_share =
            expected <= 0.0 || before <= 0.0 || moved / before < 0.5 * self.impact / expected;
        by_amount && by_share
    }

    /// Adds an unusual day, and those of `earlier` that are between on a level that this incident has brought.
    fn add(&mut self, earlier: &[CheckedDay], day: &CheckedDay, kind: Kind) {
        let goes_on = self.lasts_on(day);
        if goes_on {
            let between = earlier.partition_point(|day| day.date <= self.last);
            for usual in earlier[between..].iter().filter(|day| !day.is_unusual()) {
                if self.lasts_on(usual) {
                    self.push(usual);
                }
            }
        }
        self.kind = match self.kind {
            stays @ (Kind::NewCost | Kind::StoppedCost) => stays,
            _ if goes_on && self.impact > 0.0 => Kind::Ramp,
            // The Sunday after such a Saturday is asked no more whether it rests.
            Kind::WeekendNotResting if kind == Kind::Spike => Kind::WeekendNotResting,
            _ => kind,
        };
        self.push(day);
    }

    fn push(&mut self, day: &CheckedDay) {
        let day_of_it = IncidentDay::of(day);
        self.last = day.date;
        self.impact += day_of_it.cost - day_of_it.expected;
        self.score = self.score.max(day.score);
        self.days.push(day_of_it);
    }
}

impl IncidentDay {
    /// A day against what was expected of it before the event that it may belong to.
    fn of(day: &CheckedDay) -> Self {
        Self {
            date: day.date,
            cost: day.cost,
            expected: day.expected - day.new_level.map_or(0.0, |level| level.by),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::NewLevel;
    use super::*;

    fn day(number: i8, cost: f64, verdict: Verdict) -> CheckedDay {
        CheckedDay {
            date: date(2026, 5, number),
            cost,
            expected: 10.0,
            low: 9.0,
            high: 11.0,
            score: cost / 10.0,
            verdict,
            new_level: None,
        }
    }

    fn part(number: i8, cost: f64) -> IncidentDay {
        IncidentDay {
            date: date(2026, 5, number),
            cost,
            expected: 10.0,
        }
    }

    #[test]
    fn days_up_to_two_apart_are_one_incident() {
        let days = [
            day(1, 10.0, Verdict::TooLittleHistory),
            day(2, 30.0, Verdict::Unusual(Kind::Spike)),
            day(3, 10.0, Verdict::Usual),
            day(4, 25.0, Verdict::Unusual(Kind::Step)),
            day(5, 10.0, Verdict::Usual),
            day(6, 10.0, Verdict::Usual),
            day(7, 20.0, Verdict::Unusual(Kind::Spike)),
        ];
        let summary = summarize(&days);
        assert_eq!(summary.days_checked, 6);
        // What it began with has passed.
        let spike = Incident {
            kind: Kind::Spike,
            first: date(2026, 5, 2),
            last: date(2026, 5, 4),
            days: vec![part(2, 30.0), part(4, 25.0)],
            impact: 35.0,
            score: 3.0,
            is_open: false,
        };
        assert_eq!(summary.incidents[0], spike);
        assert_eq!(summary.incidents[1].first, date(2026, 5, 7));
        assert!(summary.incidents[1].is_open);
        assert_eq!(summary.incidents.len(), 2);
    }

    #[test]
    fn what_lasts_over_a_weekend_is_no_spike() {
        // Weekdays cost 100, weekends 40; from Tuesday 5 May 2026 all days three times as much. By Saturday the
        // new level is what is expected.
        let cost = |number: i8| {
            let usual = if matches!(number, 2 | 3 | 9 | 10) {
                40.0
            } else {
                100.0
            };
            (usual, if number < 5 { usual } else { 3.0 * usual })
        };
        let days: Vec<CheckedDay> = (1..=14)
            .map(|number| {
                let (usual, cost) = cost(number);
                let is_unusual = (5..=8).contains(&number);
                let verdict = match is_unusual {
                    true => Verdict::Unusual(Kind::Step),
                    false => Verdict::Usual,
                };
                let new_level = (number > 8).then_some(NewLevel {
                    since: date(2026, 5, 5),
                    by: 200.0,
                });
                CheckedDay {
                    expected: usual + new_level.map_or(0.0, |level| level.by),
                    new_level,
                    ..day(number, cost, verdict)
                }
            })
            .collect();
        assert_eq!(summarize(&days).incidents[0].kind, Kind::Step);
        // The same four days, after which costs are as before.
        let passed: Vec<CheckedDay> = days
            .iter()
            .map(|day| match day.is_unusual() {
                true => *day,
                false => {
                    let usual = cost(day.date.day()).0;
                    CheckedDay {
                        cost: usual,
                        ..*day
                    }
                }
            })
            .collect();
        assert_eq!(summarize(&passed).incidents[0].kind, Kind::Spike);
    }

    #[test]
    fn less_after_more_is_another_incident() {
        let days = [
            day(1, 30.0, Verdict::Unusual(Kind::Spike)),
            day(2, 1.0, Verdict::Unusual(Kind::Drop)),
        ];
        assert_eq!(summarize(&days).incidents.len(), 2);
    }

    #[test]
    fn what_goes_on_from_a_new_level_is_the_same_incident() {
        let level = |by| {
            Some(NewLevel {
                since: date(2026, 5, 1),
                by,
            })
        };
        let on = |by: f64, day: CheckedDay| CheckedDay {
            expected: 10.0 + by,
            new_level: level(by),
            ..day
        };
        let mut days = vec![
            day(1, 15.0, Verdict::Unusual(Kind::Spike)),
            day(2, 15.0, Verdict::Unusual(Kind::Step)),
            on(5.0, day(3, 15.0, Verdict::Usual)),
            on(5.0, day(4, 15.0, Verdict::Usual)),
            // Another event, that says nothing of the level.
            day(5, 90.0, Verdict::Unusual(Kind::Spike)),
            on(5.0, day(6, 16.0, Verdict::Usual)),
            on(5.0, day(7, 16.0, Verdict::Usual)),
            on(5.0, day(8, 25.0, Verdict::Unusual(Kind::Spike))),
            on(15.0, day(9, 26.0, Verdict::Usual)),
            on(15.0, day(10, 26.0, Verdict::Usual)),
        ];
        let incidents = summarize(&days).incidents;
        assert_eq!(incidents.len(), 2, "{incidents:?}");
        let climb = &incidents[0];
        assert_eq!((climb.kind, climb.last), (Kind::Ramp, date(2026, 5, 8)));
        // Against the 10 of before: four days of 5, two of 6, and 15.
        assert_eq!((climb.days.len(), climb.impact), (7, 47.0));
        assert!(climb.is_open, "it may go on from its level");
        let back = [&days[..9], &[day(10, 10.0, Verdict::Usual)]].concat();
        assert!(!summarize(&back).incidents[0].is_open);
        assert_eq!((incidents[1].days.len(), incidents[1].is_open), (1, false));
        days.extend((11..=14).map(|number| on(15.0, day(number, 26.0, Verdict::Usual))));
        assert!(!summarize(&days).incidents[0].is_open);
    }

    #[test]
    fn nothing_unusual_is_an_answer() {
        let days = [day(1, 10.0, Verdict::Usual), day(2, 10.0, Verdict::Usual)];
        let summary = summarize(&days);
        assert_eq!(summary.days_checked, 2);
        assert!(summary.incidents.is_empty());
    }

    #[test]
    fn cost_that_is_new_stays_new() {
        let days = [
            day(1, 30.0, Verdict::Unusual(Kind::NewCost)),
            day(2, 30.0, Verdict::Unusual(Kind::Step)),
        ];
        assert_eq!(summarize(&days).incidents[0].kind, Kind::NewCost);
    }
}
