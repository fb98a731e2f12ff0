"""Writes noninferiority.json: the test of the gate non-inferiority as SciPy computes it, on the F1 of models cross-validated on
data sets that come with scikit-learn, and on Student's distribution itself. Needs scikit-learn and SciPy."""

import json
import sys
import warnings

import scipy
import sklearn
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
MODELS = {
    "centroid": make_pipeline(StandardScaler(), NearestCentroid()),
    "bayes": GaussianNB(),
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
}
cases = []
for data, load in (("breast_cancer", load_breast_cancer), ("wine", load_wine)):
    x, y = load(return_X_y=True)
    for folds, repeats in ((5, 1), (10, 1), (5, 4)):
        cv = RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=7)
        scores = {n: cross_val_score(m, x, y, cv=cv, scoring="f1_macro") for n, m in MODELS.items()}
        for candidate in MODELS:
            for incumbent in MODELS:
                gains = scores[candidate] - scores[incumbent]
                if candidate == incumbent:
                    continue
                for margin in (0.001, 0.01, 0.05):
                    p = stats.ttest_1samp(gains, -margin, alternative="greater").pvalue
                    cases.append({"data": data, "candidate": candidate, "incumbent": incumbent, "gains": gains.tolist(),
                                  "margin": margin, "mean": float(gains.mean()), "p": float(p)})
tails = [{"t": t, "df": df, "p": float(stats.t.sf(t, df))}
         for df in (1, 2, 3, 4, 9, 19, 99, 1000) for t in (-40, -5, -1.5, -0.1, 0, 0.1, 0.7, 1.96, 3, 8, 40)]
json.dump({"scipy": scipy.__version__, "sklearn": sklearn.__version__, "tests": cases, "tails": tails}, sys.stdout, indent=1)
