//! The skeleton: sign-in, roles, versions, faults and the controls, over usage details.

mod budgets;
mod documents;
mod queries;
mod reports;
mod standing;

use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use jiff::civil::date;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::example::{self, PLATFORM_SUBSCRIPTION};
use crate::scenario::Scenario;
use crate::world::Agreement;

const NOVEMBER: &str = "$filter=properties/usageStart%20ge%20%272026-11-01%27%20and%20\
properties/usageEnd%20le%20%272026-11-30%27&startDate=2026-11-01&endDate=2026-11-30";

/// A sandbox in this process, with a token.
pub(super) struct Local {
    router: Router,
    token: Option<String>,
}

impl Local {
    pub(super) fn new(options: Options) -> Local {
        Local::over(example::world(), options)
    }

    pub(super) fn over(world: World, options: Options) -> Local {
        Local {
            router: router(world, options),
            token: Some(token("https://management.azure.com")),
        }
    }

    /// From now on without a token.
    pub(super) fn sign_out(&mut self) {
        self.token = None;
    }

    /// Status, headers and text of an answer.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        body: &str,
    ) -> (StatusCode, axum::http::HeaderMap, String) {
        let path = path.strip_prefix("http://127.0.0.1:7071").unwrap_or(path);
        let mut request = Request::builder()
            .method(method)
            .uri(path.replace(' ', "%20"))
            .header(HOST, "127.0.0.1:7071");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = match body.collect().await {
            Ok(body) => String::from_utf8(body.to_bytes().to_vec()).unwrap(),
            Err(_) => "cut off".to_owned(),
        };
        (parts.status, parts.headers, body)
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call("GET", path, &Value::Null).await
    }

    /// Status and JSON of an answer; null if it is none.
    pub(super) async fn call(&self, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let (status, _, body) = self.send(method, path, &body).await;
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    /// All items of a list with `nextLink`.
    pub(super) async fn list(&self, path: &str) -> Vec<Value> {
        let mut next = Some(path.to_owned());
        let mut items = Vec::new();
        while let Some(link) = next {
            let (status, mut page) = self.get(&link).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            items.append(page["value"].as_array_mut().unwrap());
            next = page["nextLink"].as_str().map(str::to_owned);
        }
        items
    }
}

fn usage(subscription: &str, query: &str) -> String {
    format!(
        "/subscriptions/{subscription}/providers/Microsoft.Consumption/usageDetails\
         ?api-version=2024-08-01&$expand=meterDetails&{query}"
    )
}

fn options() -> Options {
    Options {
        page_rows: 100,
        ..Options::new(example::AS_OF)
    }
}

fn world_of(agreement: Agreement) -> World {
    World {
        agreement,
        ..example::world()
    }
}

fn with(fault: Fault) -> Local {
    Local::new(Options {
        faults: fault.into(),
        ..options()
    })
}

fn names(items: &[Value]) -> Vec<&str> {
    items
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn following_the_links_gives_every_row_once() {
    for agreement in [Agreement::Enterprise, Agreement::Customer] {
        let local = Local::over(world_of(agreement), options());
        let items = local.list(&usage(PLATFORM_SUBSCRIPTION, NOVEMBER)).await;
        let world = example::world();
        let rows = world.rows_between(date(2026, 11, 1), date(2026, 11, 30));
        let expected = rows.filter(|row| row.subscription.id == PLATFORM_SUBSCRIPTION);
        let expected = expected.count();
        assert!(expected > 200);
        assert_eq!(items.len(), expected);
        let mut names = names(&items);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), expected);
    }
}

#[tokio::test]
async fn harmless_pages_keep_the_rows_and_harmful_ones_do_not() {
    let path = usage(PLATFORM_SUBSCRIPTION, NOVEMBER);
    let right = Local::new(options()).list(&path).await;
    let mut right = names(&right);
    right.sort_unstable();
    for (mishap, is_harmless) in [
        (Mishap::EmptyPages, true),
        (Mishap::UnevenPages, true),
        (Mishap::ShuffledRows, true),
        (Mishap::ShuffledPages, true),
        (Mishap::RepeatedPage, false),
        (Mishap::RepeatedRow, false),
        (Mishap::SkippedRow, false),
    ] {
        let items = with(Fault::new(mishap.clone())).list(&path).await;
        let mut found = names(&items);
        found.sort_unstable();
        assert_eq!(found == right, is_harmless, "{mishap:?}");
    }
    let (_, page) = with(Fault::new(Mishap::OtherHost)).get(&path).await;
    let link = page["nextLink"].as_str().unwrap();
    assert!(
        link.starts_with("https://elsewhere.example/subscriptions/"),
        "{link}"
    );
    let (_, page) = with(Fault::new(Mishap::HttpLink)).get(&path).await;
    let link = page["nextLink"].as_str().unwrap();
    assert!(
        link.starts_with("http://management.azure.com/subscriptions/"),
        "{link}"
    );
    let looping = with(Fault::new(Mishap::SelfLink));
    let (_, first) = looping.get(&path).await;
    let (_, second) = looping.get(first["nextLink"].as_str().unwrap()).await;
    assert_eq!(first, second);
}

#[tokio::test]
async fn rows_of_a_profile_add_up_to_its_invoice_in_its_currency() {
    let world = Scenario::named("customer").unwrap().world;
    let account = format!(
        "/providers/Microsoft.Billing/billingAccounts/{}",
        world.billing_account
    );
    let profile = world.parents()[1];
    assert_eq!(profile.name, "Americas");
    let profile = format!("{account}/billingProfiles/{}", profile.id);
    let local = Local::over(world.clone(), Options::new(world.today));
    let asked = format!(
        "{profile}/providers/Microsoft.Consumption/usageDetails?api-version=2024-08-01\
         &startDate=2026-10-01&endDate=2026-10-31"
    );
    let number = |value: &Value| value.to_string().parse::<Decimal>().unwrap();
    let eight_tenths = Decimal::new(8, 1);
    let mut sum = Decimal::ZERO;
    for row in local.list(&asked).await {
        let row = &row["properties"];
        let cost = number(&row["costInBillingCurrency"]);
        assert_eq!(row["billingCurrencyCode"], "EUR");
        assert_eq!(row["pricingCurrencyCode"], "USD");
        assert_eq!(row["exchangeRatePricingToBilling"], json!(0.8));
        assert_eq!(number(&row["costInPricingCurrency"]) * eight_tenths, cost);
        sum += cost;
    }
    assert!(!sum.is_zero());
    let asked = format!(
        "{profile}/invoices?api-version=2024-04-01&periodStartDate=2026-11-01&periodEndDate=2026-11-30"
    );
    let invoices = local.list(&asked).await;
    let [invoice] = &invoices[..] else {
        panic!("{invoices:?}");
    };
    let invoice = &invoice["properties"];
    assert_eq!(invoice["subTotal"]["currency"], "EUR");
    assert_eq!(number(&invoice["subTotal"]["value"]), sum);
    // No credits are of this profile, and 19 % tax goes on top.
    let total = sum + (sum * Decimal::new(19, 2)).round_dp(2);
    assert_eq!(number(&invoice["totalAmount"]["value"]), total);
}

#[tokio::test]
async fn costs_keep_all_their_digits() {
    let local = Local::new(options());
    let (_, _, body) = local
        .send("GET", &usage(PLATFORM_SUBSCRIPTION, NOVEMBER), "")
        .await;
    let world = example::world();
    let mut rows = world.rows_between(date(2026, 11, 1), date(2026, 11, 1));
    let first = rows.next().unwrap();
    assert!(body.contains(&format!("\"cost\":{},", first.cost)));
}

#[tokio::test]
async fn what_azure_refuses_is_refused() {
    let mut local = Local::new(options());
    let (status, body) = local.get(&usage("nobody", NOVEMBER)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(body["error"]["code"], "SubscriptionNotFound");
    let december = "$filter=properties/usageStart%20ge%20%272026-12-01%27%20and%20\
                    properties/usageEnd%20le%20%272026-12-31%27";
    let (status, _, body) = local
        .send("GET", &usage(PLATFORM_SUBSCRIPTION, december), "")
        .await;
    assert_eq!((status, &*body), (StatusCode::NO_CONTENT, ""));
    let path = usage(PLATFORM_SUBSCRIPTION, NOVEMBER);
    for (path, code) in [
        (
            path.replace("api-version", "version"),
            "MissingApiVersionParameter",
        ),
        (
            path.replace("2024-08-01", "2099-01-01"),
            "InvalidApiVersionParameter",
        ),
        (usage(PLATFORM_SUBSCRIPTION, "$top=1001"), "BadRequest"),
        (usage(PLATFORM_SUBSCRIPTION, "$skiptoken=%%%"), "BadRequest"),
        (
            usage(PLATFORM_SUBSCRIPTION, "$filter=properties/cost gt 1"),
            "BadRequest",
        ),
    ] {
        let (status, body) = local.get(&path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(body["error"]["code"], code, "{path}");
    }
    assert_eq!(
        local.call("PUT", &path, &json!({})).await.0,
        StatusCode::METHOD_NOT_ALLOWED
    );
    let budget = "/providers/Microsoft.Consumption/usageDetails?api-version=2024-08-01";
    assert_eq!(
        local.get(&format!("/nothing/1{budget}")).await.1["error"]["code"],
        "InvalidScope"
    );
    local.token = None;
    let (status, headers, body) = local.send("GET", &path, "").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(headers.contains_key("www-authenticate") && body.contains("AuthenticationFailed"));
}

#[tokio::test]
async fn without_days_the_current_month_is_served() {
    let local = Local::new(options());
    let items = local.list(&usage(example::RESEARCH_SUBSCRIPTION, "")).await;
    let days = items
        .iter()
        .map(|item| item["properties"]["date"].as_str().unwrap());
    assert_eq!(days.clone().min(), Some("2026-11-01T00:00:00.0000000Z"));
    assert_eq!(days.max(), Some("2026-11-11T00:00:00.0000000Z"));
    let october = format!(
        "/subscriptions/{}/providers/Microsoft.Billing/billingPeriods/202610/providers/\
         Microsoft.Consumption/usageDetails?api-version=2024-08-01",
        example::RESEARCH_SUBSCRIPTION
    );
    let items = local.list(&october).await;
    let days = items
        .iter()
        .map(|item| item["properties"]["date"].as_str().unwrap());
    assert_eq!(days.clone().min(), Some("2026-10-01T00:00:00.0000000Z"));
    assert_eq!(days.max(), Some("2026-10-31T00:00:00.0000000Z"));
}

#[tokio::test]
async fn rows_are_filtered_by_what_azure_filters_by() {
    let local = Local::new(options());
    let by = |filter: &str| usage(PLATFORM_SUBSCRIPTION, &format!("$filter={filter}"));
    let items = local
        .list(&by("properties/resourceGroup eq 'PAYMENTS-PROD'"))
        .await;
    assert!(!items.is_empty());
    for item in &items {
        assert_eq!(item["properties"]["resourceGroup"], "payments-prod");
    }
    let tagged = local.list(&by("tags eq 'team:payments'")).await;
    assert_eq!(names(&tagged), names(&items));
}

#[tokio::test]
async fn roles_may_be_missing() {
    let denial = Denial {
        scope: format!("/subscriptions/{PLATFORM_SUBSCRIPTION}"),
        may_read: false,
    };
    let billing = Denial {
        scope: "/providers/microsoft.billing/billingAccounts/86420975".to_owned(),
        may_read: false,
    };
    let local = Local::new(Options {
        denials: vec![denial, billing],
        ..options()
    });
    let (status, body) = local.get(&usage(PLATFORM_SUBSCRIPTION, NOVEMBER)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(body["error"]["code"], "RBACAccessDenied");
    let (status, _) = local
        .get(&usage(example::SHARED_SUBSCRIPTION, NOVEMBER))
        .await;
    assert_eq!(status, StatusCode::OK);
    let account = "/providers/Microsoft.Billing/billingAccounts/86420975/providers/\
                   Microsoft.Consumption/usageDetails?api-version=2024-08-01";
    let (_, body) = local.get(account).await;
    assert_eq!(body["error"]["code"], "BillingAccessDenied");
}

#[tokio::test]
async fn tokens_come_from_both_endpoints_and_work() {
    let mut local = Local::new(options());
    local.token = None;
    let form = "grant_type=client_credentials&client_id=a&client_secret=sandbox-secret&\
                scope=https%3A%2F%2Fmanagement.azure.com%2F.default";
    let path = format!("/{TENANT}/oauth2/v2.0/token");
    let (status, _, body) = local.send("POST", &path, form).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    local.token = body["access_token"].as_str().map(str::to_owned);
    assert_eq!(
        local.get(&usage(PLATFORM_SUBSCRIPTION, NOVEMBER)).await.0,
        StatusCode::OK
    );
    let wrong = form.replace("sandbox-secret", "guess");
    let (status, _, body) = local.send("POST", &path, &wrong).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(body.contains("invalid_client"), "{body}");
    // The identity endpoint wants its header, which this client does not send.
    let identity = "/msi/token?api-version=2019-08-01&resource=https://management.azure.com";
    assert_eq!(local.get(identity).await.0, StatusCode::UNAUTHORIZED);
    let request = Request::get(identity).header("X-IDENTITY-HEADER", "sandbox-identity");
    let request = request.body(Body::empty()).unwrap();
    let response = local.router.clone().oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert!(body["expires_on"].as_str().unwrap().parse::<i64>().is_ok());
    local.token = body["access_token"].as_str().map(str::to_owned);
    assert_eq!(
        local.get(&usage(PLATFORM_SUBSCRIPTION, NOVEMBER)).await.0,
        StatusCode::OK
    );
}

#[tokio::test]
async fn faults_are_switched_and_requests_counted_at_run_time() {
    let local = Local::new(options());
    let path = usage(PLATFORM_SUBSCRIPTION, NOVEMBER);
    let faults = json!([
        {"what": {"throttled": {"x-ms-ratelimit-microsoft.consumption-retry-after": 7}}, "times": 1},
        {"what": {"html": {"status": 502}}, "times": 1},
        {"what": "no_content", "times": 1},
        {"what": "cut_off", "times": 1},
    ]);
    let (status, _) = local.call("PUT", "/sandbox/faults", &faults).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, headers, _) = local.send("GET", &path, "").await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        headers["x-ms-ratelimit-microsoft.consumption-retry-after"],
        "7"
    );
    let (status, headers, _) = local.send("GET", &path, "").await;
    assert_eq!(
        (status, &headers["content-type"]),
        (StatusCode::BAD_GATEWAY, &"text/html".parse().unwrap())
    );
    assert_eq!(local.send("GET", &path, "").await.0, StatusCode::NO_CONTENT);
    assert_eq!(local.send("GET", &path, "").await.2, "cut off");
    assert_eq!(local.send("GET", &path, "").await.0, StatusCode::OK);
    let (_, requests) = local.get("/sandbox/requests").await;
    assert_eq!(
        requests,
        json!({"total": 5, "operations": {"UsageDetails_List": 5}})
    );
    local.send("DELETE", "/sandbox/requests", "").await;
    assert_eq!(local.get("/sandbox/requests").await.1["total"], 0);
    let (status, _) = local
        .call("PUT", "/sandbox/today", &json!({"today": "2026-06-15"}))
        .await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let items = local.list(&usage(PLATFORM_SUBSCRIPTION, "")).await;
    assert_eq!(
        items[0]["properties"]["date"],
        "2026-06-01T00:00:00.0000000Z"
    );
    let (status, body) = local
        .call("PUT", "/sandbox/faults", &json!([{"what": "rain"}]))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body["error"]["message"].as_str().unwrap().contains("rain"));
}

#[tokio::test]
async fn amortized_rows_spread_what_actual_ones_pay_at_once() {
    let world = World {
        reservations: vec![crate::world::Reservation::new(
            "payments",
            PLATFORM_SUBSCRIPTION,
            "Standard_D4s_v5",
            1,
            3650.into(),
            date(2026, 11, 2),
        )],
        ..example::world()
    };
    let local = Local::over(world, options());
    let of_reservation = |items: Vec<Value>| -> Vec<f64> {
        let own = items.into_iter();
        let own = own.filter(|item| !item["properties"]["reservationId"].is_null());
        own.map(|item| item["properties"]["cost"].as_f64().unwrap())
            .collect()
    };
    let ask = |metric: &str| {
        usage(
            PLATFORM_SUBSCRIPTION,
            &format!("metric={metric}&{NOVEMBER}"),
        )
    };
    let actual = of_reservation(local.list(&ask("actualcost")).await);
    assert!((actual.iter().sum::<f64>() - 3650.0).abs() < 1e-6);
    // 16 days, from the 2nd to the 17th, of ten a day.
    let amortized = of_reservation(local.list(&ask("AmortizedCost")).await);
    assert!(
        (amortized.iter().sum::<f64>() - 160.0).abs() < 0.1,
        "{amortized:?}"
    );
    let wrong = local.get(&ask("estimated")).await;
    assert_eq!(wrong.0, StatusCode::BAD_REQUEST);
}
