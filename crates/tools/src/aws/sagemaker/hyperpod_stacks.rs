//! HyperPod stacks: the CloudFormation stacks that make a cluster with everything around it.

mod answers;
mod params_file;
mod prepare;
mod settings;
mod templates;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{
    CallDef, Changes, Destroys, Error, ErrorKind, Impact, Json, Losing, Loss, Preview, Reads, Result, Target, Things,
    Tool, ToolDef, Weighed,
};

use self::{
    answers::{Action, DeletePlan, Deleted, DeployPlan, Deployed, Description, PlanPlan, Planned},
    params_file::WriteParams,
    prepare::{OWNER, Orchestrator, prepare},
};
use crate::{
    App, Cx,
    aws::cloudformation::{
        change_set, events, parameters,
        stack::{self, StackOutput},
    },
    common::{Profile, Region, aws_target},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::by_operation(
    "manage_hyperpod_stacks",
    "Deploy, describe or delete a SageMaker HyperPod cluster's CloudFormation stack. write_params writes a parameters \
     file to edit; plan shows what deploy would make; describe how far it is (deploying takes 30 minutes) and why it \
     failed. It touches no stacks but its own.",
    &[
        CallDef::destroys::<Deploy>(),
        CallDef::reads::<Describe>(),
        CallDef::destroys::<Delete>(),
        CallDef::changes::<Plan>(),
        CallDef::changes::<WriteParams>(),
    ],
)
.under_result()];

/// Seconds to follow the stack's events
///
/// Zero, the default of the older server, answers at once.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, description = "Seconds to follow the stack, with progress.")]
struct WaitSeconds(#[schemars(range(min = 0, max = 3600))] u64);

impl WaitSeconds {
    fn time(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

/// Make the stack, or change it
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Deploy {
    /// By convention the cluster's name and -stack.
    stack_name: String,
    /// Absolute path of a JSON list of {"ParameterKey", "ParameterValue"}.
    params_file: Option<String>,
    #[serde(default)]
    cluster_orchestrator: Orchestrator,
    /// Absolute path or S3 URL instead of AWS's template.
    template: Option<String>,
    /// From plan, instead of params_file.
    change_set: Option<String>,
    #[serde(default)]
    wait_seconds: WaitSeconds,
    region_name: Option<Region>,
    profile_name: Option<Profile>,
}

impl Deploy {
    /// The parameters file, or the change set: one of the two.
    fn source(&self) -> Result<Source<'_>> {
        match (&self.params_file, &self.change_set) {
            (Some(file), None) => Ok(Source::File(file)),
            (None, Some(change_set)) => Ok(Source::ChangeSet(change_set)),
            (None, None) => Err(Error::validation("argument \"params_file\" is missing")
                .hint("write_params writes one; or give the change_set of a plan")),
            (Some(_), Some(_)) => Err(Error::validation("params_file and change_set are two ways to say the same")
                .hint("a change set holds its parameters already: leave params_file out")),
        }
    }
}

enum Source<'a> {
    File(&'a str),
    ChangeSet(&'a str),
}

impl Tool<App> for Deploy {
    const NAME: &'static str = "deploy";
    const EXAMPLE: &'static str = r#"{"stack_name": "train-stack", "params_file": "/home/me/train-parameters.json"}"#;
    type Access = Destroys;
    type Output = Json<Deployed>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Deployed>> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let (stack_arn, parameters_unchecked) = match self.source()? {
            Source::ChangeSet(change_set) => {
                (change_set::execute(&aws, &self.stack_name, change_set, OWNER, cx.token()).await?, None)
            }
            Source::File(file) => {
                let orchestrator = self.cluster_orchestrator;
                let mut prepared = prepare(&cx, &aws, file, orchestrator, self.template.as_deref()).await?;
                if let Some(stack) = stack::find(&aws, &self.stack_name).await? {
                    OWNER.check(&stack)?;
                    orchestrator.check(&stack)?;
                }
                let unchecked = prepared.unchecked.take();
                let deployment = prepared.deployment(self.stack_name.clone(), orchestrator, cx.token());
                (stack::deploy(&aws, deployment).await?, unchecked)
            }
        };
        let mut deployed = Deployed::new(self.stack_name, stack_arn, parameters_unchecked);
        if self.wait_seconds.0 > 0 {
            // It is under way: what goes wrong from here on is said beside it.
            match events::follow(&aws, &deployed.stack_arn, self.wait_seconds.time(), &**cx.progress()).await {
                Ok(stack) => {
                    deployed.failure = events::failure(&aws, &stack).await.unwrap_or_default();
                    deployed.stack_status = Some(stack.stack_status);
                }
                Err(error) => deployed.unfollowed = Some(error.to_string()),
            }
        }
        Ok(Json(deployed))
    }
}

impl Preview<App> for Deploy {
    type Plan = Weighed<DeployPlan>;

    fn target(&self) -> Target {
        target(&self.stack_name, self.region_name.as_ref(), self.profile_name.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<DeployPlan>> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let file = match self.source()? {
            Source::File(file) => file,
            Source::ChangeSet(change_set) => {
                let stack = stack::owned(&aws, &self.stack_name, OWNER).await?;
                let planned = change_set::show(&aws, change_set, Some(&self.stack_name)).await?;
                let why = "a change set does not say what its nodes are; deploy with params_file instead";
                return Ok(Weighed::new(DeployPlan::of_change_set(stack, planned), Impact::unknown(why)));
            }
        };
        let orchestrator = self.cluster_orchestrator;
        let prepared = prepare(&cx, &aws, file, orchestrator, self.template.as_deref()).await?;
        let found = stack::find(&aws, &self.stack_name).await?;
        if let Some(stack) = &found {
            OWNER.check(stack)?;
            orchestrator.check(stack)?;
        }
        let nodes = prepared.nodes();
        let cost = nodes.cost(&aws).await;
        let impact = match &self.template {
            // All of its nodes: those that are there already are counted once more, to be safe.
            None => nodes.impact(&aws, &cost).await,
            Some(_) => Impact::unknown("what a template of your own makes is not counted"),
        };
        let plan = DeployPlan {
            action: if found.is_some() { Action::Update } else { Action::Create },
            status_now: found.map(|stack| stack.stack_status),
            template: prepared.template.url().or_else(|| self.template.clone()),
            parameters: parameters::shown(&prepared.parameters, &prepared.declared),
            resource_types: prepared.resource_types,
            parameters_unchecked: prepared.unchecked,
            cost,
            changes: Vec::new(),
        };
        Ok(Weighed::new(plan, impact))
    }
}

/// Show the stack
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Describe {
    /// Name of the stack.
    stack_name: String,
    /// From plan: show it again.
    change_set: Option<String>,
    #[serde(default)]
    wait_seconds: WaitSeconds,
    region_name: Option<Region>,
    profile_name: Option<Profile>,
}

impl Tool<App> for Describe {
    const NAME: &'static str = "describe";
    const EXAMPLE: &'static str = r#"{"stack_name": "train-stack"}"#;
    type Access = Reads;
    type Output = Json<Description>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Description>> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let mut stack = match stack::owned(&aws, &self.stack_name, OWNER).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(events::explain_gone(&aws, &self.stack_name, OWNER, error).await);
            }
            other => other?,
        };
        if self.wait_seconds.0 > 0 {
            stack = events::follow(&aws, &stack.stack_id, self.wait_seconds.time(), &**cx.progress()).await?;
        }
        // The reason is worth having, not worth failing for.
        let failure = events::failure(&aws, &stack).await.unwrap_or_else(|error| Some(error.to_string()));
        let settled = events::is_settled(&stack);
        let progress = if settled { None } else { events::headway(&aws, &stack).await.ok() };
        let planned = match &self.change_set {
            Some(change_set) => Some(change_set::show(&aws, change_set, Some(&self.stack_name)).await?),
            None => None,
        };
        Ok(Json(Description {
            stack_name: stack.stack_name,
            stack_id: stack.stack_id,
            creation_time: stack.creation_time,
            stack_status: stack.stack_status,
            failure,
            progress,
            planned,
            outputs: stack
                .outputs
                .into_iter()
                .map(|StackOutput { output_key, output_value, .. }| (output_key, output_value))
                .collect(),
        }))
    }
}

/// Delete the stack and all that it made
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Delete {
    /// Name of the stack.
    stack_name: String,
    #[serde(default)]
    wait_seconds: WaitSeconds,
    region_name: Option<Region>,
    profile_name: Option<Profile>,
}

impl Tool<App> for Delete {
    const NAME: &'static str = "delete";
    const EXAMPLE: &'static str = r#"{"stack_name": "train-stack"}"#;
    type Access = Destroys;
    type Output = Json<Deleted>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Deleted>> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let stack_id = stack::delete(&aws, &self.stack_name, OWNER).await?;
        let mut deleted = Deleted { stack_name: self.stack_name, stack_id, stack_status: None, failure: None };
        if self.wait_seconds.0 > 0
            && let Ok(stack) = events::follow(&aws, &deleted.stack_id, self.wait_seconds.time(), &**cx.progress()).await
        {
            deleted.failure = events::failure(&aws, &stack).await.unwrap_or_default();
            deleted.stack_status = Some(stack.stack_status);
        }
        Ok(Json(deleted))
    }
}

impl Preview<App> for Delete {
    type Plan = Losing<DeletePlan>;

    fn target(&self) -> Target {
        target(&self.stack_name, self.region_name.as_ref(), self.profile_name.as_ref())
    }

    fn loss(&self) -> Option<Loss> {
        // Its plan knows more, and takes a right that deleting does not.
        Some(Loss::along(Things::Unknown))
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Losing<DeletePlan>> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let stack = stack::owned(&aws, &self.stack_name, OWNER).await?;
        let resources = stack::resources(&aws, &self.stack_name).await;
        let resources =
            resources.map_err(|error: Error| error.hint("without the list it is not known what would be deleted"))?;
        let loss = stack::loss(&resources);
        let plan = DeletePlan { stack_id: stack.stack_id, status_now: stack.stack_status, deleted: resources };
        Ok(Losing::new(plan, loss))
    }
}

/// Have CloudFormation plan the deployment
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Plan {
    /// Name of the stack.
    stack_name: String,
    /// Absolute path of the parameters.
    params_file: String,
    #[serde(default)]
    cluster_orchestrator: Orchestrator,
    /// Absolute path or S3 URL of a template.
    template: Option<String>,
    region_name: Option<Region>,
    profile_name: Option<Profile>,
}

impl Tool<App> for Plan {
    const NAME: &'static str = "plan";
    const EXAMPLE: &'static str = r#"{"stack_name": "train-stack", "params_file": "/home/me/train-parameters.json"}"#;
    type Access = Changes;
    type Output = Json<Planned>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Planned>> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let orchestrator = self.cluster_orchestrator;
        let mut prepared = prepare(&cx, &aws, &self.params_file, orchestrator, self.template.as_deref()).await?;
        if let Some(stack) = stack::find(&aws, &self.stack_name).await? {
            OWNER.check(&stack)?;
            orchestrator.check(&stack)?;
        }
        let cost = prepared.nodes().cost(&aws).await;
        let parameters_unchecked = prepared.unchecked.take();
        let deployment = prepared.deployment(self.stack_name.clone(), orchestrator, cx.token());
        let planned = change_set::plan(&aws, deployment, &**cx.progress()).await?;
        Ok(Json(Planned { stack_name: self.stack_name, planned, cost, parameters_unchecked }))
    }
}

impl Preview<App> for Plan {
    type Plan = PlanPlan;

    fn target(&self) -> Target {
        target(&self.stack_name, self.region_name.as_ref(), self.profile_name.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<PlanPlan> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let orchestrator = self.cluster_orchestrator;
        let prepared = prepare(&cx, &aws, &self.params_file, orchestrator, self.template.as_deref()).await?;
        let found = stack::find(&aws, &self.stack_name).await?;
        if let Some(stack) = &found {
            OWNER.check(stack)?;
        }
        Ok(PlanPlan { makes_empty_stack: found.is_none(), resource_types: prepared.resource_types })
    }
}

fn target(stack_name: &str, region: Option<&Region>, profile: Option<&Profile>) -> Target {
    aws_target("cloudformation stack", vec![stack_name.to_owned()], region, profile)
}
