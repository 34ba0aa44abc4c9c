//! The plain sentence.

use crate::{Algorithm, Baseline, Metric, Note, NoteKind};

/// Compares the first metric with the baselines'; a simpler model within the interval does as well.
pub(super) fn verdict(
    algorithm: Algorithm,
    metrics: &[Metric],
    baselines: &[Baseline],
    notes: &mut Vec<Note>,
) -> String {
    let Some(main) = metrics.first() else { return String::new() };
    let shown = |metric: &Metric| match (metric.low, metric.high) {
        (Some(low), Some(high)) => {
            format!("{} {} ({} to {})", metric.name, figure(metric.value), figure(low), figure(high))
        }
        _ => format!("{} {}", metric.name, figure(metric.value)),
    };
    let of = |name: &str| {
        baselines.iter().find(|baseline| baseline.name == name).and_then(|baseline| baseline.metrics.first())
    };
    let mut sentence = format!("{}: {}", algorithm.name(), shown(main));
    if let Some(mean) = of("mean") {
        sentence += &format!("; predicting the mean gives {}", figure(mean.value));
        if as_good(mean, main) {
            let text = "The model is hardly better than predicting the mean: the features say little about the target.";
            notes.push(Note { kind: NoteKind::SimpleModel, column: None, text: text.to_owned() });
            return format!("{sentence}. {text}");
        }
    }
    if let Some(linear) = of("linear").filter(|_| algorithm != Algorithm::Linear) {
        sentence += &format!("; a linear model gives {}", figure(linear.value));
        if as_good(linear, main) {
            let text = "A linear model does as well within the uncertainty; prefer it, it is easier to explain (algorithm linear).";
            notes.push(Note { kind: NoteKind::SimpleModel, column: None, text: text.to_owned() });
            return format!("{sentence}. {text}");
        }
    }
    if algorithm == Algorithm::Linear {
        sentence += "; the linear model was taken";
    }
    sentence + "."
}

fn as_good(simple: &Metric, main: &Metric) -> bool {
    if main.higher_is_better {
        simple.value >= main.low.unwrap_or(main.value)
    } else {
        simple.value <= main.high.unwrap_or(main.value)
    }
}

/// How well rows fall into groups.
pub(super) fn clusters(count: usize, silhouette: f64) -> String {
    let word = match silhouette {
        s if s >= 0.5 => "clearly apart",
        s if s >= 0.25 => "somewhat apart",
        _ => "hardly apart: the rows may not fall into groups at all",
    };
    format!("kmeans: {count} clusters, {word} (silhouette {}).", figure(silhouette))
}

/// Four figures.
fn figure(value: f64) -> String {
    if value.abs() >= 1000.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}
