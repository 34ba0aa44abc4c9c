//! Answers that fit a model's context.

use serde_json::{Value, json};
use trainyard_contract::{Answer, PageMark};

/// Tokens that an answer may have.
pub(crate) const ANSWER_TOKENS: usize = 8000;
/// No single text is longer than this many bytes when others have to make room for it.
const TEXT_BYTES: usize = 4000;

/// An estimate of the tokens of `text`, on the high side: a test holds it against a real tokenizer.
pub fn tokens(text: &str) -> usize {
    let mut quarters = 0;
    let mut run = Run::Other;
    let mut length = 0_usize;
    for byte in text.bytes() {
        let kind = match byte {
            b'a'..=b'z' => Run::Lower,
            b'A'..=b'Z' => Run::Upper,
            b'0'..=b'9' => Run::Digit,
            b' ' => Run::Space,
            128.. => Run::Wide,
            _ => Run::Other,
        };
        if kind != run {
            quarters += run.cost(length);
            run = kind;
            length = 0;
        }
        length += 1;
    }
    (quarters + run.cost(length)).div_ceil(4)
}

#[derive(Clone, Copy, PartialEq)]
enum Run {
    Lower,
    Upper,
    Digit,
    Space,
    Wide,
    Other,
}

impl Run {
    /// Quarters of a token for a run of this many bytes.
    fn cost(self, length: usize) -> usize {
        if length == 0 {
            return 0;
        }
        match self {
            // Words are mostly one token, long ones two; a letter between digits is one as well.
            Self::Lower => 4 + length.saturating_sub(7) / 2,
            // A capital mostly belongs to the word that follows it.
            Self::Upper => length * 9 / 4,
            Self::Digit => length.div_ceil(3) * 4,
            // One space belongs to the word that follows it.
            Self::Space => (length - 1).div_ceil(4),
            Self::Wide => length * 2,
            Self::Other => 3 + length,
        }
    }
}

/// Cuts an answer to the budget: a list at a row, anything else at its largest list or text. What was cut is said,
/// with the way to the rest.
pub(crate) fn fit(answer: Answer, budget: usize) -> Value {
    let Answer { mut value, pages, .. } = answer;
    if fits(&value, budget) {
        return value;
    }
    let size = tokens(&value.to_string());
    if value.get("columns").is_some_and(Value::is_array) && value.get("rows").is_some_and(Value::is_array) {
        cut_rows(&mut value, &pages, size, budget);
    }
    for _ in 0..64 {
        let size = tokens(&value.to_string());
        if size <= budget || !shrink(&mut value, size, budget) {
            break;
        }
    }
    value
}

/// Whether an answer fits as it is.
pub(crate) fn fits(value: &Value, budget: usize) -> bool {
    // No byte is more than a token, so most answers need no closer look.
    bytes(value) <= budget || tokens(&value.to_string()) <= budget
}

/// The most bytes that this can be as JSON. Control characters have been cleaned out, so no letter is longer than two.
fn bytes(value: &Value) -> usize {
    let text = |text: &str| 2 * text.len() + 3;
    match value {
        Value::Null | Value::Bool(_) => 6,
        Value::Number(_) => 26,
        Value::String(string) => text(string),
        Value::Array(items) => 3 + items.iter().map(bytes).sum::<usize>(),
        Value::Object(members) => 3 + members.iter().map(|(name, value)| text(name) + 1 + bytes(value)).sum::<usize>(),
    }
}

fn cut_rows(value: &mut Value, pages: &[PageMark], size: usize, budget: usize) {
    let Some(Value::Array(rows)) = value.get_mut("rows") else { return };
    let all = rows.len();
    let costs: Vec<_> = rows.iter().map(|row| tokens(&row.to_string()) + 1).collect();
    let frame = size.saturating_sub(costs.iter().sum());
    // Room for the sentence and the cursor that are added below.
    let mut left = budget.saturating_sub(frame + 160);
    let fits = costs.iter().take_while(|cost| left.checked_sub(**cost).map(|rest| left = rest).is_some()).count();
    let kept = fits.max(1).min(all);
    if kept == all {
        return;
    }
    rows.truncate(kept);
    value["count"] = kept.into();
    value["truncated"] = true.into();
    let page = pages.iter().rev().find(|page| page.start <= kept);
    match page {
        Some(page) => {
            value["next"] = page.cursor.further(kept - page.start).to_string().into();
            value["note"] = format!("{kept} of {all} rows fit; call again with cursor = next for the rest").into();
        }
        None => {
            // It would go on behind rows that nobody saw.
            value.as_object_mut().map(|object| object.remove("next"));
            value["note"] =
                format!("{kept} of {all} rows fit; narrow the call, or ask for fewer `fields`, to see the rest").into();
        }
    }
}

/// Makes the largest list or text of the answer smaller. `false` when nothing is left to shrink.
fn shrink(value: &mut Value, size: usize, budget: usize) -> bool {
    let mut largest = Largest { bytes: 0, path: Vec::new() };
    find_largest(value, &mut Vec::new(), &mut largest);
    let path = pointer(&largest.path);
    let Some(place) = value.pointer_mut(&path) else { return false };
    let said = match place {
        Value::Array(items) if items.len() > 1 => {
            let all = items.len();
            // Aim at the share that has to go, and always make progress.
            let keep = (all * budget / size.max(1)).min(all - 1).max(1);
            items.truncate(keep);
            json!({ "path": path, "shown": keep, "unit": "items" })
        }
        Value::String(text) if text.len() > 200 => {
            let keep = (text.len() * budget / size.max(1)).min(text.len() / 2).clamp(100, TEXT_BYTES);
            let keep = (0..=keep).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(keep);
            text.push('…');
            json!({ "path": path, "shown": keep, "unit": "bytes" })
        }
        _ => return false,
    };
    drop_token_beside(value, &largest.path);
    note_cut(value, said);
    true
}

/// A token beside a list that was cut would lead past what was cut off.
fn drop_token_beside(value: &mut Value, path: &[String]) {
    let Some((list, parent)) = path.split_last() else { return };
    let Some(Value::Object(members)) = value.pointer_mut(&pointer(parent)) else { return };
    if !members.get(list).is_some_and(Value::is_array) {
        return;
    }
    let tokens = ["next", "next_token", "nextToken", "NextToken", "NextMarker", "Marker"];
    for token in tokens {
        if members.get(token).is_some_and(Value::is_string) {
            members.insert(token.to_owned(), Value::Null);
            members.insert(
                "note".to_owned(),
                "the list was cut to fit; repeat the call asking for no more items than are shown, and go on from there".into(),
            );
        }
    }
}

fn note_cut(value: &mut Value, said: Value) {
    let Some(object) = value.as_object_mut() else { return };
    object.insert("truncated".into(), true.into());
    let cuts = object.entry("cut").or_insert_with(|| json!([]));
    if let Some(cuts) = cuts.as_array_mut() {
        match cuts.iter_mut().find(|cut| cut["path"] == said["path"]) {
            Some(cut) => *cut = said,
            None => cuts.push(said),
        }
    }
}

struct Largest {
    bytes: usize,
    path: Vec<String>,
}

/// The deepest list or text that holds more than half of its parent, or else the largest one.
fn find_largest(value: &Value, path: &mut Vec<String>, largest: &mut Largest) -> usize {
    let bytes = match value {
        Value::Array(items) => {
            let mut sum = 2;
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                sum += 1 + find_largest(item, path, largest);
                path.pop();
            }
            sum
        }
        Value::Object(members) => {
            let mut sum = 2;
            for (name, member) in members.iter().filter(|(name, _)| *name != "cut") {
                path.push(name.clone());
                sum += name.len() + 4 + find_largest(member, path, largest);
                path.pop();
            }
            sum
        }
        Value::String(text) => text.len() + 2,
        _ => 8,
    };
    let divisible = match value {
        Value::Array(items) => items.len() > 1,
        Value::String(text) => text.len() > 200,
        _ => false,
    };
    // A list of one large thing is not the place to cut; the thing is.
    if divisible && bytes > largest.bytes.saturating_add(largest.bytes / 2) {
        *largest = Largest { bytes, path: path.clone() };
    }
    bytes
}

fn pointer(path: &[String]) -> String {
    path.iter().fold(String::new(), |pointer, step| format!("{pointer}/{}", step.replace('~', "~0").replace('/', "~1")))
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
