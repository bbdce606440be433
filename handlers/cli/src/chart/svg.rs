//! A chart as SVG: one file that needs no other, readable on light and dark pages, with everything it
//! shows said in its description, too.

mod layout;

use std::fmt::Write;

use self::layout::{Beside, Panel, spread};
use super::axis::Axis;
use super::{Chart, short};
use crate::output::Cell;

const WIDTH: f32 = 960.0;
const HEIGHT: f32 = 560.0;
const LEFT: f32 = 92.0;
/// Width of a letter in bold, more or less.
const LETTER: f32 = 8.8;
/// Where the text of the legend stands.
const LEGEND: f32 = 538.0;

/// Colors as custom properties. Those of the dark page are lighter, for the same contrast.
const STYLE: &str = "\
svg{--card:#ffffff;--ink:#1f2937;--soft:#4b5563;--grid:#e5e7eb;--spent:#1d4ed8;--open:#93b4f5;\
--plan:#6b7280;--fan:#fcd9a8;--middle:#b45309;--breach:#b91c1c;\
font:14px system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif}\
@media (prefers-color-scheme:dark){svg{--card:#111827;--ink:#f3f4f6;--soft:#c3c9d3;--grid:#374151;\
--spent:#7ea6ff;--open:#3f5fa8;--plan:#9ca3af;--fan:#6b4a1c;--middle:#fbbf6b;--breach:#fca5a5}}\
.card{fill:var(--card)}.grid{stroke:var(--grid)}\
text{fill:var(--soft);stroke:var(--card);stroke-width:3px;paint-order:stroke;stroke-linejoin:round}\
.title{fill:var(--ink);font-size:18px;font-weight:600}.strong{fill:var(--ink);font-weight:600}\
.right{text-anchor:end}.mid{text-anchor:middle}\
.spent{fill:none;stroke:var(--spent);stroke-width:3;stroke-linejoin:round}\
.day{fill:var(--spent)}.open{fill:var(--open)}.fan{fill:var(--fan)}\
.middle{fill:none;stroke:var(--middle);stroke-width:2.5;stroke-dasharray:2 5;stroke-linecap:round}\
.plan{fill:none;stroke:var(--plan);stroke-width:2;stroke-dasharray:8 5}\
.limit{stroke:var(--plan)}.today{stroke:var(--soft);stroke-dasharray:3 3}\
.breach{stroke:var(--breach);stroke-width:1.5}.dot{fill:var(--breach)}text.alarm{fill:var(--breach)}";

/// Draws a chart; `None` if there is nothing to draw.
pub(crate) fn draw(chart: &Chart) -> Option<String> {
    let ends = ends(chart);
    let longest = ends.iter().map(|end| end.text.chars().count()).max();
    let upper = Panel {
        left: LEFT,
        right: WIDTH - 20.0 - LETTER * longest.unwrap_or(0) as f32,
        top: 82.0,
        bottom: 356.0,
        steps: chart.steps(),
        axis: Axis::over(chart.curves.amounts(), 5)?,
    };
    let mut page = Page::default();
    page.upper(chart, &upper, ends);
    let costs = chart.curves.costs.iter();
    if let Some(axis) = Axis::over(costs.map(|cost| cost.unwrap_or(0.0)), 2) {
        let lower = Panel {
            top: 402.0,
            bottom: 486.0,
            axis,
            ..upper
        };
        page.lower(chart, &lower);
    }
    Some(page.finish(chart))
}

/// The amounts at the end of the period, to the right of it.
fn ends(chart: &Chart) -> Vec<Beside> {
    let curves = &chart.curves;
    let mut labels = Vec::new();
    let mut add = |amount: f32, class, text| {
        labels.push(Beside {
            amount,
            y: 0.0,
            class,
            text,
        });
    };
    let planned = chart.planned.figures();
    add(curves.limit(), "", format!("plan {planned}"));
    let lasts = curves.expected.each_ref().map(|line| line.last());
    if let (Some(forecast), [Some(low), Some(middle), Some(high)]) = (&chart.forecast, lasts) {
        let (least, most) = forecast.range80;
        add(high.1, "", format!("90 % below {}", most.figures()));
        let mean = forecast.mean.figures();
        add(middle.1, "strong", format!("expected {mean}"));
        add(low.1, "", format!("10 % below {}", least.figures()));
    }
    labels
}

/// Marks in the order in which they are drawn.
#[derive(Default)]
struct Page {
    body: String,
}

impl Page {
    fn upper(&mut self, chart: &Chart, panel: &Panel, ends: Vec<Beside>) {
        let curves = &chart.curves;
        self.grid(panel);
        let [low, middle, high] = &curves.expected;
        if middle.len() > 1 {
            let back: Vec<(f32, f32)> = high.iter().rev().copied().collect();
            let outline = panel.path(&[&low[..], &back].concat());
            self.mark(format_args!("<path class=\"fan\" d=\"{outline}Z\"/>"));
            self.line("middle", &panel.path(middle));
        }
        self.line("plan", &panel.path(&curves.planned));
        let limit = panel.y(curves.limit());
        self.straight("limit", (panel.left, limit), (panel.right, limit));
        if !curves.spent.is_empty() {
            self.line("spent", &panel.path(&curves.spent));
        }
        self.text(
            "",
            panel.left,
            panel.top - 26.0,
            &format!("Spend to date, {}", chart.currency()),
        );
        self.today(chart, panel);
        self.breach(chart, panel);
        self.spent_label(chart, panel);
        for label in spread(ends, panel) {
            self.text(label.class, panel.right + 8.0, label.y + 5.0, &label.text);
        }
    }

    /// What each step cost, lighter where it may change.
    fn lower(&mut self, chart: &Chart, panel: &Panel) {
        self.grid(panel);
        let zero = panel.y(0.0);
        for (step, cost) in chart.curves.costs.iter().enumerate() {
            let Some(cost) = cost else { continue };
            let class = match step < chart.curves.settled {
                true => "day",
                false => "open",
            };
            let left = panel.x(step as f32 + 0.14);
            let width = panel.x(step as f32 + 0.86) - left;
            let (top, height) = (panel.y(cost.max(0.0)), (panel.y(*cost) - zero).abs());
            let exact = chart.costs.get(step).copied().flatten();
            let said = exact.map(|cost| budget_engine::Money::new(cost, chart.currency()));
            let said = said.map(|cost| format!("{}: {cost}", chart.days_of(step)));
            self.mark(format_args!(
                "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" \
                 height=\"{height:.1}\"><title>{}</title></rect>",
                escaped(&said.unwrap_or_default())
            ));
        }
        self.text("", panel.left, panel.top - 14.0, &chart.step_label());
        for day in chart.named_days(9) {
            let x = panel.x(chart.place(day));
            self.straight("grid", (x, panel.bottom), (x, panel.bottom + 5.0));
            self.text("", x, panel.bottom + 20.0, &short(day));
        }
    }

    /// Lines at round amounts, with the amounts.
    fn grid(&mut self, panel: &Panel) {
        for amount in panel.axis.ticks() {
            let y = panel.y(amount);
            self.straight("grid", (panel.left, y), (panel.right, y));
            self.text(
                "right",
                panel.left - 8.0,
                y + 5.0,
                &panel.axis.label(amount),
            );
        }
    }

    fn today(&mut self, chart: &Chart, panel: &Panel) {
        let Some(place) = chart.place_of_today() else {
            return;
        };
        let x = panel.x(place);
        self.straight("today", (x, panel.top - 4.0), (x, panel.bottom));
        let x = x.clamp(panel.left + 50.0, panel.right - 50.0);
        self.text(
            "mid",
            x,
            panel.top - 10.0,
            &format!("today, {}", short(chart.today)),
        );
    }

    fn breach(&mut self, chart: &Chart, panel: &Panel) {
        let (Some((_, place)), Some(label)) = (chart.breach(), chart.breach_label()) else {
            return;
        };
        let (x, y) = (panel.x(place), panel.y(chart.curves.limit()));
        self.straight("breach", (x, y), (x, panel.bottom));
        self.mark(format_args!(
            "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>"
        ));
        let is_late = x > (panel.left + panel.right) / 2.0;
        let (class, x) = match is_late {
            true => ("alarm right", x - 8.0),
            false => ("alarm", x + 8.0),
        };
        self.text(class, x, panel.bottom - 10.0, &label);
    }

    fn spent_label(&mut self, chart: &Chart, panel: &Panel) {
        let Some(point) = chart.curves.spent.last() else {
            return;
        };
        let (x, y) = (panel.x(point.0), panel.y(point.1));
        let text = format!("spent {}", chart.spent.figures());
        let needed = 8.0 * text.len() as f32;
        match x - panel.left > needed {
            true => self.text("strong right", x - 8.0, y - 10.0, &text),
            false => self.text("strong", panel.left + 8.0, y - 10.0, &text),
        }
    }

    fn text(&mut self, class: &str, x: f32, y: f32, text: &str) {
        let text = escaped(text);
        self.mark(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"
        ));
    }

    fn line(&mut self, class: &str, path: &str) {
        self.mark(format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
    }

    fn straight(&mut self, class: &str, from: (f32, f32), to: (f32, f32)) {
        self.mark(format_args!(
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            from.0, from.1, to.0, to.1
        ));
    }

    fn mark(&mut self, mark: std::fmt::Arguments<'_>) {
        // Writing into a string does not fail.
        let _ = writeln!(self.body, "{mark}");
    }

    fn finish(mut self, chart: &Chart) -> String {
        self.legend(chart);
        let title = escaped(&chart.title());
        let description = escaped(&chart.description());
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" \
             aria-labelledby=\"title description\">\n\
             <title id=\"title\">{title}</title>\n<desc id=\"description\">{description}</desc>\n\
             <style>{STYLE}</style>\n\
             <rect class=\"card\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\"/>\n\
             <text class=\"title\" x=\"24\" y=\"34\">{title}</text>\n{}</svg>\n",
            self.body
        )
    }

    fn legend(&mut self, chart: &Chart) {
        let mut entries = vec![
            (Sample::Line, "spent", "spent"),
            (Sample::Line, "plan", "plan"),
        ];
        if chart.curves.expected[1].len() > 1 {
            entries.push((Sample::Line, "middle", "expected"));
            entries.push((Sample::Area, "fan", "80 % range"));
        }
        if !chart.curves.costs.is_empty() {
            entries.push((Sample::Area, "day", "settled costs"));
        }
        if chart.curves.settled < chart.curves.costs.len() {
            entries.push((Sample::Area, "open", "costs that may still change"));
        }
        let mut x = LEFT;
        for (sample, class, text) in entries {
            match sample {
                Sample::Line => self.line(class, &format!("M{x:.1} {:.1}h26", LEGEND - 5.0)),
                Sample::Area => self.mark(format_args!(
                    "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"26\" height=\"12\"/>",
                    LEGEND - 11.0
                )),
            }
            self.text("", x + 32.0, LEGEND, text);
            // As wide as the letters are on average, and a gap.
            x += 32.0 + 7.2 * text.len() as f32 + 22.0;
        }
    }
}

/// What stands for a mark in the legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sample {
    Line,
    Area,
}

/// A text that means itself in XML, without what must not be in it.
fn escaped(text: &str) -> String {
    let clean = Cell::from(text);
    let mut escaped = String::with_capacity(text.len());
    for c in clean.text().chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // Not allowed in XML, escaped or not.
            '\u{fffe}' | '\u{ffff}' => {}
            c => escaped.push(c),
        }
    }
    escaped
}
