//! What is not about objects: discovery, health, version, schemas.

use std::sync::Arc;

use http::{Method, header};
use serde_json::json;

use super::{
    answer::{Call, text},
    discovery,
    http::body::{self, Reply},
    openapi,
    rbac::Wish,
    refusal::{Refusal, Result},
    shared::Shared,
};

/// The version of Kubernetes whose behaviour and schemas these are.
pub(crate) const VERSION: (&str, &str) = ("1", "37");

pub(crate) fn answer(shared: &Arc<Shared>, call: &Call, segments: &[String]) -> Result<Reply> {
    let words: Vec<&str> = segments.iter().map(String::as_str).collect();
    let wish = Wish::path(&call.path, &call.method);
    shared.with(|cluster| cluster.allow(&call.user, &wish))?;
    if call.method != Method::GET && call.method != Method::HEAD {
        return Err(Refusal::method_not_allowed());
    }
    let accept = text(&call.headers, &header::ACCEPT);
    match words[..] {
        ["healthz" | "livez" | "readyz"] if call.query.flag("verbose") => {
            let checks = ["ping", "log", "etcd", "poststarthook/start-apiextensions-controllers"];
            let mut lines = checks.map(|check| format!("[+]{check} ok\n")).concat();
            lines.push_str(words[0]);
            lines.push_str(" check passed\n");
            Ok(body::text(200, lines))
        }
        ["healthz" | "livez" | "readyz", ..] => Ok(body::text(200, "ok")),
        ["version"] => Ok(body::json(200, &version())),
        ["api"] if discovery::aggregated(accept) => Ok(discovery::core(shared)),
        ["apis"] if discovery::aggregated(accept) => Ok(discovery::groups(shared)),
        ["api"] => {
            let versions = json!({
                "kind": "APIVersions", "versions": ["v1"],
                "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1" }],
            });
            Ok(body::json(200, &versions))
        }
        ["apis"] => Ok(body::json(200, &discovery::group_list(shared))),
        ["api", version] => discovery::resources(shared, "", version),
        ["apis", group] => discovery::group(shared, group),
        ["apis", group, version] => discovery::resources(shared, group, version),
        ["openapi", ref rest @ ..] => openapi::answer(shared, call, rest),
        [] => Ok(body::json(
            200,
            &json!({ "paths": [
            "/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version",
        ] }),
        )),
        _ => Err(Refusal::no_such_resource()),
    }
}

fn version() -> serde_json::Value {
    let (major, minor) = VERSION;
    json!({
        "major": major, "minor": minor, "gitVersion": format!("v{major}.{minor}.0"),
        "gitCommit": "0000000000000000000000000000000000000000", "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z", "goVersion": "go1.25.0", "compiler": "gc", "platform": "linux/amd64",
    })
}
