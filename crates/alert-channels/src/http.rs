//! The guarded HTTP client that all HTTP channels share.
//!
//! One request on one connection: no redirects, no proxy, no reuse, a deadline, and at most 64 KiB
//! of the answer are read. TLS is configured here, so no crypto provider needs to be installed.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub use crate::guard::{Access, Refused};
pub(crate) use reply::{Reply, by_status, later, seconds, throttled};

mod reply;

use crate::channel::ConfigError;
use crate::guard::{GuardedResolver, Lookup, check_url, system_lookup};
use crate::outcome::{Class, Failure, SendResult};

/// How long a destination may take, answer included.
const DEADLINE: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// What HTTP channels are made from: trusted certificates and a deadline. Make one and share it.
#[derive(Clone)]
pub struct Http {
    tls: ClientConfig,
    deadline: Duration,
    lookup: Lookup,
}

impl Http {
    /// A client that trusts what the system trusts, as it was when the first one was made: to read all
    /// those certificates takes long.
    pub fn new() -> Result<Http, ConfigError> {
        static SYSTEM: OnceLock<ClientConfig> = OnceLock::new();
        let tls = match SYSTEM.get() {
            Some(tls) => tls,
            None => {
                let tls = trusting(Vec::new())?;
                SYSTEM.get_or_init(|| tls)
            }
        };
        Ok(Http::with_tls(tls.clone()))
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
        Ok(Http::with_tls(trusting(certificates)?))
    }

    /// A client for which every name stands for this machine, for tests of channels that are tied to
    /// the hosts of a service.
    #[cfg(any(test, feature = "test-util"))]
    pub fn local() -> Result<Http, ConfigError> {
        let mut local = Http::new()?;
        let here = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        local.lookup = Arc::new(move |_| Box::pin(async move { Ok(vec![here]) }));
        Ok(local)
    }

    /// The same with another deadline for a whole request; 30 s otherwise.
    pub fn with_deadline(mut self, deadline: Duration) -> Http {
        self.deadline = deadline;
        self
    }

    fn with_tls(tls: ClientConfig) -> Http {
        Http {
            tls,
            deadline: DEADLINE,
            lookup: system_lookup(),
        }
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
            hidden: Vec::new(),
        })
    }
}

/// What the system trusts, and these certificates.
fn trusting(extra: Vec<CertificateDer<'static>>) -> Result<ClientConfig, ConfigError> {
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
    Ok(tls)
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// One destination's URL, which is a secret, and the client that may reach it.
#[derive(Clone)]
pub(crate) struct Endpoint {
    url: Url,
    access: Arc<Access>,
    client: reqwest::Client,
    /// What else must not be shown, though the far side may repeat it.
    hidden: Vec<SecretString>,
}

/// Shows the host, which is no secret, and nothing else.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(f, "{}://{host}/[redacted]", self.url.scheme())
    }
}

impl Endpoint {
    /// The host, for hints about retired services.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The same, never showing this secret.
    pub(crate) fn hiding(mut self, secret: &SecretString) -> Endpoint {
        self.hidden.push(secret.clone());
        self
    }

    /// A place below this one on the same host: path segments are added, query pairs set.
    pub(crate) fn below(&self, segments: &[&str], query: &[(&str, &str)]) -> Endpoint {
        let mut below = self.clone();
        // URLs without a path, such as `mailto:`, are refused when an endpoint is made.
        if let Ok(mut path) = below.url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        if !query.is_empty() {
            let kept: Vec<(String, String)> = below.url.query_pairs().into_owned().collect();
            let kept = kept
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .filter(|(name, _)| query.iter().all(|(set, _)| set != name));
            let pairs: Vec<(&str, &str)> = kept.chain(query.iter().copied()).collect();
            below.url.query_pairs_mut().clear().extend_pairs(pairs);
        }
        below
    }

    /// Whether a token of our own identity may be sent there: only to hosts of the one service that
    /// it is for, and only encrypted. What leads nowhere but to this machine needs no encryption.
    pub(crate) fn may_carry_tokens(&self, suffixes: &[&str]) -> bool {
        let host = self.host().trim_end_matches('.');
        let is_theirs = suffixes.iter().any(|suffix| host.ends_with(suffix));
        is_theirs && (self.url.scheme() == "https" || self.access.is_this_machine())
    }

    /// Posts JSON once.
    pub(crate) async fn post(
        &self,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
        at: Timestamp,
    ) -> Result<Reply, SendResult> {
        self.post_as("application/json", headers, body, at).await
    }

    /// Posts once.
    pub(crate) async fn post_as(
        &self,
        content_type: &'static str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
        at: Timestamp,
    ) -> Result<Reply, SendResult> {
        let body = Some((content_type, body));
        self.request(Method::POST, headers, body, at).await
    }

    /// Asks once. An outcome that nobody knows is none here: nothing changes by asking.
    pub(crate) async fn get(
        &self,
        headers: &[(&'static str, String)],
        at: Timestamp,
    ) -> Result<Reply, SendResult> {
        let asked = self.request(Method::GET, headers, None, at).await;
        asked.map_err(|result| match result {
            SendResult::Unknown { failure } => SendResult::Transient {
                failure,
                not_before: None,
            },
            other => other,
        })
    }

    /// Asks the host, not the address below it, whether it is there. Any answer is one, so that no key and
    /// no address that works like one is sent.
    pub(crate) async fn reach(&self, at: Timestamp) -> Result<(), Failure> {
        let mut host = self.clone();
        host.url.set_path("/");
        host.url.set_query(None);
        match host.request(Method::HEAD, &[], None, at).await {
            Ok(_) => Ok(()),
            Err(result) => match result.failure() {
                Some(failure) => Err(failure.clone()),
                None => Ok(()),
            },
        }
    }

    async fn request(
        &self,
        method: Method,
        headers: &[(&'static str, String)],
        body: Option<(&'static str, Vec<u8>)>,
        at: Timestamp,
    ) -> Result<Reply, SendResult> {
        // Once more, so that this function is safe by itself.
        check_url(&self.url, &self.access).map_err(refused)?;
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| SendResult::message(Class::Local, "a header has invalid bytes"))?;
            // Some are keys; none is for logs.
            value.set_sensitive(true);
            map.insert(HeaderName::from_static(name), value);
        }
        let mut request = self.client.request(method, self.url.clone());
        if let Some((content_type, body)) = body {
            map.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            request = request.body(body);
        }
        let mut response = request
            .headers(map)
            .send()
            .await
            .map_err(|error| transport(&error.without_url()))?;
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
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Reply::new(status, headers, body, complete, at))
    }

    /// A word from an answer that may be shown: short, nothing but letters, digits, `_`, `-` and
    /// `.`, and no part of the URL or of a key.
    pub(crate) fn showable<'a>(&self, word: &'a str) -> Option<&'a str> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let fits = !word.is_empty() && word.len() <= 64 && word.chars().all(plain);
        let mut hidden = self.hidden.iter();
        let is_secret = self.url.as_str().contains(word)
            || hidden.any(|secret| secret.expose_secret().contains(word));
        (fits && !is_secret).then_some(word)
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
