//! The way into a cluster: which one is meant, where it is, and who we are there.

mod eks;
mod in_cluster;
mod kubeconfig;
mod proxy;
mod token;

use std::fmt;

use http::HeaderMap;
use serde::Serialize;
use trainyard_aws::Engine as AwsEngine;
use trainyard_contract::{Error, Result};

pub use self::kubeconfig::ContextInfo;
pub(crate) use self::{
    kubeconfig::{Kubeconfigs, Marks},
    token::Token,
};
use crate::settings::{AuthMode, Cluster, Settings};

/// A cluster and an identity, found out of what a call said: what connections are kept by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum Way {
    /// The cluster that this process runs in.
    InCluster,
    /// A context of the kubeconfig.
    Context {
        /// Its name.
        context: String,
    },
    /// An EKS cluster.
    Eks {
        /// Its name.
        name: String,
        /// Its region, if it is not the default one.
        #[serde(skip_serializing_if = "Option::is_none")]
        region: Option<String>,
        /// The AWS profile, if it is not the default one.
        #[serde(skip_serializing_if = "Option::is_none")]
        profile: Option<String>,
        /// The role that is taken on, if one is.
        #[serde(skip_serializing_if = "Option::is_none")]
        role: Option<String>,
    },
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InCluster => f.write_str("the cluster that this server runs in"),
            Self::Context { context } => write!(f, "kubeconfig context {context:?}"),
            Self::Eks { name, region: Some(region), .. } => write!(f, "EKS cluster {name:?} in {region}"),
            Self::Eks { name, .. } => write!(f, "EKS cluster {name:?}"),
        }
    }
}

/// A client that knows its cluster, and the token that goes with each request where the client has none itself.
pub(crate) struct Entry {
    pub(crate) client: kube::Client,
    pub(crate) token: Option<Token>,
    /// Headers of whom the kubeconfig says to act as.
    pub(crate) acting_as: HeaderMap,
    pub(crate) namespace: String,
    pub(crate) url: String,
}

/// Which cluster is meant.
pub(crate) fn way(settings: &Settings, kubeconfigs: &Kubeconfigs, cluster: &Cluster) -> Result<Way> {
    let by_aws = cluster.region.is_some() || cluster.profile.is_some();
    match (&cluster.name, settings.auth) {
        (_, AuthMode::Kubeconfig) if by_aws => Err(Error::validation(
            "`region` and `profile` are for EKS clusters, and this server knows kubeconfig contexts only",
        )
        .hint("the operator changes that with --auth-mode iam")),
        (Some(name), AuthMode::Kubeconfig) => kubeconfigs.find(name).map(|context| Way::Context { context }),
        (None, AuthMode::Kubeconfig) => kubeconfigs.current().map(|context| Way::Context { context }),
        (Some(name), AuthMode::Auto) if !by_aws && !cluster.eks && kubeconfigs.has(name) => {
            Ok(Way::Context { context: name.clone() })
        }
        (Some(name), _) => eks::way(name, cluster),
        (None, AuthMode::Iam) => Err(Error::validation("`cluster` is missing")
            .hint("name an EKS cluster; aws_call with eks ListClusters shows them")),
        (None, AuthMode::Auto) if by_aws => Err(Error::validation("`cluster` is missing: which one of that region?")),
        (None, AuthMode::Auto) if settings.in_cluster.is_some() => Ok(Way::InCluster),
        (None, AuthMode::Auto) => match kubeconfigs.current() {
            Ok(context) => Ok(Way::Context { context }),
            Err(_) => Err(Error::validation("`cluster` is missing, and no kubeconfig has a current context")
                .hint("name an EKS cluster, or a context of the kubeconfig")),
        },
    }
}

/// Makes the client. Nothing is sent to the cluster yet.
pub(crate) async fn enter(settings: &Settings, aws: &AwsEngine, kubeconfigs: &Kubeconfigs, way: &Way) -> Result<Entry> {
    match way {
        Way::InCluster => in_cluster::enter(settings).await,
        Way::Context { context } => kubeconfig::enter(settings, aws, kubeconfigs, context).await,
        Way::Eks { name, region, profile, role } => {
            let scope = eks::scope(region.clone(), profile.clone(), role.clone());
            eks::enter(settings, aws, name, scope).await
        }
    }
}

/// A client made of a finished configuration. On a thread that may block: programs of kubeconfigs run here, and
/// certificates of the system are read.
async fn client(settings: &Settings, mut config: kube::Config) -> Result<kube::Client> {
    if config.accept_invalid_certs {
        return Err(Error::unsupported("the kubeconfig asks not to verify the cluster's certificate")
            .code("InsecureTls")
            .hint("give the cluster's certificate-authority instead of insecure-skip-tls-verify"));
    }
    proxy::check_plain(&config.cluster_url)?;
    config.connect_timeout = Some(settings.connect_timeout);
    config.read_timeout = None;
    // Ours knows which requests may be repeated, and what 429 means to an eviction.
    config.default_retry = false;
    let made = tokio::task::spawn_blocking(move || kube::Client::try_from(config));
    match tokio::time::timeout(settings.request_timeout, made).await {
        Ok(Ok(made)) => made.map_err(|error| crate::error::of_chain(&error)),
        Ok(Err(error)) => Err(Error::internal(error.to_string())),
        Err(_) => Err(crate::error::late("the program that the kubeconfig names for credentials")),
    }
}
