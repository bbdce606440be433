//! `Microsoft.CostManagement/dimensions` and `Microsoft.Consumption/tags`: what costs can be
//! filtered and grouped by.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::answer::{Answer, Handled, Object, Refusal};
use super::dataset::{DIMENSIONS, dimension};
use super::filter::Comparison;
use super::operation::{CONSUMPTION, COST_MANAGEMENT, Call, Operation, day, get};
use super::query::SCOPES;
use super::rows;
use super::scope::Kind;

pub(super) const OPERATIONS: &[Operation] = &[
    get(
        "Dimensions_List",
        "{scope}/providers/Microsoft.CostManagement/dimensions",
        COST_MANAGEMENT,
        list,
    )
    .at(SCOPES),
    get(
        "Dimensions_ByExternalCloudProviderType",
        "/providers/Microsoft.CostManagement/{externalType}/{externalId}/dimensions",
        COST_MANAGEMENT,
        external,
    ),
    get(
        "Tags_Get",
        "{scope}/providers/Microsoft.Consumption/tags",
        CONSUMPTION,
        tags,
    )
    .at(&[
        Kind::Subscription,
        Kind::ResourceGroup,
        Kind::ManagementGroup,
        Kind::BillingAccount,
        Kind::Department,
        Kind::EnrollmentAccount,
    ]),
];

fn external(_: &Call) -> Handled {
    Ok(Answer::json(&json!({"value": []})))
}

fn list(call: &Call) -> Handled {
    let scope = call.scope()?;
    rows::check_scope(&call.world, scope)?;
    let mut days = (call.today().first_of_month(), call.today());
    let mut category = None;
    for term in call.filter_terms()? {
        let is_equal = term.comparison == Comparison::Equal;
        if term.is("category") && is_equal {
            category = Some(term.value);
        } else if term.is("usageStart") {
            let first = day("$filter", &term.value)?;
            days.0 = match term.comparison {
                Comparison::Greater => first.tomorrow().unwrap_or(first),
                _ => first,
            };
        } else if term.is("usageEnd") {
            let last = day("$filter", &term.value)?;
            days.1 = match term.comparison {
                Comparison::Less => last.yesterday().unwrap_or(last),
                _ => last,
            };
        } else {
            let message = format!(
                "The $filter on '{}' is invalid; it may be category with eq, usageStart, usageEnd.",
                term.name
            );
            return Err(Refusal::bad_request(message));
        }
    }
    let expand = call.request.parameter("$expand").unwrap_or_default();
    let is_expanded = expand.to_ascii_lowercase().contains("data");
    let asked = DIMENSIONS.iter().copied().filter(|name| {
        let category = category.as_ref();
        category.is_none_or(|category| category.eq_ignore_ascii_case(name))
    });
    let names: Vec<&str> = asked.collect();
    let mut values = vec![BTreeSet::new(); names.len()];
    let mut any = false;
    let rows = call.world.rows_between(days.0, days.1);
    for row in rows.filter(|row| rows::is_in(row, scope)) {
        any = true;
        for (name, values) in names.iter().zip(&mut values) {
            if let Some(value) = dimension(&row, name)
                && !value.is_empty()
                && !values.contains(&*value)
            {
                values.insert(value.into_owned());
            }
        }
    }
    if !any || names.is_empty() {
        return Ok(Answer::empty(StatusCode::NO_CONTENT));
    }
    let items: Result<Vec<Object>, Refusal> = names
        .iter()
        .zip(values)
        .map(|(name, values)| item(call, name, values, days, is_expanded))
        .collect();
    Ok(Answer::json(&Object::new().with("value", items?)))
}

fn item(
    call: &Call,
    name: &str,
    values: BTreeSet<String>,
    (first, last): (Date, Date),
    is_expanded: bool,
) -> Result<Object, Refusal> {
    let scope = &call.scope()?.path;
    let total = values.len();
    let page = if is_expanded {
        let page = call.page(values, call.page_size(1000)?)?;
        Some((page.items, page.next.map(|link| of_category(&link, name))))
    } else {
        None
    };
    let (data, next) = page.map_or((None, None), |(data, next)| (Some(data), next));
    let mut properties = Object::new()
        .with("category", name)
        .with("description", name)
        .with("filterEnabled", true)
        .with("groupingEnabled", true)
        .with("total", total)
        .with("usageStart", format!("{first}T00:00:00-07:00"))
        .with("usageEnd", format!("{last}T00:00:00-07:00"))
        .with("nextLink", next);
    if let Some(data) = data {
        properties = properties.with("data", data);
    }
    let id = format!("{scope}/providers/Microsoft.CostManagement/dimensions/{name}");
    Ok(Object::new()
        .with("id", id)
        .with("name", name)
        .with("type", "Microsoft.CostManagement/dimensions")
        .with("properties", properties))
}

/// A link to more values of one dimension, of a request that may be for all of them.
fn of_category(link: &str, name: &str) -> String {
    let wanted = format!("properties/category%20eq%20'{name}'");
    let (front, query) = link.split_once('?').unwrap_or((link, ""));
    let mut is_filtered = false;
    let parts = query.split('&').map(|part| {
        let key = part.split('=').next().unwrap_or_default();
        if !key.replace("%24", "$").eq_ignore_ascii_case("$filter") {
            return part.to_owned();
        }
        is_filtered = true;
        if part.to_ascii_lowercase().contains("category") {
            part.to_owned()
        } else {
            format!("{part}%20and%20{wanted}")
        }
    });
    let query = parts.collect::<Vec<_>>().join("&");
    if is_filtered {
        format!("{front}?{query}")
    } else {
        format!("{front}?{query}&$filter={wanted}")
    }
}

fn tags(call: &Call) -> Handled {
    let scope = call.scope()?;
    rows::check_scope(&call.world, scope)?;
    let mut tags: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for subscription in rows::subscriptions(&call.world, scope) {
        let asked =
            |name: &str| scope.kind != Kind::ResourceGroup || name.eq_ignore_ascii_case(&scope.id);
        for group in subscription
            .groups
            .iter()
            .filter(|group| asked(&group.name))
        {
            for (key, value) in &group.tags {
                tags.entry(key).or_default().insert(value);
            }
        }
    }
    if tags.is_empty() {
        return Ok(Answer::empty(StatusCode::NO_CONTENT));
    }
    let items: Vec<Value> = tags
        .iter()
        .map(|(key, values)| json!({"key": key, "value": values}))
        .collect();
    let page = call.page(items, call.page_size(1000)?)?;
    let properties = Object::new()
        .with("tags", page.items)
        .with("nextLink", page.next)
        .with("previousLink", None::<String>);
    let id = format!("{}/providers/Microsoft.Consumption/tags", scope.path);
    Ok(Answer::json(
        &Object::new()
            .with("id", id)
            .with("name", "tags")
            .with("type", "Microsoft.Consumption/tags")
            .with("eTag", None::<()>)
            .with("properties", properties),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_more_values_are_of_one_dimension() {
        let link = of_category("http://h/d?a=1&$top=5", "Meter");
        let wanted = "properties/category%20eq%20'Meter'";
        assert_eq!(link, format!("http://h/d?a=1&$top=5&$filter={wanted}"));
        let link = of_category("http://h/d?%24filter=x%20ge%20'1'&$top=5", "Meter");
        let filter = format!("%24filter=x%20ge%20'1'%20and%20{wanted}");
        assert_eq!(link, format!("http://h/d?{filter}&$top=5"));
        let link = "http://h/d?$filter=properties/category%20eq%20'Meter'&$top=5";
        assert_eq!(of_category(link, "Meter"), link);
    }
}
