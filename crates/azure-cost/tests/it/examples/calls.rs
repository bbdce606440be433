//! The client's method for an example, called with arguments made from its parameters.

mod billing;

use std::fmt::Debug;

use azure_cost::{
    Budget, ChargePeriod, Client, CostDetails, CostDetailsPeriod, CostDetailsQuery, CostView,
    DimensionQuery, Error, EventFilter, Export, Forecast, ForecastDefinition, LotFilter,
    MarketplaceQuery, PreparedFile, PriceSheetFile, QueryDefinition, RecommendationDetailsQuery,
    RecommendationFilter, ReservationGrain, ReservationScope, ScheduledAction, TimePeriod,
    UsageQuery,
};
use budget_engine::{CostBasis, ScopeKind};
use futures::{Stream, TryStreamExt};
use jiff::civil::date;
use serde::de::DeserializeOwned;

use super::example::Example;
use super::json::Json;
use super::operations::{Operation, Thing, Verb};

/// What the client made of the answers.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// How many things it gave.
    pub(crate) items: usize,
    /// All that it gave, as its types print themselves.
    pub(crate) said: String,
    /// The things among it that can be written again.
    pub(crate) writable: Vec<Writable>,
}

/// What can be read, and written as it was read.
#[derive(Debug, Clone)]
pub(crate) enum Writable {
    Budget(Budget),
    Export(Export),
    ScheduledAction(ScheduledAction),
    View(CostView),
}

impl Heard {
    fn one(thing: impl Debug) -> Heard {
        Heard::many(&[thing])
    }

    fn maybe(thing: Option<impl Debug>) -> Heard {
        thing.map(Heard::one).unwrap_or_default()
    }

    fn many<T: Debug>(things: &[T]) -> Heard {
        Heard {
            items: things.len(),
            said: format!("{things:?}"),
            writable: Vec::new(),
        }
    }

    fn kept<T: Debug>(things: Vec<T>, as_writable: fn(T) -> Writable) -> Heard {
        let heard = Heard::many(&things);
        Heard {
            writable: things.into_iter().map(as_writable).collect(),
            ..heard
        }
    }

    fn file(file: PreparedFile) -> Result<Heard, String> {
        match file {
            PreparedFile::Ready(file) => Ok(Heard::one(file)),
            PreparedFile::Nothing => Ok(Heard::default()),
            PreparedFile::Pending(_) => Err("it is still pending".to_owned()),
        }
    }
}

/// Calls the client and, where Azure has it wait, asks again.
pub(crate) async fn call(
    client: &Client,
    example: &Example,
    operation: Operation,
) -> Result<Heard, String> {
    match &*example.service {
        "consumption" => consumption(client, example, operation).await,
        "cost-management" => cost_management(client, example, operation).await,
        "billing" => billing::billing(client, example, operation).await,
        _ => billing::commerce(client, example, operation.thing).await,
    }
}

/// Writes a thing that was read.
pub(crate) async fn write(
    client: &Client,
    example: &Example,
    operation: Operation,
    thing: &Writable,
) -> Result<(), String> {
    let is_older = operation.thing == Thing::Budget;
    let done = match thing {
        Writable::Budget(budget) if is_older => {
            client.put_budget(&example.scope()?, budget).await.map(drop)
        }
        Writable::Budget(budget) => {
            let scope = example.scope()?;
            client
                .put_cost_management_budget(&scope, budget)
                .await
                .map(drop)
        }
        Writable::Export(export) => client
            .put_export(&example.scope()?, "again", export)
            .await
            .map(drop),
        Writable::ScheduledAction(action) => {
            let scope = example.optional_scope()?;
            let put = client.put_scheduled_action(scope.as_ref(), "again", action);
            put.await.map(drop)
        }
        Writable::View(view) => {
            let scope = example.optional_scope()?;
            client
                .put_view(scope.as_ref(), "again", view)
                .await
                .map(drop)
        }
    };
    done.map_err(words)
}

fn words(error: Error) -> String {
    error.to_string()
}

async fn all<T: Debug>(items: impl Stream<Item = Result<T, Error>>) -> Result<Vec<T>, String> {
    items.try_collect().await.map_err(words)
}

async fn list<T: Debug>(items: impl Stream<Item = Result<T, Error>>) -> Result<Heard, String> {
    Ok(Heard::many(&all(items).await?))
}

/// The body that the example sends, read into one of our types.
fn body<T: DeserializeOwned>(example: &Example) -> Result<T, String> {
    let body = example.body().ok_or("it has no body")?;
    serde_json::from_str(&body.to_string()).map_err(|error| format!("its body: {error}"))
}

/// The same of a budget, which has its name in the path.
fn budget(example: &Example) -> Result<Budget, String> {
    let mut body = example.body().ok_or("it has no body")?.clone();
    if let Json::Object(fields) = &mut body {
        fields.retain(|(key, _)| !key.eq_ignore_ascii_case("name"));
        let name = example.required(&["budgetName"])?;
        fields.push(("name".to_owned(), Json::Text(name)));
    }
    serde_json::from_str(&body.to_string()).map_err(|error| format!("its body: {error}"))
}

fn charge_period(example: &Example, period: Option<String>) -> ChargePeriod {
    match (period, example.days()) {
        (Some(period), _) => ChargePeriod::BillingPeriod(period),
        (None, Some((from, to))) => ChargePeriod::Days(from, to),
        (None, None) => ChargePeriod::Current,
    }
}

async fn consumption(
    client: &Client,
    example: &Example,
    operation: Operation,
) -> Result<Heard, String> {
    let scope = || example.scope();
    let period = example.period();
    let (from, to) = example.days_or_all();
    match operation.thing {
        Thing::AggregatedCost => {
            let period = charge_period(example, period);
            let found = client.aggregated_cost(&scope()?, &period).await;
            Ok(Heard::one(found.map_err(words)?))
        }
        Thing::Balance => {
            let found = client.balance(&scope()?, period.as_deref()).await;
            Ok(Heard::maybe(found.map_err(words)?))
        }
        Thing::Budget => {
            let scope = scope()?;
            let name = example.text("budgetName").unwrap_or_default();
            let found = match operation.verb {
                Verb::List => all(client.budgets(&scope)).await?,
                Verb::Put => {
                    let put = client.put_budget(&scope, &budget(example)?).await;
                    vec![put.map_err(words)?]
                }
                Verb::Delete => {
                    client.delete_budget(&scope, &name).await.map_err(words)?;
                    return Ok(Heard::default());
                }
                _ => Vec::from_iter(client.budget(&scope, &name).await.map_err(words)?),
            };
            Ok(Heard::kept(found, Writable::Budget))
        }
        Thing::Charge => {
            let by = example.text("$apply");
            let by = by.as_deref().and_then(|apply| apply.rsplit_once('/'));
            let by = by.map(|(_, name)| name.trim_end_matches(')'));
            let period = charge_period(example, period);
            list(client.charges(&scope()?, &period, by)).await
        }
        Thing::ConsumptionPriceSheetFile => {
            let period = example.required(&["billingPeriodName"])?;
            let file = client
                .start_consumption_price_sheet(&scope()?, &period)
                .await;
            finish_file(client, file).await
        }
        Thing::CreditSummary => Ok(Heard::maybe(
            client.credit_summary(&scope()?).await.map_err(words)?,
        )),
        Thing::Event => {
            let scope = scope()?;
            if scope.kind() == ScopeKind::BillingProfile {
                return list(client.credit_events(&scope, from, to)).await;
            }
            let wanted = EventFilter {
                lot_id: example.wanted("lotid"),
                lot_source: example.wanted("lotsource"),
            };
            list(client.commitment_events(&scope, &wanted)).await
        }
        Thing::Lot => {
            let wanted = LotFilter {
                status: example.wanted("status"),
                source: example.wanted("source"),
            };
            list(client.lots(&scope()?, &wanted)).await
        }
        // Rows of other days than were asked for are left out, so no days are named.
        Thing::Marketplace => {
            let query = MarketplaceQuery {
                period: match example.period_in_path() {
                    Some(period) => ChargePeriod::BillingPeriod(period),
                    None => ChargePeriod::Current,
                },
                ..MarketplaceQuery::default()
            };
            list(client.marketplaces_where(&scope()?, &query)).await
        }
        Thing::PriceSheet => list(client.price_sheet(&scope()?, period.as_deref())).await,
        Thing::ReservationDetail => {
            list(client.reservation_details(&reservations(example)?, from, to)).await
        }
        Thing::ReservationRecommendation => {
            let wanted = RecommendationFilter {
                scope: example.wanted("scope"),
                resource_type: example.wanted("resourceType"),
                look_back_period: example.wanted("lookBackPeriod"),
            };
            list(client.reservation_recommendations(&scope()?, &wanted)).await
        }
        Thing::ReservationRecommendationDetail => {
            let query = RecommendationDetailsQuery {
                scope: example.recommendation_scope()?,
                region: example.required(&["region"])?,
                term: example.required(&["term"])?,
                look_back_period: example.required(&["lookBackPeriod"])?,
                product: example.required(&["product"])?,
                subscription_id: example.wanted("subscriptionId"),
            };
            let scope = scope()?;
            let found = client.reservation_recommendation_details(&scope, &query);
            Ok(Heard::maybe(found.await.map_err(words)?))
        }
        Thing::ReservationSummary => {
            let grain = example.required(&["grain"])?;
            let (grain, from, to) = match grain.eq_ignore_ascii_case("monthly") {
                true => (
                    ReservationGrain::Monthly,
                    date(2000, 1, 1),
                    date(2100, 1, 1),
                ),
                false => (ReservationGrain::Daily, from, to),
            };
            let scope = reservations(example)?;
            list(client.reservation_summaries(&scope, grain, from, to)).await
        }
        Thing::ReservationTransaction => {
            let scope = scope()?;
            let preview = example.text("previewMarkupPercentage");
            let preview = preview.as_deref().and_then(super::json::number);
            if preview.is_none() {
                return list(client.reservation_transactions(&scope, from, to)).await;
            }
            list(client.reservation_transactions_with_markup(&scope, from, to, preview)).await
        }
        Thing::Tag => list(client.tags(&scope()?)).await,
        Thing::UsageDetail => {
            let metric = example.text("metric").unwrap_or_default();
            let metric = match metric.eq_ignore_ascii_case("amortizedcost") {
                true => CostBasis::Amortized,
                false => CostBasis::Actual,
            };
            let query = match example.period_in_path() {
                Some(period) => UsageQuery::of_billing_period(period, metric),
                None => UsageQuery::new(date(1900, 1, 1), date(2200, 1, 1), metric),
            };
            let pages = all(client.usage_details(&scope()?, &query)).await?;
            if let Some(skipped) = pages.iter().flat_map(|page| &page.skipped).next() {
                return Err(format!("a row was skipped: {skipped:?}"));
            }
            let rows = pages.into_iter().flat_map(|page| page.rows);
            Ok(Heard::many(&rows.collect::<Vec<_>>()))
        }
        _ => Err("nobody calls it".to_owned()),
    }
}

/// The reservations that the parameters name.
fn reservations(example: &Example) -> Result<ReservationScope, String> {
    let order = example.text("reservationOrderId");
    let reservation = example.text("reservationId");
    if example.one_of(&["resourceScope", "scope"]).is_none() {
        let order = order.ok_or("it has neither a scope nor a reservation order")?;
        return Ok(match reservation {
            Some(reservation) => ReservationScope::Reservation { order, reservation },
            None => ReservationScope::Order(order),
        });
    }
    let scope = example.scope()?;
    Ok(match order {
        Some(order) if scope.kind() == ScopeKind::BillingProfile => {
            ReservationScope::OfBillingProfile {
                profile: scope,
                order,
                reservation,
            }
        }
        _ => ReservationScope::Billing(scope),
    })
}

/// The file, or what becomes of it when it is asked for again.
async fn finish_file(client: &Client, file: Result<PreparedFile, Error>) -> Result<Heard, String> {
    match file.map_err(words)? {
        PreparedFile::Pending(pending) => {
            Heard::file(client.prepared_file(&pending).await.map_err(words)?)
        }
        file => Heard::file(file),
    }
}

/// What a report's body asks for.
fn report_query(example: &Example) -> Result<CostDetailsQuery, String> {
    // Results are asked for by their ids, so the question is not in the example.
    let nothing = Json::Object(Vec::new());
    let body = example.body().unwrap_or(&nothing);
    let text = |name: &str| body.get(name).and_then(Json::text);
    let day = |name: &str| {
        let text = body.at(&["timePeriod", name]).and_then(Json::text);
        text.and_then(|text| text.get(..10)?.parse::<jiff::civil::Date>().ok())
    };
    let metric = text("metric").unwrap_or_default();
    let period = if let Some(invoice) = text("invoiceId") {
        CostDetailsPeriod::Invoice(invoice)
    } else if let Some(period) = text("billingPeriod") {
        CostDetailsPeriod::BillingPeriod(period)
    } else if let (Some(start), Some(end)) = (day("start"), day("end")) {
        CostDetailsPeriod::Days(start, end)
    } else {
        CostDetailsPeriod::CurrentMonth
    };
    Ok(CostDetailsQuery {
        metric: match metric.eq_ignore_ascii_case("AmortizedCost") {
            true => CostBasis::Amortized,
            false => CostBasis::Actual,
        },
        period,
    })
}

async fn cost_management(
    client: &Client,
    example: &Example,
    operation: Operation,
) -> Result<Heard, String> {
    let scope = || example.scope();
    let verb = operation.verb;
    match operation.thing {
        Thing::Alert => {
            let scope = scope()?;
            if verb == Verb::List {
                return list(client.alerts(&scope)).await;
            }
            let name = example.required(&["alertId"])?;
            let alert = match verb {
                Verb::Do => client.dismiss_alert(&scope, &name).await,
                _ => client.alert(&scope, &name).await,
            };
            Ok(Heard::one(alert.map_err(words)?))
        }
        Thing::CostDetails | Thing::CostDetailsResult => {
            let (scope, query) = (scope()?, report_query(example)?);
            let mut state = client.start_cost_details(&scope, &query).await;
            if let Ok(CostDetails::Pending(pending)) = &state {
                let pending = pending.clone();
                state = client.cost_details_again(&scope, &pending).await;
            }
            match state.map_err(words)? {
                CostDetails::Ready(report) => Ok(Heard::many(&report.files)),
                CostDetails::Pending(_) => Err("it is still pending".to_owned()),
            }
        }
        Thing::CostManagementBudget => {
            let scope = scope()?;
            let name = example.text("budgetName").unwrap_or_default();
            let found = match verb {
                Verb::List => {
                    let category = example.wanted("category");
                    all(client.cost_management_budgets(&scope, category.as_deref())).await?
                }
                Verb::Put => {
                    let put = client
                        .put_cost_management_budget(&scope, &budget(example)?)
                        .await;
                    vec![put.map_err(words)?]
                }
                Verb::Delete => {
                    let deleted = client.delete_cost_management_budget(&scope, &name).await;
                    return deleted.map(|()| Heard::default()).map_err(words);
                }
                _ => {
                    let found = client.cost_management_budget(&scope, &name).await;
                    Vec::from_iter(found.map_err(words)?)
                }
            };
            Ok(Heard::kept(found, Writable::Budget))
        }
        Thing::DetailedReport => {
            let query = report_query(example)?;
            let customer = example
                .body()
                .and_then(|body| body.get("customerId")?.text());
            let scope = scope()?;
            let file = client.start_detailed_cost_report(&scope, &query, customer.as_deref());
            finish_file(client, file.await).await
        }
        Thing::DetailedReportResult | Thing::DetailedReportStatus => {
            let (scope, id) = (scope()?, example.required(&["operationId"])?);
            let file = match operation.thing {
                Thing::DetailedReportResult => {
                    client.detailed_cost_report_result(&scope, &id).await
                }
                _ => client.detailed_cost_report_status(&scope, &id).await,
            };
            finish_file(client, file).await
        }
        Thing::Dimension => {
            let expand = example.text("$expand").unwrap_or_default();
            let query = DimensionQuery {
                category: example.wanted("category"),
                with_values: expand.eq_ignore_ascii_case("properties/data"),
                top: example.text("$top").and_then(|top| top.parse().ok()),
                ..DimensionQuery::default()
            };
            list(client.dimensions(&scope()?, &query)).await
        }
        Thing::Export => export(client, example, verb).await,
        Thing::ExportRun => {
            let name = example.required(&["exportName"])?;
            list(client.export_runs(&scope()?, &name)).await
        }
        Thing::Forecast => {
            let definition: ForecastDefinition = body(example)?;
            match client
                .forecast(&scope()?, &definition)
                .await
                .map_err(words)?
            {
                Forecast::Rows(rows) => Ok(Heard::many(&rows)),
                Forecast::NoHistory => Ok(Heard::default()),
                other => Err(format!("{other:?}")),
            }
        }
        Thing::NameAvailability => {
            let name = example.body().and_then(|body| body.get("name")?.text());
            let name = name.ok_or("its body has no name")?;
            let scope = example.optional_scope()?;
            let found = client
                .scheduled_action_name_availability(scope.as_ref(), &name)
                .await;
            Ok(Heard::one(found.map_err(words)?))
        }
        Thing::PriceSheetFile => {
            let (invoice, period) = (
                example.text("invoiceName"),
                example.text("billingPeriodName"),
            );
            let sheet = match (&invoice, &period) {
                (Some(name), _) => PriceSheetFile::Invoice(name),
                (_, Some(name)) => PriceSheetFile::BillingPeriod(name),
                _ => PriceSheetFile::Current,
            };
            let file = client.start_price_sheet(&scope()?, &sheet).await;
            finish_file(client, file).await
        }
        Thing::Query => {
            let definition: QueryDefinition = body(example)?;
            list(client.query(&scope()?, &definition)).await
        }
        Thing::ReservationDetailsFile => {
            let (from, to) = example.days_or_all();
            let file = client.start_reservation_details(&scope()?, from, to).await;
            finish_file(client, file).await
        }
        Thing::ScheduledAction => scheduled_action(client, example, verb).await,
        Thing::View => view(client, example, verb).await,
        _ => Err("nobody calls it".to_owned()),
    }
}

async fn export(client: &Client, example: &Example, verb: Verb) -> Result<Heard, String> {
    let scope = example.scope()?;
    let name = example.text("exportName").unwrap_or_default();
    let found = match verb {
        Verb::List => all(client.exports(&scope)).await?,
        Verb::Get => vec![client.export(&scope, &name).await.map_err(words)?],
        Verb::Put => {
            let put = client.put_export(&scope, &name, &body(example)?).await;
            vec![put.map_err(words)?]
        }
        Verb::Delete => {
            let deleted = client.delete_export(&scope, &name).await;
            return deleted.map(|()| Heard::default()).map_err(words);
        }
        Verb::Do => {
            let period = example.body().and_then(|body| body.get("timePeriod"));
            let period =
                period.map(|period| serde_json::from_str::<TimePeriod>(&period.to_string()));
            let period = period.transpose().map_err(|error| error.to_string())?;
            let run = client.run_export(&scope, &name, period).await;
            return run.map(|()| Heard::default()).map_err(words);
        }
    };
    Ok(Heard::kept(found, Writable::Export))
}

async fn scheduled_action(client: &Client, example: &Example, verb: Verb) -> Result<Heard, String> {
    let scope = example.optional_scope()?;
    let scope = scope.as_ref();
    let name = example.text("name").unwrap_or_default();
    let found = match verb {
        Verb::List => {
            let view = example.wanted("viewId");
            all(client.scheduled_actions(scope, view.as_deref())).await?
        }
        Verb::Get => vec![client.scheduled_action(scope, &name).await.map_err(words)?],
        Verb::Put => {
            let put = client
                .put_scheduled_action(scope, &name, &body(example)?)
                .await;
            vec![put.map_err(words)?]
        }
        Verb::Delete => {
            let deleted = client.delete_scheduled_action(scope, &name).await;
            return deleted.map(|()| Heard::default()).map_err(words);
        }
        Verb::Do => {
            let run = client.run_scheduled_action(scope, &name).await;
            return run.map(|()| Heard::default()).map_err(words);
        }
    };
    Ok(Heard::kept(found, Writable::ScheduledAction))
}

async fn view(client: &Client, example: &Example, verb: Verb) -> Result<Heard, String> {
    let scope = example.optional_scope()?;
    let scope = scope.as_ref();
    let name = example.text("viewName").unwrap_or_default();
    let found = match verb {
        Verb::List => all(client.views(scope)).await?,
        Verb::Put => {
            let put = client.put_view(scope, &name, &body(example)?).await;
            vec![put.map_err(words)?]
        }
        Verb::Delete => {
            let deleted = client.delete_view(scope, &name).await;
            return deleted.map(|()| Heard::default()).map_err(words);
        }
        _ => vec![client.view(scope, &name).await.map_err(words)?],
    };
    Ok(Heard::kept(found, Writable::View))
}
