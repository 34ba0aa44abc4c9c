//! New objects.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    super::{
        cluster::{Cluster, order},
        defaults, events,
        kinds::{Kind, custom},
        namespaces,
        patch::managed::{self, Operation},
        quota,
        refusal::{Refusal, Result},
        store::Stored,
        validate,
    },
    Manner, strip,
};

impl Cluster {
    /// Makes an object of what came in.
    pub(crate) fn create(
        &mut self,
        kind: &Arc<Kind>,
        namespace: Option<&str>,
        object: Value,
        manner: &Manner,
    ) -> Result<Arc<Stored>> {
        let object = self.prepare(kind, namespace, object)?;
        self.create_prepared(kind, object, manner, Operation::Update)
    }

    /// Reads what came in: name and place, and nothing that only the server may say.
    pub(crate) fn prepare(&mut self, kind: &Arc<Kind>, namespace: Option<&str>, mut object: Value) -> Result<Value> {
        strip(kind, &mut object)?;
        let mut object = order(&mut object);
        if kind.is_new_event() {
            object = events::to_core(object);
        }
        let metadata = &mut object["metadata"];
        if metadata["resourceVersion"].as_str().is_some_and(|version| !version.is_empty()) {
            return Err(Refusal::bad_request("resourceVersion should not be set on objects to be created"));
        }
        place(kind, metadata, namespace)?;
        if metadata["name"].as_str().is_none_or(str::is_empty)
            && let Some(front) = metadata["generateName"].as_str().filter(|front| !front.is_empty())
        {
            metadata["name"] = format!("{front}{}", self.random.suffix()).into();
        }
        let now = self.clock.stamp();
        metadata["uid"] = self.random.uid().into();
        metadata["creationTimestamp"] = now.into();
        if let Some(metadata) = metadata.as_object_mut() {
            for member in
                ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation", "resourceVersion"]
            {
                metadata.shift_remove(member);
            }
            metadata.retain(|_, value| !value.is_null());
            if kind.generation {
                metadata.insert("generation".into(), 1.into());
            }
        }
        if kind.has("status")
            && let Some(members) = object.as_object_mut()
        {
            members.shift_remove("status");
        }
        Ok(object)
    }

    pub(crate) fn create_prepared(
        &mut self,
        kind: &Arc<Kind>,
        mut object: Value,
        manner: &Manner,
        operation: Operation,
    ) -> Result<Arc<Stored>> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
        if kind.namespaced {
            namespaces::must_take(self, kind, &namespace, &name)?;
        }
        if self.store.get(&kind.resource, &namespace, &name).is_some() {
            return Err(Refusal::already_exists(kind, &name));
        }
        defaults::fill(kind, &mut object, self);
        validate::created(self, kind, &object)?;
        quota::check(self, kind, &object, None)?;
        if operation == Operation::Update {
            managed::created(kind, &mut object, manner, &self.now());
        }
        if &*kind.resource == "customresourcedefinitions.apiextensions.k8s.io" {
            custom::accept(&mut object, &self.now());
        }
        if manner.dry_run {
            return Ok(Arc::new(Stored::loose(&object)));
        }
        let stored = self.put(&kind.resource, object);
        quota::settle(self, kind, &namespace);
        // What follows from an object may have changed it.
        Ok(self.store.get(&kind.resource, &namespace, &name).map_or(stored, Arc::clone))
    }
}

/// The namespace is that of the address; what the object says may not differ.
pub(crate) fn place(kind: &Kind, metadata: &mut Value, namespace: Option<&str>) -> Result<()> {
    let said = metadata["namespace"].as_str().filter(|said| !said.is_empty());
    match (kind.namespaced, said, namespace) {
        (true, Some(said), Some(wanted)) if said != wanted => Err(Refusal::bad_request(format!(
            "the namespace of the provided object does not match the namespace sent on the request ({said} is not {wanted})"
        ))),
        (true, _, Some(wanted)) => {
            metadata["namespace"] = json!(wanted);
            Ok(())
        }
        (true, _, None) => Err(Refusal::method_not_allowed()),
        (false, ..) => {
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.shift_remove("namespace");
            }
            Ok(())
        }
    }
}
