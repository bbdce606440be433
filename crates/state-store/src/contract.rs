//! One suite for all stores: every promise of [`Documents`] and [`Queues`], checked.
//!
//! A test of an implementation makes an empty store and calls [`documents`] and [`queues`]; they
//! panic at the first broken promise.

#![expect(
    clippy::unwrap_used,
    reason = "the suite is test code: a panic is how it reports"
)]

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use futures::future::join_all;

use crate::{
    Clock, Documents, Error, MAX_KEY_BYTES, MAX_RECEIVE, MAX_SEGMENT_BYTES, MAX_TEXT_BYTES,
    Message, Queues, Version, json,
};

/// A clock that moves only when told to.
///
/// ```
/// use std::time::Duration;
/// use state_store::{Memory, contract::ManualClock};
///
/// let clock = ManualClock::new();
/// let store = Memory::with_clock(clock.clock());
/// clock.advance(Duration::from_secs(60));
/// ```
#[derive(Clone)]
pub struct ManualClock {
    now: Arc<Mutex<SystemTime>>,
}

impl ManualClock {
    /// A clock that stands at the start of 2026.
    pub fn new() -> Self {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        Self {
            now: Arc::new(Mutex::new(now)),
        }
    }

    /// The moment it stands at.
    pub fn now(&self) -> SystemTime {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// The clock as a store wants it; it keeps following this one.
    pub fn clock(&self) -> Clock {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}

/// Checks all promises of [`Documents`] on an empty store.
pub async fn documents(store: &dyn Documents) {
    missing_documents(store).await;
    life_of_a_document(store).await;
    versions_never_return(store).await;
    every_content_comes_back(store).await;
    keys_are_kept_apart(store).await;
    bad_keys_are_refused(store).await;
    listing(store).await;
    one_creator_wins(store).await;
    one_replacer_wins(store).await;
    replace_and_delete_exclude_each_other(store).await;
    updates_are_not_lost(store).await;
}

async fn missing_documents(store: &dyn Documents) {
    let version = Version::from("no-such-version");
    assert_eq!(
        store.list("").await.unwrap(),
        Vec::<String>::new(),
        "the suite wants an empty store"
    );
    assert_eq!(store.get("missing/document").await.unwrap(), None);
    assert_moved(
        store
            .replace("missing/document", b"x".to_vec(), &version)
            .await,
    );
    assert_moved(store.delete("missing/document", &version).await);
    assert_eq!(store.get("missing/document").await.unwrap(), None);
    assert_eq!(store.list("").await.unwrap(), Vec::<String>::new());
}

async fn life_of_a_document(store: &dyn Documents) {
    let key = "life/document";
    let first = store.create(key, b"first".to_vec()).await.unwrap();
    assert_document(store, key, b"first", &first).await;

    assert_exists(store.create(key, b"again".to_vec()).await, key);
    // Also with equal bytes: the answer does not depend on what is there.
    assert_exists(store.create(key, b"first".to_vec()).await, key);
    assert_document(store, key, b"first", &first).await;

    let second = store
        .replace(key, b"second".to_vec(), &first)
        .await
        .unwrap();
    assert_ne!(first, second);
    assert_document(store, key, b"second", &second).await;

    assert_moved(store.replace(key, b"late".to_vec(), &first).await);
    assert_moved(store.delete(key, &first).await);
    assert_document(store, key, b"second", &second).await;

    // A version survives being stored as text.
    let second = Version::from(second.as_str().to_owned());
    store.delete(key, &second).await.unwrap();
    assert_eq!(store.get(key).await.unwrap(), None);
    assert_moved(store.delete(key, &second).await);
    assert_moved(store.replace(key, b"late".to_vec(), &second).await);
    assert_eq!(store.get(key).await.unwrap(), None);
}

async fn versions_never_return(store: &dyn Documents) {
    let key = "versions/document";
    let mut versions = vec![store.create(key, b"A".to_vec()).await.unwrap()];
    for bytes in [b"B", b"A", b"A"] {
        let version = store
            .replace(key, bytes.to_vec(), versions.last().unwrap())
            .await
            .unwrap();
        for old in &versions {
            assert_moved(store.replace(key, b"C".to_vec(), old).await);
            assert_moved(store.delete(key, old).await);
        }
        versions.push(version);
    }
    store.delete(key, versions.last().unwrap()).await.unwrap();

    // The same key with the same bytes is still another document.
    let created = store.create(key, b"A".to_vec()).await.unwrap();
    for old in &versions {
        assert_moved(store.replace(key, b"C".to_vec(), old).await);
        assert_moved(store.delete(key, old).await);
    }
    assert_document(store, key, b"A", &created).await;
    versions.push(created);
    let distinct: HashSet<_> = versions.iter().collect();
    assert_eq!(
        distinct.len(),
        versions.len(),
        "a version came twice: {versions:?}"
    );
}

async fn every_content_comes_back(store: &dyn Documents) {
    let mebibyte = |count: usize| {
        // Not periodic in a power of two, so that a swapped block would show.
        (0..count * 1024 * 1024)
            .map(|at| (at % 251) as u8 ^ (at / 65_521) as u8)
            .collect::<Vec<u8>>()
    };
    let contents = [
        Vec::new(),
        b"\0".to_vec(),
        (0..=255).collect(),
        b"\r\n\n\r \t".to_vec(),
        b"\xef\xbb\xbfafter a byte order mark".to_vec(),
        b"\xff\xfe\xc3\x28 not UTF-8".to_vec(),
        // Looks like gzip; nobody may unpack it.
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff".to_vec(),
        "{\"name\":\"Größe €, 予算, 💶\"}".as_bytes().to_vec(),
        mebibyte(1),
        // More than one block of the Azure SDK.
        mebibyte(5),
    ];
    for (number, bytes) in contents.into_iter().enumerate() {
        let key = format!("content/{number}");
        let created = store.create(&key, bytes.clone()).await.unwrap();
        assert_document(store, &key, &bytes, &created).await;
        assert_exists(store.create(&key, bytes.clone()).await, &key);
        let replaced = store.replace(&key, bytes.clone(), &created).await.unwrap();
        assert_moved(store.replace(&key, bytes.clone(), &created).await);
        assert_document(store, &key, &bytes, &replaced).await;
        store.delete(&key, &replaced).await.unwrap();
    }
}

async fn keys_are_kept_apart(store: &dyn Documents) {
    let longest_segment = format!("keys/{}", "S".repeat(MAX_SEGMENT_BYTES));
    let mut longest = "keys".to_owned();
    while longest.len() + 101 < MAX_KEY_BYTES {
        longest = format!("{longest}/{}", "k".repeat(100));
    }
    longest = format!(
        "{longest}/{}",
        "k".repeat(MAX_KEY_BYTES - longest.len() - 1)
    );
    assert_eq!(longest.len(), MAX_KEY_BYTES);
    let keys = [
        // A document and documents "below" it do not disturb each other.
        "keys/a",
        "keys/a/b",
        "keys/a/b/c",
        // Case counts.
        "keys/Case",
        "keys/case",
        "keys/CASE",
        "keys/.dot",
        "keys/_=-.x",
        "keys/team=a.json",
        &longest_segment,
        &longest,
    ];
    for key in keys {
        store.create(key, key.as_bytes().to_vec()).await.unwrap();
    }
    for key in keys {
        let document = store.get(key).await.unwrap().unwrap();
        assert_eq!(document.bytes, key.as_bytes());
    }
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    assert_eq!(store.list("keys/").await.unwrap(), sorted);
    for key in keys {
        let document = store.get(key).await.unwrap().unwrap();
        store.delete(key, &document.version).await.unwrap();
    }
    assert_eq!(store.list("keys/").await.unwrap(), Vec::<String>::new());
}

async fn bad_keys_are_refused(store: &dyn Documents) {
    let too_long = "k".repeat(MAX_SEGMENT_BYTES + 1);
    for key in [
        "",
        "/",
        "/etc/passwd",
        "a/",
        "a//b",
        ".",
        "..",
        "../a",
        "a/../../b",
        "a b",
        "a\\b",
        "ü",
        &too_long,
    ] {
        let version = Version::from("v");
        assert_invalid(store.get(key).await, key);
        assert_invalid(store.create(key, Vec::new()).await, key);
        assert_invalid(store.replace(key, Vec::new(), &version).await, key);
        assert_invalid(store.delete(key, &version).await, key);
    }
    for prefix in ["/", "a//", "../", "a/../", "a b", "ü"] {
        assert_invalid(store.list(prefix).await, prefix);
    }
}

async fn listing(store: &dyn Documents) {
    // In byte order "-" < "." < "/" < "0" < "A" < "a", also across what a store takes for folders.
    let names = [
        "x", "x-y", "x.y", "x/y", "x/y/z", "x/yz", "x0", "xA", "xa", "y",
    ];
    let mut keys: Vec<String> = names.iter().map(|name| format!("listing/{name}")).collect();
    // More than a page where pages are small.
    keys.extend((0..20).map(|number| format!("listing/z/{number:03}")));
    assert!(keys.is_sorted());
    for key in keys.iter().rev() {
        store.create(key, b"x".to_vec()).await.unwrap();
    }
    let starting_with = |prefix: &str| -> Vec<String> {
        keys.iter()
            .filter(|key| key.starts_with(prefix))
            .cloned()
            .collect()
    };
    for prefix in [
        "listing/",
        "listing/x",
        "listing/x/",
        "listing/x/y",
        "listing/x.",
        "listing/z/01",
        "listing/none",
    ] {
        assert_eq!(
            store.list(prefix).await.unwrap(),
            starting_with(prefix),
            "prefix {prefix}"
        );
    }
    assert_eq!(store.list("listing/y").await.unwrap(), ["listing/y"]);
    let all = store.list("").await.unwrap();
    assert!(all.is_sorted());
    assert!(keys.iter().all(|key| all.contains(key)));
    // The prefix is text, not a folder.
    assert_eq!(store.list("listin").await.unwrap(), keys);
}

async fn one_creator_wins(store: &dyn Documents) {
    for round in 0..5 {
        let key = format!("creators/{round}");
        let attempts =
            (0..8).map(|writer| store.create(&key, format!("writer {writer}").into_bytes()));
        let results = join_all(attempts).await;
        let (writer, version) = the_winner(&results, |error| matches!(error, Error::Exists { .. }));
        assert_document(store, &key, format!("writer {writer}").as_bytes(), version).await;
    }
}

async fn one_replacer_wins(store: &dyn Documents) {
    let key = "replacers/document";
    let mut version = store.create(key, b"start".to_vec()).await.unwrap();
    for round in 0..10 {
        let bytes = |writer| format!("round {round} writer {writer}").into_bytes();
        let results =
            join_all((0..8).map(|writer| store.replace(key, bytes(writer), &version))).await;
        let (writer, next) = the_winner(&results, |error| matches!(error, Error::Moved { .. }));
        assert_document(store, key, &bytes(writer), next).await;
        version = next.clone();
    }
}

async fn replace_and_delete_exclude_each_other(store: &dyn Documents) {
    for round in 0..5 {
        let key = format!("excluding/{round}");
        let version = store.create(&key, b"start".to_vec()).await.unwrap();
        let (replaced, deleted) = futures::join!(
            store.replace(&key, b"kept".to_vec(), &version),
            store.delete(&key, &version)
        );
        match (replaced, deleted) {
            (Ok(version), Err(Error::Moved { .. })) => {
                assert_document(store, &key, b"kept", &version).await
            }
            (Err(Error::Moved { .. }), Ok(())) => assert_eq!(store.get(&key).await.unwrap(), None),
            other => panic!("both or none won: {other:?}"),
        }
    }
}

async fn updates_are_not_lost(store: &dyn Documents) {
    let key = "updates/counter";
    let add_one = || {
        json::update(store, key, |count: Option<&u32>| {
            Ok::<_, Error>(Some(count.copied().unwrap_or(0) + 1))
        })
    };
    let results = join_all((0..8).map(|_| add_one())).await;
    for result in results {
        assert!(matches!(result.unwrap(), json::Updated::Written(..)));
    }
    let (count, version) = json::get::<u32>(store, key).await.unwrap().unwrap();
    assert_eq!(count, 8);

    let kept = json::update(store, key, |_: Option<&u32>| Ok::<_, Error>(None))
        .await
        .unwrap();
    assert_eq!(kept, json::Updated::Kept(Some((8, version.clone()))));
    assert_document(store, key, b"8", &version).await;
    assert!(matches!(
        json::get::<String>(store, key).await,
        Err(Error::Corrupt { .. })
    ));
}

/// Checks all promises of [`Queues`] on a store without queues.
///
/// `pass` lets time pass on the store's clock: it moves a [`ManualClock`], or sleeps.
pub async fn queues(store: &dyn Queues, pass: impl AsyncFn(Duration)) {
    empty_queues(store).await;
    bad_queue_names_are_refused(store).await;
    life_of_a_message(store).await;
    every_text_comes_back(store).await;
    many_messages(store).await;
    one_receiver_gets_a_message(store).await;
    delay_and_redelivery(store, pass).await;
}

const MINUTE: Duration = Duration::from_secs(60);

async fn empty_queues(store: &dyn Queues) {
    assert_eq!(store.receive("never-used", 1, MINUTE).await.unwrap(), []);
    let message = Message {
        id: "9f1b7a52-0000-4000-8000-000000000000".to_owned(),
        receipt: "AgAAAAMAAAAAAAAAAAAAAAAAAAA=".to_owned(),
        text: String::new(),
        dequeue_count: 1,
    };
    assert_moved(store.delete("never-used", &message).await);
}

async fn bad_queue_names_are_refused(store: &dyn Queues) {
    for queue in [
        "", "ab", "Upper", "a_b", "a/b", "../abc", "a--b", "-abc", "abc-",
    ] {
        assert_invalid(store.send(queue, "text", Duration::ZERO).await, queue);
        assert_invalid(store.receive(queue, 1, MINUTE).await, queue);
    }
}

async fn life_of_a_message(store: &dyn Queues) {
    let queue = "life-of-a-message";
    store.send(queue, "wake up", Duration::ZERO).await.unwrap();
    assert_eq!(store.receive("another-queue", 1, MINUTE).await.unwrap(), []);
    assert_eq!(store.receive(queue, 0, MINUTE).await.unwrap(), []);
    let message = receive_one(store, queue, MINUTE).await;
    assert_eq!(
        (message.text.as_str(), message.dequeue_count),
        ("wake up", 1)
    );
    assert_eq!(
        store.receive(queue, 1, MINUTE).await.unwrap(),
        [],
        "a received message is hidden"
    );
    store.delete(queue, &message).await.unwrap();
    assert_moved(store.delete(queue, &message).await);
}

async fn every_text_comes_back(store: &dyn Queues) {
    let queue = "every-text";
    let texts = [
        "plain".to_owned(),
        // Valid base64 of something else.
        "aGVsbG8=".to_owned(),
        "{\"budget\":\"Größe €, 予算, 💶\",\"tags\":[\"<&>\",\"]]>\",\"'\\\"\"]}".to_owned(),
        " spaces and\r\nlines\n\tkept ".to_owned(),
        "control \0\u{1}\u{1b}\u{7f} characters".to_owned(),
        String::new(),
        "x".repeat(MAX_TEXT_BYTES),
        "€".repeat(MAX_TEXT_BYTES / 3),
    ];
    for text in &texts {
        store.send(queue, text, Duration::ZERO).await.unwrap();
        let message = receive_one(store, queue, MINUTE).await;
        assert!(
            message.text == *text,
            "{} bytes came back as {}",
            text.len(),
            message.text.len()
        );
        store.delete(queue, &message).await.unwrap();
    }
    let too_large = store
        .send(queue, &"x".repeat(MAX_TEXT_BYTES + 1), Duration::ZERO)
        .await;
    assert!(
        matches!(too_large, Err(Error::TooLarge { .. })),
        "{too_large:?}"
    );
    assert_eq!(store.receive(queue, 1, MINUTE).await.unwrap(), []);
}

async fn many_messages(store: &dyn Queues) {
    let queue = "many-messages";
    let sent: HashSet<String> = (0..MAX_RECEIVE + 8)
        .map(|number| format!("message {number}"))
        .collect();
    for text in &sent {
        store.send(queue, text, Duration::ZERO).await.unwrap();
    }
    let mut received = HashSet::new();
    let mut ids = HashSet::new();
    for expected in [5, MAX_RECEIVE, 3] {
        // Asking for too many is asking for the most there is.
        let max = if expected == 5 { 5 } else { 1000 };
        let messages = store.receive(queue, max, MINUTE).await.unwrap();
        assert_eq!(messages.len(), expected);
        for message in messages {
            store.delete(queue, &message).await.unwrap();
            ids.insert(message.id);
            received.insert(message.text);
        }
    }
    assert_eq!(received, sent);
    assert_eq!(ids.len(), sent.len());
    assert_eq!(store.receive(queue, 1, MINUTE).await.unwrap(), []);
}

async fn one_receiver_gets_a_message(store: &dyn Queues) {
    let queue = "one-receiver";
    for round in 0..3 {
        store
            .send(queue, &format!("round {round}"), Duration::ZERO)
            .await
            .unwrap();
        let results = join_all((0..8).map(|_| store.receive(queue, 1, MINUTE))).await;
        let messages: Vec<Message> = results.into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(messages.len(), 1, "{messages:?}");
        store.delete(queue, &messages[0]).await.unwrap();
    }
}

async fn delay_and_redelivery(store: &dyn Queues, pass: impl AsyncFn(Duration)) {
    let (short, longer) = (Duration::from_secs(2), Duration::from_secs(3));
    let queue = "delay-and-redelivery";
    store
        .send(queue, "much later", Duration::from_secs(3600))
        .await
        .unwrap();
    // Cut to the longest delay, and accepted.
    store
        .send(queue, "next month", Duration::from_secs(30 * 24 * 3600))
        .await
        .unwrap();
    // Fractions are rounded up, so this is not visible at once.
    store
        .send(queue, "later", Duration::from_millis(1500))
        .await
        .unwrap();
    assert_eq!(store.receive(queue, 10, short).await.unwrap(), []);

    pass(longer).await;
    let first = receive_one(store, queue, short).await;
    assert_eq!((first.text.as_str(), first.dequeue_count), ("later", 1));
    assert_eq!(store.receive(queue, 10, short).await.unwrap(), []);

    pass(longer).await;
    let second = receive_one(store, queue, short).await;
    assert_eq!(
        (&second.id, &second.text, second.dequeue_count),
        (&first.id, &first.text, 2)
    );
    assert_ne!(first.receipt, second.receipt);
    assert_moved(store.delete(queue, &first).await);

    pass(longer).await;
    let third = receive_one(store, queue, short).await;
    assert_eq!((&third.id, third.dequeue_count), (&first.id, 3));
    store.delete(queue, &third).await.unwrap();
    assert_moved(store.delete(queue, &second).await);

    pass(longer).await;
    assert_eq!(
        store.receive(queue, 10, short).await.unwrap(),
        [],
        "a deleted message does not return"
    );
}

async fn receive_one(store: &dyn Queues, queue: &str, visibility: Duration) -> Message {
    let mut messages = store.receive(queue, 10, visibility).await.unwrap();
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages.remove(0)
}

async fn assert_document(store: &dyn Documents, key: &str, bytes: &[u8], version: &Version) {
    let document = store
        .get(key)
        .await
        .unwrap()
        .unwrap_or_else(|| panic!("{key} is missing"));
    assert!(
        document.bytes == bytes,
        "{key}: {} bytes came back as {}",
        bytes.len(),
        document.bytes.len()
    );
    assert_eq!(document.version, *version, "{key}");
}

fn the_winner(
    results: &[crate::Result<Version>],
    lost: impl Fn(&Error) -> bool,
) -> (usize, &Version) {
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(lost(error), "{error:?}");
    }
    let winners: Vec<_> = results
        .iter()
        .enumerate()
        .filter_map(|(at, result)| Some((at, result.as_ref().ok()?)))
        .collect();
    assert_eq!(winners.len(), 1, "{results:?}");
    winners[0]
}

fn assert_exists<T: fmt::Debug>(result: crate::Result<T>, expected: &str) {
    assert!(
        matches!(&result, Err(Error::Exists { key }) if key == expected),
        "{result:?}"
    );
}

fn assert_moved<T: fmt::Debug>(result: crate::Result<T>) {
    assert!(matches!(result, Err(Error::Moved { .. })), "{result:?}");
}

fn assert_invalid<T: fmt::Debug>(result: crate::Result<T>, expected: &str) {
    assert!(
        matches!(&result, Err(Error::InvalidKey { key, .. }) if key == expected),
        "{expected:?}: {result:?}"
    );
}
