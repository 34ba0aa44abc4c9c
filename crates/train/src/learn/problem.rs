//! What is asked of which columns: the task and target found, useless columns left out, impossible data refused.

use std::collections::HashMap;

use super::number;
use crate::{Error, Frame, MISSING_CATEGORY, Note, NoteKind, Spec, Task, Values};

/// Whole numbers with at most so many distinct values are taken for classes.
const MOST_NUMBERED_CLASSES: usize = 20;
const MOST_CLASSES: usize = 100;
const LEAST_ROWS: usize = 10;
const LEAST_ROWS_OF_CLASS: usize = 5;

/// What is to be predicted, by row of [`Problem::rows`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    Numbers(Vec<f64>),
    Classes { names: Vec<String>, codes: Vec<u32> },
    None,
}

/// A column to learn from.
pub(crate) struct Input<'a> {
    pub(crate) name: &'a str,
    pub(crate) values: &'a Values,
}

/// Data and question. Rows are counted among those that have a target.
pub(crate) struct Problem<'a> {
    pub(crate) task: Task,
    pub(crate) target: Target,
    pub(crate) inputs: Vec<Input<'a>>,
    /// Rows of the frame.
    rows: Vec<u32>,
    pub(crate) total: usize,
    pub(crate) notes: Vec<Note>,
}

impl<'a> Problem<'a> {
    pub(crate) fn new(spec: &Spec, frame: &'a Frame) -> Result<Self, Error> {
        let total = frame.rows();
        if u32::try_from(total).is_err() {
            return Err(
                Error::data(format!("{total} rows are more than are learnt from at once")).hint("train on a sample")
            );
        }
        let mut notes = Vec::new();
        let (task, target, rows) = match &spec.target {
            None => (Task::Clustering, Target::None, (0..total).collect()),
            Some(name) => target(spec.task, frame, name, &mut notes)?,
        };
        if rows.len() < LEAST_ROWS {
            return Err(Error::data(format!(
                "there are {} rows to learn from; {LEAST_ROWS} are the least",
                rows.len()
            )));
        }
        let inputs = inputs(spec, frame, &rows, &mut notes)?;
        if inputs.is_empty() {
            return Err(Error::data("there is no column left to learn from")
                .hint("see the notes of the profile: constant and empty columns, and identifiers, are not used"));
        }
        if inputs.len() >= rows.len() {
            return Err(Error::data(format!(
                "{} columns to learn from are too many for {} rows",
                inputs.len(),
                rows.len()
            ))
            .hint("name the columns that matter in features"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "the number of rows was checked")]
        let rows = rows.into_iter().map(|row| row as u32).collect();
        Ok(Self { task, target, inputs, rows, total, notes })
    }

    /// Rows with a target.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// A value as a number: a category is its code in the frame; NaN is missing.
    pub(crate) fn value(&self, input: usize, row: usize) -> f64 {
        self.inputs[input].values.number(self.rows[row] as usize)
    }

    /// Scores a row has.
    pub(crate) fn outputs(&self) -> usize {
        match &self.target {
            Target::Classes { names, .. } if names.len() > 2 => names.len(),
            _ => 1,
        }
    }

    pub(crate) fn classes(&self) -> &[String] {
        match &self.target {
            Target::Classes { names, .. } => names,
            Target::Numbers(_) | Target::None => &[],
        }
    }
}

type Found = (Task, Target, Vec<usize>);

#[expect(clippy::float_cmp, reason = "the very same value in every row")]
fn target(asked: Task, frame: &Frame, name: &str, notes: &mut Vec<Note>) -> Result<Found, Error> {
    let Some(column) = frame.column(name) else {
        let names: Vec<&str> = frame.columns().iter().take(30).map(|column| column.name.as_str()).collect();
        return Err(Error::data(format!("there is no column {name:?} to predict"))
            .hint(format!("columns: {}", names.join(", "))));
    };
    let values = &column.values;
    let rows: Vec<usize> = (0..frame.rows()).filter(|&row| !values.number(row).is_nan()).collect();
    if rows.is_empty() {
        return Err(Error::data(format!("column {name:?} has no value in any row")).hint("choose another target"));
    }
    if rows.len() < frame.rows() {
        let missing = frame.rows() - rows.len();
        notes.push(Note {
            kind: NoteKind::Rows,
            column: Some(name.to_owned()),
            text: format!("{missing} of {} rows have no {name} and were left out.", frame.rows()),
        });
    }
    if let Some(&row) = rows.iter().find(|&&row| values.number(row).is_infinite()) {
        return Err(Error::data(format!("{name:?} is infinite in row {}", row + 1)).hint("make it missing or finite"));
    }
    let first = values.number(rows[0]);
    if rows.iter().all(|&row| values.number(row) == first) {
        let shown = level(values, rows[0]);
        return Err(Error::data(format!("{name:?} is {shown} in every row, so there is nothing to predict"))
            .hint("choose another target, or data with both outcomes"));
    }
    let task = match (asked, values) {
        (Task::Auto, Values::Category { .. } | Values::Boolean(_)) => Task::Classification,
        (Task::Auto, Values::Numeric(_)) if counted(values, &rows).is_some() => Task::Classification,
        (Task::Auto, _) => Task::Regression,
        (Task::Regression, Values::Category { .. }) => {
            return Err(Error::data(format!(
                "{name:?} holds text such as {:?}, not quantities",
                level(values, rows[0])
            ))
            .hint("task classification predicts categories"));
        }
        (asked, _) => asked,
    };
    if task == Task::Regression {
        let numbers = rows.iter().map(|&row| values.number(row)).collect();
        return Ok((task, Target::Numbers(numbers), rows));
    }
    if asked == Task::Auto && matches!(values, Values::Numeric(_)) {
        notes.push(Note { kind: NoteKind::Choice, column: Some(name.to_owned()), text: format!("{name} holds few whole numbers, which were taken for classes; task regression takes them for quantities.") });
    }
    let target = classes(values, &rows, name)?;
    Ok((task, target, rows))
}

/// Distinct whole numbers, if there are few.
fn counted(values: &Values, rows: &[usize]) -> Option<Vec<f64>> {
    let mut found: Vec<f64> = Vec::new();
    for &row in rows {
        let value = values.number(row);
        if value.fract() != 0.0 {
            return None;
        }
        if let Err(place) = found.binary_search_by(|other| other.total_cmp(&value)) {
            if found.len() >= MOST_NUMBERED_CLASSES {
                return None;
            }
            found.insert(place, value);
        }
    }
    Some(found)
}

fn classes(values: &Values, rows: &[usize], name: &str) -> Result<Target, Error> {
    let mut names: Vec<(f64, String)> = Vec::new();
    let mut seen: HashMap<u64, usize> = HashMap::new();
    for &row in rows {
        let value = values.number(row);
        // Plus zero: the two zeros are one class.
        *seen.entry((value + 0.0).to_bits()).or_insert_with(|| {
            names.push((value, level(values, row)));
            0
        }) += 1;
        if names.len() > MOST_CLASSES {
            return Err(Error::data(format!(
                "{name:?} has more than {MOST_CLASSES} distinct values, too many for classes"
            ))
            .hint("task regression predicts quantities; or merge rare categories"));
        }
    }
    if matches!(values, Values::Category { .. }) {
        names.sort_by(|one, other| one.1.cmp(&other.1));
    } else {
        names.sort_by(|one, other| one.0.total_cmp(&other.0));
    }
    for (value, class) in &names {
        let count = seen[&(value + 0.0).to_bits()];
        if count < LEAST_ROWS_OF_CLASS {
            return Err(Error::data(format!(
                "class {class:?} of {name:?} has {count} rows; {LEAST_ROWS_OF_CLASS} are the least"
            ))
            .hint("leave those rows out, or merge the class with another"));
        }
    }
    let index: HashMap<u64, u32> = names.iter().map(|(value, _)| (value + 0.0).to_bits()).zip(0..).collect();
    let codes = rows.iter().map(|&row| index[&(values.number(row) + 0.0).to_bits()]).collect();
    Ok(Target::Classes { names: names.into_iter().map(|(_, name)| name).collect(), codes })
}

fn level(values: &Values, row: usize) -> String {
    match values {
        Values::Numeric(numbers) => (numbers[row] + 0.0).to_string(),
        Values::Boolean(values) => values[row].map(|value| value.to_string()).unwrap_or_default(),
        Values::Category { codes, levels } => levels.get(codes[row] as usize).cloned().unwrap_or_default(),
    }
}

fn inputs<'a>(spec: &Spec, frame: &'a Frame, rows: &[usize], notes: &mut Vec<Note>) -> Result<Vec<Input<'a>>, Error> {
    for name in spec.features.iter().flatten().chain(&spec.exclude) {
        if frame.column(name).is_none() {
            return Err(Error::spec(format!("there is no column {name:?}"))
                .hint("features and exclude name columns of the data"));
        }
    }
    let mut inputs = Vec::new();
    for column in frame.columns() {
        let name = &column.name;
        let asked = spec.features.as_ref().map(|features| features.contains(name));
        if Some(name) == spec.target.as_ref() || spec.exclude.contains(name) || asked == Some(false) {
            continue;
        }
        if let Some(row) = rows.iter().find(|&&row| column.values.number(row).is_infinite()) {
            return Err(Error::data(format!("column {name:?} is infinite in row {}", row + 1))
                .hint("make it missing or finite, or exclude the column"));
        }
        match useless(&column.values, rows) {
            Some((kind, why)) if kind != NoteKind::Identifier || asked.is_none() => {
                notes.push(Note { kind, column: Some(name.clone()), text: format!("{name} was not used: {why}.") });
            }
            _ => inputs.push(Input { name, values: &column.values }),
        }
    }
    Ok(inputs)
}

/// Why a column says nothing about rows that are yet to come.
#[expect(clippy::float_cmp, reason = "the very same value, or step, in every row")]
fn useless(values: &Values, rows: &[usize]) -> Option<(NoteKind, &'static str)> {
    let mut present = rows.iter().map(|&row| values.number(row)).filter(|value| !value.is_nan());
    let Some(first) = present.next() else {
        return Some((NoteKind::Unused, "it has no value in any row"));
    };
    let has_missing = rows.iter().any(|&row| values.number(row).is_nan());
    if !has_missing && present.all(|value| value == first) {
        return Some((NoteKind::Unused, "it is the same in every row"));
    }
    let many = rows.len() >= 50;
    match values {
        Values::Category { codes, .. } if many => {
            let mut seen: Vec<u32> =
                rows.iter().map(|&row| codes[row]).filter(|&code| code != MISSING_CATEGORY).collect();
            let count = seen.len();
            seen.sort_unstable();
            seen.dedup();
            let distinct = number(seen.len());
            (distinct > 0.9 * number(count)).then_some((NoteKind::Identifier, "it looks like an identifier, with a value of its own in nearly every row (name it in features to use it)"))
        }
        Values::Numeric(numbers) if many && !has_missing => {
            let step = numbers[rows[1]] - numbers[rows[0]];
            let counts = step.abs() == 1.0 && rows.windows(2).all(|pair| numbers[pair[1]] - numbers[pair[0]] == step);
            counts.then_some((NoteKind::Identifier, "it numbers the rows (name it in features to use it)"))
        }
        _ => None,
    }
}
