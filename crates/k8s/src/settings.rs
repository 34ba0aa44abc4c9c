//! What the engine is told once, and what each call adds.

use std::{path::PathBuf, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use trainyard_contract::{Ceiling, Error, Result};

/// Settings of an engine, fixed for its life.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The most that the operator allows, checked once more before anything is sent.
    pub ceiling: Ceiling,
    /// How a cluster's name is understood.
    pub auth: AuthMode,
    /// Kubeconfig files, the first to say something being right.
    pub kubeconfig: Vec<PathBuf>,
    /// The cluster that this process runs in, if it does.
    pub in_cluster: Option<InCluster>,
    /// The way through proxies.
    pub proxy: Proxy,
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long one request may take, watches apart.
    pub request_timeout: Duration,
    /// Largest answer that is read, in bytes.
    pub max_response_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ceiling: Ceiling::READ_ONLY,
            auth: AuthMode::Auto,
            kubeconfig: Vec::new(),
            in_cluster: None,
            proxy: Proxy::default(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            max_response_bytes: 128 * 1024 * 1024,
        }
    }
}

/// How a cluster's name is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuthMode {
    /// The exact name of a kubeconfig context is that context; any other name is an EKS cluster's. No name is the cluster
    /// that this process runs in, or else the kubeconfig's current context.
    #[default]
    Auto,
    /// Every name is an EKS cluster's, entered with AWS credentials.
    Iam,
    /// Every name is a kubeconfig context's, or its cluster's.
    Kubeconfig,
}

/// What Kubernetes gives a pod to reach its own cluster with.
#[derive(Debug, Clone)]
pub struct InCluster {
    /// `https://10.0.0.1:443`.
    pub url: String,
    /// Folder with `token`, `ca.crt` and `namespace`.
    pub service_account: PathBuf,
}

/// Proxies, as the usual variables say them.
#[derive(Debug, Clone, Default)]
pub struct Proxy {
    /// Address of the proxy for HTTPS.
    pub https: Option<String>,
    /// Hosts, domains and networks that are reached without it, separated by commas.
    pub no_proxy: Option<String>,
}

/// Which cluster a call means, and as whom.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Cluster {
    /// Name of an EKS cluster or of a kubeconfig context; see [`AuthMode`].
    pub name: Option<String>,
    /// AWS region of an EKS cluster.
    pub region: Option<String>,
    /// AWS profile to enter an EKS cluster with.
    pub profile: Option<String>,
    /// Where the operator does not say how names are understood, this one is an EKS cluster's.
    pub eks: bool,
}

/// Somebody whom requests are made as.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct User {
    /// Name, as the cluster's authorization knows it.
    pub name: String,
    /// Groups.
    pub groups: Vec<String>,
}

impl User {
    /// The headers of an impersonated request. Kubernetes ignores groups without a user, so a name has to be there.
    pub(crate) fn headers(&self) -> Result<HeaderMap> {
        if *self == Self::default() {
            return Err(Error::policy_denied(
                "this caller is no user of Kubernetes on this server, so nothing was sent",
            )
            .code("NoIdentity")
            .hint("the operator names one with `kubernetes_user` under [[identities]] in the settings file"));
        }
        let value = |text: &str| {
            let printable = !text.is_empty() && !text.chars().any(char::is_control);
            HeaderValue::from_str(text).ok().filter(|_| printable).ok_or_else(|| {
                Error::validation(format!("{text:?} is no name of a user or group of Kubernetes"))
                    .code("InvalidIdentity")
            })
        };
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("impersonate-user"), value(&self.name)?);
        for group in &self.groups {
            headers.append(HeaderName::from_static("impersonate-group"), value(group)?);
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_impersonated_by_half() {
        let user = |name: &str, groups: &[&str]| User {
            name: name.to_owned(),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
        };
        let headers = user("ann", &["vision", "research"]).headers().unwrap();
        assert_eq!(headers["impersonate-user"], "ann");
        assert_eq!(headers.get_all("impersonate-group").iter().count(), 2);
        for wrong in [user("", &["vision"]), user("a\r\nb", &[]), user("a", &[""]), user("a\tb", &[])] {
            assert_eq!(wrong.headers().unwrap_err().code_str(), "InvalidIdentity", "{wrong:?}");
        }
    }
}
