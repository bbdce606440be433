//! Markdown, for pages and the summaries of workflows.

use std::io::{self, Write};

use super::{Block, Table};

pub(super) fn write(blocks: &[Block], out: &mut impl Write) -> io::Result<()> {
    for (index, block) in blocks.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        match block {
            Block::Table(table) => write_table(table, out)?,
            Block::Facts { title, facts } => {
                writeln!(out, "### {}\n", escape(title))?;
                for (name, value) in facts {
                    writeln!(out, "- **{name}**: {}", escape(value))?;
                }
            }
            Block::Lines(lines) => {
                for line in lines {
                    writeln!(out, "- {}", escape(&line.text))?;
                }
            }
            Block::Verbatim { language, text } => {
                writeln!(out, "```{language}\n{}\n```", text.trim_end())?;
            }
        }
    }
    Ok(())
}

fn write_table(table: &Table, out: &mut impl Write) -> io::Result<()> {
    let titles = table.columns.iter().map(|column| escape(column.title()));
    let titles: Vec<String> = titles.collect();
    writeln!(out, "| {} |", titles.join(" | "))?;
    let rules = table
        .columns
        .iter()
        .map(|column| if column.right { "---:" } else { "---" });
    writeln!(out, "| {} |", rules.collect::<Vec<_>>().join(" | "))?;
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(|cell| escape(&cell.text)).collect();
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}

/// Takes the meaning from the characters that Markdown or HTML would interpret.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            super::TIE => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Column;

    #[test]
    fn cells_cannot_break_out_of_their_table() {
        let mut table = Table::new(vec![Column::left("Name"), Column::right("%")]);
        table.add(vec!["a|b\n<img> [x](y)".into(), "80 %".into()]);
        let mut out = Vec::new();
        write(&[table.into()], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "| Name | % |\n| --- | ---: |\n| a\\|b &lt;img> \\[x\\](y) | 80 % |\n"
        );
    }
}
