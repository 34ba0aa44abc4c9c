//! Several pages as one answer.

use serde_json::{Map, Value};

use super::{Cursor, MAX_PAGES, Page, Pages};
use crate::catalogue::model::Pages as Facts;

/// The answer as it grows.
pub(super) struct Whole {
    facts: &'static Facts<'static>,
    limit: usize,
    skip: usize,
    output: Option<Value>,
    items: usize,
    pages: u32,
}

impl Whole {
    pub(super) fn new(facts: &'static Facts<'static>, limit: Option<usize>, skip: usize) -> Self {
        Self { facts, limit: limit.unwrap_or(usize::MAX).max(1), skip, output: None, items: 0, pages: 0 }
    }

    /// How many items the next page should hold, where there is a limit.
    pub(super) fn wanted(&self) -> Option<usize> {
        (self.limit != usize::MAX).then(|| self.limit - self.items + self.skip)
    }

    /// Adds a page; the whole, when it was the last one wanted.
    pub(super) fn take(&mut self, page: Page) -> Option<Pages> {
        let Page { mut output, here, next, request_id, region } = page;
        self.pages += 1;
        let main = self.facts.results.first();
        let total = main.and_then(|path| list(&mut output, path)).map_or(0, |items| items.len());
        let start = std::mem::take(&mut self.skip).min(total);
        let end = total.min(start.saturating_add(self.limit - self.items));
        if let Some(items) = main.and_then(|path| list(&mut output, path)) {
            items.truncate(end);
            items.drain(..start);
        }
        if start > 0 {
            // Beside the main list, all of this page was handed out together with its first items.
            self.facts.results.iter().skip(1).for_each(|path| empty(&mut output, path));
        }
        self.items += end - start;
        self.add(output);
        let mergeable = main.is_none_or(|path| is_plain(path));
        let next = match next {
            _ if end < total => Some(Cursor { input: here, skip: end }),
            Some(tokens) if self.items >= self.limit || self.pages >= MAX_PAGES || !mergeable => {
                Some(Cursor { input: tokens, skip: 0 })
            }
            Some(_) => return None,
            None => None,
        };
        Some(Pages { output: self.finish(), next, pages: self.pages, request_id, region })
    }

    fn add(&mut self, mut page: Value) {
        let Some(whole) = &mut self.output else {
            self.output = Some(page);
            return;
        };
        for path in &self.facts.results {
            let Some(more) = at(&mut page, path).map(Value::take) else { continue };
            match (at(whole, path), more) {
                (Some(Value::Array(items)), Value::Array(more)) => items.extend(more),
                (Some(Value::Object(entries)), Value::Object(more)) => entries.extend(more),
                (Some(_), _) => {}
                (None, more) => put(whole, path, more),
            }
        }
    }

    fn finish(&mut self) -> Value {
        let mut output = self.output.take().unwrap_or(Value::Null);
        if let Some(members) = output.as_object_mut() {
            // Where to go on is said by the cursor; the first page's own words about it are out of date.
            let stale = self.facts.output_tokens.iter().chain(&self.facts.more);
            stale.filter(|name| !self.facts.results.contains(name)).for_each(|name| drop(members.shift_remove(*name)));
        }
        output
    }
}

/// Whether a result is found by names and dots alone.
fn is_plain(path: &str) -> bool {
    path.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.'))
}

fn at<'v>(value: &'v mut Value, path: &str) -> Option<&'v mut Value> {
    path.split('.').try_fold(value, |value, name| value.get_mut(name))
}

fn list<'v>(value: &'v mut Value, path: &str) -> Option<&'v mut Vec<Value>> {
    at(value, path).and_then(Value::as_array_mut)
}

fn empty(value: &mut Value, path: &str) {
    match at(value, path) {
        Some(Value::Array(items)) => items.clear(),
        Some(Value::Object(entries)) => entries.clear(),
        _ => {}
    }
}

fn put(value: &mut Value, path: &str, new: Value) {
    match (path.split_once('.'), value) {
        (None, Value::Object(entries)) => drop(entries.insert(path.to_owned(), new)),
        (Some((name, rest)), Value::Object(entries)) => {
            put(entries.entry(name).or_insert_with(|| Value::Object(Map::new())), rest, new);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{catalogue, paging::trail::Trail};

    /// A service with ten things, three a page at most.
    fn serve(request: &Value, size: usize) -> Value {
        let from = request["NextToken"].as_str().map_or(0, |token| token.parse::<usize>().unwrap());
        let asked = request["MaxResults"].as_u64().map_or(size, |asked| usize::try_from(asked).unwrap());
        let to = (from + asked.min(size)).min(10);
        let things: Vec<usize> = (from..to).collect();
        let next = if to < 10 { json!(to.to_string()) } else { Value::Null };
        json!({"NodegroupNames": things, "Reservations": things, "NextToken": next})
    }

    fn walk(limit: Option<usize>, from: Option<&Cursor>, size: usize) -> Pages {
        walk_over("ec2", "DescribeInstances", limit, from, |request| serve(request, size))
    }

    fn walk_over(
        service: &str,
        operation: &str,
        limit: Option<usize>,
        from: Option<&Cursor>,
        serve: impl Fn(&Value) -> Value,
    ) -> Pages {
        let service = catalogue::service(service).unwrap();
        let operation = service.operation(operation).unwrap();
        let mut trail = Trail::new(service, operation, json!({}), from).unwrap();
        let skip = from.map_or(0, |cursor| cursor.skip);
        let mut whole = Whole::new(operation.pages.as_ref().unwrap(), limit, skip);
        loop {
            let output = serve(&trail.request(whole.wanted()));
            let here = trail.here();
            let next = trail.advance(&output).unwrap().then(|| trail.here());
            let page = Page { output, here, next, request_id: None, region: String::new() };
            if let Some(pages) = whole.take(page) {
                return pages;
            }
        }
    }

    #[test]
    fn all_pages_become_one() {
        let pages = walk(None, None, 3);
        assert_eq!(pages.output["Reservations"], json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
        assert!(pages.next.is_none() && pages.output.get("NextToken").is_none());
        assert_eq!(pages.pages, 4);
    }

    #[test]
    fn every_limit_and_page_size_hands_out_each_thing_once() {
        for (limit, size) in [(1, 1), (1, 4), (4, 3), (5, 5), (7, 3), (10, 10), (11, 3), (3, 100)] {
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let pages = walk(Some(limit), cursor.as_ref(), size);
                let things = pages.output["Reservations"].as_array().unwrap().clone();
                assert!(things.len() <= limit);
                seen.extend(things);
                cursor = pages.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(Value::from(seen), json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), "limit {limit}, size {size}");
        }
    }

    #[test]
    fn a_token_that_repeats_ends_the_walk() {
        let serve = |_: &Value| json!({"ClusterNodeSummaries": [1], "NextToken": "same"});
        let pages = walk_over("sagemaker", "ListClusterNodes", None, None, serve);
        assert_eq!((pages.pages, pages.next), (2, None));
    }
}
