//! Read about a service or an operation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
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
            input: describe_input(service.name, operation.name, depth)?,
            example: example_input(service.name, operation.name)?,
            output,
            errors: operation.errors.iter().map(|id| service.shape(*id).name).collect(),
        })))
    }
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
    /// Members by name: type, required, bounds, values.
    input: Value,
    /// What is required, to be filled in.
    example: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    /// Errors that it declares.
    errors: Vec<&'static str>,
}
