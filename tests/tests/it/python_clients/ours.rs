//! The same reads by our own client.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::OffsetDateTime;
use azure_cost::{
    Budget, BudgetNotification, BudgetPeriod, ChargePeriod, Client, Cloud, CostDetailsPeriod,
    CostDetailsQuery, DimensionQuery, Endpoint, EventFilter, Forecast, ForecastDefinition,
    Granularity, LotFilter, Pacing, QueryDefinition, RateCardQuery, RecommendationFilter,
    ReservationGrain, ReservationScope, TimePeriod, TransactionType, UsageAggregatesQuery,
    UsageQuery,
};
use budget_engine::{CostBasis, Money, Scope};
use futures::TryStreamExt;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use super::{Figures, Read, Served};

/// Days of October and November of which all usage is read.
const FROM: Date = date(2026, 10, 1);
const UNTIL: Date = date(2026, 11, 19);
const OCTOBER: &str = "202610";

/// Tokens of the sandbox's own sign-in.
#[derive(Debug)]
struct Tokens;

#[async_trait::async_trait]
impl TokenCredential for Tokens {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let audience = scopes[0].strip_suffix("/.default").unwrap();
        let expires = OffsetDateTime::now_utc() + Duration::from_secs(3600);
        Ok(AccessToken::new(azure_sandbox::token(audience), expires))
    }
}

fn client(served: &Served) -> Client {
    tests::install_crypto();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let endpoint = Endpoint::at(&served.base, Cloud::Public).unwrap();
    let pacing = Pacing {
        at_once: 4,
        apart: Duration::ZERO,
    };
    Client::new(http, endpoint, Some(Arc::new(Tokens))).with_pacing(pacing)
}

fn account(served: &Served) -> Scope {
    let id = &served.world.billing_account;
    Scope::parse(&format!(
        "/providers/Microsoft.Billing/billingAccounts/{id}"
    ))
    .unwrap()
}

/// The first department or billing profile.
fn parent(served: &Served, below: &str) -> Scope {
    let id = &served.world.parents()[0].id;
    Scope::parse(&format!("{}/{below}/{id}", account(served))).unwrap()
}

fn subscription(served: &Served) -> Scope {
    Scope::subscription(&served.world.subscriptions[0].id).unwrap()
}

/// Writes the documents that both are to read: budgets, and by their evaluation alerts.
pub(crate) async fn write(worlds: &[Served]) {
    let served = &worlds[0];
    let (client, scope) = (client(served), subscription(served));
    for (name, amount) in [("over", 100), ("under", 1_000_000)] {
        let period = BudgetPeriod::new(date(2026, 11, 1), Some(date(2027, 10, 31)));
        let mut budget = Budget::new(name, Decimal::from(amount), "Monthly", period);
        let mut told = BudgetNotification::new("GreaterThan", Decimal::from(80));
        told.contact_emails = vec!["owner@contoso.example".to_owned()];
        budget.notifications.insert("Actual_80".to_owned(), told);
        client.put_budget(&scope, &budget).await.unwrap();
    }
    let evaluate = format!("{}/sandbox/evaluate", served.base);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.post(evaluate).send().await.unwrap();
    assert!(answer.status().is_success());
}

/// All reads.
pub(crate) async fn read(worlds: &[Served]) -> BTreeMap<Read, Figures> {
    let mut reads = Reads::default();
    for served in worlds {
        usage(&mut reads, served).await;
        queries(&mut reads, served).await;
        invoices(&mut reads, served).await;
    }
    let [enterprise, customer, payg, partner] = worlds else {
        panic!("there are four worlds");
    };
    enterprise_accounts(&mut reads, enterprise).await;
    enterprise_reservations(&mut reads, enterprise).await;
    documents(&mut reads, enterprise).await;
    reports(&mut reads, enterprise).await;
    customer_accounts(&mut reads, customer).await;
    customer_reservations(&mut reads, customer).await;
    customer_billing(&mut reads, customer).await;
    commerce(&mut reads, payg).await;
    let lots = client(partner).lots(
        &Scope::parse(&format!(
            "{}/customers/{}",
            account(partner),
            partner.world.customers()[0].id
        ))
        .unwrap(),
        &LotFilter::default(),
    );
    let lots: Vec<_> = lots.try_collect().await.unwrap();
    let read = ("partner", "consumption.LotsOperations.list_by_customer", "");
    reads.put(
        read,
        &lots,
        &[("original", &|each| value(&each.original_amount))],
    );
    reads.0
}

#[derive(Default)]
struct Reads(BTreeMap<Read, Figures>);

/// A name and what of an item is added up under it.
type Total<'a, T> = (&'a str, &'a dyn Fn(&T) -> Decimal);

impl Reads {
    fn put<T>(&mut self, read: (&str, &str, &str), items: &[T], totals: &[Total<'_, T>]) {
        let (world, operation, case) = read;
        let key = (world.to_owned(), operation.to_owned(), case.to_owned());
        assert!(!items.is_empty(), "nothing to compare in {key:?}");
        let totals = totals.iter().map(|(name, of)| {
            let sum = items.iter().map(of).sum();
            ((*name).to_owned(), sum)
        });
        let figures = Figures {
            items: items.len(),
            totals: totals.collect(),
        };
        self.0.insert(key, figures);
    }
}

fn value(money: &Option<Money>) -> Decimal {
    money.as_ref().map_or(Decimal::ZERO, |money| money.amount)
}

fn or_zero(amount: Option<Decimal>) -> Decimal {
    amount.unwrap_or_default()
}

const BASES: [(CostBasis, &str, &str); 2] = [
    (CostBasis::Actual, "actualcost", "ActualCost"),
    (CostBasis::Amortized, "amortizedcost", "AmortizedCost"),
];

async fn usage(reads: &mut Reads, served: &Served) {
    let client = client(served);
    let scope = match served.name {
        "payg" => subscription(served),
        _ => account(served),
    };
    for (basis, case, _) in BASES {
        let query = UsageQuery::new(FROM, UNTIL, basis);
        let pages: Vec<_> = client
            .usage_details(&scope, &query)
            .try_collect()
            .await
            .unwrap();
        assert!(pages.len() > 1, "one page of {}", served.name);
        let rows: Vec<_> = pages.into_iter().flat_map(|page| page.rows).collect();
        let read = (served.name, "consumption.UsageDetailsOperations.list", case);
        reads.put(read, &rows, &[("cost", &|row| row.cost)]);
    }
    if matches!(served.name, "enterprise" | "payg") {
        let charges = client.marketplaces(&scope, FROM, UNTIL);
        let charges: Vec<_> = charges.try_collect().await.unwrap();
        let read = (served.name, "consumption.MarketplacesOperations.list", "");
        reads.put(
            read,
            &charges,
            &[
                ("cost", &|each| each.pretax_cost),
                ("quantity", &|each| or_zero(each.consumed_quantity)),
            ],
        );
    }
}

async fn queries(reads: &mut Reads, served: &Served) {
    let mut scopes = vec![(subscription(served), "subscription")];
    if served.name != "payg" {
        scopes.push((account(served), "account"));
    }
    for (scope, place) in scopes {
        for (basis, _, kind) in BASES {
            let query = QueryDefinition::costs(basis, TimePeriod::days(FROM, UNTIL))
                .daily()
                .by_dimension("ServiceName");
            // A client of its own for each: a scope may be asked for four pages a minute, and
            // ours keeps to that.
            let rows = client(served).query(&scope, &query);
            let rows: Vec<_> = rows.try_collect().await.unwrap();
            let case = format!("{place} {kind}");
            let read = (served.name, "costmanagement.QueryOperations.usage", &*case);
            reads.put(read, &rows, &[("cost", &|row| or_zero(row.cost()))]);
        }
    }
}

async fn invoices(reads: &mut Reads, served: &Served) {
    let (from, to) = (date(2026, 1, 1), date(2026, 11, 18));
    let invoices = client(served).invoices(&account(served), from, to);
    let invoices: Vec<_> = invoices.try_collect().await.unwrap();
    let operation = "billing.InvoicesOperations.list_by_billing_account";
    reads.put(
        (served.name, operation, ""),
        &invoices,
        &[
            ("total", &|each| value(&each.total_amount)),
            ("tax", &|each| value(&each.tax_amount)),
            ("due", &|each| value(&each.amount_due)),
        ],
    );
}

async fn enterprise_accounts(reads: &mut Reads, served: &Served) {
    let (client, scope) = (client(served), account(served));
    let group = &served.world.management_group;
    let group = Scope::parse(&format!(
        "/providers/Microsoft.Management/managementGroups/{group}"
    ))
    .unwrap();
    let october = Some(OCTOBER);
    for (period, of_cost, of_balance) in [
        (None, "get_by_management_group", "get_by_billing_account"),
        (
            october,
            "get_for_billing_period_by_management_group",
            "get_for_billing_period_by_billing_account",
        ),
    ] {
        let asked = period.map_or(ChargePeriod::Current, |name| {
            ChargePeriod::BillingPeriod(name.to_owned())
        });
        let cost = client.aggregated_cost(&group, &asked).await.unwrap();
        let operation = format!("consumption.AggregatedCostOperations.{of_cost}");
        reads.put(
            (served.name, &operation, ""),
            &[cost],
            &[
                ("azure", &|each| each.azure_charges),
                ("marketplace", &|each| each.marketplace_charges),
            ],
        );
        let balance = client.balance(&scope, period).await.unwrap().unwrap();
        let operation = format!("consumption.BalancesOperations.{of_balance}");
        reads.put(
            (served.name, &operation, ""),
            &[balance],
            &[
                ("beginning", &|each| each.beginning_balance),
                ("ending", &|each| each.ending_balance),
                ("usage", &|each| each.total_usage),
                ("marketplace", &|each| {
                    each.azure_marketplace_service_charges
                }),
            ],
        );
        let of_sheet = match period {
            None => "get",
            Some(_) => "get_by_billing_period",
        };
        let prices = client.price_sheet(&subscription(served), period);
        let prices: Vec<_> = prices.try_collect().await.unwrap();
        let operation = format!("consumption.PriceSheetOperations.{of_sheet}");
        reads.put(
            (served.name, &operation, ""),
            &prices,
            &[
                ("price", &|each| each.unit_price),
                ("included", &|each| or_zero(each.included_quantity)),
            ],
        );
    }
    charges(reads, served, "departments", "department").await;
    let tags: Vec<_> = (client.tags(&subscription(served)).try_collect().await).unwrap();
    reads.put(
        (served.name, "consumption.TagsOperations.get", ""),
        &tags,
        &[],
    );
}

async fn charges(reads: &mut Reads, served: &Served, below: &str, case: &str) {
    let period = ChargePeriod::Days(date(2026, 9, 1), date(2026, 11, 1));
    let charges = client(served).charges(&parent(served, below), &period, None);
    let charges: Vec<_> = charges.try_collect().await.unwrap();
    reads.put(
        (served.name, "consumption.ChargesOperations.list", case),
        &charges,
        &[
            ("azure", &|each| each.azure_charges),
            ("marketplace", &|each| each.marketplace_charges),
        ],
    );
}

async fn reservations(reads: &mut Reads, served: &Served, scope: ReservationScope, tail: &str) {
    let client = client(served);
    let days = (date(2026, 10, 1), date(2026, 11, 1));
    let details = client.reservation_details(&scope, days.0, days.1);
    let details: Vec<_> = details.try_collect().await.unwrap();
    let operation = format!("consumption.ReservationsDetailsOperations.{tail}");
    reads.put(
        (served.name, &operation, ""),
        &details,
        &[
            ("reserved", &|each| or_zero(each.reserved_hours)),
            ("used", &|each| or_zero(each.used_hours)),
        ],
    );
    let operation = format!("consumption.ReservationsSummariesOperations.{tail}");
    for (grain, case) in [
        (ReservationGrain::Daily, "daily"),
        (ReservationGrain::Monthly, "monthly"),
    ] {
        let summaries = client.reservation_summaries(&scope, grain, days.0, days.1);
        let summaries: Vec<_> = summaries.try_collect().await.unwrap();
        reads.put(
            (served.name, &operation, case),
            &summaries,
            &[
                ("reserved", &|each| or_zero(each.reserved_hours)),
                ("used", &|each| or_zero(each.used_hours)),
            ],
        );
    }
}

async fn transactions_and_advice(
    reads: &mut Reads,
    served: &Served,
    scope: &Scope,
    (listed, kind): (&str, &str),
) {
    let client = client(served);
    let transactions =
        client.reservation_transactions(scope, date(2025, 12, 1), date(2026, 11, 19));
    let transactions: Vec<_> = transactions.try_collect().await.unwrap();
    let operation = format!("consumption.ReservationTransactionsOperations.{listed}");
    reads.put(
        (served.name, &operation, ""),
        &transactions,
        &[
            ("amount", &|each| each.amount),
            ("quantity", &|each| or_zero(each.quantity)),
        ],
    );
    let wanted = RecommendationFilter::default();
    let advice = client.reservation_recommendations(scope, &wanted);
    let advice: Vec<_> = advice.try_collect().await.unwrap();
    let operation = "consumption.ReservationRecommendationsOperations.list";
    reads.put(
        (served.name, operation, kind),
        &advice,
        &[
            ("quantity", &|each| or_zero(each.recommended_quantity)),
            ("savings", &|each| or_zero(each.net_savings)),
        ],
    );
}

async fn enterprise_reservations(reads: &mut Reads, served: &Served) {
    let first = &served.world.reservations[0];
    let (order, reservation) = (first.order.clone(), first.id.clone());
    let own = "list_by_reservation_order_and_reservation";
    for (scope, tail) in [
        (ReservationScope::Billing(account(served)), "list"),
        (
            ReservationScope::Order(order.clone()),
            "list_by_reservation_order",
        ),
        (ReservationScope::Reservation { order, reservation }, own),
    ] {
        reservations(reads, served, scope, tail).await;
    }
    let scope = account(served);
    transactions_and_advice(reads, served, &scope, ("list", "legacy")).await;
}

async fn customer_reservations(reads: &mut Reads, served: &Served) {
    let profile = parent(served, "billingProfiles");
    let scope = ReservationScope::Billing(profile.clone());
    reservations(reads, served, scope, "list").await;
    let kind = ("list_by_billing_profile", "modern");
    transactions_and_advice(reads, served, &profile, kind).await;
}

async fn documents(reads: &mut Reads, served: &Served) {
    let (client, scope) = (client(served), subscription(served));
    let budgets: Vec<_> = client.budgets(&scope).try_collect().await.unwrap();
    for package in ["consumption", "costmanagement"] {
        let operation = format!("{package}.BudgetsOperations.list");
        reads.put(
            (served.name, &operation, ""),
            &budgets,
            &[
                ("amount", &|each| or_zero(each.amount)),
                ("spent", &|each| {
                    let spent = each.current_spend.as_ref();
                    spent.map_or(Decimal::ZERO, |spent| spent.amount)
                }),
            ],
        );
    }
    let alerts: Vec<_> = client.alerts(&scope).try_collect().await.unwrap();
    let spent = |each: &azure_cost::CostAlert| {
        let details = each.details.as_ref();
        or_zero(details.and_then(|details| details.current_spend))
    };
    let read = (served.name, "costmanagement.AlertsOperations.list", "");
    reads.put(read, &alerts, &[("spent", &spent)]);
    let query = DimensionQuery {
        from: Some(date(2026, 10, 1)),
        to: Some(date(2026, 11, 1)),
        with_values: true,
        ..DimensionQuery::default()
    };
    let dimensions: Vec<_> = client
        .dimensions(&scope, &query)
        .try_collect()
        .await
        .unwrap();
    let read = (served.name, "costmanagement.DimensionsOperations.list", "");
    reads.put(
        read,
        &dimensions,
        &[("values", &|each| Decimal::from(each.total.unwrap_or(0)))],
    );
    let november = TimePeriod::days(date(2026, 11, 1), date(2026, 12, 1));
    let query = QueryDefinition::costs(CostBasis::Actual, november).daily();
    let mut forecast = ForecastDefinition::new(query);
    forecast.include_fresh_partial_cost = false;
    let Forecast::Rows(rows) = client.forecast(&scope, &forecast).await.unwrap() else {
        panic!("there is a forecast");
    };
    let read = (served.name, "costmanagement.ForecastOperations.usage", "");
    reads.put(read, &rows, &[("cost", &|row| or_zero(row.cost()))]);
}

async fn reports(reads: &mut Reads, served: &Served) {
    for (basis, _, kind) in BASES {
        let query = CostDetailsQuery {
            metric: basis,
            period: CostDetailsPeriod::Days(date(2026, 10, 1), date(2026, 10, 31)),
        };
        let report = client(served).cost_details(&account(served), &query).await;
        let report = report.unwrap();
        let operation = "costmanagement.GenerateCostDetailsReportOperations.begin_create_operation";
        let bytes = |all: &azure_cost::CostDetailsReport| {
            let bytes = all.files.iter().map(|file| file.bytes.unwrap());
            Decimal::from(bytes.sum::<u64>())
        };
        reads.put(
            (served.name, operation, kind),
            &[report],
            &[
                ("bytes", &bytes),
                ("files", &|all| Decimal::from(all.files.len())),
            ],
        );
    }
}

async fn customer_accounts(reads: &mut Reads, served: &Served) {
    charges(reads, served, "billingProfiles", "billing profile").await;
    let (client, scope) = (client(served), account(served));
    let profile = parent(served, "billingProfiles");
    let summary = client.credit_summary(&profile).await.unwrap().unwrap();
    reads.put(
        (served.name, "consumption.CreditsOperations.get", ""),
        &[summary],
        &[
            ("estimated", &|each| value(&each.estimated_balance)),
            ("current", &|each| value(&each.current_balance)),
        ],
    );
    let commitments = LotFilter {
        status: Some("active".to_owned()),
        source: Some("consumptioncommitment".to_owned()),
    };
    for (scope, wanted, tail) in [
        (&profile, LotFilter::default(), "list_by_billing_profile"),
        (&scope, commitments, "list_by_billing_account"),
    ] {
        let lots: Vec<_> = client.lots(scope, &wanted).try_collect().await.unwrap();
        let operation = format!("consumption.LotsOperations.{tail}");
        reads.put(
            (served.name, &operation, ""),
            &lots,
            &[
                ("original", &|each| value(&each.original_amount)),
                ("closed", &|each| value(&each.closed_balance)),
            ],
        );
    }
    let events = client.credit_events(&profile, date(2025, 12, 1), date(2026, 12, 1));
    let own: Vec<_> = events.try_collect().await.unwrap();
    let lots = client.lots(&scope, &LotFilter::default());
    let lots: Vec<_> = lots.try_collect().await.unwrap();
    let wanted = EventFilter {
        lot_id: lots.first().map(|lot| lot.name.clone()),
        lot_source: Some("consumptioncommitment".to_owned()),
    };
    let events = client.commitment_events(&scope, &wanted);
    let committed: Vec<_> = events.try_collect().await.unwrap();
    for (events, tail) in [
        (own, "list_by_billing_profile"),
        (committed, "list_by_billing_account"),
    ] {
        let operation = format!("consumption.EventsOperations.{tail}");
        reads.put(
            (served.name, &operation, ""),
            &events,
            &[
                ("closed", &|each| value(&each.closed_balance)),
                ("charges", &|each| value(&each.charges)),
            ],
        );
    }
}

async fn customer_billing(reads: &mut Reads, served: &Served) {
    let client = client(served);
    let profile = parent(served, "billingProfiles");
    let (from, to) = (date(2026, 1, 1), date(2026, 11, 18));
    let invoices: Vec<_> = client
        .invoices(&profile, from, to)
        .try_collect()
        .await
        .unwrap();
    let operation = "billing.InvoicesOperations.list_by_billing_profile";
    reads.put(
        (served.name, operation, ""),
        &invoices,
        &[
            ("total", &|each| value(&each.total_amount)),
            ("tax", &|each| value(&each.tax_amount)),
        ],
    );
    let of_invoice = client.invoice_transactions(&account(served), &invoices[0].name);
    let of_invoice: Vec<_> = of_invoice.try_collect().await.unwrap();
    let mut all = vec![(of_invoice, "list_by_invoice", "")];
    for (which, case) in [
        (TransactionType::Billed, "Billed"),
        (TransactionType::Unbilled, "Unbilled"),
    ] {
        let listed = client.billing_transactions(&profile, from, to, which);
        let listed: Vec<_> = listed.try_collect().await.unwrap();
        all.push((listed, "list_by_billing_profile", case));
    }
    for (transactions, tail, case) in all {
        let operation = format!("billing.TransactionsOperations.{tail}");
        reads.put(
            (served.name, &operation, case),
            &transactions,
            &[
                ("amount", &|each| value(&each.transaction_amount)),
                ("tax", &|each| value(&each.tax)),
            ],
        );
    }
    let available = client.available_balance(&profile).await.unwrap().unwrap();
    let operation = "billing.AvailableBalancesOperations.get_by_billing_profile";
    reads.put(
        (served.name, operation, ""),
        &[available],
        &[("amount", &|each| each.amount.amount)],
    );
    let profiles: Vec<_> = (client
        .billing_profiles(&account(served))
        .try_collect()
        .await)
        .unwrap();
    let operation = "billing.BillingProfilesOperations.list_by_billing_account";
    reads.put((served.name, operation, ""), &profiles, &[]);
}

async fn commerce(reads: &mut Reads, served: &Served) {
    let (client, scope) = (client(served), subscription(served));
    let from = "2026-10-20T00:00:00Z".parse().unwrap();
    let until = "2026-11-10T00:00:00Z".parse().unwrap();
    let soon = "2026-10-22T00:00:00Z".parse().unwrap();
    for (to, granularity, show_details, case) in [
        (until, Granularity::Daily, true, "daily with details"),
        (until, Granularity::Daily, false, "daily without details"),
        (soon, Granularity::Hourly, true, "hourly"),
    ] {
        let query = UsageAggregatesQuery {
            from,
            to,
            granularity,
            show_details,
        };
        let pages: Vec<_> = client
            .usage_aggregates(&scope, &query)
            .try_collect()
            .await
            .unwrap();
        let rows: Vec<_> = pages.into_iter().flat_map(|page| page.rows).collect();
        let operation = "commerce.UsageAggregatesOperations.list";
        reads.put(
            (served.name, operation, case),
            &rows,
            &[("quantity", &|row| row.quantity)],
        );
    }
    let query = RateCardQuery {
        offer: "MS-AZR-0003P".to_owned(),
        currency: "USD".parse().unwrap(),
        locale: "en-US".to_owned(),
        region: "US".to_owned(),
    };
    let card = client.rate_card(&scope, &query).await.unwrap();
    reads.put(
        (served.name, "commerce.RateCardOperations.get", ""),
        card.meters(),
        &[
            ("included", &|meter| meter.rates.included()),
            ("rate", &|meter| meter.rates.rates()[0].1),
        ],
    );
}
