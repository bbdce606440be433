//! Documents that are there from the start.

use super::*;
use crate::Scenario;

fn sandbox(scenario: Scenario) -> Local {
    let mut options = Options::new(scenario.world.today);
    options.standing = scenario.standing;
    Local::over(scenario.world, options)
}

#[tokio::test]
async fn a_scenarios_documents_are_there_from_the_start() {
    let scenario = Scenario::named("enterprise").unwrap();
    let world = scenario.world.clone();
    let shop = format!("/subscriptions/{}", world.subscriptions[0].id);
    let account = format!(
        "/providers/Microsoft.Billing/billingAccounts/{}",
        world.billing_account
    );
    let local = sandbox(scenario);
    let consumption = "providers/Microsoft.Consumption/budgets?api-version=2024-08-01";
    let listed = local.list(&format!("{shop}/{consumption}")).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["name"], "shop-monthly");
    let budget = &listed[0]["properties"];
    assert_eq!(budget["amount"], 9500);
    assert_eq!(budget["timePeriod"]["startDate"], "2026-01-01T00:00:00Z");
    assert_eq!(budget["notifications"].as_object().unwrap().len(), 3);
    assert_eq!(
        budget["notifications"]["Actual_80"]["contactGroups"],
        json!([format!(
            "{shop}/resourceGroups/shop-prod/providers/microsoft.insights/actionGroups/shop-team"
        )])
    );
    // The start was in the past, but today is today again: only this month is counted.
    let (first, last) = (date(2026, 11, 1), date(2026, 11, 18));
    let seen = world.as_seen_on(world.today);
    let rows = seen.rows_between(first, last);
    let rows = rows.filter(|row| row.subscription.id == world.subscriptions[0].id);
    let spent: rust_decimal::Decimal = rows.map(|row| row.cost).sum();
    let path = format!("{shop}/{consumption}").replace("budgets?", "budgets/shop-monthly?");
    let (_, _, text) = local.send("GET", &path, "").await;
    let current = format!("\"currentSpend\":{{\"amount\":{},", spent.normalize());
    assert!(text.contains(&current), "{current} {text}");

    let management = "providers/Microsoft.CostManagement";
    let idle = format!(
        "{account}/{management}/budgets?api-version=2025-03-01\
         &$filter=properties/category eq 'ReservationUtilization'"
    );
    let idle = local.list(&idle).await;
    assert_eq!(idle.len(), 1);
    assert_eq!(idle[0]["properties"]["timeGrain"], "Last7Days");
    for (path, name) in [
        (
            format!("{shop}/{management}/scheduledActions"),
            "shop-anomalies",
        ),
        (format!("{shop}/{management}/exports"), "shop-daily"),
        (
            format!("{shop}/resourceGroups/shop-dev/{management}/budgets"),
            "shop-development",
        ),
        (
            format!(
                "{account}/departments/{}/{management}/budgets",
                world.parents()[0].id
            ),
            "retail-quarter",
        ),
        (
            format!(
                "/providers/Microsoft.Management/managementGroups/contoso/{management}/budgets"
            ),
            "contoso-year",
        ),
    ] {
        let listed = local.list(&format!("{path}?api-version=2025-03-01")).await;
        let names: Vec<&str> = listed
            .iter()
            .map(|each| each["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, [name], "{path}");
    }
    // Nobody has asked for anything yet.
    let (_, counts) = local.get("/sandbox/requests").await;
    assert_eq!(counts["operations"].get("Budgets_CreateOrUpdate"), None);
}

#[tokio::test]
async fn the_examples_documents_tell_its_stories() {
    let local = sandbox(Scenario::named("example").unwrap());
    let (status, told) = local.call("POST", "/sandbox/evaluate", &Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let raised = told["raised"].as_array().unwrap();
    let of = |budget: &str| {
        let own = raised.iter().filter(|each| each["budget"] == budget);
        own.map(|each| each["notification"].as_str().unwrap())
            .collect::<Vec<_>>()
    };
    // Payments are over already.
    assert_eq!(of("payments"), ["Actual_80", "Forecasted_100"]);
}

#[tokio::test]
async fn what_another_world_does_not_take_is_left_out() {
    let scenario = Scenario::named("enterprise").unwrap();
    let mut options = options();
    options.standing = scenario.standing;
    let local = Local::over(world_of(Agreement::Partner), options);
    let group = "/providers/Microsoft.Management/managementGroups/contoso";
    let budgets =
        format!("{group}/providers/Microsoft.CostManagement/budgets?api-version=2025-03-01");
    let names = local.list(&budgets).await;
    assert_eq!(names.len(), 1);
    assert_eq!(names[0]["name"], "contoso-year");
    let today = local.get("/sandbox/today").await.1;
    assert_eq!(today, json!({"today": "2026-11-18"}));
}

#[tokio::test]
async fn an_action_group_says_whom_it_tells() {
    let text = Scenario::text("enterprise").unwrap().replacen(
        "[[action_group]]\n",
        "[[action_group]]\nemails = [\"ops@contoso.example\"]\nenabled = false\n",
        1,
    );
    let scenario = Scenario::parse(&text).unwrap();
    let shop = format!("/subscriptions/{}", scenario.world.subscriptions[0].id);
    let local = sandbox(scenario);
    let at = |name: &str| {
        format!(
            "{shop}/resourceGroups/shop-prod/providers/Microsoft.Insights/actionGroups/{name}\
             ?api-version=2023-01-01"
        )
    };
    let (status, group) = local.get(&at("SHOP-team")).await;
    assert_eq!(status, StatusCode::OK, "{group}");
    let properties = &group["properties"];
    assert_eq!(properties["enabled"], false);
    assert_eq!(
        properties["emailReceivers"][0]["emailAddress"],
        "ops@contoso.example"
    );
    let (status, _) = local.get(&at("nobody")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let roles = format!(
        "{shop}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01\
         &$filter=atScope()"
    );
    let held = local.list(&roles).await;
    let owners = held.iter().filter(|each| {
        let role = each["properties"]["roleDefinitionId"].as_str().unwrap();
        role.ends_with("8e3af657-a8ff-443c-a75c-2fe8c4bcb635")
    });
    let types: Vec<&str> = owners
        .map(|each| each["properties"]["principalType"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["Group", "ServicePrincipal"]);
}
