//! Training as a caller sees it: what comes out, what is refused, and that it is the same twice.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::HashMap, fmt::Write, ops::ControlFlow, time::Duration};

use proptest::prelude::*;
use trainyard_train::{
    Algorithm, Candidate, Cell, Column, ErrorKind, Frame, FrameBuilder, Hyperparameters, Kind, Model, NoteKind,
    Observer, Outcome, Preset, Progress, Spec, Task, Values, train,
};

/// Numbers that look random and are always the same.
fn noise(seed: usize) -> f64 {
    let mixed = (seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    f64::from((mixed >> 40) as u32) / f64::from(1_u32 << 24)
}

/// A number, a category and a yes/no, each missing at times, and a target of each kind.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 7")]
fn frame(rows: usize) -> Frame {
    let columns = [
        ("amount", Kind::Numeric),
        ("city of birth", Kind::Category),
        ("member", Kind::Boolean),
        ("price", Kind::Numeric),
        ("bought", Kind::Category),
        ("size", Kind::Category),
    ];
    let mut builder = FrameBuilder::new(columns.map(|(name, kind)| (name.to_owned(), kind)));
    for row in 0..rows {
        let (amount, member, city) = (noise(row * 7), noise(row * 7 + 1) < 0.5, (noise(row * 7 + 2) * 8.0) as usize);
        let effect = [0.3, -1.0, 2.0, 0.0, 1.0, -2.0, 0.7, -0.5][city];
        let price = 3.0 * amount + effect * 2.0 + f64::from(u8::from(member)) + 0.1 * noise(row * 7 + 3);
        let lost = |place: usize| noise(row * 7 + 4 + place) < 0.05;
        builder.push(0, if lost(0) { Cell::Missing } else { Cell::Number(amount) }).unwrap();
        let city = format!("city {city}");
        builder.push(1, if lost(1) { Cell::Missing } else { Cell::Text(&city) }).unwrap();
        builder.push(2, if lost(2) { Cell::Missing } else { Cell::Boolean(member) }).unwrap();
        builder.push(3, Cell::Number(price)).unwrap();
        builder.push(4, Cell::Text(if price > 2.0 { "yes" } else { "no" })).unwrap();
        builder
            .push(
                5,
                Cell::Text(if price > 4.0 {
                    "large"
                } else if price > 1.0 {
                    "middle"
                } else {
                    "small"
                }),
            )
            .unwrap();
    }
    builder.finish().unwrap()
}

fn spec(target: &str, algorithm: Algorithm) -> Spec {
    let features = Some(["amount", "city of birth", "member"].map(str::to_owned).to_vec());
    Spec { target: Some(target.to_owned()), features, algorithm, preset: Preset::Fast, ..Spec::default() }
}

fn value(metrics: &[trainyard_train::Metric], name: &str) -> f64 {
    metrics.iter().find(|metric| metric.name == name).unwrap().value
}

#[test]
fn each_kind_of_model_learns_and_reads_back_to_the_bit() {
    let data = frame(600);
    for (target, task, least) in [("price", "r2", 0.8), ("bought", "accuracy", 0.85), ("size", "accuracy", 0.8)] {
        for algorithm in [Algorithm::Boosting, Algorithm::Linear] {
            let trained = train(&spec(target, algorithm), &data, &mut ()).unwrap();
            let found = value(&trained.report.metrics, task);
            assert!(found > least, "{target} {algorithm:?}: {task} {found}");
            let folder = tempfile::tempdir().unwrap();
            trained.model.save(folder.path()).unwrap();
            let loaded = Model::load(folder.path()).unwrap();
            assert_eq!(loaded.predict(&data).unwrap(), trained.model.predict(&data).unwrap());
            assert!(!trained.model.to_onnx().unwrap().is_empty());
        }
    }
}

#[test]
fn the_same_twice_and_with_any_number_of_threads() {
    let data = frame(400);
    for preset in [Preset::Fast, Preset::Balanced] {
        let mut spec = Spec { preset, ..spec("size", Algorithm::Auto) };
        spec.limits.threads = Some(1);
        let one = train(&spec, &data, &mut ()).unwrap();
        spec.limits.threads = Some(3);
        let other = train(&spec, &data, &mut ()).unwrap();
        assert_eq!(one.model.to_text(), other.model.to_text());
        assert_eq!(serde_json::to_string(&one.report).unwrap(), serde_json::to_string(&other.report).unwrap());
    }
}

#[test]
fn clusters_are_found_and_rows_assigned() {
    let mut builder = FrameBuilder::new(["x", "y"].map(|name| (name.to_owned(), Kind::Numeric)));
    for row in 0..150 {
        let centre = [(0.0, 0.0), (9.0, 0.0), (0.0, 9.0)][row % 3];
        builder.push(0, Cell::Number(centre.0 + noise(row))).unwrap();
        builder.push(1, Cell::Number(centre.1 + noise(row + 999))).unwrap();
    }
    let data = builder.finish().unwrap();
    let trained = train(&Spec::default(), &data, &mut ()).unwrap();
    assert_eq!((trained.report.task, trained.report.hyperparameters.clusters), (Task::Clustering, Some(3)));
    let Outcome::Clusters(clusters) = trained.model.predict(&data).unwrap().outcome else { panic!("no clusters") };
    assert!((3..150).all(|row| clusters[row] == clusters[row % 3]));
    assert!(clusters[0] != clusters[1] && clusters[1] != clusters[2] && clusters[0] != clusters[2]);
}

/// A frame of one column `x` that counts oddly, and `y`.
fn pair(rows: usize, y: impl Fn(usize) -> Cell<'static>, kind: Kind) -> Frame {
    let mut builder = FrameBuilder::new([("x".to_owned(), Kind::Numeric), ("y".to_owned(), kind)]);
    for row in 0..rows {
        builder.push(0, Cell::Number(noise(row))).unwrap();
        builder.push(1, y(row)).unwrap();
    }
    builder.finish().unwrap()
}

#[test]
fn what_cannot_be_learnt_is_refused_with_a_reason() {
    let asked = |target: &str| Spec { target: Some(target.to_owned()), ..Spec::default() };
    let refused = |spec: &Spec, frame: &Frame| train(spec, frame, &mut ()).unwrap_err();
    let cases = [
        (asked("z"), pair(30, |_| Cell::Number(1.0), Kind::Numeric), "no column \"z\""),
        (asked("y"), pair(30, |_| Cell::Number(1.0), Kind::Numeric), "in every row"),
        (asked("y"), pair(30, |_| Cell::Text("a"), Kind::Category), "in every row"),
        (asked("y"), pair(30, |_| Cell::Missing, Kind::Numeric), "no value in any row"),
        (
            asked("y"),
            pair(30, |row| Cell::Number(if row == 3 { f64::INFINITY } else { noise(row) }), Kind::Numeric),
            "infinite in row 4",
        ),
        (asked("y"), pair(30, |row| Cell::Text(if row < 2 { "rare" } else { "b" }), Kind::Category), "has 2 rows"),
        (asked("y"), pair(5, |row| Cell::Number(noise(row)), Kind::Numeric), "5 rows"),
    ];
    for (spec, frame, message) in cases {
        let error = refused(&spec, &frame);
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.to_string().contains(message), "{error}");
    }
    let mut wide = FrameBuilder::new((0..40).map(|column| (format!("c{column}"), Kind::Numeric)));
    for cell in 0..40 * 20 {
        wide.push(cell % 40, Cell::Number(noise(cell))).unwrap();
    }
    let error = refused(&asked("c0"), &wide.finish().unwrap());
    assert!(error.message().contains("39 columns"), "{error}");
    let mut small = asked("y");
    small.limits.memory_bytes = Some(10);
    assert_eq!(refused(&small, &pair(30, |row| Cell::Number(noise(row)), Kind::Numeric)).kind(), ErrorKind::Limit);
}

#[test]
fn identifiers_and_leaks_are_noted() {
    let mut builder = FrameBuilder::new(
        [
            ("row", Kind::Numeric),
            ("name", Kind::Category),
            ("x", Kind::Numeric),
            ("copy", Kind::Numeric),
            ("y", Kind::Numeric),
        ]
        .map(|(name, kind)| (name.to_owned(), kind)),
    );
    for row in 0..100_u32 {
        let y = noise(row as usize);
        builder.push(0, Cell::Number(f64::from(row))).unwrap();
        builder.push(1, Cell::Text(&format!("person {row}"))).unwrap();
        builder.push(2, Cell::Number(noise(row as usize + 500))).unwrap();
        builder.push(3, Cell::Number(2.0 * y + 1.0)).unwrap();
        builder.push(4, Cell::Number(y)).unwrap();
    }
    let spec = Spec { target: Some("y".to_owned()), preset: Preset::Fast, ..Spec::default() };
    let report = train(&spec, &builder.finish().unwrap(), &mut ()).unwrap().report;
    assert_eq!(report.features, ["x", "copy"]);
    let noted = |kind: NoteKind, column: &str| {
        report.notes.iter().any(|note| note.kind == kind && note.column.as_deref() == Some(column))
    };
    assert!(
        noted(NoteKind::Identifier, "row") && noted(NoteKind::Identifier, "name") && noted(NoteKind::Leakage, "copy")
    );
}

#[test]
fn an_observer_sees_rounds_and_can_stop() {
    struct Stop(Vec<f64>);
    impl Observer for Stop {
        fn progress(&mut self, progress: &Progress<'_>) -> ControlFlow<()> {
            self.0.push(progress.fraction);
            if progress.round >= 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    let mut stop = Stop(Vec::new());
    let error = train(&spec("price", Algorithm::Boosting), &frame(200), &mut stop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(stop.0.is_sorted() && stop.0.len() >= 4);
}

#[test]
fn rows_to_predict_have_to_fit() {
    let data = frame(200);
    let model = train(&spec("price", Algorithm::Boosting), &data, &mut ()).unwrap().model;
    let error = model.predict(&pair(3, |row| Cell::Number(noise(row)), Kind::Numeric)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Schema);
    assert!(error.message().contains("amount, city of birth, member"), "{error}");
    let columns = [("amount", Kind::Numeric), ("city of birth", Kind::Category), ("member", Kind::Boolean)];
    let mut builder = FrameBuilder::new(columns.map(|(name, kind)| (name.to_owned(), kind)));
    for cell in [Cell::Number(0.5), Cell::Text("elsewhere"), Cell::Boolean(true)].into_iter().enumerate() {
        builder.push(cell.0, cell.1).unwrap();
    }
    let predicted = model.predict(&builder.finish().unwrap()).unwrap();
    assert_eq!(predicted.unknown_categories, [("city of birth".to_owned(), 1)]);
}

#[test]
fn specs_are_checked_before_any_data() {
    let wrong = |json: &str| {
        serde_json::from_str::<Spec>(json)
            .map_err(|error| error.to_string())
            .and_then(|spec| spec.check().map_err(|error| error.to_string()))
    };
    for json in [
        r#"{"target": "y", "validation": {"fraction": 0.9}}"#,
        r#"{"target": "y", "validation": {"folds": 1}}"#,
        r#"{"target": "y", "hyperparameters": {"learning_rate": 0}}"#,
        r#"{"target": "y", "algorithm": "kmeans"}"#,
        r#"{"task": "clustering", "target": "y"}"#,
        r#"{"task": "regression"}"#,
        r#"{"targett": "y"}"#,
    ] {
        assert!(wrong(json).is_err(), "{json}");
    }
    wrong(r#"{"target": "y"}"#).unwrap();
}

/// A whole model's files, to be damaged.
fn files() -> &'static (String, String, Frame) {
    static FILES: std::sync::OnceLock<(String, String, Frame)> = std::sync::OnceLock::new();
    FILES.get_or_init(|| {
        let data = frame(120);
        let model = train(&spec("bought", Algorithm::Boosting), &data, &mut ()).unwrap().model;
        (model.to_text(), serde_json::to_string(model.metadata()).unwrap(), data)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Damaged files are refused, or are models that can be used; nothing panics or walks for ever.
    #[test]
    fn damaged_model_files_do_no_harm(at in any::<prop::sample::Index>(), length in 0_usize..40, with in "[-0-9 =.eE\nTreainf]{0,12}") {
        let (text, metadata, data) = files();
        let start = at.index(text.len());
        let mut damaged = String::new();
        let _ = write!(damaged, "{}{with}{}", &text[..start], &text[(start + length).min(text.len())..]);
        if let Ok(model) = Model::from_parts(&damaged, metadata) {
            let _ = model.predict(data);
            let _ = model.to_onnx();
        }
    }
}

#[test]
fn a_linear_model_that_cannot_be_learnt_is_left_out_and_said_so() {
    // Values whose squares are beyond all numbers: nothing to standardise by, and trees do not mind.
    let rows = 200;
    let x: Vec<f64> = (0..rows).map(|row| if row % 3 == 0 { 1e300 } else { -1e300 } * f64::from(row + 1)).collect();
    let y: Vec<f64> = x.iter().map(|x| if *x > 0.0 { 7.0 } else { 2.5 }).collect();
    let column = |name: &str, values| Column { name: name.to_owned(), values: Values::Numeric(values) };
    let frame = Frame::new(vec![column("x", x), column("y", y)]).unwrap();
    for preset in [Preset::Fast, Preset::Balanced, Preset::Best] {
        let asked = Spec { preset, features: None, task: Task::Regression, ..spec("y", Algorithm::Auto) };
        let report = train(&asked, &frame, &mut ()).unwrap().report;
        assert_eq!(report.algorithm, Algorithm::Boosting);
        assert!(
            report.notes.iter().any(|note| note.text.contains("no linear model")),
            "{preset:?}: {:?}",
            report.notes
        );
    }
    let alone = Spec { features: None, task: Task::Regression, ..spec("y", Algorithm::Linear) };
    assert!(train(&alone, &frame, &mut ()).is_err());
}

#[test]
fn two_models_may_be_better_than_one() {
    // Slopes that trees only follow in steps, and a step that no line has.
    let (rows, width) = (400, 10);
    let cell = |row: usize, at: usize| 2.0 * noise(row * 11 + at) - 1.0;
    let y = |row: usize| {
        let slopes: f64 = (0..width).map(|at| cell(row, at)).sum();
        let step = f64::from(u8::from(cell(row, 0).abs() > 0.5));
        slopes + 1.5 * step + cell(row, width)
    };
    let column = |name: String, values| Column { name, values: Values::Numeric(values) };
    let inputs = (0..width).map(|at| column(format!("x{at}"), (0..rows).map(|row| cell(row, at)).collect()));
    let columns = inputs.chain([column("y".to_owned(), (0..rows).map(y).collect())]).collect();
    let frame = Frame::new(columns).unwrap();
    let asked = Spec { preset: Preset::Best, features: None, task: Task::Regression, ..spec("y", Algorithm::Auto) };
    let trained = train(&asked, &frame, &mut ()).unwrap();
    assert_eq!(trained.report.algorithm, Algorithm::Blend, "{:?}", trained.report.candidates);
    let chosen: Vec<_> = trained.report.candidates.iter().filter(|candidate| candidate.chosen).collect();
    assert!(matches!(chosen[..], [Candidate { algorithm: Algorithm::Blend, .. }]), "{chosen:?}");
    let folder = tempfile::tempdir().unwrap();
    trained.model.save(folder.path()).unwrap();
    assert_eq!(Model::load(folder.path()).unwrap().predict(&frame).unwrap(), trained.model.predict(&frame).unwrap());
}

/// Keeps every checkpoint, and ends the training after so many looks.
struct Keeps {
    files: HashMap<String, Vec<u8>>,
    looks: usize,
    most: usize,
    recalled: usize,
}

impl Observer for Keeps {
    fn progress(&mut self, _: &Progress<'_>) -> ControlFlow<()> {
        self.looks += 1;
        if self.looks > self.most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn is_worth_keeping(&self, _: Duration) -> bool {
        true
    }

    fn keep(&mut self, name: &str, bytes: &[u8]) {
        self.files.insert(name.to_owned(), bytes.to_vec());
    }

    fn recall(&mut self, name: &str) -> Option<Vec<u8>> {
        let found = self.files.get(name).cloned();
        self.recalled += usize::from(found.is_some());
        found
    }
}

#[test]
fn what_is_ended_goes_on_from_its_checkpoint_to_the_same_model() {
    let data = frame(400);
    for target in ["price", "size"] {
        let asked = Spec {
            preset: Preset::Best,
            hyperparameters: Hyperparameters { rounds: Some(30), ..Hyperparameters::default() },
            ..spec(target, Algorithm::Auto)
        };
        let whole = train(&asked, &data, &mut ()).unwrap();
        let mut keeps = Keeps { files: HashMap::new(), looks: 0, most: 0, recalled: 0 };
        let (mut runs, mut looks) = (0, Vec::new());
        let trained = loop {
            // Ended again and again, each time a little later: within fits, and between them.
            (keeps.looks, keeps.most, runs) = (0, keeps.most + 47, runs + 1);
            match train(&asked, &data, &mut keeps) {
                Ok(trained) => break trained,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Cancelled),
            }
            looks.push(keeps.looks);
        };
        assert_eq!(trained, whole, "{target}");
        assert!(runs > 2 && keeps.recalled > 5, "{runs} runs, {} recalled", keeps.recalled);
        // A checkpoint that is damaged is passed over.
        keeps.files.values_mut().for_each(|bytes| bytes.truncate(bytes.len() / 2));
        keeps.most = usize::MAX;
        assert_eq!(train(&asked, &data, &mut keeps).unwrap(), whole);
    }
}
