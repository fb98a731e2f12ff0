// Package s3 finds out how to read files of S3 buckets with the credentials in the environment. It lists nothing and
// writes nothing.
package s3

import (
	"cmp"
	"regexp"
	"strings"
	"sync"

	"github.com/mlflow-promote/mlflow-promote/internal/login"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Store reads from buckets. Its variables are those of AWS's programs and of MLflow's Python client.
type Store struct {
	AWS  login.AWS // where the credentials come from; its region is that of the buckets, "" for the environment's
	Mask func(...string)

	mu      sync.Mutex
	clients map[string]*rest.Client // by address
	signer  *login.Signer
}

// bucketName matches the names that S3 allows. Names of other shapes could change the host of a request.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// Find returns a client for the bucket in an address such as s3://BUCKET/KEY, and the path of the file on it. It
// returns nil for other addresses, and if there are no credentials. It sends no request. If the credentials must not be
// sent to the endpoint, or its address is not valid, the client's requests fail and say so.
func (s *Store) Find(address string) (client *rest.Client, path string) {
	inside, ok := strings.CutPrefix(address, "s3://")
	bucket, key, below := strings.Cut(inside, "/")
	if !ok || !below || key == "" || !bucketName.MatchString(bucket) || strings.Contains(bucket, "..") {
		return nil, ""
	}
	aws := s.AWS
	aws.Region = s.region()
	credentials := aws.Credentials()
	if credentials.Missing {
		return nil, ""
	}
	base, inPath := s.base(bucket)
	if path = login.EscapePath(key); inPath {
		path = bucket + "/" + path
	}
	return s.client(base, credentials), path
}

// region returns the region of the buckets.
func (s *Store) region() string {
	return cmp.Or(s.AWS.Region, s.AWS.Env("AWS_REGION"), s.AWS.Env("AWS_DEFAULT_REGION"), "us-east-1")
}

// base returns the address of a bucket, and whether the bucket is part of the path. Certificates of AWS do not cover
// buckets with a dot in the host name. Other servers rarely have a host name for each bucket.
func (s *Store) base(bucket string) (base string, inPath bool) {
	own := cmp.Or(s.AWS.Env("MLFLOW_S3_ENDPOINT_URL"), s.AWS.Env("AWS_ENDPOINT_URL_S3"), s.AWS.Env("AWS_ENDPOINT_URL"))
	if own == "" {
		domain := ".amazonaws.com"
		if strings.HasPrefix(s.region(), "cn-") {
			domain += ".cn"
		}
		own = "https://s3." + s.region() + domain
		inPath = strings.Contains(bucket, ".")
	} else {
		inPath = s.AWS.Env("MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE") != "virtual"
	}
	if s.AWS.Env("MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE") == "path" {
		inPath = true
	}
	own = strings.TrimRight(own, "/")
	if inPath {
		return own, true
	}
	scheme, host, _ := strings.Cut(own, "://")
	return scheme + "://" + bucket + "." + host, false
}

// client returns the client for an address.
func (s *Store) client(base string, from login.Credentials) *rest.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.clients[base]; ok {
		return known
	}
	if s.signer == nil {
		s.signer = login.NewSigner(login.SageMaker{Service: "s3", Region: s.region()}, from, s.Mask, s.AWS.Now)
	}
	wire := s.AWS.Wire
	wire.Base, wire.Login = base, s.signer
	client, err := rest.New(wire)
	if err != nil {
		client = rest.Failing(base, err)
	}
	if s.clients == nil {
		s.clients = map[string]*rest.Client{}
	}
	s.clients[base] = client
	return client
}
