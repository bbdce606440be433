//! Charges, aggregated cost, balances, marketplace charges, tags, and usage by billing period.

use azure_cost::{
    ChargePeriod, ChargeSummary, Error, MarketplaceCharge, MarketplaceQuery, TagValues, UsagePage,
    UsageQuery,
};
use budget_engine::CostBasis;
use futures::TryStreamExt;
use jiff::civil::date;
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::support::{client, dec, get, get_two, legacy, ok, parse, scope, silent_server};

const VERSION: &str = "2024-08-01";
const ENROLLMENT: &str = "/providers/Microsoft.Billing/billingAccounts/8611";
const ACCOUNT: &str = "/providers/Microsoft.Billing/billingAccounts/a:b_2019-05-31";
const GROUP: &str = "/providers/Microsoft.Management/managementGroups/retail";
const PERIOD: &str = "/providers/Microsoft.Billing/billingPeriods/202611";

fn november() -> ChargePeriod {
    ChargePeriod::Days(date(2026, 11, 1), date(2026, 12, 1))
}

fn period() -> ChargePeriod {
    ChargePeriod::BillingPeriod("202611".to_owned())
}

fn tail(path: &str, name: &str) -> String {
    format!("{path}/providers/Microsoft.Consumption/{name}")
}

fn legacy_charge() -> Value {
    json!({"id": "c1", "kind": "legacy", "properties": {
        "billingPeriodId": PERIOD,
        "usageStart": "2026-11-01",
        "usageEnd": "2026-11-30",
        "azureCharges": 5000.5,
        "chargesBilledSeparately": 60.9,
        "azureMarketplaceCharges": 100,
        "currency": "EUR",
    }})
}

fn modern_charge(marketplace: &str) -> Value {
    let money = |currency: &str, value: f64| json!({"currency": currency, "value": value});
    json!({"id": "c2", "kind": "Modern", "properties": {
        "usageStart": "2026-11-01",
        "azureCharges": money("USD", 12.5),
        "chargesBilledSeparately": money("USD", -0.25),
        "marketplaceCharges": money(marketplace, 3.0),
        "isInvoiced": false,
        "billingProfileId": "P1",
        "invoiceSectionId": null,
    }})
}

#[tokio::test]
async fn charges_are_asked_for_and_read_as_the_agreement_wants_it() {
    let server = MockServer::start().await;
    let department = format!("{ENROLLMENT}/departments/7");
    let filter = "usageStart eq '2026-11-01' AND usageEnd eq '2026-11-30'";
    let at = tail(&department, "charges");
    get(
        &server,
        VERSION,
        &at,
        &[("$filter", filter)],
        ok(json!({"value": [legacy_charge()]})),
    )
    .await;
    let at = tail(&format!("{department}{PERIOD}"), "charges");
    get(
        &server,
        VERSION,
        &at,
        &[],
        ok(json!({"value": [legacy_charge()]})),
    )
    .await;
    let by_profile = [
        ("startDate", "2026-11-01"),
        ("endDate", "2026-11-30"),
        ("$apply", "groupby((properties/billingProfileId))"),
    ];
    let mut old = legacy_charge();
    old.as_object_mut().unwrap().remove("kind");
    let answer = ok(json!({"value": [modern_charge("USD"), old]}));
    get(
        &server,
        VERSION,
        &tail(ACCOUNT, "charges"),
        &by_profile,
        answer,
    )
    .await;

    let client = client(&server.uri());
    let charges = client.charges(&parse(&department), &november(), None);
    let charges: Vec<ChargeSummary> = charges.try_collect().await.unwrap();
    assert_eq!(charges.len(), 1);
    assert_eq!(charges[0].azure_charges, dec("5000.5"));
    assert_eq!(charges[0].charges_billed_separately, dec("60.9"));
    assert_eq!(charges[0].marketplace_charges, dec("100"));
    assert_eq!(charges[0].currency.code(), "EUR");
    assert_eq!(charges[0].usage_end, Some(date(2026, 11, 30)));
    let charges = client.charges(&parse(&department), &period(), None);
    assert_eq!(charges.try_collect::<Vec<_>>().await.unwrap().len(), 1);
    let charges = client.charges(&parse(ACCOUNT), &november(), Some("billingProfileId"));
    let charges: Vec<ChargeSummary> = charges.try_collect().await.unwrap();
    assert_eq!(charges.len(), 2);
    assert_eq!(charges[0].azure_charges, dec("12.5"));
    assert_eq!(charges[0].charges_billed_separately, dec("-0.25"));
    assert_eq!(charges[0].marketplace_charges, dec("3"));
    assert_eq!(charges[0].currency.code(), "USD");
    assert_eq!(charges[0].is_invoiced, Some(false));
    assert_eq!(charges[0].invoice_section_id, "");
    assert_eq!(charges[1].marketplace_charges, dec("100"));
}

#[tokio::test]
async fn charges_whose_amounts_are_not_clear_are_an_error() {
    let mut third = legacy_charge();
    third["kind"] = json!("third");
    let mut unpriced = legacy_charge();
    unpriced["properties"]["azureMarketplaceCharges"] = Value::Null;
    for (charge, problem) in [
        (
            third,
            "`kind` is neither legacy nor modern in item 2 of page 1",
        ),
        (
            unpriced,
            "`properties.azureMarketplaceCharges` is missing in item 2 of page 1",
        ),
        (
            modern_charge("EUR"),
            "`properties.marketplaceCharges` is not in the currency of `azureCharges` \
             in item 2 of page 1",
        ),
    ] {
        let server = MockServer::start().await;
        let answer = ok(json!({"value": [legacy_charge(), charge]}));
        get(&server, VERSION, &tail(ACCOUNT, "charges"), &[], answer).await;
        let client = client(&server.uri());
        let charges = client.charges(&parse(ACCOUNT), &ChargePeriod::Current, None);
        let error = charges
            .try_collect::<Vec<_>>()
            .await
            .unwrap_err()
            .to_string();
        assert!(error.ends_with(problem), "{error}");
    }
}

fn group(name: &str, charges: f64, children: Value) -> Value {
    json!({"id": format!("/groups/{name}"), "properties": {
        "usageStart": "2026-11-01T00:00:00.0000000Z",
        "azureCharges": charges,
        "marketplaceCharges": 1,
        "chargesBilledSeparately": 0,
        "currency": "EUR",
        "children": children,
        "excludedSubscriptions": ["3c4d"],
    }})
}

#[tokio::test]
async fn the_cost_of_a_group_comes_with_that_of_the_groups_in_it() {
    let server = MockServer::start().await;
    let deep = group("c", 1.5, json!([]));
    let body = group("a", 30.25, json!([group("b", 20.0, json!([deep]))]));
    let at = tail(&format!("{GROUP}{PERIOD}"), "aggregatedcost");
    get(&server, VERSION, &at, &[], ok(body.clone())).await;
    let filter = "properties/usageStart ge '2026-11-01' and properties/usageEnd le '2026-11-30'";
    let at = tail(GROUP, "aggregatedcost");
    get(&server, VERSION, &at, &[("$filter", filter)], ok(body)).await;
    let client = client(&server.uri());
    let cost = client
        .aggregated_cost(&parse(GROUP), &period())
        .await
        .unwrap();
    assert_eq!(cost.azure_charges, dec("30.25"));
    assert_eq!(cost.usage_start, Some(date(2026, 11, 1)));
    assert_eq!(cost.excluded_subscriptions, ["3c4d"]);
    assert_eq!(cost.children[0].azure_charges, dec("20"));
    assert_eq!(cost.children[0].children[0].id, "/groups/c");
    let by_days = client
        .aggregated_cost(&parse(GROUP), &november())
        .await
        .unwrap();
    assert_eq!(by_days, cost);
}

#[tokio::test]
async fn groups_that_never_end_are_refused() {
    let mut body = group("leaf", 1.0, json!([]));
    for _ in 0..17 {
        body = group("above", 1.0, json!([body]));
    }
    let server = MockServer::start().await;
    get(
        &server,
        VERSION,
        &tail(GROUP, "aggregatedcost"),
        &[],
        ok(body),
    )
    .await;
    let client = client(&server.uri());
    let cost = client
        .aggregated_cost(&parse(GROUP), &ChargePeriod::Current)
        .await;
    let error = cost.unwrap_err().to_string();
    assert!(
        error.ends_with("management groups are more than 16 deep"),
        "{error}"
    );
}

#[tokio::test]
async fn a_balance_is_that_of_a_period_and_its_currency_may_be_padded() {
    let server = MockServer::start().await;
    let body = json!({"name": "b", "properties": {
        "currency": "EUR  ",
        "beginningBalance": 1000.25,
        "endingBalance": 900,
        "utilized": 100.25,
        "overageRefund": 12.5,
        "billingFrequency": "Month",
        "priceHidden": false,
        "newPurchasesDetails": [{"name": "Promo", "value": 1}],
        "adjustmentDetails": null,
    }});
    let at = tail(&format!("{ENROLLMENT}/billingPeriods/202611"), "balances");
    get(&server, VERSION, &at, &[], ok(body)).await;
    get(
        &server,
        VERSION,
        &tail(ENROLLMENT, "balances"),
        &[],
        ResponseTemplate::new(204),
    )
    .await;
    let client = client(&server.uri());
    let balance = client
        .balance(&parse(ENROLLMENT), Some("202611"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(balance.currency.code(), "EUR");
    assert_eq!(balance.beginning_balance, dec("1000.25"));
    assert_eq!(balance.overage_refund, dec("12.5"));
    assert_eq!(balance.new_purchases_details[0].name, "Promo");
    assert_eq!(
        client.balance(&parse(ENROLLMENT), None).await.unwrap(),
        None
    );
}

fn purchase(cost: f64) -> Value {
    json!({"id": "m", "properties": {
        "usageStart": "2026-11-03T00:00:00.0000000Z",
        "usageEnd": "2026-11-03T23:59:59Z",
        "pretaxCost": cost,
        "currency": "EUR",
        "offerName": "Firewall",
        "isRecurringCharge": true,
    }})
}

#[tokio::test]
async fn marketplace_charges_are_chosen_by_days_period_and_resource() {
    let server = MockServer::start().await;
    let days = "properties/usageStart ge '2026-11-01' and properties/usageStart lt '2026-12-01'";
    let query = [("$top", "1000"), ("$filter", days)];
    let mut next_day = purchase(7.0);
    next_day["properties"]["usageStart"] = json!("2026-12-01T00:00:00Z");
    let at = tail("/subscriptions/1f2e", "marketplaces");
    get_two(&server, VERSION, &at, &query, [purchase(-1.25), next_day]).await;
    // Departments are named without their account.
    let short = "/providers/Microsoft.Billing/departments/7";
    let at = tail(&format!("{short}{PERIOD}"), "marketplaces");
    let chosen = "properties/resourceGroup eq 'web' and properties/instanceName eq 'a&b'";
    let query = [("$top", "1000"), ("$filter", chosen)];
    get(
        &server,
        VERSION,
        &at,
        &query,
        ok(json!({"value": [purchase(7.0)]})),
    )
    .await;

    let client = client(&server.uri());
    let rows = client.marketplaces(&scope(), date(2026, 11, 1), date(2026, 12, 1));
    let rows: Vec<MarketplaceCharge> = rows.try_collect().await.unwrap();
    let costs: Vec<_> = rows.iter().map(|row| row.pretax_cost).collect();
    assert_eq!(costs, [dec("-1.25")]);
    assert_eq!(rows[0].offer_name, "Firewall");
    assert_eq!(rows[0].is_recurring_charge, Some(true));
    let query = MarketplaceQuery {
        period: period(),
        resource_group: Some("web".to_owned()),
        instance_name: Some("a&b".to_owned()),
        instance_id: None,
    };
    let department = parse(&format!("{ENROLLMENT}/departments/7"));
    let rows = client.marketplaces_where(&department, &query);
    assert_eq!(rows.try_collect::<Vec<_>>().await.unwrap().len(), 1);
}

#[tokio::test]
async fn tags_are_read_over_pages_of_their_own_form() {
    let server = MockServer::start().await;
    let at = tail(GROUP, "tags");
    let link = format!(
        "{}{at}/?$expand=x&api-version={VERSION}&$skiptoken=AwAAAA%3D%3D",
        server.uri()
    );
    let first = json!({"properties": {
        "tags": [{"key": "env", "value": ["live", "test"]}, {"key": "Owner"}],
        "nextLink": link,
        "previousLink": "http://elsewhere.example/",
    }});
    get(&server, VERSION, &at, &[], ok(first)).await;
    let query = [("$expand", "x"), ("$skiptoken", "AwAAAA==")];
    let second = json!({"properties": {"tags": [{"key": "team", "value": null}], "nextLink": ""}});
    get(&server, VERSION, &format!("{at}/"), &query, ok(second)).await;
    let client = client(&server.uri());
    let tags: Vec<TagValues> = client.tags(&parse(GROUP)).try_collect().await.unwrap();
    let keys: Vec<&str> = tags.iter().map(|tag| &*tag.key).collect();
    assert_eq!(keys, ["env", "Owner", "team"]);
    assert_eq!(tags[0].values, ["live", "test"]);
    assert!(tags[1].values.is_empty());

    get(
        &server,
        VERSION,
        &tail("/subscriptions/1f2e", "tags"),
        &[],
        ResponseTemplate::new(204),
    )
    .await;
    let none: Vec<TagValues> = client.tags(&scope()).try_collect().await.unwrap();
    assert_eq!(none, []);
}

#[tokio::test]
async fn usage_rows_are_those_of_a_billing_period_and_a_group() {
    let server = MockServer::start().await;
    let at = tail(&format!("/subscriptions/1f2e{PERIOD}"), "usageDetails");
    let query = [
        ("metric", "amortizedcost"),
        ("$expand", "meterDetails"),
        ("$top", "1000"),
        ("$filter", "properties/resourceGroup eq 'o''neill'"),
    ];
    // A pay-as-you-go period may begin in the middle of a month.
    let rows = json!([
        legacy("2026-10-17", json!(1)),
        legacy("2026-11-16", json!(2))
    ]);
    get(&server, VERSION, &at, &query, ok(json!({"value": rows}))).await;
    let mut query = UsageQuery::of_billing_period("202611", CostBasis::Amortized);
    query.resource_group = Some("o'neill".to_owned());
    let client = client(&server.uri());
    let pages: Vec<UsagePage> = client
        .usage_details(&scope(), &query)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(pages[0].rows.len(), 2);
}

#[tokio::test]
async fn what_azure_does_not_serve_is_not_asked_for() {
    let server = silent_server().await;
    let client = client(&server.uri());
    let profile = parse(&format!("{ACCOUNT}/billingProfiles/P1"));
    let mut query = UsageQuery::of_billing_period("202611", CostBasis::Actual);
    query.resource_group = Some("web".to_owned());
    let pages = client
        .usage_details(&profile, &query)
        .try_collect::<Vec<_>>()
        .await;
    let error = pages.unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
    assert!(
        error.to_string().contains("under a Customer Agreement"),
        "{error}"
    );

    let rows = client.marketplaces(&profile, date(2026, 11, 1), date(2026, 12, 1));
    let error = rows.try_collect::<Vec<_>>().await.unwrap_err().to_string();
    assert!(error.contains("not for a billing profile"), "{error}");
    let charges = client.charges(&scope(), &november(), None);
    assert!(charges.try_collect::<Vec<_>>().await.is_err());
    assert!(client.tags(&profile).try_collect::<Vec<_>>().await.is_err());
    assert!(client.aggregated_cost(&scope(), &november()).await.is_err());
    assert!(client.balance(&profile, None).await.is_err());
    let dots = ChargePeriod::BillingPeriod("..".to_owned());
    assert!(client.aggregated_cost(&parse(GROUP), &dots).await.is_err());
}
