"""Trainyard beside scikit-learn and LightGBM: quality, CPU seconds and peak memory, each fit in a process of its own.

    python benches/beside_python.py TRAIN_EXAMPLE [data set ...]

TRAIN_EXAMPLE is target/release/examples/train. Python needs scikit-learn and lightgbm. Everything runs on one thread. Small
sets are judged by the same five folds for everybody, the synthetic ones on 50,000 rows that nobody has seen.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "MKL_NUM_THREADS")}
PYTHON = ["linear", "random_forest", "hist_boosting", "lightgbm", "lightgbm_large"]
OURS = ["fast", "balanced", "best"]


def data(name):
    """Rows, targets, whether the targets are classes."""
    from sklearn import datasets

    if name in ("breast_cancer", "digits", "wine", "diabetes"):
        bunch = getattr(datasets, "load_" + name)()
        return bunch.data.astype(float), bunch.target.astype(float), name != "diabetes"
    if name == "synth_class":
        x, y = datasets.make_classification(
            200_000, 30, n_informative=15, n_redundant=5, n_clusters_per_class=8, flip_y=0.02, weights=[0.65], random_state=7
        )
        return x, y.astype(float), True
    x, y = datasets.make_friedman1(200_000, 30, noise=1.0, random_state=7)
    return x, y, False


def splits(name, y, classes):
    from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

    rows = np.arange(len(y))
    if name.startswith("synth"):
        return [train_test_split(rows, test_size=50_000, random_state=7)]
    kind = StratifiedKFold if classes else KFold
    return list(kind(5, shuffle=True, random_state=7).split(rows, y))


def model(kind, classes, rows):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if kind == "linear":
        from sklearn.linear_model import LogisticRegression, Ridge

        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000) if classes else Ridge())
    if kind == "random_forest":
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        return (RandomForestClassifier if classes else RandomForestRegressor)(random_state=0)
    if kind == "hist_boosting":
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        return (HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor)(random_state=0)
    from lightgbm import LGBMClassifier, LGBMRegressor

    large = {"num_leaves": 255, "n_estimators": 600} if kind == "lightgbm_large" and rows > 10_000 else {}
    return (LGBMClassifier if classes else LGBMRegressor)(random_state=0, verbose=-1, n_jobs=1, **large)


def fit_python(kind, folder, classes):
    """In a process of its own: learn, predict, save the prediction."""
    train = np.load(folder + "/train.npz")
    test = np.load(folder + "/test.npz")
    fitted = model(kind, classes, len(train["y"])).fit(train["x"], train["y"])
    np.save(folder + "/out.npy", fitted.predict_proba(test["x"]) if classes else fitted.predict(test["x"]))


# A child's peak counts from its parent's size at the fork, so a process of some 10 MB stands between.
LAUNCH = """
import json, os, subprocess, sys
out = open(sys.argv[1], "wb")
process = subprocess.Popen(sys.argv[2:], stdout=out)
_, status, usage = os.wait4(process.pid, 0)
print(json.dumps([status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))
"""


def run(command):
    """Output, CPU seconds, peak memory in MB."""
    with tempfile.NamedTemporaryFile() as out:
        launch = [sys.executable, "-S", "-c", LAUNCH, out.name, *command]
        told = subprocess.run(launch, stdout=subprocess.PIPE, env={**os.environ, **ONE_THREAD}, check=True).stdout
        status, seconds, peak = json.loads(told)
        if status != 0:
            raise SystemExit(f"{command} failed")
        return out.read(), seconds, peak


def write_csv(path, x, y=None):
    names = [f"f{i}" for i in range(x.shape[1])] + ([] if y is None else ["target"])
    table = x if y is None else np.column_stack([x, y])
    np.savetxt(path, table, delimiter=",", header=",".join(names), comments="", fmt="%.17g")


def judge(out, y, classes):
    from sklearn import metrics

    if not classes:
        return {"rmse": metrics.mean_squared_error(y, out) ** 0.5}
    found = {"accuracy": (out.argmax(1) == y).mean(), "log_loss": metrics.log_loss(y, np.clip(out, 1e-15, 1))}
    found["auc"] = metrics.roc_auc_score(y, out[:, 1]) if out.shape[1] == 2 else metrics.roc_auc_score(y, out, multi_class="ovr")
    return found


def compare(name, example):
    x, y, classes = data(name)
    task = "classification" if classes else "regression"
    rows = []
    kinds = [("python", kind) for kind in PYTHON] + [("trainyard", preset) for preset in OURS]
    if name == "synth_friedman":
        kinds.remove(("python", "random_forest"))
    if not name.startswith("synth"):
        kinds.remove(("python", "lightgbm_large"))
    parts = splits(name, y, classes)
    for maker, kind in kinds:
        outs, truths, cpu, memory = [], [], 0.0, 0.0
        for kept, held in parts:
            with tempfile.TemporaryDirectory() as folder:
                if maker == "python":
                    np.savez(folder + "/train.npz", x=x[kept], y=y[kept])
                    np.savez(folder + "/test.npz", x=x[held])
                    _, seconds, peak = run([sys.executable, __file__, "--fit", kind, folder, task])
                    outs.append(np.load(folder + "/out.npy"))
                else:
                    write_csv(folder + "/train.csv", x[kept], y[kept])
                    write_csv(folder + "/test.csv", x[held])
                    spec = {"task": task, "target": "target", "preset": kind, "limits": {"threads": 1}}
                    command = [example, folder + "/train.csv", json.dumps(spec), folder + "/m", folder + "/test.csv"]
                    output, seconds, peak = run(command)
                    out = np.array(json.loads(output)["predictions"])
                    outs.append(out.reshape(len(held), -1) if classes else out)
            truths.append(y[held])
            cpu, memory = cpu + seconds, max(memory, peak)
        found = judge(np.concatenate(outs), np.concatenate(truths), classes)
        rows.append((maker, kind, found, cpu / len(parts), memory))
        figures = " | ".join(f"{value:.4f}" for value in found.values())
        print(f"| {name} | {maker} {kind} | {figures} | {cpu / len(parts):.2f} | {memory:.0f} |", flush=True)
    return rows


def main():
    if sys.argv[1] == "--fit":
        return fit_python(sys.argv[2], sys.argv[3], sys.argv[4] == "classification")
    names = sys.argv[2:] or ["breast_cancer", "wine", "digits", "diabetes", "synth_class", "synth_friedman"]
    for name in names:
        measure = "rmse" if name in ("diabetes", "synth_friedman") else "accuracy | log loss | AUC"
        print(f"\n| data | model | {measure} | CPU-s | MB |\n|---|---|{'---|' * (measure.count('|') + 3)}", flush=True)
        compare(name, sys.argv[1])


if __name__ == "__main__":
    main()
