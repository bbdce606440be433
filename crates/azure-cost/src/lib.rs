//! Typed client of Azure's billing and cost APIs.
//!
//! It signs in, paces and repeats requests, follows pages and turns answers into the engine's
//! types. It decides nothing about budgets, keeps no state and reads neither the environment nor
//! a file: the HTTP client, the endpoint and the credential are given to it. Wire types stay
//! inside.
//!
//! Every remote operation is a method of [`Client`] in a module of its own; retry, paging and
//! error bodies are written once below them.
//!
//! ```no_run
//! use azure_cost::{Client, Cloud, Endpoint, UsageFold, UsageQuery};
//! use budget_engine::{CostBasis, FactsBuilder, Projection, Scope};
//! use futures::{StreamExt, pin_mut};
//! use jiff::{Timestamp, civil::date};
//! # async fn read(http: reqwest::Client) -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(http, Endpoint::of(Cloud::Public), None);
//! let scope = Scope::parse("/subscriptions/1f2e")?;
//! let november = UsageQuery::new(date(2026, 11, 1), date(2026, 12, 1), CostBasis::Actual);
//!
//! let mut facts = FactsBuilder::new(Projection::default());
//! let mut fold = UsageFold::new(&scope, CostBasis::Actual);
//! let pages = client.usage_details(&scope, &november);
//! pin_mut!(pages);
//! while let Some(page) = pages.next().await {
//!     fold.add(&page?.rows, &mut facts)?;
//! }
//! let facts = facts.finish(Timestamp::now());
//! # drop(facts);
//! # Ok(())
//! # }
//! ```

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a panic is how a test reports")
)]
mod access;
mod billing;
mod budget;
mod client;
mod cloud;
mod commerce;
mod consumption;
mod cost_management;
pub mod credentials;
mod download;
mod enterprise_reporting;
mod error;
mod fields;
mod fold;
mod kept;
mod long_running;
mod measures;
mod paging;
mod parameters;
mod quotas;
mod request;
mod resources;
mod retail_prices;
mod retry;
mod subscriptions;
mod transport;
mod waits;
mod wire;

pub use access::{ActionGroup, EmailReceiver, RoleAssignment};
pub use billing::accounts::{
    AgreementType, BillingAccount, BillingProfile, Enrollment, SpendingLimit,
};
pub use billing::downloads::{DocumentName, InvoiceDownload, InvoiceFile};
pub use billing::invoices::{
    FailedPayment, Invoice, InvoiceDocument, InvoicePayment, Rebill, Refund,
};
pub use billing::older::{BillingPeriod, OwnedEnrollmentAccount, SubscriptionInvoice};
pub use billing::transactions::{AvailableBalance, PaymentOnAccount, Transaction, TransactionType};
pub use budget::{
    Budget, BudgetComparison, BudgetCondition, BudgetFilter, BudgetNotification, BudgetPeriod,
    BudgetSpend,
};
pub use client::{Client, Limits};
pub use cloud::{Cloud, Endpoint, EndpointError, UnknownCloud};
pub use commerce::pricing::{MeterRates, PriceError};
pub use commerce::rate_card::{Meter, OfferTerm, RateCard, RateCardQuery};
pub use commerce::usage_aggregates::{
    Granularity, UsageAggregate, UsageAggregatesPage, UsageAggregatesQuery, UsageInstance,
};
pub use consumption::ChargePeriod;
pub use consumption::aggregated_cost::AggregatedCost;
pub use consumption::balances::{Balance, NamedAmount};
pub use consumption::charges::ChargeSummary;
pub use consumption::credits::{
    ConvertedAmount, CreditSummary, EventFilter, EventSummary, LotFilter, LotSummary, Reseller,
};
pub use consumption::marketplaces::{MarketplaceCharge, MarketplaceQuery};
pub use consumption::price_sheets::{PriceSheetMeter, PriceSheetPrice, SavingsPlanPrice};
pub use consumption::reservation_recommendations::{
    CalculatedSavings, RecommendationDetails, RecommendationDetailsQuery, RecommendationFilter,
    RecommendationUsage, ReservationRecommendation,
};
pub use consumption::reservation_transactions::ReservationTransaction;
pub use consumption::reservations::{
    ReservationDetail, ReservationGrain, ReservationScope, ReservationSummary,
};
pub use consumption::tags::TagValues;
pub use consumption::usage_details::{SkippedItem, UsageKind, UsagePage, UsageQuery, UsageRow};
pub use cost_management::alerts::{AlertDetails, CostAlert};
pub use cost_management::cost_details::{
    CostDetails, CostDetailsPeriod, CostDetailsQuery, CostDetailsReport, ReportFile,
};
pub use cost_management::definition::{
    ForecastDefinition, QueryAggregation, QueryComparison, QueryConfiguration, QueryDataset,
    QueryDefinition, QueryFilter, QueryGrouping, QuerySorting, TimePeriod,
};
pub use cost_management::dimensions::{DimensionQuery, DimensionValues};
pub use cost_management::export::{
    Export, ExportConfiguration, ExportDataset, ExportDefinition, ExportDelivery,
    ExportDestination, ExportFilter, ExportIdentity, ExportProperties, ExportRun, ExportSchedule,
    RecurrencePeriod,
};
pub use cost_management::forecast::Forecast;
pub use cost_management::prepared::{PreparedFile, PriceSheetFile};
pub use cost_management::query::{QueryColumn, QueryRow, QueryValue};
pub use cost_management::scheduled_actions::{
    ActionNotification, ActionSchedule, FileDestination, NameAvailability, ScheduledAction,
    ScheduledActionProperties,
};
pub use cost_management::views::{CostView, CostViewKpi, CostViewProperties};
pub use download::SignedLink;
pub use enterprise_reporting::{
    EnterpriseBalance, EnterpriseBillingPeriod, EnterpriseKey, EnterpriseMarketplaceCharge,
    EnterprisePeriod, EnterprisePrice, EnterpriseReporting, EnterpriseReservationCharge,
    EnterpriseReservationRecommendation, EnterpriseReservationSummary, EnterpriseReservationUsage,
    EnterpriseUsagePage, EnterpriseUsageRow, LookBack, RecommendationScope,
};
pub use error::Error;
pub use fold::{FoldError, UsageFold};
pub use kept::{AnswerStore, KeptAnswer, MemoryAnswers};
pub use long_running::Pending;
pub use paging::Resume;
pub use quotas::Quotas;
pub use resources::ResourceRequest;
pub use retail_prices::{
    RetailField, RetailFilter, RetailPrice, RetailPrices, RetailQuery, RetailSavingsPlanPrice,
};
pub use retry::{Pacing, Retry};
pub use subscriptions::SubscriptionInfo;
pub use waits::{TellWait, Wait, Waits};
