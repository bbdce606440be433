//! Webhooks as their receivers see them: signatures checked by two independent libraries.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use alert_channels::http::{Access, Http};
use alert_channels::webhook::Webhook;
use alert_channels::{Attempt, Channel, Class, SendResult, samples};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use tests::node;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// An ed25519 key, and what receivers check it with.
const PRIVATE: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=";
const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
/// Another one's: of the seed of 32 zeros.
const FOREIGN_PUBLIC: &str = "whpk_O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=";
const FOREIGN: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

type Received = (HeaderMap, Bytes);

async fn receive(
    State(sender): State<UnboundedSender<Received>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let gone = headers["webhook-id"].to_str().unwrap().starts_with("gone");
    sender.send((headers, body)).unwrap();
    if gone {
        StatusCode::GONE
    } else {
        StatusCode::NO_CONTENT
    }
}

/// A receiver on loopback: its URL, and what it receives.
async fn receiver() -> (String, UnboundedReceiver<Received>) {
    let (sender, receiver) = unbounded_channel();
    let app = Router::new()
        .route("/hooks/spendwatch", post(receive))
        .with_state(sender);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks/spendwatch", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, receiver)
}

fn webhook(url: &str, secrets: &[&str]) -> Webhook {
    let secrets: Vec<_> = secrets.iter().map(|secret| (*secret).into()).collect();
    Webhook::new(
        &Http::new().unwrap(),
        &url.into(),
        Access::loopback(),
        &secrets,
    )
    .unwrap()
}

/// Every sample as it arrived, signed with the old and the new secret and an ed25519 key.
async fn received() -> Vec<Received> {
    let (url, mut receiver) = receiver().await;
    let webhook = webhook(&url, &[OLD, PRIVATE, NEW]);
    assert_eq!(webhook.public_keys(), [PUBLIC]);
    let mut all = Vec::new();
    for (name, notice) in samples::all() {
        let result = webhook
            .send(&notice, Attempt::first(Timestamp::now()))
            .await;
        let delivered = SendResult::Delivered { provider_id: None };
        assert_eq!(result, delivered, "{name}");
        let (headers, body) = receiver.recv().await.unwrap();
        assert_eq!(headers["webhook-id"], notice.safe_id().as_str());
        assert_eq!(body, webhook.render(&notice).unwrap().bytes, "{name}");
        all.push((headers, body));
    }
    all
}

#[tokio::test]
async fn the_reference_crate_accepts_every_webhook() {
    for (headers, body) in received().await {
        for secret in [OLD, NEW] {
            let verifier = standardwebhooks::Webhook::new(secret).unwrap();
            verifier.verify(&body, &headers).unwrap();
            let mut changed = body.to_vec();
            changed[10] ^= 1;
            assert!(verifier.verify(&changed, &headers).is_err());
        }
        let foreign = standardwebhooks::Webhook::new(FOREIGN).unwrap();
        assert!(foreign.verify(&body, &headers).is_err());
    }
}

#[tokio::test]
async fn node_accepts_every_webhook_by_both_kinds_of_keys() {
    if !node::available("webhooks and npm standardwebhooks") {
        return;
    }
    let mut process = node::command(&node::directory().join("node/webhook.cjs"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    let output = BufReader::new(process.stdout.take().unwrap());
    let (sender, answers) = mpsc::channel();
    thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let mut ask = |secret: &str, headers: &HeaderMap, body: &str| -> Value {
        let headers: serde_json::Map<String, Value> = headers
            .iter()
            .map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap())))
            .collect();
        let question = json!({"secret": secret, "headers": headers, "body": body});
        writeln!(input, "{question}").unwrap();
        let answer = answers.recv_timeout(Duration::from_secs(20)).unwrap();
        serde_json::from_str(&answer).unwrap()
    };
    for (headers, body) in received().await {
        let text = std::str::from_utf8(&body).unwrap();
        for secret in [OLD, NEW, PUBLIC] {
            let answer = ask(secret, &headers, text);
            let sent: Value = serde_json::from_str(text).unwrap();
            assert_eq!(answer["payload"], sent, "{answer}");
        }
        assert!(ask(FOREIGN, &headers, text)["error"].is_string());
        assert!(ask(FOREIGN_PUBLIC, &headers, text)["error"].is_string());
        for secret in [OLD, PUBLIC] {
            let changed = text.replace("spend", "Spend");
            assert!(ask(secret, &headers, &changed)["error"].is_string());
        }
    }
    let _ = process.kill();
    let _ = process.wait();
}

#[tokio::test]
async fn the_id_stays_and_the_time_moves_between_attempts() {
    let (url, mut receiver) = receiver().await;
    let webhook = webhook(&url, &[NEW]);
    let notice = samples::crossing();
    let mut attempts = Vec::new();
    for number in [1, 2] {
        let at = Timestamp::now() + jiff::SignedDuration::from_secs(i64::from(number) * 60);
        let result = webhook
            .send(
                &notice,
                Attempt {
                    number,
                    ..Attempt::first(at)
                },
            )
            .await;
        assert!(result.is_success(), "{result:?}");
        attempts.push(receiver.recv().await.unwrap());
    }
    let header = |index: usize, name: &str| attempts[index].0[name].to_str().unwrap().to_owned();
    assert_eq!(header(0, "webhook-id"), header(1, "webhook-id"));
    assert_ne!(
        header(0, "webhook-timestamp"),
        header(1, "webhook-timestamp")
    );
    assert_ne!(
        header(0, "webhook-signature"),
        header(1, "webhook-signature")
    );
    assert_eq!(attempts[0].1, attempts[1].1, "the body is the same");
}

#[tokio::test]
async fn a_receiver_that_is_gone_stops_the_destination() {
    let (url, _receiver) = receiver().await;
    let mut notice = samples::probe();
    notice.id = "gone-1".into();
    let attempt = Attempt::first(Timestamp::now());
    let result = webhook(&url, &[NEW]).send(&notice, attempt).await;
    assert_eq!(result.as_str(), "rejected-destination");
    assert_eq!(result.failure().unwrap().class, Class::Gone);
}

#[tokio::test]
async fn loopback_is_closed_to_those_who_are_not_allowed() {
    let (url, mut receiver) = receiver().await;
    for access in [
        Access::public(),
        Access::private(["10.0.0.0/8".parse().unwrap()]),
        Access::private(["127.0.0.0/8".parse().unwrap()]),
    ] {
        let made = Webhook::new(
            &Http::new().unwrap(),
            &url.as_str().into(),
            access,
            &[NEW.into()],
        );
        assert!(made.is_err());
    }
    assert!(receiver.try_recv().is_err());
}

/// A check of a deployment asks for the place and tells nothing: neither the address, which may be a key,
/// nor a notice.
#[tokio::test]
async fn a_place_is_reached_without_telling_it_anything() {
    type Asked = UnboundedSender<(String, String, HeaderMap)>;
    async fn asked(State(sender): State<Asked>, request: axum::extract::Request) -> StatusCode {
        let (parts, _) = request.into_parts();
        let line = (
            parts.method.to_string(),
            parts.uri.to_string(),
            parts.headers,
        );
        sender.send(line).unwrap();
        StatusCode::NOT_FOUND
    }
    let (sender, mut receiver) = unbounded_channel();
    let app = Router::new().fallback(asked).with_state(sender);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    let url = format!("http://{address}/hooks/k3y?code=s3cret");
    let hook = webhook(&url, &[OLD]);
    // Any answer is one.
    assert_eq!(hook.reach(Timestamp::now()).await, Some(Ok(())));
    let (method, uri, headers) = receiver.recv().await.unwrap();
    assert_eq!((method.as_str(), uri.as_str()), ("HEAD", "/"));
    assert!(!format!("{headers:?}").contains("k3y") && !headers.contains_key("webhook-signature"));
    assert!(receiver.try_recv().is_err());

    serving.abort();
    let _ = serving.await;
    let gone = webhook(&url, &[OLD]).reach(Timestamp::now()).await;
    let failure = gone.unwrap().unwrap_err();
    assert_eq!(failure.class, Class::Connect);
    assert!(!failure.detail.contains("s3cret"), "{failure:?}");
}
