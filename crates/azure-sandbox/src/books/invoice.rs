//! Invoices of closed months.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{Books, Sums, invoice_day};
use crate::world::{Agreement, CostRow, Named, Subscription};

/// An invoice of one month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// Its number, for example `G261105001`.
    pub name: String,
    /// First day of the month.
    pub month: Date,
    /// Whose it is.
    pub payer: Payer,
    /// Currency of all amounts.
    pub currency: String,
    /// The day it was made.
    pub date: Date,
    /// The day it has to be paid.
    pub due: Date,
    /// Sum of the month's rows.
    pub sub_total: Decimal,
    /// What a prepayment or credits paid of it.
    pub credit: Decimal,
    /// Tax on the rest, in whole cents.
    pub tax: Decimal,
    /// Whether it has been paid: it is, once it was due.
    pub paid: bool,
}

/// Whose invoice it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payer {
    /// The whole account, in an Enterprise Agreement.
    Account,
    /// A billing profile.
    Profile(Named),
    /// A pay-as-you-go subscription.
    Subscription(Named),
}

impl Payer {
    /// Whether a subscription is on this invoice.
    pub fn pays_for(&self, subscription: &Subscription) -> bool {
        match self {
            Payer::Account => true,
            Payer::Profile(profile) => subscription.section.parent.id == profile.id,
            Payer::Subscription(own) => subscription.id == own.id,
        }
    }
}

/// A line of an invoice: one service on one subscription.
#[derive(Debug, Clone)]
pub struct Line<'a> {
    /// Whose use it is.
    pub subscription: &'a Subscription,
    /// Meter category.
    pub service: String,
    /// Charge type.
    pub charge_type: String,
    /// Amount before tax, in the subscription's currency.
    pub amount: Decimal,
    /// First of the rows that it sums.
    pub first: CostRow<'a>,
}

impl Invoice {
    /// What has to be paid in the end.
    pub fn total(&self) -> Decimal {
        self.sub_total - self.credit + self.tax
    }

    /// What is still to be paid.
    pub fn amount_due(&self) -> Decimal {
        if self.paid {
            Decimal::ZERO
        } else {
            self.total()
        }
    }
}

impl Books {
    /// All invoices, newest first.
    pub fn invoices(&self) -> Vec<Invoice> {
        let world = self.world();
        let payers: Vec<Payer> = match world.agreement {
            Agreement::Enterprise => vec![Payer::Account],
            Agreement::Customer | Agreement::Partner => {
                let profiles = world.parents().into_iter().cloned();
                profiles.map(Payer::Profile).collect()
            }
            Agreement::PayAsYouGo => {
                let all = world.subscriptions.iter();
                all.map(|each| Payer::Subscription(Named::new(&*each.id, &*each.name)))
                    .collect()
            }
        };
        let mut invoices = Vec::new();
        for (payer, number) in payers.into_iter().zip(1..) {
            let currency = match &payer {
                Payer::Subscription(own) => world
                    .subscription(&own.id)
                    .map_or(&world.currency, |each| &each.currency),
                _ => &world.currency,
            };
            let paid_before = self.prepaid(&payer);
            for month in self.closed_months() {
                let sums = self.sums(month, month.last_of_month(), currency, |each| {
                    payer.pays_for(each)
                });
                let credit = paid_before(month, sums);
                let percent = Decimal::from(world.tax_percent);
                let date = invoice_day(month);
                let due = date.saturating_add(30.days());
                invoices.push(Invoice {
                    name: format!(
                        "G{:02}{:02}{:02}{number:03}",
                        date.year() % 100,
                        date.month(),
                        date.day()
                    ),
                    month,
                    payer: payer.clone(),
                    currency: currency.clone(),
                    date,
                    due,
                    sub_total: sums.total().normalize(),
                    credit: credit.normalize(),
                    tax: ((sums.total() - credit) * percent / Decimal::ONE_HUNDRED).round_dp(2),
                    paid: due < world.today,
                });
            }
        }
        invoices.sort_by_key(|each| (std::cmp::Reverse(each.month), each.name.clone()));
        invoices
    }

    /// What is paid of a month by a prepayment or credits.
    fn prepaid(&self, payer: &Payer) -> impl Fn(Date, Sums) -> Decimal + use<> {
        let agreement = self.world().agreement;
        let (balances, credits) = match payer {
            Payer::Account => (self.balances(), None),
            Payer::Profile(profile) => (Vec::new(), Some(self.credits(&profile.id))),
            Payer::Subscription(_) => (Vec::new(), None),
        };
        move |month, sums| {
            if agreement == Agreement::Enterprise {
                let mut balances = balances.iter();
                let balance = balances.find(|each| each.month == month);
                // Money that comes back goes to the balance, and so is not paid out here.
                let pays = balance.map(|each| each.utilized + sums.refunds);
                return pays.unwrap_or_default();
            }
            let applied = credits.as_ref().and_then(|each| each.applied.get(&month));
            applied.copied().unwrap_or_default()
        }
    }

    /// The lines of an invoice; in one currency, they add up to its subtotal.
    pub fn lines(&self, month: Date, payer: &Payer) -> Vec<Line<'_>> {
        let mut lines: Vec<Line> = Vec::new();
        let rows = self
            .world
            .rows_between(month.first_of_month(), month.last_of_month())
            .filter(|row| payer.pays_for(row.subscription) && !row.cost.is_zero());
        for row in rows {
            let known = lines.iter_mut().find(|line| {
                line.subscription.id == row.subscription.id
                    && line.service == row.charge.service
                    && line.charge_type == row.charge_type
            });
            match known {
                Some(line) => line.amount += row.cost,
                None => lines.push(Line {
                    subscription: row.subscription,
                    service: row.charge.service.clone(),
                    charge_type: row.charge_type.to_owned(),
                    amount: row.cost,
                    first: row,
                }),
            }
        }
        lines
    }
}
