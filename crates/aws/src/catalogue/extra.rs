//! Services that AWS runs and does not describe. Ours are descriptions in botocore's form, from AWS's own documentation;
//! they are not among the [`super::services`], which are those that AWS publishes.

use std::sync::OnceLock;

use serde_json::Value;

use super::{
    botocore::{self, Problem, Source},
    model::{AccessLevel, Service},
};

/// Name, description, and what its operations do: all of them alike.
const DESCRIBED: [(&str, &str, AccessLevel); 1] =
    [("eks-mcpserver", include_str!("../../descriptions/eks-mcpserver.json"), AccessLevel::Read)];

/// The service of that name, decoded on first use.
pub(super) fn service(name: &str) -> Option<&'static Service<'static>> {
    static DECODED: OnceLock<Vec<&'static Service<'static>>> = OnceLock::new();
    // A test decodes each, so none is left out here.
    let all = DECODED.get_or_init(|| DESCRIBED.into_iter().filter_map(|entry| decode(entry).ok()).collect());
    all.iter().copied().find(|service| service.name == name)
}

fn decode((name, text, access): (&str, &str, AccessLevel)) -> Result<&'static Service<'static>, Problem> {
    let mut parts: Value = serde_json::from_str(text).map_err(|error| Problem::from(error.to_string()))?;
    let (service, rules) = (parts["service"].take(), parts["rules"].take());
    let source = Source { name: name.to_owned(), service, paginators: Value::Null, waiters: Value::Null, rules };
    let mut service = botocore::keep(source)?;
    for operation in &mut service.operations {
        operation.access = access;
    }
    Ok(Box::leak(Box::new(service)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_description_is_sound() {
        for entry in DESCRIBED {
            let service = decode(entry).unwrap_or_else(|problem| panic!("{}: {problem}", entry.0));
            assert_eq!(service.name, entry.0);
            assert!(!service.operations.is_empty());
            assert!(super::super::entry(entry.0).is_none_or(|known| known.name != entry.0), "AWS describes it by now");
        }
    }
}
