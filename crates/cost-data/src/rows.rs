//! Cuts a stream of CSV bytes into rows and finds the fields that are needed.
//!
//! The text is looked at 64 bytes at a time: one bit mask each for quotes, commas and line feeds,
//! and a running exclusive-or over the quotes tells which bytes lie inside them. Only the fields
//! that somebody asked for are remembered, and no byte is copied. Memory is one buffer, which
//! grows up to the longest row that is allowed.
//!
//! Quotes must be where RFC 4180 puts them. A stray quote would make it a guess where the rows
//! end, and a wrong guess can swallow a thousand rows unseen, so it ends the reading.

use std::io::{self, Read};
use std::ops::Range;

/// Bytes asked from the source at a time, unless a row needs more.
const BLOCK: usize = 256 * 1024;

/// Bytes in one step of the scan: one for each bit of a mask.
const STEP: usize = 64;

/// Why the rows cannot be cut any further.
#[derive(Debug)]
pub(crate) enum Fault {
    Read(io::Error),
    /// The row is longer than allowed.
    RowTooLong,
    /// A quote stands where none can, on this line.
    Quote(u64),
    /// The text ends inside quotes.
    OpenQuote,
}

/// The rows of a source, one at a time.
pub(crate) struct Rows<R> {
    source: R,
    max_row_bytes: usize,
    buffer: Vec<u8>,
    filled: usize,
    ended: bool,
    /// Where the row that is being read starts in the buffer.
    start: usize,
    /// End of the current row, without its line end.
    end: usize,
    /// Start of the field that is being read, counted from the row's start.
    field: usize,
    /// Number of fields of the row so far.
    fields: usize,
    /// Line on which the current row starts, from 1.
    line: u64,
    /// Whether the current row has a line end.
    has_line_end: bool,
    /// For each column its place in `spans`.
    slots: Vec<Option<usize>>,
    /// Needed fields, counted from the row's start.
    spans: Vec<Range<usize>>,
    scan: Scan,
}

/// Where the scan is, and what it carries from one step to the next.
#[derive(Default)]
struct Scan {
    /// Start of the step that is being worked off.
    at: usize,
    /// First byte that was not looked at.
    next: usize,
    /// Field ends of the step that are still to be worked off.
    ends: u64,
    /// Row ends of the step.
    row_ends: u64,
    /// All line feeds of the step, those in quotes too.
    feeds: u64,
    /// Line feeds before the step.
    feeds_before: u64,
    /// All ones when the step before ended inside quotes.
    quoted: u64,
    /// One when a quote may open at the first byte of the next step.
    may_open: u64,
    /// One when the step before ended with a closing quote.
    closed: u64,
}

impl<R: Read> Rows<R> {
    pub(crate) fn new(source: R, max_row_bytes: usize) -> Self {
        Rows {
            source,
            max_row_bytes,
            buffer: vec![0; BLOCK],
            filled: 0,
            ended: false,
            start: 0,
            end: 0,
            field: 0,
            fields: 0,
            line: 1,
            has_line_end: true,
            slots: Vec::new(),
            spans: Vec::new(),
            scan: Scan {
                may_open: 1,
                ..Scan::default()
            },
        }
    }

    /// The first bytes of the text, at most 64, without using them up.
    pub(crate) fn peek(&mut self) -> Result<&[u8], Fault> {
        self.fill()?;
        let end = self.filled.min(self.start + STEP);
        Ok(&self.buffer[self.start..end])
    }

    /// Leaves out the first bytes; only before the first row.
    pub(crate) fn skip(&mut self, count: usize) {
        self.start += count;
        self.end = self.start;
        self.scan.next += count;
    }

    /// From now on remembers these columns, given by their index, in this order.
    pub(crate) fn keep(&mut self, columns: &[usize]) {
        self.slots = vec![None; columns.iter().max().map_or(0, |last| last + 1)];
        for (slot, column) in columns.iter().enumerate() {
            self.slots[*column] = Some(slot);
        }
        self.spans = vec![0..0; columns.len()];
    }

    /// Goes to the next row that is not blank. False at the end of the text.
    pub(crate) fn advance(&mut self) -> Result<bool, Fault> {
        loop {
            self.leave_row();
            if !self.read_row()? {
                return Ok(false);
            }
            if self.end - self.start > self.max_row_bytes {
                return Err(Fault::RowTooLong);
            }
            if self.fields > 1 || self.end > self.start {
                return Ok(true);
            }
        }
    }

    fn leave_row(&mut self) {
        let next = self.start + self.field;
        let passed = mask_below(next.saturating_sub(self.scan.at));
        let feeds = (self.scan.feeds & passed).count_ones();
        self.line = 1 + self.scan.feeds_before + u64::from(feeds);
        self.start = next;
        self.end = next;
        self.field = 0;
        self.fields = 0;
    }

    /// The bytes of the whole row.
    pub(crate) fn row(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// A needed field as it stands in the file, with its quotes.
    pub(crate) fn field(&self, slot: usize) -> &[u8] {
        let span = &self.spans[slot];
        &self.buffer[self.start + span.start..self.start + span.end]
    }

    /// Number of fields in the row.
    pub(crate) fn field_count(&self) -> usize {
        self.fields
    }

    /// The line on which the row starts, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Whether a line end follows the row. Only the last row of a text can do without.
    pub(crate) fn has_line_end(&self) -> bool {
        self.has_line_end
    }

    fn read_row(&mut self) -> Result<bool, Fault> {
        loop {
            while self.scan.ends != 0 {
                let bit = self.scan.ends.trailing_zeros();
                self.scan.ends &= self.scan.ends - 1;
                let at = self.scan.at + bit as usize;
                if self.scan.row_ends >> bit & 1 == 1 {
                    let has_return = at > self.start + self.field && self.buffer[at - 1] == b'\r';
                    self.end = at - usize::from(has_return);
                    self.end_field(self.end - self.start);
                    self.field = at + 1 - self.start;
                    self.has_line_end = true;
                    return Ok(true);
                }
                self.end_field(at - self.start);
            }
            if !self.step()? {
                return self.read_last_row();
            }
        }
    }

    fn read_last_row(&mut self) -> Result<bool, Fault> {
        if self.scan.quoted != 0 {
            return Err(Fault::OpenQuote);
        }
        if self.start == self.filled {
            return Ok(false);
        }
        let has_return =
            self.filled > self.start + self.field && self.buffer[self.filled - 1] == b'\r';
        self.end = self.filled - usize::from(has_return);
        self.end_field(self.end - self.start);
        self.field = self.filled - self.start;
        self.has_line_end = false;
        Ok(true)
    }

    #[inline]
    fn end_field(&mut self, end: usize) {
        if let Some(Some(slot)) = self.slots.get(self.fields) {
            self.spans[*slot] = self.field..end;
        }
        self.fields += 1;
        self.field = end + 1;
    }

    /// Looks at the next 64 bytes. False at the end of the text.
    fn step(&mut self) -> Result<bool, Fault> {
        self.scan.feeds_before += u64::from(self.scan.feeds.count_ones());
        self.scan.feeds = 0;
        self.scan.at = self.scan.next;
        if self.filled - self.scan.next < STEP && !self.ended {
            self.fill()?;
        }
        let rest = &self.buffer[self.scan.next..self.filled];
        let (quotes, commas, feeds, length) = match rest.first_chunk::<STEP>() {
            Some(block) => (
                matches(block, b'"'),
                matches(block, b','),
                matches(block, b'\n'),
                STEP,
            ),
            None if rest.is_empty() => return Ok(false),
            None => {
                let mut block = [0; STEP];
                block[..rest.len()].copy_from_slice(rest);
                (
                    matches(&block, b'"'),
                    matches(&block, b','),
                    matches(&block, b'\n'),
                    rest.len(),
                )
            }
        };
        let scan = &mut self.scan;
        // From each opening quote up to the byte before its closing quote.
        let inside = running_xor(quotes) ^ scan.quoted;
        let ends = (commas | feeds) & !inside;
        let opening = quotes & inside;
        let closing = quotes & !inside;
        let may_open = (ends | quotes) << 1 | scan.may_open;
        let closed = closing << 1 | scan.closed;
        let valid = mask_below(length);
        let mut strays = opening & !may_open | closed & !(ends | quotes) & valid;
        while strays != 0 {
            let bit = strays.trailing_zeros();
            strays &= strays - 1;
            // A carriage return between the closing quote and the line feed is in its place.
            if rest[bit as usize] != b'\r' {
                let feeds = feeds & mask_below(bit as usize);
                let line = 1 + scan.feeds_before + u64::from(feeds.count_ones());
                return Err(Fault::Quote(line));
            }
        }
        scan.quoted = if inside >> 63 == 1 { u64::MAX } else { 0 };
        scan.may_open = (ends | quotes) >> 63;
        scan.closed = closing >> 63;
        scan.ends = ends;
        scan.row_ends = feeds & ends;
        scan.feeds = feeds;
        scan.next += length;
        Ok(true)
    }

    /// Reads until one step is there or the text ends, making room first.
    fn fill(&mut self) -> Result<(), Fault> {
        while !self.ended && self.filled - self.scan.next < STEP {
            if self.filled == self.buffer.len() {
                self.make_room()?;
            }
            match self.source.read(&mut self.buffer[self.filled..]) {
                Ok(0) => self.ended = true,
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::Read(error)),
            }
        }
        Ok(())
    }

    fn make_room(&mut self) -> Result<(), Fault> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.filled -= self.start;
            self.scan.at -= self.start;
            self.scan.next -= self.start;
            self.end -= self.start;
            self.start = 0;
            return Ok(());
        }
        // Room for the line end and one step, so that the longest row that is allowed fits.
        let limit = self.max_row_bytes.saturating_add(2 + STEP);
        if self.buffer.len() >= limit {
            return Err(Fault::RowTooLong);
        }
        let length = self.buffer.len().saturating_mul(2).min(limit);
        self.buffer.resize(length, 0);
        Ok(())
    }
}

/// One bit for each byte of the block that is `byte`.
#[inline]
fn matches(block: &[u8; STEP], byte: u8) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let wanted = u64::from_ne_bytes([byte; 8]);
    let (words, _) = block.as_chunks::<8>();
    let mut columns = 0;
    for word in words.iter().rev() {
        let difference = u64::from_le_bytes(*word) ^ wanted;
        // The highest bit of each byte that is not zero.
        let differs = ((difference & LOW) + LOW) | difference;
        // The first word ends in the lowest bit of each byte, the last one in the highest.
        columns = columns << 1 | (!differs & !LOW) >> 7;
    }
    transpose(columns)
}

/// Turns a square of eight by eight bits so that lines become columns.
#[inline]
fn transpose(mut square: u64) -> u64 {
    for (distance, upper) in [
        (7, 0x00aa_00aa_00aa_00aa),
        (14, 0x0000_cccc_0000_cccc),
        (28, 0x0000_0000_f0f0_f0f0),
    ] {
        let swapped = (square ^ (square >> distance)) & upper;
        square ^= swapped ^ (swapped << distance);
    }
    square
}

/// Each bit: whether an odd number of bits up to and including it is set.
#[inline]
fn running_xor(mut mask: u64) -> u64 {
    for distance in [1, 2, 4, 8, 16, 32] {
        mask ^= mask << distance;
    }
    mask
}

#[inline]
fn mask_below(bit: usize) -> u64 {
    if bit >= STEP {
        u64::MAX
    } else {
        (1 << bit) - 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All fields of all rows, without quotes.
    fn all_fields(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let mut rows = Rows::new(text, 1 << 20);
        rows.keep(&[0, 1, 2, 3, 4, 5, 6, 7]);
        let mut found = Vec::new();
        while rows.advance().expect("the text is well formed") {
            let fields = (0..rows.field_count()).map(|slot| rows.field(slot));
            found.push(
                fields
                    .map(|f| crate::keys::unquote(f).into_owned())
                    .collect(),
            );
        }
        found
    }

    /// The same by `csv-core`, which shares no code with this module.
    fn all_fields_by_csv_core(mut text: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let mut reader = csv_core::Reader::new();
        let (mut found, mut row, mut field) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let mut out = [0; 16];
            let (result, used, written) = reader.read_field(text, &mut out);
            text = &text[used..];
            field.extend_from_slice(&out[..written]);
            match result {
                csv_core::ReadFieldResult::InputEmpty | csv_core::ReadFieldResult::OutputFull => {}
                csv_core::ReadFieldResult::Field { record_end } => {
                    row.push(std::mem::take(&mut field));
                    if record_end {
                        found.push(std::mem::take(&mut row));
                    }
                }
                csv_core::ReadFieldResult::End => return found,
            }
        }
    }

    fn field() -> impl Strategy<Value = String> {
        let quoted =
            "[a-c,\"\r\n]{0,90}".prop_map(|t: String| format!("\"{}\"", t.replace('"', "\"\"")));
        prop_oneof!["[a-c ]{0,70}", quoted]
    }

    proptest! {
        #[test]
        fn well_formed_text_gives_the_fields_of_another_reader(
            rows in prop::collection::vec(prop::collection::vec(field(), 2..8), 0..20),
            line_end in prop::sample::select(vec!["\n", "\r\n"]),
            ends_with_line_end: bool,
        ) {
            let rows: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
            let mut text = rows.join(line_end);
            if ends_with_line_end {
                text.push_str(line_end);
            }
            prop_assert_eq!(all_fields(text.as_bytes()), all_fields_by_csv_core(text.as_bytes()));
        }

        #[test]
        fn masks_find_every_byte(block in prop::array::uniform32(any::<u8>()), byte: u8) {
            let mut whole = [0; STEP];
            whole[..32].copy_from_slice(&block);
            whole[32..].copy_from_slice(&block);
            whole[63] = byte;
            let expected = whole.iter().rev().fold(0, |mask, b| mask << 1 | u64::from(*b == byte));
            prop_assert_eq!(matches(&whole, byte), expected);
        }
    }
}
