//! Billing accounts and profiles: which agreement there is, and in which currency it is billed.

use std::fmt;

use budget_engine::{Currency, Scope};
use futures::Stream;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::{ACCOUNTS, API_VERSION, there};
use crate::client::{Client, billing_account_path};
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{items, lazily};
use crate::request::Request;

/// A billing account that the caller may see. Text that Azure leaves out is `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BillingAccount {
    /// Its path, which is a scope.
    pub id: String,
    /// The enrollment number (Enterprise), or ids and a date joined by colons.
    pub name: String,
    /// Name for people.
    pub display_name: String,
    /// The agreement, which decides what the cost APIs answer.
    pub agreement_type: AgreementType,
    /// `Enterprise`, `Individual`, `Partner`, …
    pub account_type: String,
    /// The same more finely.
    pub account_sub_type: String,
    /// `Active`, `Disabled`, `Expired`, …
    pub account_status: String,
    /// Whether the caller may read it, and not only something in it.
    pub has_read_access: Option<bool>,
    /// Directory that it belongs to.
    pub primary_billing_tenant_id: String,
    /// What only an Enterprise Agreement has.
    pub enrollment: Option<Enrollment>,
}

/// The agreement of a billing account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AgreementType {
    /// Enterprise Agreement: enrollments, departments, prepayment.
    EnterpriseAgreement,
    /// Microsoft Customer Agreement: billing profiles, invoice sections, credits.
    MicrosoftCustomerAgreement,
    /// Microsoft Partner Agreement: customers of a partner.
    MicrosoftPartnerAgreement,
    /// Pay-as-you-go and similar offers of the online services program.
    MicrosoftOnlineServicesProgram,
    /// What this crate does not know, in Azure's word.
    Other(String),
}

impl AgreementType {
    /// Reads Azure's word, in any letter case.
    fn of(word: String) -> AgreementType {
        match &*word.to_ascii_lowercase() {
            "enterpriseagreement" => AgreementType::EnterpriseAgreement,
            "microsoftcustomeragreement" => AgreementType::MicrosoftCustomerAgreement,
            "microsoftpartneragreement" => AgreementType::MicrosoftPartnerAgreement,
            "microsoftonlineservicesprogram" => AgreementType::MicrosoftOnlineServicesProgram,
            _ => AgreementType::Other(word),
        }
    }

    /// Azure's word.
    pub fn as_str(&self) -> &str {
        match self {
            AgreementType::EnterpriseAgreement => "EnterpriseAgreement",
            AgreementType::MicrosoftCustomerAgreement => "MicrosoftCustomerAgreement",
            AgreementType::MicrosoftPartnerAgreement => "MicrosoftPartnerAgreement",
            AgreementType::MicrosoftOnlineServicesProgram => "MicrosoftOnlineServicesProgram",
            AgreementType::Other(word) => word,
        }
    }
}

impl fmt::Display for AgreementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The terms of an Enterprise enrollment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enrollment {
    /// First day.
    pub start: Option<Date>,
    /// Last day.
    pub end: Option<Date>,
    /// Currency in which it is billed.
    pub currency: Option<Currency>,
    /// `EaDirect`, `EaIndirect`, …
    pub channel: String,
    /// Language of its documents.
    pub language: String,
    /// Country, two letters.
    pub country_code: String,
    /// How often it is billed.
    pub billing_cycle: String,
    /// Support plan.
    pub support_level: String,
    /// Cloud by name.
    pub cloud: String,
    /// Whether a partner's prices are published to the customer.
    pub markup_status: String,
}

/// A billing profile of a Customer or Partner Agreement: what gets an invoice each month.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BillingProfile {
    /// Its path, which is a scope.
    pub id: String,
    /// Its id in the account.
    pub name: String,
    /// Name for people.
    pub display_name: String,
    /// Currency of its invoices.
    pub currency: Option<Currency>,
    /// Whether the caller may read it.
    pub has_read_access: Option<bool>,
    /// Day of the month on which the invoice is made.
    pub invoice_day: Option<i64>,
    /// Purchase order number on the invoices.
    pub po_number: String,
    /// `Active`, `Disabled`, `Warned`, …
    pub status: String,
    /// Why it has this status.
    pub status_reason_code: String,
    /// Id that older APIs know it by.
    pub system_id: String,
    /// Whether spending is limited: `On` or `Off`.
    pub spending_limit: String,
    /// The limits one by one.
    pub spending_limits: Vec<SpendingLimit>,
}

/// A limit of what a billing profile may spend.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpendingLimit {
    /// How much.
    pub amount: Option<Decimal>,
    /// In which currency.
    pub currency: Option<Currency>,
    /// First day.
    pub start: Option<Date>,
    /// Last day.
    pub end: Option<Date>,
    /// Offer that it comes from.
    pub kind: String,
    /// `Active`, `Expired`, `LimitReached`, …
    pub status: String,
}

impl Client {
    /// The billing accounts that the caller may see, or see something in.
    pub fn billing_accounts(
        &self,
    ) -> impl Stream<Item = Result<BillingAccount, Error>> + Send + use<> {
        let request = Request::get("list billing accounts", self.url("", ACCOUNTS, API_VERSION));
        items(self.transport.clone(), request, |item| {
            read_account(&Fields::of(item)?)
        })
    }

    /// A billing account.
    pub async fn billing_account(&self, account: &Scope) -> Result<BillingAccount, Error> {
        let operation = format!("read {account}");
        let path = billing_account_path(&operation, account)?;
        let request = Request::get(&*operation, self.url(&path, "", API_VERSION));
        there(&operation, self.read_one(&request, read_account).await?)
    }

    /// The billing profiles of a billing account. Served for Customer and Partner Agreements.
    pub fn billing_profiles(
        &self,
        account: &Scope,
    ) -> impl Stream<Item = Result<BillingProfile, Error>> + Send + use<> {
        let operation = format!("list billing profiles of {account}");
        lazily(billing_account_path(&operation, account).map(|path| {
            let url = self.url(&path, "/billingProfiles", API_VERSION);
            items(
                self.transport.clone(),
                Request::get(operation, url),
                read_profile,
            )
        }))
    }
}

fn read_account(item: &Fields) -> Result<BillingAccount, String> {
    let properties = item.object("properties")?;
    let enrollment = properties.optional_object("enrollmentDetails")?;
    Ok(BillingAccount {
        id: item.required_text("id")?,
        name: item.required_text("name")?,
        display_name: properties.text("displayName")?,
        agreement_type: AgreementType::of(properties.text("agreementType")?),
        account_type: properties.text("accountType")?,
        account_sub_type: properties.text("accountSubType")?,
        account_status: properties.text("accountStatus")?,
        has_read_access: properties.optional_flag("hasReadAccess")?,
        primary_billing_tenant_id: properties.text("primaryBillingTenantId")?,
        enrollment: enrollment.as_ref().map(read_enrollment).transpose()?,
    })
}

fn read_enrollment(enrollment: &Fields) -> Result<Enrollment, String> {
    Ok(Enrollment {
        start: enrollment.optional_day("startDate")?,
        end: enrollment.optional_day("endDate")?,
        currency: enrollment.optional_currency("currency")?,
        channel: enrollment.text("channel")?,
        language: enrollment.text("language")?,
        country_code: enrollment.text("countryCode")?,
        billing_cycle: enrollment.text("billingCycle")?,
        support_level: enrollment.text("supportLevel")?,
        cloud: enrollment.text("cloud")?,
        markup_status: enrollment.text("markupStatus")?,
    })
}

fn read_profile(item: &RawValue) -> Result<BillingProfile, String> {
    let item = Fields::of(item)?;
    let properties = item.object("properties")?;
    let limits = properties.objects("spendingLimitDetails")?;
    Ok(BillingProfile {
        id: item.required_text("id")?,
        name: item.required_text("name")?,
        display_name: properties.text("displayName")?,
        currency: properties.optional_currency("currency")?,
        has_read_access: properties.optional_flag("hasReadAccess")?,
        invoice_day: properties.optional_integer("invoiceDay")?,
        po_number: properties.text("poNumber")?,
        status: properties.text("status")?,
        status_reason_code: properties.text("statusReasonCode")?,
        system_id: properties.text("systemId")?,
        spending_limit: properties.text("spendingLimit")?,
        spending_limits: limits.iter().map(read_limit).collect::<Result<_, _>>()?,
    })
}

fn read_limit(limit: &Fields) -> Result<SpendingLimit, String> {
    Ok(SpendingLimit {
        amount: limit.optional_decimal("amount")?,
        currency: limit.optional_currency("currency")?,
        start: limit.optional_day("startDate")?,
        end: limit.optional_day("endDate")?,
        kind: limit.text("type")?,
        status: limit.text("status")?,
    })
}
