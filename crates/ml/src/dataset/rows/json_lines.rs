//! JSON Lines: one object a line.

use std::{
    borrow::Cow,
    collections::HashMap,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use encoding_rs_io::DecodeReaderBytesBuilder;
use serde_json::{Map, Value};
use trainyard_contract::{Error, Result};

use super::{BATCH_BYTES, BATCH_ROWS, Batch, Cells, Column, Irregular, MAX_COLUMNS, Names, Rows, too_wide};
use crate::dataset::{
    format::Layout,
    source::{Fingerprint, Rest, Source, Tally, Watch, unreadable},
    value::Cell,
};

/// A JSON Lines file that is being read.
pub(super) struct JsonLines {
    path: PathBuf,
    reader: BufReader<Box<dyn Read + Send>>,
    rest: Rest,
    tally: Tally,
    names: Names,
    columns: Vec<Column>,
    places: HashMap<String, usize>,
    line: Vec<u8>,
    line_number: u64,
}

impl JsonLines {
    pub(super) fn open(path: &Path, layout: &Layout, watch: &Watch) -> Result<Self> {
        let source = Source::open(path, layout.compression, watch)?;
        let tally = source.tally();
        let (reader, rest) = source.split();
        let mut decoder = DecodeReaderBytesBuilder::new();
        decoder.encoding(Some(layout.encoding.decoder())).utf8_passthru(true).strip_bom(true).bom_override(true);
        let reader: Box<dyn Read + Send> = Box::new(decoder.build(reader));
        Ok(Self {
            path: path.to_owned(),
            reader: BufReader::with_capacity(64 * 1024, reader),
            rest,
            tally,
            names: Names::default(),
            columns: Vec::new(),
            places: HashMap::new(),
            line: Vec::new(),
            line_number: 0,
        })
    }

    /// The next line that is not empty.
    fn read(&mut self) -> Result<bool> {
        loop {
            self.line.clear();
            let count = self.reader.read_until(b'\n', &mut self.line).map_err(|error| unreadable(&self.path, error))?;
            self.tally.row();
            if count == 0 {
                return Ok(false);
            }
            self.line_number += 1;
            if !self.line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    /// The cells of the line that was read.
    fn row(&mut self) -> Result<Vec<Option<Value>>> {
        let object: Map<String, Value> = serde_json::from_slice(self.line.trim_ascii()).map_err(|error| {
            let (number, path) = (self.line_number, self.path.display());
            Error::validation(format!("line {number} of {path} is no JSON object: {error}")).code("NotADataset")
        })?;
        let mut cells = vec![None; self.columns.len()];
        for (name, value) in object {
            let place = self.place(&name)?;
            if cells.len() <= place {
                cells.resize(place + 1, None);
            }
            cells[place] = Some(value);
        }
        Ok(cells)
    }

    fn place(&mut self, name: &str) -> Result<usize> {
        if let Some(place) = self.places.get(name) {
            return Ok(*place);
        }
        let place = self.columns.len();
        if place == MAX_COLUMNS {
            return Err(
                too_wide(&self.path).hint("objects whose names are data make a column each; put such data into a list")
            );
        }
        self.columns.push(self.names.column(place, name));
        self.places.insert(name.to_owned(), place);
        Ok(place)
    }
}

/// What a value of a row is.
pub(super) fn cell(value: &Value) -> Cell<'_> {
    match value {
        Value::Null => Cell::Missing,
        Value::Bool(value) => Cell::Boolean(*value),
        Value::Number(number) => match number.as_i64() {
            Some(value) => Cell::Integer(value),
            // Beyond that they keep their digits as text, which are understood like those of a CSV file.
            None if number.is_u64() => Cell::Text(Cow::Owned(number.to_string())),
            None => Cell::Number(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Cell::Quoted(Cow::Borrowed(text)),
        nested => Cell::Nested(Cow::Owned(nested.to_string())),
    }
}

impl Rows for JsonLines {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn next(&mut self) -> Result<Option<Batch>> {
        let (mut objects, mut bytes) = (Vec::new(), 0);
        while objects.len() < BATCH_ROWS && bytes < BATCH_BYTES && self.read()? {
            bytes += self.line.len();
            objects.push(self.row()?);
        }
        let rows = objects.len();
        Ok((rows > 0).then(|| Batch { columns: self.columns.len(), rows, cells: Cells::Objects(objects) }))
    }

    fn irregular(&self) -> Irregular {
        Irregular::default()
    }

    fn fingerprint(self: Box<Self>) -> Result<Fingerprint> {
        self.rest.fingerprint(&self.path)
    }
}
