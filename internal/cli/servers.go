package cli

import (
	"maps"
	"net/http"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// connections makes connections. It counts the requests to MLflow.
type connections struct {
	process  Process
	settings inputs.Server
	console  *console
	clients  []*rest.Client // of MLflow; the registry's is the last
}

// config is how connections are made, to any server.
func (s *connections) config() rest.Config {
	c := s.process.Wire
	c.UserAgent, c.CAs = "mlflow-promote/"+s.process.Version, s.settings.CAs
	c.AllowInsecureHTTP, c.Notify, c.Jitter = s.settings.InsecureHTTP, s.console.waiting, s.process.Jitter
	return c
}

// connect returns a client for MLflow. Nothing is sent yet. mayName returns a user name if it may be shown, else "".
func (s *connections) connect(mayName func(string) string) (*mlflow.Client, error) {
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
		MayName:   mayName,
		Workspace: s.settings.Workspace,
	}, s.process.Jitter), nil
}

// dial connects to one server of MLflow. Credentials from its address are for that server alone. Those of the inputs
// come first.
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

// now is the registry server's time, or the process's before the first response.
func (s *connections) now() time.Time {
	if now := s.clients[len(s.clients)-1].Meter().ServerTime; !now.IsZero() {
		return now
	}
	return s.process.Now()
}

// cost counts the requests to MLflow and the rounds that they took one after the other.
func (s *connections) cost() (requests, rounds int) {
	for _, c := range s.clients {
		m := c.Meter()
		requests += m.Requests
		rounds += m.Rounds
	}
	return requests, rounds
}
