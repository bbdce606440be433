//! What is done when a budget reaches an amount.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Connection, Secret};

/// The actions of a configuration, and which threshold asks for which.
#[derive(Debug, Clone, Default)]
pub struct Actions {
    /// By name.
    pub by_name: BTreeMap<String, Action>,
    /// Names by budget and threshold.
    pub asked: BTreeMap<(String, String), Vec<String>>,
    /// How actions are approved; without it nothing can be approved by a link.
    pub approval: Option<Approval>,
}

impl Actions {
    /// Names of the actions that a threshold asks for.
    pub fn of(&self, budget: &str, threshold: &str) -> &[String] {
        let key = (budget.to_owned(), threshold.to_owned());
        self.asked.get(&key).map_or(&[], Vec::as_slice)
    }
}

/// One action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What is done.
    pub task: Task,
    /// How far it goes by itself.
    pub mode: Mode,
    /// Whether it is undone when the period ends.
    pub undo: bool,
    /// Private networks that a call may go to, besides the public internet.
    pub allow_networks: Vec<ipnet::IpNet>,
    /// Where Azure is, and how to sign in with the identity of actions; `None` for what calls a
    /// program.
    pub connection: Option<Connection>,
}

/// How far an action goes by itself. The order is that of care: the most careful first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It says what it would do, and does nothing.
    DryRun,
    /// It asks, and does it when somebody approves.
    Approve,
    /// It does it.
    Run,
}

impl Mode {
    /// The word used in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::DryRun => "dry-run",
            Mode::Approve => "approve",
            Mode::Run => "run",
        }
    }
}

/// What an action does. Secrets are references.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum Task {
    /// Calls a program, signed per Standard Webhooks.
    Webhook {
        /// Its URL.
        url: Secret,
        /// Signing secrets, newest first.
        signing: Vec<Secret>,
    },
    /// Calls the HTTPS trigger of a Logic App.
    LogicApp {
        /// Its URL, whose signature permits the call.
        url: Secret,
    },
    /// Calls the webhook of a runbook of Azure Automation.
    AutomationWebhook {
        /// Its URL, whose token permits the call.
        url: Secret,
    },
    /// Starts a runbook of Azure Automation.
    Runbook {
        /// Path of the runbook.
        runbook: String,
        /// Group of workers that runs it; Azure itself if `None`.
        run_on: Option<String>,
    },
    /// Deallocates the virtual machines of the budget's scopes that have a tag with a value.
    DeallocateVms {
        /// Name of the tag.
        tag: String,
        /// Its value.
        value: String,
    },
    /// Gives an App Service plan another size.
    ScalePlan {
        /// Path of the plan, which lies in one of the budget's scopes.
        plan: String,
        /// Name of the size, such as `B1`.
        sku: String,
    },
    /// Adds a tag.
    AddTag {
        /// Name of the tag.
        tag: String,
        /// Its value.
        value: String,
        /// What gets it.
        on: Tagged,
    },
}

/// What gets a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tagged {
    /// The subscriptions and resource groups that the budget counts.
    Scope,
    /// Every resource in them.
    Resources,
}

impl Task {
    /// The word used in configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            Task::Webhook { .. } => "webhook",
            Task::LogicApp { .. } => "logic-app",
            Task::AutomationWebhook { .. } | Task::Runbook { .. } => "automation",
            Task::DeallocateVms { .. } => "deallocate-vms",
            Task::ScalePlan { .. } => "scale-plan",
            Task::AddTag { .. } => "add-tag",
        }
    }

    /// Whether it changes resources of Azure by itself, and so can undo that by itself.
    pub fn is_built_in(&self) -> bool {
        matches!(
            self,
            Task::DeallocateVms { .. } | Task::ScalePlan { .. } | Task::AddTag { .. }
        )
    }
}

/// How actions are approved by a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Key that links are signed with; at least 32 characters.
    pub key: Secret,
    /// Address of the function `approve-action`; the function app's own if `None`.
    pub url: Option<url::Url>,
    /// How long a link is good for.
    pub valid: Duration,
}
