//! The guarded HTTP client that all HTTP channels share.
//!
//! One request on one connection: no redirects, no proxy, no reuse, a deadline, and at most 64 KiB
//! of the answer are read. TLS is configured here, so no crypto provider needs to be installed.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub use crate::guard::{Access, Refused};

use crate::channel::ConfigError;
use crate::guard::{GuardedResolver, Lookup, check_url, system_lookup};
use crate::outcome::{Class, SendResult};

/// How long a destination may take, answer included.
const DEADLINE: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// How long to leave a destination alone that says 429 without saying how long.
const DEFAULT_THROTTLE: Duration = Duration::from_secs(60);
/// A longer `Retry-After` is cut to this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// What HTTP channels are made from: trusted certificates and a deadline. Make one and share it.
#[derive(Clone)]
pub struct Http {
    tls: ClientConfig,
    deadline: Duration,
    lookup: Lookup,
}

impl Http {
    /// A client that trusts what the system trusts.
    pub fn new() -> Result<Http, ConfigError> {
        Http::build(Vec::new())
    }

    /// A client that also trusts the certificates in `pem`, for servers of one's own.
    pub fn with_certificates(pem: &[u8]) -> Result<Http, ConfigError> {
        let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|_| ConfigError::Certificates("they are not PEM".into()))?;
        if certificates.is_empty() {
            let problem = "there is none in the text".into();
            return Err(ConfigError::Certificates(problem));
        }
        Http::build(certificates)
    }

    /// The same with another deadline for a whole request; 30 s otherwise.
    pub fn with_deadline(mut self, deadline: Duration) -> Http {
        self.deadline = deadline;
        self
    }

    fn build(extra: Vec<CertificateDer<'static>>) -> Result<Http, ConfigError> {
        let problem = |error: rustls::Error| ConfigError::Certificates(error.to_string());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(&provider))
                .map_err(problem)?;
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(problem)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Http {
            tls,
            deadline: DEADLINE,
            lookup: system_lookup(),
        })
    }

    #[cfg(test)]
    pub(crate) fn with_lookup(mut self, lookup: Lookup) -> Http {
        self.lookup = lookup;
        self
    }

    /// A destination. The errors do not repeat the URL.
    pub(crate) fn endpoint(
        &self,
        url: &SecretString,
        access: Access,
    ) -> Result<Endpoint, ConfigError> {
        let url = Url::parse(url.expose_secret().trim()).map_err(|_| ConfigError::NotAUrl)?;
        let only_listed = check_url(&url, &access)?;
        let access = Arc::new(access);
        let resolver = GuardedResolver {
            access: Arc::clone(&access),
            only_listed,
            lookup: Arc::clone(&self.lookup),
        };
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .dns_resolver(Arc::new(resolver))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .http1_only()
            .no_gzip()
            // A reused connection may have been closed meanwhile, which looks like an unknown
            // outcome; and a new one is resolved and checked anew.
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT_TIMEOUT.min(self.deadline))
            .timeout(self.deadline)
            .user_agent(concat!("spendwatch/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| ConfigError::Client)?;
        Ok(Endpoint {
            url,
            access,
            client,
        })
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// One destination's URL, which is a secret, and the client that may reach it.
pub(crate) struct Endpoint {
    url: Url,
    access: Arc<Access>,
    client: reqwest::Client,
}

/// Shows the host, which is no secret, and nothing else.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(f, "{}://{host}/[redacted]", self.url.scheme())
    }
}

/// The part of an answer that decides.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Not before this.
    pub(crate) retry_after: Option<Timestamp>,
    /// The first 64 KiB.
    pub(crate) body: String,
    /// Whether that is all of it.
    pub(crate) complete: bool,
}

impl Endpoint {
    /// The host, for hints about retired services.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Posts JSON once.
    pub(crate) async fn post(
        &self,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
        at: Timestamp,
    ) -> Result<Reply, SendResult> {
        // Once more, so that this function is safe by itself.
        check_url(&self.url, &self.access).map_err(refused)?;
        let mut map = HeaderMap::new();
        map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in headers {
            let value = HeaderValue::from_str(value)
                .map_err(|_| SendResult::message(Class::Local, "a header has invalid bytes"))?;
            map.insert(HeaderName::from_static(name), value);
        }
        let mut response = self
            .client
            .post(self.url.clone())
            .headers(map)
            .body(body)
            .send()
            .await
            .map_err(|error| transport(&error.without_url()))?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after(value, at));
        let mut bytes = Vec::new();
        let complete = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    let room = MAX_RESPONSE_BYTES - bytes.len();
                    bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
                    if chunk.len() > room {
                        break false;
                    }
                }
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        Ok(Reply {
            status,
            retry_after,
            body: String::from_utf8_lossy(&bytes).into_owned(),
            complete,
        })
    }

    /// A word from an answer that may be shown: short, nothing but letters, digits, `_`, `-` and
    /// `.`, and no part of the URL.
    pub(crate) fn showable<'a>(&self, word: &'a str) -> Option<&'a str> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let fits = !word.is_empty() && word.len() <= 64 && word.chars().all(plain);
        (fits && !self.url.as_str().contains(word)).then_some(word)
    }
}

fn refused(refused: Refused) -> SendResult {
    SendResult::destination(Class::Refused, refused.to_string())
}

/// What an error of the transport means. Errors while connecting happen before anything is sent;
/// after that nobody knows.
fn transport(error: &reqwest::Error) -> SendResult {
    if let Some(why) = find::<Refused>(error) {
        return refused(*why);
    }
    if let Some(tls) = find::<rustls::Error>(error)
        && matches!(
            tls,
            rustls::Error::InvalidCertificate(_)
                | rustls::Error::NoCertificatesPresented
                | rustls::Error::PeerIncompatible(_)
        )
    {
        return SendResult::destination(
            Class::Tls,
            "the server's certificate or TLS is not accepted",
        );
    }
    match (error.is_connect(), error.is_timeout()) {
        (true, true) => SendResult::transient(Class::Timeout, "connecting took too long"),
        (true, false) => SendResult::transient(Class::Connect, "no connection"),
        (false, true) => SendResult::unknown(Class::Timeout, "no answer in time"),
        (false, false) if error.is_builder() => {
            SendResult::destination(Class::Local, "the request cannot be made")
        }
        (false, false) => SendResult::unknown(Class::Interrupted, "the connection broke"),
    }
}

/// An error of this type among the causes, also inside an `io::Error`, which hides what it wraps.
pub(crate) fn find<'a, T: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        if let Some(inner) = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            && let Some(found) = find::<T>(inner)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// What a status other than success means, before the channel's own rules. `repeatable` says that
/// the receiver recognizes a second one.
pub(crate) fn by_status(reply: &Reply, repeatable: bool, at: Timestamp) -> SendResult {
    let detail = format!("status {}", reply.status);
    match reply.status {
        300..=399 => SendResult::destination(
            Class::Redirect,
            format!("{detail}: redirects are not followed"),
        ),
        401 | 403 | 407 => SendResult::destination(Class::Auth, detail),
        404 | 405 => SendResult::destination(Class::NotFound, detail),
        410 => SendResult::destination(Class::Gone, detail),
        413 => SendResult::message(Class::TooLarge, detail),
        400 | 409 | 411 | 414 | 415 | 422 | 431 => SendResult::message(Class::Invalid, detail),
        429 => throttled(reply, at),
        408 | 425 | 503 => later(reply, Class::Server, detail),
        501 | 505 => SendResult::destination(Class::Protocol, detail),
        500..=599 if repeatable => later(reply, Class::Server, detail),
        500..=599 => SendResult::unknown(Class::Server, detail),
        // Anything else from a client's fault is about the place rather than this one notice; so
        // notices are kept.
        400..=499 => SendResult::destination(Class::Protocol, detail),
        _ => SendResult::unknown(Class::Protocol, detail),
    }
}

pub(crate) fn throttled(reply: &Reply, at: Timestamp) -> SendResult {
    let until = reply.retry_after.unwrap_or(at + DEFAULT_THROTTLE);
    SendResult::Throttled { until }
}

fn later(reply: &Reply, class: Class, detail: String) -> SendResult {
    SendResult::Transient {
        failure: crate::outcome::Failure::new(class, detail),
        not_before: reply.retry_after,
    }
}

/// When to come back: seconds, with or without a fraction, or an HTTP date. Nothing that lies in
/// the past, and at most 24 hours ahead.
pub(crate) fn retry_after(value: &str, at: Timestamp) -> Option<Timestamp> {
    let value = value.trim();
    let until = match value.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => {
            let capped = seconds.min(MAX_RETRY_AFTER.as_secs_f64());
            at + Duration::from_secs_f64(capped)
        }
        Ok(_) => return None,
        Err(_) => jiff::fmt::rfc2822::parse(value).ok()?.timestamp(),
    };
    Some(until.clamp(at, at + MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Mutex;

    use super::*;

    fn now() -> Timestamp {
        crate::samples::at()
    }

    fn answering(addresses: &'static [&'static str]) -> (Http, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let lookup: Lookup = Arc::new(move |name| {
            seen.lock().unwrap().push(name);
            Box::pin(async move {
                Ok(addresses
                    .iter()
                    .map(|text| text.parse::<IpAddr>().unwrap())
                    .collect())
            })
        });
        (Http::new().unwrap().with_lookup(lookup), asked)
    }

    #[test]
    fn retry_after_is_read_in_every_form() {
        let seconds = |text| retry_after(text, now()).map(|until| until.duration_since(now()));
        let whole = |n| Some(jiff::SignedDuration::from_secs(n));
        assert_eq!(seconds("120"), whole(120));
        assert_eq!(
            seconds(" 0.5 "),
            Some(jiff::SignedDuration::from_millis(500))
        );
        assert_eq!(seconds("Fri, 15 May 2026 06:31:00 GMT"), whole(60));
        assert_eq!(
            seconds("Thu, 14 May 2026 06:31:00 GMT"),
            whole(0),
            "the past is now"
        );
        assert_eq!(seconds("99999999"), whole(24 * 60 * 60));
        for bad in ["", "-1", "soon", "NaN", "inf"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn a_name_with_one_forbidden_address_is_refused() {
        for addresses in [
            &["127.0.0.1"][..],
            &["20.50.2.1", "10.0.0.1"],
            &["169.254.169.254"],
            &["168.63.129.16"],
            &["::ffff:127.0.0.1"],
            &["fd00::1"],
        ] {
            let (http, asked) = answering(addresses);
            let url = "https://rebind.contoso.example/secret".into();
            let endpoint = http.endpoint(&url, Access::public()).unwrap();
            let result = endpoint.post(&[], Vec::new(), now()).await.unwrap_err();
            let failure = result.failure().unwrap();
            assert!(
                matches!(result, SendResult::RejectedDestination { .. }),
                "{addresses:?}: {result:?}"
            );
            assert_eq!(failure.class, Class::Refused);
            assert_eq!(*asked.lock().unwrap(), ["rebind.contoso.example"]);
        }
    }

    #[tokio::test]
    async fn plain_http_and_local_names_lead_to_listed_addresses_only() {
        let access = || Access::private(["10.1.0.0/16".parse().unwrap()]);
        for url in ["http://chat.contoso.example/x", "https://chat.internal/x"] {
            let (http, _) = answering(&["20.50.2.1"]);
            let endpoint = http.endpoint(&url.into(), access()).unwrap();
            let result = endpoint.post(&[], Vec::new(), now()).await.unwrap_err();
            assert_eq!(result.failure().unwrap().class, Class::Refused, "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_without_address_and_a_closed_port_are_transient() {
        let (http, _) = answering(&[]);
        let endpoint = http
            .endpoint(&"https://gone.contoso.example/".into(), Access::public())
            .unwrap();
        let result = endpoint.post(&[], Vec::new(), now()).await.unwrap_err();
        assert!(matches!(result, SendResult::Transient { .. }), "{result:?}");

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let endpoint = http.endpoint(&url.into(), Access::loopback()).unwrap();
        let result = endpoint.post(&[], Vec::new(), now()).await.unwrap_err();
        assert!(matches!(result, SendResult::Transient { .. }), "{result:?}");
    }

    #[test]
    fn errors_and_debug_do_not_repeat_the_url() {
        let http = Http::new().unwrap();
        let canary = "c4n4ry";
        for url in [
            format!("https://127.0.0.1/{canary}"),
            format!("https://{canary}@contoso.example/"),
            format!("not a url {canary}"),
            format!("http://contoso.example/?sig={canary}"),
        ] {
            let error = http.endpoint(&url.into(), Access::public()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains(canary), "{error}");
        }
        let url = format!("https://hooks.contoso.example/{canary}?sig={canary}");
        let endpoint = http.endpoint(&url.into(), Access::public()).unwrap();
        assert_eq!(
            format!("{endpoint:?}"),
            "https://hooks.contoso.example/[redacted]"
        );
        assert_eq!(endpoint.showable(canary), None);
        assert_eq!(endpoint.showable("no_service"), Some("no_service"));
        assert_eq!(endpoint.showable("a b"), None);
    }
}
