//! How much was tried.

use std::fmt;
use std::ops::AddAssign;

/// What happened in one schedule, or in many.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) schedules: u64,
    pub(crate) steps: u64,
    pub(crate) kills: u64,
    pub(crate) failures: u64,
    pub(crate) lost_answers: u64,
    pub(crate) disturbed_messages: u64,
    pub(crate) failed_reads: u64,
    pub(crate) transitions: u64,
    pub(crate) corrections: u64,
    pub(crate) deliveries: u64,
    pub(crate) delivered: u64,
    pub(crate) dead: u64,
    pub(crate) expired: u64,
    pub(crate) suppressed: u64,
    pub(crate) sends: u64,
    pub(crate) arrivals: u64,
    pub(crate) unknown_outcomes: u64,
    pub(crate) duplicates: u64,
    pub(crate) beyond_lease: u64,
    pub(crate) longest_drain: u64,
    /// Bytes of log that were looked through.
    pub(crate) logged: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.schedules += other.schedules;
        self.steps += other.steps;
        self.kills += other.kills;
        self.failures += other.failures;
        self.lost_answers += other.lost_answers;
        self.disturbed_messages += other.disturbed_messages;
        self.failed_reads += other.failed_reads;
        self.transitions += other.transitions;
        self.corrections += other.corrections;
        self.deliveries += other.deliveries;
        self.delivered += other.delivered;
        self.dead += other.dead;
        self.expired += other.expired;
        self.suppressed += other.suppressed;
        self.sends += other.sends;
        self.arrivals += other.arrivals;
        self.unknown_outcomes += other.unknown_outcomes;
        self.duplicates += other.duplicates;
        self.beyond_lease += other.beyond_lease;
        self.logged += other.logged;
        self.longest_drain = self.longest_drain.max(other.longest_drain);
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            schedules,
            steps,
            kills,
            failures,
            lost_answers,
            disturbed_messages,
            failed_reads,
            transitions,
            corrections,
            deliveries,
            delivered,
            dead,
            expired,
            suppressed,
            sends,
            arrivals,
            unknown_outcomes,
            duplicates,
            beyond_lease,
            longest_drain,
            logged,
        } = self;
        writeln!(f, "{schedules} schedules, {steps} steps")?;
        writeln!(
            f,
            "faults: {kills} kills, {failures} failed calls, {lost_answers} lost answers, \
             {disturbed_messages} messages lost, doubled or late, {failed_reads} failed reads"
        )?;
        writeln!(
            f,
            "decided: {transitions} transitions, {corrections} of them corrections; {deliveries} \
             deliveries: {delivered} delivered or accepted, {dead} dead, {expired} expired, \
             {suppressed} told by others or not at all"
        )?;
        writeln!(
            f,
            "sent: {sends} sends, {arrivals} arrivals, {unknown_outcomes} unknown outcomes, \
             {duplicates} duplicates, all marked; {beyond_lease} sends beyond a lease, all of \
             workers that stood still"
        )?;
        write!(
            f,
            "longest way to rest without faults: {longest_drain} rounds; {logged} bytes of log without \
             a secret"
        )
    }
}
