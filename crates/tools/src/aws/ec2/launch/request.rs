//! From what is asked for to what EC2 is sent: checked, with safe defaults, before anything is launched.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{Access, Covers, Error, Reads, Result};

pub(in crate::aws::ec2) use super::wire::Machine;
use super::wire::{
    CapacityTarget, DeviceMapping, Ebs, InstanceProfile, Interface, MarketOptions, MetadataOptions, Placement,
    Reservation, SpotOptions,
};
use crate::aws::{
    ec2::{
        hardware, images,
        security_groups::{Open, open_ports},
    },
    pricing::money::Money,
};

/// Largest user data, before base64.
const USER_DATA_BYTES: usize = 16 * 1024;

/// How it is paid for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::aws::ec2) enum Market {
    #[default]
    OnDemand,
    Spot,
    CapacityBlock,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::aws::ec2) enum Tokens {
    Required,
    Optional,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::aws::ec2) enum Switch {
    Enabled,
    Disabled,
}

/// Instance metadata service.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::aws::ec2) struct Metadata {
    /// optional answers IMDSv1 as well.
    pub(in crate::aws::ec2) http_tokens: Option<Tokens>,
    pub(in crate::aws::ec2) http_endpoint: Option<Switch>,
    /// 2 when absent: containers are one hop further.
    #[schemars(range(min = 1, max = 64))]
    pub(in crate::aws::ec2) http_put_response_hop_limit: Option<u32>,
    pub(in crate::aws::ec2) instance_metadata_tags: Option<Switch>,
}

impl Metadata {
    fn safe(&self) -> MetadataOptions {
        MetadataOptions {
            http_tokens: Some(self.http_tokens.unwrap_or(Tokens::Required)),
            http_endpoint: self.http_endpoint,
            http_put_response_hop_limit: Some(self.http_put_response_hop_limit.unwrap_or(2)),
            instance_metadata_tags: self.instance_metadata_tags,
        }
    }
}

/// A disk.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::aws::ec2) struct Device {
    /// Such as /dev/sdf.
    device_name: String,
    /// Size, type and speed of the volume.
    ebs: Option<Volume>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Volume {
    /// GiB.
    volume_size: Option<u32>,
    /// gp3 when absent.
    volume_type: Option<VolumeType>,
    /// IOPS of gp3, io1 and io2.
    iops: Option<u32>,
    /// MiB/s of gp3.
    throughput: Option<u32>,
    /// true when absent.
    encrypted: Option<bool>,
    /// KMS key instead of the account's default.
    kms_key_id: Option<String>,
    /// Snapshot to make it from.
    snapshot_id: Option<String>,
    /// true when absent.
    delete_on_termination: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum VolumeType {
    Gp3,
    Gp2,
    Io2,
    Io1,
    St1,
    Sc1,
    Standard,
}

impl Device {
    fn mapping(&self, encrypted: bool) -> DeviceMapping {
        let ebs = self.ebs.as_ref().map(|volume| Ebs {
            volume_size: volume.volume_size,
            volume_type: Some(format!("{:?}", volume.volume_type.unwrap_or(VolumeType::Gp3)).to_lowercase()),
            iops: volume.iops,
            throughput: volume.throughput,
            encrypted: Some(volume.encrypted.unwrap_or(encrypted)),
            kms_key_id: volume.kms_key_id.clone(),
            snapshot_id: volume.snapshot_id.clone(),
            delete_on_termination: Some(volume.delete_on_termination.unwrap_or(true)),
        });
        DeviceMapping { device_name: self.device_name.clone(), ebs }
    }
}

/// A launch template, by exactly one of its names.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::aws::ec2) struct TemplateName {
    pub(in crate::aws::ec2) name: Option<String>,
    pub(in crate::aws::ec2) id: Option<String>,
}

impl TemplateName {
    pub(in crate::aws::ec2) fn of(name: Option<&String>, id: Option<&String>) -> Option<Self> {
        (name.is_some() || id.is_some()).then(|| Self { name: name.cloned(), id: id.cloned() })
    }

    /// The one name that it was given.
    pub(in crate::aws::ec2) fn check(&self) -> Result<&str> {
        match (&self.name, &self.id) {
            (Some(one), None) | (None, Some(one)) => Ok(one),
            _ => Err(Error::validation("one of `launch_template_name` and `launch_template_id` is wanted")),
        }
    }
}

/// What an instance is to be like, as it was asked for.
#[derive(Debug, Default)]
pub(in crate::aws::ec2) struct MachineAsked {
    pub(in crate::aws::ec2) image_id: Option<String>,
    pub(in crate::aws::ec2) instance_type: Option<String>,
    pub(in crate::aws::ec2) key_name: Option<String>,
    pub(in crate::aws::ec2) subnet_id: Option<String>,
    pub(in crate::aws::ec2) security_group_ids: Vec<String>,
    pub(in crate::aws::ec2) open_to_world: bool,
    pub(in crate::aws::ec2) iam_instance_profile: Option<String>,
    pub(in crate::aws::ec2) user_data: Option<String>,
    pub(in crate::aws::ec2) devices: Vec<Device>,
    pub(in crate::aws::ec2) root_volume_size: Option<u32>,
    pub(in crate::aws::ec2) encrypted: bool,
    pub(in crate::aws::ec2) public_address: Option<bool>,
    pub(in crate::aws::ec2) efa: bool,
    pub(in crate::aws::ec2) market: Market,
    pub(in crate::aws::ec2) max_price: Option<String>,
    pub(in crate::aws::ec2) interruption_behavior: Option<String>,
    pub(in crate::aws::ec2) capacity_reservation_id: Option<String>,
    pub(in crate::aws::ec2) placement_group: Option<String>,
    pub(in crate::aws::ec2) availability_zone: Option<String>,
    pub(in crate::aws::ec2) metadata: Metadata,
    pub(in crate::aws::ec2) disable_api_termination: Option<bool>,
    pub(in crate::aws::ec2) shutdown: Option<String>,
}

impl MachineAsked {
    /// What EC2 is sent, and the subnet, which has its place beside it unless interfaces are described.
    pub(in crate::aws::ec2) async fn machine<A: Access + Covers<Reads>>(
        &self,
        aws: &Aws<A>,
    ) -> Result<(Machine, Option<String>)> {
        self.check()?;
        self.refuse_open_ports(aws).await?;
        let mappings = self.disks(aws).await?;
        let cards = if self.efa { self.efa_cards(aws).await? } else { 0 };
        Ok(self.build(mappings, cards))
    }

    /// What can be said without AWS.
    fn check(&self) -> Result<()> {
        if let Some(script) = &self.user_data
            && script.len() > USER_DATA_BYTES
        {
            return Err(Error::validation(format!(
                "`user_data` has {} bytes; EC2 takes {USER_DATA_BYTES}",
                script.len()
            ))
            .hint("put the rest in S3 and fetch it from the script"));
        }
        if self.market != Market::Spot && (self.max_price.is_some() || self.interruption_behavior.is_some()) {
            return Err(Error::validation("`max_price` and `interruption_behavior` are for market spot"));
        }
        if let Some(price) = &self.max_price
            && Money::read(price).is_none_or(|price| price.0.is_sign_negative() || price.0.is_zero())
        {
            return Err(Error::validation(format!("`max_price` {price:?} is no price per hour, such as 12.50")));
        }
        if self.market == Market::CapacityBlock && self.capacity_reservation_id.is_none() {
            return Err(Error::validation("market capacity_block needs the block as `capacity_reservation_id`"));
        }
        Ok(())
    }

    async fn refuse_open_ports<A: Access + Covers<Reads>>(&self, aws: &Aws<A>) -> Result<()> {
        if self.open_to_world || self.security_group_ids.is_empty() {
            return Ok(());
        }
        let open = open_ports(aws, &self.security_group_ids).await?;
        let Some(Open { group_id, what }) = open.into_iter().next() else { return Ok(()) };
        Err(Error::validation(format!("security group {group_id} opens {what} to the world; nothing was launched"))
            .code("OpenToWorld")
            .hint("close it, take another group, or say open_to_world: true if that is what is wanted"))
    }

    /// The disks that were asked for, and those of the image as they should be: encrypted, the root as large as wanted.
    async fn disks<A: Access + Covers<Reads>>(&self, aws: &Aws<A>) -> Result<Vec<DeviceMapping>> {
        let mut mappings: Vec<_> = self.devices.iter().map(|device| device.mapping(self.encrypted)).collect();
        let Some(id) = self.image_id.as_ref().filter(|id| id.starts_with("ami-")) else {
            if self.root_volume_size.is_some() {
                return Err(Error::validation(
                    "`root_volume_size` needs the AMI's ID: which disk is the root is in it",
                ));
            }
            return Ok(mappings);
        };
        if !self.encrypted && self.root_volume_size.is_none() {
            return Ok(mappings);
        }
        let image = images::one(aws, id).await?;
        for disk in &image.block_device_mappings {
            let (Some(name), Some(ebs)) = (&disk.device_name, &disk.ebs) else { continue };
            if mappings.iter().any(|mapping| mapping.device_name == *name) {
                continue;
            }
            let root = image.root_device_name.as_ref() == Some(name);
            let wanted = self.root_volume_size.filter(|_| root);
            let encrypt = self.encrypted && ebs.encrypted != Some(true);
            if encrypt || wanted.is_some() {
                let volume_size = wanted.or(ebs.volume_size);
                // What is not said again would no longer be as the image has it.
                let delete_on_termination = ebs.delete_on_termination;
                let encrypted = encrypt.then_some(true);
                let ebs = Ebs { volume_size, encrypted, delete_on_termination, ..Ebs::default() };
                mappings.push(DeviceMapping { device_name: name.clone(), ebs: Some(ebs) });
            }
        }
        Ok(mappings)
    }

    async fn efa_cards<A: Access + Covers<Reads>>(&self, aws: &Aws<A>) -> Result<u32> {
        let Some(name) = &self.instance_type else {
            return Err(Error::validation("`efa` needs `instance_type`: how many cards there are depends on it"));
        };
        let known = hardware::of(aws, &BTreeSet::from([name.clone()])).await?;
        match known.get(name).map_or(0, |hardware| hardware.efa_cards) {
            0 => Err(Error::unsupported(format!("{name} has no EFA"))),
            cards => Ok(cards),
        }
    }

    fn build(&self, block_device_mappings: Vec<DeviceMapping>, efa_cards: u32) -> (Machine, Option<String>) {
        let interfaces = self.interfaces(efa_cards);
        // With interfaces, subnet and groups belong to them; EC2 refuses both places at once.
        let plain = interfaces.is_empty();
        let machine = Machine {
            image_id: self.image_id.clone(),
            instance_type: self.instance_type.clone(),
            key_name: self.key_name.clone(),
            security_group_ids: if plain { self.security_group_ids.clone() } else { Vec::new() },
            iam_instance_profile: self.iam_instance_profile.clone().map(InstanceProfile::named),
            user_data: self.user_data.clone(),
            block_device_mappings,
            network_interfaces: interfaces,
            instance_market_options: self.market_options(),
            capacity_reservation_specification: self
                .capacity_reservation_id
                .clone()
                .map(|id| Reservation { capacity_reservation_target: CapacityTarget { capacity_reservation_id: id } }),
            placement: (self.placement_group.is_some() || self.availability_zone.is_some()).then(|| Placement {
                group_name: self.placement_group.clone(),
                availability_zone: self.availability_zone.clone(),
            }),
            metadata_options: Some(self.metadata.safe()),
            disable_api_termination: self.disable_api_termination,
            instance_initiated_shutdown_behavior: self.shutdown.clone(),
        };
        (machine, self.subnet_id.clone().filter(|_| plain))
    }

    /// The instance's one interface, described.
    pub(in crate::aws::ec2) fn only_interface(&self) -> Interface {
        Interface {
            network_card_index: None,
            device_index: 0,
            interface_type: None,
            subnet_id: self.subnet_id.clone(),
            groups: self.security_group_ids.clone(),
            associate_public_ip_address: self.public_address,
            delete_on_termination: true,
        }
    }

    /// Interfaces have to be described one by one for EFA, or for a public address or not.
    fn interfaces(&self, efa_cards: u32) -> Vec<Interface> {
        if efa_cards == 0 {
            return self.public_address.map(|_| self.only_interface()).into_iter().collect();
        }
        let interface = |card: u32| Interface {
            network_card_index: Some(card),
            // The first card's first device is the instance's own; each further card has one of its own.
            device_index: u32::from(card > 0),
            interface_type: Some(if card == 0 { "efa" } else { "efa-only" }.to_owned()),
            // EC2 takes this beside one interface only.
            associate_public_ip_address: self.public_address.filter(|_| efa_cards == 1),
            ..self.only_interface()
        };
        (0..efa_cards).map(interface).collect()
    }

    fn market_options(&self) -> Option<MarketOptions> {
        match self.market {
            Market::OnDemand => None,
            Market::CapacityBlock => Some(MarketOptions { market_type: "capacity-block", spot_options: None }),
            Market::Spot => {
                // What is stopped rather than ended has to be asked for anew, which only a persistent request is.
                let persistent = self.interruption_behavior.as_deref().is_some_and(|it| it != "terminate");
                let spot_options = SpotOptions {
                    max_price: self.max_price.clone(),
                    spot_instance_type: if persistent { "persistent" } else { "one-time" },
                    instance_interruption_behavior: self.interruption_behavior.clone(),
                };
                Some(MarketOptions { market_type: "spot", spot_options: Some(spot_options) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asked() -> MachineAsked {
        MachineAsked {
            image_id: Some("ami-1".into()),
            instance_type: Some("p5.48xlarge".into()),
            subnet_id: Some("subnet-1".into()),
            security_group_ids: vec!["sg-1".into()],
            encrypted: true,
            ..MachineAsked::default()
        }
    }

    fn sent(asked: &MachineAsked, cards: u32) -> (Value, Option<String>) {
        let (machine, subnet) = asked.build(Vec::new(), cards);
        (serde_json::to_value(machine).unwrap(), subnet)
    }

    #[test]
    fn only_imdsv2_is_answered_unless_something_else_is_said() {
        let (plain, subnet) = sent(&asked(), 0);
        assert_eq!(plain["MetadataOptions"], json!({"HttpTokens": "required", "HttpPutResponseHopLimit": 2}));
        assert_eq!((plain["SecurityGroupIds"].clone(), subnet.as_deref()), (json!(["sg-1"]), Some("subnet-1")));
        let metadata = Metadata { http_tokens: Some(Tokens::Optional), ..Metadata::default() };
        let (loose, _) = sent(&MachineAsked { metadata, ..asked() }, 0);
        assert_eq!(loose["MetadataOptions"]["HttpTokens"], "optional");
    }

    #[test]
    fn subnet_and_groups_stand_in_one_place() {
        let (with_address, subnet) = sent(&MachineAsked { public_address: Some(false), ..asked() }, 0);
        assert_eq!(subnet, None);
        assert_eq!(with_address["SecurityGroupIds"], json!([]));
        let interface = &with_address["NetworkInterfaces"][0];
        assert_eq!((&interface["SubnetId"], &interface["Groups"]), (&json!("subnet-1"), &json!(["sg-1"])));
        assert_eq!(interface["AssociatePublicIpAddress"], false);
    }

    #[test]
    fn every_network_card_gets_its_efa() {
        let (machine, _) = sent(&MachineAsked { efa: true, ..asked() }, 32);
        let interfaces = machine["NetworkInterfaces"].as_array().unwrap();
        assert_eq!(interfaces.len(), 32);
        assert_eq!((&interfaces[0]["DeviceIndex"], &interfaces[0]["InterfaceType"]), (&json!(0), &json!("efa")));
        assert_eq!((&interfaces[31]["DeviceIndex"], &interfaces[31]["NetworkCardIndex"]), (&json!(1), &json!(31)));
        assert_eq!(interfaces[31]["InterfaceType"], "efa-only");
    }

    #[test]
    fn spot_is_asked_for_in_the_words_of_run_instances() {
        let spot = MachineAsked { market: Market::Spot, max_price: Some("12.50".into()), ..asked() };
        assert_eq!(
            sent(&spot, 0).0["InstanceMarketOptions"],
            json!({"MarketType": "spot", "SpotOptions": {"MaxPrice": "12.50", "SpotInstanceType": "one-time"}})
        );
        let stopping = MachineAsked { interruption_behavior: Some("stop".into()), ..spot };
        assert_eq!(sent(&stopping, 0).0["InstanceMarketOptions"]["SpotOptions"]["SpotInstanceType"], "persistent");
    }

    #[test]
    fn what_cannot_work_is_refused_before_anything_is_sent() {
        let large = "x".repeat(USER_DATA_BYTES + 1);
        for (what, bad) in [
            ("bytes", MachineAsked { user_data: Some(large), ..asked() }),
            ("spot", MachineAsked { max_price: Some("1".into()), ..asked() }),
            ("no price", MachineAsked { market: Market::Spot, max_price: Some("cheap".into()), ..asked() }),
            ("no price", MachineAsked { market: Market::Spot, max_price: Some("-1".into()), ..asked() }),
            ("block", MachineAsked { market: Market::CapacityBlock, ..asked() }),
        ] {
            let error = bad.check().unwrap_err();
            assert!(error.message().contains(what), "{error}");
        }
        assert!(asked().check().is_ok());
    }

    #[test]
    fn disks_are_encrypted_and_go_with_the_instance_unless_something_else_is_said() {
        let device: Device =
            serde_json::from_value(json!({"device_name": "/dev/sdf", "ebs": {"volume_size": 10}})).unwrap();
        let ebs = device.mapping(true).ebs.unwrap();
        assert_eq!((ebs.encrypted, ebs.delete_on_termination), (Some(true), Some(true)));
        assert_eq!(ebs.volume_type.as_deref(), Some("gp3"));
    }
}
