//! The operations behind the tools: the members that we send and those that we read.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Operation;
use trainyard_contract::Changes;

use super::super::{
    instances::wire::MetadataOptions,
    launch::{Switch, Tokens},
};
use crate::aws::replies::Nothing;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct TextValue {
    pub(super) value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct BooleanValue {
    pub(super) value: bool,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ModifyInstanceAttribute {
    pub(super) instance_id: String,
    pub(super) instance_type: Option<TextValue>,
    pub(super) disable_api_termination: Option<BooleanValue>,
    pub(super) disable_api_stop: Option<BooleanValue>,
    pub(super) instance_initiated_shutdown_behavior: Option<TextValue>,
    pub(super) source_dest_check: Option<BooleanValue>,
    pub(super) groups: Vec<String>,
}

impl Operation for ModifyInstanceAttribute {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "ModifyInstanceAttribute";
    type Needs = Changes;
    type Reply = Nothing;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ModifyInstanceMetadataOptions {
    pub(super) instance_id: String,
    pub(super) http_tokens: Option<Tokens>,
    pub(super) http_endpoint: Option<Switch>,
    pub(super) http_put_response_hop_limit: Option<u32>,
    pub(super) http_protocol_ipv6: Option<Switch>,
    pub(super) instance_metadata_tags: Option<Switch>,
}

impl ModifyInstanceMetadataOptions {
    pub(super) fn changes_nothing(&self) -> bool {
        let switches = [self.http_endpoint, self.http_protocol_ipv6, self.instance_metadata_tags];
        self.http_tokens.is_none() && self.http_put_response_hop_limit.is_none() && switches.iter().all(Option::is_none)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct MetadataReply {
    pub(super) instance_metadata_options: Option<MetadataOptions>,
}

impl Operation for ModifyInstanceMetadataOptions {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "ModifyInstanceMetadataOptions";
    type Needs = Changes;
    type Reply = MetadataReply;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct MonitorInstances {
    pub(super) instance_ids: Vec<String>,
}

impl Operation for MonitorInstances {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "MonitorInstances";
    type Needs = Changes;
    type Reply = Nothing;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct UnmonitorInstances {
    pub(super) instance_ids: Vec<String>,
}

impl Operation for UnmonitorInstances {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "UnmonitorInstances";
    type Needs = Changes;
    type Reply = Nothing;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<ModifyInstanceAttribute>();
        check::<ModifyInstanceMetadataOptions>();
        check::<MonitorInstances>();
        check::<UnmonitorInstances>();
    }
}
