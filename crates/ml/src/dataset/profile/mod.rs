//! What is in a dataset, found out in one pass and in bounded memory.

mod column;
mod findings;
mod sketch;
mod view;

use std::{path::Path, sync::mpsc, thread};

use trainyard_contract::{Error, ErrorKind, Result};

pub(crate) use self::findings::personal;
use self::{
    column::{ColumnSketch, TargetCell},
    sketch::{Distinct, Precision, hash_of},
};
pub use self::{
    findings::{Finding, Personal},
    view::{Bar, ColumnProfile, Failures, Histogram, Lengths, Numbers, Profile, Quantiles, Top},
};
use super::{
    format::Layout,
    rows::{self, Batch, Column, Rows},
    source::Watch,
};

/// How a dataset is looked at.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The column that is to be predicted. With it, columns that give it away are found.
    pub target: Option<String>,
}

/// Rows are dealt out to so many tables, which become one at the end. Always as many, whatever the machine: estimates go by it.
const LANES: usize = 4;

/// From so many columns on one table is memory enough.
const WIDE: usize = 256;

/// Looks at a whole file, once. Memory goes with the number of columns and never with the number of rows.
pub fn profile(path: &Path, layout: &Layout, settings: &Settings, watch: &Watch) -> Result<Profile> {
    let mut rows = rows::open(path, layout, watch)?;
    let known = |rows: &dyn Rows| rows.columns().iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    let no_target = |rows: &dyn Rows, target: &str| no_column(target, known(rows).iter().map(String::as_str));
    // Where the file says its columns beforehand, a name that is wrong costs no reading.
    if let Some(target) = &settings.target
        && !rows.columns().is_empty()
        && place(rows.columns(), target).is_none()
    {
        return Err(no_target(rows.as_ref(), target));
    }
    let mut table = read(rows.as_mut(), settings)?;
    let (columns, irregular) = (rows.columns().to_vec(), rows.irregular());
    table.widen(columns.len());
    if let Some(target) = &settings.target {
        table.target = Some(place(&columns, target).ok_or_else(|| no_target(rows.as_ref(), target))?);
    }
    let fingerprint = rows.fingerprint()?;
    Ok(view::profile(table, &columns, irregular, layout.clone(), fingerprint))
}

fn place(columns: &[Column], name: &str) -> Option<usize> {
    columns.iter().position(|column| column.name == name)
}

/// Reads all rows: one thread takes them from the file, others look at them.
fn read(rows: &mut dyn Rows, settings: &Settings) -> Result<Table> {
    let target = settings.target.as_deref();
    let Some(first) = rows.next()? else { return Ok(Table::new(target.is_some())) };
    let lanes = if first.columns < WIDE { LANES } else { 1 };
    thread::scope(|scope| {
        let (senders, workers): (Vec<_>, Vec<_>) = (0..lanes)
            .map(|_| {
                // Little is queued: a batch may be as large as a row may be.
                let (sender, batches) = mpsc::sync_channel::<(Batch, Option<usize>)>(1);
                let work = move || {
                    let mut table = Table::new(target.is_some());
                    for (batch, target) in batches {
                        table.add(&batch, target);
                    }
                    table
                };
                (sender, scope.spawn(work))
            })
            .unzip();
        let mut dealt = Ok(());
        let mut batch = Some(first);
        for lane in (0..lanes).cycle() {
            let Some(next) = batch.take() else { break };
            let target = target.and_then(|target| place(rows.columns(), target));
            // Only a lane that panicked takes nothing any more.
            if senders[lane].send((next, target)).is_err() {
                break;
            }
            match rows.next() {
                Ok(next) => batch = next,
                Err(error) => dealt = Err(error),
            }
        }
        drop(senders);
        let mut whole: Option<Table> = None;
        for worker in workers {
            let table = worker.join().map_err(|_| Error::internal("a profile could not be made of some rows"))?;
            match &mut whole {
                Some(whole) => whole.merge(&table),
                None => whole = Some(table),
            }
        }
        dealt.map(|()| whole.unwrap_or_else(|| Table::new(target.is_some())))
    })
}

/// A column that is not there, with the names of those that are near.
pub(crate) fn no_column<'a>(name: &str, columns: impl Iterator<Item = &'a str>) -> Error {
    let columns: Vec<&str> = columns.collect();
    let lower = name.to_lowercase();
    let alike: Vec<&str> = columns.iter().copied().filter(|column| column.to_lowercase() == lower).collect();
    let shown = if alike.is_empty() { columns.iter().copied().take(20).collect::<Vec<_>>() } else { alike };
    let more = if shown.len() < columns.len() && shown.len() == 20 { ", …" } else { "" };
    Error::new(ErrorKind::Validation, format!("there is no column {name:?}"))
        .code("NoSuchColumn")
        .hint(format!("the columns are: {}{more}", shown.join(", ")))
}

/// A table while it streams by.
pub(crate) struct Table {
    rows: u64,
    sketches: Vec<ColumnSketch>,
    distinct_rows: Distinct,
    by_target: bool,
    target: Option<usize>,
}

impl Table {
    fn new(by_target: bool) -> Self {
        let distinct_rows = Distinct::new(Precision::of_rows());
        Self { rows: 0, sketches: Vec::new(), distinct_rows, by_target, target: None }
    }

    /// Makes a sketch for each column that has none. They were missing in all rows so far.
    fn widen(&mut self, columns: usize) {
        let precision = Precision::of(columns);
        while self.sketches.len() < columns {
            self.sketches.push(ColumnSketch::new(precision, self.rows, self.by_target));
        }
    }

    fn add(&mut self, batch: &Batch, target: Option<usize>) {
        self.widen(batch.columns);
        for row in 0..batch.rows {
            let of_target = target.and_then(|target| TargetCell::of(&batch.cell(row, target)));
            let mut row_hash = 0_u64;
            for (column, sketch) in self.sketches.iter_mut().enumerate() {
                let with = of_target.filter(|_| target != Some(column));
                // What is missing counts for nothing: a later row may know more columns.
                if let Some(cell) = sketch.add(&batch.cell(row, column), with) {
                    row_hash = hash_of(&(row_hash, column, cell));
                }
            }
            self.distinct_rows.add(row_hash);
        }
        self.rows += batch.rows as u64;
    }

    /// Takes other rows of the same file.
    fn merge(&mut self, other: &Self) {
        self.widen(other.sketches.len());
        for (at, sketch) in self.sketches.iter_mut().enumerate() {
            match other.sketches.get(at) {
                Some(theirs) => sketch.merge(theirs),
                None => sketch.add_missing(other.rows),
            }
        }
        self.distinct_rows.merge(&other.distinct_rows);
        self.rows += other.rows;
    }
}

#[cfg(test)]
mod tests;
