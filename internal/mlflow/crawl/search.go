package crawl

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// rowReader decodes the response to a search row by row. Rows that have not been read stay encoded, and memory is
// freed along the way.
type rowReader struct {
	body   *rest.Body
	json   *json.Decoder
	list   string // the key of the list of rows
	inList bool   // whether the reader is inside the list
	ended  bool
	count  int // the number of rows read so far
	cost   cost
	token  string // the token for the next page; known after the last row
}

// cost is the memory and the time that a page took.
type cost struct {
	bytes int64
	took  time.Duration
}

func newRowReader(body *rest.Body, list string) *rowReader {
	return &rowReader{body: body, json: json.NewDecoder(body), list: list}
}

// next decodes the next row into out. more is false after the last row.
func (r *rowReader) next(out any) (more bool, err error) {
	if r.ended {
		return false, nil
	}
	if !r.inList {
		if err := r.begin(); err != nil || r.ended {
			return false, r.broken(err)
		}
	}
	if r.json.More() {
		r.count++
		return true, r.broken(r.json.Decode(out))
	}
	_, err = r.json.Token() // end of the list
	if err == nil {
		err = r.keys()
	}
	return false, r.broken(err)
}

func (r *rowReader) begin() error {
	if t, err := r.json.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("no object: %w", err)
	}
	return r.keys()
}

// keys reads the keys of the outermost object, up to the start of the list or the end of the object.
func (r *rowReader) keys() error {
	r.inList = false
	for r.json.More() {
		key, err := r.json.Token()
		if err != nil {
			return err
		}
		switch key {
		case r.list:
			t, err := r.json.Token()
			if r.inList = t == json.Delim('['); err == nil && !r.inList {
				err = fmt.Errorf("%s is not a list", r.list)
			}
			return err
		case "next_page_token":
			err = r.json.Decode(&r.token)
		default:
			err = r.json.Decode(new(json.RawMessage))
		}
		if err != nil {
			return err
		}
	}
	if _, err := r.json.Token(); err != nil {
		return err
	}
	if _, err := r.json.Token(); err != io.EOF {
		return fmt.Errorf("there is text after the object")
	}
	r.ended = true
	return nil
}

func (r *rowReader) broken(err error) error {
	if err == nil {
		return nil
	}
	r.close()
	return &registry.Error{
		Reason: registry.NotMLflow,
		Msg:    "read the registry: invalid page of a search: " + err.Error(),
		Cause:  err,
		Hint: "the server at this address does not use MLflow's API; check tracking-uri and any proxy in front of " +
			"the server",
	}
}

func (r *rowReader) close() {
	r.ended = true
	r.body.Close()
}

var tokenAtEnd = regexp.MustCompile(`[^\\]"next_page_token"\s*:\s*"([^"\\]*)"\s*\}\s*$`)

// earlyToken returns the token for the next page if it is at the very end of the page, where MLflow writes it. The next
// page can then be requested while the rows of this one are being used. earlyToken returns "" if the token is known
// only after the last row. No row can be mistaken for the token, because quotes in strings are escaped, and a row is
// followed by more closing brackets.
func (r *rowReader) earlyToken() string {
	if found := tokenAtEnd.FindStringSubmatch(r.body.Tail(1 << 10)); found != nil {
		return found[1]
	}
	return ""
}

// search is a search whose result has several pages. Each page is requested with the token from the previous one.
type search struct {
	crawler  *crawler
	server   *rest.Client
	path     string
	list     string
	query    url.Values
	maxRows  int // the maximum number of rows that the server allows in a page
	nextSize int // the number of rows to request for the next page
	lastSize int // the number of rows requested for the last page
	token    string
	pages    int // the number of pages read
	empty    int // the number of consecutive empty pages
	mostRows int // the number of rows in the fullest page; its cost follows
	cost     cost
}

// sizes contains the number of rows in the first page, and the maximum number of rows in a page of versions and in a
// page of models.
type sizes struct{ first, versions, models int }

var pageSizes = sizes{first: 1000, versions: 10000, models: mlflow.NamesPage}

// The limits for a page: its size in memory, and the time in which the server should send it. Servers before 3.0 kill a
// worker that is silent for 30 seconds.
const (
	pageBytes = 10 << 20
	pageTime  = 15 * time.Second
	pageLimit = 32 << 20 // a larger page is requested again with half as many rows
	rowLimit  = 128 << 20
)

func (r *crawler) search(wire *rest.Client, path, list string, most int, query url.Values) *search {
	return &search{
		crawler:  r,
		server:   wire,
		path:     path,
		list:     list,
		query:    query,
		maxRows:  most,
		nextSize: min(r.sizes.first, most),
	}
}

// page requests the page for a token. If the response is too large or too slow, it requests fewer rows.
func (s *search) page(ctx context.Context, token string) (*rowReader, error) {
	for {
		query := url.Values{"max_results": {strconv.Itoa(s.nextSize)}}
		for key, values := range s.query {
			query[key] = values
		}
		if token != "" {
			query.Set("page_token", token)
		}
		limit := int64(pageLimit)
		if s.nextSize == 1 {
			limit = rowLimit
		}
		var body *rest.Body
		var took time.Duration
		err := s.crawler.pace.do(ctx, s.path, s.nextSize, func() (err error) {
			began := s.crawler.pace.time()
			body, err = s.server.Open(
				ctx, rest.Request{Path: mlflow.API + s.path, Query: query, Class: rest.Read, Limit: limit},
			)
			took = s.crawler.pace.time().Sub(began)
			return err
		})
		switch e := mlflow.Remote(err); {
		case err == nil:
			page := newRowReader(body, s.list)
			page.cost = cost{body.Len(), took}
			s.lastSize, s.nextSize = s.nextSize, pageSize(s.nextSize, s.maxRows, page.cost)
			return page, nil
		case e != nil && s.nextSize > 1 && ctx.Err() == nil && tooLarge(e):
			s.nextSize = (s.nextSize + 1) / 2
		default:
			return nil, err
		}
	}
}

// auditBounds limits a search through a whole registry. The limits are high, because rows are used one at a time, and a
// slow server may send only a few rows in each page.
var auditBounds = mlflow.Bounds{Pages: 100_000, Bytes: 8 << 30}

// finish ends a page whose last row has been read. It returns the token for the next page, and the size of this page.
// It fails if the server sends too many empty pages, as it would if 0 rows were requested.
func (s *search) finish(page *rowReader) (token string, bytes int64, err error) {
	s.pages++
	s.empty++
	if page.count > 0 {
		s.empty = 0
	}
	if page.count > s.mostRows {
		s.mostRows, s.cost = page.count, page.cost
	}
	if s.token = page.token; s.token != "" && s.empty > maxEmpty {
		err = &registry.Error{
			Reason: registry.NotMLflow,
			Msg:    fmt.Sprintf("read the registry: %s keeps sending empty pages", s.path),
		}
	}
	return s.token, page.cost.bytes, err
}

// each yields all rows that a search finds, page by page.
func each[T any](ctx context.Context, s *search) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		ask := func(token string) (*rowReader, error) { return s.page(ctx, token) }
		for page, err := range mlflow.Pages(auditBounds, ask, s.finish) {
			for more := err == nil; more; {
				var row T
				if more, err = page.next(&row); more && err == nil && !yield(row, nil) {
					page.close()
					return
				}
				more = more && err == nil
			}
			if err != nil {
				yield(*new(T), err)
				return
			}
		}
	}
}

// onePage reads the rows of the first page of a search.
func onePage[T any](ctx context.Context, s *search) (all []T, page *rowReader, err error) {
	page, err = s.page(ctx, "")
	for err == nil {
		var row T
		var more bool
		if more, err = page.next(&row); !more {
			return all, page, err
		}
		all = append(all, row)
	}
	return nil, nil, err
}

// maxEmpty is the number of consecutive empty pages that are allowed. Some servers remove the rows that the login must
// not see, so a page can be empty.
const maxEmpty = 1000

// tooLarge reports whether a page may have failed because of its size: either it exceeded a limit, or the server or a
// proxy aborted it.
func tooLarge(e *rest.Error) bool {
	switch e.Kind {
	case rest.TooLarge, rest.Timeout, rest.Reset, rest.Truncated:
		return true
	}
	return e.Status == 502 || e.Status == 504
}

// pageSize returns the number of rows to request after a page with this number of rows and this cost. The next page
// should stay within the limits, and has at most ten times as many rows.
func pageSize(rows, most int, c cost) int {
	fits := func(bound, spent float64) int {
		if spent <= 0 {
			return most
		}
		return int(min(bound/spent*float64(rows), float64(most)))
	}
	return max(1, min(10*rows, most, fits(pageBytes, float64(c.bytes)), fits(float64(pageTime), float64(c.took))))
}
