//! Reservations: capacity that is paid for a term, used or not.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};

use super::charge::{Charge, Rhythm, days, is_weekend};
use super::{Group, id};

/// Capacity bought for a term.
#[derive(Debug, Clone)]
pub struct Reservation {
    /// Reservation id.
    pub id: String,
    /// Id of its order.
    pub order: String,
    /// Display name.
    pub name: String,
    /// Id of the subscription that bought it and uses it.
    pub subscription: String,
    /// Size in Resource Manager, for example `Standard_D4s_v5`.
    pub sku: String,
    /// Machines reserved.
    pub quantity: u32,
    /// How long.
    pub term: Term,
    /// How it is paid.
    pub plan: Plan,
    /// Price of one machine for the whole term, in the subscription's currency.
    pub price: Decimal,
    /// First day of the term, and day of the first payment.
    pub purchased: Date,
    /// Day on which it was given back, if it was; the rest of what is paid comes back then.
    pub returned: Option<Date>,
    /// Used hours on a weekday, in percent of the reserved ones.
    pub use_percent: u32,
    /// Used hours on a Saturday or Sunday, in percent of the reserved ones.
    pub weekend_percent: u32,
    /// Where the machines run that it covers.
    pub group: Group,
    /// The use that it covers.
    pub usage: Charge,
    /// Its purchase.
    pub purchase: Charge,
    /// No resource group: a reservation is in none.
    pub nowhere: Group,
}

/// How long a reservation holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// One year.
    OneYear,
    /// Three years.
    ThreeYears,
}

impl Term {
    /// Its months.
    pub fn months(self) -> i32 {
        match self {
            Term::OneYear => 12,
            Term::ThreeYears => 36,
        }
    }

    /// What a reserved hour costs of the list price of an hour.
    pub fn share_of_list(self) -> Decimal {
        match self {
            Term::OneYear => Decimal::new(64, 2),
            Term::ThreeYears => Decimal::new(4, 1),
        }
    }

    /// `P1Y` or `P3Y`.
    pub fn code(self) -> &'static str {
        match self {
            Term::OneYear => "P1Y",
            Term::ThreeYears => "P3Y",
        }
    }
}

/// How a reservation is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// The whole price on the first day.
    Upfront,
    /// In equal parts on the same day of every month.
    Monthly,
}

/// One payment and the days that it pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Installment {
    /// Day of the payment, and first day that it pays for.
    pub from: Date,
    /// First day that it does not pay for.
    pub until: Date,
    /// What is paid for all machines, in the subscription's currency.
    pub amount: Decimal,
}

/// What a reservation costs and gives on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Day {
    /// The amortized price of an hour of one machine.
    pub(super) hour: Decimal,
    /// Used hours, machine by machine; machines that did not run are left out.
    pub(super) used: Vec<Decimal>,
    /// Reserved hours that nobody used.
    pub(super) unused: Decimal,
    /// What is left of the payment after whole prices of hours, on the last day it pays for.
    pub(super) rest: Decimal,
}

impl Reservation {
    /// A reservation of machines in `westeurope`, paid upfront and fully used. `sku` is the name
    /// of the size in Resource Manager.
    pub fn new(
        name: &str,
        subscription: &str,
        sku: &str,
        quantity: u32,
        price: Decimal,
        purchased: Date,
    ) -> Reservation {
        let size = sku.strip_prefix("Standard_").unwrap_or(sku);
        let meter = size.replace('_', " ");
        let machines = "Microsoft.Compute/virtualMachines";
        let usage = Charge::of_day("Virtual Machines", &meter, machines, Decimal::ZERO);
        let purchase = Charge {
            rhythm: Rhythm::Once(purchased),
            charge_type: "Purchase".to_owned(),
            meter: format!("{meter} Reservation"),
            resource_type: "Microsoft.Capacity/reservationOrders".to_owned(),
            ..usage.clone()
        };
        Reservation {
            id: id::guid(&["reservation", subscription, name]),
            order: id::guid(&["order", subscription, name]),
            name: name.to_owned(),
            subscription: subscription.to_owned(),
            sku: sku.to_owned(),
            quantity,
            term: Term::OneYear,
            plan: Plan::Upfront,
            price,
            purchased,
            returned: None,
            use_percent: 100,
            weekend_percent: 100,
            group: Group {
                name: "reserved".to_owned(),
                tags: Vec::new(),
                charges: Vec::new(),
            },
            usage,
            purchase,
            nowhere: Group {
                name: String::new(),
                tags: Vec::new(),
                charges: Vec::new(),
            },
        }
    }

    /// For this term.
    pub fn with_term(mut self, term: Term) -> Reservation {
        self.term = term;
        self
    }

    /// Paid this way.
    pub fn with_plan(mut self, plan: Plan) -> Reservation {
        self.plan = plan;
        self.purchase.rhythm = match plan {
            Plan::Upfront => Rhythm::Once(self.purchased),
            Plan::Monthly => Rhythm::Monthly,
        };
        self
    }

    /// Used to this percent of its hours on weekdays and on weekends; at most 100.
    pub fn with_use(mut self, weekday_percent: u32, weekend_percent: u32) -> Reservation {
        self.use_percent = weekday_percent.min(100);
        self.weekend_percent = weekend_percent.min(100);
        self
    }

    /// Given back on this day.
    pub fn with_return(mut self, day: Date) -> Reservation {
        self.returned = Some(day);
        self
    }

    /// Price of the whole term for all machines.
    pub fn total(&self) -> Decimal {
        self.price * Decimal::from(self.quantity)
    }

    /// First day after the term.
    pub fn end(&self) -> Date {
        self.month(self.term.months())
    }

    fn month(&self, months: i32) -> Date {
        self.purchased.saturating_add(months.months())
    }

    /// All payments of the term, those after a return left out.
    pub fn installments(&self) -> impl Iterator<Item = Installment> + '_ {
        let count = match self.plan {
            Plan::Upfront => 1,
            Plan::Monthly => self.term.months(),
        };
        let step = self.term.months() / count;
        let each = (self.total() / Decimal::from(count)).round_dp(2);
        let last = self.total() - each * Decimal::from(count - 1);
        let all = (0..count).map(move |index| Installment {
            from: self.month(index * step),
            until: self.month((index + 1) * step),
            amount: if index + 1 == count { last } else { each },
        });
        all.take_while(|each| self.returned.is_none_or(|day| each.from < day))
    }

    fn installment(&self, date: Date) -> Option<Installment> {
        let mut all = self.installments();
        all.find(|each| each.from <= date && date < each.until)
    }

    /// What is paid on a day, below zero when it is given back.
    pub fn paid_on(&self, date: Date) -> Decimal {
        if self.returned == Some(date) {
            // What the days before have not used up.
            let Some(paid) = self.installment(date) else {
                return Decimal::ZERO;
            };
            let hours = Decimal::from(days(paid.from, date)) * self.hours();
            return hours * self.hour(&paid) - paid.amount;
        }
        let mut all = self.installments();
        let paid = all.find(|each| each.from == date);
        paid.map_or(Decimal::ZERO, |paid| paid.amount)
    }

    /// Reserved hours of a day.
    pub fn hours(&self) -> Decimal {
        Decimal::from(24 * u64::from(self.quantity))
    }

    /// Whether it holds on a day.
    pub fn holds_on(&self, date: Date) -> bool {
        self.purchased <= date
            && date < self.end()
            && self.returned.is_none_or(|returned| date < returned)
    }

    /// Used hours of a day, machine by machine; machines that did not run are left out.
    pub fn used_hours(&self, date: Date) -> Vec<Decimal> {
        if !self.holds_on(date) {
            return Vec::new();
        }
        let percent = if is_weekend(date) {
            self.weekend_percent
        } else {
            self.use_percent
        };
        let mut left = self.hours() * Decimal::new(i64::from(percent), 2);
        let day = Decimal::from(24);
        let mut used = Vec::new();
        while !left.is_zero() {
            let hours = left.min(day);
            used.push(hours.normalize());
            left -= hours;
        }
        used
    }

    /// The amortized price of an hour, cut after ten digits so that no day takes too much.
    fn hour(&self, paid: &Installment) -> Decimal {
        let hours = Decimal::from(days(paid.from, paid.until)) * self.hours();
        if hours.is_zero() {
            return Decimal::ZERO;
        }
        let hour = paid.amount / hours;
        hour.round_dp_with_strategy(10, RoundingStrategy::ToZero)
            .normalize()
    }

    /// A day of the term; `None` outside of it.
    pub(super) fn day(&self, date: Date) -> Option<Day> {
        if !self.holds_on(date) {
            return None;
        }
        let paid = self.installment(date)?;
        let hour = self.hour(&paid);
        let used = self.used_hours(date);
        let unused = self.hours() - used.iter().sum::<Decimal>();
        let last = paid.until.yesterday().ok() == Some(date);
        let hours = Decimal::from(days(paid.from, paid.until)) * self.hours();
        Some(Day {
            hour,
            used,
            unused,
            rest: if last {
                (paid.amount - hours * hour).normalize()
            } else {
                Decimal::ZERO
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn reservation(price: i64) -> Reservation {
        let purchased = date(2026, 1, 15);
        Reservation::new(
            "r",
            "s",
            "Standard_D4s_v5",
            3,
            Decimal::from(price),
            purchased,
        )
    }

    fn spread(reservation: &Reservation, from: Date, until: Date) -> Decimal {
        let days = from.series(1.day()).take_while(|day| *day < until);
        let days = days.filter_map(|day| reservation.day(day));
        days.map(|day| (day.used.iter().sum::<Decimal>() + day.unused) * day.hour + day.rest)
            .sum()
    }

    #[test]
    fn a_term_is_spread_over_its_days_without_a_rest() {
        let upfront = reservation(1000);
        assert_eq!(upfront.end(), date(2027, 1, 15));
        assert_eq!(upfront.paid_on(date(2026, 1, 15)), Decimal::from(3000));
        // 3000 / (365 days × 24 hours × 3 machines) = 0.11415525114…
        let first = upfront.day(date(2026, 1, 15)).unwrap();
        assert_eq!(first.hour.to_string(), "0.1141552511");
        assert_eq!(
            spread(&upfront, upfront.purchased, upfront.end()),
            Decimal::from(3000)
        );
        assert_eq!(upfront.day(upfront.end()), None);
    }

    #[test]
    fn months_are_paid_and_spread_one_by_one() {
        let monthly = reservation(1000).with_plan(Plan::Monthly);
        let paid: Vec<Installment> = monthly.installments().collect();
        assert_eq!(paid.len(), 12);
        let total: Decimal = paid.iter().map(|each| each.amount).sum();
        assert_eq!(total, Decimal::from(3000));
        for each in &paid {
            assert_eq!(each.amount, Decimal::from(250));
            assert_eq!(monthly.paid_on(each.from), each.amount);
            assert_eq!(spread(&monthly, each.from, each.until), each.amount);
        }
        // 1001 × 3 / 36 = 83.4166…: the last payment takes what rounding left.
        let odd = reservation(1001)
            .with_plan(Plan::Monthly)
            .with_term(Term::ThreeYears);
        let paid: Vec<Installment> = odd.installments().collect();
        assert_eq!(paid[0].amount, Decimal::new(8342, 2));
        assert_eq!(paid[35].amount, Decimal::new(8330, 2));
    }

    #[test]
    fn hours_are_used_machine_by_machine() {
        // 16 January 2026 is a Friday.
        let half = reservation(1000).with_use(50, 0);
        let texts = |day| {
            let hours = half.used_hours(day).into_iter();
            hours.map(|hours| hours.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(texts(date(2026, 1, 16)), ["24", "12"]);
        assert!(texts(date(2026, 1, 17)).is_empty());
        assert!(texts(date(2026, 1, 14)).is_empty());
    }

    #[test]
    fn what_is_given_back_is_what_the_days_did_not_use() {
        let day = date(2026, 3, 1);
        let returned = reservation(1000).with_return(day);
        let back = returned.paid_on(day);
        assert!(back < Decimal::ZERO);
        let paid = returned.paid_on(returned.purchased) + back;
        assert_eq!(spread(&returned, returned.purchased, returned.end()), paid);
        assert!(!returned.holds_on(day));
    }
}
