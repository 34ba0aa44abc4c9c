//! EKS stacks: the CloudFormation stacks that make a cluster with its network.

mod answers;
mod generate;
mod lookup;
mod pools;
mod template;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, Amount, CallDef, Covers, Destroys, Error, ErrorKind, Headed, Impact, Losing, Loss, Preview, Reads, Result,
    Target, Things, Tool, ToolDef, Weighed,
};

pub(super) use self::lookup::ZONES_WITHOUT_CONTROL_PLANE;
use self::{
    answers::{Action, DeletePlan, DeployPlan, StackAnswer},
    generate::Generate,
};
use super::files;
use crate::{
    App, Cx,
    aws::cloudformation::{
        events,
        stack::{self, Deployment, Owner, Stack},
        template::{MAX_BODY, Template},
    },
    common::{Profile, Region, aws_target},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::by_operation(
    "manage_eks_stacks",
    "Make, follow and delete an EKS cluster by CloudFormation. generate gives a template to edit (Auto Mode, GPU pools \
     with EFA, add-ons), deploy makes or changes stack eks-CLUSTER-stack (20 minutes), describe says how far it is and \
     why it failed.",
    &[
        CallDef::changes::<Generate>(),
        CallDef::destroys::<Deploy>(),
        CallDef::reads::<Describe>(),
        CallDef::destroys::<Delete>(),
    ],
)
.also(&[("read_eks_stacks", r#"{"operation": "describe"}"#)])];

/// The tag value that the AWS server gives its stacks, so that stacks made there stay manageable here.
const OWNER: Owner = Owner("EksMcpServer");

/// Name of a cluster: what EKS allows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct ClusterName(String);

impl TryFrom<String> for ClusterName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = text.chars().all(|it| it.is_ascii_alphanumeric() || it == '-' || it == '_');
        if plain && (1..=100).contains(&text.len()) && text.starts_with(|it: char| it.is_ascii_alphanumeric()) {
            return Ok(Self(text));
        }
        Err(format!("{text:?} is not a cluster's name: letters, digits, - and _, at most 100"))
    }
}

impl From<ClusterName> for String {
    fn from(name: ClusterName) -> Self {
        name.0
    }
}

impl JsonSchema for ClusterName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ClusterName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "Name of the cluster" })
    }
}

impl ClusterName {
    /// Name of its stack, as the AWS server has it.
    fn stack(&self) -> String {
        // CloudFormation takes no underscores.
        format!("eks-{}-stack", self.0.replace('_', "-"))
    }
}

/// Seconds to follow the stack's events. Zero, as in the older server, answers at once.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, description = "Seconds to follow the stack, with progress.")]
struct WaitSeconds(#[schemars(range(min = 0, max = 3600))] u64);

impl WaitSeconds {
    /// Looks at the stack until it is settled, or until the time is up.
    async fn follow<A: Access + Covers<Reads>>(self, cx: &Cx<A>, aws: &Aws<A>, id: &str) -> Option<Result<Stack>> {
        if self.0 == 0 {
            return None;
        }
        Some(events::follow(aws, id, Duration::from_secs(self.0), &**cx.progress()).await)
    }
}

fn target(cluster: &ClusterName, region: Option<&Region>, profile: Option<&Profile>) -> Target {
    aws_target("cloudformation stack", vec![cluster.stack()], region, profile)
}

/// Make the stack, or change it
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Deploy {
    cluster_name: ClusterName,
    /// Absolute path of the template, or its S3 URL.
    template_file: Option<String>,
    /// Its text instead.
    template_content: Option<String>,
    #[serde(default)]
    wait_seconds: WaitSeconds,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Deploy {
    fn template<A: Access>(&self, cx: &Cx<A>) -> Result<Template> {
        match (&self.template_file, &self.template_content) {
            (Some(path), None) if path.starts_with('/') => {
                files::read(cx.local_paths(), path, "template", MAX_BODY).map(Template::Body)
            }
            (Some(address), None) => Template::named(address, cx.template_buckets()),
            (None, Some(text)) if text.len() as u64 <= MAX_BODY => Ok(Template::Body(text.clone())),
            (None, Some(_)) => Err(Error::validation(format!("template_content is longer than {MAX_BODY} bytes"))
                .hint("CloudFormation takes a larger one from S3 only: give its address as template_file")),
            (None, None) => Err(Error::validation("argument \"template_file\" is missing")
                .hint("generate writes one; or give template_content")),
            (Some(_), Some(_)) => {
                Err(Error::validation("template_file and template_content are two ways to say the same"))
            }
        }
    }
}

impl Tool<App> for Deploy {
    const NAME: &'static str = "deploy";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "template_file": "/home/me/train.yaml"}"#;
    type Access = Destroys;
    type Output = Headed<StackAnswer>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Headed<StackAnswer>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let stack_name = self.cluster_name.stack();
        let deployment = Deployment {
            stack_name: stack_name.clone(),
            template: self.template(&cx)?,
            parameters: Vec::new(),
            owner: OWNER,
            tags: Vec::new(),
            token: cx.token(),
        };
        let mut answer = StackAnswer::new("deploy", &self.cluster_name);
        answer.template_path.clone_from(self.template_file.as_ref().unwrap_or(&String::new()));
        answer.stack_name.clone_from(&stack_name);
        let arn = match stack::deploy(&aws, deployment).await {
            // CloudFormation has no code of its own for it: nothing to do is a ValidationError like many others.
            Err(error) if error.code_str() == "ValidationError" && error.message().contains("No updates") => {
                answer.take(stack::owned(&aws, &stack_name, OWNER).await?);
                answer.unchanged = Some(true);
                return Ok(answer.under(format!("Stack {stack_name} is already as the template says")));
            }
            other => other?,
        };
        answer.stack_arn.clone_from(&arn);
        answer.stack_id.clone_from(&arn);
        // It is under way: what goes wrong from here on is said beside it.
        match self.wait_seconds.follow(&cx, &aws, &arn).await {
            Some(Ok(stack)) => {
                answer.failure = events::failure(&aws, &stack).await.unwrap_or_default();
                answer.take(stack);
            }
            Some(Err(error)) => answer.unfollowed = Some(error.to_string()),
            None => {}
        }
        let how = if answer.stack_status.is_empty() { "is being made or changed" } else { &answer.stack_status };
        let line = format!("Stack {stack_name} of cluster {}: {how}", answer.cluster_name);
        Ok(answer.under(line))
    }
}

impl Preview<App> for Deploy {
    type Plan = Weighed<DeployPlan>;

    fn target(&self) -> Target {
        target(&self.cluster_name, self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<DeployPlan>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let template = self.template(&cx)?;
        let found = stack::find(&aws, &self.cluster_name.stack()).await?;
        if let Some(stack) = &found {
            OWNER.check(stack)?;
        }
        let (resource_types, template_unchecked) = match stack::summary(&aws, &template).await {
            Ok((summary, _)) => (summary.resource_types, None),
            // That right may be missing, and CloudFormation checks once more.
            Err(error) if error.kind() == ErrorKind::AccessDenied => (Vec::new(), Some(error.to_string())),
            Err(error) => return Err(error),
        };
        let impact = impact(&resource_types, template_unchecked.is_none());
        let plan = DeployPlan {
            action: if found.is_some() { Action::Update } else { Action::Create },
            stack_name: self.cluster_name.stack(),
            status_now: found.map(|stack| stack.stack_status),
            resource_types,
            template_unchecked,
        };
        Ok(Weighed::new(plan, impact))
    }
}

/// Kinds of resources of which none is a machine, by the beginnings of their names. Of others nobody knows.
const WITHOUT_MACHINES: &[&str] = &[
    "AWS::EC2::EIP",
    "AWS::EC2::FlowLog",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::LaunchTemplate",
    "AWS::EC2::NatGateway",
    "AWS::EC2::PlacementGroup",
    "AWS::EC2::Route",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::Subnet",
    "AWS::EC2::VPC",
    "AWS::EKS::AccessEntry",
    "AWS::EKS::Addon",
    "AWS::EKS::Cluster",
    "AWS::EKS::PodIdentityAssociation",
    "AWS::IAM::",
    "AWS::KMS::",
    "AWS::Logs::",
    "AWS::S3::",
];

/// What a template adds: of its machines it is known only that there are none.
fn impact(resource_types: &[String], complete: bool) -> Impact {
    let harmless = |kind: &&String| WITHOUT_MACHINES.iter().any(|known| kind.starts_with(known));
    let machines = resource_types.iter().find(|kind| !harmless(kind));
    let gpus = match machines {
        None if complete => Amount::NONE,
        None => Amount::Unknown("the template could not be looked at".to_owned()),
        Some(kind) => Amount::Unknown(format!("the nodes of {kind} in a template are not counted")),
    };
    let why = "what the resources of a template cost is not counted";
    Impact { gpus, dollars_per_hour: Amount::Unknown(why.to_owned()), objects: 0 }
}

/// Show the stack
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Describe {
    cluster_name: ClusterName,
    #[serde(default)]
    wait_seconds: WaitSeconds,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for Describe {
    const NAME: &'static str = "describe";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train"}"#;
    type Access = Reads;
    type Output = Headed<StackAnswer>;

    async fn run(self, cx: Cx<Reads>) -> Result<Headed<StackAnswer>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let stack_name = self.cluster_name.stack();
        let mut stack = match stack::owned(&aws, &stack_name, OWNER).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(events::explain_gone(&aws, &stack_name, OWNER, error).await);
            }
            other => other?,
        };
        if let Some(followed) = self.wait_seconds.follow(&cx, &aws, &stack.stack_id).await {
            stack = followed?;
        }
        let mut answer = StackAnswer::new("describe", &self.cluster_name);
        // The reason is worth having, not worth failing for.
        answer.failure = events::failure(&aws, &stack).await.unwrap_or_else(|error| Some(error.to_string()));
        if !events::is_settled(&stack) {
            answer.progress = events::headway(&aws, &stack).await.ok();
        }
        answer.take(stack);
        let line = format!("Stack {} of cluster {}: {}", stack_name, answer.cluster_name, answer.stack_status);
        Ok(answer.under(line))
    }
}

/// Delete the stack and all that it made
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Delete {
    cluster_name: ClusterName,
    #[serde(default)]
    wait_seconds: WaitSeconds,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for Delete {
    const NAME: &'static str = "delete";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train"}"#;
    type Access = Destroys;
    type Output = Headed<StackAnswer>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Headed<StackAnswer>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let stack_name = self.cluster_name.stack();
        let id = stack::delete(&aws, &stack_name, OWNER).await?;
        let mut answer = StackAnswer::new("delete", &self.cluster_name);
        answer.stack_name.clone_from(&stack_name);
        answer.stack_id.clone_from(&id);
        if let Some(Ok(stack)) = self.wait_seconds.follow(&cx, &aws, &id).await {
            answer.failure = events::failure(&aws, &stack).await.unwrap_or_default();
            answer.take(stack);
        }
        let how = if answer.stack_status.is_empty() { "is being deleted" } else { &answer.stack_status };
        let line = format!("Stack {stack_name} of cluster {}: {how}", answer.cluster_name);
        Ok(answer.under(line))
    }
}

impl Preview<App> for Delete {
    type Plan = Losing<DeletePlan>;

    fn target(&self) -> Target {
        target(&self.cluster_name, self.region.as_ref(), self.profile.as_ref())
    }

    fn loss(&self) -> Option<Loss> {
        // Its plan knows more, and takes a right that deleting does not.
        Some(Loss::along(Things::Unknown))
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Losing<DeletePlan>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let stack = stack::owned(&aws, &self.cluster_name.stack(), OWNER).await?;
        let deleted = stack::resources(&aws, &stack.stack_name).await;
        let deleted =
            deleted.map_err(|error: Error| error.hint("without the list it is not known what would be deleted"))?;
        let loss = stack::loss(&deleted);
        Ok(Losing::new(DeletePlan { stack_id: stack.stack_id, status_now: stack.stack_status, deleted }, loss))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_adds_no_gpus_only_where_nothing_in_it_could() {
        let kinds = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let network = kinds(&["AWS::EC2::VPC", "AWS::EC2::SubnetRouteTableAssociation", "AWS::EKS::Cluster"]);
        assert_eq!(impact(&network, true).gpus, Amount::NONE);
        assert!(matches!(impact(&network, false).gpus, Amount::Unknown(_)));
        for machines in ["AWS::EKS::Nodegroup", "AWS::EC2::Instance", "AWS::CloudFormation::Stack"] {
            assert!(matches!(impact(&kinds(&[machines]), true).gpus, Amount::Unknown(why) if why.contains(machines)));
        }
    }

    #[test]
    fn the_stack_is_named_for_its_cluster() {
        let name = |text: &str| ClusterName::try_from(text.to_owned());
        assert_eq!(name("train").unwrap().stack(), "eks-train-stack");
        assert_eq!(name("my_train").unwrap().stack(), "eks-my-train-stack");
        for bad in ["", "-a", "a b", "a/b", "arn:aws:eks:x"] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }
}
