package dialect

import (
	"slices"
	"strings"
)

// Dialect describes how a version of MLflow behaves on a database. The database is SQLite unless Store says otherwise.
type Dialect struct {
	version string
	Store   string // "sqlite", "postgresql", "mariadb", or "file" for the file store
	serverSwitches
	modelSwitches
	sourceSwitches
	searchSwitches
	runSwitches
	artifactSwitches
}

// serverSwitches contains the differences that concern the whole server.
type serverSwitches struct {
	VersionRoute        bool   // GET /version
	HealthType          string // the content type of /health
	ContentTypeChecked  bool   // writes require the content type application/json
	QueryChecked        bool   // checks the parameters of a GET; if not, a wrong type causes an uncaught exception
	StringLimits        bool   // accepts a string for a bounded number; if not, it causes an uncaught exception
	EntriesComplete     bool   // a batch entry without a key or value causes an uncaught exception
	HostChecked         bool   // refuses unknown Host headers
	ErrorClasses        bool   // errors contain sqlstate and error_class
	ServerInfo          bool
	GraphQL             bool // POST /graphql
	GraphQLLimited      bool // a query has at most 10 root fields
	GraphQLRights       bool // with logins, checks whether the login may read a run
	PrefixesAPI         bool // the static prefix includes the API
	Workspaces          bool // reads the workspace header, even if only to report that workspaces are off
	ExperimentWorkspace bool // experiments show their workspace
	HidesUnknown        bool // with logins, a missing resource looks the same as an unreadable one
	SearchFiltered      bool // with logins, searches for versions omit unreadable ones
	PermissionGrants    bool // supports the newer routes for users and permissions
}

// modelSwitches contains the differences that concern registered models and their versions.
type modelSwitches struct {
	Aliases         bool // supports the alias routes
	AliasNeedsModel bool // for a missing model, an alias causes a 404 rather than "alias not found"
	AliasDropped    bool // deleting a version deletes its aliases; if not, they are left dangling
	LatestAliases   bool // the newest version in each stage lists its aliases if this is requested separately
	LatestAlias     bool // the alias "latest" points to the highest version
	StrictNames     bool // a model name must not be blank or contain "/" or ":"
	ColonInKeys     bool // tag keys may contain a colon
	VersionTagLimit int  // maximum length of the value of a version's tag
	ModelTagLimit   int  // maximum length of the value of a registered model's tag
	PromptsHidden   bool // searches exclude prompts
	WholeNumbers    bool // version_number can only be compared with whole numbers
}

// sourceSwitches contains the differences that concern version sources.
type sourceSwitches struct {
	VerbatimModels    bool   // a models:/… source is stored as given rather than resolved
	RemoteFiles       string // the effect of a file://host/… source: "crash", "refused" or "stored"
	PathSourceChecked bool   // refuses sources with "..", NUL and the like
	SourceOwned       bool   // a source must be in the run or logged model that is given
	SourceSchemes     bool   // refuses http, ftp, hdfs … sources
}

// searchSwitches contains the differences that concern searches and lists.
type searchSwitches struct {
	VersionSearchPaged bool // searches for versions support max_results, order_by and page_token
	NameIn             bool // filters support `name IN (…)`
	BareAttributes     bool // filters for runs accept an attribute without the prefix `attributes.`
	StrayTokens        bool // registry filters ignore meaningless words and lists, for example `name IN (…)`
	FullPageToken      bool // a full page of experiments has a token even if no page follows
	FullRunsToken      bool // a full page of runs has a token even if no page follows
	RunIDsIn           bool // filters for runs support run_id IN (…)
	NaNIsNoNumber      bool // searches do not treat NaN as zero, even though it is stored as zero
	HistoryPaged       bool // metrics/get-history supports max_results
}

// runSwitches contains the differences that concern runs, experiments and logged models.
type runSwitches struct {
	ParamLimit    int  // maximum length of a run parameter's value
	ParamCut      bool // longer values are truncated rather than refused
	RunTagLimit   int
	RunTagCut     bool
	NaNOnce       bool // refuses a NaN that is already stored, together with the other metrics in the request
	LoggedModels  bool // supports logged models (MLflow 3)
	SearchOutputs bool // searches return runs with their outputs (not in 3.4)
	CreateInputs  bool // the response that creates a run states that the run has no inputs
	Datasets      bool // runs list their inputs
	UpdateResets  bool // updating a run sets its status and end time, even if the request contains neither
	ExperimentIDs bool // refuses an experiment id that is not a number; if not, it finds no experiment
}

// artifactSwitches contains the differences that concern artifacts.
type artifactSwitches struct {
	AsyncProxy      bool   // the artifact proxy serves files separately from the API, and its responses differ
	MissingArtifact string // the response for a missing file: "404", "500 json" or "500 page"
	MissingProxied  string // the response for a missing file from the artifact proxy
	ArtifactTypes   bool   // artifacts have a content type; if not, the proxy sends text as HTML
	ArtifactPaths   bool   // checks artifact paths; if not, a bad path causes an uncaught exception
	Presigns        bool   // returns object store addresses for downloads (MLflow 3.15)
	PresignsUploads bool   // returns object store addresses for uploads (MLflow 3.12)
	PresignsModels  bool   // returns such addresses for logged models too (MLflow 3.17)
	Multipart       bool   // accepts uploads in parts (MLflow 2.9)
	PathNeeded      bool   // a download without a path is a bad request; if not, it causes an uncaught exception
	ProxyDeletes    bool   // the artifact proxy can delete files
}

// htmlType is the content type that older servers use for any plain text.
const htmlType = "text/html; charset=utf-8"

// table contains a row for each version that package conformance has recordings of.
var table = []Dialect{
	{
		version: "3.17.2",
		serverSwitches: serverSwitches{
			VersionRoute: true, HealthType: "text/plain; charset=utf-8", ContentTypeChecked: true,
			QueryChecked: true, StringLimits: true, HostChecked: true, ErrorClasses: true, ServerInfo: true,
			PrefixesAPI: true, Workspaces: true, ExperimentWorkspace: true, HidesUnknown: true,
			SearchFiltered: true, PermissionGrants: true, GraphQL: true, GraphQLLimited: true,
			GraphQLRights: true,
		},
		modelSwitches: modelSwitches{
			Aliases: true, AliasNeedsModel: true, AliasDropped: true, LatestAliases: true, LatestAlias: true,
			StrictNames: true, ColonInKeys: true, VersionTagLimit: 100_000, ModelTagLimit: 100_000,
			PromptsHidden: true, WholeNumbers: true,
		},
		sourceSwitches: sourceSwitches{
			RemoteFiles: "crash", PathSourceChecked: true, SourceOwned: true, SourceSchemes: true,
		},
		searchSwitches: searchSwitches{
			VersionSearchPaged: true, NameIn: true, BareAttributes: true, RunIDsIn: true, NaNIsNoNumber: true,
			HistoryPaged: true,
		},
		runSwitches: runSwitches{
			ParamLimit: 6000, ParamCut: true, RunTagLimit: 8000, RunTagCut: true, LoggedModels: true,
			SearchOutputs: true,
			CreateInputs:  true, Datasets: true, ExperimentIDs: true,
		},
		artifactSwitches: artifactSwitches{
			Presigns: true, PresignsUploads: true, PresignsModels: true, Multipart: true, AsyncProxy: true,
			MissingArtifact: "404", MissingProxied: "404", ArtifactTypes: true,
			ArtifactPaths: true, PathNeeded: true, ProxyDeletes: true,
		},
	},
	{
		version: "2.22.5",
		serverSwitches: serverSwitches{
			VersionRoute: true, HealthType: htmlType, ContentTypeChecked: true, QueryChecked: true,
			StringLimits: true, GraphQL: true,
		},
		modelSwitches: modelSwitches{
			Aliases: true, LatestAliases: true, ColonInKeys: true, VersionTagLimit: 5000, ModelTagLimit: 5000,
			PromptsHidden: true,
		},
		sourceSwitches: sourceSwitches{
			RemoteFiles: "crash", PathSourceChecked: true,
		},
		searchSwitches: searchSwitches{
			VersionSearchPaged: true, BareAttributes: true, FullRunsToken: true, RunIDsIn: true,
		},
		runSwitches: runSwitches{
			ParamLimit: 6000, ParamCut: true, RunTagLimit: 8000, RunTagCut: true, CreateInputs: true,
			Datasets: true, NaNOnce: true,
		},
		artifactSwitches: artifactSwitches{
			Multipart: true, MissingArtifact: "500 page", MissingProxied: "500 json", ArtifactTypes: true,
			ArtifactPaths: true, PathNeeded: true, ProxyDeletes: true,
		},
	},
	{
		version: "2.9.2",
		serverSwitches: serverSwitches{
			VersionRoute: true, HealthType: htmlType, ContentTypeChecked: true,
		},
		modelSwitches: modelSwitches{
			Aliases: true, VersionTagLimit: 5000, ModelTagLimit: 5000,
		},
		sourceSwitches: sourceSwitches{
			RemoteFiles: "refused", PathSourceChecked: true,
		},
		searchSwitches: searchSwitches{
			VersionSearchPaged: true, BareAttributes: true, FullRunsToken: true, RunIDsIn: true,
		},
		runSwitches: runSwitches{
			ParamLimit: 6000, RunTagLimit: 5000, Datasets: true, NaNOnce: true,
		},
		artifactSwitches: artifactSwitches{
			Multipart: true, MissingArtifact: "500 page", MissingProxied: "500 json", ArtifactTypes: true,
			ArtifactPaths: true,
		},
	},
	{
		version: "2.2.2",
		serverSwitches: serverSwitches{
			VersionRoute: true, HealthType: htmlType, EntriesComplete: true,
		},
		modelSwitches: modelSwitches{
			VersionTagLimit: 5000, ModelTagLimit: 5000,
		},
		sourceSwitches: sourceSwitches{
			VerbatimModels: true, RemoteFiles: "stored",
		},
		searchSwitches: searchSwitches{
			VersionSearchPaged: true, BareAttributes: true, StrayTokens: true, FullRunsToken: true,
		},
		runSwitches: runSwitches{
			ParamLimit: 500, RunTagLimit: 5000, UpdateResets: true, NaNOnce: true,
		},
		artifactSwitches: artifactSwitches{
			MissingArtifact: "500 page", MissingProxied: "500 json", ArtifactTypes: true,
		},
	},
	{
		version: "1.30.1",
		serverSwitches: serverSwitches{
			HealthType: htmlType, EntriesComplete: true,
		},
		modelSwitches: modelSwitches{
			VersionTagLimit: 5000, ModelTagLimit: 5000,
		},
		sourceSwitches: sourceSwitches{
			VerbatimModels: true, RemoteFiles: "refused",
		},
		searchSwitches: searchSwitches{
			StrayTokens: true, FullPageToken: true, FullRunsToken: true,
		},
		runSwitches: runSwitches{
			ParamLimit: 500, RunTagLimit: 5000, UpdateResets: true, NaNOnce: true,
		},
		artifactSwitches: artifactSwitches{
			MissingArtifact: "500 page", MissingProxied: "500 json",
		},
	},
}

// Versions lists the supported MLflow versions, newest first.
func Versions() []string {
	var out []string
	for _, d := range table {
		out = append(out, d.version)
	}
	return out
}

// Find returns the dialect for a version or, if none exists, for its release line.
func Find(version string) (*Dialect, bool) {
	line := func(v string) string {
		parts := strings.SplitN(v, ".", 3)
		return strings.Join(parts[:min(2, len(parts))], ".")
	}
	i := slices.IndexFunc(table, func(d Dialect) bool { return line(d.version) == line(version) })
	if i < 0 {
		return nil, false
	}
	found := table[i]
	found.Store = "sqlite"
	return &found, true
}
