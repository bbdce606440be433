//! What may be done to Azure resources when a budget is reached: a short list of operations.
//!
//! Every operation says what is wanted, not what is to be changed, so that doing it twice is the same
//! as doing it once. None of them waits: Azure works on, and a look at the resource says how far it
//! is. Signing in, pacing, repeating and paging are those of [`azure_cost::Client`], given to it with
//! an identity of its own.
//!
//! ```no_run
//! use azure_actions::Resources;
//! use azure_cost::{Client, Cloud, Endpoint};
//! use budget_engine::Scope;
//! # async fn stop(http: reqwest::Client) -> Result<(), Box<dyn std::error::Error>> {
//! let resources = Resources::new(Client::new(http, Endpoint::of(Cloud::Public), None));
//! let scope = Scope::parse("/subscriptions/1f2e/resourceGroups/test")?;
//! for machine in resources.machines(&scope, "auto-stop", "yes").await? {
//!     resources.deallocate(&machine).await?;
//! }
//! # Ok(())
//! # }
//! ```

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a panic is how a test reports")
)]

mod plans;
#[cfg(feature = "test-util")]
pub mod twin;

use azure_cost::{Client, Error, ResourceRequest};
use budget_engine::Scope;
use futures::{StreamExt, pin_mut};
use http::Method;
use serde_json::{Value, json};

pub use plans::tier_of;

const COMPUTE: &str = "2024-07-01";
const TAGS: &str = "2021-04-01";
const AUTOMATION: &str = "2023-11-01";

/// The resources that an identity may see and change. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Resources {
    client: Client,
}

/// Whether a virtual machine runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Power {
    /// It runs, or is about to.
    Running,
    /// It is stopped and keeps its host, which costs as much as running.
    Stopped,
    /// It is about to be deallocated.
    Deallocating,
    /// It has no host and costs nothing but its disks.
    Deallocated,
    /// What Azure says is none of these.
    Unknown(String),
}

impl Power {
    /// The word for it.
    pub fn as_str(&self) -> &str {
        match self {
            Power::Running => "running",
            Power::Stopped => "stopped",
            Power::Deallocating => "deallocating",
            Power::Deallocated => "deallocated",
            Power::Unknown(word) => word,
        }
    }
}

impl Resources {
    /// The resources behind a client. It should sign in with an identity of its own, because whoever
    /// only reads costs must not be able to change anything.
    pub fn new(client: Client) -> Resources {
        Resources { client }
    }

    /// Ids of the virtual machines of a subscription or resource group that have a tag with this
    /// value. Names of tags are compared without regard to letter case, values exactly.
    pub async fn machines(
        &self,
        scope: &Scope,
        tag: &str,
        value: &str,
    ) -> Result<Vec<String>, Error> {
        let path = format!(
            "{}/providers/Microsoft.Compute/virtualMachines",
            scope.path()
        );
        let found = self.list(scope, path, COMPUTE, "virtual machines").await?;
        Ok(found
            .into_iter()
            .filter(|(_, item)| tag_in(&item["tags"], tag).as_deref() == Some(value))
            .map(|(id, _)| id)
            .collect())
    }

    /// Ids of all resources of a subscription or resource group.
    pub async fn all(&self, scope: &Scope) -> Result<Vec<String>, Error> {
        let path = format!("{}/resources", scope.path());
        let found = self.list(scope, path, TAGS, "resources").await?;
        Ok(found.into_iter().map(|(id, _)| id).collect())
    }

    /// Whether a virtual machine runs; `None` if it is gone.
    pub async fn power(&self, machine: &str) -> Result<Option<Power>, Error> {
        let path = format!("{machine}/instanceView");
        let operation = format!("read the state of {machine}");
        let Some(view) = self.look(&operation, path, COMPUTE).await? else {
            return Ok(None);
        };
        let statuses = view["statuses"].as_array().into_iter().flatten();
        let codes = statuses.filter_map(|status| status["code"].as_str());
        let state = codes
            .filter_map(|code| code.split_once('/'))
            .find(|(kind, _)| kind.eq_ignore_ascii_case("PowerState"))
            .map(|(_, state)| state.to_ascii_lowercase());
        Ok(Some(match state.as_deref() {
            Some("running" | "starting") => Power::Running,
            Some("stopped" | "stopping") => Power::Stopped,
            Some("deallocating") => Power::Deallocating,
            Some("deallocated") => Power::Deallocated,
            Some(other) => Power::Unknown(other.to_owned()),
            None => Power::Unknown("unknown".to_owned()),
        }))
    }

    /// Has a virtual machine deallocated: it stops and no longer costs what a host costs.
    pub async fn deallocate(&self, machine: &str) -> Result<(), Error> {
        let path = format!("{machine}/deallocate");
        self.ask(Method::POST, format!("deallocate {machine}"), path, COMPUTE)
            .await
    }

    /// Has a virtual machine started.
    pub async fn start(&self, machine: &str) -> Result<(), Error> {
        let path = format!("{machine}/start");
        self.ask(Method::POST, format!("start {machine}"), path, COMPUTE)
            .await
    }

    /// Value of a tag of a subscription, resource group or resource; `None` if it has none.
    pub async fn tag(&self, id: &str, name: &str) -> Result<Option<String>, Error> {
        let path = format!("{id}/providers/Microsoft.Resources/tags/default");
        let operation = format!("read the tags of {id}");
        let found = self.look(&operation, path, TAGS).await?;
        Ok(found.and_then(|found| tag_in(&found["properties"]["tags"], name)))
    }

    /// Gives a tag this value and leaves all others alone.
    pub async fn set_tag(&self, id: &str, name: &str, value: &str) -> Result<(), Error> {
        self.patch_tags("Merge", id, name, value).await
    }

    /// Removes a tag if it has this value, and leaves all others alone.
    pub async fn remove_tag(&self, id: &str, name: &str, value: &str) -> Result<(), Error> {
        self.patch_tags("Delete", id, name, value).await
    }

    async fn patch_tags(&self, how: &str, id: &str, name: &str, value: &str) -> Result<(), Error> {
        let path = format!("{id}/providers/Microsoft.Resources/tags/default");
        let operation = format!("change the tag {name} of {id}");
        let body = json!({ "operation": how, "properties": { "tags": { name: value } } });
        let request = ResourceRequest::new(Method::PATCH, operation, path, TAGS).with_body(body);
        self.client.resource(&request).await.map(drop)
    }

    /// Starts a runbook as a job with an id of the caller's, a GUID: the same id starts it once.
    /// `runbook` is the path of the runbook, `/subscriptions/…/automationAccounts/A/runbooks/R`;
    /// parameters are texts.
    pub async fn start_runbook(
        &self,
        runbook: &str,
        job: &str,
        run_on: Option<&str>,
        parameters: &Value,
    ) -> Result<(), Error> {
        let operation = format!("start {runbook}");
        let Some((account, name)) = runbook.split_once("/runbooks/") else {
            return Err(Error::Invalid {
                operation,
                code: "NotSent".to_owned(),
                message: "the path names no runbook".to_owned(),
            });
        };
        let mut properties = json!({ "runbook": { "name": name }, "parameters": parameters });
        if let Some(group) = run_on {
            properties["runOn"] = json!(group);
        }
        let path = format!("{account}/jobs/{job}");
        let request = ResourceRequest::new(Method::PUT, operation, path, AUTOMATION)
            .with_body(json!({ "properties": properties }));
        match self.client.resource(&request).await {
            // An earlier try got through: the job is there.
            Ok(_) | Err(Error::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Ids with their items, all pages. What lies outside of the scope is no answer to the question
    /// and must not be acted on.
    async fn list(
        &self,
        scope: &Scope,
        path: String,
        api_version: &str,
        what: &str,
    ) -> Result<Vec<(String, Value)>, Error> {
        let operation = format!("list {what} of {}", scope.path());
        let request = ResourceRequest::new(Method::GET, &*operation, path, api_version);
        let items = self.client.resources(&request)?;
        pin_mut!(items);
        let prefix = format!("{}/", scope.path().to_ascii_lowercase());
        let mut found = Vec::new();
        while let Some(item) = items.next().await {
            let item = item?;
            let id = item["id"].as_str().unwrap_or_default();
            if !id.to_ascii_lowercase().starts_with(&prefix) {
                return Err(Error::UnexpectedAnswer {
                    operation,
                    problem: "an item lies outside of the scope".to_owned(),
                });
            }
            found.push((id.to_owned(), item));
        }
        Ok(found)
    }

    /// Reads a resource; `None` if it is gone.
    async fn look(
        &self,
        operation: &str,
        path: String,
        api_version: &str,
    ) -> Result<Option<Value>, Error> {
        let request = ResourceRequest::new(Method::GET, operation, path, api_version);
        match self.client.resource(&request).await {
            Err(Error::NotFound { .. }) => Ok(None),
            found => found.map(Some),
        }
    }

    async fn ask(
        &self,
        method: Method,
        operation: String,
        path: String,
        api_version: &str,
    ) -> Result<(), Error> {
        let request = ResourceRequest::new(method, operation, path, api_version);
        self.client.resource(&request).await.map(drop)
    }
}

/// The value of a tag, whose name has no letter case.
fn tag_in(tags: &Value, name: &str) -> Option<String> {
    let mut tags = tags.as_object()?.iter();
    let (_, value) = tags.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(value.as_str()?.to_owned())
}
