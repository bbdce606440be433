//! The end of a schedule: faults are off, time moves on, and everything must come to rest.

use std::sync::Arc;

use jiff::SignedDuration;
use spendwatch::{DELIVERIES, EVALUATIONS};

use crate::books::Invariant;
use crate::configurations::VARIANTS;
use crate::executor::Executor;
use crate::jobs::Job;

/// Minutes between the looks after the last fault. Seven hours in the end, which meet the time between
/// any quiet hours; six days together.
const GAPS: [i64; 26] = [
    2, 5, 16, 31, 120, 240, 420, 420, 420, 420, 420, 420, 420, 420, 420, 420, 420, 420, 420, 420,
    420, 420, 420, 420, 420, 420,
];

/// After so many looks people acknowledge what still waits.
const PATIENCE: usize = 13;

/// More messages than any schedule makes.
const ALL: usize = 100_000;

impl Executor<'_> {
    /// Turns the faults off, and works on until nothing waits.
    pub(crate) async fn drain(&mut self) {
        self.faulty = false;
        self.note(|_| "faults are off".to_owned());
        self.work().await;
        if self.schedule.reconfigures > 0 {
            let variant = self.rng.usize(..VARIANTS);
            self.note(|_| format!("all workers get configuration {variant}"));
            self.configure(variant);
        }
        // Not at midnight, when clocks disagree about the day.
        let second = self.now().as_second() % 86_400;
        if !(60..86_340).contains(&second) {
            self.pass(SignedDuration::from_mins(3)).await;
        }
        let (today, now) = (self.today(), self.now());
        if let Some(known) = self.known.last() {
            let mut known = (**known).clone();
            known.hidden = 0;
            known.as_of = now;
            known.grow_to(&mut self.rng, today);
            self.note(|_| format!("costs {known:?}"));
            self.known.push(Arc::new(known));
        }
        for job in [Job::Tick, Job::Pump(EVALUATIONS, ALL)] {
            self.alone(job).await;
        }
        self.come_to_rest().await;
    }

    async fn come_to_rest(&mut self) {
        for (round, minutes) in GAPS.into_iter().enumerate() {
            for job in [Job::Sweep, Job::Pump(DELIVERIES, ALL)] {
                self.alone(job).await;
            }
            self.counts.longest_drain = self.counts.longest_drain.max(round as u64);
            if self.waiting().is_empty() {
                return;
            }
            if round == PATIENCE {
                // Reminders beyond an allowance would go on waiting for each other for ever.
                self.alone(Job::AcknowledgeAll).await;
            }
            self.pass(SignedDuration::from_mins(minutes)).await;
        }
        let waiting = self.waiting().join(", ");
        let mut world = self.rig.hub.world();
        world
            .books
            .accuse(Invariant::Drains, format!("still waiting: {waiting}"));
    }

    /// Works on one job until it is done.
    async fn alone(&mut self, job: Job) {
        self.pending.push(job);
        self.work().await;
    }

    fn waiting(&self) -> Vec<String> {
        let world = self.rig.hub.world();
        let mut waiting = world.keys("outbox/");
        waiting.extend(world.keys("unrouted/"));
        waiting
    }
}
