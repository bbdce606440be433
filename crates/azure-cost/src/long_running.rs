//! Long-running operations: a request that is answered with 202, and the wait for its result.

use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use url::Url;

use crate::client::Client;
use crate::error::{Error, printable};
use crate::fields::Fields;
use crate::paging::{PREPARING, follow};
use crate::request::{Answer, Request};
use crate::retry::asked_wait;

/// Something that Azure is still preparing, and where to ask for it. It can be stored, so that a
/// later process asks instead of starting the work again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    url: Url,
    /// When Azure wants to be asked again.
    pub ask_at: Timestamp,
    wait_seconds: u64,
}

impl Pending {
    /// Work to be asked about at a URL after a wait.
    pub(crate) fn after(url: Url, wait: Duration) -> Pending {
        Pending {
            url,
            ask_at: Timestamp::now() + wait,
            wait_seconds: wait.as_secs(),
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ask_at = self.ask_at.to_string();
        f.debug_struct("Pending")
            .field("ask_at", &ask_at)
            .finish_non_exhaustive()
    }
}

impl Pending {
    /// The same, after an answer that says "not yet" without the status that stands for it.
    pub(crate) fn later(&self, headers: &HeaderMap) -> Pending {
        let last = Duration::from_secs(self.wait_seconds).max(SHORTEST_WAIT);
        let wait = asked_wait(headers, Timestamp::now()).unwrap_or(last);
        Pending {
            url: self.url.clone(),
            ask_at: Timestamp::now() + wait,
            wait_seconds: wait.as_secs(),
        }
    }
}

/// What became of a request that may take long.
#[derive(Debug)]
pub(crate) enum Started {
    /// It is answered: with a result or, by status 204, with the news that there is none.
    Answered(Answer),
    /// Azure works on it.
    Pending(Pending),
}

/// The wait between questions where Azure names none.
pub(crate) const FIRST_WAIT: Duration = Duration::from_secs(10);

/// Not to be asked all the time, whatever Azure says.
pub(crate) const SHORTEST_WAIT: Duration = Duration::from_millis(100);

impl Client {
    /// Sends a request and says whether it is answered or still being worked on.
    pub(crate) async fn start(&self, request: &Request) -> Result<Started, Error> {
        let answer = self.send(request).await?;
        self.started(request, answer, FIRST_WAIT)
    }

    /// Asks once what became of earlier work.
    pub(crate) async fn ask_again(
        &self,
        operation: &str,
        pending: &Pending,
    ) -> Result<Started, Error> {
        // The place may have been stored; the token goes nowhere but to our own endpoint.
        let url = follow(self.endpoint.base(), pending.url.as_str())
            .map_err(|problem| Error::unexpected(operation, problem))?;
        let request = Request::get(operation, url);
        let answer = self.send(&request).await?;
        let last = Duration::from_secs(pending.wait_seconds);
        self.started(&request, answer, last)
    }

    /// Waits for a result, asking when Azure wants to be asked, until `bound` is over. Then the
    /// error is [`Error::NotReady`], which says how to go on.
    pub(crate) async fn finish(
        &self,
        operation: &str,
        started: Started,
        bound: Duration,
    ) -> Result<Answer, Error> {
        let waits = &self.transport.waits;
        let end = waits.end(Instant::now() + bound);
        let mut state = started;
        loop {
            let pending = match state {
                Started::Answered(answer) => return Ok(answer),
                Started::Pending(pending) => pending,
            };
            let wait = pending.ask_at.duration_since(Timestamp::now());
            let wait = Duration::try_from(wait).unwrap_or_default();
            let wait = wait.max(SHORTEST_WAIT);
            let again = Instant::now() + wait;
            if again > end {
                return Err(Error::NotReady {
                    operation: operation.to_owned(),
                    pending: Box::new(pending),
                });
            }
            waits.wait(operation, again, PREPARING).await;
            state = self.ask_again(operation, &pending).await?;
        }
    }

    fn started(
        &self,
        request: &Request,
        answer: Answer,
        last_wait: Duration,
    ) -> Result<Started, Error> {
        let operation = &*request.operation;
        match answer.status {
            200 | 201 | 204 => return Ok(Started::Answered(answer)),
            202 => {}
            status => {
                let problem = format!("status {status}, where a result or 202 was expected");
                return Err(Error::unexpected(operation, problem));
            }
        }
        let wait = asked_wait(&answer.headers, Timestamp::now()).unwrap_or(last_wait);
        let url = match place(&answer.headers) {
            Some(link) => follow(self.endpoint.base(), link)
                .map_err(|problem| Error::unexpected(operation, problem))?,
            // Asked with GET, the same question is asked again; a POST would start it anew.
            None if request.method == http::Method::GET => request.url.clone(),
            None => {
                let problem = "status 202 without a `Location` to ask for the result";
                return Err(Error::unexpected(operation, problem));
            }
        };
        Ok(Started::Pending(Pending::after(url, wait)))
    }
}

/// Where the result will be. `Location` leads to the result itself; the other headers, to its
/// state, are taken only where it is missing or empty.
fn place(headers: &HeaderMap) -> Option<&str> {
    let names = [
        "location",
        "azure-asyncoperation",
        "azure-consumption-asyncoperation",
    ];
    names.iter().find_map(|name| {
        let link = headers.get(*name)?.to_str().ok()?;
        Some(link).filter(|link| !link.trim().is_empty())
    })
}

/// The error of an answer that arrives with status 200 and says that the work failed.
pub(crate) fn failed(operation: &str, status: &str, body: &Fields) -> Error {
    let error = body.optional_object("error").ok().flatten();
    let text = |name| {
        let text = error.as_ref().and_then(|error| error.text(name).ok());
        text.filter(|text| !text.is_empty())
    };
    let code = text("code").unwrap_or_else(|| status.to_owned());
    let message = text("message").unwrap_or_else(|| "no explanation".to_owned());
    Error::Failed {
        operation: operation.to_owned(),
        code: printable(&code, 100),
        message: printable(&message, 500),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn an_empty_header_hides_no_other_one() {
        let place_of = |found: &[(&'static str, &'static str)]| {
            let headers: HeaderMap = found
                .iter()
                .map(|(name, link)| {
                    let name = HeaderName::from_static(name);
                    (name, HeaderValue::from_static(link))
                })
                .collect();
            place(&headers).map(str::to_owned)
        };
        let state = ("azure-asyncoperation", "/state");
        for (found, expected) in [
            (&[("location", "/result"), state][..], Some("/result")),
            (&[("location", " "), state], Some("/state")),
            (&[("location", ""), ("azure-asyncoperation", "")], None),
            (&[], None),
        ] {
            assert_eq!(place_of(found).as_deref(), expected, "{found:?}");
        }
    }
}
