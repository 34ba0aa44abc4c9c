//! The objects of an application.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Who reaches the load balancer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum Scheme {
    #[default]
    Internal,
    InternetFacing,
}

/// What an application is to be.
pub(super) struct Design<'a> {
    pub(super) app: &'a str,
    pub(super) namespace: &'a str,
    pub(super) image: &'a str,
    pub(super) port: u32,
    pub(super) replicas: u32,
    pub(super) cpu: &'a str,
    pub(super) memory: &'a str,
    pub(super) scheme: Scheme,
    pub(super) gpus: u32,
    pub(super) probe_path: Option<&'a str>,
    pub(super) storage_gib: Option<u32>,
    pub(super) storage_path: &'a str,
    pub(super) storage_class: Option<&'a str>,
}

/// Kubernetes' notation of an amount.
pub(super) fn quantity(text: &str) -> bool {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let suffix = &text[digits.len()..];
    let number =
        digits.starts_with(|first: char| first.is_ascii_digit()) && digits.parse::<f64>().is_ok_and(|it| it > 0.0);
    number && ["", "m", "k", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti", "Pi"].contains(&suffix)
}

impl Design<'_> {
    pub(super) fn objects(&self) -> Vec<Value> {
        let mut objects = Vec::new();
        if let Some(size) = self.storage_gib {
            let mut spec = json!({
                "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": format!("{size}Gi") } }
            });
            if let Some(class) = self.storage_class {
                spec["storageClassName"] = class.into();
            }
            let mut metadata = self.metadata();
            metadata["name"] = format!("{}-data", self.app).into();
            objects.push(
                json!({ "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec }),
            );
        }
        objects.push(self.deployment());
        objects.push(self.service());
        objects
    }

    fn labels(&self) -> Value {
        json!({ "app.kubernetes.io/name": self.app })
    }

    fn metadata(&self) -> Value {
        json!({ "name": self.app, "namespace": self.namespace, "labels": self.labels() })
    }

    fn deployment(&self) -> Value {
        let mut resources = Map::from_iter([
            ("cpu".to_owned(), Value::from(self.cpu)),
            ("memory".to_owned(), Value::from(self.memory)),
        ]);
        let mut pod = json!({});
        if self.gpus > 0 {
            resources.insert("nvidia.com/gpu".to_owned(), self.gpus.to_string().into());
            pod["tolerations"] = json!([{ "key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule" }]);
        }
        let mut container = json!({
            "name": self.app,
            "image": self.image,
            "imagePullPolicy": "Always",
            "ports": [{ "containerPort": self.port }],
            "resources": { "requests": resources, "limits": resources },
            "securityContext": { "capabilities": { "drop": ["NET_RAW"] } },
        });
        if let Some(path) = self.probe_path {
            let get = json!({ "path": path, "port": self.port });
            // Weights are loaded for minutes before the first answer.
            container["startupProbe"] = json!({ "httpGet": get, "periodSeconds": 10, "failureThreshold": 90 });
            container["readinessProbe"] = json!({ "httpGet": get, "periodSeconds": 10, "timeoutSeconds": 5 });
            container["livenessProbe"] =
                json!({ "httpGet": get, "periodSeconds": 20, "timeoutSeconds": 10, "failureThreshold": 6 });
        }
        if self.storage_gib.is_some() {
            container["volumeMounts"] = json!([{ "name": "data", "mountPath": self.storage_path }]);
            pod["volumes"] =
                json!([{ "name": "data", "persistentVolumeClaim": { "claimName": format!("{}-data", self.app) } }]);
        }
        pod["containers"] = json!([container]);
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": self.metadata(),
            "spec": {
                "replicas": self.replicas,
                "selector": { "matchLabels": self.labels() },
                "template": { "metadata": { "labels": self.labels() }, "spec": pod }
            }
        })
    }

    fn service(&self) -> Value {
        let mut metadata = self.metadata();
        metadata["annotations"] = json!({ "service.beta.kubernetes.io/aws-load-balancer-scheme": self.scheme });
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {
                "type": "LoadBalancer",
                "selector": self.labels(),
                "ports": [{ "port": self.port, "targetPort": self.port, "protocol": "TCP" }]
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn design() -> Design<'static> {
        Design {
            app: "web",
            namespace: "default",
            image: "repo/REPORT:v1",
            port: 8080,
            replicas: 2,
            cpu: "100m",
            memory: "128Mi",
            scheme: Scheme::Internal,
            gpus: 0,
            probe_path: None,
            storage_gib: None,
            storage_path: "/data",
            storage_class: None,
        }
    }

    #[test]
    fn the_objects_are_those_of_the_older_server() {
        let objects = design().objects();
        assert_eq!(objects.len(), 2);
        let container = &objects[0]["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], "repo/REPORT:v1", "no word in it is replaced");
        assert_eq!(container["resources"]["limits"], json!({ "cpu": "100m", "memory": "128Mi" }));
        assert_eq!(container["securityContext"]["capabilities"]["drop"], json!(["NET_RAW"]));
        assert_eq!(objects[0]["spec"]["selector"]["matchLabels"], json!({ "app.kubernetes.io/name": "web" }));
        assert_eq!(objects[1]["spec"]["type"], "LoadBalancer");
        let scheme = &objects[1]["metadata"]["annotations"]["service.beta.kubernetes.io/aws-load-balancer-scheme"];
        assert_eq!(scheme, "internal");
    }

    #[test]
    fn gpus_probes_and_storage_come_on_request() {
        let objects = Design { gpus: 8, probe_path: Some("/health"), storage_gib: Some(100), ..design() }.objects();
        assert_eq!(objects[0]["kind"], "PersistentVolumeClaim");
        let pod = &objects[1]["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"], "8");
        assert_eq!(pod["tolerations"][0]["key"], "nvidia.com/gpu");
        assert_eq!(pod["containers"][0]["startupProbe"]["httpGet"]["path"], "/health");
        assert_eq!(pod["volumes"][0]["persistentVolumeClaim"]["claimName"], objects[0]["metadata"]["name"]);
    }

    #[test]
    fn amounts_are_amounts() {
        for good in ["1", "100m", "0.5", "2Gi", "128Mi", "1500k"] {
            assert!(quantity(good), "{good}");
        }
        for bad in ["", "0", "-1", "2GB", "1 Gi", "1\n", "m", "inf", "1e3x"] {
            assert!(!quantity(bad), "{bad}");
        }
    }
}
