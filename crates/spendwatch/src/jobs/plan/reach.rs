//! Budgets that Azure has of configured ones that are not wanted there now: left as long as they may be
//! wanted again, and not held back where Azure can never keep them.

use native_budgets::{Action, Change, Desired, Loss, Names, Origin};

use super::created::Created;
use super::wanted::Wanted;
use crate::app::App;
use crate::clock::day_of;

/// Looks after what is not wanted and follows a configured budget: what that budget may want again, or
/// wants where nothing can be read just now, is left, whatever is to be deleted; what Azure cannot
/// express any more, and what is over, is deleted as anything that is not wanted.
pub(super) fn look_after(
    app: &App,
    wanted: &Wanted,
    is_read: &dyn Fn(&Desired) -> bool,
    names: &Names,
    created: &Created,
    changes: &mut [Change],
) {
    let today = day_of(app.now());
    for change in changes.iter_mut().filter(|change| change.desired.is_none()) {
        let Some(live) = &change.live else { continue };
        let origin = created.origin_of(&change.scope, live);
        let settings = app.config().native.settings.keys();
        let mut missing = settings.filter(|id| {
            let mut desired = wanted.desired.iter();
            !desired.any(|desired| desired.of.as_ref() == Some(id) && is_read(desired))
        });
        let Some(budget) = missing.find(|id| names.belongs(&change.name, &origin, id)) else {
            continue;
        };
        let is_ours = matches!(origin, Origin::Here { .. });
        let known = app.config().budgets.get(budget);
        if let Some(ends) = known
            .and_then(|known| known.ends)
            .filter(|ends| *ends < today)
        {
            // It is over, so there is nothing to wait for.
            change.reason = match change.action {
                Action::Leave if is_ours => format!("{budget} ended on {ends}; --prune deletes it"),
                Action::Delete => format!("{budget} ended on {ends}"),
                _ => continue,
            };
        } else if let Some(about) = wanted.lasting.get(budget) {
            leave_behind(change, budget, about, is_ours);
        } else if wanted.is_in_wrong_currency(&change.scope, live) {
            leave_behind(change, budget, "currency", is_ours);
        } else {
            let tells = live.amount.map_or_else(String::new, |amount| {
                format!(" and goes on telling of {}", amount.normalize())
            });
            change.action = Action::Leave;
            change.reason =
                format!("it follows the budget {budget}, which cannot be planned now{tells}");
        }
    }
}

/// Says of a budget that Azure still has why the configured one can never be kept there, and how it is
/// deleted. What others made stays theirs.
pub(super) fn leave_behind(change: &mut Change, budget: &str, about: &str, is_ours: bool) {
    let amount = change.live.as_ref().and_then(|live| live.amount);
    let amount = amount.map_or_else(String::new, |amount| {
        format!(" with the amount {}", amount.normalize())
    });
    let why = format!("Azure cannot keep {budget} as it is configured ({about})");
    change.reason = match change.action {
        Action::Delete => why,
        _ if is_ours => {
            format!(
                "{why} and still has this one{amount}, which goes on telling; --prune deletes it"
            )
        }
        _ => return,
    };
    change.of = Some(budget.to_owned());
}

/// A loss of a whole budget is no lie if Azure still has an old one.
pub(super) fn say_what_is_left(losses: &mut [Loss], changes: &[Change]) {
    for change in changes.iter().filter(|change| change.is_left_behind()) {
        let of = |loss: &&mut Loss| Some(&loss.budget) == change.of.as_ref();
        for loss in losses.iter_mut().filter(of) {
            loss.reason = format!(
                "{}; what Azure has by the name {} is an old one",
                loss.reason, change.name
            );
        }
    }
}
