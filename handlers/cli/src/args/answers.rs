//! Commands by which people answer alerts, and see what became of notices.

use budget_engine::{Severity, ThresholdKind};
use clap::{Args, Subcommand};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

const ALERT_HELP: &str = "Id of the alert, at least four characters of it, or budget/threshold";

#[derive(Debug, Args)]
pub(crate) struct Ack {
    #[arg(help = ALERT_HELP)]
    pub(crate) alert: String,
    /// What others should know, at most 500 characters
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Who knows of it [default: the user of this terminal]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Period of the alert, such as monthly-2026-11-01 [default: the newest]
    #[arg(long, value_name = "KEY")]
    pub(crate) period: Option<String>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Silence {
    #[command(subcommand)]
    pub(crate) verb: Option<SilenceVerb>,
    #[command(flatten)]
    pub(crate) new: NewSilence,
}

/// A silence to make: at least one of budget, threshold, kind, severity and destination.
#[derive(Debug, Args)]
pub(crate) struct NewSilence {
    /// Budgets that it is about: an id, or a pattern such as 'payments-*'
    #[arg(long, value_name = "PATTERN")]
    pub(crate) budget: Option<String>,
    /// Id of the threshold; of a repeating one all steps, or one such as every-5000#3
    #[arg(long, value_name = "ID")]
    pub(crate) threshold: Option<String>,
    /// Kind of the threshold: actual, forecast, pace, anomaly or stale
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub(crate) kind: Option<ThresholdKind>,
    /// This severity and no other: info, warning or critical
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    pub(crate) severity: Option<Severity>,
    /// Only at this destination: [channel.NAME]
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) destination: Option<String>,
    /// When it begins [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) from: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) end: End,
    /// Why, at most 500 characters
    #[arg(long, value_name = "TEXT", required = true)]
    pub(crate) reason: Option<String>,
    /// Who makes it [default: the user of this terminal]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
}

/// When a silence ends; after 90 days at the latest.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct End {
    /// When it ends: a time such as 2026-11-20T08:00:00Z, or the beginning of a day, UTC
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) until: Option<Timestamp>,
    /// How long it lasts, such as 90m, 4h or 3d
    #[arg(long = "for", value_name = "TIME", value_parser = length)]
    pub(crate) lasts: Option<SignedDuration>,
}

impl End {
    /// The moment, counted from a beginning.
    pub(crate) fn after(&self, from: Timestamp) -> Option<Timestamp> {
        let lasts = self.lasts.and_then(|lasts| from.saturating_add(lasts).ok());
        self.until.or(lasts)
    }
}

/// What is done with a silence that is there.
#[derive(Debug, Subcommand)]
pub(crate) enum SilenceVerb {
    /// List silences: those to come, those in force, and those over for up to five weeks
    List,
    /// End a silence at once; what it held back is sent
    End {
        /// Id of the silence
        id: String,
        /// Who ends it [default: the user of this terminal]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Change the reason or the end of a silence; its id stays
    Edit {
        /// Id of the silence
        id: String,
        /// Another reason
        #[arg(long, value_name = "TEXT", required_unless_present = "until")]
        reason: Option<String>,
        /// Another end: a time, or the beginning of a day, UTC
        #[arg(long, value_name = "TIME", value_parser = moment)]
        until: Option<Timestamp>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[arg(help = ALERT_HELP)]
    pub(crate) alert: String,
    /// Period of the alert, such as monthly-2026-11-01 [default: the newest]
    #[arg(long, value_name = "KEY")]
    pub(crate) period: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Deliveries {
    /// Only to this destination: [channel.NAME]
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) destination: Option<String>,
    /// Only those that this became of
    // Not `--state`, which says for every command where decisions are kept.
    #[arg(long, value_name = "FATE", value_parser = spendwatch::DeliveryState::WORDS)]
    pub(crate) fate: Option<String>,
    /// Only about this budget
    #[arg(long, value_name = "BUDGET")]
    pub(crate) budget: Option<String>,
    /// Only decided since then: a time, or the beginning of a day, UTC [default: 30 days ago]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<Timestamp>,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let day = text.parse::<Date>().ok().filter(|_| text.len() == 10);
    let midnight = day.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    midnight
        .map(|midnight| midnight.timestamp())
        .or_else(|| text.parse().ok())
        .ok_or_else(|| "expected a time such as 2026-11-20T08:00:00Z or a date".to_owned())
}

fn length(text: &str) -> Result<SignedDuration, String> {
    let days = text
        .strip_suffix('d')
        .and_then(|days| days.parse::<u16>().ok());
    let days = days.map(|days| SignedDuration::from_hours(i64::from(days) * 24));
    days.or_else(|| text.parse().ok())
        .filter(|time| *time >= SignedDuration::from_mins(1))
        .ok_or_else(|| "expected a time of at least a minute, such as 90m, 4h or 3d".to_owned())
}

fn kind(text: &str) -> Result<ThresholdKind, String> {
    let mut kinds = ThresholdKind::ALL.into_iter();
    kinds
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| "expected actual, forecast, pace, anomaly or stale".to_owned())
}

fn severity(text: &str) -> Result<Severity, String> {
    let mut severities = Severity::ALL.into_iter();
    severities
        .find(|severity| severity.as_str() == text)
        .ok_or_else(|| "expected info, warning or critical".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_may_be_days_and_moments_may_be_dates() {
        assert_eq!(length("3d"), Ok(SignedDuration::from_hours(72)));
        assert_eq!(length("90m"), Ok(SignedDuration::from_mins(90)));
        for bad in ["", "d", "-1d", "0d", "30s", "4"] {
            assert!(length(bad).is_err(), "{bad}");
        }
        let midnight = "2026-11-20T00:00:00Z".parse().unwrap();
        assert_eq!(moment("2026-11-20"), Ok(midnight));
        assert_eq!(moment("2026-11-20T01:00:00+01:00"), Ok(midnight));
        for bad in ["", "20.11.2026", "2026-11-20T08:00", "tomorrow"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }
}
