//! Questions about rights: who am I, may I, what may I.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use super::{
    answer::Call,
    http::{
        body::{self, Reply},
        path::ResourcePath,
    },
    rbac::{User, Wish},
    refusal::{Refusal, Result},
    shared::Shared,
};

const AUTHORIZATION: &str = "authorization.k8s.io";
const AUTHENTICATION: &str = "authentication.k8s.io";

pub(crate) fn resources() -> Vec<(&'static str, &'static str, Vec<Value>)> {
    let resource = |name: &str, kind: &str, namespaced: bool| {
        json!({
            "name": name, "singularName": kind.to_lowercase(), "namespaced": namespaced, "kind": kind, "verbs": ["create"],
        })
    };
    vec![
        (
            AUTHENTICATION,
            "v1",
            vec![
                resource("selfsubjectreviews", "SelfSubjectReview", false),
                resource("tokenreviews", "TokenReview", false),
            ],
        ),
        (
            AUTHORIZATION,
            "v1",
            vec![
                resource("localsubjectaccessreviews", "LocalSubjectAccessReview", true),
                resource("selfsubjectaccessreviews", "SelfSubjectAccessReview", false),
                resource("selfsubjectrulesreviews", "SelfSubjectRulesReview", false),
                resource("subjectaccessreviews", "SubjectAccessReview", false),
            ],
        ),
    ]
}

/// The answer to a question; nothing if this is none.
pub(crate) fn answer(shared: &Arc<Shared>, call: &Call, path: &ResourcePath) -> Option<Result<Reply>> {
    if path.version != "v1" || !matches!(path.group.as_str(), AUTHORIZATION | AUTHENTICATION) {
        return None;
    }
    if call.method != Method::POST {
        return Some(Err(Refusal::method_not_allowed()));
    }
    let mut question = match call.object() {
        Ok(question) => question,
        Err(refusal) => return Some(Err(refusal)),
    };
    let status = match path.plural.as_str() {
        "selfsubjectaccessreviews" => access(shared, &call.user, &question["spec"], path),
        "subjectaccessreviews" | "localsubjectaccessreviews" => {
            let user = named(&question["spec"]);
            access(shared, &user, &question["spec"], path)
        }
        "selfsubjectrulesreviews" => rules(shared, &call.user, &question["spec"]),
        "selfsubjectreviews" => json!({ "userInfo": info(&call.user) }),
        "tokenreviews" => token(shared, &question["spec"]),
        _ => return Some(Err(Refusal::no_such_resource())),
    };
    question["status"] = status;
    if question["metadata"].is_null() {
        question["metadata"] = json!({ "creationTimestamp": null });
    }
    Some(Ok(body::json(201, &question)))
}

fn info(user: &User) -> Value {
    json!({ "username": user.name, "groups": user.groups })
}

fn named(spec: &Value) -> User {
    let groups = spec["groups"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    User { name: spec["user"].as_str().unwrap_or_default().into(), groups: groups.collect() }
}

fn access(shared: &Arc<Shared>, user: &User, spec: &Value, path: &ResourcePath) -> Value {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let wish = if spec["nonResourceAttributes"].is_object() {
        let attributes = &spec["nonResourceAttributes"];
        Wish { verb: text(&attributes["verb"]), path: text(&attributes["path"]), ..Wish::default() }
    } else {
        let attributes = &spec["resourceAttributes"];
        let mut resource = text(&attributes["resource"]);
        if let Some(part) = attributes["subresource"].as_str().filter(|part| !part.is_empty()) {
            resource = format!("{resource}/{part}");
        }
        let namespace = match attributes["namespace"].as_str() {
            Some(namespace) => namespace.to_owned(),
            None => path.namespace.clone().unwrap_or_default(),
        };
        Wish {
            verb: text(&attributes["verb"]),
            group: text(&attributes["group"]),
            resource,
            namespace,
            name: text(&attributes["name"]),
            path: String::new(),
        }
    };
    let allowed = shared.with(|cluster| !cluster.users.judged || cluster.may(user, &wish));
    if allowed { json!({ "allowed": true }) } else { json!({ "allowed": false, "reason": "no role allows it" }) }
}

fn rules(shared: &Arc<Shared>, user: &User, spec: &Value) -> Value {
    let namespace = spec["namespace"].as_str().unwrap_or_default();
    let everything = json!([
        { "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] },
        { "verbs": ["*"], "nonResourceURLs": ["*"] },
    ]);
    let rules = shared.with(|cluster| {
        let all = !cluster.users.judged || user.groups.iter().any(|group| group == "system:masters");
        if all { everything.as_array().cloned().unwrap_or_default() } else { cluster.rules(user, namespace) }
    });
    let (paths, resources): (Vec<Value>, Vec<Value>) =
        rules.into_iter().partition(|rule| rule["nonResourceURLs"].is_array());
    json!({ "resourceRules": resources, "nonResourceRules": paths, "incomplete": false })
}

fn token(shared: &Arc<Shared>, spec: &Value) -> Value {
    let token = spec["token"].as_str().unwrap_or_default();
    match shared.with(|cluster| cluster.users.tokens.get(token).cloned()) {
        Some(user) => json!({ "authenticated": true, "user": info(&user) }),
        None => json!({ "authenticated": false, "user": {}, "error": "invalid bearer token" }),
    }
}
