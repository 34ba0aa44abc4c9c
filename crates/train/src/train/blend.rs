//! Boosting and a linear model together: what one misses, the other may know.

use super::{
    Judged,
    fits::{Choice, Fit},
};
use crate::{Algorithm, Candidate, Note, NoteKind, learn::problem::Problem, model::ensemble::Tree};

/// Shares of boosting that are tried.
const SHARES: [f64; 7] = [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875];
/// By so much the loss has to fall: two models are harder to explain than one.
const WORTH: f64 = 0.99;

/// Two choices, and how they are weighted.
pub(super) struct Blend {
    pub(super) boosting: usize,
    pub(super) linear: usize,
    /// Of boosting.
    pub(super) share: f64,
    pub(super) scores: Vec<f64>,
    pub(super) loss: f64,
}

impl Judged {
    /// The best blend, if it is worth it.
    pub(super) fn blend(&mut self, problem: &Problem<'_>, choices: &[Choice], winner: usize) -> Option<Blend> {
        let find = |kind| choices.iter().position(|choice| choice.algorithm() == kind);
        let (boosting, linear) = (find(Algorithm::Boosting)?, find(Algorithm::Linear)?);
        let mixed = |share: f64| -> Vec<f64> {
            let pairs = self.scores[boosting].iter().zip(&self.scores[linear]);
            pairs.map(|(boosted, line)| share * boosted + (1.0 - share) * line).collect()
        };
        let tried = SHARES.map(|share| (self.loss(problem, &mixed(share)), share));
        let (loss, share) = tried.into_iter().min_by(|one, other| one.0.total_cmp(&other.0))?;
        if loss > WORTH * self.loss(problem, &self.scores[winner]) {
            return None;
        }
        let scores = mixed(share);
        let text = format!(
            "The model is a blend: {share} of boosting's score and {} of a linear model's, which together did better than either.",
            1.0 - share
        );
        self.notes.push(Note { kind: NoteKind::Choice, column: None, text });
        Some(Blend { boosting, linear, share, scores, loss })
    }
}

/// Notes the blend among what was tried.
pub(super) fn told(boosting: &Choice, loss: f64, candidates: &mut Vec<Candidate>) {
    for candidate in candidates.iter_mut() {
        candidate.chosen = false;
    }
    let hyperparameters = boosting.hyperparameters();
    candidates.push(Candidate { algorithm: Algorithm::Blend, hyperparameters, loss, chosen: true });
}

/// Both models as one.
pub(super) fn mixed(mut boosted: Fit, mut linear: Fit, share: f64) -> Fit {
    boosted.ensemble.trees.iter_mut().for_each(|tree| scale(tree, share));
    linear.ensemble.trees.iter_mut().for_each(|tree| scale(tree, 1.0 - share));
    let parts = |importance: &[f64], share: f64| -> Vec<f64> {
        let sum: f64 = importance.iter().sum();
        importance.iter().map(|weight| if sum > 0.0 { share * weight / sum } else { 0.0 }).collect()
    };
    let (trees, lines) = (parts(&boosted.importance, share), parts(&linear.importance, 1.0 - share));
    boosted.importance = trees.iter().zip(lines).map(|(tree, line)| tree + line).collect();
    boosted.ensemble.trees.append(&mut linear.ensemble.trees);
    // Those of all rows: boosting may have set some aside.
    boosted.features = linear.features;
    boosted.rows = boosted.rows.max(linear.rows);
    boosted
}

fn scale(tree: &mut Tree, by: f64) {
    tree.nodes.iter_mut().for_each(|node| node.value *= by);
    for leaf in &mut tree.leaves {
        leaf.value *= by;
        leaf.constant *= by;
        leaf.terms.iter_mut().for_each(|term| term.1 *= by);
    }
}
