//! A new HyperPod cluster without CloudFormation, with everything looked at before it is asked for.

mod checks;
mod wire;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Changes, Error, Json, Preview, Reads, Result, Target, Tool, ToolDef, Weighed};

use self::{
    checks::{Findings, look},
    wire::{
        AutoScaling, CreateCluster, EbsVolume, Eks, GroupSpec, LifeCycle, Orchestrator, SlurmConfig, StorageConfig,
        Tag, VpcConfig,
    },
};
use crate::{
    App, Cx,
    common::{Profile, Region, aws_target},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::changes::<CreateHyperpod>().spending()];

/// Create a SageMaker HyperPod cluster without a CloudFormation stack
///
/// Subnets, security groups, lifecycle scripts and quotas are looked at before; dry_run shows them with the cost.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CreateHyperpod {
    /// Letters, digits, hyphens.
    cluster_name: String,
    /// Groups of equal nodes.
    instance_groups: Vec<NewGroup>,
    /// Subnets of the nodes, all of one VPC.
    subnet_ids: Option<Vec<String>>,
    /// Security groups of the nodes, of the same VPC.
    security_group_ids: Option<Vec<String>>,
    /// EKS cluster that runs the work; without it, Slurm does.
    eks_cluster_arn: Option<String>,
    /// Replace failing nodes by themselves (default), or not.
    #[serde(default)]
    node_recovery: NodeRecovery,
    /// Add nodes one by one as they can be had. Needs EKS or Slurm groups with a slurm_node_type.
    #[serde(default)]
    continuous_provisioning: bool,
    /// Have Karpenter add and remove nodes. EKS only; needs continuous_provisioning and cluster_role.
    #[serde(default)]
    auto_scaling: bool,
    /// ARN of the role that scales the cluster.
    cluster_role: Option<String>,
    /// Tags of the cluster, by key.
    tags: Option<BTreeMap<String, String>>,
    region: Option<Region>,
    profile: Option<Profile>,
}

#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewGroup {
    /// Letters, digits, hyphens.
    name: String,
    /// Such as ml.p5.48xlarge.
    instance_type: String,
    /// How many nodes.
    #[schemars(range(min = 0, max = 6758))]
    count: u32,
    /// ARN of the nodes' role.
    execution_role: String,
    /// Folder of the lifecycle scripts: s3://sagemaker-…
    lifecycle_uri: String,
    /// Script in it that every new node runs.
    on_create: String,
    /// GB of a second disk for each node.
    #[schemars(range(min = 1, max = 16384))]
    volume_gb: Option<u32>,
    /// 2 is hyper-threading.
    #[schemars(range(min = 1, max = 2))]
    threads_per_core: Option<u32>,
    /// Capacity that was bought ahead.
    training_plan_arn: Option<String>,
    /// Checks that every new node has to pass.
    deep_health_checks: Option<Vec<DeepCheck>>,
    /// What the nodes are to Slurm.
    slurm_node_type: Option<SlurmNodeType>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
enum DeepCheck {
    InstanceStress,
    InstanceConnectivity,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
enum SlurmNodeType {
    Controller,
    Login,
    Compute,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
enum NodeRecovery {
    #[default]
    Automatic,
    None,
}

impl NewGroup {
    /// As the API takes it.
    fn spec(&self) -> GroupSpec {
        let volume = |size| StorageConfig { ebs_volume_config: EbsVolume { volume_size: size } };
        GroupSpec {
            instance_group_name: self.name.clone(),
            instance_type: self.instance_type.clone(),
            instance_count: self.count,
            execution_role: self.execution_role.clone(),
            life_cycle_config: LifeCycle {
                source_s3_uri: self.lifecycle_uri.clone(),
                on_create: self.on_create.clone(),
            },
            instance_storage_configs: self.volume_gb.map(volume).into_iter().collect(),
            threads_per_core: self.threads_per_core,
            training_plan_arn: self.training_plan_arn.clone(),
            on_start_deep_health_checks: self.deep_health_checks.clone().unwrap_or_default(),
            slurm_config: self.slurm_node_type.map(|node_type| SlurmConfig { node_type }),
        }
    }
}

impl CreateHyperpod {
    /// What can be known to be wrong without asking anybody.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.instance_groups.is_empty() {
            faults.push("instance_groups is empty".to_owned());
        }
        let mut names: Vec<_> = self.instance_groups.iter().map(|group| group.name.as_str()).collect();
        names.sort_unstable();
        faults.extend(
            names.windows(2).filter(|two| two[0] == two[1]).map(|two| format!("two groups are named {:?}", two[0])),
        );
        for name in names.iter().chain([&self.cluster_name.as_str()]).filter(|name| !is_name(name)) {
            faults.push(format!("{name:?} is no name: letters, digits and hyphens, at most 63"));
        }
        for group in &self.instance_groups {
            if !group.instance_type.starts_with("ml.") {
                faults.push(format!(
                    "group {:?}: instance types begin with ml., unlike {:?}",
                    group.name, group.instance_type
                ));
            }
            if !group.lifecycle_uri.starts_with("s3://") {
                faults.push(format!("group {:?}: {:?} is not an s3:// address", group.name, group.lifecycle_uri));
            }
            if group.slurm_node_type.is_some() && self.eks_cluster_arn.is_some() {
                faults.push(format!("group {:?}: a slurm_node_type on a cluster of EKS", group.name));
            }
        }
        if self.subnet_ids.is_some() != self.security_group_ids.is_some() {
            faults.push("subnet_ids and security_group_ids are given together or not at all".to_owned());
        }
        if self.eks_cluster_arn.is_some() && self.subnet_ids.is_none() {
            faults.push("a cluster of EKS needs subnet_ids and security_group_ids".to_owned());
        }
        if self.auto_scaling
            && !(self.eks_cluster_arn.is_some() && self.continuous_provisioning && self.cluster_role.is_some())
        {
            faults.push("auto_scaling needs eks_cluster_arn, continuous_provisioning and cluster_role".to_owned());
        }
        faults
    }

    fn request(&self) -> CreateCluster {
        let tags = self.tags.iter().flatten().map(|(key, value)| Tag { key: key.clone(), value: value.clone() });
        let network = self.subnet_ids.clone().zip(self.security_group_ids.clone());
        let eks = self.eks_cluster_arn.clone().map(|cluster_arn| Orchestrator { eks: Eks { cluster_arn } });
        CreateCluster {
            cluster_name: self.cluster_name.clone(),
            instance_groups: self.instance_groups.iter().map(NewGroup::spec).collect(),
            vpc_config: network.map(|(subnets, security_group_ids)| VpcConfig { security_group_ids, subnets }),
            orchestrator: eks,
            node_recovery: self.node_recovery,
            node_provisioning_mode: self.continuous_provisioning.then_some("Continuous"),
            auto_scaling: self
                .auto_scaling
                .then_some(AutoScaling { mode: "Enable", auto_scaler_type: Some("Karpenter") }),
            cluster_role: self.cluster_role.clone(),
            tags: tags.collect(),
        }
    }
}

fn is_name(name: &str) -> bool {
    let plain = name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    plain && (1..=63).contains(&name.len()) && !name.starts_with('-') && !name.ends_with('-')
}

fn refuse(faults: &[String]) -> Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::validation(format!("the cluster would not come up: {}", faults.join("; "))).code("InvalidCluster"))
}

impl Tool<App> for CreateHyperpod {
    const NAME: &'static str = "hyperpod_create_cluster";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "instance_groups": [{"name": "workers", "instance_type": "ml.p5.48xlarge", "count": 4, "execution_role": "arn:aws:iam::123456789012:role/hyperpod", "lifecycle_uri": "s3://sagemaker-scripts/train", "on_create": "on_create.sh"}], "subnet_ids": ["subnet-0123456789abcdef0"], "security_group_ids": ["sg-0123456789abcdef0"]}"#;
    type Access = Changes;
    type Output = Json<Created>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Created>> {
        refuse(&self.faults())?;
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let network = checks::network(&aws, &self).await;
        refuse(&network.faults)?;
        let made = aws.send(&self.request()).await?;
        Ok(Json(Created { cluster_arn: made.cluster_arn, warnings: network.warnings }))
    }
}

impl Preview<App> for CreateHyperpod {
    type Plan = Weighed<Findings>;

    fn target(&self) -> Target {
        let cluster = vec![self.cluster_name.clone()];
        aws_target("hyperpod cluster", cluster, self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Findings>> {
        refuse(&self.faults())?;
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let (findings, impact) = look(&aws, self).await?;
        refuse(&findings.faults)?;
        Ok(Weighed::new(findings, impact))
    }
}

/// A cluster that is on its way.
#[derive(Serialize, JsonSchema)]
struct Created {
    cluster_arn: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn example() -> serde_json::Value {
        serde_json::from_str(CreateHyperpod::EXAMPLE).unwrap()
    }

    fn faults(change: impl Fn(&mut serde_json::Value)) -> String {
        let mut said = example();
        change(&mut said);
        serde_json::from_value::<CreateHyperpod>(said).unwrap().faults().join("; ")
    }

    #[test]
    fn what_cannot_work_is_said_before_anything_is_sent() {
        assert_eq!(faults(|_| {}), "");
        assert!(faults(|it| it["instance_groups"] = json!([])).contains("empty"));
        assert!(
            faults(|it| it["instance_groups"][0]["instance_type"] = json!("p5.48xlarge")).contains("begin with ml.")
        );
        assert!(faults(|it| it["cluster_name"] = json!("my cluster")).contains("\"my cluster\" is no name"));
        assert!(faults(|it| it["security_group_ids"] = json!(null)).contains("together"));
        assert!(faults(|it| it["auto_scaling"] = json!(true)).contains("auto_scaling needs"));
        let twice = |it: &mut serde_json::Value| {
            let group = it["instance_groups"][0].clone();
            it["instance_groups"].as_array_mut().unwrap().push(group);
        };
        assert!(faults(twice).contains("two groups are named \"workers\""));
    }
}
