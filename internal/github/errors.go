package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// right is a permission of a workflow's token, as a workflow names it.
type right struct {
	scope, level string
	elsewhere    bool // in another repository than the job's
}

// wanted ends a sentence about a refusal.
func (r right) wanted() string {
	if r.scope == "" {
		return ""
	}
	return fmt.Sprintf("; it needs the permission %s: %s", r.scope, r.level)
}

// hint is what to do about it: what to paste into the workflow, in most cases. A block of permissions takes away what it does not name, so it names reading
// the repository too.
func (r right) hint() string {
	if r.scope == "" {
		return ""
	}
	if r.elsewhere {
		return fmt.Sprintf("the job's own token reaches its own repository only: give github-token the token of a github app, or of a person, with %s: %s over there", r.scope, r.level)
	}
	block := "permissions:\n  contents: read\n"
	if r.scope == "contents" {
		block = "permissions:\n"
	}
	return fmt.Sprintf("a pull request from a fork can never have more than reading; any other job gets it with\n\n%s  %s: %s", block, r.scope, r.level)
}

// neverSent is a request that was given up before it left.
type neverSent struct{ error }

func (e *neverSent) Unwrap() error { return e.error }

// misread is an answer that is no answer of GitHub's.
type misread struct {
	req *http.Request
	err error
}

func (e *misread) Error() string { return "not an answer of github's api: " + e.err.Error() }
func (e *misread) Unwrap() error { return e.err }

// exhausted is a limit that ends too late to be waited for.
type exhausted struct {
	wait  time.Duration
	cause error
}

func (e *exhausted) Error() string { return e.cause.Error() }
func (e *exhausted) Unwrap() error { return e.cause }

// denied is a request that the token may not send, or a thing that it may not see.
type denied struct {
	need  right
	cause error
}

func (e *denied) Error() string { return e.cause.Error() }
func (e *denied) Unwrap() error { return e.cause }

// answered is GitHub's own refusal inside err: go-github has three types for it.
func answered(err error) (resp *http.Response, text string) {
	var (
		plain     *gh.ErrorResponse
		primary   *gh.RateLimitError
		secondary *gh.AbuseRateLimitError
		accepted  *gh.AcceptedError
	)
	switch {
	case errors.As(err, &plain):
		return plain.Response, message(plain)
	case errors.As(err, &primary):
		return primary.Response, primary.Message
	case errors.As(err, &secondary):
		return secondary.Response, secondary.Message
	case errors.As(err, &accepted):
		return &http.Response{StatusCode: http.StatusAccepted}, "accepted, not done yet"
	}
	return nil, ""
}

// message adds to "Validation Failed" what was not valid.
func message(e *gh.ErrorResponse) string {
	out := e.Message
	for _, problem := range e.Errors[:min(3, len(e.Errors))] {
		if why := cmp.Or(problem.Message, strings.TrimSpace(problem.Field+" "+problem.Code)); why != "" {
			out += "; " + why
		}
	}
	return out
}

func statusOf(err error) int {
	if resp, _ := answered(err); resp != nil {
		return resp.StatusCode
	}
	return 0
}

// limit reports whether GitHub refused because a limit is reached, and how long it asks to wait. It uses 403 and 429 for
// both of its kinds of limits, and go-github knows 403 alone.
func limit(err error) (wait time.Duration, limited bool) {
	var primary *gh.RateLimitError
	if errors.As(err, &primary) {
		return max(time.Until(primary.Rate.Reset.Time), 0) + time.Second, true
	}
	var secondary *gh.AbuseRateLimitError
	resp, _ := answered(err)
	switch {
	case resp == nil:
		return 0, false
	case resp.StatusCode == http.StatusTooManyRequests, errors.As(err, &secondary):
	case resp.StatusCode == http.StatusForbidden && resp.Header.Get("Retry-After") != "":
	default:
		return 0, false
	}
	if secondary != nil && secondary.RetryAfter != nil {
		return *secondary.RetryAfter + time.Second, true
	}
	return waitOf(resp.Header), true
}

// waitOf reads Retry-After, then the time at which the limit is lifted by the server's own clock; without either GitHub
// wants a minute.
func waitOf(h http.Header) time.Duration {
	if seconds, err := strconv.Atoi(h.Get("Retry-After")); err == nil && seconds >= 0 {
		return time.Duration(seconds)*time.Second + time.Second
	}
	reset, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	now, dateErr := http.ParseTime(h.Get("Date"))
	if err == nil && dateErr == nil && h.Get("X-RateLimit-Remaining") == "0" {
		return max(time.Unix(reset, 0).Sub(now), 0) + time.Second
	}
	return time.Minute
}

// unclear reports whether a request may have had its effect although it failed.
func unclear(err error) bool {
	var (
		wire *rest.Error
		held *neverSent
		odd  *misread
	)
	switch {
	case errors.As(err, &held):
		return false
	case errors.As(err, &wire):
		return wire.Unclear
	case errors.As(err, &odd):
		return true
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return true // go-github gives the context's error in place of the transport's
	}
	return statusOf(err) >= http.StatusInternalServerError || statusOf(err) == http.StatusAccepted
}

// unknown is the error of a write whose effect could be neither confirmed nor excluded.
func unknown(op string, cause error) error {
	out := &registry.Error{Reason: registry.Unknown, Msg: op + ": sent to github, and not known whether it took effect", Cause: cause}
	var e *registry.Error
	if errors.As(cause, &e) {
		out.Detail = e.Detail
	}
	return out
}

// explain is the one place where what went wrong with GitHub becomes words; nil stays nil.
func explain(r call, err error) error {
	if err == nil {
		return nil
	}
	out := &registry.Error{Reason: registry.ServerError, Cause: err}
	var (
		wire *rest.Error
		odd  *misread
		late *exhausted
	)
	switch resp, text := answered(err); {
	case errors.As(err, &late):
		out.Reason, out.Msg = registry.ServerError, fmt.Sprintf("github's limit of requests is reached, and lifted only in %s", late.wait.Round(time.Second))
		out.Hint = "the limit counts per token and hour; run it again later, or give the token of a github app of your own"
		out.Detail = wireLine(r, resp)
	case resp != nil:
		out.Reason, out.Msg, out.Hint = diagnoseStatus(r.right, resp.StatusCode, rest.Clean(text))
		if _, limited := limit(err); limited {
			out.Reason, out.Msg, out.Hint = registry.ServerError, "github's limit of requests is reached: "+rest.Clean(text), "run it again in some minutes"
		}
		out.Detail = wireLine(r, resp)
	case errors.As(err, &wire):
		out.Reason, out.Msg, out.Hint = diagnoseWire(wire)
		out.Detail = wire.Method + " " + wire.URL
	case errors.As(err, &odd):
		out.Msg, out.Hint = rest.Clean(odd.Error()), "a proxy between runner and github answers in its place; or GITHUB_API_URL names something else"
		out.Detail = odd.req.Method + " " + odd.req.URL.Scheme + "://" + odd.req.URL.Host + odd.req.URL.Path
	case errors.Is(err, context.Canceled):
		out.Reason, out.Msg = registry.Cancelled, "cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		out.Reason, out.Msg = registry.Unreachable, "no answer in time"
	default:
		out.Msg = rest.Clean(err.Error())
	}
	out.Msg = r.op + ": " + out.Msg
	if out.Reason == registry.Forbidden {
		out.Cause = &denied{r.right, err}
	}
	return out
}

// wireLine is the line about the request; the query is left out.
func wireLine(r call, resp *http.Response) string {
	if resp == nil || resp.Request == nil {
		return ""
	}
	u := resp.Request.URL
	return fmt.Sprintf("%s %s://%s%s: %d", resp.Request.Method, u.Scheme, u.Host, u.EscapedPath(), resp.StatusCode)
}

func diagnoseStatus(need right, status int, text string) (reason registry.Reason, why, hint string) {
	switch status {
	case http.StatusUnauthorized:
		return registry.Unauthorized, "github refused the token (401): " + text, "the input github-token must hold a token that has not expired; the default is the job's own"
	case http.StatusForbidden:
		return registry.Forbidden, fmt.Sprintf("github refused this to the token (403): %s%s", text, need.wanted()), need.hint()
	case http.StatusNotFound:
		return registry.Forbidden, "github knows no such thing, or does not show it to this token (404)" + need.wanted(), need.hint()
	case http.StatusGone:
		return registry.Unsupported, "this is switched off in the repository (410): " + text, ""
	}
	return registry.ServerError, fmt.Sprintf("github answered %d: %s", status, cmp.Or(text, strings.ToLower(http.StatusText(status)))), ""
}

func diagnoseWire(e *rest.Error) (reason registry.Reason, why, hint string) {
	switch e.Kind {
	case rest.Refused, rest.Reset, rest.Truncated:
		return registry.Unreachable, "no connection to github, or it broke", "run it again; if it stays, check GITHUB_API_URL and any proxy of the runner"
	case rest.DNS:
		return registry.Unreachable, "the host name of github's api has no address", "check GITHUB_API_URL, and the runner's network"
	case rest.TLS:
		return registry.Unreachable, e.Message, "give the authority that signed the server's certificate in the input ca-file"
	case rest.Timeout:
		return registry.Unreachable, "no answer in time", ""
	case rest.Redirect:
		return registry.ServerError, "github redirects to " + e.Location + ", which is not followed", "the repository was renamed or moved, or GITHUB_API_URL is not the api's own address"
	case rest.InsecureCredentials:
		return registry.BadInput, "the token would travel over plain http", "GITHUB_API_URL must begin with https"
	case rest.Blocked:
		return registry.BadInput, e.Message, ""
	case rest.Canceled:
		return registry.Cancelled, "cancelled", ""
	}
	return registry.ServerError, e.Message, ""
}
