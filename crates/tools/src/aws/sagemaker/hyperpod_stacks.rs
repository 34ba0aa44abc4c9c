//! HyperPod stacks: the CloudFormation stacks that make a cluster with everything around it.

mod templates;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, CallDef, Covers, Destroys, Error, ErrorKind, Json, Preview, Reads, Result, Target, Tool, ToolDef,
};

use crate::{
    App, Cx,
    aws::cloudformation::{
        parameters,
        stack::{self, Deployment, Owner, Parameter, Resource, StackOutput},
    },
    common::{Profile, Region, aws_target},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::by_operation(
    "manage_hyperpod_stacks",
    "Deploy, describe or delete a SageMaker HyperPod cluster's CloudFormation stack (EKS or Slurm). Uses the managed \
     templates and a file of parameters; takes about 30 minutes, describe shows how far it is. Only stacks made by \
     this tool are touched.",
    &[CallDef::destroys::<Deploy>(), CallDef::reads::<Describe>(), CallDef::destroys::<Delete>()],
)
.under_result()
.spending()];

/// The tag value that the AWS server gives its stacks, so that stacks made there stay manageable here.
const OWNER: Owner = Owner("HyperPodMCPServer");

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Orchestrator {
    #[default]
    Eks,
    Slurm,
}

impl Orchestrator {
    fn template(self) -> &'static str {
        match self {
            Self::Eks => templates::EKS,
            Self::Slurm => templates::SLURM,
        }
    }
}

/// Make the stack, or change it
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Deploy {
    /// Name of the stack, by convention the cluster's followed by -stack.
    stack_name: String,
    /// Absolute path of a JSON file: a list of {"ParameterKey", "ParameterValue"}.
    params_file: String,
    #[serde(default)]
    cluster_orchestrator: Orchestrator,
    region_name: Option<Region>,
    profile_name: Option<Profile>,
}

impl Tool<App> for Deploy {
    const NAME: &'static str = "deploy";
    const EXAMPLE: &'static str = r#"{"stack_name": "train-stack", "params_file": "/home/me/train-parameters.json"}"#;
    type Access = Destroys;
    type Output = Json<Deployed>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Deployed>> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let parameters = parameters::read(&self.params_file)?;
        let checked = checked(&aws, self.cluster_orchestrator, &parameters).await?;
        let stack_arn = stack::deploy(
            &aws,
            Deployment {
                stack_name: self.stack_name.clone(),
                template_url: self.cluster_orchestrator.template().to_owned(),
                parameters,
                owner: OWNER,
                token: cx.token(),
            },
        )
        .await?;
        Ok(Json(Deployed { stack_name: self.stack_name, stack_arn, parameters_unchecked: checked.err() }))
    }
}

impl Preview<App> for Deploy {
    type Plan = DeployPlan;

    fn target(&self) -> Target {
        let stack = vec![self.stack_name.clone()];
        aws_target("cloudformation stack", stack, self.region_name.as_ref(), self.profile_name.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<DeployPlan> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let parameters = parameters::read(&self.params_file)?;
        let found = stack::find(&aws, &self.stack_name).await?;
        if let Some(stack) = &found {
            OWNER.check(stack)?;
        }
        let (resource_types, parameters_unchecked) = match checked(&aws, self.cluster_orchestrator, &parameters).await?
        {
            Ok(types) => (types, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        Ok(DeployPlan {
            action: if found.is_some() { Action::Update } else { Action::Create },
            status_now: found.map(|stack| stack.stack_status),
            template: self.cluster_orchestrator.template(),
            parameters,
            resource_types,
            parameters_unchecked,
        })
    }
}

/// Holds the parameters against the template. `Ok(Err(why))` where the template could not be read: that right may be
/// missing, and CloudFormation checks once more.
async fn checked<A: Access + Covers<Reads>>(
    aws: &Aws<A>,
    orchestrator: Orchestrator,
    given: &[Parameter],
) -> Result<Result<Vec<String>, String>> {
    match stack::template(aws, orchestrator.template()).await {
        Ok(summary) => {
            parameters::check(given, &summary.parameters)?;
            Ok(Ok(summary.resource_types))
        }
        Err(error) if matches!(error.kind(), ErrorKind::Credentials | ErrorKind::Network) => Err(error),
        Err(error) => Ok(Err(error.to_string())),
    }
}

/// Show the stack
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Describe {
    /// Name of the stack.
    stack_name: String,
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
        let stack = stack::owned(&aws, &self.stack_name, OWNER).await?;
        // The reason is worth having, not worth failing for.
        let failure = stack::failure(&aws, &stack).await.unwrap_or_else(|error| Some(error.to_string()));
        Ok(Json(Description {
            stack_name: stack.stack_name,
            stack_id: stack.stack_id,
            creation_time: stack.creation_time,
            stack_status: stack.stack_status,
            failure,
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
        Ok(Json(Deleted { stack_name: self.stack_name, stack_id }))
    }
}

impl Preview<App> for Delete {
    type Plan = DeletePlan;

    fn target(&self) -> Target {
        let stack = vec![self.stack_name.clone()];
        aws_target("cloudformation stack", stack, self.region_name.as_ref(), self.profile_name.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<DeletePlan> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let stack = stack::owned(&aws, &self.stack_name, OWNER).await?;
        let resources = stack::resources(&aws, &self.stack_name).await;
        let resources =
            resources.map_err(|error: Error| error.hint("without the list it is not known what would be deleted"))?;
        Ok(DeletePlan { stack_id: stack.stack_id, status_now: stack.stack_status, deleted: resources })
    }
}

#[derive(Serialize, JsonSchema)]
struct Deployed {
    stack_name: String,
    stack_arn: String,
    /// Why the parameters could not be held against the template beforehand.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_unchecked: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Description {
    stack_name: String,
    stack_id: String,
    creation_time: Option<String>,
    stack_status: String,
    /// The first failing resource and its reason, followed into nested stacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    outputs: std::collections::BTreeMap<String, Option<String>>,
}

#[derive(Serialize, JsonSchema)]
struct Deleted {
    stack_name: String,
    stack_id: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Action {
    Create,
    Update,
}

/// What a deployment would do.
#[derive(Serialize, JsonSchema)]
struct DeployPlan {
    action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_now: Option<String>,
    template: &'static str,
    parameters: Vec<Parameter>,
    /// Kinds of things that the template makes.
    resource_types: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_unchecked: Option<String>,
}

/// What a deletion would take along.
#[derive(Serialize, JsonSchema)]
struct DeletePlan {
    stack_id: String,
    status_now: String,
    deleted: Vec<Resource>,
}
