//! `azure costs`: costs that Azure has summed up, by Cost Management's query.

use azure_cost::{QueryDefinition, QueryRow, QueryValue, TimePeriod};

use super::{ANY, Asking};
use crate::args::azure::{Costs, Granularity};
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
    for word in &options.by {
        let word = word.trim();
        if let Some(tag) = word.strip_prefix("tag:") {
            query = query.by_tag(tag);
            list = list.shown(tag, format!("tag:{tag}"), |row| value(row.get("TagValue")));
        } else {
            let dimension = dimension(word);
            query = query.by_dimension(dimension);
            let name = dimension.to_owned();
            let heading = heading(word);
            list = list.shown(&heading, word.replace('-', "_"), move |row| {
                value(row.get(&name))
            });
        }
    }
    let list = list
        .number("Cost", "cost", |row| match row.money() {
            Some(money) => Value::from(money),
            None => row.cost().into(),
        })
        .field("currency", QueryRow::currency)
        .total(QueryRow::money);
    let rows = asking.client()?.query(&scope, &query);
    asking.list(list, &scope, rows).await
}

/// The dimension that a word of ours means; any other is taken as Azure's own.
fn dimension(word: &str) -> &str {
    match word {
        "service" => "ServiceName",
        "resource-group" => "ResourceGroupName",
        "subscription" => "SubscriptionId",
        "resource" => "ResourceId",
        "region" => "ResourceLocation",
        "meter" => "Meter",
        "charge-type" => "ChargeType",
        "publisher" => "PublisherType",
        other => other,
    }
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
    fn words_are_read_by_people_and_by_azure() {
        assert_eq!(dimension("resource-group"), "ResourceGroupName");
        assert_eq!(dimension("BillingMonth"), "BillingMonth");
        assert_eq!(heading("resource-group"), "Resource group");
    }
}
