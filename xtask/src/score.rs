//! `cargo xtask score`: how good the forecasts are, on made-up or given series, and what each part of
//! the method brings.
//!
//! Every complete period of every series, with at least 28 days before it, is forecast from five of
//! its days. Nothing after that day is shown to the method. Figures are means within a group (a file),
//! then over the groups, so that a long file does not outvote a short one.

mod made;
mod scoreboard;
mod tally;
mod whole;

use std::path::PathBuf;

use anyhow::{Context, bail};
use cost_forecast::{DailySeries, Day, Model, Options, Part};
use jiff::ToSpan;
use jiff::civil::Date;

use tally::{Tally, Truth};

const HELP: &str = "\
Usage: cargo xtask score [--folder DIR] [--period month|quarter|year] [--history DAYS] [--ablate]
                         [--wholes] [--scoreboard]

Forecasts the total of every complete period of daily series, from five of its days, and prints how far off the
forecasts were: APE (error of the period's total, in percent of it), coverage of the 80 % and 95 % ranges, MIS (mean
interval score of the 80 % range, in percent of the total), beside two simple methods. Without --folder the series
are made by the sandbox's generator.

  --folder DIR      every *.csv in DIR: the first column is the date, every other column a series,
                    an empty cell lies outside of it
  --period PERIOD   month (default), quarter or year
  --history DAYS    days of history that are shown before a period, 400 by default
  --ablate          also without each part of the method in turn
  --wholes          also the sum of the series of each file, by itself and brought to add up with them
  --scoreboard      also told how the forecasts of earlier periods of the same series turned out";

/// A column of a file.
pub(crate) struct Series {
    /// The file.
    group: String,
    start: Date,
    costs: Vec<f64>,
}

struct Settings {
    folder: Option<PathBuf>,
    period: Period,
    history: usize,
    ablate: bool,
    wholes: bool,
    scoreboard: bool,
}

#[derive(Clone, Copy)]
enum Period {
    Month,
    Quarter,
    Year,
}

/// One forecast to be made.
#[derive(Clone, Copy)]
struct Question<'a> {
    series: &'a Series,
    /// Which of the five days it is.
    moment: usize,
    /// First day that is shown, first day of the period, of the forecast, and after the period, as
    /// places in the series.
    first: usize,
    begins: usize,
    from: usize,
    ends: usize,
}

/// Measures and prints tables.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if arguments.iter().any(|one| one == "--help" || one == "-h") {
        println!("{HELP}");
        return Ok(());
    }
    let settings = settings(arguments)?;
    let series = match &settings.folder {
        Some(folder) => read(folder)?,
        None => made::series(),
    };
    let questions = questions(&series, &settings);
    if questions.is_empty() {
        bail!("no series has a complete period with 28 days before it");
    }
    println!("{} forecasts of {} series\n", questions.len(), series.len());
    let whole = ours(&questions, &Options::default())?;
    println!("{}", whole.by_group());
    println!("{}", whole.by_moment(settings.period.days()));
    println!("{}", Tally::header("method"));
    println!("{}", whole.line("spendwatch"));
    println!(
        "{}",
        simple(&questions, run_rate).line("run rate of the period")
    );
    println!("{}", simple(&questions, week).line("mean of the last week"));
    if settings.ablate {
        println!();
        println!("{}", Tally::header("spendwatch without"));
        for part in Part::ALL {
            let without = ours(&questions, &Options::default().without(part))?;
            println!("{}", without.line(&format!("{part:?}")));
        }
    }
    if settings.wholes {
        let wholes = whole::wholes(&series);
        let figures = whole::figures(&series, &wholes, &settings)?;
        println!();
        println!("{}", Tally::header("sums of files"));
        println!("{}", figures.whole.line("wholes, by themselves"));
        println!("{}", figures.whole_reconciled.line("wholes, adding up"));
        println!("{}", figures.parts.line("parts, by themselves"));
        println!("{}", figures.parts_reconciled.line("parts, adding up"));
    }
    if settings.scoreboard {
        println!();
        println!("{}", Tally::header("spendwatch with"));
        for told in scoreboard::Told::ALL {
            let with = scoreboard::ours(&questions, told)?;
            println!("{}", with.line(told.name()));
        }
    }
    Ok(())
}

fn settings(arguments: &[String]) -> anyhow::Result<Settings> {
    let mut settings = Settings {
        folder: None,
        period: Period::Month,
        history: 400,
        ablate: false,
        wholes: false,
        scoreboard: false,
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || {
            let value = arguments.next();
            value.with_context(|| format!("{argument} needs a value"))
        };
        match argument.as_str() {
            "--folder" => settings.folder = Some(value()?.into()),
            "--period" => {
                settings.period = match value()?.as_str() {
                    "month" => Period::Month,
                    "quarter" => Period::Quarter,
                    "year" => Period::Year,
                    other => bail!("--period {other}: month, quarter or year is right"),
                }
            }
            "--history" => {
                let days = value()?;
                let days = days.parse();
                settings.history = days.context("--history wants a number of days")?;
            }
            "--ablate" => settings.ablate = true,
            "--wholes" => settings.wholes = true,
            "--scoreboard" => settings.scoreboard = true,
            other => bail!("{other} is not known here\n\n{HELP}"),
        }
    }
    Ok(settings)
}

impl Period {
    /// The first day of the first period that begins on `day` or later.
    fn first_from(self, day: Date) -> Date {
        let month = self.month();
        let mut first = day.first_of_month();
        while first < day || i32::from(first.month() - 1) % month != 0 {
            first = first.saturating_add(1.month());
        }
        first
    }

    fn month(self) -> i32 {
        match self {
            Period::Month => 1,
            Period::Quarter => 3,
            Period::Year => 12,
        }
    }

    /// The days, counted from 1, after which the rest of a period is forecast.
    fn days(self) -> [usize; 5] {
        match self {
            Period::Month => [5, 10, 15, 20, 25],
            Period::Quarter => [10, 25, 45, 60, 75],
            Period::Year => [30, 90, 180, 270, 330],
        }
    }
}

/// Every series of every file of a folder.
fn read(folder: &std::path::Path) -> anyhow::Result<Vec<Series>> {
    let shown = folder.display();
    let entries = std::fs::read_dir(folder).with_context(|| format!("read {shown}"))?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|kind| kind == "csv"));
    files.sort();
    let mut series = Vec::new();
    for file in files {
        let shown = file.display();
        let text = std::fs::read_to_string(&file).with_context(|| format!("read {shown}"))?;
        let group = file.file_stem().unwrap_or_default().to_string_lossy();
        series.extend(columns(&text, &group).with_context(|| format!("read {shown}"))?);
    }
    if series.is_empty() {
        bail!("{shown} has no series in any *.csv");
    }
    Ok(series)
}

/// The series of a file. A series begins and ends with its first and last number; a gap in between is
/// an error, because nothing could be said of a total with a gap in it.
fn columns(text: &str, group: &str) -> anyhow::Result<Vec<Series>> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .split(',')
        .skip(1)
        .collect();
    let mut found: Vec<Option<Series>> = names.iter().map(|_| None).collect();
    for (number, line) in lines.enumerate().filter(|(_, line)| !line.is_empty()) {
        let line_number = number + 2;
        let mut cells = line.split(',');
        let date: Date = cells
            .next()
            .unwrap_or_default()
            .parse()
            .with_context(|| format!("line {line_number} does not begin with a date"))?;
        for ((cell, name), series) in cells.zip(&names).zip(&mut found) {
            if cell.is_empty() {
                continue;
            }
            let cost = cell
                .parse()
                .with_context(|| format!("line {line_number}, {name}: {cell} is no number"))?;
            let series = series.get_or_insert_with(|| Series {
                group: group.to_owned(),
                start: date,
                costs: Vec::new(),
            });
            if place(series.start, date) != Some(series.costs.len()) {
                bail!("line {line_number}, {name}: there is a gap before {date}");
            }
            series.costs.push(cost);
        }
    }
    Ok(found.into_iter().flatten().collect())
}

fn questions<'a>(series: &'a [Series], settings: &Settings) -> Vec<Question<'a>> {
    let mut questions = Vec::new();
    for one in series {
        let mut start = settings
            .period
            .first_from(one.start.saturating_add(28.days()));
        loop {
            let next = start.saturating_add(settings.period.month().months());
            let (Some(begins), Some(ends)) = (place(one.start, start), place(one.start, next))
            else {
                break;
            };
            if ends > one.costs.len() {
                break;
            }
            if one.costs[begins..ends].iter().sum::<f64>() > 0.0 {
                let days = settings.period.days().into_iter().enumerate();
                questions.extend(days.map(|(moment, day)| Question {
                    series: one,
                    moment,
                    first: begins.saturating_sub(settings.history),
                    begins,
                    from: begins + day,
                    ends,
                }));
            }
            start = next;
        }
    }
    questions
}

fn place(start: Date, date: Date) -> Option<usize> {
    let days = start.until(date).ok()?.get_days();
    usize::try_from(days).ok()
}

impl Question<'_> {
    fn date(&self, place: usize) -> Date {
        let days = i64::try_from(place).unwrap_or(i64::MAX);
        self.series.start.saturating_add(days.days())
    }

    /// What was spent, and what came.
    fn truth(&self) -> Truth {
        let sum = |days: std::ops::Range<usize>| self.series.costs[days].iter().sum::<f64>();
        Truth {
            group: self.series.group.clone(),
            moment: self.moment,
            rest: sum(self.from..self.ends),
            total: sum(self.begins..self.ends),
        }
    }
}

/// The figures of our method.
fn ours(questions: &[Question], options: &Options) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for question in questions {
        let shown = &question.series.costs[question.first..question.from];
        let days = shown.iter().copied().map(Day::settled).collect();
        let series = DailySeries::try_new(question.date(question.first), days)?;
        let fitted = Model::fit(&series, options)?;
        let forecast = fitted.predict(question.date(question.from), question.date(question.ends));
        let ranges = [80.0, 95.0].map(|level| forecast.total.interval(level));
        tally.add(&question.truth(), forecast.total.mean(), Some(ranges));
    }
    Ok(tally)
}

/// The figures of a method that says how much a day will cost, and no range.
fn simple(questions: &[Question], daily: fn(&Question) -> f64) -> Tally {
    let mut tally = Tally::default();
    for question in questions {
        let days = (question.ends - question.from) as f64;
        tally.add(&question.truth(), daily(question) * days, None);
    }
    tally
}

fn run_rate(question: &Question) -> f64 {
    mean(&question.series.costs[question.begins..question.from])
}

fn week(question: &Question) -> f64 {
    mean(&question.series.costs[question.from.saturating_sub(7)..question.from])
}

fn mean(costs: &[f64]) -> f64 {
    costs.iter().sum::<f64>() / costs.len() as f64
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn columns_are_series_between_their_first_and_last_number() {
        let series = columns("date,a,b\n2026-01-01,1,\n2026-01-02,2,5.5\n", "file").unwrap();
        assert_eq!(series.len(), 2);
        assert_eq!(
            (series[0].start, &series[0].costs[..]),
            (date(2026, 1, 1), &[1.0, 2.0][..])
        );
        assert_eq!(
            (series[1].start, &series[1].costs[..]),
            (date(2026, 1, 2), &[5.5][..])
        );
    }

    #[test]
    fn a_gap_and_a_word_are_errors_with_their_place() {
        let gap = columns("date,a\n2026-01-01,1\n2026-01-02,\n2026-01-03,3\n", "file");
        let gap = gap.err().unwrap().to_string();
        assert_eq!(gap, "line 4, a: there is a gap before 2026-01-03");
        let word = columns("date,a\n2026-01-01,one\n", "file").err().unwrap();
        assert_eq!(word.to_string(), "line 2, a: one is no number");
    }

    #[test]
    fn complete_periods_with_four_weeks_before_them_are_asked_about() {
        // January's first 28 days are history: February and March are complete, April is not.
        let series = [Series {
            group: "made".to_owned(),
            start: date(2026, 1, 1),
            costs: vec![1.0; 100],
        }];
        let settings = settings(&[]).unwrap();
        let questions = questions(&series, &settings);
        let days: Vec<_> = questions
            .iter()
            .map(|one| (one.begins, one.from, one.ends))
            .collect();
        let months = [(31, 59), (59, 90)];
        let wanted = months.iter().flat_map(|&(begins, ends)| {
            [5, 10, 15, 20, 25].map(|day| (begins, begins + day, ends))
        });
        assert_eq!(days, wanted.collect::<Vec<_>>());
    }
}
