//! Lots, events and the credit balance.

use azure_cost::{Error, EventFilter, EventSummary, LotFilter, LotSummary};
use budget_engine::Money;
use futures::TryStreamExt;
use jiff::civil::date;
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use crate::support::{client, dec, get, get_two, ok, parse, scope, silent_server};

const VERSION: &str = "2024-08-01";
const ACCOUNT: &str = "/providers/Microsoft.Billing/billingAccounts/a:b_2019-05-31";

fn profile() -> String {
    format!("{ACCOUNT}/billingProfiles/P1")
}

fn tail(path: &str, name: &str) -> String {
    format!("{path}/providers/Microsoft.Consumption/{name}")
}

fn dollars(amount: &str) -> Option<Money> {
    Some(Money::new(dec(amount), "USD".parse().unwrap()))
}

#[tokio::test]
async fn lots_are_credits_or_commitments() {
    let server = MockServer::start().await;
    let credit = json!({"name": "l1", "properties": {
        "creditCurrency": "USD",
        "billingCurrency": "EUR",
        "originalAmount": {"currency": "USD", "value": 5000.0},
        "originalAmountInBillingCurrency": {"exchangeRate": 0.91, "exchangeRateMonth": 11},
        "closedBalance": {"currency": "USD", "value": 60.9},
        "closedBalanceInBillingCurrency":
            {"currency": "EUR", "value": 55.41, "exchangeRate": 0.91, "exchangeRateMonth": 11},
        "reseller": {"resellerId": "/r/1", "resellerDescription": "A reseller"},
        "source": "PurchasedCredit",
        "startDate": "2026-08-01T00:00:00Z",
        "expirationDate": "0001-01-01T00:00:00",
        "isEstimatedBalance": false,
    }});
    let commitment = json!({"name": "l2", "properties": {
        "originalAmount": {"currency": "USD", "value": 1000},
        "usedAmount": {"currency": "USD", "value": 250.25},
        "OrganizationType": "Contributor",
        "source": "ConsumptionCommitment",
        "purchasedDate": "2026-07-15T00:00:00Z",
        "status": "Active",
    }});
    let pages = [credit, commitment.clone()];
    get_two(&server, VERSION, &tail(&profile(), "lots"), &[], pages).await;
    let filter = "status eq 'active' AND source eq 'consumptioncommitment'";
    let answer = ok(json!({"value": [commitment]}));
    get(
        &server,
        VERSION,
        &tail(ACCOUNT, "lots"),
        &[("$filter", filter)],
        answer,
    )
    .await;

    let client = client(&server.uri());
    let lots = client.lots(&parse(&profile()), &LotFilter::default());
    let lots: Vec<LotSummary> = lots.try_collect().await.unwrap();
    assert_eq!(lots.len(), 2);
    assert_eq!(lots[0].original_amount, dollars("5000"));
    let rate_only = lots[0]
        .original_amount_in_billing_currency
        .as_ref()
        .unwrap();
    assert_eq!(rate_only.amount, None);
    assert_eq!(rate_only.exchange_rate, Some(dec("0.91")));
    assert_eq!(rate_only.exchange_rate_month, Some(11));
    let converted = lots[0].closed_balance_in_billing_currency.as_ref().unwrap();
    assert_eq!(converted.amount.unwrap().to_string(), "EUR 55.41");
    assert_eq!(lots[0].start_date, Some(date(2026, 8, 1)));
    assert_eq!(lots[0].expiration_date, None);
    assert_eq!(lots[0].reseller.as_ref().unwrap().description, "A reseller");
    assert_eq!(lots[1].organization_type, "Contributor");
    assert_eq!(lots[1].used_amount, dollars("250.25"));
    assert_eq!(lots[1].closed_balance, None);

    let commitments = LotFilter {
        status: Some("active".to_owned()),
        source: Some("consumptioncommitment".to_owned()),
    };
    let lots = client.lots(&parse(ACCOUNT), &commitments);
    assert_eq!(lots.try_collect::<Vec<_>>().await.unwrap()[0].name, "l2");
    let customer = format!("{ACCOUNT}/customers/c1");
    get(
        &server,
        VERSION,
        &tail(&customer, "lots"),
        &[],
        ResponseTemplate::new(204),
    )
    .await;
    let lots = client.lots(&parse(&customer), &LotFilter::default());
    assert_eq!(lots.try_collect::<Vec<_>>().await.unwrap(), []);
}

#[tokio::test]
async fn events_are_asked_for_by_days_or_by_lot() {
    let server = MockServer::start().await;
    let event = json!({"name": "e1", "properties": {
        "transactionDate": "2026-11-07T00:00:00Z",
        "eventType": "SettledCharges",
        "charges": {"currency": "USD", "value": -12.5},
        "chargesInBillingCurrency": {"currency": "USD", "value": -12.5, "exchangeRate": 1},
        "closedBalance": {"currency": "USD", "value": 48.4},
        "newCredit": {"currency": "USD", "value": 0.0},
        "invoiceNumber": 3301,
    }});
    let days = [("startDate", "2026-11-01"), ("endDate", "2026-11-30")];
    let at = tail(&profile(), "events");
    get_two(&server, VERSION, &at, &days, [event.clone(), event.clone()]).await;
    let filter = "lotid eq 'G2026' AND lotsource eq 'consumptioncommitment'";
    let at = tail(ACCOUNT, "events");
    get(
        &server,
        VERSION,
        &at,
        &[("$filter", filter)],
        ok(json!({"value": [event]})),
    )
    .await;

    let client = client(&server.uri());
    let events = client.credit_events(&parse(&profile()), date(2026, 11, 1), date(2026, 12, 1));
    let events: Vec<EventSummary> = events.try_collect().await.unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].charges, dollars("-12.5"));
    assert_eq!(events[0].closed_balance, dollars("48.4"));
    assert_eq!(events[0].new_credit, dollars("0"));
    assert_eq!(events[0].canceled_credit, None);
    assert_eq!(events[0].invoice_number, "3301");
    let wanted = EventFilter {
        lot_id: Some("G2026".to_owned()),
        lot_source: Some("consumptioncommitment".to_owned()),
    };
    let events = client.commitment_events(&parse(ACCOUNT), &wanted);
    assert_eq!(events.try_collect::<Vec<_>>().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_credit_balance_is_there_or_not() {
    let at = tail(&profile(), "credits/balanceSummary");
    let body = json!({"properties": {
        "creditCurrency": "USD",
        "balanceSummary": {
            "estimatedBalance": {"currency": "USD", "value": 600.0},
            "currentBalance": {"currency": "USD", "value": 100.01},
            "estimatedBalanceInBillingCurrency":
                {"currency": "EUR", "value": 546, "exchangeRate": 0.91, "exchangeRateMonth": 11},
        },
        "pendingCreditAdjustments": {"currency": "USD", "value": 500},
        "isEstimatedBalance": true,
    }});
    let server = MockServer::start().await;
    get(&server, VERSION, &at, &[], ok(body)).await;
    let found = client(&server.uri())
        .credit_summary(&parse(&profile()))
        .await;
    let found = found.unwrap().unwrap();
    assert_eq!(found.current_balance, dollars("100.01"));
    assert_eq!(found.estimated_balance, dollars("600"));
    let converted = found.estimated_balance_in_billing_currency.unwrap();
    assert_eq!(converted.amount.unwrap().amount, dec("546"));
    assert_eq!(found.expired_credit, None);
    assert_eq!(found.is_estimated_balance, Some(true));

    let server = MockServer::start().await;
    get(&server, VERSION, &at, &[], ResponseTemplate::new(204)).await;
    let found = client(&server.uri())
        .credit_summary(&parse(&profile()))
        .await;
    assert_eq!(found.unwrap(), None);

    let server = MockServer::start().await;
    get(&server, VERSION, &at, &[], ok(json!({"properties": {}}))).await;
    let error = client(&server.uri())
        .credit_summary(&parse(&profile()))
        .await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::UnexpectedAnswer { .. }), "{error:?}");
    let problem = "`properties.balanceSummary` is missing";
    assert!(error.to_string().contains(problem), "{error}");
}

#[tokio::test]
async fn other_scopes_have_no_credits() {
    let server = silent_server().await;
    let client = client(&server.uri());
    let lots = client.lots(&scope(), &LotFilter::default());
    assert!(lots.try_collect::<Vec<_>>().await.is_err());
    assert!(client.credit_summary(&parse(ACCOUNT)).await.is_err());
    let events = client.credit_events(&parse(ACCOUNT), date(2026, 11, 1), date(2026, 12, 1));
    assert!(events.try_collect::<Vec<_>>().await.is_err());
    let events = client.commitment_events(&parse(&profile()), &EventFilter::default());
    assert!(events.try_collect::<Vec<_>>().await.is_err());
}
