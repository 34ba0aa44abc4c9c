//! Answers that were too large, whole: kept in memory for whoever asked, so that the rest can be read without another
//! call. Bounded in number, in bytes and in time.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use trainyard_contract::{Error, Result};

use crate::{budget, state::random_id};

/// Results that are kept at once; the oldest give way.
const MOST: usize = 32;
/// Bytes of all of them together, as JSON.
const MOST_BYTES: usize = 16 << 20;
/// Bytes of one. A larger one is not kept: narrower calls are the way to it.
const LARGEST: usize = 8 << 20;
/// How long each is kept.
const LIFETIME: Duration = Duration::from_mins(10);

/// The results that this process keeps.
#[derive(Default)]
pub(crate) struct Results(Mutex<VecDeque<Kept>>);

struct Kept {
    id: String,
    principal: String,
    made: Instant,
    text: String,
}

impl Results {
    /// Keeps a redacted answer and names it; `None` where it is too large for that.
    pub(crate) fn keep(&self, principal: &str, answer: &Value) -> Result<Option<String>> {
        self.keep_at(principal, answer.to_string(), Instant::now())
    }

    fn keep_at(&self, principal: &str, text: String, now: Instant) -> Result<Option<String>> {
        if text.len() > LARGEST {
            return Ok(None);
        }
        let id = random_id()?;
        let mut kept = self.fresh(now);
        let mut bytes: usize = kept.iter().map(|result| result.text.len()).sum();
        while kept.len() >= MOST || bytes + text.len() > MOST_BYTES {
            let Some(oldest) = kept.pop_front() else { break };
            bytes -= oldest.text.len();
        }
        kept.push_back(Kept { id: id.clone(), principal: principal.to_owned(), made: now, text });
        Ok(Some(id))
    }

    /// What is kept and not too old.
    fn fresh(&self, now: Instant) -> std::sync::MutexGuard<'_, VecDeque<Kept>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|result| now.saturating_duration_since(result.made) < LIFETIME);
        kept
    }

    /// Names of what is kept for this caller, the newest first.
    pub(crate) fn of(&self, principal: &str) -> Vec<String> {
        let kept = self.fresh(Instant::now());
        kept.iter().rev().filter(|result| result.principal == principal).map(|result| result.id.clone()).collect()
    }

    /// A kept answer. One of somebody else is as good as none.
    pub(crate) fn get(&self, id: &str, principal: &str) -> Result<Value> {
        let kept = self.fresh(Instant::now());
        let found = kept.iter().find(|result| result.id == id && result.principal == principal);
        let text = found.map(|result| result.text.clone());
        drop(kept);
        let text = text.ok_or_else(|| {
            Error::not_found("result", id).hint("results are kept for ten minutes; make the call again")
        })?;
        serde_json::from_str(&text).map_err(|error| Error::internal(format!("a result that was kept: {error}")))
    }
}

/// A page of a whole answer from row, or byte, `from` on, of about so many tokens, and where the next begins.
pub(crate) fn page(answer: &Value, from: usize, tokens: usize) -> Result<(Value, Option<usize>)> {
    match (&answer["columns"], &answer["rows"]) {
        (columns @ Value::Array(_), Value::Array(rows)) => {
            let rest = rows.get(from..).filter(|rest| from == 0 || !rest.is_empty()).ok_or_else(|| beyond(from))?;
            let mut left = tokens;
            let fits = |row: &&Value| {
                let cost = budget::tokens(&row.to_string()) + 1;
                left.checked_sub(cost).map(|rest| left = rest).is_some()
            };
            let shown = rest.iter().take_while(fits).count().max(1).min(rest.len());
            let next = (from + shown < rows.len()).then_some(from + shown);
            Ok((json!({ "columns": columns, "rows": rest[..shown], "from": from, "of": rows.len() }), next))
        }
        _ => text_page(&format!("{answer:#}"), from, tokens),
    }
}

/// The same of anything that is no table: its text, in pieces.
fn text_page(text: &str, from: usize, tokens: usize) -> Result<(Value, Option<usize>)> {
    let rest = text.get(from..).filter(|rest| !rest.is_empty()).ok_or_else(|| beyond(from))?;
    let mut end = rest.len();
    while end > 1 && budget::tokens(&rest[..end]) > tokens {
        end = (end / 2..=end * 3 / 4).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(1);
    }
    // A page ends with a line where it can.
    if let Some(line) = rest[..end].rfind('\n').filter(|_| end < rest.len()) {
        end = line + 1;
    }
    let next = (end < rest.len()).then_some(from + end);
    Ok((json!({ "text": rest[..end], "from": from, "of": text.len() }), next))
}

fn beyond(from: usize) -> Error {
    Error::validation(format!("this result has nothing from {from} on"))
        .hint("read it without a place to begin, and follow `next`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_its_callers_only_and_for_a_while() {
        let results = Results::default();
        let now = Instant::now();
        let id = results.keep_at("me", "{\"a\":1}".into(), now).unwrap().unwrap();
        assert_eq!(results.get(&id, "me").unwrap(), json!({ "a": 1 }));
        assert_eq!(results.get(&id, "you").unwrap_err().kind(), trainyard_contract::ErrorKind::NotFound);
        assert_eq!((results.of("me"), results.of("you").len()), (vec![id.clone()], 0));
        assert_eq!(results.fresh(now + LIFETIME).len(), 0);
        assert!(results.get(&id, "me").is_err());
    }

    #[test]
    fn what_is_kept_has_bounds() {
        let results = Results::default();
        let now = Instant::now();
        let first = results.keep_at("", "1".into(), now).unwrap().unwrap();
        for _ in 0..MOST {
            results.keep_at("", "2".into(), now).unwrap().unwrap();
        }
        assert_eq!(results.of("").len(), MOST);
        assert!(results.get(&first, "").is_err(), "the oldest gave way");
        assert!(results.keep_at("", "x".repeat(LARGEST + 1), now).unwrap().is_none());
        for _ in 0..3 {
            results.keep_at("", "x".repeat(LARGEST), now).unwrap().unwrap();
        }
        assert_eq!(results.of("").len(), MOST_BYTES / LARGEST);
    }

    #[test]
    fn pages_of_a_table_and_of_anything_else_add_up_to_the_whole() {
        let rows: Vec<Value> = (0..500).map(|row| json!([row, "a name of some length"])).collect();
        let table = json!({ "columns": ["number", "name"], "rows": rows, "note": "cut" });
        let (mut read, mut next, mut pages) = (Vec::new(), Some(0), 0);
        while let Some(from) = next {
            let (page, after) = page(&table, from, 500).unwrap();
            assert!(budget::tokens(&page.to_string()) < 600);
            read.extend(page["rows"].as_array().unwrap().clone());
            (next, pages) = (after, pages + 1);
        }
        assert_eq!((read, pages > 5), (rows, true));
        assert!(page(&table, 500, 500).is_err() && page(&table, usize::MAX, 500).is_err());

        let other = json!({ "text": "über ".repeat(2000), "list": vec!["a line"; 300] });
        let (mut read, mut next) = (String::new(), Some(0));
        while let Some(from) = next {
            let (page, after) = page(&other, from, 300).unwrap();
            read.push_str(page["text"].as_str().unwrap());
            next = after;
        }
        assert_eq!(serde_json::from_str::<Value>(&read).unwrap(), other);
        assert!(page(&other, 10 + 1, 300).is_ok() || page(&other, 10, 300).is_ok());
        assert!(page(&json!({ "columns": [], "rows": [] }), 0, 10).is_ok());
    }
}
