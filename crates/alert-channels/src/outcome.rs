//! What became of a notice, in terms of what to do next.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::untrusted;

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "result",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
#[must_use]
pub enum SendResult {
    /// The destination said that it stored or posted the notice. Finished.
    Delivered {
        /// What the destination calls it, if it said.
        provider_id: Option<String>,
    },
    /// The destination promised to try: a relay took the mail, a workflow was started. Finished.
    Accepted {
        /// What the destination calls it, if it said.
        provider_id: Option<String>,
    },
    /// The destination asks to wait. Park the whole destination; this is no failure.
    Throttled {
        /// Not before this.
        until: Timestamp,
    },
    /// Nothing was accepted; try again later.
    Transient {
        /// Why.
        failure: Failure,
        /// Not before this, if the destination said so.
        not_before: Option<Timestamp>,
    },
    /// The notice may have arrived. See [`UnknownPolicy`].
    Unknown {
        /// Why.
        failure: Failure,
    },
    /// This notice will never be accepted, at least for this recipient.
    RejectedMessage {
        /// Why.
        failure: Failure,
    },
    /// Credentials, address or permissions are wrong: nothing will be accepted until they change.
    RejectedDestination {
        /// Why.
        failure: Failure,
    },
}

/// Why an attempt did not succeed: a class to count by and a short text to read. Holds no URL, no
/// secret and no address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// To count by.
    pub class: Class,
    /// To read; at most 256 characters without control characters.
    pub detail: String,
}

/// Classes of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// No connection.
    Connect,
    /// The connection broke.
    Interrupted,
    /// Too slow.
    Timeout,
    /// No acceptable TLS: certificate, name, or STARTTLS missing.
    Tls,
    /// The address is one that must not be reached.
    Refused,
    /// Credentials or permissions.
    Auth,
    /// The place does not exist.
    NotFound,
    /// The place is gone for good.
    Gone,
    /// It points elsewhere; redirects are not followed.
    Redirect,
    /// The recipient does not exist or takes no mail.
    Recipient,
    /// Asked to come back later, as greylisting does.
    Deferred,
    /// The far side failed.
    Server,
    /// The payload is not understood.
    Invalid,
    /// The payload is too large.
    TooLarge,
    /// Refused as spam or by a rule.
    Policy,
    /// The far side does not speak the protocol.
    Protocol,
    /// The payload could not be made or stored on our side.
    Local,
}

impl Class {
    /// The word used in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Connect => "connect",
            Class::Interrupted => "interrupted",
            Class::Timeout => "timeout",
            Class::Tls => "tls",
            Class::Refused => "refused",
            Class::Auth => "auth",
            Class::NotFound => "not-found",
            Class::Gone => "gone",
            Class::Redirect => "redirect",
            Class::Recipient => "recipient",
            Class::Deferred => "deferred",
            Class::Server => "server",
            Class::Invalid => "invalid",
            Class::TooLarge => "too-large",
            Class::Policy => "policy",
            Class::Protocol => "protocol",
            Class::Local => "local",
        }
    }
}

impl Failure {
    /// A failure. The detail is made safe to store: one line, at most 256 characters.
    pub fn new(class: Class, detail: impl AsRef<str>) -> Self {
        Failure {
            class,
            detail: untrusted::capped(detail.as_ref(), 256, 1024),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class.as_str(), self.detail)
    }
}

impl SendResult {
    /// Whether nothing more is to be done.
    pub fn is_success(&self) -> bool {
        matches!(
            self,
            SendResult::Delivered { .. } | SendResult::Accepted { .. }
        )
    }

    /// Why it did not succeed.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            SendResult::Transient { failure, .. }
            | SendResult::Unknown { failure }
            | SendResult::RejectedMessage { failure }
            | SendResult::RejectedDestination { failure } => Some(failure),
            _ => None,
        }
    }

    /// The word used in logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            SendResult::Delivered { .. } => "delivered",
            SendResult::Accepted { .. } => "accepted",
            SendResult::Throttled { .. } => "throttled",
            SendResult::Transient { .. } => "transient",
            SendResult::Unknown { .. } => "unknown",
            SendResult::RejectedMessage { .. } => "rejected-message",
            SendResult::RejectedDestination { .. } => "rejected-destination",
        }
    }

    pub(crate) fn transient(class: Class, detail: impl AsRef<str>) -> Self {
        SendResult::Transient {
            failure: Failure::new(class, detail),
            not_before: None,
        }
    }

    pub(crate) fn unknown(class: Class, detail: impl AsRef<str>) -> Self {
        let failure = Failure::new(class, detail);
        SendResult::Unknown { failure }
    }

    pub(crate) fn message(class: Class, detail: impl AsRef<str>) -> Self {
        let failure = Failure::new(class, detail);
        SendResult::RejectedMessage { failure }
    }

    pub(crate) fn destination(class: Class, detail: impl AsRef<str>) -> Self {
        let failure = Failure::new(class, detail);
        SendResult::RejectedDestination { failure }
    }
}

/// What to do when nobody knows whether a notice arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownPolicy {
    /// Whether to send again.
    pub resend: Resend,
    /// How long to wait first.
    pub wait: Duration,
    /// Whether the second one is marked as a possible duplicate
    /// ([`Notice::maybe_duplicate`](crate::Notice::maybe_duplicate)).
    pub mark: bool,
}

/// Whether to send again after an unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resend {
    /// As after any failure: the receiver recognizes the id.
    Always,
    /// Once, and only what is worth a duplicate: alerts, corrections and troubles, not probes.
    OnceIfItMatters,
}

impl UnknownPolicy {
    /// For receivers that recognize a repetition by its id. The mark is for those that do not.
    pub const IDEMPOTENT: UnknownPolicy = UnknownPolicy {
        resend: Resend::Always,
        wait: Duration::from_secs(60),
        mark: true,
    };
    /// For receivers that make one of two with the same key. There is nothing to mark.
    pub const KEYED: UnknownPolicy = UnknownPolicy {
        resend: Resend::Always,
        wait: Duration::from_secs(60),
        mark: false,
    };
    /// For people: rather twice than not at all, but say so. Two minutes let a slow relay finish.
    pub const ONCE_MARKED: UnknownPolicy = UnknownPolicy {
        resend: Resend::OnceIfItMatters,
        wait: Duration::from_secs(120),
        mark: true,
    };
}
