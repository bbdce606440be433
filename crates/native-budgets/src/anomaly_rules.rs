//! Azure's rules that mail when the costs of a subscription are unusual, as code.
//!
//! In Azure a rule is a scheduled action of kind `InsightAlert`. Its end lies at most a year ahead,
//! so that a rule that is kept has to be renewed; this is done when two months are left.

use std::collections::{BTreeMap, BTreeSet};

use azure_cost::{ActionNotification, ScheduledAction};
use budget_engine::Scope;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::compare::FieldChange;
use crate::plan::Action;
use crate::prune::Prune;

/// The most rules that Azure takes for one subscription.
pub const MOST_RULES: usize = 5;
/// How long a rule is made to last: a day less than Azure's year, because clocks differ.
const LASTS: SignedDuration = SignedDuration::from_hours(364 * 24);
/// When so much is left it is renewed.
const RENEWED_AT: SignedDuration = SignedDuration::from_hours(60 * 24);

/// A rule that Azure should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnomalyRule {
    /// The subscription it looks at.
    pub subscription: Scope,
    /// Its name in Azure.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// Who is mailed and what: 1 to 20 addresses, subject up to 70 characters, message up to 250. An
    /// empty language or regional format takes whichever Azure has.
    pub notification: ActionNotification,
}

/// A scheduled action that Azure has at a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRule {
    /// The subscription.
    pub subscription: Scope,
    /// As it was read.
    pub rule: ScheduledAction,
    /// Whether it was created here, as the state says.
    pub ours: bool,
}

/// What is to be done about one rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleChange {
    /// The subscription.
    pub subscription: Scope,
    /// Its name in Azure.
    pub name: String,
    /// What to do. A rule is never replaced.
    pub action: Action,
    /// Why, in one sentence.
    pub reason: String,
    /// What changes.
    pub fields: Vec<FieldChange>,
    /// Why Azure would refuse it, and what would help; such a change is not carried out.
    pub problem: Option<String>,
    /// What to write, for create and update; an update has the version that was read.
    #[serde(skip)]
    pub write: Option<ScheduledAction>,
    /// As Azure has it.
    #[serde(skip)]
    pub live: Option<ScheduledAction>,
}

/// What has to be done so that Azure has the rules that are wanted, in the order of subscriptions
/// and names.
///
/// `live` has all scheduled actions of each subscription that `desired` names. A plan right after an
/// apply only leaves.
pub fn plan_anomaly_rules(
    desired: &[AnomalyRule],
    live: &[LiveRule],
    prune: &Prune,
    now: Timestamp,
) -> Vec<RuleChange> {
    let mut taken = BTreeSet::new();
    let mut changes: Vec<RuleChange> = Vec::new();
    for wanted in desired {
        let found = live.iter().position(|live| {
            live.subscription == wanted.subscription
                && live.rule.name.eq_ignore_ascii_case(&wanted.name)
        });
        taken.extend(found);
        changes.push(change(wanted, found.map(|index| &live[index]), now));
    }
    for (index, each) in live.iter().enumerate() {
        if !taken.contains(&index) && each.rule.is_anomaly_alert() {
            changes.push(unwanted(each, prune));
        }
    }
    changes.sort_by(|left, right| {
        (&left.subscription, &left.name).cmp(&(&right.subscription, &right.name))
    });
    note_those_too_many(&mut changes, live);
    changes
}

/// The configuration of a rule that Azure has, after which there is nothing to do but to renew it.
///
/// # Errors
/// When it says something that no configuration can, in words: it is left as it is.
pub fn configured_rule(live: &LiveRule, now: Timestamp) -> Result<AnomalyRule, String> {
    let rule = AnomalyRule {
        subscription: live.subscription.clone(),
        name: live.rule.name.clone(),
        display_name: live.rule.properties.display_name.clone(),
        notification: live.rule.properties.notification.clone(),
    };
    let again = change(&rule, Some(live), now);
    let fields = again.fields.iter().map(|field| field.field.as_str());
    let differing: Vec<&str> = fields.filter(|field| *field != "end").collect();
    match differing.is_empty() {
        true => Ok(rule),
        false => Err(format!(
            "its {} could not be kept as it is",
            differing.join(" and ")
        )),
    }
}

fn change(wanted: &AnomalyRule, live: Option<&LiveRule>, now: Timestamp) -> RuleChange {
    let until = now.saturating_add(LASTS).unwrap_or(Timestamp::MAX);
    let fresh = ScheduledAction::anomaly_alert(
        &wanted.subscription,
        &wanted.display_name,
        wanted.notification.clone(),
        now,
        until,
    );
    let base = RuleChange {
        subscription: wanted.subscription.clone(),
        name: wanted.name.clone(),
        action: Action::Create,
        reason: "Azure does not have it".to_owned(),
        fields: Vec::new(),
        problem: None,
        write: None,
        live: None,
    };
    let Some(live) = live else {
        let nothing = ScheduledAction::default();
        return RuleChange {
            fields: differences(&fresh, &nothing, now),
            write: Some(fresh),
            ..base
        };
    };
    let known = Some(live.rule.clone());
    if !live.rule.is_anomaly_alert() {
        let problem = format!(
            "{} has a scheduled mail of this name; give the rule another one",
            wanted.subscription
        );
        return RuleChange {
            problem: Some(problem),
            live: known,
            ..base
        };
    }
    let fields = differences(&fresh, &live.rule, now);
    if fields.is_empty() {
        return RuleChange {
            action: Action::Leave,
            reason: "it is as configured".to_owned(),
            live: known,
            ..base
        };
    }
    let mut write = fresh;
    let properties = &live.rule.properties;
    write.id.clone_from(&live.rule.id);
    write.name.clone_from(&live.rule.name);
    write.e_tag.clone_from(&live.rule.e_tag);
    let mail = &mut write.properties.notification;
    for (own, kept) in [
        (&mut mail.language, &properties.notification.language),
        (
            &mut mail.regional_format,
            &properties.notification.regional_format,
        ),
    ] {
        if own.is_empty() {
            own.clone_from(kept);
        }
    }
    if !ends_soon(&live.rule, now) {
        write.properties.schedule = properties.schedule.clone();
        "Daily".clone_into(&mut write.properties.schedule.frequency);
    }
    let names: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
    let what = match names[..] {
        ["end"] => "it is renewed".to_owned(),
        [one] => format!("{one} differs"),
        _ => format!("{} fields differ", names.len()),
    };
    let adopted = match live.ours {
        true => "",
        false => "; it was not created here and is taken over by its name",
    };
    RuleChange {
        action: Action::Update,
        reason: format!("{what}{adopted}"),
        fields,
        write: Some(write),
        live: known,
        ..base
    }
}

fn ends_soon(live: &ScheduledAction, now: Timestamp) -> bool {
    live.properties.schedule.end_date.duration_since(now) < RENEWED_AT
}

/// In what a live rule differs; empty if Azure would do the same. Letter case and order of addresses
/// mean nothing.
fn differences(
    wanted: &ScheduledAction,
    live: &ScheduledAction,
    now: Timestamp,
) -> Vec<FieldChange> {
    let (is, was) = (&wanted.properties, &live.properties);
    let mut fields = Vec::new();
    let mut add = |field: &str, before: String, after: String, reason: &str| {
        let shown = |text: String| (!text.is_empty()).then_some(text);
        fields.push(FieldChange {
            field: field.to_owned(),
            before: shown(before),
            after: shown(after),
            reason: reason.to_owned(),
            fixed: false,
        });
    };
    let configured = "configured";
    let (mail, old) = (&is.notification, &was.notification);
    for (field, before, after) in [
        ("display name", &was.display_name, &is.display_name),
        ("subject", &old.subject, &mail.subject),
        ("message", &old.message, &mail.message),
    ] {
        if before != after {
            add(field, before.clone(), after.clone(), configured);
        }
    }
    for (field, before, after) in [
        ("language", &old.language, &mail.language),
        (
            "regional format",
            &old.regional_format,
            &mail.regional_format,
        ),
    ] {
        if !after.is_empty() && !before.eq_ignore_ascii_case(after) {
            add(field, before.clone(), after.clone(), configured);
        }
    }
    let (before, after) = (addresses(&old.to), addresses(&mail.to));
    if before != after {
        let list = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(", ");
        add("to", list(before), list(after), configured);
    }
    for (field, before, after) in [
        ("status", &was.status, &is.status),
        ("view", &was.view_id, &is.view_id),
        ("frequency", &was.schedule.frequency, &is.schedule.frequency),
    ] {
        if !before.eq_ignore_ascii_case(after) {
            let reason = "as Azure's rules about anomalies are";
            add(field, before.clone(), after.clone(), reason);
        }
    }
    if ends_soon(live, now) {
        let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
        let before = match was.schedule.end_date == Timestamp::default() {
            true => String::new(),
            false => day(was.schedule.end_date),
        };
        let reason = "Azure's rules last a year at most; it is renewed two months before";
        add("end", before, day(is.schedule.end_date), reason);
    }
    fields
}

fn addresses(list: &[String]) -> BTreeSet<String> {
    list.iter().map(|each| each.trim().to_lowercase()).collect()
}

fn unwanted(live: &LiveRule, prune: &Prune) -> RuleChange {
    let name = &live.rule.name;
    let (action, reason) = prune.decide(&live.subscription, name, live.ours);
    RuleChange {
        subscription: live.subscription.clone(),
        name: name.clone(),
        action,
        reason: reason.to_owned(),
        fields: Vec::new(),
        problem: None,
        write: None,
        live: Some(live.rule.clone()),
    }
}

/// Azure refuses the sixth rule of a subscription, whoever made the others.
fn note_those_too_many(changes: &mut [RuleChange], live: &[LiveRule]) {
    let mut counts: BTreeMap<Scope, usize> = BTreeMap::new();
    for each in live.iter().filter(|each| each.rule.is_anomaly_alert()) {
        *counts.entry(each.subscription.clone()).or_default() += 1;
    }
    for change in changes.iter() {
        if change.action == Action::Delete
            && let Some(count) = counts.get_mut(&change.subscription)
        {
            *count -= 1;
        }
    }
    for change in changes.iter_mut() {
        if change.action != Action::Create || change.problem.is_some() {
            continue;
        }
        let count = counts.entry(change.subscription.clone()).or_default();
        if *count >= MOST_RULES {
            change.problem = Some(format!(
                "{} has {MOST_RULES} rules already, which is Azure's most: delete one of them",
                change.subscription
            ));
        } else {
            *count += 1;
        }
    }
}
