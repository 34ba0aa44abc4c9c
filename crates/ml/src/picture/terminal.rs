//! The same pictures as text, for a terminal.

use trainyard_train::{CalibrationBin, Confusion, CurvePoint, Importance};

use super::axes::{cut, short};
use crate::dataset::Histogram;

/// Eighths of a letter's height.
const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A histogram in one line: `▁▃█▅▁ 4.3 … 7.9`.
#[expect(clippy::cast_precision_loss, reason = "counts as heights")]
pub fn histogram(histogram: &Histogram) -> String {
    let (Some(first), Some(last)) = (histogram.bars.first(), histogram.bars.last()) else { return String::new() };
    let counts: Vec<f64> = histogram.bars.iter().map(|bar| bar.count as f64).collect();
    format!("{} {} … {}", strip(&counts), short(first.from), short(last.to))
}

/// Heights as letters; what is more than nothing is seen.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 8")]
fn strip(heights: &[f64]) -> String {
    let most = heights.iter().copied().filter(|height| height.is_finite()).fold(0.0, f64::max);
    let letter = |height: &f64| {
        let share = if most > 0.0 && height.is_finite() { height / most } else { 0.0 };
        let level = (share * 8.0).round() as usize;
        LEVELS[if *height > 0.0 { level.clamp(1, 8) } else { 0 }]
    };
    heights.iter().map(letter).collect()
}

/// Loss by round in two lines, squeezed to so many letters.
pub fn learning_curve(points: &[CurvePoint], width: usize) -> String {
    let line = |name: &str, losses: &[f64]| {
        let (Some(first), Some(last)) = (losses.first(), losses.last()) else { return String::new() };
        let shown: Vec<f64> = (0..losses.len().min(width.max(1)))
            .map(|at| losses[at * losses.len() / losses.len().min(width.max(1))])
            .collect();
        format!("{name:<16} {} {} → {}\n", strip(&shown), short(*first), short(*last))
    };
    let training: Vec<f64> = points.iter().map(|point| point.training_loss).collect();
    let validation: Vec<f64> = points.iter().filter_map(|point| point.validation_loss).collect();
    line("learned from", &training) + &line("not seen", &validation)
}

/// A bar for each of the first features.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a number of letters"
)]
pub fn importance(features: &[Importance], count: usize, width: usize) -> String {
    let most = features.iter().map(|feature| feature.share).fold(0.0, f64::max);
    let bar = |share: f64| "█".repeat(if most > 0.0 { (share / most * width as f64).round() as usize } else { 0 });
    let line = |feature: &Importance| {
        format!("{:<30} {:>5.1} % {}\n", cut(&feature.feature, 30), feature.share * 100.0, bar(feature.share))
    };
    features.iter().take(count).map(line).collect()
}

/// What was predicted beside what was true, a line for each bin; the bars are the rows.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a number of letters"
)]
pub fn calibration(bins: &[CalibrationBin], width: usize) -> String {
    let most = bins.iter().map(|bin| bin.rows).max().unwrap_or(1).max(1);
    let bar = |rows: u64| "█".repeat((rows as f64 / most as f64 * width as f64).round() as usize);
    let line = |bin: &CalibrationBin| {
        let (predicted, observed) = (bin.predicted * 100.0, bin.observed * 100.0);
        format!("{predicted:>9.1} % {observed:>9.1} % {:>9} {}\n", bin.rows, bar(bin.rows))
    };
    let lines: String = bins.iter().map(line).collect();
    format!("{:>11} {:>11} {:>9}\n{lines}", "predicted", "true", "rows")
}

/// Classes whose table fits a terminal.
const MOST_CLASSES: usize = 12;
/// Pairs of classes that are shown where the table would not fit.
const MOST_PAIRS: usize = 10;

/// A table of counts: a row for each true class, a column for each predicted one. Of many classes only those that were most
/// often taken for each other.
pub fn confusion(matrix: &Confusion) -> String {
    if matrix.classes.len() > MOST_CLASSES {
        return mistakes(matrix);
    }
    let width = matrix.classes.iter().map(|class| class.chars().count()).max().unwrap_or(0).clamp(6, 14);
    let row = |name: &str, cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|cell| format!(" {:>width$}", cut(cell, width))).collect();
        let cells = cells.concat();
        format!("{:<width$}{cells}\n", cut(name, width))
    };
    let counts = |counts: &Vec<u64>| counts.iter().map(u64::to_string).collect();
    let mut text = "rows by true class (down) and predicted class (across)\n".to_owned();
    text += &row("true", matrix.classes.clone());
    text.extend(matrix.classes.iter().zip(&matrix.counts).map(|(class, found)| row(class, counts(found))));
    text
}

/// The most frequent of all pairs of a true class and another one that was predicted.
fn mistakes(matrix: &Confusion) -> String {
    let names = &matrix.classes;
    let pairs = names.iter().zip(&matrix.counts).flat_map(|(real, counts)| {
        names.iter().zip(counts).filter(move |(said, count)| *said != real && **count > 0).map(move |pair| (real, pair))
    });
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_by_key(|(_, (_, count))| std::cmp::Reverse(**count));
    let line = |(real, (said, count)): &(&String, (&String, &u64))| {
        format!("{:<30} {:<30} {count:>9}\n", cut(real, 30), cut(said, 30))
    };
    let lines: String = pairs.iter().take(MOST_PAIRS).map(line).collect();
    let heading = format!("rows of which class was taken for another most often, of {} classes", names.len());
    format!("{heading}\n{:<30} {:<30} {:>9}\n{lines}", "true", "predicted", "rows")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Bar;

    #[test]
    fn pictures_fit_a_terminal() {
        let bars = [1, 8, 0, 4].iter().enumerate().map(|(at, count)| {
            let from = f64::from(u32::try_from(at).unwrap());
            Bar { from, to: from + 1.0, count: *count }
        });
        let found = Histogram { bars: bars.collect(), below: 0, above: 0 };
        assert_eq!(histogram(&found), "▁█ ▄ 0 … 4");
        let matrix = Confusion { classes: vec!["no".into(), "yes".into()], counts: vec![vec![90, 3], vec![4, 120]] };
        let lines = "true       no    yes\nno         90      3\nyes         4    120\n";
        assert!(confusion(&matrix).ends_with(&format!("(across)\n{lines}")), "{}", confusion(&matrix));
        let classes = (0..20).map(|class| format!("class {class}")).collect();
        let mut counts = vec![vec![5; 20]; 20];
        counts[3][17] = 40;
        let many = confusion(&Confusion { classes, counts });
        assert!(many.contains("of 20 classes") && many.lines().count() == 12, "{many}");
        assert!(many.lines().nth(2).unwrap().ends_with("40"), "{many}");
        let features = [Importance { feature: "age".into(), share: 0.75, splits: 3 }];
        assert!(importance(&features, 5, 4).ends_with("75.0 % ████\n"));
        let bins = [(0.1, 0.125, 40), (0.9, 1.0, 80)];
        let bins = bins.map(|(predicted, observed, rows)| CalibrationBin { predicted, observed, rows });
        let lines = "  predicted        true      rows\n     10.0 %      12.5 %        40 ██\n     90.0 %     100.0 %        80 ████\n";
        assert_eq!(calibration(&bins, 4), lines);
        let points = [CurvePoint { round: 1, training_loss: 0.8, validation_loss: None }];
        assert_eq!(learning_curve(&points, 40), "learned from     █ 0.8 → 0.8\n");
    }
}
