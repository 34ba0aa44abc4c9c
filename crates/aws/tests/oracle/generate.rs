//! Values for an operation's input or output, made from a seed: the same on every run with the same seed.

use serde_json::{Map, Value, json};
use trainyard_aws::catalogue::model::{
    Bounds, Kind, Location, Member, MemberFlags, Operation, Service, ShapeId, Structure,
};

/// Levels that are filled; below, only what is required.
const DEPTH: usize = 3;
/// Deepest value. Shapes that require themselves deeper than this are left out.
const BOTTOM: usize = 12;

/// How much of a message is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What is required.
    Minimal,
    /// Nearly everything.
    Full,
}

/// Makes the messages of one operation.
pub(crate) struct Generator<'s> {
    service: &'s Service<'s>,
    operation: &'s Operation<'s>,
    random: Random,
    extent: Extent,
    /// What is asked is generated, else what is answered.
    asked: bool,
}

impl<'s> Generator<'s> {
    /// For one operation. Messages of other operations do not depend on this one's.
    pub(crate) fn new(service: &'s Service<'s>, operation: &'s Operation<'s>, extent: Extent, seed: u64) -> Self {
        let random = Random::new(&format!("{seed} {} {} {extent:?}", service.name, operation.name));
        Self { service, operation, random, extent, asked: true }
    }

    /// An input.
    pub(crate) fn input(mut self) -> Value {
        let Some(structure) = self.operation.input.and_then(|id| self.service.structure(id)) else { return json!({}) };
        let mut input = Map::new();
        for member in &structure.members {
            let wanted = self.extent == Extent::Full || required(self.service, self.operation, member);
            if let Some(value) = wanted.then(|| self.top(member)).flatten() {
                input.insert(member.name.to_owned(), value);
            }
        }
        Value::Object(input)
    }

    /// An output.
    pub(crate) fn output(mut self) -> Value {
        self.asked = false;
        let output = self.operation.output.and_then(|id| Some((id, self.service.structure(id)?)));
        output.and_then(|(_, structure)| self.structure(structure, 0)).unwrap_or_else(|| json!({}))
    }

    /// Some members of a message change what it is.
    fn top(&mut self, member: &Member<'s>) -> Option<Value> {
        match (self.service.name, member.name) {
            _ if self.is_left_out(member) => None,
            ("ec2", "SourceRegion") => Some(json!("us-west-2")),
            ("machinelearning", "PredictEndpoint") => {
                Some(json!("https://realtime.machinelearning.eu-west-1.amazonaws.com"))
            }
            ("s3", "CopySource") => Some(json!("bucket-name/a key")),
            ("glacier", "accountId") => Some(json!("-")),
            (_, "Bucket" | "bucket") => Some(json!("bucket-name")),
            (_, "AccountId" | "ExpectedBucketOwner") => Some(json!("123456789012")),
            ("s3control", "OutpostId") => Some(json!("op-01234567890123456")),
            ("opensearchmemory", "SpaceId" | "spaceId") => Some(json!("space-1")),
            (service, name) if member.context_param.is_some() && name.to_ascii_lowercase().contains("arn") => {
                Some(json!(arn(service, name)))
            }
            _ if self.operation.host_prefix.is_some() && member.is(MemberFlags::HOST_LABEL) => Some(json!("label")),
            _ => self.member(member, 0),
        }
    }

    fn is_left_out(&self, member: &Member<'_>) -> bool {
        const LEFT_OUT: &[(&str, &str)] = &[
            // An address that is signed is another one each time.
            ("ec2", "PresignedUrl"),
            ("rds", "PreSignedUrl"),
            ("neptune", "PreSignedUrl"),
            ("docdb", "PreSignedUrl"),
            ("rds", "SourceRegion"),
            ("neptune", "SourceRegion"),
            ("docdb", "SourceRegion"),
            // S3 answers such calls in the form that was asked for.
            ("s3", "EncodingType"),
            // They lead to an address of several regions.
            ("events", "EndpointId"),
            ("sesv2", "EndpointId"),
        ];
        let (service, name) = (self.service.name, member.name);
        // Checksums are computed where none is given, keys of the caller's own are other ones each time.
        let sum = (name.starts_with("Checksum") || name == "ContentMD5") && !member.is(MemberFlags::REQUIRED);
        sum || (service == "s3" && name.contains("SSECustomerKey")) || LEFT_OUT.contains(&(service, name))
    }

    fn member(&mut self, member: &Member<'s>, depth: usize) -> Option<Value> {
        if member.is(MemberFlags::JSON_VALUE) {
            // botocore takes values for JSON in headers, and text elsewhere.
            let value = json!({"a": self.random.below(10)});
            return Some(if member.location == Location::Header { value } else { json!(value.to_string()) });
        }
        if member.location == Location::Status {
            // Any other number is no status, or that of an error.
            return Some(json!(200));
        }
        let plain = member.location != Location::Body
            || member.is(MemberFlags::IDEMPOTENCY_TOKEN)
            || member.is(MemberFlags::XML_ATTRIBUTE)
            || member.context_param.is_some();
        self.value(member.shape, plain, depth)
    }

    fn value(&mut self, id: ShapeId, plain: bool, depth: usize) -> Option<Value> {
        let shape = self.service.shape(id);
        Some(match &shape.kind {
            Kind::Boolean => json!(self.random.below(2) == 0),
            Kind::Integer(bounds) | Kind::Long(bounds) => json!(self.whole(*bounds)),
            // Quarters are the same in binary and in decimal.
            Kind::Float(bounds) | Kind::Double(bounds) => {
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                let number = self.whole(inner(*bounds)) as f64;
                json!(if bounds.max.is_some() { number } else { number + 0.25 })
            }
            Kind::String(_, values) if !values.is_empty() => json!(values[self.random.below(values.len())]),
            Kind::String(length, _) => json!(self.text(*length, plain)),
            Kind::Blob { length, .. } => json!(aws_smithy_types::base64::encode(self.text(*length, true))),
            Kind::Timestamp(_) => json!(self.time()),
            Kind::List { item, length, .. } => {
                let count = self.count(*length);
                let mut items = Vec::new();
                for _ in 0..count {
                    items.push(self.item(item.shape, item.json_value, plain, depth + 1)?);
                }
                Value::Array(items)
            }
            Kind::Map { key, value, length, .. } => {
                let mut entries = Map::new();
                for index in 0..self.count(*length) {
                    let key = match &self.service.shape(key.shape).kind {
                        Kind::String(_, values) if !values.is_empty() => {
                            values.get(index).map(|value| (*value).to_owned())
                        }
                        Kind::String(length, _) => {
                            let text = self.text(*length, true);
                            // Entries are few, so one letter keeps them apart.
                            let letter = char::from(b'a' + u8::try_from(index % 26).unwrap_or_default());
                            // Some become names of headers, which have no case.
                            Some(std::iter::once(letter).chain(text.to_lowercase().chars().skip(1)).collect())
                        }
                        _ => None,
                    };
                    let Some(key) = key else { break };
                    entries.insert(key, self.item(value.shape, value.json_value, plain, depth + 1)?);
                }
                Value::Object(entries)
            }
            Kind::Structure(structure) => return self.structure(structure, depth),
            Kind::Document => json!({"any": [1, "two", true]}),
        })
    }

    fn item(&mut self, id: ShapeId, json_value: bool, plain: bool, depth: usize) -> Option<Value> {
        if json_value { Some(json!({"a": 1})) } else { self.value(id, plain, depth) }
    }

    fn structure(&mut self, structure: &'s Structure<'s>, depth: usize) -> Option<Value> {
        if structure.event_stream || depth > BOTTOM {
            return None;
        }
        let mut members = Map::new();
        let chosen = structure.union.then(|| self.random.below(structure.members.len().max(1)));
        for (index, member) in structure.members.iter().enumerate() {
            let wanted = match chosen {
                Some(chosen) => index == chosen,
                None => (self.extent == Extent::Full && depth < DEPTH) || member.is(MemberFlags::REQUIRED),
            };
            if wanted && let Some(given) = self.member(member, depth + 1) {
                members.insert(member.name.to_owned(), given);
            }
        }
        if members.is_empty() && depth > 0 {
            // A value that says nothing is none, and nobody sends it.
            let first =
                structure.members.iter().find_map(|member| Some((member.name, self.member(member, depth + 1)?)));
            members.extend(first.map(|(name, value)| (name.to_owned(), value)));
        }
        // A union that has nothing in it, and a structure that lacks what it requires, are no values.
        let whole = structure
            .members
            .iter()
            .all(|member| !member.is(MemberFlags::REQUIRED) || members.contains_key(member.name));
        (whole && (chosen.is_none() || !members.is_empty())).then_some(Value::Object(members))
    }

    fn whole(&mut self, bounds: Bounds) -> i64 {
        let low = bounds.min.unwrap_or(1).max(-100);
        let high = bounds.max.unwrap_or(i64::MAX).min(low.saturating_add(1_000)).max(low);
        let range = usize::try_from(high - low).unwrap_or_default();
        low + i64::try_from(self.random.below(range + 1)).unwrap_or_default()
    }

    fn count(&mut self, bounds: Bounds) -> usize {
        let at_least = bounds.min.and_then(|min| usize::try_from(min).ok()).unwrap_or_default();
        let at_most = bounds.max.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX);
        (1 + self.random.below(2)).max(at_least).min(at_most)
    }

    fn text(&mut self, bounds: Bounds, plain: bool) -> String {
        const PLAIN: [char; 10] = ['a', 'b', 'Z', '0', '7', '-', '_', 'x', 'y', 'q'];
        const ANY: [char; 16] = ['a', 'Z', '0', ' ', '&', '<', '>', '"', '\'', '/', '+', '%', '=', 'é', '€', '😀'];
        let at_least = bounds.min.and_then(|min| usize::try_from(min).ok()).unwrap_or_default();
        let at_most = bounds.max.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX);
        let length = (3 + self.random.below(6)).max(at_least).min(at_most);
        let letters: &[char] = if plain { &PLAIN } else { &ANY };
        // Letters at both ends: headers and XML lose blanks there.
        let mut text: String = (0..length).map(|_| letters[self.random.below(letters.len())]).collect();
        if !plain && length > 1 {
            text = format!("s{}e", text.chars().skip(2).collect::<String>());
        }
        text
    }

    /// Whole seconds: not every protocol has more.
    fn time(&mut self) -> String {
        let (month, day) = (1 + self.random.below(12), 1 + self.random.below(28));
        let (hour, minute, second) = (self.random.below(24), self.random.below(60), self.random.below(60));
        format!("{:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", 1990 + self.random.below(60))
    }
}

/// Bounds of fractions were widened to whole numbers; between 0 and 1, only 1 is surely allowed.
fn inner(bounds: Bounds) -> Bounds {
    let inner = Bounds { min: bounds.min.map(|min| min + 1), max: bounds.max.map(|max| max - 1) };
    if inner.min.zip(inner.max).is_some_and(|(min, max)| min > max) {
        Bounds { min: bounds.max, max: bounds.max }
    } else {
        inner
    }
}

/// A name that the endpoint rules of its service understand.
fn arn(service: &str, member: &str) -> String {
    let resource = match (service, member) {
        ("kinesis", "ConsumerARN") => "stream/abc/consumer/def:1",
        ("kinesis", "QueueARN") => "queue/abc",
        ("kinesis", "ChannelARN") => "channel/abc",
        ("kinesis", _) => "stream/abc",
        ("cloudfront-keyvaluestore", _) => return "arn:aws:cloudfront::123456789012:key-value-store/abc".to_owned(),
        _ => "thing/abc",
    };
    format!("arn:aws:{service}:eu-west-1:123456789012:{resource}")
}

/// What a call is not made without, be it that only its address needs it.
fn required(service: &Service<'_>, operation: &Operation<'_>, member: &Member<'_>) -> bool {
    // A token that is left out is filled in with another one by each side.
    member.is(MemberFlags::REQUIRED)
        || member.is(MemberFlags::IDEMPOTENCY_TOKEN)
        || member.location == Location::Uri
        || member.is(MemberFlags::HOST_LABEL) && operation.host_prefix.is_some()
        || service.name == "s3control" && member.name == "AccountId"
}

/// Splitmix64: enough chance for tests, and the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    /// Another sequence for every name.
    pub(crate) fn new(name: &str) -> Self {
        // FNV-1a, which does not change between releases as the standard library's hash may.
        Self(
            name.bytes()
                .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)),
        )
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        usize::try_from((mixed ^ (mixed >> 31)) % end).unwrap_or_default()
    }
}
