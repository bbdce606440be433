//! Files that are made while the caller polls, and the signed links to them.

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::answer::{Answer, Handled, Object, Refusal};
use super::auth::{is_signed, signature};
use super::faults::Mishap;
use super::operation::{Call, Operation, get};
use super::{invoices, price_sheets, reservations};

/// The files themselves. Their links carry their own permission.
pub(super) const OPERATIONS: &[Operation] =
    &[get("Blob_Download", "/downloads/{kind}/{name}", &[], file).open()];

/// 202, with the place to ask for the file: `results` is its path, the file's name follows.
pub(super) fn accept(call: &Call, results: &str, name: &str) -> Answer {
    let faults = &call.sandbox.faults;
    let stale = |what: &Mishap| matches!(what, Mishap::StalePolls(_));
    let polls = match faults.take(call.operation.name, stale) {
        Some(Mishap::StalePolls(polls)) => polls,
        _ => 1,
    };
    wait(call, results, name, polls)
}

fn wait(call: &Call, results: &str, name: &str, polls: u32) -> Answer {
    let version = call.request.parameter("api-version").unwrap_or_default();
    let base = call.request.base();
    let location = format!("{base}{results}/{name}.{polls}?api-version={version}");
    Answer::empty(StatusCode::ACCEPTED)
        .with_header("location", &location)
        .with_header(
            "retry-after",
            &call.sandbox.options.poll_seconds.to_string(),
        )
}

/// A finished file.
pub(super) struct Link {
    pub(super) url: String,
    pub(super) until: String,
}

/// Answers a poll: 202 with another place as long as polls are left, then what `done` makes of
/// the link. `kind` says which files these are.
pub(super) fn poll(call: &Call, kind: &str, done: impl Fn(Link) -> Object) -> Handled {
    let id = call.name("id");
    let parts = id.rsplit_once('.');
    let parts = parts.and_then(|(name, polls)| Some((name, polls.parse::<u32>().ok()?)));
    let Some((name, polls)) = parts else {
        let message = format!("There is no operation '{id}'.");
        return Err(Refusal::not_found("NotFound", message));
    };
    let results = call.request.path.rsplit_once('/').map_or("", |each| each.0);
    if let Some(left) = polls.checked_sub(1) {
        return Ok(wait(call, results, name, left));
    }
    let faults = &call.sandbox.faults;
    let fails = |what: &Mishap| *what == Mishap::FailedReport;
    if faults.take(call.operation.name, fails).is_some() {
        let error = Object::new()
            .with("code", "500")
            .with("message", "The file could not be made.");
        let body = Object::new().with("status", "Failed").with("error", error);
        return Ok(Answer::json(&body));
    }
    let past = |what: &Mishap| *what == Mishap::PastValidity;
    let hours = match faults.take(call.operation.name, past) {
        Some(_) => -1,
        None => 1,
    };
    Ok(Answer::json(&done(link(call, kind, name, hours))))
}

/// A signed link to a file, good for some hours.
pub(super) fn link(call: &Call, kind: &str, name: &str, hours: i64) -> Link {
    let until = Timestamp::now() + SignedDuration::from_hours(hours);
    let end = until.as_second();
    let path = format!("/downloads/{kind}/{name}");
    let signature = signature(&format!("{path}?se={end}"));
    Link {
        url: format!("{}{path}?se={end}&sig={signature}", call.file_base()),
        until: Timestamp::from_second(end).unwrap_or(until).to_string(),
    }
}

fn file(call: &Call) -> Handled {
    let refused = |status, code: &str| {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
        Ok(Answer::text("application/xml", body).with_status(status))
    };
    if call.request.header(AUTHORIZATION.as_str()).is_some() {
        // Storage refuses a token beside a signature; it has no business there.
        return refused(StatusCode::BAD_REQUEST, "InvalidAuthenticationInfo");
    }
    let parameter = |name| call.request.parameter(name).unwrap_or_default();
    let end = parameter("se");
    let text = format!("{}?se={end}", call.request.path);
    let over = end
        .parse()
        .is_ok_and(|end: i64| end < Timestamp::now().as_second());
    let expired = |what: &Mishap| *what == Mishap::ExpiredLink;
    let faults = &call.sandbox.faults;
    if !is_signed(&text, parameter("sig"))
        || over
        || faults.take(call.operation.name, expired).is_some()
    {
        return refused(StatusCode::FORBIDDEN, "AuthenticationFailed");
    }
    let name = call.name("name");
    let found = match call.name("kind") {
        "pricesheet" => price_sheets::csv(call, name).map(|text| ("text/csv", text.into_bytes())),
        "invoice" => invoices::pdf(call, name).map(|file| ("application/pdf", file)),
        "reservations" => reservations::csv(call, name).map(|text| ("text/csv", text.into_bytes())),
        _ => None,
    };
    match found {
        Some((media_type, body)) => Ok(Answer::text(media_type, body)),
        None => refused(StatusCode::NOT_FOUND, "BlobNotFound"),
    }
}

/// Lines of comma-separated values; values have no commas, quotes or ends of lines in them.
pub(super) struct Csv(String);

impl Csv {
    pub(super) fn new(header: &str) -> Csv {
        Csv(format!("{header}\r\n"))
    }

    pub(super) fn line<'a>(&mut self, values: impl IntoIterator<Item = &'a str>) {
        let values: Vec<String> = values
            .into_iter()
            .map(|value| match value.contains([',', '"', '\n', '\r']) {
                true => format!("\"{}\"", value.replace('"', "\"\"")),
                false => value.to_owned(),
            })
            .collect();
        self.0.push_str(&values.join(","));
        self.0.push_str("\r\n");
    }

    pub(super) fn text(self) -> String {
        self.0
    }
}

/// A decimal without zeros at its end.
pub(super) fn text(number: Decimal) -> String {
    number.normalize().to_string()
}
