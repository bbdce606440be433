use jiff::civil::date;
use rust_decimal::Decimal;

use super::*;
use crate::books::Books;
use crate::server::{Fault, Wait};
use crate::world::{Agreement, Plan};

#[test]
fn ten_lines_make_a_useful_world() {
    let scenario = Scenario::parse(
        r#"
        today = 2026-11-18
        [[subscription]]
        name = "Shop"
        monthly = "3000"
        [[marketplace]]
        subscription = "Shop"
        publisher = "Fabrikam"
        offer = "Scanner"
        amount = 40
        rhythm = "monthly"
        "#,
    );
    let world = scenario.unwrap().world;
    assert_eq!(world.agreement, Agreement::Enterprise);
    assert_eq!(world.first_day, date(2025, 11, 1));
    let seen = world.as_seen_on(world.today);
    assert_eq!(seen.last_day(), date(2026, 11, 17));
    let books = Books::open(&world);
    // September has 30 days; amounts are rounded to four digits.
    let september = date(2026, 9, 1);
    let sums = books.sums(september, september.last_of_month(), "EUR", |_| true);
    assert_eq!(sums.marketplace, Decimal::from(40));
    let off = (sums.usage - Decimal::from(3000)).abs();
    assert!(off < Decimal::new(1, 2), "{sums:?}");
}

#[test]
fn every_table_reaches_the_world() {
    let text = r#"
        agreement = "partner"
        seed = 9
        today = 2026-11-18
        first_day = 2026-05-01
        currency = "gbp"
        tax_percent = 20
        tenant = "11111111-2222-4333-8444-555555555555"
        [[subscription]]
        name = "Shop"
        customer = "Fabrikam"
        profile = "Shops"
        section = "Web"
        lag_days = 2
        last_day_percent = 40
        noise_percent = 5
        [[subscription.group]]
        name = "rg"
        tags = { env = "prod" }
        [[subscription.group.charge]]
        service = "Storage"
        amount = "12.5"
        weekend_percent = 50
        launched = 2026-06-01
        [[reservation]]
        name = "machines"
        subscription = "Shop"
        sku = "Standard_D4s_v5"
        quantity = 3
        purchased = 2026-06-01
        plan = "upfront"
        price = 700
        [[restatement]]
        first = 2026-06-01
        last = 2026-06-03
        percent = -10
        seen = 2026-06-10
        [[refund]]
        subscription = "Shop"
        amount = "7.50"
        day = 2026-07-02
        [[lot]]
        source = "promotional"
        amount = 1000
        start = 2026-05-01
        expiration = 2027-04-30
        profile = "Shops"
        [[faults]]
        what = { throttled = { Retry-After = 3 } }
        operation = "Query_Usage"
        times = 2
    "#;
    let Scenario { world, faults, .. } = Scenario::parse(text).unwrap();
    assert_eq!((world.seed, &*world.currency), (9, "GBP"));
    let shop = &world.subscriptions[0];
    assert_eq!(shop.currency, "GBP");
    assert_eq!((shop.lag_days, shop.last_day_percent), (2, 40));
    assert_eq!(shop.section.parent.name, "Shops");
    assert_eq!(shop.section.part.name, "Web");
    assert_eq!(world.customers()[0].name, "Fabrikam");
    let charge = &shop.groups[0].charges[0];
    assert_eq!(charge.meter, "Hot LRS Data Stored");
    assert_eq!(charge.noise_percent, 5);
    assert_eq!(charge.launched, Some(date(2026, 6, 1)));
    assert_eq!(world.reservations[0].plan, Plan::Upfront);
    assert_eq!(world.reservations[0].total(), Decimal::from(2100));
    assert_eq!(world.restatements[0].percent, -10);
    assert_eq!(
        world.lots[0].profile.as_ref(),
        Some(&shop.section.parent.id)
    );
    let throttled = Fault::throttled("Retry-After", Wait::Seconds(3));
    assert_eq!(faults.0, [throttled.of("Query_Usage").times(2)]);
    let day = date(2026, 7, 2);
    let refunds = world.rows_between(day, day);
    let refunds = refunds.filter(|row| row.charge_type == "Refund");
    let refunds: Decimal = refunds.map(|row| row.cost).sum();
    assert_eq!(refunds, Decimal::new(-75, 1));
}

#[test]
fn mistakes_are_told_with_their_line_and_what_would_be_right() {
    let shop = "[[subscription]]\nname = \"Shop\"\nmonthly = 100\n";
    let base = format!("today = 2026-11-18\n{shop}");
    for (more, line, words) in [
        ("colour = 1", 5, "unknown field `colour`"),
        ("noise_percent = 200", 5, "0 to 100"),
        ("currency = \"XYZ\"", 5, "it has USD, EUR"),
        ("lag_days = \"two\"", 5, "lag_days"),
        ("growth_percent = 5000", 5, "-100 to 1000"),
        ("launched = 2026-13-01", 5, "launched"),
        (
            "department = \"IT\"\nprofile = \"x\"",
            3,
            "the agreement is enterprise",
        ),
        ("[[subscription]]\nname = \"Shop\"\nmonthly = 1", 6, "twice"),
        ("[[subscription]]\nname = \"B\"", 6, "costs nothing"),
        (
            "[[subscription]]\nname = \"B\"\nmonthly = 1.5",
            7,
            "a whole number, or text",
        ),
        (
            "[[subscription]]\nname = \"B\"\nmonthly = \"1,5\"",
            7,
            "amounts are written",
        ),
        (
            "[[subscription]]\nname = \"B\"\nmonthly = \"-1\"",
            7,
            "above zero",
        ),
        (
            "[[refund]]\nsubscription = \"Shops\"\namount = 1\nday = 2026-11-01",
            6,
            "there is \"Shop\"",
        ),
        (
            "[[lot]]\nsource = \"gift\"\namount = 1\nstart = 2026-11-01\nexpiration = 2026-11-02",
            6,
            "promotional",
        ),
    ] {
        let error = Scenario::parse(&format!("{base}{more}\n"))
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{more}: {error}");
        assert!(error.contains(&format!("line {line}")), "{more}: {error}");
    }
    let none = Scenario::parse("seed = 1").unwrap_err().to_string();
    assert!(none.contains("missing field `today`"), "{none}");
}

#[test]
fn the_built_in_scenarios_have_what_their_agreement_has() {
    for name in Scenario::names() {
        let world = Scenario::named(name).unwrap().world;
        let expected = match name {
            "example" => "enterprise",
            name => name,
        };
        assert_eq!(world.agreement.to_string(), expected);
        let books = Books::open(&world);
        assert!(!books.invoices().is_empty(), "{name}");
        if name == "example" {
            continue;
        }
        let world = books.world();
        assert!(!world.reservations.is_empty(), "{name}");
        let marketplace = world.marketplace_between(world.first_day, world.today);
        assert!(marketplace.count() > 0, "{name}");
        assert!(
            world.rows().any(|row| row.charge_type == "Refund"),
            "{name}"
        );
        assert!(world.subscriptions.len() > 1, "{name}");
        match world.agreement {
            Agreement::Enterprise => {
                let balances = books.balances();
                assert!(balances.iter().any(|each| !each.service_overage.is_zero()));
                assert!(balances.iter().any(|each| !each.utilized.is_zero()));
            }
            Agreement::Customer => {
                let credits = books.credits(&world.parents()[0].id);
                assert!(!credits.applied.values().all(|each| each.is_zero()));
                assert!(!books.commitments().lots.is_empty());
            }
            Agreement::Partner => assert!(world.customers().len() > 1),
            Agreement::PayAsYouGo => {
                assert_ne!(
                    world.subscriptions[0].currency,
                    world.subscriptions[1].currency
                );
            }
        }
    }
    assert!(Scenario::named("nothing").is_none());
}
