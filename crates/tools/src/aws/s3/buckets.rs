//! S3 buckets: list them.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::{Listing, Reads, Result, Tool, ToolDef};

use crate::{
    App, Cx,
    common::{Cursor, Limit, Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<List>().formerly(&["s3.list_buckets"])];

/// List the S3 buckets of this account, in all regions
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct List {
    /// Only names that begin with this.
    prefix: Option<String>,
    /// Only buckets in this region.
    bucket_region: Option<Region>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for List {
    const NAME: &'static str = "s3_list_buckets";
    const EXAMPLE: &'static str = r#"{"prefix": "models-"}"#;
    type Access = Reads;
    type Output = Listing<Row>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Row>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let bucket_region = self.bucket_region.map(|region| region.to_string());
        let question = ListBuckets { prefix: self.prefix, bucket_region };
        let found = aws.list(&question, cx.wanted(self.limit.0, self.cursor.as_ref())).await?;
        let rows = found.items.into_iter().map(Row::from).collect();
        Ok(Listing::part(rows, found.next, found.pages))
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Row {
    name: String,
    region: Option<String>,
    created: Option<String>,
}

impl From<Bucket> for Row {
    fn from(bucket: Bucket) -> Self {
        Self { name: bucket.name, region: bucket.bucket_region, created: bucket.creation_date }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct ListBuckets {
    prefix: Option<String>,
    bucket_region: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Buckets {
    #[serde(default)]
    buckets: Vec<Bucket>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Bucket {
    name: String,
    bucket_region: Option<String>,
    creation_date: Option<String>,
}

impl Operation for ListBuckets {
    const SERVICE: &'static str = "s3";
    const ACTION: &'static str = "ListBuckets";
    type Needs = Reads;
    type Reply = Buckets;
}

impl Paged for ListBuckets {
    type Item = Bucket;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(1..=1000)
    }

    fn items(reply: Buckets) -> Vec<Bucket> {
        reply.buckets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<ListBuckets>();
    }
}
