//! What goes wrong: the verdict on each call, drawn from the seed.

use std::time::Duration;

use alert_channels::{Class, Failure, SendResult};
use jiff::SignedDuration;

use crate::configurations::CANARY;
use crate::executor::Executor;
use crate::ports::{Call, Verdict};
use crate::sabotage::Sabotage;
use crate::schedule::pick;

impl Executor<'_> {
    /// What becomes of a call of the store or the queues.
    pub(crate) fn fault(&mut self, call: Call) -> Verdict {
        if !self.faulty {
            return Verdict::Go;
        }
        let roll = self.rng.u16(..1000);
        if roll < self.schedule.fails {
            self.counts.failures += 1;
            return Verdict::FailBefore;
        }
        let loses = roll < self.schedule.fails + self.schedule.loses_answers;
        match call {
            Call::Get | Call::List | Call::Read | Call::Send => Verdict::Go,
            Call::Enqueue if self.rng.u8(..100) < self.schedule.disturbs_messages => {
                self.counts.disturbed_messages += 1;
                match self.rng.u8(..3) {
                    0 => Verdict::Lose,
                    1 => Verdict::Double,
                    _ => Verdict::Late(Duration::from_secs(self.rng.u64(1..900))),
                }
            }
            Call::Create | Call::Replace | Call::Delete if loses => {
                self.counts.lost_answers += 1;
                match self.rng.bool() {
                    true => Verdict::FailAfter,
                    false => Verdict::Repeated,
                }
            }
            Call::Enqueue | Call::Receive | Call::Remove if loses => {
                self.counts.lost_answers += 1;
                Verdict::FailAfter
            }
            _ => Verdict::Go,
        }
    }

    /// What the source answers: what it knows, what it knew, or nothing.
    pub(crate) fn read(&mut self) -> Verdict {
        let newest = self.known.len() - 1;
        if self.faulty && self.rng.u8(..100) < 8 {
            self.counts.failed_reads += 1;
            return Verdict::FailBefore;
        }
        let back = match self.faulty && self.rng.u8(..100) < 12 {
            true => self.rng.usize(..=newest.min(2)),
            false => 0,
        };
        Verdict::Costs(self.known[newest - back].clone())
    }

    /// What becomes of a send; `None` when it hangs until its deadline.
    pub(crate) fn send(&mut self, id: u64, worker: usize) -> Option<Verdict> {
        self.counts.sends += 1;
        let failure = |class| {
            let breaks = self
                .rig
                .hub
                .world()
                .breaks(Sabotage::FailuresTellTheAddress);
            let detail = if breaks {
                CANARY
            } else {
                "the schedule says so"
            };
            Failure::new(class, detail)
        };
        if !self.faulty || self.rng.u8(..100) < self.schedule.sends {
            self.leaves(id, worker, true);
            let provider_id = None;
            return Some(Verdict::Answer(match self.rng.bool() {
                true => SendResult::Delivered { provider_id },
                false => SendResult::Accepted { provider_id },
            }));
        }
        let result = match self.rng.u8(..10) {
            0..=1 => {
                let seconds = pick(&mut self.rng, &[20, 60, 300, 3600, 108_000]);
                let until = self.now() + SignedDuration::from_secs(seconds);
                self.leaves_for_nothing(id, worker);
                // A day is the longest that anybody is asked to wait.
                let waits = self.now() + SignedDuration::from_secs(seconds.min(86_000));
                let destination = self.destination(id);
                let mut world = self.rig.hub.world();
                world.books.asked_to_wait(worker, &destination, waits);
                drop(world);
                SendResult::Throttled { until }
            }
            2..=3 => {
                let failure = failure(Class::Connect);
                self.leaves_for_nothing(id, worker);
                let wait = SignedDuration::from_secs(self.rng.i64(0..600));
                SendResult::Transient {
                    failure,
                    not_before: self.rng.bool().then(|| self.now() + wait),
                }
            }
            4..=5 => {
                let failure = failure(Class::Server);
                self.counts.unknown_outcomes += 1;
                let arrives = self.rng.bool();
                self.leaves(id, worker, arrives);
                SendResult::Unknown { failure }
            }
            6..=7 => {
                self.counts.unknown_outcomes += 1;
                let arrives = self.rng.bool();
                self.leaves(id, worker, arrives);
                let mut world = self.rig.hub.world();
                let ticket = world.tickets.iter_mut().find(|ticket| ticket.id == id);
                ticket.into_iter().for_each(|ticket| ticket.hangs = true);
                return None;
            }
            8 => {
                let failure = failure(Class::Invalid);
                self.leaves_for_nothing(id, worker);
                SendResult::RejectedMessage { failure }
            }
            _ => {
                let failure = failure(Class::Auth);
                self.leaves_for_nothing(id, worker);
                SendResult::RejectedDestination { failure }
            }
        };
        Some(Verdict::Answer(result))
    }

    fn destination(&self, id: u64) -> String {
        let world = self.rig.hub.world();
        let ticket = world.tickets.iter().find(|ticket| ticket.id == id);
        ticket.map(|ticket| ticket.key.clone()).unwrap_or_default()
    }

    /// A send that reaches the destination's door and no further.
    fn leaves_for_nothing(&mut self, id: u64, worker: usize) {
        self.depart(id, worker, None);
    }

    /// A send whose content may have arrived, and did if `arrives`.
    pub(crate) fn leaves(&mut self, id: u64, worker: usize, arrives: bool) {
        self.depart(id, worker, Some(arrives));
    }

    fn depart(&mut self, id: u64, worker: usize, arrives: Option<bool>) {
        let now = self.now();
        let mut world = self.rig.hub.world();
        let Some(sending) = world
            .tickets
            .iter()
            .find(|ticket| ticket.id == id)
            .and_then(|ticket| ticket.sending.clone())
        else {
            return;
        };
        let others = world.tickets.iter().filter(|ticket| {
            let other = ticket.sending.as_ref();
            ticket.worker != worker
                && other.is_some_and(|other| other.destination == sending.destination)
        });
        let others = others.count();
        let books = &mut world.books;
        let beyond = books.sends(worker, &sending.destination, others, now);
        match arrives {
            Some(true) => {
                books.ends(&sending);
                books.arrived(&sending, beyond);
                self.counts.arrivals += 1;
            }
            Some(false) => books.may_have_arrived(&sending),
            None => books.refuses(worker, sending),
        }
    }
}
