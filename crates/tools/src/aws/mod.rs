//! Tools for AWS, service by service.

pub(crate) mod any;
mod batch;
mod change;
pub(crate) mod cloudformation;
pub(crate) mod cloudwatch;
pub(crate) mod ebs;
pub(crate) mod ec2;
pub(crate) mod eks;
pub(crate) mod iam;
mod impact;
pub(crate) mod lambda;
mod listing;
pub(crate) mod operations;
mod pricing;
pub(crate) mod quotas;
pub(crate) mod regions;
pub(crate) mod replies;
pub(crate) mod s3;
pub(crate) mod sagemaker;
pub(crate) mod vpc;
mod waiting;
