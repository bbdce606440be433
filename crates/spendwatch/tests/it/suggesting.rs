//! Suggestions: from history only, with the reason.

use std::sync::Arc;

use jiff::civil::date;
use rust_decimal::Decimal;
use spendwatch::jobs::backtest;
use spendwatch::jobs::suggest::{self, Options, Suggestion, Where};
use spendwatch::{App, Config};

use crate::backtest::Rows;
use crate::support::*;

async fn suggest(rows: Rows, breaches: Option<u32>) -> Suggestion {
    let app = app(rows).await;
    let report = suggest::run(&app, &options(breaches)).await;
    report.unwrap().budgets.remove(0)
}

/// An application with one budget, of the resource group `payments`.
async fn app(rows: Rows) -> App {
    let World { app, .. } = World::new("slack", r#"["actual 80%", "stale 3 days"]"#).await;
    app.with_sources(vec![Arc::new(rows)])
}

fn options(breaches: Option<u32>) -> Options {
    Options {
        past: backtest::Options {
            budgets: vec![],
            periods: 12,
            amount: None,
            progress: None,
        },
        breaches,
        days_ahead: 3,
    }
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

const WEB: &str = "/subscriptions/a/resourceGroups/web";
const OLD: &str = "/subscriptions/a/resourceGroups/old";
const SHOP: &str = "/subscriptions/b/resourceGroups/shop";

/// Ten a day in the group that has a budget, in another one of its subscription and in another
/// subscription; and a group that costs nothing any more.
fn estate() -> Rows {
    let first = date(2026, 6, 1);
    Rows(vec![])
        .every_day(GROUP, first, START, 10)
        .every_day(WEB, first, START, 10)
        .every_day(OLD, first, date(2026, 9, 1), 10)
        .every_day(SHOP, first, START, 10)
}

#[tokio::test]
async fn what_no_budget_counts_gets_whole_ones() {
    let app = app(estate()).await;
    let report = suggest::for_scopes(&app, &options(None), &Where::Uncovered).await;
    let report = report.unwrap();
    let found: Vec<(&str, String)> = report
        .budgets
        .iter()
        .map(|one| (one.budget.as_str(), one.scope.as_ref().unwrap().to_string()))
        .collect();
    // Of a subscription with a budget the other group; of one without any the whole.
    let expected = [("web", WEB), ("b", "/subscriptions/b")];
    assert_eq!(found, expected.map(|(id, scope)| (id, scope.to_owned())));
    for one in &report.budgets {
        assert_eq!((one.current, one.failed), (None, false));
        let proposal = one.proposal.as_ref().unwrap();
        // As for a budget that is there: a little above the months of 300 and 310.
        let amount = proposal.amount.amount;
        assert!(
            Decimal::from(310) < amount && amount <= Decimal::from(340),
            "{amount}"
        );
        assert_eq!(
            (proposal.before.as_ref(), proposal.after.periods.len()),
            (None, 5)
        );
    }
    // What is proposed can be pasted.
    let snippets = report.budgets.iter();
    let snippets: Vec<&str> = snippets
        .map(|one| one.proposal.as_ref().unwrap().snippet.as_str())
        .collect();
    let text = format!(
        "version = 1\ncurrency = \"EUR\"\n[source]\nkind = \"files\"\npaths = [\"costs.csv\"]\n\
         [channel.chat]\nkind = \"slack\"\nurl = {{ secret = \"CHAT_URL\" }}\n\
         [defaults]\nnotify = [\"chat\"]\n{}",
        snippets.join("\n")
    );
    let config = Config::parse(&[("spendwatch.toml".into(), text.clone())]);
    let config = config.unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(config.budgets.iter().count(), 2);
}

#[tokio::test]
async fn named_scopes_get_budgets_whoever_counts_them() {
    let app = app(estate()).await;
    let scopes = [GROUP, "/subscriptions/b"].map(|path| path.parse().unwrap());
    let report = suggest::for_scopes(&app, &options(None), &Where::At(scopes.to_vec())).await;
    let report = report.unwrap();
    let ids: Vec<&str> = report
        .budgets
        .iter()
        .map(|one| one.budget.as_str())
        .collect();
    // The first id is taken by the budget that is there.
    assert_eq!(ids, ["payments-2", "b"]);
    assert!(report.budgets.iter().all(|one| one.proposal.is_some()));
    let nowhere = ["/subscriptions/nowhere".parse().unwrap()];
    let report = suggest::for_scopes(&app, &options(None), &Where::At(nowhere.to_vec())).await;
    let report = report.unwrap();
    assert!(report.budgets[0].proposal.is_none(), "{report:?}");
}

#[tokio::test]
async fn azures_subscriptions_are_listed_to_find_what_no_budget_counts() {
    let azure = crate::native_azure::Azure::serve(azure_sandbox::example::world(), vec![]).await;
    let here = crate::native_azure::here(&azure, &crate::native_azure::budget("web", "amount = 1"));
    let report = suggest::for_scopes(&here.app, &options(None), &Where::Uncovered).await;
    let report = report.unwrap();
    let scopes: Vec<String> = report
        .budgets
        .iter()
        .map(|one| one.scope.as_ref().unwrap().id().to_owned())
        .collect();
    let world = azure_sandbox::example::world();
    let mut expected: Vec<&str> = world
        .subscriptions
        .iter()
        .map(|one| one.id.as_str())
        .filter(|id| *id != azure_sandbox::example::PLATFORM_SUBSCRIPTION)
        .collect();
    expected.sort_unstable();
    let mut found: Vec<&str> = scopes.iter().map(String::as_str).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert!(report.budgets.iter().all(|one| !one.failed), "{report:#?}");
}

#[tokio::test]
async fn what_a_budget_has_of_its_own_stays_in_the_snippet_or_is_named() {
    let more = r#"
        [[budget.threshold]]
        id = "stop"
        when = "actual 100%"
        severity = "info"
        actions = ["tag"]
        [[budget.threshold]]
        id = "early"
        when = "actual 70%"
        actions = ["tag"]
        [[budget]]
        id = "monthly"
        scopes = ["/subscriptions/a/resourceGroups/payments"]
        amount = { "2026-11" = 900, "2026-12" = 950 }
        margin_percent = 4
        thresholds = ["actual 100%"]
        notify = ["chat"]
        remind_every_hours = 12
        escalate_after_hours = 4
        escalate_to = ["chat"]
        [action.tag]
        kind = "add-tag"
        tag = "over"
        value = "yes"
    "#;
    let rows = Rows(vec![]).every_day(GROUP, date(2026, 6, 1), START, 10);
    let World { app, .. } = World::with("slack", r#"["stale 3 days"]"#, more).await;
    let app = app.with_sources(vec![Arc::new(rows)]);
    let report = suggest::run(&app, &options(None)).await.unwrap();
    let proposals = report.budgets.iter();
    let mut proposals = proposals.map(|one| one.proposal.as_ref().unwrap());
    let own = proposals.next().unwrap();
    assert!(
        own.snippet
            .contains("id = \"stop\"\nwhen = \"actual 100%\"")
            && own
                .snippet
                .contains("severity = \"info\"\nactions = [\"tag\"]"),
        "{}",
        own.snippet
    );
    assert_eq!(
        own.losses,
        ["`actual 70%` is not proposed, and the id `early`, the actions tag with it"]
    );
    let monthly = proposals.next().unwrap();
    for line in [
        "margin_percent = 4",
        "remind_every_hours = 12\nescalate_after_hours = 4\nescalate_to = [\"chat\"]",
    ] {
        assert!(monthly.snippet.contains(line), "{}", monthly.snippet);
    }
    assert_eq!(
        monthly.losses,
        ["one amount takes the place of those of each period"]
    );
}
