package actions_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/actions/actionstest"
)

const canary = `c@nary/"p+ss" w%rd?>~`

// secretForms lists the forms that a secret can take.
func secretForms(secret string) []string {
	quoted, _ := json.Marshal(secret)
	all := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), string(quoted), fmt.Sprintf("%q", secret)}
	for _, user := range []string{"", "a", "ab", "ada", "mlflow"} {
		pair := []byte(user + ":" + secret)
		all = append(all, "Basic "+base64.StdEncoding.EncodeToString(pair), base64.RawURLEncoding.EncodeToString(pair))
	}
	return append(all, base64.StdEncoding.EncodeToString([]byte(secret)),
		base64.URLEncoding.EncodeToString([]byte(secret)))
}

// cores lists the part of each form that reveals the secret.
func cores(secret string) []string {
	cores := []string{secret, url.QueryEscape(secret), url.PathEscape(secret)}
	for before := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(":", before) + secret))
		cores = append(cores, encoded[4:len(encoded)-4])
	}
	return cores
}

// everySink writes a text to each of the package's outputs.
func everySink(t *testing.T, r *actions.Runner, text string) {
	t.Helper()
	fmt.Fprintln(r.Out(), text)
	fmt.Fprintln(r.Err(), text)
	half := len(text) / 2
	io.WriteString(r.Out(), text[:half])
	io.WriteString(r.Out(), text[half:]+"\n")
	r.Group(text)
	for range 12 {
		r.Annotate(actions.Annotation{Level: actions.Error, File: "a/" + text, Title: text, Message: text})
	}
	for _, err := range []error{
		r.SetOutput("single", text), r.SetOutput("several", "a\n"+text+"\nb"), r.Summary("# " + text),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := r.WriteReport("report-*.json", []byte(text)); err != nil {
		t.Error(err)
	}
	flush(t, r)
}

func TestMask_AllForms(t *testing.T) {
	r, s := step(t)
	r.Mask(canary)
	for _, form := range secretForms(canary) {
		everySink(t, r, "see "+form+" here")
	}
	if leaks := s.Leaks(cores(canary)...); len(leaks) != 0 {
		t.Errorf("secret found in %v", leaks)
	}
	if got := s.Outputs()["single"]; !strings.Contains(got, "***") {
		t.Errorf("output is %q, want it masked", got)
	}
}

func TestMask_Laptop(t *testing.T) {
	r, stdout, stderr := laptop(t.TempDir())
	r.Mask(canary)
	if stdout.Len() != 0 {
		t.Errorf("printed %q", stdout)
	}
	for _, form := range secretForms(canary) {
		everySink(t, r, form)
	}
	for _, core := range cores(canary) {
		if strings.Contains(stdout.String()+stderr.String(), core) {
			t.Errorf("%q was printed", core)
		}
	}
}

func TestMask_ComesFirst(t *testing.T) {
	r, s := step(t)
	r.Mask("", "  ", "abc", canary, canary)
	fmt.Fprintln(r.Out(), "first")
	log := s.Log()
	masks := map[string]bool{}
	for _, m := range log.Masks {
		if masks[m] {
			t.Errorf("%q is masked twice", m)
		}
		if len(m) < 4 {
			t.Errorf("%q is masked, which would hide ordinary words", m)
		}
		masks[m] = true
	}
	for _, want := range []string{canary, url.QueryEscape(canary), url.PathEscape(canary)} {
		if !masks[want] {
			t.Errorf("%q is not masked", want)
		}
	}
	if len(log.Others("add-mask")) != 0 || !strings.HasSuffix(s.Stdout.String(), "\nfirst\n") {
		t.Errorf("got commands %+v, output %q", log.Others("add-mask"), s.Stdout.String())
	}
	for _, form := range secretForms(canary) { // if another step prints these, only the runner can hide them
		for _, core := range cores(canary) {
			if strings.Contains(actionstest.Masked(form, log.Masks), core) {
				t.Errorf("the runner shows %q", form)
			}
		}
	}
}

func TestMask_SeveralLines(t *testing.T) {
	r, s := step(t)
	key := "-----BEGIN KEY-----\nMIIBfirst\r\nMIIBsecond\n-----END KEY-----\n"
	r.Mask(key)
	fmt.Fprint(r.Out(), "a MIIBfirst\nb MIIBsecond c\n-----BEGIN KEY-----\n")
	if leaks := s.Leaks("MIIBfirst", "MIIBsecond"); len(leaks) != 0 {
		t.Errorf("secret found in %v", leaks)
	}
	if !strings.HasSuffix(s.Stdout.String(), "a ***\nb *** c\n-----BEGIN KEY-----\n") {
		t.Errorf("got %q", s.Stdout.String())
	}
}

func TestMask_Overlapping(t *testing.T) {
	r, s := step(t)
	r.Mask("abcdef", "defghi", "abcdefghijkl")
	fmt.Fprintln(r.Out(), "x abcdefghi y abcdefghijkl z defabcdef abcdefabcdef w")
	if !strings.HasSuffix(s.Stdout.String(), "\nx *** y *** z def*** *** w\n") {
		t.Errorf("got %q", s.Stdout.String())
	}
}

func TestMask_AcrossTheLineLimit(t *testing.T) {
	for at := 16<<10 - 30; at < 16<<10+5; at++ {
		r, s := step(t)
		r.Mask("the-very-secret-token")
		io.WriteString(r.Out(), strings.Repeat("x", at)+"the-very-secret-token"+strings.Repeat("y", 100)+"\n")
		if leaks := s.Leaks("the-v", "token"); len(leaks) != 0 {
			t.Fatalf("at %d: secret found in %v", at, leaks)
		}
	}
}

func TestMask_MakesNoCommand(t *testing.T) {
	r, s := step(t)
	r.Mask("s3cret")
	fmt.Fprint(r.Out(), "s3cret::error::x\n:s3cret:error::x\n##s3cret[error]x\n")
	flush(t, r)
	if got := s.Log().Others("add-mask"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// If a text was cut in the middle of a secret, the beginning of the secret is not shown. If a text was quoted twice, no
// part of the secret is shown.
func TestMask_CutOrQuoted(t *testing.T) {
	const secret = `Kq7Zp3vX"9mB2cN5tR8wY1sD4gH6j`
	r, _, _ := laptop(t.TempDir())
	r.Mask(secret)
	for text, want := range map[string]string{
		"you sent Kq7Zp3vX…; trying again":                                        "you sent ***…; trying again",
		"you sent " + secret + " Kq7Z…":                                           "you sent *** ***…",
		"first Kq7Zp…, then " + secret[:12] + "…":                                 "first ***…, then ***…",
		"too short to tell Kq7…":                                                  "too short to tell Kq7…",
		"without an ellipsis Kq7Zp3vX":                                            "without an ellipsis Kq7Zp3vX",
		`in JSON: {"error":"key \"` + `Kq7Zp3vX\\\"9mB2cN5tR8wY1sD4gH6j` + `\""}`: `in JSON: {"error":"key \"***\""}`,
		"no secret…": "no secret…",
		"…":          "…",
	} {
		if got := r.Hide(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
