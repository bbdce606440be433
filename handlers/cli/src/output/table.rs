//! Tables for a terminal.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Width};

use super::{Block, Cell, Color, Table};

/// Marks the end of a colored word while a table is laid out. These characters have no width and are
/// taken out of every text that comes from elsewhere (see [`Cell`]).
const END: char = '\u{2060}';
const HEAD: char = '\u{2061}';

/// Spaces between two columns.
const GAP: u16 = 2;

/// Writes blocks, tables within `width` columns if it is given. Colors are ANSI codes.
pub(crate) fn write(blocks: &[Block], width: Option<u16>, out: &mut impl Write) -> io::Result<()> {
    for (index, block) in blocks.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        match block {
            Block::Table(table) => {
                let longest = longest_words(table);
                let least = longest.iter().sum::<u16>() + GAP * (table.columns.len() as u16 - 1);
                if width.is_some_and(|width| width < least) {
                    write_list(table, out)?;
                } else {
                    writeln!(out, "{}", lay_out(table, &longest, width))?;
                }
            }
            Block::Facts { title, facts } => {
                let facts: Vec<(&str, Cell)> = facts
                    .iter()
                    .map(|(name, value)| (&**name, value.as_str().into()))
                    .collect();
                write_facts(&title.as_str().into(), &facts, out)?;
            }
            Block::Lines(lines) => {
                for line in lines {
                    writeln!(out, "{}", paint(&colored(line)))?;
                }
            }
            Block::Verbatim { text, .. } => writeln!(out, "{}", text.trim_end())?,
        }
    }
    Ok(())
}

fn write_facts(title: &Cell, facts: &[(&str, Cell)], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", paint(&mark(&title.text, HEAD)))?;
    let longest = facts.iter().map(|(name, _)| name.len()).max();
    let longest = longest.unwrap_or(0);
    for (name, value) in facts {
        writeln!(out, "  {name:longest$}  {}", paint(&colored(value)))?;
    }
    Ok(())
}

/// A table for a terminal that is too narrow for it: each row by itself.
fn write_list(table: &Table, out: &mut impl Write) -> io::Result<()> {
    for row in &table.rows {
        let mut cells = row.iter().zip(&table.columns);
        let Some((title, _)) = cells.next() else {
            continue;
        };
        let facts: Vec<(&str, Cell)> = cells
            .filter(|(cell, _)| cell.text != "-")
            .map(|(cell, column)| (column.title(), cell.clone()))
            .collect();
        write_facts(title, &facts, out)?;
    }
    Ok(())
}

/// The width of each column when every space is a line break.
fn longest_words(table: &Table) -> Vec<u16> {
    let words = |text: &str| {
        let lengths = text.split(' ').map(|word| word.chars().count());
        u16::try_from(lengths.max().unwrap_or(0)).unwrap_or(u16::MAX / 64)
    };
    let longest = |(index, column): (usize, &super::Column)| {
        let cells = table.rows.iter().filter_map(|row| row.get(index));
        cells
            .map(|cell| words(&cell.text))
            .fold(words(column.title()), Ord::max)
    };
    table.columns.iter().enumerate().map(longest).collect()
}

fn lay_out(table: &Table, longest: &[u16], width: Option<u16>) -> String {
    let mut drawn = comfy_table::Table::new();
    drawn.load_style(comfy_table::presets::NOTHING);
    let titles = table
        .columns
        .iter()
        .map(|column| mark(column.title(), HEAD));
    drawn.set_header(titles);
    for row in &table.rows {
        drawn.add_row(row.iter().map(colored));
    }
    match width {
        Some(width) => {
            drawn.set_content_arrangement(ContentArrangement::Dynamic);
            drawn.set_width(width);
        }
        None => {
            drawn.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    for (index, column) in table.columns.iter().enumerate() {
        if let Some(drawn) = drawn.column_mut(index) {
            let is_last = index + 1 == table.columns.len();
            let gap = if is_last { 0 } else { GAP };
            drawn.set_padding((0, gap));
            if let Some(longest) = longest.get(index) {
                drawn.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(longest + gap)));
            }
            if column.right {
                drawn.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    paint(&drawn.trim_fmt())
}

fn colored(cell: &Cell) -> String {
    match cell.color {
        Color::Plain => cell.text.clone(),
        Color::Green => mark(&cell.text, '\u{2062}'),
        Color::Yellow => mark(&cell.text, '\u{2063}'),
        Color::Red => mark(&cell.text, '\u{2064}'),
    }
}

/// Marks every word by itself, so that the layout may break the line between them.
fn mark(text: &str, color: char) -> String {
    text.split(' ')
        .map(|word| format!("{color}{word}{END}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Replaces the marks by ANSI codes, and the spaces that kept words together by plain ones.
fn paint(text: &str) -> String {
    let mut painted = String::with_capacity(text.len());
    for c in text.chars() {
        let style = match c {
            HEAD => Style::new().bold(),
            '\u{2062}' => AnsiColor::Green.on_default(),
            '\u{2063}' => AnsiColor::Yellow.on_default(),
            '\u{2064}' => AnsiColor::Red.on_default(),
            super::TIE => {
                painted.push(' ');
                continue;
            }
            END => {
                painted.push_str(&Style::new().bold().render_reset().to_string());
                continue;
            }
            _ => {
                painted.push(c);
                continue;
            }
        };
        painted.push_str(&style.render().to_string());
    }
    painted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Column, tied};

    fn shown(table: Table, width: Option<u16>) -> String {
        let mut out = Vec::new();
        write(&[table.into()], width, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn table() -> Table {
        let mut table = Table::new(vec![Column::left("Budget"), Column::right("Spent")]);
        table.add(vec!["a".into(), "EUR 8.00".into()]);
        table.add(vec![
            "longer".into(),
            Cell::colored("EUR 1,008.00", Color::Red),
        ]);
        table
    }

    #[test]
    fn columns_are_aligned_whatever_their_colors() {
        let plain = anstream::adapter::strip_str(&shown(table(), None)).to_string();
        assert_eq!(
            plain,
            "Budget         Spent\na           EUR 8.00\nlonger  EUR 1,008.00\n"
        );
    }

    #[test]
    fn every_color_is_ended_and_no_mark_is_left() {
        let text = shown(table(), Some(60));
        assert!(text.contains("\u{1b}[31mEUR\u{1b}[0m \u{1b}[31m1,008.00\u{1b}[0m"));
        assert!(!text.contains(|c: char| ('\u{2060}'..='\u{2064}').contains(&c)));
    }

    #[test]
    fn a_narrow_terminal_wraps_between_words_inside_the_columns() {
        let mut table = Table::new(vec![Column::left("Budget"), Column::left("Why")]);
        table.add(vec!["payments-prod".into(), "word ".repeat(40).into()]);
        let text = anstream::adapter::strip_str(&shown(table, Some(40))).to_string();
        assert!(text.lines().count() > 3);
        assert!(text.lines().all(|line| line.chars().count() <= 40));
        assert!(text.contains("payments-prod  word"), "{text}");
    }

    #[test]
    fn a_terminal_that_is_too_narrow_gets_a_list() {
        let mut table = Table::new(vec![
            Column::left("Budget"),
            Column::right("Spent"),
            Column::left("Breach"),
        ]);
        table.add(vec![
            "payments-prod".into(),
            tied("EUR 8.00").into(),
            "-".into(),
        ]);
        let text = anstream::adapter::strip_str(&shown(table, Some(20))).to_string();
        assert_eq!(text, "payments-prod\n  Spent  EUR 8.00\n");
    }
}
