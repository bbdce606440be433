//! Price lists: the contract's and the public one.

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::World;
use super::charge::Charge;
use super::currency::convert;
use super::meter::{self, Meter};
use super::reservation::Term;

/// A line of the contract's price sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetPrice {
    /// What is priced.
    pub meter: Meter,
    /// The contract's price for as many units as the meter's block says.
    pub unit_price: Decimal,
    /// The list price for as many.
    pub list_price: Decimal,
    /// Currency of both.
    pub currency: String,
}

/// A line of the public price list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetailPrice {
    /// What is priced.
    pub meter: Meter,
    /// Azure region.
    pub region: String,
    /// Price for as many units as the meter's block says; of a reservation, for the whole term.
    pub price: Decimal,
    /// Its currency.
    pub currency: String,
    /// The term, if it is a reservation's price.
    pub term: Option<Term>,
}

impl World {
    /// Everything that is used or bought in some days, on any subscription, each meter once.
    /// What is sold by others is not on Microsoft's price sheet.
    fn meters(&self, first: Date, last: Date) -> Vec<(&Charge, Meter)> {
        let groups = self.subscriptions.iter().flat_map(|each| &each.groups);
        let charges = groups.flat_map(|group| &group.charges);
        let reserved = self.reservations.iter().map(|each| &each.usage);
        let charges = charges.chain(reserved).filter(|charge| {
            charge.offer.is_none()
                && charge.launched.is_none_or(|launched| launched <= last)
                && charge.stopped.is_none_or(|stopped| stopped > first)
        });
        let mut meters: Vec<(&Charge, Meter)> = Vec::new();
        for charge in charges {
            let meter = Meter::of(charge);
            if !meters.iter().any(|(_, known)| known.id == meter.id) {
                meters.push((charge, meter));
            }
        }
        meters
    }

    /// The contract's prices in a month. A row's quantity times the price of its meter, divided
    /// by the block, is its cost before reservations.
    pub fn price_sheet(&self, month: Date, currency: &str) -> Vec<SheetPrice> {
        let meters = self.meters(month.first_of_month(), month.last_of_month());
        let meters = meters.into_iter();
        let lines = meters.map(|(charge, meter)| {
            let block = Decimal::from(meter.block);
            let list = convert(meter::list_price(charge), "USD", currency);
            SheetPrice {
                unit_price: (self.price(charge, currency) * block).normalize(),
                list_price: (list * block).normalize(),
                currency: currency.to_owned(),
                meter,
            }
        });
        lines.collect()
    }

    /// The public prices of everything in the world: pay-as-you-go, and for machines also
    /// reservations of one and three years, for the whole term.
    pub fn retail_prices(&self, currency: &str) -> Vec<RetailPrice> {
        let mut lines = Vec::new();
        for (charge, meter) in self.meters(Date::MIN, Date::MAX) {
            let list = convert(meter::list_price(charge), "USD", currency);
            let line = |price: Decimal, term| RetailPrice {
                meter: meter.clone(),
                region: charge.region.clone(),
                price: price.normalize(),
                currency: currency.to_owned(),
                term,
            };
            lines.push(line(list * Decimal::from(meter.block), None));
            if !meter.arm_sku.is_empty() {
                for term in [Term::OneYear, Term::ThreeYears] {
                    let hours = Decimal::from(8760 * term.months() / 12);
                    lines.push(line(list * term.share_of_list() * hours, Some(term)));
                }
            }
        }
        lines
    }
}
