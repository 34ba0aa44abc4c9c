//! Lambda: functions, their versions and aliases, who may call them, and calls.
//!
//! Code that comes in a request is kept by its size and its digest and never run: a place to practise runs no stranger's
//! program on the machine that it is on. What runs are programs of the sandbox's own (`programs.rs`), in process, over the
//! account: a function runs if its code is a package of one of them.

mod access;
mod aliases;
mod code;
mod deliver;
mod functions;
mod invoke;
mod job;
mod package;
mod programs;
mod run;
mod settings;
mod start;
mod storage;
mod versions;

use serde_json::{Value, json};

use super::Operations;
use crate::aws::{
    account::{Account, Cx},
    table::Table,
    wire::Refusal,
};

pub(super) use self::{functions::forget, package::archive};
pub(in crate::aws) use self::{
    run::runs,
    start::{ROLE, build},
};

/// All of it.
pub(super) const ALL: &[Operations] =
    &[access::OPERATIONS, aliases::OPERATIONS, functions::OPERATIONS, invoke::OPERATIONS, versions::OPERATIONS];

/// The version that is changed in place.
const LATEST: &str = "$LATEST";

/// A refusal that is the caller's fault, as Lambda says it.
fn refused(status: u16, code: &str, message: impl Into<String>) -> Refusal {
    let mut refusal = Refusal::new(status, code, message);
    refusal.detail.insert("Type".to_owned(), "User".into());
    refusal
}

fn invalid(message: impl Into<String>) -> Refusal {
    refused(400, "InvalidParameterValueException", message)
}

fn conflict(message: impl Into<String>) -> Refusal {
    refused(409, "ResourceConflictException", message)
}

fn absent(message: impl Into<String>) -> Refusal {
    refused(404, "ResourceNotFoundException", message)
}

fn text<'v>(row: &'v Value, member: &str) -> &'v str {
    row[member].as_str().unwrap_or_default()
}

/// A function as a call names it.
struct Named {
    name: String,
    qualifier: Option<String>,
}

impl Named {
    /// Reads `name`, `name:qualifier`, and ARNs, whole or in part, with `Qualifier` beside them.
    fn of(cx: &Cx<'_>) -> Result<Self, Refusal> {
        let given = cx.text("FunctionName").unwrap_or_default();
        let rest = match given.split_once("function:") {
            None => given,
            Some((place, rest)) => {
                let elsewhere = |part: &str| part.contains('-') && part != cx.region;
                if place.split(':').any(elsewhere) {
                    let message =
                        format!("Functions from another region are not reachable in this region ('{}')", cx.region);
                    return Err(absent(message));
                }
                rest
            }
        };
        let (name, inner) = rest.split_once(':').map_or((rest, None), |(name, inner)| (name, Some(inner)));
        let outer = cx.text("Qualifier");
        if let (Some(inner), Some(outer)) = (inner, outer)
            && inner != outer
        {
            return Err(invalid(
                "The derived qualifier from the function name does not match the specified qualifier.",
            ));
        }
        Ok(Self { name: name.to_owned(), qualifier: inner.or(outer).map(str::to_owned) })
    }

    /// The function that a call means as a whole.
    fn whole(cx: &Cx<'_>) -> Result<String, Refusal> {
        let named = Self::of(cx)?;
        match named.qualifier.as_deref() {
            None => {}
            Some(LATEST) if cx.text("Qualifier").is_none() => {}
            Some(_) => return Err(invalid("This operation takes no version and no alias.")),
        }
        cx.row(Table::LambdaFunctions, &named.name, || named.absent(cx.account, cx.region))?;
        Ok(named.name)
    }

    fn absent(&self, account: &Account, region: &str) -> Refusal {
        absent(format!("Function not found: {}", arn(account, region, &self.name, self.qualifier.as_deref())))
    }

    /// The configuration that is meant, and the version that it is of.
    fn configuration<'a>(&self, account: &'a Account, region: &str) -> Result<&'a Value, Refusal> {
        let absent = || self.absent(account, region);
        let function = account.row(region, Table::LambdaFunctions, &self.name).ok_or_else(absent)?;
        let version = match self.qualifier.as_deref() {
            None | Some(LATEST) => return Ok(function),
            Some(version) if version.bytes().all(|byte| byte.is_ascii_digit()) => version.to_owned(),
            Some(alias) => {
                let alias = account.row(region, Table::LambdaAliases, &format!("{}/{alias}", self.name));
                text(alias.ok_or_else(absent)?, "FunctionVersion").to_owned()
            }
        };
        if version == LATEST {
            return Ok(function);
        }
        account.row(region, Table::LambdaVersions, &format!("{}/{version}", self.name)).ok_or_else(absent)
    }
}

/// The ARN of a function, or of a version or an alias of it.
fn arn(account: &Account, region: &str, name: &str, qualifier: Option<&str>) -> String {
    let end = qualifier.map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
    account.arn("lambda", region, &format!("function:{name}{end}"))
}

/// Refuses a change that is based on another state than the present.
fn at_revision(cx: &Cx<'_>, row: &Value) -> Result<(), Refusal> {
    match cx.text("RevisionId") {
        Some(revision) if row["RevisionId"] != revision => {
            let message = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
                           retrieve the latest Revision Id";
            Err(refused(412, "PreconditionFailedException", message))
        }
        _ => Ok(()),
    }
}

/// Marks a function as changed now.
fn touch(account: &mut Account, region: &str, name: &str) {
    let (revision, now) = (account.random.uid(), modified(account));
    if let Some(row) = account.row_mut(region, Table::LambdaFunctions, name) {
        row["RevisionId"] = revision.into();
        row["LastModified"] = now.into();
    }
}

/// Now, as Lambda writes it.
fn modified(account: &Account) -> String {
    millis(account.now()).replace('Z', "+0000")
}

/// A moment with milliseconds.
fn millis(moment: time::OffsetDateTime) -> String {
    let whole = crate::kubernetes::clock::stamp(moment);
    format!("{}.{:03}Z", whole.trim_end_matches('Z'), moment.millisecond())
}

/// An empty object, which many operations answer.
fn nothing() -> Value {
    json!({})
}
