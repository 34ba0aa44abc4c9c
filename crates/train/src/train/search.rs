//! Comparing settings on rows that they have not seen; the rows that the report is of are not among them where rows are held
//! out.

use super::{
    FOLDED,
    fits::{Choice, Fit},
};
use crate::{
    Algorithm, Candidate, Error, Phase, Spec,
    learn::{problem::Problem, split, watch::Watch},
};

/// The best of each kind, best first, and everything that was tried.
pub(super) fn search(
    spec: &Spec,
    problem: &Problem<'_>,
    rows: &[usize],
    choices: &[Choice],
    watch: &mut Watch<'_>,
) -> Result<(Vec<Choice>, Vec<Candidate>), Error> {
    let seed = spec.seed.wrapping_add(1);
    let parts = if rows.len() <= FOLDED {
        split::folds(&problem.target, rows, 3, seed)
    } else {
        vec![split::hold_out(&problem.target, rows, 0.15, seed)]
    };
    watch.plan(choices.len() * parts.len() + parts.len() + 1);
    watch.phase(Phase::Searching)?;
    let mut losses = Vec::new();
    for choice in choices {
        // Late: what was tried has to do, and one thing is always tried.
        if watch.is_late() && !losses.is_empty() {
            losses.push(f64::INFINITY);
            continue;
        }
        let (mut sum, mut weight) = (0.0, 0.0);
        for (kept, held) in &parts {
            let loss = choice.fit(problem, kept, seed, watch).map(|fit| fit.loss(problem, held));
            match loss {
                Ok(loss) => sum += loss * Fit::weigh(held),
                Err(error) if error.kind() == crate::ErrorKind::Cancelled => return Err(error),
                Err(_) => sum += f64::INFINITY,
            }
            weight += Fit::weigh(held);
        }
        losses.push(sum / weight);
    }
    let mut order: Vec<usize> = (0..choices.len()).collect();
    order.sort_by(|&one, &other| losses[one].total_cmp(&losses[other]));
    let best = order[0];
    let mut kept = vec![choices[best].clone()];
    // The other kind is judged as well where either would do, or both together.
    let other = order.iter().find(|&&at| choices[at].algorithm() != choices[best].algorithm());
    if let (Algorithm::Auto, Some(&other)) = (spec.algorithm, other)
        && losses[other].is_finite()
        && losses[other] < 3.0 * losses[best]
    {
        kept.push(choices[other].clone());
    }
    let tried = choices.iter().zip(&losses).enumerate().filter(|(_, (_, loss))| loss.is_finite());
    let candidates = tried.map(|(at, (choice, loss))| choice.candidate(*loss, at == best)).collect();
    Ok((kept, candidates))
}
