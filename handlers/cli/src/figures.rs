//! Where budgets stand, as rows: the same figures in every command that shows them.

use std::collections::BTreeSet;

use budget_engine::{
    Breach, Decision, FewDays, ForecastScore, ForecastSummary, Outcome, Reason, Status,
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use spendwatch::App;
use spendwatch::jobs::evaluate::BudgetReport;

use crate::evaluation::is_running;
use crate::output::{Block, Cell, Color, Column, Records, Table, tied};
use crate::words::{self, moment};

/// Where one budget stands, in a word. The worst that is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    /// Nothing is crossed.
    Fine,
    /// It has not begun, or is over.
    NotRunning,
    /// There are no data for its period yet: nobody knows.
    NoData,
    /// Its data are older than usual: nobody knows.
    Stale,
    /// A threshold is crossed.
    Crossed,
    /// The planned amount is likely reached.
    ExpectedOver,
    /// The planned amount is reached.
    Over,
    /// It could not be evaluated.
    Failed,
}

impl Standing {
    fn of(app: &App, report: &BudgetReport) -> Standing {
        let Some(status) = &report.status else {
            return if is_running(app, report) {
                Standing::Failed
            } else {
                Standing::NotRunning
            };
        };
        let crossed = crossed(report);
        let likely = |forecast: &ForecastSummary| forecast.probability >= Decimal::from(50);
        if status.elapsed_days == 0 {
            Standing::NoData
        } else if status.spent.amount >= status.planned.amount {
            Standing::Over
        } else if !status.data.stale && status.forecast.as_ref().is_some_and(likely) {
            Standing::ExpectedOver
        } else if !crossed.is_empty() {
            Standing::Crossed
        } else if status.data.stale {
            Standing::Stale
        } else {
            Standing::Fine
        }
    }

    fn color(self) -> Color {
        match self {
            Standing::Fine => Color::Green,
            Standing::NotRunning => Color::Plain,
            Standing::NoData | Standing::Stale | Standing::Crossed | Standing::ExpectedOver => {
                Color::Yellow
            }
            Standing::Over | Standing::Failed => Color::Red,
        }
    }
}

/// The decisions whose threshold is crossed, told now or earlier.
fn crossed(report: &BudgetReport) -> Vec<&Decision> {
    report
        .decisions
        .iter()
        .filter(|decision| {
            !matches!(decision.outcome, Outcome::Withdraw | Outcome::Resolve)
                && !decision.when.starts_with("stale")
                && matches!(
                    decision.reason,
                    Reason::Reached { .. }
                        | Reason::ExpectedToReach { .. }
                        | Reason::AheadOfPlan { .. }
                        | Reason::Unusual { .. }
                        | Reason::AlreadyTold { .. }
                )
        })
        .collect()
}

/// A budget's report with its standing.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    #[serde(flatten)]
    pub(crate) report: BudgetReport,
    pub(crate) state: Standing,
    /// Whether the data are older than usual.
    pub(crate) stale: bool,
}

impl Figures {
    pub(crate) fn new(app: &App, report: BudgetReport) -> Figures {
        Figures {
            state: Standing::of(app, &report),
            stale: report
                .status
                .as_ref()
                .is_some_and(|status| status.data.stale),
            report,
        }
    }

    /// The standing in words.
    fn state(&self) -> String {
        let problem = || self.report.problem.clone().unwrap_or_default();
        let text = match self.state {
            Standing::Fine => "fine".to_owned(),
            Standing::NotRunning => "not running today".to_owned(),
            Standing::Failed => format!("not evaluated: {}", problem()),
            Standing::NoData => return "no data for this period yet".to_owned(),
            Standing::Stale => return "data are stale".to_owned(),
            Standing::Over => "over".to_owned(),
            Standing::ExpectedOver => "expected to go over".to_owned(),
            Standing::Crossed => {
                let crossed = crossed(&self.report);
                let last = crossed.last().map(|decision| decision.when.as_str());
                format!("past {}", last.unwrap_or_default())
            }
        };
        if self.stale {
            format!("{text}, data are stale")
        } else {
            text
        }
    }
}

/// Where budgets stand, for people: the table, and what goes without saying in every row of it.
pub(crate) fn blocks(figures: &[Figures]) -> Vec<Block> {
    let mut lines: Vec<Cell> = missing_forecasts(figures)
        .into_iter()
        .map(Cell::from)
        .collect();
    lines.extend(poor_forecasts(figures));
    lines.extend(missing_days(figures));
    if let Some(as_of) = shared_as_of(figures) {
        lines.push(format!("data as of {}", moment(as_of)).into());
    }
    lines.extend(unusual(figures));
    let mut blocks = vec![table(figures).into()];
    if !lines.is_empty() {
        blocks.push(Block::Lines(lines));
    }
    blocks
}

/// What is unusual in budgets, and how much was checked; that there is nothing is an answer.
fn unusual(figures: &[Figures]) -> Vec<Cell> {
    let statuses = figures.iter().filter_map(|one| one.report.status.as_ref());
    let checked = statuses.filter_map(|status| Some((status, status.anomalies.as_ref()?)));
    let days: u32 = checked.clone().map(|(_, one)| one.days_checked).sum();
    let events = checked.clone().flat_map(|(status, found)| {
        let events = found.incidents.iter();
        events.map(|event| (status.budget.as_str(), event))
    });
    let lines: Vec<Cell> = events
        .map(|(budget, event)| {
            let days = match event.is_open {
                true => format!("since {}, still open", event.first),
                false => words::span(event.first, event.last),
            };
            let line = format!(
                "{budget}: {} {days}: {}",
                words::unusual(event.kind),
                words::beyond(event.impact)
            );
            Cell::colored(line, Color::Yellow)
        })
        .collect();
    if lines.is_empty() && days > 0 {
        let budgets = words::counted(checked.count(), "budget", "budgets");
        return vec![format!("no anomalies: {budgets}, {} checked", words::days(days)).into()];
    }
    lines
}

/// When the data of all budgets were written, if they are equally old.
fn shared_as_of(figures: &[Figures]) -> Option<Timestamp> {
    let mut moments = figures
        .iter()
        .filter_map(|one| Some(one.report.status.as_ref()?.data.as_of));
    let first = moments.next()?;
    moments.all(|one| one == first).then_some(first)
}

/// The last day with data, and when they were written unless that is said once for all.
fn data(status: &Status, shared: Option<Timestamp>) -> String {
    let data = status.data;
    match shared {
        Some(_) => data.last_day.to_string(),
        None => format!("{} (as\u{a0}of {})", data.last_day, moment(data.as_of)),
    }
}

/// The table of budgets: children below their parents.
fn table(figures: &[Figures]) -> Table {
    let shared = shared_as_of(figures);
    let mut table = Table::new(vec![
        Column::left("Budget"),
        Column::left("Period"),
        Column::right("Spent"),
        Column::right("Planned"),
        Column::right("%"),
        Column::right("Forecast (80 % range)"),
        Column::left("Likely breach"),
        Column::left("Data through"),
        Column::left("State"),
    ]);
    for (branch, one) in tree(figures) {
        let budget = tied(&format!("{branch}{}", one.report.budget));
        let mut row = vec![Cell::from(budget)];
        match &one.report.status {
            Some(status) => row.extend(
                [
                    status.period_label.clone(),
                    tied(&status.spent.to_string()),
                    tied(&status.planned.to_string()),
                    tied(&status.percent.to_string()),
                    forecast(status),
                    breach(status),
                    data(status, shared),
                ]
                .map(Cell::from),
            ),
            // Nothing is known, which is not zero.
            None => row.extend((0..7).map(|_| Cell::from("-"))),
        }
        row.push(Cell::colored(one.state(), one.state.color()));
        table.add(row);
    }
    table
}

/// The figures as records for other programs: exact amounts, one currency column.
pub(crate) fn records(figures: &[Figures]) -> Records {
    let mut records = Records::new(&[
        "budget",
        "name",
        "parent",
        "period_start",
        "period_end",
        "currency",
        "spent",
        "planned",
        "remaining",
        "percent",
        "forecast_mean",
        "forecast_p10",
        "forecast_p90",
        "breach_probability",
        "breach_likely",
        "data_through",
        "settled_to",
        "data_as_of",
        "stale",
        "anomalies",
        "anomaly_impact",
        "days_checked",
        "state",
        "problem",
    ]);
    for one in figures {
        let report = &one.report;
        let mut row = vec![
            report.budget.clone(),
            report.name.clone(),
            report.parent.clone().unwrap_or_default(),
        ];
        match &report.status {
            Some(status) => {
                row.extend([
                    status.period.start().to_string(),
                    status.period.last_day().to_string(),
                    status.planned.currency.to_string(),
                    exact(status.spent.amount),
                    exact(status.planned.amount),
                    exact(status.remaining.amount),
                    exact(status.percent.0.round_dp(4)),
                ]);
                row.extend(forecast_record(status));
                row.extend([
                    status.data.last_day.to_string(),
                    status.data.settled_to.to_string(),
                    status.data.as_of.to_string(),
                ]);
            }
            None => row.extend(std::iter::repeat_n(String::new(), 15)),
        }
        row.push(one.stale.to_string());
        row.extend(unusual_record(report.status.as_ref()));
        row.extend([word(one.state), report.problem.clone().unwrap_or_default()]);
        records.add(row);
    }
    records
}

/// How many events of unusual cost there are, what they cost beyond what was expected, and how many days
/// were checked.
fn unusual_record(status: Option<&Status>) -> [String; 3] {
    let Some(found) = status.and_then(|status| status.anomalies.as_ref()) else {
        return Default::default();
    };
    let events = &found.incidents;
    let impact: Decimal = events.iter().map(|event| event.impact.amount).sum();
    [
        events.len().to_string(),
        exact(impact),
        found.days_checked.to_string(),
    ]
}

fn forecast_record(status: &Status) -> [String; 5] {
    let Some(forecast) = &status.forecast else {
        return Default::default();
    };
    [
        exact(forecast.mean.amount),
        exact(forecast.range80.0.amount),
        exact(forecast.range80.1.amount),
        exact(forecast.probability.round_dp(2)),
        forecast
            .breach
            .map(|breach| breach.likely.to_string())
            .unwrap_or_default(),
    ]
}

/// The word of an enumeration in JSON.
pub(crate) fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// All digits of a number, without trailing zeros.
pub(crate) fn exact(number: Decimal) -> String {
    number.normalize().to_string()
}

fn forecast(status: &Status) -> String {
    match &status.forecast {
        Some(forecast) => {
            let mean = tied(&forecast.mean.to_string());
            format!("{mean} ({})", range(forecast.range80))
        }
        None => "none".to_owned(),
    }
}

/// A range of amounts, without the currency.
pub(crate) fn range((low, high): (budget_engine::Money, budget_engine::Money)) -> String {
    format!("{} to {}", low.figures(), high.figures())
}

fn breach(status: &Status) -> String {
    let breach = status
        .forecast
        .as_ref()
        .and_then(|forecast| forecast.breach);
    breach.map_or_else(|| "-".to_owned(), |breach| breach.likely.to_string())
}

/// When the planned amount is reached, with the range; or that it is not expected.
pub(crate) fn breach_range(breach: Option<Breach>) -> String {
    let Some(breach) = breach else {
        return "not expected in the period".to_owned();
    };
    if breach.earliest == Some(breach.likely) && breach.latest == Some(breach.likely) {
        return breach.likely.to_string();
    }
    let bounds = match (breach.earliest, breach.latest) {
        (Some(earliest), Some(latest)) => format!("unlikely before {earliest} or after {latest}"),
        (Some(earliest), None) => {
            format!("unlikely before {earliest}; perhaps not in the period")
        }
        (None, Some(latest)) => format!("unlikely after {latest}"),
        (None, None) => "perhaps not in the period".to_owned(),
    };
    format!("{} ({bounds})", breach.likely)
}

/// Why budgets have no forecast, one line each.
fn missing_forecasts(figures: &[Figures]) -> Vec<String> {
    figures
        .iter()
        .filter_map(|one| {
            let why = one.report.status.as_ref()?.no_forecast.as_ref()?;
            Some(format!("{}: no forecast: {why}", one.report.budget))
        })
        .collect()
}

/// Whose thresholds of the forecast are held back, and why, one line each.
fn poor_forecasts(figures: &[Figures]) -> Vec<Cell> {
    let poor = figures.iter().filter_map(|one| {
        let forecast = one.report.status.as_ref()?.forecast.as_ref()?;
        let few_days = forecast.few_days.as_ref().filter(|few| few.are_too_few());
        let why = match few_days {
            Some(few) => format!(
                "forecast thresholds wait for {} settled days; there {} {} so far",
                FewDays::NEEDED,
                if few.settled == 1 { "is" } else { "are" },
                few.settled
            ),
            None => poor_forecast(&forecast.score.filter(|score| score.held)?),
        };
        let text = format!("{}: {why}", one.report.budget);
        Some(Cell::colored(text, Color::Yellow))
    });
    poor.collect()
}

/// Which days of budgets seem to be missing in the data, one line each.
fn missing_days(figures: &[Figures]) -> Vec<Cell> {
    let missing = figures.iter().filter_map(|one| {
        let status = one.report.status.as_ref()?;
        let (first, last) = (status.missing.first()?, status.missing.last()?);
        let text = format!(
            "{}: no rows at all for {} ({}): taken for missing data and forecast, not for days without cost",
            one.report.budget,
            words::counted(status.missing.len(), "day", "days"),
            words::span(*first, *last)
        );
        Some(Cell::colored(text, Color::Yellow))
    });
    missing.collect()
}

/// That thresholds of the forecast are held back, and why.
pub(crate) fn poor_forecast(score: &ForecastScore) -> String {
    format!(
        "forecast thresholds are held back: {}",
        earlier_forecasts(score)
    )
}

/// How earlier forecasts turned out that were made as late in their periods.
pub(crate) fn earlier_forecasts(score: &ForecastScore) -> String {
    let ForecastScore {
        periods,
        covered,
        error,
        ..
    } = score;
    match periods {
        1 => format!("off by {error} in 1 period, {covered} of 1 total in the 80 % range"),
        _ => format!(
            "off by {error} in {periods} periods, {covered} of {periods} totals in the 80 % range"
        ),
    }
}

/// The decisions to show, with why.
pub(crate) fn decisions(figures: &[Figures], shown: impl Fn(&Decision) -> bool) -> Table {
    let mut table = Table::new(vec![
        Column::left("Budget"),
        Column::left("Threshold"),
        Column::left("Decision"),
        Column::left("Why"),
    ]);
    for one in figures {
        let current = one.report.decisions.iter().map(|decision| (decision, None));
        let ended = one.report.ended.iter().flat_map(|ended| {
            let label = ended.status.period_label.as_str();
            ended
                .decisions
                .iter()
                .map(move |decision| (decision, Some(label)))
        });
        for (decision, ended) in ended.chain(current).filter(|(decision, _)| shown(decision)) {
            let threshold = match ended {
                Some(label) => format!("{} of {label}", decision.threshold),
                None => decision.threshold.clone(),
            };
            let color = match decision.outcome {
                Outcome::Fire => Color::Red,
                Outcome::Withdraw | Outcome::Resolve => Color::Yellow,
                Outcome::Cover { .. } | Outcome::Quiet => Color::Plain,
            };
            table.add(vec![
                one.report.budget.as_str().into(),
                threshold.into(),
                Cell::colored(words::outcome(decision), color),
                words::why(decision).into(),
            ]);
        }
    }
    table
}

/// Budgets with the branches of their tree: parents first, in the order given.
fn tree(figures: &[Figures]) -> Vec<(String, &Figures)> {
    let ids: BTreeSet<&str> = figures
        .iter()
        .map(|one| one.report.budget.as_str())
        .collect();
    // A parent that is not shown has no branch to hang its children on.
    let parent = |one: &Figures| -> Option<String> {
        let parent = one.report.parent.clone()?;
        ids.contains(parent.as_str()).then_some(parent)
    };
    let mut rows = Vec::with_capacity(figures.len());
    let mut waiting: Vec<(String, Option<String>, Vec<&Figures>)> = vec![(
        String::new(),
        None,
        figures
            .iter()
            .filter(|one| parent(one).is_none())
            .rev()
            .collect(),
    )];
    while let Some((indent, under, mut siblings)) = waiting.pop() {
        let Some(one) = siblings.pop() else { continue };
        let is_last = siblings.is_empty();
        let (branch, below) = match (&under, is_last) {
            (None, _) => ("", ""),
            (Some(_), false) => ("├ ", "│ "),
            (Some(_), true) => ("└ ", "  "),
        };
        rows.push((format!("{indent}{branch}"), one));
        waiting.push((indent.clone(), under, siblings));
        let id = one.report.budget.clone();
        let children = figures
            .iter()
            .filter(|child| parent(child).as_ref() == Some(&id))
            .rev()
            .collect();
        waiting.push((format!("{indent}{below}"), Some(id), children));
    }
    rows
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn figures(id: &str, parent: Option<&str>) -> Figures {
        let report = BudgetReport {
            budget: id.to_owned(),
            name: id.to_owned(),
            parent: parent.map(str::to_owned),
            at: jiff::Timestamp::UNIX_EPOCH,
            status: None,
            known: None,
            problem: Some("the source is on fire".to_owned()),
            decisions: Vec::new(),
            ended: None,
            deliveries: 0,
            told_nobody: Vec::new(),
        };
        Figures {
            report,
            state: Standing::Failed,
            stale: false,
        }
    }

    #[test]
    fn children_hang_below_their_parents() {
        let all = [
            figures("b", Some("top")),
            figures("other", None),
            figures("leaf", Some("b")),
            figures("top", None),
            figures("c", Some("top")),
            figures("orphan", Some("not-shown")),
        ];
        let drawn: Vec<String> = tree(&all)
            .iter()
            .map(|(branch, one)| format!("{branch}{}", one.report.budget))
            .collect();
        assert_eq!(drawn, ["other", "top", "├ b", "│ └ leaf", "└ c", "orphan"]);
    }

    #[test]
    fn a_budget_with_a_problem_has_no_figures_and_shows_the_problem() {
        let all = [figures("b", None)];
        let mut shown = Vec::new();
        crate::output::table::write(&[table(&all).into()], None, &mut shown).unwrap();
        let shown = String::from_utf8(shown).unwrap();
        let shown = anstream::adapter::strip_str(&shown).to_string();
        let row = shown.lines().nth(1).unwrap();
        assert!(row.ends_with("not evaluated: the source is on fire"));
        assert!(!row.contains('0'), "{row}");
    }

    #[test]
    fn breaches_are_said_with_their_range() {
        let day = |day| date(2026, 11, day);
        let breach = |earliest, latest| {
            breach_range(Some(Breach {
                likely: day(22),
                earliest,
                latest,
            }))
        };
        assert_eq!(breach(Some(day(22)), Some(day(22))), "2026-11-22");
        assert_eq!(
            breach(Some(day(21)), None),
            "2026-11-22 (unlikely before 2026-11-21; perhaps not in the period)"
        );
        assert_eq!(breach_range(None), "not expected in the period");
    }
}
