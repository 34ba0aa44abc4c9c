//! The text of a template: JSON, or YAML with the short forms of functions.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value, json};
use serde_saphyr::Tagged;

/// Levels of a template that are followed. Each takes some 30 KB of the stack where nothing is optimised.
const DEEPEST: usize = 32;

/// The template that a text is. The error says what of the text is no template, as CloudFormation does.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let template = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            format!("Template format error: JSON not well-formed. ({place})")
        })?
    } else {
        let options = serde_saphyr::options! { budget: serde_saphyr::budget! { max_depth: DEEPEST } };
        let node: Node = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let said = error.to_string();
            format!("Template format error: YAML not well-formed. ({})", said.lines().next().unwrap_or_default())
        })?;
        node.0
    };
    if template.is_object() { Ok(template) } else { Err("Template format error: unsupported structure.".to_owned()) }
}

/// A value whose tags have become functions: `!Ref Vpc` is `{"Ref": "Vpc"}`.
struct Node(Value);

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Tagged(bare, tag) = Tagged::<Bare>::deserialize(deserializer)?;
        let function = tag.as_deref().and_then(|tag| tag.strip_prefix('!')).filter(|name| !name.is_empty());
        Ok(Self(match function {
            None => bare.0,
            Some(name @ ("Ref" | "Condition")) => json!({ name: bare.0 }),
            Some("GetAtt") => json!({ "Fn::GetAtt": parts(bare.0) }),
            Some(name) => json!({ format!("Fn::{name}"): bare.0 }),
        }))
    }
}

/// `Cluster.Arn` as the list that it is short for.
fn parts(value: Value) -> Value {
    match value.as_str().and_then(|text| text.split_once('.')) {
        Some((resource, attribute)) => json!([resource, attribute]),
        None => value,
    }
}

/// A value without a look at its own tag.
struct Bare(Value);

impl<'de> Deserialize<'de> for Bare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartVisitor)
    }
}

struct PartVisitor;

impl<'de> Visitor<'de> for PartVisitor {
    type Value = Bare;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a part of a template")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Bare, E> {
        Ok(Bare(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Bare, E> {
        Ok(Bare(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Bare, E> {
        Ok(Bare(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Bare, E> {
        Ok(Bare(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Bare, E> {
        Ok(Bare(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Bare, E> {
        Ok(Bare(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Bare, A::Error> {
        let mut list = Vec::new();
        while let Some(Node(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Bare(list.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Bare, A::Error> {
        let mut map = Map::new();
        while let Some((name, Node(value))) = members.next_entry::<String, Node>()? {
            if map.insert(name.clone(), value).is_some() {
                return Err(de::Error::custom(format!("{name:?} is there twice")));
            }
        }
        Ok(Bare(map.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_is_nothing_but_levels_is_refused_and_ends_nobody() {
        for (open, close) in [("[", "]"), ("!Sub [", "]"), ("{\"a\": ", "}")] {
            for levels in [DEEPEST, 1_000, 8_000] {
                let text = format!("A: {}1{}", open.repeat(levels), close.repeat(levels));
                assert!(parse(&text).is_err_and(|why| why.contains("not well-formed")), "{open} {levels} times");
            }
        }
    }

    #[test]
    fn short_forms_are_what_they_are_short_for() {
        let text = "Version: 2010-09-09\nResources:\n  A:\n    Name: !Sub \"${B}-x\"\n    Vpc: !Ref Vpc\n    Arn: !GetAtt B.Outputs.Arn\n    \
                    List: !If [Big, !Ref A, 3]\n    Zone: !Select [0, !GetAZs \"\"]\n    On: true\n";
        let wanted = json!({
            "Version": "2010-09-09",
            "Resources": {"A": {
                "Name": {"Fn::Sub": "${B}-x"}, "Vpc": {"Ref": "Vpc"}, "Arn": {"Fn::GetAtt": ["B", "Outputs.Arn"]},
                "List": {"Fn::If": ["Big", {"Ref": "A"}, 3]}, "Zone": {"Fn::Select": [0, {"Fn::GetAZs": ""}]}, "On": true,
            }},
        });
        assert_eq!(parse(text).expect("a template"), wanted);
        assert_eq!(parse(&wanted.to_string()).expect("a template"), wanted, "JSON");
        for (text, why) in
            [("{", "JSON not well-formed"), ("a: [", "YAML not well-formed"), ("- a", "unsupported structure")]
        {
            assert!(parse(text).expect_err(text).contains(why), "{text}");
        }
    }
}
