//! Waiting: until when a client may, and who is told of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Shorter waits are nobody's concern.
const WORTH_TELLING: Duration = Duration::from_secs(3);

/// A wait, as it shows: "waiting 41 s: Azure allows 4 queries of one scope a minute".
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wait {
    /// What has to wait: what is asked of which scope.
    pub operation: String,
    /// How long.
    pub length: Duration,
    /// Why, in words.
    pub reason: String,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.length.as_millis().div_ceil(1000);
        write!(f, "waiting {seconds} s: {}", self.reason)
    }
}

/// Is told of a wait when it begins, and `None` when it is over.
pub type TellWait = Arc<dyn Fn(Option<&Wait>) + Send + Sync>;

/// What holds for the waits of a client: for quotas, for what Azure asks it to wait, for answers
/// that are being prepared. Cheap to clone.
#[derive(Clone, Default)]
pub struct Waits {
    /// No wait lasts longer than this. What would have to wait longer ends at once as
    /// [`Error::Throttled`](crate::Error) or [`Error::NotReady`](crate::Error), which say when to
    /// come back. A download that is not over by then ends, too. `None` leaves it to the other bounds of the client.
    pub until: Option<Instant>,
    /// Is told of waits of three seconds and more, besides the log.
    pub tell: Option<TellWait>,
}

impl Waits {
    /// The moment at which a wait has to be over that may last until `end` otherwise.
    pub fn end(&self, end: Instant) -> Instant {
        self.until.map_or(end, |until| until.min(end))
    }

    /// Waits until a moment, and tells so if it takes long.
    pub async fn wait(&self, operation: &str, until: Instant, reason: &str) {
        let length = until.saturating_duration_since(Instant::now());
        if length < WORTH_TELLING {
            return sleep_until(until).await;
        }
        let wait = Wait {
            operation: operation.to_owned(),
            length,
            reason: reason.to_owned(),
        };
        tracing::info!(operation, "{wait}");
        let tell = |wait: Option<&Wait>| {
            if let Some(tell) = &self.tell {
                tell(wait);
            }
        };
        tell(Some(&wait));
        sleep_until(until).await;
        tell(None);
    }
}

impl fmt::Debug for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waits")
            .field("until", &self.until)
            .field("tells", &self.tell.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn long_waits_are_told_when_they_begin_and_end() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let waits = Waits {
            tell: Some(Arc::new(move |wait| {
                let words = wait.map(ToString::to_string);
                heard.lock().unwrap().push(words);
            })),
            ..Waits::default()
        };
        let begin = Instant::now();
        let after = |millis| begin + Duration::from_millis(millis);
        waits.wait("read", after(2999), "too short to tell").await;
        assert_eq!(told.lock().unwrap().len(), 0);
        waits.wait("read", after(42_000), "because").await;
        assert_eq!(begin.elapsed(), Duration::from_secs(42));
        // 39.001 seconds, rounded up.
        let words = "waiting 40 s: because".to_owned();
        assert_eq!(*told.lock().unwrap(), [Some(words), None]);
    }

    #[test]
    fn the_earlier_end_holds() {
        let now = Instant::now();
        let later = now + Duration::from_secs(9);
        assert_eq!(Waits::default().end(later), later);
        for (until, end) in [(now, later), (later, now)] {
            let waits = Waits {
                until: Some(until),
                tell: None,
            };
            assert_eq!(waits.end(end), now);
        }
    }
}
