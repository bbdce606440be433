//! Suggestions: from history only, with the reason.

use std::sync::Arc;

use jiff::civil::date;
use rust_decimal::Decimal;
use spendwatch::jobs::backtest;
use spendwatch::jobs::suggest::{self, Options, Suggestion};

use crate::backtest::Rows;
use crate::support::*;

async fn suggest(rows: Rows, breaches: Option<u32>) -> Suggestion {
    let World { app, .. } = World::new("slack", r#"["actual 80%", "stale 3 days"]"#).await;
    let app = app.with_sources(vec![Arc::new(rows)]);
    let options = Options {
        past: backtest::Options {
            budgets: vec![],
            periods: 12,
            amount: None,
            progress: None,
        },
        breaches,
        days_ahead: 3,
    };
    suggest::run(&app, &options)
        .await
        .unwrap()
        .budgets
        .remove(0)
}

#[tokio::test]
async fn steady_months_get_an_amount_a_little_above_them() {
    // June 300, July 310, August 310, September 300, October 310, and November goes on like that.
    let rows = Rows(vec![]).every_day(GROUP, date(2026, 6, 1), START, 10);
    let suggestion = suggest(rows, None).await;
    assert_eq!(suggestion.current.unwrap().amount, Decimal::from(1000));
    let proposal = suggestion.proposal.unwrap();
    // One of six periods may reach it, and three have cost 310. Their mean, 306, plus 10 % is 336.6.
    let amount = proposal.amount.amount;
    assert!(
        Decimal::from(310) < amount && amount <= Decimal::from(340),
        "{amount}"
    );
    assert_eq!((proposal.reached, proposal.periods), (0, 6));
    assert_eq!(proposal.after.periods.len(), 5);
    assert_eq!(
        proposal.before.unwrap().periods[0].planned.amount,
        Decimal::from(1000)
    );
    // More than 90 % of it are spent in every month, so only the whole is worth a notice.
    let conditions: Vec<&str> = proposal
        .thresholds
        .iter()
        .map(|one| one.0.as_str())
        .collect();
    assert!(conditions.contains(&"actual 100%") && conditions.contains(&"stale 3 days"));
    assert!(!conditions.contains(&"actual 80%"), "{conditions:?}");
    assert!(
        suggestion
            .reason
            .contains("would have been reached in 0 of 6 periods")
    );
}

#[tokio::test]
async fn growth_is_followed_however_many_periods_may_reach_the_amount() {
    // 300, 620, 930, 1200 and 1550 in June to October: ten a day more in each month.
    let rows = || {
        let mut rows = Rows(vec![]);
        for (month, cost) in [(6, 10), (7, 20), (8, 30), (9, 40), (10, 50)] {
            rows = rows.every_day(GROUP, date(2026, month, 1), date(2026, month + 1, 1), cost);
        }
        rows.every_day(GROUP, date(2026, 11, 1), START, 60)
    };
    for breaches in [0, 5] {
        let proposal = suggest(rows(), Some(breaches)).await.proposal.unwrap();
        // The middle of the ten slopes is 310, so the sixth month would cost 310 + 5 * 310.
        let amount = proposal.amount.amount;
        assert!(Decimal::from(1860) <= amount, "{amount}");
        assert!(amount <= Decimal::from(2200), "{amount}");
        assert_eq!(proposal.reached, 0);
    }
}

#[tokio::test]
async fn two_whole_months_are_too_little() {
    // A launch in the middle of August: its month is no measure of a whole one.
    let rows = Rows(vec![]).every_day(GROUP, date(2026, 8, 15), START, 10);
    let suggestion = suggest(rows, None).await;
    assert!(suggestion.proposal.is_none() && !suggestion.failed);
    assert_eq!(
        suggestion.reason,
        "nothing is proposed: 2 periods with costs from the first to the last day, 3 are needed"
    );
}

#[tokio::test]
async fn credits_are_no_ground_for_an_amount() {
    let rows = Rows(vec![]).every_day(GROUP, date(2026, 6, 1), START, -10);
    let suggestion = suggest(rows, None).await;
    assert!(suggestion.proposal.is_none());
    assert!(
        suggestion.reason.contains("brought in more than they cost"),
        "{}",
        suggestion.reason
    );
}
