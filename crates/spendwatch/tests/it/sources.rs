//! Cost sources: files with mistakes, and the API against the sandbox.

use std::io::Write;
use std::path::{Path, PathBuf};

use azure_cost::{Client, Cloud, Endpoint};
use azure_sandbox::{Agreement, example};
use budget_engine::{CostBasis, Scope};
use jiff::civil::Date;
use rust_decimal::Decimal;
use spendwatch::sources::{Azure, CostSource, Files, ReadRequest};
use spendwatch::{App, AzureRead, Config, Environment, StateLocation};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn request() -> ReadRequest {
    ReadRequest {
        scopes: vec![],
        counted: vec![],
        needs_categories: false,
        cost_basis: CostBasis::Actual,
        period_start: Date::constant(2026, 11, 1),
        today: Date::constant(2026, 11, 18),
        projection: Default::default(),
    }
}

const HEADER: &str =
    "Date,SubscriptionId,ResourceGroup,CostInBillingCurrency,BillingCurrencyCode\n";

async fn read(files: &[(&str, &[u8])]) -> anyhow::Result<(Decimal, Vec<String>)> {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        paths.push(path);
    }
    let answer = Files::new(paths, CostBasis::Actual)
        .read(&request(), &Default::default())
        .await?;
    let days = answer.facts.series().iter().flat_map(|series| &series.days);
    Ok((days.map(|day| day.actual).sum(), answer.notes))
}

fn rows(count: u32) -> Vec<u8> {
    let mut text = HEADER.to_owned();
    for row in 0..count {
        text.push_str(&format!("11/{:02}/2026,a,g,1.25,EUR\n", row % 17 + 1));
    }
    text.into_bytes()
}

#[tokio::test]
async fn parts_in_one_folder_add_up_and_two_folders_of_the_same_days_are_noted() {
    let (total, notes) = read(&[("run/part-0.csv", &rows(4)), ("run/part-1.csv", &rows(8))])
        .await
        .unwrap();
    assert_eq!((total, notes.len()), (Decimal::from(15), 0));
    let (_, notes) = read(&[
        ("run-1/part-0.csv", &rows(4)),
        ("run-2/part-0.csv", &rows(4)),
    ])
    .await
    .unwrap();
    assert!(notes[0].contains("two runs of one export"), "{notes:?}");
}

#[tokio::test]
async fn files_that_cannot_be_trusted_are_errors_that_name_them() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&rows(10_000)).unwrap();
    let whole = gzip.finish().unwrap();
    for (bytes, expected) in [
        (&whole[..whole.len() - 20], "cut off"),
        (b"".as_slice(), "the file is empty"),
        (
            b"Date,SubscriptionId\n11/01/2026,a\n".as_slice(),
            "no column holds the cost",
        ),
        (b"PK\x03\x04zip".as_slice(), "expected comma-separated text"),
    ] {
        let error = format!("{:#}", read(&[("costs.csv", bytes)]).await.unwrap_err());
        assert!(
            error.contains("costs.csv") && error.contains(expected),
            "{error}"
        );
    }
    let missing = Files::new(vec![PathBuf::from("nowhere/*.csv")], CostBasis::Actual);
    let error = missing
        .read(&request(), &Default::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("nowhere/*.csv"), "{error}");
}

#[tokio::test]
async fn rows_that_are_left_out_are_counted_and_noted() {
    let mut bytes = rows(2_000);
    bytes.extend_from_slice(b"11/01/2026,a,g,x,EUR\n");
    let (total, notes) = read(&[("costs.csv", &bytes)]).await.unwrap();
    assert_eq!(total, Decimal::from(2_500));
    assert!(
        notes[0].contains("1 of 2001 rows were left out"),
        "{notes:?}"
    );
    assert!(notes[0].contains("line 2002"), "{notes:?}");
}

/// Answers every request with this page of usage details; gives the address.
async fn page_server(page: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 8192];
            let _ = stream.read(&mut request).await;
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
                page.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn items_of_an_unknown_kind_are_an_error_because_their_cost_would_be_missing() {
    spendwatch::install_crypto();
    let page = r#"{"value": [{"kind": "futuristic", "properties": {"cost": 5}}]}"#;
    let endpoint = Endpoint::at(&page_server(page).await, Cloud::Public).unwrap();
    let client = Client::new(reqwest::Client::new(), endpoint, None);
    let source = Azure::new(client, AzureRead::UsageDetails, 30);
    let mut request = request();
    request.scopes = vec![Scope::subscription("a").unwrap()];
    let error = source.read(&request, &Default::default()).await;
    let error = format!("{:#}", error.unwrap_err());
    assert!(
        error.contains("item 1 of page 1") && error.contains("`futuristic`"),
        "{error}"
    );
}

/// The application over the sandbox's usage details and over its export file.
async fn evaluated(source: &str) -> Vec<(String, Decimal)> {
    let text = format!(
        r#"
        version = 1
        currency = "EUR"
        {source}
        [channel.chat]
        kind = "slack"
        url = {{ secret = "CHAT_URL" }}
        [defaults]
        notify = ["chat"]
        [[budget]]
        id = "payments-prod"
        scopes = ["/subscriptions/{platform}/resourceGroups/{payments}"]
        amount = 10000
        parent = "platform"
        [[budget]]
        id = "data-platform"
        scopes = ["/subscriptions/{platform}/resourceGroups/{data}"]
        amount = 15000
        parent = "platform"
        [[budget]]
        id = "platform"
        amount = 25000
        [[budget]]
        id = "shared-services"
        currency = "USD"
        scopes = ["/subscriptions/{shared}"]
        amount = 4000
        "#,
        platform = example::PLATFORM_SUBSCRIPTION,
        shared = example::SHARED_SUBSCRIPTION,
        payments = example::PAYMENTS_GROUP,
        data = example::DATA_GROUP,
    );
    let config = Config::parse(&[(PathBuf::from("/spendwatch.toml"), text)]).unwrap();
    let noon = format!("{}T12:00:00Z", example::AS_OF).parse().unwrap();
    let app = App::new(config, &Environment::default(), StateLocation::Memory)
        .unwrap()
        .with_clock(std::sync::Arc::new(spendwatch::ManualClock::new(noon)));
    let mut spent = Vec::new();
    for read in app.reads().unwrap() {
        let report = spendwatch::jobs::evaluate::run(&app, &read, &Default::default())
            .await
            .unwrap();
        for budget in report.budgets {
            let status = budget
                .status
                .unwrap_or_else(|| panic!("{:?}", budget.problem));
            spent.push((budget.budget, status.spent.amount.normalize()));
        }
    }
    spent.sort();
    spent
}

fn export(folder: &Path, agreement: Agreement) -> String {
    let path = folder.join(format!("{agreement:?}.csv"));
    let world = azure_sandbox::example_world();
    let mut file = std::fs::File::create(&path).unwrap();
    azure_sandbox::write_costs(world.rows(), agreement, &mut file).unwrap();
    format!(
        "[source]\nkind = \"files\"\npaths = [{:?}]",
        path.to_str().unwrap()
    )
}

#[tokio::test]
async fn the_api_and_the_export_of_one_estate_give_the_same_spend() {
    spendwatch::install_crypto();
    let folder = tempfile::tempdir().unwrap();
    let mut answers = Vec::new();
    for agreement in [Agreement::Enterprise, Agreement::Customer] {
        answers.push(evaluated(&export(folder.path(), agreement)).await);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let mut options = azure_sandbox::Options::new(example::AS_OF);
        options.needs_token = false;
        tokio::spawn(azure_sandbox::serve(
            listener,
            azure_sandbox::World {
                agreement,
                ..azure_sandbox::example_world()
            },
            options,
        ));
        for kind in ["usage-details", "query", "azure"] {
            let source = format!(
                "[source]\nkind = \"{kind}\"\nauth = \"none\"\nendpoint = \"{endpoint}\"\nhistory_days = 31"
            );
            answers.push(evaluated(&source).await);
        }
    }
    assert!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "{answers:#?}"
    );
    let spent = |id: &str| {
        answers[0]
            .iter()
            .find(|(budget, _)| budget == id)
            .unwrap()
            .1
    };
    assert_eq!(
        spent("platform"),
        spent("payments-prod") + spent("data-platform")
    );
    assert!(spent("payments-prod") > Decimal::from(10_000));
}
