package actionstest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseLine(t *testing.T) {
	cases := []struct {
		line string
		want *Command // nil for plain text
	}{
		{"::error::boom", &Command{Name: "error", Data: "boom"}},
		{"  \t::error::boom", &Command{Name: "error", Data: "boom"}},
		{"\u00a0\u2003::error::boom", &Command{Name: "error", Data: "boom"}},
		// the runner's comparison ignores the first character
		{"\u200b::error::boom", &Command{Name: "error", Data: "boom"}},
		{"::ERROR::boom", &Command{Name: "ERROR", Data: "boom"}},
		{"::error file=a.yml,line=3,title=x%3A%2C%25::a%0Ab%250A", &Command{Name: "error",
			Properties: map[string]string{"file": "a.yml", "line": "3", "title": "x:,%"}, Data: "a\nb%0A"}},
		{
			"::set-output name=a::b::c",
			&Command{Name: "set-output", Properties: map[string]string{"name": "a"}, Data: "b::c"},
		},
		{"::set-output name=a::", &Command{Name: "set-output", Properties: map[string]string{"name": "a"}}},
		{"x ::error::boom", nil},
		{"::error:boom", nil},
		{"::no-such-command::x", nil},
		{":: error::x", nil},
		{":::error::x", nil},
		{"##[error]boom", &Command{Name: "error", Data: "boom"}},
		{
			"text ##[set-output name=a;x=%5D%3B]b",
			&Command{Name: "set-output", Properties: map[string]string{"name": "a", "x": "];"}, Data: "b"},
		},
		{"###[error]boom", &Command{Name: "error", Data: "boom"}},
		{"##\u200b[error]boom", &Command{Name: "error", Data: "boom"}},
		{"##[no]##[error]second is not looked at", nil},
		{"##[error boom", nil},
		{"# #[error]boom", nil},
		{"::nonsense:: ##[error]the old one is tried next", &Command{Name: "error", Data: "the old one is tried next"}},
		{"", nil},
	}
	for _, c := range cases {
		got, ok := ParseLine(c.line)
		if !ok {
			if c.want != nil {
				t.Errorf("%q: got no command, want %+v", c.line, *c.want)
			}
			continue
		}
		if c.want == nil {
			t.Errorf("%q: got %+v, want no command", c.line, got)
			continue
		}
		got.Line = ""
		if len(got.Properties) == 0 {
			got.Properties = nil
		}
		if diff := cmp.Diff(*c.want, got); diff != "" {
			t.Errorf("%q:\n%s", c.line, diff)
		}
	}
}

func TestReadLog(t *testing.T) {
	l := ReadLog("::add-mask::s3cret%0Asecond line\nsay s3cret\r::error title=x::boom s3cret\r\n"+
		"::stop-commands::TOKEN\n::error::not one\n##[set-output name=a]b\n::TOKEN::\n",
		"::notice::after second line\n")
	var names []string
	for _, c := range l.Commands {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"add-mask", "error", "stop-commands", "notice"}, names); diff != "" {
		t.Error(diff)
	}
	want := []string{
		"say ***", "##[error]boom ***", "::error::not one", "##[set-output name=a]b", "##[notice]after ***",
	}
	if diff := cmp.Diff(want, l.Lines); diff != "" {
		t.Error(diff)
	}
	if others := l.Others("add-mask", "error", "notice"); len(others) != 1 || others[0].Name != "stop-commands" {
		t.Errorf("got other commands %+v", others)
	}
}

func TestAnnotations_Limits(t *testing.T) {
	l := ReadLog(strings.Repeat("::error::"+strings.Repeat("é", 5000)+"\n", 12) + "::warning::w\n")
	errors := l.Annotations("error")
	if len(errors) != 10 || len([]rune(errors[0].Data)) != 4096 || len(l.Annotations("warning")) != 1 {
		t.Errorf("got %d errors of %d characters", len(errors), len([]rune(errors[0].Data)))
	}
}

func TestParseFile(t *testing.T) {
	cases := map[string]struct {
		file string
		want []Pair
		err  string
	}{
		"a line":                     {"a=b\n", []Pair{{"a", "b"}}, ""},
		"a line without its end":     {"a=b", []Pair{{"a", "b"}}, ""},
		"an equals sign comes first": {"a=b<<c\n", []Pair{{"a", "b<<c"}}, ""},
		"a heredoc comes first":      {"a<<b=c\nx\nb=c\n", []Pair{{"a", "x"}}, ""},
		"several": {
			"a=1\n\nb<<D\nx\ny\nD\nc=3\n",
			[]Pair{{"a", "1"}, {"b", "x\ny"}, {"c", "3"}},
			"",
		},
		"an empty value":                            {"a<<D\nD\nb<<D\n\nD\n", []Pair{{"a", ""}, {"b", ""}}, ""},
		"empty lines around a value":                {"a<<D\n\nx\n\nD\n", []Pair{{"a", "\nx\n"}}, ""},
		"a carriage return is part of the value":    {"a<<D\nx\r\nD\n", []Pair{{"a", "x\r"}}, ""},
		"a delimiter that is not alone on its line": {"a<<D\nx\nD \n D\nD\n", []Pair{{"a", "x\nD \n D"}}, ""},
		"a delimiter without a line end":            {"a<<D\nx\nD", []Pair{{"a", "x"}}, ""},
		"a byte order mark":                         {"\uFEFFa=b\n", []Pair{{"a", "b"}}, ""},
		"no closing delimiter":                      {"a<<D\nx\n", nil, "matching delimiter not found"},
		"a value without a line end":                {"a<<D\nx", nil, "eof marker missing new line"},
		"no delimiter":                              {"a<<\nx\n", nil, "delimiter must not be empty"},
		"no name":                                   {"<<D\nx\nD\n", []Pair{{"", "x"}}, "name must not be empty"},
		"no name before an equals sign":             {"=b\n", []Pair{{"", "b"}}, "name must not be empty"},
		"neither":                                   {"words\n", nil, "invalid format"},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			got, err := ParseFile([]byte(c.file))
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOutputs(t *testing.T) {
	got, err := Outputs([]byte("a=has s3cret in it\nb=2\n"), []string{"s3cret"})
	if diff := cmp.Diff(map[string]string{"b": "2"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := Outputs([]byte("a="+strings.Repeat("x", 512<<10)+"\n"), nil); err == nil {
		t.Error("more than a megabyte of UTF-16 was accepted")
	}
	if _, err := Summary(make([]byte, 1<<20+1), nil); err == nil {
		t.Error("a summary above its limit was accepted")
	}
}

func TestLeaks(t *testing.T) {
	s := NewStep(t)
	s.Stdout.WriteString("::add-mask::s3cret\nfine\n")
	if leaks := s.Leaks("s3cret"); len(leaks) != 0 {
		t.Errorf("the mask itself counts as a leak: %v", leaks)
	}
	s.Stderr.WriteString("see s3cret\n")
	if leaks := s.Leaks("s3cret"); len(leaks) != 1 || leaks[0] != "stderr" {
		t.Errorf("got %v", leaks)
	}
	s.Stdout.WriteString("::error title=p%3Aw::pa%25ss\n")
	for _, secret := range []string{"p:w", "pa%ss"} {
		if leaks := s.Leaks(secret); len(leaks) != 1 || leaks[0] != "error command" {
			t.Errorf("%q: got %v", secret, leaks)
		}
	}
}
