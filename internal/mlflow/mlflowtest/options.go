package mlflowtest

import (
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
)

// Option is a choice made by the server's operator.
type Option func(*Server)

// Store sets the server's database: "sqlite" (default), "postgresql", "mariadb", or "file" for the file store. The
// choice determines which long values are refused. The file store can leave some requests half done. It archives
// versions even if the version to move is missing. It stores the parameters in a batch one by one, and shows aliases in
// searches. Other differences of the file store are not simulated.
func Store(kind string) Option { return func(s *Server) { s.dialect.Store = kind } }

// SearchWithoutOutputs makes searches for runs leave out the runs' outputs, as in MLflow 3.4.
func SearchWithoutOutputs() Option { return func(s *Server) { s.dialect.SearchOutputs = false } }

// Clock sets the time for timestamps and the Date header. The default is time.Now.
func Clock(now func() time.Time) Option { return func(s *Server) { s.state.Now = now } }

// IDs makes the server generate ids that differ from those on servers with other seeds. The same seed always gives the
// same ids in the same order.
func IDs(seed int64) Option { return func(s *Server) { s.state.Seed = seed } }

// Latency delays each response by the given duration, on the clock of package time.
func Latency(d time.Duration) Option { return func(s *Server) { s.latency = d } }

// StaticPrefix starts the server with --static-prefix.
func StaticPrefix(p string) Option { return func(s *Server) { s.staticPrefix = p } }

// AllowedHosts starts the server with --allowed-hosts, in which "*" is a wildcard. Without this option, versions that
// check the Host header accept only loopback addresses and literal private addresses.
func AllowedHosts(hosts ...string) Option {
	return func(s *Server) { s.allowedHosts = hosts }
}

// EnableWorkspaces starts the server with --enable-workspaces.
func EnableWorkspaces() Option { return func(s *Server) { s.config.Workspaces = true } }

// ArtifactRoot starts the server with --default-artifact-root. The runs of new experiments store their artifacts there,
// and clients read these directly.
func ArtifactRoot(uri string) Option { return func(s *Server) { s.state.ArtifactRoot = uri } }

// StoreAt says where clients reach the object store that contains the files of the server, and of runs with an address
// such as s3://BUCKET/KEY. Serve [Server.ObjectStore] there. Without this option, addresses lead to AWS, and the
// server's own files are on its disk.
func StoreAt(address string) Option { return func(s *Server) { s.state.StoreURL = address } }

// PresignsRunsOnly makes the server refuse addresses for uploads to logged models, as in MLflow 3.12 to 3.16.
func PresignsRunsOnly() Option { return func(s *Server) { s.dialect.PresignsModels = false } }

// ArtifactsOff starts the server with --no-serve-artifacts, so its artifact proxy responds with 503.
func ArtifactsOff() Option { return func(s *Server) { s.config.Artifacts = call.ArtifactsDirect } }

// ArtifactsOnly starts the server with --artifacts-only, so everything except the artifact proxy responds with 503.
func ArtifactsOnly() Option { return func(s *Server) { s.config.Artifacts = call.ArtifactsOnly } }

// BasicAuth starts the server with the basic-auth app and these users. Users who are not administrators have READ on
// everything, unless they have been granted more.
func BasicAuth(users ...state.User) Option {
	return func(s *Server) {
		s.config.BasicAuth = true
		s.config.DefaultGrant = state.PermRead
		for _, u := range users {
			s.state.AddUser(u)
		}
	}
}

// DefaultPermission sets what users may do without a grant. MLflow's default is READ.
func DefaultPermission(p string) Option {
	return func(s *Server) { s.config.DefaultGrant = state.PermissionNamed(p) }
}
