//! The operations behind the tools: the members that we send and those that we read.

use std::{fmt, ops::RangeInclusive};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::Reads;

use super::super::{instances::wire::InstanceState, tagged::Filter};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeInstanceStatus {
    pub(super) instance_ids: Vec<String>,
    pub(super) include_all_instances: bool,
}

impl DescribeInstanceStatus {
    /// Of these instances, or of all: stopped ones too, which AWS leaves out unless asked.
    pub(super) fn of(instance_ids: Vec<String>) -> Self {
        Self { instance_ids, include_all_instances: true }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Statuses {
    #[serde(default)]
    pub(super) instance_statuses: Vec<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Status {
    pub(super) instance_id: String,
    pub(super) instance_state: Option<InstanceState>,
    pub(super) system_status: Option<Health>,
    pub(super) instance_status: Option<Health>,
    pub(super) attached_ebs_status: Option<Health>,
    pub(super) availability_zone: Option<String>,
    #[serde(default)]
    pub(super) events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Health {
    pub(super) status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Event {
    pub(super) code: Option<String>,
    pub(super) description: Option<String>,
    pub(super) not_before: Option<String>,
}

impl fmt::Display for Event {
    /// `instance-retirement from 2026-12-01T00:00:00Z: the hardware is degraded`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_deref().unwrap_or("event"))?;
        if let Some(time) = &self.not_before {
            write!(f, " from {time}")?;
        }
        self.description.as_ref().map_or(Ok(()), |text| write!(f, ": {text}"))
    }
}

impl Event {
    /// AWS leaves those that are over in the list for a while.
    fn is_over(&self) -> bool {
        let says = |word: &str| self.description.as_deref().is_some_and(|text| text.starts_with(word));
        says("[Completed]") || says("[Canceled]")
    }
}

impl Status {
    /// Whether something is wrong, or about to be.
    pub(super) fn unhealthy(&self) -> bool {
        let failed = |health: &Option<Health>| {
            let word = health.as_ref().and_then(|health| health.status.as_deref());
            matches!(word, Some("impaired" | "insufficient-data"))
        };
        failed(&self.system_status)
            || failed(&self.instance_status)
            || failed(&self.attached_ebs_status)
            || self.events.iter().any(|event| !event.is_over())
    }
}

impl Operation for DescribeInstanceStatus {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeInstanceStatus";
    type Needs = Reads;
    type Reply = Statuses;
}

impl Paged for DescribeInstanceStatus {
    type Item = Status;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        // EC2 refuses a page size beside ids.
        self.instance_ids.is_empty().then_some(5..=1000)
    }

    fn items(reply: Statuses) -> Vec<Status> {
        reply.instance_statuses
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeVolumes {
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Volumes {
    #[serde(default)]
    pub(super) volumes: Vec<Volume>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Volume {
    pub(super) volume_id: String,
    pub(super) size: Option<u32>,
    pub(super) volume_type: Option<String>,
    pub(super) encrypted: Option<bool>,
    #[serde(default)]
    pub(super) attachments: Vec<Attachment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Attachment {
    pub(super) instance_id: Option<String>,
    pub(super) device: Option<String>,
    pub(super) delete_on_termination: Option<bool>,
}

impl Operation for DescribeVolumes {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeVolumes";
    type Needs = Reads;
    type Reply = Volumes;
}

impl Paged for DescribeVolumes {
    type Item = Volume;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(5..=500)
    }

    fn items(reply: Volumes) -> Vec<Volume> {
        reply.volumes
    }
}

/// A volume of an instance.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Disk {
    volume_id: String,
    device: Option<String>,
    size_gib: Option<u32>,
    #[serde(rename = "type")]
    volume_type: Option<String>,
    encrypted: Option<bool>,
    /// Goes when the instance is terminated.
    delete_on_termination: Option<bool>,
}

impl Volume {
    /// As a disk of that instance, if it is one.
    pub(super) fn on(&self, instance_id: &str) -> Option<Disk> {
        let attached = |it: &&Attachment| it.instance_id.as_deref() == Some(instance_id);
        let attachment = self.attachments.iter().find(attached)?;
        Some(Disk {
            volume_id: self.volume_id.clone(),
            device: attachment.device.clone(),
            size_gib: self.size,
            volume_type: self.volume_type.clone(),
            encrypted: self.encrypted,
            delete_on_termination: attachment.delete_on_termination,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeInstanceStatus>();
        check::<DescribeVolumes>();
    }

    #[test]
    fn an_instance_is_unhealthy_when_a_check_failed_or_an_event_is_due() {
        let status = |text: &str| serde_json::from_str::<Status>(text).unwrap().unhealthy();
        let ok = r#""SystemStatus": {"Status": "ok"}, "InstanceStatus": {"Status": "initializing"}"#;
        assert!(!status(&format!(r#"{{"InstanceId": "i-1", {ok}}}"#)));
        assert!(status(r#"{"InstanceId": "i-1", "AttachedEbsStatus": {"Status": "impaired"}}"#));
        let event = |text: &str| {
            let event = serde_json::json!([{"Code": "instance-retirement", "Description": text}]);
            status(&format!(r#"{{"InstanceId": "i-1", {ok}, "Events": {event}}}"#))
        };
        assert!(event("the hardware is degraded"));
        assert!(!event("[Completed] the hardware is degraded"));
    }
}
