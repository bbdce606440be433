//! `[forecast]`: how far forecasts are believed.

use super::Draft;
use crate::config::reader::Table;

pub(super) fn read_forecast(root: &Table<'_>, draft: &mut Draft) {
    if let Some(value) = root.get("forecast")
        && let Some(table) = value.table()
    {
        if !draft.seen.insert("forecast") {
            value.note("[forecast] is set in another file already");
        }
        if let Some(holds) = table.get("hold_back").and_then(|value| value.flag()) {
            draft.forecast.hold_back = holds;
        }
        table.finish();
    }
}
