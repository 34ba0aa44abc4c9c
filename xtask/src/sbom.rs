//! What the release binary is made of, as a `CycloneDX` bill of materials: each crate with version, licence, digest and what
//! it stands on, and the data that comes from elsewhere.
//!
//! Format: `CycloneDX` 1.6, JSON. The same sources give the same bytes: there is neither a time nor a random number in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Result, fetch, root};

const NAME: &str = "trainyard";

/// What `cargo metadata` says of a package.
#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    license_file: Option<String>,
    description: Option<String>,
    repository: Option<String>,
    /// `None` for what stands in this repository.
    source: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    dependencies: Vec<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// The bill of the binary as `cargo build --release --package trainyard` makes it with these features, for this machine's
/// system.
pub(crate) fn bill(features: &[&str]) -> Result<Value> {
    // Metadata is of the whole workspace, where a feature wants the name of its package.
    let of_package: Vec<_> = features.iter().map(|feature| format!("{NAME}/{feature}")).collect();
    let (features, of_package) = (features.join(","), of_package.join(","));
    let metadata = ["metadata", "--format-version=1", "--locked", "--features", &of_package];
    let metadata = cargo(&[&metadata[..], &["--filter-platform", &host()?]].concat())?;
    let metadata: Metadata = serde_json::from_str(&metadata)?;
    // The tree knows what is linked: neither what only tests need, nor what only runs while it is built.
    let linked = cargo(&[
        "tree",
        "--locked",
        "--package",
        NAME,
        "--features",
        &features,
        "--edges=normal,no-proc-macro",
        "--prefix=none",
        "--format={p}",
    ])?;
    let linked: BTreeSet<(String, String)> = linked.lines().filter_map(named).collect();
    let lock: Lock = toml::from_str(&fs::read_to_string(root().join("Cargo.lock"))?)?;
    let digests: BTreeMap<_, _> = lock.package.into_iter().map(|it| ((it.name, it.version), it.checksum)).collect();

    let packages = metadata.packages.iter().filter(|it| linked.contains(&(it.name.clone(), it.version.clone())));
    let packages: BTreeMap<&str, &Package> = packages.map(|it| (it.id.as_str(), it)).collect();
    if packages.len() != linked.len() {
        return Err(format!("{} crates are linked, and {} of them are described", linked.len(), packages.len()).into());
    }
    let (own, others): (Vec<&Package>, Vec<_>) = packages.values().partition(|it| it.name == NAME);
    let [own] = own.as_slice() else { return Err(format!("there is no package {NAME}").into()) };
    let key = |package: &Package| (package.name.clone(), package.version.clone());
    let mut components: Vec<_> = others
        .iter()
        .map(|package| component(package, "library", digests.get(&key(package)).and_then(Option::as_deref)))
        .collect();
    components.push(catalogue());
    components.sort_by_key(|component| component["bom-ref"].to_string());

    let mut dependencies = BTreeMap::new();
    for node in metadata.resolve.nodes {
        let Some(package) = packages.get(node.id.as_str()) else { continue };
        let mut on: Vec<_> =
            node.dependencies.iter().filter_map(|id| packages.get(id.as_str())).map(|it| url(it)).collect();
        if package.name == "trainyard-aws" {
            on.push(catalogue_url());
        }
        on.sort();
        dependencies.insert(url(package), on);
    }
    let dependencies: Vec<_> = dependencies.into_iter().map(|(it, on)| json!({ "ref": it, "dependsOn": on })).collect();
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": component(own, "application", None) },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// `name v1.2.3 …`, as the tree prints it.
fn named(line: &str) -> Option<(String, String)> {
    let mut words = line.split_whitespace();
    Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
}

fn component(package: &Package, kind: &str, digest: Option<&str>) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": url(package),
        "name": package.name,
        "version": package.version,
        "purl": url(package),
        "scope": "required",
    });
    if let Some(license) = &package.license {
        // A slash is how older manifests say OR.
        component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    } else if let Some(file) = &package.license_file {
        component["licenses"] = json!([{ "license": { "name": format!("as its file {file} says") } }]);
    }
    if let Some(description) = &package.description {
        component["description"] = description.trim().into();
    }
    if let Some(digest) = digest {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": digest }]);
    }
    if let Some(repository) = package.repository.as_ref().filter(|url| url.starts_with("https://")) {
        component["externalReferences"] = json!([{ "type": "vcs", "url": repository.trim() }]);
    }
    component
}

/// What names a crate everywhere; ours are in no registry.
fn url(package: &Package) -> String {
    let own = if package.source.is_none() { concat!("?vcs_url=git%2B", env!("CARGO_PKG_REPOSITORY")) } else { "" };
    format!("pkg:cargo/{}@{}{own}", package.name, package.version.replace('+', "%2B"))
}

/// The facts about AWS's services are made from this package.
fn catalogue() -> Value {
    json!({
        "type": "data",
        "bom-ref": catalogue_url(),
        "name": "botocore",
        "version": fetch::BOTOCORE,
        "purl": catalogue_url(),
        "scope": "required",
        "description": "Facts about the operations of AWS's services",
        "licenses": [{ "expression": "Apache-2.0" }],
    })
}

fn catalogue_url() -> String {
    format!("pkg:pypi/botocore@{}", fetch::BOTOCORE)
}

/// The system that this machine builds for.
fn host() -> Result<String> {
    let version = Command::new("rustc").arg("-vV").output()?;
    let version = String::from_utf8(version.stdout)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc names no host")?.to_owned())
}

fn cargo(arguments: &[&str]) -> Result<String> {
    let output = Command::new("cargo").args(arguments).current_dir(root()).output()?;
    if !output.status.success() {
        return Err(format!("cargo {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bill_names_what_is_linked_each_once_and_nothing_that_only_builds_or_tests() {
        let bill = bill(&["lightgbm"]).unwrap();
        let components = bill["components"].as_array().unwrap();
        let refs: BTreeSet<_> = components.iter().map(|it| it["bom-ref"].as_str().unwrap()).collect();
        assert_eq!(refs.len(), components.len(), "each once");
        let named = |name: &str| components.iter().find(|it| it["name"] == name);
        for name in [
            "tokio",
            "rmcp",
            "aws-lc-rs",
            "libsqlite3-sys",
            "lightgbm3-sys",
            "trainyard-aws",
            "trainyard-sandbox",
            "botocore",
        ] {
            assert!(named(name).is_some(), "{name} is in the binary");
        }
        for name in ["insta", "trainyard-harness", "xtask", "serde_derive", "cmake"] {
            assert!(named(name).is_none(), "{name} is not in the binary");
        }
        for component in components {
            let name = component["name"].as_str().unwrap();
            assert!(component["licenses"].is_array(), "{name} has no licence");
            let ours = name.starts_with("trainyard") || component["type"] == "data";
            let digest = component["hashes"][0]["content"].as_str().unwrap_or_default();
            assert!(ours || digest.len() == 64, "{name} has no digest");
        }
        // Who stands on whom: every name is known, and everything is reached from the binary.
        let own = bill["metadata"]["component"]["bom-ref"].as_str().unwrap();
        let edges: BTreeMap<&str, Vec<&str>> = bill["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| {
                let on = it["dependsOn"].as_array().unwrap().iter().map(|on| on.as_str().unwrap()).collect();
                (it["ref"].as_str().unwrap(), on)
            })
            .collect();
        let (mut reached, mut next) = (BTreeSet::new(), vec![own]);
        while let Some(at) = next.pop() {
            if reached.insert(at) {
                next.extend(edges.get(at).into_iter().flatten());
            }
        }
        reached.remove(own);
        assert_eq!(reached, refs);
        assert_eq!(bill, super::bill(&["lightgbm"]).unwrap(), "the same sources give the same bill");
    }

    #[test]
    fn a_line_of_the_tree_names_a_crate() {
        let named = |line| named(line).map(|(name, version)| format!("{name}@{version}"));
        assert_eq!(named("tokio v1.53.0").unwrap(), "tokio@1.53.0");
        assert_eq!(named("trainyard-aws v0.1.0 (/src/crates/aws)").unwrap(), "trainyard-aws@0.1.0");
        assert_eq!(named("serde v1.0.0 (*)").unwrap(), "serde@1.0.0");
        assert_eq!(named(""), None);
    }
}
