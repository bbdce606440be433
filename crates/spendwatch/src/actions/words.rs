//! Actions in words, for notices, pages and the command line.

use alert_channels::{Link, Message, Notice};
use jiff::{SignedDuration, Timestamp};

use super::{ActionRecord, ActionState, News, Target, TargetState, Told};
use crate::config::{Config, Tagged, Task};
use crate::links::{Purpose, Signer};
use crate::outbox::{Delivery, delivery_id};
use crate::routing;

/// How long news of an outcome is worth sending.
const WORTH_SENDING: SignedDuration = SignedDuration::from_hours(48);
/// How many resources a notice names.
const MOST_NAMED: usize = 10;

/// The last part of a path: the name of what it leads to.
pub fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What a task does, for example "deallocate the virtual machines tagged auto-stop=yes".
pub fn task(task: &Task) -> String {
    match task {
        Task::Webhook { .. } => "call a webhook".to_owned(),
        Task::LogicApp { .. } => "call a Logic App".to_owned(),
        Task::AutomationWebhook { .. } => "call the webhook of a runbook".to_owned(),
        Task::Runbook { runbook, .. } => format!("start the runbook {}", name_of(runbook)),
        Task::DeallocateVms { tag, value } => {
            format!("deallocate the virtual machines tagged {tag}={value}")
        }
        Task::ScalePlan { plan, sku } => {
            format!("scale the App Service plan {} to {sku}", name_of(plan))
        }
        Task::AddTag { tag, value, on } => {
            let on = match on {
                Tagged::Scope => "the budget's scopes",
                Tagged::Resources => "all resources of the budget's scopes",
            };
            format!("add the tag {tag}={value} to {on}")
        }
    }
}

/// How far a resource is, for example "vm1: running to deallocated, changed".
pub fn target(task: &Task, target: &Target) -> String {
    let state = match target.state {
        TargetState::Waiting | TargetState::Begun => "",
        TargetState::Skipped => ", skipped",
        TargetState::Changed => ", changed",
        TargetState::Failed => ", failed",
        TargetState::Reverted => ", as before again",
        TargetState::Left => ", left as it is",
    };
    let or_none = |text: &str| match text {
        "" => "nothing".to_owned(),
        text => text.to_owned(),
    };
    let note = target.note.as_deref().map(|note| format!(" ({note})"));
    let what = match task {
        Task::AddTag { tag, .. } => format!("tag {tag} from "),
        _ => String::new(),
    };
    format!(
        "{}: {what}{} to {}{state}{}",
        name_of(&target.id),
        or_none(&target.before),
        or_none(&target.after),
        note.unwrap_or_default()
    )
}

/// The figures that an action rests on.
pub fn cause(record: &ActionRecord) -> String {
    let cause = &record.cause;
    format!(
        "{} had used {} of {} ({}) in {}, by data to {}; threshold {}",
        cause.name,
        cause.spent,
        cause.planned,
        cause.percent,
        cause.period,
        cause.last_day,
        cause.when
    )
}

/// Who hears of an action: the budget's destinations that take such notices. If they are all of a
/// kind that takes none, the fallback hears of it, because an approval must reach somebody. A channel
/// that is gone hears nothing more.
pub(crate) fn hearers(config: &Config, record: &ActionRecord) -> Vec<Told> {
    let takes = |name: &str| -> Option<bool> {
        Some(config.channels.get(name)?.kind.kind().takes_actions())
    };
    let known = record.tell.iter();
    let known = known.filter_map(|told| Some((told, takes(&told.destination)?)));
    let (takers, others): (Vec<_>, Vec<_>) = known.partition(|(_, takes)| *takes);
    if !takers.is_empty() || others.is_empty() {
        return takers.into_iter().map(|(told, _)| told.clone()).collect();
    }
    let fallback = config.fallback.iter();
    let fallback = fallback.filter(|name| takes(name) == Some(true));
    let places = fallback.flat_map(|name| routing::of_channel(config, name));
    let told = places.map(|(destination, recipient)| Told {
        destination,
        recipient,
    });
    told.collect()
}

/// The deliveries of what there is to tell: one for each of those who are to hear of it.
pub(crate) fn deliveries(
    record: &ActionRecord,
    tell: &[Told],
    news: News,
    approver: Option<&Signer>,
    now: Timestamp,
) -> Vec<Delivery> {
    let last = record
        .trail
        .last()
        .map_or(record.created_at, |step| step.at);
    let word = match (news, &record.state) {
        // Undoing may be tried again, and each time it fails is news.
        (News::Undo, ActionState::UndoFailed | ActionState::Unknown) => {
            format!("{} {last}", news.as_str())
        }
        _ => news.as_str().to_owned(),
    };
    let tell = tell.iter();
    tell.map(|told| {
        let recipient = told.recipient.as_deref();
        let id = delivery_id(&record.id, &told.destination, recipient, &word);
        let to = recipient.unwrap_or(&told.destination);
        let cause = &record.cause;
        let thread = format!("{}/{}/{to}/action", cause.budget, cause.period_key);
        let mut notice = Notice::new(&id, thread, message(record, news));
        notice.recipient = told.recipient.clone();
        notice.reason_for_recipient = format!(
            "because the threshold {} of {} tells you",
            cause.when, cause.budget
        );
        let mut expires_at = now.saturating_add(WORTH_SENDING).unwrap_or(Timestamp::MAX);
        if let (News::Approval, ActionState::AwaitingApproval { until }) = (news, &record.state) {
            expires_at = *until;
            let link = approver.and_then(|approver| {
                approver.link(Purpose::ApproveAction, &record.id, &id, *until)
            });
            notice.links.extend(link.map(|url| Link {
                title: "Look and approve".to_owned(),
                url: url.into(),
            }));
        }
        let at = notice.message.at();
        Delivery::new(&told.destination, notice, at, expires_at)
    })
    .collect()
}

/// The message. Its time comes from the audit record, so that a second pass makes the same one.
fn message(record: &ActionRecord, news: News) -> Message {
    let what = task(&record.task);
    let title = match (news, &record.state) {
        (News::Approval, _) => format!("{} waits for approval: {what}", record.action),
        (News::Undo, ActionState::Undone) => format!("{} is undone: {what}", record.action),
        (News::Undo, ActionState::Unknown) => format!(
            "{}: nobody knows whether it is undone: {what}",
            record.action
        ),
        (News::Undo, _) => format!("{} could not be undone: {what}", record.action),
        (News::Outcome, ActionState::DryRun) => {
            format!("{} would {what} (dry run, nothing is done)", record.action)
        }
        (News::Outcome, state) => format!("{} is {}: {what}", record.action, state.as_str()),
    };
    let mut lines = vec![cause(record)];
    let named = record.targets.iter().take(MOST_NAMED);
    lines.extend(named.map(|one| target(&record.task, one)));
    if record.targets.len() > MOST_NAMED {
        lines.push(format!("and {} more", record.targets.len() - MOST_NAMED));
    }
    let last = record.trail.last();
    if let Some(answer) = last.and_then(|step| step.answer.clone()) {
        lines.push(answer);
    }
    let advice = match (news, &record.state) {
        (News::Approval, ActionState::AwaitingApproval { until }) => Some(format!(
            "Approve it by the link or with `spendwatch actions approve {}`, not later than {until}; \
             without approval nothing is done.",
            record.id
        )),
        (News::Undo, ActionState::UndoFailed) => Some(format!(
            "Look at what happened with `spendwatch actions show {id}`; when the cause is mended, \
             undo it with `spendwatch actions undo {id}`.",
            id = record.id
        )),
        (_, ActionState::Failed | ActionState::Unknown) => Some(format!(
            "Look at what happened with `spendwatch actions show {}`.",
            record.id
        )),
        _ => None,
    };
    Message::Action {
        at: last.map_or(record.created_at, |step| step.at),
        title,
        lines,
        advice,
    }
}
