//! The first rows of a dataset, without what is nobody's business.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use trainyard_contract::Result;

use super::{
    format::Layout,
    profile::{no_column, personal},
    rows,
    source::Watch,
    value::{Cell, Meaning},
};

/// Longest cell that is shown whole, in characters.
const MAX_SHOWN: usize = 200;

/// Columns that are shown unless some are named.
const USUAL_COLUMNS: usize = 50;

/// The first rows.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Preview {
    /// Names of the columns that are shown.
    pub columns: Vec<String>,
    /// Cells of the rows, in their order.
    pub rows: Vec<Vec<Value>>,
    /// Columns that were left out for their number.
    #[serde(skip_serializing_if = "is_zero")]
    pub columns_left_out: u64,
    /// Columns whose cells are hidden, as data about people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redacted: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde wants")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Reads the first rows. Of columns that hold data about people by their names, and of those that are named in `personal_columns`,
/// only that something is there is shown.
pub fn preview(
    path: &Path,
    layout: &Layout,
    count: usize,
    columns: Option<&[String]>,
    personal_columns: &[String],
) -> Result<Preview> {
    let mut rows = rows::open(path, layout, &Watch::default())?;
    let mut found = Vec::new();
    // The cells of the first rows, before the columns are chosen: JSON Lines tell theirs one by one.
    while found.len() < count
        && let Some(batch) = rows.next()?
    {
        let wanted = batch.rows.min(count - found.len());
        let row = |row| (0..batch.columns).map(|column| shown(&batch.cell(row, column))).collect::<Vec<_>>();
        found.extend((0..wanted).map(row));
    }
    let names: Vec<&str> = rows.columns().iter().map(|column| column.name.as_str()).collect();
    let places: Vec<usize> = match columns {
        Some(wanted) => wanted
            .iter()
            .map(|name| {
                names.iter().position(|known| known == name).ok_or_else(|| no_column(name, names.iter().copied()))
            })
            .collect::<Result<_>>()?,
        None => (0..names.len().min(USUAL_COLUMNS)).collect(),
    };
    let hidden =
        |place: usize| personal(names[place]).is_some() || personal_columns.iter().any(|column| column == names[place]);
    let row = |cells: Vec<Value>| {
        let cell = |place: &usize| match cells.get(*place) {
            None | Some(Value::Null) => Value::Null,
            Some(_) if hidden(*place) => json!("(hidden)"),
            Some(value) => value.clone(),
        };
        places.iter().map(cell).collect()
    };
    Ok(Preview {
        rows: found.into_iter().map(row).collect(),
        columns_left_out: (names.len() - places.len()) as u64 * u64::from(columns.is_none()),
        redacted: places.iter().filter(|place| hidden(**place)).map(|place| names[*place].to_owned()).collect(),
        columns: places.iter().map(|place| names[*place].to_owned()).collect(),
    })
}

fn shown(cell: &Cell<'_>) -> Value {
    match cell.meaning() {
        Meaning::Missing => return Value::Null,
        Meaning::Boolean(value) => return value.into(),
        Meaning::Integer(value) => return value.into(),
        Meaning::Number(value) if value.is_finite() => return value.into(),
        _ => {}
    }
    let text = cell.text().unwrap_or_default();
    match text.char_indices().nth(MAX_SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]).into(),
        None => text.into_owned().into(),
    }
}
