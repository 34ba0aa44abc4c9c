//! Tags of EC2 resources: instances, volumes, images, groups and all else that EC2 keeps.

use std::{collections::BTreeMap, ops::RangeInclusive};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Aws, Operation, Paged};
use trainyard_contract::{
    Access, Changes, Covers, Error, Json, Listing, Preview, Reads, Result, Target, Tool, ToolDef,
};

use super::tagged::{Filter, Tag, filters};
use crate::{
    App, Cx,
    aws::replies::Nothing,
    common::{Cursor, DryRun, Limit, Profile, Region, aws_target},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<DescribeAll>().formerly(&["ec2.describe_tags"]),
    ToolDef::changes::<Put>().formerly(&["ec2.create_tags"]),
    ToolDef::changes::<Remove>().formerly(&["ec2.delete_tags"]),
];

/// Resources that one request may name, and tags that one of them may have.
const RESOURCES: usize = 1000;
const TAGS: usize = 50;

/// List tags of EC2 resources, one row a tag
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DescribeAll {
    /// Only of these resources.
    resource_ids: Option<Vec<String>>,
    /// Only of these kinds, such as instance or volume.
    resource_types: Option<Vec<String>>,
    /// Only these keys.
    keys: Option<Vec<String>>,
    /// Only these values; * stands for any letters.
    values: Option<Vec<String>>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for DescribeAll {
    const NAME: &'static str = "ec2_describe_tags";
    const EXAMPLE: &'static str = r#"{"resource_types": ["instance"], "keys": ["team"]}"#;
    type Access = Reads;
    type Output = Listing<TagRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<TagRow>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let asked = vec![
            ("resource-id", self.resource_ids.unwrap_or_default()),
            ("resource-type", self.resource_types.unwrap_or_default()),
            ("key", self.keys.unwrap_or_default()),
            ("value", self.values.unwrap_or_default()),
        ];
        let question = DescribeTags { filters: filters(asked, None) };
        let found = aws.list(&question, cx.wanted(self.limit.0, self.cursor.as_ref())).await?;
        let rows = found.items.into_iter().map(TagRow::from).collect();
        Ok(Listing::part(rows, found.next, found.pages).about("region", found.region))
    }
}

/// Tag EC2 resources, or change the value of tags that they have
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Put {
    /// IDs of instances, volumes, images and the like, up to 1,000.
    resource_ids: Vec<String>,
    /// Tags, Name among them.
    tags: BTreeMap<String, String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Put {
    fn request(&self) -> Result<CreateTags> {
        let resources = resources(&self.resource_ids)?;
        let tags: Vec<_> =
            self.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect();
        match tags.len() {
            1..=TAGS => Ok(CreateTags { resources, tags }),
            count => Err(Error::validation(format!("`tags` has {count} tags, not 1 to {TAGS}"))),
        }
    }
}

impl Tool<App> for Put {
    const NAME: &'static str = "ec2_create_tags";
    const EXAMPLE: &'static str = r#"{"resource_ids": ["i-0123456789abcdef0"], "tags": {"team": "vision"}}"#;
    type Access = Changes;
    type Output = Json<Done>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Done>> {
        let request = self.request()?;
        let (_, region) = cx.aws(self.region.as_ref(), self.profile.as_ref()).send_whole(&request).await?;
        Ok(Json(Done { region, resource_ids: request.resources, keys: self.tags.into_keys().collect() }))
    }
}

impl Preview<App> for Put {
    type Plan = Asked;

    fn target(&self) -> Target {
        aws_target("ec2 resource", self.resource_ids.clone(), self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let dry_run = aws.dry_run_of(&self.request()?).await?.into();
        Ok(Asked { now: now(&aws, &self.resource_ids, self.tags.keys()).await?, dry_run })
    }
}

/// Remove tags from EC2 resources by their keys
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Remove {
    /// IDs of instances, volumes, images and the like, up to 1,000.
    resource_ids: Vec<String>,
    /// Keys of the tags to remove, whatever their values.
    keys: Vec<String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Remove {
    fn request(&self) -> Result<DeleteTags> {
        if self.keys.is_empty() {
            // To EC2 that would mean all of them.
            return Err(Error::validation("`keys` is empty").hint("name the tags to remove"));
        }
        let tags = self.keys.iter().map(|key| Key { key: key.clone() }).collect();
        Ok(DeleteTags { resources: resources(&self.resource_ids)?, tags })
    }
}

impl Tool<App> for Remove {
    const NAME: &'static str = "ec2_delete_tags";
    const EXAMPLE: &'static str = r#"{"resource_ids": ["i-0123456789abcdef0"], "keys": ["team"]}"#;
    type Access = Changes;
    type Output = Json<Done>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Done>> {
        let request = self.request()?;
        let (_, region) = cx.aws(self.region.as_ref(), self.profile.as_ref()).send_whole(&request).await?;
        Ok(Json(Done { region, resource_ids: request.resources, keys: self.keys }))
    }
}

impl Preview<App> for Remove {
    type Plan = Asked;

    fn target(&self) -> Target {
        aws_target("ec2 resource", self.resource_ids.clone(), self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let dry_run = aws.dry_run_of(&self.request()?).await?.into();
        Ok(Asked { now: now(&aws, &self.resource_ids, self.keys.iter()).await?, dry_run })
    }
}

fn resources(ids: &[String]) -> Result<Vec<String>> {
    match ids.len() {
        1..=RESOURCES => Ok(ids.to_vec()),
        count => Err(Error::validation(format!("`resource_ids` has {count} IDs, not 1 to {RESOURCES}"))),
    }
}

/// The tags with these keys as they are. EC2 looks at 200 values of a filter.
async fn now<'a, A: Access + Covers<Reads>>(
    aws: &Aws<A>,
    ids: &[String],
    keys: impl Iterator<Item = &'a String>,
) -> Result<Vec<TagRow>> {
    let ids = ids.iter().take(200).cloned().collect();
    let question =
        DescribeTags { filters: filters(vec![("resource-id", ids), ("key", keys.cloned().collect())], None) };
    let wanted = trainyard_aws::Wanted { limit: 1000, cursor: None, binding: "" };
    Ok(aws.list(&question, wanted).await?.items.into_iter().map(TagRow::from).collect())
}

/// One tag of one resource.
#[derive(Debug, Serialize, JsonSchema)]
struct TagRow {
    resource_id: String,
    resource_type: Option<String>,
    key: String,
    value: String,
}

impl From<Described> for TagRow {
    fn from(tag: Described) -> Self {
        let Described { resource_id, resource_type, key, value } = tag;
        Self { resource_id, resource_type, key, value }
    }
}

#[derive(Serialize, JsonSchema)]
struct Done {
    region: String,
    resource_ids: Vec<String>,
    keys: Vec<String>,
}

/// What there is under these keys now, and what AWS says to a dry run.
#[derive(Serialize, JsonSchema)]
struct Asked {
    now: Vec<TagRow>,
    dry_run: DryRun,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct DescribeTags {
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Tags {
    #[serde(default)]
    tags: Vec<Described>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Described {
    resource_id: String,
    resource_type: Option<String>,
    key: String,
    #[serde(default)]
    value: String,
}

impl Operation for DescribeTags {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeTags";
    type Needs = Reads;
    type Reply = Tags;
}

impl Paged for DescribeTags {
    type Item = Described;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(5..=1000)
    }

    fn items(reply: Tags) -> Vec<Described> {
        reply.tags
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct CreateTags {
    resources: Vec<String>,
    tags: Vec<Tag>,
}

impl Operation for CreateTags {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "CreateTags";
    type Needs = Changes;
    type Reply = Nothing;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct DeleteTags {
    resources: Vec<String>,
    tags: Vec<Key>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Key {
    key: String,
}

impl Operation for DeleteTags {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DeleteTags";
    type Needs = Changes;
    type Reply = Nothing;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeTags>();
        check::<CreateTags>();
        check::<DeleteTags>();
    }

    #[test]
    fn no_key_does_not_mean_every_tag() {
        let remove: Remove = serde_json::from_str(r#"{"resource_ids": ["i-1"], "keys": []}"#).unwrap();
        assert!(remove.request().is_err());
        let put: Put = serde_json::from_str(r#"{"resource_ids": [], "tags": {"a": "b"}}"#).unwrap();
        assert!(put.request().is_err());
    }
}
