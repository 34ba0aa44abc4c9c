//! CSV and its relatives.

use std::{
    borrow::Cow,
    io::Read,
    path::{Path, PathBuf},
};

use csv::ByteRecord;
use encoding_rs_io::DecodeReaderBytesBuilder;
use trainyard_contract::{Error, Result};

use super::{BATCH_BYTES, BATCH_ROWS, Batch, Cells, Column, Irregular, MAX_COLUMNS, Names, Rows, too_wide};
use crate::dataset::{
    format::{Encoding, Layout},
    source::{Fingerprint, Rest, Source, Tally, Watch, unreadable},
    value::Cell,
};

/// A CSV file that is being read.
pub(super) struct Delimited {
    path: PathBuf,
    reader: csv::Reader<Box<dyn Read + Send>>,
    rest: Rest,
    tally: Tally,
    columns: Vec<Column>,
    record: ByteRecord,
    /// The first row, where it is data: it was read to count the columns.
    pending: bool,
    row: u64,
    irregular: Irregular,
}

impl Delimited {
    pub(super) fn open(path: &Path, layout: &Layout, watch: &Watch) -> Result<Self> {
        let source = Source::open(path, layout.compression, watch)?;
        let tally = source.tally();
        let (reader, rest) = source.split();
        let delimiter = layout.delimiter.and_then(|delimiter| u8::try_from(delimiter).ok()).unwrap_or(b',');
        let reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(64 * 1024)
            .from_reader(decoded(reader, layout.encoding));
        let mut rows = Self {
            path: path.to_owned(),
            reader,
            rest,
            tally,
            columns: Vec::new(),
            record: ByteRecord::new(),
            pending: false,
            row: 0,
            irregular: Irregular::default(),
        };
        if rows.read()? {
            rows.name_columns(layout.header)?;
        }
        Ok(rows)
    }

    fn read(&mut self) -> Result<bool> {
        let found =
            self.reader.read_byte_record(&mut self.record).map_err(|error| unreadable_csv(&self.path, error))?;
        self.tally.row();
        Ok(found)
    }

    fn name_columns(&mut self, header: bool) -> Result<()> {
        if self.record.len() > MAX_COLUMNS {
            return Err(too_wide(&self.path));
        }
        let mut names = Names::default();
        self.columns = (0..self.record.len())
            .map(|at| {
                let name = if header { String::from_utf8_lossy(&self.record[at]) } else { Cow::default() };
                names.column(at, &name)
            })
            .collect();
        self.pending = !header;
        Ok(())
    }

    /// Goes to the next row, if there is one, and sees whether it is in order.
    fn advance(&mut self) -> Result<bool> {
        if !std::mem::take(&mut self.pending) && !self.read()? {
            return Ok(false);
        }
        self.row += 1;
        let (cells, columns) = (self.record.len(), self.columns.len());
        // A delimiter at the end of every row makes an empty cell too many.
        let beyond = || (columns..cells).any(|at| !self.record[at].is_empty());
        if cells < columns || (cells > columns && beyond()) {
            self.irregular.ragged(self.row, cells, columns);
        }
        if std::str::from_utf8(self.record.as_slice()).is_err() {
            let cells = self.record.iter().take(columns);
            self.irregular.misencoded += cells.filter(|cell| std::str::from_utf8(cell).is_err()).count() as u64;
        }
        Ok(true)
    }
}

/// UTF-8 goes through as it is: cells are looked at one by one.
fn decoded(reader: Box<dyn Read + Send>, encoding: Encoding) -> Box<dyn Read + Send> {
    let mut builder = DecodeReaderBytesBuilder::new();
    builder.encoding(Some(encoding.decoder())).utf8_passthru(true).strip_bom(true).bom_override(true);
    Box::new(builder.build(reader))
}

fn unreadable_csv(path: &Path, error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => unreadable(path, error),
        other => Error::validation(format!("{}: {other:?}", path.display())).code("NotADataset"),
    }
}

/// A cell of a row: text in UTF-8 or, where it is not, in the encoding that older spreadsheets write.
pub(super) fn cell(record: &ByteRecord, column: usize) -> Cell<'_> {
    let Some(bytes) = record.get(column) else { return Cell::Missing };
    match std::str::from_utf8(bytes) {
        Ok(text) => Cell::Text(Cow::Borrowed(text)),
        Err(_) => Cell::Text(encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0),
    }
}

impl Rows for Delimited {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn next(&mut self) -> Result<Option<Batch>> {
        let (mut records, mut bytes) = (Vec::new(), 0);
        while records.len() < BATCH_ROWS && bytes < BATCH_BYTES && self.advance()? {
            bytes += self.record.as_slice().len();
            records.push(std::mem::take(&mut self.record));
        }
        let rows = records.len();
        Ok((rows > 0).then(|| Batch { columns: self.columns.len(), rows, cells: Cells::Records(records) }))
    }

    fn irregular(&self) -> Irregular {
        self.irregular
    }

    fn fingerprint(self: Box<Self>) -> Result<Fingerprint> {
        self.rest.fingerprint(&self.path)
    }
}
