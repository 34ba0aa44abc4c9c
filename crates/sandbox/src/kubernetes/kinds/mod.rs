//! The kinds that there are: those that every cluster has, and those that definitions add.

pub(crate) mod custom;

use std::{collections::BTreeMap, sync::Arc};

pub(crate) use custom::Custom;

/// Facts about the kinds of a plain cluster: names, scope, subresources.
const BUILTIN: &str = include_str!("builtin.tsv");

/// One kind in one version.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kind {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) kind: String,
    pub(crate) list: String,
    pub(crate) short: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    pub(crate) subresources: Vec<String>,
    /// Whether a change of the specification counts up `metadata.generation`.
    pub(crate) generation: bool,
    /// Where its objects are kept: the same for all versions of a kind.
    pub(crate) resource: Arc<str>,
    /// What its definition says, if it has one.
    pub(crate) custom: Option<Arc<Custom>>,
}

impl Kind {
    fn from_row(row: &str) -> Option<Self> {
        let mut cells = row.split('\t');
        let mut next = || cells.next();
        let (group, version, plural, singular, kind) = (next()?, next()?, next()?, next()?, next()?);
        let (scope, short, subresources, categories, generation) = (next()?, next()?, next()?, next()?, next()?);
        let names = |cell: &str| cell.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        // Events are one kind with two faces.
        let home = if plural == "events" { "" } else { group };
        Some(Self {
            group: group.into(),
            version: version.into(),
            plural: plural.into(),
            singular: singular.into(),
            kind: kind.into(),
            list: format!("{kind}List"),
            short: names(short),
            categories: names(categories),
            namespaced: scope == "N",
            subresources: names(subresources),
            generation: generation == "g",
            resource: resource_name(plural, home).into(),
            custom: None,
        })
    }

    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `pods`, `deployments.apps`.
    pub(crate) fn qualified(&self) -> String {
        resource_name(&self.plural, &self.group)
    }

    pub(crate) fn has(&self, subresource: &str) -> bool {
        self.subresources.iter().any(|name| name == subresource)
    }

    /// Whether this is the second face of events.
    pub(crate) fn is_new_event(&self) -> bool {
        self.group == "events.k8s.io" && self.kind == "Event"
    }
}

/// The name of a resource with its group: `pods`, `deployments.apps`.
pub(crate) fn resource_name(plural: &str, group: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}

/// All kinds.
#[derive(Debug)]
pub(crate) struct Kinds {
    kinds: BTreeMap<(String, String, String), Arc<Kind>>,
}

impl Kinds {
    pub(crate) fn builtin() -> Self {
        let rows = BUILTIN.lines().filter(|row| !row.starts_with('#'));
        let mut kinds = Self { kinds: BTreeMap::new() };
        for kind in rows.filter_map(Kind::from_row) {
            kinds.add(kind);
        }
        kinds
    }

    pub(crate) fn add(&mut self, kind: Kind) {
        self.kinds.insert((kind.group.clone(), kind.version.clone(), kind.plural.clone()), Arc::new(kind));
    }

    /// Takes the kinds of a definition away.
    pub(crate) fn remove(&mut self, group: &str, plural: &str) {
        self.kinds.retain(|(of, _, name), kind| of != group || name != plural || kind.custom.is_none());
    }

    pub(crate) fn get(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Kind>> {
        self.kinds.get(&(group.to_owned(), version.to_owned(), plural.to_owned()))
    }

    /// By `apiVersion` and `kind`, as manifests have them.
    pub(crate) fn of(&self, api_version: &str, name: &str) -> Option<&Arc<Kind>> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.kinds.values().find(|kind| kind.group == group && kind.version == version && kind.kind == name)
    }

    /// The kind that objects of a resource (`pods`, `deployments.apps`) are of.
    pub(crate) fn of_resource(&self, resource: &str) -> Option<&Arc<Kind>> {
        self.kinds.values().find(|kind| &*kind.resource == resource)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.kinds.values()
    }

    /// Groups in the order in which clients prefer them, each with its versions.
    pub(crate) fn groups(&self) -> Vec<(String, Vec<String>)> {
        let mut groups: Vec<(String, Vec<String>)> = Vec::new();
        for kind in self.kinds.values() {
            match groups.iter_mut().find(|(name, _)| *name == kind.group) {
                Some((_, versions)) if !versions.contains(&kind.version) => versions.push(kind.version.clone()),
                Some(_) => {}
                None => groups.push((kind.group.clone(), vec![kind.version.clone()])),
            }
        }
        for (_, versions) in &mut groups {
            versions.sort_by_key(|version| std::cmp::Reverse(custom::rank(version)));
        }
        // Extensions come after what every cluster has, so that `kubectl get events` means those of the core group.
        groups.sort_by_key(|(name, _)| {
            (PREFERRED.iter().position(|group| group == name).unwrap_or(PREFERRED.len()), name.clone())
        });
        groups
    }
}

const PREFERRED: &[&str] = &[
    "",
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_a_kind() {
        let rows = BUILTIN.lines().filter(|row| !row.starts_with('#')).count();
        assert_eq!(Kinds::builtin().all().count(), rows);
    }

    #[test]
    fn kinds_are_found_by_what_manifests_say() {
        let kinds = Kinds::builtin();
        assert_eq!(kinds.of("apps/v1", "Deployment").unwrap().plural, "deployments");
        assert_eq!(kinds.of("v1", "Pod").unwrap().qualified(), "pods");
        assert!(kinds.of("v1", "Deployment").is_none());
    }
}
