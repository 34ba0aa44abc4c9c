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
    let mut runs = vec![Run::default(); choices.len()];
    for (kept, held) in &parts {
        for (at, choice) in choices.iter().enumerate() {
            // Late: what was tried has to do, and one thing is always tried.
            if runs[at].is_behind || (watch.is_late() && runs.iter().any(|run| run.weight > 0.0)) {
                continue;
            }
            let loss = choice.quick().fit(problem, kept, seed, watch).map(|fit| fit.loss(problem, held));
            match loss {
                Ok(loss) => runs[at].sum += loss * Fit::weigh(held),
                Err(error) if error.kind() == crate::ErrorKind::Cancelled => return Err(error),
                Err(_) => runs[at].sum += f64::INFINITY,
            }
            runs[at].weight += Fit::weigh(held);
        }
        fall_behind(&mut runs, choices);
    }
    let losses: Vec<f64> = runs.iter().map(Run::loss).collect();
    let mut order: Vec<usize> = (0..choices.len()).collect();
    // Those that fell behind were judged on fewer rows, maybe easier ones.
    order.sort_by(|&one, &other| {
        runs[one].is_behind.cmp(&runs[other].is_behind).then(losses[one].total_cmp(&losses[other]))
    });
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

/// By so much a choice may be worse than the best of its kind on the same rows, to be tried on further ones.
const BEHIND: f64 = 1.03;

/// What a choice came to so far.
#[derive(Debug, Clone, Default)]
struct Run {
    sum: f64,
    weight: f64,
    is_behind: bool,
}

impl Run {
    fn loss(&self) -> f64 {
        if self.weight > 0.0 { self.sum / self.weight } else { f64::INFINITY }
    }
}

/// Lets go of choices that are clearly worse than another of their kind.
fn fall_behind(runs: &mut [Run], choices: &[Choice]) {
    for at in 0..runs.len() {
        let alike = runs.iter().zip(choices).filter(|(run, other)| {
            !run.is_behind && run.weight >= runs[at].weight && other.algorithm() == choices[at].algorithm()
        });
        let least = alike.map(|(run, _)| run.loss()).fold(f64::INFINITY, f64::min);
        runs[at].is_behind |= runs[at].loss() > BEHIND * least;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_clearly_worse_than_its_like_is_tried_no_further() {
        let choices = [1.0, 10.0, 100.0].map(|l2| Choice::Linear { l2 });
        let run = |loss: f64| Run { sum: loss * 50.0, weight: 50.0, is_behind: false };
        let mut runs = [run(0.50), run(0.51), run(0.52)];
        fall_behind(&mut runs, &choices);
        assert_eq!(runs.clone().map(|run| run.is_behind), [false, false, true]);
        // The best of its kind stays, whatever it is.
        let mut alone = [run(9.0)];
        fall_behind(&mut alone, &choices[..1]);
        assert!(!alone[0].is_behind);
        let mut failed = [run(f64::INFINITY), run(0.4), Run::default()];
        fall_behind(&mut failed, &choices);
        assert_eq!(failed.map(|run| run.is_behind), [true, false, true]);
    }
}
