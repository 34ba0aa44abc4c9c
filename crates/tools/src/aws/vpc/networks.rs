//! VPCs and their subnets: find them.

pub(super) mod wire;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{Error, ErrorKind, Json, Listing, Reads, Result, Tool, ToolDef};

use self::wire::{DescribeRouteTables, DescribeSubnets, DescribeVpcs, RouteTable, Subnet, Vpc};
use crate::{
    App, Cx,
    aws::{
        ec2::tagged::{filters, split, whole},
        listing::{Placed, list, list_joined},
    },
    common::{At, Part},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<ListVpcs>().formerly(&["vpc.list_vpcs"]),
    ToolDef::reads::<GetDefaultVpc>().formerly(&["vpc.get_default_vpc"]),
    ToolDef::reads::<ListSubnets>().formerly(&["vpc.list_subnets", "vpc.describe_subnet", "vpc_describe_subnet"]),
    ToolDef::reads::<GetDefaultSubnets>().formerly(&["vpc.get_default_subnets"]),
];

/// List VPCs with their address blocks
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListVpcs {
    /// Only these VPC IDs.
    vpc_ids: Option<Vec<String>>,
    /// Only with all these tags; * as value for any value.
    tags: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    part: Part,
}

impl Tool<App> for ListVpcs {
    const NAME: &'static str = "vpc_list_vpcs";
    const EXAMPLE: &'static str = r#"{"tags": {"Name": "training"}}"#;
    type Access = Reads;
    type Output = Listing<Placed<VpcRow>>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Placed<VpcRow>>> {
        let vpc_ids = self.vpc_ids.unwrap_or_default();
        let question = DescribeVpcs { vpc_ids, filters: filters(Vec::new(), self.tags.as_ref()) };
        list(&cx, &self.part, &question).await
    }
}

/// Get the default VPC of a region
///
/// An error where there is none, as many accounts delete it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetDefaultVpc {
    #[serde(flatten)]
    at: At,
}

impl Tool<App> for GetDefaultVpc {
    const NAME: &'static str = "vpc_get_default_vpc";
    const EXAMPLE: &'static str = "{}";
    type Access = Reads;
    type Output = Json<DefaultVpc>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<DefaultVpc>> {
        let aws = cx.at(&self.at);
        default_vpc(&aws).await.map(Json)
    }
}

/// List subnets: zone, free addresses, and whether they are public
///
/// public says that the route table leads to an internet gateway; without it, instances need NAT or endpoints.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListSubnets {
    /// Only these subnet IDs.
    subnet_ids: Option<Vec<String>>,
    /// Only of these VPCs.
    vpc_ids: Option<Vec<String>>,
    /// Only in these availability zones.
    availability_zones: Option<Vec<String>>,
    /// Only with all these tags; * as value for any value.
    tags: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    part: Part,
}

impl Tool<App> for ListSubnets {
    const NAME: &'static str = "vpc_list_subnets";
    const EXAMPLE: &'static str = r#"{"vpc_ids": ["vpc-0123456789abcdef0"]}"#;
    type Access = Reads;
    type Output = Listing<Placed<SubnetRow>>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Placed<SubnetRow>>> {
        let asked = vec![
            ("vpc-id", self.vpc_ids.unwrap_or_default()),
            ("availability-zone", self.availability_zones.unwrap_or_default()),
        ];
        let question = DescribeSubnets {
            subnet_ids: self.subnet_ids.unwrap_or_default(),
            filters: filters(asked, self.tags.as_ref()),
        };
        let cx = &cx;
        list_joined(cx, &self.part, &question, |aws, items| async move { rows(cx, &aws, items).await }).await
    }
}

/// Get the default subnets of a region, one for each zone
///
/// Those where an instance goes when no subnet is named. An error where there is no default VPC.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetDefaultSubnets {
    #[serde(flatten)]
    at: At,
}

impl Tool<App> for GetDefaultSubnets {
    const NAME: &'static str = "vpc_get_default_subnets";
    const EXAMPLE: &'static str = "{}";
    type Access = Reads;
    type Output = Listing<SubnetRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<SubnetRow>> {
        let aws = cx.at(&self.at);
        let DefaultVpc { region, vpc } = default_vpc(&aws).await?;
        let asked = vec![("vpc-id", vec![vpc.vpc_id.clone()]), ("default-for-az", vec!["true".to_owned()])];
        let question = DescribeSubnets { subnet_ids: Vec::new(), filters: filters(asked, None) };
        let found = whole(&cx, &aws, &question).await?;
        let rows = rows(&cx, &aws, found).await?;
        Ok(Listing::whole(rows).about("region", region).about("default_vpc_id", vpc.vpc_id))
    }
}

async fn default_vpc(aws: &Aws<Reads>) -> Result<DefaultVpc> {
    let filters = filters(vec![("is-default", vec!["true".to_owned()])], None);
    let (reply, region) = aws.send_whole(&DescribeVpcs { vpc_ids: Vec::new(), filters }).await?;
    match reply.vpcs.into_iter().next() {
        Some(vpc) => Ok(DefaultVpc { region, vpc: vpc.into() }),
        None => Err(Error::new(ErrorKind::NotFound, format!("{region} has no default VPC"))
            .hint("vpc_list_vpcs shows the VPCs that there are")),
    }
}

/// Subnets by their ids, public or not.
pub(in crate::aws) async fn subnets(cx: &Cx<Reads>, aws: &Aws<Reads>, ids: Vec<String>) -> Result<Vec<SubnetRow>> {
    let found = aws.send(&DescribeSubnets { subnet_ids: ids, filters: Vec::new() }).await?;
    rows(cx, aws, found.subnets).await
}

/// VPCs whose route tables are asked for at once.
const VPCS_AT_ONCE: usize = 50;

pub(super) async fn rows(cx: &Cx<Reads>, aws: &Aws<Reads>, subnets: Vec<Subnet>) -> Result<Vec<SubnetRow>> {
    let vpcs: BTreeSet<_> = subnets.iter().map(|subnet| subnet.vpc_id.clone()).collect();
    let vpcs: Vec<_> = vpcs.into_iter().collect();
    let mut tables = Vec::new();
    for some in vpcs.chunks(VPCS_AT_ONCE) {
        let question = DescribeRouteTables { filters: filters(vec![("vpc-id", some.to_vec())], None) };
        tables.extend(whole(cx, aws, &question).await?);
    }
    Ok(subnets.into_iter().map(|subnet| row(subnet, &tables)).collect())
}

/// Whether the route table of a subnet leads to an internet gateway. A subnet without a table of its own has the main
/// table of its VPC.
fn is_public(subnet_id: &str, vpc_id: &str, tables: &[RouteTable]) -> Option<bool> {
    let own = |table: &&RouteTable| {
        table.associations.iter().any(|association| association.subnet_id.as_deref() == Some(subnet_id))
    };
    let main = |table: &&RouteTable| {
        table.vpc_id.as_deref() == Some(vpc_id)
            && table.associations.iter().any(|association| association.main == Some(true))
    };
    let table = tables.iter().find(own).or_else(|| tables.iter().find(main))?;
    Some(table.routes.iter().any(|route| {
        route.gateway_id.as_deref().is_some_and(|id| id.starts_with("igw-"))
            && route.state.as_deref() != Some("blackhole")
    }))
}

/// The default VPC of a region.
#[derive(Serialize, JsonSchema)]
struct DefaultVpc {
    region: String,
    vpc: VpcRow,
}

/// One VPC.
#[derive(Serialize, JsonSchema)]
pub(super) struct VpcRow {
    pub(super) vpc_id: String,
    pub(super) name: Option<String>,
    /// Address blocks, the first one first.
    pub(super) cidrs: Vec<String>,
    pub(super) ipv6_cidrs: Vec<String>,
    pub(super) is_default: Option<bool>,
    pub(super) state: Option<String>,
    /// `dedicated` where instances get hardware of their own.
    pub(super) tenancy: Option<String>,
    /// Tags other than Name.
    pub(super) tags: BTreeMap<String, String>,
}

impl From<Vpc> for VpcRow {
    fn from(vpc: Vpc) -> Self {
        let (name, tags) = split(vpc.tags);
        let mut cidrs: Vec<_> = vpc.cidr_block.into_iter().collect();
        let further = vpc.cidr_block_association_set.into_iter().filter_map(|block| block.cidr_block);
        cidrs.extend(further.filter(|cidr| !cidrs.contains(cidr)).collect::<Vec<_>>());
        Self {
            vpc_id: vpc.vpc_id,
            name,
            cidrs,
            ipv6_cidrs: vpc.ipv6_cidr_block_association_set.into_iter().filter_map(|b| b.ipv6_cidr_block).collect(),
            is_default: vpc.is_default,
            state: vpc.state,
            tenancy: vpc.instance_tenancy.filter(|tenancy| tenancy != "default"),
            tags,
        }
    }
}

/// One subnet.
#[derive(Serialize, JsonSchema)]
pub(in crate::aws) struct SubnetRow {
    pub(super) subnet_id: String,
    pub(super) name: Option<String>,
    pub(super) vpc_id: String,
    /// Availability zone.
    pub(super) az: Option<String>,
    /// The same for every account, unlike the zone's name.
    pub(super) az_id: Option<String>,
    pub(super) cidr: Option<String>,
    pub(super) ipv6_cidrs: Vec<String>,
    /// Addresses that are free.
    pub(super) available_ips: Option<u32>,
    /// Its route table leads to an internet gateway.
    pub(super) public: Option<bool>,
    /// Instances get a public address.
    pub(super) gives_public_ips: Option<bool>,
    /// Default subnet of its zone.
    pub(super) is_default: Option<bool>,
    pub(super) state: Option<String>,
    /// Tags other than Name.
    pub(super) tags: BTreeMap<String, String>,
}

fn row(subnet: Subnet, tables: &[RouteTable]) -> SubnetRow {
    let (name, tags) = split(subnet.tags);
    SubnetRow {
        public: is_public(&subnet.subnet_id, &subnet.vpc_id, tables),
        subnet_id: subnet.subnet_id,
        name,
        vpc_id: subnet.vpc_id,
        az: subnet.availability_zone,
        az_id: subnet.availability_zone_id,
        cidr: subnet.cidr_block,
        ipv6_cidrs: subnet.ipv6_cidr_block_association_set.into_iter().filter_map(|b| b.ipv6_cidr_block).collect(),
        available_ips: subnet.available_ip_address_count,
        gives_public_ips: subnet.map_public_ip_on_launch,
        is_default: subnet.default_for_az,
        state: subnet.state,
        tags,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_subnet_is_public_by_its_own_table_and_else_by_the_main_one() {
        let tables: Vec<RouteTable> = serde_json::from_value(json!([
            {"VpcId": "vpc-1", "Associations": [{"Main": true}],
             "Routes": [{"GatewayId": "local"}, {"GatewayId": "igw-1", "State": "active"}]},
            {"VpcId": "vpc-1", "Associations": [{"Main": false, "SubnetId": "private"}],
             "Routes": [{"GatewayId": "local"}, {"State": "active"}]},
            {"VpcId": "vpc-1", "Associations": [{"SubnetId": "cut-off"}],
             "Routes": [{"GatewayId": "igw-2", "State": "blackhole"}]},
            {"VpcId": "vpc-2", "Associations": [{"Main": true}], "Routes": [{"GatewayId": "vgw-1"}]}
        ]))
        .unwrap();
        assert_eq!(is_public("any", "vpc-1", &tables), Some(true));
        assert_eq!(is_public("private", "vpc-1", &tables), Some(false));
        assert_eq!(is_public("cut-off", "vpc-1", &tables), Some(false));
        assert_eq!(is_public("any", "vpc-2", &tables), Some(false));
        assert_eq!(is_public("any", "vpc-3", &tables), None);
    }

    #[test]
    fn address_blocks_of_a_vpc_are_told_once() {
        let vpc: Vpc = serde_json::from_value(json!({
            "VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16",
            "CidrBlockAssociationSet": [{"CidrBlock": "10.0.0.0/16"}, {"CidrBlock": "10.1.0.0/16"}]
        }))
        .unwrap();
        assert_eq!(VpcRow::from(vpc).cidrs, ["10.0.0.0/16", "10.1.0.0/16"]);
    }
}
