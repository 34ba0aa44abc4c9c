//! What is needed to run in a cluster: the image, and the chart as Helm renders it and as a cluster takes it.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use trainyard_harness::{Era, Trainyard, Web, WebServer, helm, root};
use trainyard_sandbox::kubernetes::{Options, Server};

use crate::{
    BINARY, gpu,
    roles::{grants, printed},
};

const RELEASE: &str = "observer";
const NAMESPACE: &str = "gpu-tools";
/// What the objects of the release are called.
const NAME: &str = "observer-trainyard";
const TOKEN: [&str; 1] = ["auth.existingSecret=trainyard-token"];

/// What the operator of Prometheus brings.
const SERVICE_MONITORS: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: servicemonitors.monitoring.coreos.com }
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: { plural: servicemonitors, kind: ServiceMonitor }
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [selector, endpoints]
            x-kubernetes-preserve-unknown-fields: true
";

fn chart() -> PathBuf {
    root().join("deploy/chart")
}

/// Helm, or a note that there was none.
fn with_helm() -> Option<PathBuf> {
    let found = helm();
    if found.is_none() {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let note =
            format!("\nNOT TESTED: {test} needs Helm, which `cargo xtask test-data` fetches on Linux (x86-64)\n");
        // Past the capture of the output, which would hide the note of a test that passes.
        std::io::stderr().write_all(note.as_bytes()).unwrap();
    }
    found
}

/// Runs Helm: whether it was content, and what it said.
fn run(helm: &Path, arguments: &[&str], values: &[&str]) -> (bool, String) {
    let mut command = Command::new(helm);
    command.env_clear().args(arguments).arg(chart());
    for value in values {
        command.args(["--set", value]);
    }
    let output = command.output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { (true, said(&output.stdout)) } else { (false, said(&output.stderr)) }
}

fn rendered(helm: &Path, values: &[&str]) -> String {
    let (fine, text) = run(helm, &["template", RELEASE, "--namespace", NAMESPACE], values);
    assert!(fine, "{text}");
    text
}

/// A cluster that judges by roles and has taken a release, through its API, as its administrator.
fn installed(helm: &Path, values: &[&str]) -> (Server, Trainyard) {
    let server = Server::start_with(&Options { roles: true, ..Options::default() }).unwrap();
    server.seed(SERVICE_MONITORS).unwrap();
    server.seed(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{ name: {NAMESPACE} }}")).unwrap();
    let at = Trainyard::bare(BINARY).unwrap();
    let file = at.home().join("kubeconfig");
    std::fs::write(&file, server.kubeconfig()).unwrap();
    let at = at.with("KUBECONFIG", &file.display().to_string());
    let manifest = format!("manifest={}", rendered(helm, values));
    let apply = ["call", "k8s_apply_manifest", "--toolsets", "k8s", "--allow-write", "--confirm", "never"];
    let ended = at.run(&[&apply[..], &[&manifest]].concat()).unwrap();
    assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
    (server, at)
}

fn role_of(server: &Server) -> Value {
    server.object("clusterroles.rbac.authorization.k8s.io", "", &format!("{NAMESPACE}-{NAME}")).unwrap()
}

#[test]
fn the_rules_in_the_chart_are_what_the_command_prints() {
    let at = Trainyard::bare(BINARY).unwrap();
    let flags = ["policy", "rbac", "--toolsets", "gpu", "--prometheus-url", "http://prometheus:9090"];
    let ended = at.run(&flags).unwrap();
    let (_, rules) = ended.stdout.split_once("rules:\n").unwrap();
    let file = std::fs::read_to_string(chart().join("files/rules.yaml")).unwrap();
    let indented: Vec<String> = file.lines().map(|line| format!("  {line}\n")).collect();
    assert_eq!(rules, indented.concat(), "write what the command prints into deploy/chart/files/rules.yaml");
}

#[test]
fn helm_finds_nothing_wrong_and_refuses_what_would_be() {
    let Some(helm) = with_helm() else { return };
    let (fine, said) = run(&helm, &["lint", "--strict"], &TOKEN);
    assert!(fine, "{said}");
    let template = ["template", RELEASE];
    for (values, why) in [
        (&[][..], "nobody could call"),
        (&["auth.existingSecret=a", "auth.oauth.issuer=https://b"], "choose one"),
        (&["auth.oauth.issuer=https://b"], "auth.oauth.resource"),
        (&["auth.existingSecret=a", "replicas=2"], "sessions: false"),
        (&["auth.existingSecret=a", "replica=2"], "Additional property replica is not allowed"),
        (&["auth.existingSecret=a", "hami.configMap=just-a-name"], "hami.configMap"),
        (&["auth.oauth.issuer=http://b", "auth.oauth.resource=https://c"], "auth.oauth.issuer"),
    ] {
        let (fine, said) = run(&helm, &template, values);
        assert!(!fine && said.contains(why), "{values:?}: {said}");
    }
}

#[test]
fn a_release_has_exactly_the_rights_that_its_tools_declare() {
    let Some(helm) = with_helm() else { return };
    let config_map = "hami.configMap=kube-system/hami-scheduler-device";
    let url = "prometheus.url=http://prometheus:9090";
    for (values, flags) in [
        (&[][..], &[][..]),
        (&[config_map], &["--hami-config-map", "kube-system/hami-scheduler-device"]),
        (&[url], &["--prometheus-url", "http://prometheus:9090"]),
        (
            &[config_map, url],
            &["--hami-config-map", "a/hami-scheduler-device", "--prometheus-url", "http://prometheus:9090"],
        ),
    ] {
        let (server, _) = installed(&helm, &[&TOKEN[..], values].concat());
        let flags = [&["--toolsets", "gpu", "--allow-sensitive-data-access"], flags].concat();
        assert_eq!(grants(&role_of(&server)["rules"]), grants(&printed(&flags)["rules"]), "{values:?}");
    }
}

#[test]
fn a_cluster_takes_a_release_which_is_confined() {
    let Some(helm) = with_helm() else { return };
    let all = [
        "metrics.serviceMonitor.enabled=true",
        "tls.existingSecret=tls",
        "priorityClassName=system-cluster-critical",
        "audit.existingClaim=audit",
        "settings=[prometheus]\nsigv4 = true\n",
    ];
    let (server, _) = installed(&helm, &[&TOKEN[..], &all].concat());
    let of = |resource: &str| server.object(resource, NAMESPACE, NAME).unwrap_or_else(|| panic!("no {resource}"));
    let pod = &of("deployments.apps")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(
        container["securityContext"],
        json!({ "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] } })
    );
    assert_eq!(
        (&pod["securityContext"]["runAsNonRoot"], &pod["securityContext"]["runAsUser"]),
        (&json!(true), &json!(65532))
    );
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert!(container["resources"]["limits"]["memory"].is_string());
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert_eq!(container[probe]["httpGet"]["path"], "/health", "{probe}");
        assert_eq!(container[probe]["httpGet"]["scheme"], "HTTPS", "{probe}");
    }
    let policy = of("networkpolicies.networking.k8s.io");
    assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
    let labels = &of("deployments.apps")["spec"]["template"]["metadata"]["labels"];
    for (selector, what) in [
        (&policy["spec"]["podSelector"]["matchLabels"], "policy"),
        (&of("services")["spec"]["selector"], "service"),
        (&of("deployments.apps")["spec"]["selector"]["matchLabels"], "deployment"),
    ] {
        let selector = selector.as_object().unwrap();
        assert!(!selector.is_empty() && selector.iter().all(|(key, value)| labels[key] == *value), "{what}");
    }
    assert_eq!(of("configmaps")["data"]["trainyard.toml"], "[prometheus]\nsigv4 = true\n");
    let monitor = of("servicemonitors.monitoring.coreos.com");
    let service = of("services");
    assert_eq!(monitor["spec"]["endpoints"][0]["port"], service["spec"]["ports"][0]["name"]);
    assert_eq!(service["spec"]["ports"][0]["targetPort"], container["ports"][0]["name"]);
    assert_eq!(of("serviceaccounts")["automountServiceAccountToken"], false);
    let without =
        rendered(&helm, &[TOKEN[0], "rbac.create=false", "serviceAccount.create=false", "networkPolicy.enabled=false"]);
    for kind in ["ClusterRole", "ServiceAccount\n", "NetworkPolicy"] {
        assert!(!without.contains(&format!("kind: {kind}")), "{kind}: {without}");
    }
}

/// The server as the chart starts it, on this machine: the same arguments with other folders, and the rights of its account.
fn started(helm: &Path, values: &[&str]) -> (Server, Trainyard, WebServer) {
    let (server, at) = installed(helm, values);
    server.seed(include_str!("gpu/cluster.yaml")).unwrap();
    server.service_account("pod", NAMESPACE, NAME);
    std::fs::write(at.home().join("kubeconfig"), server.kubeconfig_for(Some("pod"))).unwrap();
    let folder = at.home().display().to_string();
    let deployment = server.object("deployments.apps", NAMESPACE, NAME).unwrap();
    let arguments: Vec<String> = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|argument| argument.as_str().unwrap().replace("0.0.0.0:8731", "127.0.0.1:0"))
        .map(|argument| argument.replace("/run/trainyard", &folder).replace("/var/lib/trainyard", &folder))
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let web = WebServer::start(at.command(&arguments)).unwrap();
    (server, at, web)
}

#[test]
fn the_arguments_of_a_release_start_a_server_that_answers() {
    let Some(helm) = with_helm() else { return };
    let values = [TOKEN[0], "hami.configMap=kube-system/hami-scheduler-device", "allowedHosts={gpu.example.com}"];
    let (server, _at, web) = started(&helm, &values);
    let mut anybody = Web::connect(web.address(), Era::Modern).unwrap();
    assert_eq!(
        anybody.send("GET", "/health", &[("host", "10.0.0.7:8731")], "").unwrap().status,
        200,
        "as a kubelet asks"
    );
    assert_eq!(anybody.send("POST", "/mcp", &[], "{}").unwrap().status, 401);

    for host in ["observer-trainyard.gpu-tools.svc:8731", "observer-trainyard:8731", "gpu.example.com"] {
        let mut client = web.connect(Era::Modern).unwrap().with("host", host);
        assert!(client.ask("tools/list", json!({})).unwrap()["tools"].as_array().unwrap().len() > 8, "{host}");
    }
    let mut foreign = web.connect(Era::Modern).unwrap().with("host", "attacker.example");
    assert_eq!(foreign.request("tools/list", json!({})).unwrap().status, 403);

    let mut client = web.connect(Era::Modern).unwrap();
    for (tool, arguments) in gpu::calls() {
        let result = client.call(tool, arguments).unwrap();
        assert_ne!(result["isError"], true, "{tool}: {result:#}");
    }
    let refused = client.call("gpu_get_promql", json!({ "query": "up" })).unwrap();
    assert_eq!(refused["structuredContent"]["error"]["category"], "policy_denied");
    let denied: Vec<_> = server.requests().into_iter().filter(|request| request.status == 403).collect();
    assert!(denied.is_empty(), "{denied:#?}");

    let metrics = anybody.send("GET", "/metrics", &[], "").unwrap();
    assert_eq!(
        (metrics.status, metrics.header("content-type")),
        (200, Some("text/plain; version=0.0.4; charset=utf-8"))
    );
    let count = "mcp_server_operation_duration_seconds_count{mcp_method_name=\"tools/call\"";
    let nodes = metrics.body.lines().find(|line| line.starts_with(count) && line.contains("\"list_gpu_nodes\""));
    assert!(nodes.unwrap_or_else(|| panic!("{}", metrics.body)).ends_with(" 1"), "{}", metrics.body);
    assert_eq!(anybody.send("POST", "/metrics", &[], "").unwrap().status, 405);
    assert!(!metrics.body.contains("team-a"), "arguments are nobody's business: {}", metrics.body);

    let (_server, _at, quiet) = started(&helm, &[TOKEN[0], "metrics.enabled=false"]);
    let mut anybody = Web::connect(quiet.address(), Era::Modern).unwrap();
    assert_eq!(anybody.send("GET", "/metrics", &[], "").unwrap().status, 404);
}

#[test]
fn the_image_is_built_with_the_compiler_of_the_project_and_holds_what_the_binary_needs() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let (manifest, image) = (read("Cargo.toml"), read("deploy/Dockerfile"));
    let wanted =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"').to_owned();
    assert!(image.contains(&format!("/rust:{wanted}-bookworm AS build")), "rust {wanted}: {image}");
    assert!(image.contains("FROM gcr.io/distroless/cc-debian12:nonroot\n") && image.contains("\nUSER 65532:65532\n"));
    // What `cc` of that image has beside the C library: https://github.com/GoogleContainerTools/distroless
    let there = ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "libdl.so.2", "libpthread.so.0", "librt.so.1"];
    let Ok(output) = Command::new("readelf").args(["--dynamic", BINARY]).output() else { return };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let needed: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| Some(line.split_once('[')?.1.trim_end_matches(']')))
        .collect();
    assert!(cfg!(not(target_os = "linux")) || needed.contains(&"libc.so.6"), "{text}");
    let missing: Vec<_> =
        needed.iter().filter(|library| !there.contains(library) && !library.starts_with("ld-linux")).collect();
    assert!(missing.is_empty(), "the image lacks {missing:?}");
}
