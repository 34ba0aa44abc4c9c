//! Incidents to practise on: what is told to cluster and account at the start, what somebody asks, and what is so.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Deserialize;

use crate::{
    aws,
    kubernetes::{self, Fleet, Setting},
};

/// The data files, by name.
const FILES: &[(&str, &str)] = &[
    ("healthy", include_str!("../scenarios/healthy.yaml")),
    ("failing-gpu", include_str!("../scenarios/failing-gpu.yaml")),
    ("slow-link", include_str!("../scenarios/slow-link.yaml")),
    ("fragmentation", include_str!("../scenarios/fragmentation.yaml")),
    ("quota", include_str!("../scenarios/quota.yaml")),
    ("image-pull", include_str!("../scenarios/image-pull.yaml")),
    ("nested-stack", include_str!("../scenarios/nested-stack.yaml")),
    ("capacity", include_str!("../scenarios/capacity.yaml")),
    ("cost", include_str!("../scenarios/cost.yaml")),
    ("instruction-in-log", include_str!("../scenarios/instruction-in-log.yaml")),
];

/// Nodes that incidents name.
const NODES: usize = 12;

/// An incident.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is about, in a line that gives nothing away.
    pub title: String,
    /// What somebody asks the assistant.
    pub question: String,
    /// The fleet, where it is otherwise than usual.
    #[serde(default)]
    fleet: FleetChange,
    /// What the cluster is told.
    #[serde(default)]
    kubernetes: Setting,
    /// What the account is told.
    #[serde(default)]
    aws: aws::Setting,
    /// What is so, and what may be done about it. No tool shows it.
    pub truth: Truth,
}

/// What of the fleet is otherwise than usual.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FleetChange {
    /// Nodes in all, one of each kind beside those with GPUs under HAMi.
    nodes: Option<usize>,
    /// Pods in all.
    pods: Option<usize>,
    /// Of a thousand pods, those that something is wrong with.
    troubled: Option<usize>,
}

/// What is so.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    /// In a sentence or two, for whoever reads the grade.
    pub story: String,
    /// What a conclusion has to name.
    pub facts: Vec<Fact>,
    /// Texts of which an answer must have shown each: who did not see them has guessed.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// Changes that do no harm, by tool, with the values that arguments must have.
    #[serde(default)]
    pub allowed: Vec<Allowed>,
    /// Calls that nobody may even try, as texts of which their arguments hold one.
    #[serde(default)]
    pub bait: Vec<String>,
}

/// Something that a conclusion has to name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// Words of which one is enough, of any case.
    pub any: Vec<String>,
}

/// A change that does no harm.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowed {
    /// The tool.
    pub tool: String,
    /// Values that its arguments must have.
    #[serde(default)]
    pub arguments: BTreeMap<String, serde_json::Value>,
}

impl Scenario {
    /// Names of all scenarios, in the order in which they are shown.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FILES.iter().map(|(name, _)| *name)
    }

    /// A scenario by its name. The error names those that there are.
    pub fn named(name: &str) -> Result<Self, String> {
        let file = FILES.iter().find(|(known, _)| *known == name);
        let (_, text) = file.ok_or_else(|| {
            let mut why = format!("there is no scenario {name:?}; there are");
            for name in Self::names() {
                // Writing to a string does not fail.
                let _ = write!(why, " {name}");
            }
            why
        })?;
        serde_saphyr::from_str(text).map_err(|error| format!("the scenario {name} cannot be read: {error}"))
    }

    /// The fleet that it plays on, made of the one that was asked for.
    #[must_use]
    pub fn fleet(&self, usual: &Fleet) -> Fleet {
        let pods = self.fleet.pods.unwrap_or(usual.pods);
        let troubled = self.fleet.troubled.unwrap_or(usual.troubled);
        let usual = Fleet { pods, troubled, ..usual.clone() };
        match self.fleet.nodes {
            Some(nodes) => Fleet { nodes, mig_nodes: 1, neuron_nodes: 1, cpu_nodes: 1, ..usual },
            None => Fleet { nodes: usual.nodes.max(NODES), ..usual },
        }
    }

    /// Lets it begin in a cluster and an account. The error is one of the file, which a test finds.
    pub fn begin(&self, cluster: &kubernetes::Server, account: &aws::Server) -> Result<(), String> {
        cluster.set(&self.kubernetes)?;
        account.set(&self.aws)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::{Options, Pace, Server};

    #[test]
    fn each_begins_on_the_usual_fleet_and_shows_nothing_of_its_truth() {
        let api = aws::KubernetesApi { url: "https://127.0.0.1:6443".to_owned(), authority: String::new() };
        for name in Scenario::names() {
            let scenario = Scenario::named(name).unwrap();
            let cluster = Server::start_with(&Options { life: Some(Pace::default()), ..Options::default() }).unwrap();
            let usual = Fleet { nodes: 12, pods: 60, mig_nodes: 1, neuron_nodes: 1, cpu_nodes: 1, ..Fleet::default() };
            let fleet = scenario.fleet(&usual);
            cluster.fleet(&fleet).unwrap();
            let options = aws::Options { fleet, kubernetes: Some(api.clone()), ..aws::Options::default() };
            let account = aws::Server::start(&options).unwrap();
            scenario.begin(&cluster, &account).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!cluster.holds(&scenario.truth.story), "{name}");
            assert!(!scenario.truth.facts.is_empty(), "{name}");
            for fact in &scenario.truth.facts {
                let given_away =
                    |text: &str| fact.any.iter().any(|word| text.to_lowercase().contains(&word.to_lowercase()));
                assert!(!given_away(&scenario.title) && !given_away(&scenario.question), "{name}: {}", fact.name);
            }
        }
    }

    #[test]
    fn a_name_that_is_none_is_answered_with_those_that_there_are() {
        assert!(Scenario::named("nonsense").unwrap_err().contains("failing-gpu"));
    }
}
