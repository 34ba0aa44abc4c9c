//! People who share a server and act with rights of their own: roles of AWS, users of Kubernetes.

use serde_json::{Value, json};
use trainyard_harness::{Endpoint, Reply, Seen, Trainyard, WebServer, free_port};
use trainyard_sandbox::kubernetes::{Options, Server};

use super::{Provider, call, serve};
use crate::BINARY;

const TABLE: &str = r#"
[[identities]]
principal = "oauth:ann"
aws_role = "arn:aws:iam::123456789012:role/lead"
aws_external_id = "yard"
aws_session_tag = "person"

[[identities]]
principal = "oauth:lab-*"
aws_role = "arn:aws:iam::123456789012:role/people/{subject}"
kubernetes_user = "sso:{subject}"
kubernetes_groups = ["vision"]
"#;

/// The process may act as others, and nothing besides; the group may look at pods in its namespace.
const ROLES: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: yard }
rules: [ { apiGroups: [''], resources: [users, groups], verbs: [impersonate] } ]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: yard }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: yard }
subjects: [ { kind: User, name: yard } ]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: look, namespace: vision }
rules: [ { apiGroups: [''], resources: [pods], verbs: [get, list] } ]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: look, namespace: vision }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: look }
subjects: [ { kind: Group, name: vision } ]
";

fn field<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    seen.body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// STS, whose sessions are named in their keys: whoever signs with one is told whose it is.
fn sts(seen: &Seen) -> Reply {
    let text = |body: String| Reply::new(200, "text/xml", &body);
    match seen.action() {
        Some("AssumeRole") => {
            let key = field(seen, "RoleSessionName").unwrap_or_default().to_uppercase().replace('-', "");
            text(format!(
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA{key}</AccessKeyId><SecretAccessKey>s\
                 </SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>\
                 </Credentials></AssumeRoleResult></AssumeRoleResponse>"
            ))
        }
        _ => {
            let signed = seen.header("authorization").unwrap_or_default();
            let key = signed.split("Credential=").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
            text(format!(
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/{key}/s\
                 </Arn><UserId>A:s</UserId><Account>123456789012</Account></GetCallerIdentityResult>\
                 </GetCallerIdentityResponse>"
            ))
        }
    }
}

struct World {
    provider: Provider,
    sts: Endpoint,
    cluster: Server,
    at: Trainyard,
    server: WebServer,
}

impl World {
    fn start() -> Option<Self> {
        let provider = Provider::start(free_port().unwrap(), "first")?;
        let sts = Endpoint::start(sts).unwrap();
        let cluster = Server::start_with(&Options { roles: true, ..Options::default() }).unwrap();
        cluster.seed(ROLES).unwrap();
        cluster.user("yard-token", "yard", &[]);
        let at = Trainyard::at(BINARY, &sts.url()).unwrap();
        let file = at.home().join("kubeconfig");
        std::fs::write(&file, cluster.kubeconfig_for(Some("yard-token"))).unwrap();
        let at = at.with("KUBECONFIG", &file.display().to_string());
        let settings = at.home().join(".config/trainyard/trainyard.toml");
        std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
        std::fs::write(&settings, TABLE).unwrap();
        let server = serve(&at, &provider, &["--toolsets", "default,k8s", "--allow-write"]);
        Some(Self { provider, sts, cluster, at, server })
    }

    fn call(&self, subject: &str, tool: &str, arguments: &Value) -> Value {
        let claims = json!({ "claims": { "sub": subject, "scope": "trainyard:read trainyard:write" } });
        let token = self.provider.forged(&claims);
        call(&self.server, &token, tool, arguments).messages()[0]["result"].clone()
    }

    fn code(&self, subject: &str, tool: &str, arguments: &Value) -> String {
        let result = self.call(subject, tool, arguments);
        result["structuredContent"]["error"]["code"].as_str().unwrap_or_else(|| panic!("{result}")).to_owned()
    }
}

#[test]
fn everybody_has_their_own_role_of_aws_and_nobody_that_of_the_process() {
    let Some(world) = World::start() else { return };
    let who =
        |subject: &str| world.call(subject, "iam_get_caller_identity", &json!({}))["structuredContent"]["arn"].clone();
    assert_eq!(who("ann"), "arn:aws:sts::123456789012:assumed-role/ASIAANN/s");
    let assumed = world.sts.take();
    let assumed = assumed.iter().find(|seen| seen.action() == Some("AssumeRole")).unwrap();
    for pair in [
        "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Flead",
        "RoleSessionName=ann",
        "ExternalId=yard",
        "Tags.member.1.Key=person",
        "Tags.member.1.Value=ann",
    ] {
        assert!(assumed.body.split('&').any(|found| found == pair), "{pair}: {}", assumed.body);
    }
    assert!(!assumed.body.contains("eyJ"), "the caller's token goes no further");

    assert_eq!(who("lab-bob"), "arn:aws:sts::123456789012:assumed-role/ASIALABBOB/s");
    assert_eq!(who("ann"), "arn:aws:sts::123456789012:assumed-role/ASIAANN/s", "they do not get into each other's way");
    world.sts.take();
    for stranger in ["eve", "annie", "lab-../../admin", "system:admin"] {
        assert_eq!(world.code(stranger, "iam_get_caller_identity", &json!({})), "NoIdentity", "{stranger}");
    }
    assert!(world.sts.take().is_empty(), "nothing is sent for those who are not in the table");

    let shell = world.at.run(&["call", "iam_get_caller_identity", "--json"]).unwrap();
    assert!(
        shell.stdout.contains("AKIAIOSFODNN7EXAMPLE"),
        "at a shell, the process is whoever started it: {}",
        shell.stdout
    );
}

#[test]
fn everybody_has_their_own_rights_in_a_cluster_and_nobody_those_of_the_process() {
    let Some(world) = World::start() else { return };
    let pods = |namespace: &str| json!({ "kind": "Pod", "namespace": namespace });
    let looked = world.call("lab-bob", "k8s_list_objects", &pods("vision"));
    assert_eq!(looked["isError"], false, "{looked}");
    let elsewhere = world.call("lab-bob", "k8s_list_objects", &pods("default")).to_string();
    assert!(elsewhere.contains("sso:lab-bob") && elsewhere.contains("access_denied"), "{elsewhere}");
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, namespace: vision }\n";
    let written = world.call("lab-bob", "k8s_apply_manifest", &json!({ "manifest": manifest })).to_string();
    assert!(written.contains("access_denied"), "{written}");
    assert!(world.cluster.object("configmaps", "vision", "a").is_none());

    world.cluster.forget_requests();
    assert_eq!(world.code("ann", "k8s_list_objects", &pods("vision")), "NoIdentity", "a role of AWS is no user here");
    assert_eq!(world.code("eve", "k8s_list_objects", &pods("vision")), "NoIdentity");
    assert!(world.cluster.requests().is_empty());
}
