//! Views: what the cost analysis of the portal shows, and what scheduled mails are about.

use budget_engine::{Scope, ScopeKind};
use futures::Stream;
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

use super::definition::{QueryDataset, QueryDefinition, QueryGrouping, TimePeriod};
use super::{API_VERSION, of, prefix};
use crate::client::{Client, part};
use crate::error::Error;
use crate::fields::{Fields, deserialize};
use crate::paging::{items, lazily};
use crate::request::Request;

/// A view. Written back as it was read it changes nothing. As JSON it is what Azure shows and
/// takes; text that Azure leaves out is `""`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CostView {
    /// Its path.
    #[serde(skip)]
    pub id: String,
    /// Its name.
    #[serde(skip)]
    pub name: String,
    /// The version that was read: required to replace a view, absent to create one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e_tag: Option<String>,
    /// What it shows.
    pub properties: CostViewProperties,
}

/// What a view shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CostViewProperties {
    /// Its name for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    /// The scope of the costs, for a view that is private.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// The query, whose timeframe may also be `YearToDate`.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_query"
    )]
    pub query: Option<QueryDefinition>,
    /// `Area`, `Line`, `StackedColumn`, `GroupedColumn` or `Table`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub chart: String,
    /// Whether costs are added up from day to day; `true` or `false` as text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub accumulated: String,
    /// `ActualCost`, `AmortizedCost` or `AHUB`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub metric: String,
    /// Numbers beside the chart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kpis: Vec<CostViewKpi>,
    /// The smaller charts below: `Dimension` or `TagKey`, and its name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pivots: Vec<QueryGrouping>,
}

/// A number beside the chart of a view.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CostViewKpi {
    /// `Forecast` or `Budget`.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Id of the budget.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Whether it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

const TAIL: &str = "/providers/Microsoft.CostManagement/views";

/// Scopes at which views can be shared.
const SHARED: &[ScopeKind] = &[
    ScopeKind::Subscription,
    ScopeKind::ResourceGroup,
    ScopeKind::ManagementGroup,
    ScopeKind::BillingAccount,
    ScopeKind::Department,
    ScopeKind::EnrollmentAccount,
    ScopeKind::BillingProfile,
    ScopeKind::InvoiceSection,
];

impl Client {
    /// The views of a scope or, without one, the caller's private ones.
    pub fn views(
        &self,
        scope: Option<&Scope>,
    ) -> impl Stream<Item = Result<CostView, Error>> + Send + use<> {
        let operation = format!("read views {}", of(scope));
        lazily(prefix(&operation, scope, SHARED).map(|prefix| {
            let request = Request::get(operation, self.url(&prefix, TAIL, API_VERSION));
            items(self.transport.clone(), request, |item| {
                CostView::read(&Fields::of(item)?)
            })
        }))
    }

    /// One view of a scope or, without one, of the caller.
    pub async fn view(&self, scope: Option<&Scope>, name: &str) -> Result<CostView, Error> {
        let operation = format!("read view `{name}` {}", of(scope));
        let url = self.view_url(&operation, scope, name)?;
        self.read_required(&Request::get(operation, url), CostView::read)
            .await
    }

    /// Creates a view, or replaces it: then its eTag has to be that of the view as it was read.
    pub async fn put_view(
        &self,
        scope: Option<&Scope>,
        name: &str,
        view: &CostView,
    ) -> Result<CostView, Error> {
        let operation = format!("write view `{name}` {}", of(scope));
        let url = self.view_url(&operation, scope, name)?;
        let request = Request::put(operation, url, view);
        self.read_required(&request, CostView::read).await
    }

    /// Deletes a view; one that is not there is deleted already.
    pub async fn delete_view(&self, scope: Option<&Scope>, name: &str) -> Result<(), Error> {
        let operation = format!("delete view `{name}` {}", of(scope));
        let url = self.view_url(&operation, scope, name)?;
        self.tell(&Request::delete(operation, url)).await
    }

    fn view_url(&self, operation: &str, scope: Option<&Scope>, name: &str) -> Result<Url, Error> {
        let prefix = prefix(operation, scope, SHARED)?;
        let name = part(operation, "the view", name)?;
        Ok(self.url(&prefix, &format!("{TAIL}/{name}"), API_VERSION))
    }
}

impl CostView {
    fn read(view: &Fields) -> Result<CostView, String> {
        let properties = view.object("properties")?;
        Ok(CostView {
            id: view.text("id")?,
            name: view.text("name")?,
            e_tag: view.optional_text("eTag")?,
            properties: read_properties(&properties)?,
        })
    }
}

fn read_properties(properties: &Fields) -> Result<CostViewProperties, String> {
    let query = properties.optional_object("query")?;
    let mut read = CostViewProperties {
        display_name: properties.text("displayName")?,
        scope: properties.text("scope")?,
        query: query
            .map(|query| QueryDefinition::read(&query))
            .transpose()?,
        chart: properties.text("chart")?,
        accumulated: properties.text("accumulated")?,
        metric: properties.text("metric")?,
        ..CostViewProperties::default()
    };
    for kpi in properties.objects("kpis")? {
        read.kpis.push(CostViewKpi {
            kind: kpi.text("type")?,
            id: kpi.text("id")?,
            enabled: kpi.optional_flag("enabled")?,
        });
    }
    for pivot in properties.objects("pivots")? {
        read.pivots.push(QueryGrouping {
            kind: pivot.text("type")?,
            name: pivot.text("name")?,
        });
    }
    Ok(read)
}

/// A view spells `dataSet` where a query spells `dataset`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ViewQuery<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    timeframe: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_period: Option<TimePeriod>,
    data_set: &'a QueryDataset,
}

fn write_query<S: serde::Serializer>(
    query: &Option<QueryDefinition>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let query = query.as_ref().map(|query| ViewQuery {
        kind: &query.kind,
        timeframe: &query.timeframe,
        time_period: query.time_period,
        data_set: &query.dataset,
    });
    query.serialize(serializer)
}

impl<'de> Deserialize<'de> for CostView {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer, CostView::read)
    }
}
