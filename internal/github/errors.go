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

// permission is a token permission, as written in a workflow.
type permission struct {
	scope, level string
	elsewhere    bool // in a repository other than the job's
}

// wanted returns the end of a message about a refusal. It names the missing permission.
func (p permission) wanted() string {
	if p.scope == "" {
		return ""
	}
	return fmt.Sprintf("; the token needs `%s: %s`", p.scope, p.level)
}

// hint says what to do, which is usually to paste something into the workflow. A permissions block removes every
// permission that it does not list, so the hint also includes read access to the repository.
func (p permission) hint() string {
	if p.scope == "" {
		return ""
	}
	if p.elsewhere {
		return fmt.Sprintf("the job's token can access only its own repository. Set github-token to a token from a "+
			"github app or a user with %s: %s in that repository", p.scope, p.level)
	}
	block := "permissions:\n  contents: read\n"
	if p.scope == "contents" {
		block = "permissions:\n"
	}
	return fmt.Sprintf("a pull request from a fork has only read access. In any other job, set\n\n%s  %s: %s", block,
		p.scope, p.level)
}

// neverSent is the error for a request that was cancelled before it was sent.
type neverSent struct{ error }

func (e *neverSent) Unwrap() error { return e.error }

// invalidResponse is the error for a response that does not come from GitHub's API.
type invalidResponse struct {
	req *http.Request
	err error
}

func (e *invalidResponse) Error() string {
	return "the response is not from github's api: " + e.err.Error()
}
func (e *invalidResponse) Unwrap() error { return e.err }

// limitError is the error for a rate limit that lasts too long to wait for.
type limitError struct {
	wait  time.Duration
	cause error
}

func (e *limitError) Error() string { return e.cause.Error() }
func (e *limitError) Unwrap() error { return e.cause }

// denied is the error for a request that the token is not allowed to send, or for a resource that it is not allowed
// to see.
type denied struct {
	need  permission
	cause error
}

func (e *denied) Error() string { return e.cause.Error() }
func (e *denied) Unwrap() error { return e.cause }

// refusalOf extracts GitHub's refusal from err. go-github uses several error types for refusals.
func refusalOf(err error) (resp *http.Response, text string) {
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
		return &http.Response{StatusCode: http.StatusAccepted}, "accepted, but not done yet"
	}
	return nil, ""
}

// message returns GitHub's message and its details. "Validation Failed" alone does not say what is wrong.
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
	if resp, _ := refusalOf(err); resp != nil {
		return resp.StatusCode
	}
	return 0
}

// limit reports whether GitHub refused because a rate limit was reached, and how long to wait. GitHub uses both 403
// and 429 for both kinds of limit, but go-github recognises only 403.
func limit(err error) (wait time.Duration, limited bool) {
	var primary *gh.RateLimitError
	if errors.As(err, &primary) {
		return max(time.Until(primary.Rate.Reset.Time), 0) + time.Second, true
	}
	var secondary *gh.AbuseRateLimitError
	resp, _ := refusalOf(err)
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

// waitOf returns how long to wait: the value of Retry-After or, without that header, the time until the limit resets by
// the server's clock. If GitHub sends neither, waitOf returns one minute, as GitHub's documentation recommends.
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

// unclear reports whether a failed request may have had an effect.
func unclear(err error) bool {
	var (
		httpErr *rest.Error
		unsent  *neverSent
		invalid *invalidResponse
	)
	switch {
	case errors.As(err, &unsent):
		return false
	case errors.As(err, &httpErr):
		return httpErr.Unclear
	case errors.As(err, &invalid):
		return true
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return true // go-github returns the context's error instead of the transport's
	}
	return statusOf(err) >= http.StatusInternalServerError || statusOf(err) == http.StatusAccepted
}

// unknown returns the error for a write that may or may not have taken effect.
func unknown(op string, cause error) error {
	out := &registry.Error{
		Reason: registry.Unknown,
		Msg:    op + ": sent to github, but it is unknown whether it took effect",
		Cause:  cause,
	}
	var e *registry.Error
	if errors.As(cause, &e) {
		out.Detail = e.Detail
	}
	return out
}

// explain turns an error from GitHub into an error for the user. It returns nil if err is nil.
func explain(r call, err error) error {
	if err == nil {
		return nil
	}
	out := &registry.Error{Reason: registry.ServerError, Cause: err}
	var (
		httpErr *rest.Error
		invalid *invalidResponse
		tooLong *limitError
	)
	switch resp, text := refusalOf(err); {
	case errors.As(err, &tooLong):
		out.Reason, out.Msg = registry.ServerError,
			fmt.Sprintf("github's rate limit has been reached and resets in %s", tooLong.wait.Round(time.Second))
		out.Hint = "the limit applies to each token, per hour; run it again later, or use a token from your own " +
			"github app"
		out.Detail = requestLine(r, resp)
	case resp != nil:
		out.Reason, out.Msg, out.Hint = diagnoseStatus(r.needs, resp.StatusCode, rest.Clean(text))
		if _, limited := limit(err); limited {
			out.Reason, out.Msg, out.Hint = registry.ServerError,
				"github's rate limit has been reached: "+rest.Clean(text), "run it again in a few minutes"
		}
		out.Detail = requestLine(r, resp)
	case errors.As(err, &httpErr):
		out.Reason, out.Msg, out.Hint = diagnoseHTTP(httpErr)
		out.Detail = httpErr.Method + " " + httpErr.URL
	case errors.As(err, &invalid):
		out.Msg, out.Hint = rest.Clean(invalid.Error()),
			"check GITHUB_API_URL, and whether a proxy between the runner and github responds instead"
		out.Detail = invalid.req.Method + " " + invalid.req.URL.Scheme + "://" + invalid.req.URL.Host +
			invalid.req.URL.Path
	case errors.Is(err, context.Canceled):
		out.Reason, out.Msg = registry.Cancelled, "cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		out.Reason, out.Msg = registry.Unreachable, "no response in time"
	default:
		out.Msg = rest.Clean(err.Error())
	}
	out.Msg = r.op + ": " + out.Msg
	if out.Reason == registry.Forbidden {
		out.Cause = &denied{r.needs, err}
	}
	return out
}

// requestLine describes a request, without its query, and its response status.
func requestLine(r call, resp *http.Response) string {
	if resp == nil || resp.Request == nil {
		return ""
	}
	u := resp.Request.URL
	return fmt.Sprintf("%s %s://%s%s: %d", resp.Request.Method, u.Scheme, u.Host, u.EscapedPath(), resp.StatusCode)
}

func diagnoseStatus(need permission, status int, text string) (reason registry.Reason, why, hint string) {
	switch status {
	case http.StatusUnauthorized:
		return registry.Unauthorized, "github rejected the token (401): " + text,
			"set github-token to a token that has not expired; the default is the job's own token"
	case http.StatusForbidden:
		return registry.Forbidden,
			fmt.Sprintf("the token is not allowed to do this (403): %s%s", text, need.wanted()), need.hint()
	case http.StatusNotFound:
		return registry.Forbidden,
			"this does not exist on github, or the token is not allowed to see it (404)" + need.wanted(), need.hint()
	case http.StatusGone:
		return registry.Unsupported, "this is disabled in the repository (410): " + text, ""
	}
	return registry.ServerError,
		fmt.Sprintf("github responded with %d: %s", status, cmp.Or(text, strings.ToLower(http.StatusText(status)))), ""
}

func diagnoseHTTP(e *rest.Error) (reason registry.Reason, why, hint string) {
	switch e.Kind {
	case rest.Refused, rest.Reset, rest.Truncated:
		return registry.Unreachable, "the connection to github failed",
			"run it again; if the connection fails again, check GITHUB_API_URL and the runner's proxy settings"
	case rest.DNS:
		return registry.Unreachable,
			"the host name of github's api cannot be resolved", "check GITHUB_API_URL and the runner's network"
	case rest.TLS:
		return registry.Unreachable,
			e.Message, "add the authority that signed the server's certificate to the ca-file input"
	case rest.Timeout:
		return registry.Unreachable, "no response in time", ""
	case rest.Redirect:
		return registry.ServerError, "github redirects to " + e.Location + "; redirects are not followed",
			"check whether the repository was renamed or moved, and whether GITHUB_API_URL is the api's address"
	case rest.InsecureCredentials:
		return registry.BadInput, "the token would be sent over plain http", "use an https address for GITHUB_API_URL"
	case rest.Blocked:
		return registry.BadInput, e.Message, ""
	case rest.Canceled:
		return registry.Cancelled, "cancelled", ""
	}
	return registry.ServerError, e.Message, ""
}
