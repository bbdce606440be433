//! Azure's alerts with ours beside them, over the wire.

use std::sync::Arc;

use azure_sandbox::{Options, example};
use jiff::SignedDuration;
use rust_decimal::Decimal;
use serde_json::json;
use spendwatch::jobs::alerts::acknowledge::acknowledge;
use spendwatch::jobs::alerts::find::Wanted;
use spendwatch::jobs::alerts::{self, Whose};
use spendwatch::jobs::{self, evaluate};
use spendwatch::{App, Config, Environment, ManualClock, StateLocation};
use tokio::net::TcpListener;

use crate::support::midnight;

/// A budget of ours that is over, and Azure's of the same name, which has told at 50 and 80 percent.
async fn scene(native: &str) -> (String, App) {
    scene_at(native, "actual 80%").await
}

/// The same with another threshold of ours.
async fn scene_at(native: &str, threshold: &str) -> (String, App) {
    scene_over(native, threshold, &[""]).await
}

/// The same with other scopes of ours in the subscription.
async fn scene_over(native: &str, threshold: &str, below: &[&str]) -> (String, App) {
    spendwatch::install_crypto();
    let mut options = Options::new(example::AS_OF);
    options.needs_token = false;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(azure_sandbox::serve(listener, example::world(), options));
    let scope = format!("/subscriptions/{}", example::PLATFORM_SUBSCRIPTION);
    let notification = |percent: u32| {
        json!({"enabled": true, "operator": "GreaterThan", "threshold": percent,
            "contactEmails": ["a@contoso.example"]})
    };
    let first = example::AS_OF.first_of_month();
    let budget = json!({"properties": {
        "category": "Cost", "amount": 10, "timeGrain": "Monthly",
        "timePeriod": {"startDate": format!("{first}T00:00:00Z")},
        "notifications": {"half": notification(50), "most": notification(80)},
    }});
    let http = reqwest::Client::new();
    let path = "providers/Microsoft.Consumption/budgets/platform?api-version=2024-08-01";
    let put = http.put(format!("{endpoint}{scope}/{path}")).json(&budget);
    let put = put.send().await.unwrap();
    assert!(put.status().is_success(), "{}", put.status());
    let evaluated = http.post(format!("{endpoint}/sandbox/evaluate"));
    let evaluated = evaluated.send().await.unwrap();
    assert!(evaluated.status().is_success(), "{}", evaluated.status());
    let scopes: Vec<String> = below.iter().map(|one| format!("{scope}{one}")).collect();
    let text = format!(
        r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "azure"
        auth = "none"
        endpoint = "{endpoint}"
        history_days = 0
        [channel.chat]
        kind = "slack"
        url = {{ secret = "CHAT_URL" }}
        [native]
        contact_emails = ["a@contoso.example"]
        {native}
        [[budget]]
        id = "platform"
        scopes = {scopes:?}
        amount = 10
        thresholds = ["{threshold}"]
        notify = ["chat"]
        "#
    );
    let config = Config::parse(&[("spendwatch.toml".into(), text)]).unwrap();
    let clock = ManualClock::new(midnight(example::AS_OF));
    clock.advance(SignedDuration::from_hours(12));
    let app = App::new(config, &Environment::default(), StateLocation::Memory)
        .unwrap()
        .with_clock(Arc::new(clock));
    (scope, app)
}

#[tokio::test]
async fn azure_s_alerts_are_listed_beside_ours_and_dismissed() {
    let (scope, app) = scene("").await;
    let read = &app.reads().unwrap()[0];
    evaluate::run(&app, read, &Default::default())
        .await
        .unwrap();
    let listed = alerts::list(&app, &[], Whose::All).await.unwrap();
    assert_eq!(listed.failures, []);
    let percents: Vec<_> = listed
        .azure
        .iter()
        .map(|one| one.threshold_percent)
        .collect();
    let number = |percent: i64| Some(Decimal::from(percent));
    assert_eq!(percents, [number(50), number(80)]);
    for alert in &listed.azure {
        assert_eq!(
            (&*alert.status, alert.budget.as_deref()),
            ("Active", Some("platform"))
        );
    }
    assert_eq!(listed.ours.len(), 1);
    assert_eq!(listed.ours[0].when, "actual 80%");
    let at_eighty = Some(Decimal::from(80));
    let dismissed = alerts::dismiss_for(&app, "platform", None, at_eighty)
        .await
        .unwrap();
    assert_eq!(dismissed.len(), 1);
    let again = alerts::dismiss_for(&app, "platform", None, at_eighty)
        .await
        .unwrap();
    assert_eq!(again, []);
    let scopes = [scope.parse().unwrap()];
    let listed = alerts::list(&app, &scopes, Whose::All).await.unwrap();
    let states: Vec<&str> = listed.azure.iter().map(|one| &*one.status).collect();
    assert_eq!(states, ["Active", "Dismissed"]);
    let one = alerts::dismiss(&app, &scopes[0], &listed.azure[0].name)
        .await
        .unwrap();
    assert_eq!(one.status, "Dismissed");
    let unknown = alerts::dismiss(&app, &scopes[0], "unknown").await;
    let unknown = unknown.unwrap_err().to_string();
    assert!(
        unknown.contains("there is no alert `unknown` at /subscriptions/"),
        "{unknown}"
    );
    assert!(
        alerts::dismiss_for(&app, "unknown", None, None)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn acknowledging_ours_dismisses_azure_s_at_the_same_amount() {
    let (_, app) = scene("dismiss_acknowledged = true").await;
    let read = &app.reads().unwrap()[0];
    evaluate::run(&app, read, &Default::default())
        .await
        .unwrap();
    let wanted = Wanted {
        alert: "platform/actual-80pct".to_owned(),
        ..Wanted::default()
    };
    let done = acknowledge(&app, &wanted, None, "ada", None).await.unwrap();
    assert_eq!(done.warnings, [""; 0]);
    let dismissed: Vec<_> = done.dismissed.iter().collect();
    assert_eq!(dismissed.len(), 1, "{dismissed:?}");
    assert_eq!(dismissed[0].threshold_percent, Some(Decimal::from(80)));
    assert_eq!(dismissed[0].status, "Dismissed");
    let listed = alerts::list(&app, &[], Whose::All).await.unwrap();
    let states: Vec<&str> = listed.azure.iter().map(|one| &*one.status).collect();
    assert_eq!(states, ["Active", "Dismissed"]);
    assert_eq!(listed.ours[0].acknowledged.as_ref().unwrap().by, "ada");
}

#[tokio::test]
async fn amounts_that_azure_rounds_are_dismissed_as_well() {
    // Of 10, 8.0009 is 80.009 %, which Azure's budget has as 80 %.
    for (threshold, id) in [
        ("actual 80.009%", "actual-80.009pct"),
        ("actual 8.0009", "actual-8.0009"),
    ] {
        let (_, app) = scene_at("dismiss_acknowledged = true", threshold).await;
        let read = &app.reads().unwrap()[0];
        evaluate::run(&app, read, &Default::default())
            .await
            .unwrap();
        let wanted = Wanted {
            alert: format!("platform/{id}"),
            ..Wanted::default()
        };
        let done = acknowledge(&app, &wanted, None, "ada", None).await.unwrap();
        let percents: Vec<_> = done
            .dismissed
            .iter()
            .map(|one| one.threshold_percent)
            .collect();
        assert_eq!(percents, [Some(Decimal::from(80))], "{threshold}");
    }
}

#[tokio::test]
async fn azure_s_alerts_are_left_alone_unless_it_is_wanted() {
    let (_, app) = scene("").await;
    let read = &app.reads().unwrap()[0];
    evaluate::run(&app, read, &Default::default())
        .await
        .unwrap();
    let wanted = Wanted {
        alert: "platform/actual-80pct".to_owned(),
        ..Wanted::default()
    };
    let done = acknowledge(&app, &wanted, None, "ada", None).await.unwrap();
    assert_eq!((done.dismissed.len(), done.warnings.len()), (0, 0));
}

#[tokio::test]
async fn an_acknowledgement_counts_though_azure_does_not_answer() {
    let (_, app) = scene("dismiss_acknowledged = true").await;
    let read = &app.reads().unwrap()[0];
    evaluate::run(&app, read, &Default::default())
        .await
        .unwrap();
    // Nothing listens there any more.
    let text = "
        version = 1
        currency = \"EUR\"
        [source]
        kind = \"azure\"
        auth = \"none\"
        endpoint = \"http://127.0.0.1:9\"
        [channel.chat]
        kind = \"slack\"
        url = { secret = \"CHAT_URL\" }
        [native]
        contact_emails = [\"a@contoso.example\"]
        dismiss_acknowledged = true
        [[budget]]
        id = \"platform\"
        scopes = [\"/subscriptions/11111111-1111-4111-8111-111111111111\"]
        amount = 10
        thresholds = [\"actual 80%\"]
        notify = [\"chat\"]
        ";
    let config = Config::parse(&[("spendwatch.toml".into(), text.to_owned())]).unwrap();
    let clock = ManualClock::new(app.now());
    let deaf = App::new(config, &Environment::default(), StateLocation::Memory)
        .unwrap()
        .with_clock(Arc::new(clock))
        .with_documents(app.shared_documents());
    let wanted = Wanted {
        alert: "platform/actual-80pct".to_owned(),
        ..Wanted::default()
    };
    let done = acknowledge(&deaf, &wanted, None, "ada", None).await;
    let done = done.unwrap();
    assert_eq!(done.dismissed, []);
    assert_eq!(done.warnings.len(), 1, "{:?}", done.warnings);
    let listed = alerts::list(&deaf, &[], Whose::Ours).await.unwrap();
    assert!(listed.ours[0].acknowledged.is_some());
}

#[tokio::test]
async fn alerts_at_the_scope_where_azure_s_budget_of_ours_is_made_are_its_own() {
    // Azure has one budget of the subscription for two of its groups, without being told so.
    let groups = [example::PAYMENTS_GROUP, example::DATA_GROUP];
    let groups = groups.map(|group| format!("/resourceGroups/{group}"));
    let below = [groups[0].as_str(), groups[1].as_str()];
    let native = "dismiss_acknowledged = true";
    let (scope, app) = scene_over(native, "actual 80%", &below).await;
    let read = &app.reads().unwrap()[0];
    evaluate::run(&app, read, &Default::default())
        .await
        .unwrap();
    let named = [scope.parse().unwrap()];
    for scopes in [&named[..], &[]] {
        let listed = alerts::list(&app, scopes, Whose::All).await.unwrap();
        let budgets: Vec<_> = listed
            .azure
            .iter()
            .map(|one| one.budget.as_deref())
            .collect();
        assert_eq!(budgets, [Some("platform"); 2], "{scopes:?}");
    }
    let wanted = Wanted {
        alert: "platform/actual-80pct".to_owned(),
        ..Wanted::default()
    };
    let done = acknowledge(&app, &wanted, None, "ada", None).await.unwrap();
    let dismissed: Vec<_> = done.dismissed.iter().map(|one| &*one.status).collect();
    assert_eq!(dismissed, ["Dismissed"]);
    // An import without a scope looks there, too.
    assert!(jobs::import::scopes(app.config()).contains(&named[0]));
}
