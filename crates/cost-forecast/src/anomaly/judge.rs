//! The four questions that are asked of a day, and their limits.

use jiff::civil::Date;

use super::{CheckedDay, Kind, NewLevel, Options, Verdict};

/// A day is off by so many standard deviations of such errors.
pub(crate) const DAY_SIGMAS: f64 = 5.4;
/// The mean of three days is off by fewer of its own, ...
const THREE_SIGMAS: f64 = 2.5;
/// ... and by this share of the level.
const THREE_SHARE: f64 = 0.3;
/// The same of the level of four days against that of the month before.
const CLIMB_SIGMAS: f64 = 2.5;
const CLIMB_SHARE: f64 = 0.3;

/// How many standard deviations a day is off among the same weekdays of eight weeks, which have seen
/// the older levels too. It tells a return to one of them from something new.
const DAY_WEEKDAY_SIGMAS: f64 = 2.25;
const THREE_WEEKDAY_SIGMAS: f64 = 1.35;
const CLIMB_WEEKDAY_SIGMAS: f64 = 1.5;

/// What happened twice in a quarter is usual for a series: a day has to be off by more, this many
/// times.
const OVER_BURST: f64 = 1.1;

/// A weekend day does not rest if it has this share of the way from its usual cost to a weekday's, ...
const WEEKEND_WAY: f64 = 0.65;
/// ... where that way is this share of the level, ...
const WEEKEND_GAP: f64 = 0.3;
/// ... and so many times the usual error of its weekday. ...
const WEEKEND_SIGMAS: f64 = 3.2;
/// ... A weekday's cost is not passed by this much, or it is a spike.
const WEEKEND_MOST_WAY: f64 = 1.6;

/// Limits are higher by this factor while the echo of an event lasts.
const ECHO: f64 = 1.5;

/// What is known of a day that is to be judged. Costs are without a charge that was to come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Evidence {
    /// Cost minus expected cost.
    pub(crate) off: f64,
    /// The size of a usual day, above 0.
    pub(crate) level: f64,
    /// Standard deviation of the errors of one day, above 0.
    pub(crate) sigma: f64,
    /// Mean error of the newest three days, if all are to the same side.
    pub(crate) three: Option<Shift>,
    /// How far the newest four days are from the month before, if they are on a way there.
    pub(crate) climb: Option<Shift>,
    /// Distance from the mean of the same weekdays, in their standard deviations.
    pub(crate) weekday_sigmas: f64,
    /// The second largest error to the same side in a quarter; 0 without two.
    pub(crate) burst: f64,
    /// For a weekend day that costs more than any such day in eight weeks.
    pub(crate) weekend: Option<Weekend>,
    /// Whether an event has just ended.
    pub(crate) is_echo: bool,
}

/// A change, and how large it is by chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shift {
    pub(crate) size: f64,
    /// Standard deviation, above 0.
    pub(crate) sigma: f64,
}

/// How a weekday differs from the weekend day in question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Weekend {
    /// What a weekday costs more, above 0.
    pub(crate) gap: f64,
    /// Usual error of this day of the week, above 0.
    pub(crate) sigma: f64,
}

/// The question that a day answers worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Day,
    Three,
    Climb,
    Weekend,
}

/// The highest ratio of an answer to its limit, and the question.
pub(crate) fn judge(evidence: &Evidence) -> (f64, Question) {
    let echo = if evidence.is_echo { ECHO } else { 1.0 };
    let answers = [
        (day(evidence) / echo, Question::Day),
        (three(evidence) / echo, Question::Three),
        (climb(evidence) / echo, Question::Climb),
        (weekend(evidence), Question::Weekend),
    ];
    let worst = |a: (f64, Question), b: (f64, Question)| if b.0 > a.0 { b } else { a };
    answers.into_iter().fold((0.0, Question::Day), worst)
}

/// Whether a weekend day costs like a weekday, whatever else it is.
pub(crate) fn is_like_weekday(evidence: &Evidence) -> bool {
    weekend(evidence) > 1.0
}

fn day(evidence: &Evidence) -> f64 {
    least([
        evidence.off.abs() / evidence.sigma / DAY_SIGMAS,
        towards(evidence.off, evidence.weekday_sigmas) / DAY_WEEKDAY_SIGMAS,
        over_burst(evidence),
    ])
}

fn three(evidence: &Evidence) -> f64 {
    let Some(shift) = evidence.three else {
        return 0.0;
    };
    least([
        shift.size.abs() / shift.sigma / THREE_SIGMAS,
        shift.size.abs() / evidence.level / THREE_SHARE,
        towards(evidence.off, evidence.weekday_sigmas) / THREE_WEEKDAY_SIGMAS,
        over_burst(evidence),
    ])
}

fn climb(evidence: &Evidence) -> f64 {
    let Some(shift) = evidence.climb else {
        return 0.0;
    };
    least([
        shift.size.abs() / shift.sigma / CLIMB_SIGMAS,
        shift.size.abs() / evidence.level / CLIMB_SHARE,
        towards(shift.size, evidence.weekday_sigmas) / CLIMB_WEEKDAY_SIGMAS,
    ])
}

fn weekend(evidence: &Evidence) -> f64 {
    let Some(weekend) = evidence.weekend else {
        return 0.0;
    };
    let way = evidence.off / weekend.gap;
    if way > WEEKEND_MOST_WAY {
        return 0.0;
    }
    least([
        way / WEEKEND_WAY,
        weekend.gap / evidence.level / WEEKEND_GAP,
        evidence.off / weekend.sigma / WEEKEND_SIGMAS,
    ])
}

fn over_burst(evidence: &Evidence) -> f64 {
    if evidence.burst > 0.0 {
        evidence.off.abs() / evidence.burst / OVER_BURST
    } else {
        f64::INFINITY
    }
}

/// The size of `distance` if it is to the side of `change`, and 0 if not.
fn towards(change: f64, distance: f64) -> f64 {
    if change * distance > 0.0 {
        distance.abs()
    } else {
        0.0
    }
}

fn least<const N: usize>(ratios: [f64; N]) -> f64 {
    ratios.into_iter().fold(f64::INFINITY, f64::min)
}

/// A day's answer before it is known what the caller wants to hear of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Judged {
    pub(crate) expected: f64,
    /// Standard deviation of the errors of one day.
    pub(crate) sigma: f64,
    pub(crate) score: f64,
    pub(crate) kind: Kind,
    pub(crate) new_level: Option<NewLevel>,
}

/// Half the width of the range that is called usual, in standard deviations.
const RANGE_SIGMAS: f64 = 2.0;

impl Judged {
    /// A day that is usual at what it cost.
    pub(crate) fn usual(cost: f64, sigma: f64) -> Self {
        Self {
            expected: cost,
            sigma,
            score: 0.0,
            kind: Kind::Drop,
            new_level: None,
        }
    }

    /// The same of a day on which so much more was expected.
    pub(crate) fn beyond(self, planned: f64) -> Self {
        Self {
            expected: self.expected + planned,
            ..self
        }
    }

    pub(crate) fn into_checked(self, date: Date, cost: f64, options: &Options) -> CheckedDay {
        let is_unusual =
            self.score > options.limit && (cost - self.expected).abs() >= options.least_impact;
        CheckedDay {
            date,
            cost,
            expected: self.expected,
            low: self.expected - RANGE_SIGMAS * self.sigma,
            high: self.expected + RANGE_SIGMAS * self.sigma,
            score: self.score,
            verdict: if is_unusual {
                Verdict::Unusual(self.kind)
            } else {
                Verdict::Usual
            },
            new_level: self.new_level,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Off by exactly the limits of a day.
    fn at_the_limit() -> Evidence {
        Evidence {
            off: 18.0,
            level: 100.0,
            sigma: 18.0 / DAY_SIGMAS,
            three: None,
            climb: None,
            weekday_sigmas: DAY_WEEKDAY_SIGMAS,
            burst: 0.0,
            weekend: None,
            is_echo: false,
        }
    }

    #[track_caller]
    fn check(evidence: Evidence, wanted: (f64, Question)) {
        let (score, question) = judge(&evidence);
        assert!((score - wanted.0).abs() < 1e-12, "{score}");
        assert_eq!(question, wanted.1);
    }

    #[test]
    fn score_is_one_at_the_limit() {
        check(at_the_limit(), (1.0, Question::Day));
    }

    #[test]
    fn every_limit_of_a_day_counts() {
        let mut loud = at_the_limit();
        loud.sigma *= 2.0;
        check(loud, (0.5, Question::Day));
        let mut seen = at_the_limit();
        seen.weekday_sigmas /= 2.0;
        check(seen, (0.5, Question::Day));
        let mut restless = at_the_limit();
        restless.burst = 2.0 * 18.0 / OVER_BURST;
        check(restless, (0.5, Question::Day));
        let mut echo = at_the_limit();
        echo.is_echo = true;
        check(echo, (1.0 / ECHO, Question::Day));
    }

    #[test]
    fn day_on_the_other_side_of_its_weekdays_is_usual() {
        let mut returned = at_the_limit();
        returned.weekday_sigmas = -5.0;
        check(returned, (0.0, Question::Day));
    }

    #[test]
    fn lasting_errors_are_found_by_three_days() {
        let mut lasting = at_the_limit();
        lasting.sigma = 18.0;
        lasting.three = Some(Shift {
            size: 1.2 * THREE_SHARE * lasting.level,
            sigma: 1.0,
        });
        check(lasting, (1.2, Question::Three));
    }

    #[test]
    fn climb_needs_no_sudden_day() {
        let mut climbing = at_the_limit();
        climbing.off = 1.0;
        climbing.weekday_sigmas = 9.0;
        climbing.climb = Some(Shift {
            size: 2.0 * CLIMB_SHARE * climbing.level,
            sigma: 1.0,
        });
        check(climbing, (2.0, Question::Climb));
    }

    #[test]
    fn weekend_at_the_cost_of_a_weekday_is_found() {
        let mut weekend = at_the_limit();
        weekend.sigma = 1e9;
        let gap = 0.5 * weekend.level;
        weekend.weekend = Some(Weekend { gap, sigma: 1.0 });
        weekend.off = gap;
        check(weekend, (1.0 / WEEKEND_WAY, Question::Weekend));
        weekend.off = 1.7 * gap;
        let (score, _) = judge(&weekend);
        assert!(score < 1e-6, "a spike is not a weekend that does not rest");
    }
}
