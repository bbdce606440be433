//! `cargo xtask measure`: start-up next to a minimal server, memory, size, and ingest.
//!
//! Absolute times mean little on shared machines: what counts is the ratio of two programs that were
//! run in turns, and the growth from a small to a large file.

mod pages;

use std::io::{BufWriter, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, bail};

use crate::{cargo, root, succeed, target};

/// How often a start is measured.
pub(crate) const ROUNDS: usize = 21;

/// Builds in release mode, measures, and prints tables.
pub(crate) fn run() -> anyhow::Result<()> {
    succeed(cargo().args([
        "build",
        "--release",
        "--package",
        "function-app",
        "--package",
        "cli",
    ]))?;
    succeed(cargo().args([
        "build",
        "--release",
        "--package",
        "function-app",
        "--example",
        "minimal",
    ]))?;
    succeed(cargo().args([
        "build",
        "--release",
        "--package",
        "cost-data",
        "--example",
        "fold",
    ]))?;
    let release = target().join("release");
    succeed(cargo().args([
        "build",
        "--release",
        "--package",
        "azure-cost",
        "--example",
        "usage_pages",
    ]))?;
    start_up(&release)?;
    ingest(&release)?;
    pages::run(&release)
}

fn start_up(release: &Path) -> anyhow::Result<()> {
    let programs = [
        ("spendwatch-functions", release.join("spendwatch-functions")),
        ("minimal axum", release.join("examples/minimal")),
    ];
    let mut times = [Vec::new(), Vec::new()];
    let mut memory = [0, 0];
    for round in 0..=ROUNDS {
        for (index, (_, program)) in programs.iter().enumerate() {
            let (elapsed, resident) = first_answer(program)?;
            // The first round warms the page cache.
            if round > 0 {
                times[index].push(elapsed);
                memory[index] = resident;
            }
        }
    }
    println!(
        "| program | exec to first answered GET /, ms (median of {ROUNDS}) | min | max | idle RSS, MB | binary, MB |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    let mut medians = Vec::new();
    for (index, (name, program)) in programs.iter().enumerate() {
        times[index].sort();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let median = ms(times[index][ROUNDS / 2]);
        medians.push(median);
        println!(
            "| {name} | {median:.2} | {:.2} | {:.2} | {:.1} | {:.2} |",
            ms(times[index][0]),
            ms(times[index][ROUNDS - 1]),
            f64::from(memory[index]) / 1024.0,
            fs::metadata(program)?.len() as f64 / 1e6,
        );
    }
    println!("\nratio of the medians: {:.2}\n", medians[0] / medians[1]);
    Ok(())
}

/// How long a handler takes from exec to its first answer, and what it then holds, in words.
pub(crate) fn cold_start(program: &Path, rounds: usize) -> anyhow::Result<String> {
    let mut times = Vec::new();
    let mut resident = 0;
    for round in 0..=rounds {
        let (elapsed, kib) = first_answer(program)?;
        // The first round warms the page cache.
        if round > 0 {
            times.push(elapsed);
            resident = kib;
        }
    }
    times.sort();
    Ok(format!(
        "{:.1} ms from exec to the first answer (median of {}), {:.1} MB resident",
        times[rounds / 2].as_secs_f64() * 1e3,
        times.len(),
        f64::from(resident) / 1024.0,
    ))
}

/// Starts a server, asks it until it answers, and gives the time and its resident memory in KiB.
fn first_answer(program: &Path) -> anyhow::Result<(Duration, u32)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let started = Instant::now();
    let child = Command::new(program)
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("start {}", program.display()))?;
    let child = Stopped(child);
    let elapsed = loop {
        if started.elapsed() > Duration::from_secs(10) {
            bail!("{} does not answer", program.display());
        }
        if let Ok(mut stream) = TcpStream::connect(address) {
            stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            if answer.starts_with("HTTP/1.1 200") {
                break started.elapsed();
            }
        }
        thread::sleep(Duration::from_micros(20));
    };
    thread::sleep(Duration::from_millis(50));
    let status = fs::read_to_string(format!("/proc/{}/status", child.0.id())).unwrap_or_default();
    let resident = status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .trim()
                .strip_suffix(" kB")?
                .trim()
                .parse()
                .ok()
        })
        .unwrap_or(0);
    Ok((elapsed, resident))
}

struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ingest(release: &Path) -> anyhow::Result<()> {
    println!("| rows | file, MB | seconds | rows per second | peak RSS, MB |");
    println!("| ---: | ---: | ---: | ---: | ---: |");
    let folder = std::env::temp_dir().join(format!("spendwatch-measure-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = (|| {
        for rows in [100_000, 1_000_000] {
            let file = folder.join(format!("{rows}.csv"));
            write_costs(&file, rows)?;
            let (seconds, peak) = fold(release.join("examples/fold"), &file)?;
            println!(
                "| {rows} | {:.0} | {seconds:.2} | {:.0} | {peak} |",
                fs::metadata(&file)?.len() as f64 / 1e6,
                f64::from(rows) / seconds,
            );
        }
        Ok(())
    })();
    fs::remove_dir_all(&folder)?;
    outcome
}

/// Enterprise Agreement cost details: the same estate, charged more often in the larger file, as a
/// month of more meters is.
fn write_costs(path: &Path, rows: u32) -> anyhow::Result<()> {
    let mut out = BufWriter::new(fs::File::create(path)?);
    writeln!(
        out,
        "InvoiceSectionName,AccountName,SubscriptionId,SubscriptionName,ResourceGroup,\
         ResourceLocation,Date,ProductName,MeterCategory,MeterSubCategory,MeterId,MeterName,\
         UnitOfMeasure,Quantity,EffectivePrice,CostInBillingCurrency,ConsumedService,ResourceId,\
         Tags,AdditionalInfo,ChargeType,Frequency,PricingModel,BillingAccountId,BillingCurrencyCode"
    )?;
    let services = [
        "Virtual Machines",
        "Storage",
        "SQL Database",
        "Bandwidth",
        "Azure Monitor",
    ];
    for row in 0..rows {
        let (subscription, group) = (row % 40, row / 7 % 25);
        let service = services[(row / 3 % 5) as usize];
        let environment = ["prod", "dev", "test"][(row / 11 % 3) as usize];
        let day = row / 13 % 30 + 1;
        let meter = row % 977;
        writeln!(
            out,
            "Retail,Enrollment,{subscription:08x}-0000-4000-8000-000000000000,sub-{subscription},\
             rg-app-{group},westeurope,10/{day:02}/2026,{service} product {meter},{service},\
             Standard,{meter:08x}-1111-4111-8111-111111111111,Meter {meter},1 Hour,{}.5,0.0{meter},\
             {}.{:06},Microsoft.Compute,/subscriptions/{subscription:08x}-0000-4000-8000-000000000000/\
             resourceGroups/rg-app-{group}/providers/Microsoft.Compute/virtualMachines/vm-{meter},\
             \"\"\"env\"\": \"\"{environment}\"\",\"\"owner\"\": \"\"team-{group}@contoso.example\"\"\",\
             \"{{\"\"UsageType\"\":\"\"ComputeHR\"\",\"\"VCPUs\"\":{}}}\",Usage,UsageBased,OnDemand,\
             1234567,USD",
            row % 24,
            row % 9,
            row % 1_000_000,
            row % 16,
        )?;
    }
    out.flush()?;
    Ok(())
}

/// Runs the fold on a file; gives seconds and the peak of resident memory in MB.
fn fold(program: PathBuf, file: &Path) -> anyhow::Result<(f64, u64)> {
    let started = Instant::now();
    let output = Command::new(program)
        .arg(file)
        .current_dir(root())
        .output()?;
    let seconds = started.elapsed().as_secs_f64();
    if !output.status.success() {
        bail!(
            "the fold failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let said: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("read what the fold says")?;
    let peak = said["peak_rss_mb"]
        .as_u64()
        .context("the fold says no peak_rss_mb")?;
    Ok((seconds, peak))
}
