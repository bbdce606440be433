//! Digest: once a week each owner hears where their budgets stand, worst first.

use std::collections::{BTreeMap, BTreeSet};

use alert_channels::{
    Because, Digest, DigestMove, DigestRow, DigestUnusual, Message, Notice, Standing, Unevaluated,
};
use budget_engine::{Anomaly, Cause, Money, Percent, Status, days_between};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use state_store::{Error, json};

use crate::anomalies::week_to;
use crate::app::{App, Hint};
use crate::clock::day_of;
use crate::config::OWNERS;
use crate::jobs::evaluate::{BudgetReport, runs_on};
use crate::outbox::{self, Delivery, delivery_id};
use crate::routing;

/// How long a digest is worth sending; the next one comes in a week.
const WORTH_SENDING: SignedDuration = SignedDuration::from_hours(3 * 24);
/// How many budgets are listed.
const MOST_ROWS: usize = 25;
/// How many services are listed that are new or have stopped.
const MOST_MOVES: usize = 8;
/// How many events of unusual cost are listed.
const MOST_UNUSUAL: usize = 8;
/// From which pace on a budget is ahead of its plan, in percent.
const AHEAD: Decimal = Decimal::from_parts(110, 0, 0, false, 0);
/// How sure, in percent, it must be that a budget goes over.
const SURE: Decimal = Decimal::from_parts(80, 0, 0, false, 0);

/// Puts the digest of the week that begins an hour at `at` into the outbox, one for each recipient.
/// Repeating it makes the same ones, so that a kill in the middle loses none.
///
/// # Errors
/// When the state cannot be read or written.
pub async fn run(app: &App, notify: &[String], at: Timestamp) -> anyhow::Result<()> {
    let done = format!("digests/{}", at.as_second());
    if app.documents().get(&done).await?.is_some() {
        return Ok(());
    }
    let mut recipients: BTreeMap<(String, Option<String>), Listed> = BTreeMap::new();
    for report in app.last_reports().await? {
        let Some(budget) = app.config().budgets.get(&report.budget) else {
            continue;
        };
        if report.status.is_none() && !runs_on(budget, day_of(at)) {
            continue;
        }
        let known = report.status.as_ref().or(report.known.as_deref());
        let owners = known.map(|known| known.owners.clone()).unwrap_or_default();
        for name in notify {
            let places = match name.as_str() {
                OWNERS => routing::of_owners(app.config(), budget, &owners),
                channel => routing::of_channel(app.config(), channel),
            };
            let takes = |(destination, _): &(String, _)| {
                let channel = app.config().channels.get(destination);
                channel.is_some_and(|channel| channel.kind.kind().takes_actions())
            };
            for place in places.into_iter().filter(takes) {
                recipients.entry(place).or_default().add(&report);
            }
        }
    }
    for ((destination, recipient), listed) in recipients {
        let key = format!("digest/{}", at.as_second());
        let id = delivery_id(&key, &destination, recipient.as_deref(), "digest");
        let to = recipient.as_deref().unwrap_or(&destination);
        let message = Message::Digest(Box::new(digest(listed, at)));
        let mut notice = Notice::new(&id, format!("digest/{to}"), message);
        notice.recipient.clone_from(&recipient);
        notice.language = app.config().language_of(&destination, recipient.as_deref());
        notice.because = Some(Because::Digest {
            destination: recipient.is_none().then(|| destination.clone()),
        });
        let delivery = Delivery::new(&destination, notice, at, at.saturating_add(WORTH_SENDING)?);
        if outbox::put(app.documents(), &delivery).await? {
            app.hint(&Hint::Deliver { destination }, SignedDuration::ZERO)
                .await?;
        }
    }
    match json::create(app.documents(), &done, &app.now()).await {
        Ok(_) | Err(Error::Exists { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What one recipient hears of.
#[derive(Default)]
struct Listed {
    budgets: BTreeSet<String>,
    statuses: Vec<Status>,
    unevaluated: Vec<Unevaluated>,
}

impl Listed {
    fn add(&mut self, report: &BudgetReport) {
        if !self.budgets.insert(report.budget.clone()) {
            return;
        }
        match (&report.status, &report.problem) {
            (Some(status), _) => self.statuses.push(status.clone()),
            (None, Some(why)) => self.unevaluated.push(Unevaluated {
                budget: report.name.clone(),
                why: why.clone(),
            }),
            (None, None) => {}
        }
    }
}

fn digest(listed: Listed, at: Timestamp) -> Digest {
    let Listed {
        statuses,
        mut unevaluated,
        ..
    } = listed;
    let unlisted = unevaluated.len().saturating_sub(MOST_ROWS);
    unevaluated.truncate(MOST_ROWS);
    let mut rows: Vec<DigestRow> = statuses.iter().map(row).collect();
    rows.sort_by(|left, right| {
        let worst_first = left.standing.cmp(&right.standing);
        worst_first.then_with(|| right.percent.cmp(&left.percent))
    });
    let fine = |rows: &[DigestRow]| {
        let fine = rows.iter().filter(|row| row.standing == Standing::Fine);
        fine.count()
    };
    let (count, all_fine) = (rows.len(), fine(&rows));
    let more = (count - all_fine).saturating_sub(MOST_ROWS) + unlisted;
    rows.truncate(MOST_ROWS);
    let fine = u32::try_from(all_fine - fine(&rows)).unwrap_or(u32::MAX);
    let mut moved: Vec<DigestMove> = statuses.iter().flat_map(moves).collect();
    moved.sort_by_key(|one| std::cmp::Reverse(one.change.amount.abs()));
    moved.truncate(MOST_MOVES);
    let mut unusual: Vec<DigestUnusual> = statuses.iter().flat_map(events).collect();
    unusual.sort_by_key(|one| {
        let impact = one.event.impact.amount.abs();
        std::cmp::Reverse((one.event.is_open, impact))
    });
    let more_unusual = unusual.len().saturating_sub(MOST_UNUSUAL);
    unusual.truncate(MOST_UNUSUAL);
    let checked = statuses.iter().map(days_checked);
    let checked: Vec<u32> = checked.filter(|days| *days > 0).collect();
    Digest {
        at,
        rows,
        unevaluated,
        more: u32::try_from(more).unwrap_or(u32::MAX),
        fine,
        moved,
        unusual,
        more_unusual: u32::try_from(more_unusual).unwrap_or(u32::MAX),
        days_checked: checked.iter().sum(),
        budgets_checked: u32::try_from(checked.len()).unwrap_or(u32::MAX),
    }
}

/// The events of a budget that were not over before the week.
fn events(status: &Status) -> impl Iterator<Item = DigestUnusual> {
    let since = week_to(status.data.settled_to);
    let events = status.anomalies.iter().flat_map(|found| &found.incidents);
    let events = events.filter(move |event| event.is_open || event.last >= since);
    events.map(|event| DigestUnusual {
        budget: status.name.clone(),
        event: Anomaly {
            drivers: Vec::new(),
            ..event.clone()
        },
    })
}

/// How many days of the week were checked: settled days, which have no gaps.
fn days_checked(status: &Status) -> u32 {
    let since = week_to(status.data.settled_to);
    let checked = status.anomalies.as_ref().and_then(|found| found.checked);
    checked.map_or(0, |checked| {
        days_between(checked.start().max(since), checked.end())
    })
}

fn row(status: &Status) -> DigestRow {
    let share = |amount: Money| {
        let percent = amount.percent_of(status.planned).ok().flatten()?;
        Some(Percent(percent))
    };
    let forecast = status.forecast.as_ref();
    let score = forecast.and_then(|forecast| forecast.score);
    let poor_forecast = score.is_some_and(|score| score.held);
    let is_ahead = status.pace.is_some_and(|pace| pace.percent.0 >= AHEAD);
    let standing = if status.percent.0 >= Decimal::ONE_HUNDRED {
        Standing::Over
    } else if status.data.stale {
        Standing::Stale
    } else if !poor_forecast && forecast.is_some_and(|forecast| forecast.probability >= SURE) {
        Standing::ExpectedOver
    } else if is_ahead {
        Standing::Ahead
    } else {
        Standing::Fine
    };
    DigestRow {
        budget: status.name.clone(),
        period_label: status.period_label.clone(),
        spent: status.spent,
        planned: status.planned,
        percent: status.percent,
        forecast_percent: forecast.and_then(|forecast| share(forecast.mean)),
        poor_forecast,
        standing,
    }
}

fn moves(status: &Status) -> Vec<DigestMove> {
    let drivers = status.drivers.as_ref();
    // Without an earlier period everything would be new.
    let drivers = drivers.filter(|drivers| drivers.compared_with.is_some());
    let items = drivers.into_iter().flat_map(|drivers| &drivers.items);
    let moved = items.filter(|one| matches!(one.cause, Cause::New | Cause::Stopped));
    moved
        .map(|one| DigestMove {
            budget: status.name.clone(),
            service_name: one.service_name.clone(),
            cause: one.cause,
            change: one.change,
        })
        .collect()
}
