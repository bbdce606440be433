//! What is no longer true: crossings that are taken back, and alerts that are over.

#![deny(clippy::float_arithmetic)]

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::judge::{judge, reached, share, times};
use super::{Decision, Outcome, Reason};
use crate::anomaly::Anomaly;
use crate::budget::{Budget, Threshold, When};
use crate::forecast::Forecast;
use crate::ledger::{Alert, AlertState, Change, Ledger};
use crate::money::Money;
use crate::status::{Percent, Status};

/// Why alerts stand though they are below their level, by the id of their threshold.
pub(super) type Held = BTreeMap<String, Reason>;

/// What an alert is judged on when it may be over.
struct View<'a> {
    budget: &'a Budget,
    status: &'a Status,
    forecast: Option<&'a Forecast>,
    /// Why nothing is taken back, if the data cover less of the period than before.
    covers_less: Option<&'a Reason>,
}

/// Whether an alert is over.
enum Verdict {
    /// It stands.
    Stands,
    /// It is below its level and stands all the same.
    Held(Reason),
    /// It is over.
    Over { level: Decimal, reason: Reason },
}

/// One alert that is over.
struct Undone<'a> {
    change: Change,
    level: Decimal,
    /// Of an event.
    first_day: Option<Date>,
    key: String,
    /// The alert by whose notice it was told: its own, or that of the one that covered it.
    told_by: String,
    threshold: &'a Threshold,
    reason: Reason,
}

impl Undone<'_> {
    fn is_told_alone(&self) -> bool {
        self.told_by == self.key
    }
}

/// Ends alerts that are no longer true, and tells of those that were told.
///
/// Several that end in the same way in one step give one transition, for the highest, which names the
/// others; what is said of the age of data, and of each event, is told on its own. One that was told by the notice of
/// another is named with that, or ends on its own when the other one stands.
pub(super) fn undo(
    budget: &Budget,
    status: &Status,
    forecast: Option<&Forecast>,
    covers_less: Option<&Reason>,
    ledger: &mut Ledger,
    now: Timestamp,
    decisions: &mut Vec<Decision>,
) -> Held {
    retire_reconfigured(budget, status, ledger, now);
    follow_events(status, covers_less, ledger, now);
    let view = View {
        budget,
        status,
        forecast,
        covers_less,
    };
    let mut held = Held::new();
    let mut over: Vec<Undone<'_>> = Vec::new();
    for threshold in &budget.thresholds {
        for (key, alert) in &mut ledger.alerts {
            if alert.threshold != threshold.id || !alert.state.stands() {
                continue;
            }
            let (level, reason) = match view.judge(threshold, alert) {
                Verdict::Stands => continue,
                Verdict::Held(reason) => {
                    held.insert(threshold.id.clone(), reason);
                    continue;
                }
                Verdict::Over { level, reason } => (level, reason),
            };
            let (state, change) = match (threshold.when, &reason) {
                (When::Actual(_), _) | (_, Reason::NoLongerUnusual { .. }) => {
                    (AlertState::Withdrawn, Change::Withdrawn)
                }
                _ => (AlertState::Resolved, Change::Resolved),
            };
            let first_day = alert.anomaly.as_ref().map(|event| event.first);
            let told_by = match std::mem::replace(&mut alert.state, state) {
                AlertState::Covered { by } => by,
                _ => key.clone(),
            };
            over.push(Undone {
                change,
                level,
                first_day,
                key: key.clone(),
                told_by,
                threshold,
                reason,
            });
        }
    }
    let own: BTreeSet<String> = over
        .iter()
        .filter(|one| one.is_told_alone())
        .map(|one| one.key.clone())
        .collect();
    let (named, told): (Vec<_>, Vec<_>) = over
        .into_iter()
        .partition(|one| !one.is_told_alone() && own.contains(&one.told_by));
    let mut groups: BTreeMap<(Change, bool, Option<Date>), Vec<Undone<'_>>> = BTreeMap::new();
    for one in told {
        let about_data = matches!(one.threshold.when, When::Stale(_));
        groups
            .entry((one.change, about_data, one.first_day))
            .or_default()
            .push(one);
    }
    for ((change, ..), mut undone) in groups {
        undone.sort_by(|left, right| {
            let highest_first = right.level.cmp(&left.level);
            highest_first.then_with(|| left.key.cmp(&right.key))
        });
        let also = named
            .iter()
            .filter(|one| undone.iter().any(|by| by.key == one.told_by));
        for one in undone.iter().chain(also) {
            decisions.push(Decision {
                threshold: one.key.clone(),
                when: one.threshold.when.to_string(),
                outcome: match one.change {
                    Change::Withdrawn => Outcome::Withdraw,
                    _ => Outcome::Resolve,
                },
                reason: one.reason.clone(),
            });
        }
        tell(ledger, change, &undone, &named, status, now);
    }
    held
}

/// Adds the one transition that tells of alerts which end together.
fn tell(
    ledger: &mut Ledger,
    change: Change,
    undone: &[Undone<'_>],
    named: &[Undone<'_>],
    status: &Status,
    now: Timestamp,
) {
    let Some((first, others)) = undone.split_first() else {
        return;
    };
    // It goes where the notices went, whatever the configuration says today.
    let mut notify: Vec<String> = Vec::new();
    let (mut follows, mut corrects) = (Vec::new(), Vec::new());
    let mut severity = first.threshold.severity;
    for one in undone {
        let alert = ledger.alerts.get(&one.told_by);
        if let Some(fired) = alert.and_then(|alert| ledger.fired(alert)) {
            let notices = ledger.notices_of(fired);
            match one.is_told_alone() {
                true => follows.extend(notices),
                false => corrects.extend(notices),
            }
            severity = severity.max(fired.severity);
            for name in &fired.notify {
                if !notify.contains(name) {
                    notify.push(name.clone());
                }
            }
        }
    }
    let reason = first.reason.clone();
    if let Some(transition) = ledger.tell(&first.key, change, reason, severity, status, now) {
        let spoke_for = |one: &&Undone<'_>| undone.iter().any(|by| by.key == one.told_by);
        let also = others.iter().chain(named.iter().filter(spoke_for));
        transition.also = also.map(|one| one.threshold.when.to_string()).collect();
        corrects.retain(|id| !follows.contains(id));
        transition.follows = follows;
        transition.corrects = corrects;
        transition.notify = notify;
    }
}

/// An alert under a threshold whose condition was rewritten answers a question that nobody asks any
/// more: places that show its state are told so.
fn retire_reconfigured(budget: &Budget, status: &Status, ledger: &mut Ledger, now: Timestamp) {
    let rewritten: Vec<(String, String)> = ledger
        .alerts
        .iter()
        .filter(|(_, alert)| alert.state.stands())
        .filter_map(|(key, alert)| {
            let mut thresholds = budget.thresholds.iter();
            let threshold = thresholds.find(|one| one.id == alert.threshold)?;
            let condition = threshold.when.to_string();
            (condition != alert.when).then_some((key.clone(), condition))
        })
        .collect();
    for (key, condition) in rewritten {
        retire(
            ledger,
            &key,
            AlertState::Resolved,
            Reason::Reconfigured { now: condition },
            status,
            now,
        );
    }
}

/// Brings the events of alerts up to date. What was over when it was told needs no word of that, but
/// from places that show the state of alerts.
fn follow_events(
    status: &Status,
    covers_less: Option<&Reason>,
    ledger: &mut Ledger,
    now: Timestamp,
) {
    let Some(anomalies) = status.anomalies.as_ref().filter(|_| covers_less.is_none()) else {
        return;
    };
    let told_as_over: Vec<String> = ledger
        .alerts
        .iter()
        .filter(|(_, alert)| alert.state.stands() && was_over(ledger, alert))
        .map(|(key, _)| key.clone())
        .collect();
    for alert in ledger.alerts.values_mut() {
        if let Some(event) = alert.anomaly.as_mut().filter(|_| alert.state.stands())
            && let Some(current) = anomalies.same_as(event)
        {
            **event = current.clone();
        }
    }
    for key in told_as_over {
        let event = ledger
            .alerts
            .get(&key)
            .and_then(|alert| alert.anomaly.as_deref());
        if let Some(reason) = event.filter(|event| !event.is_open).map(over) {
            retire(ledger, &key, AlertState::Resolved, reason, status, now);
        }
    }
}

/// Whether the event of an alert was over when it was told.
fn was_over(ledger: &Ledger, alert: &Alert) -> bool {
    let teller = match &alert.state {
        AlertState::Covered { by } => ledger.alerts.get(by),
        _ => Some(alert),
    };
    let fired = teller.and_then(|teller| ledger.fired(teller));
    let event = fired.and_then(|fired| fired.anomaly.as_ref());
    event.is_some_and(|event| !event.is_open)
}

fn over(event: &Anomaly) -> Reason {
    Reason::AnomalyOver {
        kind: event.kind,
        first: event.first,
        last: event.last,
        impact: event.impact,
    }
}

/// Puts an alert into a state that ends it, and closes it where its state is shown.
pub(crate) fn retire(
    ledger: &mut Ledger,
    key: &str,
    state: AlertState,
    reason: Reason,
    status: &Status,
    now: Timestamp,
) {
    let Some(alert) = ledger.alerts.get_mut(key) else {
        return;
    };
    let was_told = alert.state == AlertState::Firing;
    alert.state = state;
    let alert = alert.clone();
    let Some(fired) = ledger.fired(&alert).filter(|_| was_told) else {
        return;
    };
    let (notify, severity) = (fired.notify.clone(), fired.severity);
    let follows = ledger.notices_of(fired);
    if let Some(closed) = ledger.tell(key, Change::Closed, reason, severity, status, now) {
        closed.follows = follows;
        closed.notify = notify;
    }
}

impl View<'_> {
    fn money(&self, amount: Decimal) -> Money {
        Money::new(amount, self.status.planned.currency)
    }

    /// Whether an amount is below a level by more than the margin.
    fn is_clearly_below(&self, amount: Decimal, level: Decimal) -> bool {
        amount < level && amount <= level - share(level, self.budget.margin)
    }

    fn held_by_margin(&self, level: Decimal) -> Verdict {
        Verdict::Held(Reason::HeldMargin {
            level: self.money(level),
            margin: Percent(self.budget.margin),
        })
    }

    /// Why the data undo nothing, whatever they say.
    fn tell_less(&self) -> Option<Reason> {
        let data = &self.status.data;
        if data.stale {
            Some(Reason::HeldStale {
                last_day: data.last_day,
            })
        } else {
            self.covers_less.cloned()
        }
    }

    /// Why what was expected may still come true: a day that was known when it was told is not
    /// settled.
    fn unsettled(&self, alert: &Alert) -> Option<Reason> {
        let until = alert.data_to?;
        (self.status.data.settled_to < until).then_some(Reason::HeldUnsettled { until })
    }

    fn plan_changed(&self, alert: &Alert, level: Decimal) -> Option<Verdict> {
        (alert.planned != self.status.planned).then(|| Verdict::Over {
            level,
            reason: Reason::PlanChanged {
                before: alert.planned,
                now: self.status.planned,
                level: self.money(level),
            },
        })
    }

    fn judge_event(&self, alert: &Alert, level: Decimal) -> Verdict {
        let Some(told) = &alert.anomaly else {
            return Verdict::Stands;
        };
        let anomalies = self.status.anomalies.as_ref();
        let current = anomalies.and_then(|known| known.same_as(told));
        let impact = current.map(|event| event.impact.amount.abs());
        let reaches = impact.is_some_and(|impact| impact >= level);
        if reaches && current.is_some_and(|event| event.is_open) {
            return Verdict::Stands;
        }
        if let Some(reason) = self.tell_less().or_else(|| self.not_checked(told)) {
            return Verdict::Held(reason);
        }
        let almost = impact.is_some_and(|impact| !self.is_clearly_below(impact, level));
        match current {
            Some(event) if almost && !event.is_open => {
                let reason = over(event);
                Verdict::Over { level, reason }
            }
            Some(_) if almost => self.held_by_margin(level),
            _ => Verdict::Over {
                level,
                reason: Reason::NoLongerUnusual {
                    first: told.first,
                    impact: current.map(|event| event.impact),
                    level: self.money(level),
                },
            },
        }
    }

    /// Why an event that is not found may still have been there: its days were not checked this time.
    fn not_checked(&self, told: &Anomaly) -> Option<Reason> {
        let data = &self.status.data;
        let checked = self
            .status
            .anomalies
            .as_ref()
            .and_then(|known| known.checked);
        if checked
            .is_some_and(|checked| checked.contains(told.first) && checked.contains(told.last))
        {
            return None;
        }
        Some(match data.settled_to < told.last {
            true => Reason::HeldUnsettled { until: told.last },
            false => Reason::CoversLess {
                first_day: data.first_day,
                last_day: data.last_day,
                gaps: Vec::new(),
            },
        })
    }

    fn judge(&self, threshold: &Threshold, alert: &Alert) -> Verdict {
        let status = self.status;
        match threshold.when {
            When::Actual(level) => {
                let at = reached(level, status.planned.amount, status.spent.amount);
                let level = match alert.step {
                    0 => at.level,
                    steps => times(at.unit, Decimal::from(steps)),
                };
                let spent = status.spent.amount;
                if spent >= level {
                    Verdict::Stands
                } else if let Some(over) = self.plan_changed(alert, level) {
                    over
                } else if let Some(reason) = self.tell_less() {
                    Verdict::Held(reason)
                } else if !self.is_clearly_below(spent, level) {
                    self.held_by_margin(level)
                } else {
                    let reason = Reason::Restated {
                        spent: status.spent,
                        level: self.money(level),
                    };
                    Verdict::Over { level, reason }
                }
            }
            When::Forecast(level) => {
                let reach = self
                    .forecast
                    .map(|known| known.quantile(Decimal::ONE_HUNDRED - threshold.probability));
                let at = reached(level, status.planned.amount, reach.unwrap_or_default());
                let level = match alert.step {
                    0 => at.level,
                    steps => times(at.unit, Decimal::from(steps)),
                };
                let judged = judge(threshold, status, self.forecast);
                if judged.is_ok_and(|crossing| alert.step <= crossing.step) {
                    return Verdict::Stands;
                }
                if let Some(over) = self.plan_changed(alert, level) {
                    return over;
                }
                let (Some(forecast), Some(reach)) = (self.forecast, reach) else {
                    return Verdict::Stands;
                };
                // What came true is not over.
                if status.spent.amount >= level || reach >= level {
                    return Verdict::Stands;
                }
                let held = self.tell_less().or_else(|| super::doubt(threshold, status));
                if let Some(reason) = held.or_else(|| self.unsettled(alert)) {
                    return Verdict::Held(reason);
                }
                if !self.is_clearly_below(reach, level) {
                    return self.held_by_margin(level);
                }
                let reason = Reason::NoLongerExpected {
                    level: self.money(level),
                    probability: Percent(forecast.probability_of(level)),
                    required: Percent(threshold.probability),
                };
                Verdict::Over { level, reason }
            }
            When::Pace(required) => {
                if judge(threshold, status, self.forecast).is_ok() {
                    return Verdict::Stands;
                }
                let Some(pace) = status.pace else {
                    return self
                        .plan_changed(alert, Decimal::ZERO)
                        .unwrap_or(Verdict::Stands);
                };
                let level = share(pace.expected.amount, required);
                if let Some(over) = self.plan_changed(alert, level) {
                    return over;
                }
                if pace.percent.0 >= required {
                    return Verdict::Stands;
                }
                if let Some(reason) = self.tell_less().or_else(|| self.unsettled(alert)) {
                    return Verdict::Held(reason);
                }
                if !self.is_clearly_below(pace.percent.0, required) {
                    return self.held_by_margin(level);
                }
                let reason = Reason::BackOnPlan {
                    spent: pace.spent_of(status),
                    expected: pace.expected,
                    percent: pace.percent,
                    required: Percent(required),
                };
                Verdict::Over { level, reason }
            }
            When::Anomaly(_, level) => {
                // The plan of when it was told: an event does not end because more is planned.
                let level = reached(level, alert.planned.amount, Decimal::ZERO).level;
                self.judge_event(alert, level)
            }
            When::Stale(allowed_days) => {
                let data = &status.data;
                if data.age_days > allowed_days {
                    return Verdict::Stands;
                }
                let reason = Reason::DataArrived {
                    last_day: data.last_day,
                    age_days: data.age_days,
                };
                let level = Decimal::ZERO;
                Verdict::Over { level, reason }
            }
        }
    }
}
