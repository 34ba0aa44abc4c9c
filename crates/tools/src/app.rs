//! What tools work with: the engines as the binary built them, and as one call may use them.

use std::{
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::Arc,
};

use trainyard_aws::{AskedBy, Aws, Engine, Scope};
use trainyard_contract::{Access, BoxFuture, Call, Context, Cursor, Error, Found, Inquiry, Progress, Result};
use trainyard_k8s::{Cluster, Kubernetes, prometheus::Prometheus};
use trainyard_ml::job::local::Local;

use crate::{
    aws::{ec2::InstanceTypes, s3::LocalPaths},
    common::{At, Profile, Region},
    identities::Identities,
    ml::Buckets,
};

/// The engines of this process. Building it does nothing: each wakes up on its first call.
#[derive(Clone)]
pub struct App {
    /// AWS.
    pub aws: Engine,
    /// Kubernetes.
    pub kubernetes: trainyard_k8s::Engine,
    /// The Prometheus that is asked about metrics.
    pub prometheus: Prometheus,
    /// Namespace and name of HAMi's ConfigMap, where it is not to be looked for by label.
    pub hami_config_map: Option<(String, String)>,
    /// Folder for what outlives a call, such as private keys; `None` where this process has no such place.
    pub state_dir: Option<PathBuf>,
    /// Buckets whose CloudFormation templates the operator allows.
    pub template_buckets: Arc<[String]>,
    /// Folders of this machine that tools may read and write.
    pub local_paths: LocalPaths,
    /// Buckets of the ML platform.
    pub buckets: Buckets,
    /// The MLflow server that models are mirrored to, if any.
    pub mlflow: trainyard_ml::mlflow::Settings,
    /// What was found out about EC2 instance types.
    pub instance_types: InstanceTypes,
    /// Whom calls of those who sign in are made as.
    pub identities: Identities,
    /// Workers of training jobs; `None` where this process has no folder to keep them in.
    pub workers: Option<Local>,
}

impl Context for App {
    type At<A: Access> = Cx<A>;

    fn at<A: Access>(&self, call: &Call) -> Cx<A> {
        Cx { app: self.clone(), call: call.clone(), access: PhantomData }
    }

    fn admits(&self, principal: &str) -> Result<()> {
        self.identities.of(principal).map(|_| ())
    }

    fn facts<'a>(&'a self, inquiry: Inquiry<'a>) -> BoxFuture<'a, Found> {
        Box::pin(crate::policy::facts(self, inquiry))
    }
}

impl App {
    /// AWS as whoever calls.
    pub(crate) fn aws_as<A: Access>(&self, principal: &str, scope: Scope) -> Aws<A> {
        let role = self.identities.admitted(principal).role.or_else(|| scope.role.clone());
        Aws::new(self.aws.clone(), Scope { role, ..scope })
    }

    /// Kubernetes as whoever calls.
    pub(crate) fn kubernetes_as(&self, principal: &str) -> trainyard_k8s::Engine {
        match self.identities.admitted(principal).user {
            Some(user) => self.kubernetes.impersonating(&user),
            None => self.kubernetes.clone(),
        }
    }
}

/// The engines as one call may use them: no more than `A` allows.
pub struct Cx<A> {
    app: App,
    call: Call,
    access: PhantomData<A>,
}

impl<A: Access> Cx<A> {
    /// AWS in this region, as this profile; the process's own where none is given.
    pub(crate) fn aws(&self, region: Option<&Region>, profile: Option<&Profile>) -> Aws<A> {
        let (region, profile) = (region.map(ToString::to_string), profile.map(ToString::to_string));
        let asked_by = AskedBy::call(self.call.tool, &self.call.id);
        self.app.aws_as(&self.call.principal, Scope { profile, region, asked_by, ..Scope::default() })
    }

    /// AWS where and as whom a call says.
    pub(crate) fn at(&self, at: &At) -> Aws<A> {
        self.aws(at.region.as_ref(), at.profile.as_ref())
    }

    /// Kubernetes in this cluster.
    pub(crate) fn kubernetes(&self, cluster: Cluster) -> Kubernetes<A> {
        Kubernetes::new(self.app.kubernetes_as(&self.call.principal), cluster)
    }

    /// The Prometheus that is asked about metrics.
    pub(crate) fn prometheus(&self) -> &Prometheus {
        &self.app.prometheus
    }

    /// Namespace and name of HAMi's ConfigMap, where the operator named it.
    pub(crate) fn hami_config_map(&self) -> Option<(&str, &str)> {
        self.app.hami_config_map.as_ref().map(|(namespace, name)| (namespace.as_str(), name.as_str()))
    }

    /// Buckets whose CloudFormation templates may be deployed, besides AWS's own.
    pub(crate) fn template_buckets(&self) -> &[String] {
        &self.app.template_buckets
    }

    /// Folders of this machine that may be read and written.
    pub(crate) fn local_paths(&self) -> &LocalPaths {
        &self.app.local_paths
    }

    /// Buckets of the ML platform.
    pub(crate) fn buckets(&self) -> &Buckets {
        &self.app.buckets
    }

    /// The MLflow server that models are mirrored to, if any.
    pub(crate) fn mlflow(&self) -> &trainyard_ml::mlflow::Settings {
        &self.app.mlflow
    }

    /// What ties a cursor to this call.
    pub(crate) fn binding(&self) -> &str {
        &self.call.binding
    }

    /// What was found out about EC2 instance types.
    pub(crate) fn instance_types(&self) -> &InstanceTypes {
        &self.app.instance_types
    }

    /// Workers of training jobs.
    pub(crate) fn workers(&self) -> Result<Local> {
        self.state_dir()?;
        self.app.workers.clone().ok_or_else(|| Error::unsupported("this process has no workers").code("NoWorkers"))
    }

    /// How much of a list is wanted.
    pub(crate) fn wanted<'a>(&'a self, limit: u32, cursor: Option<&'a Cursor>) -> trainyard_aws::Wanted<'a> {
        trainyard_aws::Wanted { limit: limit as usize, cursor, binding: &self.call.binding }
    }

    /// Names this call's request at services that carry a request out once however often it is sent.
    pub(crate) fn token(&self) -> String {
        format!("trainyard-{}", self.call.id)
    }

    /// Folder for what outlives this call. It may not exist yet.
    pub(crate) fn state_dir(&self) -> Result<&Path> {
        self.app.state_dir.as_deref().ok_or_else(|| {
            Error::unsupported("this server has no folder to keep files in")
                .code("NoStateDirectory")
                .hint("start it with --state-dir, or with HOME or XDG_STATE_HOME set")
        })
    }

    /// Where long work says how far it is.
    pub(crate) fn progress(&self) -> &Arc<dyn Progress> {
        &self.call.progress
    }
}
