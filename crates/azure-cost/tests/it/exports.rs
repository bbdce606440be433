//! Exports: read, written, run, deleted.

use azure_cost::{Error, Export, TimePeriod};
use futures::TryStreamExt;
use jiff::civil::date;
use serde_json::{Value, json};
use wiremock::matchers::{body_json, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{client, scope};

const PATH: &str = "/subscriptions/1f2e/providers/Microsoft.CostManagement/exports";

/// What a put of an export sends, in the version of today.
fn body() -> Value {
    json!({
        "eTag": "\"7\"",
        "identity": {"type": "SystemAssigned"},
        "location": "westeurope",
        "properties": {
            "schedule": {
                "status": "Active",
                "recurrence": "Daily",
                "recurrencePeriod": {
                    "from": "2026-11-01T00:00:00Z", "to": "2030-01-01T00:00:00Z",
                },
            },
            "format": "Parquet",
            "deliveryInfo": {"destination": {
                "type": "AzureBlob",
                "resourceId": "/subscriptions/1f2e/resourceGroups/data/providers/Microsoft.Storage/storageAccounts/costs",
                "container": "exports",
                "rootFolderPath": "daily",
            }},
            "definition": {
                "type": "ReservationRecommendations",
                "timeframe": "Custom",
                "timePeriod": {"from": "2026-11-01T00:00:00Z", "to": "2026-11-30T23:59:59Z"},
                "dataSet": {
                    "granularity": "Daily",
                    "configuration": {
                        "columns": ["Date", "Cost"],
                        "dataVersion": "2023-05-01",
                        "filters": [{"name": "LookBackPeriod", "value": "Last7Days"}],
                    },
                },
            },
            "partitionData": true,
            "compressionMode": "snappy",
            "dataOverwriteBehavior": "OverwritePreviousReport",
            "exportDescription": "For the warehouse.",
        },
    })
}

fn run() -> Value {
    json!({
        "id": "r",
        "name": "r",
        "properties": {
            "executionType": "Scheduled",
            "status": "Failed",
            "submittedBy": "System",
            "submittedTime": "2026-11-18T03:00:00Z",
            "processingEndTime": "2026-11-18T03:05:00.5Z",
            "startDate": "2026-11-01T00:00:00Z",
            "fileName": "daily/a",
            "manifestFile": "daily/a/manifest.json",
            "runSettings": body()["properties"],
            "error": {"code": "NoAccess", "message": "the container is closed"},
        },
    })
}

/// What Azure shows of it.
fn shown() -> Value {
    let mut shown = body();
    shown["id"] = json!(format!("{PATH}/daily"));
    shown["name"] = json!("daily");
    shown["type"] = json!("Microsoft.CostManagement/exports");
    shown["identity"]["principalId"] = json!("p");
    shown["identity"]["tenantId"] = json!("t");
    shown["properties"]["nextRunTimeEstimate"] = json!("2026-11-19T03:00:00Z");
    shown["properties"]["runHistory"] = json!({"value": [run()]});
    shown
}

fn export() -> Export {
    serde_json::from_value(shown()).unwrap()
}

#[tokio::test]
async fn exports_are_listed_with_their_last_runs() {
    let server = MockServer::start().await;
    // As versions of some years ago wrote it.
    let old = json!({"name": "old", "properties": {
        "format": "Csv",
        "deliveryInfo": {"destination": {"resourceId": "/s", "container": "exports"}},
        "definition": {"type": "Usage", "timeframe": "MonthToDate", "dataSet": {}},
    }});
    Mock::given(method("GET"))
        .and(path(PATH))
        .and(query_param("api-version", "2025-03-01"))
        .and(query_param("$expand", "runHistory"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"value": [shown(), old]})))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let found: Vec<_> = client.exports(&scope()).try_collect().await.unwrap();
    assert_eq!(found[0], export());
    assert_eq!((&*found[0].name, &*found[1].name), ("daily", "old"));
    assert_eq!(found[0].identity.as_ref().unwrap().principal_id, "p");
    let next = found[0].next_run_time_estimate.unwrap().to_string();
    assert_eq!(next, "2026-11-19T03:00:00Z");
    let failed = &found[0].runs[0];
    let error = ("NoAccess".to_owned(), "the container is closed".to_owned());
    assert_eq!((&*failed.status, &failed.error), ("Failed", &Some(error)));
    assert_eq!(failed.settings.as_ref(), Some(&found[0].properties));
    assert_eq!(
        (failed.processing_start_time, failed.end_date),
        (None, None)
    );
    assert_eq!(found[1].properties.schedule, None);
    assert_eq!(found[1].properties.partition_data, None);
}

#[tokio::test]
async fn what_was_read_is_put_with_the_same_meaning() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(format!("{PATH}/daily")))
        .and(query_param("$expand", "runHistory"))
        .respond_with(ResponseTemplate::new(200).set_body_json(shown()))
        .mount(&server)
        .await;
    Mock::given(method("PUT"))
        .and(path(format!("{PATH}/daily")))
        .and(query_param("api-version", "2025-03-01"))
        .and(body_json(body()))
        .respond_with(ResponseTemplate::new(201).set_body_json(shown()))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let read = client.export(&scope(), "daily").await.unwrap();
    let put = client.put_export(&scope(), "daily", &read).await.unwrap();
    assert_eq!(put, read);
    assert_eq!(serde_json::to_value(&read).unwrap(), body());

    // Created anew, without a version.
    let fresh = Export {
        e_tag: None,
        identity: None,
        ..read
    };
    let json = serde_json::to_value(&fresh).unwrap();
    assert!(
        json.get("eTag").is_none() && json.get("identity").is_none(),
        "{json}"
    );
}

#[tokio::test]
async fn an_export_that_was_changed_meanwhile_is_a_conflict() {
    for status in [409, 412] {
        let server = MockServer::start().await;
        let error = json!({"error": {"code": "ETagMismatch", "message": "read it again"}});
        Mock::given(method("PUT"))
            .respond_with(ResponseTemplate::new(status).set_body_json(error))
            .expect(1)
            .mount(&server)
            .await;
        let put = client(&server.uri())
            .put_export(&scope(), "daily", &export())
            .await;
        assert!(matches!(put, Err(Error::Conflict { .. })), "{put:?}");
    }
}

#[tokio::test]
async fn an_export_is_run_for_its_own_or_another_period() {
    let server = MockServer::start().await;
    let november = TimePeriod::days(date(2026, 11, 1), date(2026, 12, 1));
    let period = json!({"from": "2026-11-01T00:00:00Z", "to": "2026-11-30T23:59:59Z"});
    Mock::given(method("POST"))
        .and(path(format!("{PATH}/daily/run")))
        .and(query_param("api-version", "2025-03-01"))
        .and(body_json(json!({"timePeriod": period})))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    client
        .run_export(&scope(), "daily", Some(november))
        .await
        .unwrap();

    server.reset().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    client.run_export(&scope(), "daily", None).await.unwrap();
    let request = &server.received_requests().await.unwrap()[0];
    assert!(request.body.is_empty());
    assert_eq!(request.headers["content-length"], "0");
}

#[tokio::test]
async fn runs_are_listed() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(format!("{PATH}/daily/runHistory")))
        .and(query_param("api-version", "2025-03-01"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"value": [run(), run()]})))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let runs: Vec<_> = client
        .export_runs(&scope(), "daily")
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        (runs.len(), &*runs[1].manifest_file),
        (2, "daily/a/manifest.json")
    );
    let refused: Result<Vec<_>, _> = client.export_runs(&scope(), "").try_collect().await;
    assert!(matches!(refused, Err(Error::Invalid { code, .. }) if code == "NotSent"));
}

#[tokio::test]
async fn an_export_is_deleted_even_if_the_first_answer_gets_lost() {
    let server = MockServer::start().await;
    Mock::given(method("DELETE"))
        .and(path(format!("{PATH}/daily")))
        .respond_with(ResponseTemplate::new(500))
        .up_to_n_times(1)
        .expect(1)
        .mount(&server)
        .await;
    let gone = ResponseTemplate::new(404);
    Mock::given(method("DELETE"))
        .respond_with(gone)
        .expect(2)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    client.delete_export(&scope(), "daily").await.unwrap();
    let error = client.delete_export(&scope(), "daily").await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
}
