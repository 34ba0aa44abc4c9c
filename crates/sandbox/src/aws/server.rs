//! The account behind its endpoint, as users have it.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;

use super::{
    account::Account,
    endpoint::Endpoint,
    fleet::{self, KubernetesApi},
    services,
    setting::{self, Setting},
    signature::AccessKey,
    table::Table,
};
use crate::kubernetes::{Fleet, Time, clock::Clock};

/// The regions of the account, the home of all that is in it first.
const REGIONS: &[&str] = &["us-west-2", "us-east-1", "eu-west-1"];
/// The account's number, which AWS keeps for examples.
const ACCOUNT: &str = "111122223333";

/// Calls that are remembered.
const CALLS: usize = 100_000;

/// How an account is.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port; 0 for any free one.
    pub port: u16,
    /// Where ids and choices begin: the same seed makes the same account.
    pub seed: u64,
    /// Where the time comes from.
    pub time: Time,
    /// How many times faster than at AWS things happen; 1 is as fast.
    pub haste: u32,
    /// The fleet of the Kubernetes side, whose machines are in the account.
    pub fleet: Fleet,
    /// The API of the EKS cluster; without it there is none.
    pub kubernetes: Option<KubernetesApi>,
    /// Instances beside the fleet, for tests of size.
    pub more_instances: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            seed: 1,
            time: Time::Real,
            haste: 1,
            fleet: Fleet::default(),
            kubernetes: None,
            more_instances: 0,
        }
    }
}

/// An AWS account on loopback, until it is dropped.
#[derive(Debug)]
pub struct Server {
    endpoint: Endpoint,
    account: Arc<Mutex<Account>>,
    calls: Arc<Mutex<VecDeque<Called>>>,
}

/// A call that was made of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    /// Service.
    pub service: &'static str,
    /// Operation.
    pub operation: &'static str,
    /// Region.
    pub region: String,
    /// Code of the refusal, if it was refused.
    pub refused: Option<String>,
}

impl Server {
    /// Starts. The error is that of the socket or the thread.
    pub fn start(options: &Options) -> io::Result<Self> {
        let mut account = Account::new(ACCOUNT, REGIONS, Clock::new(options.time), options.seed, options.haste);
        fleet::build(&mut account, options);
        let account = Arc::new(Mutex::new(account));
        let calls = Arc::new(Mutex::new(VecDeque::new()));
        let (shared, log) = (Arc::clone(&account), Arc::clone(&calls));
        let decide = move |asked: &super::Asked| {
            let answer = services::answer(&mut lock(&shared), asked);
            let call = &asked.call;
            let mut log = lock(&log);
            if log.len() == CALLS {
                log.pop_front();
            }
            log.push_back(Called {
                service: call.service.name,
                operation: call.operation.name,
                region: call.region.clone(),
                refused: answer.as_ref().err().map(|refusal| refusal.code.clone()),
            });
            answer
        };
        let endpoint = Endpoint::start(options.port, vec![Self::key()], services::known(), decide)?;
        Ok(Self { endpoint, account, calls })
    }

    /// `http://127.0.0.1:PORT`, for every service.
    pub fn url(&self) -> String {
        self.endpoint.url()
    }

    /// The key that calls are signed with. It opens nothing else.
    pub fn key() -> AccessKey {
        AccessKey { id: "AKIAIOSFODNN7SANDBOX".to_owned(), secret: "sandbox-secret-that-opens-nothing-else".to_owned() }
    }

    /// The region that everything is in.
    pub fn region() -> &'static str {
        REGIONS[0]
    }

    /// Operations that have state, as service and operation.
    pub fn operations() -> impl Iterator<Item = (&'static str, &'static str)> {
        services::operations()
    }

    /// Changes the state, all of it or nothing. The error says what of the setting cannot be.
    pub fn set(&self, setting: &Setting) -> Result<(), String> {
        setting::apply(&mut lock(&self.account), setting)
    }

    /// The rows of a table in the home region, by the name that settings give it, as they are now.
    pub fn rows(&self, table: &str) -> Result<Vec<Value>, String> {
        let table = Table::named(table)?;
        let mut account = lock(&self.account);
        account.settle();
        Ok(account.rows(Self::region(), table).cloned().collect())
    }

    /// What was asked of the account, in order: the last 100,000 calls.
    pub fn calls(&self) -> Vec<Called> {
        lock(&self.calls).iter().cloned().collect()
    }

    /// Moves the time forward; what is due on the way happens.
    pub fn advance(&self, by: Duration) {
        let mut account = lock(&self.account);
        account.clock.advance(by);
        account.settle();
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::json;
    use trainyard_aws::catalogue;

    use super::*;
    use crate::aws::{endpoint::Asked, wire::Call};

    const INSTANCES: usize = 50_000;

    /// All rows of a list of EC2, page by page, and how many pages that took.
    fn pages(account: &mut Account, operation: &str, list: &str, filters: &Value) -> (Vec<Value>, usize) {
        let service = catalogue::service("ec2").unwrap();
        let operation = service.operation(operation).unwrap();
        let (mut rows, mut pages, mut token) = (Vec::new(), 0, Value::Null);
        loop {
            let mut input = json!({ "MaxResults": 1_000, "Filters": filters });
            if !token.is_null() {
                input["NextToken"] = token;
            }
            let call = Call { service, operation, region: Server::region().to_owned(), input };
            let mut answer = services::answer(account, &Asked { call, access_key: Server::key().id }).unwrap();
            rows.append(answer[list].as_array_mut().unwrap());
            pages += 1;
            token = answer["NextToken"].take();
            if token.is_null() {
                return (rows, pages);
            }
        }
    }

    #[test]
    fn fifty_thousand_instances_and_their_tags_are_paged_each_once() {
        let options = Options { more_instances: INSTANCES, ..Options::default() };
        let mut account = Account::new(ACCOUNT, REGIONS, Clock::new(options.time), options.seed, options.haste);
        fleet::build(&mut account, &options);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let batch = json!([{ "Name": "tag:Name", "Values": ["batch-*"] }]);
        let (reservations, count) = pages(&mut account, "DescribeInstances", "Reservations", &batch);
        let instances = reservations.iter().flat_map(|row| row["Instances"].as_array().unwrap());
        let ids: HashSet<String> = instances.map(|row| text(&row["InstanceId"])).collect();
        assert_eq!((ids.len(), count), (INSTANCES, INSTANCES / 1_000));
        let names =
            json!([{ "Name": "resource-type", "Values": ["instance"] }, { "Name": "value", "Values": ["batch-*"] }]);
        let (tags, count) = pages(&mut account, "DescribeTags", "Tags", &names);
        let tagged: HashSet<String> = tags.iter().map(|tag| text(&tag["ResourceId"])).collect();
        assert_eq!((tags.len(), count), (INSTANCES, INSTANCES / 1_000));
        assert_eq!(tagged, ids);
    }
}
