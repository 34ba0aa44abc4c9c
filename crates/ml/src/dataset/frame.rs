//! The second reading of a dataset: into memory, as a table to learn from.

use std::path::Path;

use time::{Date, OffsetDateTime, PrimitiveDateTime, format_description::well_known::Rfc3339};
use trainyard_contract::{Error, ErrorKind, Result};
use trainyard_train::{Cell as TableCell, Frame, FrameBuilder, Kind as TableKind};

use super::{
    format::Layout,
    profile::{ColumnProfile, Profile, no_column},
    rows::{self, Column},
    source::Watch,
    value::{Cell, Kind, Meaning},
};

/// What is wanted of a dataset.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only these columns; all when absent.
    pub columns: Option<Vec<String>>,
    /// Columns whose values are classes, whatever they look like.
    pub classes: Vec<String>,
    /// Most memory that the table may take, in bytes, as far as it can be estimated beforehand; any when absent.
    pub max_bytes: Option<u64>,
}

/// A table, and what is not in it.
#[derive(Debug)]
pub struct Framed {
    /// The table. Days are days since 1970, points in time seconds since 1970.
    pub frame: Frame,
    /// Columns that nothing can be learned from, and why.
    pub left_out: Vec<(String, &'static str)>,
}

/// Names of columns, and why each is not in the table.
type LeftOut = Vec<(String, &'static str)>;

/// How a column of the file becomes one of the table.
struct Taken {
    name: String,
    kind: TableKind,
    of: Kind,
    /// Where the file has it, once a row has shown it.
    place: Option<usize>,
}

/// Reads a dataset into memory. Cells that are not of their column's kind are missing there; the profile says how many
/// these are.
pub fn frame(path: &Path, layout: &Layout, profile: &Profile, selection: &Selection, watch: &Watch) -> Result<Framed> {
    let (mut taken, left_out) = choose(profile, selection)?;
    afford(&taken, profile, selection)?;
    let mut builder = FrameBuilder::new(taken.iter().map(|column| (column.name.clone(), column.kind)));
    let mut rows = rows::open(path, layout, watch)?;
    while let Some(batch) = rows.next()? {
        find(&mut taken, rows.columns());
        for row in 0..batch.rows {
            for (at, column) in taken.iter().enumerate() {
                let cell = column.place.map_or(Cell::Missing, |place| batch.cell(row, place));
                push(&mut builder, at, column, &cell)?;
            }
        }
    }
    if rows.fingerprint()? != profile.fingerprint {
        return Err(Error::new(ErrorKind::Conflict, format!("{} is no longer what it was", path.display()))
            .code("DatasetChanged")
            .hint("register the file again: it becomes the next version"));
    }
    Ok(Framed { frame: builder.finish().map_err(|error| refused(&error))?, left_out })
}

fn choose(profile: &Profile, selection: &Selection) -> Result<(Vec<Taken>, LeftOut)> {
    let names = || profile.columns.iter().map(|column| column.name.as_str());
    let wanted = selection.columns.iter().flatten().chain(&selection.classes);
    if let Some(unknown) = wanted.into_iter().find(|name| !names().any(|known| known == name.as_str())) {
        return Err(no_column(unknown, names()));
    }
    let is_wanted =
        |column: &&ColumnProfile| selection.columns.as_ref().is_none_or(|columns| columns.contains(&column.name));
    let (mut taken, mut left_out) = (Vec::new(), Vec::new());
    for column in profile.columns.iter().filter(is_wanted) {
        let kind = match column.kind {
            Kind::Empty => Err("nothing is in it"),
            Kind::Nested => Err("lists and objects are no features"),
            _ if selection.classes.contains(&column.name) => Ok(TableKind::Category),
            Kind::Boolean => Ok(TableKind::Boolean),
            Kind::Text => Ok(TableKind::Category),
            Kind::Integer | Kind::Number | Kind::Date | Kind::Timestamp => Ok(TableKind::Numeric),
        };
        match kind {
            Ok(kind) => taken.push(Taken { name: column.name.clone(), kind, of: column.kind, place: None }),
            Err(why) => left_out.push((column.name.clone(), why)),
        }
    }
    Ok((taken, left_out))
}

/// What the table would take is known before it is read.
fn afford(taken: &[Taken], profile: &Profile, selection: &Selection) -> Result<()> {
    let of = |column: &Taken| match column.kind {
        TableKind::Numeric => 8 * profile.rows,
        TableKind::Boolean => profile.rows,
        TableKind::Category => {
            let distinct =
                profile.columns.iter().find(|other| other.name == column.name).map_or(0, |other| other.distinct);
            // A text is held twice, as a level and as what finds it.
            4 * profile.rows + 160 * distinct
        }
    };
    let bytes: u64 = taken.iter().map(of).sum();
    match selection.max_bytes {
        Some(most) if bytes > most => {
            let megabytes = |bytes: u64| bytes.div_ceil(1 << 20);
            let what = format!("the table would take about {} MiB, of {} allowed", megabytes(bytes), megabytes(most));
            Err(Error::new(ErrorKind::Capacity, what)
                .code("TooLarge")
                .hint("choose fewer columns, or run it where there is more memory"))
        }
        _ => Ok(()),
    }
}

fn find(taken: &mut [Taken], columns: &[Column]) {
    if taken.iter().all(|column| column.place.is_some()) {
        return;
    }
    let places: std::collections::HashMap<&str, usize> =
        columns.iter().enumerate().map(|(at, column)| (column.name.as_str(), at)).collect();
    for column in taken {
        column.place = column.place.or_else(|| places.get(column.name.as_str()).copied());
    }
}

fn push(builder: &mut FrameBuilder, at: usize, column: &Taken, cell: &Cell<'_>) -> Result<()> {
    let meaning = cell.meaning();
    let text = cell.text();
    let value = match (column.kind, meaning) {
        (_, Meaning::Missing) => TableCell::Missing,
        (TableKind::Category, _) => text.as_deref().map_or(TableCell::Missing, |text| TableCell::Text(text.trim())),
        (TableKind::Boolean, Meaning::Boolean(value)) => TableCell::Boolean(value),
        (TableKind::Numeric, Meaning::Date | Meaning::Timestamp) if !column.of.is_numeric() => {
            text.as_deref().and_then(|text| since_1970(text, column.of)).map_or(TableCell::Missing, TableCell::Number)
        }
        (TableKind::Numeric, _) if column.of.is_numeric() => match meaning.as_number() {
            Some(number) if number.is_finite() => TableCell::Number(number),
            _ => TableCell::Missing,
        },
        _ => TableCell::Missing,
    };
    builder.push(at, value).map_err(|error| refused(&error))
}

fn refused(error: &trainyard_train::Error) -> Error {
    Error::validation(error.to_string()).code("NotADataset")
}

/// Days or seconds since 1970.
#[expect(clippy::cast_precision_loss, reason = "seconds of some thousand years fit")]
fn since_1970(text: &str, kind: Kind) -> Option<f64> {
    let text = text.trim();
    let (year, rest) = text.split_at_checked(4)?;
    let month = rest.get(1..3)?.parse::<u8>().ok().and_then(|month| time::Month::try_from(month).ok())?;
    let date = Date::from_calendar_date(year.parse().ok()?, month, rest.get(4..6)?.parse().ok()?).ok()?;
    let days = f64::from(date.to_julian_day() - OffsetDateTime::UNIX_EPOCH.date().to_julian_day());
    if kind == Kind::Date {
        return Some(days);
    }
    let Some(clock) = rest.get(7..).filter(|clock| !clock.is_empty()) else { return Some(days * 86_400.0) };
    let whole = format!("{year}-{:02}-{:02}T{clock}", u8::from(month), date.day());
    if let Ok(moment) = OffsetDateTime::parse(&whole, &Rfc3339) {
        return Some(moment.unix_timestamp_nanos() as f64 / 1e9);
    }
    // Without an offset, in UTC; seconds may be absent.
    let mut parts = clock.split(':');
    let (hour, minute) = (parts.next()?.parse().ok()?, parts.next()?.get(..2)?.parse().ok()?);
    let second: f64 = parts.next().and_then(|second| second.trim_end_matches(['Z', 'z']).parse().ok()).unwrap_or(0.0);
    let moment = PrimitiveDateTime::new(date, time::Time::from_hms(hour, minute, 0).ok()?).assume_utc();
    Some(moment.unix_timestamp() as f64 + second)
}

#[cfg(test)]
mod tests {
    use trainyard_train::{MISSING_CATEGORY, Values};

    use super::*;
    use crate::dataset::{Settings, Wanted, profile};

    fn of(text: &str, selection: &Selection) -> Result<Framed> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let layout = Layout::of(&path, &Wanted::default())?;
        let found = profile(&path, &layout, &Settings::default(), &Watch::default())?;
        frame(&path, &layout, &found, selection, &Watch::default())
    }

    #[test]
    fn a_file_becomes_a_table_to_learn_from() {
        let text = "n,t,b,d,w,empty\n1,x,true,1970-01-02,1970-01-01T00:01:00Z,\n2.5,y,false,1971-01-01,1970-01-01 00:02,\n,x,,,,\n";
        let framed = of(text, &Selection::default()).unwrap();
        let values = |name: &str| framed.frame.column(name).unwrap().values.clone();
        let Values::Numeric(numbers) = values("n") else { panic!("no numbers") };
        assert_eq!(numbers[..2], [1.0, 2.5]);
        assert!(numbers[2].is_nan());
        let levels = vec!["x".to_owned(), "y".to_owned()];
        assert_eq!(values("t"), Values::Category { codes: vec![0, 1, 0], levels });
        assert_eq!(values("b"), Values::Boolean(vec![Some(true), Some(false), None]));
        let Values::Numeric(days) = values("d") else { panic!("no days") };
        assert_eq!(days[..2], [1.0, 365.0]);
        let Values::Numeric(seconds) = values("w") else { panic!("no seconds") };
        assert_eq!(seconds[..2], [60.0, 120.0]);
        assert_eq!(framed.left_out, [("empty".to_owned(), "nothing is in it")]);
    }

    #[test]
    fn what_is_wanted_is_chosen_and_what_is_too_much_is_refused() {
        let text = "a,b\n1,2\n3,\n";
        let wanted = Selection { columns: Some(vec!["b".into()]), classes: vec!["b".into()], max_bytes: None };
        let framed = of(text, &wanted).unwrap();
        let levels = vec!["2".to_owned()];
        let codes = vec![0, MISSING_CATEGORY];
        assert_eq!(framed.frame.columns()[0].values, Values::Category { codes, levels });
        let unknown = Selection { columns: Some(vec!["c".into()]), ..Selection::default() };
        assert_eq!(of(text, &unknown).unwrap_err().code_str(), "NoSuchColumn");
        let little = Selection { max_bytes: Some(8), ..Selection::default() };
        assert_eq!(of(text, &little).unwrap_err().kind(), ErrorKind::Capacity);
    }
}
