"""Trains tiny scikit-learn models on a dataset that comes with scikit-learn
and logs them with the stock client. Reads a list of runs from standard input
and writes what was logged for each run to standard output, both as JSON."""

import json
import sys
import warnings

warnings.filterwarnings("ignore")

import mlflow
import mlflow.sklearn
import pandas
import sklearn
from mlflow import MlflowClient
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

DATA = {"wine": load_wine, "breast_cancer": load_breast_cancer}
ESTIMATORS = {  # from the worst to the best; no trees, because MLflow 3 does not trust them in its default format
    "centroid": NearestCentroid,
    "bayes": GaussianNB,
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)),
}
MAJOR = int(mlflow.__version__.split(".")[0])


def train(spec):
    frame = DATA[spec["data"]](as_frame=True)
    split = train_test_split(frame.data, frame.target, test_size=0.3, random_state=0, stratify=frame.target)
    x_train, x_test, y_train, y_test = split
    model = ESTIMATORS[spec["estimator"]]().fit(x_train, y_train)
    said = model.predict(x_test)
    metrics = {
        "test_accuracy": accuracy_score(y_test, said),
        "test_f1": f1_score(y_test, said, average="macro"),
    }
    return model, metrics, x_train.assign(target=y_train), x_test.assign(target=y_test)


def log_model(model, spec, sample):
    kwargs = {"pip_requirements": [f"scikit-learn=={sklearn.__version__}"]}  # else MLflow runs a second Python
    if not spec["bare"]:
        kwargs["signature"] = mlflow.models.infer_signature(sample, model.predict(sample))
        kwargs["input_example"] = sample
    kwargs["name" if MAJOR >= 3 else "artifact_path"] = spec["model"]
    return mlflow.sklearn.log_model(model, **kwargs)


def log_datasets(spec, training, testing):
    if not hasattr(mlflow, "log_input"):
        return
    for frame, context in ((training, "train"), (testing, "test")):
        data = mlflow.data.from_pandas(frame, source=f"https://data.example/{spec['data']}.csv", name=spec["data"], targets="target")
        mlflow.log_input(data, context=context)


def log(spec):
    mlflow.set_experiment(spec["experiment"])
    with mlflow.start_run(run_name=spec["name"] or None, tags=spec["tags"]) as run:
        run_id = run.info.run_id
        mlflow.log_params(spec["params"])
        metrics, info = {}, None
        if spec["model"]:
            model, metrics, training, testing = train(spec)
            mlflow.log_params({"estimator": spec["estimator"], "data": spec["data"]})
            log_datasets(spec, training, testing)
            info = log_model(model, spec, training.drop(columns="target").head(3))
        for key, value in {**metrics, **{k: float(v) for k, v in spec["metrics"].items()}}.items():
            mlflow.log_metric(key, value)
    client = MlflowClient()
    if spec["state"] == "deleted":
        client.delete_run(run_id)
    elif spec["state"] == "running":
        client.update_run(run_id, status="RUNNING")
    elif spec["state"] != "finished":
        client.set_terminated(run_id, spec["state"].upper())
    return {
        "run_id": run_id,
        "experiment_id": run.info.experiment_id,
        "artifact_uri": run.info.artifact_uri,
        "model_id": getattr(info, "model_id", None) or "",
        "model_uri": info.model_uri if info else "",
        "metrics": metrics,
    }


json.dump([log(spec) for spec in json.load(sys.stdin)], sys.stdout)
