//! Lambda functions: find them.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::{Error, Listing, Reads, Result, Tool, ToolDef};

use crate::{
    App, Cx,
    aws::{
        ec2::tagged::whole,
        listing::{Placed, list, placed},
    },
    common::Part,
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<List>().formerly(&["lambda.list_functions"])];

/// List Lambda functions with runtime, memory, timeout and role
///
/// Environment variables are not shown. With a filter all functions of the region are looked through.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct List {
    /// Only names that begin with this.
    name_prefix: Option<String>,
    /// Only this runtime, such as python3.13.
    runtime: Option<String>,
    #[serde(flatten)]
    part: Part,
}

impl Tool<App> for List {
    const NAME: &'static str = "lambda_list_functions";
    const EXAMPLE: &'static str = r#"{"name_prefix": "ml-"}"#;
    type Access = Reads;
    type Output = Listing<Placed<Row>>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Placed<Row>>> {
        let part = &self.part;
        if self.name_prefix.is_none() && self.runtime.is_none() {
            return list(&cx, part, &ListFunctions {}).await;
        }
        if part.regions.is_some() || part.cursor.is_some() {
            return Err(Error::validation("`name_prefix` and `runtime` look through one region at once")
                .hint("leave `regions` and `cursor` out"));
        }
        let aws = cx.aws(part.region.as_ref(), part.profile.as_ref());
        let all = whole(&cx, &aws, &ListFunctions {}).await?;
        let looked_at = all.len();
        let mut rows: Vec<_> = all.into_iter().filter(|row| self.fits(row)).map(placed).collect();
        let found = rows.len();
        rows.truncate(part.limit.0 as usize);
        let listing = Listing::whole(rows).about("looked_at", looked_at).about("found", found);
        Ok(listing.about("region", aws.region().await?).fields(part.fields.as_deref().unwrap_or_default()))
    }
}

impl List {
    fn fits(&self, row: &Row) -> bool {
        let begins = |prefix: &String| row.name.starts_with(prefix);
        self.name_prefix.as_ref().is_none_or(begins) && (self.runtime.is_none() || row.runtime == self.runtime)
    }
}

/// One function, as it is answered and shown.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Row {
    #[serde(rename(deserialize = "FunctionName"))]
    name: String,
    /// Absent for a container image.
    #[serde(rename(deserialize = "Runtime"))]
    runtime: Option<String>,
    #[serde(rename(deserialize = "Handler"))]
    handler: Option<String>,
    /// MiB.
    #[serde(rename(deserialize = "MemorySize"))]
    memory_mib: Option<u32>,
    /// Seconds.
    #[serde(rename(deserialize = "Timeout"))]
    timeout: Option<u32>,
    /// `Zip` or `Image`.
    #[serde(rename(deserialize = "PackageType"))]
    package: Option<String>,
    #[serde(rename(deserialize = "Architectures"), default)]
    architectures: Vec<String>,
    #[serde(rename(deserialize = "LastModified"))]
    modified: Option<String>,
    /// Bytes.
    #[serde(rename(deserialize = "CodeSize"))]
    code_size: Option<u64>,
    #[serde(rename(deserialize = "Role"))]
    role: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct ListFunctions {}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Functions {
    #[serde(default)]
    functions: Vec<Row>,
}

impl Operation for ListFunctions {
    const SERVICE: &'static str = "lambda";
    const ACTION: &'static str = "ListFunctions";
    type Needs = Reads;
    type Reply = Functions;
}

impl Paged for ListFunctions {
    type Item = Row;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(1..=50)
    }

    fn items(reply: Functions) -> Vec<Row> {
        reply.functions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<ListFunctions>();
    }
}
