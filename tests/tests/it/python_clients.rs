//! Microsoft's own Python clients read the sandbox: every operation they have runs without an
//! error, over all pages, and what they read adds up to what our client reads.

mod ours;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use azure_sandbox::{Named, Options, Scenario, World, serve};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tests::python;
use tokio::net::TcpListener;

/// The worlds by the names that the Python programs have for them.
const WORLDS: [(&str, &str); 4] = [
    ("enterprise", "enterprise"),
    ("customer", "customer"),
    ("payg", "pay-as-you-go"),
    ("partner", "partner"),
];

/// Few enough rows on a page that there are always several.
const PAGE_ROWS: usize = 300;

/// A world of the sandbox and where it is served.
pub(crate) struct Served {
    pub(crate) name: &'static str,
    pub(crate) base: String,
    pub(crate) world: World,
}

/// What was read in an operation: how many items, and the sums of some of their fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) items: usize,
    pub(crate) totals: BTreeMap<String, Decimal>,
}

/// World, operation and case.
pub(crate) type Read = (String, String, String);

#[tokio::test(flavor = "multi_thread")]
async fn microsofts_python_clients_read_every_operation_and_the_same_totals() {
    if !python::available("Microsoft's Python clients on the sandbox") {
        return;
    }
    let mut worlds = Vec::new();
    for (name, scenario) in WORLDS {
        worlds.push(start(name, scenario).await);
    }
    // Documents that both are to see are written first.
    ours::write(&worlds).await;
    let plan: serde_json::Map<String, Value> = worlds
        .iter()
        .map(|each| (each.name.to_owned(), parts(each)))
        .collect();
    let lines = tokio::task::spawn_blocking(|| run(&Value::Object(plan)))
        .await
        .unwrap();
    let theirs = without_errors(&lines);
    nothing_is_left_out(&lines);
    without_the_right_token_nothing_is_told(&lines);
    let ours = ours::read(&worlds).await;
    let mut differences = Vec::new();
    for (read, own) in &ours {
        let Some(other) = theirs.get(read) else {
            differences.push(format!("{read:?} was not run by theirs"));
            continue;
        };
        // Their models hold floats, of which some 15 digits can be relied on.
        let round = |totals: &BTreeMap<String, Decimal>| {
            let known = own
                .totals
                .keys()
                .filter_map(|name| totals.get_key_value(name));
            let rounded = known.map(|(name, total)| (name.clone(), total.round_dp(8).normalize()));
            rounded.collect::<BTreeMap<_, _>>()
        };
        if (own.items, round(&own.totals)) != (other.items, round(&other.totals)) {
            differences.push(format!("{read:?}: ours {own:?}, theirs {other:?}"));
        }
    }
    let all = differences.join("\n");
    assert!(differences.is_empty(), "of {}:\n{all}", ours.len());
}

async fn start(name: &'static str, scenario: &str) -> Served {
    let world = Scenario::named(scenario).unwrap().world;
    let options = Options {
        page_rows: PAGE_ROWS,
        poll_seconds: 0,
        ..Options::new(world.today)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, world.clone(), options));
    Served { name, base, world }
}

/// What the Python programs are told of a world.
fn parts(served: &Served) -> Value {
    let world = &served.world;
    let ids = |all: Vec<&Named>| all.iter().map(|each| each.id.clone()).collect::<Vec<_>>();
    let sections: Vec<_> = (world.sections().iter())
        .map(|each| json!({"parent": each.parent.id, "part": each.part.id}))
        .collect();
    let orders: Vec<_> = (world.reservations.iter())
        .map(|each| json!({"order": each.order, "reservation": each.id}))
        .collect();
    let subscriptions = world.subscriptions.iter().map(|each| &each.id);
    json!({
        "base": served.base,
        "account": world.billing_account,
        "management_group": world.management_group,
        "subscriptions": subscriptions.collect::<Vec<_>>(),
        "parents": ids(world.parents()),
        "sections": sections,
        "customers": ids(world.customers()),
        "orders": orders,
    })
}

/// Runs the clients; gives the lines that they print.
fn run(plan: &Value) -> Vec<Value> {
    let mut child = python::command("azure_clients.py")
        .env("IDENTITY_HEADER", "sandbox-identity")
        // Only the sandbox is asked, and never through a proxy.
        .env("NO_PROXY", "127.0.0.1")
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(plan.to_string().as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the Python program failed");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What was read in each operation; fails if one of them had an error.
fn without_errors(lines: &[Value]) -> BTreeMap<Read, Figures> {
    let mut all = BTreeMap::new();
    let mut errors = Vec::new();
    for line in lines.iter().filter(|line| line.get("world").is_some()) {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let read = (text("world"), text("operation"), text("case"));
        if let Some(error) = line["error"].as_str() {
            errors.push(format!("{read:?}: {error}"));
        } else if let Some(totals) = line["totals"].as_object() {
            let totals = totals.iter().map(|(name, total)| {
                let text = total.as_str().unwrap();
                let total = text.parse().or_else(|_| Decimal::from_scientific(text));
                (name.clone(), total.unwrap())
            });
            let figures = Figures {
                items: usize::try_from(line["items"].as_u64().unwrap()).unwrap(),
                totals: totals.collect(),
            };
            let before = all.insert(read.clone(), figures);
            assert!(before.is_none(), "{read:?} was run twice: give them cases");
        }
    }
    assert!(errors.is_empty(), "errors:\n{}", errors.join("\n"));
    all
}

/// Every operation that the clients have was run, or has a reason why not; and no reason is given
/// without need.
fn nothing_is_left_out(lines: &[Value]) {
    let names = |key: &str, reason: bool| -> BTreeSet<&str> {
        let lines = lines.iter().filter(|line| line.get(key).is_some());
        let lines = lines.filter(|line| line[key].is_string() == reason);
        lines
            .map(|line| line["operation"].as_str().unwrap())
            .collect()
    };
    let unexplained = names("unspoken", false);
    assert!(unexplained.is_empty(), "not run: {unexplained:#?}");
    let needless = names("needless", true);
    assert!(needless.is_empty(), "excused without need: {needless:#?}");
    // Of these three all there is.
    for operation in names("unspoken", true) {
        let package = operation.split('.').next().unwrap();
        assert_eq!(package, "billing", "{operation} has to be run");
    }
}

fn without_the_right_token_nothing_is_told(lines: &[Value]) {
    let refusals = lines.iter().filter(|line| line.get("refused").is_some());
    let refusals: BTreeMap<&str, &Value> = refusals
        .map(|line| (line["case"].as_str().unwrap(), &line["refused"]))
        .collect();
    let refused = Value::from("ClientAuthenticationError 401");
    let expected = BTreeMap::from([
        ("no token", &refused),
        ("token for another service", &refused),
    ]);
    assert_eq!(refusals, expected);
}
