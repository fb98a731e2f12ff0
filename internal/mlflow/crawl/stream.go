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
	r               *reading
	pages           *search
	lowest, highest int

	next   func() (*rows, error, bool) // of the pages
	stop   func()
	page   *rows
	coming chan fetched // the page under way; nil = none
	asked  string       // the token of it
	rows   int          // that the page being read can have
	tagged bool         // some version had tags
	ended  bool

	row   mlflow.VersionJSON // the newest that came
	held  bool               // it was not used yet
	place int                // in the list, of the model whose versions are wanted
	seam  *mlflow.VersionJSON
}

type fetched struct {
	page *rows
	most int // rows that were asked for
	err  error
}

func (r *reading) stream(ctx context.Context, lowest, highest int) *stream {
	filter := fmt.Sprintf("version_number > %d", lowest)
	if highest < math.MaxInt {
		filter = fmt.Sprintf("version_number <= %d", highest)
	}
	query := url.Values{"filter": {filter}, "order_by": {"name ASC", "version_number ASC"}}
	s := &stream{
		r: r, lowest: lowest, highest: highest,
		pages: r.search(r.c.Registry, "model-versions/search", "model_versions", r.sizes.versions, query),
	}
	s.next, s.stop = iter.Pull2(mlflow.Pages(auditBounds, func(token string) (*rows, error) { return s.ask(ctx, token) }, s.pages.after))
	s.fetch(ctx, "")
	return s
}

// fetch asks for a page, beside whatever else goes on.
func (s *stream) fetch(ctx context.Context, token string) {
	coming := make(chan fetched, 1)
	s.coming, s.asked = coming, token
	s.r.beside.Go(func() {
		page, err := s.pages.page(ctx, token)
		coming <- fetched{page, s.pages.asked, err}
	})
}

// of takes the versions of the model at a place of the list, and drops those of models before it, which came again.
func (s *stream) of(ctx context.Context, place int, use func(registry.Version)) error {
	s.place = place
	for {
		if err := s.peek(ctx); err != nil || !s.held {
			return err
		}
		at, known := s.r.at[s.row.Name]
		switch {
		case !known:
			s.r.strangers[s.row.Name] = true
		case at > place:
			return nil
		case at == place:
			s.edge(place)
			use(s.row.Decode())
		}
		s.held = false
	}
}

// peek sees to it that the next row is held, unless there is none.
func (s *stream) peek(ctx context.Context) error {
	for !s.held && !s.ended {
		if s.page == nil {
			page, err, more := s.next()
			if err != nil {
				return err
			}
			if s.page, s.ended = page, !more; s.ended {
				s.mend(len(s.r.models), math.MaxInt)
				return nil
			}
		}
		var row mlflow.VersionJSON
		more, err := s.page.next(&row)
		switch {
		case err != nil:
			return err
		case more:
			s.row, s.held = row, true
			s.join()
		default:
			s.page = nil
		}
	}
	return nil
}

// edge notes the model of the held row where that may have lost its tags.
func (s *stream) edge(place int) {
	at := s.page.count
	s.tagged = s.tagged || len(s.row.Tags) > 0
	head := at <= edgeRows && s.pages.token != ""
	if len(s.row.Tags) == 0 && s.tagged && (head || at > s.rows-edgeRows) {
		s.r.suspects[place] = true
	}
}

// ask waits for a page, and requests the one after it if the page already tells its token. So one page is on its way
// while another is used, and no third one waits.
func (s *stream) ask(ctx context.Context, token string) (*rows, error) {
	if token != "" && s.seam == nil {
		last := s.row
		s.seam = &last
	}
	if s.coming == nil || s.asked != token {
		s.fetch(ctx, token)
	}
	s.r.progress.due()
	got := <-s.coming
	s.coming = nil
	if got.err != nil {
		return nil, got.err
	}
	s.rows = got.most
	if ahead := got.page.ahead(); ahead != "" && ahead != token {
		s.fetch(ctx, ahead)
	}
	return got.page, nil
}

// join looks at the seam once a row behind it has a place in the list.
func (s *stream) join() {
	if place, ok := s.r.placeOf(s.row.Name); ok {
		s.mend(place, int(s.row.Version))
	}
}

// mend notes every model of which a version may have been missed at the seam, that is between the row before it and
// the number of the model at the place.
func (s *stream) mend(place, number int) {
	if s.seam == nil {
		return
	}
	before := *s.seam
	s.seam = nil
	from, ok := s.r.placeOf(before.Name)
	if !ok {
		from = s.place - 1 // nothing came yet, or a model that is read by itself in any case
	}
	suspect := func(at int, is bool) {
		if is && at >= 0 && at < len(s.r.models) {
			s.r.suspects[at] = true
		}
	}
	switch {
	case place < from: // it comes again from there
	case place == from:
		suspect(place, number > int(before.Version)+1)
	default:
		suspect(from, ok && min(s.r.newest(from), s.highest) > int(before.Version))
		for at := from + 1; at < place; at++ {
			suspect(at, s.r.newest(at) > s.lowest)
		}
		suspect(place, number > s.lowest+1)
	}
}
