//! What is paid for, and how much of it a day takes.

use jiff::Unit;
use jiff::civil::{Date, Weekday};
use rust_decimal::Decimal;

/// Something that costs money, on one or several resources.
#[derive(Debug, Clone)]
pub struct Charge {
    /// Meter category, for example `Virtual Machines`.
    pub service: String,
    /// Meter name.
    pub meter: String,
    /// Resource type, for example `Microsoft.Compute/virtualMachines`.
    pub resource_type: String,
    /// Azure region.
    pub region: String,
    /// Resources that share the cost.
    pub resources: u32,
    /// Cost of a weekday, or of a month, on the first day of the world; negative for money back.
    pub amount: Decimal,
    /// List price of a single unit in US dollars; from a table if `None`. Its factors are 2 and
    /// 5 alone, or else quantity times price is only almost the cost.
    pub list_price: Option<Decimal>,
    /// When it is charged.
    pub rhythm: Rhythm,
    /// Growth in 30 days, in percent of `amount`; the same step every month.
    pub growth_percent: i32,
    /// How far a day may be off, up or down, in percent.
    pub noise_percent: u32,
    /// First day with this charge, if it was launched later than the world.
    pub launched: Option<Date>,
    /// First day without this charge, if it was shut down.
    pub stopped: Option<Date>,
    /// Azure's charge type.
    pub charge_type: String,
    /// Who sells it, if not Microsoft.
    pub offer: Option<Offer>,
}

/// When a charge is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// Every day.
    Daily {
        /// Cost of a Saturday or Sunday, in percent of a weekday.
        weekend_percent: u32,
    },
    /// Once, on the first of the month.
    Monthly,
    /// Once, on this day.
    Once(Date),
}

/// Something that another company sells through the marketplace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The company.
    pub publisher: String,
    /// What it sells.
    pub name: String,
    /// The plan of it that was bought.
    pub plan: String,
}

impl Charge {
    /// Daily use of one resource in `westeurope`: weekends like weekdays, no growth, no noise.
    ///
    /// # Panics
    /// When the amount is not a decimal number.
    pub fn daily(service: &str, meter: &str, resource_type: &str, amount: &str) -> Charge {
        let amount = amount.parse().expect("amounts are decimal numbers");
        Charge::of_day(service, meter, resource_type, amount)
    }

    pub(crate) fn of_day(
        service: &str,
        meter: &str,
        resource_type: &str,
        amount: Decimal,
    ) -> Charge {
        Charge {
            service: service.to_owned(),
            meter: meter.to_owned(),
            resource_type: resource_type.to_owned(),
            region: "westeurope".to_owned(),
            resources: 1,
            amount,
            list_price: None,
            rhythm: Rhythm::Daily {
                weekend_percent: 100,
            },
            growth_percent: 0,
            noise_percent: 0,
            launched: None,
            stopped: None,
            charge_type: "Usage".to_owned(),
            offer: None,
        }
    }

    /// A purchase on the first of each month.
    ///
    /// # Panics
    /// When the amount is not a decimal number.
    pub fn monthly(service: &str, meter: &str, resource_type: &str, amount: &str) -> Charge {
        Charge {
            rhythm: Rhythm::Monthly,
            charge_type: "Purchase".to_owned(),
            ..Charge::daily(service, meter, resource_type, amount)
        }
    }

    /// Money back on one day; the amount is what is given back, above zero.
    ///
    /// # Panics
    /// When the amount is not a decimal number.
    pub fn refund(service: &str, meter: &str, kind: &str, amount: &str, day: Date) -> Charge {
        let charge = Charge::daily(service, meter, kind, amount);
        Charge {
            rhythm: Rhythm::Once(day),
            charge_type: "Refund".to_owned(),
            amount: -charge.amount,
            ..charge
        }
    }

    /// On this many resources.
    pub fn with_resources(mut self, resources: u32) -> Charge {
        self.resources = resources;
        self
    }

    /// With weekends of this many percent of a weekday.
    pub fn with_weekends(mut self, weekend_percent: u32) -> Charge {
        self.rhythm = Rhythm::Daily { weekend_percent };
        self
    }

    /// Growing by this many percent of the first amount every 30 days.
    pub fn with_growth(mut self, growth_percent: i32) -> Charge {
        self.growth_percent = growth_percent;
        self
    }

    /// With days that are off by up to this many percent.
    pub fn with_noise(mut self, noise_percent: u32) -> Charge {
        self.noise_percent = noise_percent;
        self
    }

    /// Starting on this day.
    pub fn with_launch(mut self, launched: Date) -> Charge {
        self.launched = Some(launched);
        self
    }

    /// Sold by another company.
    pub fn with_offer(mut self, offer: Offer) -> Charge {
        self.offer = Some(offer);
        self
    }

    /// Cost of a day in units of 10⁻¹⁰, before noise. Whole numbers only, so that every machine
    /// comes to the same amount.
    pub(super) fn units(&self, first_day: Date, date: Date) -> i128 {
        let started = self.launched.is_none_or(|launched| date >= launched);
        let ended = self.stopped.is_some_and(|stopped| date >= stopped);
        if !started || ended {
            return 0;
        }
        let percent = match self.rhythm {
            Rhythm::Once(day) if date != day => return 0,
            Rhythm::Monthly if date.day() != 1 => return 0,
            Rhythm::Once(_) | Rhythm::Monthly => 100,
            Rhythm::Daily { weekend_percent } if is_weekend(date) => i128::from(weekend_percent),
            Rhythm::Daily { .. } => 100,
        };
        let growth = match self.rhythm {
            Rhythm::Once(_) => 3000,
            _ => 3000 + i128::from(self.growth_percent) * i128::from(days(first_day, date)),
        };
        let mut amount = self.amount;
        amount.rescale(10);
        amount.mantissa() * percent / 100 * growth.max(0) / 3000
    }
}

pub(super) fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// Days from one date to another.
pub(super) fn days(from: Date, to: Date) -> i32 {
    let span = from.until((Unit::Day, to));
    span.map_or(0, |span| span.get_days())
}
