//! Every operation against answers that were damaged on their way: an error or an answer, never a
//! panic, and never a word of a secret in the error.
//!
//! The answers are the sandbox's, so that every wire format is covered from the first byte on. How
//! long it takes is set by `SPENDWATCH_FUZZ_ROUNDS` (rounds over all operations; a few by default)
//! and what is damaged by `SPENDWATCH_FUZZ_SEED`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, Response};
use axum::middleware::map_response;
use azure_cost::{Limits, Retry};
use azure_sandbox::Options;
use http_body_util::BodyExt;
use tokio::net::TcpListener;

use crate::operations::{OPERATIONS, Place, SCENARIOS, world};

/// The sandbox behind something that damages answers, once it is told to.
async fn damaged(scenario: &str, seed: Arc<AtomicU64>) -> Place {
    let world = world(scenario);
    let mut options = Options::new(world.today);
    options.page_rows = 20;
    options.poll_seconds = 0;
    let damage = move |response: Response<Body>| {
        let seed = Arc::clone(&seed);
        async move {
            // Each answer has its own damage; seed 0 leaves it alone.
            match seed.load(Ordering::Relaxed) {
                0 => response,
                _ => damage(response, seed.fetch_add(1, Ordering::Relaxed)).await,
            }
        }
    };
    let router: Router = azure_sandbox::router(world.clone(), options).layer(map_response(damage));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Place::new(&base, world)
}

async fn damage(response: Response<Body>, seed: u64) -> Response<Body> {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut parts, body) = response.into_parts();
    let mut bytes = body.collect().await.unwrap().to_bytes().to_vec();
    // A third of the answers arrives whole, so that pages and polls get somewhere.
    if random.u8(..3) > 0 {
        for _ in 0..random.usize(1..4) {
            mangle(&mut bytes, &mut random);
        }
    }
    if random.u8(..8) == 0 && parts.headers.contains_key(LOCATION) {
        let links = [
            "",
            "::",
            "http://192.0.2.1/",
            "/elsewhere",
            "https://\u{7f}",
        ];
        let link = HeaderValue::from_str(random.choice(links).unwrap());
        parts
            .headers
            .insert(LOCATION, link.unwrap_or(HeaderValue::from_static("x")));
    }
    if parts.headers.contains_key(RETRY_AFTER) {
        let waits = [
            "0",
            "-1",
            "soon",
            "",
            "1e3",
            "Wed, 18 Nov 1026 06:01:30 GMT",
        ];
        let wait = HeaderValue::from_static(random.choice(waits).unwrap());
        parts.headers.insert(RETRY_AFTER, wait);
    }
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(bytes))
}

/// What stands in for a value: things that parsers trip over.
const VALUES: &[&str] = &[
    "null",
    "\"\"",
    "[]",
    "{}",
    "true",
    "0",
    "-0",
    "-1",
    "1e999",
    "1e-999",
    "-1e-5",
    "1E+60",
    "99999999999999999999999999999999999999",
    "0.0000000000000000000000000000000000001",
    "79228162514264337593543950335",
    "79228162514264337593543950336",
    "\"\\u0000\"",
    "\"é\"",
    "\"0001-01-01T00:00:00\"",
    "\"9999-12-31T23:59:60Z\"",
    "\"-9999-01-01\"",
    "\"20261399\"",
    "20261399",
    "\"2026-11-31\"",
    "\"13/45/99999\"",
    "\"//\"",
    "\"1,5\"",
    "\" 1.5 \"",
    "[[[[[[]]]]]]",
    "\"http://192.0.2.1/x\"",
    "{\"a\":{\"a\":{}}}",
    "\"USD  \"",
    "\"XXXX\"",
    "nul",
    "\"\\ud800\"",
];

/// Replaces a value, or flips, drops, doubles or inserts a stretch of bytes.
fn mangle(bytes: &mut Vec<u8>, random: &mut fastrand::Rng) {
    if bytes.is_empty() {
        return;
    }
    let at = random.usize(..bytes.len());
    let end = (at + random.usize(1..40)).min(bytes.len());
    match random.u8(..10) {
        0 => bytes[at] ^= 1 << random.u8(..8),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let stretch = bytes[at..end].to_vec();
            bytes.splice(at..at, stretch);
        }
        3 => bytes.truncate(at),
        // The value after the next colon.
        _ => {
            let colon = bytes[at..].iter().position(|byte| *byte == b':');
            let Some(start) = colon.map(|colon| at + colon + 1) else {
                return;
            };
            let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']');
            let length = bytes[start..].iter().position(is_end).unwrap_or(0);
            let value = random.choice(VALUES).unwrap();
            bytes.splice(start..start + length, value.bytes());
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_answers_never_panic() {
    let rounds = setting("SPENDWATCH_FUZZ_ROUNDS", 12);
    let seed = setting("SPENDWATCH_FUZZ_SEED", 1) << 32 | 1;
    let seed = Arc::new(AtomicU64::new(seed));
    let mut answered = 0;
    let mut refused = 0;
    for scenario in SCENARIOS {
        let mut place = damaged(scenario, Arc::clone(&seed)).await;
        place.client = place
            .client
            .with_retry(Retry {
                tries: 2,
                total: Duration::from_secs(2),
                first_wait: Duration::ZERO,
                timeout: Duration::from_secs(2),
            })
            .with_limits(Limits {
                pages: 40,
                ..Limits::default()
            });
        for round in 0..rounds {
            for operation in OPERATIONS.iter().filter(|one| one.scenario == scenario) {
                // A test's task that panics would be an error here.
                let place = place.clone();
                let call = tokio::spawn((operation.call)(place));
                let outcome = call
                    .await
                    .unwrap_or_else(|panic| panic!("{} in round {round}: {panic}", operation.name));
                match outcome {
                    Ok(_) => answered += 1,
                    Err(error) => {
                        refused += 1;
                        let words = format!("{error} {error:?}");
                        for secret in ["sig=", "skiptoken=", "Bearer", "sandbox-key"] {
                            assert!(!words.contains(secret), "{}: {words}", operation.name);
                        }
                    }
                }
            }
        }
    }
    // The damage is neither harmless nor total.
    assert!(
        answered > 50 && refused > 50,
        "{answered} answered, {refused} refused"
    );
}

#[tokio::test]
async fn every_operation_has_an_answer_in_the_sandbox() {
    let mut failures = Vec::new();
    for scenario in SCENARIOS {
        let place = damaged(scenario, Arc::new(AtomicU64::new(0))).await;
        for operation in OPERATIONS.iter().filter(|one| one.scenario == scenario) {
            match (operation.call)(place.clone()).await {
                Ok(0) => failures.push(format!("{}: nothing", operation.name)),
                Ok(_) => {}
                Err(error) => failures.push(format!("{}: {error}", operation.name)),
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
