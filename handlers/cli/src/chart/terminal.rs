//! A chart in characters. It reads without color: what is spent is filled, what is expected is shaded,
//! and lines have marks of their own.

use anstyle::{AnsiColor, Effects, Style};

use super::axis::Axis;
use super::{Chart, amount_at, short};

/// Columns without a terminal to ask.
const WIDTH: u16 = 80;
/// A wider chart is no clearer.
const WIDEST: u16 = 120;
/// Narrower than that nothing can be told apart.
const NARROWEST: u16 = 40;
/// Rows of the picture, without what stands below.
const ROWS: usize = 14;
/// Columns that the name of a day takes, with space around it.
const DAY: usize = 9;

/// Filled from below, by eighths.
const FILLED: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What a cell shows; the later wins where two meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Empty,
    Limit,
    Range,
    Spent(usize),
    Plan,
    Middle,
    Top(usize),
}

impl Mark {
    fn symbol(self) -> char {
        match self {
            Mark::Empty => ' ',
            Mark::Limit => '─',
            Mark::Range => '░',
            Mark::Spent(eighths) | Mark::Top(eighths) => {
                FILLED.get(eighths).copied().unwrap_or('█')
            }
            Mark::Plan => '╌',
            Mark::Middle => '•',
        }
    }

    fn style(self) -> Style {
        match self {
            Mark::Empty => Style::new(),
            Mark::Limit => Style::new().effects(Effects::DIMMED),
            Mark::Range => AnsiColor::Yellow.on_default(),
            Mark::Spent(_) | Mark::Top(_) => AnsiColor::Blue.on_default(),
            Mark::Plan => Style::new().bold(),
            Mark::Middle => AnsiColor::Yellow.on_default().bold(),
        }
    }
}

/// Draws a chart for a terminal with so many columns, with ANSI colors.
pub(crate) fn draw(chart: &Chart, width: Option<u16>) -> Option<String> {
    let width = usize::from(width.unwrap_or(WIDTH).clamp(NARROWEST, WIDEST));
    let axis = Axis::over(chart.curves.amounts(), 5)?;
    let names = names(&axis, chart.curves.limit());
    let margin = names.iter().map(|name| name.chars().count()).max()?;
    // One for the axis; the last column of a terminal is left free, for some break the line there.
    let columns = width.checked_sub(margin + 3)?;
    let mut lines = vec![format!("Spend to date, {}", chart.currency())];
    let picture = picture(chart, &axis, columns);
    for (row, name) in picture.iter().zip(&names) {
        let tick = if name.is_empty() { '│' } else { '┤' };
        lines.push(format!("{name:>margin$} {tick}{}", painted(row)));
    }
    let days = days(chart, columns);
    lines.push(format!("{:margin$} └{}", "", days.ticks));
    lines.push(format!("{:margin$}  {}", "", days.names));
    lines.extend(legend(chart));
    Some(lines.join("\n"))
}

/// The name of each row, from the top; of most it is empty. That of the planned amount goes first.
fn names(axis: &Axis, limit: f32) -> Vec<String> {
    let mut names = vec![String::new(); ROWS];
    for amount in axis.ticks() {
        if let Some(name) = names.get_mut(row(axis, amount)) {
            *name = axis.label(amount);
        }
    }
    let planned = row(axis, limit);
    for (at, name) in names.iter_mut().enumerate() {
        // Two amounts close together would look like steps of one scale.
        if at == planned {
            *name = axis.label(limit);
        }
    }
    names
}

/// The row of an amount, from the top.
fn row(axis: &Axis, amount: f32) -> usize {
    let from_below = (axis.share(amount) * ROWS as f32).ceil().max(1.0);
    ROWS.saturating_sub(from_below as usize)
}

fn picture(chart: &Chart, axis: &Axis, columns: usize) -> Vec<Vec<Mark>> {
    let mut cells = vec![vec![Mark::Empty; columns]; ROWS];
    for column in 0..columns {
        let place = (column as f32 + 0.5) / columns as f32 * chart.steps();
        let mut mark = |row: usize, mark: Mark| {
            if let Some(cell) = cells.get_mut(row).and_then(|row| row.get_mut(column)) {
                *cell = mark.max(*cell);
            }
        };
        mark(row(axis, chart.curves.limit()), Mark::Limit);
        let line = |line: &[(f32, f32)]| amount_at(line, place);
        let [low, middle, high] = &chart.curves.expected;
        if let (Some(low), Some(middle), Some(high)) = (line(low), line(middle), line(high)) {
            (row(axis, high)..=row(axis, low)).for_each(|row| mark(row, Mark::Range));
            mark(row(axis, middle), Mark::Middle);
        }
        if let Some(planned) = line(&chart.curves.planned) {
            mark(row(axis, planned), Mark::Plan);
        }
        if let Some(spent) = line(&chart.curves.spent) {
            fill(axis, spent, mark);
        }
    }
    cells
}

/// Fills a column between nothing and an amount.
fn fill(axis: &Axis, amount: f32, mut mark: impl FnMut(usize, Mark)) {
    let height = |amount: f32| axis.share(amount) * ROWS as f32;
    let (bottom, top) = (height(amount.min(0.0)), height(amount.max(0.0)));
    for row in 0..ROWS {
        let below = (ROWS - 1 - row) as f32;
        let filled = ((top - below).clamp(0.0, 1.0) * 8.0).round() as usize;
        if below + 0.5 < bottom || filled == 0 {
            continue;
        }
        let is_top = top - below <= 1.0;
        mark(
            row,
            if is_top {
                Mark::Top(filled)
            } else {
                Mark::Spent(filled)
            },
        );
    }
}

/// Cells with their colors, each run of one color as a whole.
fn painted(row: &[Mark]) -> String {
    let end = row.iter().rposition(|mark| *mark != Mark::Empty);
    let row = &row[..end.map_or(0, |end| end + 1)];
    let mut text = String::new();
    for run in row.chunk_by(|one, next| one.style() == next.style()) {
        let style = run.first().map(|mark| mark.style()).unwrap_or_default();
        let symbols: String = run.iter().map(|mark| mark.symbol()).collect();
        text.push_str(&format!("{style}{symbols}{style:#}"));
    }
    text
}

/// What stands below the picture.
struct Days {
    ticks: String,
    names: String,
}

fn days(chart: &Chart, columns: usize) -> Days {
    let column = |place: f32| (place / chart.steps() * columns as f32) as usize;
    let mut ticks = vec!['─'; columns];
    let mut names = String::new();
    for day in chart.named_days(columns / DAY) {
        let at = column(chart.place(day));
        let name = short(day);
        let taken = names.chars().count();
        let has_room = names.is_empty() || taken < at;
        if let Some(tick) = ticks
            .get_mut(at)
            .filter(|_| has_room && at + name.len() <= columns)
        {
            *tick = '┬';
            names.push_str(&" ".repeat(at - taken));
            names.push_str(&name);
        }
    }
    if let Some(place) = chart.place_of_today() {
        set(&mut ticks, column(place), '┼');
    }
    if let Some((_, place)) = chart.breach() {
        set(&mut ticks, column(place).saturating_sub(1), '▲');
    }
    Days {
        ticks: ticks.into_iter().collect(),
        names,
    }
}

fn set(ticks: &mut [char], at: usize, symbol: char) {
    if let Some(tick) = ticks.get_mut(at) {
        *tick = symbol;
    }
}

/// What the marks mean, and nothing of marks that are not there.
fn legend(chart: &Chart) -> Vec<String> {
    let entry = |mark: Mark, text: &str| {
        let style = mark.style();
        format!("{style}{}{style:#} {text}", mark.symbol())
    };
    let mut marks = vec![entry(Mark::Spent(8), "spent"), entry(Mark::Plan, "plan")];
    if chart.curves.expected[1].len() > 1 {
        marks.push(entry(Mark::Middle, "expected"));
        marks.push(entry(Mark::Range, "80 % range"));
    }
    let mut below = Vec::new();
    if chart.place_of_today().is_some() {
        below.push(format!("┼ today, {}", short(chart.today)));
    }
    below.extend(chart.breach_label().map(|label| format!("▲ {label}")));
    let lines = [marks, below].into_iter().filter(|line| !line.is_empty());
    lines
        .map(|line| format!("  {}", line.join("   ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::samples::{chart, course};

    fn plain(text: &str) -> Vec<String> {
        let text = anstream::adapter::strip_str(text).to_string();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_chart_is_as_wide_as_the_terminal_within_bounds() {
        let chart = chart(course());
        for (width, drawn) in [(20, 40), (60, 60), (100, 100), (200, 120)] {
            let lines = plain(&draw(&chart, Some(width)).unwrap());
            let axis = lines.iter().find(|line| line.contains('└')).unwrap();
            assert_eq!(axis.chars().count() + 1, drawn);
        }
        let unknown = plain(&draw(&chart, None).unwrap());
        let longest = unknown.iter().map(|line| line.chars().count()).max();
        assert_eq!(longest, Some(79));
    }

    #[test]
    fn marks_are_where_the_amounts_say() {
        // Ten days of 30, of 10 each; 300 are planned, and 300 expected: the axis ends at 400, and one
        // of 14 rows is 28.57.
        let chart = chart(course());
        let lines = plain(&draw(&chart, Some(80)).unwrap());
        let picture = &lines[1..=ROWS];
        let lowest = &picture[ROWS - 1];
        assert!(lowest.starts_with("  0 ┤"), "{lowest}");
        // In the middle of the tenth day 95 are spent: three rows and a third.
        let tenth = |line: &String| line.chars().nth(5 + (74.0 * 9.5 / 30.0) as usize);
        let column: Vec<Option<char>> = picture.iter().map(tenth).collect();
        assert_eq!(column[ROWS - 3..], [Some('█'); 3]);
        assert!(matches!(column[ROWS - 4], Some('▁'..='▅')), "{column:?}");
        // Plan and limit meet at 300, in the row above ten and a half.
        assert!(picture[3].starts_with("300 ┤─"), "{}", picture[3]);
        assert_eq!(picture[0].trim_end(), "400 ┤");
    }

    #[test]
    fn credits_hang_below_nothing() {
        let mut course = course();
        course.costs[0] = Some((-200).into());
        let lines = plain(&draw(&chart(course), Some(80)).unwrap());
        assert!(
            lines.iter().any(|line| line.starts_with("-200 ┤")),
            "{lines:?}"
        );
        let lowest = lines.iter().rposition(|line| line.contains('█'));
        let nothing = lines.iter().position(|line| line.starts_with("   0 ┤"));
        // The legend has one, too.
        assert!(
            lowest > nothing && lines[ROWS - 2].contains('█'),
            "{lines:?}"
        );
    }
}
