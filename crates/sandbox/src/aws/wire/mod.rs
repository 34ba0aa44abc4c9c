//! The wire of every service from the side of AWS: requests read, answers and refusals written, driven by the same
//! catalogue as the client in `crates/aws`.
//!
//! ```
//! use serde_json::json;
//! use trainyard_sandbox::aws::wire::{self, Request};
//!
//! let request = Request {
//!     method: "POST".to_owned(),
//!     target: "/".to_owned(),
//!     headers: vec![("authorization".to_owned(), "AWS4-HMAC-SHA256 Credential=K/20261121/eu-west-1/ec2/aws4_request".to_owned())],
//!     body: b"Action=DescribeVpcs&Version=2016-11-15&VpcId.1=vpc-1".to_vec(),
//! };
//! let call = wire::read(&request, &[]).expect("a call");
//! assert_eq!((call.service.name, call.operation.name), ("ec2", "DescribeVpcs"));
//! assert_eq!(call.input, json!({"VpcIds": ["vpc-1"]}));
//! let answer = wire::output(call.service, call.operation, &json!({"Vpcs": [{"VpcId": "vpc-1"}]})).expect("an answer");
//! assert_eq!(answer.status, 200);
//! ```

mod body;
mod cbor;
mod find;
mod form;
mod json;
mod rest;
mod scalar;
mod write;
mod xml;

use serde_json::{Map, Value};
use trainyard_aws::catalogue::model::{Operation, Service};

pub use self::{
    find::{Misread, Scope, read, scope},
    write::{output, refusal},
};

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// HTTP method.
    pub method: String,
    /// Path and query, escaped as they came.
    pub target: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Request {
    /// A header by its name in lower case; the first, where there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The path without the query, escaped.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query without the question mark, escaped.
    pub(crate) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The body as text.
    fn text(&self) -> Result<&str, String> {
        std::str::from_utf8(&self.body).map_err(|error| format!("the body is no text: {error}"))
    }
}

/// A request, understood.
#[derive(Debug, Clone)]
pub struct Call {
    /// The service.
    pub service: &'static Service<'static>,
    /// The operation.
    pub operation: &'static Operation<'static>,
    /// Region that the request was signed for; empty where it was not signed.
    pub region: String,
    /// Its input, with the names of the API.
    pub input: Value,
}

/// An answer on the wire.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// A refusal, as services give them.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Code of the error.
    pub code: String,
    /// A sentence.
    pub message: String,
    /// Further members of the modelled error.
    pub detail: Box<Map<String, Value>>,
}

impl Refusal {
    /// A refusal without further members.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), detail: Box::default() }
    }
}
