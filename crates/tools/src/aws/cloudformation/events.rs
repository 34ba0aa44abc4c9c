//! What happens to a stack: how far it is, and why it failed.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use schemars::JsonSchema;
use serde::Serialize;
use trainyard_aws::Aws;
use trainyard_contract::{Access, Covers, Error, Progress, Reads, Result};

use super::{
    stack::{self, Owner, STACK_TYPE, Stack},
    wire::{DescribeStackEvents, Event},
};

/// Nested stacks that are followed down to the reason of a failure.
const NESTED: usize = 5;
/// Pages of events that are looked through: 100 each.
const PAGES: usize = 20;
/// How often a stack is looked at while it is followed.
const EVERY: Duration = Duration::from_secs(3);

/// How far the work on a stack is.
#[derive(Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Headway {
    /// Resources that are done.
    pub(crate) done: usize,
    /// Those that are being worked on.
    pub(crate) under_way: Vec<String>,
    /// Those that failed.
    pub(crate) failed: Vec<String>,
}

/// Looks at a stack until nothing is being done to it any more, or until the time is up.
pub(crate) async fn follow<A: Access + Covers<Reads>>(
    aws: &Aws<A>,
    id: &str,
    limit: Duration,
    progress: &dyn Progress,
) -> Result<Stack> {
    let end = Instant::now() + limit;
    let mut most = 0;
    loop {
        let stack = stack::find(aws, id).await?.ok_or_else(|| Error::not_found("stack", id))?;
        if is_settled(&stack) || Instant::now() + EVERY > end {
            return Ok(stack);
        }
        let headway = headway(aws, &stack).await?;
        most = most.max(headway.done as u64);
        progress.report(most, None, &format!("{}, {}", stack.stack_status, in_words(&headway)));
        tokio::time::sleep(EVERY).await;
    }
}

/// Whether nothing is being done to it.
pub(crate) fn is_settled(stack: &Stack) -> bool {
    !stack.stack_status.ends_with("_IN_PROGRESS") || stack.stack_status == stack::PLANNED
}

fn in_words(headway: &Headway) -> String {
    let under_way = headway.under_way.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    format!("{} resources done, under way: {under_way}", headway.done)
}

/// How far the newest operation on a stack is.
pub(crate) async fn headway<A: Access + Covers<Reads>>(aws: &Aws<A>, stack: &Stack) -> Result<Headway> {
    Ok(summed_up(&latest(aws, &stack.stack_id).await?, &stack.stack_id))
}

fn summed_up(events: &[Event], id: &str) -> Headway {
    let mut states = BTreeMap::new();
    // Newest first: the first word on each resource counts.
    for event in events.iter().filter(|event| event.physical_resource_id.as_deref() != Some(id)) {
        let name = event.logical_resource_id.as_deref().unwrap_or_default();
        states.entry(name).or_insert((event.resource_status.as_deref().unwrap_or_default(), event));
    }
    let mut headway = Headway::default();
    for (name, (status, event)) in states {
        let named = || format!("{name} ({})", event.resource_type.as_deref().unwrap_or("unknown type"));
        if status.ends_with("_FAILED") {
            headway.failed.push(named());
        } else if status.ends_with("_IN_PROGRESS") {
            headway.under_way.push(named());
        } else {
            headway.done += 1;
        }
    }
    headway
}

/// Why a stack failed: its first failing event, followed into nested stacks. `None` where nothing failed.
pub(crate) async fn failure<A: Access + Covers<Reads>>(aws: &Aws<A>, stack: &Stack) -> Result<Option<String>> {
    if !["FAILED", "ROLLBACK", "DELETE"].iter().any(|word| stack.stack_status.contains(word)) {
        return Ok(None);
    }
    let mut name = stack.stack_id.clone();
    let mut path = Vec::new();
    let mut reason = None;
    for _ in 0..NESTED {
        let events = latest(aws, &name).await?;
        let Some(event) = first_failure(&events) else { break };
        path.push(event.logical_resource_id.clone().unwrap_or_default());
        reason = event.resource_status_reason.clone().or(reason);
        let nested = event.resource_type.as_deref() == Some(STACK_TYPE);
        match event.physical_resource_id.clone().filter(|id| nested && !id.is_empty() && *id != name) {
            Some(inner) => name = inner,
            None => break,
        }
    }
    if path.is_empty() {
        let failed = stack.stack_status.contains("FAILED") || stack.stack_status.contains("ROLLBACK");
        return Ok(stack.stack_status_reason.clone().filter(|_| failed));
    }
    let reason = reason.unwrap_or_else(|| "no reason given".to_owned());
    Ok(Some(format!("{}: {reason}", path.join(" > "))))
}

/// A stack that failed to be made is taken away again: says why, as long as CloudFormation remembers it.
pub(crate) async fn explain_gone(aws: &Aws<Reads>, name: &str, owner: Owner, error: Error) -> Error {
    let Ok(Some(last)) = stack::last_deleted(aws, name).await else { return error };
    if owner.check(&last).is_err() {
        return error;
    }
    match failure(aws, &last).await {
        Ok(Some(why)) => error.hint(format!("the last stack of that name failed and was taken away again: {why}")),
        _ => error.hint(format!("the last stack of that name was deleted: {}", last.stack_id)),
    }
}

/// The events of the newest operation on a stack, newest first.
async fn latest<A: Access + Covers<Reads>>(aws: &Aws<A>, id: &str) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    let mut next_token = None;
    for _ in 0..PAGES {
        let page = aws.send(&DescribeStackEvents { stack_name: id.to_owned(), next_token }).await?;
        for event in page.stack_events {
            let start = begins(&event);
            events.push(event);
            if start {
                return Ok(events);
            }
        }
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    Ok(events)
}

/// Whether an operation on the stack itself begins here. What CloudFormation starts by itself, such as taking a failed
/// stack away, belongs to the operation before.
fn begins(event: &Event) -> bool {
    let itself = event.resource_type.as_deref() == Some(STACK_TYPE)
        && event.physical_resource_id.is_some()
        && event.physical_resource_id == event.stack_id;
    let asked = event.resource_status_reason.as_deref().is_some_and(|reason| reason.contains("User Initiated"));
    itself
        && match event.resource_status.as_deref() {
            Some("CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" | "IMPORT_IN_PROGRESS") => true,
            Some("DELETE_IN_PROGRESS") => asked,
            _ => false,
        }
}

/// The oldest failing event. Those that were only cancelled because another failed say nothing.
fn first_failure(events: &[Event]) -> Option<&Event> {
    events.iter().rev().find(|event| {
        let failed = event.resource_status.as_deref().is_some_and(|status| status.ends_with("_FAILED"));
        let cancelled = event.resource_status_reason.as_deref().is_some_and(|reason| reason.contains("cancelled"));
        failed && !cancelled
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, status: &str, reason: &str) -> Event {
        Event {
            stack_id: None,
            logical_resource_id: Some(id.into()),
            physical_resource_id: None,
            resource_type: Some("AWS::EC2::VPC".into()),
            resource_status: Some(status.into()),
            resource_status_reason: Some(reason.into()),
        }
    }

    fn itself(status: &str, reason: &str) -> Event {
        let id = Some("arn:stack".to_owned());
        Event {
            stack_id: id.clone(),
            physical_resource_id: id,
            resource_type: Some(STACK_TYPE.into()),
            ..event("stack", status, reason)
        }
    }

    #[test]
    fn the_first_failure_is_the_oldest_that_was_not_only_cancelled() {
        let events = [
            event("stack", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed"),
            event("Role", "CREATE_FAILED", "Resource creation cancelled"),
            event("Cluster", "CREATE_FAILED", "quota exceeded"),
            event("Bucket", "CREATE_FAILED", "Resource creation cancelled"),
            event("stack", "CREATE_IN_PROGRESS", "User Initiated"),
        ];
        assert_eq!(first_failure(&events).unwrap().logical_resource_id.as_deref(), Some("Cluster"));
        assert!(first_failure(&events[3..]).is_none());
    }

    #[test]
    fn an_operation_begins_where_somebody_asked_for_it() {
        assert!(begins(&itself("UPDATE_IN_PROGRESS", "User Initiated")));
        assert!(begins(&itself("DELETE_IN_PROGRESS", "User Initiated")));
        assert!(!begins(&itself("DELETE_IN_PROGRESS", "The following resource(s) failed to create: [Vpc]")));
        assert!(!begins(&event("Vpc", "CREATE_IN_PROGRESS", "")));
    }

    #[test]
    fn headway_counts_each_resource_once_and_not_the_stack_itself() {
        let events = [
            event("Vpc", "CREATE_COMPLETE", ""),
            event("Role", "CREATE_IN_PROGRESS", ""),
            event("Vpc", "CREATE_IN_PROGRESS", ""),
            event("Subnet", "CREATE_FAILED", "no room"),
            itself("CREATE_IN_PROGRESS", "User Initiated"),
        ];
        let headway = summed_up(&events, "arn:stack");
        assert_eq!(headway.done, 1);
        assert_eq!(headway.under_way, ["Role (AWS::EC2::VPC)"]);
        assert_eq!(headway.failed, ["Subnet (AWS::EC2::VPC)"]);
    }
}
