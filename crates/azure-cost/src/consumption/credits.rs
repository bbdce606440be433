//! Credits and commitments: lots, what happened to them, and what is left.

use budget_engine::{Currency, Money, Scope, ScopeKind};
use futures::Stream;
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::API_VERSION;
use crate::client::{Client, billing_account_path, path_of_kind};
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{items, lazily};
use crate::parameters::{filter, last_day, quoted};
use crate::request::Request;

/// Which lots to read. What is `None` is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LotFilter {
    /// For example `active`.
    pub status: Option<String>,
    /// For example `consumptioncommitment`.
    pub source: Option<String>,
}

/// Which events of a billing account to read. What is `None` is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Id of a lot.
    pub lot_id: Option<String>,
    /// Source of the lots, for example `consumptioncommitment`.
    pub lot_source: Option<String>,
}

/// A credit or commitment. What Azure leaves out is `None` or `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LotSummary {
    /// Path of the lot.
    pub id: String,
    /// Name of the lot.
    pub name: String,
    /// `PurchasedCredit`, `PromotionalCredit` or `ConsumptionCommitment`.
    pub source: String,
    /// `None`, `Active`, `Inactive`, `Expired`, `Complete` or `Canceled`.
    pub status: String,
    /// What it began with.
    pub original_amount: Option<Money>,
    /// The same in the billing currency.
    pub original_amount_in_billing_currency: Option<ConvertedAmount>,
    /// What was left at the last invoice.
    pub closed_balance: Option<Money>,
    /// The same in the billing currency.
    pub closed_balance_in_billing_currency: Option<ConvertedAmount>,
    /// What is used up (commitments).
    pub used_amount: Option<Money>,
    /// Currency of the credit.
    pub credit_currency: Option<Currency>,
    /// Billing currency.
    pub billing_currency: Option<Currency>,
    /// First day.
    pub start_date: Option<Date>,
    /// Day on which it runs out.
    pub expiration_date: Option<Date>,
    /// Day on which it was bought.
    pub purchased_date: Option<Date>,
    /// Number of the order that bought it.
    pub po_number: String,
    /// Reseller.
    pub reseller: Option<Reseller>,
    /// Whether the balance is an estimate.
    pub is_estimated_balance: Option<bool>,
    /// `Primary` or `Contributor` (commitments).
    pub organization_type: String,
}

/// Something that happened to credits or commitments. What Azure leaves out is `None` or `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventSummary {
    /// Path of the event.
    pub id: String,
    /// Name of the event.
    pub name: String,
    /// When it happened.
    pub transaction_date: Option<Timestamp>,
    /// What happened, in words.
    pub description: String,
    /// For example `SettledCharges`, `NewCredit` or `CreditExpired`.
    pub event_type: String,
    /// Number of the invoice that settled it.
    pub invoice_number: String,
    /// Credit that was added.
    pub new_credit: Option<Money>,
    /// The same in the billing currency.
    pub new_credit_in_billing_currency: Option<ConvertedAmount>,
    /// Adjustments of the credit.
    pub adjustments: Option<Money>,
    /// The same in the billing currency.
    pub adjustments_in_billing_currency: Option<ConvertedAmount>,
    /// Credit that ran out.
    pub credit_expired: Option<Money>,
    /// The same in the billing currency.
    pub credit_expired_in_billing_currency: Option<ConvertedAmount>,
    /// Credit that was canceled.
    pub canceled_credit: Option<Money>,
    /// Charges that the credit paid.
    pub charges: Option<Money>,
    /// The same in the billing currency.
    pub charges_in_billing_currency: Option<ConvertedAmount>,
    /// What was left afterwards.
    pub closed_balance: Option<Money>,
    /// The same in the billing currency.
    pub closed_balance_in_billing_currency: Option<ConvertedAmount>,
    /// Currency of the credit.
    pub credit_currency: Option<Currency>,
    /// Billing currency.
    pub billing_currency: Option<Currency>,
    /// Billing account.
    pub billing_account_id: String,
    /// Name of the billing account.
    pub billing_account_display_name: String,
    /// Billing profile.
    pub billing_profile_id: String,
    /// Name of the billing profile.
    pub billing_profile_display_name: String,
    /// Path of the lot.
    pub lot_id: String,
    /// Source of the lot.
    pub lot_source: String,
    /// Reseller.
    pub reseller: Option<Reseller>,
    /// Whether the balance is an estimate.
    pub is_estimated_balance: Option<bool>,
}

/// What is left of the credits of a billing profile. What Azure leaves out is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreditSummary {
    /// What will be left after the charges that are not settled yet.
    pub estimated_balance: Option<Money>,
    /// The same in the billing currency.
    pub estimated_balance_in_billing_currency: Option<ConvertedAmount>,
    /// What was left at the last invoice.
    pub current_balance: Option<Money>,
    /// Adjustments that are not settled yet.
    pub pending_credit_adjustments: Option<Money>,
    /// Credit that ran out since the last invoice.
    pub expired_credit: Option<Money>,
    /// Charges that credit can pay and that are not settled yet.
    pub pending_eligible_charges: Option<Money>,
    /// Currency of the credits.
    pub credit_currency: Option<Currency>,
    /// Billing currency.
    pub billing_currency: Option<Currency>,
    /// Reseller.
    pub reseller: Option<Reseller>,
    /// Whether the balance is an estimate.
    pub is_estimated_balance: Option<bool>,
}

/// An amount in the billing currency and the rate that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConvertedAmount {
    /// The amount; Azure may give the rate alone.
    pub amount: Option<Money>,
    /// Billing currency for one unit of the credit's currency.
    pub exchange_rate: Option<Decimal>,
    /// Month of the rate, 1 to 12.
    pub exchange_rate_month: Option<i64>,
}

/// A reseller.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reseller {
    /// Path of the reseller.
    pub id: String,
    /// Who it is.
    pub description: String,
}

impl Client {
    /// The lots of a billing profile (credits), of a billing account (commitments, also of
    /// Enterprise customers who buy directly) or of a partner's customer.
    pub fn lots(
        &self,
        scope: &Scope,
        wanted: &LotFilter,
    ) -> impl Stream<Item = Result<LotSummary, Error>> + Send + use<> {
        let operation = format!("read lots of {scope}");
        let kinds = [
            ScopeKind::BillingProfile,
            ScopeKind::BillingAccount,
            ScopeKind::Customer,
        ];
        let query = conditions([("status", &wanted.status), ("source", &wanted.source)]);
        lazily(path_of_kind(&operation, scope, &kinds).map(|path| {
            let tail = "/providers/Microsoft.Consumption/lots";
            let request = Request::get(operation, self.url(&path, tail, &query));
            items(self.transport.clone(), request, read_lot)
        }))
    }

    /// What happened to the credits of a billing profile from `from` until before `to`.
    pub fn credit_events(
        &self,
        billing_profile: &Scope,
        from: Date,
        to: Date,
    ) -> impl Stream<Item = Result<EventSummary, Error>> + Send + use<> {
        let operation = format!("read credit events of {billing_profile}");
        let path = path_of_kind(&operation, billing_profile, &[ScopeKind::BillingProfile]);
        let path = path.and_then(|path| Ok((path, last_day(&operation, from, to)?)));
        lazily(path.map(|(path, last)| {
            let query = format!("{API_VERSION}&startDate={from}&endDate={last}");
            let request = Request::get(operation, self.url(&path, EVENTS, &query));
            items(self.transport.clone(), request, read_event)
        }))
    }

    /// What happened to the commitments of a billing account.
    pub fn commitment_events(
        &self,
        billing_account: &Scope,
        wanted: &EventFilter,
    ) -> impl Stream<Item = Result<EventSummary, Error>> + Send + use<> {
        let operation = format!("read commitment events of {billing_account}");
        let query = conditions([("lotid", &wanted.lot_id), ("lotsource", &wanted.lot_source)]);
        lazily(
            billing_account_path(&operation, billing_account).map(|path| {
                let request = Request::get(operation, self.url(&path, EVENTS, &query));
                items(self.transport.clone(), request, read_event)
            }),
        )
    }

    /// What is left of the credits of a billing profile; `None` if it has none.
    pub async fn credit_summary(
        &self,
        billing_profile: &Scope,
    ) -> Result<Option<CreditSummary>, Error> {
        let operation = format!("read the credit balance of {billing_profile}");
        let path = path_of_kind(&operation, billing_profile, &[ScopeKind::BillingProfile])?;
        let tail = "/providers/Microsoft.Consumption/credits/balanceSummary";
        let request = Request::get(operation, self.url(&path, tail, API_VERSION));
        self.read_one(&request, read_credit).await
    }
}

const EVENTS: &str = "/providers/Microsoft.Consumption/events";

fn conditions(wanted: [(&str, &Option<String>); 2]) -> String {
    let conditions = wanted
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name} eq {}", quoted(value.as_ref()?))));
    format!("{API_VERSION}{}", filter(&conditions.collect::<Vec<_>>()))
}

fn read_lot(item: &RawValue) -> Result<LotSummary, String> {
    let item = Fields::of(item)?;
    let properties = item.object("properties")?;
    Ok(LotSummary {
        id: item.text("id")?,
        name: item.text("name")?,
        source: properties.text("source")?,
        status: properties.text("status")?,
        original_amount: properties.optional_money("originalAmount")?,
        original_amount_in_billing_currency: converted(
            &properties,
            "originalAmountInBillingCurrency",
        )?,
        closed_balance: properties.optional_money("closedBalance")?,
        closed_balance_in_billing_currency: converted(
            &properties,
            "closedBalanceInBillingCurrency",
        )?,
        used_amount: properties.optional_money("usedAmount")?,
        credit_currency: properties.optional_currency("creditCurrency")?,
        billing_currency: properties.optional_currency("billingCurrency")?,
        start_date: properties.optional_day("startDate")?,
        expiration_date: properties.optional_day("expirationDate")?,
        purchased_date: properties.optional_day("purchasedDate")?,
        po_number: properties.text("poNumber")?,
        reseller: reseller(&properties)?,
        is_estimated_balance: properties.optional_flag("isEstimatedBalance")?,
        organization_type: properties.text("organizationType")?,
    })
}

fn read_event(item: &RawValue) -> Result<EventSummary, String> {
    let item = Fields::of(item)?;
    let properties = item.object("properties")?;
    let money = |name| properties.optional_money(name);
    let text = |name| properties.text(name);
    Ok(EventSummary {
        id: item.text("id")?,
        name: item.text("name")?,
        transaction_date: properties.optional_moment("transactionDate")?,
        description: text("description")?,
        event_type: text("eventType")?,
        invoice_number: text("invoiceNumber")?,
        new_credit: money("newCredit")?,
        new_credit_in_billing_currency: converted(&properties, "newCreditInBillingCurrency")?,
        adjustments: money("adjustments")?,
        adjustments_in_billing_currency: converted(&properties, "adjustmentsInBillingCurrency")?,
        credit_expired: money("creditExpired")?,
        credit_expired_in_billing_currency: converted(
            &properties,
            "creditExpiredInBillingCurrency",
        )?,
        canceled_credit: money("canceledCredit")?,
        charges: money("charges")?,
        charges_in_billing_currency: converted(&properties, "chargesInBillingCurrency")?,
        closed_balance: money("closedBalance")?,
        closed_balance_in_billing_currency: converted(
            &properties,
            "closedBalanceInBillingCurrency",
        )?,
        credit_currency: properties.optional_currency("creditCurrency")?,
        billing_currency: properties.optional_currency("billingCurrency")?,
        billing_account_id: text("billingAccountId")?,
        billing_account_display_name: text("billingAccountDisplayName")?,
        billing_profile_id: text("billingProfileId")?,
        billing_profile_display_name: text("billingProfileDisplayName")?,
        lot_id: text("lotId")?,
        lot_source: text("lotSource")?,
        reseller: reseller(&properties)?,
        is_estimated_balance: properties.optional_flag("isEstimatedBalance")?,
    })
}

fn read_credit(body: &Fields) -> Result<CreditSummary, String> {
    let properties = body.object("properties")?;
    let balance = properties.object("balanceSummary")?;
    Ok(CreditSummary {
        estimated_balance: balance.optional_money("estimatedBalance")?,
        estimated_balance_in_billing_currency: converted(
            &balance,
            "estimatedBalanceInBillingCurrency",
        )?,
        current_balance: balance.optional_money("currentBalance")?,
        pending_credit_adjustments: properties.optional_money("pendingCreditAdjustments")?,
        expired_credit: properties.optional_money("expiredCredit")?,
        pending_eligible_charges: properties.optional_money("pendingEligibleCharges")?,
        credit_currency: properties.optional_currency("creditCurrency")?,
        billing_currency: properties.optional_currency("billingCurrency")?,
        reseller: reseller(&properties)?,
        is_estimated_balance: properties.optional_flag("isEstimatedBalance")?,
    })
}

fn converted(properties: &Fields, name: &str) -> Result<Option<ConvertedAmount>, String> {
    let Some(fields) = properties.optional_object(name)? else {
        return Ok(None);
    };
    Ok(Some(ConvertedAmount {
        amount: properties.optional_money(name)?,
        exchange_rate: fields.optional_decimal("exchangeRate")?,
        exchange_rate_month: fields.optional_integer("exchangeRateMonth")?,
    }))
}

fn reseller(properties: &Fields) -> Result<Option<Reseller>, String> {
    let Some(fields) = properties.optional_object("reseller")? else {
        return Ok(None);
    };
    Ok(Some(Reseller {
        id: fields.text("resellerId")?,
        description: fields.text("resellerDescription")?,
    }))
}
