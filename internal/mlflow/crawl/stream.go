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

// stream is one half of all versions, those with a number above lowest up to highest, by name and number.
//
// Its pages are offsets into a list that moves. Where a version before the offset is made between two pages, the last
// one comes again: it is dropped. Where one is deleted, the next is missed. Which that can be is known, since the list
// of models tells the highest number of each: the stream notes the models at each seam between two pages where something
// can be missing, and they are read again, each by itself.
//
// Servers read the tags of a page with a second statement, for the same offset. What is made or deleted between the two
// moves rows out of it, and those at the edges of the page come without tags: their models are noted too, if any version
// before had tags at all.
type stream struct {
	crawler         *crawler
	search          *search
	lowest, highest int

	next         func() (*rowReader, error, bool) // of the pages
	stop         func()
	page         *rowReader
	pending      chan fetchedPage // the page under way; nil = none
	pendingToken string           // the token of it
	pageRows     int              // that the page being read can have
	sawTags      bool             // some version had tags
	ended        bool

	row    mlflow.VersionJSON // the newest that came
	hasRow bool               // it was not used yet
	index  int                // in the list, of the model whose versions are wanted
	seam   *mlflow.VersionJSON
}

type fetchedPage struct {
	page    *rowReader
	maxRows int // rows that were asked for
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
	s.next, s.stop = iter.Pull2(mlflow.Pages(auditBounds, func(token string) (*rowReader, error) { return s.ask(ctx, token) }, s.search.finish))
	s.fetch(ctx, "")
	return s
}

// fetch asks for a page, beside whatever else goes on.
func (s *stream) fetch(ctx context.Context, token string) {
	coming := make(chan fetchedPage, 1)
	s.pending, s.pendingToken = coming, token
	s.crawler.fetches.Go(func() {
		page, err := s.search.page(ctx, token)
		coming <- fetchedPage{page, s.search.lastSize, err}
	})
}

// take takes the versions of the model at a place of the list, and drops those of models before it, which came again.
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

// advance sees to it that the next row is held, unless there is none.
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

// checkTags notes the model of the held row where that may have lost its tags.
func (s *stream) checkTags(place int) {
	at := s.page.count
	s.sawTags = s.sawTags || len(s.row.Tags) > 0
	head := at <= edgeRows && s.search.token != ""
	if len(s.row.Tags) == 0 && s.sawTags && (head || at > s.pageRows-edgeRows) {
		s.crawler.suspect[place] = true
	}
}

// ask waits for a page, and requests the one after it if the page already tells its token. So one page is on its way
// while another is used, and no third one waits.
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

// closeSeam looks at the seam once a row behind it has a place in the list.
func (s *stream) closeSeam() {
	if place, ok := s.crawler.indexOf(s.row.Name); ok {
		s.markMissed(place, int(s.row.Version))
	}
}

// markMissed notes every model of which a version may have been missed at the seam, that is between the row before it and
// the number of the model at the place.
func (s *stream) markMissed(place, number int) {
	if s.seam == nil {
		return
	}
	before := *s.seam
	s.seam = nil
	from, ok := s.crawler.indexOf(before.Name)
	if !ok {
		from = s.index - 1 // nothing came yet, or a model that is read by itself in any case
	}
	suspect := func(at int, is bool) {
		if is && at >= 0 && at < len(s.crawler.models) {
			s.crawler.suspect[at] = true
		}
	}
	switch {
	case place < from: // it comes again from there
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
