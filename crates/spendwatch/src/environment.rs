//! The environment as a value: settings and secrets come from outside, and tests bring their own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context;
use azure_cost::Cloud;
use azure_cost::credentials::Auth;
use secrecy::SecretString;
use state_store::{Documents, Queues};
use url::Url;

use crate::config::Secret;

/// The variables of a process. `Debug` prints no values.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process. Variables that are not Unicode are left out.
    pub fn from_process() -> Self {
        let vars = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Environment(vars.collect())
    }

    /// A variable, if it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// All variables.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// The value behind a reference. Errors name the reference, never a value.
    pub fn secret(&self, secret: &Secret) -> anyhow::Result<SecretString> {
        match secret {
            Secret::Env(name) => {
                let value = self
                    .get(name)
                    .with_context(|| format!("the {secret} is not set"))?;
                // The platform leaves the reference in place when it cannot resolve it.
                anyhow::ensure!(
                    !value.starts_with("@Microsoft.KeyVault("),
                    "the {secret} holds a Key Vault reference that was not resolved: check the \
                     vault's name and the app's role on it"
                );
                Ok(value.to_owned().into())
            }
            Secret::File(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the {secret}"))?;
                anyhow::ensure!(!text.trim().is_empty(), "the {secret} is empty");
                Ok(text.trim().to_owned().into())
            }
        }
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Environment(variables.into_iter().collect())
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Where ledgers, deliveries and hints are kept.
#[derive(Clone)]
pub enum StateLocation {
    /// Nowhere: gone with the process.
    Memory,
    /// A folder on this machine.
    Folder(PathBuf),
    /// Azure Storage, or its emulator.
    Azure {
        /// URL of the blob container, with a shared access signature for the emulator.
        container: Url,
        /// URL of the queue service.
        queues: Url,
    },
}

impl StateLocation {
    /// What the app settings say: `SPENDWATCH_STATE` (a folder, or the URL of a blob container) with
    /// `SPENDWATCH_QUEUES` (the URL of a queue service, that of the container's account by default), or the
    /// host's own storage account by `AzureWebJobsStorage__blobServiceUri` and
    /// `AzureWebJobsStorage__queueServiceUri`.
    pub fn from_environment(environment: &Environment) -> anyhow::Result<Option<Self>> {
        let url = |name: &str| -> anyhow::Result<Option<Url>> {
            // The value may hold a signature, so an error repeats the name only.
            let parse = |text| Url::parse(text).with_context(|| format!("{name} is not a URL"));
            environment.get(name).map(parse).transpose()
        };
        let queues = url("SPENDWATCH_QUEUES")?.or(url("AzureWebJobsStorage__queueServiceUri")?);
        match environment.get("SPENDWATCH_STATE") {
            Some(text) if text.contains("://") => {
                let container =
                    url("SPENDWATCH_STATE")?.context("SPENDWATCH_STATE is not a URL")?;
                let queues = queues.or_else(|| queues_beside(&container)).context(
                    "SPENDWATCH_STATE is a blob container, so SPENDWATCH_QUEUES must name the queue \
                     service, for example https://account.queue.core.windows.net",
                )?;
                Ok(Some(StateLocation::Azure { container, queues }))
            }
            Some(text) => text.parse().map(Some),
            None => match (url("AzureWebJobsStorage__blobServiceUri")?, queues) {
                (Some(mut container), Some(queues)) => {
                    container
                        .path_segments_mut()
                        .map_err(|()| {
                            anyhow::anyhow!("AzureWebJobsStorage__blobServiceUri has no path")
                        })?
                        .pop_if_empty()
                        .push("spendwatch");
                    Ok(Some(StateLocation::Azure { container, queues }))
                }
                _ => Ok(None),
            },
        }
    }

    /// Opens the store. Azure Storage without a signature in its URL is signed in to by what the
    /// environment offers.
    pub(crate) fn open(
        &self,
        environment: &Environment,
    ) -> anyhow::Result<(Arc<dyn Documents>, Arc<dyn Queues>)> {
        match self {
            StateLocation::Memory => {
                let store = Arc::new(state_store::Memory::new());
                Ok((store.clone(), store))
            }
            StateLocation::Folder(path) => {
                let store = Arc::new(
                    state_store::Local::open(path)
                        .with_context(|| format!("open the state folder {}", path.display()))?,
                );
                Ok((store.clone(), store))
            }
            StateLocation::Azure { container, queues } => {
                let signed = container
                    .query()
                    .is_some_and(|query| query.contains("sig="));
                let credential = if signed {
                    None
                } else {
                    let auth = Auth::parse("auto", environment.variables())?;
                    let cloud = cloud_of(container);
                    let credential = auth.credential(cloud, environment.variables());
                    Some(credential.context("sign in to storage")?)
                };
                let store = Arc::new(
                    state_store::Azure::new(
                        container.clone(),
                        queues.clone(),
                        credential,
                        state_store::azure::Options::default(),
                    )
                    .context("open Azure Storage")?,
                );
                Ok((store.clone(), store))
            }
        }
    }
}

/// The queue service of the account of a container, `https://ACCOUNT.blob.SUFFIX/…`; none if the URL has
/// another shape, or holds a signature, which is for blobs.
fn queues_beside(container: &Url) -> Option<Url> {
    let (account, suffix) = container.host_str()?.split_once(".blob.")?;
    let url = format!("{}://{account}.queue.{suffix}/", container.scheme());
    let url = Url::parse(&url).ok()?;
    container.query().is_none().then_some(url)
}

/// What telemetry signs in to Azure Monitor with: whatever the environment offers.
pub fn telemetry_credential(
    environment: &Environment,
) -> Option<Arc<dyn azure_core::credentials::TokenCredential>> {
    let auth = Auth::parse("auto", environment.variables()).ok()?;
    auth.credential(Cloud::Public, environment.variables()).ok()
}

/// The cloud that a storage account or another service is in, by the suffix of its host.
pub(crate) fn cloud_of(url: &Url) -> Cloud {
    let host = url.host_str().unwrap_or_default();
    let ends = |suffixes: [&str; 2]| suffixes.iter().any(|suffix| host.ends_with(suffix));
    if ends([".usgovcloudapi.net", ".azure.us"]) {
        Cloud::UsGovernment
    } else if ends([".chinacloudapi.cn", ".azure.cn"]) {
        Cloud::China
    } else {
        Cloud::Public
    }
}

impl FromStr for StateLocation {
    type Err = anyhow::Error;

    /// Reads `memory` or the path of a folder.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text.trim() {
            "" => anyhow::bail!("the location of the state is empty"),
            "memory" => Ok(StateLocation::Memory),
            path => Ok(StateLocation::Folder(path.into())),
        }
    }
}

impl std::fmt::Debug for StateLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StateLocation::Memory => f.write_str("memory"),
            StateLocation::Folder(path) => write!(f, "{}", path.display()),
            // A signature may be part of the URL.
            StateLocation::Azure { container, .. } => {
                write!(f, "{}{}", container.authority(), container.path())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

    use super::*;

    fn location(variables: &[(&str, &str)]) -> Result<StateLocation, String> {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let location = StateLocation::from_environment(&variables.collect());
        location
            .map(Option::unwrap)
            .map_err(|error| format!("{error:#}"))
    }

    fn queues(variables: &[(&str, &str)]) -> Result<String, String> {
        match location(variables)? {
            StateLocation::Azure { queues, .. } => Ok(queues.into()),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn queues_are_those_of_the_account_of_the_container() {
        const CONTAINER: &str = "https://stcosts.blob.core.windows.net/spendwatch";
        assert_eq!(
            queues(&[("SPENDWATCH_STATE", CONTAINER)]).unwrap(),
            "https://stcosts.queue.core.windows.net/"
        );
        let named = ("SPENDWATCH_QUEUES", "https://other.queue.core.windows.net/");
        assert_eq!(
            queues(&[("SPENDWATCH_STATE", CONTAINER), named]).unwrap(),
            named.1
        );
    }

    #[test]
    fn queues_are_asked_for_where_they_cannot_be_known() {
        for container in [
            "http://127.0.0.1:10000/devstoreaccount1/spendwatch",
            "https://stcosts.blob.core.windows.net/spendwatch?sv=2026-01-01&sig=secret",
        ] {
            let error = queues(&[("SPENDWATCH_STATE", container)]).unwrap_err();
            assert!(error.contains("SPENDWATCH_QUEUES must name"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
