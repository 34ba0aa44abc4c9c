//! Files to and from S3: `cargo run -p trainyard-aws --example transfer -- up FILE BUCKET KEY`, `down BUCKET KEY FILE`,
//! `sync-up FOLDER BUCKET PREFIX`, `sync-down BUCKET PREFIX FOLDER`. What is interrupted goes on when it is repeated.

#![expect(clippy::print_stdout, reason = "an example for a terminal")]

use std::{path::PathBuf, sync::Arc};

use trainyard_aws::{
    Engine, Scope, Settings,
    transfer::{Compare, Direction, Download, Sync, Transfers, Upload},
};
use trainyard_contract::{Ceiling, Error, Progress, Result};

/// Says how far it is.
struct Print;

impl Progress for Print {
    fn report(&self, done: u64, total: Option<u64>, message: &str) {
        if total == Some(done) {
            println!("{message}: {done} bytes");
        }
    }
}

fn sync(direction: Direction, folder: &str, bucket: &str, prefix: &str) -> Sync {
    let (folder, bucket, prefix) = (PathBuf::from(folder), bucket.to_owned(), prefix.to_owned());
    Sync { folder, bucket, prefix, direction, delete: false, compare: Compare::default() }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let engine = Engine::new(Settings { ceiling: Ceiling { write: true, sensitive: true }, ..Settings::default() });
    let state = std::env::temp_dir().join("trainyard-transfers");
    let transfers = Transfers::new(engine, Scope::default(), state);
    let (progress, arguments) = (Arc::new(Print), std::env::args().collect::<Vec<_>>());
    let words: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    match words.as_slice() {
        ["up", file, bucket, key] => {
            println!("{:?}", transfers.upload(&Upload::new(*file, *bucket, *key), progress).await?);
        }
        ["down", bucket, key, file] => {
            println!("{:?}", transfers.download(&Download::new(*bucket, *key, *file), progress).await?);
        }
        ["sync-up", folder, bucket, prefix] => {
            println!("{:?}", transfers.sync(&sync(Direction::Up, folder, bucket, prefix), progress).await?);
        }
        ["sync-down", bucket, prefix, folder] => {
            println!("{:?}", transfers.sync(&sync(Direction::Down, folder, bucket, prefix), progress).await?);
        }
        _ => return Err(Error::validation("say up, down, sync-up or sync-down, from where and to where")),
    }
    Ok(())
}
