//! Calls: waited for, left as an event, or only tried.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{
    LATEST, Named, aliases, deliver,
    functions::is_ready,
    nothing,
    programs::{self, Program},
    refused, run, text,
};
use crate::aws::{
    account::{Account, Cx},
    services::Operations,
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations = &[("lambda", "Invoke", invoke)];

/// Bytes of what a function is called with: by somebody who waits, and as an event.
const WAITING: usize = 6 << 20;
const EVENT: usize = 1 << 20;
/// Bytes of the end of a log.
const TAIL: usize = 4 << 10;

/// What is called.
pub(super) struct Target {
    pub(super) name: String,
    /// The version that runs.
    pub(super) version: String,
    /// The version or alias that was named.
    pub(super) qualifier: Option<String>,
    pub(super) configuration: Value,
    pub(super) program: &'static Program,
}

impl Target {
    /// Finds what is called. The refusal says that it is not there, or that it is no code that the sandbox runs.
    pub(super) fn of(account: &mut Account, region: &str, named: Named) -> Result<Self, Refusal> {
        let mut meant = Named { name: named.name.clone(), qualifier: named.qualifier.clone() };
        if let Some(alias) = &named.qualifier
            && let Some(version) = aliases::chosen(account, region, &format!("{}/{alias}", named.name))
        {
            meant.qualifier = Some(version);
        }
        let configuration = match meant.configuration(account, region) {
            Ok(row) => row.clone(),
            Err(_) => return Err(named.absent(account, region)),
        };
        let program = programs::of(text(&configuration, "CodeSha256")).ok_or_else(|| foreign(&named.name))?;
        let version = configuration["Version"].as_str().unwrap_or(LATEST).to_owned();
        Ok(Self { name: named.name, version, qualifier: named.qualifier, configuration, program })
    }
}

/// Code that somebody brought.
fn foreign(name: &str) -> Refusal {
    let own: Vec<String> = programs::ALL.iter().map(|program| program.name.to_owned()).collect();
    let message = format!(
        "the code of {name} is not in the sandbox, which keeps the size and the digest of code and runs none that came in a request. \
         It runs its own functions: {}; a function made of their packages (s3://{}/NAME.zip) runs, too",
        own.join(", "),
        programs::BUCKET
    );
    Refusal::new(501, "NotInTheSandbox", message)
}

/// Refuses, and counts, where no call may be under way.
pub(super) fn throttled(account: &mut Account, region: &str, target: &Target) -> Result<(), Refusal> {
    let reserved = account.row(region, Table::LambdaFunctions, &target.name).map(|row| row["_reserved"].clone());
    if reserved != Some(json!(0)) {
        return Ok(());
    }
    run::count(account, region, target, run::Outcome::Throttled);
    let mut refusal = refused(429, "TooManyRequestsException", "Rate Exceeded.");
    refusal.detail.insert("Reason".to_owned(), "ReservedFunctionConcurrentInvocationLimitExceeded".into());
    Err(refusal)
}

fn invoke(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let kind = cx.text("InvocationType").unwrap_or("RequestResponse").to_owned();
    let target = Target::of(cx.account, cx.region, Named::of(cx)?)?;
    let payload = BASE64_STANDARD.decode(cx.text("Payload").unwrap_or_default()).unwrap_or_default();
    let most = if kind == "Event" { EVENT } else { WAITING };
    if payload.len() > most {
        let message = format!("Request must be smaller than {most} bytes for the InvokeFunction operation");
        return Err(refused(413, "RequestTooLargeException", message));
    }
    let event = read(&payload)?;
    if kind == "DryRun" {
        return Ok(json!({ "StatusCode": 204 }));
    }
    is_ready(&target.configuration)?;
    if kind == "Event" {
        deliver::leave(cx.account, cx.region, &target, &event);
        return Ok(json!({ "StatusCode": 202 }));
    }
    throttled(cx.account, cx.region, &target)?;
    let ran = run::run(cx.account, cx.region, &target, &event);
    let mut output = json!({
        "StatusCode": 200, "ExecutedVersion": target.version, "Payload": BASE64_STANDARD.encode(ran.payload.to_string()),
    });
    if ran.failed {
        output["FunctionError"] = "Unhandled".into();
    }
    if cx.text("LogType") == Some("Tail") {
        let start = ran.log.len().saturating_sub(TAIL);
        output["LogResult"] = BASE64_STANDARD.encode(&ran.log.as_bytes()[start..]).into();
    }
    Ok(output)
}

/// The event of a call; nothing at all is an empty one.
fn read(payload: &[u8]) -> Result<Value, Refusal> {
    if payload.is_empty() {
        return Ok(nothing());
    }
    serde_json::from_slice(payload).map_err(|error| {
        let message = format!("Could not parse request body into json: {error}");
        refused(400, "InvalidRequestContentException", message)
    })
}
