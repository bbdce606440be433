//! What is left after a schedule: every fate that is recorded must be true, and the ledgers must say
//! what the costs say.

use std::collections::{BTreeMap, BTreeSet};

use budget_engine::{Budget, Change, Level, Planned, When, plus_days};
use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::books::{About, Books, Crossing, Fate, Finished, Invariant, Ledger};
use crate::configurations::GROUPS;
use crate::executor::Executor;

/// The destination that hears of what did not arrive elsewhere.
const FALLBACK: &str = "hook";

impl Executor<'_> {
    /// Holds the store against the books, and the ledgers against the costs.
    pub(crate) fn verify(&mut self) {
        let mut world = self.rig.hub.world();
        let mut finished = BTreeMap::new();
        for key in world.keys("history/") {
            let bytes = world.stored(&key).map(|document| document.bytes);
            match serde_json::from_slice::<Finished>(&bytes.unwrap_or_default()) {
                Ok(one) => finished.insert(key, one),
                Err(error) => panic!("the books cannot read {key}: {error}"),
            };
        }
        for one in finished.values() {
            self.counts.deliveries += 1;
            match one.state {
                Fate::Delivered | Fate::Accepted => self.counts.delivered += 1,
                Fate::Dead => self.counts.dead += 1,
                Fate::Expired => self.counts.expired += 1,
                Fate::Suppressed { .. } => self.counts.suppressed += 1,
            }
        }
        let ledgers = std::mem::take(&mut world.books.ledgers);
        for (key, ledger) in &ledgers {
            for transition in &ledger.transitions {
                self.counts.transitions += 1;
                self.counts.corrections += u64::from(transition.change == Change::Withdrawn);
                if !transition.routed {
                    let what = format!("{key}: {} is not routed", transition.threshold);
                    world.books.accuse(Invariant::Terminal, what);
                }
                let month = transition.at.strftime("%Y-%m").to_string();
                for routed in transition.route.iter().flatten() {
                    if !finished.contains_key(&format!("history/{month}/{}", routed.id)) {
                        let what = format!(
                            "{key}: {:?} of {} to {} has no fate",
                            transition.change, transition.threshold, routed.destination
                        );
                        world.books.accuse(Invariant::Terminal, what);
                    }
                }
            }
        }
        fates_are_true(&mut world.books, &finished, &ledgers);
        let arrivals = world.books.arrivals.values();
        let extra = arrivals.map(|arrivals| u64::from(arrivals.all.saturating_sub(1)));
        self.counts.duplicates += extra.sum::<u64>();
        drop(world);
        for budget in self.app().config().budgets.iter() {
            if let Err(what) = self.agrees(budget, &ledgers) {
                let mut world = self.rig.hub.world();
                world.books.accuse(Invariant::DecidedOnce, what);
            }
        }
    }

    /// What the ledger of a budget says must be what the costs say.
    fn agrees(&self, budget: &Budget, ledgers: &BTreeMap<String, Ledger>) -> Result<(), String> {
        let (Some(known), Planned::Flat(planned)) = (self.known.last(), &budget.planned) else {
            return Ok(());
        };
        let today: Date = spendwatch::day_of(known.as_of);
        let first = today.first_of_month();
        if plus_days(today.last_of_month(), 5) < self.today() {
            // The alerts of that month were closed on the way to rest.
            return Ok(());
        }
        let group = GROUPS.iter().position(|group| *group == budget.id);
        let spent = Decimal::from(known.total(group, first, today));
        let key = format!("ledger/{}/monthly-{first}", budget.id);
        let ledger = ledgers.get(&key);
        let ledger = ledger.ok_or_else(|| format!("{key} was never written"))?;
        let stands = |key: &str| {
            let alert = ledger.alerts.get(key);
            alert.is_some_and(|alert| ledger.is_told(&alert.state))
        };
        // What was told stands until the costs are clearly below it.
        let most = spent * Decimal::ONE_HUNDRED / (Decimal::ONE_HUNDRED - budget.margin);
        for threshold in &budget.thresholds {
            let agrees = match threshold.when {
                When::Actual(Level::Percent(percent)) => {
                    let level = *planned * percent / Decimal::ONE_HUNDRED;
                    let stands = stands(&threshold.id);
                    (stands || spent < level) && (!stands || level <= most)
                }
                When::Actual(Level::EveryAmount(unit)) => {
                    let steps = |amount: Decimal| (amount / unit).floor().to_u32().unwrap_or(0);
                    let standing = ledger.alerts.keys().filter(|key| stands(key));
                    let highest = standing
                        .filter_map(|key| key.strip_prefix(&format!("{}#", threshold.id)))
                        .filter_map(|step| step.parse::<u32>().ok())
                        .max();
                    (steps(spent)..=steps(most)).contains(&highest.unwrap_or(0))
                }
                _ => true,
            };
            if !agrees {
                let states: Vec<_> = ledger.alerts.iter().collect();
                return Err(format!(
                    "{key}: {} says {states:?} at {spent} of {planned}",
                    threshold.id
                ));
            }
        }
        Ok(())
    }
}

/// Holds what is recorded of deliveries against what arrived.
fn fates_are_true(
    books: &mut Books,
    finished: &BTreeMap<String, Finished>,
    ledgers: &BTreeMap<String, Ledger>,
) {
    // The number of the last end of each alert.
    let mut ends: BTreeMap<&str, u32> = BTreeMap::new();
    // One correction takes back what several notices told.
    let mut ended: BTreeSet<&str> = BTreeSet::new();
    for transition in ledgers.values().flat_map(|ledger| &ledger.transitions) {
        if !transition.change.leaves_standing() {
            ends.insert(&transition.alert, transition.sequence);
            ended.extend(transition.follows.iter().map(String::as_str));
        }
    }
    let is_over = |what: &Crossing| {
        let id = format!("{}-{}", what.alert, what.sequence);
        ends.get(&*what.alert) > Some(&what.sequence) || ended.contains(&*id)
    };
    let told_instead: BTreeSet<(&str, &str, u32)> = finished
        .values()
        .filter_map(|one| match (&one.notice.instead_of, &one.notice.message) {
            (Some(place), About::Crossing(what)) => {
                Some((place.as_str(), what.alert.as_str(), what.sequence))
            }
            _ => None,
        })
        .collect();
    for one in finished.values() {
        let id = &one.id;
        let place = (id.clone(), one.destination.clone());
        let arrivals = books.arrivals.get(&place).copied().unwrap_or_default();
        match &one.state {
            Fate::Delivered | Fate::Accepted if arrivals.all == 0 => {
                let what = format!("delivery {id} never arrived and is recorded as a success");
                books.accuse(Invariant::Terminal, what);
            }
            Fate::Suppressed { by: Some(by), .. } => {
                let mut teller = finished.get(by);
                // Broken promises make circles.
                for _ in 0..finished.len() {
                    let Some(Fate::Suppressed { by: Some(by), .. }) = teller.map(|one| &one.state)
                    else {
                        break;
                    };
                    teller = finished.get(by);
                }
                let tells =
                    teller.is_some_and(|teller| !matches!(teller.state, Fate::Suppressed { .. }));
                // That nobody is urged any more is no loss, nor is an end without a beginning.
                let matters = match (&one.notice.message, teller.map(|one| &one.notice.message)) {
                    (About::Crossing(what), Some(About::Crossing(told))) => {
                        what.change == Change::Fired || what.alert != told.alert
                    }
                    _ => true,
                };
                if !tells && matters {
                    let what = format!("{one:?} is told by {teller:?}, which tells nothing");
                    books.accuse(Invariant::Terminal, what);
                }
            }
            Fate::Suppressed { by: None, why } => {
                let stands = matches!(
                    &one.notice.message,
                    About::Crossing(what) if what.change == Change::Fired && !is_over(what)
                );
                if stands || why.is_empty() {
                    let what = format!("{one:?} is not told");
                    books.accuse(Invariant::Terminal, what);
                }
            }
            Fate::Dead | Fate::Expired if one.destination != FALLBACK => {
                if let About::Crossing(what) = &one.notice.message
                    && matches!(
                        what.change,
                        Change::Fired | Change::Resolved | Change::Withdrawn | Change::Escalated
                    )
                    && one.notice.instead_of.is_none()
                    && !told_instead.contains(&(&one.destination, &what.alert, what.sequence))
                {
                    let what = format!("{one:?} is lost, and the fallback does not know");
                    books.accuse(Invariant::Terminal, what);
                }
            }
            _ => {}
        }
        if arrivals.all > 1
            && !one.notice.maybe_duplicate
            && !matches!(one.state, Fate::Suppressed { .. })
        {
            let what = format!(
                "delivery {id} arrived {} times, and its record says nothing of it",
                arrivals.all
            );
            books.accuse(Invariant::ToldOnce, what);
        }
    }
}
