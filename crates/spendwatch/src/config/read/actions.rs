//! `[action.*]`, `[approval]`, and `actions` of thresholds.

use std::path::Path;
use std::time::Duration;

use budget_engine::{Budgets, Scope, ScopeKind, When};

use super::channels::{read_network, read_secret, read_secrets};
use super::sources::read_connection;
use super::{Draft, ID_RULE, is_id};
use crate::config::reader::{Place, Problem, Table, Value};
use crate::config::{Action, Actions, Approval, Mode, Secret, Tagged, Task};

/// Longest time that a link is good for, in hours: a month.
const LONGEST_VALID: u32 = 744;

/// What the files say about actions, before budgets are known.
#[derive(Default)]
pub(super) struct ActionsDraft {
    actions: Actions,
    /// Whether there is a table with a key for links, be it broken.
    pub(super) has_key_table: bool,
    /// The names of all actions, the broken ones too.
    names: std::collections::BTreeSet<String>,
    /// Where each action stands.
    places: Vec<(String, Place)>,
    /// Where a threshold names actions: its budget comes when that is read.
    asked: Vec<Asked>,
}

struct Asked {
    budget: String,
    threshold: String,
    names: Vec<(String, Place, String)>,
}

/// Names of actions that a threshold asks for, each with its place.
pub(super) type Named = Vec<(String, Place, String)>;

pub(super) fn read_actions(root: &Table<'_>, folder: &Path, draft: &mut Draft) {
    if let Some(table) = root.get("action").and_then(|value| value.table()) {
        for (name, _, value) in table.entries() {
            if !is_id(name) {
                value.note(format!("an action's name has {ID_RULE}"));
            }
            let Some(table) = value.table() else { continue };
            if !draft.actions.names.insert(name.to_owned()) {
                value.note("another file has an action of this name");
            }
            let place = table.place();
            if let Some(action) = read_action(table, folder) {
                draft.actions.places.push((name.to_owned(), place));
                draft
                    .actions
                    .actions
                    .by_name
                    .insert(name.to_owned(), action);
            }
        }
    }
    if let Some(value) = root.get("approval")
        && let Some(table) = value.table()
    {
        if draft.actions.actions.approval.is_some() {
            value.note("[approval] is set in another file already");
        }
        draft.actions.has_key_table = true;
        draft.actions.actions.approval = read_approval(table, folder);
    }
}

fn read_action(table: Table<'_>, folder: &Path) -> Option<Action> {
    let kind = table.require("kind", "kind = \"webhook\"")?;
    let mode = match table.get("mode") {
        None => Some(Mode::DryRun),
        Some(value) => read_mode(&value),
    };
    let undo = table.get("undo").map(|value| value.flag());
    // Calls go out to programs, everything else to Azure; a runbook is reached in both ways.
    let word = kind.text()?;
    let calls = matches!(word, "webhook" | "logic-app" | "automation");
    let networks = calls.then(|| table.get("allow_networks")).flatten();
    let allow_networks = networks.map(|list| list.list().iter().filter_map(read_network).collect());
    let connection = match word {
        "webhook" | "logic-app" => None,
        _ => Some(read_connection(&table, None)),
    };
    let task = read_task(&kind, &table, folder);
    if task.is_none() && !KINDS.contains(&word) {
        return None;
    }
    table.finish();
    let task = task?;
    let undo = match undo {
        Some(undo) => undo?,
        None => task.is_built_in(),
    };
    Some(Action {
        task,
        mode: mode?,
        undo,
        allow_networks: allow_networks.unwrap_or_default(),
        connection,
    })
}

const KINDS: [&str; 6] = [
    "webhook",
    "logic-app",
    "automation",
    "deallocate-vms",
    "scale-plan",
    "add-tag",
];

fn read_task(kind: &Value<'_>, table: &Table<'_>, folder: &Path) -> Option<Task> {
    let secret =
        |example: &str| -> Option<Secret> { read_secret(&table.require("url", example)?, folder) };
    let text = |key: &'static str, example: &str| -> Option<String> {
        Some(table.require(key, example)?.text()?.to_owned())
    };
    match kind.text()? {
        "webhook" => {
            let url = secret("url = { secret = \"STOP_WEBHOOK_URL\" }");
            let example = "signing = { secret = \"STOP_WEBHOOK_SIGNING_SECRET\" }";
            let signing = table.require("signing", example);
            let signing = signing.map(|value| read_secrets(&value, example, folder));
            Some(Task::Webhook {
                url: url?,
                signing: signing?,
            })
        }
        "logic-app" => {
            let url = secret("url = { secret = \"LOGIC_APP_URL\" }")?;
            Some(Task::LogicApp { url })
        }
        "automation" => {
            let url = table.get("url");
            let runbook = table.get("runbook");
            let run_on = table.get("run_on");
            match (url, runbook) {
                (Some(url), None) => {
                    if let Some(run_on) = run_on {
                        run_on.note("the webhook itself says where its runbook runs");
                    }
                    let url = read_secret(&url, folder)?;
                    Some(Task::AutomationWebhook { url })
                }
                (None, Some(runbook)) => Some(Task::Runbook {
                    runbook: read_path(&runbook, "automationAccounts", "runbooks")?,
                    run_on: match run_on {
                        Some(value) => Some(value.text()?.to_owned()),
                        None => None,
                    },
                }),
                _ => {
                    table.note(
                        "write either `url`, a webhook of a runbook, or `runbook`, its path in Azure",
                    );
                    None
                }
            }
        }
        "deallocate-vms" => {
            let tag = text("tag", "tag = \"auto-stop\"");
            let value = text("value", "value = \"yes\"");
            Some(Task::DeallocateVms {
                tag: tag?,
                value: value?,
            })
        }
        "scale-plan" => {
            let example = "plan = \"/subscriptions/…/resourceGroups/…/providers/Microsoft.Web/serverfarms/NAME\"";
            let plan = table.require("plan", example);
            let plan = plan.and_then(|value| read_path(&value, "Microsoft.Web", "serverfarms"));
            let sku = table.require("sku", "sku = \"B1\"").and_then(|value| {
                let sku = value.text()?;
                if azure_actions::tier_of(sku).is_none() {
                    value.note(format!(
                        "`{sku}` is not a size of an App Service plan; expected for example B1, S1 or P1v3"
                    ));
                    return None;
                }
                Some(sku.to_owned())
            });
            Some(Task::ScalePlan {
                plan: plan?,
                sku: sku?,
            })
        }
        "add-tag" => {
            let on = match table.get("on") {
                None => Some(Tagged::Scope),
                Some(value) => match value.text()? {
                    "scope" => Some(Tagged::Scope),
                    "resources" => Some(Tagged::Resources),
                    other => {
                        value.note(format!(
                            "`{other}` cannot be tagged; expected scope or resources"
                        ));
                        None
                    }
                },
            };
            let tag = text("tag", "tag = \"over-budget\"");
            let value = text("value", "value = \"yes\"");
            Some(Task::AddTag {
                tag: tag?,
                value: value?,
                on: on?,
            })
        }
        other => {
            kind.note(format!(
                "`{other}` is not an action; expected {} or {}",
                KINDS[..5].join(", "),
                KINDS[5]
            ));
            None
        }
    }
}

fn read_mode(value: &Value<'_>) -> Option<Mode> {
    let text = value.text()?;
    let modes = [Mode::DryRun, Mode::Approve, Mode::Run];
    let found = modes.into_iter().find(|mode| mode.as_str() == text);
    if found.is_none() {
        value.note(format!(
            "`{text}` is not a mode; expected dry-run, approve or run"
        ));
    }
    found
}

/// The path of a resource in a resource group, with these two words in it.
fn read_path(value: &Value<'_>, first: &str, second: &str) -> Option<String> {
    let text = value.text()?.trim_end_matches('/');
    let parts: Vec<&str> = text.split('/').collect();
    let is = |index: usize, word: &str| {
        let part = parts.get(index);
        part.is_some_and(|part| part.eq_ignore_ascii_case(word))
    };
    let is_plain = parts.iter().skip(1).all(|part| {
        !part.is_empty() && !part.starts_with('.') && !part.contains(['?', '#', '%', '\\'])
    });
    let has_words = (5..parts.len()).any(|index| is(index, first))
        && parts.len() > 2
        && is(parts.len() - 2, second);
    if parts.first() == Some(&"")
        && is(1, "subscriptions")
        && is(3, "resourceGroups")
        && is(5, "providers")
        && is_plain
        && has_words
    {
        return Some(text.to_owned());
    }
    value.note(format!(
        "expected the path of one of the {second}: /subscriptions/…/resourceGroups/…/providers/…/{second}/NAME"
    ));
    None
}

fn read_approval(table: Table<'_>, folder: &Path) -> Option<Approval> {
    let example = "key = { secret = \"APPROVAL_KEY\" }";
    let key = table.require("key", example);
    let key = key.and_then(|value| read_secret(&value, folder));
    let url = table.get("url").map(|value| {
        let url: url::Url = value.parse()?;
        if url.scheme() != "https" || url.query().is_some() || url.fragment().is_some() {
            value.note(
                "expected the address of the function, \
                 for example https://APP.azurewebsites.net/api/approve-action",
            );
            return None;
        }
        Some(url)
    });
    let hours = table.get("valid_hours");
    let hours = hours.map_or(Some(48), |value| value.whole(1..=LONGEST_VALID));
    table.finish();
    Some(Approval {
        key: key?,
        url: match url {
            Some(url) => Some(url?),
            None => None,
        },
        valid: Duration::from_secs(u64::from(hours?) * 3600),
    })
}

/// `actions` of one threshold.
pub(super) fn read_named(list: &Value<'_>, table: &Table<'_>) -> Named {
    let mut names = Named::new();
    for value in list.list() {
        let Some(name) = value.text() else { continue };
        if names.iter().any(|(known, ..)| known == name) {
            value.note(format!("`{name}` is named twice"));
            continue;
        }
        names.push((name.to_owned(), table.place(), value.path.clone()));
    }
    names
}

impl ActionsDraft {
    /// Keeps what a threshold of a budget asks for.
    pub(super) fn keep(&mut self, budget: &str, threshold: String, names: Named) {
        let budget = budget.to_owned();
        self.asked.push(Asked {
            budget,
            threshold,
            names,
        });
    }

    /// Checks names, thresholds and scopes against each other.
    pub(super) fn settle(self, budgets: &Budgets, problems: &mut Vec<Problem>) -> Actions {
        let mut actions = self.actions;
        for asked in self.asked {
            let Some(budget) = budgets.get(&asked.budget) else {
                continue;
            };
            let mut thresholds = budget.thresholds.iter();
            let threshold = thresholds.find(|one| one.id == asked.threshold);
            let is_of_spend = threshold.is_some_and(|one| matches!(one.when, When::Actual(_)));
            for (name, place, path) in &asked.names {
                let mut note = |message: String| {
                    problems.push(place.problem(path.clone(), message));
                };
                if !is_of_spend {
                    note(
                        "actions follow money that is spent: only thresholds `actual …` have them"
                            .to_owned(),
                    );
                }
                let Some(action) = actions.by_name.get(name) else {
                    if !self.names.contains(name) {
                        let known: Vec<&str> = self.names.iter().map(String::as_str).collect();
                        let known = if known.is_empty() {
                            "there is none".to_owned()
                        } else {
                            format!("known are: {}", known.join(", "))
                        };
                        note(format!("there is no [action.{name}]; {known}"));
                    }
                    continue;
                };
                if let Some(problem) = out_of_reach(&action.task, &budget.scopes) {
                    note(format!("[action.{name}] {problem}"));
                }
            }
            let names = asked.names.into_iter().map(|(name, ..)| name).collect();
            let key = (asked.budget, asked.threshold);
            actions.asked.insert(key, names);
        }
        let asks = |mode| {
            let mut by_name = actions.by_name.iter();
            by_name.find_map(|(name, action)| (action.mode == mode).then_some(name))
        };
        if !self.has_key_table
            && let Some(name) = asks(Mode::Approve)
            && let Some((_, place)) = self.places.iter().find(|(known, _)| known == name)
        {
            let message = "mode \"approve\" needs a [links] or [approval] table with a key: \
                           key = { secret = \"LINK_KEY\" }";
            problems.push(place.problem(format!("action.{name}"), message.to_owned()));
        }
        actions
    }
}

/// Why a task cannot act for a budget of these scopes.
fn out_of_reach(task: &Task, scopes: &[Scope]) -> Option<String> {
    let is_of_resources = |scope: &Scope| {
        matches!(
            scope.kind(),
            ScopeKind::Subscription | ScopeKind::ResourceGroup
        )
    };
    match task {
        Task::DeallocateVms { .. } | Task::AddTag { .. } => {
            if scopes.is_empty() {
                return Some("acts in the budget's scopes, and this one has none".to_owned());
            }
            let other = scopes.iter().find(|scope| !is_of_resources(scope))?;
            Some(format!(
                "acts in subscriptions and resource groups, not in the {} {other}",
                other.kind().words()
            ))
        }
        Task::ScalePlan { plan, .. } => {
            let plan = plan.to_ascii_lowercase();
            let holds = |scope: &Scope| {
                is_of_resources(scope) && plan.starts_with(&format!("{}/", scope.folded()))
            };
            let inside = scopes.iter().any(holds);
            (!inside).then(|| "scales a plan that lies in none of the budget's scopes".to_owned())
        }
        _ => None,
    }
}
