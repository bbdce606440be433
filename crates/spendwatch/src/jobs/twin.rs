//! Twin: whether Azure's budgets see what ours see, and whether they told what they should have.
//!
//! What is found is stored as `native/twin`, logged, shown by `status`, and told once to the fallback
//! destination. The document is written before the deliveries, which follow from it alone, so that a
//! repeated run meets its own.

use std::collections::BTreeMap;

use alert_channels::{Message, Notice};
use anyhow::Context;
use azure_cost::{BudgetNotification, CostAlert};
use budget_engine::{Budget, Scope, Status};
use futures::TryStreamExt;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use native_budgets::{Figure, Live, Ours, gaps, reached};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use state_store::{Error, json};

use crate::app::{App, Hint};
use crate::clock::day_of;
use crate::jobs::native_alert::{ALERTS, StoredAlert};
use crate::outbox::{self, Delivery, delivery_id};
use crate::routing;

/// Where the last report is.
const TWIN: &str = "native/twin";
/// How long Azure may take to tell of what its own figure has reached.
const TELLS_WITHIN: SignedDuration = SignedDuration::from_hours(48);
/// How long a finding is worth telling.
const WORTH_TELLING: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What the last comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TwinReport {
    /// When it was made; `None` before the first one.
    pub at: Option<Timestamp>,
    /// What is not as it should be, in the order of scopes and names.
    pub findings: Vec<TwinFinding>,
    /// Notifications that Azure's own figure has reached and that no alert is known of, by a key of
    /// theirs, since when.
    pub waiting: BTreeMap<String, Timestamp>,
}

/// One thing in which Azure's budget is not the twin of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TwinFinding {
    /// Stable while the period lasts.
    pub id: String,
    /// What it is about.
    pub kind: FindingKind,
    /// Where Azure's budget is.
    pub scope: Scope,
    /// Its name.
    pub name: String,
    /// Id of the budget that it follows.
    pub budget: String,
    /// Since when it is found.
    pub since: Timestamp,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Likely causes, the likeliest first.
    pub causes: Vec<String>,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// Spend to date differs.
    Spend,
    /// The forecast differs.
    Forecast,
    /// The currencies differ.
    Currency,
    /// Azure should have told and did not.
    MissingAlert,
}

impl From<Figure> for FindingKind {
    fn from(figure: Figure) -> FindingKind {
        match figure {
            Figure::Spend => FindingKind::Spend,
            Figure::Forecast => FindingKind::Forecast,
            Figure::Currency => FindingKind::Currency,
        }
    }
}

/// Compares Azure's budgets, as they were just read, with the last evaluation of those they follow.
///
/// # Errors
/// When the state cannot be read or written. Alerts of Azure that cannot be listed are logged, and
/// nothing is said to be missing.
pub async fn run(app: &App, live: &[Live]) -> anyhow::Result<TwinReport> {
    let now = app.now();
    let before = last(app).await?;
    let mut report = TwinReport {
        at: Some(now),
        ..TwinReport::default()
    };
    let mut alerts = Alerts::new(app);
    for (budget, status) in running(app).await? {
        for live in of_budget(app, budget, live) {
            let twin = Twin {
                budget,
                status: &status,
                live,
            };
            if is_main_part(app, budget, live) {
                twin.compare(app, now, &mut report);
            }
            twin.look_for_alerts(&before, now, &mut alerts, &mut report)
                .await?;
        }
    }
    for finding in &mut report.findings {
        let known = before.findings.iter().find(|known| known.id == finding.id);
        if let Some(known) = known {
            finding.since = known.since;
        } else {
            tracing::warn!(
                budget.id = finding.budget,
                scope = finding.scope.path(),
                finding = finding.message,
                "Azure's budget is not the twin of ours"
            );
        }
    }
    report.findings.sort_by(|left, right| {
        (&left.scope, &left.name, left.kind).cmp(&(&right.scope, &right.name, right.kind))
    });
    let written = json::update::<TwinReport, Error>(app.documents(), TWIN, |stored| {
        let is_newer = stored.is_some_and(|stored| stored.at > report.at);
        Ok((!is_newer).then(|| report.clone()))
    });
    written.await.context("write native/twin")?;
    tell(app, &report).await?;
    Ok(report)
}

/// What the last comparison found.
pub async fn last(app: &App) -> anyhow::Result<TwinReport> {
    let stored = json::get(app.documents(), TWIN).await;
    let stored = stored.context("read native/twin")?;
    Ok(stored.map(|(report, _)| report).unwrap_or_default())
}

/// The budgets that are kept in Azure and were evaluated in the period that runs today.
async fn running(app: &App) -> anyhow::Result<Vec<(&Budget, Status)>> {
    let config = app.config();
    let today = day_of(app.now());
    let mut running = Vec::new();
    for report in app.last_reports().await? {
        let kept = config.native.settings.contains_key(&report.budget);
        if let Some(budget) = config.budgets.get(&report.budget)
            && let Some(status) = report.status
            && kept
            && status.period.contains(today)
        {
            running.push((budget, status));
        }
    }
    Ok(running)
}

/// Azure's budgets that follow one of ours.
fn of_budget<'a>(app: &App, budget: &Budget, live: &'a [Live]) -> Vec<&'a Live> {
    let config = app.config();
    let Some(scope) = config.native.scope_of(&config.budgets, budget) else {
        return Vec::new();
    };
    let names = config.native.names();
    let there = live.iter().filter(|live| live.scope == scope);
    there
        .filter(|live| names.belongs(&live.budget.name, &live.origin, &budget.id))
        .collect()
}

/// Whether it is the first of the budgets that share the notifications; their figures are the same.
fn is_main_part(app: &App, budget: &Budget, live: &Live) -> bool {
    let settings = app.config().native.settings.get(&budget.id);
    let own = settings.and_then(|settings| settings.name.clone());
    let first = own.unwrap_or_else(|| native_budgets::native_name(&budget.id));
    live.budget.name.eq_ignore_ascii_case(&first)
}

/// One of Azure's budgets beside ours.
struct Twin<'a> {
    budget: &'a Budget,
    status: &'a Status,
    live: &'a Live,
}

impl Twin<'_> {
    fn compare(&self, app: &App, now: Timestamp, report: &mut TwinReport) {
        let config = app.config();
        let selectors = config.budgets.selectors(self.budget);
        let ours = Ours {
            status: self.status,
            is_filtered: selectors.len() > 1
                || selectors
                    .iter()
                    .any(|one| one.filter.is_some() || one.scopes.len() > 1),
            excludes: selectors.iter().any(|one| !one.exclude.is_empty()),
            begins_later: self.azure_begins() < self.status.period.start(),
        };
        let tolerance = config.native.tolerance;
        for gap in gaps(
            &self.live.budget,
            &ours,
            tolerance.percent,
            tolerance.amount,
        ) {
            let kind = FindingKind::from(gap.figure);
            report
                .findings
                .push(self.finding(kind, "", now, gap.message, gap.causes));
        }
    }

    /// The first day that Azure counts: that of the whole period, though ours may begin within it.
    fn azure_begins(&self) -> Date {
        let counted = self.status.period.start();
        let whole = self.budget.calendar.period_of(counted);
        whole.map_or(counted, |whole| whole.start())
    }

    fn finding(
        &self,
        kind: FindingKind,
        key: &str,
        since: Timestamp,
        message: String,
        causes: Vec<String>,
    ) -> TwinFinding {
        TwinFinding {
            id: self.id(&format!("{kind:?}/{key}")),
            kind,
            scope: self.live.scope.clone(),
            name: self.live.budget.name.clone(),
            budget: self.budget.id.clone(),
            since,
            message,
            causes,
        }
    }

    fn id(&self, what: &str) -> String {
        let mut hash = Sha256::new();
        let name = self.live.budget.name.to_lowercase();
        for part in [
            self.live.scope.folded(),
            &name,
            &self.status.period_key,
            what,
        ] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let digest = hash.finalize();
        digest.iter().take(10).map(|b| format!("{b:02x}")).collect()
    }

    /// Azure should tell of what its own figure has reached, within two days.
    async fn look_for_alerts(
        &self,
        before: &TwinReport,
        now: Timestamp,
        alerts: &mut Alerts<'_>,
        report: &mut TwinReport,
    ) -> anyhow::Result<()> {
        for (key, notification) in reached(&self.live.budget) {
            let id = self.id(&format!("reached/{key}"));
            let since = before.waiting.get(&id).copied().unwrap_or(now);
            report.waiting.insert(id, since);
            if now.duration_since(since) < TELLS_WITHIN {
                continue;
            }
            // Where Azure's alerts cannot be listed nobody knows, and nothing is said.
            if alerts.told(self, notification).await? != Some(false) {
                continue;
            }
            let percent = notification.threshold.normalize();
            let message = format!(
                "Azure's own figure has been at {percent} % or more since {} at the latest, and no \
                 alert of Azure is known of",
                day_of(since)
            );
            let causes = vec![
                "the mail addresses or action groups of the notification are wrong, or an action \
                 group is switched off"
                    .to_owned(),
                "the budget was created or changed after the threshold was reached, and Azure tells \
                 of a threshold once in a period"
                    .to_owned(),
                "Azure evaluates budgets about once a day, and this one not at all: look at it in \
                 the portal"
                    .to_owned(),
            ];
            let kind = FindingKind::MissingAlert;
            let finding = self.finding(kind, key, now, message, causes);
            report.findings.push(finding);
        }
        Ok(())
    }
}

/// The alerts that are known of: those that were posted to us, and those that Azure lists. Each is
/// asked for only when it is needed, and once.
struct Alerts<'a> {
    app: &'a App,
    posted: Option<Vec<StoredAlert>>,
    listed: BTreeMap<Scope, Option<Vec<CostAlert>>>,
}

impl<'a> Alerts<'a> {
    fn new(app: &'a App) -> Alerts<'a> {
        Alerts {
            app,
            posted: None,
            listed: BTreeMap::new(),
        }
    }

    /// Whether Azure told of a notification in this period; `None` if it cannot be found out.
    async fn told(
        &mut self,
        twin: &Twin<'_>,
        notification: &BudgetNotification,
    ) -> anyhow::Result<Option<bool>> {
        let name = &twin.live.budget.name;
        let start = twin.azure_begins();
        let posted = self.posted().await?;
        if posted.iter().any(|stored| {
            stored.alert.budget.eq_ignore_ascii_case(name)
                && stored
                    .alert
                    .scope
                    .as_ref()
                    .is_none_or(|at| *at == twin.live.scope)
                && !stored
                    .alert
                    .threshold_type
                    .eq_ignore_ascii_case("Forecasted")
                && day_of(stored.received_at) >= start
                && is_about(&stored.alert.threshold, twin, notification)
        }) {
            return Ok(Some(true));
        }
        let Some(listed) = self.listed(&twin.live.scope).await else {
            return Ok(None);
        };
        Ok(Some(listed.iter().any(|alert| {
            let details = alert.details.as_ref();
            let percent = details.and_then(|details| details.threshold_percent);
            let about = alert.cost_entity_id.rsplit('/').next().unwrap_or_default();
            let begun = details
                .and_then(|details| details.period_start_date)
                .or(alert.creation_time.map(day_of));
            about.eq_ignore_ascii_case(name)
                && !alert.kind.eq_ignore_ascii_case("BudgetForecast")
                && percent.is_none_or(|percent| percent == notification.threshold)
                && begun.is_none_or(|begun| begun >= start)
        })))
    }

    async fn posted(&mut self) -> anyhow::Result<&[StoredAlert]> {
        if self.posted.is_none() {
            let mut all = Vec::new();
            for key in self.app.documents().list(ALERTS).await? {
                let stored = json::get(self.app.documents(), &key).await?;
                all.extend(stored.map(|(alert, _)| alert));
            }
            self.posted = Some(all);
        }
        Ok(self.posted.as_deref().unwrap_or_default())
    }

    async fn listed(&mut self, scope: &Scope) -> Option<&[CostAlert]> {
        if !self.listed.contains_key(scope) {
            let list = async {
                let client = self.app.native_client()?;
                let list: Result<Vec<CostAlert>, _> = client.alerts(scope).try_collect().await;
                anyhow::Ok(list?)
            };
            let list = list.await.inspect_err(|error| {
                let error = format!("{error:#}");
                tracing::warn!(
                    scope = scope.path(),
                    error,
                    "Azure's alerts cannot be listed"
                );
            });
            self.listed.insert(scope.clone(), list.ok());
        }
        self.listed.get(scope)?.as_deref()
    }
}

/// Whether the text of a posted threshold is that of a notification: the amount or, as some pages
/// have it, a fraction. A text that cannot be read may be of any.
fn is_about(text: &str, twin: &Twin<'_>, notification: &BudgetNotification) -> bool {
    let digits: String = text
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    let (Ok(told), Some(amount)) = (digits.parse::<Decimal>(), twin.live.budget.amount) else {
        return true;
    };
    let share = notification.threshold / Decimal::ONE_HUNDRED;
    let limit = amount.saturating_mul(share);
    told == share || told.saturating_sub(limit).abs() <= limit / Decimal::ONE_HUNDRED
}

/// Puts one notice for each finding and recipient into the outbox, unless it was there before.
async fn tell(app: &App, report: &TwinReport) -> anyhow::Result<()> {
    let Some(fallback) = &app.config().fallback else {
        return Ok(());
    };
    for finding in &report.findings {
        for (destination, recipient) in routing::of_channel(app.config(), fallback) {
            let delivery = delivery(finding, &destination, recipient);
            if outbox::put(app.documents(), &delivery).await? {
                app.hint(&Hint::Deliver { destination }, SignedDuration::ZERO)
                    .await?;
            }
        }
    }
    Ok(())
}

fn delivery(finding: &TwinFinding, destination: &str, recipient: Option<String>) -> Delivery {
    let id = delivery_id(&finding.id, destination, recipient.as_deref(), "twin");
    let to = recipient.as_deref().unwrap_or(destination);
    let message = Message::Trouble {
        at: finding.since,
        title: format!("{}: Azure's own budget disagrees", finding.budget),
        lines: [finding.message.clone()]
            .into_iter()
            .chain(
                finding
                    .causes
                    .iter()
                    .map(|cause| format!("likely: {cause}")),
            )
            .collect(),
        advice: Some(format!(
            "look at the budget {} of {}; how far figures may be apart is set by tolerance_percent \
             and tolerance_amount in [native]",
            finding.name, finding.scope
        )),
    };
    let mut notice = Notice::new(&id, format!("twin/{}/{to}", finding.budget), message);
    notice.recipient.clone_from(&recipient);
    notice.reason_for_recipient = format!("because {destination} is the fallback destination");
    // It follows from the stored finding alone, so that it is one and the same in every run.
    let since = finding.since;
    let expires_at = since
        .saturating_add(WORTH_TELLING)
        .unwrap_or(Timestamp::MAX);
    Delivery::new(destination, notice, since, expires_at)
}
