//! Actions: what is done because a budget reached an amount, and the record of it.
//!
//! One document for each action of each crossing, `actions/<id>`. Its id comes from the transition and
//! the name of the action, so that a second routing pass meets the same document. It is never
//! removed: it is what keeps an action from being done twice, and the audit record. While something
//! is left to do there is a marker, `acting/<id>`.

pub(crate) mod hands;
pub mod words;

use std::collections::BTreeMap;

use budget_engine::{
    Alert, Change, Decision, Money, Outcome, Percent, Period, RoutedAction, Scope, ThresholdKind,
    Transition,
};
use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use state_store::{Documents, Error, json};

use crate::config::{Action, Config, Mode, Task};
use crate::outbox::delivery_id;

/// Prefix of the markers of actions with something left to do.
pub(crate) const ACTING: &str = "acting/";
/// Prefix of the records.
pub(crate) const ACTIONS: &str = "actions/";

/// One action of one crossing, and everything that was done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionRecord {
    /// Layout of the document; 1.
    pub version: u32,
    /// Deterministic id.
    pub id: String,
    /// Name of the action in the configuration.
    pub action: String,
    /// What is to be done, as it was configured when the amount was reached.
    pub task: Task,
    /// How far it goes by itself.
    pub mode: Mode,
    /// Whether it is undone when the period ends.
    pub undo: bool,
    /// Why.
    pub cause: Cause,
    /// When the crossing was decided.
    pub created_at: Timestamp,
    /// End of the period: nothing is begun later, and what is to be undone is undone from then on.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub state: ActionState,
    /// Nothing happens before this.
    pub next_at: Timestamp,
    /// Tries in a row that failed.
    pub failures: u32,
    /// Whether somebody was called who did not answer, and may have taken the call.
    #[serde(default)]
    pub may_have_called: bool,
    /// Who works on it.
    pub lease: Option<Lease>,
    /// What it changes, with what was there before.
    pub targets: Vec<Target>,
    /// When it was done.
    pub done_at: Option<Timestamp>,
    /// The budget's destinations, which hear of it.
    pub tell: Vec<Told>,
    /// What they are still to be told.
    pub news: Option<News>,
    /// What happened, oldest first.
    pub trail: Vec<Step>,
}

/// Why an action is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// Id of the transition.
    pub transition: String,
    /// Key of the alert in the ledger.
    pub alert: String,
    /// Id of the threshold.
    pub threshold: String,
    /// Its condition.
    pub when: String,
    /// Id of the budget.
    pub budget: String,
    /// Its name.
    pub name: String,
    /// Its scopes.
    pub scopes: Vec<Scope>,
    /// Key of the period.
    pub period_key: String,
    /// The period.
    pub period: Period,
    /// The planned amount.
    pub planned: Money,
    /// Spend to date when it was decided.
    pub spent: Money,
    /// The share of it.
    pub percent: Percent,
    /// The last day that the data held.
    pub last_day: Date,
    /// Whether the data were stale; nothing is done on stale data.
    pub stale: bool,
}

/// Where an action stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionState {
    /// It is decided, and nobody has looked yet what it would change.
    Planned,
    /// Somebody has to approve it.
    AwaitingApproval {
        /// Not later than this.
        until: Timestamp,
    },
    /// It may be done.
    Approved,
    /// It is being done.
    Running,
    /// It is done.
    Done,
    /// It was a dry run: what would be done is written down.
    DryRun,
    /// It was tried and is not done, or not all of it.
    Failed,
    /// It was asked for once, and nobody knows what became of it; it is not asked for again.
    Unknown,
    /// It was not approved or not possible in time.
    Expired,
    /// It does not apply any more.
    Cancelled,
    /// It is being undone.
    Undoing,
    /// It is undone, as far as everything was still as the action had left it.
    Undone,
    /// It was done, and undoing it did not work out: somebody must look.
    UndoFailed,
}

impl ActionState {
    /// The word used in logs and answers.
    pub fn as_str(&self) -> &'static str {
        match self {
            ActionState::Planned => "planned",
            ActionState::AwaitingApproval { .. } => "awaiting-approval",
            ActionState::Approved => "approved",
            ActionState::Running => "running",
            ActionState::Done => "done",
            ActionState::DryRun => "dry-run",
            ActionState::Failed => "failed",
            ActionState::Unknown => "unknown",
            ActionState::Expired => "expired",
            ActionState::Cancelled => "cancelled",
            ActionState::Undoing => "undoing",
            ActionState::Undone => "undone",
            ActionState::UndoFailed => "undo-failed",
        }
    }
}

/// Who works on an action until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// After this, somebody else may.
    pub until: Timestamp,
    /// A number that no other worker has.
    pub holder: u64,
}

/// One resource that an action changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Its path.
    pub id: String,
    /// What was there before: a power state, a size, the value of a tag (empty for none).
    pub before: String,
    /// What the action makes of it.
    pub after: String,
    /// How far it is.
    pub state: TargetState,
    /// How often Azure was asked.
    pub asks: u32,
    /// Whether Azure may have taken one of these: it agreed, or nothing is known of its answer.
    #[serde(default)]
    pub may_come: bool,
    /// When it was asked last.
    pub asked_at: Option<Timestamp>,
    /// Why it is skipped, failed or left.
    pub note: Option<String>,
}

/// How far the change of one resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetState {
    /// Nothing was done.
    Waiting,
    /// There was nothing to do.
    Skipped,
    /// Azure is asked from now on: a change that shows is ours.
    Begun,
    /// It is as the action wants it.
    Changed,
    /// Azure refuses it.
    Failed,
    /// It is as it was before.
    Reverted,
    /// Somebody has changed it since, so it is left as it is.
    Left,
}

/// Somebody who hears of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The destination.
    pub destination: String,
    /// The recipient, for mail.
    pub recipient: Option<String>,
}

/// What there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum News {
    /// It waits for approval.
    Approval,
    /// What became of it.
    Outcome,
    /// What became of undoing it.
    Undo,
}

impl News {
    fn as_str(self) -> &'static str {
        match self {
            News::Approval => "approval",
            News::Outcome => "outcome",
            News::Undo => "undo",
        }
    }
}

/// One line of the audit record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// Who: `spendwatch`, `configuration`, or whoever approved.
    pub who: String,
    /// What.
    pub what: String,
    /// What the other side said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// Longest audit record; the newest lines are what counts beyond it.
const LONGEST_TRAIL: usize = 500;

impl ActionRecord {
    /// The record of an action that a transition became.
    fn new(action: &Action, routed: &RoutedAction, alert: &Alert, transition: &Transition) -> Self {
        let status = &*transition.status;
        let end = status.period.end().to_zoned(TimeZone::UTC);
        let tell = transition.route.iter().flatten().map(|one| Told {
            destination: one.destination.clone(),
            recipient: one.recipient.clone(),
        });
        let mut record = ActionRecord {
            version: 1,
            id: routed.id.clone(),
            action: routed.action.clone(),
            task: action.task.clone(),
            mode: action.mode,
            undo: action.undo,
            cause: Cause {
                transition: transition.id(),
                alert: routed.threshold.clone(),
                threshold: alert.threshold.clone(),
                when: alert.when.clone(),
                budget: status.budget.clone(),
                name: status.name.clone(),
                scopes: status.scopes.clone(),
                period_key: status.period_key.clone(),
                period: status.period,
                planned: status.planned,
                spent: status.spent,
                percent: status.percent,
                last_day: status.data.last_day,
                stale: status.data.stale,
            },
            created_at: transition.at,
            expires_at: end.map_or(Timestamp::MAX, |end| end.timestamp()),
            state: ActionState::Planned,
            next_at: transition.at,
            failures: 0,
            may_have_called: false,
            lease: None,
            targets: Vec::new(),
            done_at: None,
            tell: tell.collect(),
            news: None,
            trail: Vec::new(),
        };
        let what = format!("planned, because {} is reached", record.cause.when);
        record.log(transition.at, "spendwatch", what, None);
        record
    }

    /// Key of the record.
    pub(crate) fn key(&self) -> String {
        format!("{ACTIONS}{}", self.id)
    }

    /// Adds a line to the audit record.
    pub(crate) fn log(
        &mut self,
        at: Timestamp,
        who: &str,
        what: impl Into<String>,
        answer: Option<String>,
    ) {
        if self.trail.len() >= LONGEST_TRAIL {
            self.trail.remove(1);
        }
        let (who, what) = (who.to_owned(), what.into());
        self.trail.push(Step {
            at,
            who,
            what,
            answer,
        });
    }

    /// Whether something is to be undone when the period ends.
    pub fn is_to_be_undone(&self) -> bool {
        let is_finished = matches!(
            self.state,
            ActionState::Done
                | ActionState::Failed
                | ActionState::Unknown
                | ActionState::UndoFailed
        );
        let has_changed = match self.task.is_built_in() {
            true => self.changed().next().is_some() || self.may_have_changed(),
            false => self.state != ActionState::Failed,
        };
        self.undo && is_finished && has_changed
    }

    /// Whether nothing more happens.
    pub fn is_over(&self) -> bool {
        let is_final = matches!(
            self.state,
            ActionState::Done
                | ActionState::DryRun
                | ActionState::Failed
                | ActionState::Unknown
                | ActionState::Expired
                | ActionState::Cancelled
                | ActionState::Undone
                | ActionState::UndoFailed
        );
        is_final && !self.is_to_be_undone() && self.news.is_none()
    }

    /// The resources that it has changed.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &Target> {
        let targets = self.targets.iter();
        targets.filter(|one| one.state == TargetState::Changed)
    }

    /// Whether Azure was asked for a change that did not show, and may have come since.
    fn may_have_changed(&self) -> bool {
        let mut targets = self.targets.iter();
        targets.any(|one| one.state == TargetState::Failed && one.may_come)
    }
}

/// The actions that a transition asks for: those of every threshold of spend that this evaluation found
/// crossed and that the transition tells of.
pub(crate) fn route(
    config: &Config,
    budget: &str,
    alerts: &BTreeMap<String, Alert>,
    decisions: &[Decision],
    transition: &Transition,
) -> Vec<RoutedAction> {
    let mut routed: BTreeMap<&str, RoutedAction> = BTreeMap::new();
    if transition.change != Change::Fired {
        return Vec::new();
    }
    for decision in decisions {
        let is_told = match &decision.outcome {
            Outcome::Fire => decision.threshold == transition.threshold,
            Outcome::Cover { by } => *by == transition.threshold,
            _ => false,
        };
        let Some(alert) = alerts.get(&decision.threshold) else {
            continue;
        };
        if !is_told || alert.kind != ThresholdKind::Actual {
            continue;
        }
        for name in config.actions.of(budget, &alert.threshold) {
            routed.entry(name).or_insert_with(|| RoutedAction {
                id: delivery_id(&transition.id(), name, None, "action"),
                action: name.clone(),
                threshold: decision.threshold.clone(),
            });
        }
    }
    routed.into_values().collect()
}

/// Makes the record of an action unless it is there; the marker first, so that a kill between the two
/// leaves nothing unseen. Gives its id, or nothing when the action is not configured any more.
pub(crate) async fn put(
    store: &dyn Documents,
    config: &Config,
    alerts: &BTreeMap<String, Alert>,
    transition: &Transition,
    routed: &RoutedAction,
    now: Timestamp,
) -> state_store::Result<Option<String>> {
    let (Some(action), Some(alert)) = (
        config.actions.by_name.get(&routed.action),
        alerts.get(&routed.threshold),
    ) else {
        tracing::warn!(
            action = routed.action,
            "the action was taken out of the configuration before it was planned"
        );
        return Ok(None);
    };
    let record = ActionRecord::new(action, routed, alert, transition);
    mark(store, &record.id, now).await?;
    match json::create(store, &record.key(), &record).await {
        Ok(_) | Err(Error::Exists { .. }) => Ok(Some(record.id)),
        Err(error) => Err(error),
    }
}

/// Says that an action has something left to do. A marker that is there is renewed, so that nobody
/// takes it for forgotten.
pub(crate) async fn mark(
    store: &dyn Documents,
    id: &str,
    now: Timestamp,
) -> state_store::Result<()> {
    let key = format!("{ACTING}{id}");
    json::update::<Timestamp, Error>(store, &key, |_| Ok(Some(now)))
        .await
        .map(drop)
}
