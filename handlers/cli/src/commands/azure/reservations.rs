//! `azure reservations`: their use, what they cost, and what Azure advises.

use azure_cost::{
    RecommendationFilter, ReservationDetail, ReservationGrain, ReservationRecommendation,
    ReservationScope, ReservationSummary, ReservationTransaction,
};
use budget_engine::{Money, Scope, ScopeKind};
use futures::{Stream, StreamExt};

use super::{Asking, explained};
use crate::args::azure::{LookBack, Recommendations, ReservationUse, Reservations, Sharing};
use crate::listing::{List, Value};

const OWNERS: &[ScopeKind] = &[ScopeKind::BillingAccount, ScopeKind::BillingProfile];
const ADVISED: &[ScopeKind] = &[
    ScopeKind::Subscription,
    ScopeKind::ResourceGroup,
    ScopeKind::BillingAccount,
    ScopeKind::BillingProfile,
];

pub(super) async fn run(asking: &Asking<'_>, what: &Reservations) -> anyhow::Result<()> {
    match what {
        Reservations::Summaries(options) => {
            let scope = Owner::of(asking, &options.of)?;
            let (from, to) = options.of.days.range()?;
            let grain = match options.monthly {
                true => ReservationGrain::Monthly,
                false => ReservationGrain::Daily,
            };
            let client = asking.client()?;
            let items = client.reservation_summaries(&scope.asked, grain, from, to);
            asking.print(summary_list(), scope.explained(items)).await
        }
        Reservations::Details(options) => {
            let scope = Owner::of(asking, options)?;
            let (from, to) = options.days.range()?;
            let items = asking.client()?.reservation_details(&scope.asked, from, to);
            asking.print(detail_list(), scope.explained(items)).await
        }
        Reservations::Transactions(days) => {
            let scope = asking.scope(OWNERS)?;
            let (from, to) = days.range()?;
            let items = asking.client()?.reservation_transactions(&scope, from, to);
            asking.list(transaction_list(), &scope, items).await
        }
        Reservations::Recommendations(options) => {
            let scope = asking.scope(ADVISED)?;
            let items = asking
                .client()?
                .reservation_recommendations(&scope, &wanted(options));
            asking.list(recommendation_list(), &scope, items).await
        }
    }
}

/// Whose reservations: those of a scope, or of one order.
struct Owner {
    asked: ReservationScope,
    scope: Option<Scope>,
}

impl Owner {
    fn of(asking: &Asking<'_>, options: &ReservationUse) -> anyhow::Result<Owner> {
        if let Some(order) = &options.order {
            return Ok(Owner {
                asked: ReservationScope::Order(order.clone()),
                scope: None,
            });
        }
        let scope = asking.scope(OWNERS)?;
        Ok(Owner {
            asked: ReservationScope::Billing(scope.clone()),
            scope: Some(scope),
        })
    }

    fn explained<T>(
        &self,
        items: impl Stream<Item = Result<T, azure_cost::Error>>,
    ) -> impl Stream<Item = anyhow::Result<T>> {
        items.map(|item| {
            item.map_err(|error| match &self.scope {
                Some(scope) => explained(error, scope),
                None => error.into(),
            })
        })
    }
}

fn wanted(options: &Recommendations) -> RecommendationFilter {
    let sharing = match options.sharing {
        Sharing::Single => "Single",
        Sharing::Shared => "Shared",
    };
    let days = match options.look_back {
        LookBack::Week => "Last7Days",
        LookBack::Month => "Last30Days",
        LookBack::TwoMonths => "Last60Days",
    };
    RecommendationFilter {
        scope: Some(sharing.to_owned()),
        resource_type: options.resource_type.clone(),
        look_back_period: Some(days.to_owned()),
    }
}

fn summary_list() -> List<ReservationSummary> {
    List::of("row", "rows")
        .shown("Date", "date", |row: &ReservationSummary| row.usage_date)
        .field("order_id", |row| Value::from(&row.reservation_order_id))
        .shown("Reservation", "reservation_id", |row| {
            Value::from(&row.reservation_id)
        })
        .shown("SKU", "sku", |row| Value::from(&row.sku_name))
        .number("Reserved h", "reserved_hours", |row| row.reserved_hours)
        .number("Used h", "used_hours", |row| row.used_hours)
        .field("min_utilization_percent", |row| {
            row.min_utilization_percentage
        })
        .number("Used %", "utilization_percent", |row| {
            row.avg_utilization_percentage
        })
        .field("max_utilization_percent", |row| {
            row.max_utilization_percentage
        })
        .field("kind", |row| Value::from(&row.kind))
        .field("purchased_quantity", |row| row.purchased_quantity)
        .field("remaining_quantity", |row| row.remaining_quantity)
}

fn detail_list() -> List<ReservationDetail> {
    List::of("row", "rows")
        .shown("Date", "date", |row: &ReservationDetail| row.usage_date)
        .field("order_id", |row| Value::from(&row.reservation_order_id))
        .shown("Reservation", "reservation_id", |row| {
            Value::from(&row.reservation_id)
        })
        .shown("SKU", "sku", |row| Value::from(&row.sku_name))
        .field("resource_id", |row| Value::from(&row.instance_id))
        .shown("Used by", "resource", |row| {
            Value::from(row.instance_id.rsplit('/').next().unwrap_or_default())
        })
        .field("reserved_hours", |row| row.reserved_hours)
        .number("Used h", "used_hours", |row| row.used_hours)
        .field("flexibility_group", |row| {
            Value::from(&row.instance_flexibility_group)
        })
        .field("flexibility_ratio", |row| {
            Value::from(&row.instance_flexibility_ratio)
        })
        .field("kind", |row| Value::from(&row.kind))
}

fn transaction_list() -> List<ReservationTransaction> {
    List::of("transaction", "transactions")
        .shown("Date", "date", |row: &ReservationTransaction| {
            row.event_date.strftime("%Y-%m-%d").to_string()
        })
        .shown("Event", "event", |row| Value::from(&row.event_type))
        .field("order_id", |row| Value::from(&row.reservation_order_id))
        .shown("Order", "order", |row| {
            Value::from(&row.reservation_order_name)
        })
        .field("description", |row| Value::from(&row.description))
        .shown("SKU", "sku", |row| Value::from(&row.arm_sku_name))
        .shown("Term", "term", |row| Value::from(&row.term))
        .field("region", |row| Value::from(&row.region))
        .field("billing_frequency", |row| {
            Value::from(&row.billing_frequency)
        })
        .field("subscription_id", |row| {
            Value::from(&row.purchasing_subscription_guid)
        })
        .field("subscription_name", |row| {
            Value::from(&row.purchasing_subscription_name)
        })
        .field("invoice", |row| Value::from(&row.invoice))
        .number("Quantity", "quantity", |row| row.quantity)
        .number("Amount", "amount", |row| {
            Value::money(row.amount, row.currency)
        })
        .field("currency", |row| row.currency)
        .total(|row| Some(Money::new(row.amount, row.currency)))
}

fn recommendation_list() -> List<ReservationRecommendation> {
    /// Some recommendations name no currency.
    fn amount(
        read: fn(&ReservationRecommendation) -> Option<rust_decimal::Decimal>,
    ) -> impl Fn(&ReservationRecommendation) -> Value {
        move |row| match (read(row), row.currency) {
            (Some(amount), Some(currency)) => Value::money(amount, currency),
            (amount, _) => amount.into(),
        }
    }
    List::of("recommendation", "recommendations")
        .shown("SKU", "sku", |row: &ReservationRecommendation| {
            Value::from(&row.sku)
        })
        .shown("Region", "region", |row| Value::from(&row.location))
        .shown("Term", "term", |row| Value::from(&row.term))
        .field("sharing", |row| Value::from(&row.scope))
        .field("subscription_id", |row| Value::from(&row.subscription_id))
        .field("look_back", |row| Value::from(&row.look_back_period))
        .field("resource_type", |row| Value::from(&row.resource_type))
        .field("meter_id", |row| Value::from(&row.meter_id))
        .number("Quantity", "quantity", |row| row.recommended_quantity)
        .number(
            "Cost without",
            "cost_without",
            amount(|row| row.cost_with_no_reserved_instances),
        )
        .number(
            "Cost with",
            "cost_with",
            amount(|row| row.total_cost_with_reserved_instances),
        )
        .number("Savings", "net_savings", amount(|row| row.net_savings))
        .field("currency", |row| row.currency)
}
