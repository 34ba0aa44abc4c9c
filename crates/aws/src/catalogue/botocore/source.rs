//! botocore's data directory: which services there are and what its files say.

use std::{
    fs::{self, File},
    io::{BufReader, Read as _},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use serde_json::{Map, Value};

use super::{Problem, Result};

/// Longest description file that is read. EC2's, the longest there is, has 5 MB.
const MAX_BYTES: u64 = 256 << 20;

/// The files about one service, in their newest version.
#[derive(Debug)]
pub struct Source {
    /// Name of the service's directory.
    pub name: String,
    /// `service-2.json`
    pub service: Value,
    /// `paginators-1.json`, or null.
    pub paginators: Value,
    /// `waiters-2.json`, or null.
    pub waiters: Value,
    /// `endpoint-rule-set-1.json`, or null.
    pub rules: Value,
}

/// Names of all services, sorted.
pub fn names(data: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(data).map_err(|error| format!("{}: {error}", data.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(entry.file_name().into_string().map_err(|name| format!("{} is not UTF-8", name.display()))?);
        }
    }
    names.sort();
    Ok(names)
}

/// Reads one service, which must have its endpoint rules.
pub fn read(data: &Path, name: &str) -> Result<Source> {
    let found = read_some(data, name)?.ok_or_else(|| format!("{} has no service {name}", data.display()))?;
    if found.rules.is_null() {
        return Err(format!("{name} has no endpoint-rule-set-1").into());
    }
    Ok(found)
}

/// Reads what there is about one service; `None` where that is not even its description.
pub fn read_some(data: &Path, name: &str) -> Result<Option<Source>> {
    let Some(directory) = newest(&data.join(name))? else { return Ok(None) };
    Ok(Some(Source {
        name: name.to_owned(),
        service: load(&directory, "service-2")?,
        paginators: load(&directory, "paginators-1")?,
        waiters: load(&directory, "waiters-2")?,
        rules: load(&directory, "endpoint-rule-set-1")?,
    }))
}

/// A file of botocore's, compressed or not.
pub fn json(path: &Path) -> Result<Value> {
    let problem = |error: &dyn std::fmt::Display| Problem::from(format!("{}: {error}", path.display()));
    let file = BufReader::new(File::open(path).map_err(|error| problem(&error))?);
    let mut text = Vec::new();
    let read = match path.extension() {
        Some(extension) if extension == "gz" => GzDecoder::new(file).take(MAX_BYTES).read_to_end(&mut text),
        _ => file.take(MAX_BYTES).read_to_end(&mut text),
    };
    read.map_err(|error| problem(&error))?;
    serde_json::from_slice(&text).map_err(|error| problem(&error))
}

/// Version directories are dates, so the last by name is the newest.
fn newest(service: &Path) -> Result<Option<PathBuf>> {
    let entries = match fs::read_dir(service) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}: {error}", service.display()).into()),
    };
    let mut versions: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    versions.retain(|version| file(version, "service-2").is_some());
    versions.sort();
    Ok(versions.pop())
}

/// A file with botocore's own amendments merged in, or null if there is none.
fn load(directory: &Path, kind: &str) -> Result<Value> {
    let Some(path) = file(directory, kind) else { return Ok(Value::Null) };
    let mut value = json(&path)?;
    if let (Some(amendments), Some(into)) = (file(directory, &format!("{kind}.sdk-extras")), value.as_object_mut())
        && let Some(from) = json(&amendments)?["merge"].as_object()
    {
        merge(into, from);
    }
    Ok(value)
}

/// The file as a source distribution has it, or as an installed one does.
fn file(directory: &Path, kind: &str) -> Option<PathBuf> {
    ["json", "json.gz"].iter().map(|ending| directory.join(format!("{kind}.{ending}"))).find(|path| path.is_file())
}

fn merge(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, from),
            _ => drop(into.insert(key.clone(), value.clone())),
        }
    }
}
