//! Invoices: what was billed, what is due, and which documents there are.

use budget_engine::{Money, Scope, ScopeKind};
use futures::Stream;
use jiff::Timestamp;
use jiff::civil::Date;
use url::Url;

use super::{ACCOUNTS, API_VERSION, invoices_path, period, there};
use crate::client::{Client, part};
use crate::download::SignedLink;
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{items, lazily};
use crate::request::Request;

/// An invoice, a credit note or a tax receipt. Text that Azure leaves out is `""`, and amounts
/// that it leaves out are `None`, not zero.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invoice {
    /// Its path.
    pub id: String,
    /// Its number, which identifies it.
    pub name: String,
    /// `Due`, `OverDue`, `Paid`, `Void`, `Locked`, …
    pub status: String,
    /// `Invoice` or `CreditNote`.
    pub document_type: String,
    /// `AzureServices`, `AzureMarketplace` or `AzureSupport`.
    pub invoice_type: String,
    /// The day on which it was made.
    pub invoice_date: Option<Date>,
    /// The day by which it has to be paid.
    pub due_date: Option<Date>,
    /// First day of what is billed.
    pub period_start: Option<Date>,
    /// Last day of what is billed.
    pub period_end: Option<Date>,
    /// What has still to be paid.
    pub amount_due: Option<Money>,
    /// What was billed.
    pub billed_amount: Option<Money>,
    /// What was billed with taxes, less credits.
    pub total_amount: Option<Money>,
    /// What was billed before taxes.
    pub sub_total: Option<Money>,
    /// Taxes.
    pub tax_amount: Option<Money>,
    /// Credits for earlier charges.
    pub credit_amount: Option<Money>,
    /// Azure prepayment used.
    pub azure_prepayment_applied: Option<Money>,
    /// Free Azure credit used.
    pub free_azure_credit_applied: Option<Money>,
    /// Whether it belongs to the monthly invoices.
    pub is_monthly: Option<bool>,
    /// Path of the billing profile.
    pub billing_profile_id: String,
    /// Billing profile by name.
    pub billing_profile_display_name: String,
    /// Subscription id, on invoices of one subscription.
    pub subscription_id: String,
    /// Subscription by name.
    pub subscription_display_name: String,
    /// Purchase order number.
    pub purchase_order_number: String,
    /// Path of the invoice that this credit note is for.
    pub credit_for_document_id: String,
    /// Path of the document that this one was billed with.
    pub billed_document_id: String,
    /// How taxes were reckoned where that is special.
    pub special_taxation_type: String,
    /// Its documents.
    pub documents: Vec<InvoiceDocument>,
    /// Payments.
    pub payments: Vec<InvoicePayment>,
    /// Payments that failed.
    pub failed_payments: Vec<FailedPayment>,
    /// Earlier invoices that this one replaces, the latest first.
    pub rebills: Vec<Rebill>,
    /// A refund, if one was asked for.
    pub refund: Option<Refund>,
}

/// A document of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvoiceDocument {
    /// Name by which it can be downloaded.
    pub name: String,
    /// `Invoice`, `TaxReceipt`, `VoidNote`, `CreditNote`, `Summary`, …
    pub kind: String,
    /// Who made it: `DRS` or `ENF`.
    pub source: String,
    /// Numbers of the documents in it.
    pub document_numbers: Vec<String>,
    /// A link to it that older API versions give out.
    pub link: Option<SignedLink>,
    /// A link to it with a tax authority or the like.
    pub external_link: Option<SignedLink>,
}

/// A payment of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvoicePayment {
    /// How much.
    pub amount: Option<Money>,
    /// When.
    pub date: Option<Date>,
    /// `Debited`, `Credited` or `Scheduled`.
    pub payment_type: String,
    /// `CreditCard`, `ChequeWire`, …
    pub method_type: String,
}

/// A payment that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedPayment {
    /// When.
    pub date: Option<Date>,
    /// Why.
    pub reason: String,
}

/// An invoice that was taken back and billed anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebill {
    /// Path of the invoice that was replaced.
    pub invoice_document_id: String,
    /// Path of the credit note that took it back.
    pub credit_note_document_id: String,
}

/// A refund of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refund {
    /// How much was asked for.
    pub amount_requested: Option<Money>,
    /// How much was given back.
    pub amount_refunded: Option<Money>,
    /// `Pending`, `Approved`, `Completed`, …
    pub status: String,
    /// Why it was asked for.
    pub reason: String,
    /// When it was asked for.
    pub requested_on: Option<Timestamp>,
    /// When it was granted.
    pub approved_on: Option<Timestamp>,
    /// When it was paid.
    pub completed_on: Option<Timestamp>,
    /// Path of the invoice that was billed instead.
    pub rebill_invoice_id: String,
}

/// Scopes that have invoices of their own.
const KINDS: [ScopeKind; 3] = [
    ScopeKind::BillingAccount,
    ScopeKind::BillingProfile,
    ScopeKind::Subscription,
];

/// Scopes by which one invoice can be named.
pub(super) const OF_ONE: [ScopeKind; 2] = [ScopeKind::BillingAccount, ScopeKind::Subscription];

impl Client {
    /// The invoices of the days from `from` until before `to` of a billing account, a billing
    /// profile (Customer and Partner Agreement) or a subscription.
    pub fn invoices(
        &self,
        scope: &Scope,
        from: Date,
        to: Date,
    ) -> impl Stream<Item = Result<Invoice, Error>> + Send + use<> {
        let operation = format!("list invoices of {scope}");
        let path = invoices_path(&operation, scope, &KINDS);
        let asked = path.and_then(|path| Ok((path, period(&operation, from, to)?)));
        lazily(asked.map(|(path, period)| {
            let query = format!("{API_VERSION}&{period}");
            let request = Request::get(operation, self.url(&path, "/invoices", &query));
            let endpoint = self.endpoint.base().clone();
            items(self.transport.clone(), request, move |item| {
                read(&Fields::of(item)?, &endpoint)
            })
        }))
    }

    /// An invoice of a billing account or a subscription by its number.
    pub async fn invoice(&self, scope: &Scope, name: &str) -> Result<Invoice, Error> {
        let operation = format!("read an invoice of {scope}");
        let path = invoices_path(&operation, scope, &OF_ONE)?;
        self.invoice_at(&operation, &path, name).await
    }

    /// An invoice by its number alone. Served for Customer and Partner Agreements.
    pub async fn invoice_by_name(&self, name: &str) -> Result<Invoice, Error> {
        let path = format!("{ACCOUNTS}/default");
        self.invoice_at("read an invoice", &path, name).await
    }

    async fn invoice_at(&self, operation: &str, path: &str, name: &str) -> Result<Invoice, Error> {
        let name = part(operation, "the invoice", name)?;
        let url = self.url(path, &format!("/invoices/{name}"), API_VERSION);
        let endpoint = self.endpoint.base();
        let request = Request::get(operation, url);
        let found = self.read_one(&request, |body| read(body, endpoint)).await?;
        there(operation, found)
    }
}

fn read(item: &Fields, endpoint: &Url) -> Result<Invoice, String> {
    let properties = item.object("properties")?;
    let documents = properties.objects("documents")?;
    let document = |document: &Fields| read_document(document, endpoint);
    let payments = properties.objects("payments")?;
    let failed = properties.objects("failedPayments")?;
    let refund = properties.optional_object("refundDetails")?;
    Ok(Invoice {
        id: item.text("id")?,
        name: item.required_text("name")?,
        status: properties.text("status")?,
        document_type: properties.text("documentType")?,
        invoice_type: properties.text("invoiceType")?,
        invoice_date: properties.optional_day("invoiceDate")?,
        due_date: properties.optional_day("dueDate")?,
        period_start: properties.optional_day("invoicePeriodStartDate")?,
        period_end: properties.optional_day("invoicePeriodEndDate")?,
        amount_due: properties.optional_money("amountDue")?,
        billed_amount: properties.optional_money("billedAmount")?,
        total_amount: properties.optional_money("totalAmount")?,
        sub_total: properties.optional_money("subTotal")?,
        tax_amount: properties.optional_money("taxAmount")?,
        credit_amount: properties.optional_money("creditAmount")?,
        azure_prepayment_applied: properties.optional_money("azurePrepaymentApplied")?,
        free_azure_credit_applied: properties.optional_money("freeAzureCreditApplied")?,
        is_monthly: properties.optional_flag("isMonthlyInvoice")?,
        billing_profile_id: properties.text("billingProfileId")?,
        billing_profile_display_name: properties.text("billingProfileDisplayName")?,
        subscription_id: properties.text("subscriptionId")?,
        subscription_display_name: properties.text("subscriptionDisplayName")?,
        purchase_order_number: properties.text("purchaseOrderNumber")?,
        credit_for_document_id: properties.text("creditForDocumentId")?,
        billed_document_id: properties.text("billedDocumentId")?,
        special_taxation_type: properties.text("specialTaxationType")?,
        documents: documents.iter().map(document).collect::<Result<_, _>>()?,
        payments: payments
            .iter()
            .map(read_payment)
            .collect::<Result<_, _>>()?,
        failed_payments: failed.iter().map(read_failure).collect::<Result<_, _>>()?,
        rebills: read_rebills(&properties)?,
        refund: refund.as_ref().map(read_refund).transpose()?,
    })
}

fn read_document(document: &Fields, endpoint: &Url) -> Result<InvoiceDocument, String> {
    // These links are extras; one that cannot be used does not hide the invoice.
    let link = |name| {
        let text = document.optional_text(name)?;
        Ok::<_, String>(text.and_then(|text| SignedLink::parse(&text, None, endpoint).ok()))
    };
    Ok(InvoiceDocument {
        name: document.text("name")?,
        kind: document.text("kind")?,
        source: document.text("source")?,
        document_numbers: document.texts("documentNumbers")?,
        link: link("url")?,
        external_link: link("externalUrl")?,
    })
}

fn read_payment(payment: &Fields) -> Result<InvoicePayment, String> {
    Ok(InvoicePayment {
        amount: payment.optional_money("amount")?,
        date: payment.optional_day("date")?,
        payment_type: payment.text("paymentType")?,
        method_type: payment.text("paymentMethodType")?,
    })
}

fn read_failure(failure: &Fields) -> Result<FailedPayment, String> {
    Ok(FailedPayment {
        date: failure.optional_day("date")?,
        reason: failure.text("failedPaymentReason")?,
    })
}

/// Azure writes earlier invoices as objects within objects.
fn read_rebills(properties: &Fields) -> Result<Vec<Rebill>, String> {
    // Deeper than any real history, and each level is read again from its text.
    const MOST: usize = 50;
    let mut rebills = Vec::new();
    let mut next = properties.optional_object("rebillDetails")?;
    while let Some(rebill) = next {
        if rebills.len() == MOST {
            return Err(format!("`rebillDetails` are more than {MOST} deep"));
        }
        let found = Rebill {
            invoice_document_id: rebill.text("invoiceDocumentId")?,
            credit_note_document_id: rebill.text("creditNoteDocumentId")?,
        };
        next = rebill.optional_object("rebillDetails")?;
        let says_something =
            !found.invoice_document_id.is_empty() || !found.credit_note_document_id.is_empty();
        if says_something {
            rebills.push(found);
        } else if next.is_some() {
            return Err("`rebillDetails` name no invoice".to_owned());
        }
    }
    Ok(rebills)
}

fn read_refund(refund: &Fields) -> Result<Refund, String> {
    Ok(Refund {
        amount_requested: refund.optional_money("amountRequested")?,
        amount_refunded: refund.optional_money("amountRefunded")?,
        status: refund.text("refundStatus")?,
        reason: refund.text("refundReason")?,
        requested_on: refund.optional_moment("requestedOn")?,
        approved_on: refund.optional_moment("approvedOn")?,
        completed_on: refund.optional_moment("completedOn")?,
        rebill_invoice_id: refund.text("rebillInvoiceId")?,
    })
}
