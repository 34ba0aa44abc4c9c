//! How much memory a profile takes. A test binary of its own: what others took would count, too.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a broken environment ends the test")]

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
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
    writeln!(file, "key,a,b,c,d,e,f,g").unwrap();
    let mut state = 1_u64;
    for row in 0..rows {
        write!(file, "row-{row:09}").unwrap();
        for _ in 0..7 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            write!(file, ",{}", state >> 20).unwrap();
        }
        writeln!(file).unwrap();
    }
    file.flush().unwrap();
}

fn profiled(path: &Path) -> u64 {
    let layout = Layout::of(path, &Wanted::default()).unwrap();
    profile(path, &layout, &Settings::default(), &Watch::default()).unwrap().rows
}

#[test]
fn memory_does_not_go_with_the_size_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (small, large) = (folder.path().join("small.csv"), folder.path().join("large.csv"));
    write(&small, 30_000);
    write(&large, 240_000);
    assert_eq!(profiled(&small), 30_000);
    let before = peak();
    assert_eq!(profiled(&large), 240_000);
    let (after, size) = (peak(), large.metadata().unwrap().len() / 1024);
    assert!(after - before < size / 3, "{before} KiB became {after} KiB for a file of {size} KiB");
    assert!(after < 128 * 1024, "{after} KiB");
}
