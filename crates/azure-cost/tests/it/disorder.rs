//! However Azure lays rows out on pages, the same facts come out.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use azure_cost::{Client, Resume, UsageFold, UsageQuery};
use budget_engine::{CostBasis, Dimension, FactsBuilder, Projection, Scope};
use futures::{StreamExt, pin_mut};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::sandbox::SandboxTokens;
use crate::support::client_with;

/// A row: its number, its day in November, its cost in cents.
type Row = (usize, i8, i64);

/// How rows are laid out.
#[derive(Debug, Clone)]
struct Layout {
    rows: Vec<Row>,
    /// Rows on each page; 0 is an empty page with a link.
    sizes: Vec<usize>,
    /// How many rows of the page before each page repeats at its beginning.
    repeated: Vec<usize>,
    /// A page that comes again at the end, under another link.
    again: Option<usize>,
    /// How the last page says that it is: no link, `null` or `""`.
    end: u8,
}

fn layouts() -> impl Strategy<Value = Layout> {
    let rows = prop::collection::vec((1..=30_i8, -100_000..1_000_000_i64), 0..60);
    let numbered = rows.prop_map(|rows| {
        let rows = rows.into_iter().enumerate();
        rows.map(|(number, (day, cents))| (number, day, cents))
            .collect::<Vec<Row>>()
    });
    (
        numbered.prop_shuffle(),
        prop::collection::vec(0..20_usize, 1..8),
        prop::collection::vec(0..3_usize, 8),
        prop::option::of(0..8_usize),
        0..3_u8,
    )
        .prop_map(|(rows, sizes, repeated, again, end)| Layout {
            rows,
            sizes,
            repeated,
            again,
            end,
        })
}

fn item((number, day, cents): &Row) -> Value {
    json!({
        "id": format!("/subscriptions/1f2e/usageDetails/{number}"),
        "kind": "legacy",
        "properties": {
            "date": format!("2026-11-{day:02}T00:00:00.0000000Z"),
            "cost": serde_json::from_str::<Value>(&format!("{}", *cents as f64 / 100.0)).unwrap(),
            "billingCurrency": "EUR",
            "subscriptionId": "1f2e",
            "meterDetails": {"meterCategory": if number % 2 == 0 { "Storage" } else { "SQL" }},
            "chargeType": "Usage",
        },
    })
}

/// The pages' bodies, with `BASE` where the server's address goes.
fn pages(layout: &Layout) -> Vec<String> {
    let mut rest = &layout.rows[..];
    let mut contents: Vec<Vec<Row>> = Vec::new();
    let mut sizes = layout.sizes.iter().cycle();
    let mut empty = 0;
    while !rest.is_empty() {
        let mut size = (*sizes.next().unwrap()).min(rest.len());
        if size == 0 {
            empty += 1;
            // A feed of nothing but empty pages never ends.
            size = usize::from(empty > 5).min(rest.len());
        }
        let (page, left) = rest.split_at(size);
        let repeated = layout.repeated[contents.len() % 8];
        // Also across empty pages.
        let mut filled = contents.iter().rev().filter(|page| !page.is_empty());
        let before = filled.next().cloned().unwrap_or_default();
        let shared = before[before.len().saturating_sub(repeated)..].to_vec();
        contents.push([shared, page.to_vec()].concat());
        rest = left;
    }
    if let Some(again) = layout.again.and_then(|index| contents.get(index).cloned()) {
        contents.push(again);
    }
    if contents.is_empty() {
        contents.push(Vec::new());
    }
    let last = contents.len() - 1;
    let body = |(index, rows): (usize, &Vec<Row>)| {
        let mut page = json!({"value": rows.iter().map(item).collect::<Vec<_>>()});
        match (index < last, layout.end) {
            (true, _) => page["nextLink"] = json!(format!("BASE/next?page={}", index + 1)),
            (false, 0) => {}
            (false, 1) => page["nextLink"] = Value::Null,
            (false, _) => page["nextLink"] = json!(""),
        }
        page.to_string()
    };
    contents.iter().enumerate().map(body).collect()
}

async fn serve(pages: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let pages: Vec<String> = pages
        .into_iter()
        .map(|page| page.replace("BASE", &base))
        .collect();
    let answer = async |State(pages): State<Arc<Vec<String>>>, RawQuery(query): RawQuery| {
        let query = query.unwrap_or_default();
        let number = query
            .strip_prefix("page=")
            .map_or(0, |text| text.parse().unwrap());
        match pages.get::<usize>(number) {
            Some(page) => page.clone().into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    };
    let router = Router::new().fallback(answer).with_state(Arc::new(pages));
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

type Sums = BTreeMap<(String, Date), Decimal>;

/// What a client reads, in one go or with a restart after every page.
async fn read(client: &Client, restarts: bool) -> Sums {
    let scope = Scope::subscription("1f2e").unwrap();
    let query = UsageQuery::new(date(2026, 11, 1), date(2026, 12, 1), CostBasis::Actual);
    let mut facts = FactsBuilder::new(Projection {
        dimensions: [Dimension::ServiceName].into(),
        ..Projection::default()
    });
    let mut fold = UsageFold::new(&scope, CostBasis::Actual);
    let mut rest: Option<Resume> = None;
    loop {
        let pages = client.usage_details_from(&scope, &query, rest.as_ref());
        pin_mut!(pages);
        let mut next = None;
        while let Some(page) = pages.next().await {
            let page = page.unwrap();
            fold.add(&page.rows, &mut facts).unwrap();
            next = page.next;
            if restarts {
                break;
            }
        }
        let Some(next) = next else { break };
        // As it is stored between two processes.
        let stored = serde_json::to_string(&next).unwrap();
        rest = Some(serde_json::from_str(&stored).unwrap());
    }
    let facts = facts.finish(Timestamp::UNIX_EPOCH);
    let series = facts.series().iter();
    series
        .flat_map(|one| {
            let service = one.key.dimensions[0].to_string();
            one.days
                .iter()
                .map(move |day| ((service.clone(), day.date), day.actual.normalize()))
        })
        .collect()
}

fn expected(rows: &[Row]) -> Sums {
    let mut sums = Sums::new();
    for (number, day, cents) in rows {
        let service = if number % 2 == 0 { "Storage" } else { "SQL" };
        let key = (service.to_owned(), date(2026, 11, *day));
        *sums.entry(key).or_default() += Decimal::new(*cents, 2);
    }
    let sums = sums.into_iter();
    sums.map(|(key, sum)| (key, sum.normalize())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_layout_of_pages_gives_the_same_facts(layout in layouts()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let found = runtime.block_on(async {
            let base = serve(pages(&layout)).await;
            let client = client_with(&base, Arc::new(SandboxTokens));
            (read(&client, false).await, read(&client, true).await)
        });
        let expected = expected(&layout.rows);
        prop_assert_eq!(&found.0, &expected);
        prop_assert_eq!(&found.1, &expected);
    }
}
