//! Forecasts of a budget and of its parts that add up, and weekdays that a young part has from it.
//!
//! A budget and those of its parts that are counted alike (same days, currency and cost basis) are a
//! family, as long as the parts do not count the same cost twice. What the whole costs beyond its parts is
//! forecast as a part of its own.

use budget_engine::{Budget, CostFacts, DailyCost, DayState, Observed, Period, observe};
use cost_forecast::{Fitted, Model, Node, reconcile};
use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::{Kept, Outlook, Outlooks, Week};
use crate::app::App;
use crate::forecasting;
use crate::jobs::evaluate;
use crate::reads::Read;

/// Parts that cost more than the whole on a settled day, by more than this share of it, count something
/// twice.
const TOLERANCE: Decimal = Decimal::from_parts(5, 0, 0, false, 3);

/// A budget with its days, as far as a family needs them.
struct Member<'a> {
    budget: &'a Budget,
    counted: Period,
    days: Vec<DailyCost>,
    fitted: Fitted,
}

/// The outlook of each budget of a read. `kept` gives what earlier evaluations kept of a budget.
pub(crate) fn prepare(
    app: &App,
    read: &Read,
    facts: &CostFacts,
    today: Date,
    mut kept: impl FnMut(&Budget) -> Kept,
) -> Outlooks {
    let config = app.config();
    let budgets = evaluate::budgets_of(app, read);
    let mut outlooks: Outlooks = budgets
        .iter()
        .map(|budget| {
            let outlook = Outlook {
                kept: kept(budget),
                ..Outlook::configured(config, budget)
            };
            (budget.id.clone(), outlook)
        })
        .collect();
    let is_here = |id: &str| budgets.iter().any(|budget| budget.id == id);
    let roots = budgets.iter().filter(|budget| {
        let is_part = budget.parent.as_deref().is_some_and(is_here);
        !is_part
            && config
                .budgets
                .children(&budget.id)
                .any(|one| is_here(&one.id))
    });
    for root in roots {
        let mut family = Family {
            app,
            read,
            facts,
            today,
            outlooks: &mut outlooks,
            nodes: Vec::new(),
            ids: Vec::new(),
        };
        if let Some(member) = family.member(root) {
            family.add(None, member);
        }
        family.settle();
    }
    outlooks
}

struct Family<'a> {
    app: &'a App,
    read: &'a Read,
    facts: &'a CostFacts,
    today: Date,
    outlooks: &'a mut Outlooks,
    /// Totals of the running period.
    nodes: Vec<Node>,
    /// For each node, its budget; `None` for what no part counts.
    ids: Vec<Option<String>>,
}

impl<'a> Family<'a> {
    /// A budget that has a forecast; `None` for one that has none, which then is nobody's part.
    fn member(&self, budget: &'a Budget) -> Option<Member<'a>> {
        let selectors = self.app.config().budgets.selectors(budget);
        let lag = evaluate::lag_of(self.app, self.read);
        let observed: Observed = observe(self.facts, budget, &selectors, lag, self.today).ok()?;
        let period = budget.calendar.period_of(self.today)?;
        let counted = budget.counted(&period)?;
        let fitted = forecasting::fit(&observed, self.outlooks.get(&budget.id)?).ok()?;
        Some(Member {
            budget,
            counted,
            days: observed.days,
            fitted,
        })
    }

    /// Adds a budget below a node, and its parts below it.
    fn add(&mut self, whole: Option<usize>, member: Member<'a>) {
        let at = self.push(whole, Some(&member.budget.id), &member);
        let children = self.app.config().budgets.children(&member.budget.id);
        let week = member.fitted.week_shape();
        let mut parts = Vec::new();
        for child in children {
            if let (Some(shape), Some(outlook)) = (week, self.outlooks.get_mut(&child.id)) {
                let of = member.budget.id.clone();
                outlook.week = Some(Week { of, shape });
            }
            let is_alike = child.currency == member.budget.currency
                && child.cost_basis == member.budget.cost_basis;
            let part = self.member(child).filter(|_| is_alike);
            parts.extend(part.filter(|part| part.counted == member.counted));
        }
        let Some(rest) = rest(&member, &parts).filter(|_| !parts.is_empty()) else {
            return;
        };
        for part in parts {
            self.add(Some(at), part);
        }
        if let Some(rest) = rest {
            self.push(Some(at), None, &rest);
        }
    }

    fn push(&mut self, whole: Option<usize>, id: Option<&str>, member: &Member<'_>) -> usize {
        let (start, end) = (member.counted.start(), member.counted.end());
        let settled = member
            .days
            .iter()
            .filter(|day| day.state == DayState::Settled && member.counted.contains(day.date));
        let settled: f64 = settled.filter_map(|day| day.cost.to_f64()).sum();
        let rest = member.fitted.predict(start, end);
        self.nodes.push(Node {
            whole,
            posted: settled + rest.posted,
            mean: settled + rest.total.mean(),
            error: rest.total.error(),
        });
        self.ids.push(id.map(str::to_owned));
        self.nodes.len() - 1
    }

    /// Writes what makes the forecasts add up.
    fn settle(self) {
        let means = reconcile(&self.nodes);
        for ((node, mean), id) in self.nodes.iter().zip(means).zip(self.ids) {
            let before = node.mean - node.posted;
            let outlook = id.and_then(|id| self.outlooks.get_mut(&id));
            if let Some(outlook) = outlook.filter(|_| before != 0.0) {
                outlook.factor = ((mean - node.posted) / before).max(0.0);
            }
        }
    }
}

/// What a whole costs beyond its parts. `None` if the parts count something twice, or if it cannot be
/// forecast; `Some(None)` if it is nothing.
fn rest<'a>(whole: &Member<'a>, parts: &[Member<'_>]) -> Option<Option<Member<'a>>> {
    let mut days = Vec::with_capacity(whole.days.len());
    let mut is_nothing = true;
    let mut places = vec![0; parts.len()];
    for day in &whole.days {
        let mut rest = *day;
        for (part, place) in parts.iter().zip(&mut places) {
            while part.days.get(*place).is_some_and(|one| one.date < day.date) {
                *place += 1;
            }
            let Some(one) = part.days.get(*place).filter(|one| one.date == day.date) else {
                continue;
            };
            rest.cost = rest.cost.checked_sub(one.cost)?;
            // A day is known no better than what is known of its parts.
            rest.state = rest.state.max(one.state);
        }
        if rest.state == DayState::Settled {
            let allowed = day.cost.abs().checked_mul(TOLERANCE)?;
            if day.cost >= Decimal::ZERO && rest.cost < -allowed {
                return None;
            }
        }
        // What is only posted so far counts as well: a part may be so new that it has no forecast.
        let allowed = day.cost.abs().checked_mul(TOLERANCE)?;
        is_nothing &= rest.cost.abs() <= allowed;
        days.push(rest);
    }
    if is_nothing {
        return Some(None);
    }
    let series = forecasting::series_of(&days).ok()?;
    let fitted = Model::fit(&series, &cost_forecast::Options::default()).ok()?;
    Some(Some(Member {
        budget: whole.budget,
        counted: whole.counted,
        days,
        fitted,
    }))
}
