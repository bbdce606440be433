//! Azure's usage details, served from a world.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures::stream;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::net::TcpListener;

use crate::world::{Agreement, CostRow, World};

/// How the stand-in answers.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose rows: `legacy` items of an Enterprise Agreement or `modern` ones of a Customer
    /// Agreement.
    pub agreement: Agreement,
    /// Rows on a page; `$top` may ask for fewer.
    pub page_rows: usize,
    /// Refuse requests without a bearer token. Any token will do.
    pub needs_token: bool,
    /// "Today", for requests that name no days and get the current month.
    pub today: Date,
    /// What goes wrong.
    pub faults: Faults,
}

impl Options {
    /// Legacy rows, 1,000 on a page, a token needed, no faults.
    pub fn new(today: Date) -> Options {
        Options {
            agreement: Agreement::Enterprise,
            page_rows: 1000,
            needs_token: true,
            today,
            faults: Faults::default(),
        }
    }
}

/// What goes wrong. Counted faults hit the first requests and then are over, in the order of the
/// fields.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Requests that are throttled.
    pub throttle: Option<Throttle>,
    /// Requests that get a 503 with a page of HTML.
    pub unavailable: u32,
    /// Answers that break off in the middle.
    pub cut: u32,
    /// How long every answer takes.
    pub delay: Duration,
    /// Whether each page links to itself.
    pub repeat_link: bool,
}

/// A 429 answer.
#[derive(Debug, Clone)]
pub struct Throttle {
    /// The header that tells the wait, for example
    /// `x-ms-ratelimit-microsoft.consumption-retry-after`; none if empty.
    pub header: String,
    /// The header's value.
    pub value: String,
    /// Number of requests that get it.
    pub times: u32,
}

/// Serves a world until the task is dropped.
///
/// ```no_run
/// # async fn run() -> std::io::Result<()> {
/// use azure_sandbox::{Options, example, serve};
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:7071").await?;
/// serve(listener, example::world(), Options::new(example::AS_OF)).await
/// # }
/// ```
pub async fn serve(listener: TcpListener, world: World, options: Options) -> io::Result<()> {
    axum::serve(listener, router(world, options)).await
}

/// The routes, for in-process calls.
pub fn router(world: World, options: Options) -> Router {
    let times = options
        .faults
        .throttle
        .as_ref()
        .map_or(0, |each| each.times);
    let sandbox = Sandbox {
        throttle: AtomicU32::new(times),
        unavailable: AtomicU32::new(options.faults.unavailable),
        cut: AtomicU32::new(options.faults.cut),
        world,
        options,
    };
    // Scopes have many shapes, so the path is taken apart by hand.
    Router::new().fallback(answer).with_state(Arc::new(sandbox))
}

struct Sandbox {
    world: World,
    options: Options,
    throttle: AtomicU32,
    unavailable: AtomicU32,
    cut: AtomicU32,
}

/// Takes one from a counted fault; false when it is used up.
fn takes_one(left: &AtomicU32) -> bool {
    let less = |count: u32| count.checked_sub(1);
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        .is_ok()
}

async fn answer(
    State(sandbox): State<Arc<Sandbox>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    let options = &sandbox.options;
    tokio::time::sleep(options.faults.delay).await;
    if let Some(throttle) = &options.faults.throttle
        && takes_one(&sandbox.throttle)
    {
        return throttled(throttle);
    }
    if takes_one(&sandbox.unavailable) {
        let page = "<html><body><h1>Service Unavailable</h1></body></html>";
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            [(CONTENT_TYPE, "text/html")],
            page,
        )
            .into_response();
    }
    let token = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let signed_in = token.is_some_and(|token| token.len() > 7 && token.starts_with("Bearer "));
    if options.needs_token && !signed_in {
        return refusal(
            StatusCode::UNAUTHORIZED,
            "AuthenticationFailed",
            "no token is present",
        );
    }
    let path = uri.path().to_ascii_lowercase();
    let Some(scope) = path.strip_suffix("/providers/microsoft.consumption/usagedetails") else {
        return refusal(
            StatusCode::NOT_FOUND,
            "InvalidResourceType",
            "no such operation",
        );
    };
    if method != Method::GET {
        return refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "only GET",
        );
    }
    if !parameters.contains_key("api-version") {
        let message = "the api-version query parameter is required";
        return refusal(
            StatusCode::BAD_REQUEST,
            "MissingApiVersionParameter",
            message,
        );
    }
    match usage_details(&sandbox, scope, &uri, &headers, &parameters) {
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Ok(Some(page)) if takes_one(&sandbox.cut) => cut_off(&page),
        Ok(Some(page)) => axum::Json(page).into_response(),
        Err(response) => *response,
    }
}

fn throttled(throttle: &Throttle) -> Response {
    let message = "too many requests";
    let mut response = refusal(StatusCode::TOO_MANY_REQUESTS, "429", message);
    let name = HeaderName::from_bytes(throttle.header.as_bytes());
    if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&throttle.value)) {
        response.headers_mut().insert(name, value);
    }
    response
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({"error": {"code": code, "message": message}});
    (status, axum::Json(body)).into_response()
}

/// Half an answer, and then the connection breaks.
fn cut_off(page: &Page) -> Response {
    let page = serde_json::to_vec(page).expect("pages hold nothing that JSON cannot");
    let half = page[..page.len() / 2].to_vec();
    let parts = [Ok(half), Err(io::Error::other("cut off on purpose"))];
    let body = Body::from_stream(stream::iter(parts));
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// A page of rows; `None` when the scope has none in these days.
fn usage_details(
    sandbox: &Sandbox,
    scope: &str,
    uri: &Uri,
    headers: &HeaderMap,
    parameters: &HashMap<String, String>,
) -> Result<Option<Page>, Box<Response>> {
    let Sandbox { world, options, .. } = sandbox;
    let parts: Vec<&str> = scope.trim_start_matches('/').split('/').collect();
    let subscription = match parts[..] {
        ["subscriptions", id] => {
            let mut ids = world.subscriptions.iter().map(|each| &each.id);
            if !ids.any(|known| known.eq_ignore_ascii_case(id)) {
                let message = "the subscription could not be found";
                let response = refusal(StatusCode::NOT_FOUND, "SubscriptionNotFound", message);
                return Err(Box::new(response));
            }
            Some(id)
        }
        [
            "providers",
            "microsoft.billing" | "microsoft.management",
            ..,
        ] if parts.len() >= 4 => None,
        _ => {
            let message = "the scope is not supported";
            let response = refusal(StatusCode::NOT_FOUND, "InvalidScope", message);
            return Err(Box::new(response));
        }
    };
    let (first, last) = asked_days(options, parameters);
    let top = number(parameters, "$top").unwrap_or(options.page_rows);
    let page_rows = options.page_rows.min(top).max(1);
    let skip = number(parameters, "$skiptoken").unwrap_or(0);
    let rows = world
        .rows_between(first, last)
        .filter(|row| subscription.is_none_or(|id| row.subscription.id.eq_ignore_ascii_case(id)));
    let mut rows = rows.skip(skip).peekable();
    if rows.peek().is_none() {
        return Ok(None);
    }
    let expand = parameters.get("$expand").map_or("", |value| value);
    let with_meter = expand.to_ascii_lowercase().contains("meterdetails");
    let numbered = rows.by_ref().take(page_rows).zip(skip..);
    let value = numbered.map(|(row, number)| item(&row, number, options.agreement, with_meter));
    let value = value.collect();
    let next = if options.faults.repeat_link {
        Some(skip)
    } else {
        rows.peek().map(|_| skip + page_rows)
    };
    Ok(Some(Page {
        value,
        next_link: next.map(|next| next_link(uri, headers, next)),
    }))
}

/// The same request with another token, absolute and as raw as Azure writes it.
fn next_link(uri: &Uri, headers: &HeaderMap, skip: usize) -> String {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    let host = host.unwrap_or("localhost");
    let query = uri.query().unwrap_or_default().split('&');
    let kept = query.filter(|part| !part.starts_with("$skiptoken="));
    let kept = kept.collect::<Vec<_>>().join("&");
    format!("http://{host}{}?{kept}&$skiptoken={skip}", uri.path())
}

fn number(parameters: &HashMap<String, String>, name: &str) -> Option<usize> {
    parameters.get(name)?.parse().ok()
}

/// First and last day, from whichever parameters the agreement reads.
fn asked_days(options: &Options, parameters: &HashMap<String, String>) -> (Date, Date) {
    let text = |name: &str| parameters.get(name).map_or("", |value| value);
    let (first, last) = match options.agreement.is_modern() {
        false => (
            quoted_after(text("$filter"), "usageStart ge "),
            quoted_after(text("$filter"), "usageEnd le "),
        ),
        true => (text("startDate").parse().ok(), text("endDate").parse().ok()),
    };
    (
        first.unwrap_or(options.today.first_of_month()),
        last.unwrap_or(options.today),
    )
}

fn quoted_after(filter: &str, words: &str) -> Option<Date> {
    let (_, rest) = filter.split_once(words)?;
    rest.split('\'').nth(1)?.parse().ok()
}

fn moment(date: Date) -> String {
    format!("{date}T00:00:00.0000000Z")
}

/// A decimal as a JSON number with all its digits.
fn raw(number: impl ToString) -> Box<RawValue> {
    RawValue::from_string(number.to_string()).expect("decimals print as JSON numbers")
}

#[derive(Serialize)]
struct Page {
    value: Vec<Item>,
    #[serde(rename = "nextLink", skip_serializing_if = "Option::is_none")]
    next_link: Option<String>,
}

#[derive(Serialize)]
struct Item {
    id: String,
    name: String,
    #[serde(rename = "type")]
    item_type: &'static str,
    kind: &'static str,
    tags: HashMap<String, String>,
    properties: Properties,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Properties {
    Legacy(Box<Legacy>),
    Modern(Box<Modern>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Legacy {
    billing_account_id: String,
    billing_period_start_date: String,
    billing_period_end_date: String,
    billing_profile_id: String,
    subscription_id: String,
    subscription_name: String,
    date: String,
    product: String,
    meter_details: Option<MeterDetails>,
    quantity: Box<RawValue>,
    effective_price: Box<RawValue>,
    cost: Box<RawValue>,
    unit_price: Box<RawValue>,
    billing_currency: String,
    resource_location: String,
    consumed_service: String,
    resource_id: String,
    resource_name: String,
    resource_group: String,
    is_azure_credit_eligible: bool,
    publisher_name: &'static str,
    publisher_type: &'static str,
    charge_type: String,
    frequency: &'static str,
    pricing_model: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MeterDetails {
    meter_name: String,
    meter_category: String,
    meter_sub_category: String,
    unit_of_measure: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Modern {
    billing_account_id: String,
    billing_period_start_date: String,
    billing_period_end_date: String,
    billing_profile_id: String,
    invoice_section_id: &'static str,
    subscription_guid: String,
    subscription_name: String,
    date: String,
    product: String,
    meter_name: String,
    meter_category: String,
    meter_sub_category: String,
    quantity: Box<RawValue>,
    unit_of_measure: &'static str,
    instance_name: String,
    cost_in_billing_currency: Box<RawValue>,
    cost_in_pricing_currency: Box<RawValue>,
    unit_price: Box<RawValue>,
    billing_currency_code: String,
    pricing_currency_code: String,
    exchange_rate: &'static str,
    resource_location: String,
    resource_location_normalized: String,
    consumed_service: String,
    additional_info: &'static str,
    resource_group: String,
    is_azure_credit_eligible: bool,
    publisher_name: &'static str,
    publisher_type: &'static str,
    charge_type: String,
    frequency: &'static str,
    pricing_model: &'static str,
    provider: &'static str,
}

fn item(row: &CostRow, number: usize, agreement: Agreement, with_meter: bool) -> Item {
    let name = format!("row-{number}");
    let subscription = &row.subscription.id;
    Item {
        id: format!(
            "/subscriptions/{subscription}/providers/Microsoft.Consumption/usageDetails/{name}"
        ),
        name,
        item_type: "Microsoft.Consumption/usageDetails",
        kind: match agreement.is_modern() {
            false => "legacy",
            true => "modern",
        },
        tags: row.group.tags.iter().cloned().collect(),
        properties: match agreement.is_modern() {
            false => Properties::Legacy(Box::new(legacy(row, with_meter))),
            true => Properties::Modern(Box::new(modern(row))),
        },
    }
}

fn legacy(row: &CostRow, with_meter: bool) -> Legacy {
    let (subscription, group, charge) = (row.subscription, row.group, row.charge);
    let (period_start, period_end) = row.billing_period();
    Legacy {
        billing_account_id: row.world.billing_account.clone(),
        billing_period_start_date: moment(period_start),
        billing_period_end_date: moment(period_end),
        billing_profile_id: row.world.billing_account.clone(),
        subscription_id: subscription.id.clone(),
        subscription_name: subscription.name.clone(),
        date: moment(row.date),
        product: format!("{} - {}", charge.service, charge.meter),
        meter_details: with_meter.then(|| MeterDetails {
            meter_name: charge.meter.clone(),
            meter_category: charge.service.clone(),
            meter_sub_category: String::new(),
            unit_of_measure: row.meter().unit_of_measure,
        }),
        quantity: raw(row.quantity),
        effective_price: raw(row.price),
        cost: raw(row.cost),
        unit_price: raw(row.price),
        billing_currency: subscription.currency.clone(),
        resource_location: charge.region.clone(),
        consumed_service: row.consumed_service().to_owned(),
        resource_id: row.resource_id(),
        resource_name: row.resource.clone(),
        resource_group: group.name.clone(),
        is_azure_credit_eligible: true,
        publisher_name: "Microsoft",
        publisher_type: "Azure",
        charge_type: row.charge_type.to_owned(),
        frequency: row.frequency(),
        pricing_model: "On Demand",
    }
}

fn modern(row: &CostRow) -> Modern {
    let (subscription, group, charge) = (row.subscription, row.group, row.charge);
    let (period_start, period_end) = row.billing_period();
    Modern {
        billing_account_id: row.world.billing_account.clone(),
        billing_period_start_date: moment(period_start),
        billing_period_end_date: moment(period_end),
        billing_profile_id: "PROFILE-1".to_owned(),
        invoice_section_id: "SECTION-1",
        subscription_guid: subscription.id.clone(),
        subscription_name: subscription.name.clone(),
        date: moment(row.date),
        product: format!("{} - {}", charge.service, charge.meter),
        meter_name: charge.meter.clone(),
        meter_category: charge.service.clone(),
        meter_sub_category: String::new(),
        quantity: raw(row.quantity),
        unit_of_measure: row.meter().unit_of_measure,
        instance_name: row.resource_id(),
        cost_in_billing_currency: raw(row.cost),
        cost_in_pricing_currency: raw(row.cost),
        unit_price: raw(row.price),
        billing_currency_code: subscription.currency.clone(),
        pricing_currency_code: subscription.currency.clone(),
        exchange_rate: "1",
        resource_location: charge.region.clone(),
        resource_location_normalized: charge.region.clone(),
        consumed_service: row.consumed_service().to_owned(),
        additional_info: "",
        resource_group: group.name.clone(),
        is_azure_credit_eligible: true,
        publisher_name: "Microsoft",
        publisher_type: "Microsoft",
        charge_type: row.charge_type.to_owned(),
        frequency: row.frequency(),
        pricing_model: "On Demand",
        provider: "Microsoft.Compute",
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use http_body_util::BodyExt;
    use jiff::civil::date;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;
    use crate::example::{self, PLATFORM_SUBSCRIPTION};

    const NOVEMBER: &str = "$filter=properties/usageStart%20ge%20%272026-11-01%27%20and%20\
properties/usageEnd%20le%20%272026-11-30%27&startDate=2026-11-01&endDate=2026-11-30";

    async fn ask(router: &Router, path: &str) -> (StatusCode, String) {
        let request = Request::get(path)
            .header(HOST, "127.0.0.1:7071")
            .header(AUTHORIZATION, "Bearer anything");
        let response = router.clone().oneshot(request.body(Body::empty()).unwrap());
        let response = response.await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn path(subscription: &str, query: &str) -> String {
        format!(
            "/subscriptions/{subscription}/providers/Microsoft.Consumption/usageDetails\
             ?api-version=2024-08-01&$expand=meterDetails&{query}"
        )
    }

    #[tokio::test]
    async fn following_the_links_gives_every_row_once() {
        for agreement in [Agreement::Enterprise, Agreement::Customer] {
            let options = Options {
                agreement,
                page_rows: 100,
                ..Options::new(example::AS_OF)
            };
            let router = router(example::world(), options);
            let mut next = Some(path(PLATFORM_SUBSCRIPTION, NOVEMBER));
            let mut names = Vec::new();
            while let Some(link) = next {
                let (status, body) = ask(&router, &link).await;
                assert_eq!(status, StatusCode::OK);
                let page: Value = serde_json::from_str(&body).unwrap();
                for item in page["value"].as_array().unwrap() {
                    names.push(item["name"].as_str().unwrap().to_owned());
                }
                next = page["nextLink"].as_str().map(str::to_owned);
            }
            let world = example::world();
            let rows = world.rows_between(date(2026, 11, 1), date(2026, 11, 30));
            let expected = rows
                .filter(|row| row.subscription.id == PLATFORM_SUBSCRIPTION)
                .count();
            assert!(expected > 200);
            assert_eq!(names.len(), expected);
            names.sort();
            names.dedup();
            assert_eq!(names.len(), expected);
        }
    }

    #[tokio::test]
    async fn costs_keep_all_their_digits() {
        let router = router(example::world(), Options::new(example::AS_OF));
        let (_, body) = ask(&router, &path(PLATFORM_SUBSCRIPTION, NOVEMBER)).await;
        let world = example::world();
        let first = world
            .rows_between(date(2026, 11, 1), date(2026, 11, 1))
            .next()
            .unwrap();
        assert!(body.contains(&format!("\"cost\":{},", first.cost)));
    }

    #[tokio::test]
    async fn what_azure_refuses_is_refused() {
        let router = router(example::world(), Options::new(example::AS_OF));
        let (status, body) = ask(&router, &path("nobody", NOVEMBER)).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(body.contains("SubscriptionNotFound"));
        let december = "$filter=properties/usageStart%20ge%20%272026-12-01%27";
        let (status, body) = ask(&router, &path(PLATFORM_SUBSCRIPTION, december)).await;
        assert_eq!((status, &*body), (StatusCode::NO_CONTENT, ""));
        let no_version = path(PLATFORM_SUBSCRIPTION, "").replace("api-version", "version");
        assert_eq!(ask(&router, &no_version).await.0, StatusCode::BAD_REQUEST);
        let request = Request::get(path(PLATFORM_SUBSCRIPTION, NOVEMBER));
        let response = router
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }

    #[tokio::test]
    async fn without_days_the_current_month_is_served() {
        let router = router(example::world(), Options::new(example::AS_OF));
        let (_, body) = ask(&router, &path(example::RESEARCH_SUBSCRIPTION, "")).await;
        let page: Value = serde_json::from_str(&body).unwrap();
        let items = page["value"].as_array().unwrap();
        let days = items
            .iter()
            .map(|item| item["properties"]["date"].as_str().unwrap());
        assert_eq!(days.clone().min(), Some("2026-11-01T00:00:00.0000000Z"));
        assert_eq!(days.max(), Some("2026-11-11T00:00:00.0000000Z"));
    }
}
