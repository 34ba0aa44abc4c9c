//! The network that EC2 instances are in.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Json, Reads, Result, Tool};

use super::named;
use crate::{
    App, Cx,
    aws::{
        ec2::instances::wire::{Instance, NetworkInterface},
        vpc::networks::{SubnetRow, subnets},
    },
    common::{Profile, Region},
};

/// Show the network of EC2 instances: VPC, subnet, public or not, interfaces, groups, addresses
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetNetwork {
    /// Instance IDs, up to 100.
    instance_ids: Vec<String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for GetNetwork {
    const NAME: &'static str = "ec2_get_instance_vpc_info";
    const EXAMPLE: &'static str = r#"{"instance_ids": ["i-0123456789abcdef0"]}"#;
    type Access = Reads;
    type Output = Json<Networks>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Networks>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let (instances, region) = named(&aws, &self.instance_ids).await?;
        let ids: BTreeSet<_> = instances.iter().filter_map(|instance| instance.subnet_id.clone()).collect();
        let subnets = if ids.is_empty() { Vec::new() } else { subnets(&cx, &aws, ids.into_iter().collect()).await? };
        let instances = instances.into_iter().map(InNetwork::from).collect();
        Ok(Json(Networks { region, instances, subnets }))
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Networks {
    region: String,
    instances: Vec<InNetwork>,
    /// Subnets that they are in; public says that the route table leads to an internet gateway.
    subnets: Vec<SubnetRow>,
}

/// One instance's place in the network.
#[derive(Serialize, JsonSchema)]
struct InNetwork {
    instance_id: String,
    vpc_id: Option<String>,
    subnet_id: Option<String>,
    az: Option<String>,
    private_ip: Option<String>,
    public_ip: Option<String>,
    security_groups: Vec<String>,
    interfaces: Vec<Interface>,
}

impl From<Instance> for InNetwork {
    fn from(instance: Instance) -> Self {
        Self {
            instance_id: instance.instance_id,
            vpc_id: instance.vpc_id,
            subnet_id: instance.subnet_id,
            az: instance.placement.and_then(|placement| placement.availability_zone),
            private_ip: instance.private_ip_address,
            public_ip: instance.public_ip_address,
            security_groups: instance.security_groups.into_iter().filter_map(|group| group.group_id).collect(),
            interfaces: instance.network_interfaces.into_iter().map(Interface::from).collect(),
        }
    }
}

/// One network interface.
#[derive(Serialize, JsonSchema)]
pub(super) struct Interface {
    network_interface_id: Option<String>,
    /// `efa` for RDMA.
    kind: Option<String>,
    subnet_id: Option<String>,
    private_ip: Option<String>,
    public_ip: Option<String>,
    /// The public address is an elastic one: it stays when the instance stops.
    elastic: Option<bool>,
    security_groups: Vec<String>,
}

impl From<NetworkInterface> for Interface {
    fn from(interface: NetworkInterface) -> Self {
        let (public_ip, owner) = interface.association.map_or((None, None), |it| (it.public_ip, it.ip_owner_id));
        Self {
            network_interface_id: interface.network_interface_id,
            kind: interface.interface_type,
            subnet_id: interface.subnet_id,
            private_ip: interface.private_ip_address,
            elastic: public_ip.as_ref().map(|_| owner.is_some_and(|owner| owner != "amazon")),
            public_ip,
            security_groups: interface.groups.into_iter().filter_map(|group| group.group_id).collect(),
        }
    }
}
