//! What holds for all files.

use std::io::Read;

use budget_engine::{CostFacts, Dimension, FactsBuilder, Projection};
use cost_data::{Options, Tolerance, fold};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::{actual, projection};

const HEADER: &str =
    "Date,SubscriptionId,ResourceGroup,MeterCategory,Cost,Currency,Tags,ChargeType";

fn kept() -> Projection {
    projection(
        &[Dimension::ServiceName, Dimension::ResourceGroupName],
        &["env"],
    )
}

fn row() -> impl Strategy<Value = String> {
    let day = prop::sample::select(vec![
        "10/01/2026",
        "2026-10-02",
        "1/3/2026",
        "2026-10-04T00:00Z",
    ]);
    let subscription = prop::sample::select(vec!["a", "A", "b", ""]);
    let group = prop::sample::select(vec!["g", "G", "\"g\"", "h", "Others"]);
    let service = prop::sample::select(vec!["Storage", "STORAGE", "\"Web, \"\"new\"\"\"", ""]);
    let tags = prop::sample::select(vec![
        "",
        r#""""env"": ""x""""#,
        "\"{\"\"ENV\"\":\n\"\"x\"\"}\"",
        r#""""env"": ""y"",""o"": ""x""""#,
    ]);
    let charge = prop::sample::select(vec!["Usage", "Purchase", "usage"]);
    (
        day,
        subscription,
        group,
        service,
        -1_000_000_i64..1_000_000,
        0..9_u32,
        tags,
        charge,
    )
        .prop_map(
            |(day, subscription, group, service, cost, decimals, tags, charge)| {
                format!(
                    "{day},{subscription},{group},{service},{cost}E-{decimals},EUR,{tags},{charge}"
                )
            },
        )
}

fn file(rows: &[String]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

/// The facts with letter case folded, since spellings follow the order of the rows.
fn folded(facts: &CostFacts) -> Vec<String> {
    let mut lines: Vec<String> = crate::lines(facts)
        .iter()
        .map(|l| l.to_lowercase())
        .collect();
    lines.sort();
    lines
}

fn fold_all(files: &[String]) -> CostFacts {
    let mut facts = FactsBuilder::new(kept());
    for file in files {
        fold(file.as_bytes(), &actual(), &mut facts).unwrap();
    }
    facts.finish(Timestamp::UNIX_EPOCH)
}

proptest! {
    #[test]
    fn order_and_split_of_rows_make_no_difference(
        (rows, shuffled) in prop::collection::vec(row(), 1..40)
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        cut in 0_usize..40,
    ) {
        let whole = fold_all(&[file(&rows)]);
        let expected = folded(&whole);
        prop_assert_eq!(&folded(&fold_all(&[file(&shuffled)])), &expected);
        let (first, second) = rows.split_at(cut.min(rows.len()));
        let mut files = vec![file(second)];
        if !first.is_empty() {
            files.insert(0, file(first));
        }
        if second.is_empty() {
            files.pop();
        }
        prop_assert_eq!(&folded(&fold_all(&files)), &expected);
        // One series for each key, whatever the letter case.
        let mut keys: Vec<String> = whole.series().iter().map(|s| {
            let key = &s.key;
            format!("{:?} {:?} {:?} {:?}", key.place.resource, key.category, key.dimensions, key.tags)
                .to_lowercase()
        }).collect();
        let count = keys.len();
        keys.sort();
        keys.dedup();
        prop_assert_eq!(keys.len(), count);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), gzip: bool) {
        let mut file = if gzip { vec![0x1f, 0x8b, 8, 0] } else { Vec::new() };
        file.extend(bytes);
        let _ = fold(&file[..], &actual(), &mut FactsBuilder::new(kept()));
    }

    #[test]
    fn any_rows_under_a_good_header_are_read_or_refused(
        text in r#"[0-9a-z/,"\r\n\-+.E{}: é]{0,300}"#,
        max_row_bytes in 1_usize..400,
    ) {
        let file = format!("{HEADER}\n{text}");
        let options = Options { max_row_bytes, ..actual() };
        let _ = fold(file.as_bytes(), &options, &mut FactsBuilder::new(kept()));
    }

    #[test]
    fn a_changed_file_is_read_or_refused(
        rows in prop::collection::vec(row(), 1..20),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = file(&rows).into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(end.index(bytes.len()) + 1);
        let mut facts = FactsBuilder::new(kept());
        if let Ok(report) = fold(&bytes[..], &actual(), &mut facts) {
            prop_assert_eq!(report.rows, report.folded + report.skipped_count);
            let strict = Options { tolerance: Tolerance::None, ..actual() };
            let again = fold(&bytes[..], &strict, &mut FactsBuilder::new(kept()));
            let has_problems = report.skipped_count + report.doubtful_count > 0;
            prop_assert_eq!(again.is_err(), has_problems);
        }
    }

    #[test]
    fn a_byte_at_a_time_gives_the_same(rows in prop::collection::vec(row(), 1..20)) {
        struct ByteByByte<'a>(&'a [u8]);
        impl Read for ByteByByte<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let count = buffer.len().min(1);
                self.0.read(&mut buffer[..count])
            }
        }
        let file = file(&rows);
        let mut facts = FactsBuilder::new(kept());
        fold(ByteByByte(file.as_bytes()), &actual(), &mut facts).unwrap();
        let facts = facts.finish(Timestamp::UNIX_EPOCH);
        prop_assert_eq!(folded(&facts), folded(&fold_all(&[file])));
    }
}
