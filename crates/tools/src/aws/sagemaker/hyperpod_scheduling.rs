//! Task governance of HyperPod clusters on EKS: which work comes first, and which team has how much.

mod wire;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{Access, Changes, Covers, Error, Json, Preview, Reads, Result, Target, Tool, ToolDef};

use self::wire::{
    ComputeQuota, CreateComputeQuota, CreateSchedulerConfig, DescribeCluster, DescribeSchedulerConfig,
    ListComputeQuotas, ListSchedulerConfigs, PriorityClass, QuotaConfig, QuotaResource, QuotaTarget, SchedulerConfig,
    SchedulerSettings, SharingConfig, UpdateComputeQuota, UpdateSchedulerConfig,
};
use crate::{
    App, Cx,
    common::{Profile, Region, aws_target},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<ListScheduling>(),
    ToolDef::changes::<PutSchedulerConfig>(),
    ToolDef::changes::<PutComputeQuota>(),
];

/// Pages of configurations and quotas: 100 each.
const PAGES: usize = 10;

/// List how a SageMaker HyperPod cluster on EKS shares its compute: priorities and quotas of teams
///
/// Deleting one: aws_call sagemaker DeleteClusterSchedulerConfig or DeleteComputeQuota.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListScheduling {
    /// Name or ARN of the cluster.
    cluster_name: String,
    region: Option<Region>,
    profile: Option<Profile>,
}

/// How a cluster shares its compute.
#[derive(Serialize, JsonSchema)]
struct Scheduling {
    scheduler_configs: Vec<SchedulerConfig>,
    compute_quotas: Vec<ComputeQuota>,
}

impl Tool<App> for ListScheduling {
    const NAME: &'static str = "hyperpod_list_scheduling";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train"}"#;
    type Access = Reads;
    type Output = Json<Scheduling>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Scheduling>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let arn = cluster_arn(&aws, &self.cluster_name).await?;
        let (scheduler_configs, compute_quotas) = futures::try_join!(configs(&aws, &arn), quotas(&aws, &arn))?;
        Ok(Json(Scheduling { scheduler_configs, compute_quotas }))
    }
}

async fn cluster_arn<A: Access + Covers<Reads>>(aws: &Aws<A>, name: &str) -> Result<String> {
    aws.send(&DescribeCluster { cluster_name: name.to_owned() }).await.map(|cluster| cluster.cluster_arn)
}

/// The configurations of a cluster that are not gone.
async fn configs<A: Access + Covers<Reads>>(aws: &Aws<A>, cluster_arn: &str) -> Result<Vec<SchedulerConfig>> {
    let (mut found, mut next_token) = (Vec::new(), None);
    for _ in 0..PAGES {
        let page = aws.send(&ListSchedulerConfigs { cluster_arn: cluster_arn.to_owned(), next_token }).await?;
        for summary in page.cluster_scheduler_config_summaries.into_iter().filter(|summary| summary.status != "Deleted")
        {
            let id = summary.cluster_scheduler_config_id;
            found.push(aws.send(&DescribeSchedulerConfig { cluster_scheduler_config_id: id }).await?);
        }
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    Ok(found)
}

/// The quotas of a cluster that are not gone.
async fn quotas<A: Access + Covers<Reads>>(aws: &Aws<A>, cluster_arn: &str) -> Result<Vec<ComputeQuota>> {
    let (mut found, mut next_token) = (Vec::new(), None);
    for _ in 0..PAGES {
        let page = aws.send(&ListComputeQuotas { cluster_arn: cluster_arn.to_owned(), next_token }).await?;
        found.extend(page.compute_quota_summaries.into_iter().filter(|quota| quota.status != "Deleted"));
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    Ok(found)
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
enum Switch {
    Enabled,
    Disabled,
}

impl From<bool> for Switch {
    fn from(on: bool) -> Self {
        if on { Self::Enabled } else { Self::Disabled }
    }
}

/// Set the priorities of a SageMaker HyperPod cluster on EKS, made or changed as needed
///
/// The given priority classes replace all that there are. Running tasks may be preempted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PutSchedulerConfig {
    /// Name or ARN of the cluster.
    cluster_name: String,
    /// Classes of tasks with their weights; the higher goes first.
    priority_classes: Vec<PriorityClass>,
    /// Share idle compute by the weights of teams; else first come, first served.
    #[serde(default)]
    fair_share: bool,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl PutSchedulerConfig {
    fn settings(&self) -> SchedulerSettings {
        SchedulerSettings {
            priority_classes: self.priority_classes.clone(),
            fair_share: Some(self.fair_share.into()),
            idle_resource_sharing: None,
        }
    }
}

/// A configuration that was made or changed.
#[derive(Serialize, JsonSchema)]
struct Put {
    arn: String,
    /// Its version; absent for a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
}

impl Tool<App> for PutSchedulerConfig {
    const NAME: &'static str = "hyperpod_put_scheduler_config";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "priority_classes": [{"name": "training", "weight": 80}, {"name": "notebooks", "weight": 20}], "fair_share": true}"#;
    type Access = Changes;
    type Output = Json<Put>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Put>> {
        check_weights(&self.priority_classes)?;
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let cluster_arn = cluster_arn(&aws, &self.cluster_name).await?;
        let scheduler_config = self.settings();
        let put = match configs(&aws, &cluster_arn).await?.into_iter().next() {
            Some(there) => {
                let update = UpdateSchedulerConfig {
                    cluster_scheduler_config_id: there.cluster_scheduler_config_id,
                    target_version: there.cluster_scheduler_config_version,
                    scheduler_config,
                };
                let changed = aws.send(&update).await?;
                Put {
                    arn: changed.cluster_scheduler_config_arn,
                    version: Some(changed.cluster_scheduler_config_version),
                }
            }
            None => {
                let name = format!("{}-scheduler", last_part(&self.cluster_name));
                let made = aws.send(&CreateSchedulerConfig { name, cluster_arn, scheduler_config }).await?;
                Put { arn: made.cluster_scheduler_config_arn, version: None }
            }
        };
        Ok(Json(put))
    }
}

/// What is there now, and what it becomes.
#[derive(Serialize, JsonSchema)]
struct Replaced<T, W> {
    now: Option<T>,
    wanted: W,
}

impl Preview<App> for PutSchedulerConfig {
    type Plan = Replaced<SchedulerConfig, SchedulerSettings>;

    fn target(&self) -> Target {
        let cluster = vec![self.cluster_name.clone()];
        aws_target("scheduler of hyperpod cluster", cluster, self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Self::Plan> {
        check_weights(&self.priority_classes)?;
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let arn = cluster_arn(&aws, &self.cluster_name).await?;
        Ok(Replaced { now: configs(&aws, &arn).await?.into_iter().next(), wanted: self.settings() })
    }
}

fn check_weights(classes: &[PriorityClass]) -> Result<()> {
    let mut names: Vec<_> = classes.iter().map(|class| class.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(twice) => Err(Error::validation(format!("priority class {:?} is given twice", twice[0]))),
        None => Ok(()),
    }
}

/// The name at the end of an ARN; a name stays as it is.
fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// What a team does with compute that it does not use, or lacks.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
enum Sharing {
    #[default]
    LendAndBorrow,
    Lend,
    DontLend,
}

/// Whether a team's tasks may end its own less important ones.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
enum Preemption {
    LowerPriority,
    Never,
}

/// Set the compute quota of a team on a SageMaker HyperPod cluster on EKS, made or changed as needed
///
/// The given resources replace those that the team had.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PutComputeQuota {
    /// Name or ARN of the cluster.
    cluster_name: String,
    /// Name of the team: small letters, digits, hyphens.
    team_name: String,
    /// What the team has for sure.
    resources: Vec<Resource>,
    /// Weight of the team when idle compute is shared, 0 to 100.
    #[schemars(range(min = 0, max = 100))]
    fair_share_weight: Option<u32>,
    #[serde(default)]
    sharing: Sharing,
    /// How much may be borrowed, in percent of the own quota.
    #[schemars(range(min = 1, max = 10000))]
    borrow_limit: Option<u32>,
    preempt_team_tasks: Option<Preemption>,
    region: Option<Region>,
    profile: Option<Profile>,
}

#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Resource {
    /// Such as ml.p5.48xlarge.
    instance_type: String,
    /// Whole instances.
    count: Option<u32>,
    /// GPUs or accelerators instead.
    accelerators: Option<u32>,
}

impl PutComputeQuota {
    fn config(&self) -> QuotaConfig {
        let resource = |resource: &Resource| QuotaResource {
            instance_type: resource.instance_type.clone(),
            count: resource.count,
            accelerators: resource.accelerators,
        };
        QuotaConfig {
            compute_quota_resources: self.resources.iter().map(resource).collect(),
            resource_sharing_config: Some(SharingConfig { strategy: self.sharing, borrow_limit: self.borrow_limit }),
            preempt_team_tasks: self.preempt_team_tasks,
        }
    }

    fn team(&self) -> QuotaTarget {
        QuotaTarget { team_name: self.team_name.clone(), fair_share_weight: self.fair_share_weight }
    }

    async fn there<A: Access + Covers<Reads>>(&self, aws: &Aws<A>, arn: &str) -> Result<Option<ComputeQuota>> {
        if let Some(empty) = self.resources.iter().find(|it| it.count.is_some() == it.accelerators.is_some()) {
            return Err(Error::validation(format!(
                "resource {:?} takes either count or accelerators",
                empty.instance_type
            )));
        }
        let quotas = quotas(aws, arn).await?;
        Ok(quotas.into_iter().find(|quota| quota.compute_quota_target.team_name == self.team_name))
    }
}

impl Tool<App> for PutComputeQuota {
    const NAME: &'static str = "hyperpod_put_compute_quota";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "team_name": "research", "resources": [{"instance_type": "ml.p5.48xlarge", "count": 4}], "fair_share_weight": 50}"#;
    type Access = Changes;
    type Output = Json<Put>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Put>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let cluster_arn = cluster_arn(&aws, &self.cluster_name).await?;
        let put = match self.there(&aws, &cluster_arn).await? {
            Some(there) => {
                let update = UpdateComputeQuota {
                    compute_quota_id: there.compute_quota_id,
                    target_version: there.compute_quota_version.unwrap_or(1),
                    compute_quota_config: self.config(),
                    compute_quota_target: self.team(),
                };
                let changed = aws.send(&update).await?;
                Put { arn: changed.compute_quota_arn, version: Some(changed.compute_quota_version) }
            }
            None => {
                let create = CreateComputeQuota {
                    name: format!("{}-quota", self.team_name),
                    cluster_arn,
                    compute_quota_config: self.config(),
                    compute_quota_target: self.team(),
                };
                let made = aws.send(&create).await?;
                Put { arn: made.compute_quota_arn, version: None }
            }
        };
        Ok(Json(put))
    }
}

impl Preview<App> for PutComputeQuota {
    type Plan = Replaced<ComputeQuota, QuotaConfig>;

    fn target(&self) -> Target {
        let team = vec![format!("{}/{}", self.cluster_name, self.team_name)];
        aws_target("compute quota of team", team, self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Self::Plan> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let arn = cluster_arn(&aws, &self.cluster_name).await?;
        Ok(Replaced { now: self.there(&aws, &arn).await?, wanted: self.config() })
    }
}
