//! `azure usage`: rows of usage details, or their sums.

use std::cell::Cell;
use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use azure_cost::{UsageQuery, UsageRow};
use budget_engine::{Currency, Money};
use futures::{Stream, StreamExt, TryStreamExt, pin_mut, stream};

use super::{ANY, Asking, explained, nothing_of};
use crate::args::azure::{Usage, UsageBy};
use crate::listing::{List, Value};
use crate::output::talk;
use crate::words::counted;

pub(super) async fn run(asking: &Asking<'_>, options: &Usage) -> anyhow::Result<()> {
    let scope = asking.scope(ANY)?;
    let (from, to) = options.days.range()?;
    let query = UsageQuery::new(from, to, options.metric.into());
    let pages = asking.client()?.usage_details(&scope, &query);
    let pages = pages.map(|page| page.map_err(|error| explained(error, &scope)));
    let left_out = Cell::new(0);
    let rows = pages.map_ok(|page| {
        left_out.set(left_out.get() + page.skipped.len());
        for item in &page.skipped {
            talk(&format!(
                "item {} of page {} is of an unknown kind ({}) and left out",
                item.item, item.page, item.kind
            ));
        }
        stream::iter(page.rows.into_iter().map(anyhow::Ok))
    });
    let rows = rows.try_flatten();
    if options.by.is_empty() {
        let list = row_list().or_nothing(nothing_of(&scope, from, to));
        asking.print(list, rows).await?;
    } else {
        let sums = sum_up(&options.by, rows).await?;
        let sums = stream::iter(sums.into_iter().map(Ok));
        let list = sum_list(&options.by).or_nothing(nothing_of(&scope, from, to));
        asking.print(list, sums).await?;
    }
    whole(left_out.get())
}

/// Part of the costs must not look like all of them.
fn whole(left_out: usize) -> anyhow::Result<()> {
    ensure!(
        left_out == 0,
        "{} left out: costs and total are without them, so they are not all \
         that Azure has",
        counted(
            left_out,
            "item of an unknown kind is",
            "items of unknown kinds are"
        )
    );
    Ok(())
}

fn row_list() -> List<UsageRow> {
    List::of("row", "rows")
        .shown("Date", "date", |row: &UsageRow| row.date)
        .field("subscription_id", |row| Value::from(&row.subscription_id))
        .field("subscription_name", |row| {
            Value::from(&row.subscription_name)
        })
        .shown("Resource group", "resource_group", |row| {
            Value::from(&row.resource_group)
        })
        .field("resource_id", |row| Value::from(&row.resource_id))
        .shown("Resource", "resource", |row| last_part(&row.resource_id))
        .shown("Service", "service", |row| Value::from(service(row)))
        .field("meter_subcategory", |row| {
            Value::from(&row.meter_subcategory)
        })
        .shown("Meter", "meter", |row| Value::from(&row.meter_name))
        .field("region", |row| Value::from(&row.region))
        .shown("Charge", "charge_type", |row| Value::from(&row.charge_type))
        .field("frequency", |row| Value::from(&row.frequency))
        .field("pricing_model", |row| Value::from(&row.pricing_model))
        .field("publisher_type", |row| Value::from(&row.publisher_type))
        .field("publisher", |row| Value::from(&row.publisher_name))
        .field("benefit_id", |row| Value::from(&row.benefit_id))
        .field("cost_center", |row| Value::from(&row.cost_center))
        .field("billing_account_id", |row| {
            Value::from(&row.billing_account_id)
        })
        .field("billing_profile_id", |row| {
            Value::from(&row.billing_profile_id)
        })
        .field("invoice_section", |row| {
            Value::from(&row.invoice_section_name)
        })
        .field("tags", |row| Value::Pairs(row.tags.clone()))
        .number("Cost", "cost", |row| Value::money(row.cost, row.currency))
        .field("currency", |row| row.currency)
        .total(|row| Some(Money::new(row.cost, row.currency)))
}

/// What people call the service: the meter's category, or who consumed it where there is none.
fn service(row: &UsageRow) -> &str {
    match &*row.meter_category {
        "" => &row.consumed_service,
        category => category,
    }
}

fn last_part(path: &str) -> Value {
    path.rsplit('/').next().unwrap_or_default().into()
}

/// A sum, with the values that its rows have in common.
struct Sum {
    of: Vec<String>,
    cost: Money,
}

impl UsageBy {
    fn name(self) -> &'static str {
        match self {
            UsageBy::Day => "date",
            UsageBy::Month => "month",
            UsageBy::Subscription => "subscription_id",
            UsageBy::ResourceGroup => "resource_group",
            UsageBy::Resource => "resource_id",
            UsageBy::Service => "service",
            UsageBy::Meter => "meter",
            UsageBy::Region => "region",
            UsageBy::ChargeType => "charge_type",
            UsageBy::PricingModel => "pricing_model",
            UsageBy::Publisher => "publisher",
            UsageBy::CostCenter => "cost_center",
            UsageBy::InvoiceSection => "invoice_section",
        }
    }

    fn heading(self) -> &'static str {
        match self {
            UsageBy::Day => "Date",
            UsageBy::Month => "Month",
            UsageBy::Subscription => "Subscription",
            UsageBy::ResourceGroup => "Resource group",
            UsageBy::Resource => "Resource",
            UsageBy::Service => "Service",
            UsageBy::Meter => "Meter",
            UsageBy::Region => "Region",
            UsageBy::ChargeType => "Charge",
            UsageBy::PricingModel => "Pricing",
            UsageBy::Publisher => "Publisher",
            UsageBy::CostCenter => "Cost center",
            UsageBy::InvoiceSection => "Invoice section",
        }
    }

    fn of(self, row: &UsageRow) -> String {
        match self {
            UsageBy::Day => row.date.to_string(),
            UsageBy::Month => row.date.strftime("%Y-%m").to_string(),
            UsageBy::Subscription => row.subscription_id.to_lowercase(),
            // Azure writes one and the same group and resource in several cases.
            UsageBy::ResourceGroup => row.resource_group.to_lowercase(),
            UsageBy::Resource => row.resource_id.to_lowercase(),
            UsageBy::Service => service(row).to_owned(),
            UsageBy::Meter => row.meter_name.clone(),
            UsageBy::Region => row.region.clone(),
            UsageBy::ChargeType => row.charge_type.clone(),
            UsageBy::PricingModel => row.pricing_model.clone(),
            UsageBy::Publisher => row.publisher_name.clone(),
            UsageBy::CostCenter => row.cost_center.clone(),
            UsageBy::InvoiceSection => row.invoice_section_name.clone(),
        }
    }
}

fn sum_list(by: &[UsageBy]) -> List<Sum> {
    let mut list = List::of("sum", "sums");
    for (index, one) in by.iter().enumerate() {
        list = list.shown(one.heading(), one.name(), move |sum: &Sum| {
            Value::from(sum.of.get(index).map(|of| &**of).unwrap_or_default())
        });
    }
    list.number("Cost", "cost", |sum: &Sum| sum.cost)
        .field("currency", |sum| sum.cost.currency)
        .total(|sum| Some(sum.cost))
}

/// Sums of rows with the same values: by time in order, else the largest first.
async fn sum_up(
    by: &[UsageBy],
    rows: impl Stream<Item = anyhow::Result<UsageRow>>,
) -> anyhow::Result<Vec<Sum>> {
    let mut sums: BTreeMap<(Vec<String>, String), Money> = BTreeMap::new();
    pin_mut!(rows);
    while let Some(row) = rows.try_next().await? {
        let of: Vec<String> = by.iter().map(|one| one.of(&row)).collect();
        let currency: Currency = row.currency;
        let sum = sums.entry((of, currency.code().to_owned()));
        let sum = sum.or_insert(Money::zero(currency));
        *sum = sum
            .checked_add(Money::new(row.cost, currency))
            .context("sum up the costs")?;
    }
    let mut sums: Vec<Sum> = sums
        .into_iter()
        .map(|((of, _), cost)| Sum { of, cost })
        .collect();
    if !matches!(by.first(), Some(UsageBy::Day | UsageBy::Month)) {
        sums.sort_by_key(|sum| std::cmp::Reverse(sum.cost.amount));
    }
    Ok(sums)
}
