//! What a chart says in words.

use super::{Chart, short};

impl Chart {
    /// The budget and its period.
    pub(super) fn title(&self) -> String {
        let name = match self.name == self.budget {
            true => String::new(),
            false => format!(": {}", self.name),
        };
        format!("{}{name}, {}", self.budget, self.period_label)
    }

    /// All that can be seen, for whoever does not see it.
    pub(super) fn description(&self) -> String {
        let mut said = vec![format!(
            "{} of {} planned were spent by {}.",
            self.spent, self.planned, self.data_to
        )];
        if let Some(forecast) = &self.forecast {
            let (low, high) = forecast.range80;
            said.push(format!(
                "{} is expected by {}, with 80 % probability between {} and {}.",
                forecast.mean,
                self.period.last_day(),
                low.figures(),
                high.figures()
            ));
        } else {
            said.push("There is no forecast.".to_owned());
        }
        if let Some((day, _)) = self.breach() {
            said.push(format!("The planned amount is reached on {day}."));
        }
        said.join(" ")
    }

    /// What marks the breach; the past is known, and what comes is only expected.
    pub(super) fn breach_label(&self) -> Option<String> {
        let (day, _) = self.breach()?;
        let day_text = short(day);
        Some(match day <= self.data_to {
            true => format!("{day_text}: the planned amount was reached"),
            false => format!("{day_text}: the planned amount is expected to be reached"),
        })
    }

    /// How long a step is, if it is no day.
    pub(super) fn step_label(&self) -> String {
        match self.step_days {
            1 => "Cost by day".to_owned(),
            days => format!("Cost by {days} days"),
        }
    }
}
