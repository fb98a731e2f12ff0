package login

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// SageMaker is an MLflow server on Amazon SageMaker.
type SageMaker struct {
	ARN     string
	Address string // address of the REST API
	Service string // service name in signatures
	Region  string
	Header  http.Header // tells the service which server is meant
}

var sageMakerARN = regexp.MustCompile(
	`^arn:(aws|aws-us-gov):sagemaker:([a-z0-9-]+):([0-9]{12}):(mlflow-tracking-server|mlflow-app)/([A-Za-z0-9-]+)$`)

// ParseARN returns the server that an ARN refers to. For any other text, it says what is wrong. The addresses and
// headers are those in AWS's plugin sagemaker-mlflow 0.5.0. endpoint replaces the address, as the plugin's variable
// SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT does; "" means the region's own address.
func ParseARN(text, endpoint string) (SageMaker, error) {
	parts := sageMakerARN.FindStringSubmatch(text)
	switch {
	case parts == nil && strings.HasPrefix(text, "arn:aws-cn:"):
		return SageMaker{}, errors.New("is in the partition aws-cn, where SageMaker has no MLflow")
	case parts == nil:
		return SageMaker{}, errors.New("is not the ARN of an MLflow server; write " +
			"arn:aws:sagemaker:REGION:ACCOUNT:mlflow-tracking-server/NAME or " +
			"arn:aws:sagemaker:REGION:ACCOUNT:mlflow-app/ID")
	}
	region := parts[2]
	if parts[4] == "mlflow-app" {
		return SageMaker{
			ARN:     text,
			Address: cmp.Or(endpoint, "https://mlflow.sagemaker."+region+".app.aws"),
			Service: "sagemaker", Region: region,
			Header: http.Header{"X-Sm-Mlflow-App-Arn": {text}},
		}, nil
	}
	return SageMaker{
		ARN:     text,
		Address: cmp.Or(endpoint, "https://"+region+".experiments.sagemaker.aws"),
		Service: "sagemaker-mlflow", Region: region,
		Header: http.Header{"X-Mlflow-Sm-Tracking-Server-Arn": {text}},
	}, nil
}

// AWS finds credentials as AWS's own programs do: it uses the variables that configure-aws-credentials sets, or it
// exchanges a token for a role's credentials.
type AWS struct {
	Env    func(string) string
	Role   string // ARN of the role to assume with GitHub's token; "" for the environment's credentials
	Region string
	GitHub GitHub
	Wire   rest.Config
	Now    func() time.Time
}

// audienceSTS is the audience that AWS's identity provider for GitHub expects.
const audienceSTS = "sts.amazonaws.com"

// Credentials describes a source of keys.
type Credentials struct {
	How       string // the source in words, and why it is used
	Renewable bool   // whether each call of Keys returns new ones
	Missing   bool   // whether Keys always fails
	Keys      func(ctx context.Context) (Keys, error)
}

// Credentials returns the source of the keys. If there are no keys, its Keys function fails with a hint.
func (a AWS) Credentials() Credentials {
	switch file, role := a.Env("AWS_WEB_IDENTITY_TOKEN_FILE"), a.Env("AWS_ROLE_ARN"); {
	case a.Role != "":
		how := "signatures of AWS as " + a.Role + ", because role-to-assume is set"
		return Credentials{How: how, Renewable: true, Keys: func(ctx context.Context) (Keys, error) {
			from := a.GitHub
			from.Else = "leave role-to-assume empty, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
			token, err := from.ForAudience(audienceSTS)(ctx)
			if err != nil {
				return Keys{}, err
			}
			return a.exchange(ctx, a.Role, token.Value)
		}}
	case a.Env("AWS_ACCESS_KEY_ID") != "" && a.Env("AWS_SECRET_ACCESS_KEY") != "":
		const how = "signatures of AWS with the credentials in AWS_ACCESS_KEY_ID"
		return Credentials{How: how, Keys: func(context.Context) (Keys, error) {
			return Keys{
				ID: a.Env("AWS_ACCESS_KEY_ID"), Secret: a.Env("AWS_SECRET_ACCESS_KEY"),
				Session: a.Env("AWS_SESSION_TOKEN"),
			}, nil
		}}
	case file != "" && role != "":
		how := "signatures of AWS as " + role + ", from AWS_WEB_IDENTITY_TOKEN_FILE"
		return Credentials{How: how, Renewable: true, Keys: func(ctx context.Context) (Keys, error) {
			token, err := os.ReadFile(file)
			if err != nil {
				return Keys{}, wrap("read AWS_WEB_IDENTITY_TOKEN_FILE", err)
			}
			return a.exchange(ctx, role, strings.TrimSpace(string(token)))
		}}
	}
	none := func(context.Context) (Keys, error) {
		return Keys{}, a.missing()
	}
	return Credentials{How: "none: there are no AWS credentials", Missing: true, Keys: none}
}

// missing says why there are no keys.
func (a AWS) missing() error {
	hint := "run aws-actions/configure-aws-credentials before this step, or set role-to-assume"
	set := func(name string) bool { return a.Env(name) != "" }
	switch {
	case set("AWS_ACCESS_KEY_ID") != set("AWS_SECRET_ACCESS_KEY"):
		hint = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY together; one of them is empty"
	case set("AWS_WEB_IDENTITY_TOKEN_FILE") != set("AWS_ROLE_ARN"):
		hint = "set AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN together; one of them is empty"
	case set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
		hint = "the credentials of an ECS task are not read; " + hint
	case set("AWS_CONTAINER_CREDENTIALS_FULL_URI"):
		hint = "the credentials of an ECS task or EKS pod are not read; " + hint
	case a.Env("AWS_PROFILE") != "":
		hint = "profiles are not read; run aws configure export-credentials --format env"
	}
	return &registry.Error{
		Reason: registry.Unauthorized, Msg: "sign the request for Amazon SageMaker: there are no AWS credentials",
		Hint: hint,
	}
}

// assumed is the part of AWS's response that contains the credentials.
type assumed struct {
	Keys struct {
		ID      string    `xml:"AccessKeyId"`
		Secret  string    `xml:"SecretAccessKey"`
		Session string    `xml:"SessionToken"`
		Expires time.Time `xml:"Expiration"`
	} `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
}

// exchange returns a role's credentials in exchange for a token. The request is not signed. AWS limits session
// names to 64 characters.
func (a AWS) exchange(ctx context.Context, role, token string) (Keys, error) {
	op := "assume the role " + role
	wire := a.Wire
	if wire.Base = a.Env("AWS_ENDPOINT_URL_STS"); wire.Base == "" {
		wire.Base = "https://sts." + a.Region + ".amazonaws.com"
	}
	client, err := rest.New(wire)
	if err != nil {
		return Keys{}, wrap(op, err)
	}
	body, header, err := client.Bytes(ctx, rest.Request{
		Method: http.MethodPost, Path: "/", Limit: 64 << 10, Secret: true, Form: url.Values{
			"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {role},
			"RoleSessionName": {"mlflow-promote"}, "WebIdentityToken": {token},
		},
	})
	if err != nil {
		return Keys{}, refusedBySTS(op, err)
	}
	var answer assumed
	if err := xml.Unmarshal(body, &answer); err != nil || answer.Keys.ID == "" || answer.Keys.Secret == "" {
		return Keys{}, wrap(op, fmt.Errorf("the answer contains no credentials (%s)", header.Get("Content-Type")))
	}
	life := time.Hour // AWS's default, if the response does not say
	if sent, err := http.ParseTime(header.Get("Date")); err == nil && answer.Keys.Expires.After(sent) {
		life = answer.Keys.Expires.Sub(sent)
	}
	return Keys{answer.Keys.ID, answer.Keys.Secret, answer.Keys.Session, a.Now().Add(life)}, nil
}

// refusedBySTS explains why AWS did not grant the role.
func refusedBySTS(op string, err error) error {
	var e *rest.Error
	if !errors.As(err, &e) || e.Status == 0 || passes(e) {
		return wrap(op, err)
	}
	out := &registry.Error{
		Reason: registry.Unauthorized, Msg: fmt.Sprintf("%s: AWS answered %d", op, e.Status), Cause: err,
	}
	for code, hint := range map[string]string{
		"AccessDenied": "the role's trust policy does not accept this job: compare its condition on sub with the " +
			"repository, branch or environment (new repositories have ids in it: repo:OWNER@ID/REPO@ID:…)",
		"InvalidIdentityToken": "create GitHub as an identity provider in this AWS account, with the audience " +
			audienceSTS,
		"ExpiredTokenException": "the token had expired: check the runner's clock",
	} {
		if strings.Contains(e.Body, "<Code>"+code+"</Code>") {
			out.Msg, out.Hint = op+": AWS refused with "+code, hint
		}
	}
	return out
}
