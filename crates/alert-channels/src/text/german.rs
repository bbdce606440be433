//! German.

use budget_engine::{AnomalyKind, Aspect, Change, Dimension, Level, Side, When};
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::catalog::{
    About, Again, Ask, Bound, Catalog, Charted, Days, DigestLine, Expected, Likely, Moved,
    NoForecast, Paced, Told, Unusual,
};
use super::language::Style;
use super::{Tone, label::Label};
use crate::notice::{Because, FollowUp, LinkKind, Standing};

/// German.
pub(super) struct German;

const MONTHS: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

static STYLE: Style = Style {
    decimal: ',',
    group: '.',
    before_percent: "\u{a0}",
    beside_currency: "\u{a0}",
    currency_first: false,
    date: |date| format!("{:02}.{:02}.{:04}", date.day(), date.month(), date.year()),
    before_time: ", ",
};

fn day(date: Date) -> String {
    STYLE.date(date)
}

fn level(level: &Level) -> String {
    let percent = |percent: &Decimal| STYLE.percent(budget_engine::Percent(*percent));
    let amount = |amount: &Decimal| amount.normalize().to_string().replace('.', ",");
    match level {
        Level::Percent(share) => percent(share),
        Level::Amount(sum) => amount(sum),
        Level::EveryAmount(step) => format!("je {}", amount(step)),
        Level::EveryPercent(step) => format!("je {}", percent(step)),
    }
}

impl Catalog for German {
    fn style(&self) -> &'static Style {
        &STYLE
    }

    fn tone(&self, tone: Tone) -> &'static str {
        match tone {
            Tone::Calm => "Hinweis",
            Tone::Info => "Info",
            Tone::Warning => "Warnung",
            Tone::Critical => "kritisch",
        }
    }

    fn label(&self, label: Label) -> &'static str {
        match label {
            Label::Sent => "Gesendet",
            Label::PutTogether => "Gebündelt",
            Label::Spent => "Ausgegeben",
            Label::Remaining => "Verbleibend",
            Label::Period => "Zeitraum",
            Label::Unusual => "Ungewöhnlich",
            Label::Pace => "Tempo",
            Label::Forecast => "Prognose",
            Label::Data => "Daten",
            Label::Scope => "Bereich",
            Label::Owner => "Zuständig",
        }
    }

    fn link(&self, link: LinkKind) -> &'static str {
        match link {
            LinkKind::Status => "Status",
            LinkKind::Analysis => "Kostenanalyse",
            LinkKind::Acknowledge => "Bestätigen",
            LinkKind::Silence => "Stummschalten",
            LinkKind::Explain => "Erklärung",
            LinkKind::Approve => "Ansehen und freigeben",
        }
    }

    fn moved(&self, moved: Moved) -> &'static str {
        match moved {
            Moved::New => "neu",
            Moved::Stopped => "entfallen",
            Moved::Rose => "gestiegen",
            Moved::Fell => "gesunken",
            Moved::Unchanged => "unverändert",
        }
    }

    fn everything_else(&self) -> &'static str {
        "alles Übrige"
    }

    fn was_expected(&self) -> &'static str {
        "erwartet durch Trend oder Plan"
    }

    fn no_name(&self) -> &'static str {
        "(ohne Namen)"
    }

    fn more(&self, count: usize) -> String {
        format!(" und {count} weitere")
    }

    fn days(&self, count: u32) -> String {
        match count {
            1 => "1 Tag".into(),
            count => format!("{count} Tage"),
        }
    }

    fn month(&self, year: i16, month: i8) -> String {
        let index = usize::try_from(month - 1).unwrap_or(0);
        format!("{} {year}", MONTHS[index])
    }

    fn quarter(&self, year: i16, quarter: i8) -> String {
        format!("{quarter}. Quartal {year}")
    }

    fn range(&self, first: Date, last: Date) -> String {
        format!("{} bis {}", day(first), day(last))
    }

    fn bound(&self, bound: Bound, percent: &str) -> String {
        match bound {
            Bound::Over => format!("über {percent}"),
            Bound::Under => format!("unter {percent}"),
            Bound::Near => percent.to_owned(),
        }
    }

    fn condition(&self, when: &When) -> String {
        match when {
            When::Actual(one) => format!("Ausgaben {}", level(one)),
            When::Forecast(one) => format!("Prognose {}", level(one)),
            When::Pace(percent) => format!("Tempo {}", level(&Level::Percent(*percent))),
            When::Anomaly(Side::Rise, one) => format!("Abweichung {}", level(one)),
            When::Anomaly(Side::Drop, one) => format!("Rückgang {}", level(one)),
            When::Stale(days) => format!("Daten älter als {}", self.days(*days)),
        }
    }

    fn span(&self, days: &Days<'_>) -> String {
        match days {
            Days::One(day) => format!("am {day}"),
            Days::Since(day) => format!("seit {day}"),
            Days::FromTo(first, last) => format!("von {first} bis {last}"),
        }
    }

    fn bundle_subject(&self, count: usize) -> String {
        format!("{count} Meldungen in einer")
    }

    fn bundle_headline(&self, count: usize, allowance: u32, hours: u32) -> String {
        let hours = match hours {
            1 => "einer Stunde".to_owned(),
            _ => format!("{hours} Stunden"),
        };
        format!(
            "{count} Meldungen auf einmal: mehr als {allowance} in {hours} kommen zusammen in einer"
        )
    }

    fn bundle_again(&self) -> &'static str {
        "Einzelne Meldungen kommen wieder, wenn es ruhiger ist."
    }

    fn probe_subject(&self, from: &str) -> String {
        format!("Test von {from}")
    }

    fn probe_headline(&self, from: &str) -> String {
        format!("Ein Test von {from}: dieses Ziel funktioniert")
    }

    fn probe_why(&self) -> &'static str {
        "Es ist nichts geschehen und nichts zu tun; jemand hat dieses Ziel getestet."
    }

    fn digest_subject(&self, day: &str) -> String {
        format!("Ihre Budgets, Woche bis {day}")
    }

    fn digest_headline(&self, count: usize) -> String {
        match count {
            0 => "Mit Ihren Budgets ist alles in Ordnung".to_owned(),
            1 => "Eines Ihrer Budgets braucht Aufmerksamkeit".to_owned(),
            count => format!("{count} Ihrer Budgets brauchen Aufmerksamkeit"),
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
            Standing::Over => "überschritten",
            Standing::ExpectedOver => "wird voraussichtlich überschritten",
            Standing::Stale => "Daten sind veraltet",
            Standing::Ahead => "über dem Plan",
            Standing::Fine => "in Ordnung",
        };
        format!("{name}: {percent}{forecast} von {planned} ({period}), {standing}")
    }

    fn digest_poor(&self) -> &'static str {
        ", Prognosen zu ungenau"
    }

    fn digest_unevaluated(&self, name: &str, why: &str) -> String {
        format!("{name} kann nicht ausgewertet werden: {why}")
    }

    fn digest_more(&self, count: u32) -> String {
        format!("und {count} weitere")
    }

    fn digest_moved(&self, service: &str, name: &str, change: &str, has_stopped: bool) -> String {
        match has_stopped {
            true => format!("{service} ist in {name} entfallen: {change}"),
            false => format!("{service} ist neu in {name}: {change}"),
        }
    }

    fn digest_unusual(&self, name: &str, unusual: &Unusual<'_>, is_open: bool) -> String {
        let Unusual { span, impact, .. } = unusual;
        let (what, more) = (what(unusual.kind), more(unusual.side));
        let so_far = if is_open { " bis jetzt" } else { "" };
        format!("{name}: {what} {span}, {impact} {more} als erwartet{so_far}")
    }

    fn digest_more_unusual(&self, count: u32) -> String {
        match count {
            1 => "und ein weiteres Mal ungewöhnliche Kosten".to_owned(),
            count => format!("und {count} weitere Male ungewöhnliche Kosten"),
        }
    }

    fn digest_nothing_unusual(&self, budgets: u32, days: &str) -> String {
        match budgets {
            1 => format!("Keine Auffälligkeiten in einem Budget, {days} geprüft."),
            budgets => format!("Keine Auffälligkeiten in {budgets} Budgets, {days} geprüft."),
        }
    }

    fn digest_fine(&self, count: u32) -> String {
        match count {
            1 => "Mit einem weiteren Budget ist alles in Ordnung.".to_owned(),
            count => format!("Mit {count} weiteren Budgets ist alles in Ordnung."),
        }
    }

    fn digest_again(&self) -> &'static str {
        "Die Übersicht kommt einmal in der Woche."
    }

    fn maybe_duplicate(&self) -> &'static str {
        "Möglicherweise doppelt: es ist nicht bekannt, ob ein früherer Versuch angekommen ist."
    }

    fn instead_of(&self, destination: &str) -> String {
        format!("Dies hat {destination} nicht erreicht und kommt deshalb hierher.")
    }

    fn carried(&self, told: &Told<'_>, change: Change, at: &str, percent: &str) -> String {
        let what = match change {
            Change::Fired => "überschritten",
            Change::Reminded => "weiterhin überschritten",
            Change::Escalated => "überschritten und nicht bestätigt",
            Change::Acknowledged => "bestätigt",
            Change::Resolved => "erledigt",
            Change::Withdrawn => "zurückgenommen",
            Change::Closed => "geschlossen",
        };
        let Told {
            name, period, when, ..
        } = told;
        format!("{at}: {name}, Schwelle {when} {what}, damals bei {percent} ({period})")
    }

    fn corrects(&self, when: &str) -> String {
        format!("Dies berichtigt eine frühere Meldung ({when}). Dazu ist nichts mehr zu tun.")
    }

    fn ends(&self, when: &str) -> String {
        format!("Dies beendet eine frühere Meldung ({when}). Dazu ist nichts mehr zu tun.")
    }

    fn reminder(&self, since: &str, hours: u32) -> String {
        format!(
            "Eine Erinnerung: die Meldung ist vom {since}, {hours} Stunden alt, und niemand hat sie \
             bestätigt."
        )
    }

    fn escalation(&self, since: &str, hours: u32) -> String {
        format!(
            "Sie erhalten dies, weil niemand die Meldung vom {since} bestätigt hat, seit {hours} \
             Stunden."
        )
    }

    fn known_by(&self, by: &str, note: &str) -> String {
        match note {
            "" => format!("{by} weiß davon."),
            note => format!("{by} weiß davon: {note}"),
        }
    }

    fn period_over(&self, end: &str) -> String {
        format!("Der Zeitraum ist seit dem {end} vorbei.")
    }

    fn configured_anew(&self) -> &'static str {
        "Die Bedingung wurde neu konfiguriert."
    }

    fn stale_figures(&self, days: &str) -> String {
        format!(
            "Die Daten sind älter als üblich ({days}): tatsächlich ist wahrscheinlich mehr ausgegeben."
        )
    }

    fn forecast_held(&self) -> &'static str {
        "Prognosen für dieses Budget lagen zu weit daneben: Schwellen der Prognose werden zurückgehalten."
    }

    fn also_crossed(&self, list: &str) -> String {
        format!("Ebenfalls überschritten: {list}.")
    }

    fn same_for(&self, list: &str) -> String {
        format!("Dasselbe gilt für: {list}.")
    }

    fn parts(&self, list: &str) -> String {
        format!("Teile davon, zu denen es ebenfalls Meldungen gibt: {list}.")
    }

    fn events(&self, list: &str) -> String {
        format!("Für diese Zeit geplant: {list}.")
    }

    fn made_up_by(&self, by: &Aspect, list: &str) -> String {
        let by = match by {
            Aspect::Dimension(Dimension::ResourceGroupName) => "Ressourcengruppe".to_owned(),
            Aspect::Dimension(Dimension::SubAccountId) => "Abonnement".to_owned(),
            Aspect::Dimension(dimension) => dimension.to_string(),
            Aspect::Tag(name) => format!("Markierung {name}"),
        };
        format!("Nach {by}: {list}.")
    }

    fn not_judged_after(&self, day: &str) -> String {
        format!("Tage nach dem {day} können sich noch ändern und sind noch nicht beurteilt.")
    }

    fn subject_of(&self, change: Change, subject: &str) -> String {
        match change {
            Change::Reminded => format!("Erinnerung: {subject}"),
            Change::Escalated => format!("nicht bestätigt: {subject}"),
            Change::Acknowledged => format!("bestätigt: {subject}"),
            Change::Closed => format!("geschlossen: {subject}"),
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
        format!("{name} bei {percent} von {planned} ({period}, Daten bis {data_to})")
    }

    fn used(&self, told: &Told<'_>, spent: &str, planned: &str, percent: &str) -> String {
        let Told { name, when, .. } = told;
        format!("{name} hat {spent} von {planned} ausgegeben ({percent}) - Schwelle: {when}")
    }

    fn heading_subject(&self, told: &Told<'_>, likely: &Likely<'_>) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        let Likely { level, chance, .. } = likely;
        format!(
            "{name} auf dem Weg zu {level} ({period}, Wahrscheinlichkeit {chance}, Daten bis {data_to})"
        )
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
            "{name} wird voraussichtlich {level} erreichen (Zeitraum: {period}), Wahrscheinlichkeit \
             {chance} - Schwelle: {when}, gemeldet ab {required}"
        )
    }

    fn ahead_subject(&self, told: &Told<'_>, percent: &str) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        format!("{name} bei {percent} des geplanten Tempos ({period}, Daten bis {data_to})")
    }

    fn ahead(&self, told: &Told<'_>, paced: &Paced<'_>) -> String {
        let Told { name, when, .. } = told;
        let Paced {
            spent,
            expected,
            percent,
        } = paced;
        format!(
            "{name} liegt über dem Plan: {spent} ausgegeben, {expected} bis jetzt geplant \
             ({percent}) - Schwelle: {when}"
        )
    }

    fn unusual_subject(&self, told: &Told<'_>, unusual: &Unusual<'_>) -> String {
        let Told { name, data_to, .. } = told;
        let Unusual { span, whole, .. } = unusual;
        let more = more(unusual.side);
        format!("{name} {whole} {more} als erwartet {span} (Daten bis {data_to})")
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
            "{name}: {what} {span}: {impact} {more} als die erwarteten {expected} - Schwelle: {when}"
        )
    }

    fn unusual_over_subject(&self, told: &Told<'_>, unusual: &Unusual<'_>) -> String {
        let Unusual { span, whole, .. } = unusual;
        let (name, more) = (told.name, more(unusual.side));
        format!("{name}: ungewöhnliche Kosten vorbei ({whole} {more} als erwartet {span})")
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
            true => "die Kosten sind wieder wie erwartet",
            false => "was davon bleibt, wird von nun an erwartet",
        };
        format!(
            "Vorbei: {name}: {what} {span}, {impact} {more} als die erwarteten {expected}; {after} - Schwelle: {when}"
        )
    }

    fn not_unusual_subject(&self, told: &Told<'_>, first: &str) -> String {
        let name = told.name;
        format!("Korrektur: {name} hatte um den {first} keine ungewöhnlichen Kosten")
    }

    fn not_unusual(&self, told: &Told<'_>, first: &str, level: &str, left: Option<&str>) -> String {
        let Told { name, when, .. } = told;
        let left = left.map(|left| format!(" (es bleiben {left})"));
        let left = left.unwrap_or_default();
        format!(
            "Korrektur: nach den jetzigen Daten hatte {name} um den {first} keine ungewöhnlichen Kosten von {level}{left} - Schwelle: {when}"
        )
    }

    fn no_data_subject(&self, told: &Told<'_>) -> String {
        format!("{}: keine Kostendaten seit {}", told.name, told.data_to)
    }

    fn no_data(&self, told: &Told<'_>, age: &str, allowed: &str) -> String {
        let Told {
            name,
            when,
            data_to,
            ..
        } = told;
        format!(
            "{name} hat seit dem {data_to} keine Kostendaten mehr; Alter der Daten: {age}, erlaubt: \
             {allowed} - Schwelle: {when}"
        )
    }

    fn correction_subject(&self, told: &Told<'_>, level: &str) -> String {
        format!("Korrektur: {} wieder unter {level}", told.name)
    }

    fn restated(&self, told: &Told<'_>, level: &str, spent: &str) -> String {
        let Told { name, when, .. } = told;
        format!(
            "Korrektur: {name} liegt wieder unter {level}. Der Anbieter hat die Kosten berichtigt; \
             ausgegeben sind jetzt {spent} - Schwelle: {when}"
        )
    }

    fn plan_changed(&self, told: &Told<'_>, level: &str, before: &str, now: &str) -> String {
        let Told { name, when, .. } = told;
        format!(
            "Korrektur: {name} liegt jetzt unter {level}. Der geplante Betrag wurde von {before} auf \
             {now} geändert - Schwelle: {when}"
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
        format!(
            "{name} wieder unter {level} ({period}, Wahrscheinlichkeit {chance}, Daten bis {data_to})"
        )
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
            "{name} wird voraussichtlich nicht mehr {level} erreichen (Zeitraum: {period}): \
             Wahrscheinlichkeit {chance}, gemeldet ab {required} - Schwelle: {when}"
        )
    }

    fn on_plan_subject(&self, told: &Told<'_>) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        format!("{name} wieder im Plan ({period}, Daten bis {data_to})")
    }

    fn on_plan(&self, told: &Told<'_>, paced: &Paced<'_>) -> String {
        let Told { name, when, .. } = told;
        let Paced {
            spent,
            expected,
            percent,
        } = paced;
        format!(
            "{name} liegt nicht mehr über dem Plan: {spent} ausgegeben, {expected} bis jetzt geplant \
             ({percent}) - Schwelle: {when}"
        )
    }

    fn data_again_subject(&self, told: &Told<'_>) -> String {
        format!("{}: es kommen wieder Kostendaten an", told.name)
    }

    fn data_again(&self, told: &Told<'_>) -> String {
        let Told {
            name,
            when,
            data_to,
            ..
        } = told;
        format!("{name} hat wieder Kostendaten, bis {data_to} - Schwelle: {when}")
    }

    fn still_heading_subject(&self, told: &Told<'_>, mean: &str, planned: &str) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        format!("{name} voraussichtlich bei {mean} von {planned} ({period}, Daten bis {data_to})")
    }

    fn still_heading(&self, told: &Told<'_>, mean: &str, planned: &str) -> String {
        let Told {
            name, period, when, ..
        } = told;
        format!(
            "{name} wird voraussichtlich bei {mean} enden (Zeitraum: {period}), geplant sind \
             {planned} - Schwelle: {when}"
        )
    }

    fn of_planned(&self, spent: &str, planned: &str, percent: &str) -> String {
        format!("{spent} von {planned} ({percent})")
    }

    fn not_known(&self, planned: &str) -> String {
        format!("unbekannt: noch keine Daten für diesen Zeitraum; geplant {planned}")
    }

    fn over_by(&self, amount: &str) -> String {
        format!("nichts; um {amount} überschritten")
    }

    fn keeps_on_budget(&self, remaining: &str, allowance: &str) -> String {
        format!("{remaining} (mit {allowance} am Tag bleibt es im Budget)")
    }

    fn day_of(&self, period: &str, day: u32, days: u32) -> String {
        format!("{period}, Tag {day} von {days}")
    }

    fn pace(&self, percent: &str, expected: &str) -> String {
        format!("{percent} der bis jetzt geplanten {expected}")
    }

    fn unusual_days(&self, days: &str, unusual: &Unusual<'_>) -> String {
        let Unusual {
            span,
            cost,
            expected,
            ..
        } = unusual;
        format!("{days} {span}: {cost} statt {expected}")
    }

    fn expected(&self, expected: &Expected<'_>) -> String {
        let Expected { mean, low, high } = expected;
        format!("{mean} (80-%-Bereich {low} bis {high})")
    }

    fn chance(&self, chance: &str) -> String {
        format!("; Wahrscheinlichkeit, den geplanten Betrag zu erreichen: {chance}")
    }

    fn most_likely_on(&self, day: &str, range: Option<(&str, &str)>) -> String {
        match range {
            Some((first, last)) => {
                format!(", am wahrscheinlichsten am {day} ({first} bis {last})")
            }
            None => format!(", am wahrscheinlichsten am {day}"),
        }
    }

    fn reached_on(&self, day: &str) -> String {
        format!("; der geplante Betrag wurde am {day} erreicht")
    }

    fn few_days(&self, days: u32, weekdays_of: Option<&str>) -> String {
        let days = match days {
            1 => "1 endgültigen Tag".to_owned(),
            days => format!("{days} endgültigen Tagen"),
        };
        let week = weekdays_of.map(|budget| format!(" und den Wochentagen von {budget}"));
        format!("; sie beruht auf nur {days}{}", week.unwrap_or_default())
    }

    fn scored(&self, periods: u32, error: &str, covered: u32) -> String {
        format!(
            "; in den letzten {periods} Zeiträumen lagen solche Prognosen um {error} daneben, und \
             {covered} von {periods} Summen lagen im Bereich"
        )
    }

    fn no_forecast(&self, why: &NoForecast<'_>) -> String {
        match why {
            NoForecast::Stale => "keine: die Daten sind veraltet".into(),
            NoForecast::Over => "keine: der Zeitraum ist vorbei".into(),
            NoForecast::Other(why) => format!("keine ({why})"),
        }
    }

    fn up_to(&self, day: &str) -> String {
        format!("bis {day}")
    }

    fn all_may_change(&self) -> &'static str {
        "; alles kann sich noch ändern"
    }

    fn may_change_after(&self, day: &str) -> String {
        format!("; Tage nach dem {day} können sich noch ändern")
    }

    fn settled(&self) -> &'static str {
        ", endgültig"
    }

    fn stale(&self, days: &str) -> String {
        format!(". Veraltet: {days} alt")
    }

    fn written(&self, at: &str) -> String {
        format!(" (Stand {at})")
    }

    fn skipped_rows(&self, rows: u64) -> String {
        match rows {
            1 => ". 1 Zeile war nicht lesbar; ihre Kosten fehlen".to_owned(),
            rows => format!(". {rows} Zeilen waren nicht lesbar; ihre Kosten fehlen"),
        }
    }

    fn moved_title(&self, total: &str, earlier: &str) -> String {
        format!("Was sich geändert hat: {total} gegenüber {earlier}")
    }

    fn spent_on_title(&self, total: &str) -> String {
        format!("Wofür ausgegeben wurde: {total} (kein früherer Zeitraum zum Vergleich)")
    }

    fn made_up_title(&self, impact: &str) -> String {
        format!("Woraus es besteht: {impact} gegenüber denselben Wochentagen der vier Wochen davor")
    }

    fn check_source(&self) -> &'static str {
        "Prüfen Sie den Export oder die Berechtigungen der Kostenquelle; bis Daten kommen, ist über \
         spätere Tage nichts bekannt."
    }

    fn ask(&self, ask: &Ask<'_>) -> String {
        let or = "oder ändern Sie den geplanten Betrag.";
        let question = match &ask.about {
            Some(About {
                service,
                by,
                is_new: true,
            }) => format!("warum {service} mit {by} hinzugekommen ist"),
            Some(About { service, by, .. }) => format!("warum {service} um {by} gestiegen ist"),
            None => "ob das so erwartet ist".to_owned(),
        };
        match ask.owner {
            Some(owner) => format!("Fragen Sie {owner}, {question}; {or}"),
            None => format!("Klären Sie, {question}; {or}"),
        }
    }

    fn ask_unusual(&self, owner: Option<&str>, service: Option<&str>, command: &str) -> String {
        let who = match owner {
            Some(owner) => format!("Fragen Sie {owner},"),
            None => "Klären Sie,".to_owned(),
        };
        let service = service.map(|service| format!(", vor allem bei {service}"));
        let service = service.unwrap_or_default();
        format!("{who} ob das so gewollt ist{service}. Mehr: {command}")
    }

    fn again(&self, again: &Again<'_>) -> String {
        match again {
            Again::OnCrossing => {
                "Die Meldung kommt wieder, wenn die Schwelle in diesem Zeitraum erneut überschritten \
                 wird."
                    .into()
            }
            Again::OnEveryChange => {
                "Orte, die den Stand von Meldungen zeigen, erfahren jede Änderung.".into()
            }
            Again::UntilAcknowledged => {
                "Die Meldung kommt, bis jemand sie bestätigt oder bis sie erledigt ist.".into()
            }
            Again::Once => "Die Meldung kommt einmal.".into(),
            Again::OnStop(follow_up) => format!(
                "{} einmal; und wieder, wenn Daten kommen und erneut ausbleiben.",
                it_comes(*follow_up)
            ),
            Again::OncePerEvent(follow_up) => format!(
                "{} einmal je Ereignis, und noch einmal, wenn es vorbei ist.",
                it_comes(*follow_up)
            ),
            Again::AtNextStep(follow_up, next) => format!(
                "{} einmal je Stufe; wieder bei der nächsten Stufe, und erneut ab {next}.",
                it_comes(*follow_up)
            ),
            Again::AtHigherThreshold(follow_up, next) => format!(
                "{} einmal je Zeitraum; wieder bei einer höheren Schwelle, und erneut ab {next}.",
                it_comes(*follow_up)
            ),
        }
    }

    fn because(&self, because: &Because) -> String {
        match because {
            Because::Sample => "Dies ist ein Beispiel; nichts davon ist geschehen.".to_owned(),
            Because::Several => {
                "Sie erhalten dies, weil mehrere Schwellen Ihnen gleichzeitig etwas melden."
                    .to_owned()
            }
            Because::OwnerByTag { budget } => format!(
                "Sie erhalten dies, weil eine Markierung der Ressourcen von {budget} Sie als zuständig nennt."
            ),
            Because::Named { budget } => {
                format!("Sie erhalten dies, weil die Konfiguration Sie bei {budget} nennt.")
            }
            Because::Destination {
                budget,
                destination,
            } => {
                format!("Sie erhalten dies, weil die Schwellen von {budget} {destination} nennen.")
            }
            Because::Digest {
                destination: Some(destination),
            } => format!("Sie erhalten dies, weil die Übersicht {destination} nennt."),
            Because::Digest { destination: None } => "Sie erhalten dies als Zuständige oder Zuständiger von Budgets oder weil die Übersicht Sie nennt.".to_owned(),
            Because::Fallback { destination } => format!(
                "Sie erhalten dies, weil es sonst niemanden erreichen würde; {destination} ist dafür \
                 der Ersatz."
            ),
        }
    }

    fn footer(&self, delivery: &str) -> String {
        format!("spendwatch, Zustellung {delivery}")
    }

    fn chart_title(&self) -> &'static str {
        "Verlauf des Zeitraums"
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
        let mut text = format!(
            "Diagramm von {name} (Zeitraum: {period}): {spent} ausgegeben bis {data_to}, von \
             geplanten {planned}"
        );
        if let Some(Expected { mean, low, high }) = expected {
            text.push_str(&format!(
                "; voraussichtliches Ende bei {mean}, zwischen {low} und {high}"
            ));
        }
        text + "."
    }

    fn legend_spent(&self, spent: &str) -> String {
        format!("ausgegeben: {spent}")
    }

    fn legend_planned(&self, planned: &str) -> String {
        format!("Plan, bis {planned}")
    }

    fn legend_forecast(&self, expected: &str) -> String {
        format!("Prognose: {expected}")
    }

    fn legend_bars(&self, days: u32) -> String {
        match days {
            1 => "jeder Tag; die helleren können sich noch ändern".to_owned(),
            days => format!("je {days} Tage; die helleren können sich noch ändern"),
        }
    }
}

/// What happened, as a name for it.
fn what(kind: AnomalyKind) -> &'static str {
    match kind {
        AnomalyKind::Spike => "Kostenspitze",
        AnomalyKind::Step => "Kosten auf neuem Niveau",
        AnomalyKind::Ramp => "steigende Kosten",
        AnomalyKind::Drop => "gesunkene Kosten",
        AnomalyKind::WeekendNotResting => "Wochenende so teuer wie Werktage",
        AnomalyKind::NewCost => "neue Kosten",
        AnomalyKind::StoppedCost => "entfallene Kosten",
    }
}

fn more(side: Side) -> &'static str {
    match side {
        Side::Rise => "mehr",
        Side::Drop => "weniger",
    }
}

/// What happens while nobody acknowledges it, and the beginning of a sentence on when it comes besides.
fn it_comes(follow_up: FollowUp) -> String {
    let every = |hours: u32| match hours {
        1 => "jede Stunde".to_owned(),
        _ => format!("alle {hours} Stunden"),
    };
    let after = |hours: u32| match hours {
        1 => "einer Stunde".to_owned(),
        _ => format!("{hours} Stunden"),
    };
    match (follow_up.remind_every_hours, follow_up.escalate_after_hours) {
        (Some(again), Some(told)) => format!(
            "Bis jemand sie bestätigt, kommt die Meldung {} wieder; nach {} werden andere \
             benachrichtigt. Davon abgesehen kommt die Meldung",
            every(again),
            after(told)
        ),
        (Some(again), None) => format!(
            "Bis jemand sie bestätigt, kommt die Meldung {} wieder. Davon abgesehen kommt die Meldung",
            every(again)
        ),
        (None, Some(told)) => format!(
            "Wenn niemand sie bestätigt, werden nach {} andere benachrichtigt. Die Meldung kommt",
            after(told)
        ),
        (None, None) => "Die Meldung kommt".to_owned(),
    }
}
