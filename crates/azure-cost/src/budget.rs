//! Azure budgets, as both Microsoft.Consumption and Microsoft.CostManagement keep them.

use std::collections::BTreeMap;

use budget_engine::Money;
use futures::Stream;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;
use url::Url;

use crate::client::Client;
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::items;
use crate::request::{Repeat, Request};
use crate::wire;

/// A budget that Azure keeps and evaluates itself.
///
/// Azure has no partial update: what is put replaces the whole budget, so change one that was read.
/// In JSON it has Azure's own shape, and what was read from JSON is written with the same meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Budget {
    /// Path of the budget; `""` for one that Azure does not know yet.
    pub id: String,
    /// Name: 1 to 63 letters, digits, `_` and `-`.
    pub name: String,
    /// Version that was read, its inner quotes included. A put with it fails with
    /// [`Error::Conflict`] if the budget was changed since; without it the last writer wins.
    pub etag: Option<String>,
    /// `Cost`, or `ReservationUtilization` at Cost Management.
    pub category: String,
    /// Limit, in the billing currency of the scope. A `Cost` budget has one, others do not.
    pub amount: Option<Decimal>,
    /// `Monthly`, `Quarterly` or `Annually`; `BillingMonth`, `BillingQuarter` or `BillingAnnual`
    /// for pay-as-you-go; `Last7Days` or `Last30Days` for reservation utilization.
    pub time_grain: String,
    /// When it is in force.
    pub time_period: BudgetPeriod,
    /// Which costs count.
    pub filter: BudgetFilter,
    /// Who is told when, by a key that the writer chooses.
    pub notifications: BTreeMap<String, BudgetNotification>,
    /// Spend at Azure's last evaluation, up to a day ago. Read only.
    pub current_spend: Option<BudgetSpend>,
    /// Azure's forecast of the period; only with a `Forecasted` notification. Read only.
    pub forecast_spend: Option<BudgetSpend>,
}

/// When a budget is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct BudgetPeriod {
    /// Beginning: the first of a month, not to be changed later.
    #[serde(rename = "startDate")]
    pub start: Timestamp,
    /// End; without one Azure takes ten years.
    #[serde(rename = "endDate", skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
}

/// Which costs count: those that meet all of `all` and do not meet `not`.
///
/// In JSON it has Azure's own shape; a filter with unknown parts cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BudgetFilter {
    /// Conditions that a cost has to meet; none of them means every cost.
    pub all: Vec<BudgetCondition>,
    /// A condition that a cost must not meet. Only older budgets have one.
    pub not: Option<BudgetCondition>,
    /// Names of parts that this crate does not know, such as `or`. A budget with such parts is
    /// shown and not put, because they would be lost.
    pub unknown: Vec<String>,
}

/// One condition of a filter.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum BudgetCondition {
    /// On a dimension, for example `ResourceGroupName` or `MeterCategory`.
    Dimensions(BudgetComparison),
    /// On a tag.
    Tags(BudgetComparison),
}

/// What a condition compares.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BudgetComparison {
    /// Name of the dimension or tag, in Azure's spelling.
    pub name: String,
    /// `In`; Azure has no other.
    pub operator: String,
    /// The values, one of which has to be met.
    pub values: Vec<String>,
}

/// Who is told about a budget, and when.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BudgetNotification {
    /// Whether it is on.
    pub enabled: bool,
    /// `GreaterThan` or `GreaterThanOrEqualTo`; `LessThan` for reservation utilization.
    pub operator: String,
    /// Percent of the amount, 0 to 1000 with two decimals; for reservation utilization percent of
    /// what is reserved, 0 to 100.
    #[serde(serialize_with = "number")]
    pub threshold: Decimal,
    /// `Actual` or `Forecasted`; `""` counts as `Actual`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub threshold_type: String,
    /// Mail addresses; above five Azure may refuse. Needed except where a group is told.
    pub contact_emails: Vec<String>,
    /// Names of roles, such as `Owner`; at subscriptions and resource groups only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contact_roles: Vec<String>,
    /// Ids of action groups; at subscriptions and resource groups only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contact_groups: Vec<String>,
    /// Language of the mails, for example `de-de`; `""` leaves it to Azure.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub locale: String,
    /// Silence after an alert on reservation utilization: `Daily`, `Weekly` or `Monthly`; `""`
    /// elsewhere.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub frequency: String,
}

/// An amount that Azure worked out for a budget.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BudgetSpend {
    /// How much.
    #[serde(serialize_with = "number")]
    pub amount: Decimal,
    /// Of what: a currency code, for cost budgets.
    pub unit: String,
}

impl Budget {
    /// A cost budget without filter and notifications.
    pub fn new(
        name: impl Into<String>,
        amount: Decimal,
        time_grain: impl Into<String>,
        time_period: BudgetPeriod,
    ) -> Budget {
        Budget {
            amount: Some(amount),
            ..Budget::of_category(COST, name, time_grain, time_period)
        }
    }

    /// A budget on how well reservations are used, without filter and notifications. It has no
    /// amount, and Azure wants exactly one notification. The grain is `Last7Days` or `Last30Days`.
    pub fn of_reservations(
        name: impl Into<String>,
        time_grain: impl Into<String>,
        time_period: BudgetPeriod,
    ) -> Budget {
        Budget::of_category(RESERVATION_UTILIZATION, name, time_grain, time_period)
    }

    fn of_category(
        category: &str,
        name: impl Into<String>,
        time_grain: impl Into<String>,
        time_period: BudgetPeriod,
    ) -> Budget {
        Budget {
            id: String::new(),
            name: name.into(),
            etag: None,
            category: category.to_owned(),
            amount: None,
            time_grain: time_grain.into(),
            time_period,
            filter: BudgetFilter::default(),
            notifications: BTreeMap::new(),
            current_spend: None,
            forecast_spend: None,
        }
    }

    pub(crate) fn read(item: &Fields) -> Result<Budget, String> {
        let properties = item.object("properties")?;
        let category = properties.text("category")?;
        let is_cost = category.is_empty() || category.eq_ignore_ascii_case(COST);
        let amount = properties.optional_decimal("amount")?;
        if is_cost && amount.is_none() {
            return Err(properties.missing("amount"));
        }
        let mut filter = match properties.optional_object("filter")? {
            Some(fields) => BudgetFilter::read(&fields)?,
            None => BudgetFilter::default(),
        };
        // Old API versions had filters of another name and shape.
        if properties.raw("filters").is_some() {
            filter.unknown.push("filters".to_owned());
        }
        let notifications = properties.object_map("notifications")?;
        let notifications = notifications.into_iter().map(|(key, fields)| {
            let notification = BudgetNotification::read(&fields)?;
            Ok::<_, String>((key, notification))
        });
        Ok(Budget {
            id: item.text("id")?,
            name: item.text("name")?,
            etag: item.optional_text("eTag")?,
            category,
            amount,
            time_grain: properties.text("timeGrain")?,
            time_period: BudgetPeriod::read(&properties.object("timePeriod")?)?,
            filter,
            notifications: notifications.collect::<Result<_, _>>()?,
            current_spend: spend(&properties, "currentSpend")?,
            forecast_spend: spend(&properties, "forecastSpend")?,
        })
    }

    /// What a put sends: everything but what only Azure writes.
    fn body(&self) -> Resource<'_> {
        let mut body = Resource::of(self);
        body.id = "";
        body.name = "";
        body.properties.current_spend = None;
        body.properties.forecast_spend = None;
        // Azure wants one, and what is read without one counts as this.
        if body.properties.category.is_empty() {
            body.properties.category = COST;
        }
        body
    }
}

const COST: &str = "Cost";

/// The category of budgets on the use of reservations.
pub(crate) const RESERVATION_UTILIZATION: &str = "ReservationUtilization";

impl BudgetPeriod {
    /// From the beginning of one day, UTC, until the beginning of another one.
    pub fn new(start: Date, end: Option<Date>) -> BudgetPeriod {
        let moment = |day: Date| {
            let midnight = day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
            // Only the last day that the calendar has could fail.
            midnight.unwrap_or(Timestamp::MAX)
        };
        BudgetPeriod {
            start: moment(start),
            end: end.map(moment),
        }
    }

    fn read(fields: &Fields) -> Result<BudgetPeriod, String> {
        let start = fields.optional_moment("startDate")?;
        Ok(BudgetPeriod {
            start: start.ok_or_else(|| fields.missing("startDate"))?,
            end: fields.optional_moment("endDate")?,
        })
    }
}

impl BudgetFilter {
    /// A filter of conditions that a cost has to meet.
    pub fn all(conditions: impl Into<Vec<BudgetCondition>>) -> BudgetFilter {
        BudgetFilter {
            all: conditions.into(),
            ..BudgetFilter::default()
        }
    }

    /// Whether every cost counts.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.not.is_none() && self.unknown.is_empty()
    }

    fn lost_parts(&self) -> Option<String> {
        (!self.unknown.is_empty()).then(|| {
            let unknown = self.unknown.join(", ");
            format!("the filter has parts that would be lost: {unknown}")
        })
    }

    fn read(fields: &Fields) -> Result<BudgetFilter, String> {
        let mut filter = BudgetFilter::default();
        for (name, raw) in fields.entries() {
            match &*name.to_ascii_lowercase() {
                _ if raw.get() == "null" => {}
                // Read below.
                "dimensions" | "tags" => {}
                "and" => {
                    for part in fields.objects(name)? {
                        let conditions = filter.conditions(&part)?;
                        filter.all.extend(conditions);
                    }
                }
                "not" => {
                    let mut conditions = filter.conditions(&fields.object(name)?)?.into_iter();
                    filter.not = conditions.next();
                    // Whether "not" of two excludes what meets one or both is not written down.
                    if filter.not.is_none() || conditions.next().is_some() {
                        filter.unknown.push(name.to_owned());
                    }
                }
                _ => filter.unknown.push(name.to_owned()),
            }
        }
        let conditions = BudgetCondition::read(fields)?;
        filter.all.extend(conditions);
        Ok(filter)
    }

    /// The conditions of one member; what else it has is noted as unknown.
    fn conditions(&mut self, member: &Fields) -> Result<Vec<BudgetCondition>, String> {
        let is_known = |name: &str| {
            let mut known = CONDITIONS.iter();
            known.any(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        let others = member
            .entries()
            .filter(|(name, raw)| raw.get() != "null" && !is_known(name));
        self.unknown.extend(others.map(|(name, _)| name.to_owned()));
        BudgetCondition::read(member)
    }
}

type MakeCondition = fn(BudgetComparison) -> BudgetCondition;

const CONDITIONS: [(&str, MakeCondition); 2] = [
    ("dimensions", BudgetCondition::Dimensions),
    ("tags", BudgetCondition::Tags),
];

impl BudgetCondition {
    /// The conditions that stand directly in an object: one, as a rule.
    fn read(fields: &Fields) -> Result<Vec<BudgetCondition>, String> {
        let mut conditions = Vec::new();
        for (name, make) in CONDITIONS {
            if let Some(part) = fields.optional_object(name)? {
                conditions.push(make(BudgetComparison::read(&part)?));
            }
        }
        Ok(conditions)
    }

    /// What it compares, whether a dimension or a tag.
    pub fn comparison(&self) -> &BudgetComparison {
        match self {
            BudgetCondition::Dimensions(comparison) | BudgetCondition::Tags(comparison) => {
                comparison
            }
        }
    }
}

/// The only operator that Azure has.
const IN: &str = "In";

impl BudgetComparison {
    /// A comparison with a list of values.
    pub fn new(name: impl Into<String>, values: impl Into<Vec<String>>) -> BudgetComparison {
        BudgetComparison {
            name: name.into(),
            operator: IN.to_owned(),
            values: values.into(),
        }
    }

    fn read(fields: &Fields) -> Result<BudgetComparison, String> {
        // Values of tags may begin or end with spaces, which then matter.
        let exact = fields.raw("values");
        let exact = exact.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let operator = fields.text("operator")?;
        Ok(BudgetComparison {
            name: fields.required_text("name")?,
            operator: match &*operator {
                "" => IN.to_owned(),
                _ => operator,
            },
            values: match exact {
                Some(values) => values,
                None => fields.texts("values")?,
            },
        })
    }
}

impl BudgetNotification {
    /// A notification that is on and tells nobody yet. The threshold is in percent.
    pub fn new(operator: impl Into<String>, threshold: Decimal) -> BudgetNotification {
        BudgetNotification {
            enabled: true,
            operator: operator.into(),
            threshold,
            threshold_type: String::new(),
            contact_emails: Vec::new(),
            contact_roles: Vec::new(),
            contact_groups: Vec::new(),
            locale: String::new(),
            frequency: String::new(),
        }
    }

    fn read(fields: &Fields) -> Result<BudgetNotification, String> {
        let enabled = fields.optional_flag("enabled")?;
        Ok(BudgetNotification {
            enabled: enabled.ok_or_else(|| fields.missing("enabled"))?,
            operator: fields.required_text("operator")?,
            threshold: fields.decimal("threshold")?,
            threshold_type: fields.text("thresholdType")?,
            contact_emails: fields.texts("contactEmails")?,
            contact_roles: fields.texts("contactRoles")?,
            contact_groups: fields.texts("contactGroups")?,
            locale: fields.text("locale")?,
            frequency: fields.text("frequency")?,
        })
    }
}

impl BudgetSpend {
    /// The amount as money, if its unit is a currency.
    pub fn money(&self) -> Option<Money> {
        Some(Money::new(self.amount, self.unit.parse().ok()?))
    }
}

fn spend(properties: &Fields, name: &str) -> Result<Option<BudgetSpend>, String> {
    let Some(fields) = properties.optional_object(name)? else {
        return Ok(None);
    };
    let Some(amount) = fields.optional_decimal("amount")? else {
        return Ok(None);
    };
    let unit = fields.text("unit")?;
    Ok(Some(BudgetSpend { amount, unit }))
}

#[derive(serde::Serialize)]
struct Resource<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(rename = "eTag", skip_serializing_if = "Option::is_none")]
    etag: Option<&'a str>,
    properties: Properties<'a>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    category: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    time_grain: &'a str,
    time_period: &'a BudgetPeriod,
    #[serde(skip_serializing_if = "BudgetFilter::is_empty")]
    filter: &'a BudgetFilter,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    notifications: &'a BTreeMap<String, BudgetNotification>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_spend: Option<&'a BudgetSpend>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forecast_spend: Option<&'a BudgetSpend>,
}

#[derive(serde::Serialize)]
struct Filter<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    and: &'a [BudgetCondition],
    #[serde(flatten)]
    only: Option<&'a BudgetCondition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not: Option<&'a BudgetCondition>,
}

impl<'a> Resource<'a> {
    fn of(budget: &'a Budget) -> Resource<'a> {
        Resource {
            id: &budget.id,
            name: &budget.name,
            etag: budget.etag.as_deref(),
            properties: Properties {
                category: &budget.category,
                amount: budget.amount.map(wire::number),
                time_grain: &budget.time_grain,
                time_period: &budget.time_period,
                filter: &budget.filter,
                notifications: &budget.notifications,
                current_spend: budget.current_spend.as_ref(),
                forecast_spend: budget.forecast_spend.as_ref(),
            },
        }
    }
}

impl Serialize for BudgetFilter {
    /// Writes Azure's shape. Parts that this crate does not know cannot be written, and are an
    /// error.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(problem) = self.lost_parts() {
            return Err(serde::ser::Error::custom(problem));
        }
        // Azure wants at least two members in `and`.
        let (and, only): (&[_], _) = match &self.all[..] {
            [only] => (&[], Some(only)),
            and => (and, None),
        };
        let not = self.not.as_ref();
        Filter { and, only, not }.serialize(serializer)
    }
}

impl Serialize for Budget {
    /// Writes Azure's shape. Parts of a filter that this crate does not know cannot be written,
    /// and are an error.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Resource::of(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Budget {
    /// Reads Azure's shape, from JSON only.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Budget, D::Error> {
        crate::fields::deserialize(deserializer, Budget::read)
    }
}

fn number<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    wire::number(*value).serialize(serializer)
}

/// The operations, which are the same at both providers. The URL is that of all budgets of a scope
/// or of one of them.
impl Client {
    pub(crate) fn budgets_at(
        &self,
        operation: String,
        url: Url,
    ) -> impl Stream<Item = Result<Budget, Error>> + Send + use<> {
        let request = Request::get(operation, url);
        items(self.transport.clone(), request, |item| {
            Budget::read(&Fields::of(item)?)
        })
    }

    pub(crate) async fn budget_at(
        &self,
        operation: String,
        url: Url,
    ) -> Result<Option<Budget>, Error> {
        let request = Request::get(operation, url);
        match self.read_required(&request, Budget::read).await {
            Err(error) if is_no_budget(&error) => Ok(None),
            read => read.map(Some),
        }
    }

    pub(crate) async fn put_budget_at(
        &self,
        operation: String,
        url: Url,
        budget: &Budget,
    ) -> Result<Budget, Error> {
        if let Some(problem) = budget.filter.lost_parts() {
            return Err(Error::not_sent(&operation, problem));
        }
        let mut request = Request::put(operation, url, &budget.body());
        if budget.etag.is_none() {
            request.repeat = Repeat::Freely;
        }
        let put = self.read_required(&request, Budget::read).await;
        put.map_err(stale_is_conflict)
    }

    pub(crate) async fn delete_budget_at(&self, operation: String, url: Url) -> Result<(), Error> {
        match self.tell(&Request::delete(operation, url)).await {
            Err(error) if is_no_budget(&error) => Ok(()),
            told => told,
        }
    }
}

/// Whether there is no budget of a name at a scope that is there. Codes such as
/// `SubscriptionNotFound` say that the scope itself is missing, wrong or too new.
fn is_no_budget(error: &Error) -> bool {
    const SCOPES: [&str; 8] = [
        "subscription",
        "resourcegroup",
        "managementgroup",
        "billing",
        "department",
        "enrollment",
        "invoicesection",
        "customer",
    ];
    let Error::NotFound { code, .. } = error else {
        return false;
    };
    let code = code.to_ascii_lowercase();
    !SCOPES.iter().any(|scope| code.starts_with(scope))
}

/// Azure refuses a stale eTag of a budget as a bad request, which only its words tell apart.
fn stale_is_conflict(error: Error) -> Error {
    match error {
        Error::Invalid {
            operation,
            code,
            message,
        } if is_about_changes(&message) => Error::Conflict {
            operation,
            code,
            message,
        },
        other => other,
    }
}

fn is_about_changes(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("changes made to budget") || message.contains("latest budget")
}
