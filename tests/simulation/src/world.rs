//! The world of one schedule: the time, the store and queues, the calls that wait for their turn, and
//! the books that are kept of everything.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use alert_channels::{Carried, Message as Said, Notice, RenderError, Rendered};
use budget_engine::Change;
use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use state_store::{Document, Documents, Memory, Message, Queues, Result, Version};

use crate::books::Books;
use crate::configurations::CANARY;
use crate::ports::{Call, Verdict};
use crate::sabotage::Sabotage;

/// The most workers of a schedule.
pub(crate) const WORKERS: usize = 4;

/// What all workers of a thread share; each schedule has a new world in it.
#[derive(Debug)]
pub(crate) struct Hub {
    now_ms: Arc<AtomicI64>,
    skews: [AtomicI64; WORKERS],
    world: Mutex<World>,
}

/// Everything of one schedule that is not in a worker.
#[derive(Debug)]
pub(crate) struct World {
    store: Memory,
    /// The calls that wait.
    pub(crate) tickets: Vec<Ticket>,
    /// Number of the next call.
    pub(crate) next_ticket: u64,
    /// The call that may go on, and how.
    pub(crate) verdict: Option<(u64, Verdict)>,
    /// The promise that is broken, if any.
    pub(crate) sabotage: Option<Sabotage>,
    /// Whether payloads are laid out, to look for secrets in them.
    pub(crate) renders: bool,
    /// What was seen so far.
    pub(crate) books: Books,
}

/// A call that waits for its turn.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) id: u64,
    pub(crate) worker: usize,
    pub(crate) call: Call,
    /// Of the document, prefix, queue or destination; of a message its text.
    pub(crate) key: String,
    /// What is being sent, for a channel.
    pub(crate) sending: Option<Sending>,
    /// It is never answered.
    pub(crate) hangs: bool,
}

/// A notice on its way.
#[derive(Debug, Clone)]
pub(crate) struct Sending {
    pub(crate) destination: String,
    pub(crate) recipient: Option<String>,
    pub(crate) delivery: String,
    pub(crate) marked: bool,
    /// What it says of an alert.
    pub(crate) transition: Option<Told>,
    /// What else it tells of.
    pub(crate) carried: Vec<Carried>,
    /// Whether it is here because it did not arrive elsewhere.
    pub(crate) is_instead: bool,
    /// What the channel makes of it.
    pub(crate) payload: Option<Result<Rendered, RenderError>>,
}

/// What a notice says of an alert.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// Id of the transition.
    pub(crate) id: String,
    pub(crate) alert: String,
    pub(crate) at: Timestamp,
    pub(crate) change: Change,
    /// The transitions that it follows up.
    pub(crate) follows: Vec<String>,
}

impl Sending {
    pub(crate) fn new(
        destination: &str,
        notice: &Notice,
        payload: Option<Result<Rendered, RenderError>>,
    ) -> Sending {
        let transition = match &notice.message {
            Said::Crossing(transition) => Some(Told {
                id: transition.id(),
                alert: transition.alert.clone(),
                at: transition.at,
                change: transition.change,
                follows: transition.answers().cloned().collect(),
            }),
            _ => None,
        };
        Sending {
            destination: destination.to_owned(),
            recipient: notice.recipient.clone(),
            delivery: notice.id.clone(),
            marked: notice.maybe_duplicate,
            transition,
            carried: notice.carried.clone(),
            is_instead: notice.instead_of.is_some(),
            payload,
        }
    }
}

impl Hub {
    pub(crate) fn new() -> Arc<Hub> {
        let now_ms = Arc::new(AtomicI64::new(0));
        Arc::new(Hub {
            world: Mutex::new(World::new(&now_ms)),
            now_ms,
            skews: Default::default(),
        })
    }

    /// Begins a new schedule at a moment.
    pub(crate) fn reset(&self, now: Timestamp, sabotage: Option<Sabotage>) {
        self.now_ms.store(now.as_millisecond(), Ordering::Relaxed);
        let mut world = World::new(&self.now_ms);
        world.sabotage = sabotage;
        *self.world() = world;
    }

    /// The true time.
    pub(crate) fn now(&self) -> Timestamp {
        let now_ms = self.now_ms.load(Ordering::Relaxed);
        Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(0);
        self.now_ms.fetch_add(by, Ordering::Relaxed);
    }

    /// By how many seconds a worker's clock is ahead.
    pub(crate) fn skew(&self, worker: usize) -> i64 {
        self.skews[worker].load(Ordering::Relaxed)
    }

    pub(crate) fn set_skew(&self, worker: usize, seconds: i64) {
        self.skews[worker].store(seconds, Ordering::Relaxed);
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        // A panic is on its way to the test's end anyway.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a future of the store in memory gives; it never waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match future.now_or_never() {
        Some(value) => value,
        None => unreachable!("the store in memory waits for nothing"),
    }
}

impl World {
    fn new(now_ms: &Arc<AtomicI64>) -> World {
        let now_ms = Arc::clone(now_ms);
        let clock = move || {
            let since = u64::try_from(now_ms.load(Ordering::Relaxed)).unwrap_or(0);
            SystemTime::UNIX_EPOCH + Duration::from_millis(since)
        };
        World {
            store: Memory::with_clock(Arc::new(clock)),
            tickets: Vec::new(),
            next_ticket: 0,
            verdict: None,
            sabotage: None,
            renders: false,
            books: Books::default(),
        }
    }

    pub(crate) fn breaks(&self, sabotage: Sabotage) -> bool {
        self.sabotage == Some(sabotage)
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<Document>> {
        let mut document = at_once(self.store.get(key))?;
        if self.breaks(Sabotage::HistoryHidesTheDead) && key.starts_with("history/") {
            document = document.filter(|document| !Sabotage::is_dead(&document.bytes));
        }
        Ok(document)
    }

    /// A document as it is, whatever promise is broken.
    pub(crate) fn stored(&self, key: &str) -> Option<Document> {
        at_once(self.store.get(key)).ok().flatten()
    }

    pub(crate) fn create(&mut self, worker: usize, key: &str, bytes: Vec<u8>) -> Result<Version> {
        if self.breaks(Sabotage::OutboxForgets) && key.starts_with("outbox/") {
            return Ok(Version::from("never written"));
        }
        let told = bytes.clone();
        let written = if self.overwrites(key) {
            self.overwrite(key, bytes)
        } else {
            at_once(self.store.create(key, bytes))
        };
        if written.is_ok() {
            self.books.wrote(worker, key, &told);
        }
        written
    }

    pub(crate) fn replace(
        &mut self,
        worker: usize,
        key: &str,
        mut bytes: Vec<u8>,
        version: &Version,
    ) -> Result<Version> {
        let told = bytes.clone();
        if self.breaks(Sabotage::SendingIsForgotten)
            && key.starts_with("outbox/")
            && Sabotage::is_sending(&bytes)
        {
            // The version stays, so that nobody notices.
            return Ok(version.clone());
        }
        if self.breaks(Sabotage::ParkingIsForgotten) && key.starts_with("lanes/") {
            Sabotage::unpark(&mut bytes);
        }
        let written = if self.overwrites(key) {
            self.overwrite(key, bytes)
        } else {
            at_once(self.store.replace(key, bytes, version))
        };
        if written.is_ok() {
            self.books.wrote(worker, key, &told);
        }
        written
    }

    /// Whether writes of a document forget about versions.
    fn overwrites(&self, key: &str) -> bool {
        match self.sabotage {
            Some(Sabotage::LedgersAreOverwritten) => key.starts_with("ledger/"),
            Some(Sabotage::LanesAreOverwritten) => key.starts_with("lanes/"),
            _ => false,
        }
    }

    fn overwrite(&mut self, key: &str, bytes: Vec<u8>) -> Result<Version> {
        match at_once(self.store.get(key))? {
            Some(there) => at_once(self.store.replace(key, bytes, &there.version)),
            None => at_once(self.store.create(key, bytes)),
        }
    }

    pub(crate) fn delete(&mut self, key: &str, version: &Version) -> Result<()> {
        at_once(Documents::delete(&self.store, key, version))
    }

    pub(crate) fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let mut keys = at_once(self.store.list(prefix))?;
        let is_of_lane = prefix.starts_with("outbox/") && prefix != "outbox/";
        if self.breaks(Sabotage::OutboxHidesTheOldest) && is_of_lane && keys.len() > 1 {
            keys.remove(0);
        }
        if self.breaks(Sabotage::SweepSeesNothing) && prefix == "outbox/" {
            keys.clear();
        }
        Ok(keys)
    }

    /// Keys of documents, whatever promise is broken.
    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        at_once(self.store.list(prefix)).unwrap_or_default()
    }

    pub(crate) fn enqueue(&mut self, queue: &str, text: &str, delay: Duration) -> Result<()> {
        if text.contains(CANARY) {
            self.books.secret_in("a queue message");
        }
        at_once(self.store.send(queue, text, delay))
    }

    pub(crate) fn receive(
        &mut self,
        queue: &str,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Message>> {
        at_once(self.store.receive(queue, max, visibility))
    }

    pub(crate) fn remove(&mut self, queue: &str, message: &Message) -> Result<()> {
        at_once(Queues::delete(&self.store, queue, message))
    }
}
