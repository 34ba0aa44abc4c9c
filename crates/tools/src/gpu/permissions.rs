//! What each accelerator tool needs from RBAC. A test holds this against what was sent.

use crate::{
    k8s::permissions::rule,
    permissions::{Need, When},
};

const fn always(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Need {
    Need { rule: rule(group, resource, verbs), when: When::Always }
}

const LIST_NODES: Need = always("", "nodes", &["list"]);
const LIST_PODS: Need = always("", "pods", &["list"]);
const GET_POD: Need = always("", "pods", &["get"]);
const LIST_QUOTAS: Need = always("", "resourcequotas", &["list"]);
const LIST_EVENTS: Need = always("", "events", &["list"]);
/// Without a name they are looked for by label, for which a role would have to show every ConfigMap: then the tools do without.
const GET_CONFIGURATION: Need = Need { rule: rule("", "configmaps", &["get"]), when: When::HamiConfigMap };
const FIND_PROMETHEUS: Need = Need { rule: rule("", "services", &["list"]), when: When::PrometheusIsLookedFor };
const REACH_PROMETHEUS: Need =
    Need { rule: rule("", "services/proxy", &["get"]), when: When::PrometheusIsReachedThroughTheApiServer };

const SURVEY: &[Need] = &[LIST_NODES, LIST_PODS, GET_CONFIGURATION];
const QUESTIONS: &[Need] = &[FIND_PROMETHEUS, REACH_PROMETHEUS];

const TOOLS: &[(&str, &[Need])] = &[
    ("list_gpu_nodes", SURVEY),
    ("describe_node", &[always("", "nodes", &["get"]), LIST_PODS, GET_POD, GET_CONFIGURATION]),
    ("list_gpu_pods", &[LIST_NODES, LIST_PODS, LIST_EVENTS, GET_CONFIGURATION]),
    ("gpu_why_pending", &[GET_POD, LIST_NODES, LIST_PODS, LIST_QUOTAS, LIST_EVENTS, GET_CONFIGURATION]),
    ("gpu_fragmentation", SURVEY),
    ("get_quota_usage", &[LIST_QUOTAS, LIST_PODS, GET_CONFIGURATION]),
    ("get_gpu_metrics", QUESTIONS),
    ("gpu_idle", &[FIND_PROMETHEUS, REACH_PROMETHEUS, LIST_NODES, LIST_PODS, GET_CONFIGURATION]),
    ("gpu_get_promql", QUESTIONS),
    ("gpu_get_configuration", &[GET_CONFIGURATION]),
    ("gpu_list_vendors", &[]),
    ("gpu_list_metrics", &[]),
];

/// What a tool needs; `None` for one of another toolset.
pub(crate) fn needs(tool: &str) -> Option<&'static [Need]> {
    TOOLS.iter().find(|(name, _)| *name == tool).map(|(_, needs)| *needs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_accelerator_tool_says_what_it_needs_and_needs_no_verb_that_writes() {
        let set = crate::TOOLSETS.iter().find(|set| set.name == "gpu").unwrap();
        let mut names: Vec<&str> = set.nouns.iter().copied().flatten().map(|tool| tool.name).collect();
        let mut told: Vec<&str> = TOOLS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        told.sort_unstable();
        assert_eq!(names, told);
        for need in TOOLS.iter().flat_map(|(_, needs)| *needs) {
            assert!(need.rule.verbs.iter().all(|verb| ["get", "list"].contains(verb)), "{need:?}");
            assert!(need.rule.resource != "secrets" && need.rule.resource != "*", "{need:?}");
        }
    }
}
