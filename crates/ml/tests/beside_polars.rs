//! Our profile of awkward files beside what Polars finds in them. The script makes the files and compares.

#![expect(clippy::unwrap_used, reason = "a broken environment ends the test")]
#![expect(clippy::print_stdout, reason = "figures, for whoever runs the tests with --nocapture")]

use std::{fs, path::Path, process::Command};

use trainyard_harness::learning_venv;
use trainyard_ml::dataset::{Layout, Settings, Wanted, Watch, profile};

fn script(what: &str, folder: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/beside_polars.py");
    let done = Command::new(learning_venv().join("bin/python3")).arg(script).arg(what).arg(folder).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{what}: {said}{}", String::from_utf8_lossy(&done.stderr));
    println!("{said}");
}

#[test]
fn polars_finds_the_same_in_awkward_files() {
    let folder = tempfile::tempdir().unwrap();
    script("make", folder.path());
    let mut files = 0;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let layout = Layout::of(&path, &Wanted::default()).unwrap();
        let found = profile(&path, &layout, &Settings::default(), &Watch::default()).unwrap();
        let name = format!("{}.profile.json", path.file_name().unwrap().to_str().unwrap());
        fs::write(folder.path().join(name), serde_json::to_vec(&found).unwrap()).unwrap();
        files += 1;
    }
    assert!(files >= 20, "{files}");
    script("compare", folder.path());
}
