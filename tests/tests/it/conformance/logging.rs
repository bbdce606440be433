//! Lines, panics, absurd input.

use super::*;

/// Checks 45 and 46.
#[tokio::test]
async fn lines_are_one_event_each_and_errors_alone_go_to_stderr() {
    let hook = Hook::start().await;
    let scene = Scene::telling(&hook.url);
    let host = scene.host().await;
    is_well_formed(&host.timer("evaluate-budgets", TimerCall::default()).await);
    is_well_formed(&host.timer("sweep", TimerCall::default()).await);
    work_off(&host, &scene.state()).await;
    is_failure(&host.queue("evaluate-scope", "line\nbreak").await);
    is_alive(&host).await;
    host.kill().await;
    assert!(!host.lines().is_empty());
    for line in host.lines() {
        assert!(!line.is_error, "{line:?}");
        assert!(!line.text.contains('\u{1b}'), "{line:?}");
        for prefix in ["LanguageWorkerConsoleLog", "azfuncjsonlog:"] {
            assert!(!line.text.starts_with(prefix), "{line:?}");
        }
        let event: Value = serde_json::from_str(&line.text).unwrap();
        assert!(
            event["level"].is_string() && event["timestamp"].is_string(),
            "{event}"
        );
    }
}

/// A source with a mistake in it.
struct Panicking;

impl CostSource for Panicking {
    // What `async_trait` makes of `async fn read`.
    fn read<'me, 'request, 'context, 'answer>(
        &'me self,
        _: &'request ReadRequest,
        _: &'context ReadContext,
    ) -> BoxFuture<'answer, anyhow::Result<Answer>>
    where
        'me: 'answer,
        'request: 'answer,
        'context: 'answer,
    {
        panic!("this is a test");
    }
}

/// Check 47, but for the line of `main` about it: nobody can make the real process panic.
#[tokio::test]
async fn a_panic_is_a_failed_invocation_and_nothing_else() {
    let scene = Scene::new();
    spendwatch::install_crypto();
    let config = spendwatch::Config::load(&scene.path("spendwatch.toml")).unwrap();
    // What the channels need, so that nothing else is wrong.
    let environment: spendwatch::Environment = [
        ("HOOK_URL", "http://127.0.0.1:9/hook"),
        ("HOOK_SIGNING", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into_iter()
    .collect();
    let state = scene.path("state").display().to_string().parse().unwrap();
    let app = spendwatch::App::new(config, &environment, state)
        .unwrap()
        .with_sources(vec![Arc::new(Panicking)]);
    let router = function_app::router(
        Arc::new(spendwatch::Live::fixed(Arc::new(app))),
        function_app::Telemetry::default(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let host = FakeHost::attach(AppFolder::staged(), scene.settings(), port);
    for _ in 0..3 {
        let run = host.queue("evaluate-scope", EVALUATE).await;
        is_failure(&run);
        assert_eq!(run.status, Some(500));
        assert!(!run.body.contains("this is a test"), "{}", run.body);
    }
    is_well_formed(&host.timer("sweep", TimerCall::default()).await);
    is_alive(&host).await;
}

/// Checks 18 and 47: figures at the ends of what can be written are told or refused.
#[tokio::test]
async fn absurd_figures_are_no_panic() {
    let most = "79228162514264337593543950335";
    for (cost, amount) in [
        (most, "100"),
        (
            "-79228162514264337593543950335",
            "0.0000000000000000000000000001",
        ),
        ("1e28", "100"),
        ("1e400", "100"),
        ("1e-28", most),
        ("150", most),
    ] {
        let scene = Scene::new();
        for (file, from, to) in [
            (
                "spendwatch.toml",
                "amount = 100",
                format!("amount = {amount}"),
            ),
            (
                "spendwatch.toml",
                "\"actual 50%\"",
                "\"actual 500%\", \"pace 120%\", \"forecast 100%\"".to_owned(),
            ),
            ("costs.csv", ",150,", format!(",{cost},")),
        ] {
            let text = fs::read_to_string(scene.path(file)).unwrap();
            assert!(text.contains(from), "{text}");
            fs::write(scene.path(file), text.replace(from, &to)).unwrap();
        }
        let host = scene.host().await;
        let run = host.queue("evaluate-scope", EVALUATE).await;
        host.kill().await;
        assert_eq!(
            host.error_lines(),
            Vec::<String>::new(),
            "{cost} of {amount}: {run:?}"
        );
    }
}
