//! Every operation of the client once, against the world that has something for it to read.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use azure_cost::*;
use azure_sandbox::{Scenario, World};
use budget_engine::{CostBasis, Scope};
use futures::{Stream, TryStreamExt};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use crate::sandbox::SandboxTokens;
use crate::support::client_with;

/// How many things an operation gave.
pub(crate) type Outcome = Result<usize, Error>;

/// A world that is served somewhere.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) base: String,
    pub(crate) client: Client,
    pub(crate) world: Arc<World>,
}

/// An operation and the scenario in which it has an answer.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) scenario: &'static str,
    pub(crate) call: fn(Place) -> Pin<Box<dyn Future<Output = Outcome> + Send>>,
}

pub(crate) const SCENARIOS: [&str; 3] = ["enterprise", "customer", "pay-as-you-go"];

pub(crate) fn world(scenario: &str) -> World {
    Scenario::named(scenario).unwrap().world
}

const FROM: Date = date(2026, 10, 1);
const TO: Date = date(2026, 11, 1);
const NAME: &str = "made-by-a-test";

impl Place {
    pub(crate) fn new(base: &str, world: World) -> Place {
        let client = client_with(base, Arc::new(SandboxTokens));
        Place {
            base: base.to_owned(),
            client,
            world: Arc::new(world),
        }
    }

    fn subscription(&self) -> Scope {
        Scope::subscription(&self.world.subscriptions[0].id).unwrap()
    }

    fn account(&self) -> Scope {
        scope(&format!(
            "/providers/Microsoft.Billing/billingAccounts/{}",
            self.world.billing_account
        ))
    }

    fn profile(&self) -> Scope {
        let profile = &self.world.parents()[0].id;
        scope(&format!("{}/billingProfiles/{profile}", self.account()))
    }

    fn department(&self) -> Scope {
        let department = &self.world.parents()[0].id;
        scope(&format!("{}/departments/{department}", self.account()))
    }

    fn management_group(&self) -> Scope {
        scope(&format!(
            "/providers/Microsoft.Management/managementGroups/{}",
            self.world.management_group
        ))
    }

    fn order(&self) -> ReservationScope {
        ReservationScope::Order(self.world.reservations[0].order.clone())
    }

    fn http(&self) -> reqwest::Client {
        reqwest::Client::builder().no_proxy().build().unwrap()
    }

    fn retail(&self) -> RetailPrices {
        let prices = RetailPrices::at(self.http(), &self.base).unwrap();
        prices.with_retry(quick()).with_pacing(at_once())
    }

    fn enterprise(&self) -> EnterpriseReporting {
        let key = EnterpriseKey::new("sandbox-key");
        let account = &self.world.billing_account;
        let reporting = EnterpriseReporting::at(self.http(), &self.base, account, key).unwrap();
        reporting.with_retry(quick()).with_pacing(at_once())
    }
}

fn quick() -> Retry {
    Retry {
        tries: 3,
        total: Duration::from_secs(5),
        first_wait: Duration::ZERO,
        timeout: Duration::from_secs(10),
    }
}

fn at_once() -> Pacing {
    Pacing {
        at_once: 4,
        apart: Duration::ZERO,
    }
}

fn scope(path: &str) -> Scope {
    Scope::parse(path).unwrap()
}

async fn all<T>(stream: impl Stream<Item = Result<T, Error>>) -> Outcome {
    stream.try_fold(0, async |count, _| Ok(count + 1)).await
}

fn one<T>(found: Result<T, Error>) -> Outcome {
    found.map(|_| 1)
}

fn perhaps<T>(found: Result<Option<T>, Error>) -> Outcome {
    found.map(|found| usize::from(found.is_some()))
}

/// Asks a few times for a file that is being prepared, and reads it.
async fn file(client: &Client, started: Result<PreparedFile, Error>) -> Outcome {
    let mut state = started?;
    for _ in 0..5 {
        match state {
            PreparedFile::Ready(file) => return bytes(client, &file.link).await,
            PreparedFile::Pending(pending) => state = client.prepared_file(&pending).await?,
            _ => return Ok(0),
        }
    }
    Ok(0)
}

async fn bytes(client: &Client, link: &SignedLink) -> Outcome {
    let bytes = client.download(link);
    let count = bytes.try_fold(0, async |count, piece| Ok(count + piece.len()));
    count.await
}

fn november() -> QueryDefinition {
    let period = TimePeriod::days(date(2026, 11, 1), date(2026, 11, 18));
    QueryDefinition::costs(CostBasis::Actual, period).daily()
}

fn budget() -> Budget {
    let period = BudgetPeriod::new(date(2026, 11, 1), Some(date(2027, 10, 31)));
    let mut budget = Budget::new(NAME, Decimal::from(5000), "Monthly", period);
    let mut notification = BudgetNotification::new("GreaterThan", Decimal::from(80));
    notification.contact_emails = vec!["costs@contoso.example".to_owned()];
    let key = "Actual_80".to_owned();
    budget.notifications.insert(key, notification);
    budget
}

fn anomaly(place: &Place) -> ScheduledAction {
    let notification = ActionNotification {
        to: vec!["costs@contoso.example".to_owned()],
        subject: "Something costs more".to_owned(),
        ..ActionNotification::default()
    };
    let moment = |text: &str| text.parse::<Timestamp>().unwrap();
    ScheduledAction::anomaly_alert(
        &place.subscription(),
        "Daily anomalies",
        notification,
        moment("2026-11-18T00:00:00Z"),
        moment("2027-11-17T00:00:00Z"),
    )
}

fn last_month() -> ChargePeriod {
    ChargePeriod::Days(FROM, TO)
}

macro_rules! operations {
    ($($name:literal in $scenario:literal: |$place:ident| $body:expr;)*) => {
        pub(crate) const OPERATIONS: &[Operation] = &[$(Operation {
            name: $name,
            scenario: $scenario,
            call: |$place| Box::pin(async move { $body }),
        }),*];
    };
}

// Writing comes before the reading of what was written.
operations! {
    "usage details, legacy" in "enterprise": |p| all(p.client.usage_details(
        &p.account(), &UsageQuery::new(date(2026, 11, 10), date(2026, 11, 18), CostBasis::Actual))).await;
    "usage details, modern" in "customer": |p| all(p.client.usage_details(
        &p.profile(), &UsageQuery::new(date(2026, 11, 10), date(2026, 11, 18), CostBasis::Amortized))).await;
    "marketplaces" in "enterprise": |p| all(p.client.marketplaces(&p.account(), FROM, TO)).await;
    "balance" in "enterprise": |p| perhaps(p.client.balance(&p.account(), Some("202610")).await);
    "put a budget" in "pay-as-you-go": |p| one(p.client.put_budget(&p.subscription(), &budget()).await);
    "budgets" in "pay-as-you-go": |p| all(p.client.budgets(&p.subscription())).await;
    "budget" in "pay-as-you-go": |p| perhaps(p.client.budget(&p.subscription(), NAME).await);
    "budgets at Cost Management" in "pay-as-you-go": |p| all(
        p.client.cost_management_budgets(&p.subscription(), Some("Cost"))).await;
    "budget at Cost Management" in "pay-as-you-go": |p| perhaps(
        p.client.cost_management_budget(&p.subscription(), NAME).await);
    "delete a budget" in "pay-as-you-go": |p| one(p.client.delete_budget(&p.subscription(), NAME).await);
    "price sheet" in "enterprise": |p| all(p.client.price_sheet(&p.subscription(), None)).await;
    "price sheet of Consumption as a file" in "enterprise": |p| file(&p.client,
        p.client.start_consumption_price_sheet(&p.account(), "202610").await).await;
    "price sheet as a file, Enterprise" in "enterprise": |p| file(&p.client,
        p.client.start_price_sheet(&p.account(), &PriceSheetFile::BillingPeriod("202610")).await).await;
    "price sheet as a file, Customer" in "customer": |p| file(&p.client,
        p.client.start_price_sheet(&p.profile(), &PriceSheetFile::Current).await).await;
    "reservation recommendations, legacy" in "enterprise": |p| all(
        p.client.reservation_recommendations(&p.subscription(), &RecommendationFilter::default())).await;
    "reservation recommendations, modern" in "customer": |p| all(
        p.client.reservation_recommendations(&p.profile(), &RecommendationFilter::default())).await;
    "reservation summaries, daily" in "enterprise": |p| all(
        p.client.reservation_summaries(&p.order(), ReservationGrain::Daily, FROM, TO)).await;
    "reservation summaries, monthly" in "enterprise": |p| all(p.client.reservation_summaries(
        &ReservationScope::Billing(p.account()), ReservationGrain::Monthly, FROM, TO)).await;
    "reservation details" in "customer": |p| all(
        p.client.reservation_details(&ReservationScope::Billing(p.profile()), FROM, TO)).await;
    "reservation details as a file" in "enterprise": |p| file(&p.client,
        p.client.start_reservation_details(&p.account(), FROM, TO).await).await;
    "reservation transactions, legacy" in "enterprise": |p| all(
        p.client.reservation_transactions(&p.account(), date(2026, 1, 1), TO)).await;
    "reservation transactions, modern" in "customer": |p| all(
        p.client.reservation_transactions(&p.profile(), date(2026, 1, 1), TO)).await;
    "charges, legacy" in "enterprise": |p| all(p.client.charges(&p.department(), &last_month(), None)).await;
    "charges, modern" in "customer": |p| all(p.client.charges(&p.profile(), &last_month(), None)).await;
    "aggregated cost" in "enterprise": |p| one(
        p.client.aggregated_cost(&p.management_group(), &last_month()).await);
    "tags" in "enterprise": |p| all(p.client.tags(&p.subscription())).await;
    "lots" in "customer": |p| all(p.client.lots(&p.profile(), &LotFilter::default())).await;
    "credit events" in "customer": |p| all(p.client.credit_events(&p.profile(), date(2025, 12, 1), TO)).await;
    "commitment events" in "customer": |p| all(
        p.client.commitment_events(&p.account(), &EventFilter::default())).await;
    "credit summary" in "customer": |p| perhaps(p.client.credit_summary(&p.profile()).await);
    "query" in "enterprise": |p| all(p.client.query(&p.account(), &november())).await;
    "forecast" in "enterprise": |p| {
        let period = TimePeriod::days(date(2026, 11, 18), date(2026, 12, 1));
        let query = QueryDefinition::costs(CostBasis::Actual, period).daily();
        match p.client.forecast(&p.subscription(), &ForecastDefinition::new(query)).await? {
            Forecast::Rows(rows) => Ok(rows.len()),
            _ => Ok(0),
        }
    };
    "dimensions" in "customer": |p| all(
        p.client.dimensions(&p.subscription(), &DimensionQuery::default())).await;
    "alerts" in "enterprise": |p| {
        let mut small = budget();
        small.amount = Some(Decimal::ONE);
        p.client.put_budget(&p.subscription(), &small).await?;
        // Azure raises alerts when it evaluates its budgets; here it is told to.
        let evaluate = format!("{}/sandbox/evaluate", p.base);
        let _ = p.http().post(evaluate).send().await;
        all(p.client.alerts(&p.subscription())).await
    };
    "put a scheduled action" in "enterprise": |p| one(
        p.client.put_scheduled_action(Some(&p.subscription()), NAME, &anomaly(&p)).await);
    "scheduled actions" in "enterprise": |p| all(
        p.client.scheduled_actions(Some(&p.subscription()), None)).await;
    "scheduled action" in "enterprise": |p| one(
        p.client.scheduled_action(Some(&p.subscription()), NAME).await);
    "run a scheduled action" in "enterprise": |p| one(
        p.client.run_scheduled_action(Some(&p.subscription()), NAME).await);
    "delete a scheduled action" in "enterprise": |p| one(
        p.client.delete_scheduled_action(Some(&p.subscription()), NAME).await);
    "exports" in "customer": |p| all(p.client.exports(&p.subscription())).await.map(|count| count + 1);
    "views" in "customer": |p| all(p.client.views(Some(&p.subscription()))).await.map(|count| count + 1);
    "cost details" in "enterprise": |p| {
        let query = CostDetailsQuery {
            metric: CostBasis::Actual,
            period: CostDetailsPeriod::Days(date(2026, 11, 1), date(2026, 11, 10)),
        };
        let mut state = p.client.start_cost_details(&p.subscription(), &query).await?;
        for _ in 0..5 {
            match state {
                CostDetails::Ready(report) => {
                    let mut count = 0;
                    for file in report.files {
                        count += bytes(&p.client, &file.link).await?;
                    }
                    return Ok(count);
                }
                CostDetails::Pending(pending) => {
                    state = p.client.cost_details_again(&p.subscription(), &pending).await?;
                }
            }
        }
        Ok(0)
    };
    "detailed cost report" in "enterprise": |p| {
        let query = CostDetailsQuery {
            metric: CostBasis::Actual,
            period: CostDetailsPeriod::Days(date(2026, 11, 1), date(2026, 11, 10)),
        };
        file(&p.client, p.client.start_detailed_cost_report(&p.subscription(), &query, None).await).await
    };
    "billing accounts" in "customer": |p| all(p.client.billing_accounts()).await;
    "billing account" in "enterprise": |p| one(p.client.billing_account(&p.account()).await);
    "billing profiles" in "customer": |p| all(p.client.billing_profiles(&p.account())).await;
    "invoices of an account" in "enterprise": |p| all(
        p.client.invoices(&p.account(), date(2026, 8, 1), TO)).await;
    "invoices of a profile" in "customer": |p| all(
        p.client.invoices(&p.profile(), date(2026, 8, 1), TO)).await;
    "an invoice and its document" in "customer": |p| {
        let invoices = p.client.invoices(&p.profile(), date(2026, 8, 1), TO);
        let invoices: Vec<Invoice> = invoices.try_collect().await?;
        let Some(invoice) = invoices.first() else { return Ok(0) };
        p.client.invoice(&p.account(), &invoice.name).await?;
        let document = InvoiceFile::Document { invoice: invoice.name.clone(), document: None };
        let mut state = p.client.start_invoice_download(&p.account(), &document).await?;
        for _ in 0..5 {
            match state {
                InvoiceDownload::Ready(link) => return bytes(&p.client, &link).await,
                InvoiceDownload::Pending(pending) => {
                    state = p.client.invoice_download_again(&pending).await?;
                }
            }
        }
        Ok(0)
    };
    "billing transactions" in "customer": |p| all(
        p.client.billing_transactions(&p.profile(), FROM, TO, TransactionType::Billed)).await;
    "available balance" in "customer": |p| perhaps(p.client.available_balance(&p.profile()).await);
    "billing periods" in "pay-as-you-go": |p| all(p.client.billing_periods(&p.subscription(), None)).await;
    "billing period" in "pay-as-you-go": |p| one(p.client.billing_period(&p.subscription(), "202610").await);
    "subscription invoices" in "pay-as-you-go": |p| all(
        p.client.subscription_invoices(&p.subscription(), None)).await;
    "latest subscription invoice" in "pay-as-you-go": |p| one(
        p.client.latest_subscription_invoice(&p.subscription()).await);
    "enrollment accounts" in "enterprise": |p| all(p.client.enrollment_accounts()).await;
    "usage aggregates" in "pay-as-you-go": |p| {
        let query = UsageAggregatesQuery {
            from: "2026-11-01T00:00:00Z".parse().unwrap(),
            to: "2026-11-08T00:00:00Z".parse().unwrap(),
            granularity: Granularity::Daily,
            show_details: true,
        };
        let pages = p.client.usage_aggregates(&p.subscription(), &query);
        pages.try_fold(0, async |count, page| Ok(count + page.rows.len())).await
    };
    "rate card" in "pay-as-you-go": |p| {
        let query = RateCardQuery {
            offer: "MS-AZR-0003P".to_owned(),
            currency: p.world.currency.parse().unwrap(),
            locale: "en-US".to_owned(),
            region: "US".to_owned(),
        };
        let card = p.client.rate_card(&p.subscription(), &query).await?;
        Ok(card.meters().len())
    };
    "retail prices" in "pay-as-you-go": |p| all(p.retail().prices(
        &RetailQuery::new(RetailFilter::is(RetailField::ArmRegionName, "westeurope")))).await;
    "enterprise balance summary" in "enterprise": |p| one(
        p.enterprise().balance_summary(Some("202610")).await);
    "enterprise usage" in "enterprise": |p| all(p.enterprise().usage_details(
        &EnterprisePeriod::Days(date(2026, 11, 10), date(2026, 11, 18)))).await;
    "enterprise marketplace charges" in "enterprise": |p| all(
        p.enterprise().marketplace_charges(&EnterprisePeriod::Billing("202610".to_owned()))).await;
    "enterprise price sheet" in "enterprise": |p| all(p.enterprise().price_sheet("202610")).await;
    "enterprise billing periods" in "enterprise": |p| all(p.enterprise().billing_periods()).await;
    "enterprise reservation details" in "enterprise": |p| all(
        p.enterprise().reservation_details(FROM, TO)).await;
    "enterprise reservation summaries" in "enterprise": |p| all(
        p.enterprise().reservation_summaries(FROM, TO)).await;
    "enterprise reservation charges" in "enterprise": |p| all(
        p.enterprise().reservation_charges(date(2026, 1, 1), TO)).await;
    "enterprise recommendations" in "enterprise": |p| all(p.enterprise().reservation_recommendations(
        RecommendationScope::Shared, LookBack::Days7)).await;
}
