//! Blobs: what reports link to and exports write, below `/storage/{container}`.
//!
//! A blob is read by a signed link or, like the list of a container, with a token for storage.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};

use super::answer::{Answer, Handled, Refusal};
use super::auth;
use super::faults::Mishap;
use super::operation::Call;
use super::request::Request;
use super::state::{Sandbox, lock};

/// How long a signed link works.
const VALIDITY: SignedDuration = SignedDuration::from_hours(1);

/// Blobs of all containers, by container and name.
#[derive(Debug, Default)]
pub(super) struct Storage(Mutex<BTreeMap<(String, String), Blob>>);

#[derive(Debug, Clone)]
struct Blob {
    media_type: &'static str,
    bytes: Bytes,
    modified: Timestamp,
}

/// A link with a signature.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) url: String,
    pub(super) valid_until: Timestamp,
}

impl Storage {
    pub(super) fn write(
        &self,
        container: &str,
        name: &str,
        media_type: &'static str,
        bytes: Vec<u8>,
    ) {
        let blob = Blob {
            media_type,
            bytes: bytes.into(),
            modified: Timestamp::now(),
        };
        lock(&self.0).insert((container.to_owned(), name.to_owned()), blob);
    }

    /// Removes the blobs of a container whose names begin so.
    pub(super) fn remove_below(&self, container: &str, prefix: &str) {
        lock(&self.0).retain(|(known, name), _| known != container || !name.starts_with(prefix));
    }
}

/// Keeps a file of a report and links to it for an hour; or says that the hour is over, if that
/// fault is on.
pub(super) fn publish(call: &Call, name: &str, media_type: &'static str, bytes: Vec<u8>) -> Link {
    let storage = &call.sandbox.documents.storage;
    storage.write("reports", name, media_type, bytes);
    let now = Timestamp::now();
    let is_past = |what: &Mishap| *what == Mishap::PastValidity;
    let faults = &call.sandbox.faults;
    let is_past = faults.take(call.operation.name, is_past).is_some();
    let end = now + VALIDITY;
    let expiry = end.as_second();
    let signature = auth::signature(&signed_text("reports", name, expiry));
    let base = call.file_base();
    Link {
        url: format!(
            "{base}/storage/reports/{name}?sv=2024-05-04&se={expiry}&sr=b&sp=r&sig={signature}"
        ),
        valid_until: if is_past { now - VALIDITY } else { end },
    }
}

fn signed_text(container: &str, name: &str, expiry: i64) -> String {
    format!("{container}/{name}\n{expiry}")
}

/// The operation's name and the container and blob, if a request is for storage.
pub(super) fn find(request: &Request) -> Option<(&'static str, &str, String)> {
    let mut segments = request.segments.iter();
    if segments.next()? != "storage" {
        return None;
    }
    let container = segments.next()?;
    let name = segments.map(|part| &**part).collect::<Vec<_>>().join("/");
    let operation = if name.is_empty() {
        "Blob_List"
    } else {
        "Blob_Get"
    };
    Some((operation, container, name))
}

/// Answers a request of storage.
pub(super) fn answer(sandbox: &Sandbox, request: &Request, container: &str, name: &str) -> Handled {
    if request.method != Method::GET && request.method != Method::HEAD {
        return Ok(error(StatusCode::METHOD_NOT_ALLOWED, "UnsupportedHttpVerb"));
    }
    let is_listing = name.is_empty();
    let operation = if is_listing { "Blob_List" } else { "Blob_Get" };
    let is_expired = |what: &Mishap| *what == Mishap::ExpiredLink;
    let is_expired = sandbox.faults.take(operation, is_expired).is_some();
    if is_expired || !may_read(sandbox, request, container, name) {
        return Ok(error(StatusCode::FORBIDDEN, "AuthenticationFailed"));
    }
    if is_listing {
        return list(&sandbox.documents.storage, request, container);
    }
    let blobs = lock(&sandbox.documents.storage.0);
    match blobs.get(&(container.to_owned(), name.to_owned())) {
        Some(blob) => Ok(download(blob, request)),
        None => Ok(error(StatusCode::NOT_FOUND, "BlobNotFound")),
    }
}

fn may_read(sandbox: &Sandbox, request: &Request, container: &str, name: &str) -> bool {
    match request.parameter("sig") {
        None => !sandbox.options.needs_token || auth::check_token(request).is_ok(),
        Some(signature) => {
            let expiry = request
                .parameter("se")
                .and_then(|text| text.parse::<i64>().ok());
            expiry.is_some_and(|expiry| {
                expiry > Timestamp::now().as_second()
                    && auth::is_signed(&signed_text(container, name, expiry), signature)
            })
        }
    }
}

/// The whole blob or the range that was asked for.
fn download(blob: &Blob, request: &Request) -> Answer {
    let length = blob.bytes.len();
    let asked = request.header("x-ms-range").or(request.header("range"));
    let range = asked.and_then(|text| {
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        let first: usize = first.parse().ok()?;
        let last: usize = if last.is_empty() {
            length.checked_sub(1)?
        } else {
            last.parse().ok()?
        };
        Some((first, last.min(length.checked_sub(1)?)))
    });
    let answer = match range {
        None => Answer::text(blob.media_type, blob.bytes.clone()),
        Some((first, last)) if first <= last => {
            let part = blob.bytes.slice(first..=last);
            Answer::text(blob.media_type, part)
                .with_status(StatusCode::PARTIAL_CONTENT)
                .with_header("content-range", &format!("bytes {first}-{last}/{length}"))
        }
        Some(_) => return error(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange"),
    };
    answer
        .with_header("etag", &etag(blob))
        .with_header("last-modified", &http_date(blob.modified))
        .with_header("x-ms-blob-type", "BlockBlob")
        .with_header("x-ms-version", "2024-05-04")
}

fn etag(blob: &Blob) -> String {
    format!("\"0x{:X}\"", blob.modified.as_nanosecond())
}

fn http_date(at: Timestamp) -> String {
    let printed = DateTimePrinter::new().timestamp_to_rfc9110_string(&at);
    printed.unwrap_or_default()
}

/// List Blobs, with pages by `marker`.
fn list(storage: &Storage, request: &Request, container: &str) -> Handled {
    if request.parameter("comp") != Some("list") {
        return Err(Refusal::bad_request(
            "A container can only be listed, with comp=list.",
        ));
    }
    let prefix = request.parameter("prefix").unwrap_or_default();
    let most = request
        .parameter("maxresults")
        .and_then(|text| text.parse().ok());
    let most = most.unwrap_or(5000_usize).clamp(1, 5000);
    let decode = |marker: &str| STANDARD.decode(marker).ok();
    let marker = request
        .parameter("marker")
        .and_then(decode)
        .unwrap_or_default();
    let marker = String::from_utf8(marker).unwrap_or_default();
    let blobs = lock(&storage.0);
    let found = blobs
        .iter()
        .filter(|((known, name), _)| known == container && name.starts_with(prefix))
        .filter(|((_, name), _)| **name >= *marker);
    let mut found = found.peekable();
    let mut items = String::new();
    for ((_, name), blob) in found.by_ref().take(most) {
        items.push_str(&format!(
            "<Blob><Name>{}</Name><Properties><Last-Modified>{}</Last-Modified><Etag>{}</Etag>\
             <Content-Length>{}</Content-Length><Content-Type>{}</Content-Type>\
             <BlobType>BlockBlob</BlobType></Properties></Blob>",
            escape(name),
            http_date(blob.modified),
            escape(&etag(blob)),
            blob.bytes.len(),
            blob.media_type
        ));
    }
    let next = found.peek().map(|((_, name), _)| STANDARD.encode(name));
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"{}\" \
         ContainerName=\"{}\"><Prefix>{}</Prefix><Blobs>{items}</Blobs><NextMarker>{}</NextMarker>\
         </EnumerationResults>",
        escape(&format!("{}/storage/", request.base())),
        escape(container),
        escape(prefix),
        next.unwrap_or_default()
    );
    Ok(Answer::text("application/xml", body).with_header("x-ms-version", "2024-05-04"))
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

fn error(status: StatusCode, code: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code>\
         <Message>The request was refused.</Message></Error>"
    );
    Answer::text("application/xml", body).with_status(status)
}
