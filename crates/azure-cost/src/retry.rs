//! How often, how fast and how long a request is tried.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Bounds of repetition. Only requests that change nothing are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Tries of one request, the first included; at least one is made.
    pub tries: u32,
    /// One request as a whole: all tries and the waits between them. A wait that would end later
    /// ends as [`crate::Error::Throttled`] if the server asked for it.
    pub total: Duration,
    /// Wait after the first failure when the server names none; it doubles each time.
    pub first_wait: Duration,
    /// How long one try may take, body included.
    pub timeout: Duration,
}

impl Default for Retry {
    /// Six tries within three minutes altogether, so that one request stays well within a
    /// background function's five minutes. Azure itself ends a request after 60 seconds.
    fn default() -> Self {
        Retry {
            tries: 6,
            total: Duration::from_secs(180),
            first_wait: Duration::from_millis(500),
            timeout: Duration::from_secs(75),
        }
    }
}

impl Retry {
    /// The wait before the next try, after `tries` of them. What the server asks for wins.
    pub(crate) fn wait(&self, tries: u32, asked: Option<Duration>) -> Duration {
        match asked {
            // Up to a tenth more, so that waiting callers do not come back all at once.
            Some(asked) => asked + random_up_to(asked / 10),
            None => {
                let doubled = self.first_wait * 2_u32.pow(tries.saturating_sub(1).min(10));
                doubled / 2 + random_up_to(doubled / 2)
            }
        }
    }
}

fn random_up_to(limit: Duration) -> Duration {
    let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(fastrand::u64(0..=nanos))
}

/// How fast a client and its clones may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    /// Requests under way at the same time; at least one.
    pub at_once: usize,
    /// Least time from the start of one request to the start of the next.
    pub apart: Duration,
}

impl Default for Pacing {
    /// Four at once, a tenth of a second apart: far below any documented quota for a few scopes.
    fn default() -> Self {
        Pacing {
            at_once: 4,
            apart: Duration::from_millis(100),
        }
    }
}

/// Keeps the pace of all clones of a client.
#[derive(Debug)]
pub(crate) struct Gate {
    places: Arc<Semaphore>,
    apart: Duration,
    next: Mutex<Option<Instant>>,
}

impl Gate {
    pub(crate) fn new(pacing: Pacing) -> Gate {
        Gate {
            places: Arc::new(Semaphore::new(
                pacing.at_once.clamp(1, Semaphore::MAX_PERMITS),
            )),
            apart: pacing.apart,
            next: Mutex::new(None),
        }
    }

    /// Waits for a turn. The request is under way until the permit is dropped.
    pub(crate) async fn turn(&self) -> OwnedSemaphorePermit {
        let permit = Arc::clone(&self.places).acquire_owned().await;
        let permit = permit.expect("the gate never closes its semaphore");
        let start = {
            let mut next = self.next.lock().await;
            let now = Instant::now();
            let start = next.map_or(now, |next| next.max(now));
            *next = Some(start + self.apart);
            start
        };
        tokio::time::sleep_until(start).await;
        permit
    }
}

/// The longest wait that a server asks for in any header named like `retry-after`.
///
/// Azure's cost services use one such header for each meter they throttle by, in seconds; two
/// older Azure headers end in `-ms` and count milliseconds; a proxy may send an HTTP date.
pub(crate) fn asked_wait(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let waits = headers.iter().filter_map(|(name, value)| {
        let is_wait = name.as_str().contains("retry-after");
        let value = value.to_str().ok().filter(|_| is_wait)?;
        wait_in(name.as_str(), value, now)
    });
    waits.max()
}

/// Nobody means to wait longer than this, and it keeps arithmetic on moments in range.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The wait that one header asks for.
pub(crate) fn wait_in(name: &str, value: &str, now: Timestamp) -> Option<Duration> {
    let text = value.trim();
    let wait = if let Ok(count) = text.parse::<u64>() {
        if name.ends_with("-ms") {
            Duration::from_millis(count)
        } else {
            Duration::from_secs(count)
        }
    } else {
        let moment = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        Duration::try_from(moment.duration_since(now)).unwrap_or_default()
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[track_caller]
    fn check(headers: &[(&str, &str)], expected: Option<Duration>) {
        let now: Timestamp = "2026-11-18T06:00:00Z".parse().unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        assert_eq!(asked_wait(&map, now), expected, "{headers:?}");
    }

    #[test]
    fn the_longest_of_all_waits_wins() {
        let seconds = |count| Some(Duration::from_secs(count));
        check(&[], None);
        check(&[("Retry-After", "7")], seconds(7));
        check(
            &[
                ("x-ms-ratelimit-microsoft.consumption-retry-after", "30"),
                ("Retry-After", "7"),
                (
                    "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after",
                    "12",
                ),
            ],
            seconds(30),
        );
        check(
            &[(
                "x-ms-ratelimit-remaining-microsoft.consumption-requests",
                "99",
            )],
            None,
        );
        check(
            &[("retry-after-ms", "1500")],
            Some(Duration::from_millis(1500)),
        );
        check(
            &[("Retry-After", "Wed, 18 Nov 2026 06:01:30 GMT")],
            seconds(90),
        );
        check(
            &[("Retry-After", "Wed, 18 Nov 2026 05:00:00 GMT")],
            seconds(0),
        );
        check(&[("Retry-After", "soon"), ("retry-after", "2")], seconds(2));
        check(&[("Retry-After", "soon")], None);
        check(
            &[("Retry-After", "18446744073709551615")],
            seconds(7 * 24 * 3600),
        );
    }

    #[test]
    fn waits_double_and_keep_within_their_bounds() {
        let retry = Retry {
            first_wait: Duration::from_secs(1),
            ..Retry::default()
        };
        for tries in 1..=6 {
            let full = Duration::from_secs(1 << (tries - 1));
            let wait = retry.wait(tries, None);
            assert!(wait >= full / 2 && wait <= full, "{tries}: {wait:?}");
        }
        let asked = Duration::from_secs(20);
        let wait = retry.wait(1, Some(asked));
        assert!(wait >= asked && wait <= Duration::from_secs(22), "{wait:?}");
    }

    #[tokio::test]
    async fn requests_start_apart_and_not_all_at_once() {
        let apart = Duration::from_millis(20);
        let gate = Gate::new(Pacing { at_once: 2, apart });
        let begin = Instant::now();
        let first = gate.turn().await;
        let _second = gate.turn().await;
        assert!(begin.elapsed() >= apart);
        let third = tokio::time::timeout(Duration::from_millis(5), gate.turn()).await;
        assert!(third.is_err(), "two are under way");
        drop(first);
        drop(gate.turn().await);
    }
}
