//! What configuration says about Azure's own budgets.

use std::path::PathBuf;

use native_budgets::{Operator, Provider};
use rust_decimal::Decimal;
use spendwatch::{Config, ConfigError};

const HEAD: &str = r#"
version = 1
currency = "EUR"
[source]
kind = "azure"
[channel.mail]
kind = "email"
smtp = "smtp://relay.contoso.example"
from = "Cost <cost@contoso.example>"
to = ["finops@contoso.example"]
"#;

const BUDGET: &str = r#"
[[budget]]
id = "web"
scopes = ["/subscriptions/5f0e0000-0000-0000-0000-000000000001"]
amount = 1000
owners = ["Lead <lead@contoso.example>", "tag:owner"]
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(&[(PathBuf::from("a.toml"), format!("{HEAD}{text}"))])
}

#[track_caller]
fn mistake(text: &str, expected: &str) {
    let shown = parse(text).unwrap_err().to_string();
    assert!(shown.contains(expected), "{shown}");
}

#[test]
fn nothing_is_kept_in_azure_unless_it_is_asked_for() {
    assert!(parse(BUDGET).unwrap().native.settings.is_empty());
    let config = parse(&format!("[native]\n{BUDGET}")).unwrap();
    let settings = &config.native.settings["web"];
    assert_eq!(
        (settings.provider, config.native.apply_from_app),
        (Provider::Consumption, false)
    );
    // Whoever hears of it from us by mail is told by Azure as well; a tag names nobody to Azure.
    let contacts = &settings.thresholds["actual-80pct"];
    assert_eq!(contacts.emails, ["lead@contoso.example"]);
    assert_eq!(contacts.operator, Operator::GreaterThanOrEqualTo);
    let config = parse(&format!("{BUDGET}native = true\n")).unwrap();
    assert_eq!(config.native.settings.len(), 1);
    let config = parse(&format!("[native]\n{BUDGET}native = false\n")).unwrap();
    assert!(config.native.settings.is_empty());
}

#[test]
fn the_nearest_setting_wins() {
    let config = parse(&format!(
        r#"[native]
contact_emails = ["all@contoso.example"]
contact_roles = ["Owner"]
locale = "de-DE"
{BUDGET}
native = {{ contact_emails = ["web@contoso.example"], name = "web-azure", provider = "cost-management" }}
notify = ["mail"]
[[budget.threshold]]
when = "actual 80%"
[[budget.threshold]]
when = "actual 100%"
native = {{ contact_emails = ["boss@contoso.example"], contact_roles = [], operator = "greater-than" }}
[[budget.threshold]]
when = "forecast 100%"
native = false
"#
    ))
    .unwrap();
    let settings = &config.native.settings["web"];
    assert_eq!(settings.name.as_deref(), Some("web-azure"));
    assert_eq!(settings.provider, Provider::CostManagement);
    let ids: Vec<&str> = settings.thresholds.keys().map(String::as_str).collect();
    assert_eq!(ids, ["actual-100pct", "actual-80pct"]);
    let near = &settings.thresholds["actual-100pct"];
    assert_eq!(
        (&near.emails[..], near.roles.len()),
        (&["boss@contoso.example".to_owned()][..], 0)
    );
    assert_eq!(
        (near.operator, near.locale.as_deref()),
        (Operator::GreaterThan, Some("de-de"))
    );
    let far = &settings.thresholds["actual-80pct"];
    assert_eq!(
        (&far.emails[..], &far.roles[..]),
        (
            &["web@contoso.example".to_owned()][..],
            &["Owner".to_owned()][..]
        )
    );
}

#[test]
fn azures_budgets_can_be_described_as_they_are() {
    let config = parse(
        r#"
[[native_budget]]
scope = "/providers/Microsoft.Billing/billingAccounts/100"
name = "reservations"
category = "ReservationUtilization"
grain = "last30days"
starts = 2026-11-18
filter = [{ dimension = "ReservationId", in = ["r1"] }]
[[native_budget.notification]]
threshold = 90.5
frequency = "weekly"
contact_emails = ["cost@contoso.example"]
"#,
    )
    .unwrap();
    let [desired] = &config.native.budgets[..] else {
        panic!()
    };
    assert_eq!(desired.provider, Provider::CostManagement);
    let budget = &desired.budget;
    assert_eq!(
        (budget.amount, budget.time_grain.as_str()),
        (None, "Last30Days")
    );
    let notification = &budget.notifications["Actual_90_5"];
    assert_eq!(notification.operator, "LessThan");
    assert_eq!(notification.frequency, "Weekly");
    assert_eq!(notification.threshold, Decimal::new(905, 1));
}

#[test]
fn what_azure_would_refuse_is_a_mistake_with_its_place() {
    let native = |rest: &str| {
        format!(
            "[[native_budget]]\nscope = \"/subscriptions/a\"\nname = \"b\"\namount = 5\ngrain = \"Monthly\"\nstarts = 2026-11-01\n{rest}"
        )
    };
    assert!(parse(&native("")).is_ok());
    mistake(&native("").replace("\"b\"", "\"b.c\""), "1 to 63 letters");
    mistake(&native("").replace("11-01", "11-02"), "first of a month");
    mistake(&native("").replace("amount = 5", ""), "`amount` is missing");
    mistake(
        &native("").replace("Monthly", "Weekly"),
        "`Weekly` is none of Monthly",
    );
    mistake(&native("ends = 2026-10-01"), "does not lie after");
    let told = "[[native_budget.notification]]\nthreshold = 80\ncontact_emails = [\"a@contoso.example\"]\n";
    mistake(&native(&told.repeat(6)), "at most 5 notifications");
    mistake(&native(&told.replace("80", "1000.1")), "0 to 1000");
    mistake(&native(&told.replace("80", "80.123")), "two decimals");
    mistake(
        &native(&format!("{told}operator = \"less-than\"")),
        "less-than is for",
    );
    mistake(
        &native("[[native_budget.notification]]\nthreshold = 80\n"),
        "tell nobody",
    );
    mistake(
        &format!("{}{}", native(""), native("")),
        "two [[native_budget]]",
    );
    mistake("[native]\nlocale = \"xx-yy\"\n", "not a language");
    // Only the use of reservations may be too low.
    let less = "operator = \"less-than\"";
    let refused = "native.operator: less-than is for the use of reservations";
    mistake(&format!("[native]\n{less}\n{BUDGET}"), refused);
    mistake(&format!("{BUDGET}native = {{ {less} }}\n"), refused);
    mistake(
        &format!("{BUDGET}[[budget.threshold]]\nwhen = \"actual 80%\"\nnative = {{ {less} }}\n"),
        refused,
    );
    let channel = native("notify = [\"nowhere\"]");
    mistake(&channel, "there is no [channel.nowhere]");
    mistake(&native("notify = [\"owners\"]"), "has no owners");
    mistake(
        "[native]\naction_groups = [\"mine\"]\n",
        "not the id of an action group",
    );
    mistake(
        "[native]\napply_from_app = \"yes\"\n",
        "expected true or false",
    );
    mistake(
        "[native]\nprovider = \"cost\"\n",
        "expected consumption or cost-management",
    );
}

const TENANT: &str = "6A0F0000-0000-0000-0000-000000000001";

#[test]
fn the_hook_asks_for_tokens_only_if_it_is_said_whose() {
    assert_eq!(
        parse(&format!("[native]\n{BUDGET}")).unwrap().native.hook,
        None
    );
    let config = parse(&format!(
        "[native]\ncloud = \"us-government\"\nhook = {{ tenant = \"{TENANT}\", audience = \"api://a\" }}\n{BUDGET}"
    ));
    let hook = config.unwrap().native.hook.unwrap();
    assert_eq!(hook.tenant, TENANT.to_lowercase());
    assert_eq!(hook.role, "ActionGroupsSecureWebhook");
    assert_eq!(hook.callers, ["461e8683-5575-4561-ac7f-899cc907d62a"]);
    assert_eq!(hook.authority.as_str(), "https://login.microsoftonline.us/");
    let hook = |settings: &str| {
        format!("[native.hook]\ntenant = \"{TENANT}\"\naudience = \"a\"\n{settings}\n")
    };
    mistake("[native]\nhook = {}\n", "`tenant` is missing");
    mistake("[native.hook]\ntenant = \"contoso\"\n", "is not an id");
    mistake(&hook("callers = []"), "let nobody call");
    mistake(&hook("callers = [\"x\"]"), "is not an id");
    mistake(&hook("authority = \"http://login.example\""), "https://");
}

#[test]
fn how_far_figures_may_be_apart_is_a_setting() {
    let tolerance = |settings: &str| {
        let text = format!("[native]\n{settings}\n{BUDGET}");
        let tolerance = parse(&text).unwrap().native.tolerance;
        (tolerance.percent, tolerance.amount)
    };
    let number = |text: &str| text.parse::<Decimal>().unwrap();
    assert_eq!(tolerance(""), (number("5"), number("10")));
    assert_eq!(
        tolerance("tolerance_percent = 2.5\ntolerance_amount = 0"),
        (number("2.5"), number("0"))
    );
    mistake("[native]\ntolerance_percent = 101\n", "from 0 to 100");
    mistake("[native]\ntolerance_amount = -1\n", "from 0 to");
}

#[test]
fn rules_about_anomalies_are_read_and_held_to_azure_s_bounds() {
    let rule = |name: &str, more: &str| {
        format!(
            "[[anomaly_alert]]\nsubscription = \"/subscriptions/a\"\nname = \"{name}\"\n{more}\n"
        )
    };
    let to = "to = [\"FinOps <finops@contoso.example>\"]";
    let config = parse(&format!("{BUDGET}{}", rule("one", to))).unwrap();
    let read = &config.native.anomaly_alerts[0];
    assert_eq!((&*read.name, &*read.display_name), ("one", "one"));
    assert_eq!(read.notification.to, ["finops@contoso.example"]);
    assert_eq!(read.notification.subject, "Unusual cost");
    assert!(parse(&rule("one", to)).is_ok(), "they may be all there is");
    mistake(&rule("one", ""), "`to` is missing");
    mistake(&rule("one", "to = []"), "1 to 20 addresses, found 0");
    mistake(&rule("one", "to = [\"x\"]"), "not a mail address");
    mistake(&rule("a b", to), "63 letters");
    let long = format!("{to}\nsubject = \"{}\"", "x".repeat(71));
    mistake(&rule("one", &long), "at most 70 characters here, found 71");
    mistake(
        &format!("{}{}", rule("one", to), rule("ONE", to)),
        "have the name `ONE`",
    );
    let six: String = (0..6).map(|index| rule(&format!("r{index}"), to)).collect();
    mistake(&six, "at most 5 rules");
    let group = rule("one", to).replace("/a", "/a/resourceGroups/g");
    mistake(&group, "in subscriptions only");
}
