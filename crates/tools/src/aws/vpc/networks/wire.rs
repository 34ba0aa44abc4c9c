//! The operations behind the tools: the members that we send and those that we read.

use std::ops::RangeInclusive;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::Reads;

use crate::aws::ec2::tagged::{Filter, Tag};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeVpcs {
    pub(super) vpc_ids: Vec<String>,
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Vpcs {
    #[serde(default)]
    pub(super) vpcs: Vec<Vpc>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Vpc {
    pub(super) vpc_id: String,
    pub(super) cidr_block: Option<String>,
    pub(super) state: Option<String>,
    pub(super) is_default: Option<bool>,
    pub(super) instance_tenancy: Option<String>,
    #[serde(default)]
    pub(super) cidr_block_association_set: Vec<Block4>,
    #[serde(default)]
    pub(super) ipv6_cidr_block_association_set: Vec<Block6>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Block4 {
    pub(super) cidr_block: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Block6 {
    pub(super) ipv6_cidr_block: Option<String>,
}

impl Operation for DescribeVpcs {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeVpcs";
    type Needs = Reads;
    type Reply = Vpcs;
}

impl Paged for DescribeVpcs {
    type Item = Vpc;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        // EC2 refuses a page size beside ids.
        self.vpc_ids.is_empty().then_some(5..=1000)
    }

    fn items(reply: Vpcs) -> Vec<Vpc> {
        reply.vpcs
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeSubnets {
    pub(super) subnet_ids: Vec<String>,
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Subnets {
    #[serde(default)]
    pub(super) subnets: Vec<Subnet>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Subnet {
    pub(super) subnet_id: String,
    pub(super) vpc_id: String,
    pub(super) availability_zone: Option<String>,
    pub(super) availability_zone_id: Option<String>,
    pub(super) cidr_block: Option<String>,
    pub(super) available_ip_address_count: Option<u32>,
    pub(super) default_for_az: Option<bool>,
    pub(super) map_public_ip_on_launch: Option<bool>,
    pub(super) state: Option<String>,
    #[serde(default)]
    pub(super) ipv6_cidr_block_association_set: Vec<Block6>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

impl Operation for DescribeSubnets {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeSubnets";
    type Needs = Reads;
    type Reply = Subnets;
}

impl Paged for DescribeSubnets {
    type Item = Subnet;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        // EC2 refuses a page size beside ids.
        self.subnet_ids.is_empty().then_some(5..=1000)
    }

    fn items(reply: Subnets) -> Vec<Subnet> {
        reply.subnets
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeRouteTables {
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct RouteTables {
    #[serde(default)]
    route_tables: Vec<RouteTable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct RouteTable {
    pub(super) vpc_id: Option<String>,
    #[serde(default)]
    pub(super) associations: Vec<Association>,
    #[serde(default)]
    pub(super) routes: Vec<Route>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Association {
    pub(super) main: Option<bool>,
    pub(super) subnet_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Route {
    pub(super) gateway_id: Option<String>,
    pub(super) state: Option<String>,
}

impl Operation for DescribeRouteTables {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeRouteTables";
    type Needs = Reads;
    type Reply = RouteTables;
}

impl Paged for DescribeRouteTables {
    type Item = RouteTable;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(5..=100)
    }

    fn items(reply: RouteTables) -> Vec<RouteTable> {
        reply.route_tables
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeVpcs>();
        check::<DescribeSubnets>();
        check::<DescribeRouteTables>();
    }
}
