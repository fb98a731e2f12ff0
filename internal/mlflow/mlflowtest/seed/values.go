package seed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Series is the history of one metric.
type Series []Point

// Point is one value of a metric. Without a timestamp, it counts as logged a millisecond after the previous one.
type Point struct {
	Value     float64
	Step      int64
	Timestamp int64
}

// Value returns the history of a metric that was logged only once.
func Value(v float64) Series { return Series{{Value: v}} }

// UnmarshalJSON parses a single value or a list. A list contains values, and objects with value, step and timestamp. A
// value is a number, or "NaN", "Infinity" or "-Infinity".
func (s *Series) UnmarshalJSON(b []byte) error {
	items := []json.RawMessage{b}
	if b[0] == '[' {
		if err := json.Unmarshal(b, &items); err != nil {
			return err
		}
	}
	*s = nil
	for i, item := range items {
		p := struct {
			Value     json.RawMessage
			Step      int64
			Timestamp int64
		}{Value: item, Step: int64(i)}
		if item[0] == '{' {
			if err := json.Unmarshal(item, &p); err != nil {
				return err
			}
		}
		v, err := metricValue(p.Value)
		if err != nil {
			return err
		}
		*s = append(*s, Point{v, p.Step, p.Timestamp})
	}
	return nil
}

func metricValue(raw json.RawMessage) (float64, error) {
	word := strings.Trim(string(raw), `"`)
	v, err := strconv.ParseFloat(word, 64)
	if err != nil && !math.IsInf(v, 0) {
		return 0, fmt.Errorf("metric value %s", raw)
	}
	return v, nil
}

// Content is the content of an artifact.
type Content []byte

// UnmarshalJSON parses a string, a list of lines, or any other value, which is stored as JSON.
func (c *Content) UnmarshalJSON(b []byte) error {
	var whole string
	var lines []string
	switch {
	case json.Unmarshal(b, &whole) == nil:
		*c = Content(whole)
	case json.Unmarshal(b, &lines) == nil:
		*c = Content(strings.Join(lines, "\n") + "\n")
	default:
		*c = Content(bytes.Clone(b))
	}
	return nil
}

// Moment is a time in milliseconds since 1970. Zero means now.
type Moment int64

// UnmarshalJSON parses a number of milliseconds or an RFC 3339 time.
func (m *Moment) UnmarshalJSON(b []byte) error {
	if b[0] != '"' {
		return json.Unmarshal(b, (*int64)(m))
	}
	t, err := time.Parse(`"`+time.RFC3339+`"`, string(b))
	*m = Moment(t.UnixMilli())
	return err
}
