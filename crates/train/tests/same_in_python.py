"""Trains on data sets that come with scikit-learn, and on a mixed one; compares predictions. Prints a line for each model.

    python same_in_python.py TRAIN_EXAMPLE FOLDER [lightgbm]

The last where the example was built with LightGBM's own core: its trees and forests are compared, too.
"""

import csv
import json
import subprocess
import sys

import lightgbm
import numpy as np
import onnxruntime
from sklearn import datasets

EXAMPLE, FOLDER, *ENGINES = sys.argv[1:]
# float32 has a relative precision of 6e-8; a sum of some hundred trees loses a little of it.
FLOAT32 = 2e-6


def write(name, header, rows):
    path = f"{FOLDER}/{name}.csv"
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def real(name):
    bunch = getattr(datasets, "load_" + name)()
    # Every fifth cell of the first column is missing.
    rows = [[*map(repr, map(float, row)), float(y)] for row, y in zip(bunch.data, bunch.target)]
    for row in rows[::5]:
        row[0] = ""
    return write(name, [f"f{i}" for i in range(bunch.data.shape[1])] + ["target"], rows)


def mixed():
    random = np.random.default_rng(1)
    rows = []
    for _ in range(800):
        city, plan, x, z = random.integers(0, 40), random.integers(0, 3), random.normal(), random.normal()
        y = np.sin(city) * 2 + x * (plan == 1) + random.normal() * 0.3
        city = "" if random.random() < 0.05 else f"city {city}"
        rows.append([city, "abc"[plan], "" if random.random() < 0.1 else repr(x), repr(z), "yes" if y > 0.2 else "no"])
    return write("mixed", ["city", "the plan", "x", "z", "target"], rows)


def inputs(metadata, path):
    table = list(csv.DictReader(open(path)))
    columns = []
    for feature in metadata["features"]:
        cells = [row[feature["name"]] for row in table]
        if feature["kind"] != "boolean" and "category" in feature["kind"]:
            codes = {level: code for code, level in enumerate(feature["kind"]["category"]["levels"])}
            columns.append([codes.get(cell, np.nan) if cell else np.nan for cell in cells])
        else:
            columns.append([float(cell) if cell else np.nan for cell in cells])
    return np.array(columns, dtype=float).T.copy()


def main():
    for name, path in [(name, real(name)) for name in ("breast_cancer", "digits", "wine", "diabetes")] + [("mixed", mixed())]:
        for algorithm in ("boosting", "linear"):
            spec = {"target": "target", "algorithm": algorithm, "preset": "fast"}
            if algorithm == "boosting":
                # A tree a class and round: with ten classes, these are 200.
                spec["hyperparameters"] = {"rounds": 20} if name == "digits" else {}
            compare(f"{name}_{algorithm}", path, spec)
        for algorithm in ("boosting", "forest") if ENGINES else ():
            spec = {"target": "target", "algorithm": algorithm, "engine": "lightgbm", "preset": "balanced"}
            compare(f"{name}_lightgbm_{algorithm}", path, spec | {"hyperparameters": {"rounds": 20}})
    # Comparing ends at both together here: trees and lines in one file.
    spec = {"target": "target", "preset": "best", "hyperparameters": {"rounds": 60}}
    compare("wine_blend", f"{FOLDER}/wine.csv", spec)
    assert json.load(open(f"{FOLDER}/wine_blend/metadata.json"))["algorithm"] == "blend"
    for name in ("wine", "mixed"):
        compare(f"{name}_kmeans", f"{FOLDER}/{name}.csv", {"exclude": ["target"], "hyperparameters": {"clusters": 3}})
    load_in_mlflow("wine_boosting", f"{FOLDER}/wine.csv")


def compare(name, path, spec):
    model = f"{FOLDER}/{name}"
    run = subprocess.run([EXAMPLE, path, json.dumps(spec), model, path], check=True, capture_output=True)
    x = inputs(json.load(open(model + "/metadata.json")), path)
    ours = np.array(json.loads(run.stdout)["predictions"]).reshape(len(x), -1)
    booster = lightgbm.Booster(model_file=model + "/model.txt")
    clusters = name.endswith("kmeans")
    theirs = booster.predict(x, raw_score=clusters).reshape(len(x), -1)
    onnx = onnxruntime.InferenceSession(model + "/model.onnx").run(None, {"input": x})[0]
    if clusters:
        assert (theirs.argmax(1) == ours[:, 0]).all() and (onnx.argmax(1) == ours[:, 0]).all(), name
    else:
        if theirs.shape[1] == 1 and ours.shape[1] == 2:
            theirs = np.column_stack([1 - theirs, theirs])
        scale = max(1.0, np.abs(ours).max())
        assert np.abs(theirs - ours).max() <= 1e-9 * scale, (name, np.abs(theirs - ours).max())
        assert np.abs(onnx - ours).max() <= FLOAT32 * scale, (name, np.abs(onnx - ours).max())
    print(name, "same")


def load_in_mlflow(name, path):
    import mlflow.pyfunc
    import pandas

    loaded = mlflow.pyfunc.load_model(f"{FOLDER}/{name}")
    metadata = json.load(open(f"{FOLDER}/{name}/metadata.json"))
    x = inputs(metadata, path)
    frame = pandas.DataFrame(x, columns=[feature["file_name"] for feature in metadata["features"]])
    direct = lightgbm.Booster(model_file=f"{FOLDER}/{name}/model.txt").predict(x)
    assert np.abs(loaded.predict(frame) - direct).max() == 0.0
    print("mlflow same")


main()
