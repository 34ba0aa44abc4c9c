//! From a frame and a spec to a model and a report.

mod blend;
mod cost;
mod fits;
mod presets;
mod search;
mod verdict;

pub use self::cost::{Cost, Size, cost};
use self::fits::{Choice, Fit};
use crate::{
    Algorithm, Baseline, Error, Frame, Hyperparameters, Importance, Metric, Model, Note, NoteKind, Observer, Outcome,
    Phase, Preset, Report, Rows, Spec, Task,
    learn::{
        boosting::loss,
        clusters, encoding, number,
        problem::{Problem, Target},
        split, warnings,
        watch::Watch,
    },
    metrics,
    model::{
        Metadata,
        ensemble::{Ensemble, Objective},
    },
};

/// Up to so many rows, folds judge the model.
const FOLDED: usize = 5_000;

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The model.
    pub model: Model,
    /// How good it is, and what to know about it.
    pub report: Report,
}

/// Learns. The same frame and spec give the same model and report to the bit, with any number of threads.
pub fn train(spec: &Spec, frame: &Frame, observer: &mut dyn Observer) -> Result<Trained, Error> {
    spec.check()?;
    let mut watch = Watch::new(observer, &spec.limits);
    watch.phase(Phase::Preparing)?;
    let problem = Problem::new(spec, frame)?;
    enough_memory(spec, &problem)?;
    if problem.task == Task::Clustering {
        cluster(spec, &problem, &mut watch)
    } else {
        supervise(spec, &problem, &mut watch)
    }
}

/// About what bins, scores and slopes will take.
fn enough_memory(spec: &Spec, problem: &Problem<'_>) -> Result<(), Error> {
    let needed = problem.len() as u64 * (problem.inputs.len() as u64 * 6 + problem.outputs() as u64 * 48 + 32);
    match spec.limits.memory_bytes {
        Some(limit) if needed > limit => {
            let message = format!("about {needed} bytes are needed beside the data, and {limit} are allowed");
            Err(Error::new(crate::ErrorKind::Limit, message)
                .hint("raise memory_bytes, or train on fewer rows or columns"))
        }
        _ => Ok(()),
    }
}

fn supervise(spec: &Spec, problem: &Problem<'_>, watch: &mut Watch<'_>) -> Result<Trained, Error> {
    let rows: Vec<usize> = (0..problem.len()).collect();
    let folds = match spec.validation.folds {
        0 if problem.len() <= FOLDED && spec.preset != Preset::Fast => 5,
        folds => folds,
    };
    let parts = if folds == 0 {
        vec![split::hold_out(&problem.target, &rows, spec.validation.fraction, spec.seed)]
    } else {
        split::folds(&problem.target, &rows, folds, spec.seed)
    };
    let mut choices = presets::choices(spec, problem.task, problem.len());
    let mut candidates = Vec::new();
    let tried = choices.len();
    if spec.preset == Preset::Best {
        let searched = if folds == 0 { &parts[0].0 } else { &rows };
        (choices, candidates) = search::search(spec, problem, searched, &choices, watch)?;
    }
    let refits = folds > 0 || spec.preset == Preset::Best;
    watch.plan(parts.len() + usize::from(refits));
    watch.phase(Phase::Evaluating)?;
    let mut judged = Judged::new(problem, &mut choices, &parts, spec, watch)?;
    let winner = judged.winner(problem);
    if candidates.is_empty() && choices.len() > 1 {
        candidates = judged.compared(problem, &choices, winner);
    }
    let evaluated = judged.rows.clone();
    let boosted = choices.iter().position(|choice| choice.algorithm() == Algorithm::Boosting).unwrap_or(winner);
    let curve = judged.fits[boosted].first().map(|fit| fit.curve.clone()).unwrap_or_default();
    let refit = |at: usize, judged: &mut Judged, watch: &mut Watch<'_>| {
        if refits || choices[at].algorithm() == Algorithm::Linear {
            watch.phase(Phase::Fitting)?;
            // From here on only their rounds are asked for; trees would be held twice.
            judged.fits.iter_mut().flatten().for_each(|fit| fit.ensemble.trees = Vec::new());
            choices[at].refit(problem, &rows, &judged.fits[at], spec.seed, watch)
        } else {
            Ok(judged.fits[at].swap_remove(0))
        }
    };
    let blend = if spec.preset == Preset::Best { judged.blend(problem, &choices, winner) } else { None };
    let (fit, winner, algorithm) = match blend {
        Some(blend) => {
            let boosted = refit(blend.boosting, &mut judged, watch)?;
            let linear = refit(blend.linear, &mut judged, watch)?;
            judged.scores.push(blend.scores);
            blend::told(&choices[blend.boosting], blend.loss, &mut candidates);
            (blend::mixed(boosted, linear, blend.share), judged.scores.len() - 1, Algorithm::Blend)
        }
        None => (refit(winner, &mut judged, watch)?, winner, choices[winner].algorithm()),
    };
    let curve = if algorithm == Algorithm::Linear { Vec::new() } else { curve };
    let hyperparameters = choices[if algorithm == Algorithm::Blend { boosted } else { winner }].hyperparameters();
    watch.phase(Phase::Measuring)?;
    let measured = judged.measure(problem, winner, spec.seed);
    let baselines = judged.baselines(problem, spec.seed);
    let mut notes = problem.notes.clone();
    notes.extend(warnings::leaks(problem));
    notes.append(&mut judged.notes);
    let verdict = verdict::verdict(algorithm, &measured, &baselines, &mut notes);
    if tried > 3 && folds > 0 {
        notes.push(Note { kind: NoteKind::Caution, column: None, text: format!("{tried} settings were compared on other folds of the same rows, so the figures are a little better than new rows will be.") });
    }
    let importance = importance(problem, &fit);
    let (confusion, calibration) = match &problem.target {
        Target::Classes { names, .. } => {
            let (truth, chances) = judged.classes(problem, winner);
            (Some(metrics::confusion(&truth, &chances, names)), metrics::calibration(&truth, &chances, names.len()))
        }
        Target::Numbers(_) | Target::None => (None, Vec::new()),
    };
    let report = Report {
        task: problem.task,
        algorithm,
        hyperparameters,
        target: spec.target.clone(),
        features: problem.inputs.iter().map(|input| input.name.to_owned()).collect(),
        rows: Rows {
            total: problem.total,
            without_target: problem.total - problem.len(),
            trained: fit.rows,
            evaluated: evaluated.len(),
            folds,
        },
        rounds: fit.rounds,
        metrics: measured,
        baselines,
        importance,
        learning_curve: curve,
        confusion,
        calibration,
        candidates,
        verdict,
        notes,
    };
    Ok(Trained { model: model(spec, problem, &report, fit), report })
}

fn model(spec: &Spec, problem: &Problem<'_>, report: &Report, fit: Fit) -> Model {
    let metadata = Metadata::new(report, spec.seed, problem.classes().to_vec(), fit.features);
    Model { metadata, ensemble: fit.ensemble }
}

fn cluster(spec: &Spec, problem: &Problem<'_>, watch: &mut Watch<'_>) -> Result<Trained, Error> {
    let rows: Vec<usize> = (0..problem.len()).collect();
    let features = encoding::features(problem, &rows);
    watch.phase(Phase::Fitting)?;
    let found = clusters::fit(problem, &features, spec.hyperparameters.clusters, spec.seed, watch)?;
    let plain = |name: &str, value, higher_is_better| Metric {
        name: name.to_owned(),
        value,
        low: None,
        high: None,
        higher_is_better,
    };
    let ensemble =
        Ensemble { objective: Objective::Multiclass(found.clusters), features: features.len(), trees: found.trees };
    let fit = Fit { ensemble, features, importance: found.importance, rounds: 0, curve: Vec::new(), rows: found.rows };
    let report = Report {
        task: Task::Clustering,
        algorithm: Algorithm::KMeans,
        hyperparameters: Hyperparameters { clusters: Some(found.clusters), ..Hyperparameters::default() },
        target: None,
        features: problem.inputs.iter().map(|input| input.name.to_owned()).collect(),
        rows: Rows { total: problem.total, without_target: 0, trained: found.rows, evaluated: found.rows, folds: 0 },
        rounds: 0,
        metrics: vec![plain("silhouette", found.silhouette, true), plain("inertia", found.inertia, false)],
        baselines: Vec::new(),
        importance: importance(problem, &fit),
        learning_curve: Vec::new(),
        confusion: None,
        calibration: Vec::new(),
        candidates: found.candidates,
        verdict: verdict::clusters(found.clusters, found.silhouette),
        notes: problem.notes.clone(),
    };
    Ok(Trained { model: model(spec, problem, &report, fit), report })
}

/// By share, largest first.
fn importance(problem: &Problem<'_>, fit: &Fit) -> Vec<Importance> {
    let mut splits = vec![0; problem.inputs.len()];
    fit.ensemble.trees.iter().flat_map(|tree| &tree.nodes).for_each(|node| splits[node.feature] += 1);
    let total: f64 = fit.importance.iter().sum();
    let shares = fit.importance.iter().map(|weight| if total > 0.0 { weight / total } else { 0.0 });
    let inputs = problem.inputs.iter().zip(shares).zip(splits);
    let mut all: Vec<Importance> =
        inputs.map(|((input, share), splits)| Importance { feature: input.name.to_owned(), share, splits }).collect();
    all.sort_by(|one, other| other.share.total_cmp(&one.share));
    all
}

/// Every choice, judged on rows that it had not seen.
struct Judged {
    /// Rows in the order of the scores.
    rows: Vec<usize>,
    /// By choice, then part.
    fits: Vec<Vec<Fit>>,
    /// By choice.
    scores: Vec<Vec<f64>>,
    mean: Vec<f64>,
    linear: Option<Vec<f64>>,
    notes: Vec<Note>,
}

impl Judged {
    /// A choice that cannot be learnt is taken out, as long as another one can.
    fn new(
        problem: &Problem<'_>,
        choices: &mut Vec<Choice>,
        parts: &[(Vec<usize>, Vec<usize>)],
        spec: &Spec,
        watch: &mut Watch<'_>,
    ) -> Result<Self, Error> {
        let none = || choices.iter().map(|_| Vec::new()).collect();
        let mut judged = Self {
            rows: Vec::new(),
            fits: none(),
            scores: choices.iter().map(|_| Vec::new()).collect(),
            mean: Vec::new(),
            linear: Some(Vec::new()),
            notes: Vec::new(),
        };
        for (kept, held) in parts {
            let mut at = 0;
            while at < choices.len() {
                match choices[at].fit(problem, kept, spec.seed, watch) {
                    Ok(fit) => {
                        judged.scores[at].extend(fit.scores(problem, held));
                        judged.fits[at].push(fit);
                        at += 1;
                    }
                    Err(error) if error.kind() == crate::ErrorKind::Cancelled || choices.len() == 1 => {
                        return Err(error);
                    }
                    Err(error) => judged.without(choices, at, &error),
                }
            }
            judged.mean.extend(fits::mean(problem, kept).repeat(held.len()));
            let known = choices.iter().any(|choice| choice.algorithm() == Algorithm::Linear);
            // The linear choice is the linear baseline.
            if !known && judged.linear.is_some() {
                match fits::baseline(problem, kept, spec.seed) {
                    Ok(fit) => judged.linear.iter_mut().for_each(|scores| scores.extend(fit.scores(problem, held))),
                    Err(error) => judged.no_line(&error),
                }
            }
            judged.rows.extend(held);
        }
        if let Some(at) = choices.iter().position(|choice| choice.algorithm() == Algorithm::Linear) {
            judged.linear = Some(judged.scores[at].clone());
        }
        Ok(judged)
    }

    /// Takes a choice out.
    fn without(&mut self, choices: &mut Vec<Choice>, at: usize, error: &Error) {
        let choice = choices.remove(at);
        self.fits.remove(at);
        self.scores.remove(at);
        if choice.algorithm() == Algorithm::Linear {
            self.no_line(error);
        } else {
            let text = format!("{} could not be learnt, and was left out: {error}.", choice.algorithm().name());
            self.notes.push(Note { kind: NoteKind::Caution, column: None, text });
        }
    }

    fn no_line(&mut self, error: &Error) {
        self.linear = None;
        let text = format!("There is no linear model to compare with: {error}.");
        self.notes.push(Note { kind: NoteKind::Caution, column: None, text });
    }

    fn loss(&self, problem: &Problem<'_>, scores: &[f64]) -> f64 {
        loss(&problem.target, &self.rows, scores, problem.outputs())
    }

    fn winner(&self, problem: &Problem<'_>) -> usize {
        let losses: Vec<f64> = self.scores.iter().map(|scores| -self.loss(problem, scores)).collect();
        crate::model::largest(&losses)
    }

    fn compared(&self, problem: &Problem<'_>, choices: &[Choice], winner: usize) -> Vec<crate::Candidate> {
        let scored = choices.iter().zip(&self.scores).enumerate();
        scored.map(|(at, (choice, scores))| choice.candidate(self.loss(problem, scores), at == winner)).collect()
    }

    fn classes(&self, problem: &Problem<'_>, choice: usize) -> (Vec<u32>, Vec<f64>) {
        (self.truth(problem), Self::chances(problem, &self.scores[choice]))
    }

    fn truth(&self, problem: &Problem<'_>) -> Vec<u32> {
        match &problem.target {
            Target::Classes { codes, .. } => self.rows.iter().map(|&row| codes[row]).collect(),
            Target::Numbers(_) | Target::None => Vec::new(),
        }
    }

    /// Probabilities of all classes.
    fn chances(problem: &Problem<'_>, scores: &[f64]) -> Vec<f64> {
        let outputs = problem.outputs();
        let mut chances = scores.to_vec();
        if outputs == 1 {
            return chances
                .into_iter()
                .map(crate::model::ensemble::logistic)
                .flat_map(|second| [1.0 - second, second])
                .collect();
        }
        chances.chunks_mut(outputs).for_each(crate::model::ensemble::softmax);
        chances
    }

    fn metrics(&self, problem: &Problem<'_>, scores: &[f64], seed: u64) -> Vec<Metric> {
        match &problem.target {
            Target::Numbers(values) => {
                let truth: Vec<f64> = self.rows.iter().map(|&row| values[row]).collect();
                metrics::regression(&truth, scores, seed)
            }
            Target::Classes { names, .. } => {
                metrics::classification(&self.truth(problem), &Self::chances(problem, scores), names.len(), seed)
            }
            Target::None => Vec::new(),
        }
    }

    fn measure(&self, problem: &Problem<'_>, choice: usize, seed: u64) -> Vec<Metric> {
        self.metrics(problem, &self.scores[choice], seed)
    }

    fn baselines(&self, problem: &Problem<'_>, seed: u64) -> Vec<Baseline> {
        let named = |name: &str, scores: &[f64]| Baseline {
            name: name.to_owned(),
            metrics: self.metrics(problem, scores, seed),
        };
        let mut all = vec![named("mean", &self.mean)];
        all.extend(self.linear.as_ref().map(|scores| named("linear", scores)));
        all
    }
}

/// What a prediction says, for callers who compare it with the truth.
impl From<Outcome> for Vec<f64> {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Numbers(values) => values,
            Outcome::Classes { probabilities, .. } => probabilities,
            Outcome::Clusters(clusters) => clusters.into_iter().map(number).collect(),
        }
    }
}
