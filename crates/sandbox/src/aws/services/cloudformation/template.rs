//! What a template declares, and what of it cannot be.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Map, Value, json};

use super::{
    functions::{plain, references},
    kinds, managed, yaml,
};
use crate::aws::{account::Cx, endpoint::not_here, wire::Refusal};

/// Functions that a value can be.
pub(super) const FUNCTIONS: &[&str] = &[
    "Condition",
    "Fn::And",
    "Fn::Base64",
    "Fn::Cidr",
    "Fn::Equals",
    "Fn::FindInMap",
    "Fn::GetAZs",
    "Fn::GetAtt",
    "Fn::If",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Not",
    "Fn::Or",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
    "Fn::Transform",
    "Ref",
];
/// Sections of a template.
const SECTIONS: &[&str] = &[
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];
/// Longest template that is sent along, and that is read from S3.
const BODY: usize = 51_200;
const OBJECT: usize = 1 << 20;

pub(super) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "ValidationError", message)
}

/// The text of the template that a call names.
pub(super) fn text(cx: &Cx<'_>) -> Result<Option<String>, Refusal> {
    match (cx.text("TemplateBody"), cx.text("TemplateURL")) {
        (Some(_), Some(_)) => Err(invalid("Template body and template URL cannot both be specified.")),
        (Some(body), None) if body.len() > BODY => Err(invalid(format!(
            "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than \
             or equal to {BODY}"
        ))),
        (Some(body), None) => Ok(Some(body.to_owned())),
        (None, Some(address)) => from_s3(cx, address).map(Some),
        (None, None) => Ok(None),
    }
}

/// The text that an address in S3 stands for.
pub(super) fn from_s3(cx: &Cx<'_>, address: &str) -> Result<String, Refusal> {
    let told = cx.account.standing.templates.get(address).cloned();
    let known = told.or_else(|| managed::at(address).map(str::to_owned));
    let text = known.ok_or_else(|| {
        if !address.starts_with("https://") || !address.contains(".amazonaws.com/") {
            return invalid("TemplateURL must be a supported URL.");
        }
        invalid("S3 error: Access Denied\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html")
    })?;
    if text.len() > OBJECT {
        return Err(invalid(format!("Template may not exceed {OBJECT} bytes in size.")));
    }
    Ok(text)
}

/// A template that can be worked with.
pub(super) fn read(text: &str) -> Result<Value, Refusal> {
    let template = yaml::parse(text).map_err(invalid)?;
    check(&template)?;
    Ok(template)
}

fn names(template: &Value, section: &str) -> Vec<String> {
    template[section].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// Logical ids and descriptions of the resources.
pub(super) fn resources(template: &Value) -> impl Iterator<Item = (&String, &Value)> {
    template["Resources"].as_object().into_iter().flatten()
}

fn check(template: &Value) -> Result<(), Refusal> {
    let unknown: Vec<String> = template.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let unknown: Vec<&String> = unknown.iter().filter(|name| !SECTIONS.contains(&name.as_str())).collect();
    if !unknown.is_empty() {
        let list: Vec<&str> = unknown.into_iter().map(String::as_str).collect();
        return Err(invalid(format!("Invalid template property or properties [{}]", list.join(", "))));
    }
    if template.get("Transform").is_some() {
        return Err(not_here("a template with a macro (Transform)"));
    }
    if template["Resources"].as_object().is_none_or(Map::is_empty) {
        return Err(invalid("Template format error: At least one Resources member must be defined."));
    }
    check_kinds(template)?;
    check_references(template)
}

fn check_kinds(template: &Value) -> Result<(), Refusal> {
    let mut unrecognized = Vec::new();
    for (name, resource) in resources(template) {
        if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric()) {
            return Err(invalid(format!("Template format error: Resource name {name} is non alphanumeric.")));
        }
        let Some(kind) = resource["Type"].as_str() else {
            let message = format!(
                "Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
            );
            return Err(invalid(message));
        };
        if kind.split("::").count() < 2 {
            unrecognized.push(kind);
        } else if kinds::of(kind).is_none() {
            return Err(not_here(&format!("the resource type {kind} (of {name})")));
        }
    }
    if unrecognized.is_empty() {
        return Ok(());
    }
    Err(invalid(format!("Template format error: Unrecognized resource types: [{}]", unrecognized.join(", "))))
}

fn check_references(template: &Value) -> Result<(), Refusal> {
    let (parameters, known) = (names(template, "Parameters"), names(template, "Resources"));
    let is_known = |name: &String| name.starts_with("AWS::") || parameters.contains(name) || known.contains(name);
    for section in ["Resources", "Outputs"] {
        let mut found = Vec::new();
        references(&template[section], &mut found);
        if section == "Resources" {
            found.extend(resources(template).flat_map(|(_, resource)| depends_on(resource)));
        }
        let missing: BTreeSet<String> = found.into_iter().filter(|name| !is_known(name)).collect();
        if !missing.is_empty() {
            let missing: Vec<String> = missing.into_iter().collect();
            return Err(invalid(format!(
                "Template format error: Unresolved resource dependencies [{}] in the {section} block of the template",
                missing.join(", ")
            )));
        }
    }
    let mut left: Vec<(String, Vec<String>)> = known.iter().map(|name| (name.clone(), needs(template, name))).collect();
    // Whatever needs nothing that is left can be made; what remains waits for itself.
    loop {
        let waiting: Vec<String> = left.iter().map(|(name, _)| name.clone()).collect();
        let before = left.len();
        left.retain(|(_, needs)| needs.iter().any(|need| waiting.contains(need)));
        if left.is_empty() {
            return Ok(());
        }
        if left.len() == before {
            return Err(invalid(format!("Circular dependency between resources: [{}]", waiting.join(", "))));
        }
    }
}

fn depends_on(resource: &Value) -> Vec<String> {
    match &resource["DependsOn"] {
        Value::String(name) => vec![name.clone()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The resources that have to be there before this one.
pub(super) fn needs(template: &Value, name: &str) -> Vec<String> {
    let resource = &template["Resources"][name];
    let mut found = depends_on(resource);
    references(&resource["Properties"], &mut found);
    let known = &template["Resources"];
    found.retain(|need| known.get(need).is_some());
    found.sort();
    found.dedup();
    found
}

/// Capabilities that somebody has to acknowledge, with the reason.
pub(super) fn capabilities(template: &Value) -> Option<(&'static str, String)> {
    let of_iam = |resource: &&Value| resource["Type"].as_str().is_some_and(|kind| kind.starts_with("AWS::IAM::"));
    let found: Vec<&Value> = resources(template).map(|(_, resource)| resource).filter(of_iam).collect();
    let kinds: BTreeSet<&str> = found.iter().filter_map(|resource| resource["Type"].as_str()).collect();
    let named = ["RoleName", "InstanceProfileName", "ManagedPolicyName", "UserName", "GroupName"];
    let is_named = |resource: &&Value| named.iter().any(|name| resource["Properties"].get(*name).is_some());
    let capability = if found.iter().any(is_named) { "CAPABILITY_NAMED_IAM" } else { "CAPABILITY_IAM" };
    let list: Vec<&str> = kinds.into_iter().collect();
    let reason = format!("The following resource(s) require capabilities: [{}]", list.join(", "));
    (!found.is_empty()).then_some((capability, reason))
}

/// Refuses a template whose capabilities were not acknowledged.
pub(super) fn acknowledged(template: &Value, given: &Value) -> Result<(), Refusal> {
    let Some((needed, _)) = capabilities(template) else { return Ok(()) };
    let has = |name: &str| given.as_array().is_some_and(|given| given.iter().any(|one| one == name));
    // The one for named resources covers the others.
    if has(needed) || has("CAPABILITY_NAMED_IAM") {
        return Ok(());
    }
    Err(Refusal::new(400, "InsufficientCapabilitiesException", format!("Requires capabilities : [{needed}]")))
}

/// The values of the parameters: what is given, what was there before where that is asked for, what the template says.
pub(super) fn parameters(template: &Value, given: &Value, before: &Value) -> Result<Map<String, Value>, Refusal> {
    let declared = template["Parameters"].as_object().cloned().unwrap_or_default();
    let given: Vec<&Value> = given.as_array().into_iter().flatten().collect();
    let key = |parameter: &Value| parameter["ParameterKey"].as_str().unwrap_or_default().to_owned();
    let unknown: Vec<String> = given.iter().map(|one| key(one)).filter(|name| !declared.contains_key(name)).collect();
    if !unknown.is_empty() {
        return Err(invalid(format!("Parameters: [{}] do not exist in the template", unknown.join(", "))));
    }
    let (mut values, mut missing) = (Map::new(), Vec::new());
    for (name, declaration) in &declared {
        let said = given.iter().find(|one| key(one) == *name);
        let value = match said {
            Some(one) if one["UsePreviousValue"] == true => before.get(name).and_then(Value::as_str).map(str::to_owned),
            Some(one) => one["ParameterValue"].as_str().map(str::to_owned),
            None => None,
        };
        let Some(value) = value.or_else(|| plain(&declaration["Default"])) else {
            missing.push(name.clone());
            continue;
        };
        constrained(name, declaration, &value)?;
        values.insert(name.clone(), value.into());
    }
    if missing.is_empty() {
        Ok(values)
    } else {
        Err(invalid(format!("Parameters: [{}] must have values", missing.join(", "))))
    }
}

fn constrained(name: &str, declaration: &Value, value: &str) -> Result<(), Refusal> {
    let number = |member: &str| plain(&declaration[member]).and_then(|text| text.parse::<f64>().ok());
    let refused = |what: String| {
        Err(invalid(plain(&declaration["ConstraintDescription"]).map_or_else(
            || format!("Parameter '{name}' {what}"),
            |why| format!("Parameter {name} failed to satisfy constraint: {why}"),
        )))
    };
    let kind = declaration["Type"].as_str().unwrap_or("String");
    let values: Vec<&str> = if is_list(kind) { value.split(',').map(str::trim).collect() } else { vec![value] };
    if let Some(allowed) = declaration["AllowedValues"].as_array() {
        let allowed: Vec<String> = allowed.iter().filter_map(plain).collect();
        if values.iter().any(|value| !allowed.iter().any(|known| known == value)) {
            return refused("must be one of AllowedValues".to_owned());
        }
    }
    if let Some(pattern) = declaration["AllowedPattern"].as_str() {
        let pattern_of_all = Regex::new(&format!("^(?:{pattern})$"));
        let fits =
            pattern_of_all.map_err(|error| invalid(format!("the pattern of parameter {name} is none: {error}")))?;
        if values.iter().any(|value| !fits.is_match(value)) {
            return refused(format!("must match pattern {pattern}"));
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "lengths of parameters are at most 4,096")]
    let length = value.chars().count() as f64;
    if number("MinLength").is_some_and(|least| length < least) {
        return refused(format!("must contain at least {} characters", declaration["MinLength"]));
    }
    if number("MaxLength").is_some_and(|most| length > most) {
        return refused(format!("must contain at most {} characters", declaration["MaxLength"]));
    }
    if kind == "Number" {
        let Ok(value) = value.parse::<f64>() else { return refused("must be a number".to_owned()) };
        if number("MinValue").is_some_and(|least| value < least) {
            return refused(format!("must be a number not less than {}", declaration["MinValue"]));
        }
        if number("MaxValue").is_some_and(|most| value > most) {
            return refused(format!("must be a number not greater than {}", declaration["MaxValue"]));
        }
    }
    Ok(())
}

fn is_list(kind: &str) -> bool {
    kind == "CommaDelimitedList" || kind.starts_with("List<")
}

/// Parameters as functions see them: lists where the type is one.
pub(super) fn typed(template: &Value, values: &Map<String, Value>) -> Map<String, Value> {
    let typed = |(name, value): (&String, &Value)| {
        let kind = template["Parameters"][name]["Type"].as_str().unwrap_or("String");
        let text = value.as_str().unwrap_or_default();
        let value = if is_list(kind) { text.split(',').map(str::trim).collect() } else { value.clone() };
        (name.clone(), value)
    };
    values.iter().map(typed).collect()
}

/// Parameters as answers show them.
pub(super) fn shown(template: &Value, values: &Map<String, Value>) -> Value {
    let shown = |(name, value): (&String, &Value)| {
        let silent = plain(&template["Parameters"][name]["NoEcho"]).is_some_and(|text| text == "true");
        json!({ "ParameterKey": name, "ParameterValue": if silent { Value::from("****") } else { value.clone() } })
    };
    values.iter().map(shown).collect()
}

/// What a template declares, as its summary and its validation have it.
pub(super) fn summary(template: &Value, whole: bool) -> Value {
    let declared = template["Parameters"].as_object().into_iter().flatten().map(|(name, declaration)| {
        let mut row = json!({
            "ParameterKey": name, "NoEcho": plain(&declaration["NoEcho"]).is_some_and(|text| text == "true"),
        });
        if let Some(default) = plain(&declaration["Default"]) {
            row["DefaultValue"] = default.into();
        }
        if let Some(about) = declaration["Description"].as_str() {
            row["Description"] = about.into();
        }
        if whole {
            row["ParameterType"] = declaration["Type"].as_str().unwrap_or("String").into();
            let allowed = declaration["AllowedValues"].as_array();
            let allowed: Vec<String> = allowed.into_iter().flatten().filter_map(plain).collect();
            row["ParameterConstraints"] =
                if allowed.is_empty() { json!({}) } else { json!({ "AllowedValues": allowed }) };
        }
        row
    });
    let mut summary = json!({ "Parameters": declared.collect::<Value>() });
    if let Some(about) = template["Description"].as_str() {
        summary["Description"] = about.into();
    }
    if let Some((capability, reason)) = capabilities(template) {
        summary["Capabilities"] = json!([capability]);
        summary["CapabilitiesReason"] = reason.into();
    }
    if whole {
        let kinds: BTreeSet<&str> = resources(template).filter_map(|(_, resource)| resource["Type"].as_str()).collect();
        summary["ResourceTypes"] = kinds.into_iter().collect();
        if let Some(version) = template["AWSTemplateFormatVersion"].as_str() {
            summary["Version"] = version.into();
        }
    }
    summary
}
