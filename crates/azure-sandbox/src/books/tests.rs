use jiff::civil::date;

use super::*;
use crate::world::{
    Agreement, Charge, Group, Lot, LotSource, Named, Offer, Plan, Reservation, Section,
};

fn money(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// Ten euros a day from April to 17 July 2026 on each of two subscriptions, the second one in
/// dollars (eight euros), and on the first also support, a marketplace plan and a refund.
fn world(agreement: Agreement) -> World {
    let machine = Charge::daily(
        "Virtual Machines",
        "D8s v5",
        "Microsoft.Compute/virtualMachines",
        "10",
    );
    let offer = Offer {
        publisher: "Fabrikam".to_owned(),
        name: "Scanner".to_owned(),
        plan: "standard".to_owned(),
    };
    let saas = Charge::monthly("SaaS", "Scanner", "Microsoft.SaaS/resources", "40");
    let support = Charge::monthly(
        "Azure Support",
        "Standard Support",
        "Microsoft.Support/supportPlans",
        "100",
    );
    let refund = Charge::refund(
        "Storage",
        "LRS",
        "Microsoft.Storage/storageAccounts",
        "30",
        date(2026, 5, 20),
    );
    let mut other = Section::only(agreement);
    other.parent = Named::new("PROFILE-2", "Second");
    other.part = Named::new("SECTION-2", "Second section");
    let subscription = |id: &str, currency: &str, section, charges| Subscription {
        id: id.to_owned(),
        name: id.to_uppercase(),
        currency: currency.to_owned(),
        section,
        last_day: date(2027, 7, 31),
        last_day_percent: 100,
        lag_days: 1,
        unsupported_offer: None,
        created: None,
        groups: vec![Group {
            name: "g".to_owned(),
            tags: Vec::new(),
            charges,
        }],
    };
    World {
        tax_percent: 19,
        subscriptions: vec![
            subscription(
                "a",
                "EUR",
                Section::only(agreement),
                vec![machine.clone(), saas.with_offer(offer), support, refund],
            ),
            subscription("b", "USD", other, vec![machine]),
        ],
        ..World::new(agreement, date(2026, 4, 1), date(2026, 7, 18))
    }
}

fn lot(id: &str, source: LotSource, amount: &str, start: Date, expiration: Date) -> Lot {
    Lot {
        id: id.to_owned(),
        source,
        profile: None,
        amount: money(amount),
        start,
        expiration,
    }
}

#[test]
fn a_prepaid_balance_moves_from_month_to_month() {
    let mut world = world(Agreement::Enterprise);
    let end = date(2027, 3, 31);
    world.lots = vec![
        lot("old", LotSource::Purchased, "900", date(2026, 1, 1), end),
        lot("new", LotSource::Purchased, "200", date(2026, 6, 10), end),
    ];
    let books = Books::open(&world);
    let balances = books.balances();
    let shown: Vec<[String; 6]> = balances
        .iter()
        .map(|each| {
            [
                each.beginning,
                each.purchased(),
                each.adjustments,
                each.utilized,
                each.service_overage,
                each.ending(),
            ]
            .map(|amount| amount.normalize().to_string())
        })
        .collect();
    // A day is 10 + 8 euros: April 540, May 558, June 540, July 17 days 306.
    let expected = [
        ["900", "0", "0", "540", "0", "360"],
        ["360", "0", "30", "390", "168", "0"],
        ["0", "200", "0", "200", "340", "0"],
        ["0", "0", "0", "0", "306", "0"],
    ];
    assert_eq!(shown, expected);
    for balance in &balances {
        assert_eq!(balance.billed_separately, money("100"));
        assert_eq!(balance.marketplace, money("40"));
        let last = balance.month.last_of_month();
        let rows = books.sums(balance.month, last, "EUR", |_| true).total();
        let told = balance.total_usage() + balance.marketplace - balance.adjustments;
        assert_eq!(told, rows);
    }
}

#[test]
fn invoices_are_the_sum_of_the_months_rows() {
    for agreement in [
        Agreement::Enterprise,
        Agreement::Customer,
        Agreement::PayAsYouGo,
        Agreement::Partner,
    ] {
        let mut world = world(agreement);
        let reservation = Reservation::new(
            "r",
            "a",
            "Standard_D4s_v5",
            1,
            money("777.77"),
            date(2026, 5, 1),
        );
        world
            .reservations
            .push(reservation.with_plan(Plan::Monthly));
        let books = Books::open(&world);
        let invoices = books.invoices();
        let payers = if agreement == Agreement::Enterprise {
            1
        } else {
            2
        };
        // July is open.
        assert_eq!(invoices.len(), 3 * payers);
        for invoice in &invoices {
            let rows = books
                .world()
                .rows_between(invoice.month, invoice.month.last_of_month());
            let rows = rows.filter(|row| invoice.payer.pays_for(row.subscription));
            let sum: Decimal = rows
                .map(|row| convert(row.cost, &row.subscription.currency, &invoice.currency))
                .sum();
            assert_eq!(invoice.sub_total, sum, "{invoice:?}");
            let lines = books.lines(invoice.month, &invoice.payer).into_iter();
            let lines = lines
                .map(|line| convert(line.amount, &line.subscription.currency, &invoice.currency));
            assert_eq!(lines.sum::<Decimal>(), sum);
        }
        let names: std::collections::BTreeSet<_> = invoices.iter().map(|each| &each.name).collect();
        assert_eq!(names.len(), invoices.len());
        assert_eq!(invoices[0].month, date(2026, 6, 1));
    }
}

#[test]
fn tax_is_on_what_credits_do_not_pay_and_old_invoices_are_paid() {
    let mut world = world(Agreement::Customer);
    world.lots = vec![Lot {
        profile: Some("PROFILE-2".to_owned()),
        ..lot(
            "gift",
            LotSource::Promotional,
            "300",
            date(2026, 4, 1),
            date(2026, 12, 31),
        )
    }];
    let books = Books::open(&world);
    let invoices = books.invoices();
    let second: Vec<[String; 5]> = invoices
        .iter()
        .filter(|each| matches!(&each.payer, Payer::Profile(own) if own.id == "PROFILE-2"))
        .map(|each| {
            let sums = [
                each.sub_total,
                each.credit,
                each.tax,
                each.total(),
                each.amount_due(),
            ];
            sums.map(|amount| amount.normalize().to_string())
        })
        .collect();
    // 8 euros a day. May was due on 5 July, June is on 4 August: the day is 18 July.
    let expected = [
        ["240", "0", "45.6", "285.6", "285.6"],
        ["248", "60", "35.72", "223.72", "0"],
        ["240", "240", "0", "0", "0"],
    ];
    let last = &invoices[invoices.len() - 1];
    assert_eq!((last.date, last.due), (date(2026, 5, 5), date(2026, 6, 4)));
    assert!(last.paid);
    assert_eq!(second, expected);
}

#[test]
fn credits_are_used_expire_and_agree_with_their_events() {
    let mut world = world(Agreement::Customer);
    let of_second = |id, amount, start, expiration| Lot {
        profile: Some("PROFILE-2".to_owned()),
        ..lot(id, LotSource::Promotional, amount, start, expiration)
    };
    world.lots = vec![
        of_second("late", "1000", date(2026, 5, 10), date(2027, 5, 9)),
        of_second("early", "500", date(2026, 3, 1), date(2026, 4, 30)),
    ];
    let books = Books::open(&world);
    let credits = books.credits("profile-2");
    let shown: Vec<(Date, EventKind, String, String)> = credits
        .events
        .iter()
        .map(|event| {
            let text = |amount: Decimal| amount.normalize().to_string();
            (
                event.date,
                event.kind,
                text(event.amount),
                text(event.balance),
            )
        })
        .collect();
    let row =
        |day, kind, amount: &str, balance: &str| (day, kind, amount.to_owned(), balance.to_owned());
    // April takes 240 of the first lot, whose rest expires; May takes 248, June 240; 17 days of
    // July are 136.
    let expected = [
        row(date(2026, 3, 1), EventKind::NewCredit, "500", "500"),
        row(date(2026, 4, 30), EventKind::SettledCharges, "240", "260"),
        row(date(2026, 4, 30), EventKind::CreditExpired, "260", "0"),
        row(date(2026, 5, 10), EventKind::NewCredit, "1000", "1000"),
        row(date(2026, 5, 31), EventKind::SettledCharges, "248", "752"),
        row(date(2026, 6, 30), EventKind::SettledCharges, "240", "512"),
        row(date(2026, 7, 18), EventKind::PendingCharges, "136", "376"),
    ];
    assert_eq!(shown, expected);
    assert_eq!(credits.balance(), money("512"));
    assert_eq!(credits.estimated(), money("376"));
    assert!(books.credits("PROFILE-1").lots.is_empty());
}

#[test]
fn commitments_count_everything_and_pay_nothing() {
    let mut world = world(Agreement::Customer);
    let commitment = lot(
        "macc",
        LotSource::Commitment,
        "10000",
        date(2026, 4, 1),
        date(2029, 3, 31),
    );
    world.lots = vec![commitment];
    let books = Books::open(&world);
    // April 540 + 140, May 558 + 140 − 30, June 540 + 140.
    let left = money("10000") - money("680") - money("668") - money("680");
    assert_eq!(books.commitments().balance(), left);
    assert!(books.invoices().iter().all(|each| each.credit.is_zero()));
}

#[test]
fn advice_reserves_what_always_runs() {
    let mut world = world(Agreement::Enterprise);
    let charge = &mut world.subscriptions[0].groups[0].charges[0];
    // 125 hours of 0.1 dollars, at 0.8 euros for a dollar and a fifth off: 0.064 euros.
    charge.list_price = Some(money("0.1"));
    let books = Books::open(&world);
    let advice = books.advice(30);
    let own: Vec<&Advice> = advice
        .iter()
        .filter(|each| each.subscription.id == "a")
        .collect();
    assert_eq!(own.len(), 2);
    assert_eq!(own[0].hours, vec![money("156.25"); 30]);
    // 156.25 hours are 6.51 machines.
    assert_eq!(own[0].quantity, money("6"));
    assert_eq!(own[0].cost_without(), money("300"));
    // 6 × 24 × 30 hours at 0.064 × 0.64, and 12.25 × 30 hours at 0.064.
    assert_eq!(own[0].reservation_cost(own[0].quantity), money("176.9472"));
    assert_eq!(own[0].overage_cost(own[0].quantity), money("23.52"));
    assert_eq!(own[0].savings(), money("99.5328"));
    assert_eq!(own[1].term, crate::world::Term::ThreeYears);
}

#[test]
fn sums_are_of_what_is_known_in_the_currency_asked_for() {
    let mut world = world(Agreement::Enterprise);
    world.subscriptions[0].groups[0].charges[0].resources = 100;
    let books = Books::open(&world);
    let sums = |currency| books.sums(Date::MIN, Date::MAX, currency, |each| each.id == "b");
    // 108 days from April to 17 July, at 10 dollars.
    assert_eq!(sums("USD").total(), money("1080"));
    assert_eq!(sums("EUR").total(), money("864"));
    let all = books.sums(Date::MIN, Date::MAX, "EUR", |_| true).total();
    let rows = books.world().rows();
    let rows = rows.map(|row| convert(row.cost, &row.subscription.currency, "EUR"));
    assert_eq!(all, rows.sum::<Decimal>());
}
