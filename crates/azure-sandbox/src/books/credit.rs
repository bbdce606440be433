//! Credits and commitments: lots, what used them up, and what is left.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::Books;
use crate::world::{Lot, LotSource};

/// What happened to some lots, in the account's currency.
#[derive(Debug, Clone, Default)]
pub struct Credits {
    /// The lots, and what is left of each.
    pub lots: Vec<LotState>,
    /// What happened, oldest first.
    pub events: Vec<Event>,
    /// What closed months took.
    pub applied: BTreeMap<Date, Decimal>,
    /// What the open month will take.
    pub pending: Decimal,
}

impl Credits {
    /// What is left after the closed months.
    pub fn balance(&self) -> Decimal {
        self.lots.iter().map(|each| each.balance).sum()
    }

    /// What will be left after the open month, as far as it is known.
    pub fn estimated(&self) -> Decimal {
        self.balance() - self.pending
    }
}

/// A lot and what is left of it.
#[derive(Debug, Clone)]
pub struct LotState {
    /// The lot.
    pub lot: Lot,
    /// What is left after the closed months; nothing after its last day.
    pub balance: Decimal,
    /// What its last day took away.
    pub expired: Decimal,
}

/// Something that happened to lots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When; charges and ends of lots are noted at the end of their month.
    pub date: Date,
    /// What.
    pub kind: EventKind,
    /// How much of all lots together; above zero.
    pub amount: Decimal,
    /// What is left of all lots afterwards.
    pub balance: Decimal,
    /// The lot that began or ended, or the one that charges were taken from.
    pub lot: Option<String>,
    /// The month whose charges they are.
    pub month: Option<Date>,
}

/// Kinds of [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A lot began.
    NewCredit,
    /// A closed month's charges were taken.
    SettledCharges,
    /// A lot ended before it was used up.
    CreditExpired,
    /// The open month's charges will be taken.
    PendingCharges,
}

impl Books {
    /// Credits of a billing profile: they pay its invoices, what is sold by others excepted.
    pub fn credits(&self, profile: &str) -> Credits {
        let lots = self.lots(|lot| {
            let whose = lot.profile.as_ref();
            lot.source != LotSource::Commitment
                && whose.is_some_and(|id| id.eq_ignore_ascii_case(profile))
        });
        self.run(lots, |month| {
            let sums = self.sums(month, month.last_of_month(), &self.world.currency, |each| {
                each.section.parent.id.eq_ignore_ascii_case(profile)
            });
            sums.azure() + sums.separate
        })
    }

    /// Commitments of the account: everything that is paid counts towards them.
    pub fn commitments(&self) -> Credits {
        let lots = self.lots(|lot| lot.source == LotSource::Commitment);
        self.run(lots, |month| {
            let last = month.last_of_month();
            let sums = self.sums(month, last, &self.world.currency, |_| true);
            sums.total()
        })
    }

    /// Lots that have begun, those that end first in front.
    fn lots(&self, picks: impl Fn(&Lot) -> bool) -> Vec<LotState> {
        let lots = self.world.lots.iter();
        let mut lots: Vec<LotState> = lots
            .filter(|lot| picks(lot) && lot.start <= self.world.today)
            .map(|lot| LotState {
                lot: lot.clone(),
                balance: Decimal::ZERO,
                expired: Decimal::ZERO,
            })
            .collect();
        lots.sort_by(|a, b| (a.lot.expiration, &a.lot.id).cmp(&(b.lot.expiration, &b.lot.id)));
        lots
    }

    fn run(&self, lots: Vec<LotState>, charges: impl Fn(Date) -> Decimal) -> Credits {
        let mut credits = Credits {
            lots,
            ..Credits::default()
        };
        credits.begin(Date::MIN, self.world.first_day.first_of_month());
        for month in self.closed_months() {
            let last = month.last_of_month();
            credits.begin(month, last.tomorrow().unwrap_or(last));
            let taken = credits.take(month, charges(month));
            credits.applied.insert(month, taken);
            credits.end(last);
        }
        let open: Vec<Date> = self.months().skip(credits.applied.len()).collect();
        for month in &open {
            let last = month.last_of_month();
            credits.begin(*month, last.tomorrow().unwrap_or(last));
        }
        let due: Decimal = open.iter().map(|month| charges(*month)).sum();
        credits.pending = due.clamp(Decimal::ZERO, credits.balance());
        if !credits.pending.is_zero() {
            let (amount, balance) = (credits.pending, credits.estimated());
            credits.events.push(Event {
                date: self.world.today,
                kind: EventKind::PendingCharges,
                amount,
                balance,
                lot: None,
                month: open.last().copied(),
            });
        }
        credits
    }
}

impl Credits {
    /// Lots that start in these days, the last one not included.
    fn begin(&mut self, first: Date, until: Date) {
        let mut order: Vec<usize> = (0..self.lots.len()).collect();
        order.sort_by_key(|at| self.lots[*at].lot.start);
        for at in order {
            let lot = self.lots[at].lot.clone();
            if first <= lot.start && lot.start < until {
                self.lots[at].balance = lot.amount;
                self.note(
                    EventKind::NewCredit,
                    lot.start,
                    lot.amount,
                    Some(lot.id),
                    None,
                );
            }
        }
    }

    /// Takes charges from lots, and gives what they paid.
    fn take(&mut self, month: Date, charges: Decimal) -> Decimal {
        let mut left = charges.max(Decimal::ZERO);
        for at in 0..self.lots.len() {
            let taken = left.min(self.lots[at].balance);
            if !taken.is_zero() {
                self.lots[at].balance -= taken;
                left -= taken;
                let lot = Some(self.lots[at].lot.id.clone());
                let day = month.last_of_month();
                self.note(EventKind::SettledCharges, day, taken, lot, Some(month));
            }
        }
        charges.max(Decimal::ZERO) - left
    }

    /// Lots that are over when a month has been settled; it may still take from those that
    /// end in it.
    fn end(&mut self, last: Date) {
        for at in 0..self.lots.len() {
            let left = self.lots[at].balance;
            if self.lots[at].lot.expiration <= last && !left.is_zero() {
                self.lots[at].balance = Decimal::ZERO;
                self.lots[at].expired = left;
                let lot = self.lots[at].lot.clone();
                self.note(EventKind::CreditExpired, last, left, Some(lot.id), None);
            }
        }
    }

    fn note(
        &mut self,
        kind: EventKind,
        date: Date,
        amount: Decimal,
        lot: Option<String>,
        month: Option<Date>,
    ) {
        let balance = self.balance();
        self.events.push(Event {
            date,
            kind,
            amount,
            balance,
            lot,
            month,
        });
    }
}
