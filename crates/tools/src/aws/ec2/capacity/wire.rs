//! The operations behind the tools: the members that we send and those that we read.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::{Changes, Reads};

use crate::aws::ec2::tagged::{Filter, Tag, TagSpecification};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeInstanceTypeOfferings {
    pub(super) location_type: &'static str,
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Offerings {
    #[serde(default)]
    pub(super) instance_type_offerings: Vec<Offering>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Offering {
    pub(super) instance_type: String,
    pub(super) location: String,
}

impl Operation for DescribeInstanceTypeOfferings {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeInstanceTypeOfferings";
    type Needs = Reads;
    type Reply = Offerings;
}

impl Paged for DescribeInstanceTypeOfferings {
    type Item = Offering;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(5..=1000)
    }

    fn items(reply: Offerings) -> Vec<Offering> {
        reply.instance_type_offerings
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct GetSpotPlacementScores {
    pub(super) instance_types: Vec<String>,
    pub(super) target_capacity: u32,
    pub(super) target_capacity_unit_type: &'static str,
    pub(super) single_availability_zone: bool,
    pub(super) region_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Scores {
    #[serde(default)]
    pub(super) spot_placement_scores: Vec<Score>,
}

/// How likely spot capacity is to be had.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct Score {
    pub(super) region: Option<String>,
    #[serde(rename(serialize = "az_id"), skip_serializing_if = "Option::is_none")]
    pub(super) availability_zone_id: Option<String>,
    /// 1 to 10: how likely it is that the request would succeed.
    pub(super) score: Option<u32>,
}

impl Operation for GetSpotPlacementScores {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "GetSpotPlacementScores";
    type Needs = Reads;
    type Reply = Scores;
}

impl Paged for GetSpotPlacementScores {
    type Item = Score;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(10..=1000)
    }

    fn items(reply: Scores) -> Vec<Score> {
        reply.spot_placement_scores
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeCapacityBlockOfferings {
    pub(super) instance_type: String,
    pub(super) instance_count: u32,
    pub(super) capacity_duration_hours: u32,
    pub(super) start_date_range: Option<String>,
    pub(super) end_date_range: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Blocks {
    #[serde(default)]
    pub(super) capacity_block_offerings: Vec<Block>,
}

/// A capacity block that can be bought.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct Block {
    #[serde(rename(serialize = "offering_id"))]
    pub(super) capacity_block_offering_id: Option<String>,
    pub(super) instance_type: Option<String>,
    pub(super) instance_count: Option<u32>,
    #[serde(rename(serialize = "az"))]
    pub(super) availability_zone: Option<String>,
    #[serde(rename(serialize = "start"))]
    pub(super) start_date: Option<String>,
    #[serde(rename(serialize = "end"))]
    pub(super) end_date: Option<String>,
    #[serde(rename(serialize = "hours"))]
    pub(super) capacity_block_duration_hours: Option<u32>,
    /// Paid at once, for all of it.
    pub(super) upfront_fee: Option<String>,
    #[serde(rename(serialize = "currency"))]
    pub(super) currency_code: Option<String>,
}

impl Operation for DescribeCapacityBlockOfferings {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeCapacityBlockOfferings";
    type Needs = Reads;
    type Reply = Blocks;
}

impl Paged for DescribeCapacityBlockOfferings {
    type Item = Block;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(1..=1000)
    }

    fn items(reply: Blocks) -> Vec<Block> {
        reply.capacity_block_offerings
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct PurchaseCapacityBlock {
    pub(super) capacity_block_offering_id: String,
    pub(super) instance_platform: String,
    pub(super) tag_specifications: Vec<TagSpecification>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Purchased {
    pub(super) capacity_reservation: Reservation,
}

impl Operation for PurchaseCapacityBlock {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "PurchaseCapacityBlock";
    type Needs = Changes;
    type Reply = Purchased;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeCapacityReservations {
    pub(super) capacity_reservation_ids: Vec<String>,
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Reservations {
    #[serde(default)]
    pub(super) capacity_reservations: Vec<Reservation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Reservation {
    pub(super) capacity_reservation_id: String,
    pub(super) reservation_type: Option<String>,
    pub(super) instance_type: Option<String>,
    pub(super) instance_platform: Option<String>,
    pub(super) availability_zone: Option<String>,
    pub(super) total_instance_count: Option<u32>,
    pub(super) available_instance_count: Option<u32>,
    pub(super) state: Option<String>,
    pub(super) start_date: Option<String>,
    pub(super) end_date: Option<String>,
    pub(super) instance_match_criteria: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

impl Operation for DescribeCapacityReservations {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeCapacityReservations";
    type Needs = Reads;
    type Reply = Reservations;
}

impl Paged for DescribeCapacityReservations {
    type Item = Reservation;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        // EC2 refuses a page size beside ids.
        self.capacity_reservation_ids.is_empty().then_some(1..=1000)
    }

    fn items(reply: Reservations) -> Vec<Reservation> {
        reply.capacity_reservations
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeInstanceTypeOfferings>();
        check::<GetSpotPlacementScores>();
        check::<DescribeCapacityBlockOfferings>();
        check::<PurchaseCapacityBlock>();
        check::<DescribeCapacityReservations>();
    }
}
