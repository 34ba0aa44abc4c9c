//! Bodies that come compressed, or in pieces with checksums between them.

use std::{borrow::Cow, io::Read};

use flate2::read::GzDecoder;

use super::Request;

/// Largest body once it is unpacked.
const MOST: u64 = 256 << 20;

/// A request whose body is what was meant.
pub(super) fn unwrapped(request: &Request) -> Result<Cow<'_, Request>, String> {
    let mut codings: Vec<&str> =
        request.header("content-encoding").unwrap_or_default().split(',').map(str::trim).collect();
    let streamed = request.header("x-amz-content-sha256").is_some_and(|sum| sum.starts_with("STREAMING-"));
    if !streamed && !codings.contains(&"aws-chunked") && !codings.contains(&"gzip") {
        return Ok(Cow::Borrowed(request));
    }
    let mut unwrapped = request.clone();
    if streamed || codings.contains(&"aws-chunked") {
        let (body, trailer) = joined(&request.body).ok_or("the body is not in the pieces that aws-chunked wants")?;
        unwrapped.body = body;
        // What follows a body says of it what headers would have said.
        unwrapped.headers.extend(trailer);
    }
    // What S3 keeps compressed stays so; there the coding is a member of the input.
    if codings.contains(&"gzip") && !request.method.eq_ignore_ascii_case("PUT") {
        let mut plain = Vec::new();
        let read = GzDecoder::new(unwrapped.body.as_slice()).take(MOST).read_to_end(&mut plain);
        read.map_err(|error| format!("the body is not in gzip: {error}"))?;
        unwrapped.body = plain;
        codings.retain(|coding| *coding != "gzip");
    }
    codings.retain(|coding| *coding != "aws-chunked");
    let rest = codings.join(",");
    unwrapped.headers.retain(|(name, _)| name != "content-encoding");
    if !rest.is_empty() {
        unwrapped.headers.push(("content-encoding".to_owned(), rest));
    }
    Ok(Cow::Owned(unwrapped))
}

/// A body, and the headers that follow it.
type Joined = (Vec<u8>, Vec<(String, String)>);

/// `LENGTH[;chunk-signature=…]`, that many bytes, and so on until a piece of length 0; then headers.
fn joined(mut body: &[u8]) -> Option<Joined> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|pair| pair == b"\r\n")?;
        let head = std::str::from_utf8(&body[..end]).ok()?;
        let length = usize::from_str_radix(head.split(';').next()?.trim(), 16).ok()?;
        let start = end + 2;
        if length == 0 {
            return Some((whole, trailer(&body[start..])?));
        }
        whole.extend_from_slice(body.get(start..start.checked_add(length)?)?);
        body = body.get(start + length + 2..)?;
    }
}

/// `name:value` of each line.
fn trailer(text: &[u8]) -> Option<Vec<(String, String)>> {
    let lines = std::str::from_utf8(text).ok()?.lines().filter(|line| !line.is_empty());
    lines.map(|line| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_joined_and_what_follows_them_is_read() {
        let body = b"4;chunk-signature=ab\r\nwiki\r\n5\r\npedia\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
        let sum = ("x-amz-checksum-crc32".to_owned(), "AAAAAA==".to_owned());
        assert_eq!(joined(body), Some((b"wikipedia".to_vec(), vec![sum])));
        assert_eq!(joined(b"1\r\na\r\n0\r\n\r\n"), Some((b"a".to_vec(), Vec::new())));
        for broken in ["", "4\r\nwi", "g\r\n", "4\r\nwiki", "ffffffffffffffff\r\nwiki\r\n", "0\r\nno header\r\n"] {
            assert_eq!(joined(broken.as_bytes()), None, "{broken}");
        }
    }
}
