//! How much memory a profile takes. A test binary of its own: what others took would count, too.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken environment ends the test")]

use std::{
    env,
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    process::Command,
};

use trainyard_ml::dataset::{Layout, Settings, Wanted, Watch, profile};

/// Most memory that this process has ever held, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Numbers and texts that hardly repeat.
fn write(path: &Path, rows: u64) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    writeln!(file, "key,a,b").unwrap();
    let mut state = 1_u64;
    for row in 0..rows {
        write!(file, "row-{row:09}").unwrap();
        for _ in 0..2 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            write!(file, ",{}", state >> 20).unwrap();
        }
        writeln!(file).unwrap();
    }
    file.flush().unwrap();
}

/// Names the file to the process that only reads it.
const FILE: &str = "TRAINYARD_PROFILED_FILE";

/// What a process of its own has held at most, in KiB, once it has profiled the file.
fn peak_for(path: &Path, rows: u64) -> u64 {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "profiles_a_file", "--ignored", "--nocapture"])
        .env(FILE, path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("profiled ")).unwrap_or_else(|| panic!("{text}"));
    let (counted, peak) = line.split_once(" rows, KiB ").unwrap();
    assert_eq!(counted.parse(), Ok(rows));
    peak.parse().unwrap()
}

#[test]
#[ignore = "a child process of its neighbour"]
#[expect(clippy::disallowed_methods, reason = "what a test tells its child")]
fn profiles_a_file() {
    let Some(path) = env::var_os(FILE) else { return };
    let layout = Layout::of(path.as_ref(), &Wanted::default()).unwrap();
    let rows = profile(path.as_ref(), &layout, &Settings::default(), &Watch::default()).unwrap().rows;
    // The runner's own words stand before it on the line.
    println!("\nprofiled {rows} rows, KiB {}", peak());
}

/// Rows that fill everything that is kept of a table up to its bound: the most is kept of whole rows, of which each of the four
/// threads counts 2^17 one by one.
const FULL: u64 = 600_000;

#[test]
fn memory_does_not_go_with_the_size_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (small, large) = (folder.path().join("small.csv"), folder.path().join("large.csv"));
    write(&small, FULL);
    write(&large, 2 * FULL);
    let (one, other) = (peak_for(&small, FULL), peak_for(&large, 2 * FULL));
    let more = (large.metadata().unwrap().len() - small.metadata().unwrap().len()) / 1024;
    println!("{one} KiB, {other} KiB for {more} KiB more");
    assert!(other < one + more / 4, "{one} KiB became {other} KiB for {more} KiB more");
    assert!(other < 64 * 1024, "{other} KiB");
}

#[test]
#[ignore = "writes 5 GB and reads them"]
fn five_gigabytes_are_profiled_in_a_quarter_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.csv");
    let rows = 130_000_000;
    write(&path, rows);
    assert!(path.metadata().unwrap().len() > 5_000_000_000);
    let peak = peak_for(&path, rows);
    println!("{peak} KiB");
    assert!(peak < 256 * 1024, "{peak} KiB");
}
