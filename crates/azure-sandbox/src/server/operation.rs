//! The table of operations, and the call that a handler gets.

use std::fmt;
use std::sync::Arc;

use axum::http::StatusCode;
use jiff::civil::Date;

use super::answer::{Handled, Refusal};
use super::filter::{Filter, Term};
use super::request::Request;
use super::scope::{Kind, Scope};
use super::state::Sandbox;
use crate::world::World;

/// Versions of Microsoft.Consumption that are served; links may carry older ones.
pub(super) const CONSUMPTION: &[&str] = &[
    "2024-08-01",
    "2023-11-01",
    "2023-05-01",
    "2023-03-01",
    "2021-10-01",
    "2019-10-01",
    "2019-05-01",
    "2019-01-01",
    "2018-10-01",
    "2018-06-30",
    "2018-03-31",
];

/// Versions of Microsoft.CostManagement that are served.
pub(super) const COST_MANAGEMENT: &[&str] = &[
    "2025-03-01",
    "2024-08-01",
    "2023-11-01",
    "2023-09-01",
    "2023-08-01",
    "2023-03-01",
    "2022-10-01",
    "2021-10-01",
    "2019-11-01",
    "2019-10-01",
    "2018-10-01",
];

/// One operation: a method and a path, and what answers it.
pub(super) struct Operation {
    /// The name by which requests are counted and faults are aimed, for example `Budgets_Get`.
    pub(super) name: &'static str,
    method: &'static str,
    /// Parts in braces stand for any one part; `{scope}` in front for any scope.
    path: &'static str,
    versions: &'static [&'static str],
    scopes: &'static [Kind],
    /// Whether it needs more than a reader's role.
    pub(super) writes: bool,
    handle: fn(&Call<'_>) -> Handled,
    /// Whether it wants a token.
    pub(super) signed_in: bool,
    /// Whether the error body stands alone.
    pub(super) bare_errors: bool,
    /// The parameter by which its links go on.
    pub(super) page_token: &'static str,
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// An operation of any scope that is read with GET.
pub(super) const fn get(
    name: &'static str,
    path: &'static str,
    versions: &'static [&'static str],
    handle: fn(&Call<'_>) -> Handled,
) -> Operation {
    Operation {
        name,
        method: "GET",
        path,
        versions,
        scopes: &[],
        writes: false,
        handle,
        signed_in: true,
        bare_errors: false,
        page_token: "$skiptoken",
    }
}

/// As [`get`], for PUT.
pub(super) const fn put(
    name: &'static str,
    path: &'static str,
    versions: &'static [&'static str],
    handle: fn(&Call<'_>) -> Handled,
) -> Operation {
    get(name, path, versions, handle).method("PUT", true)
}

/// As [`get`], for PATCH.
pub(super) const fn patch(
    name: &'static str,
    path: &'static str,
    versions: &'static [&'static str],
    handle: fn(&Call<'_>) -> Handled,
) -> Operation {
    get(name, path, versions, handle).method("PATCH", true)
}

/// As [`get`], for DELETE.
pub(super) const fn delete(
    name: &'static str,
    path: &'static str,
    versions: &'static [&'static str],
    handle: fn(&Call<'_>) -> Handled,
) -> Operation {
    get(name, path, versions, handle).method("DELETE", true)
}

/// As [`get`], for a POST that changes nothing.
pub(super) const fn post(
    name: &'static str,
    path: &'static str,
    versions: &'static [&'static str],
    handle: fn(&Call<'_>) -> Handled,
) -> Operation {
    get(name, path, versions, handle).method("POST", false)
}

impl Operation {
    const fn method(mut self, method: &'static str, writes: bool) -> Operation {
        self.method = method;
        self.writes = writes;
        self
    }

    /// Only at these kinds of scopes.
    pub(super) const fn at(mut self, scopes: &'static [Kind]) -> Operation {
        self.scopes = scopes;
        self
    }

    /// For whoever asks, without a token.
    pub(super) const fn open(mut self) -> Operation {
        self.signed_in = false;
        self
    }

    /// With links that go on by another parameter.
    pub(super) const fn paged_by(mut self, page_token: &'static str) -> Operation {
        self.page_token = page_token;
        self
    }

    /// With errors that are not wrapped in `error`.
    pub(super) const fn with_bare_errors(mut self) -> Operation {
        self.bare_errors = true;
        self
    }

    /// A POST that needs a writer's role.
    pub(super) const fn writing(mut self) -> Operation {
        self.writes = true;
        self
    }

    /// The parts of the scope and the named parts, if a path is this operation's.
    fn matches<'s>(&self, segments: &'s [String]) -> Option<Matched<'s>> {
        let (tail, rooted) = match self.path.strip_prefix("{scope}/") {
            Some(tail) => (tail, false),
            None => (self.path.trim_start_matches('/'), true),
        };
        let count = tail.split('/').count();
        let before = segments.len().checked_sub(count)?;
        if rooted != (before == 0) {
            return None;
        }
        let mut names = Vec::new();
        for (part, found) in tail.split('/').zip(&segments[before..]) {
            match part
                .strip_prefix('{')
                .and_then(|part| part.strip_suffix('}'))
            {
                Some(name) => names.push((name, found.clone())),
                None if part.eq_ignore_ascii_case(found) => {}
                None => return None,
            }
        }
        Some((&segments[..before], names))
    }

    /// Runs it.
    pub(super) fn run(&self, call: &Call<'_>) -> Handled {
        self.check_version(call.request)?;
        if let Some(scope) = &call.scope
            && !self.scopes.is_empty()
            && !self.scopes.contains(&scope.kind)
        {
            let message = format!("{} does not support the scope {}.", self.name, scope.path);
            return Err(Refusal::not_found("NotFound", message));
        }
        (self.handle)(call)
    }

    fn check_version(&self, request: &Request) -> Result<(), Refusal> {
        if self.versions.is_empty() {
            return Ok(());
        }
        let Some(version) = request.parameter("api-version") else {
            let message = "The api-version query parameter (?api-version=) is required for all \
                           requests.";
            let status = StatusCode::BAD_REQUEST;
            return Err(Refusal::new(status, "MissingApiVersionParameter", message));
        };
        if self.versions.contains(&version) {
            return Ok(());
        }
        let message = format!(
            "The api-version '{version}' is invalid. The supported versions are '{}'.",
            self.versions.join(",")
        );
        let status = StatusCode::BAD_REQUEST;
        Err(Refusal::new(status, "InvalidApiVersionParameter", message))
    }
}

type Matched<'s> = (&'s [String], Vec<(&'static str, String)>);

/// An operation with the parts of its path.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) operation: &'static Operation,
    pub(super) scope: Option<Scope>,
    names: Vec<(&'static str, String)>,
}

/// Looks a request up in the tables.
pub(super) fn find(tables: &[&'static [Operation]], request: &Request) -> Result<Found, Refusal> {
    let mut other_method = false;
    let mut unknown_scope = false;
    for operation in tables.iter().copied().flatten() {
        let Some((before, names)) = operation.matches(&request.segments) else {
            continue;
        };
        if operation.method != request.method.as_str() {
            other_method = true;
            continue;
        }
        let scope = if before.is_empty() {
            None
        } else if let Some(scope) = Scope::parse(before)? {
            Some(scope)
        } else {
            // What stands in front may be a longer path, of an operation further down.
            unknown_scope = true;
            continue;
        };
        return Ok(Found {
            operation,
            scope,
            names,
        });
    }
    if unknown_scope {
        let message = format!("The scope of {} is not supported.", request.path);
        return Err(Refusal::not_found("InvalidScope", message));
    }
    if other_method {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let message = format!("{} has no {}.", request.path, request.method);
        return Err(Refusal::new(status, "MethodNotAllowed", message));
    }
    let message = format!("{} is no operation of the sandbox.", request.path);
    Err(Refusal::not_found("InvalidResourceType", message))
}

/// One call of an operation: all that a handler needs.
pub(super) struct Call<'a> {
    pub(super) sandbox: &'a Sandbox,
    /// The world as it is known today.
    pub(super) world: Arc<World>,
    pub(super) request: &'a Request,
    pub(super) operation: &'static Operation,
    pub(super) scope: Option<Scope>,
    names: Vec<(&'static str, String)>,
}

impl<'a> Call<'a> {
    pub(super) fn new(sandbox: &'a Sandbox, request: &'a Request, found: Found) -> Call<'a> {
        Call {
            sandbox,
            world: sandbox.world(),
            request,
            operation: found.operation,
            scope: found.scope,
            names: found.names,
        }
    }

    /// The scope in front of the path.
    pub(super) fn scope(&self) -> Result<&Scope, Refusal> {
        let message = "The request names no scope.";
        let scope = self.scope.as_ref();
        scope.ok_or_else(|| Refusal::not_found("InvalidScope", message))
    }

    /// A part of the path that stands in braces in the table; empty if there is none.
    pub(super) fn name(&self, name: &str) -> &str {
        let mut names = self.names.iter();
        let found = names.find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The sandbox's today.
    pub(super) fn today(&self) -> Date {
        self.world.today
    }

    /// The terms of `$filter`; none if there is no filter.
    pub(super) fn filter_terms(&self) -> Result<Vec<Term>, Refusal> {
        match self.request.parameter("$filter") {
            Some(text) => Filter::parse(text)?.terms(),
            None => Ok(Vec::new()),
        }
    }

    /// A date of the query string, `yyyy-mm-dd`, also with a time behind it.
    pub(super) fn date(&self, name: &str) -> Result<Option<Date>, Refusal> {
        let text = self.request.parameter(name);
        text.map(|text| day(name, text)).transpose()
    }

    /// A whole number of the query string.
    pub(super) fn number(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.request.parameter(name) else {
            return Ok(None);
        };
        let number = text.parse();
        let message = || format!("The value '{text}' of {name} is no whole number.");
        number
            .map(Some)
            .map_err(|_| Refusal::bad_request(message()))
    }
}

/// Reads the day of a date or a date-time; `what` names the place in the refusal.
pub(super) fn day(what: &str, text: &str) -> Result<Date, Refusal> {
    let date = text.get(..10).and_then(|date| date.parse().ok());
    let rest = text.get(10..).unwrap_or_default();
    let message = || format!("The value '{text}' of {what} is no date; dates are yyyy-mm-dd.");
    date.filter(|_| rest.is_empty() || rest.starts_with(['T', ' ']))
        .ok_or_else(|| Refusal::bad_request(message()))
}

#[cfg(test)]
mod tests {
    use super::super::answer::Answer;
    use super::*;

    fn nothing(_: &Call) -> Handled {
        Ok(Answer::empty(StatusCode::OK))
    }

    #[test]
    fn paths_match_from_the_end_and_whole_ones_from_the_start() {
        let segments =
            |path: &str| -> Vec<String> { path.split('/').skip(1).map(str::to_owned).collect() };
        let scoped = get(
            "a",
            "{scope}/providers/Microsoft.X/budgets/{name}",
            &[],
            nothing,
        );
        let path = segments("/subscriptions/s/providers/microsoft.x/Budgets/B1");
        let (scope, names) = scoped.matches(&path).unwrap();
        assert_eq!(scope, ["subscriptions", "s"]);
        assert_eq!(names, [("name", "B1".to_owned())]);
        assert!(
            scoped
                .matches(&segments("/providers/microsoft.x/Budgets/B1"))
                .is_none()
        );
        assert!(
            scoped
                .matches(&segments("/subscriptions/s/providers/x/budgets"))
                .is_none()
        );
        let rooted = get("b", "/providers/Microsoft.X/views/{name}", &[], nothing);
        assert!(
            rooted
                .matches(&segments("/providers/microsoft.x/views/v"))
                .is_some()
        );
        assert!(
            rooted
                .matches(&segments("/s/1/providers/microsoft.x/views/v"))
                .is_none()
        );
    }

    #[test]
    fn a_scope_that_is_none_leaves_the_request_to_a_later_operation() {
        const TABLE: &[Operation] = &[
            get(
                "Scoped",
                "{scope}/providers/Microsoft.X/sheet",
                &[],
                nothing,
            ),
            get(
                "Rooted",
                "/providers/Microsoft.Billing/billingAccounts/{account}/invoices/{invoice}\
                 /providers/Microsoft.X/sheet",
                &[],
                nothing,
            ),
        ];
        let found = |path: &str| {
            let uri = path.parse().unwrap();
            let method = axum::http::Method::GET;
            let request = Request::new(method, &uri, Default::default(), Default::default());
            let found = find(&[TABLE], &request);
            found
                .map(|found| found.operation.name)
                .map_err(|refusal| refusal.code)
        };
        let sheet = "/providers/Microsoft.X/sheet";
        let account = "/providers/Microsoft.Billing/billingAccounts/1";
        assert_eq!(found(&format!("{account}{sheet}")).unwrap(), "Scoped");
        // The slashes of a scope may come encoded.
        let encoded = account.replace('/', "%2F");
        assert_eq!(found(&format!("/{encoded}{sheet}")).unwrap(), "Scoped");
        assert_eq!(
            found(&format!("{account}/invoices/G1{sheet}")).unwrap(),
            "Rooted"
        );
        let unknown = found(&format!("{account}/boxes/1{sheet}"));
        assert_eq!(unknown.unwrap_err(), "InvalidScope");
    }

    #[test]
    fn days_may_carry_a_time() {
        let november = jiff::civil::date(2026, 11, 5);
        for text in [
            "2026-11-05",
            "2026-11-05T00:00:00Z",
            "2026-11-05T00:00:00+00:00",
        ] {
            assert_eq!(day("from", text).unwrap(), november, "{text}");
        }
        for text in ["", "2026-13-01", "2026-11-051", "11/05/2026", "2026-11-0é"] {
            assert!(day("from", text).is_err(), "{text}");
        }
    }
}
