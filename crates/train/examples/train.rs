//! Trains on a CSV file and writes the model: `train DATA.csv SPEC.json FOLDER [TEST.csv]`. Prints the report, and the
//! predictions of the test rows, as one JSON document. Cells that are numbers throughout are numbers; empty ones are missing.

#![expect(clippy::print_stdout, reason = "what it is for")]

use std::{error::Error, path::Path};

use trainyard_train::{Cell, Frame, FrameBuilder, Kind, Spec, train};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, spec, folder, rest @ ..] = arguments.as_slice() else {
        return Err("train DATA.csv SPEC.json FOLDER [TEST.csv]".into());
    };
    let spec: Spec = serde_json::from_str(spec)?;
    let trained = train(&spec, &read(data)?, &mut ())?;
    trained.model.save(Path::new(folder))?;
    trained.model.save_onnx(Path::new(folder))?;
    let predictions: Option<Vec<f64>> = match rest.first() {
        Some(test) => Some(trained.model.predict(&read(test)?)?.outcome.into()),
        None => None,
    };
    println!("{}", serde_json::json!({ "report": trained.report, "predictions": predictions }));
    Ok(())
}

/// Twice over the file: once for the kinds of columns, once for the values.
fn read(path: &str) -> Result<Frame, Box<dyn Error>> {
    let mut reader = csv::Reader::from_path(path)?;
    let names: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let mut kinds = vec![Kind::Numeric; names.len()];
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record)? {
        for (kind, cell) in kinds.iter_mut().zip(&record) {
            if !cell.is_empty() && cell.parse::<f64>().is_err() {
                *kind = Kind::Category;
            }
        }
    }
    let mut builder = FrameBuilder::new(names.into_iter().zip(kinds.iter().copied()));
    let mut reader = csv::Reader::from_path(path)?;
    while reader.read_record(&mut record)? {
        for (at, (kind, cell)) in kinds.iter().zip(&record).enumerate() {
            builder.push(
                at,
                match kind {
                    _ if cell.is_empty() => Cell::Missing,
                    Kind::Numeric => Cell::Number(cell.parse()?),
                    Kind::Category | Kind::Boolean => Cell::Text(cell),
                },
            )?;
        }
    }
    Ok(builder.finish()?)
}
