//! `[alerts]`, `[quiet_hours]` and `[[event]]`: when people are left alone.

use budget_engine::Severity;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use super::budgets::read_notify;
use super::{Draft, OWNERS};
use crate::config::attention::{
    Allowance, Attention, DigestSettings, EndedWhileHeld, Event, QuietHours, Weekly,
};
use crate::config::reader::{Table, Value};

/// The days as they are written.
const DAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

pub(super) fn read_attention(root: &Table<'_>, draft: &mut Draft) {
    if let Some(value) = root.get("alerts")
        && let Some(table) = value.table()
    {
        if !draft.seen.insert("alerts") {
            value.note("[alerts] is set in another file already");
        }
        read_alerts(&table, &mut draft.attention);
        table.finish();
    }
    if let Some(list) = root.get("quiet_hours") {
        if list.is_table() {
            list.note("quiet hours are a list: write [[quiet_hours]] with two brackets");
        } else {
            for value in list.list() {
                let quiet = read_quiet_hours(&value, draft);
                draft.attention.quiet_hours.extend(quiet);
            }
        }
    }
    if let Some(value) = root.get("digest")
        && let Some(table) = value.table()
    {
        if !draft.seen.insert("digest") {
            value.note("[digest] is set in another file already");
        }
        let at = table.require("at", "at = \"monday 07:00\"");
        let at = at.and_then(|value| read_weekly(&value));
        let notify = match table.get("notify") {
            Some(list) => read_notify(&list, &table, draft),
            None => vec![OWNERS.to_owned()],
        };
        draft.attention.digest = at.map(|at| DigestSettings { at, notify });
        table.finish();
    }
    if let Some(list) = root.get("event") {
        if list.is_table() {
            list.note("events are a list: write [[event]] with two brackets");
            return;
        }
        for value in list.list() {
            let Some(table) = value.table() else { continue };
            draft.attention.events.extend(read_event(&table));
            table.finish();
        }
    }
}

fn read_alerts(table: &Table<'_>, attention: &mut Attention) {
    if let Some(value) = table.get("allowance") {
        attention.allowance = match value.is_table() {
            true => value.table().and_then(|table| {
                let number = |key, example| table.require(key, example)?.whole(1..=10_000);
                let allowance = Allowance {
                    notices: number("notices", "notices = 20")?,
                    hours: number("hours", "hours = 1")?,
                };
                table.finish();
                Some(allowance)
            }),
            false => {
                if value.flag() == Some(true) {
                    value.note("write { notices = 20, hours = 1 }, or false for no limit");
                }
                None
            }
        };
    }
    if let Some(value) = table.get("ended_while_held")
        && let Some(text) = value.text()
    {
        match text {
            "summary" => attention.ended_while_held = EndedWhileHeld::Summary,
            "nothing" => attention.ended_while_held = EndedWhileHeld::Nothing,
            other => value.note(format!(
                "`{other}` is not known here; expected summary or nothing"
            )),
        }
    }
    if let Some(tells) = table.get("parent_tells").and_then(|value| value.flag()) {
        attention.parent_tells = tells;
    }
    if let Some(value) = table.get("canary") {
        attention.canary = read_weekly(&value);
    }
}

fn read_weekly(value: &Value<'_>) -> Option<Weekly> {
    let text = value.text()?;
    let parsed = text.split_once(' ').and_then(|(day, time)| {
        let (_, weekday) = DAYS.into_iter().find(|(name, _)| *name == day)?;
        let time: Time = time.trim().parse().ok()?;
        (time.minute() == 0 && time.second() == 0).then_some(Weekly {
            weekday,
            hour: time.hour(),
        })
    });
    if parsed.is_none() {
        value.note(format!(
            "`{text}` is not a day and a full hour, for example \"monday 07:00\" (UTC)"
        ));
    }
    parsed
}

fn read_quiet_hours(value: &Value<'_>, draft: &mut Draft) -> Option<QuietHours> {
    let table = value.table()?;
    let channels = match table.get("channels") {
        Some(list) => read_notify(&list, &table, draft),
        None => Vec::new(),
    };
    if channels.iter().any(|name| name == OWNERS) {
        table.note("\"owners\" are no channel: name the channel that mails them");
    }
    let time = |key, example| {
        let value: Value<'_> = table.require(key, example)?;
        let text = value.text()?;
        let time = text.parse::<Time>().ok().filter(|_| text.len() == 5);
        if time.is_none() {
            value.note(format!("`{text}` is not a time such as \"20:00\""));
        }
        time
    };
    let from = time("from", "from = \"20:00\"");
    let until = time("until", "until = \"07:00\"");
    let zone = match table.get("zone") {
        None => Some(TimeZone::UTC),
        Some(value) => value.text().and_then(|name| {
            let zone = TimeZone::get(name).ok();
            if zone.is_none() {
                value.note(format!(
                    "`{name}` is not a time zone such as \"Europe/Amsterdam\""
                ));
            }
            zone
        }),
    };
    let days = table.get("days").map(|list| {
        let day = |value: &Value<'_>| {
            let text = value.text()?;
            let day = DAYS.into_iter().find(|(name, _)| *name == text);
            if day.is_none() {
                value.note(format!("`{text}` is not a day such as \"saturday\""));
            }
            day.map(|(_, weekday)| weekday.to_monday_one_offset())
        };
        list.list().iter().filter_map(day).collect()
    });
    let days: std::collections::BTreeSet<i8> = days.unwrap_or_default();
    if days.len() == DAYS.len() {
        table.note("all days are quiet, so nobody would ever be told");
    }
    let let_through = table
        .get("let_through")
        .map_or(Some(Some(Severity::Critical)), |value| {
            match value.text()? {
                "nothing" => Some(None),
                text => {
                    let severity = Severity::ALL.into_iter().find(|one| one.as_str() == text);
                    if severity.is_none() {
                        value.note(format!(
                        "`{text}` is not a severity; expected info, warning, critical or nothing"
                    ));
                    }
                    severity.map(Some)
                }
            }
        });
    table.finish();
    Some(QuietHours {
        channels,
        from: from?,
        until: until?,
        days,
        zone: zone?,
        let_through: let_through?,
    })
}

fn read_event(table: &Table<'_>) -> Option<Event> {
    let name = table.require("name", "name = \"Load test\"");
    let name = name.and_then(|value| value.text().map(str::to_owned));
    let day = |key, example| -> Option<Date> { table.require(key, example)?.date() };
    let from = day("from", "from = 2026-11-20");
    let until = day("until", "until = 2026-11-22");
    let budgets = table.get("budgets").map(|list| {
        let pattern = |value: &Value<'_>| value.parse::<glob::Pattern>();
        list.list().iter().filter_map(pattern).collect()
    });
    let mutes = table.get("mute").and_then(|value| value.flag());
    let daily_cost = table.get("daily_cost");
    if let Some(value) = daily_cost.as_ref().filter(|_| budgets.is_none()) {
        value.note(
            "it would count in each of all budgets: name those that it is a cost of, for example \
             budgets = [\"payments\"]; the budgets that these are parts of count it, too",
        );
    }
    let daily_cost = daily_cost.and_then(|value| value.decimal());
    if let (Some(from), Some(until)) = (from, until)
        && until < from
    {
        table.note(format!("`until` {until} lies before `from` {from}"));
    }
    Some(Event {
        name: name?,
        from: from?,
        until: until?,
        budgets: budgets.unwrap_or_default(),
        mutes: mutes.unwrap_or(false),
        daily_cost,
    })
}
