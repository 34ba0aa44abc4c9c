//! A template to edit and deploy.

use schemars::JsonSchema;
use serde::Deserialize;
use trainyard_contract::{Access, Changes, Covers, Error, Headed, Preview, Reads, Result, Target, Tool};

use super::{
    ClusterName,
    answers::{FilePlan, StackAnswer},
    lookup::{self, Versions},
    pools::{self, NodePool, Pool},
    template::{Design, LogType},
};
use crate::{
    App, Cx,
    aws::{cloudformation::template::MAX_BODY, eks::files},
    common::{Profile, Region},
};

/// Write a template
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Generate {
    cluster_name: ClusterName,
    /// Absolute path of the file to write; without it the answer holds the template.
    template_file: Option<String>,
    /// Such as 1.33; EKS's default when absent.
    kubernetes_version: Option<String>,
    /// Node groups with GPUs, EFA or reserved capacity, besides Auto Mode's pools.
    #[serde(default)]
    node_pools: Vec<NodePool>,
    /// Control plane logs to keep.
    #[serde(default)]
    logging: Vec<LogType>,
    /// EKS add-ons, such as metrics-server.
    #[serde(default)]
    addons: Vec<String>,
    /// IAM ARNs that become cluster administrators, besides the creator.
    #[serde(default)]
    admin_arns: Vec<String>,
    /// Replace a file that is there.
    #[serde(default)]
    overwrite: bool,
    region: Option<Region>,
    profile: Option<Profile>,
}

/// A design, and why its versions are not known.
struct Designed {
    design: Design,
    versions_unknown: Option<String>,
}

impl Generate {
    async fn designed<A: Access + Covers<Reads>>(&self, cx: &Cx<A>) -> Result<Designed> {
        self.check()?;
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        // A current list is worth having, not worth failing for: a template is written without credentials as well.
        let (versions, versions_unknown) = match lookup::versions(&aws).await {
            Ok(versions) => (versions, None),
            Err(error) => (Versions::default(), Some(error.to_string())),
        };
        if let Some(version) = &self.kubernetes_version
            && !versions.offered.is_empty()
            && !versions.offered.contains(version)
        {
            return Err(Error::validation(format!("EKS does not offer Kubernetes {version:?} here"))
                .hint(format!("it offers {}", versions.offered.join(", "))));
        }
        let pools = pools::known(&aws, &self.node_pools).await?;
        let wanted: Vec<_> = pools.iter().filter_map(Pool::zone).map(str::to_owned).collect();
        let zones = match lookup::zones(&aws).await {
            Ok(zones) => Some(lookup::two_zones(&zones, &wanted)?),
            Err(_) if wanted.is_empty() => None,
            Err(error) => return Err(error),
        };
        let design = Design {
            cluster_name: self.cluster_name.clone().into(),
            version: self.kubernetes_version.clone(),
            versions,
            zones,
            pools,
            logging: self.logging.clone(),
            addons: self.addons.clone(),
            admins: self.admin_arns.clone(),
        };
        Ok(Designed { design, versions_unknown })
    }

    fn check(&self) -> Result<()> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        if let Some(bad) = self.addons.iter().find(|name| name.is_empty() || !name.chars().all(plain)) {
            return Err(Error::validation(format!("{bad:?} is not the name of an add-on")));
        }
        let arn = |text: &&String| {
            let parts: Vec<_> = text.splitn(6, ':').collect();
            parts.len() == 6 && parts[0] == "arn" && parts[2] == "iam"
        };
        if let Some(bad) = self.admin_arns.iter().find(|text| !arn(text)) {
            return Err(Error::validation(format!("{bad:?} is not the ARN of a role or user")));
        }
        let version = |text: &str| {
            let (major, minor) = text.split_once('.').unwrap_or_default();
            [major, minor].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        };
        match &self.kubernetes_version {
            Some(text) if !version(text) => {
                Err(Error::validation(format!("{text:?} is not a Kubernetes version such as 1.33")))
            }
            _ => Ok(()),
        }
    }
}

impl Tool<App> for Generate {
    const NAME: &'static str = "generate";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "template_file": "/home/me/train.yaml", "node_pools": [{"name": "h100", "instance_type": "p5.48xlarge", "count": 2, "efa": true}]}"#;
    type Access = Changes;
    type Output = Headed<StackAnswer>;

    async fn run(self, cx: Cx<Changes>) -> Result<Headed<StackAnswer>> {
        let Designed { design, versions_unknown } = self.designed(&cx).await?;
        let text = design.yaml()?;
        if text.len() as u64 > MAX_BODY {
            return Err(Error::validation(format!(
                "the template would have {} bytes, and {MAX_BODY} may be sent",
                text.len()
            ))
            .hint("ask for fewer node pools with EFA, and add the others later"));
        }
        let mut answer = StackAnswer::new("generate", &self.cluster_name);
        answer.kubernetes_versions = design.versions.offered;
        answer.versions_unknown = versions_unknown;
        let line = match &self.template_file {
            Some(path) => {
                let written = files::write(cx.local_paths(), path, "template", &text, self.overwrite.into())?;
                answer.template_path = written.display().to_string();
                format!("The template of cluster {} is in {}", answer.cluster_name, answer.template_path)
            }
            None => {
                answer.template_content = Some(text);
                format!("The template of cluster {}", answer.cluster_name)
            }
        };
        Ok(answer.under(line))
    }
}

impl Preview<App> for Generate {
    type Plan = FilePlan;

    fn target(&self) -> Target {
        Target {
            system: "trainyard",
            kind: "template file".to_owned(),
            ids: self.template_file.iter().cloned().collect(),
            region: None,
            profile: None,
        }
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<FilePlan> {
        let Designed { design, .. } = self.designed(&cx).await?;
        Ok(FilePlan {
            exists: self.template_file.as_ref().is_some_and(|path| std::path::Path::new(path).exists()),
            kubernetes_version: design.version.or(design.versions.usual),
            node_pools: design.pools.len(),
        })
    }
}
