//! The cost details report: a month of raw cost rows as CSV files, prepared on demand.

use std::time::Duration;

use budget_engine::{CostBasis, Scope, ScopeKind};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::API_VERSION;
use crate::client::Client;
use crate::consumption::short_path;
use crate::download::SignedLink;
use crate::error::Error;
use crate::fields::Fields;
use crate::long_running::{Pending, Started, failed};
use crate::request::{Answer, Request};

/// Which rows a report holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostDetailsQuery {
    /// Costs as billed, or spread over the days they serve.
    pub metric: CostBasis,
    /// The days.
    pub period: CostDetailsPeriod,
}

/// The days of a report: at most a month, at most 13 months ago.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CostDetailsPeriod {
    /// Whatever Azure calls the current month.
    CurrentMonth,
    /// From the first until the second day, both included.
    Days(Date, Date),
    /// A billing period such as `202611` (Enterprise Agreement).
    BillingPeriod(String),
    /// An invoice (Customer Agreement, at a billing profile or customer).
    Invoice(String),
}

/// A finished report.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CostDetailsReport {
    /// Its files, each a CSV with a header line of its own; empty if there are no costs.
    pub files: Vec<ReportFile>,
    /// Whether the files are compressed.
    pub is_compressed: bool,
    /// When the links stop working.
    pub valid_till: Option<Timestamp>,
}

impl CostDetailsReport {
    /// How many bytes a download of this file has to bring. Nothing is known of compressed files:
    /// Azure does not say whether it announces their packed or their unpacked size.
    pub fn bytes_to_come(&self, file: &ReportFile) -> Option<u64> {
        file.bytes.filter(|_| !self.is_compressed)
    }
}

/// A file of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// Where it can be read.
    pub link: SignedLink,
    /// Its size, if Azure says it.
    pub bytes: Option<u64>,
}

/// What became of a report that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CostDetails {
    /// It is there.
    Ready(CostDetailsReport),
    /// Azure works on it, which takes minutes; [`Client::cost_details_again`] asks again.
    Pending(Pending),
}

/// Longest wait of [`Client::cost_details`].
const LONGEST: Duration = Duration::from_secs(3600);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Body<'a> {
    metric: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_period: Option<TimePeriod>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_period: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice_id: Option<&'a str>,
    /// Known to the older detailed cost report only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) customer_id: Option<&'a str>,
}

#[derive(Serialize)]
pub(crate) struct TimePeriod {
    start: String,
    end: String,
}

impl Client {
    /// Starts a report, and gives it at once if it is there already.
    ///
    /// Served for Enterprise and Customer Agreements, at subscriptions and billing scopes, not at
    /// resource groups and management groups.
    pub async fn start_cost_details(
        &self,
        scope: &Scope,
        query: &CostDetailsQuery,
    ) -> Result<CostDetails, Error> {
        let operation = operation(scope);
        if matches!(
            scope.kind(),
            ScopeKind::ResourceGroup | ScopeKind::ManagementGroup
        ) {
            let problem = "there are no cost details of a resource group or a management group; \
                           read the subscriptions";
            return Err(Error::not_sent(&operation, problem));
        }
        let path = short_path(&operation, scope)?;
        let tail = "/providers/Microsoft.CostManagement/generateCostDetailsReport";
        let url = self.url(&path, tail, API_VERSION);
        let request = Request::prepare(&*operation, url).with_json(&body(query));
        let started = self.start(&request).await?;
        self.state(&operation, started)
    }

    /// Asks what became of a report, perhaps in another process than the one that started it.
    pub async fn cost_details_again(
        &self,
        scope: &Scope,
        pending: &Pending,
    ) -> Result<CostDetails, Error> {
        let operation = operation(scope);
        let started = self.ask_again(&operation, pending).await?;
        self.state(&operation, started)
    }

    /// Starts a report and waits for it, an hour at most.
    pub async fn cost_details(
        &self,
        scope: &Scope,
        query: &CostDetailsQuery,
    ) -> Result<CostDetailsReport, Error> {
        match self.start_cost_details(scope, query).await? {
            CostDetails::Ready(report) => Ok(report),
            CostDetails::Pending(pending) => {
                let operation = operation(scope);
                let started = Started::Pending(pending);
                let answer = self.finish(&operation, started, LONGEST).await?;
                self.report(&operation, &answer)
            }
        }
    }

    fn state(&self, operation: &str, started: Started) -> Result<CostDetails, Error> {
        Ok(match started {
            Started::Pending(pending) => CostDetails::Pending(pending),
            Started::Answered(answer) => CostDetails::Ready(self.report(operation, &answer)?),
        })
    }

    fn report(&self, operation: &str, answer: &Answer) -> Result<CostDetailsReport, Error> {
        if answer.is_empty() {
            return Ok(CostDetailsReport::empty());
        }
        let unexpected = |problem| Error::unexpected(operation, problem);
        let body =
            Fields::of_body(&answer.body).map_err(|problem| unexpected(format!("it {problem}")))?;
        let status = body.required_text("status").map_err(unexpected)?;
        match &*status.to_ascii_lowercase() {
            "completed" => read(&body, self.endpoint.base()).map_err(unexpected),
            "nodatafound" => Ok(CostDetailsReport::empty()),
            _ => Err(failed(operation, &status, &body)),
        }
    }
}

impl CostDetailsReport {
    fn empty() -> CostDetailsReport {
        CostDetailsReport {
            files: Vec::new(),
            is_compressed: false,
            valid_till: None,
        }
    }
}

fn operation(scope: &Scope) -> String {
    format!("make a cost details report of {scope}")
}

pub(crate) fn body(query: &CostDetailsQuery) -> Body<'_> {
    let mut body = Body {
        metric: match query.metric {
            CostBasis::Actual => "ActualCost",
            CostBasis::Amortized => "AmortizedCost",
        },
        time_period: None,
        billing_period: None,
        invoice_id: None,
        customer_id: None,
    };
    match &query.period {
        CostDetailsPeriod::CurrentMonth => {}
        CostDetailsPeriod::Days(first, last) => {
            body.time_period = Some(TimePeriod {
                start: first.to_string(),
                end: last.to_string(),
            });
        }
        CostDetailsPeriod::BillingPeriod(name) => body.billing_period = Some(name),
        CostDetailsPeriod::Invoice(id) => body.invoice_id = Some(id),
    }
    body
}

fn read(body: &Fields, endpoint: &url::Url) -> Result<CostDetailsReport, String> {
    let manifest = body.object("manifest")?;
    let valid_till = body.optional_moment("validTill")?;
    let mut files = Vec::new();
    for blob in manifest.objects("blobs")? {
        let link = blob.required_text("blobLink")?;
        let bytes = blob.optional_integer("byteCount")?;
        files.push(ReportFile {
            link: SignedLink::parse(&link, valid_till, endpoint)?,
            bytes: bytes.and_then(|bytes| u64::try_from(bytes).ok()),
        });
    }
    let promised = manifest.optional_integer("blobCount")?;
    let found = files.len() as i64;
    if promised.is_some_and(|promised| promised != found) {
        return Err(format!(
            "`manifest.blobCount` does not fit the {found} files that are listed"
        ));
    }
    Ok(CostDetailsReport {
        files,
        is_compressed: manifest.optional_flag("compressData")?.unwrap_or(false),
        valid_till,
    })
}
