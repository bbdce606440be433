//! What the sandbox remembers between requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::civil::Date;

use super::Options;
use super::documents::Documents;
use super::faults::Switchboard;
use super::quota::Quotas;
use crate::books::Books;
use crate::world::World;

/// A world and what callers did to it.
#[derive(Debug)]
pub(super) struct Sandbox {
    pub(super) options: Options,
    pub(super) faults: Switchboard,
    pub(super) quotas: Quotas,
    pub(super) documents: Documents,
    requests: Mutex<BTreeMap<String, u64>>,
    /// All that will ever be known.
    world: World,
    /// What is known today.
    seen: Mutex<Arc<World>>,
    /// What it adds up to; empty until somebody asks.
    books: Mutex<Option<Arc<Books>>>,
    /// What was asked for once already, where the first answer is "not yet".
    asked: Mutex<BTreeSet<String>>,
}

impl Sandbox {
    pub(super) fn new(world: World, options: Options) -> Sandbox {
        Sandbox {
            faults: Switchboard::new(options.faults.clone()),
            quotas: Quotas::new(options.quota),
            documents: Documents::default(),
            requests: Mutex::default(),
            books: Mutex::default(),
            asked: Mutex::default(),
            seen: Mutex::new(Arc::new(world.as_seen_on(options.today))),
            world,
            options,
        }
    }

    pub(super) fn today(&self) -> Date {
        lock(&self.seen).today
    }

    /// The world as it is known today.
    pub(super) fn world(&self) -> Arc<World> {
        lock(&self.seen).clone()
    }

    pub(super) fn set_today(&self, today: Date) {
        *lock(&self.seen) = Arc::new(self.world.as_seen_on(today));
        *lock(&self.books) = None;
    }

    /// The books of what is known today.
    pub(super) fn books(&self) -> Arc<Books> {
        let mut books = lock(&self.books);
        let world = self.world();
        match &*books {
            Some(books) if books.world().today == world.today => books.clone(),
            _ => books.insert(Arc::new(Books::open(&world))).clone(),
        }
    }

    /// Whether this is asked for the first time.
    pub(super) fn is_new(&self, what: &str) -> bool {
        lock(&self.asked).insert(what.to_owned())
    }

    /// Counts a request of an operation.
    pub(super) fn count(&self, operation: &str) {
        *lock(&self.requests)
            .entry(operation.to_owned())
            .or_default() += 1;
    }

    /// Requests so far, by operation.
    pub(super) fn counts(&self) -> BTreeMap<String, u64> {
        lock(&self.requests).clone()
    }

    pub(super) fn forget_counts(&self) {
        lock(&self.requests).clear();
    }
}

/// Locks, also after a panic elsewhere: what is kept here is whole after every statement.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
