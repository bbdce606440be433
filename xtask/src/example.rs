//! `cargo xtask example`: the cost file of the bundled example, made by the sandbox's generator.

use std::fs::File;
use std::io::BufWriter;

use anyhow::Context;
use azure_sandbox::{Agreement, example, write_costs};
use flate2::{Compression, GzBuilder};

/// Writes the file. The same world gives the same bytes on every machine.
pub(crate) fn run() -> anyhow::Result<()> {
    let path = super::root().join("handlers/cli/example/costs.csv.gz");
    let shown = path.display();
    let file = File::create(&path).with_context(|| format!("create {shown}"))?;
    // No time and no machine in the header.
    let mut packed = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(BufWriter::new(file), Compression::best());
    let rows = write_costs(example::world().rows(), Agreement::Enterprise, &mut packed)
        .with_context(|| format!("write {shown}"))?;
    let written = packed
        .finish()
        .and_then(|buffer| buffer.into_inner().map_err(|error| error.into_error()))
        .and_then(|file| file.metadata())
        .with_context(|| format!("write {shown}"))?;
    println!("{shown}: {rows} rows, {} bytes", written.len());
    Ok(())
}
