//! A wire between two programs that can be cut at a chosen moment.
//!
//! Every piece of data that passes, in either direction, is one event. Several wires share one
//! [`Cutter`], which counts the events of all of them; at the chosen event the data stay where they
//! are, everybody who waits is told, and nothing passes any more until the cutter is mended. A cut
//! can also be made at a moment that has nothing to do with events.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

/// Counts the events of its wires, and cuts all of them at one.
#[derive(Debug)]
pub struct Cutter {
    at: usize,
    events: AtomicUsize,
    is_cut: AtomicBool,
    cut: Notify,
    /// Connections from before the last mending are dead.
    generation: watch::Sender<u64>,
}

impl Cutter {
    /// Will cut at this event, counted from 1; never for 0.
    pub fn new(at: usize) -> Arc<Self> {
        Arc::new(Self {
            at,
            events: AtomicUsize::new(0),
            is_cut: AtomicBool::new(false),
            cut: Notify::new(),
            generation: watch::Sender::new(0),
        })
    }

    /// How many events there were.
    pub fn events(&self) -> usize {
        self.events.load(Ordering::SeqCst)
    }

    /// Cuts now, whatever passes.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        self.cut.notify_one();
    }

    /// Whether nothing passes now.
    pub fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::SeqCst)
    }

    /// Waits for the cut. One waiter at a time.
    pub async fn wait(&self) {
        self.cut.notified().await;
    }

    /// Drops what was held back and the connections it was held on, and lets new ones pass.
    pub fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
        self.generation.send_modify(|generation| *generation += 1);
    }

    /// Whether the next piece of data may pass.
    fn passes(&self) -> bool {
        let event = self.events.fetch_add(1, Ordering::SeqCst) + 1;
        if event == self.at {
            self.cut();
        }
        !self.is_cut.load(Ordering::SeqCst)
    }
}

/// A wire to a server on this machine; gives the port to connect to. It lasts as long as the runtime.
///
/// # Panics
///
/// If no port is free.
pub async fn wire(to: u16, cutter: &Arc<Cutter>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let port = listener.local_addr().expect("it listens").port();
    let cutter = Arc::clone(cutter);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], to))).await;
            let Ok(server) = server else { continue };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tokio::spawn(pass(from_client, to_server, Arc::clone(&cutter)));
            tokio::spawn(pass(from_server, to_client, Arc::clone(&cutter)));
        }
    });
    port
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    cutter: Arc<Cutter>,
) {
    let mut generation = cutter.generation.subscribe();
    generation.mark_unchanged();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read.unwrap_or(0),
            _ = generation.changed() => return,
        };
        if read == 0 {
            let _ = to.shutdown().await;
            return;
        }
        if !cutter.passes() {
            // Held back until mended, then lost with the connection.
            let _ = generation.changed().await;
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
