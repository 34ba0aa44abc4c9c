//! The table of imports in ARCHITECTURE.md, held against what cargo knows.

#![expect(clippy::unwrap_used, reason = "a manifest without these is broken, and the test says so by ending")]

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

/// Who may import whom. Left out: what only tests use.
const MAY_IMPORT: [(&str, &[&str]); 14] = [
    ("trainyard-contract", &[]),
    ("trainyard-dispatch", &["trainyard-contract"]),
    ("trainyard-aws", &["trainyard-contract"]),
    ("trainyard-gpu", &[]),
    ("trainyard-k8s", &["trainyard-contract", "trainyard-aws"]),
    ("trainyard-train", &[]),
    ("trainyard-ml", &["trainyard-contract", "trainyard-aws", "trainyard-train"]),
    ("trainyard-sandbox", &["trainyard-aws"]),
    ("trainyard-tools", &["trainyard-contract", "trainyard-aws", "trainyard-k8s", "trainyard-gpu", "trainyard-ml"]),
    ("trainyard-serve", &["trainyard-contract", "trainyard-dispatch"]),
    (
        "trainyard",
        &[
            "trainyard-contract",
            "trainyard-dispatch",
            "trainyard-aws",
            "trainyard-k8s",
            "trainyard-ml",
            "trainyard-sandbox",
            "trainyard-tools",
            "trainyard-serve",
        ],
    ),
    ("trainyard-harness", &[]),
    ("trainyard-stand-in", &["trainyard-aws", "trainyard-harness", "trainyard-sandbox"]),
    ("xtask", &["trainyard-aws", "trainyard-harness"]),
];

/// Crates of others that one of ours keeps to itself, or some do.
const KEPT_BY: [(&str, &[&str]); 10] = [
    ("rmcp", &["trainyard-serve"]),
    ("clap", &["trainyard"]),
    ("aws-config", &["trainyard-aws"]),
    ("aws-smithy-runtime", &["trainyard-aws"]),
    ("jpx-core", &["trainyard-aws"]),
    // Redaction; and the languages that the sandbox reads, where patterns are part of them.
    ("regex", &["trainyard-dispatch", "trainyard-sandbox"]),
    ("kube", &["trainyard-k8s"]),
    ("forust-ml", &["trainyard-train"]),
    ("lightgbm3", &["trainyard-train"]),
    ("rusqlite", &["trainyard-ml"]),
];

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Names that a package needs outside of its tests.
fn needs(package: &Value) -> Vec<String> {
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    let shipped = dependencies.filter(|dependency| dependency["kind"] != "dev");
    shipped.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn imports_point_one_way() {
    let table: BTreeMap<_, _> = MAY_IMPORT.into_iter().collect();
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        let allowed = table.get(name).unwrap_or_else(|| panic!("{name} is not in the table of imports"));
        for import in needs(&package).iter().filter(|import| table.contains_key(import.as_str())) {
            assert!(allowed.contains(&import.as_str()), "{name} may not import {import}");
        }
    }
}

#[test]
fn what_one_crate_keeps_to_itself_no_other_names() {
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        for (kept, keepers) in KEPT_BY {
            assert!(
                keepers.contains(&name) || !needs(&package).iter().any(|import| import == kept),
                "{name} names {kept}"
            );
        }
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for package in packages() {
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}", package["name"]);
    }
}
