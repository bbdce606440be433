//! The price sheet of a billing profile (Customer or Partner Agreement) or of an Enterprise billing
//! account, which Azure makes as a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, bail};
use azure_cost::{Error, PriceSheetFile};
use budget_engine::{Currency, Money, Scope, ScopeKind};
use csv_core::ReadRecordResult;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use rust_decimal::Decimal;
use spendwatch::day_of;

use super::{Asking, Explain, explained};
use crate::args::azure::Prices;
use crate::args::{WrongUse, wrong_use};
use crate::listing::{List, Value};
use crate::output::talk;
use crate::saving::Place;

pub(super) async fn run(
    asking: &Asking<'_>,
    options: &Prices,
    scope: &Scope,
) -> anyhow::Result<()> {
    let period = match &options.period {
        Some(period) => period.clone(),
        None => day_of(Timestamp::now()).strftime("%Y%m").to_string(),
    };
    let sheet = sheet(options, scope, &period)?;
    let place = options.save.as_deref();
    let place = place.map(|file| Place::new(file, options.force));
    let place = place.transpose()?;
    let client = asking.client()?;
    talk("Azure makes the price sheet, which takes some minutes");
    let started = client.start_price_sheet(scope, &sheet).await;
    let started = started.map_err(|error| refused(error, scope, &sheet))?;
    let made = client.wait_for_file(started).await;
    let Some(file) = made.explain(scope)? else {
        bail!("Azure has no prices of {scope} for {}", words(&sheet));
    };
    let bytes = client.download(&file.link);
    let bytes = bytes.map(|bytes| bytes.map_err(|error| explained(error, scope)));
    if let (Some(place), Some(path)) = (place, &options.save) {
        let written = place.save(file.bytes, bytes).await?;
        talk(&format!(
            "the price sheet is saved as {}, {written} bytes",
            path.display()
        ));
        return Ok(());
    }
    asking.print(list(), prices(bytes)).await
}

/// Which price sheet of a scope is meant.
fn sheet<'a>(
    options: &'a Prices,
    scope: &Scope,
    period: &'a str,
) -> anyhow::Result<PriceSheetFile<'a>> {
    match (scope.kind(), &options.invoice) {
        (ScopeKind::BillingProfile, _) if options.period.is_some() => Err(wrong_use(
            "--period is for an Enterprise billing account or subscription; a billing profile has \
             the prices of now, or with --invoice those of an invoice",
        )),
        (ScopeKind::BillingProfile, Some(invoice)) => Ok(PriceSheetFile::Invoice(invoice)),
        (ScopeKind::BillingProfile, None) => Ok(PriceSheetFile::Current),
        // The ids of Customer and Partner Agreements have a colon in them.
        (ScopeKind::BillingAccount, _) if scope.id().contains(':') => Err(wrong_use(format!(
            "under a Customer or Partner Agreement each billing profile has a price sheet of its \
             own; `azure billing profiles --scope {scope}` lists them"
        ))),
        (ScopeKind::BillingAccount, Some(_)) => {
            Err(wrong_use("--invoice is for a billing profile"))
        }
        (ScopeKind::BillingAccount, None) => Ok(PriceSheetFile::BillingPeriod(period)),
        (kind, _) => Err(wrong_use(format!(
            "there is no price sheet of {}. {WHO_HAS}",
            kind.with_article()
        ))),
    }
}

/// Why a price sheet is not made, and who has one.
fn refused(error: Error, scope: &Scope, sheet: &PriceSheetFile<'_>) -> anyhow::Error {
    match (&error, sheet) {
        // The invoice is what is not found, not the scope.
        (Error::NotFound { .. }, PriceSheetFile::Invoice(_)) => error.into(),
        _ => with_who_has(error, scope),
    }
}

/// An error with who has price sheets in front, where this agreement has none here.
pub(super) fn with_who_has(error: Error, scope: &Scope) -> anyhow::Error {
    let is_offered = !matches!(error, Error::Invalid { .. });
    let error = explained(error, scope);
    if is_offered || error.is::<WrongUse>() {
        return error;
    }
    error.context(format!("there is no price sheet of {scope}. {WHO_HAS}"))
}

const WHO_HAS: &str = "An Enterprise Agreement has one at subscriptions and at the billing account, \
                       a Customer or Partner Agreement at each billing profile; pay-as-you-go has \
                       --rate-card, and everybody --retail";

fn words(sheet: &PriceSheetFile<'_>) -> String {
    match sheet {
        PriceSheetFile::BillingPeriod(name) => format!("the billing period {name}"),
        PriceSheetFile::Current => "now".to_owned(),
        PriceSheetFile::Invoice(name) => format!("the invoice {name}"),
    }
}

/// A row of the file.
struct Price {
    columns: Arc<BTreeMap<String, usize>>,
    values: Vec<String>,
    price: Money,
}

impl Price {
    fn get(&self, name: &str) -> &str {
        let index = self.columns.get(name);
        index.map_or("", |index| &self.values[*index])
    }
}

fn list() -> List<Price> {
    let text = |name: &'static str| move |price: &Price| Value::from(price.get(name));
    List::of("price", "prices")
        .shown("Category", "category", text("metercategory"))
        .field("sub_category", text("metersubcategory"))
        .shown("Meter", "meter", text("metername"))
        .shown("Region", "region", text("meterregion"))
        .field("meter_id", text("meterid"))
        .field("product", text("product"))
        .field("product_id", text("productid"))
        .field("part_number", text("partnumber"))
        .field("sku_id", text("skuid"))
        .shown("Kind", "kind", text("pricetype"))
        .shown("Term", "term", text("term"))
        .field("effective_from", text("effectivestartdate"))
        .field("effective_until", text("effectiveenddate"))
        .field("from_quantity", text("tierminimumunits"))
        .field("included_quantity", text("includedquantity"))
        .shown("Unit", "unit", text("unitofmeasure"))
        .field("market_price", text("marketprice"))
        .number("Price", "price", |price| Value::Price(price.price))
        .field("currency", |price| price.price.currency)
}

/// The prices of a file, read while it comes.
fn prices<B: AsRef<[u8]>>(
    bytes: impl Stream<Item = anyhow::Result<B>>,
) -> impl Stream<Item = anyhow::Result<Price>> {
    let mut file = File {
        // Its default is not ready to read.
        csv: csv_core::Reader::new(),
        ..File::default()
    };
    let pieces = bytes.map_ok(Some).chain(stream::once(async { Ok(None) }));
    let found = pieces.map_ok(move |piece| {
        let found = match piece {
            Some(piece) => file.read(piece.as_ref(), false),
            None => file.read(&[], true),
        };
        stream::iter(found)
    });
    found.try_flatten()
}

/// Longest row that is taken for one: a sheet has some hundred bytes in each.
const LONGEST_ROW: usize = 1 << 20;

/// Names of the columns without which a row says no price, in lower case; each is one of several.
const NEEDED: [&[&str]; 4] = [
    &["metername"],
    &["unitofmeasure"],
    &["unitprice"],
    &["currencycode", "currency", "billingcurrency"],
];

/// A CSV file under way, one row of it at a time.
#[derive(Default)]
struct File {
    csv: csv_core::Reader,
    text: Vec<u8>,
    written: usize,
    ends: Vec<usize>,
    fields: usize,
    /// Rows that have ended, with that of the columns.
    rows: usize,
    columns: Option<Arc<BTreeMap<String, usize>>>,
    is_broken: bool,
}

impl File {
    /// The rows that end in the next piece of the file.
    fn read(&mut self, mut piece: &[u8], is_last: bool) -> Vec<anyhow::Result<Price>> {
        let mut found = Vec::new();
        // To the reader of CSV, nothing means the end of the file.
        while !self.is_broken && (is_last || !piece.is_empty()) {
            let (result, read, written, fields) = self.csv.read_record(
                piece,
                &mut self.text[self.written..],
                &mut self.ends[self.fields..],
            );
            piece = &piece[read..];
            self.written += written;
            self.fields += fields;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.text.len() < LONGEST_ROW => {
                    self.text.resize(self.text.len() * 2 + 4096, 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < LONGEST_ROW => {
                    self.ends.resize(self.ends.len() * 2 + 64, 0);
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    let row = self.rows + 1;
                    self.is_broken = true;
                    found.push(Err(anyhow::anyhow!(
                        "row {row} of the price sheet has no end"
                    )));
                }
                ReadRecordResult::Record => {
                    self.rows += 1;
                    let price = self.row().transpose();
                    self.is_broken = matches!(price, Some(Err(_)));
                    found.extend(price);
                    (self.written, self.fields) = (0, 0);
                }
                ReadRecordResult::End => break,
            }
        }
        found
    }

    /// What the row says that has just ended; the first one names the columns.
    fn row(&mut self) -> anyhow::Result<Option<Price>> {
        let text = &self.text[..self.written];
        let Some(columns) = &self.columns else {
            if text.starts_with(b"PK") {
                bail!(
                    "the price sheet is a ZIP file, which is not shown; --save FILE saves it, with \
                     a name that ends in .zip"
                );
            }
            self.columns = Some(Arc::new(columns(&values(
                text,
                &self.ends[..self.fields],
            )?)?));
            return Ok(None);
        };
        let row = self.rows;
        let place = || format!("row {row} of the price sheet");
        let values = values(text, &self.ends[..self.fields]).with_context(place)?;
        if values.len() != columns.len() {
            bail!(
                "{} has {} values, and there are {} columns",
                place(),
                values.len(),
                columns.len()
            );
        }
        let get = |names: &[&str]| {
            let mut found = names.iter().filter_map(|name| columns.get(*name));
            found.next().map_or("", |index| values[*index].trim())
        };
        let price = get(NEEDED[2]);
        let amount = price.parse::<Decimal>();
        let amount = amount.or_else(|_| Decimal::from_scientific(price));
        let Ok(amount) = amount else {
            bail!("{}: the unit price `{price}` is not a number", place());
        };
        let code = get(NEEDED[3]);
        let Ok(currency) = code.parse::<Currency>() else {
            bail!("{}: `{code}` is not a currency such as EUR", place());
        };
        Ok(Some(Price {
            price: Money::new(amount, currency),
            columns: columns.clone(),
            values,
        }))
    }
}

/// The values of a row, each ending where the list of ends says.
fn values(text: &[u8], ends: &[usize]) -> anyhow::Result<Vec<String>> {
    let mut begin = 0;
    let values = ends.iter().map(|end| {
        let value = std::str::from_utf8(&text[begin..*end]).context("it is not UTF-8")?;
        begin = *end;
        Ok(value.to_owned())
    });
    values.collect()
}

/// Where the columns are, by their names in lower case: agreements spell them differently.
fn columns(names: &[String]) -> anyhow::Result<BTreeMap<String, usize>> {
    let clean = |name: &String| name.trim_start_matches('\u{feff}').trim().to_lowercase();
    let columns: BTreeMap<String, usize> = names.iter().map(clean).zip(0..).collect();
    if columns.len() != names.len() {
        bail!("the price sheet names a column twice: {}", names.join(", "));
    }
    for any_of in NEEDED {
        if !any_of.iter().any(|name| columns.contains_key(*name)) {
            bail!(
                "the price sheet has no column {}, only {}",
                any_of.join(" or "),
                names.join(", ")
            );
        }
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &str, size: usize) -> anyhow::Result<Vec<Price>> {
        let pieces = text.as_bytes().chunks(size.max(1));
        prices(stream::iter(pieces.map(anyhow::Ok)))
            .try_collect()
            .await
    }

    const SHEET: &str = "\u{feff}MeterName,UnitOfMeasure,\"unitPrice\",CurrencyCode,Term\r\n\
        \"D4s v5, Linux\",1 Hour,0.256,EUR,\r\n\
        \"says \"\"hot\"\"\",100 GB,1.5E-5,eur,P1Y";

    #[tokio::test]
    async fn lines_are_read_however_the_file_is_cut() {
        for size in [1, 2, 7, 64, 4096] {
            let found = read(SHEET, size).await.unwrap();
            assert_eq!(found.len(), 2, "{size}");
            assert_eq!(found[0].get("metername"), "D4s v5, Linux");
            assert_eq!(found[0].price, Money::parse("0.256 EUR").unwrap());
            assert_eq!(found[1].get("metername"), "says \"hot\"");
            assert_eq!(found[1].get("term"), "P1Y");
            assert_eq!(found[1].get("partnumber"), "");
            assert_eq!(found[1].price, Money::parse("0.000015 EUR").unwrap());
        }
        let head = SHEET.lines().next().unwrap();
        assert!(read(head, 9).await.unwrap().is_empty());
        assert!(read("", 1).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_is_no_price_sheet_says_where() {
        for (text, says) in [
            (
                SHEET.replace("0.256", "much"),
                "row 2 of the price sheet: the unit price `much`",
            ),
            (
                SHEET.replace(",eur,", ",,"),
                "row 3 of the price sheet: `` is not a currency",
            ),
            (
                SHEET.replace(",P1Y", ""),
                "row 3 of the price sheet has 4 values",
            ),
            (
                SHEET.replace("unitPrice", "price"),
                "no column unitprice, only",
            ),
            (SHEET.replace("Term", "metername"), "names a column twice"),
            ("PK\u{3}\u{4}and more\n".to_owned(), "is a ZIP file"),
            (format!("a,\"{}", "x".repeat(3 << 20)), "has no end"),
        ] {
            let error = read(&text, 4096).await.err().unwrap();
            assert!(format!("{error:#}").contains(says), "{says} in {error:#}");
        }
    }
}
