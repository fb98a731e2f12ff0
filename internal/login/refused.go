package login

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Explain implements [rest.Explainer].
func (b *Bearer) Explain(r *http.Request, e *rest.Error) error {
	if e.Status != http.StatusUnauthorized {
		return nil
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), scheme)
	return &registry.Error{
		Reason: registry.Unauthorized, Msg: fmt.Sprintf("the server refused %s (401)%s", b.name, said(e)),
		Hint: cmp.Or(clocks(b.cache.now(), e.Date), b.hint(token, e.Body)),
	}
}

// compareGitHub says what to compare if a server refuses a GitHub token.
func compareGitHub(token, answer string) string {
	if aboutTime.MatchString(answer) {
		return "the server says that the token is not valid now: compare its clock with GitHub's" + lived(token)
	}
	return "the server must accept this token: " + identity(token)
}

// aboutTime matches what servers say about tokens that are not yet valid or no longer valid.
var aboutTime = regexp.MustCompile(
	`(?i)used before (it was )?issued|issued in the future|not (yet|active) valid|not valid yet|not yet valid|` +
		`immature|\b(iat|nbf)\b|expired|ExpiredSignature`)

// lived describes when a token is valid, if the token says so.
func lived(token string) string {
	c, err := claimsOf(token)
	if err != nil || c.Expires <= c.Issued {
		return ""
	}
	from, to := clock(time.Unix(c.Issued, 0)), clock(time.Unix(c.Expires, 0))
	return fmt.Sprintf(". The token is valid from %s to %s", from, to)
}

// said returns what the server said about the refusal, with a colon in front.
func said(e *rest.Error) string {
	if text := cmp.Or(e.Title, e.Message); text != "" {
		return ": " + shorten(rest.Clean(text))
	}
	return ""
}

func shorten(text string) string {
	const limit = 200
	if r := []rune(text); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return text
}

// apartAfter is the difference from which two clocks count as different. Tokens and signatures do not tolerate that
// much. A smaller difference is ignored, because dates are in whole seconds and responses take time.
const apartAfter = time.Minute

// clocks describes the difference between this machine's clock and the server's, or returns "" if it is small.
func clocks(here, server time.Time) string {
	if server.IsZero() || server.Sub(here).Abs() < apartAfter {
		return ""
	}
	return fmt.Sprintf("the clocks differ: this machine says %s, and the server says %s. Correct the wrong one, for "+
		"example with NTP", clock(here), clock(server))
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// notAllowed finds the action in AWS's sentence about a refused request.
var notAllowed = regexp.MustCompile(`not authorized to perform: ([A-Za-z0-9-]+:[A-Za-z0-9]+)`)

// refusals are the ways in which AWS refuses a login, recognised by words in AWS's response.
var refusals = []struct {
	words []string
	what  string
	hint  string
}{
	{
		[]string{"RequestTimeTooSkewed", "Signature expired", "Signature not yet current"},
		"the signature is not valid at this time", "correct the clock of this machine",
	},
	{
		[]string{"ExpiredToken", "security token included in the request is expired"},
		"the credentials have expired",
		"run aws-actions/configure-aws-credentials again before this step, or set role-to-assume",
	},
	{
		[]string{
			"InvalidClientTokenId", "InvalidAccessKeyId", "UnrecognizedClientException", "<Code>InvalidToken<",
			"security token included in the request is invalid",
		},
		"AWS does not know these credentials", "check AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN; both must be from the " +
			"same answer of AWS",
	},
	{
		[]string{
			"SignatureDoesNotMatch", "InvalidSignatureException", "does not match the signature you provided",
		},
		"the signature does not match",
		"check AWS_SECRET_ACCESS_KEY. A proxy that changes requests has the same effect",
	},
}

// otherRegion finds the region in S3's response to a signature for a different region.
var otherRegion = regexp.MustCompile(`<Code>AuthorizationHeaderMalformed</Code>.*<Region>([a-z0-9-]+)</Region>`)

// otherEndpoint finds the region in S3's response to a request for a bucket that is in a different region. The address
// without a region belongs to us-east-1.
var otherEndpoint = regexp.MustCompile(
	`<Code>PermanentRedirect</Code>.*<Endpoint>[^<]*\bs3(?:[.-]([a-z0-9-]+))?\.amazonaws\.com(?:\.cn)?</Endpoint>`)

// bucketRegion returns the region that S3 names in a response to a request for a bucket in a different region, or "".
func bucketRegion(e *rest.Error) string {
	if found := otherRegion.FindStringSubmatch(e.Body); found != nil {
		return found[1]
	}
	if found := otherEndpoint.FindStringSubmatch(e.Body); found != nil {
		return cmp.Or(found[1], "us-east-1")
	}
	return ""
}

// Explain implements [rest.Explainer].
func (s *Signer) Explain(r *http.Request, e *rest.Error) error {
	out := &registry.Error{Reason: registry.Unauthorized}
	if region := bucketRegion(e); region != "" && region != s.region {
		out.Msg = fmt.Sprintf("the bucket is in the region %s, and not in %s (%d)", region, s.region, e.Status)
		out.Hint = "set AWS_REGION to " + region
		return out
	}
	if e.Status < 400 {
		return nil
	}
	for _, known := range refusals {
		if !slices.ContainsFunc(known.words, func(w string) bool { return strings.Contains(e.Body, w) }) {
			continue
		}
		out.Msg = fmt.Sprintf("AWS refused the login (%d): %s%s", e.Status, known.what, said(e))
		out.Hint = known.hint
		if apart := clocks(s.cache.now(), e.Date); apart != "" {
			out.Hint = apart
		}
		return out
	}
	switch {
	case e.Status != http.StatusForbidden:
		return nil
	case s.service == "s3":
		out.Reason, out.Msg = registry.Forbidden, "S3 does not allow these credentials to read the file (403)"
		out.Hint = "allow s3:GetObject on the bucket, and s3:ListBucket, without which missing files look forbidden"
		return out
	}
	action := iamAction(s.service, r.Method, r.URL.Path)
	if found := notAllowed.FindStringSubmatch(e.Message); found != nil {
		action = found[1]
	}
	out.Reason = registry.Forbidden
	out.Msg = fmt.Sprintf("AWS does not allow %s (403)%s", cmp.Or(action, "this request"), said(e))
	if out.Hint = "ask for a larger IAM policy of the role; `doctor` prints one"; action != "" {
		out.Hint = "add " + action + " to the IAM policy of the role; `doctor` prints a complete policy"
	}
	return out
}

// actions maps the method and path in MLflow's API to the IAM action on a tracking server. AWS lists the names of
// the actions in its Service Authorization Reference.
var actions = map[string]string{
	"GET registered-models/get":                  "GetRegisteredModel",
	"GET registered-models/search":               "SearchRegisteredModels",
	"GET registered-models/alias":                "GetModelVersionByAlias",
	"POST registered-models/alias":               "SetRegisteredModelAlias",
	"DELETE registered-models/alias":             "DeleteRegisteredModelAlias",
	"POST registered-models/create":              "CreateRegisteredModel",
	"POST registered-models/set-tag":             "SetRegisteredModelTag",
	"DELETE registered-models/delete-tag":        "DeleteRegisteredModelTag",
	"POST registered-models/get-latest-versions": "GetLatestModelVersions",
	"GET registered-models/get-latest-versions":  "GetLatestModelVersions",
	"GET model-versions/get":                     "GetModelVersion",
	"GET model-versions/search":                  "SearchModelVersions",
	"GET model-versions/get-download-uri":        "GetDownloadURIForModelVersionArtifacts",
	"POST model-versions/create":                 "CreateModelVersion",
	"PATCH model-versions/update":                "UpdateModelVersion",
	"POST model-versions/set-tag":                "SetModelVersionTag",
	"DELETE model-versions/delete-tag":           "DeleteModelVersionTag",
	"POST model-versions/transition-stage":       "TransitionModelVersionStage",
	"GET runs/get":                               "GetRun",
	"POST runs/search":                           "SearchRuns",
	"POST runs/create":                           "CreateRun",
	"POST runs/update":                           "UpdateRun",
	"POST runs/log-batch":                        "LogBatch",
	"POST runs/log-parameter":                    "LogParam",
	"POST runs/set-tag":                          "SetTag",
	"POST runs/delete-tag":                       "DeleteTag",
	"GET metrics/get-history":                    "GetMetricHistory",
	"GET artifacts/list":                         "ListArtifacts",
	"GET experiments/get":                        "GetExperiment",
	"GET experiments/get-by-name":                "GetExperimentByName",
	"POST experiments/search":                    "SearchExperiments",
	"POST experiments/create":                    "CreateExperiment",
	"POST experiments/set-experiment-tag":        "SetExperimentTag",
	"POST logged-models/search":                  "SearchLoggedModels",
	"GET logged-models/ID":                       "GetLoggedModel",
	"GET logged-models/ID/artifacts/directories": "ListLoggedModelArtifacts",
}

// loggedModel matches the id in a logged model's path.
var loggedModel = regexp.MustCompile(`^logged-models/[^/]+(/artifacts/directories)?$`)

// appAction is the only IAM action for calls of an MLflow App.
const appAction = "sagemaker:CallMlflowAppApi"

// iamAction returns the IAM action for a request, or "" if the action is not known.
func iamAction(service, method, path string) string {
	if service == "sagemaker" {
		return appAction
	}
	_, path, _ = strings.Cut(path, "/mlflow/")
	name, ok := actions[method+" "+path]
	if !ok {
		name = actions[method+" "+loggedModel.ReplaceAllString(path, "logged-models/ID$1")]
	}
	if name == "" {
		return ""
	}
	return "sagemaker-mlflow:" + name
}

// Policy returns an IAM policy, as JSON, with all actions that the program needs. It follows AWS's documentation.
// Users replace BUCKET with the name of the artifacts' bucket.
func (s SageMaker) Policy() string {
	type statement struct {
		Effect   string
		Action   []string
		Resource []string
	}
	calls := []string{appAction}
	if s.Service != "sagemaker" {
		calls = nil
		for _, name := range actions {
			calls = append(calls, "sagemaker-mlflow:"+name)
		}
		slices.Sort(calls)
		calls = slices.Compact(calls)
	}
	partition := strings.Split(s.ARN+":::", ":")[1]
	bucket := "arn:" + partition + ":s3:::BUCKET"
	text, err := json.MarshalIndent(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", []statement{
		{"Allow", calls, []string{s.ARN}},
		{"Allow", []string{"s3:GetObject", "s3:ListBucket"}, []string{bucket, bucket + "/*"}},
	}}, "", "  ")
	if err != nil {
		return "" // cannot happen, because strings can always be encoded
	}
	return string(text)
}
