//! The sentences that all channels share, in the order in which they are read: what happened, the
//! figures, the forecast, what moved, how old the data are, what to do, and why you get this.
//!
//! Everything here is plain text in which names are already canonical ([`crate::untrusted`]); each
//! channel lays it out where nothing is interpreted.

use budget_engine::{
    Breach, Cause, Change, Drivers, Money, Part, Percent, Reason, Severity, Status, ThresholdKind,
    Transition,
};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;

use crate::notice::{Carried, Digest, DigestRow, Link, Message, Notice, Standing};
use crate::untrusted::{capped, clean, header};

/// Longest mail subject in characters.
pub const MAX_SUBJECT: usize = 180;
/// How many scopes, owners and further conditions are named before "and 3 more".
const MAX_NAMED: usize = 3;

/// A notice in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wording {
    /// For a mail subject: tells by itself, sorts under one prefix, no more than [`MAX_SUBJECT`].
    pub subject: String,
    /// For a mail subject that stays the same within a thread.
    pub thread_subject: String,
    /// What happened, in one sentence.
    pub headline: String,
    /// How urgent.
    pub tone: Tone,
    /// What must be known before the figures are believed: a correction, a possible duplicate,
    /// stale data.
    pub remarks: Vec<String>,
    /// The figures.
    pub facts: Vec<Fact>,
    /// Spend as percent of the planned amount, 0 to 100, for a bar.
    pub bar: Option<u8>,
    /// What moved.
    pub drivers: Option<DriverTable>,
    /// One thing to do.
    pub advice: Option<String>,
    /// Where to go from here; `https` only.
    pub links: Vec<Link>,
    /// Why this recipient gets it, and when it would come again.
    pub why: String,
    /// Product and delivery, to recognize a duplicate by.
    pub footer: String,
}

/// How urgent a notice looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// Nothing is wrong: a probe, a correction.
    Calm,
    /// Good to know.
    Info,
    /// Somebody should look.
    Warning,
    /// Somebody must act.
    Critical,
}

impl Tone {
    /// A color that can be read on white and on black.
    pub fn color(self) -> &'static str {
        match self {
            Tone::Calm => "#2f8f5b",
            Tone::Info => "#3b82c4",
            Tone::Warning => "#c27c0e",
            Tone::Critical => "#d64545",
        }
    }

    /// The word for it; colors alone tell nothing to those who do not see them.
    pub fn word(self) -> &'static str {
        match self {
            Tone::Calm => "note",
            Tone::Info => "info",
            Tone::Warning => "warning",
            Tone::Critical => "critical",
        }
    }
}

/// One figure with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// One or two words.
    pub label: &'static str,
    /// The figure.
    pub value: String,
}

/// What moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DriverTable {
    /// What was compared with what.
    pub title: String,
    /// The largest changes and the rest of them; they add up to the whole.
    pub rows: Vec<DriverRow>,
}

/// One part of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DriverRow {
    /// The service.
    pub name: String,
    /// The change with its sign, in whole units: `+2,410`.
    pub change: String,
    /// Its share of the whole change: `71 %`; empty when the whole is zero.
    pub share: String,
    /// `new`, `stopped`, `rose`, `fell`.
    pub cause: &'static str,
}

/// The words of a notice.
pub fn wording(notice: &Notice) -> Wording {
    let mut wording = match &notice.message {
        Message::Crossing(transition) => crossing(transition),
        Message::Digest(digest) => summary(digest),
        Message::Bundle {
            at,
            allowance,
            hours,
        } => {
            let count = notice.carried.len();
            Wording {
                headline: format!(
                    "{count} notices at once: more than {allowance} in {hours} hours come \
                     together in one"
                ),
                facts: vec![fact("Put together", at.to_string())],
                why: "Single notices come again when it is quieter.".into(),
                ..blank(Tone::Warning, format!("[Cost] {count} notices in one"))
            }
        }
        Message::Probe { at, from } => Wording {
            headline: format!("A test from {}: this destination works", named(from)),
            facts: vec![fact("Sent", at.to_string())],
            why: "Nothing happened and nothing is to be done; somebody tested this destination."
                .into(),
            ..blank(Tone::Calm, format!("[Cost] test from {}", named(from)))
        },
        Message::Trouble {
            at,
            title,
            lines,
            advice,
        } => Wording {
            headline: clean(title),
            remarks: lines.iter().map(|line| clean(line)).collect(),
            facts: vec![fact("Noticed", at.to_string())],
            advice: advice.as_deref().map(clean),
            why: "This is about the cost watcher itself, not about a budget.".into(),
            ..blank(Tone::Warning, format!("[Cost] trouble: {}", clean(title)))
        },
        Message::Action {
            at,
            title,
            lines,
            advice,
        } => Wording {
            headline: clean(title),
            remarks: lines.iter().map(|line| clean(line)).collect(),
            facts: vec![fact("Since", at.to_string())],
            advice: advice.as_deref().map(clean),
            why: "The configuration asks for this action when the budget reaches an amount.".into(),
            ..blank(Tone::Warning, format!("[Cost] action: {}", clean(title)))
        },
    };
    if notice.maybe_duplicate {
        let remark = "Possible duplicate: it is not known whether an earlier attempt arrived.";
        wording.remarks.insert(0, remark.into());
    }
    if let Some(destination) = &notice.instead_of {
        let remark = format!("It did not reach {}, so it comes here.", named(destination));
        wording.remarks.insert(0, remark);
    }
    wording.remarks.extend(notice.carried.iter().map(carried));
    let reason = clean(&notice.reason_for_recipient);
    if !reason.is_empty() {
        let reason = reason.trim_end_matches('.');
        wording.why = format!("You get this {reason}. {}", wording.why);
    }
    wording.links = notice.links.iter().filter_map(link).collect();
    wording.footer = format!("spendwatch, delivery {}", notice.short_id());
    wording
}

/// Where budgets stand, a line each.
fn summary(digest: &Digest) -> Wording {
    let listed = digest.rows.len() + usize::try_from(digest.more).unwrap_or(usize::MAX);
    let headline = match listed {
        0 => "Nothing is wrong with your budgets".to_owned(),
        1 => "One of your budgets needs a look".to_owned(),
        many => format!("{many} of your budgets need a look"),
    };
    let mut remarks: Vec<String> = digest.rows.iter().map(row).collect();
    if digest.more > 0 {
        remarks.push(format!("and {} more", digest.more));
    }
    for one in &digest.moved {
        let what = match one.cause {
            Cause::Stopped => "stopped in",
            _ => "new in",
        };
        remarks.push(format!(
            "{} is {what} {}: {}",
            named(&one.service_name),
            named(&one.budget),
            signed_money(one.change)
        ));
    }
    match digest.fine {
        0 => {}
        1 => remarks.push("Nothing is wrong with one other budget.".into()),
        fine => remarks.push(format!("Nothing is wrong with {fine} other budgets.")),
    }
    let tone = match digest.rows.first().map(|row| row.standing) {
        Some(Standing::Over) => Tone::Critical,
        Some(Standing::ExpectedOver | Standing::Stale | Standing::Ahead) => Tone::Warning,
        Some(Standing::Fine) | None => Tone::Calm,
    };
    let subject = format!(
        "[Cost] your budgets, week to {}",
        digest.at.strftime("%Y-%m-%d")
    );
    Wording {
        headline,
        remarks,
        facts: vec![fact("Put together", digest.at.to_string())],
        why: "It comes once a week.".into(),
        ..blank(tone, subject)
    }
}

fn row(row: &DigestRow) -> String {
    let filled = row.percent.0.clamp(Decimal::ZERO, Decimal::ONE_HUNDRED) / Decimal::TEN;
    let filled = usize::try_from(filled.trunc().mantissa()).unwrap_or(0);
    let bar: String = (0..10)
        .map(|tenth| if tenth < filled { '#' } else { '.' })
        .collect();
    let standing = match row.standing {
        Standing::Over => "over",
        Standing::ExpectedOver => "expected to go over",
        Standing::Stale => "data are stale",
        Standing::Ahead => "ahead of plan",
        Standing::Fine => "fine",
    };
    let forecast = row.forecast_percent.map_or_else(String::new, |percent| {
        let arrow = if percent > row.percent { '↗' } else { '→' };
        format!(" {arrow} {}", Percent(percent.0.trunc()))
    });
    format!(
        "[{bar}] {}: {}{forecast} of {} in {}, {standing}",
        named(&row.budget),
        row.percent,
        whole(row.planned),
        clean(&row.period_label)
    )
}

/// A notice that this one tells of, in a line.
fn carried(one: &Carried) -> String {
    let what = match one.change {
        Change::Fired => "crossed",
        Change::Reminded => "still crossed",
        Change::Escalated => "crossed and not acknowledged",
        Change::Acknowledged => "acknowledged",
        Change::Resolved => "over again",
        Change::Withdrawn => "taken back",
        Change::Closed => "closed",
    };
    format!(
        "{}: {} {} {what}, at {} then ({})",
        one.at.strftime("%Y-%m-%d %H:%M UTC"),
        named(&one.budget),
        clean(&one.when),
        one.percent,
        clean(&one.period_label)
    )
}

/// Where an event stands in the life of its alert, in a sentence; nothing for the first notice.
fn life(transition: &Transition) -> Option<String> {
    let when = clean(&transition.when);
    match (&transition.change, &transition.reason) {
        (Change::Withdrawn, _) => Some(format!(
            "This corrects an earlier notice ({when}). Nothing more is to be done about it."
        )),
        (Change::Resolved, _) => Some(format!(
            "This ends an earlier notice ({when}). Nothing more is to be done about it."
        )),
        (Change::Reminded, Reason::Unanswered { since, hours }) => Some(format!(
            "A reminder: it fired on {}, {hours} hours ago, and nobody has acknowledged it.",
            since.strftime("%Y-%m-%d %H:%M UTC")
        )),
        (Change::Escalated, Reason::Unanswered { since, hours }) => Some(format!(
            "You hear of it because nobody has acknowledged it since {}, for {hours} hours.",
            since.strftime("%Y-%m-%d %H:%M UTC")
        )),
        (Change::Acknowledged, Reason::Acknowledged { by, note }) => {
            let note = note.as_deref().map(clean).unwrap_or_default();
            Some(match note.is_empty() {
                true => format!("{} knows of it.", named(by)),
                false => format!("{} knows of it: {note}", named(by)),
            })
        }
        (Change::Closed, Reason::PeriodEnded { end }) => {
            Some(format!("Its period is over since {end}."))
        }
        (Change::Closed, _) => Some("The condition was configured anew.".to_owned()),
        _ => None,
    }
}

fn crossing(transition: &Transition) -> Wording {
    let status = &*transition.status;
    let name = budget_name(status);
    let mut remarks: Vec<String> = life(transition).into_iter().collect();
    let about_data = transition.kind == ThresholdKind::Stale;
    if status.data.stale && !about_data {
        remarks.push(format!(
            "The data are older than usual ({}): the true spend is likely higher.",
            days(status.data.age_days)
        ));
    }
    if !transition.also.is_empty() {
        let what = match transition.change.leaves_standing() {
            true => "Also crossed",
            false => "The same goes for",
        };
        remarks.push(format!("{what}: {}.", list(&transition.also)));
    }
    if !transition.parts.is_empty() {
        let parts: Vec<String> = transition.parts.iter().map(part).collect();
        remarks.push(format!("Parts of it that are told of: {}.", list(&parts)));
    }
    if !transition.events.is_empty() {
        remarks.push(format!(
            "Planned at this time: {}.",
            list(&transition.events)
        ));
    }
    let tone = match (transition.change, transition.severity) {
        (Change::Withdrawn | Change::Resolved | Change::Closed, _) => Tone::Calm,
        (Change::Acknowledged, _) => Tone::Info,
        (Change::Fired | Change::Reminded | Change::Escalated, severity) => match severity {
            Severity::Info => Tone::Info,
            Severity::Warning => Tone::Warning,
            Severity::Critical => Tone::Critical,
        },
    };
    let label = clean(&status.period_label);
    // What follows the name in a subject matters more than the end of a long name.
    let short = capped(&name, 60, 240);
    let (subject, headline) = told(transition, &name, &short);
    Wording {
        thread_subject: header(&format!("[Cost] {short}, {label}"), MAX_SUBJECT),
        headline,
        remarks,
        facts: facts(transition),
        bar: bar(status),
        drivers: status
            .drivers
            .as_ref()
            .filter(|_| transition.change.leaves_standing() && !about_data)
            .and_then(driver_table),
        advice: advice(transition),
        why: again(transition),
        ..blank(tone, subject)
    }
}

/// Subject and headline of a crossing.
fn told(transition: &Transition, name: &str, short: &str) -> (String, String) {
    let status = &*transition.status;
    let label = clean(&status.period_label);
    let data_to = status.data.last_day;
    let when = clean(&transition.when);
    match &transition.reason {
        Reason::ExpectedToReach {
            level,
            probability,
            required,
        } => (
            format!(
                "[Cost] {short} heading for {} ({label}, {} likely, data to {data_to})",
                whole(*level),
                probability.likelihood()
            ),
            format!(
                "{name} is expected to reach {} in {label}, {} likely - threshold {when}, told \
                 from {} on",
                whole(*level),
                probability.likelihood(),
                required
            ),
        ),
        Reason::AheadOfPlan {
            spent,
            expected,
            percent,
            ..
        } => (
            format!("[Cost] {short} at {percent} of the planned pace ({label}, data to {data_to})"),
            format!(
                "{name} is ahead of plan: {spent} spent, {expected} planned by now ({percent}) - \
                 threshold {when}"
            ),
        ),
        Reason::DataStale {
            last_day,
            age_days,
            allowed_days,
        } => (
            format!("[Cost] {short}: no cost data since {last_day}"),
            format!(
                "{name} has had no cost data since {last_day}, {} ago; more than {} is too old - threshold \
                 {when}",
                days(*age_days),
                days(*allowed_days)
            ),
        ),
        Reason::Restated { spent, level } => (
            format!("[Cost] correction: {short} back under {}", whole(*level)),
            format!(
                "Correction: {name} is below {level} again. The provider restated its costs; spend \
                 to date is {spent} - threshold {when}"
            ),
        ),
        Reason::PlanChanged { before, now, level } => (
            format!("[Cost] correction: {short} back under {}", whole(*level)),
            format!(
                "Correction: {name} is below {level} now. The planned amount was changed from \
                 {before} to {now} - threshold {when}"
            ),
        ),
        Reason::NoLongerExpected {
            level,
            probability,
            required,
        } => (
            format!(
                "[Cost] {short} back under {} ({label}, {} likely, data to {data_to})",
                whole(*level),
                probability.likelihood()
            ),
            format!(
                "{name} is no longer expected to reach {} in {label}: {} likely, told from {} on - \
                 threshold {when}",
                whole(*level),
                probability.likelihood(),
                required
            ),
        ),
        Reason::BackOnPlan {
            spent,
            expected,
            percent,
            ..
        } => (
            format!("[Cost] {short} back on plan ({label}, data to {data_to})"),
            format!(
                "{name} is no longer ahead of plan: {spent} spent, {expected} planned by now \
                 ({percent}) - threshold {when}"
            ),
        ),
        Reason::DataArrived { last_day, .. } => (
            format!("[Cost] {short}: cost data arrive again"),
            format!("{name} has cost data again, up to {last_day} - threshold {when}"),
        ),
        // `Reached`, what follows a notice, and whatever a later engine fires for.
        _ => (
            format!(
                "[Cost] {short} {} of {} ({label}, data to {data_to})",
                status.percent,
                whole(status.planned)
            ),
            format!(
                "{name} has used {} of {} ({}) - threshold {when}",
                status.spent, status.planned, status.percent
            ),
        ),
    }
}

fn facts(transition: &Transition) -> Vec<Fact> {
    let status = &*transition.status;
    let currency = status.planned.currency;
    let has_data = status.elapsed_days > 0;
    let spent = if has_data {
        format!(
            "{} of {} ({})",
            status.spent, status.planned, status.percent
        )
    } else {
        format!(
            "not known: no data for this period yet; planned {}",
            status.planned
        )
    };
    let mut facts = vec![fact("Spent", spent)];
    let remaining = if status.remaining.amount < Decimal::ZERO {
        format!(
            "nothing; over by {}",
            Money::new(-status.remaining.amount, currency)
        )
    } else if let Some(allowance) = status.daily_allowance {
        format!(
            "{} ({allowance} a day keeps it on budget)",
            status.remaining
        )
    } else {
        status.remaining.to_string()
    };
    if has_data {
        facts.push(fact("Remaining", remaining));
    }
    facts.push(fact(
        "Period",
        format!(
            "{}, day {} of {}",
            status.period,
            status.day,
            status.period.days()
        ),
    ));
    if let Some(pace) = &status.pace {
        facts.push(fact(
            "Pace",
            format!("{} of the {} planned by now", pace.percent, pace.expected),
        ));
    }
    match (&status.forecast, &status.no_forecast) {
        (Some(forecast), _) => {
            let (low, high) = forecast.range80;
            let mut text = format!(
                "{} (80 % range {} to {}); {} likely to reach the planned amount",
                whole(forecast.mean),
                figures(low),
                figures(high),
                Percent(forecast.probability).likelihood()
            );
            if let Some(breach) = &forecast.breach {
                text.push_str(&breach_text(breach));
            }
            let is_over = status.spent.amount >= status.planned.amount;
            if let (true, Some(breach)) = (is_over, &forecast.breach) {
                text = format!(
                    "{} (80 % range {} to {}); the planned amount was reached on {}",
                    whole(forecast.mean),
                    figures(low),
                    figures(high),
                    breach.likely
                );
            }
            facts.push(fact("Forecast", text));
        }
        (None, Some(why)) => facts.push(fact("Forecast", format!("none: {}", clean(why)))),
        (None, None) => {}
    }
    facts.push(fact("Data", data(status)));
    let scopes: Vec<&str> = status.scopes.iter().map(|scope| scope.path()).collect();
    if !scopes.is_empty() {
        facts.push(fact("Scope", list(&scopes)));
    }
    if !status.owners.is_empty() {
        facts.push(fact("Owner", list(&status.owners)));
    }
    facts
}

fn breach_text(breach: &Breach) -> String {
    let range = match (breach.earliest, breach.latest) {
        (Some(earliest), Some(latest)) if earliest != latest => {
            format!(" ({earliest} to {latest})")
        }
        _ => String::new(),
    };
    format!(", most likely on {}{range}", breach.likely)
}

fn data(status: &Status) -> String {
    let data = &status.data;
    let may_change = if data.settled_to >= data.last_day {
        ", settled".to_owned()
    } else if data.settled_to < data.first_day {
        "; all of it may still change".to_owned()
    } else {
        format!("; days after {} may still change", data.settled_to)
    };
    let stale = if data.stale {
        format!(". Stale: {} old", days(data.age_days))
    } else {
        String::new()
    };
    let skipped = match data.skipped_rows {
        0 => String::new(),
        1 => ". 1 row could not be read, and its cost is missing".to_owned(),
        rows => format!(". {rows} rows could not be read, and their cost is missing"),
    };
    format!(
        "up to {}{may_change}{stale} (written {}){skipped}",
        data.last_day,
        data.as_of.strftime("%Y-%m-%d %H:%M UTC")
    )
}

fn driver_table(drivers: &Drivers) -> Option<DriverTable> {
    if drivers.items.is_empty() {
        return None;
    }
    let share = |change: Money| {
        change
            .percent_of(drivers.total)
            .ok()
            .flatten()
            .map(|percent| {
                let percent =
                    percent.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
                format!("{} %", percent.normalize())
            })
            .unwrap_or_default()
    };
    let mut rows: Vec<DriverRow> = drivers
        .items
        .iter()
        .map(|driver| DriverRow {
            name: named(&driver.service_name),
            change: signed(driver.change),
            share: share(driver.change),
            cause: match driver.cause {
                Cause::New => "new",
                Cause::Stopped => "stopped",
                Cause::Rose => "rose",
                Cause::Fell => "fell",
                Cause::Unchanged => "unchanged",
            },
        })
        .collect();
    if !drivers.other.amount.is_zero() {
        rows.push(DriverRow {
            name: "everything else".into(),
            change: signed(drivers.other),
            share: share(drivers.other),
            cause: "",
        });
    }
    let title = match &drivers.compared_with {
        Some(earlier) => format!(
            "What moved: {} against {earlier}",
            signed_money(drivers.total)
        ),
        None => format!(
            "What it was spent on: {} (no earlier period to compare with)",
            drivers.total
        ),
    };
    Some(DriverTable { title, rows })
}

/// One thing to do.
fn advice(transition: &Transition) -> Option<String> {
    if !transition.change.leaves_standing() || transition.change == Change::Acknowledged {
        return None;
    }
    let status = &*transition.status;
    if transition.kind == ThresholdKind::Stale {
        return Some(
            "Check the export or the permissions of the cost source; until data arrive, nothing is \
             known about later days."
                .into(),
        );
    }
    let who = match status.owners.first().map(|owner| clean(owner)) {
        Some(owner) if !owner.is_empty() => format!("Ask {owner}"),
        _ => "Find out".into(),
    };
    let moved = status.drivers.as_ref().and_then(|drivers| {
        let first = drivers.items.first()?;
        let rising = first.change.amount > Decimal::ZERO;
        (rising && drivers.compared_with.is_some()).then(|| {
            let what = if first.cause == Cause::New {
                "started"
            } else {
                "rose"
            };
            format!(
                "about {}, which {what} by {}",
                named(&first.service_name),
                whole(first.change)
            )
        })
    });
    Some(match moved {
        Some(moved) => format!("{who} {moved}; or change the planned amount."),
        None => format!("{who} whether this is expected; or change the planned amount."),
    })
}

/// When it would come again.
fn again(transition: &Transition) -> String {
    let next = transition.status.period.end();
    match (transition.change, transition.kind) {
        (Change::Withdrawn | Change::Resolved, _) => {
            "It would come again if the threshold were crossed again in this period.".into()
        }
        (Change::Acknowledged | Change::Closed, _) => {
            "Places that show the state of alerts are told of every change.".into()
        }
        (Change::Reminded, _) => {
            "It comes until somebody acknowledges it, or until it is over.".into()
        }
        (Change::Escalated, _) => "It comes once.".into(),
        (Change::Fired, ThresholdKind::Stale) => {
            "It comes once; and again if data arrive and stop once more.".into()
        }
        (Change::Fired, _) if transition.when.contains("every") => {
            format!("It comes once per step; again at the next step, and anew from {next}.")
        }
        (Change::Fired, _) => {
            format!("It comes once per period; again at a higher threshold, and anew from {next}.")
        }
    }
}

fn blank(tone: Tone, subject: String) -> Wording {
    let subject = header(&subject, MAX_SUBJECT);
    Wording {
        thread_subject: subject.clone(),
        subject,
        headline: String::new(),
        tone,
        remarks: Vec::new(),
        facts: Vec::new(),
        bar: None,
        drivers: None,
        advice: None,
        links: Vec::new(),
        why: String::new(),
        footer: String::new(),
    }
}

fn fact(label: &'static str, value: String) -> Fact {
    Fact { label, value }
}

fn link(link: &Link) -> Option<Link> {
    let url = url::Url::parse(&link.url).ok()?;
    let plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    plain.then(|| Link {
        title: named(&link.title),
        url: url.into(),
    })
}

fn bar(status: &Status) -> Option<u8> {
    let percent = status.percent.0.clamp(Decimal::ZERO, Decimal::ONE_HUNDRED);
    percent.trunc().to_string().parse().ok()
}

fn part(part: &Part) -> String {
    format!(
        "{} {} ({})",
        named(&part.name),
        part.percent,
        clean(&part.when)
    )
}

fn budget_name(status: &Status) -> String {
    let name = clean(&status.name);
    if name.is_empty() {
        named(&status.budget)
    } else {
        name
    }
}

fn named(text: &str) -> String {
    let name = clean(text);
    if name.is_empty() {
        "(no name)".into()
    } else {
        name
    }
}

/// The first few, and how many more.
fn list<T: AsRef<str>>(items: &[T]) -> String {
    let mut text = items
        .iter()
        .take(MAX_NAMED)
        .map(|item| named(item.as_ref()))
        .collect::<Vec<_>>()
        .join(", ");
    if items.len() > MAX_NAMED {
        text.push_str(&format!(" and {} more", items.len() - MAX_NAMED));
    }
    text
}

fn days(count: u32) -> String {
    match count {
        1 => "1 day".into(),
        count => format!("{count} days"),
    }
}

/// An amount without its minor units: `EUR 17,900`.
fn whole(money: Money) -> String {
    format!("{} {}", money.currency, figures(money))
}

/// The same without the currency: `17,900`.
fn figures(money: Money) -> String {
    let rounded = money
        .amount
        .round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
    let text = Money::new(rounded, money.currency).figures();
    text.split('.').next().unwrap_or_default().to_owned()
}

fn signed(change: Money) -> String {
    let text = figures(change);
    if change.amount > Decimal::ZERO && text != "0" {
        format!("+{text}")
    } else {
        text
    }
}

fn signed_money(change: Money) -> String {
    format!("{} {}", change.currency, signed(change))
}

/// All of it as plain text, `\n` between lines: the text part of a mail, and the fallback of
/// everything else.
pub fn plain(wording: &Wording) -> String {
    let mut lines = vec![wording.headline.clone()];
    lines.extend(wording.remarks.iter().cloned());
    lines.push(String::new());
    for fact in &wording.facts {
        lines.push(format!("{:<11}{}", fact.label, fact.value));
    }
    if let Some(drivers) = &wording.drivers {
        lines.push(String::new());
        lines.push(drivers.title.clone());
        lines.extend(drivers.rows.iter().map(|row| {
            let DriverRow {
                name,
                change,
                share,
                cause,
            } = row;
            format!("  {name:<28} {change:>12} {share:>6}  {cause}")
                .trim_end()
                .to_owned()
        }));
    }
    if let Some(advice) = &wording.advice {
        lines.extend([String::new(), advice.clone()]);
    }
    if !wording.links.is_empty() {
        lines.push(String::new());
        let links = wording.links.iter();
        lines.extend(links.map(|link| format!("{}: {}", link.title, link.url)));
    }
    lines.extend([
        String::new(),
        wording.why.clone(),
        "--".into(),
        wording.footer.clone(),
    ]);
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_lose_their_minor_units_but_not_their_size() {
        let money = |text: &str| Money::parse(text).unwrap();
        assert_eq!(whole(money("17899.5 EUR")), "EUR 17,900");
        assert_eq!(whole(money("17899 JPY")), "JPY 17,899");
        assert_eq!(signed(money("2410.4 EUR")), "+2,410");
        assert_eq!(signed(money("-0.4 EUR")), "0");
        assert_eq!(signed(money("-1204.5 EUR")), "-1,205");
    }

    #[test]
    fn only_secure_links_are_shown() {
        let shown = |url: &str| {
            link(&Link {
                title: "x".into(),
                url: url.into(),
            })
        };
        assert!(shown("https://costs.contoso.example/a").is_some());
        for bad in [
            "http://contoso.example/",
            "javascript:alert(1)",
            "https://user@contoso.example/",
            "",
        ] {
            assert_eq!(shown(bad), None, "{bad}");
        }
    }
}
