package policytest

// Gates lists gates in many forms. All of them pass with Facts.
var Gates = []string{
	"metric: a, min: 0.5", "metric: a, max: 0.95, at: best", "metric: a, min: 0.1, at: 3",
	"regression: a, better: higher", "regression: a, better: lower, margin-percent: 1",
	"slices: auc/*, min: 0.5, expect: [x, y]", "signature: same", "signature: present",
	"artifact: complete, flavors: [sklearn], deny: [pickle], python: '>=3.10'",
	"tags: {owner: ann}", "tags: {owner: ann}, of: run", "description: 5, card-file: MLmodel",
	"lineage: [test, training], same-as-incumbent: [test]",
	"commit: head, clean-tag: clean", "commit: ancestor", "age: 30d, soak: 1h, in: Staging",
	"evidence: e.json, dataset: test, not-older-than: 7d, require: {p: '<= 0.2'}",
	"approval: 2, environment: production", "approval: 1", "non-inferiority: a, better: higher, margin: 0.01",
	`expression: 'candidate.metrics["a"] >= incumbent.metrics.b && candidate.params.depth == "3" && ` +
		`candidate.datasets.test == "d1"'`,
}
