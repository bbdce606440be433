//! The made-up bill: what is run where, and what each day of it costs.

mod account;
mod charge;
mod currency;
mod id;
mod meter;
mod prices;
mod reservation;
mod row;
mod rows;

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

pub use account::{Agreement, Named, Section};
pub use charge::{Charge, Offer, Rhythm};
pub use currency::{convert, currencies, rate};
pub use meter::Meter;
pub use prices::{RetailPrice, SheetPrice};
pub use reservation::{Installment, Plan, Reservation, Term};
pub use row::CostRow;
pub use rows::Basis;

pub(crate) use id::guid;

/// A billing account and all that it pays for.
#[derive(Debug, Clone)]
pub struct World {
    /// What the noise depends on.
    pub seed: u64,
    /// First day with costs.
    pub first_day: Date,
    /// The day on which it is looked at; months before it are closed.
    pub today: Date,
    /// The contract.
    pub agreement: Agreement,
    /// Billing account id, for example an enrollment number.
    pub billing_account: String,
    /// Display name of the billing account.
    pub account_name: String,
    /// Currency of the account's balances, credits and invoices.
    pub currency: String,
    /// Id of the directory that the account belongs to.
    pub tenant: String,
    /// Id of the management group that holds all subscriptions.
    pub management_group: String,
    /// Tax on invoices, in percent.
    pub tax_percent: u32,
    /// Subscriptions of the account.
    pub subscriptions: Vec<Subscription>,
    /// Reservations that they have bought.
    pub reservations: Vec<Reservation>,
    /// Costs that were corrected later.
    pub restatements: Vec<Restatement>,
    /// Prepaid amounts and credits.
    pub lots: Vec<Lot>,
}

/// A subscription and how late its data are.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Subscription id.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Currency that it is billed in.
    pub currency: String,
    /// Where in the account it is paid.
    pub section: Section,
    /// Last day that has data.
    pub last_day: Date,
    /// How much of the last day's cost is in, in percent, whichever day that is.
    pub last_day_percent: u32,
    /// Days from the last one with data to the day on which they are looked at.
    pub lag_days: u32,
    /// Id of its offer, if that is one which Cost Management does not support: it has no budgets.
    pub unsupported_offer: Option<String>,
    /// The day on which it was created, if that matters: there are no budgets for two days.
    pub created: Option<Date>,
    /// Resource groups.
    pub groups: Vec<Group>,
}

/// A resource group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Tags that its resources carry.
    pub tags: Vec<(String, String)>,
    /// What is paid for in it.
    pub charges: Vec<Charge>,
}

/// A correction: from some day on, costs of the past are different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restatement {
    /// Id of the subscription; all of them if `None`.
    pub subscription: Option<String>,
    /// First day whose costs change.
    pub first: Date,
    /// Last day whose costs change.
    pub last: Date,
    /// By how much of the first cost, in percent; below zero when it becomes less.
    pub percent: i32,
    /// First day on which the new costs are seen.
    pub seen: Date,
}

/// An amount that was paid or granted before it is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// Its id, for example a GUID.
    pub id: String,
    /// Where it comes from.
    pub source: LotSource,
    /// The billing profile whose invoices it pays; the whole account's if `None`.
    pub profile: Option<String>,
    /// The amount, in the account's currency.
    pub amount: Decimal,
    /// First day on which it can be used.
    pub start: Date,
    /// Last day on which it can be used.
    pub expiration: Date,
}

/// Where a [`Lot`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LotSource {
    /// Prepaid: a credit of a Customer Agreement, the prepayment of an Enterprise Agreement.
    Purchased,
    /// Granted by Microsoft.
    Promotional,
    /// Consumption that was promised for the future; it pays no invoice.
    Commitment,
}

impl World {
    /// An account without subscriptions: in euros, no tax, looked at on `today`.
    pub fn new(agreement: Agreement, first_day: Date, today: Date) -> World {
        let billing_account = match agreement {
            Agreement::Enterprise => "86420975",
            Agreement::PayAsYouGo => "51c39a60-7e0b-4a57-8d43-0f5be9a4c012",
            Agreement::Customer | Agreement::Partner => {
                "5f3c2a10-9d1e-4b7c-8a21-3e6f7d4b9c01:8b1e6c52-4f0a-4d39-b7c8-1a2e5d9f0b34_2019-05-31"
            }
        };
        World {
            seed: 1,
            first_day,
            today,
            agreement,
            billing_account: billing_account.to_owned(),
            account_name: "Contoso".to_owned(),
            currency: "EUR".to_owned(),
            tenant: "2f6d9b14-3c8a-4e5d-9f07-6b1c0a7e8d25".to_owned(),
            management_group: "contoso".to_owned(),
            tax_percent: 0,
            subscriptions: Vec::new(),
            reservations: Vec::new(),
            restatements: Vec::new(),
            lots: Vec::new(),
        }
    }

    /// What is known on a day: each subscription's data end `lag_days` before it, and
    /// corrections that were not seen yet are left out.
    pub fn as_seen_on(&self, day: Date) -> World {
        let mut world = self.clone();
        world.today = day;
        for subscription in &mut world.subscriptions {
            let known = day.saturating_sub(i64::from(subscription.lag_days).days());
            subscription.last_day = subscription.last_day.min(known);
        }
        world.restatements.retain(|each| each.seen <= day);
        world
    }

    /// A subscription by its id, in any case.
    pub fn subscription(&self, id: &str) -> Option<&Subscription> {
        let mut all = self.subscriptions.iter();
        all.find(|each| each.id.eq_ignore_ascii_case(id))
    }

    /// Last day that has data in any subscription.
    pub fn last_day(&self) -> Date {
        let last_days = self.subscriptions.iter().map(|each| each.last_day);
        last_days.max().unwrap_or(self.first_day)
    }

    /// Departments or billing profiles, each once.
    pub fn parents(&self) -> Vec<&Named> {
        once(self.subscriptions.iter().map(|each| &each.section.parent))
    }

    /// Enrollment accounts or invoice sections with what they belong to, each once.
    pub fn sections(&self) -> Vec<&Section> {
        let mut sections: Vec<&Section> = Vec::new();
        for subscription in &self.subscriptions {
            let section = &subscription.section;
            if !sections
                .iter()
                .any(|known| known.part.id == section.part.id)
            {
                sections.push(section);
            }
        }
        sections
    }

    /// Customers of a partner, each once.
    pub fn customers(&self) -> Vec<&Named> {
        let customers = self.subscriptions.iter();
        once(customers.filter_map(|each| each.section.customer.as_ref()))
    }

    /// The contract's price of a single unit, in a currency.
    pub fn price(&self, charge: &Charge, currency: &str) -> Decimal {
        let list = convert(meter::list_price(charge), "USD", currency);
        (list * self.agreement.share_of_list()).normalize()
    }
}

fn once<'a>(all: impl Iterator<Item = &'a Named>) -> Vec<&'a Named> {
    let mut seen: Vec<&Named> = Vec::new();
    for each in all {
        if !seen.iter().any(|known| known.id == each.id) {
            seen.push(each);
        }
    }
    seen
}

#[cfg(test)]
mod tests;
