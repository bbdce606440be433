//! What a proposal takes away that is no condition.

use budget_engine::{Budget, Planned, Threshold};

use crate::config::{Config, default_severity};

/// What a budget has of its own that a proposal for it does not have, each in one sentence.
pub(super) fn between(budget: &Budget, proposed: &Budget, config: &Config) -> Vec<String> {
    let amount = match &budget.planned {
        Planned::Flat(_) => None,
        Planned::PerPeriod(amounts) if amounts.is_empty() => None,
        Planned::PerPeriod(_) => Some("one amount takes the place of those of each period"),
        Planned::History { .. } => Some("one amount takes the place of that from history"),
    };
    let is_gone = |one: &&Threshold| !proposed.thresholds.iter().any(|other| other.id == one.id);
    let gone = budget.thresholds.iter().filter(is_gone);
    let lost = gone.filter_map(|one| of_threshold(budget, proposed, one, config));
    amount.map(str::to_owned).into_iter().chain(lost).collect()
}

/// What is lost with a threshold, besides its condition.
fn of_threshold(
    budget: &Budget,
    proposed: &Budget,
    threshold: &Threshold,
    config: &Config,
) -> Option<String> {
    let mut lost = Vec::new();
    if threshold.id != threshold.when.default_id() {
        lost.push(format!("the id `{}`", threshold.id));
    }
    if threshold.severity != default_severity(&threshold.when) {
        lost.push(format!("the severity {}", threshold.severity.as_str()));
    }
    let mut others = proposed.thresholds.iter();
    if !others.any(|other| other.follow_up == threshold.follow_up) {
        lost.push("its own reminders and escalation".to_owned());
    }
    let actions = config.actions.of(&budget.id, &threshold.id);
    if !actions.is_empty() {
        lost.push(format!("the actions {}", actions.join(", ")));
    }
    (!lost.is_empty()).then(|| {
        format!(
            "`{}` is not proposed, and {} with it",
            threshold.when,
            lost.join(", ")
        )
    })
}
