//! Our reviewed exceptions: a table that people read and change.

use std::{cell::Cell, fs, path::Path};

use trainyard_aws::catalogue::model::{AccessLevel, OperationFlags};

use crate::Result;

/// The table, in `crates/aws/catalogue`.
pub(crate) const FILE: &str = "access-exceptions.tsv";

/// What people decided about some operations, and why.
pub(crate) struct Exceptions(Vec<Row>);

struct Row {
    service: String,
    operation: Pattern,
    level: Option<AccessLevel>,
    set: u8,
    clear: u8,
    used: Cell<bool>,
    line: usize,
}

enum Pattern {
    Exact(String),
    Prefix(String),
}

/// Names of flags as the tables write them.
pub(crate) const FLAGS: &[(&str, u8)] = &[
    ("permissions", OperationFlags::PERMISSIONS),
    ("destroys", OperationFlags::DESTROYS),
    ("costs", OperationFlags::COSTS),
    ("reveals", OperationFlags::REVEALS),
];

/// What the table makes of one operation.
#[derive(Default)]
pub(crate) struct Verdict {
    /// The reviewed level.
    pub(crate) level: Option<AccessLevel>,
    /// Flags that it has, whatever the rules say.
    pub(crate) set: u8,
    /// Flags that it has not, whatever the rules say.
    pub(crate) clear: u8,
}

impl Exceptions {
    /// Reads the table.
    pub(crate) fn read(directory: &Path) -> Result<Self> {
        let text = fs::read_to_string(directory.join(FILE))?;
        let rows = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let rows = rows.skip(1).map(|(at, line)| row(at + 1, line).map_err(|why| format!("{FILE}:{}: {why}", at + 1)));
        Ok(Self(rows.collect::<Result<_, _>>()?))
    }

    /// What the table says of an operation. Later rows amend earlier ones, so that a prefix can have exceptions.
    pub(crate) fn verdict(&self, service: &str, operation: &str) -> Verdict {
        let mut verdict = Verdict::default();
        for row in self.0.iter().filter(|row| row.service == service && row.operation.fits(operation)) {
            row.used.set(true);
            verdict.level = row.level.or(verdict.level);
            verdict.set = verdict.set & !row.clear | row.set;
            verdict.clear = verdict.clear & !row.set | row.clear;
        }
        verdict
    }

    /// Fails if a row speaks of an operation that does not exist: a slip, or one that AWS took away.
    pub(crate) fn all_used(&self) -> Result<()> {
        let unused: Vec<String> = self.0.iter().filter(|row| !row.used.get()).map(|row| row.line.to_string()).collect();
        if unused.is_empty() {
            return Ok(());
        }
        Err(format!("{FILE}: no operation fits line {}", unused.join(", ")).into())
    }
}

impl Pattern {
    fn fits(&self, operation: &str) -> bool {
        match self {
            Self::Exact(name) => name == operation,
            Self::Prefix(prefix) => operation.starts_with(prefix),
        }
    }
}

fn row(line: usize, text: &str) -> Result<Row, String> {
    let fields: Vec<&str> = text.split('\t').collect();
    let &[service, operation, level, flags, reason] = fields.as_slice() else {
        return Err(format!("{} fields instead of 5", fields.len()));
    };
    if reason.is_empty() {
        return Err("no reason".to_owned());
    }
    let level = match level {
        "" => None,
        "read" => Some(AccessLevel::Read),
        "sensitive" => Some(AccessLevel::Sensitive),
        "write" => Some(AccessLevel::Write),
        other => return Err(format!("level {other:?}")),
    };
    let (mut set, mut clear) = (0, 0);
    for name in flags.split(',').filter(|name| !name.is_empty()) {
        let (bare, bits) = name.strip_prefix('-').map_or((name, &mut set), |bare| (bare, &mut clear));
        *bits |= FLAGS.iter().find(|(known, _)| *known == bare).ok_or_else(|| format!("flag {bare:?}"))?.1;
    }
    let operation = operation
        .strip_suffix('*')
        .map_or_else(|| Pattern::Exact(operation.to_owned()), |it| Pattern::Prefix(it.to_owned()));
    Ok(Row { service: service.to_owned(), operation, level, set, clear, used: Cell::new(false), line })
}
