//! Whether two messages are the same to whoever reads them.

use std::fmt::Debug;

use serde_json::Value;
use trainyard_aws::catalogue::model::Protocol;

pub(crate) fn uris(got: &str, wanted: &str) -> Result<(), String> {
    let parts = |uri: &str| {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let mut pairs: Vec<String> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.trim_end_matches('=').to_owned())
            .collect();
        pairs.sort();
        (path.to_owned(), pairs)
    };
    same(&parts(got), &parts(wanted))
}

pub(crate) fn headers(got: &[(String, String)], wanted: &Value) -> Result<(), String> {
    let find = |name: &str| got.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    for (name, value) in wanted["headers"].as_object().into_iter().flatten() {
        let value = value.as_str().expect("text");
        let normal = |text: &str| text.replace(", ", ",").replace("; charset=utf-8", "");
        match find(name) {
            Some(found) if normal(found) == normal(value) => {}
            found => return Err(format!("header {name}: {found:?} instead of {value:?}")),
        }
    }
    for name in wanted["forbidHeaders"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if let Some(value) = find(name) {
            return Err(format!("header {name} must not be there, but is {value:?}"));
        }
    }
    for name in wanted["requireHeaders"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        // The runtime sets it where the body is empty.
        if find(name).is_none() && name != "Content-Length" {
            return Err(format!("header {name} is missing"));
        }
    }
    Ok(())
}

/// A body as the suites write it, on the wire.
pub(crate) fn wire_body(protocol: Protocol, text: &str) -> Vec<u8> {
    match protocol {
        Protocol::Cbor => aws_smithy_types::base64::decode(text).expect("base64"),
        _ => text.as_bytes().to_vec(),
    }
}

pub(crate) fn bodies(protocol: Protocol, got: &[u8], wanted: &str) -> Result<(), String> {
    let text = String::from_utf8_lossy(got);
    match protocol {
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => {
            match (serde_json::from_str::<Value>(&text), serde_json::from_str::<Value>(wanted)) {
                (Ok(got), Ok(wanted)) => values(&got, &wanted),
                _ => same(&text.as_ref(), &wanted),
            }
        }
        Protocol::RestXml => match (roxmltree::Document::parse(&text), roxmltree::Document::parse(wanted)) {
            (Ok(got), Ok(wanted)) => same(&element(got.root_element()), &element(wanted.root_element())),
            _ => same(&text.as_ref(), &wanted),
        },
        Protocol::Query | Protocol::Ec2 => {
            let pairs = |text: &str| {
                let mut pairs: Vec<String> = text.split('&').map(str::to_owned).collect();
                pairs.sort();
                pairs
            };
            same(&pairs(&text), &pairs(wanted))
        }
        Protocol::Cbor => {
            let wanted = wire_body(protocol, wanted);
            if got.is_empty() && wanted.is_empty() {
                return Ok(());
            }
            same(&cbor(got), &cbor(&wanted))
        }
    }
}

/// Two values, numbers compared as numbers and the keys of objects in any order.
pub(crate) fn values(got: &Value, wanted: &Value) -> Result<(), String> {
    if equal(got, wanted) { Ok(()) } else { Err(format!("{got}\n    instead of {wanted}")) }
}

fn equal(got: &Value, wanted: &Value) -> bool {
    match (got, wanted) {
        (Value::Number(got), Value::Number(wanted)) => {
            let (got, wanted) = (got.as_f64().unwrap_or(f64::NAN), wanted.as_f64().unwrap_or(f64::NAN));
            (got - wanted).abs() <= 1e-6 * wanted.abs().max(1.0)
        }
        (Value::Array(got), Value::Array(wanted)) => {
            got.len() == wanted.len() && got.iter().zip(wanted).all(|(got, wanted)| equal(got, wanted))
        }
        (Value::Object(got), Value::Object(wanted)) => {
            got.len() == wanted.len()
                && wanted.iter().all(|(key, wanted)| got.get(key).is_some_and(|got| equal(got, wanted)))
        }
        _ => got == wanted,
    }
}

fn same<T: PartialEq + Debug>(got: &T, wanted: &T) -> Result<(), String> {
    if got == wanted { Ok(()) } else { Err(format!("{got:?}\n    instead of {wanted:?}")) }
}

/// An element without what its writer was free to choose.
fn element(node: roxmltree::Node<'_, '_>) -> String {
    let mut attributes: Vec<String> =
        node.attributes().map(|it| format!("{:?}{}={}", it.namespace(), it.name(), it.value())).collect();
    attributes.sort();
    let mut spaces: Vec<String> = node.namespaces().map(|it| format!("{:?}={}", it.name(), it.uri())).collect();
    spaces.sort();
    let children: String = node.children().filter(roxmltree::Node::is_element).map(element).collect();
    let text = if children.is_empty() { node.text().unwrap_or_default().trim() } else { "" };
    format!("<{:?}{attributes:?}{spaces:?}>{text}{children}</>", node.tag_name())
}

fn cbor(bytes: &[u8]) -> String {
    let value: ciborium::Value = ciborium::from_reader(bytes).expect("CBOR");
    canonical(value)
}

fn canonical(value: ciborium::Value) -> String {
    match value {
        ciborium::Value::Map(entries) => {
            let mut entries: Vec<String> =
                entries.into_iter().map(|(key, value)| format!("{}:{}", canonical(key), canonical(value))).collect();
            entries.sort();
            format!("{{{}}}", entries.join(","))
        }
        ciborium::Value::Array(items) => format!("{:?}", items.into_iter().map(canonical).collect::<Vec<_>>()),
        ciborium::Value::Tag(tag, value) => format!("{tag}({})", canonical(*value)),
        ciborium::Value::Integer(number) => format!("{}", i128::from(number)),
        ciborium::Value::Float(number) => format!("{number}"),
        other => format!("{other:?}"),
    }
}
