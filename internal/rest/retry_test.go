package rest

import (
	"errors"
	"io"
	"net/http"
	"testing"
)

const (
	internalError    = `{"error_code": "INTERNAL_ERROR", "message": "boom"}`
	endpointDisabled = "Endpoint: /api/2.0/mlflow/runs/get disabled due to the mlflow server running in " +
		"`--artifacts-only` mode."
)

var classNames = map[Class]string{Read: "read", Artifact: "artifact", Write: "write", Create: "create"}

func TestRetry_Classes(t *testing.T) {
	const most = 4
	cases := map[string]struct {
		answer                        http.HandlerFunc
		read, artifact, write, create int // the number of requests that reach the server
	}{
		"200 ends the call":                     {jsonAnswer(200, `{}`), 1, 1, 1, 1},
		"400 is final":                          {jsonAnswer(400, `{}`), 1, 1, 1, 1},
		"401 is final":                          {answered(401, "text/html", "no"), 1, 1, 1, 1},
		"403 is final even with Retry-After":    {withRetryAfter(403, "0"), 1, 1, 1, 1},
		"404 is final":                          {jsonAnswer(404, `{}`), 1, 1, 1, 1},
		"408 passes":                            {jsonAnswer(408, `{}`), most, most, most, 1},
		"429 passes":                            {jsonAnswer(429, `{}`), most, most, most, 1},
		"500 as a page may come from a gateway": {answered(500, "text/html", "<html>"), most, 2, 1, 1},
		"500 from MLflow itself is final":       {jsonAnswer(500, internalError), 1, 1, 1, 1},
		"500 for a disabled feature is final": {
			jsonAnswer(500, `{"error_code": "FEATURE_DISABLED"}`),
			1,
			1,
			1,
			1,
		},
		"500 with another code may pass": {
			jsonAnswer(500, `{"error_code": "BAD_GATEWAY"}`),
			most,
			2,
			1,
			1,
		},
		"501 is final": {jsonAnswer(501, `{}`), 1, 1, 1, 1},
		"502 passes":   {answered(502, "text/html", "<html>"), most, most, most, 1},
		"503 passes": {
			answered(503, "text/plain", "no healthy upstream"),
			most,
			most,
			most,
			1,
		},
		"503 of a disabled endpoint is final":       {answered(503, "text/html", endpointDisabled), 1, 1, 1, 1},
		"503 of a disabled endpoint, as plain text": {answered(503, "text/plain", endpointDisabled), 1, 1, 1, 1},
		"504 passes": {jsonAnswer(504, `{}`), most, most, most, 1},
		"a connection closed before the response passes": {raw(""), most, most, most, 1},
		"a body that ends early passes": {
			raw("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"),
			most,
			most,
			most,
			1,
		},
		"a response that is not HTTP passes as a reset": {raw("SSH-2.0-OpenSSH_9.2\r\n"), most, most, most, 1},
		"a login page with 200 is final":                {answered(200, "text/html", "<html>"), 1, 1, 1, 1},
		"a body larger than the limit is final": {
			jsonAnswer(200, `{"a": "`+string(make([]byte, 2000))+`"}`),
			1,
			1,
			1,
			1,
		},
		"a redirect is final": {answered(302, "text/html", ""), 1, 1, 1, 1},
	}
	for sentence, c := range cases {
		for class, want := range map[Class]int{Read: c.read, Artifact: c.artifact, Write: c.write, Create: c.create} {
			t.Run(sentence+"/"+classNames[class], func(t *testing.T) {
				s := serve(t, c.answer)
				_ = client(t, Config{Base: s.URL, Attempts: most}).JSON(background(t),
					Request{Method: "POST", Path: "x", Body: map[string]string{}, Class: class, Limit: 1000}, nil)
				if got := int(s.hits.Load()); got != want {
					t.Errorf("the server got %d requests, want %d", got, want)
				}
			})
		}
	}
}

func withRetryAfter(status int, value string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", value)
		w.WriteHeader(status)
	}
}

func TestCreate_LostResponse(t *testing.T) {
	versions := 0
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		versions++ // the write takes effect
		w.WriteHeader(http.StatusBadGateway)
	})
	err := client(t, Config{Base: s.URL}).JSON(background(t),
		Request{
			Method: "POST",
			Path:   "model-versions/create",
			Body:   map[string]string{"name": "churn"},
			Class:  Create,
		}, nil)
	e := failure(t, err, Status)
	if versions != 1 || !e.Sent || e.Attempts != 1 {
		t.Errorf("created %d versions (sent %v, attempts %d), want 1 created in 1 attempt", versions, e.Sent,
			e.Attempts)
	}
}

func TestCreate_NoServerYet(t *testing.T) {
	for _, base := range []string{"http://127.0.0.1:1", "http://nowhere.invalid"} {
		err := client(t, Config{Base: base, Attempts: 3}).JSON(background(t), Request{
			Method: "POST",
			Path:   "x",
			Class:  Create,
		}, nil)
		if e := (*Error)(nil); !errors.As(err, &e) || e.Attempts != 3 || e.Sent {
			t.Errorf("%s: got %v, want three attempts with nothing sent", base, err)
		}
	}
}

func TestRetry_SendsBodyAgain(t *testing.T) {
	var bodies []string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(data))
		if len(bodies) < 3 {
			w.WriteHeader(503)
			return
		}
		io.WriteString(w, `{}`)
	})
	err := client(t, Config{Base: s.URL}).JSON(background(t),
		Request{Method: "POST", Path: "x", Body: map[string]string{"a": "b"}, Class: Write}, nil)
	if err != nil || len(bodies) != 3 || bodies[0] != `{"a":"b"}` || bodies[2] != bodies[0] {
		t.Errorf("bodies %q, error %v", bodies, err)
	}
}

func TestRetry_KeepsLastResponse(t *testing.T) {
	s := serve(t, answers(jsonAnswer(503, `{"error_code": "FIRST"}`), jsonAnswer(503,
		`{"error_code": "LAST", "message": "db is down"}`)))
	err := client(t, Config{Base: s.URL, Attempts: 2}).JSON(background(t), Request{Path: "x"}, nil)
	e := failure(t, err, Status)
	if e.Status != 503 || e.Code != "LAST" || e.Message != "db is down" || e.Attempts != 2 || e.Body == "" {
		t.Errorf("got %+v", e)
	}
}

func TestRequest_Headers(t *testing.T) {
	var header http.Header
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		io.WriteString(w, `{}`)
	})
	c := client(t, Config{
		Base:      s.URL,
		UserAgent: "mlflow-promote/1",
		Header:    http.Header{"authorization": {"Bearer x"}},
	})
	if err := c.JSON(background(t), Request{Method: "POST", Path: "x", Body: 1, Class: Create}, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key", "Origin", "Referer", "Cookie"} {
		if header.Get(name) != "" {
			t.Errorf("header %s was sent", name)
		}
	}
	if header.Get("Authorization") != "Bearer x" || header.Get("User-Agent") != "mlflow-promote/1" ||
		header.Get("Content-Type") != "application/json" {
		t.Errorf("got headers %v", header)
	}
}

func TestHTTPClient_Class(t *testing.T) {
	cases := map[string]struct {
		method string
		class  *Class
		want   int64
	}{
		"GET is a read":          {"GET", nil, 3},
		"PUT is a write":         {"PUT", nil, 3},
		"DELETE is a write":      {"DELETE", nil, 3},
		"POST is a create":       {"POST", nil, 1},
		"PATCH is a create":      {"PATCH", nil, 1},
		"POST marked as a read":  {"POST", new(Read), 3},
		"PUT marked as a create": {"PUT", new(Create), 1},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			s := serve(t, answered(502, "text/plain", "bad gateway"))
			ctx := background(t)
			if c.class != nil {
				ctx = WithClass(ctx, *c.class)
			}
			req, _ := http.NewRequestWithContext(ctx, c.method, s.URL, nil)
			resp, err := client(t, Config{Base: s.URL, Attempts: 3}).HTTPClient().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			if s.hits.Load() != c.want || resp.StatusCode != 502 || string(body) != "bad gateway" {
				t.Errorf("%d requests, status %d, body %q; want %d requests and the last answer", s.hits.Load(),
					resp.StatusCode, body, c.want)
			}
		})
	}
}
