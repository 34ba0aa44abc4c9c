//! The pictures.

use trainyard_contract::{Picture, Result};
use trainyard_train::{CalibrationBin, Confusion, CurvePoint, Importance};

use super::{
    axes::{Axes, Scale, cut, short},
    canvas::{Anchor, Canvas, DARK, FIRST, GRID, Ink, Letters, SECOND},
    terminal,
};
use crate::dataset::{ColumnProfile, Histogram};

const WIDTH: u32 = 960;
const HEIGHT: u32 = 540;

/// Strips of histograms in one picture.
const MOST_STRIPS: usize = 12;

/// Classes of a confusion matrix that are drawn.
const MOST_CLASSES: usize = 12;

/// Features whose importance is drawn.
const MOST_FEATURES: usize = 20;

/// Letters that the longest line of a plot in characters is wide.
const COLUMNS: usize = 60;

/// What is on axes.
const ROUND: &str = "boosting round";
const IMPORTANCE: &str = "share of all gain, %";

fn titled(width: u32, height: u32, title: &str) -> Canvas {
    let mut canvas = Canvas::new(width, height);
    let letters = (width / 10).saturating_sub(4) as usize;
    canvas.text((20, 22), &cut(title, letters), Letters::Large, Anchor::Left, DARK);
    canvas
}

/// The area between the axes of an ordinary picture.
fn plane(canvas: &Canvas, x: (f64, f64), y: (f64, f64)) -> Axes {
    let (width, height) = canvas.size();
    Axes { x: Scale::new(x.0, x.1, 90, width - 40), y: Scale::new(y.0, y.1, height - 60, 80) }
}

/// How the numbers of a dataset's columns are spread, one strip a column. None where no column has numbers that differ.
pub fn histograms(columns: &[ColumnProfile]) -> Result<Option<Picture>> {
    let with: Vec<(&ColumnProfile, &Histogram)> =
        columns.iter().filter_map(|column| Some((column, column.histogram.as_ref()?))).collect();
    if with.is_empty() {
        return Ok(None);
    }
    let shown = &with[..with.len().min(MOST_STRIPS)];
    let across = if shown.len() > 4 { 2 } else { 1 };
    let down = i32::try_from(shown.len().div_ceil(across)).unwrap_or(1);
    let strip = 120;
    let canvas_height = u32::try_from(60 + down * strip).unwrap_or(HEIGHT);
    let mut canvas = titled(WIDTH, canvas_height, "Rows by value of each column");
    let strip_width = canvas.size().0 / i32::try_from(across).unwrap_or(1);
    for (at, (column, histogram)) in shown.iter().enumerate() {
        let at = i32::try_from(at).unwrap_or_default();
        let across = i32::try_from(across).unwrap_or(1);
        let corner = ((at % across) * strip_width, 45 + (at / across) * strip);
        histogram_strip(&mut canvas, corner, (strip_width, strip), column, histogram);
    }
    let names: Vec<&str> = shown.iter().map(|(column, _)| column.name.as_str()).collect();
    let more = with.len() - shown.len();
    let rest = if more > 0 { format!(" and {more} more that are not drawn") } else { String::new() };
    let plot = shown
        .iter()
        .map(|(column, histogram)| format!("{:<30} {}\n", cut(&column.name, 30), terminal::histogram(histogram)));
    canvas.picture(format!("Histograms of {}{rest}", names.join(", ")), Some(plot.collect())).map(Some)
}

#[expect(clippy::cast_precision_loss, reason = "counts as heights")]
fn histogram_strip(
    canvas: &mut Canvas,
    corner: (i32, i32),
    size: (i32, i32),
    column: &ColumnProfile,
    histogram: &Histogram,
) {
    let (Some(first), Some(last)) = (histogram.bars.first(), histogram.bars.last()) else { return };
    let most = histogram.bars.iter().map(|bar| bar.count).max().unwrap_or(1).max(1);
    let (left, right) = (corner.0 + 70, corner.0 + size.0 - 30);
    let (top, bottom) = (corner.1 + 28, corner.1 + size.1 - 26);
    let (x, y) = (Scale::new(first.from, last.to, left, right), Scale::new(0.0, most as f64, bottom, top));
    let outside = histogram.below + histogram.above;
    let note = if outside > 0 { format!(" ({} outside)", short(outside as f64)) } else { String::new() };
    let letters = usize::try_from((right - left) / Letters::Small.width()).unwrap_or(20);
    canvas.text(
        (left, corner.1 + 14),
        &cut(&format!("{}{note}", column.name), letters),
        Letters::Small,
        Anchor::Left,
        DARK,
    );
    for bar in &histogram.bars {
        let (from, to, height) = (x.pixel(bar.from), x.pixel(bar.to), bottom - y.pixel(bar.count as f64));
        // What is there is seen, however little it is.
        let height = if bar.count > 0 { height.max(1) } else { 0 };
        canvas.fill((from + 1, bottom - height), ((to - from - 1).max(1), height), FIRST);
    }
    canvas.line((left, bottom), (right, bottom), DARK, 1);
    canvas.text((left - 8, top), &short(most as f64), Letters::Small, Anchor::Right, DARK);
    canvas.text((left - 8, bottom), "0", Letters::Small, Anchor::Right, DARK);
    for tick in x.ticks(5) {
        canvas.line((x.pixel(tick), bottom), (x.pixel(tick), bottom + 4), DARK, 1);
        canvas.text((x.pixel(tick), bottom + 14), &short(tick), Letters::Small, Anchor::Middle, DARK);
    }
}

/// Loss by round, on rows that were learned from and on others. None where there are no rounds.
#[expect(clippy::cast_precision_loss, reason = "rounds as places")]
pub fn learning_curve(points: &[CurvePoint], loss: &str) -> Result<Option<Picture>> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Ok(None) };
    let training: Vec<(f64, f64)> = points.iter().map(|point| (point.round as f64, point.training_loss)).collect();
    let validation: Vec<(f64, f64)> =
        points.iter().filter_map(|point| Some((point.round as f64, point.validation_loss?))).collect();
    let finite = || training.iter().chain(&validation).map(|(_, loss)| *loss).filter(|loss| loss.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    if low > high {
        return Ok(None);
    }
    let mut canvas = titled(WIDTH, HEIGHT, "Learning curve");
    let axes = plane(&canvas, (first.round as f64, last.round as f64), (low.min(0.0), high));
    axes.draw(&mut canvas, ROUND, loss);
    axes.curve(&mut canvas, &training, FIRST);
    axes.curve(&mut canvas, &validation, SECOND);
    legend(
        &mut canvas,
        &[("rows learned from", FIRST), ("rows not seen", SECOND)][..=usize::from(!validation.is_empty())],
    );
    let end = validation.last().or(training.last()).map_or(0.0, |(_, loss)| *loss);
    let plot = format!("{loss} by {ROUND}\n{}", terminal::learning_curve(points, COLUMNS));
    canvas.picture(format!("{loss} over {} rounds, ending at {}", last.round, short(end)), Some(plot)).map(Some)
}

fn legend(canvas: &mut Canvas, entries: &[(&str, Ink)]) {
    let mut right = canvas.size().0 - 40;
    for (name, ink) in entries.iter().rev() {
        canvas.text((right, 52), name, Letters::Small, Anchor::Right, DARK);
        right -= i32::try_from(name.chars().count()).unwrap_or(0) * Letters::Small.width() + 12;
        canvas.fill((right - 14, 46), (14, 12), *ink);
        right -= 40;
    }
}

/// Which classes were taken for which, shaded by the share of each true class. None where there are no classes.
#[expect(clippy::cast_precision_loss, reason = "shares")]
pub fn confusion(matrix: &Confusion) -> Result<Option<Picture>> {
    let classes = matrix.classes.len().min(MOST_CLASSES);
    let Ok(side) = i32::try_from(classes) else { return Ok(None) };
    if classes == 0 || matrix.counts.len() < classes || matrix.counts.iter().any(|row| row.len() < classes) {
        return Ok(None);
    }
    let cell = if classes <= 4 { 120 } else { 62 };
    let (left, top) = (230, 110);
    let (width, height) = (left + side * cell + 40, top + side * cell + 40);
    let mut canvas =
        titled(width.max(640).unsigned_abs(), height.max(300).unsigned_abs(), "Confusion matrix (rows of data)");
    canvas.text((left + side * cell / 2, 62), "predicted", Letters::Small, Anchor::Middle, DARK);
    canvas.text((20, top - 14), "true", Letters::Small, Anchor::Left, DARK);
    for (row, (name, counts)) in matrix.classes.iter().zip(&matrix.counts).take(classes).enumerate() {
        let total = counts.iter().sum::<u64>().max(1);
        let y = top + i32::try_from(row).unwrap_or_default() * cell;
        canvas.text((left - 12, y + cell / 2), &cut(name, 22), Letters::Small, Anchor::Right, DARK);
        let letters = usize::try_from(cell / Letters::Small.width()).unwrap_or(5) - 1;
        let x = left + i32::try_from(row).unwrap_or_default() * cell;
        canvas.text((x + cell / 2, top - 16), &cut(name, letters), Letters::Small, Anchor::Middle, DARK);
        for (column, count) in counts.iter().take(classes).enumerate() {
            let (paint, ink) = Ink::shade(*count as f64 / total as f64);
            let x = left + i32::try_from(column).unwrap_or_default() * cell;
            canvas.fill((x + 1, y + 1), (cell - 2, cell - 2), paint);
            canvas.text((x + cell / 2, y + cell / 2), &short(*count as f64), Letters::Small, Anchor::Middle, ink);
        }
    }
    let right: u64 = (0..matrix.classes.len()).filter_map(|at| matrix.counts.get(at)?.get(at)).sum();
    let all: u64 = matrix.counts.iter().flatten().sum();
    let left_out = matrix.classes.len() - classes;
    let rest = if left_out > 0 { format!("; {left_out} classes are not drawn") } else { String::new() };
    let plot = terminal::confusion(matrix);
    canvas.picture(format!("Confusion matrix: {right} of {all} rows right{rest}"), Some(plot)).map(Some)
}

/// How much each feature is used, most first. None where there are no features.
pub fn importance(features: &[Importance]) -> Result<Option<Picture>> {
    let shown = &features[..features.len().min(MOST_FEATURES)];
    let Some(most) = shown.iter().map(|feature| feature.share).filter(|share| share.is_finite()).reduce(f64::max)
    else {
        return Ok(None);
    };
    let height = 28;
    let down = i32::try_from(shown.len()).unwrap_or(1) * height;
    let mut canvas = titled(WIDTH, (120 + down).unsigned_abs(), "Importance of features");
    let (width, bottom) = (canvas.size().0, 50 + down);
    let x = Scale::new(0.0, most * 100.0, 300, width - 60);
    for tick in x.ticks(5) {
        canvas.line((x.pixel(tick), 50), (x.pixel(tick), bottom), GRID, 1);
        canvas.text((x.pixel(tick), bottom + 16), &short(tick), Letters::Small, Anchor::Middle, DARK);
    }
    for (at, feature) in shown.iter().enumerate() {
        let y = 50 + i32::try_from(at).unwrap_or_default() * height;
        canvas.text((290, y + height / 2), &cut(&feature.feature, 30), Letters::Small, Anchor::Right, DARK);
        canvas.fill((300, y + 5), ((x.pixel(feature.share * 100.0) - 300).max(1), height - 10), FIRST);
    }
    canvas.line((300, 50), (300, bottom), DARK, 1);
    canvas.text(((300 + width - 60) / 2, bottom + 38), IMPORTANCE, Letters::Small, Anchor::Middle, DARK);
    let first: Vec<String> =
        shown.iter().take(3).map(|feature| format!("{} {:.0} %", feature.feature, feature.share * 100.0)).collect();
    let plot = format!("{IMPORTANCE}, by feature\n{}", terminal::importance(features, MOST_FEATURES, COLUMNS / 2));
    canvas.picture(format!("Importance of features, first {}", first.join(", ")), Some(plot)).map(Some)
}

/// How often what was predicted with a probability was true. None where there are no bins.
#[expect(clippy::cast_precision_loss, reason = "counts as sizes")]
pub fn calibration(bins: &[CalibrationBin]) -> Result<Option<Picture>> {
    let Some(most) = bins.iter().map(|bin| bin.rows).max() else { return Ok(None) };
    let mut canvas = titled(640, 600, "Calibration");
    let axes = plane(&canvas, (0.0, 1.0), (0.0, 1.0));
    axes.draw(&mut canvas, "predicted probability", "share that was true");
    canvas.line(axes.at((0.0, 0.0)), axes.at((1.0, 1.0)), DARK, 1);
    let points: Vec<(f64, f64)> = bins.iter().map(|bin| (bin.predicted, bin.observed)).collect();
    axes.curve(&mut canvas, &points, FIRST);
    for bin in bins {
        let share = (bin.rows as f64 / most.max(1) as f64).sqrt();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 6 and 20")]
        let diameter = (6.0 + 14.0 * share) as u32;
        canvas.dot(axes.at((bin.predicted, bin.observed)), diameter, FIRST);
    }
    let worst = bins.iter().map(|bin| (bin.predicted - bin.observed).abs()).fold(0.0, f64::max);
    let alt = format!("Calibration in {} bins, at most {} off", bins.len(), short(worst));
    canvas.picture(alt, Some(terminal::calibration(bins, COLUMNS / 2))).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Layout, Settings, Wanted, Watch, profile};

    /// Decodes a picture, as a viewer does; gives its width, height, and the share of pixels that are not paper.
    fn look(picture: &Picture) -> (u32, u32, f64) {
        assert!(picture.png.len() < 200_000, "{} bytes", picture.png.len());
        let mut reader = png::Decoder::new(std::io::Cursor::new(&picture.png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let inked = pixels.iter().filter(|pixel| **pixel != 0).count();
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let share = inked as f64 / pixels.len() as f64;
        if let Some(folder) = option_env!("TRAINYARD_KEEP_PICTURES") {
            let name = picture.alt.split_whitespace().next().unwrap_or("picture");
            std::fs::write(std::path::Path::new(folder).join(format!("{name}.png")), &picture.png).unwrap();
        }
        (info.width, info.height, share)
    }

    #[test]
    fn pictures_are_small_and_show_something() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let mut text = String::from("height,weight,kind,constant\n");
        for row in 0..3000_u32 {
            let noise = f64::from(row.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
            text.push_str(&format!("{},{},{},1\n", 150.0 + 40.0 * noise * noise, 40.0 + f64::from(row % 60), row % 3));
        }
        std::fs::write(&path, text).unwrap();
        let layout = Layout::of(&path, &Wanted::default()).unwrap();
        let found = profile(&path, &layout, &Settings::default(), &Watch::default()).unwrap();
        let picture = histograms(&found.columns).unwrap().unwrap();
        assert!(picture.alt.contains("height, weight, kind"), "{}", picture.alt);
        let (width, _, share) = look(&picture);
        assert!(width == WIDTH && share > 0.1, "{share}");

        let curve: Vec<CurvePoint> = (1..=100_u32)
            .map(|round| CurvePoint {
                round: round as usize,
                training_loss: 0.7 / f64::from(round),
                validation_loss: Some(0.2 + 0.5 / f64::from(round)),
            })
            .collect();
        assert!(look(&learning_curve(&curve, "log loss").unwrap().unwrap()).2 > 0.01);
        let matrix =
            Confusion { classes: vec!["malignant".into(), "benign".into()], counts: vec![vec![200, 12], vec![3, 354]] };
        let picture = confusion(&matrix).unwrap().unwrap();
        assert!(picture.alt.contains("554 of 569"), "{}", picture.alt);
        assert!(look(&picture).2 > 0.1);
        let importances: Vec<Importance> = (0..30_usize)
            .map(|at| Importance {
                feature: format!("feature number {at}"),
                share: 0.2 / (1.0 + f64::from(u32::try_from(at).unwrap())),
                splits: at,
            })
            .collect();
        assert!(look(&importance(&importances).unwrap().unwrap()).2 > 0.02);
        let bins: Vec<CalibrationBin> = (0..10_u32)
            .map(|at| CalibrationBin {
                predicted: f64::from(at) / 10.0 + 0.05,
                observed: f64::from(at) / 10.0,
                rows: u64::from(at) * 10,
            })
            .collect();
        assert!(look(&calibration(&bins).unwrap().unwrap()).2 > 0.01);
    }

    #[test]
    fn nothing_to_draw_is_no_picture() {
        assert!(histograms(&[]).unwrap().is_none());
        assert!(learning_curve(&[], "log loss").unwrap().is_none());
        assert!(confusion(&Confusion { classes: vec![], counts: vec![] }).unwrap().is_none());
        assert!(importance(&[]).unwrap().is_none());
        assert!(calibration(&[]).unwrap().is_none());
        let strange = CurvePoint { round: 1, training_loss: f64::NAN, validation_loss: None };
        assert!(learning_curve(&[strange], "log loss").unwrap().is_none());
    }
}
