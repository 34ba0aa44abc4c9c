//! Rows, one after the other, whatever the format.

mod delimited;
mod json_lines;
mod parquet;

use std::path::Path;

use csv::ByteRecord;
use serde_json::Value;
use trainyard_contract::{Error, Result};

use self::{delimited::Delimited, json_lines::JsonLines, parquet::Parquet};
use super::{
    format::{Format, Layout},
    source::{Fingerprint, Watch},
    value::Cell,
};

/// Most columns of a table.
pub(crate) const MAX_COLUMNS: usize = 100_000;

/// Rows that are held at once, and bytes of them at which fewer are enough.
const BATCH_ROWS: usize = 1024;
const BATCH_BYTES: usize = 1 << 20;

/// A reading of a file, some rows at a time.
pub(crate) trait Rows: Send {
    /// The columns found so far. Those of JSON Lines may become more with every row.
    fn columns(&self) -> &[Column];

    /// The next rows, if there are any.
    fn next(&mut self) -> Result<Option<Batch>>;

    /// What was out of order so far.
    fn irregular(&self) -> Irregular;

    /// What the file is, byte for byte. Reads on to its end.
    fn fingerprint(self: Box<Self>) -> Result<Fingerprint>;
}

/// Some rows.
pub(crate) struct Batch {
    cells: Cells,
    /// Columns known once these rows were read.
    pub(crate) columns: usize,
    /// How many rows there are: one or more.
    pub(crate) rows: usize,
}

enum Cells {
    /// Row by row, as text.
    Records(Vec<ByteRecord>),
    /// Row by row, as JSON.
    Objects(Vec<Vec<Option<Value>>>),
    /// Column by column.
    Columns(Vec<Vec<Cell<'static>>>),
}

impl Batch {
    /// The cell of this row of the batch, and of this column; missing where the row has none there.
    pub(crate) fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        match &self.cells {
            Cells::Records(rows) => rows.get(row).map_or(Cell::Missing, |record| delimited::cell(record, column)),
            Cells::Objects(rows) => {
                let value = rows.get(row).and_then(|cells| cells.get(column)).and_then(Option::as_ref);
                value.map_or(Cell::Missing, json_lines::cell)
            }
            Cells::Columns(columns) => {
                columns.get(column).and_then(|cells| cells.get(row)).map_or(Cell::Missing, Cell::borrowed)
            }
        }
    }
}

/// A column, as far as the file says what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name, once in a table.
    pub(crate) name: String,
    /// What the file calls it, where that is something else.
    pub(crate) renamed: Option<String>,
}

/// What was out of order in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Irregular {
    /// Rows with fewer cells than there are columns.
    pub(crate) short: u64,
    /// Rows with more; what was too much is left out.
    pub(crate) long: u64,
    /// Number of the first of both, the header not counted.
    pub(crate) first: Option<u64>,
    /// Cells that are not in the file's encoding.
    pub(crate) misencoded: u64,
}

impl Irregular {
    fn ragged(&mut self, row: u64, cells: usize, columns: usize) {
        if cells < columns {
            self.short += 1;
        } else {
            self.long += 1;
        }
        self.first.get_or_insert(row);
    }
}

/// Begins to read a file.
pub(crate) fn open(path: &Path, layout: &Layout, watch: &Watch) -> Result<Box<dyn Rows>> {
    Ok(match layout.format {
        Format::Csv => Box::new(Delimited::open(path, layout, watch)?),
        Format::JsonLines => Box::new(JsonLines::open(path, layout, watch)?),
        Format::Parquet => Box::new(Parquet::open(path, watch)?),
    })
}

/// Names that are there and are not there twice.
#[derive(Debug, Default)]
struct Names(std::collections::HashSet<String>);

impl Names {
    fn column(&mut self, position: usize, name: &str) -> Column {
        let given = name.trim();
        let base = if given.is_empty() { format!("column_{}", position + 1) } else { given.to_owned() };
        let mut unique = base.clone();
        let mut count = 2_u32;
        while !self.0.insert(unique.clone()) {
            unique = format!("{base}_{count}");
            count += 1;
        }
        let renamed = (unique != name).then(|| name.to_owned());
        Column { name: unique, renamed }
    }
}

fn too_wide(path: &Path) -> Error {
    Error::validation(format!("{} has more than {MAX_COLUMNS} columns", path.display()))
        .code("NotADataset")
        .hint("a quote that is not closed, or the wrong delimiter, looks like this, too")
}
