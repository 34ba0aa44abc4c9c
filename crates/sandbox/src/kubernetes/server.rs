//! The server, as its users have it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    clock::{Clock, Time},
    cluster::Cluster,
    fleet::{self, Fleet},
    http::{Fault, Recorded},
    kinds::Kinds,
    life::{Behaviour, Life, Pace},
    logs::Logs,
    metrics::{Usage, Used},
    random::Random,
    rbac::{self, User, Users},
    setting::{self, Setting},
    shared::Shared,
    store::Store,
    verbs,
};
use crate::loopback::{self, Encryption, Running};

/// Changes that a watch can go back to.
const REMEMBERED: usize = 20_000;

/// How a server is.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port; 0 for any free one.
    pub port: u16,
    /// Where random names and numbers begin: the same seed and the same steps make the same cluster.
    pub seed: u64,
    /// Where the time comes from.
    pub time: Time,
    /// Whether roles decide who may do what. Otherwise everybody may do everything.
    pub roles: bool,
    /// How many changes a watch can go back.
    pub history: usize,
    /// Whether it speaks HTTPS, under an authority of its own. Go clients send bearer tokens over HTTPS only.
    pub tls: bool,
    /// How fast controllers, scheduler and pods are; without it objects only lie there.
    pub life: Option<Pace>,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 0, seed: 1, time: Time::Real, roles: false, history: REMEMBERED, tls: false, life: None }
    }
}

/// A Kubernetes API on loopback, until it is dropped.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    running: Running,
    token: Option<String>,
    tls: bool,
}

impl Server {
    /// Starts with the usual options.
    pub fn start() -> io::Result<Self> {
        Self::start_with(&Options::default())
    }

    /// Starts. The error is that of the socket or the thread.
    pub fn start_with(options: &Options) -> io::Result<Self> {
        let mut cluster = Cluster {
            store: Store::new(options.history),
            kinds: Kinds::builtin(),
            clock: Clock::new(options.time),
            random: Random::new(options.seed),
            logs: Logs::default(),
            usage: Usage::default(),
            users: Users { judged: options.roles, ..Users::default() },
            life: None,
            noise: 0,
        };
        let (encryption, authority) = encryption(options.tls)?;
        cluster.users.authority = authority.unwrap_or_default();
        let token = options.roles.then(|| {
            let admin = User {
                name: "kubernetes-admin".into(),
                groups: vec!["system:masters".into(), "system:authenticated".into()],
            };
            let token = format!("sandbox.{}", cluster.random.uid());
            cluster.users.tokens.insert(token.clone(), admin);
            token
        });
        furnish(&mut cluster);
        cluster.life = options.life.map(|pace| Life::new(pace, cluster.store.version()));
        let shared = Arc::new(Shared::new(cluster));
        let running = loopback::start("kubernetes-sandbox", options.port, encryption, Arc::clone(&shared))?;
        Ok(Self { shared, running, token, tls: options.tls })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// `http://127.0.0.1:PORT`, or the same with `https`.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.running.address)
    }

    /// The certificate of its authority (PEM); nothing without HTTPS.
    pub fn authority(&self) -> Option<String> {
        self.tls.then(|| self.shared.with(|cluster| cluster.users.authority.clone()))
    }

    /// A kubeconfig with one context, `sandbox`, for the administrator.
    pub fn kubeconfig(&self) -> String {
        self.kubeconfig_for(self.token.as_deref())
    }

    /// The same for whoever has a token, or for nobody in particular.
    pub fn kubeconfig_for(&self, token: Option<&str>) -> String {
        let user = token.map_or_else(|| json!({}), |token| json!({ "token": token }));
        let mut cluster = json!({ "server": self.url() });
        if let Some(authority) = self.authority() {
            cluster["certificate-authority-data"] = BASE64_STANDARD.encode(authority).into();
        }
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "sandbox", "preferences": {},
            "clusters": [{ "name": "sandbox", "cluster": cluster }],
            "users": [{ "name": "sandbox", "user": user }],
            "contexts": [{ "name": "sandbox", "context": { "cluster": "sandbox", "user": "sandbox" } }],
        });
        // JSON is YAML.
        format!("{config:#}\n")
    }

    /// Puts objects there as if they had always been there, status and all: YAML, in any number of documents. The error says
    /// which object is wrong, and what.
    pub fn seed(&self, manifests: &str) -> Result<(), String> {
        let documents = serde_saphyr::from_multiple::<Value>(manifests).map_err(|error| error.to_string())?;
        for document in documents {
            self.seed_object(document)?;
        }
        Ok(())
    }

    /// The same for one object, or a `List` of them.
    pub fn seed_object(&self, object: Value) -> Result<(), String> {
        let items = match object["kind"].as_str() {
            Some("List") => object["items"].as_array().cloned().unwrap_or_default(),
            _ => vec![object],
        };
        self.shared.with(|cluster| items.into_iter().try_for_each(|item| cluster.seed(item)))
    }

    /// Puts a fleet there. The error is one of ours: a fleet is made of objects that are taken.
    pub fn fleet(&self, fleet: &Fleet) -> Result<(), String> {
        self.shared.with(|cluster| fleet::build(cluster, fleet))
    }

    /// Tells the cluster what a setting says. The error says what of it cannot be; what stands before it has happened.
    pub fn set(&self, setting: &Setting) -> Result<(), String> {
        self.shared.with(|cluster| setting::apply(cluster, setting))
    }

    /// Whether this text stands in any object or log.
    pub fn holds(&self, text: &str) -> bool {
        self.shared.with(|cluster| {
            let resources = cluster.store.resources();
            let objects = resources.iter().flat_map(|resource| cluster.store.list(resource, None, None));
            objects.into_iter().any(|object| object.value().to_string().contains(text)) || cluster.logs.hold(text)
        })
    }

    /// An object as it is now, by resource (`pods`, `deployments.apps`), namespace (empty for the cluster) and name.
    pub fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        self.shared.with(|cluster| {
            let kind = cluster.kind(resource)?;
            Some(verbs::dress(&kind, cluster.value(resource, namespace, name)?))
        })
    }

    /// How many objects of a resource there are.
    pub fn count(&self, resource: &str) -> usize {
        self.shared.with(|cluster| cluster.store.count(resource))
    }

    /// Adds to what a container wrote. A line that begins with a time (RFC 3339 and a blank) is from then, another from now.
    pub fn log(&self, namespace: &str, pod: &str, container: &str, lines: &str) {
        self.write_log(namespace, pod, container, lines, false);
    }

    /// Adds to what the container wrote before it was last restarted.
    pub fn previous_log(&self, namespace: &str, pod: &str, container: &str, lines: &str) {
        self.write_log(namespace, pod, container, lines, true);
    }

    fn write_log(&self, namespace: &str, pod: &str, container: &str, lines: &str, previous: bool) {
        self.shared.with(|cluster| {
            let now = cluster.clock.now();
            cluster.logs.write((namespace.into(), pod.into(), container.into()), lines, now, previous);
            cluster.noise += 1;
        });
    }

    /// Says what a node uses: thousandths of a core, and bytes.
    pub fn node_usage(&self, node: &str, cpu: i64, memory: i64) {
        self.shared.with(|cluster| cluster.usage.nodes.insert(node.into(), Used { cpu, memory }));
    }

    /// Says what a container uses: thousandths of a core, and bytes.
    pub fn container_usage(&self, namespace: &str, pod: &str, container: &str, cpu: i64, memory: i64) {
        let place = (namespace.into(), pod.into(), container.into());
        self.shared.with(|cluster| cluster.usage.containers.insert(place, Used { cpu, memory }));
    }

    /// Lets somebody in by a bearer token.
    pub fn user(&self, token: &str, name: &str, groups: &[&str]) {
        let mut groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        groups.push("system:authenticated".into());
        let user = User { name: name.into(), groups };
        self.shared.with(|cluster| cluster.users.tokens.insert(token.into(), user));
    }

    /// Lets a service account in by a bearer token.
    pub fn service_account(&self, token: &str, namespace: &str, name: &str) {
        self.shared.with(|cluster| cluster.users.tokens.insert(token.into(), rbac::account(namespace, name)));
    }

    /// Moves the time forward; what is due on the way happens in its order.
    pub fn advance(&self, by: Duration) {
        self.shared.with(|cluster| cluster.pass(by));
    }

    /// Says what becomes of containers whose image contains this text. Nothing, where objects only lie there.
    pub fn behave(&self, image: &str, behaviour: Behaviour) {
        self.shared.with(|cluster| {
            if let Some(life) = &mut cluster.life {
                life.behave(image.into(), behaviour);
            }
        });
    }

    /// Forgets all changes: watches from before get 410 and have to list again.
    pub fn forget_history(&self) {
        self.shared.with(|cluster| cluster.store.forget());
    }

    /// Lets something go wrong from now on.
    pub fn fail(&self, fault: Fault) {
        self.shared.record().fail(fault);
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        self.shared.record().heal();
    }

    /// The requests that came, oldest first.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.record().requests()
    }

    /// Forgets the requests that came.
    pub fn forget_requests(&self) {
        self.shared.record().forget();
    }
}

#[cfg(feature = "tls")]
fn encryption(wanted: bool) -> io::Result<(Encryption, Option<String>)> {
    if !wanted {
        return Ok((None, None));
    }
    let (acceptor, authority) = super::http::tls::make()?;
    Ok((Some(acceptor), Some(authority)))
}

#[cfg(not(feature = "tls"))]
fn encryption(wanted: bool) -> io::Result<(Encryption, Option<String>)> {
    if wanted { Err(io::Error::other("built without the feature `tls`")) } else { Ok((None, None)) }
}

/// One document of what every cluster has.
#[derive(Debug, Deserialize)]
struct Furniture(Vec<Value>);

/// What every cluster has: namespaces, roles, priorities, the API as a service.
fn furnish(cluster: &mut Cluster) {
    for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        cluster.ensure_namespace(name);
    }
    let furniture: Furniture = serde_json::from_str(include_str!("furniture.json")).unwrap_or(Furniture(Vec::new()));
    for object in furniture.0 {
        // Written by us, and tested.
        drop(cluster.seed(object));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pod that trains since the clock began.
    const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: train-0, namespace: research}
spec: {nodeName: n, containers: [{name: main, image: "registry.example/train:2.8"}]}
status:
  phase: Running
  containerStatuses:
    - {name: main, image: "registry.example/train:2.8", imageID: "", ready: true, restartCount: 0, state: {running: {startedAt: "2023-11-14T22:13:20Z"}}}
"#;

    #[test]
    fn logs_grow_with_the_time_and_are_the_same_each_time() {
        let text = |seconds: &[u64]| {
            let time = Time::Driven { start: 1_700_000_000 };
            let server =
                Server::start_with(&Options { time, life: Some(Pace::default()), ..Options::default() }).unwrap();
            server.seed(POD).unwrap();
            let place = ("research".to_owned(), "train-0".to_owned(), "main".to_owned());
            for pause in seconds {
                server.advance(Duration::from_secs(*pause));
                server.shared.with(|cluster| cluster.speak(&place));
            }
            server.shared.with(|cluster| cluster.logs.text(&place))
        };
        let grown = text(&[0, 25, 5]);
        assert_eq!(grown.len(), 4, "{grown:?}");
        assert!(grown[0].starts_with("step 0 loss 1") && grown[3].starts_with("step 30 loss "), "{grown:?}");
        assert_eq!(grown, text(&[30]), "however often somebody looks");
    }
}
