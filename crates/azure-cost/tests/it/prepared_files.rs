//! Reports and files that Azure prepares: started, waited for, read from behind signed links.

use std::time::Duration;

use azure_cost::{
    Client, CostDetails, CostDetailsPeriod, CostDetailsQuery, CostDetailsReport, Error, Pending,
    PreparedFile, PriceSheetFile, ReportFile, Retry, Waits,
};
use budget_engine::{CostBasis, Scope};
use futures::TryStreamExt;
use jiff::civil::date;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wiremock::matchers::{any, body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{client, scope};

const START: &str =
    "/subscriptions/1f2e/providers/Microsoft.CostManagement/generateCostDetailsReport";

fn query(period: CostDetailsPeriod) -> CostDetailsQuery {
    CostDetailsQuery {
        metric: CostBasis::Amortized,
        period,
    }
}

fn current() -> CostDetailsQuery {
    query(CostDetailsPeriod::CurrentMonth)
}

fn accepted(server: &MockServer, place: &str) -> ResponseTemplate {
    ResponseTemplate::new(202)
        .insert_header("Location", format!("{}{place}", server.uri()))
        .insert_header("Retry-After", "0")
}

fn json_answer(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn manifest(server: &MockServer, names: &[&str]) -> Value {
    let blobs: Vec<Value> = names
        .iter()
        .map(|name| {
            let link = format!("{}/blobs/{name}?sig=secret%2Fsignature", server.uri());
            json!({"blobLink": link, "byteCount": 5})
        })
        .collect();
    json!({
        "id": "x",
        "status": "Completed",
        "manifest": {
            "manifestVersion": "1",
            "dataFormat": "Csv",
            "byteCount": 5 * blobs.len(),
            "blobCount": blobs.len(),
            "compressData": false,
            "blobs": blobs,
        },
        "validTill": "2026-11-19T08:08:46.1973252Z",
    })
}

async fn start_with(server: &MockServer, answer: ResponseTemplate, times: u64) {
    Mock::given(method("POST"))
        .respond_with(answer)
        .expect(times)
        .mount(server)
        .await;
}

async fn read(client: &Client, file: &ReportFile) -> Result<Vec<u8>, Error> {
    let chunks: Vec<_> = client.download(&file.link).try_collect().await?;
    Ok(chunks.concat())
}

async fn report(server: &MockServer) -> Result<CostDetailsReport, Error> {
    client(&server.uri())
        .cost_details(&scope(), &current())
        .await
}

#[tokio::test]
async fn a_report_is_waited_for_and_all_its_files_are_read_without_the_token() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path(START))
        .and(query_param("api-version", "2025-03-01"))
        .and(header("authorization", "Bearer token-1"))
        .and(body_json(json!({
            "metric": "AmortizedCost",
            "timePeriod": {"start": "2026-11-01", "end": "2026-11-15"},
        })))
        .respond_with(accepted(&server, "/results/7?api-version=2024-08-01"))
        .expect(1)
        .mount(&server)
        .await;
    // The second "not yet" says neither where nor when.
    Mock::given(path("/results/7"))
        .respond_with(ResponseTemplate::new(202))
        .up_to_n_times(1)
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/results/7"))
        .and(query_param("api-version", "2024-08-01"))
        .respond_with(json_answer(&manifest(&server, &["a", "b"])))
        .expect(1)
        .mount(&server)
        .await;
    for name in ["a", "b"] {
        Mock::given(path(format!("/blobs/{name}")))
            .and(query_param("sig", "secret/signature"))
            .respond_with(ResponseTemplate::new(200).set_body_string(format!("x\n{name}\n\n")))
            .expect(1)
            .mount(&server)
            .await;
    }
    let client = client(&server.uri());
    let days = CostDetailsPeriod::Days(date(2026, 11, 1), date(2026, 11, 15));
    let report = client.cost_details(&scope(), &query(days)).await.unwrap();
    assert_eq!(report.files.len(), 2);
    assert_eq!(report.files[1].bytes, Some(5));
    let valid_till = report.valid_till.unwrap().to_string();
    assert_eq!(valid_till, "2026-11-19T08:08:46.1973252Z");
    assert_eq!(read(&client, &report.files[0]).await.unwrap(), b"x\na\n\n");
    assert_eq!(read(&client, &report.files[1]).await.unwrap(), b"x\nb\n\n");
    let shown = format!("{report:?}");
    assert!(
        shown.contains("/blobs/a") && !shown.contains("secret"),
        "{shown}"
    );
    for request in server.received_requests().await.unwrap() {
        let is_signed = request.headers.contains_key("authorization");
        assert_eq!(is_signed, !request.url.path().starts_with("/blobs"));
    }
}

#[tokio::test]
async fn a_report_names_one_period_at_most() {
    for (period, expected) in [
        (
            CostDetailsPeriod::CurrentMonth,
            json!({"metric": "AmortizedCost"}),
        ),
        (
            CostDetailsPeriod::BillingPeriod("202611".to_owned()),
            json!({"metric": "AmortizedCost", "billingPeriod": "202611"}),
        ),
        (
            CostDetailsPeriod::Invoice("G042".to_owned()),
            json!({"metric": "AmortizedCost", "invoiceId": "G042"}),
        ),
    ] {
        let server = MockServer::start().await;
        Mock::given(body_json(expected))
            .respond_with(ResponseTemplate::new(204))
            .expect(1)
            .mount(&server)
            .await;
        let report = client(&server.uri())
            .cost_details(&scope(), &query(period))
            .await;
        assert!(report.unwrap().files.is_empty());
    }
}

#[tokio::test]
async fn scopes_without_reports_are_not_asked() {
    let server = MockServer::start().await;
    for path in [
        "/subscriptions/1/resourceGroups/a",
        "/providers/Microsoft.Management/managementGroups/a",
    ] {
        let scope = Scope::parse(path).unwrap();
        let error = client(&server.uri()).cost_details(&scope, &current()).await;
        assert!(matches!(error, Err(Error::Invalid { code, .. }) if code == "NotSent"));
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_report_may_be_there_at_once_or_have_no_data() {
    let server = MockServer::start().await;
    start_with(&server, json_answer(&manifest(&server, &["a"])), 1).await;
    assert_eq!(report(&server).await.unwrap().files.len(), 1);

    let server = MockServer::start().await;
    start_with(&server, json_answer(&json!({"status": "NoDataFound"})), 1).await;
    assert!(report(&server).await.unwrap().files.is_empty());
}

#[tokio::test]
async fn a_failure_that_comes_as_success_is_a_failure() {
    let server = MockServer::start().await;
    start_with(&server, accepted(&server, "/results/7"), 1).await;
    let body = json!({
        "status": "Failed",
        "manifest": null,
        "error": {"code": "TooLarge", "message": "more than 2 GB"},
    });
    Mock::given(path("/results/7"))
        .respond_with(json_answer(&body))
        .expect(1)
        .mount(&server)
        .await;
    let error = report(&server).await.unwrap_err();
    assert!(
        matches!(&error, Error::Failed { code, message, .. }
            if code == "TooLarge" && message == "more than 2 GB"),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_answer_that_leads_nowhere_is_an_error_and_no_report() {
    let server = MockServer::start().await;
    let mut short = manifest(&server, &["a", "b"]);
    short["manifest"]["blobs"].as_array_mut().unwrap().pop();
    let mut bad_link = manifest(&server, &["a"]);
    bad_link["manifest"]["blobs"][0]["blobLink"] = json!("http://192.0.2.1/blob?sig=secret");
    for (answer, problem) in [
        (ResponseTemplate::new(202), "without a `Location`"),
        (
            ResponseTemplate::new(202).insert_header("Location", "https://example.com/7"),
            "elsewhere",
        ),
        (
            json_answer(&json!({"status": "Completed"})),
            "`manifest` is missing",
        ),
        (json_answer(&json!({})), "`status` is missing"),
        (json_answer(&short), "`manifest.blobCount`"),
        (json_answer(&bad_link), "https"),
        (ResponseTemplate::new(200).set_body_string("<html>"), "JSON"),
    ] {
        let server = MockServer::start().await;
        start_with(&server, answer, 1).await;
        let error = report(&server).await.unwrap_err();
        assert!(matches!(error, Error::UnexpectedAnswer { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(problem) && !text.contains("secret"), "{text}");
    }
}

#[tokio::test]
async fn starting_is_repeated_whether_or_not_it_may_have_begun() {
    let server = MockServer::start().await;
    start_with(&server, ResponseTemplate::new(500), 3).await;
    let error = report(&server).await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable { tries: 3, .. }),
        "{error:?}"
    );

    for answer in [
        ResponseTemplate::new(429).insert_header("Retry-After", "0"),
        ResponseTemplate::new(500),
    ] {
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(answer)
            .up_to_n_times(1)
            .expect(1)
            .mount(&server)
            .await;
        start_with(&server, ResponseTemplate::new(204), 1).await;
        assert!(report(&server).await.unwrap().files.is_empty());
    }
}

#[tokio::test]
async fn another_process_can_go_on_from_what_was_stored() {
    let server = MockServer::start().await;
    start_with(&server, accepted(&server, "/results/7"), 1).await;
    let started = client(&server.uri())
        .start_cost_details(&scope(), &current())
        .await
        .unwrap();
    let CostDetails::Pending(pending) = started else {
        panic!("{started:?}");
    };
    let shown = format!("{pending:?}");
    assert!(!shown.contains("results"), "{shown}");
    let stored = serde_json::to_string(&pending).unwrap();

    Mock::given(path("/results/7"))
        .respond_with(json_answer(&manifest(&server, &["a"])))
        .expect(1)
        .mount(&server)
        .await;
    let pending: Pending = serde_json::from_str(&stored).unwrap();
    let later = client(&server.uri());
    let state = later.cost_details_again(&scope(), &pending).await.unwrap();
    assert!(matches!(state, CostDetails::Ready(report) if report.files.len() == 1));

    // A place that was changed in the store does not get the token.
    let forged = stored.replace(&server.uri(), "https://example.com");
    let pending: Pending = serde_json::from_str(&forged).unwrap();
    let error = later
        .cost_details_again(&scope(), &pending)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("elsewhere"), "{error}");
}

#[tokio::test]
async fn a_link_that_has_run_out_says_so() {
    let server = MockServer::start().await;
    start_with(&server, json_answer(&manifest(&server, &["a"])), 1).await;
    let body = "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code></Error>";
    Mock::given(path("/blobs/a"))
        .respond_with(ResponseTemplate::new(403).set_body_string(body))
        .expect(1)
        .mount(&server)
        .await;
    let report = report(&server).await.unwrap();
    let error = read(&client(&server.uri()), &report.files[0])
        .await
        .unwrap_err();
    assert!(matches!(error, Error::LinkExpired { .. }), "{error:?}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

/// A connection and the head of its request, in lower case.
async fn accept(listener: &TcpListener) -> (TcpStream, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(request).unwrap().to_lowercase())
}

/// Answers connections one after the other, each with the given bytes, and gives the requests.
async fn raw_server(answers: Vec<String>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let serve = async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, request) = accept(&listener).await;
            requests.push(request);
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
        requests
    };
    (base, tokio::spawn(serve))
}

/// A file on a server of its own, as a report gives it.
async fn file_at(base: &str) -> ReportFile {
    let server = MockServer::start().await;
    let mut body = manifest(&server, &["a"]);
    body["manifest"]["blobs"][0]["blobLink"] = json!(format!("{base}/blobs/a?sig=secret"));
    start_with(&server, json_answer(&body), 1).await;
    report(&server).await.unwrap().files.remove(0)
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_broke() {
    let (base, requests) = raw_server(vec![
        "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 10\r\n\r\n0123".to_owned(),
        "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 4-9/10\r\n\
         Content-Length: 6\r\n\r\n456789"
            .to_owned(),
    ])
    .await;
    let file = file_at(&base).await;
    let bytes = read(&client(&base), &file).await.unwrap();
    assert_eq!(bytes, b"0123456789");
    let requests = requests.await.unwrap();
    assert!(!requests[0].contains("range:"), "{}", requests[0]);
    for rest in &requests[1..] {
        assert!(
            rest.contains("range: bytes=4-") && rest.contains("if-match: \"v1\""),
            "{rest}"
        );
        assert!(!rest.contains("authorization"), "{rest}");
    }
}

#[tokio::test]
async fn a_broken_download_goes_on_only_where_its_place_is_known() {
    for answer in [
        "Content-Encoding: br\r\nContent-Length: 10\r\n\r\n0123",
        "Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\nETag: \"v1\"\r\n{answer}");
        let (base, requests) = raw_server(vec![answer]).await;
        let file = file_at(&base).await;
        let error = read(&client(&base), &file).await.unwrap_err();
        assert!(error.to_string().contains("broke off"), "{error}");
        let requests = requests.await.unwrap();
        assert!(
            requests[0].contains("accept-encoding: identity"),
            "{}",
            requests[0]
        );
    }
}

#[tokio::test]
async fn another_part_than_the_rest_is_not_put_behind_the_beginning() {
    let begin = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 10\r\n\r\n0123";
    for range in [
        "Content-Range: bytes 0-5/10\r\n",
        "Content-Range: bytes 5-9/10\r\n",
        "Content-Range: bytes 4-9/12\r\n",
        "Content-Range: pages 4-9/10\r\n",
        "Content-Range: bytes four\r\n",
        "",
    ] {
        let rest = format!(
            "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\n{range}Content-Length: 6\r\n\r\n456789"
        );
        let (base, _requests) = raw_server(vec![begin.to_owned(), rest]).await;
        let file = file_at(&base).await;
        let error = read(&client(&base), &file).await.unwrap_err().to_string();
        assert!(error.contains("from byte 4 of 10 on"), "{range}: {error}");
    }
    let part = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/10\r\n\
                Content-Length: 4\r\n\r\n0123";
    let (base, _requests) = raw_server(vec![part.to_owned()]).await;
    let file = file_at(&base).await;
    let error = read(&client(&base), &file).await.unwrap_err();
    assert!(error.to_string().contains("a part of it came"), "{error}");
}

#[tokio::test]
async fn a_rest_that_ends_early_is_not_the_whole_file() {
    let (base, requests) = raw_server(vec![
        "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 10\r\n\r\n0123".to_owned(),
        "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 4-9/10\r\n\
         Content-Length: 3\r\n\r\n456"
            .to_owned(),
        "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 7-9/*\r\n\
         Content-Length: 3\r\n\r\n789"
            .to_owned(),
    ])
    .await;
    let file = file_at(&base).await;
    let bytes = read(&client(&base), &file).await.unwrap();
    assert_eq!(bytes, b"0123456789");
    assert!(requests.await.unwrap()[2].contains("range: bytes=7-"));
}

#[tokio::test]
async fn a_download_that_stalls_is_taken_up_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stalled, _) = accept(&listener).await;
        let begin = b"HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 6\r\n\r\nabc";
        stalled.write_all(begin).await.unwrap();
        // It stays open while the rest is asked for on another one.
        let (mut second, request) = accept(&listener).await;
        assert!(request.contains("range: bytes=3-"), "{request}");
        let rest = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 3-5/6\r\n\
            Content-Length: 3\r\n\r\ndef";
        second.write_all(rest).await.unwrap();
        second.shutdown().await.unwrap();
        let mut left = Vec::new();
        let _ = stalled.read_to_end(&mut left).await;
    });
    let file = file_at(&base).await;
    let impatient = client(&base).with_retry(Retry {
        first_wait: Duration::ZERO,
        timeout: Duration::from_secs(1),
        ..Retry::default()
    });
    assert_eq!(read(&impatient, &file).await.unwrap(), b"abcdef");
}

#[tokio::test]
async fn a_file_that_drips_ends_with_the_time_that_there_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = accept(&listener).await;
        let begin = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n";
        stream.write_all(begin).await.unwrap();
        for _ in 0..500 {
            if stream.write_all(b"a").await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let file = file_at(&base).await;
    let waits = Waits {
        until: Some(tokio::time::Instant::now() + Duration::from_millis(300)),
        ..Waits::default()
    };
    let error = read(&client(&base).with_waits(waits), &file).await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn storage_that_wants_a_long_pause_gets_it_from_the_caller() {
    let server = MockServer::start().await;
    let busy = ResponseTemplate::new(429).insert_header("Retry-After", "600");
    Mock::given(path("/blobs/a"))
        .respond_with(busy)
        .expect(1)
        .mount(&server)
        .await;
    let file = file_at(&server.uri()).await;
    let error = read(&client(&server.uri()), &file).await.unwrap_err();
    assert!(matches!(error, Error::Throttled { .. }), "{error:?}");
}

#[tokio::test]
async fn another_version_of_a_file_is_not_put_behind_the_first() {
    let broken = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 10\r\n\r\n0123".to_owned();
    let changed = "HTTP/1.1 412 Changed\r\nContent-Length: 0\r\n\r\n".to_owned();
    let (base, _requests) = raw_server(vec![broken.clone(), changed]).await;
    let file = file_at(&base).await;
    let error = read(&client(&base), &file).await.unwrap_err();
    assert!(error.to_string().contains("replaced"), "{error}");

    let whole = "HTTP/1.1 200 OK\r\nETag: \"v2\"\r\nContent-Length: 3\r\n\r\nabc".to_owned();
    let (base, _requests) = raw_server(vec![broken, whole]).await;
    let file = file_at(&base).await;
    let error = read(&client(&base), &file).await.unwrap_err();
    assert!(matches!(error, Error::UnexpectedAnswer { .. }), "{error:?}");
}

#[tokio::test]
async fn the_older_report_is_one_file() {
    let server = MockServer::start().await;
    let base = "/subscriptions/1f2e/providers/Microsoft.CostManagement";
    Mock::given(method("POST"))
        .and(path(format!("{base}/generateDetailedCostReport")))
        .and(body_json(json!({
            "metric": "AmortizedCost", "invoiceId": "G042", "customerId": "77",
        })))
        .respond_with(accepted(&server, "/operationResults/7").insert_header(
            "Azure-Consumption-AsyncOperation",
            format!("{}/operationStatus/7", server.uri()),
        ))
        .expect(1)
        .mount(&server)
        .await;
    let properties = json!({
        "downloadUrl": format!("{}/blobs/a?sig=%2T", server.uri()),
        "validTill": "2026-11-19T08:00:00Z",
    });
    Mock::given(path("/operationResults/7"))
        .respond_with(json_answer(&json!({"name": "7", "properties": properties})))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let invoice = query(CostDetailsPeriod::Invoice("G042".to_owned()));
    let started = client
        .start_detailed_cost_report(&scope(), &invoice, Some("77"))
        .await
        .unwrap();
    let file = client.wait_for_file(started).await.unwrap().unwrap();
    // What is odd in a signed link stays as it is.
    assert_eq!(file.link.reveal().query(), Some("sig=%2T"));
    assert_eq!(
        file.link.valid_till,
        Some("2026-11-19T08:00:00Z".parse().unwrap())
    );

    let status = json!({
        "status": "Completed", "properties": properties, "error": {"code": "0", "message": null},
    });
    Mock::given(path(format!("{base}/operationStatus/7")))
        .respond_with(json_answer(&status))
        .expect(1)
        .mount(&server)
        .await;
    let state = client
        .detailed_cost_report_status(&scope(), "7")
        .await
        .unwrap();
    assert_eq!(state, PreparedFile::Ready(file));
    Mock::given(path(format!("{base}/operationResults/8")))
        .respond_with(ResponseTemplate::new(404))
        .expect(1)
        .mount(&server)
        .await;
    let gone = client
        .detailed_cost_report_result(&scope(), "8")
        .await
        .unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }), "{gone:?}");
}

#[tokio::test]
async fn running_may_be_said_with_a_status_of_success() {
    let server = MockServer::start().await;
    start_with(&server, accepted(&server, "/results/7"), 1).await;
    let running = json_answer(&json!({"status": "Running"})).insert_header("Retry-After", "0");
    Mock::given(path("/results/7"))
        .respond_with(running.clone())
        .up_to_n_times(2)
        .expect(2)
        .mount(&server)
        .await;
    let done = json!({"status": "Completed", "properties": {
        "reportUrl": format!("{}/blobs/r?sig=1", server.uri()),
        "validUntil": "2026-11-19T02:00:00Z",
    }});
    Mock::given(path("/results/7"))
        .respond_with(json_answer(&done))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let account = Scope::parse("/providers/Microsoft.Billing/billingAccounts/11").unwrap();
    let days = (date(2026, 10, 1), date(2026, 11, 1));
    let started = client
        .start_reservation_details(&account, days.0, days.1)
        .await
        .unwrap();
    let PreparedFile::Pending(pending) = started else {
        panic!("{started:?}");
    };
    let state = client.prepared_file(&pending).await.unwrap();
    assert!(matches!(state, PreparedFile::Pending(_)), "{state:?}");
    let file = client.wait_for_file(state).await.unwrap().unwrap();
    assert_eq!(file.link.path(), "/blobs/r");
    let first = &server.received_requests().await.unwrap()[0];
    let tail = "/providers/Microsoft.CostManagement/generateReservationDetailsReport";
    assert_eq!(first.url.path(), format!("{account}{tail}"));
    let query = "startDate=2026-10-01&endDate=2026-10-31&api-version=2025-03-01";
    assert_eq!(first.url.query(), Some(query));

    // Where nobody was told where to ask, it cannot be asked again.
    let server = MockServer::start().await;
    start_with(&server, running, 1).await;
    let lost = client_of(&server)
        .start_reservation_details(&account, days.0, days.1)
        .await;
    assert!(
        matches!(lost, Err(Error::UnexpectedAnswer { .. })),
        "{lost:?}"
    );
}

fn client_of(server: &MockServer) -> Client {
    client(&server.uri())
}

#[tokio::test]
async fn price_sheets_are_asked_for_where_they_are() {
    let enterprise = "/providers/Microsoft.Billing/billingAccounts/11";
    let profile = "/providers/Microsoft.Billing/billingAccounts/11:22/billingProfiles/P";
    let tail = "providers/Microsoft.CostManagement/pricesheets/default/download";
    for (scope, sheet, expected) in [
        (
            enterprise,
            PriceSheetFile::BillingPeriod("202611"),
            format!("{enterprise}/billingPeriods/202611/{tail}"),
        ),
        (
            profile,
            PriceSheetFile::Current,
            format!("{profile}/{tail}"),
        ),
        (
            profile,
            PriceSheetFile::Invoice("G042"),
            format!("{profile}/invoices/G042/{tail}"),
        ),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path(expected))
            .and(header("content-length", "0"))
            .respond_with(accepted(&server, "/results/7?sessiontoken=0:1"))
            .expect(1)
            .mount(&server)
            .await;
        let link = format!("{}/blobs/sheet.zip?sig=1", server.uri());
        let body = json!({"downloadUrl": link, "expiryTime": "2026-11-19T02:00:00Z"});
        Mock::given(path("/results/7"))
            .respond_with(json_answer(&body))
            .expect(1)
            .mount(&server)
            .await;
        let client = client(&server.uri());
        let scope = Scope::parse(scope).unwrap();
        let started = client.start_price_sheet(&scope, &sheet).await.unwrap();
        let file = client.wait_for_file(started).await.unwrap().unwrap();
        assert_eq!(file.link.path(), "/blobs/sheet.zip");
        assert!(file.link.valid_till.is_some());

        let wrong = client
            .start_price_sheet(&self::scope(), &sheet)
            .await
            .unwrap_err();
        assert!(
            wrong.to_string().contains("not for a subscription"),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn files_that_fail_or_are_empty_say_so() {
    for (answer, expected) in [
        (ResponseTemplate::new(204), Some(PreparedFile::Nothing)),
        (
            json_answer(&json!({"status": "NoDataFound"})),
            Some(PreparedFile::Nothing),
        ),
        (
            json_answer(&json!({"status": "TimedOut", "error": {"code": "504"}})),
            None,
        ),
    ] {
        let server = MockServer::start().await;
        start_with(&server, answer, 1).await;
        let client = client(&server.uri());
        let file = client
            .start_detailed_cost_report(&scope(), &current(), None)
            .await;
        match expected {
            Some(expected) => assert_eq!(file.unwrap(), expected),
            None => assert!(matches!(file, Err(Error::Failed { code, .. }) if code == "504")),
        }
    }
}

#[tokio::test]
async fn a_wait_that_is_too_long_tells_how_to_go_on() {
    let server = MockServer::start().await;
    let day = Duration::from_secs(24 * 3600).as_secs().to_string();
    let answer = ResponseTemplate::new(202)
        .insert_header("Location", format!("{}/results/7", server.uri()))
        .insert_header("Retry-After", &*day);
    start_with(&server, answer, 1).await;
    let error = report(&server).await.unwrap_err();
    let Error::NotReady { pending, .. } = error else {
        panic!("{error:?}");
    };
    Mock::given(path("/results/7"))
        .respond_with(json_answer(&manifest(&server, &[])))
        .expect(1)
        .mount(&server)
        .await;
    let state = client(&server.uri())
        .cost_details_again(&scope(), &pending)
        .await
        .unwrap();
    assert!(matches!(state, CostDetails::Ready(report) if report.files.is_empty()));
}
