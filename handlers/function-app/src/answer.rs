//! The pages on which people answer a notice: acknowledge it, silence it, see what it rests on.
//!
//! Opening one changes nothing: mail scanners open links. Its button posts to the same address, and
//! that acts. All of it works without script.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use spendwatch::jobs::alerts::acknowledge::{Acknowledged, LONGEST_NOTE, Refusal};
use spendwatch::jobs::alerts::explain::{Explained, Told};
use spendwatch::jobs::answer::{self, Lasting, NotAnswered, Opened};
use spendwatch::jobs::evaluate::BudgetReport;
use spendwatch::{Check, LONGEST_REASON, Live, NotSilenced, Purpose, Silence, Verdict};

use crate::api::ApiError;
use crate::link::{LinkQuery, incomplete, permission};
use crate::page::{Field, Page};

/// The largest form.
const MAX_FORM: usize = 16 * 1024;

/// Shows what a link is for.
pub(crate) async fn show(
    State(live): State<Arc<Live>>,
    link: LinkQuery,
) -> Result<Response, ApiError> {
    let Some(permission) = permission(link) else {
        return Ok(incomplete());
    };
    let app = live.app().await?;
    let opened = match answer::open(&app, &permission).await {
        Ok(opened) => opened,
        Err(refused) => return refusal(refused),
    };
    Ok(match opened.purpose {
        Purpose::Explain => explained(&answer::explain(&app, &opened).await?),
        Purpose::Status => status(&opened, answer::status(&app, &opened).await?.as_ref()),
        Purpose::Silence => to_silence(&opened, &answer::explain(&app, &opened).await?),
        Purpose::Acknowledge | Purpose::ApproveAction => to_acknowledge(&opened, app.now()),
    })
}

/// Acknowledges or silences.
pub(crate) async fn act(
    State(live): State<Arc<Live>>,
    link: LinkQuery,
    body: Body,
) -> Result<Response, ApiError> {
    let Some(permission) = permission(link) else {
        return Ok(incomplete());
    };
    let Ok(body) = to_bytes(body, MAX_FORM).await else {
        return Ok(Page::new("Too long")
            .paragraph("What you wrote is too long.")
            .answer(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let field = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(&body);
        let value = pairs.find(|(key, _)| key == name);
        value.map(|(_, value)| value.into_owned())
    };
    let app = live.app().await?;
    match permission.purpose {
        Purpose::Acknowledge => {
            let note = field("note");
            let done = answer::acknowledge_by_link(&app, &permission, note.as_deref());
            match done.await {
                Ok(done) => Ok(acknowledged(&done)),
                Err(refused) => refusal(refused),
            }
        }
        Purpose::Silence => {
            let lasting = field("lasting").as_deref().and_then(Lasting::parse);
            let Some(lasting) = lasting else {
                return Ok(Page::new("Not silenced")
                    .paragraph("Choose for how long. Go back and try again.")
                    .answer(StatusCode::BAD_REQUEST));
            };
            let reason = field("reason").unwrap_or_default();
            let done = answer::silence_by_link(&app, &permission, lasting, &reason);
            match done.await {
                Ok(silence) => Ok(silenced(&silence)),
                Err(refused) => refusal(refused),
            }
        }
        // A link to look is no link to act, whether it is good or not.
        Purpose::Explain | Purpose::Status | Purpose::ApproveAction => Ok(Page::new("Not valid")
            .paragraph("this link is not valid")
            .answer(StatusCode::FORBIDDEN)),
    }
}

fn refusal(refused: NotAnswered) -> Result<Response, ApiError> {
    let (status, title) = match &refused {
        NotAnswered::Store(_) => return Err(anyhow::Error::new(refused).into()),
        // What a link is about is told only to whoever has it.
        NotAnswered::BadLink(_) | NotAnswered::NoLinks | NotAnswered::Gone => {
            (StatusCode::FORBIDDEN, "Not valid")
        }
        NotAnswered::Refused(Refusal::Text(..)) => (StatusCode::BAD_REQUEST, "Not acknowledged"),
        NotAnswered::Refused(_) => (StatusCode::CONFLICT, "Not acknowledged"),
        NotAnswered::NotSilenced(NotSilenced::TooMany | NotSilenced::LinkUsed { .. }) => {
            (StatusCode::CONFLICT, "Not silenced")
        }
        NotAnswered::NotSilenced(_) => (StatusCode::BAD_REQUEST, "Not silenced"),
    };
    let text = match &refused {
        NotAnswered::NoLinks => "this link is not valid".to_owned(),
        _ => refused.to_string(),
    };
    tracing::warn!(why = refused.to_string(), "a link did nothing");
    Ok(Page::new(title).paragraph(&sentence(&text)).answer(status))
}

/// A message as a sentence.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), chars.as_str()),
        None => String::new(),
    }
}

/// A page that begins with what the notice said.
fn about(title: &'static str, opened: &Opened) -> Page {
    let words = opened.words();
    let facts: Vec<(&str, String)> = words
        .facts
        .iter()
        .map(|(label, value)| (label.as_str(), value.clone()))
        .collect();
    Page::new(title)
        .paragraph(&format!("{}.", words.headline))
        .list(&words.remarks)
        .facts(&facts)
}

fn to_acknowledge(opened: &Opened, now: jiff::Timestamp) -> Response {
    match opened.may_acknowledge(now) {
        Ok(()) => about("Do you know of it?", opened)
            .paragraph(
                "Say so, and nobody is reminded of this alert any more until it fires again. It is \
                 recorded that whoever holds this link did it.",
            )
            .form(
                &[Field::Text {
                    name: "note",
                    label: "A note, if you like",
                    most: LONGEST_NOTE,
                    required: false,
                }],
                "I know of it",
            )
            .answer(StatusCode::OK),
        Err(why) => about("Nothing to acknowledge", opened)
            .paragraph(&sentence(&why.to_string()))
            .answer(StatusCode::OK),
    }
}

fn acknowledged(done: &Acknowledged) -> Response {
    let mut page = Page::new("Acknowledged").paragraph(&format!(
        "{} {} is acknowledged: {}. Nobody is reminded of it any more until it fires again.",
        done.budget, done.when, done.acknowledged.by
    ));
    if let Some(note) = &done.acknowledged.note {
        page = page.paragraph(&format!("Your note: {note}"));
    }
    if !done.dismissed.is_empty() {
        page = page.paragraph(&format!(
            "{} of Azure's own alerts about the same were dismissed.",
            done.dismissed.len()
        ));
    }
    page.list(&done.warnings).answer(StatusCode::OK)
}

fn to_silence(opened: &Opened, explained: &Explained) -> Response {
    let choices = Lasting::ALL.iter();
    let choices = choices.map(|one| (one.as_str(), one.to_string()));
    let mut page = about("Silence this alert?", opened);
    let running: Vec<String> = explained.silences.iter().map(silence_line).collect();
    if !running.is_empty() {
        page = page.paragraph("It is silenced already:").list(&running);
    }
    page.paragraph(&format!(
        "Notices about {} of {} wait until the silence ends; nothing is lost, and what is no longer \
         true by then is told in one line.",
        opened.known.alert.threshold, opened.known.ledger.budget
    ))
    .form(
        &[
            Field::Choice {
                name: "lasting",
                label: "For how long",
                values: choices.collect(),
            },
            Field::Text {
                name: "reason",
                label: "Why",
                most: LONGEST_REASON,
                required: true,
            },
        ],
        "Silence",
    )
    .answer(StatusCode::OK)
}

fn silence_line(silence: &Silence) -> String {
    format!(
        "{} until {:.0}, by {}: {}",
        silence.matcher, silence.until, silence.by, silence.reason
    )
}

fn silenced(silence: &Silence) -> Response {
    Page::new("Silenced")
        .paragraph(&format!("Held back: {}.", silence_line(silence)))
        .paragraph(&format!(
            "It ends by itself, or earlier with `spendwatch silence end {}`.",
            silence.id
        ))
        .answer(StatusCode::OK)
}

fn explained(explained: &Explained) -> Response {
    let alert = &explained.alert;
    let verdict = match explained.verdict {
        Some(Verdict::Same) => {
            "Worked out again from the stored figures, everything comes out the same."
        }
        Some(Verdict::Different) => {
            "Worked out again from the stored figures, something comes out different. Look below."
        }
        None => "Nothing is stored to work it out from: it was told with another alert.",
    };
    let mut facts = vec![
        ("Budget", format!("{} ({})", explained.name, alert.budget)),
        ("Period", alert.period.clone()),
        ("Condition", alert.when.clone()),
        ("Since", format!("{:.0}", alert.since)),
    ];
    if let Some(known) = &alert.acknowledged {
        let note = known.note.as_deref().map(|note| format!(": {note}"));
        let note = note.unwrap_or_default();
        facts.push((
            "Acknowledged",
            format!("{} at {:.0}{note}", known.by, known.at),
        ));
    }
    if let Some(until) = alert.silenced_until {
        facts.push(("Silenced until", format!("{until:.0}")));
    }
    let mut page = Page::new("Why this alert").paragraph(verdict).facts(&facts);
    for told in &explained.history {
        page = step(page, told, &told.recheck.checks);
    }
    if let Some(with) = &explained.told_with {
        page = page.paragraph(&format!(
            "The notice of {} told of it, too, and these are its figures.",
            with.when
        ));
        let checks = with.recheck.checks.iter().chain(&with.told.recheck.checks);
        page = step(page, &with.told, checks);
    }
    page.answer(StatusCode::OK)
}

fn step<'a>(page: Page, told: &Told, checks: impl IntoIterator<Item = &'a Check>) -> Page {
    let rows: Vec<Vec<String>> = checks
        .into_iter()
        .map(|check| {
            let verdict = check.verdict.to_string();
            vec![
                check.what.clone(),
                check.told.clone(),
                check.again.clone(),
                verdict,
            ]
        })
        .collect();
    let mut page = page
        .heading(&format!("{} at {:.0}", told.change.as_str(), told.at))
        .table(
            "The figures, as they were told and worked out again",
            &["Figure", "Told", "Again", "Verdict"],
            &rows,
        );
    if let Some(snapshot) = &told.snapshot {
        let spent = snapshot.spent.map(|spent| spent.to_string());
        let verdict = snapshot.verdict.map(|verdict| format!(" ({verdict})"));
        page = page.paragraph(&format!(
            "Spend to date by the costs that were kept of that day: {}, told was {}{}.",
            spent.as_deref().unwrap_or("cannot be counted"),
            snapshot.told,
            verdict.unwrap_or_default()
        ));
        if let Some(note) = &snapshot.note {
            page = page.paragraph(&sentence(note));
        }
    }
    // Addresses of people are nobody else's business.
    let own = told.deliveries.iter();
    let own = own.map(|fate| format!("{}: {}", fate.destination, fate.state));
    let others = told.told_instead.iter();
    let others = others.map(|fate| format!("in its place {}: {}", fate.destination, fate.state));
    page.list(&own.chain(others).collect::<Vec<_>>())
}

fn status(opened: &Opened, report: Option<&BudgetReport>) -> Response {
    let page = Page::new("Where the budget stands");
    let Some(report) = report else {
        return page
            .paragraph("It has not been evaluated yet.")
            .answer(StatusCode::OK);
    };
    let page = page.paragraph(&format!(
        "{} as of {:.0}, the last evaluation.",
        report.name, report.at
    ));
    let Some(status) = &report.status else {
        let why = report.problem.as_deref().unwrap_or("there are no figures");
        return page.paragraph(&sentence(why)).answer(StatusCode::OK);
    };
    let mut facts = vec![
        (
            "Period",
            format!(
                "{}, day {} of {}",
                status.period,
                status.day,
                status.period.days()
            ),
        ),
        (
            "Spent",
            format!(
                "{} of {} ({})",
                status.spent, status.planned, status.percent
            ),
        ),
        ("Remaining", status.remaining.to_string()),
        ("Data", format!("up to {}", status.data.last_day)),
    ];
    match (&status.forecast, &status.no_forecast) {
        (Some(forecast), _) => facts.push(("Forecast", forecast.mean.to_string())),
        (None, Some(why)) => facts.push(("Forecast", format!("none: {why}"))),
        (None, None) => {}
    }
    let notice = format!(
        "{} {}",
        opened.known.alert.when,
        opened.notice.change.as_str()
    );
    facts.push(("This notice", notice));
    page.facts(&facts).answer(StatusCode::OK)
}
