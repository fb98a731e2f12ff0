"""Logs models and metrics with the stock client in the usual ways.

Prints one line of JSON: a list of models, each with the situation, a label, the
logged model's id, the metric to judge and the value that is really the model's
own (null if there is none). `clear` is true if only one value is possible, and
the gate must then use that value.
"""

import contextlib
import json
import sys
import warnings

warnings.filterwarnings("ignore")

import mlflow
import mlflow.sklearn
import pandas
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

DATA = pandas.DataFrame({"x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]})
LABELS = [0, 0, 0, 1, 1, 1]
MODEL = LogisticRegression().fit(DATA, LABELS)
SCALER = StandardScaler().fit(DATA)
REQUIREMENTS = [f"scikit-learn=={sklearn.__version__}"]  # otherwise, MLflow runs a second Python to find this out
FOUND = []


def log_model(name, model=MODEL, **more):
    return mlflow.sklearn.log_model(model, name=name, pip_requirements=REQUIREMENTS, **more).model_id


def report(situation, label, model_id, own, metric="acc", clear=True):
    FOUND.append({
        "situation": situation,
        "label": label,
        "model_id": model_id,
        "metric": metric,
        "own": own,
        "clear": clear,
    })


def both(situation, first, second, clear, labels=("first", "second")):
    """Reports two models from one run, each with its own value (id, value)."""
    report(situation, labels[0], *first, clear=clear)
    report(situation, labels[1], *second, clear=clear)


def sweep(situation, values, model_first, name_model):
    """Logs two models and their values in one run."""
    logged = []
    with mlflow.start_run():
        for i, value in enumerate(values):
            if model_first:
                model_id = log_model(f"model-{i}")
            if name_model:
                mlflow.log_metric("acc", value, model_id=model_id)
            else:
                mlflow.log_metric("acc", value)
            if not model_first:
                model_id = log_model(f"model-{i}")
            logged.append((model_id, value))
    # log_model copies the run's metrics at its step to the model, so they look like metrics logged with a model_id.
    both(situation, *logged, clear=False)


def together(situation, values):
    """Logs two models, and then each model's value with its model_id."""
    with mlflow.start_run():
        ids = [log_model(f"model-{i}") for i in range(len(values))]
        for model_id, value in zip(ids, values):
            mlflow.log_metric("acc", value, model_id=model_id)
    both(situation, *zip(ids, values), clear=True)


def preprocessor(situation, order):
    """Logs a run with a preprocessor and a model. The value is the model's."""
    ids = {}
    with mlflow.start_run():
        for step in order:
            if step == "metric":
                mlflow.log_metric("acc", 0.93)
            else:
                ids[step] = log_model(step, SCALER if step == "preprocessor" else MODEL)
    report(situation, "model", ids["model"], 0.93, clear=False)
    report(situation, "preprocessor", ids["preprocessor"], None, clear=False)


def checkpoints(situation, values, name_model):
    logged = []
    with mlflow.start_run():
        for step, value in enumerate(values):
            model_id = log_model(f"checkpoint-{step}", step=step)
            more = {"model_id": model_id} if name_model else {}
            mlflow.log_metric("acc", value, step=step, **more)
            logged.append((model_id, value))
    both(situation, *logged, clear=name_model, labels=("step 0", "step 1"))


def one_model(situation, model_first):
    with mlflow.start_run():
        if model_first:
            model_id = log_model("model")
        mlflow.log_metric("acc", 0.91)
        if not model_first:
            model_id = log_model("model")
    report(situation, "the only one", model_id, 0.91)


def evaluation(situation):
    """Runs `evaluate` with model_id, in a separate run."""
    with mlflow.start_run():
        model_id = log_model("model")
    with mlflow.start_run():
        result = mlflow.models.evaluate(
            f"models:/{model_id}",
            DATA.assign(y=LABELS),
            targets="y",
            model_type="classifier",
            model_id=model_id,
            evaluator_config={"log_explainer": False, "log_model_explainability": False},
        )
    report(situation, "the only one", model_id, result.metrics["accuracy_score"], metric="accuracy_score")


def datasets(situation):
    train = mlflow.data.from_pandas(DATA, name="training")
    test = mlflow.data.from_pandas(DATA + 10, name="validation")
    with mlflow.start_run():
        model_id = log_model("model")
        mlflow.log_metric("acc", 0.99, dataset=train, model_id=model_id)
        mlflow.log_metric("acc", 0.81, dataset=test, model_id=model_id)
    report(f"{situation}, none named", "the only one", model_id, None, clear=False)
    report(f"{situation}, validation named", "the only one", model_id, 0.81, metric="acc[validation]")
    report(f"{situation}, training named", "the only one", model_id, 0.99, metric="acc[training]")


def autolog(situation):
    mlflow.sklearn.autolog(log_datasets=False)
    with mlflow.start_run() as run:
        LogisticRegression().fit(DATA, LABELS)
    mlflow.sklearn.autolog(disable=True)
    run = mlflow.get_run(run.info.run_id)
    model_id = run.outputs.model_outputs[0].model_id
    own = run.data.metrics["training_accuracy_score"]
    report(situation, "the only one", model_id, own, metric="training_accuracy_score")


def nested(situation):
    logged = []
    with mlflow.start_run():
        for value in (0.55, 0.94):
            with mlflow.start_run(nested=True):
                logged.append((log_model("model"), value))
                mlflow.log_metric("acc", value)
        mlflow.log_metric("acc", 0.94)  # the best child's value
    both(situation, *logged, clear=True, labels=("first child", "second child"))


def main():
    mlflow.set_experiment("stock client")
    for name_model, words in ((False, "without model_id"), (True, "with model_id")):
        sweep(f"sweep, model then metric, {words}, the worse first", (0.10, 0.99), True, name_model)
        sweep(f"sweep, model then metric, {words}, the better first", (0.99, 0.10), True, name_model)
    sweep("sweep, metric then model, the worse first", (0.10, 0.99), False, False)
    sweep("sweep, metric then model, the better first", (0.99, 0.10), False, False)
    together("two models, then their metrics with model_id", (0.10, 0.99))
    preprocessor("preprocessor, model, metric", ("preprocessor", "model", "metric"))
    preprocessor("model, preprocessor, metric", ("model", "preprocessor", "metric"))
    preprocessor("metric, preprocessor, model", ("metric", "preprocessor", "model"))
    for name_model, words in ((False, "without model_id"), (True, "with model_id")):
        checkpoints(f"checkpoints by step, {words}, the worse first", (0.10, 0.99), name_model)
        checkpoints(f"checkpoints by step, {words}, the better first", (0.99, 0.10), name_model)
    one_model("one model, then its metric", True)
    one_model("one metric, then its model", False)
    evaluation("`evaluate` with model_id in a run of its own")
    datasets("two datasets")
    autolog("autolog")
    nested("nested runs")


with contextlib.redirect_stdout(sys.stderr):
    main()
print(json.dumps(FOUND))
