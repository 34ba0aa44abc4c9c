//! One request: what it asks of whom, and how much access that takes.

use http::Method;
use trainyard_contract::{Ceiling, Effect, Error, Result};

use crate::resource::Resource;

/// A request as RBAC judges it: who may do it is decided by these words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`.
    pub(crate) verb: &'static str,
    /// API group; empty for the core.
    pub(crate) group: String,
    /// `pods`, `pods/log`; the path for what is no resource.
    pub(crate) resource: String,
    /// Where.
    pub(crate) namespace: Option<String>,
    /// Which.
    pub(crate) name: Option<String>,
}

/// Subresources that open a door into a container or hand out credentials. No tool of ours uses them.
const NEVER: [&str; 6] = ["exec", "attach", "portforward", "proxy", "token", "ephemeralcontainers"];

/// A request, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) accept: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) attributes: Attributes,
    /// The answer keeps what is secret in it.
    pub(crate) reveals: bool,
}

pub(crate) const JSON: &str = "application/json";

impl Request {
    /// A request about a kind, or one object of it.
    pub(crate) fn new(
        verb: &'static str,
        resource: &Resource,
        namespace: Option<&str>,
        name: Option<&str>,
        subresource: Option<&str>,
    ) -> Result<Self> {
        let mut path = match name {
            Some(name) => resource.object(namespace, name)?,
            None => resource.collection(namespace)?,
        };
        let mut what = resource.plural.to_string();
        if let Some(subresource) = subresource {
            for text in [&mut path, &mut what] {
                text.push('/');
                text.push_str(subresource);
            }
        }
        let attributes = Attributes {
            verb,
            group: resource.group.to_string(),
            resource: what,
            namespace: namespace.filter(|_| resource.namespaced).map(str::to_owned),
            name: name.map(str::to_owned),
        };
        Ok(Self { method: method(verb), path, attributes, ..Self::at("") })
    }

    /// A look at something that is no resource, such as `/version`.
    pub(crate) fn at(path: &str) -> Self {
        Self {
            method: Method::GET,
            path: path.to_owned(),
            query: Vec::new(),
            accept: JSON,
            content_type: JSON,
            body: Vec::new(),
            attributes: Attributes {
                verb: "get",
                group: String::new(),
                resource: path.to_owned(),
                namespace: None,
                name: None,
            },
            reveals: false,
        }
    }

    /// A question to a service through the API server. Only reading ones exist: `NEVER` holds for whatever else bears a
    /// name, and a service's own answers are as much of others' as a log where `reveals` says so.
    pub(crate) fn through(namespace: &str, name: &str, reveals: bool) -> Self {
        let mut request = Self::at("");
        "services/proxy".clone_into(&mut request.attributes.resource);
        request.attributes.namespace = Some(namespace.to_owned());
        request.path = format!("/api/v1/namespaces/{namespace}/services/{name}/proxy");
        request.reveals = reveals;
        request
    }

    #[must_use]
    pub(crate) fn ask(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    #[must_use]
    pub(crate) fn ask_some(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.ask(name, value.to_string()),
            None => self,
        }
    }

    #[must_use]
    pub(crate) fn send(mut self, content_type: &'static str, body: &serde_json::Value) -> Self {
        self.content_type = content_type;
        self.body = body.to_string().into_bytes();
        self
    }

    /// Address below the server's.
    pub(crate) fn address(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone();
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.query);
        format!("{}?{}", self.path, query.finish())
    }

    /// `list pods`, for errors and logs.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.attributes.verb, self.attributes.resource)
    }

    /// What it does to the world, by what will be on the wire and nothing else.
    ///
    /// A dry run counts as what it tries: it is the server that keeps that promise, and extension servers need not.
    pub(crate) fn effect(&self) -> Effect {
        match self.attributes.verb {
            "get" | "list" | "watch" if self.reveals || self.attributes.resource.ends_with("/log") => Effect::Reveals,
            "get" | "list" | "watch" => Effect::Reads,
            // Questions about access are asked with POST and leave nothing behind.
            "create" if self.is_review() => Effect::Reads,
            "delete" | "deletecollection" => Effect::Destroys,
            _ => Effect::Changes,
        }
    }

    fn is_review(&self) -> bool {
        ["authorization.k8s.io", "authentication.k8s.io"].contains(&&*self.attributes.group)
            && ["selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"]
                .contains(&&*self.attributes.resource)
    }

    /// The last check before anything is sent.
    pub(crate) fn check(&self, ceiling: Ceiling) -> Result<()> {
        let subresource = self.attributes.resource.split_once('/').map(|(_, subresource)| subresource);
        if self.attributes.name.is_some() && subresource.is_some_and(|name| NEVER.contains(&name)) {
            return Err(Error::policy_denied(format!("{} is never sent", self.name())).code("NeverSent"));
        }
        let effect = self.effect();
        if ceiling.permits(effect) {
            return Ok(());
        }
        let what = if effect.writes() { "changes something" } else { "shows secrets or content of others" };
        Err(Error::policy_denied(format!("{} {what}, which this server does not allow", self.name()))
            .code("AboveCeiling")
            .operation("kubernetes", self.name())
            .hint(format!("the operator allows it with {}", Ceiling::flag(effect))))
    }
}

fn method(verb: &str) -> Method {
    match verb {
        "create" => Method::POST,
        "update" => Method::PUT,
        "patch" => Method::PATCH,
        "delete" | "deletecollection" => Method::DELETE,
        _ => Method::GET,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::{PODS, SECRETS, SELF_SUBJECT_ACCESS_REVIEWS};

    fn request(verb: &'static str, resource: &Resource, subresource: Option<&str>) -> Request {
        Request::new(verb, resource, Some("a"), Some("b"), subresource).unwrap()
    }

    #[test]
    fn what_is_above_the_ceiling_is_refused_and_the_flag_named() {
        let writes = Ceiling { write: true, sensitive: false };
        assert!(request("get", &PODS, None).check(Ceiling::READ_ONLY).is_ok());
        assert!(request("delete", &PODS, None).check(writes).is_ok());
        assert!(
            Request::new("create", &SELF_SUBJECT_ACCESS_REVIEWS, None, None, None)
                .unwrap()
                .check(Ceiling::READ_ONLY)
                .is_ok()
        );
        let secret = Request { reveals: true, ..request("get", &SECRETS, None) };
        for (request, flag) in [
            (request("delete", &PODS, None), "--allow-write"),
            (request("patch", &PODS, None).ask("dryRun", "All"), "--allow-write"),
            (request("get", &PODS, Some("log")), "--allow-sensitive-data-access"),
            (secret, "--allow-sensitive-data-access"),
        ] {
            let error = request.check(Ceiling::READ_ONLY).unwrap_err();
            assert!(error.hint_str().is_some_and(|hint| hint.contains(flag)), "{error}");
        }
    }

    #[test]
    fn a_service_is_asked_through_the_server_as_far_as_the_ceiling_goes() {
        let open = Ceiling { write: false, sensitive: true };
        assert!(Request::through("a", "http:b:9090", false).check(Ceiling::READ_ONLY).is_ok());
        assert!(Request::through("a", "http:b:9090", true).check(open).is_ok());
        let error = Request::through("a", "http:b:9090", true).check(Ceiling::READ_ONLY).unwrap_err();
        assert!(error.hint_str().is_some_and(|hint| hint.contains("--allow-sensitive-data-access")), "{error}");
        assert!(error.message().starts_with("get services/proxy"), "{error}");
    }

    #[test]
    fn doors_into_containers_stay_shut_whatever_is_allowed() {
        let all = Ceiling { write: true, sensitive: true };
        for subresource in NEVER {
            assert!(request("create", &PODS, Some(subresource)).check(all).is_err(), "{subresource}");
            assert!(request("get", &PODS, Some(subresource)).check(all).is_err(), "{subresource}");
        }
    }
}
