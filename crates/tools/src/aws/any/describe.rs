//! Read about a service or an operation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use trainyard_aws::{
    catalogue::{
        self,
        model::{Operation, OperationFlags, Service},
    },
    describe_input, describe_output, example_input,
};
use trainyard_contract::{Json, Reads, Result, Tool};

use super::{call::operation, search::Access};
use crate::{App, Cx};

/// Show what an AWS operation takes and gives, or what a service offers
///
/// Needs no credentials. Ask before a call whose members are not certain.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Describe {
    /// Service, such as ec2 or sagemaker.
    service: String,
    /// Operation; without it the service's operations are listed.
    operation: Option<String>,
    /// Levels of nested members to show.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 5))]
    depth: u32,
    /// Also show the answer's members.
    #[serde(default)]
    output: bool,
}

fn one() -> u32 {
    1
}

impl Tool<App> for Describe {
    const NAME: &'static str = "aws_describe";
    const EXAMPLE: &'static str = r#"{"service": "ec2", "operation": "RunInstances"}"#;
    type Access = Reads;
    type Output = Json<Description>;

    async fn run(self, _: Cx<Reads>) -> Result<Json<Description>> {
        let service = catalogue::service(&self.service)?;
        Ok(Json(match &self.operation {
            Some(name) => self.about_operation(service, operation(service, name)?)?,
            None => about_service(service),
        }))
    }
}

impl Describe {
    fn about_operation(
        &self,
        service: &'static Service<'static>,
        operation: &'static Operation<'static>,
    ) -> Result<Description> {
        let depth = self.depth as usize;
        let flag = |flag, word: &'static str| operation.is(flag).then_some(word);
        let output = self.output.then(|| describe_output(service.name, operation.name, depth)).transpose()?;
        let output = output.as_ref().map(compact);
        Ok(Description::Operation(Box::new(OperationFacts {
            service: service.name,
            operation: operation.name,
            access: operation.access.into(),
            notes: [
                flag(OperationFlags::DESTROYS, "cannot be undone"),
                flag(OperationFlags::COSTS, "costs money each time"),
                flag(OperationFlags::REVEALS, "its answer holds a secret"),
                flag(OperationFlags::PERMISSIONS, "grants or takes away rights"),
                operation.deprecated.then_some("AWS advises against it"),
            ]
            .into_iter()
            .flatten()
            .collect(),
            pages: operation.pages.as_ref().map(|pages| pages.results.join(", ")),
            input: compact(&describe_input(service.name, operation.name, depth)?),
            example: example_input(service.name, operation.name)?,
            output,
            errors: operation.errors.iter().map(|id| service.shape(*id).name).collect(),
        })))
    }
}

/// Members by name, each a few words: a third of the tokens of an object each. Nested members follow their type.
fn compact(members: &Value) -> Value {
    let members = members.as_object().into_iter().flatten();
    members
        .map(|(name, facts)| {
            let nested = ["members", "one_of"].iter().find_map(|key| Some((*key, facts.get(*key)?)));
            let words = Value::from(words(facts));
            let value = match nested {
                Some((key, nested)) => json!({ "is": words, key: compact(nested) }),
                None => words,
            };
            (name.clone(), value)
        })
        .collect::<Map<_, _>>()
        .into()
}

/// `integer, required, 1..100`.
fn words(facts: &Value) -> String {
    let mut words = match facts.get("enum").and_then(Value::as_array) {
        Some(values) => values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("|"),
        None => facts["type"].as_str().unwrap_or("any").to_owned(),
    };
    if let Some(more) = facts.get("more_values") {
        words.push_str(&format!("|… {more} more"));
    }
    if facts.get("required").is_some() {
        words.push_str(", required");
    }
    let bound = |name: &str| facts.get(name).map(ToString::to_string).unwrap_or_default();
    for (min, max, what) in [("min", "max", ""), ("min_length", "max_length", " letters")] {
        let (min, max) = (bound(min), bound(max));
        if !min.is_empty() || !max.is_empty() {
            words.push_str(&format!(", {min}..{max}{what}"));
        }
    }
    if facts.get("sensitive").is_some() {
        words.push_str(", sensitive");
    }
    words
}

fn about_service(service: &'static Service<'static>) -> Description {
    let names = |level: fn(Access) -> bool| {
        let chosen = service.operations.iter().filter(|operation| level(operation.access.into()));
        chosen.map(|operation| operation.name).collect::<Vec<_>>().join(" ")
    };
    Description::Service(ServiceFacts {
        service: service.name,
        title: service.title,
        api_version: service.api_version,
        operations: service.operations.len(),
        reads: names(|access| matches!(access, Access::Read)),
        sensitive: names(|access| matches!(access, Access::Sensitive)),
        writes: names(|access| matches!(access, Access::Write | Access::Unknown)),
        waiters: service.waiters.iter().map(|waiter| waiter.name).collect(),
    })
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Description {
    Service(ServiceFacts),
    Operation(Box<OperationFacts>),
}

/// What a service offers.
#[derive(Serialize, JsonSchema)]
pub(super) struct ServiceFacts {
    service: &'static str,
    title: &'static str,
    api_version: &'static str,
    /// How many operations it has.
    operations: usize,
    /// Operations that only read, separated by spaces.
    reads: String,
    /// Operations that show secrets or content of others.
    sensitive: String,
    /// Operations that change something.
    writes: String,
    waiters: Vec<&'static str>,
}

/// What an operation takes and gives.
#[derive(Serialize, JsonSchema)]
pub(super) struct OperationFacts {
    service: &'static str,
    operation: &'static str,
    access: Access,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'static str>,
    /// The lists that grow from page to page, if its answer comes in pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pages: Option<String>,
    /// Members by name: type or values, whether required, bounds.
    input: Value,
    /// What is required, to be filled in.
    example: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    /// Errors that it declares.
    errors: Vec<&'static str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_told_in_a_few_words() {
        let input = compact(&describe_input("ec2", "RunInstances", 1).unwrap());
        assert_eq!(input["MinCount"], "integer, required");
        assert_eq!(input["SecurityGroupIds"], "list of string");
        assert_eq!(input["Placement"]["is"], "object");
        assert_eq!(input["Placement"]["members"]["AvailabilityZone"], "string");
        assert!(input["InstanceType"].as_str().unwrap().contains("|… "), "{}", input["InstanceType"]);
        let clusters = compact(&describe_input("sagemaker", "ListClusters", 0).unwrap());
        assert_eq!(
            (&clusters["MaxResults"], &clusters["SortBy"]),
            (&json!("integer, 1..100"), &json!("CREATION_TIME|NAME"))
        );
    }
}
