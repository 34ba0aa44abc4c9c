//! One column while it streams by.

use datasketches::tdigest::TDigestMut;

use super::sketch::{Distinct, Frequent, Moments, Precision, Together, digest, hash_of, hash_of_number};
use crate::dataset::value::{Cell, Kind, Meaning};

/// What is kept of a column. Two of the same table make one by [`ColumnSketch::merge`].
#[derive(Debug, Clone)]
pub(crate) struct ColumnSketch {
    pub(crate) cells: u64,
    pub(crate) counts: Counts,
    pub(crate) moments: Moments,
    pub(crate) digest: TDigestMut,
    /// Different values, numbers by their value.
    pub(crate) values: Distinct,
    /// Different cells, numbers by the way they are written.
    pub(crate) texts: Distinct,
    pub(crate) frequent: Frequent,
    pub(crate) lengths: Moments,
    /// The first few cells that are text, for a column of numbers to show what did not fit.
    pub(crate) oddities: Vec<String>,
    pub(crate) with_target: Option<Together>,
}

/// Cells by what they mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) missing: u64,
    pub(crate) booleans: u64,
    pub(crate) integers: u64,
    pub(crate) huge: u64,
    pub(crate) numbers: u64,
    pub(crate) infinite: u64,
    pub(crate) dates: u64,
    pub(crate) timestamps: u64,
    pub(crate) texts: u64,
    pub(crate) nested: u64,
    /// Whole numbers that begin with a zero: codes, more likely.
    pub(crate) padded: u64,
    /// Texts that look like addresses of e-mail.
    pub(crate) addresses: u64,
}

impl Counts {
    fn merge(&mut self, other: &Self) {
        self.missing += other.missing;
        self.booleans += other.booleans;
        self.integers += other.integers;
        self.huge += other.huge;
        self.numbers += other.numbers;
        self.infinite += other.infinite;
        self.dates += other.dates;
        self.timestamps += other.timestamps;
        self.texts += other.texts;
        self.nested += other.nested;
        self.padded += other.padded;
        self.addresses += other.addresses;
    }

    /// Cells that are numbers.
    pub(crate) fn numeric(&self) -> u64 {
        self.integers + self.huge + self.numbers
    }
}

/// One in so many cells may be something else in a column of numbers or dates, and counts as a failure to parse then.
const ODD_ONE_IN: u64 = 20;

/// Odd cells that are shown.
const SHOWN_ODDITIES: usize = 3;

/// The target's cell in the same row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TargetCell {
    hash: u64,
    /// Its value, or a number that goes with its class alone: between two classes, any two numbers correlate alike.
    number: f64,
}

impl TargetCell {
    #[expect(clippy::cast_precision_loss, reason = "any number will do")]
    pub(crate) fn of(cell: &Cell<'_>) -> Option<Self> {
        let meaning = cell.meaning();
        if let Some(number) = meaning.as_number() {
            return number.is_finite().then(|| Self { hash: hash_of_number(meaning).unwrap_or_default(), number });
        }
        let hash = hash_of(&*cell.text().filter(|_| meaning != Meaning::Missing)?);
        Some(Self { hash, number: hash as f64 / u64::MAX as f64 })
    }
}

impl ColumnSketch {
    /// A column in which nothing was there in the rows so far.
    pub(crate) fn new(precision: Precision, rows: u64, target: bool) -> Self {
        Self {
            cells: rows,
            counts: Counts { missing: rows, ..Counts::default() },
            moments: Moments::default(),
            digest: digest(precision),
            values: Distinct::new(precision),
            texts: Distinct::new(precision),
            frequent: Frequent::new(precision),
            lengths: Moments::default(),
            oddities: Vec::new(),
            with_target: target.then(|| Together::new(precision)),
        }
    }

    /// Takes the next cell, and gives what tells it from others; none where nothing is there.
    #[expect(clippy::cast_precision_loss, reason = "lengths as statistics")]
    pub(crate) fn add(&mut self, cell: &Cell<'_>, target: Option<TargetCell>) -> Option<u64> {
        self.cells += 1;
        let meaning = cell.meaning();
        let text = match cell.text() {
            Some(text) if meaning != Meaning::Missing => text,
            _ => {
                self.counts.missing += 1;
                return None;
            }
        };
        self.count(meaning, &text);
        let number = meaning.as_number();
        let text_hash = hash_of(&*text);
        let value_hash = hash_of_number(meaning).unwrap_or(text_hash);
        self.values.add(value_hash);
        self.texts.add(text_hash);
        self.frequent.add(&text);
        if number.is_none() {
            self.lengths.add(text.chars().count() as f64);
        }
        if let Some(number) = number.filter(|number| number.is_finite()) {
            self.moments.add(number);
            self.digest.update(number);
        }
        if let (Some(together), Some(target)) = (&mut self.with_target, target) {
            together.pairs.add(hash_of(&(value_hash, target.hash)));
            if let Some(number) = number.filter(|number| number.is_finite()) {
                together.add(number, target.number);
            }
        }
        Some(text_hash)
    }

    fn count(&mut self, meaning: Meaning, text: &str) {
        let counts = &mut self.counts;
        match meaning {
            Meaning::Missing => counts.missing += 1,
            Meaning::Boolean(_) => counts.booleans += 1,
            Meaning::Integer(_) => {
                counts.integers += 1;
                let digits = text.trim().trim_start_matches(['-', '+']);
                counts.padded += u64::from(digits.len() > 1 && digits.starts_with('0'));
            }
            Meaning::Huge(_) => counts.huge += 1,
            Meaning::Number(value) => {
                counts.numbers += 1;
                counts.infinite += u64::from(value.is_infinite());
            }
            Meaning::Date => counts.dates += 1,
            Meaning::Timestamp => counts.timestamps += 1,
            Meaning::Nested => counts.nested += 1,
            Meaning::Text => {
                counts.texts += 1;
                counts.addresses += u64::from(is_address(text));
                if self.oddities.len() < SHOWN_ODDITIES && !self.oddities.iter().any(|odd| odd == text) {
                    self.oddities.push(text.chars().take(64).collect());
                }
            }
        }
    }

    /// Takes so many rows in which nothing was there.
    pub(crate) fn add_missing(&mut self, rows: u64) {
        self.cells += rows;
        self.counts.missing += rows;
    }

    /// Takes the rows of another part of the same table, which come after those that were seen here.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.cells += other.cells;
        self.counts.merge(&other.counts);
        self.moments.merge(&other.moments);
        self.digest.merge(&other.digest);
        self.values.merge(&other.values);
        self.texts.merge(&other.texts);
        self.frequent.merge(&other.frequent);
        self.lengths.merge(&other.lengths);
        for odd in &other.oddities {
            if self.oddities.len() < SHOWN_ODDITIES && !self.oddities.contains(odd) {
                self.oddities.push(odd.clone());
            }
        }
        if let (Some(mine), Some(theirs)) = (&mut self.with_target, &other.with_target) {
            mine.merge(theirs);
        }
    }

    /// What it holds, and how many cells do not go with that.
    pub(crate) fn kind(&self) -> (Kind, u64) {
        let counts = &self.counts;
        let there = self.cells - counts.missing;
        if there == 0 {
            return (Kind::Empty, 0);
        }
        let fits = |count: u64| there - count == 0 || ((there - count) * ODD_ONE_IN <= there && there >= ODD_ONE_IN);
        let numeric = counts.numeric();
        if counts.nested == there {
            return (Kind::Nested, 0);
        }
        if counts.booleans == there {
            return (Kind::Boolean, 0);
        }
        if fits(numeric) {
            let whole = counts.numbers == 0 && counts.huge == 0;
            return (if whole { Kind::Integer } else { Kind::Number }, there - numeric);
        }
        if fits(counts.dates) {
            return (Kind::Date, there - counts.dates);
        }
        let times = counts.dates + counts.timestamps;
        if fits(times) {
            return (Kind::Timestamp, there - times);
        }
        (Kind::Text, 0)
    }
}

fn is_address(text: &str) -> bool {
    let Some((name, host)) = text.trim().split_once('@') else { return false };
    !name.is_empty()
        && !text.contains(' ')
        && host.split_once('.').is_some_and(|(first, last)| !first.is_empty() && last.len() > 1 && !last.contains('@'))
}
