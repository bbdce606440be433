//! Backtests, and suggestions from the past.

use super::*;

#[test]
fn a_backtest_replays_past_months_and_writes_nothing() {
    let folder = own();
    let before = names(folder.path());
    let backtest = ["backtest", "--as-of", "2026-11-18", "--periods", "8"];
    let output = run(folder.path(), &backtest);
    code(&output, 0);
    assert_eq!(names(folder.path()), before);
    let (data, talk) = (stdout(&output), stderr(&output));
    assert!(row(&data, "payments-prod").starts_with("payments-prod"));
    assert!(
        talk.contains("2 of 8 periods left out: there are data from 2026-05-01"),
        "{talk}"
    );
    for format in FORMATS {
        let arguments = [&backtest[..], &["-o", format, "data-platform"]].concat();
        let output = run(folder.path(), &arguments);
        code(&output, 0);
        assert!(stdout(&output).contains("data-platform"), "{format}");
        assert!(!stdout(&output).contains("research"), "{format}");
    }
}

#[test]
fn a_backtest_tells_what_a_status_of_that_day_would() {
    let folder = own();
    let arguments = [
        "backtest",
        "--as-of",
        "2026-11-18",
        "--only",
        "data-platform",
        "-o",
        "json",
    ];
    let output = run(folder.path(), &arguments);
    code(&output, 0);
    let answer = json(&output);
    let periods = answer["budgets"][0]["replay"]["periods"]
        .as_array()
        .unwrap();
    assert_eq!(periods.len(), 6, "May to October");
    let october = &periods[5];
    let trials = october["trials"].as_array().unwrap();
    let trial = trials
        .iter()
        .find(|one| one["threshold"] == "actual-80pct")
        .unwrap();
    // The spend to date of an evaluation is the same sum over the same days.
    let spent = |day: &str| {
        let arguments = ["status", "--as-of", day, "-o", "json"];
        let answer = json(&run(folder.path(), &arguments));
        let budgets = answer["budgets"].as_array().unwrap().clone();
        let of = budgets
            .into_iter()
            .find(|one| one["budget"] == "data-platform")
            .unwrap();
        let spent = of["status"]["spent"]["amount"].as_str().unwrap().to_owned();
        spent.parse::<f64>().unwrap()
    };
    let reached = trial["reachedOn"].as_str().unwrap();
    let day: jiff::civil::Date = reached.parse().unwrap();
    assert!(spent(reached) >= 12_000.0);
    assert!(spent(&day.yesterday().unwrap().to_string()) < 12_000.0);
    assert_eq!(trial["daysBefore"], -2);
    assert_eq!(trial["verdict"], "after");
}

#[test]
fn another_amount_can_be_tried_out() {
    let folder = own();
    let arguments = [
        "backtest",
        "--as-of",
        "2026-11-18",
        "data-platform",
        "-o",
        "json",
    ];
    let reached = |amount: &str| {
        let output = run(
            folder.path(),
            &[&arguments[..], &["--amount", amount]].concat(),
        );
        code(&output, 0);
        let answer = json(&output);
        let periods = answer["budgets"][0]["replay"]["periods"]
            .as_array()
            .unwrap();
        periods
            .iter()
            .filter(|one| one["reachedOn"].is_string())
            .count()
    };
    // Its months cost 5,627, 7,334, 9,458, 11,116, 12,767 and 14,878.
    assert_eq!(
        [reached("11116"), reached("12000"), reached("14879")],
        [3, 2, 0]
    );
    code(&run(folder.path(), &["backtest", "--amount", "-5"]), 2);
}

#[test]
fn unknown_budgets_and_too_many_periods_are_refused() {
    let folder = own();
    for command in ["backtest", "suggest"] {
        let output = run(folder.path(), &[command, "payment-prod"]);
        code(&output, 1);
        assert!(stderr(&output).contains("known are: platform, payments-prod"));
        code(&run(folder.path(), &[command, "--periods", "37"]), 2);
    }
}

#[test]
fn a_suggestion_names_its_reason_and_can_be_pasted() {
    let folder = own();
    let suggest = ["suggest", "--as-of", "2026-11-18"];
    let output = run(folder.path(), &suggest);
    code(&output, 0);
    let data = stdout(&output);
    assert!(
        data.contains("of 7 periods, the running one by its forecast"),
        "{data}"
    );
    let answer = json(&run(
        folder.path(),
        &[&suggest[..], &["-o", "json"]].concat(),
    ));
    let budgets = answer["budgets"].as_array().unwrap();
    assert_eq!(budgets.len(), 5);
    // Six months between 3,380 and 3,475, and a seventh that looks the same.
    let shared = budgets
        .iter()
        .find(|one| one["budget"] == "shared-services")
        .unwrap();
    assert_eq!(shared["proposal"]["periods"], 7);
    let amount = shared["proposal"]["amount"]["amount"].as_str().unwrap();
    let amount: f64 = amount.parse().unwrap();
    assert!((3_400.0..=3_850.0).contains(&amount), "{amount}");

    let snippet = stdout(&run(
        folder.path(),
        &[&suggest[..], &["--snippet"]].concat(),
    ));
    let config = std::fs::read_to_string(folder.path().join("spendwatch.toml")).unwrap();
    let head = config.split("# A parent without scopes").next().unwrap();
    let pasted = format!("{head}\n{snippet}");
    std::fs::write(folder.path().join("spendwatch.toml"), pasted).unwrap();
    let output = run(
        folder.path(),
        &["status", "--as-of", "2026-11-18", "-o", "json"],
    );
    let answer = json(&output);
    for (proposed, pasted) in budgets.iter().zip(answer["budgets"].as_array().unwrap()) {
        assert_eq!(pasted["budget"], proposed["budget"]);
        assert_eq!(
            pasted["status"]["planned"], proposed["proposal"]["amount"],
            "{snippet}"
        );
    }
}

#[test]
fn too_little_history_is_no_ground_for_a_suggestion() {
    let folder = own();
    let arguments = [
        "suggest",
        "--as-of",
        "2026-07-10",
        "shared-services",
        "-o",
        "json",
    ];
    let output = run(folder.path(), &arguments);
    code(&output, 0);
    let suggestion = &json(&output)["budgets"][0];
    assert_eq!(suggestion["proposal"], Value::Null);
    let reason = suggestion["reason"].as_str().unwrap();
    assert!(reason.contains("2 periods with costs"), "{reason}");
}
