//! What is said about a crossing, in which order.

use budget_engine::{
    Cause, Change, Money, Part, Reason, Severity, Status, ThresholdKind, Transition, When,
};
use rust_decimal::Decimal;

use super::catalog::{About, Again, Ask, Catalog, Likely, Paced, Told};
use super::figures::{
    bar, chart, driver_table, facts, made_up, made_up_besides, preheader, unusual,
};
use super::language::Language;
use super::pieces::{Pieces, is_repeating, list};
use super::{MAX_SUBJECT, SUBJECT_PREFIX, Tone, Wording, blank};
use crate::notice::FollowUp;
use crate::untrusted::{capped, clean, header};

pub(super) fn crossing(
    language: Language,
    transition: &Transition,
    follow_up: FollowUp,
) -> Wording {
    let say = language.catalog();
    let status = &*transition.status;
    let name = budget_name(say, status);
    let about_data = transition.kind == ThresholdKind::Stale;
    // What follows the name in a subject matters more than the end of a long name.
    let short = capped(&name, 60, 240);
    let (subject, headline) = told(say, transition, &name, &short);
    let subject = say.subject_of(transition.change, &subject);
    let label = say.period_of(&status.period_label);
    let thread = format!("{SUBJECT_PREFIX} {short}, {label}");
    let about_costs = transition.change.leaves_standing() && !about_data;
    Wording {
        thread_subject: header(&thread, MAX_SUBJECT),
        headline,
        remarks: remarks(say, transition),
        facts: facts(say, transition),
        bar: bar(status),
        drivers: match &transition.anomaly {
            Some(event) if transition.change != Change::Withdrawn => made_up(say, event),
            Some(_) => None,
            None => status
                .drivers
                .as_ref()
                .filter(|_| about_costs)
                .and_then(|drivers| driver_table(say, drivers)),
        },
        chart: status
            .course
            .as_ref()
            .filter(|_| about_costs)
            .map(|course| chart(say, status, &name, course)),
        preheader: preheader(say, status),
        advice: advice(say, transition),
        why: say.again(&again(
            transition,
            follow_up,
            &say.style().date(status.period.end()),
        )),
        ..blank(language, tone(transition), &subject)
    }
}

/// The name of the budget; its id if it has none.
pub(super) fn budget_name(say: &dyn Catalog, status: &Status) -> String {
    let name = clean(&status.name);
    if name.is_empty() {
        say.named(&status.budget)
    } else {
        name
    }
}

fn tone(transition: &Transition) -> Tone {
    match (transition.change, transition.severity) {
        (Change::Withdrawn | Change::Resolved | Change::Closed, _) => Tone::Calm,
        (Change::Acknowledged, _) => Tone::Info,
        (Change::Fired | Change::Reminded | Change::Escalated, severity) => match severity {
            Severity::Info => Tone::Info,
            Severity::Warning => Tone::Warning,
            Severity::Critical => Tone::Critical,
        },
    }
}

/// What must be known before the figures are believed.
fn remarks(say: &dyn Catalog, transition: &Transition) -> Vec<String> {
    let status = &*transition.status;
    let mut remarks: Vec<String> = life(say, transition).into_iter().collect();
    if status.data.stale && transition.kind != ThresholdKind::Stale {
        remarks.push(say.stale_figures(&say.days(status.data.age_days)));
    }
    let score = status.forecast.as_ref().and_then(|forecast| forecast.score);
    if score.is_some_and(|score| score.held) {
        remarks.push(say.forecast_held().into());
    }
    if !transition.also.is_empty() {
        let also = transition.also.iter().map(|when| say.condition_of(when));
        let also = list(say, &also.collect::<Vec<_>>());
        remarks.push(match transition.change.leaves_standing() {
            true => say.also_crossed(&also),
            false => say.same_for(&also),
        });
    }
    if !transition.parts.is_empty() {
        let parts = transition.parts.iter().map(|one| part(say, one));
        remarks.push(say.parts(&list(say, &parts.collect::<Vec<_>>())));
    }
    if let Some(event) = &transition.anomaly {
        if transition.change != Change::Withdrawn {
            remarks.extend(made_up_besides(say, event));
        }
        let data = &status.data;
        if transition.change.leaves_standing() && data.settled_to < data.last_day {
            remarks.push(say.not_judged_after(&say.style().date(data.settled_to)));
        }
    }
    if !transition.events.is_empty() {
        remarks.push(say.events(&list(say, &transition.events)));
    }
    remarks
}

/// Where an event stands in the life of its alert, in a sentence; nothing for the first notice.
fn life(say: &dyn Catalog, transition: &Transition) -> Option<String> {
    let when = say.condition_of(&transition.when);
    let moment = |at| say.style().moment(at);
    match (&transition.change, &transition.reason) {
        (Change::Withdrawn, _) => Some(say.corrects(&when)),
        // What stays of it may well be something to do about.
        (Change::Resolved, Reason::AnomalyOver { kind, .. }) if !kind.passes() => None,
        (Change::Resolved, _) => Some(say.ends(&when)),
        (Change::Reminded, Reason::Unanswered { since, hours }) => {
            Some(say.reminder(&moment(*since), *hours))
        }
        (Change::Escalated, Reason::Unanswered { since, hours }) => {
            Some(say.escalation(&moment(*since), *hours))
        }
        (Change::Acknowledged, Reason::Acknowledged { by, note }) => {
            let note = note.as_deref().map(clean).unwrap_or_default();
            Some(say.known_by(&say.named(by), &note))
        }
        (Change::Closed, Reason::AnomalyOver { .. }) => None,
        (Change::Closed, Reason::PeriodEnded { end }) => {
            Some(say.period_over(&say.style().date(*end)))
        }
        (Change::Closed, _) => Some(say.configured_anew().to_owned()),
        _ => None,
    }
}

fn part(say: &dyn Catalog, part: &Part) -> String {
    format!(
        "{} {} ({})",
        say.named(&part.name),
        say.style().percent(part.percent),
        say.condition_of(&part.when)
    )
}

/// Subject, without its prefix, and headline.
fn told(say: &dyn Catalog, transition: &Transition, name: &str, short: &str) -> (String, String) {
    let status = &*transition.status;
    let style = say.style();
    let (period, when) = (
        say.period_of(&status.period_label),
        say.condition_of(&transition.when),
    );
    // A reason may rest on other data than the status that is shown with it.
    let last_day = match &transition.reason {
        Reason::DataStale { last_day, .. } | Reason::DataArrived { last_day, .. } => *last_day,
        _ => status.data.last_day,
    };
    let data_to = style.date(last_day);
    let told = |name| Told {
        name,
        period: &period,
        when: &when,
        data_to: &data_to,
    };
    let (brief, full) = (told(short), told(name));
    let level_of = |level| (style.whole(level), style.money(level));
    match &transition.reason {
        Reason::ExpectedToReach {
            level,
            probability,
            required,
        }
        | Reason::NoLongerExpected {
            level,
            probability,
            required,
        } => {
            let likely = Likely {
                level: &style.whole(*level),
                chance: &say.likelihood(*probability),
                required: &style.percent(*required),
            };
            if matches!(transition.reason, Reason::ExpectedToReach { .. }) {
                let subject = say.heading_subject(&brief, &likely);
                (subject, say.heading(&full, &likely))
            } else {
                let subject = say.no_longer_heading_subject(&brief, &likely);
                (subject, say.no_longer_heading(&full, &likely))
            }
        }
        Reason::AheadOfPlan {
            spent,
            expected,
            percent,
            ..
        }
        | Reason::BackOnPlan {
            spent,
            expected,
            percent,
            ..
        } => {
            let paced = Paced {
                spent: &style.money(*spent),
                expected: &style.money(*expected),
                percent: &style.percent(*percent),
            };
            if matches!(transition.reason, Reason::AheadOfPlan { .. }) {
                let subject = say.ahead_subject(&brief, paced.percent);
                (subject, say.ahead(&full, &paced))
            } else {
                (say.on_plan_subject(&brief), say.on_plan(&full, &paced))
            }
        }
        Reason::AnomalyOver { .. } => match &transition.anomaly {
            Some(event) => unusual(say, event, |one| {
                let subject = say.unusual_over_subject(&brief, one);
                (subject, say.unusual_over(&full, one))
            }),
            None => standing(say, transition, &brief, &full),
        },
        Reason::NoLongerUnusual {
            first,
            impact,
            level,
        } => {
            let first = style.date(*first);
            let left = impact.map(|impact| Money::new(impact.amount.abs(), impact.currency));
            let left = left.map(|left| style.money(left));
            let headline = say.not_unusual(&full, &first, &style.money(*level), left.as_deref());
            (say.not_unusual_subject(&brief, &first), headline)
        }
        Reason::DataStale {
            age_days,
            allowed_days,
            ..
        } => {
            let (age, allowed) = (say.days(*age_days), say.days(*allowed_days));
            let headline = say.no_data(&full, &age, &allowed);
            (say.no_data_subject(&brief), headline)
        }
        Reason::DataArrived { .. } => (say.data_again_subject(&brief), say.data_again(&full)),
        Reason::Restated { spent, level } => {
            let (whole, level) = level_of(*level);
            let headline = say.restated(&full, &level, &style.money(*spent));
            (say.correction_subject(&brief, &whole), headline)
        }
        Reason::PlanChanged { before, now, level } => {
            let (whole, level) = level_of(*level);
            let (before, now) = (style.money(*before), style.money(*now));
            let headline = say.plan_changed(&full, &level, &before, &now);
            (say.correction_subject(&brief, &whole), headline)
        }
        // `Reached`, what follows a notice, and whatever a later engine fires for.
        _ => standing(say, transition, &brief, &full),
    }
}

/// Subject and headline by the figures alone, for what follows a notice.
fn standing(
    say: &dyn Catalog,
    transition: &Transition,
    brief: &Told<'_>,
    full: &Told<'_>,
) -> (String, String) {
    let status = &*transition.status;
    let style = say.style();
    let stands = transition.change.leaves_standing();
    if let Some(event) = &transition.anomaly {
        return unusual(say, event, |one| {
            (say.unusual_subject(brief, one), say.unusual(full, one))
        });
    }
    match (transition.kind, &status.forecast, &status.pace) {
        (ThresholdKind::Forecast, Some(forecast), _) if stands => {
            let (mean, planned) = (style.whole(forecast.mean), style.whole(status.planned));
            let subject = say.still_heading_subject(brief, &mean, &planned);
            (subject, say.still_heading(full, &mean, &planned))
        }
        (ThresholdKind::Pace, _, Some(pace)) if stands => {
            let paced = Paced {
                spent: &style.money(pace.spent_of(status)),
                expected: &style.money(pace.expected),
                percent: &style.percent(pace.percent),
            };
            let subject = say.ahead_subject(brief, paced.percent);
            (subject, say.ahead(full, &paced))
        }
        (ThresholdKind::Stale, ..) if stands => {
            let allowed = match transition.when.parse() {
                Ok(When::Stale(days)) => days,
                _ => 0,
            };
            let age = say.days(status.data.age_days);
            let headline = say.no_data(full, &age, &say.days(allowed));
            (say.no_data_subject(brief), headline)
        }
        _ => {
            let percent = style.percent(status.percent);
            let (spent, planned) = (style.money(status.spent), style.money(status.planned));
            let subject = say.used_subject(brief, &percent, &style.whole(status.planned));
            (subject, say.used(full, &spent, &planned, &percent))
        }
    }
}

/// One thing to do.
fn advice(say: &dyn Catalog, transition: &Transition) -> Option<String> {
    if !transition.change.leaves_standing() || transition.change == Change::Acknowledged {
        return None;
    }
    let status = &*transition.status;
    if transition.kind == ThresholdKind::Stale {
        return Some(say.check_source().into());
    }
    let owner = status.owners.first().map(|owner| clean(owner));
    let owner = owner.filter(|owner| !owner.is_empty());
    if let Some(event) = &transition.anomaly {
        let first = event
            .drivers
            .first()
            .and_then(|drivers| drivers.items.first());
        let service = first.map(|driver| say.named(&driver.name));
        let command = format!("spendwatch anomalies --budget {}", clean(&status.budget));
        return Some(say.ask_unusual(owner.as_deref(), service.as_deref(), &command));
    }
    let drivers = status.drivers.as_ref();
    let drivers = drivers.filter(|drivers| drivers.compared_with.is_some());
    let first = drivers.and_then(|drivers| drivers.items.first());
    let first = first.filter(|driver| driver.change.amount > Decimal::ZERO);
    let rise = first.map(|driver| {
        let by = say.style().whole(driver.change);
        (say.named(&driver.service_name), by, driver.cause)
    });
    let about = rise.as_ref().map(|(service, by, cause)| About {
        service,
        by,
        is_new: *cause == Cause::New,
    });
    Some(say.ask(&Ask {
        owner: owner.as_deref(),
        about,
    }))
}

/// When it would come again.
fn again<'a>(transition: &Transition, follow_up: FollowUp, next: &'a str) -> Again<'a> {
    match (transition.change, transition.kind) {
        (Change::Withdrawn | Change::Resolved, ThresholdKind::Anomaly) => {
            Again::OncePerEvent(FollowUp::default())
        }
        (Change::Withdrawn | Change::Resolved, _) => Again::OnCrossing,
        (Change::Acknowledged | Change::Closed, _) => Again::OnEveryChange,
        (Change::Reminded, _) => Again::UntilAcknowledged,
        (Change::Escalated, _) => Again::Once,
        (Change::Fired, ThresholdKind::Stale) => Again::OnStop(follow_up),
        (Change::Fired, ThresholdKind::Anomaly) => Again::OncePerEvent(follow_up),
        (Change::Fired, _) if is_repeating(&transition.when) => Again::AtNextStep(follow_up, next),
        (Change::Fired, _) => Again::AtHigherThreshold(follow_up, next),
    }
}
