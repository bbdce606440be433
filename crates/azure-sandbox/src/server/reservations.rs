//! Reservations: how they are used, and what was paid for them.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::answer::{Handled, Object, Refusal, midnight};
use super::downloads::{self, Csv, text};
use super::operation::{CONSUMPTION, COST_MANAGEMENT, Call, Operation, get, post};
use super::rows;
use super::scope::Kind;
use super::shapes::{Days, exact, resource};
use crate::world::{CostRow, Plan, Reservation, Section, Subscription, World};

const OWNERS: &[Kind] = &[
    Kind::ReservationOrder,
    Kind::Reservation,
    Kind::BillingAccount,
    Kind::BillingProfile,
];
pub(super) const OPERATIONS: &[Operation] = &[
    get(
        "ReservationsSummaries_List",
        "{scope}/providers/Microsoft.Consumption/reservationSummaries",
        CONSUMPTION,
        summaries,
    )
    .at(OWNERS),
    get(
        "ReservationsDetails_List",
        "{scope}/providers/Microsoft.Consumption/reservationDetails",
        CONSUMPTION,
        details,
    )
    .at(OWNERS),
    get(
        "ReservationTransactions_List",
        "{scope}/providers/Microsoft.Consumption/reservationTransactions",
        CONSUMPTION,
        transactions,
    )
    .at(&[Kind::BillingAccount, Kind::BillingProfile]),
    post(
        "GenerateReservationDetailsReport_Create",
        "{scope}/providers/Microsoft.CostManagement/generateReservationDetailsReport",
        COST_MANAGEMENT,
        report,
    )
    .at(&[Kind::BillingAccount, Kind::BillingProfile]),
    get(
        "GenerateReservationDetailsReport_Result",
        "{scope}/providers/Microsoft.CostManagement/reservationDetailsOperationResults/{id}",
        COST_MANAGEMENT,
        |call| {
            downloads::poll(call, "reservations", |link| {
                let properties = Object::new()
                    .with("reportUrl", link.url)
                    .with("validUntil", link.until);
                Object::new()
                    .with("status", "Completed")
                    .with("properties", properties)
            })
        },
    ),
];

/// Reservations of a scope, with the subscriptions that bought them.
fn owned<'w>(call: &'w Call) -> Result<Vec<(&'w Reservation, &'w Subscription)>, Refusal> {
    let (scope, world) = (call.scope()?, &*call.world);
    rows::check_scope(world, scope)?;
    let is = |id: &str, asked: &str| id.eq_ignore_ascii_case(asked);
    let parameter = |name| call.request.parameter(name);
    let found: Vec<_> = (world.reservations.iter())
        .filter_map(|each| Some((each, world.subscription(&each.subscription)?)))
        .filter(|(each, buyer)| match scope.kind {
            Kind::ReservationOrder => is(&each.order, &scope.id),
            Kind::Reservation => {
                is(&each.id, &scope.id)
                    && (scope.parent.as_ref()).is_some_and(|order| is(&each.order, order))
            }
            Kind::BillingProfile => is(&buyer.section.parent.id, &scope.id),
            _ => true,
        })
        .filter(|(each, _)| {
            parameter("reservationOrderId").is_none_or(|id| is(&each.order, id))
                && parameter("reservationId").is_none_or(|id| is(&each.id, id))
        })
        .collect();
    if found.is_empty() && matches!(scope.kind, Kind::ReservationOrder | Kind::Reservation) {
        let message = format!("The reservation {} was not found.", scope.path);
        return Err(Refusal::not_found("NotFound", message));
    }
    Ok(found)
}

/// The days of `usageDate`, or those of the open month.
fn days(call: &Call, name: &str) -> Result<Days, Refusal> {
    Days::of_period(call).asked_alone(call, name, name)
}

/// A day of a reservation: reserved and used hours.
pub(super) struct Use {
    pub(super) day: Date,
    reserved: Decimal,
    used: Decimal,
}

pub(super) fn used(reservation: &Reservation, buyer: &Subscription, days: Days) -> Vec<Use> {
    let last = days.last.min(buyer.last_day);
    let first = days.first.max(reservation.purchased);
    let all = first.series(1.day()).take_while(|day| *day <= last);
    let held = all.filter(|day| reservation.holds_on(*day));
    held.map(|day| {
        let used: Decimal = reservation.used_hours(day).iter().sum();
        let share = match day == buyer.last_day {
            true => Decimal::new(buyer.last_day_percent.into(), 2),
            false => Decimal::ONE,
        };
        Use {
            day,
            reserved: reservation.hours(),
            used: used * share,
        }
    })
    .collect()
}

fn summaries(call: &Call) -> Handled {
    let monthly = match call.request.parameter("grain") {
        Some(grain) if grain.eq_ignore_ascii_case("daily") => false,
        Some(grain) if grain.eq_ignore_ascii_case("monthly") => true,
        found => {
            let found = found.unwrap_or_default();
            let message = format!("The grain '{found}' is neither daily nor monthly.");
            return Err(Refusal::bad_request(message));
        }
    };
    let mut days = days(call, "usageDate")?;
    let asks = ["$filter", "startDate", "endDate"];
    if monthly
        && asks
            .iter()
            .all(|name| call.request.parameter(name).is_none())
    {
        // Months that nobody chose from are all there.
        days.first = call.world.first_day;
    }
    let mut items = Vec::new();
    for (reservation, buyer) in owned(call)? {
        let days = used(reservation, buyer, days);
        let same = |a: &Use, b: &Use| monthly && a.day.first_of_month() == b.day.first_of_month();
        for group in days.chunk_by(same) {
            items.push(summary(reservation, group, monthly));
        }
    }
    Ok(call.page(items, call.page_size(1000)?)?.answer())
}

fn summary(reservation: &Reservation, days: &[Use], monthly: bool) -> Object {
    let date = days.first().map_or(reservation.purchased, |each| each.day);
    let date = if monthly { date.first_of_month() } else { date };
    let properties = summary_properties(reservation, days, date);
    let kind = "Microsoft.Consumption/reservationSummaries";
    let name = format!("{}_{date}", reservation.id);
    resource(&order(reservation), kind, &name, properties)
}

/// The hours of some days that are held, told under one date.
pub(super) fn summary_properties(reservation: &Reservation, days: &[Use], date: Date) -> Object {
    let reserved: Decimal = days.iter().map(|each| each.reserved).sum();
    let used: Decimal = days.iter().map(|each| each.used).sum();
    let percents = days.iter().map(|each| percent(each.used, each.reserved));
    let least = percents.clone().min().unwrap_or_default();
    let most = percents.max().unwrap_or_default();
    let quantity = Decimal::from(reservation.quantity);
    let whole = used / reserved * quantity;
    Object::new()
        .with("reservationOrderId", &reservation.order)
        .with("reservationId", &reservation.id)
        .with("skuName", &reservation.sku)
        .with("kind", "Reservation")
        .with("usageDate", midnight(date))
        .with("reservedHours", exact(reserved))
        .with("usedHours", exact(used))
        .with("minUtilizationPercentage", exact(least))
        .with("avgUtilizationPercentage", exact(percent(used, reserved)))
        .with("maxUtilizationPercentage", exact(most))
        .with("purchasedQuantity", exact(quantity))
        .with("remainingQuantity", exact((quantity - whole).round_dp(4)))
        .with("totalReservedQuantity", exact(quantity))
        .with("usedQuantity", exact(whole.round_dp(4)))
        .with("utilizedPercentage", exact(percent(used, reserved)))
}

fn percent(part: Decimal, whole: Decimal) -> Decimal {
    (part * Decimal::ONE_HUNDRED / whole).round_dp(4)
}

fn order(reservation: &Reservation) -> String {
    format!(
        "/providers/Microsoft.Capacity/reservationOrders/{}/reservations/{}",
        reservation.order, reservation.id
    )
}

/// Rows of use that these reservations cover.
pub(super) fn covered<'w>(
    world: &'w World,
    owned: &[(&Reservation, &Subscription)],
    days: Days,
) -> impl Iterator<Item = CostRow<'w>> {
    let ids: Vec<String> = owned.iter().map(|(each, _)| each.id.clone()).collect();
    let rows = world.rows_between(days.first, days.last);
    rows.filter(move |row| {
        let own = row.reservation.is_some_and(|each| ids.contains(&each.id));
        own && row.charge_type == "Usage"
    })
}

fn details(call: &Call) -> Handled {
    let scope = call.scope()?;
    let by_order = matches!(scope.kind, Kind::ReservationOrder | Kind::Reservation);
    if by_order && call.request.parameter("$filter").is_none() {
        let message = "The $filter on properties/usageDate is required.";
        return Err(Refusal::bad_request(message));
    }
    let (owned, days) = (owned(call)?, days(call, "usageDate")?);
    let items = covered(&call.world, &owned, days).filter_map(|row| {
        let reservation = row.reservation?;
        let properties = detail_properties(&row, reservation);
        let kind = "Microsoft.Consumption/reservationDetails";
        let name = format!("{}_{}_{}", reservation.id, row.date, row.number);
        Some(resource(&order(reservation), kind, &name, properties))
    });
    Ok(call.page(items, call.page_size(1000)?)?.answer())
}

pub(super) fn detail_properties(row: &CostRow, reservation: &Reservation) -> Object {
    Object::new()
        .with("reservationOrderId", &reservation.order)
        .with("reservationId", &reservation.id)
        .with("skuName", &reservation.sku)
        .with("instanceFlexibilityRatio", "1")
        .with("instanceFlexibilityGroup", row.meter().subcategory)
        .with("instanceId", row.resource_id())
        .with("usageDate", midnight(row.date))
        .with("usedHours", exact(row.quantity))
        .with("reservedHours", exact(Decimal::from(24)))
        .with("totalReservedQuantity", exact(reservation.quantity.into()))
        .with("kind", "Reservation")
}

fn report(call: &Call) -> Handled {
    let scope = call.scope()?;
    rows::check_scope(&call.world, scope)?;
    let (Some(first), Some(last)) = (call.date("startDate")?, call.date("endDate")?) else {
        return Err(Refusal::bad_request("startDate and endDate are required."));
    };
    let results = format!(
        "{}/providers/Microsoft.CostManagement/reservationDetailsOperationResults",
        scope.path
    );
    let profile = match scope.kind {
        Kind::BillingProfile => &*scope.id,
        _ => "",
    };
    let name = format!("{first}_{last}_{profile}");
    Ok(downloads::accept(call, &results, &name))
}

/// The file of a report; `None` if the name is none.
pub(super) fn csv(call: &Call, name: &str) -> Option<String> {
    let mut parts = name.splitn(3, '_');
    let first = parts.next()?.parse().ok()?;
    let last = parts.next()?.parse().ok()?;
    let profile = parts.next()?;
    let world = &*call.world;
    let owned: Vec<_> = (world.reservations.iter())
        .filter_map(|each| Some((each, world.subscription(&each.subscription)?)))
        .filter(|(_, buyer)| {
            profile.is_empty() || buyer.section.parent.id.eq_ignore_ascii_case(profile)
        })
        .collect();
    let mut csv = Csv::new(
        "InstanceFlexibilityGroup,InstanceFlexibilityRatio,InstanceId,Kind,ReservationId,\
         ReservationOrderId,ReservedHours,SkuName,TotalReservedQuantity,UsageDate,UsedHours",
    );
    for row in covered(world, &owned, Days { first, last }) {
        let reservation = row.reservation?;
        csv.line([
            &*row.meter().subcategory,
            "1",
            &row.resource_id(),
            "Reservation",
            &reservation.id,
            &reservation.order,
            "24",
            &reservation.sku,
            &reservation.quantity.to_string(),
            &row.date.to_string(),
            &text(row.quantity),
        ]);
    }
    Some(csv.text())
}

fn transactions(call: &Call) -> Handled {
    let world = &*call.world;
    let days = days(call, "eventDate")?;
    // Whole billing months of both ends.
    let (first, last) = (days.first.first_of_month(), days.last.last_of_month());
    let owned = owned(call)?;
    let books = call.sandbox.books();
    let invoices = books.invoices();
    let mut items = Vec::new();
    for (reservation, buyer) in owned {
        let known = buyer.last_day.min(world.today);
        let paid = reservation
            .installments()
            .map(|each| (each.from, each.from));
        // Money back is filed under the month of the purchase.
        let back = reservation.returned.map(|day| (day, reservation.purchased));
        for (day, filed) in paid.chain(back) {
            if day > known || filed < first || filed > last {
                continue;
            }
            let amount = reservation.paid_on(day);
            let common = transaction(reservation, buyer, day, amount);
            let section = &buyer.section;
            let properties = if world.agreement.is_modern() {
                let invoice = invoices
                    .iter()
                    .find(|each| each.month == day.first_of_month() && each.payer.pays_for(buyer));
                let number = invoice.map_or("", |each| &each.name);
                common
                    .with("billingProfileId", &section.parent.id)
                    .with("billingProfileName", &section.parent.name)
                    .with("invoiceSectionId", &section.part.id)
                    .with("invoiceSectionName", &section.part.name)
                    .with("invoice", number)
                    .with("invoiceId", number)
            } else {
                enrolled(common, world, section, filed, amount)
            };
            let kind = "Microsoft.Consumption/reservationTransactions";
            let name = format!("{}_{day}", reservation.order);
            let scope = &call.scope()?.path;
            let item = resource(scope, kind, &name, properties);
            items.push(item.with("tags", Vec::<String>::new()));
        }
    }
    Ok(call.page(items, call.page_size(1000)?)?.answer())
}

/// What transactions of an enrollment have besides.
pub(super) fn enrolled(
    object: Object,
    world: &World,
    section: &Section,
    filed: Date,
    amount: Decimal,
) -> Object {
    let month = i32::from(filed.year()) * 100 + i32::from(filed.month());
    object
        .with("purchasingEnrollment", &world.billing_account)
        .with("currentEnrollment", &world.billing_account)
        .with("accountName", &section.part.name)
        .with("accountOwnerEmail", "owner@contoso.example")
        .with("departmentName", &section.parent.name)
        .with("costCenter", "")
        .with("billingMonth", month * 100 + 1)
        .with("monetaryCommitment", exact(amount))
        .with("overage", exact(Decimal::ZERO))
}

pub(super) fn transaction(
    reservation: &Reservation,
    buyer: &Subscription,
    day: Date,
    amount: Decimal,
) -> Object {
    let kind = if amount.is_sign_negative() {
        "Refund"
    } else {
        "Purchase"
    };
    let plan = match reservation.plan {
        Plan::Upfront => "OneTime",
        Plan::Monthly => "Recurring",
    };
    Object::new()
        .with("eventDate", midnight(day))
        .with("reservationOrderId", &reservation.order)
        .with("reservationOrderName", &reservation.name)
        .with("description", &reservation.usage.meter)
        .with("eventType", kind)
        .with("quantity", exact(reservation.quantity.into()))
        .with("amount", exact(amount))
        .with("currency", &buyer.currency)
        .with("purchasingSubscriptionGuid", &buyer.id)
        .with("purchasingSubscriptionName", &buyer.name)
        .with("armSkuName", &reservation.sku)
        .with("term", reservation.term.code())
        .with("region", &reservation.usage.region)
        .with("billingFrequency", plan)
}

#[cfg(test)]
pub(super) mod tests {
    use rust_decimal::Decimal;
    use serde_json::Value;

    use super::super::Options;
    use super::super::tests::Local;
    use super::*;
    use crate::scenario::Scenario;

    pub(in super::super) fn sandbox(name: &str) -> (World, Local, String) {
        let world = Scenario::named(name).unwrap().world;
        let account = &world.billing_account;
        let mut scope = format!("/providers/Microsoft.Billing/billingAccounts/{account}");
        if world.agreement.is_modern() {
            scope += &format!("/billingProfiles/{}", world.parents()[0].id);
        }
        let options = Options {
            page_rows: 20,
            ..Options::new(world.today)
        };
        (world.clone(), Local::over(world, options), scope)
    }

    fn sum(items: &[Value], name: &str) -> Decimal {
        let values = items
            .iter()
            .map(|item| item["properties"][name].to_string());
        values.map(|value| value.parse::<Decimal>().unwrap()).sum()
    }

    pub(in super::super) const TAIL: &str = "api-version=2024-08-01";

    #[tokio::test]
    async fn days_months_and_instances_have_the_same_hours() {
        for name in ["enterprise", "customer"] {
            let (world, sandbox, scope) = sandbox(name);
            let path = |what: &str| format!("{scope}/providers/Microsoft.Consumption/{what}{TAIL}");
            let filter = match name {
                "customer" => "&startDate=2026-09-01&endDate=2026-10-31",
                _ => {
                    "&$filter=properties/usageDate ge 2026-09-01 AND properties/usageDate le 2026-10-31"
                }
            };
            let daily = sandbox
                .list(&(path("reservationSummaries?grain=daily&") + filter))
                .await;
            let monthly = sandbox
                .list(&(path("reservationSummaries?grain=monthly&") + filter))
                .await;
            let details = sandbox.list(&(path("reservationDetails?") + filter)).await;
            let used = sum(&daily, "usedHours");
            assert!(used > Decimal::ZERO);
            assert_eq!(sum(&monthly, "usedHours"), used, "{name}");
            assert_eq!(sum(&details, "usedHours"), used, "{name}");
            assert_eq!(sum(&monthly, "reservedHours"), sum(&daily, "reservedHours"));
            let own = &world.reservations[0];
            let order = format!(
                "/providers/Microsoft.Capacity/reservationorders/{}/providers\
                 /Microsoft.Consumption/reservationDetails?{TAIL}",
                own.order
            );
            assert_eq!(sandbox.get(&order).await.0, 400, "the filter is required");
        }
    }

    #[tokio::test]
    async fn transactions_are_the_purchases_and_refunds_of_the_bill() {
        for name in ["enterprise", "customer"] {
            let (world, sandbox, scope) = sandbox(name);
            let path = format!(
                "{scope}/providers/Microsoft.Consumption/reservationTransactions?{TAIL}\
                 &$filter=properties/eventDate ge 2026-01-05 AND properties/eventDate le 2026-11-02"
            );
            let items = sandbox.list(&path).await;
            let seen = world.as_seen_on(world.today);
            let rows = seen.rows_between(jiff::civil::date(2026, 1, 1), world.today);
            let rows = rows.filter(|row| row.reservation.is_some() && !row.cost.is_zero());
            let (count, paid) = rows.fold((0, Decimal::ZERO), |(count, sum), row| {
                (count + 1, sum + row.cost)
            });
            assert_eq!(
                (items.len(), sum(&items, "amount")),
                (count, paid),
                "{name}"
            );
        }
    }
}
