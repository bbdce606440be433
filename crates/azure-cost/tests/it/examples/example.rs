//! One example: what is asked with which parameters, and how Azure answers.

use std::path::Path;

use budget_engine::Scope;
use jiff::civil::{Date, date};

use super::json::Json;

/// An example, as its file and the place of the file tell it.
#[derive(Debug)]
pub(crate) struct Example {
    /// The path below the folder of all examples: `service/version/name.json`.
    pub(crate) file: String,
    pub(crate) service: String,
    /// The file's own name in lower case, letters and digits only.
    pub(crate) name: String,
    parameters: Json,
    pub(crate) answers: Vec<ExampleAnswer>,
}

/// What stands between a scope and a billing period.
const BILLING_PERIODS: &str = "/providers/Microsoft.Billing/billingPeriods/";

/// One of the answers of an example.
#[derive(Debug, Clone)]
pub(crate) struct ExampleAnswer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Json>,
}

impl Example {
    /// Reads a file; `Ok(None)` if it is no example.
    pub(crate) fn read(folder: &Path, file: &Path) -> Result<Option<Example>, String> {
        let place = file.strip_prefix(folder).unwrap_or(file);
        let parts: Vec<_> = place.iter().map(|part| part.to_string_lossy()).collect();
        // The upstream folder may have folders of its own between version and file.
        let [service, _version, .., name] = &*parts else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
        let json = Json::parse(text.trim_start_matches('\u{feff}'))?;
        let (Some(parameters), Some(responses)) = (json.get("parameters"), json.get("responses"))
        else {
            return Ok(None);
        };
        let answers = responses.fields().iter().filter_map(|(status, answer)| {
            let header = |(name, value): &(String, Json)| Some((name.clone(), value.text()?));
            let headers = answer.get("headers").map(Json::fields).unwrap_or_default();
            Some(ExampleAnswer {
                status: status.parse().ok()?,
                headers: headers.iter().filter_map(header).collect(),
                body: answer
                    .get("body")
                    .filter(|body| **body != Json::Null)
                    .cloned(),
            })
        });
        let name = name.strip_suffix(".json").unwrap_or(name);
        Ok(Some(Example {
            file: parts.join("/"),
            service: service.to_ascii_lowercase(),
            name: folded(name),
            parameters: parameters.clone(),
            answers: answers.collect(),
        }))
    }

    /// A parameter as text; `None` if it is missing or empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.parameters.get(name)?.text()
    }

    /// The first of some parameters that is there.
    pub(crate) fn one_of(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.text(name))
    }

    /// A parameter that the operation cannot do without.
    pub(crate) fn required(&self, names: &[&str]) -> Result<String, String> {
        let missing = || format!("it has no parameter `{}`", names.join("` or `"));
        self.one_of(names).ok_or_else(missing)
    }

    /// The names of all parameters in lower case, without the API version and without what goes
    /// into the body.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.parameters.fields().iter();
        let names = names.filter(|(_, value)| !matches!(value, Json::Object(_) | Json::List(_)));
        let names = names.map(|(name, _)| name.to_ascii_lowercase());
        names.filter(|name| name != "api-version").collect()
    }

    /// The body of the request: the parameter that is more than a text.
    pub(crate) fn body(&self) -> Option<&Json> {
        let mut values = self.parameters.fields().iter().map(|(_, value)| value);
        values.find(|value| matches!(value, Json::Object(_) | Json::List(_)))
    }

    /// The bodies of the answers that say yes.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = &Json> {
        let good = self.answers.iter().filter(|answer| answer.status < 300);
        good.filter_map(|answer| answer.body.as_ref())
    }

    /// The path in front of the operation, with a slash before and none behind: the scope, or
    /// what the ids among the parameters say. Without a billing period that may stand behind it.
    pub(crate) fn scope_path(&self) -> Result<String, String> {
        let path = self.whole_path()?;
        Ok(match split(&path, BILLING_PERIODS) {
            Some((scope, _)) => scope.to_owned(),
            None => path,
        })
    }

    /// The billing period in the path of the scope.
    pub(crate) fn period_in_path(&self) -> Option<String> {
        let path = self.whole_path().ok()?;
        split(&path, BILLING_PERIODS).map(|(_, period)| period.to_owned())
    }

    /// The billing period, in the path or among the parameters.
    pub(crate) fn period(&self) -> Option<String> {
        let in_path = self.period_in_path();
        in_path.or_else(|| self.text("billingPeriodName"))
    }

    fn whole_path(&self) -> Result<String, String> {
        let looks_like_path = |text: &String| text.contains('/');
        let scope = ["resourceScope", "scope"];
        let given = scope.iter().filter_map(|name| self.text(name));
        let mut paths = given.filter(looks_like_path);
        if let Some(path) = paths.next() {
            return Ok(format!("/{}", path.trim_matches('/')));
        }
        if let Some(id) = self.one_of(&["subscriptionId"]) {
            let group = self.text("resourceGroupName");
            let group = group.map(|name| format!("/resourceGroups/{name}"));
            return Ok(format!("/subscriptions/{id}{}", group.unwrap_or_default()));
        }
        if let Some(id) = self.text("managementGroupId") {
            return Ok(format!(
                "/providers/Microsoft.Management/managementGroups/{id}"
            ));
        }
        let account = self.required(&["billingAccountId", "billingAccountName"])?;
        let mut path = format!("/providers/Microsoft.Billing/billingAccounts/{account}");
        for (part, names) in [
            (
                "billingProfiles",
                ["billingProfileId", "billingProfileName"],
            ),
            (
                "invoiceSections",
                ["invoiceSectionId", "invoiceSectionName"],
            ),
            ("customers", ["customerId", "customerName"]),
            ("departments", ["departmentId", "departmentName"]),
            (
                "enrollmentAccounts",
                ["enrollmentAccountId", "enrollmentAccountName"],
            ),
        ] {
            if let Some(id) = self.one_of(&names) {
                path.push_str(&format!("/{part}/{id}"));
            }
        }
        Ok(path)
    }

    pub(crate) fn scope(&self) -> Result<Scope, String> {
        // Consumption's tags name billing accounts under the provider of the costs as well.
        let path = replaced(
            &self.scope_path()?,
            "/providers/Microsoft.CostManagement/billingAccounts/",
            "/providers/Microsoft.Billing/billingAccounts/",
        );
        Scope::parse(&path).map_err(|error| error.to_string())
    }

    /// Whether a recommendation is for one subscription or for all: older versions have another
    /// name for it, and the scope under this one.
    pub(crate) fn recommendation_scope(&self) -> Result<String, String> {
        let plain = |name: &&str| self.text(name).is_some_and(|text| !text.contains('/'));
        let names = ["reservationScope", "scope"];
        self.required(&names.iter().copied().filter(plain).collect::<Vec<_>>())
    }

    /// The scope where the example names one at all.
    pub(crate) fn optional_scope(&self) -> Result<Option<Scope>, String> {
        self.text("scope").map(|_| self.scope()).transpose()
    }

    /// The days that the parameters name, as first day and day after the last one: those in the
    /// filter, or a start and an end.
    pub(crate) fn days(&self) -> Option<(Date, Date)> {
        let pairs = [
            ("startDate", "endDate"),
            ("periodStartDate", "periodEndDate"),
        ];
        let mut days: Vec<Date> = dates(&self.filter());
        if days.is_empty() {
            let given = pairs.iter().flat_map(|(start, end)| [start, end]);
            let given = given.filter_map(|name| self.text(name));
            days = given.flat_map(|text| dates(&text)).collect();
        }
        // One transaction example ends before it begins.
        let (first, last) = (*days.iter().min()?, *days.iter().max()?);
        (days.len() == 2).then_some((first, last.tomorrow().ok()?))
    }

    /// The same, or else a long time.
    pub(crate) fn days_or_all(&self) -> (Date, Date) {
        self.days().unwrap_or((date(2000, 1, 1), date(2100, 1, 1)))
    }

    /// The filter as it is meant: some examples have it encoded.
    pub(crate) fn filter(&self) -> String {
        let filter = self.one_of(&["$filter", "filter"]).unwrap_or_default();
        match filter.contains(' ') {
            true => filter,
            false => filter.replace('+', " "),
        }
    }

    /// The value that a filter wants a field to have, where it is one of conditions that all hold.
    pub(crate) fn wanted(&self, field: &str) -> Option<String> {
        let filter = self.filter();
        let lower = filter.to_ascii_lowercase();
        if lower.contains(" or ") {
            return None;
        }
        let mut start = 0;
        let mut parts = Vec::new();
        for (at, and) in lower.match_indices(" and ") {
            parts.push(&filter[start..at]);
            start = at + and.len();
        }
        parts.push(&filter[start..]);
        parts.into_iter().find_map(|part| {
            let (name, value) = split(part, " eq ")?;
            let name = name.trim().trim_start_matches("properties/");
            let is_it = name.eq_ignore_ascii_case(field);
            is_it.then(|| value.trim().trim_matches('\'').to_owned())
        })
    }
}

/// Letters and digits in lower case.
pub(crate) fn folded(text: &str) -> String {
    let kept = text.chars().filter(|c| c.is_ascii_alphanumeric());
    kept.collect::<String>().to_ascii_lowercase()
}

/// What stands before and after the first occurrence of a text in any letter case.
pub(crate) fn split<'a>(text: &'a str, at: &str) -> Option<(&'a str, &'a str)> {
    let start = text.to_ascii_lowercase().find(&at.to_ascii_lowercase())?;
    Some((&text[..start], &text[start + at.len()..]))
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    match split(text, from) {
        Some((before, after)) => format!("{before}{to}{after}"),
        None => text.to_owned(),
    }
}

/// The days written in a text as `yyyy-mm-dd`.
fn dates(text: &str) -> Vec<Date> {
    let starts = text.char_indices().map(|(start, _)| start);
    let ten = starts.filter_map(|start| text.get(start..start + 10));
    let dashed = ten.filter(|ten| ten.match_indices('-').map(|(at, _)| at).eq([4, 7]));
    dashed.filter_map(|day| day.parse().ok()).collect()
}
