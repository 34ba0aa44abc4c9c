//! What single services do differently from what their models say, one function each.
//!
//! The list comes from comparing our requests with botocore's for every operation of AWS.

use aws_smithy_checksums::ChecksumAlgorithm;
use aws_smithy_runtime_api::http::{Request, Response};
use aws_smithy_schema::Schema;
use aws_smithy_types::base64;
use aws_types::{
    SdkConfig,
    sdk_config::{RequestChecksumCalculation, ResponseChecksumValidation},
};
use md5::{Digest as _, Md5};
use serde_json::{Map, Value};
use sha2::Sha256;
use trainyard_contract::{Error, ErrorKind, Result};

use crate::{
    auth::auth,
    catalogue::model::{Auth, Kind, Member, MemberFlags, Operation, Service, ShapeId},
    compress::{self, Compression},
    protocol,
};

/// Refuses what this client cannot do, before anything is looked up.
pub(crate) fn supported(service: &'static Service<'static>, operation: &Operation<'_>) -> Result<()> {
    let reason = match auth(service, operation) {
        Auth::SigV4a => Some("it needs a signature of version 4A"),
        Auth::SigV4 | Auth::SigV4UnsignedPayload | Auth::SigV2 | Auth::Bearer | Auth::None => None,
    };
    let reason = reason.or(match service.name {
        "cloudsearchdomain" => Some("its address belongs to one search domain"),
        _ if event_member(service, operation.input).is_some() => Some("it takes a stream of events"),
        _ => None,
    });
    match reason {
        None => Ok(()),
        Some(reason) => {
            Err(Error::unsupported(format!("{} {} is not supported: {reason}", service.name, operation.name)))
        }
    }
}

/// Fills in and rewrites input members as AWS's own tools do.
pub(crate) fn input(service: &Service<'_>, operation: &Operation<'_>, input: &mut Value) {
    let Some(given) = input.as_object_mut() else { return };
    idempotency_token(service, operation, given);
    match (service.name, operation.name) {
        ("ec2", "RunInstances") | ("autoscaling", "CreateLaunchConfiguration") => user_data(given),
        ("s3", _) => {
            if matches!(operation.name, "CopyObject" | "UploadPartCopy") {
                copy_source(given);
            }
            customer_key(given, "SSECustomerKey", "SSECustomerKeyMD5");
            customer_key(given, "CopySourceSSECustomerKey", "CopySourceSSECustomerKeyMD5");
        }
        ("route53", _) => bare_ids(service, operation, given),
        ("glacier", _) => {
            // `-` is the account of the caller.
            given.entry("accountId").or_insert_with(|| Value::from("-"));
        }
        _ => {}
    }
}

/// A fresh token for operations that take one and were given none: a retry then repeats the same call, not a new one.
fn idempotency_token(service: &Service<'_>, operation: &Operation<'_>, given: &mut Map<String, Value>) {
    let Some(structure) = operation.input.and_then(|id| service.structure(id)) else { return };
    for member in structure.members.iter().filter(|member| member.is(MemberFlags::IDEMPOTENCY_TOKEN)) {
        if given.get(member.name).is_none_or(Value::is_null) {
            given.insert(member.name.to_owned(), Value::from(uuid::Uuid::new_v4().to_string()));
        }
    }
}

/// User data is given as the script itself.
fn user_data(given: &mut Map<String, Value>) {
    if let Some(Value::String(script)) = given.get_mut("UserData") {
        *script = base64::encode(script.as_bytes());
    }
}

/// A copy source travels in a header, so its key is escaped; a version id after it is not.
fn copy_source(given: &mut Map<String, Value>) {
    if let Some(Value::String(source)) = given.get_mut("CopySource") {
        let (path, version) = match source.split_once("?versionId=") {
            Some((path, version)) => (path, format!("?versionId={version}")),
            None => (source.as_str(), String::new()),
        };
        *source = path.split('/').map(protocol::percent_encode).collect::<Vec<_>>().join("/") + &version;
    }
}

/// A key of the caller's own goes with its digest. It is given as it is, or as base64, which 32 bytes are rarely text in.
fn customer_key(given: &mut Map<String, Value>, member: &str, digest: &str) {
    if given.contains_key(digest) {
        return;
    }
    let Some(Value::String(key)) = given.get_mut(member) else { return };
    let bytes =
        base64::decode(&*key).ok().filter(|bytes| bytes.len() == 32).unwrap_or_else(|| key.clone().into_bytes());
    *key = base64::encode(&bytes);
    let sum: [u8; 16] = Md5::digest(&bytes).into();
    given.insert(digest.to_owned(), Value::from(base64::encode(sum)));
}

/// A copy between regions that is to be authorised.
pub(crate) struct Copy {
    /// Region that is copied from.
    pub(crate) source: String,
    /// Input member that takes the authorisation.
    pub(crate) member: &'static str,
}

/// A copy that needs an authorisation and has none. RDS and its kin know the source region from that alone, so it
/// leaves their input.
pub(crate) fn copy(service: &Service<'_>, operation: &Operation<'_>, input: &mut Value) -> Option<Copy> {
    let member = match (service.name, operation.name) {
        ("ec2", "CopySnapshot") => "PresignedUrl",
        ("rds" | "neptune" | "docdb", _) => "PreSignedUrl",
        _ => return None,
    };
    let given = input.as_object_mut()?;
    let source = match service.name {
        "ec2" => given.get("SourceRegion").cloned(),
        _ => given.shift_remove("SourceRegion"),
    };
    let source = source?.as_str()?.to_owned();
    (!given.contains_key(member)).then_some(Copy { source, member })
}

/// Route 53 answers with `/hostedzone/Z1` and takes `Z1`.
fn bare_ids(service: &Service<'_>, operation: &Operation<'_>, given: &mut Map<String, Value>) {
    let Some(structure) = operation.input.and_then(|id| service.structure(id)) else { return };
    for member in &structure.members {
        let is_id = matches!(service.shape(member.shape).name, "ResourceId" | "DelegationSetId" | "ChangeId");
        if let (true, Some(Value::String(id))) = (is_id, given.get_mut(member.name))
            && let Some((_, bare)) = id.rsplit_once('/')
        {
            *id = bare.to_owned();
        }
    }
}

/// The address that an operation's own input names: that of a model of Machine Learning. Only AWS's own are taken, since the
/// call is signed.
pub(crate) fn own_address(service: &Service<'_>, operation: &Operation<'_>, input: &Value) -> Result<Option<String>> {
    if (service.name, operation.name) != ("machinelearning", "Predict") {
        return Ok(None);
    }
    let address = input.get("PredictEndpoint").and_then(Value::as_str).unwrap_or_default();
    let host = address.strip_prefix("https://").map(|rest| rest.split('/').next().unwrap_or_default());
    match host {
        Some(host) if host.ends_with(".amazonaws.com") && !host.contains(['@', ':', '?', '#']) => {
            Ok(Some(format!("https://{host}")))
        }
        _ => Err(Error::validation("PredictEndpoint: wants the address of a model, https://….amazonaws.com")
            .code("InvalidParameter")),
    }
}

/// The path of an operation. S3's endpoint rules put the bucket into the host or the path themselves.
pub(crate) fn uri(service: &Service<'_>, operation: &Operation<'static>) -> &'static str {
    if service.name != "s3" {
        return operation.uri;
    }
    match operation.uri.strip_prefix("/{Bucket}") {
        None => operation.uri,
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        // `?acl`: leaked once an operation, like the schemas that hold it.
        Some(rest) => format!("/{rest}").leak(),
    }
}

/// `GetBucketLocation` answers with the location alone, in no wrapper.
pub(crate) fn output_schema(
    service: &Service<'_>,
    operation: &Operation<'_>,
    schema: Schema<'static>,
) -> Schema<'static> {
    if service.name == "s3" && operation.name == "GetBucketLocation" {
        return schema.with_xml_unwrapped_output();
    }
    schema
}

/// Headers that services want beside what their models say.
pub(crate) fn request(
    service: &Service<'_>,
    operation: &Operation<'_>,
    input: &Value,
    wishes: Wishes,
    request: &mut Request,
) -> Result<()> {
    match service.name {
        // Without it the answer is in a dialect of JSON. One that the caller gives is that of what is exported.
        "apigateway" if request.headers().get("accept").is_none() => {
            request.headers_mut().insert("accept", "application/json");
        }
        "glacier" => {
            request.headers_mut().insert("x-amz-glacier-version", service.api_version.to_owned());
            if matches!(operation.name, "UploadArchive" | "UploadMultipartPart") {
                tree_hash(request);
            }
        }
        "dynamodb" | "timestream-query" | "timestream-write" if operation.name == "DescribeEndpoints" => {
            request.headers_mut().insert("x-amz-api-version", service.api_version.to_owned());
        }
        _ => {}
    }
    ask_for_checksum(operation, input, wishes.validation, request);
    // What is sent is what is summed.
    compress::request(operation, wishes.compression, request)?;
    checksum(operation, input, wishes.calculation, request)
}

/// Glacier wants the hash of a tree whose leaves are the hashes of every MiB.
fn tree_hash(request: &mut Request) {
    const LEAF: usize = 1 << 20;
    if request.headers().contains_key("x-amz-sha256-tree-hash") {
        return;
    }
    let body = request.body().bytes().unwrap_or_default();
    let mut level: Vec<[u8; 32]> = body.chunks(LEAF).map(|leaf| Sha256::digest(leaf).into()).collect();
    if level.is_empty() {
        level.push(Sha256::digest([]).into());
    }
    while level.len() > 1 {
        let parent = |pair: &[[u8; 32]]| match pair {
            [left, right] => Sha256::new().chain_update(left).chain_update(right).finalize().into(),
            // Without a neighbour it moves up as it is.
            rest => rest[0],
        };
        level = level.chunks(2).map(parent).collect();
    }
    let hex = level[0].iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    request.headers_mut().insert("x-amz-sha256-tree-hash", hex);
}

/// What the environment and the profile wish of bodies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wishes {
    /// When requests carry checksums.
    pub(crate) calculation: RequestChecksumCalculation,
    /// When those of answers are checked.
    pub(crate) validation: ResponseChecksumValidation,
    /// When requests are compressed.
    pub(crate) compression: Compression,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            calculation: RequestChecksumCalculation::WhenSupported,
            validation: ResponseChecksumValidation::WhenSupported,
            compression: Compression::default(),
        }
    }
}

impl Wishes {
    pub(crate) fn of(config: &SdkConfig) -> Self {
        let usual = Self::default();
        Self {
            calculation: config.request_checksum_calculation().unwrap_or(usual.calculation),
            validation: config.response_checksum_validation().unwrap_or(usual.validation),
            compression: Compression::of(config),
        }
    }
}

/// S3 sends an object's checksum along when it is asked to.
fn ask_for_checksum(
    operation: &Operation<'_>,
    input: &Value,
    validation: ResponseChecksumValidation,
    request: &mut Request,
) {
    let Some(member) = operation.checksum.as_ref().and_then(|rules| rules.validation_member) else { return };
    if input.get(member).is_none() && validation != ResponseChecksumValidation::WhenRequired {
        request.headers_mut().insert("x-amz-checksum-mode", "ENABLED");
    }
}

/// Whether a body is what its checksum says. One of an object that was put in parts (`…-3`) is a checksum of checksums,
/// which the whole cannot be held against.
pub(crate) fn verify(operation: &Operation<'_>, response: &Response) -> Result<()> {
    let Some(rules) = &operation.checksum else { return Ok(()) };
    let body = response.body().bytes().unwrap_or_default();
    for algorithm in rules.response_algorithms.iter().filter_map(|name| name.parse::<ChecksumAlgorithm>().ok()) {
        let mut checksum = algorithm.into_impl();
        let given = response.headers().get(checksum.header_name());
        let Some(given) = given.filter(|given| !given.contains('-')) else { continue };
        checksum.update(body);
        if base64::encode(checksum.finalize()) != given {
            return Err(Error::new(ErrorKind::Network, "the body is not what its checksum says")
                .code("ChecksumMismatch")
                .retryable(true));
        }
    }
    Ok(())
}

/// The checksum that an operation requires, or takes: of the kind that the caller names, else CRC-32.
fn checksum(
    operation: &Operation<'_>,
    input: &Value,
    calculation: RequestChecksumCalculation,
    request: &mut Request,
) -> Result<()> {
    let Some(rules) = &operation.checksum else { return Ok(()) };
    let given = request.headers().iter().any(|(name, _)| {
        name.starts_with("x-amz-checksum-")
            && !matches!(name, "x-amz-checksum-algorithm" | "x-amz-checksum-type" | "x-amz-checksum-mode")
    });
    if given {
        return Ok(());
    }
    let named = rules.algorithm_member.and_then(|member| input.get(member)).and_then(Value::as_str);
    let wanted = rules.required
        || rules.md5
        || (rules.algorithm_member.is_some() && calculation != RequestChecksumCalculation::WhenRequired);
    let name = match named {
        Some(name) => name,
        None if wanted => "CRC32",
        None => return Ok(()),
    };
    let algorithm: ChecksumAlgorithm = name
        .parse()
        .map_err(|_| Error::validation(format!("{name:?} is not a checksum algorithm that is supported here")))?;
    let mut checksum = algorithm.into_impl();
    checksum.update(request.body().bytes().unwrap_or_default());
    let header = checksum.header_name();
    let value = base64::encode(checksum.finalize());
    request.headers_mut().insert(header, value);
    if named.is_none() && rules.algorithm_member.is_some() {
        request.headers_mut().insert("x-amz-sdk-checksum-algorithm", "CRC32");
    }
    Ok(())
}

/// S3 may find out that a copy failed after it has answered 200; the body says so then.
pub(crate) fn is_error_in_disguise(service: &Service<'_>, operation: &Operation<'_>, response: &Response) -> bool {
    let long = matches!(operation.name, "CopyObject" | "CompleteMultipartUpload" | "UploadPartCopy");
    if service.name != "s3" || !long {
        return false;
    }
    let body = response.body().bytes().unwrap_or_default();
    let start = &body[..body.len().min(512)];
    start.windows(7).any(|part| part == b"<Error>") || start.windows(7).any(|part| part == b"<Error ")
}

/// The member that is a stream of events, where a message has one.
pub(crate) fn event_member(
    service: &'static Service<'static>,
    id: Option<ShapeId>,
) -> Option<&'static Member<'static>> {
    let structure = id.and_then(|id| service.structure(id))?;
    structure
        .members
        .iter()
        .find(|member| matches!(&service.shape(member.shape).kind, Kind::Structure(target) if target.event_stream))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_prediction_goes_to_its_model_and_nowhere_else() {
        let service = crate::catalogue::service("machinelearning").unwrap();
        let predict = service.operation("Predict").unwrap();
        let found = |address: &str| own_address(service, predict, &json!({"PredictEndpoint": address}));
        let address = "https://realtime.machinelearning.us-east-1.amazonaws.com";
        assert_eq!(found(address).unwrap().as_deref(), Some(address));
        for wrong in ["https://example.com", "http://a.amazonaws.com", "https://a.amazonaws.com@example.com", ""] {
            assert!(found(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_archive_goes_with_its_tree_hash() {
        // As `botocore.utils.calculate_tree_hash` has it.
        for (length, wanted) in [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1 << 20, "51b12eb838732b786b4d45c660a974ddf3860ae09084fd293fa6e5df46581a6c"),
            ((5 << 20) + 1, "252b26df77a65f160ea2a9a3bbecbe87f8a1fba188bade403b7393dbfafa0f27"),
        ] {
            let mut request = Request::new(vec![7_u8; length].into());
            tree_hash(&mut request);
            assert_eq!(request.headers().get("x-amz-sha256-tree-hash"), Some(wanted), "{length} bytes");
        }
    }

    #[test]
    fn a_key_of_the_caller_s_own_goes_with_its_digest() {
        let raw = "0123456789abcdef0123456789abcdef";
        for given in [raw.to_owned(), base64::encode(raw)] {
            let mut input = json!({"SSECustomerKey": given});
            customer_key(input.as_object_mut().unwrap(), "SSECustomerKey", "SSECustomerKeyMD5");
            // As `hashlib.md5(raw).digest()` has it.
            let wanted =
                json!({"SSECustomerKey": base64::encode(raw), "SSECustomerKeyMD5": "hRasmdxgYDKV3nvbahU1MA=="});
            assert_eq!(input, wanted);
        }
        let mut input = json!({"SSECustomerKey": "k", "SSECustomerKeyMD5": "m"});
        customer_key(input.as_object_mut().unwrap(), "SSECustomerKey", "SSECustomerKeyMD5");
        assert_eq!(input["SSECustomerKey"], "k", "who gives both means both");
    }
}
