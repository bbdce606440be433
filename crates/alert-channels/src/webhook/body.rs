//! The body of a notice for programs: one JSON object, versioned by `specVersion`.

use budget_engine::{Anomaly, Change, Status, ThresholdKind, Transition};
use serde_json::{Value, json};

use super::SPEC_VERSION;
use crate::notice::{Message, Notice};
use crate::text::{Language, Wording, wording_in};
use crate::untrusted::clean;

/// Own limit of the body; receivers are told to expect less than 20 KB.
const MAX_BODY_BYTES: usize = 20_000;
/// Raw names are passed on as they are, but not without end.
const MAX_RAW_CHARS: usize = 1024;
const MAX_SCOPES: usize = 20;

/// The body of a notice, under 20 KB.
pub(crate) fn body(notice: &Notice) -> Value {
    let words = wording_in(notice, Language::English);
    let mut body = json!({
        "specVersion": SPEC_VERSION,
        "id": notice.safe_id(),
        "timestamp": notice.message.at().to_string(),
        "summary": words.headline,
        "remarks": words.remarks,
        "maybeDuplicate": notice.maybe_duplicate,
        "links": links(&words),
    });
    match &notice.message {
        Message::Crossing(transition) => crossing(&mut body, transition),
        Message::Digest(digest) => {
            body["type"] = json!("spendwatch.digest");
            body["digest"] = json!(digest);
        }
        Message::Bundle { .. } => {
            body["type"] = json!("spendwatch.bundle");
        }
        Message::Probe { from, .. } => {
            body["type"] = json!("spendwatch.probe");
            body["from"] = json!(clean(from));
        }
        Message::Trouble { .. } => {
            body["type"] = json!("spendwatch.trouble");
            body["advice"] = json!(words.advice);
        }
        Message::Action { .. } => {
            body["type"] = json!("spendwatch.action");
            body["advice"] = json!(words.advice);
        }
    }
    if !notice.carried.is_empty() {
        body["carried"] = json!(notice.carried);
    }
    if body.to_string().len() > MAX_BODY_BYTES {
        // What is long without being needed to act.
        for member in ["drivers", "links", "remarks", "also", "carried"] {
            body[member] = json!([]);
        }
        if let Message::Crossing(transition) = &notice.message {
            if transition.anomaly.is_some() {
                body["anomaly"]["drivers"] = json!([]);
            }
            body["budget"]["scopes"] = json!([]);
            body["budget"]["owners"] = json!([]);
            body["budget"]["name"] = json!(clean(&transition.status.name));
        }
        body["shortened"] = json!(true);
    }
    body
}

fn links(words: &Wording) -> Value {
    let links = words
        .links
        .iter()
        .map(|link| json!({"title": link.title, "url": link.url}));
    links.collect()
}

fn crossing(body: &mut Value, transition: &Transition) {
    let status = &*transition.status;
    let (kind, state) = match (transition.change, transition.kind) {
        (Change::Withdrawn, _) => ("budget.threshold.corrected", "withdrawn"),
        (Change::Resolved, _) => ("budget.threshold.resolved", "resolved"),
        (Change::Acknowledged, _) => ("budget.threshold.acknowledged", "acknowledged"),
        (Change::Closed, _) => ("budget.threshold.closed", "closed"),
        (Change::Reminded, _) => ("budget.threshold.reminded", "firing"),
        (Change::Escalated, _) => ("budget.threshold.escalated", "firing"),
        (Change::Fired, ThresholdKind::Stale) => ("budget.data.stale", "firing"),
        (Change::Fired, ThresholdKind::Anomaly) => ("budget.anomaly.found", "firing"),
        (Change::Fired, _) => ("budget.threshold.crossed", "firing"),
    };
    body["type"] = json!(kind);
    body["state"] = json!(state);
    body["severity"] = json!(transition.severity.as_str());
    body["alert"] = json!({"id": transition.alert, "sequence": transition.sequence});
    body["dedupeKey"] = json!(format!(
        "{}/{}/{}/{}",
        status.budget, status.period_key, transition.kind, transition.threshold
    ));
    body["budget"] = json!({
        "id": status.budget,
        "name": raw(&status.name),
        "parent": status.parent,
        "scopes": status.scopes.iter().take(MAX_SCOPES).map(|scope| scope.path()).collect::<Vec<_>>(),
        "scopeCount": status.scopes.len(),
        "timeGrain": status.time_grain.as_str(),
        "costBasis": status.cost_basis.as_str(),
        "owners": status.owners.iter().take(MAX_SCOPES).map(|owner| raw(owner)).collect::<Vec<_>>(),
    });
    body["period"] = json!({
        "key": status.period_key,
        "start": status.period.start().to_string(),
        "end": status.period.end().to_string(),
    });
    body["threshold"] = json!({
        "id": transition.threshold,
        "type": transition.kind.as_str(),
        "when": raw(&transition.when),
    });
    body["reason"] = serde_json::to_value(&transition.reason).unwrap_or(Value::Null);
    body["also"] = json!(
        transition
            .also
            .iter()
            .map(|one| raw(one))
            .collect::<Vec<_>>()
    );
    body["amounts"] = amounts(status);
    body["data"] = json!({
        "asOf": status.data.as_of.to_string(),
        "lastDay": status.data.last_day.to_string(),
        "settledTo": status.data.settled_to.to_string(),
        "ageDays": status.data.age_days,
        "stale": status.data.stale,
    });
    if let Some(event) = &transition.anomaly {
        body["anomaly"] = anomaly(event);
    }
    let drivers = status.drivers.iter().flat_map(|drivers| &drivers.items);
    body["drivers"] = drivers
        .map(|driver| {
            json!({
                "ServiceName": raw(&driver.service_name),
                "before": driver.before.amount.to_string(),
                "now": driver.now.amount.to_string(),
                "delta": driver.change.amount.to_string(),
                "cause": driver.cause,
            })
        })
        .collect();
}

fn anomaly(event: &Anomaly) -> Value {
    let drivers = event.drivers.iter().map(|drivers| {
        let items = drivers.items.iter().map(|item| {
            json!({
                "name": raw(&item.name),
                "before": item.before.amount.to_string(),
                "now": item.now.amount.to_string(),
                "delta": item.change.amount.to_string(),
                "cause": item.cause,
            })
        });
        let mut told = json!({
            "by": drivers.by.to_string(),
            "items": items.collect::<Vec<_>>(),
            "other": drivers.other.amount.to_string(),
        });
        if let Some(expected) = drivers.expected {
            told["expected"] = json!(expected.amount.to_string());
        }
        told
    });
    json!({
        "kind": event.kind.as_str(),
        "firstDay": event.first.to_string(),
        "lastDay": event.last.to_string(),
        "days": event.days.len(),
        "open": event.is_open,
        "currency": event.impact.currency.code(),
        "expected": event.expected.amount.to_string(),
        "cost": event.cost.amount.to_string(),
        "impact": event.impact.amount.to_string(),
        "score": event.score.to_string(),
        "drivers": drivers.collect::<Vec<_>>(),
    })
}

fn amounts(status: &Status) -> Value {
    let forecast = status.forecast.as_ref().map(|forecast| {
        let mut known = json!({
            "mean": forecast.mean.amount.to_string(),
            "p10": forecast.range80.0.amount.to_string(),
            "p90": forecast.range80.1.amount.to_string(),
            "p2.5": forecast.range95.0.amount.to_string(),
            "p97.5": forecast.range95.1.amount.to_string(),
            "probability": forecast.probability.to_string(),
            "breach": forecast.breach,
        });
        if let Some(few) = &forecast.few_days {
            known["fewDays"] = json!(few);
        }
        if let Some(score) = forecast.score {
            known["score"] = json!(score);
        }
        known
    });
    json!({
        "currency": status.planned.currency.code(),
        "planned": status.planned.amount.to_string(),
        "spendToDate": status.spent.amount.to_string(),
        "remaining": status.remaining.amount.to_string(),
        "percent": status.percent.0.to_string(),
        "forecast": forecast,
    })
}

/// A name as it came: programs compare it with what they know. JSON keeps it harmless.
fn raw(text: &str) -> String {
    text.chars().take(MAX_RAW_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn bodies_stay_under_twenty_kilobytes() {
        for (name, mut notice) in samples::all() {
            assert!(body(&notice).to_string().len() < MAX_BODY_BYTES, "{name}");
            if let Message::Crossing(transition) = &mut notice.message {
                let scope = transition.status.scopes[0].clone();
                transition.status.scopes = vec![scope; 500];
                transition.status.owners = vec!["\u{1}".repeat(5000); 500];
                transition.also = vec!["x".repeat(900); 100];
                let body = body(&notice);
                assert!(body.to_string().len() < MAX_BODY_BYTES, "{name}");
                assert_eq!(body["shortened"], true);
                assert_eq!(body["budget"]["scopeCount"], 500);
            }
        }
    }
}
