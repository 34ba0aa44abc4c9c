//! Checks an input against its model before anything is sent. As strict as botocore: nothing is converted here.

use serde_json::Value;
use trainyard_contract::{Error, Result, nearest};

use crate::{
    catalogue::{
        self,
        model::{Bounds, Kind, Member, MemberFlags, Operation, Service, ShapeId, Structure},
    },
    service,
    value::{MAX_DEPTH, parse_time},
};

/// Checks an input: names, types, required members and lower bounds. Values of enumerations are left to the service,
/// which may know more of them than we do.
pub fn validate(service: &str, operation: &str, input: &Value) -> Result<()> {
    let service = catalogue::service(service)?;
    let operation = service::operation(service, operation)?;
    self::input(service, operation, input).map_err(|error| error.operation(service.name, operation.name))
}

/// As [`validate`], for facts at hand.
pub(crate) fn input(service: &Service<'_>, operation: &Operation<'_>, input: &Value) -> Result<()> {
    let checker = Checker { service, closed: false };
    match operation.input {
        Some(id) => checker.value("", id, input, 0),
        None if input.as_object().is_some_and(serde_json::Map::is_empty) => Ok(()),
        None => Err(refuse(format!("{} takes no input", operation.name))),
    }
}

/// Checks an answer that somebody made up for a test: as strict as for an input, and enumerations are closed.
pub fn check_output(service: &Service<'_>, operation: &Operation<'_>, output: &Value) -> Result<()> {
    let checker = Checker { service, closed: true };
    match operation.output {
        Some(id) => checker.value("", id, output, 0),
        None if output.as_object().is_some_and(serde_json::Map::is_empty) => Ok(()),
        None => Err(refuse(format!("{} answers nothing", operation.name))),
    }
}

struct Checker<'s> {
    service: &'s Service<'s>,
    /// Enumerations have the values that we know, and no others.
    closed: bool,
}

impl Checker<'_> {
    fn value(&self, path: &str, id: ShapeId, value: &Value, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(refuse(format!("{}: nested too deeply", shown(path))));
        }
        match &self.service.shape(id).kind {
            Kind::Structure(structure) => self.structure(path, structure, value, depth),
            Kind::List { item, .. } => {
                let items = value.as_array().ok_or_else(|| mismatch(path, "a list", value))?;
                for (index, value) in items.iter().enumerate() {
                    // Gaps are sent as gaps, where the list may have them.
                    if !value.is_null() && !item.json_value {
                        self.value(&format!("{path}[{index}]"), item.shape, value, depth + 1)?;
                    }
                }
                Ok(())
            }
            Kind::Map { value: item, .. } => {
                let entries = value.as_object().ok_or_else(|| mismatch(path, "an object", value))?;
                for (key, value) in entries {
                    if !value.is_null() && !item.json_value {
                        self.value(&join(path, key), item.shape, value, depth + 1)?;
                    }
                }
                Ok(())
            }
            Kind::String(_, known) if self.closed && !known.is_empty() => match value.as_str() {
                Some(text) if known.contains(&text) => Ok(()),
                _ => Err(refuse(format!("{}: {value} is none of {}", shown(path), known.join(", ")))),
            },
            kind => scalar(path, kind, value),
        }
    }

    fn structure(&self, path: &str, structure: &Structure<'_>, value: &Value, depth: usize) -> Result<()> {
        let given = value.as_object().ok_or_else(|| mismatch(path, "an object", value))?;
        let known = |name: &str| structure.members.iter().find(|member| member.name == name);
        for (name, value) in given {
            let Some(member) = known(name) else { return Err(unknown(path, name, structure)) };
            if !value.is_null() && !member.is(MemberFlags::JSON_VALUE) {
                self.value(&join(path, name), member.shape, value, depth + 1)?;
            }
        }
        let set = |name: &str| given.get(name).is_some_and(|value| !value.is_null());
        // The engine fills these in, on the outermost level, where they are left out.
        let filled = |member: &Member<'_>| path.is_empty() && member.is(MemberFlags::IDEMPOTENCY_TOKEN);
        let missing: Vec<String> = structure
            .members
            .iter()
            .filter(|member| member.is(MemberFlags::REQUIRED) && !set(member.name) && !filled(member))
            .map(|member| join(path, member.name))
            .collect();
        if !missing.is_empty() {
            return Err(refuse(format!("missing: {}", missing.join(", "))).code("MissingParameter"));
        }
        if structure.union && given.values().filter(|value| !value.is_null()).count() != 1 {
            let names: Vec<&str> = structure.members.iter().map(|member| member.name).collect();
            return Err(refuse(format!("{}: give exactly one of {}", shown(path), names.join(", "))));
        }
        Ok(())
    }
}

fn scalar(path: &str, kind: &Kind<'_>, value: &Value) -> Result<()> {
    let wanted = match kind {
        Kind::Boolean if value.is_boolean() => return Ok(()),
        Kind::Boolean => "true or false",
        Kind::Integer(bounds) => match value.as_i64() {
            Some(number) if i32::try_from(number).is_ok() => return at_least(path, *bounds, number),
            _ => "a 32-bit integer",
        },
        Kind::Long(bounds) => match value.as_i64() {
            Some(number) => return at_least(path, *bounds, number),
            None => "an integer",
        },
        Kind::Float | Kind::Double if value.is_number() => return Ok(()),
        Kind::Float | Kind::Double if matches!(value.as_str(), Some("NaN" | "Infinity" | "-Infinity")) => return Ok(()),
        Kind::Float | Kind::Double => "a number",
        Kind::String(bounds, _) => match value.as_str() {
            Some(text) => return long_enough(path, *bounds, text.chars().count()),
            None => "a string",
        },
        Kind::Blob { .. } => match value.as_str() {
            Some(text) if aws_smithy_types::base64::decode(text).is_ok() => return Ok(()),
            _ => "bytes as base64 text",
        },
        Kind::Timestamp(_) if parse_time(value).is_some() => return Ok(()),
        Kind::Timestamp(_) => "a time such as 2026-11-21T10:00:00Z",
        _ => return Ok(()),
    };
    Err(mismatch(path, wanted, value))
}

fn at_least(path: &str, bounds: Bounds, number: i64) -> Result<()> {
    match bounds.min {
        Some(min) if number < min => Err(refuse(format!("{}: {number} is less than {min}", shown(path)))),
        _ => Ok(()),
    }
}

fn long_enough(path: &str, bounds: Bounds, length: usize) -> Result<()> {
    match bounds.min {
        Some(min) if i64::try_from(length).is_ok_and(|length| length < min) => {
            Err(refuse(format!("{}: shorter than {min} characters", shown(path))))
        }
        _ => Ok(()),
    }
}

fn unknown(path: &str, name: &str, structure: &Structure<'_>) -> Error {
    let error = refuse(format!("unknown: {}", join(path, name))).code("UnknownParameter");
    let names = || structure.members.iter().map(|member| member.name);
    match nearest(name, names()) {
        Some(near) => error.hint(format!("did you mean {}?", join(path, near))),
        None if structure.members.len() <= 12 => {
            error.hint(format!("known: {}", names().collect::<Vec<_>>().join(", ")))
        }
        None => error,
    }
}

fn mismatch(path: &str, wanted: &str, value: &Value) -> Error {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    refuse(format!("{}: wants {wanted}, got {found}", shown(path)))
}

fn refuse(message: String) -> Error {
    Error::validation(message).code("InvalidParameter")
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn shown(path: &str) -> &str {
    if path.is_empty() { "the input" } else { path }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(service: &str, operation: &str, input: &Value) -> Error {
        validate(service, operation, input).expect_err(operation)
    }

    #[test]
    fn sound_input_passes() {
        let input = json!({"InstanceIds": ["i-1"], "Filters": [{"Name": "a", "Values": ["b"]}], "MaxResults": 5});
        validate("ec2", "DescribeInstances", &input).unwrap();
        validate("sts", "GetCallerIdentity", &json!({})).unwrap();
        validate("ec2", "DescribeSpotPriceHistory", &json!({"StartTime": "2026-11-21T10:00:00Z"})).unwrap();
        validate("ec2", "RunInstances", &json!({"MinCount": 1, "MaxCount": 1, "InstanceType": "new9.huge"})).unwrap();
    }

    #[test]
    fn a_slip_is_answered_with_the_right_name() {
        let error = refused("ec2", "DescribeInstances", &json!({"InstanceId": ["i-1"]}));
        assert_eq!(error.hint_str(), Some("did you mean InstanceIds?"));
        let error = refused("ec2", "DescribeInstances", &json!({"Filters": [{"Name": "a", "Value": ["b"]}]}));
        assert!(error.message().contains("Filters[0].Value"), "{error}");
        assert_eq!(error.hint_str(), Some("did you mean Filters[0].Values?"));
        let error = refused("ec2", "DescribeInstancez", &json!({}));
        assert_eq!(error.hint_str(), Some("did you mean DescribeInstances?"));
    }

    #[test]
    fn wrong_types_and_gaps_are_refused() {
        let both = json!({"text": "a", "cachePoint": {"type": "default"}});
        let two_in_one = json!({"modelId": "m", "messages": [{"role": "user", "content": [both]}]});
        for (service, operation, input, part) in [
            ("ec2", "DescribeInstances", json!({"InstanceIds": "i-1"}), "wants a list"),
            ("ec2", "DescribeInstances", json!({"MaxResults": "5"}), "wants a 32-bit integer"),
            ("ec2", "DescribeInstances", json!({"DryRun": "true"}), "wants true or false"),
            ("ec2", "RunInstances", json!({"MinCount": 1}), "missing: MaxCount"),
            ("s3", "GetObject", json!({}), "missing: Bucket, Key"),
            ("s3", "PutObject", json!({"Bucket": "b", "Key": "k", "Body": "?"}), "base64"),
            ("bedrock-runtime", "Converse", two_in_one, "exactly one"),
            ("sagemaker", "ListClusters", json!({"MaxResults": 0}), "less than 1"),
            ("sts", "GetCallerIdentity", json!([]), "wants an object"),
        ] {
            let error = refused(service, operation, &input);
            assert!(error.message().contains(part), "{operation}: {error}");
        }
    }

    #[test]
    fn deep_input_is_an_error_and_not_the_end() {
        let mut value = json!({"S": "x"});
        for _ in 0..500 {
            value = json!({"L": [value]});
        }
        let error = refused("dynamodb", "PutItem", &json!({"TableName": "t", "Item": {"a": value}}));
        assert!(error.message().contains("deep"), "{error}");
    }
}
