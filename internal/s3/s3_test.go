package s3

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/login"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

func store(env map[string]string) *Store {
	return &Store{Mask: func(...string) {}, AWS: login.AWS{
		Env: func(name string) string { return env[name] }, Now: time.Now,
	}}
}

// Which bucket is asked for which file. Names that could change the host of the request are refused.
func TestStore_Find(t *testing.T) {
	const east = "https://mlflow.s3.us-east-1.amazonaws.com"
	for name, c := range map[string]struct {
		address string
		env     string // NAME=VALUE, separated by spaces; there are always keys
		host    string // "" for none
		path    string
	}{
		"plain":              {address: "s3://mlflow/1/r/artifacts/MLmodel", host: east, path: "1/r/artifacts/MLmodel"},
		"special characters": {address: "s3://mlflow/a b/ü+c/#?%20", host: east, path: "a%20b/%C3%BC%2Bc/%23%3F%2520"},
		"region":             {"s3://mlflow/a", "AWS_REGION=eu-west-1", "https://mlflow.s3.eu-west-1.amazonaws.com", "a"},
		"other region": {
			"s3://mlflow/a", "AWS_DEFAULT_REGION=cn-north-1", "https://mlflow.s3.cn-north-1.amazonaws.com.cn", "a",
		},
		"dots": {address: "s3://ml.acme.example/a", host: "https://s3.us-east-1.amazonaws.com", path: "ml.acme.example/a"},
		"path style": {
			"s3://mlflow/a", "MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE=path", "https://s3.us-east-1.amazonaws.com", "mlflow/a",
		},
		"endpoint of AWS's programs": {
			"s3://mlflow/a/b", "AWS_ENDPOINT_URL_S3=https://minio.example:9000/", "https://minio.example:9000", "mlflow/a/b",
		},
		"endpoint of MLflow": {
			"s3://mlflow/a", "AWS_ENDPOINT_URL_S3=https://other.example MLFLOW_S3_ENDPOINT_URL=https://minio.example",
			"https://minio.example", "mlflow/a",
		},
		"virtual hosts on an endpoint": {
			"s3://mlflow/a", "AWS_ENDPOINT_URL=https://s3.example MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE=virtual",
			"https://mlflow.s3.example", "a",
		},
		"no keys":           {address: "s3://mlflow/a", env: "AWS_SECRET_ACCESS_KEY="},
		"no key":            {address: "s3://mlflow/"},
		"no path":           {address: "s3://mlflow"},
		"other store":       {address: "gs://mlflow/a"},
		"host in the name":  {address: "s3://evil.example:443/a"},
		"user in the name":  {address: "s3://x@evil.example/a"},
		"dots in a row":     {address: "s3://a..b/a"},
		"capital letters":   {address: "s3://MLflow/a"},
		"query in the name": {address: "s3://evil.example?x/a"},
	} {
		env := map[string]string{"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK"}
		for _, pair := range strings.Fields(c.env) {
			variable, value, _ := strings.Cut(pair, "=")
			env[variable] = value
		}
		s := store(env)
		client, path := s.Find(c.address)
		again, _ := s.Find(c.address)
		switch {
		case (client != nil) != (c.host != ""), client != again:
			t.Errorf("%s: found %t", name, client != nil)
		case client != nil && ("https://"+client.Host() != c.host || path != c.path):
			t.Errorf("%s: %s %s, want %s %s", name, client.Host(), path, c.host, c.path)
		}
	}
}

// Requests are signed for S3 and the region, with the digest of an empty body.
func TestStore_Signs(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization := r.Header.Get("Authorization")
		if !strings.Contains(authorization, "/eu-west-1/s3/aws4_request") ||
			r.RequestURI != "/mlflow/a%20b/c%2Bd%3De/MLmodel" ||
			!strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "e3b0c442") {
			t.Errorf("%s %s", r.URL, authorization)
		}
		_, _ = w.Write([]byte("flavors: {}")) // the client notices
	}))
	t.Cleanup(server.Close)
	client, path := store(map[string]string{
		"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK", "AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL_S3": server.URL,
	}).Find("s3://mlflow/a b/c+d=e/MLmodel")
	var body bytes.Buffer
	open := func() io.Writer { body.Reset(); return &body }
	if _, err := client.Stream(t.Context(), rest.Request{Path: path}, open); err != nil || body.String() != "flavors: {}" {
		t.Errorf("%q, %v", body.String(), err)
	}
}

// An endpoint that must not get the credentials is named only once a file is requested.
func TestStore_BadEndpoint(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://minio.example:9000": "unencrypted",
		"minio.example:9000":        "neither http nor https",
		"https://":                  "no host",
	} {
		s := store(map[string]string{
			"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK", "AWS_ENDPOINT_URL_S3": endpoint,
		})
		client, path := s.Find("s3://mlflow/a")
		if client == nil {
			t.Errorf("%s: no client", endpoint)
			continue
		}
		_, err := client.Stream(t.Context(), rest.Request{Path: path}, func() io.Writer { return io.Discard })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", endpoint, err, want)
		}
	}
}
