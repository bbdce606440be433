//! Consumption usage details: the cost rows of a scope.

use std::ops::Range;

use budget_engine::{CostBasis, Currency, Scope, ScopeKind};
use futures::future::Either;
use futures::{Stream, StreamExt, stream};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{in_billing_period, short_path};
use crate::client::Client;
use crate::error::Error;
use crate::fields::not_json;
use crate::paging::{Page, Repeats, Resume, has_id, pages};
use crate::parameters::quoted;
use crate::request::Request;
use crate::wire::{self, Text};

/// Which usage rows to read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageQuery {
    /// First day.
    pub from: Date,
    /// Day after the last one.
    pub to: Date,
    /// Costs as billed, or spread over the days they serve. One read gives one of them.
    pub metric: CostBasis,
    /// A billing period by its name, such as `202611`, instead of days.
    pub billing_period: Option<String>,
    /// Rows of one resource group only, by its name. Azure cannot choose rows under a Customer
    /// Agreement.
    pub resource_group: Option<String>,
}

impl UsageQuery {
    /// The rows of the days from `from` until before `to`.
    pub fn new(from: Date, to: Date, metric: CostBasis) -> UsageQuery {
        UsageQuery {
            from,
            to,
            metric,
            billing_period: None,
            resource_group: None,
        }
    }

    /// The rows of a billing period, such as `202611`.
    pub fn of_billing_period(name: impl Into<String>, metric: CostBasis) -> UsageQuery {
        UsageQuery {
            billing_period: Some(name.into()),
            ..UsageQuery::new(Date::MIN, Date::MAX, metric)
        }
    }
}

/// One page of usage rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsagePage {
    /// The rows of the asked days, in the order of the answer. Rows that an earlier page held are
    /// left out.
    pub rows: Vec<UsageRow>,
    /// Items that are of neither known kind, so that their cost is not in `rows`.
    pub skipped: Vec<SkippedItem>,
    /// Where the next page begins; `None` on the last one. Kept together with what was made of the
    /// rows so far, it lets a later read go on without counting a row twice.
    pub next: Option<Resume>,
}

/// An item of a kind that this crate does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedItem {
    /// Number of the page, from 1.
    pub page: usize,
    /// Number of the item in its page, from 1.
    pub item: usize,
    /// The kind that it claims.
    pub kind: String,
}

/// The shape that a row came in, which tells the kind of agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UsageKind {
    /// Enterprise Agreement and pay-as-you-go.
    Legacy,
    /// Microsoft Customer Agreement and Partner Agreement.
    Modern,
}

/// The cost of one meter of one resource on one day. Text that Azure leaves out is `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageRow {
    /// The shape that it came in.
    pub kind: UsageKind,
    /// The day, UTC.
    pub date: Date,
    /// Cost before tax; negative for refunds and credits.
    pub cost: Decimal,
    /// Currency of the cost: the billing currency.
    pub currency: Currency,
    /// Azure's charge type, for example `Usage` or `Purchase`.
    pub charge_type: String,
    /// `UsageBased`, `Recurring` or `OneTime`.
    pub frequency: String,
    /// `On Demand`, `Reservation`, `SavingsPlan` or `Spot`.
    pub pricing_model: String,
    /// Subscription id.
    pub subscription_id: String,
    /// Subscription name.
    pub subscription_name: String,
    /// Resource group name.
    pub resource_group: String,
    /// Full resource id.
    pub resource_id: String,
    /// Region.
    pub region: String,
    /// Service that metered the use, for example `Microsoft.Storage`.
    pub consumed_service: String,
    /// Meter category, for example `Virtual Machines`.
    pub meter_category: String,
    /// Meter subcategory.
    pub meter_subcategory: String,
    /// Meter name.
    pub meter_name: String,
    /// Who sells the service.
    pub publisher_name: String,
    /// `Azure` or `Microsoft`, `Marketplace`, or another cloud.
    pub publisher_type: String,
    /// Reservation or savings plan that applied.
    pub benefit_id: String,
    /// Cost center.
    pub cost_center: String,
    /// Billing account id.
    pub billing_account_id: String,
    /// Billing profile id; under an Enterprise Agreement it repeats the account.
    pub billing_profile_id: String,
    /// Invoice section id (Microsoft Customer Agreement).
    pub invoice_section_id: String,
    /// Invoice section (Microsoft Customer Agreement) or department (Enterprise), by name.
    pub invoice_section_name: String,
    /// Tags, names in Azure's spelling.
    pub tags: Vec<(String, String)>,
}

impl UsageRow {
    /// A row with nothing but a cost, for sources that know less.
    pub fn new(kind: UsageKind, date: Date, cost: Decimal, currency: Currency) -> UsageRow {
        UsageRow {
            kind,
            date,
            cost,
            currency,
            charge_type: String::new(),
            frequency: String::new(),
            pricing_model: String::new(),
            subscription_id: String::new(),
            subscription_name: String::new(),
            resource_group: String::new(),
            resource_id: String::new(),
            region: String::new(),
            consumed_service: String::new(),
            meter_category: String::new(),
            meter_subcategory: String::new(),
            meter_name: String::new(),
            publisher_name: String::new(),
            publisher_type: String::new(),
            benefit_id: String::new(),
            cost_center: String::new(),
            billing_account_id: String::new(),
            billing_profile_id: String::new(),
            invoice_section_id: String::new(),
            invoice_section_name: String::new(),
            tags: Vec::new(),
        }
    }
}

impl Client {
    /// The usage rows of a scope, page by page.
    ///
    /// The stream ends after the last page or after the first error. After an error the rows that
    /// came before it are a part of the whole: discard them.
    ///
    /// Azure serves this for subscriptions, management groups, billing accounts and what they
    /// are divided into, but not for resource groups: read the subscription.
    pub fn usage_details(
        &self,
        scope: &Scope,
        query: &UsageQuery,
    ) -> impl Stream<Item = Result<UsagePage, Error>> + Send + use<> {
        self.usage_details_from(scope, query, None)
    }

    /// The same, from [`UsagePage::next`] of an earlier read of the same scope and query.
    pub fn usage_details_from(
        &self,
        scope: &Scope,
        query: &UsageQuery,
        resume: Option<&Resume>,
    ) -> impl Stream<Item = Result<UsagePage, Error>> + Send + use<> {
        let operation = format!("read usage details of {scope}");
        let path = match usage_path(&operation, scope, query) {
            Ok(path) => path,
            Err(error) => return Either::Left(stream::once(async { Err(error) })),
        };
        let url = self.url(&path, TAIL, &usage_parameters(scope, query));
        let request = Request::get(&*operation, url);
        let resume = resume.cloned();
        let is_rest = resume.is_some();
        let pages = pages(
            self.transport.clone(),
            request,
            resume,
            |answer, number, repeats| read_page(&answer.body, number, repeats),
        );
        let mut days = Days {
            asked: query.from..query.to,
            rows: 0,
            // An earlier read may have found the rows of the asked days.
            of_asked: usize::from(is_rest),
        };
        Either::Right(pages.map(move |page| {
            let (mut page, next) = page?;
            days.keep(&mut page.rows);
            page.next = next;
            if page.next.is_none() && days.are_others() {
                let problem = "the rows are of other days than those asked for";
                return Err(Error::unexpected(&operation, problem));
            }
            Ok(page)
        }))
    }
}

/// The days that are asked for, and what a read has brought of them.
struct Days {
    asked: Range<Date>,
    rows: usize,
    of_asked: usize,
}

impl Days {
    /// Leaves the rows of the asked days. The day after them is asked for as well and shows, too,
    /// that the service minds the days.
    fn keep(&mut self, rows: &mut Vec<UsageRow>) {
        let Range { start, end } = self.asked;
        self.rows += rows.len();
        let around = rows.iter().filter(|row| (start..=end).contains(&row.date));
        self.of_asked += around.count();
        rows.retain(|row| self.asked.contains(&row.date));
    }

    /// Whether there were rows, all of other days: a service that ignored the days. Without an
    /// error the asked days would cost nothing.
    fn are_others(&self) -> bool {
        self.rows > 0 && self.of_asked == 0
    }
}

const TAIL: &str = "/providers/Microsoft.Consumption/usageDetails";

/// The path of the scope, which for departments and enrollment accounts leaves out the billing
/// account in front.
fn usage_path(operation: &str, scope: &Scope, query: &UsageQuery) -> Result<String, Error> {
    if scope.kind() == ScopeKind::ResourceGroup {
        let problem = "Azure has no usage details of a resource group; read its subscription";
        return Err(Error::not_sent(operation, problem));
    }
    if query.resource_group.is_some() && !reads(scope).0 {
        let problem = "Azure cannot choose rows under a Customer Agreement";
        return Err(Error::not_sent(operation, problem));
    }
    let path = short_path(operation, scope)?;
    match &query.billing_period {
        Some(name) => in_billing_period(operation, &path, name),
        None => Ok(path),
    }
}

/// Whether a scope may read `$filter`, and whether it may read `startDate` and `endDate`.
fn reads(scope: &Scope) -> (bool, bool) {
    match scope.kind() {
        ScopeKind::ManagementGroup | ScopeKind::Department | ScopeKind::EnrollmentAccount => {
            (true, false)
        }
        ScopeKind::BillingProfile | ScopeKind::InvoiceSection | ScopeKind::Customer => {
            (false, true)
        }
        // Ids of Customer Agreements have several parts, joined by colons.
        ScopeKind::BillingAccount if scope.id().contains(':') => (false, true),
        ScopeKind::BillingAccount => (true, false),
        _ => (true, true),
    }
}

/// The query parameters.
///
/// The days are asked for twice, because the two kinds of agreement read different parameters:
/// Enterprise and pay-as-you-go read `$filter`, Customer Agreements read `startDate` and
/// `endDate` and have no use for `$filter`. Only where the kind of scope tells the agreement is
/// just one of them sent; a subscription can be under either. Both ends are written down
/// nowhere as inclusive or exclusive, so one day more is asked for; rows outside the asked days
/// are left out when they arrive, also when neither is understood and the answer is the current
/// billing period.
fn usage_parameters(scope: &Scope, query: &UsageQuery) -> String {
    let UsageQuery {
        from, to, metric, ..
    } = query;
    let metric = match metric {
        CostBasis::Actual => "actualcost",
        CostBasis::Amortized => "amortizedcost",
    };
    let (by_filter, by_range) = reads(scope);
    let by_day = query.billing_period.is_none();
    let mut parameters =
        format!("api-version=2024-08-01&metric={metric}&$expand=meterDetails&$top=1000");
    let mut conditions = Vec::new();
    if by_filter && by_day {
        conditions.push(format!(
            "properties/usageStart ge '{from}' and properties/usageEnd le '{to}'"
        ));
    }
    if let Some(name) = &query.resource_group {
        conditions.push(format!("properties/resourceGroup eq {}", quoted(name)));
    }
    if !conditions.is_empty() {
        parameters.push_str("&$filter=");
        parameters.push_str(&conditions.join(" and "));
    }
    if by_range && by_day {
        parameters.push_str(&format!("&startDate={from}&endDate={to}"));
    }
    parameters
}

#[derive(Deserialize)]
struct WirePage<'a> {
    #[serde(borrow)]
    value: Option<Vec<&'a RawValue>>,
    #[serde(default, rename = "nextLink")]
    next_link: Text,
}

#[derive(Deserialize)]
struct WireItem<'a> {
    #[serde(default)]
    kind: Text,
    #[serde(borrow)]
    tags: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
}

/// Rows of Enterprise Agreements and pay-as-you-go.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Legacy<'a> {
    date: Text,
    #[serde(borrow)]
    cost: Option<&'a RawValue>,
    billing_currency: Text,
    charge_type: Text,
    frequency: Text,
    pricing_model: Text,
    subscription_id: Text,
    subscription_name: Text,
    resource_group: Text,
    resource_id: Text,
    resource_location: Text,
    consumed_service: Text,
    meter_details: Option<MeterDetails>,
    publisher_name: Text,
    publisher_type: Text,
    benefit_id: Text,
    reservation_id: Text,
    cost_center: Text,
    billing_account_id: Text,
    billing_profile_id: Text,
    invoice_section: Text,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct MeterDetails {
    meter_name: Text,
    meter_category: Text,
    meter_sub_category: Text,
}

/// Rows of Microsoft Customer and Partner Agreements.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Modern<'a> {
    date: Text,
    #[serde(borrow)]
    cost_in_billing_currency: Option<&'a RawValue>,
    billing_currency_code: Text,
    charge_type: Text,
    frequency: Text,
    pricing_model: Text,
    subscription_guid: Text,
    subscription_name: Text,
    resource_group: Text,
    instance_name: Text,
    resource_location: Text,
    resource_location_normalized: Text,
    consumed_service: Text,
    meter_category: Text,
    meter_sub_category: Text,
    meter_name: Text,
    publisher_name: Text,
    publisher_type: Text,
    benefit_id: Text,
    reservation_id: Text,
    cost_center: Text,
    billing_account_id: Text,
    billing_profile_id: Text,
    invoice_section_id: Text,
    invoice_section_name: Text,
}

/// Reads one page's body; also used on published examples.
fn read_page(body: &[u8], page: usize, repeats: &mut Repeats) -> Result<Page<UsagePage>, String> {
    let wire: WirePage = serde_json::from_slice(body)
        .map_err(|error| format!("page {page} {}", not_json(&error)))?;
    let items = wire
        .value
        .ok_or_else(|| format!("`value` is missing in page {page}"))?;
    let items = repeats.without_repeated(items, has_id);
    let mut read = UsagePage::default();
    read.rows.reserve(items.len());
    for (index, raw) in items.into_iter().enumerate() {
        let item = index + 1;
        match read_item(raw) {
            Ok(Item::Row(row)) => read.rows.push(*row),
            Ok(Item::OfKind(kind)) => read.skipped.push(SkippedItem { page, item, kind }),
            Err(problem) => return Err(format!("{problem} in item {item} of page {page}")),
        }
    }
    Ok(Page {
        content: read,
        next: Some(wire.next_link.0),
    })
}

enum Item {
    Row(Box<UsageRow>),
    OfKind(String),
}

fn read_item(raw: &RawValue) -> Result<Item, String> {
    let item: WireItem = serde_json::from_str(raw.get()).map_err(|error| not_json(&error))?;
    let properties = || {
        let properties = item.properties.ok_or_else(|| missing("properties"))?;
        Ok::<&str, String>(properties.get())
    };
    let wrong = |error: serde_json::Error| format!("`properties` {}", not_json(&error));
    let mut row = match &*item.kind.0 {
        "" => return Err(missing("kind")),
        kind if kind.eq_ignore_ascii_case("legacy") => {
            let legacy: Legacy = serde_json::from_str(properties()?).map_err(wrong)?;
            legacy.into_row()?
        }
        kind if kind.eq_ignore_ascii_case("modern") => {
            let modern: Modern = serde_json::from_str(properties()?).map_err(wrong)?;
            modern.into_row()?
        }
        kind => return Ok(Item::OfKind(crate::error::printable(kind, 40))),
    };
    row.tags = item.tags.map(tags).unwrap_or_default();
    Ok(Item::Row(Box::new(row)))
}

impl Legacy<'_> {
    fn into_row(self) -> Result<UsageRow, String> {
        let meter = self.meter_details.unwrap_or_default();
        Ok(UsageRow {
            kind: UsageKind::Legacy,
            date: day("date", &self.date)?,
            cost: amount("cost", self.cost)?,
            currency: currency("billingCurrency", &self.billing_currency)?,
            charge_type: self.charge_type.0,
            frequency: self.frequency.0,
            pricing_model: self.pricing_model.0,
            subscription_id: self.subscription_id.0,
            subscription_name: self.subscription_name.0,
            resource_group: self.resource_group.0,
            resource_id: self.resource_id.0,
            region: self.resource_location.0,
            consumed_service: self.consumed_service.0,
            meter_category: meter.meter_category.0,
            meter_subcategory: meter.meter_sub_category.0,
            meter_name: meter.meter_name.0,
            publisher_name: self.publisher_name.0,
            publisher_type: self.publisher_type.0,
            benefit_id: first(self.benefit_id, self.reservation_id),
            cost_center: self.cost_center.0,
            billing_account_id: self.billing_account_id.0,
            billing_profile_id: self.billing_profile_id.0,
            invoice_section_id: String::new(),
            invoice_section_name: self.invoice_section.0,
            tags: Vec::new(),
        })
    }
}

impl Modern<'_> {
    fn into_row(self) -> Result<UsageRow, String> {
        Ok(UsageRow {
            kind: UsageKind::Modern,
            date: day("date", &self.date)?,
            cost: amount("costInBillingCurrency", self.cost_in_billing_currency)?,
            currency: currency("billingCurrencyCode", &self.billing_currency_code)?,
            charge_type: self.charge_type.0,
            frequency: self.frequency.0,
            pricing_model: self.pricing_model.0,
            subscription_id: self.subscription_guid.0,
            subscription_name: self.subscription_name.0,
            resource_group: self.resource_group.0,
            resource_id: self.instance_name.0,
            region: first(self.resource_location, self.resource_location_normalized),
            consumed_service: self.consumed_service.0,
            meter_category: self.meter_category.0,
            meter_subcategory: self.meter_sub_category.0,
            meter_name: self.meter_name.0,
            publisher_name: self.publisher_name.0,
            publisher_type: self.publisher_type.0,
            benefit_id: first(self.benefit_id, self.reservation_id),
            cost_center: self.cost_center.0,
            billing_account_id: self.billing_account_id.0,
            billing_profile_id: self.billing_profile_id.0,
            invoice_section_id: self.invoice_section_id.0,
            invoice_section_name: self.invoice_section_name.0,
            tags: Vec::new(),
        })
    }
}

fn first(one: Text, other: Text) -> String {
    if one.0.is_empty() { other.0 } else { one.0 }
}

fn missing(field: &str) -> String {
    format!("`{field}` is missing")
}

fn day(field: &str, text: &Text) -> Result<Date, String> {
    if text.0.is_empty() {
        return Err(missing(field));
    }
    wire::day(&text.0).ok_or_else(|| format!("`{field}` is not a day"))
}

fn amount(field: &str, raw: Option<&RawValue>) -> Result<Decimal, String> {
    match raw.map(|raw| (raw, raw.get())) {
        None | Some((_, "null" | "\"\"")) => Err(missing(field)),
        Some((raw, _)) => wire::decimal(raw).ok_or_else(|| format!("`{field}` is not an amount")),
    }
}

fn currency(field: &str, text: &Text) -> Result<Currency, String> {
    if text.0.is_empty() {
        return Err(missing(field));
    }
    let known = text.0.parse();
    known.map_err(|_| format!("`{field}` is not a known currency"))
}

/// Tags are a map of text; a row whose tags have another shape has none.
fn tags(raw: &RawValue) -> Vec<(String, String)> {
    let map: Option<std::collections::BTreeMap<String, Text>> =
        serde_json::from_str(raw.get()).unwrap_or_default();
    let map = map.unwrap_or_default();
    map.into_iter()
        .map(|(name, value)| (name, value.0))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn scope(path: &str) -> Scope {
        Scope::parse(path).unwrap()
    }

    fn legacy() -> Value {
        json!({
            "kind": "legacy",
            "tags": {"Env": "prod", "count": 3},
            "properties": {
                "date": "2026-11-03T00:00:00.0000000Z",
                "cost": 1.25,
                "billingCurrency": "EUR",
                "subscriptionId": "1f2e",
                "meterDetails": {"meterName": "D2 v5", "meterCategory": "Virtual Machines"},
                "somethingNew": {"deep": [1, 2]},
            },
        })
    }

    fn read(items: Value) -> Result<UsagePage, String> {
        let body = json!({"value": items}).to_string();
        read_page(body.as_bytes(), 4, &mut Repeats::default()).map(|page| page.content)
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_with_its_place() {
        for (field, value, problem) in [
            ("cost", Value::Null, "`cost` is missing in item 2 of page 4"),
            (
                "cost",
                json!("much"),
                "`cost` is not an amount in item 2 of page 4",
            ),
            ("date", Value::Null, "`date` is missing in item 2 of page 4"),
            (
                "date",
                json!("soon"),
                "`date` is not a day in item 2 of page 4",
            ),
            (
                "billingCurrency",
                json!(""),
                "`billingCurrency` is missing in item 2 of page 4",
            ),
            (
                "billingCurrency",
                json!("ZZZ"),
                "`billingCurrency` is not a known currency in item 2 of page 4",
            ),
        ] {
            let mut second = legacy();
            second["properties"][field] = value;
            assert_eq!(read(json!([legacy(), second])).unwrap_err(), problem);
        }
        let error = read(json!([{"kind": "legacy"}])).unwrap_err();
        assert_eq!(error, "`properties` is missing in item 1 of page 4");
        assert!(
            read(json!([{"properties": {}}]))
                .unwrap_err()
                .contains("`kind`")
        );
        assert!(read(json!([7])).unwrap_err().contains("has another shape"));
        let error = read_page(b"{}", 1, &mut Repeats::default()).unwrap_err();
        assert_eq!(error, "`value` is missing in page 1");
    }

    #[test]
    fn a_third_kind_is_counted_and_the_rest_is_read() {
        let page = read(json!([{"kind": "postmodern", "properties": {}}, legacy()])).unwrap();
        assert_eq!(page.rows.len(), 1);
        let skipped = SkippedItem {
            page: 4,
            item: 1,
            kind: "postmodern".to_owned(),
        };
        assert_eq!(page.skipped, [skipped]);
    }

    #[test]
    fn tags_are_a_map_or_nothing() {
        let mut item = legacy();
        let page = read(json!([item])).unwrap();
        let tag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(page.rows[0].tags, [tag("Env", "prod"), tag("count", "3")]);
        for none in [Value::Null, json!([{"env": "prod"}]), json!("env")] {
            item["tags"] = none;
            assert_eq!(read(json!([item])).unwrap().rows[0].tags, []);
        }
    }

    #[test]
    fn the_last_page_has_no_link_in_three_ways() {
        for (body, link) in [
            (r#"{"value":[]}"#, ""),
            (r#"{"value":[],"nextLink":null}"#, ""),
            (r#"{"value":[],"nextLink":""}"#, ""),
            (r#"{"value":[],"nextLink":"https://x/y"}"#, "https://x/y"),
        ] {
            let found = read_page(body.as_bytes(), 1, &mut Repeats::default())
                .unwrap()
                .next;
            assert_eq!(found.as_deref(), Some(link));
        }
    }

    #[test]
    fn each_kind_of_scope_is_asked_in_its_own_way() {
        let november = UsageQuery::new(
            jiff::civil::date(2026, 11, 1),
            jiff::civil::date(2026, 12, 1),
            CostBasis::Amortized,
        );
        let account = "/providers/Microsoft.Billing/billingAccounts/1";
        for (path, start, filter, range) in [
            ("/subscriptions/s", "/subscriptions/s", true, true),
            (
                account,
                "/providers/Microsoft.Billing/billingAccounts/1",
                true,
                false,
            ),
            (
                "/providers/Microsoft.Billing/billingAccounts/1:2_2019-05-31",
                "/providers/Microsoft.Billing/billingAccounts/1:2_2019-05-31",
                false,
                true,
            ),
            (
                &format!("{account}/departments/7"),
                "/providers/Microsoft.Billing/departments/7",
                true,
                false,
            ),
            (
                &format!("{account}/billingProfiles/p"),
                "/providers/Microsoft.Billing/billingAccounts/1/billingProfiles/p",
                false,
                true,
            ),
        ] {
            let scope = scope(path);
            assert!(
                usage_path("read", &scope, &november).unwrap() == start,
                "{path}"
            );
            let parameters = usage_parameters(&scope, &november);
            assert_eq!(
                parameters.contains("usageEnd le '2026-12-01'"),
                filter,
                "{path}"
            );
            assert_eq!(parameters.contains("&endDate=2026-12-01"), range, "{path}");
            assert!(parameters.contains("&metric=amortizedcost&"));
        }
        assert!(
            usage_path(
                "read",
                &scope("/subscriptions/s/resourceGroups/g"),
                &november
            )
            .is_err()
        );
        assert!(usage_path("read", &scope("/subscriptions/.."), &november).is_err());
    }
}
