//! Rows that cannot be read: counted, reported, and never part of a sum.

use budget_engine::{FactsBuilder, Projection};
use cost_data::{Error, Options, Tolerance, fold};

use crate::{HEADER, ROW, actual, fold_plain, fold_with, lines, projection};

#[test]
fn a_row_that_cannot_be_read_is_skipped_with_its_place_and_reason() {
    for (row, column, value, reason) in [
        (
            "31/10/2026,s,1,EUR",
            Some("Date"),
            "31/10/2026",
            "month above 12",
        ),
        (",s,1,EUR", Some("Date"), "", "is empty"),
        ("10/31/2026,s,,EUR", Some("Cost"), "", "is empty"),
        ("10/31/2026,s,NaN,EUR", Some("Cost"), "NaN", "not a number"),
        ("10/31/2026,s,1E40,EUR", Some("Cost"), "1E40", "too large"),
        (
            "10/31/2026,s,1,EURO",
            Some("BillingCurrency"),
            "EURO",
            "ISO 4217",
        ),
        ("10/31/2026,s,1,", Some("BillingCurrency"), "", "ISO 4217"),
        (
            "10/31/2026,s,1234,56,EUR",
            None,
            "10/31/2026,s,1234,56,EUR",
            "has 5 fields",
        ),
        ("10/31/2026,s,1", None, "10/31/2026,s,1", "has 3 fields"),
    ] {
        let (report, facts) = fold_plain(format!("{HEADER}{ROW}{row}\n{ROW}")).unwrap();
        let expected = ["/subscriptions/s EUR Usage [] [] 2026-10-31 2/0"];
        assert_eq!(lines(&facts), expected, "{row}");
        assert_eq!(
            (report.rows, report.folded, report.skipped_count),
            (3, 2, 1)
        );
        let problem = &report.skipped[0];
        assert_eq!(
            (problem.line, problem.column.as_deref()),
            (3, column),
            "{row}"
        );
        assert_eq!(problem.value, value);
        assert!(problem.reason.contains(reason), "{problem}");
    }
}

#[test]
fn a_row_that_can_be_read_in_part_keeps_its_cost() {
    let header = "Date,SubscriptionId,Cost,Currency,ResourceGroup,BillingAccountId,Tags\n";
    let good = "10/31/2026,s,1,EUR,,,\n";
    for (row, column, line) in [
        (
            "10/31/2026,s,5,EUR,,,env=prod",
            "Tags",
            "/subscriptions/s EUR Usage [] [] 2026-10-31 6/0",
        ),
        (
            "10/31/2026,no id,5,EUR,g,,",
            "SubscriptionId",
            " EUR Usage [] [] 2026-10-31 5/0",
        ),
        (
            "10/31/2026,s,5,EUR,a/b,,",
            "ResourceGroup",
            "/subscriptions/s EUR Usage [] [] 2026-10-31 6/0",
        ),
        (
            "10/31/2026,s,5,EUR,,1 2,",
            "BillingAccountId",
            "/subscriptions/s EUR Usage [] [] 2026-10-31 6/0",
        ),
    ] {
        let file = format!("{header}{good}{row}\n");
        let kept = projection(&[], &["env"]);
        let (report, facts) = fold_with(file, &actual(), kept).unwrap();
        assert!(
            lines(&facts).contains(&line.to_owned()),
            "{:?}",
            lines(&facts)
        );
        assert_eq!((report.folded, report.doubtful_count), (2, 1));
        assert_eq!(report.doubtful[0].line, 3);
        assert_eq!(report.doubtful[0].column.as_deref(), Some(column));
    }
}

#[test]
fn tags_that_nobody_asks_for_are_no_problem() {
    let file = "Date,SubscriptionId,Cost,Currency,Tags\n10/31/2026,s,1,EUR,env=prod\n";
    assert_eq!(fold_plain(file).unwrap().0.doubtful_count, 0);
}

#[test]
fn an_unknown_kind_of_charge_counts_as_usage() {
    let focus = "ChargePeriodStart,SubAccountId,BilledCost,BillingCurrency,ChargeCategory\n\
                 2026-10-31,s,1,EUR,Usage\n2026-10-31,s,1,EUR,Surprise\n";
    let (report, facts) = fold_plain(focus).unwrap();
    assert_eq!(
        lines(&facts),
        ["/subscriptions/s EUR Usage [] [] 2026-10-31 2/0"]
    );
    assert_eq!(report.doubtful[0].value, "Surprise");
}

#[test]
fn too_many_problems_refuse_the_file() {
    for (good, bad, refused) in [
        (0, 0, false),
        (1, 1, false),
        (1, 2, true),
        (0, 1, true),
        (100, 10, false),
        (100, 11, true),
        // One in a hundred of 1,100 rows is 11.
        (1089, 11, false),
        (1088, 12, true),
        (1188, 12, false),
    ] {
        let bad_row = "10/31/2026,s,x,EUR\n";
        let file = format!("{HEADER}{}{}", ROW.repeat(good), bad_row.repeat(bad));
        let result = fold_plain(file);
        assert_eq!(result.is_err(), refused, "{good} {bad}");
        match result {
            Ok((report, _)) => {
                assert_eq!(report.skipped_count, bad as u64);
                assert_eq!(report.skipped.len(), bad.min(10));
            }
            Err(Error::Broken {
                problems,
                rows,
                first,
            }) => {
                assert_eq!((problems, rows), (bad as u64, (good + bad) as u64));
                assert_eq!(first.line, good as u64 + 2);
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn without_tolerance_the_first_problem_refuses_the_file() {
    let options = Options {
        tolerance: Tolerance::None,
        ..actual()
    };
    let bad = "10/31/2026,s,x,EUR\n";
    let file = format!("{HEADER}{}{bad}{}", ROW.repeat(5000), ROW.repeat(5000));
    let mut facts = FactsBuilder::new(Projection::default());
    let error = fold(file.as_bytes(), &options, &mut facts).unwrap_err();
    assert_eq!(
        error.to_string(),
        "1 of 5001 rows could not be read; the first one: line 5002, column Cost: `x` is not a number"
    );
}

#[test]
fn long_values_are_shortened_in_reports() {
    let file = format!("{HEADER}{ROW}10/31/2026,s,{},EUR\n", "ä".repeat(5000));
    let (report, _) = fold_plain(file).unwrap();
    assert_eq!(report.skipped[0].value, format!("{}…", "ä".repeat(60)));
}

#[test]
fn two_currencies_are_two_series() {
    let file = format!("{HEADER}{ROW}10/31/2026,s,2,usd\n10/31/2026,s,3, EUR \n");
    let (report, facts) = fold_plain(file).unwrap();
    assert_eq!(
        lines(&facts),
        [
            "/subscriptions/s EUR Usage [] [] 2026-10-31 4/0",
            "/subscriptions/s USD Usage [] [] 2026-10-31 2/0",
        ]
    );
    let currencies: Vec<&str> = report.currencies.iter().map(|c| c.code()).collect();
    assert_eq!(currencies, ["EUR", "USD"]);
}

#[test]
fn a_sum_that_does_not_fit_is_an_error() {
    let row = "10/31/2026,s,79228162514264337593543950335,EUR\n";
    let error = fold_plain(format!("{HEADER}{row}{row}")).unwrap_err();
    assert!(matches!(error, Error::Sum { line: 3, .. }), "{error:?}");
}

#[test]
fn a_cost_with_a_comma_refuses_the_file_however_many_rows_are_fine() {
    for cost in ["1234,56", "1.234,56", "1,500.25"] {
        let file = format!("{HEADER}{}10/31/2026,s,\"{cost}\",EUR\n", ROW.repeat(5000));
        let error = fold_plain(file).unwrap_err().to_string();
        assert!(
            error.starts_with("costs are written with commas: line 5002"),
            "{error}"
        );
        assert!(error.contains(cost), "{error}");
    }
}

#[test]
fn facts_remember_how_many_rows_are_missing() {
    let (_, facts) = fold_plain(format!("{HEADER}{ROW}10/31/2026,s,x,EUR\n{ROW}")).unwrap();
    assert_eq!(facts.skipped_rows(), 1);
}

#[test]
fn what_a_report_shows_of_a_file_cannot_steer_a_terminal() {
    let (report, _) =
        fold_plain(format!("{HEADER}{ROW}10/31/2026,s,\u{1b}[31m9,EUR\n{ROW}")).unwrap();
    assert!(!report.skipped[0].to_string().chars().any(char::is_control));
}
