//! What is said about the budgets of a recipient, once a week.

use budget_engine::{Cause, Percent};
use rust_decimal::Decimal;

use super::catalog::{Catalog, DigestLine};
use super::figures::unusual;
use super::label::Label;
use super::language::Language;
use super::pieces::Pieces;
use super::{Tone, Wording, blank, fact};
use crate::notice::{Digest, DigestRow, Standing};

/// Where budgets stand, a line each.
pub(super) fn digest(language: Language, digest: &Digest) -> Wording {
    let say = language.catalog();
    let troubled = digest
        .rows
        .iter()
        .filter(|row| row.standing != Standing::Fine);
    let troubled = troubled.count() + usize::try_from(digest.more).unwrap_or(usize::MAX);
    let troubled = troubled.saturating_add(digest.unevaluated.len());
    let unevaluated = digest.unevaluated.iter().map(|one| {
        let (name, why) = (say.named(&one.budget), say.named(&one.why));
        say.digest_unevaluated(&name, &why)
    });
    let rows = digest.rows.iter().map(|one| row(say, one));
    let mut remarks: Vec<String> = unevaluated.chain(rows).collect();
    if digest.more > 0 {
        remarks.push(say.digest_more(digest.more));
    }
    remarks.extend(digest.moved.iter().map(|one| {
        let (service, name) = (say.named(&one.service_name), say.named(&one.budget));
        let change = say.style().signed_money(one.change);
        say.digest_moved(&service, &name, &change, one.cause == Cause::Stopped)
    }));
    remarks.extend(digest.unusual.iter().map(|one| {
        let name = say.named(&one.budget);
        unusual(say, &one.event, |event| {
            say.digest_unusual(&name, event, one.event.is_open)
        })
    }));
    if digest.more_unusual > 0 {
        remarks.push(say.digest_more_unusual(digest.more_unusual));
    }
    if digest.unusual.is_empty() && digest.days_checked > 0 {
        let days = say.days(digest.days_checked);
        remarks.push(say.digest_nothing_unusual(digest.budgets_checked, &days));
    }
    if digest.fine > 0 {
        remarks.push(say.digest_fine(digest.fine));
    }
    let tone = match digest.rows.first().map(|row| row.standing) {
        Some(Standing::Over) => Tone::Critical,
        Some(Standing::ExpectedOver | Standing::Stale | Standing::Ahead) => Tone::Warning,
        _ if !digest.unevaluated.is_empty() => Tone::Warning,
        Some(Standing::Fine) | None => Tone::Calm,
    };
    let subject = say.digest_subject(&say.style().day_of(digest.at));
    Wording {
        headline: say.digest_headline(troubled),
        preheader: remarks.first().cloned().unwrap_or_default(),
        remarks,
        facts: vec![fact(say, Label::PutTogether, say.style().moment(digest.at))],
        why: say.digest_again().into(),
        ..blank(language, tone, &subject)
    }
}

fn row(say: &dyn Catalog, row: &DigestRow) -> String {
    let style = say.style();
    let filled = row.percent.0.clamp(Decimal::ZERO, Decimal::ONE_HUNDRED) / Decimal::TEN;
    let filled = usize::try_from(filled.trunc().mantissa()).unwrap_or(0);
    let tenths = (0..10).map(|tenth| if tenth < filled { '#' } else { '.' });
    let bar: String = tenths.collect();
    let forecast = row.forecast_percent.map(|percent| {
        let arrow = if percent > row.percent { '↗' } else { '→' };
        format!(" {arrow} {}", style.percent(Percent(percent.0.trunc())))
    });
    let line = say.digest_row(&DigestLine {
        name: &say.named(&row.budget),
        percent: &style.percent(row.percent),
        forecast: &forecast.unwrap_or_default(),
        planned: &style.whole(row.planned),
        period: &say.period_of(&row.period_label),
        standing: row.standing,
    });
    let poor = match row.poor_forecast {
        true => say.digest_poor(),
        false => "",
    };
    format!("[{bar}] {line}{poor}")
}
