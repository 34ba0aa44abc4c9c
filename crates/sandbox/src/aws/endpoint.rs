//! The HTTP side: a request is read, judged, answered by whoever keeps the state, and written.

use std::{convert::Infallible, fmt, io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited, combinators::BoxBody};
use hyper::body::Incoming;
use serde_json::Value;
use trainyard_aws::{
    catalogue::model::{Auth, Operation, Service},
    offline::check_output,
};

use super::{
    signature::{self, AccessKey},
    wire::{self, Answer, Call, Misread, Refusal, Request},
};
use crate::loopback::{self, Answers, Reply, Running};

/// Largest body of a request: S3 takes parts of 5 GB, a sandbox does not.
const BODY_BYTES: usize = 256 << 20;

/// A call with who made it.
#[derive(Debug)]
pub struct Asked {
    /// The call.
    pub call: Call,
    /// The access key that it was signed with; empty where the operation is not signed.
    pub access_key: String,
}

type Decide = dyn Fn(&Asked) -> Result<Value, Refusal> + Send + Sync;

/// The endpoint of every service on one port of loopback, until it is dropped.
pub struct Endpoint {
    running: Running,
}

#[derive(Clone)]
struct Desk {
    keys: Arc<Vec<AccessKey>>,
    preferred: Arc<Vec<&'static Service<'static>>>,
    decide: Arc<Decide>,
}

impl Endpoint {
    /// Starts on a port, any free one for 0. Calls signed with one of the keys go to `decide`; where several services could
    /// be meant by a request, the `preferred` are. The error is that of the socket or the thread.
    pub fn start(
        port: u16,
        keys: Vec<AccessKey>,
        preferred: Vec<&'static Service<'static>>,
        decide: impl Fn(&Asked) -> Result<Value, Refusal> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let desk = Desk { keys: Arc::new(keys), preferred: Arc::new(preferred), decide: Arc::new(decide) };
        Ok(Self { running: loopback::start("aws-sandbox", port, None, desk)? })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.running.address)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("address", &self.running.address).finish_non_exhaustive()
    }
}

impl Answers for Desk {
    async fn answer(&self, request: http::Request<Incoming>) -> io::Result<Reply> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else {
            return Ok(plain(413, "the body is larger than the sandbox takes"));
        };
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let request = Request {
            method: head.method.to_string(),
            target: head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: body.to_bytes().to_vec(),
        };
        let mut answer = self.answer_to(&request);
        if request.method == "HEAD" || answer.status == StatusCode::NOT_MODIFIED {
            answer.body.clear();
        }
        // Without a body the length is that of the body that there would be.
        let length = answer.headers.iter().find(|(name, _)| name == "content-length" && request.method == "HEAD");
        let length = length.and_then(|(_, length)| HeaderValue::from_str(length).ok());
        let mut reply = reply(answer);
        if let Some(length) = length {
            reply.headers_mut().insert(http::header::CONTENT_LENGTH, length);
        }
        Ok(reply)
    }
}

impl Desk {
    fn answer_to(&self, request: &Request) -> Answer {
        let call = match wire::read(request, &self.preferred) {
            Ok(call) => call,
            Err(misread) => return self.misread(request, &misread),
        };
        let service = call.service;
        self.judged(request, call).unwrap_or_else(|refusal| wire::refusal(service, &refusal))
    }

    fn judged(&self, request: &Request, call: Call) -> Result<Answer, Refusal> {
        self.let_in(request, call.service, Some(call.operation))?;
        let access_key = wire::scope(request).map(|scope| scope.access_key.to_owned()).unwrap_or_default();
        let asked = Asked { call, access_key };
        let output = (self.decide)(&asked)?;
        let Call { service, operation, .. } = asked.call;
        // An answer that the API does not have would teach something wrong.
        let unsound = |why: String| Refusal::new(500, "InternalFailure", format!("the sandbox answers wrongly: {why}"));
        check_output(service, operation, &output).map_err(|error| unsound(error.to_string()))?;
        wire::output(service, operation, &output).map_err(unsound)
    }

    fn let_in(
        &self,
        request: &Request,
        service: &Service<'_>,
        operation: Option<&Operation<'_>>,
    ) -> Result<(), Refusal> {
        match operation.and_then(|operation| operation.auth).unwrap_or(service.auth) {
            Auth::None => Ok(()),
            Auth::SigV4 | Auth::SigV4UnsignedPayload => signature::check(request, &self.keys, service),
            Auth::SigV4a | Auth::Bearer | Auth::SigV2 => Err(not_here("this way to sign")),
        }
    }

    /// Strangers are told that they are strangers, not what is wrong with their requests.
    fn misread(&self, request: &Request, misread: &Misread) -> Answer {
        let Some(service) = misread.service else {
            return wire_free(&misread.why);
        };
        let judged = self.let_in(request, service, misread.operation);
        let refusal = judged.err().unwrap_or_else(|| invalid(service, &misread.why));
        wire::refusal(service, &refusal)
    }
}

/// What the sandbox has no state for.
pub(super) fn not_here(what: &str) -> Refusal {
    Refusal::new(501, "NotInTheSandbox", format!("{what} is not in the sandbox"))
}

/// Input that the API does not have, in the words of each family of services.
fn invalid(service: &Service<'_>, why: &str) -> Refusal {
    use trainyard_aws::catalogue::model::Protocol;
    let code = match service.protocol {
        Protocol::Ec2 => "InvalidParameterValue",
        Protocol::Query => "ValidationError",
        Protocol::RestXml => "InvalidArgument",
        _ => "ValidationException",
    };
    Refusal::new(400, code, why)
}

/// A refusal where not even the service is known.
fn wire_free(why: &str) -> Answer {
    let body = serde_json::json!({"__type": "UnknownOperationException", "message": why}).to_string();
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("x-amzn-errortype".to_owned(), "UnknownOperationException".to_owned()),
    ];
    Answer { status: 404, headers, body: body.into_bytes() }
}

fn plain(status: u16, text: &str) -> Reply {
    reply(Answer {
        status,
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
        body: text.as_bytes().to_vec(),
    })
}

fn reply(answer: Answer) -> Reply {
    let body: BoxBody<Bytes, Infallible> = Full::new(Bytes::from(answer.body)).boxed();
    let mut reply = Response::new(body);
    *reply.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // The length is that of the body, whatever a member of the output says.
    for (name, value) in answer.headers.into_iter().filter(|(name, _)| name != "content-length") {
        // A value with a line break is no header; such a member is left out.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes())) {
            reply.headers_mut().append(name, value);
        }
    }
    reply
}
