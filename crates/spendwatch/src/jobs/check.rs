//! Check: what a configuration that parses may still get wrong.

mod contacts;
mod native;
mod overlap;

use std::path::PathBuf;

use alert_channels::email::Templates;
use budget_engine::{Budget, Planned};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::config::{ChannelKind, Config, OWNERS, SourceKind};
use crate::jobs::evaluate;
use crate::routing;
use crate::sources::azure::plan;
use crate::sources::{Examined, expand};

/// One thing to know about a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What it is about: `budget.payments-prod`, `channel.mail`, `source.1`.
    pub about: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// It works; good to know.
    Note,
    /// It works, but perhaps not as meant.
    Warning,
    /// Somebody will not be told, or nothing can be read.
    Error,
}

/// Looks at sources, channels and budgets without reading costs or sending anything.
pub fn run(app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(problems) = app.reads() {
        for problem in problems.0 {
            findings.push(error("source", problem.to_string()));
        }
    }
    for (index, source) in app.config().sources.iter().enumerate() {
        let about = format!("source.{}", index + 1);
        if let Err(problem) = app.source(index) {
            findings.push(error(&about, problem.to_string()));
        }
        if let SourceKind::Files { paths, .. } = &source.kind {
            findings.extend(files(&about, paths));
        }
    }
    for read in app.reads().unwrap_or_default() {
        let source = &app.config().sources[read.source];
        if let SourceKind::Azure { read: way, .. } = source.kind {
            let request = evaluate::request(app, &read);
            let plans = read.scopes.iter().map(|scope| plan(way, scope, &request));
            for problem in plans.filter_map(Result::err) {
                let about = format!("source.{}", read.source + 1);
                findings.push(error(
                    &about,
                    format!("{problem}; use kind = \"azure\", which reads rows where it must"),
                ));
            }
        }
    }
    for (name, channel) in &app.config().channels {
        let about = format!("channel.{name}");
        match app.channel(name) {
            Some(Ok(channel)) => {
                let keys = channel.public_keys().into_iter();
                findings.extend(keys.map(|key| Finding {
                    level: Level::Note,
                    about: about.clone(),
                    message: format!("receivers check its signatures with {key}"),
                }));
            }
            Some(Err(problem)) => findings.push(error(&about, problem)),
            None => {}
        }
        if let ChannelKind::Email(email) = &channel.kind
            && email.username.is_some() != email.password.is_some()
        {
            findings.push(error(&about, "`username` and `password` belong together"));
        }
        if let Some(mailing) = channel.kind.mailing()
            && let Some(folder) = &mailing.templates
        {
            let (templates, mut problems) = Templates::load(folder);
            problems.extend(templates.check());
            let problems = problems.iter();
            findings.extend(problems.map(|problem| error(&about, problem.to_string())));
        }
    }
    if app.config().fallback.is_none() && !app.config().channels.is_empty() {
        findings.push(warning(
            "fallback",
            "there is none, so nobody hears when a notice does not arrive, a destination fails or \
             evaluation is late: name a channel with `fallback`",
        ));
    }
    for problem in app.action_problems() {
        findings.push(error("action", problem));
    }
    if let Some(problem) = app.link_problem() {
        findings.push(error("links", problem));
    }
    if app.links_lead_nowhere() {
        findings.push(warning(
            "links",
            "`url` is not set and this is no function app, so notices get no links to answer by: set \
             it to the address of the functions, for example https://APP.azurewebsites.net/api",
        ));
    }
    findings.extend(untested(app.config()));
    for budget in app.config().budgets.iter() {
        check_budget(app, budget, &mut findings);
    }
    for event in &app.config().attention.events {
        let mut budgets = app.config().budgets.iter();
        if !budgets.any(|budget| event.is_about(&budget.id, event.from)) {
            findings.push(warning(
                &format!("event {}", event.name),
                "none of its `budgets` is in the configuration, so it explains and mutes nothing",
            ));
        }
    }
    findings.extend(native::offline(app));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    findings
}

/// Asks the sources, with small requests, what they would answer: for each scope which API works,
/// which agreement it is under, and what is missing. Reads no costs into ledgers and changes nothing.
pub async fn online(app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    // What cannot be planned is reported without a network.
    for read in app.reads().unwrap_or_default() {
        let Ok(source) = app.source(read.source) else {
            continue;
        };
        for examined in source.examine(&evaluate::request(app, &read)).await {
            findings.extend(findings_of(&examined));
        }
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    findings
}

/// Recipients whom only Azure knows: [`contacts`] resolves them.
pub fn unresolved(app: &App) -> Vec<Finding> {
    native::roles(app)
}

/// Asks Azure who stands behind the roles and action groups that its budgets tell, as far as the
/// identity may see it.
pub async fn contacts(app: &App) -> Vec<Finding> {
    let mut findings = contacts::resolved(app).await;
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    findings
}

/// Holds the amounts against what the last evaluations found; says nothing of budgets that were never
/// evaluated.
///
/// # Errors
/// When the state cannot be read.
pub async fn history(app: &App) -> anyhow::Result<Vec<Finding>> {
    Ok(native::history(app, &app.last_reports().await?))
}

/// Mail channels that the weekly test leaves out.
fn untested(config: &Config) -> Vec<Finding> {
    if config.attention.canary.is_none() {
        return Vec::new();
    }
    let names = config.channels.keys();
    let untested = names.filter(|name| routing::of_channel(config, name).is_empty());
    let findings = untested.map(|name| Finding {
        level: Level::Note,
        about: format!("channel.{name}"),
        message: "it has no recipients of its own, so the weekly test leaves it out".to_owned(),
    });
    findings.collect()
}

fn findings_of(examined: &Examined) -> Vec<Finding> {
    let about = examined.about.clone();
    let agreement = match &examined.agreement {
        Some(words) => format!(" ({words})"),
        None => String::new(),
    };
    let mut findings = vec![Finding {
        level: Level::Note,
        about: about.clone(),
        message: format!("to be read by {}{agreement}", examined.way),
    }];
    for attempt in &examined.attempts {
        let (level, words) = match (&attempt.problem, &attempt.nothing_for) {
            (None, None) => (Level::Note, "works".to_owned()),
            (None, Some(days)) => (
                // Costs that are missing would look like costs of zero.
                match attempt.is_needed {
                    true => Level::Warning,
                    false => Level::Note,
                },
                format!("answers, but has no rows for {days}"),
            ),
            (Some(problem), _) if attempt.is_needed => (Level::Error, problem.clone()),
            (Some(problem), _) => (Level::Note, problem.clone()),
        };
        let unused = match (&attempt.problem, attempt.is_needed) {
            (Some(_), false) => " (not needed)",
            _ => "",
        };
        findings.push(Finding {
            level,
            about: about.clone(),
            message: format!("{}{unused}: {words}", attempt.what),
        });
    }
    findings
}

fn files(about: &str, patterns: &[PathBuf]) -> Vec<Finding> {
    match expand(patterns) {
        Err(problem) => vec![error(about, format!("{problem:#}"))],
        Ok(_) => Vec::new(),
    }
}

/// Whether a text has the form of an id in Azure: hexadecimal digits in groups of 8, 4, 4, 4 and 12.
fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && groups
            .iter()
            .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn check_budget(app: &App, budget: &Budget, findings: &mut Vec<Finding>) {
    let about = format!("budget.{}", budget.id);
    let config = app.config();
    let reads_azure = config
        .sources
        .iter()
        .any(|source| matches!(source.kind, SourceKind::Azure { .. }));
    for scope in budget.scopes.iter().filter(|_| reads_azure) {
        let id = scope.subscription_of();
        let id = id
            .as_ref()
            .map(|one| one.path().trim_start_matches("/subscriptions/"));
        if let Some(id) = id.filter(|id| !is_guid(id)) {
            findings.push(warning(
                &about,
                format!(
                    "`{id}` is no id of a subscription, which looks like \
                     00000000-0000-0000-0000-000000000000"
                ),
            ));
        }
    }
    if budget.thresholds.is_empty() {
        findings.push(warning(
            &about,
            "it has no thresholds, so nobody will ever be told",
        ));
    }
    for threshold in &budget.thresholds {
        let is_tag = |owner: &String| owner.starts_with("tag:");
        let reaches = |name: &String| match config.channels.get(name) {
            Some(channel) => {
                let mailing = channel.kind.mailing();
                mailing.is_none_or(|mailing| !mailing.to.is_empty())
            }
            None => name == OWNERS && !budget.owners.iter().all(is_tag),
        };
        if threshold.notify.iter().any(reaches) {
            continue;
        }
        let may_reach = |name: &String| name == OWNERS && budget.owners.iter().any(is_tag);
        if !threshold.notify.iter().any(may_reach) {
            let message = match &config.fallback {
                Some(fallback) => format!(
                    "the threshold `{}` reaches nobody; its notices go to the fallback `{fallback}`",
                    threshold.id
                ),
                None => format!(
                    "the threshold `{}` reaches nobody, and there is no fallback",
                    threshold.id
                ),
            };
            let level = if config.fallback.is_some() {
                Level::Warning
            } else {
                Level::Error
            };
            findings.push(Finding {
                level,
                about: about.clone(),
                message,
            });
        } else if config.fallback.is_none() {
            findings.push(warning(
                &about,
                format!(
                    "the threshold `{}` reaches only people named in tags; without such a tag nobody \
                     is told: set `fallback` or add an address to `owners`",
                    threshold.id
                ),
            ));
        }
    }
    if let Planned::PerPeriod(amounts) = &budget.planned
        && let Some(period) = budget.calendar.period_of(crate::clock::day_of(app.now()))
        && budget.counted(&period).is_some()
        && !amounts.contains_key(&period.start())
    {
        findings.push(warning(
            &about,
            format!(
                "it has no planned amount for the current period {period}, so it is not evaluated"
            ),
        ));
    }
    let flat = |budget: &Budget| match budget.planned {
        Planned::Flat(amount) => Some(amount),
        _ => None,
    };
    let children: Vec<&Budget> = config
        .budgets
        .children(&budget.id)
        .filter(|child| {
            child.currency == budget.currency && child.calendar.grain() == budget.calendar.grain()
        })
        .collect();
    let sum = children
        .iter()
        .filter_map(|child| flat(child))
        .sum::<Decimal>();
    if let Some(amount) = flat(budget)
        && sum > amount
    {
        findings.push(warning(
            &about,
            format!(
                "its children plan {sum} {currency} together, more than its own {amount} {currency}",
                currency = budget.currency
            ),
        ));
    }
    for child in children
        .iter()
        .filter(|child| child.cost_basis != budget.cost_basis)
    {
        findings.push(warning(
            &about,
            format!(
                "it counts {} cost and its child `{}` counts {} cost, so they will not add up",
                budget.cost_basis, child.id, child.cost_basis
            ),
        ));
    }
}

fn error(about: &str, message: impl Into<String>) -> Finding {
    Finding {
        level: Level::Error,
        about: about.to_owned(),
        message: message.into(),
    }
}

fn warning(about: &str, message: impl Into<String>) -> Finding {
    Finding {
        level: Level::Warning,
        about: about.to_owned(),
        message: message.into(),
    }
}
