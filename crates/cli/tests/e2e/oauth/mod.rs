//! Tokens of a real identity provider, and tokens that no provider would make.

mod identities;

use std::{
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use trainyard_harness::{Era, Trainyard, Web, WebAnswer, WebServer, free_port, node, root, suite};

use crate::{BINARY, with_moto};

/// The address that tokens are made for. It need not be where the server listens.
const RESOURCE: &str = "https://yard.example/mcp";

struct Provider {
    server: WebServer,
}

impl Provider {
    fn start(port: u16, key: &str) -> Option<Self> {
        let mut command = Command::new(node()?);
        command.arg(root().join("crates/cli/tests/e2e/oauth/provider.mjs")).arg(suite()?);
        command.args([&port.to_string(), key]);
        Some(Self { server: WebServer::start(command).unwrap() })
    }

    fn issuer(&self) -> String {
        format!("http://{}", self.server.address())
    }

    fn post(&self, path: &str, kind: &str, body: &str) -> Value {
        let mut web = Web::connect(self.server.address(), Era::Modern).unwrap();
        let answer = web.send("POST", path, &[("content-type", kind)], body).unwrap();
        serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{answer:?}"))
    }

    /// A token as a client gets it.
    fn token(&self, scope: &str, resource: &str) -> String {
        let body = format!(
            "grant_type=client_credentials&client_id=agent&client_secret=a-secret-of-the-tests&scope={}&resource={}",
            scope.replace(' ', "+").replace(':', "%3A"),
            resource.replace(':', "%3A").replace('/', "%2F")
        );
        let answer = self.post("/token", "application/x-www-form-urlencoded", &body);
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// A token with what should not be in it.
    fn forged(&self, change: &Value) -> String {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let mut order = json!({ "header": {}, "claims": {
            "iss": self.issuer(), "aud": RESOURCE, "sub": "agent", "scope": "trainyard:read", "exp": now + 600
        } });
        for (part, changes) in change.as_object().unwrap() {
            match changes {
                Value::Object(changes) => changes.iter().for_each(|(name, value)| order[part][name] = value.clone()),
                other => order[part] = other.clone(),
            }
        }
        self.post("/forge", "application/json", &order.to_string())["token"].as_str().unwrap().to_owned()
    }
}

fn serve(at: &Trainyard, provider: &Provider, flags: &[&str]) -> WebServer {
    let issuer = provider.issuer();
    let mut all = vec!["--oauth-issuer", &issuer, "--oauth-resource", RESOURCE];
    all.extend(flags);
    at.serve_http(&all).unwrap()
}

fn call(server: &WebServer, token: &str, tool: &str, arguments: &Value) -> WebAnswer {
    let mut web = Web::connect(server.address(), Era::Modern).unwrap();
    web = web.with("authorization", &format!("Bearer {token}"));
    web.request("tools/call", json!({ "name": tool, "arguments": arguments })).unwrap()
}

#[test]
fn a_client_finds_its_way_from_the_refusal_to_a_call() {
    let Some(provider) = Provider::start(free_port().unwrap(), "first") else { return };
    let at = with_moto("eu-west-1");
    let server = serve(&at, &provider, &[]);
    let mut web = Web::connect(server.address(), Era::Modern).unwrap();
    let refused = web.request("tools/list", json!({})).unwrap();
    assert_eq!(refused.status, 401);
    let challenge = refused.header("www-authenticate").unwrap();
    let place = "resource_metadata=\"https://yard.example/.well-known/oauth-protected-resource/mcp\"";
    assert!(challenge.contains(place) && challenge.contains("scope=\"trainyard:read\""), "{challenge}");

    let mut web = Web::connect(server.address(), Era::Modern).unwrap();
    let metadata = web.send("GET", "/.well-known/oauth-protected-resource/mcp", &[], "").unwrap();
    let metadata: Value = serde_json::from_str(&metadata.body).unwrap();
    assert_eq!(metadata["resource"], RESOURCE);
    assert_eq!(metadata["authorization_servers"], json!([provider.issuer()]));

    let token = provider.token("trainyard:read", metadata["resource"].as_str().unwrap());
    let answer = call(&server, &token, "iam_get_caller_identity", &json!({}));
    assert_eq!(answer.messages()[0]["result"]["structuredContent"]["account"], "123456789012", "{answer:?}");
    server.stop().unwrap();
    let audit = std::fs::read_to_string(at.home().join(".local/state/trainyard/audit.jsonl")).unwrap();
    assert!(audit.contains("\"principal\":\"oauth:agent\"") && !audit.contains(&token), "{audit}");
}

#[test]
fn scopes_say_what_may_be_done_and_what_to_ask_for() {
    let Some(provider) = Provider::start(free_port().unwrap(), "first") else { return };
    let at = with_moto("eu-west-1");
    let server = serve(&at, &provider, &["--toolsets", "all", "--allow-write", "--allow-sensitive-data-access"]);
    let id = json!({ "instance_ids": ["i-0123456789abcdef0"] });
    let secret =
        json!({ "service": "secretsmanager", "operation": "GetSecretValue", "parameters": { "SecretId": "s" } });
    let (reads, writes) = (json!({}), json!({ "instance_ids": ["i-0123456789abcdef0"], "dry_run": true }));
    for (scope, tool, arguments, lacks) in [
        ("trainyard:read", "ec2_list_instances", &reads, None),
        ("ec2:read", "ec2_list_instances", &reads, None),
        ("ec2:write", "ec2_list_instances", &reads, None),
        ("ec2:read", "iam_get_caller_identity", &reads, Some("iam:read")),
        ("trainyard:read", "ec2_stop_instances", &writes, Some("ec2:write")),
        ("ec2:write", "ec2_stop_instances", &writes, None),
        ("ec2:write", "ec2_terminate_instances", &id, Some("ec2:delete")),
        ("trainyard:delete", "ec2_terminate_instances", &id, None),
        ("trainyard:read", "aws_call", &secret, Some("aws:sensitive")),
        ("trainyard:sensitive", "aws_call", &secret, None),
        ("openid", "ec2_list_instances", &reads, Some("ec2:read")),
    ] {
        let token = if scope == "openid" {
            provider.forged(&json!({ "claims": { "scope": "openid" } }))
        } else {
            provider.token(scope, RESOURCE)
        };
        let answer = call(&server, &token, tool, arguments);
        let expected = if lacks.is_some() { 403 } else { 200 };
        assert_eq!(answer.status, expected, "{scope} {tool}: {answer:?}");
        if let Some(lacks) = lacks {
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
            assert!(challenge.contains(&format!("scope=\"{lacks}\"")), "{challenge}");
        }
    }
    // The gates of the process stand above every scope.
    let closed = serve(&at, &provider, &["--toolsets", "all"]);
    let answer = call(&closed, &provider.token("trainyard:delete", RESOURCE), "ec2_terminate_instances", &id);
    assert!(answer.body.contains("--allow-write"), "{answer:?}");
    // What cannot be told before the call is judged in it.
    let mut web = Web::connect(server.address(), Era::Modern).unwrap();
    web = web.with("authorization", &format!("Bearer {}", provider.token("ec2:read", RESOURCE)));
    let read = web.request("resources/read", json!({ "uri": "trainyard://iam/identity" })).unwrap();
    assert!(read.body.contains("not granted"), "{read:?}");
}

#[test]
fn the_gateway_is_held_to_the_same_scopes() {
    let Some(provider) = Provider::start(free_port().unwrap(), "first") else { return };
    let at = Trainyard::at(BINARY, "http://127.0.0.1:9").unwrap();
    let server = serve(&at, &provider, &["--gateway", "--allow-write"]);
    let token = provider.token("trainyard:read", RESOURCE);
    let inner = json!({ "name": "ec2_stop_instances", "arguments": { "instance_ids": ["i-0123456789abcdef0"] } });
    let answer = call(&server, &token, "call_write", &inner);
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.header("www-authenticate").unwrap().contains("ec2:write"), "{answer:?}");
    assert_eq!(call(&server, &token, "find_tools", &json!({ "query": "stop" })).status, 200);
}

#[test]
fn no_other_token_is_good() {
    let Some(provider) = Provider::start(free_port().unwrap(), "first") else { return };
    let server = serve(&Trainyard::at(BINARY, "http://127.0.0.1:9").unwrap(), &provider, &[]);
    let ask = |token: &str| {
        let mut web = Web::connect(server.address(), Era::Modern).unwrap();
        web = web.with("authorization", &format!("Bearer {token}"));
        web.request("tools/list", json!({})).unwrap().status
    };
    assert_eq!(ask(&provider.forged(&json!({}))), 200, "the forger works");
    let good = provider.token("trainyard:read", RESOURCE);
    assert_eq!(ask(&good), 200);
    let (head, signature) = good.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let broken = format!("{head}.{other}{}", &signature[1..]);
    let bad = [
        ("another server", provider.token("trainyard:read", "https://other.example/mcp")),
        ("another provider", provider.forged(&json!({ "claims": { "iss": "https://id.example" } }))),
        ("expired", provider.forged(&json!({ "claims": { "exp": 1_700_000_000 } }))),
        ("without an end", provider.forged(&json!({ "claims": { "exp": null } }))),
        ("not good yet", provider.forged(&json!({ "claims": { "nbf": 4_000_000_000_u64 } }))),
        ("nobody's", provider.forged(&json!({ "claims": { "sub": null } }))),
        ("without an audience", provider.forged(&json!({ "claims": { "aud": null } }))),
        ("of a stranger", provider.forged(&json!({ "foreign": true }))),
        ("of an unknown key", provider.forged(&json!({ "header": { "kid": "other" } }))),
        ("signed by a shared secret", {
            let secret = "x".repeat(64);
            provider.forged(&json!({ "header": { "alg": "HS256" }, "secret": secret }))
        }),
        ("not signed", provider.forged(&json!({ "header": { "alg": "none" } }))),
        ("of another kind", provider.forged(&json!({ "header": { "typ": "logout+jwt" } }))),
        ("changed on the way", broken),
        ("half", good[..good.len() / 2].to_owned()),
        ("no token at all", "abc".to_owned()),
        ("too long", format!("{good}{}", "x".repeat(20_000))),
    ];
    for (what, token) in bad {
        assert_eq!(ask(&token), 401, "a token {what} was taken");
    }
}

#[test]
fn new_keys_of_the_provider_are_found() {
    let port = free_port().unwrap();
    let Some(first) = Provider::start(port, "first") else { return };
    let server = serve(&Trainyard::at(BINARY, "http://127.0.0.1:9").unwrap(), &first, &[]);
    let ask = |token: &str| {
        let mut web = Web::connect(server.address(), Era::Modern).unwrap();
        web = web.with("authorization", &format!("Bearer {token}"));
        web.request("tools/list", json!({})).unwrap().status
    };
    let old = first.token("trainyard:read", RESOURCE);
    assert_eq!(ask(&old), 200);
    drop(first);
    assert_eq!(ask(&old), 200, "keys stay good while the provider is away");
    let second = Provider::start(port, "second").unwrap();
    let new = second.token("trainyard:read", RESOURCE);
    // Unknown keys are asked for every ten seconds at most.
    let end = Instant::now() + Duration::from_mins(1);
    while ask(&new) != 200 {
        assert!(Instant::now() < end, "the new key was never found");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(ask(&old), 401, "the old key is gone");
}
