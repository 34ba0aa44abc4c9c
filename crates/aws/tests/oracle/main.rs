//! Every operation of every service against botocore itself: the request that it would send, and what it understands of
//! an answer.
//!
//! Inputs and outputs are generated from a seed. A sample is compared with every run of the tests; all of it, which takes
//! minutes, when asked: `cargo test -p trainyard-aws --test oracle -- --ignored --nocapture`. `TRAINYARD_ORACLE_SEED`
//! chooses the seed (a number), `TRAINYARD_ORACLE` names services to try instead of all.

mod answers;
mod differences;
mod generate;
mod reference;
mod requests;
mod sample;

#[path = "../protocol_suite/compare.rs"]
#[expect(dead_code, reason = "shared with the protocol suites, which use all of it")]
mod compare;
#[path = "../protocol_suite/convert.rs"]
#[expect(dead_code, reason = "shared with the protocol suites, which use all of it")]
mod convert;

use trainyard_aws::catalogue::{
    self,
    model::{Operation, Service},
};

use self::{differences::Whole, generate::Extent, reference::Botocore};

/// The seed of those who name none.
const SEED: u64 = 20_261_121;

/// Services of which something is always in the sample: one of each protocol, and those with ways of their own.
const ALWAYS: &[&str] =
    &["s3", "ec2", "sts", "dynamodb", "lambda", "route53", "sagemaker", "s3control", "cloudwatch", "cloudwatchomni"];
/// Other services in a sample, and operations of each.
const SERVICES: usize = 45;
const OPERATIONS: usize = 12;

#[tokio::test]
async fn a_sample_of_requests_is_botocore_s() {
    requests::compare(&sample()).await.hold(Whole::No);
}

#[test]
fn a_sample_of_answers_means_what_botocore_reads() {
    answers::compare(&sample()).hold(Whole::No);
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn every_request_is_botocore_s() {
    requests::compare(&all()).await.hold(whole());
}

#[test]
#[ignore = "takes minutes"]
fn every_answer_means_what_botocore_reads() {
    answers::compare(&all()).hold(whole());
}

/// What is compared.
struct Plan {
    seed: u64,
    services: Vec<(&'static Service<'static>, Vec<&'static Operation<'static>>)>,
}

impl Plan {
    /// Every operation of the plan, with as little and with as much as it takes.
    fn messages(&self) -> impl Iterator<Item = (&'static Service<'static>, &'static Operation<'static>, Extent)> {
        self.services.iter().flat_map(|(service, operations)| {
            operations
                .iter()
                .flat_map(|operation| [Extent::Minimal, Extent::Full].map(|extent| (*service, *operation, extent)))
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no settings but these")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn seed() -> u64 {
    setting("TRAINYARD_ORACLE_SEED").map_or(SEED, |seed| seed.parse().expect("the seed is a number"))
}

fn all() -> Plan {
    let wanted = setting("TRAINYARD_ORACLE");
    let wanted: Option<Vec<&str>> = wanted.as_deref().map(|names| names.split(',').collect());
    let services = catalogue::services()
        .iter()
        .filter(|entry| wanted.as_ref().is_none_or(|wanted| wanted.contains(&entry.name)))
        .map(|entry| (entry.service(), entry.service().operations.iter().collect()));
    Plan { seed: seed(), services: services.collect() }
}

fn whole() -> Whole {
    if setting("TRAINYARD_ORACLE").is_some() { Whole::No } else { Whole::Yes }
}

fn sample() -> Plan {
    let seed = seed();
    Plan { seed, services: sample::of(seed, ALWAYS, SERVICES, OPERATIONS) }
}
