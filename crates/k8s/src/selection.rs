//! Which objects of a kind are wanted, and pages of them.

use serde_json::Value;
use time::OffsetDateTime;
use trainyard_contract::{Error, Result};

use crate::{request::Request, table::Table};

/// Which objects of a kind are wanted.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Of this namespace; of all where there is none.
    pub namespace: Option<String>,
    /// `app=web,tier in (a, b)`.
    pub labels: Option<String>,
    /// `spec.nodeName=x,status.phase!=Running`.
    pub fields: Option<String>,
    /// Most objects in one page; the server's own size where there is none.
    pub limit: Option<u32>,
    /// Where to go on.
    pub next: Option<String>,
}

impl Selection {
    /// Everything in one namespace, or in all.
    pub fn of(namespace: Option<&str>) -> Self {
        Self { namespace: namespace.map(str::to_owned), ..Self::default() }
    }

    pub(crate) fn ask(&self, request: Request) -> Request {
        request
            .ask_some("labelSelector", self.labels.as_ref().filter(|text| !text.is_empty()))
            .ask_some("fieldSelector", self.fields.as_ref().filter(|text| !text.is_empty()))
            .ask_some("limit", self.limit)
            .ask_some("continue", self.next.as_ref())
    }
}

/// How much of each object is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// All of it.
    Whole,
    /// Name, labels and the like.
    Metadata,
}

impl Form {
    pub(crate) fn accept(self) -> &'static str {
        match self {
            Self::Whole => crate::request::JSON,
            Self::Metadata => "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
        }
    }
}

pub(crate) const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json";

/// Some objects of a kind.
#[derive(Debug, Clone, Default)]
pub struct Page<T = Vec<Value>> {
    /// The objects.
    pub items: T,
    /// Where the list goes on, if it does.
    pub next: Option<String>,
    /// How many objects there are beyond this page, where the server knows.
    pub remaining: Option<u64>,
    /// State of the cluster that the list shows; watches go on from here.
    pub resource_version: String,
    /// The clock of the server.
    pub server_time: Option<OffsetDateTime>,
}

/// Splits the answer to a list.
pub(crate) fn page(mut answer: Value, server_time: Option<OffsetDateTime>) -> Result<Page> {
    let (kind, version) = (answer["kind"].clone(), answer["apiVersion"].clone());
    let Some(Value::Array(mut items)) = answer.get_mut("items").map(Value::take) else {
        return match answer["items"] {
            Value::Null => Ok(around(&answer, Vec::new(), server_time)),
            _ => Err(Error::internal("the API server answered with something else than a list")),
        };
    };
    // Objects in a list do not repeat what they are.
    let kind = kind.as_str().and_then(|kind| kind.strip_suffix("List")).filter(|kind| !kind.is_empty());
    for item in items.iter_mut().filter_map(Value::as_object_mut) {
        if let Some(kind) = kind
            && !item.contains_key("kind")
        {
            item.shift_insert(0, "apiVersion".into(), version.clone());
            item.shift_insert(1, "kind".into(), kind.into());
        }
    }
    Ok(around(&answer, items, server_time))
}

/// Splits the answer to a list that was asked for as a table.
pub(crate) fn table(answer: &Value, server_time: Option<OffsetDateTime>) -> Result<Page<Table>> {
    let table = Table::read(answer)?;
    Ok(around(answer, table, server_time))
}

fn around<T>(answer: &Value, items: T, server_time: Option<OffsetDateTime>) -> Page<T> {
    let metadata = &answer["metadata"];
    Page {
        items,
        next: metadata["continue"].as_str().filter(|text| !text.is_empty()).map(str::to_owned),
        remaining: metadata["remainingItemCount"].as_u64(),
        resource_version: metadata["resourceVersion"].as_str().unwrap_or_default().to_owned(),
        server_time,
    }
}
