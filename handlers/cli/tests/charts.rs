//! Charts of forecasts, and unusual days in budgets: what the real binary makes of costs whose course is
//! known beforehand.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde_json::Value;
use tempfile::TempDir;

const FIRST: Date = date(2026, 6, 1);
const LAST: Date = date(2026, 11, 18);

/// A budget of 2,000 EUR a month whose costs are given by day, from June to 18 November.
fn folder(name: &str, cost: impl Fn(Date) -> u32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "version = 1\ncurrency = \"EUR\"\n\
         [source]\nkind = \"files\"\npaths = [\"costs.csv\"]\n\
         [channel.hook]\nkind = \"slack\"\nurl = {{ secret = \"HOOK_URL\" }}\n\
         [[budget]]\nid = \"only\"\nname = '{name}'\namount = 2000\n\
         scopes = [\"/subscriptions/1f2e\"]\nnotify = [\"hook\"]\nthresholds = [\"actual 100%\"]\n"
    );
    std::fs::write(folder.path().join("spendwatch.toml"), config).unwrap();
    let mut costs =
        "Date,SubscriptionId,ResourceGroup,CostInBillingCurrency,BillingCurrencyCode\n".to_owned();
    let mut day = FIRST;
    while day <= LAST {
        let written = day.strftime("%m/%d/%Y");
        costs.push_str(&format!("{written},1f2e,a,{},EUR\n", cost(day)));
        day = day.checked_add(1.day()).unwrap();
    }
    write_costs(folder.path(), &costs);
    folder
}

fn write_costs(folder: &Path, costs: &str) {
    let path = folder.join("costs.csv");
    std::fs::write(&path, costs).unwrap();
    // A file is as old as its last change: 2026-11-20, 12:00 UTC.
    let written = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_521_600);
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(written).unwrap();
}

/// A hundred a day.
fn constant() -> TempDir {
    folder("Shop", |_| 100)
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spendwatch"));
    command.args(arguments).current_dir(folder);
    for name in ["SPENDWATCH_CONFIG", "SPENDWATCH_STATE", "SPENDWATCH_LOG"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).output().unwrap()
}

fn forecast(folder: &Path, more: &[&str]) -> Output {
    run(
        folder,
        &[&["forecast", "--as-of", "2026-11-20"], more].concat(),
    )
}

fn anomalies(folder: &Path, more: &[&str]) -> Output {
    run(
        folder,
        &[&["anomalies", "--as-of", "2026-11-20"], more].concat(),
    )
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn code(output: &Output, expected: i32) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(expected), "{stderr}");
}

fn svg(folder: &Path) -> String {
    let output = forecast(folder, &["--svg", "charts/new", "-o", "json"]);
    code(&output, 0);
    // The data are still alone on stdout.
    serde_json::from_slice::<Value>(&output.stdout).unwrap();
    std::fs::read_to_string(folder.join("charts/new/only.svg")).unwrap()
}

#[test]
fn a_chart_is_drawn_where_it_is_asked_for_and_nowhere_else() {
    let folder = constant();
    let sign = "Spend to date";
    for quiet in [
        &[][..],
        &["--chart", "never"],
        &["-o", "json"],
        &["-o", "csv"],
        &["-o", "markdown", "--chart", "auto"],
    ] {
        let output = forecast(folder.path(), quiet);
        code(&output, 0);
        assert!(!stdout(&output).contains(sign), "{quiet:?}");
    }
    let output = forecast(folder.path(), &["--chart", "always"]);
    code(&output, 0);
    assert!(stdout(&output).contains(sign));
    for format in ["json", "csv", "markdown"] {
        let output = forecast(folder.path(), &["--chart", "always", "-o", format]);
        code(&output, 2);
    }
}

#[test]
fn a_chart_in_characters_reads_without_color() {
    let folder = constant();
    let text = stdout(&forecast(folder.path(), &["--chart", "always"]));
    assert!(!text.contains('\u{1b}'), "{text}");
    let (_, chart) = text.split_once("Spend to date, EUR\n").unwrap();
    for line in chart.lines() {
        assert!(line.chars().count() < 80, "{line}");
    }
    for part in [
        "█ spent",
        "╌ plan",
        "• expected",
        "░ 80 % range",
        "┼ today, 20 Nov",
        // Twenty days at a hundred are two thousand.
        "▲ 20 Nov: the planned amount is expected to be reached",
        " 1 Nov",
        "2,000 ┤",
    ] {
        assert!(chart.contains(part), "{part} is not in {chart}");
    }
    // Spend fills the beginning, and what is expected lies to the right of it.
    let filled = chart.lines().filter_map(|line| line.find('█'));
    let expected = chart.lines().filter_map(|line| line.find('•'));
    assert!(filled.min().unwrap() < expected.min().unwrap());
}

#[test]
fn a_chart_on_a_page_says_its_amounts_and_days() {
    let folder = constant();
    let svg = svg(folder.path());
    for part in [
        "role=\"img\"",
        "<title id=\"title\">only: Shop, 2026-11</title>",
        "aria-labelledby=\"title description\"",
        "prefers-color-scheme:dark",
        ">spent 1,800.00<",
        ">plan 2,000.00<",
        ">expected 3,000.00<",
        ">today, 20 Nov<",
        ">20 Nov: the planned amount is expected to be reached<",
        "EUR 1,800.00 of EUR 2,000.00 planned were spent by 2026-11-18.",
        "EUR 3,000.00 is expected by 2026-11-30",
        ">Cost by day<",
        "<title>3 Nov: EUR 100.00</title>",
    ] {
        assert!(svg.contains(part), "{part} is not in {svg}");
    }
    // Nothing is loaded from elsewhere, and nothing runs.
    assert_eq!(svg.matches("http").count(), 1, "only the name space");
    assert!(!svg.contains("<script") && !svg.contains("href"));
}

/// The points of the line of a class.
fn points(svg: &str, class: &str) -> Vec<(f64, f64)> {
    let start = format!("<path class=\"{class}\" d=\"M");
    let (_, path) = svg.split_once(&start).unwrap();
    let (path, _) = path.split_once('"').unwrap();
    let number = |text: &str| text.parse::<f64>().unwrap();
    let point = |text: &str| {
        let (x, y) = text.split_once(' ').unwrap();
        (number(x), number(y))
    };
    path.split('L').map(point).collect()
}

#[test]
fn equal_costs_are_straight_lines_that_meet() {
    let folder = constant();
    let svg = svg(folder.path());
    let spent = points(&svg, "spent");
    let planned = points(&svg, "plan");
    let middle = points(&svg, "middle");
    assert_eq!((spent.len(), planned.len()), (19, 31));
    let slope = |points: &[(f64, f64)]| {
        let (first, last) = (points[0], points[points.len() - 1]);
        (last.1 - first.1) / (last.0 - first.0)
    };
    for line in [&spent, &planned, &middle] {
        let (first, slope) = (line[0], slope(line));
        for point in line {
            let wanted = first.1 + (point.0 - first.0) * slope;
            assert!((point.1 - wanted).abs() < 0.5, "{point:?}, {wanted}");
        }
    }
    // 3,000 are expected and 2,000 planned.
    assert!((slope(&spent) / slope(&planned) - 1.5).abs() < 0.02);
    assert!((slope(&middle) / slope(&spent) - 1.0).abs() < 0.02);
    assert_eq!(spent[18], middle[0]);
    assert_eq!(spent[0], planned[0]);
    assert_eq!(middle[middle.len() - 1].0, planned[30].0);
}

#[test]
fn a_name_from_elsewhere_is_only_a_name() {
    let folder = folder("<script>alert(\"x\")</script> & \u{202e}co", |_| 100);
    let svg = svg(folder.path());
    assert!(
        !svg.contains("<script") && !svg.contains('\u{202e}'),
        "{svg}"
    );
    let name = "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; co";
    assert!(svg.contains(name), "{svg}");
}

#[test]
fn a_budget_without_anything_to_draw_is_named() {
    let folder = folder("Shop", |day| u32::from(day.month() < 9));
    let config = folder.path().join("spendwatch.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(
        &config,
        text.replace("subscriptions/1f2e", "subscriptions/0000"),
    )
    .unwrap();
    let output = forecast(folder.path(), &["--svg", "charts"]);
    code(&output, 1);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("only has nothing to draw"), "{stderr}");
    assert!(!folder.path().join("charts/only.svg").exists());
}

#[test]
fn a_spike_is_an_incident_with_its_cost_and_impact() {
    let spike = date(2026, 10, 14);
    let folder = folder("Shop", |day| if day == spike { 700 } else { 100 });
    let output = anomalies(folder.path(), &[]);
    code(&output, 0);
    let text = stdout(&output);
    let row = text.lines().nth(1).unwrap();
    for part in [
        "only",
        "spike",
        "2026-10-14",
        "EUR 100.00",
        "EUR 700.00",
        "EUR 600.00",
    ] {
        assert!(row.contains(part), "{part} is not in {text}");
    }
    assert!(text.contains("1 incident: 1 budget, "), "{text}");

    let output = anomalies(folder.path(), &["-o", "json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let incident = &answer["budgets"][0]["incidents"][0];
    assert_eq!(incident["kind"], "spike");
    assert_eq!(incident["isOpen"], false);
    assert_eq!(incident["impact"]["amount"], "600.00");
    let output = anomalies(folder.path(), &["-o", "csv"]);
    let records = stdout(&output);
    assert!(
        records.contains("only,spike,2026-10-14,2026-10-14,false,EUR,100,700,600,"),
        "{records}"
    );
    let output = anomalies(folder.path(), &["-o", "markdown"]);
    assert!(stdout(&output).contains("| only | spike | 2026-10-14 |"));

    // Not a day of the last thirty.
    let output = anomalies(folder.path(), &["--days", "30"]);
    assert!(stdout(&output).starts_with("no anomalies: 1 budget, "));
}

#[test]
fn what_made_an_event_up_is_told_by_any_column() {
    let folder = constant();
    let spike = date(2026, 10, 14);
    let mut costs = "Date,SubscriptionId,ResourceGroup,ResourceId,MeterName,CostInBillingCurrency,\
                     BillingCurrencyCode\n"
        .to_owned();
    let mut day = FIRST;
    while day <= LAST {
        let written = day.strftime("%m/%d/%Y");
        let group = "/subscriptions/1f2e/resourceGroups/a/providers/p/vms";
        let one = if day == spike { 660 } else { 60 };
        costs.push_str(&format!("{written},1f2e,a,{group}/one,D4s,{one},EUR\n"));
        costs.push_str(&format!("{written},1f2e,a,{group}/two,D2s,40,EUR\n"));
        day = day.checked_add(1.day()).unwrap();
    }
    write_costs(folder.path(), &costs);
    for (by, made_up) in [
        ("ResourceId", "vms/one +600.00"),
        ("SkuMeter", "D4s +600.00"),
        ("metername", "D4s +600.00"),
    ] {
        let output = anomalies(folder.path(), &["--by", by, "-o", "csv"]);
        code(&output, 0);
        let text = stdout(&output).to_lowercase();
        assert!(text.contains(&made_up.to_lowercase()), "{by}: {text}");
        assert!(
            !text.contains("two"),
            "what did not change is no cause: {text}"
        );
    }
    let output = anomalies(folder.path(), &["--by", "Colour"]);
    code(&output, 2);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("`Colour` is not a dimension"), "{stderr}");
}

#[test]
fn usual_costs_are_said_to_be_checked() {
    let folder = constant();
    let output = anomalies(folder.path(), &["--budget", "only", "-o", "json"]);
    code(&output, 0);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    // From 22 August, 90 days before, to the last settled day; which days those are is the source's.
    let days = answer["daysChecked"].as_u64().unwrap();
    assert!((80..=89).contains(&days), "{days}");
    assert_eq!(answer["budgetsChecked"], 1);
    assert_eq!(answer["since"], "2026-08-22");
    let text = stdout(&anomalies(folder.path(), &[]));
    assert_eq!(
        text,
        format!("no anomalies: 1 budget, {days} days checked since 2026-08-22\n")
    );
    let output = anomalies(folder.path(), &["--budget", "other"]);
    code(&output, 1);
}
