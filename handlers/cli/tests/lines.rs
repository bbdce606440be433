//! Series as lines of JSON: what a peer on a pipe sees of the real binary.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::thread;

use serde_json::{Value, json};

fn start(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_spendwatch"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Asks from a thread of its own, as a peer does that reads at the same time.
fn ask(arguments: &[&str], text: String) -> Output {
    let mut child = start(arguments);
    let mut stdin = child.stdin.take().unwrap();
    let asking = thread::spawn(move || stdin.write_all(text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    asking.join().unwrap();
    output
}

fn forecast(text: impl Into<String>) -> Output {
    ask(&["forecast", "--json-lines"], text.into())
}

fn anomalies(text: impl Into<String>) -> Output {
    ask(&["anomalies", "--json-lines"], text.into())
}

fn answers(output: &Output) -> Vec<Value> {
    let lines = output.stdout.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

#[track_caller]
fn code(output: &Output, expected: i32) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(expected), "{stderr}");
}

#[track_caller]
fn close(actual: &Value, wanted: f64) {
    let actual = actual.as_f64().unwrap();
    let off = (actual - wanted).abs();
    assert!(
        off < 1e-9 * wanted.abs().max(1.0),
        "{actual} is not {wanted}"
    );
}

/// Four weeks at `cost` a day, and a question about `horizon` days.
fn constant(id: &str, cost: f64, horizon: u32) -> Value {
    json!({
        "series_id": id, "freq": "D", "start": "2026-03-01",
        "values": vec![cost; 28], "horizon": horizon,
    })
}

#[test]
fn constant_costs_go_on_and_the_total_is_the_sum_of_the_days() {
    let output = forecast(format!("{}\n", constant("a", 12.5, 10)));
    code(&output, 0);
    assert!(output.stderr.is_empty());
    let answer = &answers(&output)[0];
    assert_eq!(answer["series_id"], "a");
    let mean = answer["mean"].as_array().unwrap();
    assert_eq!(mean.len(), 10);
    mean.iter().for_each(|day| close(day, 12.5));
    let total = answer["total"].as_object().unwrap();
    close(&total["mean"], 125.0);
    let level = |name: &str| total[name].as_f64().unwrap();
    assert!(level("lo-95") <= level("lo-80") && level("lo-80") <= 125.0 + 1e-9);
    assert!(level("hi-95") >= level("hi-80") && level("hi-80") >= 125.0 - 1e-9);
    assert_eq!(total.len(), 5);
}

#[test]
fn the_total_of_uneven_costs_is_the_sum_of_the_days() {
    let values: Vec<u32> = (0..90)
        .map(|day| 100 + 37 * day % 23 + day % 7 * 9)
        .collect();
    let question = json!({
        "series_id": "a", "freq": "D", "start": "2026-03-01", "values": values, "horizon": 31,
    });
    let answer = &answers(&forecast(question.to_string()))[0];
    let mean = answer["mean"].as_array().unwrap();
    close(
        &answer["total"]["mean"],
        mean.iter().map(|day| day.as_f64().unwrap()).sum(),
    );
}

#[test]
fn levels_are_those_that_are_asked_for_under_their_own_names() {
    let mut question = constant("a", 10.0, 3);
    question["levels"] = json!([99.5, 50, 50.0]);
    let output = forecast(question.to_string());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let total = answers(&output)[0]["total"].clone();
    let names: Vec<&String> = total.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 5, "{names:?}");
    // In the order of the question, for people who look at the line.
    let places = ["\"mean\":3", "lo-99.5", "hi-99.5", "lo-50", "hi-50"].map(|name| text.find(name));
    assert!(places.is_sorted() && places[0].is_some(), "{text}");
}

#[test]
fn a_missing_day_is_no_day_without_cost() {
    let mut question = constant("a", 10.0, 5);
    for day in [3, 11, 20] {
        question["values"][day] = Value::Null;
    }
    let answer = &answers(&forecast(question.to_string()))[0];
    close(&answer["total"]["mean"], 50.0);
}

#[test]
fn days_that_settle_do_not_pull_the_forecast_down() {
    let mut question = constant("a", 10.0, 5);
    question["values"][26] = json!(4.0);
    question["values"][27] = json!(0.5);
    question["settling"] = json!(2);
    let answer = &answers(&forecast(question.to_string()))[0];
    // The horizon begins after them, and covers nothing of them.
    assert_eq!(answer["mean"].as_array().unwrap().len(), 5);
    close(&answer["total"]["mean"], 50.0);
}

#[test]
fn a_thousand_answers_come_in_the_order_of_their_questions() {
    // Long and short ones, so that the later of two is often ready first.
    let question = |index: usize| {
        json!({
            "series_id": index.to_string(), "freq": "D", "start": "2024-01-01", "horizon": 2,
            "values": vec![index; if index.is_multiple_of(3) { 400 } else { 20 }],
        })
    };
    let text: Vec<String> = (0..1000).map(|index| question(index).to_string()).collect();
    let output = forecast(text.join("\n"));
    code(&output, 0);
    let answers = answers(&output);
    assert_eq!(answers.len(), 1000);
    for (index, answer) in answers.iter().enumerate() {
        assert_eq!(answer["series_id"], index.to_string());
        close(&answer["total"]["mean"], 2.0 * index as f64);
    }
}

#[test]
fn a_few_days_are_marked() {
    let lines = [3, 13, 14].map(|days| {
        let mut question = constant("young", 10.0, 5);
        question["values"] = json!(vec![10.0; days]);
        question.to_string()
    });
    let output = forecast(lines.join("\n"));
    code(&output, 0);
    let answers = answers(&output);
    let marks: Vec<&Value> = answers.iter().map(|answer| &answer["few_days"]).collect();
    assert_eq!(marks, [&json!(3), &json!(13), &Value::Null]);
    for answer in answers {
        close(&answer["total"]["mean"], 50.0);
    }
}

#[test]
fn bad_lines_are_refused_in_their_place_and_stop_no_other() {
    let with = |name: &str, value: Value| {
        let mut question = constant("bad", 10.0, 5);
        question[name] = value;
        question.to_string()
    };
    let lines = [
        constant("first", 1.0, 1).to_string(),
        "not json".to_owned(),
        with("freq", json!("W")),
        String::new(),
        with("start", json!("2026-13-01")),
        with("values", json!([1, 2, "three"])),
        with("values", json!([])),
        with("horizon", json!(0)),
        with("levels", json!([100])),
        with("settling", json!(29)),
        with("series_id", json!(7)),
        constant("last", 2.0, 1).to_string(),
    ];
    let output = forecast(lines.join("\n"));
    code(&output, 1);
    let answers = answers(&output);
    close(&answers[0]["total"]["mean"], 1.0);
    close(&answers[10]["total"]["mean"], 2.0);
    let wanted = [
        (2, Value::Null, "expected a JSON object"),
        (3, json!("bad"), "`freq` is \"W\": expected \"D\""),
        (
            5,
            json!("bad"),
            "`start` is \"2026-13-01\": expected the day",
        ),
        (
            6,
            json!("bad"),
            "`values[2]` is \"three\": expected a number",
        ),
        (7, json!("bad"), "no day of the history is settled"),
        (
            8,
            json!("bad"),
            "`horizon` is 0: expected a whole number from 1",
        ),
        (9, json!("bad"), "`levels[0]` is 100: expected a percentage"),
        (
            10,
            json!("bad"),
            "`settling` is 29: expected a whole number from 0 to 28",
        ),
        (11, json!(7), "`series_id` is 7: expected a text"),
    ];
    for ((line, series_id, part), answer) in wanted.iter().zip(&answers[1..]) {
        assert_eq!(answer["series_id"], *series_id);
        let error = answer["error"].as_str().unwrap();
        assert!(error.starts_with(&format!("line {line}: ")), "{error}");
        assert!(error.contains(part), "{error}");
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("9 of 11 lines"), "{stderr}");
}

/// Asks one question and waits for its answer before anything else.
fn exchange(stdin: &mut ChildStdin, stdout: &mut impl BufRead, question: &Value) -> Value {
    writeln!(stdin, "{question}").unwrap();
    stdin.flush().unwrap();
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

#[test]
fn a_peer_that_asks_and_waits_gets_its_answer_before_the_next_question() {
    let mut child = start(&["forecast", "--json-lines"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for index in 0..20 {
        let id = index.to_string();
        let answer = exchange(&mut stdin, &mut stdout, &constant(&id, 3.0, 2));
        assert_eq!(answer["series_id"], id);
        close(&answer["total"]["mean"], 6.0);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_peer_that_has_seen_enough_ends_it_quietly() {
    let mut child = start(&["forecast", "--json-lines"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    exchange(&mut stdin, &mut stdout, &constant("a", 3.0, 2));
    drop(stdout);
    // Its end closes our pipe, and then writing fails.
    let question = format!("{}\n", constant("b", 3.0, 2));
    while stdin.write_all(question.as_bytes()).is_ok() {}
    let output = child.wait_with_output().unwrap();
    code(&output, 0);
    assert!(output.stderr.is_empty(), "{:?}", output.stderr);
}

#[test]
fn nothing_asked_is_nothing_answered() {
    for text in ["", "\n\n"] {
        let output = forecast(text);
        code(&output, 0);
        assert!(output.stdout.is_empty() && output.stderr.is_empty());
    }
}

/// Megabytes that a process has had at most.
#[cfg(target_os = "linux")]
fn peak_memory(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() / 1024
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_number_of_series() {
    let mut child = start(&["forecast", "--json-lines"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    // More text than the process may hold: 6,000 lines of 13 kB.
    let costs: Vec<String> = (0..400)
        .map(|day| format!("{:.28}", f64::from(10 + day % 7)))
        .collect();
    let costs = costs.join(",");
    let line = move |index: usize| {
        format!(
            "{{\"series_id\":\"{index}\",\"start\":\"2025-01-01\",\"horizon\":1,\"values\":[{costs}]}}\n"
        )
    };
    assert!(line(0).len() * 6000 > 70_000_000);
    let asking = thread::spawn(move || {
        for index in 0..6000 {
            stdin.write_all(line(index).as_bytes()).unwrap();
        }
        // The last answer is waited for with the process still there to look at.
        stdin
    });
    let mut answer = String::new();
    for index in 0..6000 {
        answer.clear();
        stdout.read_line(&mut answer).unwrap();
        let start = format!("{{\"series_id\":\"{index}\",\"mean\":[");
        assert!(answer.starts_with(&start), "{answer}");
    }
    let peak = peak_memory(&child);
    drop(asking.join().unwrap());
    assert!(child.wait().unwrap().success());
    assert!(peak < 60, "{peak} MB");
}

#[test]
fn the_newest_day_is_judged_by_those_before_it() {
    let question = |id: &str, last: f64| {
        // A weekly rhythm with a little of everything, so that there is a usual error.
        let mut values: Vec<f64> = (0..90)
            .map(|day| 100.0 + f64::from(day % 7) * 5.0 + f64::from(day * 13 % 5))
            .collect();
        values.push(last);
        json!({
            "series_id": id, "freq": "D", "season": 7, "start": "2026-01-01", "values": values,
        })
    };
    // Day 90 is the seventh of its week: about 130 is usual.
    let lines = [
        question("usual@2026-04-01", 130.0),
        question("spike@2026-04-01", 900.0),
        question("drop@2026-04-01", 0.0),
    ];
    let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
    let output = anomalies(text.join("\n"));
    code(&output, 0);
    let answers = answers(&output);
    for (answer, (id, anomaly)) in answers.iter().zip([
        ("usual@2026-04-01", false),
        ("spike@2026-04-01", true),
        ("drop@2026-04-01", true),
    ]) {
        assert_eq!(answer["series_id"], id);
        assert_eq!(answer["anomaly"], anomaly, "{answer}");
        assert_eq!(answer["score"].as_f64().unwrap() > 1.0, anomaly, "{answer}");
    }
}

#[test]
fn a_day_that_cannot_be_judged_is_not_called_usual() {
    let question = |name: &str, value: Value| {
        let mut question = json!({
            "series_id": "a@b", "freq": "D", "season": 7, "start": "2026-01-01",
            "values": vec![10; 40],
        });
        question[name] = value;
        question.to_string()
    };
    let lines = [
        question("values", json!(vec![10; 20])),
        question("values", json!([1, 2, null])),
        question("values", json!([])),
        question("season", json!(12)),
        question("freq", json!("H")),
        question("settling", json!(1)),
    ];
    let output = anomalies(lines.join("\n"));
    code(&output, 1);
    let parts = [
        "19 settled days of history are too few",
        "`values[2]`, the day to judge, is missing",
        "`values` is []",
        "`season` is 12: expected 7",
        "`freq` is \"H\"",
        "`values[39]`, the day to judge, is missing or settling",
    ];
    let answers = answers(&output);
    assert_eq!(answers.len(), parts.len());
    for (answer, part) in answers.iter().zip(parts) {
        assert!(answer.get("anomaly").is_none(), "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(part), "{answer}");
    }
}

#[test]
fn lines_go_with_no_option_about_budgets_or_formats() {
    let lines = ["forecast", "--json-lines"];
    for more in [
        &["--budget", "a"][..],
        &["--as-of", "2026-03-01"],
        &["--chart", "always"],
        &["--svg", "charts"],
        &["-o", "csv"],
    ] {
        let output = ask(&[&lines[..], more].concat(), String::new());
        code(&output, 2);
    }
}
