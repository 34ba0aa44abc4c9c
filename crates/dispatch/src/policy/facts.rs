//! What a policy knows about a call: what its arguments say, what its tool declares, and what was found out.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use trainyard_contract::{Context, Effect, Found, Target};

use crate::{arguments::Said, caller::Caller, registry::Entry};

/// One thing that a rule can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Fact {
    /// The call has no such thing: an EC2 instance is in no namespace.
    #[serde(serialize_with = "no_such_thing")]
    Absent,
    /// It has, but nobody knows which: all regions, or a namespace that was left out.
    #[serde(serialize_with = "nobody_knows")]
    Unknown,
    /// These.
    Known(Vec<String>),
}

fn no_such_thing<S: serde::Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_none()
}

fn nobody_knows<S: serde::Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("unknown")
}

impl Fact {
    fn one(text: impl Into<String>) -> Self {
        Self::Known(vec![text.into()])
    }

    /// What was found out, where the arguments left it open.
    fn or(self, found: Option<Vec<String>>) -> Self {
        match (self, found) {
            (Self::Unknown, Some(found)) => Self::Known(found),
            (fact, _) => fact,
        }
    }
}

/// Everything that rules can ask about one call.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// Listed name and toolset.
    pub tool: String,
    /// Toolset.
    pub toolset: String,
    /// What it does.
    pub effect: Effect,
    /// A change whose answer holds a secret besides.
    pub reveals: bool,
    /// Who calls.
    pub principal: String,
    /// AWS operations that it may send.
    pub operations: Fact,
    /// AWS accounts.
    pub accounts: Fact,
    /// Regions.
    pub regions: Fact,
    /// Profiles.
    pub profiles: Fact,
    /// Clusters.
    pub clusters: Fact,
    /// Kubernetes namespaces.
    pub namespaces: Fact,
    /// Kinds of what it is aimed at.
    pub kinds: Fact,
    /// Which ones.
    pub ids: Fact,
    /// Their tags or labels, one by one; `None` where nobody knows them.
    pub tags: Option<Vec<BTreeMap<String, String>>>,
}

impl Facts {
    pub(crate) fn new<C: Context>(
        entry: &Entry<C>,
        said: &Said<C>,
        target: Option<&Target>,
        caller: &Caller,
        found: Found,
    ) -> Self {
        let schema = entry.schema_of(said.call);
        let stated = |names: &[&str]| stated(schema, &said.arguments, names);
        let regions = stated(&["region", "regions", "region_name"]);
        let profiles = stated(&["profile", "profile_name"]);
        let reaches_aws = regions != Fact::Absent || profiles != Fact::Absent;
        Self {
            tool: entry.tool.name.to_owned(),
            toolset: entry.toolset.to_owned(),
            effect: said.needs.effect,
            reveals: said.needs.reveals,
            principal: caller.principal.clone(),
            operations: found.operations.map_or(Fact::Unknown, Fact::Known),
            accounts: if reaches_aws { Fact::Unknown.or(found.account.map(|one| vec![one])) } else { Fact::Absent },
            // A caller that names no profile acts as the process does, which a rule calls "default".
            profiles: profiles.or(Some(vec!["default".to_owned()])),
            regions: match regions {
                // "All of them" is not the region that calls go to by default.
                Fact::Unknown if names_all(&said.arguments) => Fact::Unknown,
                regions => regions.or(found.region.map(|one| vec![one])),
            },
            clusters: match (stated(&["cluster", "cluster_name", "clusters"]), found.clusters) {
                (Fact::Absent, Some(found)) if found.is_empty() => Fact::Unknown,
                (Fact::Absent | Fact::Unknown, Some(found)) if !found.is_empty() => Fact::Known(found),
                // A cluster may go by several names, and a rule that fits one of them fits.
                (Fact::Known(mut said), Some(found)) => {
                    said.extend(found);
                    said.sort();
                    said.dedup();
                    Fact::Known(said)
                }
                (fact, _) => fact,
            },
            namespaces: stated(&["namespace", "namespaces"]),
            kinds: match (found.kinds, target) {
                (Some(kinds), _) if kinds.is_empty() => Fact::Unknown,
                (Some(kinds), _) => Fact::Known(kinds),
                (None, Some(target)) => Fact::one(&target.kind),
                (None, None) => stated(&["kind", "kinds"]),
            },
            ids: match target {
                Some(target) if !target.ids.is_empty() => Fact::Known(target.ids.clone()),
                Some(_) => Fact::Unknown,
                None => Fact::Absent,
            },
            tags: found.tags,
        }
    }
}

/// What the arguments of these names say. A tool that takes none of them has no such thing.
fn stated(schema: &Value, arguments: &Value, names: &[&str]) -> Fact {
    let properties = &schema["properties"];
    if !names.iter().any(|name| properties.get(name).is_some()) {
        return Fact::Absent;
    }
    let said: Vec<&Value> = names.iter().filter_map(|name| arguments.get(name)).collect();
    let mut values = Vec::new();
    for value in said {
        match value {
            Value::String(text) => values.push(text.clone()),
            Value::Array(items) => values.extend(items.iter().filter_map(Value::as_str).map(str::to_owned)),
            _ => return Fact::Unknown,
        }
    }
    if values.is_empty() || values.iter().any(|value| value.contains('*') || value == "all") {
        return Fact::Unknown;
    }
    Fact::Known(values)
}

fn names_all(arguments: &Value) -> bool {
    ["region", "regions", "region_name"].iter().any(|name| arguments.get(name).is_some())
}
