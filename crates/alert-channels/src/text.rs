//! The sentences that all channels share, in the order in which they are read: what happened, the
//! figures, the forecast, what moved, how old the data are, what to do, and why you get this.
//!
//! What is said, and when, is decided here and in `crossing` and `figures`; how it is said, in one
//! module for each [`Language`]. Everything is plain text in which names are already canonical
//! ([`crate::untrusted`]); each channel lays it out where nothing is interpreted.

mod catalog;
mod crossing;
mod digest;
mod dutch;
mod english;
mod figures;
mod french;
mod german;
mod label;
mod language;
mod period;
mod pieces;

use serde::Serialize;

pub use self::language::{Language, UnknownLanguage};

use self::catalog::{Catalog, Told};
use self::label::Label;
use self::pieces::Pieces;
use crate::notice::{Because, Carried, Link, LinkKind, Message, Notice, is_safe_link};
use crate::untrusted::{capped, clean, header};

/// Longest mail subject in characters.
pub const MAX_SUBJECT: usize = 180;
/// What all subjects begin with, in every language: a mail rule and the order of a mailbox go by it.
pub const SUBJECT_PREFIX: &str = "[Cost]";

/// A notice in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wording {
    /// The language of all of it.
    pub language: Language,
    /// For a mail subject: tells by itself, sorts under one prefix, no more than [`MAX_SUBJECT`].
    pub subject: String,
    /// For a mail subject that stays the same within a thread.
    pub thread_subject: String,
    /// What happened, in one sentence.
    pub headline: String,
    /// What a mailbox shows beside the subject: the figures that the headline does not have.
    pub preheader: String,
    /// How urgent.
    pub tone: Tone,
    /// The word for it.
    pub tone_word: &'static str,
    /// What must be known before the figures are believed: a correction, a possible duplicate,
    /// stale data.
    pub remarks: Vec<String>,
    /// The figures.
    pub facts: Vec<Fact>,
    /// Spend as percent of the planned amount, 0 to 100, for a bar.
    pub bar: Option<u8>,
    /// What moved.
    pub drivers: Option<DriverTable>,
    /// What a chart of the period says; `None` when there is nothing to draw.
    pub chart: Option<ChartText>,
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

    /// The English word for it; colors alone tell nothing to those who do not see them.
    /// [`Wording::tone_word`] has the reader's.
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
    /// The largest changes and the rest of them; as they are shown, they add up to the whole.
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

/// What a chart of a period says, for those who see it and those who do not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChartText {
    /// A heading.
    pub title: &'static str,
    /// The same as the chart, in a sentence.
    pub alt: String,
    /// Of the line of spend to date.
    pub spent: String,
    /// Of the line of the plan.
    pub planned: String,
    /// Of the expected range, if there is a forecast.
    pub forecast: Option<String>,
    /// Of the bars.
    pub bars: String,
    /// First day of the period.
    pub first_day: String,
    /// Its last day.
    pub last_day: String,
}

/// The words of a notice, in the language of the notice.
///
/// What the watcher says about itself and about its actions is English in every language: its
/// particulars are, and one message in two languages reads badly.
pub fn wording(notice: &Notice) -> Wording {
    wording_in(notice, notice.language)
}

/// The words of a notice in a language: for programs, whose English does not depend on the recipient.
pub(crate) fn wording_in(notice: &Notice, language: Language) -> Wording {
    let spoken = match notice.message {
        Message::Trouble { .. } | Message::Action { .. } => Language::English,
        _ => language,
    };
    let say = spoken.catalog();
    let mut wording = match &notice.message {
        Message::Crossing(transition) => crossing::crossing(spoken, transition, notice.follow_up),
        Message::Digest(one) => digest::digest(spoken, one),
        Message::Bundle {
            allowance, hours, ..
        } => {
            let count = notice.carried.len();
            Wording {
                headline: say.bundle_headline(count, *allowance, *hours),
                why: say.bundle_again().into(),
                ..blank(spoken, Tone::Warning, &say.bundle_subject(count))
            }
        }
        Message::Probe { at, from } => {
            let from = say.named(from);
            Wording {
                headline: say.probe_headline(&from),
                facts: vec![fact(say, Label::Sent, say.style().moment(*at))],
                why: say.probe_why().into(),
                ..blank(spoken, Tone::Calm, &say.probe_subject(&from))
            }
        }
        Message::Trouble {
            at,
            title,
            lines,
            advice,
        } => Wording {
            headline: clean(title),
            remarks: lines.iter().map(|line| sentence(line)).collect(),
            facts: vec![english_fact("Noticed", say.style().moment(*at))],
            advice: advice.as_deref().map(sentence),
            why: "This is about the cost watcher itself, not about a budget.".into(),
            ..blank(spoken, Tone::Warning, &format!("trouble: {}", clean(title)))
        },
        Message::Action {
            at,
            title,
            lines,
            advice,
        } => Wording {
            headline: clean(title),
            remarks: lines.iter().map(|line| sentence(line)).collect(),
            facts: vec![english_fact("Since", say.style().moment(*at))],
            advice: advice.as_deref().map(sentence),
            why: "The configuration asks for this action when the budget reaches an amount.".into(),
            ..blank(spoken, Tone::Warning, &format!("action: {}", clean(title)))
        },
    };
    if notice.maybe_duplicate {
        wording.remarks.insert(0, say.maybe_duplicate().into());
    }
    if let Some(destination) = &notice.instead_of {
        let destination = match &notice.instead_of_recipient {
            Some(recipient) => format!("{} ({})", say.named(destination), clean(recipient)),
            None => say.named(destination),
        };
        let remark = say.instead_of(&destination);
        wording.remarks.insert(0, remark);
    }
    if notice.because == Some(Because::Sample) {
        wording.remarks.insert(0, say.because(&Because::Sample));
    }
    let carried = notice.carried.iter().map(|one| carried(say, one));
    wording.remarks.extend(carried);
    if let Some(reason) = reason(say, notice) {
        wording.why = format!("{reason} {}", wording.why);
    }
    let links = notice.links.iter().filter_map(|one| link(say, one));
    wording.links = links.collect();
    wording.footer = say.footer(&notice.short_id());
    wording
}

/// Why the recipient gets it, in a sentence.
fn reason(say: &dyn Catalog, notice: &Notice) -> Option<String> {
    if let Some(because) = &notice.because {
        return Some(say.because(&because.cleaned()));
    }
    let reason = clean(&notice.reason_for_recipient);
    let reason = reason.trim_end_matches('.');
    (!reason.is_empty()).then(|| format!("You get this {reason}."))
}

/// A sentence of our own that may have names in it: longer than a name may be.
fn sentence(text: &str) -> String {
    capped(text, 400, 1600)
}

/// A notice that this one tells of, in a line.
fn carried(say: &dyn Catalog, one: &Carried) -> String {
    let name = say.named(&one.budget);
    let conditions = [&one.when].into_iter().chain(&one.also);
    let conditions: Vec<String> = conditions.map(|when| say.condition_of(when)).collect();
    let when = conditions.join(", ");
    let period = say.period_of(&one.period_label);
    let told = Told {
        name: &name,
        period: &period,
        when: &when,
        data_to: "",
    };
    let style = say.style();
    say.carried(
        &told,
        one.change,
        &style.moment(one.at),
        &style.percent(one.percent),
    )
}

fn blank(language: Language, tone: Tone, subject: &str) -> Wording {
    let say = language.catalog();
    let subject = prefixed(subject);
    Wording {
        language,
        thread_subject: subject.clone(),
        subject,
        headline: String::new(),
        preheader: String::new(),
        tone,
        tone_word: say.tone(tone),
        remarks: Vec::new(),
        facts: Vec::new(),
        bar: None,
        drivers: None,
        chart: None,
        advice: None,
        links: Vec::new(),
        why: String::new(),
        footer: String::new(),
    }
}

fn prefixed(subject: &str) -> String {
    header(&format!("{SUBJECT_PREFIX} {subject}"), MAX_SUBJECT)
}

fn fact(say: &dyn Catalog, label: Label, value: String) -> Fact {
    Fact {
        label: say.label(label),
        value,
    }
}

fn english_fact(label: &'static str, value: String) -> Fact {
    Fact { label, value }
}

fn link(say: &dyn Catalog, link: &Link) -> Option<Link> {
    let url = url::Url::parse(&link.url).ok()?;
    let plain = is_safe_link(&url) && url.username().is_empty() && url.password().is_none();
    plain.then(|| Link {
        title: match LinkKind::of(&link.title) {
            Some(kind) => say.link(kind).to_owned(),
            None => say.named(&link.title),
        },
        url: url.into(),
    })
}

/// All of it as plain text, `\n` between lines: the text part of a mail, and the fallback of
/// everything else.
pub fn plain(wording: &Wording) -> String {
    let mut lines = vec![wording.headline.clone()];
    lines.extend(wording.remarks.iter().cloned());
    if !wording.facts.is_empty() {
        lines.push(String::new());
    }
    let widest = |widths: &mut dyn Iterator<Item = usize>| widths.max().unwrap_or(0);
    let labels = widest(&mut wording.facts.iter().map(|fact| fact.label.chars().count()));
    for fact in &wording.facts {
        lines.push(format!("{:<labels$}  {}", fact.label, fact.value));
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
    use budget_engine::{ForecastScore, Percent};
    use rust_decimal::Decimal;

    use super::*;
    use crate::notice::FollowUp;
    use crate::samples;

    #[test]
    fn what_happens_while_nobody_acknowledges_is_said_in_every_language() {
        let said = |language, remind_every_hours, escalate_after_hours| {
            let mut notice = samples::crossing();
            notice.follow_up = FollowUp {
                remind_every_hours,
                escalate_after_hours,
            };
            wording_in(&notice, language).why
        };
        let cases = [
            (
                Language::English,
                "it comes again every 24 hours; after 48 hours others are told",
                "others are told after an hour. It comes once per period",
            ),
            (
                Language::Dutch,
                "komt het elke 24 uur opnieuw; na 48 uur krijgen anderen bericht",
                "krijgen anderen na 1 uur bericht. Het komt één keer per periode",
            ),
            (
                Language::German,
                "kommt die Meldung alle 24 Stunden wieder; nach 48 Stunden werden andere benachrichtigt",
                "werden nach einer Stunde andere benachrichtigt. Die Meldung kommt einmal je Zeitraum",
            ),
            (
                Language::French,
                "cet avis revient toutes les 24 heures ; après 48 heures, d'autres personnes sont prévenues",
                "d'autres personnes sont prévenues après une heure. Cet avis vient une fois par période",
            ),
        ];
        for (language, both, escalation) in cases {
            let text = said(language, Some(24), Some(48));
            assert!(text.contains(both), "{text}");
            let text = said(language, None, Some(1));
            assert!(text.contains(escalation), "{text}");
            let without = said(language, None, None);
            assert!(text.ends_with(&without[without.len() - 20..]), "{text}");
        }
    }

    #[test]
    fn how_earlier_forecasts_turned_out_is_said_in_every_language() {
        let said = |language, periods, held| {
            let mut notice = samples::crossing();
            let Message::Crossing(transition) = &mut notice.message else {
                panic!("the sample is a crossing");
            };
            let forecast = transition.status.forecast.as_mut().unwrap();
            forecast.score = Some(ForecastScore {
                periods,
                covered: 5,
                error: Percent(Decimal::new(42, 1)),
                bias: Percent(Decimal::ZERO),
                held,
            });
            plain(&wording_in(&notice, language))
        };
        let cases = [
            (
                Language::English,
                "; in the last 6 periods such forecasts were off by 4.2 %, and 5 of 6 totals fell in the \
                 range",
                "thresholds of the forecast are held back.",
            ),
            (
                Language::Dutch,
                "; in de laatste 6 perioden zaten zulke prognoses er 4,2% naast, en 5 van de 6 totalen \
                 vielen binnen het bereik",
                "drempels van de prognose worden niet gemeld.",
            ),
            (
                Language::German,
                "; in den letzten 6 Zeiträumen lagen solche Prognosen um 4,2 % daneben, und 5 von 6 Summen \
                 lagen im Bereich",
                "Schwellen der Prognose werden zurückgehalten.",
            ),
            (
                Language::French,
                " ; sur les 6 dernières périodes, ces prévisions s'écartaient de 4,2 %, et 5 totaux sur 6 \
                 étaient dans la fourchette",
                "les seuils de prévision sont retenus.",
            ),
        ];
        for (language, scored, held) in cases {
            // A no-break space stands before the sign, of a width that differs.
            let text =
                |periods, held| said(language, periods, held).replace(['\u{a0}', '\u{202f}'], " ");
            assert!(text(6, true).contains(scored), "{}", text(6, true));
            assert!(text(6, true).contains(held), "{}", text(6, true));
            assert!(text(6, false).contains(scored) && !text(6, false).contains(held));
            // Two periods prove nothing.
            let without = plain(&wording_in(&samples::crossing(), language));
            assert_eq!(said(language, 2, false), without);
        }
    }

    #[test]
    fn only_secure_links_are_shown() {
        let shown = |url: &str| {
            link(
                Language::English.catalog(),
                &Link {
                    title: "x".into(),
                    url: url.into(),
                },
            )
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
