//! Reminders and ends while notices are held back: what is released is told once, by few.

use spendwatch::jobs;

use crate::support::*;

/// At midnight UTC on 12 November 2026, a Thursday: the middle of a night.
const NIGHTS: &str = r#"
    [[quiet_hours]]
    from = "20:00"
    until = "07:00"
"#;

fn text(world: &World, index: usize) -> String {
    world.chat.bodies.lock().unwrap()[index].clone()
}

/// Lets hours pass in which people are reminded and nothing is sent.
async fn night(world: &World, hours: usize) {
    for _ in 0..hours {
        world.pass(3600);
        jobs::attend::run(&world.app).await.unwrap();
        assert_eq!(world.deliver().await.sent, 0);
    }
}

#[tokio::test]
async fn the_allowance_is_kept_by_what_tells_of_reminders() {
    let mut more = "remind_every_hours = 2".to_owned();
    for number in 1..8 {
        more.push_str(&format!(
            "\n[[budget]]\nid = \"b{number}\"\nscopes = [\"{GROUP}\"]\namount = 1000\nnotify = [\"chat\"]\n\
             thresholds = [\"actual 80%\"]\nremind_every_hours = 2"
        ));
    }
    more.push_str(NIGHTS);
    more.push_str("\n[alerts]\nallowance = { notices = 3, hours = 1 }");
    let world = World::with("slack", r#"["actual 80%"]"#, &more).await;
    world.spent(850);
    world.evaluate().await;
    night(&world, 6).await;
    world.pass(3600);
    let report = world.deliver().await;
    assert_eq!((report.sent, report.left), (3, 0));
    let told: Vec<String> = (0..3).map(|index| text(&world, index)).collect();
    // Two budgets alone, and the other six together.
    let bundles: Vec<_> = told.iter().filter(|one| one.contains("at once")).collect();
    let [bundle] = bundles[..] else {
        panic!("{told:?}")
    };
    assert_eq!(
        bundle.matches("actual 80% crossed, at 85 % then").count(),
        6
    );
}

#[tokio::test]
async fn others_are_told_when_whoever_was_held_back_had_the_time_to_answer() {
    let more = format!(
        "escalate_after_hours = 3\nescalate_to = [\"boss\"]\n[channel.boss]\nkind = \"slack\"\n\
         url = {{ secret = \"CHAT_URL\" }}\nallow_networks = [\"127.0.0.1/32\"]\n{NIGHTS}"
    );
    let world = World::with("slack", r#"["actual 80%"]"#, &more).await;
    world.spent(850);
    world.evaluate().await;
    night(&world, 6).await;
    let boss = async || {
        jobs::attend::run(&world.app).await.unwrap();
        jobs::deliver::run(&world.app, "boss").await.unwrap().sent
    };
    world.pass(3600);
    assert_eq!(world.deliver().await.sent, 1, "it is seven in the morning");
    world.pass(3 * 3600 - 60);
    assert_eq!(boss().await, 0);
    world.pass(60);
    assert_eq!(boss().await, 1);
}

#[tokio::test]
async fn a_budget_tells_of_its_parts_after_a_night_of_reminders() {
    let more = format!(
        "parent = \"all\"\nremind_every_hours = 2\n[[budget]]\nid = \"all\"\n\
         amount = 1000\nnotify = [\"chat\"]\nthresholds = [\"actual 80%\"]\nremind_every_hours = 2\n\
         {NIGHTS}"
    );
    let world = World::with("slack", r#"["actual 80%"]"#, &more).await;
    world.spent(850);
    world.evaluate().await;
    night(&world, 6).await;
    world.pass(3600);
    let report = world.deliver().await;
    assert_eq!((report.sent, report.left), (1, 0));
    let told = text(&world, 0);
    assert!(told.contains("all has used EUR 850.00"), "{told}");
    assert!(told.contains("payments actual 80% crossed"), "{told}");
    // In the day, the reminder of the budget tells of that of its part.
    world.pass(2 * 3600);
    assert_eq!(jobs::attend::run(&world.app).await.unwrap().transitions, 2);
    let report = world.deliver().await;
    assert_eq!((report.sent, report.suppressed), (1, 1));
}

#[tokio::test]
async fn what_is_over_by_the_morning_is_one_message_whatever_was_reminded_of() {
    let more = format!("remind_every_hours = 1\n{NIGHTS}");
    let world = World::with("slack", r#"["actual 80%"]"#, &more).await;
    world.spent(850);
    world.evaluate().await;
    night(&world, 3).await;
    world.spent(100);
    world.evaluate().await;
    night(&world, 3).await;
    world.pass(3600);
    let report = world.deliver().await;
    assert_eq!((report.sent, report.left), (1, 0));
    let told = text(&world, 0);
    assert!(told.contains("Correction: payments is below"), "{told}");
}

#[tokio::test]
async fn what_a_dropped_notice_spoke_for_is_told_when_it_still_stands() {
    let more = format!("{NIGHTS}\n[alerts]\nended_while_held = \"nothing\"");
    let world = World::with("slack", r#"["actual 50%", "actual 80%"]"#, &more).await;
    for amount in [850, 576] {
        world.spent(amount);
        world.evaluate().await;
        world.deliver().await;
        world.pass(3600);
    }
    world.pass(6 * 3600);
    let report = world.deliver().await;
    assert_eq!((report.sent, report.left), (1, 0));
    let told = text(&world, 0);
    assert!(told.contains("threshold actual 50%"), "{told}");
}
