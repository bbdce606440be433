//! `Microsoft.Billing`: accounts, billing profiles, invoices, transactions, available credit.

use axum::http::StatusCode;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::answer::{Answer, Handled, Object, Refusal, plain_midnight};
use super::downloads;
use super::operation::{Call, Operation, get, post};
use super::shapes::{money, only};
use crate::books::{Invoice, Line, Payer};
use crate::world::{Agreement, Named, Section, World};

const VERSIONS: &[&str] = &["2024-04-01", "2020-05-01"];

pub(super) const OPERATIONS: &[Operation] = &[
    get(
        "BillingAccounts_List",
        "/providers/Microsoft.Billing/billingAccounts",
        VERSIONS,
        |call| Ok(call.page([account(&call.world)], 50)?.answer()),
    ),
    get(
        "BillingAccounts_Get",
        "/providers/Microsoft.Billing/billingAccounts/{account}",
        VERSIONS,
        |call| {
            check_account(call)?;
            Ok(Answer::json(&account(&call.world)))
        },
    ),
    get(
        "BillingProfiles_ListByBillingAccount",
        "/providers/Microsoft.Billing/billingAccounts/{account}/billingProfiles",
        VERSIONS,
        |call| {
            let profiles = profiles(call)?;
            let items = profiles.iter().map(|each| profile(&call.world, each));
            Ok(call.page(items, call.page_size(50)?)?.answer())
        },
    ),
    get(
        "BillingProfiles_Get",
        "/providers/Microsoft.Billing/billingAccounts/{account}/billingProfiles/{profile}",
        VERSIONS,
        |call| Ok(Answer::json(&profile(&call.world, &asked_profile(call)?))),
    ),
    get(
        "AvailableBalances_GetByBillingProfile",
        "/providers/Microsoft.Billing/billingAccounts/{account}/billingProfiles/{profile}\
         /availableBalance/default",
        VERSIONS,
        available,
    ),
    get(
        "Invoices_ListByBillingAccount",
        "/providers/Microsoft.Billing/billingAccounts/{account}/invoices",
        VERSIONS,
        |call| {
            check_account(call)?;
            list(call, |_| true)
        },
    ),
    get(
        "Invoices_ListByBillingProfile",
        "/providers/Microsoft.Billing/billingAccounts/{account}/billingProfiles/{profile}/invoices",
        VERSIONS,
        |call| {
            let profile = asked_profile(call)?;
            list(
                call,
                |each| matches!(&each.payer, Payer::Profile(own) if own.id == profile.id),
            )
        },
    ),
    get(
        "Invoices_ListByBillingSubscription",
        "/providers/Microsoft.Billing/billingAccounts/default/billingSubscriptions/{subscription}\
         /invoices",
        VERSIONS,
        |call| {
            let subscription = call.world.subscription(call.name("subscription"));
            list(call, |each| {
                subscription.is_some_and(|own| each.payer.pays_for(own))
            })
        },
    ),
    get(
        "Invoices_GetByBillingSubscription",
        "/providers/Microsoft.Billing/billingAccounts/default/billingSubscriptions/{subscription}\
         /invoices/{invoice}",
        VERSIONS,
        one,
    ),
    get(
        "Invoices_Get",
        "/providers/Microsoft.Billing/billingAccounts/{account}/invoices/{invoice}",
        VERSIONS,
        |call| {
            check_account(call)?;
            one(call)
        },
    ),
    post(
        "Invoices_DownloadByBillingSubscription",
        "/providers/Microsoft.Billing/billingAccounts/default/billingSubscriptions/{subscription}\
         /invoices/{invoice}/download",
        VERSIONS,
        download,
    ),
    post(
        "Invoices_DownloadByBillingAccount",
        "/providers/Microsoft.Billing/billingAccounts/{account}/invoices/{invoice}/download",
        VERSIONS,
        download,
    ),
    post(
        "Invoices_DownloadSummaryByBillingAccount",
        "/providers/Microsoft.Billing/billingAccounts/{account}/invoices/{invoice}/downloadSummary",
        VERSIONS,
        |call| {
            only(&call.world, &[Agreement::Enterprise])?;
            download(call)
        },
    ),
    post(
        "Invoices_DownloadDocumentsByBillingSubscription",
        "/providers/Microsoft.Billing/billingAccounts/default/billingSubscriptions/{subscription}\
         /downloadDocuments",
        VERSIONS,
        download_several,
    ),
    post(
        "Invoices_DownloadDocumentsByBillingAccount",
        "/providers/Microsoft.Billing/billingAccounts/{account}/downloadDocuments",
        VERSIONS,
        download_several,
    ),
    get(
        "Invoices_DownloadResult",
        "/providers/Microsoft.Billing/billingAccounts/{account}/operationResults/{id}",
        VERSIONS,
        |call| {
            downloads::poll(call, "invoice", |link| {
                Object::new()
                    .with("expiryTime", link.until)
                    .with("url", link.url)
            })
        },
    ),
    get(
        "Transactions_ListByInvoice",
        "/providers/Microsoft.Billing/billingAccounts/{account}/invoices/{invoice}/transactions",
        VERSIONS,
        transactions,
    ),
    get(
        "Transactions_GetTransactionSummaryByInvoice",
        "/providers/Microsoft.Billing/billingAccounts/{account}/invoices/{invoice}\
         /transactionSummary",
        VERSIONS,
        summary,
    ),
    get(
        "Transactions_ListByBillingProfile",
        "/providers/Microsoft.Billing/billingAccounts/{account}/billingProfiles/{profile}\
         /transactions",
        VERSIONS,
        transactions_of_profile,
    ),
];

/// Refuses an account that is not the world's; `default` is whichever there is.
pub(super) fn check_account(call: &Call) -> Result<(), Refusal> {
    let asked = call.name("account");
    if asked == "default" || asked.eq_ignore_ascii_case(&call.world.billing_account) {
        return Ok(());
    }
    let message = format!("No access to billing account '{asked}'.");
    let status = StatusCode::FORBIDDEN;
    Err(Refusal::new(status, "BillingAccessDenied", message))
}

pub(super) fn account_id(world: &World) -> String {
    format!(
        "/providers/Microsoft.Billing/billingAccounts/{}",
        world.billing_account
    )
}

fn account(world: &World) -> Object {
    let properties = Object::new()
        .with("displayName", &world.account_name)
        .with("agreementType", world.agreement.billing_name())
        .with(
            "accountType",
            match world.agreement {
                Agreement::PayAsYouGo => "Individual",
                Agreement::Partner => "Partner",
                _ => "Enterprise",
            },
        )
        .with("accountStatus", "Active")
        .with("hasReadAccess", true)
        .with("primaryBillingTenantId", &world.tenant);
    Object::new()
        .with("id", account_id(world))
        .with("name", &world.billing_account)
        .with("type", "Microsoft.Billing/billingAccounts")
        .with("properties", properties)
}

fn profiles(call: &Call) -> Result<Vec<Named>, Refusal> {
    check_account(call)?;
    only(&call.world, &[Agreement::Customer, Agreement::Partner])?;
    Ok(call.world.parents().into_iter().cloned().collect())
}

pub(super) fn asked_profile(call: &Call) -> Result<Named, Refusal> {
    let asked = call.name("profile");
    let profiles = profiles(call)?.into_iter();
    let message = || format!("There is no billing profile '{asked}'.");
    let mut found = profiles.filter(|each| each.id.eq_ignore_ascii_case(asked));
    found
        .next()
        .ok_or_else(|| Refusal::not_found("NotFound", message()))
}

fn profile(world: &World, profile: &Named) -> Object {
    let properties = Object::new()
        .with("displayName", &profile.name)
        .with("currency", &world.currency)
        .with("invoiceDay", 5)
        .with("hasReadAccess", true)
        .with("status", "Active")
        .with("systemId", &profile.id)
        .with("spendingLimit", "Off");
    Object::new()
        .with(
            "id",
            format!("{}/billingProfiles/{}", account_id(world), profile.id),
        )
        .with("name", &profile.id)
        .with("type", "Microsoft.Billing/billingAccounts/billingProfiles")
        .with("properties", properties)
}

fn available(call: &Call) -> Handled {
    let profile = asked_profile(call)?;
    only(&call.world, &[Agreement::Customer])?;
    let credits = call.sandbox.books().credits(&profile.id);
    let amount = money(credits.balance(), &call.world.currency);
    let properties = Object::new()
        .with("amount", &amount)
        .with(
            "totalPaymentsOnAccount",
            money(Decimal::ZERO, &call.world.currency),
        )
        .with("paymentsOnAccount", Vec::<Object>::new());
    let body = Object::new()
        .with("id", &call.request.path)
        .with("name", "default")
        .with(
            "type",
            "Microsoft.Billing/billingAccounts/billingProfiles/availableBalance",
        )
        .with("properties", properties);
    Ok(Answer::json(&body))
}

/// A page of the invoices that `picks` picks, dated in the period asked for.
fn list(call: &Call, picks: impl Fn(&Invoice) -> bool) -> Handled {
    let (first, last) = (call.date("periodStartDate")?, call.date("periodEndDate")?);
    let invoices = call.sandbox.books().invoices();
    let items = invoices.iter().filter(|each| {
        picks(each)
            && first.is_none_or(|first| first <= each.date)
            && last.is_none_or(|last| each.date <= last)
    });
    let items = items.map(|each| item(&call.world, each));
    let top = call.number("top")?.filter(|top| (1..=50).contains(top));
    let size = call.page_size(50)?.min(top.unwrap_or(50));
    Ok(call.page(items, size)?.answer())
}

/// The invoice that the path names.
pub(super) fn asked_invoice(call: &Call) -> Result<Invoice, Refusal> {
    let asked = call.name("invoice");
    let subscription = call.name("subscription");
    let own = call.world.subscription(subscription);
    let invoices = call.sandbox.books().invoices().into_iter();
    let message = || format!("There is no invoice '{asked}'.");
    let mut found = invoices.filter(|each| {
        each.name.eq_ignore_ascii_case(asked)
            && (subscription.is_empty() || own.is_some_and(|own| each.payer.pays_for(own)))
    });
    found
        .next()
        .ok_or_else(|| Refusal::not_found("NotFound", message()))
}

fn one(call: &Call) -> Handled {
    Ok(Answer::json(&item(&call.world, &asked_invoice(call)?)))
}

fn item(world: &World, invoice: &Invoice) -> Object {
    let amount = |amount| money(amount, &invoice.currency);
    let prepaid = match invoice.payer {
        Payer::Account => invoice.credit,
        _ => Decimal::ZERO,
    };
    let free = invoice.credit - prepaid;
    let document = Object::new()
        .with("kind", "Invoice")
        .with("name", &invoice.name)
        .with("source", "DRS")
        .with("documentNumbers", Vec::<String>::new());
    let payment = Object::new()
        .with("amount", amount(invoice.total()))
        .with("date", plain_midnight(invoice.due))
        .with("paymentMethodType", "ChequeWire")
        .with("paymentType", "Debited");
    let mut properties = Object::new()
        .with("status", if invoice.paid { "Paid" } else { "Due" })
        .with("documentType", "Invoice")
        .with("invoiceType", "AzureServices")
        .with("isMonthlyInvoice", true)
        .with("invoiceDate", plain_midnight(invoice.date))
        .with("dueDate", plain_midnight(invoice.due))
        .with("invoicePeriodStartDate", plain_midnight(invoice.month))
        .with(
            "invoicePeriodEndDate",
            plain_midnight(invoice.month.last_of_month()),
        )
        .with("subTotal", amount(invoice.sub_total))
        .with("taxAmount", amount(invoice.tax))
        .with("creditAmount", amount(Decimal::ZERO))
        .with("azurePrepaymentApplied", amount(prepaid))
        .with("freeAzureCreditApplied", amount(free))
        .with("totalAmount", amount(invoice.total()))
        .with("billedAmount", amount(invoice.total()))
        .with("amountDue", amount(invoice.amount_due()))
        .with("documents", [document])
        .with("purchaseOrderNumber", "");
    properties = match invoice.paid {
        true => properties.with("payments", [payment]),
        false => properties.with("payments", Vec::<Object>::new()),
    };
    properties = match &invoice.payer {
        Payer::Account => properties,
        Payer::Profile(own) => properties
            .with(
                "billingProfileId",
                format!("{}/billingProfiles/{}", account_id(world), own.id),
            )
            .with("billingProfileDisplayName", &own.name),
        Payer::Subscription(own) => properties
            .with("subscriptionId", &own.id)
            .with("subscriptionDisplayName", &own.name),
    };
    Object::new()
        .with(
            "id",
            format!("{}/invoices/{}", account_id(world), invoice.name),
        )
        .with("name", &invoice.name)
        .with("type", "Microsoft.Billing/billingAccounts/invoices")
        .with("properties", properties)
}

fn results(call: &Call) -> String {
    format!("{}/operationResults", account_id(&call.world))
}

fn download(call: &Call) -> Handled {
    let invoice = asked_invoice(call)?;
    Ok(downloads::accept(call, &results(call), &invoice.name))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    invoice_name: Option<String>,
    document_name: String,
}

fn download_several(call: &Call) -> Handled {
    let wanted: Vec<Wanted> = call.request.json()?;
    let invoices = call.sandbox.books().invoices();
    for each in &wanted {
        let name = each.invoice_name.as_ref().unwrap_or(&each.document_name);
        if !invoices.iter().any(|known| known.name == *name) {
            let message = format!("There is no invoice '{name}'.");
            return Err(Refusal::not_found("NotFound", message));
        }
    }
    let Some(first) = wanted.first() else {
        return Err(Refusal::bad_request("The body names no documents."));
    };
    let name = first.invoice_name.as_ref().unwrap_or(&first.document_name);
    Ok(downloads::accept(call, &results(call), name))
}

/// The document of an invoice, a PDF without any page; `None` if there is none of the name.
pub(super) fn pdf(call: &Call, name: &str) -> Option<Vec<u8>> {
    let invoices = call.sandbox.books().invoices();
    let invoice = invoices.iter().find(|each| each.name == name)?;
    let text = format!(
        "%PDF-1.4\n%% {} {} {}\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
         2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
        invoice.name,
        invoice.total(),
        invoice.currency
    );
    Some(text.into_bytes())
}

fn transactions(call: &Call) -> Handled {
    check_account(call)?;
    let invoice = asked_invoice(call)?;
    let books = call.sandbox.books();
    let lines = books.lines(invoice.month, &invoice.payer);
    let items = lines.iter().zip(1..);
    let items = items.map(|(line, number)| transaction(&call.world, line, number, Some(&invoice)));
    Ok(call.page(items, call.page_size(50)?)?.answer())
}

fn transaction(world: &World, line: &Line, number: u32, invoice: Option<&Invoice>) -> Object {
    let (subscription, first) = (line.subscription, &line.first);
    let section = &subscription.section;
    let amount = |amount| money(amount, &subscription.currency);
    let name = format!(
        "{}-{number}",
        invoice.map_or("pending", |invoice| &invoice.name)
    );
    let month = first.date.first_of_month();
    let properties = Object::new()
        .with(
            "kind",
            if invoice.is_some() {
                "all"
            } else {
                "reservation"
            },
        )
        .with("date", plain_midnight(first.date))
        .with("invoice", invoice.map_or("", |invoice| &invoice.name))
        .with("invoiceId", invoice.map_or("", |invoice| &invoice.name))
        .with("productFamily", first.meter().family)
        .with("productType", &line.service)
        .with("productDescription", &line.service)
        .with("transactionType", &line.charge_type)
        .with("transactionAmount", amount(line.amount))
        .with("subTotal", amount(line.amount))
        .with("tax", amount(Decimal::ZERO))
        .with("billingCurrency", &subscription.currency)
        .with("pricingCurrency", "USD")
        .with("quantity", 1)
        .with("servicePeriodStartDate", plain_midnight(month))
        .with(
            "servicePeriodEndDate",
            plain_midnight(month.last_of_month()),
        )
        .with(
            "billingProfileId",
            format!(
                "{}/billingProfiles/{}",
                account_id(world),
                section.parent.id
            ),
        )
        .with("billingProfileDisplayName", &section.parent.name)
        .with("invoiceSectionDisplayName", &section.part.name);
    Object::new()
        .with("id", format!("{}/transactions/{name}", account_id(world)))
        .with("name", &name)
        .with("type", "Microsoft.Billing/billingAccounts/transactions")
        .with("properties", properties)
}

fn summary(call: &Call) -> Handled {
    check_account(call)?;
    let invoice = asked_invoice(call)?;
    let amount = |amount: Decimal| super::shapes::exact(amount);
    let body = Object::new()
        .with("azureCreditApplied", amount(invoice.credit))
        .with("billingCurrency", &invoice.currency)
        .with("consumptionCommitmentDecremented", amount(Decimal::ZERO))
        .with("subTotal", amount(invoice.sub_total))
        .with("tax", amount(invoice.tax))
        .with("total", amount(invoice.total()));
    Ok(Answer::json(&body))
}

fn transactions_of_profile(call: &Call) -> Handled {
    transactions_of(call, |_| true)
}

/// The transactions of a profile that were paid in some of its parts.
pub(super) fn transactions_of(call: &Call, picks: impl Fn(&Section) -> bool) -> Handled {
    let profile = asked_profile(call)?;
    let (Some(first), Some(last)) = (call.date("periodStartDate")?, call.date("periodEndDate")?)
    else {
        let message = "periodStartDate and periodEndDate are required.";
        return Err(Refusal::bad_request(message));
    };
    let billed = match call.request.parameter("type") {
        Some(text) if text.eq_ignore_ascii_case("billed") => true,
        Some(text) if text.eq_ignore_ascii_case("unbilled") => false,
        found => {
            let found = found.unwrap_or_default();
            let message = format!("The type '{found}' is neither Billed nor Unbilled.");
            return Err(Refusal::bad_request(message));
        }
    };
    let books = call.sandbox.books();
    let payer = Payer::Profile(profile);
    let invoices = books.invoices();
    let mut items = Vec::new();
    for month in books.months() {
        let invoice = (invoices.iter()).find(|each| each.month == month && each.payer == payer);
        let within = first <= month.last_of_month() && month <= last;
        if !within || invoice.is_some() != billed {
            continue;
        }
        // Numbers are those of the whole invoice, whatever is left out.
        for (line, number) in books.lines(month, &payer).iter().zip(1..) {
            if !picks(&line.subscription.section) {
                continue;
            }
            items.push(transaction(&call.world, line, number, invoice));
        }
    }
    Ok(call.page(items, call.page_size(50)?)?.answer())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::Options;
    use super::super::tests::Local;
    use super::*;
    use crate::scenario::Scenario;
    use crate::world::convert;

    const TAIL: &str = "api-version=2024-04-01";

    fn sandbox(name: &str) -> (World, Local, String) {
        let world = Scenario::named(name).unwrap().world;
        let account = account_id(&world);
        let options = Options {
            page_rows: 4,
            ..Options::new(world.today)
        };
        (world.clone(), Local::over(world, options), account)
    }

    fn value(amount: &Value) -> Decimal {
        amount["value"].to_string().parse().unwrap()
    }

    #[tokio::test]
    async fn every_invoice_is_the_sum_of_its_months_rows() {
        for name in ["enterprise", "customer", "pay-as-you-go", "partner"] {
            let (world, sandbox, account) = sandbox(name);
            let invoices = sandbox.list(&format!("{account}/invoices?{TAIL}")).await;
            assert!(invoices.len() > 5, "{name}");
            let mut told = Decimal::ZERO;
            for invoice in &invoices {
                let properties = &invoice["properties"];
                let currency = properties["subTotal"]["currency"].as_str().unwrap();
                told += convert(value(&properties["subTotal"]), currency, "USD");
                let path = format!(
                    "{account}/invoices/{}/transactions?{TAIL}",
                    invoice["name"].as_str().unwrap()
                );
                let lines = sandbox.list(&path).await;
                let sum: Decimal = lines
                    .iter()
                    .map(|line| &line["properties"]["transactionAmount"])
                    .map(|amount| {
                        convert(
                            value(amount),
                            amount["currency"].as_str().unwrap(),
                            currency,
                        )
                    })
                    .sum();
                assert_eq!(sum, value(&properties["subTotal"]), "{name}");
            }
            // October is closed on 18 November.
            let seen = world.as_seen_on(world.today);
            let rows = seen.rows_between(world.first_day, jiff::civil::date(2026, 10, 31));
            let rows = rows.map(|row| convert(row.cost, &row.subscription.currency, "USD"));
            assert_eq!(told, rows.sum::<Decimal>(), "{name}");
        }
    }

    #[tokio::test]
    async fn invoices_are_found_by_profile_subscription_and_name_and_downloaded() {
        let (world, mut sandbox, account) = sandbox("customer");
        let profiles = sandbox
            .list(&format!("{account}/billingProfiles?{TAIL}"))
            .await;
        assert_eq!(profiles.len(), 2);
        let id = profiles[0]["id"].as_str().unwrap();
        let of_profile = sandbox.list(&format!("{id}/invoices?{TAIL}")).await;
        let of_subscription = sandbox
            .list(&format!(
                "/providers/Microsoft.Billing/billingAccounts/default/billingSubscriptions/{}\
                 /invoices?{TAIL}&periodStartDate=2026-06-01&periodEndDate=2026-07-31",
                world.subscriptions[0].id
            ))
            .await;
        assert_eq!(of_profile.len(), 11);
        assert_eq!(of_subscription.len(), 2);
        assert!(of_profile.contains(&of_subscription[0]));
        let name = of_profile[0]["name"].as_str().unwrap();
        let (status, one) = sandbox
            .get(&format!("{account}/invoices/{name}?{TAIL}"))
            .await;
        assert_eq!((status.as_u16(), &one), (200, &of_profile[0]));
        let path = format!("{account}/invoices/{name}/download?documentName={name}&{TAIL}");
        let (status, headers, _) = sandbox.send("POST", &path, "").await;
        assert_eq!(status, 202);
        let (_, headers, _) = sandbox
            .send("GET", headers["location"].to_str().unwrap(), "")
            .await;
        let (status, link) = sandbox.get(headers["location"].to_str().unwrap()).await;
        assert_eq!(status, 200, "{link}");
        sandbox.sign_out();
        let (status, _, text) = sandbox.send("GET", link["url"].as_str().unwrap(), "").await;
        assert_eq!(status, 200);
        assert!(text.starts_with("%PDF-1.4") && text.contains(name));
    }
}
