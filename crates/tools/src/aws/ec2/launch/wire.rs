//! The operation behind the tool, and the description of a machine that launch templates share.

use std::fmt;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Operation;
use trainyard_contract::Changes;

use super::request::{Switch, Tokens};
use crate::aws::ec2::{instances::wire::Instance, tagged::TagSpecification};

/// What an instance is like. RunInstances and launch templates say it in the same words.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Machine {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) image_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) instance_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) key_name: Option<String>,
    pub(in crate::aws::ec2) security_group_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) iam_instance_profile: Option<InstanceProfile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) user_data: Option<String>,
    pub(in crate::aws::ec2) block_device_mappings: Vec<DeviceMapping>,
    pub(in crate::aws::ec2) network_interfaces: Vec<Interface>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) instance_market_options: Option<MarketOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) capacity_reservation_specification: Option<Reservation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) placement: Option<Placement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) metadata_options: Option<MetadataOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) disable_api_termination: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) instance_initiated_shutdown_behavior: Option<String>,
}

impl Machine {
    /// `required` where only IMDSv2 would be answered.
    pub(super) fn metadata_tokens(&self) -> &'static str {
        match self.metadata_options.as_ref().and_then(|options| options.http_tokens) {
            Some(Tokens::Required) => "required",
            Some(Tokens::Optional) => "optional",
            None => "as the template or the account says",
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct InstanceProfile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) arn: Option<String>,
}

impl InstanceProfile {
    /// By its ARN where it looks like one.
    pub(super) fn named(text: String) -> Self {
        if text.starts_with("arn:") {
            Self { name: None, arn: Some(text) }
        } else {
            Self { name: Some(text), arn: None }
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct DeviceMapping {
    pub(in crate::aws::ec2) device_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) ebs: Option<Ebs>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Ebs {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) volume_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) volume_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) iops: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) throughput: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) encrypted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) snapshot_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) delete_on_termination: Option<bool>,
}

impl fmt::Display for DeviceMapping {
    /// `/dev/sda1 500 GiB gp3 encrypted`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.device_name)?;
        let Some(ebs) = &self.ebs else { return f.write_str(" instance store") };
        if let Some(size) = ebs.volume_size {
            write!(f, " {size} GiB")?;
        }
        if let Some(kind) = &ebs.volume_type {
            write!(f, " {kind}")?;
        }
        match ebs.encrypted {
            Some(true) => f.write_str(" encrypted"),
            Some(false) => f.write_str(" not encrypted"),
            None => Ok(()),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Interface {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) network_card_index: Option<u32>,
    pub(in crate::aws::ec2) device_index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) interface_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) subnet_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::aws::ec2) groups: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) associate_public_ip_address: Option<bool>,
    pub(in crate::aws::ec2) delete_on_termination: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct MarketOptions {
    pub(in crate::aws::ec2) market_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) spot_options: Option<SpotOptions>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct SpotOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) max_price: Option<String>,
    pub(in crate::aws::ec2) spot_instance_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) instance_interruption_behavior: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Reservation {
    pub(in crate::aws::ec2) capacity_reservation_target: CapacityTarget,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct CapacityTarget {
    pub(in crate::aws::ec2) capacity_reservation_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Placement {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) group_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) availability_zone: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct MetadataOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) http_tokens: Option<Tokens>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) http_endpoint: Option<Switch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) http_put_response_hop_limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) instance_metadata_tags: Option<Switch>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct TemplateChoice {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) launch_template_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::aws::ec2) launch_template_id: Option<String>,
    pub(in crate::aws::ec2) version: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct RunInstances {
    // Only ever written, so that nobody has to read an error of its making.
    #[serde(flatten)]
    pub(super) machine: Machine,
    pub(super) subnet_id: Option<String>,
    pub(super) min_count: u32,
    pub(super) max_count: u32,
    pub(super) launch_template: Option<TemplateChoice>,
    pub(super) tag_specifications: Vec<TagSpecification>,
    pub(super) client_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Launched {
    pub(super) reservation_id: Option<String>,
    #[serde(default)]
    pub(super) instances: Vec<Instance>,
}

impl Operation for RunInstances {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "RunInstances";
    type Needs = Changes;
    type Reply = Launched;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<RunInstances>();
    }
}
