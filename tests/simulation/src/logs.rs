//! Everything that is logged during a schedule, to look for secrets in it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::subscriber::DefaultGuard;

use crate::configurations::CANARY;

/// What this thread logs, down to the finest level, until it is dropped.
pub(crate) struct Logs {
    written: Written,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Logs {
    /// Begins to keep what this thread logs.
    pub(crate) fn keep() -> Logs {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        Logs {
            written,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// How many bytes were logged, and whether a secret is among them.
    pub(crate) fn read(&self) -> (usize, bool) {
        let written = self
            .written
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&written);
        (written.len(), text.contains(CANARY))
    }
}
