//! An AWS account and a Kubernetes cluster of this process's own, in place of those that its settings name.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use trainyard_aws::StaticCredentials;
use trainyard_contract::{Error, Result};
use trainyard_ml::job::local::Local;
use trainyard_sandbox::{
    aws,
    kubernetes::{self, Fleet, Pace, Setting},
    scenario::Scenario,
};

use trainyard_tools::Identities;

use crate::{
    args::FleetArguments,
    config::{Config, Fixed},
};

/// How much faster than at AWS things happen: nobody waits four minutes for a node to practise.
const HASTE: u32 = 10;
/// Nodes where nobody says how many.
const NODES: u32 = 12;
/// Pods of each node where nobody says how many there are.
const PODS_OF_A_NODE: u32 = 5;

/// A pod that waits: its container wants more memory of a card than any card has.
const WAITING: &str = r#"{
    "apiVersion": "v1", "kind": "Pod",
    "metadata": {"name": "llm-sweep-7", "namespace": "research", "labels": {"app": "llm-sweep"}},
    "spec": {
        "schedulerName": "hami-scheduler", "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "containers": [{
            "name": "train", "image": "registry.example/train:2.8",
            "resources": {"limits": {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "96000"}}
        }]
    },
    "status": {"phase": "Pending"}
}"#;

/// The pod, as somebody made it just now.
fn waiting() -> io::Result<Setting> {
    let pod = serde_json::from_str(WAITING).map_err(io::Error::other)?;
    Ok(Setting { objects: vec![pod], ..Setting::default() })
}

/// A running sandbox. All of it is in memory, and in a folder that goes with it.
pub(crate) struct Sandbox {
    aws: aws::Server,
    kubernetes: kubernetes::Server,
    folder: PathBuf,
    workers: Option<Local>,
}

impl Sandbox {
    /// Starts both sides on free ports of loopback, with the incident of this name, if any.
    pub(crate) fn start(arguments: &FleetArguments, scenario: Option<&str>) -> Result<Self> {
        let unknown = |why| Error::validation(why).hint("trainyard eval --list shows what each is about");
        let scenario = scenario.map(Scenario::named).transpose().map_err(unknown)?;
        Self::started(arguments, scenario.as_ref())
            .map_err(|error| Error::internal(format!("the sandbox did not start: {error}")))
    }

    fn started(arguments: &FleetArguments, scenario: Option<&Scenario>) -> io::Result<Self> {
        let (usual, seed) = (fleet(arguments), arguments.seed.unwrap_or(1));
        let fleet = scenario.map_or_else(|| usual.clone(), |scenario| scenario.fleet(&usual));
        let life = Some(Pace::default());
        let options = kubernetes::Options { seed, tls: true, life, ..kubernetes::Options::default() };
        let kubernetes = kubernetes::Server::start_with(&options)?;
        kubernetes.fleet(&fleet).map_err(io::Error::other)?;
        let authority = kubernetes.authority().unwrap_or_default();
        let api = Some(aws::KubernetesApi { url: kubernetes.url(), authority });
        let more_instances = arguments.instances.unwrap_or(0) as usize;
        let options =
            aws::Options { seed, haste: HASTE, fleet, kubernetes: api, more_instances, ..aws::Options::default() };
        let aws = aws::Server::start(&options)?;
        match scenario {
            Some(scenario) => scenario.begin(&kubernetes, &aws),
            None => kubernetes.set(&waiting()?),
        }
        .map_err(io::Error::other)?;
        let folder = tempfile::Builder::new().prefix("trainyard-sandbox-").tempdir()?.keep();
        // From here on it goes when this goes.
        let sandbox = Self { aws, kubernetes, folder, workers: None };
        fs::write(sandbox.kubeconfig(), sandbox.kubernetes.kubeconfig())?;
        Ok(sandbox)
    }

    /// Where state goes: plans, jobs, the audit log.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A kubeconfig, for `kubectl` as well.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// Where AWS is.
    pub(crate) fn aws_url(&self) -> String {
        self.aws.url()
    }

    /// Whose jobs end with the sandbox.
    pub(crate) fn ends(&mut self, workers: Option<Local>) {
        self.workers = workers;
    }

    /// The settings of a process that reaches the sandbox and nothing else. Gates stay as they are.
    pub(crate) fn replace(&self, config: &mut Config) {
        let key = aws::Server::key();
        let credentials =
            StaticCredentials { access_key_id: key.id, secret_access_key: key.secret, session_token: None };
        config.fixed = Some(Arc::new(Fixed { endpoint_url: self.aws.url(), credentials }));
        config.region = Some(aws::Server::region().to_owned());
        config.profile = None;
        // A profile would bring the keys of a real account, which the sandbox does not know.
        config.allowed_profiles = Some(Vec::new());
        config.allowed_accounts = None;
        config.profile_files = Vec::new();
        config.cli_cache = None;
        // They lead to profiles.
        config.identities = Identities::default();
        config.state_dir = Some(self.folder().to_owned());
        config.prometheus = trainyard_k8s::prometheus::Settings::default();
        config.mlflow = trainyard_ml::mlflow::Settings::default();
        config.hami_config_map = None;
        config.kubernetes = trainyard_k8s::Settings {
            ceiling: config.ceiling,
            kubeconfig: vec![self.kubeconfig()],
            ..trainyard_k8s::Settings::default()
        };
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(workers) = &self.workers {
            workers.kill_all();
        }
        // A worker that was ended may have written a moment ago.
        for _ in 0..40 {
            if fs::remove_dir_all(&self.folder).is_ok() || !self.folder.exists() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The fleet that was asked for: mostly nodes with GPUs under HAMi, and some of each other kind.
fn fleet(arguments: &FleetArguments) -> Fleet {
    let nodes = arguments.nodes.unwrap_or(NODES);
    let pods = arguments.pods.unwrap_or(nodes * PODS_OF_A_NODE);
    let share = |part: u32, least: u32| (nodes / part).max(least) as usize;
    Fleet {
        nodes: nodes as usize,
        pods: pods as usize,
        mig_nodes: share(50, 1),
        neuron_nodes: share(50, 1),
        cpu_nodes: share(20, 1),
        seed: arguments.seed.unwrap_or(Fleet::default().seed),
        ..Fleet::default()
    }
}
