//! What we read out of answers beside what botocore does.

use serde_json::{Value, json};
use trainyard_aws::{
    catalogue::model::{Kind, Operation, Service},
    offline::{Meaning, Message, Offline},
};

use super::{
    Botocore, Plan, compare, convert,
    differences::{Report, Table},
    generate::Generator,
};

pub(crate) fn compare(plan: &Plan) -> Report {
    let mut botocore = Botocore::start();
    let mut report = Report::new(Table::Answers);
    let mut last: Option<(&str, Offline)> = None;
    for (service, operation, extent) in plan.messages().filter(|(service, operation, _)| !streams(service, operation)) {
        let output = Generator::new(service, operation, extent, plan.seed).output();
        let question = json!({"ask": "answer", "service": service.name, "operation": operation.name, "output": output});
        if last.as_ref().is_none_or(|(name, _)| *name != service.name) {
            last = Some((service.name, Offline::new(service)));
        }
        let Some((_, offline)) = &last else { continue };
        let outcome = match botocore.ask(&question) {
            Ok(theirs) => same(service, operation, offline, &theirs),
            Err(error) => Err(format!("refused there: {error}")),
        };
        report.add(service.name, operation.name, extent, outcome);
    }
    report
}

fn same(service: &Service<'_>, operation: &Operation<'_>, offline: &Offline, theirs: &Value) -> Result<(), String> {
    let wire = &theirs["wire"];
    let headers = wire["headers"].as_object().into_iter().flatten();
    let message = Message {
        status: 200,
        headers: headers.map(|(name, value)| (name.to_lowercase(), value.as_str().expect("text").to_owned())).collect(),
        body: aws_smithy_types::base64::decode(wire["body"].as_str().expect("text")).expect("base64"),
        ..Message::default()
    };
    let meaning = offline.answer(operation.name, &message).map_err(|error| format!("refused here: {error}"))?;
    let Meaning::Output(output) = meaning else { return Err(format!("a refusal: {meaning:?}")) };
    let ours = convert::output(service, operation.name, &output);
    let Err(why) = compare::values(&ours, &theirs["parsed"]) else { return Ok(()) };
    match without_empty_payload(service, operation, &theirs["parsed"]) {
        Some(theirs) if message.body.is_empty() && compare::values(&ours, &theirs).is_ok() => {
            Err("no body: there it is an empty value".to_owned())
        }
        _ => Err(format!("value: {why}")),
    }
}

/// An output without the member that is the whole body.
fn without_empty_payload(service: &Service<'_>, operation: &Operation<'_>, output: &Value) -> Option<Value> {
    let structure = service.structure(operation.output?)?;
    let payload = &structure.members[structure.payload? as usize];
    let mut output = output.clone();
    output.as_object_mut()?.shift_remove(payload.name);
    Some(output)
}

/// Answers that are streams of events have suites of their own.
fn streams(service: &Service<'_>, operation: &Operation<'_>) -> bool {
    let members = operation.output.and_then(|id| service.structure(id)).map(|structure| structure.members.as_slice());
    members
        .unwrap_or_default()
        .iter()
        .any(|member| matches!(&service.shape(member.shape).kind, Kind::Structure(target) if target.event_stream))
}
