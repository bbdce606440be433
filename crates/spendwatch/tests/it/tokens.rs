//! Tokens of Microsoft Entra ID at the hook, signed here with a key of the tests.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};
use spendwatch::{App, Config, Denied, Environment, ManualClock, StateLocation};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{START, midnight};

const TENANT: &str = "6a0f0000-0000-0000-0000-000000000001";
const CLIENT: &str = "6a0f0000-0000-0000-0000-00000000c11e";
/// Microsoft's application that posts for action groups.
const ACTION_GROUPS: &str = "461e8683-5575-4561-ac7f-899cc907d62a";
const PEM: &str = include_str!("../fixtures/token-key.test-only.pem");

fn key() -> RsaKeyPair {
    let lines = PEM.lines().filter(|line| !line.starts_with("-----"));
    let der = STANDARD.decode(lines.collect::<String>()).unwrap();
    RsaKeyPair::from_pkcs8(&der).unwrap()
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn signed(header: &Value, claims: &Value) -> String {
    let text = format!("{}.{}", part(header), part(claims));
    let key = key();
    let mut signature = vec![0; key.public().modulus_len()];
    let random = SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
        .unwrap();
    format!("Bearer {text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A tenant that publishes the key as `one`, and an application that lets its tokens in.
struct Scene {
    tenant: MockServer,
    app: App,
    clock: Arc<ManualClock>,
}

impl Scene {
    async fn new() -> Scene {
        let scene = Scene::silent().await;
        scene.publish().await;
        scene
    }

    async fn silent() -> Scene {
        spendwatch::install_crypto();
        let tenant = MockServer::start().await;
        let text = format!(
            r#"
            version = 1
            currency = "EUR"
            [source]
            kind = "azure"
            auth = "none"
            [channel.chat]
            kind = "slack"
            url = {{ secret = "CHAT_URL" }}
            [native]
            hook = {{ tenant = "{}", audience = "api://{CLIENT}", authority = "{}" }}
            [[budget]]
            id = "first"
            scopes = ["/subscriptions/a"]
            amount = 1000
            notify = ["chat"]
            "#,
            TENANT.to_uppercase(),
            tenant.uri()
        );
        let config = Config::parse(&[("spendwatch.toml".into(), text)]).unwrap();
        let clock = Arc::new(ManualClock::new(midnight(START)));
        let app = App::new(config, &Environment::default(), StateLocation::Memory)
            .unwrap()
            .with_clock(clock.clone());
        Scene { tenant, app, clock }
    }

    async fn publish(&self) {
        let key = key();
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
        let component = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let n = component(&public.n);
        let e = component(&public.e);
        let keys = json!({"keys": [
            {"kty": "EC", "kid": "elliptic", "crv": "P-256", "x": "", "y": ""},
            {"kty": "RSA", "use": "sig", "kid": "one", "n": n, "e": e},
            {"kty": "RSA", "use": "enc", "kid": "for-secrets", "n": n, "e": e},
        ]});
        let keys_at = format!("{}/{TENANT}/discovery/v2.0/keys", self.tenant.uri());
        self.serve(
            "v2.0/.well-known/openid-configuration",
            json!({"jwks_uri": keys_at}),
        )
        .await;
        self.serve("discovery/v2.0/keys", keys).await;
    }

    async fn serve(&self, at: &str, body: Value) {
        Mock::given(path(format!("/{TENANT}/{at}")))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(&self.tenant)
            .await;
    }

    async fn asked(&self) -> usize {
        self.tenant.received_requests().await.unwrap().len()
    }

    fn seconds(&self, from_now: i64) -> i64 {
        self.now().as_second() + from_now
    }

    fn now(&self) -> Timestamp {
        self.app.now()
    }

    fn pass(&self, minutes: i64) {
        self.clock.advance(SignedDuration::from_mins(minutes));
    }

    fn claims(&self, change: impl Fn(&mut Value)) -> Value {
        let mut claims = json!({
            "iss": format!("{}/{TENANT}/v2.0", self.tenant.uri()),
            "aud": CLIENT, "tid": TENANT, "azp": ACTION_GROUPS,
            "roles": ["ActionGroupsSecureWebhook"],
            "nbf": self.seconds(-60), "exp": self.seconds(3600),
        });
        change(&mut claims);
        claims
    }

    async fn check(&self, authorization: &str) -> Result<(), String> {
        match self.app.admit_alert(Some(authorization)).await {
            Ok(()) => Ok(()),
            Err(Denied::Refused(why)) => Err(why),
            Err(Denied::Unknown(error)) => panic!("{error:#}"),
        }
    }

    async fn refused(&self, change: impl Fn(&mut Value), words: &str) {
        let token = signed(&header(), &self.claims(change));
        let why = self.check(&token).await.unwrap_err();
        assert!(why.contains(words), "{why}");
    }
}

fn header() -> Value {
    json!({"alg": "RS256", "typ": "JWT", "kid": "one"})
}

#[tokio::test]
async fn tokens_of_action_groups_are_let_in_in_both_versions() {
    let scene = Scene::new().await;
    let second = signed(&header(), &scene.claims(|_| {}));
    assert_eq!(scene.check(&second).await, Ok(()));
    let first = scene.claims(|claims| {
        claims["iss"] = json!(format!("https://sts.windows.net/{TENANT}/"));
        claims["aud"] = json!(format!("api://{CLIENT}"));
        claims["appid"] = claims["azp"].take();
    });
    assert_eq!(scene.check(&signed(&header(), &first)).await, Ok(()));
    assert_eq!(scene.asked().await, 2, "the keys are kept");
}

#[tokio::test]
async fn claims_that_are_not_for_us_are_refused() {
    let scene = Scene::new().await;
    let other = "6a0f0000-0000-0000-0000-00000000000f";
    scene
        .refused(
            |claims| claims["exp"] = json!(scene.seconds(-301)),
            "expired",
        )
        .await;
    scene
        .refused(
            |claims| claims["nbf"] = json!(scene.seconds(301)),
            "holds from",
        )
        .await;
    scene
        .refused(
            |claims| claims["iss"] = json!("https://evil.example"),
            "comes from",
        )
        .await;
    scene
        .refused(|claims| claims["tid"] = json!(other), "another tenant")
        .await;
    scene
        .refused(|claims| claims["aud"] = json!(other), "is for")
        .await;
    scene
        .refused(|claims| claims["azp"] = json!(other), "of the application")
        .await;
    scene
        .refused(
            |claims| claims["azp"] = json!(null),
            "of the application ``",
        )
        .await;
    scene
        .refused(
            |claims| claims["roles"] = json!(["Reader"]),
            "lacks the role",
        )
        .await;
    scene
        .refused(
            |claims| claims["exp"] = json!("soon"),
            "lacks iss, aud or exp",
        )
        .await;
    // Clocks may be a little apart.
    let near = scene.claims(|claims| {
        claims["exp"] = json!(scene.seconds(-299));
        claims["nbf"] = json!(scene.seconds(299));
    });
    assert_eq!(scene.check(&signed(&header(), &near)).await, Ok(()));
}

#[tokio::test]
async fn what_is_not_signed_by_a_published_key_is_refused() {
    let scene = Scene::new().await;
    let claims = scene.claims(|_| {});
    let good = signed(&header(), &claims);
    let (text, _) = good.rsplit_once('.').unwrap();
    let forged = scene.claims(|claims| claims["azp"] = json!("x"));
    let (_, signature) = good.rsplit_once('.').unwrap();
    let none = json!({"alg": "none", "kid": "one"});
    let secret = json!({"alg": "HS256", "kid": "one"});
    let unknown = json!({"alg": "RS256", "kid": "two"});
    let elliptic = json!({"alg": "RS256", "kid": "elliptic"});
    let nameless = json!({"alg": "RS256"});
    let critical = json!({"alg": "RS256", "kid": "one", "crit": ["b64"]});
    for (token, words) in [
        (format!("{text}."), "not signed by the key"),
        (format!("{text}.AAAA"), "not signed by the key"),
        (format!("{text}.%"), "has no signature"),
        (
            format!("Bearer {}.{}.{signature}", part(&header()), part(&forged)),
            "not signed by the key",
        ),
        (
            format!("Bearer {}.{}.", part(&none), part(&claims)),
            "RS256",
        ),
        (signed(&secret, &claims), "RS256"),
        (signed(&critical, &claims), "RS256"),
        (signed(&unknown, &claims), "does not publish"),
        (signed(&elliptic, &claims), "does not publish"),
        (signed(&nameless, &claims), "names no key"),
        ("Bearer a.b.c".to_owned(), "no header"),
        ("Bearer a".to_owned(), "no JWT"),
        ("Bearer ".to_owned(), "no bearer token"),
        ("Basic YTpi".to_owned(), "no bearer token"),
        (format!("Bearer {}", "a".repeat(20_000)), "longer"),
    ] {
        let why = scene.check(&token).await.unwrap_err();
        assert!(why.contains(words), "{token}: {why}");
        assert!(!why.contains(signature), "{why}");
    }
    let refused = scene.app.admit_alert(None).await.unwrap_err();
    assert!(matches!(refused, Denied::Refused(_)));
}

#[tokio::test]
async fn unknown_keys_are_asked_for_at_most_every_five_minutes() {
    let scene = Scene::new().await;
    let token = |id: &str| {
        let header = json!({"alg": "RS256", "kid": id});
        signed(&header, &scene.claims(|_| {}))
    };
    for id in ["made-up", "made-up-too", "one"] {
        let _ = scene.check(&token(id)).await;
    }
    assert_eq!(scene.asked().await, 2, "the configuration and the keys");
    scene.pass(5);
    assert!(scene.check(&token("made-up")).await.is_err());
    assert_eq!(scene.asked().await, 4);
    // Known keys are read again once a day only.
    scene.pass(60);
    assert_eq!(scene.check(&token("one")).await, Ok(()));
    assert_eq!(scene.asked().await, 4);
    scene.pass(24 * 60);
    assert_eq!(scene.check(&token("one")).await, Ok(()));
    assert_eq!(scene.asked().await, 6);
}

#[tokio::test]
async fn a_tenant_that_does_not_answer_lets_known_keys_in_and_knows_nothing_of_others() {
    let scene = Scene::silent().await;
    let token = signed(&header(), &scene.claims(|_| {}));
    for _ in 0..2 {
        let denied = scene.app.admit_alert(Some(&token)).await.unwrap_err();
        assert!(matches!(denied, Denied::Unknown(_)), "{denied:?}");
    }
    assert_eq!(scene.asked().await, 1);
    scene.publish().await;
    scene.pass(5);
    let token = signed(&header(), &scene.claims(|_| {}));
    assert_eq!(scene.check(&token).await, Ok(()));
    scene.tenant.reset().await;
    scene.pass(25 * 60);
    let token = signed(&header(), &scene.claims(|_| {}));
    assert_eq!(scene.check(&token).await, Ok(()));
}

#[tokio::test]
async fn keys_from_elsewhere_are_nobody_s() {
    let scene = Scene::silent().await;
    scene
        .serve(
            "v2.0/.well-known/openid-configuration",
            json!({"jwks_uri": "http://127.0.0.1:1/keys"}),
        )
        .await;
    let token = signed(&header(), &scene.claims(|_| {}));
    let denied = scene.app.admit_alert(Some(&token)).await.unwrap_err();
    let Denied::Unknown(error) = denied else {
        panic!("{denied:?}")
    };
    assert!(format!("{error:#}").contains("127.0.0.1:1"), "{error:#}");
}
