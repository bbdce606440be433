use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use state_store::{Document, Documents, Error, Memory, Result, Version, json};

#[derive(Debug, PartialEq)]
enum Refusal {
    NotToday,
    Store(String),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Store(error.to_string())
    }
}

#[tokio::test]
async fn values_round_trip_with_their_version() {
    let store = Memory::new();
    let first = json::create(&store, "a", &vec![1, 2]).await.unwrap();
    assert_eq!(
        json::get::<Vec<i32>>(&store, "a").await.unwrap(),
        Some((vec![1, 2], first.clone()))
    );
    let second = json::replace(&store, "a", &vec![3], &first).await.unwrap();
    assert_eq!(
        json::get(&store, "a").await.unwrap(),
        Some((vec![3], second))
    );
    assert!(matches!(
        json::replace(&store, "a", &vec![4], &first).await,
        Err(Error::Moved { .. })
    ));
    assert!(matches!(
        json::create(&store, "a", &vec![4]).await,
        Err(Error::Exists { .. })
    ));
    assert_eq!(json::get::<Vec<i32>>(&store, "b").await.unwrap(), None);
}

#[tokio::test]
async fn refusal_of_the_closure_comes_back_and_writes_nothing() {
    let store = Memory::new();
    let result = json::update(&store, "a", |_: Option<&u32>| {
        Err::<Option<u32>, _>(Refusal::NotToday)
    })
    .await;
    assert_eq!(result, Err(Refusal::NotToday));
    let kept = json::update(&store, "a", |_: Option<&u32>| Ok::<_, Refusal>(None))
        .await
        .unwrap();
    assert_eq!(kept, json::Updated::Kept(None));
    assert!(store.list("").await.unwrap().is_empty());
}

/// Another writer gets in between every read and write, `rivals` times.
#[derive(Debug)]
struct Contended {
    store: Memory,
    rivals: AtomicU32,
}

#[async_trait]
impl Documents for Contended {
    async fn get(&self, key: &str) -> Result<Option<Document>> {
        let read = self.store.get(key).await?;
        let left = self
            .rivals
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
        if left.is_ok() {
            match &read {
                Some(document) => {
                    self.store
                        .replace(key, b"100".to_vec(), &document.version)
                        .await?
                }
                None => self.store.create(key, b"100".to_vec()).await?,
            };
        }
        Ok(read)
    }

    async fn create(&self, key: &str, bytes: Vec<u8>) -> Result<Version> {
        self.store.create(key, bytes).await
    }

    async fn replace(&self, key: &str, bytes: Vec<u8>, version: &Version) -> Result<Version> {
        self.store.replace(key, bytes, version).await
    }

    async fn delete(&self, key: &str, version: &Version) -> Result<()> {
        self.store.delete(key, version).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.store.list(prefix).await
    }
}

#[tokio::test(start_paused = true)]
async fn update_reads_again_after_a_lost_race_but_not_forever() {
    let add_one = |count: Option<&u32>| Ok::<_, Error>(Some(count.copied().unwrap_or(0) + 1));

    let store = Contended {
        store: Memory::new(),
        rivals: AtomicU32::new(json::UPDATE_ATTEMPTS - 1),
    };
    let updated = json::update(&store, "a", add_one).await.unwrap();
    assert_eq!(updated.into_value(), Some(101));

    let store = Contended {
        store: Memory::new(),
        rivals: AtomicU32::new(json::UPDATE_ATTEMPTS),
    };
    assert!(matches!(
        json::update(&store, "a", add_one).await,
        Err(Error::Moved { .. })
    ));
    assert_eq!(json::get::<u32>(&store, "a").await.unwrap().unwrap().0, 100);
}
