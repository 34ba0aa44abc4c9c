//! Packages of code: ZIP archives, written for the sandbox's own programs, looked into for those of others.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::Crc;
use sha2::{Digest, Sha256};

const FILE: u32 = 0x0403_4b50;
const ENTRY: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// Bytes of the records without the names that follow them.
const ENTRY_BYTES: usize = 46;
const END_BYTES: usize = 22;
/// The first of January 1980, where the dates of archives begin: the same content makes the same archive.
const DATE: u16 = 0x21;
/// Version 2.0 of the format.
const VERSION: u16 = 20;

/// An archive of one file that is not compressed.
pub(in crate::aws::services) fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(content);
    let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
    let shorts = |bytes: &mut Vec<u8>, values: &[u16]| values.iter().for_each(|it| bytes.extend(it.to_le_bytes()));
    let longs = |bytes: &mut Vec<u8>, values: &[u32]| values.iter().for_each(|it| bytes.extend(it.to_le_bytes()));
    let mut bytes = Vec::new();
    longs(&mut bytes, &[FILE]);
    shorts(&mut bytes, &[VERSION, 0, 0, 0, DATE]);
    longs(&mut bytes, &[crc.sum(), size, size]);
    shorts(&mut bytes, &[length, 0]);
    bytes.extend(name.as_bytes());
    bytes.extend(content);
    let start = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    longs(&mut bytes, &[ENTRY]);
    shorts(&mut bytes, &[VERSION, VERSION, 0, 0, 0, DATE]);
    longs(&mut bytes, &[crc.sum(), size, size]);
    shorts(&mut bytes, &[length, 0, 0, 0, 0]);
    longs(&mut bytes, &[0, 0]);
    bytes.extend(name.as_bytes());
    let long = u32::try_from(bytes.len()).unwrap_or(u32::MAX) - start;
    longs(&mut bytes, &[END]);
    shorts(&mut bytes, &[0, 0, 1, 1]);
    longs(&mut bytes, &[long, start]);
    shorts(&mut bytes, &[0]);
    bytes
}

/// The bytes that an archive says it unpacks to; nothing for what is no archive.
pub(super) fn unpacked(bytes: &[u8]) -> Option<u64> {
    let end = (0..=bytes.len().checked_sub(END_BYTES)?).rev().take(END_BYTES + usize::from(u16::MAX));
    let end = end.into_iter().find(|at| long(bytes, *at) == Some(END))?;
    let (count, mut at) = (short(bytes, end + 10)?, usize::try_from(long(bytes, end + 16)?).ok()?);
    let mut sum = 0;
    for _ in 0..count {
        if long(bytes, at)? != ENTRY {
            return None;
        }
        sum += u64::from(long(bytes, at + 24)?);
        let names = [28, 30, 32].into_iter().map(|member| short(bytes, at + member).map(usize::from));
        at += ENTRY_BYTES + names.sum::<Option<usize>>()?;
    }
    Some(sum)
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// The digest by which Lambda knows code.
pub(super) fn sha256(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_says_what_it_unpacks_to() {
        let archive = archive("bootstrap", b"hello");
        assert_eq!(unpacked(&archive), Some(5));
        assert_eq!(&archive[..4], b"PK\x03\x04");
        for end in 0..archive.len() {
            assert_eq!(unpacked(&archive[..end]), None, "cut at {end}");
        }
        assert_eq!(unpacked(b"no archive, though as long as one would have to be"), None);
    }

    #[test]
    fn an_archive_that_points_beyond_its_end_is_none() {
        let mut archive = archive("bootstrap", b"hello");
        let at = archive.len() - 6;
        archive[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(unpacked(&archive), None);
    }
}
