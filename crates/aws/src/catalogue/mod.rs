//! What AWS offers: every service, operation and shape, embedded or read from a directory.

pub mod botocore;
mod directory;
mod extra;
mod index;
pub mod model;
mod names;
mod search;
mod vocabulary;

use std::sync::OnceLock;

use trainyard_contract::{Error, Result};

pub use self::directory::read_from;
use self::model::{Protocol, Service};
pub use self::names::{entry, nearest_operation, nearest_service};
pub use self::search::{AllNames, Hit, search};

/// What is known about a service without decoding it.
#[derive(Debug)]
pub struct Entry {
    /// Name that the command line and botocore use: `ec2`, `s3`, `sagemaker`.
    pub name: &'static str,
    /// Service id of the model: `EC2`, `S3`, `SageMaker`.
    pub id: &'static str,
    /// Full name as AWS writes it.
    pub title: &'static str,
    /// First label of the service's usual host name.
    pub endpoint_prefix: &'static str,
    /// Name in the credential scope of a signature.
    pub signing_name: &'static str,
    /// Wire protocol that we speak with it.
    pub protocol: Protocol,
    /// How many operations it has.
    pub operations: u16,
    /// Bytes of the decompressed blob.
    size: u32,
    /// Its facts, compressed.
    blob: &'static [u8],
    /// Its facts, once somebody asked.
    decoded: OnceLock<Service<'static>>,
}

impl Entry {
    /// The facts of the service, decoded on first use and kept for the life of the process.
    #[expect(clippy::missing_panics_doc, reason = "the blobs are ours, and a test decodes every one")]
    pub fn service(&'static self) -> &'static Service<'static> {
        self.decoded.get_or_init(|| {
            let plain = zstd::bulk::decompress(self.blob, self.size as usize).expect("the blob was compressed by us");
            // Leaked on purpose: the facts borrow every string from it, each service is decoded at most once, and all
            // that use them (schemas, tools, running calls) are spared a lifetime or a counter. EC2, the largest, takes
            // 3 MB; a process that used every service there is would hold 60.
            postcard::from_bytes(plain.leak()).expect("the blob was encoded from the same types")
        })
    }
}

/// Every service, sorted by name. Nothing is decoded or allocated.
pub fn services() -> &'static [Entry] {
    &index::SERVICES
}

/// The facts of a service by any name that [`entry`] knows, or an error that suggests the nearest name. A directory that
/// [`read_from`] named goes before what is embedded.
pub fn service(name: &str) -> Result<&'static Service<'static>> {
    let embedded = entry(name);
    if let Some(found) = directory::service(embedded.map_or(name, |entry| entry.name))? {
        return Ok(found);
    }
    embedded
        .filter(|entry| entry.name == name)
        .map(Entry::service)
        .or_else(|| extra::service(name))
        .or_else(|| embedded.map(Entry::service))
        .ok_or_else(|| {
            let error = Error::not_found("AWS service", name).code("unknown_service");
            match nearest_service(name) {
                Some(near) => error.hint(format!("did you mean {near:?}?")),
                None => error,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::{
        model::{Element, Kind},
        *,
    };

    /// Every number that names a shape.
    fn references(service: &Service<'_>) -> Vec<u32> {
        let mut all: Vec<u32> = service.errors.clone();
        for operation in &service.operations {
            all.extend(operation.input.iter().chain(&operation.output).chain(&operation.errors));
        }
        let element = |element: &Element<'_>| element.shape;
        for shape in &service.shapes {
            match &shape.kind {
                Kind::List { item, .. } => all.push(element(item)),
                Kind::Map { key, value, .. } => all.extend([element(key), element(value)]),
                Kind::Structure(structure) => all.extend(structure.members.iter().map(|member| member.shape)),
                _ => {}
            }
        }
        all
    }

    #[test]
    fn every_service_decodes_and_is_sound() {
        let mut operations = 0;
        for entry in services() {
            let service = entry.service();
            assert_eq!(service.name, entry.name);
            assert_eq!(service.operations.len(), usize::from(entry.operations), "{}", entry.name);
            assert!(service.operations.is_sorted_by_key(|operation| operation.name), "{}", entry.name);
            assert!(service.waiters.is_sorted_by_key(|waiter| waiter.name), "{}", entry.name);
            assert!(service.shapes.is_sorted_by_key(|shape| shape.name), "{}", entry.name);
            let end = service.shapes.len();
            assert!(references(service).iter().all(|id| (*id as usize) < end), "{}", entry.name);
            for waiter in &service.waiters {
                assert!(service.operation(waiter.operation).is_some(), "{} {}", entry.name, waiter.name);
                let expected = waiter.acceptors.iter().map(|acceptor| acceptor.expected);
                assert!(expected.map(serde_json::from_str::<serde_json::Value>).all(|it| it.is_ok()));
            }
            operations += service.operations.len();
        }
        assert!(services().is_sorted_by_key(|entry| entry.name));
        assert!(services().len() >= 439 && operations >= 19_796, "{} services, {operations}", services().len());
    }

    #[test]
    fn facts_that_the_wire_depends_on_are_kept() {
        let instances = service("ec2").unwrap().operation("DescribeInstances").unwrap();
        assert_eq!(instances.pages.as_ref().unwrap().output_tokens, ["NextToken"]);
        let s3 = service("s3").unwrap();
        let put = s3.structure(s3.operation("PutObject").unwrap().input.unwrap()).unwrap();
        let body = &put.members[put.payload.unwrap() as usize];
        assert_eq!(body.name, "Body");
        assert!(s3.operation("DeleteObjects").unwrap().checksum.as_ref().unwrap().required);
        assert_eq!(service("cloudwatch").unwrap().protocol, Protocol::Json10, "JSON rather than CBOR");
        assert_eq!(service("sts").unwrap().operation("AssumeRoleWithSAML").unwrap().auth, Some(model::Auth::None));
    }
}
