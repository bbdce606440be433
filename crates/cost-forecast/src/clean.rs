//! What is taken out of a history before its level is measured: charges and credits that recur every
//! month, and spikes that have ended.

use jiff::civil::Date;

use crate::median::{median, median_around};

/// A charge that falls on the same day of every month, such as a reservation or a support plan; or a
/// credit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MonthlyCharge {
    /// 1 to 31; in a shorter month the charge falls on its last day.
    pub(crate) day_of_month: i8,
    /// What the charge adds to its day; negative for a credit.
    pub(crate) amount: f64,
}

/// More charges a month than this are noise that happened to fall on the same days.
const MOST_CHARGES: usize = 6;

/// An excess has to stand out from the noise by this many median deviations, ...
const CHARGE_DEVIATIONS: f64 = 5.0;
/// ... and from its day's usual cost by this share.
const CHARGE_SHARE: f64 = 0.15;

/// A spike has to be off by this many median deviations, ...
const SPIKE_DEVIATIONS: f64 = 3.0;
/// ... and by this share of the usual cost.
const SPIKE_SHARE: f64 = 0.25;
/// What happened on the newest days may be the start of something lasting.
const NEWEST_DAYS: usize = 3;
/// At least so many spikes that make up this share of the cost are how the costs are, and stay; ...
const RECURRING_SPIKES: usize = 4;
const RECURRING_SHARE: f64 = 0.3;
/// ... two, if there is hardly any other cost.
const ONLY_SPIKES: usize = 2;
const ONLY_SHARE: f64 = 0.8;
/// The newest days in which they are counted.
const SPIKE_DAYS: usize = 84;

/// Where similar days lie: a week and a fortnight away, and next to the day.
const SIMILAR_DAYS: [isize; 6] = [-14, -7, -1, 1, 7, 14];
const SAME_WEEKDAYS: [isize; 6] = [-21, -14, -7, 7, 14, 21];
const FORTNIGHT: [isize; 14] = [-7, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7];

impl MonthlyCharge {
    /// Whether the charge falls on `date`.
    pub(crate) fn falls_on(&self, date: Date) -> bool {
        date.day() == self.day_of_month.min(date.days_in_month())
    }
}

/// What a day would usually cost, judged by similar days around it.
pub(crate) fn usual_cost(costs: &[Option<f64>], at: usize) -> Option<f64> {
    median_around(costs, at, &SIMILAR_DAYS)
}

/// Takes the charges that recur every month out of `costs` and returns them.
///
/// An excess recurs if, of the three newest months that reach its day of the month, the newest has
/// it and at least one other. So does what a credit takes away, where the day's cost is below zero.
pub(crate) fn take_out_charges(dates: &[Date], costs: &mut [Option<f64>]) -> Vec<MonthlyCharge> {
    let usual: Vec<Option<f64>> = (0..costs.len()).map(|at| usual_cost(costs, at)).collect();
    let excess: Vec<Option<f64>> = costs
        .iter()
        .zip(&usual)
        .map(|(cost, usual)| Some((*cost)? - (*usual)?))
        .collect();
    let noise = CHARGE_DEVIATIONS * median_size(&excess);
    // 1 for a charge, -1 for a credit, 0 for neither.
    let stands_out = |at: usize| match (costs[at], excess[at], usual[at]) {
        (Some(cost), Some(excess), Some(usual)) => {
            let is_far = excess.abs() > noise.max(CHARGE_SHARE * usual.abs());
            i8::from(is_far && excess > 0.0) - i8::from(is_far && excess < 0.0 && cost < 0.0)
        }
        _ => 0,
    };

    // Days of the month with the most matches first, and the later first: a charge on the last day
    // of each month is then found as one on the 31st, and not also as one on the 30th.
    let mut candidates = Vec::new();
    for day_of_month in (1..=31).rev() {
        let charge = MonthlyCharge {
            day_of_month,
            amount: 0.0,
        };
        let known = |&at: &usize| charge.falls_on(dates[at]) && excess[at].is_some();
        let months: Vec<usize> = (0..dates.len()).rev().filter(known).take(3).collect();
        let side = months.first().map_or(0, |&at| stands_out(at));
        let matches = months.iter().filter(|&&at| stands_out(at) == side).count();
        if side != 0 && matches >= 2 {
            candidates.push((matches, day_of_month, side));
        }
    }
    candidates.sort_by_key(|&(matches, ..)| std::cmp::Reverse(matches));

    let mut taken = vec![false; costs.len()];
    let mut charges = Vec::new();
    for (_, day_of_month, side) in candidates {
        let mut charge = MonthlyCharge {
            day_of_month,
            amount: 0.0,
        };
        let days = (0..dates.len())
            .rev()
            .filter(|&at| charge.falls_on(dates[at]) && stands_out(at) == side && !taken[at]);
        let days: Vec<usize> = days.collect();
        let mut latest: Vec<f64> = days.iter().take(2).filter_map(|&at| excess[at]).collect();
        if latest.len() < 2 {
            continue;
        }
        charge.amount = median(&mut latest).unwrap_or_default();
        charges.push(charge);
        days.into_iter().for_each(|at| taken[at] = true);
    }
    if charges.len() > MOST_CHARGES {
        return Vec::new();
    }
    for at in (0..costs.len()).filter(|&at| taken[at]) {
        costs[at] = usual[at];
    }
    charges
}

/// Puts spikes, up or down, back to what the weekday usually costs, once they have ended.
///
/// A spike is off from the same weekdays of three weeks either side, and from the days of a week
/// either side. What is off from the same weekdays up to the newest day has not ended, and stays; so do
/// all, where spikes are how the costs are. The answer is whether there is hardly any other cost.
pub(crate) fn damp_ended_spikes(costs: &mut [Option<f64>]) -> bool {
    let usual: Vec<Option<f64>> = (0..costs.len())
        .map(|at| median_around(costs, at, &SAME_WEEKDAYS))
        .collect();
    let off: Vec<Option<f64>> = costs
        .iter()
        .zip(&usual)
        .map(|(cost, usual)| Some((*cost)? - (*usual)?))
        .collect();
    let noise = SPIKE_DEVIATIONS * median_size(&off);
    let is_far = |at: usize, from: Option<f64>| match (costs[at], from) {
        (Some(cost), Some(from)) => (cost - from).abs() > noise.max(SPIKE_SHARE * from.abs()),
        _ => false,
    };
    let is_off = |at: usize| is_far(at, usual[at]);
    let is_spike = |&at: &usize| is_off(at) && is_far(at, median_around(costs, at, &FORTNIGHT));
    let not_ended = (0..costs.len()).rev().take_while(|&at| is_off(at)).count();
    let end = costs.len().saturating_sub(not_ended.max(NEWEST_DAYS));
    // One of the newest days has clearly ended if it was a single one: the day before and all after are usual.
    // So has a refund on the newest of them, where days cost something as a rule.
    let is_refund = |at: usize| {
        costs[at].is_some_and(|cost| cost < 0.0) && usual[at].is_some_and(|usual| usual > 0.0)
    };
    let is_single = |&at: &usize| {
        let mut around = (at.saturating_sub(1)..costs.len()).filter(|&other| other != at);
        (at + 1 < costs.len() || is_refund(at)) && around.all(|other| !is_off(other))
    };
    let newest = (end..costs.len()).filter(is_single);
    let spikes: Vec<usize> = (0..end).chain(newest).filter(is_spike).collect();
    let (count, share) = newest_spikes(costs, &off, &spikes);
    let is_all = count >= ONLY_SPIKES && share > ONLY_SHARE;
    if is_all || count >= RECURRING_SPIKES && share > RECURRING_SHARE {
        return is_all;
    }
    for at in spikes {
        costs[at] = usual[at];
    }
    false
}

/// How many spikes twelve weeks have had, and which share of their cost: much, where batches run now and
/// then or days differ by multiples.
fn newest_spikes(costs: &[Option<f64>], off: &[Option<f64>], spikes: &[usize]) -> (usize, f64) {
    let newest = costs.len().saturating_sub(SPIKE_DAYS);
    let spikes = || spikes.iter().filter(|&&at| at >= newest);
    let above: f64 = spikes().filter_map(|&at| off[at]).sum();
    let whole: f64 = costs[newest..].iter().flatten().sum();
    let share = if whole > 0.0 { above / whole } else { 0.0 };
    (spikes().count(), share)
}

/// The median size of the known values, 0 if there are none.
fn median_size(values: &[Option<f64>]) -> f64 {
    let mut sizes: Vec<f64> = values.iter().flatten().map(|value| value.abs()).collect();
    median(&mut sizes).unwrap_or_default()
}
