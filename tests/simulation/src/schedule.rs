//! What a seed stands for: how many workers there are, what fails how often, when it begins.

use fastrand::Rng;
use jiff::civil::{Date, date};

use crate::configurations::FAMILIES;
use crate::world::WORKERS;

/// One way in which things go wrong.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    /// Which budgets.
    pub(crate) family: usize,
    /// How many workers, from 2.
    pub(crate) workers: usize,
    /// The first day.
    pub(crate) starts: Date,
    /// Seconds into that day.
    pub(crate) at: i32,
    /// The first day with costs.
    pub(crate) first_cost: Date,
    /// How often something outside happens: new costs, another configuration, a timer.
    pub(crate) beats: usize,
    /// Of 1,000 calls of the store so many fail.
    pub(crate) fails: u16,
    /// Of 1,000 writes so many lose their answers.
    pub(crate) loses_answers: u16,
    /// Of 1,000 calls so many are where a worker is killed.
    pub(crate) kills: u16,
    /// Of 100 messages so many are lost, doubled or late.
    pub(crate) disturbs_messages: u8,
    /// Of 100 sends so many succeed.
    pub(crate) sends: u8,
    /// The configuration of all workers at the beginning.
    pub(crate) variant: usize,
    /// Of 100 beats so many change a worker's configuration.
    pub(crate) reconfigures: u8,
    /// Whether workers may stand still for longer than their leases.
    pub(crate) freezes: bool,
}

impl Schedule {
    pub(crate) fn new(rng: &mut Rng) -> Schedule {
        let starts = match rng.u8(..10) {
            0..=5 => date(2026, 11, rng.i8(4..14)),
            6..=7 => date(2026, 11, rng.i8(27..=30)),
            _ => date(2026, 11, rng.i8(14..27)),
        };
        let first_cost = if rng.bool() || starts.day() > 20 {
            date(2026, 11, 1)
        } else {
            date(2026, 10, 28)
        };
        Schedule {
            family: rng.usize(..FAMILIES),
            workers: rng.usize(2..=WORKERS),
            starts,
            at: rng.i32(0..86_400),
            first_cost,
            beats: rng.usize(2..=3),
            fails: pick(rng, &[0, 2, 10, 40]),
            loses_answers: pick(rng, &[0, 5, 20, 60]),
            kills: pick(rng, &[0, 3, 10, 25]),
            disturbs_messages: pick(rng, &[0, 5, 25, 60]),
            sends: pick(rng, &[95, 75, 50, 25]),
            variant: pick(rng, &[0, 0, 0, 6, 6, 7, 8, 8]),
            reconfigures: pick(rng, &[0, 0, 30, 60]),
            freezes: rng.u8(..100) < 15,
        }
    }
}

pub(crate) fn pick<T: Copy>(rng: &mut Rng, choices: &[T]) -> T {
    choices[rng.usize(..choices.len())]
}
