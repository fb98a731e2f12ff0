package bundle

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/modelcopy"
)

// points finds the points of a metric in a file that contains the points of all metrics, one after the other.
type points struct {
	file     *os.File
	size     int64
	modified time.Time
	at       map[string]section
}

// section is where the points of a metric are in the file.
type section struct{ from, to int64 }

// lineLimit is the largest length of a line in bytes.
const lineLimit = 1 << 20

// indexed reads the file once. The file stays open.
func indexed(root *os.Root) (*points, error) {
	file, err := openFile(root, pointsName)
	if err != nil {
		return nil, plain(err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, plain(err)
	}
	p := &points{file: file, size: info.Size(), modified: info.ModTime(), at: map[string]section{}}
	lines := scanner(file)
	for at := int64(0); lines.Scan(); {
		var point modelcopy.Point
		if err := json.Unmarshal(lines.Bytes(), &point); err != nil {
			return nil, errors.New("it is not valid")
		}
		to := at + int64(len(lines.Bytes())) + 1
		s, known := p.at[point.Metric]
		if !known {
			s.from = at
		}
		s.to, at = to, to
		p.at[point.Metric] = s
	}
	return p, lines.Err()
}

func scanner(r io.Reader) *bufio.Scanner {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, lineLimit)
	return lines
}

// page returns at most n points of a metric. from is where the page begins, and is 0 for the first page. next is where
// the next page begins, and is 0 after the last one.
func (p *points) page(metric string, from int64, n int) (found []modelcopy.Point, next int64, err error) {
	s, ok := p.at[metric]
	if !ok {
		return nil, 0, nil
	}
	if from == 0 {
		from = s.from
	}
	if from < s.from || from >= s.to {
		return nil, 0, errors.New("there is no such page")
	}
	lines := scanner(io.NewSectionReader(p.file, from, s.to-from))
	for lines.Scan() {
		if len(found) == n {
			next = from
			break
		}
		var point modelcopy.Point
		if err := json.Unmarshal(lines.Bytes(), &point); err != nil || point.Metric != metric {
			return nil, 0, errChanged
		}
		found = append(found, point)
		from += int64(len(lines.Bytes())) + 1
	}
	if info, err := p.file.Stat(); err != nil || info.Size() != p.size || !info.ModTime().Equal(p.modified) {
		return nil, 0, errChanged
	}
	return found, next, lines.Err()
}

var errChanged = fmt.Errorf("%s was changed while it was being read", pointsName)
