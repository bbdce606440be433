//! What happens below the answers: redirects, broken connections, addresses that are refused.

use wiremock::ResponseTemplate;

use crate::http::{Access, Http};
use crate::mattermost::Mattermost;
use crate::outcome::Class;
use crate::testing::{answering, channel, http_kinds, local_http, send};
use crate::{Attempt, Kind, samples};

#[tokio::test]
async fn redirects_are_not_followed_and_long_answers_not_read() {
    let target = answering(ResponseTemplate::new(200)).await;
    let answer = ResponseTemplate::new(307).insert_header("location", target.uri());
    let server = answering(answer).await;
    for kind in http_kinds() {
        let result = send(kind, &server).await;
        assert_eq!(result.failure().unwrap().class, Class::Redirect, "{kind}");
    }
    assert!(target.received_requests().await.unwrap().is_empty());

    let long = "x".repeat(1024 * 1024);
    let server = answering(ResponseTemplate::new(200).set_body_string(&long)).await;
    let result = send(Kind::Slack, &server).await;
    assert_eq!(result.as_str(), "unknown", "it may have ended in anything");
}

#[tokio::test]
async fn webhooks_carry_their_id_and_signature() {
    let server = answering(ResponseTemplate::new(204)).await;
    let result = send(Kind::Webhook, &server).await;
    assert!(result.is_success());
    let request = server.received_requests().await.unwrap().remove(0);
    let header = |name: &str| request.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("webhook-id"), samples::crossing().id);
    assert_eq!(
        header("webhook-timestamp"),
        samples::at().as_second().to_string()
    );
    assert!(header("webhook-signature").starts_with("v1,"));
    assert_eq!(header("content-type"), "application/json");
    assert!(header("user-agent").starts_with("spendwatch/"));
}

/// A server that takes the request and then does what `end` says.
async fn raw_server(answer: &'static [u8], hang: bool) -> (String, tokio::task::JoinHandle<()>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = vec![0; 65536];
        let _ = stream.read(&mut buffer).await;
        let _ = stream.write_all(answer).await;
        if hang {
            std::future::pending::<()>().await;
        }
    });
    (url, task)
}

#[tokio::test]
async fn no_answer_is_an_unknown_outcome() {
    let seconds = std::time::Duration::from_secs;
    for (answer, hang, class) in [
        (&b""[..], false, Class::Interrupted),
        (b"", true, Class::Timeout),
        (b"HTTP/1.1 2", false, Class::Interrupted),
        (b"HTTP/1.1 2", true, Class::Timeout),
        (b"HTTP/1.1 103 x\r\n\r\n", false, Class::Interrupted),
        (b"HTTP/1.1 199 x\r\n\r\n", true, Class::Timeout),
        (b"garbage\r\n\r\n", false, Class::Interrupted),
    ] {
        let sends = http_kinds().map(|kind| async move {
            let (url, task) = raw_server(answer, hang).await;
            // Only what hangs may run into the deadline, however busy the machine is.
            let http = local_http().with_deadline(seconds(if hang { 2 } else { 60 }));
            let channel = channel(kind, &http, &url, Access::loopback());
            let attempt = Attempt::first(samples::at());
            let result = channel.send(&samples::crossing(), attempt).await;
            task.abort();
            (kind, result)
        });
        let sends: Vec<_> = sends.map(tokio::spawn).collect();
        for send in sends {
            let (kind, result) = send.await.unwrap();
            let context = format!("{kind} {answer:?} {hang}: {result:?}");
            assert_eq!(result.as_str(), "unknown", "{context}");
            assert_eq!(result.failure().unwrap().class, class, "{context}");
            assert!(!context.contains("c4n4ry"), "{context}");
        }
    }
}

#[test]
fn local_addresses_are_refused_before_any_packet() {
    let http = Http::new().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let access = || Access {
        any_port: true,
        plain_http: true,
        networks: vec!["10.0.0.0/8".parse().unwrap()],
    };
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "①②⑦.⓪.⓪.①",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0",
        "[::1]",
        "localhost",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/").as_str().into();
            let refused = http.endpoint(&url, access());
            assert!(refused.is_err(), "{scheme}://{host}");
        }
    }
    assert!(listener.accept().is_err(), "nobody connected");
}

#[tokio::test]
async fn a_chat_server_of_ones_own_is_reached_where_its_network_is_listed() {
    let http = Http::new().unwrap();
    let made = |access| Mattermost::new(&http, &"http://10.1.2.3:8065/hooks/x".into(), access);
    assert!(made(Access::public()).is_err());
    assert!(made(Access::private(["10.2.0.0/16".parse().unwrap()])).is_err());
    assert!(made(Access::private(["10.1.0.0/16".parse().unwrap()])).is_ok());
    // And the one that is really there, which stands for it.
    let server = answering(ResponseTemplate::new(200).set_body_string("ok")).await;
    let result = send(Kind::Mattermost, &server).await;
    assert_eq!(result.as_str(), "delivered");
}
