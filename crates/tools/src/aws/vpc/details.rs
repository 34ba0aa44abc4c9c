//! All about a VPC: what is in it, and how one gets in and out.

mod wire;

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, future::try_join_all, stream, try_join};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{Listing, Reads, Result, Tool, ToolDef};

use self::wire::{
    Attribute, DescribeFlowLogs, DescribeInternetGateways, DescribeNatGateways, DescribeVpcAttribute,
    DescribeVpcEndpoints, DescribeVpcPeeringConnections, FlowLog, InternetGateway, NatGateway, Peering, VpcEndpoint,
};
use super::networks::{
    SubnetRow, VpcRow, rows,
    wire::{DescribeSubnets, DescribeVpcs, Vpc},
};
use crate::{
    App, Cx,
    aws::{
        ec2::tagged::{filters, whole},
        listing::{Placed, list_joined},
    },
    common::Part,
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Describe>().formerly(&["vpc.describe_vpc"])];

/// VPCs that are asked about at the same time.
const AT_ONCE: usize = 4;

/// Describe VPCs whole: subnets, gateways, endpoints, peerings, DNS, flow logs
///
/// Shows whether nodes get out (NAT, internet gateway) and reach S3 and ECR without it (endpoints).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Describe {
    /// VPC IDs; all VPCs when absent.
    vpc_ids: Option<Vec<String>>,
    /// Only with all these tags; * as value for any value.
    tags: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    part: Part,
}

impl Tool<App> for Describe {
    const NAME: &'static str = "vpc_describe_vpc";
    const EXAMPLE: &'static str = r#"{"vpc_ids": ["vpc-0123456789abcdef0"]}"#;
    type Access = Reads;
    type Output = Listing<Placed<Whole>>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Placed<Whole>>> {
        let vpc_ids = self.vpc_ids.unwrap_or_default();
        let question = DescribeVpcs { vpc_ids, filters: filters(Vec::new(), self.tags.as_ref()) };
        let cx = &cx;
        list_joined(cx, &self.part, &question, |aws, vpcs| async move {
            let described = vpcs.into_iter().map(|vpc| describe(cx, &aws, vpc));
            stream::iter(described).buffered(AT_ONCE).try_collect().await
        })
        .await
    }
}

async fn describe(cx: &Cx<Reads>, aws: &Aws<Reads>, vpc: Vpc) -> Result<Whole> {
    let vpc = VpcRow::from(vpc);
    let id = vpc.vpc_id.as_str();
    let of = |filter: &str| filters(vec![(filter, vec![id.to_owned()])], None);
    let ask = |attribute| async move { aws.send(&DescribeVpcAttribute { vpc_id: id.to_owned(), attribute }).await };
    let subnets = async {
        let found = whole(cx, aws, &DescribeSubnets { subnet_ids: Vec::new(), filters: of("vpc-id") }).await?;
        rows(cx, aws, found).await
    };
    let peerings = async {
        let sides = ["requester-vpc-info.vpc-id", "accepter-vpc-info.vpc-id"]
            .map(|side| async move { whole(cx, aws, &DescribeVpcPeeringConnections { filters: of(side) }).await });
        try_join_all(sides).await
    };
    let gateways = DescribeInternetGateways { filters: of("attachment.vpc-id") };
    let nat_gateways = DescribeNatGateways { filter: of("vpc-id") };
    let endpoints = DescribeVpcEndpoints { filters: of("vpc-id") };
    let flow_logs = DescribeFlowLogs { filter: of("resource-id") };
    let (support, hostnames, subnets, gateways, nat_gateways, endpoints, flow_logs, peerings) = try_join!(
        ask(Attribute::EnableDnsSupport),
        ask(Attribute::EnableDnsHostnames),
        subnets,
        whole(cx, aws, &gateways),
        whole(cx, aws, &nat_gateways),
        whole(cx, aws, &endpoints),
        whole(cx, aws, &flow_logs),
        peerings,
    )?;
    let switched = |switch: Option<wire::Switch>| switch.and_then(|switch| switch.value);
    Ok(Whole {
        dns_support: switched(support.enable_dns_support),
        dns_hostnames: switched(hostnames.enable_dns_hostnames),
        subnets: subnets.into_iter().map(Place::from).collect(),
        internet_gateways: gateways.into_iter().map(|gateway: InternetGateway| gateway.internet_gateway_id).collect(),
        nat_gateways,
        endpoints,
        peerings: peerings.into_iter().flatten().map(|peering| Neighbour::new(id, peering)).collect(),
        flow_logs,
        vpc,
    })
}

/// A VPC and what belongs to it.
#[derive(Serialize, JsonSchema)]
struct Whole {
    #[serde(flatten)]
    vpc: VpcRow,
    /// Names are resolved inside of it.
    dns_support: Option<bool>,
    /// Instances with a public address get a public name.
    dns_hostnames: Option<bool>,
    subnets: Vec<Place>,
    internet_gateways: Vec<String>,
    nat_gateways: Vec<NatGateway>,
    endpoints: Vec<VpcEndpoint>,
    peerings: Vec<Neighbour>,
    flow_logs: Vec<FlowLog>,
}

/// A subnet in short.
#[derive(Serialize, JsonSchema)]
struct Place {
    subnet_id: String,
    az: Option<String>,
    cidr: Option<String>,
    /// Addresses that are free.
    available_ips: Option<u32>,
    /// Its route table leads to an internet gateway.
    public: Option<bool>,
}

impl From<SubnetRow> for Place {
    fn from(row: SubnetRow) -> Self {
        Self {
            subnet_id: row.subnet_id,
            az: row.az,
            cidr: row.cidr,
            available_ips: row.available_ips,
            public: row.public,
        }
    }
}

/// A VPC that is reached through a peering connection.
#[derive(Serialize, JsonSchema)]
struct Neighbour {
    peering_connection_id: Option<String>,
    vpc_id: Option<String>,
    cidr: Option<String>,
    region: Option<String>,
    owner_id: Option<String>,
    status: Option<String>,
}

impl Neighbour {
    /// The side of the peering that is not `own`.
    fn new(own: &str, peering: Peering) -> Self {
        let sides = [peering.requester_vpc_info, peering.accepter_vpc_info];
        let other = sides.into_iter().flatten().find(|side| side.vpc_id.as_deref() != Some(own));
        let (vpc_id, cidr, region, owner_id) =
            other.map_or((None, None, None, None), |side| (side.vpc_id, side.cidr_block, side.region, side.owner_id));
        let status = peering.status.and_then(|status| status.code);
        Self { peering_connection_id: peering.vpc_peering_connection_id, vpc_id, cidr, region, owner_id, status }
    }
}
