//! botocore's data directory: which services there are and what its files say.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::Result;

/// The files about one service, in their newest version.
pub(crate) struct Source {
    /// Name of the service's directory.
    pub(crate) name: String,
    /// `service-2.json`
    pub(crate) service: Value,
    /// `paginators-1.json`, or null.
    pub(crate) paginators: Value,
    /// `waiters-2.json`, or null.
    pub(crate) waiters: Value,
    /// `endpoint-rule-set-1.json`
    pub(crate) rules: Value,
}

/// Names of all services, sorted.
pub(crate) fn names(data: &Path) -> Result<Vec<String>> {
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

/// Reads one service.
pub(crate) fn read(data: &Path, name: &str) -> Result<Source> {
    let directory = newest(&data.join(name))?;
    let need = |kind: &str| -> Result<Value> {
        match load(&directory, kind)? {
            Value::Null => Err(format!("{} has no {kind}", directory.display()).into()),
            found => Ok(found),
        }
    };
    Ok(Source {
        name: name.to_owned(),
        service: need("service-2")?,
        paginators: load(&directory, "paginators-1")?,
        waiters: load(&directory, "waiters-2")?,
        rules: need("endpoint-rule-set-1")?,
    })
}

/// A file of botocore's that is not about one service.
pub(crate) fn json(path: &Path) -> Result<Value> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Version directories are dates, so the last by name is the newest.
fn newest(service: &Path) -> Result<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir(service)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    versions.retain(|version| version.join("service-2.json").exists());
    versions.sort();
    versions.pop().ok_or_else(|| format!("{} has no version", service.display()).into())
}

/// A file with botocore's own amendments merged in, or null if there is none.
fn load(directory: &Path, kind: &str) -> Result<Value> {
    let path = directory.join(format!("{kind}.json"));
    if !path.exists() {
        return Ok(Value::Null);
    }
    let mut value = json(&path)?;
    let amendments = directory.join(format!("{kind}.sdk-extras.json"));
    if amendments.exists()
        && let (Some(into), Some(from)) = (value.as_object_mut(), json(&amendments)?["merge"].as_object())
    {
        merge(into, from);
    }
    Ok(value)
}

fn merge(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, from),
            _ => drop(into.insert(key.clone(), value.clone())),
        }
    }
}
