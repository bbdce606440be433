//! Cost reports, their files, and exports.

use rust_decimal::Decimal;

use super::*;

const SUBSCRIPTION: &str = "/subscriptions/7d1f6a52-90c4-4be3-8a1c-2f5b0c9e4a11";

fn path(what: &str) -> String {
    format!("{SUBSCRIPTION}/providers/Microsoft.CostManagement/{what}?api-version=2025-03-01")
}

fn small() -> Options {
    Options {
        blob_rows: 100,
        ..options()
    }
}

/// Asks for a report and polls it; the number of 202 answers and the result.
async fn report(local: &Local, what: &str, body: &Value) -> (u32, Value) {
    let (status, headers, text) = local.send("POST", &path(what), &body.to_string()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{text}");
    let location = headers["location"].to_str().unwrap();
    assert!(headers.contains_key("retry-after"));
    for polls in 0..10 {
        let (status, answer) = local.get(location).await;
        if status == StatusCode::OK {
            return (polls, answer);
        }
        assert_eq!(status, StatusCode::ACCEPTED);
    }
    panic!("the report is never there");
}

fn october(metric: &str) -> Value {
    json!({"metric": metric, "timePeriod": {"start": "2026-10-01", "end": "2026-10-31"}})
}

fn sum_of(files: &[String]) -> Decimal {
    let mut sum = Decimal::ZERO;
    for file in files {
        let mut lines = file.lines();
        let header = lines.next().unwrap().split(',');
        let at = header
            .clone()
            .position(|name| name == "CostInBillingCurrency");
        for line in lines {
            // No value before the cost holds a comma in this world.
            sum += line
                .split(',')
                .nth(at.unwrap())
                .unwrap()
                .parse::<Decimal>()
                .unwrap();
        }
    }
    sum
}

fn expected() -> Decimal {
    let world = example::world();
    let rows = world.rows_between(date(2026, 10, 1), date(2026, 10, 31));
    let rows = rows.filter(|row| row.subscription.id == PLATFORM_SUBSCRIPTION);
    rows.map(|row| row.cost).sum::<Decimal>()
}

#[tokio::test]
async fn a_cost_details_report_holds_every_row_of_its_days() {
    let mut local = Local::new(small());
    let (polls, result) = report(&local, "generateCostDetailsReport", &october("ActualCost")).await;
    assert_eq!(polls, 1);
    assert_eq!(result["status"], "Completed");
    let manifest = &result["manifest"];
    let blobs = manifest["blobs"].as_array().unwrap();
    assert!(blobs.len() > 3);
    assert_eq!(manifest["blobCount"], blobs.len());
    // Links work without a token, unless they are changed or too old.
    local.token = None;
    let mut files = Vec::new();
    let mut bytes = 0;
    for blob in blobs {
        let link = blob["blobLink"].as_str().unwrap();
        let (status, _, file) = local.send("GET", link, "").await;
        assert_eq!(status, StatusCode::OK, "{file}");
        assert_eq!(blob["byteCount"], file.len());
        bytes += file.len();
        files.push(file);
    }
    assert_eq!(manifest["byteCount"], bytes);
    assert_eq!(sum_of(&files), expected());
    let link = blobs[0]["blobLink"].as_str().unwrap();
    for wrong in [
        link.replace("part_0", "part_1"),
        link.replace("se=", "se=1"),
        link.replace("sig=", "sag="),
    ] {
        let (status, _, body) = local.send("GET", &wrong, "").await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{wrong}");
        assert!(body.contains("<Code>AuthenticationFailed</Code>"), "{body}");
    }
}

#[tokio::test]
async fn reports_go_wrong_on_demand() {
    let what = "generateCostDetailsReport";
    let actual = october("ActualCost");
    let failing = with(Fault::new(Mishap::FailedReport));
    let (_, result) = report(&failing, what, &actual).await;
    assert_eq!(
        (&result["status"], result.get("manifest")),
        (&json!("Failed"), None)
    );
    let (polls, _) = report(&with(Fault::new(Mishap::StalePolls(4))), what, &actual).await;
    assert_eq!(polls, 4);
    let (_, late) = report(&with(Fault::new(Mishap::PastValidity)), what, &actual).await;
    let till: jiff::Timestamp = late["validTill"].as_str().unwrap().parse().unwrap();
    assert!(till < jiff::Timestamp::now());
    let expired = with(Fault::new(Mishap::ExpiredLink));
    let (_, result) = report(&expired, what, &actual).await;
    let link = result["manifest"]["blobs"][0]["blobLink"].as_str().unwrap();
    assert_eq!(expired.get(link).await.0, StatusCode::FORBIDDEN);
    let local = Local::new(small());
    let future = json!({"timePeriod": {"start": "2026-11-19", "end": "2026-11-30"}});
    assert_eq!(
        report(&local, what, &future).await.1["status"],
        "NoDataFound"
    );
    for (body, problem) in [
        (
            json!({"timePeriod": {"start": "2026-10-01", "end": "2026-11-01"}}),
            "longer than one month",
        ),
        (
            json!({"timePeriod": {"start": "2025-01-01", "end": "2025-01-31"}}),
            "older than 13 months",
        ),
        (
            json!({"timePeriod": {"start": "2026-10-01", "end": "2026-10-02"}, "billingPeriod": "202610"}),
            "Only one",
        ),
        (json!({"metric": "Usage"}), "The metric"),
        (json!({"invoiceId": "G1"}), "invoiceId is for"),
    ] {
        let (status, answer) = local.call("POST", &path(what), &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(problem), "{problem}: {message}");
    }
}

#[tokio::test]
async fn the_older_report_has_a_status_beside_its_result() {
    let local = Local::new(small());
    let body = json!({"metric": "ActualCost", "billingPeriod": "202610"}).to_string();
    let (_, headers, _) = local
        .send("POST", &path("generateDetailedCostReport"), &body)
        .await;
    let link = headers["azure-consumption-asyncoperation"]
        .to_str()
        .unwrap();
    let (_, running) = local.get(link).await;
    assert_eq!(running["status"], "InProgress");
    let (_, done) = local.get(link).await;
    assert_eq!(done["status"], "Completed");
    assert_eq!(done["error"]["code"], "0");
    let (_, result) = local.get(headers["location"].to_str().unwrap()).await;
    let link = result["properties"]["downloadUrl"].as_str().unwrap();
    let (_, _, file) = local.send("GET", link, "").await;
    assert_eq!(sum_of(&[file]), expected());
}

fn export(extra: &[(&str, Value)]) -> Value {
    let mut properties = json!({
        "schedule": {"status": "Active", "recurrence": "Daily"},
        "format": "Csv",
        "deliveryInfo": {"destination": {
            "resourceId": "/subscriptions/x/resourceGroups/y/providers/Microsoft.Storage/storageAccounts/z",
            "container": "costs", "rootFolderPath": "daily",
        }},
        "definition": {"type": "ActualCost", "timeframe": "TheLastMonth", "dataSet": {"granularity": "Daily"}},
    });
    for (key, value) in extra {
        properties[*key] = value.clone();
    }
    json!({"properties": properties})
}

#[tokio::test]
async fn an_export_writes_its_files_and_a_manifest_into_the_container() {
    let local = Local::new(small());
    let one = path("exports/e1");
    let (status, created) = local.call("PUT", &one, &export(&[])).await;
    assert_eq!(status, StatusCode::CREATED, "{created}");
    assert_eq!(
        local.call("PUT", &one, &export(&[])).await.0,
        StatusCode::CONFLICT
    );
    let mut update = export(&[("dataOverwriteBehavior", json!("OverwritePreviousReport"))]);
    update["eTag"] = created["eTag"].clone();
    assert_eq!(local.call("PUT", &one, &update).await.0, StatusCode::OK);
    let (status, _, body) = local.send("POST", &path("exports/e1/run"), "").await;
    assert_eq!((status, &*body), (StatusCode::OK, ""));
    local.send("POST", &path("exports/e1/run"), "").await;

    let (_, history) = local.get(&path("exports/e1/runHistory")).await;
    let runs = history["value"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0]["properties"]["status"], "Completed");
    let manifest = runs[0]["properties"]["manifestFile"].as_str().unwrap();
    let (_, manifest) = local.get(&format!("/storage/costs/{manifest}")).await;
    let mut files = Vec::new();
    for blob in manifest["blobs"].as_array().unwrap() {
        let name = blob["blobName"].as_str().unwrap();
        assert!(name.starts_with("daily/e1/20261001-20261031/"), "{name}");
        files.push(
            local
                .send("GET", &format!("/storage/costs/{name}"), "")
                .await
                .2,
        );
    }
    assert!(files.len() > 3);
    assert_eq!(sum_of(&files), expected());

    // The second run has taken the place of the first, and the list comes in pages.
    let list = "/storage/costs?restype=container&comp=list&prefix=daily/e1/&maxresults=2";
    let (_, _, first) = local.send("GET", list, "").await;
    assert_eq!(first.matches("<Blob>").count(), 2);
    let marker = first
        .split("<NextMarker>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap();
    let marker = marker.replace('+', "%2B").replace('=', "%3D");
    let rest = format!(
        "{}&marker={marker}",
        list.replace("maxresults=2", "maxresults=99")
    );
    let (_, _, rest) = local.send("GET", &rest, "").await;
    assert_eq!(rest.matches("<Blob>").count(), files.len() + 1 - 2);
    assert!(rest.contains("<NextMarker></NextMarker>"));

    let (_, shown) = local
        .get(&format!("{}&$expand=runHistory", path("exports/e1")))
        .await;
    assert_eq!(
        shown["properties"]["runHistory"]["value"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        local.get(&path("exports")).await.1["value"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(local.send("DELETE", &one, "").await.0, StatusCode::OK);
    assert_eq!(local.get(&one).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_run_may_name_a_month_and_files_may_be_packed() {
    let local = Local::new(small());
    let one = path("exports/e2");
    local
        .call("PUT", &one, &export(&[("compressionMode", json!("gzip"))]))
        .await;
    let september =
        json!({"timePeriod": {"from": "2026-09-01T00:00:00Z", "to": "2026-09-30T00:00:00Z"}});
    let (status, _) = local
        .call("POST", &path("exports/e2/run"), &september)
        .await;
    assert_eq!(status, StatusCode::OK);
    let (_, history) = local.get(&path("exports/e2/runHistory")).await;
    let properties = &history["value"][0]["properties"];
    assert_eq!(properties["startDate"], "2026-09-01T00:00:00Z");
    assert!(
        properties["fileName"]
            .as_str()
            .unwrap()
            .ends_with(".csv.gz")
    );
    let long =
        json!({"timePeriod": {"from": "2026-09-01T00:00:00Z", "to": "2026-10-02T00:00:00Z"}});
    assert_eq!(
        local.call("POST", &path("exports/e2/run"), &long).await.0,
        StatusCode::BAD_REQUEST
    );
    let without = export(&[("deliveryInfo", json!({}))]);
    assert_eq!(
        local.call("PUT", &path("exports/e3"), &without).await.0,
        StatusCode::BAD_REQUEST
    );
}
