//! The operations behind the tools: the members that we send and those that we read.

use std::ops::RangeInclusive;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::{Changes, Destroys, Reads};

use super::super::tagged::{Filter, Tag, TagSpecification};
use crate::aws::replies::Nothing;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeSecurityGroups {
    pub(super) group_ids: Vec<String>,
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Groups {
    #[serde(default)]
    pub(super) security_groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Group {
    pub(super) group_id: String,
    pub(super) group_name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) vpc_id: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

impl Operation for DescribeSecurityGroups {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeSecurityGroups";
    type Needs = Reads;
    type Reply = Groups;
}

impl Paged for DescribeSecurityGroups {
    type Item = Group;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        // EC2 refuses a page size beside ids.
        self.group_ids.is_empty().then_some(5..=1000)
    }

    fn items(reply: Groups) -> Vec<Group> {
        reply.security_groups
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeSecurityGroupRules {
    pub(super) security_group_rule_ids: Vec<String>,
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Rules {
    #[serde(default)]
    pub(super) security_group_rules: Vec<Rule>,
}

/// One rule of a group: one protocol, one range of ports, one other side.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Rule {
    #[serde(default)]
    pub(super) security_group_rule_id: String,
    #[serde(default)]
    pub(super) group_id: String,
    #[serde(default)]
    pub(super) is_egress: bool,
    #[serde(default)]
    pub(super) ip_protocol: String,
    pub(super) from_port: Option<i32>,
    pub(super) to_port: Option<i32>,
    pub(super) cidr_ipv4: Option<String>,
    pub(super) cidr_ipv6: Option<String>,
    pub(super) prefix_list_id: Option<String>,
    pub(super) referenced_group_info: Option<ReferencedGroup>,
    pub(super) description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ReferencedGroup {
    pub(super) group_id: Option<String>,
}

impl Operation for DescribeSecurityGroupRules {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeSecurityGroupRules";
    type Needs = Reads;
    type Reply = Rules;
}

impl Paged for DescribeSecurityGroupRules {
    type Item = Rule;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        self.security_group_rule_ids.is_empty().then_some(5..=1000)
    }

    fn items(reply: Rules) -> Vec<Rule> {
        reply.security_group_rules
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeNetworkInterfaces {
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Interfaces {
    #[serde(default)]
    pub(super) network_interfaces: Vec<Interface>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Interface {
    pub(super) network_interface_id: String,
    pub(super) description: Option<String>,
    pub(super) attachment: Option<Attachment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Attachment {
    pub(super) instance_id: Option<String>,
}

impl Operation for DescribeNetworkInterfaces {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeNetworkInterfaces";
    type Needs = Reads;
    type Reply = Interfaces;
}

impl Paged for DescribeNetworkInterfaces {
    type Item = Interface;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(5..=1000)
    }

    fn items(reply: Interfaces) -> Vec<Interface> {
        reply.network_interfaces
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CreateSecurityGroup {
    pub(super) group_name: String,
    pub(super) description: String,
    pub(super) vpc_id: String,
    pub(super) tag_specifications: Vec<TagSpecification>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Created {
    pub(super) group_id: String,
}

impl Operation for CreateSecurityGroup {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "CreateSecurityGroup";
    type Needs = Changes;
    type Reply = Created;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct AuthorizeSecurityGroupIngress {
    pub(super) group_id: String,
    pub(super) ip_permissions: Vec<Permission>,
}

/// A rule as it is asked for. What is not said must not be sent, not even as an empty list.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Permission {
    pub(super) ip_protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from_port: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to_port: Option<i32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ip_ranges: Vec<Range4>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ipv6_ranges: Vec<Range6>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) prefix_list_ids: Vec<PrefixList>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) user_id_group_pairs: Vec<Pair>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Range4 {
    pub(super) cidr_ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Range6 {
    pub(super) cidr_ipv6: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct PrefixList {
    pub(super) prefix_list_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Pair {
    pub(super) group_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
}

impl Operation for AuthorizeSecurityGroupIngress {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "AuthorizeSecurityGroupIngress";
    type Needs = Changes;
    type Reply = Rules;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct RevokeSecurityGroupIngress {
    pub(super) group_id: String,
    pub(super) security_group_rule_ids: Vec<String>,
}

impl Operation for RevokeSecurityGroupIngress {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "RevokeSecurityGroupIngress";
    type Needs = Destroys;
    type Reply = Nothing;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct RevokeSecurityGroupEgress {
    pub(super) group_id: String,
    pub(super) security_group_rule_ids: Vec<String>,
}

impl Operation for RevokeSecurityGroupEgress {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "RevokeSecurityGroupEgress";
    type Needs = Destroys;
    type Reply = Nothing;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DeleteSecurityGroup {
    pub(super) group_id: String,
}

impl Operation for DeleteSecurityGroup {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DeleteSecurityGroup";
    type Needs = Destroys;
    type Reply = Nothing;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeSecurityGroups>();
        check::<DescribeSecurityGroupRules>();
        check::<DescribeNetworkInterfaces>();
        check::<CreateSecurityGroup>();
        check::<AuthorizeSecurityGroupIngress>();
        check::<RevokeSecurityGroupIngress>();
        check::<RevokeSecurityGroupEgress>();
        check::<DeleteSecurityGroup>();
    }
}
