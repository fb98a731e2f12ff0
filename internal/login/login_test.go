package login

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/login/logintest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// gitHub returns the token service for a job.
func gitHub(i *logintest.Issuer) GitHub {
	return GitHub{
		URL: i.Env()["ACTIONS_ID_TOKEN_REQUEST_URL"], Token: i.Env()["ACTIONS_ID_TOKEN_REQUEST_TOKEN"], InJob: true,
		Now: time.Now, Wire: rest.Config{MinWait: time.Millisecond, MaxWait: time.Millisecond},
	}
}

// A token is minted once for many parallel requests, again before it expires, and once more after a 401. Every
// token is masked before the server sees it.
func TestBearer_Renews(t *testing.T) {
	issuer := logintest.New(t)
	var mu sync.Mutex
	masked, revoked := map[string]bool{}, map[string]bool{}
	mask := func(values ...string) {
		mu.Lock()
		defer mu.Unlock()
		for _, v := range values {
			masked[v] = true
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !masked[token] {
			t.Errorf("the server got %q, which is not masked", token)
		}
		w.Header().Set("Content-Type", "application/json")
		if revoked[token] {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{}`)
	}))
	t.Cleanup(server.Close)
	now := time.Now()
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	g := gitHub(issuer)
	g.Now = clock
	login := NewBearer(g.ForAudience("mlflow"), mask, clock)
	client, err := rest.New(rest.Config{Base: server.URL, Login: login})
	if err != nil {
		t.Fatal(err)
	}
	call := func() {
		t.Helper()
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() {
				if err := client.JSON(t.Context(), rest.Request{Path: "x", Class: rest.Create, Method: "POST"}, nil); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
	}
	minted := func(want int) {
		t.Helper()
		if got := issuer.Minted(); got != want {
			t.Errorf("%d tokens were minted, want %d", got, want)
		}
	}
	call()
	minted(1)
	mu.Lock()
	now = now.Add(issuer.Life - margin/2)
	mu.Unlock()
	call()
	minted(2)
	mu.Lock()
	for token := range masked {
		revoked[token] = true
	}
	mu.Unlock()
	call()
	minted(3)
	for token := range masked {
		claims, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		if !strings.Contains(string(claims), `"aud":"mlflow"`) {
			t.Errorf("the token is for another audience: %s", claims)
		}
	}
}

// A server that refuses every token is asked twice, and its second response is the result.
func TestBearer_AlwaysRefused(t *testing.T) {
	issuer := logintest.New(t)
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	login := NewBearer(gitHub(issuer).ForAudience("other"), func(...string) {}, time.Now)
	client, err := rest.New(rest.Config{Base: server.URL, Login: login})
	if err != nil {
		t.Fatal(err)
	}
	var e *rest.Error
	if err := client.JSON(t.Context(), rest.Request{Path: "x"}, nil); !errors.As(err, &e) || e.Status != 401 || asked != 2 {
		t.Errorf("%v after %d requests, want the 401 after 2", err, asked)
	}
}

// Without a token, nothing is sent, and the error says which permission is missing.
func TestGitHub_Missing(t *testing.T) {
	for name, c := range map[string]struct {
		g    GitHub
		hint string
	}{
		"laptop":        {GitHub{}, "outside a job"},
		"no permission": {GitHub{InJob: true}, "id-token: write"},
		"fork":          {GitHub{InJob: true, Fork: true}, "pull requests from forks"},
	} {
		login := NewBearer(c.g.ForAudience("mlflow"), func(...string) {}, time.Now)
		client, err := rest.New(rest.Config{Base: "http://127.0.0.1:1", Login: login})
		if err != nil {
			t.Fatal(err)
		}
		err = client.JSON(t.Context(), rest.Request{Path: "x"}, nil)
		var e *registry.Error
		if !errors.As(err, &e) || e.Reason != registry.Unauthorized || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// GitHub's clock and this machine's may differ, so only the length of a token's validity counts.
func TestLifetime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`{"iat": 10, "exp": 310}`: 5 * time.Minute, `{"iat": 10, "exp": 10}`: 0, `{"exp": "x"}`: 0, `[]`: 0, `{}`: 0,
	} {
		got, err := lifetime("e30." + base64.RawURLEncoding.EncodeToString([]byte(text)) + ".c2ln")
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "a.b", "e30.%.x", "one-word"} {
		if _, err := lifetime(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestParseARN(t *testing.T) {
	const server = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/ts1"
	for text, want := range map[string]string{
		server: "https://eu-west-1.experiments.sagemaker.aws",
		"arn:aws-us-gov:sagemaker:us-gov-west-1:123456789012:mlflow-tracking-server/a": "https://us-gov-west-1.experiments.sagemaker.aws",
		"arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/app-1":                    "https://mlflow.sagemaker.us-east-1.app.aws",
		"arn:aws-cn:sagemaker:cn-north-1:123456789012:mlflow-tracking-server/a":        "",
		"arn:aws:sagemaker:eu-west-1:123456789012:model-package/a":                     "",
		"arn:aws:sagemaker:eu-west-1.evil.example/:123456789012:mlflow-app/a":          "",
		server + "/../x": "",
		server + "\n":    "",
	} {
		got, err := ParseARN(text, "")
		if got.Address != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got.Address, err)
		}
	}
}

// sts responds to a token as AWS does.
func sts(t *testing.T, status int, body string) AWS {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("Action") != "AssumeRoleWithWebIdentity" || r.FormValue("RoleArn") != "arn:aws:iam::1:role/ml" ||
			strings.Count(r.FormValue("WebIdentityToken"), ".") != 2 || r.Header.Get("Authorization") != "" {
			t.Errorf("STS got %v", r.Form)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	issuer := logintest.New(t)
	return AWS{
		Env:  func(name string) string { return map[string]string{"AWS_ENDPOINT_URL_STS": server.URL}[name] },
		Role: "arn:aws:iam::1:role/ml", Region: "eu-west-1", GitHub: gitHub(issuer), Now: time.Now,
	}
}

func TestAWS_Role(t *testing.T) {
	end := time.Now().Add(15 * time.Minute).UTC().Format(time.RFC3339)
	a := sts(t, 200, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`+
		`<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AK</AccessKeyId><SecretAccessKey>SK</SecretAccessKey>`+
		`<SessionToken>ST</SessionToken><Expiration>`+end+`</Expiration></Credentials>`+
		`</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`)
	keys, err := a.Credentials().Keys(t.Context())
	life := time.Until(keys.Expires)
	if err != nil || keys.ID != "AK" || keys.Secret != "SK" || keys.Session != "ST" || life < 14*time.Minute ||
		life > 16*time.Minute {
		t.Errorf("%+v, %v", keys, err)
	}
	for code, hint := range map[string]string{
		"AccessDenied": "trust policy", "InvalidIdentityToken": "identity provider", "ExpiredTokenException": "clock",
	} {
		_, err := sts(t, 403, "<ErrorResponse><Error><Code>"+code+"</Code></Error></ErrorResponse>").Credentials().Keys(t.Context())
		var e *registry.Error
		if !errors.As(err, &e) || !strings.Contains(e.Hint, hint) {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func TestAWS_NoCredentials(t *testing.T) {
	for name, hint := range map[string]string{
		"":                                       "configure-aws-credentials",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "ECS task are not read; run aws-actions/configure-aws-credentials",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI":     "ECS task or EKS pod are not read; run aws-actions",
		"AWS_PROFILE":                            "profiles are not read",
		"AWS_ACCESS_KEY_ID":                      "AWS_SECRET_ACCESS_KEY together; one of them is empty",
		"AWS_WEB_IDENTITY_TOKEN_FILE":            "AWS_ROLE_ARN together; one of them is empty",
	} {
		a := AWS{Env: func(n string) string {
			if n == name {
				return "x"
			}
			return ""
		}}
		_, err := a.Credentials().Keys(context.Background())
		var e *registry.Error
		if !errors.As(err, &e) || e.Reason != registry.Unauthorized || !strings.Contains(e.Hint, hint) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
