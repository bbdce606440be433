//! Configuration: every mistake, with its line, at once.

use std::path::PathBuf;

use rust_decimal::Decimal;
use spendwatch::jobs::check;
use spendwatch::{App, Config, ConfigError, Environment, Problem, StateLocation};

fn parse(text: &str) -> Result<Config, Vec<Problem>> {
    match Config::parse(&[(PathBuf::from("conf/spendwatch.toml"), text.to_owned())]) {
        Ok(config) => Ok(config),
        Err(ConfigError::Mistakes(problems)) => Err(problems),
        Err(other) => panic!("{other}"),
    }
}

const GOOD: &str = r#"
version = 1
currency = "EUR"
fallback = "finops-teams"

[source]
kind = "files"
paths = ["exports/*.csv.gz"]

[defaults]
thresholds = ["actual 50%", "forecast 100%"]

[channel.finops-teams]
kind = "teams"
url = { secret = "TEAMS_WEBHOOK_URL" }

[channel.mail]
kind = "email"
smtp = "smtp://relay.contoso.example:587"
from = "Cost alerts <cost@contoso.example>"

[[budget]]
id = "payments-prod"
name = "Payments, production"
scopes = ["/subscriptions/1f2e/resourceGroups/payments-prod"]
amount = 10_000
starts = 2026-01-01
cost_basis = "amortized"
exclude = ["Purchase", "Tax", "Credit"]
owners = ["tag:cost-owner", "payments-lead@contoso.example"]
filter = { all = [ { tag = "env", in = ["prod"] }, { not = { dimension = "ServiceName", in = ["Bandwidth"] } } ] }

[[budget.threshold]]
id = "eighty"
when = "actual 80%"
notify = ["owners", "finops-teams"]

[[budget.threshold]]
when = "forecast 100%"
probability = 90
severity = "critical"

[[budget]]
id = "fiscal"
scopes = ["/subscriptions/1f2e"]
amount = { "2026-04" = 1200.50, "2027" = 1_300 }
grain = "annually"
starts = 2025-04-01
owners = ["payments-lead@contoso.example"]
"#;

#[test]
fn a_full_configuration_is_read() {
    let config = parse(GOOD).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let budget = config.budgets.get("payments-prod").unwrap();
    let ids: Vec<&str> = budget
        .thresholds
        .iter()
        .map(|threshold| threshold.id.as_str())
        .collect();
    assert_eq!(ids, ["eighty", "forecast-100pct"]);
    assert_eq!(budget.thresholds[1].probability, Decimal::from(90));
    assert_eq!(budget.thresholds[1].notify, ["owners"]);
    let fiscal = config.budgets.get("fiscal").unwrap();
    assert_eq!(fiscal.thresholds.len(), 2, "the defaults");
    match &fiscal.planned {
        budget_engine::Planned::PerPeriod(amounts) => {
            let amounts: Vec<String> = amounts
                .iter()
                .map(|(start, amount)| format!("{start} {amount}"))
                .collect();
            assert_eq!(amounts, ["2026-04-01 1200.50", "2027-04-01 1300"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn ten_mistakes_are_ten_reports_with_their_lines() {
    let text = r#"version = 1
currency = "EURO"
[source]
kind = "file"
[channel.mail]
kind = "email"
smtp = "http://relay.contoso.example"
from = "nobody"
[[budget]]
id = "pay ments"
scopes = ["payments"]
amuont = 100
amount = "100"
grain = "monthy"
thresholds = ["actual eighty", "pace 120"]
notify = ["teams"]
"#;
    let problems = parse(text).unwrap_err();
    let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
    let shown = problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n");
    for line in [2, 4, 7, 8, 10, 11, 12, 13, 14, 15, 15] {
        assert!(lines.contains(&line), "nothing on line {line}:\n{shown}");
    }
    assert!(problems.len() >= 11, "{shown}");
    assert!(
        problems
            .iter()
            .all(|problem| problem.file == "conf/spendwatch.toml")
    );
    for expected in [
        "`EURO` is not an ISO 4217 currency",
        "`file` is not a source; expected \"files\"",
        "did you mean `amount`?",
        "expected a number without quotes, found the text \"100\"",
        "`monthy` is not a time grain",
        "`actual eighty` is not a threshold",
        "there is no [channel.teams]; known are: owners, mail",
    ] {
        assert!(shown.contains(expected), "`{expected}` is not in:\n{shown}");
    }
}

#[test]
fn mistakes_of_syntax_have_lines_too() {
    let problems = parse("version = 1\ncurrency = \"EUR\nx = = 2\n").unwrap_err();
    assert!(
        problems.iter().any(|problem| problem.line == 2),
        "{problems:?}"
    );
}

#[test]
fn a_secret_in_plain_text_is_refused_without_repeating_it() {
    let text = GOOD.replace(
        "{ secret = \"TEAMS_WEBHOOK_URL\" }",
        "\"https://teams.example/?sig=CANARY\"",
    );
    let problems = parse(&text).unwrap_err();
    let shown = format!("{problems:?}");
    assert!(shown.contains("a secret is a reference"), "{shown}");
    assert!(!shown.contains("CANARY"), "{shown}");
}

#[test]
fn what_tells_nobody_or_contradicts_itself_is_a_mistake() {
    for (from, to, expected) in [
        (
            "notify = [\"owners\", \"finops-teams\"]",
            "notify = []",
            "would tell nobody",
        ),
        (
            "owners = [\"tag:cost-owner\", \"payments-lead@contoso.example\"]",
            "",
            "the budget has no `owners`",
        ),
        (
            "id = \"fiscal\"",
            "id = \"payments-prod\"",
            "two budgets have the id",
        ),
        (
            "starts = 2025-04-01",
            "starts = 2025-04-01\nends = 2024-01-01",
            "lies before `starts`",
        ),
        ("amount = 10_000", "amount = 0", "must be greater than zero"),
        (
            "name = \"Payments, production\"",
            "parent = \"nobody\"",
            "does not exist",
        ),
        (
            "version = 1",
            "version = 2",
            "expected 1, found the number 2",
        ),
        ("probability = 90", "probability = 0.9", "from 1 to 99"),
        (
            "{ tag = \"env\", in = [\"prod\"] }",
            "{ tag = \"env\" }",
            "a condition is one of",
        ),
        (
            "id = \"fiscal\"",
            "id = \"fiscal.\"",
            "does not end with a dot",
        ),
        (
            "id = \"eighty\"",
            "id = \"eighty.\"",
            "does not end with a dot",
        ),
        (
            "[channel.mail]",
            "[channel.\"mail.\"]",
            "does not end with a dot",
        ),
        (
            "fallback = \"finops-teams\"",
            "fallback = \"owners\"",
            "the fallback is one channel",
        ),
        (
            "fallback = \"finops-teams\"",
            "fallback = \"mail\"",
            "[channel.mail] has no recipients of its own",
        ),
        (
            "[channel.mail]",
            "[channel.post]\nkind = \"email\"\nsmtp = \"smtp://relay.contoso.example:587\"\nfrom = \"a@contoso.example\"\n[channel.mail]",
            "exactly one channel of kind \"email\" or \"acs-email\", found mail, post",
        ),
        (
            "id = \"fiscal\"\nscopes = [\"/subscriptions/1f2e\"]",
            "id = \"child\"\nscopes = [\"/subscriptions/1f2e\"]\namount = 1\nparent = \"fiscal\"\nowners = [\"payments-lead@contoso.example\"]\n[[budget]]\nid = \"fiscal\"\nexclude = [\"Tax\"]",
            "`filter` and `exclude` would be ignored",
        ),
        (
            "kind = \"files\"",
            "kind = \"exports\"",
            "`container` is missing, for example container = \"https://",
        ),
        (
            "kind = \"files\"",
            "kind = \"exports\"\ncontainer = \"https://a.blob.core.windows.net/c?sig=x\"",
            "a URL with a signature or password is a secret",
        ),
        (
            "kind = \"files\"",
            "kind = \"exports\"\ncontainer = \"http://a.blob.core.windows.net/c\"",
            "the URL must begin with https://",
        ),
        (
            "kind = \"files\"",
            "kind = \"exports\"\ncontainer = \"https://a.blob.core.windows.net/\"",
            "the URL names no container",
        ),
        (
            "kind = \"files\"",
            "kind = \"usage-aggregates\"\ncurrency = \"USD\"",
            "`offer` is missing",
        ),
        (
            "kind = \"files\"",
            "kind = \"enterprise-reporting\"\nkey = \"abc\"",
            "a secret is a reference, never a value",
        ),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let problems = parse(&text).unwrap_err();
        let shown = problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n");
        assert!(shown.contains(expected), "`{expected}` is not in:\n{shown}");
    }
}

#[test]
fn a_fallback_with_recipients_and_two_relays_without_owners_are_fine() {
    let from = "from = \"Cost alerts <cost@contoso.example>\"";
    let text = GOOD
        .replace("fallback = \"finops-teams\"", "fallback = \"mail\"")
        .replace(from, &format!("{from}\nto = [\"finops@contoso.example\"]"));
    let config = parse(&text).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(config.fallback.as_deref(), Some("mail"));
    let two = r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "files"
        paths = ["costs.csv"]
        [channel.one]
        kind = "email"
        smtp = "smtp://one.contoso.example:587"
        from = "cost@contoso.example"
        to = ["a@contoso.example"]
        [channel.two]
        kind = "email"
        smtp = "smtp://two.contoso.example:587"
        from = "cost@contoso.example"
        to = ["b@contoso.example"]
        [[budget]]
        id = "a"
        scopes = ["/subscriptions/a"]
        amount = 1
        notify = ["one", "two"]
    "#;
    parse(two).unwrap_or_else(|problems| panic!("{problems:#?}"));
}

fn findings(text: &str) -> Vec<String> {
    spendwatch::install_crypto();
    let config = parse(text).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let app = App::new(config, &Environment::default(), StateLocation::Memory).unwrap();
    let findings = check::run(&app).into_iter();
    let about_budgets = findings.filter(|finding| finding.about.starts_with("budget."));
    about_budgets.map(|finding| finding.message).collect()
}

#[test]
fn thresholds_that_may_reach_nobody_are_found_with_what_the_fallback_does() {
    let only_tag = GOOD.replace(
        "owners = [\"tag:cost-owner\", \"payments-lead@contoso.example\"]",
        "owners = [\"tag:cost-owner\"]",
    );
    assert!(findings(&only_tag).is_empty(), "the fallback hears of it");
    let no_fallback = only_tag.replace("fallback = \"finops-teams\"", "");
    let found = findings(&no_fallback);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("only people named in tags"), "{found:?}");
    // A mail channel without recipients of its own tells nobody either.
    let to_mail = no_fallback.replace("\"owners\", \"finops-teams\"", "\"owners\", \"mail\"");
    assert_eq!(findings(&to_mail).len(), 2);
    let nobody = GOOD.replace("\"owners\", \"finops-teams\"", "\"mail\"");
    assert!(findings(&nobody)[0].contains("go to the fallback `finops-teams`"));
}

#[test]
fn a_planned_amount_names_exactly_one_period() {
    for (grain, keys, expected) in [
        (
            "monthly",
            "\"2026-Q4\" = 1",
            "several monthly periods begin in 2026-Q4",
        ),
        (
            "monthly",
            "\"2027\" = 1",
            "several monthly periods begin in 2027",
        ),
        (
            "weekly",
            "\"2026-11\" = 1",
            "several weekly periods begin in 2026-11",
        ),
        (
            "annually",
            "\"2026-03\" = 1",
            "no annually periods begin in 2026-03",
        ),
        (
            "quarterly",
            "\"2026-Q1\" = 1, \"2026-01\" = 2",
            "has two amounts",
        ),
        ("monthly", "\"soon\" = 1", "is not a period"),
    ] {
        let text = GOOD.replace(
            "amount = 10_000\nstarts = 2026-01-01",
            &format!("amount = {{ {keys} }}\ngrain = \"{grain}\""),
        );
        assert_ne!(text, GOOD);
        let shown = parse(&text)
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n");
        assert!(shown.contains(expected), "`{expected}` is not in:\n{shown}");
    }
}

#[test]
fn languages_are_set_by_channel_and_by_recipient() {
    let text = GOOD
        .replace("[channel.mail]", "[channel.mail]\nlanguage = \"nl\"")
        .replace(
            "[defaults]",
            "[recipients.\"Anna@contoso.example\"]\nlanguage = \"fr\"\n[defaults]",
        );
    let config = parse(&text).unwrap();
    let of = |channel, recipient| config.language_of(channel, recipient).as_str();
    assert_eq!(of("mail", Some("bob@contoso.example")), "nl");
    assert_eq!(of("mail", Some("Anna <anna@CONTOSO.example>")), "fr");
    assert_eq!(of("finops-teams", None), "en");
    assert_eq!(of("gone", Some("bob@contoso.example")), "en");
    for (from, to, expected) in [
        (
            "[channel.mail]",
            "[channel.mail]\nlanguage = \"it\"",
            "`it` is not a language",
        ),
        (
            "[channel.mail]",
            "[channel.hook]\nkind = \"webhook\"\nurl = { secret = \"A\" }\nsigning = { secret = \"B\" }\n\
             language = \"nl\"\n[channel.mail]",
            "`language` is not a setting",
        ),
        (
            "[defaults]",
            "[recipients.anna]\nlanguage = \"nl\"\n[defaults]",
            "`anna` is not a plain mail address",
        ),
        (
            "[defaults]",
            "[recipients.\"Anna <anna@contoso.example>\"]\n[defaults]",
            "is not a plain mail address",
        ),
    ] {
        let problems = parse(&GOOD.replace(from, to)).unwrap_err();
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(shown.iter().any(|one| one.contains(expected)), "{shown:#?}");
    }
}

#[test]
fn networks_that_open_too_much_are_refused() {
    for network in [
        "0.0.0.0/0",
        "::/0",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "168.63.129.16/32",
        "here",
    ] {
        let secret = "url = { secret = \"TEAMS_WEBHOOK_URL\" }";
        let text = GOOD.replace(
            secret,
            &format!("{secret}\nallow_networks = [\"{network}\"]"),
        );
        assert!(parse(&text).is_err(), "{network}");
    }
}

#[test]
fn files_of_a_folder_are_read_as_one() {
    let (settings, budgets) = GOOD.split_at(GOOD.find("[[budget]]").unwrap());
    let config = Config::parse(&[
        (
            PathBuf::from("a-budgets.toml"),
            format!("version = 1\n{budgets}"),
        ),
        (PathBuf::from("b-settings.toml"), settings.to_owned()),
    ]);
    assert_eq!(config.unwrap().budgets.iter().count(), 2);
}

#[test]
fn an_empty_file_says_what_is_missing() {
    let shown = parse("")
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n");
    for expected in [
        "`version` is missing",
        "`currency` is missing",
        "no source",
        "no budget",
    ] {
        assert!(shown.contains(expected), "{shown}");
    }
}

#[test]
fn the_schema_names_every_setting_that_the_reader_knows() {
    // A setting with a typo is reported together with all settings that are known in its place.
    let schema: serde_json::Value = serde_json::from_str(spendwatch::SCHEMA).unwrap();
    let keys = |pointer: &str| -> Vec<String> {
        let object = schema
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{pointer}"));
        let mut keys: Vec<String> = object.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    let known = |text: &str, path: &str| -> Vec<String> {
        let problems = parse(text).unwrap_err();
        let message = problems
            .iter()
            .find(|problem| problem.message.contains("known here: ") && problem.path == path)
            .unwrap_or_else(|| panic!("nothing at {path}: {problems:#?}"));
        let list = message.message.split("known here: ").nth(1).unwrap();
        let mut keys: Vec<String> = list.split(", ").map(str::to_owned).collect();
        keys.sort();
        keys.dedup();
        keys
    };
    let typo = "zzzzzzzzzzzz = 1";
    for (text, path, pointer) in [
        (typo.to_owned(), "", "/properties"),
        (
            format!("[defaults]\n{typo}"),
            "defaults",
            "/$defs/defaults/properties",
        ),
        (
            format!("[forecast]\n{typo}"),
            "forecast",
            "/$defs/forecast/properties",
        ),
        (
            format!("[delivery]\n{typo}"),
            "delivery",
            "/$defs/delivery/properties",
        ),
        (
            format!("[source]\nkind = \"files\"\n{typo}"),
            "source",
            "/$defs/source/oneOf/0/properties",
        ),
        (
            format!("[source]\nkind = \"usage-details\"\n{typo}"),
            "source",
            "/$defs/source/oneOf/1/properties",
        ),
        (
            format!("[source]\nkind = \"exports\"\n{typo}"),
            "source",
            "/$defs/source/oneOf/2/properties",
        ),
        (
            format!("[source]\nkind = \"usage-aggregates\"\n{typo}"),
            "source",
            "/$defs/source/oneOf/3/properties",
        ),
        (
            format!("[source]\nkind = \"enterprise-reporting\"\n{typo}"),
            "source",
            "/$defs/source/oneOf/4/properties",
        ),
        (
            format!(
                "[channel.a]\nkind = \"email\"\nsmtp = \"smtp://relay.contoso.example\"\nfrom = \"a@contoso.example\"\n{typo}"
            ),
            "channel.a",
            "/$defs/channel/oneOf/0/properties",
        ),
        (
            format!("[channel.a]\nkind = \"slack\"\nurl = {{ secret = \"A\" }}\n{typo}"),
            "channel.a",
            "/$defs/channel/oneOf/1/properties",
        ),
        (
            format!(
                "[channel.a]\nkind = \"webhook\"\nurl = {{ secret = \"A\" }}\nsigning = {{ secret = \"B\" }}\n{typo}"
            ),
            "channel.a",
            "/$defs/channel/oneOf/2/properties",
        ),
        (
            format!(
                "[channel.a]\nkind = \"acs-email\"\nendpoint = \"https://a.communication.azure.com\"\nfrom = \"a@contoso.example\"\n{typo}"
            ),
            "channel.a",
            "/$defs/channel/oneOf/3/properties",
        ),
        (
            format!(
                "[channel.a]\nkind = \"slack-bot\"\ntoken = {{ secret = \"A\" }}\nchannel = \"C0123ABCD\"\n{typo}"
            ),
            "channel.a",
            "/$defs/channel/oneOf/4/properties",
        ),
        (
            format!(
                "[channel.a]\nkind = \"pagerduty\"\nrouting_key = {{ secret = \"A\" }}\n{typo}"
            ),
            "channel.a",
            "/$defs/channel/oneOf/5/properties",
        ),
        (
            format!("[channel.a]\nkind = \"jira\"\napi_key = {{ secret = \"A\" }}\n{typo}"),
            "channel.a",
            "/$defs/channel/oneOf/6/properties",
        ),
        (
            format!("[channel.a]\nkind = \"event-grid\"\ntopic = \"https://a.example/x\"\n{typo}"),
            "channel.a",
            "/$defs/channel/oneOf/7/properties",
        ),
        (
            format!(
                "[channel.a]\nkind = \"storage-queue\"\nqueue = \"https://a.example/x\"\n{typo}"
            ),
            "channel.a",
            "/$defs/channel/oneOf/8/properties",
        ),
        (
            format!("[[budget]]\nid = \"a\"\n{typo}"),
            "budget.a",
            "/$defs/budget/properties",
        ),
        (
            format!("[[budget]]\nid = \"a\"\n[[budget.threshold]]\n{typo}"),
            "budget.a.threshold[0]",
            "/$defs/budget/properties/threshold/items/properties",
        ),
        (
            format!("[recipients.\"a@contoso.example\"]\n{typo}"),
            "recipients.a@contoso.example",
            "/properties/recipients/additionalProperties/properties",
        ),
        (
            format!("[links]\n{typo}"),
            "links",
            "/$defs/links/properties",
        ),
        (
            format!("[approval]\n{typo}"),
            "approval",
            "/$defs/approval/properties",
        ),
        (
            format!("[action.a]\nkind = \"webhook\"\n{typo}"),
            "action.a",
            "/$defs/action/oneOf/0/properties",
        ),
        (
            format!("[action.a]\nkind = \"logic-app\"\n{typo}"),
            "action.a",
            "/$defs/action/oneOf/1/properties",
        ),
        (
            format!("[action.a]\nkind = \"automation\"\n{typo}"),
            "action.a",
            "/$defs/action/oneOf/2/properties",
        ),
        (
            format!("[action.a]\nkind = \"deallocate-vms\"\n{typo}"),
            "action.a",
            "/$defs/action/oneOf/3/properties",
        ),
        (
            format!("[action.a]\nkind = \"scale-plan\"\n{typo}"),
            "action.a",
            "/$defs/action/oneOf/4/properties",
        ),
        (
            format!("[action.a]\nkind = \"add-tag\"\n{typo}"),
            "action.a",
            "/$defs/action/oneOf/5/properties",
        ),
        (
            format!("[native]\n{typo}"),
            "native",
            "/$defs/native/properties",
        ),
        (
            format!("[[anomaly_alert]]\n{typo}"),
            "anomaly_alert[0]",
            "/$defs/anomalyAlert/properties",
        ),
        (
            format!("[native.hook]\n{typo}"),
            "native.hook",
            "/$defs/native/properties/hook/properties",
        ),
        (
            format!("[[budget]]\nid = \"a\"\n[budget.native]\n{typo}"),
            "budget.a.native",
            "/$defs/nativeOfBudget/oneOf/1/properties",
        ),
        (
            format!(
                "[[budget]]\nid = \"a\"\n[[budget.threshold]]\nwhen = \"actual 80%\"\n[budget.threshold.native]\n{typo}"
            ),
            "budget.a.threshold[0].native",
            "/$defs/nativeOfThreshold/oneOf/1/properties",
        ),
        (
            format!("[[native_budget]]\n{typo}"),
            "native_budget[0]",
            "/$defs/nativeBudget/properties",
        ),
        (
            format!("[[native_budget]]\n[[native_budget.notification]]\n{typo}"),
            "native_budget[0].notification[0]",
            "/$defs/nativeBudget/properties/notification/items/properties",
        ),
    ] {
        assert_eq!(known(&text, path), keys(pointer), "{path} {pointer}");
    }
}

#[test]
fn owners_need_mail_only_where_they_are_told() {
    let mail = GOOD.find("[channel.mail]").unwrap();
    let without_mail = &GOOD[..mail];
    let budget = |rest: &str| {
        format!(
            "{without_mail}[[budget]]\nid = \"own\"\nscopes = [\"/subscriptions/1f2e\"]\namount = 1\n\
             owners = [\"lead@contoso.example\"]\n{rest}"
        )
    };
    let own = "[[budget.threshold]]\nwhen = \"actual 80%\"\nnotify = [\"finops-teams\"]\n";
    let silent = "[[budget.threshold]]\nwhen = \"actual 100%\"\n";
    parse(&budget(own)).unwrap_or_else(|problems| panic!("{problems:#?}"));
    for rest in [
        "",
        silent,
        &format!("{own}{silent}"),
        &format!("thresholds = [\"actual 50%\"]\n{own}"),
        &format!("notify = [\"owners\"]\n{own}"),
    ] {
        let problems = parse(&budget(rest)).unwrap_err();
        let problem = problems[0].to_string();
        assert_eq!(problems.len(), 1, "{rest}: {problems:#?}");
        assert!(
            problem.contains("there is no channel of kind \"email\""),
            "{problem}"
        );
    }
}
