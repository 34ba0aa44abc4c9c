//! Answers in the form of each protocol.

use aws_smithy_types::base64;
use serde_json::{Value, json};
use trainyard_aws::catalogue::model::{Kind, Location, MemberFlags, Operation, Protocol, Service, ShapeId, Structure};
use trainyard_harness::Reply;

use crate::{Refusal, json, scalar, xml};

/// Id that every answer carries.
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// An operation's output.
pub(crate) fn output(service: &Service<'_>, operation: &Operation<'static>, output: &Value) -> Result<Reply, String> {
    let name = operation.name;
    let members = |id: Option<ShapeId>| id.map_or(Ok(String::new()), |id| xml::write_members(service, id, output));
    let space = service.xml_namespace.map(|uri| format!(" xmlns=\"{uri}\"")).unwrap_or_default();
    let body = match service.protocol {
        Protocol::Ec2 => {
            let members = members(operation.output)?;
            format!("<{name}Response{space}><requestId>{REQUEST_ID}</requestId>{members}</{name}Response>")
        }
        Protocol::Query => {
            let members = members(operation.output)?;
            let wrapped = operation.result_wrapper.map(|result| format!("<{result}>{members}</{result}>"));
            let id = format!("<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>");
            format!("<{name}Response{space}>{}{id}</{name}Response>", wrapped.unwrap_or(members))
        }
        Protocol::Json10 | Protocol::Json11 => {
            let id = operation.output;
            id.map_or_else(|| Ok(json!({})), |id| json::write(service, id, output))?.to_string()
        }
        Protocol::RestJson | Protocol::RestXml => return rest(service, operation, output),
        Protocol::Cbor => return Err("answers in CBOR are not written".to_owned()),
    };
    Ok(reply(service, 200, &body))
}

/// A refusal.
pub(crate) fn refusal(service: &Service<'_>, refusal: &Refusal) -> Reply {
    let Refusal { status, code, message, detail } = refusal;
    let inner = format!("<Code>{}</Code><Message>{}</Message>", xml::escaped(code), xml::escaped(message));
    let id = format!("<RequestId>{REQUEST_ID}</RequestId>");
    let body = match service.protocol {
        Protocol::Ec2 => {
            format!("<Response><Errors><Error>{inner}</Error></Errors><RequestID>{REQUEST_ID}</RequestID></Response>")
        }
        Protocol::RestXml if service.name == "s3" => format!("<Error>{inner}{id}</Error>"),
        Protocol::Query | Protocol::RestXml => {
            format!("<ErrorResponse><Error><Type>Sender</Type>{inner}</Error>{id}</ErrorResponse>")
        }
        _ => {
            let mut body = detail.clone();
            body.insert("__type".to_owned(), json!(code));
            body.insert("message".to_owned(), json!(message));
            Value::Object(body).to_string()
        }
    };
    let mut reply = reply(service, *status, &body);
    match service.protocol {
        Protocol::RestJson => reply.headers.push(("x-amzn-errortype", code.clone())),
        _ if service.query_compatible => reply.headers.push(("x-amzn-query-error", format!("{code};Sender"))),
        _ => {}
    }
    reply
}

fn reply(service: &Service<'_>, status: u16, body: &str) -> Reply {
    let kind = match service.protocol {
        Protocol::Json10 => "application/x-amz-json-1.0",
        Protocol::Json11 => "application/x-amz-json-1.1",
        Protocol::RestJson => "application/json",
        _ => "text/xml",
    };
    let mut reply = Reply::new(status, kind, body);
    reply.headers.push(("x-amzn-requestid", REQUEST_ID.to_owned()));
    reply
}

fn rest(service: &Service<'_>, operation: &Operation<'static>, output: &Value) -> Result<Reply, String> {
    let Some((id, structure)) = operation.output.and_then(|id| Some((id, service.structure(id)?))) else {
        return Ok(reply(service, 200, ""));
    };
    let mut reply = reply(service, 200, &rest_body(service, id, structure, output)?);
    for member in &structure.members {
        let Some(value) = output.get(member.name).filter(|value| !value.is_null()) else { continue };
        let name = member.wire_name.unwrap_or(member.name);
        match member.location {
            Location::Status => {
                let status = value.as_u64().and_then(|status| u16::try_from(status).ok());
                reply.status = status.ok_or("a status is a number below 65536")?;
            }
            Location::Header if member.is(MemberFlags::JSON_VALUE) => {
                reply.headers.push((name.to_owned().leak(), base64::encode(value.to_string())));
            }
            Location::Header => {
                let format = xml::header_format(service, member);
                let text = match (&service.shape(member.shape).kind, value) {
                    (Kind::List { .. }, Value::Array(items)) => {
                        let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                        items.join(",")
                    }
                    (kind, value) => scalar::to_text(kind, value, format)?,
                };
                reply.headers.push((name.to_owned().leak(), text));
            }
            // The harness takes names that live for ever; a test has few.
            Location::Headers => reply.headers.extend(
                value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter_map(|(key, it)| Some((&*format!("{name}{key}").leak(), it.as_str()?.to_owned()))),
            ),
            Location::Body | Location::Uri | Location::Query => {}
        }
    }
    Ok(reply)
}

fn rest_body(service: &Service<'_>, id: ShapeId, structure: &Structure<'_>, output: &Value) -> Result<String, String> {
    let is_xml = service.protocol == Protocol::RestXml;
    let Some(member) = structure.payload.map(|at| &structure.members[at as usize]) else {
        if is_xml {
            let name = service.shape(id).name;
            let space = service.xml_namespace.map(|uri| format!(" xmlns=\"{uri}\"")).unwrap_or_default();
            return Ok(format!("<{name}{space}>{}</{name}>", xml::write_members(service, id, output)?));
        }
        return Ok(json::write(service, id, output)?.to_string());
    };
    let Some(value) = output.get(member.name).filter(|value| !value.is_null()) else { return Ok(String::new()) };
    match &service.shape(member.shape).kind {
        kind @ (Kind::Blob { .. } | Kind::String(..)) => scalar::body_text(kind, value),
        _ if is_xml => xml::write(service, member.shape, member.wire_name.unwrap_or(member.name), value),
        _ => Ok(json::write(service, member.shape, value)?.to_string()),
    }
}
