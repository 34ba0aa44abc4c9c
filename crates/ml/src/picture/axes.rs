//! Two axes with round numbers on them, and what lies between.

use super::canvas::{Anchor, Canvas, DARK, GRID, Ink, Letters};

/// Numbers from here to there, along some pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    start: i32,
    end: i32,
}

impl Scale {
    /// A range of no width is made one.
    pub(super) fn new(from: f64, to: f64, start: i32, end: i32) -> Self {
        let to = if to > from && (to - from).is_finite() { to } else { from + 1.0 };
        Self { from, to, start, end }
    }

    #[expect(clippy::cast_possible_truncation, reason = "held within the sheet")]
    pub(super) fn pixel(self, value: f64) -> i32 {
        let share = ((value - self.from) / (self.to - self.from)).clamp(-0.1, 1.1);
        self.start + (share * f64::from(self.end - self.start)).round() as i32
    }

    /// Round numbers within it, about so many.
    pub(super) fn ticks(self, about: u32) -> Vec<f64> {
        let rough = (self.to - self.from) / f64::from(about.max(1));
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|unit| unit * power).find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        let mut ticks = Vec::new();
        let mut value = (self.from / step).ceil() * step;
        while value <= self.to + step * 1e-9 && ticks.len() < 50 {
            // Adding up leaves dust at zero.
            ticks.push(if value.abs() < step * 1e-9 { 0.0 } else { value });
            value += step;
        }
        ticks
    }
}

/// A number in few letters: 0.25, 1.2k, 3.4M, 1e-6.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    let trimmed = |text: String| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    };
    match size {
        0.0 => "0".to_owned(),
        _ if !(1e-4..1e12).contains(&size) => format!("{value:.1e}"),
        _ if size >= 1e9 => trimmed(format!("{:.2}", value / 1e9)) + "G",
        _ if size >= 1e6 => trimmed(format!("{:.2}", value / 1e6)) + "M",
        _ if size >= 1e4 => trimmed(format!("{:.1}", value / 1e3)) + "k",
        _ if size >= 100.0 => trimmed(format!("{value:.1}")),
        _ => trimmed(format!("{value:.4}")),
    }
}

/// A text of at most so many letters.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(2)).chain("..".chars()).collect()
}

/// The area between two axes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axes {
    pub(super) x: Scale,
    pub(super) y: Scale,
}

impl Axes {
    /// Draws both with a grid, their numbers and what these are of.
    pub(super) fn draw(self, canvas: &mut Canvas, x_name: &str, y_name: &str) {
        let (left, right, bottom, top) = (self.x.start, self.x.end, self.y.start, self.y.end);
        for tick in self.y.ticks(5) {
            let y = self.y.pixel(tick);
            canvas.line((left, y), (right, y), GRID, 1);
            canvas.text((left - 8, y), &short(tick), Letters::Small, Anchor::Right, DARK);
        }
        for tick in self.x.ticks(6) {
            let x = self.x.pixel(tick);
            canvas.line((x, bottom), (x, bottom + 5), DARK, 1);
            canvas.text((x, bottom + 16), &short(tick), Letters::Small, Anchor::Middle, DARK);
        }
        canvas.line((left, bottom), (right, bottom), DARK, 1);
        canvas.line((left, bottom), (left, top), DARK, 1);
        canvas.text((i32::midpoint(left, right), bottom + 38), x_name, Letters::Small, Anchor::Middle, DARK);
        canvas.text((left, top - 14), y_name, Letters::Small, Anchor::Left, DARK);
    }

    /// A line through points.
    pub(super) fn curve(self, canvas: &mut Canvas, points: &[(f64, f64)], ink: Ink) {
        for pair in points.windows(2) {
            canvas.line(self.at(pair[0]), self.at(pair[1]), ink, 3);
        }
        if let [only] = points {
            canvas.dot(self.at(*only), 9, ink);
        }
    }

    pub(super) fn at(self, (x, y): (f64, f64)) -> (i32, i32) {
        (self.x.pixel(x), self.y.pixel(y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_on_axes_are_round_and_short() {
        assert_eq!(Scale::new(0.0, 1.0, 0, 100).ticks(5), [0.0, 0.2, 0.4, 0.600_000_000_000_000_1, 0.8, 1.0]);
        assert_eq!(Scale::new(-3.0, 3.0, 0, 100).ticks(3), [-2.0, 0.0, 2.0]);
        assert!(Scale::new(5.0, 5.0, 0, 100).ticks(5).len() > 1);
        assert!(Scale::new(f64::MIN, f64::MAX, 0, 100).ticks(5).len() < 51);
        let shown: Vec<String> = [0.0, 0.600_000_000_000_000_1, -1500.0, 12_345.0, 2.5e7, 1e-7].map(short).into();
        assert_eq!(shown, ["0", "0.6", "-1500", "12.3k", "25M", "1.0e-7"]);
        assert_eq!(cut("sepal length", 8), "sepal ..");
    }
}
