"""Trainyard beside scikit-learn and LightGBM: quality, CPU seconds and peak memory, each fit in a process of its own.

    python benches/beside_python.py TRAIN_EXAMPLE [--only KIND,...] [--verbose] [data set ...]

TRAIN_EXAMPLE is target/release/examples/train; built with `--features lightgbm` it is measured with both engines. Python needs
scikit-learn and lightgbm. Everything runs on one thread. Small sets are judged by the same five folds for everybody, the
synthetic ones on 50,000 rows that nobody has seen. CPU seconds are of the whole process, and in brackets of learning alone.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "MKL_NUM_THREADS")}
PYTHON = ["linear", "random_forest", "hist_boosting", "lightgbm", "lightgbm_as_fast", "lightgbm_as_balanced"]
OURS = ["fast", "balanced", "best", "fast lightgbm", "balanced lightgbm", "best lightgbm"]
# LightGBM told to grow what our presets grow on large tables of two classes: rounds, patience, parameters.
LIKE_OURS = {
    "lightgbm_as_fast": (150, 10, {"num_leaves": 64, "max_depth": 6, "learning_rate": 0.3}),
    "lightgbm_as_balanced": (
        600,
        30,
        {"num_leaves": 256, "max_depth": 8, "learning_rate": 0.1, "subsample": 0.8, "subsample_freq": 1, "colsample_bytree": 0.5},
    ),
}
ALL = {"min_child_samples": 1, "min_child_weight": 0.03, "reg_lambda": 1.0}
# What our example says of its parts that is learning and judging, as opposed to reading, saving and predicting.
LEARNING = ("preparing", "searching", "evaluating", "fitting", "measuring")


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


def model(kind, classes):
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

    rounds, _, settings = LIKE_OURS.get(kind, (100, 0, {}))
    settings = {**ALL, **settings} if settings else {}
    of_task = LGBMClassifier if classes else LGBMRegressor
    return of_task(random_state=0, verbose=-1, n_jobs=1, n_estimators=rounds, **settings)


def fit_python(kind, folder, classes):
    """In a process of its own: learn, predict, save the prediction."""
    train = np.load(folder + "/train.npz")
    test = np.load(folder + "/test.npz")
    learner, x, y, more = model(kind, classes), train["x"], train["y"], {}
    if kind in LIKE_OURS:
        # A tenth of the rows says when to stop, as with us.
        import lightgbm
        from sklearn.model_selection import train_test_split

        x, held_x, y, held_y = train_test_split(x, y, test_size=0.1, random_state=0)
        more = {"eval_X": held_x, "eval_y": held_y, "callbacks": [lightgbm.early_stopping(LIKE_OURS[kind][1], verbose=False)]}
    begun = time.process_time()
    fitted = learner.fit(x, y, **more)
    seconds = time.process_time() - begun
    np.save(folder + "/out.npy", fitted.predict_proba(test["x"]) if classes else fitted.predict(test["x"]))
    print(json.dumps({"learning": seconds, "rounds": getattr(fitted, "best_iteration_", None)}))


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


def ours(example, folder, task, kind):
    """Predictions, CPU seconds, those of learning, peak memory in MB."""
    preset, *engine = kind.split(" ")
    spec = {"task": task, "target": "target", "preset": preset, "limits": {"threads": 1}}
    spec |= {"engine": engine[0]} if engine else {}
    command = [example, folder + "/train.csv", json.dumps(spec), folder + "/m", folder + "/test.csv"]
    output, seconds, peak = run(command)
    told = json.loads(output)
    learning = sum(told["seconds"].get(part, 0) for part in LEARNING)
    report, parts = told["report"], {part: round(spent, 2) for part, spent in told["seconds"].items()}
    if "--verbose" in sys.argv:
        print(kind, report["algorithm"], report["rounds"], parts, file=sys.stderr, flush=True)
    return np.array(told["predictions"]), seconds, learning, peak


def has_lightgbm(example):
    with tempfile.TemporaryDirectory() as folder:
        table = folder + "/train.csv"
        x = np.arange(40.0)
        write_csv(table, x[:, None], x)
        spec = {"target": "target", "preset": "fast", "engine": "lightgbm"}
        return subprocess.run([example, table, json.dumps(spec), folder + "/m"], capture_output=True).returncode == 0


def compare(name, example, only):
    x, y, classes = data(name)
    task = "classification" if classes else "regression"
    both = has_lightgbm(example)
    kinds = [("python", kind) for kind in PYTHON if name == "synth_class" or kind not in LIKE_OURS]
    kinds += [("trainyard", kind) for kind in OURS if both or " " not in kind]
    if name == "synth_friedman":
        kinds.remove(("python", "random_forest"))
    kinds = [(maker, kind) for maker, kind in kinds if not only or kind in only]
    parts = splits(name, y, classes)
    for maker, kind in kinds:
        outs, truths, cpu, fits, memory = [], [], 0.0, 0.0, 0.0
        for kept, held in parts:
            with tempfile.TemporaryDirectory() as folder:
                if maker == "python":
                    np.savez(folder + "/train.npz", x=x[kept], y=y[kept])
                    np.savez(folder + "/test.npz", x=x[held])
                    told, seconds, peak = run([sys.executable, __file__, "--fit", kind, folder, task])
                    outs.append(np.load(folder + "/out.npy"))
                    learning = json.loads(told)["learning"]
                else:
                    write_csv(folder + "/train.csv", x[kept], y[kept])
                    write_csv(folder + "/test.csv", x[held])
                    out, seconds, learning, peak = ours(example, folder, task, kind)
                    outs.append(out.reshape(len(held), -1) if classes else out)
            truths.append(y[held])
            cpu, fits, memory = cpu + seconds, fits + learning, max(memory, peak)
        found = judge(np.concatenate(outs), np.concatenate(truths), classes)
        figures = " | ".join(f"{value:.4f}" for value in found.values())
        seconds = f"{cpu / len(parts):.2f} ({fits / len(parts):.2f})"
        print(f"| {name} | {maker} {kind} | {figures} | {seconds} | {memory:.0f} |", flush=True)


def main():
    if sys.argv[1] == "--fit":
        return fit_python(sys.argv[2], sys.argv[3], sys.argv[4] == "classification")
    words = [word for word in sys.argv[2:] if word != "--verbose"]
    only = words.pop(words.index("--only") + 1).split(",") if "--only" in words else []
    names = [word for word in words if word != "--only"] or ["breast_cancer", "wine", "digits", "diabetes", "synth_class", "synth_friedman"]
    for name in names:
        measure = "rmse" if name in ("diabetes", "synth_friedman") else "accuracy | log loss | AUC"
        print(f"\n| data | model | {measure} | CPU-s | MB |\n|---|---|{'---|' * (measure.count('|') + 3)}", flush=True)
        compare(name, sys.argv[1], only)


if __name__ == "__main__":
    main()
