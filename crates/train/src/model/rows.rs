//! Rows of a frame as the model wants them: features in its order, categories by its codes.

use std::collections::HashMap;

use super::metadata::{Feature, FeatureKind};
use crate::{Error, Frame, MISSING_CATEGORY, Values};

/// Finds the values of each feature in a frame.
pub(super) struct Inputs<'a> {
    sources: Vec<(&'a Feature, Source<'a>)>,
}

enum Source<'a> {
    /// As they are.
    Values(&'a Values),
    /// Codes of the frame, and the model's code of each; NaN for those it does not know.
    Codes(&'a [u32], Vec<f64>),
    /// Values whose text is a category of the model.
    Texts(&'a Values, HashMap<&'a str, f64>),
    /// Nothing but missing values.
    Missing,
}

impl<'a> Inputs<'a> {
    pub(super) fn new(features: &'a [Feature], frame: &'a Frame) -> Result<Self, Error> {
        let columns: HashMap<&str, &Values> =
            frame.columns().iter().map(|column| (column.name.as_str(), &column.values)).collect();
        let absent: Vec<&str> =
            features.iter().map(|feature| feature.name.as_str()).filter(|name| !columns.contains_key(name)).collect();
        if !absent.is_empty() {
            let some = absent.iter().take(10).copied().collect::<Vec<_>>().join(", ");
            return Err(Error::schema(format!("{} of {} columns are not there: {some}", absent.len(), features.len()))
                .hint("name the columns as in the data that the model was trained on; a column without values is enough where none are known"));
        }
        let sources = features
            .iter()
            .map(|feature| Ok((feature, source(feature, columns[feature.name.as_str()])?)))
            .collect::<Result<_, Error>>()?;
        Ok(Self { sources })
    }

    /// Rows one after the other into `block`.
    pub(super) fn read(&self, start: usize, rows: usize, block: &mut Vec<f64>) {
        let width = self.sources.len();
        block.clear();
        block.resize(rows * width, f64::NAN);
        for (at, (_, source)) in self.sources.iter().enumerate() {
            for row in 0..rows {
                block[row * width + at] = source.number(start + row);
            }
        }
    }

    /// Rows with an unknown category, by feature.
    pub(super) fn unknown(&self) -> Vec<(String, usize)> {
        let counted = self.sources.iter().map(|(feature, source)| (feature.name.clone(), source.unknown()));
        counted.filter(|(_, rows)| *rows > 0).collect()
    }
}

#[expect(clippy::float_cmp, reason = "yes and no are exactly 1 and 0")]
fn source<'a>(feature: &'a Feature, values: &'a Values) -> Result<Source<'a>, Error> {
    Ok(match (&feature.kind, values) {
        (FeatureKind::Category { levels, .. }, Values::Category { codes, levels: found }) => {
            let known = known(levels);
            Source::Codes(
                codes,
                found.iter().map(|level| known.get(level.as_str()).copied().unwrap_or(f64::NAN)).collect(),
            )
        }
        (FeatureKind::Category { levels, .. }, Values::Numeric(_) | Values::Boolean(_)) => {
            Source::Texts(values, known(levels))
        }
        (_, Values::Category { codes, .. }) if codes.iter().all(|&code| code == MISSING_CATEGORY) => Source::Missing,
        (_, Values::Category { levels, .. }) => {
            let example = levels.first().map_or("", String::as_str);
            return Err(Error::schema(format!(
                "column {:?} holds text such as {example:?}; the model wants numbers",
                feature.name
            )));
        }
        (FeatureKind::Boolean, Values::Numeric(numbers))
            if numbers.iter().any(|&n| !n.is_nan() && n != 0.0 && n != 1.0) =>
        {
            return Err(Error::schema(format!(
                "column {:?} holds numbers; the model wants yes or no (1 or 0)",
                feature.name
            )));
        }
        (FeatureKind::Numeric { .. } | FeatureKind::Boolean, values) => Source::Values(values),
    })
}

#[expect(clippy::cast_precision_loss, reason = "codes are far below 2^52")]
fn known(levels: &[String]) -> HashMap<&str, f64> {
    levels.iter().enumerate().map(|(code, level)| (level.as_str(), code as f64)).collect()
}

impl Source<'_> {
    fn number(&self, row: usize) -> f64 {
        match self {
            Self::Values(values) => values.number(row),
            Self::Codes(codes, map) => map.get(codes[row] as usize).copied().unwrap_or(f64::NAN),
            Self::Texts(values, known) => {
                text(values, row).and_then(|text| known.get(text.as_str()).copied()).unwrap_or(f64::NAN)
            }
            Self::Missing => f64::NAN,
        }
    }

    fn unknown(&self) -> usize {
        match self {
            Self::Values(_) | Self::Missing => 0,
            Self::Codes(codes, map) => {
                codes.iter().filter(|&&code| map.get(code as usize).is_some_and(|to| to.is_nan())).count()
            }
            Self::Texts(values, known) => (0..values.len())
                .filter_map(|row| text(values, row))
                .filter(|text| !known.contains_key(text.as_str()))
                .count(),
        }
    }
}

/// As the builder of frames writes it.
fn text(values: &Values, row: usize) -> Option<String> {
    match values {
        Values::Numeric(numbers) => {
            Some(numbers[row]).filter(|number| !number.is_nan()).map(|number| number.to_string())
        }
        Values::Boolean(values) => values[row].map(|value| value.to_string()),
        Values::Category { .. } => None,
    }
}
