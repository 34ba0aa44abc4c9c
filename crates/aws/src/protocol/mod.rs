//! The wire protocols. The official codecs do the work; what they lack stands in the files beside this one.

mod ec2;
mod xml_error;

use aws_smithy_cbor::protocol::RpcV2CborProtocol;
use aws_smithy_json::protocol::{aws_json_rpc::AwsJsonRpcProtocol, aws_rest_json_1::AwsRestJsonProtocol};
use aws_smithy_query::protocol::AwsQueryProtocol;
use aws_smithy_runtime_api::http::{Request, Response};
pub(crate) use aws_smithy_schema::http_protocol::percent_encode;
use aws_smithy_schema::{Schema, protocol::SharedClientProtocol, serde::SerdeError};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag, error::ErrorMetadata};
use aws_smithy_xml::codec::find_depth2_element_slice_by;
use aws_smithy_xml::protocol::aws_rest_xml::AwsRestXmlProtocol;
use serde_json::{Map, Value};

use crate::{
    catalogue::model::{Kind, Location, Member, Operation, Protocol, Service, ShapeId},
    schema::Schemas,
    service::Prepared,
    value::{Input, Root, check_whole, read_members, read_structure},
};

/// How one service is spoken to.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    kind: Protocol,
    codec: SharedClientProtocol,
}

impl Wire {
    /// The protocol that the catalogue chose for the service.
    pub(crate) fn new(service: &'static Service<'static>) -> Self {
        let prefix = service.target_prefix.unwrap_or_default();
        let codec = match service.protocol {
            Protocol::Json10 => {
                SharedClientProtocol::new(AwsJsonRpcProtocol::aws_json_1_0().with_target_prefix(prefix))
            }
            Protocol::Json11 => {
                SharedClientProtocol::new(AwsJsonRpcProtocol::aws_json_1_1().with_target_prefix(prefix))
            }
            Protocol::RestJson => SharedClientProtocol::new(AwsRestJsonProtocol::new()),
            Protocol::RestXml => SharedClientProtocol::new(match service.xml_namespace {
                Some(uri) => AwsRestXmlProtocol::new().with_service_xml_namespace(uri, None),
                None => AwsRestXmlProtocol::new(),
            }),
            // EC2's answers are plain XML, and its requests are written in `ec2`.
            Protocol::Ec2 => SharedClientProtocol::new(AwsRestXmlProtocol::new()),
            Protocol::Query => {
                SharedClientProtocol::new(AwsQueryProtocol::new().with_service_version(service.api_version))
            }
            Protocol::Cbor => SharedClientProtocol::new(RpcV2CborProtocol::new()),
        };
        Self { kind: service.protocol, codec }
    }

    /// The request, without an address.
    pub(crate) fn request(
        &self,
        schemas: &Schemas,
        prepared: &Prepared,
        input: &Value,
        cfg: &ConfigBag,
    ) -> Result<Request, SerdeError> {
        let Prepared { operation, input: schema, payload, .. } = prepared;
        if self.kind == Protocol::Ec2 {
            return ec2::request(schemas.service(), operation, input);
        }
        let whole = Input::new(schemas, operation.input, schema, payload.as_ref(), input);
        let mut request = self.codec.serialize_request(&whole, schema, "", cfg)?;
        match self.kind {
            Protocol::RestJson | Protocol::RestXml => self.finish_payload(schemas, operation, input, &mut request),
            Protocol::Cbor if operation.input.is_none() => {
                // The protocol wants no body at all here, and no type for it either.
                *request.body_mut() = SdkBody::empty();
                request.headers_mut().remove("content-type");
            }
            _ => {}
        }
        if schemas.service().query_compatible {
            request.headers_mut().insert("x-amzn-query-mode", "true");
        }
        Ok(request)
    }

    /// What the official codecs leave open where one member is the whole body: its type, the empty structure, and
    /// values without a shape.
    fn finish_payload(&self, schemas: &Schemas, operation: &Operation<'_>, input: &Value, request: &mut Request) {
        let service = schemas.service();
        let Some(structure) = operation.input.and_then(|id| service.structure(id)) else { return };
        let Some(member) = structure.payload.map(|at| &structure.members[at as usize]) else {
            let said = |member: &Member<'_>| {
                member.location == Location::Body && input.get(member.name).is_some_and(|value| !value.is_null())
            };
            if self.kind == Protocol::RestXml && !structure.members.iter().any(said) {
                // Nothing to say is no body, rather than an empty element. A type that the caller gives is that of something
                // else: of the object that a copy makes.
                *request.body_mut() = SdkBody::empty();
                let of_caller = |member: &Member<'_>| {
                    member.location == Location::Header
                        && member.wire_name.is_some_and(|name| name.eq_ignore_ascii_case("content-type"))
                        && input.get(member.name).is_some_and(|value| !value.is_null())
                };
                if !structure.members.iter().any(of_caller) {
                    request.headers_mut().remove("content-type");
                }
                request.headers_mut().remove("content-length");
            }
            return;
        };
        let given = input.get(member.name).filter(|value| !value.is_null());
        let (kind, body) = match (&service.shape(member.shape).kind, given) {
            (Kind::Blob { .. }, Some(_)) => ("application/octet-stream", None),
            (Kind::String(..), Some(_)) => ("text/plain", None),
            (Kind::Document, Some(value)) => ("application/json", Some(value.to_string())),
            (Kind::Structure(target), None) if self.kind == Protocol::RestJson && !target.union => {
                ("application/json", Some("{}".to_owned()))
            }
            _ => return,
        };
        if let Some(body) = body {
            request.headers_mut().insert("content-length", body.len().to_string());
            *request.body_mut() = SdkBody::from(body);
        }
        if request.headers().get("content-type").is_none() {
            request.headers_mut().insert("content-type", kind);
        }
    }

    /// The answer as a value.
    pub(crate) fn output(
        &self,
        schemas: &Schemas,
        output: Option<(ShapeId, &Schema<'static>)>,
        response: &Response,
        cfg: &ConfigBag,
    ) -> Result<Value, SerdeError> {
        let Some((id, schema)) = output else {
            let body = response.body().bytes().unwrap_or_default();
            if matches!(self.kind, Protocol::Ec2 | Protocol::Query) && !body.trim_ascii().is_empty() {
                check_whole(schemas, body)?;
            }
            return Ok(Value::Object(Map::new()));
        };
        let structure = schemas.service().structure(id);
        let has_payload = structure.is_some_and(|structure| structure.payload.is_some());
        let empty = response.body().bytes().is_some_and(|bytes| bytes.trim_ascii().is_empty());
        if empty && !has_payload {
            return self.without_body(schemas, (id, schema), response, cfg);
        }
        let root = match self.kind {
            Protocol::Ec2 => Root::Outermost,
            Protocol::Query => Root::Result,
            Protocol::RestXml if !has_payload => Root::Outermost,
            _ => {
                let mut from = self.codec.deserialize_response(response, schema, cfg)?;
                return read_structure(schemas, from.as_mut(), schema, id);
            }
        };
        let body = response.body().bytes().ok_or_else(|| SerdeError::invalid_input("the body was not read"))?;
        let mut members = read_members(schemas, body, schema, id, root)?;
        let in_body = |member: &Member<'_>| member.location == Location::Body;
        if structure.is_some_and(|structure| !structure.members.iter().all(in_body))
            && let Value::Object(head) = self.without_body(schemas, (id, schema), response, cfg)?
        {
            members.extend(head);
        }
        Ok(Value::Object(members))
    }

    /// What the status and the headers of an answer say.
    fn without_body(
        &self,
        schemas: &Schemas,
        (id, schema): (ShapeId, &Schema<'static>),
        response: &Response,
        cfg: &ConfigBag,
    ) -> Result<Value, SerdeError> {
        let mut filled = Response::new(response.status(), SdkBody::from(self.empty_document()));
        *filled.headers_mut() = response.headers().clone();
        let mut from = self.codec.deserialize_response(&filled, schema, cfg)?;
        read_structure(schemas, from.as_mut(), schema, id)
    }

    /// A structure that is the whole of a text: the payload of an event.
    pub(crate) fn structure(&self, schemas: &Schemas, id: ShapeId, text: &[u8]) -> Result<Value, SerdeError> {
        let codec =
            self.codec.payload_codec().ok_or_else(|| SerdeError::invalid_input("the protocol has no events"))?;
        let mut from = codec.create_deserializer(text);
        read_structure(schemas, from.as_mut(), schemas.target(id), id)
    }

    /// The output of an operation whose body follows as events: what the headers and the status say.
    pub(crate) fn head(service: &Service<'_>, output: Option<ShapeId>, response: &Response) -> Value {
        let members = output.and_then(|id| service.structure(id)).map(|structure| structure.members.as_slice());
        let mut head = Map::new();
        for member in members.unwrap_or_default() {
            let name = member.wire_name.unwrap_or(member.name);
            let value = match (member.location, response.headers().get(name)) {
                (Location::Status, _) => Value::from(response.status().as_u16()),
                (Location::Header, Some(text)) => match service.shape(member.shape).kind {
                    Kind::Integer(_) | Kind::Long(_) => text.parse::<i64>().map_or(Value::from(text), Value::from),
                    Kind::Boolean => Value::from(text == "true"),
                    _ => Value::from(text),
                },
                _ => continue,
            };
            head.insert(member.name.to_owned(), value);
        }
        Value::Object(head)
    }

    /// Members of a modelled error beside code and message.
    pub(crate) fn error_detail(
        &self,
        schemas: &Schemas,
        (id, schema): (ShapeId, &Schema<'static>),
        response: &Response,
        cfg: &ConfigBag,
    ) -> Result<Value, SerdeError> {
        let body = response.body().bytes().unwrap_or_default();
        let inner = find_depth2_element_slice_by(body, |name| name == "Errors").filter(|_| self.kind == Protocol::Ec2);
        let unwrapped = inner.map(|errors| Response::new(response.status(), SdkBody::from(errors)));
        let mut from = self.codec.deserialize_error_response(unwrapped.as_ref().unwrap_or(response), cfg)?;
        read_structure(schemas, from.as_mut(), schema, id)
    }

    /// Code, message and request id of a failure, as far as the body says.
    pub(crate) fn error(&self, response: &Response, cfg: &ConfigBag) -> ErrorMetadata {
        let metadata = match self.kind {
            Protocol::RestXml | Protocol::Query | Protocol::Ec2 => {
                xml_error::parse(response.body().bytes().unwrap_or_default())
            }
            _ => self.codec.parse_error_metadata(response, cfg).ok(),
        };
        metadata.map(aws_smithy_types::error::metadata::Builder::build).unwrap_or_default()
    }

    /// The official codecs take an empty body for a malformed one; services send it where nothing is to be said.
    fn empty_document(&self) -> &'static [u8] {
        match self.kind {
            Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => b"{}",
            Protocol::RestXml | Protocol::Query | Protocol::Ec2 => b"<Empty/>",
            Protocol::Cbor => &[0xA0],
        }
    }
}
