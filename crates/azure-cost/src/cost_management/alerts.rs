//! Alerts that Azure raised: budgets, credits, quotas, invoices.

use budget_engine::Scope;
use futures::Stream;
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::API_VERSION;
use crate::client::{Client, scope_path};
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{items, lazily};
use crate::request::Request;

/// An alert that Azure raised. Its words are an open set; text that Azure leaves out is `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CostAlert {
    /// Path of the alert.
    pub id: String,
    /// Last part of the path. It looks like a GUID and is not always one.
    pub name: String,
    /// What raised it: `Budget`, `BudgetForecast`, `Invoice`, `Credit`, `Quota`, `General`, …
    pub kind: String,
    /// `Cost`, `Usage`, `Billing` or `System`.
    pub category: String,
    /// What happened: `CostThresholdExceeded`, `CreditThresholdReached`, …
    pub criteria: String,
    /// `Preset` or `User`.
    pub source: String,
    /// `Active`, `Dismissed`, `Resolved`, `Overridden` or `None`.
    pub status: String,
    /// Name or id of the budget or whatever else it is about.
    pub cost_entity_id: String,
    /// Azure's words.
    pub description: String,
    /// When it was raised.
    pub creation_time: Option<Timestamp>,
    /// When it was last changed.
    pub modification_time: Option<Timestamp>,
    /// When it was closed.
    pub close_time: Option<Timestamp>,
    /// When its status was last changed.
    pub status_modification_time: Option<Timestamp>,
    /// Who changed the status.
    pub status_modification_user_name: String,
    /// The numbers behind it.
    pub details: Option<AlertDetails>,
}

/// The numbers behind an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlertDetails {
    /// The threshold in percent of the amount. Azure writes a fraction here, 0.8 for 80 %.
    pub threshold_percent: Option<Decimal>,
    /// `GreaterThan`, `GreaterThanOrEqualTo`, `LessThan`, …
    pub operator: String,
    /// What the threshold is a part of, such as the budget's amount.
    pub amount: Option<Decimal>,
    /// Currency of the amounts.
    pub unit: String,
    /// What was spent when it was raised.
    pub current_spend: Option<Decimal>,
    /// The budget's time grain, or `None`.
    pub time_grain_type: String,
    /// First day of the budget's period.
    pub period_start_date: Option<Date>,
    /// The notification that fired.
    pub triggered_by: String,
    /// Who got mails.
    pub contact_emails: Vec<String>,
    /// Ids of the action groups that were called.
    pub contact_groups: Vec<String>,
    /// Roles that got mails.
    pub contact_roles: Vec<String>,
    /// Resource groups that count.
    pub resource_group_filter: Vec<String>,
    /// Resources that count.
    pub resource_filter: Vec<String>,
    /// Meters that count.
    pub meter_filter: Vec<String>,
    /// Tags that count, as the JSON object that Azure sends; `""` for none.
    pub tag_filter: String,
    /// The alert that took the place of this one.
    pub overriding_alert: String,
    /// Company (Enterprise).
    pub company_name: String,
    /// Department (Enterprise).
    pub department_name: String,
    /// Enrollment (Enterprise).
    pub enrollment_number: String,
    /// First day of the enrollment.
    pub enrollment_start_date: Option<Date>,
    /// Last day of the enrollment.
    pub enrollment_end_date: Option<Date>,
    /// Threshold of an invoice alert.
    pub invoicing_threshold: Option<Decimal>,
}

const TAIL: &str = "/providers/Microsoft.CostManagement/alerts";

impl Client {
    /// The alerts of a scope, dismissed ones included.
    pub fn alerts(
        &self,
        scope: &Scope,
    ) -> impl Stream<Item = Result<CostAlert, Error>> + Send + use<> {
        let operation = format!("read alerts of {scope}");
        lazily(scope_path(&operation, scope).map(|path| {
            let request = Request::get(operation, self.url(&path, TAIL, API_VERSION));
            items(self.transport.clone(), request, |item| {
                read(&Fields::of(item)?)
            })
        }))
    }

    /// One alert, by its name.
    pub async fn alert(&self, scope: &Scope, name: &str) -> Result<CostAlert, Error> {
        let operation = format!("read alert `{name}` of {scope}");
        let url = self.named_url(&operation, scope, TAIL, "the alert", name)?;
        self.read_required(&Request::get(operation, url), read)
            .await
    }

    /// Marks an alert as dismissed and says what it is then.
    pub async fn dismiss_alert(&self, scope: &Scope, name: &str) -> Result<CostAlert, Error> {
        let operation = format!("dismiss alert `{name}` of {scope}");
        let url = self.named_url(&operation, scope, TAIL, "the alert", name)?;
        let body = serde_json::json!({"properties": {"status": "Dismissed"}});
        let request = Request::patch(operation, url, &body);
        self.read_required(&request, read).await
    }
}

fn read(alert: &Fields) -> Result<CostAlert, String> {
    let properties = alert.object("properties")?;
    let definition = properties.optional_object("definition")?;
    let defined = |name| match &definition {
        Some(definition) => definition.text(name),
        None => Ok(String::new()),
    };
    let details = properties.optional_object("details")?;
    Ok(CostAlert {
        id: alert.text("id")?,
        name: alert.required_text("name")?,
        kind: defined("type")?,
        category: defined("category")?,
        criteria: defined("criteria")?,
        source: properties.text("source")?,
        status: properties.text("status")?,
        cost_entity_id: properties.text("costEntityId")?,
        description: properties.text("description")?,
        creation_time: properties.optional_moment("creationTime")?,
        modification_time: properties.optional_moment("modificationTime")?,
        close_time: properties.optional_moment("closeTime")?,
        status_modification_time: properties.optional_moment("statusModificationTime")?,
        status_modification_user_name: properties.text("statusModificationUserName")?,
        details: details.map(|details| read_details(&details)).transpose()?,
    })
}

fn read_details(details: &Fields) -> Result<AlertDetails, String> {
    let fraction = details.optional_decimal("threshold")?;
    let tags: Option<&RawValue> = details.raw("tagFilter").filter(|tags| tags.get() != "{}");
    let percent = |fraction: Decimal| fraction.checked_mul(Decimal::ONE_HUNDRED);
    Ok(AlertDetails {
        threshold_percent: fraction
            .and_then(percent)
            .map(|percent| percent.normalize()),
        operator: details.text("operator")?,
        amount: details.optional_decimal("amount")?,
        unit: details.text("unit")?,
        current_spend: details.optional_decimal("currentSpend")?,
        time_grain_type: details.text("timeGrainType")?,
        period_start_date: details.optional_day("periodStartDate")?,
        triggered_by: details.text("triggeredBy")?,
        contact_emails: details.texts("contactEmails")?,
        contact_groups: details.texts("contactGroups")?,
        contact_roles: details.texts("contactRoles")?,
        resource_group_filter: details.texts("resourceGroupFilter")?,
        resource_filter: details.texts("resourceFilter")?,
        meter_filter: details.texts("meterFilter")?,
        tag_filter: tags.map(|tags| tags.get().to_owned()).unwrap_or_default(),
        overriding_alert: details.text("overridingAlert")?,
        company_name: details.text("companyName")?,
        department_name: details.text("departmentName")?,
        enrollment_number: details.text("enrollmentNumber")?,
        enrollment_start_date: details.optional_day("enrollmentStartDate")?,
        enrollment_end_date: details.optional_day("enrollmentEndDate")?,
        invoicing_threshold: details.optional_decimal("invoicingThreshold")?,
    })
}
