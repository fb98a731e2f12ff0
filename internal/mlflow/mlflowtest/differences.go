package mlflowtest

import (
	"slices"
	"strings"
	"time"
)

// switches are the differences between versions of MLflow.
type switches struct {
	version string
	serverSwitches
	modelSwitches
	sourceSwitches
	searchSwitches
	runSwitches
	artifactSwitches
}

// serverSwitches are the differences in the server as a whole.
type serverSwitches struct {
	versionRoute        bool   // GET /version
	healthType          string // content type of /health
	contentTypeChecked  bool   // writes require the content type application/json
	queryChecked        bool   // checks the parameters of a GET; otherwise a wrong type is an uncaught exception
	stringLimits        bool   // accepts a limited number in a string; otherwise that is an uncaught exception
	entriesComplete     bool   // an entry in a batch without a key or value is an uncaught exception
	hostChecked         bool   // refuses unknown Host headers
	errorClasses        bool   // errors contain sqlstate and error_class
	serverInfo          bool
	prefixesAPI         bool // the static prefix includes the API
	workspaces          bool // reads the workspace header, if only to say that the feature is off
	experimentWorkspace bool // an experiment shows its workspace
	hidesUnknown        bool // with logins, missing things look like unreadable ones
	searchFiltered      bool // with logins, a search of versions leaves out unreadable ones
	permissionGrants    bool // has the newer routes for users and grants
}

// modelSwitches are the differences in registered models and their versions.
type modelSwitches struct {
	aliases         bool // has the alias routes
	aliasNeedsModel bool // an alias of a missing model gives 404 instead of "alias not found"
	aliasDropped    bool // deleting a version deletes its aliases, which otherwise dangle
	latestAliases   bool // the newest versions of stages list their aliases if requested separately
	latestAlias     bool // the alias "latest" means the highest version
	strictNames     bool // model names must not contain "/" or ":" or be blank
	colonInKeys     bool // tag keys may contain a colon
	versionTagLimit int  // longest value of a version's tag
	modelTagLimit   int  // longest value of a registered model's tag
	promptsHidden   bool // searches exclude prompts
	wholeNumbers    bool // version_number is compared with whole numbers only
}

// sourceSwitches are the differences in the sources of versions.
type sourceSwitches struct {
	verbatimModels    bool   // a source models:/… is stored as given and not resolved
	remoteFiles       string // source file://host/…: "crash", "refused" or "stored"
	pathSourceChecked bool   // refuses "..", NUL and similar in a source
	sourceOwned       bool   // a source must be inside of the given run or logged model
	sourceSchemes     bool   // refuses sources on http, ftp, hdfs …
}

// searchSwitches are the differences in searches and lists.
type searchSwitches struct {
	versionSearchPaged bool // search of versions supports max_results, order_by and page_token
	nameIn             bool // filters support name IN (…)
	bareAttributes     bool // a filter of runs accepts an attribute without attributes. before it
	strayTokens        bool // registry filters ignore meaningless words and lists, such as name IN (…)
	fullPageToken      bool // a page of experiments that is exactly full says that more follow
	fullRunsToken      bool // the same for a page of runs
	runIDsIn           bool // a filter of runs supports run_id IN (…)
	nanIsNoNumber      bool // searches never treat NaN as the zero that is stored
	historyPaged       bool // metrics/get-history supports max_results
}

// runSwitches are the differences in runs, experiments and logged models.
type runSwitches struct {
	paramLimit    int  // longest value of a run's parameter
	paramCut      bool // longer values are truncated instead of refused
	runTagLimit   int
	runTagCut     bool
	loggedModels  bool // has logged models (MLflow 3)
	createInputs  bool // a new run says that it has no inputs
	datasets      bool // runs list their inputs
	updateResets  bool // updating a run sets status and end time even if the request has none
	experimentIDs bool // refuses an experiment id that is not a number, instead of not finding it
}

// artifactSwitches are the differences in artifacts.
type artifactSwitches struct {
	asyncProxy      bool   // files of the artifact proxy are served next to the API, with different responses
	missingArtifact string // response for a missing file: "404", "500 json" or "500 page"
	missingProxied  string // the same for the artifact proxy
	artifactTypes   bool   // artifacts have a content type; else the proxy sends text as HTML
	artifactPaths   bool   // checks the path of an artifact; otherwise a bad path is an uncaught exception
	pathNeeded      bool   // a download without a path is a bad request; otherwise it is an uncaught exception
	proxyDeletes    bool   // the artifact proxy can delete
}

// table has one row for each version with recordings in testdata/conformance.
var table = []switches{
	{
		version: "3.17.2",
		serverSwitches: serverSwitches{
			versionRoute: true, healthType: "text/plain; charset=utf-8", contentTypeChecked: true,
			queryChecked: true, stringLimits: true, hostChecked: true, errorClasses: true, serverInfo: true,
			prefixesAPI: true, workspaces: true, experimentWorkspace: true, hidesUnknown: true,
			searchFiltered: true, permissionGrants: true,
		},
		modelSwitches: modelSwitches{
			aliases: true, aliasNeedsModel: true, aliasDropped: true, latestAliases: true, latestAlias: true,
			strictNames: true, colonInKeys: true, versionTagLimit: 100_000, modelTagLimit: 100_000,
			promptsHidden: true, wholeNumbers: true,
		},
		sourceSwitches: sourceSwitches{
			remoteFiles: "crash", pathSourceChecked: true, sourceOwned: true, sourceSchemes: true,
		},
		searchSwitches: searchSwitches{
			versionSearchPaged: true, nameIn: true, bareAttributes: true, runIDsIn: true, nanIsNoNumber: true,
			historyPaged: true,
		},
		runSwitches: runSwitches{
			paramLimit: 6000, paramCut: true, runTagLimit: 8000, runTagCut: true, loggedModels: true,
			createInputs: true, datasets: true, experimentIDs: true,
		},
		artifactSwitches: artifactSwitches{
			asyncProxy: true, missingArtifact: "404", missingProxied: "404", artifactTypes: true,
			artifactPaths: true, pathNeeded: true, proxyDeletes: true,
		},
	},
	{
		version: "2.22.5",
		serverSwitches: serverSwitches{
			versionRoute: true, healthType: htmlType, contentTypeChecked: true, queryChecked: true,
			stringLimits: true,
		},
		modelSwitches: modelSwitches{
			aliases: true, latestAliases: true, colonInKeys: true, versionTagLimit: 5000, modelTagLimit: 5000,
			promptsHidden: true,
		},
		sourceSwitches: sourceSwitches{
			remoteFiles: "crash", pathSourceChecked: true,
		},
		searchSwitches: searchSwitches{
			versionSearchPaged: true, bareAttributes: true, fullRunsToken: true, runIDsIn: true,
		},
		runSwitches: runSwitches{
			paramLimit: 6000, paramCut: true, runTagLimit: 8000, runTagCut: true, createInputs: true,
			datasets: true,
		},
		artifactSwitches: artifactSwitches{
			missingArtifact: "500 page", missingProxied: "500 json", artifactTypes: true, artifactPaths: true,
			pathNeeded: true, proxyDeletes: true,
		},
	},
	{
		version: "2.9.2",
		serverSwitches: serverSwitches{
			versionRoute: true, healthType: htmlType, contentTypeChecked: true,
		},
		modelSwitches: modelSwitches{
			aliases: true, versionTagLimit: 5000, modelTagLimit: 5000,
		},
		sourceSwitches: sourceSwitches{
			remoteFiles: "refused", pathSourceChecked: true,
		},
		searchSwitches: searchSwitches{
			versionSearchPaged: true, bareAttributes: true, fullRunsToken: true, runIDsIn: true,
		},
		runSwitches: runSwitches{
			paramLimit: 6000, runTagLimit: 5000, datasets: true,
		},
		artifactSwitches: artifactSwitches{
			missingArtifact: "500 page", missingProxied: "500 json", artifactTypes: true, artifactPaths: true,
		},
	},
	{
		version: "2.2.2",
		serverSwitches: serverSwitches{
			versionRoute: true, healthType: htmlType, entriesComplete: true,
		},
		modelSwitches: modelSwitches{
			versionTagLimit: 5000, modelTagLimit: 5000,
		},
		sourceSwitches: sourceSwitches{
			verbatimModels: true, remoteFiles: "stored",
		},
		searchSwitches: searchSwitches{
			versionSearchPaged: true, bareAttributes: true, strayTokens: true, fullRunsToken: true,
		},
		runSwitches: runSwitches{
			paramLimit: 500, runTagLimit: 5000, updateResets: true,
		},
		artifactSwitches: artifactSwitches{
			missingArtifact: "500 page", missingProxied: "500 json", artifactTypes: true,
		},
	},
	{
		version: "1.30.1",
		serverSwitches: serverSwitches{
			healthType: htmlType, entriesComplete: true,
		},
		modelSwitches: modelSwitches{
			versionTagLimit: 5000, modelTagLimit: 5000,
		},
		sourceSwitches: sourceSwitches{
			verbatimModels: true, remoteFiles: "refused",
		},
		searchSwitches: searchSwitches{
			strayTokens: true, fullPageToken: true, fullRunsToken: true,
		},
		runSwitches: runSwitches{
			paramLimit: 500, runTagLimit: 5000, updateResets: true,
		},
		artifactSwitches: artifactSwitches{
			missingArtifact: "500 page", missingProxied: "500 json",
		},
	},
}

// Versions lists the supported versions of MLflow, newest first.
func Versions() []string {
	var out []string
	for _, sw := range table {
		out = append(out, sw.version)
	}
	return out
}

// lookup finds the row of a version or of its release line.
func lookup(version string) (switches, bool) {
	line := func(v string) string {
		parts := strings.SplitN(v, ".", 3)
		return strings.Join(parts[:min(2, len(parts))], ".")
	}
	i := slices.IndexFunc(table, func(sw switches) bool { return line(sw.version) == line(version) })
	if i < 0 {
		return switches{}, false
	}
	return table[i], true
}

// config is what an operator chooses when starting a server.
type config struct {
	version      string
	store        string
	now          func() time.Time
	seed         int64
	latency      time.Duration
	staticPrefix string
	allowedHosts []string
	workspacesOn bool
	basicAuth    bool
	artifacts    artifactMode
	artifactRoot string
	defaultGrant permission
}

type artifactMode int

const (
	artifactsProxied artifactMode = iota
	artifactsDirect               // --no-serve-artifacts
	artifactsOnly                 // --artifacts-only
)

// Option is a choice of the server's operator.
type Option func(*Server)

// Store sets the database of the server: "sqlite" (default), "postgresql", "mariadb", or "file" for the file store. It
// decides which long values are refused. The file store does some things only in part: it archives although the version
// to move is missing, stores parameters of a batch one by one, and shows aliases in searches. Other differences of the
// file store are not simulated.
func Store(kind string) Option { return func(s *Server) { s.cfg.store = kind } }

// Clock sets the time for timestamps and the Date header. The default is time.Now.
func Clock(now func() time.Time) Option { return func(s *Server) { s.cfg.now = now } }

// IDs makes servers generate different ids. The same seed gives the same ids in the same order.
func IDs(seed int64) Option { return func(s *Server) { s.cfg.seed = seed } }

// Latency makes each response take this long, on the clock of package time.
func Latency(d time.Duration) Option { return func(s *Server) { s.cfg.latency = d } }

// StaticPrefix starts the server with --static-prefix.
func StaticPrefix(p string) Option { return func(s *Server) { s.cfg.staticPrefix = p } }

// AllowedHosts starts the server with --allowed-hosts; "*" is a wildcard. Without it, versions that check accept only
// loopback and literal private addresses.
func AllowedHosts(hosts ...string) Option {
	return func(s *Server) { s.cfg.allowedHosts = hosts }
}

// EnableWorkspaces starts the server with --enable-workspaces.
func EnableWorkspaces() Option { return func(s *Server) { s.cfg.workspacesOn = true } }

// ArtifactRoot starts the server with --default-artifact-root. New experiments keep their artifacts there, and clients
// read them directly.
func ArtifactRoot(uri string) Option { return func(s *Server) { s.cfg.artifactRoot = uri } }

// ArtifactsOff starts the server with --no-serve-artifacts: its artifact proxy responds with 503.
func ArtifactsOff() Option { return func(s *Server) { s.cfg.artifacts = artifactsDirect } }

// ArtifactsOnly starts the server with --artifacts-only: everything except the artifact proxy responds with 503.
func ArtifactsOnly() Option { return func(s *Server) { s.cfg.artifacts = artifactsOnly } }

// BasicAuth starts the server with the basic-auth app and these users. Users who are not administrators have READ on
// everything, unless they were granted more.
func BasicAuth(users ...User) Option {
	return func(s *Server) {
		s.cfg.basicAuth = true
		s.cfg.defaultGrant = permRead
		for _, u := range users {
			s.users[u.Name] = newUser(u, len(s.users)+1)
		}
	}
}

// DefaultPermission sets what users may do without a grant. MLflow's default is READ.
func DefaultPermission(p string) Option {
	return func(s *Server) { s.cfg.defaultGrant = permissionNamed(p) }
}
