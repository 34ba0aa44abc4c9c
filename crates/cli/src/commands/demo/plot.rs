//! A curve made of letters.

/// Lines of a curve.
const HEIGHT: usize = 8;
/// Letters of a column.
const WIDTH: usize = 3;
/// Parts of a line, from the bottom up.
const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Values from left to right as columns, from zero up, with the highest and the last value beside them. Nothing where there
/// is nothing to draw.
pub(super) fn columns(values: &[f64]) -> String {
    let highest = values.iter().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    let Some(last) = values.last().filter(|_| highest > 0.0) else { return String::new() };
    let full = HEIGHT * STEPS.len();
    #[expect(clippy::cast_precision_loss, reason = "a few dozen steps")]
    let steps = full as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to a few dozen")]
    let height = |value: &f64| ((value.clamp(0.0, highest) / highest * steps).round() as usize).min(full);
    let heights: Vec<usize> = values.iter().map(height).collect();
    let mut text = String::new();
    for line in (0..HEIGHT).rev() {
        let label = match line {
            _ if line == HEIGHT - 1 => format!("{highest:.3}"),
            0 => "0".to_owned(),
            _ => String::new(),
        };
        let bar = |height: &usize| match height.saturating_sub(line * STEPS.len()) {
            0 => ' ',
            some => STEPS[some.min(STEPS.len()) - 1],
        };
        let bars: String = heights.iter().map(bar).flat_map(|letter| [letter; WIDTH]).collect();
        text.push_str(format!("{label:>8} {bars}").trim_end());
        text.push('\n');
    }
    text.push_str(&format!("{:>8} {} rounds, {last:.3} after the last\n", "", values.len()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_falls_from_left_to_right() {
        let drawn = columns(&[1.0, 0.5, 0.25]);
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines.len(), HEIGHT + 1);
        assert_eq!((lines[0], lines[4], lines[7]), ("   1.000 ███", "         ██████", "       0 █████████"));
        assert!(lines[8].ends_with("3 rounds, 0.250 after the last"));
    }

    #[test]
    fn where_there_is_nothing_to_draw_nothing_is_drawn() {
        assert_eq!(columns(&[]), "");
        assert_eq!(columns(&[0.0, f64::NAN]), "");
    }
}
