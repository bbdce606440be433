//! The client of Azure Resource Manager's cost APIs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use budget_engine::{Scope, ScopeKind};
use url::Url;

use crate::cloud::Endpoint;
use crate::error::Error;
use crate::fields::Fields;
use crate::parameters::encoded;
use crate::quotas::Quotas;
use crate::request::{Answer, Request};
use crate::retry::{Gate, Pacing, Retry};
use crate::transport::{SignIn, Transport};
use crate::waits::Waits;

/// Azure's cost APIs at one endpoint. Cheap to clone; clones share the pace and the quotas.
///
/// The HTTP client should follow no redirects: an answer from another host is refused.
#[derive(Clone)]
pub struct Client {
    pub(crate) transport: Transport,
    pub(crate) endpoint: Endpoint,
}

/// Bounds on what a server may make the client read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one answer, unpacked. Two operations that answer in one huge piece have bounds of
    /// their own.
    pub answer_bytes: usize,
    /// Pages of one operation.
    pub pages: usize,
    /// Longest wait for a page that the service says it is still preparing.
    pub preparation: Duration,
}

impl Default for Limits {
    /// Azure ends answers at 12 MB, so 32 MB is out of the question; 20,000 pages are 20 million
    /// rows, for which exports are the right source; a page is prepared within two and a half minutes.
    fn default() -> Self {
        Limits {
            answer_bytes: 32 << 20,
            pages: 20_000,
            preparation: Duration::from_secs(150),
        }
    }
}

impl Client {
    /// A client with default [`Retry`], [`Pacing`] and [`Limits`], and with [`Quotas`] of its own.
    /// Without a credential it sends no token, which only a local stand-in accepts.
    pub fn new(
        http: reqwest::Client,
        endpoint: Endpoint,
        credential: Option<Arc<dyn TokenCredential>>,
    ) -> Client {
        let sign_in = match credential {
            Some(credential) => SignIn::Token {
                credential,
                audience: endpoint.token_scope(),
            },
            None => SignIn::Nobody,
        };
        Client {
            transport: Transport::new(http, sign_in),
            endpoint,
        }
    }

    /// The same client with other bounds of repetition.
    pub fn with_retry(mut self, retry: Retry) -> Client {
        self.transport.retry = retry;
        self
    }

    /// The same client with a pace of its own, no longer shared with its earlier clones.
    pub fn with_pacing(mut self, pacing: Pacing) -> Client {
        self.transport.gate = Arc::new(Gate::new(pacing));
        self
    }

    /// The same client with other bounds on answers.
    pub fn with_limits(mut self, limits: Limits) -> Client {
        self.transport.limits = limits;
        self
    }

    /// The same client with a bound on its waits, and with somebody who is told of them.
    pub fn with_waits(mut self, waits: Waits) -> Client {
        self.transport.waits = waits;
        self
    }

    /// The same client with quotas that it shares with others, counted under the tenant of its
    /// credential. Any text that tells tenants apart will do.
    pub fn with_quotas(mut self, quotas: Quotas, tenant: &str) -> Client {
        self.transport.quotas = quotas;
        self.transport.caller.tenant = tenant.to_owned();
        self
    }

    /// The same client under another name towards Azure's throttling: it is sent as the
    /// `ClientType` header, which gives a program quotas of its own. An undocumented header that
    /// Microsoft's own cost tools send; the default is `spendwatch`.
    pub fn with_client_type(mut self, client_type: &str) -> Client {
        self.transport.caller.client_type = client_type.to_owned();
        self
    }

    /// The URL of an operation: its path below a prefix (a scope, or nothing) with its query.
    pub(crate) fn url(&self, prefix: &str, tail: &str, query: &str) -> Url {
        self.endpoint.join(&format!("{prefix}{tail}"), query)
    }

    /// Reads one thing; `None` is a 204: there is none. A problem that `read` finds is put after
    /// "unexpected answer:".
    pub(crate) async fn read_one<T>(
        &self,
        request: &Request,
        read: impl FnOnce(&Fields) -> Result<T, String>,
    ) -> Result<Option<T>, Error> {
        let answer = self.send(request).await?;
        let unexpected = |problem| Error::unexpected(&request.operation, problem);
        match answer.status {
            204 => Ok(None),
            200 | 201 => {
                let body = Fields::of_body(&answer.body);
                let body = body.map_err(|problem| unexpected(format!("it {problem}")))?;
                read(&body).map(Some).map_err(unexpected)
            }
            status => Err(unexpected(format!("status {status}"))),
        }
    }

    /// Reads one thing that has to be there.
    pub(crate) async fn read_required<T>(
        &self,
        request: &Request,
        read: impl FnOnce(&Fields) -> Result<T, String>,
    ) -> Result<T, Error> {
        let found = self.read_one(request, read).await?;
        found.ok_or_else(|| Error::unexpected(&request.operation, "status 204"))
    }

    /// Sends a request whose answer says no more than that it was heard.
    pub(crate) async fn tell(&self, request: &Request) -> Result<(), Error> {
        match self.send(request).await?.status {
            200..=204 => Ok(()),
            status => {
                let problem = format!("status {status}");
                Err(Error::unexpected(&request.operation, problem))
            }
        }
    }

    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, Error> {
        self.transport.send(request).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.endpoint.base().host_str())
            .field("transport", &self.transport)
            .finish()
    }
}

/// The path of a scope as it stands in front of an operation, without a slash at its end.
///
/// A part made of dots would be folded away by URL rules and ask for something else.
pub(crate) fn scope_path(operation: &str, scope: &Scope) -> Result<String, Error> {
    if scope.path().split('/').any(is_dots) {
        let problem = "a part of the scope's path is made of dots";
        return Err(Error::not_sent(operation, problem));
    }
    Ok(scope.path().to_owned())
}

/// The path of a scope that has to be a billing account.
pub(crate) fn billing_account_path(operation: &str, scope: &Scope) -> Result<String, Error> {
    path_of_kind(operation, scope, &[ScopeKind::BillingAccount])
}

/// The path of a scope that has to be of one of some kinds.
pub(crate) fn path_of_kind(
    operation: &str,
    scope: &Scope,
    kinds: &[ScopeKind],
) -> Result<String, Error> {
    if kinds.contains(&scope.kind()) {
        return scope_path(operation, scope);
    }
    let words: Vec<String> = kinds.iter().map(|kind| kind.with_article()).collect();
    let problem = format!(
        "Azure serves this for {}, not for {}",
        words.join(" or "),
        scope.kind().with_article()
    );
    Err(Error::not_sent(operation, problem))
}

/// A name or id as one part of a path, percent-encoded where it must be.
pub(crate) fn part(operation: &str, what: &str, name: &str) -> Result<String, Error> {
    if name.is_empty() || is_dots(name) {
        let problem = format!("{what} `{name}` cannot stand in a path");
        return Err(Error::not_sent(operation, problem));
    }
    Ok(encoded(name))
}

fn is_dots(part: &str) -> bool {
    part == "." || part == ".."
}
