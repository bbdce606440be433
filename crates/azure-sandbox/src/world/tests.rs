use jiff::civil::date;

use super::*;
use crate::example;

fn money(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// Looked at on 10 July 2026 with ten weeks of data: a machine, a marketplace plan, support, a
/// refund, and two reservations.
fn world() -> World {
    let machine = |amount| {
        Charge::daily(
            "Virtual Machines",
            "D8s v5",
            "Microsoft.Compute/virtualMachines",
            amount,
        )
    };
    let offer = Offer {
        publisher: "Fabrikam".to_owned(),
        name: "Scanner".to_owned(),
        plan: "standard".to_owned(),
    };
    let saas = Charge::monthly("SaaS", "Scanner", "Microsoft.SaaS/resources", "40");
    let refund = Charge::refund(
        "Virtual Machines",
        "D8s v5",
        "Microsoft.Compute/virtualMachines",
        "12.50",
        date(2026, 6, 9),
    );
    let reservation = |name, plan| {
        Reservation::new(
            name,
            "s",
            "Standard_D4s_v5",
            2,
            money("1111.11"),
            date(2026, 6, 1),
        )
        .with_plan(plan)
        .with_use(75, 30)
    };
    World {
        subscriptions: vec![Subscription {
            id: "s".to_owned(),
            name: "S".to_owned(),
            currency: "EUR".to_owned(),
            section: Section::only(Agreement::Enterprise),
            last_day: date(2026, 7, 31),
            last_day_percent: 50,
            lag_days: 2,
            unsupported_offer: None,
            created: None,
            groups: vec![Group {
                name: "g".to_owned(),
                tags: Vec::new(),
                charges: vec![
                    machine("10").with_noise(20).with_resources(3),
                    saas.with_offer(offer),
                    refund,
                ],
            }],
        }],
        reservations: vec![
            reservation("monthly", Plan::Monthly),
            reservation("upfront", Plan::Upfront),
        ],
        ..World::new(Agreement::Enterprise, date(2026, 5, 1), date(2026, 7, 10))
    }
}

fn sum<'a>(rows: impl Iterator<Item = CostRow<'a>>) -> Decimal {
    rows.map(|row| row.cost).sum()
}

#[test]
fn quantity_times_price_is_exactly_the_cost() {
    let example = example::world();
    let world = world();
    for world in [&example, &world] {
        for basis in [Basis::Actual, Basis::Amortized] {
            let (first, last) = (world.first_day, world.last_day());
            for row in world.rows_on(basis, first, last) {
                assert_eq!(row.quantity * row.price, row.cost, "{row:?}");
            }
        }
    }
}

#[test]
fn the_price_sheet_prices_the_rows() {
    let world = world();
    let month = date(2026, 5, 1);
    let sheet = world.price_sheet(month, "EUR");
    // The sheet has no prices of what others sell.
    let rows = world.rows_between(month, month.last_of_month());
    let mut rows = rows.filter(|row| row.charge.offer.is_none()).peekable();
    assert!(rows.peek().is_some());
    for row in rows {
        let id = row.meter().id;
        let line = sheet.iter().find(|line| line.meter.id == id).unwrap();
        let block = Decimal::from(line.meter.block);
        assert_eq!(row.quantity * line.unit_price / block, row.cost);
        assert_eq!(line.unit_price, line.list_price * money("0.8"));
    }
    let retail = world.retail_prices("USD");
    let machine = |term| {
        let mut lines = retail.iter();
        let line = lines.find(|line| line.meter.name == "D4s v5" && line.term == term);
        line.unwrap().price
    };
    let year = machine(None) * money("0.64") * money("8760");
    assert_eq!(machine(Some(Term::OneYear)), year);
}

#[test]
fn a_reserved_month_costs_the_same_paid_and_amortized() {
    let mut world = world();
    world.reservations.truncate(1);
    let june = (date(2026, 6, 1), date(2026, 6, 30));
    let actual = sum(world.rows_between(june.0, june.1));
    assert_eq!(actual, sum(world.amortized_between(june.0, june.1)));
    let of = |basis, kind: &str| {
        let rows = world.rows_on(basis, june.0, june.1);
        let rows = rows.filter(|row| row.reservation.is_some() && row.charge_type == kind);
        let rows: Vec<CostRow> = rows.collect();
        (rows.len(), sum(rows.into_iter()))
    };
    // Two machines at 1111.11 for twelve months: 185.185, paid as 185.18 and in the end 185.24.
    assert_eq!(of(Basis::Actual, "Purchase"), (1, money("185.18")));
    // 22 weekdays with 36 hours on two machines, 8 days of weekends with 14.4 hours on one.
    assert_eq!(of(Basis::Actual, "Usage"), (52, Decimal::ZERO));
    let (rows, used) = of(Basis::Amortized, "Usage");
    let hour = money("185.18") / money("1440");
    assert_eq!(rows, 52);
    assert!(
        (used - hour * money("907.2")).abs() < money("0.00001"),
        "{used}"
    );
    let (rows, unused) = of(Basis::Amortized, "UnusedReservation");
    assert_eq!(rows, 30);
    assert!(
        (unused - hour * money("532.8")).abs() < money("0.00001"),
        "{unused}"
    );
    let (rows, rest) = of(Basis::Amortized, "RoundingAdjustment");
    assert_eq!((rows, used + unused + rest), (1, money("185.18")));
}

#[test]
fn what_is_seen_grows_with_the_days() {
    let world = world();
    let seen = world.as_seen_on(date(2026, 6, 20));
    assert_eq!(seen.last_day(), date(2026, 6, 18));
    let half = sum(seen.amortized_between(date(2026, 6, 18), date(2026, 6, 18)));
    let whole = sum(world.amortized_between(date(2026, 6, 18), date(2026, 6, 18)));
    assert!((half * Decimal::TWO - whole).abs() < money("0.00000001"));
    let before = |world: &World| sum(world.rows_between(date(2026, 5, 1), date(2026, 6, 17)));
    assert_eq!(before(&seen), before(&world));
    assert_eq!(seen.today, date(2026, 6, 20));
}

#[test]
fn corrections_change_the_past_when_they_are_seen() {
    let mut world = world();
    world.reservations.clear();
    let day = date(2026, 5, 6);
    let first = sum(world.rows_between(day, day));
    world.restatements.push(Restatement {
        subscription: Some("S".to_owned()),
        first: date(2026, 5, 5),
        last: date(2026, 5, 7),
        percent: -25,
        seen: date(2026, 6, 2),
    });
    let on = |seen, day| sum(world.as_seen_on(seen).rows_between(day, day));
    assert_eq!(on(date(2026, 6, 1), day), first);
    let then = on(date(2026, 6, 2), day);
    assert!((then - first * money("0.75")).abs() < money("0.00000001"));
    let outside = date(2026, 5, 8);
    assert_eq!(on(date(2026, 6, 1), outside), on(date(2026, 6, 2), outside));
}

#[test]
fn a_day_and_a_number_name_a_row() {
    let world = world();
    let first = date(2026, 6, 1);
    let all: Vec<CostRow> = world.amortized_between(first, date(2026, 6, 9)).collect();
    for (at, row) in all.iter().enumerate() {
        let mut rest = world
            .amortized_between(row.date, date(2026, 6, 9))
            .skip(row.number as usize);
        assert_eq!(rest.next().unwrap().cost, row.cost);
        assert_eq!(rest.count(), all.len() - at - 1);
    }
}

#[test]
fn others_sell_through_the_marketplace_and_money_comes_back() {
    let world = world();
    let june = (date(2026, 6, 1), date(2026, 6, 30));
    let sold: Vec<CostRow> = world.marketplace_between(june.0, june.1).collect();
    assert_eq!(sold.len(), 1);
    assert_eq!(sold[0].cost, Decimal::from(40));
    assert_eq!(sold[0].publisher_type(true), "Marketplace");
    assert_eq!(sold[0].publisher(), "Fabrikam");
    let back = world.rows_between(june.0, june.1);
    let back: Vec<CostRow> = back.filter(|row| row.charge_type == "Refund").collect();
    assert_eq!(back.len(), 1);
    assert_eq!(
        (back[0].date, back[0].cost),
        (date(2026, 6, 9), money("-12.5"))
    );
    assert!(back[0].quantity < Decimal::ZERO);
}
