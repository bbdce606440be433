//! The shape of a scenario file.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::value::Datetime;

use super::standing;
use crate::server::Faults;
use crate::world::{self, currencies, rate};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) agreement: Agreement,
    #[serde(default = "one")]
    pub(super) seed: u64,
    pub(super) today: Day,
    pub(super) first_day: Option<Spanned<Day>>,
    pub(super) currency: Option<Currency>,
    #[serde(default)]
    pub(super) tax_percent: Percent,
    pub(super) tenant: Option<Spanned<String>>,
    pub(super) account: Option<String>,
    pub(super) account_name: Option<String>,
    pub(super) management_group: Option<String>,
    #[serde(default)]
    pub(super) subscription: Vec<Subscription>,
    #[serde(default)]
    pub(super) reservation: Vec<Reservation>,
    #[serde(default)]
    pub(super) marketplace: Vec<Marketplace>,
    #[serde(default)]
    pub(super) refund: Vec<Refund>,
    #[serde(default)]
    pub(super) restatement: Vec<Restatement>,
    #[serde(default)]
    pub(super) lot: Vec<Lot>,
    #[serde(default)]
    pub(super) action_group: Vec<standing::ActionGroup>,
    #[serde(default)]
    pub(super) budget: Vec<standing::Budget>,
    #[serde(default)]
    pub(super) anomaly_rule: Vec<standing::AnomalyRule>,
    #[serde(default)]
    pub(super) export: Vec<standing::Export>,
    #[serde(default)]
    pub(super) faults: Faults,
}

fn one() -> u64 {
    1
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Subscription {
    pub(super) name: Spanned<String>,
    pub(super) id: Option<Spanned<String>>,
    pub(super) currency: Option<Spanned<Currency>>,
    /// Cost of a month on the usual services, where no groups are given.
    pub(super) monthly: Option<Amount>,
    /// Resources of each of the usual services.
    pub(super) resources: Option<Spanned<Count>>,
    pub(super) lag_days: Option<Lag>,
    pub(super) last_day_percent: Option<Percent>,
    /// Last day with data, for good.
    pub(super) until: Option<Spanned<Day>>,
    /// An offer that Cost Management does not support.
    pub(super) unsupported_offer: Option<String>,
    /// A new subscription has no budgets for two days.
    pub(super) created: Option<Day>,
    pub(super) department: Option<String>,
    pub(super) enrollment_account: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) section: Option<String>,
    pub(super) customer: Option<String>,
    #[serde(default)]
    pub(super) group: Vec<Group>,
    pub(super) growth_percent: Option<Growth>,
    pub(super) weekend_percent: Option<Percent>,
    pub(super) noise_percent: Option<Percent>,
    pub(super) launched: Option<Day>,
    pub(super) stopped: Option<Spanned<Day>>,
}

/// How costs move; what a charge does not say, its subscription does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    pub(super) growth_percent: Option<Growth>,
    pub(super) weekend_percent: Option<Percent>,
    pub(super) noise_percent: Option<Percent>,
    pub(super) launched: Option<Day>,
    pub(super) stopped: Option<Day>,
}

impl Subscription {
    pub(super) fn habits(&self) -> Habits {
        Habits {
            growth_percent: self.growth_percent,
            weekend_percent: self.weekend_percent,
            noise_percent: self.noise_percent,
            launched: self.launched,
            stopped: self.stopped.as_ref().map(|day| *day.get_ref()),
        }
    }
}

impl Charge {
    pub(super) fn habits(&self) -> Habits {
        Habits {
            growth_percent: self.growth_percent,
            weekend_percent: self.weekend_percent,
            noise_percent: self.noise_percent,
            launched: self.launched,
            stopped: self.stopped.as_ref().map(|day| *day.get_ref()),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) charge: Vec<Charge>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Charge {
    pub(super) service: String,
    pub(super) amount: Amount,
    pub(super) meter: Option<String>,
    pub(super) resource_type: Option<String>,
    pub(super) region: Option<String>,
    pub(super) resources: Option<Count>,
    #[serde(default)]
    pub(super) rhythm: Rhythm,
    pub(super) growth_percent: Option<Growth>,
    pub(super) weekend_percent: Option<Percent>,
    pub(super) noise_percent: Option<Percent>,
    pub(super) launched: Option<Day>,
    pub(super) stopped: Option<Spanned<Day>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Rhythm {
    #[default]
    Daily,
    Monthly,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reservation {
    pub(super) name: Spanned<String>,
    pub(super) subscription: Spanned<String>,
    pub(super) sku: Spanned<String>,
    pub(super) quantity: Count,
    pub(super) purchased: Day,
    #[serde(default)]
    pub(super) term: Term,
    #[serde(default)]
    pub(super) plan: Plan,
    /// Price of one machine for the whole term; a usual one without it.
    pub(super) price: Option<Amount>,
    pub(super) returned: Option<Spanned<Day>>,
    pub(super) use_percent: Option<Percent>,
    pub(super) weekend_percent: Option<Percent>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) enum Term {
    #[default]
    P1Y,
    P3Y,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Plan {
    Upfront,
    #[default]
    Monthly,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Marketplace {
    pub(super) subscription: Spanned<String>,
    pub(super) publisher: String,
    pub(super) offer: String,
    pub(super) plan: Option<String>,
    pub(super) amount: Amount,
    #[serde(default)]
    pub(super) rhythm: Rhythm,
    pub(super) launched: Option<Day>,
    pub(super) stopped: Option<Spanned<Day>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refund {
    pub(super) subscription: Spanned<String>,
    pub(super) amount: Amount,
    pub(super) day: Spanned<Day>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Restatement {
    pub(super) subscription: Option<Spanned<String>>,
    pub(super) first: Day,
    pub(super) last: Spanned<Day>,
    pub(super) percent: Growth,
    pub(super) seen: Spanned<Day>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lot {
    pub(super) source: Source,
    pub(super) amount: Amount,
    pub(super) start: Day,
    pub(super) expiration: Spanned<Day>,
    pub(super) profile: Option<Spanned<String>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Source {
    Purchased,
    Promotional,
    Commitment,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Agreement {
    #[default]
    Enterprise,
    Customer,
    PayAsYouGo,
    Partner,
}

impl From<Agreement> for world::Agreement {
    fn from(agreement: Agreement) -> world::Agreement {
        match agreement {
            Agreement::Enterprise => world::Agreement::Enterprise,
            Agreement::Customer => world::Agreement::Customer,
            Agreement::PayAsYouGo => world::Agreement::PayAsYouGo,
            Agreement::Partner => world::Agreement::Partner,
        }
    }
}

/// A date without a time.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "Datetime")]
pub(super) struct Day(pub(super) Date);

impl TryFrom<Datetime> for Day {
    type Error = String;

    fn try_from(found: Datetime) -> Result<Day, String> {
        let wrong = || format!("{found} is no day between 2001 and 2999, such as 2026-11-18");
        let date = match (found.date, found.time) {
            (Some(date), None) => date,
            _ => return Err(wrong()),
        };
        let year = i16::try_from(date.year).map_err(|_| wrong())?;
        let (month, day) = (date.month.cast_signed(), date.day.cast_signed());
        let date = Date::new(year, month, day).map_err(|_| wrong())?;
        if (2001..=2999).contains(&date.year()) {
            Ok(Day(date))
        } else {
            Err(wrong())
        }
    }
}

/// A currency that the world has a rate for.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Currency(pub(super) String);

impl TryFrom<String> for Currency {
    type Error = String;

    fn try_from(name: String) -> Result<Currency, String> {
        let upper = name.to_ascii_uppercase();
        if rate(&upper).is_some() {
            return Ok(Currency(upper));
        }
        let known = currencies().collect::<Vec<_>>().join(", ");
        Err(format!(
            "`{name}` is no currency of the sandbox; it has {known}"
        ))
    }
}

macro_rules! number {
    ($name:ident, $type:ty, $range:expr, $what:literal) => {
        #[derive(Debug, Clone, Copy, Default, Deserialize)]
        #[serde(try_from = "i64")]
        pub(super) struct $name(pub(super) $type);

        impl TryFrom<i64> for $name {
            type Error = String;

            fn try_from(number: i64) -> Result<$name, String> {
                let fits = <$type>::try_from(number).ok();
                let fits = fits.filter(|number| $range.contains(number));
                fits.map($name)
                    .ok_or_else(|| format!("{number} is out of range; {}", $what))
            }
        }
    };
}

number!(Percent, u32, 0..=100, "a percentage here is 0 to 100");
number!(Growth, i32, -100..=1000, "a change is -100 to 1000 percent");
number!(Count, u32, 1..=10_000, "a count is 1 to 10000");
number!(Lag, u32, 0..=60, "data are 0 to 60 days late");

/// An amount of money above zero: a whole number, or text with up to ten digits after the point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amount(pub(super) Decimal);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
        deserializer.deserialize_any(AmountText)
    }
}

struct AmountText;

impl AmountText {
    fn check<E: Error>(amount: Decimal) -> Result<Amount, E> {
        let fits = amount > Decimal::ZERO && amount <= Decimal::from(1_000_000_000);
        if fits && amount.normalize().scale() <= 10 {
            return Ok(Amount(amount.normalize()));
        }
        Err(E::custom(format!(
            "{amount} is out of range; an amount is above zero, at most a billion, with up to ten \
             digits after the point"
        )))
    }
}

impl Visitor<'_> for AmountText {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount: a whole number, or text such as \"12.50\"")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Amount, E> {
        AmountText::check(Decimal::from(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Amount, E> {
        let amount = text.parse().map_err(|_| {
            E::custom(format!(
                "`{text}` is no amount; amounts are written \"12.50\""
            ))
        })?;
        AmountText::check(amount)
    }
}
