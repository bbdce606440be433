//! The links of a notice: what its reader can answer, and where to look.

use alert_channels::Link;
use azure_cost::Cloud;
use budget_engine::{Change, Scope, Transition};
use jiff::{SignedDuration, Timestamp};
use url::form_urlencoded::byte_serialize;

use crate::app::App;
use crate::config::{Config, SourceKind};
use crate::links::Purpose;

/// Which notice of which alert a link is about: `<budget>/<period>/<alert>-<sequence>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) budget: String,
    pub(crate) period_key: String,
    /// Id of the alert.
    pub(crate) alert: String,
    /// Number of the notice within the alert.
    pub(crate) sequence: u32,
}

impl Subject {
    pub(crate) fn of(transition: &Transition) -> Subject {
        Subject {
            budget: transition.status.budget.clone(),
            period_key: transition.status.period_key.clone(),
            alert: transition.alert.clone(),
            sequence: transition.sequence,
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Subject> {
        let mut parts = text.splitn(3, '/').map(str::to_owned);
        let (budget, period_key, notice) = (parts.next()?, parts.next()?, parts.next()?);
        let (alert, sequence) = notice.rsplit_once('-')?;
        Some(Subject {
            budget,
            period_key,
            alert: alert.to_owned(),
            sequence: sequence.parse().ok()?,
        })
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Subject {
            budget,
            period_key,
            alert,
            sequence,
        } = self;
        write!(f, "{budget}/{period_key}/{alert}-{sequence}")
    }
}

/// The links of the notice of a transition that one delivery carries. They depend on the
/// configuration, the transition and the delivery alone, so that a second pass makes the same ones.
pub(crate) fn links(app: &App, transition: &Transition, delivery: &str) -> Vec<Link> {
    let stands = transition.change.leaves_standing() && transition.change != Change::Acknowledged;
    let answers: &[(Purpose, &str)] = match stands {
        true => &[
            (Purpose::Acknowledge, "Acknowledge"),
            (Purpose::Silence, "Silence"),
            (Purpose::Explain, "Explain"),
            (Purpose::Status, "Status"),
        ],
        false => &[(Purpose::Explain, "Explain"), (Purpose::Status, "Status")],
    };
    let mut links = Vec::new();
    if let (Some(signer), Some(settings)) = (app.answers(), &app.config().links) {
        let subject = Subject::of(transition).to_string();
        let valid = SignedDuration::try_from(settings.valid).unwrap_or(SignedDuration::ZERO);
        let expires = transition.at.saturating_add(valid);
        let expires = expires.unwrap_or(Timestamp::MAX);
        links.extend(answers.iter().filter_map(|(purpose, title)| {
            let url = signer.link(*purpose, &subject, delivery, expires)?;
            Some(Link {
                title: (*title).to_owned(),
                url: url.into(),
            })
        }));
    }
    if let [scope] = &*transition.status.scopes {
        links.push(Link {
            title: "Cost analysis".to_owned(),
            url: cost_analysis(portal(app.config()), scope),
        });
    }
    links
}

/// Cost analysis of a scope in Azure's portal.
fn cost_analysis(portal: &str, scope: &Scope) -> String {
    let scope: String = byte_serialize(scope.path().as_bytes()).collect();
    format!(
        "https://{portal}/#blade/Microsoft_Azure_CostManagement/Menu/open/costanalysis/scope/{scope}"
    )
}

/// The portal of the cloud that costs are read from.
fn portal(config: &Config) -> &'static str {
    let clouds = config.sources.iter().find_map(|source| match &source.kind {
        SourceKind::Azure { connection, .. } | SourceKind::UsageAggregates { connection, .. } => {
            Some(connection.cloud)
        }
        SourceKind::Exports(exports) => Some(exports.cloud),
        SourceKind::Files { .. } | SourceKind::EnterpriseReporting(_) => None,
    });
    match clouds.unwrap_or_default() {
        Cloud::Public => "portal.azure.com",
        Cloud::UsGovernment => "portal.azure.us",
        Cloud::China => "portal.azure.cn",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_subject_reads_as_it_is_written() {
        let subject = Subject {
            budget: "payments-prod".to_owned(),
            period_key: "monthly-2026-11-01".to_owned(),
            alert: "2c7c18cee59d20de614d".to_owned(),
            sequence: 12,
        };
        assert_eq!(Subject::parse(&subject.to_string()), Some(subject));
        for bad in ["", "a/b", "a/b/c", "a/b/c-x", "a/b/c/d-0x1"] {
            assert_eq!(Subject::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_scope_leads_to_its_cost_analysis() {
        let scope = Scope::parse("/subscriptions/a/resourceGroups/pay(1)").unwrap();
        assert_eq!(
            cost_analysis("portal.azure.us", &scope),
            "https://portal.azure.us/#blade/Microsoft_Azure_CostManagement/Menu/open/costanalysis/\
             scope/%2Fsubscriptions%2Fa%2FresourceGroups%2Fpay%281%29"
        );
    }
}
