//! Tools as tables of cases: each is called through the protocol with success, behind its gate, as a plan that changes
//! nothing, and with a refusal of the service. A listed tool without a case fails.

use std::collections::BTreeSet;

use serde_json::Value;
use trainyard_harness::{Era, Session, Trainyard};
use trainyard_stand_in::StandIn;

use crate::{
    BINARY,
    marks::{self, ORDER},
};

/// One tool, called once.
pub(crate) struct Case {
    pub(crate) tool: &'static str,
    pub(crate) arguments: Value,
    /// What the services answer, by operation; that of EC2 unless it says `ssm:SendCommand`.
    answers: Vec<(&'static str, Value)>,
    /// Where in the answer something stands, and what.
    says: (&'static str, Value),
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Reads,
    Reveals,
    Changes,
}

/// A tool that reads. The first answer is that of the operation that does its work.
pub(crate) fn reads(
    tool: &'static str,
    arguments: Value,
    answers: Vec<(&'static str, Value)>,
    says: (&'static str, Value),
) -> Case {
    Case { tool, arguments, answers, says, kind: Kind::Reads }
}

/// A tool that shows content of others.
pub(crate) fn reveals(
    tool: &'static str,
    arguments: Value,
    answers: Vec<(&'static str, Value)>,
    says: (&'static str, Value),
) -> Case {
    Case { kind: Kind::Reveals, ..reads(tool, arguments, answers, says) }
}

/// A tool that changes something.
pub(crate) fn changes(
    tool: &'static str,
    arguments: Value,
    answers: Vec<(&'static str, Value)>,
    says: (&'static str, Value),
) -> Case {
    Case { kind: Kind::Changes, ..reads(tool, arguments, answers, says) }
}

impl Case {
    /// Service and operation that do its work.
    fn work(&self) -> (&'static str, &'static str) {
        named(self.answers[0].0)
    }

    fn prepare(&self, aws: &StandIn) {
        aws.forget_calls();
        for (operation, output) in &self.answers {
            let (service, operation) = named(operation);
            aws.answer(service, operation, output.clone());
        }
    }
}

fn named(operation: &'static str) -> (&'static str, &'static str) {
    operation.split_once(':').unwrap_or(("ec2", operation))
}

pub(crate) fn at(aws: &StandIn) -> Trainyard {
    Trainyard::at(BINARY, &aws.url()).unwrap()
}

fn serve(at: &Trainyard, flags: &[&str]) -> Session {
    let mut session = at.serve(flags, Era::Legacy).unwrap();
    session.hello().unwrap();
    session
}

/// A session in which everything is allowed and nobody is asked.
pub(crate) fn open(at: &Trainyard, toolsets: &str) -> Session {
    serve(at, &["--toolsets", toolsets, "--allow-write", "--allow-sensitive-data-access", "--confirm", "never"])
}

/// What the tool said, which has to be an answer.
pub(crate) fn said(result: &Value) -> &Value {
    assert_ne!(result["isError"], true, "{result}");
    &result["structuredContent"]
}

/// The error, which it has to be.
pub(crate) fn error(result: &Value) -> &Value {
    assert_eq!(result["isError"], true, "{result}");
    &result["structuredContent"]["error"]
}

/// Every listed tool has a case, and no other.
pub(crate) fn check_complete(toolsets: &str, cases: &[Case]) {
    let list = at(&StandIn::start()).run(&["tools", "--json", "--toolsets", toolsets]).unwrap();
    let list: Value = serde_json::from_str(&list.stdout).unwrap();
    let listed: BTreeSet<&str> =
        list["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(listed, cases.iter().map(|case| case.tool).collect());
}

/// Each does its work, and a plan does none.
pub(crate) fn check_work(toolsets: &str, cases: &[Case]) {
    let aws = StandIn::start();
    let mut session = open(&at(&aws), toolsets);
    for case in cases {
        case.prepare(&aws);
        let (service, operation) = case.work();
        if case.kind == Kind::Changes {
            let mut arguments = case.arguments.clone();
            arguments["dry_run"] = true.into();
            let result = session.call(case.tool, arguments).unwrap();
            assert!(said(&result)["plan"].is_object(), "{}: {result}", case.tool);
            let sent = aws.calls_of(operation);
            let is_dry = |input: &Value| input["DryRun"] == true || input["InvocationType"] == "DryRun";
            assert!(sent.iter().all(is_dry), "{}: {sent:?}", case.tool);
            assert!(service != "ec2" || !sent.is_empty(), "{} did not ask EC2 for a dry run", case.tool);
            aws.forget_calls();
        }
        let result = session.call(case.tool, case.arguments.clone()).unwrap();
        assert_eq!(said(&result).pointer(case.says.0), Some(&case.says.1), "{}: {result}", case.tool);
        assert!(!aws.calls_of(operation).is_empty(), "{} sent no {operation}", case.tool);
    }
}

/// What somebody wrote into the things that it tells of stands between marks. How often it was shown.
pub(crate) fn check_marks(toolsets: &str, cases: &[Case]) -> usize {
    let aws = StandIn::start();
    aws.inject(ORDER);
    let mut session = open(&at(&aws), toolsets);
    let mut seen = 0;
    for case in cases {
        case.prepare(&aws);
        for dry_run in [true, false] {
            let mut arguments = case.arguments.clone();
            if case.kind == Kind::Changes {
                arguments["dry_run"] = dry_run.into();
            }
            seen += marks::count(case.tool, &session.call(case.tool, arguments).unwrap());
        }
    }
    seen
}

/// What is off is refused, and sends nothing.
pub(crate) fn check_gates(toolsets: &str, cases: &[Case]) {
    let aws = StandIn::start();
    let at = at(&aws);
    let mut reading = serve(&at, &["--toolsets", toolsets]);
    let mut without = serve(&at, &["--toolsets", "iam"]);
    for case in cases {
        let result = without.call(case.tool, case.arguments.clone());
        let text = result.map_or_else(|error| error.to_string(), |result| error(&result).to_string());
        assert!(text.contains("toolset"), "{}: {text}", case.tool);
        if case.kind != Kind::Reads {
            let result = reading.call(case.tool, case.arguments.clone()).unwrap();
            assert_eq!(error(&result)["category"], "policy_denied", "{}: {result}", case.tool);
        }
    }
    assert_eq!(aws.calls(), []);
}

/// A refusal of the service is an error that names the operation.
pub(crate) fn check_refusals(toolsets: &str, cases: &[Case]) {
    let aws = StandIn::start();
    let mut session = open(&at(&aws), toolsets);
    for case in cases {
        case.prepare(&aws);
        let (service, operation) = case.work();
        let code = if service == "ec2" { "UnauthorizedOperation" } else { "AccessDeniedException" };
        aws.refuse(service, operation, 403, code, "You are not authorized to perform this operation.");
        let result = session.call(case.tool, case.arguments.clone()).unwrap();
        let error = error(&result);
        assert_eq!(error["category"], "access_denied", "{}: {error}", case.tool);
        assert_eq!(error["operation"], operation, "{}: {error}", case.tool);
        assert!(error["region"].is_string() && error["request_id"].is_string(), "{}: {error}", case.tool);
    }
}
