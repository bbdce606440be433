//! `azure balance`: what is left of what was paid or granted before.

use azure_cost::{
    Balance as Prepaid, CreditSummary, EventFilter, EventSummary, LotFilter, LotSummary,
};
use budget_engine::{Money, ScopeKind};

use super::{Asking, Explain};
use crate::args::azure::Balance;
use crate::args::wrong_use;
use crate::listing::{List, Value};

const KINDS: &[ScopeKind] = &[ScopeKind::BillingAccount, ScopeKind::BillingProfile];

pub(super) async fn run(asking: &Asking<'_>, options: &Balance) -> anyhow::Result<()> {
    let scope = asking.scope(KINDS)?;
    let client = asking.client()?;
    let is_profile = scope.kind() == ScopeKind::BillingProfile;
    if options.lots {
        let lots = client.lots(&scope, &LotFilter::default());
        return asking.list(lot_list(), &scope, lots).await;
    }
    if options.events && is_profile {
        let (from, to) = options.days.range()?;
        return asking
            .list(event_list(), &scope, client.credit_events(&scope, from, to))
            .await;
    }
    if options.events {
        let events = client.commitment_events(&scope, &EventFilter::default());
        return asking.list(event_list(), &scope, events).await;
    }
    if is_profile {
        if options.period.is_some() {
            return Err(wrong_use("--period is for an Enterprise billing account"));
        }
        let summary = client.credit_summary(&scope).await.explain(&scope)?;
        let Some(summary) = summary else {
            anyhow::bail!("Azure keeps no credit balance of {scope}");
        };
        return credit_list().print_one(asking.format, "Credits", &summary);
    }
    let balance = client.balance(&scope, options.period.as_deref()).await;
    let Some(balance) = balance.explain(&scope)? else {
        let period = options
            .period
            .as_deref()
            .unwrap_or("the current billing period");
        anyhow::bail!("Azure keeps no balance of {scope} in {period}");
    };
    let title = format!(
        "Prepayment {}",
        options.period.as_deref().unwrap_or(&balance.name)
    );
    prepaid_list().print_one(asking.format, title.trim(), &balance)
}

fn prepaid_list() -> List<Prepaid> {
    let amount = |read: fn(&Prepaid) -> rust_decimal::Decimal| {
        move |balance: &Prepaid| Money::new(read(balance), balance.currency)
    };
    List::of("balance", "balances")
        .field("name", |balance: &Prepaid| Value::from(&balance.name))
        .shown(
            "Beginning",
            "beginning_balance",
            amount(|balance| balance.beginning_balance),
        )
        .shown(
            "New purchases",
            "new_purchases",
            amount(|balance| balance.new_purchases),
        )
        .shown(
            "Adjustments",
            "adjustments",
            amount(|balance| balance.adjustments),
        )
        .shown("Utilized", "utilized", amount(|balance| balance.utilized))
        .shown(
            "Ending",
            "ending_balance",
            amount(|balance| balance.ending_balance),
        )
        .shown(
            "Service overage",
            "service_overage",
            amount(|balance| balance.service_overage),
        )
        .shown(
            "Billed separately",
            "billed_separately",
            amount(|balance| balance.charges_billed_separately),
        )
        .shown(
            "Total overage",
            "total_overage",
            amount(|balance| balance.total_overage),
        )
        .shown(
            "Total usage",
            "total_usage",
            amount(|balance| balance.total_usage),
        )
        .shown(
            "Marketplace",
            "marketplace",
            amount(|balance| balance.azure_marketplace_service_charges),
        )
        .field("overage_refund", amount(|balance| balance.overage_refund))
        .field("billing_frequency", |balance| {
            Value::from(&balance.billing_frequency)
        })
        .field("is_price_hidden", |balance| balance.price_hidden)
        .field("currency", |balance| balance.currency)
}

fn credit_list() -> List<CreditSummary> {
    List::of("balance", "balances")
        .shown("Current", "current_balance", |credit: &CreditSummary| {
            credit.current_balance
        })
        .shown("Estimated", "estimated_balance", |credit| {
            credit.estimated_balance
        })
        .shown("Pending charges", "pending_charges", |credit| {
            credit.pending_eligible_charges
        })
        .shown("Pending adjustments", "pending_adjustments", |credit| {
            credit.pending_credit_adjustments
        })
        .shown("Expired", "expired", |credit| credit.expired_credit)
        .field("is_estimated", |credit| credit.is_estimated_balance)
        .field("credit_currency", |credit| credit.credit_currency)
        .field("billing_currency", |credit| credit.billing_currency)
}

fn lot_list() -> List<LotSummary> {
    List::of("lot", "lots")
        .field("name", |lot: &LotSummary| Value::from(&lot.name))
        .shown("Source", "source", |lot| Value::from(&lot.source))
        .shown("Status", "status", |lot| Value::from(&lot.status))
        .shown("From", "start_date", |lot| lot.start_date)
        .shown("Expires", "expiration_date", |lot| lot.expiration_date)
        .field("purchased_date", |lot| lot.purchased_date)
        .field("purchase_order", |lot| Value::from(&lot.po_number))
        .number("Original", "original_amount", |lot| lot.original_amount)
        .field("used_amount", |lot| lot.used_amount)
        .number("Left", "closed_balance", |lot| lot.closed_balance)
        .field("is_estimated", |lot| lot.is_estimated_balance)
        .field("credit_currency", |lot| lot.credit_currency)
        .field("billing_currency", |lot| lot.billing_currency)
}

fn event_list() -> List<EventSummary> {
    List::of("event", "events")
        .shown("Date", "date", |event: &EventSummary| {
            event
                .transaction_date
                .map(|at| at.strftime("%Y-%m-%d").to_string())
        })
        .shown("Event", "event", |event| Value::from(&event.event_type))
        .shown("Description", "description", |event| {
            Value::from(&event.description)
        })
        .field("invoice", |event| Value::from(&event.invoice_number))
        .field("lot_id", |event| Value::from(&event.lot_id))
        .field("lot_source", |event| Value::from(&event.lot_source))
        .number("New credit", "new_credit", |event| event.new_credit)
        .field("adjustments", |event| event.adjustments)
        .field("expired", |event| event.credit_expired)
        .field("canceled", |event| event.canceled_credit)
        .number("Charges", "charges", |event| event.charges)
        .number("Left", "closed_balance", |event| event.closed_balance)
        .field("is_estimated", |event| event.is_estimated_balance)
        .field("credit_currency", |event| event.credit_currency)
        .field("billing_currency", |event| event.billing_currency)
}
