//! `forecast`: where periods are expected to end. Nothing is recorded or sent.

mod charts;
mod score;

use budget_engine::{Percent, Status};
use jiff::Timestamp;
use serde::Serialize;
use spendwatch::jobs::evaluate::BudgetReport;

use super::Exit;
use crate::args::Global;
use crate::args::forecast::Forecast;
use crate::evaluation::{self, is_running, tell_notes};
use crate::figures::{breach_range, earlier_forecasts, exact, range};
use crate::lines;
use crate::output::{self, Answer, Block, Records};
use crate::setup::{self, State};
use crate::words::{days, few_days, moment};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Forecasts {
    at: Timestamp,
    budgets: Vec<One>,
}

/// The forecast of one budget, or why there is none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct One {
    budget: String,
    name: String,
    #[serde(flatten)]
    status: Option<Box<Figures>>,
    problem: Option<String>,
    #[serde(skip)]
    chart: Option<String>,
}

/// The part of a status that a forecast rests on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    period: budget_engine::Period,
    planned: budget_engine::Money,
    spent: budget_engine::Money,
    remaining: budget_engine::Money,
    daily_allowance: Option<budget_engine::Money>,
    forecast: Option<budget_engine::ForecastSummary>,
    no_forecast: Option<String>,
    data: budget_engine::DataState,
    #[serde(skip)]
    label: String,
    #[serde(skip)]
    days_left: u32,
}

impl From<Status> for Figures {
    fn from(status: Status) -> Figures {
        Figures {
            days_left: status.period.days().saturating_sub(status.elapsed_days),
            period: status.period,
            planned: status.planned,
            spent: status.spent,
            remaining: status.remaining,
            daily_allowance: status.daily_allowance,
            forecast: status.forecast,
            no_forecast: status.no_forecast,
            data: status.data,
            label: status.period_label,
        }
    }
}

impl Answer for Forecasts {
    fn blocks(&self) -> Vec<Block> {
        self.budgets.iter().flat_map(One::blocks).collect()
    }

    fn records(&self) -> Records {
        let mut records = Records::new(&[
            "budget",
            "period_start",
            "period_end",
            "currency",
            "planned",
            "spent",
            "mean",
            "p2_5",
            "p10",
            "p90",
            "p97_5",
            "breach_probability",
            "breach_likely",
            "breach_earliest",
            "breach_latest",
            "daily_allowance",
            "data_through",
            "few_days",
            "problem",
        ]);
        for one in &self.budgets {
            let mut row = vec![one.budget.clone()];
            match &one.status {
                Some(figures) => row.extend(figures.record()),
                None => row.extend(std::iter::repeat_n(String::new(), 17)),
            }
            let none = one.status.as_ref().and_then(|one| one.no_forecast.clone());
            row.push(one.problem.clone().or(none).unwrap_or_default());
            records.add(row);
        }
        records
    }
}

impl One {
    fn blocks(&self) -> Vec<Block> {
        let mut title = self.budget.clone();
        if self.name != self.budget {
            title.push_str(&format!(": {}", self.name));
        }
        let facts = match (&self.status, &self.problem) {
            (Some(figures), _) => figures.facts(),
            (None, problem) => {
                let problem = problem.clone().unwrap_or_default();
                vec![("Not evaluated", problem)]
            }
        };
        let facts = facts.into_iter().map(|(name, value)| (name.into(), value));
        let figures = Block::Facts {
            title,
            facts: facts.collect(),
        };
        let chart = self.chart.as_ref().map(|text| Block::Verbatim {
            language: "text",
            text: text.clone(),
        });
        std::iter::once(figures).chain(chart).collect()
    }
}

impl Figures {
    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("Period", self.label.clone()),
            ("Planned", self.planned.to_string()),
            ("Spent", self.spent.to_string()),
        ];
        if let Some(few) = self.forecast.as_ref().and_then(|one| one.few_days.as_ref()) {
            facts.push(("Rests on", few_days(few)));
        }
        match &self.forecast {
            Some(forecast) => facts.extend([
                ("Expected", forecast.mean.to_string()),
                ("80 % range", range(forecast.range80)),
                ("95 % range", range(forecast.range95)),
                (
                    "Probability",
                    format!(
                        "{} to reach the planned amount",
                        Percent(forecast.probability).likelihood()
                    ),
                ),
                ("Breach", breach_range(forecast.breach)),
            ]),
            None => {
                let why = self.no_forecast.clone().unwrap_or_default();
                facts.push(("Expected", format!("no forecast: {why}")));
            }
        }
        if let Some(score) = self.forecast.as_ref().and_then(|one| one.score) {
            facts.push(("Earlier ones", earlier_forecasts(&score)));
        }
        let allowance = match self.daily_allowance {
            Some(allowance) => format!(
                "{allowance} on each of the {} without costs yet",
                days(self.days_left)
            ),
            None if self.remaining.amount <= 0.into() => {
                "none: the planned amount is spent".to_owned()
            }
            None if self.data.stale => "not known: the data are stale".to_owned(),
            None if self.days_left > 0 => "not known yet: no day has costs".to_owned(),
            None => "none: no day is left".to_owned(),
        };
        facts.push(("Allowance", allowance));
        let stale = if self.data.stale { ", stale" } else { "" };
        facts.push((
            "Data",
            format!(
                "through {}, settled to {}, as of {}{stale}",
                self.data.last_day,
                self.data.settled_to,
                moment(self.data.as_of)
            ),
        ));
        facts
    }

    fn record(&self) -> Vec<String> {
        let mut row = vec![
            self.period.start().to_string(),
            self.period.last_day().to_string(),
            self.planned.currency.to_string(),
            exact(self.planned.amount),
            exact(self.spent.amount),
        ];
        match &self.forecast {
            Some(forecast) => {
                let breach = forecast.breach;
                let day = |day: Option<jiff::civil::Date>| {
                    day.map(|day| day.to_string()).unwrap_or_default()
                };
                row.extend([
                    exact(forecast.mean.amount),
                    exact(forecast.range95.0.amount),
                    exact(forecast.range80.0.amount),
                    exact(forecast.range80.1.amount),
                    exact(forecast.range95.1.amount),
                    exact(forecast.probability.round_dp(2)),
                    day(breach.map(|breach| breach.likely)),
                    day(breach.and_then(|breach| breach.earliest)),
                    day(breach.and_then(|breach| breach.latest)),
                ]);
            }
            None => row.extend(std::iter::repeat_n(String::new(), 9)),
        }
        let allowance = self.daily_allowance.map(|one| one.rounded().to_string());
        row.push(allowance.unwrap_or_default());
        row.push(self.data.last_day.to_string());
        let few = self.forecast.as_ref();
        let few = few.and_then(|forecast| forecast.few_days.as_ref());
        row.push(few.map(|few| few.settled.to_string()).unwrap_or_default());
        row
    }
}

pub(super) async fn run(global: &Global, options: &Forecast) -> anyhow::Result<Exit> {
    if options.json_lines {
        return lines::run(global, lines::forecast::answer);
    }
    if options.score {
        return score::run(global, options).await;
    }
    let picture = charts::Picture::of(global, options)?;
    let app = setup::app(global, State::Looked, options.as_of).await?;
    let only: Vec<String> = options.budget.iter().cloned().collect();
    let evaluated = evaluation::evaluate(&app, &only, true).await?;
    tell_notes(&evaluated);
    let failed = evaluated
        .budgets
        .iter()
        .any(|report| report.problem.is_some() && is_running(&app, report));
    if let Some(folder) = &options.svg {
        charts::write(folder, &evaluated)?;
    }
    let one = |report: BudgetReport| One {
        chart: picture.draw(&report),
        budget: report.budget,
        name: report.name,
        status: report.status.map(|status| Box::new(status.into())),
        problem: report.problem,
    };
    let forecasts = Forecasts {
        at: evaluated.at,
        budgets: evaluated.budgets.into_iter().map(one).collect(),
    };
    output::print(global.output, &forecasts)?;
    Ok(if failed { Exit::Failed } else { Exit::Fine })
}
