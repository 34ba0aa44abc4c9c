//! Which kinds a cluster serves.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;
use serde_json::Value;
use trainyard_contract::{Error, ErrorKind, Result, nearest};

use crate::{
    engine::{Engine, connected},
    request::Request,
    resource::Resource,
    settings::Cluster,
};

/// Both lists of kinds in one answer each, where the server can do that (1.27 and newer).
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
/// How long the list is believed.
const LIFE: Duration = Duration::from_mins(10);
/// A kind that is not in the list may be new; so soon it is not looked for again.
const NEW: Duration = Duration::from_secs(10);

/// A kind, and by what names it goes.
#[derive(Debug, Clone, Serialize)]
pub struct Known {
    /// Where it is.
    #[serde(flatten)]
    pub resource: Resource,
    /// `deployment`.
    pub singular: String,
    /// `deploy`.
    pub short_names: Vec<String>,
    /// `all`.
    pub categories: Vec<String>,
    /// What can be done with it.
    pub verbs: Vec<String>,
    /// `scale`, `status`, `log`.
    pub subresources: Vec<String>,
}

/// The kinds of one cluster.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Catalogue {
    /// In the server's order: the core first, the preferred version of a group before its others.
    pub kinds: Vec<Known>,
    /// API versions whose server does not answer.
    pub missing: Vec<String>,
}

/// The kinds as they were last read.
#[derive(Debug, Default)]
pub(crate) struct Kinds {
    kept: Mutex<Option<(Instant, Arc<Catalogue>)>>,
    /// One look at a time.
    looking: tokio::sync::Mutex<()>,
}

impl Kinds {
    fn younger_than(&self, age: Duration) -> Option<Arc<Catalogue>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(at, _)| at.elapsed() < age).map(|(_, found)| Arc::clone(found))
    }
}

impl Engine {
    /// Every kind that the cluster serves.
    pub(crate) async fn catalogue(&self, cluster: &Cluster, age: Duration) -> Result<Arc<Catalogue>> {
        let (_, cell) = self.connection(cluster).await?;
        let kinds = &connected(&cell)?.kinds;
        if let Some(found) = kinds.younger_than(age) {
            return Ok(found);
        }
        let _one = kinds.looking.lock().await;
        if let Some(found) = kinds.younger_than(age) {
            return Ok(found);
        }
        let mut found = Catalogue::default();
        for path in ["/api", "/apis"] {
            self.read_kinds(cluster, path, &mut found).await?;
        }
        let found = Arc::new(found);
        *kinds.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&found)));
        Ok(found)
    }

    pub(crate) async fn usual_catalogue(&self, cluster: &Cluster) -> Result<Arc<Catalogue>> {
        self.catalogue(cluster, LIFE).await
    }

    /// The kind of this name. One that is not known is looked for once more, as it may be new.
    pub(crate) async fn kind(&self, cluster: &Cluster, name: &str, api_version: Option<&str>) -> Result<Known> {
        let kept = self.usual_catalogue(cluster).await?;
        if let Some(found) = kept.find(name, api_version) {
            return Ok(found.clone());
        }
        let fresh = self.catalogue(cluster, NEW).await?;
        fresh.find(name, api_version).cloned().ok_or_else(|| fresh.unknown(name, api_version))
    }

    async fn read_kinds(&self, cluster: &Cluster, path: &str, found: &mut Catalogue) -> Result<()> {
        let mut request = Request::at(path);
        request.accept = AGGREGATED;
        let answer = self.send(cluster, &request).await?.json(&request, true)?;
        if answer["kind"] == "APIGroupDiscoveryList" {
            found.read_aggregated(&answer);
            return Ok(());
        }
        let versions = group_versions(path, &answer);
        // Older servers are asked version by version, several at a time.
        let asked = versions.iter().map(|version| async move {
            let request =
                Request::at(&if path == "/api" { format!("/api/{version}") } else { format!("/apis/{version}") });
            self.send(cluster, &request).await.and_then(|answer| answer.json(&request, true))
        });
        for (version, answer) in versions.iter().zip(futures::future::join_all(asked).await) {
            match answer {
                Ok(list) => found.read_list(version, &list),
                Err(error) if error.kind() == ErrorKind::AccessDenied => return Err(error),
                Err(_) => found.missing.push(version.clone()),
            }
        }
        Ok(())
    }
}

/// Versions of the core, or of all groups with the preferred one first.
fn group_versions(path: &str, answer: &Value) -> Vec<String> {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    if path == "/api" {
        return texts(&answer["versions"]);
    }
    let mut versions = Vec::new();
    for group in answer["groups"].as_array().into_iter().flatten() {
        let preferred = group["preferredVersion"]["groupVersion"].as_str();
        let all = group["versions"].as_array().into_iter().flatten().filter_map(|one| one["groupVersion"].as_str());
        versions.extend(preferred.map(str::to_owned));
        versions.extend(all.filter(|version| Some(*version) != preferred).map(str::to_owned));
    }
    versions
}

impl Catalogue {
    fn read_aggregated(&mut self, answer: &Value) {
        for group in list(&answer["items"]) {
            let name = text(&group["metadata"]["name"]);
            for version in list(&group["versions"]) {
                if version["freshness"] == "Stale" && list(&version["resources"]).is_empty() {
                    self.missing.push(format!("{name}/{}", text(&version["version"])));
                }
                for resource in list(&version["resources"]) {
                    self.kinds.push(Known {
                        resource: Resource {
                            group: name.clone().into(),
                            version: text(&version["version"]).into(),
                            kind: text(&resource["responseKind"]["kind"]).into(),
                            plural: text(&resource["resource"]).into(),
                            namespaced: resource["scope"] == "Namespaced",
                        },
                        singular: text(&resource["singularResource"]),
                        short_names: texts(&resource["shortNames"]),
                        categories: texts(&resource["categories"]),
                        verbs: texts(&resource["verbs"]),
                        subresources: list(&resource["subresources"])
                            .iter()
                            .map(|sub| text(&sub["subresource"]))
                            .collect(),
                    });
                }
            }
        }
    }

    fn read_list(&mut self, group_version: &str, answer: &Value) {
        let (group, version) = group_version.split_once('/').unwrap_or(("", group_version));
        let at = self.kinds.len();
        let (subresources, whole): (Vec<&Value>, Vec<&Value>) =
            list(&answer["resources"]).iter().partition(|resource| text(&resource["name"]).contains('/'));
        for resource in whole {
            self.kinds.push(Known {
                resource: Resource {
                    group: group.to_owned().into(),
                    version: version.to_owned().into(),
                    kind: text(&resource["kind"]).into(),
                    plural: text(&resource["name"]).into(),
                    namespaced: resource["namespaced"] == true,
                },
                singular: text(&resource["singularName"]),
                short_names: texts(&resource["shortNames"]),
                categories: texts(&resource["categories"]),
                verbs: texts(&resource["verbs"]),
                subresources: Vec::new(),
            });
        }
        for resource in subresources {
            let name = text(&resource["name"]);
            let Some((of, sub)) = name.split_once('/') else { continue };
            if let Some(known) = self.kinds[at..].iter_mut().find(|known| known.resource.plural == of) {
                known.subresources.push(sub.to_owned());
            }
        }
    }

    /// The kind that goes by this name: `Pod`, `pods`, `po`, `deployments.apps`, `apps/v1/Deployment`.
    pub fn find(&self, name: &str, api_version: Option<&str>) -> Option<&Known> {
        let (name, within) = match (api_version, name.rsplit_once('/')) {
            (Some(version), _) => (name, Some(version)),
            (None, Some((version, name))) => (name, Some(version)),
            (None, None) => (name, None),
        };
        let fits = |known: &&Known| within.is_none_or(|version| known.resource.api_version() == version);
        self.kinds.iter().filter(fits).find(|known| known.is_called(name)).or_else(|| {
            // `deployments.apps`, `deployments.v1.apps`
            let (name, rest) = name.split_once('.')?;
            let in_group = |known: &&Known| {
                let Resource { group, version, .. } = &known.resource;
                rest == group || rest == format!("{version}.{group}")
            };
            self.kinds.iter().filter(fits).filter(in_group).find(|known| known.is_called(name))
        })
    }

    fn unknown(&self, name: &str, api_version: Option<&str>) -> Error {
        let names = self.kinds.iter().map(|known| &*known.resource.kind);
        let within = api_version.map_or_else(String::new, |version| format!(" in {version}"));
        let error =
            Error::new(ErrorKind::NotFound, format!("the cluster serves no kind {name:?}{within}")).code("UnknownKind");
        let elsewhere = self.find(name, None).map(|known| known.resource.api_version());
        match (elsewhere, nearest(name, names)) {
            (Some(version), _) if api_version.is_some() => error.hint(format!("it is in {version}")),
            (_, Some(near)) => error.hint(format!("did you mean {near:?}? k8s_list_kinds shows them all")),
            _ if !self.missing.is_empty() => {
                error.hint(format!("these APIs do not answer: {}", self.missing.join(", ")))
            }
            _ => error.hint("k8s_list_kinds shows them all"),
        }
    }
}

impl Known {
    fn is_called(&self, name: &str) -> bool {
        let is = |own: &str| own.eq_ignore_ascii_case(name);
        is(&self.resource.kind)
            || is(&self.resource.plural)
            || is(&self.singular)
            || self.short_names.iter().any(|own| is(own))
    }

    /// Whether something can be done with it.
    pub fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|own| own == verb)
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    list(value).iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn catalogue() -> Catalogue {
        let mut found = Catalogue::default();
        found.read_list(
            "v1",
            &json!({"resources": [
                {"name": "pods", "singularName": "pod", "namespaced": true, "kind": "Pod", "verbs": ["get", "list"], "shortNames": ["po"]},
                {"name": "pods/log", "singularName": "", "namespaced": true, "kind": "Pod", "verbs": ["get"]}]}),
        );
        found.read_aggregated(&json!({"items": [
            {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "resources": [
                {"resource": "deployments", "responseKind": {"kind": "Deployment"}, "scope": "Namespaced", "verbs": ["patch"],
                 "singularResource": "deployment", "shortNames": ["deploy"], "subresources": [{"subresource": "scale"}]}]}]},
            {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "resources": [
                {"resource": "pods", "responseKind": {"kind": "PodMetrics"}, "scope": "Namespaced", "singularResource": "pod"}]}]}]}));
        found
    }

    #[test]
    fn a_kind_goes_by_every_name_that_kubectl_knows() {
        let found = catalogue();
        for name in ["Pod", "pods", "po", "POD", "v1/Pod"] {
            assert_eq!(found.find(name, None).unwrap().resource, crate::resource::PODS, "{name}");
        }
        for name in ["deploy", "deployments.apps", "deployment.v1.apps", "apps/v1/Deployment"] {
            assert_eq!(found.find(name, None).unwrap().resource, crate::resource::DEPLOYMENTS, "{name}");
        }
        assert_eq!(found.find("pods.metrics.k8s.io", None).unwrap().resource.kind, "PodMetrics");
        assert_eq!(found.find("Pod", None).unwrap().subresources, ["log"]);
        assert!(found.find("deploy", None).unwrap().can("patch"));
        let error = found.unknown("Deploment", None);
        assert!(error.hint_str().unwrap().contains("Deployment"), "{error}");
        assert!(found.unknown("Deployment", Some("apps/v1beta1")).hint_str().unwrap().contains("apps/v1"));
    }
}
