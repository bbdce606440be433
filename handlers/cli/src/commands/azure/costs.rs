//! `azure costs`: costs that Azure has summed up, by Cost Management's query.

use azure_cost::{QueryDefinition, QueryRow, QueryValue, TimePeriod};
use budget_engine::ScopeKind;

use super::{ANY, Asking, nothing_of};
use crate::args::azure::{Costs, Granularity, GroupBy};
use crate::args::wrong_use;
use crate::listing::{List, Value};

pub(super) async fn run(asking: &Asking<'_>, options: &Costs) -> anyhow::Result<()> {
    let scope = asking.scope(ANY)?;
    let (from, to) = options.days.range()?;
    let period = TimePeriod::days(from, to);
    let mut query = QueryDefinition::costs(options.metric.into(), period);
    query = match options.granularity {
        Granularity::Total => query,
        Granularity::Daily => query.daily(),
        Granularity::Monthly => query.monthly(),
    };
    if options.by.len() > 2 {
        let message = "Azure groups by two things at most; `azure usage --by` by any number";
        return Err(wrong_use(message));
    }
    let mut list = List::of("row", "rows");
    if options.granularity != Granularity::Total {
        list = list.shown("Date", "date", |row: &QueryRow| row.date());
    }
    for by in &options.by {
        match by {
            GroupBy::Tag(tag) => {
                query = query.by_tag(tag);
                list = list.shown(tag, format!("tag:{tag}"), |row| value(row.get("TagValue")));
            }
            GroupBy::Dimension { word, name } => {
                let has_resources = [ScopeKind::Subscription, ScopeKind::ResourceGroup];
                if name == "ResourceId" && !has_resources.contains(&scope.kind()) {
                    return Err(wrong_use(format!(
                        "Azure groups by resource at a subscription or resource group only, and \
                         {scope} is {}; `azure usage --by resource` sums up its rows",
                        scope.kind().with_article()
                    )));
                }
                query = query.by_dimension(name);
                let name = name.clone();
                list = list.shown(&heading(word), word.replace('-', "_"), move |row| {
                    value(row.get(&name))
                });
            }
        }
    }
    let list = list
        .number("Cost", "cost", |row| match row.money() {
            Some(money) => Value::from(money),
            None => row.cost().into(),
        })
        .field("currency", QueryRow::currency)
        .total(QueryRow::money)
        .or_nothing(nothing_of(&scope, from, to));
    let rows = asking.client()?.query(&scope, &query);
    asking.list(list, &scope, rows).await
}

fn heading(word: &str) -> String {
    let words = word.replace('-', " ");
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// A cell of an answer.
pub(super) fn value(value: Option<&QueryValue>) -> Value {
    match value {
        None | Some(QueryValue::Nothing) => Value::Nothing,
        Some(QueryValue::Number(number)) => (*number).into(),
        Some(QueryValue::Text(text)) => text.into(),
        Some(QueryValue::Day(day)) => (*day).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_words() {
        assert_eq!(heading("resource-group"), "Resource group");
        assert_eq!(heading("BillingMonth"), "BillingMonth");
    }
}
