//! Which job an event of EventBridge asks for.

use anyhow::bail;
use serde_json::Value;

/// What is begun before the queues are worked off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// Evaluate every budget.
    Evaluate,
    /// Heal what a stop left behind.
    Sweep,
    /// Plan Azure's own budgets, and write them if the configuration allows.
    SyncBudgets,
    /// Nothing: only what waits.
    Deliver,
}

impl Job {
    const ALL: [Job; 4] = [Job::Evaluate, Job::Sweep, Job::SyncBudgets, Job::Deliver];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Job::Evaluate => "evaluate",
            Job::Sweep => "sweep",
            Job::SyncBudgets => "sync-budgets",
            Job::Deliver => "deliver",
        }
    }

    /// The job that `job` of the event or of its `detail` names. A scheduled event that names none asks
    /// to evaluate.
    pub(crate) fn of(event: &Value) -> anyhow::Result<Job> {
        // The scheduler writes the detail as a text.
        let detail = match &event["detail"] {
            Value::String(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            detail => detail.clone(),
        };
        let named = [&event["job"], &detail["job"]]
            .into_iter()
            .find(|name| !name.is_null());
        match named {
            Some(name) => match Job::ALL.into_iter().find(|job| name == job.name()) {
                Some(job) => Ok(job),
                None => bail!("there is no job {name}: evaluate, sweep, sync-budgets or deliver"),
            },
            None if event["detail-type"] == "Scheduled Event" => Ok(Job::Evaluate),
            None => bail!(
                "the event names no job, and is no scheduled one: send {{\"job\": \"evaluate\"}}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(event: Value, expected: Option<Job>) {
        assert_eq!(Job::of(&event).ok(), expected, "{event}");
    }

    #[test]
    fn jobs_are_named_by_the_input_or_by_the_detail() {
        for job in Job::ALL {
            let name = job.name();
            check(json!({ "job": name }), Some(job));
            check(
                json!({ "detail-type": "budget work", "detail": { "job": name } }),
                Some(job),
            );
            check(
                json!({ "detail": format!("{{\"job\":\"{name}\"}}") }),
                Some(job),
            );
        }
        check(
            json!({ "detail-type": "Scheduled Event", "detail": {} }),
            Some(Job::Evaluate),
        );
        check(
            json!({ "detail-type": "Scheduled Event", "detail": "{}" }),
            Some(Job::Evaluate),
        );
    }

    #[test]
    fn everything_else_is_an_error() {
        for event in [
            json!({ "job": "evaluate-everything" }),
            json!({ "job": 1 }),
            json!({ "detail-type": "Scheduled Event", "detail": { "job": "Sweep" } }),
            json!({ "detail-type": "EC2 Instance State-change Notification", "detail": {} }),
            json!({}),
            json!([]),
            json!("evaluate"),
        ] {
            check(event, None);
        }
    }
}
