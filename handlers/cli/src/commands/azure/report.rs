//! `azure report`: a cost details report, made by Azure and saved as files.

use std::path::Path;

use anyhow::Context;
use azure_cost::{CostDetailsPeriod, CostDetailsQuery, ReportFile};
use budget_engine::{ScopeKind, plus_days};
use futures::{StreamExt, stream};
use jiff::ToSpan;

use super::{Asking, Explain, explained, nothing_of};
use crate::args::azure::Report;
use crate::args::wrong_use;
use crate::listing::{List, Value};
use crate::output::talk;
use crate::saving::Place;

const KINDS: &[ScopeKind] = &[
    ScopeKind::Subscription,
    ScopeKind::BillingAccount,
    ScopeKind::Department,
    ScopeKind::EnrollmentAccount,
    ScopeKind::BillingProfile,
    ScopeKind::InvoiceSection,
    ScopeKind::Customer,
];

/// A file of the report and where it is now.
struct Saved {
    name: String,
    bytes: Option<u64>,
    link: Option<String>,
}

pub(super) async fn run(asking: &Asking<'_>, options: &Report) -> anyhow::Result<()> {
    let scope = asking.scope(KINDS)?;
    if !KINDS.contains(&scope.kind()) {
        // Before anything is said or made.
        return Err(wrong_use(format!(
            "Azure makes no report of {}; ask for a subscription or a billing scope that holds it",
            scope.kind().with_article()
        )));
    }
    let (from, to) = options.days.range()?;
    let last = plus_days(to, -1);
    if last >= from.saturating_add(1.month()) {
        return Err(wrong_use(format!(
            "--from {from} --to {last} is longer than a month, which is the most that Azure puts \
             into one report; ask for each month on its own"
        )));
    }
    let query = CostDetailsQuery {
        metric: options.metric.into(),
        period: CostDetailsPeriod::Days(from, last),
    };
    let client = asking.client()?;
    let stem = format!("costs-{from}-{last}");
    if !options.reveal_links {
        let folder = &options.folder;
        let made = std::fs::create_dir_all(folder);
        made.with_context(|| format!("make the folder {}", folder.display()))?;
        // It is better to know now than after some minutes. How many files there will be, and of
        // which kind, nobody knows yet.
        for end in ["csv", "csv.gz", "1.csv", "1.csv.gz"] {
            Place::new(&folder.join(format!("{stem}.{end}")), options.force)?;
        }
    }
    talk("Azure makes the report, which takes some minutes");
    let report = client.cost_details(&scope, &query).await.explain(&scope)?;
    let end = match report.is_compressed {
        true => "csv.gz",
        false => "csv",
    };
    if report.is_compressed && !options.reveal_links {
        talk("Azure has compressed the files; gunzip unpacks them, and files sources read them");
    }
    let places = report.files.iter().enumerate().map(|(index, file)| {
        let name = match report.files.len() {
            1 => format!("{stem}.{end}"),
            _ => format!("{stem}.{}.{end}", index + 1),
        };
        (options.folder.join(name), file)
    });
    let mut saved = Vec::new();
    for (path, file) in places {
        let bytes = match options.reveal_links {
            true => file.bytes,
            false => {
                let place = Place::new(&path, options.force)?;
                let bytes = client.download(&file.link);
                let bytes = bytes.map(|bytes| bytes.map_err(|error| explained(error, &scope)));
                // Whether the size is the packed or the unpacked one, Azure does not say.
                let announced = report.bytes_to_come(file);
                Some(place.save(announced, bytes).await?)
            }
        };
        saved.push(row(&path, file, bytes, options.reveal_links));
    }
    let list = List::of("file", "files")
        .shown("File", "file", |file: &Saved| Value::from(&file.name))
        .number("Bytes", "bytes", |file| {
            file.bytes.map(rust_decimal::Decimal::from)
        });
    let list = match options.reveal_links {
        true => list.shown("Link", "link", |file| file.link.clone()),
        false => list,
    };
    let list = list.or_nothing(nothing_of(&scope, from, to));
    asking
        .print(list, stream::iter(saved.into_iter().map(Ok)))
        .await
}

fn row(path: &Path, file: &ReportFile, bytes: Option<u64>, reveal: bool) -> Saved {
    Saved {
        name: match reveal {
            true => file.link.path().to_owned(),
            false => path.display().to_string(),
        },
        bytes,
        link: reveal.then(|| file.link.reveal().to_string()),
    }
}
