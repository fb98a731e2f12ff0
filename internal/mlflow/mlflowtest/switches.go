package mlflowtest

import (
	"slices"
	"strings"
	"time"
)

// switches are the behaviours in which versions of MLflow differ.
type switches struct {
	version             string
	versionRoute        bool   // GET /version
	healthType          string // the media type of /health
	aliases             bool   // the alias routes
	aliasNeedsModel     bool   // an alias of a missing model is 404, not "alias not found"
	aliasDropped        bool   // deleting a version removes its aliases instead of leaving them dangling
	latestAliases       bool   // the newest versions of stages list their aliases when asked for by themselves
	latestAlias         bool   // the alias "latest" means the highest version
	versionSearchPaged  bool   // version search honours max_results, order_by and page_token
	nameIn              bool   // filters may say name IN (…)
	contentTypeChecked  bool   // writes must say application/json
	asyncProxy          bool   // files of the artifact proxy are served beside the API, with answers of their own
	missingArtifact     string // the answer for a file that is not there: "404", "500 json" or "500 page"
	missingProxied      string // the same through the artifact proxy
	verbatimModels      bool   // a source models:/… is stored as it comes and not looked up
	remoteFiles         string // a source file://host/…: "crash", "refused" or "stored"
	pathSourceChecked   bool   // "..", NUL and the like in a source are refused
	sourceOwned         bool   // a source must lie within the run or logged model named with it
	sourceSchemes       bool   // sources on http, ftp, hdfs … are refused
	colonInKeys         bool   // tag keys may hold a colon
	strictNames         bool   // model names may not hold "/", ":" or be blank
	versionTagLimit     int    // longest value of a version's tag
	modelTagLimit       int    // longest value of a registered model's tag
	paramLimit          int    // longest value of a run's parameter
	paramCut            bool   // longer ones are cut, not refused
	runTagLimit         int
	runTagCut           bool
	promptsHidden       bool // searches leave prompts out
	loggedModels        bool // runs log models of their own, MLflow 3
	createInputs        bool // a new run says that it has no inputs
	datasets            bool // runs list their inputs
	hostChecked         bool // unknown Host headers are refused
	errorClasses        bool // errors carry sqlstate and error_class
	serverInfo          bool
	prefixesAPI         bool // a static prefix covers the API too
	workspaces          bool // the workspace header means something, if only that the feature is off
	experimentWorkspace bool // an experiment says which workspace it is in
	hidesUnknown        bool // with a login, what is not there looks like what may not be read
	searchFiltered      bool // with a login, a search of versions leaves out what may not be read
	permissionGrants    bool // the newer routes for users and grants
	queryChecked        bool // the parameters of a GET are held to the rules; else a wrong type is an uncaught exception
	bareAttributes      bool // a filter of runs may name an attribute without attributes. before it
	stringLimits        bool // a limited number may come in a string; else that is an uncaught exception
	artifactTypes       bool // artifacts say what they are; else text is HTML through the proxy and unknown elsewhere
	artifactPaths       bool // a path of an artifact is checked; else what makes no sense is an uncaught exception
	pathNeeded          bool // a download without a path is a bad request; else it is an uncaught exception
	proxyDeletes        bool // the artifact proxy can delete
	strayTokens         bool // a filter of the registry may hold words and lists that mean nothing: name IN (…) is one, and finds all
	updateResets        bool // updating a run sets status and end time also where the request has none
	entriesComplete     bool // a metric, parameter or tag in a batch without one of its keys is an uncaught exception
	fullPageToken       bool // a page of experiments that is just full says that more follow
	fullRunsToken       bool // and a page of runs
	runIDsIn            bool // a filter of runs may list their ids: run_id IN (…)
	wholeNumbers        bool // a version_number to compare with must be a whole one
	experimentIDs       bool // an experiment ID that is no number is refused, not just unknown
	nanIsNoNumber       bool // searches never take a NaN for the zero it is stored as
	historyPaged        bool // metrics/get-history takes max_results
}

// table has one row per version whose answers are recorded under testdata/conformance.
var table = []switches{
	{
		version: "3.17.2", versionRoute: true, healthType: "text/plain; charset=utf-8",
		aliases: true, latestAliases: true, aliasNeedsModel: true, aliasDropped: true, latestAlias: true,
		versionSearchPaged: true, nameIn: true, contentTypeChecked: true, missingArtifact: "404", missingProxied: "404", asyncProxy: true,
		pathSourceChecked: true, sourceOwned: true, sourceSchemes: true, strictNames: true, colonInKeys: true,
		versionTagLimit: 100_000, modelTagLimit: 100_000,
		paramLimit: 6000, paramCut: true, runTagLimit: 8000, runTagCut: true,
		promptsHidden: true, loggedModels: true, datasets: true, createInputs: true, hostChecked: true, errorClasses: true,
		serverInfo: true, prefixesAPI: true, workspaces: true, experimentWorkspace: true,
		permissionGrants: true, hidesUnknown: true, searchFiltered: true, historyPaged: true, queryChecked: true, bareAttributes: true, stringLimits: true,
		artifactTypes: true, artifactPaths: true, pathNeeded: true, proxyDeletes: true, remoteFiles: "crash", wholeNumbers: true, experimentIDs: true, nanIsNoNumber: true,
		runIDsIn: true,
	},
	{
		version: "2.22.5", versionRoute: true, healthType: htmlType, aliases: true, latestAliases: true,
		versionSearchPaged: true, contentTypeChecked: true, missingArtifact: "500 page", missingProxied: "500 json",
		pathSourceChecked: true, colonInKeys: true, versionTagLimit: 5000, modelTagLimit: 5000,
		paramLimit: 6000, paramCut: true, runTagLimit: 8000, runTagCut: true,
		promptsHidden: true, datasets: true, createInputs: true, queryChecked: true, bareAttributes: true, stringLimits: true,
		artifactTypes: true, artifactPaths: true, pathNeeded: true, proxyDeletes: true, remoteFiles: "crash",
		runIDsIn: true, fullRunsToken: true,
	},
	{
		version: "2.9.2", versionRoute: true, healthType: htmlType, aliases: true,
		versionSearchPaged: true, contentTypeChecked: true, missingArtifact: "500 page", missingProxied: "500 json",
		pathSourceChecked: true, versionTagLimit: 5000, modelTagLimit: 5000,
		paramLimit: 6000, runTagLimit: 5000, datasets: true, remoteFiles: "refused", bareAttributes: true,
		artifactTypes: true, artifactPaths: true, runIDsIn: true, fullRunsToken: true,
	},
	{
		version: "2.2.2", versionRoute: true, healthType: htmlType,
		versionSearchPaged: true, missingArtifact: "500 page", missingProxied: "500 json",
		versionTagLimit: 5000, modelTagLimit: 5000,
		paramLimit: 500, runTagLimit: 5000, remoteFiles: "stored", updateResets: true, entriesComplete: true, verbatimModels: true, strayTokens: true, bareAttributes: true,
		artifactTypes: true, fullRunsToken: true,
	},
	{
		version: "1.30.1", healthType: htmlType, missingArtifact: "500 page", missingProxied: "500 json", verbatimModels: true, remoteFiles: "refused",
		strayTokens: true, updateResets: true, entriesComplete: true, fullPageToken: true, fullRunsToken: true,
		versionTagLimit: 5000, modelTagLimit: 5000, paramLimit: 500, runTagLimit: 5000,
	},
}

// Versions lists the versions of MLflow the double can be, newest first.
func Versions() []string {
	var out []string
	for _, sw := range table {
		out = append(out, sw.version)
	}
	return out
}

// lookup finds the row of a version, or of the release line it belongs to.
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

// An Option is a choice of the operator of the server.
type Option func(*Server)

// Store names the database behind the server: "sqlite" (the default), "postgresql", "mariadb", or "file" for the file
// store. It decides which over-long values are refused and what a file store does by halves: it archives although the
// target of a move is missing, stores a batch of parameters one by one, and shows aliases in searches. What else a file
// store does differently is not doubled.
func Store(kind string) Option { return func(s *Server) { s.cfg.store = kind } }

// Clock makes the server tell this time, in timestamps and in the Date header. Without it time.Now is used.
func Clock(now func() time.Time) Option { return func(s *Server) { s.cfg.now = now } }

// IDs makes two servers give out different identifiers; the same seed gives the same ones in the same order.
func IDs(seed int64) Option { return func(s *Server) { s.cfg.seed = seed } }

// Latency makes every answer take this long, on the clock of the time package.
func Latency(d time.Duration) Option { return func(s *Server) { s.cfg.latency = d } }

// StaticPrefix starts the server with --static-prefix.
func StaticPrefix(p string) Option { return func(s *Server) { s.cfg.staticPrefix = p } }

// AllowedHosts starts the server with --allowed-hosts; "*" is a wildcard. Without it only loopback and literal
// private addresses are served, by versions that check.
func AllowedHosts(hosts ...string) Option {
	return func(s *Server) { s.cfg.allowedHosts = hosts }
}

// EnableWorkspaces starts the server with --enable-workspaces.
func EnableWorkspaces() Option { return func(s *Server) { s.cfg.workspacesOn = true } }

// ArtifactRoot starts the server with --default-artifact-root: new experiments keep their artifacts there, and clients
// fetch them on their own.
func ArtifactRoot(uri string) Option { return func(s *Server) { s.cfg.artifactRoot = uri } }

// ArtifactsOff starts the server with --no-serve-artifacts: its artifact proxy answers 503.
func ArtifactsOff() Option { return func(s *Server) { s.cfg.artifacts = artifactsDirect } }

// ArtifactsOnly starts the server with --artifacts-only: everything but the artifact proxy answers 503.
func ArtifactsOnly() Option { return func(s *Server) { s.cfg.artifacts = artifactsOnly } }

// BasicAuth starts the server with the basic-auth app and these users. Users that are no administrators have the
// permission READ on everything they were not granted more on.
func BasicAuth(users ...User) Option {
	return func(s *Server) {
		s.cfg.basicAuth = true
		s.cfg.defaultGrant = permRead
		for _, u := range users {
			s.users[u.Name] = newUser(u, len(s.users)+1)
		}
	}
}

// DefaultPermission changes what users may do where nothing was granted; MLflow's own default is READ.
func DefaultPermission(p string) Option {
	return func(s *Server) { s.cfg.defaultGrant = permissionNamed(p) }
}
