//! Reserved instances of an enrollment: use, charges, and what to buy.

use budget_engine::Currency;
use futures::Stream;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{EnterpriseReporting, days};
use crate::error::Error;
use crate::fields::Fields;

/// How a resource used a reserved instance on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnterpriseReservationUsage {
    /// Order id.
    pub reservation_order_id: String,
    /// Reservation id.
    pub reservation_id: String,
    /// The day.
    pub usage_date: Date,
    /// SKU.
    pub sku_name: String,
    /// Resource id.
    pub instance_id: String,
    /// Instances reserved altogether.
    pub total_reserved_quantity: Option<Decimal>,
    /// Hours reserved.
    pub reserved_hours: Option<Decimal>,
    /// Hours used.
    pub used_hours: Option<Decimal>,
}

/// How well a reserved instance was used on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnterpriseReservationSummary {
    /// Order id.
    pub reservation_order_id: String,
    /// Reservation id.
    pub reservation_id: String,
    /// SKU.
    pub sku_name: String,
    /// The day.
    pub usage_date: Date,
    /// Hours reserved.
    pub reserved_hours: Option<Decimal>,
    /// Hours used.
    pub used_hours: Option<Decimal>,
    /// Least use, in percent.
    pub min_utilization_percentage: Option<Decimal>,
    /// Average use, in percent.
    pub avg_utilization_percentage: Option<Decimal>,
    /// Most use, in percent.
    pub max_utilization_percentage: Option<Decimal>,
}

/// What was paid for a reserved instance, or given back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnterpriseReservationCharge {
    /// Order id.
    pub reservation_order_id: String,
    /// Order by name.
    pub reservation_order_name: String,
    /// When.
    pub event_date: Option<Date>,
    /// `Purchase`, `Refund`, `Cancel`, …
    pub event_type: String,
    /// How much.
    pub amount: Decimal,
    /// In which currency.
    pub currency: Currency,
    /// How many instances.
    pub quantity: Option<Decimal>,
    /// In words.
    pub description: String,
    /// SKU as resources name it.
    pub arm_sku_name: String,
    /// `P1Y` or `P3Y`.
    pub term: String,
    /// Region.
    pub region: String,
    /// `OneTime` or `Recurring`.
    pub billing_frequency: String,
    /// Enrollment that bought it.
    pub purchasing_enrollment: String,
    /// Subscription id that bought it.
    pub purchasing_subscription_guid: String,
    /// Subscription name that bought it.
    pub purchasing_subscription_name: String,
    /// Enrollment account name.
    pub account_name: String,
    /// Department name.
    pub department_name: String,
    /// Cost center.
    pub cost_center: String,
}

/// What it would be worth to reserve, in the currency of the enrollment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnterpriseReservationRecommendation {
    /// Subscription id, on those for one subscription.
    pub subscription_id: String,
    /// The days that were looked at.
    pub look_back_period: String,
    /// Meter id.
    pub meter_id: String,
    /// SKU.
    pub sku_name: String,
    /// Region.
    pub region: String,
    /// `P1Y` or `P3Y`.
    pub term: String,
    /// How many to buy.
    pub recommended_quantity: Option<Decimal>,
    /// Cost of the days without.
    pub cost_without: Option<Decimal>,
    /// Cost of the days with.
    pub cost_with: Option<Decimal>,
    /// What would have been saved.
    pub net_savings: Option<Decimal>,
    /// First day with use.
    pub first_usage_date: Option<Date>,
}

/// Whether a reservation serves all subscriptions or one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecommendationScope {
    /// All of the enrollment.
    Shared,
    /// One.
    Single,
}

/// How far a recommendation looks back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookBack {
    /// 7 days.
    Days7,
    /// 30 days.
    Days30,
    /// 60 days.
    Days60,
}

impl EnterpriseReporting {
    /// The use of reserved instances by resource on the days from `from` until before `to`.
    pub fn reservation_details(
        &self,
        from: Date,
        to: Date,
    ) -> impl Stream<Item = Result<EnterpriseReservationUsage, Error>> + Send + use<> {
        let operation = "read reservation details";
        let request = days(operation, from, to)
            .and_then(|days| self.request(operation, "v2", "reservationdetails", &days));
        self.rows(request, read_usage)
    }

    /// The use of reserved instances by day from `from` until before `to`.
    pub fn reservation_summaries(
        &self,
        from: Date,
        to: Date,
    ) -> impl Stream<Item = Result<EnterpriseReservationSummary, Error>> + Send + use<> {
        let operation = "read reservation summaries";
        let request = days(operation, from, to)
            .and_then(|days| self.request(operation, "v2", "reservationsummaries", &days));
        self.rows(request, read_summary)
    }

    /// The charges for reserved instances on the days from `from` until before `to`.
    pub fn reservation_charges(
        &self,
        from: Date,
        to: Date,
    ) -> impl Stream<Item = Result<EnterpriseReservationCharge, Error>> + Send + use<> {
        let operation = "read reservation charges";
        let request = days(operation, from, to)
            .and_then(|days| self.request(operation, "v4", "reservationcharges", &days));
        self.rows(request, read_charge)
    }

    /// What to reserve.
    pub fn reservation_recommendations(
        &self,
        scope: RecommendationScope,
        look_back: LookBack,
    ) -> impl Stream<Item = Result<EnterpriseReservationRecommendation, Error>> + Send + use<> {
        let report = match scope {
            RecommendationScope::Shared => "SharedReservationRecommendations",
            RecommendationScope::Single => "SingleReservationRecommendations",
        };
        let days = match look_back {
            LookBack::Days7 => 7,
            LookBack::Days30 => 30,
            LookBack::Days60 => 60,
        };
        let query = format!("lookBackPeriod={days}");
        let request = self.request("read reservation recommendations", "v2", report, &query);
        self.rows(request, read_recommendation)
    }
}

fn read_usage(row: &Fields) -> Result<EnterpriseReservationUsage, String> {
    Ok(EnterpriseReservationUsage {
        reservation_order_id: row.text("reservationOrderId")?,
        reservation_id: row.required_text("reservationId")?,
        usage_date: row.day("usageDate")?,
        sku_name: row.text("skuName")?,
        instance_id: row.text("instanceId")?,
        total_reserved_quantity: row.optional_decimal("totalReservedQuantity")?,
        reserved_hours: row.optional_decimal("reservedHours")?,
        used_hours: row.optional_decimal("usedHours")?,
    })
}

fn read_summary(row: &Fields) -> Result<EnterpriseReservationSummary, String> {
    Ok(EnterpriseReservationSummary {
        reservation_order_id: row.text("reservationOrderId")?,
        reservation_id: row.required_text("reservationId")?,
        sku_name: row.text("skuName")?,
        usage_date: row.day("usageDate")?,
        reserved_hours: row.optional_decimal("reservedHours")?,
        used_hours: row.optional_decimal("usedHours")?,
        min_utilization_percentage: row.optional_decimal("minUtilizationPercentage")?,
        avg_utilization_percentage: row.optional_decimal("avgUtilizationPercentage")?,
        max_utilization_percentage: row.optional_decimal("maxUtilizationPercentage")?,
    })
}

fn read_charge(row: &Fields) -> Result<EnterpriseReservationCharge, String> {
    Ok(EnterpriseReservationCharge {
        reservation_order_id: row.text("reservationOrderId")?,
        reservation_order_name: row.text("reservationOrderName")?,
        event_date: row.optional_day("eventDate")?,
        event_type: row.text("eventType")?,
        amount: row.decimal("amount")?,
        currency: row.currency("currency")?,
        quantity: row.optional_decimal("quantity")?,
        description: row.text("description")?,
        arm_sku_name: row.text("armSkuName")?,
        term: row.text("term")?,
        region: row.text("region")?,
        billing_frequency: row.text("billingFrequency")?,
        purchasing_enrollment: row.text("purchasingEnrollment")?,
        purchasing_subscription_guid: row.text("purchasingSubscriptionGuid")?,
        purchasing_subscription_name: row.text("purchasingSubscriptionName")?,
        account_name: row.text("accountName")?,
        department_name: row.text("departmentName")?,
        cost_center: row.text("costCenter")?,
    })
}

fn read_recommendation(row: &Fields) -> Result<EnterpriseReservationRecommendation, String> {
    // Two ways to write "reserved instance" are known.
    let either = |one, other| match row.optional_decimal(one)? {
        Some(amount) => Ok::<_, String>(Some(amount)),
        None => row.optional_decimal(other),
    };
    Ok(EnterpriseReservationRecommendation {
        subscription_id: row.text("subscriptionId")?,
        look_back_period: row.text("lookBackPeriod")?,
        meter_id: row.text("meterId")?,
        sku_name: row.text("skuName")?,
        region: row.text("region")?,
        term: row.text("term")?,
        recommended_quantity: row.optional_decimal("recommendedQuantity")?,
        cost_without: either("costWithNoReservedInstances", "costWithNoRI")?,
        cost_with: either("totalCostWithReservedInstances", "totalCostWithRI")?,
        net_savings: row.optional_decimal("netSavings")?,
        first_usage_date: row.optional_day("firstUsageDate")?,
    })
}
