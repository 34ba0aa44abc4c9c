//! Requests about objects, by verb.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, header};
use serde_json::{Value, json};

use super::{
    answer::Call,
    cluster::Cluster,
    http::{
        accept::Form,
        body::{self, Reply},
        path::ResourcePath,
    },
    kinds::Kind,
    metrics, openapi, parts, patch, prometheus,
    rbac::Wish,
    refusal::{Refusal, Result},
    review,
    shared::Shared,
    store::Stored,
    verbs::{Manner, Strictness, delete::Deletion, list::Selection, watch},
    view::{Include, View},
};

pub(crate) fn answer(shared: &Arc<Shared>, call: &Call, path: &ResourcePath) -> Result<Reply> {
    shared.with(|cluster| cluster.allow(&call.user, &Wish::resource(path, &call.method, &call.query)))?;
    if let Some(reply) = review::answer(shared, call, path) {
        return reply;
    }
    if path.group == metrics::GROUP {
        return metrics::answer(shared, call, path);
    }
    let found = shared.with(|cluster| cluster.kinds.get(&path.group, &path.version, &path.plural).cloned());
    let kind = found.ok_or_else(Refusal::no_such_resource)?;
    if path.namespace.is_some() && !kind.namespaced {
        return Err(Refusal::no_such_resource());
    }
    if let Some(part) = &path.subresource {
        if &*kind.resource == "services" && part.split('/').next() == Some("proxy") {
            return prometheus::proxy(shared, call, path, &kind, part);
        }
        return parts::answer(shared, call, path, &kind, part);
    }
    match (&call.method, &path.name) {
        (&Method::GET | &Method::HEAD, None) => many(shared, call, path, &kind),
        (&Method::GET | &Method::HEAD, Some(name)) => one(shared, call, path, &kind, name),
        (&Method::POST, None) => create(shared, call, path, &kind),
        (&Method::PUT, Some(name)) => update(shared, call, path, &kind, name, None),
        (&Method::PATCH, Some(name)) => patch(shared, call, path, &kind, name, None),
        (&Method::DELETE, Some(name)) => delete(shared, call, path, &kind, name),
        (&Method::DELETE, None) => delete_many(shared, call, path, &kind),
        _ => Err(Refusal::method_not_allowed()),
    }
}

pub(crate) fn view(shared: &Shared, call: &Call, kind: &Arc<Kind>) -> View {
    let include = match call.query.get("includeObject") {
        Some("None") => Include::Nothing,
        Some("Object") => Include::Object,
        _ => Include::Metadata,
    };
    View { kind: Arc::clone(kind), form: call.form, include, now: shared.with(|cluster| cluster.clock.now()) }
}

/// The answer that holds one object.
pub(crate) fn shown(shared: &Shared, call: &Call, kind: &Arc<Kind>, code: u16, object: &Stored) -> Reply {
    body::bytes(code, "application/json", Bytes::from(view(shared, call, kind).one(object)))
}

fn many(shared: &Arc<Shared>, call: &Call, path: &ResourcePath, kind: &Arc<Kind>) -> Result<Reply> {
    let selection = Selection::read(kind, path.namespace.as_deref(), &call.query)?;
    let view = view(shared, call, kind);
    if call.query.flag("watch") {
        let events = watch::watch(shared, view, selection, &call.query)?;
        return Ok(body::pieces(200, "application/json", events));
    }
    let page = shared.with(|cluster| cluster.list(kind, &selection, &call.query))?;
    let head = view.list_head(&page.metadata);
    Ok(body::list(head, page.objects, move |object, to| view.item(object, to)))
}

fn one(shared: &Arc<Shared>, call: &Call, path: &ResourcePath, kind: &Arc<Kind>, name: &str) -> Result<Reply> {
    let object = shared.with(|cluster| find(cluster, path, kind, name))?;
    if call.query.flag("watch") {
        return Err(Refusal::bad_request("watch a list, with a field selector for one name"));
    }
    Ok(shown(shared, call, kind, 200, &object))
}

pub(crate) fn find(cluster: &Cluster, path: &ResourcePath, kind: &Kind, name: &str) -> Result<Arc<Stored>> {
    let namespace = path.namespace.as_deref().unwrap_or_default();
    cluster.store.get(&kind.resource, namespace, name).cloned().ok_or_else(|| Refusal::not_found(kind, name))
}

/// Checks the fields of what came in; what is only worth a warning is returned.
fn checked(kind: &Kind, object: &mut Value, manner: &Manner) -> Result<Vec<String>> {
    let unknown = openapi::fields::check(kind, object)?;
    match manner.strictness {
        _ if unknown.is_empty() => Ok(Vec::new()),
        Strictness::Ignore => Ok(Vec::new()),
        Strictness::Warn => Ok(unknown),
        Strictness::Strict => Err(Refusal::bad_request(format!("strict decoding error: {}", unknown.join(", ")))),
    }
}

fn warned(mut reply: Reply, warnings: &[String]) -> Reply {
    for warning in warnings {
        let value = format!("299 - \"{}\"", warning.replace('\\', "\\\\").replace('"', "\\\""));
        if let Ok(value) = header::HeaderValue::from_str(&value) {
            reply.headers_mut().append(header::WARNING, value);
        }
    }
    reply
}

fn create(shared: &Arc<Shared>, call: &Call, path: &ResourcePath, kind: &Arc<Kind>) -> Result<Reply> {
    let manner = Manner::of(&call.query, call.agent(), None)?;
    let mut object = call.object()?;
    let warnings = checked(kind, &mut object, &manner)?;
    let namespace = path.namespace.as_deref();
    let object = shared.with(|cluster| cluster.create(kind, namespace, object, &manner))?;
    Ok(warned(shown(shared, call, kind, 201, &object), &warnings))
}

pub(crate) fn update(
    shared: &Arc<Shared>,
    call: &Call,
    path: &ResourcePath,
    kind: &Arc<Kind>,
    name: &str,
    part: Option<&str>,
) -> Result<Reply> {
    let manner = Manner::of(&call.query, call.agent(), part)?;
    let mut object = call.object()?;
    let warnings = checked(kind, &mut object, &manner)?;
    let namespace = path.namespace.as_deref();
    let object = shared.with(|cluster| cluster.update(kind, namespace, name, object, &manner))?;
    Ok(warned(shown(shared, call, kind, 200, &object), &warnings))
}

pub(crate) fn patch(
    shared: &Arc<Shared>,
    call: &Call,
    path: &ResourcePath,
    kind: &Arc<Kind>,
    name: &str,
    part: Option<&str>,
) -> Result<Reply> {
    let media = call.header(&header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_owned();
    let mut manner = Manner::of(&call.query, call.agent(), part)?;
    let change = patch::Patch::read(&media, call.object()?, kind)?;
    let namespace = path.namespace.as_deref();
    if let patch::Patch::Apply(mut applied) = change {
        let Some(manager) = call.query.get("fieldManager") else {
            return Err(Refusal::bad_request(
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
            ));
        };
        manager.clone_into(&mut manner.manager);
        let warnings = checked(kind, &mut applied, &manner)?;
        let force = call.query.flag("force");
        let (object, new) =
            shared.with(|cluster| patch::apply::apply(cluster, kind, namespace, name, applied, &manner, force))?;
        let reply = shown(shared, call, kind, if new { 201 } else { 200 }, &object);
        return Ok(warned(reply, &warnings));
    }
    let (object, warnings) = shared.with(|cluster| {
        let old = find(cluster, path, kind, name)?;
        let before = super::verbs::dress(kind, old.value());
        let mut after = change.apply(kind, &before)?;
        let warnings = checked(kind, &mut after, &manner)?;
        // A patch says against which version it is only if it brings one along.
        let object = cluster.update(kind, namespace, name, after, &manner)?;
        Ok((object, warnings))
    })?;
    Ok(warned(shown(shared, call, kind, 200, &object), &warnings))
}

fn delete(shared: &Arc<Shared>, call: &Call, path: &ResourcePath, kind: &Arc<Kind>, name: &str) -> Result<Reply> {
    let deletion = Deletion::read(&call.object()?, &call.query)?;
    let (object, gone) = shared.with(|cluster| cluster.delete(kind, path.namespace.as_deref(), name, &deletion))?;
    // Pods are answered as they were, other kinds by a word, and what stays for now as it is.
    if !gone || &*kind.resource == "pods" || &*kind.resource == "namespaces" || call.form != Form::Whole {
        return Ok(shown(shared, call, kind, 200, &object));
    }
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": { "name": name, "group": kind.group, "kind": kind.plural, "uid": &*object.uid },
    });
    Ok(body::json(200, &status))
}

fn delete_many(shared: &Arc<Shared>, call: &Call, path: &ResourcePath, kind: &Arc<Kind>) -> Result<Reply> {
    if &*kind.resource == "namespaces" || (kind.namespaced && path.namespace.is_none()) {
        return Err(Refusal::method_not_allowed());
    }
    let deletion = Deletion::read(&call.object()?, &call.query)?;
    let selection = Selection::read(kind, path.namespace.as_deref(), &call.query)?;
    let page = shared.with(|cluster| {
        let page = cluster.list(kind, &selection, &call.query)?;
        for object in &page.objects {
            match cluster.delete(kind, path.namespace.as_deref(), &object.name, &deletion) {
                // Gone already is as good: it went with its owner.
                Err(refusal) if refusal.code != 404 => return Err(refusal),
                _ => {}
            }
        }
        Ok(page)
    })?;
    let view = view(shared, call, kind);
    let head = view.list_head(&page.metadata);
    Ok(body::list(head, page.objects, move |object, to| view.item(object, to)))
}
