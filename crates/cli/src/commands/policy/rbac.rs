//! `trainyard policy rbac`: the least that a Kubernetes cluster has to allow, from what the chosen tools declare.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use trainyard_contract::{Error, Result};
use trainyard_tools::{Role, Situation, role};

use crate::{config::Config, output};

#[derive(Debug, Args)]
pub(crate) struct Rbac {
    /// Name of the role
    #[arg(long, value_name = "NAME", default_value = "trainyard")]
    name: String,
    /// A role of this namespace instead of one of the whole cluster
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// The server will run outside of the cluster and reach its Prometheus through the API server
    #[arg(long)]
    outside: bool,
    /// API groups of custom kinds that tools for any kind are to reach: "kubeflow.org"
    #[arg(long = "api-group", value_name = "GROUP", value_delimiter = ',')]
    api_groups: Vec<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(config: &Config, arguments: Rbac) -> Result<ExitCode> {
    let situation = Situation {
        hami_config_map: config.hami_config_map.as_ref().map(|(_, name)| name.clone()),
        prometheus_is_named: config.prometheus.url.is_some(),
        outside: arguments.outside,
        write: config.ceiling.write,
        secrets: config.ceiling.sensitive,
        in_namespace: arguments.namespace.is_some(),
        api_groups: arguments.api_groups,
    };
    let role = role(&permitted(config)?, &situation).ok_or_else(|| {
        Error::validation("none of the chosen tools reaches a Kubernetes cluster")
            .hint("choose some with --toolsets or --tools, for example --toolsets gpu")
    })?;
    let object = object(&arguments.name, arguments.namespace.as_deref(), &role);
    output::text(&if arguments.json { format!("{object:#}\n") } else { yaml(&object, &role) })?;
    say_what_is_missing(&role, &situation);
    Ok(ExitCode::SUCCESS)
}

/// The chosen tools of which these gates let at least one call through.
fn permitted(config: &Config) -> Result<Vec<&'static str>> {
    let registry = crate::commands::registry(config)?;
    let tools = registry.views();
    let tools = tools.iter().filter_map(|view| registry.definition(view.name).ok());
    let open = tools.filter(|tool| tool.calls().iter().any(|call| config.ceiling.permits(call.effect)));
    Ok(open.map(|tool| tool.name).collect())
}

fn object(name: &str, namespace: Option<&str>, role: &Role) -> Value {
    let (kind, metadata) = match namespace {
        Some(namespace) => ("Role", json!({ "name": name, "namespace": namespace })),
        None => ("ClusterRole", json!({ "name": name })),
    };
    json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, "rules": role.rules })
}

/// The same as people write it. Strings are quoted as in JSON, which YAML understands.
fn yaml(object: &Value, role: &Role) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut yaml = format!("apiVersion: {}\nkind: {}\nmetadata:\n", text(&object["apiVersion"]), text(&object["kind"]));
    for (key, value) in object["metadata"].as_object().into_iter().flatten() {
        yaml.push_str(&format!("  {key}: {value}\n"));
    }
    yaml.push_str("rules:\n");
    for rule in &role.rules {
        let lines = [
            ("apiGroups", &rule.api_groups),
            ("resources", &rule.resources),
            ("resourceNames", &rule.resource_names),
            ("verbs", &rule.verbs),
        ];
        let lines = lines.iter().filter(|(_, values)| !values.is_empty()).enumerate();
        for (at, (key, values)) in lines {
            let values: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
            yaml.push_str(&format!("  {} {key}: [{}]\n", if at == 0 { "-" } else { " " }, values.join(", ")));
        }
    }
    yaml
}

/// What the role does not give, and how it would.
fn say_what_is_missing(role: &Role, situation: &Situation) {
    if !role.without_configuration.is_empty() {
        eprintln!(
            "HAMi's ConfigMap is not in it, so its usual names are assumed: say --hami-config-map NAMESPACE/NAME here and to the server"
        );
    }
    if !role.look_for_prometheus.is_empty() && !situation.outside {
        eprintln!(
            "Prometheus is looked for among the services: --prometheus-url here and to the server makes that needless; outside of the \
             cluster, --outside adds the way through the API server"
        );
    }
    if !role.beyond_namespace.is_empty() {
        let resources = role.beyond_namespace.join(" and ");
        eprintln!("{resources} are the whole cluster's: tools that list them need a role without --namespace");
    }
}
