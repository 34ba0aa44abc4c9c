//! EC2 security groups: find, make, open, close and delete them.

mod rules;
mod wire;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, Changes, Covers, Destroys, Error, Json, Listing, Preview, Reads, Result, Target, Tool, ToolDef, free_text,
};

use self::{
    rules::{Ingress, RuleRow, permissions},
    wire::{
        AuthorizeSecurityGroupIngress, CreateSecurityGroup, DeleteSecurityGroup, DescribeNetworkInterfaces,
        DescribeSecurityGroupRules, DescribeSecurityGroups, Group, Interface, Permission, RevokeSecurityGroupEgress,
        RevokeSecurityGroupIngress, Rule,
    },
};
use super::tagged::{filters, specification, split, whole};
use crate::{
    App, Cx,
    aws::{
        change::{Asked, Deleted, asked, delete},
        listing::{Placed, list_joined},
    },
    common::{At, DryRun, Part},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<List>().formerly(&[
        "ec2.describe_security_groups",
        "ec2.describe_security_group",
        "ec2.list_security_groups",
        "ec2_list_security_groups",
    ]),
    ToolDef::changes::<Create>().formerly(&["ec2.create_security_group"]),
    ToolDef::changes::<Authorize>()
        .formerly(&["ec2.authorize_security_group_ingress", "ec2.authorize_security_group_rules"]),
    ToolDef::destroys::<Revoke>().formerly(&["ec2.revoke_security_group_rules"]),
    ToolDef::destroys::<Delete>().formerly(&["ec2.delete_security_group"]),
];

/// Groups whose rules are asked for at once.
const GROUPS_AT_ONCE: usize = 50;
/// Rules that are looked through for open ports.
const MOST_RULES: usize = 10_000;

/// List EC2 security groups with their rules
///
/// Rules come in words with their ids; open_to_world marks groups that let any address in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct List {
    /// Only these security group IDs.
    group_ids: Option<Vec<String>>,
    /// Only with these names; * stands for any letters.
    group_names: Option<Vec<String>>,
    /// VPC IDs.
    vpc_ids: Option<Vec<String>>,
    /// Only with all these tags; * as value for any value.
    tags: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    part: Part,
}

impl Tool<App> for List {
    const NAME: &'static str = "ec2_describe_security_groups";
    const EXAMPLE: &'static str = r#"{"group_names": ["train-*"]}"#;
    type Access = Reads;
    type Output = Listing<Placed<GroupRow>>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Placed<GroupRow>>> {
        let asked =
            vec![("group-name", self.group_names.unwrap_or_default()), ("vpc-id", self.vpc_ids.unwrap_or_default())];
        let question = DescribeSecurityGroups {
            group_ids: self.group_ids.unwrap_or_default(),
            filters: filters(asked, self.tags.as_ref()),
        };
        let cx = &cx;
        list_joined(cx, &self.part, &question, |aws, items| async move { rows(cx, &aws, items).await }).await
    }
}

/// Create an EC2 security group, with ingress rules
///
/// Everything may go out, as AWS has it by default. Should AWS refuse the rules, the group stays, and the error names it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Create {
    /// Name, new in this VPC.
    group_name: String,
    /// What it is for; cannot be changed later.
    description: String,
    /// VPC ID.
    vpc_id: String,
    /// Who may come in.
    #[serde(default)]
    #[schemars(extend("x-also" = ["inbound_rules"]))]
    ingress: Vec<Ingress>,
    /// Rules may open ports of administrators to the world.
    #[serde(default)]
    open_to_world: bool,
    /// Tags, Name among them.
    tags: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    at: At,
}

impl Create {
    fn request(&self) -> CreateSecurityGroup {
        CreateSecurityGroup {
            group_name: self.group_name.clone(),
            description: self.description.clone(),
            vpc_id: self.vpc_id.clone(),
            tag_specifications: specification("security-group", self.tags.clone()),
        }
    }
}

impl Tool<App> for Create {
    const NAME: &'static str = "ec2_create_security_group";
    const EXAMPLE: &'static str = r#"{"group_name": "train-efa", "description": "training nodes", "vpc_id": "vpc-0123456789abcdef0", "ingress": [{"protocol": "tcp", "from_port": 22, "cidr_ipv4": "10.0.0.0/8"}]}"#;
    type Access = Changes;
    type Output = Json<Created>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Created>> {
        let aws = cx.at(&self.at);
        let permissions = permissions(&self.ingress, self.open_to_world)?;
        let group_id = aws.send(&self.request()).await?.group_id;
        if permissions.is_empty() {
            return Ok(Json(Created { group_id, rules: Vec::new() }));
        }
        match authorized(&aws, &group_id, permissions).await {
            Ok(rules) => Ok(Json(Created { group_id, rules })),
            // Deleting it here would take more than this tool may do: that destroys.
            Err(error) => Err(error.partial([format!("created {group_id}, without rules")]).hint(
                "ec2_authorize_security_group_ingress adds rules to the group, ec2_delete_security_group removes it",
            )),
        }
    }
}

impl Preview<App> for Create {
    type Plan = Asked<GroupRow>;

    fn target(&self) -> Target {
        self.at.target("new security group in vpc", [&self.vpc_id])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked<GroupRow>> {
        permissions(&self.ingress, self.open_to_world)?;
        asked(&cx.at(&self.at), Vec::new(), &self.request()).await
    }
}

/// Let traffic into an EC2 security group
///
/// Each rule has one source. SSH, RDP, databases and the like are not opened to the world unless open_to_world says so.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Authorize {
    /// Security group ID.
    group_id: String,
    /// Who may come in.
    rules: Vec<Ingress>,
    /// Rules may open ports of administrators to the world.
    #[serde(default)]
    open_to_world: bool,
    #[serde(flatten)]
    at: At,
}

impl Authorize {
    fn permissions(&self) -> Result<Vec<Permission>> {
        if self.rules.is_empty() {
            return Err(Error::validation("`rules` is empty"));
        }
        permissions(&self.rules, self.open_to_world)
    }
}

impl Tool<App> for Authorize {
    const NAME: &'static str = "ec2_authorize_security_group_ingress";
    const EXAMPLE: &'static str = r#"{"group_id": "sg-0123456789abcdef0", "rules": [{"protocol": "all", "source_group_id": "sg-0123456789abcdef0"}]}"#;
    type Access = Changes;
    type Output = Json<Opened>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Opened>> {
        let aws = cx.at(&self.at);
        authorized(&aws, &self.group_id, self.permissions()?).await.map(|rules| Json(Opened { rules }))
    }
}

impl Preview<App> for Authorize {
    type Plan = Asked<GroupRow>;

    fn target(&self) -> Target {
        self.at.target("security group", [&self.group_id])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked<GroupRow>> {
        let request =
            AuthorizeSecurityGroupIngress { group_id: self.group_id.clone(), ip_permissions: self.permissions()? };
        let aws = cx.at(&self.at);
        asked(&aws, named(&cx, &aws, &self.group_id).await?, &request).await
    }
}

/// Remove rules from EC2 security groups, ingress and egress
///
/// Connections that only they allowed break. ec2_describe_security_groups shows the rule ids.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Revoke {
    /// Rule IDs, such as sgr-0123456789abcdef0.
    rule_ids: Vec<String>,
    #[serde(flatten)]
    at: At,
}

impl Revoke {
    async fn rules<A: Access + Covers<Reads>>(&self, aws: &Aws<A>) -> Result<Vec<Rule>> {
        if self.rule_ids.is_empty() {
            return Err(Error::validation("`rule_ids` is empty")
                .hint("ec2_describe_security_groups shows the groups with their rules"));
        }
        let question =
            DescribeSecurityGroupRules { security_group_rule_ids: self.rule_ids.clone(), filters: Vec::new() };
        let rules = aws.send(&question).await?.security_group_rules;
        let missing = self.rule_ids.iter().find(|id| rules.iter().all(|rule| rule.security_group_rule_id != **id));
        match missing {
            Some(id) => Err(Error::not_found("security group rule", id)),
            None => Ok(rules),
        }
    }
}

impl Tool<App> for Revoke {
    const NAME: &'static str = "ec2_revoke_security_group_rules";
    const EXAMPLE: &'static str = r#"{"rule_ids": ["sgr-0123456789abcdef0"]}"#;
    type Access = Destroys;
    type Output = Json<Revoked>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Revoked>> {
        let aws = cx.at(&self.at);
        let rules = self.rules(&aws).await?;
        let mut done = Vec::new();
        for ((group_id, is_egress), ids) in by_request(&rules) {
            let security_group_rule_ids = ids.clone();
            let sent = if is_egress {
                aws.send(&RevokeSecurityGroupEgress { group_id, security_group_rule_ids }).await
            } else {
                aws.send(&RevokeSecurityGroupIngress { group_id, security_group_rule_ids }).await
            };
            sent.map_err(|error| error.partial(done.iter().map(|id| format!("revoked {id}"))))?;
            done.extend(ids);
        }
        Ok(Json(Revoked { revoked: rules.into_iter().map(RuleRow::from).collect() }))
    }
}

impl Preview<App> for Revoke {
    type Plan = Closing;

    fn target(&self) -> Target {
        self.at.target("security group rule", &self.rule_ids)
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Closing> {
        let aws = cx.at(&self.at);
        let rules = self.rules(&aws).await?;
        let mut dry_runs = Vec::new();
        for ((group_id, is_egress), security_group_rule_ids) in by_request(&rules) {
            let refusal = if is_egress {
                aws.dry_run_of(&RevokeSecurityGroupEgress { group_id, security_group_rule_ids }).await?
            } else {
                aws.dry_run_of(&RevokeSecurityGroupIngress { group_id, security_group_rule_ids }).await?
            };
            dry_runs.push(refusal.into());
        }
        Ok(Closing { rules: rules.into_iter().map(RuleRow::from).collect(), dry_runs })
    }
}

/// EC2 takes rules of one group and one direction at a time.
fn by_request(rules: &[Rule]) -> BTreeMap<(String, bool), Vec<String>> {
    let mut requests: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for rule in rules {
        let ids = requests.entry((rule.group_id.clone(), rule.is_egress)).or_default();
        ids.push(rule.security_group_rule_id.clone());
    }
    requests
}

/// Delete an EC2 security group for good
///
/// AWS refuses while a network interface is in it or another group's rule names it; the plan shows which.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Delete {
    /// Security group ID.
    group_id: String,
    #[serde(flatten)]
    at: At,
}

impl Delete {
    fn request(&self) -> DeleteSecurityGroup {
        DeleteSecurityGroup { group_id: self.group_id.clone() }
    }
}

impl Tool<App> for Delete {
    const NAME: &'static str = "ec2_delete_security_group";
    const EXAMPLE: &'static str = r#"{"group_id": "sg-0123456789abcdef0"}"#;
    type Access = Destroys;
    type Output = Json<Deleted>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Deleted>> {
        delete(&cx.at(&self.at), self.request(), self.group_id).await.map(Json)
    }
}

impl Preview<App> for Delete {
    type Plan = Lost;

    fn target(&self) -> Target {
        self.at.target("security group", [&self.group_id])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Lost> {
        let aws = cx.at(&self.at);
        let groups = named(&cx, &aws, &self.group_id).await?;
        let having = |filter: &str| filters(vec![(filter, vec![self.group_id.clone()])], None);
        let interfaces = whole(&cx, &aws, &DescribeNetworkInterfaces { filters: having("group-id") }).await?;
        let mut named_by_groups = Vec::new();
        for filter in ["ip-permission.group-id", "egress.ip-permission.group-id"] {
            let question = DescribeSecurityGroups { group_ids: Vec::new(), filters: having(filter) };
            named_by_groups.extend(whole(&cx, &aws, &question).await?.into_iter().map(|group| group.group_id));
        }
        // A group that names itself may still be deleted.
        named_by_groups.retain(|id| *id != self.group_id);
        named_by_groups.sort();
        named_by_groups.dedup();
        let dry_run = aws.dry_run_of(&self.request()).await?.into();
        let network_interfaces: Vec<_> = interfaces.into_iter().map(User::from).collect();
        let blocked = !network_interfaces.is_empty() || !named_by_groups.is_empty();
        Ok(Lost { groups, blocked, network_interfaces, named_by_groups, dry_run })
    }
}

async fn authorized<A: Access + Covers<Changes>>(
    aws: &Aws<A>,
    group_id: &str,
    ip_permissions: Vec<Permission>,
) -> Result<Vec<RuleRow>> {
    let request = AuthorizeSecurityGroupIngress { group_id: group_id.to_owned(), ip_permissions };
    aws.send(&request).await.map(|reply| reply.security_group_rules.into_iter().map(RuleRow::from).collect())
}

/// A group that opens what it should not.
pub(super) struct Open {
    pub(super) group_id: String,
    /// `port 22`, or `everything`.
    pub(super) what: String,
}

/// Which of these groups open ports of administrators to the world.
pub(super) async fn open_ports<A: Access + Covers<Reads>>(aws: &Aws<A>, ids: &[String]) -> Result<Vec<Open>> {
    let mut open = Vec::new();
    for some in ids.chunks(GROUPS_AT_ONCE) {
        let filters = filters(vec![("group-id", some.to_vec())], None);
        let question = DescribeSecurityGroupRules { security_group_rule_ids: Vec::new(), filters };
        let wanted = trainyard_aws::Wanted { limit: MOST_RULES, cursor: None, binding: "" };
        let rules = aws.list(&question, wanted).await?.items;
        open.extend(rules.into_iter().filter_map(|rule| {
            let what = rule.opens_to_world()?;
            Some(Open { group_id: rule.group_id, what })
        }));
    }
    Ok(open)
}

async fn named(cx: &Cx<Reads>, aws: &Aws<Reads>, id: &str) -> Result<Vec<GroupRow>> {
    let question = DescribeSecurityGroups { group_ids: vec![id.to_owned()], filters: Vec::new() };
    let found = aws.send(&question).await?;
    rows(cx, aws, found.security_groups).await
}

/// Groups with their rules. The groups' own answer has no rule ids, and those are what one revokes by.
async fn rows(cx: &Cx<Reads>, aws: &Aws<Reads>, groups: Vec<Group>) -> Result<Vec<GroupRow>> {
    let ids: Vec<_> = groups.iter().map(|group| group.group_id.clone()).collect();
    let mut rules: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    for some in ids.chunks(GROUPS_AT_ONCE) {
        let filters = filters(vec![("group-id", some.to_vec())], None);
        let question = DescribeSecurityGroupRules { security_group_rule_ids: Vec::new(), filters };
        for rule in whole(cx, aws, &question).await? {
            rules.entry(rule.group_id.clone()).or_default().push(rule);
        }
    }
    Ok(groups.into_iter().map(|group| row(group, &mut rules)).collect())
}

fn row(group: Group, rules: &mut BTreeMap<String, Vec<Rule>>) -> GroupRow {
    let rules = rules.remove(&group.group_id).unwrap_or_default();
    let (_, tags) = split(group.tags);
    GroupRow {
        group_id: group.group_id,
        name: group.group_name,
        description: group.description,
        vpc_id: group.vpc_id,
        open_to_world: rules.iter().any(Rule::is_open_to_world),
        rules: rules.iter().map(|rule| format!("{} ({})", rule.words(), rule.security_group_rule_id)).collect(),
        tags,
    }
}

#[derive(Serialize, JsonSchema)]
struct Created {
    group_id: String,
    rules: Vec<RuleRow>,
}

#[derive(Serialize, JsonSchema)]
struct Opened {
    rules: Vec<RuleRow>,
}

#[derive(Serialize, JsonSchema)]
struct Revoked {
    revoked: Vec<RuleRow>,
}

/// The rules that would go, and what AWS says to a dry run for each group and direction.
#[derive(Serialize, JsonSchema)]
struct Closing {
    rules: Vec<RuleRow>,
    dry_runs: Vec<DryRun>,
}

/// What would be gone, and what stands in the way.
#[derive(Serialize, JsonSchema)]
struct Lost {
    groups: Vec<GroupRow>,
    /// AWS would refuse: interfaces are in it or groups name it. A dry run does not tell.
    blocked: bool,
    network_interfaces: Vec<User>,
    /// Groups with rules that name it.
    named_by_groups: Vec<String>,
    dry_run: DryRun,
}

/// A network interface in the group.
#[derive(Serialize, JsonSchema)]
struct User {
    network_interface_id: String,
    instance_id: Option<String>,
    #[serde(serialize_with = "free_text")]
    description: Option<String>,
}

impl From<Interface> for User {
    fn from(interface: Interface) -> Self {
        Self {
            network_interface_id: interface.network_interface_id,
            instance_id: interface.attachment.and_then(|attachment| attachment.instance_id),
            description: interface.description.filter(|text| !text.is_empty()),
        }
    }
}

/// One security group.
#[derive(Debug, Serialize, JsonSchema)]
struct GroupRow {
    group_id: String,
    name: Option<String>,
    #[serde(serialize_with = "free_text")]
    description: Option<String>,
    vpc_id: Option<String>,
    /// Some rule lets any address in.
    open_to_world: bool,
    /// In words, such as in tcp 22 from 10.0.0.0/8, with the rule id.
    rules: Vec<String>,
    /// Tags other than Name.
    tags: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_revoked_by_group_and_direction() {
        let rule = |id: &str, group: &str, is_egress| Rule {
            security_group_rule_id: id.to_owned(),
            group_id: group.to_owned(),
            is_egress,
            ..Rule::default()
        };
        let requests = by_request(&[rule("a", "g", false), rule("b", "g", true), rule("c", "g", false)]);
        let ids: Vec<_> = requests.into_iter().collect();
        let words = |list: &[&str]| list.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        assert_eq!(ids, [(("g".to_owned(), false), words(&["a", "c"])), (("g".to_owned(), true), words(&["b"]))]);
    }
}
