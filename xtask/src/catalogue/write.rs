//! The generated files: collected in memory, then written or compared with what the repository holds.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use trainyard_aws::catalogue::{AllNames, model::AccessLevel, model::Service};

use crate::Result;

/// Directory of the blobs and of the access tables.
pub(crate) const BLOBS: &str = "crates/aws/catalogue";
/// The names of all operations. No service is called so.
const NAMES: &str = "_names.zst";
const INDEX: &str = "crates/aws/src/catalogue/index.rs";
const PARTITIONS: &str = "crates/aws/src/endpoint/partition_data.rs";

/// Files by their path in the repository.
#[derive(Default)]
pub(crate) struct Output {
    files: BTreeMap<PathBuf, Vec<u8>>,
    rows: String,
    names: Vec<Vec<(String, AccessLevel)>>,
}

impl Output {
    /// Adds one service. Services must come sorted by name: their index is searched by halving.
    pub(crate) fn service(&mut self, service: &Service<'_>) -> Result<()> {
        let names = service.operations.iter().map(|operation| (operation.name.to_owned(), operation.access));
        self.names.push(names.collect());
        let plain = postcard::to_stdvec(service)?;
        let blob = format!("{}.zst", service.name);
        writeln!(
            self.rows,
            "    Entry {{ name: {:?}, id: {:?}, title: {:?}, endpoint_prefix: {:?}, signing_name: {:?}, \
             protocol: Protocol::{:?}, operations: {}, size: {}, \
             blob: include_bytes!(\"../../catalogue/{blob}\"), decoded: OnceLock::new() }},",
            service.name,
            service.id,
            service.title,
            service.endpoint_prefix,
            service.signing_name,
            service.protocol,
            service.operations.len(),
            grouped(plain.len()),
        )?;
        self.files.insert(Path::new(BLOBS).join(blob), zstd::bulk::compress(&plain, 19)?);
        Ok(())
    }

    /// Adds the table of partitions.
    pub(crate) fn partitions(&mut self, source: String) {
        self.files.insert(PARTITIONS.into(), source.into_bytes());
    }

    /// Adds the table of what every operation may do.
    pub(crate) fn access(&mut self, table: String) {
        self.files.insert(Path::new(BLOBS).join("access.tsv"), table.into_bytes());
    }

    /// Adds what spans all services.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let names = postcard::to_stdvec(&AllNames(self.names.iter().map(|names| borrowed(names)).collect()))?;
        let index = format!(
            "//! Every service. Made by `cargo xtask catalogue`.\n\nuse std::sync::OnceLock;\n\n\
             use super::{{Entry, model::Protocol}};\n\n/// Sorted by name.\n#[rustfmt::skip]\n\
             pub(super) static SERVICES: [Entry; {}] = [\n{}];\n\n\
             /// Names of all operations, compressed.\n\
             pub(super) static NAMES: &[u8] = include_bytes!(\"../../catalogue/{NAMES}\");\n\n\
             /// Bytes of them decompressed.\npub(super) const NAMES_SIZE: usize = {};\n",
            self.names.len(),
            self.rows,
            grouped(names.len()),
        );
        self.files.insert(Path::new(BLOBS).join(NAMES), zstd::bulk::compress(&names, 19)?);
        self.files.insert(INDEX.into(), index.into_bytes());
        Ok(())
    }

    /// Writes every file and deletes blobs of services that are no more.
    pub(crate) fn write(&self, root: &Path) -> Result<()> {
        fs::create_dir_all(root.join(BLOBS))?;
        for stale in self.stale(root)? {
            fs::remove_file(root.join(stale))?;
        }
        for (path, bytes) in &self.files {
            fs::write(root.join(path), bytes)?;
        }
        let blobs: Vec<usize> =
            self.files.iter().filter(|(path, _)| is_blob(path)).map(|(_, bytes)| bytes.len()).collect();
        println!("{} services, {} bytes", self.names.len(), blobs.iter().sum::<usize>());
        Ok(())
    }

    /// Fails if the repository holds anything else than what was generated.
    pub(crate) fn compare(&self, root: &Path) -> Result<()> {
        let differs = |(path, bytes): &(&PathBuf, &Vec<u8>)| fs::read(root.join(path)).ok().as_ref() != Some(*bytes);
        let mut wrong: Vec<String> =
            self.files.iter().filter(differs).map(|(path, _)| path.display().to_string()).collect();
        wrong.extend(self.stale(root)?.iter().map(|path| path.display().to_string()));
        if wrong.is_empty() {
            println!("{} files are what the sources give", self.files.len());
            return Ok(());
        }
        Err(format!("not what the sources give, run `cargo xtask catalogue`: {}", wrong.join(", ")).into())
    }

    fn stale(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let mut stale = Vec::new();
        for entry in fs::read_dir(root.join(BLOBS))? {
            let path = Path::new(BLOBS).join(entry?.file_name());
            if is_blob(&path) && !self.files.contains_key(&path) {
                stale.push(path);
            }
        }
        Ok(stale)
    }
}

fn borrowed(names: &[(String, AccessLevel)]) -> Vec<(&str, AccessLevel)> {
    names.iter().map(|(name, access)| (&**name, *access)).collect()
}

/// `1_234_567`
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let start = |at: usize| at > 0 && (digits.len() - at).is_multiple_of(3);
    digits.char_indices().flat_map(|(at, digit)| start(at).then_some('_').into_iter().chain([digit])).collect()
}

fn is_blob(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "zst")
}
