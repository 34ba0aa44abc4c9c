//! Which rows are learnt from, and which are for judging. Classes keep their shares in every part.

use rand_xoshiro::{
    Xoshiro256Plus,
    rand_core::{RngCore, SeedableRng},
};

use super::{number, problem::Target};

/// A source of random choices. `purpose` keeps choices for different things apart.
pub(crate) fn random(seed: u64, purpose: u64) -> Xoshiro256Plus {
    Xoshiro256Plus::seed_from_u64(seed ^ purpose.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// A number below `below`. The bias is below 2^-32 for any number of rows that fits into memory.
pub(crate) fn below(random: &mut (impl RngCore + ?Sized), below: usize) -> usize {
    let product = u128::from(random.next_u64()) * below as u128;
    usize::try_from(product >> 64).unwrap_or(0)
}

pub(crate) fn shuffle(items: &mut [usize], random: &mut impl RngCore) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(random, last + 1));
    }
}

/// Rows by class (one group for other tasks), each group shuffled.
fn groups(target: &Target, rows: &[usize], random: &mut impl RngCore) -> Vec<Vec<usize>> {
    let mut groups = match target {
        Target::Classes { names, codes } => {
            let mut groups = vec![Vec::new(); names.len()];
            for &row in rows {
                groups[codes[row] as usize].push(row);
            }
            groups
        }
        Target::Numbers(_) | Target::None => vec![rows.to_vec()],
    };
    for group in &mut groups {
        shuffle(group, random);
    }
    groups
}

/// Rows to learn from, and held-out rows; both in ascending order.
pub(crate) fn hold_out(target: &Target, rows: &[usize], fraction: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut random = random(seed, 1);
    let (mut kept, mut held) = (Vec::new(), Vec::new());
    for group in groups(target, rows, &mut random) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
        let count = (number(group.len()) * fraction).round() as usize;
        held.extend(&group[..count]);
        kept.extend(&group[count..]);
    }
    kept.sort_unstable();
    held.sort_unstable();
    (kept, held)
}

/// Pairs of rows to learn from and rows to judge by; each row is judged once.
pub(crate) fn folds(target: &Target, rows: &[usize], count: usize, seed: u64) -> Vec<(Vec<usize>, Vec<usize>)> {
    let mut random = random(seed, 2);
    let dealt = groups(target, rows, &mut random).into_iter().flatten();
    let mut parts = vec![Vec::new(); count];
    for (at, row) in dealt.enumerate() {
        parts[at % count].push(row);
    }
    parts
        .iter()
        .enumerate()
        .map(|(fold, part)| {
            let others = parts.iter().enumerate().filter(|(other, _)| *other != fold);
            let mut kept: Vec<usize> = others.flat_map(|(_, part)| part).copied().collect();
            let mut held = part.clone();
            kept.sort_unstable();
            held.sort_unstable();
            (kept, held)
        })
        .collect()
}
