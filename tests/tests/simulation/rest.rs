//! The end of a schedule: faults are off, time moves on, and everything must come to rest and agree
//! with the costs.

use std::sync::Arc;

use budget_engine::{Budget, Level, Planned, When};
use jiff::SignedDuration;
use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use spendwatch::{DELIVERIES, EVALUATIONS};

use crate::books::{Finished, Invariant};
use crate::configurations::{GROUPS, VARIANTS};
use crate::executor::{Executor, Job};

/// Minutes between the looks after the last fault; five days together.
const GAPS: [i64; 20] = [
    1, 2, 5, 10, 16, 31, 31, 60, 120, 240, 240, 480, 480, 720, 720, 720, 720, 1440, 1440, 1440,
];

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
        for _ in 0..2 {
            // Not at midnight, when clocks disagree about the day.
            let minute = self.now().as_second() % 86_400;
            if !(60..86_340).contains(&minute) {
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

    /// Holds the store against the books, and the ledgers against the costs.
    pub(crate) fn verify(&mut self) {
        let mut world = self.rig.hub.world();
        let mut missing = Vec::new();
        let mut fates = Vec::new();
        for (key, ledger) in &world.books.ledgers {
            for transition in &ledger.transitions {
                self.counts.transitions += 1;
                self.counts.corrections += u64::from(transition.change != "fired");
                if !transition.routed {
                    missing.push(format!("{key}: {} is not routed", transition.threshold));
                }
                let month = transition.at.strftime("%Y-%m");
                for routed in transition.route.iter().flatten() {
                    let key = format!("history/{month}/{}", routed.id);
                    match world.get(&key) {
                        Ok(Some(document)) => fates.push((routed.id.clone(), document.bytes)),
                        _ => missing.push(format!(
                            "{} to {} has no fate",
                            transition.threshold, routed.destination
                        )),
                    }
                }
            }
        }
        for what in missing {
            world.books.accuse(Invariant::Terminal, what);
        }
        for (id, bytes) in fates {
            let finished: Finished = match serde_json::from_slice(&bytes) {
                Ok(finished) => finished,
                Err(error) => panic!("the books cannot read the fate of {id}: {error}"),
            };
            self.counts.deliveries += 1;
            match finished.state.as_str() {
                Some("dead") => self.counts.dead += 1,
                Some("expired") => self.counts.expired += 1,
                _ => self.counts.delivered += 1,
            }
            world.books.finished(&id, &finished);
        }
        let arrivals = world.books.arrivals.values();
        let extra = arrivals.map(|arrivals| u64::from(arrivals.all.saturating_sub(1)));
        self.counts.duplicates += extra.sum::<u64>();
        drop(world);
        for budget in self.app().config().budgets.iter() {
            self.agrees(budget);
        }
    }

    /// What the ledger of a budget says must be what the costs say.
    fn agrees(&self, budget: &Budget) {
        let Some(known) = self.known.last() else {
            return;
        };
        let first = self.evaluated_on().first_of_month();
        let group = GROUPS.iter().position(|group| *group == budget.id);
        let spent = Decimal::from(known.total(group, first, self.evaluated_on()));
        let Planned::Flat(planned) = budget.planned else {
            return;
        };
        let key = format!("ledger/{}/monthly-{first}", budget.id);
        let mut world = self.rig.hub.world();
        let Some(ledger) = world.books.ledgers.get(&key).cloned() else {
            let what = format!("{key} was never written");
            world.books.accuse(Invariant::DecidedOnce, what);
            return;
        };
        for threshold in &budget.thresholds {
            let stands = |key: &str| {
                let alert = ledger.alerts.get(key);
                alert.is_some_and(|alert| alert.state.stands())
            };
            let agrees = match threshold.when {
                When::Actual(Level::Percent(percent)) => {
                    let reached = spent >= planned * percent / Decimal::ONE_HUNDRED;
                    stands(&threshold.id) == reached
                }
                When::Actual(Level::EveryAmount(unit)) => {
                    let reached = (spent / unit).floor().to_u32().unwrap_or(0);
                    let steps = ledger.alerts.keys().filter(|key| stands(key));
                    let highest = steps
                        .filter_map(|key| key.strip_prefix(&format!("{}#", threshold.id)))
                        .filter_map(|step| step.parse().ok())
                        .max();
                    highest.unwrap_or(0) == reached
                }
                _ => true,
            };
            if !agrees {
                let what = format!(
                    "{key}: {} says {:?} at {spent} of {planned}",
                    threshold.id, ledger.alerts
                );
                world.books.accuse(Invariant::DecidedOnce, what);
            }
        }
    }

    /// The day of the last evaluation.
    fn evaluated_on(&self) -> Date {
        let as_of = self.known.last().map(|known| known.as_of);
        as_of.map_or_else(|| self.today(), spendwatch::day_of)
    }
}
