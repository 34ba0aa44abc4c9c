//! What can be done with objects.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod update;
pub(crate) mod watch;

use serde_json::Value;

use super::{
    http::Query,
    kinds::Kind,
    refusal::{Refusal, Result},
};

/// How a change is made.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    /// Nothing is kept.
    pub(crate) dry_run: bool,
    /// Who owns the fields that change.
    pub(crate) manager: String,
    /// The part of the object that is changed: `status` and the like.
    pub(crate) part: Option<String>,
    /// What to do about fields that the kind does not have.
    pub(crate) strictness: Strictness,
}

/// What to do about fields that a kind does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    Ignore,
    Warn,
    Strict,
}

impl Manner {
    pub(crate) fn of(query: &Query, agent: &str, part: Option<&str>) -> Result<Self> {
        let program = agent.split('/').next().filter(|program| !program.is_empty()).unwrap_or("unknown");
        let strictness = match query.get("fieldValidation") {
            None | Some("Warn") => Strictness::Warn,
            Some("Ignore") => Strictness::Ignore,
            Some("Strict") => Strictness::Strict,
            Some(other) => {
                let why = format!(
                    "fieldValidation: Unsupported value: \"{other}\": supported values: \"Ignore\", \"Strict\", \"Warn\""
                );
                return Err(Refusal::bad_request(why));
            }
        };
        Ok(Self {
            dry_run: query.dry_run()?,
            manager: query.get("fieldManager").unwrap_or(program).to_owned(),
            part: part.map(str::to_owned),
            strictness,
        })
    }

    /// As the cluster itself makes changes.
    pub(crate) fn own(manager: &str) -> Self {
        Self { dry_run: false, manager: manager.into(), part: None, strictness: Strictness::Ignore }
    }
}

/// Takes `kind` and `apiVersion` off an object that came in, if they say what the address says.
pub(crate) fn strip(kind: &Kind, object: &mut Value) -> Result<()> {
    let Some(members) = object.as_object_mut() else {
        return Err(Refusal::bad_request("the body of the request is not an object"));
    };
    let mut check = |member: &str, wanted: &str, said: &str| match members.shift_remove(member) {
        Some(Value::String(found)) if found == wanted => Ok(()),
        None | Some(Value::Null) => Ok(()),
        Some(found) => Err(Refusal::bad_request(format!(
            "the {said} in the data ({}) does not match the expected {said} ({wanted})",
            found.as_str().unwrap_or_default()
        ))),
    };
    check("apiVersion", &kind.api_version(), "API version")?;
    check("kind", &kind.kind, "kind")
}

/// Puts `kind` and `apiVersion` in front.
pub(crate) fn dress(kind: &Kind, object: Value) -> Value {
    let mut dressed = serde_json::Map::new();
    dressed.insert("kind".into(), kind.kind.clone().into());
    dressed.insert("apiVersion".into(), kind.api_version().into());
    if let Value::Object(mut members) = object {
        dressed.append(&mut members);
    }
    Value::Object(dressed)
}
