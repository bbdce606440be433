//! Transactions of invoices, and what a billing profile still has on account.

use budget_engine::{Currency, Money, Scope, ScopeKind};
use futures::Stream;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::{API_VERSION, period};
use crate::client::{Client, billing_account_path, part, path_of_kind};
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{items, lazily};
use crate::request::Request;

/// Which transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionType {
    /// Those on an invoice.
    Billed,
    /// Those that wait for one.
    Unbilled,
}

/// A line of an invoice. Text that Azure leaves out is `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transaction {
    /// Its path.
    pub id: String,
    /// Its id.
    pub name: String,
    /// When it took place.
    pub date: Option<Date>,
    /// `Purchase`, `Cancel`, `Usage Charge`, …
    pub transaction_type: String,
    /// Amount with tax.
    pub transaction_amount: Option<Money>,
    /// Amount before tax.
    pub sub_total: Option<Money>,
    /// Tax.
    pub tax: Option<Money>,
    /// Azure credit used.
    pub azure_credit_applied: Option<Money>,
    /// What it took off a consumption commitment.
    pub consumption_commitment_decremented: Option<Money>,
    /// Price of one unit after discounts.
    pub effective_price: Option<Money>,
    /// Price of one unit on the market.
    pub market_price: Option<Money>,
    /// Discount, 0.1 for ten percent.
    pub discount: Option<Decimal>,
    /// How many were bought.
    pub quantity: Option<Decimal>,
    /// How many units were used.
    pub units: Option<Decimal>,
    /// What is counted, in units of the price.
    pub unit_of_measure: String,
    /// What a unit is.
    pub unit_type: String,
    /// Currency of the invoice.
    pub billing_currency: Option<Currency>,
    /// Currency of the price list.
    pub pricing_currency: Option<Currency>,
    /// From pricing currency to billing currency.
    pub exchange_rate: Option<Decimal>,
    /// Number of the invoice; `pending` where there is none yet.
    pub invoice: String,
    /// Path of the invoice.
    pub invoice_id: String,
    /// Path of the invoice section.
    pub invoice_section_id: String,
    /// Invoice section by name.
    pub invoice_section_display_name: String,
    /// Path of the billing profile.
    pub billing_profile_id: String,
    /// Customer by name (Partner Agreement).
    pub customer_display_name: String,
    /// Azure plan.
    pub azure_plan: String,
    /// Order number.
    pub order_name: String,
    /// Product family.
    pub product_family: String,
    /// Product type.
    pub product_type: String,
    /// Product in words.
    pub product_description: String,
    /// Part number.
    pub part_number: String,
    /// First day of the service.
    pub service_period_start: Option<Date>,
    /// Last day of the service.
    pub service_period_end: Option<Date>,
}

/// What a billing profile has on account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AvailableBalance {
    /// Credit that will be used for the next invoices.
    pub amount: Money,
    /// Payments on account altogether.
    pub total_payments_on_account: Option<Money>,
    /// Payments on account one by one.
    pub payments_on_account: Vec<PaymentOnAccount>,
}

/// A payment that is not used up by an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PaymentOnAccount {
    /// How much.
    pub amount: Option<Money>,
    /// When it was paid.
    pub date: Option<Date>,
    /// Number of the invoice that it was paid for.
    pub invoice_name: String,
    /// Path of that invoice.
    pub invoice_id: String,
    /// Path of the billing profile.
    pub billing_profile_id: String,
    /// How it was paid.
    pub payment_method_type: String,
}

impl Client {
    /// The transactions of a billing profile on the days from `from` until before `to`. Served
    /// for Customer and Partner Agreements.
    pub fn billing_transactions(
        &self,
        billing_profile: &Scope,
        from: Date,
        to: Date,
        which: TransactionType,
    ) -> impl Stream<Item = Result<Transaction, Error>> + Send + use<> {
        let operation = format!("list transactions of {billing_profile}");
        let path = path_of_kind(&operation, billing_profile, &[ScopeKind::BillingProfile]);
        let asked = path.and_then(|path| Ok((path, period(&operation, from, to)?)));
        lazily(asked.map(|(path, period)| {
            let which = match which {
                TransactionType::Billed => "Billed",
                TransactionType::Unbilled => "Unbilled",
            };
            let query = format!("{API_VERSION}&{period}&type={which}");
            let request = Request::get(operation, self.url(&path, "/transactions", &query));
            items(self.transport.clone(), request, read)
        }))
    }

    /// The transactions of an invoice of a billing account. Served for Customer and Partner
    /// Agreements.
    pub fn invoice_transactions(
        &self,
        account: &Scope,
        invoice: &str,
    ) -> impl Stream<Item = Result<Transaction, Error>> + Send + use<> {
        let operation = format!("list transactions of an invoice of {account}");
        let path = billing_account_path(&operation, account);
        let asked = path.and_then(|path| Ok((path, part(&operation, "the invoice", invoice)?)));
        lazily(asked.map(|(path, invoice)| {
            let tail = format!("/invoices/{invoice}/transactions");
            let request = Request::get(operation, self.url(&path, &tail, API_VERSION));
            items(self.transport.clone(), request, read)
        }))
    }

    /// What a billing profile has on account. Served for Customer Agreements; `None` if Azure has
    /// nothing to say.
    pub async fn available_balance(
        &self,
        billing_profile: &Scope,
    ) -> Result<Option<AvailableBalance>, Error> {
        let operation = format!("read the available balance of {billing_profile}");
        let path = path_of_kind(&operation, billing_profile, &[ScopeKind::BillingProfile])?;
        let url = self.url(&path, "/availableBalance/default", API_VERSION);
        let request = Request::get(operation, url);
        self.read_one(&request, read_balance).await
    }
}

fn read(item: &RawValue) -> Result<Transaction, String> {
    let item = Fields::of(item)?;
    let properties = item.object("properties")?;
    Ok(Transaction {
        id: item.text("id")?,
        name: item.text("name")?,
        date: properties.optional_day("date")?,
        transaction_type: properties.text("transactionType")?,
        transaction_amount: properties.optional_money("transactionAmount")?,
        sub_total: properties.optional_money("subTotal")?,
        tax: properties.optional_money("tax")?,
        azure_credit_applied: properties.optional_money("azureCreditApplied")?,
        consumption_commitment_decremented: properties
            .optional_money("consumptionCommitmentDecremented")?,
        effective_price: properties.optional_money("effectivePrice")?,
        market_price: properties.optional_money("marketPrice")?,
        discount: properties.optional_decimal("discount")?,
        quantity: properties.optional_decimal("quantity")?,
        units: properties.optional_decimal("units")?,
        unit_of_measure: properties.text("unitOfMeasure")?,
        unit_type: properties.text("unitType")?,
        billing_currency: properties.optional_currency("billingCurrency")?,
        pricing_currency: properties.optional_currency("pricingCurrency")?,
        exchange_rate: properties.optional_decimal("exchangeRate")?,
        invoice: properties.text("invoice")?,
        invoice_id: properties.text("invoiceId")?,
        invoice_section_id: properties.text("invoiceSectionId")?,
        invoice_section_display_name: properties.text("invoiceSectionDisplayName")?,
        billing_profile_id: properties.text("billingProfileId")?,
        customer_display_name: properties.text("customerDisplayName")?,
        azure_plan: properties.text("azurePlan")?,
        order_name: properties.text("orderName")?,
        product_family: properties.text("productFamily")?,
        product_type: properties.text("productType")?,
        product_description: properties.text("productDescription")?,
        part_number: properties.text("partNumber")?,
        service_period_start: properties.optional_day("servicePeriodStartDate")?,
        service_period_end: properties.optional_day("servicePeriodEndDate")?,
    })
}

fn read_balance(body: &Fields) -> Result<AvailableBalance, String> {
    let properties = body.object("properties")?;
    let amount = properties.optional_money("amount")?;
    let payments = properties.objects("paymentsOnAccount")?;
    let payment = |payment: &Fields| {
        Ok::<_, String>(PaymentOnAccount {
            amount: payment.optional_money("amount")?,
            date: payment.optional_day("date")?,
            invoice_name: payment.text("invoiceName")?,
            invoice_id: payment.text("invoiceId")?,
            billing_profile_id: payment.text("billingProfileId")?,
            payment_method_type: payment.text("paymentMethodType")?,
        })
    };
    Ok(AvailableBalance {
        amount: amount.ok_or_else(|| properties.missing("amount"))?,
        total_payments_on_account: properties.optional_money("totalPaymentsOnAccount")?,
        payments_on_account: payments.iter().map(payment).collect::<Result<_, _>>()?,
    })
}
