//! Checksums of files and of their pieces.

use std::{fs::File, io, sync::Arc};

use aws_smithy_checksums::{ChecksumAlgorithm, http::HttpChecksum};
use aws_smithy_types::base64;
use crc_fast::{CrcAlgorithm, checksum_combine};
use md5::{Digest as _, Md5};
use serde_json::Value;
use tokio::task::spawn_blocking;
use trainyard_contract::{Error, Result};

use super::disk;
use crate::stream::CHUNK;

/// The algorithm that uploads use. S3 keeps its sum for the object as a whole, however many parts it came in.
pub(super) const OURS: Algorithm =
    Algorithm { member: "ChecksumCRC64NVME", kind: ChecksumAlgorithm::Crc64Nvme, crc: Some(CrcAlgorithm::Crc64Nvme) };

/// Its name on the wire.
pub(super) const OURS_NAME: &str = "CRC64NVME";

/// What we can compute, best first: those whose sums of pieces add up to that of the whole.
const KNOWN: [Algorithm; 5] = [
    OURS,
    Algorithm { member: "ChecksumCRC32C", kind: ChecksumAlgorithm::Crc32c, crc: Some(CrcAlgorithm::Crc32Iscsi) },
    Algorithm { member: "ChecksumCRC32", kind: ChecksumAlgorithm::Crc32, crc: Some(CrcAlgorithm::Crc32IsoHdlc) },
    Algorithm { member: "ChecksumSHA256", kind: ChecksumAlgorithm::Sha256, crc: None },
    Algorithm { member: "ChecksumSHA1", kind: ChecksumAlgorithm::Sha1, crc: None },
];

/// A checksum algorithm of S3.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Algorithm {
    /// Member of S3's inputs and outputs that takes the sum.
    pub(super) member: &'static str,
    kind: ChecksumAlgorithm,
    crc: Option<CrcAlgorithm>,
}

/// Sum of a piece, and how long the piece is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) bytes: Vec<u8>,
    pub(super) length: u64,
}

impl Sum {
    /// As S3 writes it.
    pub(super) fn text(&self) -> String {
        base64::encode(&self.bytes)
    }
}

impl Algorithm {
    /// The first algorithm that an answer has a sum of, with that sum.
    pub(super) fn of(answer: &Value) -> Option<(Self, &str)> {
        KNOWN.into_iter().find_map(|known| Some((known, answer[known.member].as_str()?)))
    }

    /// In lower case, for people.
    pub(super) fn name(self) -> String {
        self.member.trim_start_matches("Checksum").to_ascii_lowercase()
    }

    /// Whether sums of pieces add up.
    pub(super) fn adds_up(self) -> bool {
        self.crc.is_some()
    }

    /// A sum under way.
    pub(super) fn begin(self) -> Box<dyn HttpChecksum> {
        self.kind.into_impl()
    }

    /// Sum of bytes in memory.
    pub(super) fn of_bytes(self, bytes: &[u8]) -> Sum {
        let mut sum = self.begin();
        sum.update(bytes);
        Sum { bytes: sum.finalize().to_vec(), length: bytes.len() as u64 }
    }

    /// Sum of a piece of a file.
    pub(super) async fn of_piece(self, file: &Arc<File>, offset: u64, length: u64) -> Result<Sum> {
        let sum = read(file, offset, length, self.begin(), |sum, chunk| sum.update(chunk)).await?;
        Ok(Sum { bytes: sum.finalize().to_vec(), length })
    }

    /// Sum of the whole from those of its pieces, in order. `None` where they do not add up.
    pub(super) fn whole(self, pieces: impl IntoIterator<Item = Sum>) -> Option<Sum> {
        let algorithm = self.crc?;
        let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        let mut pieces = pieces.into_iter();
        let first = pieces.next()?;
        let width = first.bytes.len();
        let mut sum = (number(&first.bytes), first.length);
        for piece in pieces {
            sum = (checksum_combine(algorithm, sum.0, number(&piece.bytes), piece.length), sum.1 + piece.length);
        }
        let bytes = sum.0.to_be_bytes();
        Some(Sum { bytes: bytes[bytes.len() - width..].to_vec(), length: sum.1 })
    }

    /// S3's sum of sums of an object whose parts each have one: `…-3`.
    pub(super) fn of_sums<'s>(self, pieces: impl ExactSizeIterator<Item = &'s Sum>) -> String {
        let (mut sum, count) = (self.begin(), pieces.len());
        for piece in pieces {
            sum.update(&piece.bytes);
        }
        format!("{}-{count}", base64::encode(sum.finalize()))
    }
}

/// MD5 of a piece of a file, as an entity tag has it.
pub(super) async fn md5(file: &Arc<File>, offset: u64, length: u64) -> Result<String> {
    let digest = read(file, offset, length, Md5::new(), |digest, chunk| digest.update(chunk)).await?;
    Ok(hexadecimal(&digest.finalize()))
}

/// As digests are usually written.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Reads a piece of a file, chunk by chunk, on a thread that may wait for the disk.
async fn read<S: Send + 'static>(
    file: &Arc<File>,
    offset: u64,
    length: u64,
    mut state: S,
    mut each: impl FnMut(&mut S, &[u8]) + Send + 'static,
) -> Result<S> {
    let file = Arc::clone(file);
    let read = spawn_blocking(move || {
        let (mut chunk, mut at, end) = (vec![0; CHUNK], offset, offset + length);
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            disk::read_at(&file, &mut chunk[..wanted], at)?;
            each(&mut state, &chunk[..wanted]);
            at += wanted as u64;
        }
        io::Result::Ok(state)
    });
    let read = read.await.map_err(io::Error::other).flatten();
    read.map_err(|error| Error::internal(format!("the file could not be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_pieces_add_up_to_that_of_the_whole() {
        let text: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
        for algorithm in KNOWN {
            let pieces = text.chunks(7_777).map(|piece| algorithm.of_bytes(piece));
            match algorithm.whole(pieces) {
                Some(sum) => assert_eq!(sum, algorithm.of_bytes(&text), "{algorithm:?}"),
                None => assert!(!algorithm.adds_up(), "{algorithm:?}"),
            }
        }
        // The check value of the CRC catalogue.
        assert_eq!(base64::encode(OURS.of_bytes(b"123456789").bytes), "rosUhgp5mIg=");
    }
}
