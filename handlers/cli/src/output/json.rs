//! JSON: everything that is known.

use std::io::{self, Write};

use serde::Serialize;

pub(super) fn write(answer: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, answer).map_err(io::Error::from)?;
    writeln!(out)
}
