//! Objects as they are shown: whole, as rows, or their metadata alone.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{events, http::accept::Form, kinds::Kind, store::Stored, table, verbs::dress};

/// Who looks at what, and how.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) kind: Arc<Kind>,
    pub(crate) form: Form,
    /// With rows: the object beside each, `Metadata` unless said otherwise.
    pub(crate) include: Include,
    pub(crate) now: OffsetDateTime,
}

/// What stands beside a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Include {
    Nothing,
    Metadata,
    Object,
}

impl View {
    /// The object as an answer of its own.
    pub(crate) fn one(&self, object: &Stored) -> Vec<u8> {
        match self.form {
            Form::Whole => self.whole(object),
            Form::Metadata => metadata(&object.value()).to_string().into_bytes(),
            Form::Table => {
                let mut table = self.table_head(Some(&object.version.to_string()));
                table["rows"] = json!([self.row(object)]);
                table.to_string().into_bytes()
            }
        }
    }

    /// The object in an event of a watch; the first of a table says what the columns are.
    pub(crate) fn watched(&self, object: &Stored, first: bool) -> Vec<u8> {
        match self.form {
            Form::Table if !first => {
                let mut table = json!({ "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {} });
                table["metadata"]["resourceVersion"] = object.version.to_string().into();
                table["columnDefinitions"] = Value::Null;
                table["rows"] = json!([self.row(object)]);
                table.to_string().into_bytes()
            }
            _ => self.one(object),
        }
    }

    fn whole(&self, object: &Stored) -> Vec<u8> {
        if self.kind.is_new_event() {
            return dress(&self.kind, events::to_new(object.value())).to_string().into_bytes();
        }
        let head = format!("{{\"kind\":\"{}\",\"apiVersion\":\"{}\",", self.kind.kind, self.kind.api_version());
        [head.as_bytes(), &object.text[1..]].concat()
    }

    /// The object as one of a list.
    pub(crate) fn item(&self, object: &Stored, to: &mut BytesMut) {
        match self.form {
            Form::Table => to.put_slice(self.row(object).to_string().as_bytes()),
            Form::Metadata => to.put_slice(metadata(&object.value()).to_string().as_bytes()),
            // Items of custom kinds say what they are; those of built-in kinds leave it to the list.
            Form::Whole if self.kind.custom.is_some() || self.kind.is_new_event() => to.put_slice(&self.whole(object)),
            Form::Whole => to.put_slice(&object.text),
        }
    }

    fn row(&self, object: &Stored) -> Value {
        let value = object.value();
        let cells = table::cells(&self.kind, &value, self.now);
        match self.include {
            Include::Nothing => json!({ "cells": cells, "object": null }),
            Include::Metadata => json!({ "cells": cells, "object": metadata(&value) }),
            Include::Object => json!({ "cells": cells, "object": dress(&self.kind, value) }),
        }
    }

    fn table_head(&self, version: Option<&str>) -> Value {
        json!({
            "kind": "Table", "apiVersion": "meta.k8s.io/v1",
            "metadata": { "resourceVersion": version.unwrap_or_default() },
            "columnDefinitions": table::definitions(&self.kind),
        })
    }

    /// All of a list but its items; ends with the bracket that opens them.
    pub(crate) fn list_head(&self, metadata: &Value) -> String {
        let mut head = match self.form {
            Form::Table => {
                let mut head = self.table_head(None);
                head["metadata"] = metadata.clone();
                head["rows"] = json!([]);
                head
            }
            Form::Metadata => json!({
                "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": [],
            }),
            Form::Whole => json!({
                "kind": self.kind.list, "apiVersion": self.kind.api_version(), "metadata": metadata, "items": [],
            }),
        }
        .to_string();
        head.truncate(head.len() - 2);
        head
    }
}

fn metadata(object: &Value) -> Value {
    json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"] })
}
