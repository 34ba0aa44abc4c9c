//! What each Kubernetes tool needs from RBAC. A test holds this against what was sent.

/// A rule as a `ClusterRole` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    /// API group; empty for the core, `*` for any.
    pub(crate) group: &'static str,
    /// `pods`, `pods/log`; `*` for any.
    pub(crate) resource: &'static str,
    /// What is done with it.
    pub(crate) verbs: &'static [&'static str],
}

pub(crate) const fn rule(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Rule {
    Rule { group, resource, verbs }
}

/// Discovery and schemas need no rule: every user of a cluster may read them.
const TOOLS: &[(&str, &[Rule])] = &[
    ("k8s_list_objects", &[rule("*", "*", &["list"])]),
    ("k8s_describe_object", &[rule("*", "*", &["get"]), rule("", "events", &["list"])]),
    ("k8s_get_secret", &[rule("", "secrets", &["get"])]),
    ("k8s_list_events", &[rule("", "events", &["list"])]),
    ("k8s_get_logs", &[rule("", "pods", &["get", "list"]), rule("", "pods/log", &["get"])]),
    (
        "k8s_get_usage",
        &[
            rule("metrics.k8s.io", "nodes", &["list"]),
            rule("metrics.k8s.io", "pods", &["list"]),
            rule("", "nodes", &["list"]),
        ],
    ),
    (
        "k8s_get_rollout",
        &[
            rule("apps", "deployments", &["get"]),
            rule("apps", "statefulsets", &["get"]),
            rule("apps", "daemonsets", &["get"]),
            rule("apps", "replicasets", &["list"]),
            rule("apps", "controllerrevisions", &["list"]),
        ],
    ),
    ("k8s_restart_rollout", ROLLOUTS),
    ("k8s_undo_rollout", ROLLOUTS),
    ("k8s_watch_object", &[rule("*", "*", &["list", "watch"])]),
    ("k8s_apply_manifest", &[rule("*", "*", &["get", "create", "patch"])]),
    ("k8s_patch_object", &[rule("*", "*", &["get", "patch"])]),
    ("k8s_scale_object", &[rule("*", "*/scale", &["get", "patch"])]),
    ("k8s_delete_object", &[rule("*", "*", &["get", "delete"])]),
    ("k8s_cordon_node", &[rule("", "nodes", &["get", "patch"])]),
    ("k8s_uncordon_node", &[rule("", "nodes", &["get", "patch"])]),
    (
        "k8s_drain_node",
        &[rule("", "nodes", &["patch"]), rule("", "pods", &["list"]), rule("", "pods/eviction", &["create"])],
    ),
    ("k8s_list_clusters", &[]),
    ("k8s_list_kinds", &[]),
    ("k8s_explain_kind", &[]),
];

const ROLLOUTS: &[Rule] = &[
    rule("apps", "deployments", &["get", "patch"]),
    rule("apps", "statefulsets", &["get", "patch"]),
    rule("apps", "daemonsets", &["get", "patch"]),
    rule("apps", "replicasets", &["list"]),
    rule("apps", "controllerrevisions", &["list"]),
];

/// What a tool needs; `None` for one of another toolset.
pub(crate) fn rules(tool: &str) -> Option<&'static [Rule]> {
    TOOLS.iter().find(|(name, _)| *name == tool).map(|(_, rules)| *rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kubernetes_tool_says_what_it_needs_and_no_other_does() {
        let set = crate::TOOLSETS.iter().find(|set| set.name == "k8s").unwrap();
        let mut names: Vec<&str> = set.nouns.iter().copied().flatten().map(|tool| tool.name).collect();
        let mut told: Vec<&str> = TOOLS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        told.sort_unstable();
        assert_eq!(names, told);
    }

    #[test]
    fn tools_that_read_need_no_verb_that_writes() {
        let set = crate::TOOLSETS.iter().find(|set| set.name == "k8s").unwrap();
        for tool in set.nouns.iter().copied().flatten().filter(|tool| !tool.most().writes()) {
            for rule in rules(tool.name).unwrap() {
                assert!(
                    rule.verbs.iter().all(|verb| ["get", "list", "watch"].contains(verb)),
                    "{}: {rule:?}",
                    tool.name
                );
            }
        }
    }
}
