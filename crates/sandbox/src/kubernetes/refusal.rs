//! Why a request is refused, in the form of a Kubernetes `Status`.

use serde_json::{Value, json};

use super::kinds::Kind;

pub(crate) type Result<T> = std::result::Result<T, Refusal>;

/// A `Status` of failure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    reason: &'static str,
    message: String,
    /// Boxed so that a `Result` stays small.
    details: Option<Box<Value>>,
    pub(crate) retry_after: Option<u64>,
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cause {
    reason: &'static str,
    field: String,
    message: String,
}

impl Cause {
    pub(crate) fn required(field: impl Into<String>, why: &str) -> Self {
        let message = if why.is_empty() { "Required value".into() } else { format!("Required value: {why}") };
        Self { reason: "FieldValueRequired", field: field.into(), message }
    }

    pub(crate) fn invalid(field: impl Into<String>, value: &Value, why: &str) -> Self {
        Self { reason: "FieldValueInvalid", field: field.into(), message: format!("Invalid value: {value}: {why}") }
    }

    pub(crate) fn unsupported(field: impl Into<String>, value: &Value, supported: &[&str]) -> Self {
        let supported: Vec<String> = supported.iter().map(|value| format!("\"{value}\"")).collect();
        let message = format!("Unsupported value: {value}: supported values: {}", supported.join(", "));
        Self { reason: "FieldValueNotSupported", field: field.into(), message }
    }

    pub(crate) fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self { reason: "FieldValueDuplicate", field: field.into(), message: format!("Duplicate value: {value}") }
    }

    pub(crate) fn forbidden(field: impl Into<String>, why: &str) -> Self {
        Self { reason: "FieldValueForbidden", field: field.into(), message: format!("Forbidden: {why}") }
    }

    pub(crate) fn wrong_type(field: impl Into<String>, value: &Value, why: &str) -> Self {
        let field = field.into();
        let shown = match value {
            Value::String(text) => format!("\"{text}\""),
            Value::Array(_) => "\"array\"".into(),
            Value::Object(_) => "\"object\"".into(),
            other => other.to_string(),
        };
        let message = format!("Invalid value: {shown}: {field} in body {why}");
        Self { reason: "FieldValueTypeInvalid", field, message }
    }

    /// Another manager owns this field.
    pub(crate) fn conflict(field: impl Into<String>, message: String) -> Self {
        Self { reason: "FieldManagerConflict", field: field.into(), message }
    }

    fn json(&self) -> Value {
        json!({ "reason": self.reason, "message": self.message, "field": self.field })
    }
}

impl Refusal {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None, retry_after: None }
    }

    fn explain(&mut self, details: Value) {
        self.details = Some(Box::new(details));
    }

    fn about(mut self, kind: &Kind, name: &str) -> Self {
        self.explain(json!({ "name": name, "group": kind.group, "kind": kind.plural }));
        self
    }

    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", kind.qualified())).about(kind, name)
    }

    /// The address names nothing at all.
    pub(crate) fn no_such_resource() -> Self {
        let mut refusal = Self::new(404, "NotFound", "the server could not find the requested resource");
        refusal.explain(json!({}));
        refusal
    }

    pub(crate) fn already_exists(kind: &Kind, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", kind.qualified())).about(kind, name)
    }

    pub(crate) fn modified(kind: &Kind, name: &str) -> Self {
        Self::conflict(
            kind,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.qualified());
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// Other managers own what was applied.
    pub(crate) fn owned(causes: &[Cause]) -> Self {
        let lines: Vec<String> = causes.iter().map(|cause| format!("{}: {}", cause.message, cause.field)).collect();
        let many = if causes.len() == 1 { "1 conflict".to_owned() } else { format!("{} conflicts", causes.len()) };
        let message = match &lines[..] {
            [one] => format!("Apply failed with {many}: {one}"),
            _ => {
                let lines: Vec<String> = lines.iter().map(|line| format!("- {line}")).collect();
                format!("Apply failed with {many}: conflicts:\n{}", lines.join("\n"))
            }
        };
        let mut refusal = Self::new(409, "Conflict", message);
        refusal.explain(json!({ "causes": causes.iter().map(Cause::json).collect::<Vec<_>>() }));
        refusal
    }

    pub(crate) fn invalid(kind: &Kind, name: &str, causes: &[Cause]) -> Self {
        let lines: Vec<String> = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
        let why = match &lines[..] {
            [one] => one.clone(),
            _ => format!("[{}]", lines.join(", ")),
        };
        let shown = if kind.group.is_empty() { kind.kind.clone() } else { format!("{}.{}", kind.kind, kind.group) };
        let mut refusal = Self::new(422, "Invalid", format!("{shown} \"{name}\" is invalid: {why}"));
        refusal.explain(json!({
            "name": name, "group": kind.group, "kind": kind.kind,
            "causes": causes.iter().map(Cause::json).collect::<Vec<_>>(),
        }));
        refusal
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn forbidden(group: &str, plural: &str, name: &str, why: &str) -> Self {
        let shown = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
        let named = if name.is_empty() { String::new() } else { format!(" \"{name}\"") };
        let mut refusal = Self::new(403, "Forbidden", format!("{shown}{named} is forbidden: {why}"));
        refusal.explain(json!({ "name": name, "group": group, "kind": plural }));
        refusal
    }

    /// A path that is no resource, to somebody who may not have it.
    pub(crate) fn forbidden_path(why: &str) -> Self {
        let mut refusal = Self::new(403, "Forbidden", format!("forbidden: {why}"));
        refusal.explain(json!({}));
        refusal
    }

    pub(crate) fn expired(message: &str) -> Self {
        Self::new(410, "Expired", message)
    }

    /// A version that is still to come.
    pub(crate) fn too_new(wanted: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {wanted}, current: {current}");
        let mut refusal = Self::new(504, "Timeout", message);
        refusal.retry_after = Some(1);
        refusal.explain(json!({ "causes": [
            { "reason": "ResourceVersionTooLarge", "message": "Too large resource version" },
        ] }));
        refusal
    }

    pub(crate) fn method_not_allowed() -> Self {
        let mut refusal =
            Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
        refusal.explain(json!({}));
        refusal
    }

    pub(crate) fn unsupported_media_type(found: &str, supported: &[&str]) -> Self {
        let supported = supported.join(", ");
        let why =
            format!("the body of the request was in an unknown format - accepted media types include: {supported}");
        let mut refusal = Self::new(415, "UnsupportedMediaType", why);
        refusal.explain(json!({ "causes": [{ "reason": "UnexpectedContentType", "message": found }] }));
        refusal
    }

    pub(crate) fn not_acceptable(supported: &str) -> Self {
        Self::new(406, "NotAcceptable", format!("only the following media types are accepted: {supported}"))
    }

    pub(crate) fn too_many(message: impl Into<String>, cause: Option<(&str, &str)>) -> Self {
        let mut refusal = Self::new(429, "TooManyRequests", message);
        if let Some((reason, message)) = cause {
            refusal.explain(json!({ "causes": [{ "reason": reason, "message": message }] }));
        }
        refusal
    }

    pub(crate) fn too_large() -> Self {
        Self::new(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728")
    }

    /// A service behind which nobody is.
    pub(crate) fn no_endpoints(service: &str) -> Self {
        Self::new(503, "ServiceUnavailable", format!("no endpoints available for service {service:?}"))
    }

    pub(crate) fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(500, "InternalError", format!("Internal error occurred: {message}"))
    }

    pub(crate) fn json(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {},
            "status": "Failure", "message": self.message, "reason": self.reason,
        });
        let mut details = self.details.as_deref().cloned();
        if let Some(seconds) = self.retry_after {
            details.get_or_insert_with(|| json!({}))["retryAfterSeconds"] = seconds.into();
        }
        if let Some(details) = details {
            status["details"] = details;
        }
        status["code"] = self.code.into();
        status
    }
}
