//! Documents that are JSON: typed reads and writes on top of any [`Documents`].
//!
//! ```
//! use state_store::{Error, Memory, json};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let store = Memory::new();
//! for _ in 0..2 {
//!     json::update(&store, "counters/runs", |runs: Option<&u32>| {
//!         Ok::<_, Error>(Some(runs.copied().unwrap_or(0) + 1))
//!     })
//!     .await?;
//! }
//! let (runs, _version) = json::get::<u32>(&store, "counters/runs").await?.unwrap();
//! assert_eq!(runs, 2);
//! # Ok::<(), Error>(())
//! # }).unwrap();
//! ```

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::{Documents, Error, Result, Version};

/// How often [`update`] reads and tries to write before it gives up with [`Error::Moved`].
///
/// In every lost round somebody else wins, so this many writers of one document all get through.
pub const UPDATE_ATTEMPTS: u32 = 16;

/// Reads a document and its version; [`Error::Corrupt`] if it is not a `T` in JSON.
pub async fn get<T: DeserializeOwned>(
    store: &dyn Documents,
    key: &str,
) -> Result<Option<(T, Version)>> {
    let Some(document) = store.get(key).await? else {
        return Ok(None);
    };
    let value = serde_json::from_slice(&document.bytes).map_err(|error| Error::Corrupt {
        key: key.to_owned(),
        source: error.into(),
    })?;
    Ok(Some((value, document.version)))
}

/// Writes a new document; as [`Documents::create`].
pub async fn create<T: Serialize + ?Sized>(
    store: &dyn Documents,
    key: &str,
    value: &T,
) -> Result<Version> {
    store.create(key, encode(key, value)?).await
}

/// Overwrites a document that has not moved; as [`Documents::replace`].
pub async fn replace<T: Serialize + ?Sized>(
    store: &dyn Documents,
    key: &str,
    value: &T,
    version: &Version,
) -> Result<Version> {
    store.replace(key, encode(key, value)?, version).await
}

/// What [`update`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Updated<T> {
    /// The change was written, under this version.
    Written(T, Version),
    /// The closure wanted no change; this is what is there, if anything.
    Kept(Option<(T, Version)>),
}

impl<T> Updated<T> {
    /// What the document holds now, whichever way it went.
    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Written(value, _) | Self::Kept(Some((value, _))) => Some(value),
            Self::Kept(None) => None,
        }
    }
}

/// Reads, asks `change` for the new value, and writes it if nobody wrote in between.
///
/// After a lost race it reads again and asks again, up to [`UPDATE_ATTEMPTS`] times, then answers
/// [`Error::Moved`]. `change` sees `None` if there is no document, and answers `None` to leave
/// things as they are. A lost answer makes it see its own change, so it must be written such that
/// applying it twice does no harm ("mark as sent", not "add one") wherever that matters.
///
/// The error type is the caller's, so that `change` may refuse for its own reasons.
pub async fn update<T, E>(
    store: &dyn Documents,
    key: &str,
    mut change: impl FnMut(Option<&T>) -> Result<Option<T>, E>,
) -> Result<Updated<T>, E>
where
    T: Serialize + DeserializeOwned,
    E: From<Error>,
{
    let mut attempt = 1;
    loop {
        let current = get::<T>(store, key).await?;
        let Some(value) = change(current.as_ref().map(|(value, _)| value))? else {
            return Ok(Updated::Kept(current));
        };
        let written = match &current {
            Some((_, version)) => replace(store, key, &value, version).await,
            None => create(store, key, &value).await,
        };
        match written {
            Ok(version) => return Ok(Updated::Written(value, version)),
            Err(Error::Moved { .. } | Error::Exists { .. }) if attempt < UPDATE_ATTEMPTS => {
                // Losers of one round come back a little apart from the winner of the next.
                tokio::time::sleep(Duration::from_millis(u64::from(attempt))).await;
                attempt += 1;
            }
            Err(Error::Exists { key }) => return Err(Error::Moved { key }.into()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn encode<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::Refused {
        operation: format!("encode {key}"),
        source: error.into(),
    })
}
