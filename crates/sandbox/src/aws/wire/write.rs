//! Answers in the form of each protocol.

use aws_smithy_types::base64;
use serde_json::{Value, json};
use trainyard_aws::catalogue::model::{
    Kind, Location, Member, MemberFlags, Operation, Protocol, Service, ShapeId, Structure,
};

use super::{Answer, Refusal, cbor, json, scalar, xml};

/// Id that every answer carries until somebody gives it another.
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// Status of an answer without a body.
const NO_CONTENT: u16 = 204;
/// Status of an answer that is a part of a body.
const PARTIAL_CONTENT: u16 = 206;

/// An operation's output. The error says what of it cannot be written.
pub fn output(service: &Service<'_>, operation: &Operation<'_>, output: &Value) -> Result<Answer, String> {
    let name = operation.name;
    let members = |id: Option<ShapeId>| id.map_or(Ok(String::new()), |id| xml::write_members(service, id, output));
    let space = service.xml_namespace.map(|uri| format!(" xmlns=\"{uri}\"")).unwrap_or_default();
    let body = match service.protocol {
        Protocol::Ec2 => {
            let members = members(operation.output)?;
            format!("<{name}Response{space}><requestId>{REQUEST_ID}</requestId>{members}</{name}Response>").into_bytes()
        }
        Protocol::Query => {
            let members = members(operation.output)?;
            let wrapped = operation.result_wrapper.map(|result| format!("<{result}>{members}</{result}>"));
            let id = format!("<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>");
            format!("<{name}Response{space}>{}{id}</{name}Response>", wrapped.unwrap_or(members)).into_bytes()
        }
        Protocol::Json10 | Protocol::Json11 => {
            let body = operation.output.map_or_else(|| Ok(json!({})), |id| json::write(service, id, output))?;
            body.to_string().into_bytes()
        }
        Protocol::Cbor => operation.output.map_or_else(|| Ok(Vec::new()), |id| cbor::write(service, id, output))?,
        Protocol::RestJson | Protocol::RestXml => return rest(service, operation, output),
    };
    Ok(answer(service, 200, body))
}

/// A refusal in the form of the service.
pub fn refusal(service: &Service<'_>, refusal: &Refusal) -> Answer {
    let Refusal { status, code, message, .. } = refusal;
    let mut inner = format!("<Code>{}</Code><Message>{}</Message>", xml::escaped(code), xml::escaped(message));
    inner.push_str(&detail(service, refusal));
    let id = format!("<RequestId>{REQUEST_ID}</RequestId>");
    let body = match service.protocol {
        Protocol::Ec2 => {
            format!("<Response><Errors><Error>{inner}</Error></Errors><RequestID>{REQUEST_ID}</RequestID></Response>")
                .into_bytes()
        }
        Protocol::RestXml if service.name == "s3" => format!("<Error>{inner}{id}</Error>").into_bytes(),
        Protocol::Query | Protocol::RestXml => {
            format!("<ErrorResponse><Error><Type>Sender</Type>{inner}</Error>{id}</ErrorResponse>").into_bytes()
        }
        Protocol::Cbor => cbor::refusal(refusal),
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => {
            let mut body = (*refusal.detail).clone();
            body.insert("__type".to_owned(), json!(code));
            body.insert("message".to_owned(), json!(message));
            Value::Object(body).to_string().into_bytes()
        }
    };
    let mut answer = answer(service, *status, body);
    match service.protocol {
        Protocol::RestJson => answer.headers.push(("x-amzn-errortype".to_owned(), code.clone())),
        _ if service.query_compatible => {
            answer.headers.push(("x-amzn-query-error".to_owned(), format!("{code};Sender")));
        }
        _ => {}
    }
    answer
}

/// Further members of a modelled error in XML; nothing for an error that the service does not have.
fn detail(service: &Service<'_>, refusal: &Refusal) -> String {
    let is_meant = |id: &&ShapeId| {
        let code = service.structure(**id).and_then(|structure| structure.error.as_ref()?.code);
        code.unwrap_or(service.shape(**id).name) == refusal.code
    };
    let shape = service.errors.iter().find(is_meant);
    shape
        .filter(|_| !refusal.detail.is_empty())
        .and_then(|id| xml::write_members(service, *id, &Value::Object((*refusal.detail).clone())).ok())
        .unwrap_or_default()
}

fn answer(service: &Service<'_>, status: u16, body: Vec<u8>) -> Answer {
    let kind = match service.protocol {
        Protocol::RestXml if service.name == "s3" => "application/xml",
        Protocol::Json10 => "application/x-amz-json-1.0",
        Protocol::Json11 => "application/x-amz-json-1.1",
        Protocol::RestJson => "application/json",
        Protocol::Cbor => "application/cbor",
        Protocol::RestXml | Protocol::Query | Protocol::Ec2 => "text/xml",
    };
    let mut headers = vec![("x-amzn-requestid".to_owned(), REQUEST_ID.to_owned())];
    if status != NO_CONTENT {
        headers.push(("content-type".to_owned(), kind.to_owned()));
    }
    if service.protocol == Protocol::Cbor {
        headers.push(("smithy-protocol".to_owned(), "rpc-v2-cbor".to_owned()));
    }
    Answer { status, headers, body }
}

/// Status of a success. Where S3 answers without a body and its model does not say so, S3 is right.
fn success(service: &Service<'_>, operation: &Operation<'_>) -> u16 {
    match (service.name, operation.name) {
        ("s3", "PutBucketPolicy" | "PutBucketTagging") => NO_CONTENT,
        _ => operation.status(),
    }
}

fn rest(service: &Service<'_>, operation: &Operation<'_>, output: &Value) -> Result<Answer, String> {
    let Some((id, structure)) = operation.output.and_then(|id| Some((id, service.structure(id)?))) else {
        return Ok(answer(service, success(service, operation), Vec::new()));
    };
    let said = |member: &Member<'_>| member.location == Location::Body && !output[member.name].is_null();
    let says_status = structure.members.iter().any(|member| member.location == Location::Status);
    let says_nothing = !structure.members.iter().any(said);
    let mut answer = match success(service, operation) {
        NO_CONTENT if says_nothing => answer(service, NO_CONTENT, Vec::new()),
        // Some models describe a body of answers that they say have none.
        NO_CONTENT => answer(service, 200, rest_body(service, id, structure, output)?),
        status => answer(service, status, rest_body(service, id, structure, output)?),
    };
    for member in &structure.members {
        let Some(value) = output.get(member.name).filter(|value| !value.is_null()) else { continue };
        match member.location {
            Location::Status => {
                let status = value.as_u64().and_then(|status| u16::try_from(status).ok());
                answer.status = status.ok_or("a status is a number below 65536")?;
            }
            Location::Header => {
                let name = member.wire_name.unwrap_or(member.name).to_lowercase();
                let text = header(service, member, value)?;
                if name == "content-range" && !says_status {
                    answer.status = PARTIAL_CONTENT;
                }
                answer.headers.retain(|(known, _)| *known != name);
                answer.headers.push((name, text));
            }
            Location::Headers => {
                let prefix = member.wire_name.unwrap_or_default().to_lowercase();
                let entries = value.as_object().into_iter().flatten();
                let texts = entries.filter_map(|(key, it)| Some((format!("{prefix}{key}"), it.as_str()?.to_owned())));
                answer.headers.extend(texts);
            }
            Location::Body | Location::Uri | Location::Query => {}
        }
    }
    Ok(answer)
}

fn header(service: &Service<'_>, member: &Member<'_>, value: &Value) -> Result<String, String> {
    if member.is(MemberFlags::JSON_VALUE) {
        return Ok(base64::encode(value.to_string()));
    }
    let format = xml::header_format(service, member);
    match (&service.shape(member.shape).kind, value) {
        (Kind::List { .. }, Value::Array(items)) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            Ok(items.join(","))
        }
        (kind, value) => scalar::to_text(kind, value, format),
    }
}

fn rest_body(service: &Service<'_>, id: ShapeId, structure: &Structure<'_>, output: &Value) -> Result<Vec<u8>, String> {
    let is_xml = service.protocol == Protocol::RestXml;
    if let ("s3", "GetBucketLocationOutput") = (service.name, service.shape(id).name) {
        return Ok(location(service, output));
    }
    let Some(member) = structure.payload.map(|at| &structure.members[at as usize]) else {
        if is_xml && !structure.members.iter().any(|member| member.location == Location::Body) {
            return Ok(Vec::new());
        }
        if is_xml {
            let name = structure.wire_name.unwrap_or(service.shape(id).name);
            let space = service.xml_namespace.map(|uri| format!(" xmlns=\"{uri}\"")).unwrap_or_default();
            return Ok(format!("<{name}{space}>{}</{name}>", xml::write_members(service, id, output)?).into_bytes());
        }
        return Ok(json::write(service, id, output)?.to_string().into_bytes());
    };
    let Some(value) = output.get(member.name).filter(|value| !value.is_null()) else { return Ok(Vec::new()) };
    match &service.shape(member.shape).kind {
        kind @ (Kind::Blob { .. } | Kind::String(..)) => scalar::to_body(kind, value),
        Kind::Structure(target) if target.event_stream => Err("streams of events are not written".to_owned()),
        _ if is_xml => {
            xml::write(service, member.shape, member.wire_name.unwrap_or(member.name), value).map(String::into_bytes)
        }
        _ => Ok(json::write(service, member.shape, value)?.to_string().into_bytes()),
    }
}

/// The location of a bucket stands alone, in no wrapper.
fn location(service: &Service<'_>, output: &Value) -> Vec<u8> {
    let space = service.xml_namespace.map(|uri| format!(" xmlns=\"{uri}\"")).unwrap_or_default();
    let name = xml::escaped(output["LocationConstraint"].as_str().unwrap_or_default());
    format!("<LocationConstraint{space}>{name}</LocationConstraint>").into_bytes()
}
