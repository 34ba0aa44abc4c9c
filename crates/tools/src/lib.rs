//! Every tool. Tools only: what is asked, what is sent, what comes back.
//!
//! Find `ec2_list_instances` in `aws/ec2/instances.rs`: service, verb, noun.

mod app;
mod aws;
mod common;

pub use app::{App, Cx};
use trainyard_contract::Toolset;

/// Every toolset of this binary, in the order of the list.
pub static TOOLSETS: &[Toolset<App>] = &[
    Toolset {
        name: "aws",
        about: "Find, read about and call any operation of any AWS service",
        default: true,
        nouns: &[aws::any::TOOLS],
    },
    Toolset {
        name: "hyperpod",
        about: "SageMaker HyperPod clusters and their nodes",
        default: true,
        nouns: &[aws::sagemaker::hyperpod_nodes::TOOLS],
    },
    Toolset { name: "ec2", about: "EC2 instances", default: true, nouns: &[aws::ec2::instances::TOOLS] },
    Toolset { name: "iam", about: "Who is calling", default: true, nouns: &[aws::iam::identity::TOOLS] },
];

#[cfg(test)]
mod registry_tests;
