//! Exports in Blob storage as a cost source, against the real protocol of the emulator.

use std::io::Write;

use budget_engine::{CostBasis, Scope};
use jiff::civil::date;
use serde_json::json;
use spendwatch::sources::{Answer, CostSource, Exports, ReadContext, ReadRequest};
use state_store::Container;
use tests::{azurite::Azurite, node};
use url::Url;

const HEADER: &str =
    "Date,SubscriptionId,ResourceGroup,CostInBillingCurrency,BillingCurrencyCode\n";
const NOVEMBER: &str = "root/daily/20261101-20261130";

/// A container of the emulator with exports in it.
struct Store {
    url: Url,
}

impl Store {
    async fn new(url: Url) -> Store {
        let store = Store { url };
        let mut url = store.url.clone();
        url.query_pairs_mut().append_pair("restype", "container");
        store.send(reqwest::Client::new().put(url)).await;
        store
    }

    async fn send(&self, request: reqwest::RequestBuilder) {
        let answer = request.header("x-ms-version", "2022-11-02").send().await;
        let status = answer.unwrap().status();
        assert!(status.is_success(), "{status}");
    }

    async fn put(&self, name: &str, bytes: &[u8]) {
        let mut url = self.url.clone();
        url.path_segments_mut().unwrap().extend(name.split('/'));
        let request = reqwest::Client::new().put(url);
        let request = request.header("x-ms-blob-type", "BlockBlob");
        self.send(request.body(bytes.to_vec())).await;
    }

    /// A run with these files: name, bytes, and the rows that its manifest promises.
    async fn run(&self, run: &str, kind: &str, submitted: &str, files: &[(&str, &[u8], u64)]) {
        let folder = format!("{NOVEMBER}/{run}");
        for (name, bytes, _) in files {
            self.put(&format!("{folder}/{name}"), bytes).await;
        }
        let blobs: Vec<_> = files
            .iter()
            .map(|(name, bytes, rows)| {
                json!({"blobName": format!("{folder}/{name}"), "byteCount": bytes.len(),
                       "dataRowCount": rows})
            })
            .collect();
        let manifest = json!({
            "manifestVersion": "2024-04-01",
            "blobCount": files.len(),
            "exportConfig": {
                "exportName": "daily",
                "type": kind,
                "resourceId": "/subscriptions/s1/providers/Microsoft.CostManagement/exports/daily",
            },
            "runInfo": {"submittedTime": submitted, "startDate": "2026-11-01T00:00:00",
                        "endDate": "2026-11-18T00:00:00Z"},
            "blobs": blobs,
        });
        let name = format!("{folder}/manifest.json");
        self.put(&name, manifest.to_string().as_bytes()).await;
    }

    fn source(&self) -> Exports {
        // Small pages, so that a listing has several.
        let container = Container::new(self.url.clone(), None).unwrap();
        Exports::new(container.with_page_size(2), "root", CostBasis::Actual, 30)
    }

    async fn read(&self, basis: CostBasis) -> anyhow::Result<Answer> {
        let request = request(basis);
        self.source().read(&request, &ReadContext::default()).await
    }

    /// The sum of what is read, and the notes.
    async fn sum(&self) -> (String, Vec<String>) {
        let answer = self.read(CostBasis::Actual).await.unwrap();
        let days = answer.facts.series().iter().flat_map(|series| &series.days);
        let sum: rust_decimal::Decimal = days.map(|day| day.actual).sum();
        (sum.normalize().to_string(), answer.notes)
    }
}

fn request(basis: CostBasis) -> ReadRequest {
    ReadRequest {
        scopes: vec![],
        counted: vec![Scope::subscription("s1").unwrap()],
        needs_categories: false,
        cost_basis: basis,
        period_start: date(2026, 11, 1),
        today: date(2026, 11, 18),
        projection: Default::default(),
    }
}

/// So many rows of 1.25 EUR.
fn rows(count: u32) -> Vec<u8> {
    let mut text = HEADER.to_owned();
    for row in 0..count {
        text.push_str(&format!("11/{:02}/2026,s1,g,1.25,EUR\n", row % 17 + 1));
    }
    text.into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

#[tokio::test]
async fn the_newest_complete_run_is_read_and_nothing_counts_twice() {
    if !node::available("exports on the storage emulator") {
        return;
    }
    let azurite = Azurite::start();
    let store = Store::new(azurite.blob_container_url("runs")).await;
    let problem = store.read(CostBasis::Actual).await.unwrap_err();
    assert!(
        format!("{problem:#}").contains("holds no export"),
        "{problem:#}"
    );

    let old = rows(4);
    store
        .run(
            "r1",
            "ActualCost",
            "2026-11-17T04:00:00Z",
            &[("part_0.csv", &old, 4)],
        )
        .await;
    let large = rows(200_000);
    assert!(large.len() > 4 << 20, "it takes several requests to read");
    let zipped = gzip(&rows(40));
    let files: &[(&str, &[u8], u64)] = &[
        ("part_0.csv", &large, 200_000),
        ("part_1.csv.gz", &zipped, 40),
    ];
    store
        .run("r2", "ActualCost", "2026-11-18T04:00:00Z", files)
        .await;
    // 200,040 rows of 1.25; the older run is not added.
    assert_eq!(store.sum().await, ("250050".to_owned(), vec![]));
    let answer = store.read(CostBasis::Actual).await.unwrap();
    assert_eq!(
        answer.facts.as_of(),
        "2026-11-18T04:00:00Z".parse().unwrap()
    );

    // Files and manifest, but one file has lost its end.
    store
        .run(
            "r4",
            "ActualCost",
            "2026-11-18T08:00:00Z",
            &[("part_0.csv", &large, 200_000)],
        )
        .await;
    store
        .put(&format!("{NOVEMBER}/r4/part_0.csv"), &large[..1000])
        .await;
    let (sum, notes) = store.sum().await;
    assert_eq!(sum, "250050");
    assert!(
        notes.iter().any(|note| note.contains("has 1000 of")),
        "{notes:?}"
    );

    // A run that is being written: files without a manifest.
    store.put(&format!("{NOVEMBER}/r3/part_0.csv"), &old).await;
    let (sum, notes) = store.sum().await;
    assert_eq!(sum, "250050");
    assert!(notes[0].contains("r3 is not complete"), "{notes:?}");

    // Fewer rows than promised is an error, however the sizes agree.
    store
        .run(
            "r5",
            "ActualCost",
            "2026-11-18T09:00:00Z",
            &[("part_0.csv", &old, 5)],
        )
        .await;
    let problem = format!("{:#}", store.read(CostBasis::Actual).await.unwrap_err());
    assert!(problem.contains("has 4 of the 5 rows"), "{problem}");
    let problem = format!("{:#}", store.read(CostBasis::Amortized).await.unwrap_err());
    assert!(
        problem.contains("no export there holds amortized cost"),
        "{problem}"
    );
}

#[tokio::test]
async fn what_is_missing_is_said_in_words_to_act_on() {
    if !node::available("rights on exports on the storage emulator") {
        return;
    }
    let azurite = Azurite::start();
    let writer = Store::new(azurite.blob_container_url("rights")).await;
    let file = rows(4);
    writer
        .run(
            "r1",
            "ActualCost",
            "2026-11-17T04:00:00Z",
            &[("part_0.csv", &file, 4)],
        )
        .await;
    let at = |url| Store { url };
    let examine = async |store: Store| {
        let mut found = store.source().examine(&request(CostBasis::Actual)).await;
        let found = found.remove(0);
        assert!(!found.about.contains("sig="), "{found:?}");
        found.attempts
    };

    let works = examine(at(azurite.read_only_container_url("rights"))).await;
    assert!(
        works.iter().all(|attempt| attempt.problem.is_none()),
        "{works:?}"
    );
    assert!(works[1].what.contains("root/daily"), "{works:?}");
    assert!(
        works[1].what.contains("run r1 of 2026-11-17T04:00:00Z"),
        "{works:?}"
    );

    let mut forged = azurite.blob_container_url("rights");
    let query = forged.query().unwrap().replace("sig=", "sig=AAAA");
    forged.set_query(Some(&query));
    let refused = examine(at(forged)).await;
    let problem = refused[0].problem.as_deref().unwrap();
    assert!(problem.contains("Storage Blob Data Reader"), "{problem}");

    let missing = examine(at(azurite.blob_container_url("nowhere"))).await;
    let problem = missing[0].problem.as_deref().unwrap();
    assert!(
        problem.contains("the container does not exist"),
        "{problem}"
    );
    assert!(missing[0].is_needed);
}
