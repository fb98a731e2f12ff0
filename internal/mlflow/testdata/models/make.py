"""Save small models with the stock MLflow client and print them as test data: python make.py FOLDER."""
import os, sys, tempfile
import mlflow, mlflow.pyfunc, mlflow.sklearn

class Doubler(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        pass

    def predict(self, context, model_input):
        return model_input


def saved(name, save, out):
    folder = os.path.join(tempfile.mkdtemp(), "model")
    save(folder)
    lines = []
    for at, _, files in os.walk(folder):
        for f in files:
            full = os.path.join(at, f)
            if f.endswith(".pyc"):
                continue
            lines.append(f"{os.path.relpath(full, folder)} {os.path.getsize(full)}")
    text = open(os.path.join(folder, "MLmodel")).read()
    with open(os.path.join(out, f"{name}-{mlflow.__version__}.txt"), "w") as f:
        f.write("-- files --\n" + "\n".join(sorted(lines)) + "\n-- MLmodel --\n" + text)


def main(out):
    from sklearn.linear_model import LogisticRegression
    import pandas
    work = tempfile.mkdtemp()
    os.chdir(work)
    for name, text in {"weights.bin": "w" * 9, "words/a.txt": "a", "words/b/c.txt": "c", "helpers/__init__.py": "x = 1\n", "more.py": "y = 1\n",
                       "agent.py": "import mlflow\nclass M(mlflow.pyfunc.PythonModel):\n    def predict(self, context, model_input):\n        return model_input\nmlflow.models.set_model(M())\n",
                       "loader.py": "def _load_pyfunc(path):\n    return None\n", "blob/x.bin": "xxxx", "notes.md": "n"}.items():
        os.makedirs(os.path.dirname(os.path.join(work, name)), exist_ok=True)
        open(name, "w").write(text)
    x = pandas.DataFrame({"a": [0.0, 1.0], "b": [1.0, 0.0]})
    model = LogisticRegression().fit(x, [0, 1])
    pip = {"pip_requirements": ["mlflow"]}
    jobs = {
        "sklearn": lambda p: mlflow.sklearn.save_model(model, p, input_example=x, code_paths=["helpers", "more.py"], **pip),
        "sklearn-pickle": lambda p: mlflow.sklearn.save_model(model, p, serialization_format="pickle", **pip),
        "pyfunc-artifacts": lambda p: mlflow.pyfunc.save_model(p, python_model=Doubler(), artifacts={"weights": "weights.bin", "words": "words"}, code_paths=["helpers"], **pip),
        "pyfunc-code": lambda p: mlflow.pyfunc.save_model(p, python_model="agent.py", **pip),
        "pyfunc-data": lambda p: mlflow.pyfunc.save_model(p, loader_module="loader", data_path="blob", code_paths=["loader.py"], **pip),
        "sklearn-extra": lambda p: mlflow.sklearn.save_model(model, p, extra_files=["notes.md"], **pip),
    }
    for name, save in jobs.items():
        try:
            saved(name, save, out)
        except Exception as e:
            print(name, type(e).__name__, str(e)[:300])


main(os.path.abspath(sys.argv[1]))
