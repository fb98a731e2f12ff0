package evidence

import (
	"maps"
	"path"
	"slices"
)

var modelScanLevels = map[string]Severity{"LOW": Low, "MEDIUM": Medium, "HIGH": High, "CRITICAL": Critical}

// readModelScan reads the JSON from `modelscan -r json`. Its time has no time zone and is assumed to be in UTC.
func readModelScan(p node, out *Report) {
	listed := map[Severity]int{}
	for _, issue := range p.at("issues").objects() {
		severity := issue.at("severity")
		level := oneOf(severity, modelScanLevels)
		listed[level]++
		out.addFinding(level, false, "%s %s in %s", severity.text, issue.at("description").optionalText(),
			issue.at("source").optionalText())
	}
	summary := p.at("summary")
	out.addTime(summary.at("timestamp").time("2006-01-02T15:04:05.999999"))
	for _, name := range slices.Sorted(maps.Keys(modelScanLevels)) {
		at, level := summary.at("total_issues_by_severity").at(name), modelScanLevels[name]
		if at.count() != listed[level] {
			at.fail("is %s, but the report lists %d", at.shown(), listed[level])
		}
	}
	if at := summary.at("total_issues"); at.count() != len(out.Findings) {
		at.fail("is %s, but the report lists %d", at.shown(), len(out.Findings))
	}
	for _, e := range p.at("errors").objects() {
		out.addGap("%s %s: %s", e.at("category").optionalText(), e.at("source").optionalText(),
			e.at("description").optionalText())
	}
	if summary.at("scanned").at("total_scanned").count() == 0 {
		out.addGap("modelscan scanned no file")
	}
	if summary.has("skipped") {
		readSkipped(summary.at("skipped"), out)
	}
}

// modelscan has no scanner for text files, nor for the files that MLflow writes next to a model. With --show-skipped,
// it lists such files as skipped.
var (
	mlflowFiles = []string{"MLmodel", "registered_model_meta"}
	textEndings = []string{".yaml", ".yml", ".txt", ".md", ".json", ".toml", ".csv", ".py"}
)

func readSkipped(p node, out *Report) {
	files := p.at("skipped_files").objects()
	if at := p.at("total_skipped"); at.count() != len(files) {
		at.fail("is %s, but the report lists %d", at.shown(), len(files))
	}
	for _, f := range files {
		name := f.at("source").str()
		known := slices.Contains(mlflowFiles, path.Base(name)) || slices.Contains(textEndings, path.Ext(name))
		if f.at("category").str() != "SCAN_NOT_SUPPORTED" || !known {
			out.addGap("skipped %s: %s", name, f.at("category").text)
		}
	}
}
