//! The real binary, in a folder of its own: what people and schedulers see.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod actions;
mod configuration;
mod past;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::TempDir;

const FORMATS: [&str; 4] = ["table", "json", "csv", "markdown"];

/// A folder without a configuration.
fn empty() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A folder with the example as one's own configuration, and its costs as a file beside it. No
/// secrets are set.
fn own() -> TempDir {
    let folder = empty();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("example");
    for name in ["spendwatch.toml", "costs.csv.gz"] {
        std::fs::copy(example.join(name), folder.path().join(name)).unwrap();
    }
    // A file is as old as its last change; the example's costs were written on its day.
    let written = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_500_000);
    let costs = std::fs::File::options()
        .write(true)
        .open(folder.path().join("costs.csv.gz"))
        .unwrap();
    costs.set_modified(written).unwrap();
    folder
}

fn with_config(text: &str) -> TempDir {
    let folder = empty();
    std::fs::write(folder.path().join("spendwatch.toml"), text).unwrap();
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spendwatch"));
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("SPENDWATCH_") || name.starts_with("AzureWebJobs") {
            command.env_remove(name);
        }
    }
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn code(output: &Output, expected: i32) {
    assert_eq!(
        output.status.code(),
        Some(expected),
        "{}\n{}",
        stdout(output),
        stderr(output)
    );
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stdout(output)))
}

fn names(folder: &Path) -> BTreeSet<String> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect(),
        Err(_) => BTreeSet::new(),
    }
}

/// The cells of a table's row that begins with this budget.
fn row<'a>(text: &'a str, budget: &str) -> &'a str {
    text.lines()
        .find(|line| line.trim_start_matches(['├', '└', ' ']).starts_with(budget))
        .unwrap_or_else(|| panic!("no row of {budget} in {text}"))
}

#[test]
fn the_first_run_shows_the_example_and_writes_its_notices() {
    let folder = empty();
    let output = run(folder.path(), &[]);
    code(&output, 0);
    let (data, talk) = (stdout(&output), stderr(&output));
    assert!(talk.contains("EXAMPLE"), "{talk}");
    assert!(talk.contains("This was example data"), "{talk}");
    assert!(row(&data, "payments-prod").ends_with("over"));
    assert!(row(&data, "data-platform").ends_with("expected to go over"));
    assert!(row(&data, "shared-services").ends_with("fine"));
    assert!(row(&data, "research").ends_with("data are stale"));
    assert!(data.contains("data as of 2026-11-18 06:00 UTC"));
    let files = names(&folder.path().join("outbox"));
    assert!(files.iter().any(|name| name.ends_with(".eml")));
    assert!(files.iter().any(|name| name.ends_with(".json")));
    for file in &files {
        assert!(data.contains(file.as_str()), "{file} is not named");
    }
    assert!(talk.contains(&format!("{} notices were written", files.len())));
    assert_eq!(
        names(folder.path()),
        BTreeSet::from([".spendwatch".to_owned(), "outbox".to_owned()])
    );
}

#[test]
fn the_second_run_tells_nothing_again_and_says_why() {
    let folder = empty();
    run(folder.path(), &[]);
    let files = names(&folder.path().join("outbox"));
    let output = run(folder.path(), &[]);
    code(&output, 0);
    assert_eq!(names(&folder.path().join("outbox")), files);
    let data = stdout(&output);
    assert!(
        data.contains("already told, since 2026-11-18 12:00 UTC"),
        "{data}"
    );
    assert!(!data.contains("outbox/"), "{data}");
    assert!(stderr(&output).contains("Nothing new was written"));
}

#[test]
fn the_example_in_json_says_that_it_is_one() {
    let folder = empty();
    let answer = json(&run(folder.path(), &["-o", "json"]));
    assert_eq!(answer["example"], "made-up costs of a made-up company");
    assert_eq!(answer["budgets"].as_array().unwrap().len(), 5);
    assert!(!answer["files"].as_array().unwrap().is_empty());
}

#[test]
fn the_bundled_costs_are_what_the_generator_makes() {
    let mut made = Vec::new();
    let world = azure_sandbox::example::world();
    azure_sandbox::write_costs(
        world.rows(),
        azure_sandbox::Agreement::Enterprise,
        &mut made,
    )
    .unwrap();
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("example/costs.csv.gz");
    let mut text = Vec::new();
    GzDecoder::new(std::fs::File::open(bundled).unwrap())
        .read_to_end(&mut text)
        .unwrap();
    assert!(made == text, "run `cargo xtask example`");
}

#[test]
fn without_a_command_a_configuration_is_shown_as_by_status() {
    let folder = own();
    let output = run(folder.path(), &["-o", "json"]);
    let status = run(folder.path(), &["status", "-o", "json"]);
    let at = |answer: &Value| answer["budgets"][0]["status"]["periodKey"].clone();
    assert_eq!(at(&json(&output)), at(&json(&status)));
    assert_eq!(output.status.code(), status.status.code());
    assert!(!stderr(&output).contains("EXAMPLE"));
    assert!(!folder.path().join("outbox").exists());

    let elsewhere = empty();
    let config = folder.path().join("spendwatch.toml");
    let output = command(elsewhere.path(), &["-o", "json"])
        .env("SPENDWATCH_CONFIG", config)
        .output()
        .unwrap();
    assert_eq!(json(&output)["budgets"].as_array().unwrap().len(), 5);
}

#[test]
fn status_writes_nothing_and_a_crossing_is_exit_code_3() {
    let folder = own();
    let before = names(folder.path());
    let output = run(folder.path(), &["status", "--as-of", "2026-11-18"]);
    code(&output, 3);
    assert_eq!(names(folder.path()), before);
    let data = stdout(&output);
    let payments = row(&data, "payments-prod");
    for part in [
        "2026-11",
        "EUR 10,404.10",
        "EUR 10,000.00",
        "104 %",
        "2026-11-17",
    ] {
        assert!(payments.contains(part), "{part} is not in {payments}");
    }
    assert!(data.contains("├ payments-prod") && data.contains("└ data-platform"));
}

#[test]
fn the_status_of_an_earlier_day_knows_no_later_costs() {
    let folder = own();
    let output = run(
        folder.path(),
        &["status", "--as-of", "2026-06-10", "-o", "json"],
    );
    let answer = json(&output);
    assert_eq!(answer["at"], "2026-06-10T12:00:00Z");
    for budget in answer["budgets"].as_array().unwrap() {
        assert_eq!(budget["status"]["periodLabel"], "2026-06");
        assert_eq!(budget["status"]["data"]["lastDay"], "2026-06-10");
    }
    let output = run(folder.path(), &["status", "--as-of", "10.06.2026"]);
    code(&output, 2);
    assert!(stderr(&output).contains("2026-11-18"), "names the form");
}

#[test]
fn quiet_budgets_are_exit_code_0() {
    let folder = own();
    let only = ["evaluate", "--only", "shared-services"];
    let output = run(
        folder.path(),
        &[&only[..], &["--as-of", "2026-11-18"]].concat(),
    );
    code(&output, 0);
    assert!(stderr(&output).contains("nothing to tell"));
    assert!(stderr(&output).contains("nothing was recorded or sent"));
}

#[test]
fn an_evaluation_as_on_a_day_records_nothing() {
    let folder = own();
    let before = names(folder.path());
    let output = run(folder.path(), &["evaluate", "--as-of", "2026-11-18"]);
    code(&output, 3);
    assert_eq!(names(folder.path()), before);
    assert!(stdout(&output).contains("EUR 10,404.10 is spent, the level is EUR 10,000.00"));
}

#[test]
fn an_evaluation_records_and_a_second_one_is_quiet() {
    // Costs of the last days, so that the evaluation is of today.
    let folder = today(&["actual 50%", "actual 100%"], 90);
    let evaluate = ["evaluate", "--outbox", "out"];
    let output = run(folder.path(), &evaluate);
    code(&output, 3);
    assert!(stdout(&output).contains("actual-100pct"));
    assert!(stderr(&output).contains("2 notices were written to out"));
    assert!(folder.path().join(".spendwatch").is_dir());
    let files = names(&folder.path().join("out"));
    assert_eq!(files.len(), 2);
    let output = run(folder.path(), &evaluate);
    code(&output, 3);
    assert!(stderr(&output).contains("nothing new to tell: 2 crossings were decided earlier"));
    assert_eq!(names(&folder.path().join("out")), files);
}

#[test]
fn an_earlier_day_is_not_held_against_what_was_told_since() {
    let folder = today(&["actual 50%"], 90);
    run(folder.path(), &["evaluate", "--outbox", "out"]);
    let day = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let output = run(
        folder.path(),
        &["evaluate", "--as-of", &day.to_string(), "-o", "json"],
    );
    code(&output, 3);
    let answer = json(&output);
    assert_eq!(answer["budgets"][0]["decisions"][0]["outcome"], "fire");
    assert_eq!(answer["dryRun"], true);
}

#[test]
fn notices_can_wait_for_a_later_run() {
    let folder = today(&["actual 100%"], 90);
    let output = run(folder.path(), &["evaluate", "--no-deliver"]);
    code(&output, 3);
    assert!(stderr(&output).contains("2 notices wait to be sent"));
    let output = run(folder.path(), &["evaluate", "--outbox", "out"]);
    code(&output, 3);
    assert_eq!(names(&folder.path().join("out")).len(), 2);
}

#[test]
fn a_notice_that_cannot_be_sent_is_a_failure_that_is_said() {
    let folder = today(&["actual 100%"], 90);
    let output = run(folder.path(), &["evaluate"]);
    code(&output, 1);
    let data = stdout(&output);
    assert!(
        data.contains("the environment variable HOOK_URL is not set"),
        "{data}"
    );
    assert!(stderr(&output).contains("2 notices have not arrived yet"));
}

#[test]
fn the_state_can_be_elsewhere_or_nowhere() {
    let folder = today(&["actual 100%"], 90);
    let memory = ["evaluate", "--outbox", "out", "--state", "memory"];
    run(folder.path(), &memory);
    assert!(!folder.path().join(".spendwatch").exists());
    let output = command(folder.path(), &["evaluate", "--outbox", "out"])
        .env("SPENDWATCH_STATE", "kept")
        .output()
        .unwrap();
    code(&output, 3);
    assert!(folder.path().join("kept").is_dir());
    assert!(!folder.path().join(".spendwatch").exists());
}

/// A folder whose costs end today: one budget of 100 EUR with `cost` EUR today and yesterday.
fn today(thresholds: &[&str], cost: u32) -> TempDir {
    let quoted: Vec<String> = thresholds.iter().map(|one| format!("{one:?}")).collect();
    let folder = with_config(&format!(
        "version = 1\ncurrency = \"EUR\"\n\
         [source]\nkind = \"files\"\npaths = [\"costs.csv\"]\n\
         [channel.hook]\nkind = \"slack\"\nurl = {{ secret = \"HOOK_URL\" }}\n\
         [channel.mail]\nkind = \"email\"\nsmtp = \"smtp://relay.contoso.example:587\"\n\
         from = \"cost@contoso.example\"\nto = [\"a@contoso.example\"]\n\
         username = {{ secret = \"USER_OF_RELAY\" }}\npassword = {{ secret = \"WORD_OF_RELAY\" }}\n\
         [[budget]]\nid = \"only\"\namount = 100\ngrain = \"annually\"\n\
         scopes = [\"/subscriptions/1f2e\"]\nnotify = [\"hook\", \"mail\"]\nthresholds = [{}]\n",
        quoted.join(", ")
    ));
    let day = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    // Twice on one day: yesterday may lie in the year before.
    let mut costs =
        "Date,SubscriptionId,ResourceGroup,CostInBillingCurrency,BillingCurrencyCode\n".to_owned();
    for group in ["a", "b"] {
        let date = day.strftime("%m/%d/%Y");
        costs.push_str(&format!("{date},1f2e,{group},{cost},EUR\n"));
    }
    std::fs::write(folder.path().join("costs.csv"), costs).unwrap();
    folder
}

#[test]
fn every_answer_comes_in_every_format() {
    let folder = own();
    let day = ["--as-of", "2026-11-18"];
    let answers: [&[&str]; 7] = [
        &["status"],
        &["evaluate"],
        &["forecast"],
        &["forecast", "--budget", "research"],
        &["forecast", "--score", "--replay", "2"],
        &["anomalies"],
        &["check"],
    ];
    for answer in answers {
        for format in FORMATS {
            let day: &[&str] = if answer[0] == "check" { &[] } else { &day };
            let output = run(folder.path(), &[answer, day, &["-o", format]].concat());
            let text = stdout(&output);
            let what = format!("{answer:?} as {format}: {text}");
            assert!(!text.is_empty(), "{what}");
            assert!(!text.contains('\u{1b}'), "colors in {what}");
            assert!(!text.contains('\u{a0}'), "odd spaces in {what}");
            match format {
                "json" => drop(json(&output)),
                "csv" => {
                    let mut reader = csv::Reader::from_reader(text.as_bytes());
                    let records: Result<Vec<_>, _> = reader.records().collect();
                    assert!(!records.unwrap().is_empty(), "{what}");
                }
                "markdown" => assert!(text.starts_with(['|', '#', '-']), "{what}"),
                _ => {}
            }
        }
    }
}

#[test]
fn numbers_for_programs_are_exact_and_plain() {
    let folder = own();
    let day = ["--as-of", "2026-11-18", "-o"];
    let output = run(folder.path(), &[&["status"], &day[..], &["json"]].concat());
    let answer = json(&output);
    let spent = &answer["budgets"][1]["status"]["spent"];
    let amount = spent["amount"].as_str().unwrap().to_owned();
    assert!(amount.starts_with("10404."), "{amount}");
    assert_eq!(answer["budgets"][1]["state"], "over");
    let output = run(folder.path(), &[&["status"], &day[..], &["csv"]].concat());
    let text = stdout(&output);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let column = |name: &str| headers.iter().position(|one| one == name).unwrap();
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(&records[1][column("spent")], amount.trim_end_matches('0'));
    assert_eq!(&records[1][column("currency")], "EUR");
    assert_eq!(&records[1][column("parent")], "platform");
    assert_eq!(&records[1][column("period_end")], "2026-11-30");
}

#[test]
fn a_forecast_has_its_ranges_or_says_why_there_is_none() {
    let folder = own();
    let output = run(
        folder.path(),
        &[
            "forecast",
            "--budget",
            "data-platform",
            "--as-of",
            "2026-11-18",
        ],
    );
    code(&output, 0);
    let text = stdout(&output);
    for part in [
        "Expected",
        "80 % range",
        "95 % range",
        "Probability",
        "Breach",
        "Allowance",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(text.contains("unlikely before"), "{text}");
    let young = today(&["actual 100%"], 10);
    let output = run(young.path(), &["forecast"]);
    code(&output, 0);
    assert!(
        stdout(&output).contains("no forecast:"),
        "{}",
        stdout(&output)
    );
    let output = run(young.path(), &["status"]);
    code(&output, 0);
    assert!(stdout(&output).contains("only: no forecast:"));
}

#[test]
fn a_budget_with_a_problem_shows_it_and_fails_the_run() {
    let folder = own();
    let path = folder.path().join("spendwatch.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    // Costs in USD against a budget in EUR.
    let text = text.replacen("currency = \"USD\"\namount = 4_000", "amount = 4_000", 1);
    std::fs::write(&path, text).unwrap();
    let output = run(folder.path(), &["status", "--as-of", "2026-11-18"]);
    code(&output, 1);
    let data = stdout(&output);
    let shared = row(&data, "shared-services");
    assert!(
        shared.contains("not evaluated: costs are in USD"),
        "{shared}"
    );
    assert!(!shared.contains("0.00"), "{shared}");
    assert!(
        row(&data, "payments-prod").ends_with("over"),
        "the others go on"
    );
}

#[test]
fn costs_that_cannot_be_read_are_a_problem_of_their_budgets_never_zero() {
    let folder = own();
    std::fs::remove_file(folder.path().join("costs.csv.gz")).unwrap();
    let output = run(folder.path(), &["status", "-o", "json"]);
    code(&output, 1);
    for budget in json(&output)["budgets"].as_array().unwrap() {
        assert_eq!(budget["status"], Value::Null);
        assert_eq!(budget["state"], "failed");
        assert!(
            budget["problem"]
                .as_str()
                .unwrap()
                .contains("no file is named")
        );
    }
}

#[test]
fn a_file_that_is_cut_off_is_a_problem() {
    let folder = own();
    let path = folder.path().join("costs.csv.gz");
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"Date,SubscriptionId\n").unwrap();
    let mut bytes = packed.finish().unwrap();
    bytes.truncate(bytes.len() - 4);
    std::fs::write(&path, bytes).unwrap();
    let output = run(folder.path(), &["evaluate", "--dry-run"]);
    code(&output, 1);
    assert!(stdout(&output).contains("not evaluated: read costs"));
}

#[test]
fn budgets_outside_of_their_life_are_no_failure() {
    let folder = own();
    let path = folder.path().join("spendwatch.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replacen(
        "id = \"research\"",
        "id = \"research\"\nends = 2026-06-30",
        1,
    );
    std::fs::write(&path, text).unwrap();
    let output = run(
        folder.path(),
        &["evaluate", "--only", "research", "--as-of", "2026-11-18"],
    );
    code(&output, 0);
    assert!(stdout(&output).contains("not running today"));
}

#[test]
fn wrong_use_is_exit_code_2() {
    let folder = empty();
    for arguments in [
        &["evaluat"][..],
        &["status", "--output", "xml"],
        &["probe"],
        &["evaluate", "--dry-run", "--outbox", "out"],
    ] {
        code(&run(folder.path(), arguments), 2);
    }
}

#[test]
fn how_past_forecasts_would_have_turned_out_needs_no_state() {
    let folder = own();
    let past = [
        "forecast",
        "--score",
        "--replay",
        "6",
        "--as-of",
        "2026-11-18",
    ];
    let output = run(folder.path(), &[&past[..], &["-o", "json"]].concat());
    code(&output, 0);
    let scores = json(&output);
    let budgets = scores["budgets"].as_array().unwrap();
    assert_eq!(budgets.len(), 5);
    let number = |value: &Value| -> f64 { value.as_str().unwrap().parse().unwrap() };
    for budget in budgets {
        let models = budget["models"].as_array().unwrap();
        assert_eq!(models.len(), 10, "{budget}");
        assert_eq!(models[0]["model"], "combined");
        assert_eq!(models[0]["periods"], 6);
        assert_eq!(models[1]["model"], "run-rate");
        // The closer the end, the better.
        let at = |stage: &str| number(&models[0]["stages"][stage]["error"]);
        assert!(at("last") <= at("first"), "{budget}");
    }
    // A reservation and a support plan are billed there on the first day of the month, and scaled up by the
    // run rate.
    let shared = budgets
        .iter()
        .find(|one| one["budget"] == "shared-services");
    let models = &shared.unwrap()["models"];
    assert!(number(&models[1]["error"]) > 10.0 * number(&models[0]["error"]));

    let kept = run(folder.path(), &["forecast", "--score"]);
    code(&kept, 0);
    assert!(stdout(&kept).contains("no forecast of it is kept yet"));
    for wrong in [
        &["forecast", "--score", "--as-of", "2026-11-18"][..],
        &["forecast", "--replay", "6"],
        &["forecast", "--score", "--replay", "37"],
    ] {
        code(&run(folder.path(), wrong), 2);
    }
}

#[test]
fn help_says_what_commands_and_exit_codes_there_are() {
    let folder = empty();
    let output = run(folder.path(), &["--help"]);
    code(&output, 0);
    let help = stdout(&output);
    for part in [
        "evaluate",
        "status",
        "forecast",
        "anomalies",
        "check",
        "probe",
        "schema",
        "completions",
        "--config",
        "--state",
        "--output",
        "SPENDWATCH_CONFIG",
        "SPENDWATCH_STATE",
        "SPENDWATCH_LOG",
        "Exit codes:",
    ] {
        assert!(help.contains(part), "{part} is not in {help}");
    }
    for command in [
        "evaluate",
        "status",
        "forecast",
        "anomalies",
        "check",
        "probe",
        "schema",
        "completions",
    ] {
        code(&run(folder.path(), &[command, "--help"]), 0);
    }
    assert!(stdout(&run(folder.path(), &["--version"])).starts_with("spendwatch "));
}

#[test]
fn the_schema_is_json_and_completions_name_the_commands() {
    let folder = empty();
    for format in ["table", "json"] {
        let output = run(folder.path(), &["schema", "-o", format]);
        code(&output, 0);
        assert!(json(&output)["$schema"].is_string());
    }
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = run(folder.path(), &["completions", shell]);
        code(&output, 0);
        assert!(stdout(&output).contains("evaluate"), "{shell}");
    }
}

#[test]
fn colors_are_for_those_who_want_them() {
    let folder = own();
    let status = ["status", "--as-of", "2026-11-18"];
    let forced = command(folder.path(), &status)
        .env("CLICOLOR_FORCE", "1")
        .env_remove("NO_COLOR")
        .output()
        .unwrap();
    assert!(stdout(&forced).contains("\u{1b}[31mover"));
    let without = command(folder.path(), &status)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(!stdout(&without).contains('\u{1b}'));
}

#[test]
fn logs_go_to_stderr_and_only_on_request() {
    let folder = own();
    let status = ["status", "--as-of", "2026-11-18"];
    assert_eq!(stderr(&run(folder.path(), &status)), "");
    for (folder, arguments, variable) in [
        (today(&["actual 100%"], 90), &["-v", "evaluate"][..], ""),
        (
            today(&["actual 100%"], 90),
            &["evaluate"],
            "spendwatch=info",
        ),
    ] {
        let output = command(folder.path(), arguments)
            .args(["--no-deliver", "-o", "json"])
            .env("SPENDWATCH_LOG", variable)
            .output()
            .unwrap();
        assert!(stderr(&output).contains("budget changed"), "{arguments:?}");
        json(&output);
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let folder = empty();
    let mut child = command(folder.path(), &["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    code(&output, 0);
    assert_eq!(stderr(&output), "");
}
