//! What the host sends.

use super::*;

/// Checks 13, 14 and 34.
#[tokio::test]
async fn large_envelopes_are_read_whole_and_too_large_ones_refused() {
    let scene = Scene::new();
    let host = scene.host().await;
    let envelope = |padding: usize| {
        let data = json!({ "message": json!(EVALUATE).to_string() });
        json!({ "Data": data, "Metadata": { "padding": "x".repeat(padding) } })
            .to_string()
            .into_bytes()
    };
    for padding in [0, 100_000, 2_500_000] {
        is_well_formed(&host.post("evaluate-scope", envelope(padding)).await);
    }
    // Several times, because an answer that is lost is lost by chance.
    for padding in [
        8_000_000, 20_000_000, 64_000_000, 8_000_000, 20_000_000, 8_000_000,
    ] {
        let run = host.post("evaluate-scope", envelope(padding)).await;
        assert_eq!(run.status, Some(413), "{:?}", run.outcome);
        is_failure(&run);
    }
    is_alive(&host).await;
}

/// Checks 15 and 16.
#[tokio::test]
async fn a_message_means_the_same_in_every_shape() {
    let hook = Hook::start().await;
    let scene = Scene::telling(&hook.url);
    let host = scene.host().await;
    for shape in [MessageShape::Twice, MessageShape::Once, MessageShape::Raw] {
        for (function, message) in QUEUE_FUNCTIONS {
            let run = host
                .queue(function, QueueCall::from(message).shaped(shape))
                .await;
            is_well_formed(&run);
        }
    }
    assert_eq!(hook.ids().len(), 1);
}

/// Checks 17 and 18.
#[tokio::test]
async fn what_is_no_message_of_ours_fails_and_harms_nothing() {
    let scene = Scene::new();
    let host = scene.host().await;
    let quoted = json!(EVALUATE).to_string();
    for text in [
        "hello",
        "",
        "{",
        "null",
        "[]",
        "{}",
        "12345678",
        r#"{"evaluate":{}}"#,
        r#"{"evaluate":{"read":7}}"#,
        r#"{"evaluate":{"read":"source-0"},"deliver":{"destination":"hook"}}"#,
        r#"{"destroy":{}}"#,
        // A text that is a quoted text is unwrapped once and no further.
        quoted.as_str(),
        "\u{0}\u{feff}",
    ] {
        for (function, _) in QUEUE_FUNCTIONS {
            is_failure(&host.queue(function, text).await);
        }
    }
    // The right message for the other function is wrong as well.
    is_failure(&host.queue("evaluate-scope", DELIVER).await);
    is_failure(&host.queue("deliver-notices", EVALUATE).await);
    // Nor is there an envelope at all.
    for body in [
        "",
        "{",
        "null",
        "[]",
        "\"x\"",
        "{}",
        r#"{"Data":null}"#,
        r#"{"Data":{}}"#,
    ] {
        is_failure(&host.post("evaluate-scope", body.into()).await);
    }
    assert_eq!(scene.deliveries().await, 0);
    is_alive(&host).await;
    host.kill().await;
    let panics: Vec<_> = host
        .lines()
        .into_iter()
        .filter(|line| line.text.contains("panic"))
        .collect();
    assert_eq!(panics, []);
}

/// Check 18: what no longer exists is no failure, or it would be poison after each change.
#[tokio::test]
async fn a_read_that_is_not_configured_any_more_is_done() {
    let scene = Scene::new();
    let host = scene.host().await;
    let run = host
        .queue("evaluate-scope", r#"{"evaluate":{"read":"source-9"}}"#)
        .await;
    is_well_formed(&run);
}

/// Checks 19 and 20.
#[tokio::test]
async fn metadata_are_not_relied_on() {
    let scene = Scene::new();
    let host = scene.host().await;
    for metadata in [
        json!({}),
        json!(null),
        json!({ "DequeueCount": "4", "Id": "\"x\"", "InsertionTime": "2026-11-20T06:00:00+00:00" }),
        json!({ "DequeueCount": { "a": 1 }, "sys": "\"text\"", "Id": [1], "PopReceipt": null }),
        json!({ "dequeuecount": "-1", "SYS": 7, "id": "" }),
        json!({ "sys": { "MethodName": 1, "UtcNow": "yesterday", "RandGuid": {} } }),
        json!({ "RetryContext": "\"no\"" }),
        json!([]),
        json!("text"),
    ] {
        for (function, message) in QUEUE_FUNCTIONS {
            let data = json!({ "message": json!(message).to_string() });
            is_well_formed(&host.invoke(function, data, metadata.clone()).await);
        }
        let tick = json!({ "tick": { "ScheduleStatus": null, "IsPastDue": false } });
        is_well_formed(&host.invoke("sweep", tick, metadata).await);
    }
    // Missing altogether.
    let envelope = json!({ "Data": { "message": json!(EVALUATE).to_string() } });
    let run = host
        .post("evaluate-scope", envelope.to_string().into_bytes())
        .await;
    is_well_formed(&run);
}

/// Check 21.
#[tokio::test]
async fn every_schedule_status_is_understood() {
    let scene = Scene::new();
    let host = scene.host().await;
    let exactly = |last: &str, next: &str| {
        ScheduleStatus::Exactly(json!({ "Last": last, "Next": next, "LastUpdated": last }))
    };
    for status in [
        ScheduleStatus::Now,
        ScheduleStatus::Null,
        ScheduleStatus::FirstRun,
        ScheduleStatus::At("2026-11-20T06:00:00Z".parse().unwrap()),
        exactly("0001-01-01T00:00:00", "2026-11-20T06:00:00"),
        exactly("0001-01-01T00:00:00+00:00", "2026-11-20T06:00:00Z"),
        exactly(
            "2026-11-20T05:00:00.0208113+00:00",
            "2026-11-20T07:00:00+01:00",
        ),
        exactly("2026-11-20T05:00:00.02Z", "9999-12-31T23:59:59.9999999"),
        ScheduleStatus::Exactly(json!({})),
        ScheduleStatus::Exactly(json!("null")),
    ] {
        for timer in TIMERS {
            for is_past_due in [false, true] {
                let call = TimerCall {
                    is_past_due,
                    ..TimerCall::with(status.clone())
                };
                is_well_formed(&host.timer(timer, call).await);
            }
        }
    }
    // By hand, the value may be missing or a text.
    for data in [
        json!({}),
        json!({ "tick": "" }),
        json!({ "tick": "{\"IsPastDue\":false}" }),
        json!({ "tick": null }),
    ] {
        for timer in TIMERS {
            is_well_formed(&host.invoke(timer, data.clone(), json!({})).await);
        }
    }
}

/// Checks 22, 23 and 24.
#[tokio::test]
async fn late_repeated_and_retried_ticks_tell_once() {
    let hook = Hook::start().await;
    let scene = Scene::telling(&hook.url);
    let host = scene.host().await;
    let occurrence = Timestamp::now() - 3.hours();
    let late = TimerCall {
        is_past_due: true,
        ..TimerCall::at(occurrence)
    };
    is_well_formed(&host.timer("evaluate-budgets", late.clone()).await);
    let state = scene.state();
    let messages = state
        .receive("evaluations", 32, Duration::from_secs(1))
        .await
        .unwrap();
    assert_eq!(
        messages.len(),
        1,
        "one evaluation for now, not one for each missed tick"
    );
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for retry_count in 0..=2 {
        let call = TimerCall {
            retry_count,
            ..late.clone()
        };
        is_well_formed(&host.timer("evaluate-budgets", call).await);
    }
    work_off(&host, &state).await;
    assert_eq!(hook.ids().len(), 1, "{:?}", hook.ids());
    assert_eq!(scene.deliveries().await, 1);
}

/// Checks 25 and 28.
#[tokio::test]
async fn http_requests_are_understood_in_every_shape() {
    let scene = Scene::new();
    let host = scene.host().await;
    let shapes = [
        HttpShape::default(),
        HttpShape {
            query_is_text: true,
            ..HttpShape::default()
        },
        HttpShape {
            without_query: true,
            without_identities: true,
            without_metadata: true,
            without_params: true,
            ..HttpShape::default()
        },
        HttpShape {
            headers_are_text: true,
            chunked: true,
            ..HttpShape::default()
        },
    ];
    for shape in shapes {
        for (method, path, status) in [
            ("GET", "/api/status?x=1", 200),
            ("POST", "/api/evaluate", 202),
        ] {
            for name in ["x-functions-key", "X-FUNCTIONS-KEY"] {
                let call = HttpCall::new(method, path)
                    .header(name, FUNCTION_KEY)
                    .header("CONTENT-TYPE", "application/json")
                    .header("accept", "*/*")
                    .body("{}")
                    .shaped(shape);
                let answer = host.http_call(call).await;
                assert_eq!(answer.reply.status, status, "{shape:?}: {answer:?}");
                is_well_formed(&answer.invocation.unwrap());
            }
        }
    }
    for data in [
        json!({ "req": {} }),
        json!({ "req": { "Headers": {}, "Url": "" } }),
        json!({ "req": { "Method": "GET", "Query": null, "Body": null } }),
    ] {
        is_well_formed(&host.invoke("health", data, json!({})).await);
    }
}

/// Checks 26 and 27: no function of today reads its query or body, so they must not disturb.
#[tokio::test]
async fn repeated_query_keys_and_binary_bodies_do_not_disturb() {
    let scene = Scene::new();
    let host = scene.host().await;
    for (media_type, body) in [
        ("application/octet-stream", vec![0, 255, 1]),
        ("multipart/form-data; boundary=x", b"--x--".to_vec()),
        ("text/plain", b"\xff\xfe".to_vec()),
        ("application/json", b"{".to_vec()),
    ] {
        let call = HttpCall::new("POST", "/api/evaluate?a=1&a=2&b=%FF&%26=%3D")
            .header("x-functions-key", FUNCTION_KEY)
            .header("Content-Type", media_type)
            .body(body);
        let answer = host.http_call(call).await;
        assert_eq!(answer.reply.status, 202, "{media_type}: {answer:?}");
    }
}

/// Check 29.
#[tokio::test]
async fn the_ids_of_an_invocation_are_in_its_lines_and_need_not_be_there() {
    let scene = Scene::new();
    let host = scene.host().await;
    let run = host.queue("evaluate-scope", EVALUATE).await;
    let line = host
        .line(&run.id)
        .await
        .expect("a line has the invocation's id");
    let line: Value = serde_json::from_str(&line.text).unwrap();
    assert!(line.to_string().contains(&run.trace_id), "{line}");

    let envelope = json!({ "Data": { "message": json!(EVALUATE).to_string() }, "Metadata": {} });
    for parent in [
        None,
        Some(""),
        Some("00-short"),
        Some("-----"),
        Some("\u{e9}"),
    ] {
        let mut request = client()
            .post(host.handler_url("/evaluate-scope").await)
            .body(envelope.to_string());
        if let Some(parent) = parent {
            request = request
                .header("traceparent", parent.as_bytes())
                .header("X-Azure-Functions-InvocationId", parent.as_bytes());
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{parent:?}");
    }
}

/// Check 30.
#[tokio::test]
async fn keys_and_secrets_are_in_no_line_and_no_answer() {
    let mut leaks = Vec::new();
    for level in ["info", "trace"] {
        let hook = Hook::start().await;
        let scene = Scene::telling(&format!("{}?token=hook-secret-token", hook.url));
        let settings = scene.settings().with("SPENDWATCH_LOG", level);
        let host = FakeHost::start(AppFolder::staged(), settings).await;
        let mut bodies = Vec::new();
        for path in ["/api/status", "/api/evaluate", "/api/health"] {
            for method in ["GET", "POST"] {
                let function = path.trim_start_matches("/api/");
                let url = format!("{path}?code={FUNCTION_KEY}&a=1");
                let call = HttpCall::new(method, &url).header("x-functions-key", FUNCTION_KEY);
                let data = call.data(&host.app().functions[function], &BTreeMap::new());
                bodies.push(host.invoke(function, data, json!({})).await.body);
            }
        }
        // Nor may mistakes be told in words that repeat what was sent.
        let headers = json!({ "x-functions-key": [FUNCTION_KEY] }).to_string();
        let url = format!("https://spendwatch.example.net/api/status?code={FUNCTION_KEY}");
        let broken = json!({ "req": { "Url": url, "Headers": headers } });
        bodies.push(host.invoke("status", broken, json!({})).await.body);
        let text = format!("{{\"Data\": {{\"message\": \"{FUNCTION_KEY}\"");
        bodies.push(host.post("evaluate-scope", text.into_bytes()).await.body);
        bodies.push(host.queue("evaluate-scope", FUNCTION_KEY).await.body);
        bodies.push(host.queue("evaluate-scope", EVALUATE).await.body);
        bodies.push(host.queue("deliver-notices", DELIVER).await.body);
        assert_eq!(hook.ids().len(), 1);
        host.kill().await;
        let secrets = [
            &FUNCTION_KEY[..20],
            "hook-secret",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ];
        let lines = host.lines();
        let texts = bodies.iter().chain(lines.iter().map(|line| &line.text));
        for text in texts {
            for secret in secrets {
                if text.contains(secret) {
                    leaks.push(format!("{level}: {secret} in {text}"));
                }
            }
        }
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

/// Check 30: the store's address has a signature in it when it is no identity that signs in.
#[tokio::test]
async fn the_signature_of_the_store_is_in_no_line() {
    if !node::available("signatures in lines, on the storage emulator") {
        return;
    }
    let azurite = Azurite::start();
    let forged = "Zm9yZ2VkLXNpZ25hdHVyZQ%3D%3D";
    let forge = |mut url: url::Url| {
        let (kept, _) = url.query().unwrap().split_once("sig=").unwrap();
        let query = format!("{kept}sig={forged}");
        url.set_query(Some(&query));
        url
    };
    for (level, accepted) in [("info", true), ("trace", true), ("debug", false)] {
        let scene = Scene::new();
        let mut urls = [
            azurite.blob_container_url("spendwatch"),
            azurite.queue_service_url(),
        ];
        if !accepted {
            urls = urls.map(forge);
        }
        // As it is, and percent-encoded as in the URL.
        let signature = urls[0].query_pairs().find(|(name, _)| name == "sig");
        let signature = signature.unwrap().1.into_owned();
        let encoded = urls[0].as_str().split_once("sig=").unwrap().1.to_owned();
        let [state, queues] = urls;
        let settings = scene
            .settings()
            .with("SPENDWATCH_LOG", level)
            .with("SPENDWATCH_STATE", state)
            .with("SPENDWATCH_QUEUES", queues);
        let host = FakeHost::start(AppFolder::staged(), settings).await;
        let runs = [
            host.timer("evaluate-budgets", TimerCall::default()).await,
            host.queue("evaluate-scope", EVALUATE).await,
            host.timer("sweep", TimerCall::default()).await,
        ];
        host.kill().await;
        let lines = host.lines();
        let bodies = runs.iter().map(|run| &run.body);
        for text in bodies.chain(lines.iter().map(|line| &line.text)) {
            for secret in [&signature, &encoded] {
                assert!(!text.contains(secret), "{level}: {text}");
            }
        }
        if accepted {
            runs.iter().for_each(is_well_formed);
        } else {
            runs.iter().for_each(is_failure);
        }
    }
}

/// Check 31.
#[tokio::test]
async fn many_invocations_run_at_once_and_a_slow_one_holds_nobody() {
    let hook = Hook::start().await;
    let scene = Scene::telling(&hook.url);
    let host = scene.host().await;
    is_well_formed(&host.queue("evaluate-scope", EVALUATE).await);
    hook.slow(Duration::from_millis(900));
    let slow = tokio::spawn({
        let host = host.clone();
        async move { host.queue("deliver-notices", DELIVER).await }
    });
    hook.is_told().await;
    client()
        .get(host.handler_url("/").await)
        .send()
        .await
        .unwrap();
    is_alive(&host).await;
    assert!(!slow.is_finished(), "the probe waited for slow work");
    let mut runs = tokio::task::JoinSet::new();
    for index in 0..40 {
        let host = host.clone();
        runs.spawn(async move {
            match index % 5 {
                0 => host.timer("evaluate-budgets", TimerCall::default()).await,
                1 => host.timer("sweep", TimerCall::default()).await,
                2 => host.queue("evaluate-scope", EVALUATE).await,
                3 => host.queue("deliver-notices", DELIVER).await,
                _ => host
                    .http("GET", "/api/health", &[], b"")
                    .await
                    .invocation
                    .unwrap(),
            }
        });
    }
    for run in runs.join_all().await {
        is_well_formed(&run);
    }
    is_well_formed(&slow.await.unwrap());
    assert_eq!(scene.deliveries().await, 1);
}

/// Check 31: nor does one that computes.
#[tokio::test]
async fn a_large_evaluation_does_not_hold_the_probe() {
    let scene = Scene::new();
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let mut costs = fs::read_to_string(scene.path("costs.csv")).unwrap();
    for index in 0..300_000 {
        let day = today.saturating_sub((index % 120).days());
        let row = format!(
            "{day},00000000-0000-0000-0000-000000000001,group-{},0.001,EUR\n",
            index % 500
        );
        costs.push_str(&row);
    }
    fs::write(scene.path("costs.csv"), costs).unwrap();
    let host = scene.host().await;
    let work = tokio::spawn({
        let host = host.clone();
        async move { host.queue("evaluate-scope", EVALUATE).await }
    });
    let (client, url) = (client(), host.handler_url("/").await);
    let mut slowest = Duration::ZERO;
    while !work.is_finished() {
        let begun = Instant::now();
        client.get(&url).send().await.unwrap();
        slowest = slowest.max(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    is_well_formed(&work.await.unwrap());
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
}

/// Check 32.
#[tokio::test]
async fn work_without_end_is_answered_before_the_host_loses_patience() {
    // It takes connections and never answers.
    let silent = StdListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let scene = Scene::new();
    let settings = scene
        .settings()
        .with(
            "SPENDWATCH_STATE",
            format!("http://{address}/spendwatch?sig=none"),
        )
        .with("SPENDWATCH_QUEUES", format!("http://{address}/?sig=none"))
        // The host's own setting, which the handler stays below.
        .with("AzureFunctionsJobHost__functionTimeout", "00:00:05")
        .with_function_timeout(Duration::from_secs(5));
    let host = FakeHost::start(AppFolder::staged(), settings).await;
    let run = host.timer("sweep", TimerCall::default()).await;
    is_failure(&run);
    assert_eq!(run.status, Some(504));
    assert_eq!(host.exits().await, []);
}

/// Check 33.
#[tokio::test]
async fn dropped_connections_leave_the_state_whole() {
    let hook = Hook::start().await;
    let scene = Scene::telling(&hook.url);
    let host = scene.host().await;
    let port = host.port().await;
    let envelope =
        json!({ "Data": { "message": json!(EVALUATE).to_string() }, "Metadata": {} }).to_string();
    for round in 0..20 {
        let mut connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let cut = if round % 4 == 3 {
            envelope.len() / 2
        } else {
            envelope.len()
        };
        let head = format!(
            "POST /evaluate-scope HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            envelope.len()
        );
        connection.write_all(head.as_bytes()).unwrap();
        connection.write_all(&envelope.as_bytes()[..cut]).unwrap();
        tokio::time::sleep(Duration::from_millis(round)).await;
    }
    is_well_formed(&host.queue("evaluate-scope", EVALUATE).await);
    // A hint may be lost with a connection; finding what it was about is the sweep's work.
    is_well_formed(&host.timer("sweep", TimerCall::default()).await);
    work_off(&host, &scene.state()).await;
    assert_eq!(hook.ids().len(), 1);
    assert_eq!(scene.deliveries().await, 1);
    is_alive(&host).await;
}
