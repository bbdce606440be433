//! Folds one cost file and prints what it cost to do so.
//!
//! ```text
//! cargo run --release -p cost-data --example fold -- FILE [--small] [--groups]
//! ```
//!
//! The last line is a JSON object with the exact total, the number of groups (subscription,
//! resource group, tag `env`, service and day), the rows for each second and the peak memory.
//! `--small` keeps the service only. `--groups` writes the sorted groups instead, one on a line as
//! `subscription|group|env|service|day|cents`, ready for `sha256sum`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Instant;

use budget_engine::{CostBasis, Dimension, FactsBuilder, Projection, ScopeKind, TagName};
use cost_data::{Options, fold};
use jiff::Timestamp;
use rust_decimal::{Decimal, RoundingStrategy};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let path = arguments.first().ok_or("which file?")?;
    let mut projection = Projection::default();
    projection.dimensions.insert(Dimension::ServiceName);
    if !has("--small") {
        projection.dimensions.insert(Dimension::SubAccountId);
        projection.tags.insert(TagName::new("env"));
    }

    let started = Instant::now();
    let mut facts = FactsBuilder::new(projection);
    let report = fold(
        File::open(path)?,
        &Options::new(CostBasis::Actual),
        &mut facts,
    )?;
    let seconds = started.elapsed().as_secs_f64();
    let peak_rss_mb = peak_rss_mb();
    let facts = facts.finish(Timestamp::UNIX_EPOCH);

    let mut total = Decimal::ZERO;
    let mut groups: BTreeMap<String, Decimal> = BTreeMap::new();
    for series in facts.series() {
        let key = &series.key;
        let resource = key.place.resource.as_ref();
        let subscription = resource.and_then(|scope| scope.subscription_of());
        let group = resource.filter(|scope| scope.kind() == ScopeKind::ResourceGroup);
        let start = format!(
            "{}|{}|{}|{}|",
            subscription.map_or(String::new(), |scope| scope.id().to_lowercase()),
            group.map_or(String::new(), |scope| scope.id().to_lowercase()),
            key.tags.first().map_or("", |tag| tag),
            key.dimensions.first().map_or("", |service| service),
        );
        for day in &series.days {
            total += day.actual;
            *groups.entry(format!("{start}{}", day.date)).or_default() += day.actual;
        }
    }

    if has("--groups") {
        let mut out = BufWriter::new(std::io::stdout().lock());
        for (key, sum) in &groups {
            let cents = sum.round_dp_with_strategy(2, RoundingStrategy::MidpointNearestEven);
            writeln!(out, "{key}|{cents:.2}")?;
        }
        return Ok(());
    }
    println!(
        "{}",
        serde_json::json!({
            "format": report.format.to_string(),
            "rows": report.rows,
            "skipped": report.skipped_count,
            "doubtful": report.doubtful_count,
            "total": total.normalize().to_string(),
            "groups": groups.len(),
            "series": facts.series().len(),
            "seconds": (seconds * 1e3).round() / 1e3,
            "rows_per_second": (report.rows as f64 / seconds).round(),
            "peak_rss_mb": peak_rss_mb,
        })
    );
    Ok(())
}

/// Most memory that the process ever held; Linux only.
fn peak_rss_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024)
}
