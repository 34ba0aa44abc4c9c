//! Parameters of a stack: read from a file, written into one, and held against what the template declares before
//! anything is made.

use std::collections::HashSet;

use serde::Serialize;
use trainyard_contract::{Error, Result, nearest};

use super::{
    local_file,
    stack::{Declared, Parameter},
};

/// A parameters file is a page or two.
const MAX_BYTES: u64 = 1 << 20;
/// What stands in a plan where the template asks for silence.
const SILENCED: &str = "****";

/// How the ids of a parameter's type begin.
const ID_TYPES: [(&str, &str); 7] = [
    ("AWS::EC2::VPC::Id", "vpc-"),
    ("AWS::EC2::Subnet::Id", "subnet-"),
    ("AWS::EC2::SecurityGroup::Id", "sg-"),
    ("AWS::EC2::Instance::Id", "i-"),
    ("AWS::EC2::Image::Id", "ami-"),
    ("AWS::EC2::Volume::Id", "vol-"),
    ("AWS::Route53::HostedZone::Id", "Z"),
];

/// Reads `[{"ParameterKey": …, "ParameterValue": …}]` from an absolute path.
pub(crate) fn read(path: &str) -> Result<Vec<Parameter>> {
    let text = local_file::read(path, "parameters file", MAX_BYTES)?;
    // The parser's message says where, not what: nothing of a wrong file's content is shown.
    serde_json::from_str(&text).map_err(|error| {
        Error::validation(format!(
            "{path:?} is not a list of parameters (line {}, column {})",
            error.line(),
            error.column()
        ))
        .hint("it should be a JSON list of {\"ParameterKey\": \"…\", \"ParameterValue\": \"…\"}")
    })
}

/// A parameter as it stands in a file that we write.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Draft {
    pub(crate) parameter_key: String,
    pub(crate) parameter_value: String,
    /// For the person who fills the file in; not sent.
    pub(crate) description: String,
}

/// What we know about a parameter beyond its template.
#[derive(Debug, Clone, Default)]
pub(crate) struct Advice {
    pub(crate) value: Option<String>,
    pub(crate) about: Option<&'static str>,
}

/// One draft for each declared parameter: our value before the template's default, our description before its own.
pub(crate) fn draft(declared: &[Declared], known_to_us: impl Fn(&str) -> Advice) -> Vec<Draft> {
    let one = |known: &Declared| {
        let advice = known_to_us(&known.parameter_key);
        let own = known.description.as_deref().unwrap_or("No description in the template.");
        let mut description = advice.about.unwrap_or(own).to_owned();
        if !known.allowed().is_empty() {
            description.push_str(&format!(" One of: {}.", known.allowed().join(", ")));
        }
        Draft {
            parameter_key: known.parameter_key.clone(),
            parameter_value: advice.value.or_else(|| known.default_value.clone()).unwrap_or_default(),
            description,
        }
    };
    declared.iter().map(one).collect()
}

/// Keys whose value somebody has to fill in.
pub(crate) fn unfilled(drafts: &[Draft], declared: &[Declared]) -> Vec<String> {
    let needed = |draft: &&Draft| {
        let known = declared.iter().find(|known| known.parameter_key == draft.parameter_key);
        draft.parameter_value.is_empty() && known.is_some_and(|known| known.default_value.is_none())
    };
    drafts.iter().filter(needed).map(|draft| draft.parameter_key.clone()).collect()
}

/// What does not fit between parameters and template: unknown, given twice, missing, outside allowed values, wrong
/// type. All faults at once, so that one correction suffices.
pub(crate) fn faults(given: &[Parameter], declared: &[Declared]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen = HashSet::new();
    for parameter in given {
        let key = parameter.parameter_key.as_str();
        if !seen.insert(key) {
            faults.push(format!("{key} is given twice"));
        }
        match declared.iter().find(|known| known.parameter_key == key) {
            None => faults.push(unknown(key, declared)),
            Some(known) => faults.extend(parameter.parameter_value.as_deref().and_then(|value| wrong(known, value))),
        }
    }
    for known in declared.iter().filter(|known| known.default_value.is_none()) {
        if !seen.contains(known.parameter_key.as_str()) {
            faults.push(format!("{} is missing", known.parameter_key));
        }
    }
    faults
}

/// Refuses where something does not fit.
pub(crate) fn refuse(faults: &[String]) -> Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::validation(format!("the parameters do not fit the template: {}", faults.join("; ")))
        .code("InvalidParameters"))
}

/// The parameters as a plan may show them: without what the template does not want echoed.
pub(crate) fn shown(given: &[Parameter], declared: &[Declared]) -> Vec<Parameter> {
    let silent = |key: &str| declared.iter().any(|known| known.parameter_key == key && known.no_echo == Some(true));
    let show = |parameter: &Parameter| {
        let mut parameter = parameter.clone();
        if parameter.parameter_value.is_some() && silent(&parameter.parameter_key) {
            parameter.parameter_value = Some(SILENCED.to_owned());
        }
        parameter
    };
    given.iter().map(show).collect()
}

fn unknown(key: &str, declared: &[Declared]) -> String {
    match nearest(key, declared.iter().map(|known| known.parameter_key.as_str())) {
        Some(near) => format!("{key} is unknown (did you mean {near}?)"),
        None => format!("{key} is unknown"),
    }
}

fn wrong(known: &Declared, value: &str) -> Option<String> {
    let key = &known.parameter_key;
    let shown = if known.no_echo == Some(true) { SILENCED } else { value };
    if !known.allowed().is_empty() {
        let fits = known.allowed().iter().any(|one| one == value);
        return (!fits).then(|| format!("{key} is one of {}, not {shown:?}", known.allowed().join(", ")));
    }
    let kind = known.parameter_type.as_deref().unwrap_or("String");
    let element = kind.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>'));
    let values: Vec<&str> = match element {
        Some(_) => value.split(',').map(str::trim).collect(),
        None => vec![value],
    };
    let misfit = values.iter().any(|value| !is(element.unwrap_or(kind), value, known.default_value.is_none()));
    misfit.then(|| format!("{key} is {}, not {shown:?}", article(kind)))
}

/// Whether one value can be of that type. Types that say nothing about their values fit all.
fn is(kind: &str, value: &str, required: bool) -> bool {
    match ID_TYPES.iter().find(|(known, _)| *known == kind) {
        Some((_, start)) => value.starts_with(start) && value.len() > start.len(),
        None if kind == "Number" => value.parse::<f64>().is_ok(),
        None => !value.is_empty() || !required,
    }
}

fn article(kind: &str) -> String {
    match kind {
        "Number" => "a number".to_owned(),
        "String" | "CommaDelimitedList" => "to be filled in".to_owned(),
        other => format!("of type {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::cloudformation::wire::Constraints;

    fn parameter(key: &str, value: &str) -> Parameter {
        Parameter { parameter_key: key.into(), parameter_value: Some(value.into()), use_previous_value: None }
    }

    fn declared(key: &str, kind: &str) -> Declared {
        Declared { parameter_key: key.into(), parameter_type: Some(kind.into()), ..Declared::default() }
    }

    fn stage() -> Declared {
        Declared {
            parameter_constraints: Some(Constraints { allowed_values: vec!["gamma".into(), "prod".into()] }),
            default_value: Some("prod".into()),
            ..declared("Stage", "String")
        }
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let declared = [
            declared("ClusterName", "String"),
            stage(),
            Declared { default_value: Some("1".into()), ..declared("Nodes", "Number") },
            Declared { default_value: Some(String::new()), ..declared("Vpc", "AWS::EC2::VPC::Id") },
            Declared { default_value: Some(String::new()), ..declared("Subnets", "List<AWS::EC2::Subnet::Id>") },
        ];
        assert!(
            faults(&[parameter("ClusterName", "c"), parameter("Subnets", "subnet-1, subnet-2")], &declared).is_empty()
        );
        let given = [
            parameter("ClusterNam", "c"),
            parameter("Stage", "beta"),
            parameter("Nodes", "two"),
            parameter("Vpc", "subnet-1"),
            parameter("Subnets", "subnet-1,vpc-2"),
        ];
        let error = refuse(&faults(&given, &declared)).unwrap_err();
        for fault in [
            "ClusterNam is unknown (did you mean ClusterName?)",
            "Stage is one of gamma, prod, not \"beta\"",
            "Nodes is a number, not \"two\"",
            "Vpc is of type AWS::EC2::VPC::Id, not \"subnet-1\"",
            "Subnets is of type List<AWS::EC2::Subnet::Id>, not",
            "ClusterName is missing",
        ] {
            assert!(error.message().contains(fault), "{error}");
        }
        assert_eq!(faults(&[parameter("ClusterName", "")], &declared), ["ClusterName is to be filled in, not \"\""]);
    }

    #[test]
    fn what_is_not_to_be_echoed_is_not_shown() {
        let secret = Declared { no_echo: Some(true), ..declared("Password", "Number") };
        let given = [parameter("Password", "sesame")];
        assert!(!faults(&given, std::slice::from_ref(&secret))[0].contains("sesame"));
        assert_eq!(shown(&given, &[secret])[0].parameter_value.as_deref(), Some(SILENCED));
    }

    #[test]
    fn a_draft_has_every_parameter_and_can_be_read_back() {
        let declared = [declared("ClusterName", "String"), stage(), declared("Vpc", "AWS::EC2::VPC::Id")];
        let drafts = draft(&declared, |key| match key {
            "ClusterName" => Advice { value: Some("train".into()), about: Some("Name of the cluster.") },
            _ => Advice::default(),
        });
        assert_eq!(drafts[0].description, "Name of the cluster.");
        assert_eq!((drafts[1].parameter_value.as_str(), drafts.len()), ("prod", 3));
        assert!(drafts[1].description.ends_with("One of: gamma, prod."));
        assert_eq!(unfilled(&drafts, &declared), ["Vpc"]);
        let text = serde_json::to_string(&drafts).unwrap();
        let read: Vec<Parameter> = serde_json::from_str(&text).unwrap();
        assert_eq!(faults(&read, &declared), ["Vpc is of type AWS::EC2::VPC::Id, not \"\""]);
    }

    #[test]
    fn the_content_of_a_wrong_file_is_not_shown() {
        let path = std::env::temp_dir().join(format!("trainyard-parameters-{}.json", std::process::id()));
        std::fs::write(&path, "{\"secret\": \"open sesame\"").unwrap();
        let error = read(path.to_str().unwrap()).unwrap_err();
        std::fs::write(&path, r#"[{"ParameterKey": "A", "ParameterValue": "1"}]"#).unwrap();
        assert_eq!(read(path.to_str().unwrap()).unwrap(), [parameter("A", "1")]);
        std::fs::remove_file(&path).unwrap();
        assert!(!error.to_string().contains("sesame"), "{error}");
    }
}
