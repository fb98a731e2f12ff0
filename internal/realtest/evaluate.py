"""Evaluates agents with mlflow.genai.evaluate, offline, with scorers made of code.

It reads a list of evaluations as JSON and prints a line of JSON with the runs.
"""

import json
import logging
import os
import sys

import mlflow
from mlflow.entities import AssessmentSource, Feedback
from mlflow.genai.scorers import scorer

logging.disable(logging.WARNING)
# The agent traces itself, so newer versions of MLflow need not try it out first.
os.environ["MLFLOW_GENAI_EVAL_SKIP_TRACE_VALIDATION"] = "true"
now = {}


class Agent(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return ["a" for _ in model_input]


@mlflow.trace
def answer(q):
    n = int(q[1:])
    if span := mlflow.get_current_active_span():  # there is none while MLflow tries the agent out
        span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 10, "output_tokens": n, "total_tokens": 10 + n})
        span.set_attribute("mlflow.llm.cost", {"input_cost": 0.1, "output_cost": 0.1, "total_cost": 0.2})
    if n in now["crashed"]:
        raise ValueError("the agent failed")
    if n in now["failed"]:
        return "boom"
    return "b" if n in now["wrong"] else "a"


@scorer
def correctness(outputs, expectations):
    if outputs == "boom":
        raise ValueError("the scorer failed")
    return outputs == expectations["answer"]


@scorer(name="correctness")
def lenient(outputs, expectations):
    return outputs is not None


@scorer
def grade(inputs, outputs):
    value = 1 + int(inputs["q"][1:]) % 5
    return value if outputs == "a" else 0


@scorer
def judge(outputs):
    return Feedback(
        value="yes" if outputs == "a" else "no",
        rationale="<b>because</b>",
        source=AssessmentSource(source_type="LLM_JUDGE", source_id="none"),
    )


models = {}


def model(name):
    if name not in models:
        mlflow.set_experiment("agents")
        with mlflow.start_run():
            info = mlflow.pyfunc.log_model(name="agent", python_model=Agent(), pip_requirements=["mlflow"])
        models[name] = info.model_id
    return models[name]


def evaluate(e):
    now.update(e)
    model_id = model(e["model"])
    experiment = mlflow.set_experiment(e["experiment"])
    data = [
        {"inputs": {"q": f"q{n}"}, "expectations": {"answer": "a"}} for n in range(e["first"], e["first"] + e["rows"])
    ]
    more = {"predict_fn": answer}
    if e["traces_of"]:
        data, more = mlflow.search_traces(run_id=e["traces_of"]), {}
    scorers = [lenient if e["lenient"] else correctness, grade, judge]
    with mlflow.start_run() as run:
        mlflow.genai.evaluate(data=data, scorers=scorers, model_id=None if e["unlinked"] else model_id, **more)
    return {"model_id": model_id, "run_id": run.info.run_id, "experiment_id": experiment.experiment_id}


for line in sys.stdin:
    keep, sys.stdout = sys.stdout, open(os.devnull, "w")
    result = evaluate(json.loads(line))
    sys.stdout = keep
    print(json.dumps(result), flush=True)
