//! The operations behind the tools: the members that we send and those that we read.

use std::ops::RangeInclusive;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::{Destroys, Reads};

use super::super::tagged::Filter;

/// Times are seconds since 1970.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeSpotPriceHistory {
    pub(super) instance_types: Vec<String>,
    pub(super) product_descriptions: Vec<String>,
    pub(super) availability_zone: Option<String>,
    #[cfg_attr(test, schemars(with = "String"))]
    pub(super) start_time: i64,
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) end_time: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct SpotPrices {
    #[serde(default)]
    pub(super) spot_price_history: Vec<SpotPrice>,
}

/// From this time on, this price per hour.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct SpotPrice {
    pub(super) instance_type: String,
    pub(super) availability_zone: Option<String>,
    pub(super) timestamp: String,
    pub(super) spot_price: String,
}

impl Operation for DescribeSpotPriceHistory {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeSpotPriceHistory";
    type Needs = Reads;
    type Reply = SpotPrices;
}

impl Paged for DescribeSpotPriceHistory {
    type Item = SpotPrice;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(5..=1000)
    }

    fn items(reply: SpotPrices) -> Vec<SpotPrice> {
        reply.spot_price_history
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeSpotInstanceRequests {
    pub(super) spot_instance_request_ids: Vec<String>,
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct SpotRequests {
    #[serde(default)]
    pub(super) spot_instance_requests: Vec<SpotRequest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct SpotRequest {
    pub(super) spot_instance_request_id: String,
    pub(super) state: Option<String>,
    pub(super) status: Option<Status>,
    pub(super) instance_id: Option<String>,
    pub(super) launch_specification: Option<LaunchSpecification>,
    pub(super) launched_availability_zone: Option<String>,
    pub(super) spot_price: Option<String>,
    #[serde(rename = "Type")]
    pub(super) kind: Option<String>,
    pub(super) instance_interruption_behavior: Option<String>,
    pub(super) create_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Status {
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct LaunchSpecification {
    pub(super) instance_type: Option<String>,
}

impl Operation for DescribeSpotInstanceRequests {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeSpotInstanceRequests";
    type Needs = Reads;
    type Reply = SpotRequests;
}

impl Paged for DescribeSpotInstanceRequests {
    type Item = SpotRequest;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        // EC2 refuses a page size beside ids.
        self.spot_instance_request_ids.is_empty().then_some(5..=1000)
    }

    fn items(reply: SpotRequests) -> Vec<SpotRequest> {
        reply.spot_instance_requests
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CancelSpotInstanceRequests {
    pub(super) spot_instance_request_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CancelledRequests {
    #[serde(default)]
    pub(super) cancelled_spot_instance_requests: Vec<CancelledRequest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CancelledRequest {
    pub(super) spot_instance_request_id: String,
}

impl Operation for CancelSpotInstanceRequests {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "CancelSpotInstanceRequests";
    type Needs = Destroys;
    type Reply = CancelledRequests;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeSpotPriceHistory>();
        check::<DescribeSpotInstanceRequests>();
        check::<CancelSpotInstanceRequests>();
    }
}
