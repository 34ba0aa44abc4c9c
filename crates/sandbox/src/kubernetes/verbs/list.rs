//! Lists: selected, in pages, as they are or as they were.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::super::{
    cluster::Cluster,
    http::Query,
    kinds::Kind,
    refusal::{Refusal, Result},
    selector::{Fields, Labels},
    store::Stored,
};

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    pub(crate) namespace: Option<String>,
    pub(crate) labels: Labels,
    pub(crate) fields: Fields,
}

impl Selection {
    pub(crate) fn read(kind: &Kind, namespace: Option<&str>, query: &Query) -> Result<Self> {
        let more = kind.custom.as_ref().map_or(&[][..], |custom| &custom.selectable);
        Ok(Self {
            namespace: namespace.map(str::to_owned),
            labels: query.get("labelSelector").map(Labels::parse).transpose()?.unwrap_or_default(),
            fields: query
                .get("fieldSelector")
                .map(|text| Fields::parse(text, &kind.resource, more))
                .transpose()?
                .unwrap_or_default(),
        })
    }

    pub(crate) fn takes(&self, object: &Stored) -> bool {
        self.namespace.as_deref().is_none_or(|namespace| *namespace == *object.namespace)
            && self.labels.matches(|key| object.label(key))
            && self.fields.matches_key(&object.namespace, &object.name)
            && (!self.fields.needs_object() || self.fields.matches(&object.value()))
    }

    fn takes_all(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }
}

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) metadata: Value,
    pub(crate) objects: Vec<Arc<Stored>>,
}

impl Cluster {
    pub(crate) fn list(&self, kind: &Kind, selection: &Selection, query: &Query) -> Result<Page> {
        let namespace = selection.namespace.as_deref();
        let limit: usize = query.number("limit")?.unwrap_or(0);
        let start = query.get("continue").map(Place::decode).transpose()?;
        let version = match &start {
            Some(start) => Some(start.version),
            None => self.wanted_version(query)?,
        };
        let current = self.store.version();
        let all: Vec<Arc<Stored>> = match version.filter(|version| *version != current) {
            None => self.store.list(&kind.resource, namespace, None).cloned().collect(),
            Some(version) => self.store.list_at(&kind.resource, namespace, version).ok_or_else(|| {
                Refusal::expired(
                    "The provided continue parameter is too old to display a consistent list result. You can start a new \
                     list without the continue parameter, or use the continue token in this response to retrieve the \
                     remainder of the results.",
                )
            })?,
        };
        let from = start.as_ref().map_or(0, |start| {
            all.partition_point(|object| (&*object.namespace, &*object.name) <= (&*start.namespace, &*start.name))
        });
        let mut objects = Vec::new();
        let mut seen = from;
        for object in &all[from..] {
            if limit > 0 && objects.len() == limit {
                break;
            }
            seen += 1;
            if selection.takes(object) {
                objects.push(Arc::clone(object));
            }
        }
        let mut metadata = json!({ "resourceVersion": version.unwrap_or(current).to_string() });
        let more = all[seen..].iter().any(|object| selection.takes(object));
        if let (true, Some(last)) = (more, objects.last()) {
            let place = Place {
                version: version.unwrap_or(current),
                namespace: last.namespace.to_string(),
                name: last.name.to_string(),
            };
            metadata["continue"] = place.encode().into();
            if selection.takes_all() {
                metadata["remainingItemCount"] = (all.len() - seen).into();
            }
        }
        Ok(Page { metadata, objects })
    }

    /// The version that a list is to be of, if that matters to the client.
    fn wanted_version(&self, query: &Query) -> Result<Option<u64>> {
        let exact = query.get("resourceVersionMatch") == Some("Exact");
        let Some(version) = query.number::<u64>("resourceVersion")? else {
            return Ok(None);
        };
        if version > self.store.version() {
            return Err(Refusal::too_new(version, self.store.version()));
        }
        Ok(exact.then_some(version))
    }
}

/// Where a list goes on.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    version: u64,
    namespace: String,
    name: String,
}

impl Place {
    fn encode(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(json!([self.version, self.namespace, self.name]).to_string())
    }

    fn decode(text: &str) -> Result<Self> {
        let parse = || {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
            let (version, namespace, name) = serde_json::from_slice(&bytes).ok()?;
            Some(Self { version, namespace, name })
        };
        parse().ok_or_else(|| Refusal::bad_request("continue key is not valid: could not be decoded"))
    }
}
