//! What may happen to the bytes of a file on their way.

use std::io::{self, Read, Write};

use budget_engine::{FactsBuilder, Projection};
use cost_data::{Error, Options, fold, fold_with_progress};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::{HEADER, ROW, actual, fold_plain, lines};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Gives the bytes in pieces of a few bytes, then maybe fails.
struct Slow<'a> {
    bytes: &'a [u8],
    piece: usize,
    failure: Option<io::ErrorKind>,
}

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.piece.min(self.bytes.len()).min(buffer.len());
        if count == 0 {
            return self.failure.map_or(Ok(0), |kind| Err(kind.into()));
        }
        let (now, later) = self.bytes.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.bytes = later;
        Ok(count)
    }
}

/// Never ends and has no line end.
struct Endless(u8);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(self.0);
        Ok(buffer.len())
    }
}

#[test]
fn line_ends_marks_and_quotes_make_no_difference() {
    let expected = ["/subscriptions/s EUR Usage [] [] 2026-10-31 2/0"];
    for file in [
        format!("{HEADER}{ROW}{ROW}"),
        format!("{HEADER}{ROW}{ROW}").trim_end().to_owned(),
        format!("{HEADER}{ROW}{ROW}").replace('\n', "\r\n"),
        format!("{HEADER}{ROW}{ROW}")
            .replace('\n', "\r\n")
            .trim_end()
            .to_owned(),
        format!("\u{feff}{HEADER}{ROW}{ROW}"),
        format!("\u{feff}\n\n{HEADER}\n{ROW}\r\n\n{ROW}\n\n"),
        format!("{HEADER}{ROW}")
            .replace("s,1,", "\"s\",\"2\",")
            .replace("Cost", "\"Cost\""),
    ] {
        let (report, facts) = fold_plain(&file).unwrap();
        assert_eq!(lines(&facts), expected, "{file:?}");
        assert_eq!(report.bytes, file.len() as u64);
    }
}

#[test]
fn quoted_fields_hold_commas_line_ends_and_quotes() {
    let file = concat!(
        "Info,Date,SubscriptionId,Cost,Currency,More\r\n",
        "\"{\n \"\"a\"\": 1,\r\n \"\"b\"\": \"\"x,y\"\"\n}\",10/31/2026,s,1,EUR,\"\"\r\n",
        "\"\"\"\",10/31/2026,s,1,EUR,\"a\"\"\"\r\n",
        ",10/31/2026,s,x,EUR,\r\n",
    );
    let (report, facts) = fold_plain(file).unwrap();
    assert_eq!(
        lines(&facts),
        ["/subscriptions/s EUR Usage [] [] 2026-10-31 2/0"]
    );
    // The header is line 1, the first row lines 2 to 5, the second one line 6.
    assert_eq!(report.skipped[0].line, 7);
}

#[test]
fn gzip_is_found_by_its_first_bytes_and_may_have_members() {
    let whole = format!("{HEADER}{ROW}{ROW}");
    let (front, back) = whole.split_at(whole.len() - 7);
    let two = [gzip(front), gzip(back)].concat();
    for file in [gzip(&whole), two] {
        let (report, facts) = fold_plain(&file).unwrap();
        assert_eq!(
            lines(&facts),
            ["/subscriptions/s EUR Usage [] [] 2026-10-31 2/0"]
        );
        assert_eq!(report.bytes, file.len() as u64);
    }
}

#[test]
fn a_cut_gzip_file_is_an_error_at_every_length() {
    let rows: String = (0..500)
        .map(|n| format!("10/31/2026,s,{n}.25,EUR\n"))
        .collect();
    let file = gzip(&format!("{HEADER}{rows}"));
    for length in 2..file.len() {
        let error = fold_plain(&file[..length]).unwrap_err();
        assert!(matches!(error, Error::Gzip { .. }), "{length}: {error:?}");
    }
    let mut damaged = file.clone();
    let last = damaged.len() - 6;
    damaged[last] ^= 1;
    let error = fold_plain(&damaged).unwrap_err();
    assert!(matches!(error, Error::Gzip { .. }), "{error:?}");
}

#[test]
fn a_cut_text_is_an_error_unless_a_whole_row_ends_it() {
    let file = format!("{HEADER}{ROW}10/31/2026,\"s\",1,EUR");
    let whole = HEADER.len() + ROW.len();
    for length in whole + 1..file.len() {
        let result = fold_plain(&file[..length]);
        if file[whole..length].matches(',').count() == 3 {
            // What is left of the currency is no currency, which is a problem of that row.
            assert!(result.is_ok_and(|(report, _)| report.skipped_count == 1));
        } else {
            let error = result.unwrap_err();
            let is_cut = matches!(error, Error::CutOff { line: 3, rows: 1 });
            assert!(is_cut, "{length}: {error:?}");
        }
    }
    assert_eq!(fold_plain(&file).unwrap().0.folded, 2);
}

#[test]
fn nothing_at_all_is_an_error_and_a_header_alone_is_not() {
    for file in [&b""[..], b"\xef\xbb\xbf", b"\n\r\n", &gzip("")] {
        assert!(matches!(fold_plain(file), Err(Error::Empty)), "{file:?}");
    }
    for file in [HEADER, HEADER.trim_end()] {
        let (report, facts) = fold_plain(file).unwrap();
        assert_eq!((report.rows, report.first_day), (0, None));
        assert!(facts.series().is_empty());
    }
}

#[test]
fn other_files_are_told_by_their_first_bytes() {
    for (file, name) in [
        (&b"PAR1\x15\x04"[..], "Parquet"),
        (b"PK\x03\x04....", "zip"),
        (b"\xff\xfeD\0a\0t\0e\0", "UTF-16"),
        (b"{\"error\": {}}", "JSON"),
        (b"Date;SubscriptionId;Cost;Currency\n", "semicolons"),
        (b"Date\tSubscriptionId\tCost\tCurrency\n", "tabs"),
    ] {
        let error = fold_plain(file).unwrap_err();
        assert!(matches!(error, Error::NotCsv { .. }), "{error:?}");
        assert!(error.to_string().contains(name), "{error}");
    }
    let error = fold_plain("<?xml version=\"1.0\"?><Error/>").unwrap_err();
    assert!(
        matches!(error, Error::MissingColumn { .. } | Error::Quote { .. }),
        "{error:?}"
    );
}

#[test]
fn a_stray_quote_is_an_error_with_its_line() {
    for row in [
        "10/31/2026,a\"b,1,EUR\n",
        "10/31/2026,\"a\"b,1,EUR\n",
        "10/31/2026,\"say \"hi\" there\",1,EUR\n",
        "10/31/2026, \"a\",1,EUR\n",
    ] {
        let error = fold_plain(format!("{HEADER}{ROW}{row}{ROW}")).unwrap_err();
        assert!(
            matches!(error, Error::Quote { line: 3 }),
            "{row}: {error:?}"
        );
    }
    let error = fold_plain(format!("{HEADER}{ROW}10/31/2026,\"s,1,EUR\n{ROW}")).unwrap_err();
    assert!(matches!(error, Error::CutOff { line: 3, .. }), "{error:?}");
}

#[test]
fn a_row_without_end_is_an_error_and_not_a_full_memory() {
    let options = Options {
        max_row_bytes: 1 << 20,
        ..actual()
    };
    for start in ["", HEADER, &format!("{HEADER}{ROW}\"")] {
        let line = 1 + start.matches('\n').count() as u64;
        for byte in [b'x', b',', b'0'] {
            let mut facts = FactsBuilder::new(Projection::default());
            let reader = start.as_bytes().chain(Endless(byte));
            let error = fold(reader, &options, &mut facts).unwrap_err();
            let expected = matches!(
                error,
                Error::RowTooLong { line: found, limit } if found == line && limit == 1 << 20
            );
            assert!(expected, "{error:?}");
        }
    }
}

#[test]
fn the_longest_row_that_is_allowed_is_read() {
    let header = format!("Note,{HEADER}");
    for length in [100, 262_100, 262_144, 262_145, 600_000] {
        let rest = ",10/31/2026,s,1,EUR";
        let row = format!("{}{rest}", "x".repeat(length - rest.len()));
        for (limit, fits) in [(length, true), (length - 1, false)] {
            let options = Options {
                max_row_bytes: limit.max(header.len()),
                ..actual()
            };
            let mut facts = FactsBuilder::new(Projection::default());
            let file = format!("{header}{row}\r\n{row}");
            let result = fold(file.as_bytes(), &options, &mut facts);
            assert_eq!(result.is_ok(), fits, "{length} {limit}: {result:?}");
        }
    }
}

#[test]
fn pieces_of_any_size_give_the_same_rows() {
    let row = "10/31/2026,\"s\",0.25,EUR\n\"10/31/2026\",s,0.75,\"EUR\"\r\n";
    let file = format!("{HEADER}{}", row.repeat(100));
    for bytes in [file.clone().into_bytes(), gzip(&file)] {
        for piece in [1, 2, 3, 63, 64, 65, 1000] {
            let mut facts = FactsBuilder::new(Projection::default());
            let reader = Slow {
                bytes: &bytes,
                piece,
                failure: None,
            };
            let report = fold(reader, &actual(), &mut facts).unwrap();
            assert_eq!((report.folded, report.skipped_count), (200, 0), "{piece}");
        }
    }
}

#[test]
fn a_failing_reader_is_an_error_with_its_place() {
    let file = format!("{HEADER}{}", ROW.repeat(100));
    for bytes in [file.clone().into_bytes(), gzip(&file)] {
        let reader = Slow {
            bytes: &bytes,
            piece: 50,
            failure: Some(io::ErrorKind::ConnectionReset),
        };
        let mut facts = FactsBuilder::new(Projection::default());
        let error = fold(reader, &actual(), &mut facts).unwrap_err();
        let Error::Read { bytes: read, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!(read, bytes.len() as u64);
    }
}

#[test]
fn progress_ends_with_everything_done() {
    let file = format!("{HEADER}{}", ROW.repeat(20_000));
    let mut seen = Vec::new();
    let mut facts = FactsBuilder::new(Projection::default());
    fold_with_progress(file.as_bytes(), &actual(), &mut facts, &mut |progress| {
        seen.push((progress.rows, progress.bytes));
    })
    .unwrap();
    assert!(seen.len() > 2 && seen.is_sorted());
    assert_eq!(seen.last(), Some(&(20_000, file.len() as u64)));
}
