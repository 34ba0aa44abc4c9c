//! The fuzz targets on a stable compiler: seeds, changed by chance.
//!
//! A few thousand inputs with every run; for as long as one likes with `TRAINYARD_FUZZ_SECONDS`. `cargo fuzz` (see
//! `fuzz/`) does it better, guided by what the code does.

#[path = "../fuzz/entries.rs"]
mod entries;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use trainyard_aws::catalogue;

/// Inputs of each target in every run.
const INPUTS: u32 = 2_000;

/// Kilobytes of this process that are in memory at most, where the system says so.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut seeds: Vec<_> = fs::read_dir(folder).expect("seeds").map(|entry| entry.expect("a file").path()).collect();
    seeds.sort();
    seeds.iter().map(|path| fs::read(path).expect("readable")).collect()
}

/// Splitmix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let end = u64::try_from(end.max(1)).unwrap_or(u64::MAX);
        usize::try_from((mixed ^ (mixed >> 31)) % end).unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap_or_default()
    }

    /// One seed with a few changes: bytes set, taken out and put in, pieces repeated, another seed's piece.
    fn change(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(6) {
            let at = self.below(input.len() + 1);
            let length = self.below(16).min(input.len() - at);
            match self.below(6) {
                0 if at < input.len() => input[at] = self.byte(),
                1 if at < input.len() => input[at] ^= 1 << self.below(8),
                2 => drop(input.drain(at..at + length)),
                3 => input.insert(at, self.byte()),
                4 => {
                    let piece = input[at..at + length].repeat(1 + self.below(40));
                    input.splice(at..at, piece).for_each(drop);
                }
                _ => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len());
                    let piece = other[from..(from + self.below(60)).min(other.len())].to_vec();
                    input.splice(at..at, piece).for_each(drop);
                }
            }
        }
        input
    }
}

#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a test has no settings but these")]
fn run(target: &str, seeds: &[Vec<u8>], entry: fn(&[u8])) {
    let seconds = std::env::var("TRAINYARD_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    // What is decoded once is there before the measuring begins.
    for seed in seeds {
        entry(seed);
    }
    let before = peak();
    // With more time, other inputs than those of every run.
    let mut chance = Chance(if seconds.is_some() { 0xF0220 } else { 20_261_121 });
    let mut count = 0;
    while end.map_or(count < INPUTS, |end| Instant::now() < end) {
        entry(&chance.change(seeds));
        count += 1;
    }
    println!("{target}: {count} inputs, {} MB at most after {} MB", peak() / 1024, before / 1024);
    assert!(peak() < before + 200_000, "{target}: from {before} kB to {} kB", peak());
}

#[test]
fn answers_are_read_or_refused() {
    run("answers", &seeds("answers"), entries::answers);
}

#[test]
fn what_is_fuzzed_is_there_and_the_seeds_reach_it() {
    for (service, operation) in entries::READ.iter().chain(entries::WRITTEN).chain(entries::STREAMED) {
        assert!(catalogue::service(service).unwrap().operation(operation).is_some(), "{service} {operation}");
    }
    for seed in seeds("events") {
        assert!(entries::read_events(&seed) > Some(0), "{:?}", String::from_utf8_lossy(&seed));
    }
    for seed in seeds("requests") {
        let (service, operation) = entries::WRITTEN[usize::from(seed[0])];
        let input = serde_json::from_slice(&seed[1..]).unwrap();
        trainyard_aws::validate(service, operation, &input).unwrap();
    }
}

#[test]
fn events_are_read_or_refused() {
    run("events", &seeds("events"), entries::events);
}

#[test]
fn requests_are_made_or_refused() {
    run("requests", &seeds("requests"), entries::requests);
}

#[test]
fn queries_are_answered_or_refused() {
    run("queries", &seeds("queries"), entries::queries);
}

#[test]
fn rules_lead_somewhere_or_nowhere() {
    run("rules", &seeds("rules"), entries::rules);
}

#[test]
fn descriptions_are_understood_or_refused() {
    run("descriptions", &seeds("descriptions"), entries::descriptions);
}

#[test]
fn catalogues_are_decoded_or_refused() {
    let blobs = ["sts", "account", "sso-oidc"].map(|name| {
        let service = catalogue::service(name).expect("known");
        postcard::to_stdvec(service).expect("it came from there")
    });
    run("catalogue", &blobs, entries::catalogue);
}
