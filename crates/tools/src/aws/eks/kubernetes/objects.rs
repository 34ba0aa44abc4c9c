//! Lists of objects of any kind, and the API versions that a cluster serves.

use std::{collections::BTreeSet, marker::PhantomData};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trainyard_contract::{
    Access, CallDef, Covers, Effect, Headed, Needs, Place, Reads, Result, Reveals, Tool, ToolDef,
};
use trainyard_k8s::{LAST_APPLIED, Selection, Table};

use super::{Where, is_secret};
use crate::{App, Cx, common::Cursor};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::by_effect(
        "list_k8s_resources",
        needs,
        &[CallDef::reads::<List<Reads>>(), CallDef::reveals::<List<Reveals>>()],
    ),
    ToolDef::reads::<ApiVersions>(),
];

/// List Kubernetes objects of one kind, custom ones included
///
/// Names, labels and the columns that kubectl shows. Secrets need the server's flag.
#[derive(Deserialize, JsonSchema)]
#[serde(bound = "")]
#[schemars(bound = "", deny_unknown_fields)]
struct List<A> {
    #[serde(flatten)]
    at: Where,
    /// Such as Pod or Deployment.
    kind: String,
    /// Such as v1 or apps/v1.
    api_version: String,
    /// All when absent.
    namespace: Option<String>,
    /// Such as app=web,tier!=db.
    label_selector: Option<String>,
    /// Such as status.phase=Pending.
    field_selector: Option<String>,
    /// Most objects.
    #[serde(default = "limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// `next` of the call before.
    cursor: Option<Cursor>,
    #[serde(skip)]
    access: PhantomData<fn() -> A>,
}

fn limit() -> u32 {
    500
}

/// Names of secrets say where they are used, and the older server showed their values in annotations.
#[expect(clippy::unnecessary_wraps, reason = "the form that the registry asks for")]
fn needs(arguments: &Value) -> Result<Needs> {
    let effect = if is_secret(arguments) { Effect::Reveals } else { Effect::Reads };
    Ok(Needs { effect, reveals: false, spends: false })
}

impl<A: Access + Covers<Reads>> Tool<App> for List<A> {
    const NAME: &'static str = "list_k8s_resources";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "kind": "Pod", "api_version": "v1", "namespace": "ml"}"#;
    type Access = A;
    type Output = Headed<Listed>;

    async fn run(self, cx: Cx<A>) -> Result<Headed<Listed>> {
        let kubernetes = cx.kubernetes(self.at.cluster());
        let known = kubernetes.kind(&self.kind, Some(&self.api_version)).await?;
        let binding = cx.wanted(self.limit, None).binding;
        let place = self.cursor.as_ref().map(|cursor| cursor.open(binding)).transpose()?;
        let selection = Selection {
            namespace: self.namespace.clone().filter(|name| !name.is_empty()),
            labels: self.label_selector,
            fields: self.field_selector,
            limit: Some(self.limit),
            next: place.and_then(|place| place.token),
        };
        let page = kubernetes.table(&known.resource, &selection).await?;
        let items: Vec<_> = rows(page.items);
        let place = match &selection.namespace {
            Some(namespace) => format!("namespace {namespace}"),
            None if known.resource.namespaced => "all namespaces".to_owned(),
            None => "the cluster".to_owned(),
        };
        let summary = format!("{} {} in {place} of {}", items.len(), known.resource.kind, self.at.cluster_name);
        let facts = Listed {
            kind: known.resource.kind.to_string(),
            api_version: self.api_version,
            namespace: self.namespace,
            count: items.len(),
            items,
            remaining: page.remaining,
            next: page.next.map(|token| Cursor::seal(binding, &Place { token: Some(token), skip: 0 })),
        };
        Ok(Headed { summary, facts })
    }
}

fn rows(table: Table) -> Vec<Item> {
    let shown: Vec<_> = table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.priority == 0 && !["Name", "Age", "Created At"].contains(&column.name.as_str()))
        .map(|(at, column)| (at, column.name.to_ascii_lowercase().replace([' ', '-'], "_")))
        .collect();
    let item = |row: trainyard_k8s::Row| {
        let metadata = row.metadata;
        let text = |member: &str| metadata[member].as_str().map(str::to_owned);
        let mut annotations = metadata["annotations"].as_object().cloned();
        annotations.as_mut().map(|annotations| annotations.remove(LAST_APPLIED));
        let cell = |(at, name): &(usize, String)| {
            let value = row.cells.get(*at).filter(|value| !value.is_null() && *value != "")?;
            Some((name.clone(), value.clone()))
        };
        Item {
            name: text("name").unwrap_or_default(),
            namespace: text("namespace"),
            creation_timestamp: text("creationTimestamp"),
            labels: metadata["labels"].as_object().cloned(),
            annotations,
            columns: shown.iter().filter_map(cell).collect(),
        }
    };
    table.rows.into_iter().map(item).collect()
}

#[derive(Serialize, JsonSchema)]
struct Listed {
    kind: String,
    api_version: String,
    namespace: Option<String>,
    count: usize,
    items: Vec<Item>,
    /// Objects beyond these.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<u64>,
    /// Cursor of the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Cursor>,
}

#[derive(Serialize, JsonSchema)]
struct Item {
    name: String,
    namespace: Option<String>,
    creation_timestamp: Option<String>,
    labels: Option<Map<String, Value>>,
    annotations: Option<Map<String, Value>>,
    /// What kubectl shows of the kind.
    #[serde(skip_serializing_if = "Map::is_empty")]
    columns: Map<String, Value>,
}

/// List the API versions that a Kubernetes cluster serves
///
/// The preferred version of each group.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ApiVersions {
    #[serde(flatten)]
    at: Where,
}

impl Tool<App> for ApiVersions {
    const NAME: &'static str = "list_api_versions";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train"}"#;
    type Access = Reads;
    type Output = Headed<Versions>;

    async fn run(self, cx: Cx<Reads>) -> Result<Headed<Versions>> {
        let kinds = cx.kubernetes(self.at.cluster()).kinds().await?;
        let mut groups = BTreeSet::new();
        let mut versions = BTreeSet::new();
        // The preferred version of a group comes before its others; the core prefers none.
        for resource in kinds.kinds.iter().map(|known| &known.resource) {
            let group = resource.group.to_string();
            if group.is_empty() || groups.insert(group) {
                versions.insert(resource.api_version());
            }
        }
        let api_versions: Vec<_> = versions.into_iter().collect();
        let summary = format!("{} API versions of {}", api_versions.len(), self.at.cluster_name);
        let facts = Versions {
            cluster_name: self.at.cluster_name,
            count: api_versions.len(),
            api_versions,
            unanswered: kinds.missing.clone(),
        };
        Ok(Headed { summary, facts })
    }
}

#[derive(Serialize, JsonSchema)]
struct Versions {
    cluster_name: String,
    api_versions: Vec<String>,
    count: usize,
    /// API versions whose own server does not answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unanswered: Vec<String>,
}
