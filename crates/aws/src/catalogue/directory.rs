//! Descriptions read at run time: how a program that is older than an operation calls it.
//!
//! The directories are laid out as botocore's `data` is, or as `aws configure add-model` fills `~/.aws/models`:
//! `SERVICE/VERSION/service-2.json`, beside it the other files, each compressed or not. What they describe goes before what
//! is embedded.
//!
//! They say what may be sent, not what is allowed. An operation keeps the access level that it is embedded with if it is
//! spoken to in the same words; every other one is *unknown*, and so counts as one that changes something.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

use serde_json::{Value, json};
use trainyard_contract::{Error, Result};

use super::{
    botocore::{self, Problem},
    model::{Operation, OperationFlags, Service},
    names,
};

/// What the operator named, and what was read of it.
#[derive(Debug)]
struct Directories {
    places: Vec<PathBuf>,
    /// By service; `None` where no directory has it.
    read: Mutex<HashMap<String, Option<&'static Service<'static>>>>,
}

static DIRECTORIES: OnceLock<Directories> = OnceLock::new();

/// Prefers the descriptions in these directories, the first that has a service, to those embedded. Reads nothing until
/// a service is asked for. Said once in the life of a process, before its first call.
pub fn read_from(places: Vec<PathBuf>) -> Result<()> {
    for place in &places {
        if !place.is_dir() {
            let message = format!("{} is to hold descriptions of services and is no directory", place.display());
            return Err(Error::validation(message).code("InvalidSetting"));
        }
    }
    let directories = Directories { places, read: Mutex::default() };
    DIRECTORIES.set(directories).map_err(|_| Error::internal("the directories of descriptions are set already"))
}

/// The service as a directory describes it.
pub(super) fn service(name: &str) -> Result<Option<&'static Service<'static>>> {
    let Some(directories) = DIRECTORIES.get() else { return Ok(None) };
    // A name becomes part of a path.
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return Ok(None);
    }
    // Held while files are read, so that each is read once. Nothing here panics half-way through a change.
    let mut read = directories.read.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = read.get(name) {
        return Ok(*found);
    }
    let found = directories.places.iter().find_map(|place| described(place, name).transpose()).transpose();
    let found = found.map_err(|problem| {
        Error::validation(format!("the description of {name} cannot be read: {problem}"))
            .code("InvalidDescription")
            .hint("mend the file, or leave its directory out of AWS_DATA_PATH")
    })?;
    read.insert(name.to_owned(), found);
    Ok(found)
}

fn described(place: &Path, name: &str) -> Result<Option<&'static Service<'static>>, Problem> {
    let Some(mut source) = botocore::read_some(place, name)? else { return Ok(None) };
    let embedded = names::entry(name).filter(|entry| entry.name == name).map(super::Entry::service);
    let own_rules = !source.rules.is_null();
    if !own_rules {
        if embedded.is_none() {
            return Err(
                "there is no endpoint-rule-set-1.json beside it, and no service of that name is embedded".into()
            );
        }
        source.rules = json!({"version": "1.0", "parameters": {}, "rules": []});
    }
    let (own_pages, own_waiters) = (source.paginators != Value::Null, source.waiters != Value::Null);
    let mut service = botocore::keep(source)?;
    let Some(embedded) = embedded else { return Ok(Some(Box::leak(Box::new(service)))) };
    if !own_rules {
        service.rules = embedded.rules.clone();
    }
    if !own_waiters {
        service.waiters.clone_from(&embedded.waiters);
        service.waiters.retain(|waiter| service.operations.iter().any(|operation| operation.name == waiter.operation));
    }
    let same_service = (service.protocol, service.target_prefix, service.signing_name, service.endpoint_prefix)
        == (embedded.protocol, embedded.target_prefix, embedded.signing_name, embedded.endpoint_prefix);
    for operation in &mut service.operations {
        let Some(known) = embedded.operation(operation.name) else { continue };
        if !own_pages {
            operation.pages.clone_from(&known.pages);
        }
        if same_service && (operation.method, operation.uri) == (known.method, known.uri) {
            judge_as(operation, known);
        }
    }
    Ok(Some(Box::leak(Box::new(service))))
}

fn judge_as(operation: &mut Operation<'_>, known: &Operation<'_>) {
    operation.access = known.access;
    // Whether it may be repeated is for the description to say.
    operation.flags |= known.flags & OperationFlags::JUDGED;
}
