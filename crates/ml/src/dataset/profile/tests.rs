//! Profiles of files that people really have, and of files that nobody should.

use std::{fs, io::Write, path::PathBuf};

use proptest::prelude::*;
use trainyard_contract::ErrorKind;

use super::*;
use crate::dataset::{Encoding, Format, Kind, Wanted};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn of(path: &Path, target: Option<&str>) -> Result<Profile> {
    let layout = Layout::of(path, &Wanted::default())?;
    let settings = Settings { target: target.map(str::to_owned) };
    profile(path, &layout, &settings, &Watch::default())
}

fn csv(text: impl AsRef<[u8]>) -> Profile {
    of(&Folder::new().file("table.csv", text), None).unwrap()
}

fn codes(profile: &Profile) -> Vec<(&str, Option<&str>)> {
    profile.findings.iter().map(|finding| (finding.code.as_str(), finding.column.as_deref())).collect()
}

#[test]
fn a_type_is_judged_by_the_whole_file() {
    let mut text = String::from("a,b,c\n");
    for row in 0..80_000 {
        text.push_str(&format!("{row},{},{}\n", row % 7, row % 3));
    }
    text.push_str("80000,seven,0.5\n");
    let found = csv(text);
    assert_eq!(found.rows, 80_001);
    let kinds: Vec<Kind> = found.columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds, [Kind::Integer, Kind::Integer, Kind::Number]);
    let failures = found.columns[1].parse_failures.as_ref().unwrap();
    assert_eq!((failures.count, failures.examples.as_slice()), (1, ["seven".to_owned()].as_slice()));
    assert!(found.columns[0].id_like);
    assert!(codes(&found).contains(&("parse_failures", Some("b"))));
}

#[test]
fn what_is_out_of_order_is_said() {
    let found = csv("a,a,,d\n1,2,3\n1,2,3,4,5\n1,2,3,4,\n1,2,3,4\n");
    let names: Vec<&str> = found.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["a", "a_2", "column_3", "d"]);
    assert_eq!((found.rows, found.columns[3].missing), (4, 1));
    let ragged = found.findings.iter().find(|finding| finding.code == "ragged_rows").unwrap();
    assert!(ragged.message.starts_with("1 rows have fewer") && ragged.message.ends_with("row 1"), "{}", ragged.message);
    assert!(codes(&found).contains(&("renamed", Some("a_2"))));
    assert_eq!(found.duplicate_rows, 2);
}

#[test]
fn text_is_read_in_the_encoding_that_it_is_in() {
    let text = "name,city\nJosé,Zürich\n";
    let utf16 = |big: bool| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let latin: Vec<u8> = text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
    let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    let files = [
        (text.as_bytes().to_vec(), Encoding::Utf8),
        (marked, Encoding::Utf8),
        (utf16(false), Encoding::Utf16Le),
        (utf16(true), Encoding::Utf16Be),
        (latin, Encoding::Windows1252),
    ];
    for (bytes, encoding) in files {
        let found = csv(bytes);
        assert_eq!(found.layout.encoding, encoding);
        assert_eq!(found.columns[0].name, "name", "{encoding:?}");
        assert_eq!(found.columns[1].top[0].value, "Zürich", "{encoding:?}");
    }
}

#[test]
fn quotes_hold_delimiters_lines_and_quotes() {
    let found = csv("id;text\r\n1;\"a;b\r\nc \"\"d\"\"\"\r\n2;plain\r\n");
    assert_eq!((found.rows, found.layout.delimiter), (2, Some(';')));
    assert!(found.columns[1].top.iter().any(|top| top.value == "a;b\r\nc \"d\""));
}

#[test]
fn packed_files_are_unpacked() {
    let folder = Folder::new();
    let text = "a,b\n1,2\n3,4\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    // Two members one after the other, as `cat a.gz b.gz` makes them.
    let mut bytes = gzip.finish().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(b"5,6\n").unwrap();
    bytes.extend(gzip.finish().unwrap());
    assert_eq!(of(&folder.file("t.csv.gz", bytes), None).unwrap().rows, 3);
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let found = of(&folder.file("t.csv.zst", &zstd), None).unwrap();
    assert_eq!((found.rows, found.fingerprint.bytes), (2, zstd.len() as u64));
}

#[test]
fn json_lines_may_learn_columns_late() {
    let folder = Folder::new();
    let text = "{\"a\": 1, \"b\": {\"c\": [1]}}\n\n{\"a\": 2.5, \"d\": \"2024-01-01\"}\n{\"a\": null, \"d\": \"2024-01-02\"}\n";
    let found = of(&folder.file("t.jsonl", text), Some("d")).unwrap();
    let kinds: Vec<_> =
        found.columns.iter().map(|column| (column.name.as_str(), column.kind, column.missing)).collect();
    assert_eq!(kinds, [("a", Kind::Number, 1), ("b", Kind::Nested, 2), ("d", Kind::Date, 1)]);
    assert_eq!(found.layout.format, Format::JsonLines);
    let error = of(&folder.file("u.jsonl", "{\"a\": 1}\n{\"a\": 1\n"), None).unwrap_err();
    assert!(error.message().contains("line 2"), "{error}");
}

#[test]
fn what_gives_the_target_away_is_found() {
    let mut text = String::from("measure,copy,code,noise,email,y\n");
    for row in 0_u32..400 {
        let noise = row.wrapping_mul(2_654_435_761) >> 8;
        let class = noise % 2;
        let code = ["red", "green", "blue", "grey"][(class * 2 + row % 2) as usize];
        text.push_str(&format!("{}.5,{class},{code},{noise},u{row}@example.org,{class}\n", noise % 1000));
    }
    let path = Folder::new();
    let found = of(&path.file("t.csv", text), Some("y")).unwrap();
    let leaks: Vec<_> = codes(&found).into_iter().filter(|(code, _)| *code == "leakage").collect();
    assert_eq!(leaks, [("leakage", Some("copy")), ("leakage", Some("code"))]);
    assert!(codes(&found).contains(&("personal_data", Some("email"))));
    let error = of(&path.file("u.csv", "a,b\n1,2\n"), Some("c")).unwrap_err();
    assert!(error.hint_str().unwrap().contains("a, b"), "{error:?}");
}

#[test]
fn a_file_that_is_no_table_says_what_it_is() {
    let folder = Folder::new();
    for (name, bytes, said) in [
        ("book.csv", b"PK\x03\x04rest".as_slice(), "Excel"),
        ("page.csv", b"<!DOCTYPE html><html>".as_slice(), "web page"),
        ("model.csv", b"\x80\x04\x95pickled".as_slice(), "pickle"),
        ("data.parquet", b"a,b\n1,2\n".as_slice(), "PAR1"),
        ("data.jsonl", b"a,b\n1,2\n".as_slice(), "JSON object"),
        ("data.json", b"[\n{\"a\": 1}]".as_slice(), "one JSON document"),
        ("data.csv", b"\x01\x00\x00\x02\x00\x00\x03\x00\x00".as_slice(), "binary"),
        ("cut.parquet", b"PAR1 and no more".as_slice(), "Parquet"),
    ] {
        let error = of(&folder.file(name, bytes), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation, "{name}: {error}");
        assert!(error.message().contains(said), "{name}: {error}");
    }
    assert_eq!(of(&folder.0.path().join("none.csv"), None).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(of(folder.0.path(), None).is_err());
}

#[test]
fn files_with_nothing_in_them_have_no_rows() {
    for (text, columns) in [("", 0), ("\n\n", 0), ("a,b,c\n", 3), ("a,b,c", 3)] {
        let found = csv(text);
        assert_eq!((found.rows, found.columns.len()), (0, columns), "{text:?}");
        assert!(found.columns.iter().all(|column| column.kind == Kind::Empty));
    }
}

#[test]
fn an_endless_cell_ends_early() {
    let folder = Folder::new();
    let endless = folder.file("endless.csv", [b"a,b\n1,\"".as_slice(), &vec![b'x'; 17 << 20]].concat());
    let error = of(&endless, None).unwrap_err();
    assert!(error.message().contains("quote"), "{error}");
}

#[test]
fn a_reading_can_be_stopped() {
    let folder = Folder::new();
    let path = folder.file("t.csv", "a\n1\n");
    let watch = Watch::default();
    let layout = Layout::of(&path, &Wanted::default()).unwrap();
    watch.stop();
    assert_eq!(profile(&path, &layout, &Settings::default(), &watch).unwrap_err().kind(), ErrorKind::Cancelled);
}

fn cells() -> impl Strategy<Value = Vec<String>> {
    let number = (-1e6..1e6_f64).prop_map(|value| value.to_string());
    let whole = any::<i64>().prop_map(|value| value.to_string());
    let small = (0..5_u8).prop_map(|value| value.to_string());
    prop::collection::vec(prop_oneof![number, whole, small, Just(String::new()), "[a-c@. ]{0,3}"], 0..3000)
}

fn sketch(cells: &[String]) -> ColumnSketch {
    let mut sketch = ColumnSketch::new(Precision::of(1), 0, false);
    for cell in cells {
        sketch.add(&crate::dataset::value::Cell::Text(cell.into()), None);
    }
    sketch
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs()).max(1.0) || one.to_bits() == other.to_bits()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn sketches_of_parts_make_the_sketch_of_the_whole(cells in cells(), at in 0.0..1.0_f64) {
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place")]
        let at = (cells.len() as f64 * at) as usize;
        let mut merged = sketch(&cells[..at]);
        merged.merge(&sketch(&cells[at..]));
        let whole = sketch(&cells);
        prop_assert_eq!(merged.counts, whole.counts);
        prop_assert_eq!(merged.kind(), whole.kind());
        prop_assert_eq!(merged.values.count(), whole.values.count());
        prop_assert_eq!(merged.texts.count(), whole.texts.count());
        prop_assert_eq!(merged.moments.count, whole.moments.count);
        prop_assert!(near(merged.moments.min, whole.moments.min) && near(merged.moments.max, whole.moments.max));
        prop_assert!(near(merged.moments.mean, whole.moments.mean));
        let deviations = (merged.moments.standard_deviation(), whole.moments.standard_deviation());
        prop_assert!(near(deviations.0.unwrap_or_default(), deviations.1.unwrap_or_default()), "{:?}", deviations);
        // Frequent values are the same where there are few enough to count each.
        if let ((first, true), (other, true)) = (merged.frequent.first(10), whole.frequent.first(10)) {
            prop_assert_eq!(first, other);
        }
        // What the merged sketch calls the median is near the middle.
        if whole.moments.count > 0 {
            let median = merged.digest.quantile(0.5).unwrap().unwrap();
            let ties = cells.iter().filter_map(|cell| cell.parse::<f64>().ok());
            let (below, up_to) = ties.fold((0_u32, 0_u32), |(below, up_to), value| {
                (below + u32::from(value < median), up_to + u32::from(value <= median))
            });
            #[expect(clippy::cast_precision_loss, reason = "a share")]
            let count = whole.moments.count as f64;
            let slack = 0.04 + 2.0 / count;
            prop_assert!(f64::from(below) / count <= 0.5 + slack, "{} of {} are below {}", below, count, median);
            prop_assert!(f64::from(up_to) / count >= 0.5 - slack, "{} of {} are up to {}", up_to, count, median);
        }
    }

    #[test]
    fn bytes_of_any_kind_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), name in "t\\.(csv|jsonl|parquet|csv\\.gz)") {
        let folder = Folder::new();
        let _ = of(&folder.file(&name, &bytes), None);
        let _ = of(&folder.file(&name, [b"{\"a\": 1}\n", bytes.as_slice()].concat()), None);
        let _ = of(&folder.file("u.parquet", [b"PAR1", bytes.as_slice(), b"PAR1"].concat()), None);
        let mut packed = zstd::encode_all(bytes.as_slice(), 1).unwrap();
        packed.truncate(packed.len() / 2);
        let _ = of(&folder.file("t.csv.zst", packed), None);
    }
}
