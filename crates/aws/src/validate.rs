//! Checks an input against its model before anything is signed. Nothing is converted here.
//!
//! Refused is what is wrong whatever the service says: names, types, missing members, numbers and lengths out of bounds.
//! (botocore looks at lower bounds only.) Values of enumerations are doubted, never refused: services learn new ones
//! every day, and no other client of AWS keeps them from their callers. Patterns are not looked at, as in botocore and the
//! generated clients: many models have them wrong, above all for partitions other than `aws`, and in a dialect of Java's.

use aws_smithy_types::base64;
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

/// Checks an input: names, types, required members, bounds and lengths. The error says where in the input it found what.
///
/// Values of enumerations are left to the service, which may know more of them than we do.
pub fn validate(service: &str, operation: &str, input: &Value) -> Result<()> {
    let service = catalogue::service(service)?;
    let operation = service::operation(service, operation)?;
    self::input(service, operation, input).map_err(|error| error.operation(service.name, operation.name))
}

/// As [`validate`], for facts at hand.
pub(crate) fn input(service: &Service<'_>, operation: &Operation<'_>, input: &Value) -> Result<()> {
    let checker = Checker { service, closed: false };
    match operation.input {
        Some(id) => checker.whole(operation, id, input),
        None if input.as_object().is_some_and(serde_json::Map::is_empty) => Ok(()),
        None => Err(refuse(format!("{} takes no input", operation.name))),
    }
}

/// Checks an answer that somebody made up for a test: as strict as for an input, and enumerations are closed.
pub fn check_output(service: &Service<'_>, operation: &Operation<'_>, output: &Value) -> Result<()> {
    let checker = Checker { service, closed: true };
    match operation.output {
        Some(id) => checker.whole(operation, id, output),
        None if output.as_object().is_some_and(serde_json::Map::is_empty) => Ok(()),
        None => Err(refuse(format!("{} answers nothing", operation.name))),
    }
}

/// Values that the model does not list where it lists values, with the nearest that it does: worth telling to somebody
/// whose call was refused, or who looks at a plan.
pub(crate) fn doubts(service: &Service<'_>, operation: &Operation<'_>, input: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(id) = operation.input {
        doubt(service, "", id, input, 0, &mut found);
    }
    found
}

fn doubt(service: &Service<'_>, path: &str, id: ShapeId, value: &Value, depth: usize, found: &mut Vec<String>) {
    if depth > MAX_DEPTH || found.len() >= MAX_DOUBTS {
        return;
    }
    match (&service.shape(id).kind, value) {
        (Kind::Structure(structure), Value::Object(given)) => {
            for (name, value) in given {
                if let Some(member) = structure.members.iter().find(|member| member.name == name) {
                    doubt(service, &join(path, name), member.shape, value, depth + 1, found);
                }
            }
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            for (index, value) in items.iter().enumerate() {
                doubt(service, &format!("{path}[{index}]"), item.shape, value, depth + 1, found);
            }
        }
        (Kind::Map { value: item, .. }, Value::Object(entries)) => {
            for (key, value) in entries {
                doubt(service, &join(path, key), item.shape, value, depth + 1, found);
            }
        }
        (Kind::String(_, values), Value::String(text)) if !values.is_empty() && !values.contains(&text.as_str()) => {
            let near = match nearest(text, values.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None if values.len() <= MAX_NAMES => format!("known: {}", values.join(", ")),
                None => format!("{} are known", values.len()),
            };
            found.push(format!("{path}: {text:?} is none of the values that the model lists; {near}"));
        }
        _ => {}
    }
}

/// Most doubts that are told of one input.
const MAX_DOUBTS: usize = 5;

/// Most names that are listed in an error.
const MAX_NAMES: usize = 12;

struct Checker<'s> {
    service: &'s Service<'s>,
    /// Enumerations have the values that we know, and no others.
    closed: bool,
}

impl Checker<'_> {
    /// The whole of an input or output: its own members are told as the operation's.
    fn whole(&self, operation: &Operation<'_>, id: ShapeId, value: &Value) -> Result<()> {
        match self.service.structure(id) {
            Some(structure) => self.structure(operation.name, "", structure, value, 0),
            None => self.value("", id, value, 0),
        }
    }

    fn value(&self, path: &str, id: ShapeId, value: &Value, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(refuse(format!("{}: nested too deeply", shown(path))));
        }
        match &self.service.shape(id).kind {
            Kind::Structure(structure) => self.structure(path, path, structure, value, depth),
            Kind::List { item, length, .. } => {
                let items = value.as_array().ok_or_else(|| mismatch(path, "a list", value))?;
                within(path, *length, items.len(), "item")?;
                for (index, value) in items.iter().enumerate() {
                    // Gaps are sent as gaps, where the list may have them.
                    if !value.is_null() && !item.json_value {
                        self.value(&format!("{path}[{index}]"), item.shape, value, depth + 1)?;
                    }
                }
                Ok(())
            }
            Kind::Map { key: keys, value: item, length, .. } => {
                let entries = value.as_object().ok_or_else(|| mismatch(path, "an object", value))?;
                within(path, *length, entries.len(), "entry")?;
                for (key, value) in entries {
                    if let Kind::String(length, _) = &self.service.shape(keys.shape).kind {
                        within(&format!("{path}, key {key:?}"), *length, key.chars().count(), "character")?;
                    }
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

    /// `owner` is what takes the members: the operation, or a path.
    fn structure(&self, owner: &str, path: &str, structure: &Structure<'_>, value: &Value, depth: usize) -> Result<()> {
        let given = value.as_object().ok_or_else(|| mismatch(path, "an object", value))?;
        let known = |name: &str| structure.members.iter().find(|member| member.name == name);
        for (name, value) in given {
            let Some(member) = known(name) else { return Err(unknown(owner, path, name, structure)) };
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
            Some(number) if i32::try_from(number).is_ok() => return in_bounds(path, *bounds, number),
            _ => "a 32-bit integer",
        },
        Kind::Long(bounds) => match value.as_i64() {
            Some(number) => return in_bounds(path, *bounds, number),
            None => "an integer",
        },
        Kind::Float(bounds) | Kind::Double(bounds) => match (value.as_f64(), value.as_str()) {
            (Some(number), _) => return fraction_in_bounds(path, *bounds, number),
            (None, Some("NaN" | "Infinity" | "-Infinity")) => return Ok(()),
            _ => "a number",
        },
        Kind::String(length, _) => match value.as_str() {
            Some(text) => return within(path, *length, text.chars().count(), "character"),
            None => "a string",
        },
        Kind::Blob { length, .. } => match value.as_str().and_then(|text| base64::decode(text).ok()) {
            Some(bytes) => return within(path, *length, bytes.len(), "byte"),
            None => "bytes as base64 text",
        },
        Kind::Timestamp(_) if parse_time(value).is_some() => return Ok(()),
        Kind::Timestamp(_) => "a time such as 2026-11-21T10:00:00Z",
        _ => return Ok(()),
    };
    Err(mismatch(path, wanted, value))
}

fn in_bounds(path: &str, bounds: Bounds, number: i64) -> Result<()> {
    match (bounds.min, bounds.max) {
        (Some(min), _) if number < min => Err(refuse(format!("{}: {number} is less than {min}", shown(path)))),
        (_, Some(max)) if number > max => Err(refuse(format!("{}: {number} is more than {max}", shown(path)))),
        _ => Ok(()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "bounds are small whole numbers")]
fn fraction_in_bounds(path: &str, bounds: Bounds, number: f64) -> Result<()> {
    match (bounds.min, bounds.max) {
        (Some(min), _) if number < min as f64 => Err(refuse(format!("{}: {number} is less than {min}", shown(path)))),
        (_, Some(max)) if number > max as f64 => Err(refuse(format!("{}: {number} is more than {max}", shown(path)))),
        _ => Ok(()),
    }
}

/// Whether there are as many of something as there may be.
fn within(path: &str, bounds: Bounds, count: usize, what: &str) -> Result<()> {
    let number = i64::try_from(count).unwrap_or(i64::MAX);
    let limit = match (bounds.min, bounds.max) {
        (Some(min), _) if number < min => format!("at least {min}"),
        (_, Some(max)) if number > max => format!("at most {max}"),
        _ => return Ok(()),
    };
    let some = match (count, what) {
        (1, _) => what.to_owned(),
        (_, "entry") => "entries".to_owned(),
        _ => format!("{what}s"),
    };
    Err(refuse(format!("{}: {count} {some}, {limit} wanted", shown(path))))
}

fn unknown(owner: &str, path: &str, name: &str, structure: &Structure<'_>) -> Error {
    let error = refuse(format!("{owner} has no member {name}")).code("UnknownParameter");
    let names = || structure.members.iter().map(|member| member.name);
    if let Some(near) = nearest(name, names()) {
        return error.hint(format!("did you mean {}?", join(path, near)));
    }
    let some: Vec<&str> = names().take(MAX_NAMES).collect();
    match structure.members.len().saturating_sub(MAX_NAMES) {
        _ if some.is_empty() => error.hint(format!("{owner} takes no members")),
        0 => error.hint(format!("members: {}", some.join(", "))),
        more => error.hint(format!("members: {}, and {more} more", some.join(", "))),
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
        assert_eq!(error.message(), "Filters[0] has no member Value");
        assert_eq!(error.hint_str(), Some("did you mean Filters[0].Values?"));
        let error = refused("ec2", "DescribeInstances", &json!({"VpcId": "vpc-1"}));
        assert_eq!(error.message(), "DescribeInstances has no member VpcId");
        assert!(error.hint_str().is_some_and(|hint| hint.starts_with("members: ")), "{error}");
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
    fn what_is_out_of_bounds_is_refused_with_its_place() {
        let tags: Vec<Value> = (0..60).map(|key| json!({"Key": key.to_string(), "Value": "v"})).collect();
        let image = base64::encode(vec![0; 7 << 20]);
        for (service, operation, input, wanted) in [
            ("sagemaker", "ListClusters", json!({"MaxResults": 101}), "MaxResults: 101 is more than 100"),
            ("sagemaker", "AddTags", json!({"ResourceArn": "a", "Tags": tags}), "Tags: 60 items, at most 50 wanted"),
            ("ssm", "GetParameters", json!({"Names": []}), "Names: 0 items, at least 1 wanted"),
            ("iam", "GetRole", json!({"RoleName": "r".repeat(65)}), "RoleName: 65 characters, at most 64 wanted"),
            (
                "rekognition",
                "DetectLabels",
                json!({"Image": {"Bytes": image}}),
                "Image.Bytes: 7340032 bytes, at most 5242880 wanted",
            ),
            (
                "rekognition",
                "DetectLabels",
                json!({"Image": {"S3Object": {"Name": "n"}}, "MinConfidence": 100.5}),
                "MinConfidence: 100.5 is more than 100",
            ),
            ("kms", "Encrypt", json!({"KeyId": "", "Plaintext": ""}), "KeyId: 0 characters, at least 1 wanted"),
        ] {
            assert_eq!(refused(service, operation, &input).message(), wanted);
        }
    }

    #[test]
    fn values_of_enumerations_are_doubted_and_not_refused() {
        let ec2 = catalogue::service("ec2").unwrap();
        let run = ec2.operation("RunInstances").unwrap();
        let input = json!({"MinCount": 1, "MaxCount": 1, "InstanceType": "p5.48xlrge", "KeyName": "p5"});
        super::input(ec2, run, &input).unwrap();
        let doubts = doubts(ec2, run, &input);
        assert_eq!(doubts.len(), 1, "{doubts:?}");
        assert!(
            doubts[0].starts_with("InstanceType: ") && doubts[0].ends_with("did you mean p5.48xlarge?"),
            "{doubts:?}"
        );
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
