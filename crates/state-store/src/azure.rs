//! Azure Blob Storage for documents, Azure Queue Storage for queues.
//!
//! # Conditional writes
//!
//! A [`Version`] is the blob's ETag. A create sends `If-None-Match: *`, a replace and a delete send
//! `If-Match`. The service makes a new ETag at every write, also for equal bytes.
//!
//! # What is retried
//!
//! The SDK repeats a request after a connection failure, a broken answer, or status 408, 429, 500,
//! 502, 503 or 504, with growing pauses, obeying `Retry-After`. That includes writes whose answer
//! was lost, so a repeated create may meet its own first try as 409 and a repeated replace as 412;
//! nothing in the answer tells the two apart. [`Documents`] says what a caller does about it.
//!
//! # TLS
//!
//! The HTTP client of the SDK panics when it is built in a process without a default rustls
//! provider, also for plain HTTP: install one before [`Azure::new`].

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::{
    credentials::TokenCredential,
    error::ErrorKind,
    http::{
        ClientOptions, Etag, ExponentialRetryOptions, HttpClientOptions, RetryOptions, StatusCode,
        Transport, Url, headers::HeaderName, new_http_client,
    },
};
use azure_storage_blob::{
    BlobContainerClient, BlobContainerClientOptions,
    models::{
        BlobClientDeleteOptions, BlobClientUploadOptions, BlobContainerClientListBlobsOptions,
    },
};
use azure_storage_queue::{
    QueueClient, QueueServiceClient, QueueServiceClientOptions,
    models::{QueueClientReceiveMessagesOptions, QueueClientSendMessageOptions, QueueMessage},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::TryStreamExt;

use crate::{
    Document, Documents, Error, MAX_RECEIVE, Message, Queues, Result, Version, check_key,
    check_queue, check_text, key::check_prefix, whole_seconds,
};

/// Wake-ups may lie longer than the default of 7 days; readers decide what is stale.
const NEVER_EXPIRES: i32 = -1;

/// Documents in a blob container and queues in a storage account; see the [module](self).
///
/// The container and the queues are made when they are first found missing, so a service principal
/// without the right to make them works as long as they exist. Message text is base64 on the wire,
/// as the Functions host expects by default.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let credential = None;
/// use state_store::{Azure, azure};
///
/// // Once per process: rustls::crypto::ring::default_provider().install_default()
/// let store = Azure::new(
///     "https://myaccount.blob.core.windows.net/spendwatch".parse()?,
///     "https://myaccount.queue.core.windows.net".parse()?,
///     credential,
///     azure::Options::default(),
/// )?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Azure {
    clients: Arc<Clients>,
}

struct Clients {
    container: BlobContainerClient,
    queues: QueueServiceClient,
    page_size: Option<u16>,
}

/// Settings that have sensible defaults.
#[derive(Clone, Debug)]
pub struct Options {
    /// The HTTP stack, to share connections and roots with other Azure clients; `None` makes one.
    /// Automatic decompression must be off in it.
    pub transport: Option<Transport>,
    /// How often a failed request is repeated; 0 for never. Default: 4.
    pub retries: u32,
    /// No repetition starts later than this after the first failure. Default: 20 seconds.
    pub retry_for: Duration,
    /// Keys per page of a listing, 1 to 5,000; `None` leaves it to the service (5,000).
    pub page_size: Option<u16>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            transport: None,
            retries: 4,
            retry_for: Duration::from_secs(20),
            page_size: None,
        }
    }
}

impl Azure {
    /// A store in the container at `container_url` and the account at `queue_service_url`.
    ///
    /// With a credential both URLs must be https. Without one each URL must carry a shared access
    /// signature in its query. Nothing is sent yet.
    ///
    /// # Panics
    ///
    /// If no default rustls provider is installed and `options.transport` is `None`.
    pub fn new(
        container_url: Url,
        queue_service_url: Url,
        credential: Option<Arc<dyn TokenCredential>>,
        options: Options,
    ) -> Result<Self> {
        let Options {
            transport,
            retries,
            retry_for,
            page_size,
        } = options;
        let container_url = without_last_slash(container_url)?;
        let queue_service_url = without_last_slash(queue_service_url)?;
        if container_url.path().trim_matches('/').is_empty() {
            return Err(refused("use the container URL", "it names no container"));
        }
        // Building an HTTP client reads the system's root certificates, so both services share one.
        let transport = transport.unwrap_or_else(|| {
            let options = HttpClientOptions {
                automatic_decompression: false,
            };
            Transport::new(new_http_client(Some(options)))
        });
        let client_options = ClientOptions {
            retry: retry(retries, retry_for),
            transport: Some(transport),
            ..Default::default()
        };
        let container = BlobContainerClient::new(
            container_url,
            credential.clone(),
            Some(BlobContainerClientOptions {
                client_options: client_options.clone(),
                ..Default::default()
            }),
        )
        .map_err(|error| storage_error("use the container URL", &error))?;
        let queues = QueueServiceClient::new(
            queue_service_url,
            credential,
            Some(QueueServiceClientOptions {
                client_options,
                ..Default::default()
            }),
        )
        .map_err(|error| storage_error("use the queue service URL", &error))?;
        Ok(Self {
            clients: Arc::new(Clients {
                container,
                queues,
                page_size,
            }),
        })
    }

    fn container(&self) -> &BlobContainerClient {
        &self.clients.container
    }

    fn queue(&self, queue: &str) -> Result<QueueClient> {
        self.clients
            .queues
            .queue_client(queue)
            .map_err(|error| storage_error(format!("address queue {queue}"), &error))
    }

    /// Uploads under a condition, making the container if that is what is missing.
    async fn upload(
        &self,
        key: &str,
        bytes: Vec<u8>,
        condition: BlobClientUploadOptions<'_>,
    ) -> Answer<Version> {
        let blob = self.container().blob_client(key);
        let content = Bytes::from(bytes);
        let send = || blob.upload(content.clone().into(), Some(condition.clone()));
        let result = match send().await {
            Err(error) if is(&error, "ContainerNotFound") => {
                self.create_container().await?;
                send().await
            }
            other => other,
        };
        match result?.etag {
            Some(etag) => Ok(Version(etag.into())),
            None => Err(azure_core::Error::with_message(
                ErrorKind::DataConversion,
                "the answer has no ETag",
            )),
        }
    }

    async fn create_container(&self) -> Answer<()> {
        match self.container().create(None).await {
            Err(error) if !is(&error, "ContainerAlreadyExists") => Err(error),
            _ => Ok(()),
        }
    }
}

/// Shows where the store is, without the query of any URL.
impl fmt::Debug for Azure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Azure")
            .field("container", &without_query(self.clients.container.url()))
            .field("queues", &without_query(self.clients.queues.url()))
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Documents for Azure {
    async fn get(&self, key: &str) -> Result<Option<Document>> {
        check_key(key)?;
        let failed = |error| storage_error(format!("read {key}"), &error);
        let answer = match self.container().blob_client(key).download(None).await {
            Err(error) if status(&error) == Some(StatusCode::NotFound) => return Ok(None),
            other => other.map_err(failed)?,
        };
        let Some(etag) = answer.properties.etag else {
            return Err(refused(format!("read {key}"), "the answer has no ETag"));
        };
        let bytes = answer.body.collect().await.map_err(failed)?;
        Ok(Some(Document {
            bytes: bytes.into(),
            version: Version(etag.into()),
        }))
    }

    async fn create(&self, key: &str, bytes: Vec<u8>) -> Result<Version> {
        check_key(key)?;
        let condition = BlobClientUploadOptions::default().if_not_exists();
        self.upload(key, bytes, condition)
            .await
            .map_err(|error| match status(&error) {
                Some(StatusCode::Conflict) if is(&error, "BlobAlreadyExists") => Error::Exists {
                    key: key.to_owned(),
                },
                Some(StatusCode::PreconditionFailed) if is(&error, "ConditionNotMet") => {
                    Error::Exists {
                        key: key.to_owned(),
                    }
                }
                _ => storage_error(format!("create {key}"), &error),
            })
    }

    async fn replace(&self, key: &str, bytes: Vec<u8>, version: &Version) -> Result<Version> {
        check_key(key)?;
        let condition = BlobClientUploadOptions {
            if_match: Some(etag(version)),
            ..Default::default()
        };
        self.upload(key, bytes, condition).await.map_err(|error| {
            if is_moved(&error) {
                Error::Moved {
                    key: key.to_owned(),
                }
            } else {
                storage_error(format!("replace {key}"), &error)
            }
        })
    }

    async fn delete(&self, key: &str, version: &Version) -> Result<()> {
        check_key(key)?;
        let condition = BlobClientDeleteOptions {
            if_match: Some(etag(version)),
            ..Default::default()
        };
        match self
            .container()
            .blob_client(key)
            .delete(Some(condition))
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if is_moved(&error) => Err(Error::Moved {
                key: key.to_owned(),
            }),
            Err(error) => Err(storage_error(format!("delete {key}"), &error)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        check_prefix(prefix)?;
        let failed = |error| storage_error(format!("list {prefix:?}"), &error);
        let options = BlobContainerClientListBlobsOptions {
            prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
            maxresults: self.clients.page_size.map(i32::from),
            ..Default::default()
        };
        let mut blobs = self.container().list_blobs(Some(options)).map_err(failed)?;
        let mut keys = Vec::new();
        loop {
            match blobs.try_next().await {
                Ok(Some(blob)) => keys.extend(blob.name.filter(|name| check_key(name).is_ok())),
                Ok(None) => break,
                Err(error) if is(&error, "ContainerNotFound") => return Ok(Vec::new()),
                Err(error) => return Err(failed(error)),
            }
        }
        keys.sort_unstable();
        Ok(keys)
    }
}

#[async_trait]
impl Queues for Azure {
    async fn send(&self, queue: &str, text: &str, delay: Duration) -> Result<()> {
        check_queue(queue)?;
        check_text(queue, text)?;
        let client = self.queue(queue)?;
        let send = async || -> Answer<()> {
            let message = QueueMessage {
                message_text: Some(BASE64_STANDARD.encode(text)),
            };
            let options = QueueClientSendMessageOptions {
                message_time_to_live: Some(NEVER_EXPIRES),
                visibility_timeout: Some(seconds(delay)),
                ..Default::default()
            };
            client
                .send_message(message.try_into()?, Some(options))
                .await
                .map(drop)
        };
        let result = match send().await {
            Err(error) if is(&error, "QueueNotFound") => match client.create(None).await {
                // Another sender was quicker; with other metadata, but ours has none to lose.
                Err(error) if !is(&error, "QueueAlreadyExists") => Err(error),
                _ => send().await,
            },
            other => other,
        };
        result.map_err(|error| storage_error(format!("send to queue {queue}"), &error))
    }

    async fn receive(&self, queue: &str, max: usize, visibility: Duration) -> Result<Vec<Message>> {
        check_queue(queue)?;
        let failed = |error| storage_error(format!("receive from queue {queue}"), &error);
        // The service wants at least one; asking for none is answered here.
        let number_of_messages = i32::try_from(max.min(MAX_RECEIVE))
            .ok()
            .filter(|max| *max > 0);
        if number_of_messages.is_none() {
            return Ok(Vec::new());
        }
        let options = QueueClientReceiveMessagesOptions {
            number_of_messages,
            visibility_timeout: Some(seconds(visibility).max(1)),
            ..Default::default()
        };
        let answer = match self.queue(queue)?.receive_messages(Some(options)).await {
            Err(error) if is(&error, "QueueNotFound") => return Ok(Vec::new()),
            other => other.map_err(failed)?,
        };
        let received = answer
            .into_model()
            .map_err(failed)?
            .items
            .unwrap_or_default();
        let messages = received.into_iter().filter_map(|message| {
            let (Some(id), Some(receipt)) = (message.message_id, message.pop_receipt) else {
                return None;
            };
            let encoded = message.message_text.unwrap_or_default();
            let decoded = BASE64_STANDARD
                .decode(&encoded)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok());
            // Text that some other tool put there as it is; better handed out than stuck forever.
            let text = decoded.unwrap_or(encoded);
            let dequeue_count = message
                .dequeue_count
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(1);
            Some(Message {
                id,
                receipt,
                text,
                dequeue_count,
            })
        });
        Ok(messages.collect())
    }

    async fn delete(&self, queue: &str, message: &Message) -> Result<()> {
        check_queue(queue)?;
        match self
            .queue(queue)?
            .delete_message(&message.id, &message.receipt, None)
            .await
        {
            Ok(_) => Ok(()),
            Err(error)
                if status(&error) == Some(StatusCode::NotFound)
                    || is(&error, "PopReceiptMismatch")
                    || is(&error, "InvalidQueryParameterValue") =>
            {
                Err(Error::Moved {
                    key: format!("{queue}/{}", message.id),
                })
            }
            Err(error) => Err(storage_error(
                format!("delete a message of queue {queue}"),
                &error,
            )),
        }
    }
}

/// What the SDK answers, before it becomes our error.
type Answer<T> = azure_core::Result<T>;

/// How failed requests are repeated.
pub(crate) fn retry(retries: u32, retry_for: Duration) -> RetryOptions {
    match retries {
        0 => RetryOptions::none(),
        max_retries => RetryOptions::exponential(ExponentialRetryOptions {
            max_retries,
            max_total_elapsed: retry_for
                .try_into()
                .unwrap_or(azure_core::time::Duration::MAX),
            ..Default::default()
        }),
    }
}

fn etag(version: &Version) -> Etag {
    Etag::from(version.as_str())
}

fn seconds(delay: Duration) -> i32 {
    i32::try_from(whole_seconds(delay)).unwrap_or(i32::MAX)
}

fn status(error: &azure_core::Error) -> Option<StatusCode> {
    error.http_status()
}

/// Whether the service gave this error code.
pub(crate) fn is(error: &azure_core::Error, code: &str) -> bool {
    matches!(error.kind(), ErrorKind::HttpResponse { error_code: Some(found), .. } if found == code)
}

/// Whether a condition on the ETag failed, or there is nothing left for it to hold on to.
fn is_moved(error: &azure_core::Error) -> bool {
    is(error, "ConditionNotMet") || is(error, "BlobNotFound") || is(error, "ContainerNotFound")
}

pub(crate) fn refused(operation: impl Into<String>, reason: &str) -> Error {
    Error::Refused {
        operation: operation.into(),
        source: reason.into(),
    }
}

/// Sorts an error of the SDK by what the caller does about it.
pub(crate) fn storage_error(operation: impl Into<String>, error: &azure_core::Error) -> Error {
    let operation = operation.into();
    let source = describe(error).into();
    let ErrorKind::HttpResponse {
        status, error_code, ..
    } = error.kind()
    else {
        return match error.kind() {
            ErrorKind::Connection | ErrorKind::Io => Error::Unavailable { operation, source },
            ErrorKind::Credential => Error::Unauthorized { operation, source },
            _ => Error::Refused { operation, source },
        };
    };
    let passing = [
        "ContainerBeingDeleted",
        "QueueBeingDeleted",
        "OperationTimedOut",
        "ServerBusy",
    ];
    match u16::from(*status) {
        401 | 403 => Error::Unauthorized { operation, source },
        408 | 429 | 500..=599 => Error::Unavailable { operation, source },
        _ if error_code
            .as_deref()
            .is_some_and(|code| passing.contains(&code)) =>
        {
            Error::Unavailable { operation, source }
        }
        _ => Error::Refused { operation, source },
    }
}

/// The error as text that holds no secret: the SDK's own text may quote a URL with its query.
fn describe(error: &azure_core::Error) -> String {
    if let ErrorKind::HttpResponse {
        status,
        error_code,
        raw_response,
    } = error.kind()
    {
        let code = error_code.as_deref().unwrap_or("no code");
        let request_id = raw_response.as_ref().and_then(|response| {
            response
                .headers()
                .get_optional_string(&HeaderName::from_static("x-ms-request-id"))
        });
        let request_id = request_id.as_deref().unwrap_or("unknown");
        return redact(&format!(
            "status {}, {code}, request {request_id}",
            u16::from(*status)
        ));
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let part = error.to_string();
        // Many errors already print their source.
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        source = error.source();
    }
    redact(&text)
}

/// Cuts the query from every URL in `text`, and the value of every `sig=` outside of one.
fn redact(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let (mut in_url, mut cutting) = (false, false);
    for (at, character) in text.char_indices() {
        let rest = &text[at..];
        if character.is_whitespace()
            || matches!(character, '"' | '\'' | '`' | '(' | ')' | '<' | '>')
        {
            (in_url, cutting) = (false, false);
        }
        if rest.starts_with("://") {
            in_url = true;
        }
        if !cutting && ((in_url && character == '?') || rest.starts_with("sig=")) {
            cutting = true;
            clean.push_str(if character == '?' { "?…" } else { "sig=…" });
        }
        if !cutting {
            clean.push(character);
        }
    }
    clean
}

/// A URL to add segments to: `https://host/container/` and `https://host/container` are the same.
pub(crate) fn without_last_slash(mut url: Url) -> Result<Url> {
    match url.path_segments_mut() {
        Ok(mut segments) => segments.pop_if_empty(),
        Err(()) => return Err(refused("use a storage URL", "it is not an http URL")),
    };
    Ok(url)
}

pub(crate) fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_cut_from_text() {
        let cases = [
            ("plain text?", "plain text?"),
            (
                "url (http://h:1/c/k?sv=1&sig=a%2Fb) failed",
                "url (http://h:1/c/k?…) failed",
            ),
            (
                "\"https://h/?sig=x\": https://h/c?y z",
                "\"https://h/?…\": https://h/c?… z",
            ),
            ("query sv=1&sig=abc= end", "query sv=1&sig=… end"),
            ("http://h/c no query", "http://h/c no query"),
            ("", ""),
        ];
        for (text, clean) in cases {
            assert_eq!(redact(text), clean);
        }
    }

    fn store(retries: u32) -> Azure {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Nobody listens on port 1.
        let url = |path: &str| {
            Url::parse(&format!("http://127.0.0.1:1{path}?sv=1&sig=SECRET%3D")).unwrap()
        };
        Azure::new(
            url("/account/box/"),
            url("/account"),
            None,
            Options {
                retries,
                ..Options::default()
            },
        )
        .unwrap()
    }

    #[test]
    fn debug_shows_no_signature() {
        let shown = format!("{:?}", store(0));
        assert!(shown.contains("127.0.0.1:1/account/box"), "{shown}");
        assert!(
            !shown.contains("SECRET") && !shown.contains("sig"),
            "{shown}"
        );
    }

    #[tokio::test]
    async fn unreachable_store_is_unavailable_and_its_errors_leak_no_signature() {
        let store = store(0);
        let message = Message {
            id: "i".into(),
            receipt: "r".into(),
            text: String::new(),
            dequeue_count: 1,
        };
        let errors = [
            store.get("a").await.unwrap_err(),
            store.create("a", vec![]).await.unwrap_err(),
            store
                .replace("a", vec![], &Version::from("v"))
                .await
                .unwrap_err(),
            Documents::delete(&store, "a", &Version::from("v"))
                .await
                .unwrap_err(),
            store.list("").await.unwrap_err(),
            store.send("abc", "text", Duration::ZERO).await.unwrap_err(),
            store.receive("abc", 1, Duration::ZERO).await.unwrap_err(),
            Queues::delete(&store, "abc", &message).await.unwrap_err(),
        ];
        for error in errors {
            let source = std::error::Error::source(&error).unwrap();
            let all = format!("{error} {error:?} {source} {source:?}");
            assert!(matches!(error, Error::Unavailable { .. }), "{all}");
            assert!(!all.contains("SECRET") && !all.contains("sig="), "{all}");
        }
    }

    #[test]
    fn urls_that_cannot_work_are_refused_without_their_query() {
        let good = Url::parse("https://a.queue.core.windows.net").unwrap();
        for bad in [
            "https://a.blob.core.windows.net/?sig=SECRET",
            "data:text/plain,x?sig=SECRET",
        ] {
            let error = Azure::new(
                Url::parse(bad).unwrap(),
                good.clone(),
                None,
                Options::default(),
            )
            .unwrap_err();
            assert!(matches!(error, Error::Refused { .. }));
            assert!(!format!("{error:?}").contains("SECRET"));
        }
    }
}
