//! EC2 instances: find them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{Listing, Reads, Result, Tool, ToolDef};

use crate::{
    App, Cx,
    aws::listing::{Placed, list_joined},
    common::{Cursor, Limit, Part, Profile, Region},
};

pub(super) mod wire;

use super::hardware::{self, Hardware, accelerated};
use wire::{DescribeInstances, Filter, Instance};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<ListInstances>()
        .formerly(&["ec2.list_instances", "ec2.list_ec2_instances", "ec2_list_ec2_instances"])
        .also(&[
            ("ec2_list_running_instances", r#"{"states": ["running"]}"#),
            ("ec2.list_running_instances", r#"{"states": ["running"]}"#),
        ]),
    ToolDef::reads::<ListByTag>().formerly(&["ec2.list_instances_by_tag"]),
];

/// List EC2 instances, with GPUs, state, place and tags
///
/// One region, several, or all enabled ones. All filters must match; values of one filter are alternatives.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListInstances {
    /// Only these instance IDs.
    instance_ids: Option<Vec<String>>,
    /// Only in these states.
    states: Option<Vec<State>>,
    /// Only these types; * stands for any letters.
    instance_types: Option<Vec<String>>,
    /// Only with all these tags; * as value for any value.
    tags: Option<BTreeMap<String, String>>,
    /// How they are paid for.
    lifecycle: Option<Lifecycle>,
    /// VPC IDs.
    vpc_ids: Option<Vec<String>>,
    /// Subnet IDs.
    subnet_ids: Option<Vec<String>>,
    /// Security group IDs.
    security_group_ids: Option<Vec<String>>,
    /// AMI IDs.
    image_ids: Option<Vec<String>>,
    /// Instance profile ARN.
    iam_profile: Option<String>,
    /// Spot request ID.
    spot_request_id: Option<String>,
    /// Further EC2 filters by name.
    filters: Option<Vec<NamedFilter>>,
    /// Columns; when absent summary of few instances, and of many what tells them apart.
    detail: Option<Detail>,
    #[serde(flatten)]
    part: Part,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum State {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Lifecycle {
    OnDemand,
    Spot,
    CapacityBlock,
    Scheduled,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Detail {
    Summary,
    Full,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NamedFilter {
    /// Filter name, such as availability-zone.
    name: String,
    /// Alternatives.
    values: Vec<String>,
}

impl Tool<App> for ListInstances {
    const NAME: &'static str = "ec2_list_instances";
    const EXAMPLE: &'static str = r#"{"states": ["running"], "instance_types": ["p5.*"], "tags": {"team": "vision"}}"#;
    type Access = Reads;
    type Output = Listing<Placed<InstanceRow>>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Placed<InstanceRow>>> {
        let question =
            DescribeInstances { instance_ids: self.instance_ids.clone().unwrap_or_default(), filters: self.filters() };
        let (this, cx, unknown) = (&self, &cx, OnceLock::new());
        let listing = list_joined(cx, &self.part, &question, |aws, instances| {
            let unknown = &unknown;
            async move { Ok(this.rows(cx, &aws, instances, unknown).await) }
        })
        .await?;
        let listing = match (self.detail, &self.part.fields) {
            (Some(Detail::Full), _) | (_, Some(_)) => listing,
            _ if self.is_lean(listing.items.len()) => lean(listing),
            _ => summary(listing),
        };
        Ok(match unknown.into_inner() {
            Some(why) => listing.about("gpus_unknown", why),
            None => listing,
        })
    }
}

/// List EC2 instances that have a tag
///
/// ec2_list_instances does the same with more filters.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListByTag {
    /// Key of the tag.
    tag_key: String,
    /// Its value; any when absent.
    tag_value: Option<String>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for ListByTag {
    const NAME: &'static str = "ec2_list_instances_by_tag";
    const EXAMPLE: &'static str = r#"{"tag_key": "team", "tag_value": "vision"}"#;
    type Access = Reads;
    type Output = Listing<Placed<InstanceRow>>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Placed<InstanceRow>>> {
        let value = self.tag_value.unwrap_or_else(|| "*".to_owned());
        let tags = Some(BTreeMap::from([(self.tag_key, value)]));
        let (limit, cursor, region, profile) = (self.limit, self.cursor, self.region, self.profile);
        let part = Part { limit, cursor, region, profile, ..Part::default() };
        ListInstances { tags, part, ..ListInstances::default() }.run(cx).await
    }
}

impl ListInstances {
    /// Whether so many are shown with what tells them apart and no more.
    fn is_lean(&self, rows: usize) -> bool {
        self.detail.is_none() && self.part.fields.is_none() && rows > FEW
    }

    /// Rows with their accelerators. Why those are not known is left in `unknown`.
    async fn rows(
        &self,
        cx: &Cx<Reads>,
        aws: &Aws<Reads>,
        mut instances: Vec<Instance>,
        unknown: &OnceLock<String>,
    ) -> Vec<InstanceRow> {
        if self.lifecycle == Some(Lifecycle::OnDemand) {
            // EC2 has no filter for instances without a lifecycle.
            instances.retain(|instance| instance.instance_lifecycle.is_none());
        }
        let types = instances.iter().map(|instance| &instance.instance_type);
        let types: BTreeSet<_> = types.filter(|name| accelerated(name)).cloned().collect();
        let accelerators = hardware::known(cx, aws, &types).await.unwrap_or_else(|error| {
            // Of several regions one reason is enough.
            unknown.get_or_init(|| error.to_string());
            BTreeMap::new()
        });
        let mut rows: Vec<_> = instances.into_iter().map(|instance| row(instance, &accelerators)).collect();
        if self.part.regions.is_some() && self.is_lean(rows.len()) {
            // Many regions of many instances are held at once.
            rows.iter_mut().for_each(InstanceRow::strip);
        }
        rows
    }

    fn filters(&self) -> Vec<Filter> {
        let words = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
        let states = self.states.iter().flatten().copied().map(word).collect();
        let lifecycle = match self.lifecycle {
            Some(Lifecycle::Spot) => vec!["spot".to_owned()],
            Some(Lifecycle::CapacityBlock) => vec!["capacity-block".to_owned()],
            Some(Lifecycle::Scheduled) => vec!["scheduled".to_owned()],
            Some(Lifecycle::OnDemand) | None => Vec::new(),
        };
        let mut filters = vec![
            Filter::new("instance-state-name", states),
            Filter::new("instance-type", words(&self.instance_types)),
            Filter::new("instance-lifecycle", lifecycle),
            Filter::new("vpc-id", words(&self.vpc_ids)),
            Filter::new("subnet-id", words(&self.subnet_ids)),
            Filter::new("instance.group-id", words(&self.security_group_ids)),
            Filter::new("image-id", words(&self.image_ids)),
            Filter::new("iam-instance-profile.arn", self.iam_profile.iter().cloned().collect()),
            Filter::new("spot-instance-request-id", self.spot_request_id.iter().cloned().collect()),
        ];
        for (key, value) in self.tags.iter().flatten() {
            filters.push(if value == "*" {
                Filter::new("tag-key", vec![key.clone()])
            } else {
                Filter::new(&format!("tag:{key}"), vec![value.clone()])
            });
        }
        filters.extend(self.filters.iter().flatten().map(|filter| Filter::new(&filter.name, filter.values.clone())));
        // An empty filter matches nothing at AWS; here it means that the caller did not ask.
        filters.retain(|filter| !filter.values.is_empty());
        filters
    }
}

fn word(state: State) -> String {
    match state {
        State::Pending => "pending",
        State::Running => "running",
        State::ShuttingDown => "shutting-down",
        State::Terminated => "terminated",
        State::Stopping => "stopping",
        State::Stopped => "stopped",
    }
    .to_owned()
}

/// One instance.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
struct InstanceRow {
    instance_id: String,
    /// The Name tag.
    name: Option<String>,
    #[serde(rename = "type")]
    instance_type: String,
    /// Accelerators, as count and kind.
    gpus: Option<String>,
    state: String,
    /// `spot`, `capacity-block` or `scheduled`; absent for on-demand.
    lifecycle: Option<String>,
    /// Availability zone.
    az: Option<String>,
    private_ip: Option<String>,
    public_ip: Option<String>,
    vpc_id: Option<String>,
    subnet_id: Option<String>,
    image_id: Option<String>,
    launch_time: Option<String>,
    /// Tags other than Name.
    tags: BTreeMap<String, String>,
    /// Why it is in its state, where AWS says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iam_profile: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    security_groups: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    volumes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    architecture: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity_reservation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    placement_group: Option<String>,
    /// `required` where only IMDSv2 is answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata_tokens: Option<String>,
}

/// Instances that are shown with more than what tells them apart, when nobody says how much to show.
const FEW: usize = 25;

impl InstanceRow {
    /// Leaves what tells it apart from others, and what its type is made of.
    fn strip(&mut self) {
        let Self { instance_id, name, instance_type, gpus, state, .. } = std::mem::take(self);
        *self = Self { instance_id, name, instance_type, gpus, state, ..Self::default() };
    }
}

/// What tells instances apart. What is the same for all of them is said once.
fn lean(mut listing: Listing<Placed<InstanceRow>>) -> Listing<Placed<InstanceRow>> {
    let rows = listing.items.iter().map(|placed| &placed.row);
    let gpus: BTreeMap<_, _> = rows.filter_map(|row| Some((row.instance_type.clone(), row.gpus.clone()?))).collect();
    let same = |of: fn(&InstanceRow) -> &str| {
        let first = listing.items.first().map(|placed| of(&placed.row))?;
        listing.items.iter().all(|placed| of(&placed.row) == first).then(|| first.to_owned())
    };
    let (state, kind) = (same(|row| &row.state), same(|row| &row.instance_type));
    for Placed { row, .. } in &mut listing.items {
        row.strip();
        row.gpus = None;
        if state.is_some() {
            row.state.clear();
        }
        if kind.is_some() {
            row.instance_type.clear();
        }
    }
    for (name, value) in [("state", state), ("type", kind)] {
        if let Some(value) = value {
            listing = listing.about(name, value);
        }
    }
    if !gpus.is_empty() {
        listing = listing.about("gpus", serde_json::json!(gpus));
    }
    listing.about("more_columns", "detail summary or full, or fields")
}

/// Without the columns that few callers need.
fn summary(mut listing: Listing<Placed<InstanceRow>>) -> Listing<Placed<InstanceRow>> {
    for Placed { row, .. } in &mut listing.items {
        *row = InstanceRow {
            state_reason: None,
            key_name: None,
            iam_profile: None,
            security_groups: Vec::new(),
            volumes: Vec::new(),
            architecture: None,
            platform: None,
            capacity_reservation_id: None,
            placement_group: None,
            metadata_tokens: None,
            ..std::mem::take(row)
        };
    }
    listing
}

fn row(instance: Instance, accelerators: &BTreeMap<String, Hardware>) -> InstanceRow {
    let mut tags: BTreeMap<_, _> = instance.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    let placement = instance.placement.unwrap_or_default();
    InstanceRow {
        instance_id: instance.instance_id,
        name: tags.remove("Name"),
        gpus: accelerators.get(&instance.instance_type).and_then(|hardware| hardware.words.clone()),
        instance_type: instance.instance_type,
        state: instance.state.name,
        lifecycle: instance.instance_lifecycle,
        az: placement.availability_zone,
        private_ip: instance.private_ip_address,
        public_ip: instance.public_ip_address,
        vpc_id: instance.vpc_id,
        subnet_id: instance.subnet_id,
        image_id: instance.image_id,
        launch_time: instance.launch_time,
        tags,
        state_reason: instance.state_reason.and_then(|reason| reason.message),
        key_name: instance.key_name,
        iam_profile: instance.iam_instance_profile.and_then(|profile| profile.arn),
        security_groups: instance.security_groups.into_iter().filter_map(|group| group.group_id).collect(),
        volumes: instance.block_device_mappings.into_iter().filter_map(|mapping| mapping.ebs?.volume_id).collect(),
        architecture: instance.architecture,
        platform: instance.platform_details,
        capacity_reservation_id: instance.capacity_reservation_id,
        placement_group: placement.group_name.filter(|name| !name.is_empty()),
        metadata_tokens: instance.metadata_options.and_then(|options| options.http_tokens),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_filter_asked_for_is_no_filter_sent() {
        let plain: ListInstances = serde_json::from_str("{}").unwrap();
        assert!(plain.filters().is_empty());
        let asked: ListInstances = serde_json::from_str(
            r#"{"states": ["shutting-down"], "tags": {"team": "*", "env": "prod"}, "lifecycle": "on_demand",
                "vpc_ids": [], "filters": [{"name": "availability-zone", "values": ["a"]}]}"#,
        )
        .unwrap();
        let sent: Vec<_> = asked.filters().into_iter().map(|filter| (filter.name, filter.values.join(","))).collect();
        let words = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(
            sent,
            words(&[
                ("instance-state-name", "shutting-down"),
                ("tag:env", "prod"),
                ("tag-key", "team"),
                ("availability-zone", "a")
            ])
        );
    }
}
