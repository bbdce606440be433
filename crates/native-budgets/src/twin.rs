//! Whether Azure's budget and ours see the same: two watchers that look at one bill should agree, and
//! if they do not, one of them is wrong or asks another question.

use azure_cost::{Budget as AzureBudget, BudgetNotification};
use budget_engine::{CostBasis, Currency, Status};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::desired::Operator;

/// What our last evaluation knows of the budget that Azure's follows.
#[derive(Debug, Clone, Copy)]
pub struct Ours<'a> {
    /// Its figures.
    pub status: &'a Status,
    /// Whether it counts only what a filter lets through, or several scopes.
    pub is_filtered: bool,
    /// Whether it leaves charge categories out.
    pub excludes: bool,
    /// Whether it begins after the first day of the period, from which Azure counts.
    pub begins_later: bool,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// Spend to date.
    Spend,
    /// Expected total of the period.
    Forecast,
    /// The currency, which has to be the same before anything else can be.
    Currency,
}

/// A difference that is larger than it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// In what.
    pub figure: Figure,
    /// What it is, in one sentence.
    pub message: String,
    /// Likely causes, the likeliest first.
    pub causes: Vec<String>,
}

/// Days of spend by which both may be apart: Azure looks once a day at costs that come up to a day
/// late.
const LAG_DAYS: Decimal = Decimal::TWO;
/// Forecasts are made in different ways, so that they may be further apart than spend.
const FORECAST_FACTOR: Decimal = Decimal::from_parts(4, 0, 0, false, 0);

/// How Azure's figures differ from ours beyond `percent` of ours, `amount`, and two days of spend.
///
/// In the first two days of a period, and while our data are stale, nothing is said: Azure may still
/// show the period before, and stale data are told of otherwise. Of a period in which ours begins
/// later than Azure's only the currency is compared.
pub fn gaps(live: &AzureBudget, ours: &Ours<'_>, percent: Decimal, amount: Decimal) -> Vec<Gap> {
    let status = ours.status;
    let Some(spend) = &live.current_spend else {
        return Vec::new();
    };
    if status.elapsed_days < 2 || status.data.stale {
        return Vec::new();
    }
    let currency = status.spent.currency;
    if spend
        .unit
        .parse::<Currency>()
        .is_ok_and(|unit| unit != currency)
    {
        return vec![Gap {
            figure: Figure::Currency,
            message: format!(
                "Azure counts in {}, the configuration in {currency}",
                spend.unit
            ),
            causes: vec![
                "Azure's budgets are in the billing currency of their scope; set `currency` of the \
                 budget to it"
                    .to_owned(),
            ],
        }];
    }
    if ours.begins_later {
        return Vec::new();
    }
    let mut found = Vec::new();
    let allowed = |figure: Decimal, factor: Decimal| {
        let percent = percent / Decimal::ONE_HUNDRED * factor;
        let share = figure.abs().saturating_mul(percent).max(amount);
        let daily = status.spent.amount.abs() / Decimal::from(status.elapsed_days);
        share.saturating_add(daily.saturating_mul(LAG_DAYS))
    };
    let mine = status.spent.amount;
    if distance(spend.amount, mine) > allowed(mine, Decimal::ONE) {
        found.push(Gap {
            figure: Figure::Spend,
            message: sentence("spend", spend.amount, mine, currency),
            causes: causes(ours, spend.amount > mine),
        });
    }
    let forecasts = live.forecast_spend.as_ref().zip(status.forecast.as_ref());
    // A forecast on figures that differ already says nothing more.
    if let Some((theirs, own)) = forecasts
        && found.is_empty()
    {
        let (low, high) = (own.range80.0.amount, own.range80.1.amount);
        let mean = own.mean.amount;
        let is_outside = theirs.amount < low || theirs.amount > high;
        if is_outside && distance(theirs.amount, mean) > allowed(mean, FORECAST_FACTOR) {
            let mut why = vec![
                "both forecast in their own way; the spend to date is the same, so the rest of the \
                 period is expected to be different"
                    .to_owned(),
            ];
            why.extend(causes(ours, theirs.amount > mean));
            found.push(Gap {
                figure: Figure::Forecast,
                message: sentence("forecast", theirs.amount, mean, currency),
                causes: why,
            });
        }
    }
    found
}

/// Amounts come from outside, and no sum of them may end the process.
fn distance(one: Decimal, other: Decimal) -> Decimal {
    one.saturating_sub(other).abs()
}

fn sentence(figure: &str, azure: Decimal, ours: Decimal, currency: Currency) -> String {
    let (azure_shown, ours_shown) = (azure.round_dp(2), ours.round_dp(2));
    // Whoever subtracts what is shown comes to the same.
    let gap = distance(azure_shown, ours_shown);
    let word = if azure > ours { "more" } else { "less" };
    format!(
        "Azure's {figure} is {azure_shown} {currency}, ours {ours_shown} {currency}: Azure has {gap} \
         {word}"
    )
}

fn causes(ours: &Ours<'_>, azure_has_more: bool) -> Vec<String> {
    let status = ours.status;
    let mut causes = Vec::new();
    if ours.is_filtered {
        causes.push(
            "the filter: Azure's dimension names or tag values may select other costs than ours"
                .to_owned(),
        );
    }
    if status.cost_basis == CostBasis::Amortized {
        causes.push(match azure_has_more {
            true => {
                "amortized against actual: Azure's budgets count a reservation or savings plan \
                     whole on the day it is bought, ours day by day"
                    .to_owned()
            }
            false => {
                "amortized against actual: ours count the use of reservations and savings plans \
                      day by day, Azure's counted their purchase when it was charged"
                    .to_owned()
            }
        });
    } else if azure_has_more {
        causes.push(
            "a purchase of a reservation or savings plan that Azure has counted already".to_owned(),
        );
    }
    if ours.excludes {
        causes.push(
            "`exclude`: Azure's filter lists the charge types that count, and a type may be missing \
             or new"
                .to_owned(),
        );
    }
    if status.data.skipped_rows > 0 {
        causes.push(format!(
            "{} rows of our data could not be read",
            status.data.skipped_rows
        ));
    }
    causes.push(format!(
        "lag: our data end on {}, and Azure evaluates budgets about once a day on costs that come 8 \
         to 24 hours late",
        status.data.last_day
    ));
    causes
}

/// The notifications on spend that Azure's own figure has reached, with their keys: it should have
/// told of them.
pub fn reached(live: &AzureBudget) -> Vec<(&str, &BudgetNotification)> {
    let (Some(spend), Some(amount)) = (&live.current_spend, live.amount) else {
        return Vec::new();
    };
    let is_reached = |notification: &BudgetNotification| {
        let share = notification.threshold / Decimal::ONE_HUNDRED;
        let limit = amount.saturating_mul(share);
        match Operator::of(&notification.operator) {
            Some(Operator::GreaterThan) => spend.amount > limit,
            Some(Operator::GreaterThanOrEqualTo) => spend.amount >= limit,
            // The others hold for a moment only, or are about reservations.
            _ => false,
        }
    };
    let enabled = live.notifications.iter().filter(|(_, each)| {
        each.enabled && !each.threshold_type.eq_ignore_ascii_case("Forecasted")
    });
    enabled
        .filter(|(_, each)| is_reached(each))
        .map(|(key, each)| (key.as_str(), each))
        .collect()
}
