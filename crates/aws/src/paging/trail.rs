//! The way from page to page: which page is asked for next, and when there is none.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trainyard_contract::{Error, Place, Result};

use crate::{
    catalogue::model::{Bounds, Kind, Operation, Pages as Facts, Service},
    project,
};

/// A place between two items of a list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Input members that ask for the page.
    pub input: Map<String, Value>,
    /// Items of that page that were seen already.
    #[serde(default)]
    pub skip: usize,
}

/// A walk from page to page. Pure, so that it can be tested without a service.
#[derive(Debug)]
pub(crate) struct Trail {
    /// `None` for an operation whose answer is one page.
    pub(super) facts: Option<&'static Facts<'static>>,
    input: Map<String, Value>,
    /// Bounds of the page size, where it is ours to choose.
    size: Option<Bounds>,
}

impl Trail {
    pub(super) fn new(
        service: &Service<'_>,
        operation: &'static Operation<'static>,
        input: Value,
        from: Option<&Cursor>,
    ) -> Result<Self> {
        let mut input = match input {
            Value::Object(input) => input,
            Value::Null => Map::new(),
            _ => return Err(Error::validation("the input: wants an object").code("InvalidParameter")),
        };
        let facts = operation.pages.as_ref();
        let ours = facts.and_then(|facts| facts.limit).filter(|name| !input.contains_key(*name));
        let size = ours.and_then(|name| bounds(service, operation, name));
        if let Some(cursor) = from {
            let is_token = |name: &str| facts.is_some_and(|facts| facts.input_tokens.contains(&name));
            if !cursor.input.keys().all(|name| is_token(name)) {
                return Err(Error::validation("the cursor belongs to another operation").code("InvalidCursor"));
            }
            input.extend(cursor.input.clone());
        }
        Ok(Self { facts, input, size })
    }

    /// Pages are asked for in these sizes, or in the service's own.
    pub(crate) fn sized(&mut self, size: Option<Bounds>) {
        self.size = size;
    }

    /// The next request. Pages are asked for as small as what is `wanted` allows, so that little is thrown away.
    pub(super) fn request(&self, wanted: Option<usize>) -> Value {
        let mut input = self.input.clone();
        if let (Some(bounds), Some(name), Some(wanted)) = (self.size, self.facts.and_then(|facts| facts.limit), wanted)
        {
            let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
            let size = wanted.min(bounds.max.unwrap_or(1000)).max(bounds.min.unwrap_or(1));
            input.insert(name.to_owned(), Value::from(size));
        }
        Value::Object(input)
    }

    /// Input members that ask for the page at hand.
    pub(crate) fn here(&self) -> Map<String, Value> {
        let is_token = |name: &str| self.facts.is_some_and(|facts| facts.input_tokens.contains(&name));
        let tokens = self.input.iter().filter(|(name, _)| is_token(name));
        tokens.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Goes on to the page after this one. `false` where there is none, or where the service names the one at hand
    /// again: going on would never end.
    pub(super) fn advance(&mut self, page: &Value) -> Result<bool> {
        let Some(tokens) = self.tokens(page)?.filter(|tokens| *tokens != self.here()) else { return Ok(false) };
        let facts = self.facts;
        self.input.retain(|name, _| !facts.is_some_and(|facts| facts.input_tokens.contains(&name.as_str())));
        self.input.extend(tokens);
        Ok(true)
    }

    fn tokens(&self, page: &Value) -> Result<Option<Map<String, Value>>> {
        let Some(facts) = self.facts else { return Ok(None) };
        if let Some(more) = facts.more
            && find(more, page)? == Value::Bool(false)
        {
            return Ok(None);
        }
        let mut tokens = Map::new();
        for (name, expression) in facts.input_tokens.iter().zip(&facts.output_tokens) {
            let token = find(expression, page)?;
            if !token.is_null() && token != "" {
                tokens.insert((*name).to_owned(), token);
            }
        }
        Ok(Some(tokens).filter(|tokens| !tokens.is_empty()))
    }

    /// A place as a cursor that travels holds it: its tokens without their names, in the model's order.
    pub(crate) fn seal(operation: &Operation<'_>, tokens: &Map<String, Value>, skip: usize) -> Place {
        let names = operation.pages.as_ref().map_or(&[][..], |facts| &facts.input_tokens);
        let token = match (names, tokens.is_empty()) {
            (_, true) => None,
            ([name], _) => match tokens.get(*name) {
                Some(Value::String(token)) if !token.starts_with('[') => Some(token.clone()),
                token => Some(Value::from_iter([token.cloned()]).to_string()),
            },
            (names, _) => Some(names.iter().map(|name| tokens.get(*name).cloned()).collect::<Value>().to_string()),
        };
        Place { token, skip }
    }

    /// The place that [`Self::seal`] made.
    pub(crate) fn open(operation: &Operation<'_>, place: &Place) -> Result<Cursor> {
        let names = operation.pages.as_ref().map_or(&[][..], |facts| &facts.input_tokens);
        let values = match place.token.as_deref() {
            None => Vec::new(),
            Some(token) if token.starts_with('[') => serde_json::from_str(token)
                .map_err(|_| Error::validation("the cursor is not one that this server gave").code("InvalidCursor"))?,
            Some(token) => vec![Value::from(token)],
        };
        let tokens = names.iter().map(|name| (*name).to_owned()).zip(values).filter(|(_, value)| !value.is_null());
        Ok(Cursor { input: tokens.collect(), skip: place.skip })
    }
}

/// Most expressions are names, and pages are large: only the others are worth a compiler.
fn find(expression: &str, page: &Value) -> Result<Value> {
    if expression.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(page.get(expression).cloned().unwrap_or_default());
    }
    project::project(expression, page)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalogue;

    fn trail(service: &str, operation: &str, input: Value) -> Trail {
        let service = catalogue::service(service).unwrap();
        Trail::new(service, service.operation(operation).unwrap(), input, None).unwrap()
    }

    #[test]
    fn all_tokens_of_a_page_are_sent_together_and_survive_in_a_cursor() {
        let mut trail = trail("route53", "ListResourceRecordSets", json!({"HostedZoneId": "Z1"}));
        let page = json!({"IsTruncated": true, "NextRecordName": "a.example.", "NextRecordType": "A"});
        assert!(trail.advance(&page).unwrap());
        let wanted = json!({"StartRecordName": "a.example.", "StartRecordType": "A"});
        assert_eq!(Value::Object(trail.here()), wanted);
        let operation = catalogue::service("route53").unwrap().operation("ListResourceRecordSets").unwrap();
        let place = Trail::seal(operation, &trail.here(), 3);
        let opened = Trail::open(operation, &place).unwrap();
        assert_eq!((Value::Object(opened.input), opened.skip), (wanted, 3));
        let last = json!({"IsTruncated": false, "NextRecordName": "b.example.", "NextRecordType": "A"});
        assert!(!trail.advance(&last).unwrap(), "the service says that this is all");
    }

    #[test]
    fn a_token_that_is_no_text_survives_in_a_cursor() {
        let mut trail = trail("dynamodb", "Scan", json!({"TableName": "t"}));
        assert!(trail.advance(&json!({"LastEvaluatedKey": {"id": {"S": "1"}}})).unwrap());
        let operation = catalogue::service("dynamodb").unwrap().operation("Scan").unwrap();
        let opened = Trail::open(operation, &Trail::seal(operation, &trail.here(), 0)).unwrap();
        assert_eq!(opened.input, trail.here());
        for odd in ["[1", "plain", "[\"x\"]"] {
            let tokens = Map::from_iter([("ExclusiveStartTableName".to_owned(), json!(odd))]);
            let operation = catalogue::service("dynamodb").unwrap().operation("ListTables").unwrap();
            let place = Trail::seal(operation, &tokens, 0);
            assert_eq!(Trail::open(operation, &place).unwrap().input, tokens, "{odd}");
        }
    }

    #[test]
    fn a_cursor_of_another_operation_is_refused() {
        let service = catalogue::service("ec2").unwrap();
        let operation = service.operation("DescribeInstances").unwrap();
        let cursor = Cursor { input: Map::from_iter([("InstanceIds".to_owned(), json!(["i-1"]))]), skip: 0 };
        assert!(Trail::new(service, operation, json!({}), Some(&cursor)).is_err());
    }
}
