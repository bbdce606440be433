//! A year of days, with turns of months, people who meddle, and faults: what is written, and that
//! nothing is lost.

use jiff::SignedDuration;
use jiff::civil::date;
use serde_json::json;
use spendwatch::StateLocation;

use crate::native_azure::{Azure, budget, here_on};

#[tokio::test]
async fn a_year_of_days_writes_only_what_has_to_change() {
    let azure = Azure::example().await;
    let months: Vec<String> = (1..=12)
        .map(|month| format!("\"2026-{month:02}\" = {}", 1000 + month * 10))
        .collect();
    let monthly = format!("amount = {{ {}, \"2027-01\" = 2000 }}", months.join(", "));
    let text = [
        // Three of Azure's budgets: 2 + 10 steps.
        budget("planned", &monthly).replace(
            "\"forecast 100%\"",
            "\"forecast 100%\", \"actual every 10%\"",
        ),
        budget(
            "fiscal",
            "amount = 3000\ngrain = \"quarterly\"\nstarts = 2025-02-01",
        ),
        budget("project", "amount = 100\nends = 2026-06-30"),
        budget(
            "tagged",
            "amount = 700\nfilter = { tag = \"team\", in = [\"payments\"] }",
        ),
    ]
    .concat();
    let first = date(2026, 1, 5);
    azure.on(first).await;
    let here = here_on(&azure, &text, first, StateLocation::Memory);
    let mut day = first;
    let mut writes = Vec::new();
    while day < date(2027, 1, 6) {
        // Somebody meddles now and then.
        if day.day() == 20 && day.month() % 3 == 0 {
            azure
                .meddle("planned-2", |properties| properties["amount"] = json!(1))
                .await;
        }
        let changed = here.settle().await;
        if changed > 0 {
            writes.push((day.to_string(), changed));
        }
        let planned = azure.budget("planned").await["properties"].clone();
        let month = u64::try_from(day.month()).unwrap();
        let expected = if day.year() == 2027 {
            2000
        } else {
            1000 + month * 10
        };
        assert_eq!(planned["amount"], expected, "{day}");
        let mut told = 0;
        for name in ["planned", "planned-2", "planned-3"] {
            let notifications = azure.budget(name).await["properties"]["notifications"].clone();
            told += notifications.as_object().unwrap().len();
        }
        // 80 % is said by a threshold and by a step, and told once.
        assert_eq!(told, 11, "{day}: no notification is lost");
        day = day.tomorrow().unwrap();
        here.clock.advance(SignedDuration::from_hours(24));
        azure.on(day).await;
    }
    let mut expected = vec![("2026-01-05".to_owned(), 6)];
    for month in 2..=12 {
        expected.push((format!("2026-{month:02}-01"), 3));
        if month % 3 == 0 {
            expected.push((format!("2026-{month:02}-20"), 1));
        }
    }
    expected.push(("2027-01-01".to_owned(), 3));
    assert_eq!(writes, expected);
}
