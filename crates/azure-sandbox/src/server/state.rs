//! What the sandbox remembers between requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::civil::Date;

use super::Options;
use super::faults::Switchboard;
use super::quota::Quotas;
use crate::world::World;

/// A world and what callers did to it.
#[derive(Debug)]
pub(super) struct Sandbox {
    pub(super) options: Options,
    pub(super) faults: Switchboard,
    pub(super) quotas: Quotas,
    requests: Mutex<BTreeMap<String, u64>>,
    /// All that will ever be known.
    world: World,
    /// What is known today.
    seen: Mutex<Arc<World>>,
}

impl Sandbox {
    pub(super) fn new(world: World, options: Options) -> Sandbox {
        Sandbox {
            faults: Switchboard::new(options.faults.clone()),
            quotas: Quotas::new(options.quota),
            requests: Mutex::default(),
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
