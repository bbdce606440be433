//! Files of invoices: prepared by Azure on demand, then behind a signed link.

use std::time::Duration;

use budget_engine::{Scope, ScopeKind};
use serde::Serialize;

use super::invoices::OF_ONE;
use super::{API_VERSION, invoices_path};
use crate::client::{Client, part};
use crate::download::SignedLink;
use crate::error::Error;
use crate::fields::Fields;
use crate::long_running::{Pending, Started, failed};
use crate::parameters::encoded;
use crate::request::{Answer, Request};

/// Which file of which invoices.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvoiceFile {
    /// A document of an invoice, a PDF.
    Document {
        /// Number of the invoice.
        invoice: String,
        /// Name of the document, from [`InvoiceDocument`](crate::InvoiceDocument); the invoice
        /// itself if `None`.
        document: Option<String>,
    },
    /// The summary of an invoice (Enterprise Agreement, by billing account).
    Summary {
        /// Number of the invoice.
        invoice: String,
    },
    /// Several documents in a ZIP archive (Customer and Partner Agreement).
    Documents(Vec<DocumentName>),
}

/// A document by its invoice and its own name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentName {
    /// Number of the invoice.
    #[serde(rename = "invoiceName")]
    pub invoice: String,
    /// Name of the document.
    #[serde(rename = "documentName")]
    pub document: String,
}

/// What became of a file that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvoiceDownload {
    /// It can be read with [`Client::download`].
    Ready(SignedLink),
    /// Azure works on it; [`Client::invoice_download_again`] asks again.
    Pending(Pending),
}

/// Longest wait of [`Client::invoice_download`].
const LONGEST: Duration = Duration::from_secs(600);

const OPERATION: &str = "download an invoice";

impl Client {
    /// Asks for a file of an invoice of a billing account or a subscription.
    pub async fn start_invoice_download(
        &self,
        scope: &Scope,
        file: &InvoiceFile,
    ) -> Result<InvoiceDownload, Error> {
        let operation = format!("{OPERATION} of {scope}");
        let kinds: &[ScopeKind] = match file {
            InvoiceFile::Summary { .. } => &OF_ONE[..1],
            _ => &OF_ONE,
        };
        let path = invoices_path(&operation, scope, kinds)?;
        let of = |invoice| part(&operation, "the invoice", invoice);
        let mut query = API_VERSION.to_owned();
        let tail = match file {
            InvoiceFile::Document { invoice, document } => {
                if let Some(document) = document {
                    query.push_str(&format!("&documentName={}", encoded(document)));
                }
                format!("/invoices/{}/download", of(invoice)?)
            }
            InvoiceFile::Summary { invoice } => {
                format!("/invoices/{}/downloadSummary", of(invoice)?)
            }
            InvoiceFile::Documents(_) => "/downloadDocuments".to_owned(),
        };
        let mut request = Request::prepare(&*operation, self.url(&path, &tail, &query));
        if let InvoiceFile::Documents(documents) = file {
            request = request.with_json(documents);
        }
        let started = self.start(&request).await?;
        self.invoice_file(&operation, started)
    }

    /// Asks what became of a file, perhaps in another process than the one that asked for it.
    pub async fn invoice_download_again(
        &self,
        pending: &Pending,
    ) -> Result<InvoiceDownload, Error> {
        let started = self.ask_again(OPERATION, pending).await?;
        self.invoice_file(OPERATION, started)
    }

    /// Asks for a file and waits until it can be read, ten minutes at most.
    pub async fn invoice_download(
        &self,
        scope: &Scope,
        file: &InvoiceFile,
    ) -> Result<SignedLink, Error> {
        match self.start_invoice_download(scope, file).await? {
            InvoiceDownload::Ready(link) => Ok(link),
            InvoiceDownload::Pending(pending) => {
                let operation = format!("{OPERATION} of {scope}");
                let started = Started::Pending(pending);
                let answer = self.finish(&operation, started, LONGEST).await?;
                self.invoice_link(&operation, &answer)
            }
        }
    }

    fn invoice_file(&self, operation: &str, started: Started) -> Result<InvoiceDownload, Error> {
        Ok(match started {
            Started::Pending(pending) => InvoiceDownload::Pending(pending),
            Started::Answered(answer) => {
                InvoiceDownload::Ready(self.invoice_link(operation, &answer)?)
            }
        })
    }

    fn invoice_link(&self, operation: &str, answer: &Answer) -> Result<SignedLink, Error> {
        let unexpected = |problem| Error::unexpected(operation, problem);
        let body =
            Fields::of_body(&answer.body).map_err(|problem| unexpected(format!("it {problem}")))?;
        if let Some(status) = body.optional_text("status").map_err(unexpected)?
            && body.raw("url").is_none()
        {
            return Err(failed(operation, &status, &body));
        }
        let link = read_link(&body, self.endpoint.base()).map_err(unexpected)?;
        link.ok_or_else(|| unexpected(body.missing("url")))
    }
}

/// `{"expiryTime", "url"}`; `None` without a URL.
pub(super) fn read_link(body: &Fields, endpoint: &url::Url) -> Result<Option<SignedLink>, String> {
    let Some(link) = body.optional_text("url")? else {
        return Ok(None);
    };
    let valid_till = body.optional_moment("expiryTime")?;
    SignedLink::parse(&link, valid_till, endpoint).map(Some)
}
