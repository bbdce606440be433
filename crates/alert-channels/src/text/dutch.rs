//! Dutch.

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

/// Dutch.
pub(super) struct Dutch;

const MONTHS: [&str; 12] = [
    "januari",
    "februari",
    "maart",
    "april",
    "mei",
    "juni",
    "juli",
    "augustus",
    "september",
    "oktober",
    "november",
    "december",
];

static STYLE: Style = Style {
    decimal: ',',
    group: '.',
    before_percent: "",
    beside_currency: "\u{a0}",
    currency_first: true,
    date: day,
    before_time: " ",
};

fn day(date: Date) -> String {
    format!("{} {}", date.day(), Dutch.month(date.year(), date.month()))
}

fn level(level: &Level) -> String {
    let percent = |percent: &Decimal| STYLE.percent(budget_engine::Percent(*percent));
    let amount = |amount: &Decimal| amount.normalize().to_string().replace('.', ",");
    match level {
        Level::Percent(share) => percent(share),
        Level::Amount(sum) => amount(sum),
        Level::EveryAmount(step) => format!("elke {}", amount(step)),
        Level::EveryPercent(step) => format!("elke {}", percent(step)),
    }
}

impl Catalog for Dutch {
    fn style(&self) -> &'static Style {
        &STYLE
    }

    fn tone(&self, tone: Tone) -> &'static str {
        match tone {
            Tone::Calm => "bericht",
            Tone::Info => "ter info",
            Tone::Warning => "waarschuwing",
            Tone::Critical => "kritiek",
        }
    }

    fn label(&self, label: Label) -> &'static str {
        match label {
            Label::Sent => "Verzonden",
            Label::PutTogether => "Gebundeld",
            Label::Spent => "Besteed",
            Label::Remaining => "Resterend",
            Label::Period => "Periode",
            Label::Unusual => "Ongewoon",
            Label::Pace => "Tempo",
            Label::Forecast => "Prognose",
            Label::Data => "Gegevens",
            Label::Scope => "Bereik",
            Label::Owner => "Eigenaar",
        }
    }

    fn link(&self, link: LinkKind) -> &'static str {
        match link {
            LinkKind::Status => "Status",
            LinkKind::Analysis => "Kostenanalyse",
            LinkKind::Acknowledge => "Bevestigen",
            LinkKind::Silence => "Dempen",
            LinkKind::Explain => "Uitleg",
            LinkKind::Approve => "Bekijken en goedkeuren",
        }
    }

    fn moved(&self, moved: Moved) -> &'static str {
        match moved {
            Moved::New => "nieuw",
            Moved::Stopped => "gestopt",
            Moved::Rose => "gestegen",
            Moved::Fell => "gedaald",
            Moved::Unchanged => "ongewijzigd",
        }
    }

    fn everything_else(&self) -> &'static str {
        "al het overige"
    }

    fn was_expected(&self) -> &'static str {
        "verwacht door trend of plan"
    }

    fn no_name(&self) -> &'static str {
        "(zonder naam)"
    }

    fn more(&self, count: usize) -> String {
        format!(" en nog {count}")
    }

    fn days(&self, count: u32) -> String {
        match count {
            1 => "1 dag".into(),
            count => format!("{count} dagen"),
        }
    }

    fn month(&self, year: i16, month: i8) -> String {
        let index = usize::try_from(month - 1).unwrap_or(0);
        format!("{} {year}", MONTHS[index])
    }

    fn quarter(&self, year: i16, quarter: i8) -> String {
        format!("{quarter}e kwartaal {year}")
    }

    fn range(&self, first: Date, last: Date) -> String {
        format!("{} t/m {}", day(first), day(last))
    }

    fn bound(&self, bound: Bound, percent: &str) -> String {
        match bound {
            Bound::Over => format!("meer dan {percent}"),
            Bound::Under => format!("minder dan {percent}"),
            Bound::Near => percent.to_owned(),
        }
    }

    fn condition(&self, when: &When) -> String {
        match when {
            When::Actual(one) => format!("besteed {}", level(one)),
            When::Forecast(one) => format!("prognose {}", level(one)),
            When::Pace(percent) => format!("tempo {}", level(&Level::Percent(*percent))),
            When::Anomaly(Side::Rise, one) => format!("afwijking {}", level(one)),
            When::Anomaly(Side::Drop, one) => format!("daling {}", level(one)),
            When::Stale(days) => format!("gegevens ouder dan {}", self.days(*days)),
        }
    }

    fn span(&self, days: &Days<'_>) -> String {
        match days {
            Days::One(day) => format!("op {day}"),
            Days::Since(day) => format!("sinds {day}"),
            Days::FromTo(first, last) => format!("van {first} t/m {last}"),
        }
    }

    fn bundle_subject(&self, count: usize) -> String {
        format!("{count} meldingen in één bericht")
    }

    fn bundle_headline(&self, count: usize, allowance: u32, hours: u32) -> String {
        format!(
            "{count} meldingen tegelijk: meer dan {allowance} in {hours} uur komen samen in één \
             bericht"
        )
    }

    fn bundle_again(&self) -> &'static str {
        "Als het rustiger is, komen meldingen weer afzonderlijk."
    }

    fn probe_subject(&self, from: &str) -> String {
        format!("test van {from}")
    }

    fn probe_headline(&self, from: &str) -> String {
        format!("Een test van {from}: deze bestemming werkt")
    }

    fn probe_why(&self) -> &'static str {
        "Er is niets gebeurd en u hoeft niets te doen; iemand heeft deze bestemming getest."
    }

    fn digest_subject(&self, day: &str) -> String {
        format!("uw budgetten, week tot {day}")
    }

    fn digest_headline(&self, count: usize) -> String {
        match count {
            0 => "Er is niets mis met uw budgetten".to_owned(),
            1 => "Een van uw budgetten vraagt aandacht".to_owned(),
            count => format!("{count} van uw budgetten vragen aandacht"),
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
            Standing::Over => "overschreden",
            Standing::ExpectedOver => "wordt naar verwachting overschreden",
            Standing::Stale => "gegevens zijn verouderd",
            Standing::Ahead => "loopt voor op het plan",
            Standing::Fine => "in orde",
        };
        format!("{name}: {percent}{forecast} van {planned} ({period}), {standing}")
    }

    fn digest_poor(&self) -> &'static str {
        ", prognoses te onnauwkeurig"
    }

    fn digest_unevaluated(&self, name: &str, why: &str) -> String {
        format!("{name} kan niet worden beoordeeld: {why}")
    }

    fn digest_more(&self, count: u32) -> String {
        format!("en nog {count}")
    }

    fn digest_moved(&self, service: &str, name: &str, change: &str, has_stopped: bool) -> String {
        match has_stopped {
            true => format!("{service} is gestopt in {name}: {change}"),
            false => format!("{service} is nieuw in {name}: {change}"),
        }
    }

    fn digest_unusual(&self, name: &str, unusual: &Unusual<'_>, is_open: bool) -> String {
        let Unusual { span, impact, .. } = unusual;
        let (what, more) = (what(unusual.kind), more(unusual.side));
        let so_far = if is_open { " tot nu toe" } else { "" };
        format!("{name}: {what} {span}, {impact} {more} dan verwacht{so_far}")
    }

    fn digest_more_unusual(&self, count: u32) -> String {
        match count {
            1 => "en nog één keer ongewone kosten".to_owned(),
            count => format!("en nog {count} keer ongewone kosten"),
        }
    }

    fn digest_nothing_unusual(&self, budgets: u32, days: &str) -> String {
        match budgets {
            1 => format!("Geen afwijkingen in één budget, {days} nagekeken."),
            budgets => format!("Geen afwijkingen in {budgets} budgetten, {days} nagekeken."),
        }
    }

    fn digest_fine(&self, count: u32) -> String {
        match count {
            1 => "Met één ander budget is niets mis.".to_owned(),
            count => format!("Met {count} andere budgetten is niets mis."),
        }
    }

    fn digest_again(&self) -> &'static str {
        "Het komt één keer per week."
    }

    fn maybe_duplicate(&self) -> &'static str {
        "Mogelijk dubbel: het is niet bekend of een eerdere poging is aangekomen."
    }

    fn instead_of(&self, destination: &str) -> String {
        format!("Dit heeft {destination} niet bereikt en komt daarom hier.")
    }

    fn carried(&self, told: &Told<'_>, change: Change, at: &str, percent: &str) -> String {
        let what = match change {
            Change::Fired => "overschreden",
            Change::Reminded => "nog steeds overschreden",
            Change::Escalated => "overschreden en niet bevestigd",
            Change::Acknowledged => "bevestigd",
            Change::Resolved => "niet meer van toepassing",
            Change::Withdrawn => "ingetrokken",
            Change::Closed => "gesloten",
        };
        let Told {
            name, period, when, ..
        } = told;
        format!("{at}: {name}, drempel {when} {what}, toen op {percent} ({period})")
    }

    fn corrects(&self, when: &str) -> String {
        format!("Dit corrigeert een eerdere melding ({when}). U hoeft daar niets meer aan te doen.")
    }

    fn ends(&self, when: &str) -> String {
        format!("Dit beëindigt een eerdere melding ({when}). U hoeft daar niets meer aan te doen.")
    }

    fn reminder(&self, since: &str, hours: u32) -> String {
        format!(
            "Een herinnering: de melding is van {since}, {hours} uur geleden, en niemand heeft haar \
             bevestigd."
        )
    }

    fn escalation(&self, since: &str, hours: u32) -> String {
        format!(
            "U krijgt dit omdat niemand de melding sinds {since} heeft bevestigd, al {hours} uur lang."
        )
    }

    fn known_by(&self, by: &str, note: &str) -> String {
        match note {
            "" => format!("{by} is op de hoogte."),
            note => format!("{by} is op de hoogte: {note}"),
        }
    }

    fn period_over(&self, end: &str) -> String {
        format!("De periode is sinds {end} voorbij.")
    }

    fn configured_anew(&self) -> &'static str {
        "De voorwaarde is opnieuw ingesteld."
    }

    fn stale_figures(&self, days: &str) -> String {
        format!(
            "De gegevens zijn ouder dan gebruikelijk ({days}): er is waarschijnlijk meer besteed."
        )
    }

    fn forecast_held(&self) -> &'static str {
        "Prognoses voor dit budget zaten er te ver naast: drempels van de prognose worden niet gemeld."
    }

    fn also_crossed(&self, list: &str) -> String {
        format!("Ook overschreden: {list}.")
    }

    fn same_for(&self, list: &str) -> String {
        format!("Hetzelfde geldt voor: {list}.")
    }

    fn parts(&self, list: &str) -> String {
        format!("Onderdelen waarover ook een melding loopt: {list}.")
    }

    fn events(&self, list: &str) -> String {
        format!("Gepland in deze tijd: {list}.")
    }

    fn made_up_by(&self, by: &Aspect, list: &str) -> String {
        let by = match by {
            Aspect::Dimension(Dimension::ResourceGroupName) => "resourcegroep".to_owned(),
            Aspect::Dimension(Dimension::SubAccountId) => "abonnement".to_owned(),
            Aspect::Dimension(dimension) => dimension.to_string(),
            Aspect::Tag(name) => format!("tag {name}"),
        };
        format!("Per {by}: {list}.")
    }

    fn not_judged_after(&self, day: &str) -> String {
        format!("Dagen na {day} kunnen nog veranderen en zijn nog niet beoordeeld.")
    }

    fn subject_of(&self, change: Change, subject: &str) -> String {
        match change {
            Change::Reminded => format!("herinnering: {subject}"),
            Change::Escalated => format!("niet bevestigd: {subject}"),
            Change::Acknowledged => format!("bevestigd: {subject}"),
            Change::Closed => format!("gesloten: {subject}"),
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
        format!("{name} op {percent} van {planned} ({period}, gegevens t/m {data_to})")
    }

    fn used(&self, told: &Told<'_>, spent: &str, planned: &str, percent: &str) -> String {
        let Told { name, when, .. } = told;
        format!("{name} heeft {spent} van {planned} besteed ({percent}) - drempel: {when}")
    }

    fn heading_subject(&self, told: &Told<'_>, likely: &Likely<'_>) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        let Likely { level, chance, .. } = likely;
        format!("{name} op weg naar {level} ({period}, kans {chance}, gegevens t/m {data_to})")
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
            "{name} bereikt naar verwachting {level} (periode: {period}), met een kans van {chance} \
             - drempel: {when}, gemeld vanaf {required}"
        )
    }

    fn ahead_subject(&self, told: &Told<'_>, percent: &str) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        format!("{name} op {percent} van het geplande tempo ({period}, gegevens t/m {data_to})")
    }

    fn ahead(&self, told: &Told<'_>, paced: &Paced<'_>) -> String {
        let Told { name, when, .. } = told;
        let Paced {
            spent,
            expected,
            percent,
        } = paced;
        format!(
            "{name} loopt voor op het plan: {spent} besteed, {expected} gepland tot nu toe \
             ({percent}) - drempel: {when}"
        )
    }

    fn unusual_subject(&self, told: &Told<'_>, unusual: &Unusual<'_>) -> String {
        let Told { name, data_to, .. } = told;
        let Unusual { span, whole, .. } = unusual;
        let more = more(unusual.side);
        format!("{name} {whole} {more} dan verwacht {span} (gegevens t/m {data_to})")
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
            "{name}: {what} {span}: {impact} {more} dan de verwachte {expected} - drempel: {when}"
        )
    }

    fn unusual_over_subject(&self, told: &Told<'_>, unusual: &Unusual<'_>) -> String {
        let Unusual { span, whole, .. } = unusual;
        let (name, more) = (told.name, more(unusual.side));
        format!("{name}: ongewone kosten voorbij ({whole} {more} dan verwacht {span})")
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
            true => "de kosten zijn weer zoals verwacht",
            false => "wat ervan blijft, is wat voortaan wordt verwacht",
        };
        format!(
            "Voorbij: {name}: {what} {span}, {impact} {more} dan de verwachte {expected}; {after} - drempel: {when}"
        )
    }

    fn not_unusual_subject(&self, told: &Told<'_>, first: &str) -> String {
        let name = told.name;
        format!("correctie: {name} had rond {first} geen ongewone kosten")
    }

    fn not_unusual(&self, told: &Told<'_>, first: &str, level: &str, left: Option<&str>) -> String {
        let Told { name, when, .. } = told;
        let left = left.map(|left| format!(" (er blijft {left} over)"));
        let left = left.unwrap_or_default();
        format!(
            "Correctie: volgens de gegevens van nu had {name} rond {first} geen ongewone kosten van {level}{left} - drempel: {when}"
        )
    }

    fn no_data_subject(&self, told: &Told<'_>) -> String {
        format!("{}: geen kostengegevens sinds {}", told.name, told.data_to)
    }

    fn no_data(&self, told: &Told<'_>, age: &str, allowed: &str) -> String {
        let Told {
            name,
            when,
            data_to,
            ..
        } = told;
        format!(
            "{name} heeft sinds {data_to} geen kostengegevens, {age} geleden; meer dan {allowed} is \
             te oud - drempel: {when}"
        )
    }

    fn correction_subject(&self, told: &Told<'_>, level: &str) -> String {
        format!("correctie: {} weer onder {level}", told.name)
    }

    fn restated(&self, told: &Told<'_>, level: &str, spent: &str) -> String {
        let Told { name, when, .. } = told;
        format!(
            "Correctie: {name} is weer onder {level}. De aanbieder heeft de kosten herzien; er is nu \
             {spent} besteed - drempel: {when}"
        )
    }

    fn plan_changed(&self, told: &Told<'_>, level: &str, before: &str, now: &str) -> String {
        let Told { name, when, .. } = told;
        format!(
            "Correctie: {name} is nu onder {level}. Het geplande bedrag is gewijzigd van {before} in \
             {now} - drempel: {when}"
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
        format!("{name} weer onder {level} ({period}, kans {chance}, gegevens t/m {data_to})")
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
            "{name} bereikt naar verwachting niet meer {level} (periode: {period}): kans {chance}, \
             gemeld vanaf {required} - drempel: {when}"
        )
    }

    fn on_plan_subject(&self, told: &Told<'_>) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        format!("{name} weer volgens plan ({period}, gegevens t/m {data_to})")
    }

    fn on_plan(&self, told: &Told<'_>, paced: &Paced<'_>) -> String {
        let Told { name, when, .. } = told;
        let Paced {
            spent,
            expected,
            percent,
        } = paced;
        format!(
            "{name} loopt niet meer voor op het plan: {spent} besteed, {expected} gepland tot nu toe \
             ({percent}) - drempel: {when}"
        )
    }

    fn data_again_subject(&self, told: &Told<'_>) -> String {
        format!("{}: er komen weer kostengegevens binnen", told.name)
    }

    fn data_again(&self, told: &Told<'_>) -> String {
        let Told {
            name,
            when,
            data_to,
            ..
        } = told;
        format!("{name} heeft weer kostengegevens, t/m {data_to} - drempel: {when}")
    }

    fn still_heading_subject(&self, told: &Told<'_>, mean: &str, planned: &str) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        format!("{name} verwacht op {mean} van {planned} ({period}, gegevens t/m {data_to})")
    }

    fn still_heading(&self, told: &Told<'_>, mean: &str, planned: &str) -> String {
        let Told {
            name, period, when, ..
        } = told;
        format!(
            "{name} komt naar verwachting uit op {mean} (periode: {period}), gepland is {planned} - \
             drempel: {when}"
        )
    }

    fn of_planned(&self, spent: &str, planned: &str, percent: &str) -> String {
        format!("{spent} van {planned} ({percent})")
    }

    fn not_known(&self, planned: &str) -> String {
        format!("onbekend: nog geen gegevens voor deze periode; gepland {planned}")
    }

    fn over_by(&self, amount: &str) -> String {
        format!("niets; {amount} te veel besteed")
    }

    fn keeps_on_budget(&self, remaining: &str, allowance: &str) -> String {
        format!("{remaining} (met {allowance} per dag blijft het binnen het budget)")
    }

    fn day_of(&self, period: &str, day: u32, days: u32) -> String {
        format!("{period}, dag {day} van {days}")
    }

    fn pace(&self, percent: &str, expected: &str) -> String {
        format!("{percent} van de {expected} die tot nu toe gepland is")
    }

    fn unusual_days(&self, days: &str, unusual: &Unusual<'_>) -> String {
        let Unusual {
            span,
            cost,
            expected,
            ..
        } = unusual;
        format!("{days} {span}: {cost} in plaats van {expected}")
    }

    fn expected(&self, expected: &Expected<'_>) -> String {
        let Expected { mean, low, high } = expected;
        format!("{mean} (met 80% kans tussen {low} en {high})")
    }

    fn chance(&self, chance: &str) -> String {
        format!("; kans dat het geplande bedrag wordt bereikt: {chance}")
    }

    fn most_likely_on(&self, day: &str, range: Option<(&str, &str)>) -> String {
        match range {
            Some((first, last)) => {
                format!(", waarschijnlijk op {day} (tussen {first} en {last})")
            }
            None => format!(", waarschijnlijk op {day}"),
        }
    }

    fn reached_on(&self, day: &str) -> String {
        format!("; het geplande bedrag is bereikt op {day}")
    }

    fn few_days(&self, days: u32, weekdays_of: Option<&str>) -> String {
        let days = match days {
            1 => "1 definitieve dag".to_owned(),
            days => format!("{days} definitieve dagen"),
        };
        let week = weekdays_of.map(|budget| format!(" en de weekdagen van {budget}"));
        format!("; ze berust op slechts {days}{}", week.unwrap_or_default())
    }

    fn scored(&self, periods: u32, error: &str, covered: u32) -> String {
        format!(
            "; in de laatste {periods} perioden zaten zulke prognoses er {error} naast, en {covered} \
             van de {periods} totalen vielen binnen het bereik"
        )
    }

    fn no_forecast(&self, why: &NoForecast<'_>) -> String {
        match why {
            NoForecast::Stale => "geen: de gegevens zijn verouderd".into(),
            NoForecast::Over => "geen: de periode is voorbij".into(),
            NoForecast::Other(why) => format!("geen ({why})"),
        }
    }

    fn up_to(&self, day: &str) -> String {
        format!("t/m {day}")
    }

    fn all_may_change(&self) -> &'static str {
        "; alles kan nog wijzigen"
    }

    fn may_change_after(&self, day: &str) -> String {
        format!("; dagen na {day} kunnen nog wijzigen")
    }

    fn settled(&self) -> &'static str {
        ", definitief"
    }

    fn stale(&self, days: &str) -> String {
        format!(". Verouderd: {days} oud")
    }

    fn written(&self, at: &str) -> String {
        format!(" (geschreven op {at})")
    }

    fn skipped_rows(&self, rows: u64) -> String {
        match rows {
            1 => ". 1 regel kon niet worden gelezen; de kosten daarvan ontbreken".to_owned(),
            rows => {
                format!(". {rows} regels konden niet worden gelezen; de kosten daarvan ontbreken")
            }
        }
    }

    fn moved_title(&self, total: &str, earlier: &str) -> String {
        format!("Wat er veranderde: {total} ten opzichte van {earlier}")
    }

    fn spent_on_title(&self, total: &str) -> String {
        format!("Waaraan het is besteed: {total} (geen eerdere periode om mee te vergelijken)")
    }

    fn made_up_title(&self, impact: &str) -> String {
        format!(
            "Waaruit het bestaat: {impact} ten opzichte van dezelfde weekdagen van de vier weken ervoor"
        )
    }

    fn check_source(&self) -> &'static str {
        "Controleer de export of de rechten van de kostenbron; zolang er geen gegevens komen, is over \
         latere dagen niets bekend."
    }

    fn ask(&self, ask: &Ask<'_>) -> String {
        let or = "of pas het geplande bedrag aan.";
        let question = match &ask.about {
            Some(About {
                service,
                by,
                is_new: true,
            }) => format!("waarom {service} erbij is gekomen voor {by}"),
            Some(About { service, by, .. }) => format!("waarom {service} met {by} is gestegen"),
            None => "of dit de bedoeling is".to_owned(),
        };
        match ask.owner {
            Some(owner) => format!("Vraag {owner} {question}; {or}"),
            None => format!("Ga na {question}; {or}"),
        }
    }

    fn ask_unusual(&self, owner: Option<&str>, service: Option<&str>, command: &str) -> String {
        let who = match owner {
            Some(owner) => format!("Vraag {owner}"),
            None => "Ga na".to_owned(),
        };
        let service = service.map(|service| format!(", vooral bij {service}"));
        let service = service.unwrap_or_default();
        format!("{who} of dit de bedoeling is{service}. Meer: {command}")
    }

    fn again(&self, again: &Again<'_>) -> String {
        match again {
            Again::OnCrossing => {
                "Het komt opnieuw als de drempel in deze periode weer wordt overschreden.".into()
            }
            Again::OnEveryChange => {
                "Plaatsen die de stand van meldingen tonen, horen van elke wijziging.".into()
            }
            Again::UntilAcknowledged => {
                "Het komt totdat iemand het bevestigt, of totdat het voorbij is.".into()
            }
            Again::Once => "Het komt één keer.".into(),
            Again::OnStop(follow_up) => format!(
                "{} één keer; en opnieuw als er gegevens komen en weer uitblijven.",
                it_comes(*follow_up)
            ),
            Again::OncePerEvent(follow_up) => format!(
                "{} één keer per gebeurtenis, en nog één keer als die voorbij is.",
                it_comes(*follow_up)
            ),
            Again::AtNextStep(follow_up, next) => format!(
                "{} één keer per stap; opnieuw bij de volgende stap, en weer vanaf {next}.",
                it_comes(*follow_up)
            ),
            Again::AtHigherThreshold(follow_up, next) => format!(
                "{} één keer per periode; opnieuw bij een hogere drempel, en weer vanaf {next}.",
                it_comes(*follow_up)
            ),
        }
    }

    fn because(&self, because: &Because) -> String {
        match because {
            Because::Sample => "Dit is een voorbeeld; er is niets van gebeurd.".to_owned(),
            Because::Several => {
                "U krijgt dit omdat verschillende drempels u tegelijk iets melden.".to_owned()
            }
            Because::OwnerByTag { budget } => format!(
                "U krijgt dit omdat een tag op de resources van {budget} u als eigenaar noemt."
            ),
            Because::Named { budget } => {
                format!("U krijgt dit omdat de configuratie u bij {budget} noemt.")
            }
            Because::Destination {
                budget,
                destination,
            } => format!("U krijgt dit omdat de drempels van {budget} {destination} noemen."),
            Because::Digest {
                destination: Some(destination),
            } => format!("U krijgt dit omdat het overzicht {destination} noemt."),
            Because::Digest { destination: None } => {
                "U krijgt dit als eigenaar van budgetten of omdat het overzicht u noemt.".to_owned()
            }
            Because::Fallback { destination } => format!(
                "U krijgt dit omdat het anders niemand zou bereiken; {destination} is daarvoor de \
                 reserve."
            ),
        }
    }

    fn footer(&self, delivery: &str) -> String {
        format!("spendwatch, bezorging {delivery}")
    }

    fn chart_title(&self) -> &'static str {
        "Verloop van de periode"
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
            "Grafiek van {name} (periode: {period}): {spent} besteed t/m {data_to}, van {planned} \
             gepland"
        );
        if let Some(Expected { mean, low, high }) = expected {
            text.push_str(&format!(
                "; verwachte uitkomst {mean}, tussen {low} en {high}"
            ));
        }
        text + "."
    }

    fn legend_spent(&self, spent: &str) -> String {
        format!("besteed: {spent}")
    }

    fn legend_planned(&self, planned: &str) -> String {
        format!("plan, tot {planned}")
    }

    fn legend_forecast(&self, expected: &str) -> String {
        format!("prognose: {expected}")
    }

    fn legend_bars(&self, days: u32) -> String {
        match days {
            1 => "elke dag; de lichtere kunnen nog wijzigen".to_owned(),
            days => format!("elke {days} dagen; de lichtere kunnen nog wijzigen"),
        }
    }
}

/// What happened, as a name for it.
fn what(kind: AnomalyKind) -> &'static str {
    match kind {
        AnomalyKind::Spike => "piek in de kosten",
        AnomalyKind::Step => "kosten op een nieuw niveau",
        AnomalyKind::Ramp => "oplopende kosten",
        AnomalyKind::Drop => "gedaalde kosten",
        AnomalyKind::WeekendNotResting => "weekend zo duur als werkdagen",
        AnomalyKind::NewCost => "nieuwe kosten",
        AnomalyKind::StoppedCost => "gestopte kosten",
    }
}

fn more(side: Side) -> &'static str {
    match side {
        Side::Rise => "meer",
        Side::Drop => "minder",
    }
}

/// What happens while nobody acknowledges it, and the beginning of a sentence on when it comes besides.
fn it_comes(follow_up: FollowUp) -> String {
    let every = |hours: u32| match hours {
        1 => "elk uur".to_owned(),
        _ => format!("elke {hours} uur"),
    };
    match (follow_up.remind_every_hours, follow_up.escalate_after_hours) {
        (Some(again), Some(told)) => format!(
            "Totdat iemand het bevestigt, komt het {} opnieuw; na {told} uur krijgen anderen bericht. \
             Afgezien daarvan komt het",
            every(again)
        ),
        (Some(again), None) => format!(
            "Totdat iemand het bevestigt, komt het {} opnieuw. Afgezien daarvan komt het",
            every(again)
        ),
        (None, Some(told)) => {
            format!("Als niemand het bevestigt, krijgen anderen na {told} uur bericht. Het komt")
        }
        (None, None) => "Het komt".to_owned(),
    }
}
