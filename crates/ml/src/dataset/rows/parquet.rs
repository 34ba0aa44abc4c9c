//! Parquet, some rows of every column at a time. Members of structs are columns of their own; what holds a list or a map is
//! one nested column.

mod nested;

use std::{
    borrow::Cow,
    collections::HashSet,
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use parquet::{
    basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical},
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{DataType, Int96},
    errors::ParquetError,
    file::{reader::FileReader, serialized_reader::SerializedFileReader},
    schema::types::{ColumnDescriptor, SchemaDescriptor},
};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use trainyard_contract::{Error, ErrorKind, Result};

use self::nested::Nested;
use super::{BATCH_ROWS, Batch, Cells, Column, Irregular, MAX_COLUMNS, Names, Rows, too_wide};
use crate::dataset::{
    source::{Fingerprint, Watch, fingerprint, hexadecimal, unreadable},
    value::Cell,
};

/// Cells held at once, over all columns.
const MAX_CELLS: usize = 1 << 18;

/// A Parquet file that is being read.
pub(super) struct Parquet {
    path: PathBuf,
    watch: Watch,
    file: SerializedFileReader<File>,
    columns: Vec<Column>,
    /// Where each column is in the schema.
    places: Vec<Place>,
    /// Number of the next group of rows.
    group: usize,
    readers: Vec<Reader>,
}

/// What a column of the table is in the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The leaf of this number.
    Leaf(usize),
    /// The field of this number, with everything below it.
    Field(usize),
}

/// A column of a group of rows that is being read.
enum Reader {
    Leaf(usize, Box<ColumnReader>),
    Field(Nested),
}

impl Parquet {
    pub(super) fn open(path: &Path, watch: &Watch) -> Result<Self> {
        let file = File::open(path).map_err(|error| unreadable(path, error))?;
        let file = guarded(path, || SerializedFileReader::new(file))?;
        let schema = file.metadata().file_metadata().schema_descr();
        if schema.num_columns() > MAX_COLUMNS {
            return Err(too_wide(path));
        }
        let places = places(schema);
        let mut names = Names::default();
        let columns = places.iter().enumerate().map(|(at, place)| match place {
            Place::Leaf(leaf) => names.column(at, &schema.column(*leaf).path().string()),
            Place::Field(field) => names.column(at, schema.root_schema().get_fields()[*field].name()),
        });
        let columns = columns.collect();
        let (path, watch) = (path.to_owned(), watch.clone());
        Ok(Self { path, watch, file, columns, places, group: 0, readers: Vec::new() })
    }

    /// Up to so many rows of this group, column by column.
    fn read_some(&mut self, rows: usize) -> Result<Vec<Vec<Cell<'static>>>> {
        let descriptors = self.file.metadata().file_metadata().schema_descr_ptr();
        let readers = &mut self.readers;
        guarded(&self.path, || {
            let mut found: Vec<Vec<Cell<'static>>> = Vec::with_capacity(readers.len());
            for reader in readers.iter_mut() {
                let mut cells = Vec::new();
                match reader {
                    Reader::Leaf(leaf, reader) => read(reader, &descriptors.column(*leaf), rows, &mut cells)?,
                    Reader::Field(nested) => nested.read(rows, &mut cells)?,
                }
                if found.first().is_some_and(|first| first.len() != cells.len()) {
                    return Err(ParquetError::General("columns differ in their number of rows".to_owned()));
                }
                found.push(cells);
            }
            Ok(found)
        })
    }

    fn next_group(&mut self) -> Result<bool> {
        if self.group >= self.file.num_row_groups() || self.columns.is_empty() {
            return Ok(false);
        }
        let (file, group, places) = (&self.file, self.group, &self.places);
        self.readers = guarded(&self.path, || {
            let schema = file.metadata().file_metadata().schema_descr();
            let group = file.get_row_group(group)?;
            if group.num_columns() != schema.num_columns() {
                return Err(ParquetError::General("its schema and its rows differ".to_owned()));
            }
            let reader = |place: &Place| match place {
                Place::Leaf(leaf) => Ok(Reader::Leaf(*leaf, Box::new(group.get_column_reader(*leaf)?))),
                Place::Field(field) => Ok(Reader::Field(Nested::open(schema, *field, &*group)?)),
            };
            places.iter().map(reader).collect()
        })?;
        self.group += 1;
        Ok(true)
    }
}

/// Fields with a list or a map anywhere below are one column; of others, each leaf is.
fn places(schema: &SchemaDescriptor) -> Vec<Place> {
    let roots: Vec<usize> = (0..schema.num_columns()).map(|leaf| schema.get_column_root_idx(leaf)).collect();
    let repeated: HashSet<usize> =
        (0..roots.len()).filter(|&leaf| schema.column(leaf).max_rep_level() > 0).map(|leaf| roots[leaf]).collect();
    let mut places: Vec<Place> = Vec::with_capacity(roots.len());
    for (leaf, root) in roots.into_iter().enumerate() {
        let place = if repeated.contains(&root) { Place::Field(root) } else { Place::Leaf(leaf) };
        // Leaves of a field follow each other.
        if places.last() != Some(&place) {
            places.push(place);
        }
    }
    places
}

/// The library panics on some files that are broken; those are errors like any other.
fn guarded<T>(path: &Path, work: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T> {
    let failed = |why: String| {
        Error::validation(format!("{} is no sound Parquet file: {why}", path.display())).code("NotADataset")
    };
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(ParquetError::NYI(what))) => {
            Err(Error::new(ErrorKind::Unsupported, format!("{}: {what}", path.display()))
                .hint("write it again with zstd, snappy or gzip, and without encryption"))
        }
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed("what it says of its own parts is wrong".to_owned())),
    }
}

/// Reads up to so many rows of a column.
fn read(
    reader: &mut ColumnReader,
    descriptor: &ColumnDescriptor,
    rows: usize,
    cells: &mut Vec<Cell<'static>>,
) -> parquet::errors::Result<()> {
    let unit = Unit::of(descriptor);
    match reader {
        ColumnReader::BoolColumnReader(reader) => typed(reader, descriptor, rows, cells, |value| Cell::Boolean(*value)),
        ColumnReader::Int32ColumnReader(reader) => typed(reader, descriptor, rows, cells, |value| {
            unit.of_integer(i64::from(*value), i64::from(value.cast_unsigned()))
        }),
        ColumnReader::Int64ColumnReader(reader) => {
            typed(reader, descriptor, rows, cells, |value| match i64::try_from(value.cast_unsigned()) {
                Ok(unsigned) => unit.of_integer(*value, unsigned),
                Err(_) if unit == Unit::Unsigned => Cell::Text(Cow::Owned(value.cast_unsigned().to_string())),
                Err(_) => unit.of_integer(*value, *value),
            })
        }
        ColumnReader::Int96ColumnReader(reader) => {
            typed(reader, descriptor, rows, cells, |value: &Int96| timestamp(i128::from(value.to_nanos())))
        }
        ColumnReader::FloatColumnReader(reader) => {
            // By its digits: 0.1 is meant to be 0.1 in more digits as well.
            typed(reader, descriptor, rows, cells, |value| Cell::Number(value.to_string().parse().unwrap_or(f64::NAN)))
        }
        ColumnReader::DoubleColumnReader(reader) => {
            typed(reader, descriptor, rows, cells, |value| Cell::Number(*value))
        }
        ColumnReader::ByteArrayColumnReader(reader) => {
            typed(reader, descriptor, rows, cells, |value| unit.of_bytes(value.data()))
        }
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            typed(reader, descriptor, rows, cells, |value| unit.of_bytes(value.data()))
        }
    }
}

fn typed<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    descriptor: &ColumnDescriptor,
    rows: usize,
    cells: &mut Vec<Cell<'static>>,
    cell: impl Fn(&T::T) -> Cell<'static>,
) -> parquet::errors::Result<()> {
    let (mut definitions, mut values) = (Vec::new(), Vec::new());
    let (records, ..) = reader.read_records(rows, Some(&mut definitions), None, &mut values)?;
    let mut values = values.iter();
    if descriptor.max_def_level() == 0 {
        cells.extend(values.map(cell));
        return Ok(());
    }
    for definition in definitions.iter().take(records) {
        let value = if *definition == descriptor.max_def_level() { values.next() } else { None };
        cells.push(value.map_or(Cell::Missing, &cell));
    }
    Ok(())
}

/// What a physical value means.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    Plain,
    Unsigned,
    Days,
    /// Nanoseconds in one.
    Since(i64),
    /// Digits after the point.
    Decimal(i32),
    /// Bytes that are no text.
    Binary,
}

impl Unit {
    fn of(column: &ColumnDescriptor) -> Self {
        let since = |unit: &TimeUnit| match unit {
            TimeUnit::MILLIS => Self::Since(1_000_000),
            TimeUnit::MICROS => Self::Since(1_000),
            TimeUnit::NANOS => Self::Since(1),
        };
        match column.logical_type_ref() {
            Some(LogicalType::Date) => return Self::Days,
            Some(LogicalType::Timestamp(timestamp)) => return since(&timestamp.unit),
            Some(LogicalType::Decimal(decimal)) => return Self::Decimal(decimal.scale),
            Some(LogicalType::Integer(integer)) if !integer.is_signed => return Self::Unsigned,
            _ => {}
        }
        match column.converted_type() {
            ConvertedType::DATE => Self::Days,
            ConvertedType::TIMESTAMP_MILLIS => Self::Since(1_000_000),
            ConvertedType::TIMESTAMP_MICROS => Self::Since(1_000),
            ConvertedType::DECIMAL => Self::Decimal(column.type_scale()),
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64 => {
                Self::Unsigned
            }
            _ if column.physical_type() == Physical::FIXED_LEN_BYTE_ARRAY => Self::Binary,
            _ => Self::Plain,
        }
    }

    fn of_integer(self, value: i64, unsigned: i64) -> Cell<'static> {
        match self {
            Self::Days => day(value),
            Self::Since(nanoseconds) => timestamp(i128::from(value) * i128::from(nanoseconds)),
            Self::Decimal(scale) => decimal(i128::from(value), scale),
            Self::Unsigned => Cell::Integer(unsigned),
            Self::Plain | Self::Binary => Cell::Integer(value),
        }
    }

    fn of_bytes(self, bytes: &[u8]) -> Cell<'static> {
        match (self, std::str::from_utf8(bytes)) {
            (Self::Decimal(scale), _) if bytes.len() <= 16 => {
                let sign = if bytes.first().is_some_and(|first| first & 0x80 != 0) { -1 } else { 0 };
                decimal(bytes.iter().fold(sign, |value, byte| (value << 8) | i128::from(*byte)), scale)
            }
            (Self::Plain, Ok(text)) => Cell::Quoted(Cow::Owned(text.to_owned())),
            _ => {
                let shown = hexadecimal(&bytes[..bytes.len().min(32)]);
                Cell::Quoted(Cow::Owned(shown))
            }
        }
    }
}

fn day(days: i64) -> Cell<'static> {
    let date = Duration::days(days.clamp(-4_000_000, 4_000_000));
    match OffsetDateTime::UNIX_EPOCH.date().checked_add(date) {
        Some(date) => Cell::Date(Cow::Owned(date.to_string())),
        None => Cell::Integer(days),
    }
}

fn timestamp(nanoseconds: i128) -> Cell<'static> {
    let text = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok().and_then(|time| time.format(&Rfc3339).ok());
    text.map_or(Cell::Missing, |text| Cell::Timestamp(Cow::Owned(text)))
}

fn decimal(value: i128, scale: i32) -> Cell<'static> {
    // Through text, which rounds once.
    Cell::Number(format!("{value}e{}", -scale).parse().unwrap_or(f64::NAN))
}

impl Rows for Parquet {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn next(&mut self) -> Result<Option<Batch>> {
        self.watch.ask().map_err(|error| unreadable(&self.path, error))?;
        let rows = (MAX_CELLS / self.columns.len().max(1)).clamp(16, BATCH_ROWS);
        loop {
            if self.readers.is_empty() && !self.next_group()? {
                return Ok(None);
            }
            let cells = self.read_some(rows)?;
            match cells.first().map_or(0, Vec::len) {
                0 => self.readers.clear(),
                rows => return Ok(Some(Batch { columns: self.columns.len(), rows, cells: Cells::Columns(cells) })),
            }
        }
    }

    fn irregular(&self) -> Irregular {
        Irregular::default()
    }

    fn fingerprint(self: Box<Self>) -> Result<Fingerprint> {
        fingerprint(&self.path, None, &self.watch)
    }
}
