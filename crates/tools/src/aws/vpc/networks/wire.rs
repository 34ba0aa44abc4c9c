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
pub(in crate::aws::vpc) struct DescribeVpcs {
    pub(in crate::aws::vpc) vpc_ids: Vec<String>,
    pub(in crate::aws::vpc) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::vpc) struct Vpcs {
    #[serde(default)]
    pub(in crate::aws::vpc) vpcs: Vec<Vpc>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::vpc) struct Vpc {
    pub(in crate::aws::vpc) vpc_id: String,
    pub(in crate::aws::vpc) cidr_block: Option<String>,
    pub(in crate::aws::vpc) state: Option<String>,
    pub(in crate::aws::vpc) is_default: Option<bool>,
    pub(in crate::aws::vpc) instance_tenancy: Option<String>,
    #[serde(default)]
    pub(in crate::aws::vpc) cidr_block_association_set: Vec<Block4>,
    #[serde(default)]
    pub(in crate::aws::vpc) ipv6_cidr_block_association_set: Vec<Block6>,
    #[serde(default)]
    pub(in crate::aws::vpc) tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::vpc) struct Block4 {
    pub(in crate::aws::vpc) cidr_block: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::vpc) struct Block6 {
    pub(in crate::aws::vpc) ipv6_cidr_block: Option<String>,
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
pub(in crate::aws::vpc) struct DescribeSubnets {
    pub(in crate::aws::vpc) subnet_ids: Vec<String>,
    pub(in crate::aws::vpc) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::vpc) struct Subnets {
    #[serde(default)]
    pub(super) subnets: Vec<Subnet>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::vpc) struct Subnet {
    pub(in crate::aws::vpc) subnet_id: String,
    pub(in crate::aws::vpc) vpc_id: String,
    pub(in crate::aws::vpc) availability_zone: Option<String>,
    pub(in crate::aws::vpc) availability_zone_id: Option<String>,
    pub(in crate::aws::vpc) cidr_block: Option<String>,
    pub(in crate::aws::vpc) available_ip_address_count: Option<u32>,
    pub(in crate::aws::vpc) default_for_az: Option<bool>,
    pub(in crate::aws::vpc) map_public_ip_on_launch: Option<bool>,
    pub(in crate::aws::vpc) state: Option<String>,
    #[serde(default)]
    pub(in crate::aws::vpc) ipv6_cidr_block_association_set: Vec<Block6>,
    #[serde(default)]
    pub(in crate::aws::vpc) tags: Vec<Tag>,
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
pub(in crate::aws::vpc) struct DescribeRouteTables {
    pub(in crate::aws::vpc) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::vpc) struct RouteTables {
    #[serde(default)]
    route_tables: Vec<RouteTable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::vpc) struct RouteTable {
    pub(in crate::aws::vpc) vpc_id: Option<String>,
    #[serde(default)]
    pub(in crate::aws::vpc) associations: Vec<Association>,
    #[serde(default)]
    pub(in crate::aws::vpc) routes: Vec<Route>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::vpc) struct Association {
    pub(in crate::aws::vpc) main: Option<bool>,
    pub(in crate::aws::vpc) subnet_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::vpc) struct Route {
    pub(in crate::aws::vpc) gateway_id: Option<String>,
    pub(in crate::aws::vpc) state: Option<String>,
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
