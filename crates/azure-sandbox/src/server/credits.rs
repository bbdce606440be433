//! Lots, events and the balance of credits.

use super::answer::{Answer, Handled, Object, Refusal, midnight};
use super::operation::{CONSUMPTION, Call, Operation, get};
use super::rows;
use super::scope::Kind;
use super::shapes::{Days, exact, money, only, resource};
use crate::books::{Credits, Event, EventKind, LotState};
use crate::world::{Agreement, LotSource, World};

pub(super) const OPERATIONS: &[Operation] = &[
    get(
        "Lots_List",
        "{scope}/providers/Microsoft.Consumption/lots",
        CONSUMPTION,
        lots,
    )
    .at(&[Kind::BillingAccount, Kind::BillingProfile, Kind::Customer]),
    get(
        "Events_List",
        "{scope}/providers/Microsoft.Consumption/events",
        CONSUMPTION,
        events,
    )
    .at(&[Kind::BillingAccount, Kind::BillingProfile]),
    get(
        "Credits_Get",
        "{scope}/providers/Microsoft.Consumption/credits/balanceSummary",
        CONSUMPTION,
        balance,
    )
    .at(&[Kind::BillingProfile]),
];

/// Credits of a profile or of a customer's profile; commitments of an account.
fn credits(call: &Call) -> Result<Credits, Refusal> {
    let (scope, world) = (call.scope()?, &*call.world);
    rows::check_scope(world, scope)?;
    let books = call.sandbox.books();
    match scope.kind {
        Kind::BillingAccount => {
            only(world, &[Agreement::Customer, Agreement::Enterprise])?;
            Ok(books.commitments())
        }
        Kind::BillingProfile => Ok(books.credits(&scope.id)),
        _ => {
            only(world, &[Agreement::Partner])?;
            let own = rows::subscriptions(world, scope);
            let profile = own.first().map(|each| &*each.section.parent.id);
            Ok(books.credits(profile.unwrap_or_default()))
        }
    }
}

fn status(state: &LotState, world: &World) -> &'static str {
    if state.lot.expiration < world.today {
        "Expired"
    } else if state.balance.is_zero() {
        "Complete"
    } else {
        "Active"
    }
}

fn source(source: LotSource) -> &'static str {
    match source {
        LotSource::Purchased => "PurchasedCredit",
        LotSource::Promotional => "PromotionalCredit",
        LotSource::Commitment => "ConsumptionCommitment",
    }
}

fn lots(call: &Call) -> Handled {
    let world = &*call.world;
    let credits = credits(call)?;
    let terms = call.filter_terms()?;
    let passes = |state: &&LotState| {
        terms.iter().all(|term| {
            let found = if term.is("status") {
                status(state, world)
            } else {
                source(state.lot.source)
            };
            term.value.eq_ignore_ascii_case(found)
        })
    };
    for term in &terms {
        if !term.is("status") && !term.is("source") {
            let message = format!(
                "The $filter on '{}' is invalid; it may be on status and source.",
                term.name
            );
            return Err(Refusal::bad_request(message));
        }
    }
    let scope = &call.scope()?.path;
    let items = credits.lots.iter().filter(passes);
    let items = items.map(|state| lot(scope, state, world));
    Ok(call.page(items, call.page_size(1000)?)?.answer())
}

fn lot(scope: &str, state: &LotState, world: &World) -> Object {
    let (lot, currency) = (&state.lot, &*world.currency);
    let used = lot.amount - state.balance - state.expired;
    let properties = Object::new()
        .with("originalAmount", money(lot.amount, currency))
        .with("closedBalance", money(state.balance, currency))
        .with("usedAmount", money(used, currency))
        .with("source", source(lot.source))
        .with("status", status(state, world))
        .with("startDate", midnight(lot.start))
        .with("expirationDate", midnight(lot.expiration))
        .with("purchasedDate", midnight(lot.start))
        .with("poNumber", "")
        .with("creditCurrency", currency)
        .with("billingCurrency", currency)
        .with(
            "originalAmountInBillingCurrency",
            in_billing(lot.amount, world),
        )
        .with(
            "closedBalanceInBillingCurrency",
            in_billing(state.balance, world),
        )
        .with("isEstimatedBalance", false)
        .with("OrganizationType", "Primary");
    resource(scope, "Microsoft.Consumption/lots", &lot.id, properties)
}

/// An amount that did not have to be exchanged.
fn in_billing(amount: rust_decimal::Decimal, world: &World) -> Object {
    money(amount, &world.currency)
        .with("exchangeRate", exact(rust_decimal::Decimal::ONE))
        .with("exchangeRateMonth", world.today.month())
}

fn events(call: &Call) -> Handled {
    let (scope, world) = (call.scope()?, &*call.world);
    let credits = credits(call)?;
    let mut days = Days {
        first: jiff::civil::Date::MIN,
        last: jiff::civil::Date::MAX,
    };
    let mut lot = None;
    if scope.kind == Kind::BillingProfile {
        for name in ["startDate", "endDate"] {
            if call.date(name)?.is_none() {
                return Err(Refusal::bad_request(format!("{name} is required.")));
            }
        }
        days = days.asked_alone(call, "transactionDate", "transactionDate")?;
    } else {
        for term in call.filter_terms()? {
            if term.is("lotid") {
                lot = Some(term.value);
            } else if !term.is("lotsource") {
                let message = format!(
                    "The $filter on '{}' is invalid; it may be on lotId and lotSource.",
                    term.name
                );
                return Err(Refusal::bad_request(message));
            }
        }
    }
    let events = credits.events.iter().zip(1..);
    let events = events.filter(|(event, _)| {
        let of_lot = lot.as_ref().is_none_or(|lot| {
            (event.lot.as_ref()).is_some_and(|known| known.eq_ignore_ascii_case(lot))
        });
        of_lot && days.first <= event.date && event.date <= days.last
    });
    let books = call.sandbox.books();
    let invoices = books.invoices();
    let items = events.map(|(event, number)| {
        let invoice = invoices
            .iter()
            .find(|each| Some(each.month) == event.month)
            .filter(|_| event.kind == EventKind::SettledCharges);
        let properties = event_of(event, world)
            .with("invoiceNumber", invoice.map_or("", |each| &each.name))
            .with("billingProfileId", &scope.path);
        let kind = "Microsoft.Consumption/events";
        resource(&scope.path, kind, &number.to_string(), properties)
    });
    Ok(call.page(items, call.page_size(1000)?)?.answer())
}

fn event_of(event: &Event, world: &World) -> Object {
    let amount = |kinds: &[EventKind]| {
        let is_this = kinds.contains(&event.kind);
        let amount = if is_this {
            event.amount
        } else {
            Default::default()
        };
        money(amount, &world.currency)
    };
    let (name, description) = match event.kind {
        EventKind::NewCredit => ("NewCredit", "Credit added"),
        EventKind::SettledCharges => ("SettledCharges", "Charges of a closed month"),
        EventKind::CreditExpired => ("CreditExpired", "Credit expired"),
        EventKind::PendingCharges => ("PendingCharges", "Charges of the open month"),
    };
    Object::new()
        .with("transactionDate", midnight(event.date))
        .with("description", description)
        .with("eventType", name)
        .with("newCredit", amount(&[EventKind::NewCredit]))
        .with("adjustments", amount(&[]))
        .with("creditExpired", amount(&[EventKind::CreditExpired]))
        .with(
            "charges",
            amount(&[EventKind::SettledCharges, EventKind::PendingCharges]),
        )
        .with("canceledCredit", amount(&[]))
        .with("closedBalance", money(event.balance, &world.currency))
        .with("billingAccountId", &world.billing_account)
        .with("billingAccountDisplayName", &world.account_name)
        .with("creditCurrency", &world.currency)
        .with("billingCurrency", &world.currency)
        .with("lotId", &event.lot)
        .with(
            "isEstimatedBalance",
            event.kind == EventKind::PendingCharges,
        )
}

fn balance(call: &Call) -> Handled {
    let (scope, world) = (call.scope()?, &*call.world);
    let credits = credits(call)?;
    if credits.lots.is_empty() {
        return Ok(Answer::empty(axum::http::StatusCode::NO_CONTENT));
    }
    let currency = &*world.currency;
    let expired = credits.lots.iter().map(|each| each.expired).sum();
    let summary = Object::new()
        .with("estimatedBalance", money(credits.estimated(), currency))
        .with("currentBalance", money(credits.balance(), currency))
        .with(
            "estimatedBalanceInBillingCurrency",
            in_billing(credits.estimated(), world),
        );
    let properties = Object::new()
        .with("balanceSummary", summary)
        .with(
            "pendingCreditAdjustments",
            money(Default::default(), currency),
        )
        .with("expiredCredit", money(expired, currency))
        .with("pendingEligibleCharges", money(credits.pending, currency))
        .with("creditCurrency", currency)
        .with("billingCurrency", currency)
        .with("isEstimatedBalance", true);
    let kind = "Microsoft.Consumption/credits";
    let body = resource(&scope.path, kind, "balanceSummary", properties);
    Ok(Answer::json(&body))
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use serde_json::Value;

    use super::super::Options;
    use super::super::tests::Local;
    use crate::scenario::Scenario;

    #[tokio::test]
    async fn lots_events_and_the_summary_tell_one_story() {
        let world = Scenario::named("customer").unwrap().world;
        let account = format!(
            "/providers/Microsoft.Billing/billingAccounts/{}",
            world.billing_account
        );
        let profile = format!("{account}/billingProfiles/{}", world.parents()[0].id);
        let sandbox = Local::over(world.clone(), Options::new(world.today));
        let value = |amount: &Value| amount["value"].to_string().parse::<Decimal>().unwrap();
        let tail = "api-version=2024-08-01";
        let lots = sandbox
            .list(&format!(
                "{profile}/providers/Microsoft.Consumption/lots?{tail}"
            ))
            .await;
        assert_eq!(lots.len(), 2);
        let left: Decimal = lots
            .iter()
            .map(|lot| value(&lot["properties"]["closedBalance"]))
            .sum();
        let path =
            format!("{profile}/providers/Microsoft.Consumption/credits/balanceSummary?{tail}");
        let (_, summary) = sandbox.get(&path).await;
        let summary = &summary["properties"];
        assert_eq!(value(&summary["balanceSummary"]["currentBalance"]), left);
        let path = format!(
            "{profile}/providers/Microsoft.Consumption/events?{tail}\
             &startDate=2025-01-01&endDate=2026-12-31"
        );
        let events = sandbox.list(&path).await;
        let mut running = Decimal::ZERO;
        for event in &events {
            let event = &event["properties"];
            running += value(&event["newCredit"]);
            running -= value(&event["charges"]) + value(&event["creditExpired"]);
            assert_eq!(value(&event["closedBalance"]), running, "{event}");
        }
        assert_eq!(
            value(&summary["balanceSummary"]["estimatedBalance"]),
            running
        );
        let no_days = format!("{profile}/providers/Microsoft.Consumption/events?{tail}");
        assert_eq!(sandbox.get(&no_days).await.0, 400);
        let commitments = format!(
            "{account}/providers/Microsoft.Consumption/lots?{tail}\
             &$filter=status eq 'active' AND source eq 'consumptioncommitment'"
        );
        assert_eq!(sandbox.list(&commitments).await.len(), 1);
    }
}
