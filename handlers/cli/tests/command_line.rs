//! The real binary, in a folder of its own: what people and schedulers see.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

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

const TEN_MISTAKES: &str = r#"version = 2
currency = "EURO"
[source]
kind = "filez"
[channel.chat]
kind = "teams"
url = "https://contoso.example/hook"
[[budget]]
id = "payments prod"
amount = 100
scopes = ["/subscriptions/1f2e"]
[[budget]]
id = "data"
amount = -5
scopes = ["/subscription/1f2e"]
grain = "mothly"
thresholds = ["actual eighty"]
ownerz = ["a@contoso.example"]
"#;

#[test]
fn a_configuration_with_ten_mistakes_reports_all_ten_with_their_places() {
    let folder = with_config(TEN_MISTAKES);
    let output = run(folder.path(), &["check"]);
    code(&output, 1);
    let text = stdout(&output);
    for (line, what) in [
        (1, "version"),
        (2, "EURO"),
        (4, "filez"),
        (7, "a secret is a reference"),
        (9, "an id has"),
        (14, "greater than zero"),
        (15, "scope"),
        (16, "mothly"),
        (17, "actual eighty"),
        (18, "did you mean `owners`?"),
    ] {
        let place = format!("spendwatch.toml:{line}:");
        let found = text
            .lines()
            .any(|one| one.starts_with(&place) && one.contains(what));
        assert!(found, "{place} … {what} is not in\n{text}");
    }
    let errors = json(&run(folder.path(), &["check", "-o", "json"]))["errors"].clone();
    assert!(errors.as_u64().unwrap() >= 10);
    let output = run(folder.path(), &["status"]);
    code(&output, 1);
    assert!(
        stderr(&output).contains("spendwatch.toml:18:"),
        "told by every command"
    );
}

#[test]
fn check_finds_what_a_right_file_gets_wrong() {
    let folder = own();
    let output = run(folder.path(), &["check"]);
    code(&output, 1);
    let text = stdout(&output);
    assert!(
        text.contains("error: channel.mail: the environment variable SMTP_USERNAME is not set")
    );
    assert!(stderr(&output).contains("3 errors, 0 warnings"));
    let output = command(folder.path(), &["check", "spendwatch.toml"])
        .env("SMTP_USERNAME", "cost")
        .env("SMTP_PASSWORD", "x")
        .env(
            "TEAMS_WEBHOOK_URL",
            "https://hooks.contoso.example/workflows/x",
        )
        .env("LEDGER_WEBHOOK_URL", "https://ledger.contoso.example/hook")
        .env(
            "LEDGER_WEBHOOK_SIGNING",
            "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        )
        .output()
        .unwrap();
    code(&output, 0);
    assert!(stdout(&output).contains("no mistakes found"));
}

#[test]
fn a_webhook_at_a_private_address_is_refused() {
    let folder = today(&["actual 100%"], 10);
    let hidden = "https://10.1.2.3/services/T0/secret-part";
    for arguments in [&["check"][..], &["probe", "hook"]] {
        let output = command(folder.path(), arguments)
            .env("HOOK_URL", hidden)
            .env("USER_OF_RELAY", "u")
            .env("WORD_OF_RELAY", "w")
            .output()
            .unwrap();
        code(&output, 1);
        let text = stdout(&output) + &stderr(&output);
        assert!(text.contains("local or reserved"), "{text}");
        assert!(!text.contains("secret-part"), "{text}");
    }
}

#[test]
fn a_probe_that_does_not_arrive_fails_and_says_why() {
    let folder = today(&["actual 100%"], 10);
    let output = run(folder.path(), &["probe", "nobody"]);
    code(&output, 1);
    assert!(stderr(&output).contains("there is no channel `nobody`; known are: hook, mail"));
    for format in FORMATS {
        let output = run(folder.path(), &["probe", "mail", "-o", format]);
        code(&output, 1);
        assert!(stdout(&output).contains("not set"), "{}", stdout(&output));
    }
    let output = run(
        folder.path(),
        &["probe", "hook", "--to", "a@contoso.example"],
    );
    code(&output, 1);
    assert!(stderr(&output).contains("has no recipients"));
}

#[test]
fn an_unknown_budget_is_an_error_that_names_the_known_ones() {
    let folder = own();
    for arguments in [
        &["evaluate", "--dry-run", "--only", "paiments"][..],
        &["forecast", "--budget", "paiments"],
    ] {
        let output = run(folder.path(), arguments);
        code(&output, 1);
        let text = stderr(&output);
        assert!(text.starts_with("error: there is no budget `paiments`; known are: platform"));
        assert!(text.contains("research"));
    }
}

#[test]
fn a_missing_configuration_is_an_error_with_the_way_out() {
    let folder = empty();
    let output = run(folder.path(), &["status"]);
    code(&output, 1);
    let text = stderr(&output);
    assert!(
        text.contains("./spendwatch.toml") && text.contains("--config"),
        "{text}"
    );
    let output = run(folder.path(), &["-c", "nowhere.toml"]);
    code(&output, 1);
    let text = stderr(&output);
    assert!(
        text.contains("cannot read the configuration nowhere.toml"),
        "{text}"
    );
    assert!(text.contains("because: "), "{text}");
    assert!(!text.contains("backtrace"), "{text}");
    std::fs::create_dir(folder.path().join("none")).unwrap();
    let output = run(folder.path(), &["check", "none"]);
    code(&output, 1);
    assert!(stderr(&output).contains("holds no *.toml file"));
}

#[test]
fn a_folder_of_files_is_one_configuration() {
    let folder = own();
    let parts = folder.path().join("spendwatch");
    std::fs::create_dir(&parts).unwrap();
    for name in ["spendwatch.toml", "costs.csv.gz"] {
        std::fs::rename(folder.path().join(name), parts.join(name)).unwrap();
    }
    let output = run(folder.path(), &["status", "--as-of", "2026-11-18"]);
    code(&output, 3);
    let output = run(
        folder.path(),
        &["evaluate", "--outbox", "out", "--only", "research"],
    );
    assert_ne!(output.status.code(), Some(2));
    assert!(
        folder.path().join(".spendwatch").is_dir(),
        "beside the folder"
    );
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

#[test]
fn a_backtest_replays_past_months_and_writes_nothing() {
    let folder = own();
    let before = names(folder.path());
    let backtest = ["backtest", "--as-of", "2026-11-18", "--periods", "8"];
    let output = run(folder.path(), &backtest);
    code(&output, 0);
    assert_eq!(names(folder.path()), before);
    let (data, talk) = (stdout(&output), stderr(&output));
    assert!(row(&data, "payments-prod").starts_with("payments-prod"));
    assert!(
        talk.contains("2 of 8 periods left out: there are data from 2026-05-01"),
        "{talk}"
    );
    for format in FORMATS {
        let arguments = [&backtest[..], &["-o", format, "data-platform"]].concat();
        let output = run(folder.path(), &arguments);
        code(&output, 0);
        assert!(stdout(&output).contains("data-platform"), "{format}");
        assert!(!stdout(&output).contains("research"), "{format}");
    }
}

#[test]
fn a_backtest_tells_what_a_status_of_that_day_would() {
    let folder = own();
    let arguments = [
        "backtest",
        "--as-of",
        "2026-11-18",
        "--only",
        "data-platform",
        "-o",
        "json",
    ];
    let output = run(folder.path(), &arguments);
    code(&output, 0);
    let answer = json(&output);
    let periods = answer["budgets"][0]["replay"]["periods"]
        .as_array()
        .unwrap();
    assert_eq!(periods.len(), 6, "May to October");
    let october = &periods[5];
    let trials = october["trials"].as_array().unwrap();
    let trial = trials
        .iter()
        .find(|one| one["threshold"] == "actual-80pct")
        .unwrap();
    // The spend to date of an evaluation is the same sum over the same days.
    let spent = |day: &str| {
        let arguments = ["status", "--as-of", day, "-o", "json"];
        let answer = json(&run(folder.path(), &arguments));
        let budgets = answer["budgets"].as_array().unwrap().clone();
        let of = budgets
            .into_iter()
            .find(|one| one["budget"] == "data-platform")
            .unwrap();
        let spent = of["status"]["spent"]["amount"].as_str().unwrap().to_owned();
        spent.parse::<f64>().unwrap()
    };
    let reached = trial["reachedOn"].as_str().unwrap();
    let day: jiff::civil::Date = reached.parse().unwrap();
    assert!(spent(reached) >= 12_000.0);
    assert!(spent(&day.yesterday().unwrap().to_string()) < 12_000.0);
    assert_eq!(trial["daysBefore"], -2);
    assert_eq!(trial["verdict"], "after");
}

#[test]
fn another_amount_can_be_tried_out() {
    let folder = own();
    let arguments = [
        "backtest",
        "--as-of",
        "2026-11-18",
        "data-platform",
        "-o",
        "json",
    ];
    let reached = |amount: &str| {
        let output = run(
            folder.path(),
            &[&arguments[..], &["--amount", amount]].concat(),
        );
        code(&output, 0);
        let answer = json(&output);
        let periods = answer["budgets"][0]["replay"]["periods"]
            .as_array()
            .unwrap();
        periods
            .iter()
            .filter(|one| one["reachedOn"].is_string())
            .count()
    };
    // Its months cost 5,627, 7,334, 9,458, 11,116, 12,767 and 14,878.
    assert_eq!(
        [reached("11116"), reached("12000"), reached("14879")],
        [3, 2, 0]
    );
    code(&run(folder.path(), &["backtest", "--amount", "-5"]), 2);
}

#[test]
fn unknown_budgets_and_too_many_periods_are_refused() {
    let folder = own();
    for command in ["backtest", "suggest"] {
        let output = run(folder.path(), &[command, "payment-prod"]);
        code(&output, 1);
        assert!(stderr(&output).contains("known are: platform, payments-prod"));
        code(&run(folder.path(), &[command, "--periods", "37"]), 2);
    }
}

#[test]
fn a_suggestion_names_its_reason_and_can_be_pasted() {
    let folder = own();
    let suggest = ["suggest", "--as-of", "2026-11-18"];
    let output = run(folder.path(), &suggest);
    code(&output, 0);
    let data = stdout(&output);
    assert!(
        data.contains("of 7 periods, the running one by its forecast"),
        "{data}"
    );
    let answer = json(&run(
        folder.path(),
        &[&suggest[..], &["-o", "json"]].concat(),
    ));
    let budgets = answer["budgets"].as_array().unwrap();
    assert_eq!(budgets.len(), 5);
    // Six months between 3,380 and 3,475, and a seventh that looks the same.
    let shared = budgets
        .iter()
        .find(|one| one["budget"] == "shared-services")
        .unwrap();
    assert_eq!(shared["proposal"]["periods"], 7);
    let amount = shared["proposal"]["amount"]["amount"].as_str().unwrap();
    let amount: f64 = amount.parse().unwrap();
    assert!((3_400.0..=3_850.0).contains(&amount), "{amount}");

    let snippet = stdout(&run(
        folder.path(),
        &[&suggest[..], &["--snippet"]].concat(),
    ));
    let config = std::fs::read_to_string(folder.path().join("spendwatch.toml")).unwrap();
    let head = config.split("# A parent without scopes").next().unwrap();
    let pasted = format!("{head}\n{snippet}");
    std::fs::write(folder.path().join("spendwatch.toml"), pasted).unwrap();
    let output = run(
        folder.path(),
        &["status", "--as-of", "2026-11-18", "-o", "json"],
    );
    let answer = json(&output);
    for (proposed, pasted) in budgets.iter().zip(answer["budgets"].as_array().unwrap()) {
        assert_eq!(pasted["budget"], proposed["budget"]);
        assert_eq!(
            pasted["status"]["planned"], proposed["proposal"]["amount"],
            "{snippet}"
        );
    }
}

#[test]
fn too_little_history_is_no_ground_for_a_suggestion() {
    let folder = own();
    let arguments = [
        "suggest",
        "--as-of",
        "2026-07-10",
        "shared-services",
        "-o",
        "json",
    ];
    let output = run(folder.path(), &arguments);
    code(&output, 0);
    let suggestion = &json(&output)["budgets"][0];
    assert_eq!(suggestion["proposal"], Value::Null);
    let reason = suggestion["reason"].as_str().unwrap();
    assert!(reason.contains("2 periods with costs"), "{reason}");
}

#[test]
fn actions_are_listed_and_what_is_missing_is_said() {
    let folder = own();
    let config = folder.path().join("spendwatch.toml");
    let mut text = std::fs::read_to_string(&config).unwrap();
    text += r#"
        [action.tell]
        kind = "logic-app"
        url = { secret = "TELL_URL" }
        [[budget]]
        id = "acting"
        scopes = ["/subscriptions/6f1d0c5e-3b7a-4e2f-9c81-5a0d2e4b7f10"]
        currency = "EUR"
        amount = 1
        owners = ["lead@contoso.example"]
        notify = ["owners"]
        [[budget.threshold]]
        when = "actual 100%"
        actions = ["tell"]
    "#;
    std::fs::write(&config, text).unwrap();
    let listed = run(folder.path(), &["actions"]);
    assert_eq!(listed.status.code(), Some(0), "{listed:?}");
    let said = String::from_utf8(listed.stdout).unwrap();
    assert!(said.contains("no budget has asked for an action"), "{said}");
    let warned = String::from_utf8(listed.stderr).unwrap();
    assert!(warned.contains("TELL_URL"), "{warned}");
    let missing = run(folder.path(), &["actions", "show", "nothing"]);
    assert_eq!(missing.status.code(), Some(1));
    for wrong in [
        &["actions", "approve"][..],
        &["actions", "run", "--dry-run"],
    ] {
        assert_eq!(
            run(folder.path(), wrong).status.code(),
            Some(2),
            "{wrong:?}"
        );
    }
    for name in ["../ledger", "a/b", ""] {
        let refused = run(folder.path(), &["actions", "show", name]);
        assert_eq!(refused.status.code(), Some(1), "{name}");
    }
}

#[test]
fn an_action_that_is_not_done_is_a_failure_that_says_what_comes_next() {
    let folder = today(&[], 90);
    let config = folder.path().join("spendwatch.toml");
    let text = std::fs::read_to_string(&config)
        .unwrap()
        .replace("thresholds = []\n", "");
    let action = r#"
        [[budget.threshold]]
        when = "actual 100%"
        actions = ["tell"]
        [approval]
        key = { secret = "APPROVAL_KEY" }
        url = "https://budgets.contoso.example/api"
        [action.tell]
        kind = "webhook"
        mode = "approve"
        url = { secret = "TELL_URL" }
        signing = { secret = "TELL_KEY" }
    "#;
    std::fs::write(&config, text + action).unwrap();
    let run = |arguments: &[&str]| {
        command(folder.path(), arguments)
            .env("APPROVAL_KEY", "an approval key of more than 32 characters")
            .env("TELL_URL", "https://nowhere.contoso.invalid/hook")
            .env("TELL_KEY", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .output()
            .unwrap()
    };
    code(&run(&["evaluate", "--outbox", "out"]), 3);
    let listed = json(&run(&["actions", "-o", "json"]));
    let id = listed["actions"][0]["id"].as_str().unwrap().to_owned();
    let shown = run(&["actions", "show", &id]);
    code(&shown, 0);
    // The first characters of an id will do.
    let short = run(&["actions", "show", &id[..4]]);
    code(&short, 0);
    assert_eq!(stdout(&short), stdout(&shown));
    let shorter = run(&["actions", "show", &id[..3]]);
    code(&shorter, 1);
    let said = stderr(&shorter);
    assert!(said.contains("at least 4 characters of its id"), "{said}");
    let waits = run(&["actions", "run", &id]);
    code(&waits, 1);
    let said = stderr(&waits);
    assert!(said.contains("the action is awaiting-approval"), "{said}");
    let unreachable = run(&["actions", "approve", &id[..6]]);
    code(&unreachable, 1);
    let said = stderr(&unreachable);
    assert!(
        said.contains("the action is approved; it is due again at"),
        "{said}"
    );
}
