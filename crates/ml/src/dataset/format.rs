//! How a file is written: found out from its first bytes, or said by its owner.

use std::{io::Read, path::Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Error, Result};

use super::{
    source::{Source, Watch, unreadable},
    value::Meaning,
};

/// Bytes that are looked at before the reading begins.
const SAMPLE: usize = 256 * 1024;

/// What a table is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Lines of cells with something between them: commas, tabs, semicolons or bars.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
}

/// How a file is packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all, or within itself as Parquet is.
    #[default]
    None,
    /// Gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// How text stands in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Encoding {
    /// UTF-8; cells that are not are read as Windows-1252 each.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16, little end first.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, big end first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// Windows-1252, of which Latin-1 is the visible part.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

impl Encoding {
    pub(crate) fn decoder(self) -> &'static encoding_rs::Encoding {
        match self {
            Self::Utf8 => encoding_rs::UTF_8,
            Self::Utf16Le => encoding_rs::UTF_16LE,
            Self::Utf16Be => encoding_rs::UTF_16BE,
            Self::Windows1252 => encoding_rs::WINDOWS_1252,
        }
    }
}

/// What the owner of a file says about it. What is left open is found out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Wanted {
    /// What it is written in.
    pub format: Option<Format>,
    /// What stands between the cells of a CSV file: one ASCII character.
    pub delimiter: Option<char>,
    /// How text stands in bytes.
    pub encoding: Option<Encoding>,
    /// Whether the first row of a CSV file has the names of the columns.
    pub header: Option<bool>,
}

/// How a file is written. Kept with a dataset, so that every reading is the same reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Layout {
    /// What it is written in.
    pub format: Format,
    /// How it is packed.
    pub compression: Compression,
    /// How text stands in bytes.
    pub encoding: Encoding,
    /// What stands between the cells of a CSV file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// Whether the first row of a CSV file has the names of the columns.
    pub header: bool,
}

impl Layout {
    /// Finds out how a file is written.
    pub fn of(path: &Path, wanted: &Wanted) -> Result<Self> {
        let packed = sample(path, Compression::None)?;
        let compression = match packed.get(..4) {
            Some([0x1f, 0x8b, ..]) => Compression::Gzip,
            Some([0x28, 0xb5, 0x2f, 0xfd]) => Compression::Zstd,
            _ => Compression::None,
        };
        let bytes = if compression == Compression::None { packed } else { sample(path, compression)? };
        let parquet = bytes.starts_with(b"PAR1");
        if parquet != (wanted.format == Some(Format::Parquet) || named(path, &["parquet", "pq"])) {
            if !parquet {
                return Err(not_a_dataset(path, "is no Parquet file, which begins with PAR1"));
            }
            if wanted.format.is_some() {
                return Err(not_a_dataset(path, "is a Parquet file").hint("leave `format` out, or say parquet"));
            }
        }
        if parquet && compression != Compression::None {
            return Err(not_a_dataset(path, "is a Parquet file packed once more").hint("unpack it first"));
        }
        if parquet {
            let encoding = Encoding::Utf8;
            return Ok(Self { format: Format::Parquet, compression, encoding, delimiter: None, header: true });
        }
        Self::of_text(path, wanted, compression, &bytes)
    }

    fn of_text(path: &Path, wanted: &Wanted, compression: Compression, bytes: &[u8]) -> Result<Self> {
        let encoding = wanted.encoding.unwrap_or_else(|| encoding(bytes));
        if encoding != Encoding::Utf16Le && encoding != Encoding::Utf16Be {
            recognise(path, bytes)?;
        }
        let (text, _, _) = encoding.decoder().decode(bytes);
        let text = text.trim_start_matches('\u{feff}');
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
        let object = first.starts_with('{') && serde_json::from_str::<serde_json::Value>(first).is_ok();
        let lines = named(path, &["jsonl", "ndjson", "jsonlines"]);
        let format = wanted.format.unwrap_or(if object || lines { Format::JsonLines } else { Format::Csv });
        if format == Format::JsonLines && !object && !first.is_empty() {
            return Err(not_a_dataset(path, "does not begin with a JSON object on a line of its own")
                .hint("JSON Lines has one object a line; `jq -c '.[]'` makes them of an array"));
        }
        if format == Format::Csv && first.starts_with("[{") || named(path, &["json"]) && !object {
            return Err(not_a_dataset(path, "is one JSON document, not one object a line")
                .hint("`jq -c '.[]' file.json > file.jsonl` makes JSON Lines of an array"));
        }
        if format == Format::JsonLines {
            return Ok(Self { format, compression, encoding, delimiter: None, header: true });
        }
        let delimiter = match wanted.delimiter {
            Some(delimiter) if delimiter.is_ascii() && !"\"\r\n".contains(delimiter) => delimiter,
            Some(delimiter) => {
                let what = format!("delimiter {delimiter:?} is not one ASCII character that can stand between cells");
                return Err(Error::validation(what));
            }
            None => delimiter(text, bytes.len() < SAMPLE),
        };
        let header = wanted.header.unwrap_or_else(|| has_header(text, delimiter));
        Ok(Self { format, compression, encoding, delimiter: Some(delimiter), header })
    }
}

fn named(path: &Path, endings: &[&str]) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = [".gz", ".zst", ".zstd"].iter().find_map(|packed| name.strip_suffix(packed)).unwrap_or(&name);
    name.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending))
}

fn sample(path: &Path, compression: Compression) -> Result<Vec<u8>> {
    let (reader, _) = Source::open(path, compression, &Watch::default())?.split();
    let mut bytes = Vec::new();
    reader.take(SAMPLE as u64).read_to_end(&mut bytes).map_err(|error| unreadable(path, error))?;
    Ok(bytes)
}

fn not_a_dataset(path: &Path, why: &str) -> Error {
    Error::validation(format!("{} {why}", path.display())).code("NotADataset")
}

/// Says what a file is that is no table.
fn recognise(path: &Path, bytes: &[u8]) -> Result<()> {
    const KNOWN: [(&[u8], &str, &str); 12] = [
        (b"PK\x03\x04", "is a ZIP archive or an Excel workbook", "unpack it, or save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0", "is an old Excel workbook", "save the sheet as CSV"),
        (b"%PDF", "is a PDF", "give the table itself, as CSV"),
        (b"\x89PNG", "is a picture", "give a table"),
        (b"\xff\xd8\xff", "is a picture", "give a table"),
        (b"SQLite format 3", "is an SQLite database", "export the table: sqlite3 -header -csv FILE 'select …'"),
        (b"\x89HDF", "is an HDF5 file", "export the table as CSV or Parquet"),
        (b"ARROW1", "is an Arrow file", "save it as Parquet"),
        (b"\x80\x04", "is a Python pickle, which is code and is never opened", "save the table as CSV or Parquet"),
        (b"\x80\x05", "is a Python pickle, which is code and is never opened", "save the table as CSV or Parquet"),
        (b"BZh", "is packed with bzip2", "pack it with gzip or zstd instead, or not at all"),
        (b"\xfd7zXZ", "is packed with xz", "pack it with gzip or zstd instead, or not at all"),
    ];
    if let Some((_, what, hint)) = KNOWN.iter().find(|(magic, _, _)| bytes.starts_with(magic)) {
        return Err(not_a_dataset(path, what).hint(*hint));
    }
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(256)]).trim_start().to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return Err(not_a_dataset(path, "is a web page").hint("the download may have failed; look into the file"));
    }
    if start.starts_with("version https://git-lfs") {
        return Err(not_a_dataset(path, "is a pointer of Git LFS, not the file itself").hint("git lfs pull"));
    }
    // A table of text has no NUL; one stray one is let pass.
    #[expect(clippy::naive_bytecount, reason = "once a file, on its first bytes")]
    let nuls = bytes.iter().filter(|byte| **byte == 0).count();
    if nuls > 1 && nuls * 1000 > bytes.len() {
        return Err(not_a_dataset(path, "is binary, and neither Parquet nor text"));
    }
    Ok(())
}

fn encoding(bytes: &[u8]) -> Encoding {
    match bytes {
        [0xff, 0xfe, ..] => return Encoding::Utf16Le,
        [0xfe, 0xff, ..] => return Encoding::Utf16Be,
        _ => {}
    }
    // Latin text in UTF-16 has a NUL in every second place.
    let (even, odd) = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == 0)
        .fold((0, 0), |(even, odd), (at, _)| if at % 2 == 0 { (even + 1, odd) } else { (even, odd + 1) });
    let many = bytes.len() / 4;
    match (even, odd) {
        (0, odd) if odd > many => return Encoding::Utf16Le,
        (even, 0) if even > many => return Encoding::Utf16Be,
        _ => {}
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => Encoding::Utf8,
        // The sample may end within a character.
        Err(error) if error.error_len().is_none() => Encoding::Utf8,
        Err(_) => Encoding::Windows1252,
    }
}

/// The first rows of a sample, cut with this delimiter.
fn cut(text: &str, delimiter: u8, whole: bool) -> Vec<csv::StringRecord> {
    let reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut rows: Vec<_> = reader.into_records().take(200).filter_map(std::result::Result::ok).collect();
    if !whole && rows.len() < 200 && rows.len() > 1 {
        rows.pop();
    }
    rows
}

/// What stands between the cells: what cuts the most rows into the same number of cells, and into more than one.
fn delimiter(text: &str, whole: bool) -> char {
    let score = |delimiter: char| {
        let rows = cut(text, u8::try_from(delimiter).unwrap_or(b','), whole);
        let widths: Vec<usize> = rows.iter().map(csv::StringRecord::len).collect();
        let usual = widths.iter().copied().max_by_key(|width| widths.iter().filter(|other| *other == width).count());
        let usual = usual.unwrap_or(1);
        let alike = widths.iter().filter(|width| **width == usual).count();
        // In thousandths, so that a few ragged rows weigh little.
        if usual > 1 { (alike * 1000 / widths.len().max(1), usual) } else { (0, 0) }
    };
    let mut best = (',', score(','));
    for candidate in ['\t', ';', '|'] {
        let found = score(candidate);
        if found.0 > best.1.0 || (found.0 == best.1.0 && found.1 > best.1.1) {
            best = (candidate, found);
        }
    }
    best.0
}

/// Names of columns are no numbers. A first row of numbers only is data.
fn has_header(text: &str, delimiter: char) -> bool {
    let rows = cut(text, u8::try_from(delimiter).unwrap_or(b','), false);
    let Some(first) = rows.first() else { return true };
    let data = |cell: &str| Meaning::of(cell).as_number().is_some() || matches!(Meaning::of(cell), Meaning::Date);
    !first.iter().any(data) || !first.iter().all(|cell| data(cell) || Meaning::of(cell) == Meaning::Missing)
}
