//! Answers on a terminal, for somebody who sees them for the first time.

use serde_json::Value;
use tiktoken_rs::o200k_base_singleton;

/// Widest line.
const WIDTH: usize = 116;

pub(super) fn tokens(text: &str) -> usize {
    o200k_base_singleton().encode_ordinary(text).len()
}

pub(super) fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| format!("{name}={}", word(value))).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// The answer of a call, and what it cost.
pub(super) fn answer(result: &Value, milliseconds: u128) {
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    let facts = &result["structuredContent"];
    let lines = if result["isError"] == true {
        wrapped(text)
    } else if let Some(rows) = facts["rows"].as_array() {
        let columns = facts["columns"].as_array().into_iter().flatten().map(word).collect();
        table(columns, rows.iter().map(|row| row.as_array().into_iter().flatten().map(word).collect()).collect())
    } else if let Some(nodes) = facts["result"]["nodes"].as_array() {
        let row = |node: &Value| {
            vec![
                word(&node["instance_group_name"]),
                word(&node["instance_id"]),
                word(&node["instance_type"]),
                word(&node["instance_status"]["status"]),
            ]
        };
        table(["group", "node", "type", "status"].map(str::to_owned).to_vec(), nodes.iter().map(row).collect())
    } else {
        wrapped(text)
    };
    for line in lines {
        println!("  | {line}");
    }
    let failed = if result["isError"] == true { "refused or failed, " } else { "" };
    println!("  ({failed}{} tokens, {milliseconds} ms)", tokens(text));
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is at least one line");
        if !last.is_empty() && last.chars().count() + word.chars().count() >= WIDTH {
            lines.push(shortened(word, WIDTH));
            continue;
        }
        if !last.is_empty() {
            last.push(' ');
        }
        last.push_str(word);
    }
    lines.into_iter().map(|line| shortened(&line, 3 * WIDTH)).collect()
}

fn table(columns: Vec<String>, rows: Vec<Vec<String>>) -> Vec<String> {
    let all: Vec<Vec<String>> = std::iter::once(columns).chain(rows).collect();
    let width = |column: usize| all.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let line = |row: &Vec<String>| -> String {
        let cells = row.iter().enumerate().map(|(at, cell)| format!("{cell:<w$}  ", w = width(at).unwrap_or_default()));
        shortened(cells.collect::<String>().trim_end(), WIDTH)
    };
    all.iter().map(line).collect()
}
