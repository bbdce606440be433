//! `azure invoices`: the invoices of an account, profile or subscription, and one of them as a PDF.

use azure_cost::{Invoice, InvoiceFile};
use budget_engine::ScopeKind;
use futures::StreamExt;
use jiff::{Timestamp, ToSpan};
use spendwatch::day_of;

use super::{Asking, Explain, explained, range};
use crate::args::azure::Invoices;
use crate::listing::{List, Value};
use crate::output::talk;
use crate::saving::Place;

const KINDS: &[ScopeKind] = &[
    ScopeKind::BillingAccount,
    ScopeKind::BillingProfile,
    ScopeKind::Subscription,
];

pub(super) async fn run(asking: &Asking<'_>, options: &Invoices) -> anyhow::Result<()> {
    let scope = asking.scope(KINDS)?;
    let client = asking.client()?;
    if let (Some(invoice), Some(file)) = (&options.download, &options.file) {
        let place = Place::new(file, options.force)?;
        let wanted = InvoiceFile::Document {
            invoice: invoice.clone(),
            document: None,
        };
        let link = client
            .invoice_download(&scope, &wanted)
            .await
            .explain_named(&scope)?;
        let bytes = client.download(&link);
        let bytes = bytes.map(|bytes| bytes.map_err(|error| explained(error, &scope)));
        let written = place.save(None, bytes).await?;
        talk(&format!(
            "{invoice} is saved as {}, {written} bytes",
            file.display()
        ));
        return Ok(());
    }
    let to = options.to.unwrap_or_else(|| day_of(Timestamp::now()));
    let from = options.from.unwrap_or_else(|| to.saturating_sub(1.year()));
    let (from, to) = range(from, to)?;
    asking
        .list(list(), &scope, client.invoices(&scope, from, to))
        .await
}

fn list() -> List<Invoice> {
    List::of("invoice", "invoices")
        .shown("Invoice", "name", |invoice: &Invoice| {
            Value::from(&invoice.name)
        })
        .shown("Date", "invoice_date", |invoice| invoice.invoice_date)
        .shown("Due", "due_date", |invoice| invoice.due_date)
        .field("period_start", |invoice| invoice.period_start)
        .field("period_end", |invoice| invoice.period_end)
        .shown("Status", "status", |invoice| Value::from(&invoice.status))
        .field("document_type", |invoice| {
            Value::from(&invoice.document_type)
        })
        .field("invoice_type", |invoice| Value::from(&invoice.invoice_type))
        .field("billing_profile_id", |invoice| {
            Value::from(&invoice.billing_profile_id)
        })
        .shown("Billing profile", "billing_profile", |invoice| {
            Value::from(&invoice.billing_profile_display_name)
        })
        .field("subscription_id", |invoice| {
            Value::from(&invoice.subscription_id)
        })
        .field("purchase_order", |invoice| {
            Value::from(&invoice.purchase_order_number)
        })
        .number("Billed", "billed", |invoice| invoice.billed_amount)
        .field("credit", |invoice| invoice.credit_amount)
        .field("prepayment_applied", |invoice| {
            invoice.azure_prepayment_applied
        })
        .field("free_credit_applied", |invoice| {
            invoice.free_azure_credit_applied
        })
        .field("sub_total", |invoice| invoice.sub_total)
        .number("Tax", "tax", |invoice| invoice.tax_amount)
        .number("Total", "total", |invoice| invoice.total_amount)
        .number("To pay", "amount_due", |invoice| invoice.amount_due)
        .field("currency", |invoice| {
            let amount = invoice.total_amount.or(invoice.billed_amount);
            amount.or(invoice.amount_due).map(|amount| amount.currency)
        })
        .field("documents", |invoice| {
            // Their links can be read by whoever has them.
            Value::Texts(
                invoice
                    .documents
                    .iter()
                    .map(|document| document.kind.clone())
                    .collect(),
            )
        })
        .total(|invoice| invoice.total_amount)
}
