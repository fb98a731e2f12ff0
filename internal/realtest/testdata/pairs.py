"""Works with a tiny model through the stock client. Each line on standard input
is a request, and each line on standard output is its answer, both as JSON. The
model is code and one number, so every release of Python can load it."""

import json
import os
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
answers, sys.stdout = sys.stdout, sys.stderr  # the client prints other lines

import mlflow
import mlflow.pyfunc
import pandas
from mlflow.tracking import MlflowClient

MAJOR = int(mlflow.__version__.split(".")[0])
CODE = """
class Scorer:
    def __init__(self, slope):
        self.slope = slope

    def predict(self, rows, params=None):
        return rows["x"] * self.slope + 1


def _load_pyfunc(path):
    with open(path) as f:
        return Scorer(float(f.read()))
"""
client = MlflowClient()


def log(slope, accuracy):
    """Logs the model and registers it as the version that is served."""
    mlflow.set_experiment("pairs")
    with tempfile.TemporaryDirectory() as folder, mlflow.start_run() as run:
        code, data = os.path.join(folder, "pairs_scorer.py"), os.path.join(folder, "slope.txt")
        for path, text in ((code, CODE), (data, str(slope))):
            with open(path, "w") as f:
                f.write(text)
        mlflow.log_param("slope", slope)
        for step in range(3):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metric("accuracy", accuracy)
        info = mlflow.pyfunc.log_model(
            loader_module="pairs_scorer", data_path=data, pip_requirements=["mlflow"],
            **{"code_paths" if MAJOR >= 2 else "code_path": [code]},
            **{"name" if MAJOR >= 3 else "artifact_path": "model"},
        )
    version = mlflow.register_model(info.model_uri, "churn").version
    if MAJOR >= 2:
        client.set_registered_model_alias("churn", "champion", version)
    else:
        client.transition_model_version_stage("churn", version, "Production")
    return {"version": str(version), **seen(f"models:/churn/{version}", run.info.run_id)}


def load(target):
    """Loads the version that the target points to."""
    if MAJOR >= 2:
        uri, version = f"models:/churn@{target}", client.get_model_version_by_alias("churn", target)
    else:
        uri, version = f"models:/churn/{target}", client.get_latest_versions("churn", [target])[0]
    return {"version": str(version.version), **seen(uri, version.run_id)}


def seen(uri, run_id):
    run = client.get_run(run_id)
    predicted = mlflow.pyfunc.load_model(uri).predict(pandas.DataFrame({"x": [0.0, 1.5, -2.0]}))
    return {
        "predicted": [float(p) for p in predicted],
        "metrics": run.data.metrics,
        "params": run.data.params,
        "losses": [[m.step, m.value] for m in sorted(client.get_metric_history(run_id, "loss"), key=lambda m: m.step)],
    }


for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"log": log, "load": load}[request.pop("do")](**request)
    except Exception as e:
        answer = {"trouble": f"{type(e).__name__}: {e}"}
    print(json.dumps(answer), file=answers, flush=True)
