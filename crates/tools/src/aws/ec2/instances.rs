//! EC2 instances: find them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Aws, Items};
use trainyard_contract::{Error, Listing, Reads, Result, Tool, ToolDef};

use crate::{
    App, Cx,
    aws::regions::across,
    common::{Cursor, Limit, Profile, Region},
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
    /// Only these columns.
    fields: Option<Vec<String>>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
    region: Option<Region>,
    /// Several regions, or * for all that are enabled; limit counts for each.
    regions: Option<Vec<String>>,
    profile: Option<Profile>,
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
    type Output = Listing<InstanceRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<InstanceRow>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let listing = match &self.regions {
            Some(regions) => self.in_regions(&cx, &aws, regions).await?,
            None => self.in_one(&cx, &aws).await?,
        };
        let listing = match (self.detail, &self.fields) {
            (Some(Detail::Full), _) | (_, Some(_)) => listing,
            _ if self.is_lean(listing.items.len()) => lean(listing),
            _ => summary(listing),
        };
        Ok(listing.fields(self.fields.as_deref().unwrap_or_default()))
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
    type Output = Listing<InstanceRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<InstanceRow>> {
        let value = self.tag_value.unwrap_or_else(|| "*".to_owned());
        let tags = Some(BTreeMap::from([(self.tag_key, value)]));
        let (limit, cursor, region, profile) = (self.limit, self.cursor, self.region, self.profile);
        ListInstances { tags, limit, cursor, region, profile, ..ListInstances::default() }.run(cx).await
    }
}

impl ListInstances {
    async fn in_one(&self, cx: &Cx<Reads>, aws: &Aws<Reads>) -> Result<Listing<InstanceRow>> {
        let found = self.page(cx, aws, self.cursor.as_ref()).await?;
        let region = found.region.clone();
        let (rows, unknown) = rows(cx, aws, found.items).await;
        let mut listing = Listing::part(rows, found.next, found.pages).about("region", region);
        if let Some(why) = unknown {
            listing = listing.about("gpus_unknown", why);
        }
        Ok(listing)
    }

    async fn in_regions(&self, cx: &Cx<Reads>, aws: &Aws<Reads>, regions: &[String]) -> Result<Listing<InstanceRow>> {
        if self.cursor.is_some() || self.region.is_some() {
            return Err(Error::validation("`regions` goes with neither `region` nor `cursor`")
                .hint("to go on in one region, call with `region` and its own cursor"));
        }
        let mut across = across(cx, aws, regions, |aws| async move {
            let found = self.page(cx, &aws, None).await?;
            let mut rows = rows(cx, &aws, found.items).await.0;
            if self.is_lean(rows.len()) {
                // Many regions of many instances are held at once.
                rows.iter_mut().for_each(InstanceRow::strip);
            }
            Ok((found.next.is_some(), rows))
        })
        .await?;
        let (mut items, mut more, mut found) = (Vec::new(), Vec::new(), 0);
        for (region, (has_more, rows)) in &mut across.answers {
            found += rows.len();
            let room = MOST_ROWS.saturating_sub(items.len());
            more.extend((*has_more || rows.len() > room).then(|| region.clone()));
            let rows = std::mem::take(rows).into_iter().take(room);
            items.extend(rows.map(|row| InstanceRow { region: Some(region.clone()), ..row }));
        }
        let listing = across.tell(Listing::whole(items)).about("found", found);
        Ok(if more.is_empty() { listing } else { listing.about("regions_with_more", more) })
    }

    /// Whether so many are shown with what tells them apart and no more.
    fn is_lean(&self, rows: usize) -> bool {
        self.detail.is_none() && self.fields.is_none() && rows > FEW
    }

    async fn page(&self, cx: &Cx<Reads>, aws: &Aws<Reads>, cursor: Option<&Cursor>) -> Result<Items<Instance>> {
        let instance_ids = self.instance_ids.clone().unwrap_or_default();
        let mut found = aws
            .list(&DescribeInstances { instance_ids, filters: self.filters() }, cx.wanted(self.limit.0, cursor))
            .await?;
        if self.lifecycle == Some(Lifecycle::OnDemand) {
            // EC2 has no filter for instances without a lifecycle.
            found.items.retain(|instance| instance.instance_lifecycle.is_none());
            // Pages are marked by rows that are no longer all there.
            found.pages.clear();
        }
        Ok(found)
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
    /// Region, where several were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
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
/// Rows that several regions give together: more than anybody reads, and few enough to hold.
const MOST_ROWS: usize = 1000;

impl InstanceRow {
    /// Leaves what tells it apart from others, and what its type is made of.
    fn strip(&mut self) {
        let Self { instance_id, region, name, instance_type, gpus, state, .. } = std::mem::take(self);
        *self = Self { instance_id, region, name, instance_type, gpus, state, ..Self::default() };
    }
}

/// What tells instances apart. What is the same for all of them is said once.
fn lean(listing: Listing<InstanceRow>) -> Listing<InstanceRow> {
    let gpus: BTreeMap<_, _> =
        listing.items.iter().filter_map(|row| Some((row.instance_type.clone(), row.gpus.clone()?))).collect();
    let same = |of: fn(&InstanceRow) -> &str| {
        let first = listing.items.first().map(of)?;
        listing.items.iter().all(|row| of(row) == first).then(|| first.to_owned())
    };
    let (state, kind) = (same(|row| &row.state), same(|row| &row.instance_type));
    let mut listing = listing;
    for row in &mut listing.items {
        row.strip();
        row.gpus = None;
    }
    for (name, value) in [("state", state), ("type", kind)] {
        let Some(value) = value else { continue };
        listing = listing.about(name, value);
        for row in &mut listing.items {
            (if name == "state" { &mut row.state } else { &mut row.instance_type }).clear();
        }
    }
    if !gpus.is_empty() {
        listing = listing.about("gpus", serde_json::json!(gpus));
    }
    listing.about("more_columns", "detail summary or full, or fields")
}

/// Without the columns that few callers need.
fn summary(mut listing: Listing<InstanceRow>) -> Listing<InstanceRow> {
    for row in &mut listing.items {
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

/// Rows with their accelerators, or the reason why those are not known.
async fn rows(cx: &Cx<Reads>, aws: &Aws<Reads>, instances: Vec<Instance>) -> (Vec<InstanceRow>, Option<String>) {
    let types: BTreeSet<_> =
        instances.iter().map(|instance| instance.instance_type.clone()).filter(|name| accelerated(name)).collect();
    let (accelerators, unknown) = match hardware::known(cx, aws, &types).await {
        Ok(found) => (found, None),
        Err(error) => (BTreeMap::new(), Some(error.to_string())),
    };
    let rows = instances.into_iter().map(|instance| row(instance, &accelerators)).collect();
    (rows, unknown)
}

fn row(instance: Instance, accelerators: &BTreeMap<String, Hardware>) -> InstanceRow {
    let mut tags: BTreeMap<_, _> = instance.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    let placement = instance.placement.unwrap_or_default();
    InstanceRow {
        instance_id: instance.instance_id,
        region: None,
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
