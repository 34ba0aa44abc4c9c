//! Names of services and operations: every spelling that people use, and the nearest one to what nobody uses.

use trainyard_contract::nearest;

use super::{
    Entry,
    model::{Operation, Service},
    services,
};

/// Names that are neither a service's own nor derived from what the model says.
const ALIASES: &[(&str, &str)] = &[
    ("alb", "elbv2"),
    ("asg", "autoscaling"),
    ("bedrock runtime", "bedrock-runtime"),
    ("cfn", "cloudformation"),
    ("cognito", "cognito-idp"),
    ("cost", "ce"),
    ("cw", "cloudwatch"),
    ("cwlogs", "logs"),
    ("ddb", "dynamodb"),
    ("elastic load balancing", "elbv2"),
    ("elb classic", "elb"),
    ("eventbridge", "events"),
    ("hyperpod", "sagemaker"),
    ("kubernetes", "eks"),
    ("load balancing", "elbv2"),
    ("msk", "kafka"),
    ("nlb", "elbv2"),
    ("opensearchservice", "opensearch"),
    ("parameter store", "ssm"),
    ("prometheus", "amp"),
    ("quotas", "service-quotas"),
    ("r53", "route53"),
    ("s3api", "s3"),
    ("savings plans", "savingsplans"),
    ("secrets", "secretsmanager"),
    ("session manager", "ssm"),
    ("sfn", "stepfunctions"),
    ("systems manager", "ssm"),
    ("tagging", "resourcegroupstaggingapi"),
];

/// A service by its own name, or any usual other: its id, its title, its endpoint prefix, its signing name or a nickname.
/// Case, spaces and hyphens do not matter.
pub fn entry(name: &str) -> Option<&'static Entry> {
    if let Some(found) = exact(name) {
        return Some(found);
    }
    let wanted = folded(name);
    if wanted.is_empty() {
        return None;
    }
    let all = services();
    let by = |part: fn(&Entry) -> &str| all.iter().find(|entry| folded(part(entry)) == wanted);
    let last_by = |part: fn(&Entry) -> &str| all.iter().rev().find(|entry| folded(part(entry)) == wanted);
    // Several services share a title, an endpoint prefix or a signing name (`elasticloadbalancing`). Of those the last by name is
    // meant, which is the newer generation (`elbv2`, `sesv2`).
    by(|entry| entry.name)
        .or_else(|| nickname(&wanted))
        .or_else(|| by(|entry| entry.id))
        .or_else(|| last_by(|entry| bare(entry.title)))
        .or_else(|| last_by(|entry| entry.title))
        .or_else(|| last_by(|entry| entry.endpoint_prefix))
        .or_else(|| last_by(|entry| entry.signing_name))
}

/// The service whose name is nearest to a misspelt one.
pub fn nearest_service(name: &str) -> Option<&'static str> {
    let nicknames = ALIASES.iter().flat_map(|(nickname, service)| [*nickname, *service]);
    nearest(name, services().iter().map(|entry| entry.name).chain(nicknames))
}

/// The operation of a service whose name is nearest to a misspelt one.
pub fn nearest_operation(service: &Service<'static>, name: &str) -> Option<&'static str> {
    let pascal: String = name.split(['-', '_', ' ']).collect();
    nearest(&pascal, service.operations.iter().map(|operation| operation.name))
}

impl<'a> Service<'a> {
    /// The operation of that name in any usual spelling: `DescribeInstances`, `describe-instances`, `describe_instances`.
    pub fn find_operation(&self, name: &str) -> Option<&Operation<'a>> {
        self.operation(name).or_else(|| {
            let wanted = folded(name);
            self.operations.iter().find(|operation| folded(operation.name) == wanted)
        })
    }
}

/// What else people call the service of that name.
pub(super) fn nicknames(name: &str) -> impl Iterator<Item = &'static str> + use<'_> {
    ALIASES.iter().filter(move |(_, service)| *service == name).map(|(nickname, _)| *nickname)
}

fn exact(name: &str) -> Option<&'static Entry> {
    let all = services();
    all.binary_search_by(|entry| entry.name.cmp(name)).ok().map(|at| &all[at])
}

fn nickname(folded_name: &str) -> Option<&'static Entry> {
    ALIASES.iter().find(|(nickname, _)| folded(nickname) == folded_name).and_then(|(_, service)| exact(service))
}

/// `Amazon SageMaker Service` and `AWS Lambda` without whose they are.
fn bare(title: &str) -> &str {
    let title = title.strip_prefix("Amazon ").or_else(|| title.strip_prefix("AWS ")).unwrap_or(title);
    title.strip_suffix(" Service").unwrap_or(title)
}

/// What is left when case, spaces and punctuation do not matter.
fn folded(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_of_services_are_known() {
        let known = [
            ("ec2", "ec2"),
            ("EC2", "ec2"),
            ("monitoring", "cloudwatch"),
            ("CloudWatch", "cloudwatch"),
            ("cloudwatch logs", "logs"),
            ("CloudWatchLogs", "logs"),
            ("elasticloadbalancing", "elbv2"),
            ("elbv2", "elbv2"),
            ("cost explorer", "ce"),
            ("states", "stepfunctions"),
            ("sfn", "stepfunctions"),
            ("eventbridge", "events"),
            ("service quotas", "service-quotas"),
            ("servicequotas", "service-quotas"),
            ("tagging", "resourcegroupstaggingapi"),
            ("api.sagemaker", "sagemaker"),
            ("secrets manager", "secretsmanager"),
            ("Amazon Simple Storage Service", "s3"),
            ("parameter store", "ssm"),
        ];
        for (name, service) in known {
            assert_eq!(entry(name).map(|entry| entry.name), Some(service), "{name}");
        }
        assert!(entry("").is_none() && entry("-").is_none() && entry("nonesuch").is_none());
    }

    #[test]
    fn every_nickname_leads_to_a_service() {
        for (nickname, service) in ALIASES {
            assert_eq!(entry(nickname).map(|entry| entry.name), Some(*service), "{nickname}");
        }
    }

    #[test]
    fn slips_are_corrected() {
        assert_eq!(nearest_service("sagmaker"), Some("sagemaker"));
        let ec2 = super::super::service("ec2").unwrap();
        assert_eq!(nearest_operation(ec2, "describe-instance"), Some("DescribeInstances"));
        assert_eq!(nearest_operation(ec2, "DescribInstances"), Some("DescribeInstances"));
        let error = super::super::service("sagmaker").unwrap_err();
        assert!(format!("{error:?}").contains("did you mean \\\"sagemaker\\\"?"), "{error:?}");
    }

    #[test]
    fn operations_are_found_in_any_spelling() {
        let ec2 = super::super::service("ec2").unwrap();
        for name in ["DescribeInstances", "describe-instances", "describe_instances", "describeinstances"] {
            assert_eq!(ec2.find_operation(name).map(|operation| operation.name), Some("DescribeInstances"), "{name}");
        }
        assert!(ec2.find_operation("DescribeNothing").is_none());
    }
}
