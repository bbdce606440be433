//! Where an HTTP channel may connect to.
//!
//! URLs of destinations are typed by people, and a function app has neighbors that trust whoever
//! reaches them: the host's own port on loopback, the identity endpoint, the platform address. So a
//! destination must be `https` on a public address, unless the operator lists its network in
//! [`Access`]. The check is made twice: on the host of the parsed URL, because an address written in
//! the URL never reaches the resolver, and on every address that the resolver returns, at the moment
//! of connecting, so that what was checked is what is used.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Where one destination may connect to. Set by the operator, not by whoever types the URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Private networks that are allowed for this destination, such as `10.1.2.0/24` for a chat
    /// server of one's own. Loopback only as single addresses (`127.0.0.1/32`), for tests and local
    /// development; link-local and platform addresses never.
    pub networks: Vec<IpNet>,
    /// Whether `http` is allowed, to addresses in `networks` only.
    pub plain_http: bool,
    /// Whether ports other than 443 (80 for `http`) are allowed.
    pub any_port: bool,
}

impl Access {
    /// Public addresses over `https` on port 443.
    pub fn public() -> Self {
        Access::default()
    }

    /// A server in networks of one's own, on any port, over `https` as well as `http`.
    pub fn private(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Access {
            networks: networks.into_iter().collect(),
            plain_http: true,
            any_port: true,
        }
    }

    /// Loopback and nothing else of what is forbidden, for tests and local development.
    pub fn loopback() -> Self {
        Access::private([
            IpNet::from(IpAddr::from(Ipv4Addr::LOCALHOST)),
            IpNet::from(IpAddr::from(Ipv6Addr::LOCALHOST)),
        ])
    }

    /// Whether only addresses of this machine are listed.
    pub(crate) fn is_this_machine(&self) -> bool {
        let is_own = |net: &IpNet| class(net.addr()) == AddressClass::Loopback;
        !self.networks.is_empty() && self.networks.iter().all(is_own)
    }

    /// Whether an address is listed, of those that may be listed at all.
    fn lists(&self, address: IpAddr) -> bool {
        match class(address) {
            AddressClass::Public | AddressClass::Private => {
                self.networks.iter().any(|net| net.contains(&address))
            }
            AddressClass::Loopback => self.networks.contains(&IpNet::from(address)),
            AddressClass::Never => false,
        }
    }

    /// Checks an address; `only_listed` also refuses public ones that are not listed.
    fn check(&self, address: IpAddr, only_listed: bool) -> Result<(), Refused> {
        let public = class(address) == AddressClass::Public && !only_listed;
        if public || self.lists(address) {
            Ok(())
        } else {
            Err(Refused::Address)
        }
    }
}

/// Why a destination is refused. Does not repeat the URL, which may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The scheme is not `https`, nor an allowed `http`.
    #[error("it must begin with https://")]
    Scheme,
    /// It carries a user name or password.
    #[error("it must not carry a user name or password")]
    UserInfo,
    /// It has no host.
    #[error("it has no host")]
    NoHost,
    /// The port is neither the usual one nor allowed.
    #[error("only port 443 is allowed")]
    Port,
    /// The name stands for this machine.
    #[error("the host name stands for this machine")]
    LocalName,
    /// The address is local, reserved or a platform address, and not allowed for this destination.
    #[error("the address is local or reserved and not allowed for this destination")]
    Address,
}

/// Checks a URL before anything is sent: scheme, port, user info, and the host if it is an address
/// or a name that is local by its form.
///
/// Returns whether the addresses behind its name must be listed in `access`.
pub fn check_url(url: &Url, access: &Access) -> Result<bool, Refused> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::UserInfo);
    }
    let only_listed = match url.scheme() {
        "https" => false,
        "http" if access.plain_http => true,
        _ => return Err(Refused::Scheme),
    };
    // `port` is `None` for the usual one of the scheme.
    if url.port().is_some() && !access.any_port {
        return Err(Refused::Port);
    }
    match url.host().ok_or(Refused::NoHost)? {
        Host::Ipv4(address) => access.check(address.into(), only_listed)?,
        Host::Ipv6(address) => access.check(address.into(), only_listed)?,
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            if name.is_empty() {
                return Err(Refused::NoHost);
            }
            if name == "localhost" || name.ends_with(".localhost") {
                return Err(Refused::LocalName);
            }
            if is_local_name(&name) {
                // Names of one's own network lead to listed addresses or nowhere.
                if access.networks.is_empty() {
                    return Err(Refused::LocalName);
                }
                return Ok(true);
            }
        }
    }
    Ok(only_listed)
}

fn is_local_name(name: &str) -> bool {
    const SUFFIXES: [&str; 6] = [
        ".internal",
        ".local",
        ".localdomain",
        ".lan",
        ".intranet",
        ".home.arpa",
    ];
    !name.contains('.') || SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AddressClass {
    Public,
    /// May be allowed by listing its network.
    Private,
    /// May be allowed by listing exactly this address.
    Loopback,
    Never,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

const PRIVATE_V4: [Ipv4Net; 4] = [
    v4(10, 0, 0, 0, 8),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
    // Carrier-grade NAT, which some virtual networks use.
    v4(100, 64, 0, 0, 10),
];

const NEVER_V4: [Ipv4Net; 11] = [
    v4(0, 0, 0, 0, 8),
    // Link-local, with the metadata service 169.254.169.254.
    v4(169, 254, 0, 0, 16),
    // Azure's platform address: in a public range, but answers only from inside.
    v4(168, 63, 129, 16, 32),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    // Reserved and broadcast.
    v4(240, 0, 0, 0, 4),
];

const NEVER_V6: [Ipv6Net; 13] = [
    // Unspecified, IPv4-compatible (loopback is told apart before).
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96),
    // IPv4-mapped.
    v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96),
    // IPv4-translated.
    v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96),
    // NAT64, well known and local.
    v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96),
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),
    // Discard.
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64),
    // Protocol assignments, with Teredo and ORCHID.
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    // Documentation.
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
    // 6to4.
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    // Segment routing.
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16),
    // Link-local and the old site-local.
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 9),
    // Multicast.
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
];

const UNIQUE_LOCAL: Ipv6Net = v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7);

fn class(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(address) if address.is_loopback() => AddressClass::Loopback,
        IpAddr::V4(address) if NEVER_V4.iter().any(|net| net.contains(&address)) => {
            AddressClass::Never
        }
        IpAddr::V4(address) if PRIVATE_V4.iter().any(|net| net.contains(&address)) => {
            AddressClass::Private
        }
        IpAddr::V6(address) if address.is_loopback() => AddressClass::Loopback,
        IpAddr::V6(address) if NEVER_V6.iter().any(|net| net.contains(&address)) => {
            AddressClass::Never
        }
        IpAddr::V6(address) if UNIQUE_LOCAL.contains(&address) => AddressClass::Private,
        _ => AddressClass::Public,
    }
}

/// How a name becomes addresses; replaced in tests.
pub(crate) type Lookup = Arc<
    dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> + Send + Sync,
>;

/// The system's resolver.
pub(crate) fn system_lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// A resolver that refuses a name when any of its addresses is forbidden: an honest name has no
/// reason to mix them.
pub(crate) struct GuardedResolver {
    pub(crate) access: Arc<Access>,
    pub(crate) only_listed: bool,
    pub(crate) lookup: Lookup,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let access = Arc::clone(&self.access);
        let only_listed = self.only_listed;
        let looking_up = (self.lookup)(name.as_str().to_owned());
        Box::pin(async move {
            let found = looking_up.await?;
            if found.is_empty() {
                return Err(
                    io::Error::new(io::ErrorKind::NotFound, "the name has no address").into(),
                );
            }
            for address in &found {
                access.check(*address, only_listed)?;
            }
            // Port 0 stands for the one of the URL.
            let addresses: Vec<SocketAddr> = found
                .into_iter()
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, access: &Access) -> Result<bool, Refused> {
        check_url(&Url::parse(url).unwrap(), access)
    }

    /// Spellings of addresses that must never be reached from the public.
    pub(crate) const LOCAL: [&str; 36] = [
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://①②⑦.⓪.⓪.①/",
        "https://0/",
        "https://[::]/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b:1::a00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
        "https://[fe80::1]/",
        "https://[fec0::1]/",
        "https://[fd00::1]/",
        "https://[ff02::1]/",
        "https://10.0.0.1/",
        "https://172.31.255.255/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/metadata/identity",
        "https://168.63.129.16/",
        "https://255.255.255.255/",
        "https://198.18.0.1/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://api.localhost/",
        "https://metadata.google.internal/",
        "https://printer.local/",
        "https://intranet/",
    ];

    #[test]
    fn every_spelling_of_a_local_address_is_refused() {
        for url in LOCAL {
            assert!(check(url, &Access::public()).is_err(), "{url}");
        }
        for url in [
            "https://hooks.contoso.example/x",
            "https://20.50.2.1/",
            "https://[2603:1020::1]/",
        ] {
            assert_eq!(check(url, &Access::public()), Ok(false), "{url}");
        }
    }

    #[test]
    fn schemes_ports_and_user_info_are_checked() {
        let public = Access::public();
        assert_eq!(
            check("http://contoso.example/", &public),
            Err(Refused::Scheme)
        );
        assert_eq!(
            check("ftp://contoso.example/", &public),
            Err(Refused::Scheme)
        );
        assert_eq!(
            check("https://contoso.example:8443/", &public),
            Err(Refused::Port)
        );
        assert_eq!(
            check("https://u@contoso.example/", &public),
            Err(Refused::UserInfo)
        );
        assert_eq!(
            check("https://:p@contoso.example/", &public),
            Err(Refused::UserInfo)
        );
        assert_eq!(check("https://contoso.example:443/", &public), Ok(false));
        let ported = Access {
            any_port: true,
            ..Access::public()
        };
        assert_eq!(check("https://contoso.example:8443/", &ported), Ok(false));
    }

    #[test]
    fn private_networks_can_be_listed() {
        let access = Access::private(["10.1.0.0/16".parse().unwrap()]);
        assert_eq!(check("http://10.1.2.3:8065/hooks/x", &access), Ok(true));
        assert_eq!(
            check("https://10.2.0.1/", &access),
            Err(Refused::Address),
            "another network"
        );
        assert_eq!(
            check("http://20.50.2.1/", &access),
            Err(Refused::Address),
            "plain http stays inside"
        );
        assert_eq!(
            check("https://chat.internal/", &access),
            Ok(true),
            "its addresses must be listed"
        );
        assert_eq!(
            check("https://localhost/", &access),
            Err(Refused::LocalName)
        );
    }

    #[test]
    fn loopback_must_be_named_exactly_and_platform_addresses_cannot_be() {
        let loopback = Access::loopback();
        assert_eq!(check("http://127.0.0.1:9/", &loopback), Ok(true));
        assert_eq!(check("http://[::1]:9/", &loopback), Ok(true));
        assert_eq!(
            check("http://127.0.0.2:9/", &loopback),
            Err(Refused::Address)
        );
        let all = Access::private(["0.0.0.0/0", "::/0"].map(|net| net.parse().unwrap()));
        for url in LOCAL {
            let allowed = check(url, &all).is_ok();
            let private = [
                "//10.",
                "//172.31",
                "//192.168",
                "//100.64",
                "//[fd00",
                ".internal",
                ".local/",
                "intranet",
            ];
            assert_eq!(
                allowed,
                private.iter().any(|part| url.contains(part)),
                "{url}"
            );
        }
        for never in ["169.254.169.254/32", "168.63.129.16/32", "0.0.0.0/32"] {
            let access = Access::private([never.parse().unwrap()]);
            let url = format!("https://{}/", never.trim_end_matches("/32"));
            assert_eq!(check(&url, &access), Err(Refused::Address), "{never}");
        }
    }
}
