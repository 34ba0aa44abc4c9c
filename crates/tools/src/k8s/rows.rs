//! Rows whose columns the kind decides.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use trainyard_contract::{Answer, Cursor, Error, Output, PageMark, Result};

/// A list of objects of one kind.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Rows {
    pub(crate) kind: String,
    pub(crate) api_version: String,
    /// Objects that there are, where all were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<usize>,
    /// How many are in each state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) states: Option<BTreeMap<String, usize>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Value>>,
    /// Rows here.
    pub(crate) count: usize,
    /// There are more.
    pub(crate) truncated: bool,
    /// Cursor of the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<Cursor>,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) pages: Vec<Mark>,
}

/// Where a page begins, in a form that says nothing to a schema.
#[derive(Debug)]
pub(crate) struct Mark(pub(crate) PageMark);

impl Rows {
    /// Leaves out columns that say nothing in any row, and those that nobody asked for.
    pub(crate) fn tidied(mut self, fields: &[String]) -> Result<Self> {
        let lowered = |name: &String| name.to_ascii_lowercase();
        let known: Vec<String> = self.columns.iter().map(lowered).collect();
        if let Some(unknown) = fields.iter().find(|field| !known.contains(&lowered(field))) {
            return Err(
                Error::validation(format!("no field {unknown:?}")).hint(format!("fields: {}", known.join(", ")))
            );
        }
        let says = |place: usize| {
            self.rows.is_empty() || self.rows.iter().any(|row| row.get(place).is_some_and(|cell| !empty(cell)))
        };
        let kept: Vec<usize> = if fields.is_empty() {
            (0..known.len()).filter(|place| says(*place)).collect()
        } else {
            fields.iter().filter_map(|field| known.iter().position(|name| *name == lowered(field))).collect()
        };
        self.columns = kept.iter().map(|place| known[*place].clone()).collect();
        for row in &mut self.rows {
            *row = kept.iter().map(|place| row.get(*place).cloned().unwrap_or_default()).collect();
        }
        self.count = self.rows.len();
        self.truncated = self.next.is_some();
        Ok(self)
    }
}

fn empty(cell: &Value) -> bool {
    match cell {
        Value::Null => true,
        Value::String(text) => text.is_empty() || text == "<none>",
        _ => false,
    }
}

impl Output for Rows {
    type Schema = Self;

    fn into_answer(mut self) -> Result<Answer> {
        let pages = std::mem::take(&mut self.pages).into_iter().map(|mark| mark.0).collect();
        let value = serde_json::to_value(self).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Answer { pages, ..Answer::of(value) })
    }
}
