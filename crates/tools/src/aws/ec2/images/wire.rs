//! The operations behind the tools: the members that we send and those that we read.

use std::ops::RangeInclusive;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::{Changes, Destroys, Reads};

use super::super::tagged::{Filter, Tag, TagSpecification};

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct DescribeImages {
    pub(in crate::aws::ec2) image_ids: Vec<String>,
    pub(in crate::aws::ec2) owners: Vec<String>,
    pub(in crate::aws::ec2) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Images {
    #[serde(default)]
    pub(in crate::aws::ec2) images: Vec<Image>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Image {
    pub(in crate::aws::ec2) image_id: String,
    pub(in crate::aws::ec2) name: Option<String>,
    pub(in crate::aws::ec2) description: Option<String>,
    pub(in crate::aws::ec2) state: Option<String>,
    pub(in crate::aws::ec2) architecture: Option<String>,
    pub(in crate::aws::ec2) platform_details: Option<String>,
    pub(in crate::aws::ec2) owner_id: Option<String>,
    pub(in crate::aws::ec2) image_owner_alias: Option<String>,
    pub(in crate::aws::ec2) public: Option<bool>,
    pub(in crate::aws::ec2) root_device_name: Option<String>,
    pub(in crate::aws::ec2) creation_date: Option<String>,
    pub(in crate::aws::ec2) deprecation_time: Option<String>,
    pub(in crate::aws::ec2) last_launched_time: Option<String>,
    pub(in crate::aws::ec2) source_instance_id: Option<String>,
    #[serde(default)]
    pub(in crate::aws::ec2) block_device_mappings: Vec<ImageDevice>,
    #[serde(default)]
    pub(in crate::aws::ec2) tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct ImageDevice {
    pub(in crate::aws::ec2) device_name: Option<String>,
    pub(in crate::aws::ec2) ebs: Option<ImageDisk>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct ImageDisk {
    pub(in crate::aws::ec2) snapshot_id: Option<String>,
    pub(in crate::aws::ec2) volume_size: Option<u32>,
    pub(in crate::aws::ec2) encrypted: Option<bool>,
    pub(in crate::aws::ec2) delete_on_termination: Option<bool>,
}

impl Image {
    pub(in crate::aws::ec2) fn snapshots(&self) -> Vec<String> {
        self.block_device_mappings.iter().filter_map(|it| it.ebs.as_ref()?.snapshot_id.clone()).collect()
    }
}

impl Operation for DescribeImages {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeImages";
    type Needs = Reads;
    type Reply = Images;
}

impl Paged for DescribeImages {
    type Item = Image;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        // EC2 refuses a page size beside ids.
        self.image_ids.is_empty().then_some(5..=1000)
    }

    fn items(reply: Images) -> Vec<Image> {
        reply.images
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CreateImage {
    pub(super) instance_id: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) no_reboot: bool,
    pub(super) tag_specifications: Vec<TagSpecification>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ImageId {
    pub(super) image_id: String,
}

impl Operation for CreateImage {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "CreateImage";
    type Needs = Changes;
    type Reply = ImageId;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CopyImage {
    pub(super) source_image_id: String,
    pub(super) source_region: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) encrypted: bool,
    pub(super) kms_key_id: Option<String>,
    pub(super) copy_image_tags: Option<bool>,
    pub(super) client_token: String,
}

impl Operation for CopyImage {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "CopyImage";
    type Needs = Changes;
    type Reply = ImageId;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DeregisterImage {
    pub(super) image_id: String,
    pub(super) delete_associated_snapshots: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Deregistered {
    #[serde(default)]
    pub(super) delete_snapshot_results: Vec<SnapshotDeletion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct SnapshotDeletion {
    pub(super) snapshot_id: Option<String>,
    pub(super) return_code: Option<String>,
}

impl Operation for DeregisterImage {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DeregisterImage";
    type Needs = Destroys;
    type Reply = Deregistered;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeImages>();
        check::<CreateImage>();
        check::<CopyImage>();
        check::<DeregisterImage>();
    }
}
