package cli

import (
	"maps"
	"net/http"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/console"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// connections connects to servers and counts the requests to MLflow.
type connections struct {
	process  Process
	settings inputs.Server
	console  *console.Console
	clients  []*rest.Client // for MLflow; the last one is for the registry
}

// config returns the settings that all connections share.
func (s *connections) config() rest.Config {
	c := s.process.Wire
	c.UserAgent, c.CAs = "mlflow-promote/"+s.process.Version, s.settings.CAs
	c.AllowInsecureHTTP, c.Notify, c.Jitter = s.settings.InsecureHTTP, s.console.Retrying, s.process.Jitter
	return c
}

// connect returns a client for MLflow. It sends no request. safeLogin returns a user name if it may be shown, and ""
// otherwise.
func (s *connections) connect(safeLogin func(string) string) (*mlflow.Client, error) {
	tracking, err := s.dial(s.settings.Tracking, s.settings.TrackingHeader)
	if err != nil {
		return nil, err
	}
	models := tracking
	if s.settings.Registry != s.settings.Tracking {
		if models, err = s.dial(s.settings.Registry, s.settings.RegistryHeader); err != nil {
			return nil, err
		}
	}
	return mlflow.New(tracking, models, mlflow.About{
		Address:   s.settings.Registry,
		Login:     s.settings.Login,
		LoggedIn:  s.settings.Basic,
		MayName:   safeLogin,
		Workspace: s.settings.Workspace,
	}, s.process.Jitter), nil
}

// dial returns a client for one MLflow server. Credentials in the server's address are sent only to that server.
// Credentials in the inputs take precedence.
func (s *connections) dial(address string, own http.Header) (*rest.Client, error) {
	c := s.config()
	header := own.Clone()
	maps.Copy(header, s.settings.Header)
	c.Base, c.Header, c.ClientCert, c.InsecureTLS = address, header, s.settings.ClientCert, s.settings.InsecureTLS
	client, err := rest.New(c)
	if err != nil {
		return nil, mlflow.Explain("connect to "+address, err)
	}
	s.clients = append(s.clients, client)
	return client, nil
}

// now returns the time on the registry's server or, before the first response, on this machine.
func (s *connections) now() time.Time {
	if now := s.clients[len(s.clients)-1].Meter().ServerTime; !now.IsZero() {
		return now
	}
	return s.process.Now()
}

// cost returns the number of requests to MLflow, and the number of rounds. Parallel requests count as one round.
func (s *connections) cost() (requests, rounds int) {
	for _, c := range s.clients {
		m := c.Meter()
		requests += m.Requests
		rounds += m.Rounds
	}
	return requests, rounds
}
