//! What each function is called by, whom it lets in, and what the host is told.

use serde_json::{Value as Json, json};

use super::functions::functions;
use super::local;
use super::settings::settings_of;
use super::values::exact;
use crate::finding::{Finding, nearest};
use crate::project::Project;
use crate::stack::Stack;

/// What calls a function.
#[derive(Debug, Clone, Copy)]
enum Trigger {
    /// A request with one of these methods, of whoever has a key.
    WithKey(&'static [&'static str]),
    /// The same of anybody: the function checks by itself what it shows or does.
    Anybody(&'static [&'static str]),
    /// A schedule, and that a time is made up for at which no instance was there.
    Timer(&'static str),
    /// A schedule without that: the next time is soon.
    Ticks(&'static str),
    /// A message in a queue.
    Queue(&'static str),
}

use Trigger::{Anybody, Queue, Ticks, Timer, WithKey};

/// Every function. Whoever adds one or opens one says so here, too.
const TRIGGERS: [(&str, Trigger); 21] = [
    ("acknowledge", WithKey(&["post"])),
    ("actions", WithKey(&["get"])),
    ("alerts", WithKey(&["get"])),
    // The links in notices are signed.
    ("answer", Anybody(&["get", "head", "post"])),
    ("apply", WithKey(&["post"])),
    ("approve-action", Anybody(&["get", "post"])),
    ("check", WithKey(&["get"])),
    ("deliver-notices", Queue("deliveries")),
    ("deliveries", WithKey(&["get"])),
    ("evaluate", WithKey(&["post"])),
    ("evaluate-budgets", Timer("%EVALUATE_SCHEDULE%")),
    ("evaluate-scope", Queue("evaluations")),
    ("explain", WithKey(&["get"])),
    ("export-arrived", Queue("exports")),
    // Tells nothing but whether it works.
    ("health", Anybody(&["get"])),
    ("native-alert", WithKey(&["post"])),
    ("plan", WithKey(&["get"])),
    ("silences", WithKey(&["get", "post", "delete"])),
    ("status", WithKey(&["get"])),
    // Every minute: what waits is not to wait longer than that.
    ("sweep", Ticks("0 * * * * *")),
    ("sync-budgets", Timer("%SYNC_SCHEDULE%")),
];

impl Trigger {
    /// What the bindings say, by the names that the handler reads and writes.
    fn bindings(self, function: &str) -> Vec<Json> {
        let http = |level: &str, methods: &[&str]| {
            vec![
                json!({ "type": "httpTrigger", "direction": "in", "name": "req",
                    "authLevel": level, "methods": methods, "route": function }),
                json!({ "type": "http", "direction": "out", "name": "res" }),
            ]
        };
        let timer = |schedule: &str, is_made_up: bool| {
            vec![
                json!({ "type": "timerTrigger", "direction": "in", "name": "tick",
                    "schedule": schedule, "useMonitor": is_made_up, "runOnStartup": false }),
            ]
        };
        match self {
            WithKey(methods) => http("function", methods),
            Anybody(methods) => http("anonymous", methods),
            Timer(schedule) => timer(schedule, true),
            Ticks(schedule) => timer(schedule, false),
            Queue(queue) => vec![
                json!({ "type": "queueTrigger", "direction": "in", "name": "message",
                    "queueName": queue, "connection": "AzureWebJobsStorage" }),
            ],
        }
    }
}

/// Every function has the trigger and the outputs that it is meant to have.
pub fn triggers(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, text) in project.files("function-definitions/", "/function.json") {
        // What is not JSON is said by `routes`.
        let definition: Json = serde_json::from_str(text).unwrap_or_default();
        known_keys(file, &definition, &FUNCTION_KEYS, &mut findings);
    }
    for function in functions(project, &mut Vec::new()) {
        let Some((name, trigger)) = TRIGGERS.iter().find(|(name, _)| *name == function.name) else {
            let similar = nearest(&function.name, TRIGGERS.iter().map(|(name, _)| *name));
            let message = format!("nothing says what is to call {}{similar}", function.name);
            findings.push(Finding::of_file(&function.file, message));
            continue;
        };
        let wanted = trigger.bindings(name);
        let none = Vec::new();
        let bindings = function.bindings.as_array().unwrap_or(&none);
        if bindings.len() != wanted.len() {
            let message = format!(
                "there are {} bindings, and {} are needed",
                bindings.len(),
                wanted.len()
            );
            findings.push(Finding::of_file(&function.file, message));
        }
        for (at, (binding, wanted)) in bindings.iter().zip(&wanted).enumerate() {
            for (key, value) in wanted.as_object().into_iter().flatten() {
                if binding[key] != *value {
                    let message = format!(
                        "bindings[{at}].{key} is {}, and {value} is needed",
                        binding[key]
                    );
                    findings.push(Finding::of_file(&function.file, message));
                }
            }
        }
    }
    findings
}

/// What a `function.json` is made of. The host passes over what it does not know.
const FUNCTION_KEYS: [&str; 17] = [
    "authLevel",
    "bindings",
    "connection",
    "delayInterval",
    "direction",
    "maxRetryCount",
    "methods",
    "name",
    "queueName",
    "retry",
    "route",
    "runOnStartup",
    "schedule",
    "strategy",
    "type",
    "useMonitor",
    "disabled",
];

/// What `host.json` is made of.
const HOST_KEYS: [&str; 28] = [
    "applicationInsights",
    "arguments",
    "batchSize",
    "customHandler",
    "default",
    "defaultExecutablePath",
    "description",
    "excludedTypes",
    "extensionBundle",
    "extensions",
    "functionTimeout",
    "http",
    "id",
    "isEnabled",
    "logLevel",
    "logging",
    "maxConcurrentRequests",
    "maxDequeueCount",
    "maxOutstandingRequests",
    "maxPollingInterval",
    "messageEncoding",
    "newBatchThreshold",
    "queues",
    "routePrefix",
    "samplingSettings",
    "version",
    "visibilityTimeout",
    "workingDirectory",
];

/// Keys whose values are times, `hh:mm:ss`.
const TIMES: [&str; 4] = [
    "delayInterval",
    "functionTimeout",
    "maxPollingInterval",
    "visibilityTimeout",
];

/// Every key is known, and times are times.
fn known_keys(file: &str, json: &Json, known: &[&str], findings: &mut Vec<Finding>) {
    for item in json.as_array().into_iter().flatten() {
        known_keys(file, item, known, findings);
    }
    for (key, value) in json.as_object().into_iter().flatten() {
        if !known.contains(&key.as_str()) {
            let similar = nearest(key, known.iter().copied());
            let message = format!("the host knows no {key}{similar}");
            findings.push(Finding::of_file(file, message));
        }
        let parts: Vec<&str> = value.as_str().unwrap_or_default().split(':').collect();
        let is_number = |part: &&str| part.len() == 2 && part.parse::<u32>().is_ok();
        if TIMES.contains(&key.as_str()) && !(parts.len() == 3 && parts.iter().all(is_number)) {
            let message = format!("{key} is {value}, which is no time: hh:mm:ss");
            findings.push(Finding::of_file(file, message));
        }
        known_keys(file, value, known, findings);
    }
}

/// What `host.json` says that nobody else checks, and why. A list is what is in the text at least.
const HOST: [(&str, Wanted, &str); 5] = [
    (
        "/extensions/http/routePrefix",
        Wanted::Text("api"),
        "addresses are written with it",
    ),
    (
        "/extensions/queues/maxDequeueCount",
        Wanted::Number(5),
        "the runbook and the rule about poison messages say five attempts",
    ),
    (
        "/logging/logLevel/default",
        Wanted::Text("Information"),
        "the queries of alert rules read lines of that level",
    ),
    (
        "/logging/applicationInsights/samplingSettings/isEnabled",
        Wanted::Bool(true),
        "what is excluded counts only then",
    ),
    (
        "/logging/applicationInsights/samplingSettings/excludedTypes",
        Wanted::Words(&["Request", "Exception", "Trace"]),
        "rules count them, and a sample would be counted short",
    ),
];

#[derive(Debug, Clone, Copy)]
enum Wanted {
    Bool(bool),
    Number(u64),
    Text(&'static str),
    /// All of them, divided by semicolons.
    Words(&'static [&'static str]),
}

/// `host.json` says what the rest of the deployment counts on.
pub fn host(project: &Project) -> Vec<Finding> {
    const FILE: &str = "host.json";
    let mut findings = Vec::new();
    let host: Json = match serde_json::from_str(project.text(FILE).unwrap_or_default()) {
        Ok(host) => host,
        Err(error) => return vec![Finding::of_file(FILE, format!("not JSON: {error}"))],
    };
    known_keys(FILE, &host, &HOST_KEYS, &mut findings);
    for (place, wanted, why) in HOST {
        let value = host.pointer(place).cloned().unwrap_or_default();
        let (is_right, wanted) = match wanted {
            Wanted::Bool(wanted) => (value == wanted, wanted.to_string()),
            Wanted::Number(wanted) => (value == wanted, wanted.to_string()),
            Wanted::Text(wanted) => (value == wanted, wanted.to_owned()),
            Wanted::Words(wanted) => {
                let words: Vec<&str> = value.as_str().unwrap_or_default().split(';').collect();
                (wanted.iter().all(|it| words.contains(it)), wanted.join(";"))
            }
        };
        if !is_right {
            let message = format!("{place} is {value}, and {wanted} is needed: {why}");
            findings.push(Finding::of_file(FILE, message));
        }
    }
    findings
}

/// The schedules of timers are such, in function folders, in the defaults of a stack, and in the settings
/// for a local host.
pub fn schedules(project: &Project, stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let settings = settings_of(stack);
    let local_settings: Json =
        serde_json::from_str(project.text(local::FILE).unwrap_or_default()).unwrap_or_default();
    for function in functions(project, &mut Vec::new()) {
        for binding in function.bindings.as_array().into_iter().flatten() {
            let Some(schedule) = binding["schedule"].as_str() else {
                continue;
            };
            let Some(name) = schedule
                .strip_prefix('%')
                .and_then(|it| it.strip_suffix('%'))
            else {
                if let Err(why) = ncrontab(schedule) {
                    let message = format!("the schedule {schedule:?} is none: {why}");
                    findings.push(Finding::of_file(&function.file, message));
                }
                continue;
            };
            if let Some(text) = local_settings["Values"][name].as_str()
                && let Err(why) = ncrontab(text)
            {
                let message = format!("{name} {text:?} is no schedule: {why}");
                findings.push(Finding::of_file(local::FILE, message));
            }
            let Some((_, values)) = settings.get(name) else {
                // Said by `settings_of_functions`.
                continue;
            };
            for value in values {
                let parameter = stack.parameters.iter().find(|it| it.name == exact(value));
                let written = parameter
                    .and_then(|it| it.default.as_ref())
                    .unwrap_or(value);
                let checked = written.text().ok_or("it is not constant".to_owned());
                if let Err(why) = checked.and_then(ncrontab) {
                    let message = format!("{written} is no schedule for {name}: {why}");
                    findings.push(Finding::new(&written.place, message));
                }
            }
        }
    }
    findings
}

/// The six fields of a schedule: their names and ranges.
const FIELDS: [(&str, u32, u32); 6] = [
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 6),
];

/// Whether a text is a schedule as NCRONTAB takes it: six fields of numbers, ranges and steps.
fn ncrontab(text: &str) -> Result<(), String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Err(format!("it has {} fields and not 6", fields.len()));
    }
    for (field, (name, least, most)) in fields.iter().zip(FIELDS) {
        let number = |text: &str| -> Option<u32> {
            let number = text.parse().ok()?;
            (least..=most).contains(&number).then_some(number)
        };
        for part in field.split(',') {
            let (range, step) = part
                .split_once('/')
                .map_or((part, None), |(range, step)| (range, Some(step)));
            let is_range = match range.split_once('-') {
                _ if range == "*" => true,
                Some((from, to)) => {
                    matches!((number(from), number(to)), (Some(from), Some(to)) if from <= to)
                }
                None => number(range).is_some(),
            };
            let is_step =
                step.is_none_or(|it| it.parse::<u32>().is_ok_and(|it| (1..=most).contains(&it)));
            if !is_range || !is_step {
                return Err(format!("{part} is no {name} ({least} to {most})"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_have_six_fields_in_their_ranges() {
        for good in [
            "0 0 */4 * * *",
            "0 30 3 * * *",
            "0 * * * * *",
            "0 0 8-18/2 1,15 * 1-5",
        ] {
            assert_eq!(ncrontab(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("0 */4 * * *", "5 fields"),
            ("0 60 * * * *", "60 is no minute"),
            ("0 0 24 * * *", "24 is no hour"),
            ("0 0 0 0 * *", "0 is no day"),
            ("0 0 */0 * * *", "*/0 is no hour"),
            ("0 0 5-3 * * *", "5-3 is no hour"),
            ("often 0 0 * * *", "often is no second"),
        ] {
            assert!(ncrontab(bad).is_err_and(|it| it.contains(why)), "{bad}");
        }
    }
}
