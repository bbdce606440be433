//! The deployed folder, and everything together on real queues. The package itself: `shipped.rs`.

use super::*;

/// Check 48.
#[tokio::test]
async fn folders_and_routes_are_the_same() {
    let scene = Scene::new();
    let host = scene.host().await;
    let folders: Vec<&str> = host.app().functions.keys().map(String::as_str).collect();
    let mut routes = function_app::NAMES.to_vec();
    routes.sort_unstable();
    assert_eq!(folders, routes);
    for function in host.app().functions.values() {
        assert!(is_function_name(&function.name), "{}", function.name);
        for binding in &function.bindings {
            assert!(is_binding_name(&binding.name), "{}", binding.name);
        }
        let response = client()
            .post(host.handler_url(&format!("/{}", function.name)).await)
            .body("{}")
            .send()
            .await
            .unwrap();
        assert_ne!(response.status(), 404, "{}", function.name);
        assert_ne!(response.status(), 405, "{}", function.name);
    }
}

/// Check 48: the queues of the definitions are those that the application sends to.
#[tokio::test]
async fn functions_listen_to_the_queues_that_are_written() {
    let scene = Scene::new();
    let host = scene.host().await;
    for (function, queue) in [
        ("evaluate-scope", spendwatch::EVALUATIONS),
        ("deliver-notices", spendwatch::DELIVERIES),
    ] {
        let queue = queue.to_owned();
        assert_eq!(
            host.app().functions[function].trigger,
            Trigger::Queue { queue }
        );
    }
}

/// Check 49.
#[test]
fn the_package_is_what_the_host_wants() {
    let folder = AppFolder::staged();
    let read = |path: &Path| -> Value {
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    let host = read(&folder.path().join("host.json"));
    assert_eq!(host["version"], "2.0");
    assert_eq!(
        host["extensionBundle"]["id"],
        "Microsoft.Azure.Functions.ExtensionBundle"
    );
    assert_eq!(host["extensionBundle"]["version"], "[4.0.0, 5.0.0)");
    let timeout = host["functionTimeout"].as_str().unwrap();
    assert!(
        timeout.starts_with("00:") && timeout != "00:00:00",
        "{timeout}"
    );
    let description = &host["customHandler"]["description"];
    let executable = folder
        .path()
        .join(description["defaultExecutablePath"].as_str().unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&executable), 0o755);
    // Forwarding would let callers choose the handler's paths.
    for flag in ["enableForwardingHttpRequest", "enableProxyingHttpRequest"] {
        assert_ne!(host["customHandler"][flag], true, "{flag}");
    }
    // Zero would give a failed message again at once, five times within a second.
    let visibility = host["extensions"]["queues"]["visibilityTimeout"]
        .as_str()
        .unwrap();
    assert_ne!(visibility, "00:00:00");
    assert_eq!(host["extensions"]["queues"]["messageEncoding"], "base64");
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path) & 0o444, 0o444, "{}", path.display());
        let definition = path.join("function.json");
        if definition.is_file() {
            assert_eq!(mode(&definition) & 0o444, 0o444, "{}", definition.display());
            // It would fire at every start and scale-out.
            for binding in read(&definition)["bindings"].as_array().unwrap() {
                assert_ne!(binding["runOnStartup"], true, "{}", definition.display());
            }
        }
    }
}

// All together, on real queues.

#[tokio::test]
async fn a_tick_becomes_one_notice_through_real_queues() {
    if !node::available("the handler on the storage emulator") {
        return;
    }
    let azurite = Azurite::start();
    let hook = Hook::start().await;
    let scene = Scene::telling(&hook.url);
    let settings = scene
        .settings()
        .with("SPENDWATCH_STATE", azurite.blob_container_url("spendwatch"))
        .with("SPENDWATCH_QUEUES", azurite.queue_service_url());
    let host = FakeHost::start(AppFolder::staged(), settings).await;
    let options = PumpOptions {
        visibility_timeout: Some(Duration::ZERO),
        ..PumpOptions::default()
    };
    let mut pump = host.pump(&azurite.queue_service_url(), options);
    for _ in 0..2 {
        is_well_formed(&host.timer("evaluate-budgets", TimerCall::default()).await);
        is_well_formed(&host.timer("sweep", TimerCall::default()).await);
    }
    assert!(pump.settle(Duration::from_secs(30)).await);
    assert_eq!(hook.ids().len(), 1, "{:?}", hook.ids());
    for run in pump.invocations() {
        is_well_formed(&run);
    }
    // A message that is not ours goes the way of poison, and nothing else stops for it.
    let before = pump.invocations().len();
    pump.send("deliveries", "not ours").await;
    assert!(pump.settle(Duration::from_secs(30)).await);
    assert_eq!(pump.invocations().len(), before + 5);
    assert_eq!(pump.peek("deliveries-poison").await.len(), 1);
    for queue in ["evaluations-poison", "evaluations", "deliveries"] {
        assert_eq!(pump.peek(queue).await, Vec::<String>::new(), "{queue}");
    }
}

#[tokio::test]
async fn killed_handlers_lose_no_message() {
    if !node::available("killed handlers on the storage emulator") {
        return;
    }
    let azurite = Azurite::start();
    let hook = Hook::start().await;
    let scene = Scene::telling(&hook.url);
    let settings = scene
        .settings()
        .with("SPENDWATCH_STATE", azurite.blob_container_url("spendwatch"))
        .with("SPENDWATCH_QUEUES", azurite.queue_service_url());
    let host = FakeHost::start(AppFolder::staged(), settings).await;
    let options = PumpOptions {
        visibility_timeout: Some(Duration::from_secs(1)),
        ..PumpOptions::default()
    };
    let mut pump = host.pump(&azurite.queue_service_url(), options);
    is_well_formed(&host.timer("evaluate-budgets", TimerCall::default()).await);
    for round in 0..3 {
        tokio::time::sleep(Duration::from_millis(20 + round * 40)).await;
        host.kill().await;
        host.restart().await;
    }
    let begun = Instant::now();
    while hook.ids().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody was told");
        is_well_formed(&host.timer("sweep", TimerCall::default()).await);
        pump.settle(Duration::from_secs(5)).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let ids = hook.ids();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}
