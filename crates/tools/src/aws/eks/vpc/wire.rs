//! The operations behind the tool: the members that we send and those that we read.

use std::ops::RangeInclusive;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::Reads;

use crate::aws::ec2::tagged::Filter;

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeCluster {
    pub(super) name: String,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Described {
    pub(super) cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Cluster {
    #[serde(default)]
    pub(super) resources_vpc_config: VpcOfCluster,
    pub(super) remote_network_config: Option<RemoteNetworks>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct VpcOfCluster {
    pub(super) vpc_id: Option<String>,
    #[serde(default)]
    pub(super) subnet_ids: Vec<String>,
}

/// Networks of nodes and pods outside of AWS.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct RemoteNetworks {
    #[serde(default)]
    remote_node_networks: Vec<Blocks>,
    #[serde(default)]
    remote_pod_networks: Vec<Blocks>,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct Blocks {
    #[serde(default)]
    cidrs: Vec<String>,
}

impl RemoteNetworks {
    pub(super) fn node_blocks(&self) -> Vec<String> {
        each_once(&self.remote_node_networks)
    }

    pub(super) fn pod_blocks(&self) -> Vec<String> {
        each_once(&self.remote_pod_networks)
    }
}

fn each_once(networks: &[Blocks]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for block in networks.iter().flat_map(|network| &network.cidrs) {
        if !all.contains(block) {
            all.push(block.clone());
        }
    }
    all
}

impl Operation for DescribeCluster {
    const SERVICE: &'static str = "eks";
    const ACTION: &'static str = "DescribeCluster";
    type Needs = Reads;
    type Reply = Described;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeVpcs {
    pub(super) vpc_ids: Vec<String>,
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
    pub(super) cidr_block: Option<String>,
    #[serde(default)]
    pub(super) cidr_block_association_set: Vec<Block>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Block {
    pub(super) cidr_block: Option<String>,
}

impl Operation for DescribeVpcs {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeVpcs";
    type Needs = Reads;
    type Reply = Vpcs;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeSubnets {
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Subnets {
    #[serde(default)]
    subnets: Vec<Subnet>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Subnet {
    pub(super) subnet_id: String,
    pub(super) cidr_block: Option<String>,
    pub(super) availability_zone: Option<String>,
    pub(super) availability_zone_id: Option<String>,
    pub(super) available_ip_address_count: Option<u32>,
    pub(super) map_public_ip_on_launch: Option<bool>,
    pub(super) assign_ipv6_address_on_creation: Option<bool>,
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
        Some(5..=1000)
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
    pub(super) route_table_id: String,
    #[serde(default)]
    pub(super) associations: Vec<Association>,
    #[serde(default)]
    pub(super) routes: Vec<Route>,
}

impl RouteTable {
    pub(super) fn is_main(&self) -> bool {
        self.associations.iter().any(|one| one.main == Some(true))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Association {
    main: Option<bool>,
    pub(super) subnet_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Route {
    pub(super) destination_cidr_block: Option<String>,
    pub(super) destination_ipv6_cidr_block: Option<String>,
    pub(super) destination_prefix_list_id: Option<String>,
    gateway_id: Option<String>,
    nat_gateway_id: Option<String>,
    transit_gateway_id: Option<String>,
    network_interface_id: Option<String>,
    vpc_peering_connection_id: Option<String>,
    egress_only_internet_gateway_id: Option<String>,
    pub(super) state: Option<String>,
}

impl Route {
    /// Kind and id of where it leads.
    pub(super) fn target(&self) -> (&'static str, String) {
        let targets = [
            ("gateway", &self.gateway_id),
            ("natgateway", &self.nat_gateway_id),
            ("transitgateway", &self.transit_gateway_id),
            ("networkinterface", &self.network_interface_id),
            ("vpcpeeringconnection", &self.vpc_peering_connection_id),
            ("egressonlyinternetgateway", &self.egress_only_internet_gateway_id),
        ];
        let found = targets.into_iter().find_map(|(kind, id)| Some((kind, id.clone()?)));
        found.unwrap_or_else(|| ("unknown", "unknown".to_owned()))
    }
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
        check::<DescribeCluster>();
        check::<DescribeVpcs>();
        check::<DescribeSubnets>();
        check::<DescribeRouteTables>();
    }
}
