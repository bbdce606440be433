//! `azure forecast`: what Azure's own model expects. `spendwatch forecast` is ours.

use azure_cost::{Forecast as Answer, ForecastDefinition, QueryDefinition, QueryRow, TimePeriod};
use futures::stream;
use jiff::Timestamp;
use spendwatch::day_of;

use super::{ANY, Asking, Explain, range};
use crate::args::azure::Forecast;
use crate::listing::{List, Value};

pub(super) async fn run(asking: &Asking<'_>, options: &Forecast) -> anyhow::Result<()> {
    let scope = asking.scope(ANY)?;
    let from = options.from.unwrap_or_else(|| day_of(Timestamp::now()));
    let (from, to) = range(from, options.to.unwrap_or(from.last_of_month()))?;
    let query = QueryDefinition::costs(options.metric.into(), TimePeriod::days(from, to)).daily();
    let mut definition = ForecastDefinition::new(query);
    if !options.with_actual {
        definition = definition.without_actual_cost();
    }
    let forecast = asking.client()?.forecast(&scope, &definition).await;
    let rows = match forecast.explain(&scope)? {
        Answer::Rows(rows) => rows,
        Answer::NoHistory => anyhow::bail!(
            "Azure has no forecast of {scope}: there are no costs, or too few days of them (it \
             wants about four weeks)"
        ),
        Answer::NotPossible { code, message } => anyhow::bail!(
            "Azure's model cannot forecast {scope} ({code}: {message}); it does not help to ask again"
        ),
    };
    let list = List::of("row", "rows")
        .shown("Date", "date", |row: &QueryRow| row.date())
        .shown("Kind", "kind", |row| {
            Value::from(row.cost_status().unwrap_or_default())
        })
        .number("Cost", "cost", |row| match row.money() {
            Some(money) => Value::from(money),
            None => row.cost().into(),
        })
        .field("currency", QueryRow::currency)
        .total(QueryRow::money);
    asking
        .print(list, stream::iter(rows.into_iter().map(Ok)))
        .await
}
