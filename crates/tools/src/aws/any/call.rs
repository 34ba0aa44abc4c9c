//! Call any operation, under the gates that its effect asks for.

use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trainyard_aws::{
    Aws,
    catalogue::{
        self,
        model::{MemberFlags, Operation, OperationFlags, Service},
    },
    effect, project, show_text, validate,
};
use trainyard_contract::{
    Access, Effect, Error, Impact, Json, Losing, Loss, MayChange, Needs, Preview, Reads, Result, Target, Things, Tool,
    Weighed, declare_others,
};

use crate::{
    App, Cx,
    common::{Cursor, DryRun, Profile, Region, aws_target},
};

/// Call any AWS operation with its own members
///
/// Reads run at once. What shows secrets, changes or destroys needs the server's flag, and destroying a person's word.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
#[schemars(bound = "")]
pub(super) struct Call<A> {
    /// Service, such as ec2 or sagemaker.
    service: String,
    /// Operation, such as DescribeInstances.
    operation: String,
    /// Input members, spelt as aws_describe shows them.
    #[serde(default)]
    parameters: Map<String, Value>,
    /// JMESPath projection of the answer.
    query: Option<String>,
    /// Follow pages up to this many items; one page when absent.
    #[schemars(range(min = 1, max = 1000))]
    max_items: Option<u32>,
    /// `next` of the call before.
    cursor: Option<Cursor>,
    region: Option<Region>,
    profile: Option<Profile>,
    #[serde(skip)]
    access: PhantomData<fn() -> A>,
}

/// What these arguments would do.
pub(super) fn needs(arguments: &Value) -> Result<Needs> {
    let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default();
    let operation = operation(catalogue::service(text("service"))?, text("operation"))?;
    Ok(Needs {
        effect: effect(operation),
        reveals: operation.is(OperationFlags::REVEALS),
        spends: operation.is(OperationFlags::COSTS),
    })
}

/// The operation of that name, in any usual spelling.
pub(super) fn operation(service: &'static Service<'static>, name: &str) -> Result<&'static Operation<'static>> {
    service.find_operation(name).ok_or_else(|| {
        let error = Error::not_found(&format!("operation of {}", service.name), name).code("UnknownOperation");
        match catalogue::nearest_operation(service, name) {
            Some(near) => error.hint(format!("did you mean {near:?}? aws_search finds operations by words")),
            None => error.hint("aws_search finds operations by words"),
        }
    })
}

impl<A: Access> Tool<App> for Call<A> {
    const NAME: &'static str = "aws_call";
    const EXAMPLE: &'static str =
        r#"{"service": "ec2", "operation": "DescribeVpcs", "query": "Vpcs[].{id: VpcId, cidr: CidrBlock}"}"#;
    type Access = A;
    type Output = Json<Answer>;

    async fn run(self, cx: Cx<A>) -> Result<Json<Answer>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let (service, operation) = self.found()?;
        let input = Value::Object(self.parameters);
        let mut answer = if self.max_items.is_some() || self.cursor.is_some() {
            let wanted = cx.wanted(self.max_items.unwrap_or(u32::MAX), self.cursor.as_ref());
            let pages = aws.call_pages(service.name, operation.name, input, wanted).await?;
            Answer { result: pages.output, region: pages.region, request_id: pages.request_id, next: pages.next }
        } else {
            let reply = aws.call(service.name, operation.name, input).await?;
            Answer { result: reply.output, region: reply.region, request_id: reply.request_id, next: None }
        };
        show_text(service, operation, &mut answer.result);
        if let Some(query) = &self.query {
            answer.result = project(query, &answer.result)?;
        }
        // Nothing is known of what a free call shows: messages, tags, bodies of objects.
        declare_others(&mut answer.result);
        Ok(Json(answer))
    }
}

impl<A> Call<A> {
    fn found(&self) -> Result<(&'static Service<'static>, &'static Operation<'static>)> {
        let service = catalogue::service(&self.service)?;
        Ok((service, operation(service, &self.operation)?))
    }

    fn target(&self) -> Target {
        let kind = format!("{} {}", self.service, self.operation);
        aws_target(&kind, ids(&self.parameters), self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, aws: &Aws<Reads>) -> Result<Plan> {
        let (service, operation) = self.found()?;
        let input = Value::Object(self.parameters.clone());
        validate(service.name, operation.name, &input)?;
        let request = aws.engine().preview(service.name, operation.name, input.clone(), aws.scope()).await?;
        let dry_run = if has_dry_run(service, operation) {
            Some(aws.dry_run(service.name, operation.name, input).await?.into())
        } else {
            None
        };
        Ok(Plan {
            service: service.name,
            operation: operation.name,
            parameters: self.parameters.clone(),
            region: request.region,
            request: format!("{} {}", request.method, request.url),
            dry_run,
        })
    }
}

impl<A: MayChange> Preview<App> for Call<A> {
    type Plan = Losing<Weighed<Plan>>;

    fn target(&self) -> Target {
        Call::target(self)
    }

    fn loss(&self) -> Option<Loss> {
        // What there is not is refused by the call itself.
        Some(self.found().map_or(Loss::NONE, |(_, operation)| loss(operation)))
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Losing<Weighed<Plan>>> {
        let (service, operation) = self.found()?;
        let plan = Call::plan(self, &cx.aws(self.region.as_ref(), self.profile.as_ref())).await?;
        Ok(Losing::new(Weighed::new(plan, impact(service, operation)), loss(operation)))
    }
}

/// Services that run no machines and bill nothing by the hour. Of any other, newer ones included, nobody knows.
const HARMLESS: &[&str] = &[
    "acm",
    "cloudwatch",
    "ecr",
    "events",
    "iam",
    "kms",
    "logs",
    "resource-groups",
    "resourcegroupstaggingapi",
    "route53",
    "s3",
    "s3control",
    "secretsmanager",
    "sns",
    "sqs",
    "sts",
];
/// How the names of operations begin that make less of something, or only name it.
const LESSENS: &[&str] = &[
    "Cancel",
    "Delete",
    "Deregister",
    "Detach",
    "Disable",
    "Disassociate",
    "Release",
    "Remove",
    "Revoke",
    "Stop",
    "Tag",
    "Terminate",
    "Untag",
];

/// What a raw call adds. Nobody has counted it, so it is nothing only where it surely is.
fn impact(service: &Service<'_>, operation: &Operation<'_>) -> Impact {
    let lessens = LESSENS.iter().any(|verb| operation.name.starts_with(verb));
    let costs = operation.is(OperationFlags::COSTS);
    if costs || !(lessens || HARMLESS.contains(&service.name)) {
        let name = format!("{} {}", service.name, operation.name);
        return Impact::unknown(format!(
            "{name} may start machines or cost something, and a raw call does not count them"
        ));
    }
    Impact::NONE
}

/// Nouns in the names of operations that take a backup away.
const BACKUPS: &[&str] = &["Backup", "Image", "RecoveryPoint", "Snapshot"];
/// Nouns in the names of operations with which more goes than their parameters name.
const WITH_MORE: &[&str] = &["AutoScalingGroup", "Cluster", "Fleet", "Instance", "Nodegroup", "Stack", "Workspace"];

/// What is lost by a raw call, by its name. It looks nothing up, so what it is a backup of is never known.
fn loss(operation: &Operation<'_>) -> Loss {
    let about = |nouns: &[&str]| nouns.iter().any(|noun| operation.name.contains(noun));
    if effect(operation) != Effect::Destroys {
        Loss::NONE
    } else if about(BACKUPS) {
        Loss::of_backup(Things::Unknown)
    } else if about(WITH_MORE) {
        Loss::along(Things::Unknown)
    } else {
        Loss::NONE
    }
}

/// Names and ids among the parameters: what a person looks for in a question.
fn ids(parameters: &Map<String, Value>) -> Vec<String> {
    let named = |name: &str| {
        ["Id", "Ids", "Name", "Names", "Arn", "Arns", "Bucket", "Key"].iter().any(|end| name.ends_with(end))
    };
    parameters
        .iter()
        .filter(|(name, _)| named(name))
        .flat_map(|(_, value)| match value {
            Value::String(id) => vec![id.clone()],
            Value::Array(ids) => ids.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        })
        .collect()
}

/// Only EC2's own promise counts: elsewhere a member of that name may mean something else.
fn has_dry_run(service: &Service<'_>, operation: &Operation<'_>) -> bool {
    service.name == "ec2"
        && operation.input.and_then(|id| service.structure(id)).is_some_and(|input| {
            input.members.iter().any(|member| member.name == "DryRun" && !member.is(MemberFlags::REQUIRED))
        })
}

/// What came back.
#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    region: String,
    /// The answer, or what `query` picks of it.
    result: Value,
    /// Cursor of the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Cursor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// What would be sent.
#[derive(Serialize, JsonSchema)]
pub(super) struct Plan {
    service: &'static str,
    operation: &'static str,
    parameters: Map<String, Value>,
    region: String,
    /// Method and address of the request.
    request: String,
    /// What AWS says to a dry run, where it offers one.
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run: Option<DryRun>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adds_nothing(service: &str, name: &str) -> bool {
        let service = catalogue::service(service).unwrap();
        impact(service, operation(service, name).unwrap()) == Impact::NONE
    }

    #[test]
    fn a_raw_call_is_not_taken_for_free_unless_it_surely_is() {
        for (service, name) in [
            ("ec2", "RunInstances"),
            ("ec2", "ModifyInstanceAttribute"),
            ("eks", "UpdateNodegroupConfig"),
            ("sagemaker", "UpdateCluster"),
            ("cloudformation", "ExecuteChangeSet"),
            ("autoscaling", "SetDesiredCapacity"),
            ("braket", "CreateJob"),
        ] {
            assert!(!adds_nothing(service, name), "{service} {name}");
        }
        for (service, name) in [("ec2", "TerminateInstances"), ("s3", "PutObject"), ("iam", "CreateRole")] {
            assert!(adds_nothing(service, name), "{service} {name}");
        }
    }

    #[test]
    fn a_raw_call_that_may_take_a_backup_away_says_so() {
        let loss = |service: &str, name: &str| loss(operation(catalogue::service(service).unwrap(), name).unwrap());
        for (service, name) in [
            ("ec2", "DeleteSnapshot"),
            ("ec2", "DeregisterImage"),
            ("rds", "DeleteDBSnapshot"),
            ("fsx", "DeleteBackup"),
            ("backup", "DeleteRecoveryPoint"),
        ] {
            assert_eq!(loss(service, name), Loss::of_backup(Things::Unknown), "{service} {name}");
        }
        for (service, name) in [("ec2", "TerminateInstances"), ("cloudformation", "DeleteStack")] {
            assert_eq!(loss(service, name), Loss::along(Things::Unknown), "{service} {name}");
        }
        for (service, name) in [("ec2", "CreateSnapshot"), ("ec2", "DeleteVolume"), ("ec2", "DescribeSnapshots")] {
            assert_eq!(loss(service, name), Loss::NONE, "{service} {name}");
        }
    }
}
