//! Names and numbers that look random and are the same for the same seed.

/// A generator by Steele, Lea and Flood ("split mix").
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

/// Letters that form no words, and digits that look like no letter.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// A UUID of version 4.
    pub(crate) fn uid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }

    /// The end of a generated name.
    pub(crate) fn suffix(&mut self) -> String {
        (0..5).map(|_| letter(self.next())).collect()
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn letter(number: u64) -> char {
    let many = ALPHABET.len() as u64;
    // Below the length of the alphabet, so it fits.
    char::from(ALPHABET[usize::try_from(number % many).unwrap_or(0)])
}

/// The same number for the same words (Fowler, Noll and Vo's hash, mixed).
pub(crate) fn digest(words: &[&str]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in words.iter().flat_map(|word| word.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    mix(hash)
}

/// A short name made of the same words: the hash of a pod template.
pub(crate) fn short(words: &[&str]) -> String {
    let mut number = digest(words);
    let mut name = String::new();
    for _ in 0..10 {
        name.push(letter(number));
        number /= ALPHABET.len() as u64;
    }
    name
}
