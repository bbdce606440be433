//! Actions in the configuration: what is understood, and every mistake in its place.

use std::path::PathBuf;

use spendwatch::{Config, ConfigError, Mode, Secret, Tagged, Task};

const GROUP: &str = "/subscriptions/1f2e/resourceGroups/shop";

fn parse(actions: &str, threshold: &str) -> Result<Config, Vec<String>> {
    let text = format!(
        r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "files"
        paths = ["costs.csv"]
        [channel.chat]
        kind = "slack"
        url = {{ secret = "CHAT_URL" }}
        {actions}
        [[budget]]
        id = "shop"
        scopes = ["{GROUP}"]
        amount = 1000
        notify = ["chat"]
        [[budget.threshold]]
        id = "over"
        {threshold}
        "#
    );
    match Config::parse(&[(PathBuf::from("a.toml"), text)]) {
        Ok(config) => Ok(config),
        Err(ConfigError::Mistakes(problems)) => {
            Err(problems.into_iter().map(|one| one.message).collect())
        }
        Err(other) => panic!("{other}"),
    }
}

const ASKS: &str = "when = \"actual 100%\"\nactions = [\"a\"]";

#[track_caller]
fn refused(actions: &str, threshold: &str, expected: &str) {
    let problems = parse(actions, threshold).unwrap_err();
    assert!(
        problems.iter().any(|one| one.contains(expected)),
        "{expected}: {problems:#?}"
    );
}

#[test]
fn without_a_mode_an_action_is_a_dry_run() {
    let config = parse(
        "[action.a]\nkind = \"deallocate-vms\"\ntag = \"auto-stop\"\nvalue = \"yes\"",
        ASKS,
    );
    let config = config.unwrap();
    let action = &config.actions.by_name["a"];
    assert_eq!((action.mode, action.undo), (Mode::DryRun, true));
    assert_eq!(config.actions.of("shop", "over"), ["a"]);
    assert!(config.actions.of("shop", "other").is_empty());
}

#[test]
fn every_kind_is_understood() {
    let plan = format!("{GROUP}/providers/Microsoft.Web/serverfarms/web");
    let runbook =
        format!("{GROUP}/providers/Microsoft.Automation/automationAccounts/ops/runbooks/Stop");
    let secret = |name: &str| Secret::Env(name.to_owned());
    for (text, expected) in [
        (
            "kind = \"webhook\"\nurl = { secret = \"U\" }\nsigning = { secret = \"S\" }".to_owned(),
            Task::Webhook {
                url: secret("U"),
                signing: vec![secret("S")],
            },
        ),
        (
            "kind = \"logic-app\"\nurl = { secret = \"U\" }".to_owned(),
            Task::LogicApp { url: secret("U") },
        ),
        (
            "kind = \"automation\"\nurl = { secret = \"U\" }".to_owned(),
            Task::AutomationWebhook { url: secret("U") },
        ),
        (
            format!("kind = \"automation\"\nrunbook = \"{runbook}\"\nrun_on = \"dc1\""),
            Task::Runbook {
                runbook,
                run_on: Some("dc1".to_owned()),
            },
        ),
        (
            format!("kind = \"scale-plan\"\nplan = \"{plan}\"\nsku = \"B1\""),
            Task::ScalePlan {
                plan,
                sku: "B1".to_owned(),
            },
        ),
        (
            "kind = \"add-tag\"\ntag = \"over\"\nvalue = \"yes\"\non = \"resources\"".to_owned(),
            Task::AddTag {
                tag: "over".to_owned(),
                value: "yes".to_owned(),
                on: Tagged::Resources,
            },
        ),
    ] {
        let action = format!("[action.a]\nmode = \"run\"\n{text}");
        let config = parse(&action, ASKS).unwrap();
        let action = &config.actions.by_name["a"];
        assert_eq!(action.task, expected);
        assert_eq!(action.undo, expected.is_built_in());
    }
}

#[test]
fn mistakes_are_named() {
    let vms = "[action.a]\nkind = \"deallocate-vms\"\ntag = \"t\"\nvalue = \"v\"";
    let call = "[action.a]\nkind = \"logic-app\"\nurl = { secret = \"U\" }";
    refused(
        "[action.a]\nkind = \"delete\"",
        ASKS,
        "`delete` is not an action",
    );
    refused(
        call,
        "when = \"actual 80%\"\nactions = [\"b\"]",
        "there is no [action.b]",
    );
    refused(
        call,
        "when = \"forecast 100%\"\nactions = [\"a\"]",
        "only thresholds `actual …` have them",
    );
    refused(
        call,
        "when = \"actual 80%\"\nactions = [\"a\", \"a\"]",
        "`a` is named twice",
    );
    refused(
        &format!("{call}\nmode = \"yes\""),
        ASKS,
        "`yes` is not a mode",
    );
    refused(
        &format!("{call}\nmode = \"approve\""),
        ASKS,
        "needs a [links] or [approval] table",
    );
    refused(
        "[action.a]\nkind = \"logic-app\"\nurl = \"https://contoso.example/?sig=x\"",
        ASKS,
        "a secret is a reference",
    );
    refused(
        "[action.a]\nkind = \"automation\"",
        ASKS,
        "write either `url`",
    );
    refused(
        &format!("{vms}\nundo = \"no\""),
        ASKS,
        "expected true or false",
    );
    refused(
        &format!("{call}\nauth = \"auto\""),
        ASKS,
        "`auth` is not a setting",
    );
    let elsewhere =
        "/subscriptions/1f2e/resourceGroups/other/providers/Microsoft.Web/serverfarms/x";
    let plan = format!("[action.a]\nkind = \"scale-plan\"\nplan = \"{elsewhere}\"\nsku = \"B1\"");
    refused(&plan, ASKS, "lies in none of the budget's scopes");
    refused(&plan.replace("B1", "Tiny"), ASKS, "`Tiny` is not a size");
    refused(
        &plan.replace("/providers", "/../providers"),
        ASKS,
        "expected the path",
    );
    refused(
        &format!("{call}\n[approval]\nkey = {{ secret = \"K\" }}\nurl = \"http://a.example\""),
        ASKS,
        "expected the address of the function",
    );
    refused(
        &format!("{call}\n[approval]\nkey = {{ secret = \"K\" }}\nvalid_hours = 0"),
        ASKS,
        "expected a whole number from 1 to 744",
    );
}

#[test]
fn machines_are_not_sought_where_there_are_none() {
    let text = r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "files"
        paths = ["costs.csv"]
        [channel.chat]
        kind = "slack"
        url = { secret = "CHAT_URL" }
        [action.a]
        kind = "deallocate-vms"
        tag = "t"
        value = "v"
        [[budget]]
        id = "all"
        scopes = ["/providers/Microsoft.Management/managementGroups/root"]
        amount = 1000
        notify = ["chat"]
        [[budget.threshold]]
        when = "actual 100%"
        actions = ["a"]
    "#;
    let parsed = Config::parse(&[(PathBuf::from("a.toml"), text.to_owned())]);
    let Err(ConfigError::Mistakes(problems)) = parsed else {
        panic!("{parsed:?}");
    };
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].path, "budget.all.threshold[0].actions[0]");
    assert!(
        problems[0]
            .message
            .contains("acts in subscriptions and resource groups")
    );
}

#[test]
fn a_broken_table_of_approval_is_not_missing() {
    let action =
        "[action.a]\nkind = \"add-tag\"\ntag = \"over\"\nvalue = \"yes\"\nmode = \"approve\"";
    for table in [
        "[approval]\nkey = { secret = \"K\" }\nurl = \"http://a.example\"",
        "[approval]\nurl = \"https://a.example/api/approve-action\"",
        "[links]\nurl = \"https://a.example/api\"",
    ] {
        let problems = parse(&format!("{action}\n{table}"), ASKS).unwrap_err();
        assert_eq!(problems.len(), 1, "{table}: {problems:#?}");
    }
}
