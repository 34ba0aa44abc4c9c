//! Files become frames: the columns that are wanted, as the trainer takes them.

use std::path::Path;

use serde_json::Value;
use trainyard_contract::{Error, Result, nearest};
use trainyard_train::{self as train, Frame, FrameBuilder};

use super::{
    Kind, Layout, Watch,
    rows::{self, Column},
    value::{Cell, Meaning},
};

/// A column that is wanted.
#[derive(Debug, Clone)]
pub struct WantedColumn {
    /// Its name.
    pub name: String,
    /// What the trainer is to take it for.
    pub kind: train::Kind,
}

/// A frame, and what could not be put into it.
#[derive(Debug)]
pub struct Table {
    /// The frame.
    pub frame: Frame,
    /// Cells that are not of their column's kind and count as missing: columns and how many.
    pub unfit: Vec<(String, u64)>,
}

/// What the trainer takes a column for; nothing for lists and objects, which it cannot learn from.
pub fn trained_as(kind: Kind) -> Option<train::Kind> {
    match kind {
        Kind::Integer | Kind::Number | Kind::Empty => Some(train::Kind::Numeric),
        Kind::Boolean => Some(train::Kind::Boolean),
        Kind::Text | Kind::Date | Kind::Timestamp => Some(train::Kind::Category),
        Kind::Nested => None,
    }
}

/// Reads the columns that are wanted. One that is not there is an error.
pub fn frame(path: &Path, layout: &Layout, wanted: &[WantedColumn], watch: &Watch) -> Result<Table> {
    let mut rows = rows::open(path, layout, watch)?;
    let mut filling = Filling::new(wanted);
    while let Some(batch) = rows.next()? {
        // JSON Lines may have more columns with every row.
        filling.find(rows.columns());
        for row in 0..batch.rows {
            for number in 0..wanted.len() {
                match filling.places[number] {
                    Some(place) => filling.put(number, &batch.cell(row, place))?,
                    None => filling.put(number, &Cell::Missing)?,
                }
            }
        }
    }
    filling.find(rows.columns());
    let known = || rows.columns().iter().map(|column| column.name.as_str());
    if let Some(number) = filling.places.iter().position(Option::is_none) {
        return Err(no_column(&wanted[number].name, known()));
    }
    filling.finish()
}

/// Rows that a caller wrote down: objects whose members are the columns.
pub fn frame_of_objects(objects: &[Value], wanted: &[WantedColumn]) -> Result<Table> {
    let mut filling = Filling::new(wanted);
    for (row, object) in objects.iter().enumerate() {
        let members = object.as_object().ok_or_else(|| Error::validation(format!("row {row} is not an object")))?;
        if let Some(column) = wanted.iter().find(|column| !members.contains_key(&column.name)) {
            let error = no_column(&column.name, members.keys().map(String::as_str));
            let hint = format!("{}; write null for a value that is missing", error.hint_str().unwrap_or_default());
            return Err(Error::validation(format!("row {row}: {}", error.message())).code("Schema").hint(hint));
        }
        for (number, column) in wanted.iter().enumerate() {
            filling.put(number, &of_json(&members[&column.name]))?;
        }
    }
    filling.finish()
}

fn of_json(value: &Value) -> Cell<'_> {
    match value {
        Value::Null => Cell::Missing,
        Value::Bool(value) => Cell::Boolean(*value),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Cell::Integer(whole),
            None => number.as_f64().map_or(Cell::Missing, Cell::Number),
        },
        Value::String(text) => Cell::Text(text.into()),
        other => Cell::Nested(other.to_string().into()),
    }
}

fn no_column<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let known: Vec<_> = known.collect();
    let error = Error::validation(format!("no column {name:?}")).code("Schema");
    match nearest(name, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean {near:?}? There are {} columns", known.len())),
        None => {
            let shown: Vec<_> = known.iter().take(20).copied().collect();
            error.hint(format!("columns: {}{}", shown.join(", "), if known.len() > 20 { ", …" } else { "" }))
        }
    }
}

/// A frame that is being filled.
struct Filling<'a> {
    wanted: &'a [WantedColumn],
    /// Where in the file each is.
    places: Vec<Option<usize>>,
    /// Columns of the file that were looked at.
    seen: usize,
    builder: FrameBuilder,
    unfit: Vec<u64>,
}

impl<'a> Filling<'a> {
    fn new(wanted: &'a [WantedColumn]) -> Self {
        let columns = wanted.iter().map(|column| (column.name.clone(), column.kind));
        let builder = FrameBuilder::new(columns);
        Self { wanted, places: vec![None; wanted.len()], seen: 0, builder, unfit: vec![0; wanted.len()] }
    }

    fn find(&mut self, columns: &[Column]) {
        for (place, column) in columns.iter().enumerate().skip(self.seen) {
            if let Some(number) = self.wanted.iter().position(|wanted| wanted.name == column.name) {
                self.places[number] = Some(place);
            }
        }
        self.seen = columns.len();
    }

    fn put(&mut self, number: usize, cell: &Cell<'_>) -> Result<()> {
        let meaning = cell.meaning();
        let text;
        let put = match (self.wanted[number].kind, meaning) {
            (_, Meaning::Missing) => train::Cell::Missing,
            (train::Kind::Boolean, Meaning::Boolean(value)) => train::Cell::Boolean(value),
            (train::Kind::Boolean, Meaning::Integer(0)) => train::Cell::Boolean(false),
            (train::Kind::Boolean, Meaning::Integer(1)) => train::Cell::Boolean(true),
            (train::Kind::Numeric, meaning) if meaning.as_number().is_some_and(f64::is_finite) => {
                train::Cell::Number(meaning.as_number().unwrap_or(f64::NAN))
            }
            (train::Kind::Category, _) => {
                text = cell.text().unwrap_or_default();
                train::Cell::Text(text.trim())
            }
            _ => {
                self.unfit[number] += 1;
                train::Cell::Missing
            }
        };
        self.builder.push(number, put).map_err(|error| crate::training::error(&error))
    }

    fn finish(self) -> Result<Table> {
        let unfit = self.wanted.iter().zip(self.unfit).filter(|(_, count)| *count > 0);
        let unfit = unfit.map(|(column, count)| (column.name.clone(), count)).collect();
        let frame = self.builder.finish().map_err(|error| crate::training::error(&error))?;
        Ok(Table { frame, unfit })
    }
}
