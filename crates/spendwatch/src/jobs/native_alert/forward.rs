//! Alerts of Azure's budgets that none of ours covers, passed on to our channels: told once for each
//! alert, by its id.

use alert_channels::{Message, Notice};
use budget_engine::{Budget, Scope, Selector, Status};
use jiff::{SignedDuration, Timestamp};
use native_budgets::NativeAlert;

use super::StoredAlert;
use crate::app::{App, Hint};
use crate::config::Config;
use crate::outbox::{self, Delivery, delivery_id};
use crate::reads::counted;
use crate::routing;

/// How long such a notice is worth sending.
const WORTH_TELLING: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Puts one notice for each recipient into the outbox, unless it was there before. Its id follows
/// from the stored alert alone, so that a repeated run meets its own.
pub(super) async fn tell(app: &App, id: &str, stored: &StoredAlert) -> anyhow::Result<()> {
    let (channels, reason) = channels(app.config(), &stored.alert);
    if channels.is_empty() {
        tracing::warn!(
            alert = id,
            budget = stored.alert.budget,
            "Azure's budget has told, and there is neither `notify` nor a fallback to tell of it"
        );
    }
    let at = stored.received_at;
    let ours = beside(app, stored.alert.scope.as_ref()).await?;
    for channel in channels {
        for (destination, recipient) in routing::of_channel(app.config(), channel) {
            let to = recipient.as_deref().unwrap_or(&destination);
            let key = delivery_id(id, &destination, recipient.as_deref(), "native-alert");
            let thread = format!("native-alert/{id}/{to}");
            let mut notice = Notice::new(&key, thread, message(&stored.alert, &ours, at));
            notice.recipient.clone_from(&recipient);
            notice.reason_for_recipient = format!("because {destination} {reason}");
            let expires_at = at.saturating_add(WORTH_TELLING).unwrap_or(Timestamp::MAX);
            let delivery = Delivery::new(&destination, notice, at, expires_at);
            if outbox::put(app.documents(), &delivery).await? {
                app.hint(&Hint::Deliver { destination }, SignedDuration::ZERO)
                    .await?;
            }
        }
    }
    Ok(())
}

/// Who hears of it, and why: the channels of the `[[native_budget]]`, or the fallback.
fn channels<'a>(config: &'a Config, alert: &NativeAlert) -> (Vec<&'a String>, &'static str) {
    let name = alert.budget.to_lowercase();
    let mut notify = config.native.notify.iter().filter(|((at, known), _)| {
        *known == name && alert.scope.as_ref().is_none_or(|scope| scope == at)
    });
    if let Some((_, channels)) = notify.next() {
        return (
            channels.iter().collect(),
            "is in `notify` of this budget of Azure",
        );
    }
    (
        config.fallback.iter().collect(),
        "is the fallback destination",
    )
}

/// Our budgets that count all costs of just this scope, each in one sentence with its figures.
async fn beside(app: &App, scope: Option<&Scope>) -> anyhow::Result<Vec<String>> {
    let Some(scope) = scope else {
        return Ok(Vec::new());
    };
    let reports = app.last_reports().await?;
    let budgets = app.config().budgets.iter();
    let alike = budgets.filter(|budget| counts_all_of(app.config(), budget, scope));
    let told = alike.map(|budget| {
        let report = reports.iter().find(|report| report.budget == budget.id);
        in_words(budget, report.and_then(|report| report.status.as_ref()))
    });
    Ok(told.collect())
}

fn counts_all_of(config: &Config, budget: &Budget, scope: &Scope) -> bool {
    let selectors = config.budgets.selectors(budget);
    let is_plain = |one: &Selector<'_>| one.filter.is_none() && one.exclude.is_empty();
    selectors.iter().all(is_plain) && counted(config, budget) == [scope.clone()]
}

fn in_words(budget: &Budget, status: Option<&Status>) -> String {
    let id = &budget.id;
    match status.filter(|status| status.elapsed_days > 0) {
        Some(status) => format!(
            "our budget {id} counts the same scope: {} of {} are spent in {}, up to {}",
            status.spent, status.planned, status.period_label, status.data.last_day
        ),
        None => format!("our budget {id} counts the same scope, and has no figures yet"),
    }
}

fn message(alert: &NativeAlert, ours: &[String], at: Timestamp) -> Message {
    let name = match alert.budget.is_empty() {
        true => "without a name",
        false => &alert.budget,
    };
    let scope = alert.scope.as_ref().map(Scope::path);
    let kind = match &*alert.threshold_type.to_ascii_lowercase() {
        "forecasted" => "expected cost",
        _ => "cost",
    };
    let with_unit = |amount: &str| match alert.unit.is_empty() || amount.contains(&*alert.unit) {
        true => amount.to_owned(),
        false => format!("{amount} {}", alert.unit),
    };
    let figures = [
        ("spent", &alert.spent),
        ("expected", &alert.forecast),
        ("told at", &alert.threshold),
        ("amount of the budget", &alert.amount),
    ];
    let figures = figures.into_iter().filter(|(_, text)| !text.is_empty());
    let mut lines: Vec<String> = scope
        .map(|scope| format!("scope: {scope}"))
        .into_iter()
        .collect();
    lines.extend(figures.map(|(what, amount)| format!("{what}: {}", with_unit(amount))));
    if !alert.start.is_empty() {
        lines.push(format!("since: {}", alert.start));
    }
    lines.push(
        "These are Azure's own figures; it does not say here whether its budget has a filter."
            .to_owned(),
    );
    lines.extend_from_slice(ours);
    Message::Trouble {
        at,
        title: format!("Azure's budget {name} tells of its {kind}"),
        lines,
        advice: Some(advice(scope, !ours.is_empty())),
    }
}

fn advice(scope: Option<&str>, is_counted: bool) -> String {
    let place = match scope {
        Some(scope) => format!("look at the cost analysis of {scope}"),
        None => "look at the cost analysis in the portal".to_owned(),
    };
    match is_counted {
        true => format!("{place}, and at what `spendwatch status` says of ours"),
        false => format!("{place}; a [[budget]] over it would tell who and what caused it"),
    }
}
