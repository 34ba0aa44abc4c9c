//! What a tool gives back: facts, or a list of them with its place to go on.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

use crate::{Error, Result, nearest, others::OTHERS, page::Cursor, picture::Picture};

/// An answer with its type forgotten.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// A JSON object.
    pub value: Value,
    /// One line that sums it up, where the tool gives one: it is shown before the object, as the older EKS server did.
    pub summary: Option<String>,
    /// For lists: where each page of the rows came from, so that a cut list can be taken up again.
    pub pages: Vec<PageMark>,
    /// What the facts look like, where a tool draws them.
    pub pictures: Vec<Picture>,
}

impl Answer {
    /// Facts alone.
    pub fn of(value: Value) -> Self {
        Self { value, ..Self::default() }
    }
}

/// The rows from `start` on came with this token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageMark {
    /// Index of the page's first row in the answer.
    pub start: usize,
    /// Cursor that asks for this page again.
    pub cursor: Cursor,
}

/// What a tool may give back.
pub trait Output: Send {
    /// The type whose schema describes it.
    type Schema: JsonSchema;
    /// Forgets the type.
    fn into_answer(self) -> Result<Answer>;
}

/// Facts: a struct that becomes a JSON object.
#[derive(Debug, Clone, PartialEq)]
pub struct Json<T>(pub T);

impl<T: Serialize + JsonSchema + Send> Output for Json<T> {
    type Schema = T;

    fn into_answer(self) -> Result<Answer> {
        let value = serde_json::to_value(self.0).map_err(|error| Error::internal(error.to_string()))?;
        let value = if value.is_object() { value } else { json!({ "value": value }) };
        Ok(Answer::of(value))
    }
}

/// Facts under a line that sums them up.
#[derive(Debug, Clone, PartialEq)]
pub struct Headed<T> {
    /// For somebody who reads no further.
    pub summary: String,
    /// A struct that becomes a JSON object.
    pub facts: T,
}

impl<T: Serialize + JsonSchema + Send> Output for Headed<T> {
    type Schema = T;

    fn into_answer(self) -> Result<Answer> {
        Ok(Answer { summary: Some(self.summary), ..Json(self.facts).into_answer()? })
    }
}

/// A list of facts of one kind, and where it goes on.
#[derive(Debug, Clone)]
pub struct Listing<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where it goes on, if it does.
    pub next: Option<Cursor>,
    /// See [`PageMark`]; may be empty where the rows came at once.
    pub pages: Vec<PageMark>,
    /// Facts about the list as a whole (`region`), shown before it.
    pub about: Map<String, Value>,
    /// Columns to show; all when empty.
    pub fields: Vec<String>,
}

impl<T> Listing<T> {
    /// The whole list, in one page.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None, pages: Vec::new(), about: Map::new(), fields: Vec::new() }
    }

    /// Part of a list, and where it goes on.
    pub fn part(items: Vec<T>, next: Option<Cursor>, pages: Vec<PageMark>) -> Self {
        Self { next, pages, ..Self::whole(items) }
    }

    /// Adds a fact about the list as a whole.
    #[must_use]
    pub fn about(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.about.insert(name.to_owned(), value.into());
        self
    }

    /// Shows these columns only, in this order.
    #[must_use]
    pub fn fields(mut self, fields: &[String]) -> Self {
        fields.clone_into(&mut self.fields);
        self
    }
}

impl<T: Serialize + JsonSchema + Send> Output for Listing<T> {
    type Schema = ListingSchema<T>;

    fn into_answer(self) -> Result<Answer> {
        let objects = self.items.iter().map(to_object).collect::<Result<Vec<_>>>()?;
        let columns = if self.fields.is_empty() { filled_columns(&objects) } else { chosen::<T>(&self.fields)? };
        let rows: Vec<Value> = objects
            .into_iter()
            .map(|mut object| columns.iter().map(|column| object.remove(column).unwrap_or(Value::Null)).collect())
            .collect();
        let mut value = self.about;
        value.insert("columns".into(), json!(columns));
        value.insert("count".into(), rows.len().into());
        value.insert("rows".into(), rows.into());
        value.insert("truncated".into(), self.next.is_some().into());
        if let Some(next) = self.next {
            value.insert("next".into(), next.to_string().into());
        }
        Ok(Answer { pages: self.pages, ..Answer::of(value.into()) })
    }
}

fn to_object<T: Serialize>(item: &T) -> Result<Map<String, Value>> {
    match serde_json::to_value(item) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(Error::internal(format!("a row is not an object: {other}"))),
        Err(error) => Err(Error::internal(error.to_string())),
    }
}

/// Columns in the order of the first row that has them, without those that are empty in every row.
fn filled_columns(objects: &[Map<String, Value>]) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for object in objects {
        for (name, value) in object {
            if !is_empty(value) && !columns.contains(name) {
                columns.push(name.clone());
            }
        }
    }
    if let Some(first) = objects.first() {
        let place = |name: &String| first.keys().position(|key| key == name).unwrap_or(usize::MAX);
        columns.sort_by_key(place);
    }
    columns
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty() || members.get(OTHERS).is_some_and(|text| text == ""),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn chosen<T: JsonSchema>(fields: &[String]) -> Result<Vec<String>> {
    let known = column_names::<T>();
    for field in fields {
        if !known.iter().any(|name| name == field) {
            let error = Error::validation(format!("no field {field:?}"));
            return Err(match nearest(field, known.iter().map(String::as_str)) {
                Some(name) => error.hint(format!("did you mean {name:?}? fields: {}", known.join(", "))),
                None => error.hint(format!("fields: {}", known.join(", "))),
            });
        }
    }
    Ok(fields.to_vec())
}

fn column_names<T: JsonSchema>() -> Vec<String> {
    let schema = schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<T>();
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
}

/// Schema of a [`Listing`] as it goes out.
#[derive(Debug)]
pub struct ListingSchema<T>(std::marker::PhantomData<T>);

impl<T: JsonSchema> JsonSchema for ListingSchema<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("ListOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let row = generator.subschema_for::<T>();
        json_schema!({
            "type": "object",
            "description": "One row an item; `columns` names the cells. Columns that are empty in every row are left out.",
            "properties": {
                "columns": { "type": "array", "items": { "type": "string", "enum": column_names::<T>() } },
                "rows": { "type": "array", "items": { "type": "array", "items": {} }, "x-row": row },
                "count": { "type": "integer", "description": "Rows here" },
                "truncated": { "type": "boolean", "description": "There are more" },
                "next": { "type": "string", "description": "Cursor of the rest" }
            },
            "required": ["columns", "rows", "count", "truncated"]
        })
    }
}
