//! The stack engine: find, deploy, explain and delete stacks, and touch none that somebody else owns.

use trainyard_aws::Aws;
use trainyard_contract::{Access, Covers, Destroys, Error, ErrorKind, Reads, Result};

use super::wire::{
    self, CreateStack, DeleteStack, DescribeStacks, GetTemplateSummary, ListStackResources, UpdateStack,
};
pub(crate) use super::wire::{Parameter, Resource, Stack, StackOutput, Tag, TemplateSummary};

/// Key of the tag that says which program made a stack.
const OWNER_KEY: &str = "CreatedBy";
/// What these templates need to be allowed to do.
const CAPABILITIES: [&str; 3] = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"];
/// Nested stacks that are followed down to the reason of a failure.
const NESTED: usize = 5;
/// Pages of resources that are read: 100 each.
const RESOURCE_PAGES: usize = 10;

/// Who owns a stack: the value of its tag `CreatedBy`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner(pub(crate) &'static str);

/// A stack to be made or changed.
pub(crate) struct Deployment {
    pub(crate) stack_name: String,
    pub(crate) template_url: String,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) owner: Owner,
    /// The same for the same request, so that a request that is sent twice is carried out once.
    pub(crate) token: String,
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

/// Makes the stack, or changes it if it is there and ours. Returns its ARN.
pub(crate) async fn deploy(aws: &Aws<Destroys>, deployment: Deployment) -> Result<String> {
    let Deployment { stack_name, template_url, parameters, owner, token } = deployment;
    let capabilities = CAPABILITIES.to_vec();
    match find(aws, &stack_name).await? {
        Some(stack) => {
            owner.check(&stack)?;
            // An update replaces the whole set of tags, so those that others added are sent again.
            let update = UpdateStack {
                stack_name,
                template_url,
                parameters,
                capabilities,
                tags: stack.tags,
                client_request_token: token,
            };
            aws.send(&update).await.map(|changed| changed.stack_id)
        }
        None => {
            let create = CreateStack {
                stack_name,
                template_url,
                parameters,
                capabilities,
                tags: vec![owner.tag()],
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

/// What a stack has made: what dies with it.
pub(crate) async fn resources(aws: &Aws<Reads>, name: &str) -> Result<Vec<Resource>> {
    let mut found = Vec::new();
    let mut next_token = None;
    for _ in 0..RESOURCE_PAGES {
        let page = aws.send(&ListStackResources { stack_name: name.to_owned(), next_token }).await?;
        found.extend(page.stack_resource_summaries);
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    Ok(found)
}

/// What a template declares.
pub(crate) async fn template<A: Access + Covers<Reads>>(aws: &Aws<A>, url: &str) -> Result<TemplateSummary> {
    aws.send(&GetTemplateSummary { template_url: url.to_owned() }).await
}

/// Why a stack failed: its first failing event, followed into nested stacks. `None` where nothing failed.
pub(crate) async fn failure(aws: &Aws<Reads>, stack: &Stack) -> Result<Option<String>> {
    if !["FAILED", "ROLLBACK"].iter().any(|word| stack.stack_status.contains(word)) {
        return Ok(None);
    }
    let mut name = stack.stack_id.clone();
    let mut path = Vec::new();
    for _ in 0..NESTED {
        let events = aws.send(&wire::DescribeStackEvents { stack_name: name }).await?.stack_events;
        let Some(event) = first_failure(&events) else { break };
        path.push(event.logical_resource_id.clone().unwrap_or_default());
        let nested = event.resource_type.as_deref() == Some("AWS::CloudFormation::Stack");
        match event.physical_resource_id.clone().filter(|id| nested && !id.is_empty() && *id != stack.stack_id) {
            Some(inner) => name = inner,
            None => {
                let reason = event.resource_status_reason.clone().unwrap_or_else(|| "no reason given".to_owned());
                return Ok(Some(format!("{}: {reason}", path.join(" > "))));
            }
        }
    }
    Ok(stack.stack_status_reason.clone())
}

/// The oldest failing event. Those that were only cancelled because another failed say nothing.
fn first_failure(events: &[wire::Event]) -> Option<&wire::Event> {
    events.iter().rev().find(|event| {
        let failed = event.resource_status.as_deref().is_some_and(|status| status.ends_with("_FAILED"));
        let cancelled = event.resource_status_reason.as_deref().is_some_and(|reason| reason.contains("cancelled"));
        failed && !cancelled
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, status: &str, reason: &str) -> wire::Event {
        wire::Event {
            logical_resource_id: Some(id.into()),
            physical_resource_id: None,
            resource_type: None,
            resource_status: Some(status.into()),
            resource_status_reason: Some(reason.into()),
        }
    }

    #[test]
    fn the_first_failure_is_the_oldest_that_was_not_only_cancelled() {
        let events = [
            event("stack", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed"),
            event("B", "CREATE_FAILED", "Resource creation cancelled"),
            event("A", "CREATE_FAILED", "quota exceeded"),
            event("A", "CREATE_IN_PROGRESS", ""),
        ];
        assert_eq!(first_failure(&events).unwrap().resource_status_reason.as_deref(), Some("quota exceeded"));
        assert!(first_failure(&events[3..]).is_none());
    }

    #[test]
    fn a_stack_of_somebody_else_is_refused() {
        let stack = |tags: Vec<Tag>| Stack {
            stack_name: "s".into(),
            stack_id: String::new(),
            stack_status: "CREATE_COMPLETE".into(),
            stack_status_reason: None,
            creation_time: None,
            outputs: Vec::new(),
            tags,
        };
        let owner = Owner("HyperPodMCPServer");
        assert!(owner.check(&stack(vec![owner.tag()])).is_ok());
        assert_eq!(owner.check(&stack(Vec::new())).unwrap_err().code_str(), "NotOwned");
        assert!(owner.check(&stack(vec![Owner("EksMcpServer").tag()])).is_err());
    }
}
