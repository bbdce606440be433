//! The bytes behind a file: plain or gzip, counted.

use std::cell::Cell;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;

/// What the reader of the file itself has done so far, seen from outside the decoder.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    bytes: Cell<u64>,
    failed: Cell<bool>,
}

impl Meter {
    /// Bytes taken from the file, before decompression.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// Whether the file's own reader failed, as opposed to the decoder on top of it.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.get()
    }
}

pub(crate) struct Metered<R> {
    inner: R,
    meter: Rc<Meter>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(count) => {
                self.meter.bytes.set(self.meter.bytes.get() + count as u64);
                Ok(count)
            }
            Err(error) => {
                let is_final = error.kind() != io::ErrorKind::Interrupted;
                self.meter.failed.set(self.meter.failed.get() || is_final);
                Err(error)
            }
        }
    }
}

type Rewound<R> = Chain<Cursor<Vec<u8>>, Metered<R>>;

/// The decompressed bytes of a file.
pub(crate) enum Source<R: Read> {
    Plain(Rewound<R>),
    Gzip(Box<MultiGzDecoder<BufReader<Rewound<R>>>>),
}

/// Bytes read from the file at a time when it is compressed.
const COMPRESSED_BLOCK: usize = 128 * 1024;

impl<R: Read> Source<R> {
    /// Looks at the first bytes of the file; gzip is recognised by its magic number and not by
    /// a name. Several gzip members in a row are one text.
    pub(crate) fn open(reader: R) -> io::Result<(Self, Rc<Meter>)> {
        let meter = Rc::new(Meter::default());
        let mut metered = Metered {
            inner: reader,
            meter: Rc::clone(&meter),
        };
        let mut start = Vec::new();
        metered.by_ref().take(2).read_to_end(&mut start)?;
        let is_gzip = start == [0x1f, 0x8b];
        let whole = Cursor::new(start).chain(metered);
        let source = if is_gzip {
            let buffered = BufReader::with_capacity(COMPRESSED_BLOCK, whole);
            Source::Gzip(Box::new(MultiGzDecoder::new(buffered)))
        } else {
            Source::Plain(whole)
        };
        Ok((source, meter))
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Source::Plain(plain) => plain.read(buffer),
            Source::Gzip(gzip) => gzip.read(buffer),
        }
    }
}
