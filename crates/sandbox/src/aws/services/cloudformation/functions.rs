//! Functions of templates: references, conditions, and what texts are put together from.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use super::template::FUNCTIONS;

/// What a template is evaluated with.
pub(super) struct Scope<'a> {
    pub(super) template: &'a Value,
    /// Values of the parameters, lists where the type is one.
    pub(super) parameters: &'a Map<String, Value>,
    /// `AWS::Region` and the like.
    pub(super) pseudo: Map<String, Value>,
    /// Physical id and attributes of a resource, once it is there.
    pub(super) resource: &'a dyn Fn(&str) -> Option<(Value, Value)>,
    /// Values that other stacks export.
    pub(super) exported: &'a dyn Fn(&str) -> Option<Value>,
    /// Zones of the region.
    pub(super) zones: Vec<String>,
}

type Evaluated = Result<Option<Value>, String>;

impl Scope<'_> {
    /// A value without functions; none where the template says that there is no value.
    pub(super) fn value(&self, value: &Value) -> Evaluated {
        match value {
            Value::Array(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| self.value(item)).collect();
                Ok(Some(items?.into_iter().flatten().collect()))
            }
            Value::Object(members) => match function(members) {
                Some((name, argument)) => self.call(name, argument),
                None => {
                    let mut whole = Map::new();
                    for (name, member) in members {
                        if let Some(member) = self.value(member)? {
                            whole.insert(name.clone(), member);
                        }
                    }
                    Ok(Some(whole.into()))
                }
            },
            plain => Ok(Some(plain.clone())),
        }
    }

    /// A value that has to be there.
    fn needed(&self, value: &Value) -> Result<Value, String> {
        self.value(value)?.ok_or_else(|| "Template error: a function needs a value, not AWS::NoValue".to_owned())
    }

    fn text(&self, value: &Value) -> Result<String, String> {
        let value = self.needed(value)?;
        plain(&value).ok_or_else(|| format!("Template error: every value has to be a text, not {value}"))
    }

    fn call(&self, name: &str, argument: &Value) -> Evaluated {
        let items = |count: usize| {
            let items = argument.as_array().filter(|items| items.len() == count);
            items.ok_or_else(|| format!("Template error: {name} takes a list of {count} values"))
        };
        let some = |value: Value| Ok(Some(value));
        match name {
            "Ref" => self.reference(argument.as_str().unwrap_or_default()),
            "Fn::GetAtt" => self.attribute(argument).map(Some),
            "Fn::Sub" => self.sub(argument).map(|text| Some(text.into())),
            "Fn::Join" => {
                let parts = items(2)?;
                let list = self.needed(&parts[1])?;
                let texts: Option<Vec<String>> = list.as_array().and_then(|list| list.iter().map(plain).collect());
                let texts =
                    texts.ok_or("Template error: every Fn::Join object takes a delimiter and a list of texts")?;
                some(texts.join(parts[0].as_str().unwrap_or_default()).into())
            }
            "Fn::Split" => {
                let parts = items(2)?;
                let (separator, text) = (self.text(&parts[0])?, self.text(&parts[1])?);
                some(text.split(separator.as_str()).collect())
            }
            "Fn::Select" => {
                let parts = items(2)?;
                let (number, list) = (self.text(&parts[0])?, self.needed(&parts[1])?);
                let found = number.parse::<usize>().ok().and_then(|number| list.get(number).cloned());
                found.map(Some).ok_or_else(|| {
                    format!("Template error: Fn::Select cannot select nonexistent value at index {number}")
                })
            }
            "Fn::If" => {
                let parts = items(3)?;
                let holds = self.named_condition(parts[0].as_str().unwrap_or_default())?;
                self.value(&parts[if holds { 1 } else { 2 }])
            }
            "Fn::FindInMap" => {
                let parts = items(3)?;
                let keys = parts.iter().map(|part| self.text(part)).collect::<Result<Vec<_>, _>>()?;
                let found = self.template["Mappings"].get(&keys[0]).and_then(|map| map.get(&keys[1])?.get(&keys[2]));
                let error =
                    || format!("Template error: Unable to get mapping for {}::{}::{}", keys[0], keys[1], keys[2]);
                found.cloned().map(Some).ok_or_else(error)
            }
            "Fn::GetAZs" => some(self.zones.iter().map(|zone| json!(zone)).collect()),
            "Fn::Base64" => some(BASE64_STANDARD.encode(self.text(argument)?).into()),
            "Fn::Cidr" => self.blocks(argument).map(Some),
            "Fn::ImportValue" => {
                let name = self.text(argument)?;
                (self.exported)(&name).map(Some).ok_or_else(|| format!("No export named {name} found."))
            }
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" | "Condition" => {
                self.holds(&json!({ name: argument })).map(|holds| Some(holds.into()))
            }
            other => Err(format!("the function {other} is not in the sandbox")),
        }
    }

    fn reference(&self, name: &str) -> Evaluated {
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        let known = self.parameters.get(name).or_else(|| self.pseudo.get(name)).cloned();
        known
            .or_else(|| (self.resource)(name).map(|(id, _)| id))
            .map(Some)
            .ok_or_else(|| format!("Unresolved resource dependencies [{name}] in the Resources block of the template"))
    }

    fn attribute(&self, argument: &Value) -> Result<Value, String> {
        let (resource, attribute) = attribute_of(argument).ok_or("Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute")?;
        let (_, attributes) = (self.resource)(&resource).ok_or_else(|| {
            format!("Template error: instance of Fn::GetAtt references undefined resource {resource}")
        })?;
        attributes.get(&attribute).cloned().ok_or_else(|| {
            format!("Template error: resource {resource} does not support attribute type {attribute} in Fn::GetAtt")
        })
    }

    fn sub(&self, argument: &Value) -> Result<String, String> {
        let (text, own) = match argument {
            Value::String(text) => (text.as_str(), None),
            Value::Array(parts) => (parts.first().and_then(Value::as_str).unwrap_or_default(), parts.get(1)),
            other => return Err(format!("Template error: Fn::Sub takes a text, or a text and a map, not {other}")),
        };
        let mut whole = String::new();
        for part in pieces(text) {
            match part {
                Piece::Text(text) => whole.push_str(text),
                Piece::Name(name) => {
                    let value = match own.and_then(|own| own.get(name)) {
                        Some(value) => self.needed(value)?,
                        None => match name.split_once('.') {
                            Some((resource, attribute)) => self.attribute(&json!([resource, attribute]))?,
                            None => self.reference(name)?.unwrap_or_default(),
                        },
                    };
                    let text = plain(&value);
                    whole.push_str(&text.ok_or_else(|| format!("Template error: {name} in Fn::Sub is no text"))?);
                }
            }
        }
        Ok(whole)
    }

    /// Equal blocks of addresses within one.
    fn blocks(&self, argument: &Value) -> Result<Value, String> {
        let wrong = || "Template error: Fn::Cidr takes a block, a number of blocks and a number of bits".to_owned();
        let parts = argument.as_array().filter(|parts| (2..=3).contains(&parts.len())).ok_or_else(wrong)?;
        let block = self.text(&parts[0])?;
        let number =
            |at: usize| parts.get(at).map_or(Ok(8), |part| self.text(part)?.parse::<u32>().map_err(|_| wrong()));
        let (count, bits) = (number(1)?, number(2)?);
        let (address, _) = block.split_once('/').ok_or_else(wrong)?;
        let first = u32::from(address.parse::<std::net::Ipv4Addr>().map_err(|_| wrong())?);
        let size = 1_u32.checked_shl(bits).ok_or_else(wrong)?;
        let block = |number: u32| {
            let start = size.checked_mul(number).and_then(|offset| first.checked_add(offset)).ok_or_else(wrong)?;
            Ok(Value::from(format!("{}/{}", std::net::Ipv4Addr::from(start), 32 - bits)))
        };
        (0..count.min(256)).map(block).collect::<Result<Value, String>>()
    }

    /// Whether a condition of the template holds, by its name.
    pub(super) fn named_condition(&self, name: &str) -> Result<bool, String> {
        let condition = self.template["Conditions"].get(name);
        self.holds(condition.ok_or_else(|| format!("Template error: unresolved condition dependency {name}"))?)
    }

    fn holds(&self, condition: &Value) -> Result<bool, String> {
        let named = condition.as_object().and_then(function);
        let (name, argument) = named.ok_or_else(|| format!("Template error: {condition} is no condition"))?;
        let all = || argument.as_array().cloned().unwrap_or_default();
        match name {
            "Condition" => self.named_condition(argument.as_str().unwrap_or_default()),
            "Fn::Equals" => {
                let both = all();
                let [one, other] = &both[..] else {
                    return Err("Template error: Fn::Equals takes two values".to_owned());
                };
                Ok(self.text(one)? == self.text(other)?)
            }
            "Fn::Not" => Ok(!self.holds(all().first().unwrap_or(&Value::Null))?),
            "Fn::And" => all().iter().try_fold(true, |holds, one| Ok(holds && self.holds(one)?)),
            "Fn::Or" => all().iter().try_fold(false, |holds, one| Ok(holds || self.holds(one)?)),
            other => Err(format!("Template error: {other} is no function of conditions")),
        }
    }
}

/// A value as a text, where it is a plain one.
pub(super) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(holds) => Some(holds.to_string()),
        _ => None,
    }
}

/// The function that an object is.
fn function(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = members.iter().next().filter(|_| members.len() == 1)?;
    FUNCTIONS.contains(&name.as_str()).then_some((name.as_str(), argument))
}

/// Resource and attribute, from either form.
fn attribute_of(argument: &Value) -> Option<(String, String)> {
    match argument {
        Value::String(text) => text.split_once('.').map(|(resource, name)| (resource.to_owned(), name.to_owned())),
        Value::Array(parts) => {
            let names: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
            let (resource, rest) = names.as_deref()?.split_first().map(|(first, rest)| (*first, rest.join(".")))?;
            (!rest.is_empty()).then(|| (resource.to_owned(), rest))
        }
        _ => None,
    }
}

enum Piece<'t> {
    Text(&'t str),
    Name(&'t str),
}

/// A text for `Fn::Sub`, in pieces; `${!x}` is the text `${x}`.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find("${") {
        let Some(end) = rest[at..].find('}') else { break };
        pieces.push(Piece::Text(&rest[..at]));
        let name = &rest[at + 2..at + end];
        match name.strip_prefix('!') {
            Some(literal) => pieces.extend([Piece::Text("${"), Piece::Text(literal), Piece::Text("}")]),
            None => pieces.push(Piece::Name(name.trim())),
        }
        rest = &rest[at + end + 1..];
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// Every name that a value refers to: resources, parameters, and what AWS brings.
pub(super) fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(members) => match function(members) {
            Some(("Ref", name)) => found.extend(name.as_str().map(str::to_owned)),
            Some(("Fn::GetAtt", argument)) => found.extend(attribute_of(argument).map(|(resource, _)| resource)),
            Some(("Fn::Sub", argument)) => {
                let text = argument.as_str().or_else(|| argument[0].as_str()).unwrap_or_default();
                let names = pieces(text).into_iter().filter_map(|piece| match piece {
                    Piece::Name(name) => Some(name.split('.').next().unwrap_or_default().to_owned()),
                    Piece::Text(_) => None,
                });
                found.extend(names.filter(|name| argument[1].get(name).is_none()));
                references(&argument[1], found);
            }
            _ => members.values().for_each(|member| references(member, found)),
        },
        _ => {}
    }
}
