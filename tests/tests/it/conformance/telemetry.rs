//! What the handler tells a receiver of OpenTelemetry.

use super::*;
use tests::otlp::Otlp;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn an_invocation_is_one_span_of_the_hosts_trace_and_there_when_it_is_answered() {
    let otlp = Otlp::start().await;
    let scene = Scene::new();
    let settings = scene
        .settings()
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", otlp.endpoint.clone());
    let host = FakeHost::start(AppFolder::staged(), settings).await;
    let run = host.queue("evaluate-scope", EVALUATE).await;
    is_well_formed(&run);
    // The host may freeze or kill the process now: everything must have arrived.
    host.kill().await;
    let spans = otlp.spans();
    let [span] = &spans[..] else {
        panic!("one invocation is one span: {spans:#?}");
    };
    assert_eq!(hex(&span.trace_id), run.trace_id);
    assert!(!span.parent_span_id.is_empty());
    assert_eq!(span.name, "evaluate-scope");
    let told = format!("{:?}", span.attributes);
    assert!(told.contains(&run.id), "{told}");
    assert!(otlp.services()[0].contains("spendwatch"));
    // One budget with costs of today, whose day is not over.
    let figure = |name, attributes: &[_]| otlp.figure(name, attributes);
    assert_eq!(
        figure("spendwatch.budgets.evaluated", &[("outcome", "ok")]),
        Some(1.0)
    );
    assert_eq!(
        figure("spendwatch.budgets.evaluated", &[("outcome", "failed")]),
        Some(0.0)
    );
    assert_eq!(
        figure("spendwatch.data.age", &[("read", "source-0")]),
        Some(0.0)
    );
}

#[tokio::test]
async fn a_failed_invocation_is_a_span_with_an_error() {
    let otlp = Otlp::start().await;
    let scene = Scene::new();
    let settings = scene
        .settings()
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", otlp.endpoint.clone());
    let host = FakeHost::start(AppFolder::staged(), settings).await;
    is_failure(&host.queue("evaluate-scope", "not ours").await);
    let spans = otlp.spans();
    let status = spans[0].status.as_ref().unwrap();
    // STATUS_CODE_ERROR of the schema.
    assert_eq!(status.code, 2, "{spans:#?}");
    let function = ("function", "evaluate-scope");
    let failed = [function, ("outcome", "failed")];
    assert_eq!(
        otlp.figure("spendwatch.invocation.duration", &failed),
        Some(1.0)
    );
}

#[tokio::test]
async fn a_receiver_that_is_away_costs_no_invocation() {
    let scene = Scene::new();
    // Nobody listens on port 9; nor does anybody answer on the other one.
    let silent = StdListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for endpoint in ["http://127.0.0.1:9", &silent, "not a url"] {
        let settings = scene
            .settings()
            .with("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
        let host = FakeHost::start(AppFolder::staged(), settings).await;
        for _ in 0..3 {
            let run = host.timer("sweep", TimerCall::default()).await;
            is_well_formed(&run);
        }
        let begun = Instant::now();
        is_well_formed(&host.timer("sweep", TimerCall::default()).await);
        // It is not waited for again and again.
        assert!(begun.elapsed() < Duration::from_secs(3), "{endpoint}");
        assert_eq!(host.error_lines(), Vec::<String>::new());
        host.kill().await;
    }
}

#[tokio::test]
async fn without_a_receiver_nothing_is_sent() {
    let otlp = Otlp::start().await;
    let scene = Scene::new();
    for (name, value) in [
        ("OTEL_SERVICE_NAME", "somebody"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
    ] {
        let settings = scene.settings().with(name, value);
        let host = FakeHost::start(AppFolder::staged(), settings).await;
        is_well_formed(&host.timer("sweep", TimerCall::default()).await);
    }
    let disabled = scene
        .settings()
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", otlp.endpoint.clone())
        .with("OTEL_SDK_DISABLED", "true");
    let host = FakeHost::start(AppFolder::staged(), disabled).await;
    is_well_formed(&host.timer("sweep", TimerCall::default()).await);
    assert!(otlp.spans().is_empty());
}
