//! What a profile says.

use datasketches::tdigest::TDigestMut;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ColumnSketch, Table,
    findings::{Finding, Personal, findings, personal},
};
use crate::dataset::{
    format::Layout,
    rows::{Column, Irregular},
    source::Fingerprint,
    value::Kind,
};

/// What is in a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Profile {
    /// Rows, exactly.
    pub rows: u64,
    /// Rows that are the same as an earlier one.
    pub duplicate_rows: u64,
    /// Whether that is exact; an estimate otherwise.
    pub duplicate_rows_exact: bool,
    /// The file, byte for byte.
    pub fingerprint: Fingerprint,
    /// How it is written.
    pub layout: Layout,
    /// The column that the findings were made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What to look out for.
    pub findings: Vec<Finding>,
    /// The columns, in the order of the file.
    pub columns: Vec<ColumnProfile>,
}

/// What is in a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each says another thing of the column")]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Cells with nothing in them.
    pub missing: u64,
    /// Different values.
    pub distinct: u64,
    /// Whether that is exact; an estimate within some percent otherwise.
    pub distinct_exact: bool,
    /// One value only.
    pub constant: bool,
    /// Nearly every row has a value of its own, and it is no measure.
    pub id_like: bool,
    /// Data about people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal: Option<Personal>,
    /// Cells that are not of the column's kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parse_failures: Option<Failures>,
    /// Of its numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Numbers>,
    /// Of its texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lengths: Option<Lengths>,
    /// The most frequent values.
    pub top: Vec<Top>,
    /// Whether their counts are exact; lower bounds otherwise.
    pub top_exact: bool,
    /// How its numbers are spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Histogram>,
}

/// Cells that are not of their column's kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failures {
    /// How many.
    pub count: u64,
    /// Some of them.
    pub examples: Vec<String>,
}

/// Statistics of numbers. Infinite ones are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Numbers {
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, as of a sample; absent for one number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_deviation: Option<f64>,
    /// How many are zero.
    pub zeros: u64,
    /// How many are below zero.
    pub negative: u64,
    /// Below which shares of them lie.
    pub quantiles: Quantiles,
}

/// Estimates: mostly within a percent of the rank, and closer at both ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Quantiles {
    /// 1 % are below.
    pub p01: f64,
    /// 5 % are below.
    pub p05: f64,
    /// A quarter is below.
    pub p25: f64,
    /// Half are below.
    pub p50: f64,
    /// Three quarters are below.
    pub p75: f64,
    /// 95 % are below.
    pub p95: f64,
    /// 99 % are below.
    pub p99: f64,
}

/// Lengths of texts, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lengths {
    /// The shortest.
    pub min: u64,
    /// The longest.
    pub max: u64,
    /// Their mean.
    pub mean: f64,
}

/// A frequent value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Top {
    /// As it stands in the file.
    pub value: String,
    /// How often it is there.
    pub count: u64,
}

/// How numbers are spread: bars of the same width, between the 0.5 % and the 99.5 % quantile where a few lie far out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Histogram {
    /// The bars, from the least to the greatest.
    pub bars: Vec<Bar>,
    /// Estimated count below the first bar.
    pub below: u64,
    /// Estimated count above the last bar.
    pub above: u64,
}

/// One bar of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bar {
    /// From this number on.
    pub from: f64,
    /// Up to this number.
    pub to: f64,
    /// Estimated count.
    pub count: u64,
}

/// Frequent values that are kept.
const SHOWN_TOP: usize = 10;

/// Bars of a histogram.
const BARS: usize = 20;

pub(super) fn profile(
    mut table: Table,
    columns: &[Column],
    irregular: Irregular,
    layout: Layout,
    fingerprint: Fingerprint,
) -> Profile {
    let rows = table.rows;
    let profiles: Vec<ColumnProfile> =
        table.sketches.iter_mut().zip(columns).map(|(sketch, column)| of_column(sketch, &column.name, rows)).collect();
    let (different, exact) = table.distinct_rows.count();
    // An estimate that says less than its own error says nothing.
    let same = rows.saturating_sub(different);
    let duplicates = if exact || same * 20 > rows { same } else { 0 };
    let findings = findings(&table, columns, &profiles, irregular, (duplicates, exact));
    Profile {
        rows,
        duplicate_rows: duplicates,
        duplicate_rows_exact: exact,
        fingerprint,
        layout,
        target: table.target.map(|target| columns[target].name.clone()),
        findings,
        columns: profiles,
    }
}

fn of_column(sketch: &mut ColumnSketch, name: &str, rows: u64) -> ColumnProfile {
    let (kind, failed) = sketch.kind();
    let different = if kind.is_numeric() { &sketch.values } else { &sketch.texts };
    let (distinct, distinct_exact) = different.count();
    // Measures differ in every row, too: only whole numbers and texts name things.
    let names = matches!(kind, Kind::Integer | Kind::Text);
    let id_like = names && rows - sketch.counts.missing >= 20 && different.is_share(0.98, rows - sketch.counts.missing);
    let missing = sketch.counts.missing;
    let there = rows - missing;
    let (top, top_exact) = sketch.frequent.first(SHOWN_TOP);
    let by_content = sketch.counts.addresses * 2 > there;
    ColumnProfile {
        name: name.to_owned(),
        kind,
        missing,
        distinct: distinct.min(there),
        distinct_exact,
        constant: distinct == 1 && there > 1,
        id_like,
        personal: if by_content { Some(Personal::Email) } else { personal(name) },
        parse_failures: (failed > 0).then(|| Failures { count: failed, examples: sketch.oddities.clone() }),
        numbers: numbers(sketch, kind == Kind::Integer).filter(|_| kind.is_numeric()),
        lengths: lengths(sketch).filter(|_| kind == Kind::Text),
        top: top.into_iter().map(|(value, count)| Top { value, count }).collect(),
        top_exact,
        histogram: histogram(sketch).filter(|_| kind.is_numeric()),
    }
}

fn numbers(sketch: &mut ColumnSketch, whole: bool) -> Option<Numbers> {
    let moments = sketch.moments;
    let ranks = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
    let found = sketch.digest.quantiles(&ranks).ok()??;
    // Between whole numbers lies none of the values.
    let found: Vec<f64> = found.into_iter().map(|value| if whole { value.round() } else { value }).collect();
    let [p01, p05, p25, p50, p75, p95, p99] = <[f64; 7]>::try_from(found).ok()?;
    Some(Numbers {
        min: moments.min,
        max: moments.max,
        mean: moments.mean,
        standard_deviation: moments.standard_deviation().filter(|value| value.is_finite()),
        zeros: moments.zeros,
        negative: moments.negative,
        quantiles: Quantiles { p01, p05, p25, p50, p75, p95, p99 },
    })
    .filter(|numbers| numbers.mean.is_finite())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "lengths were counts")]
fn lengths(sketch: &ColumnSketch) -> Option<Lengths> {
    let lengths = &sketch.lengths;
    (lengths.count > 0).then_some(Lengths { min: lengths.min as u64, max: lengths.max as u64, mean: lengths.mean })
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "estimated counts"
)]
fn histogram(sketch: &mut ColumnSketch) -> Option<Histogram> {
    let moments = sketch.moments;
    if moments.count == 0 || moments.min >= moments.max || !(moments.max - moments.min).is_finite() {
        return None;
    }
    if let Some(histogram) = of_few(sketch) {
        return Some(histogram);
    }
    let (low, high) = range(&mut sketch.digest, moments.min, moments.max)?;
    let width = (high - low) / BARS as f64;
    let edges: Vec<f64> = (0..=BARS).map(|at| if at == BARS { high } else { low + width * at as f64 }).collect();
    // Numbers that are too near to each other for their digits have no edges between them.
    if edges.windows(2).any(|pair| pair[0] >= pair[1]) {
        return None;
    }
    let shares = sketch.digest.pmf(&edges).ok()??;
    let count = |share: f64| (share * moments.count as f64).round().max(0.0) as u64;
    let mut bars: Vec<Bar> = edges
        .windows(2)
        .zip(&shares[1..])
        .map(|(edge, share)| Bar { from: edge[0], to: edge[1], count: count(*share) })
        .collect();
    let (mut below, mut above) = (count(*shares.first()?), count(*shares.last()?));
    // The ends belong to the bars beside them.
    if low <= moments.min {
        bars[0].count += std::mem::take(&mut below);
    }
    if high >= moments.max {
        bars[BARS - 1].count += std::mem::take(&mut above);
    }
    Some(Histogram { bars, below, above })
}

/// A bar for each whole number, where there are few: exactly counted, and none is cut in two.
#[expect(clippy::cast_precision_loss, reason = "few numbers, far from where digits end")]
fn of_few(sketch: &ColumnSketch) -> Option<Histogram> {
    let (min, max) = (sketch.moments.min, sketch.moments.max);
    let (values, exact) = sketch.frequent.first(BARS + 1);
    let few = exact && values.len() <= BARS && max - min <= BARS as f64 && max.abs().max(min.abs()) < 1e9;
    if !few || sketch.counts.integers != sketch.moments.count {
        return None;
    }
    let mut bars = Vec::new();
    let mut value = min;
    while value <= max {
        let alike = values.iter().filter(|(text, _)| text.trim().parse() == Ok(value));
        bars.push(Bar { from: value - 0.5, to: value + 0.5, count: alike.map(|(_, count)| count).sum() });
        value += 1.0;
    }
    Some(Histogram { bars, below: 0, above: 0 })
}

/// Between which numbers bars are drawn: all of them, unless a few lie so far out that the others would share one bar.
fn range(digest: &mut TDigestMut, min: f64, max: f64) -> Option<(f64, f64)> {
    let ends = digest.quantiles(&[0.005, 0.995]).ok()??;
    let (low, high) = (*ends.first()?, *ends.last()?);
    let far_out = high > low && (max - min) > 3.0 * (high - low);
    Some(if far_out { (low, high) } else { (min, max) })
}
