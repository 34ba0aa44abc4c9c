//! The operations behind the tools: the members that we send and those that we read.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::{Changes, Reads};

use super::super::{Filter, TagSpecification};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CopySnapshot {
    pub(super) source_region: String,
    pub(super) source_snapshot_id: String,
    pub(super) description: String,
    pub(super) encrypted: Option<bool>,
    pub(super) kms_key_id: Option<String>,
    pub(super) tag_specifications: Vec<TagSpecification>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Copied {
    pub(super) snapshot_id: String,
}

impl Operation for CopySnapshot {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "CopySnapshot";
    type Needs = Changes;
    type Reply = Copied;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct EnableFastSnapshotRestores {
    pub(super) source_snapshot_ids: Vec<String>,
    pub(super) availability_zones: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DisableFastSnapshotRestores {
    pub(super) source_snapshot_ids: Vec<String>,
    pub(super) availability_zones: Vec<String>,
}

/// What became of each snapshot in each zone.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Switched {
    #[serde(default)]
    pub(super) successful: Vec<FastRestore>,
    #[serde(default)]
    pub(super) unsuccessful: Vec<Unsuccessful>,
}

/// Whether volumes from a snapshot are fast from the start in a zone.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct FastRestore {
    snapshot_id: Option<String>,
    availability_zone: Option<String>,
    state: Option<String>,
    state_transition_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Unsuccessful {
    pub(super) snapshot_id: Option<String>,
    #[serde(default)]
    pub(super) fast_snapshot_restore_state_errors: Vec<ZoneError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ZoneError {
    pub(super) availability_zone: Option<String>,
    pub(super) error: Option<Why>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Why {
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
}

impl Operation for EnableFastSnapshotRestores {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "EnableFastSnapshotRestores";
    type Needs = Changes;
    type Reply = Switched;
}

impl Operation for DisableFastSnapshotRestores {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DisableFastSnapshotRestores";
    type Needs = Changes;
    type Reply = Switched;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeFastSnapshotRestores {
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct FastRestores {
    #[serde(default)]
    fast_snapshot_restores: Vec<FastRestore>,
}

impl Operation for DescribeFastSnapshotRestores {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeFastSnapshotRestores";
    type Needs = Reads;
    type Reply = FastRestores;
}

impl Paged for DescribeFastSnapshotRestores {
    type Item = FastRestore;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(1..=200)
    }

    fn items(reply: FastRestores) -> Vec<FastRestore> {
        reply.fast_snapshot_restores
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<CopySnapshot>();
        check::<EnableFastSnapshotRestores>();
        check::<DisableFastSnapshotRestores>();
        check::<DescribeFastSnapshotRestores>();
    }
}
