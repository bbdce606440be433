//! How reservations are used: summaries by day or month, and the instances behind them.

use std::fmt;

use budget_engine::{Scope, ScopeKind};
use futures::{Stream, StreamExt, future};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::value::RawValue;
use url::Url;

use super::API_VERSION;
use crate::client::{Client, part, path_of_kind};
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{items, lazily};
use crate::parameters::{encoded, last_day};
use crate::request::Request;

/// Whose reservations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReservationScope {
    /// All of an order, by its id.
    Order(String),
    /// One of an order.
    Reservation {
        /// Id of the order.
        order: String,
        /// Id of the reservation.
        reservation: String,
    },
    /// All of a billing account (Enterprise) or a billing profile (Customer Agreement).
    Billing(Scope),
    /// Those of an order, or one of them, as a billing profile sees them.
    OfBillingProfile {
        /// The billing profile.
        profile: Scope,
        /// Id of the order.
        order: String,
        /// Id of the reservation; `None` for all of the order.
        reservation: Option<String>,
    },
}

/// Whether a summary is of a day or of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationGrain {
    /// Days.
    Daily,
    /// Calendar months, dated by their first day.
    Monthly,
}

/// How a reservation was used on a day or in a month. What Azure leaves out is `None` or `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReservationSummary {
    /// Id of the order.
    pub reservation_order_id: String,
    /// Id of the reservation.
    pub reservation_id: String,
    /// What is reserved, for example `Standard_D8s_v5`.
    pub sku_name: String,
    /// The day, or the first day of the month.
    pub usage_date: Date,
    /// Hours reserved.
    pub reserved_hours: Option<Decimal>,
    /// Hours used.
    pub used_hours: Option<Decimal>,
    /// Smallest use, percent.
    pub min_utilization_percentage: Option<Decimal>,
    /// Average use, percent.
    pub avg_utilization_percentage: Option<Decimal>,
    /// Largest use, percent.
    pub max_utilization_percentage: Option<Decimal>,
    /// Kind of commitment, for example `Reservation`.
    pub kind: String,
    /// Units bought.
    pub purchased_quantity: Option<Decimal>,
    /// Units not used.
    pub remaining_quantity: Option<Decimal>,
    /// Units reserved.
    pub total_reserved_quantity: Option<Decimal>,
    /// Units used.
    pub used_quantity: Option<Decimal>,
    /// Use of the units, percent.
    pub utilized_percentage: Option<Decimal>,
}

/// What an instance used of a reservation on a day. What Azure leaves out is `None` or `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReservationDetail {
    /// Id of the order.
    pub reservation_order_id: String,
    /// Id of the reservation.
    pub reservation_id: String,
    /// What is reserved.
    pub sku_name: String,
    /// The day.
    pub usage_date: Date,
    /// The resource that used it.
    pub instance_id: String,
    /// Hours reserved.
    pub reserved_hours: Option<Decimal>,
    /// Hours used.
    pub used_hours: Option<Decimal>,
    /// Units reserved.
    pub total_reserved_quantity: Option<Decimal>,
    /// Sizes that can stand for each other.
    pub instance_flexibility_group: String,
    /// How many of the smallest size of the group this one is. Azure writes it as text.
    pub instance_flexibility_ratio: String,
    /// Kind of commitment, for example `Reservation`.
    pub kind: String,
}

impl Client {
    /// The use of reservations on the days from `from` until before `to`, or in the months in
    /// which these days lie.
    pub fn reservation_summaries(
        &self,
        scope: &ReservationScope,
        grain: ReservationGrain,
        from: Date,
        to: Date,
    ) -> impl Stream<Item = Result<ReservationSummary, Error>> + Send + use<> {
        let operation = format!("read reservation summaries of {scope}");
        // A month's summary is of its first day. Filters on days are for daily summaries: without
        // a billing profile Azure gives all the months that it has.
        let (query, first) = match grain {
            ReservationGrain::Daily => ("&grain=daily", from),
            ReservationGrain::Monthly => ("&grain=monthly", from.first_of_month()),
        };
        let by_day = grain == ReservationGrain::Daily;
        let tail = "reservationSummaries";
        lazily(
            self.reservations_url(&operation, scope, tail, (query, by_day), first, to)
                .map(|url| {
                    let request = Request::get(operation, url);
                    let rows = items(self.transport.clone(), request, read_summary);
                    rows.filter(move |row| {
                        let asked = |row: &ReservationSummary| {
                            by_day || (first..to).contains(&row.usage_date)
                        };
                        future::ready(row.as_ref().map_or(true, asked))
                    })
                }),
        )
    }

    /// What each instance used of reservations on the days from `from` until before `to`. Azure
    /// refuses what would be longer than 12 MB: ask for fewer days then.
    pub fn reservation_details(
        &self,
        scope: &ReservationScope,
        from: Date,
        to: Date,
    ) -> impl Stream<Item = Result<ReservationDetail, Error>> + Send + use<> {
        let operation = format!("read reservation details of {scope}");
        let tail = "reservationDetails";
        lazily(
            self.reservations_url(&operation, scope, tail, ("", true), from, to)
                .map(|url| {
                    let request = Request::get(operation, url);
                    items(self.transport.clone(), request, read_detail)
                }),
        )
    }

    fn reservations_url(
        &self,
        operation: &str,
        scope: &ReservationScope,
        tail: &str,
        (query, by_day): (&str, bool),
        from: Date,
        to: Date,
    ) -> Result<Url, Error> {
        let last = last_day(operation, from, to)?;
        let path = scope.path(operation)?;
        let days = if scope.is_billing_profile() {
            format!("&startDate={from}&endDate={last}{}", scope.chosen())
        } else if by_day {
            // These dates stand without apostrophes.
            format!("&$filter=properties/usageDate ge {from} AND properties/usageDate le {last}")
        } else {
            String::new()
        };
        let tail = format!("/providers/Microsoft.Consumption/{tail}");
        Ok(self.url(&path, &tail, &format!("{API_VERSION}{query}{days}")))
    }
}

impl ReservationScope {
    fn path(&self, operation: &str) -> Result<String, Error> {
        let order_path = |order: &str| {
            let order = part(operation, "the reservation order", order)?;
            Ok::<_, Error>(format!(
                "/providers/Microsoft.Capacity/reservationorders/{order}"
            ))
        };
        match self {
            ReservationScope::Order(order) => order_path(order),
            ReservationScope::Reservation { order, reservation } => {
                let reservation = part(operation, "the reservation", reservation)?;
                Ok(format!("{}/reservations/{reservation}", order_path(order)?))
            }
            ReservationScope::Billing(scope) => {
                let kinds = [ScopeKind::BillingAccount, ScopeKind::BillingProfile];
                path_of_kind(operation, scope, &kinds)
            }
            ReservationScope::OfBillingProfile { profile, .. } => {
                path_of_kind(operation, profile, &[ScopeKind::BillingProfile])
            }
        }
    }

    /// The parameters by which a billing profile is asked for some of its reservations.
    fn chosen(&self) -> String {
        let ReservationScope::OfBillingProfile {
            order, reservation, ..
        } = self
        else {
            return String::new();
        };
        let mut chosen = format!("&reservationOrderId={}", encoded(order));
        if let Some(reservation) = reservation {
            chosen.push_str(&format!("&reservationId={}", encoded(reservation)));
        }
        chosen
    }

    fn is_billing_profile(&self) -> bool {
        match self {
            ReservationScope::Billing(scope) => scope.kind() == ScopeKind::BillingProfile,
            ReservationScope::OfBillingProfile { .. } => true,
            _ => false,
        }
    }
}

impl fmt::Display for ReservationScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReservationScope::Order(order) => write!(f, "order {order}"),
            ReservationScope::Reservation { order, reservation } => {
                write!(f, "reservation {reservation} of order {order}")
            }
            ReservationScope::Billing(scope) => scope.fmt(f),
            ReservationScope::OfBillingProfile {
                profile,
                order,
                reservation: None,
            } => write!(f, "order {order} of {profile}"),
            ReservationScope::OfBillingProfile {
                profile,
                order,
                reservation: Some(reservation),
            } => write!(f, "reservation {reservation} of order {order} of {profile}"),
        }
    }
}

fn read_summary(item: &RawValue) -> Result<ReservationSummary, String> {
    let properties = Fields::of(item)?.object("properties")?;
    Ok(ReservationSummary {
        reservation_order_id: properties.required_text("reservationOrderId")?,
        reservation_id: properties.required_text("reservationId")?,
        sku_name: properties.text("skuName")?,
        usage_date: properties.day("usageDate")?,
        reserved_hours: properties.optional_decimal("reservedHours")?,
        used_hours: properties.optional_decimal("usedHours")?,
        min_utilization_percentage: properties.optional_decimal("minUtilizationPercentage")?,
        avg_utilization_percentage: properties.optional_decimal("avgUtilizationPercentage")?,
        max_utilization_percentage: properties.optional_decimal("maxUtilizationPercentage")?,
        kind: properties.text("kind")?,
        purchased_quantity: properties.optional_decimal("purchasedQuantity")?,
        remaining_quantity: properties.optional_decimal("remainingQuantity")?,
        total_reserved_quantity: properties.optional_decimal("totalReservedQuantity")?,
        used_quantity: properties.optional_decimal("usedQuantity")?,
        utilized_percentage: properties.optional_decimal("utilizedPercentage")?,
    })
}

fn read_detail(item: &RawValue) -> Result<ReservationDetail, String> {
    let properties = Fields::of(item)?.object("properties")?;
    Ok(ReservationDetail {
        reservation_order_id: properties.required_text("reservationOrderId")?,
        reservation_id: properties.required_text("reservationId")?,
        sku_name: properties.text("skuName")?,
        usage_date: properties.day("usageDate")?,
        instance_id: properties.text("instanceId")?,
        reserved_hours: properties.optional_decimal("reservedHours")?,
        used_hours: properties.optional_decimal("usedHours")?,
        total_reserved_quantity: properties.optional_decimal("totalReservedQuantity")?,
        instance_flexibility_group: properties.text("instanceFlexibilityGroup")?,
        instance_flexibility_ratio: properties.text("instanceFlexibilityRatio")?,
        kind: properties.text("kind")?,
    })
}
