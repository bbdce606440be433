//! Cost files through the crate's front door.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod bad_rows;
mod bytes;
mod columns;
mod properties;

use budget_engine::{CostBasis, CostFacts, Dimension, FactsBuilder, Projection, TagName};
use cost_data::{Error, Options, Report, fold};
use jiff::Timestamp;

/// The smallest header, and a row of it that costs 1.
pub(crate) const HEADER: &str = "Date,SubscriptionId,Cost,BillingCurrency\n";
pub(crate) const ROW: &str = "10/31/2026,s,1,EUR\n";

pub(crate) fn actual() -> Options {
    Options::new(CostBasis::Actual)
}

pub(crate) fn projection(dimensions: &[Dimension], tags: &[&str]) -> Projection {
    Projection {
        dimensions: dimensions.iter().copied().collect(),
        tags: tags.iter().map(|tag| TagName::new(tag)).collect(),
    }
}

/// Folds one file with the given columns kept.
pub(crate) fn fold_with(
    file: impl AsRef<[u8]>,
    options: &Options,
    projection: Projection,
) -> Result<(Report, CostFacts), Error> {
    let mut facts = FactsBuilder::new(projection);
    let report = fold(file.as_ref(), options, &mut facts)?;
    Ok((report, facts.finish(Timestamp::UNIX_EPOCH)))
}

/// Folds one file and keeps nothing but places, currencies and kinds.
pub(crate) fn fold_plain(file: impl AsRef<[u8]>) -> Result<(Report, CostFacts), Error> {
    fold_with(file, &actual(), Projection::default())
}

/// The facts as sorted lines: `place currency kind [dimensions] [tags] day actual/amortized`.
pub(crate) fn lines(facts: &CostFacts) -> Vec<String> {
    let mut lines = Vec::new();
    for series in facts.series() {
        let key = &series.key;
        let place = &key.place;
        let mut scopes: Vec<String> = place.resource.iter().map(|s| s.to_string()).collect();
        scopes.extend(place.billing.iter().map(|scope| scope.to_string()));
        scopes.extend(place.read_at.iter().map(|scope| scope.to_string()));
        for day in &series.days {
            lines.push(format!(
                "{} {} {} [{}] [{}] {} {}/{}",
                scopes.join(" "),
                key.currency,
                key.category,
                key.dimensions.join("|"),
                key.tags.join("|"),
                day.date,
                day.actual.normalize(),
                day.amortized.normalize(),
            ));
        }
    }
    lines.sort();
    lines
}
