//! Costs and what goes with them: usage, queries, marketplace, charges, budgets, exports.

use azure_cost::{
    ActionNotification, Budget, BudgetNotification, BudgetPeriod, Client, ScheduledAction,
};
use budget_engine::Scope;
use rust_decimal::Decimal;
use spendwatch::{Connection, Environment};

use crate::support::{
    DAYS, FIRST, LAST, Sandbox, all_close, amount, by, close, code, decimal, eur, stderr, stdout,
};

#[test]
fn usage_rows_are_those_of_the_bill() {
    let sandbox = Sandbox::with("enterprise", |options| options.page_rows = 100);
    let scope = sandbox.subscription();
    let usage = [&["usage", "--scope", &scope][..], &DAYS].concat();
    let id = &sandbox.world.subscriptions[0].id;
    let rows = sandbox.world.rows_between(FIRST, LAST);
    let rows: Vec<_> = rows.filter(|row| row.subscription.id == *id).collect();
    assert!(rows.len() > 200, "several pages");
    let expected: Decimal = rows.iter().map(|row| row.cost).sum();

    let items = sandbox.json(&usage);
    let items = items.as_array().unwrap();
    assert_eq!(items.len(), rows.len());
    close(
        items.iter().map(|item| amount(&item["cost"])).sum(),
        expected,
    );
    assert_eq!(items[0]["resourceGroup"], "shop-prod");
    assert_eq!(items[0]["tags"]["team"], "shop");

    let csv = sandbox.table(&[&usage[..], &["-o", "csv"]].concat());
    assert!(csv.starts_with("date,subscription_id,"), "{csv}");
    assert_eq!(csv.lines().count(), rows.len() + 1);

    let output = sandbox.run(&usage);
    code(&output, 0);
    assert_eq!(
        stdout(&output).lines().count(),
        101,
        "a heading and 100 rows"
    );
    assert!(
        stderr(&output).contains("the first 100"),
        "{}",
        stderr(&output)
    );
    let all = sandbox.table(&[&usage[..], &["--limit", "0"]].concat());
    let total = format!("{} rows: {}", rows.len(), eur(expected));
    assert!(all.trim_end().ends_with(&total), "{total} in {all}");
    let none = sandbox.run(&[
        "usage",
        "--scope",
        &scope,
        "--from",
        "2024-01-01",
        "--to",
        "2024-01-02",
    ]);
    code(&none, 0);
    assert_eq!(stdout(&none), "");
    let words = format!("has no rows of {scope} from 2024-01-01 until 2024-01-02");
    assert!(stderr(&none).contains(&words), "{}", stderr(&none));
    assert!(stderr(&none).contains("not a cost of zero"));
}

#[test]
fn usage_and_costs_are_summed_up_alike() {
    let sandbox = Sandbox::new("enterprise");
    let scope = sandbox.subscription();
    let asked = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let mut all: Vec<String> = words;
        all.extend(["--scope".to_owned(), scope.clone()]);
        all.extend(DAYS.map(str::to_owned));
        all
    };
    let json = |words: &[&str]| {
        let all = asked(words);
        sandbox.json(&all.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let services = sandbox.november(|row| row.charge.service.clone());
    all_close(
        &by(&json(&["usage", "--by", "service"]), "service"),
        &services,
    );
    all_close(
        &by(&json(&["costs", "--by", "service"]), "service"),
        &services,
    );
    let days = sandbox.november(|row| row.date.to_string());
    assert_eq!(days.len(), 17);
    all_close(&by(&json(&["usage", "--by", "day"]), "date"), &days);
    all_close(
        &by(&json(&["costs", "--granularity", "daily"]), "date"),
        &days,
    );

    let total = services.values().sum::<Decimal>();
    for words in [
        &["usage", "--by", "service"][..],
        &["costs", "--by", "service"],
    ] {
        let all = asked(words);
        let table = sandbox.table(&all.iter().map(String::as_str).collect::<Vec<_>>());
        for (service, cost) in &services {
            let line = table.lines().find(|line| line.starts_with(service));
            let line = line.unwrap_or_else(|| panic!("no {service} in {table}"));
            assert!(line.ends_with(&eur(*cost)), "{line}");
        }
        assert!(table.contains(&format!(": {}", eur(total))), "{table}");
    }
    let amortized = json(&["usage", "--by", "month", "--metric", "amortized"]);
    let id = &sandbox.world.subscriptions[0].id;
    let rows = sandbox.world.amortized_between(FIRST, LAST);
    let rows = rows.filter(|row| row.subscription.id == *id);
    close(
        amount(&amortized[0]["cost"]),
        rows.map(|row| row.cost).sum(),
    );
    assert_ne!(amount(&amortized[0]["cost"]).round_dp(2), total.round_dp(2));
    let three = sandbox.run(&["costs", "--by", "service,region,meter", "--scope", &scope]);
    code(&three, 2);
}

#[test]
fn marketplace_charges_are_what_others_sold() {
    let sandbox = Sandbox::new("enterprise");
    let account = sandbox.account();
    let asked = [&["marketplace", "--scope", &account][..], &DAYS].concat();
    let rows = sandbox.world.marketplace_between(FIRST, LAST);
    let expected: Decimal = rows.map(|row| row.cost).sum();
    assert!(expected > Decimal::ZERO);
    let found = sandbox.json(&asked);
    let found = found.as_array().unwrap();
    close(found.iter().map(|one| amount(&one["cost"])).sum(), expected);
    let table = sandbox.table(&asked);
    assert!(table.contains("Web Application Scanner"), "{table}");
    assert!(table.contains(&eur(expected)), "{table}");
}

#[test]
fn charges_tags_and_dimensions_are_those_of_the_world() {
    let sandbox = Sandbox::new("enterprise");
    let parent = sandbox.world.parents()[0].clone();
    let department = format!("{}/departments/{}", sandbox.account(), parent.id);
    let asked = [&["charges", "--scope", &department][..], &DAYS].concat();
    let found = sandbox.json(&asked);
    let total = ["azure", "billedSeparately", "marketplace"].map(|name| amount(&found[0][name]));
    let rows = sandbox.world.rows_between(FIRST, LAST);
    let rows = rows.filter(|row| row.subscription.section.parent.id == parent.id);
    close(total.iter().sum(), rows.map(|row| row.cost).sum());
    assert!(sandbox.table(&asked).contains(&eur(total[0])));

    let scope = sandbox.subscription();
    let tags = sandbox.json(&["tags", "--scope", &scope]);
    let team = tags
        .as_array()
        .unwrap()
        .iter()
        .find(|tag| tag["name"] == "team");
    assert_eq!(team.unwrap()["values"], serde_json::json!(["shop"]));
    assert!(sandbox.table(&["tags", "--scope", &scope]).contains("shop"));

    let asked = [
        &["dimensions", "--only", "ServiceName", "--scope", &scope][..],
        &DAYS,
    ]
    .concat();
    let found = sandbox.json(&asked);
    let services = sandbox.november(|row| row.charge.service.clone());
    let services: Vec<&str> = services.keys().map(String::as_str).collect();
    assert_eq!(found[0]["values"], serde_json::json!(services));
    assert!(sandbox.table(&asked).contains(services[0]));
}

#[test]
fn a_management_group_is_charged_with_all_in_it() {
    let sandbox = Sandbox::new("enterprise");
    let name = &sandbox.world.management_group;
    let group = format!("/providers/Microsoft.Management/managementGroups/{name}");
    let asked = [&["charges", "--scope", &group][..], &DAYS].concat();
    let found = sandbox.json(&asked);
    assert_eq!(found[0]["group"], name.as_str());
    let of = |row: &serde_json::Value| -> Decimal {
        let parts = ["azure", "billedSeparately", "marketplace"];
        parts.iter().map(|part| amount(&row[*part])).sum()
    };
    let rows = sandbox.world.rows_between(FIRST, LAST);
    close(of(&found[0]), rows.map(|row| row.cost).sum());
    assert!(sandbox.table(&asked).contains(name.as_str()));
}

#[test]
fn quantities_are_those_of_the_meters() {
    let sandbox = Sandbox::new("pay-as-you-go");
    let scope = sandbox.subscription();
    let charge = &sandbox.world.subscriptions[0].groups[0].charges[0];
    let asked = [&["quantities", "--scope", &scope][..], &DAYS].concat();
    let sum = |found: &serde_json::Value| -> Decimal {
        let rows = found.as_array().unwrap().iter();
        let rows = rows.filter(|row| row["meter"] == charge.meter.as_str());
        rows.map(|row| decimal(&row["quantity"])).sum()
    };
    let all = sandbox.json(&asked);
    let each = sandbox.json(&[&asked[..], &["--by-resource"]].concat());
    let hours = sandbox.json(&[&asked[..], &["--hourly"]].concat());
    assert!(sum(&all) > Decimal::ZERO);
    close(sum(&each), sum(&all));
    // Hours are reported on their own, some of them before or after their day.
    assert!((sum(&hours) / sum(&all) - Decimal::ONE).abs() < Decimal::new(1, 1));
    let count = |found: &serde_json::Value| found.as_array().unwrap().len();
    assert!(count(&each) > count(&all) && count(&hours) > count(&all));
    let resource = each[0]["resourceId"].as_str().unwrap();
    assert!(resource.starts_with("/subscriptions/"), "{resource}");
    assert_eq!(all[0].get("resourceId"), None);
    assert!(hours[0]["usageStart"].as_str().unwrap().ends_with(":00"));
}

#[test]
fn what_azure_mails_is_listed() {
    let sandbox = Sandbox::with("enterprise", |options| options.needs_token = false);
    let path = sandbox.subscription();
    let scope = Scope::parse(&path).unwrap();
    let client = client(&sandbox);
    let notification = ActionNotification {
        to: vec!["finance@contoso.example".to_owned()],
        subject: "Look at this".to_owned(),
        ..ActionNotification::default()
    };
    let from = "2026-11-18T00:00:00Z".parse().unwrap();
    let until = "2027-10-01T00:00:00Z".parse().unwrap();
    let rule = ScheduledAction::anomaly_alert(&scope, "Unusual", notification, from, until);
    run(client.put_scheduled_action(Some(&scope), "unusual", &rule)).unwrap();
    let mails = sandbox.json(&["mails", "--scope", &path]);
    assert_eq!(mails[0]["name"], "unusual");
    assert_eq!(mails[0]["when"], "unusual costs");
    assert_eq!(mails[0]["to"][0], "finance@contoso.example");
    assert_eq!(mails[0]["until"], "2027-10-01");
    let table = sandbox.table(&["scheduled-actions", "--scope", &path]);
    assert!(table.contains("Look at this"), "{table}");
    let private = sandbox.run(&["mails", "--private"]);
    code(&private, 0);
    assert!(stderr(&private).contains("there are no mails"));
}

/// A client of the sandbox that signs in as nobody.
fn client(sandbox: &Sandbox) -> Client {
    let none: Environment = Vec::<(String, String)>::new().into_iter().collect();
    spendwatch::install_crypto();
    let connection = Connection {
        endpoint: Some(sandbox.base.parse().unwrap()),
        cloud: azure_cost::Cloud::Public,
        auth: "none".to_owned(),
        history_days: 0,
    };
    spendwatch::sources::connect(&connection, &none, &azure_cost::Quotas::new()).unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

#[test]
fn azures_own_budgets_and_alerts_are_shown_and_dismissed() {
    let sandbox = Sandbox::with("enterprise", |options| options.needs_token = false);
    let path = sandbox.subscription();
    let scope = Scope::parse(&path).unwrap();
    let period = BudgetPeriod::new(FIRST, None);
    let mut budget = Budget::new("team", Decimal::from(1000), "Monthly", period);
    let mut over = BudgetNotification::new("GreaterThan", Decimal::from(80));
    over.contact_emails = vec!["finance@contoso.example".to_owned()];
    budget.notifications.insert("over".to_owned(), over);
    run(client(&sandbox).put_budget(&scope, &budget)).unwrap();
    sandbox.control("POST", "/sandbox/evaluate");

    let spent: Decimal = sandbox.november(|_| String::new()).values().sum();
    let budgets = sandbox.json(&["budgets", "--scope", &path]);
    assert_eq!(budgets[0]["name"], "team");
    close(amount(&budgets[0]["currentSpend"]), spent);
    let shown = sandbox.table(&["budgets", "team", "--scope", &path]);
    assert!(
        shown.contains("EUR 1,000.00") && shown.contains("80%"),
        "{shown}"
    );
    let output = sandbox.run(&["budgets", "other", "--scope", &path]);
    code(&output, 1);
    assert!(stderr(&output).contains("other"), "{}", stderr(&output));

    let alerts = sandbox.json(&["alerts", "--scope", &path]);
    let name = alerts[0]["name"].as_str().unwrap();
    assert_eq!(alerts[0]["status"], "Active");
    close(amount(&alerts[0]["currentSpend"]), spent);
    assert!(sandbox.table(&["alerts", "--scope", &path]).contains(name));
    let dismissed = sandbox.json(&["alerts", "--dismiss", name, "--scope", &path]);
    assert_eq!(dismissed["status"], "Dismissed");
}

#[test]
fn exports_reports_and_forecasts() {
    let sandbox = Sandbox::new("enterprise");
    let scope = sandbox.subscription();
    assert_eq!(
        sandbox.json(&["exports", "list", "--scope", &scope]),
        serde_json::json!([])
    );
    for words in [
        &["exports", "run", "nightly"][..],
        &["exports", "history", "nightly"],
    ] {
        let output = sandbox.run(&[words, &["--scope", &scope]].concat());
        code(&output, 1);
        assert!(stderr(&output).contains("`nightly`"), "{}", stderr(&output));
    }

    let asked = [
        &["report", "--scope", &scope, "--folder", "reports"][..],
        &DAYS,
    ]
    .concat();
    let files = sandbox.json(&asked);
    let file = sandbox
        .folder
        .path()
        .join(files[0]["file"].as_str().unwrap());
    let text = std::fs::read_to_string(file).unwrap();
    let id = &sandbox.world.subscriptions[0].id;
    let rows = sandbox.world.rows_between(FIRST, LAST);
    let rows = rows.filter(|row| row.subscription.id == *id).count();
    assert_eq!(text.lines().count(), rows + 1);
    let output = sandbox.run(&asked);
    code(&output, 1);
    assert!(stderr(&output).contains("--force"));
    let output = sandbox.run(&[&asked[..], &["--reveal-links"]].concat());
    code(&output, 0);
    assert!(stdout(&output).contains("sig="), "{}", stdout(&output));

    let ahead = [
        "forecast",
        "--from",
        "2026-11-18",
        "--to",
        "2026-11-24",
        "--scope",
        &scope,
    ];
    let days = sandbox.json(&ahead);
    let dates: Vec<_> = days
        .as_array()
        .unwrap()
        .iter()
        .map(|day| day["date"].clone())
        .collect();
    assert_eq!(dates.len(), 7);
    assert_eq!(dates[6], "2026-11-24");
    assert!(sandbox.table(&ahead).contains("Forecast"));
}
