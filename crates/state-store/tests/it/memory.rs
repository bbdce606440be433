use std::time::Duration;

use state_store::{
    Memory, Queues,
    contract::{self, ManualClock},
};

#[tokio::test]
async fn documents_keep_the_contract() {
    contract::documents(&Memory::new()).await;
}

#[tokio::test]
async fn queues_keep_the_contract() {
    let clock = ManualClock::new();
    contract::queues(&Memory::with_clock(clock.clock()), async |by| {
        clock.advance(by)
    })
    .await;
}

#[tokio::test]
async fn delay_ends_at_its_second() {
    let clock = ManualClock::new();
    let store = Memory::with_clock(clock.clock());
    store
        .send("wake-ups", "text", Duration::from_secs(10))
        .await
        .unwrap();
    clock.advance(Duration::from_millis(9_999));
    assert!(
        store
            .receive("wake-ups", 1, Duration::ZERO)
            .await
            .unwrap()
            .is_empty()
    );
    clock.advance(Duration::from_millis(1));
    assert_eq!(
        store
            .receive("wake-ups", 1, Duration::ZERO)
            .await
            .unwrap()
            .len(),
        1
    );
    // No visibility at all would mean a message nobody can delete in time: it is one second.
    assert!(
        store
            .receive("wake-ups", 1, Duration::ZERO)
            .await
            .unwrap()
            .is_empty()
    );
}
