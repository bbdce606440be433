//! Queries: costs summed up by Azure, as rows under named columns.

use std::sync::Arc;

use budget_engine::{Currency, Money, Scope};
use futures::Stream;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::API_VERSION;
use super::definition::{QueryDataset, QueryDefinition};
use crate::client::{Client, scope_path};
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{Page, Repeats, flatten, lazily, pages};
use crate::quotas::Meters;
use crate::request::Request;
use crate::wire;

/// A column of a query's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryColumn {
    /// Its name: what was asked for, its source, or the alias; Azure is not consistent.
    pub name: String,
    /// `Number`, `String` or `Datetime`.
    pub kind: String,
}

/// A value in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryValue {
    /// Azure says nothing.
    Nothing,
    /// A number with all its digits. `UsageDate` is one, too: `20261118`.
    Number(Decimal),
    /// Text, in Azure's letter case, which varies.
    Text(String),
    /// A day, from a column of type `Datetime`.
    Day(Date),
}

/// A row of a query's or forecast's answer. Its columns are found by name, because their order and
/// the names of sums depend on what Azure makes of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRow {
    layout: Arc<Layout>,
    values: Vec<QueryValue>,
    currency: Option<Currency>,
}

impl QueryRow {
    /// The columns of this row, the same for all rows of a page.
    pub fn columns(&self) -> &[QueryColumn] {
        &self.layout.columns
    }

    /// The values of all columns.
    pub fn values(&self) -> &[QueryValue] {
        &self.values
    }

    /// The value in a column, by name in any letter case.
    pub fn get(&self, column: &str) -> Option<&QueryValue> {
        self.values.get(position(&self.layout.columns, column)?)
    }

    /// The text in a column; `None` if there is none.
    pub fn text(&self, column: &str) -> Option<&str> {
        match self.get(column)? {
            QueryValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a sum, by the alias that the definition gave it, whatever the answer calls it.
    pub fn sum(&self, alias: &str) -> Option<Decimal> {
        let mut sums = self.layout.sums.iter();
        let (_, at) = sums.find(|(known, _)| known == alias)?;
        self.number(*at)
    }

    /// The cost in the currency of the row, whatever its alias.
    pub fn cost(&self) -> Option<Decimal> {
        self.number(self.layout.cost?)
    }

    /// The cost in US dollars, if it was asked for.
    pub fn cost_usd(&self) -> Option<Decimal> {
        self.number(self.layout.cost_usd?)
    }

    /// The currency of the row; one answer may hold several.
    pub fn currency(&self) -> Option<Currency> {
        self.currency
    }

    /// The cost with its currency.
    pub fn money(&self) -> Option<Money> {
        Some(Money::new(self.cost()?, self.currency?))
    }

    /// The day of the row, or the first day of its month.
    pub fn date(&self) -> Option<Date> {
        match &self.values[self.layout.date?] {
            QueryValue::Day(day) => Some(*day),
            QueryValue::Number(number) => wire::day(&number.normalize().to_string()),
            QueryValue::Text(text) => wire::day(text),
            QueryValue::Nothing => None,
        }
    }

    /// Whether a forecast's row is `Actual` cost or `Forecast`.
    pub fn cost_status(&self) -> Option<&str> {
        self.text("CostStatus")
    }

    fn number(&self, at: usize) -> Option<Decimal> {
        match &self.values[at] {
            QueryValue::Number(number) => Some(*number),
            _ => None,
        }
    }
}

impl Client {
    /// The rows of a query. A scope without costs has none.
    ///
    /// Azure charges a query by the months it asks for, and every scope may be asked a few times a
    /// minute only: the client waits for its turn, and says [`Error::Throttled`] where that would
    /// take too long. The numbers change every four hours or so.
    pub fn query(
        &self,
        scope: &Scope,
        definition: &QueryDefinition,
    ) -> impl Stream<Item = Result<QueryRow, Error>> + Send + use<> {
        let operation = format!("query costs of {scope}");
        let dataset = definition.dataset.clone();
        lazily(scope_path(&operation, scope).map(|path| {
            // The largest page that Azure gives, because every page counts against the quotas.
            let query = format!("{API_VERSION}&$top=5000");
            let tail = "/providers/Microsoft.CostManagement/query";
            let url = self.url(&path, tail, &query);
            let meters = Meters::query(scope.folded(), definition.months());
            let request = Request::ask(operation, url, definition).with_meters(meters);
            let pages = pages(
                self.transport.clone(),
                request,
                None,
                move |answer, page, repeats| {
                    read_page(&answer.body, page, &dataset, Rows::Required, repeats)
                },
            );
            flatten(pages)
        }))
    }
}

/// Where things stand in the rows of a page.
#[derive(Debug, PartialEq, Eq)]
struct Layout {
    columns: Vec<QueryColumn>,
    /// The columns of sums, by alias.
    sums: Vec<(String, usize)>,
    cost: Option<usize>,
    cost_usd: Option<usize>,
    currency: Option<usize>,
    date: Option<usize>,
}

/// Names for the same sum: an alias may stand for one, and the answer for another.
const COST: &[&str] = &["Cost", "PreTaxCost"];
const COST_USD: &[&str] = &["CostUSD", "PreTaxCostUSD"];

impl Layout {
    fn new(columns: Vec<QueryColumn>, dataset: &QueryDataset) -> Result<Layout, String> {
        let first = |names: &[&str]| names.iter().find_map(|name| position(&columns, name));
        let mut layout = Layout {
            sums: Vec::new(),
            cost: first(COST),
            cost_usd: first(COST_USD),
            currency: first(&["Currency", "BillingCurrency", "BillingCurrencyCode"]),
            date: first(&["UsageDate", "Date", "BillingMonth", "Month"]),
            columns: Vec::new(),
        };
        for (alias, sum) in &dataset.aggregation {
            let is_any = |names: &[&str]| {
                names
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(&sum.name))
            };
            let family = match () {
                () if is_any(COST) => COST,
                () if is_any(COST_USD) => COST_USD,
                () => &[],
            };
            let at = position(&columns, alias)
                .or_else(|| position(&columns, &sum.name))
                .or_else(|| first(family));
            let Some(at) = at else {
                // Without it the cost would read as nothing.
                return Err(format!("no column holds the sum `{alias}` of {}", sum.name));
            };
            if is_any(COST) {
                layout.cost = Some(at);
            } else if is_any(COST_USD) {
                layout.cost_usd = Some(at);
            }
            layout.sums.push((alias.clone(), at));
        }
        layout.columns = columns;
        Ok(layout)
    }
}

fn position(columns: &[QueryColumn], name: &str) -> Option<usize> {
    columns
        .iter()
        .position(|column| column.name.eq_ignore_ascii_case(name))
}

/// Whether an answer has to have rows, if only `null` or a list of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Without them the costs would read as nothing.
    Required,
    /// An answer without them is one.
    Optional,
}

/// Reads a page of a query's or forecast's answer.
pub(crate) fn read_page(
    body: &[u8],
    number: usize,
    dataset: &QueryDataset,
    rows: Rows,
    repeats: &mut Repeats,
) -> Result<Page<Vec<QueryRow>>, String> {
    let in_page = |problem| format!("{problem} in page {number}");
    let body = Fields::of_body(body).map_err(|problem| format!("page {number} {problem}"))?;
    let properties = body.object("properties").map_err(in_page)?;
    read_rows(&properties, dataset, rows, repeats).map_err(in_page)
}

fn read_rows(
    properties: &Fields,
    dataset: &QueryDataset,
    rows: Rows,
    repeats: &mut Repeats,
) -> Result<Page<Vec<QueryRow>>, String> {
    let next = properties.optional_text("nextLink")?;
    let rows = match rows {
        Rows::Required
            if !properties
                .names()
                .any(|name| name.eq_ignore_ascii_case("rows")) =>
        {
            return Err(properties.missing("rows"));
        }
        _ => properties.optional_list("rows")?,
    };
    // Every sum is of a group of its own, so two rows that are the same are one. Without sums rows
    // are single costs, of which two may be the same.
    let is_sum = !dataset.aggregation.is_empty();
    let rows = repeats.without_repeated(rows, |_| is_sum);
    if rows.is_empty() {
        // An empty answer need not say which columns it does not fill.
        let content = Vec::new();
        return Ok(Page { content, next });
    }
    let read_column = |column: &Fields| {
        Ok::<_, String>(QueryColumn {
            name: column.required_text("name")?,
            kind: column.text("type")?,
        })
    };
    let columns = properties.objects("columns")?;
    let columns: Vec<QueryColumn> = columns.iter().map(read_column).collect::<Result<_, _>>()?;
    let layout = Arc::new(Layout::new(columns, dataset)?);
    let read = |(index, row): (usize, &&RawValue)| {
        read_row(row, &layout).map_err(|problem| format!("{problem} in row {}", index + 1))
    };
    let rows = rows.iter().enumerate().map(read);
    Ok(Page {
        content: rows.collect::<Result<_, _>>()?,
        next,
    })
}

fn read_row(row: &RawValue, layout: &Arc<Layout>) -> Result<QueryRow, String> {
    let cells: Vec<&RawValue> =
        serde_json::from_str(row.get()).map_err(|_| "what should be a list is none")?;
    if cells.len() != layout.columns.len() {
        let (found, expected) = (cells.len(), layout.columns.len());
        return Err(format!("there are {found} values for {expected} columns"));
    }
    let mut values = Vec::with_capacity(cells.len());
    for (cell, column) in cells.into_iter().zip(&layout.columns) {
        let value = read_value(cell, column);
        values.push(value.ok_or_else(|| format!("`{}` is not a {}", column.name, column.kind))?);
    }
    let currency = match layout.currency.map(|at| &values[at]) {
        Some(QueryValue::Text(code)) => Some(code.parse()),
        _ => None,
    };
    let currency = currency.transpose();
    Ok(QueryRow {
        layout: Arc::clone(layout),
        values,
        currency: currency.map_err(|_| "the currency is not a known one")?,
    })
}

fn read_value(cell: &RawValue, column: &QueryColumn) -> Option<QueryValue> {
    if matches!(cell.get(), "null" | "\"\"") {
        return Some(QueryValue::Nothing);
    }
    if column.kind.eq_ignore_ascii_case("Number") {
        return wire::decimal(cell).map(QueryValue::Number);
    }
    let is_value = !cell.get().starts_with(['{', '[']);
    let text: wire::Text = serde_json::from_str(cell.get()).ok().filter(|_| is_value)?;
    let is_day = column.kind.to_ascii_lowercase().starts_with("date");
    Some(match wire::day(&text.0).filter(|_| is_day) {
        Some(day) => QueryValue::Day(day),
        None => QueryValue::Text(text.0),
    })
}
