//! `schema`: the JSON Schema of configuration files.

use serde::ser::Error;
use serde::{Serialize, Serializer};
use spendwatch::SCHEMA;

use super::Exit;
use crate::output::{self, Answer, Block, Format, Records};

/// The schema. Its JSON is itself, so every format but CSV is read as JSON by people.
struct Schema;

impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).map_err(S::Error::custom)?;
        schema.serialize(serializer)
    }
}

impl Answer for Schema {
    fn blocks(&self) -> Vec<Block> {
        vec![Block::Verbatim {
            language: "json",
            text: SCHEMA.to_owned(),
        }]
    }

    fn records(&self) -> Records {
        let mut records = Records::new(&["schema"]);
        records.add(vec![SCHEMA.trim_end().to_owned()]);
        records
    }
}

pub(super) fn run(format: Format) -> anyhow::Result<Exit> {
    // As it was written, with its keys in order.
    if format == Format::Json {
        output::print_text(SCHEMA)?;
    } else {
        output::print(format, &Schema)?;
    }
    Ok(Exit::Fine)
}
