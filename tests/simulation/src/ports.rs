//! What a worker sees of the world: a store, queues, channels and a clock that yield before every
//! call, and then do what the schedule says.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use alert_channels::{Attempt, Channel, Kind, Notice, RenderError, Rendered};
use alert_channels::{SendResult, UnknownPolicy};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use spendwatch::Clock;
use state_store::{Document, Documents, Error, Message, Queues, Result, Version};

use crate::costs::Known;
use crate::sabotage::Sabotage;
use crate::world::{Hub, Sending, Ticket};

/// A call that waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Get,
    Create,
    Replace,
    Delete,
    List,
    Enqueue,
    Receive,
    Remove,
    Read,
    Send,
}

/// What becomes of a call.
#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    /// It does what it is for.
    Go,
    /// It fails and has done nothing.
    FailBefore,
    /// It does what it is for, and the answer is lost.
    FailAfter,
    /// It does what it is for, the answer is lost, and the repetition by the client below meets what
    /// the first try has done.
    Repeated,
    /// A message is taken and never seen again.
    Lose,
    /// A message is there twice.
    Double,
    /// A message shows later than asked for.
    Late(Duration),
    /// What the source knows.
    Costs(Arc<Known>),
    /// What a channel answers.
    Answer(SendResult),
}

/// The ports of one worker.
#[derive(Debug, Clone)]
pub(crate) struct Port {
    pub(crate) hub: Arc<Hub>,
    pub(crate) worker: usize,
}

impl Port {
    /// Waits for the schedule.
    pub(crate) fn gate<'a>(&'a self, call: Call, key: &'a str) -> Gate<'a> {
        self.gate_for(call, key, None)
    }

    fn gate_for<'a>(&'a self, call: Call, key: &'a str, sending: Option<Sending>) -> Gate<'a> {
        Gate {
            port: self,
            call,
            key,
            sending,
            ticket: None,
        }
    }
}

/// Pending until the schedule has given a verdict.
pub(crate) struct Gate<'a> {
    port: &'a Port,
    call: Call,
    key: &'a str,
    sending: Option<Sending>,
    ticket: Option<u64>,
}

impl Future for Gate<'_> {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Verdict> {
        let mut world = self.port.hub.world();
        let Some(id) = self.ticket else {
            let id = world.next_ticket;
            world.next_ticket += 1;
            world.tickets.push(Ticket {
                id,
                worker: self.port.worker,
                call: self.call,
                key: self.key.to_owned(),
                sending: self.sending.take(),
                hangs: false,
            });
            drop(world);
            self.ticket = Some(id);
            return Poll::Pending;
        };
        // The scheduler polls whom it has given a verdict; nobody needs to be woken.
        match world.verdict.take_if(|(granted, _)| *granted == id) {
            Some((_, verdict)) => {
                drop(world);
                self.ticket = None;
                Poll::Ready(verdict)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Gate<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.ticket {
            let mut world = self.port.hub.world();
            let place = world.tickets.iter().position(|ticket| ticket.id == id);
            let ticket = place.map(|place| world.tickets.remove(place));
            // Who gives up on an answer does not know what became of the question.
            if let Some(sending) = ticket.and_then(|ticket| ticket.sending) {
                world.books.may_have_arrived(&sending);
            }
        }
    }
}

fn unavailable(key: &str) -> Error {
    Error::Unavailable {
        operation: format!("reach {key}"),
        source: "the schedule says so".into(),
    }
}

impl Verdict {
    /// Answers a write: does it unless it is to fail before.
    fn write<T>(
        &self,
        key: &str,
        write: impl FnOnce() -> Result<T>,
        repetition: impl FnOnce(String) -> Error,
    ) -> Result<T> {
        match self {
            Verdict::FailBefore => Err(unavailable(key)),
            Verdict::FailAfter => {
                let _ = write();
                Err(unavailable(key))
            }
            Verdict::Repeated => {
                write()?;
                Err(repetition(key.to_owned()))
            }
            _ => write(),
        }
    }
}

#[async_trait]
impl Documents for Port {
    async fn get(&self, key: &str) -> Result<Option<Document>> {
        let verdict = self.gate(Call::Get, key).await;
        let get = || self.hub.world().get(key);
        verdict.write(key, get, |key| Error::Moved { key })
    }

    async fn create(&self, key: &str, bytes: Vec<u8>) -> Result<Version> {
        let verdict = self.gate(Call::Create, key).await;
        let create = || self.hub.world().create(self.worker, key, bytes);
        verdict.write(key, create, |key| Error::Exists { key })
    }

    async fn replace(&self, key: &str, bytes: Vec<u8>, version: &Version) -> Result<Version> {
        let verdict = self.gate(Call::Replace, key).await;
        if key.starts_with("outbox/") && matches!(verdict, Verdict::FailBefore | Verdict::FailAfter)
        {
            let mut world = self.hub.world();
            world.books.visit_fails(self.worker);
            if matches!(verdict, Verdict::FailAfter) {
                world.books.marked_in_vain(&bytes);
            }
        }
        let replace = || self.hub.world().replace(self.worker, key, bytes, version);
        verdict.write(key, replace, |key| Error::Moved { key })
    }

    async fn delete(&self, key: &str, version: &Version) -> Result<()> {
        let verdict = self.gate(Call::Delete, key).await;
        let delete = || self.hub.world().delete(key, version);
        verdict.write(key, delete, |key| Error::Moved { key })
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let verdict = self.gate(Call::List, prefix).await;
        let list = || self.hub.world().list(prefix);
        verdict.write(prefix, list, |key| Error::Moved { key })
    }
}

#[async_trait]
impl Queues for Port {
    async fn send(&self, queue: &str, text: &str, delay: Duration) -> Result<()> {
        let verdict = self.gate(Call::Enqueue, text).await;
        let (times, delay) = match verdict {
            Verdict::Lose => (0, delay),
            Verdict::Double => (2, delay),
            Verdict::Late(by) => (1, delay + by),
            _ => (1, delay),
        };
        let send = || {
            let mut world = self.hub.world();
            (0..times).try_for_each(|_| world.enqueue(queue, text, delay))
        };
        // A client that repeats leaves a message twice, and meets no error.
        verdict.write(queue, send, |key| unavailable(&key))
    }

    async fn receive(&self, queue: &str, max: usize, visibility: Duration) -> Result<Vec<Message>> {
        let verdict = self.gate(Call::Receive, queue).await;
        let receive = || self.hub.world().receive(queue, max, visibility);
        verdict.write(queue, receive, |key| Error::Moved { key })
    }

    async fn delete(&self, queue: &str, message: &Message) -> Result<()> {
        let verdict = self.gate(Call::Remove, queue).await;
        let delete = || self.hub.world().remove(queue, message);
        verdict.write(queue, delete, |key| Error::Moved { key })
    }
}

impl Clock for Port {
    fn now(&self) -> Timestamp {
        let skew = SignedDuration::from_secs(self.hub.skew(self.worker));
        self.hub
            .now()
            .saturating_add(skew)
            .unwrap_or(Timestamp::MAX)
    }
}

/// A channel of the real kind, whose network is the schedule.
pub(crate) struct Twin {
    pub(crate) port: Port,
    pub(crate) name: String,
    pub(crate) real: Arc<dyn Channel>,
}

#[async_trait]
impl Channel for Twin {
    fn kind(&self) -> Kind {
        self.real.kind()
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, RenderError> {
        self.real.render(notice)
    }

    async fn send(&self, notice: &Notice, _: Attempt) -> SendResult {
        let samples = self.port.hub.world().renders;
        let payload = samples.then(|| self.real.render(notice));
        let sending = Sending::new(&self.name, notice, payload);
        let gate = self.port.gate_for(Call::Send, &self.name, Some(sending));
        match gate.await {
            Verdict::Answer(result) => result,
            other => unreachable!("a send is answered, not {other:?}"),
        }
    }

    fn unknown_policy(&self) -> UnknownPolicy {
        let policy = self.real.unknown_policy();
        let mark = policy.mark && !self.port.hub.world().breaks(Sabotage::NothingIsMarked);
        UnknownPolicy { mark, ..policy }
    }
}
