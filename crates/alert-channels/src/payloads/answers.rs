//! What every channel makes of every answer: by status, by body, and by when to come back.

use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::http::Access;
use crate::outcome::{Class, SendResult};
use crate::testing::{answering, channel, http_kinds, local_http, send};
use crate::{Attempt, Kind, samples};

/// Which kinds may be sent to again whatever came of the first time.
fn is_repeatable(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::PagerDuty | Kind::Jira | Kind::Webhook | Kind::EventGrid | Kind::StorageQueue
    )
}

/// What each channel makes of a status with an empty body.
fn expected(kind: Kind, status: u16) -> (&'static str, Option<Class>) {
    match (status, kind) {
        (200..=299, Kind::Teams) => ("accepted", None),
        (200..=299, Kind::Webhook) => ("delivered", None),
        (200, Kind::EventGrid) | (201, Kind::StorageQueue) => ("delivered", None),
        (202, Kind::PagerDuty | Kind::Jira | Kind::AcsEmail) => ("accepted", None),
        (204, Kind::Discord) => ("accepted", None),
        // Success has a body that says so, or another status.
        (200..=299, _) => ("rejected-destination", Some(Class::Protocol)),
        (300..=399, _) => ("rejected-destination", Some(Class::Redirect)),
        (401 | 403 | 407, _) => ("rejected-destination", Some(Class::Auth)),
        (404 | 405, _) => ("rejected-destination", Some(Class::NotFound)),
        (410, _) => ("rejected-destination", Some(Class::Gone)),
        (413, _) => ("rejected-message", Some(Class::TooLarge)),
        (409, Kind::StorageQueue) => ("rejected-destination", Some(Class::NotFound)),
        (409, Kind::AcsEmail) => ("unknown", Some(Class::Policy)),
        (400 | 409 | 411 | 414 | 415 | 422 | 431, _) => ("rejected-message", Some(Class::Invalid)),
        (429, _) => ("throttled", None),
        (408 | 425 | 503, _) => ("transient", Some(Class::Server)),
        (400..=499 | 501 | 505, _) => ("rejected-destination", Some(Class::Protocol)),
        _ if is_repeatable(kind) => ("transient", Some(Class::Server)),
        _ => ("unknown", Some(Class::Server)),
    }
}

/// Answers with the status that the first part of the path says: `/s404/…`.
fn by_path(request: &Request) -> ResponseTemplate {
    let mut parts = request.url.path_segments().unwrap();
    let status = parts.find_map(|part| part.strip_prefix('s')?.parse().ok());
    let status = status.unwrap_or(599);
    let answer = ResponseTemplate::new(status);
    if (300..400).contains(&status) {
        answer.insert_header("location", "http://127.0.0.1:1/")
    } else {
        answer
    }
}

#[tokio::test]
async fn every_status_has_a_fate_on_every_channel() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(by_path)
        .mount(&server)
        .await;
    let http = local_http();
    for kind in http_kinds() {
        // Statuses below 200 end no answer: see `network`.
        for status in 200..600 {
            let base = format!("{}/s{status}", server.uri());
            let channel = channel(kind, &http, &base, Access::loopback());
            let attempt = Attempt::first(samples::at());
            let result = channel.send(&samples::crossing(), attempt).await;
            let class = result.failure().map(|failure| failure.class);
            let found = (result.as_str(), class);
            assert_eq!(found, expected(kind, status), "{kind} {status}: {result:?}");
        }
    }
}

/// Answers of each service beyond the status: what it says, the fate, its class, and what the
/// service calls the notice.
#[tokio::test]
async fn what_the_body_says_decides() {
    type Row = (
        Kind,
        u16,
        String,
        &'static str,
        Option<Class>,
        Option<&'static str>,
    );
    let mut rows: Vec<Row> = Vec::new();
    let mut row = |kind, status, body: &dyn ToString, fate, class, id| {
        rows.push((kind, status, body.to_string(), fate, class, id));
    };
    let (dead, stop) = ("rejected-message", "rejected-destination");

    let kind = Kind::Slack;
    row(kind, 200, &"ok", "delivered", None, None);
    row(kind, 200, &"no_text", dead, Some(Class::Invalid), None);
    row(
        kind,
        400,
        &"invalid_blocks",
        dead,
        Some(Class::Invalid),
        None,
    );
    row(
        kind,
        400,
        &"msg_blocks_too_long",
        dead,
        Some(Class::TooLarge),
        None,
    );
    row(
        kind,
        400,
        &"user_not_found",
        stop,
        Some(Class::NotFound),
        None,
    );
    row(kind, 403, &"invalid_token", stop, Some(Class::Auth), None);
    row(kind, 404, &"no_service", stop, Some(Class::NotFound), None);
    row(
        kind,
        410,
        &"channel_is_archived",
        stop,
        Some(Class::Gone),
        None,
    );
    row(
        kind,
        500,
        &"rollup_error",
        "transient",
        Some(Class::Server),
        None,
    );
    row(kind, 429, &"rate_limited", "throttled", None, None);
    row(
        kind,
        200,
        &"<html>sign in</html>",
        stop,
        Some(Class::Protocol),
        None,
    );

    let kind = Kind::SlackBot;
    let ok = json!({"ok": true, "channel": "C0123ABCD", "ts": "1503435956.000247"});
    row(
        kind,
        200,
        &ok,
        "delivered",
        None,
        Some("C0123ABCD:1503435956.000247"),
    );
    let odd = json!({"ok": true, "channel": "a:b", "ts": "x"});
    row(kind, 200, &odd, "delivered", None, None);
    for (word, fate, class) in [
        ("ratelimited", "throttled", None),
        ("rate_limited", "throttled", None),
        ("message_limit_exceeded", "throttled", None),
        ("invalid_auth", stop, Some(Class::Auth)),
        ("token_revoked", stop, Some(Class::Auth)),
        ("account_inactive", stop, Some(Class::Auth)),
        ("missing_scope", stop, Some(Class::Auth)),
        ("restricted_action", stop, Some(Class::Auth)),
        ("channel_not_found", stop, Some(Class::NotFound)),
        ("not_in_channel", stop, Some(Class::NotFound)),
        ("is_archived", stop, Some(Class::Gone)),
        ("invalid_blocks", dead, Some(Class::Invalid)),
        ("no_text", dead, Some(Class::Invalid)),
        ("msg_too_long", dead, Some(Class::TooLarge)),
        ("msg_blocks_too_long", dead, Some(Class::TooLarge)),
        ("internal_error", "unknown", Some(Class::Server)),
        ("fatal_error", "unknown", Some(Class::Server)),
        ("service_unavailable", "transient", Some(Class::Server)),
        ("a_new_word", stop, Some(Class::Protocol)),
    ] {
        let body = json!({"ok": false, "error": word});
        row(kind, 200, &body, fate, class, None);
    }
    row(
        kind,
        200,
        &"<html>sign in</html>",
        stop,
        Some(Class::Protocol),
        None,
    );
    let both = json!({"ok": true, "error": ""});
    row(kind, 500, &both, "unknown", Some(Class::Server), None);

    let kind = Kind::Teams;
    for (code, fate, class) in [
        ("TriggerInputSchemaMismatch", dead, Class::Invalid),
        ("WorkflowTriggerIsNotEnabled", stop, Class::NotFound),
        ("WorkflowNotFound", stop, Class::NotFound),
        ("MissingApiVersionParameter", stop, Class::NotFound),
        ("FlowSuspended", stop, Class::NotFound),
    ] {
        let body = json!({"error": {"code": code, "message": "x"}});
        row(kind, 400, &body, fate, Some(class), None);
    }

    let kind = Kind::Discord;
    let stored = json!({"id": "1125187345123", "type": 0});
    row(kind, 200, &stored, "delivered", None, Some("1125187345123"));
    row(kind, 200, &"<html>", stop, Some(Class::Protocol), None);
    let body = json!({"code": 50035, "message": "Invalid Form Body"});
    row(kind, 400, &body, dead, Some(Class::Invalid), None);
    let body = json!({"code": 10015, "message": "Unknown Webhook"});
    row(kind, 404, &body, stop, Some(Class::NotFound), None);
    let body = json!({"code": 50027, "message": "Invalid Webhook Token"});
    row(kind, 401, &body, stop, Some(Class::Auth), None);
    let body =
        json!({"message": "You are being rate limited.", "retry_after": 0.5, "global": false});
    row(kind, 429, &body, "throttled", None, None);

    let kind = Kind::GoogleChat;
    let posted = json!({"name": "spaces/AAAA/messages/BBBB.CCCC", "thread": {"name": "x"}});
    row(kind, 200, &posted, "delivered", None, Some("BBBB.CCCC"));
    row(kind, 200, &"{}", stop, Some(Class::Protocol), None);
    for (status, word, fate, class) in [
        (400, "INVALID_ARGUMENT", dead, Some(Class::Invalid)),
        (400, "FAILED_PRECONDITION", dead, Some(Class::Invalid)),
        (401, "UNAUTHENTICATED", stop, Some(Class::Auth)),
        (403, "PERMISSION_DENIED", stop, Some(Class::Auth)),
        (404, "NOT_FOUND", stop, Some(Class::NotFound)),
        (429, "RESOURCE_EXHAUSTED", "throttled", None),
        (500, "INTERNAL", "transient", Some(Class::Server)),
        (503, "UNAVAILABLE", "transient", Some(Class::Server)),
        (500, "UNKNOWN", "unknown", Some(Class::Server)),
    ] {
        let body = json!({"error": {"code": status, "status": word, "message": "x"}});
        row(kind, status, &body, fate, class, None);
    }
    let details = json!([{"reason": "API_KEY_INVALID"}]);
    let body = json!({"error": {"status": "INVALID_ARGUMENT", "details": details}});
    row(kind, 400, &body, stop, Some(Class::Auth), None);

    let kind = Kind::Mattermost;
    row(kind, 200, &"ok", "delivered", None, None);
    row(kind, 200, &"<html>", stop, Some(Class::Protocol), None);
    for (status, id, fate, class) in [
        (
            400,
            "web.incoming_webhook.parse.app_error",
            dead,
            Class::Invalid,
        ),
        (
            400,
            "web.incoming_webhook.text.app_error",
            dead,
            Class::Invalid,
        ),
        (
            400,
            "web.incoming_webhook.text.length.app_error",
            dead,
            Class::TooLarge,
        ),
        (
            400,
            "web.incoming_webhook.invalid.app_error",
            stop,
            Class::NotFound,
        ),
        (
            400,
            "web.incoming_webhook.user.app_error",
            stop,
            Class::NotFound,
        ),
        (
            403,
            "web.incoming_webhook.permissions.app_error",
            stop,
            Class::Auth,
        ),
        (
            404,
            "web.incoming_webhook.channel.app_error",
            stop,
            Class::NotFound,
        ),
        (
            501,
            "web.incoming_webhook.disabled.app_error",
            stop,
            Class::Policy,
        ),
    ] {
        let body = json!({"id": id, "message": "x", "status_code": status});
        row(kind, status, &body, fate, Some(class), None);
    }

    let kind = Kind::PagerDuty;
    let taken = json!({"status": "success", "dedup_key": "x", "message": "Event processed"});
    row(
        kind,
        202,
        &taken,
        "accepted",
        None,
        Some("2c7c18cee59d20de614d"),
    );
    let body = json!({"status": "invalid event", "errors": ["'payload' is missing"]});
    row(kind, 400, &body, dead, Some(Class::Invalid), None);
    let body = json!({"status": "invalid event", "errors": ["Invalid routing key"]});
    row(kind, 400, &body, stop, Some(Class::Auth), None);
    let body = json!({"errors": ["'routing_key' is invalid (must be a string of length 32)"]});
    row(kind, 400, &body, stop, Some(Class::Auth), None);

    let kind = Kind::Jira;
    let body = json!({"result": "Request will be processed", "requestId": "43a29c5c-3dbf"});
    row(kind, 202, &body, "accepted", None, Some("43a29c5c-3dbf"));
    row(kind, 200, &"<html>", stop, Some(Class::Protocol), None);
    let body = json!({"message": "Key format is not valid!"});
    row(kind, 401, &body, stop, Some(Class::Auth), None);
    row(kind, 422, &"{}", dead, Some(Class::Invalid), None);

    let kind = Kind::StorageQueue;
    let body = "<QueueMessagesList><QueueMessage><MessageId>5974b586-0df3</MessageId></QueueMessage></QueueMessagesList>";
    row(kind, 201, &body, "delivered", None, Some("5974b586-0df3"));

    for (kind, status, body, fate, class, id) in rows {
        let server = answering(ResponseTemplate::new(status).set_body_string(&body)).await;
        let result = send(kind, &server).await;
        let context = format!("{kind} {status} {body}: {result:?}");
        assert_eq!(result.as_str(), fate, "{context}");
        let found = result.failure().map(|failure| failure.class);
        assert_eq!(found, class, "{context}");
        let (SendResult::Delivered { provider_id } | SendResult::Accepted { provider_id }) =
            &result
        else {
            continue;
        };
        if kind != Kind::AcsEmail {
            assert_eq!(provider_id.as_deref(), id, "{context}");
        }
    }
}

#[tokio::test]
async fn codes_in_headers_tell_the_message_from_the_queue() {
    for (status, code, fate, class) in [
        (400, "MessageTooLarge", "rejected-message", Class::TooLarge),
        (
            413,
            "RequestBodyTooLarge",
            "rejected-message",
            Class::TooLarge,
        ),
        (
            400,
            "InvalidXmlDocument",
            "rejected-message",
            Class::Invalid,
        ),
        (
            403,
            "AuthorizationPermissionMismatch",
            "rejected-destination",
            Class::Auth,
        ),
        (
            403,
            "AccountIsDisabled",
            "rejected-destination",
            Class::Auth,
        ),
        (
            404,
            "QueueNotFound",
            "rejected-destination",
            Class::NotFound,
        ),
        (
            409,
            "QueueBeingDeleted",
            "rejected-destination",
            Class::NotFound,
        ),
        (500, "InternalError", "transient", Class::Server),
        (503, "ServerBusy", "transient", Class::Server),
    ] {
        let answer = ResponseTemplate::new(status).insert_header("x-ms-error-code", code);
        let server = answering(answer).await;
        let result = send(Kind::StorageQueue, &server).await;
        assert_eq!(result.as_str(), fate, "{code}: {result:?}");
        assert_eq!(result.failure().unwrap().class, class, "{code}");
    }
}

#[tokio::test]
async fn destinations_are_left_alone_as_long_as_they_ask() {
    let after = |milliseconds| samples::at() + jiff::SignedDuration::from_millis(milliseconds);
    for (header, milliseconds) in [
        (None, 60_000),
        (Some(("retry-after", "17")), 17_000),
        (Some(("retry-after", "0.5")), 500),
        (
            Some(("retry-after", "Fri, 15 May 2026 06:40:00 GMT")),
            600_000,
        ),
        (Some(("retry-after", "soon")), 60_000),
        (Some(("retry-after", "999999999")), 86_400_000),
        (Some(("retry-after-ms", "1500")), 1500),
        (Some(("x-ms-retry-after-ms", "2500")), 2500),
    ] {
        let answer = |status| {
            let answer = ResponseTemplate::new(status);
            header.iter().fold(answer, |answer, (name, value)| {
                answer.insert_header(*name, *value)
            })
        };
        let busy = answering(answer(429)).await;
        let down = answering(answer(503)).await;
        let until = after(milliseconds);
        let said = header.is_some_and(|(_, value)| value != "soon");
        for kind in http_kinds() {
            let throttled = SendResult::Throttled { until };
            assert_eq!(send(kind, &busy).await, throttled, "{kind} {header:?}");
            let SendResult::Transient { not_before, .. } = send(kind, &down).await else {
                panic!("{kind}: 503 is for now");
            };
            assert_eq!(not_before, said.then_some(until), "{kind} {header:?}");
        }
    }
    // Slack says it in a header of an answer that is no 429.
    let body = json!({"ok": false, "error": "ratelimited"});
    let answer = ResponseTemplate::new(200).set_body_json(body);
    let server = answering(answer.insert_header("retry-after", "30")).await;
    let until = after(30_000);
    assert_eq!(
        send(Kind::SlackBot, &server).await,
        SendResult::Throttled { until }
    );
}

#[tokio::test]
async fn discord_says_it_in_the_body_or_by_its_bucket() {
    let after = |milliseconds| samples::at() + jiff::SignedDuration::from_millis(milliseconds);
    let reset = ("x-ratelimit-reset-after", "1.25");
    for (headers, body, milliseconds) in [
        (vec![], json!({"retry_after": 0.3}), 300),
        (
            vec![("retry-after", "1")],
            json!({"retry_after": 0.3}),
            1000,
        ),
        (
            vec![("retry-after", "1")],
            json!({"retry_after": 64.57}),
            64_570,
        ),
        (vec![reset], json!({}), 1250),
        (vec![reset], json!({"retry_after": 2.0}), 2000),
        (vec![], json!({"retry_after": -1}), 60_000),
        (vec![], json!({"retry_after": 1e300}), 86_400_000),
    ] {
        let answer = ResponseTemplate::new(429).set_body_json(&body);
        let answer = headers.iter().fold(answer, |answer, (name, value)| {
            answer.insert_header(*name, *value)
        });
        let server = answering(answer).await;
        let until = after(milliseconds);
        let found = send(Kind::Discord, &server).await;
        assert_eq!(found, SendResult::Throttled { until }, "{headers:?} {body}");
    }

    // The last of a bucket: the next notice waits without a request.
    let answer = ResponseTemplate::new(200)
        .set_body_json(json!({"id": "1"}))
        .insert_header("x-ratelimit-remaining", "0")
        .insert_header("x-ratelimit-reset-after", "2");
    let server = answering(answer).await;
    let base = server.uri();
    let channel = channel(Kind::Discord, &local_http(), &base, Access::loopback());
    let send = |milliseconds| {
        let attempt = Attempt::first(after(milliseconds));
        let notice = samples::crossing();
        let channel = channel.clone();
        async move { channel.send(&notice, attempt).await }
    };
    assert_eq!(send(0).await.as_str(), "delivered");
    let until = after(2000);
    assert_eq!(send(1000).await, SendResult::Throttled { until });
    assert_eq!(send(2000).await.as_str(), "delivered");
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
    let request = &server.received_requests().await.unwrap()[0];
    assert!(request.url.query().unwrap().contains("wait=true"));
}
