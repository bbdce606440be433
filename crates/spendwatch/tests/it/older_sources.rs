//! The older sources: usage aggregates with a rate card, and Enterprise Reporting.

use std::collections::BTreeMap;
use std::sync::Arc;

use azure_cost::{
    Client, Cloud, Endpoint, EnterpriseKey, EnterpriseReporting as Reports, RateCardQuery,
};
use azure_sandbox::{Denial, Fault, Mishap, Options, Scenario, World};
use budget_engine::{CostBasis, CostFacts, Scope};
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use spendwatch::sources::{
    CostSource, EnterpriseReporting, KeptMonths, ReadContext, ReadRequest, UsageAggregates,
};
use state_store::Memory;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn request(scopes: Vec<Scope>, today: Date) -> ReadRequest {
    ReadRequest {
        counted: scopes.clone(),
        scopes,
        needs_categories: false,
        cost_basis: CostBasis::Actual,
        period_start: today.first_of_month(),
        today,
        projection: Default::default(),
    }
}

/// A named world, served without a need to sign in; gives its address.
async fn served(name: &str) -> (World, String) {
    served_without(name, vec![]).await
}

/// The same where the caller lacks a role.
async fn served_without(name: &str, denials: Vec<Denial>) -> (World, String) {
    served_with(name, |options| options.denials = denials).await
}

/// The same with other options.
async fn served_with(name: &str, change: impl FnOnce(&mut Options)) -> (World, String) {
    spendwatch::install_crypto();
    let world = Scenario::named(name).unwrap().world;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut options = Options::new(world.today);
    options.needs_token = false;
    options.page_rows = 400;
    change(&mut options);
    tokio::spawn(azure_sandbox::serve(listener, world.clone(), options));
    (world, address)
}

fn sums(facts: &CostFacts, days: std::ops::Range<Date>) -> BTreeMap<Date, Decimal> {
    let mut sums: BTreeMap<Date, Decimal> = BTreeMap::new();
    let all = facts.series().iter().flat_map(|series| &series.days);
    for day in all.filter(|day| days.contains(&day.date)) {
        *sums.entry(day.date).or_default() += day.actual;
    }
    sums
}

fn usage_aggregates(address: &str, history_days: u32) -> UsageAggregates {
    let endpoint = Endpoint::at(address, Cloud::Public).unwrap();
    let client = Client::new(reqwest::Client::new(), endpoint, None);
    let card = RateCardQuery {
        offer: "MS-AZR-0003P".to_owned(),
        currency: "USD".parse().unwrap(),
        locale: "en-US".to_owned(),
        region: "US".to_owned(),
    };
    UsageAggregates::new(client, card, history_days)
}

#[tokio::test]
async fn usage_at_the_rates_of_the_card_is_what_azure_charges_for_it() {
    let (world, address) = served("pay-as-you-go").await;
    let subscription = &world.subscriptions[0].id;
    let scope = Scope::subscription(subscription).unwrap();
    let request = request(vec![scope], world.today);
    let source = usage_aggregates(&address, 20);
    let answer = source.read(&request, &Default::default()).await.unwrap();
    assert_eq!(answer.notes, [""; 0]);
    // October and the days of November whose reports are all in.
    let days = date(2026, 10, 1)..date(2026, 11, 17);
    let mut expected: BTreeMap<Date, Decimal> = BTreeMap::new();
    for row in world.rows_between(days.start, date(2026, 11, 16)) {
        let is_priced = row.reservation.is_none() && row.charge.offer.is_none();
        if row.subscription.id == *subscription && row.charge_type == "Usage" && is_priced {
            *expected.entry(row.date).or_default() += row.cost;
        }
    }
    assert_eq!(expected.len(), 47);
    assert_eq!(sums(&answer.facts, days), expected);
    // Resources are told apart.
    let group = &world.subscriptions[0].groups[0].name;
    let group = Scope::resource_group(subscription, group).unwrap();
    assert!(answer.facts.series_in(&group).next().is_some());
}

#[tokio::test]
async fn usage_aggregates_have_no_amortized_cost_and_say_so() {
    spendwatch::install_crypto();
    let source = usage_aggregates("http://127.0.0.1:1", 0);
    let mut request = request(vec![Scope::subscription("s").unwrap()], date(2026, 11, 18));
    request.cost_basis = CostBasis::Amortized;
    let error = source.read(&request, &Default::default()).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("no amortized cost"), "{error}");
}

/// Answers requests for a rate card with one body and all others with another; gives the address.
async fn commerce(card: &'static str, usage: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 8192];
            let count = stream.read(&mut request).await.unwrap_or_default();
            let is_card = String::from_utf8_lossy(&request[..count]).contains("RateCard");
            let body = if is_card { card } else { usage };
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn usage_without_a_rate_is_counted_and_never_taken_for_free() {
    spendwatch::install_crypto();
    let card = r#"{"Currency": "USD", "Locale": "en-US", "OfferTerms": [], "Meters": [
        {"MeterId": "M1", "MeterRates": {"0": 2, "10": 1}, "IncludedQuantity": 1,
         "EffectiveDate": "2020-01-01T00:00:00Z"}]}"#;
    let usage = r#"{"value": [
        {"properties": {"subscriptionId": "s", "meterId": "m1", "meterName": "Known", "unit": "GB",
          "quantity": 4, "usageStartTime": "2026-11-02T00:00:00+00:00",
          "usageEndTime": "2026-11-03T00:00:00+00:00"}},
        {"properties": {"subscriptionId": "s", "meterId": "m1", "meterName": "Known", "unit": "GB",
          "quantity": 8, "usageStartTime": "2026-11-02T00:00:00+00:00",
          "usageEndTime": "2026-11-03T00:00:00+00:00"}},
        {"properties": {"subscriptionId": "s", "meterId": "m1", "meterName": "Known", "unit": "GB",
          "quantity": 100, "usageStartTime": "2026-10-31T00:00:00+00:00",
          "usageEndTime": "2026-11-01T00:00:00+00:00"}},
        {"properties": {"subscriptionId": "s", "meterId": "m2", "meterName": "New", "unit": "Hours",
          "quantity": 2.5, "usageStartTime": "2026-11-03T00:00:00+00:00",
          "usageEndTime": "2026-11-04T00:00:00+00:00"}}]}"#;
    let source = usage_aggregates(&commerce(card, usage).await, 0);
    let scope = Scope::subscription("s").unwrap();
    let request = request(vec![scope], date(2026, 11, 18));
    let answer = source.read(&request, &Default::default()).await.unwrap();
    // 12 units: one is included, 9 cost 2 and 2 cost 1. October's do not count here.
    let found = sums(&answer.facts, date(2026, 10, 1)..date(2026, 12, 1));
    assert_eq!(
        found,
        BTreeMap::from([(date(2026, 11, 2), Decimal::from(20))])
    );
    assert_eq!(answer.facts.skipped_rows(), 1);
    let notes = answer.notes.join("; ");
    for words in [
        "2.5 Hours of New (meter m2)",
        "does not have it",
        "1 rows of usage have no price",
    ] {
        assert!(notes.contains(words), "`{words}` is not in {notes}");
    }
}

fn enterprise(address: &str, enrollment: &str, key: &str, history: u32) -> EnterpriseReporting {
    let key = EnterpriseKey::new(key);
    let client = Reports::at(reqwest::Client::new(), address, enrollment, key).unwrap();
    EnterpriseReporting::new(client, enrollment, history).unwrap()
}

#[tokio::test]
async fn an_enrollment_gives_usage_and_marketplace_charges_once_each() {
    let (world, address) = served("enterprise").await;
    let source = enterprise(&address, &world.billing_account, "sandbox-key", 20);
    let request = request(vec![], world.today);
    let documents = Arc::new(Memory::new());
    let context = ReadContext {
        kept: Some(KeptMonths::new(documents, "source-0", "")),
        ..ReadContext::default()
    };
    let answer = source.read(&request, &context).await.unwrap();
    let october = date(2026, 10, 1)..date(2026, 11, 1);
    let mut expected: BTreeMap<Date, Decimal> = BTreeMap::new();
    let last = date(2026, 10, 31);
    let mut bought = Decimal::ZERO;
    for row in world.rows_between(october.start, last) {
        *expected.entry(row.date).or_default() += row.cost;
        if row.reservation.is_some() && row.charge_type != "Usage" {
            bought += row.cost;
        }
    }
    // Usage, marketplace and reservations come from a report each.
    assert_ne!(bought, Decimal::ZERO);
    assert_eq!(sums(&answer.facts, october.clone()), expected);
    assert_eq!(answer.notes, [""; 0]);
    let offers = world.marketplace_between(october.start, last);
    assert!(offers.map(|row| row.cost).sum::<Decimal>() > Decimal::ZERO);
    // Budgets may count the enrollment, and what is in it.
    let account = format!(
        "/providers/Microsoft.Billing/billingAccounts/{}",
        world.billing_account
    );
    let account = Scope::parse(&account).unwrap();
    let in_account = answer.facts.series_in(&account).count();
    assert_eq!(in_account, answer.facts.series().len());
    let shop = Scope::subscription(&world.subscriptions[0].id).unwrap();
    assert!(answer.facts.series_in(&shop).next().is_some());
    // October is kept, and gives the same.
    let again = source.read(&request, &context).await.unwrap();
    assert_eq!(sums(&again.facts, october), expected);
}

#[tokio::test]
async fn an_endpoint_without_reservation_charges_is_read_and_each_month_says_so() {
    let absent = Fault::new(Mishap::Refused {
        status: 404,
        code: "404".to_owned(),
    });
    let absent = absent.of("EnterpriseReservationCharges_List");
    let (world, address) =
        served_with("enterprise", |options| options.faults = absent.into()).await;
    let source = enterprise(&address, &world.billing_account, "sandbox-key", 20);
    let request = request(vec![], world.today);
    let context = ReadContext {
        kept: Some(KeptMonths::new(Arc::new(Memory::new()), "source-0", "")),
        ..ReadContext::default()
    };
    // The second time October is not asked for again.
    for _ in 0..2 {
        let answer = source.read(&request, &context).await.unwrap();
        let [october, november] = &answer.notes[..] else {
            panic!("{:?}", answer.notes);
        };
        assert!(
            october.starts_with("2026-10-01 until 2026-11-01: "),
            "{october}"
        );
        assert!(november.starts_with("2026-11-01 until "), "{november}");
        assert!(october.ends_with("purchases are not counted"), "{october}");
    }
    let examined = source.examine(&request).await;
    let last = examined[0].attempts.last().unwrap();
    assert_eq!(last.what, "reservation charges");
    assert!(!last.is_needed && last.problem.is_some(), "{last:?}");
}

#[tokio::test]
async fn what_is_missing_is_said_in_words_to_act_on() {
    let (world, address) = served("pay-as-you-go").await;
    let scope = Scope::subscription(&world.subscriptions[0].id).unwrap();
    let request = request(vec![scope.clone()], world.today);
    let examined = usage_aggregates(&address, 0).examine(&request).await;
    assert_eq!(examined[0].about, scope.to_string());
    let works = examined[0]
        .attempts
        .iter()
        .all(|attempt| attempt.problem.is_none());
    assert!(works, "{examined:?}");
    assert_eq!(examined[0].attempts[1].what, "rate card of MS-AZR-0003P");

    let denial = Denial {
        scope: scope.to_string(),
        may_read: false,
    };
    let (_, denying) = served_without("pay-as-you-go", vec![denial]).await;
    let examined = usage_aggregates(&denying, 0).examine(&request).await;
    for attempt in &examined[0].attempts {
        let problem = attempt.problem.as_deref().unwrap();
        assert!(problem.contains("grant it the role Reader"), "{problem}");
    }

    // An enrollment of somebody else.
    let examined = enterprise(&address, "999", "wrong", 0)
        .examine(&request)
        .await;
    for attempt in &examined[0].attempts {
        let problem = attempt.problem.as_deref().unwrap();
        assert!(
            attempt.is_needed && problem.contains("check `key`"),
            "{examined:?}"
        );
        assert!(!problem.contains("wrong"), "{problem}");
    }
}
