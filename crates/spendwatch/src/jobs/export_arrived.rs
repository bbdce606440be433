//! A new file of an export has arrived: what reads it is evaluated at once, instead of hours later.
//!
//! Event Grid puts its event into the queue `exports`. It is no source of figures: it only wakes, and losing
//! or doubling it is harmless.

use anyhow::{Context, ensure};
use jiff::SignedDuration;
use serde::Deserialize;
use url::Url;

use crate::app::{App, Hint};
use crate::config::SourceKind;

/// A blob that Event Grid tells of: the part of its two schemas (Event Grid's own, and CloudEvents 1.0) that
/// both have (learn.microsoft.com/azure/event-grid/event-schema-blob-storage).
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    data: EventData,
}

#[derive(Debug, Clone, Deserialize)]
struct EventData {
    url: Url,
}

/// Reads a queue message: one event, or a list of them.
///
/// # Errors
/// When it is neither. The message is not repeated.
pub fn read(text: &str) -> anyhow::Result<Vec<Event>> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Told {
        One(Event),
        Many(Vec<Event>),
    }
    let told = serde_json::from_str(text);
    let events = match told.context("the queue message is no event of Event Grid about a blob")? {
        Told::One(event) => vec![event],
        Told::Many(events) => events,
    };
    ensure!(
        !events.is_empty(),
        "the queue message is an empty list of events"
    );
    Ok(events)
}

/// Asks for each read whose export the events are about; gives their keys. Events about anything else ask
/// for nothing.
///
/// # Errors
/// When the configuration's reads cannot be planned, or a hint cannot be sent.
pub async fn run(app: &App, events: &[Event]) -> anyhow::Result<Vec<String>> {
    let mut asked = Vec::new();
    for read in app.reads()? {
        let source = app.config().sources.get(read.source);
        let Some(SourceKind::Exports(exports)) = source.map(|source| &source.kind) else {
            continue;
        };
        let mut events = events.iter();
        if events.any(|event| lies_in(&event.data.url, &exports.container, &exports.prefix)) {
            let hint = Hint::Evaluate {
                read: read.key.clone(),
            };
            app.hint(&hint, SignedDuration::ZERO).await?;
            asked.push(read.key);
        }
    }
    if asked.is_empty() {
        tracing::info!("no source reads the blob that Event Grid tells of");
    }
    Ok(asked)
}

/// Whether a blob lies in a folder of a container.
fn lies_in(blob: &Url, container: &Url, prefix: &str) -> bool {
    let folder = match prefix.trim_matches('/') {
        "" => format!("{}/", container.path().trim_end_matches('/')),
        prefix => format!("{}/{prefix}/", container.path().trim_end_matches('/')),
    };
    // The service names its host in its own way, which may differ by case only.
    blob.host_str() == container.host_str() && blob.path().starts_with(&folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_schemas_of_event_grid_are_read() {
        // The fields of the documented examples, shortened.
        let own = r#"{"topic":"/subscriptions/s","subject":"/blobServices/default/containers/exports/blobs/root/daily/1/manifest.json",
            "eventType":"Microsoft.Storage.BlobCreated","eventTime":"2026-11-26T18:41:00.9584103Z","id":"1",
            "data":{"api":"PutBlockList","contentType":"text/plain","url":"https://a.blob.core.windows.net/exports/root/daily/1/manifest.json"},
            "dataVersion":"","metadataVersion":"1"}"#;
        let cloud = r#"{"source":"/subscriptions/s","subject":"x","type":"Microsoft.Storage.BlobCreated","time":"2026-11-26T18:41:00Z",
            "id":"1","data":{"api":"PutBlob","url":"https://a.blob.core.windows.net/exports/x.csv"},"specversion":"1.0"}"#;
        for text in [own.to_owned(), cloud.to_owned(), format!("[{own}]")] {
            let events = read(&text).unwrap();
            assert_eq!(
                events[0].data.url.host_str(),
                Some("a.blob.core.windows.net")
            );
        }
        for wrong in ["", "{}", "[]", "hello", r#"{"data":{"url":"no"}}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_blob_belongs_to_the_folder_it_lies_in() {
        let container: Url = "https://a.blob.core.windows.net/exports".parse().unwrap();
        let blob = |path: &str| -> Url {
            format!("https://A.blob.core.windows.net/{path}")
                .parse()
                .unwrap()
        };
        for (path, prefix, expected) in [
            ("exports/root/daily/1/manifest.json", "", true),
            ("exports/root/daily/1/manifest.json", "root/daily", true),
            ("exports/root/daily/1/manifest.json", "/root/", true),
            ("exports/root/daily2/1/manifest.json", "root/daily", false),
            ("exports2/root/daily/1/manifest.json", "", false),
        ] {
            assert_eq!(
                lies_in(&blob(path), &container, prefix),
                expected,
                "{path} {prefix}"
            );
        }
        let other: Url = "https://b.blob.core.windows.net/exports/x".parse().unwrap();
        assert!(!lies_in(&other, &container, ""));
    }
}
