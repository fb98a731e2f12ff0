package github

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Config contains a client's address, token and repository.
type Config struct {
	API        string // GITHUB_API_URL: https://api.github.com, https://HOST/api/v3 or https://api.SUB.ghe.com
	Token      string
	Repository string        // owner/name
	Pause      time.Duration // time between two writes; default one second, as GitHub recommends
}

// Client is a client for one repository. It is safe for concurrent use, and sends one write at a time.
type Client struct {
	// These are the only parts of the library's client that are kept. A pointer to the whole client in an interface
	// value would link in all of the client's services and add 1.6 MB to the program.
	newRequest func(method, url string, body any, opts ...gh.RequestOption) (*http.Request, error)
	send       func(ctx context.Context, req *http.Request, v any) (*gh.Response, error)

	base       *url.URL
	repository string
	pause      time.Duration
	writing    chan struct{} // contains a value while no write is in progress
	viewer     viewer
}

// New returns a client for the configuration, which it checks first. It sends no requests. transport configures the
// connection, except for Base and Header, which New sets itself.
func New(c Config, transport rest.Config) (*Client, error) {
	if c.Token == "" || strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the github token is empty or contains a line break or another invalid character")
	}
	if err := checkRepository(c.Repository); err != nil {
		return nil, err
	}
	base, err := apiBase(c.API)
	if err != nil {
		return nil, err
	}
	transport.Base, transport.Header = base.String(), nil
	client, err := rest.New(transport)
	if err != nil {
		return nil, fmt.Errorf("github api: %w", err)
	}
	hc := *client.HTTPClient()
	hc.Transport = &bearer{host: base.Host, token: c.Token, next: hc.Transport}
	library := gh.NewClient(&hc)
	library.BaseURL = base
	if transport.UserAgent != "" {
		library.UserAgent = transport.UserAgent
	}
	out := &Client{
		newRequest: library.NewRequest,
		send:       library.Do,
		base:       base,
		repository: c.Repository,
		pause:      c.Pause,
		writing:    make(chan struct{}, 1),
	}
	if out.pause == 0 {
		out.pause = time.Second
	}
	out.writing <- struct{}{}
	return out, nil
}

// apiBase parses the address that the runner provides. go-github's WithEnterpriseURLs is not used, because it adds
// /api/v3 to every host that it does not know.
func apiBase(address string) (*url.URL, error) {
	base, err := url.Parse(strings.TrimRight(address, "/") + "/")
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil,
			errors.New("github api: the address must be https://HOST or https://HOST/api/v3, like GITHUB_API_URL")
	}
	return base, nil
}

var repositoryText = regexp.MustCompile(`^[A-Za-z0-9_-]+/[A-Za-z0-9._-]+$`)

func checkRepository(name string) error {
	if !repositoryText.MatchString(name) || strings.HasSuffix(name, "/.") || strings.HasSuffix(name, "/..") {
		return fmt.Errorf("repository %q is not in the form owner/name", name)
	}
	return nil
}

// bearer adds the token to requests to the API's host and rejects requests to any other host. go-github itself would
// send the token to any host.
type bearer struct {
	host, token string
	next        http.RoundTripper
}

func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != b.host {
		return nil, fmt.Errorf("github api: refused to send the token to a different host, %s", r.URL.Host)
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}

// call is one request to the API.
type call struct {
	op     string     // in the form "verb object", for error messages
	needs  permission // the permission that the token needs
	method string
	path   string // relative to the API's address; its elements are escaped
	query  url.Values
	body   any
	class  rest.Class
	read   *int64 // if not nil, each response's size is added to it
}

// in returns the API path of a resource in the client's repository.
func (c *Client) in(elements ...any) string { return path(c.repository, elements...) }

func path(repository string, elements ...any) string {
	out := "repos/" + repository
	for _, e := range elements {
		out += "/" + url.PathEscape(fmt.Sprint(e))
	}
	return out
}

// do sends a call and decodes the response into out, which may be nil. If the call hits a rate limit, do waits as long
// as GitHub asks and then tries again.
func (c *Client) do(ctx context.Context, r call, out any) (*gh.Response, error) {
	const tries = 3
	for try := 1; ; try++ {
		resp, err := c.once(ctx, r, out)
		wait, limited := limit(err)
		if !limited || try == tries || r.class != rest.Create && statusOf(err) == http.StatusTooManyRequests {
			return resp, explain(r, err)
		}
		if wait > longestWait || !fits(ctx, wait) {
			return resp, explain(r, &limitError{wait, err})
		}
		if !sleep(ctx, wait) {
			return resp, explain(r, err)
		}
	}
}

// longestWait is how long a call waits, at most, for a rate limit to reset. If GitHub asks for a longer wait, the call
// fails.
const longestWait = time.Minute

// fits reports whether a wait would end before the deadline.
func fits(ctx context.Context, wait time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) > wait
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *Client) once(ctx context.Context, r call, out any) (*gh.Response, error) {
	if r.class == rest.Write || r.class == rest.Create {
		release, err := c.waitForTurn(ctx)
		if err != nil {
			return nil, err
		}
		defer release()
	}
	target := r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := c.newRequest(r.method, target, r.body)
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	resp, err := c.send(rest.WithClass(ctx, r.class), req, &body)
	if r.read != nil {
		*r.read += int64(body.Len())
	}
	if err != nil || out == nil {
		return resp, err
	}
	if err := decode(body.Bytes(), out); err != nil {
		return resp, &invalidResponse{req: req, err: err}
	}
	return resp, nil
}

// waitForTurn blocks until no other write is in progress and the pause after the previous write is over. GitHub
// recommends this pause.
func (c *Client) waitForTurn(ctx context.Context) (release func(), err error) {
	select {
	case <-c.writing:
		return func() { time.AfterFunc(c.pause, func() { c.writing <- struct{}{} }) }, nil
	case <-ctx.Done():
		return nil, &neverSent{ctx.Err()}
	}
}

// decode decodes a response. It is stricter than go-github, which accepts empty responses, null, and trailing data.
func decode(body []byte, out any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(out); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one value")
	}
	if string(bytes.TrimSpace(body)) == "null" {
		return errors.New("null")
	}
	return nil
}

// Limits on the total size of a list.
const (
	pages     = 1000
	pageBytes = 64 << 20
)

// all reads every page of a list. If a page is missing, all fails instead of returning part of the list.
func all[T any](ctx context.Context, c *Client, r call, perPage int) ([]T, error) {
	var out []T
	query := url.Values{}
	for k, v := range r.query {
		query[k] = v
	}
	query.Set("per_page", strconv.Itoa(perPage))
	var read int64
	r.method, r.class, r.query, r.read = http.MethodGet, rest.Read, query, &read
	for page := 1; ; {
		var some []T
		resp, err := c.do(ctx, r, &some)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
		if resp.NextPage == 0 && !hasNext(resp) {
			return out, nil
		}
		if resp.NextPage != page+1 || page == pages {
			return nil, explain(r, &invalidResponse{
				req: resp.Request,
				err: fmt.Errorf("page %d of a list links to page %d", page, resp.NextPage),
			})
		}
		if read > pageBytes {
			return nil, explain(r, &invalidResponse{
				req: resp.Request,
				err: fmt.Errorf("the list is larger than %d MiB after %d pages", pageBytes>>20, page),
			})
		}
		page = resp.NextPage
		query.Set("page", strconv.Itoa(page))
	}
}

// hasNext reports whether a page links to the next page. The link may contain a cursor rather than a page number.
func hasNext(resp *gh.Response) bool {
	return strings.Contains(strings.Join(resp.Header.Values("Link"), ","), `rel="next"`)
}

// create sends a request that creates a new object each time GitHub receives it. If the response is lost, the request
// may have taken effect, so create calls find before it sends the request again.
func create[T any](ctx context.Context, c *Client, r call, find func() (T, bool, error)) (T, error) {
	r.class = rest.Create
	for again := false; ; again = true {
		var made T
		_, err := c.do(ctx, r, &made)
		if err == nil || !unclear(err) {
			return made, err
		}
		if !sleep(ctx, c.pause) {
			return made, unknown(r.op, err)
		}
		found, ok, lookErr := find()
		if lookErr != nil {
			return made, unknown(r.op, err)
		}
		if ok {
			return found, nil
		}
		if again {
			return made, unknown(r.op, err)
		}
	}
}

// viewer caches the login of the token's owner.
type viewer struct {
	mu    sync.Mutex
	login string
}

// actionsBot is the login behind GITHUB_TOKEN.
const actionsBot = "github-actions[bot]"

// login returns the login that this client writes as. For apps, including GITHUB_TOKEN, only GraphQL returns it; the
// REST API returns it only for users' tokens. If GraphQL is not available, login assumes actionsBot.
func (c *Client) login(ctx context.Context) (string, error) {
	c.viewer.mu.Lock()
	defer c.viewer.mu.Unlock()
	if c.viewer.login != "" {
		return c.viewer.login, nil
	}
	var answer struct {
		Viewer struct {
			Login string `json:"login"`
		} `json:"viewer"`
	}
	_, err := c.query(ctx, call{op: "look up the token's login"}, "query { viewer { login } }", nil, &answer)
	switch {
	case err != nil && statusOf(err) != http.StatusForbidden && statusOf(err) != http.StatusNotFound:
		return "", err
	case answer.Viewer.Login == "":
		c.viewer.login = actionsBot
	default:
		c.viewer.login = answer.Viewer.Login
	}
	return c.viewer.login, nil
}

// query sends a GraphQL query and decodes its data into out. refused is the first error message in the response, or "".
func (c *Client) query(
	ctx context.Context, r call, text string, variables map[string]any, out any,
) (refused string, err error) {
	body := map[string]any{"query": text}
	if variables != nil {
		body["variables"] = variables
	}
	r.method, r.path, r.class, r.body = http.MethodPost, "graphql", rest.Read, body
	if strings.HasSuffix(c.base.Path, "/api/v3/") {
		r.path = "../graphql"
	}
	answer := struct {
		Data   any `json:"data"`
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}{Data: out}
	if _, err := c.do(ctx, r, &answer); err != nil {
		return "", err
	}
	if len(answer.Errors) > 0 {
		return cmp.Or(rest.Clean(answer.Errors[0].Message), "an error without a message"), nil
	}
	return "", nil
}

// wrote reports whether body contains the marker for the key and author is this client's login. It looks up the login
// only if the marker is there.
func (c *Client) wrote(ctx context.Context, key, body string, author *user) (bool, error) {
	if _, marked, _ := unmarked(key, body); !marked {
		return false, nil
	}
	me, err := c.login(ctx)
	return err == nil && author.login() == me, err
}

// user is an account. In responses, a deleted account is null.
type user struct {
	Login string `json:"login"`
	Type  string `json:"type"` // User, Bot or Organization
}

func (u *user) login() string {
	if u == nil {
		return ""
	}
	return u.Login
}

var loginText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)

// person reports whether the account belongs to a person rather than to a bot, an app or an organisation. The
// placeholder for deleted accounts is not a person.
func (u *user) person() bool {
	return u != nil && u.Type == "User" && loginText.MatchString(u.Login) && !strings.EqualFold(u.Login, "ghost")
}
