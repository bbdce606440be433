//! Cost Management's quotas: how much may still be asked, and when again.
//!
//! Query and forecast are charged in query processing units (QPU), one for each month of data
//! asked for: 12 in 10 seconds, 60 in a minute, 600 in an hour for each tenant and client type.
//! A scope ("entity") may be asked 4 times a minute. The numbers are those of the documentation;
//! where it contradicts itself, the lowest. Answers tell what is left, and that overrules our own
//! count, since other programs spend from the same quotas.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

use crate::retry::{LONGEST_WAIT, wait_in};

/// Quotas of Cost Management, shared by all clients that are made with them.
///
/// They are counted by tenant and by client type, which is how Azure counts them, so clients for
/// several tenants may share one value. Cheap to clone; clones share the counts.
#[derive(Debug, Clone, Default)]
pub struct Quotas {
    meters: Arc<Mutex<HashMap<Meter, Count>>>,
}

/// What a request counts against.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Meters {
    /// Query processing units; 0 for requests that are not charged in them.
    pub(crate) units: u32,
    /// The scope that is asked, in lower case; empty for requests without a quota by scope.
    pub(crate) entity: String,
}

impl Meters {
    /// A query or forecast of so many months of data at a scope.
    pub(crate) fn query(entity: &str, months: u32) -> Meters {
        Meters {
            units: months.clamp(1, 12),
            entity: entity.to_owned(),
        }
    }
}

/// Who asks, as Azure tells callers apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Caller {
    pub(crate) tenant: String,
    pub(crate) client_type: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Meter {
    Units(Caller),
    Entity(Caller, String),
    /// Whatever else was throttled: the tenant, the client or its type.
    Caller(Caller),
}

#[derive(Debug)]
struct Count {
    windows: Vec<Window>,
    /// Until when the service wants no requests.
    closed_until: Option<Instant>,
}

/// A quota has no room for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full {
    /// From when it may have room.
    pub(crate) opens: Instant,
    /// Why not now, in words.
    pub(crate) reason: &'static str,
}

#[derive(Debug)]
struct Window {
    /// What it allows, in words.
    rule: &'static str,
    /// The part of the header that tells what is left in it.
    name: &'static str,
    length: Duration,
    limit: u32,
    /// What was spent and when, the oldest first; with what the service said was left.
    spent: VecDeque<(Instant, u32)>,
    told: Option<(Instant, u32)>,
}

impl Window {
    fn new(name: &'static str, seconds: u64, limit: u32, rule: &'static str) -> Window {
        Window {
            rule,
            name,
            length: Duration::from_secs(seconds),
            limit,
            spent: VecDeque::new(),
            told: None,
        }
    }

    fn forget(&mut self, now: Instant) {
        let is_old = |at: Instant| now.saturating_duration_since(at) >= self.length;
        while self.spent.front().is_some_and(|(at, _)| is_old(*at)) {
            self.spent.pop_front();
        }
        self.told = self.told.filter(|(at, _)| !is_old(*at));
    }

    /// The moment from which `cost` more fits; the larger costs of one request than the whole
    /// window holds fit when the window is empty.
    fn opens(&mut self, cost: u32, now: Instant) -> Full {
        self.forget(now);
        let full = |opens, reason| Full { opens, reason };
        if let Some((at, left)) = self.told {
            let since = self.spent.iter().filter(|(spent, _)| *spent > at);
            let since: u32 = since.map(|(_, cost)| *cost).sum();
            let opens = if since + cost <= left || (since == 0 && left > 0) {
                now
            } else {
                // What was spent before is not known one by one: wait until all of it is over.
                at + self.length
            };
            return full(opens, "Azure says that its quota of queries is used up");
        }
        let mut total: u32 = self.spent.iter().map(|(_, cost)| *cost).sum();
        let mut opens = now;
        for (at, cost_then) in &self.spent {
            if total + cost <= self.limit || total == 0 {
                break;
            }
            total -= cost_then;
            opens = *at + self.length;
        }
        full(opens, self.rule)
    }
}

const TEN_SECONDS: &str = "Azure allows queries of 12 months of data in 10 seconds";
const MINUTE: &str = "Azure allows queries of 60 months of data in a minute";
const HOUR: &str = "Azure allows queries of 600 months of data in an hour";
const SCOPE: &str = "Azure allows 4 queries of one scope a minute";
const ASKED: &str = "Azure asks for it";

impl Count {
    fn of(meter: &Meter) -> Count {
        let windows = match meter {
            Meter::Units(_) => vec![
                Window::new("queriesper10sec", 10, 12, TEN_SECONDS),
                Window::new("queriespermin", 60, 60, MINUTE),
                Window::new("queriesperhour", 3600, 600, HOUR),
            ],
            Meter::Entity(..) => vec![Window::new("defaultquota", 60, 4, SCOPE)],
            Meter::Caller(_) => Vec::new(),
        };
        Count {
            windows,
            closed_until: None,
        }
    }

    /// What of it opens last, if any is full.
    fn full(&mut self, cost: u32, now: Instant) -> Option<Full> {
        let windows = self
            .windows
            .iter_mut()
            .map(|window| window.opens(cost, now));
        let closed = self.closed_until.map(|opens| Full {
            opens,
            reason: ASKED,
        });
        let full = windows.chain(closed).filter(|full| full.opens > now);
        full.max_by_key(|full| full.opens)
    }

    fn spend(&mut self, cost: u32, now: Instant) {
        for window in &mut self.windows {
            window.spent.push_back((now, cost));
        }
    }
}

impl Quotas {
    /// Quotas of which nothing is spent yet.
    pub fn new() -> Quotas {
        Quotas::default()
    }

    /// Takes what a request costs, if it fits now; else says from when it may fit, and why.
    pub(crate) fn take(&self, caller: &Caller, wanted: &Meters, now: Instant) -> Result<(), Full> {
        let costs = costs(caller, wanted);
        if costs.is_empty() {
            return Ok(());
        }
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        let full = costs.iter().filter_map(|(meter, cost)| {
            let count = meters
                .entry(meter.clone())
                .or_insert_with(|| Count::of(meter));
            count.full(*cost, now)
        });
        if let Some(full) = full.max_by_key(|full| full.opens) {
            return Err(full);
        }
        for (meter, cost) in costs {
            if let Some(count) = meters.get_mut(&meter) {
                count.spend(cost, now);
            }
        }
        Ok(())
    }

    /// Learns from an answer's headers what is left, and what is closed until when.
    pub(crate) fn learn(
        &self,
        caller: &Caller,
        wanted: &Meters,
        headers: &HeaderMap,
        now: Instant,
    ) {
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        for (meter, _) in costs(caller, wanted) {
            let count = meters
                .entry(meter.clone())
                .or_insert_with(|| Count::of(&meter));
            for (name, value) in headers {
                let Ok(value) = value.to_str() else { continue };
                let name = name.as_str();
                if name.ends_with("retry-after") && is_about(name, &meter) {
                    let wait = wait_in(name, value, jiff::Timestamp::now());
                    let until = wait.map(|wait| now + wait.min(LONGEST_WAIT));
                    count.closed_until = count.closed_until.max(until);
                } else if tells_what_is_left(name, &meter) {
                    for (window, left) in named_numbers(value) {
                        let named = count.windows.iter_mut();
                        for known in named.filter(|known| known.name == window) {
                            known.told = Some((now, left));
                        }
                    }
                }
            }
        }
    }
}

fn costs(caller: &Caller, wanted: &Meters) -> Vec<(Meter, u32)> {
    let mut costs = Vec::new();
    if wanted.units > 0 {
        costs.push((Meter::Units(caller.clone()), wanted.units));
    }
    if !wanted.entity.is_empty() {
        costs.push((Meter::Entity(caller.clone(), wanted.entity.clone()), 1));
    }
    if !costs.is_empty() {
        costs.push((Meter::Caller(caller.clone()), 1));
    }
    costs
}

/// Whether a `…-retry-after` header of Cost Management throttles by this meter.
fn is_about(name: &str, meter: &Meter) -> bool {
    let by = |word: &str| name.ends_with(&format!("-{word}-retry-after"));
    match meter {
        Meter::Units(_) => by("qpu"),
        Meter::Entity(..) => by("entity"),
        Meter::Caller(_) => by("tenant") || by("client") || by("clienttype"),
    }
}

fn tells_what_is_left(name: &str, meter: &Meter) -> bool {
    match meter {
        Meter::Units(_) => name.ends_with("costmanagement-qpu-remaining"),
        Meter::Entity(..) => name.ends_with("costmanagement-entity-requests"),
        Meter::Caller(_) => false,
    }
}

/// Reads `QueriesPerHour:597,QueriesPerMin:57`, names in lower case; what is no number is left out.
fn named_numbers(value: &str) -> impl Iterator<Item = (String, u32)> {
    value.split(',').filter_map(|part| {
        let (name, number) = part.split_once(':')?;
        Some((
            name.trim().to_ascii_lowercase(),
            number.trim().parse().ok()?,
        ))
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn caller() -> Caller {
        Caller {
            tenant: "t".to_owned(),
            client_type: "spendwatch".to_owned(),
        }
    }

    /// Takes, or says from when it may fit.
    fn take(quotas: &Quotas, wanted: &Meters, now: Instant) -> Result<(), Instant> {
        take_as(quotas, &caller(), wanted, now)
    }

    fn take_as(
        quotas: &Quotas,
        caller: &Caller,
        wanted: &Meters,
        now: Instant,
    ) -> Result<(), Instant> {
        quotas.take(caller, wanted, now).map_err(|full| full.opens)
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn told(quotas: &Quotas, meters: &Meters, pairs: &[(&str, &str)], now: Instant) {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        quotas.learn(&caller(), meters, &headers, now);
    }

    #[test]
    fn twelve_units_fit_in_ten_seconds_and_the_oldest_make_room() {
        let (quotas, start) = (Quotas::new(), Instant::now());
        // Different scopes, so that only units count.
        let query = |index: usize, months| Meters::query(&format!("/{index}"), months);
        for index in 0..4 {
            let at = start + seconds(index as u64);
            assert_eq!(take(&quotas, &query(index, 3), at), Ok(()));
        }
        let at = start + seconds(4);
        let next = take(&quotas, &query(9, 3), at);
        assert_eq!(next, Err(start + seconds(10)));
        let next = take(&quotas, &query(9, 6), at);
        assert_eq!(next, Err(start + seconds(11)), "two of three must be over");
        let at = start + seconds(10);
        assert_eq!(take(&quotas, &query(9, 3), at), Ok(()));
    }

    #[test]
    fn a_scope_is_asked_four_times_a_minute() {
        let (quotas, start) = (Quotas::new(), Instant::now());
        let one = Meters::query("/subscriptions/1", 1);
        for _ in 0..4 {
            assert_eq!(take(&quotas, &one, start), Ok(()));
        }
        let full = take(&quotas, &one, start);
        assert_eq!(full, Err(start + seconds(60)));
        let other = Meters::query("/subscriptions/2", 1);
        assert_eq!(take(&quotas, &other, start), Ok(()));
    }

    #[test]
    fn tenants_and_client_types_have_their_own() {
        let (quotas, start) = (Quotas::new(), Instant::now());
        let whole = Meters::query("/s", 12);
        assert_eq!(take(&quotas, &whole, start), Ok(()));
        assert!(take(&quotas, &whole, start).is_err());
        for (tenant, client_type) in [("u", "spendwatch"), ("t", "other")] {
            let other = Caller {
                tenant: tenant.to_owned(),
                client_type: client_type.to_owned(),
            };
            assert_eq!(take_as(&quotas, &other, &whole, start), Ok(()));
        }
    }

    #[test]
    fn what_the_service_says_is_left_overrules_the_count() {
        let (quotas, start) = (Quotas::new(), Instant::now());
        let one = Meters::query("/s", 1);
        assert_eq!(take(&quotas, &one, start), Ok(()));
        let left = [
            (
                "x-ms-ratelimit-microsoft.costmanagement-qpu-remaining",
                "QueriesPerHour:597,QueriesPerMin:2,QueriesPer10Sec:2",
            ),
            (
                "x-ms-ratelimit-remaining-microsoft.costmanagement-entity-requests",
                "DefaultQuota:7",
            ),
        ];
        told(&quotas, &one, &left, start);
        // Seven more requests, but only two more units in this minute.
        let at = start + seconds(1);
        assert_eq!(take(&quotas, &one, at), Ok(()));
        assert_eq!(take(&quotas, &one, at), Ok(()));
        assert_eq!(take(&quotas, &one, at), Err(start + seconds(60)));
    }

    #[test]
    fn a_throttled_meter_is_closed_for_all_of_its_kind() {
        let (quotas, start) = (Quotas::new(), Instant::now());
        let (one, other) = (Meters::query("/1", 1), Meters::query("/2", 1));
        let entity = "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after";
        told(&quotas, &one, &[(entity, "40")], start);
        assert_eq!(take(&quotas, &one, start), Err(start + seconds(40)));
        assert_eq!(take(&quotas, &other, start), Ok(()));
        let tenant = "x-ms-ratelimit-microsoft.costmanagement-tenant-retry-after";
        told(&quotas, &one, &[(tenant, "20")], start);
        assert_eq!(take(&quotas, &other, start), Err(start + seconds(20)));
    }

    #[test]
    fn why_there_is_no_room_is_said() {
        let (quotas, start) = (Quotas::new(), Instant::now());
        let reason = |wanted: &Meters| quotas.take(&caller(), wanted, start).unwrap_err().reason;
        let one = Meters::query("/1", 1);
        for _ in 0..4 {
            assert_eq!(take(&quotas, &one, start), Ok(()));
        }
        assert_eq!(reason(&one), SCOPE);
        // Four units are spent: nine more are one too many.
        assert_eq!(reason(&Meters::query("/2", 9)), TEN_SECONDS);
        let qpu = "x-ms-ratelimit-microsoft.costmanagement-qpu-remaining";
        told(&quotas, &one, &[(qpu, "QueriesPerMin:0")], start);
        assert!(reason(&Meters::query("/2", 1)).contains("used up"));
        let tenant = "x-ms-ratelimit-microsoft.costmanagement-tenant-retry-after";
        told(&quotas, &one, &[(tenant, "90")], start);
        assert_eq!(reason(&Meters::query("/2", 1)), ASKED);
    }

    #[test]
    fn requests_of_other_services_cost_nothing() {
        let (quotas, start) = (Quotas::new(), Instant::now());
        for _ in 0..1000 {
            assert_eq!(take(&quotas, &Meters::default(), start), Ok(()));
        }
    }
}
