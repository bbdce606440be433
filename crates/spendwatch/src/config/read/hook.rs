//! `hook` in `[native]`: whose tokens the hook for Azure's alerts takes.

use azure_cost::Cloud;
use url::Url;

use crate::config::native::Hook;
use crate::config::reader::Value;

/// The application role that Microsoft's guide to secure webhooks gives to action groups.
const ROLE: &str = "ActionGroupsSecureWebhook";
/// Client id of Microsoft's application that posts for action groups, the same in every tenant.
const ACTION_GROUPS: &str = "461e8683-5575-4561-ac7f-899cc907d62a";

pub(super) fn read_hook(value: &Value<'_>, cloud: Cloud) -> Option<Hook> {
    let table = value.table()?;
    let tenant = table
        .require(
            "tenant",
            "tenant = \"00000000-0000-0000-0000-000000000000\"",
        )
        .and_then(|value| read_guid(&value));
    let audience = table
        .require("audience", "audience = \"api://spendwatch\"")
        .and_then(|value| value.text());
    let role = table.get("role").and_then(|value| value.text());
    let callers = table.get("callers").map(|list| {
        let callers = list.list();
        if callers.is_empty() {
            list.note("it would let nobody call; leave it out for Microsoft's action groups");
        }
        callers.iter().filter_map(read_guid).collect::<Vec<_>>()
    });
    let authority = table
        .get("authority")
        .and_then(|value| read_authority(&value));
    table.finish();
    Some(Hook {
        tenant: tenant?,
        audience: audience?.to_owned(),
        role: role.unwrap_or(ROLE).to_owned(),
        callers: callers.unwrap_or_else(|| vec![ACTION_GROUPS.to_owned()]),
        authority: authority.unwrap_or_else(|| authority_of(cloud)),
    })
}

fn authority_of(cloud: Cloud) -> Url {
    let address = match cloud {
        Cloud::UsGovernment => "https://login.microsoftonline.us",
        Cloud::China => "https://login.partner.microsoftonline.cn",
        Cloud::Public => "https://login.microsoftonline.com",
    };
    address.parse().expect("the address of a cloud is a URL")
}

/// A GUID in lower case: tokens name tenants and applications by theirs.
fn read_guid(value: &Value<'_>) -> Option<String> {
    let text = value.text()?.to_ascii_lowercase();
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    let is_hex = |c: char| c.is_ascii_hexdigit() || c == '-';
    if lengths == [8, 4, 4, 4, 12] && text.chars().all(is_hex) {
        return Some(text);
    }
    value.note(format!(
        "`{text}` is not an id; expected 32 hexadecimal digits such as \
         00000000-0000-0000-0000-000000000000"
    ));
    None
}

fn read_authority(value: &Value<'_>) -> Option<Url> {
    let url: Url = value.parse()?;
    let is_local = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    if url.scheme() == "https" || (url.scheme() == "http" && is_local) {
        return Some(url);
    }
    value.note("expected an address with https://, such as https://login.microsoftonline.com");
    None
}
