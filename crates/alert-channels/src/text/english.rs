//! English.

use budget_engine::{AnomalyKind, Aspect, Change, Dimension, Side, When};
use jiff::civil::Date;

use super::catalog::{
    About, Again, Ask, Bound, Catalog, Charted, Days, DigestLine, Expected, Likely, Moved,
    NoForecast, Paced, Told, Unusual,
};
use super::language::Style;
use super::{Tone, label::Label};
use crate::notice::{Because, FollowUp, LinkKind, Standing};

/// English.
pub(super) struct English;

static STYLE: Style = Style {
    decimal: '.',
    group: ',',
    before_percent: " ",
    beside_currency: " ",
    currency_first: true,
    date: |date| date.to_string(),
    before_time: " ",
};

impl Catalog for English {
    fn style(&self) -> &'static Style {
        &STYLE
    }

    fn tone(&self, tone: Tone) -> &'static str {
        tone.word()
    }

    fn label(&self, label: Label) -> &'static str {
        match label {
            Label::Sent => "Sent",
            Label::PutTogether => "Put together",
            Label::Spent => "Spent",
            Label::Remaining => "Remaining",
            Label::Period => "Period",
            Label::Unusual => "Unusual",
            Label::Pace => "Pace",
            Label::Forecast => "Forecast",
            Label::Data => "Data",
            Label::Scope => "Scope",
            Label::Owner => "Owner",
        }
    }

    fn link(&self, link: LinkKind) -> &'static str {
        link.as_str()
    }

    fn moved(&self, moved: Moved) -> &'static str {
        match moved {
            Moved::New => "new",
            Moved::Stopped => "stopped",
            Moved::Rose => "rose",
            Moved::Fell => "fell",
            Moved::Unchanged => "unchanged",
        }
    }

    fn everything_else(&self) -> &'static str {
        "everything else"
    }

    fn was_expected(&self) -> &'static str {
        "expected, by trend or plans"
    }

    fn no_name(&self) -> &'static str {
        "(no name)"
    }

    fn more(&self, count: usize) -> String {
        format!(" and {count} more")
    }

    fn days(&self, count: u32) -> String {
        match count {
            1 => "1 day".into(),
            count => format!("{count} days"),
        }
    }

    fn month(&self, year: i16, month: i8) -> String {
        format!("{year}-{month:02}")
    }

    fn quarter(&self, year: i16, quarter: i8) -> String {
        format!("{year}-Q{quarter}")
    }

    fn range(&self, first: Date, last: Date) -> String {
        format!("{first} to {last}")
    }

    fn bound(&self, bound: Bound, percent: &str) -> String {
        match bound {
            Bound::Over => format!("over {percent}"),
            Bound::Under => format!("under {percent}"),
            Bound::Near => percent.to_owned(),
        }
    }

    fn condition(&self, when: &When) -> String {
        when.to_string()
    }

    fn span(&self, days: &Days<'_>) -> String {
        match days {
            Days::One(day) => format!("on {day}"),
            Days::Since(day) => format!("since {day}"),
            Days::FromTo(first, last) => format!("from {first} to {last}"),
        }
    }

    fn bundle_subject(&self, count: usize) -> String {
        format!("{count} notices in one")
    }

    fn bundle_headline(&self, count: usize, allowance: u32, hours: u32) -> String {
        let hours = match hours {
            1 => "an hour".to_owned(),
            _ => format!("{hours} hours"),
        };
        format!("{count} notices at once: more than {allowance} in {hours} come together in one")
    }

    fn bundle_again(&self) -> &'static str {
        "Single notices come again when it is quieter."
    }

    fn probe_subject(&self, from: &str) -> String {
        format!("test from {from}")
    }

    fn probe_headline(&self, from: &str) -> String {
        format!("A test from {from}: this destination works")
    }

    fn probe_why(&self) -> &'static str {
        "Nothing happened and nothing is to be done; somebody tested this destination."
    }

    fn digest_subject(&self, day: &str) -> String {
        format!("your budgets, week to {day}")
    }

    fn digest_headline(&self, count: usize) -> String {
        match count {
            0 => "Nothing is wrong with your budgets".to_owned(),
            1 => "One of your budgets needs a look".to_owned(),
            count => format!("{count} of your budgets need a look"),
        }
    }

    fn digest_row(&self, row: &DigestLine<'_>) -> String {
        let DigestLine {
            name,
            percent,
            forecast,
            planned,
            period,
            standing,
        } = row;
        let standing = match standing {
            Standing::Over => "over",
            Standing::ExpectedOver => "expected to go over",
            Standing::Stale => "data are stale",
            Standing::Ahead => "ahead of plan",
            Standing::Fine => "fine",
        };
        format!("{name}: {percent}{forecast} of {planned} in {period}, {standing}")
    }

    fn digest_poor(&self) -> &'static str {
        ", forecasts too far off"
    }

    fn digest_unevaluated(&self, name: &str, why: &str) -> String {
        format!("{name} cannot be evaluated: {why}")
    }

    fn digest_more(&self, count: u32) -> String {
        format!("and {count} more")
    }

    fn digest_moved(&self, service: &str, name: &str, change: &str, has_stopped: bool) -> String {
        match has_stopped {
            true => format!("{service} is stopped in {name}: {change}"),
            false => format!("{service} is new in {name}: {change}"),
        }
    }

    fn digest_unusual(&self, name: &str, unusual: &Unusual<'_>, is_open: bool) -> String {
        let Unusual { span, impact, .. } = unusual;
        let (what, more) = (what(unusual.kind), more(unusual.side));
        let so_far = if is_open { " so far" } else { "" };
        format!("{name}: {what} {span}, {impact} {more} than expected{so_far}")
    }

    fn digest_more_unusual(&self, count: u32) -> String {
        match count {
            1 => "one more event of unusual cost".to_owned(),
            count => format!("{count} more events of unusual cost"),
        }
    }

    fn digest_nothing_unusual(&self, budgets: u32, days: &str) -> String {
        match budgets {
            1 => format!("No anomalies in one budget, {days} checked."),
            budgets => format!("No anomalies in {budgets} budgets, {days} checked."),
        }
    }

    fn digest_fine(&self, count: u32) -> String {
        match count {
            1 => "Nothing is wrong with one other budget.".to_owned(),
            count => format!("Nothing is wrong with {count} other budgets."),
        }
    }

    fn digest_again(&self) -> &'static str {
        "It comes once a week."
    }

    fn maybe_duplicate(&self) -> &'static str {
        "Possible duplicate: it is not known whether an earlier attempt arrived."
    }

    fn instead_of(&self, destination: &str) -> String {
        format!("It did not reach {destination}, so it comes here.")
    }

    fn carried(&self, told: &Told<'_>, change: Change, at: &str, percent: &str) -> String {
        let what = match change {
            Change::Fired => "crossed",
            Change::Reminded => "still crossed",
            Change::Escalated => "crossed and not acknowledged",
            Change::Acknowledged => "acknowledged",
            Change::Resolved => "over again",
            Change::Withdrawn => "taken back",
            Change::Closed => "closed",
        };
        let Told {
            name, period, when, ..
        } = told;
        format!("{at}: {name} {when} {what}, at {percent} then ({period})")
    }

    fn corrects(&self, when: &str) -> String {
        format!("This corrects an earlier notice ({when}). Nothing more is to be done about it.")
    }

    fn ends(&self, when: &str) -> String {
        format!("This ends an earlier notice ({when}). Nothing more is to be done about it.")
    }

    fn reminder(&self, since: &str, hours: u32) -> String {
        format!(
            "A reminder: it fired on {since}, {hours} hours ago, and nobody has acknowledged it."
        )
    }

    fn escalation(&self, since: &str, hours: u32) -> String {
        format!(
            "You hear of it because nobody has acknowledged it since {since}, for {hours} hours."
        )
    }

    fn known_by(&self, by: &str, note: &str) -> String {
        match note {
            "" => format!("{by} knows of it."),
            note => format!("{by} knows of it: {note}"),
        }
    }

    fn period_over(&self, end: &str) -> String {
        format!("Its period is over since {end}.")
    }

    fn configured_anew(&self) -> &'static str {
        "The condition was configured anew."
    }

    fn stale_figures(&self, days: &str) -> String {
        format!("The data are older than usual ({days}): the true spend is likely higher.")
    }

    fn forecast_held(&self) -> &'static str {
        "Forecasts of this budget have been too far off: thresholds of the forecast are held back."
    }

    fn also_crossed(&self, list: &str) -> String {
        format!("Also crossed: {list}.")
    }

    fn same_for(&self, list: &str) -> String {
        format!("The same goes for: {list}.")
    }

    fn parts(&self, list: &str) -> String {
        format!("Parts of it that are told of: {list}.")
    }

    fn events(&self, list: &str) -> String {
        format!("Planned at this time: {list}.")
    }

    fn made_up_by(&self, by: &Aspect, list: &str) -> String {
        let by = match by {
            Aspect::Dimension(Dimension::ResourceGroupName) => "resource group".to_owned(),
            Aspect::Dimension(Dimension::SubAccountId) => "subscription".to_owned(),
            Aspect::Dimension(dimension) => dimension.to_string(),
            Aspect::Tag(name) => format!("tag {name}"),
        };
        format!("By {by}: {list}.")
    }

    fn not_judged_after(&self, day: &str) -> String {
        format!("Later days than {day} may still change and are not judged yet.")
    }

    fn subject_of(&self, change: Change, subject: &str) -> String {
        match change {
            Change::Reminded => format!("reminder: {subject}"),
            Change::Escalated => format!("not acknowledged: {subject}"),
            Change::Acknowledged => format!("acknowledged: {subject}"),
            Change::Closed => format!("closed: {subject}"),
            Change::Fired | Change::Resolved | Change::Withdrawn => subject.to_owned(),
        }
    }

    fn used_subject(&self, told: &Told<'_>, percent: &str, planned: &str) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        format!("{name} {percent} of {planned} ({period}, data to {data_to})")
    }

    fn used(&self, told: &Told<'_>, spent: &str, planned: &str, percent: &str) -> String {
        let Told { name, when, .. } = told;
        format!("{name} has used {spent} of {planned} ({percent}) - threshold {when}")
    }

    fn heading_subject(&self, told: &Told<'_>, likely: &Likely<'_>) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        let Likely { level, chance, .. } = likely;
        format!("{name} heading for {level} ({period}, {chance} likely, data to {data_to})")
    }

    fn heading(&self, told: &Told<'_>, likely: &Likely<'_>) -> String {
        let Told {
            name, period, when, ..
        } = told;
        let Likely {
            level,
            chance,
            required,
        } = likely;
        format!(
            "{name} is expected to reach {level} in {period}, {chance} likely - threshold {when}, \
             told from {required} on"
        )
    }

    fn ahead_subject(&self, told: &Told<'_>, percent: &str) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        format!("{name} at {percent} of the planned pace ({period}, data to {data_to})")
    }

    fn ahead(&self, told: &Told<'_>, paced: &Paced<'_>) -> String {
        let Told { name, when, .. } = told;
        let Paced {
            spent,
            expected,
            percent,
        } = paced;
        format!(
            "{name} is ahead of plan: {spent} spent, {expected} planned by now ({percent}) - \
             threshold {when}"
        )
    }

    fn unusual_subject(&self, told: &Told<'_>, unusual: &Unusual<'_>) -> String {
        let Told { name, data_to, .. } = told;
        let Unusual { span, whole, .. } = unusual;
        let more = more(unusual.side);
        format!("{name} {whole} {more} than expected {span} (data to {data_to})")
    }

    fn unusual(&self, told: &Told<'_>, unusual: &Unusual<'_>) -> String {
        let Told { name, when, .. } = told;
        let Unusual {
            span,
            impact,
            expected,
            ..
        } = unusual;
        let (what, more) = (what(unusual.kind), more(unusual.side));
        format!(
            "{name}: {what} {span}: {impact} {more} than the {expected} expected - threshold {when}"
        )
    }

    fn unusual_over_subject(&self, told: &Told<'_>, unusual: &Unusual<'_>) -> String {
        let Unusual { span, whole, .. } = unusual;
        let (name, more) = (told.name, more(unusual.side));
        format!("{name}: unusual costs over ({whole} {more} than expected {span})")
    }

    fn unusual_over(&self, told: &Told<'_>, unusual: &Unusual<'_>) -> String {
        let Told { name, when, .. } = told;
        let Unusual {
            span,
            impact,
            expected,
            ..
        } = unusual;
        let (what, more) = (what(unusual.kind), more(unusual.side));
        let after = match unusual.kind.passes() {
            true => "costs are as expected again",
            false => "what stays of it is what is expected from now on",
        };
        format!(
            "Over: {name}: {what} {span}, {impact} {more} than the {expected} expected; {after} - threshold {when}"
        )
    }

    fn not_unusual_subject(&self, told: &Told<'_>, first: &str) -> String {
        let name = told.name;
        format!("correction: {name} had no unusual costs around {first}")
    }

    fn not_unusual(&self, told: &Told<'_>, first: &str, level: &str, left: Option<&str>) -> String {
        let Told { name, when, .. } = told;
        let left = left.map(|left| format!(" ({left} are left)"));
        let left = left.unwrap_or_default();
        format!(
            "Correction: by the data as they are now, {name} had no unusual costs of {level} around {first}{left} - threshold {when}"
        )
    }

    fn no_data_subject(&self, told: &Told<'_>) -> String {
        format!("{}: no cost data since {}", told.name, told.data_to)
    }

    fn no_data(&self, told: &Told<'_>, age: &str, allowed: &str) -> String {
        let Told {
            name,
            when,
            data_to,
            ..
        } = told;
        format!(
            "{name} has had no cost data since {data_to}, {age} ago; more than {allowed} is too \
             old - threshold {when}"
        )
    }

    fn correction_subject(&self, told: &Told<'_>, level: &str) -> String {
        format!("correction: {} back under {level}", told.name)
    }

    fn restated(&self, told: &Told<'_>, level: &str, spent: &str) -> String {
        let Told { name, when, .. } = told;
        format!(
            "Correction: {name} is below {level} again. The provider restated its costs; spend to \
             date is {spent} - threshold {when}"
        )
    }

    fn plan_changed(&self, told: &Told<'_>, level: &str, before: &str, now: &str) -> String {
        let Told { name, when, .. } = told;
        format!(
            "Correction: {name} is below {level} now. The planned amount was changed from {before} \
             to {now} - threshold {when}"
        )
    }

    fn no_longer_heading_subject(&self, told: &Told<'_>, likely: &Likely<'_>) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        let Likely { level, chance, .. } = likely;
        format!("{name} back under {level} ({period}, {chance} likely, data to {data_to})")
    }

    fn no_longer_heading(&self, told: &Told<'_>, likely: &Likely<'_>) -> String {
        let Told {
            name, period, when, ..
        } = told;
        let Likely {
            level,
            chance,
            required,
        } = likely;
        format!(
            "{name} is no longer expected to reach {level} in {period}: {chance} likely, told from \
             {required} on - threshold {when}"
        )
    }

    fn on_plan_subject(&self, told: &Told<'_>) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        format!("{name} back on plan ({period}, data to {data_to})")
    }

    fn on_plan(&self, told: &Told<'_>, paced: &Paced<'_>) -> String {
        let Told { name, when, .. } = told;
        let Paced {
            spent,
            expected,
            percent,
        } = paced;
        format!(
            "{name} is no longer ahead of plan: {spent} spent, {expected} planned by now \
             ({percent}) - threshold {when}"
        )
    }

    fn data_again_subject(&self, told: &Told<'_>) -> String {
        format!("{}: cost data arrive again", told.name)
    }

    fn data_again(&self, told: &Told<'_>) -> String {
        let Told {
            name,
            when,
            data_to,
            ..
        } = told;
        format!("{name} has cost data again, up to {data_to} - threshold {when}")
    }

    fn still_heading_subject(&self, told: &Told<'_>, mean: &str, planned: &str) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        format!("{name} expected at {mean} of {planned} ({period}, data to {data_to})")
    }

    fn still_heading(&self, told: &Told<'_>, mean: &str, planned: &str) -> String {
        let Told {
            name, period, when, ..
        } = told;
        format!(
            "{name} is expected to end {period} at {mean}, planned are {planned} - threshold {when}"
        )
    }

    fn of_planned(&self, spent: &str, planned: &str, percent: &str) -> String {
        format!("{spent} of {planned} ({percent})")
    }

    fn not_known(&self, planned: &str) -> String {
        format!("not known: no data for this period yet; planned {planned}")
    }

    fn over_by(&self, amount: &str) -> String {
        format!("nothing; over by {amount}")
    }

    fn keeps_on_budget(&self, remaining: &str, allowance: &str) -> String {
        format!("{remaining} ({allowance} a day keeps it on budget)")
    }

    fn day_of(&self, period: &str, day: u32, days: u32) -> String {
        format!("{period}, day {day} of {days}")
    }

    fn pace(&self, percent: &str, expected: &str) -> String {
        format!("{percent} of the {expected} planned by now")
    }

    fn unusual_days(&self, days: &str, unusual: &Unusual<'_>) -> String {
        let Unusual {
            span,
            cost,
            expected,
            ..
        } = unusual;
        format!("{days} {span}: {cost} instead of {expected}")
    }

    fn expected(&self, expected: &Expected<'_>) -> String {
        let Expected { mean, low, high } = expected;
        format!("{mean} (80 % range {low} to {high})")
    }

    fn chance(&self, chance: &str) -> String {
        format!("; {chance} likely to reach the planned amount")
    }

    fn most_likely_on(&self, day: &str, range: Option<(&str, &str)>) -> String {
        match range {
            Some((first, last)) => format!(", most likely on {day} ({first} to {last})"),
            None => format!(", most likely on {day}"),
        }
    }

    fn reached_on(&self, day: &str) -> String {
        format!("; the planned amount was reached on {day}")
    }

    fn few_days(&self, days: u32, weekdays_of: Option<&str>) -> String {
        let days = match days {
            1 => "1 settled day".to_owned(),
            days => format!("{days} settled days"),
        };
        let week = weekdays_of.map(|budget| format!(" and the weekdays of {budget}"));
        format!("; it rests on only {days}{}", week.unwrap_or_default())
    }

    fn scored(&self, periods: u32, error: &str, covered: u32) -> String {
        format!(
            "; in the last {periods} periods such forecasts were off by {error}, and {covered} of \
             {periods} totals fell in the range"
        )
    }

    fn no_forecast(&self, why: &NoForecast<'_>) -> String {
        let why = match why {
            NoForecast::Stale => "the data are stale",
            NoForecast::Over => "the period has ended",
            NoForecast::Other(why) => why,
        };
        format!("none: {why}")
    }

    fn up_to(&self, day: &str) -> String {
        format!("up to {day}")
    }

    fn all_may_change(&self) -> &'static str {
        "; all of it may still change"
    }

    fn may_change_after(&self, day: &str) -> String {
        format!("; days after {day} may still change")
    }

    fn settled(&self) -> &'static str {
        ", settled"
    }

    fn stale(&self, days: &str) -> String {
        format!(". Stale: {days} old")
    }

    fn written(&self, at: &str) -> String {
        format!(" (written {at})")
    }

    fn skipped_rows(&self, rows: u64) -> String {
        match rows {
            1 => ". 1 row could not be read, and its cost is missing".to_owned(),
            rows => format!(". {rows} rows could not be read, and their cost is missing"),
        }
    }

    fn moved_title(&self, total: &str, earlier: &str) -> String {
        format!("What moved: {total} against {earlier}")
    }

    fn spent_on_title(&self, total: &str) -> String {
        format!("What it was spent on: {total} (no earlier period to compare with)")
    }

    fn made_up_title(&self, impact: &str) -> String {
        format!("What made it up: {impact} against the same weekdays of the four weeks before")
    }

    fn check_source(&self) -> &'static str {
        "Check the export or the permissions of the cost source; until data arrive, nothing is known \
         about later days."
    }

    fn ask(&self, ask: &Ask<'_>) -> String {
        let who = match ask.owner {
            Some(owner) => format!("Ask {owner}"),
            None => "Find out".to_owned(),
        };
        match &ask.about {
            Some(About {
                service,
                by,
                is_new,
            }) => {
                let what = if *is_new { "started" } else { "rose" };
                format!(
                    "{who} about {service}, which {what} by {by}; or change the planned amount."
                )
            }
            None => format!("{who} whether this is expected; or change the planned amount."),
        }
    }

    fn ask_unusual(&self, owner: Option<&str>, service: Option<&str>, command: &str) -> String {
        let who = match owner {
            Some(owner) => format!("Ask {owner}"),
            None => "Find out".to_owned(),
        };
        let service = service.map(|service| format!(", above all {service}"));
        let service = service.unwrap_or_default();
        format!("{who} whether this is intended{service}. More: {command}")
    }

    fn again(&self, again: &Again<'_>) -> String {
        match again {
            Again::OnCrossing => {
                "It would come again if the threshold were crossed again in this period.".into()
            }
            Again::OnEveryChange => {
                "Places that show the state of alerts are told of every change.".into()
            }
            Again::UntilAcknowledged => {
                "It comes until somebody acknowledges it, or until it is over.".into()
            }
            Again::Once => "It comes once.".into(),
            Again::OnStop(follow_up) => format!(
                "{} once; and again if data arrive and stop once more.",
                it_comes(*follow_up)
            ),
            Again::OncePerEvent(follow_up) => format!(
                "{} once per event, and once more when it is over.",
                it_comes(*follow_up)
            ),
            Again::AtNextStep(follow_up, next) => format!(
                "{} once per step; again at the next step, and anew from {next}.",
                it_comes(*follow_up)
            ),
            Again::AtHigherThreshold(follow_up, next) => format!(
                "{} once per period; again at a higher threshold, and anew from {next}.",
                it_comes(*follow_up)
            ),
        }
    }

    fn because(&self, because: &Because) -> String {
        match because {
            Because::Sample => "This is a sample; nothing of it happened.".to_owned(),
            Because::Several => {
                "You get this because several thresholds tell you at a time.".to_owned()
            }
            Because::OwnerByTag { budget } => format!(
                "You get this because a tag on the resources of {budget} names you as their owner."
            ),
            Because::Named { budget } => {
                format!("You get this because the configuration names you for {budget}.")
            }
            Because::Destination {
                budget,
                destination,
            } => format!("You get this because the thresholds of {budget} name {destination}."),
            Because::Digest {
                destination: Some(destination),
            } => format!("You get this because the digest names {destination}."),
            Because::Digest { destination: None } => {
                "You get this as an owner of budgets or because the digest names you.".to_owned()
            }
            Because::Fallback { destination } => format!(
                "You get this because it would reach nobody else, and {destination} is the fallback."
            ),
        }
    }

    fn footer(&self, delivery: &str) -> String {
        format!("spendwatch, delivery {delivery}")
    }

    fn chart_title(&self) -> &'static str {
        "How the period is going"
    }

    fn chart_alt(&self, charted: &Charted<'_>) -> String {
        let Charted {
            name,
            period,
            spent,
            data_to,
            planned,
            expected,
        } = charted;
        let mut text =
            format!("Chart of {name} in {period}: {spent} spent by {data_to} of {planned} planned");
        if let Some(Expected { mean, low, high }) = expected {
            text.push_str(&format!(
                "; expected to end at {mean}, between {low} and {high}"
            ));
        }
        text + "."
    }

    fn legend_spent(&self, spent: &str) -> String {
        format!("spent {spent}")
    }

    fn legend_planned(&self, planned: &str) -> String {
        format!("plan, up to {planned}")
    }

    fn legend_forecast(&self, expected: &str) -> String {
        format!("forecast {expected}")
    }

    fn legend_bars(&self, days: u32) -> String {
        match days {
            1 => "each day; the lighter ones may still change".to_owned(),
            days => format!("every {days} days; the lighter ones may still change"),
        }
    }
}

/// What happened, as a name for it.
fn what(kind: AnomalyKind) -> &'static str {
    match kind {
        AnomalyKind::Spike => "spike in costs",
        AnomalyKind::Step => "costs at a new level",
        AnomalyKind::Ramp => "climbing costs",
        AnomalyKind::Drop => "fallen costs",
        AnomalyKind::WeekendNotResting => "weekend as costly as weekdays",
        AnomalyKind::NewCost => "new costs",
        AnomalyKind::StoppedCost => "costs that stopped",
    }
}

fn more(side: Side) -> &'static str {
    match side {
        Side::Rise => "more",
        Side::Drop => "less",
    }
}

/// What happens while nobody acknowledges it, and the beginning of a sentence on when it comes besides.
fn it_comes(follow_up: FollowUp) -> String {
    let hours = |hours: u32| match hours {
        1 => "hour".to_owned(),
        _ => format!("{hours} hours"),
    };
    let after = |count: u32| match count {
        1 => "an hour".to_owned(),
        _ => hours(count),
    };
    match (follow_up.remind_every_hours, follow_up.escalate_after_hours) {
        (Some(every), Some(told)) => format!(
            "Until somebody acknowledges it, it comes again every {}; after {} others are told. Apart \
             from that it comes",
            hours(every),
            after(told)
        ),
        (Some(every), None) => format!(
            "Until somebody acknowledges it, it comes again every {}. Apart from that it comes",
            hours(every)
        ),
        (None, Some(told)) => format!(
            "If nobody acknowledges it, others are told after {}. It comes",
            after(told)
        ),
        (None, None) => "It comes".to_owned(),
    }
}
