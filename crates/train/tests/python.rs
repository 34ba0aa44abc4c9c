//! Models that Trainyard saved, in Python's `lightgbm`, `onnxruntime` and MLflow.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::PathBuf, process::Command};

use trainyard_harness::{learning_venv, root};

#[test]
fn python_predicts_the_same() {
    let python = learning_venv().join("bin/python3");
    assert!(python.exists(), "{} is not there: cargo xtask test-data makes it", python.display());
    let example = example();
    let folder = tempfile::tempdir().unwrap();
    let script = root().join("crates/train/tests/same_in_python.py");
    let engines = cfg!(feature = "lightgbm").then_some("lightgbm");
    let run = Command::new(python).arg(script).arg(example).arg(folder.path()).args(engines).output().unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{told}");
    assert_eq!(told.matches(" same\n").count(), if engines.is_some() { 24 } else { 14 }, "{told}");
    assert!(fs::read_dir(folder.path()).unwrap().count() > 0);
}

/// Beside this test: cargo builds a package's examples before it runs its tests.
fn example() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    here.ancestors().nth(2).unwrap().join("examples/train")
}
