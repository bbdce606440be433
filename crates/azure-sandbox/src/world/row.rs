//! One row of the bill.

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::charge::{Charge, Rhythm};
use super::currency::rate;
use super::meter::Meter;
use super::reservation::Reservation;
use super::{Group, Subscription, World};

/// One row of the bill: one charge on one resource on one day.
#[derive(Debug, Clone)]
pub struct CostRow<'a> {
    /// The world it comes from.
    pub world: &'a World,
    /// Who pays.
    pub subscription: &'a Subscription,
    /// Where it runs; a group without a name for what runs nowhere.
    pub group: &'a Group,
    /// What is paid for.
    pub charge: &'a Charge,
    /// The day, UTC.
    pub date: Date,
    /// The row's place among all rows of its day, from 0. With the day it names the row.
    pub number: u32,
    /// Name of the resource; empty for what is no resource.
    pub resource: String,
    /// Azure's charge type, for example `Usage`.
    pub charge_type: &'a str,
    /// Single units that were used; below zero for money back.
    pub quantity: Decimal,
    /// What one unit cost in the subscription's currency; zero for what a reservation covers.
    /// Quantity times price is exactly the cost.
    pub price: Decimal,
    /// Cost in the subscription's currency, with up to ten digits after the point.
    pub cost: Decimal,
    /// The reservation that was bought, used or left unused.
    pub reservation: Option<&'a Reservation>,
}

impl CostRow<'_> {
    /// Full resource id.
    pub fn resource_id(&self) -> String {
        match self.reservation {
            Some(reservation) if self.resource.is_empty() => format!(
                "/providers/Microsoft.Capacity/reservationOrders/{}/reservations/{}",
                reservation.order, reservation.id
            ),
            _ => format!(
                "/subscriptions/{}/resourceGroups/{}/providers/{}/{}",
                self.subscription.id, self.group.name, self.charge.resource_type, self.resource
            ),
        }
    }

    /// The provider part of the resource type.
    pub fn consumed_service(&self) -> &str {
        let mut parts = self.charge.resource_type.split('/');
        parts.next().unwrap_or_default()
    }

    /// First and last day of the row's month, which is its billing period.
    pub fn billing_period(&self) -> (Date, Date) {
        (self.date.first_of_month(), self.date.last_of_month())
    }

    /// `UsageBased`, `Recurring` or `OneTime`.
    pub fn frequency(&self) -> &'static str {
        match self.charge.rhythm {
            Rhythm::Daily { .. } => "UsageBased",
            Rhythm::Monthly => "Recurring",
            Rhythm::Once(_) => "OneTime",
        }
    }

    /// `Reservation` or `OnDemand`.
    pub fn pricing_model(&self) -> &'static str {
        match self.reservation {
            Some(_) => "Reservation",
            None => "OnDemand",
        }
    }

    /// `Marketplace`, or the name that the agreement's shape has for Microsoft: `Microsoft` in
    /// modern rows, `Azure` in legacy ones.
    pub fn publisher_type(&self, modern: bool) -> &'static str {
        match (&self.charge.offer, modern) {
            (Some(_), _) => "Marketplace",
            (None, true) => "Microsoft",
            (None, false) => "Azure",
        }
    }

    /// The company that sells it.
    pub fn publisher(&self) -> &str {
        let offer = self.charge.offer.as_ref();
        offer.map_or("Microsoft", |offer| &offer.publisher)
    }

    /// What is measured.
    pub fn meter(&self) -> Meter {
        Meter::of(self.charge)
    }

    /// The contract's price of a single unit without any reservation, in the subscription's
    /// currency: the price sheet's.
    pub fn unit_price(&self) -> Decimal {
        match self.reservation {
            Some(_) if self.charge_type != "Usage" => self.price,
            _ => self.world.price(self.charge, &self.subscription.currency),
        }
    }

    /// The list price of a single unit, in the subscription's currency.
    pub fn list_price(&self) -> Decimal {
        self.unit_price() / self.world.agreement.share_of_list()
    }

    /// Units of the subscription's currency for one US dollar, in which modern rows are priced.
    pub fn exchange_rate(&self) -> Decimal {
        rate(&self.subscription.currency).unwrap_or(Decimal::ONE)
    }

    /// Cost in US dollars.
    pub fn cost_in_usd(&self) -> Decimal {
        (self.cost / self.exchange_rate()).normalize()
    }
}
