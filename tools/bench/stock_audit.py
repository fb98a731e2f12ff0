"""Read a whole registry with MLflow's Python client, as most people write it."""

import mlflow

client = mlflow.MlflowClient()


def pages(search, **how):
    token = None
    while True:
        page = search(page_token=token, **how)
        yield from page
        token = page.token
        if not token:
            return


models = sum(1 for _ in pages(client.search_registered_models, max_results=1000))
versions = sum(1 for _ in pages(client.search_model_versions, max_results=10000, order_by=["name ASC", "version_number ASC"]))
print(models, versions)
