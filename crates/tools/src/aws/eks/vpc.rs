//! The network of a cluster: its VPC, subnets, routes, and the networks of nodes outside of AWS.

mod wire;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Error, Headed, Reads, Result, Tool, ToolDef};

use self::wire::{Cluster, DescribeCluster, DescribeRouteTables, DescribeSubnets, DescribeVpcs, RouteTable, Subnet};
use super::stacks::ZONES_WITHOUT_CONTROL_PLANE;
use crate::{
    App, Cx,
    aws::ec2::tagged::{filters, whole},
    common::{Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<VpcConfig>()];

/// Free addresses that a subnet of the control plane should have.
const SUFFICIENT_IPS: u32 = 16;

/// Describe the VPC of an EKS cluster
///
/// Subnets with free addresses, routes, and the networks of hybrid nodes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct VpcConfig {
    /// Name of the cluster.
    cluster_name: String,
    /// The cluster's own when absent.
    vpc_id: Option<String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for VpcConfig {
    const NAME: &'static str = "get_eks_vpc_config";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train"}"#;
    type Access = Reads;
    type Output = Headed<Network>;

    async fn run(self, cx: Cx<Reads>) -> Result<Headed<Network>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let cluster = aws.send(&DescribeCluster { name: self.cluster_name.clone() }).await?.cluster;
        let vpc_id = self.vpc(&cluster)?;
        let of_vpc = || filters(vec![("vpc-id", vec![vpc_id.clone()])], None);
        let vpcs = DescribeVpcs { vpc_ids: vec![vpc_id.clone()] };
        let (subnets, tables) = (DescribeSubnets { filters: of_vpc() }, DescribeRouteTables { filters: of_vpc() });
        let (vpcs, subnets, tables) =
            futures::try_join!(aws.send(&vpcs), whole(&cx, &aws, &subnets), whole(&cx, &aws, &tables))?;
        let vpc = vpcs.vpcs.into_iter().next().ok_or_else(|| Error::not_found("VPC", &vpc_id))?;
        let cidr_block = vpc.cidr_block.unwrap_or_default();
        let blocks = vpc.cidr_block_association_set.into_iter().filter_map(|block| block.cidr_block);
        let (main, others): (Vec<_>, Vec<_>) = tables.into_iter().partition(RouteTable::is_main);
        let remote = cluster.remote_network_config.unwrap_or_default();
        let network = Network {
            additional_cidr_blocks: blocks.filter(|block| *block != cidr_block).collect(),
            subnets: subnets.into_iter().map(|subnet| SubnetRow::new(subnet, &cluster.resources_vpc_config)).collect(),
            routes: main.into_iter().flat_map(|table| table.routes).filter_map(Route::of).collect(),
            other_route_tables: others.into_iter().map(Table::from).collect(),
            remote_node_cidr_blocks: remote.node_blocks(),
            remote_pod_cidr_blocks: remote.pod_blocks(),
            cluster_name: self.cluster_name,
            vpc_id,
            cidr_block,
        };
        let summary = format!(
            "VPC {} of cluster {}: {} subnets, {} routes in its main table",
            network.vpc_id,
            network.cluster_name,
            network.subnets.len(),
            network.routes.len()
        );
        Ok(Headed { summary, facts: network })
    }
}

impl VpcConfig {
    /// The cluster's VPC, which is the one that is named, if one is.
    fn vpc(&self, cluster: &Cluster) -> Result<String> {
        let own = cluster.resources_vpc_config.vpc_id.clone();
        match (own, &self.vpc_id) {
            (Some(own), Some(named)) if own != *named => {
                Err(Error::validation(format!("cluster {:?} is in VPC {own}, not in {named}", self.cluster_name))
                    .hint("leave vpc_id out"))
            }
            (own, named) => own.or_else(|| named.clone()).ok_or_else(|| {
                Error::not_found("VPC of cluster", &self.cluster_name).hint("a cluster that is not EKS's own has none")
            }),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Network {
    vpc_id: String,
    cidr_block: String,
    additional_cidr_blocks: Vec<String>,
    /// Of the VPC's main route table; local ones are left out.
    routes: Vec<Route>,
    remote_node_cidr_blocks: Vec<String>,
    remote_pod_cidr_blocks: Vec<String>,
    subnets: Vec<SubnetRow>,
    cluster_name: String,
    /// Route tables that subnets are given by name.
    other_route_tables: Vec<Table>,
}

#[derive(Serialize, JsonSchema)]
struct Route {
    /// IPv4 or IPv6 block, or prefix list.
    destination_cidr_block: String,
    target_type: &'static str,
    target_id: String,
    state: String,
}

impl Route {
    fn of(route: wire::Route) -> Option<Self> {
        let (target_type, target_id) = route.target();
        let destination =
            route.destination_cidr_block.or(route.destination_ipv6_cidr_block).or(route.destination_prefix_list_id);
        (target_id != "local").then(|| Self {
            destination_cidr_block: destination.unwrap_or_default(),
            target_type,
            target_id,
            state: route.state.unwrap_or_default(),
        })
    }
}

#[derive(Serialize, JsonSchema)]
struct Table {
    route_table_id: String,
    subnet_ids: Vec<String>,
    routes: Vec<Route>,
}

impl From<RouteTable> for Table {
    fn from(table: RouteTable) -> Self {
        Self {
            route_table_id: table.route_table_id,
            subnet_ids: table.associations.into_iter().filter_map(|one| one.subnet_id).collect(),
            routes: table.routes.into_iter().filter_map(Route::of).collect(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "facts, as the older server names them")]
struct SubnetRow {
    subnet_id: String,
    cidr_block: String,
    az_id: String,
    az_name: String,
    available_ips: u32,
    /// Instances get a public address.
    is_public: bool,
    assign_ipv6: bool,
    /// EKS takes no subnets there.
    in_disallowed_az: bool,
    has_sufficient_ips: bool,
    /// The control plane has interfaces in it.
    in_cluster: bool,
}

impl SubnetRow {
    fn new(subnet: Subnet, cluster: &wire::VpcOfCluster) -> Self {
        let az_id = subnet.availability_zone_id.unwrap_or_default();
        let available_ips = subnet.available_ip_address_count.unwrap_or_default();
        Self {
            in_cluster: cluster.subnet_ids.contains(&subnet.subnet_id),
            subnet_id: subnet.subnet_id,
            cidr_block: subnet.cidr_block.unwrap_or_default(),
            in_disallowed_az: ZONES_WITHOUT_CONTROL_PLANE.contains(&az_id.as_str()),
            az_id,
            az_name: subnet.availability_zone.unwrap_or_default(),
            available_ips,
            is_public: subnet.map_public_ip_on_launch.unwrap_or_default(),
            assign_ipv6: subnet.assign_ipv6_address_on_creation.unwrap_or_default(),
            has_sufficient_ips: available_ips >= SUFFICIENT_IPS,
        }
    }
}
