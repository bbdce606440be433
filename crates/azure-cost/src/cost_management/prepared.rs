//! Files that Azure prepares on demand, one signed link each: detailed cost reports, price sheets,
//! reservation details.

use std::time::Duration;

use budget_engine::{Scope, ScopeKind};
use jiff::civil::Date;

use super::API_VERSION;
use super::cost_details::{CostDetailsQuery, ReportFile, body};
use crate::client::{Client, part, path_of_kind, scope_path};
use crate::download::SignedLink;
use crate::error::Error;
use crate::fields::Fields;
use crate::long_running::{Pending, Started, failed};
use crate::parameters::last_day;
use crate::request::{Answer, Request};

/// What became of a file that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreparedFile {
    /// It is there; [`Client::download`] reads it.
    Ready(ReportFile),
    /// There is nothing to put into it.
    Nothing,
    /// Azure works on it, which takes minutes; [`Client::prepared_file`] asks again.
    Pending(Pending),
}

/// Which price sheet is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriceSheetFile<'a> {
    /// Of an Enterprise billing account and a billing period such as `202611`.
    BillingPeriod(&'a str),
    /// Of a billing profile, as it is now.
    Current,
    /// Of a billing profile, as it was for an invoice.
    Invoice(&'a str),
}

/// Longest wait of [`Client::wait_for_file`].
const LONGEST: Duration = Duration::from_secs(3600);

const PROVIDER: &str = "/providers/Microsoft.CostManagement";

impl Client {
    /// Starts the older detailed cost report: like [`Client::start_cost_details`], but one CSV
    /// file, 2 GB at most, and, by its `customer`, for one customer of a partner's invoice.
    pub async fn start_detailed_cost_report(
        &self,
        scope: &Scope,
        query: &CostDetailsQuery,
        customer: Option<&str>,
    ) -> Result<PreparedFile, Error> {
        let operation = format!("make a detailed cost report of {scope}");
        let path = scope_path(&operation, scope)?;
        let tail = format!("{PROVIDER}/generateDetailedCostReport");
        let mut body = body(query);
        body.customer_id = customer;
        let url = self.url(&path, &tail, API_VERSION);
        let request = Request::prepare(&*operation, url).with_json(&body);
        self.start_file(&request).await
    }

    /// The state of a detailed cost report by the id of its operation.
    pub async fn detailed_cost_report_status(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<PreparedFile, Error> {
        self.detailed_cost_report(scope, "operationStatus", id)
            .await
    }

    /// The result of a detailed cost report by the id of its operation.
    pub async fn detailed_cost_report_result(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<PreparedFile, Error> {
        self.detailed_cost_report(scope, "operationResults", id)
            .await
    }

    async fn detailed_cost_report(
        &self,
        scope: &Scope,
        place: &str,
        id: &str,
    ) -> Result<PreparedFile, Error> {
        let operation = format!("read the detailed cost report {id} of {scope}");
        let path = scope_path(&operation, scope)?;
        let id = part(&operation, "the operation", id)?;
        let url = self.url(&path, &format!("{PROVIDER}/{place}/{id}"), API_VERSION);
        self.start_file(&Request::get(operation, url)).await
    }

    /// Starts the download of a price sheet, as CSV or as a ZIP file of several.
    ///
    /// The unit price of a reservation in it is the price of the whole term.
    pub async fn start_price_sheet(
        &self,
        scope: &Scope,
        sheet: &PriceSheetFile<'_>,
    ) -> Result<PreparedFile, Error> {
        let operation = format!("make a price sheet of {scope}");
        let kind = match sheet {
            PriceSheetFile::BillingPeriod(_) => ScopeKind::BillingAccount,
            PriceSheetFile::Current | PriceSheetFile::Invoice(_) => ScopeKind::BillingProfile,
        };
        let mut path = path_of_kind(&operation, scope, &[kind])?;
        match sheet {
            PriceSheetFile::Current => {}
            PriceSheetFile::BillingPeriod(name) => {
                path.push_str("/billingPeriods/");
                path.push_str(&part(&operation, "the billing period", name)?);
            }
            PriceSheetFile::Invoice(name) => {
                path.push_str("/invoices/");
                path.push_str(&part(&operation, "the invoice", name)?);
            }
        }
        let tail = format!("{PROVIDER}/pricesheets/default/download");
        let url = self.url(&path, &tail, API_VERSION);
        self.start_file(&Request::prepare(operation, url)).await
    }

    /// Starts a CSV file of the use of reservations on the days from `from` until before `to`, of
    /// a billing account (Enterprise) or a billing profile.
    pub async fn start_reservation_details(
        &self,
        scope: &Scope,
        from: Date,
        to: Date,
    ) -> Result<PreparedFile, Error> {
        let operation = format!("make a report of reservation details of {scope}");
        let kinds = [ScopeKind::BillingAccount, ScopeKind::BillingProfile];
        let path = path_of_kind(&operation, scope, &kinds)?;
        let last = last_day(&operation, from, to)?;
        let query = format!("startDate={from}&endDate={last}&{API_VERSION}");
        let tail = format!("{PROVIDER}/generateReservationDetailsReport");
        let url = self.url(&path, &tail, &query);
        self.start_file(&Request::prepare(operation, url)).await
    }

    /// Asks what became of a file, perhaps in another process than the one that started it.
    pub async fn prepared_file(&self, pending: &Pending) -> Result<PreparedFile, Error> {
        let operation = "ask for a file that is being prepared";
        let started = self.ask_again(operation, pending).await?;
        self.file_state(operation, started, Some(pending))
    }

    /// Waits for a file that was started, an hour at most; `None` if there is nothing to put into
    /// it. After that the error is [`Error::NotReady`].
    pub async fn wait_for_file(&self, file: PreparedFile) -> Result<Option<ReportFile>, Error> {
        let operation = "wait for a file that is being prepared";
        let end = tokio::time::Instant::now() + LONGEST;
        let mut state = file;
        loop {
            let pending = match state {
                PreparedFile::Ready(file) => return Ok(Some(file)),
                PreparedFile::Nothing => return Ok(None),
                PreparedFile::Pending(pending) => pending,
            };
            let bound = end.saturating_duration_since(tokio::time::Instant::now());
            let asked = Started::Pending(pending.clone());
            let answer = self.finish(operation, asked, bound).await?;
            state = self.file_state(operation, Started::Answered(answer), Some(&pending))?;
        }
    }

    pub(crate) async fn start_file(&self, request: &Request) -> Result<PreparedFile, Error> {
        let started = self.start(request).await?;
        self.file_state(&request.operation, started, None)
    }

    fn file_state(
        &self,
        operation: &str,
        started: Started,
        asked: Option<&Pending>,
    ) -> Result<PreparedFile, Error> {
        match started {
            Started::Pending(pending) => Ok(PreparedFile::Pending(pending)),
            Started::Answered(answer) => self.file(operation, &answer, asked),
        }
    }

    /// Reads the link, which stands at the top or in `properties`, and for which Azure has three
    /// pairs of names. A status is not always there.
    fn file(
        &self,
        operation: &str,
        answer: &Answer,
        asked: Option<&Pending>,
    ) -> Result<PreparedFile, Error> {
        if answer.is_empty() {
            return Ok(PreparedFile::Nothing);
        }
        let unexpected = |problem| Error::unexpected(operation, problem);
        let body = Fields::of_body(&answer.body);
        let body = body.map_err(|problem| unexpected(format!("it {problem}")))?;
        let status = body.text("status").map_err(unexpected)?;
        match &*status.to_ascii_lowercase() {
            "" | "completed" | "readytodownload" => {}
            "nodatafound" => return Ok(PreparedFile::Nothing),
            "inprogress" | "running" | "queued" => {
                // Answered with 200 and not ready: only who knows where it was asked can go on.
                let later = asked.map(|asked| asked.later(&answer.headers));
                let problem = || unexpected(format!("it is {status}, and does not say where"));
                return later.map(PreparedFile::Pending).ok_or_else(problem);
            }
            _ => return Err(failed(operation, &status, &body)),
        }
        let properties = body.optional_object("properties").map_err(unexpected)?;
        let fields = properties.as_ref().unwrap_or(&body);
        let file = read_file(fields, self.endpoint.base()).map_err(unexpected)?;
        Ok(PreparedFile::Ready(file))
    }
}

fn read_file(fields: &Fields, endpoint: &url::Url) -> Result<ReportFile, String> {
    let link = match fields.optional_text("downloadUrl")? {
        Some(link) => link,
        None => fields.required_text("reportUrl")?,
    };
    let mut valid_till = None;
    for name in ["validTill", "expiryTime", "validUntil"] {
        valid_till = valid_till.or(fields.optional_moment(name)?);
    }
    Ok(ReportFile {
        link: SignedLink::parse(&link, valid_till, endpoint)?,
        bytes: None,
    })
}
