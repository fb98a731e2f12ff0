"""Save small models with the stock MLflow client as test data: python make.py FOLDER [NAME...]

Each file has the versions of the client and the flavour, the list of the model's files, its MLmodel file, and the
truth: one line for each column or parameter that the client itself reads from that file, and one for each file without
which it cannot load the model. Jobs that a client does not know are skipped.
Only one client's names-2000 is committed, because it is large.
"""
import importlib, inspect, json, os, shutil, sys, tempfile
import mlflow, mlflow.pyfunc, mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import Model
from mlflow.models.signature import ModelSignature, infer_signature
from mlflow.types.schema import ColSpec, Schema
from sklearn.linear_model import LogisticRegression

PIP = {"pip_requirements": ["mlflow"]}
# The names of arguments differ: clients before 2.6 say optional=True for required=False.
REQUIRED = "required" in inspect.signature(ColSpec).parameters
PATHS = "code_paths" if "code_paths" in inspect.signature(mlflow.pyfunc.save_model).parameters else "code_path"
NUMBERS = pd.DataFrame({"a": [0.0, 1.0], "b": [1.0, 0.0]})
AGENT = """import mlflow
class M(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input):
        return model_input
mlflow.models.set_model(M())
"""
CHAIN = """import mlflow
from langchain_core.runnables import RunnableLambda
mlflow.models.set_model(RunnableLambda(lambda text: text))
"""
CHAT_MODEL = """import mlflow
from mlflow.types.llm import ChatChoice, ChatCompletionResponse, ChatMessage
class M(mlflow.pyfunc.ChatModel):
    def predict(self, context, messages, params):
        message = ChatMessage(role="assistant", content="x")
        return ChatCompletionResponse(choices=[ChatChoice(index=0, message=message)])
mlflow.models.set_model(M())
"""
CHAT_AGENT = """import mlflow
from mlflow.types.agent import ChatAgentMessage, ChatAgentResponse
class M(mlflow.pyfunc.ChatAgent):
    def predict(self, messages, context=None, custom_inputs=None):
        return ChatAgentResponse(messages=[ChatAgentMessage(role="assistant", content="x", id="1")])
mlflow.models.set_model(M())
"""
RESPONSES = """import mlflow
from mlflow.types.responses import ResponsesAgentResponse
class M(mlflow.pyfunc.ResponsesAgent):
    def predict(self, request):
        return ResponsesAgentResponse(output=[self.create_text_output_item("x", "1")])
mlflow.models.set_model(M())
"""
HINTS = """import datetime, mlflow, pydantic, typing
class Person(pydantic.BaseModel):
    name: str
    age: typing.Optional[int] = None
    born: datetime.datetime
    likes: list[str]
    more: dict[str, float]
class M(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[Person], params=None) -> list[str]:
        return [p.name for p in model_input]
mlflow.models.set_model(M())
"""
LOADER = """class M:
    def predict(self, data):
        return data
def _load_pyfunc(path):
    open(path + "/x.bin").close()
    return M()
"""
LONG = "{" + "\n\nsignature:\n  inputs: 'not this' & [that] # - - -\n".join(["a"] * 90) + "}"
FILES = {
    "weights.bin": "w" * 9, "words/a.txt": "a", "words/b/c.txt": "c", "helpers/__init__.py": "x = 1\n",
    "more.py": "y = 1\n", "loader.py": LOADER, "blob/x.bin": "xxxx", "notes.md": "n",
    "settings.yaml": "temperature: 0.5\n", "agent.py": AGENT, "chain.py": CHAIN, "chat_model.py": CHAT_MODEL,
    "chat_agent.py": CHAT_AGENT, "responses.py": RESPONSES, "hints.py": HINTS,
}
# Names of columns that look like YAML, JSON or HTML, or that break lines.
SIGNS = [
    "Food & Drink", "&anchor", "*alias", "[list]", "[[[[", "{map}", "}}}}", "a: b", "a:", "# no comment", "a #b",
    "'quoted'", "it''s", '"double"', '\\"', "C:\\new\\table", "Größe in µm", "価格", "🍷", "- - - - -", "-" * 200, "---",
    "...", "? key", "&amp; &lt;b&gt; &#39;", "two\nlines", "blank\n\nline", "return\r\n", "tab\tbed", "\x07bell",
    "line\u2028separator", "next\x85line", "\ufeffmark", " leading", "trailing ", "two  spaces", "   ", "null", "~",
    "true", "1e3", "%tag", "@at", "`tick`", "!!python/object:x", "<<", "|", ">", "%s", "$x", "taken-out-0", "x" * 300,
    "'" * 30, "' " * 100,
]


class Doubler(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        pass

    def predict(self, context, model_input):
        return model_input


def signed(signature, **more):
    """A job that saves a python_function model with a signature."""
    return lambda p: mlflow.pyfunc.save_model(p, python_model=Doubler(), signature=signature(), **PIP, **more)


def frame(*names):
    """A job for a signature with columns of these names."""
    return signed(lambda: infer_signature(pd.DataFrame([[1.0] * len(names)], columns=list(names)), np.array([1.0])))


def example(value, **more):
    return lambda p: mlflow.pyfunc.save_model(p, python_model=Doubler(), input_example=value, **PIP, **more)


def code(name, **more):
    return lambda p: mlflow.pyfunc.save_model(p, python_model=name, **PIP, **more)


def classifier():
    return LogisticRegression().fit(NUMBERS, [0, 1])


def sklearn(**more):
    return lambda p: mlflow.sklearn.save_model(classifier(), p, **PIP, **more)


def flavour(name, make, **more):
    """A job that saves the model that make returns with a flavour of MLflow."""
    return lambda p: importlib.import_module("mlflow." + name).save_model(make(), p, **PIP, **more)


def inferred():
    return infer_signature(NUMBERS, np.array([0, 1]))


def logged(p):
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    with mlflow.start_run():
        more = {"name": "model"} if mlflow.__version__ >= "3" else {"artifact_path": "model"}
        info = mlflow.sklearn.log_model(classifier(), signature=inferred(), **more, **PIP)
    mlflow.artifacts.download_artifacts(info.model_uri, dst_path=os.path.dirname(p))
    if not os.path.exists(p):  # 3.x puts the files next to each other
        os.makedirs(p)
        for f in os.listdir(os.path.dirname(p)):
            if f != "model":
                os.rename(os.path.join(os.path.dirname(p), f), os.path.join(p, f))


def lightgbm():
    import lightgbm
    return lightgbm.train({"verbose": -1, "min_data": 1}, lightgbm.Dataset(NUMBERS, [0, 1]), 1)


def xgboost():
    import xgboost
    return xgboost.train({}, xgboost.DMatrix(NUMBERS, label=[0, 1]), 1)


def catboost():
    import catboost
    return catboost.CatBoostClassifier(iterations=1, verbose=0, allow_writing_files=False).fit(NUMBERS, [0, 1])


def statsmodels():
    import statsmodels.api
    return statsmodels.api.OLS([1.0, 2.0, 4.0], [[1.0], [2.0], [3.0]]).fit()


def onnx():
    from onnx import TensorProto, helper
    names = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, 2]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", names[:1], names[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def spacy():
    import spacy
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    return nlp


def prophet():
    import prophet
    days = pd.date_range("2026-01-01", periods=30)
    return prophet.Prophet().fit(pd.DataFrame({"ds": days, "y": np.arange(30.0)}))


def pmdarima():
    import pmdarima
    return pmdarima.ARIMA(order=(1, 0, 0)).fit(np.arange(20.0) % 3)


def keras():
    import keras
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


def shap():
    import shap
    return shap.LinearExplainer(classifier(), NUMBERS)


def chain():
    from langchain_core.runnables import RunnableLambda
    return RunnableLambda(str)


def llama_index():
    from llama_index.core import Document, MockEmbedding, Settings, VectorStoreIndex
    from llama_index.core.llms import MockLLM
    Settings.embed_model, Settings.llm = MockEmbedding(embed_dim=2), MockLLM()
    return VectorStoreIndex.from_documents([Document(text="x & y")])


def diviner():
    import diviner
    days = pd.date_range("2026-01-01", periods=30)
    x = pd.DataFrame({"ds": days, "y": np.arange(30.0), "k": "a & b"})
    return diviner.GroupedProphet().fit(x, ["k"])


def chat(p):
    import mlflow.openai
    messages = [{"role": "user", "content": "{x} & [y]"}]
    mlflow.openai.save_model("gpt-4o-mini", "chat.completions", p, messages=messages, **PIP)


def resources(p):
    from mlflow.models.resources import DatabricksFunction, DatabricksServingEndpoint
    uses = [DatabricksServingEndpoint(endpoint_name="llm & more"), DatabricksFunction(function_name="c.s.f")]
    mlflow.pyfunc.save_model(p, python_model="agent.py", resources=uses, **PIP)


def typed():
    from mlflow.types.schema import AnyType, Array, Map, Object, Property
    inner = Object([Property("x", "long"), Property("y & [z]", "double", required=False)])
    return ModelSignature(Schema([
        ColSpec(Array("double"), "list"), ColSpec(Array(Array(inner)), "lists", required=False),
        ColSpec(inner, "object"), ColSpec(Map(Array("string")), "map"), ColSpec(AnyType(), "any", required=False)]))


def scalars():
    x = pd.DataFrame({
        "integer": np.array([1], "int32"), "long": [1], "float": np.array([1], "float32"), "double": [0.5],
        "boolean": [True], "string": ["x"], "binary": [b"x"], "datetime": pd.to_datetime(["2026-01-01"])})
    return infer_signature(x, x)


def optional():
    no = {"required": False} if REQUIRED else {"optional": True}
    inputs = [ColSpec("long", "id"), ColSpec("string", "note", **no)]
    return ModelSignature(Schema(inputs), Schema([ColSpec("double")]))


def params():
    import datetime
    values = {
        "float": 0.5, "long": 3, "boolean": True, "words": "a & [b] {c} # 'd' \"e\"", "list": [1, 2],
        "texts": ["x", "y\nz"], "when": np.datetime64(datetime.datetime(2026, 1, 2, 3, 4, 5)),
        "none": float("nan"), "most": float("inf"), "least": float("-inf"), "all": [float("inf"), 0.0]}
    return infer_signature(NUMBERS, np.array([1.0]), params=values)


def object_params():
    return infer_signature(["x"], ["y"], params={"filter": {"lang": "de", "top": 3, "deep": {"x": [1.5]}}})


def sparse():
    from scipy.sparse import csr_matrix
    return infer_signature(csr_matrix(np.eye(3)), np.zeros((3, 2, 4), "float32"))


def tensors():
    images, ids = np.zeros((2, 8, 8, 3), "uint8"), np.zeros((2, 4), "int64")
    x = {"image & mask": images, "[ids]": ids, "text": np.array([["x"]])}
    return infer_signature(x, {"y": np.zeros((2, 1), "float16"), "ok": np.array([True])})


def columns(*specs):
    return lambda: ModelSignature(Schema([ColSpec(t, n) for n, t in specs]), Schema([ColSpec("string")]))


def nested():
    shared = ["x", {"y": "& [z]"}]
    return {
        "flavors": {"none": 1}, "signature": {"inputs": "'not this'"}, "list": [[[["deep"]], []], {}], "same": shared,
        "again": shared, "text": LONG, "umlaut": "Größe 🍷", "number": 1e300, "yes": "yes", "date": "2026-01-01",
        "null": None}


JOBS = {
    "sklearn": sklearn(input_example=NUMBERS, code_paths=["helpers", "more.py"]),
    "sklearn-pickle": sklearn(serialization_format="pickle"),
    "sklearn-extra": sklearn(extra_files=["notes.md"]),
    "sklearn-logged": logged,
    "xgboost": flavour("xgboost", xgboost, signature=inferred()),
    "lightgbm": flavour("lightgbm", lightgbm, input_example=NUMBERS),
    "catboost": flavour("catboost", catboost, signature=inferred()),
    "statsmodels": flavour("statsmodels", statsmodels, signature=inferred()),
    "onnx": flavour("onnx", onnx, input_example=np.zeros((1, 2), "float32")),
    "spacy": flavour("spacy", spacy),
    "prophet": flavour("prophet", prophet, signature=inferred()),
    "pmdarima": flavour("pmdarima", pmdarima),
    "llama_index": flavour("llama_index", llama_index, engine_type="query"),
    "diviner": flavour("diviner", diviner),
    "keras": flavour("tensorflow", keras, signature=infer_signature(np.zeros((2, 2)), np.zeros((2, 1)))),
    "shap": lambda p: mlflow.shap.save_explainer(shap(), p, **PIP),
    "langchain": flavour("langchain", chain),
    "langchain-code": flavour("langchain", lambda: "chain.py", model_config={"k": [1, {"x": "&"}]}),
    "openai": chat,
    "pyfunc-artifacts": lambda p: mlflow.pyfunc.save_model(
        p, python_model=Doubler(), artifacts={"weights": "weights.bin", "words": "words"}, **PIP,
        **{PATHS: ["helpers"]}),
    "pyfunc-code": code("agent.py"),
    "pyfunc-data": lambda p: mlflow.pyfunc.save_model(
        p, loader_module="loader", data_path="blob", **PIP, **{PATHS: ["loader.py"]}),
    "pyfunc-config": code("agent.py", model_config={"a": {"b": [1, "& x"]}}),
    "pyfunc-config-file": code("agent.py", model_config="settings.yaml"),
    "pyfunc-resources": resources,
    "pyfunc-metadata": signed(inferred, metadata=nested()),
    "pyfunc-hints": code("hints.py"),
    "pyfunc-chat-model": code("chat_model.py"),
    "pyfunc-chat-agent": code("chat_agent.py"),
    "pyfunc-responses": code("responses.py"),
    "names-numbers": signed(lambda: infer_signature(pd.DataFrame(np.ones((2, 4))), pd.DataFrame(np.ones((2, 2))))),
    "names-mixed": frame(0, "0", 1.5, "1.5", True, "true", -7, "", "#1"),
    "names-nan": frame("a", float("nan"), float("inf")),
    "names-pairs": frame(("a", "x & y"), ("a", 1), ("b", "x")),
    "names-signs": frame(*SIGNS),
    "names-2000": frame(*[f"& {i}" for i in range(2000)]),
    "names-series": signed(lambda: infer_signature(pd.Series([1, 2], name="a [b]"), pd.Series([1.0]))),
    "types-scalars": signed(scalars),
    "types-optional": signed(optional),
    "types-nested": signed(typed),
    "types-none": signed(
        lambda: infer_signature([{"a": None, "b": [], "c": {"d": [{"e": 1}, {}]}}, {"b": ["x"]}], "x")),
    "types-unnamed": signed(columns((None, "long"), (None, "string"), (None, "double"))),
    "types-params": signed(params),
    "types-object-params": signed(object_params),
    "tensors": signed(tensors),
    "tensors-sparse": signed(sparse),
    "outputs-only": signed(lambda: infer_signature(None, NUMBERS)),
    "example-object": example({"messages": [{"role": "user", "content": "a & [b]"}], "n": 1}),
    "example-texts": example(["a", "b"]),
    "example-array": example(np.zeros((1, 2, 2))),
    "example-params": example((NUMBERS, {"t": 0.5})),
}


def named(name):
    return name if name is None or isinstance(name, str) else {"json": json.dumps(name)}


def line(column):
    """A column or parameter as the client reads it: its name, its type, and its shape or whether it is required."""
    kind = getattr(column, "dtype", None) or column.type
    text = getattr(kind, "name", None) or json.dumps(kind.to_dict())
    if hasattr(column, "shape"):
        return [named(column.name), text, column.shape]
    return [named(column.name), text, getattr(column, "required", not getattr(column, "optional", False))]


def truth(folder):
    model = Model.load(folder)
    for part, columns in (("inputs", "inputs"), ("outputs", "inputs"), ("params", "params")):
        for column in getattr(getattr(model.signature, part, None), columns, []):
            yield f"{part} {json.dumps(line(column))}\n"
    flavor = "pyfunc" if "python_function" in model.flavors else next(iter(model.flavors))
    load = importlib.import_module("mlflow." + flavor).load_model
    load(folder)
    for f in files(folder):
        copy = os.path.join(tempfile.mkdtemp(), "model")
        shutil.copytree(folder, copy)
        os.remove(os.path.join(copy, f))
        try:
            load(copy)
        except Exception:
            yield f"needs {f}\n"


def files(folder):
    for at, _, names in os.walk(folder):
        for full in (os.path.join(at, n) for n in names):
            if not full.endswith((".pyc", "registered_model_meta")):  # neither of them is stored
                yield os.path.relpath(full, folder)


def saved(name, save, out):
    folder = os.path.join(tempfile.mkdtemp(), "model")
    save(folder)
    sizes = [f"{f} {os.path.getsize(os.path.join(folder, f))}\n" for f in sorted(files(folder))]
    with open(os.path.join(folder, "MLmodel"), newline="") as f:
        text = f.read()
    modules = [sys.modules.get(m) for m in (name.partition("-")[0], "tensorflow" if name == "keras" else "")]
    head = ", ".join(f"{m.__name__} {m.__version__}" for m in [mlflow, np, pd, *modules] if hasattr(m, "__version__"))
    sections = [head + "\n-- files --\n", *sizes, "-- MLmodel --\n", text, "-- truth --\n", *truth(folder)]
    with open(os.path.join(out, f"{name}-{mlflow.__version__}.txt"), "w", newline="") as f:
        f.write("".join(sections))


def main(out, names):
    os.chdir(tempfile.mkdtemp())
    for name, text in FILES.items():
        os.makedirs(os.path.dirname(os.path.join(os.getcwd(), name)), exist_ok=True)
        with open(name, "w") as f:
            f.write(text)
    for name, save in JOBS.items():
        if names and name not in names:
            continue
        try:
            saved(name, save, out)
        except Exception as e:
            print(name, type(e).__name__, str(e)[:300])


main(os.path.abspath(sys.argv[1]), sys.argv[2:])
