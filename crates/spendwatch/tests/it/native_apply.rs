//! Azure's own budgets over the wire: planned and applied, in spite of others.

use std::collections::BTreeSet;

use azure_sandbox::{Denial, Fault, Mishap, Options, Scenario, example};
use jiff::civil::date;
use native_budgets::{Action, Prune};
use rust_decimal::Decimal;
use serde_json::json;
use spendwatch::StateLocation;
use spendwatch::jobs::plan;

use crate::native_azure::{Azure, SUBSCRIPTION, budget, here, here_on, to_do};

#[tokio::test]
async fn what_is_applied_is_what_microsofts_api_shows_and_planned_no_more() {
    let azure = Azure::example().await;
    let here = here(&azure, &budget("web", "amount = 12345.67"));
    let plan = here.plan().await;
    assert_eq!(to_do(&plan), [(Action::Create, "web")]);
    assert_eq!(
        azure.requests("Budgets_CreateOrUpdate").await,
        0,
        "a plan writes nothing"
    );
    assert_eq!(here.settle().await, 1);
    let shown = azure.budget("web").await["properties"].clone();
    assert_eq!(shown["amount"].to_string(), "12345.67");
    assert_eq!(shown["timeGrain"], "Monthly");
    assert_eq!(shown["timePeriod"]["startDate"], "2026-11-01T00:00:00Z");
    let told = shown["notifications"].as_object().unwrap();
    let told: BTreeSet<String> = told
        .values()
        .map(|each| {
            format!(
                "{} {} {} {}",
                each["thresholdType"], each["operator"], each["threshold"], each["contactEmails"]
            )
        })
        .collect();
    let expected = [
        r#""Actual" "GreaterThanOrEqualTo" 80 ["cost@contoso.example"]"#,
        r#""Forecasted" "GreaterThanOrEqualTo" 100 ["cost@contoso.example"]"#,
    ];
    assert_eq!(told, expected.map(str::to_owned).into());
    assert_eq!(here.settle().await, 0);
}

#[tokio::test]
async fn what_others_change_is_put_right_and_what_others_made_is_left() {
    let azure = Azure::example().await;
    let here = here(&azure, &budget("web", "amount = 1000"));
    here.settle().await;
    azure
        .meddle("web", |properties| properties["amount"] = json!(5))
        .await;
    azure
        .meddle("web", |properties| {
            let told = properties["notifications"].as_object_mut().unwrap();
            told.remove("Actual_80").unwrap();
        })
        .await;
    let theirs = json!({ "properties": {
        "category": "Cost", "amount": 7, "timeGrain": "Annually",
        "timePeriod": { "startDate": "2026-01-01T00:00:00Z" }, "notifications": {},
    }});
    azure.put(&Azure::path("theirs"), theirs).await;
    let plan = here.plan().await;
    assert_eq!(to_do(&plan), [(Action::Update, "web")]);
    let fields: Vec<&str> = plan
        .to_do()
        .next()
        .unwrap()
        .fields
        .iter()
        .map(|field| field.field.as_str())
        .collect();
    assert_eq!(fields, ["amount", "notification Actual >= 80 %"]);
    here.settle().await;
    // Even pruning leaves what was made elsewhere, until it is named.
    let mut options = plan::Options {
        prune: Prune {
            ours: true,
            named: BTreeSet::new(),
        },
        ..Default::default()
    };
    assert_eq!(to_do(&here.plan_with(&options).await), []);
    options.prune.named.insert("theirs".parse().unwrap());
    let plan = here.plan_with(&options).await;
    assert_eq!(to_do(&plan), [(Action::Delete, "theirs")]);
    assert!(
        here.apply(&plan)
            .await
            .iter()
            .all(|one| one.problem.is_none())
    );
    assert_eq!(here.settle().await, 0);
}

#[tokio::test]
async fn a_change_between_plan_and_apply_is_seen_and_not_overwritten_blindly() {
    let azure = Azure::example().await;
    let here = here(&azure, &budget("web", "amount = 1000"));
    here.settle().await;
    azure
        .meddle("web", |properties| properties["amount"] = json!(5))
        .await;
    let plan = here.plan().await;
    // The plan's version is stale now; the new one is read and planned anew.
    azure
        .meddle("web", |properties| properties["amount"] = json!(6))
        .await;
    assert!(
        here.apply(&plan)
            .await
            .iter()
            .all(|one| one.problem.is_none())
    );
    assert_eq!(azure.budget("web").await["properties"]["amount"], 1000);
    // Creating does not overwrite what somebody created meanwhile, but makes it as wanted.
    let other = here_on(
        &azure,
        &budget("late", "amount = 1000"),
        example::AS_OF,
        StateLocation::Memory,
    );
    let plan = other.plan().await;
    let theirs = json!({ "properties": {
        "category": "Cost", "amount": 7, "timeGrain": "Monthly",
        "timePeriod": { "startDate": "2026-10-01T00:00:00Z" },
    }});
    azure.on(date(2026, 10, 15)).await;
    azure.put(&Azure::path("late"), theirs).await;
    azure.on(example::AS_OF).await;
    assert!(
        other
            .apply(&plan)
            .await
            .iter()
            .all(|one| one.problem.is_none())
    );
    let kept = azure.budget("late").await["properties"].clone();
    assert_eq!(
        kept["timePeriod"]["startDate"], "2026-10-01T00:00:00Z",
        "the start of a budget stays"
    );
    assert_eq!(kept["amount"], 1000);
    // What was deleted meanwhile is no failure of a delete, and what was changed is not deleted.
    let bare = here_on(
        &azure,
        &budget("other", "amount = 1\nnative = false"),
        example::AS_OF,
        StateLocation::Memory,
    );
    let options = plan::Options {
        prune: Prune {
            ours: false,
            named: ["late".parse().unwrap(), "web".parse().unwrap()].into(),
        },
        ..Default::default()
    };
    assert_eq!(
        bare.plan_with(&options).await.changes.len(),
        0,
        "a scope that is not configured is not looked at"
    );
    let other_again = here_on(
        &azure,
        &budget("late", "amount = 1000"),
        example::AS_OF,
        StateLocation::Memory,
    );
    let mut options = options;
    options.prune.named = ["web".parse().unwrap()].into();
    let plan = other_again.plan_with(&options).await;
    assert_eq!(to_do(&plan), [(Action::Delete, "web")]);
    azure
        .meddle("web", |properties| properties["amount"] = json!(8))
        .await;
    let applied = other_again.apply(&plan).await;
    assert!(
        applied[0]
            .problem
            .as_ref()
            .unwrap()
            .contains("changed since"),
        "{applied:?}"
    );
}

#[tokio::test]
async fn what_is_not_wanted_any_more_is_deleted_only_when_asked() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    let state = || StateLocation::Folder(folder.path().to_owned());
    let both = format!(
        "{}{}",
        budget("web", "amount = 1000"),
        budget("gone", "amount = 500")
    );
    here_on(&azure, &both, example::AS_OF, state())
        .settle()
        .await;
    let later = here_on(
        &azure,
        &budget("web", "amount = 1000"),
        example::AS_OF,
        state(),
    );
    assert_eq!(to_do(&later.plan().await), []);
    let options = plan::Options {
        prune: Prune {
            ours: true,
            named: BTreeSet::new(),
        },
        ..Default::default()
    };
    let plan = later.plan_with(&options).await;
    assert_eq!(to_do(&plan), [(Action::Delete, "gone")]);
    later.apply(&plan).await;
    assert_eq!(to_do(&later.plan_with(&options).await), []);
    // A budget of the last scope is found though no configured budget names the scope any more.
    let native = "[[native_budget]]\nscope = \"/subscriptions/5f0e0000-0000-0000-0000-000000000099\"\nname = \"x\"\namount = 1\ngrain = \"Monthly\"\nstarts = 2026-11-01\n";
    let elsewhere = here_on(&azure, native, example::AS_OF, state());
    let plan = elsewhere.plan_with(&options).await;
    assert_eq!(to_do(&plan), [(Action::Delete, "web")]);
    assert_eq!(plan.failures.len(), 1, "the scope that does not exist");
    assert!(plan.failures[0].problem.contains("48 hours"), "{plan:?}");
}

#[tokio::test]
async fn one_scope_that_fails_does_not_stop_the_others() {
    let mut options = Options::new(example::AS_OF);
    options.denials.push(Denial {
        scope: format!("/subscriptions/{}", example::SHARED_SUBSCRIPTION),
        may_read: false,
    });
    let azure = Azure::serve_with(example::world(), options).await;
    let text = format!(
        "{}{}",
        budget("web", "amount = 1000"),
        budget("denied", "amount = 1000").replace(SUBSCRIPTION, example::SHARED_SUBSCRIPTION)
    );
    let here = here(&azure, &text);
    let plan = here.plan().await;
    assert_eq!(to_do(&plan), [(Action::Create, "web")]);
    assert_eq!(plan.failures.len(), 1);
    assert!(
        plan.failures[0]
            .problem
            .contains("Cost Management Contributor"),
        "{plan:?}"
    );
    assert!(here.apply(&plan).await[0].problem.is_none());
}

#[tokio::test]
async fn an_answer_that_is_lost_or_refused_is_not_taken_for_done() {
    let fault = |what, operation: &str, times| Fault {
        what,
        operation: Some(operation.to_owned()),
        after: 0,
        times: Some(times),
    };
    let faults = vec![fault(Mishap::CutOff, "Budgets_CreateOrUpdate", 1)];
    let azure = Azure::serve(example::world(), faults).await;
    let here = here(&azure, &budget("web", "amount = 1000"));
    // The answer of the put got lost; the budget is there, and is found so.
    here.settle().await;
    // Refused is refused: it is reported with Azure's words, and planned again.
    let refused = Mishap::Refused {
        status: 400,
        code: "BadRequest".into(),
    };
    let faults = [fault(refused, "Budgets_CreateOrUpdate", 1)];
    azure.put("/sandbox/faults", json!(faults)).await;
    let other = here_on(
        &azure,
        &budget("web", "amount = 2000"),
        example::AS_OF,
        StateLocation::Memory,
    );
    let plan = other.plan().await;
    let applied = other.apply(&plan).await;
    assert!(
        applied[0].problem.as_ref().unwrap().contains("BadRequest"),
        "{applied:?}"
    );
    assert_eq!(other.settle().await, 1);
}

#[tokio::test]
async fn a_thousand_scopes_are_one_list_each_with_progress() {
    let mut world = example::world();
    let pattern = world.subscriptions[0].clone();
    world.subscriptions.clear();
    let id = |index: usize| format!("5f0e0000-0000-0000-0000-{index:012}");
    for index in 0..1000 {
        let mut subscription = pattern.clone();
        subscription.id = id(index);
        subscription.groups.truncate(1);
        world.subscriptions.push(subscription);
    }
    let azure = Azure::serve(world, Vec::new()).await;
    let text: String = (0..1000)
        .map(|index| budget(&format!("b{index}"), "amount = 10").replace(SUBSCRIPTION, &id(index)))
        .collect();
    let here = here(&azure, &text);
    let seen = std::sync::Mutex::new(Vec::new());
    let tell = |done, of| seen.lock().unwrap().push((done, of));
    let options = plan::Options::default();
    let plan = plan::run(&here.app, &options, &tell).await.unwrap();
    assert_eq!((plan.scopes, plan.to_do().count()), (1000, 1000));
    let all = azure.get("/sandbox/requests").await;
    let all = all["operations"].as_object().unwrap().values();
    let all: u64 = all.map(|count| count.as_u64().unwrap()).sum();
    // Nothing else is asked, be it by another operation.
    assert!(all <= 1010, "{all}");
    assert_eq!(azure.requests("Budgets_List").await, 1000);
    let seen = seen.into_inner().unwrap();
    let expected: Vec<_> = (0..=1000).map(|done| (done, 1000)).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn an_amount_from_history_is_worked_out_once_and_written() {
    let azure = Azure::example().await;
    let here = here(
        &azure,
        &budget(
            "web",
            "amount = { history = \"median 1 periods\", plus_percent = 10 }",
        ),
    );
    here.settle().await;
    let mut world = example::world();
    world.subscriptions.retain(|each| each.id == SUBSCRIPTION);
    world.subscriptions[0].groups.truncate(2);
    let october: Decimal = world
        .rows_between(date(2026, 10, 1), date(2026, 10, 31))
        .map(|row| row.cost)
        .sum();
    let expected = (october * Decimal::new(11, 1)).round_dp(2).normalize();
    let shown = azure.budget("web").await["properties"]["amount"].to_string();
    assert_eq!(shown.parse::<Decimal>().unwrap().normalize(), expected);
}

#[tokio::test]
async fn every_kind_of_scope_and_both_apis_are_kept() {
    for scenario in ["enterprise", "customer"] {
        let world = Scenario::named(scenario).unwrap().world;
        let account = format!(
            "/providers/Microsoft.Billing/billingAccounts/{}",
            world.billing_account
        );
        let subscription = format!("/subscriptions/{}", world.subscriptions[0].id);
        let group = &world.subscriptions[0].groups[0].name;
        let section = world.sections()[0].clone();
        let (above, below) = match scenario {
            "enterprise" => (
                format!("{account}/departments/{}", section.parent.id),
                format!("{account}/enrollmentAccounts/{}", section.part.id),
            ),
            _ => {
                let profile = format!("{account}/billingProfiles/{}", section.parent.id);
                let part = format!("{profile}/invoiceSections/{}", section.part.id);
                (profile, part)
            }
        };
        let today = world.today;
        let scopes = [
            subscription.clone(),
            format!("{subscription}/resourceGroups/{group}"),
            "/providers/Microsoft.Management/managementGroups/contoso".to_owned(),
            account.clone(),
            above.clone(),
            below,
        ];
        let mut options = Options::new(today);
        options.quota = None;
        let azure = Azure::serve_with(world, options).await;
        let mut text = String::new();
        for provider in ["consumption", "cost-management"] {
            for (index, scope) in scopes.iter().enumerate() {
                text += &format!(
                    "[[budget]]\nid = \"{provider}-{index}\"\nscopes = [\"{scope}\"]\namount = 500\nthresholds = [\"actual 80%\"]\nnative = {{ provider = \"{provider}\" }}\n"
                );
            }
        }
        // Reservations are watched at an enrollment, or at a billing profile.
        let watched = if scenario == "enterprise" {
            &account
        } else {
            &above
        };
        text += &format!(
            "[[native_budget]]\nscope = \"{watched}\"\nname = \"use\"\ncategory = \"ReservationUtilization\"\ngrain = \"Last7Days\"\nstarts = {}\nends = {}\n[[native_budget.notification]]\nthreshold = 90\ncontact_emails = [\"cost@contoso.example\"]\n",
            today.saturating_sub(jiff::Span::new().weeks(3)),
            today.saturating_add(jiff::Span::new().years(1))
        );
        let here = here_on(&azure, &text, today, StateLocation::Memory);
        assert_eq!(here.settle().await, 13, "{scenario}");
        let shown = azure
            .get(&format!(
                "{watched}/providers/Microsoft.CostManagement/budgets/use?api-version=2025-03-01"
            ))
            .await;
        let told = &shown["properties"]["notifications"]["Actual_90"];
        assert_eq!(
            (&told["operator"], &told["threshold"]),
            (&json!("LessThan"), &json!(90)),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn what_a_scope_does_not_allow_is_said_when_it_is_planned() {
    let mut world = example::world();
    world.subscriptions[0].unsupported_offer = Some("MS-AZR-0036P".into());
    world.subscriptions[1].created = Some(example::AS_OF);
    let of = |index: usize| world.subscriptions[index].id.clone();
    let (sponsored, young) = (of(0), of(1));
    let azure = Azure::serve(world, Vec::new()).await;
    let mut text = budget("sponsored", "amount = 1").replace(SUBSCRIPTION, &sponsored);
    text += &budget("young", "amount = 1").replace(SUBSCRIPTION, &young);
    text += "[[budget]]\nid = \"root\"\nscopes = [\"/providers/Microsoft.Management/managementGroups/contoso\"]\namount = 1\nthresholds = [\"actual 80%\"]\nnative = { contact_emails = [], action_groups = [\"/subscriptions/a/resourceGroups/b/providers/microsoft.insights/actionGroups/c\"] }\n";
    let here = here(&azure, &text);
    let plan = here.plan().await;
    assert_eq!(to_do(&plan), []);
    let said = |words: &str| {
        plan.failures
            .iter()
            .any(|failure| failure.problem.contains(words))
    };
    assert!(said("MS-AZR-0036P") && said("native = false"), "{plan:#?}");
    assert!(said("48 hours"), "{plan:#?}");
    let lost = plan
        .losses
        .iter()
        .find(|loss| loss.budget == "root")
        .unwrap();
    assert!(lost.reason.contains("tell mail addresses only"), "{lost:?}");
    assert!(lost.reason.contains("contact_emails"), "{lost:?}");
}

#[tokio::test]
async fn pruning_spares_what_is_configured_and_cannot_be_planned_now() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    let state = || StateLocation::Folder(folder.path().to_owned());
    let web = |amount: &str| budget("web", &format!("amount = {amount}"));
    here_on(&azure, &web("1000"), example::AS_OF, state())
        .settle()
        .await;
    // The configuration has an amount for October only.
    let later = here_on(
        &azure,
        &web("{ \"2026-10\" = 900 }"),
        example::AS_OF,
        state(),
    );
    let prune = plan::Options {
        prune: Prune {
            ours: true,
            named: BTreeSet::new(),
        },
        ..Default::default()
    };
    let planned = later.plan_with(&prune).await;
    assert_eq!(to_do(&planned), []);
    assert!(
        planned.changes[0].reason.contains("cannot be planned now"),
        "{planned:#?}"
    );
    // Where one of two lists fails, nothing is deleted that the other shows.
    let both = format!(
        "{}{}",
        web("1000"),
        budget(
            "cm",
            "amount = 5\nnative = { provider = \"cost-management\" }"
        )
    );
    let two = here_on(&azure, &both, example::AS_OF, state());
    two.settle().await;
    let refused = Mishap::Refused {
        status: 403,
        code: "RBACAccessDenied".into(),
    };
    let fault = Fault {
        what: refused,
        operation: Some("Budgets_List".into()),
        after: 0,
        times: Some(1),
    };
    azure.put("/sandbox/faults", json!([fault])).await;
    let planned = two.plan_with(&prune).await;
    assert_eq!(planned.failures.len(), 1);
    assert_eq!(to_do(&planned), [], "{planned:#?}");
}

#[tokio::test]
async fn what_others_create_meanwhile_is_neither_replaced_nor_ours() {
    let azure = Azure::example().await;
    let here = here(&azure, &budget("race", "amount = 1000"));
    let planned = here.plan().await;
    assert_eq!(to_do(&planned), [(Action::Create, "race")]);
    let theirs = json!({ "properties": {
        "category": "Cost", "amount": 7, "timeGrain": "Quarterly",
        "timePeriod": { "startDate": "2026-10-01T00:00:00Z" }, "notifications": {},
    }});
    azure.put(&Azure::path("race"), theirs).await;
    let applied = here.apply(&planned).await;
    assert!(applied[0].problem.is_some(), "{applied:?}");
    assert_eq!(
        azure.budget("race").await["properties"]["timeGrain"],
        "Quarterly"
    );
    let again = here.plan().await;
    assert_eq!(to_do(&again), []);
    assert!(
        again.changes[0].reason.contains("not created here"),
        "{again:#?}"
    );
}
