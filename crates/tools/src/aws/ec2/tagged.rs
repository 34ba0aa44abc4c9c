//! Filters and tags, as EC2 and what lives beside it take and give them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trainyard_aws::{Aws, Paged};
use trainyard_contract::{Covers, Error, Reads, Result};

use crate::Cx;

/// A filter of EC2's lists.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::aws) struct Filter {
    pub(in crate::aws) name: String,
    pub(in crate::aws) values: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::aws) struct Tag {
    pub(in crate::aws) key: String,
    #[serde(default)]
    pub(in crate::aws) value: String,
}

/// Tags that something gets when it is made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::aws) struct TagSpecification {
    pub(in crate::aws) resource_type: &'static str,
    pub(in crate::aws) tags: Vec<Tag>,
}

/// Filters for what was asked; none for what was not.
pub(in crate::aws) fn filters(asked: Vec<(&str, Vec<String>)>, tags: Option<&BTreeMap<String, String>>) -> Vec<Filter> {
    let plain = asked.into_iter().map(|(name, values)| Filter { name: name.to_owned(), values });
    let tagged = tags.into_iter().flatten().map(|(key, value)| match value.as_str() {
        "*" => Filter { name: "tag-key".to_owned(), values: vec![key.clone()] },
        _ => Filter { name: format!("tag:{key}"), values: vec![value.clone()] },
    });
    plain.chain(tagged).filter(|filter| !filter.values.is_empty()).collect()
}

pub(in crate::aws) fn specification(
    resource_type: &'static str,
    tags: Option<BTreeMap<String, String>>,
) -> Vec<TagSpecification> {
    let tags: Vec<_> = tags.into_iter().flatten().map(|(key, value)| Tag { key, value }).collect();
    if tags.is_empty() { Vec::new() } else { vec![TagSpecification { resource_type, tags }] }
}

/// Tags as a map, and the name apart.
pub(in crate::aws) fn split(tags: Vec<Tag>) -> (Option<String>, BTreeMap<String, String>) {
    split_pairs(tags.into_iter().map(|tag| (tag.key, tag.value)))
}

/// The same, of keys and values.
pub(in crate::aws) fn split_pairs(
    pairs: impl Iterator<Item = (String, String)>,
) -> (Option<String>, BTreeMap<String, String>) {
    let mut tags: BTreeMap<_, _> = pairs.collect();
    (tags.remove("Name"), tags)
}

/// Longest answer that a tool puts together for its own use.
const MOST: u32 = 10_000;

/// Everything that a question finds, all pages of it.
pub(in crate::aws) async fn whole<O: Paged>(cx: &Cx<Reads>, aws: &Aws<Reads>, question: &O) -> Result<Vec<O::Item>>
where
    Reads: Covers<O::Needs>,
{
    let found = aws.list(question, cx.wanted(MOST, None)).await?;
    match found.next {
        None => Ok(found.items),
        // A part of it would be taken for the whole.
        Some(_) => Err(Error::unsupported(format!("{} finds too much to be looked through", O::ACTION))),
    }
}
