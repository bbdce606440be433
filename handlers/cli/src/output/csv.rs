//! CSV per RFC 4180, with a header line.

use std::io::{self, Write};

use super::Records;

pub(super) fn write(records: &Records, out: &mut impl Write) -> io::Result<()> {
    let mut writer = ::csv::Writer::from_writer(out);
    writer.write_record(&records.columns).map_err(into_io)?;
    for row in &records.rows {
        writer.write_record(row).map_err(into_io)?;
    }
    writer.flush()
}

/// The I/O error inside, so that a closed pipe is recognized.
pub(crate) fn into_io(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_with_commas_and_quotes_come_back_as_they_were() {
        let mut records = Records::new(&["budget", "problem"]);
        records.add(vec!["a".to_owned(), "\"x\", y\nz".to_owned()]);
        let mut out = Vec::new();
        write(&records, &mut out).unwrap();
        let mut reader = ::csv::Reader::from_reader(out.as_slice());
        assert_eq!(reader.headers().unwrap(), vec!["budget", "problem"]);
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!(&row[1], "\"x\", y\nz");
    }

    #[test]
    fn no_records_still_have_a_header() {
        let mut out = Vec::new();
        write(&Records::new(&["a", "b"]), &mut out).unwrap();
        assert_eq!(out, b"a,b\n");
    }
}
