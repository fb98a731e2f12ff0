package modelcopy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
)

// Format is the format in which Write stores what travels.
const Format = "carried/1"

// document is the stored form. The points are in a file of their own, with one JSON object per line.
type document struct {
	Format string `json:"format"`
	Carried
}

// The limits for stored files, in bytes.
const (
	documentLimit = 256 << 20
	lineLimit     = 1 << 20
)

// Write stores what travels, so that Load can read it later. run receives a JSON object, and points receives one JSON
// object per line.
func (c Carried) Write(ctx context.Context, run, points io.Writer) error {
	text, err := canonical.Compact(document{Format, c})
	if err == nil {
		_, err = run.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the run: %w", err)
	}
	out := bufio.NewWriter(points)
	for p, err := range c.Run.Points(ctx) {
		if err != nil {
			return err
		}
		line, err := canonical.Compact(p)
		if err == nil {
			_, err = out.Write(append(line, '\n'))
		}
		if err != nil {
			return fmt.Errorf("write the points: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the points: %w", err)
	}
	return nil
}

// Load reads what Write has stored. It refuses everything that Write would not have written, byte for byte. open opens
// the points each time they are needed. They are checked while they are read.
func Load(run io.Reader, open func() (io.ReadCloser, error)) (Carried, error) {
	text, err := io.ReadAll(io.LimitReader(run, documentLimit+1))
	switch {
	case err != nil:
		return Carried{}, fmt.Errorf("read the run: %w", err)
	case len(text) > documentLimit:
		return Carried{}, fmt.Errorf("read the run: it is larger than %d MiB", documentLimit>>20)
	}
	var doc document
	err = decodeExactly(text, &doc)
	if f := formatOf(text); f != "" && f != Format {
		err = fmt.Errorf("its format is %.40q, and this release reads only %s", f, Format)
	}
	c := doc.Carried
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return Carried{}, fmt.Errorf("read the run: %w", err)
	}
	if c.Run != nil {
		c.Run.points = storedPoints(c.Run.Last, open)
	}
	return c, nil
}

func formatOf(text []byte) string {
	var of struct {
		Format string `json:"format"`
	}
	_ = json.Unmarshal(text, &of) // decodeExactly fails too
	return of.Format
}

// decodeExactly decodes a line of JSON. It fails unless the same value is encoded in the same bytes, which excludes
// unknown, repeated and misspelt keys.
func decodeExactly(line []byte, into any) error {
	if err := json.Unmarshal(line, into); err != nil {
		return errors.New("it is not valid")
	}
	same, err := canonical.Compact(into)
	if err != nil || !bytes.Equal(append(same, '\n'), line) {
		return errors.New("it is not in the form in which it was written")
	}
	return nil
}

// storedPoints yields the points of a stored run. They must be sorted by metric, and the latest point of each metric
// must be the one in last.
func storedPoints(
	last []Point, open func() (io.ReadCloser, error),
) func(context.Context) iter.Seq2[Point, error] {
	return func(ctx context.Context) iter.Seq2[Point, error] {
		return func(yield func(Point, error) bool) {
			file, err := open()
			if err != nil {
				yield(Point{}, fmt.Errorf("read the points: %w", err))
				return
			}
			defer file.Close()
			lines := bufio.NewScanner(file)
			lines.Buffer(nil, lineLimit)
			lines.Split(wholeLines)
			s := sequence{last: last}
			for n := 1; lines.Scan(); n++ {
				var p Point
				err := decodeExactly(lines.Bytes(), &p)
				if err == nil {
					err = s.add(p)
				}
				if err == nil {
					err = ctx.Err()
				}
				if err != nil {
					yield(Point{}, fmt.Errorf("read line %d of the points: %w", n, err))
					return
				}
				if !yield(p, nil) {
					return
				}
			}
			err = lines.Err()
			if err == nil {
				err = s.end()
			}
			if err != nil {
				yield(Point{}, fmt.Errorf("read the points: %w", err))
			}
		}
	}
}

// wholeLines is like [bufio.ScanLines], but keeps the line feeds, so that a missing one is found.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i+1], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// sequence checks the order of points.
type sequence struct {
	last   []Point // what remains of the metrics, from the current one on
	latest Point
	in     bool // whether a point of the current metric has been added
	n      int
}

func (s *sequence) add(p Point) error {
	if s.n++; s.n > maxPoints {
		return fmt.Errorf("there are more than %d points", maxPoints)
	}
	if err := checkNumber(p.Value); err != nil {
		return err
	}
	if s.in && p.Metric != s.last[0].Metric {
		if err := s.close(); err != nil {
			return err
		}
	}
	if len(s.last) == 0 || p.Metric != s.last[0].Metric {
		return fmt.Errorf("metric %.100q is out of order", p.Metric)
	}
	if !s.in || later(p, s.latest) {
		s.latest = p
	}
	s.in = true
	return nil
}

// close ends the current metric.
func (s *sequence) close() error {
	if later(s.latest, s.last[0]) || later(s.last[0], s.latest) {
		return fmt.Errorf("the last point of metric %.100q is not the one of the run", s.last[0].Metric)
	}
	s.last, s.in = s.last[1:], false
	return nil
}

func (s *sequence) end() error {
	if s.in {
		if err := s.close(); err != nil {
			return err
		}
	}
	if len(s.last) > 0 {
		return fmt.Errorf("there are no points of metric %.100q", s.last[0].Metric)
	}
	return nil
}

// The limits for the sentences in Lost.
const (
	maxLost     = 1000
	maxSentence = 4000
)

// check fails if what travels exceeds a limit or contradicts itself.
func (c Carried) check() error {
	switch {
	case c.Run == nil && c.Model == nil:
		return errors.New("there is neither a run nor a logged model")
	case c.Run == nil && c.Path != "", c.Model != nil && c.Path != "":
		return errors.New("there is a folder in addition to a logged model")
	case len(c.Lost) > maxLost || slices.ContainsFunc(c.Lost, func(s string) bool { return len(s) > maxSentence }):
		return errors.New("the list of what is lost is too long")
	}
	if c.Run != nil {
		if err := c.Run.check(); err != nil {
			return err
		}
	}
	if c.Model == nil {
		return nil
	}
	return c.Model.check()
}
