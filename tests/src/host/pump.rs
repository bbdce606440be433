//! The queue listener: takes messages from a real queue service and follows the host's rules about
//! what becomes of them.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{Timestamp, fmt::rfc2822};
use tokio::task::JoinSet;
use url::Url;

use super::{
    FakeHost, Invocation,
    envelope::{MessageShape, QueueCall},
    folder::{Function, QueueSettings, Trigger},
    reply::Outcome,
};

/// What a test changes about the listener, because it cannot wait for minutes.
#[derive(Debug, Clone, Copy)]
pub struct PumpOptions {
    /// How often empty queues are looked at. The host waits longer and longer.
    pub poll: Duration,
    /// How long a message is hidden while it is worked on: 10 minutes in the host, which renews.
    /// This listener does not renew, so a shorter time must be longer than the work. Whole seconds.
    pub hide: Duration,
    /// In place of `visibilityTimeout` in `host.json`. Whole seconds.
    pub visibility_timeout: Option<Duration>,
}

impl Default for PumpOptions {
    fn default() -> Self {
        PumpOptions {
            poll: Duration::from_millis(50),
            hide: Duration::from_secs(600),
            visibility_timeout: None,
        }
    }
}

/// A running listener. When it is dropped, messages that are being worked on stay hidden and come
/// back later, as when a host is killed.
#[derive(Debug)]
pub struct Pump {
    tasks: JoinSet<()>,
    shared: Arc<Shared>,
    queues: Vec<String>,
}

#[derive(Debug)]
struct Shared {
    host: FakeHost,
    client: reqwest::Client,
    service: Url,
    options: PumpOptions,
    settings: QueueSettings,
    in_flight: AtomicUsize,
    done: Mutex<Vec<Invocation>>,
}

/// A message as the queue service hands it out.
#[derive(Debug, Clone)]
struct Wire {
    id: String,
    receipt: String,
    inserted: Timestamp,
    dequeue_count: u32,
    text: String,
}

impl Pump {
    pub(super) fn start(host: FakeHost, service: Url, options: PumpOptions) -> Pump {
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client can be made");
        let shared = Arc::new(Shared {
            settings: host.app().queues,
            client,
            service,
            options,
            in_flight: AtomicUsize::new(0),
            done: Mutex::new(Vec::new()),
            host,
        });
        let mut tasks = JoinSet::new();
        let mut queues = Vec::new();
        for function in shared.host.app().functions.values() {
            if let Trigger::Queue { queue } = &function.trigger {
                queues.push(queue.clone());
                tasks.spawn(listen(Arc::clone(&shared), function.clone(), queue.clone()));
            }
        }
        Pump {
            tasks,
            shared,
            queues,
        }
    }

    /// Everything it has invoked so far, in the order of ending.
    pub fn invocations(&self) -> Vec<Invocation> {
        let done = self.shared.done.lock();
        done.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until nothing is being worked on and no message is visible; says whether that came
    /// true in time. Messages that become visible later do not count.
    ///
    /// # Panics
    ///
    /// If the listener died because the queue service failed.
    pub async fn settle(&mut self, patience: Duration) -> bool {
        let begun = Instant::now();
        let mut calm = 0;
        // Between taking and counting a message there is a moment in which it is nowhere.
        while calm < 3 {
            if begun.elapsed() > patience {
                return false;
            }
            if let Some(ended) = self.tasks.try_join_next() {
                panic!("the listener ended: {ended:?}");
            }
            let mut busy = self.shared.in_flight.load(Ordering::SeqCst) > 0;
            for queue in &self.queues {
                busy |= self.shared.peek(queue).await > 0;
            }
            calm = if busy { 0 } else { calm + 1 };
            tokio::time::sleep(self.shared.options.poll / 2).await;
        }
        true
    }

    /// Writes a message as a producer would, encoded as `host.json` says.
    pub async fn send(&self, queue: &str, text: &str) {
        let shared = &self.shared;
        shared.create(queue).await;
        shared.put(queue, &shared.encode(text.as_bytes())).await;
    }

    /// Writes a message whose text on the wire is exactly this.
    pub async fn send_raw(&self, queue: &str, text: &str) {
        self.shared.create(queue).await;
        self.shared.put(queue, text).await;
    }

    /// The texts on the wire of up to 32 visible messages of a queue, which stay there.
    pub async fn peek(&self, queue: &str) -> Vec<String> {
        let url = self.shared.url(
            &format!("{queue}/messages"),
            "peekonly=true&numofmessages=32",
        );
        let body = self.shared.body(reqwest::Method::GET, url, None).await;
        let messages = body.unwrap_or_default();
        elements(&messages, "MessageText")
    }
}

/// Takes messages of one queue for one function, at most batch and threshold together at a time.
async fn listen(shared: Arc<Shared>, function: Function, queue: String) {
    let settings = shared.settings;
    let working = Arc::new(AtomicUsize::new(0));
    let mut jobs = JoinSet::new();
    loop {
        while let Some(ended) = jobs.try_join_next() {
            ended.expect("a message is handled");
        }
        let mut found = false;
        if working.load(Ordering::SeqCst) <= settings.new_batch_threshold {
            // Counted before it is taken, so that nobody thinks all is calm.
            shared.in_flight.fetch_add(1, Ordering::SeqCst);
            for wire in shared.take(&queue, settings.batch_size).await {
                found = true;
                working.fetch_add(1, Ordering::SeqCst);
                shared.in_flight.fetch_add(1, Ordering::SeqCst);
                let (shared, function) = (Arc::clone(&shared), function.clone());
                let (queue, working) = (queue.clone(), Arc::clone(&working));
                jobs.spawn(async move {
                    shared.handle(&function, &queue, wire).await;
                    working.fetch_sub(1, Ordering::SeqCst);
                    shared.in_flight.fetch_sub(1, Ordering::SeqCst);
                });
            }
            shared.in_flight.fetch_sub(1, Ordering::SeqCst);
        }
        if !found {
            tokio::time::sleep(shared.options.poll).await;
        }
    }
}

impl Shared {
    async fn handle(&self, function: &Function, queue: &str, wire: Wire) {
        let bytes = if self.settings.base64 {
            BASE64_STANDARD.decode(wire.text.trim()).ok()
        } else {
            Some(wire.text.clone().into_bytes())
        };
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        // What cannot be decoded goes away at once, and nobody is told.
        let Some(text) = text else {
            self.poison(queue, &wire).await;
            return;
        };
        if wire.dequeue_count > self.settings.max_dequeue_count {
            self.poison(queue, &wire).await;
            return;
        }
        let call = QueueCall {
            text,
            shape: MessageShape::Twice,
            dequeue_count: wire.dequeue_count,
            id: wire.id.clone(),
            inserted: wire.inserted,
            receipt: wire.receipt.clone(),
        };
        let invocation = self.host.queue(&function.name, call).await;
        let outcome = invocation.outcome.clone();
        self.done
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(invocation);
        if let Outcome::Succeeded(outputs) = outcome {
            for (name, messages) in outputs.queues {
                let binding = function.outputs().find(|binding| binding.name == name);
                let target = binding.and_then(|binding| binding.queue.clone());
                let target = target.expect("a queue output names its queue");
                self.create(&target).await;
                for message in messages {
                    self.put(&target, &self.encode(&message)).await;
                }
            }
            self.delete(queue, &wire).await;
        } else if wire.dequeue_count >= self.settings.max_dequeue_count {
            self.poison(queue, &wire).await;
        } else {
            self.release(queue, &wire).await;
        }
    }

    fn encode(&self, bytes: &[u8]) -> String {
        if self.settings.base64 {
            BASE64_STANDARD.encode(bytes)
        } else {
            String::from_utf8_lossy(bytes).into_owned()
        }
    }

    /// Takes up to `max` messages; a queue that does not exist is empty.
    async fn take(&self, queue: &str, max: usize) -> Vec<Wire> {
        let hide = self.options.hide.as_secs().max(1);
        let query = format!("numofmessages={max}&visibilitytimeout={hide}");
        let url = self.url(&format!("{queue}/messages"), &query);
        let body = self.body(reqwest::Method::GET, url, None).await;
        elements(&body.unwrap_or_default(), "QueueMessage")
            .iter()
            .map(|message| Wire::parse(message))
            .collect()
    }

    async fn peek(&self, queue: &str) -> usize {
        let url = self.url(
            &format!("{queue}/messages"),
            "peekonly=true&numofmessages=1",
        );
        let body = self.body(reqwest::Method::GET, url, None).await;
        elements(&body.unwrap_or_default(), "QueueMessage").len()
    }

    async fn create(&self, queue: &str) {
        let url = self.url(queue, "");
        self.body(reqwest::Method::PUT, url, None).await;
    }

    async fn put(&self, queue: &str, text: &str) {
        let escaped = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let body = format!("<QueueMessage><MessageText>{escaped}</MessageText></QueueMessage>");
        let url = self.url(&format!("{queue}/messages"), "");
        let answer = self.body(reqwest::Method::POST, url, Some(body)).await;
        answer.expect("the queue exists");
    }

    /// A message that is gone, or was handed out again, is left alone.
    async fn delete(&self, queue: &str, wire: &Wire) {
        self.body(
            reqwest::Method::DELETE,
            self.message_url(queue, wire, ""),
            None,
        )
        .await;
    }

    /// Makes a message visible again after the configured delay.
    async fn release(&self, queue: &str, wire: &Wire) {
        let delay = self.options.visibility_timeout;
        let delay = delay.unwrap_or(self.settings.visibility_timeout).as_secs();
        let url = self.message_url(queue, wire, &format!("visibilitytimeout={delay}"));
        self.body(reqwest::Method::PUT, url, None).await;
    }

    /// Moves a message to the poison queue; one of a poison queue is dropped.
    async fn poison(&self, queue: &str, wire: &Wire) {
        if !queue.ends_with("-poison") {
            let target = format!("{queue}-poison");
            self.create(&target).await;
            self.put(&target, &wire.text).await;
        }
        self.delete(queue, wire).await;
    }

    fn url(&self, path: &str, query: &str) -> Url {
        let mut url = self.service.clone();
        url.path_segments_mut()
            .expect("a service URL has a path")
            .pop_if_empty()
            .extend(path.split('/'));
        let signature = self.service.query().unwrap_or_default();
        url.set_query(Some(format!("{query}&{signature}").trim_start_matches('&')));
        url
    }

    fn message_url(&self, queue: &str, wire: &Wire, query: &str) -> Url {
        let mut url = self.url(&format!("{queue}/messages/{}", wire.id), query);
        url.query_pairs_mut()
            .append_pair("popreceipt", &wire.receipt);
        url
    }

    /// Asks the service; `None` if the queue or message is not there, or the message is not ours any more.
    async fn body(
        &self,
        method: reqwest::Method,
        url: Url,
        body: Option<String>,
    ) -> Option<String> {
        let request = self
            .client
            .request(method.clone(), url)
            .header("x-ms-version", "2022-11-02")
            .body(body.unwrap_or_default());
        let response = request.send().await.expect("the queue service answers");
        let status = response.status();
        let text = response.text().await.expect("the queue service answers");
        // A message that was hidden for too short may be with somebody else by now.
        let is_taken = text.contains("<Code>PopReceiptMismatch</Code>");
        if status.as_u16() == 404 || is_taken {
            return None;
        }
        assert!(status.is_success(), "{method}: {status}: {text}");
        Some(text)
    }
}

impl Wire {
    fn parse(xml: &str) -> Wire {
        let field = |name: &str| elements(xml, name).into_iter().next().unwrap_or_default();
        let inserted = rfc2822::parse(&field("InsertionTime").replace("GMT", "+0000"));
        Wire {
            id: field("MessageId"),
            receipt: field("PopReceipt"),
            inserted: inserted.map_or_else(|_| Timestamp::now(), |at| at.timestamp()),
            dequeue_count: field("DequeueCount").parse().unwrap_or(1),
            text: field("MessageText"),
        }
    }
}

/// The contents of all elements of this name; enough for the service's flat answers.
fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut found = Vec::new();
    let mut rest = xml;
    while let Some((_, after)) = rest.split_once(&open) {
        let Some((content, after)) = after.split_once(&close) else {
            break;
        };
        let unescaped = content
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
            .replace("&amp;", "&");
        found.push(if content.contains('<') {
            content.to_owned()
        } else {
            unescaped
        });
        rest = after;
    }
    found
}
