//! Changes of Azure resources, and the way back: look, ask, look again, until all is as it is wanted.

use jiff::SignedDuration;
use state_store::Version;

use super::{LOOK_AGAIN, Next, US, finish, give_up_undoing, retry, save, take, undone};
use crate::actions::hands::{Hands, can_change, can_revert, is_refusal, is_same, is_underway};
use crate::actions::{ACTING, ActionRecord, ActionState, TargetState};
use crate::app::App;

/// How long Azure may take for what it was asked before it is asked again.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);
/// How often Azure is asked for one change.
const MOST_ASKS: u32 = 5;

/// Announces the changes, then asks for them. From the announcement on, a change that shows is ours.
pub(super) async fn begin(
    app: &App,
    mut record: ActionRecord,
    version: Version,
) -> anyhow::Result<Next> {
    let hands = match app.hands(&record.action) {
        Ok(hands) => hands,
        Err(error) => {
            let later = (format!("{error:#}"), None, true);
            return retry(app, record, &version, ActionState::Approved, later).await;
        }
    };
    for index in 0..record.targets.len() {
        let id = record.targets[index].id.clone();
        let current = match hands.current(&record.task, &id).await {
            Ok(current) => current,
            Err(error) => {
                let later = (error.to_string(), None, true);
                return retry(app, record, &version, ActionState::Approved, later).await;
            }
        };
        let target = &mut record.targets[index];
        match current {
            None => {
                target.state = TargetState::Skipped;
                target.note = Some("it is gone".to_owned());
            }
            Some(current) if can_change(&record.task, &current) => {
                target.before = current;
                target.state = TargetState::Begun;
            }
            Some(current) => {
                target.state = TargetState::Skipped;
                target.note = Some(format!("it is {current} already"));
            }
        }
    }
    match save(app, &record, &version).await? {
        Some(version) => ask(app, hands, record, &version).await,
        None => Ok(Next::Again),
    }
}

/// Looks how far the changes are, and asks again where nothing moves.
pub(super) async fn go_on(
    app: &App,
    mut record: ActionRecord,
    version: Version,
) -> anyhow::Result<Next> {
    let hands = match app.hands(&record.action) {
        Ok(hands) => hands,
        Err(error) => {
            let later = (format!("{error:#}"), None, true);
            return retry(app, record, &version, ActionState::Running, later).await;
        }
    };
    let state = ActionState::Running;
    let Some(version) = take(app, &mut record, &version, state, "looked again").await? else {
        return Ok(Next::Again);
    };
    // A kill between taking it and announcing the changes: nothing was asked yet.
    let is_unannounced = |state| state == TargetState::Waiting;
    if record.targets.iter().any(|one| is_unannounced(one.state)) {
        return begin(app, record, version).await;
    }
    ask(app, hands, record, &version).await
}

async fn ask(
    app: &App,
    hands: &Hands,
    mut record: ActionRecord,
    version: &Version,
) -> anyhow::Result<Next> {
    let is_late = record.expires_at <= app.now();
    let task = record.task.clone();
    let mut refusals = Vec::new();
    for target in &mut record.targets {
        if target.state != TargetState::Begun {
            continue;
        }
        let now = app.now();
        let mut current = match hands.current(&task, &target.id).await {
            Ok(current) => current,
            Err(error) => {
                target.note = Some(error.to_string());
                continue;
            }
        };
        let is_due = target
            .asked_at
            .is_none_or(|at| now.duration_since(at) >= PATIENCE);
        let is_moving = current
            .as_deref()
            .is_none_or(|now| is_same(&task, now, &target.after) || is_underway(&task, now));
        if is_late {
            // What was asked for may still come, and is to be undone then. A kill may have left it
            // unsaid that it was asked for: a change that shows is ours.
            target.state = match (is_moving && current.is_some(), target.asks, target.may_come) {
                (true, ..) | (_, 1.., true) => TargetState::Changed,
                (_, 0, _) => TargetState::Skipped,
                (_, _, false) => TargetState::Failed,
            };
            if target.state != TargetState::Failed {
                target.note = Some("the period ended meanwhile".to_owned());
            }
            continue;
        }
        if !is_moving && is_due {
            if target.asks >= MOST_ASKS {
                target.state = TargetState::Failed;
                continue;
            }
            target.asks += 1;
            target.asked_at = Some(now);
            let refused = hands.change(&task, &target.id).await.err();
            target.may_come |= !refused.as_ref().is_some_and(is_refusal);
            target.note = refused.map(|error| error.to_string());
            if let Some(why) = &target.note {
                refusals.push((now, format!("{}: {why}", target.id)));
            }
            if let Ok(newer) = hands.current(&task, &target.id).await {
                current = newer;
            }
        }
        match current {
            None => {
                target.state = TargetState::Skipped;
                target.note = Some("it is gone".to_owned());
            }
            Some(current) if is_same(&task, &current, &target.after) => {
                target.state = TargetState::Changed;
                target.note = None;
            }
            Some(_) => {}
        }
    }
    for (at, why) in refusals {
        record.log(at, US, "not changed", Some(why));
    }
    let has = |state| record.targets.iter().any(|one| one.state == state);
    if has(TargetState::Begun) {
        return pause(app, record, version).await;
    }
    let changed = record.changed().count();
    let answer = Some(format!("{changed} of {} changed", record.targets.len()));
    let state = match has(TargetState::Failed) {
        true => ActionState::Failed,
        false => ActionState::Done,
    };
    finish(app, record, version, state, "ended", answer).await
}

/// Gives the action back until Azure is further.
async fn pause(app: &App, mut record: ActionRecord, version: &Version) -> anyhow::Result<Next> {
    record.lease = None;
    record.next_at = app.now().saturating_add(LOOK_AGAIN)?;
    let until = record.next_at;
    save(app, &record, version).await?;
    Ok(Next::Waits(until))
}

/// Brings back what was there before, where everything is still as the action left it.
pub(super) async fn go_back(
    app: &App,
    mut record: ActionRecord,
    version: Version,
) -> anyhow::Result<Next> {
    let hands = match app.hands(&record.action) {
        Ok(hands) => hands,
        Err(error) => {
            let later = (format!("{error:#}"), None, true);
            return retry(app, record, &version, ActionState::Undoing, later).await;
        }
    };
    let state = ActionState::Undoing;
    let taken = take(app, &mut record, &version, state, "looked what to undo").await?;
    let Some(version) = taken else {
        return Ok(Next::Again);
    };
    let task = record.task.clone();
    let mut problem = None;
    let mut refusals = Vec::new();
    for target in &mut record.targets {
        if target.state != TargetState::Changed {
            continue;
        }
        let now = app.now();
        let mut current = match hands.current(&task, &target.id).await {
            Ok(current) => current,
            Err(error) => {
                target.note = Some(error.to_string());
                problem = Some(error.to_string());
                continue;
            }
        };
        let is_ours = current
            .as_deref()
            .is_some_and(|now| is_same(&task, now, &target.after));
        let is_due = target
            .asked_at
            .is_none_or(|at| now.duration_since(at) >= PATIENCE);
        if is_ours && can_revert(&task, &target.before) && is_due {
            if target.asks >= MOST_ASKS {
                target.state = TargetState::Failed;
                continue;
            }
            target.asks += 1;
            target.asked_at = Some(now);
            let refused = hands.revert(&task, target).await.err();
            target.note = refused.map(|error| error.to_string());
            if let Some(why) = &target.note {
                refusals.push((now, format!("{}: {why}", target.id)));
            }
            if let Ok(newer) = hands.current(&task, &target.id).await {
                current = newer;
            }
        }
        let left = |note: String| (TargetState::Left, Some(note));
        (target.state, target.note) = match current.as_deref() {
            None => left("it is gone".to_owned()),
            Some(now) if is_same(&task, now, &target.before) => (TargetState::Reverted, None),
            Some(now) if is_underway(&task, now) => continue,
            Some(now) if !is_same(&task, now, &target.after) => {
                left(format!("somebody made it {now} since"))
            }
            Some(_) if !can_revert(&task, &target.before) => {
                left(format!("it was {} before", target.before))
            }
            Some(_) => continue,
        };
    }
    for (at, why) in refusals {
        record.log(at, US, "not undone", Some(why));
    }
    let has = |state| record.targets.iter().any(|one| one.state == state);
    if has(TargetState::Changed) {
        // What cannot even be looked at is not asked for without end.
        return match problem {
            Some(why) => {
                let later = (why, None, true);
                retry(app, record, &version, ActionState::Undoing, later).await
            }
            None => pause(app, record, &version).await,
        };
    }
    if has(TargetState::Failed) {
        let why = "Azure did not do what it was asked for".to_owned();
        return give_up_undoing(app, record, &version, why).await;
    }
    let count = |state| {
        record
            .targets
            .iter()
            .filter(|one| one.state == state)
            .count()
    };
    let (reverted, left) = (count(TargetState::Reverted), count(TargetState::Left));
    let answer = format!("{reverted} as before again, {left} left as they are");
    undone(app, record, &version, Some(answer)).await
}

/// Whether a later action that changed the same resource is to be undone now too: what came last is
/// taken back first, or the states in between would come back instead of the first one.
pub(super) async fn is_covered_by_later(app: &App, record: &ActionRecord) -> anyhow::Result<bool> {
    let now = app.now();
    for marker in app.documents().list(ACTING).await? {
        let id = &marker[ACTING.len()..];
        if id == record.id {
            continue;
        }
        let Some((other, _)) = super::read(app, id).await? else {
            continue;
        };
        let is_later = (other.done_at, &other.id) > (record.done_at, &record.id);
        let is_due = other.expires_at <= now
            && (other.is_to_be_undone() || other.state == ActionState::Undoing);
        let shares = other.changed().any(|theirs| {
            let mut ours = record.changed();
            ours.any(|ours| ours.id.eq_ignore_ascii_case(&theirs.id))
        });
        if is_later && is_due && shares {
            return Ok(true);
        }
    }
    Ok(false)
}
