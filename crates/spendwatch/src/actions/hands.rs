//! What actions do in the world: calls to programs, and changes of Azure resources.
//!
//! Everything here does one thing once and says what became of it. When it is done, whether again,
//! and what is written down is decided by `jobs::act`.

use std::time::Duration;

use alert_channels::SendResult;
use alert_channels::call::Call;
use alert_channels::http::{Access, Http};
use anyhow::Context;
use azure_actions::{Power, Resources};
use azure_cost::{Client, Cloud, Endpoint, Error, Pacing, credentials::Auth};
use budget_engine::Scope;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{ActionRecord, Cause, Target, TargetState};
use crate::config::{Action, Connection, Secret, Tagged, Task};
use crate::environment::Environment;
use crate::sources::http;

/// The most resources that one action changes; more is a mistake in a tag rather than a wish.
pub(crate) const MOST_TARGETS: usize = 200;

/// Azure lets an identity read 25 times and write 10 times a second in a subscription for as long as
/// it likes; of three requests about a resource one writes.
const PACING: Pacing = Pacing {
    at_once: 4,
    apart: Duration::from_millis(40),
};

/// What an action is done with.
pub(crate) enum Hands {
    /// A program that is called.
    Caller(Call),
    /// Azure, with the identity of actions.
    Azure(Box<Resources>),
}

/// Whether a call begins an action or takes it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Do,
    Undo,
}

/// What became of a call.
#[derive(Debug)]
pub(crate) enum Called {
    /// The other side has it.
    Taken(String),
    /// It did not get there; later it may.
    Later {
        why: String,
        not_before: Option<Timestamp>,
        /// Whether it counts as a failure; throttling does not.
        counts: bool,
    },
    /// Nobody knows.
    Unknown(String),
    /// It will not be taken.
    Refused(String),
}

/// Makes the hands of an action. Secrets are looked up now; an error names references, never values.
pub(crate) fn open(
    action: &Action,
    environment: &Environment,
    deadline: Duration,
) -> anyhow::Result<Hands> {
    let call = |url: &Secret, signing: &[Secret]| -> anyhow::Result<Hands> {
        let access = if action.allow_networks.is_empty() {
            Access::public()
        } else {
            Access::private(action.allow_networks.iter().copied())
        };
        let keys: Vec<SecretString> = signing
            .iter()
            .map(|secret| environment.secret(secret))
            .collect::<anyhow::Result<_>>()?;
        let http = Http::new()?.with_deadline(deadline.min(Duration::from_secs(30)));
        let call = Call::new(&http, &environment.secret(url)?, access, &keys)?;
        Ok(Hands::Caller(call))
    };
    match &action.task {
        Task::Webhook { url, signing } => call(url, signing),
        Task::LogicApp { url } | Task::AutomationWebhook { url } => call(url, &[]),
        Task::Runbook { .. }
        | Task::DeallocateVms { .. }
        | Task::ScalePlan { .. }
        | Task::AddTag { .. } => {
            let connection = action.connection.as_ref();
            let connection = connection.context("nothing says where Azure is")?;
            let client = connect(connection, environment)?;
            Ok(Hands::Azure(Box::new(Resources::new(client))))
        }
    }
}

/// A client with the identity of actions.
fn connect(connection: &Connection, environment: &Environment) -> anyhow::Result<Client> {
    let Connection {
        endpoint,
        cloud,
        auth,
        ..
    } = connection;
    let cloud: Cloud = *cloud;
    let endpoint = match endpoint {
        Some(url) => Endpoint::at(url.as_str(), cloud)?,
        None => Endpoint::of(cloud),
    };
    if auth == "none" {
        return Ok(Client::new(http()?, endpoint, None).with_pacing(PACING));
    }
    let variables = identity(environment)?;
    let auth = Auth::parse(auth, variables.variables())?.settle(variables.variables());
    if matches!(auth, Auth::ManagedIdentity { client_id: None }) {
        anyhow::bail!(
            "actions have an identity of their own: set ACTIONS_CLIENT_ID to the client id of a \
             user-assigned identity that may change what the actions change"
        );
    }
    let credential = auth
        .credential(cloud, variables.variables())
        .context("sign in with the identity of actions")?;
    Ok(Client::new(http()?, endpoint, Some(credential)).with_pacing(PACING))
}

/// The variables by which actions sign in: `ACTIONS_CLIENT_ID` and others take the places of
/// `AZURE_CLIENT_ID` and others, so that the identity that reads costs is never the one that acts.
fn identity(environment: &Environment) -> anyhow::Result<Environment> {
    const OWN: [&str; 4] = [
        "CLIENT_ID",
        "CLIENT_SECRET",
        "CLIENT_CERTIFICATE_PATH",
        "TENANT_ID",
    ];
    let reader = environment.get("AZURE_CLIENT_ID");
    let acting = environment.get("ACTIONS_CLIENT_ID");
    if let (Some(reader), Some(acting)) = (reader, acting) {
        anyhow::ensure!(
            !reader.eq_ignore_ascii_case(acting),
            "ACTIONS_CLIENT_ID and AZURE_CLIENT_ID are the same identity: the one that reads costs \
             must not be able to change anything"
        );
    }
    let mut variables = environment.variables().clone();
    for name in OWN {
        let reader = format!("AZURE_{name}");
        match environment.get(&format!("ACTIONS_{name}")) {
            Some(value) => {
                variables.insert(reader, value.to_owned());
            }
            // A tenant is no identity.
            None if name == "TENANT_ID" => {}
            None => {
                variables.remove(&reader);
            }
        }
    }
    Ok(variables.into_iter().collect())
}

impl Hands {
    /// What an action would change, with what is there now. Only reads.
    pub(crate) async fn look(&self, task: &Task, cause: &Cause) -> Result<Vec<Target>, Error> {
        let Hands::Azure(resources) = self else {
            return Ok(Vec::new());
        };
        let mut ids = Vec::new();
        match task {
            Task::DeallocateVms { tag, value } => {
                for scope in &cause.scopes {
                    ids.extend(resources.machines(scope, tag, value).await?);
                }
            }
            Task::ScalePlan { plan, .. } => ids.push(plan.clone()),
            Task::AddTag { on, .. } => {
                for scope in &cause.scopes {
                    match on {
                        Tagged::Scope => ids.push(scope.path().to_owned()),
                        Tagged::Resources => ids.extend(resources.all(scope).await?),
                    }
                }
            }
            _ => return Ok(Vec::new()),
        }
        // A group within a subscription that is counted too.
        ids.sort_by_key(|id| id.to_ascii_lowercase());
        ids.dedup_by_key(|id| id.to_ascii_lowercase());
        if ids.len() > MOST_TARGETS {
            return Err(Error::Invalid {
                operation: format!("look at what {} would change", task.kind()),
                code: "NotSent".to_owned(),
                message: format!(
                    "{} resources are more than the {MOST_TARGETS} that one action may change",
                    ids.len()
                ),
            });
        }
        let mut targets = Vec::new();
        for id in ids {
            let Some(before) = self.current(task, &id).await? else {
                continue;
            };
            if can_change(task, &before) {
                targets.push(Target {
                    after: goal(task).to_owned(),
                    id,
                    before,
                    state: TargetState::Waiting,
                    asks: 0,
                    may_come: false,
                    asked_at: None,
                    note: None,
                });
            }
        }
        Ok(targets)
    }

    /// How a resource is now, in the words of [`Target::before`]; `None` if it is gone.
    pub(crate) async fn current(&self, task: &Task, id: &str) -> Result<Option<String>, Error> {
        let Hands::Azure(resources) = self else {
            return Ok(None);
        };
        match task {
            Task::DeallocateVms { .. } => {
                let power = resources.power(id).await?;
                Ok(power.map(|power| power.as_str().to_owned()))
            }
            Task::ScalePlan { .. } => resources.plan_size(id).await,
            Task::AddTag { tag, .. } => Ok(Some(resources.tag(id, tag).await?.unwrap_or_default())),
            _ => Ok(None),
        }
    }

    /// Asks Azure for what the action wants of a resource.
    pub(crate) async fn change(&self, task: &Task, id: &str) -> Result<(), Error> {
        let Hands::Azure(resources) = self else {
            return Ok(());
        };
        match task {
            Task::DeallocateVms { .. } => resources.deallocate(id).await,
            Task::ScalePlan { sku, .. } => resources.scale_plan(id, sku).await,
            Task::AddTag { tag, value, .. } => resources.set_tag(id, tag, value).await,
            _ => Ok(()),
        }
    }

    /// Asks Azure for what was there before.
    pub(crate) async fn revert(&self, task: &Task, target: &Target) -> Result<(), Error> {
        let Hands::Azure(resources) = self else {
            return Ok(());
        };
        let id = &target.id;
        match task {
            Task::DeallocateVms { .. } => resources.start(id).await,
            Task::ScalePlan { .. } => resources.scale_plan(id, &target.before).await,
            Task::AddTag { tag, .. } if target.before.is_empty() => {
                resources.remove_tag(id, tag, &target.after).await
            }
            Task::AddTag { tag, .. } => resources.set_tag(id, tag, &target.before).await,
            _ => Ok(()),
        }
    }

    /// Calls the program of an action, or starts its runbook.
    pub(crate) async fn call(&self, record: &ActionRecord, phase: Phase, at: Timestamp) -> Called {
        let id = match phase {
            Phase::Do => record.id.clone(),
            Phase::Undo => format!("{}-undo", record.id),
        };
        let body = body(record, phase);
        match (self, &record.task) {
            (Hands::Caller(call), _) => {
                let bytes = body.to_string().into_bytes();
                called(call.post(&id, bytes, at).await)
            }
            (Hands::Azure(resources), Task::Runbook { runbook, run_on }) => {
                let given = json!({ "SpendwatchEvent": body.to_string() });
                let job = job_id(&id);
                let started = resources.start_runbook(runbook, &job, run_on.as_deref(), &given);
                match started.await {
                    Ok(()) => Called::Taken("the job is there".to_owned()),
                    Err(error) => failed(&error),
                }
            }
            (Hands::Azure(_), _) => Called::Refused("this action calls nothing".to_owned()),
        }
    }
}

/// Whether a second call with the same id is the same as one.
pub(crate) fn is_repeatable(task: &Task) -> bool {
    !matches!(task, Task::LogicApp { .. } | Task::AutomationWebhook { .. })
}

/// What a task makes of its targets.
pub(crate) fn goal(task: &Task) -> &str {
    match task {
        Task::DeallocateVms { .. } => "deallocated",
        Task::ScalePlan { sku, .. } => sku,
        Task::AddTag { value, .. } => value,
        _ => "",
    }
}

/// Whether a state is the one that is wanted. Azure has no letter case in sizes.
pub(crate) fn is_same(task: &Task, one: &str, other: &str) -> bool {
    match task {
        Task::AddTag { .. } => one == other,
        _ => one.eq_ignore_ascii_case(other),
    }
}

/// Whether there is something to do where this is found.
pub(crate) fn can_change(task: &Task, before: &str) -> bool {
    match task {
        Task::DeallocateVms { .. } => [Power::Running, Power::Stopped]
            .iter()
            .any(|power| power.as_str() == before),
        _ => !is_same(task, before, goal(task)),
    }
}

/// Whether the way back is known: a machine that was stopped and kept its host cannot be brought back
/// to that.
pub(crate) fn can_revert(task: &Task, before: &str) -> bool {
    !matches!(task, Task::DeallocateVms { .. }) || before == Power::Running.as_str()
}

/// Whether Azure is on its way already.
pub(crate) fn is_underway(task: &Task, current: &str) -> bool {
    matches!(task, Task::DeallocateVms { .. }) && current == Power::Deallocating.as_str()
}

/// What a program is told.
pub(crate) fn body(record: &ActionRecord, phase: Phase) -> Value {
    let cause = &record.cause;
    let phase = match phase {
        Phase::Do => "do",
        Phase::Undo => "undo",
    };
    json!({
        "specVersion": "1.0",
        "type": "budget.action",
        "phase": phase,
        "id": record.id,
        "action": record.action,
        "timestamp": record.created_at.to_string(),
        "budget": {
            "id": cause.budget,
            "name": cause.name,
            "scopes": cause.scopes.iter().take(20).map(Scope::path).collect::<Vec<_>>(),
        },
        "period": {
            "key": cause.period_key,
            "start": cause.period.start().to_string(),
            "end": cause.period.end().to_string(),
        },
        "threshold": { "id": cause.threshold, "when": cause.when },
        "amounts": {
            "currency": cause.planned.currency.code(),
            "planned": cause.planned.amount.to_string(),
            "spendToDate": cause.spent.amount.to_string(),
            "percent": cause.percent.0.to_string(),
        },
        "data": { "lastDay": cause.last_day.to_string() },
    })
}

/// The id of a job, which Azure wants as a GUID: from the id of the action, so that it is the same on
/// every try. Version 8 says that its bits are the maker's own.
fn job_id(id: &str) -> String {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(id.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

fn called(result: SendResult) -> Called {
    match result {
        SendResult::Delivered { .. } => Called::Taken("taken".to_owned()),
        SendResult::Accepted { .. } => Called::Taken("accepted".to_owned()),
        SendResult::Throttled { until } => Called::Later {
            why: "it asks to wait".to_owned(),
            not_before: Some(until),
            counts: false,
        },
        SendResult::Transient {
            failure,
            not_before,
        } => Called::Later {
            why: failure.to_string(),
            not_before,
            counts: true,
        },
        SendResult::Unknown { failure } => Called::Unknown(failure.to_string()),
        // Somebody may put the place right before the tries are over.
        SendResult::RejectedDestination { failure } => Called::Later {
            why: failure.to_string(),
            not_before: None,
            counts: true,
        },
        SendResult::RejectedMessage { failure } => Called::Refused(failure.to_string()),
    }
}

/// Whether an error of Azure says that nothing was and nothing will be done.
pub(crate) fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::NoToken { .. }
            | Error::Unauthorized { .. }
            | Error::Forbidden { .. }
            | Error::NotFound { .. }
            | Error::Throttled { .. }
            | Error::Invalid { .. }
            | Error::Conflict { .. }
    )
}

/// What an error of Azure means for a request that may be repeated.
pub(crate) fn failed(error: &Error) -> Called {
    match error {
        Error::Throttled { until, .. } => Called::Later {
            why: error.to_string(),
            not_before: Some(*until),
            counts: false,
        },
        Error::Invalid { .. } => Called::Refused(error.to_string()),
        // Roles may be given, and what is missing may come, before the tries are over.
        _ => Called::Later {
            why: error.to_string(),
            not_before: None,
            counts: true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let pairs = variables.iter();
        pairs
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn open_with(auth: &str, variables: &[(&str, &str)]) -> anyhow::Result<Client> {
        crate::install_crypto();
        let connection = Connection {
            endpoint: None,
            cloud: Cloud::Public,
            auth: auth.to_owned(),
            history_days: 0,
        };
        connect(&connection, &environment(variables))
    }

    #[test]
    fn the_identity_that_reads_costs_never_acts() {
        let reader = ("AZURE_CLIENT_ID", "reader");
        let in_app = ("IDENTITY_ENDPOINT", "http://127.0.0.1:1");
        let header = ("IDENTITY_HEADER", "x");
        for (auth, variables, fine) in [
            ("auto", vec![reader, in_app, header], false),
            ("managed-identity", vec![reader, in_app, header], false),
            ("auto", vec![in_app, header], false),
            (
                "auto",
                vec![reader, in_app, header, ("ACTIONS_CLIENT_ID", "READER")],
                false,
            ),
            (
                "auto",
                vec![reader, in_app, header, ("ACTIONS_CLIENT_ID", "actor")],
                true,
            ),
            (
                "client-secret",
                vec![
                    reader,
                    ("AZURE_CLIENT_SECRET", "x"),
                    ("AZURE_TENANT_ID", "t"),
                ],
                false,
            ),
            ("none", vec![], true),
        ] {
            let opened = open_with(auth, &variables);
            assert_eq!(opened.is_ok(), fine, "{auth} {variables:?} {opened:?}");
        }
    }

    #[test]
    fn the_tenant_is_shared_and_the_secret_is_not() {
        let own = identity(&environment(&[
            ("AZURE_TENANT_ID", "t"),
            ("AZURE_CLIENT_ID", "reader"),
            ("AZURE_CLIENT_SECRET", "r"),
            ("ACTIONS_CLIENT_ID", "actor"),
        ]));
        let own = own.unwrap();
        assert_eq!(own.get("AZURE_TENANT_ID"), Some("t"));
        assert_eq!(own.get("AZURE_CLIENT_ID"), Some("actor"));
        assert_eq!(own.get("AZURE_CLIENT_SECRET"), None);
    }

    #[test]
    fn job_ids_are_guids_and_never_change() {
        // printf '7f3a' | sha256sum, with the version and variant bits of RFC 9562.
        assert_eq!(job_id("7f3a"), "e691d007-9f79-8ca4-b042-19d11ee5e5ff");
    }
}
