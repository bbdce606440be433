//! Runs one schedule: polls one worker at a time, gives every call its verdict, kills, and lets time
//! pass.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use fastrand::Rng;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use spendwatch::{App, DELIVERIES, EVALUATIONS, day_of};

use crate::books::{Invariant, Violation};
use crate::configurations::{FAMILIES, GROUPS, VARIANTS, configuration, environment};
use crate::costs::Known;
use crate::counts::Counts;
use crate::jobs::{Job, perform};
use crate::logs::Logs;
use crate::ports::{Call, Port, Twin, Verdict};
use crate::sabotage::Sabotage;
use crate::schedule::{Schedule, pick};
use crate::world::{Hub, WORKERS};

/// The applications of one thread, made once: they hold nothing of a schedule.
pub(crate) struct Rig {
    pub(crate) hub: Arc<Hub>,
    apps: Vec<App>,
    runtime: tokio::runtime::Runtime,
}

impl Rig {
    pub(crate) fn new() -> Rig {
        let hub = Hub::new();
        let mut apps = Vec::new();
        for family in 0..FAMILIES {
            for variant in 0..VARIANTS {
                let config = configuration(family, variant);
                for worker in 0..WORKERS {
                    apps.push(app(&hub, config.clone(), worker));
                }
            }
        }
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build();
        Rig {
            hub,
            apps,
            runtime: match runtime {
                Ok(runtime) => runtime,
                Err(error) => panic!("make a runtime: {error}"),
            },
        }
    }

    fn app(&self, family: usize, variant: usize, worker: usize) -> &App {
        &self.apps[(family * VARIANTS + variant) * WORKERS + worker]
    }

    /// Runs the schedule of a seed.
    pub(crate) fn run(&self, seed: u64, sabotage: Option<Sabotage>, traces: bool) -> Run {
        let logs = is_sample(seed).then(Logs::keep);
        let mut run = self.runtime.block_on(async {
            let mut executor = Executor::new(self, seed, sabotage, traces);
            executor.run().await
        });
        if let Some(logs) = logs {
            let (bytes, has_secret) = logs.read();
            run.counts.logged += bytes as u64;
            if has_secret {
                let what = "a secret is in the log".to_owned();
                let invariant = Invariant::NoSecrets;
                run.violations.push(Violation { invariant, what });
            }
        }
        run
    }
}

/// Whether a schedule lays out its payloads and keeps its log, to look for secrets: one in 64, because
/// it takes long.
fn is_sample(seed: u64) -> bool {
    seed.is_multiple_of(64)
}

fn app(hub: &Arc<Hub>, config: spendwatch::Config, worker: usize) -> App {
    let port = Port {
        hub: Arc::clone(hub),
        worker,
    };
    let app = match App::new(config, &environment(), spendwatch::StateLocation::Memory) {
        Ok(app) => app,
        Err(error) => panic!("make an application: {error:#}"),
    };
    let shared = Arc::new(port.clone());
    app.with_clock(shared.clone())
        .with_documents(shared.clone())
        .with_queues(shared.clone())
        .with_sources(vec![shared])
        .with_channels(|name, real| {
            Arc::new(Twin {
                port: port.clone(),
                name: name.to_owned(),
                real,
            })
        })
}

/// What came of a schedule.
pub(crate) struct Run {
    pub(crate) violations: Vec<Violation>,
    pub(crate) counts: Counts,
    pub(crate) trace: Vec<String>,
    /// Of everything that happened, to compare two runs.
    pub(crate) digest: u64,
}

/// Remembers that a timer has called.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One worker.
struct Slot<'a> {
    job: Option<Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 'a>>>,
    woken: Arc<Woken>,
    waker: Waker,
    variant: usize,
    since: Timestamp,
}

/// The schedule while it runs.
pub(crate) struct Executor<'a> {
    pub(crate) rig: &'a Rig,
    pub(crate) schedule: Schedule,
    pub(crate) rng: Rng,
    slots: Vec<Slot<'a>>,
    pub(crate) pending: Vec<Job>,
    pub(crate) known: Vec<Arc<Known>>,
    /// Whether things still fail.
    pub(crate) faulty: bool,
    pub(crate) counts: Counts,
    trace: Option<Vec<String>>,
    digest: u64,
}

impl<'a> Executor<'a> {
    fn new(rig: &'a Rig, seed: u64, sabotage: Option<Sabotage>, traces: bool) -> Executor<'a> {
        // Neighboring seeds are to have nothing in common.
        let mut rng = Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5bd1_e995);
        let schedule = Schedule::new(&mut rng);
        let start = midnight(schedule.starts)
            .saturating_add(SignedDuration::from_secs(i64::from(schedule.at)))
            .unwrap_or(Timestamp::MAX);
        rig.hub.reset(start, sabotage);
        {
            let mut world = rig.hub.world();
            world.books.freezes = schedule.freezes;
            world.books.looks_for_secrets = seed.is_multiple_of(8) || sabotage.is_some();
            world.renders = is_sample(seed);
        }
        let slots = (0..schedule.workers).map(|worker| {
            let woken = Arc::new(Woken(AtomicBool::new(false)));
            rig.hub.set_skew(worker, rng.i64(0..=25));
            Slot {
                job: None,
                waker: Waker::from(Arc::clone(&woken)),
                woken,
                variant: schedule.variant,
                since: start,
            }
        });
        let slots = slots.collect();
        let known = Known::new(&mut rng, schedule.first_cost, schedule.starts, start);
        Executor {
            rig,
            slots,
            pending: Vec::new(),
            known: vec![Arc::new(known)],
            faulty: true,
            counts: Counts::default(),
            trace: traces.then(Vec::new),
            digest: 0,
            schedule,
            rng,
        }
    }

    async fn run(&mut self) -> Run {
        self.note(|this| format!("{:?}", this.schedule));
        for _ in 0..self.schedule.beats {
            self.beat().await;
        }
        self.drain().await;
        self.verify();
        let mut world = self.rig.hub.world();
        self.counts.schedules = 1;
        self.counts.beyond_lease = world.books.beyond_lease;
        Run {
            violations: std::mem::take(&mut world.books.violations),
            counts: self.counts,
            trace: self.trace.take().unwrap_or_default(),
            digest: self.digest,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.rig.hub.now()
    }

    pub(crate) fn today(&self) -> Date {
        day_of(self.now())
    }

    /// Keeps a line for whoever reads the trace.
    pub(crate) fn note(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.trace.is_some() {
            let line = format!("{:.0} {}", self.now(), line(self));
            if let Some(trace) = &mut self.trace {
                trace.push(line);
            }
        }
    }

    /// Something happens outside, the timer calls, and workers find things to do.
    async fn beat(&mut self) {
        if self.counts.steps > 0 {
            let minutes = pick(&mut self.rng, &[3, 20, 240, 600, 1440, 1440]);
            self.pass(SignedDuration::from_mins(minutes)).await;
            let next = self.known.last().map(Arc::clone);
            if let Some(next) = next.filter(|_| self.rng.u8(..10) < 8) {
                let (today, now) = (self.today(), self.now());
                let next = next.next(&mut self.rng, today, now);
                self.note(|_| format!("costs {next:?}"));
                self.known.push(Arc::new(next));
            }
        }
        for worker in 0..self.slots.len() {
            if self.rng.u8(..100) < self.schedule.reconfigures {
                let variant = self.rng.usize(..VARIANTS);
                self.slots[worker].variant = variant;
                self.note(|_| format!("worker {worker} gets configuration {variant}"));
            }
        }
        self.pending.push(Job::Tick);
        for _ in 0..self.rng.usize(4..=9) {
            let job = match self.rng.u8(..40) {
                0..=9 => Job::Pump(EVALUATIONS, 2),
                10..=27 => Job::Pump(DELIVERIES, 1 + self.rng.usize(..3)),
                28..=33 => Job::Sweep,
                34 => Job::Tick,
                35 => Job::Evaluate,
                36..=37 => Job::Acknowledge(self.rng.usize(..8)),
                38 => Job::Silence(self.rng.usize(..GROUPS.len()), self.rng.i64(1..600)),
                _ => Job::EndSilence,
            };
            self.pending.push(job);
        }
        self.pending.reverse();
        self.work().await;
    }

    /// Works until nothing is to be done and, unless workers freeze, nobody is at it any more.
    pub(crate) async fn work(&mut self) {
        loop {
            let is_busy = self.slots.iter().any(|slot| slot.job.is_some());
            let may_leave = self.faulty && self.schedule.freezes;
            if self.pending.is_empty() && (!is_busy || (may_leave && self.rng.u8(..100) < 2)) {
                return;
            }
            self.step().await;
        }
    }

    async fn step(&mut self) {
        self.counts.steps += 1;
        for worker in 0..self.slots.len() {
            if self.slots[worker].woken.0.load(Ordering::Relaxed) {
                self.poll(worker);
            }
        }
        let idle: Vec<usize> = (0..self.slots.len())
            .filter(|worker| self.slots[*worker].job.is_none())
            .collect();
        let (count, hanging) = {
            let world = self.rig.hub.world();
            let hanging = world.tickets.iter().filter(|ticket| ticket.hangs).count();
            (world.tickets.len() - hanging, hanging)
        };
        let starts = !self.pending.is_empty() && !idle.is_empty();
        if starts && (count == 0 || self.rng.u8(..100) < 25) {
            let worker = pick(&mut self.rng, &idle);
            if let Some(job) = self.pending.pop() {
                self.start(worker, job);
            }
        } else if count > 0 {
            let chosen = self.rng.usize(..count);
            self.decide(chosen);
            if self.faulty {
                self.dawdle().await;
            }
        } else {
            // Somebody waits for a timer.
            let seconds = if hanging > 0 { 5 } else { 1 };
            self.pass(SignedDuration::from_secs(seconds)).await;
        }
    }

    fn start(&mut self, worker: usize, job: Job) {
        self.note(|_| format!("worker {worker} begins {job:?}"));
        self.rig.hub.world().books.job_begins(worker);
        let slot = &mut self.slots[worker];
        let app = self.rig.app(self.schedule.family, slot.variant, worker);
        slot.since = self.rig.hub.now();
        slot.job = Some(Box::pin(tokio::task::unconstrained(perform(app, job))));
        self.poll(worker);
    }

    fn poll(&mut self, worker: usize) {
        let slot = &mut self.slots[worker];
        slot.woken.0.store(false, Ordering::Relaxed);
        let Some(job) = &mut slot.job else {
            return;
        };
        let mut context = Context::from_waker(&slot.waker);
        if let std::task::Poll::Ready(done) = job.as_mut().poll(&mut context) {
            slot.job = None;
            self.note(|_| match &done {
                Ok(()) => format!("worker {worker} is done"),
                Err(error) => format!("worker {worker} failed: {error:#}"),
            });
        }
    }

    /// The waiting calls that are answered at all.
    fn chosen(&self, chosen: usize) -> Option<(u64, usize, Call, String)> {
        let world = self.rig.hub.world();
        let mut answered = world.tickets.iter().filter(|ticket| !ticket.hangs);
        let ticket = answered.nth(chosen)?;
        let key = match self.trace.is_some() || ticket.call == Call::Send {
            true => ticket.key.clone(),
            false => String::new(),
        };
        Some((ticket.id, ticket.worker, ticket.call, key))
    }

    /// Decides what becomes of a waiting call.
    fn decide(&mut self, chosen: usize) {
        let Some((id, worker, call, key)) = self.chosen(chosen) else {
            return;
        };
        self.digest = (self.digest ^ (id << 8) ^ worker as u64)
            .wrapping_mul(0x100_0000_01b3)
            .rotate_left(5);
        let kills = if call == Call::Send { 6 } else { 1 } * self.schedule.kills;
        if self.faulty && self.rng.u16(..1000) < kills {
            self.kill(id, worker, call, &key);
            return;
        }
        let verdict = match call {
            Call::Send => self.send(id, worker),
            Call::Read => Some(self.read()),
            call => Some(self.fault(call)),
        };
        self.note(|_| {
            let verdict = match &verdict {
                Some(Verdict::Costs(known)) => format!("costs as of {}", known.as_of),
                other => format!("{other:?}"),
            };
            format!("worker {worker} {call:?} {key}: {verdict}")
        });
        let Some(verdict) = verdict else {
            return;
        };
        {
            let mut world = self.rig.hub.world();
            world.tickets.retain(|ticket| ticket.id != id);
            world.verdict = Some((id, verdict));
        }
        self.poll(worker);
    }

    /// Ends a worker in the middle of a call; another one takes its place, with another clock.
    fn kill(&mut self, id: u64, worker: usize, call: Call, key: &str) {
        self.counts.kills += 1;
        let arrives = call == Call::Send && self.rng.bool();
        self.note(|_| format!("worker {worker} is killed at {call:?} {key}, arrives: {arrives}"));
        if call == Call::Send {
            self.leaves(id, worker, arrives);
        }
        self.slots[worker].job = None;
        self.rig.hub.world().books.job_begins(worker);
        self.rig.hub.set_skew(worker, self.rng.i64(0..=25));
    }

    /// Lets a little time pass, or as much as freezes a worker.
    async fn dawdle(&mut self) {
        let seconds = match self.rng.u16(..1000) {
            0..=7 if self.schedule.freezes => self.rng.i64(100..=700),
            8..=25 => self.rng.i64(5..=30),
            26..=250 => self.rng.i64(1..=3),
            _ => return,
        };
        let by = SignedDuration::from_secs(seconds);
        let now = self.now();
        // A worker that does not freeze is done long before its lease is over.
        let too_long = self.slots.iter().any(|slot| {
            slot.job.is_some()
                && now.duration_since(slot.since) + by > SignedDuration::from_secs(85)
        });
        if self.schedule.freezes || !too_long {
            self.pass(by).await;
        }
    }

    pub(crate) async fn pass(&mut self, by: SignedDuration) {
        self.rig.hub.advance(by);
        tokio::time::advance(by.unsigned_abs()).await;
    }

    /// Gives all workers one configuration.
    pub(crate) fn configure(&mut self, variant: usize) {
        for slot in &mut self.slots {
            slot.variant = variant;
        }
    }

    /// The application of the first worker.
    pub(crate) fn app(&self) -> &'a App {
        self.rig.app(self.schedule.family, self.slots[0].variant, 0)
    }
}

pub(crate) fn midnight(day: Date) -> Timestamp {
    match day.to_zoned(TimeZone::UTC) {
        Ok(midnight) => midnight.timestamp(),
        Err(error) => panic!("{day} has no midnight: {error}"),
    }
}
