package crawl

import (
	"context"
	"fmt"
	"iter"
	"math"
	"net/url"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// stream reads one half of all versions, those with a number above lowest and up to highest, ordered by name and
// number.
//
// A page starts at an offset into a list that changes. If a version before the offset is created between two pages, the
// last row is sent again, and the stream drops it. If a version is deleted, the stream misses the next row. The list of
// models contains the highest number of each model, so it shows where this is possible. At each seam between two pages,
// the stream finds the models that may lack a version, and these models are read again one by one.
//
// Servers read the tags for a page with a second statement and the same offset. If rows are created or deleted
// between the two statements, rows at the edges of the page come without tags. The models of these rows are read again
// too, if any earlier version had tags.
type stream struct {
	crawler         *crawler
	search          *search
	lowest, highest int

	next         func() (*rowReader, error, bool) // returns the next page
	stop         func()
	page         *rowReader
	pending      chan fetchedPage // the page that has been requested, or nil
	pendingToken string           // the token for that page
	pageRows     int              // the number of rows requested for the current page
	sawTags      bool             // whether any version had tags
	ended        bool

	row    mlflow.VersionJSON // the last row decoded
	hasRow bool               // whether row is still unused
	index  int                // the index of the model whose versions the caller wants
	seam   *mlflow.VersionJSON
}

type fetchedPage struct {
	page    *rowReader
	maxRows int // the number of rows requested
	err     error
}

func (r *crawler) stream(ctx context.Context, lowest, highest int) *stream {
	filter := fmt.Sprintf("version_number > %d", lowest)
	if highest < math.MaxInt {
		filter = fmt.Sprintf("version_number <= %d", highest)
	}
	query := url.Values{"filter": {filter}, "order_by": {"name ASC", "version_number ASC"}}
	s := &stream{
		crawler: r, lowest: lowest, highest: highest,
		search: r.search(r.c.Registry, "model-versions/search", "model_versions", r.sizes.versions, query),
	}
	s.next, s.stop = iter.Pull2(
		mlflow.Pages(auditBounds, func(token string) (*rowReader, error) { return s.ask(ctx, token) }, s.search.finish),
	)
	s.fetch(ctx, "")
	return s
}

// fetch requests a page in the background.
func (s *stream) fetch(ctx context.Context, token string) {
	coming := make(chan fetchedPage, 1)
	s.pending, s.pendingToken = coming, token
	s.crawler.fetches.Go(func() {
		page, err := s.search.page(ctx, token)
		coming <- fetchedPage{page, s.search.lastSize, err}
	})
}

// take calls use for each version of the model at the given index. It drops versions of earlier models, because these
// rows have been sent before.
func (s *stream) take(ctx context.Context, place int, use func(registry.Version)) error {
	s.index = place
	for {
		if err := s.advance(ctx); err != nil || !s.hasRow {
			return err
		}
		at, known := s.crawler.index[s.row.Name]
		switch {
		case !known:
			s.crawler.unlisted[s.row.Name] = true
		case at > place:
			return nil
		case at == place:
			s.checkTags(place)
			use(s.row.Decode())
		}
		s.hasRow = false
	}
}

// advance decodes the next row, unless the current row is still unused or the stream has ended.
func (s *stream) advance(ctx context.Context) error {
	for !s.hasRow && !s.ended {
		if s.page == nil {
			page, err, more := s.next()
			if err != nil {
				return err
			}
			if s.page, s.ended = page, !more; s.ended {
				s.markMissed(len(s.crawler.models), math.MaxInt)
				return nil
			}
		}
		var row mlflow.VersionJSON
		more, err := s.page.next(&row)
		switch {
		case err != nil:
			return err
		case more:
			s.row, s.hasRow = row, true
			s.closeSeam()
		default:
			s.page = nil
		}
	}
	return nil
}

// checkTags marks the model in the current row to be read again if the row may have lost its tags.
func (s *stream) checkTags(place int) {
	at := s.page.count
	s.sawTags = s.sawTags || len(s.row.Tags) > 0
	head := at <= edgeRows && s.search.token != ""
	if len(s.row.Tags) == 0 && s.sawTags && (head || at > s.pageRows-edgeRows) {
		s.crawler.suspect[place] = true
	}
}

// ask waits for a page, and requests the next one if the page already shows the next token. At most one page is
// requested while another is being used.
func (s *stream) ask(ctx context.Context, token string) (*rowReader, error) {
	if token != "" && s.seam == nil {
		last := s.row
		s.seam = &last
	}
	if s.pending == nil || s.pendingToken != token {
		s.fetch(ctx, token)
	}
	s.crawler.progress.reportIfDue()
	got := <-s.pending
	s.pending = nil
	if got.err != nil {
		return nil, got.err
	}
	s.pageRows = got.maxRows
	if ahead := got.page.earlyToken(); ahead != "" && ahead != token {
		s.fetch(ctx, ahead)
	}
	return got.page, nil
}

// closeSeam checks the seam as soon as a row after it belongs to a listed model.
func (s *stream) closeSeam() {
	if place, ok := s.crawler.indexOf(s.row.Name); ok {
		s.markMissed(place, int(s.row.Version))
	}
}

// markMissed marks each model that may have lost a version at the seam. The seam is between the row before it and the
// version with the given number of the model at the given index.
func (s *stream) markMissed(place, number int) {
	if s.seam == nil {
		return
	}
	before := *s.seam
	s.seam = nil
	from, ok := s.crawler.indexOf(before.Name)
	if !ok {
		from = s.index - 1 // all rows so far, if any, belong to models that are read separately
	}
	suspect := func(at int, is bool) {
		if is && at >= 0 && at < len(s.crawler.models) {
			s.crawler.suspect[at] = true
		}
	}
	switch {
	case place < from: // the rows from there on are sent again
	case place == from:
		suspect(place, number > int(before.Version)+1)
	default:
		suspect(from, ok && min(s.crawler.newest(from), s.highest) > int(before.Version))
		for at := from + 1; at < place; at++ {
			suspect(at, s.crawler.newest(at) > s.lowest)
		}
		suspect(place, number > s.lowest+1)
	}
}
