//! Benefit recommendations and utilization summaries. The world has reservations and no savings
//! plans, so the lists, which are of savings plans, are empty; the report is of reservations.

use jiff::ToSpan;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::answer::{Handled, Refusal};
use super::operation::{COST_MANAGEMENT, Call, Operation, day, get, post};
use super::reports::{accept, next_id};
use super::rows;
use super::scope::Kind;
use super::storage;

const SUMMARIES: &str = "{scope}/providers/Microsoft.CostManagement/benefitUtilizationSummaries";
const REPORT: &str =
    "{scope}/providers/Microsoft.CostManagement/generateBenefitUtilizationSummariesReport";
const RECOMMENDATIONS: &str = "{scope}/providers/Microsoft.CostManagement/benefitRecommendations";

pub(super) const OPERATIONS: &[Operation] = &[
    get(
        "BenefitUtilizationSummaries_List",
        SUMMARIES,
        COST_MANAGEMENT,
        nothing,
    )
    .at(&[
        Kind::BillingAccount,
        Kind::BillingProfile,
        Kind::SavingsPlanOrder,
        Kind::SavingsPlan,
    ]),
    get(
        "BenefitRecommendations_List",
        RECOMMENDATIONS,
        COST_MANAGEMENT,
        nothing,
    ),
    post(
        "GenerateBenefitUtilizationSummariesReport",
        REPORT,
        COST_MANAGEMENT,
        report,
    )
    .at(&[
        Kind::BillingAccount,
        Kind::BillingProfile,
        Kind::ReservationOrder,
        Kind::Reservation,
        Kind::SavingsPlanOrder,
        Kind::SavingsPlan,
    ]),
];

fn nothing(call: &Call) -> Handled {
    rows::check_scope(&call.world, call.scope()?)?;
    Ok(call.page([(); 0], 1)?.answer())
}

fn report(call: &Call) -> Handled {
    let scope = call.scope()?;
    rows::check_scope(&call.world, scope)?;
    let body: Value = call.request.json()?;
    let at = |name: &str| day(name, body[name].as_str().unwrap_or_default());
    let (first, last) = (at("startDate")?, at("endDate")?);
    if !["Daily", "Monthly"].contains(&body["grain"].as_str().unwrap_or_default()) {
        return Err(Refusal::bad_request("The grain is none of Daily, Monthly."));
    }
    if first > last || last > first.saturating_add(1.year()) {
        return Err(Refusal::bad_request(
            "The days are a range of up to a year.",
        ));
    }
    let is = |id: &str, asked: Option<&String>| {
        asked.is_some_and(|asked| asked.eq_ignore_ascii_case(id))
    };
    let asked = call
        .world
        .reservations
        .iter()
        .filter(|each| match scope.kind {
            Kind::ReservationOrder => is(&each.order, Some(&scope.id)),
            Kind::Reservation => {
                is(&each.order, scope.parent.as_ref()) && is(&each.id, Some(&scope.id))
            }
            Kind::BillingAccount => true,
            Kind::BillingProfile => (rows::subscriptions(&call.world, scope).iter())
                .any(|subscription| is(&subscription.id, Some(&each.subscription))),
            _ => false,
        });
    let mut file = "Kind,BenefitOrderId,BenefitId,UsageDate,UtilizationPercentage\r\n".to_owned();
    for reservation in asked {
        for date in first.series(1.day()).take_while(|date| *date <= last) {
            if !reservation.holds_on(date) {
                continue;
            }
            let used: Decimal = reservation.used_hours(date).iter().sum();
            let reserved = reservation.hours();
            let percent = (used * Decimal::ONE_HUNDRED / reserved)
                .round_dp(2)
                .normalize();
            let (order, id) = (&reservation.order, &reservation.id);
            file.push_str(&format!("Reservation,{order},{id},{date},{percent}\r\n"));
        }
    }
    let id = next_id(call);
    let link = storage::publish(call, &format!("{id}.csv"), "text/csv", file.into_bytes());
    let result = json!({
        "input": body,
        "status": "Completed",
        "properties": {
            "reportUrl": link.url,
            "secondaryReportUrl": null,
            "validUntil": link.valid_until.to_string(),
        },
    });
    Ok(accept(
        call,
        &id,
        "operationResults",
        result,
        json!({"status": "Completed"}),
    ))
}
