//! A cluster to try things on by hand: prints the path of a kubeconfig and runs until its input ends.
//!
//! `cargo run -p trainyard-sandbox --example serve [--fleet NODES PODS] [FILE.yaml …]`

#![expect(clippy::print_stdout, reason = "an example for a terminal")]

use std::{error::Error, io::Read};

use trainyard_sandbox::kubernetes::{Fleet, Options, Pace, Server};

fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::start_with(&Options { life: Some(Pace::default()), ..Options::default() })?;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--fleet" {
            let mut size =
                || arguments.next().ok_or("--fleet NODES PODS")?.parse::<usize>().map_err(Box::<dyn Error>::from);
            let fleet = Fleet { nodes: size()?, pods: size()?, ..Fleet::default() };
            server.fleet(&fleet)?;
        } else {
            server.seed(&std::fs::read_to_string(&argument)?).map_err(|why| format!("{argument}: {why}"))?;
        }
    }
    let path = std::env::temp_dir().join(format!("sandbox-{}.kubeconfig", server.address().port()));
    std::fs::write(&path, server.kubeconfig())?;
    println!("{}", path.display());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
