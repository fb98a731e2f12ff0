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

// Config says which GitHub, in whose name, about which repository.
type Config struct {
	API        string // GITHUB_API_URL: https://api.github.com, https://HOST/api/v3, https://api.SUB.ghe.com
	Token      string
	Repository string        // owner/name
	Pause      time.Duration // between two writes; 0 = the second GitHub asks for
}

// Client acts on one repository. It is safe for concurrent use; writes are sent one at a time.
type Client struct {
	// Of the library's client only what is used is kept. A pointer to it would keep all of its services with all of their
	// methods in the program, 1.6 MB, as soon as this client is reachable from a value in an interface.
	newRequest func(method, url string, body any, opts ...gh.RequestOption) (*http.Request, error)
	send       func(ctx context.Context, req *http.Request, v any) (*gh.Response, error)

	base       *url.URL
	repository string
	pause      time.Duration
	writing    chan struct{} // holds a value while no write is under way
	viewer     viewer
}

// New checks the configuration without any traffic. wire says how to talk: its Base and Header are replaced.
func New(c Config, wire rest.Config) (*Client, error) {
	if c.Token == "" || strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("github token: it is empty, or holds a line break or another character that no token has")
	}
	if err := checkRepository(c.Repository); err != nil {
		return nil, err
	}
	base, err := apiBase(c.API)
	if err != nil {
		return nil, err
	}
	wire.Base, wire.Header = base.String(), nil
	client, err := rest.New(wire)
	if err != nil {
		return nil, fmt.Errorf("github api: %w", err)
	}
	hc := *client.HTTPClient()
	hc.Transport = &bearer{host: base.Host, token: c.Token, next: hc.Transport}
	library := gh.NewClient(&hc)
	library.BaseURL = base
	if wire.UserAgent != "" {
		library.UserAgent = wire.UserAgent
	}
	out := &Client{newRequest: library.NewRequest, send: library.Do, base: base, repository: c.Repository, pause: c.Pause, writing: make(chan struct{}, 1)}
	if out.pause == 0 {
		out.pause = time.Second
	}
	out.writing <- struct{}{}
	return out, nil
}

// apiBase keeps the address as the runner gives it. WithEnterpriseURLs would add /api/v3 to what it does not know.
func apiBase(address string) (*url.URL, error) {
	base, err := url.Parse(strings.TrimRight(address, "/") + "/")
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("github api: its address must be https://HOST or https://HOST/api/v3, as GITHUB_API_URL holds it")
	}
	return base, nil
}

var repositoryText = regexp.MustCompile(`^[A-Za-z0-9_-]+/[A-Za-z0-9._-]+$`)

func checkRepository(name string) error {
	if !repositoryText.MatchString(name) || strings.HasSuffix(name, "/.") || strings.HasSuffix(name, "/..") {
		return fmt.Errorf("repository %q is not of the form owner/name", name)
	}
	return nil
}

// bearer adds the token to requests for the API's own host and lets no other pass. go-github's own way would add it to
// whatever a request names.
type bearer struct {
	host, token string
	next        http.RoundTripper
}

func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != b.host {
		return nil, fmt.Errorf("github api: %s is another host", r.URL.Host)
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}

// call is one request to the API.
type call struct {
	op     string // "verb object", for errors
	right  right  // what the token must hold
	method string
	path   string // below the API's address, its elements escaped
	query  url.Values
	body   any
	class  rest.Class
	read   *int64 // grows by the bytes of each answer; nil = not counted
}

// in is the path of something in the client's own repository.
func (c *Client) in(elements ...any) string { return path(c.repository, elements...) }

func path(repository string, elements ...any) string {
	out := "repos/" + repository
	for _, e := range elements {
		out += "/" + url.PathEscape(fmt.Sprint(e))
	}
	return out
}

// do sends a call and decodes the answer into out; nil where none is expected. Where GitHub says that a limit is
// reached, it waits as told and tries again.
func (c *Client) do(ctx context.Context, r call, out any) (*gh.Response, error) {
	const tries = 3
	for try := 1; ; try++ {
		resp, err := c.once(ctx, r, out)
		wait, limited := limit(err)
		if !limited || try == tries || r.class != rest.Create && statusOf(err) == http.StatusTooManyRequests {
			return resp, explain(r, err)
		}
		if wait > longestWait || !fits(ctx, wait) {
			return resp, explain(r, &exhausted{wait, err})
		}
		if !sleep(ctx, wait) {
			return resp, explain(r, err)
		}
	}
}

// longestWait bounds what GitHub may ask for before a request is given up.
const longestWait = time.Minute

// fits reports whether a wait ends before the deadline.
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
		release, err := c.turn(ctx)
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
		return resp, &misread{req: req, err: err}
	}
	return resp, nil
}

// turn waits until no other write is under way and a pause has passed since the last one, as GitHub asks for.
func (c *Client) turn(ctx context.Context) (release func(), err error) {
	select {
	case <-c.writing:
		return func() { time.AfterFunc(c.pause, func() { c.writing <- struct{}{} }) }, nil
	case <-ctx.Done():
		return nil, &neverSent{ctx.Err()}
	}
}

// decode is strict where go-github is not: it takes an empty answer, null, and what follows the value for success.
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

// Bounds of a list over all its pages: what a server's links may lead through, and what that may take.
const (
	pages     = 1000
	pageBytes = 64 << 20
)

// all reads every page of a list. A list that cannot be read to its end is an error.
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
		if resp.NextPage == 0 && !leadsOn(resp) {
			return out, nil
		}
		if resp.NextPage != page+1 || page == pages {
			return nil, explain(r, &misread{req: resp.Request, err: fmt.Errorf("page %d of a list leads to page %d", page, resp.NextPage)})
		}
		if read > pageBytes {
			return nil, explain(r, &misread{req: resp.Request, err: fmt.Errorf("the list has more than %d MiB in %d pages", pageBytes>>20, page)})
		}
		page = resp.NextPage
		query.Set("page", strconv.Itoa(page))
	}
}

// leadsOn reports whether a page links to a next one, also by a cursor, which is no number of a page.
func leadsOn(resp *gh.Response) bool {
	return strings.Contains(strings.Join(resp.Header.Values("Link"), ","), `rel="next"`)
}

// create sends what makes something new each time it arrives. Where the answer was lost, find looks whether it was made
// before it is sent once more.
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

// viewer is the login the token acts as, asked for once.
type viewer struct {
	mu    sync.Mutex
	login string
}

// actionsBot is whose name GITHUB_TOKEN writes in.
const actionsBot = "github-actions[bot]"

// login is whose name this client writes in. REST tells it to people's tokens only; GraphQL to those of apps too, and
// GITHUB_TOKEN is one. A server without GraphQL leaves the usual one.
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
	_, err := c.query(ctx, call{op: "ask github whose token this is"}, "query { viewer { login } }", nil, &answer)
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

// query asks GraphQL and decodes the data of the answer into out. refused says what GitHub did not answer, in its own
// words; "" if it answered everything.
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

// wrote reports whether a text is ours: it has the marker of the key, and this client's login wrote it. Whose that is, is
// asked for only where there is a marker.
func (c *Client) wrote(ctx context.Context, key, body string, author *user) (bool, error) {
	if _, marked, _ := unmarked(key, body); !marked {
		return false, nil
	}
	me, err := c.login(ctx)
	return err == nil && author.login() == me, err
}

// user is whoever made something; GitHub leaves null where the account is gone.
type user struct {
	Login string `json:"login"`
	Type  string `json:"type"` // User, Bot, Organization
}

func (u *user) login() string {
	if u == nil {
		return ""
	}
	return u.Login
}

var loginText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)

// person reports whether it is the account of a person: no bot, no app, no organisation, and not the account that GitHub
// shows in the place of all deleted ones.
func (u *user) person() bool {
	return u != nil && u.Type == "User" && loginText.MatchString(u.Login) && !strings.EqualFold(u.Login, "ghost")
}
