package login

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/login/logintest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

var update = flag.Bool("update", false, "rewrite the table of refused logins in the documents")

// situation is a login that fails, and a row of the table in docs/logins.md.
type situation struct {
	what   string
	login  rest.Authorizer
	server string
	path   string
}

// situations returns the logins that fail, in the order of the table.
func situations(t *testing.T, issuer *logintest.Issuer) []situation {
	t.Helper()
	const runs = "api/2.0/mlflow/runs/get"
	mask := func(...string) {}
	bearer := func(g GitHub) rest.Authorizer { return NewBearer(g.ForAudience("mlflow"), mask, time.Now) }
	aws := func(service, role string, env map[string]string) rest.Authorizer {
		get := func(name string) string { return env[name] }
		from := AWS{Env: get, Role: role, Region: "eu-west-1", GitHub: gitHub(issuer), Now: time.Now}
		return NewSigner(SageMaker{Service: service, Region: "eu-west-1"}, from.Credentials(), mask, time.Now)
	}
	keys := map[string]string{"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK"}
	sts := func(code string) map[string]string {
		return map[string]string{
			"AWS_ENDPOINT_URL_STS": answering(t, 400, "<ErrorResponse><Error><Code>"+code+"</Code></Error></ErrorResponse>", 0),
		}
	}
	databricksLogin := func(change func(*logintest.Workspace), env map[string]string) situation {
		w := logintest.NewWorkspace(t, issuer)
		change(w)
		all := map[string]string{"DATABRICKS_HOST": w.URL}
		for name, value := range env {
			all[name] = value
		}
		found, err := databricks(issuer, all, new(sync.Map)).Workspace()
		if err != nil {
			t.Fatal(err)
		}
		return situation{login: found.Login, server: w.URL, path: runs}
	}
	principal := map[string]string{"DATABRICKS_CLIENT_ID": logintest.ClientID}
	named := func(what string, s situation) situation { s.what = what; return s }
	const role, nowhere = "arn:aws:iam::123456789012:role/ml", "http://127.0.0.1:1"
	const app, server = "sagemaker", "sagemaker-mlflow"
	refusing := func(*logintest.Workspace) {}
	return []situation{
		{"the job lacks `id-token: write`", bearer(GitHub{InJob: true}), nowhere, runs},
		{"a pull request from a fork", bearer(GitHub{InJob: true, Fork: true}), nowhere, runs},
		{"`audience` is set outside a job", bearer(GitHub{}), nowhere, runs},
		{
			"the audience is wrong, or the server does not know the subject", bearer(gitHub(issuer)),
			answering(t, 401, `{"detail": "Authentication required"}`, 0), runs,
		},
		named("the audience is wrong, Databricks", databricksLogin(func(w *logintest.Workspace) { w.Audience = "ours" },
			principal)),
		{
			"the audience is wrong, AWS", aws(app, role, sts("InvalidIdentityToken")), nowhere, runs,
		},
		{"the role does not accept the job, AWS", aws(app, role, sts("AccessDenied")), nowhere, runs},
		{
			"the server's clock is wrong", bearer(gitHub(issuer)),
			answering(t, 401, `{"detail": "Token used before issued"}`, -10*time.Minute), runs,
		},
		{
			"a clock is wrong, AWS", aws(server, "", keys), answering(t, 403,
				`{"message": "Signature expired: 20261127T171708Z is now earlier than 20261127T180000Z"}`, 10*time.Minute),
			runs,
		},
		{
			"the credentials of AWS have expired", aws(server, "", keys), answering(t, 403,
				`{"message": "The security token included in the request is expired"}`, 0), runs,
		},
		{"there are no credentials of AWS", aws(app, "", nil), nowhere, runs},
		{
			"the variables of an ECS task", aws(app, "", map[string]string{
				"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/1",
			}), nowhere, runs,
		},
		{
			"the variables of an EKS pod", aws(app, "", map[string]string{
				"AWS_CONTAINER_CREDENTIALS_FULL_URI":     "http://169.254.170.23/v1/credentials",
				"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/var/run/secrets/token",
			}), nowhere, runs,
		},
		{"an IAM action is missing", aws(server, "", keys), answering(t, 403, `{"message": "Access denied"}`, 0), runs},
		{
			"the bucket is in another region", aws("s3", "", keys), answering(t, 301, "<Error><Code>PermanentRedirect"+
				"</Code><Endpoint>models.s3.eu-central-1.amazonaws.com</Endpoint></Error>", 0), "models/MLmodel",
		},
		named("the secret is wrong, Databricks", databricksLogin(refusing, map[string]string{
			"DATABRICKS_CLIENT_ID": logintest.ClientID, "DATABRICKS_CLIENT_SECRET": "wrong",
		})),
		named("the token has expired, Databricks", databricksLogin(refusing, map[string]string{"DATABRICKS_TOKEN": "old"})),
		named("rights to runs are missing, Databricks", databricksLogin(func(w *logintest.Workspace) {
			w.API = http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { out.WriteHeader(http.StatusForbidden) })
		}, principal)),
		named("the service that issues tokens fails", databricksLogin(func(w *logintest.Workspace) {
			w.Fails = func(r *http.Request) int {
				if strings.HasSuffix(r.URL.Path, "/token") {
					return http.StatusServiceUnavailable
				}
				return 0
			}
		}, principal)),
	}
}

var (
	shownAddress = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
	shownTime    = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`)
)

// The table in docs/logins.md contains the sentences that people get.
func TestRefused_Table(t *testing.T) {
	issuer := logintest.New(t)
	var rows []string
	for _, s := range situations(t, issuer) {
		client, err := rest.New(rest.Config{Base: s.server, Login: s.login})
		if err != nil {
			t.Fatal(err)
		}
		err = client.JSON(context.Background(), rest.Request{Path: s.path}, nil)
		var e *registry.Error
		if !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%s: not explained: %v", s.what, err)
			continue
		}
		said := strings.ReplaceAll(e.Msg+" | "+e.Hint, issuer.URL, "https://token.actions.githubusercontent.com")
		said = shownTime.ReplaceAllString(shownAddress.ReplaceAllString(said, "https://HOST"), "TIME")
		rows = append(rows, fmt.Sprintf("| %s | `%s` | %s |", s.what, e.Reason, said))
	}
	const file, begin, end = "../../docs/logins.md", "<!-- begin refused -->\n", "<!-- end refused -->"
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(old), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("%s has no table of refused logins", file)
	}
	table := "\n| situation | reason | message | hint |\n|---|---|---|---|\n" + strings.Join(rows, "\n") + "\n\n"
	if now := before + begin + table + end + after; now != string(old) {
		if !*update {
			t.Fatalf("%s differs from the messages; run: go test ./internal/login -run TestRefused_Table -update", file)
		}
		if err := os.WriteFile(file, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
