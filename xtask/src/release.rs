//! The release build of the binary.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Result, environment, fetch, root};

/// Which engines of training a build has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engines {
    /// What every machine can build that builds Rust.
    Usual,
    /// LightGBM's own core, too, as in what is handed out. Wants a C++ compiler.
    All,
}

impl Engines {
    /// The cargo features that build them in.
    pub(crate) fn features(self) -> &'static [&'static str] {
        match self {
            Self::Usual => &[],
            Self::All => &["lightgbm"],
        }
    }
}

/// Builds it; where it lies.
pub(crate) fn build(engines: Engines) -> Result<PathBuf> {
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--quiet", "-p", "trainyard"]).current_dir(root());
    if engines == Engines::All {
        command.arg("--features").args(engines.features()).envs(tools_of_lightgbm()?);
    }
    if !command.status()?.success() {
        return Err("the release build failed".into());
    }
    let binary = fetch::target()?.join("release").join(format!("trainyard{}", std::env::consts::EXE_SUFFIX));
    if binary.exists() { Ok(binary) } else { Err(format!("there is no {}", binary.display()).into()) }
}

/// Where LightGBM's build finds `cmake` and `libclang`, which are fetched from PyPI: systems have older ones, or none.
pub(crate) fn tools_of_lightgbm() -> Result<Vec<(&'static str, String)>> {
    let tools = environment::python("build-venv", "xtask/requirements-build.txt")?;
    let find = "import clang, pathlib; print(pathlib.Path(clang.__path__[0], 'native'))";
    let libclang = said(&tools.join("bin/python3"), &["-c", find])?;
    // That libclang brings no headers of a compiler along.
    let headers = said(Path::new("cc"), &["-print-file-name=include"])?;
    Ok(vec![
        ("CMAKE", fetch::text(&tools.join("bin/cmake"))?.to_owned()),
        ("LIBCLANG_PATH", libclang),
        ("BINDGEN_EXTRA_CLANG_ARGS", format!("-I{headers}")),
    ])
}

fn said(program: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output()?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} failed: {}", program.display(), error.trim()).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
