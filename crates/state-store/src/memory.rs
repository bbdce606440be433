//! The in-memory twin.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    Clock, Document, Documents, Error, MAX_RECEIVE, Message, Queues, Result, Version, check_key,
    check_queue, check_text, key::check_prefix, system_clock, unix_millis, whole_seconds,
};

/// Documents and queues that live as long as this value: for tests and dry runs.
///
/// It keeps every promise of the traits except that nothing survives the process.
///
/// ```
/// use std::time::Duration;
/// use state_store::{Memory, Queues};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = Memory::new();
/// store.send("wake-ups", "budget team-a", Duration::ZERO).await?;
/// let messages = store.receive("wake-ups", 10, Duration::from_secs(30)).await?;
/// assert_eq!(messages[0].text, "budget team-a");
/// # Ok::<(), state_store::Error>(())
/// # }).unwrap();
/// ```
pub struct Memory {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    documents: BTreeMap<String, Document>,
    /// Messages by queue and then by the number they were given when sent.
    queues: BTreeMap<String, BTreeMap<u64, Entry>>,
    /// Grows with every write, so no version, message id or receipt is ever given twice.
    counter: u64,
}

struct Entry {
    text: String,
    visible_at_ms: u64,
    dequeue_count: u32,
    receipt: u64,
}

impl State {
    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn write(&mut self, key: &str, bytes: Vec<u8>) -> Version {
        let version = Version(format!("m{}", self.next()));
        self.documents.insert(
            key.to_owned(),
            Document {
                bytes,
                version: version.clone(),
            },
        );
        version
    }

    fn expect_version(&self, key: &str, version: &Version) -> Result<()> {
        match self.documents.get(key) {
            Some(document) if document.version == *version => Ok(()),
            _ => Err(Error::Moved {
                key: key.to_owned(),
            }),
        }
    }
}

impl Memory {
    /// An empty store that goes by the clock of this machine.
    pub fn new() -> Self {
        Self::with_clock(system_clock())
    }

    /// An empty store that goes by `clock`; it decides when messages become visible.
    pub fn with_clock(clock: Clock) -> Self {
        Self {
            clock,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code path leaves the state half changed, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        unix_millis((self.clock)())
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Memory")
            .field("documents", &state.documents.len())
            .field("queues", &state.queues.len())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Documents for Memory {
    async fn get(&self, key: &str) -> Result<Option<Document>> {
        check_key(key)?;
        Ok(self.state().documents.get(key).cloned())
    }

    async fn create(&self, key: &str, bytes: Vec<u8>) -> Result<Version> {
        check_key(key)?;
        let mut state = self.state();
        if state.documents.contains_key(key) {
            return Err(Error::Exists {
                key: key.to_owned(),
            });
        }
        Ok(state.write(key, bytes))
    }

    async fn replace(&self, key: &str, bytes: Vec<u8>, version: &Version) -> Result<Version> {
        check_key(key)?;
        let mut state = self.state();
        state.expect_version(key, version)?;
        Ok(state.write(key, bytes))
    }

    async fn delete(&self, key: &str, version: &Version) -> Result<()> {
        check_key(key)?;
        let mut state = self.state();
        state.expect_version(key, version)?;
        state.documents.remove(key);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        check_prefix(prefix)?;
        let state = self.state();
        let from = state.documents.range(prefix.to_owned()..);
        Ok(from
            .map(|(key, _)| key)
            .take_while(|key| key.starts_with(prefix))
            .cloned()
            .collect())
    }
}

#[async_trait]
impl Queues for Memory {
    async fn send(&self, queue: &str, text: &str, delay: Duration) -> Result<()> {
        check_queue(queue)?;
        check_text(queue, text)?;
        let visible_at_ms = self.now_ms().saturating_add(whole_seconds(delay) * 1000);
        let mut state = self.state();
        let id = state.next();
        let entry = Entry {
            text: text.to_owned(),
            visible_at_ms,
            dequeue_count: 0,
            receipt: 0,
        };
        state
            .queues
            .entry(queue.to_owned())
            .or_default()
            .insert(id, entry);
        Ok(())
    }

    async fn receive(&self, queue: &str, max: usize, visibility: Duration) -> Result<Vec<Message>> {
        check_queue(queue)?;
        let now_ms = self.now_ms();
        let hidden_until_ms = now_ms.saturating_add(whole_seconds(visibility).max(1) * 1000);
        let mut state = self.state();
        let State {
            queues, counter, ..
        } = &mut *state;
        let Some(entries) = queues.get_mut(queue) else {
            return Ok(Vec::new());
        };
        let visible = entries
            .iter_mut()
            .filter(|(_, entry)| entry.visible_at_ms <= now_ms);
        let taken = visible.take(max.min(MAX_RECEIVE)).map(|(id, entry)| {
            *counter += 1;
            entry.receipt = *counter;
            entry.visible_at_ms = hidden_until_ms;
            entry.dequeue_count += 1;
            Message {
                id: id.to_string(),
                receipt: entry.receipt.to_string(),
                text: entry.text.clone(),
                dequeue_count: entry.dequeue_count,
            }
        });
        Ok(taken.collect())
    }

    async fn delete(&self, queue: &str, message: &Message) -> Result<()> {
        check_queue(queue)?;
        let moved = || Error::Moved {
            key: format!("{queue}/{}", message.id),
        };
        let id: u64 = message.id.parse().map_err(|_| moved())?;
        let mut state = self.state();
        let entries = state.queues.get_mut(queue).ok_or_else(moved)?;
        if entries
            .get(&id)
            .is_none_or(|entry| entry.receipt.to_string() != message.receipt)
        {
            return Err(moved());
        }
        entries.remove(&id);
        Ok(())
    }
}
