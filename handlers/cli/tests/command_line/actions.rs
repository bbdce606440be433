//! Actions: what is listed, and what fails.

use super::*;

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
