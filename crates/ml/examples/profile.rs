//! Says what is in a file: `cargo run --release -p trainyard-ml --example profile -- FILE [TARGET]`.

#![expect(clippy::print_stdout, reason = "a program for a shell")]

use std::path::Path;

use trainyard_ml::dataset::{Layout, Settings, Wanted, Watch, profile};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("which file?")?;
    let path = Path::new(&file);
    let layout = Layout::of(path, &Wanted::default()).map_err(|error| error.to_string())?;
    let settings = Settings { target: arguments.next() };
    let found = profile(path, &layout, &settings, &Watch::default()).map_err(|error| error.to_string())?;
    println!("{}", serde_json::to_string_pretty(&found)?);
    Ok(())
}
