//! How good predictions are, and how sure that is.

use rand_xoshiro::rand_core::RngCore;

use crate::{
    CalibrationBin, Confusion, Metric,
    learn::{number, split},
    model::largest,
};

/// Resamplings of a bootstrap.
const RESAMPLES: usize = 200;
/// Fewer rows say too little about an interval.
const LEAST: usize = 20;
const Z: f64 = 1.959_963_984_540_054;

fn metric(name: &str, value: f64, interval: Option<(f64, f64)>, higher_is_better: bool) -> Metric {
    let interval = interval.filter(|(low, high)| low.is_finite() && high.is_finite());
    Metric { name: name.to_owned(), value, low: interval.map(|i| i.0), high: interval.map(|i| i.1), higher_is_better }
}

/// RMSE, MAE and R².
pub(crate) fn regression(truth: &[f64], predicted: &[f64], seed: u64) -> Vec<Metric> {
    let errors: Vec<f64> = truth.iter().zip(predicted).map(|(y, p)| y - p).collect();
    let squares: Vec<f64> = errors.iter().map(|e| e * e).collect();
    let sizes: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
    let (square, square_interval) = mean(&squares, 0.0, f64::INFINITY);
    let (mae, mae_interval) = mean(&sizes, 0.0, f64::INFINITY);
    let r2 = |rows: &mut dyn Iterator<Item = usize>| {
        let (mut n, mut sum, mut square, mut residual) = (0.0, 0.0, 0.0, 0.0);
        for row in rows {
            n += 1.0;
            let y = truth[row] - truth[0];
            sum += y;
            square += y * y;
            residual += squares[row];
        }
        1.0 - residual / (square - sum * sum / n)
    };
    vec![
        metric("rmse", square.sqrt(), square_interval.map(|(low, high)| (low.sqrt(), high.sqrt())), false),
        metric("mae", mae, mae_interval, false),
        metric("r2", r2(&mut (0..truth.len())), bootstrap(truth.len(), seed, r2), true),
    ]
}

/// Accuracy, F1, AUC, log loss, Brier score and calibration error, from the probabilities of all classes, row after row.
pub(crate) fn classification(truth: &[u32], probabilities: &[f64], classes: usize, seed: u64) -> Vec<Metric> {
    let predicted: Vec<usize> = probabilities.chunks(classes).map(largest).collect();
    let right = truth.iter().zip(&predicted).filter(|(truth, predicted)| **truth as usize == **predicted).count();
    let of = |row: usize, class: usize| probabilities[row * classes + class];
    let losses: Vec<f64> =
        truth.iter().enumerate().map(|(row, &class)| -of(row, class as usize).clamp(1e-15, 1.0).ln()).collect();
    let squares: Vec<f64> = (0..truth.len())
        .map(|row| {
            let sum: f64 = (0..classes)
                .map(|class| (of(row, class) - f64::from(u8::from(truth[row] as usize == class))).powi(2))
                .sum();
            // Two classes: the square of one probability, as the field counts it.
            if classes == 2 { sum / 2.0 } else { sum }
        })
        .collect();
    let (log_loss, log_interval) = mean(&losses, 0.0, f64::INFINITY);
    let (brier, brier_interval) = mean(&squares, 0.0, f64::INFINITY);
    let f1 = |rows: &mut dyn Iterator<Item = usize>| f1(truth, &predicted, classes, rows);
    let mut metrics = vec![
        metric("accuracy", number(right) / number(truth.len()), wilson(right, truth.len()), true),
        metric("f1", f1(&mut (0..truth.len())), bootstrap(truth.len(), seed, f1), true),
    ];
    if let Some((auc, interval)) = area(truth, probabilities, classes) {
        metrics.push(metric("auc", auc, interval, true));
    }
    metrics.push(metric("log_loss", log_loss, log_interval, false));
    metrics.push(metric("brier", brier, brier_interval, false));
    let bins = calibration(truth, probabilities, classes);
    let error: f64 = bins
        .iter()
        .map(|bin| u32::try_from(bin.rows).map_or(0.0, f64::from) * (bin.predicted - bin.observed).abs())
        .sum();
    metrics.push(metric("calibration_error", error / number(truth.len()), None, false));
    metrics
}

/// Of the second class; with more than two, the mean over the classes that occur.
fn f1(truth: &[u32], predicted: &[usize], classes: usize, rows: &mut dyn Iterator<Item = usize>) -> f64 {
    let mut counts = vec![(0_usize, 0_usize, 0_usize); classes];
    for row in rows {
        let (real, said) = (truth[row] as usize, predicted[row]);
        counts[real].1 += 1;
        counts[said].2 += 1;
        counts[real].0 += usize::from(real == said);
    }
    let score =
        |&(hit, real, said): &(usize, usize, usize)| (real + said > 0).then(|| 2.0 * number(hit) / number(real + said));
    if classes == 2 {
        return score(&counts[1]).unwrap_or(0.0);
    }
    let scores: Vec<f64> = counts.iter().filter_map(score).collect();
    scores.iter().sum::<f64>() / number(scores.len()).max(1.0)
}

/// Of the second class; with more than two, the mean over those that occur. A mean errs by no more than its parts do in the
/// mean, however they hang together, so that is its interval.
fn area(truth: &[u32], probabilities: &[f64], classes: usize) -> Option<(f64, Option<(f64, f64)>)> {
    let one = |class: usize| {
        let rows: Vec<(f64, bool)> = truth
            .iter()
            .enumerate()
            .map(|(row, &real)| (probabilities[row * classes + class], real as usize == class))
            .collect();
        let auc = auc(&rows)?;
        let positive = rows.iter().filter(|row| row.1).count();
        Some((auc, hanley_mcneil(auc, number(positive), number(rows.len() - positive))))
    };
    let all: Vec<(f64, f64)> = if classes == 2 { vec![one(1)?] } else { (0..classes).filter_map(one).collect() };
    let mean = |part: fn(&(f64, f64)) -> f64| all.iter().map(part).sum::<f64>() / number(all.len());
    let (auc, apart) = (mean(|found| found.0), Z * mean(|found| found.1));
    let interval = (truth.len() >= LEAST).then(|| ((auc - apart).max(0.0), (auc + apart).min(1.0)));
    (!all.is_empty()).then_some((auc, interval))
}

/// Chance that a positive row stands above a negative one; ties count half. None without both kinds.
pub(crate) fn auc(rows: &[(f64, bool)]) -> Option<f64> {
    let mut order: Vec<&(f64, bool)> = rows.iter().collect();
    order.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let (mut below, mut sum, mut positives) = (0.0, 0.0, 0.0);
    #[expect(clippy::float_cmp, reason = "ties are equal numbers")]
    for tied in order.chunk_by(|one, other| one.0 == other.0) {
        let positive = number(tied.iter().filter(|row| row.1).count());
        let negative = number(tied.len()) - positive;
        sum += positive * (below + negative / 2.0);
        below += negative;
        positives += positive;
    }
    (positives > 0.0 && below > 0.0).then(|| sum / (positives * below))
}

/// The standard error of an area.
fn hanley_mcneil(auc: f64, positive: f64, negative: f64) -> f64 {
    let (one, two) = (auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc));
    let variance = auc * (1.0 - auc) + (positive - 1.0) * (one - auc * auc) + (negative - 1.0) * (two - auc * auc);
    (variance / (positive * negative)).max(0.0).sqrt()
}

fn wilson(hits: usize, rows: usize) -> Option<(f64, f64)> {
    let n = number(rows);
    let share = number(hits) / n;
    let centre = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let apart = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    (rows >= LEAST).then(|| ((centre - apart).max(0.0), (centre + apart).min(1.0)))
}

/// With the interval of a normal distribution.
fn mean(values: &[f64], least: f64, most: f64) -> (f64, Option<(f64, f64)>) {
    let n = number(values.len());
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let apart = Z * (variance / n).sqrt();
    (mean, (values.len() >= LEAST).then(|| ((mean - apart).max(least), (mean + apart).min(most))))
}

/// The middle 95 % over resampled rows.
fn bootstrap(rows: usize, seed: u64, value: impl Fn(&mut dyn Iterator<Item = usize>) -> f64) -> Option<(f64, f64)> {
    if rows < LEAST {
        return None;
    }
    let mut random = split::random(seed, 5);
    let random: &mut dyn RngCore = &mut random;
    let mut found: Vec<f64> =
        (0..RESAMPLES).map(|_| value(&mut (0..rows).map(|_| split::below(&mut *random, rows)))).collect();
    found.sort_unstable_by(f64::total_cmp);
    Some((found[RESAMPLES / 40], found[RESAMPLES - 1 - RESAMPLES / 40]))
}

/// Rows by predicted probability, in ten equal bins.
pub(crate) fn calibration(truth: &[u32], probabilities: &[f64], classes: usize) -> Vec<CalibrationBin> {
    let mut bins = vec![(0.0, 0.0, 0_u64); 10];
    for (row, chances) in probabilities.chunks(classes).enumerate() {
        let class = if classes == 2 { 1 } else { largest(chances) };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a probability")]
        let bin = &mut bins[((chances[class] * 10.0) as usize).min(9)];
        bin.0 += chances[class];
        bin.1 += f64::from(u8::from(truth[row] as usize == class));
        bin.2 += 1;
    }
    let filled = bins.into_iter().filter(|bin| bin.2 > 0);
    filled
        .map(|(predicted, observed, rows)| {
            let count = u32::try_from(rows).map_or(1.0, f64::from);
            CalibrationBin { predicted: predicted / count, observed: observed / count, rows }
        })
        .collect()
}

/// Which classes were taken for which.
pub(crate) fn confusion(truth: &[u32], probabilities: &[f64], classes: &[String]) -> Confusion {
    let mut counts = vec![vec![0; classes.len()]; classes.len()];
    for (&real, chances) in truth.iter().zip(probabilities.chunks(classes.len())) {
        counts[real as usize][largest(chances)] += 1;
    }
    Confusion { classes: classes.to_vec(), counts }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(metrics: &[Metric], name: &str) -> f64 {
        metrics.iter().find(|metric| metric.name == name).map_or(f64::NAN, |metric| metric.value)
    }

    /// Values by scikit-learn.
    #[test]
    fn metrics_are_those_of_the_field() {
        let found = regression(&[3.0, -0.5, 2.0, 7.0], &[2.5, 0.0, 2.0, 8.0], 0);
        for (name, expected) in [("rmse", 0.612_372_435_695_794_5), ("mae", 0.5), ("r2", 0.948_608_137_044_967_9)] {
            assert!((value(&found, name) - expected).abs() < 1e-12, "{name}");
        }
        let chances = [0.1, 0.4, 0.35, 0.8].map(|second| [1.0 - second, second]).concat();
        let found = classification(&[0, 0, 1, 1], &chances, 2, 0);
        for (name, expected) in [("auc", 0.75), ("accuracy", 0.75), ("f1", 2.0 / 3.0), ("brier", 0.158_125)] {
            assert!((value(&found, name) - expected).abs() < 1e-12, "{name} {}", value(&found, name));
        }
        // Three classes, of which each row's own has the highest chance in all but every fourth row.
        let truth: Vec<u32> = (0..60).map(|row| row % 3).collect();
        let chances: Vec<f64> = (0..60_usize)
            .flat_map(|row| {
                (0..3).map(move |class| if (row + usize::from(row % 4 == 0)) % 3 == class { 0.8 } else { 0.1 })
            })
            .collect();
        let several = classification(&truth, &chances, 3, 0);
        let auc = several.iter().find(|metric| metric.name == "auc").unwrap();
        assert!(auc.low.unwrap() < auc.value && auc.value < auc.high.unwrap() && auc.value > 0.7, "{auc:?}");
        let log_loss = -(0.9_f64.ln() + 0.6_f64.ln() + 0.35_f64.ln() + 0.8_f64.ln()) / 4.0;
        assert!((value(&found, "log_loss") - log_loss).abs() < 1e-12);
    }
}
