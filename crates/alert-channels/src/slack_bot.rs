//! Slack through an app of one's own: messages with a bot token, threads, and a first message that
//! shows how things stand.
//!
//! The first notice of a thread is posted to the channel. Later ones are replies to it, and it is
//! rewritten to say what the newest says and which other alerts were open then, so the channel shows
//! one message for each budget and period. What the first one was called is kept by the caller
//! ([`Attempt::earlier`]). Slack answers 200 whatever happened; `ok` and `error` in the body decide.

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::channel::{Attempt, Channel, ConfigError, Kind, RenderError, Rendered};
use crate::http::{Access, Endpoint, Http, Reply, by_status, later, throttled};
use crate::notice::Notice;
use crate::outcome::{Class, Failure, SendResult};
use crate::slack::{message_value, plain, section};
use crate::untrusted::clean;

/// Slack's Web API.
pub const DEFAULT_URL: &str = "https://slack.com/api";
const CONTENT_TYPE: &str = "application/json; charset=utf-8";
/// Slack takes 2,000 characters in an element of a context block.
const MAX_CONTEXT: usize = 2000;

/// A Slack channel that an app posts to.
#[derive(Debug)]
pub struct SlackBot {
    endpoint: Endpoint,
    token: SecretString,
    channel: String,
}

/// A message in a channel.
struct Place<'a> {
    channel: &'a str,
    ts: &'a str,
}

impl SlackBot {
    /// A destination: the Web API ([`DEFAULT_URL`]), a bot token (`xoxb-…`) with the scope
    /// `chat:write`, and the id of a channel that the app is in, such as `C0123ABCD`.
    pub fn new(
        http: &Http,
        url: &str,
        access: Access,
        token: &SecretString,
        channel: &str,
    ) -> Result<SlackBot, ConfigError> {
        let text = token.expose_secret().trim();
        if !text.starts_with("xox") || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::Key {
                what: "bot token",
                right: "what Slack shows as Bot User OAuth Token; it begins with xoxb-",
            });
        }
        if !is_channel_id(channel) {
            return Err(ConfigError::Key {
                what: "channel",
                right: "the id that the channel's details show, such as C0123ABCD",
            });
        }
        let token = SecretString::from(text.to_owned());
        Ok(SlackBot {
            endpoint: http.endpoint(&url.into(), access)?.hiding(&token),
            token,
            channel: channel.to_owned(),
        })
    }

    async fn call(&self, method: &str, body: &Value, at: Timestamp) -> Result<Reply, SendResult> {
        let token = self.token.expose_secret();
        let headers = [("authorization", format!("Bearer {token}"))];
        let endpoint = self.endpoint.below(&[method], &[]);
        let body = body.to_string().into_bytes();
        endpoint.post_as(CONTENT_TYPE, &headers, body, at).await
    }

    async fn post(&self, notice: &Notice, thread: Option<&Place<'_>>, at: Timestamp) -> SendResult {
        let mut message = message_value(notice);
        message["channel"] = json!(self.channel);
        if let Some(thread) = thread {
            message["thread_ts"] = json!(thread.ts);
        }
        match self.call("chat.postMessage", &message, at).await {
            Ok(reply) => self.judge(&reply, at),
            Err(result) => result,
        }
    }

    /// Makes the first message say what the newest notice says. If that fails, the reply stands, and
    /// the next notice tries again.
    async fn rewrite(&self, notice: &Notice, first: &Place<'_>, at: Timestamp) {
        let message = message_value(notice);
        let mut blocks = message["blocks"].clone();
        if let Some(blocks) = blocks.as_array_mut() {
            let line = format!(
                "The latest of this thread, from {}; the replies tell what happened in turn.",
                notice.message.at().strftime("%Y-%m-%d %H:%M UTC")
            );
            blocks.push(json!({"type": "context", "elements": [plain(&line, MAX_CONTEXT)]}));
            if !notice.also_open.is_empty() {
                // After the header: the end of one alert must not read as the end of all.
                let open = notice.also_open.iter().map(|when| clean(when));
                let open = open.collect::<Vec<_>>().join(", ");
                let line = format!("Open besides, when this was decided: {open}.");
                blocks.insert(1.min(blocks.len()), section(&line));
            }
        }
        let update = json!({
            "channel": first.channel,
            "ts": first.ts,
            "text": message["text"],
            "blocks": blocks,
            "link_names": false,
        });
        let _ = self.call("chat.update", &update, at).await;
    }

    fn judge(&self, reply: &Reply, at: Timestamp) -> SendResult {
        let body = reply.json();
        let word = body["error"].as_str().unwrap_or_default();
        let shown = self.endpoint.showable(word).unwrap_or("without a word");
        let detail = format!("status {}: {shown}", reply.status);
        if reply.is_success() && body["ok"] == true {
            let part = |name: &str| body[name].as_str();
            let id = part("channel")
                .zip(part("ts"))
                .map(|(channel, ts)| format!("{channel}:{ts}"));
            let id = id.filter(|id| place(id).is_some());
            return SendResult::Delivered { provider_id: id };
        }
        match word {
            "ratelimited" | "rate_limited" | "message_limit_exceeded" => throttled(reply, at),
            "not_authed"
            | "invalid_auth"
            | "account_inactive"
            | "token_expired"
            | "token_revoked"
            | "no_permission"
            | "missing_scope"
            | "not_allowed_token_type"
            | "access_denied"
            | "org_login_required"
            | "two_factor_setup_required"
            | "ekm_access_denied"
            | "team_access_not_granted"
            | "restricted_action"
            | "restricted_action_read_only_channel"
            | "restricted_action_thread_only_channel"
            | "restricted_action_non_threadable_channel"
            | "posting_to_channel_denied" => SendResult::destination(Class::Auth, detail),
            "channel_not_found" | "not_in_channel" | "team_not_found" => {
                SendResult::destination(Class::NotFound, detail)
            }
            "is_archived" => SendResult::destination(Class::Gone, detail),
            "msg_too_long" | "msg_blocks_too_long" | "attachment_payload_limit_exceeded" => {
                SendResult::message(Class::TooLarge, detail)
            }
            "invalid_arguments"
            | "invalid_arg_name"
            | "invalid_array_arg"
            | "invalid_blocks"
            | "invalid_blocks_format"
            | "invalid_charset"
            | "invalid_json"
            | "json_not_object"
            | "no_text"
            | "too_many_attachments"
            | "thread_not_found"
            | "message_not_found"
            | "cannot_reply_to_message"
            | "duplicate_message_not_found" => SendResult::message(Class::Invalid, detail),
            // Slack says itself that a part may have been done.
            "internal_error" | "fatal_error" => SendResult::unknown(Class::Server, detail),
            "service_unavailable" | "request_timeout" | "team_added_to_org" => {
                later(reply, Class::Server, detail)
            }
            "" if reply.is_success() && !reply.complete => {
                SendResult::unknown(Class::Interrupted, detail)
            }
            // Another word, or an answer that is not Slack's.
            _ if reply.is_success() => SendResult::destination(Class::Protocol, detail),
            _ => by_status(reply, false, at),
        }
    }
}

/// Whether a text is the id of a public, private or direct channel.
pub fn is_channel_id(text: &str) -> bool {
    let rest = text.strip_prefix(['C', 'G', 'D']).unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    (7..=20).contains(&rest.len()) && rest.bytes().all(is_plain)
}

/// What [`SendResult::Delivered`] calls a message: channel and time stamp.
fn place(id: &str) -> Option<Place<'_>> {
    let (channel, ts) = id.split_once(':')?;
    let is_ts = ts.len() <= 32 && ts.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (is_channel_id(channel) && is_ts && !ts.is_empty()).then_some(Place { channel, ts })
}

/// Whether an answer says that the message to reply to is not there any more.
fn lacks_thread(result: &SendResult) -> bool {
    let words = [
        "thread_not_found",
        "message_not_found",
        "cannot_reply_to_message",
    ];
    let failure = result.failure();
    failure.is_some_and(|failure| words.iter().any(|word| failure.detail.ends_with(word)))
}

#[async_trait]
impl Channel for SlackBot {
    fn kind(&self) -> Kind {
        Kind::SlackBot
    }

    /// The message as it is posted, without channel and thread.
    fn render(&self, notice: &Notice) -> Result<Rendered, RenderError> {
        Ok(Rendered {
            content_type: "application/json",
            extension: "json",
            bytes: message_value(notice).to_string().into_bytes(),
        })
    }

    async fn reach(&self, now: Timestamp) -> Option<Result<(), Failure>> {
        Some(self.endpoint.reach(now).await)
    }

    async fn send(&self, notice: &Notice, attempt: Attempt) -> SendResult {
        let earlier = attempt.earlier.as_deref().and_then(place);
        // A thread of another channel is left behind when the configuration names a new one.
        let first = earlier.filter(|first| first.channel == self.channel);
        let Some(first) = first else {
            return self.post(notice, None, attempt.at).await;
        };
        let reply = self.post(notice, Some(&first), attempt.at).await;
        if lacks_thread(&reply) {
            return self.post(notice, None, attempt.at).await;
        }
        if reply.is_success() {
            self.rewrite(notice, &first, attempt.at).await;
        }
        reply
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_partial_json, header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::samples;

    const TOKEN: &str = "xoxb-c4n4ry";

    async fn bot() -> (SlackBot, MockServer) {
        let server = MockServer::start().await;
        let url = format!("{}/api", server.uri());
        let http = Http::new().unwrap();
        let bot = SlackBot::new(&http, &url, Access::loopback(), &TOKEN.into(), "C0123ABCD");
        (bot.unwrap(), server)
    }

    fn said(body: Value) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(body)
    }

    fn on(place: &str, body: Value, answer: ResponseTemplate) -> Mock {
        Mock::given(method("POST"))
            .and(path(format!("/api/{place}")))
            .and(header("authorization", format!("Bearer {TOKEN}").as_str()))
            .and(header("content-type", CONTENT_TYPE))
            .and(body_partial_json(body))
            .respond_with(answer)
    }

    fn after(first: &str) -> Attempt {
        Attempt {
            earlier: Some(first.into()),
            ..Attempt::first(samples::at())
        }
    }

    fn delivered(id: &str) -> SendResult {
        SendResult::Delivered {
            provider_id: Some(id.into()),
        }
    }

    #[tokio::test]
    async fn the_first_notice_is_posted_and_says_what_it_is_called() {
        let (bot, server) = bot().await;
        let answer = said(json!({"ok": true, "channel": "C0123ABCD", "ts": "1503435956.000247"}));
        on("chat.postMessage", json!({"channel": "C0123ABCD"}), answer)
            .expect(1)
            .mount(&server)
            .await;
        let attempt = Attempt::first(samples::at());
        let result = bot.send(&samples::crossing(), attempt).await;
        assert_eq!(result, delivered("C0123ABCD:1503435956.000247"));
        let requests = server.received_requests().await.unwrap();
        let body: Value = requests[0].body_json().unwrap();
        assert!(body.get("thread_ts").is_none());
        assert_eq!(body["blocks"][0]["type"], "header");
    }

    #[tokio::test]
    async fn a_later_notice_replies_and_rewrites_the_first() {
        let (bot, server) = bot().await;
        let reply = said(json!({"ok": true, "channel": "C0123ABCD", "ts": "2.1"}));
        let thread = json!({"channel": "C0123ABCD", "thread_ts": "1.5"});
        on("chat.postMessage", thread, reply)
            .expect(1)
            .mount(&server)
            .await;
        let first = json!({"channel": "C0123ABCD", "ts": "1.5"});
        on("chat.update", first, said(json!({"ok": true})))
            .expect(1)
            .mount(&server)
            .await;
        let notice = samples::correction();
        let result = bot.send(&notice, after("C0123ABCD:1.5")).await;
        assert_eq!(result, delivered("C0123ABCD:2.1"));
        let requests = server.received_requests().await.unwrap();
        let update: Value = requests[1].body_json().unwrap();
        let text = update.to_string();
        assert!(text.contains("back under"), "the new state: {text}");
        assert!(text.contains("from 2026-05-15 06:30 UTC"), "{text}");
    }

    #[tokio::test]
    async fn the_first_says_what_is_still_open_when_one_alert_of_several_ends() {
        let (bot, server) = bot().await;
        let done = said(json!({"ok": true, "channel": "C0123ABCD", "ts": "2.1"}));
        for method in ["chat.postMessage", "chat.update"] {
            on(method, json!({}), done.clone()).mount(&server).await;
        }
        let mut notice = samples::correction();
        notice.also_open = vec!["actual 50%".into(), "forecast 100%".into()];
        let result = bot.send(&notice, after("C0123ABCD:1.5")).await;
        assert_eq!(result, delivered("C0123ABCD:2.1"));
        let requests = server.received_requests().await.unwrap();
        let update: Value = requests[1].body_json().unwrap();
        assert_eq!(update["blocks"][0]["type"], "header");
        assert_eq!(
            update["blocks"][1]["text"]["text"],
            "Open besides, when this was decided: actual 50%, forecast 100%."
        );
        let reply: Value = requests[0].body_json().unwrap();
        assert!(!reply.to_string().contains("Open besides"), "{reply}");
    }

    #[tokio::test]
    async fn a_failed_rewrite_leaves_the_reply_delivered() {
        for failing in [
            said(json!({"ok": false, "error": "cant_update_message"})),
            ResponseTemplate::new(500),
        ] {
            let (bot, server) = bot().await;
            let reply = said(json!({"ok": true, "channel": "C0123ABCD", "ts": "2.1"}));
            on("chat.postMessage", json!({}), reply)
                .mount(&server)
                .await;
            on("chat.update", json!({}), failing)
                .expect(1)
                .mount(&server)
                .await;
            let result = bot
                .send(&samples::correction(), after("C0123ABCD:1.5"))
                .await;
            assert_eq!(result, delivered("C0123ABCD:2.1"));
        }
    }

    #[tokio::test]
    async fn without_its_first_message_a_notice_stands_alone() {
        let (bot, server) = bot().await;
        let gone = said(json!({"ok": false, "error": "thread_not_found"}));
        on("chat.postMessage", json!({"thread_ts": "1.5"}), gone)
            .expect(1)
            .mount(&server)
            .await;
        let posted = said(json!({"ok": true, "channel": "C0123ABCD", "ts": "3.1"}));
        on("chat.postMessage", json!({}), posted)
            .mount(&server)
            .await;
        let result = bot
            .send(&samples::correction(), after("C0123ABCD:1.5"))
            .await;
        assert_eq!(result, delivered("C0123ABCD:3.1"));
        // A thread in a channel that is not the configured one, and what is no id of ours.
        for other in ["C0999ZZZZ:1.5", "C0123ABCD", "C0123ABCD:x", ""] {
            let result = bot.send(&samples::correction(), after(other)).await;
            assert_eq!(result, delivered("C0123ABCD:3.1"), "{other}");
        }
        let requests = server.received_requests().await.unwrap();
        assert_eq!(requests.len(), 6, "nothing is rewritten");
    }

    #[test]
    fn tokens_and_channels_that_are_none_are_refused_without_repeating_them() {
        let http = Http::new().unwrap();
        for (token, channel) in [
            ("", "C0123ABCD"),
            ("c4n4ry", "C0123ABCD"),
            ("xoxb-c4n4ry x", "C0123ABCD"),
            ("xoxb-c4n4ry", "#costs"),
            ("xoxb-c4n4ry", "costs"),
            ("xoxb-c4n4ry", "C0"),
            ("xoxb-c4n4ry", "U0123ABCD"),
        ] {
            let token = token.into();
            let made = SlackBot::new(&http, DEFAULT_URL, Access::public(), &token, channel);
            let error = made.unwrap_err();
            assert!(matches!(error, ConfigError::Key { .. }), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("c4n4ry"));
        }
    }
}
