package mlflowtest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/artifacts"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// Server is one MLflow server. It is safe for concurrent use. It carries out requests one at a time, as a single
// database would, but a fault can make two of them overlap.
type Server struct {
	config       *call.Config
	dialect      *dialect.Dialect
	latency      time.Duration
	staticPrefix string
	allowedHosts []string
	faults       faults.Set

	mu         sync.Mutex
	state      *state.State
	log        journal
	landing    []landing
	promotions []*overlap
}

// New returns an empty server that behaves like the given version of MLflow. The version must be one of
// dialect.Versions, or belong to the same release line (2.22, 3.17) as one of them. New panics on any other version,
// because a test against it would prove nothing.
func New(version string, opts ...Option) *Server {
	d, ok := dialect.Find(version)
	if !ok {
		panic(fmt.Sprintf("mlflowtest: MLflow %q is not supported: use one of %v", version, dialect.Versions()))
	}
	s := &Server{config: &call.Config{Version: version}, dialect: d, state: state.New()}
	for _, o := range opts {
		o(s)
	}
	s.state.AddDefaultExperiment()
	return s
}

// ServeHTTP handles one request as a real server would, unless a fault applies.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.serve(r).WriteTo(w, r)
}

type objectStore struct{}

// ObjectStore returns the object store that contains the server's files, as clients reach it with addresses from the
// server or with their own signatures. See [StoreAt]. Its requests are in the journal, and faults apply to them.
func (s *Server) ObjectStore() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), objectStore{}, true)))
	})
}

// Transport returns a transport that sends requests to the server within the process, without a socket or goroutine. It
// reports broken connections with the same errors as net/http.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ server *Server }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close()
	return t.server.serve(in).ToResponse(r)
}

// answer carries out one request. The caller must not hold the lock.
func (s *Server) answer(r *http.Request, body []byte) (wire.Response, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.call(r, body)
	if r.Context().Value(objectStore{}) != nil {
		return artifacts.Object(c), c.Wrote
	}
	return dispatch(s, c), c.Wrote
}

func (s *Server) call(r *http.Request, body []byte) *call.Call {
	return &call.Call{
		Config: s.config, Dialect: s.dialect, State: s.state, Request: r, Body: body,
		Moved: func(model string) { noteMove(s, model) },
	}
}
