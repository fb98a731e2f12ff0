package login

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/login/logintest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// databricks returns the logins in an environment. masked collects the secrets that were masked.
func databricks(i *logintest.Issuer, env map[string]string, masked *sync.Map) Databricks {
	d := Databricks{
		Env: func(name string) string { return env[name] },
		Mask: func(values ...string) {
			for _, v := range values {
				masked.Store(v, true)
			}
		},
		Wire: rest.Config{MinWait: time.Millisecond, MaxWait: time.Millisecond}, Now: time.Now,
	}
	if i != nil {
		d.GitHub = gitHub(i)
	}
	d.GitHub.Mask = d.Mask
	return d
}

// kinds are the variables for each login.
var kinds = map[string]map[string]string{
	PersonalToken: {"DATABRICKS_TOKEN": logintest.PersonalToken},
	MachineOAuth: {
		"DATABRICKS_CLIENT_ID": logintest.ClientID, "DATABRICKS_CLIENT_SECRET": logintest.ClientSecret,
	},
	GitHubOAuth: {"DATABRICKS_CLIENT_ID": logintest.ClientID},
}

func TestDatabricks_Kind(t *testing.T) {
	const id, secret, token = "DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET", "DATABRICKS_TOKEN"
	for name, c := range map[string]struct {
		set  string // names of variables, or NAME=VALUE
		inCI bool
		want string // the kind, or a part of the message and the hint
		why  string
	}{
		"token":            {token, false, PersonalToken, "because DATABRICKS_TOKEN is set"},
		"secret":           {id + " " + secret, false, MachineOAuth, id + " and " + secret + " are set"},
		"id":               {id, true, GitHubOAuth, id + " is set without"},
		"id on a laptop":   {id, false, GitHubOAuth, id + " is set without"},
		"job":              {"", true, GitHubOAuth, "this job may have a token"},
		"nothing":          {"", false, "there is no login for Databricks", "DATABRICKS_CLIENT_ID"},
		"Entra":            {"ARM_CLIENT_ID ARM_TENANT_ID", false, "no login for Databricks", "Microsoft Entra"},
		"two":              {token + " " + id, false, "several logins", "remove DATABRICKS_TOKEN"},
		"two and a choice": {token + " " + id + " DATABRICKS_AUTH_TYPE=pat", false, PersonalToken, "AUTH_TYPE is pat"},
		"chosen OIDC":      {token + " DATABRICKS_AUTH_TYPE=github-oidc", true, GitHubOAuth, "AUTH_TYPE is github"},
		"chosen, missing":  {token + " DATABRICKS_AUTH_TYPE=oauth-m2m", true, id + " is not set", "is oauth-m2m"},
		"unknown choice":   {token + " DATABRICKS_AUTH_TYPE=azure-cli", true, "not supported", "pat, oauth-m2m or"},
		"secret alone":     {secret, false, id + " is not set", "together with"},
		"profile":          {"DATABRICKS_CONFIG_PROFILE DATABRICKS_HOST=", false, "HOST is not set", "profiles"},
		"no host":          {token + " DATABRICKS_HOST=", false, "HOST is not set", "address of the workspace"},
		"user in host":     {token + " DATABRICKS_HOST=https://u:p@h", false, "is not an address", "without a user"},
		"no address":       {token + " DATABRICKS_HOST=ftp://h", false, "is not an address", "https://HOST"},
		"line break":       {"DATABRICKS_TOKEN=a\n", false, "contains a line break", "remove it"},
	} {
		env := map[string]string{"DATABRICKS_HOST": "https://adb-1.2.azuredatabricks.net"}
		for _, word := range strings.Split(c.set, " ") {
			variable, value, given := strings.Cut(word, "=")
			if env[variable] = value; !given {
				env[variable] = "value-of-" + variable
			}
		}
		d := databricks(nil, env, new(sync.Map))
		if c.inCI {
			d.GitHub = GitHub{URL: "https://github.example", Token: "t", InJob: true}
		}
		got, err := d.Workspace()
		var e *registry.Error
		switch {
		case errors.As(err, &e):
			if !strings.Contains(e.Msg, c.want) || !strings.Contains(e.Hint, c.why) || e.Reason != registry.BadInput ||
				strings.Contains(e.Msg+e.Hint, "value-of-") {
				t.Errorf("%s: %s: %s (%s)", name, e.Reason, e.Msg, e.Hint)
			}
		case got.Kind != c.want || !strings.Contains(got.How, c.why) || strings.Contains(got.How, "value-of-"):
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// The address is corrected as in Databricks' SDKs. If it is the copied address of a page, the path is removed.
func TestDatabricks_Host(t *testing.T) {
	for text, want := range map[string]string{
		"https://dbc-1.cloud.databricks.com/":            "https://dbc-1.cloud.databricks.com",
		"dbc-1.cloud.databricks.com":                     "https://dbc-1.cloud.databricks.com",
		"https://dbc-1.cloud.databricks.com:443":         "https://dbc-1.cloud.databricks.com",
		"https://adb-1.2.azuredatabricks.net/?o=1#ml/a":  "https://adb-1.2.azuredatabricks.net",
		" https://dbc-1.cloud.databricks.com:8443/ml \n": "https://dbc-1.cloud.databricks.com:8443",
	} {
		env := map[string]string{"DATABRICKS_HOST": text, "DATABRICKS_TOKEN": "t"}
		if got, err := databricks(nil, env, new(sync.Map)).Workspace(); err != nil || got.Address != want {
			t.Errorf("%q: %q, %v", text, got.Address, err)
		}
	}
}

// With every login, each request arrives exactly once, even if each token expires after one request, whether or not
// the server announces this. Every secret is masked before the server sees it.
func TestDatabricks_Renews(t *testing.T) {
	for kind, env := range kinds {
		for name, announced := range map[string]bool{"announced": true, "unannounced": false} {
			t.Run(kind+" "+name, func(t *testing.T) {
				issuer := logintest.New(t)
				w := logintest.NewWorkspace(t, issuer)
				w.Uses = 1
				if announced {
					w.Life = 1
				}
				var mu sync.Mutex
				arrived := map[string]int{}
				var masked sync.Map
				w.API = http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
					mu.Lock()
					defer mu.Unlock()
					arrived[r.URL.Path]++
					token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
					if _, ok := masked.Load(token); !ok {
						t.Errorf("the server got %q, which is not masked", token)
					}
					if got := r.Header.Get("X-Databricks-Org-Id"); got != logintest.WorkspaceID {
						t.Errorf("the id of the workspace is %q", got)
					}
					out.Header().Set("Content-Type", "application/json")
					fmt.Fprint(out, `{}`)
				})
				env := maps.Clone(env)
				env["DATABRICKS_HOST"] = w.URL
				found, err := databricks(issuer, env, &masked).Workspace()
				if err != nil || found.Kind != kind {
					t.Fatal(found.Kind, err)
				}
				client, err := rest.New(rest.Config{Base: found.Address, Login: found.Login})
				if err != nil {
					t.Fatal(err)
				}
				const calls = 20
				for i := range calls {
					request := rest.Request{Path: fmt.Sprint("api/", i), Class: rest.Create, Method: http.MethodPost}
					if err := client.JSON(t.Context(), request, nil); err != nil {
						t.Errorf("request %d is lost: %v", i, err)
					}
				}
				if len(arrived) != calls || slices.Max(slices.Collect(maps.Values(arrived))) != 1 {
					t.Errorf("arrived: %v", arrived)
				}
				want := map[string]int{PersonalToken: 0, MachineOAuth: calls, GitHubOAuth: calls}[kind]
				if got := w.Minted(); got != want {
					t.Errorf("%d tokens were minted for %d requests, want %d", got, calls, want)
				}
			})
		}
	}
}

// Parallel requests share one token, which is valid for an hour. If the server refuses a second token, the request
// fails.
func TestDatabricks_SharesToken(t *testing.T) {
	issuer := logintest.New(t)
	w := logintest.NewWorkspace(t, issuer)
	env := maps.Clone(kinds[GitHubOAuth])
	env["DATABRICKS_HOST"] = w.URL
	found, err := databricks(issuer, env, new(sync.Map)).Workspace()
	if err != nil {
		t.Fatal(err)
	}
	client, err := rest.New(rest.Config{Base: found.Address, Login: found.Login})
	if err != nil {
		t.Fatal(err)
	}
	call := func() {
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() {
				if err := client.JSON(t.Context(), rest.Request{Path: "api/x"}, nil); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
	}
	call()
	if w.Minted() != 1 {
		t.Errorf("%d tokens for parallel requests", w.Minted())
	}
	w.Revoke()
	call()
	if w.Minted() < 2 || w.Minted() > 9 { // requests that are refused at the same time may each ask for a token
		t.Errorf("%d tokens after a revocation", w.Minted())
	}
}

// These are the facts that a host may state about itself, and those that the program must not trust.
func TestDatabricks_Facts(t *testing.T) {
	const azure = "https://adb-1.2.azuredatabricks.net/oidc/v1/token"
	for name, c := range map[string]struct {
		facts    map[string]any // nil for a host without facts
		env      map[string]string
		endpoint string
		audience string // the audience that the double expects
		want     string // part of the error; "" for none
		orgID    string
	}{
		"old host": {},
		"id in the environment": {
			env: map[string]string{"DATABRICKS_WORKSPACE_ID": "42"}, orgID: "42",
		},
		"id is a number":      {facts: map[string]any{"workspace_id": 42}, orgID: "42"},
		"ids of other shapes": {facts: map[string]any{"workspace_id": map[string]any{"a\r\nb": 1}, "account_id": nil}},
		"audience of another workspace": {
			facts: map[string]any{"token_federation_default_oidc_audiences": []string{azure}},
			want:  "DATABRICKS_TOKEN_AUDIENCE is not set",
		},
		"audience of another account": {
			facts: map[string]any{"token_federation_default_oidc_audiences": []string{logintest.AccountID}},
			want:  "DATABRICKS_TOKEN_AUDIENCE is not set",
		},
		"audience of our account": {
			facts:    map[string]any{"token_federation_default_oidc_audiences": []string{logintest.AccountID}},
			env:      map[string]string{"DATABRICKS_ACCOUNT_ID": logintest.AccountID},
			audience: logintest.AccountID,
		},
		"audience in the environment": {
			facts:    map[string]any{"token_federation_default_oidc_audiences": []string{azure}},
			env:      map[string]string{"DATABRICKS_TOKEN_AUDIENCE": "ours"},
			audience: "ours",
		},
		"account": {
			facts: map[string]any{"x": "y"}, env: map[string]string{"DATABRICKS_ACCOUNT_ID": logintest.AccountID},
			audience: logintest.AccountID,
		},
		"account of a foreign host": {
			facts: map[string]any{"account_id": logintest.AccountID}, // not used: the double expects its own address
		},
		"account in the path": {
			facts: map[string]any{"oidc_endpoint": "/oidc/accounts/{account_id}"},
			env: map[string]string{
				"DATABRICKS_WORKSPACE_ID": "42", "DATABRICKS_ACCOUNT_ID": logintest.AccountID,
			},
			audience: logintest.AccountID, orgID: "42",
		},
		"unknown account": {
			facts: map[string]any{"oidc_endpoint": "/oidc/accounts/{account_id}"},
			want:  "DATABRICKS_ACCOUNT_ID is not set",
		},
		"discovery address": {
			env: map[string]string{"DATABRICKS_DISCOVERY_URL": "/oidc/own/.well-known/oauth-authorization-server"},
		},
		"audience of another service": {
			facts: map[string]any{"token_federation_default_oidc_audiences": []string{"sts.amazonaws.com"}},
			want:  "DATABRICKS_TOKEN_AUDIENCE is not set",
		},
		"account of another service": {
			facts: map[string]any{"account_id": "sts-amazonaws-com"}, // not used, because the double expects its own address
		},
		"wrong audience": {audience: "ours", want: "400 invalid_grant: Token audience is not allowed"},
		"foreign endpoint": {
			endpoint: "https://evil.example/token", want: `"evil.example", which does not belong to Databricks`,
		},
		"unencrypted endpoint": {
			endpoint: "http://dbc-1.cloud.databricks.com/oidc/v1/token", want: "does not belong to Databricks",
		},
		"foreign OIDC": {
			facts: map[string]any{"oidc_endpoint": "https://azuredatabricks.net.evil.example/oidc"},
			want:  "does not belong to Databricks",
		},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := logintest.New(t)
			w := logintest.NewWorkspace(t, issuer)
			w.Facts, w.Audience, w.Endpoint = c.facts, c.audience, c.endpoint
			absolute := func(text any) string { // addresses in the table are relative to the double
				if path, ok := text.(string); ok && strings.HasPrefix(path, "/") {
					return w.URL + path
				}
				return fmt.Sprint(text)
			}
			if text, ok := c.facts["oidc_endpoint"]; ok {
				w.Facts["oidc_endpoint"] = absolute(text)
			}
			env := map[string]string{"DATABRICKS_HOST": w.URL, "DATABRICKS_CLIENT_ID": logintest.ClientID}
			for variable, value := range c.env {
				env[variable] = absolute(value)
			}
			found, err := databricks(issuer, env, new(sync.Map)).Workspace()
			if err != nil {
				t.Fatal(err)
			}
			client, err := rest.New(rest.Config{Base: found.Address, Login: found.Login})
			if err != nil {
				t.Fatal(err)
			}
			err = client.JSON(t.Context(), rest.Request{Path: "api/x"}, nil)
			requests := w.Requests()
			switch {
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %s", err, c.want)
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want == "" && requests[len(requests)-1].OrgID != c.orgID:
				t.Errorf("the id of the workspace is %q, want %q", requests[len(requests)-1].OrgID, c.orgID)
			}
		})
	}
}

// If the host fails for a moment, the program asks again. If it continues to fail, the error is about the host and not
// about the login, and no request is sent without the id of the workspace.
func TestDatabricks_HostFails(t *testing.T) {
	const facts, token = "/.well-known/databricks-config", "/oidc/v1/token"
	for name, c := range map[string]struct {
		path   string
		status int
		times  int
		reason registry.Reason
		orgID  string
	}{
		"facts, once":             {facts, 503, 1, "", logintest.WorkspaceID},
		"facts, too many, once":   {facts, 429, 1, "", logintest.WorkspaceID},
		"facts, every time":       {facts, 503, 1000, registry.ServerError, ""},
		"an old host":             {facts, 404, 1000, "", ""},
		"a host that forbids it":  {facts, 403, 1000, "", ""},
		"tokens, once":            {token, 503, 1, "", logintest.WorkspaceID},
		"tokens, too many, once":  {token, 429, 1, "", logintest.WorkspaceID},
		"tokens, every time":      {token, 503, 1000, registry.ServerError, ""},
		"tokens, always too many": {token, 429, 1000, registry.ServerError, ""},
		"tokens, 500":             {token, 500, 1000, registry.ServerError, ""},
	} {
		for kind, variables := range kinds {
			if kind == PersonalToken && c.path == token {
				continue
			}
			t.Run(name+" "+kind, func(t *testing.T) {
				issuer := logintest.New(t)
				w := logintest.NewWorkspace(t, issuer)
				var mu sync.Mutex
				failed := 0
				w.Fails = func(r *http.Request) int {
					mu.Lock()
					defer mu.Unlock()
					if r.URL.Path != c.path || failed == c.times {
						return 0
					}
					failed++
					return c.status
				}
				env := maps.Clone(variables)
				env["DATABRICKS_HOST"] = w.URL
				found, err := databricks(issuer, env, new(sync.Map)).Workspace()
				if err != nil {
					t.Fatal(err)
				}
				client, err := rest.New(rest.Config{Base: found.Address, Login: found.Login})
				if err != nil {
					t.Fatal(err)
				}
				err = client.JSON(t.Context(), rest.Request{Path: "api/x"}, nil)
				last := w.Requests()[len(w.Requests())-1]
				var e *registry.Error
				switch {
				case c.reason == "":
					if err != nil || last.Path != "/api/x" || last.OrgID != c.orgID {
						t.Errorf("%v; the last request is %+v", err, last)
					}
				case !errors.As(err, &e) || e.Reason != c.reason || e.Hint == "" || last.Path == "/api/x":
					t.Errorf("%v, want %s; the last request is %+v", err, c.reason, last)
				}
			})
		}
	}
}

// A refusal of the tracking server says which rights of Databricks are missing. The registry's own dialect explains the
// others.
func TestDatabricks_Forbidden(t *testing.T) {
	for path, want := range map[string]string{
		"api/2.0/mlflow/runs/get": "CAN READ", "api/2.0/mlflow/logged-models/m-1": "CAN READ",
		"api/2.0/mlflow/unity-catalog/registered-models/get": "", "api/2.0/fs/files/Models/a": "",
	} {
		w := logintest.NewWorkspace(t, logintest.New(t))
		w.API = http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
			out.Header().Set("Content-Type", "application/json")
			out.WriteHeader(http.StatusForbidden)
			fmt.Fprint(out, `{"error_code": "PERMISSION_DENIED", "message": "no"}`)
		})
		env := map[string]string{"DATABRICKS_HOST": w.URL, "DATABRICKS_TOKEN": logintest.PersonalToken}
		found, err := databricks(nil, env, new(sync.Map)).Workspace()
		if err != nil {
			t.Fatal(err)
		}
		client, err := rest.New(rest.Config{Base: found.Address, Login: found.Login})
		if err != nil {
			t.Fatal(err)
		}
		err = client.JSON(t.Context(), rest.Request{Path: path}, nil)
		var e *registry.Error
		if explained := errors.As(err, &e); explained != (want != "") {
			t.Errorf("%s: explained: %t: %v", path, explained, err)
		} else if explained && (e.Reason != registry.Forbidden || !strings.Contains(e.Hint, want)) {
			t.Errorf("%s: %s %s (%s)", path, e.Reason, e.Msg, e.Hint)
		}
	}
}

// Outside a job, the advice fits the login.
func TestGitHub_OutsideJob(t *testing.T) {
	env := map[string]string{"DATABRICKS_HOST": "http://127.0.0.1:1", "DATABRICKS_CLIENT_ID": logintest.ClientID}
	found, err := databricks(nil, env, new(sync.Map)).Workspace()
	if err != nil {
		t.Fatal(err)
	}
	aws := AWS{Env: func(string) string { return "" }, Role: "arn:aws:iam::123456789012:role/ml"}
	for want, login := range map[string]rest.Authorizer{
		"outside a job, set DATABRICKS_TOKEN": found.Login,
		"outside a job, leave role-to-assume empty": NewSigner(
			SageMaker{Service: "sagemaker", Region: "eu-west-1"}, aws.Credentials(), func(...string) {}, time.Now,
		),
		"outside a job, log in with a user name": NewBearer(GitHub{}.ForAudience("x"), func(...string) {}, time.Now),
	} {
		client, err := rest.New(rest.Config{Base: "http://127.0.0.1:1", Login: login})
		if err != nil {
			t.Fatal(err)
		}
		err = client.JSON(t.Context(), rest.Request{Path: "x"}, nil)
		var e *registry.Error
		if !errors.As(err, &e) || !strings.Contains(e.Hint, want) {
			t.Errorf("%v: %+v, want %s", err, e, want)
		}
	}
}

// The error after a refusal says what Databricks responded and what to compare. It contains no secret.
func TestDatabricks_Refused(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		msg  string
		hint string
	}{
		"wrong secret": {
			map[string]string{"DATABRICKS_CLIENT_ID": logintest.ClientID, "DATABRICKS_CLIENT_SECRET": "wrong"},
			"401 invalid_client: Client authentication failed",
			"compare DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET",
		},
		"unknown principal": {
			map[string]string{"DATABRICKS_CLIENT_ID": "unknown"},
			"401 invalid_client: Service principal not found",
			"audience AUDIENCE, subject repo:acme@1/churn@2:environment:production",
		},
		"wrong audience": {
			map[string]string{"DATABRICKS_CLIENT_ID": logintest.ClientID, "DATABRICKS_TOKEN_AUDIENCE": "theirs"},
			"400 invalid_grant: Token audience is not allowed",
			"audience theirs, subject repo:acme@1/churn@2:environment:production",
		},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := logintest.New(t)
			w := logintest.NewWorkspace(t, issuer)
			c.env["DATABRICKS_HOST"] = w.URL
			found, err := databricks(issuer, c.env, new(sync.Map)).Workspace()
			if err != nil {
				t.Fatal(err)
			}
			client, err := rest.New(rest.Config{Base: found.Address, Login: found.Login})
			if err != nil {
				t.Fatal(err)
			}
			err = client.JSON(t.Context(), rest.Request{Path: "api/x"}, nil)
			var e *registry.Error
			hint := strings.ReplaceAll(c.hint, "AUDIENCE", w.URL+"/oidc/v1/token")
			if name == "wrong secret" {
				hint = c.hint
			}
			if !errors.As(err, &e) || e.Reason != registry.Unauthorized || !strings.Contains(e.Msg, c.msg) ||
				!strings.Contains(e.Hint, hint) || strings.Contains(e.Msg+e.Hint, "eyJ") {
				t.Errorf("%v\n%+v", err, e)
			}
		})
	}
}

func TestDatabricks_Recognise(t *testing.T) {
	const host = "https://dbc-1.cloud.databricks.com"
	for name, c := range map[string]struct {
		text, host string
		tracking   bool
		want       string // the address, a part of the problem, or "-" if it is not Databricks
	}{
		"tracking":            {"databricks", host, true, host},
		"registry":            {"databricks-uc", host, false, host},
		"upper case":          {"Databricks", host, true, host},
		"empty profile":       {"databricks-uc://", host, false, host},
		"profile":             {"databricks://prod", host, true, "names a profile"},
		"registry profile":    {"databricks-uc://prod", host, false, "write databricks-uc,"},
		"workspace registry":  {"databricks", host, false, "databricks-uc for Unity"},
		"registry of runs":    {"databricks-uc", host, true, "write databricks"},
		"no host":             {"databricks", "", true, "DATABRICKS_HOST"},
		"host with a user":    {"databricks", "https://ann@dbc-1.example", true, "DATABRICKS_HOST"},
		"host without scheme": {"databricks", "dbc-1.cloud.databricks.com", true, host},
		"host with a page":    {"databricks", host + "/ml/models?o=1", true, host},
		"address":             {host, host, true, host},
		"address and port":    {"http://127.0.0.1:5000", "http://127.0.0.1:5000", true, "http://127.0.0.1:5000"},
		"another address":     {"https://mlflow.example", host, true, "-"},
		"address, no host":    {host, "", true, "to this address"},
		"another workspace":   {"https://adb-2.azuredatabricks.net/", host, true, "to this address"},
		"something else":      {"databricksish", host, true, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			address, problem, is := databricks(nil, map[string]string{"DATABRICKS_HOST": c.host}, nil).Recognise(c.text, c.tracking)
			switch {
			case !is:
				if c.want != "-" {
					t.Error("not recognised")
				}
			case address != c.want && (problem == "" || !strings.Contains(problem, c.want)):
				t.Errorf("address %q, problem %q, want %q", address, problem, c.want)
			}
		})
	}
}
