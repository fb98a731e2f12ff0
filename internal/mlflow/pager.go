package mlflow

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/url"

	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// The usual limits for a single list. 1,000 pages contain a million registered models, or ten million versions of one
// model. 512 MiB are enough for several hundred thousand of either.
const (
	MostPages = 1000
	mostBytes = 512 << 20
)

// Bounds limits how much of a list is read. A zero field means the usual limit.
type Bounds struct {
	Pages int
	Bytes int64 // total decoded size of all pages
}

// Pages yields the pages of a list until the last one. ask requests the page for a token, which is "" for the first
// page. next is called once the caller has used a page. It returns the token for the next page, or "" if none exists,
// and the size of the used page in bytes.
//
// The sequence ends with an [*Incomplete] error if a token is repeated or the list exceeds the bounds, so a list that
// was not read to its end never looks like a shorter list.
func Pages[P any](
	most Bounds, ask func(token string) (P, error), next func(P) (token string, bytes int64, err error),
) iter.Seq2[P, error] {
	return func(yield func(P, error) bool) {
		counter := pageCounter{most: most}
		for token, more := "", true; more; {
			page, err := ask(token)
			if err == nil && !yield(page, nil) {
				return
			}
			var bytes int64
			if err == nil {
				token, bytes, err = next(page)
			}
			if err == nil {
				more, err = counter.add(token, bytes)
			}
			if err != nil {
				yield(*new(P), err)
				return
			}
		}
	}
}

// pageCounter counts the pages of one list.
type pageCounter struct {
	most   Bounds
	pages  int
	bytes  int64
	tokens map[string]bool
}

// add counts a page whose token for the next page is given. It reports whether the caller should request that next
// page.
func (c *pageCounter) add(token string, bytes int64) (more bool, err error) {
	c.pages++
	c.bytes += bytes
	most := c.most
	if most.Pages == 0 {
		most.Pages = MostPages
	}
	if most.Bytes == 0 {
		most.Bytes = mostBytes
	}
	switch {
	case token == "":
		return false, nil
	case c.tokens[token]:
		return false, &Incomplete{
			fmt.Sprintf("page %d of the list refers to an earlier page as the next one", c.pages),
			HintToken,
		}
	case c.pages >= most.Pages:
		return false, &Incomplete{fmt.Sprintf("the list has more than %d pages", most.Pages), HintShorter}
	case c.bytes > most.Bytes:
		return false, &Incomplete{fmt.Sprintf("the list is larger than %d MiB", most.Bytes>>20), HintShorter}
	}
	if c.tokens == nil {
		c.tokens = map[string]bool{}
	}
	c.tokens[token] = true
	return true, nil
}

// List is a list that a server sends in pages: the results of a search, or the points of a metric.
type List struct {
	Server *rest.Client
	Path   string         // relative to [API]
	Query  url.Values     // for a GET request
	Body   map[string]any // for a POST request; if nil, the request is a GET
	Limit  int64          // the maximum number of bytes in one page
	Most   Bounds
	Send   func(request func() error) error // sends a request; if nil, it is sent immediately
}

// Search yields the rows of a list, page by page. An error ends the sequence.
func Search[T any](ctx context.Context, l List) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		ask := func(token string) (p page[T], err error) {
			request := func() error { return l.Server.JSON(ctx, l.request(token, &p.bytes), &p) }
			if l.Send != nil {
				err = l.Send(request)
			} else {
				err = request()
			}
			return p, err
		}
		for p, err := range Pages(l.Most, ask, page[T].next) {
			if err != nil {
				yield(*new(T), err)
				return
			}
			for _, row := range p.rows() {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// request returns the request for one page. The size of the response is added to bytes.
func (l List) request(token string, bytes *int64) rest.Request {
	r := rest.Request{
		Method: "GET", Path: API + l.Path, Class: rest.Read, Limit: l.Limit, Read: bytes, ExpectAny: PageKeys,
	}
	if l.Body != nil {
		body := maps.Clone(l.Body)
		if token != "" {
			body["page_token"] = token
		}
		r.Method, r.Body = "POST", body
		return r
	}
	r.Query = maps.Clone(l.Query)
	if token != "" {
		r.Query.Set("page_token", token)
	}
	return r
}

// page is one page of any list. Each list has its own key for the rows.
type page[T any] struct {
	Experiments  []T    `json:"experiments"`
	LoggedModels []T    `json:"models"`
	Metrics      []T    `json:"metrics"`
	Models       []T    `json:"registered_models"`
	Runs         []T    `json:"runs"`
	Versions     []T    `json:"model_versions"`
	Next         string `json:"next_page_token"`
	bytes        int64
}

// PageKeys contains the keys of a page. A page must contain one of them, because a response from a different service
// would otherwise look like an empty list.
var PageKeys = []string{
	"experiments", "models", "metrics", "registered_models", "runs", "model_versions", "next_page_token",
}

func (p page[T]) rows() []T {
	for _, rows := range [][]T{p.Experiments, p.LoggedModels, p.Metrics, p.Models, p.Runs, p.Versions} {
		if len(rows) > 0 {
			return rows
		}
	}
	return nil
}

func (p page[T]) next() (token string, bytes int64, err error) { return p.Next, p.bytes, nil }

// Incomplete is the error for a list that cannot be read to its end.
type Incomplete struct{ Why, Hint string }

func (e *Incomplete) Error() string { return e.Why }

// incomplete returns the [*Incomplete] error in err, or nil.
func incomplete(err error) *Incomplete {
	var e *Incomplete
	if errors.As(err, &e) {
		return e
	}
	return nil
}

const (
	HintToken   = "check whether a proxy or cache in front of the server drops the page_token parameter"
	HintShorter = "incomplete lists are refused; delete what you no longer need on the server"
)
