//! The operations behind the tools: the members that we send and those that we read.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::{Changes, Destroys, Reads};

use super::{
    super::{Filter, Tag, TagSpecification},
    VolumeType,
};
use crate::aws::replies::Nothing;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeVolumes {
    pub(super) volume_ids: Vec<String>,
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
    pub(super) state: Option<String>,
    pub(super) availability_zone: Option<String>,
    pub(super) encrypted: Option<bool>,
    pub(super) iops: Option<u32>,
    pub(super) throughput: Option<u32>,
    pub(super) snapshot_id: Option<String>,
    pub(super) create_time: Option<String>,
    #[serde(default)]
    pub(super) attachments: Vec<Attachment>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Attachment {
    pub(super) instance_id: Option<String>,
    pub(super) device: Option<String>,
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
        // EC2 refuses a page size beside ids.
        self.volume_ids.is_empty().then_some(5..=500)
    }

    fn items(reply: Volumes) -> Vec<Volume> {
        reply.volumes
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CreateVolume {
    pub(super) availability_zone: String,
    pub(super) size: Option<u32>,
    pub(super) snapshot_id: Option<String>,
    pub(super) volume_type: VolumeType,
    pub(super) iops: Option<u32>,
    pub(super) throughput: Option<u32>,
    pub(super) encrypted: bool,
    pub(super) kms_key_id: Option<String>,
    pub(super) tag_specifications: Vec<TagSpecification>,
    pub(super) client_token: String,
}

impl Operation for CreateVolume {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "CreateVolume";
    type Needs = Changes;
    type Reply = Volume;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ModifyVolume {
    pub(super) volume_id: String,
    pub(super) size: Option<u32>,
    pub(super) volume_type: Option<VolumeType>,
    pub(super) iops: Option<u32>,
    pub(super) throughput: Option<u32>,
    pub(super) multi_attach_enabled: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Modifying {
    pub(super) volume_modification: Modification,
}

/// A change of a volume under way.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct Modification {
    volume_id: Option<String>,
    modification_state: Option<String>,
    original_size: Option<u32>,
    target_size: Option<u32>,
    original_volume_type: Option<String>,
    target_volume_type: Option<String>,
    original_iops: Option<u32>,
    target_iops: Option<u32>,
    target_throughput: Option<u32>,
    /// Percent.
    progress: Option<u64>,
    start_time: Option<String>,
    end_time: Option<String>,
    status_message: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeVolumesModifications {
    pub(super) volume_ids: Vec<String>,
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Modifications {
    #[serde(default)]
    volumes_modifications: Vec<Modification>,
}

impl Operation for DescribeVolumesModifications {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeVolumesModifications";
    type Needs = Reads;
    type Reply = Modifications;
}

impl Paged for DescribeVolumesModifications {
    type Item = Modification;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        // EC2 refuses a page size beside ids.
        self.volume_ids.is_empty().then_some(5..=500)
    }

    fn items(reply: Modifications) -> Vec<Modification> {
        reply.volumes_modifications
    }
}

impl Operation for ModifyVolume {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "ModifyVolume";
    type Needs = Changes;
    type Reply = Modifying;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DeleteVolume {
    pub(super) volume_id: String,
}

impl Operation for DeleteVolume {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DeleteVolume";
    type Needs = Destroys;
    type Reply = Nothing;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeVolumes>();
        check::<CreateVolume>();
        check::<ModifyVolume>();
        check::<DescribeVolumesModifications>();
        check::<DeleteVolume>();
    }
}
