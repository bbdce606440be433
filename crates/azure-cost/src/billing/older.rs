//! The older billing API of one subscription, version 2018-03-01-preview: billing periods, and
//! invoices as files. Pay-as-you-go subscriptions still use it.

use budget_engine::{Scope, ScopeKind};
use futures::Stream;
use jiff::civil::Date;
use serde_json::value::RawValue;
use url::Url;

use super::downloads::read_link;
use super::there;
use crate::client::{Client, part, path_of_kind};
use crate::download::SignedLink;
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{items, lazily};
use crate::request::Request;

const API_VERSION: &str = "api-version=2018-03-01-preview";

/// A billing period of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BillingPeriod {
    /// Its path.
    pub id: String,
    /// Year and month, with a number behind where a month has several: `202611`, `202611-1`.
    pub name: String,
    /// The day on which it begins.
    pub start: Date,
    /// The day on which Azure says that it ends.
    pub end: Date,
    /// Paths of the invoices with its charges.
    pub invoice_ids: Vec<String>,
}

/// An invoice of a subscription: its days and a link to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriptionInvoice {
    /// Its path.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The day on which the billed period begins.
    pub period_start: Date,
    /// The day on which Azure says that it ends.
    pub period_end: Date,
    /// Paths of the billing periods on it.
    pub billing_period_ids: Vec<String>,
    /// The invoice as a PDF, to be read with [`Client::download`] within the hour.
    pub link: Option<SignedLink>,
}

/// An enrollment account under which the caller may make subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedEnrollmentAccount {
    /// Its path.
    pub id: String,
    /// Its id.
    pub name: String,
    /// The sign-in name that owns it.
    pub principal_name: String,
}

impl Client {
    /// The billing periods of a subscription, the newest first; only those that end after a day,
    /// if one is given.
    pub fn billing_periods(
        &self,
        subscription: &Scope,
        ends_after: Option<Date>,
    ) -> impl Stream<Item = Result<BillingPeriod, Error>> + Send + use<> {
        let operation = format!("list billing periods of {subscription}");
        lazily(subscription_path(&operation, subscription).map(|path| {
            let query = listing("billingPeriodEndDate", ends_after);
            let url = self.url(&path, "/providers/Microsoft.Billing/billingPeriods", &query);
            let request = Request::get(operation, url);
            items(self.transport.clone(), request, |item| {
                read_period(&Fields::of(item)?)
            })
        }))
    }

    /// A billing period of a subscription.
    pub async fn billing_period(
        &self,
        subscription: &Scope,
        name: &str,
    ) -> Result<BillingPeriod, Error> {
        let operation = format!("read a billing period of {subscription}");
        let path = subscription_path(&operation, subscription)?;
        let name = part(&operation, "the billing period", name)?;
        let tail = format!("/providers/Microsoft.Billing/billingPeriods/{name}");
        let request = Request::get(&*operation, self.url(&path, &tail, API_VERSION));
        there(&operation, self.read_one(&request, read_period).await?)
    }

    /// The invoices of a subscription with links to them, the newest first; only those that end
    /// after a day, if one is given. Not for Enterprise Agreements and partners. The account's
    /// owner must have opened the invoices to others.
    pub fn subscription_invoices(
        &self,
        subscription: &Scope,
        ends_after: Option<Date>,
    ) -> impl Stream<Item = Result<SubscriptionInvoice, Error>> + Send + use<> {
        let operation = format!("list invoices of {subscription}");
        lazily(subscription_path(&operation, subscription).map(|path| {
            let query = listing("invoicePeriodEndDate", ends_after);
            let query = format!("{query}&$expand=downloadUrl");
            let url = self.url(&path, "/providers/Microsoft.Billing/invoices", &query);
            let endpoint = self.endpoint.base().clone();
            let request = Request::get(operation, url);
            items(self.transport.clone(), request, move |item: &RawValue| {
                read_invoice(&Fields::of(item)?, &endpoint)
            })
        }))
    }

    /// An invoice of a subscription with a link to it. The name `latest` is the newest one.
    pub async fn subscription_invoice(
        &self,
        subscription: &Scope,
        name: &str,
    ) -> Result<SubscriptionInvoice, Error> {
        let operation = format!("read an invoice of {subscription}");
        let path = subscription_path(&operation, subscription)?;
        let name = part(&operation, "the invoice", name)?;
        let tail = format!("/providers/Microsoft.Billing/invoices/{name}");
        let request = Request::get(&*operation, self.url(&path, &tail, API_VERSION));
        let endpoint = self.endpoint.base();
        let found = self.read_one(&request, |body| read_invoice(body, endpoint));
        there(&operation, found.await?)
    }

    /// The newest invoice of a subscription with a link to it.
    pub async fn latest_subscription_invoice(
        &self,
        subscription: &Scope,
    ) -> Result<SubscriptionInvoice, Error> {
        self.subscription_invoice(subscription, "latest").await
    }

    /// The enrollment accounts under which the caller may make subscriptions.
    pub fn enrollment_accounts(
        &self,
    ) -> impl Stream<Item = Result<OwnedEnrollmentAccount, Error>> + Send + use<> {
        let url = self.url("", ENROLLMENT_ACCOUNTS, API_VERSION);
        let request = Request::get("list enrollment accounts", url);
        items(self.transport.clone(), request, |item| {
            read_account(&Fields::of(item)?)
        })
    }

    /// One of them by its id.
    pub async fn enrollment_account(&self, name: &str) -> Result<OwnedEnrollmentAccount, Error> {
        let operation = "read an enrollment account";
        let name = part(operation, "the enrollment account", name)?;
        let url = self.url(ENROLLMENT_ACCOUNTS, &format!("/{name}"), API_VERSION);
        let request = Request::get(operation, url);
        there(operation, self.read_one(&request, read_account).await?)
    }
}

const ENROLLMENT_ACCOUNTS: &str = "/providers/Microsoft.Billing/enrollmentAccounts";

fn subscription_path(operation: &str, scope: &Scope) -> Result<String, Error> {
    path_of_kind(operation, scope, &[ScopeKind::Subscription])
}

fn listing(end: &str, ends_after: Option<Date>) -> String {
    match ends_after {
        Some(day) => format!("{API_VERSION}&$filter={end} gt {day}"),
        None => API_VERSION.to_owned(),
    }
}

fn read_period(item: &Fields) -> Result<BillingPeriod, String> {
    let properties = item.object("properties")?;
    Ok(BillingPeriod {
        id: item.text("id")?,
        name: item.required_text("name")?,
        start: properties.day("billingPeriodStartDate")?,
        end: properties.day("billingPeriodEndDate")?,
        invoice_ids: properties.texts("invoiceIds")?,
    })
}

fn read_invoice(item: &Fields, endpoint: &Url) -> Result<SubscriptionInvoice, String> {
    let properties = item.object("properties")?;
    let link = properties.optional_object("downloadUrl")?;
    let link = link.map(|link| read_link(&link, endpoint)).transpose()?;
    Ok(SubscriptionInvoice {
        id: item.text("id")?,
        name: item.required_text("name")?,
        period_start: properties.day("invoicePeriodStartDate")?,
        period_end: properties.day("invoicePeriodEndDate")?,
        billing_period_ids: properties.texts("billingPeriodIds")?,
        link: link.flatten(),
    })
}

fn read_account(item: &Fields) -> Result<OwnedEnrollmentAccount, String> {
    let properties = item.optional_object("properties")?;
    let principal = properties.map(|properties| properties.text("principalName"));
    Ok(OwnedEnrollmentAccount {
        id: item.text("id")?,
        name: item.required_text("name")?,
        principal_name: principal.transpose()?.unwrap_or_default(),
    })
}
