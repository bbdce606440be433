//! Whom Azure's own budgets really tell: people behind roles, receivers behind action groups.

use std::collections::{BTreeMap, BTreeSet};

use azure_cost::{ActionGroup, Error, RoleAssignment};
use budget_engine::{Scope, ScopeKind};
use futures::TryStreamExt;

use super::{Finding, Level, error, native, warning};
use crate::app::App;
use crate::sources::advice;

/// The built-in role that a mistyped name probably means; `None` for one of these roles, and for a name
/// that is like none of them.
pub(super) fn meant(role: &str) -> Option<&'static str> {
    let role = role.to_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&role, known);
    let known = BUILT_IN.iter().map(|(known, _)| (distance(known), *known));
    let nearest = known
        .min()
        .filter(|(distance, _)| (1..=2).contains(distance));
    nearest.map(|(_, known)| known)
}

/// Azure's built-in roles that budgets are likely to name. They have the same id in every tenant.
const BUILT_IN: [(&str, &str); 9] = [
    ("owner", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"),
    ("contributor", "b24988ac-6180-42a0-ab88-20f7382dd24c"),
    ("reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7"),
    (
        "cost management contributor",
        "434105ed-43f6-45c7-a02f-909b2ba83430",
    ),
    (
        "cost management reader",
        "72fafb9e-0641-4937-9268-a91bfd8191a3",
    ),
    ("billing reader", "fa23ad8b-c56e-40d8-ac0c-ce449e1d2c64"),
    (
        "user access administrator",
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
    ),
    (
        "monitoring contributor",
        "749f88d5-cbae-40b8-bcfc-e573ddc772fa",
    ),
    ("monitoring reader", "43d0d8ad-25c7-4714-9337-8ba259a9fe05"),
];

/// Asks for each scope and action group once, however many budgets name it.
pub(super) async fn resolved(app: &App) -> Vec<Finding> {
    let mut roles: BTreeMap<Scope, BTreeMap<String, String>> = BTreeMap::new();
    let mut groups: BTreeMap<String, (String, String)> = BTreeMap::new();
    for (about, desired) in native::desired(app) {
        for notification in desired.budget.notifications.values() {
            for role in &notification.contact_roles {
                let at = roles.entry(desired.scope.clone()).or_default();
                at.entry(role.clone()).or_insert_with(|| about.clone());
            }
            for id in &notification.contact_groups {
                let named = || (about.clone(), id.clone());
                groups.entry(id.to_lowercase()).or_insert_with(named);
            }
        }
    }
    if roles.is_empty() && groups.is_empty() {
        return Vec::new();
    }
    let client = match app.native_client() {
        Ok(client) => client,
        Err(problem) => return vec![warning("native", format!("{problem:#}"))],
    };
    let mut findings = Vec::new();
    for (scope, roles) in &roles {
        let held = match scope.kind() {
            ScopeKind::Subscription | ScopeKind::ResourceGroup => {
                client.role_assignments(scope).try_collect::<Vec<_>>().await
            }
            kind => {
                let words = kind.words();
                findings.extend(roles.iter().map(|(role, about)| {
                    warning(
                        about,
                        format!("budgets of a {words} do not tell the role {role}"),
                    )
                }));
                continue;
            }
        };
        for (role, about) in roles {
            findings.push(match &held {
                Ok(held) => holders(about, role, scope, held),
                Err(problem) => {
                    let what = format!("who holds the role {role} at {scope}");
                    let right = "Microsoft.Authorization/roleAssignments/read";
                    unknown(about, &what, right, problem, scope)
                }
            });
        }
    }
    for (about, id) in groups.values() {
        findings.push(match client.action_group(id).await {
            Ok(group) => receivers(about, &group),
            Err(Error::NotFound { .. }) => error(
                about,
                format!("the action group {id} does not exist, so Azure tells nobody by it"),
            ),
            Err(problem) => {
                let what = format!("whom the action group {id} tells");
                let right = "Microsoft.Insights/actionGroups/read";
                let subscription = Scope::subscription(id.split('/').nth(2).unwrap_or_default());
                match subscription {
                    Ok(scope) => unknown(about, &what, right, &problem, &scope),
                    Err(_) => warning(about, format!("{what} is not known: {problem}")),
                }
            }
        });
    }
    findings
}

fn note(about: &str, message: String) -> Finding {
    Finding {
        level: Level::Note,
        about: about.to_owned(),
        message,
    }
}

/// What could not be asked. A missing right is no fault of the configuration.
fn unknown(about: &str, what: &str, right: &str, problem: &Error, scope: &Scope) -> Finding {
    match problem {
        Error::Forbidden { .. } => note(
            about,
            format!("{what} is not known: the identity lacks {right}"),
        ),
        problem => {
            let why = advice(problem, scope);
            warning(about, format!("{what} is not known: {why}"))
        }
    }
}

fn holders(about: &str, role: &str, scope: &Scope, held: &[RoleAssignment]) -> Finding {
    let known = BUILT_IN
        .iter()
        .find(|(name, _)| role.trim().eq_ignore_ascii_case(name));
    let Some((_, id)) = known else {
        let message = format!(
            "who holds the role {role} at {scope} is not known: it is not one of \
                               Azure's built-in roles that are known here"
        );
        return note(about, message);
    };
    let of_role = held.iter().filter(|one| {
        let last = one.role_definition_id.rsplit('/').next();
        last.is_some_and(|last| last.eq_ignore_ascii_case(id))
    });
    // One principal may hold a role in several places.
    let holders: BTreeSet<(&str, &str)> = of_role
        .map(|one| (one.principal_type.as_str(), one.principal_id.as_str()))
        .collect();
    let count = |fits: fn(&str) -> bool| holders.iter().filter(|(kind, _)| fits(kind)).count();
    let is_group = |kind: &str| kind.to_ascii_lowercase().ends_with("group");
    let people = count(|kind| kind.eq_ignore_ascii_case("User"));
    let groups = count(is_group);
    let unsaid = count(str::is_empty);
    let applications = holders.len() - people - groups - unsaid;
    let others = match (groups, applications) {
        (groups, 0) => counted(groups, "group"),
        (0, applications) => counted(applications, "application"),
        (groups, applications) => {
            format!(
                "{} and {}",
                counted(groups, "group"),
                counted(applications, "application")
            )
        }
    };
    match (people, groups + applications, unsaid) {
        (0, 0, 0) => error(
            about,
            format!("the role {role} mails nobody: nobody holds it at {scope}"),
        ),
        (0, _, 0) => error(
            about,
            format!(
                "the role {role} mails nobody: at {scope} it is held by {others} only, and Azure \
                 mails people who hold it themselves"
            ),
        ),
        (0, _, _) => warning(
            about,
            format!("whether people hold the role {role} at {scope} is not known"),
        ),
        (people, 0, _) => note(
            about,
            format!("the role {role} at {scope} is held by {}", persons(people)),
        ),
        (people, _, _) => note(
            about,
            format!(
                "the role {role} at {scope} is held by {}; Azure does not mail the {others} that \
                 hold it, too",
                persons(people)
            ),
        ),
    }
}

fn persons(count: usize) -> String {
    match count {
        1 => "1 person".to_owned(),
        many => format!("{many} people"),
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        many => format!("{many} {what}s"),
    }
}

fn receivers(about: &str, group: &ActionGroup) -> Finding {
    let name = &group.name;
    if !group.enabled {
        return error(
            about,
            format!("the action group {name} is switched off: it tells nobody"),
        );
    }
    let mut ways: Vec<String> = Vec::new();
    let on = group.emails.iter().filter(|one| one.enabled);
    let addresses: Vec<&str> = on.map(|one| one.address.as_str()).collect();
    if !addresses.is_empty() {
        ways.push(format!("mails {}", addresses.join(", ")));
    }
    let others = group.others.iter();
    ways.extend(others.map(|(kind, count)| format!("tells {}", counted(*count, kind))));
    let off = group.emails.len() - addresses.len();
    match (ways.is_empty(), off) {
        (true, 0) => error(
            about,
            format!("the action group {name} has no receivers: it tells nobody"),
        ),
        (true, _) => error(
            about,
            format!(
                "the action group {name} tells nobody: all its addresses have switched mails off"
            ),
        ),
        (false, 0) => note(
            about,
            format!("the action group {name} {}", ways.join(", ")),
        ),
        (false, off) => {
            let ways = ways.join(", ");
            note(
                about,
                format!("the action group {name} {ways}; switched off in it: {off}"),
            )
        }
    }
}
