//! Act: bring one action forward, one worker at a time, and record every step.
//!
//! Before anything is done outside, the record says so; after it, the record says what came of it.
//! Both are conditional writes. What changes Azure resources says what is wanted and looks at what is
//! there, so that it may be repeated after a kill: a change is ours from the write that announced it.
//! A call is repeated with the same id only where the receiver recognizes that; elsewhere its outcome
//! stays unknown.

mod changes;
mod find;
mod ready;

use std::hash::{BuildHasher, RandomState};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use state_store::{Error, Version, json};

pub use self::find::find;
use self::ready::{Ready, ready};
use crate::actions;
use crate::actions::hands::{Called, Phase, failed, is_repeatable};
use crate::actions::{ACTING, ACTIONS, ActionRecord, ActionState, Lease, News, TargetState, words};
use crate::app::{App, Hint};
use crate::config::Mode;
use crate::links::{BadLink, Permission, Purpose};
use crate::outbox;

/// What came of one visit to an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Id of the action.
    pub id: String,
    /// Its name; empty if there is no record.
    pub action: String,
    /// Where it stands.
    pub state: String,
    /// When it wants to be visited again; `None` when nothing is left to do.
    pub next_due: Option<Timestamp>,
    /// Why nothing was done.
    pub skipped: Option<String>,
}

/// How long a worker has an action: longer than the longest call and all changes of a visit.
const LEASE: SignedDuration = SignedDuration::from_mins(10);
/// How long to wait before the next look at what Azure is doing.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// How long to wait for fresh data, for an approval, or for somebody else.
const WAIT: SignedDuration = SignedDuration::from_mins(15);
/// A marker without a record that is older was left by a kill.
const MARKER_AGE: SignedDuration = SignedDuration::from_mins(15);
/// Hints reach no further: the sweep sends them anew.
const LONGEST_HINT: SignedDuration = SignedDuration::from_mins(5);
/// Steps of one visit.
const STEPS: usize = 12;

/// Who does what is not done by people.
const US: &str = "spendwatch";

/// Brings an action forward as far as it goes now.
pub async fn run(app: &App, id: &str) -> anyhow::Result<Report> {
    let mut report = Report {
        id: id.to_owned(),
        action: String::new(),
        state: "none".to_owned(),
        next_due: None,
        skipped: None,
    };
    if !app.acts() {
        report.skipped = Some("this process does not act".to_owned());
        return Ok(report);
    }
    for _ in 0..STEPS {
        let Some((record, version)) = read(app, id).await? else {
            forget_marker(app, id).await?;
            return Ok(report);
        };
        report.action.clone_from(&record.action);
        record.state.as_str().clone_into(&mut report.state);
        if record.news.is_some() {
            tell(app, record, &version).await?;
            continue;
        }
        if record.is_over() {
            remove_marker(app, id).await?;
            return Ok(report);
        }
        match step(app, record, version).await? {
            Next::Again => {}
            Next::Waits(until) => {
                report.next_due = Some(until);
                let wait = until.duration_since(app.now());
                if wait <= LONGEST_HINT {
                    let action = id.to_owned();
                    let hint = Hint::Act { action };
                    app.hint(&hint, wait.max(SignedDuration::ZERO)).await?;
                }
                break;
            }
        }
    }
    if let Some((record, _)) = read(app, id).await? {
        record.state.as_str().clone_into(&mut report.state);
    }
    Ok(report)
}

/// Brings every action forward that is due. For the command line, which has no queue workers.
pub async fn run_all(app: &App) -> anyhow::Result<Vec<Report>> {
    let mut reports = Vec::new();
    for id in due(app).await? {
        reports.push(run(app, &id).await?);
    }
    Ok(reports)
}

/// The actions with something to do now.
pub(crate) async fn due(app: &App) -> anyhow::Result<Vec<String>> {
    let now = app.now();
    let mut due = Vec::new();
    for marker in app.documents().list(ACTING).await? {
        let id = &marker[ACTING.len()..];
        let is_due = match read(app, id).await {
            Ok(Some((record, _))) => {
                let is_held = record.lease.is_some_and(|lease| lease.until > now);
                let is_waiting = record.next_at > now && record.news.is_none();
                !is_held && !is_waiting
            }
            Ok(None) => true,
            // Somebody must look; the others go on.
            Err(error) => {
                tracing::error!(id, error = format!("{error:#}"), "an action cannot be read");
                false
            }
        };
        if is_due {
            due.push(id.to_owned());
        }
    }
    Ok(due)
}

/// All records, the newest first.
pub async fn list(app: &App) -> anyhow::Result<Vec<ActionRecord>> {
    let mut records = Vec::new();
    for key in app.documents().list(ACTIONS).await? {
        if let Some((record, _)) = json::get::<ActionRecord>(app.documents(), &key).await? {
            records.push(record);
        }
    }
    records.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));
    Ok(records)
}

/// The record of an action, if there is one.
pub async fn show(app: &App, id: &str) -> anyhow::Result<Option<ActionRecord>> {
    if state_store::check_key(&format!("{ACTIONS}{id}")).is_err() || id.contains('/') {
        return Ok(None);
    }
    Ok(read(app, id).await?.map(|(record, _)| record))
}

/// Why an action was not approved.
#[derive(Debug, thiserror::Error)]
pub enum NotApproved {
    /// There is no such action.
    #[error("there is no such action")]
    Missing,
    /// The link is not ours or not good any more.
    #[error(transparent)]
    BadLink(#[from] BadLink),
    /// Links are not in use here.
    #[error("approvals by link are not set up here")]
    NoLinks,
    /// It does not wait for an approval, perhaps because it is approved already.
    #[error("it does not wait for an approval: it is {0}")]
    NotWaiting(&'static str),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] anyhow::Error),
}

/// Checks a link and gives the action that it is for. Changes nothing.
pub async fn open_link(app: &App, permission: &Permission) -> Result<ActionRecord, NotApproved> {
    let approver = app.approver().ok_or(NotApproved::NoLinks)?;
    if permission.purpose != Purpose::ApproveAction {
        return Err(BadLink::Forged.into());
    }
    approver.check(permission, app.now())?;
    let found = show(app, &permission.about).await?;
    found.ok_or(NotApproved::Missing)
}

/// Approves an action by a link. The second time it is not waiting any more.
pub async fn approve_by_link(
    app: &App,
    permission: &Permission,
) -> Result<ActionRecord, NotApproved> {
    let record = open_link(app, permission).await?;
    let told = record.tell.iter().find(|told| {
        let recipient = told.recipient.as_deref();
        let id = outbox::delivery_id(&record.id, &told.destination, recipient, "approval");
        id == permission.delivery
    });
    let told = told.map_or("nobody", |told| {
        told.recipient.as_deref().unwrap_or(&told.destination)
    });
    let who = format!("holder of the link sent to {told}");
    approve(app, &permission.about, &who).await
}

/// Approves an action in somebody's name.
pub async fn approve(app: &App, id: &str, who: &str) -> Result<ActionRecord, NotApproved> {
    // A lost race is read again: then it is approved, or still waiting.
    for _ in 0..4 {
        let found = match show(app, id).await? {
            Some(_) => read(app, id).await?,
            None => None,
        };
        let (mut record, version) = found.ok_or(NotApproved::Missing)?;
        let now = app.now();
        match record.state {
            ActionState::AwaitingApproval { until } if now < until => {}
            ActionState::AwaitingApproval { .. } => return Err(NotApproved::NotWaiting("expired")),
            _ => return Err(NotApproved::NotWaiting(record.state.as_str())),
        }
        record.state = ActionState::Approved;
        record.next_at = now;
        record.log(now, who, "approved", None);
        match json::replace(app.documents(), &record.key(), &record, &version).await {
            Ok(_) => {
                let action = id.to_owned();
                app.hint(&Hint::Act { action }, SignedDuration::ZERO)
                    .await?;
                return Ok(record);
            }
            Err(Error::Moved { .. }) => {}
            Err(error) => return Err(anyhow::Error::new(error).into()),
        }
    }
    Err(anyhow::anyhow!("the action {id} is being written by others again and again").into())
}

/// Lets an action be undone now instead of at the end of its period.
pub async fn undo_now(app: &App, id: &str, who: &str) -> anyhow::Result<Report> {
    let (mut record, version) = read(app, id)
        .await?
        .with_context(|| format!("there is no action {id}"))?;
    record.undo = true;
    anyhow::ensure!(
        record.is_to_be_undone(),
        "the action {id} has nothing to undo: it is {}",
        record.state.as_str()
    );
    let now = app.now();
    record.expires_at = record.expires_at.min(now);
    record.next_at = now;
    record.log(now, who, "asked to undo it", None);
    // It may have been over, and without a marker nobody would come back.
    actions::mark(app.documents(), id, now).await?;
    anyhow::ensure!(
        save(app, &record, &version).await?.is_some(),
        "the action {id} was changed by somebody else just now; try again"
    );
    run(app, id).await
}

/// Looks at what an action would change now, and changes nothing.
pub async fn rehearse(app: &App, id: &str) -> anyhow::Result<ActionRecord> {
    let (mut record, _) = read(app, id)
        .await?
        .with_context(|| format!("there is no action {id}"))?;
    let hands = app.hands(&record.action)?;
    record.targets = hands.look(&record.task, &record.cause).await?;
    Ok(record)
}

/// What follows a step.
enum Next {
    /// There may be more to do.
    Again,
    /// Nothing before this.
    Waits(Timestamp),
}

async fn read(app: &App, id: &str) -> anyhow::Result<Option<(ActionRecord, Version)>> {
    let key = format!("{ACTIONS}{id}");
    Ok(json::get(app.documents(), &key).await?)
}

/// Writes the record if nobody else did; `None` when somebody else has it now.
async fn save(
    app: &App,
    record: &ActionRecord,
    version: &Version,
) -> anyhow::Result<Option<Version>> {
    match json::replace(app.documents(), &record.key(), record, version).await {
        Ok(version) => Ok(Some(version)),
        // The answer to our own write may have been lost. A lease names its holder, so that another
        // worker's record is never taken for ours.
        Err(Error::Moved { .. }) => match read(app, &record.id).await? {
            Some((stored, version)) if stored == *record => Ok(Some(version)),
            _ => Ok(None),
        },
        Err(error) => Err(error.into()),
    }
}

/// Writes the record and goes on, whoever won.
async fn settle(app: &App, record: &ActionRecord, version: &Version) -> anyhow::Result<Next> {
    save(app, record, version).await?;
    Ok(Next::Again)
}

/// Ends an action, with news of how.
async fn finish(
    app: &App,
    mut record: ActionRecord,
    version: &Version,
    state: ActionState,
    what: &str,
    answer: Option<String>,
) -> anyhow::Result<Next> {
    let now = app.now();
    let is_not_done = matches!(
        state,
        ActionState::Expired | ActionState::Cancelled | ActionState::Failed
    );
    // Whoever hung up may have taken the call.
    let state = match is_not_done && record.may_have_called {
        true => ActionState::Unknown,
        false => state,
    };
    tracing::info!(
        action.id = record.id,
        action.name = record.action,
        state = state.as_str(),
        answer,
        "action ended"
    );
    match record.state {
        ActionState::Undoing => record.news = Some(News::Undo),
        _ => {
            record.news = Some(News::Outcome);
            record.done_at = Some(now);
        }
    }
    record.state = state;
    record.lease = None;
    record.next_at = now;
    record.failures = 0;
    record.log(now, US, what, answer);
    settle(app, &record, version).await
}

/// Plans the next try after a failure, or gives up at the end of the schedule.
async fn retry(
    app: &App,
    mut record: ActionRecord,
    version: &Version,
    back_to: ActionState,
    later: (String, Option<Timestamp>, bool),
) -> anyhow::Result<Next> {
    let (why, not_before, counts) = later;
    let now = app.now();
    record.failures += u32::from(counts);
    let index = usize::try_from(record.failures.max(1) - 1).unwrap_or(usize::MAX);
    let Some(wait) = app.config().delivery.retry.get(index) else {
        let is_undo = back_to == ActionState::Undoing;
        if is_undo {
            return give_up_undoing(app, record, version, why).await;
        }
        let what = format!("given up after {} tries", record.failures);
        return finish(app, record, version, ActionState::Failed, &what, Some(why)).await;
    };
    let next = now.saturating_add(SignedDuration::try_from(*wait)?)?;
    record.next_at = not_before.map_or(next, |at| at.max(next));
    record.state = back_to;
    record.lease = None;
    record.log(now, US, "to be tried again", Some(why));
    let until = record.next_at;
    save(app, &record, version).await?;
    Ok(Next::Waits(until))
}

/// Undoing did not work out: somebody must look.
async fn give_up_undoing(
    app: &App,
    mut record: ActionRecord,
    version: &Version,
    why: String,
) -> anyhow::Result<Next> {
    record.undo = false;
    finish(
        app,
        record,
        version,
        ActionState::UndoFailed,
        "undoing was given up",
        Some(why),
    )
    .await
}

/// Takes the action for this worker.
async fn take(
    app: &App,
    record: &mut ActionRecord,
    version: &Version,
    state: ActionState,
    what: &str,
) -> anyhow::Result<Option<Version>> {
    let now = app.now();
    record.state = state;
    record.lease = Some(Lease {
        until: now.saturating_add(LEASE)?,
        // Keys of hashers differ from one to the next: a number that nobody else has.
        holder: RandomState::new().hash_one(&record.id),
    });
    record.log(now, US, what, None);
    save(app, record, version).await
}

async fn step(app: &App, mut record: ActionRecord, version: Version) -> anyhow::Result<Next> {
    let now = app.now();
    if let Some(lease) = record.lease.filter(|lease| lease.until > now) {
        return Ok(Next::Waits(lease.until));
    }
    let is_late = record.expires_at <= now;
    match record.state.clone() {
        ActionState::Planned | ActionState::AwaitingApproval { .. } | ActionState::Approved
            if is_late =>
        {
            let what = "the period ended before it was done";
            finish(app, record, &version, ActionState::Expired, what, None).await
        }
        ActionState::AwaitingApproval { until } if until <= now => {
            let what = "nobody approved it in time";
            finish(app, record, &version, ActionState::Expired, what, None).await
        }
        ActionState::Planned | ActionState::AwaitingApproval { .. } | ActionState::Approved => {
            match ready(app, &record).await? {
                Ready::Never(why) => {
                    let state = ActionState::Cancelled;
                    return finish(app, record, &version, state, &why, None).await;
                }
                Ready::NotYet => {
                    record.next_at = now.saturating_add(WAIT)?;
                    let until = record.next_at;
                    save(app, &record, &version).await?;
                    return Ok(Next::Waits(until));
                }
                Ready::Now => {}
            }
            if record.next_at > now {
                return Ok(Next::Waits(record.next_at));
            }
            match record.state {
                ActionState::Planned => look(app, record, version).await,
                ActionState::AwaitingApproval { until } => {
                    // Looked at again before that, because the crossing may be taken back.
                    record.next_at = now.saturating_add(WAIT)?.min(until);
                    let next_at = record.next_at;
                    save(app, &record, &version).await?;
                    Ok(Next::Waits(next_at))
                }
                _ => begin(app, record, version).await,
            }
        }
        ActionState::Running if record.task.is_built_in() => {
            if record.next_at > now {
                return Ok(Next::Waits(record.next_at));
            }
            changes::go_on(app, record, version).await
        }
        // Whoever called is gone: nobody knows what became of it.
        ActionState::Running => {
            unknown(
                app,
                record,
                &version,
                Phase::Do,
                "the worker stopped".into(),
            )
            .await
        }
        ActionState::Done
        | ActionState::Failed
        | ActionState::Unknown
        | ActionState::UndoFailed => undo(app, record, version).await,
        ActionState::Undoing if record.task.is_built_in() => {
            if record.next_at > now {
                return Ok(Next::Waits(record.next_at));
            }
            changes::go_back(app, record, version).await
        }
        ActionState::Undoing if record.lease.is_some() => {
            unknown(
                app,
                record,
                &version,
                Phase::Undo,
                "the worker stopped".into(),
            )
            .await
        }
        ActionState::Undoing if record.next_at > now => Ok(Next::Waits(record.next_at)),
        ActionState::Undoing => call(app, record, version, Phase::Undo).await,
        ActionState::DryRun
        | ActionState::Expired
        | ActionState::Cancelled
        | ActionState::Undone => Ok(Next::Again),
    }
}

/// Finds out what there is to do, and who has to agree.
async fn look(app: &App, mut record: ActionRecord, version: Version) -> anyhow::Result<Next> {
    let now = app.now();
    let looked = match app.hands(&record.action) {
        Ok(hands) => hands.look(&record.task, &record.cause).await,
        Err(error) => {
            let later = (format!("{error:#}"), None, true);
            return retry(app, record, &version, ActionState::Planned, later).await;
        }
    };
    match looked {
        Ok(targets) => record.targets = targets,
        Err(error) => {
            return after_error(app, record, &version, ActionState::Planned, &error).await;
        }
    }
    record.failures = 0;
    let live = app.config().actions.by_name.get(&record.action);
    let mode = live.map_or(Mode::DryRun, |live| live.mode.min(record.mode));
    let nothing = record.task.is_built_in() && record.targets.is_empty();
    let found = match (record.task.is_built_in(), record.targets.len()) {
        (false, _) => "looked".to_owned(),
        (true, 1) => "looked: 1 resource to change".to_owned(),
        (true, count) => format!("looked: {count} resources to change"),
    };
    record.log(now, US, found, None);
    match mode {
        Mode::DryRun => {
            let what = "dry run: nothing is done";
            finish(app, record, &version, ActionState::DryRun, what, None).await
        }
        _ if nothing => {
            let what = "there is nothing to do";
            finish(app, record, &version, ActionState::Done, what, None).await
        }
        Mode::Approve => {
            let valid = app.config().actions.approval.as_ref();
            let valid = valid.map_or(SignedDuration::from_hours(48), |approval| {
                SignedDuration::try_from(approval.valid).unwrap_or(SignedDuration::MAX)
            });
            let until = now.saturating_add(valid).unwrap_or(Timestamp::MAX);
            let until = until.min(record.expires_at);
            record.state = ActionState::AwaitingApproval { until };
            record.news = Some(News::Approval);
            record.log(now, US, "asked for approval", None);
            settle(app, &record, &version).await
        }
        Mode::Run => {
            record.state = ActionState::Approved;
            record.log(now, "configuration", "approved by mode \"run\"", None);
            settle(app, &record, &version).await
        }
    }
}

/// Does what is approved.
async fn begin(app: &App, mut record: ActionRecord, version: Version) -> anyhow::Result<Next> {
    if !record.task.is_built_in() {
        return call(app, record, version, Phase::Do).await;
    }
    let state = ActionState::Running;
    match take(app, &mut record, &version, state, "begun").await? {
        Some(version) => changes::begin(app, record, version).await,
        None => Ok(Next::Again),
    }
}

/// Calls a program, or starts a runbook, once.
async fn call(
    app: &App,
    mut record: ActionRecord,
    version: Version,
    phase: Phase,
) -> anyhow::Result<Next> {
    let (during, back_to, what) = match phase {
        Phase::Do => (ActionState::Running, ActionState::Approved, "calling"),
        Phase::Undo => (
            ActionState::Undoing,
            ActionState::Undoing,
            "calling to undo",
        ),
    };
    let hands = match app.hands(&record.action) {
        Ok(hands) => hands,
        Err(error) => {
            let later = (format!("{error:#}"), None, true);
            return retry(app, record, &version, back_to, later).await;
        }
    };
    let Some(version) = take(app, &mut record, &version, during, what).await? else {
        return Ok(Next::Again);
    };
    let timeout = app.config().delivery.send_timeout;
    let called = tokio::time::timeout(timeout, hands.call(&record, phase, app.now())).await;
    let called = called.unwrap_or_else(|_| Called::Unknown("no answer in time".to_owned()));
    match (called, phase) {
        (Called::Taken(answer), Phase::Do) => {
            let answer = Some(answer);
            finish(app, record, &version, ActionState::Done, "called", answer).await
        }
        (Called::Taken(answer), Phase::Undo) => undone(app, record, &version, Some(answer)).await,
        (
            Called::Later {
                why,
                not_before,
                counts,
            },
            _,
        ) => retry(app, record, &version, back_to, (why, not_before, counts)).await,
        (Called::Unknown(why), _) => unknown(app, record, &version, phase, why).await,
        (Called::Refused(why), Phase::Do) => {
            let state = ActionState::Failed;
            finish(app, record, &version, state, "refused", Some(why)).await
        }
        (Called::Refused(why), Phase::Undo) => give_up_undoing(app, record, &version, why).await,
    }
}

/// What follows a call of which nobody knows what became of it.
async fn unknown(
    app: &App,
    mut record: ActionRecord,
    version: &Version,
    phase: Phase,
    why: String,
) -> anyhow::Result<Next> {
    record.may_have_called |= phase == Phase::Do;
    if is_repeatable(&record.task) {
        let back_to = match phase {
            Phase::Do => ActionState::Approved,
            Phase::Undo => ActionState::Undoing,
        };
        return retry(app, record, version, back_to, (why, None, true)).await;
    }
    record.undo = false;
    let what = "nobody knows whether the call was taken, and a second one might do it twice";
    finish(app, record, version, ActionState::Unknown, what, Some(why)).await
}

/// Undoes an action when its period is over.
async fn undo(app: &App, mut record: ActionRecord, version: Version) -> anyhow::Result<Next> {
    let now = app.now();
    if record.expires_at > now {
        if record.next_at < record.expires_at {
            record.next_at = record.expires_at;
            save(app, &record, &version).await?;
        }
        return Ok(Next::Waits(record.expires_at));
    }
    if changes::is_covered_by_later(app, &record).await? {
        record.next_at = now.saturating_add(LOOK_AGAIN)?;
        let until = record.next_at;
        save(app, &record, &version).await?;
        return Ok(Next::Waits(until));
    }
    for target in &mut record.targets {
        // What was asked for and never showed may have come since.
        let is_asked = target.state == TargetState::Failed && target.may_come;
        if is_asked || target.state == TargetState::Changed {
            target.state = TargetState::Changed;
            target.asks = 0;
            target.asked_at = None;
        }
    }
    record.state = ActionState::Undoing;
    record.failures = 0;
    record.next_at = now;
    record.log(now, US, "undoing", None);
    settle(app, &record, &version).await
}

/// Ends undoing.
async fn undone(
    app: &App,
    mut record: ActionRecord,
    version: &Version,
    answer: Option<String>,
) -> anyhow::Result<Next> {
    let now = app.now();
    record.state = ActionState::Undone;
    record.lease = None;
    record.next_at = now;
    record.news = Some(News::Undo);
    record.log(now, US, "undone", answer);
    settle(app, &record, version).await
}

/// Goes on after an error of Azure.
async fn after_error(
    app: &App,
    record: ActionRecord,
    version: &Version,
    back_to: ActionState,
    error: &azure_cost::Error,
) -> anyhow::Result<Next> {
    match failed(error) {
        Called::Later {
            why,
            not_before,
            counts,
        } => retry(app, record, version, back_to, (why, not_before, counts)).await,
        Called::Refused(why) | Called::Unknown(why) | Called::Taken(why) => {
            let state = ActionState::Failed;
            finish(app, record, version, state, "refused", Some(why)).await
        }
    }
}

/// Puts what there is to tell into the outbox. Repeating it makes the same deliveries.
async fn tell(app: &App, mut record: ActionRecord, version: &Version) -> anyhow::Result<()> {
    let Some(news) = record.news.take() else {
        return Ok(());
    };
    let now = app.now();
    let told = words::hearers(app.config(), &record);
    for delivery in words::deliveries(&record, &told, news, app.approver(), now) {
        outbox::put(app.documents(), &delivery).await?;
        let destination = delivery.destination;
        app.hint(&Hint::Deliver { destination }, SignedDuration::ZERO)
            .await?;
    }
    save(app, &record, version).await.map(drop)
}

/// Removes the marker of an action that is over. One that is to be undone after all gets it back.
async fn remove_marker(app: &App, id: &str) -> anyhow::Result<()> {
    let marker = format!("{ACTING}{id}");
    let Some(document) = app.documents().get(&marker).await? else {
        return Ok(());
    };
    match app.documents().delete(&marker, &document.version).await {
        Ok(()) | Err(Error::Moved { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    match read(app, id).await? {
        Some((record, _)) if !record.is_over() => {
            actions::mark(app.documents(), id, app.now()).await?;
        }
        _ => {}
    }
    Ok(())
}

/// Removes the marker of an action that never got its record, once nobody can be about to write it:
/// whoever does has renewed the marker.
async fn forget_marker(app: &App, id: &str) -> anyhow::Result<()> {
    let marker = format!("{ACTING}{id}");
    let stored: Option<(Timestamp, Version)> = json::get(app.documents(), &marker).await?;
    let Some((since, version)) = stored else {
        return Ok(());
    };
    if since.saturating_add(MARKER_AGE)? >= app.now() {
        return Ok(());
    }
    match app.documents().delete(&marker, &version).await {
        Ok(()) | Err(Error::Moved { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
