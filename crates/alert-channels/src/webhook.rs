//! Signed webhooks for programs, as [Standard Webhooks](https://www.standardwebhooks.com) describes
//! them: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
//!
//! The id is that of the delivery and stays the same on every attempt, so receivers can recognize a
//! repetition; the timestamp is that of the attempt. Receivers should refuse timestamps more than
//! five minutes off. The body is versioned by `specVersion`; new members may appear within a
//! version.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use budget_engine::{Change, Status, ThresholdKind, Transition};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::channel::{Attempt, Channel, ConfigError, Kind, RenderError, Rendered};
use crate::http::{Access, Endpoint, Http, by_status};
use crate::notice::{Message, Notice};
use crate::outcome::{Class, SendResult};
use crate::text::{Language, Wording, wording_in};
use crate::untrusted::clean;

/// Version of the body.
pub const SPEC_VERSION: &str = "1.0";
/// Own limit of the body; receivers are told to expect less than 20 KB.
const MAX_BODY_BYTES: usize = 20_000;
/// Raw names are passed on as they are, but not without end.
const MAX_RAW_CHARS: usize = 1024;
const MAX_SCOPES: usize = 20;

/// A program that takes Standard Webhooks.
#[derive(Debug)]
pub struct Webhook {
    endpoint: Endpoint,
    signer: Signer,
}

impl Webhook {
    /// A destination. Each of `secrets` signs: give the old and the new one while receivers change.
    pub fn new(
        http: &Http,
        url: &SecretString,
        access: Access,
        secrets: &[SecretString],
    ) -> Result<Webhook, ConfigError> {
        Ok(Webhook {
            endpoint: http.endpoint(url, access)?,
            signer: Signer::new(secrets)?,
        })
    }
}

#[async_trait]
impl Channel for Webhook {
    fn kind(&self) -> Kind {
        Kind::Webhook
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, RenderError> {
        Ok(Rendered {
            content_type: "application/json",
            extension: "json",
            bytes: body(notice).to_string().into_bytes(),
        })
    }

    async fn send(&self, notice: &Notice, attempt: Attempt) -> SendResult {
        let body = body(notice).to_string().into_bytes();
        let id = notice.safe_id();
        let timestamp = attempt.at.as_second();
        let headers = [
            ("webhook-id", id.clone()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", self.signer.sign(&id, timestamp, &body)),
        ];
        match self.endpoint.post(&headers, body, attempt.at).await {
            Ok(reply) if (200..300).contains(&reply.status) => {
                SendResult::Delivered { provider_id: None }
            }
            Ok(reply) if reply.status == 410 => SendResult::destination(
                Class::Gone,
                "status 410: the receiver wants no more webhooks",
            ),
            Ok(reply) => by_status(&reply, true, attempt.at),
            Err(result) => result,
        }
    }
}

/// Signs webhooks with one or more symmetric keys.
///
/// ```
/// use alert_channels::webhook::Signer;
/// let signer = Signer::new(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()]).unwrap();
/// assert_eq!(
///     signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b"{\"test\": 2432232314}"),
///     "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
/// );
/// ```
pub struct Signer {
    keys: Vec<SecretSlice<u8>>,
}

impl Signer {
    /// Keys written as `whsec_` and base64 of 24 to 64 bytes; at least one.
    pub fn new(secrets: &[SecretString]) -> Result<Signer, ConfigError> {
        if secrets.is_empty() {
            return Err(ConfigError::SigningSecret { number: 1 });
        }
        let keys = secrets
            .iter()
            .enumerate()
            .map(|(index, secret)| {
                let wrong = || ConfigError::SigningSecret { number: index + 1 };
                let text = secret.expose_secret().trim();
                let text = text.strip_prefix("whsec_").ok_or_else(wrong)?;
                let key = STANDARD
                    .decode(text)
                    .or_else(|_| STANDARD_NO_PAD.decode(text))
                    .map_err(|_| wrong())?;
                if (24..=64).contains(&key.len()) {
                    Ok(SecretSlice::from(key))
                } else {
                    Err(wrong())
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Signer { keys })
    }

    /// The value of `webhook-signature`: one `v1` signature for each key.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signatures = self.keys.iter().map(|key| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret())
                .expect("HMAC takes keys of any length");
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer with {} keys", self.keys.len())
    }
}

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
        for member in ["drivers", "links", "remarks", "also"] {
            body[member] = json!([]);
        }
        if let Message::Crossing(transition) = &notice.message {
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
        "when": transition.when,
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

fn amounts(status: &Status) -> Value {
    let forecast = status.forecast.as_ref().map(|forecast| {
        json!({
            "mean": forecast.mean.amount.to_string(),
            "p10": forecast.range80.0.amount.to_string(),
            "p90": forecast.range80.1.amount.to_string(),
            "p2.5": forecast.range95.0.amount.to_string(),
            "p97.5": forecast.range95.1.amount.to_string(),
            "probability": forecast.probability.to_string(),
            "breach": forecast.breach,
        })
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
    fn secrets_that_are_too_short_or_not_base64_are_refused_without_repeating_them() {
        let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        for bad in [
            "",
            "c4n4ry",
            "whsec_",
            "whsec_c4n4ry",
            "whsec_!!!!",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            let error = Signer::new(&[good.into(), bad.into()]).unwrap_err();
            assert_eq!(error, ConfigError::SigningSecret { number: 2 }, "{bad}");
        }
        assert!(Signer::new(&[]).is_err());
        let signer = Signer::new(&[good.into(), good.into()]).unwrap();
        assert_eq!(signer.sign("a", 1, b"").split(' ').count(), 2);
        assert_eq!(format!("{signer:?}"), "Signer with 2 keys");
    }

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
