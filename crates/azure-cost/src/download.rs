//! Files behind signed links: read without our token, and continued where they break off.

use std::fmt;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MATCH, RANGE,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use crate::client::Client;
use crate::cloud::is_loopback;
use crate::error::{Error, printable};
use crate::retry::asked_wait;
use crate::transport::{Failure, Transport, is_throttled, late, lost};

/// A link that carries its own permission to read one file, for a while. Whoever has it can read
/// the file, so it is not shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedLink {
    url: Url,
    /// When the link stops working, if Azure says so.
    pub valid_till: Option<Timestamp>,
}

impl SignedLink {
    /// Reads a link from an answer of a service at `endpoint`: https, and to a public host unless
    /// the endpoint is on this machine.
    pub(crate) fn parse(
        link: &str,
        valid_till: Option<Timestamp>,
        endpoint: &Url,
    ) -> Result<SignedLink, String> {
        let url = Url::parse(link.trim()).map_err(|_| "its link to a file is not a URL")?;
        let is_local = is_loopback(&url) && is_loopback(endpoint);
        let is_private = match url.host() {
            Some(Host::Ipv4(address)) => {
                address.is_private() || address.is_loopback() || address.is_link_local()
            }
            Some(Host::Ipv6(address)) => {
                address.is_loopback()
                    || address.is_unique_local()
                    || address.is_unicast_link_local()
            }
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            None => true,
        };
        if !is_local && (is_private || url.scheme() != "https") {
            let host = url.host_str().unwrap_or("nowhere");
            return Err(format!(
                "its link to a file is not one over https to a public host, but to {host}"
            ));
        }
        Ok(SignedLink { url, valid_till })
    }

    /// The path of the file without what signs the link, for messages.
    pub fn path(&self) -> &str {
        // In a damaged link the signature may stand in the path.
        let path = self.url.path();
        path.split(['=', '&', ';']).next().unwrap_or(path)
    }

    /// The whole link, which whoever has it can use.
    pub fn reveal(&self) -> &Url {
        &self.url
    }
}

impl fmt::Debug for SignedLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedLink({})", self.path())
    }
}

impl Client {
    /// The bytes of a file that Azure prepared. A broken connection is taken up where it broke;
    /// [`Error::LinkExpired`] means to ask for the report again, and [`Error::Unavailable`] also
    /// that the file has not come whole before [`Waits::until`](crate::Waits::until).
    pub fn download(
        &self,
        link: &SignedLink,
    ) -> impl Stream<Item = Result<Bytes, Error>> + Send + use<> {
        let operation = format!("download {}", link.path());
        download(self.transport.clone(), operation, link.clone())
    }
}

/// The bytes of a file as it is stored. A connection that breaks is taken up again at the same byte
/// of the same version of the file; where that cannot be had, the stream ends with an error.
pub(crate) fn download(
    transport: Transport,
    operation: String,
    link: SignedLink,
) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    async_stream::try_stream! {
        let mut at = 0_u64;
        let mut version: Option<String> = None;
        let mut total: Option<u64> = None;
        let mut tries = 0;
        'connections: loop {
            let opened = open(&transport, &operation, &link, at, version.as_deref()).await;
            let response = match opened {
                Ok(response) => response,
                Err(failure) => {
                    again(&transport, &operation, &mut tries, failure).await?;
                    continue;
                }
            };
            let etag = response.headers().get(ETAG).and_then(|value| value.to_str().ok());
            let etag = etag.map(str::to_owned);
            check_part(&response, at, total)
                .map_err(|problem| Error::unexpected(&operation, problem))?;
            version = version.or(etag);
            // Where the length is not said, the HTTP client may have unpacked the bytes, and then their
            // number is no place in the file.
            let is_as_stored = response.content_length().is_some()
                && !response.headers().contains_key(CONTENT_ENCODING);
            let end = response.content_length().map(|length| at + length);
            total = total.or(end);
            let mut chunks = response.bytes_stream();
            loop {
                in_time(&transport, &operation, tries)?;
                let failure = match timeout_at(late_at(&transport), chunks.next()).await {
                    Ok(None) => break,
                    Ok(Some(Ok(chunk))) => {
                        at += chunk.len() as u64;
                        tries = 0;
                        yield chunk;
                        continue;
                    }
                    Ok(Some(Err(error))) => lost(&error),
                    Err(_) => late(),
                };
                in_time(&transport, &operation, tries)?;
                if at > 0 && (version.is_none() || !is_as_stored) {
                    // Nothing would tell whether the rest belongs to the same file, or where it is.
                    let problem = "the connection broke off";
                    Err(Error::unexpected(&operation, problem))?;
                }
                again(&transport, &operation, &mut tries, failure).await?;
                continue 'connections;
            }
            if total.is_some_and(|total| at > total) {
                let problem = "the file is longer than its length";
                Err(Error::unexpected(&operation, problem))?;
            }
            if total.is_some_and(|total| at < total) {
                let failure = Failure::Again {
                    throttled: false,
                    asked: None,
                    begun: true,
                    problem: "the file ended early".to_owned(),
                };
                again(&transport, &operation, &mut tries, failure).await?;
                continue;
            }
            break;
        }
    }
}

/// Whether an answer is the part of the file that was asked for: all of it, or the rest from `at`.
fn check_part(response: &reqwest::Response, at: u64, total: Option<u64>) -> Result<(), String> {
    let is_part = response.status().as_u16() == 206;
    match (at, is_part) {
        (0, false) => return Ok(()),
        (0, true) => return Err("a file was asked for, and a part of it came".to_owned()),
        (_, false) => {
            return Err("the rest of a file was asked for, and its beginning came".to_owned());
        }
        (_, true) => {}
    }
    let range = response.headers().get(CONTENT_RANGE);
    let range = range.and_then(|value| value.to_str().ok());
    let is_rest = range.and_then(read_range).is_some_and(|(first, length)| {
        let is_same = |(length, total)| length == total;
        first == at && length.zip(total).is_none_or(is_same)
    });
    if is_rest {
        return Ok(());
    }
    let length = total.map_or(String::new(), |total| format!(" of {total}"));
    let came = range.map_or(
        "a part that does not say where it belongs".to_owned(),
        |range| format!("`{}`", printable(range, 60)),
    );
    Err(format!(
        "the rest of a file was asked for, from byte {at}{length} on, and {came} came"
    ))
}

/// First byte and length of the whole file, if it is said, of `bytes 4-9/10` or `bytes 4-9/*`.
fn read_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (unit, range) = text.trim().split_once(' ')?;
    let (part, length) = range.split_once('/')?;
    let (first, _) = part.split_once('-')?;
    let length = match length.trim() {
        "*" => None,
        length => Some(length.parse().ok()?),
    };
    let first = first.trim().parse().ok()?;
    unit.eq_ignore_ascii_case("bytes")
        .then_some((first, length))
}

/// Whether a gateway answered with a page of HTML, whatever status it gave it.
fn is_page(response: &reqwest::Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("text/html")
}

async fn open(
    transport: &Transport,
    operation: &str,
    link: &SignedLink,
    at: u64,
    version: Option<&str>,
) -> Result<reqwest::Response, Failure> {
    let mut request = transport.unsigned().get(link.url.clone());
    request = request.header(ACCEPT_ENCODING, "identity");
    if at > 0 {
        request = request.header(RANGE, format!("bytes={at}-"));
        if let Some(version) = version {
            request = request.header(IF_MATCH, version);
        }
    }
    let response = timeout_at(late_at(transport), request.send()).await;
    let response = response
        .map_err(|_| late())?
        .map_err(|error| lost(&error))?;
    let asked = asked_wait(response.headers(), Timestamp::now());
    let again = |status: u16| Failure::Again {
        throttled: is_throttled(status, asked),
        asked,
        begun: true,
        problem: format!("status {status}"),
    };
    match response.status().as_u16() {
        200 | 206 if is_page(&response) => Err(Failure::Final(Error::unexpected(
            operation,
            "it is a page for people, not a file",
        ))),
        200 | 206 => Ok(response),
        // Storage says 403 to a signature that has run out.
        401 | 403 => Err(Failure::Final(Error::LinkExpired {
            operation: operation.to_owned(),
        })),
        404 => Err(Failure::Final(Error::NotFound {
            operation: operation.to_owned(),
            code: "404".to_owned(),
            message: "the file is gone".to_owned(),
        })),
        412 => Err(Failure::Final(Error::unexpected(
            operation,
            "the file was replaced while it was read",
        ))),
        status @ (408 | 429 | 500..=599) => Err(again(status)),
        status => Err(Failure::Final(Error::unexpected(
            operation,
            format!("status {status} for a file"),
        ))),
    }
}

/// When an answer or a piece of a file is late.
fn late_at(transport: &Transport) -> Instant {
    let end = Instant::now() + transport.retry.timeout;
    transport.waits.end(end)
}

/// A file that comes slowly, but comes, ends with the time that the caller has.
fn in_time(transport: &Transport, operation: &str, tries: u32) -> Result<(), Error> {
    let is_over = |until| until <= Instant::now();
    if !transport.waits.until.is_some_and(is_over) {
        return Ok(());
    }
    Err(Error::Unavailable {
        operation: operation.to_owned(),
        tries: tries + 1,
        problem: "the file did not come whole in the time that there is".to_owned(),
    })
}

/// Waits before the next try, or gives up.
async fn again(
    transport: &Transport,
    operation: &str,
    tries: &mut u32,
    failure: Failure,
) -> Result<(), Error> {
    let (throttled, asked, problem) = match failure {
        Failure::Final(error) | Failure::SignIn(error) => return Err(error),
        Failure::Again {
            throttled,
            asked,
            problem,
            ..
        } => (throttled, asked, problem),
    };
    *tries += 1;
    let wait = transport.retry.wait(*tries, asked);
    let now = Instant::now();
    let (again, end) = (now + wait, now + transport.retry.total);
    if *tries >= transport.retry.tries || again > transport.waits.end(end) {
        let operation = operation.to_owned();
        return Err(if throttled {
            Error::Throttled {
                operation,
                until: Timestamp::now() + asked.unwrap_or(wait),
            }
        } else {
            Error::Unavailable {
                operation,
                tries: *tries,
                problem,
            }
        });
    }
    let reason = format!("trying again after {problem}");
    transport.waits.wait(operation, again, &reason).await;
    Ok(())
}
