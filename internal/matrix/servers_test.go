//go:build real

package matrix

import "github.com/mlflow-promote/mlflow-promote/internal/realtest"

// row is one server in the table.
type row struct {
	name  string
	fast  bool // part of every test run; the other rows run only in the whole matrix
	start realtest.Options
	user  string       // a login without admin rights that trains and promotes; "" for the administrator
	also  func(*bench) // additional checks for this server
}

// rows lists the servers in the table, in the order of the README.
var rows = []row{
	{"3.17.2 on PostgreSQL", true, realtest.Options{Store: "postgresql"}, "", func(b *bench) { together(b); twoMovers(b) }},
	{"3.17.2 on MariaDB", false, realtest.Options{Store: "mariadb"}, "", together},
	{"3.17.2 on SQLite", false, realtest.Options{}, "", nil},
	{"3.17.2, a workspace", false, realtest.Options{Workspace: workspace, Workers: 1}, "", nil},
	{"3.17.2, `--static-prefix`", false, realtest.Options{Prefix: "/mlflow", Workers: 1}, "", nil},
	{"3.17.2, basic-auth", false, realtest.Options{Login: true, Workers: 1}, "", nil},
	{
		"3.17.2, an ordinary login", false, realtest.Options{Login: true, Workers: 1}, "ann", firstPromotion,
	},
	{"2.22.5 on PostgreSQL", false, realtest.Options{Version: "2.22.5", Store: "postgresql"}, "", nil},
	{"2.22.5 on SQLite", true, realtest.Options{Version: "2.22.5", Workers: 1}, "", nil},
	{"2.22.5 on files", true, realtest.Options{Version: "2.22.5", Store: "file", Workers: 1}, "", nil},
	{"2.22.5, basic-auth", false, realtest.Options{Version: "2.22.5", Login: true, Workers: 1}, "", nil},
	{
		"2.22.5, an ordinary login", false, realtest.Options{Version: "2.22.5", Login: true, Workers: 1}, "ann",
		firstPromotion,
	},
	{"2.9.2 on SQLite", false, realtest.Options{Version: "2.9.2", Workers: 1}, "", nil},
	{"2.2.2 on SQLite", false, realtest.Options{Version: "2.2.2", Workers: 1}, "", nil},
	{"1.30.1 on SQLite", true, realtest.Options{Version: "1.30.1", Workers: 1}, "", nil},
	{"1.30.1 on files", false, realtest.Options{Version: "1.30.1", Store: "file", Workers: 1}, "", nil},
}

const workspace = "team-a"

// allowed lists every cell that may differ from ok, with the reason. The test fails if any other cell is not ok, or if
// a listed cell is ok.
var allowed = map[string]map[string]cell{
	"3.17.2 on PostgreSQL":      {"workspace": noWorkspaces},
	"3.17.2 on MariaDB":         {"workspace": noWorkspaces},
	"3.17.2 on SQLite":          {"workspace": noWorkspaces},
	"3.17.2, `--static-prefix`": {"workspace": noWorkspaces},
	"3.17.2, basic-auth":        {"workspace": noWorkspaces},
	"3.17.2, an ordinary login": {"workspace": noWorkspaces},
	"2.22.5 on PostgreSQL":      {"workspace": noWorkspaces, "logged model": noLoggedModels},
	"2.22.5 on SQLite":          {"workspace": noWorkspaces, "logged model": noLoggedModels},
	"2.22.5 on files": {
		"workspace":    noWorkspaces,
		"logged model": noLoggedModels,
		"history":      noLedger,
		"import":       noImport,
	},
	"2.22.5, basic-auth":        {"workspace": noWorkspaces, "logged model": noLoggedModels},
	"2.22.5, an ordinary login": {"workspace": noWorkspaces, "logged model": noLoggedModels},
	"2.9.2 on SQLite":           {"workspace": noWorkspaces, "logged model": noLoggedModels},
	"2.2.2 on SQLite": {
		"workspace":    noWorkspaces,
		"logged model": noLoggedModels,
		"promote @":    tagged,
		"alias":        tagged,
		"rollback":     tagged,
	},
	"1.30.1 on SQLite": {
		"workspace":    noWorkspaces,
		"logged model": noLoggedModels,
		"promote @":    tagged,
		"alias":        tagged,
		"rollback":     tagged,
	},
	"1.30.1 on files": {"doctor": noRegistry, "register": noRegistry, "validate": noRegistry, "promote @": noRegistry,
		"promote stage": noRegistry,
		"alias":         noRegistry,
		"import":        noRegistry,
		"copy":          noRegistry,
		"best":          noRegistry,
		"logged model":  noRegistry,
		"workspace":     noWorkspaces,
		"load":          noRegistry,
		"compare":       noRegistry,
		"lineage":       noRegistry,
		"rollback":      noRegistry,
		"history":       noRegistry, "audit": noRegistry},
}

// cell is the result of a command on a server. For an exception in allowed, why contains the reason.
type cell struct{ is, why string }

var (
	noWorkspaces = cell{
		"refused(unsupported)", "workspaces exist since MLflow 3.10, if the server is started with them",
	}
	noLoggedModels = cell{"refused(unsupported)", "logged models exist since MLflow 3.0"}
	noRegistry     = cell{"refused(unsupported)", "MLflow before 2.1 keeps no registry in files"}
	noLedger       = cell{
		"no ledger",
		"a file store writes the values in a batch one by one, so it keeps no ledger: the output first says that " +
			"there is none, and a rollback uses the tags on versions",
	}
	noImport = cell{
		"refused(unsupported)", "a file store keeps no ledger, so there is nowhere to record an import",
	}
	tagged = cell{
		"fallback", "aliases exist since MLflow 2.3; before that, a tag on exactly one version replaces each alias",
	}
)
