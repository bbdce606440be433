//! Mail through a real server: every fate of a transaction, and what arrives.

use std::time::Duration;

use alert_channels::email::{Config, Email, Login, Timeouts};
use alert_channels::{Attempt, Channel, Class, Language, Notice, SendResult, samples};
use serde_json::Value;
use tests::node;
use tests::smtp::{PASSWORD, Smtp, Tls, USERNAME};

fn config(server: &Smtp) -> Config {
    let mut config = Config::new(
        server.url().parse().unwrap(),
        "Cost alerts <cost@contoso.example>",
    );
    config.ca_file = Some(server.ca_file());
    config.login = Some(Login {
        username: USERNAME.into(),
        password: PASSWORD.into(),
    });
    config
}

async fn send(config: Config, notice: &Notice) -> SendResult {
    let email = Email::new(config).unwrap();
    let result = email.send(notice, Attempt::first(samples::at())).await;
    let said = format!("{email:?} {result:?}");
    assert!(
        !said.contains(PASSWORD) && !said.contains("owner@"),
        "{said}"
    );
    result
}

#[track_caller]
fn check(result: &SendResult, expected: &str, class: Option<Class>) {
    assert_eq!(result.as_str(), expected, "{result:?}");
    assert_eq!(
        result.failure().map(|failure| failure.class),
        class,
        "{result:?}"
    );
}

fn headers<'a>(mail: &'a Value, name: &str) -> Vec<&'a str> {
    let prefix = format!("{}:", name.to_lowercase());
    mail["headers"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .filter(|line| line.to_lowercase().starts_with(&prefix))
        .map(|line| line[prefix.len()..].trim())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_arrives_readable_over_both_kinds_of_tls() {
    if !node::available("mail through a server") {
        return;
    }
    for tls in [Tls::StartTls, Tls::Implicit] {
        let server = Smtp::start("accept", tls);
        let notice = samples::crossing();
        check(&send(config(&server), &notice).await, "accepted", None);
        let mail = server.next_mail();
        assert_eq!(mail["secure"], true);
        assert_eq!(mail["user"], USERNAME);
        assert_eq!(mail["from"], "cost@contoso.example");
        assert_eq!(mail["to"], serde_json::json!(["owner@contoso.example"]));
        assert_eq!(mail["sender"][0]["name"], "Cost alerts");
        assert_eq!(
            mail["subject"],
            "[Cost] Payments, production 82.1 % of EUR 10,000 (2026-05, data to 2026-05-14)"
        );
        let words = alert_channels::text::wording(&notice);
        let text = alert_channels::text::plain(&words);
        assert_eq!(mail["text"].as_str().unwrap().trim(), text.trim());
        // The picture stands in its place of the page, and nothing is attached beside it.
        assert_eq!(mail["attachments"], 1);
        let html = mail["html"].as_str().unwrap();
        let shown = html.contains("src=\"data:image/png;base64,iVBORw0KGgo");
        assert!(shown && !html.contains("cid:"));
        let alt = words.chart.as_ref().unwrap().alt.clone();
        assert!(html.contains(&format!("alt=\"{alt}\"")), "{alt}");
        for part in ["EUR 8,214.20", "Virtual Machines", "EUR 17,900", "7f3c9a51"] {
            assert!(html.contains(part), "{part}");
        }
        assert!(html.contains(
            "href=\"https:&#x2f;&#x2f;portal.contoso.example&#x2f;analysis?scope=payments-prod&amp;period=2026-05\""
        ));
        assert_eq!(
            mail["messageId"],
            "<delivery.7f3c9a51e2b84d06@contoso.example>"
        );
        assert_eq!(mail["references"][0], mail["inReplyTo"]);
        assert_eq!(mail["date"], "2026-05-15T06:30:00.000Z");
        assert_eq!(headers(&mail, "Auto-Submitted"), ["auto-generated"]);
        assert_eq!(headers(&mail, "X-Auto-Response-Suppress"), ["All"]);
        assert_eq!(
            headers(&mail, "X-Spendwatch-Delivery-Id"),
            ["7f3c9a51e2b84d06"]
        );
        assert_eq!(
            headers(&mail, "List-Id"),
            ["Cost alerts <cost-alerts.contoso.example>"]
        );
        assert_eq!(mail["bareLineFeeds"], false);
        assert!(mail["longestLine"].as_u64().unwrap() <= 998);
        assert!(mail["bytes"].as_u64().unwrap() < 200_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_add_no_header_and_no_recipient() {
    if !node::available("hostile names in mail") {
        return;
    }
    let server = Smtp::start("accept", Tls::StartTls);
    for (name, notice) in samples::all() {
        check(&send(config(&server), &notice).await, "accepted", None);
        let mail = server.next_mail();
        assert_eq!(mail["to"], serde_json::json!(["owner@contoso.example"]));
        assert_eq!(
            mail["recipients"].as_array().unwrap().len(),
            1,
            "{name}: {mail}"
        );
        assert_eq!(headers(&mail, "Bcc"), [""; 0], "{name}");
        assert_eq!(headers(&mail, "Subject").len(), 1);
        let subject = mail["subject"].as_str().unwrap();
        assert!(subject.chars().count() <= 180, "{name}: {subject}");
        assert!(!subject.contains(['\r', '\n', '\0', '\u{202e}']));
        assert!(!mail["html"].as_str().unwrap().contains("<script"));
        let expected = alert_channels::text::wording(&notice);
        assert_eq!(subject, expected.subject, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_read_back_in_every_language() {
    if !node::available("mails in every language") {
        return;
    }
    let server = Smtp::start("accept", Tls::Implicit);
    for language in Language::ALL {
        for (name, notice) in samples::all() {
            let notice = samples::in_language(notice, language);
            check(&send(config(&server), &notice).await, "accepted", None);
            let mail = server.next_mail();
            let words = alert_channels::text::wording(&notice);
            assert_eq!(mail["subject"], words.subject, "{name} {language}");
            let text = alert_channels::text::plain(&words);
            assert_eq!(mail["text"].as_str().unwrap().trim(), text.trim(), "{name}");
            let html = mail["html"].as_str().unwrap();
            let lang = format!("<html lang=\"{}\"", words.language);
            assert!(html.contains(&lang), "{name} {language}");
            let pictures = usize::from(words.chart.is_some());
            assert_eq!(mail["attachments"], pictures, "{name} {language}");
            assert!(mail["bytes"].as_u64().unwrap() < 200_000);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_too_large_goes_without_its_chart() {
    if !node::available("a mail that is too large") {
        return;
    }
    let server = Smtp::start("small", Tls::StartTls);
    check(
        &send(config(&server), &samples::crossing()).await,
        "accepted",
        None,
    );
    let (refused, taken) = (server.next_mail(), server.next_mail());
    assert_eq!(
        (&refused["attachments"], &taken["attachments"]),
        (&1.into(), &0.into())
    );
    // One and the same delivery, with the same words.
    assert_eq!(refused["messageId"], taken["messageId"]);
    assert_eq!(refused["text"], taken["text"]);
    assert!(!taken["html"].as_str().unwrap().contains("<img"));
    // Without a chart there is nothing to leave out.
    let server = Smtp::start("too-large", Tls::StartTls);
    let result = send(config(&server), &samples::probe()).await;
    check(&result, "rejected-message", Some(Class::TooLarge));
    server.next_mail();
    assert!(server.events().iter().all(|event| event["event"] != "mail"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reply_has_its_fate() {
    if !node::available("the replies of a mail server") {
        return;
    }
    use Class::{Auth, Deferred, Interrupted, Policy, Protocol, Recipient, TooLarge};
    for (mode, expected, class) in [
        ("busy", "transient", Deferred),
        ("no-service", "rejected-destination", Policy),
        ("basic-off", "rejected-destination", Auth),
        ("refuse-sender", "rejected-destination", Auth),
        ("refuse-recipient", "rejected-message", Recipient),
        ("refuse-mail", "rejected-message", Policy),
        ("too-large", "rejected-message", TooLarge),
        ("cut-at-data", "transient", Interrupted),
        ("cut-after-dot", "unknown", Interrupted),
        ("odd", "unknown", Protocol),
    ] {
        let server = Smtp::start(mode, Tls::StartTls);
        let result = send(config(&server), &samples::crossing()).await;
        assert_eq!(result.as_str(), expected, "{mode}: {result:?}");
        assert_eq!(
            result.failure().map(|failure| failure.class),
            Some(class),
            "{mode}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn greylisting_asks_to_come_back_and_then_lets_in() {
    if !node::available("greylisting") {
        return;
    }
    let server = Smtp::start("greylist", Tls::Implicit);
    let notice = samples::crossing();
    let SendResult::Transient { not_before, .. } = send(config(&server), &notice).await else {
        panic!("greylisting is for now");
    };
    let wait = not_before.unwrap().duration_since(samples::at());
    assert_eq!(wait.as_secs(), 300);
    check(&send(config(&server), &notice).await, "accepted", None);
    assert_eq!(
        server.next_mail()["messageId"],
        "<delivery.7f3c9a51e2b84d06@contoso.example>"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_recipient_does_not_stop_the_others() {
    if !node::available("one bad recipient") {
        return;
    }
    let server = Smtp::start("accept", Tls::StartTls);
    for (recipient, expected) in [
        ("nobody@contoso.example", "rejected-message"),
        ("owner@contoso.example", "accepted"),
    ] {
        let notice = Notice {
            recipient: Some(recipient.into()),
            ..samples::crossing()
        };
        assert_eq!(send(config(&server), &notice).await.as_str(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_after_the_mail_is_unknown_and_patience_pays() {
    if !node::available("a slow mail server") {
        return;
    }
    let brief = Timeouts {
        end_of_data: Duration::from_millis(300),
        ..Timeouts::default()
    };
    let whole = Timeouts {
        whole: Duration::from_millis(600),
        ..Timeouts::default()
    };
    for timeouts in [brief, whole] {
        let server = Smtp::start("hang-after-dot", Tls::StartTls);
        let config = Config {
            timeouts,
            ..config(&server)
        };
        let result = send(config, &samples::crossing()).await;
        check(&result, "unknown", Some(Class::Timeout));
        // It did arrive.
        server.next_mail();
    }
    let server = Smtp::start("slow", Tls::StartTls);
    let result = send(config(&server), &samples::crossing()).await;
    check(&result, "accepted", None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_in_the_middle_is_never_success() {
    if !node::available("a cut connection") {
        return;
    }
    let server = Smtp::start("cut-in-mail", Tls::StartTls);
    let result = send(config(&server), &samples::crossing()).await;
    // A small mail is in the system's buffers before the cut is seen, dot included.
    assert!(
        matches!(
            result,
            SendResult::Unknown { .. } | SendResult::Transient { .. }
        ),
        "{result:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_without_trust() {
    if !node::available("mail without trust") {
        return;
    }
    // Neither a password nor a mail to a server that does not encrypt.
    let server = Smtp::start("accept", Tls::None);
    let result = send(config(&server), &samples::crossing()).await;
    check(&result, "rejected-destination", Some(Class::Tls));
    assert_eq!(server.events(), Vec::<Value>::new());

    for tls in [Tls::StartTls, Tls::Implicit] {
        // The system does not know the certificate.
        let server = Smtp::start("accept", tls);
        let mut untrusting = config(&server);
        untrusting.ca_file = None;
        let result = send(untrusting, &samples::crossing()).await;
        check(&result, "rejected-destination", Some(Class::Tls));

        // A certificate of somebody else.
        let other = Smtp::start("accept", tls);
        let mut mistaken = config(&server);
        mistaken.ca_file = Some(other.ca_file());
        let result = send(mistaken, &samples::crossing()).await;
        check(&result, "rejected-destination", Some(Class::Tls));
        let logins = server.events();
        assert!(
            logins.iter().all(|event| event["event"] == "error"),
            "{logins:?}"
        );
    }

    // TLS to a port that greets in the clear.
    let server = Smtp::start("accept", Tls::StartTls);
    let mut implicit = config(&server);
    implicit.server = format!("smtps://localhost:{}", server.port())
        .parse()
        .unwrap();
    let result = send(implicit, &samples::crossing()).await;
    check(&result, "rejected-destination", Some(Class::Tls));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_stops_the_destination() {
    if !node::available("a wrong password") {
        return;
    }
    let server = Smtp::start("accept", Tls::StartTls);
    let mut wrong = config(&server);
    wrong.login = Some(Login {
        username: USERNAME.into(),
        password: "guess".into(),
    });
    let result = send(wrong, &samples::crossing()).await;
    check(&result, "rejected-destination", Some(Class::Auth));
    let mut missing = config(&server);
    missing.login = None;
    let result = send(missing, &samples::crossing()).await;
    check(&result, "rejected-destination", Some(Class::Auth));
}

#[tokio::test]
async fn nobody_there_is_transient() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = format!("smtp://127.0.0.1:{port}");
    let mut config = Config::new(server.parse().unwrap(), "cost@contoso.example");
    // Listens, but never greets.
    config.timeouts.connect = Duration::from_millis(150);
    config.timeouts.command = Duration::from_millis(150);
    let result = send(config.clone(), &samples::crossing()).await;
    check(&result, "transient", Some(Class::Timeout));
    drop(listener);
    let result = send(config, &samples::crossing()).await;
    check(&result, "transient", Some(Class::Connect));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_reached_with_its_login_and_gets_no_mail() {
    if !node::available("reaching a mail server") {
        return;
    }
    let server = Smtp::start("accept", Tls::StartTls);
    let reach = async |config| Email::new(config).unwrap().reach(samples::at()).await;
    assert_eq!(reach(config(&server)).await, Some(Ok(())));
    let mut wrong = config(&server);
    wrong.login = Some(Login {
        username: USERNAME.into(),
        password: "not the password".into(),
    });
    let failure = reach(wrong).await.unwrap().unwrap_err();
    assert_eq!(failure.class, Class::Auth);
    assert!(!failure.detail.contains("not the password"), "{failure:?}");
    let told = server.events();
    assert!(!format!("{told:?}").contains("MAIL FROM"), "{told:?}");
}
