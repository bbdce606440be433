//! `anomalies`: days of unusual cost. Nothing is written or sent.

use std::borrow::Cow;
use std::cmp::Reverse;

use budget_engine::{Anomaly, Aspect};
use serde::Serialize;
use spendwatch::jobs::anomalies::{self, BudgetReport, Options, Report};

use super::Exit;
use crate::args::Global;
use crate::args::forecast::Anomalies;
use crate::evaluation::check_ids;
use crate::figures::exact;
use crate::lines;
use crate::output::{self, Answer, Block, Cell, Color, Column, Records, Table, talk};
use crate::progress::Reading;
use crate::setup::{self, State};
use crate::words;

/// What was checked, and what was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    #[serde(flatten)]
    report: Report,
    budgets_checked: usize,
    days_checked: u64,
    /// By what it is shown what made events up; by service if not set.
    #[serde(skip)]
    by: Option<Aspect>,
}

impl Shown {
    fn of(report: Report, by: Option<Aspect>) -> Shown {
        let checked = report.budgets.iter().filter(|one| one.problem.is_none());
        Shown {
            budgets_checked: checked.clone().count(),
            days_checked: checked.map(|one| u64::from(one.days_checked)).sum(),
            report,
            by,
        }
    }

    /// All incidents, those with the largest impact first. Amounts of several currencies cannot be compared,
    /// so each currency stands by itself.
    fn incidents(&self) -> Vec<(&BudgetReport, &Anomaly)> {
        let budgets = self.report.budgets.iter();
        let all = budgets.flat_map(|one| one.incidents.iter().map(move |incident| (one, incident)));
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(|(_, one)| {
            let impact = one.impact;
            (impact.currency.to_string(), Reverse(impact.amount.abs()))
        });
        all
    }

    /// What made up an event, largest first: `Storage +410.00`, `everything else +3.20`.
    fn made_up(&self, incident: &Anomaly) -> Vec<String> {
        let mut drivers = incident.drivers.iter();
        let drivers = match &self.by {
            Some(by) => drivers.find(|one| one.by == *by),
            None => drivers.next(),
        };
        let Some(drivers) = drivers else {
            return Vec::new();
        };
        let items = drivers.items.iter().map(|item| (&*item.name, item.change));
        let other = Some(("everything else", drivers.other));
        let expected = drivers
            .expected
            .map(|expected| ("expected, by trend or plans", expected));
        let rest = other.into_iter().chain(expected);
        let rest = rest.filter(|(_, change)| !change.amount.is_zero());
        let parts = items.chain(rest).map(|(name, change)| {
            let name = match (name, &self.by) {
                ("", None) => "(no service)",
                ("", Some(_)) => "(none)",
                _ => name,
            };
            let sign = if change.amount.is_sign_negative() {
                ""
            } else {
                "+"
            };
            format!("{name} {sign}{}", change.rounded())
        });
        parts.collect()
    }

    fn problems(&self) -> impl Iterator<Item = (&str, &str)> {
        let budgets = self.report.budgets.iter();
        budgets.filter_map(|one| Some((one.budget.as_str(), one.problem.as_deref()?)))
    }

    /// How much was looked at, whatever was found.
    fn summary(&self) -> String {
        let found = match self.incidents().len() {
            0 => "no anomalies".to_owned(),
            1 => "1 incident".to_owned(),
            many => format!("{many} incidents"),
        };
        let budgets = counted(self.budgets_checked as u64, "budget");
        let days = counted(self.days_checked, "day");
        let since = self.report.since;
        format!("{found}: {budgets}, {days} checked since {since}")
    }
}

impl Answer for Shown {
    fn blocks(&self) -> Vec<Block> {
        let table = self.table();
        let mut lines = vec![Cell::from(self.summary())];
        lines.extend(self.problems().map(|(budget, problem)| {
            Cell::colored(format!("{budget}: not checked: {problem}"), Color::Red)
        }));
        let table = (!table.is_empty()).then(|| table.into());
        table.into_iter().chain([Block::Lines(lines)]).collect()
    }

    /// The incidents; then a record of each budget with how many of its days were checked.
    fn records(&self) -> Records {
        let mut records = Records::new(&[
            "budget",
            "kind",
            "first_day",
            "last_day",
            "open",
            "currency",
            "expected",
            "cost",
            "impact",
            "score",
            "made_up",
            "days_checked",
            "problem",
        ]);
        for (budget, incident) in self.incidents() {
            records.add(vec![
                budget.budget.clone(),
                incident.kind.as_str().to_owned(),
                incident.first.to_string(),
                incident.last.to_string(),
                incident.is_open.to_string(),
                incident.cost.currency.to_string(),
                exact(incident.expected.amount),
                exact(incident.cost.amount),
                exact(incident.impact.amount),
                exact(incident.score),
                self.made_up(incident).join("; "),
                budget.days_checked.to_string(),
                String::new(),
            ]);
        }
        let is_quiet = |one: &&BudgetReport| one.incidents.is_empty();
        for budget in self.report.budgets.iter().filter(is_quiet) {
            let mut row = vec![budget.budget.clone()];
            row.extend(std::iter::repeat_n(String::new(), 10));
            row.push(budget.days_checked.to_string());
            row.push(budget.problem.clone().unwrap_or_default());
            records.add(row);
        }
        records
    }
}

impl Shown {
    fn table(&self) -> Table {
        let mut table = Table::new(vec![
            Column::left("Budget"),
            Column::left("What"),
            Column::left("First day"),
            Column::left("Last day"),
            Column::right("Expected"),
            Column::right("Cost"),
            Column::right("Impact"),
            Column::left("What made it up"),
        ]);
        for (budget, incident) in self.incidents() {
            let last: Cow<'static, str> = match incident.is_open {
                true => "still open".into(),
                false => incident.last.to_string().into(),
            };
            let color = match incident.impact.amount.is_sign_negative() {
                true => Color::Yellow,
                false => Color::Red,
            };
            let made_up = self.made_up(incident);
            let tied: Vec<String> = made_up.iter().map(|part| output::tied(part)).collect();
            table.add(vec![
                budget.budget.as_str().into(),
                words::unusual(incident.kind).into(),
                incident.first.to_string().into(),
                last.into(),
                output::tied(&incident.expected.to_string()).into(),
                output::tied(&incident.cost.to_string()).into(),
                Cell::colored(output::tied(&incident.impact.to_string()), color),
                tied.join(", ").into(),
            ]);
        }
        table
    }
}

/// A number of things: `1,080 days`.
fn counted(count: u64, thing: &str) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let plural = if count == 1 { "" } else { "s" };
    format!("{grouped} {thing}{plural}")
}

pub(super) async fn run(global: &Global, options: &Anomalies) -> anyhow::Result<Exit> {
    if options.json_lines {
        return lines::run(global, lines::anomaly::answer);
    }
    let app = setup::app(global, State::Unused, options.as_of).await?;
    let budgets: Vec<String> = options.budget.iter().cloned().collect();
    check_ids(&app, &budgets)?;
    let reading = Reading::new();
    let by = options.by.clone();
    let options = Options {
        budgets,
        days: options.days,
        by: by.clone(),
        progress: Reading::port(&reading),
    };
    let run = anomalies::run(&app, &options);
    let report = Reading::watch(reading.as_deref(), run).await?;
    for note in &report.notes {
        talk(&format!("note: {note}"));
    }
    let shown = Shown::of(report, by);
    output::print(global.output, &shown)?;
    let failed = shown.problems().next().is_some();
    Ok(if failed { Exit::Failed } else { Exit::Fine })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_and_agree_with_their_noun() {
        assert_eq!(counted(1, "budget"), "1 budget");
        assert_eq!(counted(0, "day"), "0 days");
        assert_eq!(counted(1080, "day"), "1,080 days");
        assert_eq!(counted(1_234_567, "day"), "1,234,567 days");
    }
}
