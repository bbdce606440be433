//! Whether two JSON texts mean the same to Azure.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::json::Json;

/// Fields that Azure fills in and nobody can write.
const READ_ONLY: &[&str] = &[
    "id",
    "name",
    "type",
    "systemdata",
    "properties.currentspend",
    "properties.forecastspend",
    "properties.nextruntimeestimate",
    "properties.runhistory",
    "properties.systemsuspensioncontext",
    "properties.createdon",
    "properties.modifiedon",
    "properties.currency",
    "properties.daterange",
    "identity.principalid",
    "identity.tenantid",
];

/// The fields that we write, of all kinds of bodies, in lower case.
const KNOWN: &[&str] = &[
    // Of every resource, and of budgets.
    "etag",
    "identity",
    "kind",
    "location",
    "name",
    "properties",
    "type",
    "amount",
    "and",
    "category",
    "contactemails",
    "contactgroups",
    "contactroles",
    "dimensions",
    "enabled",
    "enddate",
    "filter",
    "frequency",
    "locale",
    "not",
    "notifications",
    "operator",
    "startdate",
    "tags",
    "threshold",
    "thresholdtype",
    "timegrain",
    "timeperiod",
    "values",
    // Of queries, forecasts and views.
    "accumulated",
    "aggregation",
    "chart",
    "columns",
    "configuration",
    "dataset",
    "direction",
    "displayname",
    "from",
    "function",
    "granularity",
    "grouping",
    "includeactualcost",
    "includefreshpartialcost",
    "kpis",
    "metric",
    "or",
    "pivots",
    "query",
    "scope",
    "sorting",
    "timeframe",
    "to",
    // Of exports.
    "compressionmode",
    "container",
    "dataoverwritebehavior",
    "dataversion",
    "definition",
    "deliveryinfo",
    "destination",
    "exportdescription",
    "filters",
    "format",
    "partitiondata",
    "recurrence",
    "recurrenceperiod",
    "resourceid",
    "rootfolderpath",
    "schedule",
    "status",
    "storageaccount",
    "value",
    // Of scheduled actions and dismissed alerts.
    "dayofmonth",
    "daysofweek",
    "filedestination",
    "fileformats",
    "hourofday",
    "language",
    "message",
    "notification",
    "notificationemail",
    "regionalformat",
    "subject",
    "viewid",
    "weeksofmonth",
    // Of reports and of the documents of invoices.
    "billingperiod",
    "customerid",
    "documentname",
    "end",
    "invoiceid",
    "invoicename",
    "start",
];

/// Fields that say, when they are missing, what we say of our own accord.
const DEFAULTS: &[(&str, &str)] = &[
    ("properties.category", "cost"),
    ("includeactualcost", "true"),
    ("includefreshpartialcost", "true"),
    ("metric", "actualcost"),
];

/// The first difference of what was sent from what was to be said; a thing that was read before
/// need not say what only Azure fills in. Fields that the reference does not know are not ours to
/// write.
pub(crate) fn difference(sent: &Json, meant: &Json, was_read: bool) -> Option<String> {
    Compare { was_read }.values(sent, meant, "")
}

struct Compare {
    was_read: bool,
}

impl Compare {
    fn values(&self, sent: &Json, meant: &Json, place: &str) -> Option<String> {
        match (sent, meant) {
            (Json::Object(_), Json::Object(_)) => self.objects(sent, meant, place),
            (Json::List(ours), Json::List(theirs)) if ours.len() == theirs.len() => {
                let pairs = ours.iter().zip(theirs).enumerate();
                let mut found = pairs.map(|(index, (ours, theirs))| {
                    self.values(ours, theirs, &format!("{place}[{index}]"))
                });
                found.find_map(|difference| difference)
            }
            _ if same(sent, meant) => None,
            _ => Some(format!("`{place}` is sent as {sent}, not as {meant}")),
        }
    }

    fn objects(&self, sent: &Json, meant: &Json, place: &str) -> Option<String> {
        let below = |key: &str| match place {
            "" => key.to_ascii_lowercase(),
            _ => format!("{place}.{}", key.to_ascii_lowercase()),
        };
        for (key, theirs) in meant.fields() {
            let place = below(key);
            if self.was_read && READ_ONLY.contains(&&*place) {
                continue;
            }
            match sent.get(key) {
                Some(ours) => {
                    let difference = self.values(ours, theirs, &place);
                    if difference.is_some() {
                        return difference;
                    }
                }
                None if is_nothing(theirs) || !is_known(&place, theirs) => {}
                None => return Some(format!("`{place}` is not sent; it is {theirs}")),
            }
        }
        for (key, ours) in sent.fields() {
            let place = below(key);
            let is_default = || {
                let said = ours.text().unwrap_or_default().to_ascii_lowercase();
                DEFAULTS.contains(&(&*place, &*said))
            };
            if meant.get(key).is_none() && !is_nothing(ours) && !is_default() {
                return Some(format!("`{place}` is sent as {ours}, which nobody said"));
            }
        }
        None
    }
}

/// Whether the reference has a place for a field; the names of objects in maps are anybody's.
fn is_known(place: &str, value: &Json) -> bool {
    let (above, key) = place.rsplit_once('.').unwrap_or(("", place));
    let is_name = above.ends_with("notifications") || above.ends_with("aggregation");
    match is_name {
        true => !value.fields().is_empty(),
        false => KNOWN.contains(&key),
    }
}

/// Missing, null and empty are alike.
fn is_nothing(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::Text(text) => text.trim().is_empty(),
        Json::List(items) => items.is_empty(),
        Json::Object(fields) => fields.iter().all(|(_, value)| is_nothing(value)),
        Json::Truth(_) | Json::Number(_) => false,
    }
}

/// Numbers by value, moments as such, and text in any letter case; paths with a slash in front or
/// without.
fn same(ours: &Json, theirs: &Json) -> bool {
    if is_nothing(ours) && is_nothing(theirs) {
        return true;
    }
    if let (Some(ours), Some(theirs)) = (ours.number(), theirs.number()) {
        return ours == theirs;
    }
    let (Some(ours), Some(theirs)) = (ours.text(), theirs.text()) else {
        return false;
    };
    if let (Some(ours), Some(theirs)) = (moment(&ours), moment(&theirs)) {
        return ours == theirs;
    }
    let plain = |text: &str| text.trim_start_matches('/').to_ascii_lowercase();
    plain(&ours) == plain(&theirs)
}

fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    let local = text.parse::<DateTime>().ok();
    let day = || Some(text.parse::<Date>().ok()?.to_datetime(Time::midnight()));
    let local = local.or_else(day)?;
    Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
}
