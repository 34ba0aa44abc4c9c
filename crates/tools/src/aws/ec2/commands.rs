//! What happens inside of EC2 instances: their console, and commands through Systems Manager.

mod wire;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::from_base64;
use trainyard_contract::{
    Destroys, Error, Json, Listing, Others, Preview, Reads, Result, Reveals, Target, Tool, ToolDef,
};

use self::wire::{
    Agent, DescribeInstanceInformation, GetConsoleOutput, Invocation, ListCommandInvocations, ManagedFilter,
    SendCommand,
};
use crate::{
    App, Cx,
    aws::{
        batch::some,
        ec2::tagged::whole,
        listing::{Placed, list},
    },
    common::{At, Part},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reveals::<ConsoleOutput>(),
    ToolDef::reads::<ListManaged>(),
    ToolDef::destroys::<RunCommand>(),
    ToolDef::reveals::<GetCommand>(),
];

/// Where to look for instances that take commands.
const WHERE: &str = "ec2_list_ssm_managed shows the instances that take commands";

/// Show the end of an EC2 instance's console: kernel, boot and user data messages
///
/// Says why an instance does not come up. latest asks for now, on Nitro instances; else it may be minutes old.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ConsoleOutput {
    /// Instance ID.
    instance_id: String,
    /// As it is now.
    #[serde(default)]
    latest: bool,
    /// Most lines, 100 when absent.
    #[schemars(range(min = 1, max = 2000))]
    lines: Option<u32>,
    #[serde(flatten)]
    at: At,
}

impl Tool<App> for ConsoleOutput {
    const NAME: &'static str = "ec2_get_console_output";
    const EXAMPLE: &'static str = r#"{"instance_id": "i-0123456789abcdef0"}"#;
    type Access = Reveals;
    type Output = Json<Console>;

    async fn run(self, cx: Cx<Reveals>) -> Result<Json<Console>> {
        let request = GetConsoleOutput { instance_id: self.instance_id, latest: self.latest.then_some(true) };
        let said = cx.at(&self.at).send(&request).await?;
        let text = said.output.as_deref().map(decoded).unwrap_or_default();
        let lines = usize::try_from(self.lines.unwrap_or(100)).unwrap_or(usize::MAX);
        let (left_out, output) = tail(&text, lines);
        Ok(Json(Console { instance_id: request.instance_id, as_of: said.timestamp, left_out, output: output.into() }))
    }
}

/// As EC2 sends it: base64; a text that is none is shown as it is.
fn decoded(output: &str) -> String {
    from_base64(output).map_or_else(|| output.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The last lines of a text, and how many came before them.
fn tail(text: &str, lines: usize) -> (usize, String) {
    let all: Vec<&str> = text.lines().collect();
    let left_out = all.len().saturating_sub(lines);
    (left_out, all[left_out..].join("\n"))
}

#[derive(Serialize, JsonSchema)]
struct Console {
    instance_id: String,
    as_of: Option<String>,
    /// Lines before these.
    left_out: usize,
    output: Others,
}

/// List instances that Systems Manager reaches, and whether their agent answers
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListManaged {
    /// Only these instances.
    instance_ids: Option<Vec<String>>,
    /// Windows, Linux, macOS.
    platforms: Option<Vec<String>>,
    /// Online, ConnectionLost, Inactive.
    ping_status: Option<Vec<String>>,
    #[serde(flatten)]
    part: Part,
}

impl Tool<App> for ListManaged {
    const NAME: &'static str = "ec2_list_ssm_managed";
    const EXAMPLE: &'static str = r#"{"ping_status": ["Online"]}"#;
    type Access = Reads;
    type Output = Listing<Placed<Agent>>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Placed<Agent>>> {
        let asked =
            [("InstanceIds", self.instance_ids), ("PlatformTypes", self.platforms), ("PingStatus", self.ping_status)];
        let filters = asked.into_iter().map(|(key, values)| ManagedFilter { key, values: values.unwrap_or_default() });
        let filters = filters.filter(|filter| !filter.values.is_empty()).collect();
        list(&cx, &self.part, &DescribeInstanceInformation { filters }).await
    }
}

/// Run shell commands on EC2 instances through Systems Manager
///
/// As root, on all of them. ec2_get_command shows what came of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RunCommand {
    /// Instance IDs, 50 at most.
    instance_ids: Vec<String>,
    /// Lines of one shell script.
    commands: Vec<String>,
    /// Given up on an instance that has not begun by then; an hour when absent.
    #[schemars(range(min = 30, max = 2_592_000))]
    timeout_s: Option<u32>,
    /// Run in PowerShell, for Windows.
    #[serde(default)]
    powershell: bool,
    /// Bucket and prefix that keep the whole output, such as s3://bucket/prefix.
    output_s3: Option<String>,
    /// What it is for.
    comment: Option<String>,
    #[serde(flatten)]
    at: At,
}

/// Instances that one command may name.
const INSTANCES: usize = 50;

impl RunCommand {
    fn request(&self) -> Result<SendCommand> {
        let instance_ids = some("instance_ids", &self.instance_ids, WHERE)?;
        if instance_ids.len() > INSTANCES {
            return Err(Error::validation(format!("{} instances; {INSTANCES} at most", instance_ids.len())));
        }
        if self.commands.iter().all(|line| line.trim().is_empty()) {
            return Err(Error::validation("`commands` is empty"));
        }
        let (bucket, prefix) = match &self.output_s3 {
            None => (None, None),
            Some(url) => {
                let rest = url.strip_prefix("s3://").filter(|rest| !rest.is_empty());
                let rest = rest.ok_or_else(|| Error::validation(format!("{url:?} is not s3://bucket/prefix")))?;
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                (Some(bucket.to_owned()), (!prefix.is_empty()).then(|| prefix.to_owned()))
            }
        };
        Ok(SendCommand {
            instance_ids,
            document_name: if self.powershell { "AWS-RunPowerShellScript" } else { "AWS-RunShellScript" },
            parameters: BTreeMap::from([("commands", self.commands.clone())]),
            timeout_seconds: self.timeout_s,
            comment: self.comment.clone(),
            output_s3_bucket_name: bucket,
            output_s3_key_prefix: prefix,
        })
    }
}

impl Tool<App> for RunCommand {
    const NAME: &'static str = "ec2_run_command";
    const EXAMPLE: &'static str = r#"{"instance_ids": ["i-0123456789abcdef0"], "commands": ["nvidia-smi"]}"#;
    type Access = Destroys;
    type Output = Json<Started>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Started>> {
        let command = cx.at(&self.at).send(&self.request()?).await?.command;
        Ok(Json(Started { command_id: command.command_id, status: command.status }))
    }
}

impl Preview<App> for RunCommand {
    type Plan = Reach;

    fn target(&self) -> Target {
        self.at.target("ec2 instance", &self.instance_ids)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Reach> {
        let ids = self.request()?.instance_ids;
        let filters = vec![ManagedFilter { key: "InstanceIds", values: ids.clone() }];
        let agents = whole(&cx, &cx.at(&self.at), &DescribeInstanceInformation { filters }).await?;
        let online = |id: &&String| {
            let answers = |agent: &&Agent| agent.ping_status.as_deref() == Some("Online");
            agents.iter().filter(answers).any(|agent| agent.instance_id.as_ref() == Some(id))
        };
        let (online, offline) = ids.iter().partition::<Vec<&String>, _>(online);
        let names = |ids: Vec<&String>| ids.into_iter().cloned().collect();
        Ok(Reach { commands: self.commands.clone(), online: names(online), offline: names(offline) })
    }
}

/// The commands, and which instances would get them.
#[derive(Serialize, JsonSchema)]
struct Reach {
    commands: Vec<String>,
    online: Vec<String>,
    /// Their agent does not answer, or there is none.
    offline: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct Started {
    command_id: String,
    status: Option<String>,
}

/// Show what came of a command on each of its instances
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetCommand {
    /// Command ID.
    command_id: String,
    /// Only on this instance.
    instance_id: Option<String>,
    #[serde(flatten)]
    at: At,
}

impl Tool<App> for GetCommand {
    const NAME: &'static str = "ec2_get_command";
    const EXAMPLE: &'static str = r#"{"command_id": "0831e1a8-a1ac-4257-a1fd-c831b48c4107"}"#;
    type Access = Reveals;
    type Output = Listing<Outcome>;

    async fn run(self, cx: Cx<Reveals>) -> Result<Listing<Outcome>> {
        let question =
            ListCommandInvocations { command_id: self.command_id, instance_id: self.instance_id, details: true };
        let found = cx.at(&self.at).list(&question, cx.wanted(trainyard_contract::MAX_LIMIT, None)).await?;
        Ok(Listing::part(found.items.into_iter().map(Outcome::from).collect(), found.next, found.pages))
    }
}

/// What a command did on one instance.
#[derive(Serialize, JsonSchema)]
struct Outcome {
    instance_id: Option<String>,
    status: Option<String>,
    details: Option<String>,
    exit_code: Option<i64>,
    finished: Option<String>,
    /// 2,500 characters at most; all of it where output_s3 said.
    output: Option<Others>,
}

impl From<Invocation> for Outcome {
    fn from(invocation: Invocation) -> Self {
        let plugin = invocation.command_plugins.into_iter().next();
        let (exit_code, finished, output) = plugin.map_or((None, None, None), |plugin| {
            (plugin.response_code, plugin.response_finish_date_time, plugin.output)
        });
        Self {
            instance_id: invocation.instance_id,
            details: invocation.status_details.filter(|details| Some(details) != invocation.status.as_ref()),
            status: invocation.status,
            exit_code: exit_code.filter(|code| *code >= 0),
            finished,
            output: output.filter(|output| !output.is_empty()).map(Others),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_console_is_shown() {
        assert_eq!(tail("a\nb\nc", 2), (1, "b\nc".to_owned()));
        assert_eq!(tail("a", 2), (0, "a".to_owned()));
        assert_eq!(tail("", 2), (0, String::new()));
        assert_eq!(decoded("aGk="), "hi");
    }
}
