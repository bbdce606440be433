//! `[forecast]`.

use std::path::Path;

use icalendar::{Calendar, CalendarComponent, Component, DatePerhapsTime};
use jiff::civil::Date;
use jiff::{Span, ToSpan};

use super::Draft;
use crate::config::reader::{Table, Value};

/// A holiday lasts no longer than this many days.
const LONGEST_DAYS: i32 = 31;
/// A holiday that recurs every year does so for this many years from its first one.
const YEARS: i64 = 100;

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
    table.finish();
}

/// The days of all events in an iCalendar file (RFC 5545).
fn calendar(path: &Path) -> Result<Vec<Date>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let calendar: Calendar = text.parse().map_err(|_| {
        "is no iCalendar file: expected one that begins with BEGIN:VCALENDAR".to_owned()
    })?;
    let mut days = Vec::new();
    let events = calendar.components.iter();
    for event in events.filter_map(CalendarComponent::as_event) {
        let name = event.get_summary().unwrap_or("without a name");
        let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
        let about = |problem: &str| format!("the event \"{name}\" {problem}");
        let start = event.get_start().and_then(|start| civil(&start));
        let start = start.ok_or_else(|| about("has no first day (DTSTART)"))?;
        let end = event.get_end().and_then(|end| civil(&end));
        // An event that ends at a time of its first day is about that day.
        let after = (start + 1.day()).max(end.unwrap_or(start));
        let length = start.until(after).map_or(i32::MAX, |span| span.get_days());
        if length > LONGEST_DAYS {
            return Err(about(&format!(
                "lasts longer than {LONGEST_DAYS} days, which no holiday does"
            )));
        }
        let years = match event.property_value("RRULE") {
            None => 1,
            Some(rule) if is_each_year(rule) => YEARS,
            Some(_) => {
                return Err(about(
                    "recurs by another rule than once a year on its date: write its dates out",
                ));
            }
        };
        for year in 0..years {
            let start = Span::new()
                .try_years(year)
                .and_then(|by| start.checked_add(by));
            let Ok(start) = start else { break };
            days.extend(
                start
                    .series(1.day())
                    .take(usize::try_from(length).unwrap_or(0)),
            );
        }
    }
    Ok(days)
}

/// Whether a recurrence rule (RFC 5545, 3.3.10) says no more than: every year.
fn is_each_year(rule: &str) -> bool {
    let mut parts = rule.split(';').filter(|part| !part.is_empty());
    rule.contains("FREQ=YEARLY") && parts.all(|part| matches!(part, "FREQ=YEARLY" | "INTERVAL=1"))
}

fn civil(moment: &DatePerhapsTime) -> Option<Date> {
    moment.date_naive().to_string().parse().ok()
}
