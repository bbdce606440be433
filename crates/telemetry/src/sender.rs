//! Sends what the exporters have encoded. They run on threads of their own, so requests go to the runtime
//! that the process works with.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;

/// Hosts of Azure Monitor that take OTLP, in all clouds.
const AZURE_MONITOR: &str = ".ingest.monitor.azure.";
/// What a token for them is for.
const SCOPE: &str = "https://monitor.azure.com/.default";
/// The longest that one request may take.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The longest answer that is read, in bytes; receivers say little.
const MAX_ANSWER: usize = 64 * 1024;

/// The HTTP client of the exporters.
#[derive(Clone)]
pub(crate) struct Sender {
    client: reqwest::Client,
    runtime: Handle,
    credential: Option<Arc<dyn TokenCredential>>,
}

impl Sender {
    /// # Errors
    /// Outside of a runtime, or when there is no cryptography.
    pub(crate) fn new(credential: Option<Arc<dyn TokenCredential>>) -> anyhow::Result<Sender> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("the HTTP client of telemetry")?;
        let runtime = Handle::try_current().context("telemetry outside of a runtime")?;
        Ok(Sender {
            client,
            runtime,
            credential,
        })
    }

    async fn send(self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let host = parts.uri.host().unwrap_or_default();
        let needs_token = host.contains(AZURE_MONITOR);
        let mut builder = self
            .client
            .request(parts.method, parts.uri.to_string())
            .headers(parts.headers)
            .body(body);
        if needs_token {
            let credential = self.credential.as_ref();
            let credential = credential.ok_or("Azure Monitor needs an identity to sign in with")?;
            let token = credential.get_token(&[SCOPE], None).await?;
            builder = builder.bearer_auth(token.token.secret());
        }
        let mut answer = builder.send().await.map_err(reqwest::Error::without_url)?;
        let mut response = Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            *headers = answer.headers().clone();
        }
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
            if bytes.len() + piece.len() > MAX_ANSWER {
                return Err("the answer is too long".into());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(response.body(bytes.into())?)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.runtime.spawn(self.clone().send(request)).await?
    }
}
