//! What usage details ask and how answers become rows and facts.

use azure_cost::{Error, Limits, UsageFold};
use budget_engine::{CostBasis, Dimension, FactsBuilder, Projection, Scope};
use jiff::Timestamp;
use jiff::civil::date;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{client, legacy, modern, november, read, scope};

const PATH: &str = "/subscriptions/1f2e/providers/Microsoft.Consumption/usageDetails";

fn page(items: Value, next: Option<String>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"value": items, "nextLink": next}))
}

/// Answers the first request with a page that has a link, and the link with another page.
async fn two_pages(server: &MockServer, link: String, first: Value, second: Value) {
    Mock::given(path(PATH))
        .and(query_param_is_missing("$skiptoken"))
        .respond_with(page(first, Some(link)))
        .expect(1)
        .mount(server)
        .await;
    Mock::given(path(PATH))
        .and(query_param("$skiptoken", "A=="))
        .and(header("authorization", "Bearer token-2"))
        .respond_with(page(second, None))
        .expect(1)
        .mount(server)
        .await;
}

#[tokio::test]
async fn rows_are_asked_for_as_azure_wants_it() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(PATH))
        .and(query_param("api-version", "2024-08-01"))
        .and(query_param("metric", "actualcost"))
        .and(query_param("$expand", "meterDetails"))
        .and(query_param("$top", "1000"))
        .and(query_param(
            "$filter",
            "properties/usageStart ge '2026-11-01' and properties/usageEnd le '2026-12-01'",
        ))
        .and(query_param("startDate", "2026-11-01"))
        .and(query_param("endDate", "2026-12-01"))
        .and(header("authorization", "Bearer token-1"))
        .and(header("accept", "application/json"))
        .respond_with(page(json!([legacy("2026-11-03", json!(1.25))]), None))
        .expect(1)
        .mount(&server)
        .await;
    let pages = read(&client(&server.uri())).await.unwrap();
    assert_eq!(pages.len(), 1);
    let row = &pages[0].rows[0];
    assert_eq!(
        (row.date, row.cost.to_string()),
        (date(2026, 11, 3), "1.25".to_owned())
    );
    assert_eq!(
        (&*row.resource_group, &*row.meter_category),
        ("payments", "Storage")
    );
    let request = &server.received_requests().await.unwrap()[0];
    let query = request.url.query().unwrap();
    assert!(
        query.contains("$filter=properties/usageStart%20ge%20"),
        "{query}"
    );
}

#[tokio::test]
async fn rows_of_other_days_only_are_no_answer() {
    for (days, is_answer) in [
        (vec!["2026-10-05", "2026-10-31"], false),
        (vec!["2026-12-02"], false),
        // The day after the asked ones is asked for, too, but no day after that.
        (vec!["2026-12-01"], true),
        (vec!["2026-12-01", "2026-12-18"], false),
        (vec!["2026-11-30", "2026-12-01", "2026-12-02"], true),
        (vec!["2026-10-31", "2026-11-01"], true),
        (vec![], true),
    ] {
        let server = MockServer::start().await;
        let items = days.iter().map(|day| legacy(day, json!(1)));
        let link = format!("{}{PATH}?$skiptoken=A%3D%3D", server.uri());
        let items = json!(items.collect::<Vec<_>>());
        two_pages(&server, link, items, json!([])).await;
        let found = read(&client(&server.uri())).await;
        match found {
            Ok(_) => assert!(is_answer, "{days:?}"),
            Err(error) => {
                assert!(!is_answer, "{days:?}: {error}");
                assert!(matches!(error, Error::UnexpectedAnswer { .. }), "{error:?}");
                assert!(error.to_string().contains("of other days"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn both_kinds_and_two_pages_become_one_series_with_exact_sums() {
    let server = MockServer::start().await;
    let link = format!(
        "{}{PATH}?api-version=2019-10-01&$skiptoken=A%3D%3D",
        server.uri()
    );
    // The text is written by hand so that the digits are what is sent.
    let tiny = "1.980949998e-06";
    let first = json!([
        legacy("2026-11-03", json!(0.1)),
        legacy("2026-11-03", json!(0.2)),
        legacy("2026-12-01", json!(999)),
    ]);
    let second = json!([
        modern("2026-11-03", json!("TINY")),
        modern("2026-11-04", json!(-5))
    ]);
    Mock::given(query_param_is_missing("$skiptoken"))
        .respond_with(page(first, Some(link)))
        .mount(&server)
        .await;
    let second = json!({"value": second})
        .to_string()
        .replace("\"TINY\"", tiny);
    Mock::given(query_param("$skiptoken", "A=="))
        .respond_with(ResponseTemplate::new(200).set_body_raw(second, "application/json"))
        .mount(&server)
        .await;

    let mut facts = FactsBuilder::new(Projection {
        dimensions: [Dimension::ServiceName].into(),
        ..Projection::default()
    });
    let mut fold = UsageFold::new(&scope(), CostBasis::Actual);
    for page in read(&client(&server.uri())).await.unwrap() {
        fold.add(&page.rows, &mut facts).unwrap();
    }
    let facts = facts.finish(Timestamp::UNIX_EPOCH);
    let group = Scope::resource_group("1f2e", "Payments").unwrap();
    let series: Vec<_> = facts.series_in(&group).collect();
    assert_eq!(series.len(), 1, "letter case makes no second series");
    let days: Vec<_> = series[0]
        .days
        .iter()
        .map(|day| (day.date, day.actual.normalize().to_string()))
        .collect();
    let expected = [
        (date(2026, 11, 3), "0.300001980949998".to_owned()),
        (date(2026, 11, 4), "-5".to_owned()),
    ];
    assert_eq!(days, expected, "1 December was not asked for");
}

#[tokio::test]
async fn links_are_followed_as_they_are_with_a_token() {
    let server = MockServer::start().await;
    let link = format!(
        "{}{PATH}?$filter=a ge 'b'&$skiptoken=A%3D%3D&",
        server.uri()
    );
    let row = json!([legacy("2026-11-03", json!(1))]);
    two_pages(&server, link, row.clone(), row).await;
    assert_eq!(read(&client(&server.uri())).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_link_to_another_host_is_refused_and_never_asked() {
    let server = MockServer::start().await;
    let elsewhere = MockServer::start().await;
    let link = format!("{}{PATH}?$skiptoken=secret", elsewhere.uri());
    Mock::given(path(PATH))
        .respond_with(page(json!([]), Some(link)))
        .mount(&server)
        .await;
    let error = read(&client(&server.uri())).await.unwrap_err();
    assert!(matches!(error, Error::UnexpectedAnswer { .. }), "{error:?}");
    assert!(error.to_string().contains("leads elsewhere"), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_link_that_was_seen_before_is_an_error_and_no_loop() {
    let server = MockServer::start().await;
    let link = format!("{}{PATH}?$skiptoken=A", server.uri());
    Mock::given(path(PATH))
        .respond_with(page(json!([]), Some(link)))
        .expect(2)
        .mount(&server)
        .await;
    let error = read(&client(&server.uri())).await.unwrap_err();
    assert!(error.to_string().contains("page 2 links back"), "{error}");
}

#[tokio::test]
async fn pages_and_bytes_have_an_end() {
    let server = MockServer::start().await;
    let link = format!("{}{PATH}?$skiptoken=A%3D%3D", server.uri());
    Mock::given(path(PATH))
        .respond_with(page(json!([legacy("2026-11-03", json!(1))]), Some(link)))
        .mount(&server)
        .await;
    let one_page = Limits {
        pages: 1,
        ..Limits::default()
    };
    let error = read(&client(&server.uri()).with_limits(one_page))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("more than 1 pages"), "{error}");
    let few_bytes = Limits {
        answer_bytes: 100,
        ..Limits::default()
    };
    let error = read(&client(&server.uri()).with_limits(few_bytes))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("longer than 100 bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn no_content_is_an_empty_answer() {
    let server = MockServer::start().await;
    Mock::given(path(PATH))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(read(&client(&server.uri())).await.unwrap(), []);
}

#[tokio::test]
async fn no_content_behind_a_link_is_an_error_and_no_end() {
    let server = MockServer::start().await;
    let link = format!("{}{PATH}?$skiptoken=A%3D%3D", server.uri());
    Mock::given(query_param_is_missing("$skiptoken"))
        .respond_with(page(json!([legacy("2026-11-03", json!(1))]), Some(link)))
        .mount(&server)
        .await;
    Mock::given(query_param("$skiptoken", "A=="))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    let error = read(&client(&server.uri())).await.unwrap_err();
    assert!(
        error.to_string().contains("page 2 has no content"),
        "{error}"
    );
}

#[tokio::test]
async fn answers_that_are_wrong_say_where() {
    for (body, problem) in [
        ("{\"value\": [", "page 1 ends early"),
        ("<html>", "page 1 is not JSON"),
        ("[]", "page 1 has another shape"),
        ("{}", "`value` is missing in page 1"),
        (
            r#"{"value": [{"kind": "legacy", "properties": {"date": "2026-11-03"}}]}"#,
            "`cost` is missing in item 1 of page 1",
        ),
    ] {
        let server = MockServer::start().await;
        Mock::given(path(PATH))
            .respond_with(ResponseTemplate::new(200).set_body_raw(body, "application/json"))
            .expect(1)
            .mount(&server)
            .await;
        let error = read(&client(&server.uri())).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::UnexpectedAnswer { .. }), "{text}");
        assert!(
            text.contains(problem) && text.contains("/subscriptions/1f2e"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_resource_group_is_not_asked() {
    let server = MockServer::start().await;
    let group = Scope::resource_group("1f2e", "payments").unwrap();
    let pages = client(&server.uri()).usage_details(&group, &november());
    let pages: Result<Vec<_>, _> = futures::TryStreamExt::try_collect(pages).await;
    assert!(matches!(pages, Err(Error::Invalid { .. })));
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}
