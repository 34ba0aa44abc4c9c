//! Kubernetes as one call may use it: one cluster, and no more access than `A`.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use serde_json::{Value, json};
use time::OffsetDateTime;
use trainyard_contract::{Access, Changes, Covers, Destroys, Effect, Error, ErrorKind, Reads, Result, Reveals};

use crate::{
    FIELD_MANAGER,
    access::Way,
    discovery::{Catalogue, Known},
    engine::{Answer, Engine},
    error::OWN_CONFLICT,
    logs::LogQuestion,
    prometheus::{Api as PrometheusApi, Prometheus, Service},
    request::Request,
    resource::{PODS, Resource, SELF_SUBJECT_ACCESS_REVIEWS},
    selection::{self, Form, Page, Selection, TABLE},
    settings::Cluster,
    table::Table,
    watching::Watch,
};

/// Kubernetes, as one call may use it.
pub struct Kubernetes<A> {
    engine: Engine,
    cluster: Cluster,
    access: PhantomData<A>,
}

/// What became of an object.
#[derive(Debug, Clone)]
pub struct Written {
    /// As it is now, or would be.
    pub object: Value,
    /// What the server warns about, such as an unknown field or an old version of an API.
    pub warnings: Vec<String>,
    /// There was none before.
    pub created: bool,
}

/// How an object is applied.
#[derive(Debug, Clone, Copy, Default)]
pub struct Apply {
    /// Take over fields that others have set.
    pub force: bool,
}

/// A change of parts of an object.
#[derive(Debug, Clone)]
pub enum Patch {
    /// Lists are merged by their keys, as the kind says.
    Strategic(Value),
    /// Lists are replaced.
    Merge(Value),
    /// Operations, one after the other.
    Json(Value),
}

impl Patch {
    fn parts(&self) -> (&'static str, &Value) {
        match self {
            Self::Strategic(body) => ("application/strategic-merge-patch+json", body),
            Self::Merge(body) => ("application/merge-patch+json", body),
            Self::Json(body) => ("application/json-patch+json", body),
        }
    }
}

/// How an object is deleted.
#[derive(Debug, Clone, Default)]
pub struct Deletion {
    /// `Background`, `Foreground`, `Orphan`; the kind's own where there is none.
    pub propagation: Option<&'static str>,
    /// Seconds to end in.
    pub grace_seconds: Option<u32>,
    /// Only the object with this UID, not a later one of the same name.
    pub uid: Option<String>,
}

/// What an eviction was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Eviction {
    /// The pod is being ended.
    Done,
    /// There is no such pod any more.
    Gone,
    /// A disruption budget does not allow it now; this is what the server says.
    Held(String),
}

impl<A: Access> Kubernetes<A> {
    /// The handle for one cluster.
    pub fn new(engine: Engine, cluster: Cluster) -> Self {
        Self { engine, cluster, access: PhantomData }
    }

    /// The cluster, as the call says it.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The engine, for questions that send nothing.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Which cluster that is, as whom. Sends nothing.
    pub fn way(&self) -> Result<Way> {
        self.engine.way(&self.cluster)
    }

    /// Namespace where a call names none.
    pub async fn default_namespace(&self) -> Result<String> {
        self.engine.home(&self.cluster).await.map(|(namespace, _)| namespace)
    }

    /// Address of the API server.
    pub async fn url(&self) -> Result<String> {
        self.engine.home(&self.cluster).await.map(|(_, url)| url)
    }

    async fn send(&self, request: &Request) -> Result<Answer> {
        self.engine.send(&self.cluster, request).await
    }

    async fn json(&self, request: &Request) -> Result<Value> {
        self.send(request).await?.json(request, false)
    }

    async fn write(&self, request: &Request) -> Result<Written> {
        let answer = self.send(request).await?;
        let object = answer.json(request, false)?;
        Ok(Written { object, created: answer.created, warnings: answer.warnings })
    }
}

impl<A: Access> Kubernetes<A> {
    /// Applies. What we ourselves changed in another way since (a patch, a scale) is no conflict: those fields are taken
    /// over, on condition that nobody has changed the object in between.
    async fn applied(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        object: &Value,
        how: Apply,
        finish: impl Fn(Request) -> Request,
    ) -> Result<Written> {
        let request = |how: Apply, version: Option<&Value>| -> Result<Request> {
            Ok(finish(apply(resource, namespace, object, how, version)?))
        };
        for _ in 0..TAKEOVERS {
            let first = self.write(&request(how, None)?).await;
            if !first.as_ref().is_err_and(|error| error.code_str() == OWN_CONFLICT) {
                return first;
            }
            let before = self.json(&Request::new("get", resource, namespace, Some(name_of(object)?), None)?).await?;
            // Asked once more about exactly this version: another manager may have come.
            let version = Some(&before["metadata"]["resourceVersion"]);
            let again = self.write(&dry(apply(resource, namespace, object, how, version)?)).await;
            if !again.as_ref().is_err_and(|error| error.code_str() == OWN_CONFLICT) {
                continue;
            }
            match self.write(&request(Apply { force: true }, version)?).await {
                // The object has changed in between.
                Err(error) if error.http_status_code() == Some(409) => {}
                done => return done,
            }
        }
        Err(Error::new(ErrorKind::Conflict, "the object is changed by others all the time").retryable(true))
    }
}

/// Questions. What is secret stays behind.
impl<A: Access + Covers<Reads>> Kubernetes<A> {
    /// The kind that goes by this name: `Pod`, `po`, `deployments.apps`, `apps/v1/Deployment`.
    pub async fn kind(&self, name: &str, api_version: Option<&str>) -> Result<Known> {
        self.engine.kind(&self.cluster, name, api_version).await
    }

    /// Every kind that the cluster serves.
    pub async fn kinds(&self) -> Result<Arc<Catalogue>> {
        self.engine.usual_catalogue(&self.cluster).await
    }

    /// One object.
    pub async fn get(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> Result<Value> {
        self.json(&Request::new("get", resource, namespace, Some(name), None)?).await
    }

    /// One object, if it is there.
    pub async fn find(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> Result<Option<Value>> {
        match self.get(resource, namespace, name).await {
            Ok(object) => Ok(Some(object)),
            // A missing kind or namespace is said with the same status and is another matter.
            Err(error) if error.code_str() == "NotFound" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One object with the record of who set which field.
    pub async fn get_with_managers(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> Result<Value> {
        let request = Request::new("get", resource, namespace, Some(name), None)?;
        self.send(&request).await?.json(&request, true)
    }

    /// A subresource that is read, such as `scale` or `status`.
    pub async fn get_subresource(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        subresource: &str,
    ) -> Result<Value> {
        self.json(&Request::new("get", resource, namespace, Some(name), Some(subresource))?).await
    }

    /// One page of a list.
    pub async fn list(&self, resource: &Resource, selection: &Selection, form: Form) -> Result<Page> {
        let request = Request::new("list", resource, selection.namespace.as_deref(), None, None)?;
        let request = Request { accept: form.accept(), ..selection.ask(request) };
        let answer = self.send(&request).await?;
        selection::page(answer.json(&request, false)?, answer.server_time)
    }

    /// Every page of a list, each handed on as it comes, so that a large list is never whole in memory.
    pub async fn each_page(
        &self,
        resource: &Resource,
        selection: &Selection,
        form: Form,
        mut page: impl FnMut(Page) + Send,
    ) -> Result<()> {
        let mut selection = Selection { limit: selection.limit.or(Some(PAGE)), ..selection.clone() };
        loop {
            let mut one = self.list(resource, &selection, form).await?;
            selection.next = one.next.take();
            page(one);
            if selection.next.is_none() {
                return Ok(());
            }
        }
    }

    /// All of a list.
    pub async fn list_all(&self, resource: &Resource, selection: &Selection, form: Form) -> Result<Page> {
        let mut all: Page = Page::default();
        self.each_page(resource, selection, form, |page| {
            all.items.extend(page.items);
            (all.resource_version, all.server_time) = (page.resource_version, page.server_time);
        })
        .await?;
        Ok(all)
    }

    /// One page of a list in the columns that the kind has for people.
    pub async fn table(&self, resource: &Resource, selection: &Selection) -> Result<Page<Table>> {
        let request = Request::new("list", resource, selection.namespace.as_deref(), None, None)?;
        let request = Request { accept: TABLE, ..selection.ask(request) }.ask("includeObject", "Metadata");
        let answer = self.send(&request).await?;
        selection::table(&answer.json(&request, false)?, answer.server_time)
    }

    /// Follows what happens to objects for as long as `most`, from a state of a list on.
    pub async fn watch(
        &self,
        resource: &Resource,
        selection: &Selection,
        resource_version: &str,
        most: Duration,
    ) -> Result<Watch> {
        Watch::open(&self.engine, &self.cluster, resource, selection, resource_version, most).await
    }

    /// The clock of the server, and its version.
    pub async fn version(&self) -> Result<(Value, Option<OffsetDateTime>)> {
        let request = Request::at("/version");
        let answer = self.send(&request).await?;
        Ok((answer.json(&request, false)?, answer.server_time))
    }

    /// The schemas of one API version (`OpenAPI` 3).
    pub async fn open_api(&self, api_version: &str) -> Result<Value> {
        let path = if api_version.contains('/') {
            format!("/openapi/v3/apis/{api_version}")
        } else {
            format!("/openapi/v3/api/{api_version}")
        };
        // Names of versions come from discovery; anything else is no address below this one.
        if !api_version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./-".contains(&byte))
            || path.contains("..")
        {
            return Err(Error::validation(format!("{api_version:?} is no API version")));
        }
        self.json(&Request::at(&path)).await
    }

    /// Whether we may do something, by the server's own judgement.
    pub async fn may(
        &self,
        verb: &str,
        resource: &Resource,
        subresource: &str,
        namespace: Option<&str>,
    ) -> Result<bool> {
        let review = json!({
            "apiVersion": SELF_SUBJECT_ACCESS_REVIEWS.api_version(),
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "verb": verb, "group": resource.group, "version": resource.version, "resource": resource.plural,
                "subresource": subresource, "namespace": namespace.unwrap_or_default()}},
        });
        let request = Request::new("create", &SELF_SUBJECT_ACCESS_REVIEWS, None, None, None)?;
        Ok(self.json(&request.send(crate::request::JSON, &review)).await?["status"]["allowed"] == true)
    }

    /// A Prometheus in the cluster, asked through the API server.
    pub async fn prometheus(&self, prometheus: &Prometheus, service: &Service) -> Result<PrometheusApi> {
        // An expression that the caller wrote may show what belongs to others, and only a call that reveals passes one on.
        let reveals = A::EFFECT == Effect::Reveals;
        let request = Request::through(&service.namespace, &service.proxy_name(), reveals);
        let (client, who) = self.engine.door(&self.cluster, &request).await?;
        Ok(prometheus.through(client, who, service))
    }

    /// What would come of applying an object. Nothing is changed.
    pub async fn try_apply(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        object: &Value,
        how: Apply,
    ) -> Result<Written> {
        self.applied(resource, namespace, object, how, dry).await
    }

    /// What would come of making an object. Nothing is changed.
    pub async fn try_create(&self, resource: &Resource, namespace: Option<&str>, object: &Value) -> Result<Written> {
        self.write(&dry(create(resource, namespace, object)?)).await
    }

    /// What would come of putting an object in another's place. Nothing is changed.
    pub async fn try_replace(&self, resource: &Resource, namespace: Option<&str>, object: &Value) -> Result<Written> {
        self.write(&dry(replace(resource, namespace, object)?)).await
    }

    /// What would come of a patch. Nothing is changed.
    pub async fn try_patch(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        change: &Patch,
    ) -> Result<Written> {
        self.write(&dry(patch(resource, namespace, name, None, change)?)).await
    }

    /// What would come of another number of replicas. Nothing is changed.
    pub async fn try_scale(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        replicas: u32,
    ) -> Result<Written> {
        self.write(&dry(scale(resource, namespace, name, replicas)?)).await
    }

    /// What would come of a deletion. Nothing is changed.
    pub async fn try_delete(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        how: &Deletion,
    ) -> Result<Value> {
        self.json(&dry(delete(resource, namespace, name, how)?)).await
    }
}

/// What shows secrets or content of others.
impl<A: Access + Covers<Reveals>> Kubernetes<A> {
    /// One object with what is secret in it.
    pub async fn reveal(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> Result<Value> {
        let request = Request::new("get", resource, namespace, Some(name), None)?;
        let mut object = self.json(&Request { reveals: true, ..request }).await?;
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        Ok(object)
    }

    /// The log of a container. What is no UTF-8 in it is marked.
    pub async fn logs(&self, namespace: &str, pod: &str, question: &LogQuestion) -> Result<String> {
        let answer = self.send(&question.request(namespace, pod)?).await?;
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }
}

/// What makes or alters something.
impl<A: Access + Covers<Changes>> Kubernetes<A> {
    /// Makes an object.
    pub async fn create(&self, resource: &Resource, namespace: Option<&str>, object: &Value) -> Result<Written> {
        self.write(&create(resource, namespace, object)?).await
    }

    /// Applies an object: fields that we set before and that are not in it any more go.
    pub async fn apply(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        object: &Value,
        how: Apply,
    ) -> Result<Written> {
        self.applied(resource, namespace, object, how, |request| request).await
    }

    /// Puts an object in the place of the one of its name.
    pub async fn replace(&self, resource: &Resource, namespace: Option<&str>, object: &Value) -> Result<Written> {
        self.write(&replace(resource, namespace, object)?).await
    }

    /// Changes parts of an object.
    pub async fn patch(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        change: &Patch,
    ) -> Result<Written> {
        self.write(&patch(resource, namespace, name, None, change)?).await
    }

    /// Sets the number of replicas.
    pub async fn scale(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        replicas: u32,
    ) -> Result<Written> {
        self.write(&scale(resource, namespace, name, replicas)?).await
    }

    /// Ends a pod, if the disruption budgets allow it.
    pub async fn evict(&self, namespace: &str, pod: &str, how: &Deletion) -> Result<Eviction> {
        let body = json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
            "deleteOptions": options(how),
        });
        let request = Request::new("create", &PODS, Some(namespace), Some(pod), Some("eviction"))?;
        match self.send(&request.send(crate::request::JSON, &body)).await {
            Ok(_) => Ok(Eviction::Done),
            Err(error) if error.http_status_code() == Some(404) => Ok(Eviction::Gone),
            Err(error) if error.http_status_code() == Some(429) => Ok(Eviction::Held(error.message().to_owned())),
            Err(error) => Err(error),
        }
    }
}

/// What cannot be undone.
impl<A: Access + Covers<Destroys>> Kubernetes<A> {
    /// Deletes an object, and what belongs to it as `how` says. Gives what the server answers: the object while it ends, or
    /// a status.
    pub async fn delete(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        how: &Deletion,
    ) -> Result<Value> {
        self.json(&delete(resource, namespace, name, how)?).await
    }
}

/// Times that fields of our own are taken over while others change the object.
const TAKEOVERS: usize = 3;
/// Objects in one page where nobody says how many, as kubectl asks for them.
const PAGE: u32 = 500;

fn dry(request: Request) -> Request {
    request.ask("dryRun", "All")
}

fn name_of(object: &Value) -> Result<&str> {
    object["metadata"]["name"].as_str().ok_or_else(|| Error::validation("the object has no metadata.name"))
}

/// Unknown and doubled fields are said in warnings: a misspelt field must not vanish without a word.
fn strictly(request: Request) -> Request {
    request.ask("fieldManager", FIELD_MANAGER).ask("fieldValidation", "Warn")
}

fn create(resource: &Resource, namespace: Option<&str>, object: &Value) -> Result<Request> {
    if resource.namespaced && namespace.is_none() {
        return Err(Error::validation(format!("a {} lives in a namespace, and none is given", resource.kind)));
    }
    let request = Request::new("create", resource, namespace, None, None)?;
    Ok(strictly(request).send(crate::request::JSON, object))
}

fn replace(resource: &Resource, namespace: Option<&str>, object: &Value) -> Result<Request> {
    let request = Request::new("update", resource, namespace, Some(name_of(object)?), None)?;
    Ok(strictly(request).send(crate::request::JSON, object))
}

fn apply(
    resource: &Resource,
    namespace: Option<&str>,
    object: &Value,
    how: Apply,
    version: Option<&Value>,
) -> Result<Request> {
    let mut object = object.clone();
    // What a server once answered with cannot be applied as it is.
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for member in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink"] {
            metadata.remove(member);
        }
        if let Some(version) = version {
            metadata.insert("resourceVersion".to_owned(), version.clone());
        }
    }
    let request = Request::new("patch", resource, namespace, Some(name_of(&object)?), None)?
        .ask("fieldManager", FIELD_MANAGER)
        .ask("force", how.force.to_string())
        .ask("fieldValidation", "Warn");
    // JSON is YAML.
    Ok(request.send("application/apply-patch+yaml", &object))
}

fn patch(
    resource: &Resource,
    namespace: Option<&str>,
    name: &str,
    subresource: Option<&str>,
    change: &Patch,
) -> Result<Request> {
    let (content_type, body) = change.parts();
    let request = Request::new("patch", resource, namespace, Some(name), subresource)?;
    Ok(strictly(request).send(content_type, body))
}

fn scale(resource: &Resource, namespace: Option<&str>, name: &str, replicas: u32) -> Result<Request> {
    let change = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
    patch(resource, namespace, name, Some("scale"), &change)
}

fn options(how: &Deletion) -> Value {
    let mut options = json!({ "apiVersion": "v1", "kind": "DeleteOptions" });
    if let Some(propagation) = how.propagation {
        options["propagationPolicy"] = propagation.into();
    }
    if let Some(seconds) = how.grace_seconds {
        options["gracePeriodSeconds"] = seconds.into();
    }
    if let Some(uid) = &how.uid {
        options["preconditions"] = json!({ "uid": uid });
    }
    options
}

fn delete(resource: &Resource, namespace: Option<&str>, name: &str, how: &Deletion) -> Result<Request> {
    let request = Request::new("delete", resource, namespace, Some(name), None)?;
    Ok(request.send(crate::request::JSON, &options(how)))
}
