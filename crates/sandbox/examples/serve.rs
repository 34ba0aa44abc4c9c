//! A cluster to try things on by hand: prints the path of a kubeconfig and runs until it is interrupted.
//!
//! `cargo run -p trainyard-sandbox --example serve [FILE.yaml …]`

#![expect(clippy::print_stdout, reason = "an example for a terminal")]

use std::{error::Error, io::Read};

use trainyard_sandbox::kubernetes::{Options, Server};

fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::start_with(&Options::default())?;
    for file in std::env::args().skip(1) {
        server.seed(&std::fs::read_to_string(&file)?).map_err(|why| format!("{file}: {why}"))?;
    }
    let path = std::env::temp_dir().join(format!("sandbox-{}.kubeconfig", server.address().port()));
    std::fs::write(&path, server.kubeconfig())?;
    println!("{}", path.display());
    // Until the terminal is closed or the input ends.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
