//! Standard output and what stands on it: tables and outlines for people, JSON for programs.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;
use trainyard_contract::{Error, Result};
use unicode_width::UnicodeWidthStr;

/// Widest cell of a table; the rest of a long value is in the JSON.
const CELL: usize = 60;

/// Whether a person reads along.
pub(crate) fn at_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether answers are shown in the form for people.
pub(crate) fn is_for_people(json: bool) -> bool {
    at_terminal() && !json
}

/// Prints a text as it is. A reader that went away is not an error.
pub(crate) fn text(text: &str) -> Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::internal(format!("could not write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints an answer: as JSON for programs, as table or outline for people.
pub(crate) fn answer(value: &Value, json: bool) -> Result<()> {
    match (at_terminal(), json) {
        (true, false) => text(&for_people(value)),
        (true, true) => text(&format!("{value:#}\n")),
        // Nobody reads it: one line, as other programs like it.
        (false, _) => text(&format!("{value}\n")),
    }
}

pub(crate) fn for_people(value: &Value) -> String {
    let mut out = String::new();
    if let (Some(Value::Array(columns)), Some(Value::Array(rows))) = (value.get("columns"), value.get("rows")) {
        let headings: Vec<String> = columns.iter().map(cell).collect();
        let cells = rows.iter().map(|row| row.as_array().into_iter().flatten().map(cell).collect()).collect();
        out.push_str(&table(&headings, cells));
        let about = value.as_object().into_iter().flatten();
        for (name, value) in about.filter(|(name, _)| !matches!(name.as_str(), "columns" | "rows" | "truncated")) {
            outline(&mut out, name, value, 0);
        }
    } else if let Value::Object(members) = value {
        for (name, value) in members {
            outline(&mut out, name, value, 0);
        }
    } else if let Some(table) = value.as_array().and_then(|items| items_table(items)) {
        out.push_str(&table);
    } else {
        out.push_str(&cell(value));
        out.push('\n');
    }
    out
}

/// Objects of one kind as a table, without columns that are empty throughout.
fn items_table(items: &[Value]) -> Option<String> {
    let objects: Vec<_> = items.iter().map(Value::as_object).collect::<Option<_>>()?;
    let mut columns: Vec<&String> = Vec::new();
    for (name, value) in objects.iter().copied().flatten() {
        let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !empty && !columns.contains(&name) {
            columns.push(name);
        }
    }
    if columns.is_empty() {
        return None;
    }
    let headings: Vec<String> = columns.iter().copied().cloned().collect();
    let row = |object: &&serde_json::Map<String, Value>| {
        columns.iter().map(|name| cell(object.get(*name).unwrap_or(&Value::Null))).collect()
    };
    Some(table(&headings, objects.iter().map(row).collect()))
}

fn outline(out: &mut String, name: &str, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) if !members.is_empty() => {
            out.push_str(&format!("{indent}{name}:\n"));
            for (name, value) in members {
                outline(out, name, value, depth + 1);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            out.push_str(&format!("{indent}{name}:\n"));
            if let Some(table) = items_table(items) {
                out.extend(table.lines().map(|line| format!("{indent}  {line}\n")));
                return;
            }
            for item in items {
                match item {
                    Value::Object(_) => outline(out, "-", item, depth + 1),
                    other => out.push_str(&format!("{indent}  - {}\n", cell(other))),
                }
            }
        }
        other => out.push_str(&format!("{indent}{name}: {}\n", cell(other))),
    }
}

/// A value on one line.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        // What others wrote could move the cursor, or worse.
        Value::String(text) => text.replace(char::is_control, " "),
        Value::Number(number) if number.is_f64() => number.as_f64().map_or_else(|| number.to_string(), short),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        Value::Object(members) => {
            members.iter().map(|(name, value)| format!("{name}={}", cell(value))).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

/// Letters up to which a number is shown as it is: amounts of money and the like.
const NUMBER: usize = 10;

/// Six digits of a longer one are enough to look at; the JSON has all of them.
fn short(value: f64) -> String {
    let exact = Value::from(value).to_string();
    if exact.len() <= NUMBER || !(1e-4..1e6).contains(&value.abs()) {
        return exact;
    }
    let before = (0..6).find(|&digits| value.abs() < 10_f64.powi(digits)).unwrap_or(6);
    let text = format!("{value:.*}", usize::try_from(6 - before).unwrap_or_default());
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Columns as wide as their widest cell, two spaces apart. The last column is not cut: nothing stands behind it.
pub(crate) fn table(headings: &[String], rows: Vec<Vec<String>>) -> String {
    let mut lines = vec![headings.iter().map(|name| name.to_uppercase()).collect::<Vec<_>>()];
    lines.extend(rows);
    let shorten = |text: &String| {
        if text.width() <= CELL {
            return text.clone();
        }
        let mut short = String::new();
        for letter in text.chars() {
            if short.width() >= CELL - 1 {
                break;
            }
            short.push(letter);
        }
        short + "…"
    };
    let last = headings.len().saturating_sub(1);
    let lines: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            line.iter().enumerate().map(|(at, text)| if at < last { shorten(text) } else { text.clone() }).collect()
        })
        .collect();
    let widths: Vec<usize> = (0..headings.len())
        .map(|column| lines.iter().filter_map(|line| line.get(column)).map(|text| text.width()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for line in lines {
        let mut row = String::new();
        for (text, width) in line.iter().zip(&widths) {
            row.push_str(text);
            row.push_str(&" ".repeat(width + 2 - text.width()));
        }
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_listing_is_a_table_and_the_rest_stands_below_it() {
        let value = json!({
            "region": "eu-west-1",
            "columns": ["id", "tags"],
            "count": 2,
            "rows": [["i-1", { "team": "a" }], ["i-22", null]],
            "truncated": false
        });
        assert_eq!(for_people(&value), "ID    TAGS\ni-1   team=a\ni-22  -\nregion: eu-west-1\ncount: 2\n");
    }

    #[test]
    fn numbers_are_short_and_texts_move_no_cursor() {
        let shown =
            [29.124_054_999_999_99, -0.000_123_456_789, 39.693_404_260_171_505, 123_450.432_198, 99_999.55, 18.0, 1e-9];
        let shown = shown.map(|value| cell(&json!(value)));
        assert_eq!(shown, ["29.1241", "-0.000123", "39.6934", "123450", "99999.55", "18.0", "1e-9"]);
        assert_eq!(cell(&json!("a\u{1b}[2Jb\r\nc")), "a [2Jb  c");
    }

    #[test]
    fn other_answers_are_outlines() {
        let value = json!({ "a": 1, "b": { "c": "x\ny" }, "d": [{ "e": true }, { "g": null, "h": 2 }], "f": [1, 2] });
        assert_eq!(for_people(&value), "a: 1\nb:\n  c: x y\nd:\n  E     H\n  true  -\n  -     2\nf: 1,2\n");
    }
}
