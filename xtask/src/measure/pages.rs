//! Usage-details pages: our client next to `serde_json::Value` and Python's `json`, all three over
//! the same loopback server, in turns.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::Stopped;

const ROUNDS: usize = 7;
const PAGES: usize = 200;

/// Reads all pages, adds up the costs, prints what the other two print.
const PYTHON: &str = r#"
import http.client, json, sys, time, resource, urllib.parse
begin = time.perf_counter()
address = urllib.parse.urlsplit(sys.argv[1])
connection = http.client.HTTPConnection(address.hostname, address.port)
path = "/subscriptions/1f2e/providers/Microsoft.Consumption/usageDetails"
pages = rows = 0
total = 0.0
size = 0
while path:
    connection.request("GET", path)
    body = connection.getresponse().read()
    size += len(body)
    page = json.loads(body)
    for item in page["value"]:
        total += item["properties"]["cost"]
    pages += 1
    rows += len(page["value"])
    link = page.get("nextLink")
    path = link and link[link.index("/", 8):]
seconds = time.perf_counter() - begin
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"pages": pages, "rows": rows, "bytes": size, "seconds": seconds, "peakMb": peak, "sum": str(total)}))
"#;

struct Figures {
    rows: u64,
    megabytes: f64,
    seconds: f64,
    peak: f64,
}

pub(super) fn run(release: &Path) -> anyhow::Result<()> {
    let program = release.join("examples/usage_pages");
    let server = serve(&program, PAGES)?;
    let address = &server.1;
    let readers: [(&str, Vec<&str>); 3] = [
        ("typed and folded", vec!["typed"]),
        ("serde_json::Value", vec!["value"]),
        ("Python json", vec!["python"]),
    ];
    let mut times: [Vec<f64>; 3] = Default::default();
    let mut last = [None, None, None];
    for round in 0..=ROUNDS {
        for (index, (_, how)) in readers.iter().enumerate() {
            let figures = read(&program, how[0], address)?;
            if round > 0 {
                times[index].push(figures.seconds);
            }
            last[index] = Some(figures);
        }
    }
    println!();
    println!(
        "| {PAGES} pages of 1,000 usage rows | seconds (median of {ROUNDS}) | min | max | MB/s | rows/s | peak RSS, MB |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (index, (name, _)) in readers.iter().enumerate() {
        times[index].sort_by(f64::total_cmp);
        let figures = last[index].as_ref().context("nothing was measured")?;
        let median = times[index][ROUNDS / 2];
        println!(
            "| {name} | {median:.2} | {:.2} | {:.2} | {:.0} | {:.0} | {:.0} |",
            times[index][0],
            times[index][ROUNDS - 1],
            figures.megabytes / median,
            figures.rows as f64 / median,
            figures.peak,
        );
    }
    drop(server);
    println!();
    println!("| pages | rows | seconds | peak RSS, MB |");
    println!("| ---: | ---: | ---: | ---: |");
    for pages in [10, 100, 1000] {
        let server = serve(&program, pages)?;
        let figures = read(&program, "typed", &server.1)?;
        println!(
            "| {pages} | {} | {:.2} | {:.1} |",
            figures.rows, figures.seconds, figures.peak
        );
    }
    Ok(())
}

/// A server of so many pages, and its address.
fn serve(program: &Path, pages: usize) -> anyhow::Result<(Stopped, String)> {
    let mut child = Command::new(program)
        .args(["serve", &pages.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .context("start the server of pages")?;
    let out = child.stdout.take().context("the server has no output")?;
    let child = Stopped(child);
    let mut address = String::new();
    BufReader::new(out).read_line(&mut address)?;
    Ok((child, address.trim().to_owned()))
}

fn read(program: &Path, how: &str, address: &str) -> anyhow::Result<Figures> {
    let mut command = if how == "python" {
        let mut command = Command::new("python3");
        command.args(["-c", PYTHON, address]);
        command
    } else {
        let mut command = Command::new(program);
        command.args([how, address]);
        command
    };
    let output = command.output().with_context(|| format!("run {how}"))?;
    if !output.status.success() {
        bail!("{how} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let said: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let number = |name: &str| {
        said[name]
            .as_f64()
            .with_context(|| format!("{how} says no {name}"))
    };
    Ok(Figures {
        rows: said["rows"].as_u64().context("no rows")?,
        megabytes: number("bytes")? / 1e6,
        seconds: number("seconds")?,
        peak: number("peakMb")?,
    })
}
