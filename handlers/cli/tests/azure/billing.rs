//! Prices, invoices, reservations and balances.

use azure_sandbox::Books;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::support::{
    DAYS, Sandbox, amount, close, code, decimal, eur, spendwatch, stderr, stdout,
};

#[test]
fn prices_come_from_three_lists() {
    let sandbox = Sandbox::new("enterprise");
    let scope = sandbox.subscription();
    let group = &sandbox.world.subscriptions[0].groups[0];
    let charge = &group.charges[0];
    let currency = &sandbox.world.subscriptions[0].currency;

    let sheet = sandbox.json(&["prices", "--scope", &scope]);
    let sheet = sheet.as_array().unwrap();
    let line = sheet
        .iter()
        .find(|line| line["meter"] == charge.meter.as_str());
    let line = line.unwrap();
    assert_eq!(line["currency"], currency.as_str());
    // The first number of the unit says how many units the price is for.
    let unit = line["unit"].as_str().unwrap();
    let count: Decimal = unit.split(' ').next().unwrap().parse().unwrap();
    let price = decimal(&line["price"]["amount"]);
    close(price, sandbox.world.price(charge, currency) * count);
    assert!(
        sandbox
            .table(&["prices", "--scope", &scope])
            .contains(&charge.meter)
    );

    let sandbox = Sandbox::new("pay-as-you-go");
    let scope = sandbox.subscription();
    let subscription = &sandbox.world.subscriptions[0];
    let charge = &subscription.groups[0].charges[0];
    let currency = &subscription.currency;
    let card = [
        "prices",
        "--rate-card",
        "MS-AZR-0003P",
        "--currency",
        currency,
        "--scope",
        &scope,
    ];
    let card = sandbox.json(&card);
    assert!(
        card.as_array()
            .unwrap()
            .iter()
            .any(|line| line["meter"] == charge.meter.as_str())
    );

    // The public list asks for no token.
    let retail = [
        "azure",
        "prices",
        "--retail",
        "--filter",
        "serviceName eq 'Virtual Machines'",
    ];
    let output = spendwatch(sandbox.folder.path())
        .args(retail)
        .args(["--endpoint", &sandbox.base, "--auth", "none", "-o", "json"])
        .output()
        .unwrap();
    code(&output, 0);
    let lines: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lines = lines.as_array().unwrap();
    assert!(!lines.is_empty());
    assert!(
        lines
            .iter()
            .all(|line| line["service"] == "Virtual Machines")
    );
    code(
        &sandbox.run(&["prices", "--retail", "--rate-card", "MS-AZR-0003P"]),
        2,
    );
    code(
        &sandbox.run(&["prices", "--currency", "EUR", "--scope", &scope]),
        2,
    );
}

#[test]
fn price_sheets_that_are_files_are_listed_and_saved() {
    let customer = Sandbox::new("customer");
    let profile = customer.profile();
    let enterprise = Sandbox::new("enterprise");
    let account = enterprise.account();
    for (sandbox, asked) in [
        (&customer, &["prices", "--scope", &profile][..]),
        (
            &enterprise,
            &["prices", "--scope", &account, "--period", "202610"],
        ),
    ] {
        let charge = &sandbox.world.subscriptions[0].groups[0].charges[0];
        let currency = &sandbox.world.currency;
        let prices = sandbox.json(asked);
        let mut prices = prices.as_array().unwrap().iter();
        let line = prices.find(|line| line["meter"] == charge.meter.as_str());
        let line = line.unwrap();
        let unit = line["unit"].as_str().unwrap();
        let count: Decimal = unit.split(' ').next().unwrap().parse().unwrap();
        let price = decimal(&line["price"]["amount"]);
        close(price, sandbox.world.price(charge, currency) * count);
        assert_eq!(line["currency"], currency.as_str());
        assert_eq!(line["category"], charge.service.as_str());
        let few = sandbox.run(&[asked, &["--limit", "1"]].concat());
        code(&few, 0);
        assert_eq!(stdout(&few).lines().count(), 2, "a heading and a row");

        let save = [asked, &["--save", "prices.csv"]].concat();
        let output = sandbox.run(&save);
        code(&output, 0);
        assert_eq!(stdout(&output), "");
        assert!(!stderr(&output).contains("sig="), "{}", stderr(&output));
        let text = std::fs::read_to_string(sandbox.folder.path().join("prices.csv")).unwrap();
        let rows = sandbox.json(asked).as_array().unwrap().len();
        assert_eq!(text.lines().count(), rows + 1);
        assert!(text.to_lowercase().contains(",metername,"), "{text}");
        let output = sandbox.run(&save);
        code(&output, 1);
        assert!(stderr(&output).contains("--force replaces it"));
        code(&sandbox.run(&[&save[..], &["--force"]].concat()), 0);
    }
    let books = Books::open(&customer.world);
    let invoices = books.invoices();
    let invoice = invoices[0].name.as_str();
    let asked = ["prices", "--scope", &profile, "--invoice", invoice];
    assert!(!customer.json(&asked).as_array().unwrap().is_empty());
    let unknown = ["prices", "--scope", &profile, "--invoice", "G000"];
    let output = customer.run(&unknown);
    code(&output, 1);
    let said = stderr(&output);
    assert!(said.contains("no invoice 'G000'"), "{said}");
    assert!(!said.contains("profile does not exist"), "{said}");
    // Under this agreement subscriptions have none.
    let output = customer.run(&["prices", "--scope", &customer.subscription()]);
    code(&output, 1);
    let said = stderr(&output);
    assert!(said.contains("at each billing profile"), "{said}");
}

#[test]
fn transactions_are_the_lines_of_invoices() {
    let sandbox = Sandbox::new("customer");
    let books = Books::open(&sandbox.world);
    let invoices = books.invoices();
    let invoice = &invoices[0];
    let account = sandbox.account();
    let asked = [
        "billing",
        "transactions",
        "--invoice",
        &invoice.name,
        "--scope",
        &account,
    ];
    let lines = sandbox.json(&asked);
    let lines = lines.as_array().unwrap();
    assert!(!lines.is_empty());
    let total: Decimal = lines.iter().map(|line| amount(&line["subTotal"])).sum();
    close(total, invoice.sub_total);

    let profile = sandbox.profile();
    let days = ["--from", "2026-10-01", "--to", "2026-10-31"];
    let billed = [&["billing", "transactions", "--scope", &profile][..], &days].concat();
    let billed = sandbox.json(&billed);
    let billed = billed.as_array().unwrap();
    assert!(!billed.is_empty());
    assert!(billed.iter().all(|line| line["invoice"] != "pending"));
    let output = sandbox.run(&["billing", "transactions", "--scope", &account]);
    code(&output, 2);
    assert!(
        stderr(&output).contains("for a billing profile, not for a billing account"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn invoices_are_listed_and_saved() {
    let sandbox = Sandbox::new("enterprise");
    let account = sandbox.account();
    let asked = [
        "invoices",
        "--scope",
        &account,
        "--from",
        "2025-12-01",
        "--to",
        "2026-11-18",
    ];
    let invoices = Books::open(&sandbox.world).invoices();
    let found = sandbox.json(&asked);
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), invoices.len());
    for invoice in &invoices {
        let one = found
            .iter()
            .find(|one| one["name"] == invoice.name.as_str());
        let one = one.unwrap();
        close(amount(&one["total"]), invoice.total());
        close(amount(&one["amountDue"]), invoice.amount_due());
    }
    assert!(sandbox.table(&asked).contains(&invoices[0].name));

    let file = sandbox.folder.path().join("invoice.pdf");
    let name = &invoices[0].name;
    let save = [
        "invoices",
        "--scope",
        &account,
        "--download",
        name,
        "--file",
        "invoice.pdf",
    ];
    let output = sandbox.run(&save);
    code(&output, 0);
    assert_eq!(stdout(&output), "");
    assert!(!stderr(&output).contains("sig="), "{}", stderr(&output));
    assert!(std::fs::read(&file).unwrap().starts_with(b"%PDF"));
    std::fs::write(&file, "mine").unwrap();
    let output = sandbox.run(&save);
    code(&output, 1);
    assert!(stderr(&output).contains("--force replaces it"));
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    code(&sandbox.run(&[&save[..], &["--force"]].concat()), 0);
    assert!(std::fs::read(&file).unwrap().starts_with(b"%PDF"));
    let unknown = [
        "invoices",
        "--scope",
        &account,
        "--download",
        "G000",
        "--file",
        "other.pdf",
    ];
    let output = sandbox.run(&unknown);
    code(&output, 1);
    assert!(stderr(&output).contains("not found"), "{}", stderr(&output));
    assert!(!sandbox.folder.path().join("other.pdf").exists());
}

#[test]
fn billing_says_who_pays_and_when() {
    let sandbox = Sandbox::new("customer");
    let account = sandbox.account();
    let accounts = sandbox.json(&["billing", "accounts"]);
    assert_eq!(accounts[0]["agreement"], "MicrosoftCustomerAgreement");
    assert_eq!(accounts[0]["scope"], account.as_str());
    let profiles = sandbox.json(&["billing", "profiles", "--scope", &account]);
    let names: Vec<_> = profiles.as_array().unwrap().iter().collect();
    let names: Vec<_> = names
        .iter()
        .map(|one| one["displayName"].as_str().unwrap())
        .collect();
    let expected: Vec<_> = sandbox
        .world
        .parents()
        .iter()
        .map(|one| one.name.clone())
        .collect();
    assert_eq!(names, expected);
    assert!(
        sandbox
            .table(&["billing", "profiles", "--scope", &account])
            .contains("Europe")
    );

    let sandbox = Sandbox::new("enterprise");
    let periods = sandbox.json(&["billing", "periods", "--scope", &sandbox.subscription()]);
    let periods = periods.as_array().unwrap();
    let months = Books::open(&sandbox.world).months().count();
    assert_eq!(periods.len(), months);
    assert!(
        periods
            .iter()
            .any(|one| one["name"] == "202610" && one["end"] == "2026-10-31")
    );
}

#[test]
fn reservations_are_used_bought_and_advised() {
    let sandbox = Sandbox::new("enterprise");
    let account = sandbox.account();
    let reservation = &sandbox.world.reservations[0];
    let asked = [
        &["reservations", "summaries", "--scope", &account][..],
        &DAYS,
    ]
    .concat();
    let rows = sandbox.json(&asked);
    let mine = rows.as_array().unwrap().iter();
    let mine: Vec<_> = mine
        .filter(|row| row["reservationId"] == reservation.id.as_str())
        .collect();
    assert_eq!(mine.len(), 17);
    for row in &mine {
        let day: Date = row["date"].as_str().unwrap().parse().unwrap();
        let used: Decimal = reservation.used_hours(day).iter().sum();
        close(decimal(&row["usedHours"]), used);
    }
    let table = sandbox.table(&[&asked[..], &["--monthly"]].concat());
    assert_eq!(
        table.lines().count(),
        1 + sandbox.world.reservations.len(),
        "{table}"
    );

    let order = [
        &["reservations", "details", "--order", &reservation.order][..],
        &DAYS,
    ]
    .concat();
    let details = sandbox.json(&order);
    let used: Decimal = details
        .as_array()
        .unwrap()
        .iter()
        .map(|row| decimal(&row["usedHours"]))
        .sum();
    let expected = mine.iter().map(|row| decimal(&row["usedHours"])).sum();
    close(used, expected);

    let since = [
        "--from",
        "2026-01-01",
        "--to",
        "2026-11-17",
        "--scope",
        &account,
    ];
    let bought = sandbox.json(&[&["reservations", "transactions"][..], &since].concat());
    let bought = bought.as_array().unwrap().iter();
    let bought = bought.map(|row| amount(&row["amount"])).sum::<Decimal>();
    let paid = sandbox
        .world
        .reservations
        .iter()
        .flat_map(|one| one.installments());
    let paid = paid.filter(|one| one.from <= sandbox.world.today);
    close(bought, paid.map(|one| one.amount).sum());

    let scope = sandbox.subscription();
    let advice = sandbox.json(&["reservations", "recommendations", "--scope", &scope]);
    let advice = advice.as_array().unwrap();
    assert!(!advice.is_empty());
    for one in advice {
        let [without, with, saved] =
            ["costWithout", "costWith", "netSavings"].map(|name| decimal(&one[name]));
        close(without - with, saved);
    }
}

#[test]
fn balances_are_those_of_the_books() {
    let sandbox = Sandbox::new("enterprise");
    let account = sandbox.account();
    let books = Books::open(&sandbox.world);
    let october = date(2026, 10, 1);
    let balances = books.balances();
    let balance = balances.iter().find(|one| one.month == october).unwrap();
    let asked = ["balance", "--scope", &account, "--period", "202610"];
    let found = sandbox.json(&asked);
    close(amount(&found["endingBalance"]), balance.ending());
    close(amount(&found["utilized"]), balance.utilized);
    close(amount(&found["totalUsage"]), balance.total_usage());
    let table = sandbox.table(&asked);
    assert!(table.contains("Prepayment 202610"), "{table}");
    assert!(table.contains(&eur(balance.total_usage())), "{table}");
    let csv = sandbox.table(&[&asked[..], &["-o", "csv"]].concat());
    assert_eq!(csv.lines().count(), 2, "{csv}");

    let sandbox = Sandbox::new("customer");
    let profile = sandbox.profile();
    let lots = sandbox.json(&["balance", "--lots", "--scope", &profile]);
    let amounts: Vec<_> = lots.as_array().unwrap().iter().collect();
    let amounts: Vec<_> = amounts
        .iter()
        .map(|lot| amount(&lot["originalAmount"]))
        .collect();
    assert_eq!(amounts, [Decimal::from(2000), Decimal::from(20_000)]);
    let books = Books::open(&sandbox.world);
    let credits = books.credits(&sandbox.world.parents()[0].id);
    let found = sandbox.json(&["balance", "--scope", &profile]);
    close(amount(&found["currentBalance"]), credits.balance());
    assert!(
        sandbox
            .table(&["balance", "--scope", &profile])
            .contains("Current")
    );
    let year = ["--from", "2025-12-01", "--to", "2026-11-17"];
    let events = sandbox.json(&[&["balance", "--events", "--scope", &profile][..], &year].concat());
    assert!(!events.as_array().unwrap().is_empty());
}
