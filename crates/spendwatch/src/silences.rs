//! Silences: crossings that people do not want to hear of for a while.
//!
//! A silence delays and never drops: what it matches is held until the silence ends, and nothing of it
//! is forgotten. It changes no alert. All silences are one document, so that whoever sends asks for
//! them with one read, and the limit on their number holds whoever writes at the same time.

use std::fmt;

use budget_engine::{AlertKey, Severity, ThresholdKind, Transition};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use state_store::{Documents, Error, json};

/// Where they are kept.
const KEY: &str = "silences/current";
/// The longest silence: 90 days. What is not wanted for longer belongs into the configuration.
pub(crate) const LONGEST: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How many silences may be in force or still to come.
pub(crate) const MOST_ACTIVE: usize = 1000;
/// Longest reason, in characters.
pub const LONGEST_REASON: usize = 500;
/// Longest name of who made or ended a silence, in characters.
pub(crate) const LONGEST_NAME: usize = 200;
/// How long one that is over is still listed.
const LISTED_AFTER: SignedDuration = SignedDuration::from_hours(35 * 24);

/// One silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Its id: 16 hexadecimal digits.
    pub id: String,
    /// What it matches.
    pub matcher: Matcher,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// Why: untrusted text.
    pub reason: String,
    /// Who made it: untrusted text.
    pub by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was ended early.
    pub ended_at: Option<Timestamp>,
    /// Who ended it: untrusted text.
    #[serde(default)]
    pub ended_by: Option<String>,
    /// Which link made it; a link makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// Which crossings a silence matches: all that is named here has to fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Matcher {
    /// Id of the budget, or a pattern with `*`, `?` and `[…]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<String>,
    /// Id of the threshold; of a repeating one all steps, or one: `every-5000#3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<String>,
    /// Kind of the threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ThresholdKind>,
    /// This severity, and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Name of the destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("budget", self.budget.as_deref()),
            ("threshold", self.threshold.as_deref()),
            ("kind", self.kind.map(ThresholdKind::as_str)),
            ("severity", self.severity.map(Severity::as_str)),
            ("destination", self.destination.as_deref()),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name} {}", value?)))
            .collect();
        f.write_str(&parts.join(", "))
    }
}

/// Where a silence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SilenceState {
    /// It has not begun.
    Coming,
    /// It holds notices back.
    Active,
    /// It is over.
    Over,
}

impl SilenceState {
    /// The word used in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            SilenceState::Coming => "coming",
            SilenceState::Active => "active",
            SilenceState::Over => "over",
        }
    }
}

impl Silence {
    /// Where it stands at a moment.
    pub fn state(&self, now: Timestamp) -> SilenceState {
        if self.ended_at.is_some_and(|ended| ended <= now) || self.until <= now {
            SilenceState::Over
        } else if now < self.from {
            SilenceState::Coming
        } else {
            SilenceState::Active
        }
    }

    /// Whether it is about this transition at this destination. Says nothing of time.
    pub fn matches(&self, destination: &str, transition: &Transition) -> bool {
        let is_named = self.matcher.destination.as_deref();
        is_named.is_none_or(|named| named == destination)
            && self.matcher.fits(
                &transition.status.budget,
                &transition.threshold,
                transition.kind,
                transition.severity,
            )
    }
}

impl Matcher {
    /// Whether an alert is meant, wherever it is told.
    pub fn fits(
        &self,
        budget: &str,
        threshold: &str,
        kind: ThresholdKind,
        severity: Severity,
    ) -> bool {
        let of_budget = self.is_about(budget);
        let of_threshold = self
            .threshold
            .as_deref()
            .is_none_or(|named| named == threshold || named == AlertKey::read(threshold).threshold);
        of_budget
            && of_threshold
            && self.kind.is_none_or(|named| named == kind)
            && self.severity.is_none_or(|named| named == severity)
    }

    /// Whether alerts of this budget may be meant.
    pub fn is_about(&self, budget: &str) -> bool {
        self.budget.as_deref().is_none_or(|pattern| {
            // Only good patterns are kept; a bad one means nothing but itself.
            glob::Pattern::new(pattern).map_or(pattern == budget, |pattern| pattern.matches(budget))
        })
    }

    fn check(&self) -> Result<(), NotSilenced> {
        if *self == Matcher::default() {
            return Err(NotSilenced::Everything);
        }
        let texts = [&self.budget, &self.threshold, &self.destination];
        if texts
            .into_iter()
            .flatten()
            .any(|text| text.is_empty() || text.chars().count() > LONGEST_NAME)
        {
            return Err(NotSilenced::Text(
                "budget, threshold and destination",
                LONGEST_NAME,
            ));
        }
        match self.budget.as_deref().map(glob::Pattern::new) {
            Some(Err(error)) => Err(NotSilenced::Pattern(error.msg)),
            _ => Ok(()),
        }
    }
}

/// A silence to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSilence {
    /// What it matches.
    pub matcher: Matcher,
    /// When it begins; at once if not set.
    pub from: Option<Timestamp>,
    /// When it ends.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Who makes it.
    pub by: String,
    /// By which link, if by one: it makes no second silence.
    pub link: Option<String>,
}

/// What to change about a silence. Its id stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SilenceEdit {
    /// Another reason.
    pub reason: Option<String>,
    /// Another end.
    pub until: Option<Timestamp>,
}

/// Why there is no such silence.
#[derive(Debug, thiserror::Error)]
pub enum NotSilenced {
    /// It would match everything.
    #[error(
        "the silence names nothing, so it would hold back everything: name a budget, threshold, kind, \
         severity or destination (budget `*` for all)"
    )]
    Everything,
    /// The pattern is none.
    #[error("the budget is not a pattern such as `payments-*`: {0}")]
    Pattern(&'static str),
    /// A text is missing or too long.
    #[error("{0}: expected 1 to {1} characters")]
    Text(&'static str, usize),
    /// It would end before it begins, or has ended.
    #[error("the silence would end at {until}, which is not after {after}")]
    TooShort {
        /// Its end.
        until: Timestamp,
        /// What it has to be after.
        after: Timestamp,
    },
    /// It is longer than allowed.
    #[error("a silence lasts at most 90 days, until {0} at the latest")]
    TooLong(Timestamp),
    /// There are too many.
    #[error("there are {MOST_ACTIVE} silences already: end some of them first")]
    TooMany,
    /// The link has made one before.
    #[error("this link has made the silence {id} already, which lasts until {until:.0}")]
    LinkUsed {
        /// Which.
        id: String,
        /// Until when it lasts, or lasted.
        until: Timestamp,
    },
    /// There is none of this id.
    #[error("there is no silence {0}")]
    Unknown(String),
    /// It is over.
    #[error("the silence {0} is over already")]
    Over(String),
    /// The store failed.
    #[error("the silences cannot be read or written")]
    Store(#[from] Error),
}

/// The document.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Silences {
    /// Layout; 1.
    version: u32,
    /// Oldest first.
    silences: Vec<Silence>,
}

/// The silences that hold notices back now.
///
/// # Errors
/// When the store fails. A document that cannot be read holds nothing back: noise is better than
/// silence that nobody asked for.
pub(crate) async fn active(store: &dyn Documents, now: Timestamp) -> anyhow::Result<Vec<Silence>> {
    let mut silences = match all(store).await {
        Err(error @ Error::Corrupt { .. }) => {
            tracing::error!(%error, "silences cannot be read, so none is in force");
            Vec::new()
        }
        silences => silences?,
    };
    silences.retain(|one| one.state(now) == SilenceState::Active);
    Ok(silences)
}

/// All silences that are known, oldest first; those that are over for five weeks.
pub(crate) async fn all(store: &dyn Documents) -> state_store::Result<Vec<Silence>> {
    let stored = json::get::<Silences>(store, KEY).await?;
    Ok(stored.map_or_else(Vec::new, |(document, _)| document.silences))
}

/// Makes a silence.
pub(crate) async fn create(
    store: &dyn Documents,
    new: NewSilence,
    now: Timestamp,
) -> Result<Silence, NotSilenced> {
    new.matcher.check()?;
    let from = new.from.unwrap_or(now).max(now);
    check_end(from, new.until, now)?;
    let silence = Silence {
        id: id(&new, now),
        from,
        until: new.until,
        reason: text("the reason", &new.reason, LONGEST_REASON)?,
        by: text("who makes it", &new.by, LONGEST_NAME)?,
        matcher: new.matcher,
        created_at: now,
        ended_at: None,
        ended_by: None,
        link: new.link,
    };
    write(store, now, |silences| {
        // The answer to our own first try may have been lost.
        if silences.iter().any(|one| one.id == silence.id) {
            return Ok(silence.clone());
        }
        let mut made = silences.iter();
        if let Some(made) = made.find(|one| one.link.is_some() && one.link == silence.link) {
            return Err(NotSilenced::LinkUsed {
                id: made.id.clone(),
                until: made.ended_at.unwrap_or(made.until),
            });
        }
        let open = silences.iter();
        let open = open.filter(|one| one.state(now) != SilenceState::Over);
        if open.count() >= MOST_ACTIVE {
            return Err(NotSilenced::TooMany);
        }
        silences.push(silence.clone());
        Ok(silence.clone())
    })
    .await
}

/// Changes the reason or the end of a silence that is not over.
pub(crate) async fn edit(
    store: &dyn Documents,
    id: &str,
    edit: &SilenceEdit,
    now: Timestamp,
) -> Result<Silence, NotSilenced> {
    let reason = edit.reason.as_deref();
    let reason = reason.map(|reason| text("the reason", reason, LONGEST_REASON));
    let reason = reason.transpose()?;
    write(store, now, |silences| {
        let silence = open(silences, id, now)?;
        if let Some(until) = edit.until {
            check_end(silence.from, until, now)?;
            silence.until = until;
        }
        if let Some(reason) = &reason {
            silence.reason.clone_from(reason);
        }
        Ok(silence.clone())
    })
    .await
}

/// Ends a silence at once.
pub(crate) async fn end(
    store: &dyn Documents,
    id: &str,
    by: &str,
    now: Timestamp,
) -> Result<Silence, NotSilenced> {
    let by = text("who ends it", by, LONGEST_NAME)?;
    write(store, now, |silences| {
        // The answer to our own first try may have been lost.
        let ours = silences.iter().find(|one| one.id == id);
        if let Some(ours) =
            ours.filter(|one| one.ended_at == Some(now) && one.ended_by.as_ref() == Some(&by))
        {
            return Ok(ours.clone());
        }
        let silence = open(silences, id, now)?;
        silence.ended_at = Some(now);
        silence.ended_by = Some(by.clone());
        Ok(silence.clone())
    })
    .await
}

fn open<'a>(
    silences: &'a mut [Silence],
    id: &str,
    now: Timestamp,
) -> Result<&'a mut Silence, NotSilenced> {
    let found = silences.iter_mut().find(|one| one.id == id);
    let found = found.ok_or_else(|| NotSilenced::Unknown(id.to_owned()))?;
    match found.state(now) {
        SilenceState::Over => Err(NotSilenced::Over(id.to_owned())),
        _ => Ok(found),
    }
}

/// Reads, changes and writes the document, and forgets what has been over for long.
async fn write(
    store: &dyn Documents,
    now: Timestamp,
    mut change: impl FnMut(&mut Vec<Silence>) -> Result<Silence, NotSilenced>,
) -> Result<Silence, NotSilenced> {
    let mut changed = None;
    json::update::<Silences, NotSilenced>(store, KEY, |stored| {
        let mut document = stored.cloned().unwrap_or_default();
        document.version = 1;
        let forgotten = now.saturating_sub(LISTED_AFTER).unwrap_or(Timestamp::MIN);
        let over = |one: &Silence| one.ended_at.unwrap_or(one.until).min(one.until);
        document.silences.retain(|one| over(one) > forgotten);
        changed = Some(change(&mut document.silences)?);
        Ok(Some(document))
    })
    .await?;
    changed.ok_or_else(|| NotSilenced::Unknown(String::new()))
}

fn check_end(from: Timestamp, until: Timestamp, now: Timestamp) -> Result<(), NotSilenced> {
    let after = from.max(now);
    if until <= after {
        return Err(NotSilenced::TooShort { until, after });
    }
    let latest = now.saturating_add(LONGEST).unwrap_or(Timestamp::MAX);
    if until > latest {
        return Err(NotSilenced::TooLong(latest));
    }
    Ok(())
}

fn text(what: &'static str, text: &str, most: usize) -> Result<String, NotSilenced> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > most {
        return Err(NotSilenced::Text(what, most));
    }
    Ok(text.to_owned())
}

/// The first 64 bits of SHA-256 over what was asked for and when: a repeated write finds itself.
fn id(new: &NewSilence, now: Timestamp) -> String {
    let mut hash = Sha256::new();
    let from = new.from.map(|from| from.to_string()).unwrap_or_default();
    for part in [
        &new.matcher.to_string(),
        &from,
        &new.until.to_string(),
        &new.reason,
        &new.by,
        &now.to_string(),
    ] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let bytes = hash.finalize();
    bytes
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use state_store::Memory;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn now() -> Timestamp {
        at("2026-11-12T08:00:00Z")
    }

    fn new(budget: &str, hours: i64) -> NewSilence {
        NewSilence {
            matcher: Matcher {
                budget: Some(budget.to_owned()),
                ..Matcher::default()
            },
            from: None,
            until: now() + SignedDuration::from_hours(hours),
            reason: "load test".to_owned(),
            by: "ada".to_owned(),
            link: None,
        }
    }

    #[test]
    fn a_matcher_means_all_that_it_names() {
        let fits = |matcher: Matcher| {
            matcher.fits(
                "payments-prod",
                "every-5000#3",
                ThresholdKind::Actual,
                Severity::Warning,
            )
        };
        let named = |text: &str| Some(text.to_owned());
        for (budget, expected) in [
            ("payments-prod", true),
            ("payments*", true),
            ("*prod", true),
            ("*", true),
            ("payments-pro?", true),
            ("payments", false),
            ("Payments*", false),
            ("shop*", false),
        ] {
            let matcher = Matcher {
                budget: named(budget),
                ..Matcher::default()
            };
            assert_eq!(fits(matcher), expected, "{budget}");
        }
        for (threshold, expected) in [
            ("every-5000", true),
            ("every-5000#3", true),
            ("every-5000#2", false),
            ("every", false),
        ] {
            let matcher = Matcher {
                threshold: named(threshold),
                ..Matcher::default()
            };
            assert_eq!(fits(matcher), expected, "{threshold}");
        }
        let of_kind = |kind, severity| Matcher {
            kind: Some(kind),
            severity: Some(severity),
            ..Matcher::default()
        };
        assert!(fits(of_kind(ThresholdKind::Actual, Severity::Warning)));
        assert!(!fits(of_kind(ThresholdKind::Forecast, Severity::Warning)));
        assert!(!fits(of_kind(ThresholdKind::Actual, Severity::Critical)));
    }

    #[tokio::test]
    async fn a_silence_is_in_force_from_its_beginning_to_its_end() {
        let store = Memory::new();
        let mut later = new("shop", 10);
        later.from = Some(now() + SignedDuration::from_hours(2));
        let first = create(&store, new("payments", 4), now()).await.unwrap();
        let second = create(&store, later, now()).await.unwrap();
        for (hours, expected) in [
            (0, vec![&first.id]),
            (1, vec![&first.id]),
            (2, vec![&first.id, &second.id]),
            (4, vec![&second.id]),
            (10, vec![]),
        ] {
            let then = now() + SignedDuration::from_hours(hours);
            let active = active(&store, then).await.unwrap();
            let ids: Vec<&String> = active.iter().map(|one| &one.id).collect();
            assert_eq!(ids, expected, "after {hours} hours");
        }
    }

    #[tokio::test]
    async fn ending_takes_effect_at_once_and_an_edit_keeps_the_id() {
        let store = Memory::new();
        let made = create(&store, new("payments", 4), now()).await.unwrap();
        let change = SilenceEdit {
            reason: Some("load test, second day".to_owned()),
            until: None,
        };
        let edited = edit(&store, &made.id, &change, now()).await.unwrap();
        let reason = "load test, second day".to_owned();
        assert_eq!(
            edited,
            Silence {
                reason,
                ..made.clone()
            }
        );
        let then = now() + SignedDuration::from_hours(1);
        let ended = end(&store, &made.id, "bob", then).await.unwrap();
        assert_eq!(ended.ended_by.as_deref(), Some("bob"));
        assert_eq!(active(&store, then).await.unwrap(), []);
        for refused in [
            end(&store, &made.id, "eve", then + SignedDuration::from_secs(1)).await,
            edit(&store, &made.id, &change, then).await,
        ] {
            assert!(matches!(refused, Err(NotSilenced::Over(_))), "{refused:?}");
        }
        let unknown = end(&store, "0000000000000000", "bob", then).await;
        assert!(matches!(unknown, Err(NotSilenced::Unknown(_))));
        assert_eq!(all(&store).await.unwrap(), [ended]);
    }

    #[tokio::test]
    async fn what_would_hold_back_everything_or_for_ever_is_refused() {
        let store = Memory::new();
        let days = |days: i64| new("shop", days * 24);
        let mut nameless = new("shop", 1);
        nameless.matcher = Matcher::default();
        let mut unreasoned = new("shop", 1);
        unreasoned.reason = " ".to_owned();
        let mut wordy = new("shop", 1);
        wordy.reason = "x".repeat(501);
        for (bad, words) in [
            (nameless, "names nothing"),
            (new("shop[", 1), "not a pattern"),
            (unreasoned, "the reason: expected 1 to 500"),
            (wordy, "the reason: expected 1 to 500"),
            (new("shop", 0), "would end at"),
            (days(91), "at most 90 days"),
        ] {
            let refused = create(&store, bad, now()).await.unwrap_err().to_string();
            assert!(refused.contains(words), "{refused}");
        }
        assert!(create(&store, days(90), now()).await.is_ok());
    }

    #[tokio::test]
    async fn there_are_no_more_than_a_thousand_and_old_ones_are_forgotten() {
        let store = Memory::new();
        let silence = |index: usize| Silence {
            link: None,
            id: format!("{index:016x}"),
            matcher: new("shop", 1).matcher,
            from: now(),
            until: now() + SignedDuration::from_hours(1),
            reason: "r".to_owned(),
            by: "b".to_owned(),
            created_at: now(),
            ended_at: None,
            ended_by: None,
        };
        let document = Silences {
            version: 1,
            silences: (0..MOST_ACTIVE - 1).map(silence).collect(),
        };
        json::create(&store, KEY, &document).await.unwrap();
        create(&store, new("shop", 2), now()).await.unwrap();
        let refused = create(&store, new("shop", 3), now()).await;
        assert!(matches!(refused, Err(NotSilenced::TooMany)));
        // What is over does not count, and five weeks later it is forgotten.
        let then = now() + SignedDuration::from_hours(2);
        create(&store, new("shop", 3), then).await.unwrap();
        assert_eq!(all(&store).await.unwrap().len(), MOST_ACTIVE + 1);
        let then = now() + SignedDuration::from_hours(36 * 24);
        let long = new("shop", 37 * 24);
        create(&store, long, then).await.unwrap();
        assert_eq!(all(&store).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn silences_that_cannot_be_read_hold_nothing_back() {
        let store = Memory::new();
        store.create(KEY, b"{".to_vec()).await.unwrap();
        assert_eq!(active(&store, now()).await.unwrap(), []);
        let refused = create(&store, new("shop", 1), now()).await;
        assert!(matches!(refused, Err(NotSilenced::Store(_))));
    }
}
