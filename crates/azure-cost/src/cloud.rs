//! Azure's clouds and the address that a client talks to.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// An Azure cloud: each has its own hosts and its own sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Cloud {
    /// Azure, worldwide.
    #[default]
    Public,
    /// Azure for the government of the United States.
    UsGovernment,
    /// Azure in China, run by 21Vianet.
    China,
}

impl Cloud {
    /// All clouds.
    pub const ALL: [Cloud; 3] = [Cloud::Public, Cloud::UsGovernment, Cloud::China];

    /// The word used in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Cloud::Public => "public",
            Cloud::UsGovernment => "us-government",
            Cloud::China => "china",
        }
    }

    /// Base address of Azure Resource Manager.
    pub fn resource_manager(self) -> &'static str {
        match self {
            Cloud::Public => "https://management.azure.com",
            Cloud::UsGovernment => "https://management.usgovcloudapi.net",
            Cloud::China => "https://management.chinacloudapi.cn",
        }
    }

    /// Base address of Microsoft Entra, where applications sign in.
    pub(crate) fn authority(self) -> &'static str {
        match self {
            Cloud::Public => "https://login.microsoftonline.com",
            Cloud::UsGovernment => "https://login.microsoftonline.us",
            Cloud::China => "https://login.chinacloudapi.cn",
        }
    }

    /// What a token for Azure Resource Manager is asked for.
    pub fn token_scope(self) -> &'static str {
        match self {
            Cloud::Public => "https://management.azure.com/.default",
            Cloud::UsGovernment => "https://management.usgovcloudapi.net/.default",
            Cloud::China => "https://management.chinacloudapi.cn/.default",
        }
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Cloud {
    type Err = UnknownCloud;

    fn from_str(text: &str) -> Result<Self, UnknownCloud> {
        Cloud::ALL
            .into_iter()
            .find(|cloud| cloud.as_str().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| UnknownCloud(text.chars().take(40).collect()))
    }
}

/// The text names no cloud.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a cloud; expected public, us-government or china")]
pub struct UnknownCloud(String);

/// Where requests go and what the token for them is asked for.
///
/// ```
/// use azure_cost::{Cloud, Endpoint};
/// assert!(Endpoint::at("http://127.0.0.1:7071", Cloud::Public).is_ok());
/// assert!(Endpoint::at("http://example.com", Cloud::Public).is_err(), "tokens need TLS");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    base: Url,
    token_scope: &'static str,
}

impl Endpoint {
    /// Azure Resource Manager of a cloud.
    pub fn of(cloud: Cloud) -> Endpoint {
        Endpoint {
            base: Url::parse(cloud.resource_manager()).expect("the clouds' addresses are URLs"),
            token_scope: cloud.token_scope(),
        }
    }

    /// Another address that speaks the same APIs: https, or http on this machine only.
    pub fn at(base: &str, cloud: Cloud) -> Result<Endpoint, EndpointError> {
        // A query may hold a key, and what stands before an @ a password.
        let shown = base.split(['?', '#']).next().unwrap_or_default();
        let shown = shown.rsplit('@').next().unwrap_or_default();
        let fail = |problem| EndpointError {
            given: shown.chars().take(200).collect(),
            problem,
        };
        let parsed = Url::parse(base.trim()).map_err(|_| fail("it is not a URL"))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(fail("it holds a user name"));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(fail("it has a query or a fragment"));
        }
        match parsed.scheme() {
            "https" => {}
            "http" if is_loopback(&parsed) => {}
            "http" => return Err(fail("http is for this machine only")),
            _ => return Err(fail("it is neither https nor http")),
        }
        Ok(Endpoint {
            base: parsed,
            token_scope: cloud.token_scope(),
        })
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    pub(crate) fn token_scope(&self) -> &'static str {
        self.token_scope
    }

    /// The URL of a path below the base. `path` starts with a slash; what is odd in it is
    /// percent-encoded, and colons stay, as Azure wants them.
    pub(crate) fn join(&self, path: &str, query: &str) -> Url {
        let mut url = self.base.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}{path}"));
        url.set_query(Some(query));
        url
    }
}

/// Whether a URL's host is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The text is no address to send requests to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not an endpoint: {problem}; expected https://…, or http:// on loopback")]
pub struct EndpointError {
    given: String,
    problem: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clouds_have_their_own_hosts_and_audiences() {
        for cloud in Cloud::ALL {
            assert_eq!(cloud.as_str().parse(), Ok(cloud));
            assert_eq!(
                cloud.token_scope(),
                format!("{}/.default", cloud.resource_manager())
            );
            assert_eq!(Endpoint::of(cloud).token_scope(), cloud.token_scope());
        }
        assert!("mars".parse::<Cloud>().is_err());
    }

    #[test]
    fn an_endpoint_is_https_or_this_machine() {
        for (base, fine) in [
            ("https://management.azure.com", true),
            ("https://gateway.example/azure/", true),
            ("http://localhost:8080", true),
            ("http://[::1]:8080", true),
            ("http://10.0.0.1", false),
            ("ftp://localhost", false),
            ("management.azure.com", false),
            ("https://host/?a=b", false),
        ] {
            assert_eq!(Endpoint::at(base, Cloud::Public).is_ok(), fine, "{base}");
        }
        for base in [
            "https://me:hunter2@host/",
            "https://me:hunter2@ho st/",
            "https://host/?sig=hunter2",
            "https://ho st/?sig=hunter2",
            "https://host/#hunter2",
        ] {
            let error = Endpoint::at(base, Cloud::Public).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn paths_go_below_the_base_and_colons_stay() {
        let endpoint = Endpoint::at("https://gateway.example/azure/", Cloud::Public).unwrap();
        let url = endpoint.join(
            "/providers/X/billingAccounts/1:2_2019-05-31",
            "a=b c&$top=1",
        );
        assert_eq!(
            url.as_str(),
            "https://gateway.example/azure/providers/X/billingAccounts/1:2_2019-05-31?a=b%20c&$top=1"
        );
    }
}
