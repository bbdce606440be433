//! Cost files that arrive over the network, folded while they arrive.

use std::io::{self, Read};

use anyhow::Context;
use budget_engine::{CostFacts, FactsBuilder, Projection};
use bytes::{Buf, Bytes};
use futures::{Stream, StreamExt, pin_mut};
use jiff::Timestamp;
use tokio::sync::mpsc;

/// Pieces between the network and the reader; each is some tens of kilobytes.
const PIECES: usize = 16;

/// Folds a file of costs, plain or gzip, from a stream of its bytes, and says what became of its
/// rows. Memory does not follow the file's size. A file without rows gives facts without series.
pub(crate) async fn fold_and_report<E>(
    bytes: impl Stream<Item = Result<Bytes, E>>,
    options: cost_data::Options,
    projection: Projection,
) -> anyhow::Result<(CostFacts, cost_data::Report)>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let (send, receive) = mpsc::channel(PIECES);
    // Parsing blocks for as long as the file is large.
    let fold = tokio::task::spawn_blocking(move || {
        let mut facts = FactsBuilder::new(projection);
        let report = cost_data::fold(Pieces::new(receive), &options, &mut facts)?;
        Ok::<_, cost_data::Error>((facts.finish(Timestamp::now()), report))
    });
    pin_mut!(bytes);
    let mut broken = None;
    while let Some(piece) = bytes.next().await {
        let piece = piece.map_err(|error| {
            let words = error.to_string();
            broken = Some(error);
            io::Error::other(words)
        });
        let is_last = piece.is_err();
        // Nobody takes the piece when the reader has given up; it says why below.
        if send.send(piece).await.is_err() || is_last {
            break;
        }
    }
    drop(send);
    let folded = fold.await.context("the reader stopped")?;
    if let Some(error) = broken {
        return Err(error.into());
    }
    Ok(folded?)
}

/// The pieces as one reader, for a thread that may block.
struct Pieces {
    receive: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Pieces {
    fn new(receive: mpsc::Receiver<io::Result<Bytes>>) -> Pieces {
        Pieces {
            receive,
            piece: Bytes::new(),
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receive.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let count = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
