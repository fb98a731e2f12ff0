"""The main job with MLflow's Python client, as most people write it: register a
run's model, set description and tags, check its metrics, move the alias."""

import os
import sys

import mlflow
from mlflow import MlflowClient

model, run_id = sys.argv[1:3]
client = MlflowClient()

version = mlflow.register_model(f"runs:/{run_id}/model", model)
client.update_model_version(model, version.version, description=os.environ["DESCRIPTION"])
for line in os.environ["TAGS"].splitlines():
    key, value = line.split("=", 1)
    client.set_model_version_tag(model, version.version, key, value)

metrics = client.get_run(run_id).data.metrics
if metrics["test_accuracy"] < 0.9:
    sys.exit("test_accuracy is too low")
holder = client.get_registered_model(model).aliases.get("champion")
if holder:
    incumbent = client.get_run(client.get_model_version(model, holder).run_id).data.metrics
    if metrics["test_f1"] < incumbent["test_f1"]:
        sys.exit("test_f1 is below the champion's")

client.set_registered_model_alias(model, "champion", version.version)
if client.get_model_version_by_alias(model, "champion").version != version.version:
    sys.exit("the alias did not move")
