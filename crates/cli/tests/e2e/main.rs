//! The binary as clients, shells and endpoints that others wrote see it. One test binary: each costs a link.

#![expect(clippy::unwrap_used, reason = "a broken environment ends the test")]
#![expect(clippy::print_stdout, reason = "figures, for whoever runs the tests with --nocapture")]

mod capacity_tools;
mod chart;
mod clients;
mod conformance;
mod datasets;
mod ebs_vpc_tools;
mod ec2_many;
mod ec2_money;
mod ec2_tools;
mod eks_cases;
mod eks_guide;
mod eks_kubernetes;
mod eks_tools;
mod failures;
mod faults;
mod fuzzer;
mod gates;
mod gateway;
mod gpu;
mod guide;
mod http;
mod hyperpod_cases;
mod hyperpod_stacks;
mod hyperpod_tools;
mod injection;
mod install;
mod interrupted;
mod k8s_figures;
mod k8s_tools;
mod limits;
mod marks;
mod mfa;
mod ml_seed_tools;
mod models;
mod oauth;
mod operator;
mod own_cluster;
mod records;
mod roles;
mod s3;
mod sandbox;
mod sandbox_aws;
mod sandbox_tools;
mod scenarios;
mod shell;
mod size;
mod stdio;
mod telemetry;
mod tls;
mod tool_cases;
mod training;

use std::sync::OnceLock;

use trainyard_harness::{Moto, Trainyard, venv};

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_trainyard");

/// One moto for all tests of this process. Tests keep apart by the region they work in.
pub(crate) fn moto() -> String {
    static MOTO: OnceLock<Moto> = OnceLock::new();
    MOTO.get_or_init(|| Moto::start(&venv()).unwrap()).url()
}

/// The binary with moto as AWS, in a region of its own.
pub(crate) fn with_moto(region: &str) -> Trainyard {
    Trainyard::at(BINARY, &moto()).unwrap().with("AWS_REGION", region)
}
