//! What tests of channels share: one channel of each kind against a server on loopback.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::acs_email::AcsEmail;
use crate::discord::Discord;
use crate::email::{Config, Email, Login, Subject};
use crate::event_grid::EventGrid;
use crate::google_chat::GoogleChat;
use crate::http::{Access, Http};
use crate::jira::Jira;
use crate::mattermost::Mattermost;
use crate::outcome::SendResult;
use crate::pagerduty::PagerDuty;
use crate::slack::Slack;
use crate::slack_bot::SlackBot;
use crate::storage_queue::StorageQueue;
use crate::teams::Teams;
use crate::tokens::{NoToken, TokenSource};
use crate::webhook::Webhook;
use crate::{Attempt, Channel, Kind, Notice, samples};

/// What every secret contains.
pub(crate) const CANARY: &str = "c4n4ry-in-every-secret-place";
/// The canary as a signing key: `whsec_` and base64 of 28 bytes.
pub(crate) const KEY: &str = "whsec_YzRuNHJ5LWluLWV2ZXJ5LXNlY3JldC1wbGFjZQ==";
/// The canary as a routing key.
const ROUTING_KEY: &str = "c4n4ryineverysecretplace00000000";
/// The canary as a bot token.
const BOT_TOKEN: &str = "xoxb-c4n4ry-in-every-secret-place";

/// Every kind but mail over SMTP.
pub(crate) fn http_kinds() -> impl Iterator<Item = Kind> {
    Kind::ALL.into_iter().filter(|kind| *kind != Kind::Email)
}

/// Always the same token.
pub(crate) struct FixedToken;

#[async_trait]
impl TokenSource for FixedToken {
    async fn token(&self, scope: &str) -> Result<SecretString, NoToken> {
        assert!(scope.ends_with("/.default"), "{scope}");
        Ok(CANARY.into())
    }
}

/// A client for which every name stands for this machine.
pub(crate) fn local_http() -> Http {
    Http::local().unwrap()
}

/// The host that a kind's tokens are for.
pub(crate) fn token_host(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::AcsEmail => Some("contoso.europe.communication.azure.com"),
        Kind::StorageQueue => Some("contoso.queue.core.windows.net"),
        _ => None,
    }
}

/// A channel that tests can print.
pub(crate) trait Printable: Channel + fmt::Debug {}

impl<C: Channel + fmt::Debug> Printable for C {}

/// A channel with the canary wherever it has a secret. `base` is scheme, host and port of a server,
/// with or without a path.
pub(crate) fn channel(kind: Kind, http: &Http, base: &str, access: Access) -> Arc<dyn Printable> {
    // Kinds whose URL is the secret.
    let url: SecretString = format!("{base}/{CANARY}?sig={CANARY}").into();
    let named = match token_host(kind) {
        Some(host) => base.replace("127.0.0.1", host),
        None => base.to_owned(),
    };
    match kind {
        Kind::Email => Arc::new(email()),
        Kind::Teams => Arc::new(Teams::new(http, &url, access).unwrap()),
        Kind::Slack => Arc::new(Slack::new(http, &url, access).unwrap()),
        Kind::Discord => Arc::new(Discord::new(http, &url, access).unwrap()),
        Kind::GoogleChat => Arc::new(GoogleChat::new(http, &url, access).unwrap()),
        Kind::Mattermost => Arc::new(Mattermost::new(http, &url, access).unwrap()),
        Kind::Webhook => Arc::new(Webhook::new(http, &url, access, &[KEY.into()]).unwrap()),
        Kind::SlackBot => {
            let bot = SlackBot::new(http, &named, access, &BOT_TOKEN.into(), "C0123ABCD");
            Arc::new(bot.unwrap())
        }
        Kind::PagerDuty => {
            Arc::new(PagerDuty::new(http, &named, access, &ROUTING_KEY.into()).unwrap())
        }
        Kind::Jira => Arc::new(Jira::new(http, &named, access, &CANARY.into()).unwrap()),
        Kind::EventGrid => {
            let key = CANARY.into();
            let topic = EventGrid::with_key(http, &named, access, &key, "/spendwatch/contoso");
            Arc::new(topic.unwrap())
        }
        Kind::StorageQueue => {
            let queue = format!("{named}/costs");
            let tokens = Arc::new(FixedToken);
            let queue = StorageQueue::new(http, &queue, access, tokens, "/spendwatch/contoso");
            Arc::new(queue.unwrap())
        }
        Kind::AcsEmail => {
            let from = "Cost alerts <cost@contoso.example>";
            let tokens = Arc::new(FixedToken);
            let reply_to = Some("finops@contoso.example");
            let subject = Subject::Telling;
            let mail = AcsEmail::new(http, &named, access, tokens, from, reply_to, subject);
            Arc::new(mail.unwrap())
        }
    }
}

pub(crate) fn email() -> Email {
    let server = "smtp://relay.contoso.example".parse().unwrap();
    let mut config = Config::new(server, "Cost alerts <cost@contoso.example>");
    config.login = Some(Login {
        username: CANARY.into(),
        password: CANARY.into(),
    });
    Email::new(config).unwrap()
}

/// One channel of each kind, to render.
pub(crate) fn channels() -> Vec<Arc<dyn Printable>> {
    let http = Http::new().unwrap();
    let make = |kind| {
        let host = token_host(kind).unwrap_or("hooks.contoso.example");
        channel(kind, &http, &format!("https://{host}"), Access::public())
    };
    Kind::ALL.into_iter().map(make).collect()
}

/// A server that gives every request this answer.
pub(crate) async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// Sends a notice to a server, as the first attempt.
pub(crate) async fn send_notice(kind: Kind, server: &MockServer, notice: &Notice) -> SendResult {
    let channel = channel(kind, &local_http(), &server.uri(), Access::loopback());
    channel.send(notice, Attempt::first(samples::at())).await
}

/// Sends a crossing to a server, as the first attempt.
pub(crate) async fn send(kind: Kind, server: &MockServer) -> SendResult {
    send_notice(kind, server, &samples::crossing()).await
}

/// The payload of a notice.
pub(crate) fn text(channel: &dyn Channel, notice: &Notice) -> String {
    String::from_utf8(channel.render(notice).unwrap().bytes).unwrap()
}
