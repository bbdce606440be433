//! Calls of Microsoft.Billing and Microsoft.Commerce.

use azure_cost::{
    Client, DocumentName, Granularity, InvoiceDownload, InvoiceFile, RateCardQuery,
    TransactionType, UsageAggregatesQuery,
};
use jiff::Timestamp;

use super::{Heard, all, list, words};
use crate::examples::example::Example;
use crate::examples::json::Json;
use crate::examples::operations::{Operation, Thing, Verb};

pub(super) async fn billing(
    client: &Client,
    example: &Example,
    operation: Operation,
) -> Result<Heard, String> {
    let scope = || example.scope();
    let (from, to) = example.days_or_all();
    let is_list = operation.verb == Verb::List;
    let invoice = example.text("invoiceName");
    match operation.thing {
        Thing::AvailableBalance => Ok(Heard::maybe(
            client.available_balance(&scope()?).await.map_err(words)?,
        )),
        Thing::BillingAccount if is_list => list(client.billing_accounts()).await,
        Thing::BillingAccount => Ok(Heard::one(
            client.billing_account(&scope()?).await.map_err(words)?,
        )),
        Thing::BillingPeriod if is_list => list(client.billing_periods(&scope()?, None)).await,
        Thing::BillingPeriod => {
            let name = example.required(&["billingPeriodName"])?;
            Ok(Heard::one(
                client
                    .billing_period(&scope()?, &name)
                    .await
                    .map_err(words)?,
            ))
        }
        Thing::BillingProfile => list(client.billing_profiles(&scope()?)).await,
        Thing::EnrollmentAccount if is_list => list(client.enrollment_accounts()).await,
        Thing::EnrollmentAccount => {
            let name = example.required(&["name"])?;
            Ok(Heard::one(
                client.enrollment_account(&name).await.map_err(words)?,
            ))
        }
        Thing::Invoice if is_list => list(client.invoices(&scope()?, from, to)).await,
        Thing::Invoice => {
            let name = example.required(&["invoiceName"])?;
            let of_nobody = example
                .one_of(&["billingAccountName", "subscriptionId"])
                .is_none();
            let found = match of_nobody {
                true => client.invoice_by_name(&name).await,
                false => client.invoice(&scope()?, &name).await,
            };
            Ok(Heard::one(found.map_err(words)?))
        }
        Thing::InvoiceDocument | Thing::InvoiceDocuments | Thing::InvoiceSummary => {
            let file = invoice_file(example, operation.thing)?;
            let mut state = client.start_invoice_download(&scope()?, &file).await;
            if let Ok(InvoiceDownload::Pending(pending)) = &state {
                let pending = pending.clone();
                state = client.invoice_download_again(&pending).await;
            }
            match state.map_err(words)? {
                InvoiceDownload::Ready(link) => Ok(Heard::one(link)),
                InvoiceDownload::Pending(_) => Err("it is still pending".to_owned()),
            }
        }
        Thing::OlderInvoice if is_list => list(client.subscription_invoices(&scope()?, None)).await,
        Thing::OlderInvoice => {
            let scope = scope()?;
            let found = match &invoice {
                Some(name) => client.subscription_invoice(&scope, name).await,
                None => client.latest_subscription_invoice(&scope).await,
            };
            Ok(Heard::one(found.map_err(words)?))
        }
        Thing::Transaction => {
            let scope = scope()?;
            if let Some(invoice) = invoice {
                return list(client.invoice_transactions(&scope, &invoice)).await;
            }
            let which = example.required(&["type"])?;
            let which = match which.eq_ignore_ascii_case("unbilled") {
                true => TransactionType::Unbilled,
                false => TransactionType::Billed,
            };
            list(client.billing_transactions(&scope, from, to, which)).await
        }
        _ => Err("nobody calls it".to_owned()),
    }
}

fn invoice_file(example: &Example, thing: Thing) -> Result<InvoiceFile, String> {
    if thing == Thing::InvoiceDocuments {
        let items = example.body().and_then(Json::list).unwrap_or_default();
        let document = |item: &Json| {
            Some(DocumentName {
                invoice: item.get("invoiceName")?.text()?,
                document: item.get("documentName")?.text()?,
            })
        };
        let documents: Option<Vec<_>> = items.iter().map(document).collect();
        let documents = documents.ok_or("a document has no name")?;
        return Ok(InvoiceFile::Documents(documents));
    }
    let invoice = example.required(&["invoiceName"])?;
    Ok(match thing {
        Thing::InvoiceSummary => InvoiceFile::Summary { invoice },
        _ => InvoiceFile::Document {
            invoice,
            document: example.text("documentName"),
        },
    })
}

pub(super) async fn commerce(
    client: &Client,
    example: &Example,
    thing: Thing,
) -> Result<Heard, String> {
    let scope = example.scope()?;
    if thing == Thing::RateCard {
        let wanted = |field: &str| {
            example
                .wanted(field)
                .ok_or(format!("no {field} in its filter"))
        };
        let query = RateCardQuery {
            offer: wanted("OfferDurableId")?,
            currency: wanted("Currency")?
                .parse()
                .map_err(|_| "its currency is unknown")?,
            locale: wanted("Locale")?,
            region: wanted("RegionInfo")?,
        };
        let card = client.rate_card(&scope, &query).await.map_err(words)?;
        return Ok(Heard {
            items: card.meters().len(),
            ..Heard::one(card)
        });
    }
    let moment = |name: &str| -> Result<Timestamp, String> {
        let text = example.required(&[name])?;
        text.parse()
            .map_err(|_| format!("its {name} is no moment: {text}"))
    };
    let text = |name: &str| example.text(name).unwrap_or_default();
    let query = UsageAggregatesQuery {
        from: moment("reportedStartTime")?,
        to: moment("reportedEndTime")?,
        granularity: match text("aggregationGranularity").eq_ignore_ascii_case("hourly") {
            true => Granularity::Hourly,
            false => Granularity::Daily,
        },
        show_details: !text("showDetails").eq_ignore_ascii_case("false"),
    };
    let pages = all(client.usage_aggregates(&scope, &query)).await?;
    let rows = pages.into_iter().flat_map(|page| page.rows);
    Ok(Heard::many(&rows.collect::<Vec<_>>()))
}
