//! A blob container that somebody else writes, for reading: large files, listed and streamed.

use std::{fmt, num::NonZero, sync::Arc, time::SystemTime};

use azure_core::{
    credentials::TokenCredential,
    http::{ClientOptions, Etag, HttpClientOptions, RetryOptions, Transport, Url, new_http_client},
};
use azure_storage_blob::{
    BlobContainerClient, BlobContainerClientOptions,
    models::{BlobClientDownloadOptions, BlobContainerClientListBlobsOptions},
};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, future::Either, stream};

use crate::azure::{Options, is, refused, retry, storage_error, without_last_slash, without_query};
use crate::{Error, Result};

/// Requests for parts of one blob that run at once. Each part has 4 MiB and up to twice as many are
/// held, which is what a stream of a blob needs of memory.
const PARTS_AT_ONCE: NonZero<usize> = NonZero::new(2).unwrap();

/// A blob container for reading. Nothing is ever written to it.
///
/// ```no_run
/// # use futures::TryStreamExt;
/// # async fn read() -> Result<(), Box<dyn std::error::Error>> {
/// # let credential = None;
/// // Once per process: rustls::crypto::ring::default_provider().install_default()
/// let url = "https://myaccount.blob.core.windows.net/exports".parse()?;
/// let container = state_store::Container::new(url, credential)?;
/// for blob in container.list("daily/").await? {
///     let bytes = container.read(&blob);
///     let count = bytes.try_fold(0, async |sum, piece| Ok(sum + piece.len())).await?;
///     println!("{}: {count} bytes", blob.name);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Container {
    client: Arc<BlobContainerClient>,
    page_size: Option<u16>,
}

/// A blob as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Name, with `/` between its parts.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// When its content was last written.
    pub modified: SystemTime,
    /// Version of the content; `""` to read whichever is there.
    pub etag: String,
}

impl Container {
    /// The container at a URL.
    ///
    /// With a credential the URL must be https. Without one it must carry a shared access signature
    /// in its query, or the container be open to all. Nothing is sent yet.
    ///
    /// # Panics
    /// If no default rustls provider is installed.
    pub fn new(url: Url, credential: Option<Arc<dyn TokenCredential>>) -> Result<Container> {
        let Options {
            retries, retry_for, ..
        } = Options::default();
        Self::with_retry(url, credential, retry(retries, retry_for))
    }

    fn with_retry(
        url: Url,
        credential: Option<Arc<dyn TokenCredential>>,
        retry: RetryOptions,
    ) -> Result<Container> {
        let url = without_last_slash(url)?;
        if url.path().trim_matches('/').is_empty() {
            return Err(refused("use the container URL", "it names no container"));
        }
        let transport = Transport::new(new_http_client(Some(HttpClientOptions {
            automatic_decompression: false,
        })));
        let options = BlobContainerClientOptions {
            client_options: ClientOptions {
                retry,
                transport: Some(transport),
                ..Default::default()
            },
            ..Default::default()
        };
        let client = BlobContainerClient::new(url, credential, Some(options))
            .map_err(|error| storage_error("use the container URL", &error))?;
        Ok(Container {
            client: Arc::new(client),
            page_size: None,
        })
    }

    /// The same with so many blobs per page of a listing, 1 to 5,000; 5,000 if never said.
    #[must_use]
    pub fn with_page_size(mut self, blobs: u16) -> Container {
        self.page_size = Some(blobs);
        self
    }

    /// All blobs whose names begin with a prefix, sorted by name, over all pages.
    ///
    /// # Errors
    /// Unlike a store's, a container that does not exist is an error.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Blob>> {
        let operation = format!("list the blobs of {self}");
        let failed = |error| match is(&error, "ContainerNotFound") {
            true => refused(operation.as_str(), "the container does not exist"),
            false => storage_error(operation.as_str(), &error),
        };
        let options = BlobContainerClientListBlobsOptions {
            prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
            maxresults: self.page_size.map(i32::from),
            ..Default::default()
        };
        let mut pages = self.client.list_blobs(Some(options)).map_err(failed)?;
        let mut blobs = Vec::new();
        while let Some(item) = pages.try_next().await.map_err(failed)? {
            let (Some(name), Some(properties)) = (item.name, item.properties) else {
                continue;
            };
            let modified = properties.last_modified;
            blobs.push(Blob {
                name,
                bytes: properties.content_length.unwrap_or_default(),
                modified: modified.map_or(SystemTime::UNIX_EPOCH, SystemTime::from),
                etag: properties.etag.map(String::from).unwrap_or_default(),
            });
        }
        blobs.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        Ok(blobs)
    }

    /// The bytes of a blob, piece by piece, as they are stored.
    ///
    /// # Errors
    /// [`Error::Moved`] if the blob is gone or was written anew since it was listed. After any error
    /// the pieces that came before it are a part of the whole: discard them.
    pub fn read(&self, blob: &Blob) -> impl Stream<Item = Result<Bytes>> + Send + use<> {
        let client = self.client.blob_client(&blob.name);
        let name = blob.name.clone();
        let options = BlobClientDownloadOptions {
            if_match: (!blob.etag.is_empty()).then(|| Etag::from(blob.etag.clone())),
            parallel: Some(PARTS_AT_ONCE),
            ..Default::default()
        };
        let failed = move |error: azure_core::Error| {
            if is(&error, "ConditionNotMet") || is(&error, "BlobNotFound") {
                return Error::Moved { key: name.clone() };
            }
            storage_error(format!("read {name}"), &error)
        };
        let opened = async move {
            match client.download(Some(options)).await {
                Ok(answer) => Either::Left(answer.body.map_err(failed)),
                Err(error) => Either::Right(stream::iter([Err(failed(error))])),
            }
        };
        stream::once(opened).flatten()
    }
}

/// Account and container, without the query of the URL.
impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_query(self.client.url()))
    }
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Container({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_unreachable_container_is_unavailable_and_leaks_no_signature() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Nobody listens on port 1.
        let url = "http://127.0.0.1:1/account/exports/?sv=1&sig=SECRET%3D";
        let container = Container::with_retry(url.parse().unwrap(), None, RetryOptions::none());
        let container = container.unwrap();
        assert_eq!(container.to_string(), "http://127.0.0.1:1/account/exports");
        let blob = Blob {
            name: "daily/part.csv".to_owned(),
            bytes: 1,
            modified: SystemTime::UNIX_EPOCH,
            etag: String::new(),
        };
        let read: Vec<_> = container.read(&blob).collect().await;
        let [Err(error)] = read.as_slice() else {
            panic!("{read:?}");
        };
        let source = std::error::Error::source(error).unwrap();
        let all = format!("{error} {error:?} {source} {source:?} {container:?}");
        assert!(matches!(error, Error::Unavailable { .. }), "{all}");
        assert!(all.contains("daily/part.csv"), "{all}");
        assert!(!all.contains("SECRET") && !all.contains("sig="), "{all}");
    }

    #[test]
    fn a_url_without_a_container_is_refused() {
        let url = "https://myaccount.blob.core.windows.net/";
        let error = Container::new(url.parse().unwrap(), None).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("names no container"), "{source}");
    }
}
