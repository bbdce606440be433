//! Evaluate: read costs once, decide about every budget of the read, write ledgers, route notices.
//!
//! What is decided is written by `ledgers::commit`, in an order in which a kill anywhere loses
//! nothing; then the delivery queue gets its hints.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Context;
use budget_engine::{
    AlertState, Budget, Change, CostFacts, Decision, Lag, Ledger, ObserveError, Observed, Outcome,
    Part, Period, Planned, Status, ThresholdKind, Transition, When, days_between, decide, observe,
    plus_days,
};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use state_store::{Version, json};

use tokio::time::Instant;

use crate::anomalies;
use crate::app::{App, Hint};
use crate::clock::day_of;
use crate::config::OWNERS;
use crate::forecasting;
use crate::kept;
use crate::ledgers::{self, Decided};
use crate::outlook::{self, Kept, Outlook, Outlooks};
use crate::reads::{Read, counted};
use crate::routing;
use crate::scores::{self, Board, Made, Stage};
use crate::settling::{self, Postings};
use crate::snapshots;
use crate::sources::{Progress, ReadContext, ReadRequest};
use crate::standing::{self, CLOSING_DAYS, Figures};

/// How a read is evaluated.
#[derive(Clone, Default)]
pub struct Options {
    /// Write nothing and send nothing.
    pub dry_run: bool,
    /// The budgets to evaluate, by id; all for none. The costs of all are read, because they are kept.
    pub only: Vec<String>,
    /// Is told about long reads.
    pub progress: Option<Arc<dyn Progress>>,
    /// No wait for Azure lasts longer than this: the read is throttled then, and says until when.
    pub waits_until: Option<Instant>,
}

/// What came of one read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Which read.
    pub read: String,
    /// When.
    pub at: Timestamp,
    /// What the source has to say: rows that were skipped, and why.
    pub notes: Vec<String>,
    /// Its budgets, in the order of the configuration.
    pub budgets: Vec<BudgetReport>,
}

/// What came of one budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetReport {
    /// Id of the budget.
    pub budget: String,
    /// Its name.
    pub name: String,
    /// The budget it is a part of.
    pub parent: Option<String>,
    /// When it was evaluated.
    pub at: Timestamp,
    /// Where it stands; absent when `problem` says why.
    pub status: Option<Status>,
    /// Where it stood when that was known last; present when `problem` says why it is not known now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Box<Status>>,
    /// Why it could not be evaluated. Never to be read as "nothing spent".
    pub problem: Option<String>,
    /// What was decided, and why.
    pub decisions: Vec<Decision>,
    /// The period before, as long as its last days may change: a crossing that shows only then is
    /// told, too. Absent when it was not evaluated while it ran.
    #[serde(default)]
    pub ended: Option<EndedPeriod>,
    /// Deliveries that this evaluation made.
    pub deliveries: usize,
    /// What of that reached nobody, because no destination is left and there is no fallback: the
    /// threshold, and what happened to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told_nobody: Vec<String>,
}

/// A period that has just ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndedPeriod {
    /// Where the budget ended.
    pub status: Status,
    /// What was decided about thresholds of spend and of unusual costs.
    pub decisions: Vec<Decision>,
}

impl BudgetReport {
    /// A budget of which nothing is known.
    pub fn unknown(budget: &Budget, at: Timestamp) -> BudgetReport {
        BudgetReport {
            budget: budget.id.clone(),
            name: budget.name.clone(),
            parent: budget.parent.clone(),
            at,
            status: None,
            known: None,
            problem: None,
            decisions: Vec::new(),
            ended: None,
            deliveries: 0,
            told_nobody: Vec::new(),
        }
    }

    /// Where the budget stood when that was known last.
    pub fn last_known(self) -> Option<Status> {
        self.status.or(self.known.map(|known| *known))
    }

    /// Whether a threshold of spend, forecast, pace or unusual costs is crossed, told now or earlier.
    pub fn is_crossed(&self) -> bool {
        use budget_engine::Reason;
        self.decisions.iter().any(|decision| {
            matches!(
                decision.reason,
                Reason::Reached { .. }
                    | Reason::ExpectedToReach { .. }
                    | Reason::AheadOfPlan { .. }
                    | Reason::Unusual { .. }
                    | Reason::AlreadyTold { .. }
            ) && !matches!(decision.outcome, Outcome::Withdraw | Outcome::Resolve)
                && !decision.when.starts_with("stale")
        })
    }
}

/// Evaluates the budgets of a read.
///
/// A budget that cannot be evaluated is reported with its problem and does not stop the others; an
/// error means that the read itself or the store failed, and that nothing was taken for zero.
pub async fn run(app: &App, read: &Read, options: &Options) -> anyhow::Result<Report> {
    let now = app.now();
    let is_whole = options.only.is_empty();
    let mut budgets = budgets_of(app, read);
    budgets.retain(|budget| is_whole || options.only.contains(&budget.id));
    let request = request(app, read);
    let context = ReadContext {
        progress: options.progress.clone(),
        kept: (!options.dry_run).then(|| app.kept_months(read)),
        waits_until: options.waits_until,
    };
    if !options.dry_run && is_whole {
        app.remember_attempt(&read.key).await?;
    }
    let answer = async { app.source(read.source)?.read(&request, &context).await };
    let answer = match answer
        .await
        .with_context(|| format!("read costs for {}", read.key))
    {
        Ok(answer) => answer,
        Err(error) => {
            // A source that cannot be read is the most likely cause of stale data.
            if !options.dry_run {
                tell_staleness(app, read, &budgets, now).await?;
            }
            return Err(error);
        }
    };
    let mut report = Report {
        read: read.key.clone(),
        at: now,
        notes: answer.notes,
        budgets: vec![],
    };
    let (boards, outlooks) = outlooks(app, read, &answer.facts, now).await;
    let mut hints = BTreeSet::new();
    let mut failure = None;
    // Parts first, so that the notice of a budget can tell of theirs.
    let mut parts_first = budgets.clone();
    parts_first.sort_by_key(|budget| std::cmp::Reverse(depth(app, budget)));
    for budget in parts_first {
        let known = Known {
            read,
            facts: &answer.facts,
            boards: &boards,
            outlooks: &outlooks,
        };
        let one = evaluate_budget(app, &known, budget, now, options.dry_run, &mut hints);
        match one.await {
            Ok(one) => {
                if let Some(note) = strangers(app, budget, &one) {
                    tracing::warn!(budget.id = budget.id, note, "owners are not told");
                    report.notes.push(note);
                }
                if let Some(problem) = &one.problem {
                    tracing::warn!(
                        budget.id = budget.id,
                        problem,
                        "budget could not be evaluated"
                    );
                }
                report.budgets.push(one);
            }
            // One ledger that cannot be written does not stop the others.
            Err(error) => {
                let error = error.context(format!("evaluate budget {}", budget.id));
                tracing::error!(
                    budget.id = budget.id,
                    error = format!("{error:#}"),
                    "budget failed"
                );
                failure = Some(error);
            }
        }
    }
    let place = |id: &str| budgets.iter().position(|budget| budget.id == id);
    report.budgets.sort_by_key(|one| place(&one.budget));
    if !options.dry_run {
        for hint in hints {
            app.hint(&hint, SignedDuration::ZERO).await?;
        }
        app.remember_reports(&report.budgets).await?;
        if failure.is_none() && is_whole {
            let problems = report.budgets.iter().filter_map(|one| {
                let problem = one.problem.as_deref()?;
                let budget = app.config().budgets.get(&one.budget)?;
                runs_on(budget, day_of(now)).then_some((&*one.budget, problem))
            });
            app.remember_evaluation(&read.key, problems.collect())
                .await?;
        }
        keep_snapshot(app, read, &answer.facts, now).await;
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    Ok(report)
}

/// Says which owners that tags name are not told, because anybody can write a tag.
fn strangers(app: &App, budget: &Budget, report: &BudgetReport) -> Option<String> {
    let mut names = budget.thresholds.iter().flat_map(|one| &one.notify);
    names.find(|name| *name == OWNERS)?;
    let owners = &report.status.as_ref()?.owners;
    let strangers = routing::strangers(app.config(), budget, owners);
    (!strangers.is_empty()).then(|| {
        format!(
            "budget {}: tags name owners who are not told, because they are no addresses in \
             `owner_domains` or in the domain of the sender: {}",
            budget.id,
            strangers.join(", ")
        )
    })
}

/// Keeps what is known today for replays. Nothing else needs it, so a failure is only logged.
async fn keep_snapshot(app: &App, read: &Read, facts: &CostFacts, now: Timestamp) {
    let budgets = budgets_of(app, read).into_iter();
    let selectors = budgets.flat_map(|budget| app.config().budgets.selectors(budget));
    let selectors: Vec<_> = selectors.collect();
    let feeds = budget_engine::feeds(&selectors);
    if let Err(error) = snapshots::keep(app.documents(), &read.key, facts, &feeds, now).await {
        let error = format!("{error:#}");
        tracing::warn!(read = read.key, error, "a snapshot could not be kept");
    }
}

/// Judges the age of the data that were last seen, while there are no newer ones.
async fn tell_staleness(
    app: &App,
    read: &Read,
    budgets: &[&Budget],
    now: Timestamp,
) -> anyhow::Result<()> {
    let mut hints = BTreeSet::new();
    for budget in budgets {
        judge_age(app, read, budget, now, false, &mut hints).await?;
    }
    for hint in hints {
        app.hint(&hint, SignedDuration::ZERO).await?;
    }
    Ok(())
}

/// Judges the age of what was known last of a budget, and gives that; `None` if nothing ever was.
async fn judge_age(
    app: &App,
    read: &Read,
    budget: &Budget,
    now: Timestamp,
    dry_run: bool,
    hints: &mut BTreeSet<Hint>,
) -> anyhow::Result<Option<(Status, Settled)>> {
    let today = day_of(now);
    let key = format!("status/{}", budget.id);
    let stored: Option<(BudgetReport, Version)> = json::get(app.documents(), &key).await?;
    let Some(mut status) = stored.and_then(|(report, _)| report.last_known()) else {
        return Ok(None);
    };
    let mut budget = budget.clone();
    budget
        .thresholds
        .retain(|one| matches!(one.when, When::Stale(_)));
    if budget.thresholds.is_empty() || !status.period.contains(today) {
        return Ok(Some((status, Settled::default())));
    }
    status.data.age_days = days_between(status.data.last_day, today);
    status.data.stale = status.data.age_days > lag_of(app, read).stale_after_days;
    let figures = Figures {
        status,
        forecast: None,
    };
    let settled = settle(app, &budget, &figures, now, dry_run, hints).await?;
    Ok(Some((figures.status, settled)))
}

/// Whether a budget counts anything on a day.
pub fn runs_on(budget: &Budget, day: Date) -> bool {
    budget.starts.is_none_or(|starts| starts <= day) && budget.ends.is_none_or(|ends| day <= ends)
}

/// How late the data of a read are as a rule.
pub(crate) fn lag_of(app: &App, read: &Read) -> Lag {
    let source = app.config().sources.get(read.source);
    source.map(|source| source.lag).unwrap_or_default()
}

pub(crate) fn budgets_of<'a>(app: &'a App, read: &Read) -> Vec<&'a Budget> {
    let ids = read.budgets.iter();
    ids.filter_map(|id| app.config().budgets.get(id)).collect()
}

/// What a read asks its source for, today.
pub(crate) fn request(app: &App, read: &Read) -> ReadRequest {
    let now = app.now();
    let budgets = budgets_of(app, read);
    let all = with_children(app, &budgets);
    let scopes = all.iter().flat_map(|budget| budget.scopes.iter().cloned());
    ReadRequest {
        scopes: read.scopes.clone(),
        counted: scopes.collect(),
        needs_categories: all.iter().any(|budget| !budget.exclude.is_empty()),
        cost_basis: read.cost_basis,
        period_start: earliest_period(&budgets, now),
        today: day_of(now),
        projection: budget_engine::Budgets::projection(all),
    }
}

/// The budgets, and the children they count.
fn with_children<'a>(app: &'a App, budgets: &[&'a Budget]) -> Vec<&'a Budget> {
    let mut all: Vec<&Budget> = budgets.to_vec();
    let mut index = 0;
    while index < all.len() {
        all.extend(app.config().budgets.children(&all[index].id));
        index += 1;
    }
    all
}

/// The first day that any evaluated period or plan looks at.
fn earliest_period(budgets: &[&Budget], now: Timestamp) -> Date {
    let today = day_of(now);
    let first_day = |budget: &&Budget| -> Option<Date> {
        // A period that has just ended is evaluated, too.
        let mut period = budget.calendar.period_of(plus_days(today, -CLOSING_DAYS))?;
        if let Planned::History { periods, .. } = budget.planned {
            for _ in 0..periods {
                period = budget.calendar.previous(&period)?;
            }
        }
        Some(period.start())
    };
    budgets.iter().filter_map(first_day).min().unwrap_or(today)
}

/// What is known of the costs of a read.
struct Known<'a> {
    read: &'a Read,
    facts: &'a CostFacts,
    /// How earlier forecasts turned out, by the ids of their budgets.
    boards: &'a BTreeMap<String, Board>,
    outlooks: &'a Outlooks,
}

/// How earlier forecasts turned out, and what forecasts are told besides costs.
async fn outlooks(
    app: &App,
    read: &Read,
    facts: &CostFacts,
    now: Timestamp,
) -> (BTreeMap<String, Board>, Outlooks) {
    let budgets = budgets_of(app, read);
    let boards = scores::load_all(app.documents(), app.config(), &budgets).await;
    let mut postings = settling::load(app.documents(), app.config(), &budgets).await;
    let kept = |budget: &Budget| Kept {
        postings: postings.remove(&budget.id).unwrap_or_default(),
        scored: boards.get(&budget.id).and_then(Board::scored),
    };
    let outlooks = outlook::prepare(app, read, facts, day_of(now), kept);
    (boards, outlooks)
}

async fn evaluate_budget(
    app: &App,
    known: &Known<'_>,
    budget: &Budget,
    now: Timestamp,
    dry_run: bool,
    hints: &mut BTreeSet<Hint>,
) -> anyhow::Result<BudgetReport> {
    let read = known.read;
    let mut report = BudgetReport::unknown(budget, now);
    let Periods {
        current,
        ended,
        seen,
    } = figures(app, known, budget, now).unwrap_or_else(|error| Periods {
        current: Some(Err(error)),
        ..Periods::default()
    });
    if let Some(ended) = ended
        && app
            .documents()
            .get(&ledgers::key(
                &ended.status.budget,
                &ended.status.period_key,
            ))
            .await?
            .is_some()
    {
        let budget = standing::after_end(budget);
        let settled = settle(app, &budget, &ended, now, dry_run, hints).await?;
        report.deliveries += settled.deliveries;
        report.told_nobody.extend(settled.nobody);
        report.ended = Some(EndedPeriod {
            status: ended.status,
            decisions: settled.decisions,
        });
    }
    match current {
        Some(Err(error)) => {
            report.problem = Some(error.to_string());
            if let Some((known, settled)) =
                judge_age(app, read, budget, now, dry_run, hints).await?
            {
                report.deliveries += settled.deliveries;
                report.told_nobody.extend(settled.nobody);
                report.decisions = settled.decisions;
                report.known = Some(Box::new(known));
            }
        }
        Some(Ok(current)) => {
            let settled = settle(app, budget, &current, now, dry_run, hints).await?;
            report.deliveries += settled.deliveries;
            report.told_nobody.extend(settled.nobody);
            report.decisions = settled.decisions;
            report.status = Some(current.status);
        }
        None => report.problem = Some("the budget is not running today".to_owned()),
    }
    if let Some(seen) = seen.filter(|_| !dry_run) {
        keep(app, budget, &seen, now).await;
    }
    Ok(report)
}

/// Keeps what the forecasts to come are told: the forecast of the day beside what came of earlier ones,
/// and what is posted of the last days.
async fn keep(app: &App, budget: &Budget, seen: &Seen, now: Timestamp) {
    let documents = app.documents();
    kept::log(
        budget,
        settling::keep(documents, budget, &seen.postings).await,
    );
    let (observed, made) = (&seen.observed, seen.made.clone());
    let today = day_of(now);
    let scored = scores::update(documents, app.config(), budget, observed, made, today);
    kept::log(budget, scored.await);
}

/// What was decided about one period, and what came of it.
#[derive(Default)]
struct Settled {
    decisions: Vec<Decision>,
    deliveries: usize,
    nobody: Vec<String>,
}

/// Decides about a budget in one period, and records and routes what was decided.
async fn settle(
    app: &App,
    budget: &Budget,
    figures: &Figures,
    now: Timestamp,
    dry_run: bool,
    hints: &mut BTreeSet<Hint>,
) -> anyhow::Result<Settled> {
    let (status, forecast) = (&figures.status, figures.forecast.as_ref());
    let key = ledgers::key(&status.budget, &status.period_key);
    for _ in 0..ledgers::TRIES {
        let stored: Option<(Ledger, Version)> = json::get(app.documents(), &key).await?;
        let (ledger, version) = match stored {
            Some((ledger, version)) => (ledger, Some(version)),
            None => (Ledger::new(&budget.id, &status.period_key), None),
        };
        let evaluation = decide(budget, status, forecast, &ledger, now);
        let decisions = evaluation.decisions;
        if dry_run {
            return Ok(Settled {
                decisions,
                deliveries: 0,
                nobody: Vec::new(),
            });
        }
        let mut next = evaluation.ledger;
        annotate(app, budget, &mut next, now).await?;
        let (next, mut nobody) = ledgers::told_anew(app, budget, next, status).await?;
        let before = version.map(|version| (ledger, version));
        let decided = Decided {
            budget: Some(budget),
            decisions: &decisions,
            ledger: next,
        };
        if let Some(routed) = ledgers::commit(app, before, decided).await? {
            log_decisions(budget, status, &decisions);
            hints.extend(routed.hints);
            nobody.extend(routed.nobody);
            return Ok(Settled {
                decisions,
                deliveries: routed.deliveries,
                nobody,
            });
        }
        // Somebody else decided first, or our own first try got through: look again.
    }
    anyhow::bail!("the ledger {key} is being written by others again and again")
}

/// How many budgets a budget is a part of, one within the other.
fn depth(app: &App, budget: &Budget) -> usize {
    let parent = |one: &&Budget| app.config().budgets.get(one.parent.as_deref()?);
    std::iter::successors(Some(budget), parent).count()
}

/// Adds what is known besides the figures to the crossings that were just decided: planned events,
/// and the parts of the budget that are told of.
async fn annotate(
    app: &App,
    budget: &Budget,
    ledger: &mut Ledger,
    now: Timestamp,
) -> anyhow::Result<()> {
    let is_new = |one: &&mut Transition| one.route.is_none() && one.change == Change::Fired;
    if ledger.transitions.iter_mut().filter(is_new).count() == 0 {
        return Ok(());
    }
    let day = day_of(now);
    let events = app.config().attention.events.iter();
    let events = events.filter(|event| event.is_about(&budget.id, day));
    let events: Vec<String> = events.map(|event| event.name.clone()).collect();
    let parts = parts(app, budget, day).await?;
    for transition in ledger.transitions.iter_mut().filter(is_new) {
        transition.events.clone_from(&events);
        if transition.kind != ThresholdKind::Stale {
            transition.parts.clone_from(&parts);
        }
    }
    Ok(())
}

/// The most urgent alert of each child that stands today.
async fn parts(app: &App, budget: &Budget, today: Date) -> anyhow::Result<Vec<Part>> {
    let mut parts = Vec::new();
    for child in app.config().budgets.children(&budget.id) {
        let Some(period) = child.calendar.period_of(today) else {
            continue;
        };
        let key = ledgers::key(&child.id, &child.calendar.key(&period));
        let stored: Option<(Ledger, Version)> = json::get(app.documents(), &key).await?;
        let Some((ledger, _)) = stored else { continue };
        let firing = ledger.alerts.values();
        let firing = firing.filter(|alert| {
            alert.state == AlertState::Firing && alert.kind != ThresholdKind::Stale
        });
        let worst = firing
            .filter_map(|alert| ledger.fired(alert))
            .max_by_key(|fired| (fired.severity, fired.at));
        parts.extend(worst.map(|fired| Part {
            budget: child.id.clone(),
            name: child.name.clone(),
            when: fired.when.clone(),
            percent: fired.status.percent,
        }));
    }
    Ok(parts)
}

/// The periods of a budget that are evaluated on one day.
#[derive(Default)]
struct Periods {
    /// The running one; `None` outside of the budget's life.
    current: Option<Result<Figures, ObserveError>>,
    /// The one that has just ended, while its last days may still change.
    ended: Option<Figures>,
    /// What they rest on.
    seen: Option<Seen>,
}

/// What is to be kept of an evaluation for the forecasts to come.
struct Seen {
    observed: Observed,
    /// The forecast of the running period, if there is one.
    made: Option<(Period, Made)>,
    /// What is posted of the last days.
    postings: Postings,
}

/// Everything about a budget that can be known from the facts.
fn figures(
    app: &App,
    known: &Known<'_>,
    budget: &Budget,
    now: Timestamp,
) -> Result<Periods, ObserveError> {
    let today = day_of(now);
    let Some(plan) = standing::plan(budget, today)? else {
        return Ok(Periods::default());
    };
    let config = app.config();
    let selectors = config.budgets.selectors(budget);
    let observed = observe(
        known.facts,
        budget,
        &selectors,
        lag_of(app, known.read),
        today,
    )?;
    let scopes = counted(config, budget);
    let none = Outlook::configured(config, budget);
    let outlook = known.outlooks.get(&budget.id).unwrap_or(&none);
    let mut made = None;
    let forecast = |period: &Period, planned| {
        let (forecast, one) = forecasting::forecast(&observed, period, planned, outlook)?;
        made = Some((*period, one));
        Ok(forecast)
    };
    let mut current = plan
        .current
        .map(|period| standing::running(budget, &scopes, &observed, &period, forecast));
    if let (Some(Ok(current)), Some(board)) = (&mut current, known.boards.get(&budget.id)) {
        let stage = Stage::of(&current.status.period, today);
        current
            .status
            .set_score(board.told(stage, config.forecast.hold_back));
    }
    let postings = outlook.postings().clone().with(&observed);
    let mut periods = Periods {
        current,
        // A plan without an amount for the ended period is no problem of the current one.
        ended: plan
            .ended
            .and_then(|period| standing::ended(budget, &scopes, &observed, &period).ok()),
        seen: None,
    };
    let current = periods.current.iter_mut().flat_map(Result::as_mut);
    let statuses = current.chain(&mut periods.ended).map(|one| &mut one.status);
    anomalies::add(
        statuses,
        &observed,
        known.facts,
        budget,
        &selectors,
        outlook,
    );
    periods.seen = Some(Seen {
        observed,
        made,
        postings,
    });
    Ok(periods)
}

fn log_decisions(budget: &Budget, status: &Status, decisions: &[Decision]) {
    for decision in decisions
        .iter()
        .filter(|decision| decision.outcome != Outcome::Quiet)
    {
        tracing::info!(
            budget.id = budget.id,
            period = status.period_key,
            threshold = decision.threshold,
            decision.outcome = in_json(&decision.outcome),
            decision.reason = in_json(&decision.reason),
            "budget changed"
        );
    }
}

/// For a log: a word as it is, and anything else as JSON.
fn in_json(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    text.trim_matches('"').to_owned()
}
