//! Lists of any kind, in the columns that the kind has.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use trainyard_contract::{
    Cursor, PageMark, Place, Reads, Result, Tool, ToolDef, declare_others, reads_like_a_sentence,
};
use trainyard_k8s::{Kubernetes, Page, Resource, Row, Selection, Table};

use super::{
    In,
    rows::{Mark, Rows},
};
use crate::{App, Cx, common::Limit};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<List>()];

/// Objects that are asked for at once.
const PAGE: u32 = 500;

/// List Kubernetes objects of any kind, custom kinds as well
///
/// Columns are those of kubectl get -o wide. A list longer than limit is summed up first: counts by state and the unusual rows; next goes through all of it.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct List {
    /// Pod, deploy, jobs.batch, apps/v1/Deployment.
    kind: String,
    /// All namespaces when absent.
    namespace: Option<String>,
    /// app=web,tier in (a,b)
    label_selector: Option<String>,
    /// spec.nodeName=x; pods know status.phase too. CrashLoopBackOff is no phase.
    field_selector: Option<String>,
    /// Only these columns.
    fields: Option<Vec<String>>,
    #[serde(default)]
    limit: Limit,
    /// next of the call before.
    cursor: Option<Cursor>,
    #[serde(flatten)]
    place: In,
}

impl Tool<App> for List {
    const NAME: &'static str = "k8s_list_objects";
    const EXAMPLE: &'static str = r#"{"kind": "Pod", "namespace": "team-a"}"#;
    type Access = Reads;
    type Output = Rows;

    async fn run(self, cx: Cx<Reads>) -> Result<Rows> {
        let kubernetes = self.place.of(&cx);
        let resource = kubernetes.kind(&self.kind, None).await?.resource;
        let selection = Selection {
            namespace: self.namespace.clone(),
            labels: self.label_selector.clone(),
            fields: self.field_selector.clone(),
            ..Selection::default()
        };
        let asked = Asked { kubernetes, resource, selection, limit: self.limit.0 as usize, binding: cx.binding() };
        let rows = match &self.cursor {
            Some(cursor) => asked.part(cursor).await?,
            None => asked.beginning().await?,
        };
        rows.tidied(self.fields.as_deref().unwrap_or_default())
    }
}

struct Asked<'a> {
    kubernetes: Kubernetes<Reads>,
    resource: Resource,
    selection: Selection,
    limit: usize,
    binding: &'a str,
}

impl Asked<'_> {
    async fn page(&self, next: Option<String>, limit: u32) -> Result<Page<Table>> {
        let selection = Selection { limit: Some(limit), next, ..self.selection.clone() };
        self.kubernetes.table(&self.resource, &selection).await
    }

    fn frame(&self) -> Rows {
        Rows { kind: self.resource.kind.to_string(), api_version: self.resource.api_version(), ..Rows::default() }
    }

    /// All of a short list; of a long one how it is, and what is unusual.
    async fn beginning(&self) -> Result<Rows> {
        let mut page = self.page(None, PAGE).await?;
        let shape = Shape::of(&page.items, &self.resource, self.selection.namespace.is_none());
        let mut rows = Rows { columns: shape.names(), ..self.frame() };
        if page.next.is_none() && page.items.rows.len() <= self.limit {
            rows.rows = page.items.rows.iter().map(|row| shape.cells(row)).collect();
            let start = Cursor::seal(self.binding, &Place::default());
            rows.pages.push(Mark(PageMark { start: 0, cursor: start }));
            rows.total = Some(rows.rows.len());
            return Ok(rows);
        }
        let (mut states, mut total, mut unusual) = (BTreeMap::new(), 0, 0);
        loop {
            for row in &page.items.rows {
                total += 1;
                if let Some(state) = shape.state(row) {
                    *states.entry(state).or_insert(0) += 1;
                }
                if shape.is_unusual(row) {
                    unusual += 1;
                    if rows.rows.len() < self.limit {
                        rows.rows.push(shape.cells(row));
                    }
                }
            }
            match page.next.take() {
                Some(next) => page = self.page(Some(next), PAGE).await?,
                None => break,
            }
        }
        rows.note = Some(match (unusual, shape.has_state()) {
            (_, false) => format!("{total} objects; next shows them row by row"),
            (0, true) => format!("{total} objects, none of them unusual; next shows them row by row"),
            _ => {
                format!("{unusual} of {total} are unusual, {} of them here; next shows all row by row", rows.rows.len())
            }
        });
        rows.total = Some(total);
        rows.states = (!states.is_empty()).then_some(states);
        rows.next = Some(Cursor::seal(self.binding, &Place::default()));
        Ok(rows)
    }

    /// The rows from a cursor on.
    async fn part(&self, cursor: &Cursor) -> Result<Rows> {
        let place = cursor.open(self.binding)?;
        let limit = u32::try_from(self.limit + place.skip)
            .unwrap_or(PAGE)
            .min(PAGE.max(u32::try_from(self.limit).unwrap_or(PAGE)));
        let page = self.page(place.token.clone(), limit).await?;
        let shape = Shape::of(&page.items, &self.resource, self.selection.namespace.is_none());
        let here = Cursor::seal(self.binding, &place);
        let left = page.items.rows.len().saturating_sub(place.skip);
        let next = if left > self.limit {
            Some(here.further(self.limit))
        } else {
            page.next.map(|token| Cursor::seal(self.binding, &Place { token: Some(token), skip: 0 }))
        };
        Ok(Rows {
            columns: shape.names(),
            rows: page.items.rows.iter().skip(place.skip).take(self.limit).map(|row| shape.cells(row)).collect(),
            pages: vec![Mark(PageMark { start: 0, cursor: here })],
            next,
            ..self.frame()
        })
    }
}

/// Columns that say how an object is doing, in the order in which they are looked for.
const STATES: [&str; 5] = ["Status", "Phase", "State", "Health", "Ready"];
/// What they say when all is well.
const WELL: [&str; 14] = [
    "Running",
    "Completed",
    "Succeeded",
    "Ready",
    "Active",
    "Bound",
    "True",
    "Available",
    "Complete",
    "Healthy",
    "Normal",
    "Established",
    "Approved,Issued",
    "Synced",
];

/// Which columns are shown, and which one says how an object is doing.
struct Shape {
    columns: Vec<(usize, String)>,
    with_namespace: bool,
    state: Option<usize>,
    ready: Option<usize>,
}

impl Shape {
    fn of(table: &Table, resource: &Resource, all_namespaces: bool) -> Self {
        // The wide columns of pods and nodes say where things are; those of other kinds repeat their specs.
        let wide = resource.group.is_empty() && ["pods", "nodes"].contains(&&*resource.plural);
        let shown = table.columns.iter().enumerate().filter(|(_, column)| wide || column.priority == 0);
        Self {
            columns: shown.map(|(place, column)| (place, column.name.clone())).collect(),
            with_namespace: resource.namespaced && all_namespaces,
            state: STATES.iter().find_map(|name| table.column(name)),
            ready: table.column("Ready"),
        }
    }

    fn names(&self) -> Vec<String> {
        let namespace = self.with_namespace.then(|| "Namespace".to_owned());
        namespace.into_iter().chain(self.columns.iter().map(|(_, name)| name.clone())).collect()
    }

    fn cells(&self, row: &Row) -> Vec<Value> {
        let namespace = self.with_namespace.then(|| row.metadata["namespace"].clone());
        let cells = self.columns.iter().map(|(place, name)| {
            let mut cell = row.cells.get(*place).cloned().unwrap_or_default();
            // An event's message, and whatever the maker of a custom kind put into a column.
            if !name.eq_ignore_ascii_case("os-image") {
                declare_others(&mut cell);
            }
            cell
        });
        namespace.into_iter().chain(cells).collect()
    }

    fn has_state(&self) -> bool {
        self.state.is_some()
    }

    fn state(&self, row: &Row) -> Option<String> {
        let cell = text(row.cells.get(self.state?)?);
        // `2/3` is a state of its own for every number there is.
        Some(match fraction(&cell) {
            Some((ready, all)) if ready >= all => "ready".to_owned(),
            Some(_) => "not ready".to_owned(),
            // Whatever the maker of a custom kind may say there, this is no name of a state.
            None if reads_like_a_sentence(&cell) => "described in words".to_owned(),
            None => cell,
        })
    }

    fn is_unusual(&self, row: &Row) -> bool {
        let Some(state) = self.state(row) else { return false };
        let half =
            self.ready.and_then(|place| fraction(&text(row.cells.get(place)?))).is_some_and(|(ready, all)| ready < all);
        let done = ["Completed", "Succeeded", "Complete"].contains(&state.as_str());
        !(state == "ready" || WELL.contains(&state.as_str())) || (half && !done)
    }
}

fn text(cell: &Value) -> String {
    match cell {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn fraction(text: &str) -> Option<(u64, u64)> {
    let (ready, all) = text.split_once('/')?;
    Some((ready.parse().ok()?, all.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trainyard_k8s::{Column, resource::PODS};

    use super::*;

    #[test]
    fn what_is_unusual_is_seen_in_the_columns_of_any_kind() {
        let column = |name: &str| Column { name: name.into(), priority: 0 };
        let table = Table { columns: vec![column("Name"), column("Ready"), column("Status")], rows: Vec::new() };
        let shape = Shape::of(&table, &PODS, true);
        let row = |ready: &str, status: &str| Row {
            cells: vec![json!("a"), json!(ready), json!(status)],
            metadata: json!({}),
        };
        assert!(!shape.is_unusual(&row("1/1", "Running")));
        assert!(!shape.is_unusual(&row("0/1", "Completed")));
        assert!(shape.is_unusual(&row("0/1", "Running")));
        assert!(shape.is_unusual(&row("0/1", "CrashLoopBackOff")));
        assert!(shape.is_unusual(&row("1/1", "Terminating")));
        let table = Table { columns: vec![column("Name"), column("Ready")], rows: Vec::new() };
        let shape = Shape::of(&table, &PODS, true);
        let row = |ready: &str| Row { cells: vec![json!("a"), json!(ready)], metadata: json!({}) };
        assert_eq!(shape.state(&row("2/3")).unwrap(), "not ready");
        assert!(shape.is_unusual(&row("2/3")) && !shape.is_unusual(&row("3/3")));
    }
}
