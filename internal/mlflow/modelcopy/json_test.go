package modelcopy

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// stored writes what travels and returns both files.
func stored(t testing.TB, c Carried) (run, points string) {
	t.Helper()
	var a, b bytes.Buffer
	if err := c.Write(context.Background(), &a, &b); err != nil {
		t.Fatal(err)
	}
	return a.String(), b.String()
}

func load(run, points string) (Carried, error) {
	return Load(strings.NewReader(run), func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(points)), nil
	})
}

func pointsOf(c Carried) (all []Point, err error) {
	for p, err := range c.Run.Points(context.Background()) {
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// A stored copy is read back unchanged, and Copy makes the same of it.
func TestCarried_RoundTrip(t *testing.T) {
	for name, build := range cases {
		t.Run(name, func(t *testing.T) {
			from := newWorld(t, "3.17.2")
			source, run := build(from)
			in, err := Read(t.Context(), from.c, source, run)
			if err != nil {
				t.Fatal(err)
			}
			a, b := stored(t, in)
			out, err := load(a, b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(in, out, cmpopts.IgnoreUnexported(Run{}), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			want, err1 := pointsOf(in)
			got, err2 := pointsOf(out)
			if diff := cmp.Diff(want, got); diff != "" || err1 != nil || err2 != nil {
				t.Error(diff, err1, err2)
			}
			one, two := newWorld(t, "3.17.2"), newWorld(t, "3.17.2")
			for to, c := range map[*world]Carried{one: in, two: out} {
				if _, err := Copy(t.Context(), to.c, c, asked, to.upload); err != nil {
					t.Fatal(explained(err))
				}
			}
			if diff := cmp.Diff(one.state(true), two.state(true)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Any edit of a stored copy that changes its form is refused.
func TestLoad_Strict(t *testing.T) {
	from := newWorld(t, "3.17.2")
	source, run := cases["values on datasets"](from)
	in, err := Read(t.Context(), from.c, source, run)
	if err != nil {
		t.Fatal(err)
	}
	a, b := stored(t, in)
	replace := func(s, old, with string) string {
		t.Helper()
		if !strings.Contains(s, old) {
			t.Fatalf("%q is not in %s", old, s)
		}
		return strings.Replace(s, old, with, 1)
	}
	for name, c := range map[string]struct{ run, points, says string }{
		"a different format":   {replace(a, "carried/1", "carried/2"), b, `"carried/2"`},
		"no format":            {replace(a, `"format":"carried/1",`, ""), b, "form"},
		"an unknown key":       {replace(a, `"id":`, `"x":1,"id":`), b, "form"},
		"a key twice":          {replace(a, `"id":`, `"id":"r0","id":`), b, "form"},
		"a key in capitals":    {replace(a, `"status":`, `"Status":`), b, "form"},
		"a space":              {replace(a, `"id":`, `"id": `), b, "form"},
		"something after it":   {a + "{}", b, "not valid"},
		"no end":               {a[:len(a)-2], b, "not valid"},
		"an unknown status":    {replace(a, "FINISHED", "DONE"), b, "DONE"},
		"a value in words":     {replace(a, `"value":"0.93"`, `"value":"high"`), b, "number"},
		"no run and no model":  {`{"format":"carried/1"}` + "\n", b, "neither"},
		"a point in words":     {a, replace(b, `"value":"0.91"`, `"value":"high"`), "number"},
		"a hexadecimal number": {a, replace(b, `"value":"0.91"`, `"value":"0x1p-2"`), "number"},
		"a key twice in a line": {
			a, replace(b, `"value":"0.91"`, `"value":"0.91","value":"0.91"`), "form",
		},
		"an unknown metric":   {a, replace(b, `"acc"`, `"acd"`), "out of order"},
		"lines swapped":       {a, strings.Join(swapped(strings.SplitAfter(b, "\n")), ""), "out of order"},
		"the last one gone":   {a, b[:strings.LastIndex(b[:len(b)-1], "\n")+1], "no points"},
		"a better last one":   {a, replace(b, `"value":"0.93"`, `"value":"0.99"`), "last point"},
		"a line cut":          {a, b[:len(b)-5], "valid"},
		"no line feed":        {a, b[:len(b)-1], "form"},
		"an empty line":       {a, b + "\n", "valid"},
		"a line that is huge": {a, strings.Repeat(" ", lineLimit+1), "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			c2, err := load(c.run, c.points)
			if err == nil {
				_, err = pointsOf(c2)
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

func swapped(lines []string) []string {
	lines[0], lines[len(lines)-2] = lines[len(lines)-2], lines[0]
	return lines
}

// Load never panics, and whatever it accepts is written back in the same bytes.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"one model", "several models", "an evaluation", "no run", "a folder"} {
		from := newWorld(f, "3.17.2")
		source, run := cases[name](from)
		in, err := Read(context.Background(), from.c, source, run)
		if err != nil {
			f.Fatal(err)
		}
		a, b := stored(f, in)
		f.Add(a, b)
	}
	f.Fuzz(func(t *testing.T, run, points string) {
		c, err := load(run, points)
		if err != nil {
			return
		}
		if _, err := pointsOf(c); err != nil {
			return
		}
		a, b := stored(t, c)
		if c.Run == nil {
			points = ""
		}
		if a != run || b != points {
			t.Errorf("%q %q was written back as %q %q", run, points, a, b)
		}
	})
}
