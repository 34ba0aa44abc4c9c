//! Contexts of kubeconfig files.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use http::HeaderMap;
use kube::config::{AuthInfo, Context, ExecConfig, KubeConfigOptions, Kubeconfig};
use serde::Serialize;
use trainyard_aws::Engine as AwsEngine;
use trainyard_contract::{Error, ErrorKind, Result, nearest};

use super::{Entry, Token, client, eks, proxy};
use crate::settings::{Settings, User};

/// A context, as far as it is no secret.
#[derive(Debug, Clone, Serialize)]
pub struct ContextInfo {
    /// Its name.
    pub name: String,
    /// Its cluster's name.
    pub cluster: String,
    /// Address of the cluster.
    pub server: Option<String>,
    /// Namespace where a call names none.
    pub namespace: Option<String>,
    /// Whether it is the one that is meant by no name.
    pub current: bool,
}

/// The files, read again when one of them has changed.
#[derive(Debug, Default)]
pub(crate) struct Kubeconfigs {
    paths: Vec<PathBuf>,
    read: Mutex<Option<(Marks, Arc<Kubeconfig>)>>,
}

/// Time and size of each file: enough to see that one has changed.
pub(crate) type Marks = Vec<Option<(SystemTime, u64)>>;

impl Kubeconfigs {
    pub(crate) fn new(paths: Vec<PathBuf>) -> Self {
        Self { paths, read: Mutex::default() }
    }

    /// When the files were last changed: connections that were made before are made anew.
    pub(crate) fn marks(&self) -> Marks {
        let mark = |path: &PathBuf| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.modified().ok()?, found.len()))
        };
        self.paths.iter().map(mark).collect()
    }

    fn merged(&self) -> Result<Arc<Kubeconfig>> {
        let marks = self.marks();
        let mut kept = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, config)) = &*kept
            && *then == marks
        {
            return Ok(Arc::clone(config));
        }
        let there = self.paths.iter().zip(&marks).filter(|(_, mark)| mark.is_some());
        let wrong = |error| Error::new(ErrorKind::Credentials, format!("could not read the kubeconfig: {error}"));
        let config = there
            .map(|(path, _)| Kubeconfig::read_from(path))
            .try_fold(Kubeconfig::default(), |merged, next| merged.merge(next?))
            .map_err(wrong)?;
        let config = Arc::new(config);
        *kept = Some((marks, Arc::clone(&config)));
        Ok(config)
    }

    /// Every context.
    pub(crate) fn contexts(&self) -> Result<Vec<ContextInfo>> {
        let config = self.merged()?;
        let server = |name: &str| {
            let named = config.clusters.iter().find(|cluster| cluster.name == name)?;
            named.cluster.as_ref()?.server.clone()
        };
        let contexts = config.contexts.iter().map(|named| {
            let context = named.context.clone().unwrap_or_default();
            ContextInfo {
                name: named.name.clone(),
                server: server(&context.cluster),
                cluster: context.cluster,
                namespace: context.namespace,
                current: config.current_context.as_ref() == Some(&named.name),
            }
        });
        Ok(contexts.collect())
    }

    /// Whether there is a context of exactly this name. A kubeconfig that cannot be read has none.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.merged().is_ok_and(|config| config.contexts.iter().any(|context| context.name == name))
    }

    /// The context that is meant by no name.
    pub(crate) fn current(&self) -> Result<String> {
        let config = self.merged()?;
        let current = config.current_context.clone().filter(|name| !name.is_empty());
        current.ok_or_else(|| {
            Error::validation("no cluster is named, and the kubeconfig has no current context")
                .hint("k8s_list_clusters shows the contexts")
        })
    }

    /// The context of this name, or the only one whose cluster is named so or has an ARN that ends in it.
    pub(crate) fn find(&self, name: &str) -> Result<String> {
        let config = self.merged()?;
        if config.contexts.iter().any(|context| context.name == name) {
            return Ok(name.to_owned());
        }
        let suffix = format!("/{name}");
        let fits = |context: &Context| context.cluster == name || context.cluster.ends_with(&suffix);
        let found: Vec<&str> = config
            .contexts
            .iter()
            .filter(|named| named.context.as_ref().is_some_and(fits))
            .map(|named| named.name.as_str())
            .collect();
        let all = || config.contexts.iter().map(|context| context.name.as_str());
        match found.as_slice() {
            [one] => Ok((*one).to_owned()),
            [] => {
                let error = Error::not_found("kubeconfig context", name);
                Err(match nearest(name, all()) {
                    Some(near) => error.hint(format!("did you mean {near:?}?")),
                    None => error.hint(format!("contexts: {}", all().collect::<Vec<_>>().join(", "))),
                })
            }
            several => Err(Error::validation(format!("several contexts are for cluster {name:?}"))
                .hint(format!("name one of {}", several.join(", ")))),
        }
    }
}

pub(super) async fn enter(
    settings: &Settings,
    aws: &AwsEngine,
    kubeconfigs: &Kubeconfigs,
    context: &str,
) -> Result<Entry> {
    let kubeconfig = kubeconfigs.merged()?;
    let own_proxy = own_proxy(&kubeconfig, context);
    let wrong = |error| crate::error::of_chain(&kube::Error::InferKubeconfig(error));
    let options = KubeConfigOptions { context: Some(context.to_owned()), cluster: None, user: None };
    let mut config = kube::Config::from_custom_kubeconfig((*kubeconfig).clone(), &options).await.map_err(wrong)?;
    if !own_proxy {
        config.proxy_url = proxy::on_the_way(&settings.proxy, &config.cluster_url)?;
    }
    let token = config
        .auth_info
        .exec
        .as_ref()
        .and_then(eks_token)
        .map(|who| Token::new(aws.clone(), eks::scope(who.region, who.profile, who.role), who.cluster));
    if token.is_some() {
        config.auth_info = AuthInfo { exec: None, ..config.auth_info };
    }
    let acting_as = acting_as(&config.auth_info)?;
    let (namespace, url) = (config.default_namespace.clone(), config.cluster_url.to_string());
    let client = client(settings, config).await?;
    Ok(Entry { client, token, acting_as, namespace, url })
}

/// Headers of whom a kubeconfig says to act as (`as`, `as-groups`), which the client below leaves out: without them a call
/// would have the rights of whoever may impersonate others.
fn acting_as(auth: &AuthInfo) -> Result<HeaderMap> {
    let AuthInfo { impersonate, impersonate_uid, impersonate_groups, impersonate_user_extra, .. } = auth;
    if impersonate_uid.is_some() || impersonate_user_extra.is_some() {
        return Err(Error::unsupported("the kubeconfig acts as somebody with `as-uid` or `as-user-extra`")
            .code("InvalidIdentity")
            .hint("`as` and `as-groups` are understood"));
    }
    match (impersonate, impersonate_groups) {
        (None, None) => Ok(HeaderMap::new()),
        (name, groups) => {
            let (name, groups) = (name.clone().unwrap_or_default(), groups.clone().unwrap_or_default());
            User { name, groups }.headers()
        }
    }
}

/// Whether the cluster of a context names a proxy itself, which goes before those of the environment.
fn own_proxy(config: &Kubeconfig, context: &str) -> bool {
    let named = config.contexts.iter().find(|named| named.name == context);
    let cluster = named.and_then(|named| named.context.as_ref()).map(|context| &context.cluster);
    let found = config.clusters.iter().find(|named| Some(&named.name) == cluster);
    found.and_then(|named| named.cluster.as_ref()).is_some_and(|cluster| cluster.proxy_url.is_some())
}

/// What `aws eks get-token` is asked for.
#[derive(Debug, PartialEq, Eq)]
struct EksIdentity {
    cluster: String,
    region: Option<String>,
    profile: Option<String>,
    role: Option<String>,
}

/// A kubeconfig that asks AWS's own tools for a token: we make the same token ourselves, so that they need not be there.
fn eks_token(exec: &ExecConfig) -> Option<EksIdentity> {
    let program = exec.command.as_deref()?.rsplit(['/', '\\']).next()?.trim_end_matches(".exe");
    let arguments = exec.args.as_deref().unwrap_or_default();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let (cluster, ours): (&[&str], bool) = match program {
        "aws" => (&["--cluster-name"], has("eks") && has("get-token")),
        "aws-iam-authenticator" => (&["-i", "--cluster-id"], has("token")),
        _ => return None,
    };
    let after = |names: &[&str]| {
        let at = arguments.iter().position(|argument| names.contains(&argument.as_str()))?;
        arguments.get(at + 1).cloned()
    };
    let variable = |name: &str| {
        let variables = exec.env.as_deref().unwrap_or_default();
        variables.iter().find(|pair| pair.get("name").is_some_and(|found| found == name))?.get("value").cloned()
    };
    // What else is said there could mean another identity: then the program is asked after all.
    let known = [
        "eks",
        "get-token",
        "token",
        "-i",
        "--cluster-id",
        "--cluster-name",
        "--region",
        "--profile",
        "--role-arn",
        "--role",
        "-r",
        "--output",
        "json",
    ];
    let said = |argument: &String| known.contains(&argument.as_str()) || !argument.starts_with('-');
    let env = exec.env.as_deref().unwrap_or_default();
    let known_env = |pair: &std::collections::HashMap<String, String>| {
        ["AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_STS_REGIONAL_ENDPOINTS"]
            .contains(&pair.get("name").map(String::as_str).unwrap_or_default())
    };
    (ours && arguments.iter().all(said) && env.iter().all(known_env)).then_some(())?;
    Some(EksIdentity {
        cluster: after(cluster)?,
        region: after(&["--region"]).or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION")),
        profile: after(&["--profile"]).or_else(|| variable("AWS_PROFILE")),
        role: after(&["--role-arn", "--role", "-r"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r"
apiVersion: v1
kind: Config
current-context: dev
clusters:
- {name: 'arn:aws:eks:eu-west-1:123456789012:cluster/train', cluster: {server: 'https://a'}}
- {name: 'arn:aws:eks:us-east-1:123456789012:cluster/train', cluster: {server: 'https://b'}}
- {name: kind, cluster: {server: 'https://127.0.0.1:6443'}}
contexts:
- {name: eu, context: {cluster: 'arn:aws:eks:eu-west-1:123456789012:cluster/train', user: u}}
- {name: us, context: {cluster: 'arn:aws:eks:us-east-1:123456789012:cluster/train', user: u}}
- {name: dev, context: {cluster: kind, user: u, namespace: team-a}}
users: []
";

    fn configs(text: &str) -> (tempfile::TempDir, Kubeconfigs) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, text).unwrap();
        (folder, Kubeconfigs::new(vec![path, "/nonexistent/config".into()]))
    }

    #[test]
    fn a_cluster_is_found_by_context_name_cluster_name_or_end_of_its_arn() {
        let (_folder, configs) = configs(TWO);
        assert_eq!(configs.find("eu").unwrap(), "eu");
        assert_eq!(configs.find("kind").unwrap(), "dev");
        assert_eq!(configs.find("arn:aws:eks:us-east-1:123456789012:cluster/train").unwrap(), "us");
        let error = configs.find("train").unwrap_err();
        assert!(error.hint_str().unwrap().contains("eu, us"), "{error}");
        assert!(configs.find("rain").unwrap_err().message().contains("no kubeconfig context"));
        assert_eq!(configs.current().unwrap(), "dev");
        assert_eq!(configs.contexts().unwrap()[2].namespace.as_deref(), Some("team-a"));
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let (folder, configs) = configs(TWO);
        assert!(configs.has("eu"));
        std::fs::write(folder.path().join("config"), "apiVersion: v1\nkind: Config\n").unwrap();
        assert!(!configs.has("eu"));
    }

    #[test]
    fn the_token_of_aws_tools_is_made_here() {
        let exec = |command: &str, arguments: &[&str]| ExecConfig {
            command: Some(command.into()),
            args: Some(arguments.iter().map(|text| (*text).to_owned()).collect()),
            env: Some(vec![[("name".into(), "AWS_PROFILE".into()), ("value".into(), "ml".into())].into()]),
            ..ExecConfig::default()
        };
        let usual = ["--region", "eu-west-1", "eks", "get-token", "--cluster-name", "train", "--output", "json"];
        let found = eks_token(&exec("/usr/local/bin/aws", &usual)).unwrap();
        let expected = EksIdentity {
            cluster: "train".into(),
            region: Some("eu-west-1".into()),
            profile: Some("ml".into()),
            role: None,
        };
        assert_eq!(found, expected);
        let found = eks_token(&exec("aws-iam-authenticator", &["token", "-i", "train", "-r", "arn:role"])).unwrap();
        assert_eq!(found.role.as_deref(), Some("arn:role"));
        assert_eq!(eks_token(&exec("gke-gcloud-auth-plugin", &[])), None);
        assert_eq!(eks_token(&exec("aws", &["eks", "get-token", "--cluster-name", "x", "--endpoint-url", "y"])), None);
    }
}
