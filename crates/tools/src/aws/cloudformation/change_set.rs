//! Change sets: what CloudFormation would do, found out before it is done, and done exactly so.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Aws, Operation};
use trainyard_contract::{Access, Changes, Covers, Destroys, Error, ErrorKind, Progress, Reads, Result};

use super::{
    stack::{self, CAPABILITIES, Deployment, Owner, PLANNED},
    wire::{Parameter, Tag},
};
use crate::aws::replies::Nothing;

/// How often a change set is looked at while CloudFormation makes it.
const EVERY: Duration = Duration::from_secs(2);
/// Longest time that a plan waits for its change set; it goes on being made afterwards.
const PATIENCE: Duration = Duration::from_secs(36);
/// Change sets of nested stacks that are looked into.
const NESTED: usize = 40;
/// Pages of one change set.
const PAGES: usize = 10;

/// A plan that CloudFormation has made.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Planned {
    /// To be given when it is deployed.
    pub(crate) change_set: String,
    /// Of the change set: CREATE_COMPLETE once it can be deployed.
    pub(crate) status: String,
    pub(crate) changes: Vec<Change>,
}

/// What would happen to one resource.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Change {
    /// Path of the nested stack it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<String>,
    action: String,
    logical_resource_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_resource_id: Option<String>,
    resource_type: String,
    /// Whether it would be made anew, and the old one lost: True, False or Conditional.
    #[serde(skip_serializing_if = "Option::is_none")]
    replacement: Option<String>,
}

/// Has CloudFormation find out what a deployment would do. A new stack is there afterwards, planned and empty.
pub(crate) async fn plan(aws: &Aws<Changes>, deployment: Deployment, progress: &dyn Progress) -> Result<Planned> {
    let found = stack::find(aws, &deployment.stack_name).await?;
    if let Some(stack) = &found {
        deployment.owner.check(stack)?;
    }
    let tags = deployment.tags(found.as_ref());
    let new = found.is_none_or(|stack| stack.stack_status == PLANNED);
    let Deployment { stack_name, template, parameters, token, .. } = deployment;
    let change_set_name = token.clone();
    let made = aws
        .send(&CreateChangeSet {
            stack_name,
            template_url: template.url(),
            template_body: template.body(),
            parameters,
            capabilities: CAPABILITIES.to_vec(),
            tags,
            change_set_name,
            client_token: token,
            change_set_type: if new { "CREATE" } else { "UPDATE" },
            include_nested_stacks: true,
            on_stack_failure: new.then_some("DELETE"),
        })
        .await?;
    let end = Instant::now() + PATIENCE;
    loop {
        let found = aws
            .send(&DescribeChangeSet { change_set_name: made.id.clone(), stack_name: None, next_token: None })
            .await?;
        match found.status.as_str() {
            "FAILED" => return Err(failed(&found)),
            "CREATE_PENDING" | "CREATE_IN_PROGRESS" if Instant::now() + EVERY <= end => {
                progress.report(0, None, "CloudFormation is making the change set");
                tokio::time::sleep(EVERY).await;
            }
            _ => return show(aws, &made.id, None).await,
        }
    }
}

fn failed(found: &ChangeSet) -> Error {
    let reason = found.status_reason.clone().unwrap_or_else(|| "no reason given".to_owned());
    Error::new(ErrorKind::Conflict, format!("CloudFormation could not plan it: {reason}")).code("ChangeSetFailed")
}

/// What a change set would do, nested stacks included.
pub(crate) async fn show<A: Access + Covers<Reads>>(
    aws: &Aws<A>,
    change_set: &str,
    stack_name: Option<&str>,
) -> Result<Planned> {
    let mut planned = Planned { change_set: String::new(), status: String::new(), changes: Vec::new() };
    let mut sets = vec![(None, change_set.to_owned(), stack_name.map(str::to_owned))];
    let mut next = 0;
    while let Some((path, set, stack_name)) = sets.get(next).cloned() {
        let mut next_token = None;
        for _ in 0..PAGES {
            let question =
                DescribeChangeSet { change_set_name: set.clone(), stack_name: stack_name.clone(), next_token };
            let page = aws.send(&question).await?;
            if next == 0 && planned.status.is_empty() {
                planned.change_set = page.change_set_id.unwrap_or_else(|| set.clone());
                planned.status = page.status;
            }
            for resource in page.changes.into_iter().filter_map(|change| change.resource_change) {
                if let Some(inner) = resource.change_set_id.clone().filter(|_| sets.len() < NESTED) {
                    let name = &resource.logical_resource_id;
                    let path = path.as_ref().map_or_else(|| name.clone(), |path: &String| format!("{path} > {name}"));
                    sets.push((Some(path), inner, None));
                }
                planned.changes.push(resource.at(path.clone()));
            }
            next_token = page.next_token;
            if next_token.is_none() {
                break;
            }
        }
        next += 1;
    }
    Ok(planned)
}

/// Does what a change set says to a stack that is ours. Returns the stack's ARN.
pub(crate) async fn execute(
    aws: &Aws<Destroys>,
    stack_name: &str,
    change_set: &str,
    owner: Owner,
    token: String,
) -> Result<String> {
    let stack = stack::owned(aws, stack_name, owner).await?;
    aws.send(&ExecuteChangeSet {
        change_set_name: change_set.to_owned(),
        stack_name: stack_name.to_owned(),
        client_request_token: token,
    })
    .await?;
    Ok(stack.stack_id)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct CreateChangeSet {
    stack_name: String,
    #[serde(rename = "TemplateURL")]
    template_url: Option<String>,
    template_body: Option<String>,
    parameters: Vec<Parameter>,
    capabilities: Vec<&'static str>,
    tags: Vec<Tag>,
    change_set_name: String,
    client_token: String,
    change_set_type: &'static str,
    include_nested_stacks: bool,
    on_stack_failure: Option<&'static str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct MadeChangeSet {
    id: String,
}

impl Operation for CreateChangeSet {
    const SERVICE: &'static str = "cloudformation";
    const ACTION: &'static str = "CreateChangeSet";
    type Needs = Changes;
    type Reply = MadeChangeSet;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct DescribeChangeSet {
    change_set_name: String,
    stack_name: Option<String>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct ChangeSet {
    change_set_id: Option<String>,
    #[serde(default)]
    status: String,
    status_reason: Option<String>,
    #[serde(default)]
    changes: Vec<ChangeEntry>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct ChangeEntry {
    resource_change: Option<ResourceChange>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct ResourceChange {
    #[serde(default)]
    action: String,
    #[serde(default)]
    logical_resource_id: String,
    physical_resource_id: Option<String>,
    #[serde(default)]
    resource_type: String,
    replacement: Option<String>,
    change_set_id: Option<String>,
}

impl ResourceChange {
    fn at(self, stack: Option<String>) -> Change {
        Change {
            stack,
            action: self.action,
            logical_resource_id: self.logical_resource_id,
            physical_resource_id: self.physical_resource_id.filter(|id| !id.is_empty()),
            resource_type: self.resource_type,
            replacement: self.replacement.filter(|word| !word.is_empty()),
        }
    }
}

impl Operation for DescribeChangeSet {
    const SERVICE: &'static str = "cloudformation";
    const ACTION: &'static str = "DescribeChangeSet";
    type Needs = Reads;
    type Reply = ChangeSet;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct ExecuteChangeSet {
    change_set_name: String,
    stack_name: String,
    client_request_token: String,
}

impl Operation for ExecuteChangeSet {
    const SERVICE: &'static str = "cloudformation";
    const ACTION: &'static str = "ExecuteChangeSet";
    type Needs = Destroys;
    type Reply = Nothing;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<CreateChangeSet>();
        check::<DescribeChangeSet>();
        check::<ExecuteChangeSet>();
    }
}
