//! Models that Trainyard saved, in Python's `lightgbm`, `onnxruntime` and MLflow.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::PathBuf, process::Command};

#[test]
fn python_predicts_the_same() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned();
    let python = python(&root);
    assert!(python.exists(), "{} is not there: cargo xtask test-data makes it", python.display());
    let example = example();
    let folder = tempfile::tempdir().unwrap();
    let script = root.join("crates/train/tests/same_in_python.py");
    let run = Command::new(python).arg(script).arg(example).arg(folder.path()).output().unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{told}");
    assert_eq!(told.matches(" same\n").count(), 13, "{told}");
    assert!(fs::read_dir(folder.path()).unwrap().count() > 0);
}

#[expect(clippy::disallowed_methods, reason = "a test has no settings but these")]
fn python(root: &std::path::Path) -> PathBuf {
    std::env::var_os("TRAINYARD_LEARNING_VENV")
        .map_or_else(|| root.join("target/xtask/learning-venv"), PathBuf::from)
        .join("bin/python3")
}

/// Beside this test: cargo builds a package's examples before it runs its tests.
fn example() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    here.ancestors().nth(2).unwrap().join("examples/train")
}
