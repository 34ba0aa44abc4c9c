//! Where AWS keeps the managed templates. One place for all regions: the templates do not differ, and CloudFormation
//! reads them from there whatever region the stack is made in.

/// For clusters on EKS.
pub(super) const EKS: &str = "https://aws-sagemaker-hyperpod-cluster-setup-us-east-1-prod.s3.us-east-1.amazonaws.com/templates/main-stack-eks-based-template.yaml";
/// For Slurm clusters.
pub(super) const SLURM: &str = "https://aws-sagemaker-hyperpod-cluster-setup-us-east-1-prod.s3.us-east-1.amazonaws.com/templates-slurm/main-stack-slurm-based-template.yaml";
