//! Reservations: their use, what happened to them, what Azure recommends.

use azure_cost::{
    Error, RecommendationDetails, RecommendationDetailsQuery, RecommendationFilter,
    ReservationDetail, ReservationGrain, ReservationRecommendation, ReservationScope,
    ReservationSummary, ReservationTransaction,
};
use futures::TryStreamExt;
use jiff::civil::date;
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::support::{client, dec, get, get_two, ok, parse, scope, silent_server};

const VERSION: &str = "2024-08-01";
const ACCOUNT: &str = "/providers/Microsoft.Billing/billingAccounts/8611";
const PROFILE: &str =
    "/providers/Microsoft.Billing/billingAccounts/a:b_2019-05-31/billingProfiles/P1";
const ORDER: &str = "/providers/Microsoft.Capacity/reservationorders/o-1";

fn tail(path: &str, name: &str) -> String {
    format!("{path}/providers/Microsoft.Consumption/{name}")
}

fn order() -> ReservationScope {
    ReservationScope::Order("o-1".to_owned())
}

fn one_of_order() -> ReservationScope {
    ReservationScope::Reservation {
        order: "o-1".to_owned(),
        reservation: "r-2".to_owned(),
    }
}

fn summary(day: &str) -> Value {
    json!({"id": "x", "tags": null, "properties": {
        "reservationOrderId": "o-1",
        "reservationId": "r-2",
        "skuName": "Standard_E4s_v5",
        "usageDate": day,
        "reservedHours": 72,
        "usedHours": 63.5,
        "avgUtilizationPercentage": 88.19444,
        "kind": "Reservation",
        "remainingQuantity": 0,
    }})
}

#[tokio::test]
async fn daily_summaries_are_asked_for_by_days_and_scope() {
    let by_filter = (
        "$filter",
        "properties/usageDate ge 2026-11-01 AND properties/usageDate le 2026-11-30",
    );
    let (start, end) = (("startDate", "2026-11-01"), ("endDate", "2026-11-30"));
    for (scope, path, days) in [
        (order(), ORDER.to_owned(), vec![by_filter]),
        (
            one_of_order(),
            format!("{ORDER}/reservations/r-2"),
            vec![by_filter],
        ),
        (
            ReservationScope::Billing(parse(ACCOUNT)),
            ACCOUNT.to_owned(),
            vec![by_filter],
        ),
        (
            ReservationScope::Billing(parse(PROFILE)),
            PROFILE.to_owned(),
            vec![start, end],
        ),
        (
            ReservationScope::OfBillingProfile {
                profile: parse(PROFILE),
                order: "o-1".to_owned(),
                reservation: Some("r-2".to_owned()),
            },
            PROFILE.to_owned(),
            vec![
                start,
                end,
                ("reservationOrderId", "o-1"),
                ("reservationId", "r-2"),
            ],
        ),
    ] {
        let server = MockServer::start().await;
        let mut query = vec![("grain", "daily")];
        query.extend(days);
        let pages = [
            summary("2026-11-01T00:00:00Z"),
            summary("2026-11-02T00:00:00-07:00"),
        ];
        get_two(
            &server,
            VERSION,
            &tail(&path, "reservationSummaries"),
            &query,
            pages,
        )
        .await;
        let client = client(&server.uri());
        let (from, to) = (date(2026, 11, 1), date(2026, 12, 1));
        let rows = client.reservation_summaries(&scope, ReservationGrain::Daily, from, to);
        let rows: Vec<ReservationSummary> = rows.try_collect().await.unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].usage_date, date(2026, 11, 1));
        assert_eq!(rows[1].usage_date, date(2026, 11, 2));
        assert_eq!(rows[0].sku_name, "Standard_E4s_v5");
        assert_eq!(rows[0].reserved_hours, Some(dec("72")));
        assert_eq!(rows[0].used_hours, Some(dec("63.5")));
        assert_eq!(rows[0].avg_utilization_percentage, Some(dec("88.19444")));
        // Zero is something else than nothing.
        assert_eq!(rows[0].remaining_quantity, Some(dec("0")));
        assert_eq!(rows[0].used_quantity, None);
    }
}

#[tokio::test]
async fn of_all_months_only_those_asked_for_are_given() {
    let server = MockServer::start().await;
    let months = ["2026-08-01", "2026-09-01", "2026-10-01", "2026-11-01"];
    let months = months.map(|day| summary(&format!("{day}T00:00:00Z")));
    let at = tail(ORDER, "reservationSummaries");
    let answer = ok(json!({"value": months}));
    get(&server, VERSION, &at, &[("grain", "monthly")], answer).await;
    let client = client(&server.uri());
    let (from, to) = (date(2026, 9, 15), date(2026, 11, 1));
    let rows = client.reservation_summaries(&order(), ReservationGrain::Monthly, from, to);
    let rows: Vec<ReservationSummary> = rows.try_collect().await.unwrap();
    let days: Vec<_> = rows.iter().map(|row| row.usage_date).collect();
    assert_eq!(days, [date(2026, 9, 1), date(2026, 10, 1)]);

    // A billing profile is asked for whole months.
    let query = [
        ("grain", "monthly"),
        ("startDate", "2026-09-01"),
        ("endDate", "2026-10-31"),
    ];
    let at = tail(PROFILE, "reservationSummaries");
    let answer = ok(json!({"value": [summary("2026-09-01T00:00:00Z")]}));
    get(&server, VERSION, &at, &query, answer).await;
    let profile = ReservationScope::Billing(parse(PROFILE));
    let rows = client.reservation_summaries(&profile, ReservationGrain::Monthly, from, to);
    assert_eq!(rows.try_collect::<Vec<_>>().await.unwrap().len(), 1);
}

#[tokio::test]
async fn details_name_the_instance_and_a_refusal_of_too_much_is_told() {
    let server = MockServer::start().await;
    let row = json!({"tags": {"env": "live"}, "properties": {
        "reservationOrderId": "o-1",
        "reservationId": "r-2",
        "skuName": "Standard_E4s_v5",
        "usageDate": "2026-11-05T00:00:00Z",
        "instanceId": "/subscriptions/1f2e/resourcegroups/web/providers/microsoft.compute/virtualmachines/w1",
        "totalReservedQuantity": 3,
        "reservedHours": 72,
        "usedHours": 23.75,
        "instanceFlexibilityGroup": "ESv5 Series",
        "instanceFlexibilityRatio": "0.5",
    }});
    let filter = "properties/usageDate ge 2026-11-05 AND properties/usageDate le 2026-11-05";
    let at = tail(ORDER, "reservationDetails");
    get_two(
        &server,
        VERSION,
        &at,
        &[("$filter", filter)],
        [row.clone(), row],
    )
    .await;
    let at = tail(ACCOUNT, "reservationDetails");
    let refusal = json!({"error": {"code": "400", "message": "the response is too large"}});
    let refusal = ResponseTemplate::new(400).set_body_json(refusal);
    get(&server, VERSION, &at, &[("$filter", filter)], refusal).await;

    let client = client(&server.uri());
    let (from, to) = (date(2026, 11, 5), date(2026, 11, 6));
    let rows = client.reservation_details(&order(), from, to);
    let rows: Vec<ReservationDetail> = rows.try_collect().await.unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows[1].instance_id.ends_with("/w1"));
    assert_eq!(rows[1].instance_flexibility_ratio, "0.5");
    assert_eq!(rows[1].used_hours, Some(dec("23.75")));
    let account = ReservationScope::Billing(parse(ACCOUNT));
    let rows = client.reservation_details(&account, from, to);
    let error = rows.try_collect::<Vec<_>>().await.unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
    assert!(error.to_string().contains("too large"), "{error}");
}

#[tokio::test]
async fn transactions_are_read_in_both_shapes() {
    let server = MockServer::start().await;
    let legacy = json!({"name": "t1", "tags": [], "properties": {
        "eventDate": "2026-11-09T19:19:04Z",
        "reservationOrderId": "o-1",
        "eventType": "Refund",
        "quantity": 1,
        "amount": -210.75,
        "currency": "EUR",
        "currentEnrollment": "8611",
        "billingMonth": 20261101,
        "monetaryCommitment": 0,
        "term": "P1Y",
    }});
    let purchase = json!({"name": "t2", "properties": {
        "eventDate": "2026-11-02T07:00:00Z",
        "reservationOrderId": "o-1",
        "eventType": "Purchase",
        "amount": 900,
        "currency": "EUR",
    }});
    let filter = "properties/eventDate ge 2026-11-01 AND properties/eventDate le 2026-11-30";
    let at = tail(ACCOUNT, "reservationTransactions");
    get_two(
        &server,
        VERSION,
        &at,
        &[("$filter", filter)],
        [legacy.clone(), purchase],
    )
    .await;
    let markup = [
        ("$filter", filter),
        ("useMarkupIfPartner", "true"),
        ("previewMarkupPercentage", "12.5"),
    ];
    get(
        &server,
        VERSION,
        &at,
        &markup,
        ok(json!({"value": [legacy]})),
    )
    .await;
    let modern = json!({"name": "t3", "properties": {
        "eventDate": "2026-11-02T07:00:00Z",
        "reservationOrderId": "o-3",
        "eventType": "Purchase",
        "amount": 1.44,
        "currency": "USD",
        "invoice": "T000111",
        "billingProfileName": "Retail",
    }});
    let at = tail(PROFILE, "reservationTransactions");
    get(
        &server,
        VERSION,
        &at,
        &[("$filter", filter)],
        ok(json!({"value": [modern]})),
    )
    .await;

    let client = client(&server.uri());
    let (from, to) = (date(2026, 11, 1), date(2026, 12, 1));
    let rows = client.reservation_transactions(&parse(ACCOUNT), from, to);
    let rows: Vec<ReservationTransaction> = rows.try_collect().await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].event_type, "Refund");
    assert_eq!(rows[0].amount, dec("-210.75"));
    assert_eq!(rows[0].currency.code(), "EUR");
    assert_eq!(rows[0].billing_month, Some(date(2026, 11, 1)));
    assert_eq!(rows[0].monetary_commitment, Some(dec("0")));
    assert_eq!(rows[0].overage, None);
    assert_eq!(rows[1].amount, dec("900"));
    let rows =
        client.reservation_transactions_with_markup(&parse(ACCOUNT), from, to, Some(dec("12.5")));
    assert_eq!(rows.try_collect::<Vec<_>>().await.unwrap().len(), 1);
    let rows = client.reservation_transactions(&parse(PROFILE), from, to);
    let rows: Vec<ReservationTransaction> = rows.try_collect().await.unwrap();
    assert_eq!(rows[0].invoice, "T000111");
    assert_eq!(rows[0].billing_profile_name, "Retail");
    assert_eq!(rows[0].billing_month, None);
}

#[tokio::test]
async fn recommendations_are_read_by_their_kind() {
    let server = MockServer::start().await;
    let legacy = json!({
        "name": "r1", "kind": "legacy", "location": "westeurope", "sku": "Standard_E4s_v5",
        "properties": {
            "scope": "Single",
            "subscriptionId": "1f2e",
            "lookBackPeriod": "Last30Days",
            "term": "P1Y",
            "costWithNoReservedInstances": 120.5,
            "totalCostWithReservedInstances": 90,
            "netSavings": 30.5,
            "recommendedQuantity": 2,
            "instanceFlexibilityRatio": 1.5,
            "firstUsageDate": "2026-10-20T00:00:00-07:00",
            "totalHours": 720,
            "skuProperties": [{"name": "Cores", "value": "4"}],
        },
    });
    let modern = json!({
        "name": "r2", "kind": "modern",
        "properties": {
            "location": "westus",
            "skuName": "Standard_B2s",
            "scope": "Shared",
            "lookBackPeriod": 7,
            "term": "",
            "costWithNoReservedInstances": {"currency": "USD", "value": 12.5},
            "totalCostWithReservedInstances": {"currency": "USD", "value": 10},
            "netSavings": {"currency": "USD", "value": 2.5},
            "skuProperties": null,
        },
    });
    let other = json!({"name": "r3", "kind": "third", "properties": {"netSavings": [1]}});
    let at = tail("/subscriptions/1f2e", "reservationRecommendations");
    let filter = "properties/scope eq 'Shared' AND properties/resourceType eq 'it''s & more' AND \
                  properties/lookBackPeriod eq 'Last30Days'";
    let link = format!("{}{at}?api-version=2018-01-31&", server.uri());
    let first = ok(json!({"value": [legacy, modern], "nextLink": link, "previousLink": null}));
    get(&server, VERSION, &at, &[("$filter", filter)], first).await;
    get(
        &server,
        "2018-01-31",
        &at,
        &[],
        ok(json!({"value": [other]})),
    )
    .await;
    let wanted = RecommendationFilter {
        scope: Some("Shared".to_owned()),
        resource_type: Some("it's & more".to_owned()),
        look_back_period: Some("Last30Days".to_owned()),
    };
    let client = client(&server.uri());
    let rows = client.reservation_recommendations(&scope(), &wanted);
    let rows: Vec<ReservationRecommendation> = rows.try_collect().await.unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0].net_savings, Some(dec("30.5")));
    assert_eq!(rows[0].currency, None);
    assert_eq!(rows[0].sku, "Standard_E4s_v5");
    assert_eq!(rows[0].instance_flexibility_ratio, Some(dec("1.5")));
    assert_eq!(
        rows[0].first_usage_date,
        "2026-10-20T07:00:00Z".parse().ok()
    );
    assert_eq!(
        rows[0].sku_properties,
        [("Cores".to_owned(), "4".to_owned())]
    );
    assert_eq!(rows[1].net_savings, Some(dec("2.5")));
    assert_eq!(rows[1].currency, "USD".parse().ok());
    assert_eq!(rows[1].look_back_period, "Last7Days");
    assert_eq!(
        (&*rows[1].sku, &*rows[1].location),
        ("Standard_B2s", "westus")
    );
    assert_eq!((&*rows[2].kind, rows[2].net_savings), ("third", None));
}

fn details_query() -> RecommendationDetailsQuery {
    RecommendationDetailsQuery {
        scope: "Single".to_owned(),
        region: "westeurope".to_owned(),
        term: "P3Y".to_owned(),
        look_back_period: "Last7Days".to_owned(),
        product: "Standard_E4s_v5".to_owned(),
        subscription_id: Some("1f2e".to_owned()),
    }
}

async fn details(answer: ResponseTemplate) -> Result<Option<RecommendationDetails>, Error> {
    let server = MockServer::start().await;
    let at = tail(PROFILE, "reservationRecommendationDetails");
    let query = [
        ("scope", "Single"),
        ("region", "westeurope"),
        ("term", "P3Y"),
        ("lookBackPeriod", "Last7Days"),
        ("product", "Standard_E4s_v5"),
        ("$filter", "properties/subscriptionId eq 1f2e"),
    ];
    get(&server, VERSION, &at, &query, answer).await;
    let client = client(&server.uri());
    let profile = parse(PROFILE);
    client
        .reservation_recommendation_details(&profile, &details_query())
        .await
}

#[tokio::test]
async fn details_of_a_recommendation_are_there_or_not_or_refused() {
    let body = json!({"properties": {
        "currency": "AUD",
        "scope": "Single",
        "resourceGroup": null,
        "resource": {"appliedScopes": ["1f2e"], "onDemandRate": 0.0725, "reservationRate": 0.05,
            "product": "Standard_E4s_v5", "region": "westeurope", "resourceType": "virtualmachines"},
        "savings": {
            "calculatedSavings": [{"onDemandCost": 100.5, "overageCost": 0.0, "quantity": 2,
                "reservationCost": 130, "totalReservationCost": 130, "savings": -29.5}],
            "lookBackPeriod": 7, "recommendedQuantity": 1.0, "reservationOrderTerm": "P3Y",
            "savingsType": "instance", "unitOfMeasure": "hour"},
        "usage": {"firstConsumptionDate": "2026-11-10T00:00:00", "usageData": [1, 0.5, 2e-1],
            "usageGrain": "hourly"},
    }});
    let found = details(ok(body)).await.unwrap().unwrap();
    assert_eq!(found.currency.code(), "AUD");
    assert_eq!(found.on_demand_rate, Some(dec("0.0725")));
    assert_eq!(found.look_back_days, Some(7));
    assert_eq!(found.calculated_savings[0].savings, dec("-29.5"));
    assert_eq!(found.usage.usage_data, [dec("1"), dec("0.5"), dec("0.2")]);
    let first = "2026-11-10T00:00:00Z".parse().ok();
    assert_eq!(found.usage.first_consumption_date, first);

    assert_eq!(details(ResponseTemplate::new(204)).await.unwrap(), None);

    // Of this operation it is said that its errors are written with capitals.
    let refusal = json!({"Error": {"Code": "BadScope", "Message": "no such scope"}});
    let refusal = ResponseTemplate::new(400).set_body_json(refusal);
    let error = details(refusal).await.unwrap_err().to_string();
    assert!(error.ends_with("no such scope (BadScope)"), "{error}");
}

#[tokio::test]
async fn what_azure_does_not_serve_is_not_asked_for() {
    let server = silent_server().await;
    let client = client(&server.uri());
    let (from, to) = (date(2026, 11, 1), date(2026, 12, 1));
    let subscription = ReservationScope::Billing(scope());
    let rows = client.reservation_details(&subscription, from, to);
    let error = rows.try_collect::<Vec<_>>().await.unwrap_err().to_string();
    let words = "for a billing account or a billing profile, not for a subscription";
    assert!(error.contains(words), "{error}");
    let rows = client.reservation_details(&order(), to, from);
    let error = rows.try_collect::<Vec<_>>().await.unwrap_err().to_string();
    assert!(
        error.contains("no days from 2026-12-01 until before 2026-11-01"),
        "{error}"
    );
    let rows = client.reservation_transactions_with_markup(&parse(PROFILE), from, to, None);
    assert!(rows.try_collect::<Vec<_>>().await.is_err());
    let dots = ReservationScope::Order("..".to_owned());
    let rows = client.reservation_details(&dots, from, to);
    assert!(rows.try_collect::<Vec<_>>().await.is_err());
}
