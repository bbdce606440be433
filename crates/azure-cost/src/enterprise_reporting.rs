//! Enterprise Reporting: the API for enrollments with a key of its own, which Microsoft has
//! retired. It is kept for endpoints that still speak it; for anything else use
//! [`Client`](crate::Client).

mod reservations;
mod rows;

pub use reservations::{
    EnterpriseReservationCharge, EnterpriseReservationRecommendation, EnterpriseReservationSummary,
    EnterpriseReservationUsage, LookBack, RecommendationScope,
};
pub use rows::{
    EnterpriseBalance, EnterpriseBillingPeriod, EnterpriseMarketplaceCharge, EnterprisePrice,
    EnterpriseUsagePage, EnterpriseUsageRow,
};

use std::fmt;
use std::sync::Arc;

use azure_core::credentials::Secret;
use futures::StreamExt;
use futures::stream::BoxStream;
use jiff::civil::Date;
use serde_json::value::RawValue;

use crate::client::{Limits, part};
use crate::cloud::{Cloud, Endpoint, EndpointError};
use crate::error::Error;
use crate::fields::{Fields, not_json};
use crate::kept::AnswerStore;
use crate::paging::{Page, Resume, flatten, lazily, pages, read_items};
use crate::parameters::{encoded, last_day};
use crate::request::{Answer, Request};
use crate::retry::{Gate, Pacing, Retry};
use crate::transport::{SignIn, Transport};
use crate::waits::Waits;

/// The key of an enrollment, valid for six months. Never shown.
#[derive(Clone)]
pub struct EnterpriseKey(Secret);

impl EnterpriseKey {
    /// A key as the Enterprise portal gave it out.
    pub fn new(key: impl Into<String>) -> EnterpriseKey {
        EnterpriseKey(Secret::new(key.into().trim().to_owned()))
    }
}

impl fmt::Debug for EnterpriseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnterpriseKey(..)")
    }
}

/// The days or the billing period of a read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnterprisePeriod {
    /// Whatever billing period is open.
    Current,
    /// A billing period, such as `202611`.
    Billing(String),
    /// From the first day until before the second, 36 months at most.
    Days(Date, Date),
}

/// The reports of one enrollment. Microsoft has retired this API: it needs a configured endpoint.
/// Cheap to clone; clones share the pace and the kept answers.
///
/// Rows have no currency of their own; it is that of the enrollment, which
/// [`EnterpriseBalance`] names.
#[derive(Clone)]
pub struct EnterpriseReporting {
    transport: Transport,
    endpoint: Endpoint,
    enrollment: String,
}

impl EnterpriseReporting {
    /// A client of an enrollment, by its number, at an address: https, or http on this machine.
    pub fn at(
        http: reqwest::Client,
        base: &str,
        enrollment: &str,
        key: EnterpriseKey,
    ) -> Result<EnterpriseReporting, EndpointError> {
        Ok(EnterpriseReporting {
            transport: Transport::new(http, SignIn::Key(key.0)),
            endpoint: Endpoint::at(base, Cloud::Public)?,
            enrollment: enrollment.to_owned(),
        })
    }

    /// The same, with answers kept by their ETags: what has not changed is not sent again. The
    /// store may be shared with other enrollments.
    pub fn with_kept_answers(mut self, store: Arc<dyn AnswerStore>) -> EnterpriseReporting {
        self.transport.kept = Some(store);
        self
    }

    /// The same with other bounds of repetition.
    pub fn with_retry(mut self, retry: Retry) -> EnterpriseReporting {
        self.transport.retry = retry;
        self
    }

    /// The same with a pace of its own.
    pub fn with_pacing(mut self, pacing: Pacing) -> EnterpriseReporting {
        self.transport.gate = Gate::new(pacing).into();
        self
    }

    /// The same with a bound on its waits, and with somebody who is told of them.
    pub fn with_waits(mut self, waits: Waits) -> EnterpriseReporting {
        self.transport.waits = waits;
        self
    }

    /// The same with other bounds on answers.
    pub fn with_limits(mut self, limits: Limits) -> EnterpriseReporting {
        self.transport.limits = limits;
        self
    }

    /// A request below the enrollment: `version` is `v2`, `v3` or `v4`.
    fn request(
        &self,
        operation: &str,
        version: &str,
        tail: &str,
        query: &str,
    ) -> Result<Request, Error> {
        let enrollment = part(operation, "the enrollment", &self.enrollment)?;
        let path = format!("/{version}/enrollments/{enrollment}/{tail}");
        let mut url = self.endpoint.join(&path, query);
        if query.is_empty() {
            url.set_query(None);
        }
        let operation = format!("{operation} of enrollment {}", self.enrollment);
        Ok(Request::get(operation, url))
    }

    /// The request of a report that exists by period and by days.
    fn of_period(
        &self,
        operation: &str,
        report: &str,
        period: &EnterprisePeriod,
    ) -> Result<Request, Error> {
        match period {
            EnterprisePeriod::Current => self.request(operation, "v3", report, ""),
            EnterprisePeriod::Billing(name) => {
                let name = part(operation, "the billing period", name)?;
                let tail = format!("billingPeriods/{name}/{report}");
                self.request(operation, "v3", &tail, "")
            }
            EnterprisePeriod::Days(from, to) => {
                let last = last_day(operation, *from, *to)?;
                let tail = format!("{report}bycustomdate");
                let query = format!("startTime={from}&endTime={last}");
                self.request(operation, "v3", &tail, &query)
            }
        }
    }

    /// The rows of all pages.
    fn rows<T: Send + 'static>(
        &self,
        request: Result<Request, Error>,
        read: impl Fn(&Fields) -> Result<T, String> + Send + 'static,
    ) -> BoxStream<'static, Result<T, Error>> {
        flatten(self.row_pages(request, None, read)).boxed()
    }

    fn row_pages<T: Send + 'static>(
        &self,
        request: Result<Request, Error>,
        resume: Option<Resume>,
        read: impl Fn(&Fields) -> Result<T, String> + Send + 'static,
    ) -> Pages<T> {
        let transport = self.transport.clone();
        lazily(request.map(|request| {
            pages(transport, request, resume, move |answer, number, _| {
                read_page(answer, number, &read)
            })
        }))
        .boxed()
    }
}

impl fmt::Debug for EnterpriseReporting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterpriseReporting")
            .field("endpoint", &self.endpoint.base().host_str())
            .field("enrollment", &self.enrollment)
            .field("transport", &self.transport)
            .finish()
    }
}

/// Pages of rows, each with the place where the next one begins.
type Pages<T> = BoxStream<'static, Result<(Vec<T>, Option<Resume>), Error>>;

/// A bare array, or an object with the rows in `data` and a link in `nextLink`.
fn read_page<T>(
    answer: &Answer,
    number: usize,
    read: impl Fn(&Fields) -> Result<T, String>,
) -> Result<Page<Vec<T>>, String> {
    let body = answer.body.trim_ascii_start();
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let in_page = |problem: String| format!("{problem} in page {number}");
    let read = |raw: &RawValue| read(&Fields::of(raw)?);
    if body.starts_with(b"[") {
        let rows: Vec<&RawValue> = serde_json::from_slice(body)
            .map_err(|error| format!("page {number} {}", not_json(&error)))?;
        return Ok(Page {
            content: read_items(&rows, number, read)?,
            next: None,
        });
    }
    let page = Fields::of_body(body).map_err(|problem| format!("page {number} {problem}"))?;
    let rows = page.list("data").map_err(in_page)?;
    Ok(Page {
        content: read_items(&rows, number, read)?,
        next: page.optional_text("nextLink").map_err(in_page)?,
    })
}

/// A map that is written as JSON in a text, such as tags; empty if it cannot be read.
fn map_in_text(
    fields: &Fields,
    name: &str,
) -> Result<std::collections::BTreeMap<String, String>, String> {
    let text = fields.text(name)?;
    let map: Option<std::collections::BTreeMap<String, crate::wire::Text>> =
        serde_json::from_str(&text).ok();
    let entries = map.into_iter().flatten();
    Ok(entries.map(|(key, value)| (key, value.0)).collect())
}

/// Query parameters of a range of days for reserved instances.
fn days(operation: &str, from: Date, to: Date) -> Result<String, Error> {
    let last = last_day(operation, from, to)?;
    Ok(format!(
        "startDate={}&endDate={}",
        encoded(&from.to_string()),
        encoded(&last.to_string())
    ))
}
