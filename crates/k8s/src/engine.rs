//! The engine: connections to clusters, and one request to one of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use futures::future::BoxFuture;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER, USER_AGENT, WARNING},
};
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use tokio::sync::OnceCell;
use trainyard_aws::Engine as AwsEngine;
use trainyard_contract::{Error, ErrorKind, Result};

use crate::{
    access::{self, ContextInfo, Entry, Kubeconfigs, Marks, Way},
    discovery::Kinds,
    error,
    request::Request,
    secret,
    settings::{Cluster, Settings, User},
};

/// Calls Kubernetes. Clones are the same engine; making one does nothing.
#[derive(Clone)]
pub struct Engine(Arc<Inner>, Option<Arc<Result<HeaderMap>>>);

struct Inner {
    settings: Settings,
    aws: AwsEngine,
    kubeconfigs: Kubeconfigs,
    connections: Mutex<HashMap<Way, Kept>>,
}

/// A connection, and what it was made by.
struct Kept {
    connection: Arc<OnceCell<Connection>>,
    marks: Marks,
    used: SystemTime,
}

/// Connections that are kept; the one that was not used for longest goes first.
const MAX_CONNECTIONS: usize = 64;
/// Times that a request is sent which changes nothing.
const ATTEMPTS: u32 = 3;

/// A way into one cluster, and what is known of it.
pub(crate) struct Connection {
    entry: Entry,
    pub(crate) kinds: Kinds,
}

/// What a request was answered with.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    pub(crate) server_time: Option<OffsetDateTime>,
    /// What the server warns about, such as an old version of an API.
    pub(crate) warnings: Vec<String>,
    /// What was written was not there before.
    pub(crate) created: bool,
}

impl Connection {
    /// Who we are, where the client does not say so itself.
    async fn authorization(&self) -> Result<Option<HeaderValue>> {
        let Some(token) = &self.entry.token else { return Ok(None) };
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.now().await?))
            .map_err(|error| Error::internal(error.to_string()))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

impl Engine {
    /// An engine that has done nothing yet: no file read, no connection opened.
    pub fn new(settings: Settings, aws: AwsEngine) -> Self {
        let kubeconfigs = Kubeconfigs::new(settings.kubeconfig.clone());
        Self(Arc::new(Inner { settings, aws, kubeconfigs, connections: Mutex::default() }), None)
    }

    /// The same engine with every request made as somebody else: the cluster holds it against the rights of that user,
    /// and refuses it unless this process has the right to impersonate them. One whose name makes no sense can ask nothing.
    #[must_use]
    pub fn impersonating(&self, user: &User) -> Self {
        Self(Arc::clone(&self.0), Some(Arc::new(user.headers())))
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Which cluster is meant, as whom. Reads the kubeconfig and sends nothing.
    pub fn way(&self, cluster: &Cluster) -> Result<Way> {
        access::way(&self.0.settings, &self.0.kubeconfigs, cluster)
    }

    /// Contexts of the kubeconfig.
    pub fn contexts(&self) -> Result<Vec<ContextInfo>> {
        self.0.kubeconfigs.contexts()
    }

    /// Every name that a cluster goes by: as the call says it, as its context, and as EKS knows it.
    pub fn names(&self, cluster: &Cluster) -> Vec<String> {
        let mut names: Vec<String> = cluster.name.iter().cloned().collect();
        match self.way(cluster) {
            Ok(Way::Context { context }) => {
                let found = self.contexts().unwrap_or_default().into_iter().find(|known| known.name == context);
                names.extend(found.map(|known| known.cluster));
                names.push(context);
            }
            Ok(Way::Eks { name, .. }) => names.push(name),
            Ok(Way::InCluster) => names.push("in-cluster".into()),
            Err(_) => {}
        }
        let short = |name: &String| name.rsplit_once(":cluster/").map(|(_, short)| short.to_owned());
        names.extend(names.iter().filter_map(short).collect::<Vec<_>>());
        names.sort();
        names.dedup();
        names
    }

    /// The connection to a cluster, made when it is first wanted. One that is slow to come holds up nobody else's.
    pub(crate) async fn connection(&self, cluster: &Cluster) -> Result<(Way, Arc<OnceCell<Connection>>)> {
        let way = self.way(cluster)?;
        let cell = self.cell(&way);
        cell.get_or_try_init(|| async {
            let Inner { settings, aws, kubeconfigs, .. } = &*self.0;
            // In a box: the futures of the AWS runtime are large, and deeper than the compiler likes.
            let entering: BoxFuture<'_, Result<Entry>> = Box::pin(access::enter(settings, aws, kubeconfigs, &way));
            let entry = entering.await?;
            Ok::<_, Error>(Connection { entry, kinds: Kinds::default() })
        })
        .await?;
        Ok((way, cell))
    }

    fn cell(&self, way: &Way) -> Arc<OnceCell<Connection>> {
        let marks = match way {
            Way::Context { .. } => self.0.kubeconfigs.marks(),
            _ => Vec::new(),
        };
        let mut connections = self.0.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if connections.len() >= MAX_CONNECTIONS && !connections.contains_key(way) {
            let oldest = connections.iter().min_by_key(|(_, kept)| kept.used).map(|(way, _)| way.clone());
            oldest.map(|oldest| connections.remove(&oldest));
        }
        let used = SystemTime::now();
        let new = || Kept { connection: Arc::default(), marks: marks.clone(), used };
        let kept = connections.entry(way.clone()).or_insert_with(new);
        if kept.marks != marks {
            *kept = new();
        }
        kept.used = used;
        Arc::clone(&kept.connection)
    }

    /// Makes the next call find the cluster anew: it may have moved, or its certificate changed.
    fn forget(&self, way: &Way) {
        self.0.connections.lock().unwrap_or_else(PoisonError::into_inner).remove(way);
    }

    /// Namespace where a call names none, and the cluster's address.
    pub(crate) async fn home(&self, cluster: &Cluster) -> Result<(String, String)> {
        let (_, cell) = self.connection(cluster).await?;
        let entry = &connected(&cell)?.entry;
        Ok((entry.namespace.clone(), entry.url.clone()))
    }

    /// The client of a cluster for requests like this one, and what has to go with each. What is above the operator's
    /// ceiling is refused.
    pub(crate) async fn door(&self, cluster: &Cluster, request: &Request) -> Result<(kube::Client, HeaderMap)> {
        request.check(self.0.settings.ceiling)?;
        let (_, cell) = self.connection(cluster).await?;
        let connection = connected(&cell)?;
        Ok((connection.entry.client.clone(), self.who(connection).await?))
    }

    /// Headers that say who asks, and as whom.
    async fn who(&self, connection: &Connection) -> Result<HeaderMap> {
        let mut headers = match self.1.as_deref() {
            Some(Ok(user)) => user.clone(),
            Some(Err(nobody)) => return Err(nobody.clone()),
            None => connection.entry.acting_as.clone(),
        };
        if let Some(value) = connection.authorization().await? {
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }

    /// One request. What is above the operator's ceiling is refused and nothing is sent.
    ///
    /// Dropping the future takes the request back.
    pub(crate) async fn send(&self, cluster: &Cluster, request: &Request) -> Result<Answer> {
        request.check(self.0.settings.ceiling)?;
        let limit = self.0.settings.request_timeout;
        let sent = tokio::time::timeout(limit, async {
            let response = self.open(cluster, request).await?;
            self.read(request, response).await
        });
        // In a box: a tool's future does not hold all of this.
        match Box::pin(sent).await {
            Ok(answer) => answer,
            Err(_) => {
                Err(error::late(&format!("nothing after {} s", limit.as_secs()))
                    .operation("kubernetes", request.name()))
            }
        }
    }

    /// Sends a request and gives the answer while it is still coming: watches.
    pub(crate) async fn stream(&self, cluster: &Cluster, request: &Request) -> Result<http::Response<Body>> {
        request.check(self.0.settings.ceiling)?;
        let limit = self.0.settings.request_timeout;
        match tokio::time::timeout(limit, Box::pin(self.open(cluster, request))).await {
            Ok(response) => response,
            Err(_) => Err(error::late("a watch did not begin").operation("kubernetes", request.name())),
        }
    }

    /// Sends until the answer is one to go on with.
    async fn open(&self, cluster: &Cluster, request: &Request) -> Result<http::Response<Body>> {
        let (way, cell) = self.connection(cluster).await?;
        let connection = connected(&cell)?;
        let repeatable = !request.effect().writes();
        let mut renewed = false;
        for attempt in 1.. {
            let last = attempt >= ATTEMPTS || !repeatable;
            let response = match self.once(connection, request).await {
                Ok(response) => response,
                Err(failed) if last || failed.kind() != ErrorKind::Network || failed.code_str() == "TlsFailed" => {
                    if failed.kind() == ErrorKind::Network {
                        self.forget(&way);
                    }
                    return Err(
                        failed.map_text(|text| text.replace("the API server", &format!("the API server of {way}")))
                    );
                }
                Err(_) => {
                    pause(attempt, None).await;
                    continue;
                }
            };
            let status = response.status();
            if status == StatusCode::UNAUTHORIZED
                && !renewed
                && let Some(token) = &connection.entry.token
            {
                // Nothing was done yet, so that this repeats no change.
                token.forget().await;
                renewed = true;
                continue;
            }
            let busy = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
            if busy && !last {
                pause(attempt, response.headers().get(RETRY_AFTER)).await;
                continue;
            }
            if status.is_success() {
                return Ok(response);
            }
            let headers = response.headers().clone();
            let body = self.body(request, response).await.unwrap_or_default();
            return Err(error::of_answer(request, status, &headers, &body));
        }
        Err(Error::internal("a request was never sent"))
    }

    async fn once(&self, connection: &Connection, request: &Request) -> Result<http::Response<Body>> {
        let mut built = http::Request::builder()
            .method(request.method.clone())
            .uri(request.address())
            .header(ACCEPT, request.accept)
            .header(USER_AGENT, concat!("trainyard/", env!("CARGO_PKG_VERSION")));
        if !request.body.is_empty() {
            built = built.header(CONTENT_TYPE, request.content_type);
        }
        if request.attributes.verb == "watch" {
            // Events packed one by one are not unpacked by every layer below.
            built = built.header(ACCEPT_ENCODING, "identity");
        }
        let mut built =
            built.body(Body::from(request.body.clone())).map_err(|error| Error::validation(error.to_string()))?;
        built.headers_mut().extend(self.who(connection).await?);
        connection.entry.client.send(built).await.map_err(|error| error::of_client(request, &error))
    }

    async fn read(&self, request: &Request, response: http::Response<Body>) -> Result<Answer> {
        let (headers, created) = (response.headers().clone(), response.status() == StatusCode::CREATED);
        let body = self.body(request, response).await?;
        Ok(Answer { body, created, server_time: date(&headers), warnings: warnings(&headers) })
    }

    async fn body(&self, request: &Request, response: http::Response<Body>) -> Result<Vec<u8>> {
        let most = self.0.settings.max_response_bytes;
        let read = Limited::new(response.into_body(), most).collect().await;
        read.map(|body| body.to_bytes().into()).map_err(|failed| {
            let error = if failed.is::<http_body_util::LengthLimitError>() {
                Error::new(ErrorKind::Unsupported, format!("the answer is larger than {most} bytes"))
                    .code("AnswerTooLarge")
                    .hint("ask for less: a namespace, a selector, a smaller limit")
            } else {
                Error::new(ErrorKind::Network, format!("the answer broke off: {failed}"))
            };
            error.operation("kubernetes", request.name())
        })
    }
}

/// The connection that was just made.
pub(crate) fn connected(cell: &OnceCell<Connection>) -> Result<&Connection> {
    cell.get().ok_or_else(|| Error::internal("a connection was lost while it was made"))
}

impl Answer {
    /// The answer as JSON, without what is to stay behind.
    pub(crate) fn json(&self, request: &Request, keep_managers: bool) -> Result<serde_json::Value> {
        let mut value = serde_json::from_slice(&self.body).map_err(|error| {
            Error::internal(format!("the API server answered with something else than JSON: {error}"))
                .operation("kubernetes", request.name())
        })?;
        if !request.reveals {
            let secret = request.attributes.group.is_empty() && request.attributes.resource == "secrets";
            secret::clean(&mut value, secret, keep_managers);
        }
        Ok(value)
    }
}

/// Waits as long as the server asks, within reason; otherwise longer each time.
async fn pause(attempt: u32, asked: Option<&HeaderValue>) {
    let asked = asked.and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let seconds = asked.map(Duration::from_secs).map(|asked| asked.min(Duration::from_secs(5)));
    tokio::time::sleep(seconds.unwrap_or(Duration::from_millis(200) * attempt)).await;
}

fn date(headers: &HeaderMap) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(headers.get(DATE)?.to_str().ok()?, &Rfc2822).ok()
}

/// `299 - "policy/v1beta1 is deprecated"` without what is around it.
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let said = headers.get_all(WARNING).iter().filter_map(|value| value.to_str().ok());
    let inner = |text: &str| {
        let quoted = text.split_once('"').map_or(text, |(_, quoted)| quoted.strip_suffix('"').unwrap_or(quoted));
        quoted.replace("\\\"", "\"")
    };
    said.map(inner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_the_server_and_its_warnings_are_read() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_static("Sat, 21 Nov 2026 07:06:26 GMT"));
        headers.insert(WARNING, HeaderValue::from_static(r#"299 - "unknown field \"spec.x\"""#));
        assert_eq!(date(&headers).unwrap().unix_timestamp(), 1_795_244_786);
        assert_eq!(warnings(&headers), [r#"unknown field "spec.x""#]);
    }
}
