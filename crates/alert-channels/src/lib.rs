//! Channels: how a notice reaches somebody. Mail, chat, incidents, signed webhooks and Azure's message
//! services behind one trait.
//!
//! A channel turns a [`Notice`] into its own payload with a pure function and sends it once; the
//! [`SendResult`] says what became of it in terms of what to do next. This crate does not decide
//! who is told or when, does not store, and never retries by itself: one call of
//! [`Channel::send`] is one attempt.
//!
//! ```
//! use alert_channels::{Channel, Kind, Message, Notice, slack::Slack, http::{Access, Http}};
//!
//! let slack = Slack::new(
//!     &Http::new().unwrap(),
//!     &"https://hooks.slack.example/services/T0/B0/x".into(),
//!     Access::public(),
//! )
//! .unwrap();
//! let notice = Notice::new(
//!     "d4c1",
//!     "probe",
//!     Message::Probe { at: "2026-05-14T06:00:00Z".parse().unwrap(), from: "contoso".into() },
//! );
//! let payload = slack.render(&notice).unwrap();
//! assert_eq!((slack.kind(), payload.extension), (Kind::Slack, "json"));
//! assert!(String::from_utf8(payload.bytes).unwrap().contains("A test from contoso"));
//! ```
//!
//! # Rules that hold for every channel
//!
//! * Names and tags come from cost data and are hostile until shown otherwise: [`untrusted`] makes
//!   them canonical, and each channel puts them only where nothing is interpreted.
//! * An HTTP channel connects only where its [`http::Access`] allows, whatever the URL or the name
//!   server says; it follows no redirect.
//! * Tokens of our own identity go to hosts of the one Azure service that they are for, by `https`
//!   ([`tokens`]).
//! * URLs, passwords, keys and tokens appear in no `Debug`, no error and no [`SendResult`].
//! * A reply that never came is [`SendResult::Unknown`], neither success nor failure; what to do
//!   then is the channel's [`UnknownPolicy`].

pub mod acs_email;
pub mod call;
pub mod cloud_event;
pub mod curves;
pub mod discord;
pub mod email;
pub mod event_grid;
pub mod folder;
pub mod google_chat;
pub mod guard;
pub mod http;
pub mod jira;
pub mod mattermost;
pub mod pagerduty;
pub mod samples;
pub mod slack;
pub mod slack_bot;
pub mod storage_queue;
pub mod teams;
pub mod text;
pub mod tokens;
pub mod untrusted;
pub mod webhook;

mod channel;
mod ids;
mod incident;
mod inert;
mod notice;
mod outcome;

#[cfg(test)]
mod payloads;
#[cfg(test)]
mod testing;

pub use channel::{Attempt, Channel, ConfigError, Kind, RenderError, Rendered};
pub use notice::{
    Because, Carried, Digest, DigestMove, DigestRow, DigestUnusual, FollowUp, Link, LinkKind,
    Message, Notice, Standing, Unevaluated, is_safe_link,
};
pub use outcome::{Class, Failure, Resend, SendResult, UnknownPolicy};
pub use text::Language;
