//! `cargo xtask release`: everything that a release consists of, in one folder, with digests, and signed if there is a key.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest, Sha256};

use crate::{
    Result, bundle, fetch,
    release::{self, Engines},
    sbom,
};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// File of the digests of all others.
const DIGESTS: &str = "SHA256SUMS";

/// Makes the folder. `key` is a private key on the curve P-256, in PEM; `url` the folder that it will be downloaded from.
pub(crate) fn run(key: Option<&Path>, url: Option<&str>) -> Result<()> {
    let folder = fetch::cache().join("release").join(VERSION);
    fetch::remove(&folder)?;
    fs::create_dir_all(&folder)?;
    let binary = release::build(Engines::All)?;
    archive(&binary, &folder)?;
    for file in bundle::make(&binary, url)? {
        fs::copy(&file, folder.join(file.file_name().ok_or("a bundle without a name")?))?;
    }
    fs::write(folder.join("trainyard.cdx.json"), format!("{:#}\n", sbom::bill(Engines::All.features())?))?;
    fs::write(folder.join("tools.json"), output(Command::new(&binary).args(["tools", "--digest", "--json"]))?)?;
    digests(&folder)?;
    match key {
        Some(key) => sign(&folder, key)?,
        None => println!("not signed: no --key"),
    }
    println!("{}", folder.display());
    Ok(())
}

/// The binary with what the law wants beside it, in an archive that is the same for the same binary.
fn archive(binary: &Path, folder: &Path) -> Result<()> {
    let name = format!("trainyard-{VERSION}-{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    let inside = folder.join(&name);
    fs::create_dir(&inside)?;
    let file = binary.file_name().ok_or("the binary has no name")?;
    fs::copy(binary, inside.join(file))?;
    for text in ["LICENSE", "NOTICE", "README.md"] {
        fs::copy(crate::root().join(text), inside.join(text))?;
    }
    let packed = folder.join(format!("{name}.tar.gz"));
    output(
        Command::new("tar")
            .args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"])
            .args(["--use-compress-program", "gzip -9n", "-cf"])
            .arg(&packed)
            .arg("-C")
            .arg(folder)
            .arg(&name),
    )?;
    Ok(fs::remove_dir_all(inside)?)
}

/// Writes the digest of each file, as `sha256sum --check` reads them.
fn digests(folder: &Path) -> Result<()> {
    let mut names: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    names.sort();
    let mut lines = String::new();
    for path in names {
        let digest = Sha256::digest(fs::read(&path)?);
        let digest = digest.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let name = path.file_name().and_then(|name| name.to_str()).ok_or("a file whose name is no text")?;
        lines.push_str(&format!("{digest}  {name}\n"));
    }
    Ok(fs::write(folder.join(DIGESTS), lines)?)
}

/// Signs the digests: ECDSA with SHA-256 in base64, which `openssl` and `cosign verify-blob --key` both read. The public
/// key goes beside it for convenience; who checks takes it from elsewhere.
fn sign(folder: &Path, key: &Path) -> Result<()> {
    let kind = output(Command::new("openssl").args(["pkey", "-noout", "-text", "-in"]).arg(key))?;
    if !String::from_utf8_lossy(&kind).contains("prime256v1") {
        return Err(format!("{} is no key on the curve P-256 (openssl: prime256v1)", key.display()).into());
    }
    let raw = folder.join(format!("{DIGESTS}.der"));
    let signature = Command::new("openssl")
        .args(["dgst", "-sha256", "-sign"])
        .arg(key)
        .arg("-out")
        .arg(&raw)
        .arg(folder.join(DIGESTS))
        .output()?;
    if !signature.status.success() {
        return Err(format!("openssl dgst: {}", String::from_utf8_lossy(&signature.stderr)).into());
    }
    let encoded = output(Command::new("openssl").args(["base64", "-A", "-in"]).arg(&raw))?;
    fs::remove_file(raw)?;
    fs::write(folder.join(format!("{DIGESTS}.sig")), encoded)?;
    let public = output(Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(key))?;
    Ok(fs::write(folder.join("trainyard.pub"), public)?)
}

/// What a program prints, if it succeeds.
fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{}: {said}", command.get_program().display()).into());
    }
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn openssl(folder: &Path, arguments: &[&str]) -> std::process::Output {
        Command::new("openssl").args(arguments).current_dir(folder).output().unwrap()
    }

    #[test]
    fn a_release_is_checked_with_everybody_s_tools_and_a_changed_one_is_found() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("release");
        fs::create_dir(&folder).unwrap();
        let binary = place.path().join("trainyard");
        fs::write(&binary, "#!/bin/sh\n").unwrap();
        archive(&binary, &folder).unwrap();
        digests(&folder).unwrap();
        let made = openssl(
            place.path(),
            &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key.pem"],
        );
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        sign(&folder, &place.path().join("key.pem")).unwrap();

        let check = |folder: &Path| {
            let sums =
                Command::new("sha256sum").args(["--check", "--quiet", DIGESTS]).current_dir(folder).output().unwrap();
            let raw = openssl(folder, &["base64", "-d", "-A", "-in", "SHA256SUMS.sig", "-out", "../raw"]);
            assert!(raw.status.success());
            let sealed =
                openssl(folder, &["dgst", "-sha256", "-verify", "trainyard.pub", "-signature", "../raw", DIGESTS]);
            (sums.status.success(), sealed.status.success())
        };
        assert_eq!(check(&folder), (true, true));
        let again = place.path().join("again");
        fs::create_dir(&again).unwrap();
        archive(&binary, &again).unwrap();
        let packed = fs::read_dir(&again).unwrap().next().unwrap().unwrap().file_name();
        assert_eq!(fs::read(again.join(&packed)).unwrap(), fs::read(folder.join(&packed)).unwrap(), "the same archive");

        fs::write(folder.join(&packed), "another").unwrap();
        assert_eq!(check(&folder), (false, true));
        digests(&folder).unwrap();
        assert!(!check(&folder).1, "new digests are not signed");
        let weak = openssl(place.path(), &["genpkey", "-algorithm", "ED25519", "-out", "other.pem"]);
        assert!(weak.status.success());
        assert!(sign(&folder, &place.path().join("other.pem")).unwrap_err().to_string().contains("P-256"));
    }
}
