//! What Azure refuses of a budget.

use axum::http::StatusCode;
use jiff::ToSpan;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use super::super::answer::Refusal;
use super::super::dataset::FilterNode;
use super::super::documents::Stored;
use super::super::operation::Call;
use super::super::scope::{Kind, Scope};
use super::{Budget, Notification, provider};
use crate::world::Agreement;

/// Notifications of one budget, actual and forecast ones together.
const MOST_NOTIFICATIONS: usize = 5;

/// Mail addresses, and action groups, of one notification.
const MOST_CONTACTS: usize = 50;

const OF_CALENDAR: [&str; 3] = ["Monthly", "Quarterly", "Annually"];
const OF_BILLING: [&str; 3] = ["BillingMonth", "BillingQuarter", "BillingAnnual"];
const OF_UTILIZATION: [&str; 2] = ["Last7Days", "Last30Days"];

const LOCALES: [&str; 21] = [
    "en-us", "ja-jp", "zh-cn", "de-de", "es-es", "fr-fr", "it-it", "ko-kr", "pt-br", "ru-ru",
    "zh-tw", "cs-cz", "pl-pl", "tr-tr", "da-dk", "en-gb", "hu-hu", "nb-no", "nl-nl", "pt-pt",
    "sv-se",
];

fn refused(message: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "400", message)
}

/// Refuses subscriptions whose offer has no budgets, and those that are too new for them.
pub(super) fn check_offer(call: &Call) -> Result<(), Refusal> {
    let scope = call.scope()?;
    let id = match scope.kind {
        Kind::Subscription => Some(&scope.id),
        Kind::ResourceGroup => scope.parent.as_ref(),
        _ => None,
    };
    let Some(subscription) = id.and_then(|id| call.world.subscription(id)) else {
        return Ok(());
    };
    if let Some(offer) = &subscription.unsupported_offer {
        let message = format!(
            "Cost Management does not support the offer {offer} of subscription '{}'.",
            subscription.id
        );
        let status = StatusCode::BAD_REQUEST;
        return Err(Refusal::new(
            status,
            "SubscriptionTypeNotSupported",
            message,
        ));
    }
    let is_young = |created: Date| call.today() < created.saturating_add(2.days());
    if subscription.created.is_some_and(is_young) {
        let message = format!(
            "The subscription '{}' could not be found; a new one can have budgets after 48 hours.",
            subscription.id
        );
        return Err(Refusal::not_found("SubscriptionNotFound", message));
    }
    Ok(())
}

/// Refuses a change of a budget that is out of date or that Azure does not make.
pub(super) fn check_change(
    before: &Stored<Budget>,
    budget: &Budget,
    etag: Option<&str>,
) -> Result<(), Refusal> {
    if etag.is_some_and(|etag| etag != before.etag()) {
        return Err(refused(format!(
            "There are changes made to Budget {}. Please get the latest budget to avoid \
             overwrite.",
            before.name
        )));
    }
    let fixed = if before.body.start()? != budget.start()? {
        "Start date"
    } else if before.body.time_grain != budget.time_grain {
        "Time grain"
    } else if before.body.category != budget.category {
        "Category"
    } else {
        return Ok(());
    };
    Err(refused(format!(
        "{fixed} of budgets cannot be updated. Please delete and create a new budget."
    )))
}

/// Refuses a budget that breaks a rule.
pub(super) fn check(call: &Call, budget: &Budget, is_new: bool) -> Result<(), Refusal> {
    let scope = call.scope()?;
    let checks = [
        check_name(call.name("name")),
        check_kind(call, scope, budget),
        check_notifications(scope, budget),
    ];
    let problem = checks.into_iter().find_map(Result::err);
    let invalid = |problem| refused(format!("Invalid budget configuration: {problem}."));
    if let Some(problem) = problem {
        return Err(invalid(problem));
    }
    let dates = check_dates(call, budget, is_new)?;
    dates.map_err(|problem| invalid(problem.to_owned()))?;
    check_filter(budget).map_err(invalid)
}

fn check_name(name: &str) -> Result<(), String> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=63).contains(&name.len()) && name.chars().all(is_letter) {
        return Ok(());
    }
    Err("the name has 1 to 63 letters, digits, underscores or hyphens".to_owned())
}

/// Category, amount and grain, by provider, scope and agreement.
fn check_kind(call: &Call, scope: &Scope, budget: &Budget) -> Result<(), String> {
    let agreement = call.world.agreement;
    let grains: Vec<&str> = if budget.is_of_cost() {
        if budget.amount.is_none_or(|amount| amount.0 <= Decimal::ZERO) {
            return Err("the amount must be greater than zero".to_owned());
        }
        let of_billing = OF_BILLING.iter();
        let of_billing = of_billing.filter(|_| agreement == Agreement::PayAsYouGo);
        OF_CALENDAR.iter().chain(of_billing).copied().collect()
    } else {
        if budget.category != "ReservationUtilization" || provider(call) == "Microsoft.Consumption"
        {
            return Err("the category must be Cost".to_owned());
        }
        let fits = match scope.kind {
            Kind::BillingAccount => agreement == Agreement::Enterprise,
            Kind::BillingProfile => agreement == Agreement::Customer,
            Kind::Customer => agreement == Agreement::Partner,
            _ => false,
        };
        if !fits {
            return Err(
                "a budget of the category ReservationUtilization is of an Enterprise billing \
                 account, of a billing profile or of a partner's customer"
                    .to_owned(),
            );
        }
        if budget.amount.is_some() {
            return Err("the utilization of reservations has no amount".to_owned());
        }
        OF_UTILIZATION.to_vec()
    };
    if grains.contains(&&*budget.time_grain) {
        return Ok(());
    }
    Err(format!(
        "the time grain must be one of {}",
        grains.join(", ")
    ))
}

/// The outer error is of a date that is none.
fn check_dates(
    call: &Call,
    budget: &Budget,
    is_new: bool,
) -> Result<Result<(), &'static str>, Refusal> {
    let (today, start, end) = (call.today(), budget.start()?, budget.end()?);
    let current = budget.period_at(today)?.0;
    let problem = if end <= start {
        Some("the end date must lie after the start date")
    } else if end < today {
        Some("the end date must not lie in the past")
    } else if !budget.is_of_cost() {
        if is_new && start < today {
            Some("the start date must be today or later")
        } else if budget.time_period.end_date.is_some() && end > start.saturating_add(3.years()) {
            Some("the end date must lie within 3 years of the start date")
        } else {
            None
        }
    } else if OF_CALENDAR.contains(&&*budget.time_grain) && start.day() != 1 {
        Some("the start date must be the first of a month")
    } else if start < date(2017, 6, 1) {
        Some("the start date must be on or after 2017-06-01")
    } else if start > today.saturating_add(12.months()) {
        Some("the start date must lie within the next 12 months")
    } else if is_new && start < today && current != start {
        Some("a start date in the past must lie in the current period")
    } else {
        None
    };
    Ok(problem.map_or(Ok(()), Err))
}

fn check_filter(budget: &Budget) -> Result<(), String> {
    let Some(filter) = &budget.filter else {
        return Ok(());
    };
    if *filter == FilterNode::default() {
        return Ok(());
    }
    if !budget.is_of_cost() {
        let names = ["ReservationId", "ReservedResourceType"];
        let fits = filter.dimensions.as_ref().is_some_and(|each| {
            let is_one = names
                .iter()
                .any(|name| each.name.eq_ignore_ascii_case(name));
            is_one && each.operator == "In" && !each.values.is_empty()
        });
        let is_alone = filter.and.is_none() && filter.or.is_none() && filter.tags.is_none();
        return if fits && is_alone {
            Ok(())
        } else {
            Err(format!(
                "the filter is one dimension In, of {}",
                names.join(", ")
            ))
        };
    }
    filter
        .check()
        .map_err(|refusal| refusal.message.trim_end_matches('.').to_owned())?;
    let mut nested = filter.and.iter().flatten();
    let is_flat = |node: &FilterNode| node.and.is_none() && node.or.is_none();
    if filter.or.is_some() || !nested.all(is_flat) {
        return Err("a filter is one of dimensions, tags, or and of these".to_owned());
    }
    Ok(())
}

fn check_notifications(scope: &Scope, budget: &Budget) -> Result<(), String> {
    let count = budget.notifications.len();
    if budget.is_of_cost() && count > MOST_NOTIFICATIONS {
        return Err(format!(
            "there are at most {MOST_NOTIFICATIONS} notifications, and not {count}"
        ));
    }
    if !budget.is_of_cost() && count != 1 {
        return Err("there must be exactly one notification".to_owned());
    }
    for (key, each) in &budget.notifications {
        check_threshold(each, budget.is_of_cost())
            .map_err(|problem| format!("{key}: {problem}"))?;
        check_contacts(each, scope).map_err(|problem| format!("{key}: {problem}"))?;
    }
    Ok(())
}

fn check_threshold(each: &Notification, of_cost: bool) -> Result<(), String> {
    let one_of = |what: &str, value: &str, known: &[&str]| {
        if known.contains(&value) {
            return Ok(());
        }
        Err(format!(
            "the {what} '{value}' is none of {}",
            known.join(", ")
        ))
    };
    let most = if of_cost { 1000 } else { 100 };
    if of_cost {
        let known = ["GreaterThan", "GreaterThanOrEqualTo", "EqualTo"];
        if each.operator == "LessThan" {
            return Err("the operator LessThan is for utilization only".to_owned());
        }
        one_of("operator", &each.operator, &known)?;
        one_of(
            "threshold type",
            &each.threshold_type,
            &["Actual", "Forecasted"],
        )?;
        if each.frequency.is_some() {
            return Err("the frequency is for utilization only".to_owned());
        }
    } else {
        let known = ["LessThan", "GreaterThan", "GreaterThanOrEqualTo", "EqualTo"];
        one_of("operator", &each.operator, &known)?;
        one_of("threshold type", &each.threshold_type, &["Actual"])?;
        if let Some(frequency) = &each.frequency {
            one_of("frequency", frequency, &["Daily", "Weekly", "Monthly"])?;
        }
    }
    if let Some(locale) = &each.locale {
        one_of("locale", locale, &LOCALES)?;
    }
    let threshold = each.threshold.0.normalize();
    if threshold < Decimal::ZERO || threshold > Decimal::from(most) || threshold.scale() > 2 {
        return Err(format!("the threshold is 0 to {most} with two decimals"));
    }
    Ok(())
}

fn check_contacts(each: &Notification, scope: &Scope) -> Result<(), String> {
    let lists = [
        ("mail addresses", &each.contact_emails),
        ("action groups", &each.contact_groups),
    ];
    for (what, list) in lists {
        if list.len() > MOST_CONTACTS {
            return Err(format!("there are more than {MOST_CONTACTS} {what}"));
        }
    }
    let is_address = |text: &String| {
        let (name, host) = text.split_once('@').unwrap_or_default();
        !name.is_empty() && !host.is_empty() && !text.contains([' ', ',', ';'])
    };
    if let Some(wrong) = each.contact_emails.iter().find(|each| !is_address(each)) {
        return Err(format!("'{wrong}' is no mail address"));
    }
    let is_group = |id: &String| {
        let lower = id.to_lowercase();
        let parts: Vec<&str> = lower.split('/').collect();
        matches!(
            parts[..],
            [
                "",
                "subscriptions",
                _,
                "resourcegroups",
                _,
                "providers",
                "microsoft.insights",
                "actiongroups",
                _
            ]
        )
    };
    if let Some(wrong) = each.contact_groups.iter().find(|id| !is_group(id)) {
        return Err(format!("'{wrong}' is no id of an action group"));
    }
    if each.contact_roles.iter().any(|role| role.trim().is_empty()) {
        return Err("a role has no name".to_owned());
    }
    let takes_groups = matches!(scope.kind, Kind::Subscription | Kind::ResourceGroup);
    let has_groups = !each.contact_groups.is_empty() || !each.contact_roles.is_empty();
    if has_groups && !takes_groups {
        return Err(
            "groups or roles are there, which only subscriptions and resource groups take"
                .to_owned(),
        );
    }
    if each.contact_emails.is_empty() && each.contact_groups.is_empty() {
        return Err("there is nobody to tell: no mail address and no action group".to_owned());
    }
    Ok(())
}
