//! Who somebody is, and what the roles let them do.

use std::collections::BTreeMap;

use http::{HeaderMap, Method, header};
use serde_json::Value;

use super::{
    answer::text,
    cluster::Cluster,
    http::{Query, path::ResourcePath},
    random::Random,
    refusal::{Refusal, Result},
};

/// Somebody who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
}

/// Who may come in, by bearer token.
#[derive(Debug, Default)]
pub(crate) struct Users {
    /// Whether roles decide; otherwise everybody may do everything.
    pub(crate) judged: bool,
    pub(crate) tokens: BTreeMap<String, User>,
    /// The certificate of the authority, for workloads.
    pub(crate) authority: String,
}

impl Users {
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Result<User> {
        let presented = text(headers, &header::AUTHORIZATION).strip_prefix("Bearer ");
        match presented.map(str::trim).filter(|token| !token.is_empty()) {
            Some(token) => match self.tokens.get(token) {
                Some(user) => Ok(user.clone()),
                None if self.judged || !self.tokens.is_empty() => Err(Refusal::unauthorized()),
                None => Ok(admin()),
            },
            None if self.judged => {
                Ok(User { name: "system:anonymous".into(), groups: vec!["system:unauthenticated".into()] })
            }
            None => Ok(admin()),
        }
    }

    /// A new token of a service account.
    pub(crate) fn account_token(&mut self, namespace: &str, name: &str, random: &mut Random) -> String {
        let token = format!("sandbox.{}.{}", random.uid(), random.suffix());
        self.tokens.insert(token.clone(), account(namespace, name));
        token
    }
}

/// The user that a service account is.
pub(crate) fn account(namespace: &str, name: &str) -> User {
    User {
        name: format!("system:serviceaccount:{namespace}:{name}"),
        groups: vec![
            "system:serviceaccounts".into(),
            format!("system:serviceaccounts:{namespace}"),
            "system:authenticated".into(),
        ],
    }
}

fn admin() -> User {
    User { name: "kubernetes-admin".into(), groups: vec!["system:masters".into(), "system:authenticated".into()] }
}

/// What somebody wishes to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) verb: String,
    pub(crate) group: String,
    /// With the part: `pods/log`. Empty for a path.
    pub(crate) resource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) path: String,
}

impl Wish {
    pub(crate) fn path(path: &str, method: &Method) -> Self {
        Self { verb: method.as_str().to_lowercase(), path: path.to_owned(), ..Self::default() }
    }

    pub(crate) fn resource(path: &ResourcePath, method: &Method, query: &Query) -> Self {
        let verb = match (method.as_str(), &path.name) {
            ("GET" | "HEAD", _) if query.flag("watch") => "watch",
            ("GET" | "HEAD", None) => "list",
            ("GET" | "HEAD", Some(_)) => "get",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            ("DELETE", None) => "deletecollection",
            _ => "delete",
        };
        let resource = match &path.subresource {
            // What lies behind `proxy` is somebody else's address.
            Some(part) => format!("{}/{}", path.plural, part.split('/').next().unwrap_or_default()),
            None => path.plural.clone(),
        };
        let mut namespace = path.namespace.clone().unwrap_or_default();
        if path.plural == "namespaces" {
            namespace = path.name.clone().unwrap_or_default();
        }
        Self {
            verb: verb.into(),
            group: path.group.clone(),
            resource,
            namespace,
            name: path.name.clone().unwrap_or_default(),
            path: String::new(),
        }
    }

    fn refusal(&self, user: &User) -> Refusal {
        if self.resource.is_empty() {
            return Refusal::forbidden_path(&format!(
                "User \"{}\" cannot {} path \"{}\"",
                user.name, self.verb, self.path
            ));
        }
        let place = match self.namespace.as_str() {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace \"{namespace}\""),
        };
        let why = format!(
            "User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {place}",
            user.name, self.verb, self.resource, self.group
        );
        Refusal::forbidden(&self.group, self.resource.split('/').next().unwrap_or_default(), &self.name, &why)
    }
}

impl Cluster {
    /// Refuses what no role of the user allows.
    pub(crate) fn allow(&self, user: &User, wish: &Wish) -> Result<()> {
        if !self.users.judged || self.may(user, wish) { Ok(()) } else { Err(wish.refusal(user)) }
    }

    /// The user that somebody wishes to act as.
    pub(crate) fn impersonate(&self, user: User, headers: &HeaderMap) -> Result<User> {
        let Some(name) = headers.get("impersonate-user").and_then(|value| value.to_str().ok()) else { return Ok(user) };
        let wish = Wish { verb: "impersonate".into(), resource: "users".into(), name: name.into(), ..Wish::default() };
        self.allow(&user, &wish)?;
        let groups = headers.get_all("impersonate-group").iter().filter_map(|group| group.to_str().ok());
        let mut groups: Vec<String> = groups.map(str::to_owned).collect();
        if let Some((namespace, account)) =
            name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'))
        {
            groups.extend(self::account(namespace, account).groups);
        } else {
            groups.push("system:authenticated".into());
        }
        Ok(User { name: name.to_owned(), groups })
    }

    /// Whether the roles of a user allow something.
    pub(crate) fn may(&self, user: &User, wish: &Wish) -> bool {
        user.groups.iter().any(|group| group == "system:masters")
            || self.rules(user, &wish.namespace).iter().any(|rule| covers(rule, wish))
    }

    /// The rules that hold for a user in a namespace.
    pub(crate) fn rules(&self, user: &User, namespace: &str) -> Vec<Value> {
        let mut rules = Vec::new();
        let mut add = |binding: &Value, namespace: &str| {
            if !binding["subjects"].as_array().into_iter().flatten().any(|subject| is(user, subject)) {
                return;
            }
            let role = binding["roleRef"]["name"].as_str().unwrap_or_default();
            let found = if binding["roleRef"]["kind"] == "ClusterRole" {
                self.value("clusterroles.rbac.authorization.k8s.io", "", role)
            } else {
                self.value("roles.rbac.authorization.k8s.io", namespace, role)
            };
            rules.extend(found.into_iter().flat_map(|role| role["rules"].as_array().cloned().unwrap_or_default()));
        };
        for binding in self.values("clusterrolebindings.rbac.authorization.k8s.io", None) {
            add(&binding, "");
        }
        if !namespace.is_empty() {
            for binding in self.values("rolebindings.rbac.authorization.k8s.io", Some(namespace)) {
                add(&binding, namespace);
            }
        }
        rules
    }
}

fn is(user: &User, subject: &Value) -> bool {
    let name = subject["name"].as_str().unwrap_or_default();
    match subject["kind"].as_str() {
        Some("User") => user.name == name,
        Some("Group") => user.groups.iter().any(|group| group == name),
        Some("ServiceAccount") => {
            let namespace = subject["namespace"].as_str().unwrap_or_default();
            user.name == format!("system:serviceaccount:{namespace}:{name}")
        }
        _ => false,
    }
}

fn covers(rule: &Value, wish: &Wish) -> bool {
    let has = |member: &str, wanted: &str| {
        let all = rule[member].as_array().into_iter().flatten().filter_map(Value::as_str);
        all.into_iter().any(|found| {
            found == "*"
                || found == wanted
                || found.strip_suffix('*').is_some_and(|front| member == "nonResourceURLs" && wanted.starts_with(front))
                || found.strip_prefix("*/").is_some_and(|part| wanted.split_once('/').is_some_and(|(_, of)| of == part))
        })
    };
    if wish.resource.is_empty() {
        return has("verbs", &wish.verb) && has("nonResourceURLs", &wish.path);
    }
    let names = rule["resourceNames"].as_array().is_none_or(Vec::is_empty) || has("resourceNames", &wish.name);
    has("verbs", &wish.verb) && has("apiGroups", &wish.group) && has("resources", &wish.resource) && names
}
