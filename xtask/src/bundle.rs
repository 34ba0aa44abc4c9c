//! `cargo xtask bundle`: the release binary as an MCP bundle, which desktop clients install with a click, and the entry
//! for the MCP registry that names it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    Result, environment, fetch,
    release::{self, Engines},
};

const DESCRIPTION: &str = "Run machine-learning infrastructure on AWS and Kubernetes";
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Builds, packs and writes `server.json` beside the bundle. `url` is the folder that the bundle will be downloaded from.
pub(crate) fn run(url: Option<&str>, engines: Engines) -> Result<()> {
    for file in make(&release::build(engines)?, url)? {
        println!("{}", file.display());
    }
    Ok(())
}

/// Packs this binary; the files that were made.
pub(crate) fn make(binary: &Path, url: Option<&str>) -> Result<Vec<PathBuf>> {
    let name = format!("trainyard-mcp-{VERSION}-{}-{}", platform(), std::env::consts::ARCH);
    let folder = fetch::cache().join("bundle").join(&name);
    fetch::remove(&folder)?;
    fill(&folder, binary)?;
    let bundle = folder.with_extension("mcpb");
    mcpb(&["validate", fetch::text(&folder.join("manifest.json"))?])?;
    mcpb(&["pack", fetch::text(&folder)?, fetch::text(&bundle)?])?;
    let mut made = vec![bundle.clone()];
    if let Some(url) = url {
        let digest = Sha256::digest(fs::read(&bundle)?);
        let digest = digest.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let entry = entry(&format!("{}/{name}.mcpb", url.trim_end_matches('/')), &digest)?;
        let file = folder.with_file_name("server.json");
        fs::write(&file, format!("{entry:#}\n"))?;
        made.push(file);
    }
    Ok(made)
}

/// What stands in the bundle.
fn fill(folder: &Path, binary: &Path) -> Result<()> {
    let file = binary.file_name().and_then(|name| name.to_str()).ok_or("the binary has no name")?;
    fs::create_dir_all(folder.join("server"))?;
    fs::copy(binary, folder.join("server").join(file))?;
    for text in ["LICENSE", "NOTICE", "README.md"] {
        fs::copy(crate::root().join(text), folder.join(text))?;
    }
    Ok(fs::write(folder.join("manifest.json"), format!("{:#}\n", manifest(file)))?)
}

/// The bundle's description of itself. A click installs a server that only reads; gates are opened in the settings file,
/// by somebody who knows that there is one.
fn manifest(binary: &str) -> Value {
    json!({
        "manifest_version": "0.3",
        "name": "trainyard",
        "display_name": "Trainyard",
        "version": VERSION,
        "description": DESCRIPTION,
        "author": { "name": "The Trainyard authors", "url": REPOSITORY },
        "repository": { "type": "git", "url": REPOSITORY },
        "license": env!("CARGO_PKG_LICENSE"),
        "keywords": ["aws", "kubernetes", "gpu", "sagemaker", "hyperpod", "machine learning"],
        "server": {
            "type": "binary",
            "entry_point": format!("server/{binary}"),
            "mcp_config": {
                "command": format!("${{__dirname}}/server/{binary}"),
                "args": ["serve", "--profile", "${user_config.profile}"],
                "env": {},
            },
        },
        "user_config": {
            "profile": {
                "type": "string",
                "title": "AWS profile",
                "description": "Profile of your AWS configuration that calls are made as, unless they name another",
                "default": "default",
                "required": false,
            },
        },
        "tools_generated": true,
        "prompts_generated": true,
        "compatibility": { "platforms": [platform()] },
    })
}

/// The entry for the registry.
fn entry(url: &str, digest: &str) -> Result<Value> {
    // The registry wants the word in the address of a bundle, so that nobody registers something else.
    if !url.starts_with("https://") || !url.contains("mcp") {
        return Err(format!("{url} is no https address with `mcp` in it").into());
    }
    let owner = REPOSITORY.trim_start_matches("https://github.com/").split('/').next().unwrap_or_default();
    Ok(json!({
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "name": format!("io.github.{owner}/trainyard"),
        "title": "Trainyard",
        "description": DESCRIPTION,
        "version": VERSION,
        "repository": { "url": REPOSITORY, "source": "github" },
        "packages": [{
            "registryType": "mcpb",
            "identifier": url,
            "fileSha256": digest,
            "transport": { "type": "stdio" },
        }],
    }))
}

/// As both formats name this system.
fn platform() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        _ => "linux",
    }
}

/// Runs the bundle's own tool, which judges and packs.
fn mcpb(arguments: &[&str]) -> Result<()> {
    let (node, tool) = tool()?;
    fetch::command(fetch::text(&node)?, &[&[fetch::text(&tool)?], arguments].concat())
}

fn tool() -> Result<(PathBuf, PathBuf)> {
    let modules = environment::suite()?;
    let node = trainyard_harness::node().filter(|node| node.exists()).unwrap_or_else(|| "node".into());
    Ok((node, modules.join("node_modules/@anthropic-ai/mcpb/dist/cli/cli.js")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_s_own_tool_accepts_the_bundle_and_packs_what_it_says() {
        let Some(modules) = trainyard_harness::suite() else { return };
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("bundle");
        let binary = folder.path().join("trainyard");
        fs::write(&binary, "#!/bin/sh\n").unwrap();
        fill(&inside, &binary).unwrap();
        let node = trainyard_harness::node().unwrap();
        let cli = modules.join("@anthropic-ai/mcpb/dist/cli/cli.js");
        let out = folder.path().join("out.mcpb");
        for arguments in [vec!["validate", "bundle/manifest.json"], vec!["pack", "bundle", out.to_str().unwrap()]] {
            let mut command = std::process::Command::new(&node);
            let ran = command.arg(&cli).args(&arguments).current_dir(folder.path()).output().unwrap();
            let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
            assert!(ran.status.success(), "{arguments:?}: {said}");
        }
        assert_eq!(fs::read(&out).unwrap()[..2], *b"PK");
        // What the manifest starts is what was packed.
        let manifest: Value = serde_json::from_slice(&fs::read(inside.join("manifest.json")).unwrap()).unwrap();
        assert!(inside.join(manifest["server"]["entry_point"].as_str().unwrap()).exists());
    }

    #[test]
    fn the_entry_keeps_to_the_registry_s_limits() {
        let entry = entry("https://example.com/mcp/a.mcpb", "00").unwrap();
        let name = entry["name"].as_str().unwrap();
        assert!(name.len() <= 200 && name.matches('/').count() == 1, "{name}");
        assert!(entry["description"].as_str().unwrap().len() <= 100);
        assert!(super::entry("http://example.com/mcp/a.mcpb", "00").is_err());
        assert!(super::entry("https://example.com/a.zip", "00").is_err());
    }
}
