//! A year of days, with turns of months, people who meddle, and faults: what is written, and that
//! nothing is lost.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use azure_sandbox::{Fault, Mishap, Wait};
use jiff::SignedDuration;
use jiff::civil::{Date, date};
use serde_json::{Value, json};
use spendwatch::StateLocation;
use spendwatch::jobs::apply;

use crate::native_azure::{Azure, Here, budget, here_on, to_do};

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

/// How many thresholds the budget has from the tenth of each month on: it grows past five and past
/// ten, and shrinks again.
const THRESHOLDS: [u32; 12] = [3, 5, 6, 11, 13, 12, 7, 5, 4, 9, 10, 2];

/// The percentages of a month: those of fewer thresholds are among those of more, in no order.
fn percents(count: u32) -> Vec<u32> {
    (0..count).map(|index| 5 + index * 7 % 19 * 5).collect()
}

fn amount(day: Date) -> u64 {
    1000 + 10 * u64::try_from(day.month()).unwrap()
}

fn count(day: Date) -> u32 {
    let months = usize::try_from(day.month()).unwrap() - 1;
    match day.day() {
        ..10 => THRESHOLDS[months.saturating_sub(1)],
        _ => THRESHOLDS[months],
    }
}

fn configured(day: Date) -> String {
    let thresholds: Vec<String> = percents(count(day))
        .into_iter()
        .map(|percent| format!("\"actual {percent}%\""))
        .collect();
    let months: Vec<String> = (1..=12)
        .map(|month| {
            let first = date(2026, month, 1);
            format!("\"2026-{month:02}\" = {}", amount(first))
        })
        .collect();
    let text = budget("web", &format!("amount = {{ {} }}", months.join(", ")));
    text.replace("\"actual 80%\", \"forecast 100%\"", &thresholds.join(", "))
}

fn here_in(azure: &Azure, day: Date, folder: &Path) -> Here {
    let state = StateLocation::Folder(folder.to_owned());
    here_on(azure, &configured(day), day, state)
}

/// All budgets that Azure has: the amount of each and its percentages.
async fn shown(azure: &Azure) -> BTreeMap<String, (u64, Vec<u32>)> {
    let list = azure.get(&Azure::path("")).await;
    let list = list["value"].as_array().unwrap().clone();
    let of = |budget: &Value| {
        let properties = &budget["properties"];
        let told = properties["notifications"].as_object().unwrap().values();
        let mut told: Vec<u32> = told
            .map(|each| u32::try_from(each["threshold"].as_u64().unwrap()).unwrap())
            .collect();
        told.sort_unstable();
        (properties["amount"].as_u64().unwrap(), told)
    };
    let named = |budget: &Value| (budget["name"].as_str().unwrap().to_owned(), of(budget));
    list.iter().map(named).collect()
}

/// What goes wrong on a day.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Trouble {
    Nothing,
    /// Somebody writes the budget between plan and apply.
    Conflict,
    Throttled,
    ServerErrors,
    /// The write is done and its answer lost.
    LostAnswer,
    /// The process ends while it waits for the answer to a write; without one to write it does not.
    Killed,
}

/// Trouble on days with and without something to write.
fn trouble(day: Date) -> Trouble {
    let all = [
        Trouble::Conflict,
        Trouble::Throttled,
        Trouble::ServerErrors,
        Trouble::LostAnswer,
        Trouble::Killed,
    ];
    let turn = usize::try_from(day.month()).unwrap();
    match day.day() {
        1 => all[turn % all.len()],
        10 => all[(turn + 2) % all.len()],
        17 => all[(turn + 4) % all.len()],
        _ => Trouble::Nothing,
    }
}

fn faults(trouble: Trouble) -> Vec<Fault> {
    let twice = |what: Mishap, operations: [&str; 2]| {
        operations
            .map(|operation| Fault::new(what.clone()).of(operation).times(1))
            .to_vec()
    };
    let both = ["Budgets_List", "Budgets_CreateOrUpdate"];
    match trouble {
        Trouble::Throttled => {
            let header = "x-ms-ratelimit-microsoft.consumption-retry-after";
            let headers = [(header.to_owned(), Wait::Seconds(1))];
            twice(Mishap::Throttled(headers.into()), both)
        }
        Trouble::ServerErrors => {
            let retry_after = Some(Wait::Seconds(0));
            twice(Mishap::Unavailable { retry_after }, both)
        }
        Trouble::LostAnswer => twice(Mishap::CutOff, both),
        Trouble::Killed => {
            let slow = Mishap::Slow { milliseconds: 400 };
            vec![
                Fault::new(slow)
                    .of("Budgets_CreateOrUpdate")
                    .after(1)
                    .times(1),
            ]
        }
        Trouble::Conflict | Trouble::Nothing => Vec::new(),
    }
}

/// Plans and applies once as the day's trouble has it. Says whether all went through, and how many
/// changes were planned.
async fn attempt(azure: &Azure, here: &Here, trouble: Trouble) -> (bool, usize) {
    azure.put("/sandbox/faults", json!(faults(trouble))).await;
    let plan = here.plan().await;
    let planned = plan.to_do().count();
    let writes = plan.to_do().filter(|change| change.write.is_some()).count();
    if trouble == Trouble::Conflict {
        // The same content, and another version.
        azure.meddle("web", |_| ()).await;
    }
    if trouble == Trouble::Killed && writes > 0 {
        let slow = Fault::new(Mishap::Slow { milliseconds: 400 });
        let slow = slow.of("Budgets_CreateOrUpdate").times(1);
        let slow = slow.after(u32::from(writes > 1));
        azure.put("/sandbox/faults", json!([slow])).await;
    }
    let applied = apply::run(&here.app, &plan, &|_, _| {});
    let applied = match trouble {
        Trouble::Killed if writes > 0 => {
            let killed = tokio::time::timeout(Duration::from_millis(250), applied).await;
            assert!(killed.is_err(), "it ends in the middle of a write");
            Vec::new()
        }
        _ => applied.await.unwrap(),
    };
    azure.put("/sandbox/faults", json!([])).await;
    let is_whole = plan.is_whole() && applied.len() == planned;
    let went_through = is_whole && applied.iter().all(|one| one.problem.is_none());
    (went_through, planned)
}

#[tokio::test]
async fn a_year_of_faults_and_changing_thresholds_loses_nothing_and_writes_nothing_needless() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    let mut day = date(2026, 1, 1);
    azure.on(day).await;
    here_in(&azure, day, folder.path()).settle().await;
    let mut troubles = BTreeMap::new();
    while day < date(2026, 12, 31) {
        day = day.tomorrow().unwrap();
        // The days around turns of months and of thresholds, and a quiet one.
        if !matches!(day.day(), 1 | 2 | 9..=11 | 17) {
            continue;
        }
        azure.on(day).await;
        let before = shown(&azure).await;
        let trouble = trouble(day);
        *troubles.entry(format!("{trouble:?}")).or_insert(0) += 1;
        azure.requests("").await;
        let mut changes = 0;
        let mut went_through = false;
        for number in 0..3 {
            // Each time as a new process, over what the one before left in the state.
            let here = here_in(&azure, day, folder.path());
            let trouble = if number == 0 {
                trouble
            } else {
                Trouble::Nothing
            };
            let (done, planned) = attempt(&azure, &here, trouble).await;
            changes = changes.max(planned);
            went_through = done;
            if done {
                break;
            }
        }
        assert!(went_through, "{day} {trouble:?}");
        let again = here_in(&azure, day, folder.path()).plan().await;
        assert_eq!(to_do(&again), [], "{day} {trouble:?}: {again:#?}");
        // Nothing is lost, told twice, or of an old amount.
        let after = shown(&azure).await;
        let mut told: Vec<u32> = after.values().flat_map(|(_, told)| told.clone()).collect();
        told.sort_unstable();
        let mut expected = percents(count(day));
        expected.sort_unstable();
        assert_eq!(told, expected, "{day} {trouble:?}: {after:?}");
        assert!(
            after.values().all(|(of, _)| *of == amount(day)),
            "{day}: {after:?}"
        );
        assert!(
            after.values().all(|(_, told)| told.len() <= 5),
            "{day}: {after:?}"
        );
        // What did not change was not planned to.
        let differing = before
            .iter()
            .filter(|(name, was)| after.get(*name) != Some(was));
        let new = after.keys().filter(|name| !before.contains_key(*name));
        assert_eq!(
            changes,
            differing.count() + new.count(),
            "{day} {trouble:?}"
        );
        if day.day() != 1 && day.day() != 10 {
            assert_eq!(changes, 0, "{day}");
        }
    }
    let expected = [
        "Conflict",
        "Killed",
        "LostAnswer",
        "ServerErrors",
        "Throttled",
    ];
    for name in expected {
        assert!(troubles[name] >= 6, "{troubles:?}");
    }
}
