//! Kinds that a `CustomResourceDefinition` adds.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Kind, resource_name};

/// What a definition says about one version.
#[derive(Debug, Clone, Default)]
pub(crate) struct Custom {
    /// The structural schema of its objects; null where there is none.
    pub(crate) schema: Value,
    /// Columns that the server shows, as the definition has them.
    pub(crate) columns: Vec<Value>,
    /// Fields that can be selected by, without the leading dot.
    pub(crate) selectable: Vec<String>,
    /// Where the scale subresource finds its numbers; null where there is none.
    pub(crate) scale: Value,
}

/// The kinds of a definition, one for each version that is served.
pub(crate) fn kinds(definition: &Value) -> Vec<Kind> {
    let spec = &definition["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let texts = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    let (names, group) = (&spec["names"], text(&spec["group"]));
    let plural = text(&names["plural"]);
    let resource: Arc<str> = resource_name(&plural, &group).into();
    let versions = spec["versions"].as_array().into_iter().flatten().filter(|version| version["served"] == true);
    let kind = |version: &Value| {
        let subresources = &version["subresources"];
        let present = ["status", "scale"].into_iter().filter(|name| subresources[*name].is_object());
        let columns = version["additionalPrinterColumns"].as_array().cloned().unwrap_or_default();
        let selectable = version["selectableFields"].as_array().into_iter().flatten();
        Kind {
            group: group.clone(),
            version: text(&version["name"]),
            plural: plural.clone(),
            singular: names["singular"].as_str().map_or_else(|| text(&names["kind"]).to_lowercase(), str::to_owned),
            kind: text(&names["kind"]),
            list: names["listKind"].as_str().map_or_else(|| format!("{}List", text(&names["kind"])), str::to_owned),
            short: texts(&names["shortNames"]),
            categories: texts(&names["categories"]),
            namespaced: spec["scope"] == "Namespaced",
            subresources: present.map(str::to_owned).collect(),
            generation: true,
            resource: Arc::clone(&resource),
            custom: Some(Arc::new(Custom {
                schema: version["schema"]["openAPIV3Schema"].clone(),
                columns,
                selectable: selectable
                    .map(|field| text(&field["jsonPath"]).trim_start_matches('.').to_owned())
                    .collect(),
                scale: subresources["scale"].clone(),
            })),
        }
    };
    versions.map(kind).collect()
}

/// Fills in what the server itself knows about a definition: names, and that it is served.
pub(crate) fn accept(definition: &mut Value, now: &str) {
    let names = &mut definition["spec"]["names"];
    let kind = names["kind"].as_str().unwrap_or_default().to_owned();
    if names["singular"].is_null() {
        names["singular"] = kind.to_lowercase().into();
    }
    if names["listKind"].is_null() {
        names["listKind"] = format!("{kind}List").into();
    }
    let stored = definition["spec"]["versions"].as_array().into_iter().flatten();
    let stored: Vec<Value> =
        stored.filter(|version| version["storage"] == true).map(|version| version["name"].clone()).collect();
    let condition = |kind: &str, reason: &str, message: &str| json!({ "type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message });
    definition["status"] = json!({
        "acceptedNames": definition["spec"]["names"],
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
        "storedVersions": stored,
    });
}

/// Newer and more stable versions rank higher: v2, v1, v1beta2, v1alpha1.
pub(crate) fn rank(version: &str) -> (u8, u32, u32) {
    let number = |text: &str| text.parse::<u32>().ok();
    let parse = || {
        let rest = version.strip_prefix('v')?;
        if let Some(major) = number(rest) {
            return Some((3, major, 0));
        }
        let (stage, word) = if rest.contains("beta") { (2, "beta") } else { (1, "alpha") };
        let (major, minor) = rest.split_once(word)?;
        Some((stage, number(major)?, number(minor)?))
    };
    parse().unwrap_or_default()
}
