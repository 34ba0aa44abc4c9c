//! The stack engine: find, deploy and delete stacks, and touch none that somebody else owns.

use trainyard_aws::Aws;
use trainyard_contract::{Access, Covers, Destroys, Error, ErrorKind, Loss, Reads, Result, Things};

pub(crate) use super::wire::{Declared, Parameter, Resource, Stack, StackOutput, Tag, TemplateSummary};
use super::{
    template::Template,
    wire::{CreateStack, DeleteStack, DescribeStacks, GetTemplateSummary, ListStackResources, ListStacks, UpdateStack},
};

/// Key of the tag that says which program made a stack.
const OWNER_KEY: &str = "CreatedBy";
/// What these templates need to be allowed to do.
pub(super) const CAPABILITIES: [&str; 3] = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"];
/// Pages of resources that are read for one stack: 100 each.
const RESOURCE_PAGES: usize = 10;
/// Stacks in stacks that are followed when it is asked what dies.
const NESTED_STACKS: usize = 40;
/// Types with which volumes go that the stack does not name.
const WITH_VOLUMES: [&str; 5] = [
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::EC2::EC2Fleet",
    "AWS::EC2::Instance",
    "AWS::EC2::SpotFleet",
    "AWS::EKS::Nodegroup",
];
/// Type of a stack in a stack.
pub(super) const STACK_TYPE: &str = "AWS::CloudFormation::Stack";
/// State of a stack that so far is only planned.
pub(crate) const PLANNED: &str = "REVIEW_IN_PROGRESS";

/// Who owns a stack: the value of its tag `CreatedBy`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner(pub(crate) &'static str);

/// A stack to be made or changed.
pub(crate) struct Deployment {
    pub(crate) stack_name: String,
    pub(crate) template: Template,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) owner: Owner,
    /// Tags of a new stack besides its owner's.
    pub(crate) tags: Vec<Tag>,
    /// The same for the same request, so that a request that is sent twice is carried out once.
    pub(crate) token: String,
}

impl Deployment {
    /// The tags that the stack is to have. An update replaces the whole set, so those that others added are sent again.
    pub(super) fn tags(&self, found: Option<&Stack>) -> Vec<Tag> {
        let mut tags = found.map_or_else(|| vec![self.owner.tag()], |stack| stack.tags.clone());
        for tag in &self.tags {
            if !tags.iter().any(|there| there.key == tag.key) {
                tags.push(tag.clone());
            }
        }
        tags
    }
}

impl Owner {
    fn tag(self) -> Tag {
        Tag { key: OWNER_KEY.to_owned(), value: self.0.to_owned() }
    }

    /// Refuses a stack that is not ours.
    pub(crate) fn check(self, stack: &Stack) -> Result<()> {
        if stack.tags.contains(&self.tag()) {
            return Ok(());
        }
        let found = stack.tags.iter().find(|tag| tag.key == OWNER_KEY).map_or("no such tag", |tag| &tag.value);
        Err(Error::policy_denied(format!(
            "stack {:?} is not ours: its tag {OWNER_KEY} should be {:?} and is {found:?}; it was left alone",
            stack.stack_name, self.0
        ))
        .code("NotOwned")
        .hint("stacks of others are managed with aws_call, or by whoever made them"))
    }
}

/// The stack of that name, if there is one. A refusal is an error, never "there is none".
pub(crate) async fn find<A: Access + Covers<Reads>>(aws: &Aws<A>, name: &str) -> Result<Option<Stack>> {
    match aws.send(&DescribeStacks { stack_name: name.to_owned() }).await {
        Ok(found) => Ok(found.stacks.into_iter().next()),
        // CloudFormation has no code of its own for it: a missing stack is a ValidationError like many others.
        Err(error) if error.code_str() == "ValidationError" && error.message().contains("does not exist") => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The stack of that name, if it is there and ours.
pub(crate) async fn owned<A: Access + Covers<Reads>>(aws: &Aws<A>, name: &str, owner: Owner) -> Result<Stack> {
    let stack = find(aws, name).await?.ok_or_else(|| Error::not_found("stack", name))?;
    owner.check(&stack)?;
    Ok(stack)
}

/// The newest stack of that name that is gone, as long as CloudFormation remembers it: 90 days.
pub(crate) async fn last_deleted(aws: &Aws<Reads>, name: &str) -> Result<Option<Stack>> {
    let question = ListStacks { stack_status_filter: vec!["DELETE_COMPLETE"] };
    let gone = aws.send(&question).await?.stack_summaries;
    match gone.into_iter().find(|stack| stack.stack_name == name).and_then(|stack| stack.stack_id) {
        Some(id) => find(aws, &id).await,
        None => Ok(None),
    }
}

/// Makes the stack, or changes it if it is there and ours. Returns its ARN.
pub(crate) async fn deploy(aws: &Aws<Destroys>, deployment: Deployment) -> Result<String> {
    let found = find(aws, &deployment.stack_name).await?;
    let tags = deployment.tags(found.as_ref());
    let Deployment { stack_name, template, parameters, owner, token, .. } = deployment;
    let capabilities = CAPABILITIES.to_vec();
    match found {
        Some(stack) => {
            owner.check(&stack)?;
            if stack.stack_status == PLANNED {
                return Err(Error::new(ErrorKind::Conflict, format!("stack {stack_name:?} so far is only planned"))
                    .code("OnlyPlanned")
                    .hint("deploy it with the change_set of its plan, or delete it first"));
            }
            let update = UpdateStack {
                stack_name,
                template_url: template.url(),
                template_body: template.body(),
                parameters,
                capabilities,
                tags,
                client_request_token: token,
            };
            aws.send(&update).await.map(|changed| changed.stack_id)
        }
        None => {
            let create = CreateStack {
                stack_name,
                template_url: template.url(),
                template_body: template.body(),
                parameters,
                capabilities,
                tags,
                on_failure: "DELETE",
                client_request_token: token,
            };
            aws.send(&create).await.map(|changed| changed.stack_id)
        }
    }
}

/// Starts to delete a stack that is ours. Returns its ARN.
pub(crate) async fn delete(aws: &Aws<Destroys>, name: &str, owner: Owner) -> Result<String> {
    let stack = owned(aws, name, owner).await?;
    aws.send(&DeleteStack { stack_name: name.to_owned() }).await?;
    Ok(stack.stack_id)
}

/// What a stack and the stacks in it have made: what dies with it.
pub(crate) async fn resources(aws: &Aws<Reads>, name: &str) -> Result<Vec<Resource>> {
    let mut found = Vec::new();
    let mut stacks = vec![(None, name.to_owned())];
    let mut next = 0;
    while let Some((path, stack)) = stacks.get(next).cloned() {
        next += 1;
        for mut resource in of_one(aws, &stack).await? {
            resource.stack.clone_from(&path);
            if resource.resource_type == STACK_TYPE && stacks.len() < NESTED_STACKS {
                let id = resource.logical_resource_id.clone();
                let path = path.as_ref().map_or_else(|| id.clone(), |path: &String| format!("{path} > {id}"));
                stacks.extend(resource.physical_resource_id.clone().map(|inner| (Some(path), inner)));
            }
            found.push(resource);
        }
    }
    Ok(found)
}

/// What goes with these: with machines go volumes that no stack names.
pub(crate) fn loss(resources: &[Resource]) -> Loss {
    let machines = |resource: &Resource| {
        let kind = resource.resource_type.as_str();
        !kind.starts_with("AWS::") || WITH_VOLUMES.contains(&kind)
    };
    if resources.iter().any(machines) {
        return Loss::along(Things::Unknown);
    }
    Loss::along(resources.iter().filter_map(|resource| resource.physical_resource_id.clone()).collect())
}

async fn of_one(aws: &Aws<Reads>, stack_name: &str) -> Result<Vec<Resource>> {
    let mut found = Vec::new();
    let mut next_token = None;
    for _ in 0..RESOURCE_PAGES {
        let page = aws.send(&ListStackResources { stack_name: stack_name.to_owned(), next_token }).await?;
        found.extend(page.stack_resource_summaries);
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    // What is gone already does not die once more.
    found.retain(|resource| resource.resource_status != "DELETE_COMPLETE");
    Ok(found)
}

/// What a template declares, and the region that was asked.
pub(crate) async fn summary<A: Access + Covers<Reads>>(
    aws: &Aws<A>,
    template: &Template,
) -> Result<(TemplateSummary, String)> {
    aws.send_whole(&GetTemplateSummary { template_url: template.url(), template_body: template.body() }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(tags: Vec<Tag>) -> Stack {
        Stack {
            stack_name: "train-stack".into(),
            stack_id: String::new(),
            stack_status: "CREATE_COMPLETE".into(),
            stack_status_reason: None,
            creation_time: None,
            outputs: Vec::new(),
            tags,
        }
    }

    #[test]
    fn a_stack_without_our_tag_is_not_ours() {
        let owner = Owner("HyperPodMCPServer");
        assert!(owner.check(&stack(vec![owner.tag()])).is_ok());
        assert_eq!(owner.check(&stack(Vec::new())).unwrap_err().code_str(), "NotOwned");
        assert!(owner.check(&stack(vec![Owner("EksMcpServer").tag()])).is_err());
    }

    #[test]
    fn tags_that_others_added_stay() {
        let owner = Owner("HyperPodMCPServer");
        let tag = |key: &str, value: &str| Tag { key: key.into(), value: value.into() };
        let deployment = Deployment {
            stack_name: "s".into(),
            template: Template::Body(String::new()),
            parameters: Vec::new(),
            owner,
            tags: vec![tag("kind", "eks")],
            token: String::new(),
        };
        assert_eq!(deployment.tags(None), [owner.tag(), tag("kind", "eks")]);
        let there = stack(vec![tag("team", "a"), owner.tag(), tag("kind", "slurm")]);
        assert_eq!(deployment.tags(Some(&there)), there.tags, "what is there is not overwritten");
    }
}
