//! Start-up, liveness, and the end of the process.

use super::*;

/// The local addresses that a process listens on, as the kernel has them: `0100007F:1F90`.
fn listening(pid: u32) -> Vec<String> {
    let sockets: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter_map(|target| {
            let target = target.to_str()?.to_owned();
            Some(
                target
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .to_owned(),
            )
        })
        .collect();
    let mut found = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // 0A is LISTEN, 07 an open UDP socket.
            let open = matches!(fields[3], "0A") || (table.starts_with("udp") && fields[3] == "07");
            if open && sockets.iter().any(|inode| inode == fields[9]) {
                found.push(fields[1].to_owned());
            }
        }
    }
    found
}

/// Check 1.
#[tokio::test]
async fn it_listens_on_the_given_loopback_port_and_nowhere_else() {
    let scene = Scene::new();
    let host = scene.host().await;
    let expected = format!("0100007F:{:04X}", host.port().await);
    assert_eq!(listening(host.pid().await.unwrap()), [expected]);
}

/// Check 2.
#[tokio::test]
async fn the_former_name_of_the_port_is_understood() {
    let scene = Scene::new();
    let settings = scene.settings().without("FUNCTIONS_CUSTOMHANDLER_PORT");
    let host = FakeHost::start(AppFolder::staged(), settings).await;
    is_alive(&host).await;
}

async fn exit_of(settings: Settings) -> tests::host::Exit {
    match FakeHost::try_start(AppFolder::staged(), settings).await {
        Err(StartError::Exited(exit)) => exit,
        other => panic!("it should have ended: {other:?}"),
    }
}

/// Check 3.
#[tokio::test]
async fn without_a_usable_port_it_ends_with_one_line() {
    let names = ["FUNCTIONS_CUSTOMHANDLER_PORT", "FUNCTIONS_HTTPWORKER_PORT"];
    for value in [
        None,
        Some(""),
        Some("eighty"),
        Some("70000"),
        Some("-1"),
        Some("80 81"),
    ] {
        let mut settings = Scene::new().settings();
        for name in names {
            settings = match value {
                Some(value) => settings.with(name, value),
                None => settings.without(name),
            };
        }
        let exit = exit_of(settings).await;
        assert!(
            exit.code.is_some_and(|code| code != 0 && code != 200),
            "{value:?}: {exit:?}"
        );
        assert_eq!(exit.last_errors.len(), 1, "{value:?}: {exit:?}");
        assert!(exit.last_errors[0].contains("PORT"), "{value:?}: {exit:?}");
    }
}

/// Check 4.
#[tokio::test]
async fn a_port_in_use_ends_it_within_a_second() {
    let taken = StdListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    // The host's probe would be accepted by the listener above, so there is no host here.
    let folder = AppFolder::staged();
    let begun = Instant::now();
    let output = std::process::Command::new(folder.path().join("spendwatch-functions"))
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
        .output()
        .unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        !matches!(output.status.code(), Some(0 | 200) | None),
        "{output:?}"
    );
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains(&port.to_string()), "{errors}");
}

/// Check 5.
#[tokio::test]
async fn it_answers_at_once_while_everything_behind_it_is_unreachable() {
    let scene = Scene::new();
    // Addresses that swallow what is sent to them.
    let config = fs::read_to_string(scene.path("spendwatch.toml"))
        .unwrap()
        .replace(
            "kind = \"files\"\n            paths = [\"costs.csv\"]",
            "kind = \"usage-details\"\nauth = \"none\"\nendpoint = \"http://192.0.2.1/\"",
        );
    assert!(config.contains("usage-details"));
    fs::write(scene.path("spendwatch.toml"), config).unwrap();
    let settings = scene
        .settings()
        .with("SPENDWATCH_STATE", "https://192.0.2.1/spendwatch?sig=none")
        .with("SPENDWATCH_QUEUES", "https://192.0.2.1/?sig=none")
        .with("HOOK_URL", "https://192.0.2.1/");
    let host = FakeHost::start(AppFolder::staged(), settings).await;
    let stuck = [
        tokio::spawn(stuck(host.clone(), "evaluate-budgets")),
        tokio::spawn(stuck(host.clone(), "sweep")),
    ];
    tokio::time::sleep(Duration::from_secs(1)).await;
    let url = host.handler_url("/").await;
    let client = client();
    for _ in 0..20 {
        let begun = Instant::now();
        client.get(&url).send().await.unwrap();
        let took = begun.elapsed();
        assert!(took < Duration::from_millis(100), "{took:?}");
    }
    for task in stuck {
        task.abort();
    }
}

async fn stuck(host: FakeHost, function: &'static str) {
    host.timer(function, TimerCall::default()).await;
}

/// Check 6.
#[tokio::test]
async fn probes_leave_no_trace() {
    let scene = Scene::new();
    let host = scene.host().await;
    let url = host.handler_url("/").await;
    let client = client();
    for _ in 0..100 {
        assert!(client.get(&url).send().await.unwrap().status().is_success());
    }
    host.kill().await;
    assert!(host.lines().len() < 5, "{:?}", host.lines());
}

/// Checks 7 and 51: our public paths are the host's business, and timers nobody's.
#[tokio::test]
async fn other_paths_than_functions_are_404_in_json() {
    let scene = Scene::new();
    let host = scene.host().await;
    let client = client();
    for path in [
        "/nothing",
        "/evaluate-budgets/",
        "/Evaluate-Budgets",
        "/api/status",
        "/api/evaluate",
        "/api/evaluate-budgets",
        "/api/sweep",
        "/admin/functions/sweep",
        "/%00",
        "//",
    ] {
        let url = host.handler_url(path).await;
        for request in [client.get(&url), client.post(&url).body("{}")] {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 404, "{path}");
            assert_eq!(
                response.headers()["content-type"],
                "application/json",
                "{path}"
            );
            assert!(
                response.json::<Value>().await.unwrap().is_object(),
                "{path}"
            );
        }
    }
    assert_eq!(
        scene
            .state()
            .receive("evaluations", 1, Duration::ZERO)
            .await
            .unwrap(),
        []
    );
    // From outside, the prefix keeps callers away from what is not for them.
    for function in [
        "sweep",
        "evaluate-budgets",
        "evaluate-scope",
        "deliver-notices",
    ] {
        let key = [("x-functions-key", FUNCTION_KEY)];
        for path in [format!("/{function}"), format!("/api/{function}")] {
            let answer = host.http("POST", &path, &key, b"{}").await;
            assert!(answer.invocation.is_none(), "{path}");
        }
    }
    assert_eq!(host.app().route_prefix, "api");
    is_alive(&host).await;
}

/// Check 8.
#[tokio::test]
async fn a_broken_configuration_never_looks_like_success() {
    type Break = fn(&Scene) -> Settings;
    let broken: [(&str, Break); 5] = [
        ("no file", |scene| {
            fs::remove_file(scene.path("spendwatch.toml")).unwrap();
            scene.settings()
        }),
        ("no TOML", |scene| {
            fs::write(scene.path("spendwatch.toml"), "version = ").unwrap();
            scene.settings()
        }),
        ("no budget", |scene| {
            fs::write(scene.path("spendwatch.toml"), "version = 1").unwrap();
            scene.settings()
        }),
        ("no state", |scene| {
            scene.settings().without("SPENDWATCH_STATE")
        }),
        ("no setting at all", |scene| {
            scene
                .settings()
                .without("SPENDWATCH_STATE")
                .without("SPENDWATCH_CONFIG")
        }),
    ];
    for (what, break_it) in broken {
        let scene = Scene::new();
        match FakeHost::try_start(AppFolder::staged(), break_it(&scene)).await {
            Err(StartError::Exited(exit)) => assert_ne!(exit.code, Some(0), "{what}"),
            Err(other) => panic!("{what}: {other:?}"),
            Ok(host) => {
                for timer in TIMERS {
                    is_failure(&host.timer(timer, TimerCall::default()).await);
                }
                for (function, message) in QUEUE_FUNCTIONS {
                    is_failure(&host.queue(function, message).await);
                }
                let key = [("x-functions-key", FUNCTION_KEY)];
                for (method, path) in [
                    ("GET", "/api/status"),
                    ("POST", "/api/evaluate"),
                    ("GET", "/api/health"),
                ] {
                    let answer = host.http(method, path, &key, b"").await;
                    assert!(answer.reply.status >= 500, "{what}: {path}: {answer:?}");
                }
                assert_eq!(host.exits().await, [], "{what}");
                host.kill().await;
                let said = host.lines().iter().any(|line| line.text.contains("error"));
                assert!(said, "{what}: {:?}", host.lines());
            }
        }
    }
}

/// Check 9.
#[tokio::test]
async fn two_handlers_overlap_without_harm() {
    let hook = Hook::start().await;
    let scene = Scene::telling(&hook.url);
    let (old, new) = tokio::join!(scene.host(), scene.host());
    assert_ne!(old.port().await, new.port().await);
    let (one, two) = tokio::join!(
        old.queue("evaluate-scope", EVALUATE),
        new.queue("evaluate-scope", EVALUATE)
    );
    is_well_formed(&one);
    is_well_formed(&two);
    let (one, two) = tokio::join!(
        old.queue("deliver-notices", DELIVER),
        new.queue("deliver-notices", DELIVER)
    );
    is_well_formed(&one);
    is_well_formed(&two);
    work_off(&new, &scene.state()).await;
    assert_eq!(hook.ids().len(), 1, "{:?}", hook.ids());
}

/// Check 10, first half.
#[tokio::test]
async fn sigterm_lets_short_work_finish_and_ends_it_within_a_second() {
    let hook = Hook::start().await;
    let scene = Scene::telling(&hook.url);
    let host = scene.host().await;
    is_well_formed(&host.queue("evaluate-scope", EVALUATE).await);
    hook.slow(Duration::from_millis(300));
    let work = tokio::spawn({
        let host = host.clone();
        async move { host.queue("deliver-notices", DELIVER).await }
    });
    hook.is_told().await;
    let url = host.handler_url("/").await;
    let exit = host.terminate().await.expect("it ends");
    assert!(exit.after < Duration::from_secs(1), "{exit:?}");
    assert_eq!(exit.signal, None, "{exit:?}");
    is_well_formed(&work.await.unwrap());
    assert!(client().get(&url).send().await.is_err());
    assert_eq!(host.error_lines(), Vec::<String>::new());
    assert_eq!(
        scene.state().list("outbox/").await.unwrap(),
        Vec::<String>::new()
    );
}

/// Check 10: longer work does not hold it.
#[tokio::test]
async fn sigterm_does_not_wait_for_long_work() {
    let hook = Hook::start().await;
    let scene = Scene::telling(&hook.url);
    // A whole minute for a send, and a destination that takes it.
    let config = fs::read_to_string(scene.path("spendwatch.toml")).unwrap();
    let config = config
        .replace("send_timeout_seconds = 1", "send_timeout_seconds = 60")
        .replace("lease_seconds = 2", "lease_seconds = 90");
    fs::write(scene.path("spendwatch.toml"), config).unwrap();
    let host = scene.host().await;
    is_well_formed(&host.queue("evaluate-scope", EVALUATE).await);
    hook.slow(Duration::from_secs(60));
    let work = tokio::spawn({
        let host = host.clone();
        async move { host.queue("deliver-notices", DELIVER).await }
    });
    hook.is_told().await;
    let exit = host.terminate().await.expect("it ends");
    assert!(exit.after < Duration::from_secs(1), "{exit:?}");
    let run = work.await.unwrap();
    assert!(matches!(run.outcome, Outcome::Failed(_)), "{run:?}");
}

/// Check 10, second half.
#[tokio::test]
async fn an_evaluation_killed_at_any_moment_has_its_effect_once() {
    let hook = Hook::start().await;
    let scene = Scene::telling(&hook.url);
    let host = scene.host().await;
    for round in 0..15 {
        let work = tokio::spawn({
            let host = host.clone();
            async move { host.queue("evaluate-scope", EVALUATE).await }
        });
        tokio::time::sleep(Duration::from_millis(round * 3)).await;
        host.kill().await;
        work.await.unwrap();
        host.restart().await;
    }
    is_well_formed(&host.queue("evaluate-scope", EVALUATE).await);
    is_well_formed(&host.timer("sweep", TimerCall::default()).await);
    assert_eq!(scene.deliveries().await, 1);
    work_off(&host, &scene.state()).await;
    assert_eq!(hook.ids().len(), 1, "{:?}", hook.ids());
    assert_eq!(scene.deliveries().await, 1);
}

/// Check 10: what was sent but not recorded is sent again, and can be recognized.
#[tokio::test]
async fn a_send_killed_before_it_was_recorded_repeats_its_id() {
    let hook = Hook::start().await;
    let scene = Scene::telling(&hook.url);
    let host = scene.host().await;
    is_well_formed(&host.queue("evaluate-scope", EVALUATE).await);
    hook.slow(Duration::from_millis(500));
    let work = tokio::spawn({
        let host = host.clone();
        async move { host.queue("deliver-notices", DELIVER).await }
    });
    hook.is_told().await;
    host.kill().await;
    assert!(!work.await.unwrap().outcome.succeeded());
    host.restart().await;
    hook.slow(Duration::ZERO);
    let begun = Instant::now();
    while !scene.state().list("outbox/").await.unwrap().is_empty() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "it is never delivered"
        );
        host.timer("sweep", TimerCall::default()).await;
        work_off(&host, &scene.state()).await;
    }
    let ids = hook.ids();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert_eq!(ids[0], ids[1]);
    assert_eq!(scene.deliveries().await, 1);
}

/// Check 11.
#[tokio::test]
async fn arguments_are_nothing_to_stumble_over() {
    let scene = Scene::new();
    for arguments in [
        json!(["%NOT_SET%"]),
        json!(["two words", "", "--flag"]),
        json!(["%HOME%"]),
    ] {
        let folder = AppFolder::staged().copied();
        folder.edit("host.json", |host| {
            host["customHandler"]["description"]["arguments"] = arguments;
        });
        is_alive(&FakeHost::start(folder, scene.settings()).await).await;
    }
}

/// Check 12.
#[tokio::test]
async fn unknown_variables_are_ignored() {
    let scene = Scene::new();
    let settings = scene
        .settings()
        .with("SPENDWATCH_NO_SUCH_SETTING", "x")
        .with("APPSETTING_SPENDWATCH_STATE", "elsewhere")
        .with("AzureWebJobsFeatureFlags", "EnableWorkerIndexing")
        .with("RUST_LOG", "trace")
        .with("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi/token")
        .with("IDENTITY_HEADER", "secret-header")
        .with("WITH NEWLINE", "a\nb")
        .with("EMPTY", "");
    let host = FakeHost::start(AppFolder::staged(), settings).await;
    is_alive(&host).await;
    is_well_formed(&host.timer("evaluate-budgets", TimerCall::default()).await);
}
