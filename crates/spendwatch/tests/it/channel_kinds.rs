//! Channels of every kind as they are configured: read, opened, written to a folder, and routed to.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use alert_channels::{Kind, Message, SendResult};
use spendwatch::jobs::{self, check};
use spendwatch::{App, Config, ConfigError, Delivery, Environment, ManualClock, StateLocation};

use crate::support::*;

/// One channel of each kind, named like it.
const CHANNELS: &str = r#"
[channel.email]
kind = "email"
smtp = "smtp://relay.contoso.example"
from = "Cost alerts <cost@contoso.example>"
to = ["finops@contoso.example"]
[channel.acs-email]
kind = "acs-email"
endpoint = "https://contoso.europe.communication.azure.com"
auth = "azure-cli"
from = "cost@contoso.example"
to = ["finops@contoso.example", "lead@contoso.example"]
owner_domains = ["contoso.example"]
[channel.teams]
kind = "teams"
url = { secret = "HOOK" }
[channel.slack]
kind = "slack"
url = { secret = "HOOK" }
[channel.slack-bot]
kind = "slack-bot"
token = { secret = "BOT_TOKEN" }
channel = "C0123ABCD"
[channel.discord]
kind = "discord"
url = { secret = "HOOK" }
[channel.google-chat]
kind = "google-chat"
url = { secret = "HOOK" }
[channel.mattermost]
kind = "mattermost"
url = { secret = "CHAT" }
allow_networks = ["10.1.2.0/24"]
[channel.pagerduty]
kind = "pagerduty"
url = "https://events.eu.pagerduty.com/v2/enqueue"
routing_key = { secret = "ROUTING_KEY" }
[channel.jira]
kind = "jira"
api_key = { secret = "API_KEY" }
[channel.webhook]
kind = "webhook"
url = { secret = "HOOK" }
signing = [{ secret = "NEW_KEY" }, { secret = "OLD_KEY" }]
[channel.event-grid]
kind = "event-grid"
topic = "https://costs.westeurope-1.eventgrid.azure.net/api/events"
auth = "azure-cli"
source = "/spendwatch/contoso"
[channel.storage-queue]
kind = "storage-queue"
queue = "https://contoso.queue.core.windows.net/costs"
auth = "azure-cli"
"#;

fn text(rest: &str) -> String {
    format!(
        "version = 1\ncurrency = \"EUR\"\n{rest}\n[source]\nkind = \"files\"\npaths = [\"none.csv\"]\n"
    )
}

const BUDGET: &str = "[[budget]]\nid = \"payments\"\nscopes = [\"/subscriptions/a/resourceGroups/payments\"]\namount = 1000\n";

fn config(text: String) -> Result<Config, String> {
    match Config::parse(&[(PathBuf::from("spendwatch.toml"), text)]) {
        Ok(config) => Ok(config),
        Err(error @ ConfigError::Mistakes(_)) => Err(error.to_string()),
        Err(other) => panic!("{other}"),
    }
}

fn everything() -> Config {
    let budget = format!("{BUDGET}notify = [\"email\"]\n");
    config(text("") + CHANNELS + &budget).unwrap()
}

fn environment() -> Environment {
    [
        ("HOOK", "https://hooks.contoso.example/x"),
        ("CHAT", "http://10.1.2.3:8065/hooks/x"),
        ("BOT_TOKEN", "xoxb-1"),
        ("ROUTING_KEY", "0123456789abcdef0123456789abcdef"),
        ("API_KEY", "b7c1"),
        (
            "NEW_KEY",
            "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=",
        ),
        ("OLD_KEY", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

fn app(config: Config, environment: &Environment) -> App {
    spendwatch::install_crypto();
    App::new(config, environment, StateLocation::Memory).unwrap()
}

#[test]
fn channels_of_every_kind_are_read_and_opened() {
    let config = everything();
    let kinds: BTreeSet<Kind> = config
        .channels
        .values()
        .map(|one| one.kind.kind())
        .collect();
    assert_eq!(kinds, Kind::ALL.into_iter().collect());
    for (name, channel) in &config.channels {
        let kind = channel.kind.kind();
        assert_eq!(kind.as_str(), name);
        assert_eq!(channel.kind.mailing().is_some(), kind.has_recipients());
    }
    let app = app(config, &environment());
    for kind in Kind::ALL {
        let channel = app.channel(kind.as_str()).unwrap().unwrap();
        assert_eq!(channel.kind(), kind);
    }
}

#[test]
fn missing_secrets_are_named_by_check_and_so_is_what_receivers_need() {
    let about = |environment: &Environment, name: &str| -> Vec<String> {
        let findings = check::run(&app(everything(), environment));
        let about = format!("channel.{name}");
        let found = findings
            .into_iter()
            .filter(|finding| finding.about == about);
        found.map(|finding| finding.message).collect()
    };
    let none = Environment::default();
    for (name, variable) in [
        ("discord", "HOOK"),
        ("google-chat", "HOOK"),
        ("mattermost", "CHAT"),
        ("slack-bot", "BOT_TOKEN"),
        ("pagerduty", "ROUTING_KEY"),
        ("jira", "API_KEY"),
    ] {
        let found = about(&none, name);
        assert_eq!(
            found,
            [format!("the environment variable {variable} is not set")]
        );
        assert!(about(&environment(), name).is_empty());
    }
    let key = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
    let note = format!("receivers check its signatures with {key}");
    assert_eq!(about(&environment(), "webhook"), [note]);
    let shown = format!("{:?}", about(&environment(), "webhook"));
    assert!(!shown.contains("whsk_") && !shown.contains("whsec_"));
}

#[test]
fn secrets_that_have_the_wrong_form_are_reported_and_not_repeated() {
    for (variable, name, expected) in [
        ("BOT_TOKEN", "slack-bot", "xoxb-"),
        ("ROUTING_KEY", "pagerduty", "32 letters and digits"),
        ("NEW_KEY", "webhook", "signing secret 1 must be whsec_"),
        ("HOOK", "discord", "not a URL"),
    ] {
        let variables = environment().variables().clone().into_iter();
        let environment: Environment = variables
            .map(|(name, value)| {
                let value = if name == variable {
                    "c4n4ry".to_owned()
                } else {
                    value
                };
                (name, value)
            })
            .collect();
        let app = app(everything(), &environment);
        let Some(Err(why)) = app.channel(name) else {
            panic!("{name} was opened");
        };
        assert!(why.contains(expected), "{name}: {why}");
        assert!(!why.contains("c4n4ry"), "{why}");
    }
}

#[tokio::test]
async fn what_every_kind_would_send_can_be_looked_at_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(everything(), &Environment::default()).with_folder_delivery(folder.path());
    for kind in Kind::ALL {
        let reports = jobs::probe::run(&app, kind.as_str(), None, None)
            .await
            .unwrap();
        let expected = if kind == Kind::AcsEmail { 2 } else { 1 };
        assert_eq!(reports.len(), expected, "{kind}");
        for report in reports {
            assert_eq!(report.recipient.is_some(), kind.has_recipients(), "{kind}");
            let Some(SendResult::Delivered {
                provider_id: Some(name),
            }) = &report.result
            else {
                panic!("{kind}: {report:?}");
            };
            let written = std::fs::read_to_string(folder.path().join(name)).unwrap();
            assert!(
                !written.contains("0000000000000000000000"),
                "{kind}: no stand-in"
            );
        }
    }
    let to = Some("eve@contoso.example");
    let reports = jobs::probe::run(&app, "acs-email", to, None).await.unwrap();
    assert_eq!(reports[0].recipient.as_deref(), to);
    let refused = jobs::probe::run(&app, "discord", to, None).await;
    assert!(refused.is_err());
}

#[test]
fn mistakes_say_what_would_be_right() {
    for (channel, expected) in [
        (
            "kind = \"discrod\"",
            "expected one of email, acs-email, teams",
        ),
        (
            "kind = \"discord\"",
            "`url` is missing, for example url = { secret = \"DISCORD_WEBHOOK_URL\" }",
        ),
        (
            "kind = \"mattermost\"\nurl = \"https://x.example\"",
            "a secret is a reference, never a value",
        ),
        (
            "kind = \"slack-bot\"\nchannel = \"C0123ABCD\"",
            "token = { secret = \"SLACK_BOT_TOKEN\" }",
        ),
        (
            "kind = \"slack-bot\"\ntoken = { secret = \"A\" }\nchannel = \"#costs\"",
            "`#costs` is not the id of a channel; expected for example C0123ABCD",
        ),
        (
            "kind = \"pagerduty\"",
            "routing_key = { secret = \"PAGERDUTY_ROUTING_KEY\" }",
        ),
        (
            "kind = \"pagerduty\"\nrouting_key = { secret = \"A\" }\nurl = { secret = \"B\" }",
            "expected the URL itself, which is no secret",
        ),
        ("kind = \"jira\"", "api_key = { secret = \"JSM_API_KEY\" }"),
        (
            "kind = \"jira\"\napi_key = { secret = \"A\" }\nurl = \"api.atlassian.com\"",
            "this is not a URL; expected for example https://api.atlassian.com/",
        ),
        (
            "kind = \"acs-email\"\nfrom = \"a@contoso.example\"",
            "endpoint = \"https://contoso.europe.communication.azure.com\"",
        ),
        (
            "kind = \"acs-email\"\nendpoint = \"https://a.communication.azure.com\"\nfrom = \"cost\"",
            "`cost` is not a mail address",
        ),
        (
            "kind = \"acs-email\"\nendpoint = \"https://a.communication.azure.com\"\nfrom = \"a@contoso.example\"\nauth = \"none\"",
            "this channel needs a token",
        ),
        (
            "kind = \"event-grid\"",
            "topic = \"https://costs.westeurope-1.eventgrid.azure.net/api/events\"",
        ),
        (
            "kind = \"event-grid\"\ntopic = \"https://a.eventgrid.azure.net/api/events\"\nsource = \"a b\"",
            "a URI or a path without spaces",
        ),
        (
            "kind = \"event-grid\"\ntopic = \"https://a.eventgrid.azure.net/api/events\"\nkey = \"AbC\"",
            "a secret is a reference, never a value",
        ),
        (
            "kind = \"storage-queue\"\nqueue = \"https://a.queue.core.windows.net\"",
            "`queue` names no queue",
        ),
        (
            "kind = \"storage-queue\"\nqueue = \"https://a.queue.core.windows.net/q?sig=c4n4ry\"",
            "a signature in a URL would be a secret",
        ),
    ] {
        let text = format!(
            "{}[channel.one]\n{channel}\n{BUDGET}notify = [\"one\"]\n",
            text("")
        );
        let found = config(text).unwrap_err();
        assert!(found.contains(expected), "{channel}\n{found}");
        assert!(!found.contains("c4n4ry"), "{found}");
    }
}

#[test]
fn a_host_that_is_none_of_the_service_gets_no_token() {
    for channel in [
        "kind = \"acs-email\"\nendpoint = \"https://mail.contoso.example\"\nfrom = \"a@contoso.example\"",
        "kind = \"event-grid\"\ntopic = \"https://events.contoso.example/x\"",
        "kind = \"storage-queue\"\nqueue = \"https://contoso.blob.core.windows.net/costs\"",
    ] {
        let text = format!(
            "{}[channel.one]\n{channel}\nauth = \"azure-cli\"\n{BUDGET}notify = [\"one\"]\n",
            text("")
        );
        let app = app(config(text).unwrap(), &Environment::default());
        let Some(Err(why)) = app.channel("one") else {
            panic!("{channel} was opened");
        };
        assert!(why.contains("only to hosts that end in"), "{why}");
    }
}

/// An application with one budget of EUR 1,000 of which EUR 850 are spent, evaluated.
async fn crossed(settings: &str, rest: &str) -> App {
    let config = config(text(settings) + rest).unwrap();
    let costs = Arc::new(Costs::default());
    let clock = Arc::new(ManualClock::new(midnight(START)));
    let app = app(config, &environment())
        .with_clock(clock)
        .with_sources(vec![Arc::new(Source(costs.clone()))]);
    let days = budget_engine::dates(jiff::civil::date(2026, 11, 1), START);
    let rows = days.map(|day| (day, "Storage", if day.day() == 1 { 850 } else { 0 }.into()));
    costs.set(rows.collect(), app.now());
    let reads = app.reads().unwrap();
    jobs::evaluate::run(&app, &reads[0], &Default::default())
        .await
        .unwrap();
    app
}

async fn outbox(app: &App) -> Vec<Delivery> {
    let mut found = Vec::new();
    for key in app.documents().list("outbox/").await.unwrap() {
        let document = app.documents().get(&key).await.unwrap().unwrap();
        found.push(serde_json::from_slice(&document.bytes).unwrap());
    }
    found
}

const ACS: &str = "[channel.mail]\nkind = \"acs-email\"\nendpoint = \"https://contoso.communication.azure.com\"\nfrom = \"cost@contoso.example\"\nauth = \"azure-cli\"\n";

#[tokio::test]
async fn owners_are_mailed_by_azure_as_by_a_relay() {
    let budget = format!(
        "{BUDGET}owners = [\"lead@contoso.example\"]\nnotify = [\"owners\"]\nthresholds = [\"actual 80%\"]\n"
    );
    let app = crossed("", &(ACS.to_owned() + &budget)).await;
    let found = outbox(&app).await;
    let [delivery] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(delivery.destination, "mail");
    assert_eq!(
        delivery.notice.recipient.as_deref(),
        Some("lead@contoso.example")
    );

    // Two ways of mail leave it open which of them is meant.
    let second = "[channel.post]\nkind = \"email\"\nsmtp = \"smtp://relay.contoso.example\"\nfrom = \"a@contoso.example\"\n";
    let error = config(text("") + ACS + second + &budget).unwrap_err();
    assert!(error.contains("found mail, post"), "{error}");
    // And none is none.
    let chat = "[channel.chat]\nkind = \"discord\"\nurl = { secret = \"HOOK\" }\n";
    let error = config(text("") + chat + &budget).unwrap_err();
    assert!(
        error.contains("no channel of kind \"email\" or \"acs-email\""),
        "{error}"
    );
    // A fallback without recipients would reach nobody, whatever kind of mail it is.
    let error = config(text("fallback = \"mail\"") + ACS + &budget).unwrap_err();
    assert!(error.contains("has no recipients of its own"), "{error}");
}

#[tokio::test]
async fn news_of_actions_wake_nobody_and_still_reach_somebody() {
    let chat = "[channel.chat]\nkind = \"discord\"\nurl = { secret = \"HOOK\" }\n";
    let pager =
        "[channel.pager]\nkind = \"pagerduty\"\nrouting_key = { secret = \"ROUTING_KEY\" }\n";
    let action = "[action.a]\nkind = \"logic-app\"\nurl = { secret = \"HOOK\" }\n";
    let told = async |fallback: &str, notify: &str| -> (Vec<String>, Vec<String>) {
        let budget = format!(
            "{BUDGET}notify = {notify}\n[[budget.threshold]]\nwhen = \"actual 80%\"\nnotify = {notify}\nactions = [\"a\"]\n"
        );
        let rest = [chat, pager, action, &budget].concat();
        let app = crossed(fallback, &rest).await;
        for record in jobs::act::list(&app).await.unwrap() {
            jobs::act::run(&app, &record.id).await.unwrap();
        }
        let (mut of_crossing, mut of_action) = (Vec::new(), Vec::new());
        for delivery in outbox(&app).await {
            match delivery.notice.message {
                Message::Action { .. } => of_action.push(delivery.destination),
                _ => of_crossing.push(delivery.destination),
            }
        }
        (of_crossing, of_action)
    };
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let both = told("", "[\"chat\", \"pager\"]").await;
    assert_eq!(both, (names(&["chat", "pager"]), names(&["chat"])));
    let fallback = "fallback = \"chat\"";
    let only = told(fallback, "[\"pager\"]").await;
    assert_eq!(only, (names(&["pager"]), names(&["chat"])));
    let nobody = told("", "[\"pager\"]").await;
    assert_eq!(nobody, (names(&["pager"]), names(&[])));
}
