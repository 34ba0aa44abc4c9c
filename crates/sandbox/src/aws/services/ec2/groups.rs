//! Security groups and their rules. Rules are rows of their own; what a group says of them is made of those.

use serde_json::{Value, json};

use super::{refused, tags};
use crate::aws::{account::Cx, services::Operations, table::Table, wire::Refusal};

pub(in crate::aws::services) const OPERATIONS: Operations = &[
    ("ec2", "AuthorizeSecurityGroupEgress", authorize_egress),
    ("ec2", "AuthorizeSecurityGroupIngress", authorize_ingress),
    ("ec2", "CreateSecurityGroup", create),
    ("ec2", "DeleteSecurityGroup", delete),
    ("ec2", "RevokeSecurityGroupEgress", revoke_egress),
    ("ec2", "RevokeSecurityGroupIngress", revoke_ingress),
];

/// Rules that a group may have in one direction.
const RULES: usize = 60;

fn absent(id: &str) -> Refusal {
    refused("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"))
}

/// The group that is named, by id, or by name in the default network.
fn group(cx: &Cx<'_>) -> Result<String, Refusal> {
    if let Some(id) = cx.text("GroupId") {
        return cx.row(Table::SecurityGroups, id, || absent(id)).map(|_| id.to_owned());
    }
    let Some(name) = cx.text("GroupName") else {
        return Err(refused("MissingParameter", "The request must contain the parameter groupName or groupId"));
    };
    let row = cx.rows(Table::SecurityGroups).find(|row| row["GroupName"] == name).ok_or_else(|| absent(name))?;
    Ok(row["GroupId"].as_str().unwrap_or_default().to_owned())
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = cx.name("GroupName");
    if name.starts_with("sg-") || name == "default" {
        return Err(refused("InvalidParameterValue", format!("invalid value for parameter groupName: {name}")));
    }
    let is_default = |row: &&Value| row["IsDefault"] == true;
    let vpc = match cx.text("VpcId") {
        Some(id) => {
            cx.row(Table::Vpcs, id, || refused("InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist")))?;
            json!(id)
        }
        None => cx.rows(Table::Vpcs).find(is_default).map(|row| row["VpcId"].clone()).unwrap_or_default(),
    };
    if cx.rows(Table::SecurityGroups).any(|row| row["GroupName"] == name && row["VpcId"] == vpc) {
        let message = format!("The security group '{name}' already exists for VPC {vpc}");
        return Err(refused("InvalidGroup.Duplicate", message));
    }
    let id = cx.account.new_id("sg");
    let tags = tags::given(cx, "security-group");
    let arn = cx.account.arn("ec2", cx.region, &format!("security-group/{id}"));
    let row = json!({
        "GroupId": id, "GroupName": name, "Description": cx.text("Description").unwrap_or_default(), "VpcId": vpc,
        "OwnerId": cx.account.id, "Tags": tags, "SecurityGroupArn": arn, "IpPermissions": [], "IpPermissionsEgress": [],
    });
    cx.insert(Table::SecurityGroups, &id, row);
    add(cx, &id, true, &json!({ "IpProtocol": "-1", "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }));
    summed(cx, &id);
    Ok(json!({ "GroupId": id, "Tags": tags, "SecurityGroupArn": arn }))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let id = group(cx)?;
    let row = cx.get(Table::SecurityGroups, &id).cloned().unwrap_or_default();
    if row["GroupName"] == "default" {
        return Err(refused(
            "CannotDelete",
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"),
        ));
    }
    let used_by_instance = cx.rows(Table::Instances).any(|row| {
        let groups = row["SecurityGroups"].as_array().into_iter().flatten();
        row["State"]["Name"] != "terminated" && groups.into_iter().any(|group| group["GroupId"] == id)
    });
    let named_by_rule = cx
        .rows(Table::SecurityGroupRules)
        .any(|rule| rule["GroupId"] != id && rule["ReferencedGroupInfo"]["GroupId"] == id);
    if used_by_instance || named_by_rule {
        return Err(refused("DependencyViolation", format!("resource {id} has a dependent object")));
    }
    let rules: Vec<String> = rules_of(cx, &id, None).map(|rule| text(rule, "SecurityGroupRuleId")).collect();
    for rule in rules {
        cx.remove(Table::SecurityGroupRules, &rule);
    }
    cx.remove(Table::SecurityGroups, &id);
    Ok(json!({ "Return": true, "GroupId": id }))
}

fn text(row: &Value, member: &str) -> String {
    row[member].as_str().unwrap_or_default().to_owned()
}

fn rules_of<'c>(cx: &'c Cx<'_>, group: &str, egress: Option<bool>) -> impl Iterator<Item = &'c Value> {
    let group = group.to_owned();
    let is = move |rule: &&Value| rule["GroupId"] == group && egress.is_none_or(|egress| rule["IsEgress"] == egress);
    cx.rows(Table::SecurityGroupRules).filter(is)
}

/// What a permission lets in or out: ranges, lists and groups, each with the member of a rule that holds it.
fn peers(permission: &Value) -> Vec<(&'static str, Value, Value)> {
    let of = |list: &str, member: &'static str, key: &'static str| {
        let items = permission[list].as_array().into_iter().flatten();
        items.map(|item| (member, item[key].clone(), item["Description"].clone())).collect::<Vec<_>>()
    };
    let groups = permission["UserIdGroupPairs"].as_array().into_iter().flatten();
    let groups =
        groups.map(|pair| ("ReferencedGroupInfo", json!({ "GroupId": pair["GroupId"] }), pair["Description"].clone()));
    [
        of("IpRanges", "CidrIpv4", "CidrIp"),
        of("Ipv6Ranges", "CidrIpv6", "CidrIpv6"),
        of("PrefixListIds", "PrefixListId", "PrefixListId"),
    ]
    .into_iter()
    .flatten()
    .chain(groups)
    .collect()
}

fn ports(permission: &Value) -> (Value, Value) {
    let all = permission["IpProtocol"] == "-1" || permission["FromPort"].is_null();
    if all { (json!(-1), json!(-1)) } else { (permission["FromPort"].clone(), permission["ToPort"].clone()) }
}

/// Whether a rule says what a permission says of one peer.
fn same(rule: &Value, permission: &Value, (member, value, _): &(&'static str, Value, Value)) -> bool {
    let (from, to) = ports(permission);
    let peer = match *member {
        "ReferencedGroupInfo" => rule[*member]["GroupId"] == value["GroupId"] && !value["GroupId"].is_null(),
        member => rule[member] == *value,
    };
    peer && rule["IpProtocol"] == permission["IpProtocol"] && rule["FromPort"] == from && rule["ToPort"] == to
}

/// Adds the rules that a permission says.
pub(in crate::aws) fn add(cx: &mut Cx<'_>, group: &str, egress: bool, permission: &Value) -> Vec<Value> {
    let (from, to) = ports(permission);
    let tags = tags::given(cx, "security-group-rule");
    let mut made = Vec::new();
    for (member, mut value, description) in peers(permission) {
        let id = cx.account.new_id("sgr");
        if member == "ReferencedGroupInfo" {
            value["UserId"] = json!(cx.account.id);
        }
        let mut row = json!({
            "SecurityGroupRuleId": id, "GroupId": group, "GroupOwnerId": cx.account.id, "IsEgress": egress,
            "IpProtocol": permission["IpProtocol"], "FromPort": from, "ToPort": to, member: value, "Tags": tags,
        });
        if !description.is_null() {
            row["Description"] = description;
        }
        cx.insert(Table::SecurityGroupRules, &id, row.clone());
        made.push(row);
    }
    made
}

/// Makes what a group says of its rules.
pub(in crate::aws) fn summed(cx: &mut Cx<'_>, group: &str) {
    for (egress, member) in [(false, "/IpPermissions"), (true, "/IpPermissionsEgress")] {
        let mut permissions: Vec<Value> = Vec::new();
        for rule in rules_of(cx, group, Some(egress)) {
            let is = |known: &Value| {
                known["IpProtocol"] == rule["IpProtocol"]
                    && ports(known) == (rule["FromPort"].clone(), rule["ToPort"].clone())
            };
            let at = permissions.iter().position(is).unwrap_or_else(|| {
                let mut fresh = json!({
                    "IpProtocol": rule["IpProtocol"], "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": [],
                });
                if rule["FromPort"] != -1 || rule["IpProtocol"] != "-1" {
                    fresh["FromPort"] = rule["FromPort"].clone();
                    fresh["ToPort"] = rule["ToPort"].clone();
                }
                permissions.push(fresh);
                permissions.len() - 1
            });
            let (list, mut item) = match rule {
                rule if rule["CidrIpv4"].is_string() => ("IpRanges", json!({ "CidrIp": rule["CidrIpv4"] })),
                rule if rule["CidrIpv6"].is_string() => ("Ipv6Ranges", json!({ "CidrIpv6": rule["CidrIpv6"] })),
                rule if rule["PrefixListId"].is_string() => {
                    ("PrefixListIds", json!({ "PrefixListId": rule["PrefixListId"] }))
                }
                rule => ("UserIdGroupPairs", rule["ReferencedGroupInfo"].clone()),
            };
            if !rule["Description"].is_null() {
                item["Description"] = rule["Description"].clone();
            }
            permissions[at][list].as_array_mut().into_iter().for_each(|items| items.push(item.clone()));
        }
        cx.put(Table::SecurityGroups, group, member, Value::from(permissions));
    }
}

/// The permissions of a call: as a list, or one that is spread over its members.
fn permissions(cx: &Cx<'_>) -> Result<Vec<Value>, Refusal> {
    if let Some(list) = cx.input["IpPermissions"].as_array() {
        return Ok(list.clone());
    }
    let Some(protocol) = cx.text("IpProtocol") else {
        return Err(refused(
            "MissingParameter",
            "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.",
        ));
    };
    let mut one = json!({ "IpProtocol": protocol, "FromPort": cx.input["FromPort"], "ToPort": cx.input["ToPort"] });
    if let Some(range) = cx.text("CidrIp") {
        one["IpRanges"] = json!([{ "CidrIp": range }]);
    }
    Ok(vec![one])
}

/// Refuses what no rule can say.
fn sound(cx: &Cx<'_>, permission: &Value) -> Result<(), Refusal> {
    let protocol = permission["IpProtocol"].as_str().unwrap_or_default();
    let known = matches!(protocol, "-1" | "tcp" | "udp" | "icmp" | "icmpv6") || protocol.parse::<u8>().is_ok();
    if !known {
        return Err(refused(
            "InvalidPermission.Malformed",
            format!("Unsupported IP protocol \"{protocol}\"  - supported: [tcp, udp, icmp]"),
        ));
    }
    let (from, to) = (permission["FromPort"].as_i64(), permission["ToPort"].as_i64());
    let has_ports = matches!(protocol, "tcp" | "udp");
    if has_ports && !matches!((from, to), (Some(from), Some(to)) if 0 <= from && from <= to && to <= 65_535) {
        return Err(refused(
            "InvalidParameterValue",
            "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.",
        ));
    }
    for (member, value, _) in peers(permission) {
        let range = value.as_str().unwrap_or_default();
        if member == "CidrIpv4" && super::networks::range(range).is_none() {
            return Err(refused("InvalidParameterValue", format!("CIDR block {range} is malformed")));
        }
        let group = value["GroupId"].as_str();
        if let Some(group) = group.filter(|group| cx.get(Table::SecurityGroups, group).is_none()) {
            return Err(absent(group));
        }
    }
    Ok(())
}

fn authorize_ingress(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    authorize(cx, false)
}

fn authorize_egress(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    authorize(cx, true)
}

fn authorize(cx: &mut Cx<'_>, egress: bool) -> Result<Value, Refusal> {
    let group = group(cx)?;
    let permissions = permissions(cx)?;
    let mut more = 0;
    for permission in &permissions {
        sound(cx, permission)?;
        for peer in peers(permission) {
            more += 1;
            if rules_of(cx, &group, Some(egress)).any(|rule| same(rule, permission, &peer)) {
                let what = peer.1.as_str().map_or_else(|| text(&peer.1, "GroupId"), str::to_owned);
                let message =
                    format!("the specified rule \"peer: {what}, {}, ALLOW\" already exists", permission["IpProtocol"]);
                return Err(refused("InvalidPermission.Duplicate", message));
            }
        }
    }
    if rules_of(cx, &group, Some(egress)).count() + more > RULES {
        return Err(refused(
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules per security group has been reached.",
        ));
    }
    let mut made = Vec::new();
    for permission in &permissions {
        made.extend(add(cx, &group, egress, permission));
    }
    summed(cx, &group);
    Ok(json!({ "Return": true, "SecurityGroupRules": made }))
}

fn revoke_ingress(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    revoke(cx, false)
}

fn revoke_egress(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    revoke(cx, true)
}

fn revoke(cx: &mut Cx<'_>, egress: bool) -> Result<Value, Refusal> {
    let group = group(cx)?;
    let ids = cx.texts("SecurityGroupRuleIds");
    let mut gone = Vec::new();
    for id in &ids {
        let is = |rule: &&Value| rule["SecurityGroupRuleId"] == **id;
        if rules_of(cx, &group, Some(egress)).find(is).is_none() {
            let message = format!("The security group rule ID '{id}' does not exist");
            return Err(refused("InvalidSecurityGroupRuleId.NotFound", message));
        }
        gone.push(id.clone());
    }
    if ids.is_empty() {
        for permission in permissions(cx)? {
            for peer in peers(&permission) {
                let rule = rules_of(cx, &group, Some(egress)).find(|rule| same(rule, &permission, &peer));
                let absent = || {
                    refused("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
                };
                gone.push(rule.map(|rule| text(rule, "SecurityGroupRuleId")).ok_or_else(absent)?);
            }
        }
    }
    for id in gone {
        cx.remove(Table::SecurityGroupRules, &id);
    }
    summed(cx, &group);
    Ok(json!({ "Return": true }))
}
