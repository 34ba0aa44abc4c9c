//! Scripts for boto3, run in the environment that the other tests fetched.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Where that environment is.
pub(crate) fn venv() -> PathBuf {
    let venv = trainyard_harness::venv();
    assert!(venv.exists(), "run `cargo xtask test-data`");
    venv
}

/// What a script of this folder prints: one value of JSON.
pub(crate) fn run(script: &str, arguments: &[&str]) -> Value {
    let output = Command::new(venv().join("bin/python3"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aws").join(script))
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        // Whoever runs the tests may have an account, which is none of theirs.
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .output()
        .expect("python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}
