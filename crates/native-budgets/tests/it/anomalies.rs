//! Rules about anomalies: what is planned, and that a plan comes to rest.

use azure_cost::{ActionNotification, ScheduledAction};
use jiff::{SignedDuration, Timestamp};
use native_budgets::{Action, AnomalyRule, LiveRule, Prune, RuleChange, plan_anomaly_rules};

use crate::sample::{SUBSCRIPTION, scope};

fn now() -> Timestamp {
    "2026-11-18T06:00:00Z".parse().unwrap()
}

fn rule(name: &str) -> AnomalyRule {
    AnomalyRule {
        subscription: scope(SUBSCRIPTION),
        name: name.to_owned(),
        display_name: "Platform".to_owned(),
        notification: ActionNotification {
            to: vec![
                "finops@contoso.example".to_owned(),
                "b@contoso.example".to_owned(),
            ],
            subject: "Unusual cost".to_owned(),
            ..ActionNotification::default()
        },
    }
}

/// As Azure keeps what was written.
fn kept(change: &RuleChange) -> LiveRule {
    let mut rule = change.write.clone().unwrap();
    rule.name.clone_from(&change.name);
    rule.e_tag = Some("\"1\"".to_owned());
    LiveRule {
        subscription: change.subscription.clone(),
        rule,
        ours: true,
    }
}

fn plan(desired: &[AnomalyRule], live: &[LiveRule]) -> Vec<RuleChange> {
    plan_anomaly_rules(desired, live, &Prune::default(), now())
}

#[test]
fn a_rule_is_created_and_then_left() {
    let wanted = [rule("platform")];
    let changes = plan(&wanted, &[]);
    assert_eq!(changes[0].action, Action::Create);
    let write = changes[0].write.as_ref().unwrap();
    assert_eq!(write.kind, "InsightAlert");
    assert_eq!(
        write.properties.view_id,
        format!(
            "{SUBSCRIPTION}/providers/Microsoft.CostManagement/views/ms:DailyAnomalyByResourceGroup"
        )
    );
    assert_eq!(
        write.properties.schedule.end_date.to_string(),
        "2027-11-17T06:00:00Z"
    );
    let mut live = kept(&changes[0]);
    live.rule.name = "PLATFORM".to_owned();
    live.rule.properties.notification.to = vec![
        "B@contoso.example".to_owned(),
        "FinOps@contoso.example".to_owned(),
    ];
    live.rule.properties.notification.language = "de".to_owned();
    live.rule.properties.status = "enabled".to_owned();
    let again = plan(&wanted, &[live]);
    assert_eq!((again.len(), again[0].action), (1, Action::Leave));
}

#[test]
fn what_differs_is_updated_and_the_rest_is_kept() {
    let wanted = [rule("platform")];
    let mut live = kept(&plan(&wanted, &[])[0]);
    let properties = &mut live.rule.properties;
    properties.notification.subject = "Old".to_owned();
    properties.notification.language = "de".to_owned();
    properties.schedule.end_date = "2027-06-01T00:00:00Z".parse().unwrap();
    let changes = plan(&wanted, std::slice::from_ref(&live));
    assert_eq!(changes[0].action, Action::Update);
    let fields: Vec<&str> = changes[0].fields.iter().map(|one| &*one.field).collect();
    assert_eq!(fields, ["subject"]);
    let write = changes[0].write.as_ref().unwrap();
    assert_eq!(write.e_tag.as_deref(), Some("\"1\""));
    assert_eq!(write.properties.notification.language, "de");
    assert_eq!(write.properties.schedule, live.rule.properties.schedule);
    let again = plan(&wanted, &[kept(&changes[0])]);
    assert_eq!(again[0].action, Action::Leave);
}

#[test]
fn a_rule_is_renewed_two_months_before_its_end() {
    let wanted = [rule("platform")];
    let mut live = kept(&plan(&wanted, &[])[0]);
    let left = |hours: i64| now() + SignedDuration::from_hours(hours);
    live.rule.properties.schedule.end_date = left(60 * 24);
    assert_eq!(plan(&wanted, &[live.clone()])[0].action, Action::Leave);
    live.rule.properties.schedule.end_date = left(60 * 24 - 1);
    let changes = plan(&wanted, &[live.clone()]);
    assert_eq!(changes[0].reason, "it is renewed");
    let schedule = &changes[0].write.as_ref().unwrap().properties.schedule;
    assert_eq!(schedule.end_date, left(364 * 24));
    // Azure marks one that is over.
    live.rule.properties.status = "Expired".to_owned();
    live.rule.properties.schedule.end_date = left(-24);
    let changes = plan(&wanted, &[live]);
    let write = changes[0].write.as_ref().unwrap();
    assert_eq!(write.properties.status, "Enabled");
    assert_eq!(plan(&wanted, &[kept(&changes[0])])[0].action, Action::Leave);
}

#[test]
fn the_sixth_rule_of_a_subscription_is_a_problem() {
    let five: Vec<AnomalyRule> = (0..5).map(|index| rule(&format!("r{index}"))).collect();
    let live: Vec<LiveRule> = plan(&five, &[]).iter().map(kept).collect();
    let wanted = [rule("new")];
    let problem = |prune: &Prune| {
        let changes = plan_anomaly_rules(&wanted, &live, prune, now());
        let new = changes.iter().find(|change| change.name == "new").unwrap();
        new.problem.clone()
    };
    assert!(
        problem(&Prune::default())
            .unwrap()
            .contains("5 rules already")
    );
    let pruned = Prune {
        ours: true,
        ..Prune::default()
    };
    assert_eq!(problem(&pruned), None);
}

#[test]
fn mails_are_no_rules_and_rules_of_others_stay() {
    let mail = LiveRule {
        subscription: scope(SUBSCRIPTION),
        rule: ScheduledAction {
            name: "platform".to_owned(),
            kind: "Email".to_owned(),
            ..ScheduledAction::default()
        },
        ours: false,
    };
    let changes = plan(&[rule("platform")], std::slice::from_ref(&mail));
    assert!(
        changes[0]
            .problem
            .as_ref()
            .unwrap()
            .contains("scheduled mail")
    );
    assert_eq!(changes[0].write, None);
    assert!(plan(&[], &[mail]).is_empty());
    let mut theirs = kept(&plan(&[rule("theirs")], &[])[0]);
    theirs.ours = false;
    let ours = Prune {
        ours: true,
        ..Prune::default()
    };
    let action = |prune: &Prune| {
        plan_anomaly_rules(&[], std::slice::from_ref(&theirs), prune, now())[0].action
    };
    assert_eq!(action(&ours), Action::Leave);
    let named = Prune {
        ours: false,
        named: ["THEIRS".parse().unwrap()].into(),
    };
    assert_eq!(action(&named), Action::Delete);
}
