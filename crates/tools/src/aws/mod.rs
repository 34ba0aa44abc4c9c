//! Tools for AWS, service by service.

pub(crate) mod any;
pub(crate) mod cloudformation;
pub(crate) mod ebs;
pub(crate) mod ec2;
pub(crate) mod iam;
pub(crate) mod regions;
pub(crate) mod s3;
pub(crate) mod sagemaker;
pub(crate) mod vpc;
