//! The operations behind the tools: the members that we send and those that we read.

use std::ops::RangeInclusive;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::{Changes, Destroys, Reads};

use super::super::{Filter, Tag, TagSpecification};
use crate::aws::replies::Nothing;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeSnapshots {
    pub(super) snapshot_ids: Vec<String>,
    pub(super) owner_ids: Vec<String>,
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Snapshots {
    #[serde(default)]
    pub(super) snapshots: Vec<Snapshot>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Snapshot {
    pub(super) snapshot_id: String,
    pub(super) volume_id: Option<String>,
    pub(super) volume_size: Option<u32>,
    pub(super) state: Option<String>,
    pub(super) progress: Option<String>,
    pub(super) start_time: Option<String>,
    pub(super) description: Option<String>,
    pub(super) encrypted: Option<bool>,
    pub(super) storage_tier: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

impl Operation for DescribeSnapshots {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeSnapshots";
    type Needs = Reads;
    type Reply = Snapshots;
}

impl Paged for DescribeSnapshots {
    type Item = Snapshot;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        // EC2 refuses a page size beside ids.
        self.snapshot_ids.is_empty().then_some(5..=1000)
    }

    fn items(reply: Snapshots) -> Vec<Snapshot> {
        reply.snapshots
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CreateSnapshot {
    pub(super) volume_id: String,
    pub(super) description: Option<String>,
    pub(super) tag_specifications: Vec<TagSpecification>,
}

impl Operation for CreateSnapshot {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "CreateSnapshot";
    type Needs = Changes;
    type Reply = Snapshot;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DeleteSnapshot {
    pub(super) snapshot_id: String,
}

impl Operation for DeleteSnapshot {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DeleteSnapshot";
    type Needs = Destroys;
    type Reply = Nothing;
}

/// Images, for what stands in the way of a snapshot's end.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeImages {
    pub(super) owners: Vec<String>,
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Images {
    #[serde(default)]
    images: Vec<Image>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Image {
    pub(super) image_id: String,
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
        Some(1..=1000)
    }

    fn items(reply: Images) -> Vec<Image> {
        reply.images
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeSnapshots>();
        check::<CreateSnapshot>();
        check::<DeleteSnapshot>();
        check::<DescribeImages>();
    }
}
