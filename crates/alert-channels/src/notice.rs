//! What is said: plain data that can be stored and rendered again.

use budget_engine::{Anomaly, Cause, Change, Money, Percent, Transition};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::text::Language;
use crate::untrusted::clean;

/// One notice for one destination, and for channels with recipients for one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Id of the delivery. The same on every attempt; shown in short in footers, and the source of
    /// `Message-ID` and `webhook-id`.
    pub id: String,
    /// What belongs together in a mail program: stable per budget, period and recipient or
    /// destination.
    pub thread: String,
    /// What happened.
    pub message: Message,
    /// The one recipient, for channels that have them.
    pub recipient: Option<String>,
    /// Whether an earlier attempt may have arrived.
    #[serde(default)]
    pub maybe_duplicate: bool,
    /// Name of the destination that it did not reach, so that it goes to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
    /// Whom it would have reached there, for channels that have recipients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of_recipient: Option<String>,
    /// Notices that were held back and are told of with this one, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<Carried>,
    /// What happens while nobody acknowledges it, as it was set when it was decided.
    #[serde(default, skip_serializing_if = "FollowUp::is_none")]
    pub follow_up: FollowUp,
    /// Conditions of other alerts of its thread that stood when it was decided, for kinds that
    /// [remember threads](crate::Kind::remembers_threads).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_open: Vec<String>,
    /// Where to go from here.
    #[serde(default)]
    pub links: Vec<Link>,
    /// Why this recipient gets it, to follow "You get this", where none of [`Because`] says it:
    /// `because you are an owner of payments-prod (tag cost-owner)`. English.
    #[serde(default)]
    pub reason_for_recipient: String,
    /// Why this recipient gets it; goes before [`Notice::reason_for_recipient`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Because>,
    /// The language of people's channels. What programs read is English always.
    #[serde(default)]
    pub language: Language,
}

/// What happens while nobody acknowledges a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FollowUp {
    /// Hours after which it comes again, and again; never if not set.
    pub remind_every_hours: Option<u32>,
    /// Hours after which others are told, once; never if not set.
    pub escalate_after_hours: Option<u32>,
}

impl FollowUp {
    /// Whether nothing happens.
    pub fn is_none(&self) -> bool {
        *self == FollowUp::default()
    }
}

/// Why a recipient gets a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Because {
    /// A tag of what the budget spends on names the address as owner.
    OwnerByTag {
        /// Id of the budget.
        budget: String,
    },
    /// The configuration names the address: as an owner, or among the recipients of a channel.
    Named {
        /// Id of the budget.
        budget: String,
    },
    /// Thresholds of the budget name the channel.
    Destination {
        /// Id of the budget.
        budget: String,
        /// Name of the channel.
        destination: String,
    },
    /// Somebody wants to see what a notice looks like: nothing of it happened.
    Sample,
    /// Several thresholds tell it something at a time.
    Several,
    /// It is an owner of budgets, or the settings of the digest name it.
    Digest {
        /// Name of the channel, if that is what they name.
        destination: Option<String>,
    },
    /// Nobody else would hear of it.
    Fallback {
        /// Name of the channel.
        destination: String,
    },
}

impl Because {
    /// The same with names in which nothing is hidden.
    pub(crate) fn cleaned(&self) -> Because {
        match self {
            Because::OwnerByTag { budget } => Because::OwnerByTag {
                budget: clean(budget),
            },
            Because::Named { budget } => Because::Named {
                budget: clean(budget),
            },
            Because::Destination {
                budget,
                destination,
            } => Because::Destination {
                budget: clean(budget),
                destination: clean(destination),
            },
            Because::Sample => Because::Sample,
            Because::Several => Because::Several,
            Because::Digest { destination } => Because::Digest {
                destination: destination.as_deref().map(clean),
            },
            Because::Fallback { destination } => Because::Fallback {
                destination: clean(destination),
            },
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Message {
    /// A threshold was crossed, or an earlier notice no longer holds.
    Crossing(Box<Transition>),
    /// More happened than the recipient gets single notices for: all of it, in
    /// [`Notice::carried`].
    Bundle {
        /// When the last of them was decided.
        at: Timestamp,
        /// How many notices the recipient gets in that time at most.
        allowance: u32,
        /// The time, in hours.
        hours: u32,
    },
    /// Where the budgets of a recipient stand, once a week.
    Digest(Box<Digest>),
    /// Somebody tests the destination.
    Probe {
        /// When.
        at: Timestamp,
        /// Which installation, in its own words.
        from: String,
    },
    /// The watcher itself needs attention: a destination that fails, a source that cannot be read.
    Trouble {
        /// When it was noticed.
        at: Timestamp,
        /// What is wrong, in one line.
        title: String,
        /// The particulars, one per line.
        #[serde(default)]
        lines: Vec<String>,
        /// What to do about it.
        #[serde(default)]
        advice: Option<String>,
    },
    /// Something is done, or is to be approved, because an amount of a budget is reached.
    Action {
        /// When it came to this.
        at: Timestamp,
        /// What, in one line.
        title: String,
        /// The particulars, one per line.
        #[serde(default)]
        lines: Vec<String>,
        /// What to do about it.
        #[serde(default)]
        advice: Option<String>,
    },
}

impl Message {
    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Message::Crossing(transition) => transition.at,
            Message::Digest(digest) => digest.at,
            Message::Bundle { at, .. }
            | Message::Probe { at, .. }
            | Message::Trouble { at, .. }
            | Message::Action { at, .. } => *at,
        }
    }
}

/// Where the budgets of one recipient stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Digest {
    /// When it was put together.
    pub at: Timestamp,
    /// Where budgets stand, worst first; those with nothing wrong come last.
    pub rows: Vec<DigestRow>,
    /// Budgets of which nothing is known, because they cannot be evaluated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unevaluated: Vec<Unevaluated>,
    /// How many more need a look than are listed.
    pub more: u32,
    /// How many budgets have nothing wrong and are not listed.
    pub fine: u32,
    /// Services that are new or have stopped, the largest changes first.
    pub moved: Vec<DigestMove>,
    /// Events of unusual cost of the week up to the last settled day, those that go on first, then
    /// the largest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unusual: Vec<DigestUnusual>,
    /// How many more there are than are listed.
    #[serde(default)]
    pub more_unusual: u32,
    /// How many of those days were checked, in all budgets together; 0 when none could be.
    #[serde(default)]
    pub days_checked: u32,
    /// In how many budgets.
    #[serde(default)]
    pub budgets_checked: u32,
}

/// One budget of a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DigestRow {
    /// Name of the budget: untrusted text.
    pub budget: String,
    /// The period in words.
    pub period_label: String,
    /// Spend to date.
    pub spent: Money,
    /// Planned amount.
    pub planned: Money,
    /// One as percent of the other.
    pub percent: Percent,
    /// The expected end as percent of the planned amount, if there is a forecast.
    pub forecast_percent: Option<Percent>,
    /// Whether earlier forecasts have been too far off for thresholds of the forecast to be told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub poor_forecast: bool,
    /// What is wrong.
    pub standing: Standing,
}

/// A budget that cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unevaluated {
    /// Name of the budget: untrusted text.
    pub budget: String,
    /// Why, in English: untrusted text.
    pub why: String,
}

/// Where a budget stands, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// The planned amount is spent.
    Over,
    /// It is expected to be.
    ExpectedOver,
    /// Its data are too old to tell.
    Stale,
    /// It is ahead of its plan.
    Ahead,
    /// Nothing is wrong.
    Fine,
}

/// A service that is new or has stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DigestMove {
    /// Name of the budget: untrusted text.
    pub budget: String,
    /// The service.
    pub service_name: String,
    /// New or stopped.
    pub cause: Cause,
    /// The change of its cost.
    pub change: Money,
}

/// An event of unusual cost in a budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DigestUnusual {
    /// Name of the budget: untrusted text.
    pub budget: String,
    /// The event, without what made it up.
    pub event: Anomaly,
}

/// A notice that another one tells of, because it was held back (a silence, quiet hours, too many
/// notices) or because the budget above tells of the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Carried {
    /// Id of its delivery, which ends as suppressed.
    pub delivery: String,
    /// Id of its alert.
    pub alert: String,
    /// When it was decided.
    pub at: Timestamp,
    /// Name of the budget: untrusted text.
    pub budget: String,
    /// The period in words.
    pub period_label: String,
    /// The condition.
    pub when: String,
    /// The conditions of lower thresholds that were crossed in the same step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// What happened.
    pub change: Change,
    /// Spend to date as percent of the planned amount, at that time.
    pub percent: Percent,
}

/// Where to go from a notice. Only `https` links are shown, and `http` to this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// A word or two. The word of a [`LinkKind`] is shown in the reader's language.
    pub title: String,
    /// Made by the application, never taken from cost data.
    pub url: String,
}

/// Whether an address may be in a notice: `https`, or `http` to this machine, where a trial has no
/// certificate.
pub fn is_safe_link(url: &Url) -> bool {
    let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

/// Where links of notices go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// What the budget's last evaluation said.
    Status,
    /// The costs in the provider's portal.
    Analysis,
    /// To say that one knows of an alert.
    Acknowledge,
    /// To hear of an alert later.
    Silence,
    /// Why an alert was decided.
    Explain,
    /// To let an action happen.
    Approve,
}

impl LinkKind {
    /// All.
    pub const ALL: [LinkKind; 6] = [
        LinkKind::Status,
        LinkKind::Analysis,
        LinkKind::Acknowledge,
        LinkKind::Silence,
        LinkKind::Explain,
        LinkKind::Approve,
    ];

    /// The English word, for [`Link::title`].
    pub fn as_str(self) -> &'static str {
        match self {
            LinkKind::Status => "Status",
            LinkKind::Analysis => "Cost analysis",
            LinkKind::Acknowledge => "Acknowledge",
            LinkKind::Silence => "Silence",
            LinkKind::Explain => "Explain",
            LinkKind::Approve => "Look and approve",
        }
    }

    /// The kind whose word is the title of a link.
    pub fn of(title: &str) -> Option<LinkKind> {
        let mut all = LinkKind::ALL.into_iter();
        all.find(|kind| kind.as_str() == title)
    }
}

impl Notice {
    /// A notice without recipient, links and reason.
    pub fn new(id: impl Into<String>, thread: impl Into<String>, message: Message) -> Self {
        Notice {
            id: id.into(),
            thread: thread.into(),
            message,
            recipient: None,
            maybe_duplicate: false,
            instead_of: None,
            instead_of_recipient: None,
            carried: Vec::new(),
            follow_up: FollowUp::default(),
            also_open: Vec::new(),
            links: Vec::new(),
            reason_for_recipient: String::new(),
            because: None,
            language: Language::default(),
        }
    }

    /// The id with nothing but letters, digits, `-` and `_`, for headers and file names: never
    /// empty, at most 64 characters.
    pub fn safe_id(&self) -> String {
        let safe: String = self
            .id
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '_' {
                    c
                } else {
                    '-'
                }
            })
            .take(64)
            .collect();
        if safe.is_empty() { "none".into() } else { safe }
    }

    /// The first characters of the id, for people to compare.
    pub fn short_id(&self) -> String {
        self.safe_id().chars().take(8).collect()
    }
}
