//! Answer: what the holder of a link from a notice may see and do.

use std::fmt;

use alert_channels::{Message, Notice, text};
use budget_engine::{Acknowledgement, Ledger, NotAcknowledged, Transition};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use state_store::{Version, json};

use super::alerts::acknowledge::{self, Acknowledged, acknowledge};
use super::alerts::explain::{Explained, explain_known};
use super::alerts::find::{Known, NotFound, Wanted, find};
use super::evaluate::BudgetReport;
use super::silence;
use crate::answers::Subject;
use crate::app::App;
use crate::links::{BadLink, Permission, Purpose};
use crate::silences::{LONGEST, Matcher, NewSilence, NotSilenced, Silence};

/// What a good link leads to.
#[derive(Debug, Clone)]
pub struct Opened {
    /// What it permits.
    pub purpose: Purpose,
    /// The alert.
    pub known: Known,
    /// The notice that carried the link.
    pub notice: Transition,
    /// Whose link it is, for the record.
    pub who: String,
}

/// A notice in words, as every channel says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// What happened, in one sentence.
    pub headline: String,
    /// What must be known before the figures are believed.
    pub remarks: Vec<String>,
    /// The figures with their names.
    pub facts: Vec<(String, String)>,
}

impl Opened {
    /// What the notice said.
    pub fn words(&self) -> Words {
        let message = Message::Crossing(Box::new(self.notice.clone()));
        let wording = text::wording(&Notice::new("", "", message));
        let facts = wording.facts.into_iter();
        Words {
            headline: wording.headline,
            remarks: wording.remarks,
            facts: facts
                .map(|fact| (fact.label.to_string(), fact.value))
                .collect(),
        }
    }

    /// Whether an acknowledgement would count now, and if not, why. Changes nothing.
    ///
    /// # Errors
    /// When the alert is over, has fired again since this notice, or is acknowledged already.
    pub fn may_acknowledge(&self, now: Timestamp) -> Result<(), NotAcknowledged> {
        let rehearsed = Acknowledgement {
            at: now,
            by: self.who.clone(),
            note: None,
        };
        let sequence = Some(self.notice.sequence);
        let next = self
            .known
            .ledger
            .acknowledge(&self.known.alert.id, sequence, rehearsed);
        next.map(|_| ())
    }
}

/// How long a silence by link lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// Four hours.
    FourHours,
    /// A day.
    OneDay,
    /// Three days.
    ThreeDays,
    /// Until the period of the alert ends, but no longer than 90 days.
    Period,
}

impl Lasting {
    /// All, shortest first.
    pub const ALL: [Lasting; 4] = [
        Lasting::FourHours,
        Lasting::OneDay,
        Lasting::ThreeDays,
        Lasting::Period,
    ];

    /// The word in the form.
    pub fn as_str(self) -> &'static str {
        match self {
            Lasting::FourHours => "4h",
            Lasting::OneDay => "1d",
            Lasting::ThreeDays => "3d",
            Lasting::Period => "period",
        }
    }

    /// The choice of this word.
    pub fn parse(word: &str) -> Option<Lasting> {
        Lasting::ALL.into_iter().find(|one| one.as_str() == word)
    }

    fn until(self, notice: &Transition, now: Timestamp) -> Timestamp {
        let after = |hours| {
            let time = SignedDuration::from_hours(hours);
            now.saturating_add(time).unwrap_or(Timestamp::MAX)
        };
        match self {
            Lasting::FourHours => after(4),
            Lasting::OneDay => after(24),
            Lasting::ThreeDays => after(72),
            Lasting::Period => {
                let end = notice.status.period.end().to_zoned(TimeZone::UTC);
                let end = end.map_or(Timestamp::MAX, |end| end.timestamp());
                let latest = now.saturating_add(LONGEST).unwrap_or(Timestamp::MAX);
                // After its period an alert has nothing more to tell.
                end.min(latest).max(after(1))
            }
        }
    }
}

impl fmt::Display for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lasting::FourHours => "4 hours",
            Lasting::OneDay => "1 day",
            Lasting::ThreeDays => "3 days",
            Lasting::Period => "until the period ends",
        })
    }
}

/// Why a link does nothing.
#[derive(Debug, thiserror::Error)]
pub enum NotAnswered {
    /// Links are not in use here.
    #[error("answers by link are not set up here")]
    NoLinks,
    /// The link is not ours, not for this, or not good any more.
    #[error(transparent)]
    BadLink(#[from] BadLink),
    /// What it is about is gone.
    #[error("what this link is about is not known any more")]
    Gone,
    /// The alert is not acknowledged by it.
    #[error(transparent)]
    Refused(acknowledge::Refusal),
    /// No silence was made.
    #[error(transparent)]
    NotSilenced(NotSilenced),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] anyhow::Error),
}

/// Checks a link and gives what it is for. Changes nothing.
///
/// # Errors
/// When links are not set up, the link is not good, or what it is about is gone.
pub async fn open(app: &App, permission: &Permission) -> Result<Opened, NotAnswered> {
    let signer = app.answers().ok_or(NotAnswered::NoLinks)?;
    if permission.purpose == Purpose::ApproveAction {
        return Err(BadLink::Forged.into());
    }
    signer.check(permission, app.now())?;
    let subject = Subject::parse(&permission.about).ok_or(NotAnswered::Gone)?;
    let known = match find(app, &wanted(&subject)).await {
        Ok(known) => known,
        Err(NotFound::Store(error)) => return Err(error.into()),
        Err(_) => return Err(NotAnswered::Gone),
    };
    let transitions = known.ledger.transitions.iter();
    let mut notices = transitions.filter(|one| one.alert == subject.alert);
    let notice = notices
        .find(|one| one.sequence == subject.sequence)
        .cloned();
    let notice = notice.ok_or(NotAnswered::Gone)?;
    Ok(Opened {
        purpose: permission.purpose,
        who: holder(&known.ledger, &permission.delivery),
        known,
        notice,
    })
}

fn wanted(subject: &Subject) -> Wanted {
    Wanted {
        alert: subject.alert.clone(),
        budget: Some(subject.budget.clone()),
        period: Some(subject.period_key.clone()),
    }
}

/// Whose link it is: whoever has the notice, and that is all that is known.
fn holder(ledger: &Ledger, delivery: &str) -> String {
    let routes = ledger.transitions.iter();
    let mut routes = routes.flat_map(|one| one.route.iter().flatten());
    match routes.find(|one| one.id == delivery) {
        Some(route) => {
            let to = route.recipient.as_deref();
            let kind = if to.is_some() { "mail link" } else { "link" };
            format!(
                "holder of the {kind} of {}",
                to.unwrap_or(&route.destination)
            )
        }
        None => "holder of a link".to_owned(),
    }
}

/// Acknowledges the alert of a link.
///
/// # Errors
/// As [`open`], and when the alert is not to be acknowledged: the second hears who was first.
pub async fn acknowledge_by_link(
    app: &App,
    permission: &Permission,
    note: Option<&str>,
) -> Result<Acknowledged, NotAnswered> {
    let opened = open_for(app, permission, Purpose::Acknowledge).await?;
    let Opened {
        known, notice, who, ..
    } = &opened;
    let wanted = Wanted {
        alert: known.alert.id.clone(),
        budget: Some(known.ledger.budget.clone()),
        period: Some(known.ledger.period_key.clone()),
    };
    let sequence = Some(notice.sequence);
    match acknowledge(app, &wanted, sequence, who, note).await {
        Ok(acknowledged) => Ok(acknowledged),
        Err(acknowledge::Refusal::Store(error)) => Err(error.into()),
        Err(refused) => Err(NotAnswered::Refused(refused)),
    }
}

/// Holds back the notices of the budget's threshold that a link is about, wherever they go.
///
/// # Errors
/// As [`open`], and when the silence is not allowed.
pub async fn silence_by_link(
    app: &App,
    permission: &Permission,
    lasting: Lasting,
    reason: &str,
) -> Result<Silence, NotAnswered> {
    let Opened {
        known, notice, who, ..
    } = open_for(app, permission, Purpose::Silence).await?;
    let new = NewSilence {
        matcher: Matcher {
            // An id holds no character that a pattern would take for something else.
            budget: Some(known.ledger.budget.clone()),
            threshold: Some(known.alert.threshold.clone()),
            ..Matcher::default()
        },
        from: None,
        until: lasting.until(&notice, app.now()),
        reason: reason.to_owned(),
        by: who,
        link: Some(permission.delivery.clone()),
    };
    match silence::create(app, new).await {
        Ok(silence) => Ok(silence),
        Err(NotSilenced::Store(error)) => Err(anyhow::Error::new(error).into()),
        Err(refused) => Err(NotAnswered::NotSilenced(refused)),
    }
}

async fn open_for(
    app: &App,
    permission: &Permission,
    purpose: Purpose,
) -> Result<Opened, NotAnswered> {
    if permission.purpose != purpose {
        return Err(BadLink::Forged.into());
    }
    open(app, permission).await
}

/// What an alert rests on, for the holder of a link.
///
/// # Errors
/// When the store fails.
pub async fn explain(app: &App, opened: &Opened) -> anyhow::Result<Explained> {
    explain_known(app, &opened.known).await
}

/// Where the budget of an alert stands, as of its last evaluation; `None` before there is one.
///
/// # Errors
/// When the store fails.
pub async fn status(app: &App, opened: &Opened) -> anyhow::Result<Option<BudgetReport>> {
    let key = format!("status/{}", opened.known.ledger.budget);
    let stored: Option<(BudgetReport, Version)> = json::get(app.documents(), &key).await?;
    Ok(stored.map(|(report, _)| report))
}
