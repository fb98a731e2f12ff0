// Package connect creates clients for the servers in the inputs, and counts the requests to MLflow.
package connect

import (
	"maps"
	"net/http"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/console"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/login"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/s3"
)

// Servers connects to servers and counts the requests to MLflow. Set the exported fields before the first call.
type Servers struct {
	Settings inputs.Server
	Console  *console.Console
	Wire     rest.Config // the process's settings
	Version  string      // this program's version, for the user agent
	Jitter   func() float64
	Clock    func() time.Time // this machine's clock
	Env      func(string) string
	Mask     func(...string)
	InJob    bool // whether the program runs in a GitHub Actions job
	Fork     bool // whether the job is for a pull request from a fork

	issued    *login.Bearer    // shared by both servers; nil before the first use
	workspace *login.Workspace // likewise, on Databricks
	clients   []*rest.Client   // for MLflow; the last one is for the registry
	source    *Servers         // for the candidate's server; nil before it is used
}

// Config returns the settings that all connections share.
func (s *Servers) Config() rest.Config {
	c := s.Wire
	c.UserAgent, c.CAs = "mlflow-promote/"+s.Version, s.Settings.CAs
	c.AllowInsecureHTTP, c.Notify, c.Jitter = s.Settings.InsecureHTTP, s.Console.Retrying, s.Jitter
	if source := s.Settings.Source; source != nil && source.Stall > 0 { // files go from that server to this one
		c.Idle = source.Stall
	}
	if s.Settings.Stall > 0 {
		c.Idle = s.Settings.Stall
	}
	return c
}

// MLflow returns a client for MLflow. It sends no requests. safeLogin returns a user name if the name may be shown,
// and "" otherwise.
func (s *Servers) MLflow(safeLogin func(string) string) (*mlflow.Client, error) {
	tracking, err := s.dial(s.Settings.Tracking, s.Settings.TrackingHeader)
	if err != nil {
		return nil, err
	}
	models := tracking
	if s.Settings.Registry != s.Settings.Tracking {
		if models, err = s.dial(s.Settings.Registry, s.Settings.RegistryHeader); err != nil {
			return nil, err
		}
	}
	return mlflow.New(tracking, models, mlflow.About{
		Address:   s.Settings.Registry,
		Login:     s.Settings.Login,
		LoggedIn:  s.Settings.Basic,
		MayName:   safeLogin,
		Workspace: s.Settings.Workspace,
		Sent:      s.sent(),
		Store:     s.store(),
		Dialect:   s.Settings.Dialect,
	}, s.Jitter), nil
}

// Source returns a client for the server that the candidate is on. It returns nil if that is the registry's server. The
// two share no credentials.
func (s *Servers) Source(safeLogin func(string) string) (*mlflow.Client, error) {
	if s.Settings.Source == nil {
		return nil, nil
	}
	s.source = &Servers{
		Settings: *s.Settings.Source, Console: s.Console, Wire: s.Wire, Version: s.Version, Jitter: s.Jitter,
		Clock: s.Clock, Env: s.Env, Mask: s.Mask, InJob: s.InJob, Fork: s.Fork,
	}
	return s.source.MLflow(safeLogin)
}

// dial returns a client for one MLflow server. Credentials in the server's address are sent only to that server.
// Credentials in the inputs take precedence. If only this server is on Databricks, however, they belong to the other
// server.
func (s *Servers) dial(address string, own http.Header) (*rest.Client, error) {
	c := s.Config()
	header := own.Clone()
	if !s.onlyDatabricks(address) {
		maps.Copy(header, s.Settings.Header)
	}
	c.Base, c.Header, c.ClientCert, c.InsecureTLS = address, header, s.Settings.ClientCert, s.Settings.InsecureTLS
	c.Login = s.authorizer(address)
	client, err := rest.New(c)
	if err != nil {
		return nil, mlflow.Explain("connect to "+address, err)
	}
	s.clients = append(s.clients, client)
	return client, nil
}

// authorizer returns the login for the address if a login must be created for each request. It returns nil if the
// login is fixed.
func (s *Servers) authorizer(address string) rest.Authorizer {
	if server, ok := s.Settings.SageMaker[address]; ok {
		return login.NewSigner(server, s.credentials(server), s.Mask, s.Clock)
	}
	if workspace, ok := s.databricks(address); ok {
		return workspace.Login
	}
	if s.Settings.Audience == "" {
		return nil
	}
	if s.issued == nil {
		s.issued = login.NewBearer(s.gitHub().ForAudience(s.Settings.Audience), s.Mask, s.Clock)
	}
	return s.issued
}

func (s *Servers) credentials(server login.SageMaker) login.Credentials {
	return login.AWS{
		Env: s.Env, Role: s.Settings.Role, Region: server.Region, GitHub: s.gitHub(), Wire: s.Config(), Now: s.Clock,
	}.Credentials()
}

// store finds files in the buckets that the job's AWS credentials can read. It returns nil if there are no
// credentials. A server on SageMaker has its files in its own region.
func (s *Servers) store() func(address string) (*rest.Client, string) {
	store := &s3.Store{Mask: s.Mask, AWS: login.AWS{
		Env: s.Env, Role: s.Settings.Role, Region: s.Settings.SageMaker[s.Settings.Tracking].Region, GitHub: s.gitHub(),
		Wire: s.Config(), Now: s.Clock,
	}}
	if store.AWS.Credentials().Missing {
		return nil
	}
	return store.Find
}

func (s *Servers) gitHub() login.GitHub {
	return login.GitHub{
		URL: s.Env("ACTIONS_ID_TOKEN_REQUEST_URL"), Token: s.Env("ACTIONS_ID_TOKEN_REQUEST_TOKEN"), InJob: s.InJob,
		Fork: s.Fork, Wire: s.Config(), Mask: s.Mask, Now: s.Clock,
	}
}

// sent says which login is sent to the registry. It returns "" if no login is sent.
func (s *Servers) sent() string {
	if server, ok := s.Settings.SageMaker[s.Settings.Registry]; ok {
		return s.credentials(server).How
	}
	if workspace, ok := s.databricks(s.Settings.Registry); ok {
		return workspace.How
	}
	if s.Settings.Audience != "" {
		return "a token from GitHub for the audience " + s.Settings.Audience + ", because audience is set"
	}
	return constant(s.Settings)
}

// Policy returns the IAM policy that the registry's login needs, or "" if AWS does not control the login's rights.
func (s *Servers) Policy() string {
	if server, ok := s.Settings.SageMaker[s.Settings.Registry]; ok {
		return server.Policy()
	}
	return ""
}

// constant says which fixed login is sent, or returns "" if none exists.
func constant(set inputs.Server) string {
	switch sent := set.Header.Get("Authorization") + set.RegistryHeader.Get("Authorization"); {
	case set.Basic:
		return "a user name and a password"
	case sent != "":
		return "a token"
	case len(set.ClientCert) > 0:
		return "a client certificate"
	}
	return ""
}

// Now returns the time according to the registry's server or, before the first response, according to this machine.
func (s *Servers) Now() time.Time {
	if now := s.clients[len(s.clients)-1].Meter().ServerTime; !now.IsZero() {
		return now
	}
	return s.Clock()
}

// Cost returns the number of requests to MLflow and the number of rounds. Parallel requests count as one round.
func (s *Servers) Cost() (requests, rounds int) {
	for _, c := range s.clients {
		m := c.Meter()
		requests += m.Requests
		rounds += m.Rounds
	}
	if s.source != nil {
		r, n := s.source.Cost()
		requests, rounds = requests+r, rounds+n
	}
	return requests, rounds
}
