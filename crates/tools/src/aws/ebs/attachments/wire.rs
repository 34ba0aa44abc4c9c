//! The operations behind the tools: the members that we send and those that we read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Operation;
use trainyard_contract::{Changes, Reads};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct AttachVolume {
    pub(super) volume_id: String,
    pub(super) instance_id: String,
    pub(super) device: String,
}

/// A volume at an instance.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct Attachment {
    pub(super) volume_id: Option<String>,
    pub(super) instance_id: Option<String>,
    pub(super) device: Option<String>,
    pub(super) state: Option<String>,
}

impl Operation for AttachVolume {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "AttachVolume";
    type Needs = Changes;
    type Reply = Attachment;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DetachVolume {
    pub(super) volume_id: String,
    pub(super) instance_id: String,
    pub(super) device: Option<String>,
    pub(super) force: Option<bool>,
}

impl Operation for DetachVolume {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DetachVolume";
    type Needs = Changes;
    type Reply = Attachment;
}

/// What of an instance matters to its volumes.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeInstances {
    pub(super) instance_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Reservations {
    #[serde(default)]
    pub(super) reservations: Vec<Reservation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Reservation {
    #[serde(default)]
    pub(super) instances: Vec<Instance>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Instance {
    pub(super) instance_id: String,
    pub(super) state: Option<State>,
    pub(super) placement: Option<Placement>,
    pub(super) root_device_name: Option<String>,
    #[serde(default)]
    pub(super) block_device_mappings: Vec<Mapping>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct State {
    pub(super) name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Placement {
    pub(super) availability_zone: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Mapping {
    pub(super) device_name: Option<String>,
}

impl Operation for DescribeInstances {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeInstances";
    type Needs = Reads;
    type Reply = Reservations;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<AttachVolume>();
        check::<DetachVolume>();
        check::<DescribeInstances>();
    }
}
