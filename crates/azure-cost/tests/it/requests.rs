//! Signing in, trying again and giving up.

use std::time::Duration;

use azure_cost::{Error, Retry};
use jiff::Timestamp;
use serde_json::json;
use wiremock::matchers::{any, header};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{client, legacy, read};

fn rows() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"value": [legacy("2026-11-03", json!(1))]}))
}

fn refusal(status: u16, code: &str) -> ResponseTemplate {
    let error = json!({"error": {"code": code, "message": "told so"}});
    ResponseTemplate::new(status).set_body_json(error)
}

/// Answers `times` requests one way and the others with rows.
async fn first_then_rows(answer: ResponseTemplate, times: u64) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(answer)
        .up_to_n_times(times)
        .expect(times)
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(rows())
        .expect(1)
        .mount(&server)
        .await;
    server
}

async fn always(answer: ResponseTemplate, expected: u64) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(answer)
        .expect(expected)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn a_refused_token_is_asked_for_again_once() {
    let server = MockServer::start().await;
    Mock::given(header("authorization", "Bearer token-1"))
        .respond_with(refusal(401, "ExpiredAuthenticationToken"))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(header("authorization", "Bearer token-2"))
        .respond_with(rows())
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(read(&client(&server.uri())).await.unwrap().len(), 1);

    let server = always(refusal(401, "InvalidAuthenticationToken"), 2).await;
    let error = read(&client(&server.uri())).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("told so (InvalidAuthenticationToken)"),
        "{error}"
    );
    assert!(!format!("{error:?}").contains("token-"), "{error:?}");

    // A missing role, also where it comes with the wrong status.
    let server = always(refusal(401, "RBACAccessDenied"), 2).await;
    let error = read(&client(&server.uri())).await.unwrap_err();
    assert!(matches!(error, Error::Forbidden { .. }), "{error:?}");
}

#[tokio::test]
async fn a_service_that_says_when_it_is_back_throttles() {
    let answer = ResponseTemplate::new(503).insert_header("Retry-After", "600");
    let server = always(answer, 1).await;
    let error = read(&client(&server.uri())).await.unwrap_err();
    let Error::Throttled { until, .. } = error else {
        panic!("{error:?}");
    };
    let wait = until.duration_since(Timestamp::now()).as_secs();
    assert!((580..=600).contains(&wait), "{wait}");
}

#[tokio::test]
async fn every_way_to_say_later_is_heard() {
    for name in [
        "Retry-After",
        "x-ms-ratelimit-microsoft.consumption-retry-after",
        "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after",
        "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after",
        "x-ms-ratelimit-microsoft.costmanagement-tenant-retry-after",
        "x-ms-ratelimit-microsoft.costmanagement-client-retry-after",
        "x-ms-ratelimit-microsoft.costmanagement-clienttype-retry-after",
    ] {
        let answer = refusal(429, "429").insert_header(name, "0");
        let server = first_then_rows(answer, 2).await;
        assert_eq!(
            read(&client(&server.uri())).await.unwrap().len(),
            1,
            "{name}"
        );

        // A wait beyond the bound is not taken, so that hearing it is seen without waiting.
        let answer = refusal(429, "429").insert_header(name, "600");
        let server = always(answer, 1).await;
        let error = read(&client(&server.uri())).await.unwrap_err();
        let Error::Throttled { until, .. } = error else {
            panic!("{name}: {error:?}");
        };
        let wait = until.duration_since(Timestamp::now()).as_secs();
        assert!((580..=600).contains(&wait), "{name}: {wait}");
    }
}

#[tokio::test]
async fn a_date_to_come_back_at_is_heard() {
    let past = "Wed, 18 Nov 2020 06:00:00 GMT";
    let server = first_then_rows(refusal(429, "429").insert_header("Retry-After", past), 1).await;
    assert_eq!(read(&client(&server.uri())).await.unwrap().len(), 1);
}

#[tokio::test]
async fn throttled_to_the_end_is_throttled_and_not_empty() {
    for answer in [
        refusal(429, "429"),
        refusal(429, "429").insert_header("Retry-After", "0"),
    ] {
        let server = always(answer, 3).await;
        let error = read(&client(&server.uri())).await.unwrap_err();
        assert!(matches!(error, Error::Throttled { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn all_waits_together_are_bounded() {
    let answer = refusal(429, "429").insert_header("Retry-After", "1");
    let server = always(answer, 1).await;
    let impatient = Retry {
        tries: 100,
        total: Duration::from_millis(900),
        first_wait: Duration::ZERO,
        timeout: Duration::from_secs(10),
    };
    let error = read(&client(&server.uri()).with_retry(impatient))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Throttled { .. }), "{error:?}");
}

#[tokio::test]
async fn slow_answers_count_towards_the_bound_as_well() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(rows().set_delay(Duration::from_secs(30)))
        .mount(&server)
        .await;
    let impatient = Retry {
        tries: 100,
        total: Duration::from_millis(500),
        first_wait: Duration::ZERO,
        timeout: Duration::from_millis(200),
    };
    let begin = std::time::Instant::now();
    let error = read(&client(&server.uri()).with_retry(impatient))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn by_default_one_request_ends_before_a_functions_deadline() {
    // Nine tenths of five minutes.
    assert!(Retry::default().total < Duration::from_secs(270));
}

#[tokio::test]
async fn server_errors_are_tried_again_until_giving_up() {
    let page = "<html><body><h1>Service Unavailable</h1></body></html>";
    for status in [408, 500, 502, 503, 504] {
        let answer = ResponseTemplate::new(status).set_body_raw(page, "text/html");
        let server = first_then_rows(answer.clone(), 2).await;
        assert_eq!(
            read(&client(&server.uri())).await.unwrap().len(),
            1,
            "{status}"
        );

        let server = always(answer, 3).await;
        let error = read(&client(&server.uri())).await.unwrap_err();
        assert!(
            matches!(error, Error::Unavailable { tries: 3, .. }),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(
            text.contains(&status.to_string()) && !text.contains("html"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn refusals_are_not_repeated() {
    for status in [400, 403, 404, 409, 412, 413, 424] {
        let server = always(refusal(status, "SomeCode"), 1).await;
        let error = read(&client(&server.uri())).await.unwrap_err();
        let fits = match status {
            403 => matches!(&error, Error::Forbidden { code, .. } if code == "SomeCode"),
            404 => matches!(&error, Error::NotFound { code, .. } if code == "SomeCode"),
            409 | 412 => matches!(&error, Error::Conflict { code, .. } if code == "SomeCode"),
            _ => matches!(&error, Error::Invalid { code, .. } if code == "SomeCode"),
        };
        assert!(fits, "{status}: {error:?}");
        assert!(
            error
                .to_string()
                .contains("read usage details of /subscriptions/1f2e")
        );
    }
    for status in [201, 202, 300] {
        let server = always(ResponseTemplate::new(status), 1).await;
        let error = read(&client(&server.uri())).await.unwrap_err();
        assert!(
            matches!(error, Error::UnexpectedAnswer { .. }),
            "{status}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_redirect_leads_nowhere_else() {
    let elsewhere = always(rows(), 1).await;
    let redirect = ResponseTemplate::new(302).insert_header("Location", elsewhere.uri());
    let server = always(redirect, 1).await;
    let error = read(&client(&server.uri())).await.unwrap_err();
    assert!(error.to_string().contains("another host"), "{error}");
    let followed = &elsewhere.received_requests().await.unwrap()[0];
    assert!(!followed.headers.contains_key("authorization"));
}

#[tokio::test]
async fn no_connection_is_unavailable_without_a_url() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = read(&client(&format!("http://{address}")))
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Unavailable { tries: 3, .. }),
        "{error:?}"
    );
    assert!(error.to_string().ends_with("no connection"), "{error}");
}

#[test]
fn a_client_shows_no_secret() {
    let shown = format!("{:?}", client("http://127.0.0.1:9"));
    assert!(
        shown.contains("127.0.0.1") && !shown.contains("oken"),
        "{shown}"
    );
}
