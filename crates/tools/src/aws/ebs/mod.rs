//! EBS, noun by noun.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) mod snapshots;
pub(crate) mod volumes;

/// A filter of EC2's lists.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Filter {
    name: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

/// Tags that something gets when it is made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TagSpecification {
    resource_type: &'static str,
    tags: Vec<Tag>,
}

/// Filters for what was asked; none for what was not.
fn filters(asked: Vec<(&str, Vec<String>)>, tags: Option<&BTreeMap<String, String>>) -> Vec<Filter> {
    let plain = asked.into_iter().map(|(name, values)| Filter { name: name.to_owned(), values });
    let tagged = tags.into_iter().flatten().map(|(key, value)| match value.as_str() {
        "*" => Filter { name: "tag-key".to_owned(), values: vec![key.clone()] },
        _ => Filter { name: format!("tag:{key}"), values: vec![value.clone()] },
    });
    plain.chain(tagged).filter(|filter| !filter.values.is_empty()).collect()
}

fn specification(resource_type: &'static str, tags: Option<BTreeMap<String, String>>) -> Vec<TagSpecification> {
    let tags: Vec<_> = tags.into_iter().flatten().map(|(key, value)| Tag { key, value }).collect();
    if tags.is_empty() { Vec::new() } else { vec![TagSpecification { resource_type, tags }] }
}

/// Tags as a map, and the name apart.
fn split(tags: Vec<Tag>) -> (Option<String>, BTreeMap<String, String>) {
    let mut tags: BTreeMap<_, _> = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    (tags.remove("Name"), tags)
}
