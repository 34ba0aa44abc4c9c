//! EBS volumes at instances: attach and detach them.

mod wire;

use std::slice;

use schemars::JsonSchema;
use serde::Deserialize;
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, Changes, Covers, Error, ErrorKind, Json, Preview, Reads, Result, Target, Tool, ToolDef,
};

use self::wire::{AttachVolume, Attachment, DescribeInstances, DetachVolume, Instance};
use super::volumes::{VolumeRow, named};
use crate::{
    App, Cx,
    aws::{
        change::{Asked, asked},
        waiting::{Condition, Done},
    },
    common::At,
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::changes::<Attach>().formerly(&["ebs.attach_volume"]),
    ToolDef::changes::<Detach>().formerly(&["ebs.detach_volume"]),
];

/// Letters of device names that AWS recommends for data volumes.
const DEVICE_LETTERS: std::ops::RangeInclusive<char> = 'f'..='p';

/// Attach an EBS volume to an instance in the same zone
///
/// On Nitro instances the disk shows up as /dev/nvmeXn1, whatever the device name says.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Attach {
    /// Volume ID.
    volume_id: String,
    /// Instance ID.
    instance_id: String,
    /// Device name, such as /dev/sdf; the next free one when absent.
    device: Option<String>,
    /// Wait until it is in use, up to 38 seconds.
    #[serde(default)]
    wait: bool,
    #[serde(flatten)]
    at: At,
}

impl Attach {
    /// The request, once volume and instance fit together.
    async fn request<A: Access + Covers<Reads>>(&self, aws: &Aws<A>, volume: &VolumeRow) -> Result<AttachVolume> {
        let instance = instance(aws, &self.instance_id).await?;
        let zone = instance.placement.as_ref().and_then(|placement| placement.availability_zone.as_deref());
        if let (Some(volume_zone), Some(zone)) = (volume.az.as_deref(), zone)
            && volume_zone != zone
        {
            let message = format!("{} is in {volume_zone}, {} in {zone}", self.volume_id, self.instance_id);
            return Err(Error::validation(message)
                .hint("a volume stays in its zone: ebs_create_snapshot, then ebs_create_volume there"));
        }
        let device = match &self.device {
            Some(device) => device.clone(),
            None => free_device(&instance)?,
        };
        Ok(AttachVolume { volume_id: self.volume_id.clone(), instance_id: self.instance_id.clone(), device })
    }
}

impl Tool<App> for Attach {
    const NAME: &'static str = "ebs_attach_volume";
    const EXAMPLE: &'static str = r#"{"volume_id": "vol-0123456789abcdef0", "instance_id": "i-0123456789abcdef0"}"#;
    type Access = Changes;
    type Output = Json<Done<Attachment>>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Done<Attachment>>> {
        let aws = cx.at(&self.at);
        let request = self.request(&aws, &one(&aws, &self.volume_id).await?).await?;
        let attached = aws.send(&request).await?;
        let in_use =
            self.wait.then(|| Condition::new("ec2", "VolumeInUse", "VolumeIds", slice::from_ref(&self.volume_id)));
        Done::after(&cx, &aws, attached, in_use, format!("attached {}", self.volume_id)).await.map(Json)
    }
}

impl Preview<App> for Attach {
    type Plan = Asked<VolumeRow>;

    fn target(&self) -> Target {
        self.at.target("ebs volume", [&self.volume_id])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked<VolumeRow>> {
        let aws = cx.at(&self.at);
        let volume = one(&aws, &self.volume_id).await?;
        let request = self.request(&aws, &volume).await?;
        asked(&aws, vec![volume], &request).await
    }
}

/// Detach an EBS volume from its instance
///
/// Unmount it first: with force, what was not yet written is lost. The root volume only of a stopped instance.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Detach {
    /// Volume ID.
    volume_id: String,
    /// Instance ID, for a volume that is attached to several.
    instance_id: Option<String>,
    /// Device name that it must have there.
    device: Option<String>,
    /// Do not wait for the instance.
    #[serde(default)]
    force: bool,
    /// Wait until it is free, up to 38 seconds.
    #[serde(default)]
    wait: bool,
    #[serde(flatten)]
    at: At,
}

impl Detach {
    /// The request, with the one instance that the volume is attached to where none was named.
    async fn request<A: Access + Covers<Reads>>(&self, aws: &Aws<A>, volume: &VolumeRow) -> Result<DetachVolume> {
        let instance_id = match (&self.instance_id, volume.attached_to.as_slice()) {
            (Some(id), _) => id.clone(),
            (None, [only]) => only.clone(),
            (None, []) => {
                return Err(Error::new(ErrorKind::Conflict, format!("{} is attached to nothing", self.volume_id)));
            }
            (None, several) => {
                return Err(Error::validation(format!("{} is attached to several instances", self.volume_id))
                    .hint(format!("name one as instance_id: {}", several.join(", "))));
            }
        };
        let instance = instance(aws, &instance_id).await?;
        let is_root = |device: &String| Some(device) == instance.root_device_name.as_ref();
        if volume.devices.iter().any(is_root) && !instance.is_stopped() {
            let message = format!("{} is the root volume of {instance_id}, which is not stopped", self.volume_id);
            return Err(Error::new(ErrorKind::Conflict, message).hint("ec2_stop_instances stops it"));
        }
        let force = self.force.then_some(true);
        Ok(DetachVolume { volume_id: self.volume_id.clone(), instance_id, device: self.device.clone(), force })
    }
}

impl Tool<App> for Detach {
    const NAME: &'static str = "ebs_detach_volume";
    const EXAMPLE: &'static str = r#"{"volume_id": "vol-0123456789abcdef0"}"#;
    type Access = Changes;
    type Output = Json<Done<Attachment>>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Done<Attachment>>> {
        let aws = cx.at(&self.at);
        let request = self.request(&aws, &one(&aws, &self.volume_id).await?).await?;
        let detached = aws.send(&request).await?;
        let free =
            self.wait.then(|| Condition::new("ec2", "VolumeAvailable", "VolumeIds", slice::from_ref(&self.volume_id)));
        Done::after(&cx, &aws, detached, free, format!("detached {}", self.volume_id)).await.map(Json)
    }
}

impl Preview<App> for Detach {
    type Plan = Asked<VolumeRow>;

    fn target(&self) -> Target {
        self.at.target("ebs volume", [&self.volume_id])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked<VolumeRow>> {
        let aws = cx.at(&self.at);
        let volume = one(&aws, &self.volume_id).await?;
        let request = self.request(&aws, &volume).await?;
        asked(&aws, vec![volume], &request).await
    }
}

async fn one<A: Access + Covers<Reads>>(aws: &Aws<A>, id: &String) -> Result<VolumeRow> {
    let found = named(aws, slice::from_ref(id)).await?.into_iter().next();
    found.ok_or_else(|| Error::not_found("EBS volume", id).hint("ebs_describe_volumes shows what there is"))
}

async fn instance<A: Access + Covers<Reads>>(aws: &Aws<A>, id: &str) -> Result<Instance> {
    let found = aws.send(&DescribeInstances { instance_ids: vec![id.to_owned()] }).await?;
    let mut instances = found.reservations.into_iter().flat_map(|reservation| reservation.instances);
    let instance = instances.find(|instance| instance.instance_id == id);
    instance.ok_or_else(|| Error::not_found("EC2 instance", id).hint("ec2_list_instances shows the instances"))
}

impl Instance {
    fn is_stopped(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.name == "stopped")
    }
}

fn free_device(instance: &Instance) -> Result<String> {
    let taken = |device: &String| {
        let same = |name: &str| name.trim_start_matches("/dev/").trim_start_matches(['s', 'x', 'v']) == &device[6..];
        instance.block_device_mappings.iter().filter_map(|mapping| mapping.device_name.as_deref()).any(same)
    };
    let mut names = DEVICE_LETTERS.map(|letter| format!("/dev/sd{letter}"));
    names.find(|device| !taken(device)).ok_or_else(|| {
        Error::new(
            ErrorKind::Conflict,
            format!("{} has no free device name from /dev/sdf to /dev/sdp", instance.instance_id),
        )
        .hint("name another one as device")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_next_free_device_name_is_taken() {
        let instance = |devices: &[&str]| -> Instance {
            let mappings: Vec<_> = devices.iter().map(|device| json!({ "DeviceName": device })).collect();
            serde_json::from_value(json!({ "InstanceId": "i-1", "BlockDeviceMappings": mappings })).unwrap()
        };
        assert_eq!(free_device(&instance(&["/dev/xvda"])).unwrap(), "/dev/sdf");
        assert_eq!(free_device(&instance(&["/dev/sda1", "/dev/sdf", "/dev/xvdg"])).unwrap(), "/dev/sdh");
        let all: Vec<String> = DEVICE_LETTERS.map(|letter| format!("/dev/sd{letter}")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        assert!(free_device(&instance(&all)).is_err());
    }
}
