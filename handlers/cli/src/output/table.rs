//! Tables for a terminal.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ContentArrangement};

use super::{Block, Cell, Color, Table};

/// Marks the end of a colored word while a table is laid out. These characters have no width and are
/// taken out of every text that comes from elsewhere (see [`Cell`]).
const END: char = '\u{2060}';
const HEAD: char = '\u{2061}';

/// Narrower than that nothing can be read.
const LEAST_WIDTH: u16 = 60;

/// Writes blocks, tables within `width` columns if it is given. Colors are ANSI codes.
pub(crate) fn write(blocks: &[Block], width: Option<u16>, out: &mut impl Write) -> io::Result<()> {
    for (index, block) in blocks.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        match block {
            Block::Table(table) => writeln!(out, "{}", lay_out(table, width))?,
            Block::Facts { title, facts } => {
                writeln!(out, "{}", paint(&mark(title, HEAD)))?;
                let longest = facts.iter().map(|(name, _)| name.len()).max();
                let longest = longest.unwrap_or(0);
                for (name, value) in facts {
                    writeln!(out, "  {name:longest$}  {}", super::clean(value))?;
                }
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

fn lay_out(table: &Table, width: Option<u16>) -> String {
    let mut drawn = comfy_table::Table::new();
    drawn.load_style(comfy_table::presets::NOTHING);
    let titles = table.columns.iter().map(|column| mark(column.title, HEAD));
    drawn.set_header(titles);
    for row in &table.rows {
        drawn.add_row(row.iter().map(colored));
    }
    match width {
        Some(width) => {
            drawn.set_content_arrangement(ContentArrangement::Dynamic);
            drawn.set_width(width.max(LEAST_WIDTH));
        }
        None => {
            drawn.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    for (index, column) in table.columns.iter().enumerate() {
        if let Some(drawn) = drawn.column_mut(index) {
            drawn.set_padding((0, 2));
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

/// Replaces the marks by ANSI codes.
fn paint(text: &str) -> String {
    let mut painted = String::with_capacity(text.len());
    for c in text.chars() {
        let style = match c {
            HEAD => Style::new().bold(),
            '\u{2062}' => AnsiColor::Green.on_default(),
            '\u{2063}' => AnsiColor::Yellow.on_default(),
            '\u{2064}' => AnsiColor::Red.on_default(),
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
    use crate::output::Column;

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
    fn a_narrow_terminal_wraps_inside_the_columns() {
        let mut table = Table::new(vec![Column::left("Budget"), Column::left("Why")]);
        table.add(vec!["a".into(), "word ".repeat(40).into()]);
        let text = anstream::adapter::strip_str(&shown(table, Some(70))).to_string();
        assert!(text.lines().count() > 3);
        assert!(text.lines().all(|line| line.chars().count() <= 70));
    }
}
