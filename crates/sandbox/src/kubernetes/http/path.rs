//! What an address names.

use percent_encoding::percent_decode_str;

/// What an address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Path {
    /// Objects of a kind, or one, or a part of one.
    Resource(ResourcePath),
    /// Anything else: its segments.
    Other(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ResourcePath {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) namespace: Option<String>,
    pub(crate) plural: String,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
}

impl Path {
    pub(crate) fn parse(path: &str) -> Self {
        let segments: Vec<String> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let words: Vec<&str> = segments.iter().map(String::as_str).collect();
        let resource = match words[..] {
            ["api", version, ref rest @ ..] if !rest.is_empty() => ResourcePath::parse("", version, rest),
            ["apis", group, version, ref rest @ ..] if !rest.is_empty() => ResourcePath::parse(group, version, rest),
            _ => None,
        };
        resource.map_or(Self::Other(segments), Self::Resource)
    }
}

impl ResourcePath {
    fn parse(group: &str, version: &str, rest: &[&str]) -> Option<Self> {
        let base = Self { group: group.into(), version: version.into(), ..Self::default() };
        let named = |namespace: Option<&str>, rest: &[&str]| {
            let mut path = Self { namespace: namespace.map(str::to_owned), ..base.clone() };
            (*rest.first()?).clone_into(&mut path.plural);
            path.name = rest.get(1).map(|name| (*name).to_owned());
            path.subresource = (rest.len() > 2).then(|| rest[2..].join("/"));
            Some(path)
        };
        match rest {
            // A namespace itself, or a part of it.
            ["namespaces"] | ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => named(None, rest),
            ["namespaces", namespace, rest @ ..] => named(Some(namespace), rest),
            _ => named(None, rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_objects_and_their_parts() {
        let Path::Resource(path) = Path::parse("/apis/apps/v1/namespaces/team%20a/deployments/web/scale") else {
            panic!()
        };
        assert_eq!((path.group.as_str(), path.plural.as_str()), ("apps", "deployments"));
        assert_eq!(path.namespace.as_deref(), Some("team a"));
        assert_eq!((path.name.as_deref(), path.subresource.as_deref()), (Some("web"), Some("scale")));
        let Path::Resource(path) = Path::parse("/api/v1/namespaces/a/status") else { panic!() };
        assert_eq!((path.plural.as_str(), path.subresource.as_deref()), ("namespaces", Some("status")));
        assert_eq!(Path::parse("/apis/apps/v1"), Path::Other(vec!["apis".into(), "apps".into(), "v1".into()]));
    }
}
