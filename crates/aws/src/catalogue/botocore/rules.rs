//! Endpoint rules: from names and templates to slots and parts.

use crate::{
    catalogue::model::ContextValue,
    endpoint::rules::{
        Condition, Expression, Outcome, Parameter, Part, Rule, RuleSet, Scheme, SchemeTemplate, Slot, Step, Template,
    },
};
use serde_json::Value;

use super::Result;
use super::field::{flag, items, members, text};

/// Converts an `endpoint-rule-set-1.json`.
pub(super) fn convert(source: &Value) -> Result<RuleSet<'_>> {
    let mut parameters = Vec::new();
    let mut names = Vec::new();
    for (name, parameter) in members(source, "parameters") {
        names.push(name.as_str());
        parameters.push(Parameter {
            name,
            built_in: text(parameter, "builtIn"),
            required: flag(parameter, "required"),
            default: parameter.get("default").map(default).transpose()?,
        });
    }
    let mut compiler = Compiler { names };
    let rules = compiler.rules(source)?;
    Ok(RuleSet { parameters, slots: Slot::try_from(compiler.names.len())?, rules })
}

fn default(value: &Value) -> Result<ContextValue<'_>> {
    match value {
        Value::Bool(value) => Ok(ContextValue::Bool(*value)),
        Value::String(value) => Ok(ContextValue::String(value)),
        other => Err(format!("a parameter's default is {other}").into()),
    }
}

/// Gives every name a slot as it meets it.
struct Compiler<'a> {
    names: Vec<&'a str>,
}

impl<'a> Compiler<'a> {
    fn rules(&mut self, source: &'a Value) -> Result<Vec<Rule<'a>>> {
        items(source, "rules").iter().map(|rule| self.rule(rule)).collect()
    }

    fn rule(&mut self, source: &'a Value) -> Result<Rule<'a>> {
        let conditions = items(source, "conditions").iter().map(|it| self.condition(it)).collect::<Result<_>>()?;
        let outcome = match text(source, "type") {
            Some("tree") => Outcome::Rules(self.rules(source)?),
            Some("endpoint") => Outcome::Endpoint(Box::new(self.endpoint(&source["endpoint"])?)),
            Some("error") => Outcome::Error(self.expression(&source["error"])?),
            other => return Err(format!("a rule of type {other:?}").into()),
        };
        Ok(Rule { conditions, outcome })
    }

    fn condition(&mut self, source: &'a Value) -> Result<Condition<'a>> {
        let test = self.expression(source)?;
        let assign = text(source, "assign").map(|name| self.define(name)).transpose()?;
        Ok(Condition { test, assign })
    }

    fn endpoint(&mut self, source: &'a Value) -> Result<Template<'a>> {
        let headers = members(source, "headers")
            .map(|(name, values)| Ok((name.as_str(), self.list(values)?)))
            .collect::<Result<_>>()?;
        let schemes = items(&source["properties"], "authSchemes");
        let auth_schemes = schemes.iter().map(|scheme| self.scheme(scheme)).collect::<Result<_>>()?;
        Ok(Template { url: self.expression(&source["url"])?, headers, auth_schemes })
    }

    fn scheme(&mut self, source: &'a Value) -> Result<SchemeTemplate<'a>> {
        let mut optional = |key| source.get(key).map(|value| self.expression(value)).transpose();
        Ok(SchemeTemplate {
            scheme: match text(source, "name") {
                Some("sigv4") => Scheme::SigV4,
                Some("sigv4a") => Scheme::SigV4a,
                Some("sigv4-s3express") => Scheme::S3Express,
                other => return Err(format!("authentication scheme {other:?} is new").into()),
            },
            signing_name: optional("signingName")?,
            signing_region: optional("signingRegion")?,
            signing_region_set: source.get("signingRegionSet").map_or(Ok(Vec::new()), |set| self.list(set))?,
            disable_double_encoding: flag(source, "disableDoubleEncoding"),
        })
    }

    fn list(&mut self, source: &'a Value) -> Result<Vec<Expression<'a>>> {
        let source = source.as_array().ok_or_else(|| format!("not a list: {source}"))?;
        source.iter().map(|value| self.expression(value)).collect()
    }

    fn expression(&mut self, source: &'a Value) -> Result<Expression<'a>> {
        match source {
            Value::Bool(value) => Ok(Expression::Bool(*value)),
            Value::String(value) => self.template(value),
            Value::Object(object) => match object.get("ref").and_then(Value::as_str) {
                Some(name) => Ok(Expression::Slot(self.slot(name)?)),
                None => self.call(source),
            },
            other => Err(format!("an expression that reads {other}").into()),
        }
    }

    fn call(&mut self, source: &'a Value) -> Result<Expression<'a>> {
        let arguments = items(source, "argv");
        let name = text(source, "fn").unwrap_or_default();
        let mut argument = |at: usize| -> Result<Box<Expression<'a>>> {
            let value = arguments.get(at).ok_or_else(|| format!("{name} lacks argument {at}"))?;
            Ok(Box::new(self.expression(value)?))
        };
        let truth = |at: usize| arguments.get(at).and_then(Value::as_bool).unwrap_or(false);
        let number = |at: usize| -> Result<u32> {
            let value = arguments.get(at).and_then(Value::as_u64);
            Ok(u32::try_from(value.ok_or_else(|| format!("{name} wants a number at {at}"))?)?)
        };
        Ok(match name {
            "isSet" => Expression::IsSet(argument(0)?),
            "not" => Expression::Not(argument(0)?),
            "getAttr" => {
                let path = arguments.get(1).and_then(Value::as_str).ok_or("getAttr without a path")?;
                Expression::Attribute(argument(0)?, steps(path)?)
            }
            "stringEquals" => Expression::StringEquals(argument(0)?, argument(1)?),
            "booleanEquals" => Expression::BooleanEquals(argument(0)?, argument(1)?),
            "substring" => {
                Expression::Substring { input: argument(0)?, start: number(1)?, stop: number(2)?, reverse: truth(3) }
            }
            "uriEncode" => Expression::UriEncode(argument(0)?),
            "parseURL" => Expression::ParseUrl(argument(0)?),
            "isValidHostLabel" => Expression::IsValidHostLabel(argument(0)?, truth(1)),
            "aws.partition" => Expression::Partition(argument(0)?),
            "aws.parseArn" => Expression::ParseArn(argument(0)?),
            "aws.isVirtualHostableS3Bucket" => Expression::IsVirtualHostableBucket(argument(0)?, truth(1)),
            other => return Err(format!("the rules use a function that we do not know: {other:?}").into()),
        })
    }

    fn template(&self, source: &'a str) -> Result<Expression<'a>> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some((before, after)) = rest.split_once('{') {
            let (hole, after) = after.split_once('}').ok_or_else(|| format!("{source:?} does not close a brace"))?;
            let (name, path) = hole.split_once('#').unwrap_or((hole, ""));
            if !before.is_empty() {
                parts.push(Part::Text(before));
            }
            parts.push(Part::Hole(self.slot(name)?, if path.is_empty() { Vec::new() } else { steps(path)? }));
            rest = after;
        }
        if parts.is_empty() {
            return Ok(Expression::Text(source));
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest));
        }
        Ok(Expression::Template(parts))
    }

    fn slot(&self, name: &str) -> Result<Slot> {
        let at = self.names.iter().position(|known| *known == name);
        Ok(Slot::try_from(at.ok_or_else(|| format!("the rules name {name:?} before it is defined"))?)?)
    }

    fn define(&mut self, name: &'a str) -> Result<Slot> {
        if !self.names.contains(&name) {
            self.names.push(name);
        }
        self.slot(name)
    }
}

/// `resourceId[1]` is the field `resourceId` and then its item 1.
fn steps(path: &str) -> Result<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    for piece in path.split('.') {
        let (field, index) = piece.split_once('[').unwrap_or((piece, ""));
        if !field.is_empty() {
            steps.push(Step::Field(field));
        }
        if !index.is_empty() {
            steps.push(Step::Index(index.trim_end_matches(']').parse()?));
        }
    }
    Ok(steps)
}
