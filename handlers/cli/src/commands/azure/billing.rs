//! `azure billing`: who pays, for which periods, and what for.

use azure_cost::{BillingAccount, BillingPeriod, BillingProfile, Transaction, TransactionType};
use budget_engine::ScopeKind;
use futures::StreamExt;

use super::{Asking, Explain};
use crate::args::azure::{Billing, Transactions};
use crate::listing::{List, Value};

pub(super) async fn run(asking: &Asking<'_>, what: &Billing) -> anyhow::Result<()> {
    let client = asking.client()?;
    match what {
        // There is no scope whose roles could be missing.
        Billing::Accounts => {
            let accounts = client.billing_accounts().map(|account| Ok(account?));
            asking.print(accounts_list(), accounts).await
        }
        Billing::Profiles => {
            let scope = asking.scope(&[ScopeKind::BillingAccount])?;
            asking
                .list(profiles_list(), &scope, client.billing_profiles(&scope))
                .await
        }
        Billing::Periods => {
            let scope = asking.scope(&[ScopeKind::Subscription])?;
            asking
                .list(periods_list(), &scope, client.billing_periods(&scope, None))
                .await
        }
        Billing::Transactions(options) => transactions(asking, options).await,
    }
}

async fn transactions(asking: &Asking<'_>, options: &Transactions) -> anyhow::Result<()> {
    let client = asking.client()?;
    if let Some(invoice) = &options.invoice {
        let scope = asking.scope(&[ScopeKind::BillingAccount])?;
        let found = client.invoice_transactions(&scope, invoice);
        let found = found.map(|one| one.explain_named(&scope));
        return asking.print(transactions_list(), found).await;
    }
    let scope = asking.scope(&[ScopeKind::BillingProfile])?;
    let (from, to) = options.days.range()?;
    let which = match options.unbilled {
        true => TransactionType::Unbilled,
        false => TransactionType::Billed,
    };
    let found = client.billing_transactions(&scope, from, to, which);
    asking.list(transactions_list(), &scope, found).await
}

fn transactions_list() -> List<Transaction> {
    List::of("transaction", "transactions")
        .shown("Date", "date", |one: &Transaction| one.date)
        .shown("Kind", "kind", |one| Value::from(&one.transaction_type))
        .shown("Product", "product", |one| {
            Value::from(&one.product_description)
        })
        .field("product_family", |one| Value::from(&one.product_family))
        .field("product_type", |one| Value::from(&one.product_type))
        .field("part_number", |one| Value::from(&one.part_number))
        .field("azure_plan", |one| Value::from(&one.azure_plan))
        .field("order", |one| Value::from(&one.order_name))
        .field("service_from", |one| one.service_period_start)
        .field("service_until", |one| one.service_period_end)
        .shown("Invoice section", "invoice_section", |one| {
            Value::from(&one.invoice_section_display_name)
        })
        .field("invoice_section_id", |one| {
            Value::from(&one.invoice_section_id)
        })
        .field("billing_profile_id", |one| {
            Value::from(&one.billing_profile_id)
        })
        .field("customer", |one| Value::from(&one.customer_display_name))
        .shown("Invoice", "invoice", |one| Value::from(&one.invoice))
        .field("quantity", |one| one.quantity)
        .field("units", |one| one.units)
        .field("unit", |one| Value::from(&one.unit_of_measure))
        .field("unit_price", |one| one.effective_price.map(Value::Price))
        .field("market_price", |one| one.market_price.map(Value::Price))
        .field("discount", |one| one.discount)
        .field("exchange_rate", |one| one.exchange_rate)
        .number("Before tax", "sub_total", |one| one.sub_total)
        .number("Tax", "tax", |one| one.tax)
        .field("credit", |one| one.azure_credit_applied)
        .field("commitment", |one| one.consumption_commitment_decremented)
        .number("Amount", "amount", |one| one.transaction_amount)
        .field("currency", |one| one.billing_currency)
        .total(|one| one.transaction_amount)
}

fn accounts_list() -> List<BillingAccount> {
    List::of("billing account", "billing accounts")
        .shown("Account", "display_name", |account: &BillingAccount| {
            Value::from(&account.display_name)
        })
        .shown("Agreement", "agreement", |account| {
            Value::from(account.agreement_type.as_str())
        })
        .field("account_type", |account| Value::from(&account.account_type))
        .shown("Status", "status", |account| {
            Value::from(&account.account_status)
        })
        .field("has_read_access", |account| account.has_read_access)
        .field("tenant_id", |account| {
            Value::from(&account.primary_billing_tenant_id)
        })
        .field("name", |account| Value::from(&account.name))
        .field("enrollment_start", |account| {
            account.enrollment.as_ref().and_then(|one| one.start)
        })
        .field("enrollment_end", |account| {
            account.enrollment.as_ref().and_then(|one| one.end)
        })
        .field("currency", |account| {
            account.enrollment.as_ref().and_then(|one| one.currency)
        })
        .shown("Scope", "scope", |account| Value::from(&account.id))
}

fn profiles_list() -> List<BillingProfile> {
    List::of("billing profile", "billing profiles")
        .shown("Profile", "display_name", |profile: &BillingProfile| {
            Value::from(&profile.display_name)
        })
        .field("name", |profile| Value::from(&profile.name))
        .shown("Currency", "currency", |profile| profile.currency)
        .shown("Status", "status", |profile| Value::from(&profile.status))
        .field("invoice_day", |profile| profile.invoice_day)
        .field("purchase_order", |profile| Value::from(&profile.po_number))
        .field("spending_limit", |profile| {
            Value::from(&profile.spending_limit)
        })
        .field("has_read_access", |profile| profile.has_read_access)
        .shown("Scope", "scope", |profile| Value::from(&profile.id))
}

fn periods_list() -> List<BillingPeriod> {
    List::of("billing period", "billing periods")
        .shown("Period", "name", |period: &BillingPeriod| {
            Value::from(&period.name)
        })
        .shown("First day", "start", |period| period.start)
        .shown("Last day", "end", |period| period.end)
        .shown("Invoices", "invoices", |period| {
            let ids = period.invoice_ids.iter();
            let names = ids.filter_map(|id| id.rsplit('/').next().map(str::to_owned));
            Value::Texts(names.collect())
        })
}
