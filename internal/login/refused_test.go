package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/login/logintest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// answering starts a server that always sends the same response. Its clock is ahead of this machine's by the given
// time.
func answering(t *testing.T, status int, body string, ahead time.Duration) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		if strings.HasPrefix(body, "{") {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// These are the messages after a refused login: the server's own words, and what to do.
func TestRefused_Sentences(t *testing.T) {
	issuer := logintest.New(t)
	bearer := func() rest.Authorizer {
		return NewBearer(gitHub(issuer).ForAudience("mlflow"), func(...string) {}, time.Now)
	}
	signer := func(service string) func() rest.Authorizer {
		return func() rest.Authorizer {
			from := Credentials{Keys: func(context.Context) (Keys, error) { return Keys{ID: "AK", Secret: "SK"}, nil }}
			return NewSigner(SageMaker{Service: service, Region: "eu-west-1"}, from, func(...string) {}, time.Now)
		}
	}
	subject := "audience mlflow, subject " + fmt.Sprint(issuer.Claims["sub"])
	const clocks = "the clocks differ: this machine says 20"
	for name, c := range map[string]struct {
		login  func() rest.Authorizer
		status int
		body   string
		ahead  time.Duration // how far the server's clock is ahead
		method string
		path   string
		msg    string // "" if the login does not explain the refusal
		hint   string
	}{
		"another audience, mlflow-oidc-auth": {
			login:  bearer,
			status: 401,
			body:   `{"detail": "Authentication required"}`,
			msg:    "the server refused GitHub's token (401): Authentication required",
			hint:   subject,
		},
		"another audience, a page of a proxy": {
			login:  bearer,
			status: 401,
			body:   "<html><title>Unauthorized</title>",
			msg:    "(401): Unauthorized",
			hint:   subject,
		},
		"another audience, a text": {
			login:  bearer,
			status: 401,
			body:   "Jwt audience is not allowed",
			msg:    "Jwt audience is not allowed",
			hint:   "issuer http://127.0.0.1",
		},
		"the server's clock is late": {
			login:  bearer,
			status: 401,
			body:   `{"detail": "Token used before issued"}`,
			ahead:  -10 * time.Minute,
			msg:    "Token used before issued",
			hint:   clocks,
		},
		"the server's clock is late, and it says nothing": {
			login:  bearer,
			status: 401,
			body:   `{"detail": "Authentication required"}`,
			ahead:  -10 * time.Minute,
			msg:    "(401)",
			hint:   clocks,
		},
		"the server checks times with another clock": {
			login:  bearer,
			status: 401,
			body:   `{"message": "The token is not yet valid (iat)"}`,
			msg:    "not yet valid",
			hint:   "compare its clock with GitHub's. The token is valid from 20",
		},
		"a right is missing": {
			login:  bearer,
			status: 403,
			body:   `{"error_code": "PERMISSION_DENIED"}`,
		},
		"S3, clock": {
			login:  signer("s3"),
			status: 403,
			body:   "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference is too large.</Message></Error>",
			ahead:  time.Hour,
			msg:    "AWS refused the login (403): the signature is not valid at this time",
			hint:   clocks,
		},
		"SageMaker, clock": {
			login:  signer("sagemaker-mlflow"),
			status: 403,
			body:   `{"message": "Signature expired: 20261127T171708Z is now earlier than 20261127T180000Z"}`,
			ahead:  time.Hour,
			msg:    "Signature expired: 20261127T171708Z",
			hint:   clocks,
		},
		"SageMaker, clock that the answer does not show": {
			login:  signer("sagemaker"),
			status: 403,
			body:   `{"message": "Signature not yet current: 20261127T171708Z"}`,
			msg:    "is not valid at this time: Signature not yet current",
			hint:   "correct the clock of this machine",
		},
		"SageMaker, expired credentials": {
			login:  signer("sagemaker"),
			status: 403,
			body:   `{"message": "The security token included in the request is expired"}`,
			msg:    "the credentials have expired",
			hint:   "configure-aws-credentials again",
		},
		"SageMaker, unknown credentials": {
			login:  signer("sagemaker"),
			status: 403,
			body:   `{"message": "The security token included in the request is invalid."}`,
			msg:    "AWS does not know these credentials",
			hint:   "AWS_SESSION_TOKEN",
		},
		"SageMaker, wrong secret": {
			login:  signer("sagemaker"),
			status: 403,
			body:   `{"message": "The signature we calculated does not match the signature you provided."}`,
			msg:    "the signature does not match",
			hint:   "AWS_SECRET_ACCESS_KEY",
		},
		"SageMaker, the action in the answer": {
			login:  signer("sagemaker-mlflow"),
			status: 403,
			body: `{"message": "User: arn:aws:sts::1:assumed-role/ml/x is not authorized to perform: ` +
				`sagemaker:UpdateModelPackage on resource: arn:aws:sagemaker:eu-west-1:1:model-package/a"}`,
			method: "POST",
			path:   "registered-models/alias",
			msg:    "AWS does not allow sagemaker:UpdateModelPackage (403)",
			hint:   "add sagemaker:UpdateModelPackage to",
		},
		"SageMaker, the action of the request": {
			login:  signer("sagemaker-mlflow"),
			status: 403,
			body:   `{"message": "Access denied"}`,
			method: "POST",
			path:   "registered-models/alias",
			msg:    "AWS does not allow sagemaker-mlflow:SetRegisteredModelAlias (403)",
			hint:   "`doctor` prints a complete policy",
		},
		"SageMaker, a logged model": {
			login:  signer("sagemaker-mlflow"),
			status: 403,
			path:   "logged-models/m-1/artifacts/directories",
			msg:    "AWS does not allow sagemaker-mlflow:ListLoggedModelArtifacts",
		},
		"SageMaker, an unknown request": {
			login:  signer("sagemaker-mlflow"),
			status: 403,
			path:   "traces",
			msg:    "AWS does not allow this request (403)",
		},
		"SageMaker App": {
			login:  signer("sagemaker"),
			status: 403,
			msg:    "AWS does not allow sagemaker:CallMlflowAppApi (403)",
		},
		"S3, another region": {
			login:  signer("s3"),
			status: 400,
			body: "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed" +
				"</Message><Region>us-west-2</Region></Error>",
			msg:  "the bucket is in the region us-west-2, and not in eu-west-1 (400)",
			hint: "set AWS_REGION to us-west-2",
		},
		"S3, another session": {
			login:  signer("s3"),
			status: 400,
			body:   "<Error><Code>InvalidToken</Code></Error>",
			msg:    "AWS does not know these credentials",
		},
		"S3, a wrong request": {
			login:  signer("s3"),
			status: 400,
			body:   "<Error><Code>InvalidArgument</Code></Error>",
		},
		"SageMaker, a wrong request": {
			login:  signer("sagemaker-mlflow"),
			status: 400,
			body:   `{"error_code": "INVALID_PARAMETER_VALUE", "message": "wrong"}`,
		},
		"S3, access": {
			login:  signer("s3"),
			status: 403,
			body:   "<Error><Code>AccessDenied</Code></Error>",
			msg:    "S3 does not allow these credentials to read the file (403)",
			hint:   "s3:GetObject",
		},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := rest.New(rest.Config{Base: answering(t, c.status, c.body, c.ahead), Login: c.login()})
			if err != nil {
				t.Fatal(err)
			}
			request := rest.Request{Method: c.method, Path: "api/2.0/mlflow/" + c.path}
			err = client.JSON(t.Context(), request, nil)
			var e *registry.Error
			if found := errors.As(err, &e); found != (c.msg != "") {
				t.Fatalf("explained: %t: %v", found, err)
			}
			if c.msg == "" {
				return
			}
			if !strings.Contains(e.Msg, c.msg) || !strings.Contains(e.Hint, c.hint) || strings.Contains(e.Hint, "eyJ") {
				t.Errorf("%s\n%s", e.Msg, e.Hint)
			}
			if strings.Contains(c.msg, "does not allow") != (e.Reason == registry.Forbidden) {
				t.Errorf("the reason is %s", e.Reason)
			}
		})
	}
}

// The IAM policy contains an action for every path that the MLflow client requests.
func TestPolicy_Complete(t *testing.T) {
	path := regexp.MustCompile(`(?:API ?\+ ?|Path\(|FromRegistry\(ctx, )"([a-z-]+/[a-z-]*)`)
	var paths []string
	err := filepath.WalkDir("../mlflow", func(name string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == "mlflowtest":
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(name)
		for _, found := range path.FindAllStringSubmatch(string(text), -1) {
			paths = append(paths, found[1])
		}
		return err
	})
	if err != nil || len(paths) < 30 {
		t.Fatal(err, paths)
	}
	for _, p := range paths {
		switch p {
		case "users/get", "users/current", "users/create": // IAM controls the rights on SageMaker
			continue
		case "artifacts/presigned-download-url", "artifacts/presigned-upload-url": // AWS's list has no action for them
			continue
		case "logged-models/":
			p += "ID"
		}
		found := false
		for request := range actions {
			_, known, _ := strings.Cut(request, " ")
			found = found || known == p
		}
		if !found {
			t.Errorf("no action for %s", p)
		}
	}
}

func TestPolicy(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws-us-gov:sagemaker:us-gov-west-1:123456789012:mlflow-tracking-server/a": "sagemaker-mlflow:GetRun",
		"arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/app-1":                    "sagemaker:CallMlflowAppApi",
	} {
		server, err := ParseARN(arn, "")
		if err != nil {
			t.Fatal(err)
		}
		var policy struct {
			Version   string
			Statement []struct {
				Effect           string
				Action, Resource []string
			}
		}
		text := server.Policy()
		if err := json.Unmarshal([]byte(text), &policy); err != nil {
			t.Fatal(err)
		}
		calls, files := policy.Statement[0], policy.Statement[1]
		if !strings.Contains(text, `"`+want+`"`) || calls.Resource[0] != arn ||
			files.Resource[1] != strings.Split(arn, ":sagemaker")[0]+":s3:::BUCKET/*" {
			t.Errorf("%s: %s", arn, text)
		}
	}
}
