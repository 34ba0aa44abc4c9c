//! What every operation may do: published facts first, our reviewed exceptions last.

mod exceptions;
mod sources;

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use serde_json::Value;
use trainyard_aws::catalogue::{
    botocore::field::flag,
    model::{AccessLevel, Kind, Operation, OperationFlags, Service, ShapeId},
};

use self::{
    exceptions::{Exceptions, FLAGS},
    sources::{Sources, Vote},
};

use crate::Result;

/// First words of operations that only look. A source that calls anything else a read is not believed without a row in
/// the table of exceptions: IAM calls `InvokeAgent` and `ReceiveMessage` reads.
const LOOKING: &[&str] = &[
    "BatchDescribe",
    "BatchGet",
    "BatchIs",
    "BatchList",
    "Check",
    "Compare",
    "Count",
    "Describe",
    "Detect",
    "Discover",
    "Download",
    "Estimate",
    "Filter",
    "Find",
    "Get",
    "Has",
    "Head",
    "Is",
    "List",
    "Lookup",
    "Predict",
    "Preview",
    "Query",
    "Read",
    "Retrieve",
    "Scan",
    "Search",
    "Select",
    "Simulate",
    "Validate",
    "Verify",
    "View",
];

/// First words of operations that cannot be undone.
const DESTROYING: &[&str] = &[
    "Abort",
    "AdminDelete",
    "BatchDelete",
    "BatchRemove",
    "BulkDelete",
    "Cancel",
    "Delete",
    "Deregister",
    "Destroy",
    "Discard",
    "Drop",
    "Erase",
    "Evict",
    "Expire",
    "Force",
    "Forget",
    "Purge",
    "Release",
    "Remove",
    "Reset",
    "Retire",
    "Revoke",
    "ScheduleKeyDeletion",
    "Terminate",
    "Wipe",
];

/// Words in the name of a member, or of its shape, that holds what opens a door.
const CREDENTIAL: &[&str] = &[
    "accesskey",
    "apikey",
    "authorizationtoken",
    "authtoken",
    "certificatekey",
    "credential",
    "keymaterial",
    "passphrase",
    "password",
    "plaintext",
    "presharedkey",
    "presigned",
    "privatekey",
    "secret",
    "sessiontoken",
    "sharedkey",
    "token",
    "userdata",
];

/// Endings of names that hold one of the words above but no secret.
const HARMLESS: &[&str] = &["arn", "id", "name", "nexttoken", "status", "type", "paginationtoken", "continuationtoken"];

/// Decides, operation by operation.
pub(crate) struct Judge {
    sources: Sources,
    exceptions: Exceptions,
    table: String,
    counts: BTreeMap<&'static str, usize>,
}

impl Judge {
    /// Reads the sources and the exceptions, which lie in `directory`.
    pub(crate) fn new(directory: &Path) -> Result<Self> {
        Ok(Self {
            sources: Sources::read()?,
            exceptions: Exceptions::read(directory)?,
            table: "service\toperation\tlevel\tflags\n".to_owned(),
            counts: BTreeMap::new(),
        })
    }

    /// Sets level and flags of every operation; `model` is what the service was converted from.
    pub(crate) fn judge(&mut self, service: &mut Service<'_>, model: &Value) -> Result<()> {
        for at in 0..service.operations.len() {
            let operation = &service.operations[at];
            let (level, flags) = self.decide(service, operation, &model["operations"][operation.name]);
            let word = word(level);
            writeln!(self.table, "{}\t{}\t{word}\t{}", service.name, operation.name, flag_names(flags))?;
            *self.counts.entry(word).or_default() += 1;
            let operation = &mut service.operations[at];
            operation.access = level;
            operation.flags |= flags;
        }
        Ok(())
    }

    /// The whole table, for people to compare.
    pub(crate) fn finish(self) -> Result<String> {
        self.exceptions.all_used()?;
        let all: usize = self.counts.values().sum();
        let unknown = self.counts.get(word(AccessLevel::Unknown)).copied().unwrap_or_default();
        // Per ten thousand, so that whole numbers do.
        let coverage = (all - unknown) * 10_000 / all.max(1);
        println!("access: {:?}; {}.{:02} % of {all} are known", self.counts, coverage / 100, coverage % 100);
        Ok(self.table)
    }

    fn decide(&self, service: &Service<'_>, operation: &Operation<'_>, model: &Value) -> (AccessLevel, u8) {
        let votes = self.sources.votes(service, operation, flag(model, "readonly"));
        let verdict = self.exceptions.verdict(service.name, operation.name);
        let secret = self.sources.hands_out_credentials(service, operation)
            || operation.output.is_some_and(|output| holds_secret(service, output, 2));
        let level = match published(operation.name, &votes) {
            AccessLevel::Read if secret => AccessLevel::Sensitive,
            level => level,
        };
        let level = verdict.level.unwrap_or(level);
        let changes = matches!(level, AccessLevel::Write | AccessLevel::Unknown);
        let mut flags = 0;
        if changes && (votes.contains(&Vote::Permissions) || self.sources.exposes(service, operation)) {
            flags |= OperationFlags::PERMISSIONS;
        }
        if changes && destroys(operation.name) {
            flags |= OperationFlags::DESTROYS;
        }
        if changes && secret {
            flags |= OperationFlags::REVEALS;
        }
        (level, flags & !verdict.clear | verdict.set)
    }
}

/// A read only if somebody says so, nobody contradicts and its name agrees. What nobody knows is unknown.
fn published(name: &str, votes: &[Vote]) -> AccessLevel {
    if votes.is_empty() {
        return AccessLevel::Unknown;
    }
    let looks = LOOKING.iter().any(|verb| starts_with_word(name, verb));
    if looks && votes.iter().all(|vote| *vote == Vote::Read) { AccessLevel::Read } else { AccessLevel::Write }
}

fn destroys(name: &str) -> bool {
    let about_tags = name.ends_with("Tags") || name.ends_with("Tag") || name.contains("TagsFrom");
    !about_tags && DESTROYING.iter().any(|verb| starts_with_word(name, verb))
}

/// `Is` begins `IsAuthorized` but not `IssueCertificate`.
fn starts_with_word(name: &str, word: &str) -> bool {
    name.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(|it: char| it.is_ascii_uppercase()))
}

/// Whether a member at most `depth` structures down is marked sensitive and named like a credential. Only near the top:
/// there, the secret is what the operation is for. One deep inside a description is masked when it is shown, and does
/// not make every description of a database a secret. For the same reason, lists are not looked into.
fn holds_secret(service: &Service<'_>, id: ShapeId, depth: u8) -> bool {
    let Some(structure) = service.structure(id) else { return false };
    structure.members.iter().any(|member| {
        let target = service.shape(member.shape);
        let named = is_credential_name(member.name) || is_credential_name(target.name);
        let scalar = matches!(target.kind, Kind::String(..) | Kind::Blob { .. } | Kind::Structure(_));
        (target.sensitive && scalar && named) || depth > 1 && holds_secret(service, member.shape, depth - 1)
    })
}

fn is_credential_name(name: &str) -> bool {
    let name = name.to_lowercase();
    CREDENTIAL.iter().any(|word| name.contains(word)) && !HARMLESS.iter().any(|ending| name.ends_with(ending))
}

fn word(level: AccessLevel) -> &'static str {
    match level {
        AccessLevel::Read => "read",
        AccessLevel::Sensitive => "sensitive",
        AccessLevel::Write => "write",
        AccessLevel::Unknown => "unknown",
    }
}

fn flag_names(flags: u8) -> String {
    let set: Vec<&str> = FLAGS.iter().filter(|(_, bit)| flags & bit != 0).map(|(name, _)| *name).collect();
    set.join(",")
}
