//! Objects, kept as text, and what happened to them.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

use bytes::Bytes;
use serde_json::Value;

use super::life::claim::Claim;

/// Where an object is: namespace (empty for the whole cluster) and name.
pub(crate) type Place = (Arc<str>, Arc<str>);

/// An object, without `kind` and `apiVersion`, which depend on who asks.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) uid: Box<str>,
    pub(crate) version: u64,
    labels: Box<[(Box<str>, Box<str>)]>,
    /// Whether it has a node, as pods have.
    pub(crate) placed: bool,
    /// What it takes of that node.
    pub(crate) claim: Option<Claim>,
    /// Begins with `{"metadata":`.
    pub(crate) text: Bytes,
}

impl Stored {
    fn new(place: &Place, version: u64, object: &Value) -> Self {
        let labels = object["metadata"]["labels"].as_object().into_iter().flatten();
        let labels = labels.filter_map(|(key, value)| Some((key.as_str().into(), value.as_str()?.into())));
        Self {
            namespace: Arc::clone(&place.0),
            name: Arc::clone(&place.1),
            uid: object["metadata"]["uid"].as_str().unwrap_or_default().into(),
            version,
            labels: labels.collect(),
            placed: object["spec"]["nodeName"].is_string(),
            claim: Claim::of(object),
            text: Bytes::from(object.to_string()),
        }
    }

    /// An object that lies in no store: the answer to a dry run.
    pub(crate) fn loose(object: &Value) -> Self {
        let text = |member: &str| Arc::from(object["metadata"][member].as_str().unwrap_or_default());
        Self::new(&(text("namespace"), text("name")), 0, object)
    }

    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find(|(name, _)| **name == *key).map(|(_, value)| &**value)
    }

    /// Whether this stands in its text.
    pub(crate) fn says(&self, needle: &str) -> bool {
        std::str::from_utf8(&self.text).is_ok_and(|text| text.contains(needle))
    }

    pub(crate) fn value(&self) -> Value {
        // The text was written from a value, by us.
        serde_json::from_slice(&self.text).unwrap_or_default()
    }

    pub(crate) fn place(&self) -> Place {
        (Arc::clone(&self.namespace), Arc::clone(&self.name))
    }
}

/// One change: what was, and what is.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) version: u64,
    pub(crate) resource: Arc<str>,
    pub(crate) before: Option<Arc<Stored>>,
    /// With a deletion this is the object's last state, under the version of the deletion.
    pub(crate) after: Arc<Stored>,
    pub(crate) deleted: bool,
}

type Objects = BTreeMap<Place, Arc<Stored>>;

/// All objects, by resource (`pods`, `deployments.apps`).
#[derive(Debug)]
pub(crate) struct Store {
    version: u64,
    objects: HashMap<Arc<str>, Objects>,
    dependents: HashMap<Box<str>, Vec<(Arc<str>, Place)>>,
    changes: VecDeque<Change>,
    /// Changes up to this version are forgotten.
    forgotten: u64,
    remember: usize,
}

impl Store {
    pub(crate) fn new(remember: usize) -> Self {
        Self {
            version: 1,
            objects: HashMap::new(),
            dependents: HashMap::new(),
            changes: VecDeque::new(),
            forgotten: 1,
            remember,
        }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<&Arc<Stored>> {
        let place: Place = (namespace.into(), name.into());
        self.objects.get(resource)?.get(&place)
    }

    /// Objects in order of namespace and name, of one namespace or of all, after a place.
    pub(crate) fn list<'a>(
        &'a self,
        resource: &str,
        namespace: Option<&str>,
        after: Option<&Place>,
    ) -> impl Iterator<Item = &'a Arc<Stored>> + use<'a> {
        let start = match (after, namespace) {
            (Some(place), _) => Bound::Excluded(place.clone()),
            (None, Some(namespace)) => Bound::Included((namespace.into(), "".into())),
            (None, None) => Bound::Unbounded,
        };
        let namespace: Option<Arc<str>> = namespace.map(Arc::from);
        let objects = self.objects.get(resource);
        let range = objects.into_iter().flat_map(move |objects| objects.range((start.clone(), Bound::Unbounded)));
        range
            .map(|(_, object)| object)
            .take_while(move |object| namespace.as_ref().is_none_or(|namespace| *namespace == object.namespace))
    }

    /// The same as it was at an older version: nothing if that is forgotten.
    pub(crate) fn list_at(&self, resource: &str, namespace: Option<&str>, version: u64) -> Option<Vec<Arc<Stored>>> {
        if version < self.forgotten {
            return None;
        }
        let mut then: Objects = self.list(resource, namespace, None).map(|o| (o.place(), Arc::clone(o))).collect();
        let later = self.changes.iter().rev().take_while(|change| change.version > version);
        for change in later.filter(|change| &*change.resource == resource) {
            if namespace.is_some_and(|namespace| *namespace != *change.after.namespace) {
                continue;
            }
            match &change.before {
                Some(before) => then.insert(before.place(), Arc::clone(before)),
                None => then.remove(&change.after.place()),
            };
        }
        Some(then.into_values().collect())
    }

    pub(crate) fn count(&self, resource: &str) -> usize {
        self.objects.get(resource).map_or(0, BTreeMap::len)
    }

    /// Puts an object in its place under a new version, which is written into it.
    pub(crate) fn put(&mut self, resource: &Arc<str>, mut object: Value) -> Arc<Stored> {
        self.version += 1;
        let stored = self.keep(resource, &mut object);
        stored.1
    }

    /// Puts an object that was there from the beginning: nobody is told.
    pub(crate) fn seed(&mut self, resource: &Arc<str>, mut object: Value) -> Arc<Stored> {
        self.version += 1;
        let (_, stored) = self.keep_silently(resource, &mut object);
        self.changes.clear();
        self.forgotten = self.version;
        stored
    }

    fn keep(&mut self, resource: &Arc<str>, object: &mut Value) -> (Option<Arc<Stored>>, Arc<Stored>) {
        let (before, after) = self.keep_silently(resource, object);
        self.note(Change {
            version: self.version,
            resource: Arc::clone(resource),
            before: before.clone(),
            after: Arc::clone(&after),
            deleted: false,
        });
        (before, after)
    }

    fn keep_silently(&mut self, resource: &Arc<str>, object: &mut Value) -> (Option<Arc<Stored>>, Arc<Stored>) {
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let metadata = &object["metadata"];
        let place: Place = (
            metadata["namespace"].as_str().unwrap_or_default().into(),
            metadata["name"].as_str().unwrap_or_default().into(),
        );
        let after = Arc::new(Stored::new(&place, self.version, object));
        let before = self.objects.entry(Arc::clone(resource)).or_default().insert(place.clone(), Arc::clone(&after));
        if let Some(before) = &before {
            self.forget_owners(resource, before);
        }
        for owner in owners(object) {
            self.dependents.entry(owner.into()).or_default().push((Arc::clone(resource), place.clone()));
        }
        (before, after)
    }

    pub(crate) fn remove(&mut self, resource: &Arc<str>, place: &Place) -> Option<Arc<Stored>> {
        let before = self.objects.get_mut(resource)?.remove(place)?;
        self.forget_owners(resource, &before);
        self.version += 1;
        let mut last = before.value();
        last["metadata"]["resourceVersion"] = self.version.to_string().into();
        let after = Arc::new(Stored::new(place, self.version, &last));
        self.note(Change {
            version: self.version,
            resource: Arc::clone(resource),
            before: Some(Arc::clone(&before)),
            after: Arc::clone(&after),
            deleted: true,
        });
        Some(after)
    }

    fn forget_owners(&mut self, resource: &Arc<str>, object: &Stored) {
        // Most objects are nobody's: looked for in the text first, which is cheaper than reading it.
        if !object.says("\"ownerReferences\"") {
            return;
        }
        let place = object.place();
        for owner in owners(&object.value()) {
            if let Some(dependents) = self.dependents.get_mut(owner) {
                dependents.retain(|(of, at)| of != resource || *at != place);
                if dependents.is_empty() {
                    self.dependents.remove(owner);
                }
            }
        }
    }

    /// The objects that name this owner.
    pub(crate) fn dependents(&self, uid: &str) -> Vec<(Arc<str>, Place)> {
        self.dependents.get(uid).cloned().unwrap_or_default()
    }

    fn note(&mut self, change: Change) {
        self.changes.push_back(change);
        while self.changes.len() > self.remember {
            if let Some(old) = self.changes.pop_front() {
                self.forgotten = old.version;
            }
        }
    }

    /// Changes of a resource after a version: nothing if some of them are forgotten.
    pub(crate) fn changes(&self, resource: &str, after: u64) -> Option<Vec<Change>> {
        if after < self.forgotten {
            return None;
        }
        let start = self.changes.partition_point(|change| change.version <= after);
        let later = self.changes.range(start..);
        Some(later.filter(|change| &*change.resource == resource).cloned().collect())
    }

    /// All changes after a version that are still known.
    pub(crate) fn all_changes(&self, after: u64) -> Vec<(Arc<str>, Place, bool)> {
        let start = self.changes.partition_point(|change| change.version <= after);
        let later = self.changes.range(start..);
        later.map(|change| (Arc::clone(&change.resource), change.after.place(), change.deleted)).collect()
    }

    /// Forgets all changes, so that whoever watches has to list again.
    pub(crate) fn forget(&mut self) {
        self.version += 1;
        self.changes.clear();
        self.forgotten = self.version;
    }

    pub(crate) fn resources(&self) -> Vec<Arc<str>> {
        self.objects.keys().cloned().collect()
    }
}

fn owners(object: &Value) -> impl Iterator<Item = &str> {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.filter_map(|owner| owner["uid"].as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, label: &str) -> Value {
        json!({ "metadata": { "name": name, "namespace": "a", "labels": { "l": label } } })
    }

    #[test]
    fn the_past_can_be_listed_until_it_is_forgotten() {
        let mut store = Store::new(3);
        let pods: Arc<str> = "pods".into();
        store.put(&pods, pod("one", "1"));
        let then = store.put(&pods, pod("two", "1")).version;
        store.put(&pods, pod("one", "2"));
        store.remove(&pods, &("a".into(), "two".into()));
        store.put(&pods, pod("three", "1"));
        let names = |list: Vec<Arc<Stored>>| list.iter().map(|o| o.name.to_string()).collect::<Vec<_>>();
        let past = store.list_at("pods", Some("a"), then).unwrap();
        assert_eq!(past[0].label("l"), Some("1"));
        assert_eq!(names(past), ["one", "two"]);
        store.put(&pods, pod("four", "1"));
        assert!(store.list_at("pods", None, then).is_none());
        assert_eq!(names(store.list("pods", None, None).cloned().collect()), ["four", "one", "three"]);
    }
}
