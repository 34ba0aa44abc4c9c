//! Objects changed as a whole, or in one part.

use std::sync::Arc;

use serde_json::Value;

use super::{
    super::{
        cluster::{Cluster, order},
        defaults, events,
        kinds::Kind,
        patch::managed::{self, Operation},
        quota,
        refusal::{Refusal, Result},
        store::Stored,
        validate,
    },
    Manner, create, strip,
};

impl Cluster {
    /// Replaces an object, or its part, by what came in.
    pub(crate) fn update(
        &mut self,
        kind: &Arc<Kind>,
        namespace: Option<&str>,
        name: &str,
        mut object: Value,
        manner: &Manner,
    ) -> Result<Arc<Stored>> {
        strip(kind, &mut object)?;
        let mut object = order(&mut object);
        if kind.is_new_event() {
            object = events::to_core(object);
        }
        create::place(kind, &mut object["metadata"], namespace)?;
        match object["metadata"]["name"].as_str() {
            None | Some("") => object["metadata"]["name"] = name.into(),
            Some(said) if said != name => {
                let why = format!("the name of the object ({said}) does not match the name on the URL ({name})");
                return Err(Refusal::bad_request(why));
            }
            Some(_) => {}
        }
        let old = self.store.get(&kind.resource, namespace.unwrap_or_default(), name);
        let old = old.cloned().ok_or_else(|| Refusal::not_found(kind, name))?;
        self.replace(kind, &old, object, manner, Operation::Update)
    }

    /// The one way in which an object changes.
    pub(crate) fn replace(
        &mut self,
        kind: &Arc<Kind>,
        old: &Arc<Stored>,
        mut object: Value,
        manner: &Manner,
        operation: Operation,
    ) -> Result<Arc<Stored>> {
        let before = old.value();
        let name = &*old.name;
        match object["metadata"]["resourceVersion"].as_str() {
            Some(version) if !version.is_empty() && version != old.version.to_string() => {
                return Err(Refusal::modified(kind, name));
            }
            _ => {}
        }
        match object["metadata"]["uid"].as_str() {
            Some(uid) if !uid.is_empty() && *uid != *old.uid => {
                let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", old.uid);
                return Err(Refusal::conflict(kind, name, &why));
            }
            _ => {}
        }
        keep_parts(kind, &before, &mut object, manner.part.as_deref());
        keep_metadata(&before, &mut object);
        defaults::fill(kind, &mut object, self);
        let changed = without_bookkeeping(&before) != without_bookkeeping(&object);
        if changed && kind.generation && specification_differs(&before, &object) {
            let generation = before["metadata"]["generation"].as_i64().unwrap_or(1) + 1;
            object["metadata"]["generation"] = generation.into();
        }
        if changed {
            validate::changed(self, kind, &before, &object, manner.part.as_deref())?;
            quota::check(self, kind, &object, Some(&before))?;
        }
        if operation == Operation::Update {
            managed::updated(kind, &before, &mut object, manner, &self.now());
        }
        if !changed && before["metadata"]["managedFields"] == object["metadata"]["managedFields"] {
            return Ok(Arc::clone(old));
        }
        if manner.dry_run {
            object["metadata"]["resourceVersion"] = old.version.to_string().into();
            return Ok(Arc::new(Stored::loose(&object)));
        }
        let stored = self.put(&kind.resource, object);
        quota::settle(self, kind, &old.namespace);
        Ok(self.finish_deletion(kind, &stored).unwrap_or(stored))
    }
}

/// A part changes alone; the whole changes without the parts that have an address of their own.
fn keep_parts(kind: &Kind, before: &Value, object: &mut Value, part: Option<&str>) {
    match part {
        Some("status") => {
            let status = object["status"].take();
            let metadata = object["metadata"].take();
            *object = before.clone();
            object["status"] = status;
            object["metadata"]["managedFields"] = metadata["managedFields"].clone();
            // The kubelet marks its node and pods through their status.
            if matches!(&*kind.resource, "pods" | "nodes") {
                for member in ["labels", "annotations"] {
                    object["metadata"][member] = metadata[member].clone();
                }
            }
        }
        _ if kind.has("status") => match before.get("status") {
            Some(status) => object["status"] = status.clone(),
            None => {
                if let Some(members) = object.as_object_mut() {
                    members.shift_remove("status");
                }
            }
        },
        _ => {}
    }
}

/// What only the server says about an object.
fn keep_metadata(before: &Value, object: &mut Value) {
    let (Some(before), Some(metadata)) = (before["metadata"].as_object(), object["metadata"].as_object_mut()) else {
        return;
    };
    for member in [
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "resourceVersion",
        "generateName",
    ] {
        match before.get(member) {
            Some(value) => metadata.insert(member.into(), value.clone()),
            None => metadata.shift_remove(member),
        };
    }
    metadata.shift_remove("selfLink");
    metadata.retain(|_, value| !value.is_null() && *value != serde_json::json!({}) && *value != serde_json::json!([]));
}

fn without_bookkeeping(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.shift_remove("managedFields");
        metadata.shift_remove("resourceVersion");
    }
    object
}

fn specification_differs(before: &Value, after: &Value) -> bool {
    let members = |object: &Value| {
        let members = object.as_object().into_iter().flatten();
        let spec = members.filter(|(name, _)| !matches!(name.as_str(), "metadata" | "status"));
        spec.map(|(name, value)| (name.clone(), value.clone())).collect::<std::collections::BTreeMap<_, _>>()
    };
    members(before) != members(after)
}
