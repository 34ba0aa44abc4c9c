//! Tables, as the server lays a kind out for people.

use serde_json::Value;
use trainyard_contract::{Error, Result};

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// `Ready`.
    pub name: String,
    /// Columns above 0 are for those who ask for more.
    pub priority: i64,
}

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// A cell for each column.
    pub cells: Vec<Value>,
    /// Name, namespace, labels and the like of the object.
    pub metadata: Value,
}

/// Rows with their columns.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Row>,
}

impl Table {
    /// Reads a table. A server that cannot make one gives the objects instead, which become rows of name and age.
    pub(crate) fn read(answer: &Value) -> Result<Self> {
        if answer["kind"] != "Table" {
            return Self::of_objects(answer);
        }
        let list = |name: &str| answer[name].as_array().map(Vec::as_slice).unwrap_or_default();
        let columns = list("columnDefinitions").iter().map(|column| Column {
            name: column["name"].as_str().unwrap_or_default().to_owned(),
            priority: column["priority"].as_i64().unwrap_or_default(),
        });
        let rows = list("rows").iter().map(|row| Row {
            cells: row["cells"].as_array().cloned().unwrap_or_default(),
            metadata: row["object"]["metadata"].clone(),
        });
        Ok(Self { columns: columns.collect(), rows: rows.collect() })
    }

    fn of_objects(answer: &Value) -> Result<Self> {
        let Some(items) = answer["items"].as_array() else {
            return Err(Error::internal("the API server answered with neither a table nor a list"));
        };
        let column = |name: &str| Column { name: name.to_owned(), priority: 0 };
        let rows = items.iter().map(|item| Row {
            cells: vec![item["metadata"]["name"].clone(), item["metadata"]["creationTimestamp"].clone()],
            metadata: item["metadata"].clone(),
        });
        Ok(Self { columns: vec![column("Name"), column("Created At")], rows: rows.collect() })
    }

    /// Place of the column of this name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }
}
