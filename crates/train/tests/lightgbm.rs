//! LightGBM's own core as the engine: `cargo test -p trainyard-train --features lightgbm --test lightgbm`.

#![cfg(feature = "lightgbm")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::ops::ControlFlow;

use trainyard_train::{
    Algorithm, Cell, Engine, ErrorKind, Frame, FrameBuilder, Hyperparameters, Kind, Model, Observer, Outcome, Preset,
    Progress, Spec, Trained, train,
};

fn noise(seed: usize) -> f64 {
    let mixed = (seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    f64::from((mixed >> 40) as u32) / f64::from(1_u32 << 24)
}

/// A number and a category that matter, both missing at times, and a target of each kind.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 11")]
fn frame(rows: usize) -> Frame {
    let columns = [
        ("amount", Kind::Numeric),
        ("city of birth", Kind::Category),
        ("price", Kind::Numeric),
        ("bought", Kind::Boolean),
        ("size", Kind::Category),
    ];
    let mut builder = FrameBuilder::new(columns.map(|(name, kind)| (name.to_owned(), kind)));
    for row in 0..rows {
        let (amount, city) = (noise(row * 5), (noise(row * 5 + 1) * 12.0) as usize);
        let price = 3.0 * amount + [2.0, -1.0, 0.5][city % 3] * 2.0 + 0.2 * noise(row * 5 + 2);
        let (city, lost) = (format!("city {city}"), |place: usize| noise(row * 5 + 3 + place) < 0.05);
        builder.push(0, if lost(0) { Cell::Missing } else { Cell::Number(amount) }).unwrap();
        builder.push(1, if lost(1) { Cell::Missing } else { Cell::Text(&city) }).unwrap();
        builder.push(2, Cell::Number(1e6 + price)).unwrap();
        builder.push(3, Cell::Boolean(price > 2.0)).unwrap();
        let size = if price > 4.0 { "large" } else { ["small", "middle"][usize::from(price > 1.0)] };
        builder.push(4, Cell::Text(size)).unwrap();
    }
    builder.finish().unwrap()
}

fn spec(target: &str, algorithm: Algorithm, preset: Preset) -> Spec {
    let features = Some(["amount", "city of birth"].map(str::to_owned).to_vec());
    let hyperparameters = Hyperparameters { rounds: Some(80), ..Hyperparameters::default() };
    let target = Some(target.to_owned());
    Spec { target, features, algorithm, preset, engine: Engine::LightGbm, hyperparameters, ..Spec::default() }
}

fn value(trained: &Trained, name: &str) -> f64 {
    trained.report.metrics.iter().find(|metric| metric.name == name).unwrap().value
}

#[test]
fn each_task_is_learnt_the_same_twice_and_read_back_to_the_bit() {
    let data = frame(1_200);
    for algorithm in [Algorithm::Boosting, Algorithm::Forest] {
        for (target, metric, least) in [("price", "r2", 0.8), ("bought", "accuracy", 0.85), ("size", "accuracy", 0.85)]
        {
            for preset in [Preset::Fast, Preset::Balanced] {
                let asked = spec(target, algorithm, preset);
                let trained = train(&asked, &data, &mut ()).unwrap();
                let what = format!("{algorithm:?} {target} {preset:?}");
                assert_eq!(trained.report.algorithm, algorithm, "{what}");
                assert!(value(&trained, metric) > least, "{what}: {:?}", trained.report.metrics);
                assert_eq!(trained, train(&asked, &data, &mut ()).unwrap(), "{what}");
                let folder = tempfile::tempdir().unwrap();
                trained.model.save(folder.path()).unwrap();
                let back = Model::load(folder.path()).unwrap();
                assert_eq!(back.predict(&data).unwrap(), trained.model.predict(&data).unwrap(), "{what}");
                let sets = trained.model.to_text().contains("cat_threshold=");
                assert!(sets, "{what}: tests of categories are sets");
            }
        }
    }
}

#[test]
fn both_engines_come_to_the_same_quality() {
    let data = frame(4_000);
    for (target, metric) in [("price", "rmse"), ("bought", "log_loss"), ("size", "log_loss")] {
        let theirs = spec(target, Algorithm::Boosting, Preset::Fast);
        let ours = Spec { engine: Engine::Forust, ..theirs.clone() };
        let [theirs, ours] = [theirs, ours].map(|spec| value(&train(&spec, &data, &mut ()).unwrap(), metric));
        assert!(theirs < ours * 1.25 && ours < theirs * 1.25, "{target}: {theirs} with LightGBM, {ours} with forust");
    }
}

#[test]
fn quantities_far_from_zero_keep_their_digits() {
    let data = frame(1_200);
    let model = train(&spec("price", Algorithm::Forest, Preset::Fast), &data, &mut ()).unwrap().model;
    let Outcome::Numbers(values) = model.predict(&data).unwrap().outcome else { panic!("quantities") };
    let spread = values.iter().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
    assert!(spread.1 - spread.0 > 2.0 && spread.0 > 999_990.0 && spread.1 < 1_000_010.0, "{spread:?}");
}

#[test]
fn it_stops_when_it_is_told_to_and_when_nothing_gets_better() {
    struct Stop(usize);
    impl Observer for Stop {
        fn progress(&mut self, progress: &Progress<'_>) -> ControlFlow<()> {
            self.0 = self.0.max(progress.round);
            if progress.round >= 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    let data = frame(600);
    for (algorithm, most) in [(Algorithm::Boosting, 3), (Algorithm::Forest, 20)] {
        let mut stop = Stop(0);
        let error = train(&spec("size", algorithm, Preset::Fast), &data, &mut stop).unwrap_err();
        assert_eq!((error.kind(), stop.0), (ErrorKind::Cancelled, most));
    }
    let mut patient = spec("bought", Algorithm::Boosting, Preset::Fast);
    patient.hyperparameters.rounds = Some(2_000);
    patient.early_stopping = Some(5);
    let trained = train(&patient, &data, &mut ()).unwrap();
    let judged = trained.report.learning_curve.last().unwrap();
    assert!(trained.report.rounds < 1_000 && judged.validation_loss.is_some(), "{} rounds", trained.report.rounds);
}

#[test]
fn a_forest_wants_samples_of_the_rows() {
    let mut all = spec("price", Algorithm::Forest, Preset::Fast);
    all.hyperparameters.row_sample = Some(1.0);
    assert_eq!(train(&all, &frame(300), &mut ()).unwrap_err().kind(), ErrorKind::Spec);
}
