//! The chart of a mail: spend to date against the plan, the expected range, and what each day cost.
//!
//! No text is drawn: labels stand around the picture, where they can be read, searched and set in any
//! language. It lies on a light card of its own, so it reads the same in dark mode. The same course
//! gives the same bytes.

use budget_engine::Course;
use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, StrokeDash,
    Transform,
};

use crate::curves::Curves;

/// Size in pixels; shown at half of it, so that it is sharp on dense screens.
pub(super) const SIZE: (u32, u32) = (1184, 480);

/// Colors of the chart; the legend of the mail uses them as well.
pub(super) mod colors {
    /// What it is drawn on.
    pub(in crate::email) const CARD: &str = "#ffffff";
    /// Spend to date, and its days.
    pub(in crate::email) const SPENT: &str = "#1d4ed8";
    /// Days that may still change.
    pub(in crate::email) const OPEN: &str = "#93b4f5";
    /// The plan.
    pub(in crate::email) const PLANNED: &str = "#6b7280";
    /// The expected range.
    pub(in crate::email) const EXPECTED: &str = "#fcd9a8";
    /// Its middle.
    pub(in crate::email) const MIDDLE: &str = "#b45309";
    pub(super) const GRID: &str = "#e5e7eb";
}

/// Where spend to date is drawn, and below it the days: left, top, right, bottom.
const UPPER: [f32; 4] = [8.0, 16.0, 1176.0, 336.0];
const LOWER: [f32; 4] = [8.0, 368.0, 1176.0, 472.0];

/// A chart as PNG; `None` if there is nothing to draw, or it cannot be drawn.
pub(super) fn png(course: &Course) -> Option<Vec<u8>> {
    encode(&draw(course)?)
}

fn draw(course: &Course) -> Option<Pixmap> {
    let curves = Curves::of(course)?;
    let steps = curves.steps();
    let upper = Scale::over(UPPER, steps, curves.amounts())?;
    let on = |line: &[(f32, f32)]| -> Vec<(f32, f32)> {
        line.iter().map(|point| upper.point(*point)).collect()
    };
    let mut canvas = Canvas::new()?;
    canvas.grid(&upper);
    let [low, middle, high] = &curves.expected;
    if middle.len() > 1 {
        let mut outline = on(low);
        outline.extend(on(high).into_iter().rev());
        canvas.area(&outline, colors::EXPECTED)?;
        canvas.line(&on(middle), colors::MIDDLE, 4.0, Some((4.0, 10.0)))?;
    }
    // The plan rises from nothing to its amount, at which a thin line marks the limit.
    canvas.line(
        &on(&curves.planned),
        colors::PLANNED,
        3.0,
        Some((14.0, 10.0)),
    )?;
    let limit = upper.y(curves.limit());
    let limit = [(UPPER[0], limit), (UPPER[2], limit)];
    canvas.line(&limit, colors::PLANNED, 2.0, None)?;
    if !curves.spent.is_empty() {
        canvas.line(&on(&curves.spent), colors::SPENT, 6.0, None)?;
    }
    canvas.days(&curves)?;
    Some(canvas.pixmap)
}

/// From steps and amounts to pixels.
struct Scale {
    area: [f32; 4],
    step: f32,
    low: f32,
    per_unit: f32,
}

impl Scale {
    /// A scale from zero, or below, to the largest value; `None` if there is no height.
    fn over(area: [f32; 4], steps: usize, values: impl Iterator<Item = f32>) -> Option<Scale> {
        let (low, high) = values.fold((0.0_f32, 0.0_f32), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let height = high - low;
        if !height.is_finite() || height <= 0.0 {
            return None;
        }
        Some(Scale {
            area,
            step: (area[2] - area[0]) / steps as f32,
            low,
            per_unit: (area[3] - area[1]) / height,
        })
    }

    fn y(&self, value: f32) -> f32 {
        self.area[3] - (value - self.low) * self.per_unit
    }

    /// An amount at a place along the period.
    fn point(&self, (place, value): (f32, f32)) -> (f32, f32) {
        (self.area[0] + self.step * place, self.y(value))
    }

    fn bar(&self, step: usize, value: f32) -> Option<Rect> {
        let left = self.area[0] + self.step * (step as f32 + 0.14);
        let (zero, end) = (self.y(0.0), self.y(value));
        Rect::from_ltrb(left, zero.min(end), left + self.step * 0.72, zero.max(end))
    }
}

struct Canvas {
    pixmap: Pixmap,
}

impl Canvas {
    fn new() -> Option<Canvas> {
        let mut pixmap = Pixmap::new(SIZE.0, SIZE.1)?;
        pixmap.fill(color(colors::CARD));
        Some(Canvas { pixmap })
    }

    fn grid(&mut self, scale: &Scale) {
        let [left, top, right, bottom] = scale.area;
        for line in 0..=4_u8 {
            let y = top + (bottom - top) * f32::from(line) / 4.0;
            if let Some(rect) = Rect::from_ltrb(left, y - 1.0, right, y + 1.0) {
                self.fill(&PathBuilder::from_rect(rect), colors::GRID);
            }
        }
    }

    /// What each day cost, lighter where it may change.
    fn days(&mut self, curves: &Curves) -> Option<()> {
        let costs = curves.costs.iter();
        let costs = costs.map(|cost| cost.unwrap_or(0.0));
        let Some(lower) = Scale::over(LOWER, curves.steps(), costs) else {
            return Some(());
        };
        for (step, cost) in curves.costs.iter().enumerate() {
            let color = if step < curves.settled {
                colors::SPENT
            } else {
                colors::OPEN
            };
            if let Some(bar) = cost.and_then(|cost| lower.bar(step, cost)) {
                self.fill(&PathBuilder::from_rect(bar), color);
            }
        }
        let zero = lower.y(0.0);
        let axis = [(LOWER[0], zero), (LOWER[2], zero)];
        self.line(&axis, colors::GRID, 2.0, None)
    }

    fn fill(&mut self, path: &Path, hex: &str) {
        let transform = Transform::identity();
        self.pixmap
            .fill_path(path, &paint(hex), FillRule::Winding, transform, None);
    }

    fn area(&mut self, outline: &[(f32, f32)], hex: &str) -> Option<()> {
        let mut path = path(outline)?;
        path.close();
        self.fill(&path.finish()?, hex);
        Some(())
    }

    fn line(
        &mut self,
        points: &[(f32, f32)],
        hex: &str,
        width: f32,
        dash: Option<(f32, f32)>,
    ) -> Option<()> {
        let stroke = Stroke {
            width,
            line_cap: LineCap::Round,
            line_join: LineJoin::Round,
            dash: dash.and_then(|(on, off)| StrokeDash::new(vec![on, off], 0.0)),
            ..Stroke::default()
        };
        let path = path(points)?.finish()?;
        let transform = Transform::identity();
        self.pixmap
            .stroke_path(&path, &paint(hex), &stroke, transform, None);
        Some(())
    }
}

fn path(points: &[(f32, f32)]) -> Option<PathBuilder> {
    let mut path = PathBuilder::new();
    let ((x, y), rest) = points.split_first()?;
    path.move_to(*x, *y);
    for (x, y) in rest {
        path.line_to(*x, *y);
    }
    Some(path)
}

fn paint(hex: &str) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color(color(hex));
    paint.anti_alias = true;
    paint
}

/// A color written as `#rrggbb`; black if it is not.
fn color(hex: &str) -> Color {
    let value = u32::from_str_radix(hex.trim_start_matches('#'), 16).unwrap_or(0);
    let [_, red, green, blue] = value.to_be_bytes();
    Color::from_rgba8(red, green, blue, 255)
}

fn encode(pixmap: &Pixmap) -> Option<Vec<u8>> {
    // The card is opaque, so there is nothing to undo in the colors.
    let rgb: Vec<u8> = pixmap
        .pixels()
        .iter()
        .flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()])
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixmap.width(), pixmap.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    // Areas of one color repeat as they are: unfiltered it is smaller than filtered and harder
    // compressed, in a tenth of the time.
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&rgb).ok()?;
    writer.finish().ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use budget_engine::Span;
    use rust_decimal::Decimal;

    /// The pixels of a chart, read back.
    fn pixels(course: &Course) -> impl Fn(u32, u32) -> [u8; 3] {
        let bytes = png(course).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut buffer).unwrap();
        assert_eq!((info.width, info.height), SIZE);
        move |x, y| {
            let at = usize::try_from((y * info.width + x) * 3).unwrap();
            [buffer[at], buffer[at + 1], buffer[at + 2]]
        }
    }

    fn rgb(hex: &str) -> [u8; 3] {
        let color = color(hex).to_color_u8();
        [color.red(), color.green(), color.blue()]
    }

    #[test]
    fn the_same_course_is_the_same_small_picture() {
        let first = png(&samples::course()).unwrap();
        assert_eq!(first, png(&samples::course()).unwrap());
        assert!(first.len() < 40_000, "{}", first.len());
    }

    #[test]
    fn lines_areas_and_bars_are_where_the_amounts_say() {
        // Two steps of two: 100 are spent, 200 planned, 300 to 500 expected, 500 are the full height.
        let amount = |amount: i64| Decimal::from(amount);
        let course = Course {
            step_days: 1,
            costs: vec![Some(amount(100))],
            settled: 1,
            planned: vec![amount(100), amount(200)],
            expected: vec![
                Span {
                    low: amount(100),
                    middle: amount(100),
                    high: amount(100),
                },
                Span {
                    low: amount(300),
                    middle: amount(400),
                    high: amount(500),
                },
            ],
        };
        let at = pixels(&course);
        // The upper part is 320 pixels high, from 336 at zero: 64 for each 100, in the middle 592.
        assert_eq!(at(592 - 292, 336 - 32), rgb(colors::SPENT));
        // Three quarters of the way from 100 the range is 250 to 400: 176 to 80 pixels from the top.
        let x = 592 + 438;
        assert_eq!(at(x, 120), rgb(colors::EXPECTED));
        assert_eq!(at(x, 60), rgb(colors::CARD));
        // The limit at 200.
        assert_eq!(at(100, 336 - 128), rgb(colors::PLANNED));
        // The bar of the first day, in the first half only.
        assert_eq!(at(300, 440), rgb(colors::SPENT));
        assert_eq!(at(884, 440), rgb(colors::CARD));
    }

    #[test]
    fn days_that_may_change_are_lighter_and_credits_hang_down() {
        let mut course = samples::course();
        course.costs[12] = Some(Decimal::from(-900));
        let at = pixels(&course);
        let width = 1168.0 / 31.0;
        let middle = |step: f32| (8.0 + width * (step + 0.5)) as u32;
        assert_eq!(at(middle(12.0), 460), rgb(colors::OPEN));
        assert_eq!(at(middle(12.0), 380), rgb(colors::CARD));
        assert_eq!(at(middle(10.0), 380), rgb(colors::SPENT));
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let nothing = Course {
            step_days: 1,
            costs: vec![Some(Decimal::ZERO)],
            settled: 1,
            planned: vec![Decimal::ZERO; 3],
            expected: Vec::new(),
        };
        assert_eq!(png(&nothing), None);
        let odd = Course {
            costs: vec![None; 9],
            ..nothing
        };
        assert_eq!(png(&odd), None);
    }
}
