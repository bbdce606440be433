//! The quotas of Cost Management's query and forecast, told and enforced.
//!
//! A query costs one unit (QPU) per month of data. Units are counted over ten seconds, a minute
//! and an hour; requests over a minute, per scope. Each `ClientType` header has its own account.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use super::answer::Answer;
use super::state::lock;

/// How much may be asked; the defaults are the documented ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Units in ten seconds.
    pub units_in_10_seconds: u32,
    /// Units in a minute.
    pub units_in_minute: u32,
    /// Units in an hour.
    pub units_in_hour: u32,
    /// Requests in a minute at one scope.
    pub requests_in_minute: u32,
}

impl Default for Quota {
    fn default() -> Quota {
        Quota {
            units_in_10_seconds: 12,
            units_in_minute: 60,
            units_in_hour: 600,
            requests_in_minute: 4,
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// What was spent lately.
#[derive(Debug, Default)]
struct Account {
    units: VecDeque<(Instant, u32)>,
    requests: HashMap<String, VecDeque<(Instant, u32)>>,
}

/// All accounts.
#[derive(Debug)]
pub(super) struct Quotas {
    quota: Option<Quota>,
    accounts: Mutex<HashMap<String, Account>>,
}

/// What is told with an answer, or the answer that refuses.
pub(super) enum Charge {
    /// Headers of a success.
    Paid(Vec<(&'static str, String)>),
    /// The 429.
    Refused(Answer),
}

impl Quotas {
    pub(super) fn new(quota: Option<Quota>) -> Quotas {
        Quotas {
            quota,
            accounts: Mutex::default(),
        }
    }

    /// Charges a request at a scope to the account of a client type.
    pub(super) fn charge(&self, client_type: &str, scope: &str, units: u32) -> Charge {
        let Some(quota) = self.quota else {
            return Charge::Paid(Vec::new());
        };
        let now = Instant::now();
        let mut accounts = lock(&self.accounts);
        let account = accounts.entry(client_type.to_owned()).or_default();
        let windows = [
            (
                "QueriesPerHour",
                Duration::from_secs(3600),
                quota.units_in_hour,
            ),
            ("QueriesPerMin", MINUTE, quota.units_in_minute),
            (
                "QueriesPer10Sec",
                Duration::from_secs(10),
                quota.units_in_10_seconds,
            ),
        ];
        forget(&mut account.units, now, windows[0].1);
        let requests = account.requests.entry(scope.to_lowercase()).or_default();
        forget(requests, now, MINUTE);
        let waits =
            windows.map(|(_, window, limit)| wait(&account.units, now, window, limit, units));
        let unit_wait = waits.into_iter().flatten().max();
        let entity_wait = wait(requests, now, MINUTE, quota.requests_in_minute, 1);
        if unit_wait.is_some() || entity_wait.is_some() {
            return Charge::Refused(refuse(unit_wait, entity_wait));
        }
        account.units.push_back((now, units));
        requests.push_back((now, 1));
        let left = windows.map(|(name, window, limit)| {
            let left = limit.saturating_sub(spent(&account.units, now, window));
            format!("{name}:{left}")
        });
        let requests_left = quota
            .requests_in_minute
            .saturating_sub(spent(requests, now, MINUTE));
        let requests_left = format!("DefaultQuota:{requests_left}");
        Charge::Paid(vec![
            (
                "x-ms-ratelimit-microsoft.costmanagement-qpu-consumed",
                units.to_string(),
            ),
            (
                "x-ms-ratelimit-microsoft.costmanagement-qpu-remaining",
                left.join(","),
            ),
            (
                "x-ms-ratelimit-remaining-microsoft.costmanagement-entity-requests",
                requests_left.clone(),
            ),
            (
                "x-ms-ratelimit-remaining-microsoft.costmanagement-tenant-requests",
                "DefaultQuota:49".to_owned(),
            ),
            (
                "x-ms-ratelimit-remaining-microsoft.costmanagement-clienttype-requests",
                "DefaultQuota:1999".to_owned(),
            ),
        ])
    }
}

fn forget(spent: &mut VecDeque<(Instant, u32)>, now: Instant, window: Duration) {
    while spent.front().is_some_and(|(at, _)| now - *at >= window) {
        spent.pop_front();
    }
}

fn spent(list: &VecDeque<(Instant, u32)>, now: Instant, window: Duration) -> u32 {
    let recent = list.iter().filter(|(at, _)| now - *at < window);
    recent.map(|(_, units)| units).sum()
}

/// How long until there is room, if there is none now. What alone is more than the limit passes
/// when nothing else is counted, since it would never pass otherwise.
fn wait(
    list: &VecDeque<(Instant, u32)>,
    now: Instant,
    window: Duration,
    limit: u32,
    units: u32,
) -> Option<Duration> {
    let units = units.min(limit);
    let mut total = spent(list, now, window) + units;
    if total <= limit {
        return None;
    }
    for (at, freed) in list.iter().filter(|(at, _)| now - *at < window) {
        total = total.saturating_sub(*freed);
        if total <= limit {
            return Some(window - (now - *at));
        }
    }
    Some(window)
}

fn refuse(unit_wait: Option<Duration>, entity_wait: Option<Duration>) -> Answer {
    let seconds = |wait: Duration| wait.as_millis().div_ceil(1000).to_string();
    let body = json!({"error": {"code": "429", "message": "Too many requests. Please retry."}});
    let mut answer = Answer::json(&body).with_status(StatusCode::TOO_MANY_REQUESTS);
    if let Some(wait) = unit_wait {
        let name = "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after";
        answer = answer.with_header(name, &seconds(wait));
    }
    if let Some(wait) = entity_wait {
        let name = "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after";
        answer = answer.with_header(name, &seconds(wait));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paid(charge: Charge, header: &str) -> String {
        match charge {
            Charge::Paid(headers) => {
                let found = headers.into_iter().find(|(name, _)| name.contains(header));
                found.unwrap().1
            }
            Charge::Refused(answer) => panic!("{answer:?}"),
        }
    }

    fn refused(charge: Charge, header: &str) -> String {
        match charge {
            Charge::Refused(answer) => {
                let mut headers = answer.headers.iter();
                let found = headers.find(|(name, _)| name.as_str().contains(header));
                found.unwrap().1.to_str().unwrap().to_owned()
            }
            Charge::Paid(headers) => panic!("{headers:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn units_run_out_and_come_back() {
        let quotas = Quotas::new(Some(Quota::default()));
        let first = paid(quotas.charge("a", "/s/1", 10), "qpu-remaining");
        assert_eq!(
            first,
            "QueriesPerHour:590,QueriesPerMin:50,QueriesPer10Sec:2"
        );
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(
            refused(quotas.charge("a", "/s/2", 3), "qpu-retry-after"),
            "6"
        );
        // Another client type has an account of its own.
        assert_eq!(paid(quotas.charge("b", "/s/2", 3), "qpu-consumed"), "3");
        tokio::time::advance(Duration::from_secs(6)).await;
        let again = paid(quotas.charge("a", "/s/2", 3), "qpu-remaining");
        assert_eq!(
            again,
            "QueriesPerHour:587,QueriesPerMin:47,QueriesPer10Sec:9"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_scope_has_four_requests_a_minute() {
        let quotas = Quotas::new(Some(Quota::default()));
        for left in ["3", "2", "1", "0"] {
            let told = paid(quotas.charge("a", "/s/1", 1), "entity-requests");
            assert_eq!(told, format!("DefaultQuota:{left}"));
        }
        assert_eq!(
            refused(quotas.charge("a", "/S/1", 1), "entity-retry-after"),
            "60"
        );
        paid(quotas.charge("a", "/s/2", 1), "entity-requests");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_larger_than_the_quota_passes_alone() {
        let quotas = Quotas::new(Some(Quota::default()));
        paid(quotas.charge("a", "/s/1", 24), "qpu-consumed");
        assert_eq!(
            refused(quotas.charge("a", "/s/1", 1), "qpu-retry-after"),
            "10"
        );
    }
}
