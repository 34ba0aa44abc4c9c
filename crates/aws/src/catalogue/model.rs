//! The facts about one AWS service: its operations and the shapes that travel on its wire.
//!
//! Extracted from botocore's service descriptions by `cargo xtask catalogue`; field meanings are those of the C2J
//! and Smithy specifications. Strings borrow from the decompressed blob, so decoding copies almost nothing.

use serde::{Deserialize, Serialize};

use crate::endpoint::rules::RuleSet;

/// Position of a shape in [`Service::shapes`].
pub type ShapeId = u32;

/// One service, as its API describes it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Service<'a> {
    /// Name that the command line and botocore use: `ec2`, `s3`, `sagemaker`.
    pub name: &'a str,
    /// Service id of the model: `EC2`, `S3`, `SageMaker`.
    pub id: &'a str,
    /// Full name as AWS writes it.
    pub title: &'a str,
    /// API version date.
    pub api_version: &'a str,
    /// First label of the service's usual host name.
    pub endpoint_prefix: &'a str,
    /// Name in the credential scope of a signature, unless an endpoint rule overrides it.
    pub signing_name: &'a str,
    /// How requests are signed unless the operation says otherwise.
    pub auth: Auth,
    /// Wire protocol that we speak with it.
    pub protocol: Protocol,
    /// Prefix of `X-Amz-Target` (JSON protocols).
    pub target_prefix: Option<&'a str>,
    /// Name space of XML bodies (XML protocols).
    pub xml_namespace: Option<&'a str>,
    /// Errors carry the older Query codes in `x-amzn-query-error`.
    pub query_compatible: bool,
    /// Sorted by name.
    pub operations: Vec<Operation<'a>>,
    /// Every shape that an operation or an error can reach.
    pub shapes: Vec<Shape<'a>>,
    /// Error shapes that belong to no single operation are found here by code.
    pub errors: Vec<ShapeId>,
    /// Sorted by name.
    pub waiters: Vec<Waiter<'a>>,
    /// How the address of a call is found.
    pub rules: RuleSet<'a>,
}

/// A wire protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// JSON body, `X-Amz-Target`, version 1.0.
    Json10,
    /// JSON body, `X-Amz-Target`, version 1.1.
    Json11,
    /// JSON body, members bound to path, query and headers.
    RestJson,
    /// XML body, members bound to path, query and headers.
    RestXml,
    /// Form-encoded request, XML answer.
    Query,
    /// EC2's variant of [`Protocol::Query`].
    Ec2,
    /// CBOR body, operation in the path.
    Cbor,
}

/// How a request proves who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Auth {
    /// Signature version 4.
    SigV4,
    /// Signature version 4 over a body that is not hashed.
    SigV4UnsignedPayload,
    /// Signature version 4A only (several regions).
    SigV4a,
    /// A bearer token.
    Bearer,
    /// Not signed.
    None,
    /// Signature version 2.
    SigV2,
}

/// What an operation may do, as the service authorization reference and our reviewed exceptions have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessLevel {
    /// Changes nothing and reveals no secret.
    Read,
    /// Changes nothing, but its answer holds secrets or content of others.
    Sensitive,
    /// Changes something.
    Write,
    /// No source knows it: treated as [`AccessLevel::Write`].
    Unknown,
}

/// One operation.
#[derive(Debug, Serialize, Deserialize)]
pub struct Operation<'a> {
    /// `DescribeInstances`.
    pub name: &'a str,
    /// HTTP method.
    pub method: &'a str,
    /// Path and query as the model writes them: `/{Bucket}/{Key+}?tagging`.
    pub uri: &'a str,
    /// Input structure.
    pub input: Option<ShapeId>,
    /// Name of the XML element that wraps the input, and its name space.
    pub input_element: Option<&'a str>,
    /// Name space of [`Operation::input_element`].
    pub input_namespace: Option<&'a str>,
    /// Output structure.
    pub output: Option<ShapeId>,
    /// Element that wraps the output in the Query protocol.
    pub result_wrapper: Option<&'a str>,
    /// Error structures that the operation declares.
    pub errors: Vec<ShapeId>,
    /// Overrides [`Service::auth`].
    pub auth: Option<Auth>,
    /// What it may do.
    pub access: AccessLevel,
    /// Prefix of the host name, with `{labels}`.
    pub host_prefix: Option<&'a str>,
    /// Endpoint parameters with a fixed value.
    pub static_context: Vec<(&'a str, ContextValue<'a>)>,
    /// Endpoint parameters taken from the input by `JMESPath`.
    pub operation_context: Vec<(&'a str, &'a str)>,
    /// Checksum rules.
    pub checksum: Option<Checksum<'a>>,
    /// How its pages are followed.
    pub pages: Option<Pages<'a>>,
    /// Needs an endpoint discovered by another operation first.
    pub endpoint_discovery_required: bool,
    /// The body may be sent gzip-compressed.
    pub gzip: bool,
    /// AWS advises against using it.
    pub deprecated: bool,
    /// Bits of [`OperationFlags`]; [`Operation::status`] is among them.
    pub flags: u8,
}

/// A fixed value of an endpoint parameter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ContextValue<'a> {
    /// A truth value.
    Bool(bool),
    /// A string.
    #[serde(borrow)]
    String(&'a str),
    /// A list of strings.
    List(Vec<&'a str>),
}

/// Which checksums an operation wants.
#[derive(Debug, Serialize, Deserialize)]
pub struct Checksum<'a> {
    /// The request must carry one.
    pub required: bool,
    /// Input member that names the algorithm.
    pub algorithm_member: Option<&'a str>,
    /// Input member that asks for a checked answer.
    pub validation_member: Option<&'a str>,
    /// Algorithms that an answer may be checked with.
    pub response_algorithms: Vec<&'a str>,
    /// The old form: a `Content-MD5` (or the service's own) checksum is required.
    pub md5: bool,
}

/// How pages are followed. Expressions are `JMESPath`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pages<'a> {
    /// Input members that take the tokens.
    pub input_tokens: Vec<&'a str>,
    /// Where the answer holds them, in the same order.
    pub output_tokens: Vec<&'a str>,
    /// Lists that grow from page to page, the first being the main one.
    pub results: Vec<&'a str>,
    /// Input member that limits a page.
    pub limit: Option<&'a str>,
    /// Where the answer says that there are more.
    pub more: Option<&'a str>,
    /// Members of the first page that belong to the whole.
    pub once: Vec<&'a str>,
}

/// A named condition to wait for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Waiter<'a> {
    /// `InstanceRunning`.
    pub name: &'a str,
    /// Operation that is asked.
    pub operation: &'a str,
    /// Seconds between two questions.
    pub delay: u32,
    /// Most questions asked.
    pub max_attempts: u32,
    /// Tried in order; the first match decides.
    pub acceptors: Vec<Acceptor<'a>>,
}

/// One rule of a waiter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Acceptor<'a> {
    /// `success`, `failure` or `retry`.
    pub state: &'a str,
    /// `path`, `pathAll`, `pathAny`, `status` or `error`.
    pub matcher: &'a str,
    /// `JMESPath` over the answer.
    pub argument: Option<&'a str>,
    /// Expected value as JSON text.
    pub expected: &'a str,
}

/// One shape.
#[derive(Debug, Serialize, Deserialize)]
pub struct Shape<'a> {
    /// Name in the model.
    pub name: &'a str,
    /// Its values must not be shown.
    pub sensitive: bool,
    /// What it is.
    pub kind: Kind<'a>,
}

/// What a shape is.
#[derive(Debug, Serialize, Deserialize)]
pub enum Kind<'a> {
    /// True or false.
    Boolean,
    /// 32-bit (or shorter) integer with its bounds.
    Integer(Bounds),
    /// 64-bit integer with its bounds.
    Long(Bounds),
    /// 32-bit floating point with its bounds, widened to whole numbers.
    Float(Bounds),
    /// 64-bit floating point with its bounds, widened to whole numbers.
    Double(Bounds),
    /// Text with its length bounds and, where it has few values, those values.
    String(Bounds, #[serde(borrow)] Vec<&'a str>),
    /// Bytes.
    Blob {
        /// Sent and received as a stream.
        streaming: bool,
        /// How many bytes.
        length: Bounds,
    },
    /// A point in time.
    Timestamp(Option<TimestampFormat>),
    /// A list.
    List {
        /// What it holds.
        item: Element<'a>,
        /// Items repeat without a wrapper (XML, Query).
        flattened: bool,
        /// Null items are kept.
        sparse: bool,
        /// How many items.
        length: Bounds,
    },
    /// A map.
    Map {
        /// Its keys.
        key: Element<'a>,
        /// Its values.
        value: Element<'a>,
        /// Entries repeat without a wrapper (XML, Query).
        flattened: bool,
        /// Null values are kept.
        sparse: bool,
        /// How many entries.
        length: Bounds,
    },
    /// Members by name.
    Structure(Structure<'a>),
    /// Any JSON value.
    Document,
}

/// Smallest and largest value or length, where the model gives one.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Bounds {
    /// Smallest value or length.
    pub min: Option<i64>,
    /// Largest value or length.
    pub max: Option<i64>,
}

/// Target of a list or map.
#[derive(Debug, Serialize, Deserialize)]
pub struct Element<'a> {
    /// Shape of each element.
    pub shape: ShapeId,
    /// Name on the wire, if it is not the protocol's own (`member`, `key`, `value`).
    pub wire_name: Option<&'a str>,
    /// JSON text inside a string.
    pub json_value: bool,
    /// Name space of each XML element.
    #[serde(borrow)]
    pub xml_namespace: Option<XmlNamespace<'a>>,
}

/// Members by name.
#[derive(Debug, Serialize, Deserialize)]
pub struct Structure<'a> {
    /// In the model's order, which some XML services depend on.
    #[serde(borrow)]
    pub members: Vec<Member<'a>>,
    /// Index of the member that is the whole body.
    pub payload: Option<u32>,
    /// Exactly one member is set.
    pub union: bool,
    /// Set for exceptions.
    pub error: Option<ErrorFacts<'a>>,
    /// An event stream: each member is one kind of event.
    pub event_stream: bool,
    /// Its name on the wire where it is the whole body, if it is not that of the shape.
    pub wire_name: Option<&'a str>,
    /// Name space of its XML element, where the shape declares one.
    pub xml_namespace: Option<XmlNamespace<'a>>,
}

/// What the model says about an exception.
#[derive(Debug, Serialize, Deserialize)]
pub struct ErrorFacts<'a> {
    /// Code on the wire, where it is not the shape's name.
    pub code: Option<&'a str>,
    /// Status of the answer.
    pub http_status: Option<u16>,
    /// The service, not the caller, is at fault.
    pub fault: bool,
    /// May be tried again.
    pub retryable: bool,
    /// Tried again because the caller was too fast.
    pub throttling: bool,
}

/// One member of a structure.
#[derive(Debug, Serialize, Deserialize)]
pub struct Member<'a> {
    /// Name in the model, and in our JSON.
    pub name: &'a str,
    /// Its shape.
    pub shape: ShapeId,
    /// Name on the wire, where it differs.
    pub wire_name: Option<&'a str>,
    /// Name on the wire of the EC2 protocol's requests, where it differs.
    pub query_name: Option<&'a str>,
    /// Where in the message it travels.
    pub location: Location,
    /// Overrides the shape's format.
    pub timestamp_format: Option<TimestampFormat>,
    /// Endpoint parameter that it feeds.
    pub context_param: Option<&'a str>,
    /// Name space of its XML element.
    pub xml_namespace: Option<XmlNamespace<'a>>,
    /// Bits of [`MemberFlags`].
    pub flags: u16,
}

/// An XML name space.
#[derive(Debug, Serialize, Deserialize)]
pub struct XmlNamespace<'a> {
    /// Its address.
    pub uri: &'a str,
    /// Its prefix.
    pub prefix: Option<&'a str>,
}

/// Where in the message a member travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Location {
    /// In the body.
    Body,
    /// In the path.
    Uri,
    /// In the query string.
    Query,
    /// In a header.
    Header,
    /// Each entry in a header with a common prefix.
    Headers,
    /// The status of the answer.
    Status,
}

/// How a point in time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimestampFormat {
    /// `2026-11-21T10:00:00Z`.
    Iso8601,
    /// Seconds since 1970.
    Unix,
    /// `Sat, 21 Nov 2026 10:00:00 GMT`.
    Rfc822,
}

/// Bits of [`Member::flags`].
#[derive(Debug)]
pub struct MemberFlags;

impl MemberFlags {
    /// Must be given.
    pub const REQUIRED: u16 = 1;
    /// Filled with a random token when absent.
    pub const IDEMPOTENCY_TOKEN: u16 = 1 << 1;
    /// List or map without a wrapper.
    pub const FLATTENED: u16 = 1 << 2;
    /// An attribute of the XML element.
    pub const XML_ATTRIBUTE: u16 = 1 << 3;
    /// JSON text inside a string.
    pub const JSON_VALUE: u16 = 1 << 4;
    /// Part of the host name.
    pub const HOST_LABEL: u16 = 1 << 5;
    /// The payload of an event.
    pub const EVENT_PAYLOAD: u16 = 1 << 6;
    /// Header of an event.
    pub const EVENT_HEADER: u16 = 1 << 7;
    /// Sent and received as a stream.
    pub const STREAMING: u16 = 1 << 8;
    /// AWS advises against using it.
    pub const DEPRECATED: u16 = 1 << 9;
}

/// Bits of [`Operation::flags`].
#[derive(Debug)]
pub struct OperationFlags;

impl OperationFlags {
    /// May be repeated without further effect.
    pub const IDEMPOTENT: u8 = 1;
    /// Grants or takes away rights (IAM "permissions management").
    pub const PERMISSIONS: u8 = 1 << 1;
    /// Deletes, terminates or otherwise cannot be undone.
    pub const DESTROYS: u8 = 1 << 2;
    /// Costs money each time it is called.
    pub const COSTS: u8 = 1 << 3;
    /// Changes something, and its answer holds a secret besides (`CreateAccessKey`).
    pub const REVEALS: u8 = 1 << 4;
    /// What the access tables say, in which a model has no part.
    pub const JUDGED: u8 = Self::PERMISSIONS | Self::DESTROYS | Self::COSTS | Self::REVEALS;
    /// Two bits: which of [`Self::STATUSES`] a success has.
    const STATUS: u8 = 3 << Self::STATUS_AT;
    const STATUS_AT: u32 = 5;
    /// The statuses of successes that models name.
    const STATUSES: [u16; 4] = [200, 201, 202, 204];

    /// The bits of a success's status; those of 200 for one that no model of AWS names.
    pub fn of_status(status: u64) -> u8 {
        let at = Self::STATUSES.iter().position(|known| u64::from(*known) == status).unwrap_or_default();
        u8::try_from(at).unwrap_or_default() << Self::STATUS_AT
    }
}

impl<'a> Service<'a> {
    /// The operation of that name, exact spelling.
    pub fn operation(&self, name: &str) -> Option<&Operation<'a>> {
        self.operations.binary_search_by(|operation| operation.name.cmp(name)).ok().map(|at| &self.operations[at])
    }

    /// The shape at `id`. The extractor never writes an id past the end.
    pub fn shape(&self, id: ShapeId) -> &Shape<'a> {
        &self.shapes[id as usize]
    }

    /// The structure at `id`, if it is one.
    pub fn structure(&self, id: ShapeId) -> Option<&Structure<'a>> {
        match &self.shape(id).kind {
            Kind::Structure(structure) => Some(structure),
            _ => None,
        }
    }
}

impl Member<'_> {
    /// Whether the bit of [`MemberFlags`] is set.
    pub fn is(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

impl Operation<'_> {
    /// HTTP status of a success.
    pub fn status(&self) -> u16 {
        let at = (self.flags & OperationFlags::STATUS) >> OperationFlags::STATUS_AT;
        OperationFlags::STATUSES[usize::from(at)]
    }

    /// Whether the bit of [`OperationFlags`] is set.
    pub fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}
