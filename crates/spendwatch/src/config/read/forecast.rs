//! `[forecast]`.

use std::path::Path;

use budget_engine::days_between;
use ical::IcalParser;
use ical::parser::ical::component::IcalEvent;
use jiff::ToSpan;
use jiff::civil::Date;

use super::Draft;
use crate::config::reader::{Table, Value};

/// A holiday lasts no longer than this many days.
const LONGEST_DAYS: u32 = 31;
/// A holiday that recurs every year does so for this many years from its first one.
const YEARS: i32 = 100;
const NO_CALENDAR: &str = "is no iCalendar file: expected one that begins with BEGIN:VCALENDAR";

pub(super) fn read_forecast(root: &Table<'_>, folder: &Path, draft: &mut Draft) {
    let Some(value) = root.get("forecast") else {
        return;
    };
    let Some(table) = value.table() else { return };
    if !draft.seen.insert("forecast") {
        value.note("[forecast] is set in another file already");
    }
    let mut holidays: Vec<Date> = Vec::new();
    if let Some(list) = table.get("holidays") {
        holidays.extend(list.list().iter().filter_map(Value::date));
    }
    if let Some(value) = table.get("holiday_calendars") {
        for value in value.list() {
            let Some(path) = value.text() else { continue };
            match calendar(&folder.join(path)) {
                Ok(days) => holidays.extend(days),
                Err(problem) => value.note(format!("{path}: {problem}")),
            }
        }
    }
    holidays.sort_unstable();
    holidays.dedup();
    draft.forecast.holidays = holidays;
    if let Some(holds) = table.get("hold_back").and_then(|value| value.flag()) {
        draft.forecast.hold_back = holds;
    }
    table.finish();
}

/// The days of all events in an iCalendar file (RFC 5545).
fn calendar(path: &Path) -> Result<Vec<Date>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut days = Vec::new();
    let mut calendars = IcalParser::new(text.as_bytes()).peekable();
    if calendars.peek().is_none() {
        return Err(NO_CALENDAR.to_owned());
    }
    for calendar in calendars {
        let calendar = calendar.map_err(|error| format!("{NO_CALENDAR} ({error})"))?;
        for event in &calendar.events {
            days.extend(event_days(event)?);
        }
    }
    Ok(days)
}

/// The days of an event.
fn event_days(event: &IcalEvent) -> Result<Vec<Date>, String> {
    let value = |name: &str| {
        let property = event.properties.iter().find(|one| one.name == name);
        property.and_then(|one| one.value.as_deref())
    };
    let name = value("SUMMARY").unwrap_or("without a name");
    let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
    let about = |problem: &str| format!("the event \"{name}\" {problem}");
    let start = value("DTSTART").and_then(civil);
    let start = start.ok_or_else(|| about("has no first day (DTSTART)"))?;
    let end = value("DTEND").and_then(civil);
    // An event that ends at a time of its first day is about that day.
    let after = (start + 1.day()).max(end.unwrap_or(start));
    let length = days_between(start, after);
    if length > LONGEST_DAYS {
        return Err(about(&format!(
            "lasts longer than {LONGEST_DAYS} days, which no holiday does"
        )));
    }
    let years = match value("RRULE") {
        None => 1,
        Some(rule) if is_each_year(rule) => YEARS,
        Some(_) => {
            return Err(about(
                "recurs by another rule than once a year on its date: write its dates out",
            ));
        }
    };
    let starts = (0..years).map_while(|year| start.checked_add(year.years()).ok());
    let days = starts.flat_map(|start| start.series(1.day()).take(length as usize));
    Ok(days.collect())
}

/// Whether a recurrence rule (RFC 5545, 3.3.10) says no more than: every year.
fn is_each_year(rule: &str) -> bool {
    let mut parts = rule.split(';').filter(|part| !part.is_empty());
    rule.contains("FREQ=YEARLY") && parts.all(|part| matches!(part, "FREQ=YEARLY" | "INTERVAL=1"))
}

/// The day of `20261225` or `20261225T180000Z`, wherever its clock is.
fn civil(value: &str) -> Option<Date> {
    Date::strptime("%Y%m%d", value.get(..8)?).ok()
}
