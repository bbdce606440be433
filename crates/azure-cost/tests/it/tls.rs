//! Azure's own host as a client sees it: https in front of a sandbox.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use azure_cost::{Client, Cloud, Endpoint};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::sandbox::SandboxTokens;
use crate::support::client_over;

const HOST: &str = "management.azure.com";
const PAIR: &[u8] = include_bytes!("../fixtures/certificate-ec.test-only.pem");
/// The first byte of every TLS connection.
const HANDSHAKE: u8 = 0x16;

/// A place that stands for Azure's own host: what comes by TLS goes on to a sandbox, what comes in
/// clear is counted and hung up on.
pub(crate) struct Front {
    address: SocketAddr,
    in_clear: Arc<AtomicU32>,
}

impl Front {
    /// In front of the sandbox at this address.
    pub(crate) async fn of(sandbox: &str) -> Front {
        let behind = sandbox.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = Front {
            address: listener.local_addr().unwrap(),
            in_clear: Arc::default(),
        };
        let (tls, in_clear) = (acceptor(), front.in_clear.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, behind) = (tls.clone(), behind.clone());
                let in_clear = in_clear.clone();
                tokio::spawn(async move {
                    let mut first = [0];
                    if stream.peek(&mut first).await.is_ok() && first != [HANDSHAKE] {
                        in_clear.fetch_add(1, Ordering::Relaxed);
                        return;
                    }
                    let mut near = tls.accept(stream).await.unwrap();
                    let mut far = TcpStream::connect(behind).await.unwrap();
                    // Either side may hang up as it likes.
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        front
    }

    /// A client of Azure's public cloud that finds its host, by whatever scheme, here.
    pub(crate) fn client(&self) -> Client {
        let http = self.http().build().unwrap();
        client_over(http, Endpoint::of(Cloud::Public), Arc::new(SandboxTokens))
    }

    /// How connections are made by that client.
    pub(crate) fn http(&self) -> reqwest::ClientBuilder {
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder()
            .no_proxy()
            .resolve(HOST, self.address)
            // Nobody signed the certificate, and it names no host.
            .tls_danger_accept_invalid_certs(true)
    }

    /// How many connections came in clear.
    pub(crate) fn in_clear(&self) -> u32 {
        self.in_clear.load(Ordering::Relaxed)
    }
}

fn acceptor() -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_slice(PAIR).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(PAIR).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth();
    TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()))
}
