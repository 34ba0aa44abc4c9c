//! Makes `crates/aws/catalogue`: the facts about every AWS service, from a pinned botocore.

mod access;
mod partitions;
mod write;

use std::path::PathBuf;

use trainyard_aws::catalogue::botocore;

use crate::{Result, fetch, root};

/// What the command line asks for.
#[derive(Default)]
pub(crate) struct Options {
    /// Compare with what the repository holds; change nothing.
    check: bool,
    /// Directory of the `botocore` module, if not the pinned one.
    botocore: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments after `catalogue`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--check" => options.check = true,
                "--botocore" => options.botocore = Some(arguments.next().ok_or("--botocore wants a directory")?.into()),
                other => return Err(format!("unknown argument {other}").into()),
            }
        }
        Ok(options)
    }
}

/// Generates every file, then writes or compares them.
pub(crate) fn run(options: &Options) -> Result<()> {
    let botocore = match &options.botocore {
        Some(directory) => directory.clone(),
        None => fetch::botocore()?.join("botocore"),
    };
    let data = botocore.join("data");
    let mut judge = access::Judge::new(&root().join(write::BLOBS))?;
    let mut output = write::Output::default();
    output.partitions(partitions::generate(&botocore::json(&data.join("partitions.json"))?)?);
    for name in botocore::names(&data)? {
        let source = botocore::read(&data, &name)?;
        let expected = botocore::Expected::of(&source);
        let mut service = botocore::convert(&source, &expected).map_err(|error| format!("{name}: {error}"))?;
        judge.judge(&mut service, &source.service)?;
        output.service(&service)?;
    }
    output.access(judge.finish()?);
    output.finish()?;
    if options.check { output.compare(&root()) } else { output.write(&root()) }
}
