//! EKS: clusters and what belongs to them, under the names that the AWS servers give these tools.

mod files;
pub(crate) mod stacks;
