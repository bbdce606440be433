//! Purchases, cancellations and refunds of reservations.

use budget_engine::{Currency, Scope, ScopeKind};
use futures::Stream;
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::API_VERSION;
use crate::client::{Client, path_of_kind};
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{items, lazily};
use crate::parameters::last_day;
use crate::request::Request;

/// A purchase, cancellation or refund of a reservation. Text that Azure leaves out is `""`; an
/// Enterprise enrollment and a Customer Agreement leave out different things.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReservationTransaction {
    /// Name of the record.
    pub name: String,
    /// When it happened.
    pub event_date: Timestamp,
    /// Id of the order.
    pub reservation_order_id: String,
    /// Name of the order.
    pub reservation_order_name: String,
    /// What it is, in words.
    pub description: String,
    /// `Purchase`, `Cancel` or `Refund`.
    pub event_type: String,
    /// How many.
    pub quantity: Option<Decimal>,
    /// What was charged; negative for refunds.
    pub amount: Decimal,
    /// Currency of the amounts.
    pub currency: Currency,
    /// What is reserved.
    pub arm_sku_name: String,
    /// How long: `P1Y` or `P3Y`.
    pub term: String,
    /// Region.
    pub region: String,
    /// How it is paid: `OneTime` or `Recurring`.
    pub billing_frequency: String,
    /// Subscription that bought it.
    pub purchasing_subscription_guid: String,
    /// Name of that subscription.
    pub purchasing_subscription_name: String,
    /// Enrollment that bought it (Enterprise).
    pub purchasing_enrollment: String,
    /// Enrollment that has it now (Enterprise).
    pub current_enrollment: String,
    /// Enrollment account (Enterprise).
    pub account_name: String,
    /// Its owner's address (Enterprise).
    pub account_owner_email: String,
    /// Department (Enterprise).
    pub department_name: String,
    /// Cost center (Enterprise).
    pub cost_center: String,
    /// First day of the billing month (Enterprise).
    pub billing_month: Option<Date>,
    /// What the prepayment covered (Enterprise).
    pub monetary_commitment: Option<Decimal>,
    /// What went beyond the prepayment (Enterprise).
    pub overage: Option<Decimal>,
    /// Billing profile (Customer Agreement).
    pub billing_profile_id: String,
    /// Name of the billing profile (Customer Agreement).
    pub billing_profile_name: String,
    /// Number of the invoice (Customer Agreement).
    pub invoice: String,
    /// Path of the invoice (Customer Agreement).
    pub invoice_id: String,
    /// Invoice section (Customer Agreement).
    pub invoice_section_id: String,
    /// Name of the invoice section (Customer Agreement).
    pub invoice_section_name: String,
}

impl Client {
    /// The transactions of a billing account (Enterprise) or a billing profile (Customer Agreement)
    /// from `from` until before `to`.
    ///
    /// Azure gives the whole billing months in which both ends lie, and puts a refund into the
    /// month of its purchase; nothing of that is left out here.
    pub fn reservation_transactions(
        &self,
        scope: &Scope,
        from: Date,
        to: Date,
    ) -> impl Stream<Item = Result<ReservationTransaction, Error>> + Send + use<> {
        let kinds = [ScopeKind::BillingAccount, ScopeKind::BillingProfile];
        self.transactions(scope, &kinds, from, to, String::new())
    }

    /// The transactions of a billing account with a partner's markup in their amounts: the one that
    /// is set, or another one to see what it would give, in percent.
    pub fn reservation_transactions_with_markup(
        &self,
        billing_account: &Scope,
        from: Date,
        to: Date,
        preview_percentage: Option<Decimal>,
    ) -> impl Stream<Item = Result<ReservationTransaction, Error>> + Send + use<> {
        let mut markup = "&useMarkupIfPartner=true".to_owned();
        if let Some(percentage) = preview_percentage {
            markup.push_str(&format!("&previewMarkupPercentage={percentage}"));
        }
        let kinds = [ScopeKind::BillingAccount];
        self.transactions(billing_account, &kinds, from, to, markup)
    }

    fn transactions(
        &self,
        scope: &Scope,
        kinds: &[ScopeKind],
        from: Date,
        to: Date,
        markup: String,
    ) -> impl Stream<Item = Result<ReservationTransaction, Error>> + Send + use<> {
        let operation = format!("read reservation transactions of {scope}");
        let path = path_of_kind(&operation, scope, kinds);
        let path = path.and_then(|path| Ok((path, last_day(&operation, from, to)?)));
        lazily(path.map(|(path, last)| {
            let query = format!(
                "{API_VERSION}&$filter=properties/eventDate ge {from} AND \
                 properties/eventDate le {last}{markup}"
            );
            let tail = "/providers/Microsoft.Consumption/reservationTransactions";
            let request = Request::get(operation, self.url(&path, tail, &query));
            items(self.transport.clone(), request, read)
        }))
    }
}

fn read(item: &RawValue) -> Result<ReservationTransaction, String> {
    let item = Fields::of(item)?;
    let properties = item.object("properties")?;
    let event_date = properties.optional_moment("eventDate")?;
    Ok(ReservationTransaction {
        name: item.text("name")?,
        event_date: event_date.ok_or_else(|| properties.missing("eventDate"))?,
        reservation_order_id: properties.text("reservationOrderId")?,
        reservation_order_name: properties.text("reservationOrderName")?,
        description: properties.text("description")?,
        event_type: properties.text("eventType")?,
        quantity: properties.optional_decimal("quantity")?,
        amount: properties.decimal("amount")?,
        currency: properties.currency("currency")?,
        arm_sku_name: properties.text("armSkuName")?,
        term: properties.text("term")?,
        region: properties.text("region")?,
        billing_frequency: properties.text("billingFrequency")?,
        purchasing_subscription_guid: properties.text("purchasingSubscriptionGuid")?,
        purchasing_subscription_name: properties.text("purchasingSubscriptionName")?,
        purchasing_enrollment: properties.text("purchasingEnrollment")?,
        current_enrollment: properties.text("currentEnrollment")?,
        account_name: properties.text("accountName")?,
        account_owner_email: properties.text("accountOwnerEmail")?,
        department_name: properties.text("departmentName")?,
        cost_center: properties.text("costCenter")?,
        billing_month: properties.optional_day("billingMonth")?,
        monetary_commitment: properties.optional_decimal("monetaryCommitment")?,
        overage: properties.optional_decimal("overage")?,
        billing_profile_id: properties.text("billingProfileId")?,
        billing_profile_name: properties.text("billingProfileName")?,
        invoice: properties.text("invoice")?,
        invoice_id: properties.text("invoiceId")?,
        invoice_section_id: properties.text("invoiceSectionId")?,
        invoice_section_name: properties.text("invoiceSectionName")?,
    })
}
