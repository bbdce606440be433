//! How to sign in.
//!
//! The choice is explicit, and `auto` is a rule anyone can follow rather than a chain of
//! attempts. Nothing here reads the environment: the caller passes it as a map.
//!
//! ```
//! use azure_cost::credentials::{Auth, Environment};
//! let in_functions = Environment::from([("IDENTITY_ENDPOINT".into(), "http://…".into())]);
//! let chosen = Auth::parse("auto", &in_functions)?.settle(&in_functions);
//! assert!(matches!(chosen, Auth::ManagedIdentity { client_id: None }));
//! # Ok::<(), azure_cost::credentials::AuthError>(())
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use azure_core::cloud::CustomConfiguration;
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::ClientOptions;
use azure_identity::{
    AzureCliCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, DeveloperToolsCredential, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};

pub use certificate::CertificateError;

use crate::cloud::Cloud;

mod certificate;

/// Environment variables by name. Empty values count as absent.
pub type Environment = BTreeMap<String, String>;

const CLIENT_SECRET: &str = "client-secret";
const CLIENT_CERTIFICATE: &str = "client-certificate";

/// A way to sign in.
#[derive(Debug, Clone)]
pub enum Auth {
    /// The identity of the function app or virtual machine that this runs in.
    ManagedIdentity {
        /// Client id of a user-assigned identity; the system-assigned one if `None`.
        client_id: Option<String>,
    },
    /// A federated token from a file, as Kubernetes gives out.
    WorkloadIdentity,
    /// An application with a secret.
    ClientSecret {
        /// Directory (tenant) id.
        tenant_id: String,
        /// Application (client) id.
        client_id: String,
        /// The application's secret.
        secret: Secret,
    },
    /// An application with a certificate.
    ClientCertificate {
        /// Directory (tenant) id.
        tenant_id: String,
        /// Application (client) id.
        client_id: String,
        /// A PEM file with the certificate and its RSA private key, not encrypted, in any order
        /// and with or without the chain. It is read for every token, so that a renewed
        /// certificate is picked up.
        certificate: PathBuf,
    },
    /// Whoever is signed in to the Azure CLI.
    AzureCli,
    /// Whoever is signed in to the Azure CLI or, failing that, to the Azure Developer CLI.
    DeveloperTools,
    /// One of the others, by what the environment holds: see [`Auth::settle`].
    Auto,
}

impl Auth {
    /// Reads the word of a configuration file: `managed-identity`, `workload-identity`,
    /// `client-secret`, `client-certificate`, `azure-cli`, `developer-tools` or `auto`. The ids
    /// and secrets that a word needs come from the environment, under the names that Azure's own
    /// tools use: `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`,
    /// `AZURE_CLIENT_CERTIFICATE_PATH`.
    pub fn parse(word: &str, environment: &Environment) -> Result<Auth, AuthError> {
        let needed = |word: &'static str, variable: &'static str| {
            let value = present(environment, variable).map(str::to_owned);
            value.ok_or(AuthError::Missing { variable, word })
        };
        match word.trim() {
            "managed-identity" => Ok(Auth::ManagedIdentity {
                client_id: present(environment, "AZURE_CLIENT_ID").map(str::to_owned),
            }),
            "workload-identity" => Ok(Auth::WorkloadIdentity),
            CLIENT_SECRET => Ok(Auth::ClientSecret {
                tenant_id: needed(CLIENT_SECRET, "AZURE_TENANT_ID")?,
                client_id: needed(CLIENT_SECRET, "AZURE_CLIENT_ID")?,
                secret: Secret::new(needed(CLIENT_SECRET, "AZURE_CLIENT_SECRET")?),
            }),
            CLIENT_CERTIFICATE => Ok(Auth::ClientCertificate {
                tenant_id: needed(CLIENT_CERTIFICATE, "AZURE_TENANT_ID")?,
                client_id: needed(CLIENT_CERTIFICATE, "AZURE_CLIENT_ID")?,
                certificate: needed(CLIENT_CERTIFICATE, "AZURE_CLIENT_CERTIFICATE_PATH")?.into(),
            }),
            "azure-cli" | "cli" => Ok(Auth::AzureCli),
            "developer-tools" => Ok(Auth::DeveloperTools),
            "auto" => Ok(Auth::Auto),
            other => Err(AuthError::UnknownWord(other.chars().take(40).collect())),
        }
    }

    /// Replaces `Auto` by what the environment calls for; anything else stays.
    ///
    /// `IDENTITY_ENDPOINT` is set where Azure offers a managed identity to an app;
    /// `AZURE_FEDERATED_TOKEN_FILE` where Kubernetes mounts a token; otherwise this is somebody's
    /// own machine.
    pub fn settle(self, environment: &Environment) -> Auth {
        match self {
            Auth::Auto if present(environment, "IDENTITY_ENDPOINT").is_some() => {
                Auth::ManagedIdentity {
                    client_id: present(environment, "AZURE_CLIENT_ID").map(str::to_owned),
                }
            }
            Auth::Auto if present(environment, "AZURE_FEDERATED_TOKEN_FILE").is_some() => {
                Auth::WorkloadIdentity
            }
            Auth::Auto => Auth::DeveloperTools,
            chosen => chosen,
        }
    }

    /// The credential for a cloud. It keeps its tokens and renews them before they end, so one
    /// is enough for a process. A TLS provider must be installed before.
    ///
    /// Applications sign in at the cloud's own address; for the public cloud
    /// `AZURE_AUTHORITY_HOST` may name another one (https).
    pub fn credential(
        self,
        cloud: Cloud,
        environment: &Environment,
    ) -> Result<Arc<dyn TokenCredential>, AuthError> {
        let authority = authority(cloud, environment).to_owned();
        let client_options = client_options(authority.clone());
        let credential: Arc<dyn TokenCredential> = match self.settle(environment) {
            Auth::ManagedIdentity { client_id } => {
                ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                    user_assigned_id: client_id.map(UserAssignedId::ClientId),
                    client_options,
                }))?
            }
            Auth::WorkloadIdentity => {
                let owned = |name| present(environment, name).map(str::to_owned);
                WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions { client_options },
                    client_id: owned("AZURE_CLIENT_ID"),
                    tenant_id: owned("AZURE_TENANT_ID"),
                    token_file_path: owned("AZURE_FEDERATED_TOKEN_FILE").map(PathBuf::from),
                }))?
            }
            Auth::ClientSecret {
                tenant_id,
                client_id,
                secret,
            } => ClientSecretCredential::new(
                &tenant_id,
                client_id,
                secret,
                Some(ClientSecretCredentialOptions { client_options }),
            )?,
            Auth::ClientCertificate {
                tenant_id,
                client_id,
                certificate,
            } => certificate::credential(
                &authority,
                tenant_id,
                client_id,
                certificate,
                client_options,
            )?,
            Auth::AzureCli => AzureCliCredential::new(None)?,
            Auth::DeveloperTools | Auth::Auto => DeveloperToolsCredential::new(None)?,
        };
        Ok(credential)
    }
}

fn present<'a>(environment: &'a Environment, name: &str) -> Option<&'a str> {
    let value = environment.get(name).map(|value| value.trim());
    value.filter(|value| !value.is_empty())
}

/// The address to sign in at. Azure's own tools let the variable replace the public cloud's only.
fn authority(cloud: Cloud, environment: &Environment) -> &str {
    let other = present(environment, "AZURE_AUTHORITY_HOST");
    other
        .filter(|_| cloud == Cloud::Public)
        .unwrap_or(cloud.authority())
}

fn client_options(authority: String) -> ClientOptions {
    // Always named: left to itself, the library would look at the process's variables.
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = authority;
    ClientOptions {
        cloud: Some(Arc::new(cloud.into())),
        ..ClientOptions::default()
    }
}

/// Why a way to sign in cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The text names no way to sign in.
    #[error(
        "`{0}` is not a way to sign in; expected managed-identity, workload-identity, \
         client-secret, client-certificate, azure-cli, developer-tools or auto"
    )]
    UnknownWord(String),
    /// A variable that the chosen way needs is not set.
    #[error("to sign in by {word}, set {variable}")]
    Missing {
        /// The environment variable.
        variable: &'static str,
        /// The chosen way.
        word: &'static str,
    },
    /// The certificate file cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The credential refuses its settings.
    #[error("the credential cannot be made")]
    Refused(#[from] azure_core::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[track_caller]
    fn settles(word: &str, pairs: &[(&str, &str)], expected: &str) {
        let environment = environment(pairs);
        let auth = Auth::parse(word, &environment)
            .unwrap()
            .settle(&environment);
        let found = format!("{auth:?}");
        assert_eq!(found, expected, "{word} with {pairs:?}");
    }

    #[test]
    fn auto_follows_the_environment() {
        let endpoint = ("IDENTITY_ENDPOINT", "http://127.0.0.1/msi");
        let file = ("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token");
        let client = ("AZURE_CLIENT_ID", "c");
        settles("auto", &[], "DeveloperTools");
        settles("auto", &[file, client], "WorkloadIdentity");
        settles(
            "auto",
            &[endpoint, file],
            "ManagedIdentity { client_id: None }",
        );
        settles(
            "auto",
            &[endpoint, client],
            "ManagedIdentity { client_id: Some(\"c\") }",
        );
        settles("auto", &[("IDENTITY_ENDPOINT", " ")], "DeveloperTools");
    }

    #[test]
    fn a_named_way_is_not_overruled() {
        let endpoint = ("IDENTITY_ENDPOINT", "http://127.0.0.1/msi");
        settles("azure-cli", &[endpoint], "AzureCli");
        settles("developer-tools", &[endpoint], "DeveloperTools");
        settles("workload-identity", &[endpoint], "WorkloadIdentity");
        settles(
            "managed-identity",
            &[],
            "ManagedIdentity { client_id: None }",
        );
    }

    #[test]
    fn a_client_secret_needs_its_three_parts_and_is_not_shown() {
        let mut set = environment(&[("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c")]);
        let error = Auth::parse("client-secret", &set).unwrap_err();
        assert!(error.to_string().contains("AZURE_CLIENT_SECRET"));
        set.insert("AZURE_CLIENT_SECRET".to_owned(), "hunter2".to_owned());
        let auth = Auth::parse("client-secret", &set).unwrap();
        assert!(!format!("{auth:?}").contains("hunter2"));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let credential = auth.credential(Cloud::UsGovernment, &set).unwrap();
        assert!(!format!("{credential:?}").contains("hunter2"));
    }

    #[test]
    fn a_client_certificate_needs_its_three_parts_and_its_file() {
        let mut set = environment(&[("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c")]);
        let error = Auth::parse("client-certificate", &set).unwrap_err();
        assert_eq!(
            error.to_string(),
            "to sign in by client-certificate, set AZURE_CLIENT_CERTIFICATE_PATH"
        );
        let path = "/nowhere/certificate.pem";
        set.insert("AZURE_CLIENT_CERTIFICATE_PATH".to_owned(), path.to_owned());
        let auth = Auth::parse("client-certificate", &set).unwrap();
        let error = auth.credential(Cloud::Public, &set).unwrap_err();
        assert!(matches!(error, AuthError::Certificate(_)), "{error:?}");
        assert!(error.to_string().contains(path), "{error}");
    }

    #[test]
    fn only_the_public_cloud_signs_in_elsewhere() {
        let moved = environment(&[("AZURE_AUTHORITY_HOST", "https://login.contoso.example")]);
        let none = Environment::new();
        for (cloud, environment, expected) in [
            (Cloud::Public, &none, "https://login.microsoftonline.com"),
            (Cloud::Public, &moved, "https://login.contoso.example"),
            (
                Cloud::UsGovernment,
                &moved,
                "https://login.microsoftonline.us",
            ),
            (Cloud::China, &moved, "https://login.chinacloudapi.cn"),
        ] {
            assert_eq!(authority(cloud, environment), expected, "{cloud}");
            let auth = Auth::ClientSecret {
                tenant_id: "t".to_owned(),
                client_id: "c".to_owned(),
                secret: Secret::new("s"),
            };
            let _ = rustls::crypto::ring::default_provider().install_default();
            let credential = auth.credential(cloud, environment).unwrap();
            let shown = format!("{credential:?}");
            let host = expected.strip_prefix("https://").unwrap();
            assert!(shown.contains(host), "{shown}");
        }
    }

    #[test]
    fn an_unknown_word_is_named() {
        let error = Auth::parse("magic", &Environment::new()).unwrap_err();
        assert!(error.to_string().contains("`magic`"));
    }
}
