//! Reads pages of usage details and says what that cost: for `cargo xtask measure`.
//!
//! ```text
//! usage_pages serve PAGES        serve so many pages of 1,000 rows; prints the address
//! usage_pages typed ADDRESS      read and fold them with the client
//! usage_pages value ADDRESS      read them with serde_json::Value and add up the costs
//! ```
//!
//! The last line is a JSON object: pages, rows, bytes, seconds, peak memory, and the sum.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use azure_cost::{Client, Cloud, Endpoint, Pacing, UsageFold, UsageQuery};
use budget_engine::{CostBasis, Dimension, FactsBuilder, Projection, Scope};
use futures::{StreamExt, pin_mut};
use jiff::Timestamp;
use jiff::civil::date;
use rust_decimal::Decimal;
use serde_json::{Value, json};

const ROWS: usize = 1000;
/// Stands in ids where the number of the page goes.
const PAGE: &str = "PAGE0000";
const PATH: &str = "/subscriptions/1f2e/providers/Microsoft.Consumption/usageDetails";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", pages] => serve(pages.parse()?),
        ["typed", address] => typed(address).await,
        ["value", address] => value(address).await,
        _ => Err("usage_pages serve PAGES | typed ADDRESS | value ADDRESS".into()),
    }
}

/// A page without its end: the link to the next one and the closing brace.
fn page() -> Vec<u8> {
    let row = |number: usize| {
        let (group, day) = (number % 40, number % 28 + 1);
        json!({
            "id": format!("{PATH}/{PAGE}-{number:04}"),
            "name": format!("{PAGE}-{number:04}"),
            "type": "Microsoft.Consumption/usageDetails",
            "kind": "legacy",
            "tags": {"env": if group % 3 == 0 { "prod" } else { "test" }, "team": format!("team-{group}")},
            "properties": {
                "billingAccountId": "86420975",
                "billingAccountName": "Contoso",
                "billingPeriodStartDate": "2026-11-01T00:00:00.0000000Z",
                "billingPeriodEndDate": "2026-11-30T00:00:00.0000000Z",
                "billingProfileId": "86420975",
                "billingProfileName": "Contoso",
                "accountName": "Platform",
                "subscriptionId": "1f2e",
                "subscriptionName": "Platform",
                "date": format!("2026-11-{day:02}T00:00:00.0000000Z"),
                "product": "Virtual Machines Dsv5 Series - D8s v5 - EU West",
                "partNumber": "AAH-12345",
                "meterId": format!("{:08x}-0000-4000-8000-000000000000", number % 97),
                "meterDetails": {
                    "meterName": format!("D{}s v5", 1 << (number % 5)),
                    "meterCategory": "Virtual Machines",
                    "meterSubCategory": "Dsv5 Series",
                    "unitOfMeasure": "1 Hour",
                },
                "quantity": 24,
                "effectivePrice": 0.384,
                "cost": serde_json::Number::from_f64(number as f64 / 128.0),
                "unitPrice": 0.384,
                "billingCurrency": "EUR",
                "resourceLocation": "westeurope",
                "consumedService": "Microsoft.Compute",
                "resourceId": format!(
                    "/subscriptions/1f2e/resourceGroups/group-{group}/providers/Microsoft.Compute/virtualMachines/vm-{number}"
                ),
                "resourceName": format!("vm-{number}"),
                "resourceGroup": format!("group-{group}"),
                "offerId": "MS-AZR-0017P",
                "isAzureCreditEligible": true,
                "publisherName": "Microsoft",
                "publisherType": "Azure",
                "chargeType": "Usage",
                "frequency": "UsageBased",
                "payGPrice": 0.48,
                "pricingModel": "On Demand",
            },
        })
    };
    let rows: Vec<Value> = (0..ROWS).map(row).collect();
    let mut page = serde_json::to_vec(&json!({"value": rows})).unwrap_or_default();
    page.pop();
    page
}

/// Answers until the process is killed. The pages differ in their ids and links only.
fn serve(pages: usize) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}", listener.local_addr()?);
    let page = Arc::new(page());
    for stream in listener.incoming() {
        let (stream, page) = (stream?, Arc::clone(&page));
        std::thread::spawn(move || answer(stream, &page, pages));
    }
    Ok(())
}

fn answer(mut stream: TcpStream, page: &[u8], pages: usize) -> std::io::Result<()> {
    let address = stream.local_addr()?;
    let starts = page.windows(PAGE.len()).enumerate();
    let places = starts.filter(|(_, window)| *window == PAGE.as_bytes());
    let places: Vec<usize> = places.map(|(at, _)| at).collect();
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            if reader.read_line(&mut request)? == 0 {
                return Ok(());
            }
        }
        let token = request.split("skiptoken=").nth(1).unwrap_or("1");
        let digits: String = token.chars().take_while(char::is_ascii_digit).collect();
        let number: usize = digits.parse().unwrap_or(1);
        let end = if number < pages {
            let next = number + 1;
            format!(
                r#","nextLink":"http://{address}{PATH}?api-version=2024-08-01&$skiptoken={next}"}}"#
            )
        } else {
            "}".to_owned()
        };
        let length = page.len() + end.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        )?;
        let mut body = page.to_vec();
        let own = format!("PAGE{number:04}");
        for at in &places {
            body[*at..*at + PAGE.len()].copy_from_slice(own.as_bytes());
        }
        stream.write_all(&body)?;
        stream.write_all(end.as_bytes())?;
    }
}

async fn typed(address: &str) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let client = Client::new(http()?, Endpoint::at(address, Cloud::Public)?, None);
    let client = client.with_pacing(Pacing {
        at_once: 1,
        apart: Duration::ZERO,
    });
    let scope = Scope::subscription("1f2e")?;
    let query = UsageQuery::new(date(2026, 11, 1), date(2026, 12, 1), CostBasis::Actual);
    let mut facts = FactsBuilder::new(Projection {
        dimensions: [Dimension::ServiceName, Dimension::ResourceGroupName].into(),
        tags: [budget_engine::TagName::new("env")].into(),
    });
    let mut fold = UsageFold::new(&scope, CostBasis::Actual);
    let pages = client.usage_details(&scope, &query);
    pin_mut!(pages);
    let (mut count, mut rows) = (0, 0);
    while let Some(page) = pages.next().await {
        let page = page?;
        fold.add(&page.rows, &mut facts)?;
        count += 1;
        rows += page.rows.len();
    }
    let facts = facts.finish(Timestamp::UNIX_EPOCH);
    let days = facts.series().iter().flat_map(|series| &series.days);
    let sum: Decimal = days.map(|day| day.actual).sum();
    report(count, rows, started, &sum.normalize().to_string());
    Ok(())
}

async fn value(address: &str) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let http = http()?;
    let mut url = format!("{address}{PATH}");
    let (mut count, mut rows, mut sum) = (0, 0, 0.0);
    loop {
        let body = http.get(&url).send().await?.bytes().await?;
        let page: Value = serde_json::from_slice(&body)?;
        let items = page["value"].as_array().ok_or("no rows")?;
        for item in items {
            sum += item["properties"]["cost"].as_f64().ok_or("no cost")?;
        }
        count += 1;
        rows += items.len();
        match page["nextLink"].as_str() {
            Some(next) => url = next.to_owned(),
            None => break,
        }
    }
    report(count, rows, started, &sum.to_string());
    Ok(())
}

fn http() -> Result<reqwest::Client, Box<dyn Error>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder().no_proxy().build()?)
}

fn report(pages: usize, rows: usize, started: Instant, sum: &str) {
    let seconds = started.elapsed().as_secs_f64();
    let bytes = page().len() * pages;
    let peak = peak_rss_mb();
    let line = json!({"pages": pages, "rows": rows, "bytes": bytes, "seconds": seconds, "peakMb": peak, "sum": sum});
    println!("{line}");
}

/// The most memory that this process has had, as Linux tells it.
fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024.0)
}
