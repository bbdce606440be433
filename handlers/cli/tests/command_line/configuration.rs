//! What is wrong with a configuration, and where it is looked for.

use super::*;

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
