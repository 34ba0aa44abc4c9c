//! Namespaces: what they take in, and how they go with all that is in them.

use std::sync::Arc;

use super::{
    cluster::Cluster,
    kinds::Kind,
    refusal::{Refusal, Result},
    store::Place,
    verbs::delete::Deletion,
};

/// A namespace takes objects in while it is there and not going.
pub(crate) fn must_take(cluster: &Cluster, kind: &Kind, namespace: &str, name: &str) -> Result<()> {
    let Some(found) = cluster.value("namespaces", "", namespace) else {
        return match cluster.kind("namespaces") {
            Some(kind) => Err(Refusal::not_found(&kind, namespace)),
            None => Err(Refusal::internal("there are no namespaces")),
        };
    };
    if found["metadata"]["deletionTimestamp"].is_null() {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    Err(Refusal::forbidden(&kind.group, &kind.plural, name, &why))
}

/// Deletes everything in a namespace.
pub(crate) fn empty(cluster: &mut Cluster, namespace: &str) {
    let kinds: Vec<Arc<Kind>> = cluster.kinds.all().filter(|kind| kind.namespaced).cloned().collect();
    for kind in kinds {
        let places: Vec<Place> =
            cluster.store.list(&kind.resource, Some(namespace), None).map(|object| object.place()).collect();
        for place in places {
            // Gone already is as good: it went with its owner.
            drop(cluster.delete(&kind, Some(namespace), &place.1, &Deletion::default()));
        }
    }
    may_go(cluster, namespace);
}

/// A namespace that is going goes once nothing is left in it.
pub(crate) fn may_go(cluster: &mut Cluster, namespace: &str) {
    if namespace.is_empty() {
        return;
    }
    let Some(object) = cluster.store.get("namespaces", "", namespace).cloned() else { return };
    let value = object.value();
    let metadata = &value["metadata"];
    let waits =
        metadata["deletionTimestamp"].is_null() || metadata["finalizers"].as_array().is_some_and(|all| !all.is_empty());
    if waits
        || cluster.store.resources().iter().any(|of| cluster.store.list(of, Some(namespace), None).next().is_some())
    {
        return;
    }
    cluster.store.remove(&"namespaces".into(), &object.place());
}
