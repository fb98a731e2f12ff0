package pintest

import "regexp"

// Format is a kind of document that programs parse.
type Format string

// The document formats.
const (
	Result    Format = "result"    // the `result` output, the --json output and the report file
	Audit     Format = "audit"     // an audit's report file
	Page      Format = "page"      // the data embedded in the page of an audit
	SARIF     Format = "sarif"     // findings for code scanning
	Plan      Format = "plan"      // a plan in a comment or in a result
	Record    Format = "record"    // a whole record in the ledger; its digest covers all of its text
	Short     Format = "short"     // a record in a version's tag
	Predicate Format = "predicate" // the predicate of an in-toto statement, which contains a record
	Event     Format = "event"     // an event for webhooks and workflows
	MLflow    Format = "mlflow"    // a request to MLflow
	GitHub    Format = "github"    // a request to GitHub
	Slack     Format = "slack"     // a message to Slack
)

// Field is a place in a document that contains one or more sentences.
type Field struct {
	Format Format
	Path   string         // the keys without list indices, for example findings.why; a final * matches any key
	But    *regexp.Regexp // matches strings in this place that are not sentences
}

var (
	number = regexp.MustCompile(`^[<>=!]*\s*-?\d+(\.\d+)?(e[-+]?\d+)?$`)
	word   = regexp.MustCompile(`^\S*$`)
)

// Sentences lists all fields that contain sentences for people, which may be reworded. All other fields, including the
// names of gates and channels, are for programs and must stay the same. A record contains no sentences.
var Sentences = []Field{
	{Result, "error", nil},
	{Result, "hint", nil},
	{Result, "notes", nil},
	{Result, "warnings", nil},
	{Result, "problems", nil},
	{Result, "waivers", nil},
	{Result, "no_ledger", nil},
	{Result, "steps.note", nil},
	{Result, "findings.wanted", number},
	{Result, "findings.candidate", number},
	{Result, "findings.incumbent", number},
	{Result, "findings.why", nil},
	{Result, "findings.fix", nil},
	{Result, "findings.waiver", nil},
	{Result, "history.broken", nil},
	{Result, "history.no_ledger", nil},
	{Result, "histories.broken", nil},
	{Result, "histories.no_ledger", nil},
	{Result, "deployment.error", nil},
	{Result, "told.error", nil},
	{Result, "audit.worst.message", nil},
	{Result, "audit.worst.fix", nil},
	{Result, "audit.worst.accepted", nil},
	{Result, "audit.totals.not_judged.why", nil},
	{Result, "audit.totals.not_judged.where", nil},
	{Result, "audit.fails_not_judged.why", nil},
	{Result, "audit.fails_not_judged.where", nil},
	{Result, "server.store_why", nil},
	{Result, "server.ledger", nil},
	{Result, "server.ledger_guard", nil},
	{Result, "server.ledger_home", nil},
	{Result, "server.ledger_grants", nil},
	{Result, "server.warnings", nil},
	{Result, "data.problem", nil},
	{Result, "data.error", nil},
	{Result, "data.verdict.findings.wanted", number},
	{Result, "data.verdict.findings.candidate", number},
	{Result, "data.verdict.findings.incumbent", number},
	{Result, "data.verdict.findings.why", nil},
	{Result, "data.verdict.findings.fix", nil},
	{Result, "data.verdict.findings.waiver", nil},
	{Result, "data.verdict.waivers", nil},
	{Result, "data.candidate.problem", nil},
	{Result, "data.against.problem", nil},
	{Result, "data.signature", nil},
	{Result, "data.signature_changes", nil},
	{Result, "data.metrics.unclear.why", nil},
	{Result, "data.run_problem", nil},
	{Result, "data.copied_from.problem", nil},
	{Result, "data.training.metrics_unclear.*", nil},
	{Result, "data.lost.why", nil},

	{Audit, "error", nil},
	{Audit, "rules.title", nil},
	{Audit, "rules.why", nil},
	{Audit, "rules.fix", nil},
	{Audit, "findings.message", nil},
	{Audit, "findings.fix", nil},
	{Audit, "findings.accepted", nil},
	{Audit, "totals.not_judged.why", nil},
	{Audit, "totals.not_judged.where", nil},

	{Page, "rules.title", nil},
	{Page, "rules.why", nil},
	{Page, "rules.fix", nil},
	{Page, "ledger", nil},
	{Page, "broken", nil},
	{Page, "unreadable", nil},
	{Page, "words", word},

	{SARIF, "runs.results.message.text", nil},
	{SARIF, "runs.tool.driver.rules.shortDescription.text", nil},
	{SARIF, "runs.tool.driver.rules.fullDescription.text", nil},
	{SARIF, "runs.tool.driver.rules.help.text", nil},

	{Plan, "notes", nil},
	{Plan, "verdict.waivers", nil},
	{Plan, "verdict.findings.wanted", number},
	{Plan, "verdict.findings.candidate", number},
	{Plan, "verdict.findings.incumbent", number},
	{Plan, "verdict.findings.why", nil},
	{Plan, "verdict.findings.fix", nil},
	{Plan, "verdict.findings.waiver", nil},

	{Short, "no_ledger", nil},
	{Short, "waivers", nil},

	{MLflow, "tags.mlflow.note.content", nil},
	{MLflow, "tag.promote.unfit", nil},

	{GitHub, "title", nil},
	{GitHub, "description", nil},

	{Slack, "text", nil},
	{Slack, "blocks.text.text", nil},
	{Slack, "blocks.fields.text", nil},
	{Slack, "blocks.elements.text", nil},
}

// nested maps each key that contains another document to the format of that document.
var nested = map[Format]map[string]Format{
	Result: {"plan": Plan, "record": Record},
}

// unsteady lists the keys whose values differ in each run.
var unsteady = map[Format]map[string]bool{
	Result: {"rounds": true, "duration_ms": true},
}
