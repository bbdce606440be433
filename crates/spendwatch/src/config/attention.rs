//! When people are left alone, and how much they are told at a time.

use std::collections::BTreeSet;

use budget_engine::Severity;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};
use rust_decimal::Decimal;

/// How notices are held back and gathered.
#[derive(Debug, Clone)]
pub struct Attention {
    /// How many notices of crossings one recipient gets in a time before the rest comes in one.
    pub allowance: Option<Allowance>,
    /// What becomes of an alert that fired and ended while its notices were held back.
    pub ended_while_held: EndedWhileHeld,
    /// Whether the notice of a budget tells of its parts in place of their own notices, where both
    /// go to the same recipient at the same time.
    pub parent_tells: bool,
    /// Hours in which people are left alone, in the order of the configuration.
    pub quiet_hours: Vec<QuietHours>,
    /// Planned events, in the order of the configuration.
    pub events: Vec<Event>,
    /// When every destination gets a test, once a week.
    pub canary: Option<Weekly>,
    /// Who hears once a week where budgets stand.
    pub digest: Option<DigestSettings>,
}

impl Default for Attention {
    /// Twenty notices in an hour, no quiet hours, no canary.
    fn default() -> Self {
        Attention {
            allowance: Some(Allowance {
                notices: 20,
                hours: 1,
            }),
            ended_while_held: EndedWhileHeld::Summary,
            parent_tells: true,
            quiet_hours: Vec::new(),
            events: Vec::new(),
            canary: None,
            digest: None,
        }
    }
}

impl Attention {
    /// The quiet hours of a channel: those that name it, else those of all channels.
    pub fn quiet_hours_of(&self, channel: &str) -> Option<&QuietHours> {
        let all = || self.quiet_hours.iter();
        let own = all().find(|one| one.channels.iter().any(|name| name == channel));
        own.or_else(|| all().find(|one| one.channels.is_empty()))
    }
}

/// How many notices one recipient gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// At most so many, at least 1.
    pub notices: u32,
    /// In so many hours, at least 1.
    pub hours: u32,
}

/// What becomes of an alert that fired and ended while its notices were held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedWhileHeld {
    /// One notice says so.
    Summary,
    /// Nothing is said; the deliveries end as suppressed.
    Nothing,
}

/// Hours in which people are left alone: a notice waits for their end.
#[derive(Debug, Clone, PartialEq)]
pub struct QuietHours {
    /// Names of the channels that they are for; empty for all that have none of their own.
    pub channels: Vec<String>,
    /// When they begin each day.
    pub from: Time,
    /// When they end; before `from` for the next day.
    pub until: Time,
    /// Days that are quiet as a whole, 1 for Monday to 7 for Sunday; not all seven.
    pub days: BTreeSet<i8>,
    /// Whose clock.
    pub zone: TimeZone,
    /// Notices of this severity or a higher one are not held back.
    pub let_through: Option<Severity>,
}

impl QuietHours {
    /// Until when people are left alone, if they are now.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let mut at = now.to_zoned(self.zone.clone());
        let start = at.clone();
        // Each round leaves one quiet day or night behind; a week has at most seven of each.
        for _ in 0..16 {
            match self.end_of_quiet(&at) {
                Some(end) if end > at => at = end,
                _ => break,
            }
        }
        (at > start).then(|| at.timestamp())
    }

    /// The end of the quiet day or night that a moment lies in.
    fn end_of_quiet(&self, at: &Zoned) -> Option<Zoned> {
        let day = at.date();
        if self.days.contains(&day.weekday().to_monday_one_offset()) {
            return self.at(day.tomorrow().ok()?, Time::midnight());
        }
        let time = at.time();
        let overnight = self.until <= self.from;
        let is_quiet = match overnight {
            true => time >= self.from || time < self.until,
            false => time >= self.from && time < self.until,
        };
        if self.from == self.until || !is_quiet {
            return None;
        }
        let ends_on = match overnight && time >= self.from {
            true => day.tomorrow().ok()?,
            false => day,
        };
        self.at(ends_on, self.until)
    }

    fn at(&self, day: Date, time: Time) -> Option<Zoned> {
        // A time that a change of clocks leaves out is the moment after the gap.
        day.to_datetime(time).to_zoned(self.zone.clone()).ok()
    }
}

/// Something that is planned and explains costs: a load test, a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What people call it.
    pub name: String,
    /// First day.
    pub from: Date,
    /// Last day.
    pub until: Date,
    /// Ids of budgets, with `*`, `?` and `[…]` as in file names; empty for all budgets.
    pub budgets: Vec<glob::Pattern>,
    /// Whether notices wait for its end.
    pub mutes: bool,
    /// What each of its days costs more than usual in each of its budgets, in the budget's currency;
    /// less if negative, not known if `None`. Forecasts count with it.
    pub daily_cost: Option<Decimal>,
}

impl Event {
    /// Whether it explains costs of a budget on a day.
    pub fn is_about(&self, budget: &str, day: Date) -> bool {
        self.from <= day && day <= self.until && self.concerns(budget)
    }

    /// Whether it explains costs of a budget.
    pub fn concerns(&self, budget: &str) -> bool {
        let mut patterns = self.budgets.iter();
        self.budgets.is_empty() || patterns.any(|pattern| pattern.matches(budget))
    }

    /// When it is over.
    pub fn end(&self) -> Timestamp {
        let end = self.until.checked_add(1.day()).ok();
        let end = end.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
        end.map_or(Timestamp::MAX, |end| end.timestamp())
    }
}

/// How late what is done once a week is still begun.
const MADE_UP_FOR: SignedDuration = SignedDuration::from_hours(2 * 24);

/// An hour of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekly {
    /// On which day.
    pub weekday: Weekday,
    /// Which full hour, UTC.
    pub hour: i8,
}

impl Weekly {
    /// The beginning of the hour of this week, from then on for two days: what was missed because
    /// nothing ran is made up for.
    pub fn last(&self, now: Timestamp) -> Option<Timestamp> {
        let today = now.to_zoned(TimeZone::UTC).date();
        let days = self.weekday.until(today.weekday());
        let day = today.checked_sub(days.days()).ok()?;
        let hour = day.to_datetime(Time::constant(self.hour, 0, 0, 0));
        let at = hour.to_zoned(TimeZone::UTC).ok()?.timestamp();
        let late = now.duration_since(at);
        (SignedDuration::ZERO..MADE_UP_FOR)
            .contains(&late)
            .then_some(at)
    }
}

/// Who hears once a week where budgets stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestSettings {
    /// When.
    pub at: Weekly,
    /// Names of destinations, which hear of all budgets; `owners`, who hear of theirs.
    pub notify: Vec<String>,
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};

    use super::*;

    #[test]
    fn what_is_weekly_is_made_up_for_within_two_days() {
        let at: Timestamp = "2026-11-12T07:00:00Z".parse().unwrap();
        let weekly = Weekly {
            weekday: Weekday::Thursday,
            hour: 7,
        };
        for (now, expected) in [
            ("2026-11-12T06:59:59Z", None),
            ("2026-11-12T07:00:00Z", Some(at)),
            ("2026-11-13T00:00:00Z", Some(at)),
            ("2026-11-14T06:59:59Z", Some(at)),
            ("2026-11-14T07:00:00Z", None),
            ("2026-11-19T06:59:59Z", None),
        ] {
            assert_eq!(weekly.last(now.parse().unwrap()), expected, "{now}");
        }
    }

    fn amsterdam() -> TimeZone {
        TimeZone::get("Europe/Amsterdam").unwrap()
    }

    fn quiet(from: Time, until: Time, days: &[i8]) -> QuietHours {
        QuietHours {
            channels: Vec::new(),
            from,
            until,
            days: days.iter().copied().collect(),
            zone: amsterdam(),
            let_through: None,
        }
    }

    /// Where the quiet hours lead from a local moment; the same moment when it is not quiet.
    #[track_caller]
    fn check(quiet: &QuietHours, from: &str, to: &str) {
        let at: Zoned = format!("{from}[Europe/Amsterdam]").parse().unwrap();
        let until = quiet.until(at.timestamp()).unwrap_or(at.timestamp());
        let until = until.to_zoned(amsterdam()).datetime().to_string();
        assert_eq!(until, format!("{to}:00"), "from {from}");
    }

    #[test]
    fn nights_are_quiet_until_the_morning() {
        let nights = quiet(time(20, 0, 0, 0), time(7, 0, 0, 0), &[]);
        // 12 November 2026 is a Thursday.
        check(&nights, "2026-11-12T19:59", "2026-11-12T19:59");
        check(&nights, "2026-11-12T20:00", "2026-11-13T07:00");
        check(&nights, "2026-11-13T06:59", "2026-11-13T07:00");
        check(&nights, "2026-11-13T07:00", "2026-11-13T07:00");
        let noon = quiet(time(12, 0, 0, 0), time(13, 30, 0, 0), &[]);
        check(&noon, "2026-11-12T12:15", "2026-11-12T13:30");
        check(&noon, "2026-11-12T13:30", "2026-11-12T13:30");
    }

    #[test]
    fn quiet_days_join_the_nights_around_them() {
        let weekends = quiet(time(20, 0, 0, 0), time(7, 0, 0, 0), &[6, 7]);
        // From Friday evening over Saturday and Sunday to Monday morning.
        check(&weekends, "2026-11-13T20:30", "2026-11-16T07:00");
        check(&weekends, "2026-11-15T12:00", "2026-11-16T07:00");
        check(&weekends, "2026-11-16T07:00", "2026-11-16T07:00");
    }

    #[test]
    fn changes_of_clocks_are_the_zones_own() {
        let nights = quiet(time(22, 0, 0, 0), time(2, 30, 0, 0), &[]);
        // On 29 March 2026 the clocks go from 02:00 to 03:00: 02:30 does not exist.
        check(&nights, "2026-03-28T23:00", "2026-03-29T03:30");
        // On 25 October they go back, and 02:30 comes first in summer time: after four and a half
        // hours and not five and a half.
        let from: Zoned = "2026-10-24T22:00[Europe/Amsterdam]".parse().unwrap();
        let waits = nights
            .until(from.timestamp())
            .unwrap()
            .duration_since(from.timestamp());
        assert_eq!(waits.as_mins(), 270);
    }

    #[test]
    fn an_event_is_about_its_budgets_on_its_days() {
        let event = Event {
            name: "Load test".into(),
            from: date(2026, 11, 10),
            until: date(2026, 11, 12),
            budgets: vec![glob::Pattern::new("payments*").unwrap()],
            mutes: true,
            daily_cost: None,
        };
        assert!(event.is_about("payments-prod", date(2026, 11, 12)));
        assert!(!event.is_about("payments-prod", date(2026, 11, 13)));
        assert!(!event.is_about("shop", date(2026, 11, 11)));
        assert_eq!(event.end(), "2026-11-13T00:00:00Z".parse().unwrap());
    }
}
