//! What tools need of a cluster's roles, and the role that gives them that and nothing more.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    gpu,
    k8s::{self, permissions::Rule},
};

/// A rule, and when it is needed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    pub(crate) rule: Rule,
    pub(crate) when: When,
}

/// What has to be the case for a rule to be needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// HAMi's ConfigMap is named; the rule holds for that one alone.
    HamiConfigMap,
    /// No Prometheus is named.
    PrometheusIsLookedFor,
    /// None is named, and the server runs outside of the cluster.
    PrometheusIsReachedThroughTheApiServer,
}

/// How a server is going to be run.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub struct Situation {
    /// Name of HAMi's ConfigMap.
    pub hami_config_map: Option<String>,
    /// The address of Prometheus is known.
    pub prometheus_is_named: bool,
    /// The server runs outside of the cluster, and reaches a Prometheus in it through the API server.
    pub outside: bool,
    /// It may change things.
    pub write: bool,
    /// It may show secrets.
    pub secrets: bool,
    /// It works in one namespace, so that the role is that namespace's.
    pub in_namespace: bool,
    /// API groups of custom kinds that tools for any kind are to reach besides those of Kubernetes.
    pub api_groups: Vec<String>,
}

/// The least that tools need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// In the order of API groups and verbs.
    pub rules: Vec<RoleRule>,
    /// What they need besides and a namespace cannot give: resources of the whole cluster.
    pub beyond_namespace: Vec<String>,
    /// Tools that ask a Prometheus of which no address is known.
    pub look_for_prometheus: Vec<&'static str>,
    /// Tools that do without HAMi's configuration.
    pub without_configuration: Vec<&'static str>,
}

/// A rule as a `ClusterRole` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleRule {
    /// Empty text for the core.
    pub api_groups: Vec<String>,
    /// `pods`, `pods/log`.
    pub resources: Vec<String>,
    /// Only objects of these names; any, where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    /// What is done with them.
    pub verbs: Vec<String>,
}

/// Kinds of the core that tools for any kind are to reach. Secrets are none of them.
const CORE: [&str; 14] = [
    "configmaps",
    "endpoints",
    "events",
    "limitranges",
    "namespaces",
    "nodes",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "podtemplates",
    "replicationcontrollers",
    "resourcequotas",
    "serviceaccounts",
    "services",
];
/// Kinds of the core that are not changed like any other: nodes have tools of their own, events are the cluster's.
const NOT_CHANGED: [&str; 2] = ["nodes", "events"];
/// Kubernetes' own groups beside the core.
const GROUPS: [&str; 13] = [
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apps",
    "autoscaling",
    "batch",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];
/// Those of which a tool for any kind may change something. What decides over others' rights is not among them.
const CHANGED_GROUPS: [&str; 5] = ["apps", "autoscaling", "batch", "networking.k8s.io", "policy"];
/// Resources that are in no namespace, of those that are named above or in rules.
const OF_THE_CLUSTER: [&str; 3] = ["namespaces", "nodes", "persistentvolumes"];
const READS: [&str; 3] = ["get", "list", "watch"];

const fn rule(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Rule {
    k8s::permissions::rule(group, resource, verbs)
}

/// The tools of the toolset `eks` that reach the cluster itself.
const EKS: &[(&str, &[Rule])] = &[
    ("list_k8s_resources", &[rule("*", "*", &["list"])]),
    ("list_api_versions", &[]),
    ("get_pod_logs", &[rule("", "pods/log", &["get"])]),
    ("get_k8s_events", &[rule("", "events", &["list"])]),
    ("manage_k8s_resource", &[rule("*", "*", &["get", "create", "update", "patch", "delete"])]),
    ("apply_yaml", &[rule("*", "*", &["get", "create", "patch"])]),
    // A trial is a change to whoever judges it.
    ("generate_app_manifest", &[rule("*", "*", &["patch", "create"])]),
];

/// What a tool needs of a cluster; `None` for one that reaches none.
fn needs(tool: &str) -> Option<Vec<Need>> {
    if let Some(needs) = gpu::permissions::needs(tool) {
        return Some(needs.to_vec());
    }
    let eks = || EKS.iter().find(|(name, _)| *name == tool).map(|(_, rules)| *rules);
    let rules = k8s::permissions::rules(tool).or_else(eks)?;
    Some(rules.iter().map(|rule| Need { rule: *rule, when: When::Always }).collect())
}

/// The least that these tools need. `None` where none of them reaches a cluster.
pub fn role(tools: &[&'static str], situation: &Situation) -> Option<Role> {
    let needs: Vec<(&'static str, Vec<Need>)> = tools.iter().filter_map(|tool| Some((*tool, needs(tool)?))).collect();
    if needs.is_empty() {
        return None;
    }
    let with = |when: When| -> Vec<&'static str> {
        let named = needs.iter().filter(|(_, needs)| needs.iter().any(|need| need.when == when));
        named.map(|(tool, _)| *tool).collect()
    };
    let mut grants = Grants::default();
    for need in needs.iter().flat_map(|(_, needs)| needs) {
        grants.add(need, situation);
    }
    let beyond_namespace = grants.beyond_namespace.iter().map(|resource| (*resource).to_owned()).collect();
    let nowhere = |tools, known: bool| if known { Vec::new() } else { tools };
    Some(Role {
        rules: grants.rules(),
        beyond_namespace,
        look_for_prometheus: nowhere(with(When::PrometheusIsLookedFor), situation.prometheus_is_named),
        without_configuration: nowhere(with(When::HamiConfigMap), situation.hami_config_map.is_some()),
    })
}

/// What resources of one rule have in common: API group, name of the object, verbs.
type Alike = (String, Option<String>, BTreeSet<&'static str>);

/// Verbs by API group, resource and name of the object.
#[derive(Default)]
struct Grants {
    verbs: BTreeMap<(String, String, Option<String>), BTreeSet<&'static str>>,
    beyond_namespace: BTreeSet<&'static str>,
}

impl Grants {
    fn add(&mut self, need: &Need, situation: &Situation) {
        let name = match need.when {
            When::Always => None,
            When::HamiConfigMap => match &situation.hami_config_map {
                Some(name) => Some(name.clone()),
                None => return,
            },
            When::PrometheusIsLookedFor if !situation.prometheus_is_named => None,
            When::PrometheusIsReachedThroughTheApiServer if situation.outside && !situation.prometheus_is_named => None,
            _ => return,
        };
        let Rule { group, resource, verbs } = need.rule;
        for verb in verbs.iter().filter(|verb| situation.write || READS.contains(verb)) {
            match (group, resource) {
                ("*", part) => self.any_kind(part, verb, situation),
                _ => self.one(group, resource, name.clone(), verb, situation),
            }
        }
    }

    fn one(
        &mut self,
        group: &str,
        resource: &'static str,
        name: Option<String>,
        verb: &'static str,
        situation: &Situation,
    ) {
        if situation.in_namespace && OF_THE_CLUSTER.contains(&resource) {
            self.beyond_namespace.insert(resource);
            return;
        }
        self.verbs.entry((group.to_owned(), resource.to_owned(), name)).or_default().insert(verb);
    }

    /// What is meant by any kind: those of Kubernetes, without secrets, and the groups that the operator names. `*` in the core
    /// would be the secrets, too.
    fn any_kind(&mut self, part: &str, verb: &'static str, situation: &Situation) {
        let reads = READS.contains(&verb);
        let groups = if reads && part == "*" { &GROUPS[..] } else { &CHANGED_GROUPS[..] };
        let groups = groups.iter().copied().chain(situation.api_groups.iter().map(String::as_str));
        for group in groups {
            self.verbs.entry((group.to_owned(), part.to_owned(), None)).or_default().insert(verb);
        }
        if part != "*" {
            self.one("", "replicationcontrollers/scale", None, verb, situation);
            return;
        }
        for resource in CORE.into_iter().filter(|resource| reads || !NOT_CHANGED.contains(resource)) {
            // What only a cluster has is no loss to a tool for any kind.
            if !(situation.in_namespace && OF_THE_CLUSTER.contains(&resource)) {
                self.one("", resource, None, verb, situation);
            }
        }
        if situation.secrets {
            self.one("", "secrets", None, verb, situation);
        }
    }

    /// Resources of a group with the same verbs in one rule; nothing twice.
    fn rules(self) -> Vec<RoleRule> {
        let whole: BTreeMap<String, BTreeSet<&'static str>> = self
            .verbs
            .iter()
            .filter(|((_, resource, _), _)| resource == "*")
            .map(|((group, ..), verbs)| (group.clone(), verbs.clone()))
            .collect();
        let mut merged: BTreeMap<Alike, Vec<String>> = BTreeMap::new();
        for ((group, resource, name), mut verbs) in self.verbs {
            if let Some(given) = whole.get(&group).filter(|_| resource != "*") {
                verbs.retain(|verb| !given.contains(verb));
            }
            if !verbs.is_empty() {
                merged.entry((group, name, verbs)).or_default().push(resource);
            }
        }
        let mut rules: Vec<RoleRule> = Vec::new();
        for ((group, name, verbs), resources) in merged {
            let rule = RoleRule {
                api_groups: vec![group],
                resources,
                resource_names: name.into_iter().collect(),
                verbs: verbs.into_iter().map(str::to_owned).collect(),
            };
            // Whole groups with the same verbs are one rule.
            let like = |other: &&mut RoleRule| {
                other.resources == ["*"] && rule.resources == ["*"] && other.verbs == rule.verbs
            };
            match rules.iter_mut().find(like) {
                Some(other) => other.api_groups.extend(rule.api_groups),
                None => rules.push(rule),
            }
        }
        rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(set: &str) -> Vec<&'static str> {
        let set = crate::TOOLSETS.iter().find(|known| known.name == set).unwrap();
        set.nouns.iter().copied().flatten().map(|tool| tool.name).collect()
    }

    fn grants(role: &Role, resource: &str, verb: &str) -> bool {
        role.rules
            .iter()
            .any(|rule| rule.resources.iter().any(|one| one == resource) && rule.verbs.iter().any(|one| one == verb))
    }

    #[test]
    fn accelerator_tools_read_and_the_one_configmap_is_named() {
        let situation = Situation { hami_config_map: Some("hami-scheduler-device".into()), ..Situation::default() };
        let role = role(&tools("gpu"), &situation).unwrap();
        for rule in &role.rules {
            assert!(rule.verbs.iter().all(|verb| verb == "get" || verb == "list"), "{rule:?}");
            assert_eq!(rule.api_groups, [""], "{rule:?}");
            // A list is of no names; RBAC would refuse it.
            assert!(rule.resource_names.is_empty() || rule.verbs == ["get"], "{rule:?}");
        }
        let named: Vec<_> = role.rules.iter().filter(|rule| rule.resources == ["configmaps"]).collect();
        assert_eq!((named.len(), &*named[0].resource_names), (1, &["hami-scheduler-device".to_owned()][..]));
        assert!(grants(&role, "services", "list") && !grants(&role, "services/proxy", "get"));
        assert!(!grants(&role, "secrets", "get"));
    }

    #[test]
    fn what_is_named_needs_no_right_to_look_for_it() {
        let situation = Situation { prometheus_is_named: true, outside: true, ..Situation::default() };
        let role = role(&tools("gpu"), &situation).unwrap();
        assert!(!grants(&role, "services", "list") && !grants(&role, "services/proxy", "get"));
        assert!(!grants(&role, "configmaps", "get") && !role.without_configuration.is_empty());
        assert!(role.look_for_prometheus.is_empty());
    }

    #[test]
    fn tools_for_any_kind_get_no_secrets_and_without_the_gate_no_verb_that_writes() {
        let role_of = |situation: &Situation| role(&tools("k8s"), situation).unwrap();
        let reading = role_of(&Situation::default());
        let verbs = reading.rules.iter().flat_map(|rule| &rule.verbs);
        assert!(verbs.clone().all(|verb| READS.contains(&verb.as_str())), "{reading:?}");
        assert!(!reading.rules.iter().any(|rule| rule.api_groups.contains(&String::new()) && rule.resources == ["*"]));
        let writing = Situation { write: true, api_groups: vec!["kubeflow.org".into()], ..Situation::default() };
        let writing = role_of(&writing);
        let of = |group: &str, verb: &str| {
            let there = |rule: &&RoleRule| rule.api_groups.iter().any(|one| one == group);
            writing.rules.iter().filter(there).any(|rule| rule.verbs.iter().any(|one| one == verb))
        };
        assert!(of("apps", "patch") && of("kubeflow.org", "delete") && !of("rbac.authorization.k8s.io", "create"));
        assert!(grants(&writing, "pods/eviction", "create"));
    }

    #[test]
    fn a_role_of_a_namespace_has_nothing_of_the_whole_cluster() {
        let role = role(&tools("gpu"), &Situation { in_namespace: true, ..Situation::default() }).unwrap();
        assert!(!grants(&role, "nodes", "list") && grants(&role, "pods", "list"));
        assert_eq!(role.beyond_namespace, ["nodes"]);
    }

    #[test]
    fn tools_that_reach_no_cluster_have_no_role() {
        assert!(role(&tools("ec2"), &Situation::default()).is_none());
        let eks = tools("eks");
        assert!(EKS.iter().all(|(name, _)| eks.contains(name)), "a tool of the table has another name now");
    }
}
