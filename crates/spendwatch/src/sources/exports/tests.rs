//! Which runs count, from a listing and its manifests.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use budget_engine::CostBasis::{self, Actual, Amortized};
use jiff::civil::date;

use super::*;
use budget_engine::Scope;

/// A container in a test.
#[derive(Default)]
struct Listing {
    blobs: Vec<Blob>,
    manifests: HashMap<String, Result<Manifest, String>>,
}

impl Listing {
    fn file(mut self, name: &str, bytes: u64, modified: &str) -> Listing {
        let modified: Timestamp = modified.parse().unwrap();
        let seconds = Duration::from_secs(modified.as_second().unsigned_abs());
        self.blobs.push(Blob {
            name: name.to_owned(),
            bytes,
            modified: SystemTime::UNIX_EPOCH + seconds,
            etag: String::new(),
        });
        self
    }

    /// A run of a dataset with two parts of 10 bytes and their manifest.
    fn run(self, folder: &str, kind: &str, submitted: &str) -> Listing {
        let name = |part: u32| format!("{folder}/part_{part}.csv");
        self.file(&name(0), 10, submitted)
            .file(&name(1), 10, submitted)
            .manifest(folder, kind, submitted, &[&name(0), &name(1)])
    }

    fn manifest(mut self, folder: &str, kind: &str, submitted: &str, files: &[&str]) -> Listing {
        let name = format!("{folder}/manifest.json");
        let blobs = files
            .iter()
            .map(|file| serde_json::json!({"blobName": file, "byteCount": 10, "dataRowCount": 2}));
        let text = serde_json::json!({
            "blobCount": files.len(),
            "exportConfig": {
                "type": kind,
                "resourceId": "/subscriptions/s1/providers/Microsoft.CostManagement/exports/x",
            },
            "runInfo": {"submittedTime": submitted},
            "blobs": blobs.collect::<Vec<_>>(),
        });
        let manifest = serde_json::from_value(text).unwrap();
        self.manifests.insert(name.clone(), Ok(manifest));
        self.file(&name, 300, submitted)
    }

    fn without(mut self, name: &str) -> Listing {
        self.blobs.retain(|blob| blob.name != name);
        self
    }

    fn chosen(&self, basis: CostBasis) -> anyhow::Result<(Vec<Chosen>, Vec<String>)> {
        let days = date(2026, 10, 1)..date(2026, 11, 19);
        let mut notes = Vec::new();
        let runs = runs(&folders(&self.blobs), &self.blobs, &self.manifests);
        let chosen = choose(runs, basis, &days, &mut notes)?;
        Ok((chosen, notes))
    }

    /// The places of the runs that count, and the notes.
    fn places(&self, basis: CostBasis) -> (Vec<String>, Vec<String>) {
        let (chosen, notes) = self.chosen(basis).unwrap();
        let places = chosen.into_iter().map(|one| one.run.place);
        (places.collect(), notes)
    }

    fn problem(&self, basis: CostBasis) -> String {
        format!("{:#}", self.chosen(basis).unwrap_err())
    }
}

const NOVEMBER: &str = "root/daily/20261101-20261130";

fn november(run: &str) -> String {
    format!("{NOVEMBER}/{run}")
}

#[test]
fn of_each_export_and_period_only_the_newest_run_counts() {
    let october = "root/daily/20261001-20261031/r9";
    let container = Listing::default()
        .run(&november("r2"), "ActualCost", "2026-11-17T04:00:00Z")
        // Its name sorts before, and it was copied here later.
        .run(&november("r1"), "ActualCost", "2026-11-18T04:00:00Z")
        .run(&november("r3"), "ActualCost", "2026-11-16T04:00:00Z")
        .run(october, "ActualCost", "2026-11-03T04:00:00Z")
        .run(
            "root/daily/20260901-20260930/r",
            "ActualCost",
            "2026-10-03T04:00:00Z",
        );
    let (places, notes) = container.places(Actual);
    assert_eq!(places, [october.to_owned(), november("r1")]);
    assert_eq!(notes, [""; 0]);
    let (chosen, _) = container.chosen(Actual).unwrap();
    assert_eq!(
        chosen[1].run.submitted,
        "2026-11-18T04:00:00Z".parse().unwrap()
    );
    assert_eq!(chosen[1].run.parts().len(), 2);
    assert_eq!(chosen[1].run.parts()[0].rows, Some(2));
    assert_eq!(chosen[1].run.scope, Scope::subscription("s1").ok());
}

#[test]
fn a_run_that_is_not_whole_gives_way_to_the_one_before_it() {
    let whole = || {
        Listing::default()
            .run(&november("r1"), "ActualCost", "2026-11-17T04:00:00Z")
            .run(&november("r2"), "ActualCost", "2026-11-18T04:00:00Z")
    };
    let part = november("r2/part_1.csv");
    let missing = whole().without(&part);
    let short = whole()
        .without(&part)
        .file(&part, 9, "2026-11-18T04:00:00Z");
    let unfinished = whole().without(&november("r2/manifest.json"));
    let mut broken = whole();
    let manifest = broken.manifests.get_mut(&november("r2/manifest.json"));
    *manifest.unwrap() = Err("expected value at line 1".to_owned());
    for (container, expected) in [
        (&missing, "part_1.csv is not there"),
        (&short, "part_1.csv has 9 of 10 bytes"),
        (&unfinished, "it has no manifest yet"),
        (&broken, "its manifest cannot be read: expected value"),
    ] {
        let (places, notes) = container.places(Actual);
        assert_eq!(places, [november("r1")], "{expected}");
        assert!(notes[0].contains(expected), "{notes:?}");
        assert!(notes[0].contains(&november("r2")), "{notes:?}");
    }
}

#[test]
fn without_a_complete_run_there_is_an_error_and_no_sum() {
    let container = Listing::default()
        .run(&november("r1"), "ActualCost", "2026-11-18T04:00:00Z")
        .without(&november("r1/part_0.csv"));
    let problem = container.problem(Actual);
    assert!(
        problem.contains("part_0.csv is not there") && problem.contains("no complete one before"),
        "{problem}"
    );
    // Parts without a manifest are being written, also where the export has no run folders.
    for name in [november("r1/part_0.csv"), november("part_0_0001.csv.gz")] {
        let container = Listing::default().file(&name, 10, "2026-11-18T04:00:00Z");
        let problem = container.problem(Actual);
        assert!(problem.contains("it has no manifest yet"), "{problem}");
    }
}

#[test]
fn older_exports_have_no_manifest_and_their_newest_file_counts() {
    let container = Listing::default()
        .file(&november("daily_b.csv"), 10, "2026-11-17T04:00:00Z")
        .file(&november("daily_a.csv"), 10, "2026-11-18T04:00:00Z")
        .file(&november("daily_c.csv"), 10, "2026-11-16T04:00:00Z");
    let (chosen, _) = container.chosen(Actual).unwrap();
    assert_eq!(chosen.len(), 1);
    assert_eq!(chosen[0].run.place, november("daily_a.csv"));
    assert_eq!(
        chosen[0].run.submitted,
        "2026-11-18T04:00:00Z".parse().unwrap()
    );
    assert_eq!(chosen[0].run.dataset, Dataset::Unknown);
}

#[test]
fn overwriting_exports_keep_one_run_under_the_period() {
    let container = Listing::default().run(NOVEMBER, "FocusCost", "2026-11-18T04:00:00Z");
    assert_eq!(container.places(Actual).0, [NOVEMBER]);
    // What is left of a run with more parts is no part of this one.
    let more = container.file(&november("part_2.csv"), 10, "2026-11-17T04:00:00Z");
    let (chosen, _) = more.chosen(Actual).unwrap();
    assert_eq!(chosen[0].run.parts().len(), 2);
}

#[test]
fn manifests_name_their_files_wherever_the_run_was_copied_to() {
    let names = ["old/place/part_0.csv", " /old/place/part_1.csv"];
    let container = Listing::default()
        .file(&november("r1/part_0.csv"), 10, "2026-11-18T04:00:00Z")
        .file(&november("r1/part_1.csv"), 10, "2026-11-18T04:00:00Z")
        .manifest(
            &november("r1"),
            "ActualCost",
            "2026-11-18T04:00:00Z",
            &names,
        );
    let (chosen, _) = container.chosen(Actual).unwrap();
    let found = chosen[0]
        .run
        .parts()
        .iter()
        .map(|part| part.blob.name.as_str());
    assert_eq!(
        found.collect::<Vec<_>>(),
        [november("r1/part_0.csv"), november("r1/part_1.csv")]
    );
}

#[test]
fn of_exports_of_one_scope_the_one_with_the_asked_basis_is_read() {
    let at = "2026-11-18T04:00:00Z";
    let container = Listing::default()
        .run("actual/20261101-20261130/r", "ActualCost", at)
        .run("amortized/20261101-20261130/r", "AmortizedCost", at)
        .run("prices/20261101-20261130/r", "PriceSheet", at);
    assert_eq!(container.places(Actual).0, ["actual/20261101-20261130/r"]);
    assert_eq!(
        container.places(Amortized).0,
        ["amortized/20261101-20261130/r"]
    );

    let container = Listing::default()
        .run("actual/20261101-20261130/r", "ActualCost", at)
        .run("focus/20261101-20261130/r", "FocusCost", at);
    let (places, notes) = container.places(Actual);
    assert_eq!(places, ["actual/20261101-20261130/r"]);
    assert_eq!(
        notes,
        ["the export focus is left out, because actual holds the same costs"]
    );
    assert_eq!(container.places(Amortized).0, ["focus/20261101-20261130/r"]);

    let only_actual = Listing::default().run("actual/20261101-20261130/r", "ActualCost", at);
    let problem = only_actual.problem(Amortized);
    assert_eq!(
        problem,
        "no export there holds amortized cost, only actual (actual cost)"
    );
}

#[test]
fn two_exports_of_the_same_costs_are_an_error_that_names_both() {
    let at = "2026-11-18T04:00:00Z";
    let container = Listing::default()
        .run("one/20261101-20261130/r", "ActualCost", at)
        .run("two/20261101-20261130/r", "ActualCost", at);
    let problem = container.problem(Actual);
    for word in [
        "exports one and two",
        "twice",
        "`prefix`",
        "/subscriptions/s1",
    ] {
        assert!(problem.contains(word), "{problem}");
    }
}

#[test]
fn parquet_gives_way_to_csv_and_is_an_error_where_there_is_nothing_else() {
    let at = "2026-11-18T04:00:00Z";
    let parquet = "actual/20261101-20261130/r/part_0.snappy.parquet";
    let container = Listing::default().file(parquet, 10, at).manifest(
        "actual/20261101-20261130/r",
        "ActualCost",
        at,
        &[parquet],
    );
    let problem = container.problem(Actual);
    assert!(
        problem.contains(parquet) && problem.contains("format of the export to CSV"),
        "{problem}"
    );
    let both = container.run("focus/20261101-20261130/r", "FocusCost", at);
    assert_eq!(both.places(Actual).0, ["focus/20261101-20261130/r"]);
}

#[test]
fn days_that_were_exported_once_more_count_once() {
    let container = Listing::default()
        .run(&november("r1"), "ActualCost", "2026-11-17T04:00:00Z")
        .run(
            "root/daily/20261105-20261109/r2",
            "ActualCost",
            "2026-11-18T04:00:00Z",
        )
        // All of its days are in the newer month.
        .run(
            "root/daily/20261101-20261103/r3",
            "ActualCost",
            "2026-11-04T04:00:00Z",
        );
    let (chosen, _) = container.chosen(Actual).unwrap();
    let found: Vec<_> = chosen
        .iter()
        .map(|one| (one.run.place.as_str(), one.except.clone()))
        .collect();
    let fifth_to_ninth = date(2026, 11, 5)..date(2026, 11, 10);
    assert_eq!(
        found,
        [
            (november("r1").as_str(), vec![fifth_to_ninth]),
            ("root/daily/20261105-20261109/r2", vec![]),
        ]
    );
}

#[test]
fn an_empty_container_and_old_exports_are_errors() {
    let problem = Listing::default().problem(Actual);
    assert!(
        problem.contains("holds no export") && problem.contains("`prefix`"),
        "{problem}"
    );
    let old = Listing::default().run(
        "a/20250101-20250131/r",
        "ActualCost",
        "2025-02-01T04:00:00Z",
    );
    let problem = old.problem(Actual);
    assert!(
        problem.contains("no export of costs from 2026-10-01 on"),
        "{problem}"
    );
}

fn facts_of(resource: &str, day: Date) -> CostFacts {
    let mut facts = FactsBuilder::new(Default::default());
    let place = budget_engine::Place {
        resource: Scope::parse(resource).ok(),
        ..Default::default()
    };
    let series = facts.series(budget_engine::SeriesKey {
        place: place.into(),
        currency: "EUR".parse().unwrap(),
        category: budget_engine::ChargeCategory::Usage,
        dimensions: vec![],
        tags: vec![],
    });
    facts.add(series, day, Some(1.into()), None).unwrap();
    facts.finish(Timestamp::UNIX_EPOCH)
}

#[test]
fn rows_show_what_paths_do_not() {
    let group = "/subscriptions/s/resourceGroups/g";
    let mut owners = Owners::default();
    owners
        .add("one", &facts_of(group, date(2026, 11, 1)))
        .unwrap();
    owners
        .add("one", &facts_of(group, date(2026, 11, 1)))
        .unwrap();
    owners
        .add("two", &facts_of(group, date(2026, 11, 2)))
        .unwrap();
    owners
        .add(
            "two",
            &facts_of("/subscriptions/s/resourceGroups/h", date(2026, 11, 1)),
        )
        .unwrap();
    let both = owners.add("two", &facts_of(group, date(2026, 11, 1)));
    let problem = both.unwrap_err().to_string();
    for word in ["one and two", "resourceGroups/g", "2026-11-01", "`prefix`"] {
        assert!(problem.contains(word), "{problem}");
    }
}

#[test]
fn an_export_that_went_silent_is_noted() {
    let container = Listing::default()
        .run(
            "a/20261101-20261130/r",
            "ActualCost",
            "2026-11-18T04:00:00Z",
        )
        .run(
            "b/20261001-20261031/r",
            "ActualCost",
            "2026-11-03T04:00:00Z",
        );
    let (chosen, _) = container.chosen(Actual).unwrap();
    assert_eq!(
        silent(&chosen),
        ["the export b has had no complete run since 2026-11-03T04:00:00Z"]
    );
}
