//! Thousands of ways in which evaluating, routing, delivering and sweeping are disturbed, each drawn
//! from a seed, and what must hold after every one of them.
//!
//! Workers run the real jobs over a store in memory. Every call of the store, the queues and the
//! channels waits until the scheduler picks it, and then succeeds, fails before it has done anything,
//! does it and loses the answer, or is where the worker is killed. Clocks disagree by up to 25 s;
//! messages are lost, doubled and late; people acknowledge and silence; costs grow, are restated and go missing; configurations
//! change. Then the faults stop, and everything must come to rest. The counterpart with real processes
//! is `kill.rs`.
//!
//! `SPENDWATCH_SIM_SEED` is the seed of the first schedule and `SPENDWATCH_SIM_SCHEDULES` how many
//! follow each other from there; with the seed that a failure names and a count of 1 exactly that
//! schedule runs again and prints its trace.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod books;
mod configurations;
mod costs;
mod counts;
mod executor;
mod fates;
mod faults;
mod jobs;
mod logs;
mod ports;
mod rest;
mod sabotage;
mod schedule;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use books::Violation;
use counts::Counts;
use executor::Rig;
use sabotage::Sabotage;

/// How many schedules a run tries by itself.
const SCHEDULES: u64 = 100_000;
/// The seed of the first one. The same in every run, so that the same code gives the same verdict.
const FIRST_SEED: u64 = 1_000_000;
/// So many schedules must be enough to notice a broken promise.
const NOTICED_WITHIN: u64 = 3_000;

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => match text.parse() {
            Ok(number) => number,
            Err(_) => panic!("{name} must be a number, not {text}"),
        },
        Err(_) => default,
    }
}

/// A schedule that broke a promise.
struct Broken {
    seed: u64,
    violations: Vec<Violation>,
}

/// So many broken schedules are enough to stop.
const ENOUGH: usize = 5;

/// Runs schedules on all cores until some have broken a promise.
fn search(first: u64, count: u64) -> (Counts, Vec<Broken>) {
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let threads = threads.min(usize::try_from(count).unwrap_or(1));
    let found: Mutex<Vec<Broken>> = Mutex::default();
    let work = || {
        let rig = Rig::new();
        let mut counts = Counts::default();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return counts;
            }
            let seed = first.wrapping_add(index);
            let run = rig.run(seed, None, false);
            counts += run.counts;
            if !run.violations.is_empty() {
                let violations = run.violations;
                let mut found = found.lock().unwrap();
                found.push(Broken { seed, violations });
                if found.len() >= ENOUGH {
                    next.store(count, Ordering::Relaxed);
                }
            }
        }
    };
    let mut counts = Counts::default();
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for one in running {
            counts += one.join().unwrap();
        }
    });
    (counts, found.into_inner().unwrap())
}

#[test]
fn no_schedule_breaks_a_promise() {
    spendwatch::install_crypto();
    let first = setting("SPENDWATCH_SIM_SEED", FIRST_SEED);
    let count = setting("SPENDWATCH_SIM_SCHEDULES", SCHEDULES);
    println!("seeds from {first}, {count} schedules");
    if count == 1 {
        let run = Rig::new().run(first, None, true);
        println!("{}", run.trace.join("\n"));
    }
    let begun = Instant::now();
    let (counts, broken) = search(first, count);
    println!("{counts}\nin {:.1} s", begun.elapsed().as_secs_f64());
    let Some(Broken { seed, .. }) = broken.first() else {
        return;
    };
    let trace = Rig::new().run(*seed, None, true).trace;
    let last = trace[trace.len().saturating_sub(100)..].join("\n");
    let lines = broken.iter().flat_map(|one| {
        let violations = one.violations.iter();
        violations.map(|each| format!("seed {}: {}: {}", one.seed, each.invariant, each.what))
    });
    let lines: Vec<String> = lines.collect();
    panic!(
        "the end of seed {seed}:\n{last}\n\nbroken promises:\n{}\nto run one again: \
         SPENDWATCH_SIM_SEED={seed} SPENDWATCH_SIM_SCHEDULES=1",
        lines.join("\n")
    );
}

#[test]
fn every_broken_promise_is_noticed() {
    spendwatch::install_crypto();
    let rig = Rig::new();
    for (sabotage, invariant) in Sabotage::ALL {
        let noticed = (0..NOTICED_WITHIN).find(|index| {
            let run = rig.run(FIRST_SEED + index, Some(sabotage), false);
            let mut violations = run.violations.iter();
            violations.any(|violation| violation.invariant == invariant)
        });
        match noticed {
            Some(index) => println!("{sabotage:?}: {invariant} after {} schedules", index + 1),
            None => panic!("{sabotage:?} does not break {invariant} in {NOTICED_WITHIN} schedules"),
        }
    }
}

#[test]
fn a_seed_is_the_same_schedule_every_time() {
    spendwatch::install_crypto();
    let rigs = [Rig::new(), Rig::new()];
    for seed in 0..200 {
        let first = rigs[0].run(seed, None, false);
        let second = rigs[1].run(seed, None, false);
        assert_eq!(first.digest, second.digest, "seed {seed}");
        assert_eq!(first.counts.steps, second.counts.steps, "seed {seed}");
    }
}
