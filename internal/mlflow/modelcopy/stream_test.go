package modelcopy

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// endless is a server whose metric has many points, in pages.
type endless struct{ pages, size int }

func (e *endless) RoundTrip(r *http.Request) (*http.Response, error) {
	at, most := 0, 1
	_, _ = fmt.Sscan(r.URL.Query().Get("page_token"), &at)
	_, _ = fmt.Sscan(r.URL.Query().Get("max_results"), &most)
	most = min(most, e.size)
	var b strings.Builder
	b.WriteString(`{"metrics":[`)
	for i := range most {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"key":"loss","value":0.%06d,"step":%d,"timestamp":%d}`, at+i, at+i, 1700000000000+at+i)
	}
	b.WriteString(`]`)
	if e.pages--; e.pages > 0 {
		fmt.Fprintf(&b, `,"next_page_token":"%d"`, at+most)
	}
	b.WriteString(`}`)
	header := http.Header{"Content-Type": {"application/json"}}
	body := io.NopCloser(strings.NewReader(b.String()))
	return &http.Response{StatusCode: 200, Header: header, Body: body, Request: r}, nil
}

// A long history is read page by page. A history without an end is refused.
func TestPoints_Stream(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	last := []Point{{Metric: "loss", Value: "0.1", Step: 1 << 40, Time: 1 << 50}}
	read := func(pages, size int) (n int, most uint64, err error) {
		c := over(t, &endless{pages, size})
		before := heap()
		for _, err := range serverPoints(c, "r1", last)(t.Context()) {
			if err != nil {
				return n, most, err
			}
			if n++; n%30_000 == 0 {
				most = max(most, heap()-min(before, heap()))
			}
		}
		return n, most, nil
	}
	n, most, err := read(8, historyPage)
	t.Logf("%d points, at most %d MiB", n, most>>20)
	if want := historyFirst + 7*historyPage; err != nil || n != want || most > 24<<20 {
		t.Errorf("%d points, at most %d bytes: %v", n, most, err)
	}
	if _, _, err = read(1<<30, 10); err == nil || !strings.Contains(err.Error(), "pages") {
		t.Errorf("without an end: %v", err)
	}
}
