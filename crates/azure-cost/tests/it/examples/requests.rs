//! The request that an example asks for, built from its parameters and the reference alone.

use super::example::{Example, split};
use super::operations::{Operation, Thing, Verb};

/// The first request that has to arrive.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) method: &'static str,
    /// The paths that mean it; letter case does not matter.
    pub(crate) paths: Vec<String>,
    /// Query parameters that have to be there; with text that their value has to have in it.
    pub(crate) query: Vec<(&'static str, String)>,
}

/// Version of the API in which an operation is asked for.
fn version(example: &Example, thing: Thing) -> &'static str {
    match (&*example.service, thing) {
        ("consumption", _) => "2024-08-01",
        ("cost-management", _) => "2025-03-01",
        (_, Thing::BillingPeriod | Thing::EnrollmentAccount | Thing::OlderInvoice) => {
            "2018-03-01-preview"
        }
        ("billing", _) => "2024-04-01",
        _ => "2015-06-01-preview",
    }
}

/// The request of an example.
pub(crate) fn expected(example: &Example, operation: Operation) -> Result<Asked, String> {
    let Operation { thing, verb } = operation;
    let mut query = vec![("api-version", version(example, thing).to_owned())];
    let paths = match &*example.service {
        "consumption" => consumption(example, operation, &mut query)?,
        "cost-management" => vec![cost_management(example, operation, &mut query)?],
        "billing" => vec![billing(example, operation, &mut query)?],
        _ => vec![commerce(example, thing, &mut query)?],
    };
    let method = match (verb, thing) {
        (Verb::Put, Thing::CostManagementBudget | Thing::Budget | Thing::Export) => "PUT",
        (Verb::Put, Thing::ScheduledAction | Thing::View) => "PUT",
        (Verb::Delete, _) => "DELETE",
        (Verb::Do, Thing::Alert) => "PATCH",
        (Verb::Do, _) => "POST",
        (
            _,
            Thing::ConsumptionPriceSheetFile
            | Thing::CostDetails
            | Thing::CostDetailsResult
            | Thing::DetailedReport
            | Thing::Forecast
            | Thing::InvoiceDocument
            | Thing::InvoiceDocuments
            | Thing::InvoiceSummary
            | Thing::NameAvailability
            | Thing::PriceSheetFile
            | Thing::Query
            | Thing::ReservationDetailsFile,
        ) => "POST",
        _ => "GET",
    };
    Ok(Asked {
        method,
        paths,
        query,
    })
}

type Query = Vec<(&'static str, String)>;

fn consumption(
    example: &Example,
    operation: Operation,
    query: &mut Query,
) -> Result<Vec<String>, String> {
    let period = example.period();
    let in_period = |period: &Option<String>| match period {
        Some(name) => format!("/providers/Microsoft.Billing/billingPeriods/{name}"),
        None => String::new(),
    };
    let scope = |tail: &str| {
        Ok(format!(
            "{}/providers/Microsoft.Consumption/{tail}",
            example.scope_path()?
        ))
    };
    let days_in = |query: &mut Query, name: &'static str| {
        if let Some((from, to)) = example.days() {
            let last = to.yesterday().unwrap_or(to);
            query.push((name, from.to_string()));
            query.push((
                if name == "startDate" { "endDate" } else { name },
                last.to_string(),
            ));
        }
    };
    let conditions = |query: &mut Query, fields: &[&str]| {
        for field in fields {
            if let Some(value) = example.wanted(field) {
                query.push(("$filter", format!("{field} eq '{value}'")));
            }
        }
    };
    let reservations = |tail: &str, query: &mut Query| -> Result<String, String> {
        let order = example.text("reservationOrderId");
        let Some(order) = order.filter(|_| example.one_of(&["resourceScope", "scope"]).is_none())
        else {
            let path = example.scope_path()?;
            let of_profile = path.to_ascii_lowercase().contains("/billingprofiles/");
            days_in(query, if of_profile { "startDate" } else { "$filter" });
            return Ok(format!("{path}/providers/Microsoft.Consumption/{tail}"));
        };
        days_in(query, "$filter");
        let reservation = example.text("reservationId");
        let reservation = reservation.map(|id| format!("/reservations/{id}"));
        Ok(format!(
            "/providers/Microsoft.Capacity/reservationorders/{order}{}/providers/Microsoft.Consumption/{tail}",
            reservation.unwrap_or_default()
        ))
    };
    let path: Result<String, String> = match operation.thing {
        Thing::AggregatedCost => {
            days_in(query, "$filter");
            let path = example.scope_path()?;
            let period = in_period(&period);
            Ok(format!(
                "{path}{period}/providers/Microsoft.Consumption/aggregatedcost"
            ))
        }
        Thing::Balance => {
            // The one operation of Consumption whose period is a part of the account.
            let path = example.scope_path()?;
            let period = period.map(|name| format!("/billingPeriods/{name}"));
            Ok(format!(
                "{path}{}/providers/Microsoft.Consumption/balances",
                period.unwrap_or_default()
            ))
        }
        Thing::Budget if operation.verb == Verb::List => scope("budgets"),
        Thing::Budget => scope(&format!("budgets/{}", example.required(&["budgetName"])?)),
        Thing::Charge => {
            let of_enterprise = |path: &String| {
                split(path, "/departments/")
                    .or(split(path, "/enrollmentAccounts/"))
                    .is_some()
            };
            let enterprise = example.scope_path().is_ok_and(|path| of_enterprise(&path));
            if period.is_none() {
                days_in(query, if enterprise { "$filter" } else { "startDate" });
            }
            if let Some(apply) = example.text("$apply") {
                query.push(("$apply", apply));
            }
            let path = example.scope_path()?;
            let period = in_period(&period);
            Ok(format!(
                "{path}{period}/providers/Microsoft.Consumption/charges"
            ))
        }
        Thing::ConsumptionPriceSheetFile => {
            let path = example.scope_path()?;
            let period = example.required(&["billingPeriodName"])?;
            Ok(format!(
                "{path}/billingPeriods/{period}/providers/Microsoft.Consumption/pricesheets/download"
            ))
        }
        Thing::CreditSummary => scope("credits/balanceSummary"),
        Thing::Event => {
            days_in(query, "startDate");
            conditions(query, &["lotid", "lotsource"]);
            scope("events")
        }
        Thing::Lot => {
            conditions(query, &["status", "source"]);
            scope("lots")
        }
        Thing::Marketplace => {
            let period = in_period(&example.period_in_path());
            let path = example.scope_path()?;
            Ok(format!(
                "{path}{period}/providers/Microsoft.Consumption/marketplaces"
            ))
        }
        Thing::PriceSheet => {
            let path = example.scope_path()?;
            let period = in_period(&period);
            Ok(format!(
                "{path}{period}/providers/Microsoft.Consumption/pricesheets/default"
            ))
        }
        Thing::ReservationDetail => reservations("reservationDetails", query),
        Thing::ReservationRecommendation => {
            conditions(
                query,
                &[
                    "properties/scope",
                    "properties/lookBackPeriod",
                    "properties/resourceType",
                ],
            );
            scope("reservationRecommendations")
        }
        Thing::ReservationRecommendationDetail => {
            query.push(("scope", example.recommendation_scope()?));
            for name in ["region", "term", "lookBackPeriod", "product"] {
                query.push((name, example.required(&[name])?));
            }
            scope("reservationRecommendationDetails")
        }
        Thing::ReservationSummary => {
            let grain = example.required(&["grain"])?;
            let path = reservations("reservationSummaries", query)?;
            // Months are asked for over a long time, because those of others are left out.
            if grain.eq_ignore_ascii_case("monthly") {
                query.retain(|(name, _)| *name == "api-version");
            }
            query.push(("grain", grain));
            Ok(path)
        }
        Thing::ReservationTransaction => {
            days_in(query, "$filter");
            if let Some(percentage) = example.text("previewMarkupPercentage") {
                query.push(("useMarkupIfPartner", "true".to_owned()));
                query.push(("previewMarkupPercentage", percentage));
            }
            scope("reservationTransactions")
        }
        Thing::Tag => scope("tags"),
        Thing::UsageDetail => {
            if let Some(metric) = example
                .text("metric")
                .filter(|metric| metric.ends_with("cost"))
            {
                query.push(("metric", metric));
            }
            let period = in_period(&example.period_in_path());
            let path = example.scope_path()?;
            Ok(format!(
                "{path}{period}/providers/Microsoft.Consumption/usageDetails"
            ))
        }
        _ => Err("there is no path for it".to_owned()),
    };
    Ok(other_forms(path?))
}

/// A path and the shorter or other forms that mean the same scope.
fn other_forms(path: String) -> Vec<String> {
    let mut forms = vec![];
    let billing = "/providers/Microsoft.Billing/";
    for part in ["departments/", "enrollmentAccounts/"] {
        if let Some((_, rest)) = split(&path, &format!("/{part}")) {
            forms.push(format!("{billing}{part}{rest}"));
        }
    }
    if let Some((before, rest)) = split(
        &path,
        "/providers/Microsoft.CostManagement/billingAccounts/",
    ) {
        forms.push(format!("{before}{billing}billingAccounts/{rest}"));
    }
    forms.push(path);
    forms
}

fn cost_management(
    example: &Example,
    operation: Operation,
    query: &mut Query,
) -> Result<String, String> {
    let of_all = |tail: &str| format!("/providers/Microsoft.CostManagement/{tail}");
    let scope = |tail: &str| Ok::<_, String>(format!("{}{}", example.scope_path()?, of_all(tail)));
    // Private things of the caller stand below no scope.
    let maybe = |tail: &str| match example.text("scope") {
        Some(_) => scope(tail),
        None => Ok(of_all(tail)),
    };
    let named = |things: &str, names: &[&str], verb: &str| -> Result<String, String> {
        Ok(match operation.verb {
            Verb::List => things.to_owned(),
            _ => format!("{things}/{}{verb}", example.required(names)?),
        })
    };
    match operation.thing {
        Thing::Alert => scope(&named("alerts", &["alertId"], "")?),
        Thing::CostDetails | Thing::CostDetailsResult => scope("generateCostDetailsReport"),
        Thing::CostManagementBudget => {
            if let Some(category) = example.wanted("category") {
                query.push(("$filter", format!("properties/category eq '{category}'")));
            }
            scope(&named("budgets", &["budgetName"], "")?)
        }
        Thing::DetailedReport => scope("generateDetailedCostReport"),
        Thing::DetailedReportResult => scope(&format!(
            "operationResults/{}",
            example.required(&["operationId"])?
        )),
        Thing::DetailedReportStatus => scope(&format!(
            "operationStatus/{}",
            example.required(&["operationId"])?
        )),
        Thing::Dimension => {
            if let Some(category) = example.wanted("category") {
                query.push(("$filter", format!("properties/category eq '{category}'")));
            }
            for name in ["$top", "$expand"] {
                query.extend(example.text(name).map(|value| (name, value)));
            }
            scope("dimensions")
        }
        Thing::Export => {
            let run = if operation.verb == Verb::Do {
                "/run"
            } else {
                ""
            };
            scope(&named("exports", &["exportName"], run)?)
        }
        Thing::ExportRun => scope(&format!(
            "exports/{}/runHistory",
            example.required(&["exportName"])?
        )),
        Thing::Forecast => scope("forecast"),
        Thing::NameAvailability => maybe("checkNameAvailability"),
        Thing::PriceSheetFile => {
            let mut path = example.scope_path()?;
            for (part, name) in [
                ("invoices", "invoiceName"),
                ("billingPeriods", "billingPeriodName"),
            ] {
                if let Some(name) = example.text(name) {
                    path.push_str(&format!("/{part}/{name}"));
                }
            }
            Ok(path + &of_all("pricesheets/default/download"))
        }
        Thing::Query => scope("query"),
        Thing::ReservationDetailsFile => {
            query.push(("startDate", example.required(&["startDate"])?));
            query.push(("endDate", example.required(&["endDate"])?));
            scope("generateReservationDetailsReport")
        }
        Thing::ScheduledAction => {
            if let Some(view) = example.wanted("viewId") {
                query.push(("$filter", format!("properties/viewId eq '{view}'")));
            }
            let run = if operation.verb == Verb::Do {
                "/execute"
            } else {
                ""
            };
            maybe(&named("scheduledActions", &["name"], run)?)
        }
        Thing::View => maybe(&named("views", &["viewName"], "")?),
        _ => Err("there is no path for it".to_owned()),
    }
}

fn billing(example: &Example, operation: Operation, query: &mut Query) -> Result<String, String> {
    let root = "/providers/Microsoft.Billing";
    let by_days = operation.verb == Verb::List
        && matches!(operation.thing, Thing::Invoice | Thing::Transaction);
    if let Some((from, to)) = example.days().filter(|_| by_days) {
        query.push(("periodStartDate", from.to_string()));
        query.push(("periodEndDate", to.yesterday().unwrap_or(to).to_string()));
    }
    let one_or_all = |things: &str, name: &str| match example.text(name) {
        Some(name) => format!("{things}/{name}"),
        None => things.to_owned(),
    };
    let account = || {
        if let Some(subscription) = example.text("subscriptionId") {
            return Ok(format!(
                "{root}/billingAccounts/default/billingSubscriptions/{subscription}"
            ));
        }
        match example.scope_path() {
            Ok(path) => Ok(path),
            Err(_) if example.text("invoiceName").is_some() => {
                Ok(format!("{root}/billingAccounts/default"))
            }
            Err(problem) => Err(problem),
        }
    };
    let invoice = || {
        Ok::<_, String>(format!(
            "{}/{}",
            account()?,
            one_or_all("invoices", "invoiceName")
        ))
    };
    Ok(match operation.thing {
        Thing::AvailableBalance => format!("{}/availableBalance/default", account()?),
        Thing::BillingAccount => format!(
            "{root}/{}",
            one_or_all("billingAccounts", "billingAccountName")
        ),
        Thing::BillingPeriod => {
            let tail = one_or_all("billingPeriods", "billingPeriodName");
            format!("{}{root}/{tail}", example.scope_path()?)
        }
        Thing::BillingProfile => format!("{}/billingProfiles", account()?),
        Thing::EnrollmentAccount => {
            format!("{root}/{}", one_or_all("enrollmentAccounts", "name"))
        }
        Thing::Invoice => invoice()?,
        Thing::InvoiceDocument => {
            query.extend(
                example
                    .text("documentName")
                    .map(|name| ("documentName", name)),
            );
            format!("{}/download", invoice()?)
        }
        Thing::InvoiceDocuments => format!("{}/downloadDocuments", account()?),
        Thing::InvoiceSummary => format!("{}/downloadSummary", invoice()?),
        Thing::OlderInvoice => {
            let tail = match (operation.verb, example.text("invoiceName")) {
                (Verb::List, _) => "invoices".to_owned(),
                (_, Some(name)) => format!("invoices/{name}"),
                (_, None) => "invoices/latest".to_owned(),
            };
            format!("{}{root}/{tail}", example.scope_path()?)
        }
        Thing::Transaction if example.text("invoiceName").is_some() => {
            format!("{}/transactions", invoice()?)
        }
        Thing::Transaction => {
            query.push(("type", example.required(&["type"])?));
            format!("{}/transactions", account()?)
        }
        _ => return Err("there is no path for it".to_owned()),
    })
}

fn commerce(example: &Example, thing: Thing, query: &mut Query) -> Result<String, String> {
    let tail = match thing {
        Thing::RateCard => {
            for field in ["OfferDurableId", "Currency", "Locale", "RegionInfo"] {
                let value = example.wanted(field);
                query.extend(value.map(|value| ("$filter", format!("{field} eq '{value}'"))));
            }
            "RateCard"
        }
        _ => {
            for name in ["aggregationGranularity", "showDetails"] {
                query.extend(example.text(name).map(|value| (name, value)));
            }
            "UsageAggregates"
        }
    };
    Ok(format!(
        "{}/providers/Microsoft.Commerce/{tail}",
        example.scope_path()?
    ))
}
