//! EKS: clusters and what belongs to them, under the names that the AWS servers give these tools.

mod files;
pub(crate) mod guide;
pub(crate) mod insights;
pub(crate) mod kubernetes;
pub(crate) mod resources;
pub(crate) mod stacks;
pub(crate) mod vpc;
