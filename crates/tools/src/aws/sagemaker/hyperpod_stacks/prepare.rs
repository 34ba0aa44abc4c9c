//! What a deployment starts from: orchestrator, template and parameters that fit together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{Access, Covers, Error, ErrorKind, Reads, Result};

use super::{settings, templates};
use crate::{
    Cx,
    aws::{
        cloudformation::{
            parameters,
            stack::{self, Declared, Deployment, Owner, Parameter, Stack, Tag},
            template::Template,
        },
        sagemaker::cost::Nodes,
    },
};

/// The tag value that the AWS server gives its stacks, so that stacks made there stay manageable here.
pub(super) const OWNER: Owner = Owner("HyperPodMCPServer");
/// Key of the tag that says which template a stack was made from, so that an update does not swap it.
const ORCHESTRATOR_KEY: &str = "HyperPodOrchestrator";

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Orchestrator {
    #[default]
    Eks,
    Slurm,
}

impl Orchestrator {
    fn name(self) -> &'static str {
        match self {
            Self::Eks => "eks",
            Self::Slurm => "slurm",
        }
    }

    /// The template that is meant: a named one, or the managed one.
    pub(super) fn template(self, named: Option<&str>, buckets: &[String]) -> Result<Template> {
        match (named, self) {
            (Some(named), _) => Template::named(named, buckets),
            (None, Self::Eks) => Ok(Template::Url(templates::EKS.to_owned())),
            (None, Self::Slurm) => Ok(Template::Url(templates::SLURM.to_owned())),
        }
    }

    fn tag(self) -> Tag {
        Tag { key: ORCHESTRATOR_KEY.to_owned(), value: self.name().to_owned() }
    }

    /// Refuses to put the template of one orchestrator over a stack of the other.
    pub(super) fn check(self, stack: &Stack) -> Result<()> {
        match stack.tags.iter().find(|tag| tag.key == ORCHESTRATOR_KEY && tag.value != self.name()) {
            None => Ok(()),
            Some(tag) => Err(Error::validation(format!(
                "stack {:?} is of orchestrator {:?}, and the {} template would replace all of it",
                stack.stack_name,
                tag.value,
                self.name()
            ))
            .hint(format!("say cluster_orchestrator {:?}", tag.value))),
        }
    }
}

/// What `deploy` and `plan` start from.
pub(super) struct Prepared {
    pub(super) template: Template,
    pub(super) parameters: Vec<Parameter>,
    pub(super) declared: Vec<Declared>,
    pub(super) resource_types: Vec<String>,
    /// Why the parameters could not be held against the template.
    pub(super) unchecked: Option<String>,
}

/// Reads the parameters and holds them against the template. Nothing is sent where the file alone is wrong. A template
/// that may not be read is no failure: that right may be missing, and CloudFormation checks once more.
pub(super) async fn prepare<A: Access + Covers<Reads>>(
    cx: &Cx<A>,
    aws: &Aws<A>,
    params_file: &str,
    orchestrator: Orchestrator,
    template: Option<&str>,
) -> Result<Prepared> {
    let given = parameters::read(params_file)?;
    let own = settings::faults(&given, orchestrator);
    let source = orchestrator.template(template, cx.template_buckets())?;
    let (declared, resource_types, unchecked) = match stack::summary(aws, &source).await {
        Ok((summary, _)) => (summary.parameters, summary.resource_types, None),
        Err(error) if matches!(error.kind(), ErrorKind::Credentials | ErrorKind::Network) => return Err(error),
        Err(error) => (Vec::new(), Vec::new(), Some(error.to_string())),
    };
    let mut faults = if unchecked.is_none() { parameters::faults(&given, &declared) } else { Vec::new() };
    if unchecked.is_some() || settings::is_managed(&declared) {
        faults.extend(own);
    }
    parameters::refuse(&faults)?;
    Ok(Prepared { template: source, parameters: given, declared, resource_types, unchecked })
}

impl Prepared {
    pub(super) fn deployment(self, stack_name: String, orchestrator: Orchestrator, token: String) -> Deployment {
        Deployment {
            stack_name,
            template: self.template,
            parameters: self.parameters,
            owner: OWNER,
            tags: vec![orchestrator.tag()],
            token,
        }
    }

    /// Nodes of the instance groups among the parameters.
    pub(super) fn nodes(&self) -> Nodes {
        let mut nodes = Nodes::default();
        for group in settings::groups(&self.parameters).0 {
            nodes.add(&group.instance_type, u64::from(group.instance_count), group.training_plan_arn.is_some());
        }
        nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_orchestrators_template_is_not_put_over_the_others_stack() {
        let stack = |tags| Stack {
            stack_name: "s".into(),
            stack_id: String::new(),
            stack_status: "CREATE_COMPLETE".into(),
            stack_status_reason: None,
            creation_time: None,
            outputs: Vec::new(),
            tags,
        };
        assert!(Orchestrator::Eks.check(&stack(Vec::new())).is_ok(), "stacks of the older server do not say");
        assert!(Orchestrator::Eks.check(&stack(vec![Orchestrator::Eks.tag()])).is_ok());
        let error = Orchestrator::Eks.check(&stack(vec![Orchestrator::Slurm.tag()])).unwrap_err();
        assert!(error.to_string().contains("say cluster_orchestrator \"slurm\""), "{error}");
    }
}
