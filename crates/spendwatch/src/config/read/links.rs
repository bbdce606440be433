//! `[links]`.

use std::path::Path;
use std::time::Duration;

use super::Draft;
use super::channels::read_secret;
use crate::config::Links;
use crate::config::reader::Table;

/// Longest time that a link is good for, in days: a quarter.
const LONGEST_DAYS: u32 = 92;
/// How long a link is good for if nothing else is said, in days.
const DAYS: u32 = 14;

pub(super) fn read_links(root: &Table<'_>, folder: &Path, draft: &mut Draft) {
    let Some(value) = root.get("links") else {
        return;
    };
    let Some(table) = value.table() else { return };
    if draft.links.is_some() {
        value.note("[links] is set in another file already");
    }
    draft.actions.has_key_table = true;
    let key = table.require("key", "key = { secret = \"LINK_KEY\" }");
    let key = key.and_then(|value| read_secret(&value, folder));
    let url = table.get("url").map(|value| {
        let url: url::Url = value.parse()?;
        if !alert_channels::is_safe_link(&url) || url.query().is_some() || url.fragment().is_some() {
            value.note(
                "expected the address of the functions, for example https://APP.azurewebsites.net/api",
            );
            return None;
        }
        Some(url)
    });
    let days = table.get("days");
    let days = days.map_or(Some(DAYS), |value| value.whole(1..=LONGEST_DAYS));
    table.finish();
    let (Some(key), Some(days)) = (key, days) else {
        return;
    };
    draft.links = Some(Links {
        key,
        url: url.flatten(),
        valid: Duration::from_secs(u64::from(days) * 86_400),
    });
}
