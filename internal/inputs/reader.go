package inputs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// reader parses the inputs and collects the problems and secrets that it finds in them.
type reader struct {
	command  Command
	value    func(name string) string
	file     func(path string, limit int64) ([]byte, error)
	env      func(name string) string
	zone     *time.Location // time zone for times without an offset
	problems []Problem
	secrets  []string
}

// WithoutPath removes the path from an error about a file, for messages that already start with the path.
func WithoutPath(err error, path string) error {
	text, found := strings.CutPrefix(err.Error(), fmt.Sprintf("read %q: ", path))
	if !found {
		return err
	}
	return errors.New(text)
}

// pairs parses items in the form ALIAS=VALUE. It adds a problem for a key that is repeated or is not a valid alias.
func (r *reader) pairs(name, example string, items []string) []pair {
	var out []pair
	seen := map[string]bool{}
	for _, item := range items {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		key, value, ok := strings.Cut(item, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok {
			r.problem(name, item, "is not of the form ALIAS=VALUE; write "+example)
			continue
		}
		if err := registry.CheckAlias(key); err != nil {
			r.problem(name, key, err.Error())
		}
		if seen[key] {
			r.problem(name, key, "is repeated; remove one of the two")
		}
		seen[key] = true
		out = append(out, pair{key, value})
	}
	return out
}

// valueIfTaken returns the input, or "" if the command does not read it. Several steps often share one block of
// inputs, so inputs for other commands are not checked.
func (r *reader) valueIfTaken(name string) string {
	if !r.command.Takes(Get(name)) {
		return ""
	}
	return r.value(name)
}

// problem records what is wrong with an input. saw is the input's value, which problem shortens.
func (r *reader) problem(input, saw, want string) {
	r.problems = append(r.problems, Problem{input, shorten(saw), want})
}

// secret records values that must never be shown.
func (r *reader) secret(values ...string) { r.secrets = append(r.secrets, values...) }

// shorten cuts off a long value, such as a whole file, so that the message stays readable.
func shorten(text string) string {
	if utf8.RuneCountInString(text) > 120 {
		return string([]rune(text)[:119]) + "…"
	}
	return text
}

// required returns an input and adds a problem if it is empty. want completes the message "is missing; set it to
// …".
func (r *reader) required(name, want string) string {
	v := r.value(name)
	if v == "" {
		if env := Get(name).Env; env != "" {
			want += " (or the variable " + env + ")"
		}
		r.problem(name, "", "is missing; set it to "+want)
	}
	return v
}

// portable returns an input and adds a problem if any supported server or database cannot store it.
func (r *reader) portable(name string, limit int) string {
	v := r.value(name)
	if len(v) > limit {
		r.problem(name, v, fmt.Sprintf("is %d bytes long; write at most %d, the limit of MLflow's databases",
			len(v), limit))
	}
	if !utf8.ValidString(v) {
		r.problem(name, "", "is not valid UTF-8; save it as UTF-8")
	}
	return v
}

// tagLines returns the tags: each line, or the parts of a line in the form owner=me,team=x. A line with other
// commas or equals signs is a single tag.
func tagLines(text string) (out []string) {
	for _, line := range format.Lines(text) {
		parts := strings.Split(line, tagSeparator)
		if slices.ContainsFunc(parts, func(p string) bool { return strings.Count(p, "=") != 1 }) {
			parts = []string{line}
		}
		for _, part := range parts {
			out = append(out, strings.TrimSpace(part))
		}
	}
	return out
}

// tagSeparator separates the tags on a line.
const tagSeparator = ","

func (r *reader) tags(name string) map[string]string {
	tags := map[string]string{}
	for _, l := range tagLines(r.value(name)) {
		key, value, ok := strings.Cut(l, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		_, repeated := tags[key]
		switch {
		case ok && key == "":
			r.problem(name, l, registry.EmptyValue("key in front of the ="))
		case !ok || key == "":
			r.problem(name, l, "is not a tag; write key=value, one per line")
		case repeated:
			r.problem(name, key, "is repeated; remove one of the two")
		case badTagKey(key):
			r.problem(name, key, fmt.Sprintf("is not a tag key; use at most %d letters, digits, spaces and _ / . -, "+
				"with no empty part, '.' or '..' between slashes", registry.MaxTagKey))
		case registry.Reserved(key):
			r.problem(name, key, "is reserved: MLflow or this action writes promote.*, mlflow.*, alias_* and the tags "+
				"about validation and stages; use a different key")
		case len(value) > registry.MaxTagValue:
			r.problem(name, key, fmt.Sprintf("has a value of %d bytes; write at most %d, the limit of MLflow's "+
				"databases", len(value), registry.MaxTagValue))
		}
		tags[key] = value
	}
	return tags
}

// badTagKey reports whether any supported version of MLflow rejects the key.
func badTagKey(key string) bool {
	for _, segment := range strings.Split(key, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return true
		}
	}
	return len(key) > registry.MaxTagKey || strings.ContainsFunc(key, func(c rune) bool {
		alphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		return !alphanumeric && !strings.ContainsRune("_/.- ", c)
	})
}

func (r *reader) bool(name string) bool {
	switch v := r.value(name); v {
	case "true", "True", "TRUE", "1":
		return true
	case "false", "False", "FALSE", "0", "":
		return false
	default:
		r.problem(name, v, "is not a boolean; write true or false")
		return false
	}
}

func (r *reader) choice(name string) string {
	v := r.value(name)
	for _, w := range Get(name).Values {
		if v == w {
			return v
		}
	}
	r.problem(name, v, "is not a known value; write "+Get(name).Wants())
	return v
}

func (r *reader) words(name string) []string {
	var out []string
	separator := func(c rune) bool { return c == ',' || c == '\n' || c == ' ' }
	for _, w := range strings.FieldsFunc(r.value(name), separator) {
		known := false
		for _, v := range Get(name).Values {
			known = known || v == w
		}
		if !known {
			r.problem(name, w, "is not a known value; write "+Get(name).Wants())
			continue
		}
		out = append(out, w)
	}
	return out
}

func (r *reader) duration(name string) time.Duration {
	v := r.value(name)
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		r.problem(name, v, "is not a duration; write one such as 90s or 10m")
	}
	return d
}

// list returns the items in an input, one per line or separated by commas, without duplicates.
func (r *reader) list(name string) []string {
	var out []string
	for _, item := range format.Lines(strings.ReplaceAll(r.value(name), ",", "\n")) {
		if !slices.Contains(out, item) {
			out = append(out, item)
		}
	}
	return out
}

// FileLimit is the maximum size, in bytes, of a file that an input refers to.
const FileLimit = 1 << 20
