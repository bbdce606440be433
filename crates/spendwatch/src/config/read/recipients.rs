//! `[recipients]`: what is known of the people who are told.

use std::collections::BTreeMap;

use crate::config::Recipient;
use crate::config::reader::Table;

/// Reads the table of one file into `recipients`, which has those of the files before.
pub(super) fn read_recipients(root: &Table<'_>, recipients: &mut BTreeMap<String, Recipient>) {
    let Some(table) = root.get("recipients").and_then(|value| value.table()) else {
        return;
    };
    for (name, _, value) in table.entries() {
        let address = alert_channels::email::address_of(name);
        let address = address.filter(|address| name.eq_ignore_ascii_case(address));
        if address.is_none() {
            value.note(format!(
                "`{name}` is not a plain mail address; expected [recipients.\"anna@contoso.example\"]"
            ));
        }
        let Some(table) = value.table() else { continue };
        let language = table.get("language").and_then(|value| value.parse());
        table.finish();
        let Some(address) = address else { continue };
        if recipients.insert(address, Recipient { language }).is_some() {
            value.note("this recipient is there already, in other letters or in another file");
        }
    }
}
