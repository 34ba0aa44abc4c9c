//! Everything that a cluster consists of.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    clock::{self, Clock},
    kinds::{Kind, Kinds, custom},
    life::Life,
    logs::Logs,
    metrics::Usage,
    random::Random,
    rbac::Users,
    store::{Store, Stored},
};

/// A cluster: objects, kinds, time, and what objects do not say (logs, usage, users).
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) store: Store,
    pub(crate) kinds: Kinds,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) logs: Logs,
    pub(crate) usage: Usage,
    pub(crate) users: Users,
    /// What moves by itself; nothing where objects only lie there.
    pub(crate) life: Option<Life>,
    /// Counts what changes besides objects.
    pub(crate) noise: u64,
}

impl Cluster {
    /// Changes whenever anything does.
    pub(crate) fn moment(&self) -> (u64, u64) {
        (self.store.version(), self.noise)
    }

    /// Lets what moves by itself do what is due.
    pub(crate) fn settle(&mut self) {
        if let Some(mut life) = self.life.take() {
            life.settle(self);
            self.life = Some(life);
        }
    }

    pub(crate) fn kind(&self, resource: &str) -> Option<Arc<Kind>> {
        self.kinds.of_resource(resource).cloned()
    }

    pub(crate) fn value(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        self.store.get(resource, namespace, name).map(|object| object.value())
    }

    pub(crate) fn values(&self, resource: &str, namespace: Option<&str>) -> Vec<Value> {
        self.store.list(resource, namespace, None).map(|object| object.value()).collect()
    }

    /// Puts an object as it is, and does what follows from it.
    pub(crate) fn put(&mut self, resource: &Arc<str>, object: Value) -> Arc<Stored> {
        let stored = self.store.put(resource, object);
        self.follow(resource, &stored);
        stored
    }

    /// Puts an object that was there from the beginning: whole, with its status.
    pub(crate) fn seed(&mut self, mut object: Value) -> Result<(), String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (version, name) = (text(&object["apiVersion"]), text(&object["kind"]));
        let kind = self.kinds.of(&version, &name).cloned();
        let kind = kind.ok_or_else(|| format!("there is no kind {name} in {version}"))?;
        let Some(members) = object.as_object_mut() else { return Err("an object is wanted".into()) };
        members.shift_remove("apiVersion");
        members.shift_remove("kind");
        if object["metadata"]["name"].as_str().is_none_or(str::is_empty) {
            return Err(format!("a {name} without metadata.name"));
        }
        let metadata_first = order(&mut object);
        object = metadata_first;
        let metadata = &mut object["metadata"];
        if kind.namespaced {
            if metadata["namespace"].is_null() {
                metadata["namespace"] = "default".into();
            }
        } else if let Some(metadata) = metadata.as_object_mut() {
            metadata.shift_remove("namespace");
        }
        if metadata["uid"].is_null() {
            metadata["uid"] = self.random.uid().into();
        }
        if metadata["creationTimestamp"].is_null() {
            metadata["creationTimestamp"] = self.clock.stamp().into();
        }
        if kind.generation && metadata["generation"].is_null() {
            metadata["generation"] = 1.into();
        }
        if kind.is_new_event() {
            object = super::events::to_core(object);
        }
        super::defaults::fill(&kind, &mut object, self);
        if let Some(namespace) = object["metadata"]["namespace"].as_str().map(str::to_owned) {
            self.ensure_namespace(&namespace);
        }
        let stored = self.store.seed(&kind.resource, object);
        self.follow(&kind.resource, &stored);
        Ok(())
    }

    pub(crate) fn ensure_namespace(&mut self, name: &str) {
        if self.store.get("namespaces", "", name).is_some() {
            return;
        }
        let namespace = json!({
            "metadata": {
                "name": name, "uid": self.random.uid(), "creationTimestamp": self.clock.stamp(),
                "labels": { "kubernetes.io/metadata.name": name },
            },
            "spec": { "finalizers": ["kubernetes"] },
            "status": { "phase": "Active" },
        });
        let stored = self.store.seed(&"namespaces".into(), namespace);
        self.follow(&"namespaces".into(), &stored);
    }

    /// What follows at once from an object that came or changed.
    fn follow(&mut self, resource: &Arc<str>, stored: &Arc<Stored>) {
        match &**resource {
            "customresourcedefinitions.apiextensions.k8s.io" => {
                let definition = stored.value();
                let group = definition["spec"]["group"].as_str().unwrap_or_default();
                let plural = definition["spec"]["names"]["plural"].as_str().unwrap_or_default();
                self.kinds.remove(group, plural);
                for kind in custom::kinds(&definition) {
                    self.kinds.add(kind);
                }
            }
            "namespaces" if !stored.says("\"deletionTimestamp\"") => {
                self.furnish(&stored.name);
            }
            _ => {}
        }
    }

    /// Every namespace has an account and the cluster's root certificate.
    fn furnish(&mut self, namespace: &str) {
        for (resource, name, data) in [
            ("serviceaccounts", "default", None),
            ("configmaps", "kube-root-ca.crt", Some(json!({ "ca.crt": self.users.authority }))),
        ] {
            if self.store.get(resource, namespace, name).is_none() {
                let mut object = json!({ "metadata": {
                    "name": name, "namespace": namespace,
                    "uid": self.random.uid(), "creationTimestamp": self.clock.stamp(),
                } });
                if let Some(data) = data {
                    object["data"] = data;
                }
                self.store.put(&resource.into(), object);
            }
        }
    }

    /// Notes an event about an object, counting up one that says the same.
    pub(crate) fn event(&mut self, about: &About<'_>, kind: &str, reason: &str, message: &str) {
        let now = self.clock.stamp();
        let namespace = if about.namespace.is_empty() { "default" } else { about.namespace };
        let place = super::random::digest(&[about.uid, reason, message, about.from]);
        let name = format!("{}.{place:016x}", about.name);
        if let Some(mut event) = self.value("events", namespace, &name) {
            event["count"] = (event["count"].as_i64().unwrap_or(1) + 1).into();
            event["lastTimestamp"] = now.into();
            self.store.put(&"events".into(), event);
            return;
        }
        let mut involved = json!({
            "kind": about.kind, "namespace": about.namespace, "name": about.name, "uid": about.uid,
            "apiVersion": about.api_version,
        });
        if about.namespace.is_empty()
            && let Some(involved) = involved.as_object_mut()
        {
            involved.shift_remove("namespace");
        }
        if let Some(path) = about.field {
            involved["fieldPath"] = path.into();
        }
        let mut source = json!({ "component": about.from });
        if let Some(host) = about.host {
            source["host"] = host.into();
        }
        let event = json!({
            "metadata": {
                "name": name, "namespace": namespace, "uid": self.random.uid(), "creationTimestamp": now,
            },
            "involvedObject": involved, "reason": reason, "message": message, "source": source,
            "firstTimestamp": now, "lastTimestamp": now, "count": 1, "type": kind,
            "eventTime": null, "reportingComponent": about.from, "reportingInstance": about.host.unwrap_or_default(),
        });
        self.store.put(&"events".into(), event);
    }

    pub(crate) fn now(&self) -> String {
        clock::stamp(self.clock.now())
    }
}

/// What an event is about, and who says so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) api_version: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) uid: &'a str,
    pub(crate) field: Option<&'a str>,
    pub(crate) from: &'a str,
    pub(crate) host: Option<&'a str>,
}

/// `metadata` first, as the store wants it.
pub(crate) fn order(object: &mut Value) -> Value {
    let mut ordered = serde_json::Map::new();
    if let Some(members) = object.as_object_mut() {
        let mut metadata = members.shift_remove("metadata").unwrap_or_default();
        if !metadata.is_object() {
            metadata = json!({});
        }
        ordered.insert("metadata".into(), metadata);
        ordered.append(members);
    }
    Value::Object(ordered)
}

/// Where a container's usage is kept: namespace, pod, container.
pub(crate) type ContainerPlace = (String, String, String);

/// A table by container.
pub(crate) type ByContainer<T> = BTreeMap<ContainerPlace, T>;
