//! Objects that go: at once, when their finalizers are done, and with those that belong to them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{
    cluster::Cluster,
    kinds::Kind,
    namespaces, quota,
    refusal::{Refusal, Result},
    store::{Place, Stored},
};

/// What becomes of an object's dependents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    /// They stay, without an owner.
    Orphan,
    /// They go after it.
    Background,
    /// They go before it.
    Foreground,
}

/// How to delete.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deletion {
    pub(crate) dry_run: bool,
    pub(crate) grace: Option<i64>,
    pub(crate) propagation: Option<Propagation>,
    uid: Option<String>,
    version: Option<String>,
}

impl Deletion {
    /// From the body (`DeleteOptions`) and the address, which may say the same.
    pub(crate) fn read(body: &Value, query: &super::super::http::Query) -> Result<Self> {
        let dry_run = query.dry_run()? || body["dryRun"].as_array().is_some_and(|all| all.contains(&json!("All")));
        let said = body["propagationPolicy"].as_str().or(query.get("propagationPolicy"));
        let propagation = match said {
            None if body["orphanDependents"] == true => Some(Propagation::Orphan),
            None => None,
            Some("Orphan") => Some(Propagation::Orphan),
            Some("Background") => Some(Propagation::Background),
            Some("Foreground") => Some(Propagation::Foreground),
            Some(other) => {
                return Err(Refusal::bad_request(format!(
                    "propagationPolicy: Unsupported value: \"{other}\": supported values: \"Foreground\", \"Background\", \"Orphan\""
                )));
            }
        };
        let grace = body["gracePeriodSeconds"].as_i64().or(query.number("gracePeriodSeconds")?);
        if grace.is_some_and(i64::is_negative) {
            return Err(Refusal::bad_request("gracePeriodSeconds: Invalid value: must be greater than or equal to 0"));
        }
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Ok(Self {
            dry_run,
            grace,
            propagation,
            uid: text(&body["preconditions"]["uid"]),
            version: text(&body["preconditions"]["resourceVersion"]),
        })
    }
}

impl Cluster {
    /// Deletes an object, or begins to: nothing is left of it if its last state is answered with `true`.
    pub(crate) fn delete(
        &mut self,
        kind: &Arc<Kind>,
        namespace: Option<&str>,
        name: &str,
        deletion: &Deletion,
    ) -> Result<(Arc<Stored>, bool)> {
        let object = self.store.get(&kind.resource, namespace.unwrap_or_default(), name).cloned();
        let object = object.ok_or_else(|| Refusal::not_found(kind, name))?;
        let version = object.version.to_string();
        for (wanted, found, what) in
            [(&deletion.uid, &*object.uid, "UID"), (&deletion.version, version.as_str(), "ResourceVersion")]
        {
            if let Some(wanted) = wanted.as_deref().filter(|wanted| *wanted != found) {
                let why =
                    format!("Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}");
                return Err(Refusal::conflict(kind, name, &why));
            }
        }
        if matches!((&*kind.resource, name), ("namespaces", "default" | "kube-system" | "kube-public")) {
            return Err(Refusal::forbidden("", "namespaces", name, "this namespace may not be deleted"));
        }
        if deletion.dry_run {
            return Ok((object, true));
        }
        let propagation = deletion.propagation.unwrap_or(Propagation::Background);
        match self.mark(kind, &object, propagation, deletion) {
            Some(marked) => {
                self.go_on(kind, &marked, propagation);
                let left = self.store.get(&kind.resource, &object.namespace, name);
                let gone = left.is_none_or(|left| left.uid != object.uid);
                Ok((marked, gone))
            }
            None => Ok((self.remove(kind, &object.place()).unwrap_or(object), true)),
        }
    }

    /// Marks an object that cannot go at once.
    fn mark(&mut self, kind: &Kind, object: &Stored, how: Propagation, deletion: &Deletion) -> Option<Arc<Stored>> {
        let mut value = object.value();
        let mut finalizers: Vec<Value> = value["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        match how {
            Propagation::Orphan => finalizers.push("orphan".into()),
            Propagation::Foreground => finalizers.push("foregroundDeletion".into()),
            Propagation::Background => {}
        }
        let grace = self.grace(kind, &value, deletion);
        let namespace = &*kind.resource == "namespaces";
        if finalizers.is_empty() && grace == 0 && !namespace {
            return None;
        }
        let mut seen = Vec::new();
        finalizers.retain(|finalizer| {
            !seen.contains(finalizer) && {
                seen.push(finalizer.clone());
                true
            }
        });
        let metadata = &mut value["metadata"];
        if metadata["deletionTimestamp"].is_null() {
            let at = self.clock.now() + time::Duration::seconds(grace);
            metadata["deletionTimestamp"] = super::super::clock::stamp(at).into();
            metadata["deletionGracePeriodSeconds"] = grace.into();
            if let Some(generation) = metadata["generation"].as_i64() {
                metadata["generation"] = (generation + 1).into();
            }
        }
        if !finalizers.is_empty() {
            metadata["finalizers"] = finalizers.into();
        }
        if namespace {
            value["status"]["phase"] = "Terminating".into();
        }
        if value == object.value() {
            return self.store.get(&kind.resource, &object.namespace, &object.name).cloned();
        }
        Some(self.put(&kind.resource, value))
    }

    /// Seconds that a pod is given: none where nobody would take notice.
    fn grace(&self, kind: &Kind, object: &Value, deletion: &Deletion) -> i64 {
        if &*kind.resource != "pods" || self.life.is_none() || object["spec"]["nodeName"].is_null() {
            return 0;
        }
        if matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
            return 0;
        }
        deletion.grace.or(object["spec"]["terminationGracePeriodSeconds"].as_i64()).unwrap_or(30)
    }

    /// Does what the collector of garbage does about an object that is marked.
    fn go_on(&mut self, kind: &Arc<Kind>, marked: &Arc<Stored>, how: Propagation) {
        match how {
            Propagation::Orphan => {
                self.release(&marked.uid);
                self.drop_finalizer(kind, marked, "orphan");
            }
            Propagation::Foreground => {
                for (resource, place) in self.store.dependents(&marked.uid) {
                    self.delete_dependent(&resource, &place, &marked.uid, Propagation::Foreground);
                }
                self.drop_finalizer(kind, marked, "foregroundDeletion");
            }
            Propagation::Background => {}
        }
        if &*kind.resource == "namespaces" {
            namespaces::empty(self, &marked.name);
        } else {
            self.finish_deletion(kind, marked);
        }
    }

    fn drop_finalizer(&mut self, kind: &Arc<Kind>, object: &Stored, finalizer: &str) {
        let waits = finalizer == "foregroundDeletion"
            && self.store.dependents(&object.uid).iter().any(|(resource, place)| {
                self.value(resource, &place.0, &place.1).is_some_and(|dependent| {
                    let owners = dependent["metadata"]["ownerReferences"].as_array().into_iter().flatten();
                    owners.clone().any(|owner| owner["uid"] == *object.uid && owner["blockOwnerDeletion"] == true)
                })
            });
        if waits {
            return;
        }
        let Some(mut value) = self.value(&kind.resource, &object.namespace, &object.name) else { return };
        let Some(metadata) = value["metadata"].as_object_mut() else { return };
        if let Some(finalizers) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) {
            finalizers.retain(|found| found != finalizer);
            if finalizers.is_empty() {
                metadata.shift_remove("finalizers");
            }
        }
        let stored = self.put(&kind.resource, value);
        self.finish_deletion(kind, &stored);
    }

    /// Takes away an object that was marked and has nothing to wait for any more.
    pub(crate) fn finish_deletion(&mut self, kind: &Arc<Kind>, object: &Arc<Stored>) -> Option<Arc<Stored>> {
        let value = object.value();
        let metadata = &value["metadata"];
        let waits = metadata["deletionTimestamp"].is_null()
            || metadata["finalizers"].as_array().is_some_and(|all| !all.is_empty())
            || metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) > 0
            || &*kind.resource == "namespaces";
        if waits {
            return None;
        }
        self.remove(kind, &object.place())
    }

    /// Takes an object away, and with it what belongs to nobody else.
    pub(crate) fn remove(&mut self, kind: &Arc<Kind>, place: &Place) -> Option<Arc<Stored>> {
        let last = self.store.remove(&kind.resource, place)?;
        if &*kind.resource == "customresourcedefinitions.apiextensions.k8s.io" {
            self.forget_kind(&last);
        }
        for (resource, place) in self.store.dependents(&last.uid) {
            self.delete_dependent(&resource, &place, &last.uid, Propagation::Background);
        }
        self.owners_may_go(&last);
        quota::settle(self, kind, &last.namespace);
        namespaces::may_go(self, &last.namespace);
        Some(last)
    }

    /// Owners that wait for their dependents look again.
    fn owners_may_go(&mut self, gone: &Stored) {
        let value = gone.value();
        for owner in value["metadata"]["ownerReferences"].as_array().into_iter().flatten() {
            let text = |member: &str| owner[member].as_str().unwrap_or_default();
            let Some(kind) = self.kinds.of(text("apiVersion"), text("kind")).cloned() else { continue };
            let namespace = if kind.namespaced { &*gone.namespace } else { "" };
            let Some(object) = self.store.get(&kind.resource, namespace, text("name")).cloned() else { continue };
            let finalizers = object.value()["metadata"]["finalizers"].clone();
            if finalizers.as_array().is_some_and(|all| all.contains(&json!("foregroundDeletion"))) {
                self.drop_finalizer(&kind, &object, "foregroundDeletion");
            }
        }
    }

    fn delete_dependent(&mut self, resource: &Arc<str>, place: &Place, owner: &str, how: Propagation) {
        let Some(mut value) = self.value(resource, &place.0, &place.1) else { return };
        let Some(kind) = self.kind(resource) else { return };
        let owners = value["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
        let others: Vec<Value> = owners.into_iter().filter(|found| found["uid"] != owner).collect();
        if others.is_empty() {
            let deletion = Deletion { propagation: Some(how), ..Deletion::default() };
            // Gone already is as good.
            drop(self.delete(&kind, Some(&place.0), &place.1, &deletion));
        } else {
            value["metadata"]["ownerReferences"] = others.into();
            self.put(resource, value);
        }
    }

    /// Dependents of an owner become nobody's.
    fn release(&mut self, owner: &str) {
        for (resource, place) in self.store.dependents(owner) {
            let Some(mut value) = self.value(&resource, &place.0, &place.1) else { continue };
            let Some(metadata) = value["metadata"].as_object_mut() else { continue };
            if let Some(owners) = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut) {
                owners.retain(|found| found["uid"] != owner);
                if owners.is_empty() {
                    metadata.shift_remove("ownerReferences");
                }
            }
            self.put(&resource, value);
        }
    }

    /// With a definition all objects of its kind go.
    fn forget_kind(&mut self, definition: &Stored) {
        let value = definition.value();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (group, plural) = (text(&value["spec"]["group"]), text(&value["spec"]["names"]["plural"]));
        let resource = super::super::kinds::resource_name(&plural, &group);
        if let Some(kind) = self.kind(&resource) {
            let places: Vec<Place> = self.store.list(&resource, None, None).map(|object| object.place()).collect();
            for place in places {
                self.remove(&kind, &place);
            }
        }
        self.kinds.remove(&group, &plural);
    }
}
