//! Azure's figures beside ours.

use azure_cost::{Budget as AzureBudget, BudgetNotification, BudgetPeriod, BudgetSpend};
use budget_engine::{CostBasis, Status};
use jiff::civil::date;
use native_budgets::{Figure, Gap, Ours, gaps, reached};
use rust_decimal::Decimal;
use serde_json::json;

/// Ten days with EUR 100 each, of a budget of EUR 3,000.
fn status(change: impl Fn(&mut Status)) -> Status {
    let money = |amount: u32| json!({"amount": amount.to_string(), "currency": "EUR"});
    let mut status: Status = serde_json::from_value(json!({
        "budget": "web", "name": "Web", "parent": null,
        "scopes": ["/subscriptions/a"], "costBasis": "actual", "timeGrain": "monthly",
        "period": {"start": "2026-11-01", "end": "2026-12-01"},
        "periodLabel": "November 2026", "periodKey": "monthly-2026-11-01",
        "planned": money(3000), "spent": money(1000), "remaining": money(2000),
        "percent": "33.3", "day": 11, "elapsedDays": 10,
        "dailyAllowance": null, "pace": null,
        "forecast": {
            "mean": money(3000), "range80": [money(2800), money(3200)],
            "range95": [money(2700), money(3300)], "probability": "50", "breach": null,
        },
        "noForecast": null, "drivers": null,
        "data": {
            "asOf": "2026-11-11T06:00:00Z", "firstDay": "2026-08-01", "lastDay": "2026-11-10",
            "settledTo": "2026-11-08", "ageDays": 1, "stale": false,
        },
    }))
    .unwrap();
    change(&mut status);
    status
}

fn live(spend: i64, forecast: Option<i64>) -> AzureBudget {
    let period = BudgetPeriod::new(date(2026, 1, 1), None);
    let mut budget = AzureBudget::new("web", Decimal::from(3000), "Monthly", period);
    let unit = |amount: i64| BudgetSpend {
        amount: Decimal::from(amount),
        unit: "EUR".to_owned(),
    };
    budget.current_spend = Some(unit(spend));
    budget.forecast_spend = forecast.map(unit);
    budget
}

fn found(live: &AzureBudget, status: &Status) -> Vec<Gap> {
    let ours = Ours {
        status,
        is_filtered: false,
        excludes: false,
        begins_later: false,
    };
    gaps(live, &ours, Decimal::from(5), Decimal::from(10))
}

#[test]
fn a_gap_counts_beyond_the_tolerance_and_two_days_of_spend() {
    let status = status(|_| {});
    // 5 % of 1,000 and two days of 100.
    for (spend, is_gap) in [(750, false), (749, true), (1250, false), (1251, true)] {
        let gaps = found(&live(spend, None), &status);
        assert_eq!(!gaps.is_empty(), is_gap, "{spend}: {gaps:?}");
    }
    let gap = &found(&live(1400, None), &status)[0];
    assert_eq!(gap.figure, Figure::Spend);
    assert_eq!(
        gap.message,
        "Azure's spend is 1400 EUR, ours 1000 EUR: Azure has 400 more"
    );
    assert!(gap.causes[0].contains("purchase"), "{:?}", gap.causes);
    assert!(gap.causes.last().unwrap().contains("2026-11-10"));
}

#[test]
fn the_gap_is_the_difference_of_the_figures_that_are_shown() {
    let status = status(|status| status.spent.amount = Decimal::new(920_764, 3));
    let mut azure = live(0, None);
    azure.current_spend.as_mut().unwrap().amount = Decimal::new(3_719_346, 3);
    // 3719.346 - 920.764 = 2798.582, but whoever reads 3719.35 and 920.76 finds 2798.59.
    assert_eq!(
        found(&azure, &status)[0].message,
        "Azure's spend is 3719.35 EUR, ours 920.76 EUR: Azure has 2798.59 more"
    );
}

#[test]
fn a_period_in_which_ours_begins_later_is_not_compared_but_for_the_currency() {
    let status = status(|_| {});
    let ours = Ours {
        status: &status,
        is_filtered: false,
        excludes: false,
        begins_later: true,
    };
    let percent = Decimal::from(5);
    let mut azure = live(2000, Some(9000));
    assert_eq!(gaps(&azure, &ours, percent, Decimal::from(10)), []);
    azure.current_spend.as_mut().unwrap().unit = "USD".into();
    let found = gaps(&azure, &ours, percent, Decimal::from(10));
    assert_eq!(found[0].figure, Figure::Currency);
}

#[test]
fn the_causes_follow_from_what_the_budget_counts() {
    let amortized = status(|status| {
        status.cost_basis = CostBasis::Amortized;
        status.data.skipped_rows = 3;
    });
    let ours = Ours {
        status: &amortized,
        is_filtered: true,
        excludes: true,
        begins_later: false,
    };
    let gaps = gaps(
        &live(2000, None),
        &ours,
        Decimal::from(5),
        Decimal::from(10),
    );
    let causes = &gaps[0].causes;
    for (cause, word) in causes
        .iter()
        .zip(["filter", "amortized", "`exclude`", "3 rows", "lag"])
    {
        assert!(cause.contains(word), "{cause}");
    }
    assert_eq!(causes.len(), 5);
}

#[test]
fn nothing_is_said_while_nothing_can_be_known() {
    assert!(found(&live(9000, None), &status(|status| status.elapsed_days = 1)).is_empty());
    assert!(
        found(
            &live(9000, None),
            &status(|status| status.data.stale = true)
        )
        .is_empty()
    );
    let mut never_evaluated = live(9000, None);
    never_evaluated.current_spend = None;
    assert!(found(&never_evaluated, &status(|_| {})).is_empty());
}

#[test]
fn another_currency_is_said_and_not_compared() {
    let mut dollars = live(9000, Some(9000));
    dollars.current_spend.as_mut().unwrap().unit = "USD".to_owned();
    let gaps = found(&dollars, &status(|_| {}));
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0].figure, Figure::Currency);
}

#[test]
fn forecasts_are_compared_where_spend_agrees() {
    let status = status(|_| {});
    // Within our range, or within 20 % of 3,000 and two days of 100.
    for (forecast, is_gap) in [(2801, false), (3800, false), (3801, true), (2199, true)] {
        let gaps = found(&live(1000, Some(forecast)), &status);
        assert_eq!(!gaps.is_empty(), is_gap, "{forecast}: {gaps:?}");
    }
    let both = found(&live(5000, Some(9000)), &status);
    assert_eq!(both.len(), 1);
}

#[test]
fn absurd_figures_are_no_panic() {
    let mut absurd = live(0, None);
    absurd.current_spend.as_mut().unwrap().amount = Decimal::MAX;
    let below = status(|status| status.spent.amount = Decimal::MIN);
    assert_eq!(found(&absurd, &below).len(), 1);
    absurd.amount = Some(Decimal::MAX);
    absurd.notifications.insert(
        "a".to_owned(),
        BudgetNotification::new("GreaterThan", Decimal::ONE_THOUSAND),
    );
    assert!(reached(&absurd).is_empty());
}

#[test]
fn notifications_are_reached_by_their_operator() {
    let mut budget = live(1500, None);
    for (key, operator, threshold, change) in [
        ("at", "GreaterThanOrEqualTo", 50, "Actual"),
        ("over", "GreaterThan", 50, "Actual"),
        ("far", "GreaterThan", 90, "Actual"),
        ("forecast", "GreaterThan", 10, "Forecasted"),
        ("below", "LessThan", 90, "Actual"),
    ] {
        let mut notification = BudgetNotification::new(operator, Decimal::from(threshold));
        change.clone_into(&mut notification.threshold_type);
        budget.notifications.insert(key.to_owned(), notification);
    }
    let mut off = BudgetNotification::new("GreaterThan", Decimal::ONE);
    off.enabled = false;
    budget.notifications.insert("off".to_owned(), off);
    let keys: Vec<&str> = reached(&budget).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["at"]);
}
