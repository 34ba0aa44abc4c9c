//! Finding the address of a call by the rules of its service.

use std::{borrow::Cow, fmt, rc::Rc};

use trainyard_contract::Error;

use super::{
    partitions::partition_or_first,
    rules::{Expression, Outcome, Part, Rule, RuleSet, Scheme, SchemeTemplate, Template},
    value::{Arn, Url, Value, is_ipv4, slice},
};
use crate::catalogue::model::ContextValue;

/// What a call answers to the rules' questions. Names that the rules do not ask for are ignored.
#[derive(Debug, Clone, Default)]
pub struct Parameters<'p> {
    values: Vec<(&'p str, Parameter<'p>)>,
}

/// One answer.
#[derive(Debug, Clone)]
pub enum Parameter<'p> {
    /// A truth value.
    Bool(bool),
    /// A string.
    Text(Cow<'p, str>),
    /// A list of strings.
    Texts(Vec<Cow<'p, str>>),
}

impl<'p> Parameters<'p> {
    /// No answers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers `name`, in place of an earlier answer.
    pub fn set(&mut self, name: &'p str, value: impl Into<Parameter<'p>>) {
        let value = value.into();
        match self.values.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => self.values.push((name, value)),
        }
    }

    /// As [`Self::set`], for a chain.
    #[must_use]
    pub fn with(mut self, name: &'p str, value: impl Into<Parameter<'p>>) -> Self {
        self.set(name, value);
        self
    }

    /// The answer to `name`.
    pub fn get(&self, name: &str) -> Option<&Parameter<'p>> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

impl From<bool> for Parameter<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl<'p> From<&'p str> for Parameter<'p> {
    fn from(value: &'p str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl From<String> for Parameter<'_> {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

impl From<Vec<String>> for Parameter<'_> {
    fn from(values: Vec<String>) -> Self {
        Self::Texts(values.into_iter().map(Cow::Owned).collect())
    }
}

impl<'p> From<&'p ContextValue<'_>> for Parameter<'p> {
    fn from(value: &'p ContextValue<'_>) -> Self {
        match value {
            ContextValue::Bool(value) => Self::Bool(*value),
            ContextValue::String(value) => Self::Text(Cow::Borrowed(value)),
            ContextValue::List(values) => Self::Texts(values.iter().map(|value| Cow::Borrowed(*value)).collect()),
        }
    }
}

/// Where a call goes and how it is signed there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Scheme, host and the start of the path.
    pub url: String,
    /// Headers that go with the call.
    pub headers: Vec<(String, Vec<String>)>,
    /// Signatures that are accepted, the best first; empty if the service's own way is.
    pub auth_schemes: Vec<AuthScheme>,
}

/// A way to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthScheme {
    /// Which.
    pub scheme: Scheme,
    /// Service name in the credential scope, if not the service's own.
    pub signing_name: Option<String>,
    /// Region in the credential scope, if not the call's.
    pub signing_region: Option<String>,
    /// Regions of a version 4A signature.
    pub signing_region_set: Vec<String>,
    /// The path is encoded once, not twice, before it is signed.
    pub disable_double_encoding: bool,
}

/// Why there is no address for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unresolved {
    /// The rules need an answer that the call does not give.
    Missing(String),
    /// The rules say that the call is impossible, and why.
    Refused(String),
    /// No rule fits.
    NoRule,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "the endpoint rules need {name}"),
            Self::Refused(why) => f.write_str(why),
            Self::NoRule => f.write_str("no endpoint rule fits this call"),
        }
    }
}

impl std::error::Error for Unresolved {}

impl From<Unresolved> for Error {
    fn from(unresolved: Unresolved) -> Self {
        Self::validation(unresolved.to_string()).code("endpoint_unresolved")
    }
}

/// Finds the address of a call. Pure, and takes microseconds.
pub fn resolve(rules: &RuleSet<'_>, parameters: &Parameters<'_>) -> Result<Endpoint, Unresolved> {
    let mut scope = Scope::new(rules, parameters)?;
    scope.first(&rules.rules).unwrap_or(Err(Unresolved::NoRule))
}

/// The slots of one evaluation.
///
/// A rule that fails leaves what it assigned behind. That is harmless: rules may only read what was assigned on the way
/// to them, so a stale value is always replaced before it is read.
struct Scope<'v> {
    slots: Vec<Option<Value<'v>>>,
}

impl<'v> Scope<'v> {
    fn new(rules: &'v RuleSet<'_>, parameters: &'v Parameters<'_>) -> Result<Self, Unresolved> {
        let mut slots = vec![None; usize::from(rules.slots)];
        for (slot, rule) in slots.iter_mut().zip(&rules.parameters) {
            *slot = match (parameters.get(rule.name), &rule.default) {
                (Some(given), _) => Some(value_of(given)),
                (None, Some(ContextValue::Bool(default))) => Some(Value::Bool(*default)),
                (None, Some(ContextValue::String(default))) => Some(Value::Text(Cow::Borrowed(default))),
                (None, _) if rule.required => return Err(Unresolved::Missing(rule.name.to_owned())),
                (None, _) => None,
            };
        }
        Ok(Self { slots })
    }

    /// What the first rule that fits leads to.
    fn first(&mut self, rules: &'v [Rule<'_>]) -> Option<Result<Endpoint, Unresolved>> {
        rules.iter().find_map(|rule| self.rule(rule))
    }

    fn rule(&mut self, rule: &'v Rule<'_>) -> Option<Result<Endpoint, Unresolved>> {
        for condition in &rule.conditions {
            let value = self.value(&condition.test).filter(Value::holds)?;
            if let Some(slot) = condition.assign {
                self.slots[usize::from(slot)] = Some(value);
            }
        }
        match &rule.outcome {
            Outcome::Rules(rules) => self.first(rules),
            Outcome::Endpoint(template) => Some(self.endpoint(template).ok_or(Unresolved::NoRule)),
            Outcome::Error(message) => Some(Err(self.text(message).map_or(Unresolved::NoRule, Unresolved::Refused))),
        }
    }

    fn endpoint(&self, template: &'v Template<'_>) -> Option<Endpoint> {
        let headers = template.headers.iter().map(|(name, values)| Some(((*name).to_owned(), self.texts(values)?)));
        Some(Endpoint {
            url: self.text(&template.url)?,
            headers: headers.collect::<Option<_>>()?,
            auth_schemes: template.auth_schemes.iter().map(|it| self.scheme(it)).collect::<Option<_>>()?,
        })
    }

    fn scheme(&self, template: &'v SchemeTemplate<'_>) -> Option<AuthScheme> {
        let optional = |text: &'v Option<Expression<'_>>| match text {
            None => Some(None),
            Some(text) => self.text(text).map(Some),
        };
        Some(AuthScheme {
            scheme: template.scheme,
            signing_name: optional(&template.signing_name)?,
            signing_region: optional(&template.signing_region)?,
            signing_region_set: self.texts(&template.signing_region_set)?,
            disable_double_encoding: template.disable_double_encoding,
        })
    }

    fn texts(&self, expressions: &'v [Expression<'_>]) -> Option<Vec<String>> {
        expressions.iter().map(|expression| self.text(expression)).collect()
    }

    fn text(&self, expression: &'v Expression<'_>) -> Option<String> {
        self.string(expression).map(Cow::into_owned)
    }

    fn string(&self, expression: &'v Expression<'_>) -> Option<Cow<'v, str>> {
        match self.value(expression)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn truth(&self, expression: &'v Expression<'_>) -> Option<bool> {
        match self.value(expression)? {
            Value::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    fn value(&self, expression: &'v Expression<'_>) -> Option<Value<'v>> {
        Some(match expression {
            Expression::Text(text) => Value::Text(Cow::Borrowed(text)),
            Expression::Bool(truth) => Value::Bool(*truth),
            Expression::Template(parts) => Value::Text(Cow::Owned(self.fill(parts)?)),
            Expression::Slot(slot) => self.slots[usize::from(*slot)].clone()?,
            Expression::Attribute(of, steps) => self.value(of)?.attribute(steps)?,
            Expression::IsSet(of) => Value::Bool(self.value(of).is_some()),
            Expression::Not(of) => Value::Bool(!self.value(of).is_some_and(|value| value.holds())),
            Expression::StringEquals(a, b) => Value::Bool(self.string(a)? == self.string(b)?),
            Expression::BooleanEquals(a, b) => Value::Bool(self.truth(a)? == self.truth(b)?),
            Expression::Substring { input, start, stop, reverse } => {
                Value::Text(substring(&self.string(input)?, *start as usize, *stop as usize, *reverse)?)
            }
            Expression::UriEncode(of) => Value::Text(Cow::Owned(percent_encoded(&self.string(of)?))),
            Expression::ParseUrl(of) => Value::Url(Rc::new(Url::parse(&self.string(of)?)?)),
            Expression::IsValidHostLabel(of, dots) => Value::Bool(is_host_label(&self.string(of)?, *dots)),
            Expression::Partition(of) => Value::Partition(partition_or_first(&self.string(of)?)),
            Expression::ParseArn(of) => Value::Arn(Rc::new(Arn::parse(&self.string(of)?)?)),
            Expression::IsVirtualHostableBucket(of, dots) => Value::Bool(is_virtual_hostable(&self.string(of)?, *dots)),
        })
    }

    fn fill(&self, parts: &'v [Part<'_>]) -> Option<String> {
        let mut filled = String::new();
        for part in parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Hole(slot, steps) => match self.slots[usize::from(*slot)].clone()?.attribute(steps)? {
                    Value::Text(text) => filled.push_str(&text),
                    _ => return None,
                },
            }
        }
        Some(filled)
    }
}

fn value_of<'v>(given: &'v Parameter<'_>) -> Value<'v> {
    match given {
        Parameter::Bool(truth) => Value::Bool(*truth),
        Parameter::Text(text) => Value::Text(Cow::Borrowed(text)),
        Parameter::Texts(texts) => Value::Texts(texts.iter().map(|text| Cow::Borrowed(&**text)).collect()),
    }
}

fn substring<'v>(text: &Cow<'v, str>, start: usize, stop: usize, reverse: bool) -> Option<Cow<'v, str>> {
    if start >= stop || text.len() < stop || !text.is_ascii() {
        return None;
    }
    Some(if reverse { slice(text, text.len() - stop, text.len() - start) } else { slice(text, start, stop) })
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for half in [byte >> 4, byte & 15] {
                encoded.push(char::from(b"0123456789ABCDEF"[usize::from(half)]));
            }
        }
    }
    encoded
}

fn is_host_label(text: &str, dots: bool) -> bool {
    if dots {
        return text.split('.').all(|label| is_host_label(label, false));
    }
    let edge = |it: Option<&u8>| it.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let inside = |it: &u8| it.is_ascii_alphanumeric() || *it == b'-';
    bytes.len() <= 63 && edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inside)
}

fn is_virtual_hostable(bucket: &str, dots: bool) -> bool {
    let lower = !bucket.bytes().any(|it| it.is_ascii_uppercase());
    (3..=63).contains(&bucket.len()) && lower && !is_ipv4(bucket) && is_host_label(bucket, dots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::service;

    fn url(service_name: &str, parameters: &Parameters<'_>) -> Result<String, Unresolved> {
        resolve(&service(service_name).unwrap().rules, parameters).map(|endpoint| endpoint.url)
    }

    #[test]
    fn a_region_leads_to_its_own_partition() {
        let at = |region| url("eks", &Parameters::new().with("Region", region)).unwrap();
        assert_eq!(at("us-west-2"), "https://eks.us-west-2.amazonaws.com");
        assert_eq!(at("cn-north-1"), "https://eks.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn an_address_of_the_callers_is_kept() {
        let given = Parameters::new().with("Region", "us-west-2").with("Endpoint", "http://127.0.0.1:4566");
        assert_eq!(url("sqs", &given).unwrap(), "http://127.0.0.1:4566");
        let given = given.with("Bucket", "models").with("ForcePathStyle", true);
        assert_eq!(url("s3", &given).unwrap(), "http://127.0.0.1:4566/models");
    }

    #[test]
    fn what_the_rules_refuse_or_lack_is_said() {
        let refused = url("sqs", &Parameters::new()).unwrap_err();
        assert_eq!(refused, Unresolved::Refused("Invalid Configuration: Missing Region".to_owned()));
        let error = Error::from(Unresolved::Missing("Region".to_owned()));
        assert!(format!("{error:?}").contains("the endpoint rules need Region"), "{error:?}");
    }

    #[test]
    fn a_later_answer_replaces_an_earlier_one() {
        let given = Parameters::new().with("Region", "us-east-1").with("Region", "eu-west-1");
        assert_eq!(url("sts", &given).unwrap(), "https://sts.eu-west-1.amazonaws.com");
    }

    #[test]
    fn labels_and_buckets_are_told_apart() {
        assert!(is_host_label("a-b", false) && !is_host_label("a.b", false) && is_host_label("a.b", true));
        assert!(!is_host_label("", false) && !is_host_label("-a", false) && !is_host_label("a..b", true));
        assert!(is_virtual_hostable("my-bucket", false) && !is_virtual_hostable("My-bucket", false));
        assert!(!is_virtual_hostable("10.0.0.1", true) && !is_virtual_hostable("ab", false));
        assert_eq!(percent_encoded("a b/ä"), "a%20b%2F%C3%A4");
    }
}
