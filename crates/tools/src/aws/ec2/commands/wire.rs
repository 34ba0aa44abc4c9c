//! The operations behind the tools: the members that we send and those that we read.

use std::{collections::BTreeMap, ops::RangeInclusive};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::{Destroys, Reads, Reveals};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct GetConsoleOutput {
    pub(super) instance_id: String,
    pub(super) latest: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ConsoleOutput {
    pub(super) timestamp: Option<String>,
    pub(super) output: Option<String>,
}

impl Operation for GetConsoleOutput {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "GetConsoleOutput";
    type Needs = Reveals;
    type Reply = ConsoleOutput;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct SendCommand {
    pub(super) instance_ids: Vec<String>,
    pub(super) document_name: &'static str,
    pub(super) parameters: BTreeMap<&'static str, Vec<String>>,
    pub(super) timeout_seconds: Option<u32>,
    pub(super) comment: Option<String>,
    pub(super) output_s3_bucket_name: Option<String>,
    pub(super) output_s3_key_prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Sent {
    pub(super) command: Command,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Command {
    pub(super) command_id: String,
    pub(super) status: Option<String>,
}

impl Operation for SendCommand {
    const SERVICE: &'static str = "ssm";
    const ACTION: &'static str = "SendCommand";
    type Needs = Destroys;
    type Reply = Sent;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ListCommandInvocations {
    pub(super) command_id: String,
    pub(super) instance_id: Option<String>,
    pub(super) details: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Invocations {
    #[serde(default)]
    pub(super) command_invocations: Vec<Invocation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Invocation {
    pub(super) instance_id: Option<String>,
    pub(super) status: Option<String>,
    pub(super) status_details: Option<String>,
    #[serde(default)]
    pub(super) command_plugins: Vec<Plugin>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Plugin {
    pub(super) response_code: Option<i64>,
    pub(super) response_finish_date_time: Option<String>,
    pub(super) output: Option<String>,
}

impl Operation for ListCommandInvocations {
    const SERVICE: &'static str = "ssm";
    const ACTION: &'static str = "ListCommandInvocations";
    type Needs = Reveals;
    type Reply = Invocations;
}

impl Paged for ListCommandInvocations {
    type Item = Invocation;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(1..=50)
    }

    fn items(reply: Invocations) -> Vec<Invocation> {
        reply.command_invocations
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeInstanceInformation {
    pub(super) filters: Vec<ManagedFilter>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ManagedFilter {
    pub(super) key: &'static str,
    pub(super) values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Managed {
    #[serde(default)]
    pub(super) instance_information_list: Vec<Agent>,
}

/// An agent of Systems Manager.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct Agent {
    pub(super) instance_id: Option<String>,
    #[serde(rename(serialize = "ping"))]
    pub(super) ping_status: Option<String>,
    #[serde(rename(serialize = "last_ping"))]
    pub(super) last_ping_date_time: Option<String>,
    pub(super) platform_type: Option<String>,
    pub(super) platform_name: Option<String>,
    pub(super) platform_version: Option<String>,
    pub(super) agent_version: Option<String>,
    /// The agent is the newest.
    pub(super) is_latest_version: Option<bool>,
}

impl Operation for DescribeInstanceInformation {
    const SERVICE: &'static str = "ssm";
    const ACTION: &'static str = "DescribeInstanceInformation";
    type Needs = Reads;
    type Reply = Managed;
}

impl Paged for DescribeInstanceInformation {
    type Item = Agent;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(5..=50)
    }

    fn items(reply: Managed) -> Vec<Agent> {
        reply.instance_information_list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<GetConsoleOutput>();
        check::<SendCommand>();
        check::<ListCommandInvocations>();
        check::<DescribeInstanceInformation>();
    }
}
