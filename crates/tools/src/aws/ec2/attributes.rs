//! Change what EC2 instances are like: type, protection, groups, metadata options, monitoring; and reboot the hard way.

mod wire;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, Changes, Covers, Error, ErrorKind, Impact, Json, Preview, Reads, Result, Target, Tool, ToolDef, Weighed,
};

use self::wire::{
    BooleanValue, ModifyInstanceAttribute, ModifyInstanceMetadataOptions, MonitorInstances, TextValue,
    UnmonitorInstances,
};
use super::{
    details::Metadata,
    instances::wire::{DescribeInstances, Instance},
    launch::{Switch, Tokens},
    lifecycle::{StartInstances, StopInstances},
};
use crate::{
    App, Cx,
    aws::{
        impact::{self, Machines},
        waiting::Condition,
    },
    common::{DryRun, Profile, Region, aws_target},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::changes::<ModifyInstance>()
        .formerly(&["ec2.modify_instance_attribute", "ec2.change_instance_type", "ec2_change_instance_type"])
        .also(&[
            ("ec2.enable_termination_protection", r#"{"disable_api_termination": true}"#),
            ("ec2.disable_termination_protection", r#"{"disable_api_termination": false}"#),
            ("ec2.monitor_instances", r#"{"detailed_monitoring": true}"#),
            ("ec2.unmonitor_instances", r#"{"detailed_monitoring": false}"#),
        ]),
    ToolDef::changes::<ModifyMetadata>().formerly(&["ec2.modify_metadata_options", "aws.modify_metadata_options"]),
    ToolDef::changes::<HardReboot>().formerly(&["ec2.hard_reboot_instance"]),
];

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Shutdown {
    Stop,
    Terminate,
}

/// Change an EC2 instance: type, protection, security groups, shutdown behaviour, monitoring
///
/// The type changes only while it is stopped. Detailed monitoring costs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ModifyInstance {
    /// Instance ID.
    instance_id: String,
    /// Another type, such as g6e.2xlarge.
    instance_type: Option<String>,
    /// Protect it from termination by the API.
    disable_api_termination: Option<bool>,
    /// Protect it from being stopped by the API.
    disable_api_stop: Option<bool>,
    /// What it does when it shuts itself down.
    instance_initiated_shutdown_behavior: Option<Shutdown>,
    /// All its security group IDs from then on.
    security_group_ids: Option<Vec<String>>,
    /// false for instances that pass on the traffic of others.
    source_dest_check: Option<bool>,
    /// Metrics every minute instead of every five.
    detailed_monitoring: Option<bool>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl ModifyInstance {
    /// EC2 takes one attribute in a request.
    fn requests(&self) -> Vec<(&'static str, ModifyInstanceAttribute)> {
        let request = || ModifyInstanceAttribute { instance_id: self.instance_id.clone(), ..Default::default() };
        let truth = |value| Some(BooleanValue { value });
        let mut requests = Vec::new();
        if let Some(value) = self.instance_type.clone() {
            requests.push((
                "instance_type",
                ModifyInstanceAttribute { instance_type: Some(TextValue { value }), ..request() },
            ));
        }
        if let Some(value) = self.disable_api_termination {
            let request = ModifyInstanceAttribute { disable_api_termination: truth(value), ..request() };
            requests.push(("disable_api_termination", request));
        }
        if let Some(value) = self.disable_api_stop {
            requests
                .push(("disable_api_stop", ModifyInstanceAttribute { disable_api_stop: truth(value), ..request() }));
        }
        if let Some(value) = self.instance_initiated_shutdown_behavior {
            let value = TextValue { value: format!("{value:?}").to_lowercase() };
            let request = ModifyInstanceAttribute { instance_initiated_shutdown_behavior: Some(value), ..request() };
            requests.push(("instance_initiated_shutdown_behavior", request));
        }
        if let Some(groups) = self.security_group_ids.clone().filter(|groups| !groups.is_empty()) {
            requests.push(("security_group_ids", ModifyInstanceAttribute { groups, ..request() }));
        }
        if let Some(value) = self.source_dest_check {
            let request = ModifyInstanceAttribute { source_dest_check: truth(value), ..request() };
            requests.push(("source_dest_check", request));
        }
        requests
    }

    /// What makes sense, before anything is changed.
    fn check(&self, now: &Instance) -> Result<()> {
        if self.requests().is_empty() && self.detailed_monitoring.is_none() {
            return Err(Error::validation("nothing to change is named"));
        }
        let state = now.state.name.as_str();
        if self.instance_type.is_some() && state != "stopped" {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("{} is {state}; its type changes only while it is stopped", now.instance_id),
            )
            .hint("ec2_stop_instances with wait first; nothing was changed"));
        }
        Ok(())
    }
}

impl Tool<App> for ModifyInstance {
    const NAME: &'static str = "ec2_modify_instance_attribute";
    const EXAMPLE: &'static str = r#"{"instance_id": "i-0123456789abcdef0", "disable_api_termination": true}"#;
    type Access = Changes;
    type Output = Json<Modified>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Modified>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        self.check(&one(&aws, &self.instance_id).await?)?;
        let mut changed: Vec<&'static str> = Vec::new();
        let so_far = |changed: &[&str]| changed.iter().map(|name| format!("{name} was changed")).collect::<Vec<_>>();
        for (name, request) in self.requests() {
            aws.send(&request).await.map_err(|error| error.partial(so_far(&changed)))?;
            changed.push(name);
        }
        if let Some(on) = self.detailed_monitoring {
            let instance_ids = vec![self.instance_id.clone()];
            let sent = if on {
                aws.send(&MonitorInstances { instance_ids }).await.map(drop)
            } else {
                aws.send(&UnmonitorInstances { instance_ids }).await.map(drop)
            };
            sent.map_err(|error| error.partial(so_far(&changed)))?;
            changed.push("detailed_monitoring");
        }
        Ok(Json(Modified { instance_id: self.instance_id, changed }))
    }
}

impl Preview<App> for ModifyInstance {
    type Plan = Weighed<Asked>;

    fn target(&self) -> Target {
        aws_target("ec2 instance", vec![self.instance_id.clone()], self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Asked>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let now = one(&aws, &self.instance_id).await?;
        self.check(&now)?;
        let mut dry_runs = Vec::new();
        for (name, request) in self.requests() {
            dry_runs.push(Verdict { changes: name, dry_run: aws.dry_run_of(&request).await?.into() });
        }
        if let Some(on) = self.detailed_monitoring {
            let instance_ids = vec![self.instance_id.clone()];
            let refusal = if on {
                aws.dry_run_of(&MonitorInstances { instance_ids }).await?
            } else {
                aws.dry_run_of(&UnmonitorInstances { instance_ids }).await?
            };
            dry_runs.push(Verdict { changes: "detailed_monitoring", dry_run: refusal.into() });
        }
        // It adds nothing before it is started, but whoever may give it a type may start it, too.
        let machines = Machines::from_iter(self.instance_type.clone().map(|name| (name, 1)));
        let gpus = impact::gpus(&aws, &machines).await;
        let dollars_per_hour = impact::on_demand_dollars(&aws, &machines).await;
        let asked = Asked { state: now.state.name, instance_type: now.instance_type, dry_runs };
        Ok(Weighed::new(asked, Impact { gpus, dollars_per_hour, objects: 0 }))
    }
}

/// Change an EC2 instance's metadata service: require IMDSv2, set the hop limit, switch it off
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ModifyMetadata {
    /// Instance ID.
    instance_id: String,
    /// required: only IMDSv2 is answered.
    http_tokens: Option<Tokens>,
    http_endpoint: Option<Switch>,
    /// 2 or more lets containers reach it.
    #[schemars(range(min = 1, max = 64))]
    http_put_response_hop_limit: Option<u32>,
    http_protocol_ipv6: Option<Switch>,
    /// Let tags be read there.
    instance_metadata_tags: Option<Switch>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl ModifyMetadata {
    fn request(&self) -> Result<ModifyInstanceMetadataOptions> {
        let request = ModifyInstanceMetadataOptions {
            instance_id: self.instance_id.clone(),
            http_tokens: self.http_tokens,
            http_endpoint: self.http_endpoint,
            http_put_response_hop_limit: self.http_put_response_hop_limit,
            http_protocol_ipv6: self.http_protocol_ipv6,
            instance_metadata_tags: self.instance_metadata_tags,
        };
        if request.changes_nothing() {
            return Err(Error::validation("nothing to change is named")
                .hint("http_tokens: required is what most want: IMDSv2 only"));
        }
        Ok(request)
    }
}

impl Tool<App> for ModifyMetadata {
    const NAME: &'static str = "ec2_modify_metadata_options";
    const EXAMPLE: &'static str = r#"{"instance_id": "i-0123456789abcdef0", "http_tokens": "required"}"#;
    type Access = Changes;
    type Output = Json<MetadataChanged>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<MetadataChanged>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let request = self.request()?;
        let before = one(&aws, &self.instance_id).await?.metadata_options.map(Metadata::from);
        let after = aws.send(&request).await?.instance_metadata_options.map(Metadata::from);
        Ok(Json(MetadataChanged { instance_id: self.instance_id, before, after }))
    }
}

impl Preview<App> for ModifyMetadata {
    type Plan = MetadataAsked;

    fn target(&self) -> Target {
        aws_target("ec2 instance", vec![self.instance_id.clone()], self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<MetadataAsked> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let request = self.request()?;
        let now = one(&aws, &self.instance_id).await?.metadata_options.map(Metadata::from);
        Ok(MetadataAsked { now, dry_run: aws.dry_run_of(&request).await?.into() })
    }
}

/// Reboot an EC2 instance the hard way: stop it by force, then start it, on other hardware
///
/// For one that does not react. Instance-store disks are lost and a public address changes unless it is elastic.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HardReboot {
    /// Instance ID.
    instance_id: String,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for HardReboot {
    const NAME: &'static str = "ec2_hard_reboot_instance";
    const EXAMPLE: &'static str = r#"{"instance_id": "i-0123456789abcdef0"}"#;
    type Access = Changes;
    type Output = Json<Rebooted>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Rebooted>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let mut steps = Vec::new();
        let ids = vec![self.instance_id.clone()];
        let state = one(&aws, &self.instance_id).await?.state.name;
        // A call that goes on where another one left off finds it on the way.
        match state.as_str() {
            "running" | "pending" => {
                aws.send(&StopInstances { instance_ids: ids.clone(), hibernate: None, force: Some(true) }).await?;
                steps.push("stopped by force");
            }
            "stopping" => steps.push("was stopping already"),
            "stopped" => steps.push("was stopped already"),
            other => return Err(Error::new(ErrorKind::Conflict, format!("{} is {other}", self.instance_id))),
        }
        let outcome = Condition::new("ec2", "InstanceStopped", "InstanceIds", &ids).wait(&cx, &aws).await;
        let stopped = outcome.map_err(|error| error.partial(steps.iter().map(ToString::to_string)))?.reached;
        if stopped {
            let started = aws.send(&StartInstances { instance_ids: ids }).await;
            started.map_err(|error| error.partial(steps.iter().map(ToString::to_string)))?;
            steps.push("started");
        }
        let next = (!stopped).then_some("it is still stopping: repeat this call to start it when it has stopped");
        Ok(Json(Rebooted { instance_id: self.instance_id, steps, started: stopped, next }))
    }
}

impl Preview<App> for HardReboot {
    type Plan = HardRebootAsked;

    fn target(&self) -> Target {
        aws_target("ec2 instance", vec![self.instance_id.clone()], self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<HardRebootAsked> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let now = one(&aws, &self.instance_id).await?;
        let stop = StopInstances { instance_ids: vec![self.instance_id.clone()], hibernate: None, force: Some(true) };
        Ok(HardRebootAsked {
            state: now.state.name,
            public_ip: now.public_ip_address,
            root_on_instance_store: now.root_device_type.as_deref() == Some("instance-store"),
            dry_run: aws.dry_run_of(&stop).await?.into(),
        })
    }
}

async fn one<A: Access + Covers<Reads>>(aws: &Aws<A>, id: &str) -> Result<Instance> {
    let question = DescribeInstances { instance_ids: vec![id.to_owned()], filters: Vec::new() };
    let found = aws.send(&question).await?.into_instances().next();
    found.ok_or_else(|| Error::not_found("instance", id).hint("ec2_list_instances shows the instances"))
}

#[derive(Serialize, JsonSchema)]
struct Modified {
    instance_id: String,
    changed: Vec<&'static str>,
}

/// The instance as it is, and what AWS says to a dry run of each change.
#[derive(Serialize, JsonSchema)]
struct Asked {
    state: String,
    instance_type: String,
    dry_runs: Vec<Verdict>,
}

#[derive(Serialize, JsonSchema)]
struct Verdict {
    changes: &'static str,
    dry_run: DryRun,
}

#[derive(Serialize, JsonSchema)]
struct MetadataChanged {
    instance_id: String,
    before: Option<Metadata>,
    /// Its state is `pending` until the change is everywhere, a second or so.
    after: Option<Metadata>,
}

#[derive(Serialize, JsonSchema)]
struct MetadataAsked {
    now: Option<Metadata>,
    dry_run: DryRun,
}

#[derive(Serialize, JsonSchema)]
struct Rebooted {
    instance_id: String,
    steps: Vec<&'static str>,
    started: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'static str>,
}

#[derive(Serialize, JsonSchema)]
struct HardRebootAsked {
    state: String,
    /// Another one afterwards, unless it is elastic.
    public_ip: Option<String>,
    /// EC2 cannot stop such an instance.
    root_on_instance_store: bool,
    dry_run: DryRun,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attribute_is_a_request_of_its_own() {
        let modify: ModifyInstance = serde_json::from_str(
            r#"{"instance_id": "i-1", "disable_api_termination": false, "security_group_ids": ["sg-1"]}"#,
        )
        .unwrap();
        let sent: Vec<_> = modify.requests().into_iter().map(|(name, _)| name).collect();
        assert_eq!(sent, ["disable_api_termination", "security_group_ids"]);
    }

    #[test]
    fn a_running_instance_keeps_its_type_and_nothing_else_is_changed_either() {
        let modify: ModifyInstance =
            serde_json::from_str(r#"{"instance_id": "i-1", "instance_type": "m5.xlarge"}"#).unwrap();
        let instance = |state: &str| -> Instance {
            serde_json::from_value(serde_json::json!({
                "InstanceId": "i-1", "InstanceType": "m5.large", "State": {"Name": state}
            }))
            .unwrap()
        };
        assert_eq!(modify.check(&instance("running")).unwrap_err().kind(), ErrorKind::Conflict);
        assert!(modify.check(&instance("stopped")).is_ok());
        let nothing: ModifyInstance = serde_json::from_str(r#"{"instance_id": "i-1"}"#).unwrap();
        assert!(nothing.check(&instance("stopped")).is_err());
    }

    #[test]
    fn a_metadata_change_that_changes_nothing_is_not_sent() {
        let modify = |arguments: &str| serde_json::from_str::<ModifyMetadata>(arguments).map(|it| it.request().is_ok());
        assert!(!modify(r#"{"instance_id": "i-1"}"#).unwrap());
        assert!(modify(r#"{"instance_id": "i-1", "http_tokens": "required"}"#).unwrap());
        assert!(modify(r#"{"instance_id": "i-1", "http_tokens": "yes"}"#).is_err(), "not one of the values");
    }
}
