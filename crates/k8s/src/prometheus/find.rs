//! Finds the Prometheus of a cluster among its services.

use serde_json::Value;

/// Label selectors under which the field's ways of installing Prometheus are found: the operator, its large chart, the
/// community's chart and those that follow Kubernetes' recommended labels. One list call each, in all namespaces.
pub const SELECTORS: [&str; 3] = [
    "app.kubernetes.io/name in (prometheus,thanos-query)",
    "app in (prometheus,kube-prometheus-stack-prometheus)",
    "operated-prometheus=true",
];

/// A service that answers Prometheus' API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// Which way of installing it was recognised; smaller is surer.
    rank: usize,
    /// Where it is.
    pub namespace: String,
    /// What it is called.
    pub name: String,
    /// Port of the API.
    pub port: u16,
    /// The port speaks TLS.
    pub tls: bool,
}

/// Ports by what the charts call them, likely ones first.
const PORT_NAMES: [&str; 6] = ["http-web", "web", "http", "server", "https-web", "https"];
/// Ports by number, where the names say nothing.
const PORTS: [u64; 3] = [9090, 80, 10902];

/// The services of a list that are a Prometheus, the likeliest first.
pub fn services<'v>(items: impl IntoIterator<Item = &'v Value>) -> Vec<Service> {
    let mut found: Vec<Service> = items.into_iter().filter_map(service).collect();
    found.sort();
    found.dedup_by(|one, other| (&one.namespace, &one.name) == (&other.namespace, &other.name));
    found
}

impl Service {
    /// Where the cluster's API server passes requests on to it.
    pub(crate) fn proxy_path(&self) -> String {
        format!("/api/v1/namespaces/{}/services/{}/proxy", self.namespace, self.proxy_name())
    }

    /// What the API server calls it on the way: `http:prometheus:9090`.
    pub(crate) fn proxy_name(&self) -> String {
        let Self { name, port, tls, .. } = self;
        let scheme = if *tls { "https" } else { "http" };
        format!("{scheme}:{name}:{port}")
    }

    /// Its address within the cluster.
    pub fn url(&self) -> String {
        let Self { namespace, name, port, tls, .. } = self;
        let scheme = if *tls { "https" } else { "http" };
        format!("{scheme}://{name}.{namespace}.svc:{port}")
    }
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "service {}/{}:{}", self.namespace, self.name, self.port)
    }
}

fn service(item: &Value) -> Option<Service> {
    let label = |name: &str| item.pointer("/metadata/labels")?.get(name)?.as_str();
    let component = label("app.kubernetes.io/component");
    let rank = match (label("app.kubernetes.io/name"), label("app")) {
        // A view over several: what it knows, each of them knows only in part.
        (Some("thanos-query"), _) => 0,
        (_, Some("kube-prometheus-stack-prometheus")) => 1,
        (Some("prometheus"), _) if matches!(component, None | Some("server" | "prometheus")) => 2,
        (None, Some("prometheus")) if matches!(label("component"), None | Some("server")) => 3,
        _ if label("operated-prometheus") == Some("true") => 4,
        _ => return None,
    };
    let ports = item.pointer("/spec/ports")?.as_array()?;
    let named = |wanted: &str| ports.iter().find(|port| port["name"] == *wanted);
    let numbered = |wanted: u64| ports.iter().find(|port| port["port"] == wanted);
    let port = PORT_NAMES
        .into_iter()
        .find_map(named)
        .or_else(|| PORTS.into_iter().find_map(numbered))
        .or_else(|| ports.first().filter(|_| ports.len() == 1))?;
    Some(Service {
        rank,
        namespace: name(item.pointer("/metadata/namespace")?)?,
        name: name(item.pointer("/metadata/name")?)?,
        port: port["port"].as_u64().and_then(|port| u16::try_from(port).ok())?,
        tls: port["name"].as_str().is_some_and(|name| name.starts_with("https")),
    })
}

/// A name that can stand in a host. API servers let no other in; this one may be anybody's.
fn name(value: &Value) -> Option<String> {
    let name = value.as_str()?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (!name.is_empty() && name.len() <= 63 && name.bytes().all(plain)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(name: &str, labels: &Value, ports: &Value) -> Value {
        json!({ "metadata": { "namespace": "monitoring", "name": name, "labels": labels }, "spec": { "ports": ports } })
    }

    #[test]
    fn each_way_of_installing_it_is_recognised_and_its_companions_are_not() {
        let items = [
            item(
                "prometheus-operated",
                &json!({ "operated-prometheus": "true" }),
                &json!([{ "name": "http-web", "port": 9090 }]),
            ),
            item(
                "stack",
                &json!({ "app": "kube-prometheus-stack-prometheus" }),
                &json!([{ "name": "reloader-web", "port": 8080 }, { "name": "http-web", "port": 9090 }]),
            ),
            item(
                "prometheus-server",
                &json!({ "app.kubernetes.io/name": "prometheus", "app.kubernetes.io/component": "server" }),
                &json!([{ "name": "http", "port": 80 }]),
            ),
            item(
                "alertmanager",
                &json!({ "app.kubernetes.io/name": "prometheus", "app.kubernetes.io/component": "alertmanager" }),
                &json!([{ "name": "http", "port": 9093 }]),
            ),
            item("pushgateway", &json!({ "app.kubernetes.io/name": "pushgateway" }), &json!([{ "port": 9091 }])),
            item("../../../secrets", &json!({ "app": "prometheus" }), &json!([{ "port": 9090 }])),
        ];
        let found = services(&items);
        let names: Vec<_> = found.iter().map(|it| (it.name.as_str(), it.port)).collect();
        assert_eq!(names, [("stack", 9090), ("prometheus-server", 80), ("prometheus-operated", 9090)]);
        assert_eq!(found[0].url(), "http://stack.monitoring.svc:9090");
        assert_eq!(found[0].proxy_path(), "/api/v1/namespaces/monitoring/services/http:stack:9090/proxy");
        assert_eq!(services(items.iter().chain(&items)).len(), 3);
    }

    #[test]
    fn a_port_with_tls_is_asked_with_tls() {
        let item = item("p", &json!({ "app": "prometheus" }), &json!([{ "name": "https", "port": 9091 }]));
        assert_eq!(services([&item])[0].url(), "https://p.monitoring.svc:9091");
    }
}
