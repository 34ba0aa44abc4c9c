//! AWS for tests: answers that a test wrote, sent in the form in which the service would send them.
//!
//! A test says what an operation answers, as JSON with the member names of its output. The catalogue says which
//! operation a request is, what its input was, whether the answer is one that this operation can give (unknown or
//! missing members, wrong types, values outside of an enumeration), and how it is written: EC2, Query, JSON, REST-JSON
//! and REST-XML. So neither the requests nor the answers of a test can drift from the API.
//!
//! Whatever is wrong ends the test: a wrong fixed answer where it is written down, everything else (a call that nobody
//! answers, input that the API does not have) when the [`StandIn`] is dropped.
//!
//! ```
//! use serde_json::json;
//! use trainyard_stand_in::{Answer, StandIn};
//!
//! let aws = StandIn::start();
//! aws.answer("ec2", "DescribeVpcs", json!({"Vpcs": [{"VpcId": "vpc-1", "State": "available"}]}));
//! aws.refuse("ec2", "DeleteVpc", 400, "DependencyViolation", "the VPC has dependencies");
//! aws.answer_in_turn("ec2", "DescribeSnapshots", [
//!     Answer::output(json!({"Snapshots": [{"SnapshotId": "snap-1", "State": "pending", "Progress": "40%"}]})),
//!     Answer::output(json!({"Snapshots": [{"SnapshotId": "snap-1", "State": "completed"}]})),
//! ]);
//! aws.answer_with("sagemaker", "DescribeCluster", |call| {
//!     let arn = "arn:aws:sagemaker:eu-west-1:111122223333:cluster/a1b2c3d4e5f6";
//!     let name = &call.input["ClusterName"];
//!     json!({"ClusterArn": arn, "ClusterName": name, "ClusterStatus": "InService", "InstanceGroups": []}).into()
//! });
//! // Point `AWS_ENDPOINT_URL` at `aws.url()`, let the program do its work, then look at what it sent:
//! assert!(aws.calls_of("DeleteVpc").is_empty());
//! ```

mod inject;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use serde_json::Value;
use trainyard_aws::{
    catalogue::{
        self,
        model::{Operation, Protocol, Service},
    },
    offline::check_output,
};
pub use trainyard_harness::Wait;
use trainyard_harness::{Endpoint, Reply, Seen};
use trainyard_sandbox::aws::wire::{self, Refusal};

/// A call that arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Service, as the catalogue names it.
    pub service: &'static str,
    /// Operation.
    pub operation: &'static str,
    /// Region that the request was signed for; empty where it was not signed.
    pub region: String,
    /// Its input, with the names of the API.
    pub input: Value,
}

/// What a call is answered with.
#[derive(Debug, Clone)]
pub struct Answer {
    said: Said,
    wait: Wait,
}

#[derive(Debug, Clone)]
enum Said {
    Output(Value),
    Refusal(Refusal),
}

impl Answer {
    /// The operation succeeds.
    pub fn output(output: Value) -> Self {
        Self { said: Said::Output(output), wait: Wait::No }
    }

    /// The service refuses, with an HTTP status, the code of the error and a sentence.
    pub fn refusal(status: u16, code: &str, message: &str) -> Self {
        Self { said: Said::Refusal(Refusal::new(status, code, message)), wait: Wait::No }
    }

    /// The service asks for fewer calls, as EC2 does.
    pub fn throttled() -> Self {
        Self::refusal(503, "RequestLimitExceeded", "Request limit exceeded.")
    }

    /// A refusal with one more member of the modelled error.
    #[must_use]
    pub fn with(mut self, member: &str, value: Value) -> Self {
        if let Said::Refusal(refusal) = &mut self.said {
            refusal.detail.insert(member.to_owned(), value);
        }
        self
    }

    /// Not at once.
    #[must_use]
    pub fn after(self, wait: Wait) -> Self {
        Self { wait, ..self }
    }
}

impl From<Value> for Answer {
    fn from(output: Value) -> Self {
        Self::output(output)
    }
}

type Decide = dyn FnMut(&Call) -> Answer + Send;

struct Rule {
    service: &'static Service<'static>,
    operation: &'static Operation<'static>,
    decide: Arc<Mutex<Box<Decide>>>,
}

#[derive(Default)]
struct Shared {
    rules: Mutex<Vec<Rule>>,
    calls: Mutex<Vec<Call>>,
    faults: Mutex<Vec<String>>,
    injected: Mutex<Option<String>>,
}

/// A running server on loopback. It ends when it is dropped, and the test with it if anything was wrong.
pub struct StandIn {
    endpoint: Endpoint,
    shared: Arc<Shared>,
}

impl StandIn {
    /// Starts a server that answers nothing yet.
    ///
    /// # Panics
    ///
    /// Where no port can be had.
    pub fn start() -> Self {
        let shared = Arc::<Shared>::default();
        let all = Arc::clone(&shared);
        let endpoint = Endpoint::start(move |seen| all.reply(seen)).expect("a port on loopback");
        Self { endpoint, shared }
    }

    /// Base address.
    pub fn url(&self) -> String {
        self.endpoint.url()
    }

    /// Answers every call of an operation alike, from now on.
    ///
    /// # Panics
    ///
    /// Where the operation does not exist, or cannot answer that.
    #[track_caller]
    pub fn answer(&self, service: &str, operation: &str, output: Value) -> &Self {
        self.answer_in_turn(service, operation, [Answer::output(output)])
    }

    /// Refuses every call of an operation, from now on.
    ///
    /// # Panics
    ///
    /// Where the operation does not exist.
    #[track_caller]
    pub fn refuse(&self, service: &str, operation: &str, status: u16, code: &str, message: &str) -> &Self {
        self.answer_in_turn(service, operation, [Answer::refusal(status, code, message)])
    }

    /// Answers the calls of an operation one after the other; the last answer stays.
    ///
    /// # Panics
    ///
    /// Where the operation does not exist, cannot answer that, or there is no answer.
    #[track_caller]
    pub fn answer_in_turn(&self, service: &str, operation: &str, answers: impl IntoIterator<Item = Answer>) -> &Self {
        let (known, found) = find(service, operation);
        let mut answers: Vec<Answer> = answers.into_iter().collect();
        assert!(!answers.is_empty(), "{service} {operation}: no answer");
        for answer in &answers {
            if let Said::Output(output) = &answer.said {
                check_output(known, found, output).unwrap_or_else(|error| panic!("{service} {operation}: {error}"));
            }
        }
        answers.reverse();
        self.answer_with(service, operation, move |_| {
            let next = if answers.len() > 1 { answers.pop() } else { answers.last().cloned() };
            next.expect("the last one stays")
        })
    }

    /// Answers the calls of an operation with what a closure makes of each, from now on. One call is answered at a time.
    ///
    /// # Panics
    ///
    /// Where the operation does not exist.
    #[track_caller]
    pub fn answer_with(
        &self,
        service: &str,
        operation: &str,
        decide: impl FnMut(&Call) -> Answer + Send + 'static,
    ) -> &Self {
        let (service, operation) = find(service, operation);
        let mut rules = lock(&self.shared.rules);
        rules.retain(|rule| rule.service.name != service.name || rule.operation.name != operation.name);
        rules.push(Rule { service, operation, decide: Arc::new(Mutex::new(Box::new(decide))) });
        self
    }

    /// From now on, whoever makes things at AWS has written this into their names, descriptions and tags.
    pub fn inject(&self, text: &str) -> &Self {
        *lock(&self.shared.injected) = Some(text.to_owned());
        self
    }

    /// The calls that arrived, in order.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.shared.calls).clone()
    }

    /// The inputs of the calls of one operation, in order.
    pub fn calls_of(&self, operation: &str) -> Vec<Value> {
        let calls = lock(&self.shared.calls);
        calls.iter().filter(|call| call.operation == operation).map(|call| call.input.clone()).collect()
    }

    /// Forgets the calls that arrived so far.
    pub fn forget_calls(&self) {
        lock(&self.shared.calls).clear();
    }

    /// What was wrong so far, taken out, so that the test goes on.
    pub fn take_faults(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.shared.faults))
    }
}

impl fmt::Debug for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandIn").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let faults = self.take_faults();
        if !thread::panicking() {
            assert!(faults.is_empty(), "the stand-in found:\n{}", faults.join("\n"));
        }
    }
}

impl Shared {
    fn reply(&self, seen: &Seen) -> Reply {
        let answered: Vec<_> = lock(&self.rules).iter().map(|rule| rule.service).collect();
        let request = wire::Request {
            method: seen.method.clone(),
            target: seen.path.clone(),
            headers: seen.headers.clone(),
            body: seen.bytes.clone(),
        };
        let (service, answer) = match wire::read(&request, &answered) {
            Ok(call) => (Some(call.service), self.answer(call)),
            Err(misread) => (misread.service, Err(misread.why)),
        };
        answer.unwrap_or_else(|fault| {
            lock(&self.faults).push(fault.clone());
            // With a status that no client tries again.
            match service {
                None => Reply::new(400, "text/plain", &fault),
                Some(service) => reply(wire::refusal(service, &Refusal::new(400, "StandInFault", fault))),
            }
        })
    }

    fn answer(&self, read: wire::Call) -> Result<Reply, String> {
        let (service, operation) = (read.service, read.operation);
        let call = Call { service: service.name, operation: operation.name, region: read.region, input: read.input };
        lock(&self.calls).push(call.clone());
        let name = format!("{} {}", call.service, call.operation);
        let rule = lock(&self.rules)
            .iter()
            .find(|rule| rule.service.name == call.service && rule.operation.name == call.operation)
            .map(|rule| Arc::clone(&rule.decide));
        let Some(rule) = rule else { return Err(format!("{name} was called, and has no answer: {}", call.input)) };
        let Answer { said, wait } = lock(&rule)(&call);
        let written = match said {
            // EC2 never does what it is only asked about.
            Said::Output(_) if service.protocol == Protocol::Ec2 && call.input["DryRun"] == true => {
                wire::refusal(service, &dry_run())
            }
            Said::Output(mut output) => {
                check_output(service, operation, &output).map_err(|error| format!("{name}: {error}"))?;
                if let Some(text) = &*lock(&self.injected) {
                    inject::answer(service, operation, &mut output, text);
                }
                wire::output(service, operation, &output).map_err(|why| format!("{name}: {why}"))?
            }
            Said::Refusal(refusal) => wire::refusal(service, &refusal),
        };
        Ok(reply(written).after(wait))
    }
}

/// The harness takes names that live for ever, of which a test has few, and bodies of text.
fn reply(answer: wire::Answer) -> Reply {
    let headers = answer.headers.into_iter().map(|(name, value)| (&*name.leak(), value)).collect();
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    Reply { status: answer.status, headers, body, wait: Wait::No }
}

fn dry_run() -> Refusal {
    Refusal::new(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
}

#[track_caller]
fn find(service: &str, operation: &str) -> (&'static Service<'static>, &'static Operation<'static>) {
    let known = catalogue::service(service).unwrap_or_else(|error| panic!("{error}"));
    match known.operation(operation) {
        Some(found) => (known, found),
        None => panic!("{service} has no operation {operation}"),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
