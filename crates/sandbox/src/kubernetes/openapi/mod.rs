//! Descriptions of kinds (`OpenAPI` 3), from which clients explain and check.

mod builtin;
pub(crate) mod fields;
#[cfg(test)]
mod generate;

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{
    answer::Call,
    http::body::{self, Reply},
    kinds::Kind,
    refusal::{Refusal, Result},
    shared::Shared,
    site,
};

/// Name of the schema of a built-in kind.
fn schema_name(kind: &Kind) -> String {
    let group = kind.group.strip_suffix(".k8s.io").unwrap_or(&kind.group);
    match kind.group.as_str() {
        "apiextensions.k8s.io" => {
            format!("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.{}.{}", kind.version, kind.kind)
        }
        "apiregistration.k8s.io" => {
            format!("io.k8s.kube-aggregator.pkg.apis.apiregistration.{}.{}", kind.version, kind.kind)
        }
        "" => format!("io.k8s.api.core.{}.{}", kind.version, kind.kind),
        _ => {
            let group = group.split('.').next().unwrap_or_default();
            format!("io.k8s.api.{group}.{}.{}", kind.version, kind.kind)
        }
    }
}

fn custom_name(kind: &Kind) -> String {
    let mut parts: Vec<&str> = kind.group.split('.').collect();
    parts.reverse();
    format!("{}.{}.{}", parts.join("."), kind.version, kind.kind)
}

pub(crate) fn kind_schema(kind: &Kind) -> Option<&'static Value> {
    builtin::schemas().get(&schema_name(kind))
}

pub(crate) fn answer(shared: &Arc<Shared>, _: &Call, rest: &[&str]) -> Result<Reply> {
    let (major, minor) = site::VERSION;
    let info = json!({ "title": "Kubernetes", "version": format!("v{major}.{minor}.0") });
    match rest {
        ["v2"] => Ok(body::json(200, &json!({ "swagger": "2.0", "info": info, "paths": {}, "definitions": {} }))),
        ["v3"] => {
            let groups = shared.with(|cluster| cluster.kinds.groups());
            let version = shared.with(|cluster| cluster.store.version());
            let mut paths = Map::new();
            for (group, versions) in groups {
                for of in versions {
                    let path = if group.is_empty() { format!("api/{of}") } else { format!("apis/{group}/{of}") };
                    let url = json!({ "serverRelativeURL": format!("/openapi/v3/{path}?hash={version}") });
                    paths.insert(path, url);
                }
            }
            Ok(body::json(200, &json!({ "paths": paths })))
        }
        ["v3", "api", version] => document(shared, "", version, &info),
        ["v3", "apis", group, version] => document(shared, group, version, &info),
        _ => Err(Refusal::no_such_resource()),
    }
}

fn document(shared: &Arc<Shared>, group: &str, version: &str, info: &Value) -> Result<Reply> {
    let kinds: Vec<Arc<Kind>> = shared.with(|cluster| {
        let all = cluster.kinds.all().filter(|kind| kind.group == group && kind.version == version);
        all.cloned().collect()
    });
    if kinds.is_empty() {
        return Err(Refusal::no_such_resource());
    }
    let (mut paths, mut schemas, mut wanted) = (Map::new(), Map::new(), BTreeSet::new());
    for kind in &kinds {
        describe(kind, &mut paths);
        let tag = json!([{ "group": kind.group, "version": kind.version, "kind": kind.kind }]);
        if let Some(custom) = &kind.custom {
            let mut schema = custom.schema.clone();
            if !schema.is_object() {
                schema = json!({ "type": "object" });
            }
            let text = json!({ "type": "string" });
            for member in ["apiVersion", "kind"] {
                schema["properties"][member] = text.clone();
            }
            let metadata = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
            schema["properties"]["metadata"] =
                json!({ "allOf": [{ "$ref": format!("{}{metadata}", builtin::REFERENCE) }] });
            schema["x-kubernetes-group-version-kind"] = tag;
            schemas.insert(custom_name(kind), schema);
            collect(metadata, &mut wanted);
        } else if let Some(schema) = kind_schema(kind) {
            let mut schema = schema.clone();
            schema["x-kubernetes-group-version-kind"] = tag;
            let name = schema_name(kind);
            collect(&name, &mut wanted);
            wanted.remove(&name);
            schemas.insert(name, schema);
        }
    }
    for name in wanted {
        if let Some(schema) = builtin::schemas().get(&name) {
            schemas.insert(name, schema.clone());
        }
    }
    let document = json!({ "openapi": "3.0.0", "info": info, "paths": paths, "components": { "schemas": schemas } });
    Ok(body::bytes(200, "application/json", Bytes::from(document.to_string())))
}

/// A schema and all that it refers to.
fn collect(name: &str, wanted: &mut BTreeSet<String>) {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (member, value) in members {
                    match value.as_str().and_then(|text| text.strip_prefix(builtin::REFERENCE)) {
                        Some(name) if member == "$ref" => found.push(name.to_owned()),
                        _ => references(value, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    if !wanted.insert(name.to_owned()) {
        return;
    }
    let mut found = Vec::new();
    references(builtin::schemas().get(name).unwrap_or(&Value::Null), &mut found);
    for name in found {
        collect(&name, wanted);
    }
}

/// The addresses of a kind, as far as clients look at them.
fn describe(kind: &Kind, paths: &mut Map<String, Value>) {
    let base = if kind.group.is_empty() {
        format!("/api/{}", kind.version)
    } else {
        format!("/apis/{}/{}", kind.group, kind.version)
    };
    let base = if kind.namespaced { format!("{base}/namespaces/{{namespace}}") } else { base };
    let query =
        |name: &str| json!({ "name": name, "in": "query", "schema": { "type": "string", "uniqueItems": true } });
    let name = if kind.custom.is_some() { custom_name(kind) } else { schema_name(kind) };
    let reference = json!({ "$ref": format!("{}{name}", builtin::REFERENCE) });
    let operation = |action: &str| {
        json!({
            "tags": [format!("{}_{}", kind.group, kind.version)],
            "operationId": format!("{action}{}{}", kind.group, kind.kind),
            "parameters": [query("dryRun"), query("fieldManager"), query("fieldValidation")],
            "responses": { "200": { "description": "OK", "content": { "application/json": { "schema": reference } } } },
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": { "group": kind.group, "version": kind.version, "kind": kind.kind },
        })
    };
    paths.insert(format!("{base}/{}", kind.plural), json!({ "get": operation("list"), "post": operation("post") }));
    paths.insert(
        format!("{base}/{}/{{name}}", kind.plural),
        json!({
            "get": operation("get"), "put": operation("put"), "patch": operation("patch"), "delete": operation("delete"),
        }),
    );
}
