//! Follows an operation's pages.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trainyard_contract::{Error, Result};

use crate::{
    catalogue::model::{Bounds, Kind, Operation, Pages as Facts, Service},
    engine::Engine,
    project, service,
    settings::Scope,
};

/// Most pages that one call follows, whatever the service says.
const MAX_PAGES: u32 = 500;

/// Several pages as one answer.
#[derive(Debug, Clone)]
pub struct Pages {
    /// The first page, its lists grown by those of the others.
    pub output: Value,
    /// Where to go on, if there is more.
    pub next: Option<Cursor>,
    /// How many pages were asked for.
    pub pages: u32,
    /// Id of the last request.
    pub request_id: Option<String>,
    /// Region that was called.
    pub region: String,
}

/// A place between two items of a list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Input members that ask for the page.
    pub input: Map<String, Value>,
    /// Items of that page that were seen already.
    #[serde(default)]
    pub skip: usize,
}

impl Engine {
    /// Follows an operation's pages, from the start or from a cursor, up to `limit` items of its main list.
    ///
    /// An operation without pages is called once. A service that hands out the same token twice ends the walk, and so
    /// do 500 pages.
    pub async fn pages(
        &self,
        service: &str,
        operation: &str,
        input: Value,
        scope: &Scope,
        limit: Option<usize>,
        from: Option<&Cursor>,
    ) -> Result<Pages> {
        let loaded = service::load(service)?;
        let known = service::operation(loaded.service, operation)?;
        let Some(facts) = &known.pages else {
            let reply = self.call(service, operation, input, scope).await?;
            let (request_id, region) = (reply.request_id, reply.region);
            return Ok(Pages { output: reply.output, next: None, pages: 1, request_id, region });
        };
        let mut walk = Walk::new(loaded.service, known, facts, input, limit, from)?;
        loop {
            let reply = self.call(service, operation, walk.request(), scope).await?;
            if let Some(mut pages) = walk.take(reply.output)? {
                (pages.request_id, pages.region) = (reply.request_id, reply.region);
                return Ok(pages);
            }
        }
    }
}

/// A walk over pages: pure, so that it can be tested without any.
struct Walk<'f> {
    facts: &'f Facts<'f>,
    input: Map<String, Value>,
    /// Bounds of the page size, where it is ours to choose.
    size: Option<Bounds>,
    limit: usize,
    skip: usize,
    output: Option<Value>,
    items: usize,
    pages: u32,
}

impl<'f> Walk<'f> {
    fn new(
        service: &Service<'_>,
        operation: &Operation<'_>,
        facts: &'f Facts<'f>,
        input: Value,
        limit: Option<usize>,
        from: Option<&Cursor>,
    ) -> Result<Self> {
        let mut input = match input {
            Value::Object(input) => input,
            Value::Null => Map::new(),
            _ => return Err(Error::validation("the input: wants an object").code("InvalidParameter")),
        };
        let ours = facts.limit.filter(|name| !input.contains_key(*name));
        let size = ours.and_then(|name| bounds(service, operation, name));
        if let Some(cursor) = from {
            if cursor.input.keys().any(|name| !facts.input_tokens.contains(&name.as_str())) {
                return Err(Error::validation("the cursor belongs to another operation").code("InvalidCursor"));
            }
            input.extend(cursor.input.clone());
        }
        let skip = from.map_or(0, |cursor| cursor.skip);
        let limit = limit.unwrap_or(usize::MAX).max(1);
        Ok(Self { facts, input, size, limit, skip, output: None, items: 0, pages: 0 })
    }

    /// The next request. Pages are asked for as small as the limit allows, so that little is thrown away.
    fn request(&self) -> Value {
        let mut input = self.input.clone();
        if let (Some(bounds), Some(name), true) = (self.size, self.facts.limit, self.limit != usize::MAX) {
            let wanted = i64::try_from(self.limit - self.items + self.skip).unwrap_or(i64::MAX);
            let size = wanted.min(bounds.max.unwrap_or(1000)).max(bounds.min.unwrap_or(1));
            input.insert(name.to_owned(), Value::from(size));
        }
        Value::Object(input)
    }

    /// Adds a page; the whole, when it was the last one wanted.
    fn take(&mut self, mut page: Value) -> Result<Option<Pages>> {
        self.pages += 1;
        let tokens = self.tokens(&page)?;
        let main = self.facts.results.first();
        let total = main.and_then(|path| list(&mut page, path)).map_or(0, |items| items.len());
        let start = std::mem::take(&mut self.skip).min(total);
        let end = total.min(start.saturating_add(self.limit - self.items));
        if let Some(items) = main.and_then(|path| list(&mut page, path)) {
            items.truncate(end);
            items.drain(..start);
        }
        if start > 0 {
            // Beside the main list, all of this page was handed out together with its first items.
            self.facts.results.iter().skip(1).for_each(|path| empty(&mut page, path));
        }
        self.items += end - start;
        self.add(page);
        if end < total {
            let cursor = Cursor { input: self.here(), skip: end };
            return Ok(Some(self.finish(Some(cursor))));
        }
        let Some(tokens) = tokens.filter(|tokens| *tokens != self.here()) else { return Ok(Some(self.finish(None))) };
        let mergeable = main.is_none_or(|path| is_plain(path));
        if self.items >= self.limit || self.pages >= MAX_PAGES || !mergeable {
            return Ok(Some(self.finish(Some(Cursor { input: tokens, skip: 0 }))));
        }
        self.input.retain(|name, _| !self.facts.input_tokens.contains(&name.as_str()));
        self.input.extend(tokens);
        Ok(None)
    }

    /// Input members that ask for the page after this one, if there is one.
    fn tokens(&self, page: &Value) -> Result<Option<Map<String, Value>>> {
        if let Some(more) = self.facts.more
            && project::project(more, page)? == Value::Bool(false)
        {
            return Ok(None);
        }
        let mut tokens = Map::new();
        for (name, expression) in self.facts.input_tokens.iter().zip(&self.facts.output_tokens) {
            let token = project::project(expression, page)?;
            if !token.is_null() && token != "" {
                tokens.insert((*name).to_owned(), token);
            }
        }
        Ok(Some(tokens).filter(|tokens| !tokens.is_empty()))
    }

    /// Input members that ask for the page at hand.
    fn here(&self) -> Map<String, Value> {
        let is_token = |name: &str| self.facts.input_tokens.contains(&name);
        self.input
            .iter()
            .filter(|(name, _)| is_token(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
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

    fn finish(&mut self, next: Option<Cursor>) -> Pages {
        let mut output = self.output.take().unwrap_or(Value::Null);
        if let Some(members) = output.as_object_mut() {
            // Where to go on is said by the cursor; the first page's own words about it are out of date.
            let stale = self.facts.output_tokens.iter().chain(&self.facts.more);
            stale.filter(|name| !self.facts.results.contains(name)).for_each(|name| drop(members.shift_remove(*name)));
        }
        Pages { output, next, pages: self.pages, request_id: None, region: String::new() }
    }
}

/// What the model says about the member that limits a page.
fn bounds(service: &Service<'_>, operation: &Operation<'_>, name: &str) -> Option<Bounds> {
    let structure = service.structure(operation.input?)?;
    let member = structure.members.iter().find(|member| member.name == name)?;
    match service.shape(member.shape).kind {
        Kind::Integer(bounds) | Kind::Long(bounds) => Some(bounds),
        // Some services take the number as text; it is left to the caller there.
        _ => None,
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
    use crate::catalogue;

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
        let service = catalogue::service("ec2").unwrap();
        let operation = service.operation("DescribeInstances").unwrap();
        let facts = operation.pages.as_ref().unwrap();
        let mut walk = Walk::new(service, operation, facts, json!({}), limit, from).unwrap();
        loop {
            if let Some(pages) = walk.take(serve(&walk.request(), size)).unwrap() {
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
        let service = catalogue::service("sagemaker").unwrap();
        let operation = service.operation("ListClusterNodes").unwrap();
        let facts = operation.pages.as_ref().unwrap();
        let mut walk = Walk::new(service, operation, facts, json!({"ClusterName": "c"}), None, None).unwrap();
        let page = || json!({"ClusterNodeSummaries": [1], "NextToken": "same"});
        assert!(walk.take(page()).unwrap().is_none());
        let pages = walk.take(page()).unwrap().expect("the end");
        assert!(pages.next.is_none());
    }

    #[test]
    fn a_cursor_of_another_operation_is_refused() {
        let service = catalogue::service("ec2").unwrap();
        let operation = service.operation("DescribeInstances").unwrap();
        let cursor = Cursor { input: Map::from_iter([("InstanceIds".to_owned(), json!(["i-1"]))]), skip: 0 };
        let facts = operation.pages.as_ref().unwrap();
        assert!(Walk::new(service, operation, facts, json!({}), None, Some(&cursor)).is_err());
    }
}
