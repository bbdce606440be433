//! `plan` and `apply`: what people and pipelines see, and the exit codes that these go by.

use std::fs;
use std::process::Output;

use azure_sandbox::{Options, Quota};
use serde_json::Value;

use crate::support::{Sandbox, code, spendwatch, stderr, stdout};

fn here(amount: &str) -> Sandbox {
    let sandbox = Sandbox::with("enterprise", |options| {
        // The command goes by the machine's clock, and so must Azure.
        let today = jiff::Timestamp::now()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date();
        *options = Options::new(today);
        // The command waits as long as Azure says, which is not what is looked at here.
        options.quota = Some(Quota {
            requests_in_minute: 30,
            ..Quota::default()
        });
    });
    configure(&sandbox, amount);
    sandbox
}

fn configure(sandbox: &Sandbox, amount: &str) {
    let text = format!(
        r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "azure"
        endpoint = "{}"
        auth = "managed-identity"
        [native]
        contact_emails = ["cost@contoso.example"]
        [channel.chat]
        kind = "slack"
        url = {{ secret = "CHAT_URL" }}
        [defaults]
        notify = ["chat"]
        [[budget]]
        id = "shop"
        scopes = ["{}"]
        amount = {amount}
        thresholds = ["actual 80%", "pace 120%"]
        "#,
        sandbox.base,
        sandbox.subscription()
    );
    fs::write(sandbox.folder.path().join("spendwatch.toml"), text).unwrap();
}

fn run(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    spendwatch(sandbox.folder.path())
        .args(arguments)
        .env("IDENTITY_ENDPOINT", format!("{}/msi/token", sandbox.base))
        .env("IDENTITY_HEADER", "sandbox-identity")
        .output()
        .unwrap()
}

#[test]
fn a_pipeline_plans_comments_and_applies() {
    let sandbox = here("1000");
    let planned = run(&sandbox, &["plan"]);
    code(&planned, 3);
    let shown = stdout(&planned);
    assert!(
        shown.contains("+   create shop of /subscriptions/"),
        "{shown}"
    );
    assert!(
        shown.contains(
            "+   notification Actual >= 80 %: cost@contoso.example  (threshold actual-80pct)"
        ),
        "{shown}"
    );
    assert!(
        shown.contains("shop, pace-120pct: not in Azure: "),
        "{shown}"
    );
    assert!(stderr(&planned).contains("plan: 1 to create"));
    assert!(!shown.contains('\u{1b}'), "no colors but on a terminal");
    let comment = run(&sandbox, &["plan", "-o", "markdown"]);
    code(&comment, 3);
    let comment = stdout(&comment);
    assert!(comment.contains("```diff\n+ create shop of "), "{comment}");
    assert!(comment.starts_with("- plan: 1 to create\n"), "{comment}");
    // Nobody can be asked, and nothing is written without being asked.
    let unasked = run(&sandbox, &["apply"]);
    code(&unasked, 2);
    assert!(stderr(&unasked).contains("--yes"));
    let applied = run(&sandbox, &["apply", "--yes"]);
    code(&applied, 0);
    assert!(stdout(&applied).contains("done: create shop of "));
    code(&run(&sandbox, &["plan"]), 0);
    // A second time there is nothing to do.
    let again = run(&sandbox, &["apply", "--yes", "-o", "json"]);
    code(&again, 0);
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["applied"].as_array().unwrap().len(), 0);
    assert_eq!(again["plan"]["changes"][0]["action"], "leave");
}

#[test]
fn a_change_is_shown_field_by_field_with_its_reason() {
    let sandbox = here("1000");
    code(&run(&sandbox, &["apply", "--yes"]), 0);
    configure(&sandbox, "1200.50");
    let planned = run(&sandbox, &["plan", "-o", "csv"]);
    code(&planned, 3);
    let lines = stdout(&planned);
    let update = lines
        .lines()
        .find(|line| line.starts_with("update,"))
        .unwrap();
    assert!(
        update.contains(",shop,shop,amount,1000,1200.5,planned for "),
        "{update}"
    );
    let only = run(&sandbox, &["plan", "--only", "nothing"]);
    code(&only, 1);
    assert!(
        stderr(&only).contains("kept are: shop"),
        "{}",
        stderr(&only)
    );
}

#[test]
fn what_cannot_be_planned_fails_and_the_rest_is_shown() {
    let sandbox = here("1000");
    let path = sandbox.folder.path().join("spendwatch.toml");
    let text = fs::read_to_string(&path).unwrap();
    let budget = &text[text.find("[[budget]]").unwrap()..];
    let same = budget.replace(
        "id = \"shop\"",
        "id = \"twin\"\nnative = { name = \"other\" }",
    );
    let third = same.replace("twin", "third");
    fs::write(&path, format!("{text}\n{same}\n{third}")).unwrap();
    let planned = run(&sandbox, &["plan"]);
    code(&planned, 1);
    let shown = stdout(&planned);
    assert!(shown.contains("+   create shop of "), "{shown}");
    assert!(
        shown.contains("twin: cannot be planned: twin, third would all be the budget `other`"),
        "{shown}"
    );
    assert!(
        stderr(&planned).contains("2 budgets could not be planned"),
        "{}",
        stderr(&planned)
    );
    let checked = run(&sandbox, &["check"]);
    code(&checked, 1);
    assert!(
        stdout(&checked).contains("twin, third"),
        "{}",
        stdout(&checked)
    );
    // Rows are changes, so that the rest is said beside them.
    let listed = run(&sandbox, &["plan", "-o", "csv"]);
    code(&listed, 1);
    let said = stderr(&listed);
    assert!(
        said.contains("twin: cannot be planned: twin, third"),
        "{said}"
    );
    assert!(said.contains("shop, pace-120pct: not in Azure: "), "{said}");
    // What goes through is applied all the same.
    let applied = run(&sandbox, &["apply", "--yes"]);
    code(&applied, 1);
    assert!(stdout(&applied).contains("done: create shop of "));
    let again = run(&sandbox, &["apply", "--yes", "-o", "csv"]);
    code(&again, 1);
    assert!(
        stderr(&again).contains("twin: cannot be planned"),
        "{}",
        stderr(&again)
    );
}

#[test]
fn what_could_not_be_read_is_not_called_nothing_to_do() {
    let sandbox = here("1000");
    let path = sandbox.folder.path().join("spendwatch.toml");
    let text = fs::read_to_string(&path).unwrap();
    let lost = text.replace(&sandbox.subscription(), "/subscriptions/nowhere");
    fs::write(&path, &lost).unwrap();
    let planned = run(&sandbox, &["plan", "-o", "csv"]);
    code(&planned, 1);
    let said = stderr(&planned);
    assert!(
        said.contains("plan: nothing is known; 1 scope could not be read"),
        "{said}"
    );
    assert!(
        said.contains("/subscriptions/nowhere: cannot be read: "),
        "{said}"
    );
    // Where one of two scopes is as it should be, that is said of it alone.
    fs::write(&path, &text).unwrap();
    code(&run(&sandbox, &["apply", "--yes"]), 0);
    let budget = &lost[lost.find("[[budget]]").unwrap()..];
    fs::write(
        &path,
        format!("{text}\n{}", budget.replace("\"shop\"", "\"lost\"")),
    )
    .unwrap();
    let planned = run(&sandbox, &["plan"]);
    code(&planned, 1);
    let said = stderr(&planned);
    assert!(
        said.contains("plan: nothing to do where Azure could be read; 1 is left"),
        "{said}"
    );
}

#[test]
fn rules_that_are_deleted_have_a_row_of_csv() {
    let sandbox = here("1000");
    let path = sandbox.folder.path().join("spendwatch.toml");
    let text = fs::read_to_string(&path).unwrap();
    let rule = format!(
        "\n[[anomaly_alert]]\nsubscription = \"{}\"\nname = \"odd\"\nto = [\"cost@contoso.example\"]\n",
        sandbox.subscription()
    );
    fs::write(&path, format!("{text}{rule}")).unwrap();
    code(&run(&sandbox, &["apply", "--yes"]), 0);
    fs::write(&path, text).unwrap();
    let planned = run(&sandbox, &["plan", "--prune", "-o", "csv"]);
    code(&planned, 3);
    let lines = stdout(&planned);
    let mut lines = lines.lines();
    let deleted = lines.find(|line| line.starts_with("delete,")).unwrap();
    assert!(deleted.contains(",anomaly-alert,odd,,,,,"), "{deleted}");
}

#[test]
fn parts_of_a_configured_budget_are_not_imported_once_more() {
    let sandbox = here("1000");
    let path = sandbox.folder.path().join("spendwatch.toml");
    let text = fs::read_to_string(&path).unwrap();
    let many = text.replace("\"actual 80%\"", "\"actual every 10%\"");
    assert_ne!(many, text);
    fs::write(&path, many).unwrap();
    let applied = run(&sandbox, &["apply", "--yes"]);
    code(&applied, 0);
    assert!(stdout(&applied).contains("done: create shop-2 of "));
    let imported = run(&sandbox, &["import"]);
    code(&imported, 0);
    let said = stderr(&imported);
    assert!(said.contains("2 kept already"), "{said}");
    assert!(
        !stdout(&imported).contains("shop-2"),
        "{}",
        stdout(&imported)
    );
}

#[test]
fn parts_of_a_budget_whose_amount_follows_from_costs_are_not_imported() {
    let sandbox = here("{ history = \"median 3 periods\" }");
    let path = sandbox.folder.path().join("spendwatch.toml");
    let text = fs::read_to_string(&path).unwrap();
    let many = text.replace("\"actual 80%\"", "\"actual every 500\"");
    fs::write(&path, many).unwrap();
    let applied = run(&sandbox, &["apply", "--yes"]);
    code(&applied, 0);
    // More parts than an amount of a thousand would need.
    assert!(
        stdout(&applied).contains("done: create shop-2 of "),
        "{}",
        stdout(&applied)
    );
    let state = sandbox.folder.path().join("elsewhere");
    let state = state.to_str().unwrap();
    for more in [&[][..], &["--state", state]] {
        let imported = run(&sandbox, &[&["import"], more].concat());
        code(&imported, 0);
        assert!(
            !stdout(&imported).contains("[[budget]]"),
            "{}",
            stdout(&imported)
        );
    }
    // A part that is not needed any more is for a plan to delete.
    fs::write(&path, text).unwrap();
    let imported = run(&sandbox, &["import"]);
    code(&imported, 0);
    assert!(
        !stdout(&imported).contains("[[budget]]"),
        "{}",
        stdout(&imported)
    );
}

#[test]
fn what_is_to_be_deleted_is_named_clearly() {
    let sandbox = here("1000");
    let scope = sandbox.subscription();
    let rule = format!("{scope}/providers/Microsoft.CostManagement/scheduledActions/odd");
    for (arguments, expected) in [
        (["plan", "--delete", &rule], "--delete-rule"),
        (
            ["plan", "--delete", "nowhere=web"],
            "does not begin with a scope",
        ),
        (
            [
                "plan",
                "--delete-rule",
                &rule.replace("scheduledActions", "budgets"),
            ],
            "--delete",
        ),
    ] {
        let refused = run(&sandbox, &arguments);
        code(&refused, 2);
        assert!(stderr(&refused).contains(expected), "{}", stderr(&refused));
    }
    code(&run(&sandbox, &["apply", "--yes"]), 0);
    // A budget that is configured is not deleted, whoever names it.
    let named = format!("{scope}=shop");
    code(&run(&sandbox, &["plan", "--delete", &named]), 0);
    // What nothing is named like was not deleted.
    for option in ["--delete", "--delete-rule"] {
        let unknown = run(&sandbox, &["plan", option, "nope"]);
        code(&unknown, 1);
        assert!(
            stderr(&unknown).contains("nope: there is no such"),
            "{}",
            stderr(&unknown)
        );
    }
}

#[test]
fn budgets_are_proposed_for_what_none_counts() {
    let sandbox = here("1000");
    let proposed = run(
        &sandbox,
        &["suggest", "--uncovered", "--periods", "3", "-o", "json"],
    );
    code(&proposed, 0);
    let proposed: Value = serde_json::from_slice(&proposed.stdout).unwrap();
    let budgets = proposed["budgets"].as_array().unwrap();
    assert!(!budgets.is_empty(), "{proposed}");
    for budget in budgets {
        assert_ne!(budget["scope"], sandbox.subscription().as_str());
    }
    let one = sandbox.subscription();
    let snippet = run(
        &sandbox,
        &["suggest", "--scope", &one, "--periods", "3", "--snippet"],
    );
    code(&snippet, 0);
    let text = stdout(&snippet);
    assert!(
        text.contains(&one) && text.contains("id = \"shop"),
        "{text}"
    );
    code(
        &run(&sandbox, &["suggest", "--scope", &one, "--uncovered"]),
        2,
    );
}

#[test]
fn a_configuration_that_keeps_nothing_in_azure_says_how_to() {
    let sandbox = here("1000");
    let path = sandbox.folder.path().join("spendwatch.toml");
    let text = fs::read_to_string(&path).unwrap();
    let start = text.find("[native]").unwrap();
    let end = text.find("[channel.chat]").unwrap();
    fs::write(&path, format!("{}{}", &text[..start], &text[end..])).unwrap();
    let planned = run(&sandbox, &["plan"]);
    code(&planned, 0);
    assert!(
        stderr(&planned).contains("add a [native] table"),
        "{}",
        stderr(&planned)
    );
}

#[test]
fn azures_alerts_are_listed_and_dismissed_when_asked() {
    let sandbox = here("1");
    code(&run(&sandbox, &["apply", "--yes"]), 0);
    sandbox.control("POST", "/sandbox/evaluate");
    let listed = run(&sandbox, &["alerts", "-o", "json"]);
    code(&listed, 0);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let alert = &listed["azure"][0];
    assert_eq!(
        (&alert["budget"], &alert["status"]),
        (&"shop".into(), &"Active".into()),
        "{listed}"
    );
    let name = alert["name"].as_str().unwrap();
    let scope = sandbox.subscription();
    let dismiss = ["alerts", "dismiss", name, "--scope", &scope];
    code(&run(&sandbox, &dismiss), 2);
    let dismissed = run(&sandbox, &[&dismiss[..], &["--yes"]].concat());
    code(&dismissed, 0);
    assert!(
        stderr(&dismissed).contains("is Dismissed now"),
        "{}",
        stderr(&dismissed)
    );
    let table = run(&sandbox, &["alerts"]);
    code(&table, 0);
    assert!(stdout(&table).contains("Dismissed"), "{}", stdout(&table));
    code(&run(&sandbox, &["alerts", "list", "--scope", "nowhere"]), 2);
}

#[test]
fn what_azure_has_is_imported_and_planned_to_nothing() {
    let sandbox = Sandbox::with("enterprise", |options| {
        let today = jiff::Timestamp::now()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date();
        options.today = today;
        options.standing = azure_sandbox::Scenario::named("enterprise")
            .unwrap()
            .standing;
    });
    let folder = sandbox.folder.path().join("spendwatch");
    fs::create_dir(&folder).unwrap();
    let head = format!(
        r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "azure"
        endpoint = "{}"
        auth = "managed-identity"
        [channel.mail]
        kind = "email"
        smtp = "smtp://relay.contoso.example"
        from = "Cost <cost@contoso.example>"
        [[native_budget]]
        scope = "{}"
        name = "first"
        amount = 1
        grain = "Monthly"
        starts = 2026-11-01
        "#,
        sandbox.base,
        sandbox.subscription()
    );
    fs::write(folder.join("spendwatch.toml"), head).unwrap();
    let scope = sandbox.subscription();
    let import = [
        "import",
        "--scope",
        &scope,
        "--file",
        "spendwatch/imported.toml",
    ];
    let imported = run(&sandbox, &import);
    code(&imported, 0);
    assert!(
        stderr(&imported).contains("1 anomaly alert"),
        "{}",
        stderr(&imported)
    );
    let text = fs::read_to_string(folder.join("imported.toml")).unwrap();
    assert!(
        text.contains("[[anomaly_alert]]") && text.contains("[[budget]]"),
        "{text}"
    );
    let planned = run(&sandbox, &["plan", "-o", "json"]);
    let plan: Value = serde_json::from_slice(&planned.stdout).unwrap();
    let all = plan["changes"]
        .as_array()
        .unwrap()
        .iter()
        .chain(plan["rules"].as_array().unwrap());
    let to_do: Vec<&Value> = all.filter(|change| change["action"] != "leave").collect();
    // What was configured by hand is to be created; what was imported is as it is.
    assert_eq!(to_do.len(), 1, "{to_do:#?}\n{text}");
    assert_eq!(to_do[0]["name"], "first");
}
