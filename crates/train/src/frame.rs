//! A table in memory, column by column, built row by row while a file is read.

use std::collections::{HashMap, HashSet};

use crate::Error;

/// The code of a missing category.
pub const MISSING_CATEGORY: u32 = u32::MAX;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Numbers; 8 bytes a row.
    Numeric,
    /// Text with repeating values; 4 bytes a row, and each distinct value once.
    Category,
    /// Yes or no; 1 byte a row.
    Boolean,
}

/// The values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers; NaN is missing.
    Numeric(Vec<f64>),
    /// Indices into `levels`; [`MISSING_CATEGORY`] is missing.
    Category {
        /// One a row.
        codes: Vec<u32>,
        /// Distinct values, in the order in which they were first seen.
        levels: Vec<String>,
    },
    /// Yes, no, or missing.
    Boolean(Vec<Option<bool>>),
}

impl Values {
    /// How many rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Numeric(values) => values.len(),
            Self::Category { codes, .. } => codes.len(),
            Self::Boolean(values) => values.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is held.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Numeric(_) => Kind::Numeric,
            Self::Category { .. } => Kind::Category,
            Self::Boolean(_) => Kind::Boolean,
        }
    }

    /// The value as a number: a category is its code, yes is 1; NaN is missing.
    pub(crate) fn number(&self, row: usize) -> f64 {
        match self {
            Self::Numeric(values) => values[row],
            Self::Category { codes, .. } if codes[row] == MISSING_CATEGORY => f64::NAN,
            Self::Category { codes, .. } => f64::from(codes[row]),
            Self::Boolean(values) => values[row].map_or(f64::NAN, |value| f64::from(u8::from(value))),
        }
    }
}

/// A named column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// As in the file's header.
    pub name: String,
    /// One value a row.
    pub values: Values,
}

/// Columns of the same length with different names.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    columns: Vec<Column>,
    rows: usize,
}

impl Frame {
    /// Fails when names repeat, lengths differ, or a category code has no level.
    pub fn new(columns: Vec<Column>) -> Result<Self, Error> {
        let rows = columns.first().map_or(0, |column| column.values.len());
        let mut names = HashSet::new();
        for column in &columns {
            if !names.insert(column.name.as_str()) {
                return Err(Error::data(format!("there are two columns named {:?}", column.name))
                    .hint("give each column a name of its own"));
            }
            if column.values.len() != rows {
                let found = column.values.len();
                return Err(Error::data(format!("column {:?} has {found} rows, others have {rows}", column.name)));
            }
            if let Values::Category { codes, levels } = &column.values
                && codes.iter().any(|&code| code != MISSING_CATEGORY && code as usize >= levels.len())
            {
                return Err(Error::data(format!("column {:?} has a category code without a level", column.name)));
            }
        }
        Ok(Self { columns, rows })
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// All columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// One value on its way into a [`FrameBuilder`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Missing,
    /// A number; NaN is missing.
    Number(f64),
    /// A category.
    Text(&'a str),
    /// Yes or no.
    Boolean(bool),
}

/// Builds a [`Frame`] a cell at a time; columns grow at their own pace and have to be equally long at the end.
#[derive(Debug, Default)]
pub struct FrameBuilder {
    columns: Vec<Column>,
    /// Codes of the levels seen, for category columns.
    known: Vec<HashMap<String, u32>>,
}

impl FrameBuilder {
    /// Empty columns with these names, in this order.
    pub fn new(columns: impl IntoIterator<Item = (String, Kind)>) -> Self {
        let columns: Vec<Column> = columns
            .into_iter()
            .map(|(name, kind)| {
                let values = match kind {
                    Kind::Numeric => Values::Numeric(Vec::new()),
                    Kind::Category => Values::Category { codes: Vec::new(), levels: Vec::new() },
                    Kind::Boolean => Values::Boolean(Vec::new()),
                };
                Column { name, values }
            })
            .collect();
        let known = columns.iter().map(|_| HashMap::new()).collect();
        Self { columns, known }
    }

    /// Adds a value to the column with this index. A number becomes a category by its text; nothing else is converted: a
    /// value that does not fit its column is an error, and the column stays as it was.
    pub fn push(&mut self, column: usize, cell: Cell<'_>) -> Result<(), Error> {
        let Some(target) = self.columns.get_mut(column) else {
            return Err(Error::data(format!("there is no column number {column}")));
        };
        match (&mut target.values, cell) {
            (Values::Numeric(values), Cell::Missing) => values.push(f64::NAN),
            (Values::Numeric(values), Cell::Number(value)) => values.push(value),
            (Values::Boolean(values), Cell::Missing) => values.push(None),
            (Values::Boolean(values), Cell::Boolean(value)) => values.push(Some(value)),
            (Values::Category { codes, .. }, Cell::Missing) => codes.push(MISSING_CATEGORY),
            (Values::Category { codes, .. }, Cell::Number(value)) if value.is_nan() => codes.push(MISSING_CATEGORY),
            (Values::Category { codes, levels }, Cell::Text(text)) => {
                codes.push(code(&mut self.known[column], levels, text)?);
            }
            (Values::Category { codes, levels }, Cell::Number(value)) => {
                codes.push(code(&mut self.known[column], levels, &value.to_string())?);
            }
            (Values::Category { codes, levels }, Cell::Boolean(value)) => {
                codes.push(code(&mut self.known[column], levels, if value { "true" } else { "false" })?);
            }
            (Values::Numeric(_), Cell::Text(_) | Cell::Boolean(_)) | (Values::Boolean(_), _) => {
                return Err(Error::data(format!("{cell:?} does not fit column {:?}", target.name))
                    .hint("read the column as categories, or leave it out"));
            }
        }
        Ok(())
    }

    /// The frame, if it is one.
    pub fn finish(self) -> Result<Frame, Error> {
        Frame::new(self.columns)
    }
}

fn code(known: &mut HashMap<String, u32>, levels: &mut Vec<String>, text: &str) -> Result<u32, Error> {
    if let Some(&code) = known.get(text) {
        return Ok(code);
    }
    let code = u32::try_from(levels.len())
        .ok()
        .filter(|&code| code < i32::MAX as u32)
        .ok_or_else(|| Error::data("a column has more than two billion distinct values"))?;
    known.insert(text.to_owned(), code);
    levels.push(text.to_owned());
    Ok(code)
}
