//! `spendwatch import` and `check --online` through the real binary, against the sandbox.

use azure_sandbox::Scenario;

use crate::support::{Sandbox, spendwatch, stderr, stdout};

/// A sandbox with the documents of its scenario, and a configuration beside it.
fn sandbox() -> (Sandbox, String) {
    let standing = Scenario::named("enterprise").unwrap().standing;
    let sandbox = Sandbox::with("enterprise", |options| {
        options.standing = standing;
        options.needs_token = false;
    });
    let shop = format!("/subscriptions/{}", sandbox.world.subscriptions[0].id);
    let config = format!(
        r#"version = 1
currency = "EUR"
[source]
kind = "azure"
auth = "none"
endpoint = "{}"
[channel.mail]
kind = "email"
smtp = "smtp://relay.contoso.example"
from = "Cost <cost@contoso.example>"
to = ["finops@contoso.example"]
[[budget]]
id = "own"
scopes = ["{shop}"]
amount = 1
native = false
notify = ["mail"]
"#,
        sandbox.base
    );
    let folder = sandbox.folder.path().join("budgets");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.toml"), config).unwrap();
    (sandbox, shop)
}

#[test]
fn what_azure_has_becomes_a_file_that_is_configuration() {
    let (sandbox, shop) = sandbox();
    let run = |arguments: &[&str]| {
        let mut command = spendwatch(sandbox.folder.path());
        command.args(["--config", "budgets"]).args(arguments);
        command.output().unwrap()
    };
    let printed = run(&["import"]);
    assert!(printed.status.success(), "{}", stderr(&printed));
    let text = stdout(&printed);
    assert!(text.contains("id = \"shop-monthly\"\n"), "{text}");
    assert!(text.contains("amount = 9500\n"), "{text}");
    assert!(stderr(&printed).contains("1 budget imported"));
    // A scope that is named stands in place of the configured ones.
    let account = format!(
        "/providers/Microsoft.Billing/billingAccounts/{}",
        sandbox.world.billing_account
    );
    let idle = stdout(&run(&["import", "--scope", &account]));
    assert!(
        idle.contains("category = \"ReservationUtilization\""),
        "{idle}"
    );
    assert!(!idle.contains("shop-monthly"), "{idle}");

    let file = ["import", "--file", "budgets/b.toml"];
    assert!(run(&file).status.success());
    let checked = run(&["check"]);
    assert!(checked.status.success(), "{}", stdout(&checked));
    let again = run(&file);
    assert!(!again.status.success());
    assert!(stderr(&again).contains("--force"), "{}", stderr(&again));
    // What the configuration keeps already is not imported once more.
    let again = run(&["import"]);
    assert!(!stdout(&again).contains("[[budget]]"), "{}", stdout(&again));
    assert!(
        // A budget and a rule about unusual costs.
        stderr(&again).contains("2 kept already"),
        "{}",
        stderr(&again)
    );

    // One scope that is not there does not hide the other.
    let failed = run(&[
        "import",
        "--scope",
        "/subscriptions/nowhere",
        "--scope",
        &shop,
    ]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(stderr(&failed).contains("error: /subscriptions/nowhere"));
    let both = stdout(&run(&[
        "import",
        "--scope",
        &format!("{shop}/resourceGroups/shop-dev"),
    ]));
    assert!(both.contains("shop-development"), "{both}");
}

#[test]
fn a_check_resolves_the_contacts_of_what_was_imported() {
    let (sandbox, _) = sandbox();
    let run = |arguments: &[&str]| {
        let mut command = spendwatch(sandbox.folder.path());
        command.args(["--config", "budgets"]).args(arguments);
        command.output().unwrap()
    };
    assert!(
        run(&["import", "--file", "budgets/b.toml"])
            .status
            .success()
    );
    let checked = run(&["check", "--online"]);
    // The scenario's group has no receivers.
    let said = stdout(&checked);
    assert!(
        said.contains("the action group shop-team has no receivers"),
        "{said}"
    );
    assert_eq!(checked.status.code(), Some(1), "{said}");
}

#[test]
fn without_a_configuration_scope_and_currency_are_asked_for() {
    let sandbox = Sandbox::new("enterprise");
    let run = |arguments: &[&str]| {
        let mut command = spendwatch(sandbox.folder.path());
        command.args(arguments).output().unwrap()
    };
    let no_scope = run(&["import"]);
    assert_eq!(no_scope.status.code(), Some(2));
    assert!(stderr(&no_scope).contains("--scope is missing"));
    let no_currency = run(&["import", "--scope", "/subscriptions/a"]);
    assert_eq!(no_currency.status.code(), Some(2));
    assert!(stderr(&no_currency).contains("--currency is missing"));
}

#[test]
fn the_first_budgets_of_a_configuration_can_be_imported() {
    let (sandbox, shop) = sandbox();
    let file = sandbox.folder.path().join("budgets").join("a.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (without, _) = text.split_once("[[budget]]").unwrap();
    std::fs::write(&file, without).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = spendwatch(sandbox.folder.path());
        command.args(["--config", "budgets"]).args(arguments);
        command.output().unwrap()
    };
    let nowhere = run(&["import"]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(
        stderr(&nowhere).contains("--scope is missing"),
        "{}",
        stderr(&nowhere)
    );
    let imported = run(&["import", "--scope", &shop, "--file", "budgets/b.toml"]);
    assert!(imported.status.success(), "{}", stderr(&imported));
    let planned = run(&["plan"]);
    assert!(planned.status.success(), "{}", stderr(&planned));
    assert!(
        stderr(&planned).contains("plan: nothing to do"),
        "{}",
        stderr(&planned)
    );
    // Elsewhere a configuration without budgets stays a mistake.
    std::fs::remove_file(sandbox.folder.path().join("budgets").join("b.toml")).unwrap();
    assert_eq!(run(&["plan"]).status.code(), Some(1));
}

#[test]
fn without_mail_what_is_imported_names_the_fallback_and_is_read() {
    let (sandbox, shop) = sandbox();
    let file = sandbox.folder.path().join("budgets").join("a.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (head, _) = text.split_once("[channel.mail]").unwrap();
    let chat = "[channel.ops]\nkind = \"slack\"\nurl = { secret = \"CHAT_URL\" }\n";
    let head = head.replace("[source]", "fallback = \"ops\"\n[source]");
    std::fs::write(&file, format!("{head}{chat}")).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = spendwatch(sandbox.folder.path());
        command.args(["--config", "budgets"]).args(arguments);
        command.output().unwrap()
    };
    let imported = run(&["import", "--scope", &shop, "--file", "budgets/b.toml"]);
    assert!(imported.status.success(), "{}", stderr(&imported));
    let planned = run(&["plan"]);
    assert!(planned.status.success(), "{}", stderr(&planned));
}
