//! Deployment: whether this process has what it needs where it runs: settings, configuration, identity, rights,
//! storage, queues, channels, the time, and data that are not old. Nothing is told to anybody, and what is
//! written is removed.

use std::time::Duration;

use azure_cost::credentials::Auth;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use state_store::Error;

use super::check::{self, Level};
use crate::app::App;
use crate::environment::Environment;
use crate::live::Live;
use crate::settings;
use crate::sources::{http, native_connection};
use crate::{DELIVERIES, EVALUATIONS, EXPORTS};

/// How far the clock may be off: tokens are valid five minutes around, leases last for seconds.
const CLOCK_MAY_DIFFER: SignedDuration = SignedDuration::from_secs(60);
/// The longest that one look outside may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The queue that is tried.
const TRIED_QUEUE: &str = "checks";

/// One thing that a deployment needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// What: `identity`, `storage`, `channel.mail`.
    pub about: String,
    /// How it is.
    pub state: State,
    /// What was found; if it is not well, what to do.
    pub message: String,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, perhaps not as meant.
    Warning,
    /// Something does not work.
    Failed,
}

fn line(about: impl Into<String>, state: State, message: impl Into<String>) -> Line {
    Line {
        about: about.into(),
        state,
        message: message.into(),
    }
}

fn ok(about: impl Into<String>, message: impl Into<String>) -> Line {
    line(about, State::Ok, message)
}

/// Looks at everything, in the order in which it is needed.
pub async fn run(live: &Live) -> Vec<Line> {
    let environment = live.environment();
    let mut lines = of_settings(environment);
    let app = match live.app().await {
        Ok(app) => app,
        Err(error) => {
            lines.push(line("configuration", State::Failed, format!("{error:#}")));
            return lines;
        }
    };
    lines.push(of_configuration(live, &app));
    lines.push(of_identity(&app, environment).await);
    lines.extend(of_costs(&app).await);
    lines.push(of_storage(&app).await);
    lines.push(of_queue(&app).await);
    for queue in [EVALUATIONS, DELIVERIES, EXPORTS] {
        lines.push(of_poison(&app, queue).await);
    }
    lines.extend(of_channels(&app).await);
    lines.push(of_clock(&app).await);
    lines.extend(of_data(&app).await);
    lines
}

/// References that were not resolved, names that are misspelt, schedules of the wrong form.
fn of_settings(environment: &Environment) -> Vec<Line> {
    let mut lines = Vec::new();
    let variables = environment.variables();
    for (name, value) in variables {
        if value.trim().starts_with("@Microsoft.KeyVault(") {
            let message = format!(
                "{name} holds a Key Vault reference that was not resolved: check that the secret exists and that \
                 the app's identity has the role Key Vault Secrets User; the portal shows the reason beside the \
                 setting"
            );
            lines.push(line("settings", State::Failed, message));
        }
    }
    for (name, meant) in settings::unknown(variables.keys().map(String::as_str)) {
        let meant = meant.map_or_else(String::new, |meant| format!(": {meant} was perhaps meant"));
        lines.push(line(
            "settings",
            State::Warning,
            format!("nothing reads {name}{meant}"),
        ));
    }
    let is_hosted = environment.get("FUNCTIONS_WORKER_RUNTIME").is_some()
        || environment
            .get("AzureWebJobsStorage__blobServiceUri")
            .is_some();
    for name in ["EVALUATE_SCHEDULE", "SYNC_SCHEDULE"] {
        let fields = environment
            .get(name)
            .map(|text| text.split_whitespace().count());
        let message = match fields {
            Some(6) => continue,
            None if !is_hosted => continue,
            Some(count) => format!(
                "{name} has {count} fields and needs six, seconds first: 0 0 */4 * * * is every four hours"
            ),
            None => {
                format!("{name} is not set, so the host cannot index its function: 0 0 */4 * * *")
            }
        };
        lines.push(line("settings", State::Failed, message));
    }
    if lines.is_empty() {
        lines.push(ok("settings", "all are known and resolved"));
    }
    lines
}

fn of_configuration(live: &Live, app: &App) -> Line {
    let budgets = app.config().budgets.iter().count();
    match live.refused() {
        Some(refused) => line(
            "configuration",
            State::Failed,
            format!(
                "what lies at {} since {:.0} is not used, but the last good one with {budgets} {}: {}",
                refused.place,
                refused.since,
                if budgets == 1 { "budget" } else { "budgets" },
                refused.why
            ),
        ),
        None => match app.reads() {
            Ok(reads) => ok(
                "configuration",
                format!(
                    "budgets: {budgets}, and reads that serve them: {}",
                    reads.len()
                ),
            ),
            Err(problems) => line("configuration", State::Failed, problems.to_string()),
        },
    }
}

/// Who this process is in Azure.
async fn of_identity(app: &App, environment: &Environment) -> Line {
    let about = "identity";
    let connection = native_connection(Some(app.config()));
    if connection.auth == "none" {
        return ok(about, "the endpoint asks for no sign-in");
    }
    let signed_in = async {
        let auth = Auth::parse(&connection.auth, environment.variables())?;
        let credential = auth.credential(connection.cloud, environment.variables())?;
        let scope = connection.cloud.token_scope();
        anyhow::Ok(credential.get_token(&[scope], None).await?)
    };
    let needs_azure = app
        .config()
        .sources
        .iter()
        .any(|source| !matches!(source.kind, crate::config::SourceKind::Files { .. }));
    match tokio::time::timeout(PATIENCE, signed_in).await {
        Ok(Ok(token)) => ok(about, format!("signed in{}", claims(token.token.secret()))),
        _ if !needs_azure => ok(about, "none, and no source asks for one"),
        Ok(Err(error)) => line(
            about,
            State::Failed,
            format!(
                "signing in failed: {error:#}. Of a function app: attach the user-assigned identity and set \
                 AZURE_CLIENT_ID to its client id"
            ),
        ),
        Err(_) => line(
            about,
            State::Failed,
            "signing in took too long: is this a place where an identity can be had?",
        ),
    }
}

/// What a token says of its holder, without a check of its signature: it is ours, and shown to us.
fn claims(token: &str) -> String {
    let said = || -> Option<serde_json::Value> {
        let body = BASE64_URL_SAFE_NO_PAD
            .decode(token.split('.').nth(1)?)
            .ok()?;
        serde_json::from_slice(&body).ok()
    };
    let said = said().unwrap_or_default();
    let words = [
        ("appid", "client id"),
        ("oid", "object id"),
        ("tid", "tenant"),
    ];
    let words = words.iter().filter_map(|(claim, word)| {
        let value = said[*claim].as_str()?;
        Some(format!(", {word} {value}"))
    });
    words.collect()
}

/// Whether each scope can be read. Azure's own words say which right is missing.
async fn of_costs(app: &App) -> Vec<Line> {
    let findings = check::online(app).await;
    findings
        .into_iter()
        .map(|finding| {
            let state = match finding.level {
                Level::Note => State::Ok,
                Level::Warning => State::Warning,
                Level::Error => State::Failed,
            };
            line(
                format!("costs of {}", finding.about),
                state,
                finding.message,
            )
        })
        .collect()
}

/// A document is made, changed, kept from a stale change, and removed.
async fn of_storage(app: &App) -> Line {
    let about = "storage";
    let began = std::time::Instant::now();
    let documents = app.documents();
    let key = format!("checks/{}", app.now().as_nanosecond());
    let tried = async {
        let first = documents.create(&key, b"1".to_vec()).await?;
        let second = documents.replace(&key, b"2".to_vec(), &first).await?;
        let stale = documents.replace(&key, b"3".to_vec(), &first).await;
        documents.delete(&key, &second).await?;
        Ok::<_, Error>(stale)
    };
    match tokio::time::timeout(PATIENCE, tried).await {
        Ok(Ok(Err(Error::Moved { .. }))) => {
            let millis = began.elapsed().as_millis();
            ok(
                about,
                format!("reads, writes and keeps versions, in {millis} ms"),
            )
        }
        Ok(Ok(_)) => line(
            about,
            State::Failed,
            "a write with an old version went through, so two evaluations could undo each other: this store \
             cannot be used",
        ),
        Ok(Err(error)) => line(
            about,
            State::Failed,
            format!(
                "{error}. The identity needs the role Storage Blob Data Contributor or Owner on the account, and \
                 the account must be reached from here"
            ),
        ),
        Err(_) => line(about, State::Failed, "it did not answer in time"),
    }
}

/// A message is sent, received and removed.
async fn of_queue(app: &App) -> Line {
    let about = "queues";
    let queues = app.queues();
    let tried = async {
        queues.send(TRIED_QUEUE, "check", Duration::ZERO).await?;
        let messages = queues
            .receive(TRIED_QUEUE, 32, Duration::from_secs(30))
            .await?;
        for message in &messages {
            match queues.delete(TRIED_QUEUE, message).await {
                Ok(()) | Err(Error::Moved { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok::<_, Error>(messages.len())
    };
    match tokio::time::timeout(PATIENCE, tried).await {
        Ok(Ok(0)) => line(
            about,
            State::Warning,
            "a message was sent and not received at once; somebody else may have taken it",
        ),
        Ok(Ok(_)) => ok(about, "a message was sent, received and removed"),
        Ok(Err(error)) => line(
            about,
            State::Failed,
            format!(
                "{error}. The identity needs the role Storage Queue Data Contributor on the account"
            ),
        ),
        Err(_) => line(about, State::Failed, "they did not answer in time"),
    }
}

/// Messages that failed too often. They stay where they are.
async fn of_poison(app: &App, queue: &str) -> Line {
    let poison = format!("{queue}-poison");
    let about = format!("queue {poison}");
    let received = app.queues().receive(&poison, 32, Duration::from_secs(1));
    match tokio::time::timeout(PATIENCE, received).await {
        Ok(Ok(messages)) if messages.is_empty() => ok(about, "empty"),
        Ok(Ok(messages)) => line(
            about,
            State::Warning,
            format!(
                "holds {}{} messages that failed five times; the log says why, and the sweep has sent the work \
                 again since: clear the queue once the cause is mended",
                messages.len(),
                if messages.len() == 32 { " or more" } else { "" }
            ),
        ),
        Ok(Err(error)) => line(about, State::Failed, error.to_string()),
        Err(_) => line(about, State::Failed, "it did not answer in time"),
    }
}

/// Whether each channel's place can be reached.
async fn of_channels(app: &App) -> Vec<Line> {
    let looks = app.config().channels.keys().map(async |name| {
        let about = format!("channel.{name}");
        let channel = match app.channel(name) {
            Some(Ok(channel)) => channel,
            Some(Err(why)) => return line(about, State::Failed, why),
            None => return line(about, State::Failed, "it is not configured"),
        };
        let advice = format!("spendwatch probe {name} sends a test");
        match tokio::time::timeout(PATIENCE, channel.reach(app.now())).await {
            Ok(Some(Ok(()))) => ok(about, "reached"),
            Ok(Some(Err(failure))) => line(
                about,
                State::Failed,
                format!("not reached: {}; {advice}", failure.detail),
            ),
            Ok(None) => ok(about, format!("only a notice would tell: {advice}")),
            Err(_) => line(
                about,
                State::Failed,
                format!("it did not answer in time; {advice}"),
            ),
        }
    });
    futures::future::join_all(looks).await
}

/// How far the clock is from that of Azure Resource Manager, as its answers are dated.
async fn of_clock(app: &App) -> Line {
    let about = "clock";
    let connection = native_connection(Some(app.config()));
    let url = match &connection.endpoint {
        Some(endpoint) => endpoint.to_string(),
        None => connection.cloud.resource_manager().to_owned(),
    };
    let asked = async {
        let answer = http()?.head(url).send().await?;
        let date = answer.headers().get(reqwest::header::DATE);
        let text = date.and_then(|date| date.to_str().ok());
        let text = text.ok_or_else(|| anyhow::anyhow!("its answer has no date"))?;
        anyhow::Ok(jiff::fmt::rfc2822::parse(text)?.timestamp())
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(theirs)) => {
            let ours = Timestamp::now();
            let off = ours.duration_since(theirs).abs();
            let seconds = off.as_secs();
            if off > CLOCK_MAY_DIFFER {
                line(
                    about,
                    State::Failed,
                    format!(
                        "it differs from Azure's by {seconds} s: signatures and leases will fail; set it by a time \
                         server"
                    ),
                )
            } else {
                ok(about, format!("within {} s of Azure's", seconds.max(1)))
            }
        }
        _ => line(
            about,
            State::Warning,
            "Azure Resource Manager was not reached, so it cannot be compared",
        ),
    }
}

/// When budgets were evaluated last, and how old their data are.
async fn of_data(app: &App) -> Vec<Line> {
    let about = "data";
    let found = async { anyhow::Ok((app.pulse().await?, app.last_reports().await?)) };
    let (pulse, reports) = match found.await {
        Ok(found) => found,
        Err(error) => return vec![line(about, State::Failed, format!("{error:#}"))],
    };
    let Some(at) = pulse.last_evaluation else {
        return vec![line(
            about,
            State::Warning,
            "nothing was evaluated so far: POST /api/evaluate begins it, and the schedule does",
        )];
    };
    let mut lines = vec![match pulse.is_late {
        true => line(
            about,
            State::Failed,
            format!(
                "a read was last evaluated at {at:.0}, which is too long ago; the log says why"
            ),
        ),
        false => ok(about, format!("evaluated at {at:.0}")),
    }];
    for (budget, one) in &pulse.unevaluated {
        let message = format!("not evaluated since {:.0}: {}", one.since, one.why);
        lines.push(line(format!("budget.{budget}"), State::Failed, message));
    }
    let mut stale = 0;
    for status in reports.iter().filter_map(|report| report.status.as_ref()) {
        if status.data.stale {
            stale += 1;
            let message = format!(
                "no costs after {}, {} days ago: look whether the export runs and what the identity may read",
                status.data.last_day, status.data.age_days
            );
            lines.push(line(
                format!("budget.{}", status.budget),
                State::Warning,
                message,
            ));
        }
    }
    if stale == 0 {
        lines.push(ok(about, "no budget's data are older than usual"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_told_with_what_to_do() {
        let environment = |pairs: &[(&str, &str)]| -> Environment {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let said = |pairs: &[(&str, &str)]| -> Vec<String> {
            let lines = of_settings(&environment(pairs)).into_iter();
            lines.map(|line| line.message).collect()
        };
        assert_eq!(said(&[]), ["all are known and resolved"]);
        let wrong = said(&[
            (
                "SMTP_PASSWORD",
                "@Microsoft.KeyVault(SecretUri=https://v/secrets/s)",
            ),
            ("SPENDWATCH_STAET", "x"),
            ("EVALUATE_SCHEDULE", "0 */4 * * *"),
            (
                "AzureWebJobsStorage__blobServiceUri",
                "https://a.blob.core.windows.net",
            ),
        ]);
        let all = wrong.join("\n");
        for part in [
            "SMTP_PASSWORD holds a Key Vault reference that was not resolved",
            "nothing reads SPENDWATCH_STAET: SPENDWATCH_STATE was perhaps meant",
            "EVALUATE_SCHEDULE has 5 fields and needs six",
            "SYNC_SCHEDULE is not set",
        ] {
            assert!(all.contains(part), "{part}: {all}");
        }
        assert!(!all.contains("https://v"), "{all}");
    }

    #[test]
    fn a_token_tells_its_holder_and_nothing_else() {
        let body = r#"{"appid":"a-1","oid":"o-1","tid":"t-1","secret":"S"}"#;
        let token = format!("h.{}.s", BASE64_URL_SAFE_NO_PAD.encode(body));
        assert_eq!(claims(&token), ", client id a-1, object id o-1, tenant t-1");
        assert_eq!(claims("opaque"), "");
    }
}
