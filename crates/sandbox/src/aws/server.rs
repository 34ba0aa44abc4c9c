//! The account behind its endpoint, as users have it.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    account::Account,
    endpoint::Endpoint,
    fleet::{self, KubernetesApi},
    services,
    signature::AccessKey,
};
use crate::kubernetes::{Fleet, Time, clock::Clock};

/// The regions of the account, the home of all that is in it first.
const REGIONS: &[&str] = &["us-west-2", "us-east-1", "eu-west-1"];
/// The account's number, which AWS keeps for examples.
const ACCOUNT: &str = "111122223333";

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
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 0, seed: 1, time: Time::Real, haste: 1, fleet: Fleet::default(), kubernetes: None }
    }
}

/// An AWS account on loopback, until it is dropped.
#[derive(Debug)]
pub struct Server {
    endpoint: Endpoint,
    account: Arc<Mutex<Account>>,
}

impl Server {
    /// Starts. The error is that of the socket or the thread.
    pub fn start(options: &Options) -> io::Result<Self> {
        let mut account = Account::new(ACCOUNT, REGIONS, Clock::new(options.time), options.seed, options.haste);
        fleet::build(&mut account, &options.fleet, options.kubernetes.as_ref());
        let account = Arc::new(Mutex::new(account));
        let shared = Arc::clone(&account);
        let decide = move |asked: &super::Asked| services::answer(&mut lock(&shared), asked);
        let endpoint = Endpoint::start(options.port, vec![Self::key()], services::known(), decide)?;
        Ok(Self { endpoint, account })
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

    /// Moves the time forward; what is due on the way happens.
    pub fn advance(&self, by: Duration) {
        let mut account = lock(&self.account);
        account.clock.advance(by);
        account.settle();
    }
}

fn lock(account: &Mutex<Account>) -> MutexGuard<'_, Account> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}
