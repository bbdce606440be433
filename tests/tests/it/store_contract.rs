//! The store in Azure Storage, against the real protocols of the emulator.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use state_store::{Azure, Documents, Error, Queues, Version, azure::Options, contract};
use tests::{azurite::Azurite, node};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use url::Url;

fn store(container: Url, queues: Url) -> Azure {
    // Small pages, so that a listing has several.
    let options = Options {
        page_size: Some(7),
        ..Options::default()
    };
    Azure::new(container, queues, None, options).unwrap()
}

#[tokio::test]
async fn azure_keeps_the_contract() {
    if !node::available("the store contract on the storage emulator") {
        return;
    }
    let azurite = Azurite::start();
    // Neither the container nor a queue exists yet.
    let store = store(
        azurite.blob_container_url("contract"),
        azurite.queue_service_url(),
    );
    contract::documents(&store).await;
    contract::queues(&store, tokio::time::sleep).await;
}

#[tokio::test]
async fn missing_rights_are_told_from_failures() {
    if !node::available("the store's rights on the storage emulator") {
        return;
    }
    let azurite = Azurite::start();
    let queues = azurite.queue_service_url();
    let writer = store(azurite.blob_container_url("rights"), queues.clone());
    let version = writer.create("a", b"x".to_vec()).await.unwrap();

    let reader = store(azurite.read_only_container_url("rights"), queues.clone());
    assert_eq!(reader.get("a").await.unwrap().unwrap().bytes, b"x");
    assert_eq!(reader.list("").await.unwrap(), ["a"]);
    let unauthorized = [
        reader.create("b", vec![]).await.unwrap_err(),
        reader.replace("a", vec![], &version).await.unwrap_err(),
        Documents::delete(&reader, "a", &version).await.unwrap_err(),
    ];

    let mut forged = azurite.blob_container_url("rights");
    let query = forged.query().unwrap().replace("sig=", "sig=AAAA");
    forged.set_query(Some(&query));
    let stranger = store(forged, queues);
    let stranger_errors = [
        stranger.get("a").await.unwrap_err(),
        stranger.list("").await.unwrap_err(),
        stranger.create("b", vec![]).await.unwrap_err(),
    ];
    for error in unauthorized.into_iter().chain(stranger_errors) {
        assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
        let source = std::error::Error::source(&error).unwrap();
        assert!(
            !format!("{error:?} {source} {stranger:?}").contains("sig="),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn text_that_is_not_base64_is_handed_out_as_it_is() {
    if !node::available("foreign queue messages on the storage emulator") {
        return;
    }
    let azurite = Azurite::start();
    let store = store(
        azurite.blob_container_url("foreign"),
        azurite.queue_service_url(),
    );
    store
        .send("wake-ups", "ours", Duration::ZERO)
        .await
        .unwrap();
    let mut url = azurite.queue_service_url();
    url.path_segments_mut()
        .unwrap()
        .extend(["wake-ups", "messages"]);
    let body = "<QueueMessage><MessageText>by hand: &lt;b&gt;</MessageText></QueueMessage>";
    let answer = reqwest::Client::new()
        .post(url)
        .header("x-ms-version", "2022-11-02")
        .body(body)
        .send();
    assert!(answer.await.unwrap().status().is_success());
    let messages = store
        .receive("wake-ups", 10, Duration::from_secs(60))
        .await
        .unwrap();
    let texts: Vec<_> = messages
        .iter()
        .map(|message| message.text.as_str())
        .collect();
    assert_eq!(texts, ["ours", "by hand: <b>"]);
    for message in &messages {
        Queues::delete(&store, "wake-ups", message).await.unwrap();
    }
}

/// A proxy that passes requests on; while armed it passes one on, and then cuts the connection
/// instead of handing back the answer.
struct LossyProxy {
    port: u16,
    armed: Arc<AtomicBool>,
    lost: Arc<AtomicU32>,
}

impl LossyProxy {
    async fn before(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            armed: Arc::default(),
            lost: Arc::default(),
        };
        let (armed, lost) = (Arc::clone(&proxy.armed), Arc::clone(&proxy.lost));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                tokio::spawn(pass_on(
                    client,
                    server,
                    Arc::clone(&armed),
                    Arc::clone(&lost),
                ));
            }
        });
        proxy
    }

    /// `url` through this proxy.
    fn url(&self, mut url: Url) -> Url {
        url.set_port(Some(self.port)).unwrap();
        url
    }

    fn lose_next_answer(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    fn lost(&self) -> u32 {
        self.lost.load(Ordering::SeqCst)
    }
}

async fn pass_on(
    client: TcpStream,
    server: TcpStream,
    armed: Arc<AtomicBool>,
    lost: Arc<AtomicU32>,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests =
        tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
        // The server has answered, so whatever was asked is done.
        if armed.swap(false, Ordering::SeqCst) {
            lost.fetch_add(1, Ordering::SeqCst);
            break;
        }
        if to_client.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    requests.abort();
}

/// What the trait says about lost answers, seen happening.
#[tokio::test]
async fn lost_answer_makes_a_write_meet_itself() {
    if !node::available("lost answers of the storage emulator") {
        return;
    }
    let azurite = Azurite::start();
    let proxy = LossyProxy::before(azurite.blob_port()).await;
    let container = azurite.blob_container_url("lossy");
    let queues = azurite.queue_service_url();
    let direct = store(container.clone(), queues.clone());
    let lossy = store(proxy.url(container), queues);
    // Makes the container and warms the connection up.
    lossy.create("warm/up", vec![]).await.unwrap();

    proxy.lose_next_answer();
    let created = lossy.create("a", b"mine".to_vec()).await;
    assert!(matches!(created, Err(Error::Exists { .. })), "{created:?}");
    let found = direct.get("a").await.unwrap().unwrap();
    assert_eq!(
        found.bytes, b"mine",
        "the first try was the one that succeeded"
    );

    proxy.lose_next_answer();
    let replaced = lossy
        .replace("a", b"mine again".to_vec(), &found.version)
        .await;
    assert!(matches!(replaced, Err(Error::Moved { .. })), "{replaced:?}");
    let found = lossy.get("a").await.unwrap().unwrap();
    assert_eq!(found.bytes, b"mine again");

    // A read is simply repeated.
    proxy.lose_next_answer();
    assert_eq!(lossy.get("a").await.unwrap().unwrap(), found);

    proxy.lose_next_answer();
    let deleted = Documents::delete(&lossy, "a", &found.version).await;
    assert!(matches!(deleted, Err(Error::Moved { .. })), "{deleted:?}");
    assert_eq!(direct.get("a").await.unwrap(), None);
    assert_eq!(proxy.lost(), 4);

    // The service being away is another matter, for reads and writes alike.
    drop(azurite);
    let error = direct
        .replace("warm/up", vec![], &Version::from("\"0x1\""))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}
