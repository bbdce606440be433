//! `azure billing`: who pays, and for which periods.

use azure_cost::{BillingAccount, BillingPeriod, BillingProfile};
use budget_engine::ScopeKind;
use futures::StreamExt;

use super::Asking;
use crate::args::azure::Billing;
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
    }
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
