package mlflow

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Remote returns the HTTP error in err, or nil.
func Remote(err error) *rest.Error {
	var e *rest.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// IsStatus reports whether the server responded with this status and error code.
func IsStatus(err error, status int, code string) bool {
	e := Remote(err)
	return e != nil && e.Status == status && e.Code == code
}

// IsMissing reports whether the server says that the requested thing does not exist. The response must contain an error
// code, because a 404 without one means that the endpoint does not exist.
func IsMissing(err error) bool {
	return IsStatus(err, 404, "RESOURCE_DOES_NOT_EXIST") || IsStatus(err, 404, "NOT_FOUND")
}

// IsFailure reports whether the server responded with 500.
func IsFailure(err error) bool {
	e := Remote(err)
	return e != nil && e.Status == 500
}

// NoRoute reports whether the endpoint itself does not exist. Older servers send an HTML page in that case, and
// Databricks an error code of its own. JSON without an error code comes from an endpoint that exists.
func NoRoute(err error) bool {
	e := Remote(err)
	if e == nil || e.Kind != rest.Status || e.Status != 404 && e.Status != 405 {
		return false
	}
	return e.Code == "ENDPOINT_NOT_FOUND" || e.Code == "" && e.ContentType != "application/json"
}

func AlreadyExists(err error) bool {
	return IsStatus(err, 400, "RESOURCE_ALREADY_EXISTS") || IsStatus(err, 409, "ALREADY_EXISTS") ||
		IsStatus(err, 409, "RESOURCE_ALREADY_EXISTS") || IsStatus(err, 409, "RESOURCE_CONFLICT")
}

// Unclear reports whether a write may have taken effect even though it failed.
func Unclear(err error) bool {
	e := Remote(err)
	return e != nil && e.Unclear
}

// pending reports whether a write may still take effect later.
func pending(err error) bool {
	e := Remote(err)
	return e != nil && e.Pending
}

// Unknown returns the error for a write that may or may not have taken effect.
func Unknown(op string, cause error) error {
	return &registry.Error{
		Reason: registry.Unknown, Msg: op + ": sent, but the result is unknown: " + Short(cause),
		Detail: ServerText(cause), Cause: cause, Over: !pending(cause),
		Hint: "run it again: it reads the current state and continues",
	}
}

// Explain turns an HTTP error into an error for users, which says what failed, why, and what to do. op has the form
// "verb object".
func Explain(op string, err error) error {
	e := Remote(err)
	if part := incomplete(err); part != nil {
		return &registry.Error{Reason: registry.NotMLflow, Msg: op + ": " + part.Why, Hint: part.Hint, Cause: err}
	}
	if e == nil {
		return &registry.Error{Reason: registry.ServerError, Msg: op + ": " + err.Error(), Cause: err}
	}
	reason, why, hint := diagnose(e)
	return &registry.Error{Reason: reason, Msg: op + ": " + why, Detail: ServerText(err), Hint: hint, Cause: err}
}

// diagnose returns the reason, a short description of the cause, and a hint.
func diagnose(e *rest.Error) (reason registry.Reason, why, hint string) {
	if e.ProxyFailed {
		return diagnoseProxy(e)
	}
	if own := (*registry.Error)(nil); errors.As(e.Cause, &own) { // the login explains itself
		return own.Reason, own.Msg, own.Hint
	}
	switch e.Kind {
	case rest.Status:
		return diagnoseStatus(e)
	case rest.Refused:
		return registry.Unreachable, "connection refused", hintRefused(e)
	case rest.DNS:
		why = "the host name " + nameOf(e.URL) + " has no address"
		return registry.Unreachable, why, "check the host in tracking-uri; a private host " +
			"name resolves only on a runner in that network"
	case rest.TLS:
		if e.PlainHTTP {
			hint = "use http:// in tracking-uri if the server speaks HTTP on this port"
			return registry.Unreachable, e.Message, hint
		}
		return registry.Unreachable, e.Message, "set the ca-file input to the server's certificate authority"
	case rest.Timeout:
		return registry.Unreachable, "no response in time", "check whether the server or a proxy in front of it " +
			"hangs; if the server is only slow, raise the timeout input"
	case rest.Reset, rest.Truncated:
		return registry.Unreachable, "the connection broke", "run it again; if it fails again, check the server's " +
			"log and any proxies"
	case rest.Redirect:
		return registry.NotMLflow, "the server redirects to " + e.Location, hintLogin
	case rest.NotJSON:
		return registry.NotMLflow, answerName(e) + " instead of JSON", hintLogin
	case rest.Malformed, rest.MissingKey, rest.TooLarge:
		return registry.NotMLflow, e.Message, "the server at this address does not use MLflow's API; check " +
			"tracking-uri and any proxy in front of the server"
	case rest.InsecureCredentials:
		return registry.BadInput, "credentials would be sent over plain http", "use https, or " +
			"`allow-insecure-http: true` if the network between runner and server is trusted"
	case rest.Blocked:
		return registry.BadInput, e.Message, "set tracking-uri to the server's own address"
	case rest.Login:
		return registry.Unauthorized, e.Message, ""
	case rest.Canceled:
		return registry.Cancelled, "cancelled", ""
	}
	return registry.ServerError, e.Message, ""
}

// IsExplained reports whether the login itself says why the server refused a request. Then MLflow's own permissions are
// not the cause.
func IsExplained(err error) bool {
	e, own := Remote(err), (*registry.Error)(nil)
	return e != nil && errors.As(e.Cause, &own)
}

// diagnoseProxy explains why the runner's forward proxy did not open a connection to the server.
func diagnoseProxy(e *rest.Error) (reason registry.Reason, why, hint string) {
	name := "the forward proxy " + e.Proxy
	hint = "the proxy is set by HTTPS_PROXY or HTTP_PROXY in the runner's environment: check its address, or list " +
		hostOf(e.URL) + " in NO_PROXY to connect directly"
	switch e.Kind {
	case rest.DNS:
		return registry.Unreachable, "the host name of " + name + " has no address", hint
	case rest.Timeout:
		return registry.Unreachable, name + " does not respond", hint
	case rest.TLS:
		return registry.Unreachable, name + ": " + e.Message, hint
	}
	if refused, ok := strings.CutPrefix(e.Message, "the proxy refused the tunnel: "); ok {
		return registry.Unreachable, name + " refused the connection to " + hostOf(e.URL) + ": " + refused,
			"ask the administrator of the proxy to allow " + hostOf(e.URL) +
				", or list the host in NO_PROXY to connect directly"
	}
	return registry.Unreachable, name + " does not accept connections", hint
}

// isFromMLflow reports whether MLflow itself refused the request, either with JSON that contains an error code or with
// a sentence from its basic-auth app or from mlflow-oidc-auth. Proxies, meshes and login pages send other texts.
func isFromMLflow(e *rest.Error) bool {
	return e.Code != "" || strings.HasPrefix(strings.Trim(e.Body, `"`), "Permission denied") ||
		e.Message == "Permission denied" && e.ContentType == "application/json" ||
		strings.HasPrefix(e.Body, "You are not authenticated")
}

// others describes a response that did not come from MLflow by its title or first line.
func others(e *rest.Error) string {
	switch {
	case e.Title != "":
		return fmt.Sprintf("a page titled %q", e.Title)
	case e.Message != "":
		return fmt.Sprintf("%q", format.Shorten(e.Message, 200))
	}
	return answerName(e)
}

const hintLogin = "there is probably a login proxy in front of MLflow. Pass its credentials in the headers " +
	"or token input, or use an address that reaches MLflow directly"

func diagnoseStatus(e *rest.Error) (reason registry.Reason, why, hint string) {
	switch {
	case e.Status == 401 && e.Anonymous:
		return registry.Unauthorized, "no credentials were sent (401)",
			"set the username and password inputs, or token. If you have set them, the secret is empty: check its " +
				"name, and whether this job is allowed to read it"
	case e.Status == 401 && !isFromMLflow(e):
		return registry.Unauthorized, "something in front of MLflow refused the login (401): " + others(e), hintLogin
	case e.Status == 401:
		return registry.Unauthorized, "the login was refused (401)", "set username and password, or token, as the " +
			"server expects; MLflow's basic-auth does not accept tokens"
	case e.Status == 403 && hostRefused(e):
		host := hostOf(e.URL)
		return registry.HostRefused, fmt.Sprintf("MLflow does not accept the host name %s (403)", host),
			fmt.Sprintf(
				"start the server with --allowed-hosts %s, or set MLFLOW_SERVER_ALLOWED_HOSTS=%s on it",
				format.ShellWord(host),
				format.ShellWord(host),
			)
	case e.Status == 403 && !isFromMLflow(e):
		return registry.Forbidden, "something in front of MLflow refused the request (403): " + others(e),
			"this response is not from MLflow: ask the administrator of the proxy, mesh or firewall in front of " +
				hostOf(e.URL) +
				" to allow " + e.Method + " requests from the runner"
	case e.Status == 407:
		return registry.Unreachable, "the forward proxy " + e.Proxy + " requires a login (407)",
			"put the user and password into HTTPS_PROXY or HTTP_PROXY, or list " + hostOf(e.URL) + " in NO_PROXY"
	case e.Status == 405 && e.Code == "":
		return registry.NotMLflow, "the method " + e.Method + " is refused (405): " + others(e),
			"a firewall or proxy in front of MLflow probably blocks " + e.Method + ": allow it for MLflow's paths"
	case e.Code == "METASTORE_DOES_NOT_EXIST":
		return registry.Unsupported, "the workspace has no Unity Catalog (METASTORE_DOES_NOT_EXIST)",
			"ask an administrator of the account to assign a metastore to the workspace"
	case e.Status == 403:
		denied := dialect.At(e.URL).Denied
		return registry.Forbidden, "the login lacks the permission for this (403)", cmp.Or(denied,
			"promoting and registering need EDIT on the registered model, and reading needs READ. Ask an "+
				"administrator to grant it, with POST /api/3.0/mlflow/users/permissions/grant on MLflow 3.x, or "+
				"POST /api/2.0/mlflow/registered-models/permissions/create on older servers")
	case e.Status == 404 && e.Code == "":
		why = "there is no MLflow API at this path (404)"
		if !isHTML(e) {
			why += ": " + others(e)
		}
		return registry.NotMLflow, why, "check the path in tracking-uri: a server started with --static-prefix " +
			"/mlflow is reached at " +
			"https://HOST/mlflow"
	case e.Status == 400 && e.Code == "FEATURE_DISABLED", e.Status == 500 && e.Code == "FEATURE_DISABLED":
		return registry.Unsupported, e.Message, "leave the workspace input empty: this server runs without workspaces"
	case e.Off:
		return registry.Unsupported, "this endpoint is disabled on the server (503): " + others(e),
			"two options of mlflow server do this: --no-serve-artifacts disables artifacts, and --artifacts-only " +
				"disables everything else"
	case e.Status >= 502 && e.Status <= 504 && e.Code == "":
		return registry.ServerError, fmt.Sprintf("something in front of MLflow failed (%d): %s", e.Status, others(e)),
			"check whether MLflow is running, and look at the log of the proxy or load balancer in front of it"
	case e.Status >= 500 && e.Code == "" && isHTML(e):
		return registry.ServerError, fmt.Sprintf(
			"%d and %s", e.Status, answerName(e),
		), "MLflow or a proxy in front of it failed: check their logs"
	case e.Status == 400 && e.Code == "" && strings.Contains(e.Body+e.Title, "HTTP request"):
		return registry.NotMLflow, "the port speaks https (400): " + others(e), "use https:// in tracking-uri"
	case e.Status == 400 && e.Code == "" && isHTML(e):
		return registry.NotMLflow, fmt.Sprintf(
				"400 and %s",
				answerName(e),
			), "a proxy in front of MLflow refused the request. If it requires a client certificate, set the " +
				"client-cert input. If it requires a header, set the headers input"
	case e.Code != "":
		return registry.ServerError, fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Message), ""
	}
	return registry.ServerError, fmt.Sprintf("%d: %s", e.Status, firstLine(e.Message+"\n"+e.Body)), ""
}

// hostRefused reports whether MLflow has rejected the Host header. It is the only function that checks the text of a
// message, because the response contains no error code, and other 403 responses need a different hint.
func hostRefused(e *rest.Error) bool {
	return strings.HasPrefix(e.Message, "Invalid Host header") || strings.HasPrefix(e.Body, "Invalid Host header")
}

func hintRefused(e *rest.Error) string {
	u, err := url.Parse(e.URL)
	if err == nil && (u.Hostname() == "localhost" || strings.HasPrefix(u.Hostname(), "127.") || u.Hostname() == "::1") {
		return "nothing listens on that port. Inside a container, localhost is the container itself. Use the name of " +
			"the service container, as in http://mlflow:5000, or the host's address"
	}
	return "nothing listens at that address and port: check tracking-uri, and whether the server is running"
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "HOST"
	}
	return u.Host
}

// nameOf returns the host name of an address, without the port.
func nameOf(address string) string { return (&url.URL{Host: hostOf(address)}).Hostname() }

func isHTML(e *rest.Error) bool { return strings.HasPrefix(e.ContentType, "text/html") }

// answerName describes a response that is not JSON.
func answerName(e *rest.Error) string {
	if e.Title != "" {
		return fmt.Sprintf("an HTML page titled %q", e.Title)
	}
	if isHTML(e) {
		return "an HTML page"
	}
	if e.ContentType != "" {
		return "a response of type " + e.ContentType
	}
	return "a response without a content type"
}

// Short describes the cause in a few words, for use inside a sentence.
func Short(err error) string {
	e := Remote(err)
	if e == nil {
		return err.Error()
	}
	_, why, _ := diagnose(e)
	return why
}

// ServerText returns one line that describes the request and the status.
func ServerText(err error) string {
	e := Remote(err)
	if e == nil {
		return ""
	}
	line := e.Method + " " + e.URL
	if e.Status != 0 {
		line += fmt.Sprintf(": %d", e.Status)
		if e.Code != "" {
			line += " " + e.Code
		}
	}
	if e.Attempts > 1 {
		line += fmt.Sprintf(" (%d attempts)", e.Attempts)
	}
	return line
}

func SortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func Gone(msg, hint string) error {
	return &registry.Error{Reason: registry.CandidateGone, Msg: msg, Hint: hint}
}

// serverUnusable reports whether an error means that all other requests would fail too.
func serverUnusable(err error) bool {
	switch registry.ReasonOf(err) {
	case registry.Unreachable, registry.Cancelled, registry.Unauthorized, registry.HostRefused:
		return true
	}
	return false
}

// OrUnreadable turns an error into an unreadable fact, unless all other requests would fail too.
func OrUnreadable[T any](known registry.Known[T], err error) (registry.Known[T], error) {
	if err == nil || serverUnusable(err) {
		return known, err
	}
	return registry.Unreadable[T](err.Error()), nil
}

// ExplainRegistry explains why the simplest request to the registry has failed. A server without a registry rejects it
// as invalid.
func (c *Client) ExplainRegistry(err error) error {
	out := Explain("list registered models", err)
	var e *registry.Error
	if !errors.As(out, &e) || !IsStatus(err, 400, "INVALID_PARAMETER_VALUE") {
		return out
	}
	e.Reason = registry.Unsupported
	e.Msg = "this server has no model registry: " + firstLine(Remote(err).Message)
	host := c.Address
	e.Hint = "start MLflow with a database, which the registry needs before MLflow 2.1:\n" +
		"    mlflow server --host 0.0.0.0 --backend-store-uri postgresql://USER@DBHOST/mlflow " +
		"--artifacts-destination s3://BUCKET\n" +
		"  then check in this order:\n" +
		"    curl -sS " + host + "/health\n" +
		"    curl -sS '" + host + "/api/2.0/mlflow/registered-models/search?max_results=1'\n" +
		"    docker logs --tail 50 mlflow\n" +
		"    psql -h DBHOST -U USER -d mlflow -c 'select count(*) from registered_models'"
	return e
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
