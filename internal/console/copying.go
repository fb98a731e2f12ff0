package console

import (
	"fmt"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/filecopy"
)

// progressEvery is the time between two lines of progress.
const progressEvery = 5 * time.Second

// Copying returns a function that prints how far the copying of files has got, with an estimate of the rest.
func (c *Console) Copying(clock func() time.Time) func(filecopy.Progress) {
	var mu sync.Mutex
	var began, printed time.Time
	return func(p filecopy.Progress) {
		mu.Lock()
		defer mu.Unlock()
		now := clock()
		if began.IsZero() {
			began, printed = now, now
		}
		done := p.Files == p.OfFiles
		if !done && now.Sub(printed) < progressEvery {
			return
		}
		printed = now
		line := fmt.Sprintf("copied %s of %s, %s", format.Bytes(p.Bytes), format.Bytes(p.OfBytes),
			format.Plural(p.OfFiles, "file"))
		if took := now.Sub(began); !done && p.Bytes > 0 && took > 0 {
			left := time.Duration(float64(took) / float64(p.Bytes) * float64(p.OfBytes-p.Bytes))
			line += fmt.Sprintf(", about %s left", left.Round(time.Second))
		}
		c.Println(line)
	}
}
