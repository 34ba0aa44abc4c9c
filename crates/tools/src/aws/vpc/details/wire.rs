//! The operations behind the tools: the members that we send and those that we read.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::Reads;

use crate::aws::ec2::tagged::Filter;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeVpcAttribute {
    pub(super) vpc_id: String,
    pub(super) attribute: Attribute,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) enum Attribute {
    EnableDnsSupport,
    EnableDnsHostnames,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct VpcAttribute {
    pub(super) enable_dns_support: Option<Switch>,
    pub(super) enable_dns_hostnames: Option<Switch>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Switch {
    pub(super) value: Option<bool>,
}

impl Operation for DescribeVpcAttribute {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeVpcAttribute";
    type Needs = Reads;
    type Reply = VpcAttribute;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeInternetGateways {
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct InternetGateways {
    #[serde(default)]
    internet_gateways: Vec<InternetGateway>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct InternetGateway {
    pub(super) internet_gateway_id: String,
}

impl Operation for DescribeInternetGateways {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeInternetGateways";
    type Needs = Reads;
    type Reply = InternetGateways;
}

impl Paged for DescribeInternetGateways {
    type Item = InternetGateway;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(5..=1000)
    }

    fn items(reply: InternetGateways) -> Vec<InternetGateway> {
        reply.internet_gateways
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeNatGateways {
    pub(super) filter: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct NatGateways {
    #[serde(default)]
    nat_gateways: Vec<NatGateway>,
}

/// A NAT gateway.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct NatGateway {
    pub(super) nat_gateway_id: Option<String>,
    pub(super) subnet_id: Option<String>,
    pub(super) state: Option<String>,
    /// `private` where it leads to no internet.
    pub(super) connectivity_type: Option<String>,
}

impl Operation for DescribeNatGateways {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeNatGateways";
    type Needs = Reads;
    type Reply = NatGateways;
}

impl Paged for DescribeNatGateways {
    type Item = NatGateway;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(5..=1000)
    }

    fn items(reply: NatGateways) -> Vec<NatGateway> {
        reply.nat_gateways
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeVpcEndpoints {
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct VpcEndpoints {
    #[serde(default)]
    vpc_endpoints: Vec<VpcEndpoint>,
}

/// An endpoint: a way to a service of AWS without the internet.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct VpcEndpoint {
    pub(super) vpc_endpoint_id: Option<String>,
    pub(super) service_name: Option<String>,
    #[serde(rename(serialize = "type"))]
    pub(super) vpc_endpoint_type: Option<String>,
    pub(super) state: Option<String>,
}

impl Operation for DescribeVpcEndpoints {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeVpcEndpoints";
    type Needs = Reads;
    type Reply = VpcEndpoints;
}

impl Paged for DescribeVpcEndpoints {
    type Item = VpcEndpoint;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(5..=1000)
    }

    fn items(reply: VpcEndpoints) -> Vec<VpcEndpoint> {
        reply.vpc_endpoints
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeFlowLogs {
    pub(super) filter: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct FlowLogs {
    #[serde(default)]
    flow_logs: Vec<FlowLog>,
}

/// A flow log.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct FlowLog {
    pub(super) flow_log_id: Option<String>,
    pub(super) traffic_type: Option<String>,
    pub(super) log_destination_type: Option<String>,
    pub(super) log_destination: Option<String>,
    pub(super) flow_log_status: Option<String>,
}

impl Operation for DescribeFlowLogs {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeFlowLogs";
    type Needs = Reads;
    type Reply = FlowLogs;
}

impl Paged for DescribeFlowLogs {
    type Item = FlowLog;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(5..=1000)
    }

    fn items(reply: FlowLogs) -> Vec<FlowLog> {
        reply.flow_logs
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeVpcPeeringConnections {
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Peerings {
    #[serde(default)]
    vpc_peering_connections: Vec<Peering>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Peering {
    pub(super) vpc_peering_connection_id: Option<String>,
    pub(super) requester_vpc_info: Option<Peer>,
    pub(super) accepter_vpc_info: Option<Peer>,
    pub(super) status: Option<PeeringStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Peer {
    pub(super) vpc_id: Option<String>,
    pub(super) cidr_block: Option<String>,
    pub(super) region: Option<String>,
    pub(super) owner_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct PeeringStatus {
    pub(super) code: Option<String>,
}

impl Operation for DescribeVpcPeeringConnections {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeVpcPeeringConnections";
    type Needs = Reads;
    type Reply = Peerings;
}

impl Paged for DescribeVpcPeeringConnections {
    type Item = Peering;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(5..=1000)
    }

    fn items(reply: Peerings) -> Vec<Peering> {
        reply.vpc_peering_connections
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeVpcAttribute>();
        check::<DescribeInternetGateways>();
        check::<DescribeNatGateways>();
        check::<DescribeVpcEndpoints>();
        check::<DescribeFlowLogs>();
        check::<DescribeVpcPeeringConnections>();
    }
}
