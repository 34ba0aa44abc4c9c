//! What went wrong on the way to the API, in the words of the contract.

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use serde_json::Value;
use trainyard_contract::{Error, ErrorKind};

use crate::{
    FIELD_MANAGER,
    request::{Attributes, Request},
};

const SERVICE: &str = "kubernetes";
/// Code of a conflict in which only fields that we have set otherwise than by applying stand in the way.
pub(crate) const OWN_CONFLICT: &str = "OwnConflict";

/// An answer that is an error. `None` where it is none.
pub(crate) fn of_answer(request: &Request, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let found: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| found[name].as_str().unwrap_or_default();
    let (reason, code) = (text("reason"), status.as_u16());
    let secret = request.attributes.group.is_empty() && request.attributes.resource.starts_with("secrets");
    let mut message = text("message").to_owned();
    if message.is_empty() {
        let said: String = String::from_utf8_lossy(body).chars().take(300).collect();
        message = format!("the API server answered {status}: {}", said.trim());
    }
    if secret && code == 422 {
        // The server quotes the values that it finds wrong.
        message = format!("the API server finds the secret invalid: {}", fields(&found).join(", "));
    }
    let kind = kind_of(code, reason);
    let mut error = Error::new(kind, lowered(&message)).operation(SERVICE, request.name()).http_status(code);
    error = error.retryable(matches!(code, 429 | 503 | 504) || reason == "ServerTimeout");
    if own_conflict(&found) {
        error = error.code(OWN_CONFLICT);
    } else if !reason.is_empty() {
        error = error.code(reason.to_owned());
    }
    match hint(request, code, reason, &found, headers) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn kind_of(code: u16, reason: &str) -> ErrorKind {
    match (code, reason) {
        (_, "AlreadyExists") => ErrorKind::AlreadyExists,
        (401, _) => ErrorKind::Credentials,
        (403, _) => ErrorKind::AccessDenied,
        (404 | 410, _) => ErrorKind::NotFound,
        (409, _) => ErrorKind::Conflict,
        (405 | 406 | 415 | 501, _) => ErrorKind::Unsupported,
        (408 | 504, _) => ErrorKind::Timeout,
        (429, _) => ErrorKind::Throttled,
        (503, _) => ErrorKind::Network,
        (400..=499, _) => ErrorKind::Validation,
        _ => ErrorKind::Internal,
    }
}

fn hint(request: &Request, code: u16, reason: &str, found: &Value, headers: &HeaderMap) -> Option<String> {
    match code {
        401 => Some(
            "the cluster does not accept who we say we are; for EKS, the IAM identity needs an access entry".into(),
        ),
        // A quota is said with the same code, and its message names it.
        403 if found["message"].as_str().is_some_and(|text| text.contains("exceeded quota")) => None,
        403 => Some(format!("missing RBAC rule: {}", rule(&request.attributes))),
        409 if reason == "Conflict" => {
            let fields = fields(found);
            (!fields.is_empty()).then(|| format!("fields of others: {}", fields.join("; ")))
        }
        410 => Some("start the list again without the cursor".into()),
        422 => {
            let fields = fields(found);
            (!fields.is_empty() && found["message"].as_str().is_none_or(|text| !text.contains(&fields[0])))
                .then(|| fields.join("; "))
        }
        429 => {
            let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            seconds.map(|seconds| format!("the server asks to wait {seconds} s"))
        }
        _ => None,
    }
}

/// The rule that somebody would have to grant.
pub(crate) fn rule(asked: &Attributes) -> String {
    if asked.resource.starts_with('/') {
        return format!("nonResourceURLs [{:?}], verbs [{:?}] in a ClusterRole", asked.resource, asked.verb);
    }
    let place = match &asked.namespace {
        Some(namespace) => format!("in a Role of namespace {namespace:?} or a ClusterRole"),
        None => "in a ClusterRole".to_owned(),
    };
    format!("apiGroups [{:?}], resources [{:?}], verbs [{:?}] {place}", asked.group, asked.resource, asked.verb)
}

/// Whether every field that cannot be applied was set by ourselves. The API names managers in its messages alone.
fn own_conflict(status: &Value) -> bool {
    let causes = status["details"]["causes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ours = |cause: &Value| {
        let message = cause["message"].as_str().unwrap_or_default();
        let named = message.strip_prefix("conflict with \"").and_then(|rest| rest.split_once('"'));
        cause["reason"] == "FieldManagerConflict" && named.is_some_and(|(manager, _)| manager == FIELD_MANAGER)
    };
    !causes.is_empty() && causes.iter().all(ours)
}

/// Fields that the server names, each with what it says about it. Values of secrets never stand in `reason`.
fn fields(status: &Value) -> Vec<String> {
    let causes = status["details"]["causes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let secret = status["details"]["kind"] == "secrets";
    let of = |cause: &Value| {
        let (field, reason) =
            (cause["field"].as_str().unwrap_or_default(), cause["reason"].as_str().unwrap_or_default());
        match cause["message"].as_str() {
            Some(message) if !secret => format!("{field}: {message}"),
            _ => format!("{field}: {reason}"),
        }
    };
    causes.iter().map(of).collect()
}

/// What kept a request from being answered.
pub(crate) fn of_client(request: &Request, error: &kube::Error) -> Error {
    of_chain(error).operation(SERVICE, request.name())
}

/// The same before there was a request: making the client.
pub(crate) fn of_chain(error: &kube::Error) -> Error {
    match error {
        kube::Error::Auth(error) => return credentials(&chain(error)),
        kube::Error::InferKubeconfig(error) => {
            return Error::new(ErrorKind::Credentials, format!("the kubeconfig cannot be used: {}", chain(error)));
        }
        _ => {}
    }
    let told = chain(error);
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(at) = cause {
        if let Some(io) = at.downcast_ref::<std::io::Error>() {
            match io.kind() {
                std::io::ErrorKind::InvalidData => {
                    return Error::new(
                        ErrorKind::Network,
                        format!("the API server's certificate is not accepted: {told}"),
                    )
                    .code("TlsFailed")
                    .retryable(false)
                    .hint("the cluster's certificate authority has to be the one in its description");
                }
                std::io::ErrorKind::TimedOut => return late(&told),
                _ => {}
            }
        }
        cause = at.source();
    }
    if told.contains("auth exec") { credentials(&told) } else { unreachable(&told) }
}

fn credentials(told: &str) -> Error {
    Error::new(ErrorKind::Credentials, format!("no credentials for the cluster: {told}"))
        .hint("try the same with kubectl; the program that the kubeconfig names has to be installed and logged in")
}

fn unreachable(told: &str) -> Error {
    Error::new(ErrorKind::Network, format!("the API server cannot be reached: {told}"))
        .code("Unreachable")
        .hint("is the endpoint public, or this machine in its network? HTTPS_PROXY and NO_PROXY are respected")
}

/// No answer in time.
pub(crate) fn late(told: &str) -> Error {
    Error::new(ErrorKind::Timeout, format!("the API server did not answer in time: {told}")).code("NoAnswer")
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut told: Vec<String> = Vec::new();
    let mut cause = Some(error);
    while let Some(at) = cause {
        let text = at.to_string();
        // Wrappers repeat what they wrap.
        if !told.iter().any(|said| said.contains(&text)) {
            told.push(text);
        }
        cause = at.source();
    }
    told.join(": ")
}

/// Messages read after "could not …": no capital unless a word is one, no full stop.
fn lowered(message: &str) -> String {
    let message = message.trim().trim_end_matches('.');
    let mut letters = message.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            let word = message.split_whitespace().next().unwrap_or_default();
            // `Deployment.apps "x" is invalid` begins with a name.
            if word.chars().skip(1).any(|letter| letter.is_uppercase() || letter == '.') {
                message.to_owned()
            } else {
                first.to_lowercase().chain(message.chars().skip(1)).collect()
            }
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resource::{DEPLOYMENTS, PODS, SECRETS};

    fn answered(request: &Request, code: u16, body: &Value) -> Error {
        of_answer(request, StatusCode::from_u16(code).unwrap(), &HeaderMap::new(), body.to_string().as_bytes())
    }

    #[test]
    fn a_refusal_names_the_rule_that_is_missing() {
        let request = Request::new("list", &DEPLOYMENTS, Some("team-a"), None, None).unwrap();
        let body = json!({"kind": "Status", "reason": "Forbidden", "code": 403,
            "message": "deployments.apps is forbidden: User \"x\" cannot list resource"});
        let error = answered(&request, 403, &body);
        assert_eq!(error.kind(), ErrorKind::AccessDenied);
        let hint = error.hint_str().unwrap();
        assert!(hint.contains(r#"apiGroups ["apps"], resources ["deployments"], verbs ["list"]"#), "{hint}");
        assert!(hint.contains("team-a"), "{hint}");
    }

    #[test]
    fn a_conflict_names_fields_and_who_holds_them() {
        let request = Request::new("patch", &DEPLOYMENTS, Some("a"), Some("b"), None).unwrap();
        let body = json!({"reason": "Conflict", "message": "Apply failed with 1 conflict: conflict with \"hpa\": .spec.replicas",
            "details": {"causes": [{"reason": "FieldManagerConflict", "message": "conflict with \"hpa\" using apps/v1",
                "field": ".spec.replicas"}]}});
        let error = answered(&request, 409, &body);
        assert_eq!((error.kind(), error.code_str()), (ErrorKind::Conflict, "Conflict"));
        assert!(error.hint_str().unwrap().contains(".spec.replicas: conflict with \"hpa\""), "{error}");
    }

    #[test]
    fn a_conflict_with_ourselves_is_told_from_one_with_others() {
        let request = Request::new("patch", &DEPLOYMENTS, Some("a"), Some("b"), None).unwrap();
        let cause = |manager: &str| {
            json!({"reason": "FieldManagerConflict", "field": ".spec.replicas",
                "message": format!("conflict with \"{manager}\" with subresource \"scale\" using apps/v1")})
        };
        let code = |causes: Vec<Value>| {
            let body = json!({"reason": "Conflict", "message": "Apply failed", "details": {"causes": causes}});
            answered(&request, 409, &body).code_str().to_owned()
        };
        assert_eq!(code(vec![cause(FIELD_MANAGER), cause(FIELD_MANAGER)]), OWN_CONFLICT);
        assert_eq!(code(vec![cause(FIELD_MANAGER), cause("hpa")]), "Conflict");
        assert_eq!(code(vec![cause("trainyard-other")]), "Conflict");
        assert_eq!(code(Vec::new()), "Conflict");
    }

    #[test]
    fn an_error_about_a_secret_does_not_quote_it() {
        let request = Request::new("create", &SECRETS, Some("a"), None, None).unwrap();
        let body = json!({"reason": "Invalid", "message": "Secret \"s\" is invalid: data[x]: Invalid value: \"hunter2\"",
            "details": {"kind": "secrets", "causes": [{"reason": "FieldValueInvalid", "field": "data[x]",
                "message": "Invalid value: \"hunter2\""}]}});
        let error = answered(&request, 422, &body);
        assert!(!format!("{error:?}").contains("hunter2"), "{error}");
        assert!(error.message().contains("data[x]"), "{error}");
    }

    #[test]
    fn every_other_refusal_has_its_category() {
        let request = Request::new("get", &PODS, Some("a"), Some("b"), None).unwrap();
        for (code, reason, kind) in [
            (401, "Unauthorized", ErrorKind::Credentials),
            (404, "NotFound", ErrorKind::NotFound),
            (409, "AlreadyExists", ErrorKind::AlreadyExists),
            (410, "Expired", ErrorKind::NotFound),
            (415, "UnsupportedMediaType", ErrorKind::Unsupported),
            (422, "Invalid", ErrorKind::Validation),
            (429, "TooManyRequests", ErrorKind::Throttled),
            (504, "Timeout", ErrorKind::Timeout),
            (500, "InternalError", ErrorKind::Internal),
        ] {
            let error = answered(&request, code, &json!({ "reason": reason, "message": "x" }));
            assert_eq!((error.kind(), error.code_str()), (kind, reason));
        }
    }
}
