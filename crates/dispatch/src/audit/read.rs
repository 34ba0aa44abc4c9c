//! Reading the log: whether its chain holds, its last lines, one call.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use serde::Serialize;
use serde_json::Value;
use trainyard_contract::{Error, Result};

use super::chain::{self, Head};

/// Something about the log that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// File.
    pub file: PathBuf,
    /// Line in that file, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// What a look at the whole log says.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Files, the oldest first.
    pub files: Vec<PathBuf>,
    /// Lines in them.
    pub lines: u64,
    /// Hash of the last line: kept elsewhere, it proves later that nothing before it was altered.
    pub last: String,
    /// Sequence of the first line; more than 1 where older files were taken away.
    pub first_sequence: u64,
    /// Whether the chain holds.
    pub sound: bool,
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// Changes that were begun and of which no end is known.
    pub unfinished: Vec<Value>,
    /// Whether the hash that was asked for is in the chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<bool>,
}

/// Looks at the whole log. `expected` is a hash that was noted before, and has to be there still.
pub fn verify(path: &Path, expected: Option<&str>) -> Result<Report> {
    let mut report = Report { files: files(path)?, expected: expected.map(|_| false), ..Report::default() };
    let mut check = Check { begun: HashMap::new(), previous: None, sequence: 0 };
    for file in report.files.clone() {
        for (at, line) in BufReader::new(open(&file)?).split(b'\n').enumerate() {
            let line = line.map_err(|error| unreadable(&file, &error))?;
            report.lines += 1;
            for what in check.line(&line, &mut report) {
                report.faults.push(Fault { file: file.clone(), line: at + 1, what });
            }
            if report.expected == Some(false) && expected == check.previous.as_deref() {
                report.expected = Some(true);
            }
        }
    }
    report.last = check.previous.clone().unwrap_or_default();
    if let Some(what) = check.against_head(path) {
        report.faults.push(Fault { file: path.to_owned(), line: 0, what });
    }
    if report.expected == Some(false) {
        let what = "the hash that was asked for is not in the chain".to_owned();
        report.faults.push(Fault { file: path.to_owned(), line: 0, what });
    }
    report.unfinished = check.begun.into_values().filter(changes).collect();
    report.unfinished.sort_by_key(|line| line["sequence"].as_u64());
    report.sound = report.faults.is_empty();
    Ok(report)
}

fn changes(line: &Value) -> bool {
    matches!(line["effect"].as_str(), Some("changes" | "destroys")) && line["verdict"] != "deny"
}

struct Check {
    begun: HashMap<u64, Value>,
    previous: Option<String>,
    sequence: u64,
}

impl Check {
    /// What is wrong with the next line.
    fn line(&mut self, bytes: &[u8], report: &mut Report) -> Vec<String> {
        let mut wrong = Vec::new();
        let previous = self.previous.replace(chain::hash(bytes));
        self.sequence += 1;
        let Ok(line) = serde_json::from_slice::<Value>(bytes) else {
            wrong.push("not JSON: a process died while it wrote, or somebody altered it".to_owned());
            return wrong;
        };
        let sequence = line["sequence"].as_u64().unwrap_or_default();
        if report.first_sequence == 0 {
            report.first_sequence = sequence;
            self.sequence = sequence;
        } else if line["previous"].as_str() != previous.as_deref() {
            wrong.push(
                "does not follow the line before it: one of the two was altered, or lines between were taken away"
                    .to_owned(),
            );
        }
        if sequence != self.sequence {
            wrong.push(format!("is number {sequence} where {} is due", self.sequence));
            self.sequence = sequence;
        }
        match line["event"].as_str() {
            Some("begin") => {
                self.begun.insert(sequence, line);
            }
            Some("end") => {
                self.begun.remove(&line["call"].as_u64().unwrap_or_default());
            }
            // A whole call in one line.
            Some("call") => {}
            _ => wrong.push("has no event that is known".to_owned()),
        }
        wrong
    }

    /// What the head knows and the log does not show.
    fn against_head(&self, path: &Path) -> Option<String> {
        let text = std::fs::read_to_string(chain::head_of(path)).ok();
        let Some(head) = text.as_deref().and_then(Head::read) else {
            return (self.sequence > 0)
                .then(|| "the head of the log is missing, so lines may be missing at its end".to_owned());
        };
        if head.lines > self.sequence {
            return Some(format!("{} lines are missing at its end", head.lines - self.sequence));
        }
        // A head behind the log is a process that died between the two writes; the next writer mends it.
        let altered = head.lines == self.sequence && Some(&head.hash) != self.previous.as_ref();
        (altered && self.sequence > 0).then(|| "its last line was altered".to_owned())
    }
}

/// The last lines, the oldest first, each as JSON.
pub fn tail(path: &Path, lines: usize) -> Result<Vec<Value>> {
    let mut kept = VecDeque::with_capacity(lines.min(10_000));
    for file in files(path)?.iter().rev().take(2).rev() {
        for line in BufReader::new(open(file)?).lines() {
            let line = line.map_err(|error| unreadable(file, &error))?;
            if kept.len() == lines {
                kept.pop_front();
            }
            kept.push_back(line);
        }
    }
    Ok(kept.iter().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// The newest lines about calls of one caller, the oldest first. Looks at the last mebibyte only.
pub(crate) fn newest_of(path: &Path, principal: &str, lines: usize) -> Result<Vec<Value>> {
    const LOOKED_AT: u64 = 1 << 20;
    let mut file = open(path)?;
    let length = file.metadata().map_err(|error| unreadable(path, &error))?.len();
    let start = length.saturating_sub(LOOKED_AT);
    file.seek(SeekFrom::Start(start)).map_err(|error| unreadable(path, &error))?;
    let mut reader = BufReader::new(file.take(LOOKED_AT));
    if start > 0 {
        // Most likely half a line.
        reader.read_until(b'\n', &mut Vec::new()).map_err(|error| unreadable(path, &error))?;
    }
    let (mut own, mut kept) = (HashSet::new(), VecDeque::with_capacity(lines));
    for line in reader.split(b'\n') {
        let line = line.map_err(|error| unreadable(path, &error))?;
        let Ok(line) = serde_json::from_slice::<Value>(&line) else { continue };
        let begins = line["principal"] == principal;
        if begins {
            own.insert(line["sequence"].as_u64());
        }
        if begins || (line["event"] == "end" && own.contains(&line["call"].as_u64())) {
            if kept.len() == lines {
                kept.pop_front();
            }
            kept.push_back(line);
        }
    }
    Ok(kept.into())
}

/// The line or the two lines of one call: by its sequence, or by the id that AWS saw.
pub fn find(path: &Path, call: &str) -> Result<Vec<Value>> {
    let number: Option<u64> = call.parse().ok();
    let mut found: Vec<Value> = Vec::new();
    for file in files(path)?.iter().rev() {
        for line in BufReader::new(open(file)?).lines() {
            let line = line.map_err(|error| unreadable(file, &error))?;
            let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
            let whole = line["event"] == "call";
            let begins = (whole || line["event"] == "begin")
                && (number.is_some_and(|number| line["sequence"] == number) || line["id"] == call);
            let ends = found.first().is_some_and(|begin| line["call"] == begin["sequence"]);
            if begins || ends {
                found.push(line);
            }
            if begins && whole {
                return Ok(found);
            }
        }
        if found.len() >= 2 {
            break;
        }
    }
    if found.is_empty() {
        return Err(Error::not_found("call", call).hint("`trainyard audit tail` shows the newest calls by number"));
    }
    Ok(found)
}

/// Lines as they are written.
pub struct Follow {
    path: PathBuf,
    reader: BufReader<File>,
    half: String,
}

impl Follow {
    /// From the end of the log on.
    pub fn open(path: &Path) -> Result<Self> {
        let mut reader = BufReader::new(open(path)?);
        reader.seek(SeekFrom::End(0)).map_err(|error| unreadable(path, &error))?;
        Ok(Self { path: path.to_owned(), reader, half: String::new() })
    }

    /// The next whole line, if there is one already. A log that was set aside is read to its end, then the new one.
    pub fn next_line(&mut self) -> Result<Option<Value>> {
        loop {
            let read = self.reader.read_line(&mut self.half).map_err(|error| unreadable(&self.path, &error))?;
            if read > 0 && self.half.ends_with('\n') {
                let line = std::mem::take(&mut self.half);
                return Ok(serde_json::from_str(line.trim_end()).ok());
            }
            let Ok(newest) = File::open(&self.path) else { return Ok(None) };
            if same(&newest, self.reader.get_ref()) {
                return Ok(None);
            }
            self.reader = BufReader::new(newest);
        }
    }
}

#[cfg(unix)]
fn same(one: &File, other: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (one.metadata(), other.metadata()) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => true,
    }
}

#[cfg(not(unix))]
fn same(_: &File, _: &File) -> bool {
    true
}

/// The files of a log, the oldest first.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let missing = || {
        Error::not_found("audit log", &path.display().to_string())
            .hint("no call was made yet, or the state folder is another one: see --state-dir")
    };
    let stem = path.file_stem().and_then(|stem| stem.to_str()).ok_or_else(missing)?;
    let mut older: Vec<PathBuf> = std::fs::read_dir(path.parent().unwrap_or(Path::new(".")))
        .map_err(|_| missing())?
        .flatten()
        .map(|entry| entry.path())
        .filter(|file| {
            let middle = file
                .file_name()
                .and_then(|name| name.to_str())
                .and_then(|name| name.strip_prefix(stem)?.strip_prefix('.')?.strip_suffix(".jsonl").map(str::to_owned));
            middle.is_some_and(|number| number.len() == 20 && number.bytes().all(|byte| byte.is_ascii_digit()))
        })
        .collect();
    older.sort();
    if path.exists() {
        older.push(path.to_owned());
    }
    if older.is_empty() { Err(missing()) } else { Ok(older) }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::internal(format!("could not read {}: {error}", path.display()))
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
