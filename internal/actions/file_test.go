//go:build unix

package actions_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFile_AppearsOnClose(t *testing.T) {
	r, s := step(t)
	write(t, filepath.Join(s.Workspace, "old.json"), "old")
	f, err := r.CreateWorkspace("old.json")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "new")
	if data, _ := os.ReadFile(filepath.Join(s.Workspace, "old.json")); string(data) != "old" {
		t.Errorf("the file has content %q before Close", data)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(filepath.Join(s.Workspace, "old.json")); string(data) != "new" || f.Name() != "old.json" {
		t.Errorf("%s has content %q", f.Name(), data)
	}
	given, err := r.CreateWorkspace("reports/of/today.json")
	if err != nil {
		t.Fatal(err)
	}
	given.Discard()
	names, err := r.ListWorkspace("reports/of")
	if err != nil || len(names) != 0 {
		t.Errorf("Discard left %v, error %v", names, err)
	}
}

func TestFile_StaysInTheWorkspace(t *testing.T) {
	r, s := step(t)
	outside := filepath.Join(t.TempDir(), "target")
	write(t, outside, "mine")
	link(t, outside, filepath.Join(s.Workspace, "link.json"))
	link(t, filepath.Dir(outside), filepath.Join(s.Workspace, "dir"))
	for _, name := range []string{"../x.json", outside, "dir/target", "dir/new", "/etc/x.json", ".", "link.json"} {
		f, err := r.CreateWorkspace(name)
		if err == nil {
			io.WriteString(f, "new")
			err = f.Close()
		}
		if data, _ := os.ReadFile(outside); err == nil && name != "link.json" || string(data) != "mine" {
			t.Errorf("%s: error %v, the file outside has content %q", name, err, data)
		}
	}
	for _, pattern := range []string{"../x.json", "a/b.json", "", "."} {
		if f, err := r.CreateReport(pattern); err == nil {
			f.Discard()
			t.Errorf("CreateReport(%q) returned no error", pattern)
		}
	}
	left, err := os.ReadDir(filepath.Dir(outside))
	if err != nil || len(left) != 1 {
		t.Errorf("the folder outside has %v, error %v", left, err)
	}
}

func TestFile_Laptop(t *testing.T) {
	dir := t.TempDir()
	r, _, _ := laptop(dir)
	for _, name := range []string{"a.json", "new/b.json", filepath.Join(dir, "else", "c.json")} {
		f, err := r.CreateWorkspace(name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(f, "x")
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		if data, _ := os.ReadFile(name); string(data) != "x" {
			t.Errorf("%s has content %q", name, data)
		}
	}
}

// However a text is split into pieces, every secret in it is hidden, and everything else is kept.
func TestFile_HidesSecrets(t *testing.T) {
	const secret = "canary-of-more-than-a-few-characters"
	for length := 64<<10 - 80; length < 64<<10+10; length++ {
		r, s := step(t)
		r.Mask(secret)
		f, err := r.CreateReport("r-*.txt")
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Repeat("ä", length/2) + secret + strings.Repeat("z", 70<<10) + secret
		for rest := text; rest != ""; {
			n := min(len(rest), 1000)
			io.WriteString(f, rest[:n])
			rest = rest[n:]
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(s.Workspace, f.Name()))
		if want := strings.ReplaceAll(text, secret, "***"); err != nil || string(data) != want {
			t.Fatalf("length %d: got %d bytes, want %d, error %v", length, len(data), len(want), err)
		}
	}
}

func TestFile_Own(t *testing.T) {
	r, s := step(t)
	r.Mask("mlflow")
	f, err := r.CreateWorkspace("page.html")
	if err != nil {
		t.Fatal(err)
	}
	own := f.Own()
	io.WriteString(own, "<script>mlflow</script>")
	io.WriteString(f, "mlflow and mlf")
	io.WriteString(own, "<b>")
	io.WriteString(f, "low, mlflow")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(filepath.Join(s.Workspace, "page.html"))
	if want := "<script>mlflow</script>*** and mlf<b>low, ***"; string(data) != want {
		t.Errorf("got %s, want %s", data, want)
	}
}

func TestDataStream(t *testing.T) {
	r, out, _ := laptop(t.TempDir())
	r.Mask("canary1")
	w := r.DataStream()
	text := `{"a":"##[error]x ü 😀 canary1","b":[` + strings.Repeat(`"ö##[warning]",`, 20000) + `1]}`
	for rest := text; rest != ""; {
		n := min(len(rest), 777)
		io.WriteString(w, rest[:n])
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	printed := out.String()
	if strings.Contains(printed, "#") || strings.Contains(printed, "canary1") ||
		strings.ContainsFunc(strings.TrimSuffix(printed, "\n"), func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("%.300s", printed)
	}
	var got, want any
	if err := json.Unmarshal([]byte(printed), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(strings.Replace(text, "canary1", "***", 1)), &want); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if string(a) != string(b) {
		t.Errorf("got JSON %.200s\nwant %.200s", a, b)
	}
}
